"""Center loss: its gradient, how the centers move, and what it does to features."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from skaug import NetClassifier
from skaug.baselines import CenterLoss
from skaug.net import capture_input

N, C, A = 12, 3, 5


@pytest.fixture
def problem():
    generator = torch.Generator().manual_seed(0)
    draw = lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64)  # noqa: E731
    # The last class is not in the batch.
    return draw(N, C), torch.arange(N) % 2, draw(N, A).requires_grad_()


def test_gradient_is_the_way_from_the_center(problem):
    logits, codes, features = problem
    loss = CenterLoss(C, A, center_weight=0.3, reduction="sum")
    loss.centers = torch.randn(C, A).double()
    centers = loss.centers
    total = loss(logits, codes, features)
    gaps = (features - centers[codes]).detach()
    expected = F.cross_entropy(logits, codes, reduction="sum") + 0.15 * (gaps**2).sum()
    torch.testing.assert_close(total, expected)
    (gradient,) = torch.autograd.grad(total, features)
    torch.testing.assert_close(gradient, 0.3 * gaps)


def test_centers_move_as_the_paper_says(problem):
    logits, codes, features = problem
    loss = CenterLoss(C, A, center_rate=0.4)
    loss.centers = before = torch.randn(C, A).double()
    loss(logits, codes, features)
    for j in range(C):
        own = features[codes == j]
        step = (before[j] - own).sum(0) / (1 + len(own))
        torch.testing.assert_close(loss.centers[j], before[j] - 0.4 * step)
    assert torch.equal(loss.centers[2], before[2])  # the class that is absent


def test_centers_end_at_the_means_and_stay_in_evaluation(problem):
    logits, codes, features = problem
    loss = CenterLoss(C, A, center_rate=1.0)
    for _ in range(30):
        loss(logits, codes, features)
    for j in range(2):
        mean = features[codes == j].mean(0).float()
        torch.testing.assert_close(loss.centers[j], mean, rtol=1e-5, atol=1e-6)
    before = loss.centers.clone()
    loss.eval()(logits, codes, features + 1)
    assert torch.equal(loss.centers, before)


def test_features_of_a_class_lie_closer_together(table):
    X, y = table

    def spread(**params):
        """Variance within classes, as a share of that of all features."""
        quick = {"max_epochs": 60, "batch_size": -1, "lr": 0.02, "random_state": 0}
        net = NetClassifier(module__hidden=(16,), **quick, **params).fit(X, y)
        with capture_input(net.module_.head) as inputs:
            net.predict(X)
        features = torch.cat(inputs)
        within = sum(features[y == k].var(0).sum() for k in range(3)) / 3
        return float(within / features.var(0).sum())

    pulled = spread(criterion=CenterLoss, criterion__center_weight=0.1)
    assert pulled < 0.9 * spread()


def test_an_instance_is_copied_and_every_fit_begins_at_zero(table):
    given = CenterLoss(3, 8)
    net = NetClassifier(
        criterion=given, module__hidden=(8,), max_epochs=1, random_state=0
    )
    first = net.fit(*table).criterion_.centers
    assert not given.centers.any() and first.any()
    np.testing.assert_array_equal(net.fit(*table).criterion_.centers, first)
