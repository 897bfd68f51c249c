"""ISDA's bound against explicit sampling, its limits and its gradients."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from skaug import ClassCovariance, ISDALoss
from skaug.isda import augmented_logits
from skaug.isda.covariance import KINDS

N, C, A = 12, 4, 6


@pytest.fixture
def problem():
    """A batch, a head and one covariance per class, in double precision."""
    generator = torch.Generator().manual_seed(0)
    draw = lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64)  # noqa: E731
    factor = draw(C, A, A) / A**0.5
    return {
        "features": draw(N, A).requires_grad_(),
        "target": torch.randint(C, (N,), generator=generator),
        "weight": draw(C, A).requires_grad_(),
        "bias": draw(C).requires_grad_(),
        "covariance": factor @ factor.mT,
    }


def logits_of(p):
    return p["features"] @ p["weight"].T + p["bias"]


def isda(problem, strength, **changes):
    p = {**problem, **changes}
    terms = p["target"], p["weight"], p["covariance"]
    augmented = augmented_logits(logits_of(p), *terms, strength)
    return F.cross_entropy(augmented, p["target"])


def gradients(loss, problem):
    parameters = [problem[key] for key in ("features", "weight", "bias")]
    return torch.autograd.grad(loss, parameters)


def differences(p):
    """Rows of the weight less that of the true class: (N, C, A)."""
    return p["weight"] - p["weight"][p["target"]][:, None]


def equal(actual, expected, rtol=0, atol=0):
    torch.testing.assert_close(actual, expected, rtol=rtol, atol=atol)


def cross_entropy(problem, **changes):
    p = {**problem, **changes}
    return F.cross_entropy(logits_of(p), p["target"])


def monte_carlo(problem, strength, n_draws):
    """Mean and standard error of cross-entropy on sampled features (Eq. 2)."""
    p = {key: value.detach() for key, value in problem.items()}
    factor = torch.linalg.cholesky(strength * p["covariance"])[p["target"]]
    generator = torch.Generator().manual_seed(1)
    noise = torch.randn(n_draws, N, A, 1, generator=generator, dtype=torch.float64)
    moved = (factor @ noise).squeeze(-1)
    losses = 0
    for sign in (1, -1):  # opposite draws cancel what is odd in the noise
        logits = (p["features"] + sign * moved) @ p["weight"].T + p["bias"]
        target = p["target"].repeat(n_draws)
        each = F.cross_entropy(logits.flatten(0, 1), target, reduction="none")
        losses = losses + each.view(n_draws, N).mean(1) / 2
    return losses.mean(), losses.std() / n_draws**0.5


def test_class_table_equals_the_per_sample_form(problem):
    p, d = problem, differences(problem)
    form = torch.einsum("nja,nab,njb->nj", d, p["covariance"][p["target"]], d)
    naive = F.cross_entropy(logits_of(p) + 0.35 * form, p["target"])
    ours = isda(p, 0.7)
    assert abs(ours - naive) <= 1e-12
    for actual, expected in zip(gradients(ours, p), gradients(naive, p)):
        assert (actual - expected).abs().max() <= 1e-12


def test_strength_zero_is_exactly_cross_entropy(problem):
    ours, plain = isda(problem, 0), cross_entropy(problem)
    assert torch.equal(ours, plain)
    for actual, expected in zip(gradients(ours, problem), gradients(plain, problem)):
        assert torch.equal(actual, expected)


def test_no_covariance_or_equal_rows_of_the_weight_leave_cross_entropy(problem):
    none = {"covariance": torch.zeros(C, A, A, dtype=torch.float64)}
    same = {"weight": problem["weight"][:1].expand(C, A)}
    for change in (none, same):
        plain = cross_entropy(problem, **change)
        equal(isda(problem, 2.0, **change), plain, atol=1e-14)


@pytest.mark.parametrize("strength", [0.01, 0.1, 0.5, 2.0])
def test_sandwich_of_cross_entropy_expectation_and_bound(problem, strength):
    expectation, error = monte_carlo(problem, strength, n_draws=20_000)
    assert cross_entropy(problem) < expectation - 5 * error
    assert expectation + 5 * error < isda(problem, strength)


def test_bound_is_tight_as_strength_vanishes(problem):
    def gap(strength):
        expectation, _ = monte_carlo(problem, strength, 20_000)
        return isda(problem, strength).detach() - expectation

    assert gap(1e-2) < 0.2 * gap(1e-1)
    assert gap(1e-4) < 0.02 * gap(1e-2)


def test_first_order_effect_of_expectation_and_bound(problem):
    # With the softmax p: the expectation grows by half the variance of logit
    # differences under p, the bound by half their second moment.
    p = {key: value.detach() for key, value in problem.items()}
    probability, difference = logits_of(p).softmax(1), differences(p)
    mean = (probability[..., None] * difference).sum(1, keepdim=True)
    covariance = p["covariance"][p["target"]]

    def moment(about):
        d = difference - about
        form = torch.einsum("nja,nab,njb->nj", d, covariance, d)
        return (probability * form).sum(1).mean() / 2

    step = 1e-5
    bound = (isda(p, step) - isda(p, 0)) / step
    equal(bound, moment(about=0), rtol=1e-3)
    expectation, error = monte_carlo(problem, step, n_draws=20_000)
    slope = (expectation - isda(p, 0)) / step
    assert abs(slope - moment(about=mean)) < 5 * error / step + 1e-3


def test_binary_closed_form():
    torch.manual_seed(0)
    features, weight = torch.randn(8, A).double(), torch.randn(2, A).double()
    factor = torch.randn(2, A, A).double()
    covariance, target = factor @ factor.mT, torch.zeros(8, dtype=torch.long)
    d = weight[1] - weight[0]
    margin = features @ d + 0.4 / 2 * d @ covariance[0] @ d
    expected = torch.logaddexp(margin, torch.zeros_like(margin)).mean()  # softplus
    logits = augmented_logits(features @ weight.T, target, weight, covariance, 0.4)
    equal(F.cross_entropy(logits, target), expected, rtol=1e-13)


def test_common_shift_of_weights_and_biases_changes_nothing(problem):
    shift = torch.randn(A, dtype=torch.float64)
    shifted = {"weight": problem["weight"] + shift, "bias": problem["bias"] + 3}
    equal(isda(problem, 0.8, **shifted), isda(problem, 0.8), rtol=1e-12)


def test_rotation_changes_nothing_for_full_but_for_diagonal(problem):
    rotation = torch.linalg.qr(torch.randn(A, A, dtype=torch.float64))[0]
    turned = {
        "features": problem["features"] @ rotation,
        "weight": problem["weight"] @ rotation,
        "covariance": rotation.T @ problem["covariance"] @ rotation,
    }
    equal(isda(problem, 0.8, **turned), isda(problem, 0.8), rtol=1e-12)
    diagonal = lambda m: m.diagonal(dim1=1, dim2=2)  # noqa: E731
    before = isda(problem, 0.8, covariance=diagonal(problem["covariance"]))
    turned["covariance"] = diagonal(turned["covariance"])
    assert abs(isda(problem, 0.8, **turned) - before) > 1e-4


def test_gradients_equal_the_corrected_equations_12_to_14(problem):
    p, strength = problem, 0.6
    grad_features, grad_weight, grad_bias = gradients(isda(p, strength), p)
    keys = ("features", "weight", "target", "covariance")
    a, W, y, S = (p[key].detach() for key in keys)
    logits = logits_of(p).detach()
    probability = augmented_logits(logits, y, W, S, strength).softmax(1)
    dz = probability - F.one_hot(y, C)  # Eq. 12
    expected = torch.zeros_like(W)
    for i in range(N):
        pull = strength * (W - W[y[i]]) @ S[y[i]]  # Sigma of the sample's own class
        for j in range(C):
            if j != y[i]:
                expected[j] += probability[i, j] * (a[i] + pull[j])
        # The true class's row weighs each term by its probability.
        expected[y[i]] += dz[i, y[i]] * a[i] - probability[i] @ pull
    assert (grad_weight - expected / N).abs().max() < 1e-12
    assert (grad_bias - dz.mean(0)).abs().max() < 1e-12
    assert (grad_features - dz @ W / N).abs().max() < 1e-12  # Eq. 14: logits only


@pytest.mark.parametrize("kind", KINDS)
def test_gradcheck_of_the_whole_loss(problem, kind):
    covariance = ClassCovariance(C, A, kind, rank=2, dtype=torch.float64)
    covariance.update(torch.randn(40, A).double(), torch.arange(40) % C)
    keys = ("features", "weight", "bias")

    def loss(*inputs):
        return isda(problem, 0.5, **dict(zip(keys, inputs)), covariance=covariance)

    torch.autograd.gradcheck(loss, [problem[key] for key in keys])


@pytest.mark.parametrize("options", [{}, {"label_smoothing": 0.1}, {"weight": 3}])
@pytest.mark.parametrize("mixed", [False, True])
def test_loss_of_weighted_rows_is_that_of_repeated_rows(options, mixed, problem):
    w = torch.arange(N) % 3
    copies = torch.arange(N).repeat_interleave(w)
    if "weight" in options:
        options = {"weight": torch.linspace(0.5, options["weight"], C).double()}
    target = problem["target"]
    if mixed:
        target = 0.7 * F.one_hot(target, C) + 0.3 * F.one_hot(target.flip(0), C)
        target = target.double()
    found = []
    for rows, weight in ((torch.arange(N), w), (copies, None)):
        loss_function = ISDALoss(C, A, dtype=torch.float64, **options)
        loss_function.covariance.update(problem["features"], problem["target"])
        p = {**problem, "features": problem["features"][rows]}
        terms = p["features"], p["weight"], 1.5
        if weight is None:
            loss = loss_function(logits_of(p), target[rows], *terms)
        else:
            loss = loss_function(logits_of(p), target, *terms, sample_weight=weight)
        found.append([loss, *gradients(loss, problem)])
        found[-1].append(loss_function.covariance.dense())
    for one, other in zip(*found, strict=True):
        equal(one, other, rtol=1e-12, atol=1e-14)


def test_loss_updates_statistics_in_training_only():
    torch.manual_seed(0)
    loss = ISDALoss(C, A, "diagonal")
    features, weight, target = (
        torch.randn(20, A),
        torch.randn(C, A),
        torch.arange(20) % C,
    )
    logits = features @ weight.T
    plain, terms = F.cross_entropy(logits, target), (target, features, weight, 0.5)
    assert loss(logits, *terms) > plain
    assert loss.covariance.count.sum() == 20
    assert torch.equal(loss.eval()(logits, *terms), plain)
    assert loss.covariance.count.sum() == 20


@pytest.mark.parametrize("kind", KINDS)
def test_bound_is_computed_in_float32_under_autocast(kind):
    torch.manual_seed(0)
    loss, head = ISDALoss(C, A, kind, rank=A), nn.Linear(A, C)
    features, target = torch.randn(30, A), torch.arange(30) % C
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = head(features)
        value = loss(logits, target, features.bfloat16(), head.weight, 0.5)
    assert logits.dtype == torch.bfloat16
    double = ISDALoss(C, A, kind, rank=A, dtype=torch.float64)
    seen, weight = features.bfloat16().double(), head.weight.double()
    reference = double(logits.double(), target, seen, weight, 0.5)
    equal(value, reference.float(), rtol=1e-5)


@pytest.mark.parametrize("strength", [-0.5, "auto", float("nan")])
def test_strength_is_a_number(problem, strength):
    with pytest.raises(ValueError, match="augmented_logits needs strength to be"):
        isda(problem, strength)
