"""Influence through all layers: products, refits, and the last layer as a limit."""

import numpy as np
import pytest
import torch
from helpers import ignores, refuses
from scipy.stats import pearsonr
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from torch import nn

from skaug import LastLayerInfluence, NetClassifier
from skaug.influence import WholeNetworkInfluence
from skaug.influence.conjugate_gradient import conjugate_gradient

pytestmark = ignores("LastLayerInfluence|WholeNetworkInfluence")

N = 200


@pytest.fixture(scope="module")
def rows():
    """Digits: 200 training rows and labels, then 500 for validation."""
    X, y = load_digits(return_X_y=True)
    X = X.astype(np.float32) / 16
    return X[:N], y[:N], X[N:700], y[N:700]


def net_of(rows, module=None, **params):
    if module is None:
        torch.manual_seed(0)
        module = nn.Sequential(nn.Linear(64, 8), nn.Tanh(), nn.Linear(8, 10))
    params = {"max_epochs": 40, "random_state": 0, **params}
    return NetClassifier(module, **params).fit(*rows[:2])


@pytest.fixture(scope="module")
def net(rows):
    return net_of(rows)


def frozen(net, head="2"):
    """The same net, in which only the last layer may move."""
    for name, parameter in net.module_.named_parameters():
        parameter.requires_grad_(name.startswith(head))
    return net


def test_it_predicts_what_refits_find(rows, net):
    X, y, X_val, y_val = rows
    influence = WholeNetworkInfluence(net, damping=0.1, converge=True).fit(X, y)
    some = np.random.default_rng(0).permutation(N)[:25]
    predicted = influence.predicted_loss_change(X_val, y_val)
    refitted = influence.refitted_loss_change(X_val, y_val, some)
    assert pearsonr(predicted[some], refitted)[0] > 0.98
    assert np.polyfit(predicted[some], refitted, 1)[0] == pytest.approx(1, abs=0.1)
    # All layers say more than the last one, which is near.
    assert 0.5 < influence.last_layer_correlation(X_val, y_val) < 0.99


@pytest.mark.parametrize("logit_adjustment", [0, 1])
def test_if_only_the_last_layer_moves_it_is_influence_through_that(
    rows, logit_adjustment
):
    X, y, X_val, y_val = (part[:150] for part in rows)
    net = frozen(net_of((X, y), logit_adjustment=logit_adjustment, max_epochs=2))
    whole, last = (
        WholeNetworkInfluence(net).fit(X, y),
        LastLayerInfluence(net).fit(X, y),
    )
    for name, held_out in [
        ("predicted_loss_change", (X_val, y_val)),
        ("self_influence", ()),
    ]:
        found, expected = (getattr(one, name)(*held_out) for one in (whole, last))
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-8)
    assert whole.last_layer_correlation(X_val, y_val) == pytest.approx(1)
    changes, slopes = [], []
    for influence in (whole, last):
        new_X = torch.from_numpy(X + np.float32(0.05)).requires_grad_()
        direction = influence.validation_direction(X_val, y_val)
        change = influence.of_replacement(new_X, y, direction)
        change.sum().backward()
        changes.append(change.detach())
        slopes.append(new_X.grad)
    torch.testing.assert_close(*changes, rtol=1e-4, atol=1e-9)
    torch.testing.assert_close(*slopes, rtol=1e-4, atol=1e-8)


@pytest.mark.parametrize("converge", [True, False])
def test_products_are_those_of_the_matrix(rows, converge):
    X, y, *_ = (part[:30] for part in rows)
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(64, 3), nn.Softplus(), nn.Linear(3, 10))
    net = net_of((X, y), module, max_epochs=2)
    influence = WholeNetworkInfluence(net, damping=0.2, converge=converge).fit(X, y)
    theta = influence.weights_
    if converge:
        matrix = torch.func.hessian(influence._objective)(theta)
        assert torch.linalg.eigvalsh(matrix)[0] > 0
        assert influence._gradient(theta).abs().max() < 1e-7
    else:
        jacobian = torch.func.jacrev(influence._logits)(theta, influence.rows_)
        p = influence._logits(theta, influence.rows_).softmax(dim=1)
        inner = torch.diag_embed(p) - p[:, :, None] * p[:, None]
        matrix = torch.einsum("nci,ncd,ndj->ij", jacobian, inner, jacobian) / len(X)
        matrix = matrix + 0.2 * torch.eye(len(theta))
    v = torch.randn(len(theta), dtype=torch.float64)
    torch.testing.assert_close(influence._product(v), matrix @ v, atol=1e-8, rtol=1e-6)
    solved = torch.linalg.solve(matrix, v)
    torch.testing.assert_close(influence._solve(v), solved, atol=1e-6, rtol=1e-6)


def test_gradients_along_a_direction_are_those_of_autograd(rows, net):
    X, y, *_ = rows
    influence = WholeNetworkInfluence(net).fit(X, y)
    direction = torch.randn(len(influence.weights_), dtype=torch.float64)
    found = influence._along(direction, influence.rows_[:5], influence.codes_[:5])
    for row in range(5):
        some = slice(row, row + 1)
        gradient = influence._mean_gradient(
            influence.rows_[some], influence.codes_[some]
        )
        assert found[row] == pytest.approx(float(gradient @ direction))
    X_new = influence.rows_[:2].clone().requires_grad_()
    assert torch.autograd.gradcheck(
        lambda X: influence._along(direction, X, influence.codes_[:2]), X_new
    )


def test_what_cannot_be_computed_is_refused(rows, net):
    X, y, X_val, y_val = rows
    with refuses("weights at a minimum .* Set converge=True"):
        WholeNetworkInfluence(net).fit(X, y).refitted_loss_change(X_val, y_val, [0])
    with refuses("without negative curvature; got -1 along"):
        conjugate_gradient(lambda v: -v, torch.ones(3), 1e-8)
    softmax = nn.Sequential(nn.Linear(64, 10), nn.Softmax(dim=1))
    other = net_of(rows, softmax, criterion=nn.NLLLoss, max_epochs=1)
    with refuses("whose outputs are logits; got probabilities"):
        WholeNetworkInfluence(other).fit(X, y)
    with refuses("a net of skorch that classifies", TypeError):
        WholeNetworkInfluence(None).fit(X, y)
    with refuses("labels among"):
        WholeNetworkInfluence(net).fit(X, y + 5)
    weighted = net_of(rows, class_weight="balanced", max_epochs=1)
    with refuses("rows of equal weight; got class_weight='balanced'"):
        WholeNetworkInfluence(weighted).fit(X, y)


def test_one_that_is_not_fitted_says_so(rows, net):
    with pytest.raises(NotFittedError):
        WholeNetworkInfluence(net).predicted_loss_change(*rows[2:])
