"""What looks into a trained net needs: a check, its rows, its features, no traces."""

from contextlib import contextmanager

import torch
from sklearn.utils.validation import check_is_fitted
from skorch import NeuralNet
from torch import nn

from skaug._random import own_generators
from skaug.net.head import capture_input, input_fault, linear_head

__all__ = [
    "check_net",
    "data_set",
    "features_and_codes",
    "features_of",
    "features_seen",
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
        output = net.evaluation_step((rows, None), training=False)
    return features_seen(net, head, inputs, output).double()


def features_seen(net, head, inputs, output):
    """Input (n, n_features) of the layer that made an output; refuse any other."""
    output = output[0] if isinstance(output, tuple) else output
    got = input_fault(inputs)
    # What may follow the last layer, such as a softmax, keeps the width.
    can_tell = got is None and isinstance(output, torch.Tensor)
    if can_tell and output.numel() != len(inputs[0]) * head.out_features:
        got = f"an output of shape {tuple(output.shape)} of another layer after it"
    if got is not None:
        raise ValueError(
            f"{type(net.module_).__name__} needs a plain nn.Linear as its last layer, "
            f"called once with one feature vector per row; got {got}. Let the network "
            "end in one."
        )
    return inputs[0]


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
    # skorch sets criteria to a mode as well; a net that was trimmed has none.
    names = net._modules + net._criteria
    networks = [*(getattr(net, f"{name}_", None) for name in names), *beside]
    networks = [one for one in networks if isinstance(one, nn.Module)]
    modes = [(part, part.training) for one in networks for part in one.modules()]
    try:
        # A DataLoader draws a seed even if it does not shuffle.
        with own_generators(net.device or "cpu", seed):
            yield
    finally:
        # A callback may keep a part in another mode, such as a frozen part.
        for module, mode in modes:
            module.training = mode
