import numpy as np
import pytest
from imblearn.combine import SMOTEENN
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.pipeline import Pipeline as ImbalancedPipeline
from imblearn.under_sampling import RandomUnderSampler
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, TunedThresholdClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.dataset import ValidSplit

from skaug import (
    IHDAFinetuner,
    InfluenceAugmenter,
    ISDAClassifier,
    NetClassifier,
    PriorShift,
    ResampledClassifier,
    plain_twin,
    report,
)


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return X[:200], y[:200]


@pytest.fixture
def isda(digits):
    return ISDAClassifier(strength=2, max_epochs=2, random_state=0).fit(*digits)


def test_twin_of_isda_is_the_plain_net(isda, digits):
    X, y = digits
    twin = plain_twin(isda).fit(X, y)
    plain = NetClassifier(max_epochs=2, random_state=0).fit(X, y)
    assert np.array_equal(twin.predict_proba(X), plain.predict_proba(X))
    assert isda.strength == 2


def test_twin_of_a_finetuner(isda, digits):
    # A net that is trained already: the twin goes on from the same one.
    ihda = IHDAFinetuner(FrozenEstimator(isda), levels=["blocks.1"], random_state=0)
    twin = plain_twin(ihda.fit(*digits))
    assert twin.synthetic_share == 0 and isda.strength == 2
    assert twin.estimator.estimator is isda
    # Otherwise the net is made plain as well.
    twin = plain_twin(IHDAFinetuner(clone(isda)))
    assert twin.synthetic_share == 0 and twin.estimator.strength == 0
    assert plain_twin(IHDAFinetuner(isda, synthetic_share=0)).estimator.strength == 0


def test_twin_of_what_has_no_number_for_a_strength(isda):
    # Only a fit would refuse these.
    odd = np.ones(2)
    assert plain_twin(clone(isda).set_params(strength=odd)).strength == 0
    assert plain_twin(IHDAFinetuner(isda, synthetic_share=odd)).synthetic_share == 0


def test_twin_of_a_finetuner_takes_what_was_chosen(isda, digits):
    params = {"levels": ["blocks.0", "blocks.1"], "tune_lr": "validated"}
    ihda = IHDAFinetuner(FrozenEstimator(isda), generator="noise", random_state=0)
    ihda.set_params(**params).fit(*digits)
    twin = plain_twin(ihda).fit(*digits)
    assert twin.tuning_ is None

    def told(model):
        return [(record.skipped, record.tune_lr) for record in model.levels_]

    np.testing.assert_equal(told(twin), told(ihda))


def test_twin_of_a_shift_has_the_same_shift(isda, digits):
    X, y = digits
    prior = np.arange(10) + 1.0
    shifted = PriorShift(clone(isda).set_params(logit_adjustment=0.5), prior)
    twin = plain_twin(shifted.set_params(train_prior=prior[::-1]).fit(X, y))
    assert twin.estimator.strength == 0 and twin.estimator.logit_adjustment == 0.5
    assert np.array_equal(twin.prior, prior)
    assert np.array_equal(twin.train_prior, prior[::-1])
    card = report(shifted, X, y, X_train=X, y_train=y)
    assert "PriorShift" in card._repr_html_() and "strength" in card._repr_html_()


def test_twin_of_searches_and_what_looks_like_one(isda, digits):
    X, y = digits
    # A search within a pipeline: what it chose, not a search that augments again.
    search = GridSearchCV(clone(isda), {"strength": [1, 2]}, cv=2)
    twin = plain_twin(make_pipeline(StandardScaler(), search).fit(X, y))
    assert isinstance(twin[-1], ISDAClassifier) and twin[-1].strength == 0
    # What looks like a search and only chooses a threshold.
    tuned = TunedThresholdClassifierCV(isda, cv=2).fit(X, y > 4)
    assert plain_twin(tuned).estimator.strength == 0
    # Trained before, and so it stays.
    binary = clone(isda).fit(X, y > 4)
    tuned.set_params(estimator=binary, cv="prefit", refit=False).fit(X, y > 4)
    with pytest.raises(ValueError, match="plain_twin needs"):
        plain_twin(tuned)


@pytest.mark.parametrize("other", [LogisticRegression(), InfluenceAugmenter()])
def test_what_has_no_twin_is_refused(other):
    name = type(other).__name__
    with pytest.raises(ValueError, match=f"plain_twin needs.*got {name}"):
        plain_twin(other)


def test_twins_have_as_many_steps_as_the_network_had(digits, net, sampler):
    forty = sampler(sampling_strategy=dict.fromkeys(range(10), 40), sources="all")
    pipe = make_pipeline(StandardScaler(), net(max_epochs=4))
    resampled = ResampledClassifier(forty, pipe).fit(*digits)
    assert plain_twin(resampled)[-1].max_epochs == 8


def test_twins_are_trained_as_long_behind_any_over_sampler(train, net):
    X, y = train
    X, y = X[y != "sit"].to_numpy(), (y[y != "sit"] == "run & jump").astype(int)
    X, y = (rows[(y == 1) | (np.arange(len(y)) % 3 == 0)] for rows in (X, y))
    n, most = len(y), np.bincount(y).max()
    epochs = round(100 * 2 * most / n)
    assert epochs > 110
    hundred = net(max_epochs=100, batch_size=64)

    def growth(sampler, model, name="max_epochs"):
        # The history of one epoch will do.
        small = clone(model).set_params(**{name: 1})
        fitted = ResampledClassifier(sampler, small).fit(X, y)
        fitted.estimator_.set_params(**{name: 100})
        return plain_twin(fitted).get_params()[name]

    splits = hundred, clone(hundred).set_params(train_split=ValidSplit(3))
    for over in (SMOTE(random_state=0), RandomOverSampler(random_state=0)):
        assert [growth(over, model) for model in splits] == [epochs] * 2
    pipe = make_pipeline(StandardScaler(), hundred)
    assert growth(SMOTE(random_state=0), pipe, "netclassifier__max_epochs") == epochs
    # If the rows are not known, the card says so.
    for other in (RandomUnderSampler(random_state=0), SMOTEENN(random_state=0)):
        assert growth(other, hundred) == 100
        fitted = ResampledClassifier(other, net()).fit(X, y)
        notes = " ".join(report(fitted, X, y, X_train=X, y_train=y).notes)
        assert f"rows before {type(other).__name__} are not known" in notes


def test_twin_of_a_finetuner_behind_a_sampler(train, net, sampler):
    X, y = train
    samples = sampler(sampling_strategy=dict.fromkeys(np.unique(y), 120), sources="all")
    finetuner = IHDAFinetuner(levels=["input"], random_state=0)
    # Of SMOTE the history of the net tells the rows.
    for over in (samples, SMOTE(sampling_strategy=samples.sampling_strategy)):
        fitted = ResampledClassifier(over, finetuner).fit(X, y)
        n_epochs = fitted.estimator_.estimator_.n_epochs_
        assert plain_twin(fitted).estimator.max_epochs == round(n_epochs * 360 / 160)
    # Trained before: neither the number of its epochs nor the net is changed.
    before = net().fit(X, y)
    frozen = FrozenEstimator(before)
    finetuner = IHDAFinetuner(frozen, levels=["input"], random_state=0)
    pipe = ImbalancedPipeline([("a", samples), ("b", finetuner)]).fit(X, y)
    assert plain_twin(pipe)[-1].estimator is frozen and before.max_epochs == 3


def test_what_is_frozen_is_trained_again_only_if_it_was_augmented(train):
    X, y = train
    isda = ISDAClassifier(max_epochs=1, random_state=0).fit(X, y)
    scaler = FrozenEstimator(StandardScaler().fit(X))
    twin = plain_twin(make_pipeline(scaler, FrozenEstimator(isda)).fit(X, y))
    assert twin[0].estimator is scaler.estimator and twin[1].strength == 0
    assert isda.strength


def test_groups_reach_a_twin_that_holds_out(data, card, no_figures):
    (X, y, person), (_, _, person_test) = data
    split = ValidSplit(2, stratified=False)
    isda = ISDAClassifier(max_epochs=1, random_state=0, train_split=split)
    pipe = make_pipeline(StandardScaler(), isda).fit(X, y)
    made = card(pipe, person_test, trained=True, groups_train=person)
    assert "valid_loss" in made.twin[-1].history[-1]
    leaky = report(pipe, X, y, person, X_train=X, y_train=y, groups_train=person)
    assert "8 of the groups are among the training rows" in leaky.html
