"""Quadratic forms of classes against the per-sample route, and their memory."""

import pytest
import torch
from helpers import refuses
from isda.class_statistics import A, C, assert_near, draw, estimate, one_shot

from skaug.isda import ClassCovariance, class_quadratic_form, quadratic_form
from skaug.isda.covariance import KINDS


def naive_form(weight, classes, matrices):
    difference = weight[None] - weight[classes][:, None]
    return torch.einsum("pja,pab,pjb->pj", difference, matrices[classes], difference)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("block_bytes", [1, 4 * 8 * A * A, 2**22])
@pytest.mark.parametrize("kept_bytes", [0, 2**25])
def test_form_equals_the_naive_one_in_value_and_gradient(
    kind, block_bytes, kept_bytes, monkeypatch
):
    monkeypatch.setattr(quadratic_form, "BLOCK_BYTES", block_bytes)
    monkeypatch.setattr(quadratic_form, "KEPT_BYTES", kept_bytes)
    X, y = draw(80)
    covariance = estimate(kind, X, y, (11, 12, 60))
    matrices = one_shot(kind, X, y)
    weight = torch.randn(C, A, dtype=torch.float64, requires_grad=True)
    for classes in [torch.arange(C), torch.tensor([1, 4]), torch.tensor([2])]:
        table = covariance.quadratic_form(weight, classes)
        expected = naive_form(weight, classes, matrices)
        assert_near(table, expected)
        upstream = torch.randn_like(table)
        gradients = (
            torch.autograd.grad(form, weight, upstream)[0] for form in (table, expected)
        )
        assert_near(*gradients)


@pytest.mark.parametrize("kind", KINDS)
def test_form_passes_gradcheck_and_is_zero_for_the_true_class(kind):
    X, y = draw(80)
    covariance = estimate(kind, X, y)
    weight = torch.randn(C, A, dtype=torch.float64, requires_grad=True)
    classes = torch.tensor([0, 3])
    form = lambda w: covariance.quadratic_form(w, classes)  # noqa: E731
    assert torch.autograd.gradcheck(form, weight)
    assert torch.autograd.gradgradcheck(form, weight)
    table = covariance.quadratic_form(weight, classes)
    assert (table >= 0).all()
    assert table[0, 0] == table[1, 3] == 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_common_offset_of_the_weight_costs_no_precision(kind):
    X, y = draw(80)
    covariance = estimate(kind, X, y).float()
    weight, classes = torch.randn(C, A), torch.arange(C)
    table = covariance.quadratic_form(weight, classes)
    shifted = covariance.quadratic_form(weight + 100, classes)
    torch.testing.assert_close(shifted, table, rtol=1e-3, atol=1e-4)


class LargestTensor(torch.utils._python_dispatch.TorchDispatchMode):
    """Notes the number of elements of the largest tensor made."""

    largest = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        for tensor in out if isinstance(out, tuple) else (out,):
            if isinstance(tensor, torch.Tensor):
                self.largest = max(self.largest, tensor.untyped_storage().nbytes())
        return out


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(512, 5000, 16), (2000, 2, 8), (900, 20, 600)])
def test_no_tensor_has_a_sample_axis_beside_classes_or_features(kind, shape):
    n, n_classes, n_features = shape
    features, target = torch.randn(n, n_features), torch.arange(n) % n_classes
    target[: n // 2] = 0  # one large class among small ones
    covariance = ClassCovariance(n_classes, n_features, kind, rank=4)
    weight = torch.randn(n_classes, n_features, requires_grad=True)
    with LargestTensor() as seen:
        covariance.update(features, target)
        table = covariance.quadratic_form(weight, target.unique())
        table.sum().backward()
    statistics = max((b.nbytes for b in covariance.buffers()), default=0)
    inputs = 4 * max(n * n_classes, n * n_features, n_classes * n_features)
    allowed = max(quadratic_form.BLOCK_BYTES, quadratic_form.KEPT_BYTES)
    assert seen.largest <= max(statistics, inputs, allowed)


def test_tensors_of_variances_and_covariances_agree():
    weight, variances = torch.randn(C, A).double(), torch.rand(C, A).double()
    classes = torch.tensor([1, 2])
    full = class_quadratic_form(weight, classes, torch.diag_embed(variances))
    assert_near(class_quadratic_form(weight, classes, variances), full)


def test_a_covariance_changed_before_backward_is_noticed():
    X, y = draw(40)
    covariance = estimate("full", X, y)
    weight = torch.randn(C, A, dtype=torch.float64, requires_grad=True)
    table = covariance.quadratic_form(weight, torch.arange(C))
    covariance.update(X, y)
    with refuses("modified by an inplace operation", RuntimeError):
        table.sum().backward()
