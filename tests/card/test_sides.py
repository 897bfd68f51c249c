import numpy as np
import pytest
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression
from sklearn.utils import Bunch

from skaug.card.sides import compare_scores, reading


@pytest.fixture
def sure_twin():
    """Labels drawn from the estimator's own probabilities, and a twin that is sure."""
    rng = np.random.default_rng(0)
    logits, classes = rng.normal(size=(400, 3)), np.arange(3)
    y = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    sides = {}
    for name, factor in ("estimator", 1), ("twin", 3):
        proba = softmax(factor * logits, axis=1)
        predicted = proba.argmax(axis=1)
        sides[name] = Bunch(predicted=predicted, proba=proba, classes=classes)
    return y, sides


def test_intervals_cover_no_difference_in_95_of_100():
    # Two sides of equal worth, and rows that resemble those of their group.
    rng, groups = np.random.default_rng(0), np.repeat(np.arange(15), 40)
    y, covered = np.arange(600) % 2, []
    for _ in range(200):
        sides = {}
        for name in ("estimator", "twin"):
            of_group = rng.normal(0, 0.8, 15)[groups]
            right = 1 / (1 + np.exp(-1 - of_group - rng.normal(size=600)))
            proba = np.where(y[:, None] == [0, 1], right[:, None], 1 - right[:, None])
            predicted, classes = proba.argmax(axis=1), np.arange(2)
            sides[name] = Bunch(predicted=predicted, proba=proba, classes=classes)
        scores = compare_scores(y, sides, groups)
        del scores["worst_group_accuracy"]
        ends = np.array([score.interval for score in scores.values()])
        covered.append((ends[:, 0] <= 0) & (ends[:, 1] >= 0))
    assert np.mean(covered, axis=0) == pytest.approx(0.95, abs=0.04)


def test_reading_of_an_interval(train, card, no_figures):
    good, bad = (LogisticRegression(C=C).fit(*train) for C in (1, 1e-4))
    better = card(good, twin=bad)
    assert reading("log_loss", better.scores["log_loss"]) == "better"
    assert 'class="better"' in better.html
    worse = card(bad, twin=good)
    assert reading("log_loss", worse.scores["log_loss"]) == "worse"
    one_group = card(good, np.zeros(120), twin=bad)
    assert "no error to judge it by in accuracy" in one_group.verdict
    # Both groups by the same amount: that is no spread to judge by.
    equal = Bunch(difference=0.1, error=1e-17, interval=(0.1, 0.1))
    assert reading("accuracy", equal) == "no error to judge it by"


def test_a_temperature_takes_a_difference_of_confidence_away(sure_twin):
    """The twin's logits are three times as large: it is too sure, and no better."""
    y, sides = sure_twin
    scores = compare_scores(y, sides)
    assert reading("log_loss", scores["log_loss"]) == "better"
    left = scores["log_loss_at_temperature"]
    assert left.difference == pytest.approx(0, abs=1e-9)
    assert left.estimator == pytest.approx(scores["log_loss"].estimator, abs=0.02)
    assert left.estimator < scores["log_loss"].twin
    assert reading("accuracy", scores["accuracy"]) == "the same"
