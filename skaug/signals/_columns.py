"""Columns of tables, of pandas, polars, NumPy, or a dict, by their names."""

from collections.abc import Hashable

import numpy as np

from skaug._input import column_as_floats

__all__ = ["check_names", "column_of", "columns_of_numbers"]

SHOWN = 12


def check_names(frame, channels, others, owner):
    """Check that a table has the columns; return the channels as a list of names.

    `others` are the names of further columns, or None, by parameter.
    """
    names = _names(frame, owner)
    for parameter, name in others.items():
        if not isinstance(name, Hashable):
            raise ValueError(
                f"{owner} needs {parameter} to be the name of a column; got "
                f"{type(name).__name__}. Make it a column of the table."
            )
    channels = [channels] if isinstance(channels, str) else channels
    channels = list(channels) if np.iterable(channels) else []  # an Index, too
    are_names = all(isinstance(name, Hashable) for name in channels)
    if not channels or not are_names or len(set(channels)) < len(channels):
        raise ValueError(
            f"{owner} needs channels, each of them once; got {channels}. Give names of "
            "columns with signals."
        )
    both = [name for name in channels if name in others.values()]
    if both:
        raise ValueError(
            f"{owner} needs channels without label, group and time, which would give "
            f"the answer away; got {both} among the channels. Leave them out."
        )
    wanted = [*channels, *(name for name in others.values() if name is not None)]
    _check_presence(frame, wanted, names, owner)
    _check_lengths(frame, wanted, owner)
    return channels


def _check_presence(frame, wanted, names, owner):
    """Refuse names that no column has, or several."""
    absent = [name for name in wanted if name not in names]
    if absent:
        index = getattr(getattr(frame, "index", None), "names", ())
        is_index = any(name in index for name in absent)
        shown = ", ".join(map(repr, names[:SHOWN])) + ", ..." * (len(names) > SHOWN)
        raise ValueError(
            f"{owner} needs the columns {absent}; got a table of {shown}. "
            f"{'Give frame.reset_index().' if is_index else 'Check the names.'}"
        )
    twice = [name for name in wanted if names.count(name) > 1]
    if twice:
        raise ValueError(
            f"{owner} needs columns of different names; got several {twice}. Rename "
            "them."
        )


def _check_lengths(frame, wanted, owner):
    """Refuse columns that do not have one value for each row."""
    columns = {name: column_of(frame, name) for name in wanted}
    for name, column in columns.items():
        if getattr(column, "ndim", 1) != 1:
            raise ValueError(
                f"{owner} needs columns with one value for each row; got shape "
                f"{column.shape} in {name!r}. Give its columns names of their own."
            )
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1 or 0 in lengths.values():
        raise ValueError(
            f"{owner} needs columns of the same length, a row or more; got {lengths}. "
            "Give a value for each row."
        )


def _names(frame, owner):
    """List the names of a table's columns."""
    if hasattr(frame, "collect_schema") and not hasattr(frame, "iter_columns"):
        raise TypeError(
            f"{owner} needs rows; got a {type(frame).__name__}. Give frame.collect()."
        )
    if hasattr(frame, "columns"):
        return list(frame.columns)
    if isinstance(frame, dict):
        return list(frame)
    names = getattr(getattr(frame, "dtype", None), "names", None)
    if not names:
        raise TypeError(
            f"{owner} needs a table with names of columns; got {type(frame).__name__}. "
            "Give a DataFrame, a dict of columns or a structured array; an array of "
            "segments goes to frame_segments."
        )
    return list(names)


def column_of(frame, name):
    """Return a column of a table."""
    return frame[name]


def columns_of_numbers(frame, names, order, owner):
    """Stack columns to an array (n_columns, n_rows) of floats, rows in an order."""
    columns = [column_as_floats(column_of(frame, name), name, owner) for name in names]
    # Whole numbers become floats, which can be NaN.
    dtype = np.result_type(np.float32, *(values.dtype for values in columns))
    stacked = np.empty((len(columns), len(columns[0])), dtype)
    for row, values in zip(stacked, columns):
        row[:] = values if order is None else values[order]
    return stacked
