"""Influence through the last layer: solvers, identities, and what retraining says."""

import copy
import warnings

import numpy as np
import pytest
import torch
from helpers import refuses
from scipy.stats import spearmanr
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from skorch import NeuralNetClassifier
from torch import nn

from skaug import NetClassifier
from skaug.influence import LastLayerInfluence, hessian
from skaug.influence.nets import clipped
from skaug.influence.softmax_hessian import sum_zero_basis
from skaug.net import best_temperature

N = 400
CROSS_ENTROPY = nn.functional.cross_entropy


@pytest.fixture(scope="module")
def rows():
    """Digits, centred: training rows and labels, then those for validation."""
    X, y = load_digits(return_X_y=True)
    X = (X - X.mean(axis=0)) / 8
    return X[:N], y[:N], X[N : 2 * N], y[N : 2 * N]


@pytest.fixture(scope="module")
def net(rows):
    X, y, *_ = rows
    return NetClassifier(module__hidden=(16,), max_epochs=10, random_state=0).fit(X, y)


def influence_of(rows, estimator=None, **params):
    """Influence of the training rows."""
    return LastLayerInfluence(estimator, **params).fit(*rows[:2])


@pytest.fixture(scope="module")
def damped(rows):
    """What retraining is compared with."""
    return influence_of(rows, damping=0.1)


def refitted(X, y, damping, n):
    """Softmax regression with the weight of a row left at 1/n, by scikit-learn."""
    X = np.column_stack([X, np.ones(len(X))])
    regression = LogisticRegression(
        C=1 / (n * damping), fit_intercept=False, tol=1e-10, max_iter=5000
    )
    return regression.fit(X, y)


def loss_of(regression, X, y):
    X = np.column_stack([X, np.ones(len(X))])
    return log_loss(y, regression.predict_proba(X), labels=regression.classes_)


# Solvers


@pytest.mark.parametrize("damping", [1e-3, 0.1])
def test_conjugate_gradients_equal_the_factorisation(rows, damping):
    found, expected = (
        influence_of(
            rows, damping=damping, solver=solver, tol=1e-12
        ).validation_direction(*rows[2:])
        for solver in ("cg", "cholesky")
    )
    assert (found - expected).norm() / expected.norm() < 1e-8
    assert found.sum(dim=0).abs().max() < 1e-10 * found.abs().max()


def test_the_stochastic_solver_comes_close(rows):
    exact, close = (
        influence_of(rows, solver=solver, random_state=0).predicted_loss_change(
            *rows[2:]
        )
        for solver in ("cg", "stochastic")
    )
    assert np.abs(exact - close).max() < 0.05 * np.abs(exact).max()
    assert spearmanr(exact, close).statistic > 0.99


def test_pairs_add_up_to_the_mean_in_every_solver(rows):
    X, y, X_val, y_val = rows
    for solver in ("auto", "cg", "cholesky"):
        influence = LastLayerInfluence(solver=solver).fit(X[:60], y[:60])
        pairs = influence.pairwise(X_val[:110], y_val[:110])
        change = influence.predicted_loss_change(X_val[:110], y_val[:110])
        assert pairs.shape == (60, 110)
        np.testing.assert_allclose(pairs.mean(axis=1), change, atol=1e-9)


def test_blocks_do_not_show(rows, monkeypatch):
    X, y, X_val, y_val = rows

    def numbers():
        influence = LastLayerInfluence().fit(X[:150], y[:150])
        change = influence.predicted_loss_change(X_val, y_val)
        pairs = influence.pairwise(X_val[:30], y_val[:30])
        return change, influence.factor_, pairs, influence.self_influence()

    expected = numbers()
    monkeypatch.setattr("skaug.influence.softmax_hessian.BLOCK_BYTES", 30_000)
    for one, other in zip(numbers(), expected):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)


def test_the_factor_is_that_of_the_hessian(rows):
    X, y, *_ = rows
    influence = LastLayerInfluence().fit(X, y)
    influence.self_influence()
    H = hessian(influence.features_, influence.probabilities_, 0.1)
    L = influence.factor_
    torch.testing.assert_close(L @ L.T, H, rtol=0, atol=1e-12)
    assert (L.triu(1) == 0).all()


@pytest.mark.parametrize("solver", ["auto", "cholesky", "cg"])
def test_fewer_rows_than_features_are_solved_in_their_span(rows, solver):
    X, y, X_val, y_val = rows
    influence = LastLayerInfluence(solver=solver).fit(X[:30], y[:30])
    H = hessian(influence.features_, influence.probabilities_, 0.1)
    basis = sum_zero_basis(10, dtype=H.dtype)
    gradients = torch.stack([influence.mean_gradient(X_val, y_val)] * 2)
    gradients[1] *= torch.arange(65)  # leaves the span of the rows
    solved = influence.inverse_hessian_product(gradients)
    for one, gradient in zip(solved, gradients):
        right = (basis.T @ gradient).flatten()
        whole = torch.linalg.solve(H, right).unflatten(0, (9, 65))
        torch.testing.assert_close(one, basis @ whole, rtol=1e-7, atol=1e-9)
    one = influence.validation_direction(X_val, y_val)
    gradient = influence.validation_gradient(X_val, y_val)
    right = (basis.T @ gradient).flatten()
    whole = basis @ torch.linalg.solve(H, right).unflatten(0, (9, 65))
    torch.testing.assert_close(torch.as_tensor(one), whole, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("damping", [1e-2, 0.1])
def test_pairs_are_captums_at_full_rank(rows, damping):
    captum = pytest.importorskip("captum.influence", reason="captum is for comparison")
    X, y, X_val, y_val = rows
    columns = X[:60].std(axis=0).argsort()[-6:]
    X, y, X_val, y_val = X[y < 3][:, columns], y[y < 3], X_val[:, columns], y_val
    X_val, y_val = X_val[y_val < 3][:15], y_val[y_val < 3][:15]
    influence = LastLayerInfluence(damping=damping).fit(X, y)
    head = nn.Linear(6, 3).double()
    coef = torch.from_numpy(influence.coef_)
    head.load_state_dict({"weight": coef[:, :-1], "bias": coef[:, -1]})
    theirs = captum.NaiveInfluenceFunction(
        nn.Sequential(head),
        torch.utils.data.TensorDataset(torch.from_numpy(X), torch.from_numpy(y)),
        checkpoint=None,
        checkpoints_load_func=lambda *_: 1.0,
        layers=["0"],
        loss_fn=nn.CrossEntropyLoss(reduction="none"),
        batch_size=len(X),
        projection_dim=21,
        # Its Hessian is that of the sum of the losses.
        hessian_reg=damping * len(X),
        hessian_inverse_tol=0,
    )
    expected = theirs.influence((torch.from_numpy(X_val), torch.from_numpy(y_val)))
    np.testing.assert_allclose(
        influence.pairwise(X_val, y_val), expected.T, rtol=1e-6, atol=1e-9
    )


def test_the_regression_is_scikit_learns(rows, damped):
    coef = refitted(*rows[:2], 0.1, N).coef_
    np.testing.assert_allclose(damped.coef_, coef, atol=1e-5)


# What retraining says


@pytest.fixture(scope="module")
def left_out(rows, damped):
    """Predicted and true changes for rows left out one by one."""
    X, y, X_val, y_val = rows
    predicted = damped.predicted_loss_change(X_val, y_val)
    order = np.argsort(predicted)
    chosen = np.r_[order[:10], order[-10:], order[10:-10:20]]
    before = loss_of(refitted(X, y, 0.1, N), X_val, y_val)
    true = [
        loss_of(refitted(np.delete(X, i, 0), np.delete(y, i), 0.1, N), X_val, y_val)
        - before
        for i in chosen
    ]
    return chosen, predicted[chosen], np.array(true)


def test_size_and_sign_of_leaving_out(rows, damped, left_out):
    chosen, predicted, true = left_out
    assert np.corrcoef(predicted, true)[0, 1] > 0.99
    assert 0.9 < np.polyfit(predicted, true, 1)[0] < 1.1
    assert (true[:10] < 0).all() and (true[10:20] > 0).all()
    assert spearmanr(predicted, true).statistic > 0.99
    # The refits of this package equal those of scikit-learn.
    change = damped.refitted_loss_change(*rows[2:], chosen[:5])
    np.testing.assert_allclose(change, true[:5], rtol=1e-3)


def test_size_and_sign_of_replacing(rows, damped):
    X, y, X_val, y_val = rows
    direction = damped.validation_direction(X_val, y_val)
    chosen = np.arange(0, N, 16)
    X_new = X[chosen] + np.random.default_rng(0).normal(scale=0.2, size=(25, 64))
    predicted = damped.of_replacement(X_new, y[chosen], direction, chosen).numpy()
    before = loss_of(refitted(X, y, 0.1, N), X_val, y_val)
    true = []
    for i, row in zip(chosen, X_new):
        replaced = X.copy()
        replaced[i] = row
        true.append(loss_of(refitted(replaced, y, 0.1, N), X_val, y_val) - before)
    assert np.corrcoef(predicted, true)[0, 1] > 0.99
    assert 0.9 < np.polyfit(predicted, true, 1)[0] < 1.1


# Identities


def test_a_row_replaced_by_itself_changes_nothing(rows, net):
    for estimator in (None, net):
        influence = influence_of(rows, estimator)
        direction = influence.validation_direction(*rows[2:])
        assert (influence.of_replacement(*rows[:2], direction) == 0).all()


def test_two_copies_count_twice(rows):
    X, y, *val = rows
    once, twice = (
        influence_of((X[i], y[i]), tol=1e-12).predicted_loss_change(*val)
        for i in (np.r_[np.arange(60), 0], np.r_[np.arange(1, 60), 0, 0])
    )
    np.testing.assert_allclose(once[0], once[-1])
    np.testing.assert_allclose(once[0], twice[-1], atol=1e-10)


def test_at_the_minimum_all_rows_together_are_the_penalty(rows, damped):
    direction = damped.validation_direction(*rows[2:])
    # The gradients of all rows add up to -damping times the weights.
    expected = -0.1 * float((direction * torch.as_tensor(damped.coef_)).sum())
    total = damped.predicted_loss_change(*rows[2:]).sum()
    np.testing.assert_allclose(total, expected, rtol=1e-6)


def test_strong_damping_leaves_products_of_gradients(rows, net):
    influence = influence_of(rows, net, damping=1e8)
    features, errors, _ = influence._validation(*rows[2:])
    gradient = errors.T @ features / len(features)
    products = ((influence.features_ @ gradient.T) * influence.errors_).sum(dim=1)
    change = influence.predicted_loss_change(*rows[2:])
    np.testing.assert_allclose(1e8 * N * change, products, rtol=1e-6, atol=1e-8)


def test_self_influence_is_the_diagonal_of_the_pairs(rows):
    X, y, *_ = rows
    influence = LastLayerInfluence().fit(X[:80], y[:80])
    own = influence.self_influence()
    np.testing.assert_allclose(own, np.diag(influence.pairwise(X[:80], y[:80])))
    assert (own > 0).all()


def test_cosine_ignores_sizes_and_is_bounded(rows, net):
    X, y, X_val, y_val = rows
    influence = LastLayerInfluence(net, damping=0.01).fit(X, y)
    wrong = (y + 1) % 10
    groups = [(X, y), (X_val, y_val), (X, wrong), (X[:30], y[:30])]
    cosines = influence.group_cosine(groups, X_val, y_val)
    assert (np.abs(cosines) <= 1).all()
    assert cosines[1] == pytest.approx(1)
    doubled = influence.group_cosine([(np.r_[X, X], np.r_[y, y])], X_val, y_val)
    np.testing.assert_allclose(doubled[0], cosines[0], rtol=1e-10)


def test_cosine_of_two_classes_does_not_know_how_long_a_gradient_is(rows):
    X, y, X_val, y_val = rows
    X, X_val, y, y_val = X[y < 2], X_val[y_val < 2], y[y < 2], y_val[y_val < 2]
    X_val, y_val = np.tile(X_val, (3, 1)), np.tile(y_val, 3)
    influence = LastLayerInfluence().fit(X, y)
    # With either label the gradient of a row points the opposite way, and it is as
    # long as the probability of the other label.
    for row in range(3):
        own, other = (
            influence.group_cosine([(X[[row]], [label])], X_val, y_val)[0]
            for label in (y[row], 1 - y[row])
        )
        assert own == pytest.approx(-other)
        sizes = influence.probabilities_[row]
        assert sizes.max() > 2 * sizes.min()


def test_calibration_without_a_wrong_row_is_none():
    y = np.repeat([0, 1, 2], 100)
    X = 6 * np.eye(3)[y] + np.random.default_rng(0).normal(size=(300, 3))
    plain, calibrated = (
        LastLayerInfluence(damping=0.01, calibrate=calibrate).fit(X[::2], y[::2])
        for calibrate in (False, True)
    )
    assert (calibrated.pairwise(X, y) == plain.pairwise(X, y)).all()


def test_calibration_changes_confidence_alone(rows, net):
    X, y, X_val, y_val = rows
    influence = LastLayerInfluence(net, calibrate=True).fit(X, y)
    features, errors, loss = influence._validation(X_val, y_val)
    plain = LastLayerInfluence(net).fit(X, y)._validation(X_val, y_val)
    logits = features @ influence._weight().T
    target = torch.from_numpy(y_val)
    temperature = best_temperature(logits, target)
    assert loss <= plain[2]
    np.testing.assert_array_equal(logits.argmax(1), (logits / temperature).argmax(1))
    assert loss == pytest.approx(float(CROSS_ENTROPY(logits / temperature, target)))
    # Along the logits themselves the calibrated loss is flat.
    assert abs(float((errors * logits).mean())) < 1e-8
    assert abs(float((plain[1] * logits).mean())) > 1e-4


def test_gradient_in_the_replacement(rows, net):
    X, y, X_val, y_val = rows
    linear = LastLayerInfluence().fit(X[:, :5], y)
    direction = linear.validation_direction(X_val[:, :5], y_val)
    new = torch.tensor(X[:3, :5] + 0.1, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda new: linear.of_replacement(new, y[:3], direction, np.arange(3)), new
    )
    influence = influence_of(rows, net)
    direction = influence.validation_direction(X_val, y_val)

    def change_of(new):
        return influence.of_replacement(new, y[:3], direction, np.arange(3)).sum()

    new = torch.tensor(X[:3], dtype=torch.float32, requires_grad=True)
    change = change_of(new)
    (gradient,) = torch.autograd.grad(change, new)
    size = gradient.norm()
    assert size > 0
    moved = change_of((new + 1e-3 * gradient / size).detach())
    assert float(moved - change.detach()) == pytest.approx(1e-3 * float(size), rel=0.1)


# Plumbing


def test_the_net_is_left_as_it_was(rows, net):
    X, y, X_val, y_val = rows
    before = copy.deepcopy(net.module_.state_dict())
    LastLayerInfluence(net).fit(X, y).predicted_loss_change(X_val, y_val)
    after = net.module_.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before)
    assert not any(layer._forward_pre_hooks for layer in net.module_.modules())


def test_labels_of_any_kind_and_a_frozen_net(rows, net):
    X, y, X_val, y_val = rows
    names = np.array(list("abcdefghij"))
    numbers = influence_of(rows).predicted_loss_change(X_val, y_val)
    letters = influence_of((X, names[y])).predicted_loss_change(X_val, names[y_val])
    np.testing.assert_array_equal(letters, numbers)
    frozen = LastLayerInfluence(FrozenEstimator(net))
    assert clone(frozen).fit(X, y).features_.shape == (N, 17)


def test_impossible_sizes_are_clipped_with_a_warning():
    with pytest.warns(UserWarning, match="1 rows lower the validation loss by more"):
        change = clipped(np.array([-2.0, -1.0, 0.1]), 1.0, "LastLayerInfluence")
    np.testing.assert_array_equal(change, [-1.0, -1.0, 0.1])


def test_few_validation_rows_are_reported(rows):
    X, y, X_val, y_val = rows
    influence = influence_of(rows)
    calls = [
        influence.predicted_loss_change,
        influence.validation_direction,
        lambda *few: influence.group_cosine([(X, y)], *few),
        influence_of((X[:50], y[:50]), calibrate=True).pairwise,
    ]
    few = X_val[:99], y_val[:99]
    for call in calls:
        with pytest.warns(UserWarning, match="needs 100 validation rows or more; got"):
            call(*few)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        influence.pairwise(*few)  # each number is about one row
        influence.predicted_loss_change(X_val[:100], y_val[:100])


class Softmaxed(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(64, 10)

    def forward(self, X):
        return self.head(X).softmax(dim=1)


class Convolution(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Conv1d(1, 10, 64)

    def forward(self, X):
        return self.head(X[:, None])[..., 0]


NO_LINEAR = "Convolution needs a plain nn.Linear as its last layer; got none. Add one"
NO_LOGITS = "Softmaxed needs to return what its last layer 'head' makes"
NO_NET = "needs a net of skorch that classifies, .*; got a LogisticRegression. For"
SHORT = {"max_epochs": 1, "verbose": 0}


@pytest.mark.parametrize(
    "net, error, message",
    [
        (NetClassifier(Convolution, **SHORT), ValueError, NO_LINEAR),
        (NeuralNetClassifier(Softmaxed, **SHORT), ValueError, NO_LOGITS),
        (LogisticRegression(), TypeError, NO_NET),
        (
            NetClassifier(class_weight="balanced", **SHORT),
            ValueError,
            "a net that was trained on rows of equal weight; got class_weight='bal",
        ),
    ],
)
def test_other_estimators_are_refused(rows, net, error, message):
    X, y = rows[0].astype(np.float32), rows[1]
    with refuses(message, error):
        LastLayerInfluence(net.fit(X, y)).fit(X, y)


@pytest.mark.parametrize(
    "params, message",
    [
        ({"damping": 0}, "a finite number > 0; got 0. Without damping the Hessian"),
        ({"damping": -1}, "needs damping to be a finite number > 0; got -1"),
        ({"calibrate": (1, 2)}, r"calibrate to be True or False; got \(1, 2\)"),
        ({"tol": {}}, "tol to be a finite number > 0; got {}"),
        ({"batch_size": 0.5}, "batch_size to be a whole number >= 1; got 0.5"),
        ({"solver": "lu"}, "needs solver to be 'auto', .*; got 'lu'"),
        ({"estimator": NetClassifier(nn.Sequential(nn.Flatten()))}, "not fitted"),
    ],
)
def test_bad_parameters(params, message, rows):
    with refuses(message, (ValueError, NotFittedError)):
        influence_of(rows, **params)


def test_rows_that_lie_backwards_in_memory(rows):
    X, y, X_val, y_val = rows
    turned = LastLayerInfluence().fit(X[::-1], y[::-1])
    change = turned.predicted_loss_change(X_val[::-1], y_val[::-1])
    copied = LastLayerInfluence().fit(X[::-1].copy(), y[::-1])
    expected = copied.predicted_loss_change(X_val[::-1].copy(), y_val[::-1])
    np.testing.assert_array_equal(change, expected)


@pytest.mark.filterwarnings("ignore:A column-vector")
def test_labels_to_fit_again_for_may_be_a_column(rows, damped):
    *_, X_val, y_val = rows
    expected = damped.refitted_loss_change(X_val, y_val, [3])
    found = damped.refitted_loss_change(X_val, y_val[:, None].tolist(), [3])
    np.testing.assert_array_equal(found, expected)


def test_bad_labels(rows):
    X, y, X_val, y_val = rows
    with refuses("needs labels that name classes; got numbers"):
        LastLayerInfluence().fit(X, X[:, 20] + 0.5 * y)
    with refuses(r"one label per row, shape \(400,\)"):
        LastLayerInfluence().fit(X, y).pairwise(X_val, y_val[:10])
    with pytest.raises(NotFittedError):
        LastLayerInfluence().self_influence()
    with refuses("needs two classes or more; got one class"):
        LastLayerInfluence().fit(X, np.zeros(N))
    with refuses("needs labels and requires y to be passed"):
        LastLayerInfluence().fit(X, y).predicted_loss_change(X_val, None)
    influence = LastLayerInfluence().fit(X[y < 5], y[y < 5])
    with refuses(r"needs labels among .*; got \[5, 6, 7, 8, 9\]"):
        influence.predicted_loss_change(X_val, y_val)


def test_a_net_that_is_not_finite_is_refused(rows, net):
    broken = copy.deepcopy(net)
    with torch.no_grad():
        broken.module_.head.weight[0, 0] = np.nan
    with refuses("features and a last layer that are finite; got others"):
        influence_of(rows, broken)


def test_changes_do_not_depend_on_earlier_calls(rows):
    influence = influence_of(rows)
    X_val, y_val = rows[2:]
    before = influence.predicted_loss_change(X_val, y_val)
    influence.self_influence()
    after = influence.predicted_loss_change(X_val, y_val)
    np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize("solver", ["cg", "cholesky"])
def test_units_beside_which_damping_is_lost_are_refused(rows, solver):
    X, y, X_val, y_val = rows
    with refuses("damping that is not lost beside .*; got 0.1.* Scale the features"):
        influence = LastLayerInfluence(solver=solver).fit(1e30 * X, y)
        influence.predicted_loss_change(1e30 * X_val, y_val)


def test_rows_without_finite_features_are_refused(rows):
    class Bounded(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Linear(64, 10)

        def forward(self, X):
            return self.head(X / (X.abs() < 1e20))

    X, y, X_val, y_val = rows
    net = NetClassifier(Bounded, max_epochs=1, random_state=0).fit(X, y)
    far = X_val.copy()
    far[3, 5] = 1e30
    influence = influence_of(rows, net)
    with refuses("features whose squares are finite; got inf. Look for extreme"):
        influence.predicted_loss_change(far, y_val)
    with refuses("features whose squares are finite; got 1.+e\\+160"):
        influence_of(rows).predicted_loss_change(1e160 * X_val, y_val)
