"""The display of what was tried at each level: losses, bars, rings, edges."""

import math

import matplotlib.pyplot as plt
import numpy as np
import pytest
from helpers import refuses
from sklearn.exceptions import NotFittedError
from sklearn.utils import Bunch

from skaug import IHDAFinetuner, LevelTuningDisplay, NetClassifier


def trial(radius, rate, loss, error=0.01):
    return Bunch(radius=radius, tune_lr=rate, loss=loss, error=error)


ALONE = trial(0.0, 0.0, 0.5, 0.0)


def level(radius, rate, *trials, name="a"):
    return Bunch(level=name, radius=radius, tune_lr=rate, tried=list(trials))


def labels_of(display):
    return [text.get_text() for text in display.axes_[-1].get_legend().get_texts()]


def test_curves_are_losses_over_the_radius_by_rate():
    trials = [
        trial(radius, rate, 0.4 + radius * rate, 0.01 * radius)
        for radius in (0.8, 0.2, 0.4)
        for rate in (0.4, 0.1)
    ]
    told = level(0.2, 0.1, ALONE, *trials)
    display = LevelTuningDisplay([told], n_held_out=1234).plot()
    assert list(display.curves_[0]) == [0.1, 0.4]
    for rate, (line, _, (bars,)) in display.curves_[0].items():
        radii = np.array([0.2, 0.4, 0.8])
        # The curves stand a little aside, so that their bars can be told apart.
        np.testing.assert_allclose(line.get_xdata(), radii, rtol=0.02)
        np.testing.assert_allclose(line.get_ydata(), 0.4 + radii * rate)
        ends = np.array(bars.get_segments())[:, :, 1]
        np.testing.assert_allclose(np.diff(ends)[:, 0], 2 * 0.01 * radii)
    ring = display.chosen_[0].get_offsets()
    np.testing.assert_allclose(ring, [[0.2, 0.42]])
    (ax,) = display.axes_
    ticks = [tick.get_text() for tick in ax.get_xticklabels()]
    assert ticks == ["0.2", "0.4", "0.8"] and ax.get_xlabel() == "radius"
    assert ax.get_ylabel() == "held-out log loss,\n1,234 rows"
    assert labels_of(display) == ["left alone", "rate 0.1", "rate 0.4", "chosen"]
    dashed = [line for line in ax.lines if line.get_linestyle() == "--"]
    assert [line.get_ydata()[0] for line in dashed] == [0.5]


@pytest.mark.parametrize("radius", [math.nan, 0.3])
def test_of_one_radius_the_curve_is_over_the_rate(radius):
    trials = [trial(radius, rate, 0.4 + rate) for rate in (0.02, 0.1, 0.4)]
    display = LevelTuningDisplay([level(radius, 0.02, ALONE, *trials)]).plot()
    line, *_ = display.curves_[0][None]
    np.testing.assert_allclose(line.get_xdata(), [0.02, 0.1, 0.4])
    np.testing.assert_allclose(display.chosen_[0].get_offsets(), [[0.02, 0.42]])
    known = "" if math.isnan(radius) else ", at radius 0.3"
    assert display.axes_[0].get_xlabel() == f"rate{known}"
    assert labels_of(display) == ["left alone", "chosen"]


def test_losses_that_are_too_high_are_marked_at_the_edge():
    trials = [
        trial(r, 0.1, loss) for r, loss in [(0.2, 0.45), (0.4, 90), (0.8, math.inf)]
    ]
    display = LevelTuningDisplay([level(0.2, 0.1, ALONE, *trials)]).plot()
    (ax,) = display.axes_
    high = ax.get_ylim()[1]
    assert 0.5 < high < 1
    marks = ax.collections[0].get_offsets()
    np.testing.assert_allclose(marks, [[0.4, high], [0.8, high]], rtol=0.02)
    display.figure_.canvas.draw()


def test_levels_without_trials_say_why():
    tried = level(0.2, 0.1, ALONE, trial(0.2, 0.1, 0.4), trial(0.4, 0.1, 0.45))
    empty = [level(0.0, 0.0, name="b"), level(0.0, 0.0, ALONE, name="c")]
    display = LevelTuningDisplay([tried, *empty]).plot()
    texts = [[text.get_text() for text in ax.texts] for ax in display.axes_]
    assert texts == [[], ["skipped by chance"], ["nothing to try"]]
    assert display.chosen_[1:] == [None, None] and display.curves_[1:] == [{}, {}]
    assert [ax.get_title() for ax in display.axes_] == ["level a", "level b", "level c"]
    # Nothing at all was tried.
    LevelTuningDisplay(empty).plot().figure_.canvas.draw()


@pytest.mark.filterwarnings("ignore:IHDAFinetuner:UserWarning")
def test_it_draws_what_a_fit_chose(table):
    model = IHDAFinetuner(NetClassifier(max_epochs=3), generator="noise")
    model.set_params(tune_lr="validated", random_state=0)
    with refuses("is not fitted yet", NotFittedError):
        LevelTuningDisplay.from_estimator(model)
    model.fit(*table)
    display = LevelTuningDisplay.from_estimator(model)
    assert display.levels is model.tuning_.levels
    assert display.n_held_out == model.tuning_.n_held_out == 15
    for curves, told in zip(display.curves_, display.levels):
        line, *_ = curves[None]
        expected = [one.loss for one in told.tried[1:]]
        np.testing.assert_allclose(line.get_ydata(), expected)
    figure, axes = plt.subplots(3, 1)
    assert display.plot(axes) is display and display.figure_ is figure
    with refuses("LevelTuningDisplay.plot needs as many axes as .*, 3; got 1"):
        display.plot(axes[0])
    with refuses("needs an IHDAFinetuner; got a NetClassifier", TypeError):
        LevelTuningDisplay.from_estimator(model.estimator_)
    model.set_params(tune_lr=0.4).fit(*table)
    with refuses("chose something in its fit; got one whose parameters were all given"):
        LevelTuningDisplay.from_estimator(model)
