"""Closed forms and solvers of a softmax layer, against autograd and scikit-learn."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from skaug.influence import hessian, hessian_product, softmax_errors
from skaug.influence.softmax_hessian import (
    softmax_regression,
    softmax_solution,
    sum_zero_basis,
)

CROSS_ENTROPY = torch.nn.functional.cross_entropy


@pytest.fixture(scope="module")
def small():
    """Features, weights, labels and probabilities of a small problem, in float64."""
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(30, 4, generator=generator, dtype=torch.float64)
    weight = torch.randn(3, 4, generator=generator, dtype=torch.float64)
    target = torch.randint(3, (30,), generator=generator)
    return features, weight, target, (features @ weight.T).softmax(dim=1)


def test_errors_hessian_and_products_equal_automatic_differentiation(small):
    features, weight, target, p = small

    def objective(weight):
        return CROSS_ENTROPY(features @ weight.T, target) + 0.05 * weight.square().sum()

    gradient = softmax_errors(features @ weight.T, target).T @ features / 30
    expected = torch.func.grad(objective)(weight) - 0.1 * weight
    torch.testing.assert_close(gradient, expected, rtol=0, atol=1e-10)
    H = torch.func.hessian(objective)(weight).reshape(12, 12)
    V = torch.randn(3, 4, dtype=torch.float64)
    product = hessian_product(features, p, V, 0.1)
    torch.testing.assert_close(product.ravel(), H @ V.ravel(), rtol=0, atol=1e-10)
    basis = sum_zero_basis(3, dtype=torch.float64)
    basis = torch.kron(basis, torch.eye(4, dtype=torch.float64))
    reduced = hessian(features, p, 0.1)
    torch.testing.assert_close(basis.T @ H @ basis, reduced, rtol=0, atol=1e-10)


@pytest.mark.parametrize("n_classes", [2, 3, 10])
def test_basis_is_orthonormal_and_sums_to_zero(n_classes):
    basis = sum_zero_basis(n_classes, dtype=torch.float64)
    eye = torch.eye(n_classes - 1, dtype=torch.float64)
    torch.testing.assert_close(basis.T @ basis, eye)
    assert basis.sum(dim=0).abs().max() < 1e-14


@pytest.fixture(scope="module")
def right(small):
    """The gradient of the mean loss, which is what systems are solved for."""
    features, weight, target, _ = small
    return softmax_errors(features @ weight.T, target).T @ features / 30


def test_conjugate_gradients_equal_the_inverse(small, right):
    features, _, _, p = small
    basis = sum_zero_basis(3, dtype=torch.float64)
    reduced = (basis.T @ right).reshape(-1)
    expected = torch.linalg.solve(hessian(features, p, 0.1), reduced)
    found = softmax_solution(features, p, right, 0.1, 1e-12)
    torch.testing.assert_close(found, basis @ expected.reshape(2, 4))


def test_an_unsolved_system_is_reported(small, right):
    features, _, _, p = small
    with pytest.warns(UserWarning, match="after 2 products. Raise damping or tol"):
        softmax_solution(features, p, right, 0.1, 1e-12, max_iter=2)


def test_the_minimum_is_scikit_learns(small):
    features, _, target, _ = small
    regression = LogisticRegression(
        C=1 / (30 * 0.1), fit_intercept=False, tol=1e-10, max_iter=5000
    )
    found = softmax_regression(features, target, 0.1)
    expected = regression.fit(features.numpy(), target.numpy()).coef_
    np.testing.assert_allclose(found, expected, atol=1e-6)
