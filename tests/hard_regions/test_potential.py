"""The potential against its definition, its limits and its symmetries."""

import math
import warnings
from itertools import product

import numpy as np
import pytest
import torch
from helpers import refuses
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from sklearn.datasets import load_iris
from sklearn.neighbors import NearestNeighbors

from skaug import auto_radius, class_potentials, potential, potential_grid

RADII = {"cosine": 0.2, "euclidean": 1.5, "manhattan": 3.0}
each_metric = pytest.mark.parametrize("metric", RADII)
each_space = pytest.mark.parametrize(
    "space",
    [{"metric": metric, "radius": radius} for metric, radius in RADII.items()],
    ids=RADII,
)

DISTANCES = {
    "cosine": lambda p, q: 1 - p @ q / np.linalg.norm(p) / np.linalg.norm(q),
    "euclidean": lambda p, q: np.linalg.norm(p - q),
    "manhattan": lambda p, q: np.abs(p - q).sum(),
}


def double_loop(X, y, radius, gamma, metric, groups=None):
    """Algorithm 1 as printed, but for the sign and the point itself."""
    potentials = np.empty(len(X))
    for p in range(len(X)):
        value, noisy = 0.0, True
        for q in range(len(X)):
            if p == q or (groups is not None and groups[p] == groups[q]):
                continue
            distance = DISTANCES[metric](X[p], X[q])
            if distance <= radius:
                weight = math.exp(-((distance / gamma) ** 2))
                if y[p] == y[q]:
                    value, noisy = value - weight, False
                else:
                    value += weight
        potentials[p] = -1.0 if noisy else value
    return potentials


@pytest.fixture(scope="module")
def points():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(150, 5)) + 1
    return X, rng.choice(["run", "sit", "walk"], 150), rng.integers(30, size=150)


@each_space
@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("width", [0.1, 0.5, 3])
def test_equals_a_double_loop(points, space, grouped, width):
    X, y, groups = points
    space = {**space, "gamma": width * space["radius"]}
    space["groups"] = groups if grouped else None
    expected = double_loop(X, y, **space)
    ours = potential(X, y, **space)
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-10)
    np.testing.assert_array_equal(np.sign(ours), np.sign(expected))


def test_five_points_by_hand():
    # Angles 0, 60, 90, 90 and 180 degrees: distances 1 - cos of the differences.
    angles = np.radians([0, 60, 90, 90, 180])
    X = np.column_stack([np.cos(angles), np.sin(angles)]) * [[1], [2], [3], [4], [5]]
    y = ["a", "b", "a", "b", "b"]
    apart_60, apart_30 = 0.5, 1 - math.sqrt(3) / 2

    def weight(distance):
        return math.exp(-((distance / 0.4) ** 2))

    expected = [
        -1,  # 60 degrees away a "b", and no "a" within 0.6
        weight(apart_60) + weight(apart_30) - weight(apart_30),
        -1,  # two "b", one of them in its own direction, and no "a"
        weight(0) - weight(apart_30),
        -1,  # nobody within 0.6
    ]
    potentials = potential(X, y, radius=0.6, gamma=0.4)
    np.testing.assert_allclose(potentials, expected, atol=1e-12)


def test_two_classes_without_radius_is_the_score_of_rbo():
    rng = np.random.default_rng(1)
    X, y = rng.uniform(size=(60, 3)), np.repeat(["majority", "minority"], [45, 15])
    # The mutual class potential of Koziarski and Krawczyk, as they publish it: a
    # minority point counts itself, with weight 1.
    gamma = 0.05
    kernel = np.exp(-((np.abs(X[:, None] - X).sum(2) / gamma) ** 2))
    score = kernel[:, y == "majority"].sum(1) - kernel[:, y == "minority"].sum(1)
    ours = potential(X, y, radius=np.inf, gamma=gamma, metric="manhattan")
    minority = y == "minority"
    np.testing.assert_allclose(ours[minority], score[minority] + 1, atol=1e-12)
    np.testing.assert_allclose(ours[~minority], 1 - score[~minority], atol=1e-12)


@each_metric
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("radius", [1, 2, 3, 2**0.5])
def test_ties_of_whole_numbers_are_neighbours(metric, dtype, radius):
    # Many pairs are at the radius exactly.
    rng = np.random.default_rng(0)
    X, y = rng.integers(1, 6, size=(100, 3)).astype(dtype), rng.integers(3, size=100)
    if metric == "cosine":
        X, radius = np.eye(3, dtype=dtype)[rng.integers(3, size=100)], 1
    expected = double_loop(X.astype(float), y, radius, 2.0, metric)
    space = {"radius": radius, "gamma": 2.0, "metric": metric}
    for block_size in (None, 64, 7):
        ours = potential(X, y, block_size=block_size, **space)
        np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-6)
    grid = potential_grid(X, y, radius=[radius, 2], gamma=[2.0], metric=metric)
    np.testing.assert_allclose(grid[0, 0], expected, rtol=0, atol=1e-6)


def test_grid_breaks_ties_in_float32_as_single_calls_do():
    rng = np.random.default_rng(0)
    X = (rng.integers(9, size=(100, 1)) / 10).astype(np.float32)
    y = rng.integers(2, size=100)
    for metric in ("euclidean", "manhattan"):
        grid = potential_grid(X, y, radius=[0.1, 0.2, 0.3], gamma=[0.2], metric=metric)
        for radius, values in zip([0.1, 0.2, 0.3], grid[:, 0]):
            one = potential(X, y, radius=radius, gamma=0.2, metric=metric)
            np.testing.assert_allclose(values, one, rtol=0, atol=1e-6)


@pytest.mark.parametrize("far", [1e9, 1e12])
@pytest.mark.parametrize("half", [False, True])
def test_what_is_far_away_does_not_blur_what_is_near(far, half):
    rng = np.random.default_rng(0)
    X, y = rng.integers(-2, 3, size=(120, 3)).astype(float), rng.integers(2, size=120)
    X[: 60 if half else 1] += far
    expected = double_loop(X, y, 1.5, 1.0, "euclidean")
    ours = potential(X, y, radius=1.5, gamma=1.0, metric="euclidean")
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-10)


@each_space
def test_arrays_of_any_layout_and_precision(points, space):
    X, y, _ = points
    expected, metric = potential(X, y, **space), space["metric"]
    wide = np.repeat(X, 2, axis=1)[:, ::2]
    for other in (np.asfortranarray(X), wide, X[::-1].copy()[::-1]):
        other.flags.writeable = False
        ours = potential(other, list(y), **space)
        np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-12)
        assert auto_radius(other, metric=metric) == auto_radius(X, metric=metric)
    X = X.astype(np.float32)
    single, double = potential(X, y, **space), potential(X.astype(float), y, **space)
    np.testing.assert_allclose(single, double, atol=1e-4)
    assert single.dtype == np.float64


@each_space
@pytest.mark.parametrize("grouped", [False, True])
def test_block_size_changes_nothing(points, space, grouped):
    X, y, groups = (part[:60] for part in points)
    space = {**space, "groups": groups if grouped else None}
    whole = potential(X, y, **space)
    for block_size in (1, 7, 32, 60):
        blocks = potential(X, y, block_size=block_size, **space)
        np.testing.assert_allclose(blocks, whole, rtol=0, atol=1e-12)


def test_names_order_and_dtype_of_labels_do_not_matter(points):
    X, y, _ = points
    expected, renamed = potential(X, y, radius=0.2), {"run": 7, "sit": -1, "walk": 3}
    other = [renamed[label] for label in y]
    np.testing.assert_array_equal(potential(X, other, radius=0.2), expected)
    order = np.random.default_rng(0).permutation(len(X))
    other = potential(X[order], y[order], radius=0.2)
    np.testing.assert_allclose(other, expected[order], atol=1e-12)


def test_cosine_ignores_length_and_rotation(points):
    X, y, _ = points
    expected = potential(X, y, radius=0.2)
    lengths = np.geomspace(1e-200, 1e200, len(X))[:, None]
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(5, 5)))[0]
    for other in (X * lengths, X @ turn):
        np.testing.assert_allclose(potential(other, y, radius=0.2), expected, atol=1e-9)


@pytest.mark.parametrize("metric", ["euclidean", "manhattan"])
@pytest.mark.parametrize("unit", [1e-150, 0.3, 1e150])
def test_other_metrics_scale_with_radius_and_gamma(points, metric, unit):
    X, y, _ = points

    def at(X, radius=RADII[metric]):
        return potential(X, y, radius=radius, gamma=radius / 3, metric=metric)

    np.testing.assert_allclose(at(X * unit, RADII[metric] * unit), at(X), atol=1e-10)
    np.testing.assert_allclose(at(X + 100), at(X), atol=1e-9)


@each_space
def test_a_wide_kernel_counts_neighbours_and_a_narrow_one_forgets_none(points, space):
    X, y, _ = points
    potentials, noisy = potential(X, y, gamma=1e8, return_noisy=True, **space)
    counts = double_loop(X, y, gamma=1e8, **space)
    np.testing.assert_allclose(potentials, np.rint(counts), atol=1e-10)
    assert 0 < noisy.sum() < len(X) and (potentials[noisy] == -1).all()
    # All weights underflow, yet who has a neighbour of its class is not noisy.
    potentials, still_noisy = potential(X, y, gamma=1e-9, return_noisy=True, **space)
    np.testing.assert_array_equal(still_noisy, noisy)
    assert np.abs(potentials[~noisy]).max() < 1e-100


def test_points_without_their_class_are_noisy(points):
    X, space = [[0.0], [1.0], [1.1], [50.0]], {"metric": "euclidean", "radius": 2}
    potentials, noisy = potential(X, [0, 1, 1, 1], gamma=1, return_noisy=True, **space)
    assert noisy.tolist() == [True, False, False, True]
    assert potentials[noisy].tolist() == [-1, -1]
    X, y = points[0], points[1].astype(object)
    assert (potential(X, np.zeros(len(X)), radius=0.2) < 0).all()  # one class alone
    y[3] = "fall"
    assert potential(X, y, radius=2.0)[3] == -1


def test_duplicates_of_both_classes():
    X = np.ones((4, 3))
    potentials = potential(X, [0, 0, 0, 1], radius=0.1)
    np.testing.assert_allclose(potentials, [-1, -1, -1, -1])  # 1 - 2, and noisy
    assert potential(X, [0, 0, 1, 1], radius=0.1).tolist() == [1, 1, 1, 1]


def test_overlapping_windows_vouch_for_each_other_unless_grouped():
    # A segment is cut into three nearly equal windows; one segment is mislabelled.
    rng = np.random.default_rng(0)
    segments = rng.normal(size=(40, 6)) * 0.2 + np.repeat(np.eye(6)[:2] * 3, 20, 0)
    y = np.repeat([0, 1], 20)
    y[0] = 1
    X = np.repeat(segments, 3, 0) + 0.001 * rng.normal(size=(120, 6))
    y, segment = np.repeat(y, 3), np.repeat(np.arange(40), 3)
    for groups, found in [(None, False), (segment, True)]:
        noisy = potential(X, y, radius=0.1, groups=groups, return_noisy=True)[1]
        assert noisy[:3].all() == found and not noisy[3:].any()


@each_metric
def test_grid_equals_one_by_one(points, metric):
    X, y, groups = points
    radii = RADII[metric] * np.array([1.0, 0.2, 0.6])
    gammas = RADII[metric] * np.array([0.5, 2.0])
    space = {"metric": metric, "groups": groups}
    grid = potential_grid(X, y, radius=radii, gamma=gammas, **space)
    assert grid.shape == (3, 2, len(X))
    for (i, radius), (j, gamma) in product(enumerate(radii), enumerate(gammas)):
        one = potential(X, y, radius=radius, gamma=gamma, **space)
        np.testing.assert_allclose(grid[i, j], one, rtol=0, atol=1e-12)


@each_space
def test_class_potentials_at_training_points(points, space):
    X, y, _ = points
    expected, noisy = potential(X, y, return_noisy=True, **space)
    row = np.arange(len(X))
    own = row, np.unique(y, return_inverse=True)[1]
    left_out = class_potentials(X, X, y, groups=row, groups_ref=row, **space)
    np.testing.assert_allclose(left_out[own], expected, rtol=0, atol=1e-10)
    # A point among its own neighbours adds one, at distance 0, for its class.
    included = class_potentials(X, X, y, **space)
    np.testing.assert_allclose(included[own][~noisy], expected[~noisy] - 1, atol=1e-10)


@each_space
def test_class_potentials_add_a_point_to_the_loop(points, space):
    X, y, _ = (part[:60] for part in points)
    new, space = X[:7] + 0.1, {**space, "gamma": space["radius"] / 2}
    for row, values in zip(new, class_potentials(new, X, y, **space)):
        for label, value in zip(np.unique(y), values):
            with_it = np.vstack([X, row]), np.append(y, label)
            assert abs(value - double_loop(*with_it, **space)[-1]) < 1e-10


def test_class_potentials_of_string_groups(points):
    X, y, groups = points
    by_name, by_number = (
        class_potentials(X[:20], X, y, radius=0.2, groups=g[:20], groups_ref=g)
        for g in (np.array([f"subject {g}" for g in groups]), groups)
    )
    np.testing.assert_array_equal(by_name, by_number)
    with refuses("groups and groups_ref together; got one"):
        class_potentials(X, X, y, groups=groups)
    with refuses("X as wide as X_ref; got 4 and 5"):
        class_potentials(X[:, :4], X, y)


@pytest.mark.parametrize(
    "metric, offset, radius", [("cosine", 300.0, 1e-5), ("euclidean", 1e5, 2.0)]
)
def test_float32_far_from_the_origin_is_computed_in_float64(metric, offset, radius):
    # Products in float32 would round away the distances altogether.
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 4)).astype(np.float32)
    X[:100] += offset
    X[100:] -= offset
    y = rng.integers(2, size=200)
    double = potential(X.astype(float), y, radius=radius, metric=metric)
    single = potential(X, y, radius=radius, metric=metric)
    assert (double != -1).mean() > 0.5
    np.testing.assert_allclose(single, double, atol=1e-6)


@pytest.mark.parametrize("dtype, tolerance", [(np.float64, 1e-9), (np.float32, 1e-3)])
@each_metric
def test_the_auto_radius_does_not_depend_on_the_unit(metric, dtype, tolerance):
    X, y = load_iris(return_X_y=True)  # many pairs are at the same distance
    X = X.astype(dtype)
    expected = potential(X, y, metric=metric)
    for unit in (0.1, 1 / 3, 2.54, 9.81, 1e-30, 1e-10, 1e10, 1e30):
        found = potential(X * dtype(unit), y, metric=metric)
        np.testing.assert_allclose(found, expected, atol=tolerance)


@each_metric
def test_auto_radius_is_the_median_distance_to_the_tenth_neighbour(points, metric):
    X, _, groups = points
    knn = NearestNeighbors(n_neighbors=11, metric=metric, algorithm="brute").fit(X)
    tenth = knn.kneighbors(X)[0][:, 10]
    radius = auto_radius(X, metric=metric)
    # torch's median is the lower of the two middle values.
    assert radius == pytest.approx(np.sort(tenth)[len(X) // 2 - 1], rel=2e-9)
    single = auto_radius(X.astype(np.float32), metric=metric)
    assert single == pytest.approx(radius, rel=1e-4)
    assert auto_radius(X, metric=metric, groups=groups) > radius
    expected = potential(X, groups, radius=radius, gamma=radius / 2, metric=metric)
    np.testing.assert_array_equal(potential(X, groups, metric=metric), expected)


@each_metric
def test_auto_radius_counts_duplicates_once(points, metric):
    X, _, _ = points
    radius = auto_radius(X, metric=metric)
    for unit in (1.0, 1e-6, 1e6):
        repeated = np.repeat(X * unit, 12, axis=0)
        expected = radius if metric == "cosine" else radius * unit
        assert auto_radius(repeated, metric=metric) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("metric", ["euclidean", "manhattan"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_auto_radius_of_a_table_with_an_outlier(points, metric, dtype):
    X = points[0].astype(dtype)
    radius = auto_radius(X, metric=metric)
    for far in (3e3, 1e8, 1e12):
        X[0] = far
        assert auto_radius(X, metric=metric) == pytest.approx(radius, rel=0.02)


def test_auto_radius_of_few_points():
    assert auto_radius(np.ones((30, 2))) == 1
    assert auto_radius([[1.0, 2.0]]) == 1
    assert auto_radius([[1.0], [4.0]], metric="euclidean") == pytest.approx(3)
    grouped = auto_radius([[1.0], [4.0]], metric="euclidean", groups=[0, 0])
    assert grouped == 1  # nobody has a neighbour


def test_neighbours_whose_distances_have_no_squares(points):
    X, y, *_ = points
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        grid = potential_grid(
            1e-300 * X, y, radius=[1.0], gamma=[1.0], metric="euclidean"
        )
    # All rows are neighbours, at no distance beside gamma.
    own, n = (np.asarray(y) == np.asarray(y)[:, None]).sum(1) - 1, len(y)
    np.testing.assert_allclose(grid[0, 0], n - 1 - 2 * own)


def test_rows_of_zeros_have_no_direction(points):
    X, y, _ = points
    with_zero = np.vstack([np.zeros(5), X])
    labels = np.append("run", y)
    with pytest.warns(UserWarning, match="Rows of zeros only: 1 of 151"):
        potentials = potential(with_zero, labels, radius=2.0)
    assert potentials[0] == -1
    np.testing.assert_allclose(potentials[1:], potential(X, y, radius=2.0), atol=1e-12)
    with pytest.warns(UserWarning, match="Rows of zeros only"):
        assert auto_radius(with_zero) == pytest.approx(auto_radius(X), rel=0.05)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"radius": 2.5}, r"0 < radius <= 2 with the cosine metric.*got 2.5"),
        ({"radius": 0}, r"0 < radius <= 2.*got 0"),
        ({"radius": -1, "metric": "euclidean"}, r"0 < radius \(inf for all points\)"),
        ({"radius": math.nan}, "got nan"),
        ({"radius": "wide"}, "'auto'; got 'wide'"),
        ({"gamma": 0}, "gamma > 0, or 'scale'; got 0"),
        ({"gamma": -0.05}, "got -0.05"),
        ({"gamma": math.inf}, "finite gamma"),
        (
            {"radius": math.inf, "metric": "manhattan"},
            "finite radius for gamma='scale'",
        ),
        ({"radius": [0.1, 0.2]}, "potential_grid takes several"),
        ({"radius": True}, "got True"),
        ({"metric": ["cosine"]}, r"got \['cosine'\]"),
        ({"metric": "minkowski"}, "'cosine', 'euclidean', 'manhattan'; got 'mink.*'"),
        ({"groups": [1, 2]}, r"one group per row, .*; got groups of shape \(2,\)"),
        ({"block_size": 0}, "block_size from 1 to 32768.*got 0"),
    ],
)
def test_messages(points, settings, message):
    with refuses(message):
        potential(*points[:2], **settings)


def test_messages_about_data(points):
    X, y, _ = points
    with refuses("Sparse data was passed", TypeError):
        potential(csr_array(X), y)
    with refuses(r"n_neighbors to be .* >= 1; got 0"):
        auto_radius(X, n_neighbors=0)
    with refuses("a radius and a gamma or more; got none"):
        potential_grid(X, y, radius=[], gamma=[1.0])
    for data, message in [
        ((X, y[:9]), r"one label per row, shape \(150,\); got y of shape \(9,\)"),
        ((np.where(X > 2, np.nan, X), y), "NaN"),
        ((np.empty((0, 3)), []), "0 sample"),
    ]:
        with refuses(message):
            potential(*data)


numbers = st.floats(-1e6, 1e6, width=32) | st.sampled_from([0.0, 1.0, -0.0, 1e-30])
LABELS = {"ints": [0, 1, 2], "strings": ["b", "a"], "bools": [True, False]}


@st.composite
def tables(draw):
    n, d = draw(st.integers(1, 25)), draw(st.integers(1, 4))
    rows = draw(st.lists(st.lists(numbers, min_size=d, max_size=d), min_size=n))
    X = np.array(rows, dtype=draw(st.sampled_from([np.float32, np.float64])))
    kind = LABELS[draw(st.sampled_from(sorted(LABELS)))]
    y = draw(st.lists(st.sampled_from(kind), min_size=len(X), max_size=len(X)))
    return X, y, draw(st.sampled_from([*RADII]))


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(tables())
def test_random_tables_give_finite_potentials(table):
    X, y, metric = table
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Rows of zeros only")
        potentials, noisy = potential(X, y, metric=metric, return_noisy=True)
        under_classes = class_potentials(X, X, y, metric=metric)
    assert potentials.shape == noisy.shape == (len(X),)
    assert np.isfinite(potentials).all() and np.isfinite(under_classes).all()
    assert (np.abs(potentials) <= len(X)).all() and (potentials[noisy] == -1).all()


def test_progress(points, capsys, monkeypatch):
    X, y, _ = points
    clock = iter(range(0, 1000, 6))
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    silent = potential(X, y, radius=0.2, block_size=50)
    assert capsys.readouterr().out == ""
    told = potential(X, y, radius=0.2, block_size=50, verbose=2)
    np.testing.assert_array_equal(told, silent)
    # A third of the rows is left: 8 of 9 of the pairs are done.
    assert "potential: 89% of all pairs in" in capsys.readouterr().out


@pytest.mark.skipif(
    not torch.cuda.is_available(), reason="needs a GPU with CUDA; torch finds none"
)
@each_space
def test_cuda_equals_cpu(points, space):
    X, y, groups = points
    on_gpu = potential(X, y, groups=groups, device="cuda", **space)
    on_cpu = potential(X, y, groups=groups, **space)
    np.testing.assert_allclose(on_gpu, on_cpu, atol=1e-10)
