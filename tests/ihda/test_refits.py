"""Fits with other settings on one base training, and the displays made of them."""

from functools import partial

import numpy as np
import pytest
from helpers import legend_of, refuses
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import log_loss

from skaug import (
    HardPoints,
    IHDAFinetuner,
    LevelAblationDisplay,
    NetClassifier,
    SkipCurveDisplay,
)
from skaug.ihda import ablation, level_skip_probability

pytestmark = pytest.mark.filterwarnings("ignore:IHDAFinetuner:UserWarning")

curve_of = SkipCurveDisplay.from_estimator
HARD = HardPoints("hard", radius=0.4, metric="cosine")


def ihda(**params):
    small = {"generator": "noise", "tune_share": 0.7, "tune_lr": 1.0, "random_state": 0}
    net = NetClassifier(module__hidden=(8, 8), max_epochs=3)
    return IHDAFinetuner(net).set_params(**{"sources": HARD, **small, **params})


@pytest.fixture
def halves(table):
    """Training rows and labels, then those to score on."""
    X, y = table
    X = X.astype(np.float32)
    return X[::2], y[::2], X[1::2], y[1::2]


def loss_of(model, halves):
    return -log_loss(halves[3], model.predict_proba(halves[2]))


def base_of(model, halves):
    """The net of a finetuner before its first level."""
    stages = clone(model).staged_fit(*halves[:2])
    net = next(stages).estimator_
    stages.close()
    return net


def test_every_setting_is_a_fit_from_the_same_base_training(halves):
    model = ihda(skip_probability=0.5).fit(*halves[:2])
    found = ablation(model, *halves, scoring="neg_log_loss")
    base = base_of(model, halves)
    by_hand = clone(model).set_params(estimator=FrozenEstimator(base))
    settings = {
        "real rows only": {"synthetic_share": 0.0},
        "p = 0": {"skip_probability": 0.0},
        "p = 1": {"skip_probability": 1.0},
        "predictor only": {"trainable": "head"},
        "random sources": {"sources": clone(HARD).set_params(rule="random")},
        "as fitted": {},
    }
    scores = dict(zip(found.settings, found.scores[0].tolist()))
    assert scores.pop("before fine-tuning") == loss_of(base, halves)
    assert scores["as fitted"] == loss_of(model, halves)
    for name, params in settings.items():
        fitted = clone(by_hand).set_params(**params).fit(*halves[:2])
        assert scores[name] == loss_of(fitted, halves), name
        levels = [record.steps for record in fitted.levels_]
        place = found.settings.index(name)
        assert found.n_steps[0, place] == sum(levels)
        assert found.n_levels[0, place] == sum(not r.skipped for r in fitted.levels_)
    assert set(scores) - set(settings) == {"same p for each level"}
    assert found.score_name == "negative log loss"


def test_one_p_for_all_levels_skips_as_the_draws_say(halves):
    model = ihda(skip_probability=0.6, tune_share=0.1, sources="all")
    found = ablation(model.fit(*halves[:2]), *halves, n_repeats=3)
    n_levels = dict(zip(found.settings, found.n_levels.T.tolist()))
    for seed in range(3):
        random = np.random.RandomState(seed)
        random.randint(2**31 - 1, size=3)  # of base training, split and samples
        random.randint(2**31 - 1, size=3)  # of the levels
        draws = random.uniform(size=3)
        chances = [level_skip_probability(number, 0.6) for number in (1, 2, 3)]
        assert n_levels["same p for each level"][seed] == np.sum(draws >= 0.6)
        assert n_levels["as fitted"][seed] == np.sum(draws >= chances)
    assert n_levels["p = 0"] == [3, 3, 3]
    assert n_levels["as fitted"] != n_levels["same p for each level"]


def test_what_was_chosen_is_kept_and_not_chosen_again(halves, monkeypatch):
    model = ihda(
        sources=HardPoints("hard", radius="validated", gamma=0.2),
        tune_lr="validated",
        skip_probability="validated",
        validation=0.3,
    ).fit(*halves[:2])
    monkeypatch.setattr(IHDAFinetuner, "_tuner", None)  # a choice would need it
    found = ablation(model, *halves, scoring="neg_log_loss")
    assert found.scores[0, -1] == loss_of(model, halves)
    steps = [record.steps for record in model.levels_]
    assert found.n_steps[0, -1] == sum(steps) > 0


def test_short_steps_stay_short_where_something_was_chosen(halves):
    model = ihda(sources="all", tune_lr="validated").fit(*halves[:2])
    assert any(record.steps for record in model.levels_)
    found = ablation(model, *halves, scoring="neg_log_loss")
    assert found.scores[0, -1] == loss_of(model, halves)


def test_radii_by_name_may_come_in_any_order(halves):
    names = ["input", "blocks.0", "blocks.1"]
    counts = []
    for order in (names, ["elsewhere", *reversed(names)]):
        sources = HardPoints("all", radius=dict.fromkeys(order, "auto"))
        model = ihda(sources=sources, skip_probability=0.6, tune_share=0.1)
        model.fit(*halves[:2])
        found = ablation(model, *halves, n_repeats=2)
        counts.append(found.n_levels.tolist())
        steps = [record.steps for record in model.levels_]
        assert found.n_levels[0, -1] == np.count_nonzero(steps)
    assert counts[0] == counts[1]


def test_the_same_levels_are_fitted_once(halves, monkeypatch):
    model = ihda().fit(*halves[:2])
    fit, calls = IHDAFinetuner.fit, []
    monkeypatch.setattr(
        IHDAFinetuner, "fit", lambda *args: calls.append(args) or fit(*args)
    )
    found = ablation(model, *halves, n_repeats=2)
    # p = 0, one p for all and as fitted are one setting here.
    assert len(calls) == 2 * 5
    scores = dict(zip(found.settings, found.scores.T.tolist()))
    assert scores["p = 0"] == scores["same p for each level"] == scores["as fitted"]


def test_the_curve_has_the_error_of_a_fit_at_each_p(halves):
    model = ihda(skip_probability=0.6).fit(*halves[:2])
    display = curve_of(model, *halves, probabilities=[1, 0, 0.6], n_repeats=2)
    np.testing.assert_array_equal(display.probabilities, [0, 0.6, 1])
    errors, before = [], []
    for seed in range(2):
        of_seed = clone(model).set_params(random_state=seed)
        before.append(1 - base_of(of_seed, halves).score(*halves[2:]))
        for p in (0, 0.6, 1):
            fitted = clone(of_seed).set_params(skip_probability=p).fit(*halves[:2])
            errors.append(1 - fitted.score(*halves[2:]))
    errors = np.reshape(errors, (2, 3))
    np.testing.assert_allclose(display.values, errors.mean(axis=0))
    differences = errors - np.array(before)[:, None]
    expected = differences.std(axis=0, ddof=1) / np.sqrt(2)
    np.testing.assert_allclose(display.errors, expected, atol=1e-12)
    assert display.reference == pytest.approx(np.mean(before))
    line, _, _ = display.curve_
    np.testing.assert_array_equal(line.get_xdata(), [0, 0.6, 1])
    np.testing.assert_array_equal(line.get_ydata(), display.values)
    ring = display.chosen_.get_offsets()
    np.testing.assert_allclose(ring, [[0.6, display.values[1]]])
    expected = ["before fine-tuning", "IHDA", "p of the finetuner"]
    assert sorted(legend_of(display)) == sorted(expected)
    assert display.ax_.get_ylabel() == "share of errors"


def test_the_curve_of_a_tuning_is_what_was_tried(halves):
    model = ihda(skip_probability="validated", validation=0.3).fit(*halves[:2])
    display = SkipCurveDisplay.from_tuning(model)
    tried = model.tuning_.skips
    assert display.probabilities.tolist() == [one.skip_probability for one in tried]
    assert display.values.tolist() == [one.loss for one in tried]
    assert display.errors.tolist() == [one.error for one in tried]
    assert display.chosen == model.tuning_.skip_probability
    assert display.reference == tried[0].loss and display.errors[0] == 0
    assert display.reference_name == "no level skipped"
    again = display.plot()
    assert again is display and again.figure_.axes == [again.ax_]


def test_rows_of_an_ablation_are_means_with_paired_errors():
    settings = ["before fine-tuning", "as fitted"]
    scores = np.array([[0.3, 0.2], [0.5, 0.3], [0.4, 0.1]])
    counts = np.array([[0, 2], [0, 1], [0, 2]])
    display = LevelAblationDisplay(settings, scores, counts, 10 * counts).plot()
    np.testing.assert_allclose(display.mean, [0.4, 0.2])
    # Differences 0.1, 0.2 and 0.3 have a standard deviation of 0.1.
    np.testing.assert_allclose(display.error, [0.1 / np.sqrt(3), 0])
    points, _, (bars,) = display.points_
    np.testing.assert_allclose(points.get_xdata(), [0.4, 0.2])
    ends = np.array(bars.get_segments())[:, :, 0]
    expected = 0.4 + 0.1 / np.sqrt(3) * np.array([-1, 1])
    np.testing.assert_allclose(ends, [expected, [0.2, 0.2]])
    rows = [tick.get_text() for tick in display.ax_.get_yticklabels()]
    assert rows == [
        "before fine-tuning: 0.4000\n(0 levels)",
        "as fitted: 0.2000\n(1.67 levels)",
    ]
    single = LevelAblationDisplay(settings, scores[:1], counts[:1], counts[:1])
    assert np.isnan(single.error).all() and single.plot().points_[2] == ()


def test_the_ablation_is_drawn_on_given_axes(halves):
    import matplotlib.pyplot as plt

    model = ihda().fit(*halves[:2])
    figure, ax = plt.subplots()
    display = LevelAblationDisplay.from_estimator(
        model, *halves, scoring="accuracy", random_state=3, ax=ax
    )
    assert display.ax_ is ax and display.figure_ is figure
    assert ax.get_xlabel() == display.score_name == "accuracy"
    model.set_params(random_state=3).fit(*halves[:2])
    assert display.scores[0, -1] == model.score(*halves[2:])


def test_wrong_arguments_are_refused(halves):
    model = ihda().fit(*halves[:2])
    for draw in (ablation, LevelAblationDisplay.from_estimator, curve_of):
        with refuses("needs n_repeats to be a whole number >= 1; got 0"):
            draw(model, *halves, n_repeats=0)
        with refuses("needs an IHDAFinetuner; got a NetClassifier", TypeError):
            draw(model.estimator_, *halves)
        with refuses("is not fitted yet", NotFittedError):
            draw(ihda(), *halves)
    with refuses("needs probabilities to be a number from 0 to 1; got 1.5"):
        curve_of(model, *halves, probabilities=[0, 1.5])
    assert curve_of(model, *halves, probabilities=1).probabilities == [1]
    with refuses("chose something in its fit; got one whose parameters were all given"):
        SkipCurveDisplay.from_tuning(model)


def test_a_fit_that_was_stopped_is_not_scored(halves, monkeypatch):
    model = ihda().fit(*halves[:2])
    monkeypatch.setattr(IHDAFinetuner, "_augment", partial(_stop))
    with refuses("got Ctrl-C at level", KeyboardInterrupt):
        ablation(model, *halves)


def _stop(*args):
    raise KeyboardInterrupt
