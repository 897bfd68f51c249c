"""Semantic directions: eigenvectors of a class, and rows along them."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from helpers import refuses
from sklearn.datasets import load_iris
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNetClassifier
from torch import nn

from skaug import ISDAClassifier, NetClassifier
from skaug.isda import FeatureInversion, SemanticDirectionsDisplay

directions_of = SemanticDirectionsDisplay.from_estimator


class LastLayer(nn.Module):
    """Features are the numbers of a row: a last layer alone."""

    def __init__(self, input_shape, n_classes):
        super().__init__()
        self.head = nn.Linear(int(np.prod(input_shape)), n_classes)

    def forward(self, X):
        return self.head(X.flatten(1))


def trained(X, y, kind=NetClassifier):
    return kind(LastLayer, max_epochs=1, random_state=0).fit(X, y)


@pytest.fixture(scope="module")
def planted():
    """Two classes of 60 rows; "b" varies 3, 2 and 1 along three of six axes."""
    rng = np.random.default_rng(0)
    axes = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    spread = np.where(np.arange(120)[:, None] < 60, [1, 1, 1], [3, 2, 1])
    X = (rng.normal(size=(120, 3)) * spread) @ axes[:3]
    y = np.repeat(["a", "b"], 60)
    return (X + 2 * (y == "b")[:, None] * axes[3]).astype(np.float32), y, axes


def brute_force(X, target, left_out=()):
    """Number of the row nearest to a target, by a loop, and its distance."""
    gaps = [
        np.inf if number in left_out else np.linalg.norm(row - target)
        for number, row in enumerate(X.astype(float))
    ]
    return int(np.argmin(gaps)), min(gaps)


def test_directions_are_eigenvectors_of_the_class(planted):
    X, y, axes = planted
    found = directions_of(trained(X, y), X, y, "b", n_directions=6, deviations=[1])
    covariance = np.cov(X[y == "b"].T.astype(float), bias=True)
    values, vectors = np.linalg.eigh(covariance)
    assert found.directions.shape == (3, 6)  # it varies along no more
    np.testing.assert_allclose(found.variances, values[::-1][:3], rtol=1e-6)
    np.testing.assert_allclose(found.variance_shares.sum(), 1)
    overlap = np.abs(found.directions @ vectors[:, ::-1][:, :3])
    np.testing.assert_allclose(overlap, np.eye(3), atol=1e-5)
    # So they are the axes that were planted, up to chance.
    np.testing.assert_allclose(found.variances, [9, 4, 1], rtol=0.5)
    assert (np.abs(np.diag(found.directions @ axes[:3].T)) > 0.95).all()


def test_rows_are_nearest_to_the_mean_moved(planted):
    X, y, _ = planted
    steps = (-3, -0.5, 0, 2)
    found = directions_of(trained(X, y), X, y, "b", deviations=steps)
    mean = X[y == "b"].astype(float).mean(axis=0)
    for k, (direction, variance) in enumerate(zip(found.directions, found.variances)):
        for t, step in enumerate(steps):
            target = mean + step * variance**0.5 * direction
            number, gap = brute_force(X, target)
            assert found.nearest[k, t] == number and found.labels[k, t] == y[number]
            np.testing.assert_allclose(found.distances[k, t], gap, rtol=1e-5)


def test_a_row_is_moved_to_other_rows_near_it(planted):
    X, y, _ = planted
    net = trained(X, y)
    net.criterion_.train()
    found = directions_of(net, X, y, row=70, deviations=(0, 0.01))
    assert net.criterion_.training
    assert found.label == "b" and (found.nearest[:, 0] == 70).all()
    assert (found.distances[:, 0] == 0).all()
    for number, direction, variance in zip(
        found.nearest[:, 1], found.directions, found.variances
    ):
        target = X[70].astype(float) + 0.01 * variance**0.5 * direction
        assert number == brute_force(X, target, left_out=[70])[0]


def test_rows_are_the_same_in_rotated_and_in_scaled_features(planted):
    X, y, _ = planted
    around = {"deviations": (-1.5, 1.5)}
    found = directions_of(trained(X, y), X, y, "b", **around)
    rotation = np.linalg.qr(np.random.default_rng(1).normal(size=(6, 6)))[0]
    for change, scale in ((rotation, 1), (100 * np.eye(6), 100)):
        changed = (X @ change).astype(np.float32)
        other = directions_of(trained(changed, y), changed, y, "b", **around)
        np.testing.assert_allclose(other.variances, scale**2 * found.variances, 1e-4)
        sign = np.diag(other.directions @ (found.directions @ change / scale).T)
        np.testing.assert_allclose(np.abs(sign), 1, rtol=1e-4)
        for line, expected, one in zip(other.nearest, found.nearest, sign):
            np.testing.assert_array_equal(line[:: int(np.rint(one))], expected)


def test_covariances_of_the_training(planted):
    X, y, _ = planted
    net = trained(X, y, ISDAClassifier)
    found = directions_of(net, X, y, "b", covariance=net.covariance_, deviations=[1])
    moved = net.covariance_[1] @ found.directions.T
    np.testing.assert_allclose(moved, found.directions.T * found.variances, atol=1e-4)
    rows = directions_of(net, X, y, "b", deviations=[1])  # one pass saw the same rows
    np.testing.assert_allclose(rows.variances, found.variances, rtol=1e-4)
    only = directions_of(net, X, y, "b", covariance=[[1] * 6, [1, 1, 5, 3, 1, 1]])
    np.testing.assert_array_equal(only.directions[:2], np.eye(6)[[2, 3]])
    for wrong, got in (np.ones((2, 5)), "shape"), (np.full((2, 6), np.nan), "NaN"):
        with refuses(f"needs a symmetric, finite covariance .* got {got}"):
            directions_of(net, X, y, "b", covariance=wrong)


def test_a_pipeline_is_asked_for_features_and_its_rows_are_shown():
    X, y = load_iris(return_X_y=True, as_frame=True)
    X["unit"] = 7.0
    pipeline = make_pipeline(StandardScaler(), NetClassifier(max_epochs=1))
    pipeline.fit(X, y)
    net, scaled = pipeline[-1], pipeline[0].transform(X)
    some = {"deviations": (-1, 1)}
    found = directions_of(pipeline, X, y, 2, **some)
    np.testing.assert_array_equal(
        found.nearest, directions_of(net, scaled, y, 2, **some).nearest
    )
    np.testing.assert_allclose(found.rows, scaled[found.nearest])
    assert [text.get_text() for text in found.axes_[0, 0].get_yticklabels()] == [*X]
    bars = [bar.get_width() for bar in found.axes_[1, 0].patches]
    np.testing.assert_allclose(bars, scaled[found.nearest[1, 0]])


def test_bars_begin_at_zero_and_are_missing_for_what_is_missing():
    rows = np.array([[[2.0, 3.0], [np.nan, 4.0]]])
    nothing = np.ones((1, 2))
    display = SemanticDirectionsDisplay(
        rows, label=0, deviations=(0, 1), directions=nothing, variances=[1.0],
        variance_shares=[1.0], distances=nothing,
    ).plot()  # fmt: skip
    low, high = display.axes_[0, 0].get_xlim()
    assert low < 0 and high > 4
    X, y = load_iris(return_X_y=True)
    X[3, 1] = np.nan
    pipeline = make_pipeline(SimpleImputer(), NetClassifier(max_epochs=1)).fit(X, y)
    found = directions_of(pipeline, X, y, row=3, deviations=(0, 1))
    expected = (X - np.nanmean(X, axis=0)) / np.nanstd(X, axis=0)
    np.testing.assert_array_equal(found.rows, expected[found.nearest])
    assert np.isnan(found.rows[0, 0, 1])


@pytest.mark.parametrize("shape", [(2, 12), (1, 4, 3), (3, 4, 4)])
def test_signals_are_lines_and_images_are_images(shape):
    X = np.random.default_rng(0).normal(size=(20, *shape)).astype(np.float32)
    y = np.arange(20) % 2
    figure = plt.figure()
    found = directions_of(
        trained(X, y), X, y, n_directions=2, deviations=(0, 2), figure=figure
    )
    assert found.rows.shape == (2, 2, *shape) and found.label == 0
    assert found.axes_.shape == (2, 2) and found.figure_ is figure
    ax, row = found.axes_[1, 0], X[found.nearest[1, 0]]
    if len(shape) == 2:
        drawn = np.stack([line.get_ydata() for line in ax.lines])
        np.testing.assert_array_equal(drawn, row)
    elif shape[0] == 1:
        np.testing.assert_array_equal(ax.images[0].get_array(), row[0])
    else:
        assert ax.images[0].get_array().shape == (4, 4, 3)


def test_channels_that_are_last_are_drawn_all_the_same():
    X = np.random.default_rng(0).normal(size=(20, 12, 2)).astype(np.float32)
    y = np.arange(20) % 2
    net = NetClassifier(max_epochs=1, channels_last=True, module__widths=(4,))
    found = directions_of(net.fit(X, y), X, y, deviations=[1], n_directions=2)
    assert found.rows.shape == (2, 1, 2, 12)
    mean = torch.from_numpy(X.mean(axis=0).T)
    inversion = FeatureInversion(lambda z: z[:, :1, None] * mean, 4, steps=1)
    made = directions_of(net, X, y, row=0, n_directions=2, inversion=inversion)
    assert made.rows.shape == (2, 5, 2, 12)


def test_rows_of_another_class_are_named(planted):
    X, y, _ = planted
    y = np.where(np.arange(120) % 3 == 0, "a", y)
    found = directions_of(trained(X, y), X, y, "b")
    assert (found.labels == "a").any() and (found.labels == "b").any()
    names = [[ax.get_xlabel() for ax in axes] for axes in found.axes_]
    np.testing.assert_array_equal(names, np.where(found.labels == "b", "", "a"))


def test_rows_of_a_generator_reach_the_features(planted):
    X, y, _ = planted
    draws = np.random.default_rng(0).normal(size=(8, 6))
    axes = np.linalg.qr(draws - draws.mean(axis=0))[0]
    axes = torch.from_numpy(axes.astype(np.float32))

    def generator(noise):  # of any row that is shorter than 28
        return 10 * noise @ axes

    inversion = FeatureInversion(generator, 8, steps=150, random_state=0)
    net = trained(X, y)
    found = directions_of(net, X, y, row=70, inversion=inversion, n_directions=2)
    far = np.abs(found.deviations) * found.variances[:, None] ** 0.5
    assert (found.distances < 0.02 * far + 0.05).all()
    scaled = (X - X.mean(axis=0)) / X.std(axis=0)
    np.testing.assert_allclose(found.rows[:, 2], scaled[[70, 70]], atol=0.1)
    assert found.nearest is None and found.axes_[0, 0].get_xlabel() == ""
    with refuses("needs a row to start from"):
        directions_of(net, X, y, "b", inversion=inversion)


class OtherEnd(LastLayer):
    """Another map follows the last linear layer."""

    def forward(self, X):
        return super().forward(X) @ X.new_ones(2, 3)


class OfSequences(LastLayer):
    """The last layer gets a sequence of feature vectors."""

    def forward(self, X):
        return self.head(X[:, None])[:, 0]


@pytest.mark.parametrize("kind", [OtherEnd, OfSequences])
def test_a_last_layer_that_is_not_last_is_refused(planted, kind):
    X, y, _ = planted
    y = (y == "b").astype(int)
    params = {"module__input_shape": 6, "module__n_classes": 2}
    net = NeuralNetClassifier(
        kind, **params, criterion=nn.CrossEntropyLoss, classes=[0, 1]
    ).initialize()
    inversion = FeatureInversion(lambda z: z, 6, steps=1)
    for look in (
        lambda: directions_of(net, X, y),
        lambda: inversion.recover(net, X[:2]),
    ):
        with refuses(f"{kind.__name__} needs a plain nn.Linear as its last layer"):
            look()


def test_what_is_refused(planted):
    X, y, _ = planted
    net = trained(X, y)
    with refuses("a net of skorch; got a LogisticRegression", TypeError):
        directions_of(LogisticRegression(), X, y)
    for label in ("c", 1, ["a"]):
        with refuses("needs a label of y; got .*. Take one of"):
            directions_of(net, X, y, label)
    with refuses("variances of 0 for the 1 rows of 'b'"):
        directions_of(net, X[:61], y[:61], "b")
    for what, value in {"row": 120, "n_directions": 0, "deviations": [np.nan]}.items():
        with refuses(f"needs {what} to be"):
            directions_of(net, X, y, **{what: value})
    with refuses("needs inversion to be a FeatureInversion or None"):
        directions_of(net, X, y, row=0, inversion=nn.Identity())
