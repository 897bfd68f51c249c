"""The type of rows: float32, unless it would not tell their values apart."""

import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from helpers import refuses
from sklearn.datasets import load_iris
from sklearn.model_selection import cross_val_score
from torch import nn

from skaug import NetClassifier
from skaug.net.rows import coarse_columns

RNG = np.random.default_rng(0)
SECONDS = 1.7e9 + RNG.uniform(0, 3600, size=600)
PASCAL = 101_325 + RNG.normal(0, 5, size=600)


def iris():
    return load_iris(return_X_y=True)


@pytest.mark.parametrize(
    "column, coarse",
    [
        (RNG.normal(size=600), False),
        (RNG.normal(size=600) * 1e30, False),
        (RNG.normal(size=600) * 1e-30, False),
        (PASCAL, False),  # told apart to a thousandth of their deviation
        (PASCAL * 1e3, False),
        (SECONDS, True),
        (SECONDS.astype(np.int64), True),
        (SECONDS.astype(np.float32), False),  # they came like this
        (np.full(600, 0.1), False),
        (np.arange(600) % 7, False),
    ],
)
def test_columns_that_float32_is_too_coarse_for(column, coarse):
    assert coarse_columns(np.column_stack([column, column * 0])) == [0] * coarse


@pytest.mark.parametrize("column", [SECONDS, PASCAL])
def test_wide_ranged_columns_are_learned(column):
    X, y = np.c_[SECONDS, PASCAL], column > np.median(column)
    for rows in (X, pd.DataFrame(X, columns=["time", "pressure"])):
        scores = cross_val_score(NetClassifier(random_state=0), rows, y, cv=3)
        assert scores.mean() > 0.97


@pytest.mark.parametrize("unit", [1e-30, 1e-7, 1e12, 1e30])
def test_any_unit_trains_alike(unit):
    X, y = iris()
    expected = NetClassifier(random_state=0).fit(X, y).predict_proba(X)
    found = NetClassifier(random_state=0).fit(X * unit, y).predict_proba(X * unit)
    np.testing.assert_allclose(found, expected, atol=0.02)


def test_a_column_that_varies_only_later_does_not_matter():
    X, y = iris()
    X[:, 3] = 1.0
    net = NetClassifier(max_epochs=3, random_state=0).fit(X, y)
    later = X + [0, 0, 0, 1e6]
    assert np.array_equal(net.predict_proba(X), net.predict_proba(later))


def test_float64_where_it_is_needed_only():
    X, y = np.c_[SECONDS, PASCAL], np.arange(600) % 2
    wide = NetClassifier(max_epochs=1).fit(X, y)
    assert wide.input_dtype_ is np.float64 and wide.encode(X, y)[0].dtype == np.float64
    assert all(p.dtype == torch.float32 for p in wide.module_.parameters())
    narrow = NetClassifier(max_epochs=1).fit(*iris())
    assert narrow.input_dtype_ is np.float32
    assert narrow.encode(*iris())[0].dtype == np.float32


def test_a_network_of_ones_own_is_warned_about():
    X, y = np.c_[SECONDS, PASCAL], np.arange(600) % 2
    net = NetClassifier(nn.Linear(2, 2), max_epochs=1)
    message = r"float32 can tell apart .*; got \[0\]. Subtract"
    with pytest.warns(UserWarning, match=message) as caught:
        net.fit(X, y)
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        net.fit(X - X.mean(axis=0), y)


def test_numbers_beyond_float32_are_refused():
    X, y = iris()
    with refuses("numbers that float32 can hold; got some beyond 3.4e38"):
        NetClassifier(max_epochs=1).fit(X * 1e39, y)
    net = NetClassifier(max_epochs=1).fit(X, y)
    with refuses("numbers that float32 can hold"):
        net.predict(X * 1e39)
