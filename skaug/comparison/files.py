"""Files that people have, as tasks: arrays in .npz and tables in .csv."""

import zipfile
from dataclasses import fields
from pathlib import Path

import numpy as np
from sklearn.utils import Bunch

from skaug.comparison.data import Task

__all__ = ["read_file", "read_table"]


def read_file(path, target=None, groups=None, **options):
    """Read a file of rows and labels.

    An .npz file has arrays ``x`` and ``y``, or ``x_train``, ``y_train``, ``x_test`` and
    ``y_test``, and ``groups`` or ``subject``, with the same endings, if rows belong
    together. Its rows are tables (n, features), signals (n, channels, times) or images,
    with channels first or last; uint8 with three axes is grey images. A .csv file has a
    line of names of columns.

    Parameters
    ----------
    path : path
        The file, .npz or .csv.
    target : str, default=None
        Column of labels of a .csv file.
    groups : str, default=None
        Column of groups of a .csv file.
    **options
        Other parameters of :class:`Task`, such as ``n_rows``.

    Returns
    -------
    task : Task
        The rows, by the name of the file.

    Raises
    ------
    ValueError
        If the file cannot be read or used; says what to do.
    """
    path = Path(path)
    if not path.exists():
        raise ValueError(
            f"read_file needs a file that exists; got {path}. Check its path."
        )
    ending = path.suffix.lower()
    if ending == ".csv":
        X, y, groups = read_table(path, target, groups)
        return _as_task(path.stem, {"X": X, "y": y, "groups": groups}, options)
    if ending != ".npz":
        raise ValueError(
            f"read_file needs a file that ends in .npz or .csv; got {path.name}. Save "
            "it as one of them."
        )
    if target or groups:
        raise ValueError(
            f"read_file needs a .csv file for columns of target and groups; got "
            f"{path.name}. Name its arrays y and groups."
        )
    return _as_task(path.stem, read_arrays(path), options)


def _as_task(name, rows, options):
    """Task of the rows of a file, with other parameters that the user has given."""
    known = [f.name for f in fields(Task) if f.name != "name" and f.name not in rows]
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise ValueError(
            f"read_file needs options among {', '.join(known)}; got {unknown}. All "
            "else is read from the file."
        )
    return Task(name, **rows, **options)


def read_table(path, target, groups=None):
    """Read a .csv file.

    Parameters
    ----------
    path : path
        The file, with a line of names.
    target : str
        Column of the labels.
    groups : str, default=None
        Column of the groups.

    Returns
    -------
    X : DataFrame
        The other columns; those that are not numbers as texts.
    y : ndarray of shape (n,)
        Labels as texts.
    groups : ndarray of shape (n,) or None
        Groups as texts.

    Raises
    ------
    ValueError
        If pandas is not installed, or the file cannot be used; says what to do.
    """
    try:
        import pandas as pd
    except ImportError:
        raise ValueError(
            "read_table needs pandas to read a .csv file; got none installed. Run: pip "
            "install pandas."
        ) from None
    try:
        table = pd.read_csv(path, low_memory=False)
    except FileNotFoundError:
        raise ValueError(
            f"read_table needs a file that exists; got {path}. Check its path."
        ) from None
    except (OSError, ValueError) as error:
        raise ValueError(
            f"read_table needs a readable CSV file; got {path}: {error}. Check its "
            "contents."
        ) from None
    columns = _special_columns(table, target, groups)
    # A class may be called None or NA: only an empty cell is a gap.
    texts = pd.read_csv(path, usecols=columns, dtype=str, keep_default_na=False)
    for column in columns:
        if n_empty := int((texts[column] == "").sum()):
            raise ValueError(
                f"read_table needs {column!r} in every row; got {n_empty} empty. "
                "Remove these rows."
            )
    X = table.drop(columns=columns)
    if X.shape[1] == 0:
        raise ValueError(
            "read_table needs columns besides target and groups; got "
            f"{', '.join(table.columns)}. Add features to the file."
        )
    # Booleans too: one-hot coding, unlike imputing, takes them and their empty cells.
    X = X.astype(dict.fromkeys(X.select_dtypes(exclude="number"), str))
    if np.isinf(X.select_dtypes("number")).any(axis=None):
        raise ValueError(
            "read_table needs finite numbers; got infinity. Leave such rows out."
        )
    y = texts[target].to_numpy(dtype=str)
    return X, y, None if groups is None else texts[groups].to_numpy(dtype=str)


def _special_columns(table, target, groups):
    """Columns of labels and groups, which have to be there."""
    listed = ", ".join(table.columns[:30]) + (" ..." if table.shape[1] > 30 else "")
    special = {"target": target} | ({} if groups is None else {"groups": groups})
    for option, column in special.items():
        if column not in table.columns:
            raise ValueError(
                f"read_table needs {option} to be a column; got {column!r}. Columns "
                f"are: {listed}."
            )
    return list(special.values())


def read_arrays(path):
    """Rows, labels and groups of an .npz file, and test rows if it has any."""
    arrays = _named_arrays(path)
    if {"x_train", "y_train", "x_test", "y_test"} <= set(arrays):
        train, test = _part(arrays, "_train"), _part(arrays, "_test")
        kinds = [arrays[key].dtype for key in ("x_train", "x_test")]
        if train.X.ndim > 2 and (kinds[0] == np.uint8) != (kinds[1] == np.uint8):
            # 8-bit images are scaled, others are not.
            raise ValueError(
                "read_file needs training and test rows of one type; got "
                f"{kinds[0]} and {kinds[1]}. Convert one of them."
            )
        if train.X.shape[1:] != test.X.shape[1:]:
            raise ValueError(
                "read_file needs training and test rows of one shape; got "
                f"{train.X.shape[1:]} and {test.X.shape[1:]}. Reshape them."
            )
        return Bunch(**train, test=test)
    if {"x", "y"} <= set(arrays):
        return _part(arrays, "")
    raise ValueError(
        "read_file needs arrays x and y, or x_train ... y_test; got "
        f"{sorted(arrays)}. Rename them."
    )


def _named_arrays(path):
    """Arrays of rows, labels and groups by their names in small letters."""
    if not zipfile.is_zipfile(path):
        raise ValueError(
            f"read_file needs a file of numpy.savez; got {path.name}. Save it again."
        )
    arrays = {}
    with np.load(path, allow_pickle=False) as file:
        for key in file.files:
            name = key.lower()
            what, _, ending = name.partition("_")
            if what not in ("x", "y", "groups", "subject") or ending not in (
                "",
                "train",
                "test",
            ):
                continue
            try:
                arrays[name] = file[key]
            except ValueError:
                raise ValueError(
                    "read_file needs arrays of numbers or strings; got objects in "
                    f"{key}. Save texts as strings: y.astype(str)."
                ) from None
    if any("_" in key for key in arrays) and not all("_" in key for key in arrays):
        raise ValueError(
            f"read_file needs arrays of one kind of name; got {sorted(arrays)}. Give "
            "all with _train and _test, or none."
        )
    return arrays


def _part(arrays, ending):
    """Rows, labels and groups whose names have an ending."""
    X, y = arrays[f"x{ending}"], arrays[f"y{ending}"]
    groups = arrays.get(f"groups{ending}", arrays.get(f"subject{ending}"))
    for name, array in ("y", y), ("groups", groups):
        if array is not None and array.shape != (len(X),):
            raise ValueError(
                f"read_file needs one of {name}{ending} per row; got {array.shape} for "
                f"{len(X)} rows. Save it as a vector."
            )
    return Bunch(X=as_rows(X), y=y, groups=groups)


def as_rows(X):
    """Rows as floats: a table, signals, or images with channels first."""
    is_image = X.dtype == np.uint8 and X.ndim in (3, 4)
    if X.dtype.kind not in "fiub" or X.ndim not in (2, 3, 4):
        raise ValueError(
            f"read_file needs x of numbers, with 2 to 4 axes; got {X.dtype} of shape "
            f"{X.shape}. Reshape or convert it."
        )
    if is_image and X.ndim == 3:
        X = X[:, None]
    elif X.ndim == 4 and X.shape[3] in (1, 3, 4) and X.shape[1] not in (1, 3, 4):
        X = X.transpose(0, 3, 1, 2)
    # In float64: float32 may not tell large numbers apart. Bytes it does.
    is_small = is_image or X.dtype in (np.float16, np.float32)
    X = np.ascontiguousarray(X, dtype=np.float32 if is_small else np.float64)
    if not np.isfinite(X).all():
        raise ValueError(
            "read_file needs finite x; got NaN or infinity. Impute it, or leave such "
            "rows out."
        )
    return X / 255 if is_image else X
