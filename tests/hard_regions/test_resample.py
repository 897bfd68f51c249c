"""ResampledClassifier: what is resampled, what is not, and what goes to whom."""

import numpy as np
import pytest
import sklearn
from helpers import refuses
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.under_sampling import RandomUnderSampler
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.linear_model import (
    LinearRegression,
    LogisticRegression,
    LogisticRegressionCV,
)
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    TunedThresholdClassifierCV,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from skorch.dataset import ValidSplit

from skaug import HardPoints, HardRegionSampler, NetClassifier, ResampledClassifier


class Recorder(ClassifierMixin, BaseEstimator):
    """Keeps what it is fitted on."""

    def fit(self, X, y, sample_weight=None, groups=None):
        self.classes_ = np.unique(y)
        self.seen_ = X, y, sample_weight, groups
        return self

    def predict(self, X):
        self.asked_ = X
        return np.full(len(X), self.classes_[0])


def hard(**params):
    return HardRegionSampler(
        sources=HardPoints(radius=0.3), generator="noise", random_state=0, **params
    )


def test_fits_on_resampled_rows_and_predicts_on_given_ones(table):
    X, y = table
    model = ResampledClassifier(hard(), Recorder()).fit(X, y)
    X_new, y_new = hard().fit_resample(X, y)
    np.testing.assert_array_equal(model.estimator_.seen_[0], X_new)
    np.testing.assert_array_equal(model.estimator_.seen_[1], y_new)
    assert len(X_new) > len(X)
    assert len(model.predict(X[:7])) == 7
    np.testing.assert_array_equal(model.estimator_.asked_, X[:7])


@pytest.mark.parametrize("estimator", [0.5, np.True_, "forest", LogisticRegression])
def test_what_is_no_classifier_is_named(table, estimator):
    with refuses("needs an estimator that classifies; got a", TypeError):
        ResampledClassifier(hard(), estimator).fit(*table)


def test_equals_resampling_by_hand(table):
    X, y = table
    model = ResampledClassifier(SMOTE(random_state=0), LogisticRegression())
    by_hand = LogisticRegression().fit(*SMOTE(random_state=0).fit_resample(X, y))
    model.fit(X, y)
    for method in ("predict_proba", "decision_function", "predict_log_proba"):
        ours, expected = (getattr(m, method)(X) for m in (model, by_hand))
        np.testing.assert_array_equal(ours, expected)
    assert model.score(X, y) == by_hand.score(X, y)


def test_new_rows_inherit_weight_and_group(table):
    X, y = table
    weight, groups = np.arange(len(y)) / 10, np.arange(len(y)) // 5
    model = ResampledClassifier(hard(), Recorder())
    model.fit(X, y, sample_weight=weight, groups=groups)
    _, _, weight_seen, groups_seen = model.estimator_.seen_
    rows = model.sampler_.source_index_
    assert len(rows) > len(X)
    np.testing.assert_array_equal(weight_seen, weight[rows])
    np.testing.assert_array_equal(groups_seen, groups[rows])
    # The sampler was given the groups too: its neighbourhoods know them.
    np.testing.assert_array_equal(model.sampler_.groups_, groups[rows])


@pytest.mark.parametrize("sampler", [RandomOverSampler, RandomUnderSampler])
def test_imbalanced_learns_samplers_tell_their_rows(table, sampler):
    X, y = table
    keep = np.r_[np.flatnonzero(y < 2), np.flatnonzero(y == 2)[:10]]
    model = ResampledClassifier(sampler(random_state=0), Recorder())
    model.fit(X[keep], y[keep], sample_weight=X[keep, 0], groups=None)
    rows, _, weight, _ = model.estimator_.seen_
    np.testing.assert_array_equal(weight, rows[:, 0])
    assert len(rows) != len(keep)


@pytest.mark.parametrize(
    "given, message",
    [
        ("sample_weight", "rows that sample_weight belongs to"),
        ("groups", "takes groups"),
    ],
)
def test_weights_and_groups_need_a_sampler_that_takes_them(table, given, message):
    model = ResampledClassifier(SMOTE(), LogisticRegression())
    with refuses(f"{message}; got a SMOTE", TypeError):
        model.fit(*table, **{given: np.ones(150)})


def test_networks_and_searches_take_groups_for_what_they_hold_out(table):
    X, y = table
    groups, seen = np.arange(len(y)) // 5, []

    class Folds(GroupKFold):
        def split(self, X, y=None, groups=None):
            seen.append(groups)
            return super().split(X, y, groups)

    net = NetClassifier(max_epochs=1, train_split=ValidSplit(Folds(3)), random_state=0)
    search = GridSearchCV(LogisticRegression(), {"C": [1.0]}, cv=Folds(3))
    for estimator in (net, search):
        model = ResampledClassifier(hard(), estimator).fit(X, y, groups=groups)
        np.testing.assert_array_equal(seen.pop(), model.sampler_.groups_)


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_what_looks_like_a_search_is_not_given_groups(table):
    X, y = table
    groups = np.arange(len(y)) // 5
    tuned = TunedThresholdClassifierCV(LogisticRegression(), cv=2)
    for estimator in (LogisticRegressionCV(Cs=2, cv=2, scoring="accuracy"), tuned):
        model = ResampledClassifier(hard(), estimator).fit(X, y > 0, groups=groups)
        assert len(model.sampler_.groups_) > len(y)


def test_calibration_of_a_classifier_without_probabilities(table):
    X, y = table
    model = ResampledClassifier(hard(), LinearSVC())
    assert hasattr(model, "decision_function") and not hasattr(model, "predict_proba")
    assert "LinearSVC" in model._repr_html_()
    calibrated = CalibratedClassifierCV(model, cv=3).fit(X, y)
    np.testing.assert_allclose(calibrated.predict_proba(X).sum(1), 1, rtol=1e-6)
    assert calibrated.score(X, y) > 0.6
    assert model.fit(X, y).n_features_in_ == 8


def test_metadata_routing(table):
    X, y = table
    groups, weight = np.arange(len(y)) // 5, np.ones(len(y))
    with sklearn.config_context(enable_metadata_routing=True):
        model = ResampledClassifier(
            hard().set_fit_request(groups=True),
            Recorder().set_fit_request(sample_weight=True, groups=False),
        )
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        pipe = make_pipeline(scaler, model)
        pipe.fit(X, y, groups=groups, sample_weight=weight)
        _, labels, weight_seen, groups_seen = pipe[-1].estimator_.seen_
        assert len(weight_seen) == len(labels) and groups_seen is None
        assert len(pipe[-1].sampler_.groups_) == len(labels)
        # Folds by group, each of which hands its groups on.
        plain = LogisticRegression().set_fit_request(sample_weight=False)
        pipe.set_params(resampledclassifier__estimator=plain)
        options = {"return_estimator": True, "error_score": "raise"}
        options["params"] = {"groups": groups}
        scores = cross_validate(pipe, X, y, cv=GroupKFold(3), **options)
    for pipe in scores["estimator"]:
        assert len(np.unique(pipe[-1].sampler_.groups_)) == 20


@pytest.mark.parametrize(
    "sampler, estimator, message",
    [
        (StandardScaler(), LogisticRegression(), "sampler with fit_resample"),
        (HardRegionSampler(output="potentials"), LogisticRegression(), "='samples'"),
        (hard(), StandardScaler(), "that classifies; got a StandardScaler"),
        (hard(), LinearRegression(), "that classifies; got a LinearRegression"),
    ],
)
def test_messages(table, sampler, estimator, message):
    with refuses(message, TypeError):
        ResampledClassifier(sampler, estimator).fit(*table)
