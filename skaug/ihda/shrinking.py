"""A short step: part of the way only, and no surer of rows near the known ones.

Fine-tuning moves a network away from weights that were the best known, and rows that it
was trained on cannot tell whether that helps. A mean of the weights before and after is
a short step on the same way: it keeps a good deal of what the way gains where it leads
down, and costs next to nothing where it does not. Besides, training on makes logits
larger, and so the network surer of itself than it is right. This is taken back.

Training rows do not show by how much logits have grown: those that the network knows by
heart grow less than others. The same rows with a little of the mean of all rows mixed
in are not known, and still near. Their logits grow about as much as those of rows that
the network has never seen.
"""

from contextlib import contextmanager

import torch

__all__ = ["OF_MEAN", "SHARE", "averaged", "logits_held", "mean_square"]

SHARE = 0.25  # of the way from the weights before to those after
OF_MEAN = 0.15  # share of the mean of all rows that is mixed into each


@contextmanager
def averaged(module, share=SHARE):
    """Take means of weights and other states before and after the block, at its end.

    Parameters
    ----------
    module : torch.nn.Module
        The network.
    share : float, default=0.25
        Weight of the state after the block. 0 leaves the network as it was.
    """
    before = {name: value.clone() for name, value in module.state_dict().items()}
    try:
        yield
    finally:
        after = module.state_dict()  # shares memory
        # A layer that is used in two places has two names. All means are taken before
        # any is put in its place, so that none is a mean of a mean.
        means = {
            name: torch.lerp(before[name], value, share)
            for name, value in after.items()
            if value.is_floating_point()
        }
        for name, mean in means.items():
            after[name].copy_(mean)


@contextmanager
def logits_held(rows):
    """Keep the logits of rows near the given ones from growing.

    If their mean square is larger after the block than before, the last layer is
    divided by what they have grown by. One that the block does not change is left as it
    is.

    Parameters
    ----------
    rows : LevelRows
        Training rows, at the level that is fine-tuned.
    """
    mean, head = _mean(rows), rows.net.module_.get_submodule(rows.levels.head)
    size = mean_square(rows, mean)
    before = {name: value.clone() for name, value in head.state_dict().items()}
    try:
        yield
    finally:
        new, state = mean_square(rows, mean), head.state_dict()
        is_trained = not all(state[name].equal(before[name]) for name in state)
        if is_trained and new > size > 0:
            for value in state.values():
                value.mul_((size / new) ** 0.5)


def mean_square(rows, mean):
    """Mean square of the logits of mixed rows, each less its row's mean over classes.

    Parameters
    ----------
    rows : LevelRows
        Rows, at the level at which they are mixed.
    mean : torch.Tensor or None
        What is mixed into the activations of each; None leaves them as they are.

    Returns
    -------
    float
        The mean over the rows, by their weights where they have weights.
    """
    head, found = rows.net.module_.get_submodule(rows.levels.head), []

    def keep(layer, inputs, logits):
        squares = logits.double().var(-1, correction=0)
        found.append(squares.flatten(1).mean(1) if squares.ndim > 1 else squares)

    handle = head.register_forward_hook(keep)
    try:
        with rows.levels.resumed(rows.level), torch.no_grad():
            for h, codes in rows.batches():
                h = h if mean is None else torch.lerp(h, mean, OF_MEAN)
                rows.net.evaluation_step((h, codes), training=False)
    finally:
        handle.remove()
    squares = torch.cat(found).cpu()
    weights = torch.ones_like(squares) if rows.weights is None else rows.weights
    return float((squares * weights).sum() / weights.sum())


def _mean(rows):
    """Mean of the activations of the rows; None where these cannot be mixed."""
    if not rows.h.dtype.is_floating_point:  # the words of a text, for one
        return None
    weights = rows.weights
    if weights is None:
        weights = torch.ones(len(rows.codes), dtype=torch.double)
    total, start = 0.0, 0
    for h, _ in rows.batches():
        of_batch = weights[start : start + len(h)].to(h.device)
        total = total + torch.tensordot(of_batch, h.double(), 1)
        start += len(h)
    return (total / weights.sum()).to(h.dtype)
