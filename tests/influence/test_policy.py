"""Policies: weights and draws."""

import numpy as np
import pytest
import torch
from helpers import refuses

from skaug.influence import Policy
from skaug.influence.policy import softmax_of_scores
from skaug.transforms import SameClassInterpolation
from skaug.transforms.lists import Chain


def rows(*shape):
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


def test_weights_follow_scores():
    scores = np.array([0.3, -0.1, 0.0, 0.25])
    assert softmax_of_scores(scores, 0.0) == pytest.approx(0.25)
    weights = softmax_of_scores(scores)
    assert weights.sum() == pytest.approx(1)
    assert (np.argsort(weights) == np.argsort(scores)).all()
    # Neither size nor origin of the scores matters,
    assert softmax_of_scores(100 * scores + 5) == pytest.approx(weights)
    # and none is more than e^4 times another.
    extreme = softmax_of_scores(np.r_[1e6, -1e6, np.zeros(50)])
    assert extreme.max() / extreme.min() == pytest.approx(np.exp(4))
    # Differences in the last digits are no evidence.
    close = softmax_of_scores(np.array([0.1, 0.1 + 1e-8]))
    assert close == pytest.approx(0.5, abs=1e-4)
    assert softmax_of_scores(np.zeros(3)) == pytest.approx(1 / 3)


def test_draws_come_as_often_as_weighted():
    torch.manual_seed(0)
    X = torch.zeros(20_000, 1)
    policy = Policy([lambda X: X + 1, lambda X: X + 2], [0.8, 0.2], 1, 0.6)
    counts = policy(X).unique(return_counts=True)[1] / len(X)
    assert counts.numpy() == pytest.approx([0.4, 0.6 * 0.8, 0.6 * 0.2], abs=0.02)


def test_limiting_cases():
    X, y = rows(10, 3), torch.arange(10)
    twice = [lambda X: 2 * X]
    assert torch.equal(Policy(twice, [1.0], 3, 0.0)(X), X)
    assert torch.equal(Policy(twice, [1.0], 3, 1.0)(X), 8 * X)
    never = [lambda X: 2 * X, lambda X: X / 0]
    new_X, new_y = Policy(never, [1.0, 0.0], 1, 1.0)(X, y)
    assert torch.equal(new_X, 2 * X) and new_y is y


def test_the_batch_itself_is_left_alone():
    X = rows(10, 3)
    before = X.clone()
    Policy([lambda X: X.zero_()], [1.0], 1, 1.0)(X)
    Chain([lambda X: X.zero_()])(X)
    assert torch.equal(X, before)


def test_interpolation_has_partners_in_the_whole_batch():
    torch.manual_seed(0)
    X, y = torch.arange(200.0)[:, None], torch.arange(200) % 2
    policy = Policy([SameClassInterpolation(1.0), lambda X: X], [0.1, 0.9], 1, 1.0)
    new_X, _ = policy(X, y)
    moved = (new_X != X)[:, 0]
    assert 8 < moved.sum() < 40  # a tenth; alone among themselves they would do too
    alone = Policy([SameClassInterpolation(1.0)], [1.0], 1, 1.0)
    assert (alone(X, y)[0] != X).float().mean() > 0.9
    with refuses("needs labels for SameClassInterpolation"):
        alone(X)
