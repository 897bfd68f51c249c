"""AUROC of wrong rows on the card, by hand and by other routes."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.utils import Bunch

from skaug import ResampledClassifier, class_potentials, error_doubts
from skaug.card import doubts as module
from skaug.card.doubts import doubt_scores

KNN = {"radius": ("knn", 10), "metric": "euclidean"}


def side(predicted, proba=None):
    return Bunch(predicted=np.array(predicted), proba=proba, classes=np.array([0, 1]))


def test_four_rows_by_hand():
    # Two crowds of two training rows, so that all four are neighbours of each row.
    X_train, y_train = np.array([[0.0], [1.0], [9.0], [10.0]]), np.array([0, 0, 1, 1])
    X, y = np.array([[0.5], [4.5], [9.5], [6.0]]), np.array([0, 1, 1, 1])
    p = np.array([[0.9, 0.1], [0.6, 0.4], [0.4, 0.6], [0.45, 0.55]])
    ours, flawless = side([0, 0, 1, 1], p), side(y, p)
    hopeless, silent = side(1 - y, p), side([0, 0, 0, 1])
    sides = {"estimator": ours, "twin": flawless}
    (record,) = doubt_scores(X, y, sides, X_train, y_train)
    # The second row is wrong. The classifier is as sure of the third and less sure of
    # the fourth, and ranks them 1, 2.5, 2.5, 4. The second lies most between the crowds
    # and is the hardest: 1.5, 4, 1.5, 3. Only the fourth has a higher sum.
    expected = {"side": "estimator", "rows": 4, "training_rows": 4, "wrong": 1}
    expected |= {"by_probability": 0.5, "by_hardness": 1.0, "by_both": 2 / 3}
    assert {k: record[k] for k in expected} == pytest.approx(expected)
    assert doubt_scores(X, y, {"estimator": hopeless}, X_train, y_train) == []
    sides = {"estimator": silent, "twin": ours}
    silent, twin = doubt_scores(X, y, sides, X_train, y_train)
    assert np.isnan(silent.by_probability) and np.isnan(silent.by_both)
    assert silent.by_hardness > 0.5 and silent.wrong == 2
    assert twin == record | {"side": "plain twin"}


@pytest.mark.parametrize("grouped", [False, True])
def test_card_has_the_scores_of_error_doubts(data, card, grouped, no_figures):
    (X, y, person), (X_test, y_test, person_test) = data
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    person_test = np.where(person_test == "p9", "p1", person_test)  # is on both sides
    given = {"groups_train": person} if grouped else {}
    made = card(model, person_test if grouped else None, trained=True, **given)
    (record,) = made.doubts
    Z, Z_test = (model[0].transform(rows) for rows in (X, X_test))
    apart = {"groups": person_test, "groups_ref": person} if grouped else {}
    nearby = class_potentials(Z_test, Z, y, **KNN, **apart)
    p = model.predict_proba(X_test)
    wrong = model.predict(X_test) != y_test
    own = nearby[np.arange(len(p)), p.argmax(axis=1)]
    assert record.wrong == wrong.sum() and record.rows == len(y_test)
    assert record.by_probability == roc_auc_score(wrong, -p.max(axis=1))
    assert record.by_hardness == pytest.approx(roc_auc_score(wrong, own))
    both = roc_auc_score(wrong, error_doubts(p, nearby))
    assert record.by_both == pytest.approx(both)


def test_page_of_both_sides(train, card, net, sampler, check_page, no_figures):
    model = ResampledClassifier(sampler(), net()).fit(*train)
    made = card(model, trained=True)
    assert [record.side for record in made.doubts] == ["estimator", "plain twin"]
    assert "Which rows not to trust" in check_page(made.html).texts
    assert f"{100 * made.doubts[0].by_both:.1f}" in check_page(made.html).texts
    frame = pd.DataFrame(made.doubts)
    assert frame["by_both"].between(0.5, 1).all()


def test_without_training_rows_there_is_no_section(train, card, no_figures):
    model = LinearSVC().fit(*train)
    assert card(model).doubts == []
    assert "not to trust" not in card(model).html
    made = card(model, trained=True)
    assert "n/a" in made.html and made.doubts[0].by_hardness > 0.5


def test_rows_that_are_no_table_of_numbers_have_no_neighbours():
    X, y = np.zeros((4, 2, 3)), np.array([0, 1, 0, 1])
    sides = {"estimator": side([0, 0, 0, 1])}
    assert doubt_scores(X, y, sides, X, y) == []
    words = pd.DataFrame({"a": list("abcd"), "b": range(4)})
    assert doubt_scores(words, y, sides, words, y) == []
    missing = np.where(np.eye(4), np.nan, 1)
    assert doubt_scores(missing, y, sides, missing, y) == []
    assert len(doubt_scores(np.eye(4), y, sides, np.eye(4).tolist(), y)) == 1


def test_many_training_rows_are_a_random_part(monkeypatch):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(400, 2)), rng.integers(2, size=400)
    y[:200] = X[:200, 0] > 0
    monkeypatch.setattr(module, "MOST_ROWS", 150)
    sides = {"estimator": side((X[:, 0] > 0).astype(int))}
    given = X, y, sides, X, y
    (first,), (second,) = doubt_scores(*given), doubt_scores(*given)
    assert first.training_rows == 150 and first.by_hardness == second.by_hardness


def test_a_wrong_number_of_groups_is_said(data, card, train, no_figures):
    model = LogisticRegression().fit(*train)
    with pytest.raises(ValueError, match="report needs one group per row"):
        card(model, data[1][2], trained=True, groups_train=["p1"])
