"""Columns that give the class away by themselves.

In each of three folds, a small tree of one column has to tell the class of nearly all
rows left out, of each class. Where there are thousands of columns, one of them may do
so by chance, and they are not searched.
"""

import numpy as np
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import StratifiedKFold
from sklearn.tree import DecisionTreeClassifier

__all__ = ["possible_leaks"]

N_ROWS = 2000
N_COLUMNS = 2000
N_CELLS = 1_000_000  # rows times columns, at most
N_FOLDS = 3
ALL_RIGHT = 0.995  # share of each class, on average


def possible_leaks(values, y):
    """Name the columns, of a dict of arrays, that alone predict the class."""
    if len(values) > N_COLUMNS:
        return []
    n_most = max(300, min(N_ROWS, N_CELLS // max(1, len(values))))
    rows = np.random.RandomState(0).permutation(len(y))[:n_most]
    codes, counts = np.unique(y[rows], return_inverse=True, return_counts=True)[1:]
    enough = counts[codes] >= N_FOLDS
    rows, codes = rows[enough], codes[enough]
    if len(np.unique(codes)) < 2:
        return []
    folds = list(StratifiedKFold(N_FOLDS).split(rows, codes))
    return [
        name
        for name, column in values.items()
        if _predicts(_as_column(column[rows]), codes, folds)
    ]


def _as_column(values):
    """Column (n, 1) of numbers, or of the codes of texts."""
    if values.dtype == object:
        values = np.unique(values.astype(str), return_inverse=True)[1]
    # The tree computes in float32, in which large numbers may be equal.
    ranks = np.unique(values, return_inverse=True)[1]
    return np.where(values != values, np.nan, ranks)[:, None]


def _predicts(X, codes, folds):
    """Whether a tree of one column is right in each fold."""
    for train, test in folds:
        # Enough leaves for some classes in several places.
        tree = DecisionTreeClassifier(max_leaf_nodes=128, random_state=0)
        predicted = tree.fit(X[train], codes[train]).predict(X[test])
        if balanced_accuracy_score(codes[test], predicted) < ALL_RIGHT:
            return False
    return True
