"""Tables of a user's own: a .csv file, its columns as numbers, and its folds."""

import numpy as np
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler


def read_table(path, target, groups, stop):
    """Features as a frame, labels and groups as texts; `stop` is told what is unfit."""
    try:
        import pandas as pd
    except ImportError:
        stop("pandas to read --data", "none installed", "Run: pip install pandas")
    try:
        table = pd.read_csv(path, low_memory=False)
    except FileNotFoundError:
        stop("a --data file that exists", path, "Check its path.")
    except (OSError, ValueError) as error:
        stop("a readable CSV file", f"{path}: {error}", "Check its contents.")
    listed = ", ".join(table.columns[:30]) + (" ..." if table.shape[1] > 30 else "")
    special = {"--target": target, "--groups": groups}
    if groups is None:
        del special["--groups"]
    for option, column in special.items():
        if column not in table.columns:
            stop(f"{option} to be a column", repr(column), f"Columns are: {listed}.")
    # A class may be called None or NA: only an empty cell is a gap.
    columns = list(special.values())
    texts = pd.read_csv(path, usecols=columns, dtype=str, keep_default_na=False)
    for column in columns:
        if n_empty := int((texts[column] == "").sum()):
            stop(f"{column!r} in every row", f"{n_empty} empty", "Remove these rows.")
    X = table.drop(columns=columns)
    if X.shape[1] == 0:
        stop("columns besides target and groups", listed, "Add features to the file.")
    # Booleans too: one-hot coding, unlike imputing, takes them and their empty cells.
    X = X.astype(dict.fromkeys(X.select_dtypes(exclude="number"), str))
    if np.isinf(X.select_dtypes("number")).any(axis=None):
        stop("finite numbers", "infinity", "Leave such rows out.")
    y = texts[target].to_numpy(dtype=str)
    return X, y, None if groups is None else texts[groups].to_numpy(dtype=str)


def for_columns(scaled=True):
    """What turns a table into numbers, learned from training rows alone."""
    numbers = SimpleImputer(strategy="median", keep_empty_features=True)
    if scaled:
        numbers = make_pipeline(numbers, StandardScaler())
    # Without a limit, a column of names would give a feature per row.
    categories = OneHotEncoder(
        handle_unknown="ignore", sparse_output=False, max_categories=50
    )
    return make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")),
        (categories, make_column_selector(dtype_exclude="number")),
    )


def fold_maker(n_folds, groups, seed):
    """Splitter that keeps the shares of classes and, if given, groups together."""
    kind = StratifiedKFold if groups is None else StratifiedGroupKFold
    return kind(n_folds, shuffle=True, random_state=seed)


def rows_of(X, rows):
    """Rows of a frame or an array, by position."""
    return X.iloc[rows] if hasattr(X, "iloc") else X[rows]
