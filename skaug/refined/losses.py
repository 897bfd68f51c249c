"""Mean losses of a net on clean or augmented rows, as it predicts."""

from skorch.dataset import get_len

from skaug.transforms.calling import call

__all__ = ["mean_loss"]


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
