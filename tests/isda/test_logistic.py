"""A linear classifier with ISDA against other routes to the same numbers."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from helpers import needs_temperature, refuses
from isda.class_statistics import A, C, draw, estimate
from scipy.optimize import approx_fprime
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_breast_cancer, load_digits, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    LeaveOneGroupOut,
    cross_val_predict,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale

from skaug import ISDALogisticRegression, ISDALoss, plain_twin, report
from skaug.isda.linear_cv import Choice
from skaug.isda.linear_fit import Problem, solve

EXACT = {"temperature": 1.0, "tol": 1e-9, "max_iter": 10_000}


def rows(n=80, n_classes=C, seed=0):
    """Rows around class means, codes, weights."""
    X, codes = draw(n, seed)
    codes = codes % n_classes
    weights = np.random.default_rng(seed).random(n) + 0.1
    return (X + codes[:, None]).numpy(), codes.numpy(), weights


def covariances(n_classes):
    """Every kind: of the rows, and given."""
    roots = np.random.default_rng(1).normal(size=(n_classes, A, A))
    given = roots @ roots.swapaxes(1, 2)
    return ["pooled", "full", given[:1], given, given[:, 0] ** 2]


def problem_of(covariance, n_classes=C, strength=1.3, **kwargs):
    X, codes, weights = rows(n_classes=n_classes)
    offset = np.linspace(0, 1, n_classes)
    return Problem(X, codes, weights, offset, covariance, strength, True)


@pytest.mark.parametrize("n_classes", [2, C])
@pytest.mark.parametrize("kind", range(5))
def test_the_gradient_is_that_of_finite_differences(n_classes, kind):
    problem = problem_of(covariances(n_classes)[kind], n_classes)
    at = np.random.default_rng(2).normal(size=problem.n_rows * (A + 1)) / 3
    gradient = problem.value_and_gradient(at, 0.3)[1]
    expected = approx_fprime(at, lambda x: problem.value_and_gradient(x, 0.3)[0])
    np.testing.assert_allclose(gradient, expected, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("n_classes", [2, C])
@pytest.mark.parametrize("kind", range(5))
def test_the_loss_is_that_of_the_network_with_the_same_covariance(n_classes, kind):
    covariance = covariances(n_classes)[kind]
    X, codes, _ = rows(n_classes=n_classes)
    no_offset, ones = np.zeros(n_classes), np.ones(len(X))
    problem = Problem(X, codes, ones, no_offset, covariance, 1.3, True)
    at = np.random.default_rng(3).normal(size=problem.n_rows * (A + 1))
    weight, intercept = map(torch.from_numpy, problem.split(at))
    if n_classes == 2:
        weight = torch.cat([torch.zeros_like(weight), weight])
        intercept = torch.cat([torch.zeros_like(intercept), intercept])
    X, codes = torch.from_numpy(X), torch.from_numpy(codes)
    loss = ISDALoss(n_classes, A, covariance, dtype=torch.float64)
    expected = loss(X @ weight.T + intercept, codes, X, weight, strength=1.3)
    assert problem.value_and_gradient(at, 0)[0] == pytest.approx(float(expected))


@pytest.mark.parametrize("kind", range(5))
def test_the_loss_is_convex(kind):
    problem = problem_of(covariances(C)[kind])
    rng = np.random.default_rng(4)
    for _ in range(20):
        ends = rng.normal(size=(2, problem.n_rows * (A + 1)))
        low, high, middle = (
            problem.value_and_gradient(x, 0)[0] for x in (*ends, ends.mean(0))
        )
        assert middle <= (low + high) / 2 + 1e-12


@pytest.mark.parametrize("load", [load_iris, load_breast_cancer])
@pytest.mark.parametrize(
    "kwargs", [{}, {"class_weight": "balanced"}, {"fit_intercept": False}]
)
def test_strength_zero_is_logistic_regression(load, kwargs):
    X, y = load(return_X_y=True)
    X = scale(X)
    weights = np.random.default_rng(0).random(len(y))
    ours = ISDALogisticRegression(0, C=0.7, **EXACT, **kwargs)
    theirs = LogisticRegression(C=0.7, tol=1e-9, max_iter=10_000, **kwargs)
    for model in ours, theirs:
        model.fit(X, y, sample_weight=weights)
    for name in "coef_", "intercept_":
        np.testing.assert_allclose(
            getattr(ours, name), getattr(theirs, name), rtol=1e-4, atol=1e-5
        )
    for name in "decision_function", "predict_proba", "predict_log_proba", "predict":
        ours_found, theirs_found = (getattr(m, name)(X) for m in (ours, theirs))
        assert ours_found.shape == theirs_found.shape
        np.testing.assert_allclose(ours_found, theirs_found, rtol=1e-4, atol=1e-5)


def test_great_strength_gives_the_directions_of_discriminant_analysis():
    X, codes, _ = rows(400)
    means = np.stack([X[codes == k].mean(0) for k in range(C)])
    centred = X - means[codes]
    pooled = centred.T @ centred / len(X)
    expected = np.linalg.solve(pooled, (means - means.mean(0)).T).T
    expected -= expected.mean(0)
    cosines = []
    for strength in 0, 1, 100:
        model = ISDALogisticRegression(strength, C=1e4, **EXACT).fit(X, codes)
        found = model.coef_ - model.coef_.mean(0)
        size = np.linalg.norm(found) * np.linalg.norm(expected)
        cosines.append((found * expected).sum() / size)
    assert cosines[0] < cosines[1] < cosines[2]
    assert cosines[2] > 0.999


def test_fewer_rows_than_features_are_solved_in_the_space_of_the_rows():
    X, y = load_digits(return_X_y=True)
    X, y = scale(X[:40]), y[:40]
    for covariance in "pooled", "full":
        model = ISDALogisticRegression(1.0, covariance=covariance, C=2.0, **EXACT)
        model.fit(X, y)
        problem = Problem(X, y, np.ones(40), np.zeros(10), covariance, 1.0, True)
        found, _, message = solve(problem, 2.0, tol=1e-9, max_iter=10_000)
        assert message is None
        weight, intercept = problem.split(found)
        np.testing.assert_allclose(model.coef_, weight, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(
            model.intercept_ - model.intercept_.mean(),
            intercept - intercept.mean(),
            rtol=1e-4,
            atol=1e-5,
        )


def test_given_covariances_are_those_that_would_be_estimated():
    X, codes, _ = rows()
    tensors = torch.from_numpy(X), torch.from_numpy(codes)
    for kind, covariance in ("pooled", "pooled"), ("full", "full"):
        known = estimate(kind, *tensors)
        given = [known, known.covariance.numpy()]
        given += [known.covariance[0].numpy()] * (kind == "pooled")
        models = [
            ISDALogisticRegression(1.0, covariance=one, C=1.0, **EXACT).fit(X, codes)
            for one in (covariance, *given)
        ]
        for model in models[1:]:
            np.testing.assert_allclose(
                model.coef_, models[0].coef_, rtol=1e-4, atol=1e-5
            )
    low_rank, variances = (estimate(k, *tensors) for k in ("low_rank", "diagonal"))
    for known, array in (low_rank, low_rank.dense()), (variances, variances.variance):
        ours, theirs = (
            ISDALogisticRegression(1.0, covariance=one, C=1.0, **EXACT).fit(X, codes)
            for one in (known, array.numpy())
        )
        np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-4, atol=1e-5)


def test_the_strength_follows_the_rule_and_weights_count_rows():
    X, codes, _ = rows(200)
    fixed = {"C": 1.0, **EXACT}
    model = ISDALogisticRegression(**fixed).fit(X, codes)
    assert model.strength_ == pytest.approx(4 * A / 200)
    assert ISDALogisticRegression(**fixed).fit(X[:20], codes[:20]).strength_ == 0.5
    counts = np.random.default_rng(0).integers(0, 4, size=200)
    weighted = ISDALogisticRegression(**fixed, logit_adjustment=1.0)
    repeated = clone(weighted).fit(np.repeat(X, counts, 0), np.repeat(codes, counts))
    weighted.fit(X, codes, sample_weight=counts)
    assert weighted.strength_ == repeated.strength_
    np.testing.assert_allclose(weighted.coef_, repeated.coef_, rtol=1e-4, atol=1e-5)


def test_the_penalty_is_that_of_scikit_learns_cross_validation():
    X, y = load_iris(return_X_y=True)
    X, values = scale(X), [0.01, 0.1, 1.0, 10.0, 100.0]
    model = ISDALogisticRegression(0, C=values, temperature=1.0, tol=1e-8).fit(X, y)
    losses = [
        log_loss(y, cross_val_predict(fixed, X, y, method="predict_proba"))
        for fixed in (LogisticRegression(C=c, tol=1e-8, max_iter=9999) for c in values)
    ]
    assert values[int(np.argmin(losses))] == model.C_
    assert ISDALogisticRegression(0, C=values[::-1], tol=1e-8).fit(X, y).C_ in values


@needs_temperature
@pytest.mark.parametrize("C", [1.0, 10.0])
def test_the_temperature_is_that_of_scikit_learns_cross_validation(C):
    X, y = load_iris(return_X_y=True)
    X, fixed = scale(X), {"C": C, "tol": 1e-8}
    ours = ISDALogisticRegression(0, **fixed).fit(X, y)
    plain = ISDALogisticRegression(0, temperature=1.0, **fixed)
    theirs = CalibratedClassifierCV(plain, method="temperature", ensemble=False)
    theirs.fit(X, y)
    np.testing.assert_allclose(
        ours.predict_proba(X), theirs.predict_proba(X), atol=1e-3
    )
    np.testing.assert_allclose(
        ours.coef_ * ours.temperature_, plain.fit(X, y).coef_, rtol=1e-4, atol=1e-5
    )


def test_the_unit_of_the_features_does_not_matter():
    X, codes, _ = rows(100)
    one, other = (ISDALogisticRegression().fit(x, codes) for x in (X, 1e3 * X))
    assert pytest.approx(1e6 * other.C_) == one.C_
    np.testing.assert_allclose(
        one.predict_proba(X), other.predict_proba(1e3 * X), atol=0.02
    )


@pytest.mark.parametrize("unit", [1e155, 1e300, 1e-155, 1e-300])
@pytest.mark.parametrize("kind", ["pooled", "full"])
def test_units_in_which_squares_are_infinite_or_nothing_are_refused(unit, kind):
    X, codes, _ = rows()
    params = {"covariance": kind, "C": [1.0, 2.0], "temperature": 1.0}
    with refuses("rows whose squares float64 can hold; got numbers of at most .*e"):
        ISDALogisticRegression(**params).fit(unit * X, codes)
    model = ISDALogisticRegression(0, C=1.0, temperature=1.0).fit(0 * X, codes)
    np.testing.assert_allclose(model.coef_, 0)


def test_logit_adjustment_is_left_out_of_predictions():
    # Two Gaussians of variance 1 at -1 and 1: the balanced border is 0, and with nine
    # rows of the first class to one of the second it is (log 9) / 2.
    X = np.random.default_rng(0).normal(size=(20_000, 1))
    y = np.arange(20_000) % 10 == 0
    X[:, 0] += np.where(y, 1, -1)
    fixed = {"C": 1e4, **EXACT}
    for tau, border in (0, np.log(9) / 2), (0.5, np.log(9) / 4), (1, 0):
        model = ISDALogisticRegression(0, logit_adjustment=tau, **fixed).fit(X, y)
        assert -model.intercept_[0] / model.coef_[0, 0] == pytest.approx(
            border, abs=0.1
        )
    assert (
        0.9 < ISDALogisticRegression(0, logit_adjustment=1).fit(X, y).temperature_ < 1.1
    )


def test_groups_are_held_out_together():
    X, codes, _ = rows(60)
    groups = np.arange(60) // 5
    model = ISDALogisticRegression(C=[1.0], cv=LeaveOneGroupOut())
    by_number = ISDALogisticRegression(C=[1.0], cv=12)
    found = [m.fit(X, codes, groups=groups) for m in (model, by_number)]
    assert found[0].temperature_ == pytest.approx(found[1].temperature_, rel=1e-6)
    with refuses("needs a splitter that keeps groups together"):
        ISDALogisticRegression(cv=[(np.arange(30), np.arange(30, 60))]).fit(
            X, codes, groups=np.arange(60) % 5
        )


def test_a_class_of_one_row_is_never_held_out_and_never_lost():
    X, codes, _ = rows(60, n_classes=3)
    X, y = np.vstack([X, X[:1] + 50]), np.append(codes, 3)
    model = ISDALogisticRegression().fit(X, y)
    assert np.isfinite(model.coef_).all()
    assert model.predict(X[-1:]) == 3
    with refuses("two rows of a class to hold one out; got one of each"):
        ISDALogisticRegression().fit(X[:3], [0, 1, 2])
    assert ISDALogisticRegression(C=1.0, temperature=1.0).fit(X[:3], [0, 1, 2])


def test_a_warm_start_goes_on_from_the_coefficients():
    X, codes, _ = rows(100)
    model = ISDALogisticRegression(C=1.0, tol=1e-6, warm_start=True).fit(X, codes)
    steps = model.n_iter_
    again = model.fit(X, codes).n_iter_
    assert again <= 2 < steps
    assert model.fit(X[:, :3], codes).n_iter_ > 2  # nothing to start from
    with pytest.warns(ConvergenceWarning, match="needs a solver that converges; got"):
        ISDALogisticRegression(C=1.0, max_iter=2).fit(X, codes)


def test_it_is_searched_over_on_frames_with_names():
    X, codes, _ = rows(90)
    frame = pd.DataFrame(X, columns=[f"sensor {i}" for i in range(A)])
    y = pd.Series(np.array(["a", "b", "c", "d", "e"])[codes])
    pipe = make_pipeline(StandardScaler(), ISDALogisticRegression(C=1.0))
    grid = {
        "isdalogisticregression__covariance": ["pooled", "full"],
        "isdalogisticregression__strength": [0.0, 1.0],
    }
    cv = GroupKFold(3).split(frame, y, np.arange(90) // 6)
    search = GridSearchCV(pipe, grid, cv=list(cv), error_score="raise").fit(frame, y)
    model = search.best_estimator_[-1]
    assert model.classes_.tolist() == list("abcde")
    copy = pickle.loads(pickle.dumps(search))
    np.testing.assert_array_equal(copy.predict(frame), search.predict(frame))


@pytest.mark.parametrize(
    "kwargs, message",
    [
        ({"strength": -1}, "strength to be .* >= 0 or 'auto'; got -1"),
        ({"C": 0}, "C to be a finite number > 0 or 'cv'; got 0"),
        ({"C": [1.0, -1.0]}, r"C to be an array of finite numbers > 0; got \[1.0, -1"),
        ({"temperature": "no"}, "temperature to be .* or 'cv'; got 'no'"),
        ({"covariance": "shared"}, "covariance to be 'pooled' or 'full'; got 'shared'"),
        ({"covariance": np.eye(3)}, r"of shape \(7, 7\), .*; got shape \(3, 3\)"),
        ({"covariance": -np.eye(A)}, "got a negative variance"),
        ({"covariance": np.tri(A)}, "got a matrix that is not symmetric"),
        ({"covariance": np.full((A, A), np.nan)}, "got NaN or infinity"),
        ({"covariance": {"a": 1}}, r"got shape \(0,\)"),
        ({"covariance": estimate("full", *draw(0))}, "has seen rows; got one without"),
        ({"cv": 1.5}, "needs cv to be"),
        ({"fit_intercept": "no"}, "fit_intercept to be True or False; got 'no'"),
        ({"warm_start": None}, "warm_start to be True or False; got None"),
        (
            {"class_weight": "balanced", "logit_adjustment": 1},
            "needs class_weight=None beside logit_adjustment; got 'balanced' and 1",
        ),
    ],
)
def test_bad_parameters_are_named(kwargs, message):
    X, codes, _ = rows()
    with refuses(message):
        ISDALogisticRegression(**kwargs).fit(X, codes)


def test_its_plain_twin_is_logistic_regression():
    X, codes, _ = rows(100)
    model = ISDALogisticRegression(C=1.0, temperature=1.0).fit(X, codes)
    twin = plain_twin(model)
    assert twin.strength == 0
    card = report(model, X, codes, X_train=X, y_train=codes)
    assert "strength=0 in place of auto" in card.html and model.strength_ > 0
    assert "covariance &#39;pooled&#39;" in card.html
    with refuses("needs an estimator with augmentation"):
        plain_twin(twin.fit(X, codes))


def test_a_choice_is_better_by_more_than_the_error_of_paired_losses():
    def choice(losses):
        weights = np.full(4, 0.25)
        return Choice(1.0, 1.0, np.arange(4), np.asarray(losses, float), weights)

    plain = choice([3, 3, 3, 3])
    better, doubtful = choice([2, 2, 2, 3]), choice([1, 4, 2, 4])
    # Gaps of 1, 1, 1, 0: 0.75 ± 0.25; gaps of 2, -1, 1, -1: 0.25 ± 0.75.
    assert better.is_better_than(plain) and not plain.is_better_than(better)
    assert not doubtful.is_better_than(plain)
    groups = np.array([0, 0, 0, 1])  # two groups: sums of 0.1875 beside the mean
    assert better.is_better_than(plain, groups) == (np.sqrt(2 * 2) * 0.1875 < 0.75)


def test_auto_is_kept_only_where_held_out_rows_gain():
    # Ten classes that vary alike, in 20 features: what "pooled" takes for granted.
    rng, y = np.random.default_rng(0), np.arange(300) % 10
    means, mix = 2 * rng.normal(size=(10, 20)), rng.normal(size=(20, 20))
    X = means[y] + rng.normal(size=(300, 20)) @ mix
    assert ISDALogisticRegression().fit(X, y).strength_ == pytest.approx(4 * 20 / 300)
    # Malignant cells vary much more than benign ones.
    X, y = load_breast_cancer(return_X_y=True)
    few = np.concatenate([np.flatnonzero(y == k)[:100] for k in range(2)])
    X, y = scale(X)[few], y[few]
    model, plain = (
        ISDALogisticRegression().fit(X, y),
        ISDALogisticRegression(0).fit(X, y),
    )
    assert model.strength_ == 0
    np.testing.assert_array_equal(model.coef_, plain.coef_)


def test_rows_whose_logits_are_not_finite_are_refused():
    X, y = load_iris(return_X_y=True)
    model = ISDALogisticRegression(C=1.0).fit(X, y)
    model.coef_ *= 1e20  # as of rows of much smaller numbers
    assert np.isfinite(model.predict_proba(X)).all()
    with refuses("rows whose logits float64 can hold; got numbers of up to 7.9e.300"):
        model.predict_proba(X * 1e300)


def test_weights_whose_product_with_C_is_too_large():
    X, codes, _ = rows()
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        model = ISDALogisticRegression(C=np.float64(1e10), temperature=1.0)
        model.fit(X, codes, sample_weight=np.full(len(X), 1e300))
    assert np.isfinite(model.coef_).all()
