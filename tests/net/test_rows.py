"""The type of rows: float32, unless it would not tell their values apart."""

import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from helpers import refuses
from sklearn.datasets import load_iris
from sklearn.model_selection import cross_val_score
from skorch.dataset import Dataset
from torch import nn

from skaug import NetClassifier
from skaug.net import MLP
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
        (PASCAL, True),
        (PASCAL * 1e-20, True),
        (PASCAL - 1e5, False),
        (SECONDS, True),
        (SECONDS.astype(np.int64), True),
        (SECONDS.astype(np.float32), False),  # they came like this
        (1e6 + np.arange(600) % 2, True),
        (1e3 + np.arange(600) % 2, False),
        (np.full(600, 0.1), False),
        (np.arange(600) % 7, False),
    ],
)
def test_columns_that_float32_is_too_coarse_for(column, coarse):
    assert coarse_columns(np.column_stack([column, column * 0])) == [0] * coarse


NARROW = [SECONDS, PASCAL, 1e6 + np.arange(600) % 2, 2_459_000.5 + np.arange(600) % 2]


@pytest.mark.parametrize(
    "column, container", [*zip(NARROW, 2 * [np.array, pd.DataFrame])]
)
def test_wide_ranged_columns_are_learned(column, container):
    X, y = np.c_[column, RNG.integers(0, 5, 600)], column > np.median(column)
    scores = cross_val_score(NetClassifier(random_state=0), container(X), y, cv=2)
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
    message = r"float32 can tell apart .*; got \[0, 1\]. Subtract"
    with pytest.warns(UserWarning, match=message) as caught:
        net.fit(X, y)
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        net.fit(X - X.mean(axis=0), y)


@pytest.mark.parametrize("unit", [1e39, 1e-50])
@pytest.mark.parametrize("beside", [0, SECONDS[:150]])
def test_numbers_beyond_float32_are_refused(unit, beside):
    X, y = iris()
    X[:, 0] += beside
    net = NetClassifier(max_epochs=1).fit(X, y)
    X[:, 2] *= unit
    message = r"numbers that float32 can hold; got .*e.* in column 2. Take"
    with refuses(message):
        NetClassifier(max_epochs=1).fit(X, y)
    if unit > 1:
        with refuses(message):
            net.predict(X)


def test_half_precision_is_right_as_it_is():
    X, y = iris()
    net = NetClassifier(max_epochs=1, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        half = net.fit(X.astype(np.float16), y).predict_proba(X.astype(np.float16))
    whole = X.astype(np.float16).astype(np.float32)
    np.testing.assert_array_equal(half, net.fit(whole, y).predict_proba(whole))


@pytest.mark.parametrize("classes", [0.5, "run", [[0, 1, 2]]])
def test_classes_are_a_list(classes):
    with refuses("NetClassifier needs classes to be None or a list of labels; got"):
        NetClassifier(classes=classes).fit(*iris())


def test_a_value_far_away_counts_as_ten_deviations():
    X, y = iris()
    net = NetClassifier(random_state=0).fit(X, y)
    far = X[:1].repeat(2, axis=0)
    far[:, 2] = 3e38, X[:, 2].mean() + 10 * X[:, 2].std()
    proba = net.predict_proba(far)
    np.testing.assert_allclose(proba[0], proba[1], rtol=1e-4)


def test_dates_are_refused():
    X = np.arange(20).astype("datetime64[s]").reshape(10, 2)
    with refuses("NetClassifier needs rows of numbers; got datetime64"):
        NetClassifier().fit(X, np.arange(10) % 2)


def chunked(X, y, sizes):
    """A net that has seen the rows in parts, then all of them."""
    net = NetClassifier(random_state=0)
    for part in np.split(np.arange(len(X)), np.cumsum(sizes)):
        net.partial_fit(X[part], y[part], classes=np.unique(y), epochs=2)
    return net.partial_fit(X, y, epochs=100)


def test_what_later_parts_vary_in_is_learned():
    X, y = iris()
    order = RNG.permutation(150)
    X, y = X[order], y[order]
    X[:30, 2:] = 1.0  # nothing varies in the first part but two columns
    X[30:60] *= 0.01
    assert chunked(X, y, [30, 30]).score(X[60:], y[60:]) > 0.9
    norm = chunked(X, y, [30, 30]).module_.input_norm
    assert (norm.deviation > 0).all() and norm.n_rows == 150


def test_going_on_with_the_same_rows_leaves_the_input_as_it_is():
    X, y = iris()
    X[:, 3] = 0.1
    once = NetClassifier(max_epochs=4, random_state=0).fit(X, y)
    twice = NetClassifier(max_epochs=4, random_state=0)
    twice.partial_fit(X, y, epochs=2).partial_fit(X, y, epochs=2)
    assert np.array_equal(once.predict_proba(X), twice.predict_proba(X))
    assert twice.module_.input_norm.n_rows == 150


def test_loaded_nets_and_nets_of_data_sets_keep_float64(tmp_path):
    X = np.c_[SECONDS, PASCAL]
    y = (np.median(SECONDS) < SECONDS).astype(int)
    net = NetClassifier(random_state=0).fit(X, y)
    net.save_params(tmp_path / "net.pt")
    shapes = {"module__n_features": 2, "module__n_classes": 2}
    other = NetClassifier(MLP, **shapes).initialize()
    other.load_params(tmp_path / "net.pt")
    np.testing.assert_allclose(other.predict_proba(X), net.predict_proba(X), rtol=1e-5)
    of_set = NetClassifier(random_state=0).fit(Dataset(X, y), None)
    assert of_set.score(X, y) > 0.97
    assert NetClassifier(MLP, random_state=0).fit(X, y).input_dtype_ is np.float64


def test_iterable_data_sets_are_refused():
    class Stream(torch.utils.data.IterableDataset):
        def __iter__(self):
            yield from zip(*iris())

    with refuses("a data set that gives rows by number; got Stream, which only"):
        NetClassifier(classes=[0, 1, 2]).fit(Stream(), None)
