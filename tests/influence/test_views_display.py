"""Display of learned augmentation: what is drawn is what the augmenter makes."""

import copy
from functools import cache

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from helpers import refuses
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skaug import (
    AugmentationGridDisplay,
    InfluenceAugmenter,
    NetClassifier,
    NetworkAugmentation,
    TransformPolicy,
)
from skaug._random import own_generators
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


@cache
def network_of(kind, **params):
    """A network that has been trained for no step, but whose fields are not 0."""
    learner = NetworkAugmentation(baseline=None, steps=0, **params)
    augmenter = augmenter_of(kind, learner)
    generator = torch.Generator().manual_seed(0)
    for stage in augmenter.network_.stages:
        weight = stage.fields.last.weight
        weight.copy_(30 * torch.randn(weight.shape, generator=generator))
    return augmenter


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
    assert display.path is display.path_axes_ is None
    again = grid_of(augmenter, X, y, n_rows=5)
    np.testing.assert_array_equal(again.views, display.views)


@pytest.mark.parametrize("kind", SHAPES)
def test_path_goes_straight_from_one_draw_of_the_code_to_another(kind):
    X, y = rows_of(kind)
    network = network_of(kind).network_
    before = [torch.get_rng_state(), *(p.clone() for p in network.parameters())]
    display = grid_of(network_of(kind), X, y)
    display.figure_.canvas.draw()
    after = [torch.get_rng_state(), *network.parameters()]
    assert all(torch.equal(*pair) for pair in zip(before, after, strict=True))
    assert display.path.shape == (10, *SHAPES[kind])
    assert display.path_axes_.shape == (2, 10)
    row = torch.from_numpy(X[:1])
    seed = np.random.RandomState(0).randint(2**31 - 1)
    with own_generators("cpu", int(seed)):
        ends = network.encode(row), network.encode(row)
    for place in (0, 3, 9):
        code = ends[0] + place / 9 * (ends[1] - ends[0])
        expected = network.decode(row, code)[0].numpy()
        np.testing.assert_allclose(display.path[place], expected, atol=3e-5)
    assert np.abs(display.path[9] - display.path[0]).max() > 1e-4


def test_other_branches_and_a_network_that_does_nothing_are_drawn():
    X, _ = rows_of("colour")
    augmenters = [
        network_of("colour", **params)
        for params in ({"combination": "serial"}, {"branches": "appearance"})
    ]
    for augmenter in augmenters:
        assert grid_of(augmenter, X).path.shape == (10, 3, 6, 5)
    augmenter = copy.deepcopy(network_of("colour"))
    for stage in augmenter.network_.stages:
        stage.fields.last.weight.zero_()
    display = grid_of(augmenter, X)
    np.testing.assert_array_equal(display.path, np.repeat(X[:1], 10, axis=0))
    np.testing.assert_array_equal(display.differences, np.zeros_like(X[:8]))
    display.figure_.canvas.draw()


def test_images_carry_the_numbers():
    X, y = rows_of("grey")
    display = grid_of(network_of("grey"), X, y, n_rows=3)
    contents = display.X, display.views, display.differences
    for of_line, content in zip(display.axes_, contents):
        np.testing.assert_allclose(images_of(of_line), content[:, 0], rtol=1e-6)
    limits = {ax.images[0].get_clim() for ax in display.axes_[:2].flat}
    assert limits == {(display.X.min(), display.X.max())}
    largest = np.abs(display.differences).max()
    limits = [ax.images[0].get_clim() for ax in display.axes_[2]]
    np.testing.assert_allclose(limits, [(-largest, largest)] * 3, rtol=1e-6)
    along = images_of(display.path_axes_[0])
    np.testing.assert_allclose(along, display.path[:, 0], rtol=1e-6)
    change = images_of(display.path_axes_[1])
    np.testing.assert_allclose(change, (display.path - X[:1])[:, 0], atol=1e-7)


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
    display = grid_of(network_of("grey"), X[:4], n_rows=20, figure=left, **maps)
    assert display.figure_ is figure and display.axes_.shape == (3, 4)
    lines = [*display.axes_, *display.path_axes_]
    names = [of_line[0].images[0].get_cmap().name for of_line in lines]
    assert names == ["viridis", "viridis", "PiYG", "viridis", "PiYG"]
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
    for n_rows in (0, 2.5, "all"):
        with refuses(r"n_rows to be a whole number >= 1; got .*\. Give the number of"):
            grid_of(augmenter_of("grey"), X, n_rows=n_rows)
