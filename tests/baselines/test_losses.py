"""Focal loss and generalized cross-entropy: formulas and limits."""

import pytest
import torch
from torch.nn import functional as F

from skaug.baselines import FocalLoss, GeneralizedCrossEntropyLoss

N, C = 12, 5


@pytest.fixture
def problem():
    generator = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(N, C, generator=generator, dtype=torch.float64)
    codes = torch.randint(C, (N,), generator=generator)
    p = logits.softmax(1)[torch.arange(N), codes]
    return logits.requires_grad_(), codes, p


def close(one, other, rtol=1e-12):
    torch.testing.assert_close(one, other, rtol=rtol, atol=1e-14)


def test_focal_loss_is_its_formula(problem):
    logits, codes, p = problem
    loss = FocalLoss(gamma=2.5, alpha=0.3, reduction="none")(logits, codes)
    close(loss, -0.3 * (1 - p) ** 2.5 * p.log())


@pytest.mark.parametrize("loss", [FocalLoss(0.5), GeneralizedCrossEntropyLoss(0.5)])
@pytest.mark.parametrize("scale", [100.0, -200.0])
def test_gradients_are_finite_for_rows_that_are_sure(loss, scale):
    logits = torch.tensor([[scale, 0.0, 0.0]], requires_grad=True)
    (gradient,) = torch.autograd.grad(loss(logits, torch.tensor([0])), logits)
    assert gradient.isfinite().all()


def test_generalized_cross_entropy_goes_from_cross_entropy_to_absolute_error(problem):
    logits, codes, p = problem
    loss = lambda q: GeneralizedCrossEntropyLoss(q)(logits, codes)  # noqa: E731
    close(loss(0.3), ((1 - p**0.3) / 0.3).mean())
    # To first order in q, the loss is cross-entropy less q/2 times its square.
    small = 1e-7
    close(loss(small), (-p.log() - small / 2 * p.log() ** 2).mean(), rtol=1e-13)
    distance = (F.one_hot(codes, C) - logits.softmax(1)).abs().sum(1)
    close(loss(1), (1 - p).mean())
    close(loss(1), distance.mean() / 2)


def test_its_gradient_is_that_of_cross_entropy_times_a_power_of_p(problem):
    logits, codes, p = problem
    ours = GeneralizedCrossEntropyLoss(0.4, reduction="sum")(logits, codes)
    plain = F.cross_entropy(logits, codes, reduction="sum")
    (ours,), (plain,) = (torch.autograd.grad(one, logits) for one in (ours, plain))
    close(ours, p.detach()[:, None] ** 0.4 * plain)
