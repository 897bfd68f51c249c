"""What over-samplers have in common: how many rows to add, and adding them.

The meanings are those of imbalanced-learn, which is not needed for them.
"""

from numbers import Integral, Real

import numpy as np
from sklearn.utils import _safe_indexing

__all__ = [
    "check_columns",
    "rows_added",
    "samples_to_add",
    "take_rows",
    "with_new_rows",
]

STRATEGIES = ("auto", "all", "minority", "not minority", "not majority")


def samples_to_add(sampling_strategy, y):
    """Numbers of rows to add by class, as imbalanced-learn means it.

    Parameters
    ----------
    sampling_strategy : {"auto", "all", "minority", "not minority", "not majority"}, \
float, dict or callable
        The classes to fill up to the size of the largest; "auto" is "not majority". Or
        the ratio of the smaller to the larger of two classes afterwards. Or the number
        of rows of each class afterwards, or a function that returns it for y.
    y : ndarray of shape (n,)
        Labels.

    Returns
    -------
    numbers : dict
        Rows to add, by label in ascending order; classes that are left as they are may
        be missing.

    Raises
    ------
    ValueError
        If it is none of these, names labels that y lacks, or would remove rows.

    Examples
    --------
    >>> import numpy as np
    >>> from skaug.hard_regions import samples_to_add
    >>> samples_to_add("auto", np.array(["a", "b", "b", "b"]))
    {'a': 2}
    >>> samples_to_add({"a": 5}, np.array(["a", "b", "b", "b"]))
    {'a': 4}
    """
    labels, counts = np.unique(y, return_counts=True)
    counts = dict(zip(labels.tolist(), counts.tolist()))
    minority, majority = min(counts, key=counts.get), max(counts, key=counts.get)
    if isinstance(sampling_strategy, str) and sampling_strategy in STRATEGIES:
        left_out = {
            "all": set(),
            "minority": set(counts) - {minority},
            "not minority": {minority},
            "not majority": {majority},
            "auto": {majority},
        }[sampling_strategy]
        target = {k: counts[majority] for k in counts if k not in left_out}
    elif isinstance(sampling_strategy, Real):
        if len(counts) != 2 or not 0 < sampling_strategy <= 1:
            raise ValueError(
                "HardRegionSampler needs two classes, and a ratio above 0 and 1 at "
                f"most, for a sampling_strategy that is a number; got "
                f"{sampling_strategy!r} and {len(counts)} classes. Give a dict of "
                "numbers of rows."
            )
        target = {minority: int(sampling_strategy * counts[majority])}
        if target[minority] < counts[minority]:
            raise ValueError(
                "HardRegionSampler needs a sampling_strategy that removes no rows; got "
                f"{sampling_strategy!r}, while the ratio of class {minority!r} is "
                f"{counts[minority] / counts[majority]:.2f} already. Give a larger one."
            )
    elif isinstance(sampling_strategy, dict):
        target = sampling_strategy
    elif callable(sampling_strategy):
        target = sampling_strategy(y)
    else:
        raise ValueError(
            "HardRegionSampler needs sampling_strategy to be 'hard', "
            f"{', '.join(map(repr, STRATEGIES))}, a ratio, a dict or a callable; got "
            f"{sampling_strategy!r}. 'hard' is the default."
        )
    if not isinstance(target, dict):
        raise ValueError(
            "HardRegionSampler needs a sampling_strategy that returns a dict; got "
            f"{target!r} from it. Return numbers of rows by label."
        )
    unknown = [label for label in target if label not in counts]
    if unknown:
        raise ValueError(
            "HardRegionSampler needs a sampling_strategy for labels of y; got "
            f"{unknown}, which are not among {list(counts)}. Leave them out."
        )
    for label, number in target.items():
        if not isinstance(number, Integral) or number < counts[label]:
            raise ValueError(
                "HardRegionSampler needs a sampling_strategy of whole numbers of rows, "
                f"no fewer than there are; got {number!r} for class {label!r}, which "
                f"has {counts[label]}. Rows are added only."
            )
    return {k: int(target[k]) - counts[k] for k in counts if k in target}


def rows_added(sampler):
    """Numbers of rows that a fitted sampler has added, by class.

    Parameters
    ----------
    sampler : object with ``fit_resample``
        A HardRegionSampler or one of imbalanced-learn.

    Returns
    -------
    numbers : dict or None
        By label; None where it does not tell, or may have taken rows away as well.
    """
    numbers = getattr(sampler, "sampling_strategy_", None)
    # By name, since imbalanced-learn need not be there. In under-samplers they are the
    # rows that are left; combinations take away some of what they have added.
    kinds = {kind.__name__ for kind in type(sampler).__mro__}
    adds_only = kinds & {"BaseOverSampler", "HardRegionSampler"}
    if not adds_only or not isinstance(numbers, dict):
        return None
    return {
        label.item() if isinstance(label, np.generic) else label: int(number)
        for label, number in numbers.items()
    }


def take_rows(values, rows):
    """Rows of an array, list or frame by number; a frame is numbered anew.

    Parameters
    ----------
    values : array-like, list, pandas frame or series
        What to take from.
    rows : ndarray of int
        Which rows.

    Returns
    -------
    taken : object
        Of the type of `values`.
    """
    if not isinstance(values, list) and not hasattr(values, "iloc"):
        values = np.asarray(values)
    taken = _safe_indexing(values, rows)
    return taken.reset_index(drop=True) if hasattr(taken, "iloc") else taken


def with_new_rows(X, source_index, new):
    """X, and new rows after it, in X's type and dtypes.

    Parameters
    ----------
    X : ndarray, list or pandas frame of shape (n, n_features)
        The rows there are.
    source_index : ndarray of shape (n + n_new,)
        The row that each row comes from.
    new : ndarray of shape (n_new, n_features)
        Values of the new rows; rounded and kept in range where X has whole numbers.

    Returns
    -------
    X_new : object
        Of the type of X, with n + n_new rows.
    """
    n = len(source_index) - len(new)
    if hasattr(X, "iloc"):
        frame = take_rows(X, source_index)
        for j, dtype in enumerate(X.dtypes):
            column = frame.iloc[:, j].copy()
            column.iloc[n:] = _as_dtype(new[:, j], dtype)
            frame.isetitem(j, column)
        return frame
    rows = np.asarray(X)
    rows = np.concatenate([rows, _as_dtype(new, rows.dtype)])
    return rows.tolist() if isinstance(X, list) else rows


def _as_dtype(values, dtype):
    dtype = getattr(dtype, "numpy_dtype", dtype)  # of pandas' nullable columns
    if dtype.kind in "iu":
        range_ = np.iinfo(dtype)
        values = np.rint(values).clip(range_.min, range_.max)
    return values > 0.5 if dtype.kind == "b" else values.astype(dtype)


def check_columns(X):
    """Refuse columns that no new number can be put into.

    Parameters
    ----------
    X : object
        Rows; only frames have columns to check.

    Raises
    ------
    ValueError
        If a column is categorical or of text.
    """
    for name, dtype in getattr(X, "dtypes", {}).items() if hasattr(X, "iloc") else ():
        if not isinstance(getattr(dtype, "numpy_dtype", dtype), np.dtype):
            raise ValueError(
                f"HardRegionSampler needs columns of numbers; got column {name!r} of "
                f"dtype {dtype}. Encode it, or drop it."
            )
