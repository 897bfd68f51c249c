"""Rows that the augmenter holds out: which ones, and whether they are any use."""

import warnings

import numpy as np
from sklearn.utils import Bunch

from skaug.influence.nets import FEWEST_VALIDATION_ROWS

__all__ = ["check_splits", "joined", "taken"]


def joined(data, X_val, y_val):
    """All rows together, and the one split of them; groups are not known then."""
    X, y = np.concatenate([data.X, X_val]), np.concatenate([data.y, y_val])
    split = np.split(np.arange(len(X)), [len(data.X)])
    return Bunch(X=X, y=y, groups=None), [split]


def taken(data, splits):
    """Rows to train on and rows held out, split by split."""
    for split in splits:
        yield tuple(
            Bunch(**{name: None if v is None else v[one] for name, v in data.items()})
            for one in split
        )


def check_splits(y, classes, splits):
    """Refuse splits that nothing can be learned from, and warn of poor ones."""
    fewest = min(len(held_out) for _, held_out in splits)
    if fewest < FEWEST_VALIDATION_ROWS:
        warnings.warn(
            f"InfluenceAugmenter needs {FEWEST_VALIDATION_ROWS} held-out rows or "
            f"more for scores that mean something; got {fewest}. Hold out more: "
            "below that the ranks of transforms are mostly chance.",
            stacklevel=4,
        )
    for train, held_out in splits:
        missing = np.setdiff1d(classes, y[train])
        if len(missing):
            raise ValueError(
                "InfluenceAugmenter needs rows of every class to train on; got "
                f"none of {missing.tolist()} outside of what is held out. Give "
                "more rows of these, or X_val and y_val."
            )
        missing = np.setdiff1d(classes, y[held_out])
        if len(missing):
            warnings.warn(
                "InfluenceAugmenter needs every class among the held-out rows; got "
                f"none of {missing.tolist()}. Nothing is learned for these; give "
                "more rows of them.",
                stacklevel=4,
            )
