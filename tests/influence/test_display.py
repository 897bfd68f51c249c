"""Displays of influence: what is drawn is what was computed."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from helpers import legend_of, refuses
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from skaug import (
    InfluenceRankingDisplay,
    LastLayerInfluence,
    LeaveOneOutDisplay,
    NetClassifier,
)

N = 200
left_out = LeaveOneOutDisplay.from_estimator


@pytest.fixture(scope="module")
def rows():
    """Digits: training rows and labels, then those for validation."""
    X, y = load_digits(return_X_y=True)
    X = X / 16
    return X[:N], y[:N], X[N : 2 * N], y[N : 2 * N]


@pytest.fixture(scope="module")
def influence(rows):
    X, y, *_ = rows
    return LastLayerInfluence().fit(X, y)


# Ranking


def test_bars_are_the_ends_of_the_ranking(rows, influence):
    *_, X_val, y_val = rows
    val = X_val, y_val
    display = InfluenceRankingDisplay.from_estimator(influence, *val, n_rows=4)
    change = influence.predicted_loss_change(*val)
    np.testing.assert_array_equal(display.change, change)
    widths = [bar.get_width() for bar in display.bars_]
    np.testing.assert_array_equal(widths, change[display.shown_])
    ranked = np.sort(change)[::-1]
    np.testing.assert_array_equal(widths, np.r_[ranked[:4], ranked[-4:]])
    ticks = [tick.get_text() for tick in display.ax_.get_yticklabels()]
    assert ticks == [str(row) for row in display.shown_]
    # The most helpful row is on top.
    assert display.ax_.yaxis_inverted()


def test_few_rows_are_all_drawn_without_a_gap():
    change = [0.3, -0.1, 0.0, 0.2, -0.4]
    display = InfluenceRankingDisplay.from_predictions(change, n_rows=3)
    assert display.shown_.tolist() == [0, 3, 2, 1, 4]
    np.testing.assert_array_equal(display.ax_.get_yticks(), np.arange(5))
    display.plot(n_rows=1)
    assert display.shown_.tolist() == [0, 4]
    np.testing.assert_array_equal(display.ax_.get_yticks(), [0, 2])


def test_names_labels_axes_and_style():
    _, ax = plt.subplots()
    texts = {"names": ["a.wav", "b.wav"], "labels": ["walk", "run"]}
    display = InfluenceRankingDisplay.from_predictions(
        [0.1, -0.2], ax=ax, bar_kw={"height": 0.5}, **texts
    )
    assert display.ax_ is ax and display.figure_ is ax.figure
    ticks = [tick.get_text() for tick in ax.get_yticklabels()]
    assert ticks == ["a.wav: walk", "b.wav: run"]
    assert display.bars_[0].get_height() == 0.5
    colours = [bar.get_facecolor() for bar in display.bars_]
    assert colours[0] != colours[1]
    assert "without the row, nats" in ax.get_xlabel()


# Leaving out


def test_points_are_predictions_and_refits(rows, influence):
    X, y, X_val, y_val = rows
    display = left_out(LastLayerInfluence(), *rows, n_rows=9, random_state=0)
    change = influence.predicted_loss_change(X_val, y_val)
    np.testing.assert_array_equal(display.predicted, change[display.rows])

    def loss(rows):
        ones = np.ones((N, 1))
        model = LogisticRegression(
            C=1 / (N * 0.1), fit_intercept=False, tol=1e-10, max_iter=5000
        ).fit(np.hstack([X, ones])[rows], y[rows])
        return log_loss(y_val, model.predict_proba(np.hstack([X_val, ones])))

    row = display.rows[0]
    actual = loss(np.arange(N) != row) - loss(np.full(N, True))
    np.testing.assert_allclose(display.actual[0], actual, rtol=1e-3)
    points = np.column_stack([display.predicted, display.actual])
    np.testing.assert_array_equal(display.scatter_.get_offsets(), points)
    assert display.line_.get_slope() == 1
    text = f"r = {display.r:.3f}, slope = {display.slope:.2f}"
    assert legend_of(display)[0] == text
    calibrated = LastLayerInfluence(calibrate=True)
    for other in (display, left_out(calibrated, *rows, n_rows=9, random_state=0)):
        assert other.r > 0.99 and 0.9 < other.slope < 1.1


def test_rows_are_both_ends_and_some_between(rows, influence):
    displays = [
        left_out(influence, *rows, n_rows=7, random_state=seed) for seed in (0, 0, 1)
    ]
    order = np.argsort(-influence.predicted_loss_change(*rows[2:]), kind="stable")
    for display in displays:
        assert len(set(display.rows)) == 7
        assert display.rows[:4].tolist() == [*order[:2], *order[-2:]]
    np.testing.assert_array_equal(displays[0].rows, displays[1].rows)
    assert displays[0].rows.tolist() != displays[2].rows.tolist()


def test_correlation_and_slope_see_different_faults():
    predicted = np.array([1.0, 2.0, 4.0])
    display = LeaveOneOutDisplay(predicted, 3 * predicted, np.arange(3)).plot()
    assert display.r == pytest.approx(1) and display.slope == pytest.approx(3)


# Refusals


def test_a_trained_network_is_refused(rows):
    X, y, X_val, y_val = rows
    net = NetClassifier(module__hidden=(8,), max_epochs=2, random_state=0).fit(X, y)
    influence = LastLayerInfluence(net).fit(X, y)
    with refuses("without an estimator; got one with a NetCl"):
        left_out(influence, *rows)
    with refuses("at the minimum of its objective"):
        influence.refitted_loss_change(X_val, y_val, [0])
    # The way out that the message names.
    of_X, of_X_val = (
        LastLayerInfluence(net).fit(*part).features_[:, :-1].numpy()
        for part in ((X, y), (X_val, y_val))
    )
    assert left_out(LastLayerInfluence(), of_X, y, of_X_val, y_val, n_rows=6).r > 0.98


def test_bad_input(rows, influence):
    _, y, X_val, y_val = rows
    ranking = InfluenceRankingDisplay
    with refuses("needs a LastLayerInfluence; got a Logistic", TypeError):
        ranking.from_estimator(LogisticRegression(), X_val, y_val)
    with pytest.raises(NotFittedError):
        ranking.from_estimator(LastLayerInfluence(), X_val, y_val)
    with refuses(r"needs as many labels .*, 200; got 3"):
        ranking.from_estimator(influence, X_val, y_val, labels=y[:3])
    with refuses("n_rows to be a whole number >= 1; got 0"):
        ranking.from_predictions([0.1, 0.2], n_rows=0)
    with refuses("n_rows to be a whole number >= 3; got 2"):
        left_out(influence, *rows, n_rows=2)
