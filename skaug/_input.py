"""Rows as people have them, on their way to an array of numbers.

scikit-learn's ``validate_data`` does the rest. It takes dates for numbers and forgets
the mask of a masked array, and its messages on text do not name the column.
"""

import re
from itertools import islice

import numpy as np
from sklearn.utils.validation import validate_data

__all__ = ["as_numbers", "check_width", "checked_rows", "column_as_floats"]

DECIMAL_COMMA = re.compile(r"\s*[-+]?\d+,\d+\s*")
ENCODE = "Encode it, such as with OneHotEncoder, or leave it out."
SHOWN = 3
MISSING = ("NAType", "NaTType")  # of pandas; they are not equal to anything
TIMES = ("Date", "Time", "Duration", "timestamp", "duration", "period")


def checked_rows(estimator, X, **params):
    """Check rows as ``validate_data`` does, after :func:`as_numbers`."""
    name = type(estimator).__name__
    X = as_numbers(X, name)
    if type(X).__module__ == "torch":
        X = np.asarray(X)  # validate_data does not see the type of a tensor's numbers
    with np.errstate(over="ignore"):  # in float32; infinity is refused
        X = validate_data(estimator, X, **params)
    check_width(X, name)
    return X


def check_width(X, owner):
    """Refuse rows without a number, such as signals of no channel."""
    if 0 in X.shape[1:]:
        raise ValueError(
            f"{owner} needs one number or more in each row; got X of shape {X.shape}. "
            "Look at how X was made."
        )


def as_numbers(X, owner, *, categories=False, advice=ENCODE):
    """Return rows that lose nothing when they become an array of numbers.

    Parameters
    ----------
    X : array-like or frame
        Rows.
    owner : str
        Who needs the rows, for messages.
    categories : bool, default=False
        Whether columns of texts will do, as categories. Columns that would be numbers
        but for a decimal comma or a mark here and there are refused all the same.
    advice : str, optional
        What to do about other columns of texts.

    Returns
    -------
    X : array-like or frame
        The same rows. A masked array comes back as an array with NaN in the place of
        what is masked.

    Raises
    ------
    ValueError
        If a column of a frame has no numbers, or the rows are of unequal shapes.
    """
    if isinstance(X, np.ma.MaskedArray):
        _check_array(np.ma.getdata(X), owner)
        return _unmasked(X)
    is_array = hasattr(X, "shape") or hasattr(X, "__array__")
    has_no_rows = isinstance(X, (dict, set, str)) or not hasattr(X, "__len__")
    if has_no_rows and not is_array:
        raise ValueError(
            f"{owner} needs rows of numbers; got a {type(X).__name__}. Give an array, "
            "a list of rows or a frame."
        )
    if hasattr(X, "iloc"):
        check_width(X, owner)
    if isinstance(X, (list, tuple)):
        _check_list(X, owner)
    elif isinstance(X, np.ndarray):
        _check_array(X, owner)
    for name, column in _columns(X):
        _check_column(column, name, owner, categories, advice)
    return X


def column_as_floats(column, name, owner, advice="Convert it to numbers."):
    """Return a column (n,) as an array of numbers, NaN where one is missing."""
    if isinstance(column, np.ma.MaskedArray):
        column = _unmasked(column)
    column = column if hasattr(column, "dtype") else np.asarray(column)
    _check_column(column, name, owner, False, advice)
    if hasattr(column, "iloc") and getattr(column.dtype, "kind", "") in "biuf":
        if isinstance(column.dtype, np.dtype):
            return column.to_numpy()
        return column.to_numpy(dtype=np.float64, na_value=np.nan)  # with NA
    values = np.asarray(column)
    if values.dtype.kind in "biuf":
        return values
    try:
        return values.astype(np.float64)
    except (TypeError, ValueError):  # of pandas.NA
        return np.array([np.nan if _is_missing(v) else float(v) for v in values])


def _unmasked(X):
    if not np.ma.getmaskarray(X).any():
        return np.ma.getdata(X)
    values = np.ma.getdata(X).astype(X.dtype if X.dtype.kind in "fc" else np.float64)
    values[np.ma.getmaskarray(X)] = np.nan
    return values


def _check_array(X, owner):
    """Refuse times, complex numbers, and arrays in an array."""
    if X.dtype.kind in "mM":
        raise ValueError(
            f"{owner} needs rows of numbers; got {X.dtype}. Convert them to "
            "numbers that mean something, such as the hour or seconds."
        )
    if X.dtype.kind == "c":
        raise ValueError(
            f"{owner} needs rows of real numbers; got {X.dtype}. Complex data not "
            "supported: give real and imaginary parts as columns."
        )
    if X.dtype == object and X.ndim == 1 and len(X) and np.ndim(X[0]):
        _check_shapes(X, owner)


def _check_list(X, owner):
    """Refuse a list of rows of several shapes, or of what is no real number."""
    try:
        array = np.asarray(X)
    except ValueError:
        _check_shapes(X, owner)
        return
    _check_array(array, owner)
    odd = _first_odd(array.ravel()) if array.dtype == object else None
    if odd is not None and not isinstance(odd, str):
        raise ValueError(
            f"{owner} needs rows of numbers; got {odd!r} in a list. Convert it to a "
            "number, or leave it out."
        )


def _check_shapes(X, owner):
    """Refuse rows that are arrays of several shapes, or an array of arrays."""
    shapes = {_shape(row) for row in X}
    if len(shapes) == 1 and isinstance(X, np.ndarray):
        raise ValueError(
            f"{owner} needs an array of numbers; got an array of {len(X)} arrays. "
            "Give numpy.stack(X)."
        )
    if len(shapes) == 1:
        return
    shown = ", ".join(map(str, islice(sorted(shapes), SHOWN)))
    more = f" and {len(shapes) - SHOWN} more" if len(shapes) > SHOWN else ""
    raise ValueError(
        f"{owner} needs rows of one shape; got {len(X)} rows of shapes {shown}{more}. "
        "Cut recordings of unequal length into frames first: "
        "skaug.signals.frame_segments takes them as a list."
    )


def _shape(row):
    try:
        return np.shape(row)
    except ValueError:  # It is ragged itself.
        return (len(row), -1)


def _columns(X):
    """Yield name and values of each column of a frame; nothing of anything else."""
    if hasattr(X, "iloc") and X.ndim == 2:
        for j, name in enumerate(X.columns):
            yield name, X.iloc[:, j]
    elif hasattr(X, "iter_columns"):  # of polars
        for column in X.iter_columns():
            yield column.name, column


def _check_column(column, name, owner, categories, advice):
    """Refuse a column of a frame that is no column of numbers, and say what it is."""
    dtype = column.dtype
    # pandas cannot take rows of such columns.
    if isinstance(dtype, np.dtype) and not dtype.isnative:
        raise ValueError(
            f"{owner} needs columns in the byte order of this machine; got column "
            f"{name!r} of dtype {dtype.str}. Give X.astype(float)."
        )
    if getattr(dtype, "kind", "O") in "biuf" or _is_numeric(dtype):
        return
    if getattr(dtype, "kind", "O") in "mM" or str(dtype).startswith(TIMES):
        raise ValueError(
            f"{owner} needs columns of numbers; got column {name!r} of times, {dtype}. "
            "Leave it out, or convert it to numbers that mean something, such as hours."
        )
    if hasattr(column, "iloc") and str(dtype) == "category":
        column = column.unique()  # not each row of what may be millions
    values = np.asarray(column, dtype=object)
    odd = _first_odd(values)
    if odd is None:
        return
    if isinstance(odd, str) and DECIMAL_COMMA.fullmatch(odd):
        advice = (
            "That is a decimal comma: read the file with decimal=',', or with "
            "skaug.files.read_file."
        )
    elif isinstance(odd, str) and _most_are_numbers(values):
        advice = (
            "Most others are numbers: if this stands for a missing one, give "
            "pandas.to_numeric(column, errors='coerce')."
        )
    elif categories and isinstance(odd, (str, bool)):
        return
    raise ValueError(
        f"{owner} needs columns of numbers; got column {name!r} of dtype {dtype}, with "
        f"{odd!r} in it. {advice}"
    )


def _is_numeric(dtype):
    """Whether it is a numeric type of polars."""
    return hasattr(dtype, "is_numeric") and dtype.is_numeric()


def _first_odd(values):
    """The first value that is neither a number nor missing; None if all are."""
    try:
        values.astype(np.float64)
        return None
    except (TypeError, ValueError):
        return next(
            (value for value in values if not _is_number_or_missing(value)), None
        )


def _most_are_numbers(values):
    """Whether most values that are not missing are numbers or texts of numbers."""
    texts = [value for value in values if isinstance(value, str)]
    odd = [text for text in texts if not _is_number_or_missing(text)]
    missing = sum(_is_missing(value) for value in values)
    return 2 * len(odd) < len(values) - missing


def _is_missing(value):
    return value is None or type(value).__name__ in MISSING or value != value


def _is_number_or_missing(value):
    if value is None:
        return True
    try:
        float(value)
        return True
    except (TypeError, ValueError):
        return type(value).__name__ in MISSING
