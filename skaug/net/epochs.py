"""What a training shows: a bar that counts epochs, or the lines of skorch."""

from contextlib import contextmanager

from skorch.callbacks import PrintLog

from skaug._progress import Progress, prints_lines

__all__ = ["Lines", "count_epoch", "counted_epochs", "quiet_below_two"]


class Lines(PrintLog):
    """The lines of skorch, which formats each of them even if it prints none."""

    def on_epoch_end(self, net, **kwargs):
        """Print a line if anything is printed, or hand it to the sink of the user."""
        # Formatting takes an eighth of the time of an epoch of two small batches.
        if net.verbose or self.sink is not print:
            super().on_epoch_end(net, **kwargs)


@contextmanager
def counted_epochs(net, n_epochs):
    """Count the epochs of a net in a bar, which the net holds while it is trained."""
    progress = Progress(type(net).__name__, n_epochs, "epoch", verbose=net.verbose)
    with progress, quiet_below_two(net):
        net._progress = progress
        try:
            yield
        finally:
            del net._progress


def count_epoch(net):
    """Count an epoch of a net, and show its losses."""
    progress = getattr(net, "_progress", None)  # none in a loop of the user's own
    if progress is not None and progress.is_shown:
        batches = net.history[-1]["batches"]
        valid_loss = _mean(batches, "valid")
        progress.step(loss=_mean(batches, "train"), valid_loss=valid_loss)


def _mean(batches, part):
    """Mean loss over the rows of a part, by their weights; None without any."""
    loss, size, weight = (
        f"{part}_{key}" for key in ("loss", "batch_size", "batch_weight")
    )
    pairs = [(b[loss], b.get(weight, b[size])) for b in batches if loss in b]
    total = sum(size for _, size in pairs)
    return sum(loss * size for loss, size in pairs) / total if total else None


@contextmanager
def quiet_below_two(net):
    """Keep skorch and its callbacks from printing below ``verbose=2`` or in a bar."""
    verbose = net.verbose
    if not prints_lines(verbose):
        net.verbose = 0
    try:
        yield
    finally:
        net.verbose = verbose
