r"""Scores of a classifier on test rows, and the error of a difference between two.

Two classifiers that predict the same rows are compared pair by pair: what is hard for
one is hard for the other, and the difference is surer than either score. Each score
here comes with what every row contributes to it, numbers that sum to 0: the score's
derivative with respect to the row's weight. ``skaug/_paired.py`` has the error.
"""

import numpy as np
import torch
from scipy.special import log_softmax
from sklearn.utils import Bunch, check_array
from sklearn.utils.validation import _num_samples
from skorch.dataset import ValidSplit

from skaug._checks import Whole, check_value
from skaug._input import as_numbers
from skaug._labels import check_groups, check_labels
from skaug._paired import log_losses
from skaug.net.splits import hold_out
from skaug.net.temperature import best_temperature, clipped_logs

__all__ = [
    "expected_calibration_error",
    "losses_at_temperature",
    "worst_group_accuracy",
]


def expected_calibration_error(y_true, proba, classes=None, n_bins=15) -> float:
    """How far confidence is from accuracy, in the mean over rows.

    Rows are sorted into bins of equal width by their confidence, the probability of the
    class that is predicted. In each bin the mean confidence is compared with the share
    of right predictions, and the absolute gaps are averaged, weighted by rows [1]_.

    Parameters
    ----------
    y_true : array-like of shape (n,)
        Labels.
    proba : array-like of shape (n, n_classes)
        Probabilities, as ``predict_proba`` returns them.
    classes : array-like of shape (n_classes,), default=None
        Labels in the order of the columns of `proba`, such as ``classes_``; by default
        the sorted labels of `y_true`.
    n_bins : int, default=15
        Bins of equal width between 0 and 1, the upper border included.

    Returns
    -------
    error : float
        Between 0, calibrated, and 1.

    Raises
    ------
    ValueError
        If probabilities, classes and labels do not belong together.

    Notes
    -----
    With few rows in a bin the error is biased upwards: gaps that are there by chance
    count like others. Compare it over equal numbers of rows only.

    References
    ----------
    .. [1] C. Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.

    Examples
    --------
    >>> from skaug import expected_calibration_error
    >>> proba = [[0.8, 0.2]] * 5
    >>> round(expected_calibration_error([0, 0, 0, 0, 1], proba), 6)
    0.0
    >>> round(expected_calibration_error([0, 0, 1, 1, 1], proba), 6)
    0.4
    """
    y_true, proba, classes = _checked(y_true, proba, classes)
    rule = Whole(1, hint="Give a number of bins.")
    check_value("expected_calibration_error", "n_bins", n_bins, rule)
    right = classes[proba.argmax(axis=1)] == y_true
    bins = confidence_bins(proba.max(axis=1), right, n_bins)
    return float(np.abs(bins.gap).sum() / len(right))


def worst_group_accuracy(y_true, y_pred, groups) -> float:
    """Accuracy in the group where it is lowest.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n,)
        Labels and predictions.
    groups : array-like of shape (n,)
        Subject, segment or the like of each row.

    Returns
    -------
    accuracy : float
        Between 0 and 1.

    Raises
    ------
    ValueError
        If labels, predictions and groups do not belong together, or the groups are of
        types that cannot be sorted together.

    Examples
    --------
    >>> from skaug import worst_group_accuracy
    >>> worst_group_accuracy([0, 0, 1, 1], [0, 0, 1, 0], ["Ann", "Ann", "Bo", "Bo"])
    0.5
    """
    name, n = "worst_group_accuracy", _num_samples(y_true)
    y_true, y_pred = (
        check_labels(y, n, name, key)
        for key, y in (("y_true", y_true), ("y_pred", y_pred))
    )
    right = y_true == y_pred
    groups = check_groups(groups, n, name)
    if groups is None or not n:
        raise ValueError(
            f"{name} needs rows with a group each; got {n} rows"
            f"{'' if groups is not None else ' and no groups'}. Give one group or more."
        )
    return float(group_means(right, groups)[1].min())


def losses_at_temperature(log_p, codes, groups=None):
    """Losses of test rows, each at a temperature that other test rows have chosen.

    The rows are cut in two halves. The temperature of the lowest mean loss on one half
    [1]_ divides the logits of the other, and the other way round. So no row has a say
    in its own temperature, and the mean is not flattered by the choice.

    Parameters
    ----------
    log_p : ndarray of shape (n, n_classes)
        Logits, or logarithms of probabilities; finite.
    codes : ndarray of shape (n,)
        Column of the true class of each row.
    groups : ndarray of shape (n,), default=None
        Groups of the rows, each of which is in one half as a whole. Without groups, or
        with a single one, the rows of each class are dealt out to the halves by a fixed
        seed.

    Returns
    -------
    losses : ndarray of shape (n,)
        Cross-entropies at the temperature of the other half.

    Notes
    -----
    If all rows of a half are predicted right, it chooses no temperature, and 1 is taken
    for the other half.

    References
    ----------
    .. [1] C. Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.

    Examples
    --------
    >>> import numpy as np
    >>> from skaug.card.scores import losses_at_temperature
    >>> log_p = np.array([[9.0, 0.0]] * 16)  # all are very sure, and a quarter is wrong
    >>> codes = np.array([0, 0, 0, 1] * 4)
    >>> losses_at_temperature(log_p, codes).mean().round(3)  # that of 3/4 and 1/4
    np.float64(0.562)
    """
    log_p, losses = np.asarray(log_p, dtype=float), np.empty(len(codes))
    first = _first_half(codes, groups)
    for half in (first, ~first):
        if half.any():
            other = (torch.from_numpy(values[~half]) for values in (log_p, codes))
            tempered = log_softmax(log_p[half] / best_temperature(*other), axis=1)
            losses[half] = -tempered[np.arange(half.sum()), codes[half]]
    return losses


def _first_half(codes, groups):
    """Which rows (n,) are in the first of two halves, with whole groups or classes."""
    if groups is not None and len(np.unique(groups)) > 1:
        rows = hold_out(ValidSplit(2), codes, groups, name="losses_at_temperature")[0]
        return np.isin(np.arange(len(codes)), rows)
    order = np.random.default_rng(0).permutation(len(codes))
    order = order[np.argsort(codes[order], kind="stable")]
    first = np.zeros(len(codes), dtype=bool)
    first[order[::2]] = True
    return first


def group_means(values, groups):
    """Names of the groups, in order, and the mean of the values in each."""
    names, place, counts = np.unique(groups, return_inverse=True, return_counts=True)
    return names, np.bincount(place, values) / counts


def confidence_bins(confidence, right, n_bins=15):
    """Sums of confidence and right predictions in bins, and the bin of each row."""
    place = np.clip(np.ceil(confidence * n_bins).astype(int) - 1, 0, n_bins - 1)
    count = np.bincount(place, minlength=n_bins)
    sure = np.bincount(place, confidence, minlength=n_bins)
    true = np.bincount(place, right, minlength=n_bins)
    return Bunch(place=place, count=count, confidence=sure, right=true, gap=true - sure)


def scores_and_contributions(y, predicted, proba=None, classes=None, groups=None):
    """Scores of one classifier by name, with the contribution (n,) of each row."""
    n, right = len(y), (y == predicted).astype(float)
    labels, recall = group_means(right, y)
    place = np.searchsorted(labels, y)
    of_class = np.bincount(place)[place]
    scores = {
        "accuracy": (right.mean(), (right - right.mean()) / n),
        "balanced_accuracy": (
            recall.mean(),
            (right - recall[place]) / (len(labels) * of_class),
        ),
    }
    if proba is None:
        return scores
    column = {label: j for j, label in enumerate(classes.tolist())}
    codes = np.array([column[label] for label in y.tolist()])
    # That other rows would choose another temperature is left out: it changes the loss
    # little where it is lowest.
    losses = {
        "log_loss": log_losses(proba[np.arange(n), codes]),
        "log_loss_at_temperature": losses_at_temperature(
            clipped_logs(proba), codes, groups
        ),
    }
    for name, loss in losses.items():
        scores[name] = loss.mean(), (loss - loss.mean()) / n
    confidence = proba.max(axis=1).astype(float)
    hit = classes[proba.argmax(axis=1)] == y
    bins = confidence_bins(confidence, hit)
    error = np.abs(bins.gap).sum() / n
    gaps = np.sign(bins.gap)[bins.place] * (hit - confidence)
    scores["calibration_error"] = error, (gaps - error) / n
    return scores


def _checked(y_true, proba, classes):
    name = "expected_calibration_error"
    proba = np.asarray(as_numbers(proba, name))
    if proba.ndim != 2:
        raise ValueError(
            f"{name} needs probabilities of shape (n, n_classes); got {proba.shape}. "
            "Give what predict_proba returns, a column for each class."
        )
    proba = check_array(proba, dtype=np.float64)
    y_true = check_labels(y_true, len(proba), name, "y_true")
    if proba.min() < 0 or proba.max() > 1 + 1e-6:
        raise ValueError(
            f"{name} needs probabilities from 0 to 1; got some from {proba.min():.3g} "
            f"to {proba.max():.3g}. Give what predict_proba returns."
        )
    classes = np.unique(y_true) if classes is None else np.asarray(classes)
    if classes.shape != proba.shape[1:]:
        raise ValueError(
            f"{name} needs one class for each column of proba, {proba.shape[1]}; got "
            f"{classes.tolist()}. Give classes=, such as the estimator's classes_."
        )
    unknown = sorted(set(y_true.tolist()) - set(classes.tolist()))
    if unknown:
        raise ValueError(
            f"{name} needs labels among the classes {classes.tolist()}; got {unknown}. "
            "Give classes= in the order of the columns."
        )
    return y_true, proba, classes
