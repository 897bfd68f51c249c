"""Mean losses of a net on clean or augmented rows, as it predicts."""

from contextlib import contextmanager

from skorch.dataset import get_len

from skaug._random import own_generators
from skaug.transforms.calling import call

__all__ = ["data_set", "mean_loss", "undisturbed"]


def data_set(net, X, y):
    """Rows and labels as the net trains on them."""
    if hasattr(net, "encode"):  # skorch's own nets take codes, not labels
        X, y = net.encode(X, y)
    return net.get_dataset(X, y)


def mean_loss(net, dataset, transform=None, name=None):
    """Mean loss on a data set, computed as skorch does for validation rows."""
    total = n = 0
    for batch in net.get_iterator(dataset, training=False):
        size = get_len(batch[0])
        if transform is not None:
            n_classes = len(net.classes_) if hasattr(net, "classes_") else None
            X, y = (part.to(net.device) for part in batch)
            batch = call(transform, X, y, name=name, n_classes=n_classes)
        total += size * net.validation_step(batch)["loss"].item()
        n += size
    return total / n


@contextmanager
def undisturbed(net, seed=None):
    """Restore torch's generators and the modes of the modules afterwards."""
    modes = [(module, module.training) for module in net.module_.modules()]
    # A DataLoader draws a seed even if it does not shuffle.
    with own_generators(net.device or "cpu", seed):
        yield
    # A callback may keep a part of the network in another mode, such as a frozen part.
    for module, mode in modes:
        module.training = mode
