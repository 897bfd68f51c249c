"""What fuzz.py puts in: rows, labels, groups, weights and settings as people have them.

A kind of input is a function that bends something clean, such as rows; random numbers
come from the generator that it gets. `draw_case` draws what one case consists of.
"""

from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import gettempdir

import numpy as np
import pandas as pd
import polars as pl
import torch
from scipy import sparse
from sklearn.base import BaseEstimator

__all__ = ["DAMAGES", "Case", "bent_rows", "draw_case", "draw_setting"]

# Axes after the first one.
SHAPES = {"table": (5,), "signals": (3, 20), "images": (3, 8, 8)}
FOLDER = Path(gettempdir())


@dataclass
class Case:
    """What a case gives to an object: what is None is not given."""

    rng: np.random.Generator
    axes: str
    X: object = None
    y: object = None
    groups: object = None
    sample_weight: object = None
    labels: set = field(default_factory=set)  # all that y has in it
    kinds: list = field(default_factory=list)  # names of what was bent

    def by_chance(self, share):
        """Whether something happens that happens in a share of the cases."""
        return self.rng.random() < share

    def bend(self, kinds, value, what=""):
        """Bend a value in one of several ways, and remember the way."""
        name = str(self.rng.choice(list(kinds)))
        self.kinds.append(f"{what}{name}")
        return kinds[name](self.rng, value)

    def others(self):
        """Rows to predict: mostly those of before, or others of the same form."""
        if self.by_chance(0.7):
            return self.X
        X = clean_rows(self.rng, self.axes, self.rng.integers(1, 9))[0]
        if self.kinds and self.by_chance(0.1):
            X = self.bend(SIZES, X, "then ")
        return bent_rows(self, X, "then ") if self.by_chance(0.5) else X


def draw_case(rng, axes="table"):
    """Draw rows and labels, and in part of the cases groups and weights."""
    case = Case(rng, axes)
    X, codes = clean_rows(rng, axes, rng.choice([24, 30, 48]))
    is_clean = case.by_chance(0.15)
    if not is_clean and case.by_chance(0.25):
        X = case.bend(SIZES, X)
    codes = np.resize(codes, np.shape(X)[:1] or 1)
    if not is_clean and case.by_chance(0.5):
        X = bent_rows(case, X)
    y = np.array(["run", "sit", "walk"])[codes] if case.by_chance(0.5) else codes
    if not is_clean and case.by_chance(0.3):
        y = case.bend(LABELS, codes, "y: ")
    case.X, case.y, case.labels = X, y, values_in(y)
    if case.by_chance(0.2):
        case.groups = GROUPS["few"](rng, codes)
        if not is_clean:
            case.groups = case.bend(GROUPS, codes, "groups: ")
    if case.by_chance(0.15):
        case.sample_weight = np.ones(len(codes))
        if not is_clean:
            case.sample_weight = case.bend(WEIGHTS, len(codes), "weights: ")
    return case


def clean_rows(rng, axes, n):
    """Rows around points of two or three classes, and codes of the classes."""
    codes = rng.permutation(np.arange(n) % rng.integers(2, 4))
    X = rng.normal(size=(n, *SHAPES[axes]))
    X[:, 0] += codes.reshape(-1, *[1] * (X.ndim - 2))
    return (1 / (1 + np.exp(-X)) if axes == "images" else X), codes


def bent_rows(case, X, what=""):
    """Rows of a kind of numbers, in a container, or both."""
    if not np.ndim(X):
        return X
    if case.by_chance(0.7):
        # Classifiers of others, inside of ours, are not asked about days to predict.
        kinds = [name for name in NUMBERS if not what or name != "days"]
        with np.errstate(all="ignore"):
            X = case.bend({name: NUMBERS[name] for name in kinds}, X, what)
    return case.bend(CONTAINERS, X, what) if case.by_chance(0.4) else X


def values_in(y):
    """The values of labels, as Python has them; empty where they are not one a row."""
    try:
        values = y.tolist() if hasattr(y, "tolist") else list(y)
        values = [one[0] if isinstance(one, list) else one for one in values]
        return set(values)
    except (TypeError, IndexError):
        return set()


# Rows: how many and of how many axes, which numbers, in which container.


def with_cell(value):
    def bend(rng, X):
        X = np.array(X, dtype=float)
        if X.size:
            X.flat[rng.integers(X.size)] = value
        return X

    return bend


def as_type(dtype):
    return lambda rng, X: np.asarray(X).astype(dtype)


def in_units(lowest, highest):
    return lambda rng, X: X * 10.0 ** rng.uniform(lowest, highest)


def units_by_column(rng, X):
    shape = (np.shape(X)[1], *[1] * (np.ndim(X) - 2)) if np.ndim(X) > 1 else ()
    return X * 10.0 ** rng.uniform(-30, 30, size=shape)


def one_far_out(rng, X):
    X = np.array(X, dtype=float)
    X[:1] *= 1e15
    return X


def constant_column(rng, X):
    X = np.array(X, dtype=float)
    X.T[:1] = rng.choice([0.0, 1.0, 1e-20, 1e20])
    return X


def of_few(rng, X):
    return X[rng.integers(0, min(3, len(X)), len(X))] if len(X) else X


SIZES = {
    "no rows": lambda rng, X: X[:0],
    "one row": lambda rng, X: X[:1],
    "two rows": lambda rng, X: X[:2],
    "three rows": lambda rng, X: X[:3],
    "five rows": lambda rng, X: X[:5],
    "nine rows": lambda rng, X: X[:9],
    "no columns": lambda rng, X: X[:, :0],
    "one column": lambda rng, X: X[:, :1],
    "many columns": lambda rng, X: np.repeat(X, 8, axis=1),
    "one number each": lambda rng, X: X.reshape(len(X), -1)[:, 0],
    "a number": lambda rng, X: np.float64(3.0),
    "an axis more": lambda rng, X: X[..., None],
    "an axis before": lambda rng, X: X[:, None],
    "axes exchanged": lambda rng, X: np.moveaxis(X, 1, -1) if X.ndim > 2 else X.T,
}
NUMBERS = {
    "NaN": with_cell(np.nan),
    "infinity": with_cell(-np.inf),
    "NaN only": lambda rng, X: np.full_like(X, np.nan),
    "an outlier": one_far_out,
    "a constant column": constant_column,
    "constant": lambda rng, X: np.full_like(X, rng.normal()),
    "zeros": lambda rng, X: np.zeros_like(X),
    "duplicates": of_few,
    "another unit": in_units(-30, 30),
    "a large unit": in_units(15, 30),
    "a tiny unit": in_units(-30, -15),
    "units by column": units_by_column,
    "beyond float32": in_units(39, 307),
    "below float32": in_units(-323, -39),
    "far from zero": lambda rng, X: X + 10.0 ** rng.uniform(5, 12),
    "whole numbers": as_type(np.int64),
    "bytes": as_type(np.uint8),
    "int8": as_type(np.int8),
    "float16": as_type(np.float16),
    "float32": as_type(np.float32),
    "long doubles": as_type(np.longdouble),
    "big-endian": as_type(">f8"),
    "booleans": lambda rng, X: X > 0,
    "complex": as_type(complex),
    "objects": as_type(object),
    "texts of numbers": as_type(str),
    "texts": lambda rng, X: np.full(np.shape(X), "much"),
    "days": lambda rng, X: np.asarray(X).astype(int).astype("M8[D]"),
}


def frame(columns):
    def bend(rng, X):
        X = np.asarray(X)
        return pd.DataFrame(X, columns=columns(X.shape[1])) if X.ndim == 2 else X

    return bend


def frame_of_polars(rng, X):
    X = np.asarray(X)
    kinds = "biuf" if X.ndim == 2 else ""
    return pl.DataFrame(X) if X.dtype.kind in kinds and X.itemsize <= 8 else X


def mapped(rng, X):
    """Rows in a file that is mapped into memory."""
    X = np.asarray(X)
    if not X.size or X.dtype == object:
        return X
    path = FOLDER / f"fuzz-{rng.integers(2**62)}"
    X.tofile(path)
    array = np.memmap(path, X.dtype, "r", shape=X.shape)
    path.unlink()
    return array


def read_only(rng, X):
    X = np.array(X)
    X.setflags(write=False)
    return X


def as_sparse(rng, X):
    X = np.asarray(X)
    is_table = X.ndim == 2 and X.dtype.kind in "biuf" and X.itemsize <= 8
    return sparse.csr_array(np.asarray(X, dtype=float)) if is_table else X


def as_tensor(rng, X):
    X = np.asarray(X)
    kinds = ("f2", "f4", "f8", "i1", "u1", "i8", "b1")
    return torch.tensor(X) if X.dtype.str[1:] in kinds and X.dtype.isnative else X


CONTAINERS = {
    "a list": lambda rng, X: np.asarray(X).tolist(),
    "a list of arrays": lambda rng, X: list(np.atleast_1d(X)),
    "a frame": frame(lambda n: [f"s{j}" for j in range(n)]),
    "a frame of numbered columns": frame(range),
    "a frame with a name twice": frame(lambda n: ["s"] * n),
    "a frame of polars": frame_of_polars,
    "sparse": as_sparse,
    "mapped": mapped,
    "read-only": read_only,
    "Fortran order": lambda rng, X: np.asfortranarray(X),
    "each second of more": lambda rng, X: np.repeat(np.atleast_1d(X), 2, axis=0)[::2],
    "backwards": lambda rng, X: np.atleast_1d(X)[::-1],
    "a tensor": as_tensor,
    "masked": lambda rng, X: np.ma.array(X, mask=rng.random(np.shape(X)) < 0.1),
    "None": lambda rng, X: None,
    "a text": lambda rng, X: "rows",
    "a dictionary": lambda rng, X: {"rows": np.asarray(X)},
    "ragged": lambda rng, X: [[0.0] * (1 + i % 3) for i in range(np.size(X) // 5)],
}


# Labels, from codes.


def with_one(value, dtype=object):
    def bend(rng, y):
        y = np.array(y, dtype=dtype)
        y[:1] = value
        return y

    return bend


def one_row_each(rng, y):
    return np.arange(len(y)) if rng.random() < 0.5 else np.r_[9, y][: len(y)]


def tuples(rng, y):
    values = np.empty(len(y), dtype=object)
    values[:] = [(code, code) for code in y]
    return values


def days_of(y):
    return np.datetime64("2026-01-01") + y.astype("m8[D]")


LABELS = {
    "booleans": lambda rng, y: y > 0,
    "floats": lambda rng, y: y.astype(float),
    "float16": lambda rng, y: y.astype(np.float16),
    "bytes of numbers": lambda rng, y: y.astype(np.uint8),
    "negative": lambda rng, y: -y,
    "far apart": lambda rng, y: y * 2**40,
    "beyond float64": lambda rng, y: y + 2**53,
    "one class": lambda rng, y: np.zeros_like(y),
    "classes of one row": one_row_each,
    "objects": lambda rng, y: y.astype(object),
    "several types": with_one("0"),
    "a None": with_one(None),
    "a NaN": with_one(np.nan, float),
    "infinite": with_one(np.inf, float),
    "one-hot": lambda rng, y: np.eye(max(y, default=0) + 1, dtype=int)[y],
    "a column": lambda rng, y: y[:, None],
    "measurements": lambda rng, y: rng.normal(size=len(y)),
    "one too few": lambda rng, y: y[:-1],
    "one too many": lambda rng, y: np.r_[y, 0],
    "categories": lambda rng, y: pd.Series(y, dtype="category"),
    "a series": lambda rng, y: pd.Series(y, index=np.arange(len(y))[::-1]),
    "polars": lambda rng, y: pl.Series(y),
    "nullable": lambda rng, y: pd.Series(y, dtype="Int64"),
    "a list": lambda rng, y: y.tolist(),
    "a list of lists": lambda rng, y: [[code] for code in y.tolist()],
    "a tensor": lambda rng, y: torch.tensor(y),
    "empty texts": lambda rng, y: np.array(["", " ", "\n"])[y],
    "long texts": lambda rng, y: np.array(["a" * 9999, "<b>é</b>", "😀"])[y],
    "bytes": lambda rng, y: y.astype("S"),
    "tuples": tuples,
    "days": lambda rng, y: days_of(y),
    "complex": lambda rng, y: y.astype(complex),
    "None": lambda rng, y: None,
    "a text": lambda rng, y: "labels",
    "a number": lambda rng, y: 3,
}


# Groups, from codes of the classes, and weights, from the number of rows.

GROUPS = {
    "few": lambda rng, y: np.arange(len(y)) % 6,
    "one": lambda rng, y: np.zeros(len(y), int),
    "one each": lambda rng, y: np.arange(len(y)),
    "the classes": lambda rng, y: np.array(y),
    "names": lambda rng, y: np.array(["Ann", "Bob", "Eve"])[np.arange(len(y)) % 3],
    "days": lambda rng, y: days_of(np.arange(len(y)) % 4),
    "a column": lambda rng, y: np.arange(len(y))[:, None] % 6,
    "a None": lambda rng, y: with_one(None)(rng, np.arange(len(y)) % 6),
    "all None": lambda rng, y: [None] * len(y),
    "a NaN": lambda rng, y: with_one(np.nan, float)(rng, np.arange(len(y)) % 6),
    "one too few": lambda rng, y: np.arange(len(y) - 1) % 6,
    "a text": lambda rng, y: "groups",
    "a list": lambda rng, y: (np.arange(len(y)) % 6).tolist(),
}
WEIGHTS = {
    "random": lambda rng, n: rng.random(n),
    "whole": lambda rng, n: rng.integers(1, 4, n),
    "zeros too": lambda rng, n: rng.integers(0, 2, n),
    "zeros": lambda rng, n: np.zeros(n),
    "negative": lambda rng, n: rng.normal(size=n),
    "a NaN": lambda rng, n: with_one(np.nan, float)(rng, np.ones(n)),
    "infinite": lambda rng, n: with_one(np.inf, float)(rng, np.ones(n)),
    "huge": lambda rng, n: np.full(n, 1e300),
    "tiny": lambda rng, n: np.full(n, 1e-300),
    "uneven": lambda rng, n: 10.0 ** rng.uniform(-12, 12, n),
    "one too few": lambda rng, n: np.ones(max(0, n - 1)),
    "a column": lambda rng, n: np.ones((n, 1)),
    "texts": lambda rng, n: ["much"] * n,
    "a number": lambda rng, n: 2.0,
}


# Files, from their bytes.


def with_other_bytes(rng, content):
    values = bytearray(content)
    for place in rng.integers(len(values), size=rng.integers(1, 9)):
        values[place] = rng.integers(256)
    return bytes(values)


def cut_out(rng, content):
    first, last = sorted(rng.integers(len(content), size=2))
    return content[:first] + content[last:]


DAMAGES = {
    "other bytes": with_other_bytes,
    "a part missing": cut_out,
    "cut off": lambda rng, content: content[: rng.integers(len(content))],
    "more at the end": lambda rng, content: content + rng.bytes(9),
    "no bytes": lambda rng, content: b"",
    "other content": lambda rng, content: rng.bytes(len(content)),
}


# Settings: values in and out of the range of whatever parameter gets them.

SETTINGS = [
    None,
    True,
    False,
    "nonsense",
    "",
    b"auto",
    -1,
    0,
    1,
    2,
    3,
    7,
    10**6,
    -0.5,
    0.0,
    1e-12,
    0.3,
    0.5,
    1.0,
    1.5,
    1e12,
    float("nan"),
    float("inf"),
    -float("inf"),
    1j,
    np.float32(0.5),
    np.int64(2),
    np.bool_(True),
    [],
    [1],
    [0.5, 2.0],
    (),
    (1, 2, 3),
    ("knn", 3),
    ("knn", 0),
    {},
    {0: 2},
    {"run": 3, "walk": 0.5},
    set(),
    range(3),
    np.array([1.0, 2.0]),
    np.eye(3),
    torch.tensor(1.0),
    pd.Series([1.0, 2.0]),
    object,
    BaseEstimator(),
    np.random.RandomState(0),
    len,
]
SEEDS = [None, 0, 2**32 - 1, 2**32, -1, 1.5, "0", np.int64(3), np.random.default_rng(0)]


def draw_setting(rng, name):
    """A value for a parameter."""
    values = SEEDS if name.endswith("random_state") else SETTINGS
    return deepcopy(values[rng.integers(len(values))])  # some change when drawn from
