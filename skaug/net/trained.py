"""What looks into a trained net needs: a check, its rows, its features, no traces."""

from contextlib import contextmanager

import torch
from sklearn.utils.validation import check_is_fitted
from skorch import NeuralNet

from skaug._random import own_generators
from skaug.net.head import capture_input, linear_head

__all__ = [
    "check_net",
    "data_set",
    "features_and_codes",
    "features_of",
    "head_of",
    "undisturbed",
]


def check_net(net, name, *, fitted=True):
    """Refuse what is no net of skorch, or is not fitted."""
    if not isinstance(net, NeuralNet):
        raise TypeError(
            f"{name} needs a net of skorch; got a {type(net).__name__}. Give the net "
            "of a pipeline, with rows as its steps make them."
        )
    if fitted:
        check_is_fitted(net, "module_")


def data_set(net, X, y):
    """Rows and labels as the net trains on them."""
    if hasattr(net, "encode"):  # skorch's own nets take codes, not labels
        X, y = net.encode(X, y)
    return net.get_dataset(X, y)


def head_of(net):
    """The last plain ``nn.Linear`` of a net."""
    return linear_head(net.module_, getattr(net, "classifier_layer_", None))[1]


def features_of(net, head, rows):
    """Input of the last layer for a batch of rows, in float64."""
    with capture_input(head) as inputs:
        net.evaluation_step((rows, None), training=False)
    return torch.cat(inputs).double()


def features_and_codes(net, X, y):
    """Features (n, n_features) of rows as the net predicts, and codes of labels."""
    head, parts = head_of(net), []
    with undisturbed(net), torch.no_grad():
        for rows, codes in net.get_iterator(data_set(net, X, y), training=False):
            parts.append((features_of(net, head, rows.to(net.device)).cpu(), codes))
    features, codes = zip(*parts)
    return torch.cat(features), torch.cat(codes).cpu()


@contextmanager
def undisturbed(net, seed=None, *, beside=()):
    """Restore torch's generators and the modes of the modules afterwards."""
    networks = net.module_, *beside
    modes = [(part, part.training) for one in networks for part in one.modules()]
    try:
        # A DataLoader draws a seed even if it does not shuffle.
        with own_generators(net.device or "cpu", seed):
            yield
    finally:
        # A callback may keep a part in another mode, such as a frozen part.
        for module, mode in modes:
            module.training = mode
