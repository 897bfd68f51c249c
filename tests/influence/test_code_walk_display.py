"""Display of a walk between codes: what is drawn is what the network makes."""

import copy
from functools import cache

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from helpers import refuses
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression

from skaug import InfluenceAugmenter, NetClassifier, NetworkAugmentation
from skaug._random import own_generators
from skaug.influence import CodeWalkDisplay

SHAPES = {"grey": (1, 6, 5), "colour": (3, 6, 5), "two": (2, 6, 5), "signal": (6, 16)}
LINES = ["row", "warp", "warped", "filter", "view"]
walk_of = CodeWalkDisplay.from_estimator


def rows_of(kind):
    """Rows between 0 and 1 of two classes, the same in every test."""
    random = np.random.default_rng(0)
    X = random.uniform(size=(120, *SHAPES[kind])).astype(np.float32)
    return X, np.array(["a", "b"])[np.arange(120) % 2]


@cache
def network_of(kind, **params):
    """A network that has been trained for no step, but whose fields are not 0."""
    X, y = rows_of(kind)
    augmenter = InfluenceAugmenter(
        NetClassifier(max_epochs=1),
        augmentation=NetworkAugmentation(baseline=None, steps=0, **params),
        guard=False,
        refit=False,
        random_state=0,
    ).fit(X, y, X_val=X, y_val=y)
    generator = torch.Generator().manual_seed(0)
    for stage in augmenter.network_.stages:
        weight = stage.fields.last.weight
        weight.copy_(torch.randn(weight.shape, generator=generator))
    return augmenter


@pytest.mark.parametrize("kind", SHAPES)
def test_it_goes_straight_from_one_draw_of_the_code_to_another(kind):
    X, _ = rows_of(kind)
    network = network_of(kind).network_
    before = [torch.get_rng_state(), *(p.clone() for p in network.parameters())]
    display = walk_of(network_of(kind), X[0])
    display.figure_.canvas.draw()
    after = [torch.get_rng_state(), *network.parameters()]
    assert all(torch.equal(*pair) for pair in zip(before, after, strict=True))
    row = torch.from_numpy(X[:1])
    with own_generators("cpu", int(np.random.RandomState(0).randint(2**31 - 1))):
        ends = network.encode(row), network.encode(row)
    shown = display.views, display.shifts, display.warped, display.changes
    for place in (0, 3, 9):
        code = ends[0] + place / 9 * (ends[1] - ends[0])
        parts = network.parts(row, code)
        expected = parts.view, parts.shift, parts.warped, parts.change
        for line, part in zip(shown, expected):
            assert (line is None) == (part is None)
            if part is not None:
                np.testing.assert_allclose(line[place], part[0], atol=3e-5)
    assert np.abs(display.views[9] - display.views[0]).max() > 1e-3
    lines = [of_line[0].get_ylabel() for of_line in display.axes_]
    assert lines == ([*LINES[:3], "view"] if kind == "grey" else LINES)


def test_the_steps_add_up_to_the_view():
    X, _ = rows_of("colour")
    display = walk_of(network_of("colour"), X[0])
    np.testing.assert_allclose(display.warped + display.changes, display.views)
    filtered = walk_of(network_of("colour", branches="appearance"), X[0])
    np.testing.assert_allclose(X[:1] + filtered.changes, filtered.views)
    assert filtered.shifts is filtered.warped is None
    still = copy.deepcopy(network_of("colour"))
    for stage in still.network_.stages:
        stage.fields.last.weight.zero_()
    display = walk_of(still, X[0])
    np.testing.assert_array_equal(display.views, np.repeat(X[:1], 10, axis=0))
    display.figure_.canvas.draw()


def test_arrows_point_to_where_positions_look():
    shifts = np.zeros((2, 8, 8, 2), np.float32)
    shifts[1, ..., 0], shifts[1, ..., 1] = 0.5, -0.25  # 2 pixels down, 1 to the left
    row = np.random.default_rng(0).random((1, 8, 8)).astype(np.float32)
    views = np.stack([row, row])
    display = CodeWalkDisplay(row, views, shifts=shifts, warped=views).plot()
    (arrows,) = display.axes_[1, 1].collections
    np.testing.assert_allclose(arrows.U, -1)
    np.testing.assert_allclose(arrows.V, 2)
    (none,) = display.axes_[1, 0].collections
    np.testing.assert_allclose(none.U, 0)


def test_figure_and_maps_are_as_asked_for():
    X, _ = rows_of("two")
    figure = plt.figure(layout="constrained")
    left, right = figure.subfigures(1, 2)
    maps = {"cmap": "viridis", "difference_cmap": "PiYG"}
    display = walk_of(network_of("two"), X[0], figure=left, **maps)
    assert display.figure_ is figure and display.axes_.shape == (5, 10)
    named = {of[0].get_ylabel(): of[0] for of in display.axes_}
    assert named["view"].images[0].get_cmap().name == "viridis"
    assert named["filter"].images[0].get_cmap().name == "PiYG"
    assert display.plot(right) is display
    assert display.plot().figure_ is not figure


def test_what_has_no_network_is_refused():
    X, _ = rows_of("grey")
    with refuses("that has learned a network; got a LogisticRegression", TypeError):
        walk_of(LogisticRegression(), X[0])
    with pytest.raises(NotFittedError):
        walk_of(InfluenceAugmenter(), X[0])
    with refuses("needs images"):
        walk_of(network_of("grey"), X[0, 0, 0])
