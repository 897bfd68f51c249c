"""What bench_methods.py compares methods on: real sets, or a file of the user's own.

A task has training rows, more of them than a draw takes, and test rows. Each draw of a
file leaves out a quarter of its rows, whole groups if it has groups; they are the test
rows if it has no others. Rows of a group are never trained on and tested with.
"""

import zipfile
from functools import partial
from pathlib import Path

import numpy as np
from sklearn.utils import Bunch

import runs
from data import load, pooled, take
from tables import for_columns, read_table, rows_of

# Training rows of a draw, in full and with --quick.
SETS = {
    "digits": (200, 100),
    "mnist": (200, 100),
    "fashion_mnist": (400, 150),
    "cifar10": (300, 150),
    "har": (300, 150),
}
N_TEST = 3000
LEFT_OUT = 0.25  # of the rows of a file, in each draw
FEWEST = 6  # rows of each class in a draw: four to choose a setting with
FEWEST_GROUPS = 5  # three to choose a setting with, and some left out
POOLED = ("mnist", "fashion_mnist")

stop = partial(runs.stop, "bench_methods")


def real_task(name, quick):
    """One of the sets of data.py; images of grey are pooled to 14 x 14."""
    try:
        data = load(name)
    except FileNotFoundError:
        advice = "Set SKAUG_DATA to their folder, or choose others with --sets."
        stop("the data of its sets", f"none of {name}", advice)
    parts = Bunch(X=data.X_train, y=data.y_train, groups=data.get("subject_train"))
    test = np.arange(len(data.y_test))
    if len(test) > N_TEST:
        test = take(data.y_test, N_TEST, 0)
    parts.test = Bunch(X=data.X_test[test], y=data.y_test[test], groups=None)
    if name == "har":
        parts.test.groups = data.subject_test[test]
    if name in POOLED:
        parts.X, parts.test.X = pooled(parts.X), pooled(parts.test.X)
    return Bunch(name=name, n_rows=SETS[name][quick], own=False, **parts)


def own_task(path, target, groups, n_rows):
    """A file of the user's: .npz with arrays or .csv with columns."""
    path = Path(path)
    if not path.exists():
        stop("a file that exists", path, "Check its path.")
    if path.suffix == ".npz":
        if target or groups:
            advice = "Name its arrays y and groups."
            stop(".csv for --target and --groups", path.name, advice)
        task = from_arrays(path)
    elif path.suffix == ".csv":
        X, y, groups = read_table(path, target, groups, stop)
        task = Bunch(X=X, y=y, groups=groups, test=None)
    else:
        stop("--data to end in .npz or .csv", path.name, "Save it as one of them.")
    check_rows(task, n_rows)
    return Bunch(name=path.stem, n_rows=n_rows, own=True, **task)


def check_rows(task, n_rows):
    """Stop at labels and groups that cannot be drawn from."""
    if task.y.dtype.kind not in "biufU":
        stop("labels that are numbers or texts", task.y.dtype, "Convert y.")
    labels, counts = np.unique(task.y, return_counts=True)
    if task.y.dtype.kind == "f" and (labels != labels.round()).any():
        other = labels[labels != labels.round()][0]
        stop("classes", f"numbers such as {other}", "Bin them, or leave NaN out.")
    if len(labels) < 2:
        stop("two classes or more", labels.tolist(), "Add rows of another one.")
    share = min(1 - LEFT_OUT, n_rows / len(task.y))
    few = labels[np.floor(counts * share) < FEWEST].tolist()
    if few:
        advice = "Merge or remove these, add rows, or raise --rows."
        got = f"fewer of {len(few)} classes, such as {few[:5]}"
        stop(f"{FEWEST} rows of each class in a draw", got, advice)
    if task.groups is not None and len(np.unique(task.groups)) < FEWEST_GROUPS:
        got = np.unique(task.groups).tolist()
        stop(f"{FEWEST_GROUPS} groups or more", got, "Leave the groups out.")
    if task.test is None:
        return
    if (task.groups is None) != (task.test.groups is None):
        stop("groups of both parts", "those of one", "Add the others, or leave both.")
    unknown = np.setdiff1d(task.test.y, labels).tolist()
    if unknown:
        stop("test labels that are trained on", unknown, "Leave these rows out.")
    if task.groups is not None and task.test.groups is not None:
        both = np.intersect1d(task.groups, task.test.groups).tolist()
        if both:
            got = f"{both} on both sides"
            stop("other groups to test with", got, "Split the file by group.")


def from_arrays(path):
    """Arrays x and y, or x_train, y_train, x_test, y_test; groups and subject alike."""
    if not zipfile.is_zipfile(path):
        stop("a file of numpy.savez", path.name, "Save it again.")
    with np.load(path, allow_pickle=False) as file:
        keys = {key.lower(): key for key in file.files}
        arrays = {}
        for name in ("x", "y", "groups", "subject"):
            for key in {name, f"{name}_train", f"{name}_test"} & set(keys):
                try:
                    arrays[key] = file[keys[key]]
                except ValueError:
                    advice = "Save texts as strings: y.astype(str)."
                    stop("arrays of numbers or strings", f"objects in {key}", advice)
    if any("_" in key for key in arrays) and not all("_" in key for key in arrays):
        advice = "Give all with _train and _test, or none."
        stop("arrays of one kind of name", sorted(arrays), advice)

    def part(ending):
        X, y = arrays[f"x{ending}"], arrays[f"y{ending}"]
        groups = arrays.get(f"groups{ending}", arrays.get(f"subject{ending}"))
        for name, array in ("y", y), ("groups", groups):
            if array is not None and array.shape != (len(X),):
                got = f"{array.shape} for {len(X)} rows"
                stop(f"one of {name}{ending} per row", got, "Save it as a vector.")
        return Bunch(X=as_rows(X), y=y, groups=groups)

    if {"x_train", "y_train", "x_test", "y_test"} <= set(arrays):
        task = part("_train")
        task.test = part("_test")
        kinds = [arrays[key].dtype for key in ("x_train", "x_test")]
        if task.X.ndim > 2 and (kinds[0] == np.uint8) != (kinds[1] == np.uint8):
            # 8-bit images are scaled, others are not.
            got = " and ".join(map(str, kinds))
            stop("training and test rows of one type", got, "Convert one of them.")
        if task.X.shape[1:] != task.test.X.shape[1:]:
            got = f"{task.X.shape[1:]} and {task.test.X.shape[1:]}"
            stop("training and test rows of one shape", got, "Reshape them.")
        return task
    if {"x", "y"} <= set(arrays):
        return Bunch(**part(""), test=None)
    stop("arrays x and y, or x_train ... y_test", sorted(keys), "Rename them.")


def as_rows(X):
    """Float32 rows: a table, signals (n, channels, times) or images, channels first."""
    is_image = X.dtype == np.uint8 and X.ndim in (3, 4)
    if X.dtype.kind not in "fiub" or X.ndim not in (2, 3, 4):
        got = f"{X.dtype} of shape {X.shape}"
        stop("x of numbers, with 2 to 4 axes", got, "Reshape or convert it.")
    if is_image and X.ndim == 3:
        X = X[:, None]
    elif X.ndim == 4 and X.shape[3] in (1, 3, 4) and X.shape[1] not in (1, 3, 4):
        X = X.transpose(0, 3, 1, 2)
    X = np.ascontiguousarray(X, dtype=np.float32)
    if not np.isfinite(X).all():
        stop("finite x", "NaN or infinity", "Impute it or leave such rows out.")
    return X / 255 if is_image else X


def draw(task, seed):
    """Training rows of a seed, and test rows, as arrays of numbers."""
    if task.own:
        rows, left_out = parted(task.y, task.groups, seed)
        train = some(task, rows)
        train = some(train, mixed_order(train.y, seed)[: task.n_rows])
        test = some(task, left_out) if task.test is None else task.test
        test = some(test, mixed_order(test.y, seed)[:N_TEST])
    else:
        train, test = some(task, take(task.y, task.n_rows, seed)), task.test
    if hasattr(train.X, "columns"):
        columns = for_columns(scaled=False)
        train.X = columns.fit_transform(train.X).astype(np.float32)
        test.X = columns.transform(test.X).astype(np.float32)
    return train, test


def parted(y, groups, seed):
    """Rows to draw from and rows left out, of whole groups if there are any."""
    n_out = round(LEFT_OUT * len(y))
    if groups is None:
        order = mixed_order(y, seed)
        return order[n_out:], order[:n_out]
    random = np.random.RandomState(seed)
    for _ in range(1000):
        # From large to small groups, any order is as likely.
        names = random.permutation(np.unique(groups))
        sizes = np.array([np.sum(groups == name) for name in names])
        n_groups = max(1, int(np.searchsorted(sizes.cumsum(), n_out)))
        out = np.isin(groups, names[:n_groups])
        if len(names) - n_groups >= 3 and set(y[~out]) == set(y):
            return np.flatnonzero(~out), np.flatnonzero(out)
    got = "some class in hardly any of them"
    stop("groups that all classes are spread over", got, "Leave the groups out.")


def mixed_order(y, seed):
    """Random order of rows whose beginnings have each class in proportion."""
    order = np.random.RandomState(seed).permutation(len(y))
    place = np.empty(len(y))
    for label in np.unique(y):
        rows = order[y[order] == label]
        place[rows] = np.arange(len(rows)) / len(rows)
    return order[np.argsort(place[order], kind="stable")]


def some(part, rows):
    """Some rows of a task or of its test rows."""
    groups = None if part.groups is None else part.groups[rows]
    return Bunch(X=rows_of(part.X, rows), y=part.y[rows], groups=groups)
