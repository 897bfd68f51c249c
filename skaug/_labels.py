"""Labels and groups as people have them: one for each row, and none of them missing.

They come as lists, arrays, columns of frames, tensors and masked arrays. A missing one
is None, NaN, NaT, ``pandas.NA`` or masked, and is refused alike whatever it is.
"""

import warnings
from datetime import date, timedelta
from numbers import Integral, Real

import numpy as np
from sklearn.exceptions import DataConversionWarning
from sklearn.utils.multiclass import type_of_target

__all__ = ["check_groups", "check_labels", "indicator_matrix", "one_class_per_row"]

COLUMN = (
    "A column-vector {} was passed when a 1d array was expected. Please change the "
    "shape of {} to (n_samples, ), for example using ravel()."
)  # scikit-learn's words
# Kinds of values that NumPy has a type for, and what they become.
TYPES = {"bool": np.bool_, "int": None, "float": np.float64, "str": None}
ARRAYS = {"ndarray", "Tensor"}  # A data set may give each label as one without axes.


def check_labels(y, n, owner, name="y", *, one_hot=False):
    """Return one label for each row, as an array that can be sorted.

    Parameters
    ----------
    y : array-like of shape (n,) or (n, 1)
        Labels. A column is raveled, with scikit-learn's warning. Whole numbers keep all
        their digits, also those of pandas' nullable columns.
    n : int
        Number of rows.
    owner : str
        Who needs the labels, for messages.
    name : str, default="y"
        Name of the parameter, for messages.
    one_hot : bool, default=False
        Whether rows of an indicator matrix with a single 1 will do.

    Returns
    -------
    y : ndarray of shape (n,)
        Labels.

    Raises
    ------
    ValueError
        If labels are missing, are not one for each row, or are no names of classes.
    """
    if y is None:
        raise ValueError(
            f"{owner} needs labels and requires {name} to be passed, but the target y "
            "is None; got None. Give one label for each row."
        )
    if one_hot:
        y = one_class_per_row(y, owner, name)
    y = _one_per_row(y, n, owner, name, "label")
    is_infinite = y.dtype.kind == "f" and np.isinf(y).any()
    kind = "continuous" if is_infinite else type_of_target(y)
    if kind not in ("binary", "multiclass"):
        first = np.inf if is_infinite else y[np.argmax(y != np.rint(y))]
        raise ValueError(
            f"{owner} needs labels that name classes; got numbers such as {first} in "
            f"{name}. Unknown label type: {kind}. Bin them, such as with "
            f"pandas.cut({name}, 5).astype(str)."
        )
    return y


def check_groups(groups, n, owner, name="groups"):
    """Return one group per row (n,) as an array that can be sorted; None stays None."""
    if groups is None:
        return None
    return _one_per_row(groups, n, owner, name, "group")


def one_class_per_row(y, owner, name="y"):
    """Turn rows of an indicator matrix into the numbers of their columns."""
    matrix = indicator_matrix(y)
    if matrix is None:
        return y
    if not (matrix.sum(axis=1) == 1).all():
        raise ValueError(
            f"{owner} needs one label per row; got a row of {name} with several or "
            "none. Multilabel and multioutput targets are not supported: take one of "
            "them at a time."
        )
    return matrix.argmax(axis=1)


def indicator_matrix(y):
    """Labels as zeros and ones (n, n_classes); None if they do not come like that."""
    matrix = _as_array(y.toarray() if hasattr(y, "toarray") else y)
    if matrix.ndim != 2 or matrix.shape[1] < 2 or not np.isin(matrix, (0, 1)).all():
        return None
    return matrix.astype(int)


def _one_per_row(values, n, owner, name, what):
    """Values (n,) of one type, none of them missing."""
    values = _as_array(values)
    if values.shape not in ((n,), (n, 1)):
        raise ValueError(
            f"{owner} needs one {what} per row, shape ({n},); got {name} of shape "
            f"{values.shape}. Give as many {what}s as rows{_way(values, n, name)}."
        )
    if values.ndim == 2:
        if what == "label":
            words = COLUMN.format(name, name)
            warnings.warn(words, DataConversionWarning, stacklevel=4)
        values = values.ravel()
    missing = _missing(values)
    if missing.any():
        raise ValueError(
            f"{owner} needs a {what} for every row; got {missing.sum()} of {n} missing "
            f"in {name}, the first in row {missing.argmax()}. Leave these rows out, or "
            f"give them a {what} of their own."
        )
    values = np.ma.getdata(values)
    return _of_one_type(values, owner, name, what)


def _as_array(values):
    """Values as an array that still shows which ones are missing."""
    if isinstance(values, np.ma.MaskedArray):
        return values
    if type(values).__module__.partition(".")[0] == "polars":
        # An array of numbers would have NaN for what is missing, and lose digits.
        rows = values.rows() if hasattr(values, "rows") else values.to_list()
        return _as_array(rows)
    if not isinstance(values, (list, tuple)):
        array = np.asarray(values)
        return array.astype(object) if array.dtype.kind == "T" else array
    array = np.array(values, dtype=object)
    # NumPy would make the text "nan" of a NaN among texts, and "1" of a 1.
    kinds = {_kind(value) for value in array.flat}
    scalars = kinds <= ARRAYS and not any(map(np.ndim, array.flat))
    alike = len(kinds) == 1 and (scalars or kinds <= set(TYPES))
    return np.asarray(values) if alike else array


def _missing(values):
    """Which values (n,) are missing."""
    masked = np.ma.getmaskarray(values)
    values = np.ma.getdata(values)
    if values.dtype.kind in "fcmM":
        return masked | (values != values)
    if values.dtype != object:
        return masked
    return masked | np.array([_is_missing(value) for value in values], dtype=bool)


def _is_missing(value):
    if value is None:
        return True
    try:
        return bool(value != value)
    except (TypeError, ValueError):  # of pandas.NA, which is neither true nor false
        return not np.ndim(value)


def _of_one_type(values, owner, name, what):
    """Values (n,) of a type that can be sorted; objects that are numbers as numbers."""
    if values.dtype.kind == "c":
        raise ValueError(
            f"{owner} needs {what}s that are numbers, texts or booleans; got "
            f"{values.dtype} in {name}. Complex data not supported: name classes."
        )
    is_time = values.dtype.kind in "mM"
    if what == "label" and (is_time or values.dtype.kind not in "biufUO"):
        _refuse_kind(values.dtype, owner, name, what)
    if values.dtype != object:
        return values
    kinds = {_kind(value) for value in values}
    if kinds == {"int", "float"}:
        kinds = {"float"}
    if len(kinds) > 1:
        raise ValueError(
            f"{owner} needs {what}s of one type; got {sorted(kinds)} in {name}. Make "
            "all of them strings, say."
        )
    (kind,) = kinds or {"str"}
    if kind in TYPES:
        if kind != "str":
            values = np.array(values.tolist(), TYPES[kind])
        if what == "label" and kind == "int" and values.dtype == object:
            _refuse_kind("whole numbers of more than 64 bits", owner, name, what)
        return values
    is_time = all(isinstance(value, (date, timedelta)) for value in values)
    if what == "label" or not is_time:
        _refuse_kind(kind, owner, name, what)
    return values


def _kind(value):
    """Name of a value's type; all whole numbers are of one, and so on."""
    if isinstance(value, (bool, np.bool_)):
        return "bool"
    if isinstance(value, Integral):
        return "int"
    if isinstance(value, Real):
        return "float"
    return "str" if isinstance(value, str) else type(value).__name__


def _refuse_kind(kind, owner, name, what):
    way = f"Make texts of them, such as numpy.asarray({name}).astype(str)."
    if kind in ("list", "tuple", "set", "dict", "ndarray", "Tensor"):
        way = "Give one value for each row."
    raise ValueError(
        f"{owner} needs {what}s that are numbers, texts or booleans; got {kind} in "
        f"{name}. {way}"
    )


def _way(values, n, name):
    """What else to do about values of a wrong shape."""
    if values.ndim == 2 and len(values) == n and values.shape[1] > 1:
        return f"; of one-hot rows, {name}.argmax(axis=1)"
    return ""
