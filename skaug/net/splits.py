"""Hold out rows for validation, whole groups at a time where rows belong together."""

import math
import warnings
from numbers import Real

import numpy as np
from sklearn.model_selection import (
    GroupKFold,
    GroupShuffleSplit,
    ShuffleSplit,
    StratifiedGroupKFold,
    StratifiedKFold,
    StratifiedShuffleSplit,
    check_cv,
)
from skorch.dataset import ValidSplit

from skaug._checks import Number, Rule, Whole, is_function, is_number, is_whole
from skaug._labels import check_groups

__all__ = [
    "TRAIN_SPLIT",
    "all_splits",
    "as_split",
    "check_room",
    "check_side",
    "folds_of_few",
    "hold_out",
]

# What a net may hold out. False is what skorch takes for None.
TRAIN_SPLIT = (
    Number(0, 1, open_low=True, open_high=True)
    | Whole(2)
    | Rule(
        lambda split: split is None or split is False or is_function(split),
        "None or a callable such as skorch's ValidSplit",
        "0.2 holds out a fifth, 5 the first of five folds, None nothing.",
    )
)


def as_split(split):
    """Make the ValidSplit that a share or a number of folds stands for."""
    return ValidSplit(split, stratified=True) if is_number(split) else split


def check_room(split, codes, classes, name):
    """Refuse classes and rows of which a stratified split has no room for all."""
    counts = np.bincount(codes, minlength=len(classes))
    if 1 in counts:
        raise ValueError(
            f"{name} needs two rows or more of each class for train_split={split}, "
            f"which is stratified; got one of {classes[counts == 1].tolist()}. Merge "
            f"classes, or set train_split=skorch.dataset.ValidSplit({split})."
        )
    n, n_classes = len(codes), (counts > 0).sum()
    n_held_out = math.ceil(split * n)
    if split < 1 and min(n_held_out, n - n_held_out) < n_classes:
        raise ValueError(
            f"{name} needs a row of each class on both sides of train_split={split}; "
            f"got {n} rows of {n_classes} classes, {n_held_out} of them held out. Give "
            "more rows, or hold out another share."
        )


def check_side(held_out, name):
    """Refuse validation data without a row."""
    if hasattr(held_out, "__len__") and not len(held_out):
        raise ValueError(
            f"{name} needs one row or more to validate on; got none from train_split. "
            "Hold out some, or set train_split=None."
        )


# ``split`` is a ValidSplit of skorch. Its ``cv`` is a number of folds, of which the
# first is held out, a share below 1, a splitter or a list of splits. ``random_state``
# seeds a share, and ``name`` is who asks, for messages. Both give row numbers.
def hold_out(split, y, groups=None, *, random_state=None, name="hold_out"):
    """Choose rows to train on and rows to hold out, with no group on both sides."""
    return next(_splits(split, y, groups, random_state, name))


# ``cv`` is "holdout" (two fifths once), a share, a number of folds, a splitter or a
# list of splits. They are stratified where every class has enough rows.
def all_splits(cv, y, groups=None, *, random_state=None, name="all_splits"):
    """List all splits, with no group on both sides; a share of groups is by chance."""
    cv = 0.4 if isinstance(cv, str) and cv == "holdout" else cv
    is_several = np.iterable(cv) and not isinstance(cv, (str, bytes, dict))
    if is_several and not hasattr(cv, "split"):
        cv = list(cv)  # it may be an iterator
    if not _may_split(cv):
        raise ValueError(
            f"{name} needs cv to be 'holdout', a share below 1, a number of folds of 2 "
            f"or more, or a splitter; got {cv!r}. 0.2 holds out a fifth, 5 takes five "
            "folds."
        )
    split = ValidSplit(cv, stratified=_can_stratify(cv, y))
    splits = list(_splits(split, y, groups, random_state, name))
    if not splits:
        raise ValueError(
            f"{name} needs cv to give a split or more; got none from {cv!r}. 5 takes "
            "five folds."
        )
    return splits


# ``cv`` is as above, and ``codes`` are class codes. A number of folds is lowered to the
# rows of the largest class, so that a few rows of each class suffice. Rarer classes are
# held out in some folds only. A share is the same at each call, since nobody gives a
# seed.
def folds_of_few(cv, codes, groups=None, *, name="folds_of_few"):
    """List stratified splits of rows of which classes may have a few only."""
    if is_whole(cv):
        most = np.bincount(codes).max() if groups is None else len(np.unique(groups))
        if most < 2 and groups is None:
            raise ValueError(
                f"{name} needs two rows of a class to hold one out; got one of each. "
                "Set C and temperature to numbers."
            )
        kind = StratifiedKFold if groups is None else StratifiedGroupKFold
        cv = kind(max(2, min(int(cv), most)))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        return all_splits(cv, codes, groups, random_state=0, name=name)


def _may_split(cv):
    """Whether it is a share, a number of folds, a splitter, or a list of pairs."""
    if is_number(cv):
        return 0 < cv < 1 or (cv >= 2 and float(cv).is_integer())
    if isinstance(cv, list):
        return all(isinstance(pair, (tuple, list)) and len(pair) == 2 for pair in cv)
    is_splitter = hasattr(cv, "split") and not isinstance(cv, (str, bytes))
    return is_splitter or cv is None


def _can_stratify(cv, y):
    """Whether both sides of every split have room for all classes."""
    counts = np.unique(y, return_counts=True)[1]
    enough_rows = not isinstance(cv, Real) or counts.min() >= max(2, cv)
    share = cv if isinstance(cv, Real) and cv < 1 else 0.5
    return bool(enough_rows and counts.sum() * min(share, 1 - share) >= len(counts))


def _splits(split, y, groups, random_state, name):
    """Yield splits of row numbers, each checked for groups on both sides."""
    groups = check_groups(groups, len(y), name)
    if groups is not None and len(np.unique(groups)) < 2:
        raise ValueError(
            f"{name} needs two groups or more to hold one out; got "
            f"{np.unique(groups).tolist()}. Give rows of others too, or no groups."
        )
    cv = _splitter(split, y, groups, random_state)
    for train, valid in cv.split(np.zeros(len(y)), y, groups):
        if groups is not None and set(groups[train]) & set(groups[valid]):
            raise ValueError(
                f"{name} needs a splitter that keeps groups together; got {cv}, which "
                "puts a group on both sides. Use StratifiedGroupKFold(5), say; as "
                "train_split use ValidSplit(StratifiedGroupKFold(5))."
            )
        yield train, valid


def _splitter(split, y, groups, random_state):
    """Make the splitter of scikit-learn that a ValidSplit stands for."""
    if not isinstance(split.cv, Real):
        return check_cv(split.cv)
    if split.cv >= 1:
        if groups is None:
            return check_cv(int(split.cv), y, classifier=split.stratified)
        kind = StratifiedGroupKFold if split.stratified else GroupKFold
        return kind(int(split.cv))
    if groups is not None:
        kind = GroupShuffleSplit
    else:
        kind = StratifiedShuffleSplit if split.stratified else ShuffleSplit
    seed = random_state if split.random_state is None else split.random_state
    return kind(1, test_size=split.cv, random_state=seed)
