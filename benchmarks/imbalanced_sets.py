"""Imbalanced sets: training rows of very different numbers by class, and test rows.

Some sets are imbalanced as they are. Of the others, the training rows are thinned: to a
long tail, where the numbers of rows of the classes fall by a constant factor and a seed
decides the order of the classes, or to a common and a rare class. Rows that are not
drawn are for the test, at most N_TEST of them in the shares in which they are left.
People of UCI HAR and speakers of vowel are either in training or in the test.

Tables are standardised. Images are 50 principal components of the training images, all
divided by one number.
"""

from functools import cache, partial

import numpy as np
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.decomposition import PCA
from sklearn.model_selection import GroupShuffleSplit, train_test_split
from sklearn.preprocessing import StandardScaler
from sklearn.utils import Bunch

from data import har_features, har_table, keel, load
from runs import readable

IMAGES = ("cifar10", "mnist", "fashion_mnist")
N_POOL, N_TEST, N_COMPONENTS = 10_000, 2_000, 50
TRAIN_SHARE = 0.6  # of each class, at most; people and speakers: 0.7
# (data, way, numbers). tail: rows of the largest and of the smallest class. rare: rows
# of the common and of the rare class. rest: the same, of one class against the rest; it
# changes with the seed. natural: rows as they come, at most so many.
FRESH = {
    "cifar10": ("cifar10", "tail", (200, 10)),
    "mnist": ("mnist", "rest", (1000, 20)),
    "har": ("har", "tail", (300, 10)),
    "breast_cancer": ("breast_cancer", "rare", (214, 11)),
    "wine": ("wine", "tail", (28, 5)),
    "texture": ("texture", "tail", (150, 6)),
    "vowel": ("vowel", "tail", (60, 6)),
    "phoneme": ("phoneme", "rare", (800, 40)),
    "magic": ("magic", "rare", (1000, 50)),
    "vehicle": ("vehicle", "tail", (120, 8)),
    "page-blocks0": ("page-blocks0", "natural", (1000,)),
    "yeast4": ("yeast4", "natural", (1000,)),
    "winequality-red-4": ("winequality-red-4", "natural", (1000,)),
}
# The kinds that defaults were chosen on. WISDM, the ninth of them, cannot be had here.
KNOWN = {
    "satimage": ("satimage", "tail", (200, 10)),
    "letter": ("letter", "tail", (60, 5)),
    "penbased-200": ("penbased", "tail", (200, 10)),
    "penbased-60": ("penbased", "tail", (60, 5)),
    "fashion_mnist-200": ("fashion_mnist", "tail", (200, 10)),
    "fashion_mnist-60": ("fashion_mnist", "tail", (60, 5)),
    "har-spectra": ("har-spectra", "tail", (300, 10)),
    "digits": ("digits", "tail", (80, 6)),
}


@cache
def pool(name):
    """All rows of a set: X, codes y, groups or None, and which rows only test."""
    groups, test = None, None
    if name in ("breast_cancer", "wine"):
        read = {"breast_cancer": load_breast_cancer, "wine": load_wine}[name]
        X, y = read(return_X_y=True)
    elif name in ("digits", "har", "har-spectra", *IMAGES):
        X, y, groups, test = from_load(name)
    else:
        table = keel(name)
        X, y, groups = table.X, table.y, table.groups
    codes = np.unique(y, return_inverse=True)[1]
    test = np.zeros(len(codes), dtype=bool) if test is None else test
    return Bunch(X=np.asarray(X, dtype=float), y=codes, groups=groups, test=test)


def from_load(name):
    """X, y, groups and which rows only test, of a set that ``data.load`` has."""
    data = load(name.split("-")[0])
    groups, test = None, None
    n = N_POOL if name in IMAGES else None
    parts = data.X_train[:n], data.X_test[:n]
    y = np.concatenate([data.y_train[:n], data.y_test[:n]])
    X = np.concatenate(parts)
    if name in IMAGES:
        X, test = X.reshape(len(X), -1), np.arange(len(X)) >= len(parts[0])
    elif name.startswith("har"):
        X = har_features(X) if name == "har" else har_table(X)
        groups = np.concatenate([data.subject_train, data.subject_test])
    load.cache_clear()
    return X, y, groups, test


is_there = partial(readable, pool)


def drawn(setting, seed):
    """Rows of a draw in comparable units: X, y, X_test and y_test."""
    name, way, numbers = setting
    data = pool(name)
    y = data.y
    if way == "rest":
        y = (y == seed % (y.max() + 1)).astype(y.dtype)
    may_train = trainable(data, y, seed)
    rng = np.random.default_rng(seed)
    train = thinned(y, np.flatnonzero(may_train), way, numbers, rng, seed)
    may_test = data.test.copy()
    if data.groups is not None:
        may_test = ~may_train
    elif not may_test.any():
        may_test[:] = True
        may_test[train] = False
    test = some(y, np.flatnonzero(may_test), N_TEST, seed)
    X, X_test = in_units(name, data.X[train], data.X[test])
    return Bunch(X=X, y=y[train], X_test=X_test, y_test=y[test])


def trainable(data, y, seed):
    """Which rows training rows are drawn from."""
    rows, found = np.arange(len(y)), np.zeros(len(y), dtype=bool)
    if data.test.any():
        return ~data.test
    if data.groups is not None:
        folds = GroupShuffleSplit(1, test_size=0.3, random_state=seed)
        chosen = next(folds.split(rows, y, data.groups))[0]
    else:
        chosen = train_test_split(
            rows, train_size=TRAIN_SHARE, stratify=y, random_state=seed
        )[0]
    found[chosen] = True
    return found


def thinned(y, rows, way, numbers, rng, seed):
    """Some of the rows, in the numbers by class that a setting asks for."""
    if way == "natural":
        return some(y, rows, numbers[0], seed)
    counts = np.bincount(y[rows])
    if way == "tail":
        order = rng.permutation(len(counts))
        wanted = np.geomspace(*numbers, len(counts))
    else:
        order, wanted = np.argsort(-counts), np.array(numbers)
    return np.concatenate(
        [
            rng.permutation(rows[y[rows] == code])[: round(number)]
            for code, number in zip(order, wanted)
        ]
    )


def some(y, rows, n, seed):
    """At most n of some rows, with the classes in their shares."""
    if len(rows) <= n:
        return rows
    return train_test_split(rows, train_size=n, stratify=y[rows], random_state=seed)[0]


def in_units(name, X, X_test):
    """Rows in comparable units, which the training rows decide."""
    if name in IMAGES:
        axes = PCA(N_COMPONENTS, random_state=0).fit(X)
        scale = np.sqrt(axes.explained_variance_.mean())
        return axes.transform(X) / scale, axes.transform(X_test) / scale
    scaler = StandardScaler().fit(X)
    return scaler.transform(X), scaler.transform(X_test)
