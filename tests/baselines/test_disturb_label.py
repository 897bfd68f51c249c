"""DisturbLabel: the expected label, and what it leaves alone."""

import numpy as np
import pytest
import torch
from helpers import few_steps, refuses, weights
from torch.nn import functional as F

from skaug import BatchAugmentation, NetClassifier
from skaug.baselines import DisturbLabel

C = 4


@pytest.mark.parametrize("kind", ["codes", "shares"])
@pytest.mark.parametrize("rate", [0.05, 0.6])
def test_expected_label_is_that_of_label_smoothing(kind, rate):
    torch.manual_seed(0)
    n = 40_000
    y = torch.full((n,), 2)
    if kind == "shares":
        y = torch.tensor([0.0, 0.25, 0.75, 0.0]).expand(n, C)
    X = torch.zeros(n, 1)
    same, disturbed = DisturbLabel(rate)(X, y, n_classes=C)
    assert same is X and disturbed.dtype == y.dtype and disturbed.shape == y.shape
    labels = lambda y: F.one_hot(y, C).float() if y.ndim == 1 else y  # noqa: E731
    mean, error = labels(disturbed).mean(0), labels(disturbed).std(0) / n**0.5
    expected = (1 - rate) * labels(y)[0] + rate / C
    assert ((mean - expected).abs() < 4 * error).all()


def test_weighted_shares_keep_their_sums():
    torch.manual_seed(0)
    y = torch.rand(200, 1) * F.one_hot(torch.arange(200) % C, C)
    _, disturbed = DisturbLabel(0.5)(torch.zeros(200, 1), y)
    torch.testing.assert_close(disturbed.sum(1), y.sum(1))
    assert 40 < (disturbed.argmax(1) != y.argmax(1)).sum() < 120


def net(rate=0.3, **params):
    disturb = BatchAugmentation(DisturbLabel(rate), random_state=0)
    callbacks = [("disturb", disturb)] if rate else None
    short = {"module__hidden": (8,), "batch_size": -1, "lr": 0.02, "random_state": 0}
    return NetClassifier(callbacks=callbacks, **short, **params)


@few_steps
def test_training_is_that_of_label_smoothing_in_the_mean(table):
    # Confidence stops where that of smoothed labels does, not at 1.
    def confidence(rate=0, **params):
        fitted = net(rate, max_epochs=100, **params).fit(*table)
        return fitted.predict_proba(table[0]).max(axis=1).mean()

    smoothed = confidence(criterion__label_smoothing=0.3)
    assert confidence(0.3) == pytest.approx(smoothed, abs=0.04)
    assert confidence() > smoothed + 0.1


@few_steps
def test_rows_keep_their_weights(table):
    # Weights of 1 change nothing but rounding.
    ones = np.ones(150)
    plain, weighted = (net(max_epochs=20).fit(*table, None, w) for w in (None, ones))
    torch.testing.assert_close(weights(plain), weights(weighted), rtol=1e-4, atol=1e-5)


def test_what_cannot_be_disturbed_is_refused():
    X, y = torch.zeros(3, 1), torch.arange(3)
    with refuses("DisturbLabel needs n_classes to draw class codes; got codes alone"):
        DisturbLabel()(X, y)
    with refuses("DisturbLabel needs noise_rate to be .* from 0 to 1; got 2"):
        DisturbLabel(2)(X, y, n_classes=3)
