"""The temperature of lowest loss: a closed form, the limits, and its neighbours."""

import math

import numpy as np
import pytest
import torch
from helpers import needs_temperature
from scipy.special import softmax
from sklearn.calibration import CalibratedClassifierCV
from sklearn.model_selection import GroupKFold, cross_val_predict

from skaug.net import NetClassifier, best_temperature

CROSS_ENTROPY = torch.nn.functional.cross_entropy


@pytest.fixture
def logits():
    generator = torch.Generator().manual_seed(0)
    return 3 * torch.randn(30, 4, generator=generator, dtype=torch.float64)


def test_two_classes_of_one_confidence_in_closed_form():
    logits = torch.tensor([[6.0, 0.0]] * 10)
    target = torch.tensor([0] * 7 + [1] * 3)  # softmax(6 / T) is 0.7
    expected = 6 / math.log(7 / 3)
    assert best_temperature(logits, target) == pytest.approx(expected, rel=1e-5)


def test_the_loss_is_lowest_there(logits):
    target = logits.argmax(dim=1)
    target[::3] = 0
    best = best_temperature(logits, target)
    losses = [float(CROSS_ENTROPY(logits / (best * t), target)) for t in (0.9, 1, 1.1)]
    assert losses[1] < min(losses[0], losses[2])


def test_a_factor_on_the_logits_is_one_on_the_temperature(logits):
    target = torch.arange(30) % 4
    target[:20] = logits[:20].argmax(dim=1)
    once, twice = (best_temperature(f * logits, target) for f in (1, 2))
    assert twice == pytest.approx(2 * once)


def test_where_all_is_right_there_is_no_best_one(logits):
    assert best_temperature(logits, logits.argmax(dim=1)) == 1


@needs_temperature
@pytest.mark.parametrize("kind", [int, str])
def test_scikit_learn_finds_it_on_held_out_groups(kind):
    """What the guide says to write, for texts of numbers that do not begin at 0 too."""
    rng = np.random.default_rng(0)
    X, codes = rng.normal(size=(120, 4)), np.arange(120) % 3
    X[:, :3] += 0.7 * np.eye(3)[codes]
    folds = list(GroupKFold(3).split(X, groups=np.arange(120) // 4))
    labels = codes if kind is int else (codes + 1).astype(str)
    net = NetClassifier(max_epochs=20, random_state=0)
    model = CalibratedClassifierCV(net, method="temperature", ensemble=False, cv=folds)
    model.fit(X, labels)
    proba = cross_val_predict(net, X, codes, cv=folds, method="predict_proba")
    logits = torch.from_numpy(np.log(proba.astype(float)))
    best = best_temperature(logits, torch.from_numpy(codes))
    found = 1 / float(model.calibrated_classifiers_[0].calibrators[0].beta_)
    assert best > 1.1
    assert found == pytest.approx(best, rel=1e-3)
    plain = net.fit(X, codes).predict_proba(X).astype(float)
    expected = softmax(np.log(plain) / best, axis=1)
    np.testing.assert_allclose(model.predict_proba(X), expected, atol=1e-3)
