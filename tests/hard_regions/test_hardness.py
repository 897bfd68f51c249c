"""Hardness against its definition, its limits and its symmetries."""

import math

import numpy as np
import pandas as pd
import polars as pl
import pytest
from helpers import refuses
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from skaug import class_potentials, hardness, potential

KNN = {"radius": ("knn", 10)}


DISTANCES = {
    "cosine": lambda p, q: 1 - p @ q / np.linalg.norm(p) / np.linalg.norm(q),
    "euclidean": lambda p, q: np.linalg.norm(p - q),
    "manhattan": lambda p, q: np.abs(p - q).sum(),
}
each_metric = pytest.mark.parametrize("metric", DISTANCES)


def double_loop(X, y, k, metric, groups=None):
    """The share of other classes, as its formula has it, pair by pair."""
    shares = np.ones(len(X))
    for p in range(len(X)):
        others = [
            (DISTANCES[metric](X[p], X[q]), y[q] != y[p])
            for q in range(len(X))
            if p != q and (groups is None or groups[p] != groups[q])
        ]
        neighbors = sorted(others)[:k]
        if neighbors:
            radius = neighbors[-1][0]
            weights = [weight(distance, radius) for distance, _ in neighbors]
            other = sum(w for w, (_, is_other) in zip(weights, neighbors) if is_other)
            shares[p] = other / sum(weights)
    return shares


def weight(distance, radius):
    return math.exp(-((2 * distance / radius) ** 2))


@pytest.fixture(scope="module")
def points():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(90, 5)) + 1
    return X, rng.choice(["run", "sit", "walk"], 90), rng.integers(20, size=90)


def test_five_points_by_hand():
    X, y = [[0.0], [1.0], [3.0], [7.0], [8.0]], ["a", "a", "b", "b", "a"]
    # Two neighbours each, at the distances 1, 3; 1, 2; 2, 3; 1, 4; 1, 5.
    farthest = math.exp(-4)
    expected = [
        farthest / (weight(1, 3) + farthest),  # the second of its neighbours is a "b"
        farthest / (weight(1, 2) + farthest),
        1,  # both are an "a"
        weight(1, 4) / (weight(1, 4) + farthest),  # the nearer one is an "a"
        1,
    ]
    np.testing.assert_allclose(hardness(X, y, n_neighbors=2), expected, rtol=1e-12)
    # Rows of one group are no neighbours: 1, 3; 1, 6; 3, 4; 4, 6; 5, 7.
    expected = [
        farthest / (weight(1, 3) + farthest),
        farthest / (weight(1, 6) + farthest),
        weight(3, 4) / (weight(3, 4) + farthest),
        farthest / (weight(4, 6) + farthest),
        weight(5, 7) / (weight(5, 7) + farthest),
    ]
    shares = hardness(X, y, n_neighbors=2, groups=[0, 1, 1, 2, 2])
    np.testing.assert_allclose(shares, expected, rtol=1e-12)


@each_metric
@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("k", [1, 4, 10, 89])
def test_equals_a_double_loop(points, metric, grouped, k):
    X, y, groups = points
    given_ = {"metric": metric, "groups": groups if grouped else None}
    shares = hardness(X, y, n_neighbors=k, **given_)
    np.testing.assert_allclose(shares, double_loop(X, y, k, **given_), atol=1e-12)
    assert shares.min() >= 0 and shares.max() <= 1


@each_metric
def test_three_routes_to_one_number(points, metric):
    X, y, groups = points
    classes, codes = np.unique(y, return_inverse=True)
    for apart in (np.arange(len(X)), groups):
        asked = {"groups": apart, "groups_ref": apart, "metric": metric, **KNN}
        under_each = class_potentials(X, X, y, **asked)
        shares = hardness(X, y, groups=apart, metric=metric)
        own = under_each[np.arange(len(X)), codes]
        np.testing.assert_allclose(own, shares, atol=1e-12)
        # Exactly one class is right, so that the other shares add up.
        np.testing.assert_allclose(under_each.sum(axis=1), len(classes) - 1)
        signs = {"metric": metric, "groups": apart, "return_noisy": True}
        values, noisy = potential(X, y, **signs, **KNN)
        clear = ~noisy & (np.abs(shares - 0.5) > 1e-9)
        np.testing.assert_array_equal(values[clear] > 0, shares[clear] > 0.5)
        assert clear.sum() > 40
        np.testing.assert_array_equal(shares[noisy], 1)


def test_limits_of_the_neighbourhood():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, 3)), np.repeat([0, 1], 15)
    X[15:] += 1e6
    # One class is far away: all neighbours have the row's label.
    np.testing.assert_array_equal(hardness(X, y), 0)
    # The last row has the wrong label for its place.
    y[-1] = 0
    assert hardness(X, y)[-1] == 1 and not hardness(X, y)[:15].any()
    # All rows are neighbours; with more neighbours asked for, nothing changes.
    every = hardness(X, y, n_neighbors=29)
    np.testing.assert_array_equal(hardness(X, y, n_neighbors=1000), every)
    # The other crowd lies at the radius, where weights are lowest; one is an own row.
    lowest = math.exp(-4)
    expected = 14 * lowest / (14 + 15 * lowest)
    np.testing.assert_allclose(every[:15], expected, rtol=1e-4)


def test_duplicates_count_alike():
    X, y = np.zeros((8, 3)), list("aaaaabbb")
    expected = [3 / 7] * 5 + [5 / 7] * 3
    np.testing.assert_allclose(hardness(X, y), expected, rtol=1e-15)
    values = class_potentials(X[:1] + 1, X, y, metric="euclidean", **KNN)
    np.testing.assert_allclose(values, [[3 / 8, 5 / 8]], rtol=1e-15)


def test_a_row_without_neighbours_is_as_hard_as_can_be():
    X, y = np.arange(5.0)[:, None], np.array(list("aabba"))
    np.testing.assert_array_equal(hardness(X, y, groups=np.zeros(5)), 1)
    assert hardness(X[:1], y[:1]) == 1
    values = class_potentials(
        X, X, y, groups=np.zeros(5), groups_ref=np.zeros(5), **KNN, metric="euclidean"
    )
    np.testing.assert_array_equal(values, 1)
    with pytest.warns(UserWarning, match="zeros only: 1 of 5"):
        shares = hardness(X, y, metric="cosine")
    assert shares[0] == 1 and (shares[1:] < 1).all()
    with pytest.warns(UserWarning, match="zeros only: 1 of 5"):
        values = class_potentials([[2.0]], X, y, metric="cosine", **KNN)
    np.testing.assert_allclose(values, [[0.5, 0.5]])


@settings(max_examples=30)
@given(
    seed=st.integers(0, 2**32 - 1),
    k=st.integers(1, 12),
    unit=st.floats(1e-6, 1e6),
    shift=st.floats(-100, 100),
)
def test_units_places_orders_and_names_do_not_matter(seed, k, unit, shift):
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(40, 3)), rng.integers(3, size=40)
    shares = hardness(X, y, n_neighbors=k)
    turned, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    moved = hardness(unit * (X @ turned + shift), y, n_neighbors=k)
    np.testing.assert_allclose(moved, shares, atol=1e-9)
    named = hardness(X, np.array(["z", "y", "x"])[y], n_neighbors=k)
    np.testing.assert_array_equal(named, shares)
    order = rng.permutation(40)
    mixed = hardness(X[order], y[order], n_neighbors=k)
    np.testing.assert_allclose(mixed, shares[order], atol=1e-12)
    for metric in DISTANCES:
        assert not hardness(X, np.zeros(40), n_neighbors=k, metric=metric).any()


def test_several_labels_are_questions_of_their_own(points):
    X, y, groups = points
    Y = np.random.default_rng(1).integers(2, size=(len(X), 3))
    together = hardness(X, Y, groups=groups)
    assert together.shape == (len(X), 3)
    for column, labels in zip(together.T, Y.T):
        np.testing.assert_array_equal(column, hardness(X, labels, groups=groups))
    for container in (Y.tolist(), csr_array(Y), Y.astype(bool), pd.DataFrame(Y)):
        np.testing.assert_array_equal(hardness(X, container, groups=groups), together)
    one_hot = (y[:, None] == np.unique(y)).astype(int)
    np.testing.assert_array_equal(hardness(X, one_hot), hardness(X, y))


def test_containers_and_precisions(points):
    X, y, groups = points
    expected = hardness(X, y, groups=groups)
    for table in (pd.DataFrame, pl.DataFrame, np.asfortranarray, list):
        np.testing.assert_array_equal(hardness(table(X), y, groups=groups), expected)
    for column in (pd.Series, pl.Series, list):
        same = hardness(X, column(y), groups=column(groups))
        np.testing.assert_array_equal(same, expected)
    single = hardness(X.astype(np.float32), y, groups=groups)
    np.testing.assert_allclose(single, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_neighbors": 0}, "hardness needs n_neighbors to be a whole number >= 1"),
        ({"n_neighbors": 2.0}, "hardness needs n_neighbors"),
        ({"metric": "hamming"}, "hardness needs metric to be 'cosine', 'euclidean' or"),
        ({"groups": [1, 2]}, "hardness needs one group per row"),
        ({"y": [0, 1]}, r"hardness needs one label per row, shape \(4,\); got y"),
        ({"y": [[1, 1], [0, 1]]}, "hardness needs one row of y per point; got 2 for 4"),
        ({"y": [0.5, 1.2, 3.1, 4.7]}, "Unknown label type"),
        ({"X": [[0.0], [np.nan], [1.0], [2.0]]}, "NaN"),
        ({"X": [0.0, 1.0, 2.0, 3.0]}, "Expected 2D array"),
    ],
)
def test_wrong_input_is_said(change, message):
    given_ = {"X": np.arange(4.0)[:, None], "y": [0, 0, 1, 1]} | change
    with refuses(message):
        hardness(given_.pop("X"), given_.pop("y"), **given_)


@pytest.mark.parametrize(
    "radius", [("knn", 0), ("knn", 2.5), ("nearest", 5), ("knn",), ("knn", True)]
)
def test_wrong_radius_is_said(radius):
    X, y = np.arange(4.0)[:, None], [0, 0, 1, 1]
    with refuses(r"needs a radius as a number, 'auto' or \('knn', number of"):
        class_potentials(X, X, y, radius=radius)
    with refuses(r"\('knn', 10\) takes ten"):
        potential(X, y, radius=radius)
