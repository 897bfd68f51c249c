"""Label doubts: rows ranked by how much their neighbours speak against their label."""

import numpy as np
from scipy.stats import rankdata
from sklearn.utils import Bunch, check_array

from skaug._checks import OneOf, Whole, check_two_classes, check_value
from skaug._input import as_numbers
from skaug._labels import check_groups, check_labels
from skaug.hard_regions.hardness import class_shares, share_of_others
from skaug.hard_regions.nearest import nearest_rows, warn_of_rows_of_zeros
from skaug.hard_regions.neighbors import METRICS

__all__ = ["checked_probabilities", "mean_rank", "suspicious_labels"]


def suspicious_labels(
    X, y, *, groups=None, n_neighbors=10, metric="euclidean", probabilities=None
) -> Bunch:
    """Rank rows by how doubtful their label is, the most suspicious first.

    Alone, the score of a row is its :func:`hardness`: the share of other classes in its
    neighbourhood. No classifier is trained. With `probabilities` of a classifier, the
    score joins both, which finds more wrong labels than either.

    A high score is a reason to look at a row, not to delete it: a row of a rare kind,
    or at the border of two classes, has a high score as well.

    Parameters
    ----------
    X : array-like of shape (n, n_features)
        The rows, in columns of comparable units: standardise them first.
    y : array-like of shape (n,)
        Given labels of any dtype, of two classes or more. For several labels per row,
        ask for each column of the indicator matrix.
    groups : array-like of shape (n,), default=None
        Segment or subject of each row. Rows of one group are no neighbours, because
        two overlapping windows of a recording would confirm each other's label.
    n_neighbors : int, default=10
        How many neighbours a row has.
    metric : {"euclidean", "cosine", "manhattan"}, default="euclidean"
        The distance.
    probabilities : array-like of shape (n, n_classes), default=None
        **Out-of-fold** probabilities of the classes, columns in the order of
        ``np.unique(y)``: those of ``cross_val_predict(model, X, y,
        method="predict_proba")``, with groups, if there are any, kept together. A
        classifier that was trained on these very rows has learned their wrong labels.
        Its probabilities speak for the labels given, and wrong ones go to the end of
        the ranking.

    Returns
    -------
    doubts : Bunch
        All arrays in the order of the ranking.

        rows : ndarray of shape (n,), int
            Numbers of the rows, the most suspicious first; ties in the order of X.
        scores : ndarray of shape (n,)
            From 0 to 1. Without probabilities, the hardness. With them, the mean of the
            two ranks, by hardness and by 1 - probability of the given label, as a
            share of the n rows.
        given, suggested : ndarray of shape (n,)
            The label given, and the class with the largest share of the kernel's weight
            among the neighbours. They are the same where the neighbours agree, and for
            a row without neighbours.
        shares : ndarray of shape (n,)
            The hardness.
        neighbors : ndarray of shape (n, k), int
            Numbers of the neighbours, the nearest first; -1 where there are no more.

    Raises
    ------
    ValueError
        If a parameter is out of its range, lengths differ, X has NaN or infinity, or
        probabilities are none, or of other classes.

    Warns
    -----
    UserWarning
        If a row has zeros only and the metric is cosine.

    See Also
    --------
    hardness : The share alone, in the order of X; also for several labels per row.
    LabelDoubtsDisplay : Draws the most suspicious rows.
    error_doubts : Which predictions not to trust.

    Examples
    --------
    >>> from skaug import suspicious_labels
    >>> X = [[0.0], [1.0], [2.5], [10.0], [11.0], [12.0]]
    >>> y = ["a", "b", "a", "b", "b", "b"]
    >>> doubts = suspicious_labels(X, y, n_neighbors=2)
    >>> doubts.rows[:2], doubts.scores[:2].round(2)
    (array([1, 0]), array([1.  , 0.97]))
    >>> print(doubts.given[0], doubts.suggested[0], doubts.neighbors[0])
    b a [0 2]
    """
    X = check_array(as_numbers(X, "suspicious_labels"), dtype=[np.float64, np.float32])
    check_value("suspicious_labels", "n_neighbors", n_neighbors, Whole(1))
    check_value("suspicious_labels", "metric", metric, OneOf(*METRICS))
    groups = check_groups(groups, len(X), "suspicious_labels")
    y = check_labels(y, len(X), "suspicious_labels")
    classes, codes = np.unique(y, return_inverse=True)
    check_two_classes(classes, "suspicious_labels")
    warn_of_rows_of_zeros(X, metric)
    distances, rows = nearest_rows(X, n_neighbors, metric=metric, groups=groups)
    shares = scores = share_of_others(distances, rows, codes)
    if probabilities is not None:
        shape, own = (len(X), len(classes)), np.arange(len(X))
        p = checked_probabilities(probabilities, shape, "suspicious_labels")
        scores = mean_rank(shares, -p[own, codes])
    order = np.argsort(-scores, kind="stable")
    suggested = _suggested(class_shares(distances, rows, codes, len(classes)), codes)
    return Bunch(
        rows=order,
        scores=scores[order],
        given=y[order],
        suggested=classes[suggested][order],
        shares=shares[order],
        neighbors=rows[order],
    )


def _suggested(of_classes, codes):
    """Code of the class with the largest share; the given one if it is as large."""
    best = of_classes.argmax(axis=1)
    row = np.arange(len(codes))
    return np.where(of_classes[row, codes] >= of_classes[row, best], codes, best)


def mean_rank(*doubts):
    """Mean of ranks (n,) from 0 to 1, the highest doubt near 1; ties share a rank."""
    n = len(doubts[0])
    return np.mean([(rankdata(of_rows) - 0.5) / n for of_rows in doubts], axis=0)


def checked_probabilities(probabilities, shape, owner):
    """Probabilities as float64, of a shape if one is given."""
    p = as_numbers(probabilities, owner)
    p = check_array(p, dtype=np.float64, input_name="probabilities")
    if shape is not None and p.shape != shape:
        raise ValueError(
            f"{owner} needs probabilities of shape {shape}, a column for each class; "
            f"got {p.shape}. Give what predict_proba returns, with columns in the "
            "order of np.unique(y)."
        )
    sums = p.sum(axis=1)
    if p.min() < 0 or np.abs(sums - 1).max() > 1e-3:
        raise ValueError(
            f"{owner} needs probabilities that are not negative and sum to 1; got "
            f"values from {p.min():.3g} and sums from {sums.min():.3g} to "
            f"{sums.max():.3g}. Give what predict_proba returns."
        )
    return p
