import numpy as np
import pytest
import torch
from helpers import refused, takes_rows_away
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from skaug import ISDAClassifier, NetClassifier, report

# Beginning of the title of the first table, by kind of estimator.
TITLES = {
    "isda": "ISDA: features moved",
    "ihda": "IHDA: levels",
    "batches": "Batches augmented",
    "resampled": "Hard regions",
    "influence": "Transforms by influence",
    "influence's rows": "Transforms by influence",
    "imblearn": "Hard regions",
    "over": "RandomOverSampler",
    "calibrated": None,
    "forest": "SMOTE: rows made",
    "trees": "RandomUnderSampler: rows resampled",
    "bagged": None,
    "calibrated resampled": None,
    "frozen": "ISDA: features moved",
    "search": "ISDA: features moved",
}


@pytest.mark.filterwarnings("ignore:InfluenceAugmenter needs 100:UserWarning")
@pytest.mark.filterwarnings("ignore:.*held out:UserWarning")
@refused
@takes_rows_away
@pytest.mark.parametrize("name", TITLES)
def test_card_of_each_kind_of_estimator(name, data, estimators, check_page, request):
    if name not in ("ihda", "resampled"):  # which have all figures of tables
        request.getfixturevalue("no_figures")
    (X, y, person), (X_test, y_test, person_test) = data
    estimator = estimators[name]
    groups = {"groups": person} if name == "search" else {}
    fitted = estimator.estimator if name == "frozen" else estimator
    fitted.fit(X, y, **groups)
    before = estimator.predict_proba(X_test)
    training = {"X_train": X, "y_train": y, "groups_train": person}
    card = report(estimator, X_test, y_test, person_test, **training)
    check_page(card.html)
    assert np.array_equal(estimator.predict_proba(X_test), before)
    figures = {"ihda": 5, "resampled": 6}  # three of every card, and their own
    assert len(card.figures) == figures.get(name, 0)
    titles = [one.title for one in card.augmentation]
    assert not titles if TITLES[name] is None else titles[0].startswith(TITLES[name])
    assert card.verdict.startswith("Against its plain twin")
    assert "random_state" not in card.verdict
    predicted = estimator.predict(X_test)
    assert card.scores["accuracy"].estimator == accuracy_score(y_test, predicted)
    twin = card.twin.predict(X_test)
    assert card.scores["accuracy"].twin == accuracy_score(y_test, twin)
    assert "sensor <" not in card.html and "<b>walk" not in card.html


def test_every_kind_of_estimator_is_on_a_card(estimators):
    assert set(estimators) == set(TITLES)


def test_no_twin_is_said(train, card, no_figures):
    model = LogisticRegression().fit(*train)
    assert "no plain twin to compare" in card(model).html
    made = card(model, trained=True)
    assert made.twin is None
    assert "knows no augmentation here" in made.verdict


def test_a_twin_of_ones_own_and_no_probabilities(train, card, no_figures):
    svc, logistic = LinearSVC().fit(*train), LogisticRegression().fit(*train)
    made = card(svc, twin=logistic)
    assert list(made.scores) == ["accuracy", "balanced_accuracy"]
    assert made.twin is logistic and "no predict_proba" in made.html
    same = card(logistic, twin=logistic)
    assert "the same in accuracy, log-loss and log-loss at temperature" in same.verdict


def test_card_leaves_the_global_generators_and_warns_of_seeds(train, card):
    model = ISDAClassifier(max_epochs=1).fit(*train)
    numpy_state, torch_state = np.random.get_state()[1], torch.get_rng_state()
    cards = [card(model, trained=True) for _ in range(2)]
    assert np.array_equal(np.random.get_state()[1], numpy_state)
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert cards[0].html == cards[1].html
    assert "random_state is None" in cards[0].verdict


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"estimator": StandardScaler()}, TypeError, "a fitted classifier as estim"),
        ({"estimator": NetClassifier()}, TypeError, "a fitted classifier as estim"),
        ({"twin": LogisticRegression()}, TypeError, "a fitted classifier as twin"),
        ({"y": ["sit"]}, ValueError, "one label per row, shape \\(120,\\); got y"),
        (
            {"groups": [1, 2]},
            ValueError,
            "one group per row, shape \\(120,\\); got groups",
        ),
        (
            {"groups": [None, "a"] * 60},
            ValueError,
            "a group for every row; got 60 of 120 missing",
        ),
        ({"y": ["fly"] * 120}, ValueError, r"labels that the estimator knows.*fly"),
        ({"X_train": [[1]]}, ValueError, "X_train and y_train together"),
        ({"twin": "own", "X_train": 1, "y_train": 1}, ValueError, "got both"),
    ],
)
def test_wrong_input_is_said(change, error, message, data, train):
    _, (X_test, y_test, _) = data
    model = LogisticRegression().fit(*train)
    given = {"estimator": model, "X": X_test, "y": y_test} | change
    with pytest.raises(error, match=f"report needs.*{message}"):
        report(**given)


def test_a_twin_of_other_classes_is_refused(data):
    (X, y, _), (X_test, y_test, _) = data
    two = y_test != "sit"
    model = LogisticRegression().fit(X, y)
    twin = LogisticRegression().fit(X[y != "sit"], y[y != "sit"])
    with pytest.raises(ValueError, match="report needs a twin with the estimator's"):
        report(model, X_test[two], y_test[two], twin=twin)
