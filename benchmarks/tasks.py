"""What bench_methods.py compares methods on: real sets, or a file of the user's own.

A task has training rows, more of them than a draw takes, and test rows. A file without
test rows has a part of its rows for the test in each draw, of whole groups if it has
groups. Whatever is drawn, rows of a group are never on both sides.
"""

from pathlib import Path

import numpy as np
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import (
    StratifiedGroupKFold,
    StratifiedKFold,
)
from sklearn.preprocessing import OneHotEncoder
from sklearn.utils import Bunch

from data import load, take

# Training rows of a draw, in full and with --quick.
SETS = {
    "digits": (200, 100),
    "mnist": (200, None),
    "fashion_mnist": (400, 150),
    "cifar10": (300, None),
    "har": (300, 150),
}
N_TEST = 3000
POOLED = ("mnist", "fashion_mnist")


def stop(needs, got, advice):
    """End the script with one sentence in place of a traceback."""
    raise SystemExit(f"bench_methods needs {needs}; got {got}. {advice}")


def real_task(name, quick):
    """One of the sets of data.py; images of grey are pooled to 14 x 14."""
    try:
        data = load(name)
    except FileNotFoundError as error:
        stop("the data of its sets", error, "Leave the set out, or give --data.")
    parts = Bunch(X=data.X_train, y=data.y_train, groups=data.get("subject_train"))
    test = np.arange(len(data.y_test))
    if len(test) > N_TEST:
        test = take(data.y_test, N_TEST, 0)
    parts.test = Bunch(X=data.X_test[test], y=data.y_test[test], groups=None)
    if name == "har":
        parts.test.groups = data.subject_test[test]
    if name in POOLED:
        parts.X, parts.test.X = pooled(parts.X), pooled(parts.test.X)
    return Bunch(name=name, n_rows=SETS[name][quick], **parts)


def pooled(X):
    """Images of half the size: means of squares of four pixels."""
    n, c, height, width = X.shape
    return X.reshape(n, c, height // 2, 2, width // 2, 2).mean(axis=(3, 5))


def own_task(path, target, groups, n_rows):
    """A file of the user's: .npz with arrays or .csv with columns."""
    path = Path(path)
    if not path.exists():
        stop("a file that exists", path, "Check its path.")
    if path.suffix == ".npz":
        task = from_arrays(path)
    elif path.suffix == ".csv":
        task = from_table(path, target, groups)
    else:
        stop("--data to end in .npz or .csv", path.name, "Save it as one of them.")
    labels, counts = np.unique(task.y, return_counts=True)
    if len(labels) < 2:
        stop("two classes or more", labels.tolist(), "Add rows of another one.")
    few = labels[counts < 10].tolist()
    if few:
        advice = "Merge or remove these, or add rows."
        stop("ten rows of each class", f"fewer of {few}", advice)
    return Bunch(name=path.stem, n_rows=n_rows, **task)


def from_arrays(path):
    """Arrays x and y, or x_train, y_train, x_test, y_test; groups and subject alike."""
    with np.load(path, allow_pickle=False) as file:
        arrays = {key.lower(): file[key] for key in file.files}

    def part(ending):
        X, y = arrays[f"x{ending}"], arrays[f"y{ending}"]
        groups = arrays.get(f"groups{ending}", arrays.get(f"subject{ending}"))
        for name, array in ("y", y), ("groups", groups):
            if array is not None and array.shape != (len(X),):
                got = f"{array.shape} for {len(X)} rows"
                stop(f"one of {name}{ending} per row", got, "Save it as a vector.")
        return Bunch(X=as_rows(X), y=y, groups=groups)

    if {"x_train", "y_train", "x_test", "y_test"} <= set(arrays):
        task, task.test = (train := part("_train")), part("_test")
        if task.X.shape[1:] != task.test.X.shape[1:]:
            got = f"{train.X.shape[1:]} and {task.test.X.shape[1:]}"
            stop("training and test rows of one shape", got, "Reshape them.")
        return task
    if {"x", "y"} <= set(arrays):
        return Bunch(**part(""), test=None)
    stop("arrays x and y, or x_train ... y_test", sorted(arrays), "Rename them.")


def as_rows(X):
    """Float32 rows: a table, signals (n, channels, times) or images, channels first."""
    is_image = X.dtype == np.uint8 and X.ndim in (3, 4)
    if X.dtype.kind not in "fiub" or X.ndim not in (2, 3, 4):
        got = f"{X.dtype} of shape {X.shape}"
        stop("x of numbers, with 2 to 4 axes", got, "See the guide on shapes.")
    if is_image and X.ndim == 3:
        X = X[:, None]
    elif X.ndim == 4 and X.shape[3] in (1, 3, 4) and X.shape[1] not in (1, 3, 4):
        X = X.transpose(0, 3, 1, 2)
    X = np.ascontiguousarray(X, dtype=np.float32)
    if not np.isfinite(X).all():
        stop("finite x", "NaN or infinity", "Impute it or leave such rows out.")
    return X / 255 if is_image else X


def from_table(path, target, groups):
    """Columns of a .csv file; what is not a number is one-hot coded in each draw."""
    try:
        import pandas as pd
    except ImportError:
        stop("pandas to read .csv files", "none installed", "Run: pip install pandas")
    table = pd.read_csv(path, low_memory=False)
    for option, column in ("--target", target), ("--groups", groups):
        if column is None and option == "--target":
            stop("--target with a .csv file", "none", f"It has {list(table.columns)}.")
        if column is not None and column not in table.columns:
            stop(f"{option} to be a column", column, f"It has {list(table.columns)}.")
        if column is not None and table[column].isna().any():
            stop(f"{column} in every row", "empty ones", "Remove these rows.")
    X = table.drop(columns=[c for c in (target, groups) if c is not None])
    X = X.astype(dict.fromkeys(X.select_dtypes(exclude="number"), str))
    y = table[target].astype(str).to_numpy(dtype=str)
    of = None if groups is None else table[groups].to_numpy()
    return Bunch(X=X, y=y, groups=of, test=None)


def draw(task, seed):
    """Training rows of a seed, and test rows, as arrays of numbers."""
    rows, test = np.arange(len(task.y)), task.test
    if test is None:
        folds = folds_of(task.y, task.groups, 4, seed)
        rows, tested = next(folds)
        test = some(task, tested)
    if len(rows) > task.n_rows:
        rows = rows[take(task.y[rows], task.n_rows, seed)]
    train = some(task, rows)
    if len(test.y) > N_TEST:
        test = some(test, take(test.y, N_TEST, seed))
    if hasattr(train.X, "columns"):
        columns = for_columns()
        train.X = columns.fit_transform(train.X).astype(np.float32)
        test.X = columns.transform(test.X).astype(np.float32)
    return train, test


def for_columns():
    """What turns a table into numbers."""
    numbers = SimpleImputer(strategy="median", keep_empty_features=True)
    # Without a limit, a column of names would give a feature per row.
    categories = OneHotEncoder(
        handle_unknown="ignore", sparse_output=False, max_categories=50
    )
    return make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")),
        (categories, make_column_selector(dtype_exclude="number")),
    )


def some(part, rows):
    """Some rows of a task or of its test rows."""
    X = part.X.iloc[rows] if hasattr(part.X, "iloc") else part.X[rows]
    groups = None if part.groups is None else part.groups[rows]
    return Bunch(X=X, y=part.y[rows], groups=groups)


def folds_of(y, groups, n_folds, seed):
    """Splits into rows to train on and others, stratified, groups kept whole."""
    kind = StratifiedKFold if groups is None else StratifiedGroupKFold
    return kind(n_folds, shuffle=True, random_state=seed).split(y, y, groups)
