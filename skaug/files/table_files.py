"""Tables in files: which columns have labels and groups, and what the others are."""

import re

import numpy as np
from sklearn.utils import Bunch

from skaug.files.columns import read_columns, second_header
from skaug.files.labels import check_classes, groups_of, labels_of
from skaug.files.leaks import possible_leaks
from skaug.files.text_tables import SEPARATORS, read_text_table
from skaug.files.written_numbers import as_numbers

__all__ = ["ENDINGS", "read_table"]

ENDINGS = (".csv", ".tsv", ".txt", ".parquet")
PERSON = re.compile(
    r"subject|person|user|participant|patient|volunteer|individual", re.IGNORECASE
)
SIGNS = {".": "points", ",": "commas"}
N_LISTED = 30


def read_table(path, target, groups, *, drop, sep, decimal, na):
    """Rows, labels, groups, Columns and notes of a table, as a Bunch."""
    try:
        import pandas as pd
    except ImportError:
        raise ValueError(
            f"read_file needs pandas to read {path.name}; got none installed. Run: pip "
            "install pandas."
        ) from None
    is_text = path.suffix.lower() != ".parquet"
    if is_text:
        table = _text_fields(path, sep, as_they_are={target, groups})
    else:
        table = _parquet_fields(path, pd)
    special = _special_columns(table.fields, target, groups, drop)
    if is_text:
        _leave_second_header(table, special, target, na)
    place = _places(table.lines)
    y, notes = labels_of(_texts(table.fields[target]), target, place, na)
    notes += check_classes(y, target)
    of_groups = None
    if groups is not None:
        of_groups, seen = labels_of(_texts(table.fields[groups]), groups, place, na)
        of_groups, alone = groups_of(of_groups, groups)
        notes += seen + alone
    features = {name: c for name, c in table.fields.items() if name not in special}
    read = read_columns(features, place, sep=table.sep, decimal=decimal, na=na)
    _check_some_left(read, table.fields)
    if is_text:
        table.notes.insert(0, _of_signs(table.sep, read.decimal))
    notes = [*table.notes, *notes, *read.notes, *_of_leaks(read.kept, y)]
    if groups is None:
        notes += _of_persons(read.columns)
    X = pd.DataFrame(read.kept)
    return Bunch(X=X, y=y, groups=of_groups, columns=read.columns, notes=notes)


def _text_fields(path, sep, as_they_are):
    """Texts of a file by name of their column, and the line of each row."""
    table = read_text_table(path, sep)
    fields = {
        name: column if name in as_they_are else list(map(str.strip, column))
        for name, column in zip(table.names, table.columns, strict=True)
    }
    return Bunch(fields=fields, sep=table.sep, notes=table.notes, lines=table.lines)


def _parquet_fields(path, pd):
    """Texts, or arrays of numbers and times, of a file by name of their column."""
    try:
        frame = pd.read_parquet(path)
    except ImportError:
        raise ValueError(
            f"read_file needs pyarrow to read {path.name}; got none installed. Run: "
            "pip install pyarrow."
        ) from None
    except ValueError as error:
        raise ValueError(
            f"read_file needs a readable parquet file; got {path.name}: {error}. Save "
            "it again."
        ) from None
    fields = {str(name): _fields_of_series(frame[name], pd) for name in frame}
    return Bunch(fields=fields, sep=None, notes=[], lines=None)


def _places(lines):
    """Make what says where a row is; a file that is no text has no lines."""

    def place(row):
        return f"row {row + 1}" + ("" if lines is None else f" (line {lines[row]})")

    return place


def _fields_of_series(series, pd):
    """Texts of a column, or its numbers or times as an array."""
    kinds = pd.api.types
    if kinds.is_datetime64_any_dtype(series) or kinds.is_timedelta64_dtype(series):
        return np.zeros(len(series), "datetime64[s]")  # which will be left out
    if kinds.is_numeric_dtype(series):
        return series.to_numpy(np.float64, na_value=np.nan)
    missing = series.isna().to_numpy()
    return tuple(
        "" if gone else str(x) for x, gone in zip(series, missing, strict=True)
    )


def _special_columns(names, target, groups, drop):
    """Columns that are no features, which have to be there."""
    listed = ", ".join(list(names)[:N_LISTED]) + " ..." * (len(names) > N_LISTED)
    if not as_numbers(list(names)).odd:
        listed += " (numbers; perhaps a line of names is missing)"
    wanted = [
        ("target", target),
        ("groups", groups),
        *(("drop", name) for name in drop),
    ]
    for option, name in wanted:
        if name not in names and (name is not None or option == "target"):
            raise ValueError(
                f"read_file needs {option} to be a column; got {name!r}. Columns are: "
                f"{listed}. Name one by {option} (--{option})."
            )
    names = [name for _, name in wanted if name is not None]
    if len(set(names)) < len(names):
        raise ValueError(
            "read_file needs target, groups and drop to be different columns; got "
            f"{names}. Name each column once."
        )
    return names


def _leave_second_header(table, special, target, na):
    """Leave out a second line of names, or one of units."""
    features = [texts for name, texts in table.fields.items() if name not in special]
    labels = [text.strip() for text in table.fields[target]]
    if not second_header(features, labels, na):
        return
    shown = ", ".join(texts[0] for texts in list(table.fields.values())[:5])
    table.notes.append(
        f"Line {table.lines[0]} ({shown}) has names or units and no values, so it was "
        "left out."
    )
    table.fields = {name: texts[1:] for name, texts in table.fields.items()}
    table.lines = table.lines[1:]


def _texts(fields):
    """Fields as texts; whole numbers without a decimal point, NaN as nothing."""
    if not isinstance(fields, np.ndarray):
        return fields
    return ["" if x != x else f"{x:.17g}" for x in fields.tolist()]


def _check_some_left(read, names):
    """Refuse a table without columns to learn from."""
    if not read.kept:
        left = "; ".join(f"{column.name}: {column.note}" for column in read.columns)
        raise ValueError(
            "read_file needs columns besides target and groups; got "
            f"{left or ', '.join(names)}. Add features to the file."
        )


def _of_signs(sep, decimal):
    """Sentence on what separates fields, and digits."""
    between = SEPARATORS.get(sep, repr(sep))
    return f"Fields are separated by {between}, numbers have decimal {SIGNS[decimal]}."


def _of_leaks(values, y):
    """Sentences on columns that may give the class away."""
    return [
        f"Column {name!r} alone tells the class of rows it was not fitted to. If it is "
        f"not known before the class is, it is a leak: leave it out (--drop {name})."
        for name in possible_leaks(values, y)
    ]


def _of_persons(columns):
    """Sentence on a column that may have groups."""
    names = [c.name for c in columns if PERSON.search(c.name) and c.kind != "left out"]
    return [
        f"Column {name!r} may say whose row it is. If so, name it as groups (--groups "
        f"{name}), so that nobody is trained on and tested with."
        for name in names[:1]
    ]
