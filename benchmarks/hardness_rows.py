"""Rows of bench_hardness.py: the sets, their units, draws of rows, and wrong labels."""

from functools import cache, partial

import numpy as np
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.decomposition import PCA
from sklearn.model_selection import GroupShuffleSplit, train_test_split
from sklearn.preprocessing import StandardScaler
from sklearn.utils import Bunch

from data import har_features, keel, load
from runs import readable

CLAIMED = ("digits", "har", "mnist", "texture", "breast_cancer")
IMAGES = ("mnist", "fashion_mnist", "cifar10")
KEEL = ("vowel", "satimage", "letter", "penbased", "segment", "vehicle", "phoneme")
N_TRAIN, N_TEST, N_POOL, N_COMPONENTS = 1000, 1500, 10_000, 50
SETS = (*CLAIMED, "fashion_mnist", "cifar10", "wine", *KEEL)
SHARE = 0.05  # of the labels is changed


@cache
def pool(name):
    """All rows of a set that draws are made of: X, codes y, and groups or None."""
    groups = None
    if name in ("breast_cancer", "wine"):
        read = {"breast_cancer": load_breast_cancer, "wine": load_wine}[name]
        X, y = read(return_X_y=True)
    elif name in KEEL or name == "texture":
        table = keel(name)
        X, y, groups = table.X, table.y, table.groups
    else:
        data = load(name)
        X, y = data.X_train, data.y_train
        if name in IMAGES:
            X, y = X[:N_POOL].reshape(N_POOL, -1).copy(), y[:N_POOL]
        else:
            X, y = np.concatenate([X, data.X_test]), np.concatenate([y, data.y_test])
        if name == "har":
            X = har_features(X)
            groups = np.concatenate([data.subject_train, data.subject_test])
        load.cache_clear()
    codes = np.unique(y, return_inverse=True)[1]
    return Bunch(X=np.asarray(X, dtype=float), y=codes, groups=groups)


is_there = partial(readable, pool)


def some(y, rows, n, seed):
    """At most n of some rows, with the classes in their shares."""
    if len(rows) <= n:
        return rows
    return train_test_split(rows, train_size=n, stratify=y[rows], random_state=seed)[0]


def in_units(name, X, *others):
    """Rows in comparable units, which those of X decide, and others alike."""
    if name in IMAGES:
        axes = PCA(N_COMPONENTS, random_state=0).fit(X)
        scale = np.sqrt(axes.explained_variance_.mean())
        return [axes.transform(Z) / scale for Z in (X, *others)]
    scaler = StandardScaler().fit(X)
    return [scaler.transform(Z) for Z in (X, *others)]


def rows_to_flip(name, seed, n=N_TRAIN):
    """At most n rows of a set, their labels and groups."""
    data = pool(name)
    rows = some(data.y, np.arange(len(data.y)), n, seed)
    (X,) = in_units(name, data.X[rows])
    return X, data.y[rows], None if data.groups is None else data.groups[rows]


def divided(name, seed):
    """Rows to learn from and others, of other people if there are any."""
    data = pool(name)
    y, everything = data.y, np.arange(len(data.y))
    if data.groups is None:
        train, test = train_test_split(
            everything, test_size=0.4, stratify=y, random_state=seed
        )
    else:
        folds = GroupShuffleSplit(1, test_size=0.3, random_state=seed)
        train, test = next(folds.split(everything, y, data.groups))
    all_used = len(train) <= N_TRAIN and len(test) <= N_TEST
    train, test = some(y, train, N_TRAIN, seed), some(y, test, N_TEST, seed)
    X, X_test = in_units(name, data.X[train], data.X[test])
    return Bunch(X=X, y=y[train], X_test=X_test, y_test=y[test], all_used=all_used)


def flipped(X, y, kind, seed):
    """Labels of which a share is changed, and which ones are."""
    rng = np.random.default_rng(seed)
    wrong = np.zeros(len(y), dtype=bool)
    wrong[rng.choice(len(y), round(SHARE * len(y)), replace=False)] = True
    n_classes = y.max() + 1
    if kind == "any class":
        steps = rng.integers(1, n_classes, len(y))
        return np.where(wrong, (y + steps) % n_classes, y), wrong
    means = np.stack([X[y == label].mean(axis=0) for label in range(n_classes)])
    gaps = np.linalg.norm(means[:, None] - means, axis=2)
    np.fill_diagonal(gaps, np.inf)
    return np.where(wrong, gaps.argmin(axis=1)[y], y), wrong
