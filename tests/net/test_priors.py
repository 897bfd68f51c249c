"""Other shares of the classes after training: Bayes' rule, its limits, misuse."""

import numpy as np
import pytest
import sklearn
from helpers import refuses
from sklearn.datasets import load_iris
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import LinearSVC
from skorch.dataset import ValidSplit

from skaug import NetClassifier, PriorShift
from skaug.hard_regions.resample import takes_groups
from skaug.net import log_prior
from skaug.net.priors import reweighted

FLOWERS = np.array(["setosa", "versicolor", "virginica"])


@pytest.fixture(scope="module")
def flowers():
    """Irises by two columns that do not tell them apart, 50, 25 and 10 of a kind."""
    X, codes = load_iris(return_X_y=True)
    rows = np.r_[0:50, 50:75, 100:110]
    return X[rows, :2], FLOWERS[codes[rows]]


def test_two_gaussians_by_hand():
    # Unit variance, means 0 and 2: the odds of class 1 at x are pi_1/pi_0 exp(2x - 2).
    x = np.linspace(-4, 6, 21)

    def posterior(prior):
        odds = prior[1] / prior[0] * np.exp(2 * x - 2)
        return np.column_stack([1 / (1 + odds), odds / (1 + odds)])

    before, after = np.array([0.95, 0.05]), np.array([0.3, 0.7])
    shifted = reweighted(posterior(before), np.log(after / before))
    np.testing.assert_allclose(shifted, posterior(after), rtol=1e-12)


@pytest.mark.parametrize("prior", [[0.2, 0.3, 0.5], [0, 1, 3], "uniform"])
def test_the_posterior_under_one_prior_becomes_that_under_another(flowers, prior):
    # Naive Bayes fits each class by itself, whatever the prior.
    shares = [1, 1, 1] if prior == "uniform" else prior
    expected = GaussianNB(priors=np.array(shares) / sum(shares)).fit(*flowers)
    counted = PriorShift(GaussianNB(), prior).fit(*flowers)
    train_prior = dict(zip(FLOWERS[::-1], [0.5, 0.4, 0.1]))
    given = PriorShift(
        GaussianNB(priors=[0.1, 0.4, 0.5]), prior, train_prior=train_prior
    ).fit(*flowers)
    with np.errstate(divide="ignore"):  # naive Bayes takes the log of a share of 0
        proba = expected.predict_proba(flowers[0])
    for model in (counted, given):
        np.testing.assert_allclose(model.predict_proba(flowers[0]), proba, atol=1e-9)
        predicted = FLOWERS[proba.argmax(axis=1)]
        np.testing.assert_array_equal(model.predict(flowers[0]), predicted)


def test_the_prior_of_training_changes_nothing(flowers):
    plain = LogisticRegression().fit(*flowers)
    same = PriorShift(LogisticRegression(), [50, 25, 10]).fit(*flowers)
    np.testing.assert_allclose(same.train_prior_, [50 / 85, 25 / 85, 10 / 85])
    proba = plain.predict_proba(flowers[0])
    np.testing.assert_allclose(same.predict_proba(flowers[0]), proba, rtol=1e-10)


def test_two_shifts_are_one(flowers):
    first, second = {"setosa": 5, "versicolor": 1, "virginica": 4}, [1, 2, 7]
    frozen = FrozenEstimator(PriorShift(GaussianNB(), first).fit(*flowers))
    twice = PriorShift(frozen, second, train_prior=first).fit(*flowers)
    once = PriorShift(GaussianNB(), second).fit(*flowers)
    proba = once.predict_proba(flowers[0])
    np.testing.assert_allclose(twice.predict_proba(flowers[0]), proba, rtol=1e-8)


def test_certainty_stays_certain_and_is_no_nan():
    proba = [[1.0, 0.0, 0.0], [0.0, 1e-300, 1.0], [0.5, 0.5, 0.0]]
    shifted = reweighted(proba, np.log([1e-6, 1, 1e6]))
    np.testing.assert_array_equal(shifted[:2].round(9), [[1, 0, 0], [0, 0, 1]])
    np.testing.assert_allclose(shifted.sum(axis=1), 1)
    with np.errstate(divide="ignore"):
        without_the_first = np.log([0.0, 0.25, 0.75])
    shifted = reweighted(proba, without_the_first)
    np.testing.assert_allclose(shifted[0], [0, 0.25, 0.75])
    np.testing.assert_allclose(shifted[2], [0, 1, 0])


def test_classes_without_rows_are_raised_above_no_other():
    np.testing.assert_allclose(np.exp(log_prior([3, 1])), [0.75, 0.25])
    np.testing.assert_allclose(np.exp(log_prior([3, 1, 0])), [3 / 7, 1 / 7, 3 / 7])
    assert np.isfinite(log_prior([0, 0, 2.5])).all()


def test_weights_count_as_rows_do(flowers):
    X, y = flowers
    weight = np.where(y == "setosa", 1, 3)
    weighted = PriorShift(LogisticRegression()).fit(X, y, sample_weight=weight)
    rows = np.repeat(np.arange(len(y)), weight)
    repeated = PriorShift(LogisticRegression()).fit(X[rows], y[rows])
    np.testing.assert_allclose(weighted.train_prior_, repeated.train_prior_)
    proba = repeated.predict_proba(X)
    np.testing.assert_allclose(weighted.predict_proba(X), proba, atol=1e-4)


def test_weights_are_routed_to_the_estimator_if_both_ask_for_them(flowers):
    X, y = flowers
    weight = np.where(y == "setosa", 1.0, 3.0)
    expected = PriorShift(LogisticRegression()).fit(X, y, sample_weight=weight)
    with sklearn.config_context(enable_metadata_routing=True):
        asking = LogisticRegression().set_fit_request(sample_weight=True)
        shifted = PriorShift(asking).set_fit_request(sample_weight=True)
        pipe = make_pipeline(FunctionTransformer(), shifted)
        pipe.fit(X, y, sample_weight=weight)
        with pytest.raises(sklearn.exceptions.UnsetMetadataPassedError):
            PriorShift(LogisticRegression()).fit(X, y, sample_weight=weight)
    proba = expected.predict_proba(X)
    np.testing.assert_array_equal(pipe.predict_proba(X), proba)


def test_a_frozen_estimator_is_used_as_it_is(flowers):
    X, y = flowers
    plain = LogisticRegression().fit(X, y)
    shifted = PriorShift(FrozenEstimator(plain)).fit(X, y)
    assert shifted.estimator_.estimator is plain
    again = PriorShift(LogisticRegression()).fit(X, y)
    proba = again.predict_proba(X)
    np.testing.assert_array_equal(shifted.predict_proba(X), proba)
    for rows in (y != "setosa", slice(None)):
        labels = np.where(y == "virginica", "rose", y)[rows]
        with refuses("needs the rows that a frozen estimator was trained on"):
            PriorShift(FrozenEstimator(plain)).fit(X[rows], labels)


def test_the_order_of_classes_is_that_of_the_estimator(flowers):
    X, y = flowers
    net = NetClassifier(classes=FLOWERS[::-1], max_epochs=2, random_state=0)
    shifted = PriorShift(net, {"setosa": 1, "versicolor": 0, "virginica": 0}).fit(X, y)
    assert shifted.classes_.tolist() == FLOWERS[::-1].tolist()
    np.testing.assert_allclose(shifted.train_prior_, [10 / 85, 25 / 85, 50 / 85])
    np.testing.assert_array_equal(shifted.prior_, [0, 0, 1])
    assert set(shifted.predict(X)) == {"setosa"}


def test_groups_reach_the_estimator(flowers):
    X, y = flowers
    net = NetClassifier(train_split=ValidSplit(2), max_epochs=1, random_state=0)
    shifted = PriorShift(net)
    assert takes_groups(shifted) and not takes_groups(PriorShift(LogisticRegression()))
    assert shifted.fit(X, y, groups=np.arange(85) % 5).predict(X).shape == y.shape
    with refuses("one group per row"):
        shifted.fit(X, y, groups=[0, 1])
    with refuses("unexpected keyword argument 'groups'", TypeError):
        PriorShift(LogisticRegression()).fit(X, y, groups=y)


@pytest.mark.parametrize(
    "params, message",
    [
        ({"prior": "balanced"}, "prior to have a number >= 0 for each .* 'balanced'"),
        ({"prior": [0.5, 0.5]}, "each of the classes .*setosa"),
        ({"prior": [1, -1, 1]}, "a number >= 0"),
        ({"prior": [0, 0, 0]}, "a number >= 0"),
        ({"prior": [1, np.nan, 1]}, "a number >= 0"),
        ({"prior": {"setosa": 1}}, "a dictionary from label to share"),
        ({"prior": None}, "got None"),
        ({"train_prior": "uniform"}, "train_prior to have a number above 0"),
        ({"train_prior": [1, 0, 1]}, "a number above 0"),
    ],
)
def test_shares_that_cannot_be_used_are_refused(flowers, params, message):
    with refuses(f"PriorShift needs .*{message}"):
        PriorShift(GaussianNB(), **params).fit(*flowers)


def test_numbers_in_objects_are_labels(flowers):
    X, y = flowers
    codes = np.unique(y, return_inverse=True)[1]
    model = PriorShift(LogisticRegression()).fit(X, codes.astype(object))
    expected = PriorShift(LogisticRegression()).fit(X, codes).predict_proba(X)
    np.testing.assert_array_equal(model.predict_proba(X), expected)


class Untouched(GaussianNB):
    def fit(self, X, y, sample_weight=None):
        raise AssertionError("The estimator was asked.")


@pytest.mark.parametrize("train_prior", [None, np.full(3, 1 / 3)])
def test_labels_are_checked_before_the_estimator_sees_them(flowers, train_prior):
    X, y = flowers
    model = PriorShift(Untouched(), train_prior=train_prior)
    with refuses("PriorShift needs labels of one type; got"):
        model.fit(X, [7, *y.tolist()[1:]])


def test_weights_are_checked_before_the_estimator_sees_them(flowers):
    with refuses("PriorShift needs .*; got"):
        PriorShift(Untouched()).fit(*flowers, sample_weight=-np.ones(len(flowers[1])))


def test_estimators_that_cannot_be_used_are_refused(flowers):
    for other in (LinearSVC(), LogisticRegression, load_iris):
        with refuses("PriorShift needs a classifier with predict_proba", TypeError):
            PriorShift(other).fit(*flowers)
    assert not hasattr(PriorShift(LinearSVC()), "predict_proba")
    weight = np.ones(85)
    with refuses("needs an estimator that takes sample_weight", TypeError):
        PriorShift(KNeighborsClassifier()).fit(*flowers, sample_weight=weight)


@pytest.mark.parametrize(
    "estimator",
    [
        LogisticRegression(class_weight="balanced"),
        GaussianNB(priors=np.full(3, 1 / 3)),
        NetClassifier(logit_adjustment=1, max_epochs=1),
    ],
)
def test_classes_that_would_be_balanced_twice_are_told(flowers, estimator):
    with pytest.warns(UserWarning, match="so that the classes are shifted twice"):
        PriorShift(estimator).fit(*flowers)
    PriorShift(estimator, train_prior=[1, 1, 1]).fit(*flowers)
