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

__all__ = ["hold_out"]


def hold_out(split, y, groups=None, *, random_state=None):
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
    >>> from skaug.splits import hold_out
    >>> from skorch.dataset import ValidSplit
    >>> train, valid = hold_out(ValidSplit(3), [0, 1] * 6, groups=[1, 2, 3] * 4)
    >>> valid
    array([ 2,  5,  8, 11])
    """
    if groups is not None:
        groups = np.asarray(groups)
        if groups.shape != (len(y),):
            raise ValueError(
                f"One group per row is needed, shape ({len(y)},); got shape "
                f"{groups.shape}. Give fit as many groups as rows."
            )
    cv = _splitter(split, y, groups, random_state)
    train, valid = next(iter(cv.split(np.zeros(len(y)), y, groups)))
    if groups is not None and set(groups[train]) & set(groups[valid]):
        raise ValueError(
            f"A train_split that keeps groups together is needed; got {cv}, which puts "
            "one on both sides. Use ValidSplit(StratifiedGroupKFold(5)), say."
        )
    return train, valid


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
