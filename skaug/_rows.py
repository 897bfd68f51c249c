"""Rows in the container that the user gave: take some, and put new ones after them."""

from numbers import Integral

import numpy as np
from sklearn.utils import _safe_indexing

__all__ = ["as_table", "check_columns", "take_rows", "with_new_rows"]


def as_table(X):
    """Give rows of any shape one axis each."""
    return np.reshape(X, (len(X), -1))


def take_rows(values, rows):
    """Take rows by number, in the type of the values; a frame gets a new index."""
    if not (isinstance(values, list) or _is_pandas(values) or _is_polars(values)):
        values = np.asarray(values)
    taken = _safe_indexing(values, rows)
    return taken.reset_index(drop=True) if _is_pandas(taken) else taken


def with_new_rows(X, source_index, new):
    """Put new rows of values after those of X, in the type and dtypes of X."""
    # X: (n, ...), new: (n_new, ...), frames have two axes; source_index, (n + n_new,),
    # has the number of the row of X that each row comes from.
    n = len(source_index) - len(new)
    if _is_pandas(X):
        frame = take_rows(X, source_index)
        for j, dtype in enumerate(X.dtypes):
            column = frame.iloc[:, j].copy()
            column.iloc[n:] = _as_dtype(new[:, j], dtype)
            frame.isetitem(j, column)
        return frame
    if _is_polars(X):
        return X.vstack(_polars_frame(X, new))
    # A list of words and numbers would become words.
    mixed = isinstance(X, list) and new.dtype == object
    rows = np.asarray(X, dtype=object if mixed else None)
    rows = np.concatenate([rows, _as_dtype(new, rows.dtype)])
    return rows.tolist() if isinstance(X, list) else rows


def check_columns(X, owner, advice="Encode it, or drop it."):
    """Refuse columns of a frame that cannot hold new numbers, such as text."""
    for name, dtype in _dtypes(X):
        if not _of_numbers(dtype):
            raise ValueError(
                f"{owner} needs columns of numbers; got column {name!r} of "
                f"dtype {dtype}. {advice}"
            )


def _is_pandas(values):
    return hasattr(values, "iloc")


def _is_polars(values):
    return type(values).__module__.split(".")[0] == "polars"


def _dtypes(X):
    if _is_pandas(X):
        return getattr(X, "dtypes", {}).items()
    return X.schema.items() if _is_polars(X) and hasattr(X, "schema") else ()


def _of_numbers(dtype):
    if hasattr(dtype, "is_numeric"):  # of polars
        return dtype.is_numeric() or str(dtype) == "Boolean"
    return isinstance(getattr(dtype, "numpy_dtype", dtype), np.dtype)


def _polars_frame(X, new):
    """New rows as a frame with the columns and dtypes of X."""
    columns = {}
    for j, (name, column) in enumerate(zip(X.columns, X.iter_columns())):
        values = new[:, j]
        if _of_numbers(column.dtype):
            values = _as_dtype(values, column[:0].to_numpy().dtype)
        columns[name] = values.tolist()
    return type(X)(columns, schema=X.schema)


def _as_dtype(values, dtype):
    dtype = getattr(dtype, "numpy_dtype", dtype)  # of pandas' nullable columns
    if not isinstance(dtype, np.dtype) or dtype.kind not in "iufbU":
        return values  # of categories
    if dtype.kind == "U" or all(isinstance(value, Integral) for value in values.flat):
        return values.astype(dtype.kind if dtype.kind == "U" else dtype)
    values = values.astype(np.float64) if values.dtype == object else values
    if dtype.kind in "iu":
        range_ = np.iinfo(dtype)
        values = np.rint(values).clip(range_.min, range_.max)
    return values > 0.5 if dtype.kind == "b" else values.astype(dtype)
