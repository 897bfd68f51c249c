"""Display of learned augmentation: what is drawn is what the augmenter makes."""

from functools import cache

import matplotlib.pyplot as plt
import numpy as np
import pytest
from helpers import refuses
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skaug import (
    AugmentationGridDisplay,
    InfluenceAugmenter,
    NetClassifier,
    TransformPolicy,
)
from skaug.transforms import Jitter, SameClassInterpolation

SHAPES = {"grey": (1, 6, 5), "colour": (3, 6, 5), "two": (2, 6, 5), "signal": (6, 16)}
JITTER = TransformPolicy([Jitter(0.2)], n_networks=1)


def rows_of(kind):
    """Rows between 0 and 1 of two classes, the same in every test."""
    random = np.random.default_rng(0)
    X = random.uniform(size=(120, *SHAPES.get(kind, [96]))).astype(np.float32)
    return X, np.array(["a", "b"])[np.arange(120) % 2]


@cache
def augmenter_of(kind, learner=JITTER):
    """A fitted augmenter that costs one epoch of training."""
    X, y = rows_of(kind)
    params = {"guard": False, "refit": False, "random_state": 0}
    net = NetClassifier(max_epochs=1)
    augmenter = InfluenceAugmenter(net, augmentation=learner, **params)
    return augmenter.fit(X, y, X_val=X, y_val=y)


def images_of(axes):
    return [ax.images[0].get_array() for ax in axes]


grid_of = AugmentationGridDisplay.from_estimator


@pytest.mark.parametrize("kind", SHAPES)
def test_views_are_those_of_the_augmenter(kind):
    X, y = rows_of(kind)
    augmenter = augmenter_of(kind)
    display = grid_of(augmenter, X, y, n_rows=5)
    display.figure_.canvas.draw()
    np.testing.assert_array_equal(display.X, X[:5])
    np.testing.assert_array_equal(display.views, augmenter.augment(X[:5], y=y[:5]))
    np.testing.assert_array_equal(display.differences, display.views - X[:5])
    assert display.axes_.shape == (3, 5)
    assert [ax.get_title() for ax in display.axes_[0]] == ["a", "b", "a", "b", "a"]
    names = [of_line[0].get_ylabel() for of_line in display.axes_]
    assert names == ["original", "augmented", "difference"]
    again = grid_of(augmenter, X, y, n_rows=5)
    np.testing.assert_array_equal(again.views, display.views)


def test_several_draws_are_lines_of_their_own():
    X, y = rows_of("grey")
    display = grid_of(augmenter_of("grey"), X, y, n_rows=4, n_draws=3)
    expected = augmenter_of("grey").augment(X[:4], n_views=3, y=y[:4])
    np.testing.assert_array_equal(display.draws.reshape(-1, 1, 6, 5), expected)
    assert display.axes_.shape == (5, 4)
    for of_line, draw in zip(display.axes_[1:4], display.draws):
        np.testing.assert_allclose(images_of(of_line), draw[:, 0], rtol=1e-6)
    assert np.abs(display.draws[0] - display.draws[1]).max() > 0.1


def test_images_carry_the_numbers():
    X, y = rows_of("grey")
    display = grid_of(augmenter_of("grey"), X, y, n_rows=3)
    contents = display.X, display.views, display.differences
    for of_line, content in zip(display.axes_, contents):
        np.testing.assert_allclose(images_of(of_line), content[:, 0], rtol=1e-6)
    limits = {ax.images[0].get_clim() for ax in display.axes_[:2].flat}
    assert limits == {(display.X.min(), display.X.max())}
    largest = np.abs(display.differences).max()
    limits = [ax.images[0].get_clim() for ax in display.axes_[2]]
    np.testing.assert_allclose(limits, [(-largest, largest)] * 3, rtol=1e-6)


def test_colours_and_other_channels():
    for kind, shape in (("colour", (6, 5, 3)), ("two", (6, 5))):
        X, _ = rows_of(kind)
        display = grid_of(augmenter_of(kind), X)
        assert np.shape(images_of(display.axes_[0])) == (8, *shape)
        expected = display.differences.mean(axis=1)
        np.testing.assert_allclose(images_of(display.axes_[2]), expected, atol=1e-7)
    # Jitter goes beyond the scale of the rows.
    beyond = AugmentationGridDisplay(X=X[:2], views=9 * X[:2]).plot()
    assert np.min(images_of(beyond.axes_[1])) >= 0


def test_lines_carry_the_signals():
    X, _ = rows_of("signal")
    display = grid_of(augmenter_of("signal"), X, n_rows=2)
    contents = display.X, display.views, display.differences
    for of_line, content in zip(display.axes_, contents):
        for ax, signal in zip(of_line, content):
            lines = [line.get_ydata() for line in ax.lines]
            np.testing.assert_array_equal(lines, signal)
            low, high = ax.get_ylim()
            assert low <= signal.min() and signal.max() <= high
    assert len({ax.get_ylim() for ax in display.axes_[:2].flat}) == 1
    low, high = display.axes_[2, 0].get_ylim()
    assert low == -high


def test_figure_maps_and_number_of_rows_are_as_asked_for():
    X, _ = rows_of("grey")
    figure = plt.figure(layout="constrained")
    left, right = figure.subfigures(1, 2)
    maps = {"cmap": "viridis", "difference_cmap": "PiYG"}
    display = grid_of(augmenter_of("grey"), X[:4], n_rows=20, figure=left, **maps)
    assert display.figure_ is figure and display.axes_.shape == (3, 4)
    names = [of_line[0].images[0].get_cmap().name for of_line in display.axes_]
    assert names == ["viridis", "viridis", "PiYG"]
    assert display.plot(right) is display and display.figure_ is figure
    assert display.plot().figure_ is not figure
    figure.canvas.draw()


def test_labels_reach_transforms_that_need_them():
    X, y = rows_of("signal")
    learner = TransformPolicy([SameClassInterpolation(0.5)], n_networks=1)
    augmenter = augmenter_of("signal", learner)
    assert np.abs(grid_of(augmenter, X, y).differences).max() > 0
    with refuses("needs labels"):
        grid_of(augmenter, X)


def test_tables_are_refused():
    X, _ = rows_of("table")
    message = r"needs images .* or signals .*; got \(120, 96\)\. If X is a table,"
    with refuses(message):
        grid_of(augmenter_of("table", TransformPolicy(n_networks=1)), X)
    with refuses(message):
        AugmentationGridDisplay(X, X).plot()


def test_bad_input():
    X, _ = rows_of("grey")
    for wrong in (LogisticRegression(), make_pipeline(InfluenceAugmenter())):
        message = rf"needs an InfluenceAugmenter; got a {type(wrong).__name__}\."
        with refuses(message, TypeError):
            grid_of(wrong, X)
    with pytest.raises(NotFittedError):
        grid_of(InfluenceAugmenter(), X)
    for name in ("n_rows", "n_draws"):
        for wrong in (0, 2.5, "all"):
            message = rf"{name} to be a whole number >= 1; got .*\. Give the number of"
            with refuses(message):
                grid_of(augmenter_of("grey"), X, **{name: wrong})
