"""Nearest rows against all pairs in float64, and where products are too coarse."""

import numpy as np
import pytest

from skaug.hard_regions import nearest
from skaug.hard_regions.nearest import nearest_rows

DISTANCES = {
    "cosine": lambda p, q: 1 - p @ q / np.linalg.norm(p) / np.linalg.norm(q),
    "euclidean": lambda p, q: np.linalg.norm(p - q),
    "manhattan": lambda p, q: np.abs(p - q).sum(),
}
each_metric = pytest.mark.parametrize("metric", DISTANCES)


def double_loop(X, k, queries=None, metric="euclidean", groups=None, of_queries=None):
    """Distances and rows of the nearest, all pairs compared one by one."""
    alone = queries is None
    queries, of_queries = (X, groups) if alone else (queries, of_queries)
    pairs = np.full((len(queries), len(X)), np.inf)
    for p, query in enumerate(queries):
        for q, row in enumerate(X):
            of_one_group = groups is not None and of_queries[p] == groups[q]
            if not of_one_group and not (alone and p == q):
                pairs[p, q] = DISTANCES[metric](query.astype(float), row.astype(float))
    rows = np.argsort(pairs, axis=1, kind="stable")[:, : min(k, len(X) - alone)]
    distances = np.take_along_axis(pairs, rows, axis=1)
    return distances, np.where(np.isinf(distances), -1, rows)


@pytest.fixture(scope="module")
def points():
    rng = np.random.default_rng(0)
    X, queries = rng.normal(size=(70, 4)) + 1, rng.normal(size=(20, 4)) + 1
    return X, queries, rng.integers(9, size=70), rng.integers(9, size=20)


@each_metric
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("width", [4, 40])  # a tree, and products
def test_equals_a_double_loop(points, metric, dtype, grouped, width, monkeypatch):
    monkeypatch.setattr(nearest, "BYTES_AT_ONCE", 4096)  # several blocks
    X, queries, groups, of_queries = points
    X, queries = (np.tile(Z, width // 4).astype(dtype) for Z in (X, queries))
    tolerance = 1e-6 if dtype == np.float32 else 1e-12
    own = {"metric": metric, "groups": groups if grouped else None}
    distances, rows = nearest_rows(X, 5, **own)
    expected, expected_rows = double_loop(X, 5, **own)
    np.testing.assert_allclose(distances, expected, atol=tolerance)
    np.testing.assert_array_equal(rows, expected_rows)
    asked = of_queries if grouped else None
    distances, rows = nearest_rows(X, 5, queries=queries, query_groups=asked, **own)
    expected, expected_rows = double_loop(X, 5, queries, of_queries=asked, **own)
    np.testing.assert_allclose(distances, expected, atol=tolerance)
    np.testing.assert_array_equal(rows, expected_rows)


def test_five_rows_by_hand():
    X = np.array([[0.0], [1.0], [3.0], [7.0], [7.0]])
    distances, rows = nearest_rows(X, 2)
    assert distances.tolist() == [[1, 3], [1, 2], [2, 3], [0, 4], [0, 4]]
    assert rows.tolist() == [[1, 2], [0, 2], [1, 0], [4, 2], [3, 2]]
    distances, rows = nearest_rows(X, 2, groups=np.array(list("aabbb")))
    assert distances.tolist() == [[3, 7], [2, 6], [2, 3], [6, 7], [6, 7]]
    assert rows[:3].tolist() in ([[2, 3], [2, 3], [1, 0]], [[2, 4], [2, 4], [1, 0]])
    assert rows[3:].tolist() == [[1, 0], [1, 0]]
    distances, rows = nearest_rows(X, 1, queries=np.array([[2.5], [9.0]]))
    assert distances.tolist() == [[0.5], [2]] and rows[0, 0] == 2


@pytest.mark.parametrize("n_neighbors", [4, 5, 100])
def test_there_are_no_more_neighbours_than_other_rows(points, n_neighbors):
    X = points[0][:5]
    assert nearest_rows(X, n_neighbors)[1].shape == (5, 4)
    others = nearest_rows(X, n_neighbors, queries=X)[1]
    assert others.shape == (5, min(n_neighbors, 5))
    assert nearest_rows(X[:1], n_neighbors)[1].shape == (1, 0)


@each_metric
def test_groups_leave_fewer_neighbours(points, metric):
    X = points[0][:5]
    distances, rows = nearest_rows(
        X, 3, metric=metric, groups=np.array([0, 0, 0, 0, 1])
    )
    assert (rows[:4] == [4, -1, -1]).all() and (rows[4] >= 0).all()
    assert np.isinf(distances[:4, 1:]).all() and np.isfinite(distances[:4, 0]).all()
    assert (nearest_rows(X, 3, metric=metric, groups=np.zeros(5))[1] == -1).all()


def test_rows_of_zeros_have_no_direction(points):
    X = points[0][:6].copy()
    X[2] = 0
    distances, rows = nearest_rows(X, 5, metric="cosine")
    assert (rows[2] == -1).all() and np.isinf(distances[2]).all()
    others = np.delete(np.arange(6), 2)
    assert 2 not in rows and (np.isfinite(distances).sum(axis=1)[others] == 4).all()
    asked = nearest_rows(X[others], 3, queries=X, metric="cosine")
    assert (asked[1][2] == -1).all() and (asked[1][others] >= 0).all()


@each_metric
def test_many_duplicates_are_neighbours_but_not_of_themselves(metric):
    X = np.ones((12, 20))
    distances, rows = nearest_rows(X, 4, metric=metric)
    assert (distances == 0).all() and (rows != np.arange(12)[:, None]).all()
    assert all(len(set(of_row)) == 4 for of_row in rows.tolist())


@pytest.mark.parametrize("far", [1e6, 1e9, 1e12])
@pytest.mark.parametrize("grouped", [False, True])
def test_what_is_far_away_does_not_blur_what_is_near(far, grouped):
    rng = np.random.default_rng(0)
    X = rng.integers(-9, 10, size=(60, 20)).astype(float)
    X[20:] += far  # the median is there
    X[40:, 0] += far
    groups = rng.integers(20, size=60) if grouped else None
    distances, _ = nearest_rows(X, 5, groups=groups)
    np.testing.assert_array_equal(distances, double_loop(X, 5, groups=groups)[0])
    asked = {"queries": X + 0.25, "query_groups": groups, "groups": groups}
    distances, _ = nearest_rows(X, 5, **asked)
    expected, _ = double_loop(X, 5, X + 0.25, groups=groups, of_queries=groups)
    np.testing.assert_array_equal(distances, expected)


@each_metric
@pytest.mark.parametrize("unit", [2.0**-900, 2.0**900])
def test_units_neither_overflow_nor_vanish(points, metric, unit):
    X = points[0]
    distances, rows = nearest_rows(X, 5, metric=metric)
    of_units, rows_of_units = nearest_rows(unit * X, 5, metric=metric)
    factor = 1 if metric == "cosine" else unit
    np.testing.assert_allclose(of_units, factor * distances, rtol=1e-12, atol=0)
    np.testing.assert_array_equal(rows_of_units, rows)


def test_arguments_are_not_changed(points):
    X, queries, groups, of_queries = (array.copy() for array in points)
    for metric in DISTANCES:
        given = {"queries": queries, "groups": groups, "query_groups": of_queries}
        nearest_rows(X, 3, metric=metric, **given)
    for array, before in zip((X, queries, groups, of_queries), points):
        np.testing.assert_array_equal(array, before)
