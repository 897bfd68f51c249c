"""Rows in the container that the user gave: take some, and put new ones after them."""

import numpy as np
from sklearn.utils import _safe_indexing

__all__ = ["as_table", "check_columns", "take_rows", "with_new_rows"]


def as_table(X):
    """Give rows of any shape one axis each."""
    return np.reshape(X, (len(X), -1))


def take_rows(values, rows):
    """Take rows by number, in the type of the values; a frame gets a new index."""
    if not isinstance(values, list) and not hasattr(values, "iloc"):
        values = np.asarray(values)
    taken = _safe_indexing(values, rows)
    return taken.reset_index(drop=True) if hasattr(taken, "iloc") else taken


def with_new_rows(X, source_index, new):
    """Put new rows of values after those of X, in the type and dtypes of X."""
    # X: (n, ...), new: (n_new, ...), frames have two axes; source_index, (n + n_new,),
    # has the number of the row of X that each row comes from.
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


def check_columns(X, owner):
    """Refuse columns of a frame that cannot hold new numbers, such as text."""
    for name, dtype in getattr(X, "dtypes", {}).items() if hasattr(X, "iloc") else ():
        if not isinstance(getattr(dtype, "numpy_dtype", dtype), np.dtype):
            raise ValueError(
                f"{owner} needs columns of numbers; got column {name!r} of "
                f"dtype {dtype}. Encode it, or drop it."
            )
