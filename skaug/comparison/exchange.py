"""The exchange rate: how many rows plain training needs for the same score."""

from typing import NamedTuple

import numpy as np
from joblib import delayed
from scipy.stats import t as student

from skaug._parallel import results_of
from skaug._progress import Progress
from skaug.comparison.cell import (
    fitted,
    log_probabilities,
    one_thread,
    scores,
    setup_of,
)
from skaug.comparison.data import mixed_order, some
from skaug.comparison.differences import METRICS
from skaug.comparison.setup import comparing

__all__ = ["ExchangeRate", "LearningCurves", "exchange_rate", "learning_curves"]

SHARES = (0.25, 0.5, 1.0)
FARTHEST = 4.0  # times the rows there are; farther than that is not told


class LearningCurves(NamedTuple):
    """Scores of plain training and of a method, by the number of training rows.

    Attributes
    ----------
    method, metric : str
        Names.
    n_rows : ndarray of shape (n_shares,)
        Mean number of training rows.
    plain, augmented : ndarray of shape (n_folds, n_shares)
        Scores on the test rows of each fold.
    overlap : float
        Size of a test part over that of a training part.
    """

    method: str
    metric: str
    n_rows: np.ndarray
    plain: np.ndarray
    augmented: np.ndarray
    overlap: float


class ExchangeRate(NamedTuple):
    """How many times as many rows plain training needs, with a 95 % interval.

    Attributes
    ----------
    factor : float
        1 says that the method is worth no rows; NaN if it cannot be told.
    low, high : float
        Ends of the interval; `high` is infinite if it is not bounded.
    """

    factor: float
    low: float
    high: float

    def __str__(self):
        if np.isnan(self.factor):
            return "It cannot be told how many more rows plain training would need."
        low, high = _told(self.low), _told(self.high)
        between = low if low == high else f"{low} to {high}"
        return (
            f"Plain training would need {_told(self.factor)} times as many rows for "
            f"the same score (95 % interval: {between})."
        )


def _told(factor):
    """A factor in words; one that is too far to be told is only bounded."""
    return f"{factor:.1f}" if factor <= FARTHEST else f"more than {FARTHEST:g}"


def learning_curves(
    task, make_plain, make_augmented, name, budgets, metric, n_jobs, verbose=0
):
    """Train both on a quarter, a half and all of the training rows of each fold.

    Parameters
    ----------
    task : Folds
        The rows.
    make_plain, make_augmented : callable
        Of a Setup: the estimator, in a setting that is the same for all shares.
    name : str
        Of the method.
    budgets : Budgets
        Those of the search.
    metric : str
        What counts.
    n_jobs : int or None
        Folds at a time.
    verbose : int, default=0
        1 shows a progress bar, which counts folds.

    Returns
    -------
    curves : LearningCurves
        Of both.
    """
    found, makers = [], (make_plain, make_augmented)
    tasks = (
        delayed(_fold)(task.draw(fold), makers, metric, budgets)
        for fold in range(task.n_seeds)
    )
    with Progress("Comparison", task.n_seeds, "fold", verbose=verbose) as progress:
        for one in results_of(tasks, n_jobs):
            found.append(one)
            progress.step()
    n_rows, plain, augmented = np.moveaxis(np.array(found), 2, 0)
    return LearningCurves(
        name, metric, n_rows.mean(axis=0), plain, augmented, task.overlap
    )


def _fold(drawn, makers, metric, budgets):
    """Number of rows and both scores, (n_shares, 3), of one fold."""
    order = _growing(drawn.train, drawn.seed)
    lines = []
    with one_thread(), comparing():
        for share in SHARES:
            part = some(drawn.train, order[: round(share * len(order))])
            if len(np.unique(part.y)) < 2:
                raise ValueError(
                    "Comparison needs two classes in a quarter of the rows for "
                    "learning curves; got groups of one class each. Add groups."
                )
            setup = setup_of(drawn, budgets)._replace(n_rows=len(part.y))
            line = [len(part.y)]
            for make in makers:
                model = fitted(make(setup), part)
                if metric == "score":
                    line.append(drawn.scorer(model, drawn.test.X, drawn.test.y))
                else:
                    log_p = log_probabilities(model, drawn.test.X, drawn.classes)
                    line.append(scores(log_p, drawn.test, drawn.classes)[metric])
            lines.append(line)
    return lines


def _growing(train, seed):
    """Order of rows whose beginnings are smaller sets of the same kind."""
    if train.groups is None:
        return mixed_order(train.y, seed)
    # More rows are more groups, as when more people are recorded. Groups with a class
    # that is not there yet come first, so that a share has as many classes as it can.
    groups = np.random.RandomState(seed).permutation(np.unique(train.groups))
    parts = [np.flatnonzero(train.groups == group) for group in groups]
    first, later, there = [], [], set()
    for part in parts:
        new = set(train.y[part]) - there
        there |= new
        (first if new else later).append(part)
    return np.concatenate(first + later)


def exchange_rate(curves):
    """Estimate how many times as many rows plain training needs for the same score.

    The loss of plain training is taken to be a power of the number of rows, as learning
    curves are found to be [1]_: log-loss, or 100 minus an accuracy. With the gain g of
    the method at all rows in the binary logarithm of the loss, and the fall b of the
    plain curve for twice as many rows, the factor is 2^(g / b). The interval is that of
    Fieller for the ratio of two means, over the folds. A score of the user's own, whose
    limit is not known, is taken to be linear in the logarithm of the number of rows.

    Parameters
    ----------
    curves : LearningCurves
        Of both.

    Returns
    -------
    rate : ExchangeRate
        NaN if more rows do not clearly help plain training, or nothing is left to lose.

    References
    ----------
    .. [1] C. Cortes, L. D. Jackel, S. A. Solla, V. Vapnik, J. S. Denker, "Learning
       curves: asymptotic values and rate of convergence", NIPS 6, 1993.
    """
    plain, augmented = (
        _falling(values, curves.metric) for values in (curves.plain, curves.augmented)
    )
    slopes = -np.polyfit(np.log2(curves.n_rows), plain.T, 1)[0]
    gains = plain[:, -1] - augmented[:, -1]
    low, ratio, high = fieller(gains, slopes, curves.overlap)
    return ExchangeRate(2.0**ratio, 2.0**low, 2.0**high)


def _falling(values, metric):
    """What falls by as much whenever the rows double, (n_folds, n_shares)."""
    if metric == "score":
        return -values
    losses = 100 - values if METRICS[metric][1] else values
    # The mean over the folds is the logarithm of the mean loss. A fold has its share
    # in that to first order, because it may have no loss at all.
    means = losses.mean(axis=0)
    if (means <= 0).any():
        return np.full_like(losses, np.nan)
    return np.log2(means) + (losses / means - 1) / np.log(2)


def fieller(above, below, overlap=0.0, level=0.95):
    """Ratio of two paired means with its interval, by Fieller's theorem.

    Parameters
    ----------
    above, below : ndarray of shape (n,)
        Paired values; the ratio is that of their means.
    overlap : float, default=0.0
        Size of a test part over that of a training part, see ``mean_and_error``.
    level : float, default=0.95
        Of the interval.

    Returns
    -------
    low, ratio, high : float
        NaN if the mean below is not clearly positive.
    """
    n = len(above)
    a, b = np.mean(above), np.mean(below)
    (aa, ab), (_, bb) = np.cov(above, below) * (1 / n + overlap)
    t2 = student.ppf((1 + level) / 2, n - 1) ** 2
    if b <= 0 or b**2 <= t2 * bb:
        return np.nan, np.nan, np.nan
    # Ends r of the interval: (a - r b)^2 = t^2 (aa - 2 r ab + r^2 bb).
    leading, half, last = b**2 - t2 * bb, a * b - t2 * ab, a**2 - t2 * aa
    root = np.sqrt(max(half**2 - leading * last, 0))
    return (half - root) / leading, a / b, (half + root) / leading
