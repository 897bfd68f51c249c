"""Which rows not to trust: how well doubts tell wrong test rows from right ones.

Neighbours are looked for in tables of numbers only: in pixels and in raw signals, the
nearest rows say little.
"""

import numpy as np
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler
from sklearn.utils import Bunch, check_array

from skaug._input import as_numbers
from skaug._labels import check_groups, check_labels
from skaug.card.methods import class_potentials, mean_rank

__all__ = ["NEAREST", "doubt_scores"]

NEAREST = 10
# More training rows would take longer than the rest of the card.
MOST_ROWS = 10_000


def doubt_scores(X, y, sides, X_train, y_train, groups=None, groups_train=None):
    """AUROC of wrong rows by side; none of a side without wrong rows or right ones."""
    judged = {name: side for name, side in sides.items() if _can_be_judged(y, side)}
    tables = [_table(rows) for rows in (X_train, X)]
    if not judged or any(table is None for table in tables):
        return []
    scaler = StandardScaler().fit(tables[0])
    X_train, X = map(scaler.transform, tables)
    known = _some_rows(X_train, y_train, groups, groups_train)
    classes = np.unique(known.y)
    nearby = class_potentials(
        X,
        known.X,
        known.y,
        radius=("knn", NEAREST),
        metric="euclidean",
        groups=None if known.groups is None else groups,
        groups_ref=known.groups,
    )
    return [
        Bunch(
            side={"twin": "plain twin"}.get(name, name),
            rows=len(y),
            training_rows=len(known.y),
            **_of_side(y, side, nearby, classes),
        )
        for name, side in judged.items()
    ]


def _can_be_judged(y, side):
    wrong = side.predicted != y
    return wrong.any() and not wrong.all()


def _table(X):
    """Rows as float64, or None if they are no table of numbers."""
    try:
        return check_array(as_numbers(X, "report"), dtype=np.float64)
    except (TypeError, ValueError):
        return None


def _some_rows(X, y, groups, groups_train):
    """Training rows with labels and groups; of too many, a part drawn at random."""
    y = check_labels(y, len(X), "report", "y_train")
    own = None if groups is None else check_groups(groups_train, len(y), "report")
    rows = np.arange(len(y))
    if len(y) > MOST_ROWS:
        rows = np.random.default_rng(0).permutation(len(y))[:MOST_ROWS]
    return Bunch(X=X[rows], y=y[rows], groups=None if own is None else own[rows])


def _of_side(y, side, nearby, classes):
    column = {label: j for j, label in enumerate(classes.tolist())}
    codes = np.array([column.get(label, -1) for label in side.predicted.tolist()])
    # A class without a training row has no neighbours anywhere.
    hardness = np.where(codes < 0, 1.0, nearby[np.arange(len(y)), codes])
    doubts = {"hardness": hardness}
    if side.proba is not None:
        unsure = -side.proba.max(axis=1)
        doubts |= {"probability": unsure, "both": mean_rank(unsure, hardness)}
    wrong = side.predicted != y
    return {"wrong": int(wrong.sum())} | {
        f"by_{name}": float(roc_auc_score(wrong, doubts[name]))
        if name in doubts
        else float("nan")
        for name in ("probability", "hardness", "both")
    }
