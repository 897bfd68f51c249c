"""Large-margin softmax: its angle function, an independent implementation, easing."""

import math

import pytest
import torch
from torch.nn import functional as F

from skaug import NetClassifier
from skaug.baselines import LargeMarginLoss
from skaug.baselines.large_margin import _psi

N, C, A = 15, 4, 6


@pytest.fixture
def problem():
    """Features, weight of the head without a bias, and class codes."""
    generator = torch.Generator().manual_seed(0)
    draw = lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64)  # noqa: E731
    return draw(N, A).requires_grad_(), draw(C, A).requires_grad_(), torch.arange(N) % C


def loss_of(problem, margin, easing=0.0, **more):
    features, weight, codes = problem
    logits = features @ weight.T
    return LargeMarginLoss(margin, easing)(logits, codes, features, weight, **more)


@pytest.mark.parametrize("m", [2, 3, 4, 7])
def test_angle_function_is_the_papers_and_falls_without_a_jump(m):
    angle = torch.linspace(0, math.pi, 1001, dtype=torch.float64)[:-1]
    k = (m * angle / math.pi + 1e-12).floor()
    ours = _psi(angle.cos(), m)
    torch.testing.assert_close(ours, (-1) ** k * (m * angle).cos() - 2 * k)
    steps = ours.diff()
    assert (steps < 0).all() and steps.abs().max() < 2 * m * math.pi / 1000
    ends = _psi(torch.tensor([1.0, -1.0]), m)
    assert ends.tolist() == pytest.approx([1, 1 - 2 * m], abs=1e-5)


@pytest.mark.parametrize("m", [2, 3, 4])
def test_equals_pytorch_metric_learning(problem, m):
    losses = pytest.importorskip("pytorch_metric_learning.losses")
    features, weight, codes = problem
    theirs = losses.LargeMarginSoftmaxLoss(C, A, margin=m).double()
    theirs.W.data = weight.detach().T.clone()
    expected, ours = theirs(features, codes), loss_of(problem, m)
    torch.testing.assert_close(ours, expected)
    ours = torch.autograd.grad(ours, (features, weight))
    expected = torch.autograd.grad(expected, (features, theirs.W))
    torch.testing.assert_close(ours[0], expected[0])
    torch.testing.assert_close(ours[1], expected[1].T)


def test_a_larger_margin_is_a_larger_loss(problem):
    values = [loss_of(problem, m).item() for m in (1, 2, 3, 4)]
    assert values == sorted(values) and values[0] < values[1]


def test_easing_begins_at_cross_entropy_and_ends_at_the_margin(problem):
    features, weight, codes = problem
    plain, full = F.cross_entropy(features @ weight.T, codes), loss_of(problem, 2)
    eased = [loss_of(problem, 2, 1000.0, progress=p) for p in (0, 0.25, 0.5, 0.75, 1)]
    shares = [((one - plain) / (full - plain)).item() for one in eased]
    assert shares == sorted(shares)
    assert 0 < shares[0] < 0.01 and 0.98 < shares[-1] < 1


def test_features_of_zero_have_a_gradient(problem):
    _, weight, codes = problem
    features = torch.zeros(N, A, dtype=torch.float64, requires_grad=True)
    loss = loss_of((features, weight, codes), 3)
    assert all(
        g.isfinite().all() for g in torch.autograd.grad(loss, (features, weight))
    )


def test_a_net_tells_the_loss_how_far_training_is(table):
    seen = []

    class Watched(LargeMarginLoss):
        def forward(self, logits, target, features=None, weight=None, progress=1.0):
            seen.append(progress)
            return super().forward(logits, target, features, weight, progress)

    net = NetClassifier(criterion=Watched, max_epochs=4, batch_size=75)
    net.set_params(module__hidden=(4,), random_state=0).fit(*table)
    assert seen == pytest.approx([i / 8 for i in range(8)])
