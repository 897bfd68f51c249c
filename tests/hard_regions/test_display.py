"""Displays: what is drawn is what the sampler found."""

from itertools import product

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from helpers import legend_of, refuses
from sklearn.datasets import load_iris, make_moons
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skaug import (
    HardPoints,
    HardRegionDisplay,
    HardRegionSampler,
    PotentialHistogramDisplay,
    ResampledClassifier,
)

map_of = HardRegionDisplay.from_estimator
histogram_of = PotentialHistogramDisplay.from_estimator
KINDS = ("easy", "hard", "noisy")


def fitted(X, y, **params):
    sources = HardPoints(metric="euclidean", **params)
    return HardRegionSampler(output="potentials", sources=sources).fit(X, y)


@pytest.fixture(scope="module")
def iris():
    data = load_iris(as_frame=True)
    y = data.target_names[data.target]
    sampler = fitted(data.data, y)
    assert sampler.noisy_.any() and len(sampler.hard_indices_)
    return sampler, data.data, y


@pytest.fixture(scope="module")
def moons():
    X, y = make_moons(300, noise=0.3, random_state=0)
    return fitted(X, y), X, y


def rows_of(sampler, y, label, kind):
    """Rows of a class and kind, in ascending order of potential."""
    hard = sampler.potentials_ > 0
    of_kind = {"hard": hard, "noisy": sampler.noisy_, "easy": ~hard & ~sampler.noisy_}
    rows = np.flatnonzero((y == label) & of_kind[kind])
    return rows[np.argsort(sampler.potentials_[rows], kind="stable")]


def test_positions_are_principal_components_of_standardised_columns(iris):
    sampler, X, y = iris
    display, pca, n_drawn = map_of(sampler, X, y), PCA(2), 0
    scores = pca.fit_transform(StandardScaler().fit_transform(X))
    for label, kind in product(np.unique(y), KINDS):
        offsets = display.scatter_[label, kind].get_offsets()
        rows = rows_of(sampler, y, label, kind)
        np.testing.assert_allclose(offsets, scores[rows], atol=1e-9)
        n_drawn += len(offsets)
    assert n_drawn == len(X)
    assert [f"{100 * r:.0f}" for r in pca.explained_variance_ratio_] == ["73", "23"]
    assert display.ax_.get_xlabel() == "first principal component (73 % of variance)"
    assert display.ax_.get_ylabel() == "second principal component (23 % of variance)"


def test_colours_stand_for_potentials_and_hollow_for_noisy(iris):
    sampler, X, y = iris
    display = map_of(sampler, X, y, cmap="PiYG")
    cmap = matplotlib.colormaps["PiYG"]
    display.figure_.canvas.draw()
    for label in np.unique(y):
        for kind in ("easy", "hard"):
            drawn = display.scatter_[label, kind]
            potentials = sampler.potentials_[rows_of(sampler, y, label, kind)]
            np.testing.assert_array_equal(drawn.get_array(), potentials)
            if len(potentials):
                expected = cmap(drawn.norm(potentials))
                np.testing.assert_allclose(drawn.get_facecolor(), expected)
        hollow = display.scatter_[label, "noisy"]
        assert len(hollow.get_offsets()) == np.sum(sampler.noisy_ & (y == label))
        assert len(hollow.get_facecolor()) == 0 and len(hollow.get_edgecolor()) == 1


def test_middle_colour_is_zero_and_limits_ignore_outliers():
    rng = np.random.default_rng(0)
    potentials = np.append(rng.uniform(-2, 1, size=1000), [-500.0, 80.0, 900.0])
    n = len(potentials)
    noisy = np.arange(n) == n - 1
    display = HardRegionDisplay(
        rng.normal(size=(n, 2)), potentials, noisy, np.zeros(n), axis_labels=("a", "b")
    ).plot()
    norm = display.colorbar_.norm
    assert norm(0.0) == 0.5
    assert -2 < norm.vmin < -1.9 and 0.9 < norm.vmax < 1.1
    assert display.colorbar_.ax.get_ylabel() == "potential"


def test_hard_points_are_above_all_others(moons):
    scatter = map_of(*moons).scatter_
    zorder = {kind: {scatter[c, kind].get_zorder() for c in (0, 1)} for kind in KINDS}
    assert max(zorder["noisy"]) < min(zorder["easy"])
    assert max(zorder["easy"]) < min(zorder["hard"])


def test_classes_have_their_markers_and_names(iris):
    sampler, X, y = iris
    display = map_of(sampler, X, y)
    assert legend_of(display) == ["setosa", "versicolor", "virginica", "hollow: noisy"]
    shapes = {
        (label, display.scatter_[label, kind].get_paths()[0].vertices.tobytes())
        for label, kind in product(np.unique(y), KINDS)
    }
    assert len(shapes) == len({shape for _, shape in shapes}) == 3


def test_two_columns_are_drawn_as_they_are(moons):
    sampler, X, y = moons
    display = map_of(sampler, X, y)
    assert display.axis_labels == ("column 0", "column 1")
    for other in (display, map_of(sampler, X.tolist(), y.tolist())):
        np.testing.assert_array_equal(other.points, X)
    display = map_of(sampler, X, y, features=(1, 0))
    np.testing.assert_array_equal(display.points, X[:, ::-1])
    assert display.ax_.get_xlabel() == "column 1"


@pytest.mark.parametrize(
    "features", [("petal width (cm)", "sepal length (cm)"), (3, 0), (3, np.int64(0))]
)
def test_columns_of_a_frame_by_name_or_number(iris, features):
    sampler, X, y = iris
    # Only the columns to draw need to be numbers.
    X = X.assign(place="meadow")
    display = map_of(sampler, X, y, features=features)
    names = ["petal width (cm)", "sepal length (cm)"]
    np.testing.assert_array_equal(display.points, X[names])
    assert [display.ax_.get_xlabel(), display.ax_.get_ylabel()] == names


def test_drawing_again_and_on_given_axes(moons):
    sampler, X, y = moons
    figure, ax = plt.subplots()
    display = map_of(sampler, X, y, ax=ax, colorbar=False)
    assert display.ax_ is ax and display.figure_ is figure and figure.axes == [ax]
    assert display.colorbar_ is None
    assert display.plot(scatter_kw={"s": 99}) is display
    assert display.ax_ is not ax
    assert display.scatter_[0, "noisy"].get_sizes() == [99]


def test_a_class_without_hard_points_and_no_noise_at_all():
    X = np.r_[np.zeros((5, 2)), np.ones((5, 2))] + np.arange(20).reshape(10, 2) / 1e3
    y = np.repeat(["b", "a"], 5)
    with pytest.warns(UserWarning, match="no point is in a hard region"):
        sampler = fitted(X, y, radius=0.5)
    display, histogram = map_of(sampler, X, y), histogram_of(sampler, y)
    display.figure_.canvas.draw()
    assert legend_of(display) == ["a", "b"]
    assert histogram.counts.sum(axis=1).tolist() == [5, 5]
    assert histogram.hard_share.tolist() == [0, 0]


def test_nothing_but_noise():
    X, y = np.arange(8.0).reshape(4, 2), [0, 1, 0, 1]
    with pytest.warns(UserWarning, match="count as noise"):
        sampler = fitted(X, y, radius=0.1)
    map_of(sampler, X, y).figure_.canvas.draw()
    histogram = histogram_of(sampler, y)
    assert histogram.counts.sum() == 0 and histogram.noisy_share.tolist() == [1, 1]


@pytest.mark.parametrize("bins", [1, 7, 40])
def test_histogram_counts_what_is_not_noisy(moons, bins):
    sampler, _, y = moons
    display = histogram_of(sampler, y, bins=bins)
    assert len(display.edges) in (bins + 1, bins + 2)
    left = display.edges[:-1] < -1e-12
    for label, counts, stairs in zip((0, 1), display.counts, display.stairs_):
        potentials = sampler.potentials_[(y == label) & ~sampler.noisy_]
        assert counts.sum() == len(potentials)
        assert counts[~left].sum() == np.sum(potentials > 0)
        values, edges, _ = stairs.get_data()
        np.testing.assert_array_equal(values, counts)
        np.testing.assert_array_equal(edges, display.edges)
    assert 0.0 in display.edges
    assert display.line_.get_xdata() == [0, 0]


@pytest.mark.parametrize(
    "potentials, bins",
    [([-0.982484076433121, -0.5], 56), ([0.25, 1.58600583090379], 42)],
)
def test_histogram_keeps_extremes_despite_rounding(potentials, bins):
    sampler = fitted([[0.0], [1.0]] * 2, [0, 1] * 2, radius=3)
    sampler.sources_.potentials_ = np.array(potentials)
    sampler.sources_.noisy_ = np.zeros(2, bool)
    display = histogram_of(sampler, [0, 0], bins=bins)
    assert display.counts.sum() == 2


def test_legend_of_the_histogram_tells_the_shares(moons):
    sampler, _, y = moons
    names = np.array(["sitting", "standing"])[y]
    display = histogram_of(sampler, names)
    for name, text in zip(("sitting", "standing"), legend_of(display), strict=True):
        hard = np.mean(sampler.potentials_[names == name] > 0)
        noisy = np.mean(sampler.noisy_[names == name])
        assert text == f"{name}: {100 * hard:.0f} % hard, {100 * noisy:.0f} % noisy"
    assert display.plot().ax_.get_xlabel()


def test_sampler_of_a_resampled_classifier(moons):
    _, X, y = moons
    sources = HardPoints("all", metric="euclidean")
    sampler = HardRegionSampler(sources=sources, generator="noise")
    model = ResampledClassifier(sampler, LogisticRegression()).fit(X, y)
    assert map_of(model, X, y).potentials is model.sampler_.potentials_
    counts = histogram_of(model, y).counts
    assert counts.sum() == np.sum(~model.sampler_.noisy_)


def test_other_rows_than_those_of_fit_are_refused(moons):
    sampler, X, y = moons
    needs = r"to have the 300 rows that the sampler was fitted on; got 299\. Give what"
    with refuses(f"HardRegionDisplay needs X {needs}"):
        map_of(sampler, X[:-1], y)
    with refuses(f"HardRegionDisplay needs y {needs}"):
        map_of(sampler, X, y[:-1])
    with refuses(f"PotentialHistogramDisplay needs y {needs}"):
        histogram_of(sampler, y[:-1])


@pytest.mark.parametrize("features", [(0, 2), (0,), (0, 1, 1), ("a", "b"), (0.0, 1)])
def test_features_that_are_no_two_columns_are_refused(moons, features):
    with refuses("features to be two columns of X, by name or by number from 0 to 1"):
        map_of(*moons, features=features)


def test_one_column_makes_no_map():
    X, y = [[0.0], [0.5], [1.0], [2.0]], [0, 0, 1, 1]
    with refuses("minimum of 2 is required"):
        map_of(fitted(X, y, radius=1), X, y)


def test_what_is_no_fitted_sampler_is_refused(moons):
    sampler, X, y = moons
    model = ResampledClassifier(HardRegionSampler(), LogisticRegression())
    for unfitted in (HardRegionSampler(), model):
        with refuses("is not fitted yet", NotFittedError):
            map_of(unfitted, X, y)
        with refuses("is not fitted yet", NotFittedError):
            histogram_of(unfitted, y)
    pipe = make_pipeline(StandardScaler(), sampler, LogisticRegression()).fit(X, y)
    message = r"HardRegionDisplay needs a fitted HardRegionSampler.*got a Pipeline\."
    with refuses(message, TypeError):
        map_of(pipe, X, y)


def test_bins_that_are_no_number_are_refused(moons):
    sampler, _, y = moons
    for bins in (0, 2.5, "auto"):
        with refuses("needs bins to be a whole number >= 1; got"):
            histogram_of(sampler, y, bins=bins)
