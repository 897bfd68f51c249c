"""The two sides of a card, a classifier and its plain twin, on the same rows."""

import numpy as np
from scipy.stats import t
from sklearn.metrics import precision_recall_fscore_support
from sklearn.utils import Bunch

from skaug._paired import standard_error
from skaug.card.scores import (
    group_means,
    scores_and_contributions,
    worst_group_accuracy,
)

__all__ = [
    "SCORES",
    "class_scores",
    "compare_scores",
    "group_scores",
    "predictions",
    "reading",
]

# Name, sign of what is better, and whether it is written in percent.
SCORES = {
    "accuracy": ("accuracy", 1, True),
    "balanced_accuracy": ("balanced accuracy", 1, True),
    "worst_group_accuracy": ("worst group's accuracy", 1, True),
    "log_loss": ("log-loss", -1, False),
    "log_loss_at_temperature": ("log-loss at temperature", -1, False),
    "calibration_error": ("expected calibration error", -1, True),
}
NAN = float("nan")


def predictions(model, X):
    """A side: ``predicted`` labels, ``classes``, and ``proba`` or None."""
    proba = model.predict_proba(X) if hasattr(model, "predict_proba") else None
    return Bunch(predicted=model.predict(X), proba=proba, classes=model.classes_)


def compare_scores(y, sides, groups=None):
    """Scores of both sides by name, with differences and errors; NaN is not known."""
    names = ("predicted", "proba", "classes")
    ours, theirs = (
        scores_and_contributions(y, *(side[name] for name in names), groups)
        if side
        else {}
        for side in (sides["estimator"], sides.get("twin"))
    )
    scores = {}
    for name, (value, contributions) in ours.items():
        scores[name] = _unknown(float(value))
        if name in theirs:
            twin, of_twin = theirs[name]
            error, n = standard_error(contributions - of_twin, groups)
            reach = float(t.ppf(0.975, n - 1)) * error if n > 1 else NAN
            gap = float(value - twin)
            interval = gap - reach, gap + reach
            known = {"twin": float(twin), "difference": gap}
            scores[name].update(known, error=error, interval=interval)
    if groups is not None:
        ours, theirs = (
            worst_group_accuracy(y, side.predicted, groups) if side else NAN
            for side in (sides["estimator"], sides.get("twin"))
        )
        worst = _unknown(ours)
        worst.update(twin=theirs, difference=ours - theirs)
        scores["worst_group_accuracy"] = worst
    return {name: scores[name] for name in SCORES if name in scores}


def _unknown(value):
    unknown = dict.fromkeys(("twin", "difference", "error"), NAN)
    return Bunch(estimator=value, **unknown, interval=(NAN, NAN))


def reading(name, score):
    """What the difference of one of :func:`compare_scores` says, in a few words."""
    # If all rows, or groups, differ equally, nothing is known about the spread.
    if np.isnan(score.error) or score.error < 1e-12 < abs(score.difference):
        return "no error to judge it by"
    low, high = score.interval
    if low <= 0 <= high:
        return "the same" if low == high else "no difference beyond its error"
    return "better" if (score.difference > 0) == (SCORES[name][1] > 0) else "worse"


def class_scores(y, sides, groups=None):
    """Precision, recall and F1 of each class, and the recall beside the twin's."""
    ours, twin = sides["estimator"], sides.get("twin")
    columns = precision_recall_fscore_support(
        y, ours.predicted, labels=ours.classes, zero_division=np.nan
    )
    records = []
    for label, *values, rows in zip(
        ours.classes.tolist(), *map(np.ndarray.tolist, columns)
    ):
        record = Bunch(label=label, rows=rows)
        record.update(zip(("precision", "recall", "f1"), values))
        record.update(twin_recall=NAN, difference=NAN, error=NAN)
        if twin is not None and rows:
            of_class = y == label
            right, twins = (side.predicted[of_class] == label for side in (ours, twin))
            gain = right.astype(float) - twins
            own = None if groups is None else groups[of_class]
            record.error, _ = standard_error((gain - gain.mean()) / rows, own)
            record.twin_recall = float(twins.mean())
            record.difference = float(gain.mean())
        records.append(record)
    return records


def group_scores(y, sides, groups):
    """Accuracy in each group, beside the twin's."""
    names, rows = np.unique(groups, return_counts=True)
    ours, theirs = (
        group_means(side.predicted == y, groups)[1]
        if side
        else np.full(len(names), NAN)
        for side in (sides["estimator"], sides.get("twin"))
    )
    columns = (names, rows, ours, theirs, ours - theirs)
    keys = ("group", "rows", "accuracy", "twin", "difference")
    return [
        Bunch(**dict(zip(keys, row))) for row in zip(*(c.tolist() for c in columns))
    ]
