"""Weights of rows whose labels a transform mixes: the weight goes with the label."""

import torch

from skaug._random import way_back

__all__ = ["with_weights"]


# A mixed row has the weight and the shares by which its loss is the mixture of the
# weighted losses. Mixing is linear: what it makes of the weighted labels has the
# weights of the mixed rows as sums, and their shares as ratios.
# A transform that changes labels alone may declare itself to keep rows in their places.
def with_weights(transformed, X, y, weight, n_classes, *, what, keeps_rows=False):
    """Transform a batch; return new rows, their targets and their weights."""
    if y.is_floating_point():
        new_X, mixed = transformed(X, _weighted(y, weight))
        return new_X, *_parts(mixed, weight)
    again = way_back(X.device)
    new_X, new_y = transformed(X.clone(), y)
    if not new_y.is_floating_point():
        if not keeps_rows:
            _check_in_place(y, new_X, new_y, what)
        return new_X, new_y, weight
    again()
    labels = torch.nn.functional.one_hot(y.long(), n_classes).to(new_y.dtype)
    same_X, mixed = transformed(X, _weighted(labels, weight))
    if not torch.equal(same_X, new_X):
        raise ValueError(
            f"BatchAugmentation needs {what} to make the same rows whether y has class "
            "codes or shares of classes, to mix weights; got other rows. Draw with "
            "torch.rand and the like, and give each transform a callback of its own, "
            "or leave weights out."
        )
    return new_X, *_parts(mixed, weight)


def _weighted(shares, weight):
    return shares * (weight / weight.sum()).to(shares)[:, None]


def _parts(mixed, weight):
    """Shares that add up to 1, and weights in the unit of those given."""
    sums = mixed.sum(dim=1)
    return mixed / sums[:, None], sums.to(weight) * weight.sum()


def _check_in_place(y, new_X, new_y, what):
    """Refuse rows that may have changed their places, so that weights are lost."""
    if len(new_X) != len(y) or not torch.equal(new_y, y):
        raise ValueError(
            f"BatchAugmentation needs {what} to keep rows in their places, whose "
            f"weights are known; got {len(new_X)} rows of other labels for {len(y)}. "
            "Let it return rows with their labels in order, or shares of the classes."
        )
