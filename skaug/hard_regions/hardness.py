r"""Hardness: the share of other classes around a row, with a radius of its own.

The :func:`~skaug.potential` of IHDA has one radius for all rows, has no bounds, and is
-1 for rows without a neighbour of their own class, as for easy rows. Hardness mends the
three. The radius of a row reaches its k-th neighbour, so that dense and
sparse classes are measured alike:

.. math::

   h(p) = \frac{\sum_{q: y_q \ne y_p} e^{-(2 d(p, q) / r_p)^2}}
               {\sum_q e^{-(2 d(p, q) / r_p)^2}},

where q are the k nearest rows of p and :math:`r_p` is the distance of the k-th. It is 0
where all of them have the label of p and 1 where none has.
"""

import numpy as np
from sklearn.utils import check_array

from skaug._checks import OneOf, Whole, check_value
from skaug._input import as_numbers
from skaug._labels import check_groups, check_labels, indicator_matrix
from skaug.hard_regions.nearest import nearest_in_blocks, warn_of_rows_of_zeros
from skaug.hard_regions.neighbors import METRICS

__all__ = ["class_shares", "hardness", "share_of_others", "sums_per_row"]


def hardness(
    X, y, *, groups=None, n_neighbors=10, metric="euclidean", n_jobs=None
) -> np.ndarray:
    """Share of other classes in the neighbourhood of every row.

    Take it to find rows that may have a wrong label, see :func:`suspicious_labels`, or
    that a classifier will find difficult. Take :func:`potential` for the paper's
    choice of sources.

    Parameters
    ----------
    X : array-like of shape (n, n_features)
        The rows, in columns of comparable units: standardise them first.
    y : array-like of shape (n,) or (n, n_labels)
        Labels of any dtype. Of an indicator matrix of several labels, each column is a
        question of its own. If each of its rows has one label, it is read as one
        column of labels.
    groups : array-like of shape (n,), default=None
        Segment or subject of each row. Rows of one group are no neighbours, because
        two overlapping windows of a recording would confirm each other's label.
    n_neighbors : int, default=10
        How many neighbours a row has; the radius of the row reaches the last of them.
    metric : {"euclidean", "cosine", "manhattan"}, default="euclidean"
        The distance. A row of zeros has no direction, and so no neighbours under the
        cosine metric.
    n_jobs : int, default=None
        Blocks of rows at a time, as for :func:`potential`.

    Returns
    -------
    shares : ndarray of shape (n,) or (n, n_labels)
        From 0, where all neighbours have the label of the row, to 1, where none has. A
        row without any neighbour has 1. If several rows are as near as the last
        neighbour, as in columns of whole numbers, any of them may be taken.

    Raises
    ------
    ValueError
        If a parameter is out of its range, lengths differ, or X has NaN or infinity.

    Warns
    -----
    UserWarning
        If a row has zeros only and the metric is cosine.

    See Also
    --------
    suspicious_labels : Ranks the rows, with the class that their neighbours suggest.
    potential : The paper's measure, within one radius for all rows.
    class_potentials : Of rows without a label, under each class.

    Examples
    --------
    >>> from skaug import hardness
    >>> X = [[0.0], [1.0], [2.0], [10.0], [11.0], [12.0]]
    >>> y = ["a", "a", "b", "b", "b", "b"]
    >>> hardness(X, y, n_neighbors=2).round(2)
    array([0.05, 0.5 , 1.  , 0.  , 0.  , 0.  ])
    """
    X = check_array(as_numbers(X, "hardness"), dtype=[np.float64, np.float32])
    check_value("hardness", "n_neighbors", n_neighbors, Whole(1))
    check_value("hardness", "metric", metric, OneOf(*METRICS))
    groups = check_groups(groups, len(X), "hardness")
    questions = _questions(y, len(X))
    warn_of_rows_of_zeros(X, metric)
    neighbors = nearest_in_blocks(X, n_neighbors, metric, groups, n_jobs)
    shares = [share_of_others(*neighbors, codes) for codes in questions]
    return np.column_stack(shares) if len(shares) > 1 else shares[0]


def share_of_others(distances, rows, codes):
    """Hardness (n,) of rows, from their neighbours and the classes of all rows."""
    own, other = sums_per_row(distances, rows, codes)
    total = own + other
    return np.where(total > 0, other / np.where(total > 0, total, 1.0), 1.0)


def class_shares(distances, rows, codes, n_classes):
    """Share of each class in the kernel's weight around rows.

    Parameters
    ----------
    distances, rows : ndarray of shape (n, k)
        Neighbours, from :func:`~skaug.hard_regions.nearest.nearest_rows`.
    codes : ndarray of int
        Classes of the rows that can be neighbours.
    n_classes : int
        Number of classes.

    Returns
    -------
    shares : ndarray of shape (n, n_classes)
        They sum to 1, or to 0 for a row without a neighbour.
    """
    weights = _kernel(distances)
    cells = np.arange(len(rows))[:, None] * n_classes + codes[rows]
    sums = np.bincount(cells.ravel(), weights.ravel(), len(rows) * n_classes)
    sums = sums.reshape(-1, n_classes)
    return sums / np.maximum(sums.sum(axis=1, keepdims=True), 1e-300)


def sums_per_row(distances, rows, codes, query_codes=None, gamma=None):
    """Kernel sums of neighbours of the own class and of other classes.

    Parameters
    ----------
    distances, rows : ndarray of shape (n, k)
        Neighbours, from :func:`~skaug.hard_regions.nearest.nearest_rows`.
    codes, query_codes : ndarray of int
        Classes of the rows that can be neighbours, and of the rows that have them, by
        default the same.
    gamma : float, default=None
        Width of the kernel; by default half the radius of each row.

    Returns
    -------
    own, other : ndarray of shape (n,)
        A sum is 0 only if there is no such neighbour.
    """
    query_codes = codes if query_codes is None else query_codes
    weights, own = _kernel(distances, gamma), codes[rows] == query_codes[:, None]
    return (weights * own).sum(axis=1), (weights * ~own).sum(axis=1)


def _kernel(distances, gamma=None):
    """Weights of neighbours (n, k), above 0 where there is one."""
    if gamma is None:
        reached = np.where(np.isfinite(distances), distances, 0.0)
        gamma = reached.max(axis=1, keepdims=True, initial=0.0) / 2
    # Of rows whose neighbours are all at the same place, each counts alike.
    gamma = np.maximum(gamma, np.finfo(float).tiny)
    with np.errstate(over="ignore"):
        exponents = np.minimum((distances / gamma) ** 2, 700.0)
    return np.where(np.isfinite(distances), np.exp(-exponents), 0.0)


def _questions(y, n):
    """Labels as codes (n,), or those of several labels as a list of codes."""
    matrix = indicator_matrix(y)
    if matrix is not None and not (matrix.sum(axis=1) == 1).all():
        if len(matrix) != n:
            raise ValueError(
                "hardness needs one row of y per point; got "
                f"{len(matrix)} for {n} points. Give as many labels as rows."
            )
        return matrix.T
    y = check_labels(y, n, "hardness", one_hot=True)
    return [np.unique(y, return_inverse=True)[1]]
