"""Rows with weights: checked, left out at 0, and beside each other in a data set."""

import numpy as np
from sklearn.utils import _safe_indexing
from skorch.utils import is_dataset
from torch.utils.data import Dataset, Subset

__all__ = ["RowWeights", "WeightedRows", "check_weights", "without_zeros"]


def check_weights(sample_weight, n, owner):
    """Return one weight per row (n,) in float64; None stays None."""
    if sample_weight is None:
        return None
    if isinstance(sample_weight, np.ma.MaskedArray):
        sample_weight = sample_weight.astype(float).filled(np.nan)
    try:
        weights = np.asarray(sample_weight, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(
            f"{owner} needs sample_weight to be numbers; got "
            f"{type(sample_weight).__name__} that holds others. Convert them."
        ) from None
    if weights.shape != (n,):
        raise ValueError(
            f"{owner} needs sample_weight to have one number per row, shape ({n},); "
            f"got shape {weights.shape}. Give as many weights as rows."
        )
    wrong = np.flatnonzero(~((weights >= 0) & np.isfinite(weights)))
    if len(wrong):
        raise ValueError(
            f"{owner} needs sample_weight to be finite and 0 or more; got "
            f"{weights[wrong[0]]} for row {wrong[0]}. Give 0 to leave a row out."
        )
    if not weights.any():
        raise ValueError(
            f"{owner} needs a sample_weight above 0; got zeros only, which leave out "
            "all rows. Leave it out to count all rows alike."
        )
    return weights


def without_zeros(weights, X, y, groups):
    """Rows of a weight above 0 only."""
    if weights.all():
        return X, y, groups, weights
    rows = np.flatnonzero(weights)
    if type(X) is Subset:
        X = Subset(X.dataset, np.asarray(X.indices)[rows])
    else:
        X = Subset(X, rows) if is_dataset(X) else _safe_indexing(X, rows)
    y, groups = (a if a is None else _safe_indexing(a, rows) for a in (y, groups))
    return X, y, groups, weights[rows]


class WeightedRows(Dataset):
    """A data set whose rows come with their weights, as a third entry."""

    def __init__(self, dataset, weights):
        self.dataset, self.weights = dataset, weights

    def __len__(self):
        return len(self.dataset)

    def __getitem__(self, i):
        X, y = self.dataset[i]
        return X, y, self.weights[i]


class RowWeights:
    """Weights (n,) of the rows of a data set, and of parts of that data set."""

    def __init__(self, dataset, weights):
        self.dataset, self.weights = dataset, weights

    def of(self, part):
        """Weights in the order of a part; None if it is no part of the data set."""
        if part is self.dataset:
            return self.weights
        if not isinstance(part, Subset):
            return None
        weights = self.of(part.dataset)
        return None if weights is None else weights[np.asarray(part.indices)]

    def beside(self, part):
        """Make a data set of rows, targets and weights; None if it is no part."""
        if type(part) is Subset and part.dataset is self.dataset:
            # Batches are sliced out of the arrays behind such a part.
            return Subset(WeightedRows(self.dataset, self.weights), part.indices)
        weights = self.of(part)
        return None if weights is None else WeightedRows(part, weights)
