"""Sampled copies: unbiased for every M, below the bound, and less spread with more."""

import numpy as np
import pytest
import torch
from helpers import refuses, weights
from torch.nn import functional as F

from skaug import ISDAClassifier, ISDALoss
from skaug.isda import SampledISDALoss
from skaug.isda.covariance import KINDS

N, C, A = 6, 4, 5
STRENGTH, DRAWS = 1.5, 400


def problem(n_classes=C):
    """Logits, codes, features and weight, and covariances of each class."""
    generator = torch.Generator().manual_seed(0)
    draw = lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64)  # noqa: E731
    factor = draw(n_classes, A, A) / A**0.5
    features, weight = draw(N, A), draw(n_classes, A)
    arguments = features @ weight.T, torch.arange(N) % n_classes, features, weight
    return arguments, factor @ factor.mT


def losses(kind, arguments, covariance, times=1, **params):
    """Values of a loss, drawn several times."""
    loss = kind(len(covariance), A, covariance.numpy(), dtype=torch.float64, **params)
    torch.manual_seed(0)
    return torch.stack([loss(*arguments, STRENGTH) for _ in range(times)])


def expectation(arguments, covariance):
    """Expected loss of two classes, by an integral over the gap of the logits."""
    logits, codes, _, weight = arguments
    nodes, shares = map(torch.from_numpy, np.polynomial.hermite_e.hermegauss(80))
    d = weight[1] - weight[0]
    sd = (STRENGTH * torch.einsum("a,nab,b->n", d, covariance[codes], d)).sqrt()
    gap = logits.gather(1, 1 - codes[:, None]) - logits.gather(1, codes[:, None])
    each = F.softplus(gap + sd[:, None] * nodes)  # (n, nodes)
    return (each @ shares / shares.sum()).mean()


@pytest.fixture(scope="module")
def two_classes():
    """The integral, the bound, and draws for several numbers of copies."""
    arguments, covariance = problem(2)
    bound = losses(ISDALoss, arguments, covariance)
    drawn = {
        M: losses(SampledISDALoss, arguments, covariance, DRAWS, n_copies=M)
        for M in (1, 4, 16, 64)
    }
    return expectation(arguments, covariance), bound.item(), drawn


@pytest.mark.parametrize("M", [1, 4, 16, 64])
def test_every_number_of_copies_expects_the_same_below_the_bound(two_classes, M):
    integral, bound, drawn = two_classes
    mean, error = drawn[M].mean(), drawn[M].std() / DRAWS**0.5
    assert abs(mean - integral) < 4 * error
    assert mean + 4 * error < bound
    # The exact expectation lies between what is trained without and with ISDA.
    arguments, _ = problem(2)
    assert F.cross_entropy(*arguments[:2]) < integral < bound


def test_spread_falls_as_the_root_of_the_number_of_copies(two_classes):
    _, _, drawn = two_classes
    for M in (1, 4, 16):
        # The standard error of a ratio of two such deviations is 5 %.
        assert float(drawn[M].std() / drawn[4 * M].std()) == pytest.approx(2, rel=0.2)


def test_many_classes_lie_below_the_bound_too():
    arguments, covariance = problem()
    drawn = losses(SampledISDALoss, arguments, covariance, 100, n_copies=16)
    bound = losses(ISDALoss, arguments, covariance).item()
    error = drawn.std() / 10
    assert (
        F.cross_entropy(*arguments[:2]) + 4 * error < drawn.mean() < bound - 4 * error
    )


def test_the_copies_vary_as_the_covariance_says():
    _, covariance = problem()
    loss = SampledISDALoss(C, A, covariance.numpy(), dtype=torch.float64)
    # With this weight the logits are the first features.
    codes, weight = torch.ones(20_000, dtype=torch.long), torch.eye(A)[:C].double()
    torch.manual_seed(0)
    moved = loss._augment(torch.zeros(20_000, C).double(), codes, weight, STRENGTH)
    found = np.cov(moved.T.numpy())
    expected = STRENGTH * covariance[1, :C, :C].numpy()
    np.testing.assert_allclose(found, expected, atol=0.05 * expected.max())
    assert (moved.mean(0).abs() < 4 * moved.std(0) / 20_000**0.5).all()


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_shares_weights_and_reductions_average_over_copies(reduction):
    arguments, covariance = problem()
    logits, codes, features, weight = arguments
    shares = F.one_hot(codes, C).double()
    w = 1.0 + torch.arange(N)
    params = {"n_copies": 3, "reduction": reduction}
    loss = SampledISDALoss(C, A, covariance.numpy(), dtype=torch.float64, **params)
    found = []
    for target in (codes, shares):
        torch.manual_seed(0)
        found.append(loss(logits, target, features, weight, STRENGTH, w))
    torch.testing.assert_close(*found)
    # Without strength it is cross-entropy.
    plain = F.cross_entropy(logits, codes, reduction=reduction)
    torch.testing.assert_close(loss(logits, codes, features, weight, 0), plain)


def test_the_weight_gets_a_gradient_through_the_copies():
    (_, codes, features, weight), covariance = problem()
    loss = SampledISDALoss(C, A, covariance.numpy(), dtype=torch.float64, n_copies=2)

    def drawn(features, weight):
        torch.manual_seed(0)
        return loss(features @ weight.T, codes, features, weight, STRENGTH)

    inputs = [each.clone().requires_grad_() for each in (features, weight)]
    assert torch.autograd.gradcheck(drawn, inputs)


@pytest.mark.parametrize("kind", KINDS)
def test_a_net_trains_with_copies_of_all_kinds(table, kind):
    net = ISDAClassifier(
        criterion=SampledISDALoss,
        criterion__n_copies=2,
        covariance=kind,
        module__hidden=(8,),
        max_epochs=2,
        random_state=0,
    )
    first = weights(net.fit(*table))
    assert torch.equal(weights(net.fit(*table)), first)
    assert not torch.equal(weights(net.set_params(strength=0).fit(*table)), first)


def test_copies_are_counted():
    with refuses("SampledISDALoss needs n_copies to be a whole number >= 1; got 0"):
        SampledISDALoss(2, 3, n_copies=0)
