"""Hold out rows for validation, whole groups at a time where rows belong together."""

from numbers import Real

import numpy as np
from sklearn.model_selection import (
    GroupKFold,
    GroupShuffleSplit,
    ShuffleSplit,
    StratifiedGroupKFold,
    StratifiedShuffleSplit,
    check_cv,
)
from skorch.dataset import ValidSplit

from skaug._checks import check_groups

__all__ = ["all_splits", "hold_out"]


def hold_out(split, y, groups=None, *, random_state=None, name="hold_out"):
    """Rows to train on and rows held out, with no group on both sides.

    Parameters
    ----------
    split : skorch.dataset.ValidSplit
        What to hold out: a number of folds, of which one is held out, a share below
        1, a splitter or a list of splits; stratified or not.
    y : array-like of shape (n,)
        Class labels or codes.
    groups : array-like of shape (n,), default=None
        Subject, segment or the like of each row.
    random_state : int, default=None
        Seed for a share whose ``split.random_state`` is not set.
    name : str, default="hold_out"
        Who is asking, for messages.

    Returns
    -------
    train, valid : ndarray
        Row numbers.

    Raises
    ------
    ValueError
        If there is not one group per row, or the splitter breaks groups up.

    Examples
    --------
    >>> from skaug.net import hold_out
    >>> from skorch.dataset import ValidSplit
    >>> train, valid = hold_out(ValidSplit(3), [0, 1] * 6, groups=[1, 2, 3] * 4)
    >>> valid
    array([ 2,  5,  8, 11])
    """
    return next(_splits(split, y, groups, random_state, name))


def all_splits(cv, y, groups=None, *, random_state=None, name="all_splits"):
    """All splits of rows into those to train on and those held out.

    Parameters
    ----------
    cv : "holdout", float, int, splitter or list
        Two fifths once, a share once, so many folds, or a splitter or its splits.
        Stratified where every class has rows enough; a share of groups never is.
    y : array-like of shape (n,)
        Labels.
    groups : array-like of shape (n,), default=None
        Subject, segment or the like of each row; none is on both sides.
    random_state : int, default=None
        Seed for a share.
    name : str, default="all_splits"
        Who is asking, for messages.

    Returns
    -------
    splits : list of (ndarray, ndarray)
        Row numbers.

    Raises
    ------
    ValueError
        As for :func:`hold_out`; or if there are too few groups, or `cv` is something
        else.

    Examples
    --------
    >>> from skaug.net import all_splits
    >>> [held_out.size for _, held_out in all_splits(3, [0, 1] * 6)]
    [4, 4, 4]
    """
    cv = 0.4 if isinstance(cv, str) and cv == "holdout" else cv
    if isinstance(cv, (str, bool)) or (
        isinstance(cv, Real) and not (0 < cv < 1 or (cv >= 2 and cv == int(cv)))
    ):
        raise ValueError(
            f"{name} needs cv to be 'holdout', a share below 1, a number of folds of 2 "
            f"or more, or a splitter; got {cv!r}. 0.2 holds out a fifth, 5 takes five "
            "folds."
        )
    if groups is not None and len(np.unique(groups)) < 2:
        raise ValueError(
            f"{name} needs two groups or more to hold one out; got "
            f"{np.unique(groups).tolist()}. Give X_val and y_val, or no groups."
        )
    counts = np.unique(y, return_counts=True)[1]
    smallest = counts.min() >= max(2, cv) if isinstance(cv, Real) else True
    # Either side of a share needs room for all classes.
    share = cv if isinstance(cv, Real) and cv < 1 else 0.5
    room = counts.sum() * min(share, 1 - share) >= len(counts)
    stratified = smallest and room
    split = ValidSplit(cv, stratified=bool(stratified))
    return list(_splits(split, y, groups, random_state, name))


def _splits(split, y, groups, random_state, name):
    groups = check_groups(groups, len(y), name)
    cv = _splitter(split, y, groups, random_state)
    for train, valid in cv.split(np.zeros(len(y)), y, groups):
        if groups is not None and set(groups[train]) & set(groups[valid]):
            raise ValueError(
                f"{name} needs a splitter that keeps groups together; got {cv}, which "
                "puts one on both sides. Use StratifiedGroupKFold(5), say; in a "
                "train_split ValidSplit(StratifiedGroupKFold(5))."
            )
        yield train, valid


def _splitter(split, y, groups, random_state):
    if not isinstance(split.cv, Real):
        return check_cv(split.cv)
    if split.cv >= 1:
        if groups is None:
            return check_cv(int(split.cv), y, classifier=split.stratified)
        return (StratifiedGroupKFold if split.stratified else GroupKFold)(int(split.cv))
    if groups is not None:
        kind = GroupShuffleSplit
    else:
        kind = StratifiedShuffleSplit if split.stratified else ShuffleSplit
    seed = random_state if split.random_state is None else split.random_state
    return kind(1, test_size=split.cv, random_state=seed)
