"""Class statistics against those of all rows at once."""

import copy
import pickle
from functools import partial

import numpy as np
import pytest
import torch
from helpers import refuses
from isda.class_statistics import ESTIMATED, A, C, assert_near, draw, estimate, one_shot
from torch import nn

from skaug.isda import ClassCovariance
from skaug.isda.covariance import KINDS


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "cuts", [(), (1, 2, 3, 4), (60,), (1, 30, 31, 90), tuple(range(1, 120))]
)
def test_streaming_equals_the_one_shot_biased_covariance(kind, cuts):
    X, y = draw(120)
    covariance = estimate(kind, X, y, cuts)
    assert_near(covariance.dense(), one_shot(kind, X, y))
    if kind in ("full", "pooled", "diagonal", "low_rank"):
        assert covariance.count.tolist() == torch.bincount(y, minlength=C).tolist()
        means = torch.stack([X[y == k].mean(0) for k in range(C)])
        assert_near(covariance.mean, means)


@pytest.mark.parametrize("dtype, tolerance", [("float32", 1e-6), ("float64", 1e-12)])
@pytest.mark.parametrize("forgetting", [0.0, 0.1])
@pytest.mark.parametrize("kind", ESTIMATED)
def test_weighted_rows_are_rows_that_are_repeated(kind, forgetting, dtype, tolerance):
    X, y = draw(200, shift=1.0)
    w = torch.randint(4, (200,), generator=torch.Generator().manual_seed(1))
    w[60:80][y[60:80] == 2] = 0  # a batch in which a class has weight 0 only
    params = {"rank": 3, "forgetting": forgetting, "dtype": getattr(torch, dtype)}
    weighted, repeated = (ClassCovariance(C, A, kind, **params) for _ in range(2))
    for rows in torch.arange(200).tensor_split((1, 60, 80)):
        weighted.update(X[rows], y[rows], w[rows])
        copies = rows.repeat_interleave(w[rows])
        repeated.update(X[copies], y[copies])
    assert weighted.count.dtype == torch.float64
    assert_near(weighted.count, repeated.count.double(), tolerance)
    assert_near(weighted.mean, repeated.mean, tolerance)
    assert_near(weighted.dense(), repeated.dense(), tolerance)


@pytest.mark.parametrize("kind", ["full", "diagonal", "low_rank"])
def test_fractional_weights_are_those_of_numpy(kind):
    X, y = draw(120)
    w = torch.rand(120, generator=torch.Generator().manual_seed(1)).double()
    covariance = ClassCovariance(C, A, kind, rank=A, dtype=torch.float64)
    for rows in torch.arange(120).split(50):
        covariance.update(X[rows], y[rows], w[rows])
    each = [np.cov(X[y == k].T, aweights=w[y == k], ddof=0) for k in range(C)]
    if kind == "diagonal":
        each = [np.diag(np.diag(matrix)) for matrix in each]
    assert_near(covariance.dense(), torch.tensor(np.stack(each)))
    assert_near(covariance.count, torch.stack([w[y == k].sum() for k in range(C)]))


@pytest.mark.parametrize("kind", ESTIMATED)
def test_sums_of_weights_can_be_merged_loaded_and_scaled(kind):
    X, y = draw(100)
    w = torch.rand(100, generator=torch.Generator().manual_seed(1)).double() + 0.1

    def weighted(rows, unit=1.0):
        covariance = ClassCovariance(C, A, kind, rank=A, dtype=torch.float64)
        covariance.update(X[rows], y[rows], w[rows] * unit)
        return covariance

    everything = weighted(slice(None))
    merged = ClassCovariance(C, A, kind, rank=A, dtype=torch.float64)
    for rows in slice(40), slice(40, None):
        merged.merge(weighted(rows))
    assert_near(merged.dense(), everything.dense())
    assert_near(merged.count, everything.count)
    loaded = ClassCovariance(C, A, kind, rank=A, dtype=torch.float64)
    loaded.load_state_dict(everything.state_dict())
    assert torch.equal(loaded.count, everything.count)
    for unit in 1e-9, 1e9:
        assert_near(weighted(slice(None), unit).dense(), everything.dense())


@pytest.mark.parametrize("kind", ESTIMATED)
def test_the_order_of_batches_does_not_matter_and_estimates_can_be_merged(kind):
    X, y = draw(100)
    order = torch.randperm(100, generator=torch.Generator().manual_seed(1))
    forward = estimate(kind, X, y, (13, 40, 41))
    shuffled = estimate(kind, X[order], y[order], (7, 77))
    assert_near(shuffled.dense(), forward.dense())
    first, second = estimate(kind, X[:35], y[:35]), estimate(kind, X[35:], y[35:])
    before = second.dense().clone()
    first.merge(second)
    assert_near(first.dense(), one_shot(kind, X, y))
    assert_near(first.mean, estimate(kind, X, y).mean)
    assert torch.equal(second.dense(), before)


def test_merging_into_an_empty_estimate_copies_and_other_kinds_are_refused():
    X, y = draw(50)
    empty = ClassCovariance(C, A, dtype=torch.float64)
    empty.merge(estimate("full", X, y))
    assert_near(empty.dense(), one_shot("full", X, y))
    with refuses("same kind and sizes to merge; got 'diagonal'"):
        empty.merge(estimate("diagonal", X, y))


@pytest.mark.parametrize("kind", ["full", "diagonal", "low_rank"])
def test_absent_classes_are_untouched_and_one_sample_has_no_variance(kind):
    X, y = draw(60)
    covariance = estimate(kind, X[y < 3], y[y < 3])
    before = {key: value.clone() for key, value in covariance.state_dict().items()}
    covariance.update(X[:1], torch.tensor([4]))
    for key, value in covariance.state_dict().items():
        assert torch.equal(value[:4], before[key][:4])
    assert covariance.count[4] == 1
    assert torch.equal(covariance.mean[4], X[0])
    assert covariance.dense()[4].abs().max() == 0


@pytest.mark.parametrize("kind", ESTIMATED)
def test_a_large_offset_does_not_cost_precision(kind):
    X, y = draw(200, shift=1e3)
    covariance = estimate(kind, X, y, (50, 100), dtype=torch.float32)
    expected = one_shot(kind, X, y).float()
    assert_near(covariance.dense(), expected, tolerance=1e-3)


def test_forgetting_equals_exponentially_weighted_rows():
    X, y = draw(30)
    y = torch.zeros_like(y)
    covariance = estimate("full", X, y, (10, 20), forgetting=0.25)
    weights = np.repeat([0.75**2, 0.75, 1.0], 10)
    expected = np.cov(X.T.numpy(), aweights=weights, ddof=0)
    assert_near(covariance.dense()[0], torch.tensor(expected))
    assert_near(covariance.count[0], torch.tensor(weights.sum()))


def test_forgetting_in_a_pooled_covariance_discounts_all_classes_with_each_batch():
    X, y = draw(30)
    y[20:] = 0  # The last batch lacks the other classes, which are forgotten as well.
    covariance = estimate("pooled", X, y, (10, 20), forgetting=0.25)
    weights = torch.tensor(np.repeat([0.75**2, 0.75, 1.0], 10))
    member = nn.functional.one_hot(y, C) * weights[:, None]
    assert_near(covariance.count, member.sum(0))
    means = (member / member.sum(0)).T @ X
    centred = X - means[y]
    expected = (weights[:, None] * centred).T @ centred / weights.sum()
    assert_near(covariance.dense(), expected.expand(C, A, A))
    assert_near(covariance.mean, means)


def test_pooled_is_less_than_shared_by_the_covariance_of_the_class_means():
    X, y = draw(90)
    X = X + 3 * y[:, None]
    pooled, shared = (estimate(kind, X, y, (40,)) for kind in ("pooled", "shared"))
    between = np.cov(pooled.mean[y].T.numpy(), bias=True)
    assert_near(shared.covariance - pooled.covariance, torch.tensor(between)[None])
    assert pooled.covariance.shape == (1, A, A)


def test_counts_stay_exact_past_float32():
    covariance = ClassCovariance(2, 1, "diagonal")
    covariance.count[0] = 2**24
    covariance.float()  # converts what is not a whole number
    covariance.update(torch.ones(1, 1), torch.tensor([0]))
    assert covariance.count[0] == 2**24 + 1


@pytest.mark.parametrize("kind", KINDS)
def test_state_survives_state_dict_deepcopy_and_pickle(kind):
    X, y = draw(40)
    covariance = estimate(kind, X, y)
    loaded = ClassCovariance(C, A, kind, rank=A, dtype=torch.float64)
    loaded.load_state_dict(covariance.state_dict())
    copies = [loaded, copy.deepcopy(covariance), pickle.loads(pickle.dumps(covariance))]
    for other in copies:
        assert torch.equal(other.dense(), covariance.dense())


@pytest.mark.parametrize("kind", KINDS)
def test_statistics_and_form_keep_float32_under_autocast(kind):
    X, y = draw(64)
    covariance = ClassCovariance(C, A, kind, rank=A)
    weight = torch.randn(C, A, requires_grad=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        covariance.update(X.bfloat16(), y)
        table = covariance.quadratic_form(weight, torch.arange(C))
        (grad,) = torch.autograd.grad(table.sum(), weight)
    exact = estimate(kind, X.bfloat16().double(), y)
    double = weight.detach().double().requires_grad_()
    expected = exact.quadratic_form(double, torch.arange(C))
    (expected_grad,) = torch.autograd.grad(expected.sum(), double)
    assert_near(covariance.dense().double(), exact.dense(), 1e-5)
    if kind in ("full", "low_rank"):  # augmented_logits shields the products of others
        assert_near(table.double(), expected, 1e-5)
        assert_near(grad.double(), expected_grad, 1e-5)


def test_low_rank_keeps_variances_and_the_leading_directions():
    generator = torch.Generator().manual_seed(0)
    n_features, rank = 40, 8
    spectrum = 0.7 ** torch.arange(n_features, dtype=torch.float64)
    draw = partial(torch.randn, generator=generator, dtype=torch.float64)
    basis = torch.linalg.qr(draw(n_features, n_features))[0]
    noise = draw(2000, n_features)
    X, y = noise * spectrum @ basis, torch.zeros(2000, dtype=torch.long)
    covariance = ClassCovariance(1, n_features, "low_rank", rank=rank, dtype=X.dtype)
    for batch in X.split(50):
        covariance.update(batch, y[: len(batch)])
    exact = torch.tensor(np.cov(X.T.numpy(), bias=True))
    approximate = covariance.dense()[0]
    assert_near(approximate.diagonal(), exact.diagonal())
    assert (covariance.remainder >= 0).all()
    # No approximation of this rank can beat the truncated spectrum.
    eigenvalues = torch.linalg.eigvalsh(exact).flip(0)
    factor = covariance.factor[0]
    error = torch.linalg.matrix_norm(exact - factor @ factor.T, 2)
    assert error <= 1.3 * eigenvalues[rank]
    leading = factor.square().sum(0)
    torch.testing.assert_close(leading[:4], eigenvalues[:4], rtol=1e-2, atol=0)


def test_more_rows_than_features_are_compressed_in_feature_space():
    X, y = draw(500)
    assert_near(estimate("low_rank", X, y).dense(), one_shot("full", X, y))


@pytest.mark.parametrize(
    "kwargs, message",
    [
        ({"kind": "triangular"}, "kind to be 'full'.*low_rank.*got 'triangular'"),
        ({"n_classes": 0}, "n_classes to be a whole number >= 1; got 0"),
        ({"n_features": 2.0}, "n_features to be a whole number >= 1; got 2.0"),
        ({"kind": "low_rank", "rank": 0}, ">= 1; got 0"),
        ({"forgetting": 1.0}, "forgetting .* 0 to below 1; got 1.0"),
        ({"forgetting": -0.1}, "forgetting .* 0 to below 1; got -0.1"),
    ],
)
def test_bad_parameters_are_named(kwargs, message):
    with refuses(message):
        ClassCovariance(**{"n_classes": C, "n_features": A, **kwargs})


def test_statistics_that_would_not_fit_are_refused_with_their_size():
    with pytest.raises(MemoryError) as error:
        ClassCovariance(100_000, 2048)
    message = str(error.value)
    assert "needs 1563.26 GiB for its 'full' statistics of 100000 classes" in message
    assert "'low_rank' (13.73 GiB), 'pooled' (0.78 GiB), 'diagonal' (1.53" in message


def test_low_rank_fits_imagenet_size_in_the_promised_memory():
    covariance = ClassCovariance(1000, 2048, "low_rank", rank=64, device="meta")
    n_bytes = sum(tensor.nbytes for tensor in covariance.state_dict().values())
    assert n_bytes < 0.7 * 2**30


def test_directions_of_a_class_of_equal_rows_are_found():
    # In float32, eigh fails for some of these matrices, or returns NaN.
    for seed in range(40):
        generator = torch.Generator().manual_seed(seed)
        point, move = torch.randn(2, 64, generator=generator)
        covariance = ClassCovariance(1, 64, "low_rank", rank=16)
        rows = [(point.relu() + step * move / 100).relu() for step in range(20)]
        for row in rows:
            covariance.update(row.expand(8, -1), torch.zeros(8, dtype=torch.long))
        expected = torch.stack(rows).double().var(0, correction=0).float()
        variances = covariance.dense()[0].diagonal()
        torch.testing.assert_close(variances, expected, rtol=1e-3, atol=1e-6)


def test_features_that_are_not_finite_give_statistics_that_are_not():
    # The loss is NaN too, and the net that trains says what to do.
    covariance = ClassCovariance(1, 3, "low_rank", rank=2)
    covariance.update(torch.full((4, 3), torch.inf), torch.zeros(4, dtype=torch.long))
    assert covariance.dense().isnan().any()
