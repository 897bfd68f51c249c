"""Label and error doubts: by hand, against their definitions, and planted errors."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from helpers import refuses
from scipy.stats import rankdata
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict, train_test_split
from sklearn.utils import Bunch

from skaug import (
    LabelDoubtsDisplay,
    class_potentials,
    error_doubts,
    hardness,
    suspicious_labels,
)

FIVE = np.array([[0.0], [1.0], [3.0], [7.0], [8.0]])
LABELS = np.array(["a", "a", "b", "b", "a"])


@pytest.fixture(scope="module")
def planted():
    """Digits, of which one in twenty got another label: X, y, given."""
    X, y = load_digits(return_X_y=True)
    rng = np.random.default_rng(0)
    wrong = rng.random(len(y)) < 0.05
    given = np.where(wrong, (y + rng.integers(1, 10, len(y))) % 10, y)
    return X / 16, y, given


@pytest.fixture(scope="module")
def proba(planted):
    X, _, given = planted
    model = LogisticRegression(max_iter=500)
    return cross_val_predict(model, X, given, method="predict_proba")


def auc(doubts, wrong):
    scores = np.empty(len(doubts.rows))
    scores[doubts.rows] = doubts.scores
    return roc_auc_score(wrong, scores)


def test_five_points_by_hand():
    doubts = suspicious_labels(FIVE, LABELS, n_neighbors=2)
    shares = hardness(FIVE, LABELS, n_neighbors=2)
    # Neighbours of the third row and of the last are all of the other class: a tie.
    assert doubts.rows.tolist() == [2, 4, 3, 1, 0]
    np.testing.assert_array_equal(doubts.scores, shares[doubts.rows])
    np.testing.assert_array_equal(doubts.shares, doubts.scores)
    assert doubts.given.tolist() == ["b", "a", "b", "a", "a"]
    assert doubts.suggested.tolist() == ["a", "b", "a", "a", "a"]
    assert doubts.neighbors.tolist() == [[1, 0], [3, 2], [4, 2], [0, 2], [1, 2]]


def test_mean_of_two_ranks_by_hand():
    p = np.array([0.9, 0.2, 0.6, 0.6, 0.7])  # of the label given
    p = np.where(LABELS == "a", [p, 1 - p], [1 - p, p]).T
    doubts = suspicious_labels(FIVE, LABELS, n_neighbors=2, probabilities=p)
    # By hardness 1, 2, 4.5, 3, 4.5, from 0 to 5; by probability 1, 5, 3.5, 3.5, 2.
    expected = (np.array([1, 3.5, 4, 3.25, 3.25]) - 0.5) / 5
    assert doubts.rows.tolist() == [2, 1, 3, 4, 0]
    np.testing.assert_allclose(doubts.scores, expected[doubts.rows])
    np.testing.assert_array_equal(
        doubts.shares, hardness(FIVE, LABELS, n_neighbors=2)[doubts.rows]
    )


def test_ranking_of_many_rows(planted, proba):
    X, _, given = planted
    # Grey values are whole numbers, so that several rows may be the tenth.
    X = X + np.random.default_rng(1).normal(scale=1e-4, size=X.shape)
    n, own = len(X), np.arange(len(X))
    shares, p = hardness(X, given), proba[own, given]
    doubts = suspicious_labels(X, given, probabilities=proba)
    ranks = (rankdata(shares) + rankdata(-p)) / 2
    np.testing.assert_allclose(doubts.scores, (ranks[doubts.rows] - 0.5) / n)
    assert sorted(doubts.rows.tolist()) == list(range(n))
    assert (np.diff(doubts.scores) <= 0).all() and doubts.scores[-1] > 0
    np.testing.assert_array_equal(doubts.shares, shares[doubts.rows])
    # The suggested class is the one with the lowest hardness.
    under_each = class_potentials(
        X, X, given, radius=("knn", 10), metric="euclidean", groups=own, groups_ref=own
    )
    of_suggested = under_each[doubts.rows, doubts.suggested]
    np.testing.assert_allclose(of_suggested, under_each.min(axis=1)[doubts.rows])


def test_planted_labels_are_found(planted, proba):
    X, y, given = planted
    wrong = given != y
    alone, both = (suspicious_labels(X, given, probabilities=p) for p in (None, proba))
    assert auc(alone, wrong) > 0.97 and auc(both, wrong) > 0.97
    by_p = roc_auc_score(wrong, -proba[np.arange(len(y)), given])
    assert auc(both, wrong) > max(auc(alone, wrong), by_p) - 0.005
    # The neighbours know the true label of nearly all.
    true = y[alone.rows]
    found = (alone.given != true)[: wrong.sum()]
    assert found.mean() > 0.9
    assert (alone.suggested == true)[: wrong.sum()][found].mean() > 0.95


def test_probabilities_of_ones_own_rows_speak_for_wrong_labels(planted, proba):
    X, y, given = planted
    some = slice(0, 300)
    X, y, given, proba = X[some], y[some], given[some], proba[some]
    in_sample = LogisticRegression(C=1e4, max_iter=5000).fit(X, given)
    fitted = suspicious_labels(X, given, probabilities=in_sample.predict_proba(X))
    assert auc(fitted, given != y) < auc(suspicious_labels(X, given), given != y)


def test_groups_do_not_confirm_each_other():
    rng = np.random.default_rng(0)
    centers = rng.normal(size=(40, 2))
    X = np.repeat(centers, 3, axis=0)
    X += rng.normal(scale=1e-3, size=X.shape)
    y = (X[:, 0] > 0).astype(int)
    groups = np.repeat(np.arange(40), 3)
    wrong = np.isin(groups, [centers[:, 0].argmin(), centers[:, 0].argmax()])
    y[wrong] = 1 - y[wrong]
    apart = suspicious_labels(X, y, groups=groups, n_neighbors=15)
    assert set(apart.rows[:6].tolist()) == set(np.flatnonzero(wrong).tolist())
    near = suspicious_labels(X, y, n_neighbors=2)
    assert not near.scores.any()
    assert (groups[apart.neighbors] != groups[apart.rows][:, None]).all()


def test_a_row_without_neighbours_keeps_its_label():
    doubts = suspicious_labels(FIVE, LABELS, groups=np.zeros(5))
    assert (doubts.suggested == doubts.given).all() and (doubts.scores == 1).all()
    assert (doubts.neighbors == -1).all()


def test_a_tie_of_neighbours_keeps_the_label():
    doubts = suspicious_labels(np.zeros((6, 1)), list("bbbaaa"), n_neighbors=5)
    assert (doubts.suggested != doubts.given).all()  # 3 of 5 are of the other class
    X, y = np.array([[0.0], [1.0], [-1.0], [9.0]]), ["b", "a", "b", "a"]
    doubts = suspicious_labels(X, y, n_neighbors=2)
    assert doubts.suggested[doubts.rows == 0] == "b"


@pytest.mark.parametrize("table", [pd.DataFrame, pl.DataFrame, list])
@pytest.mark.parametrize("column", [pd.Series, pl.Series, list])
def test_containers(planted, proba, table, column):
    X, _, given = (array[:200] for array in planted)
    words = np.array(["zero", *"bcdefghij"])[given]
    names, codes = np.unique(words, return_inverse=True)
    p = proba[:200][:, np.argsort(np.array(["zero", *"bcdefghij"]))]
    p = p / p.sum(axis=1, keepdims=True)
    groups = np.arange(200) // 2
    expected = suspicious_labels(X, codes, groups=groups, probabilities=p)
    doubts = suspicious_labels(
        table(X), column(words.tolist()), groups=column(groups), probabilities=table(p)
    )
    for field in ("rows", "scores", "shares", "neighbors"):
        np.testing.assert_array_equal(doubts[field], expected[field])
        assert type(doubts[field]) is np.ndarray
    assert type(doubts.given) is type(doubts.suggested) is np.ndarray
    np.testing.assert_array_equal(doubts.given, names[expected.given])
    np.testing.assert_array_equal(doubts.suggested, names[expected.suggested])


def halves(shape):
    return np.full(shape, 1 / shape[1])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"probabilities": halves((5, 3))}, r"of shape \(5, 2\).+got \(5, 3\)"),
        ({"probabilities": halves((4, 2))}, r"of shape \(5, 2\).+got \(4, 2\)"),
        ({"probabilities": halves((5, 2)) * 1.1}, "sum to 1; got values from 0.55 and"),
        ({"probabilities": np.tile([-0.5, 1.5], (5, 1))}, "not negative and sum to 1"),
        ({"probabilities": np.full((5, 2), np.nan)}, "probabilities contains NaN"),
        ({"probabilities": np.full(5, 0.5)}, "Expected 2D array"),
        ({"y": np.zeros(5)}, "suspicious_labels needs two classes or more"),
        ({"y": np.ones((5, 2), dtype=int)}, "one-hot rows, y.argmax"),
        ({"y": LABELS[:4]}, r"needs one label per row, shape \(5,\); got y"),
        ({"groups": [0]}, "suspicious_labels needs one group per row"),
        ({"n_neighbors": 0}, "suspicious_labels needs n_neighbors to be a whole"),
        ({"metric": "dice"}, "suspicious_labels needs metric to be"),
    ],
)
def test_wrong_input_is_said(change, message):
    with refuses(message):
        suspicious_labels(FIVE, **{"y": LABELS} | change)


def test_error_doubts_by_hand():
    p = [[0.9, 0.1], [0.8, 0.2], [0.4, 0.6], [0.5, 0.5]]
    shares = [[0.0, 1.0], [0.9, 0.1], [0.5, 0.5], [0.2, 0.8]]
    # Doubts of the classifier rank 1, 2, 3, 4, those of the neighbours 1, 4, 3, 2.
    expected = (np.array([1, 3, 3, 3]) - 0.5) / 4
    np.testing.assert_allclose(error_doubts(p, shares), expected)
    np.testing.assert_array_equal(error_doubts(p[:1], shares[:1]), [0.5])
    swapped = error_doubts(np.fliplr(p)[:3], np.fliplr(shares)[:3])
    np.testing.assert_array_equal(swapped, error_doubts(p[:3], shares[:3]))


def test_error_doubts_find_wrong_predictions(planted):
    X, y, _ = planted
    X, X_test, y, y_test = train_test_split(X, y, train_size=300, random_state=0)
    model = LogisticRegression(max_iter=500).fit(X, y)
    p = model.predict_proba(X_test)
    nearby = class_potentials(X_test, X, y, radius=("knn", 10), metric="euclidean")
    wrong = model.predict(X_test) != y_test
    both = roc_auc_score(wrong, error_doubts(p, nearby))
    assert both > roc_auc_score(wrong, -p.max(axis=1)) > 0.8


@pytest.mark.parametrize(
    ("p", "shares", "message"),
    [
        (halves((3, 2)), halves((3, 3)), r"of the probabilities, \(3, 2\); got \(3, 3"),
        (halves((3, 2)), halves((2, 2)), "Give both of the same rows"),
        (halves((3, 2)), -halves((3, 2)), r"radius=\('knn', 10\)"),
        (halves((3, 2)) * 2, halves((3, 2)), "error_doubts needs probabilities that"),
        ([0.5, 0.5], halves((2, 2)), "Expected 2D array"),
        (halves((3, 2)), np.full((3, 2), np.nan), "class_hardness contains NaN"),
    ],
)
def test_wrong_doubts_are_said(p, shares, message):
    with refuses(message):
        error_doubts(p, shares)


def test_display_of_the_first_rows():
    p = halves((5, 2))
    for given in ({}, {"probabilities": p}):
        doubts = suspicious_labels(FIVE, LABELS, n_neighbors=2, **given)
        display = LabelDoubtsDisplay.from_doubts(doubts, n_rows=4)
        assert display.shown_.tolist() == doubts.rows[:4].tolist()
        widths = [bar.get_width() for bar in display.bars_]
        np.testing.assert_array_equal(widths, doubts.scores[:4])
        assert ("mean rank" in display.ax_.get_xlabel()) == bool(given)
    texts = [text.get_text() for text in display.ax_.get_yticklabels()]
    assert texts[0] == "2: b, neighbours say a"
    assert texts[3] == "1: a, as its neighbours"
    colours = [bar.get_facecolor() for bar in display.bars_]
    assert colours[0] == colours[2] != colours[3]
    named = LabelDoubtsDisplay.from_doubts(doubts, names=list("vwxyz"), ax=display.ax_)
    assert named.ax_ is display.ax_ and len(named.bars_) == 5
    assert named.ax_.get_yticklabels()[0].get_text() == "x: b, neighbours say a"


def test_a_row_without_neighbours_is_not_called_confirmed():
    X, y = np.arange(4.0)[:, None], ["a", "a", "b", "b"]
    doubts = suspicious_labels(X, y, groups=np.zeros(4))
    display = LabelDoubtsDisplay.from_doubts(doubts)
    texts = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert texts[0] == "0: a, without neighbours"


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"doubts": Bunch(rows=[1])}, TypeError, "the result of suspicious_labels"),
        ({"doubts": np.zeros(3)}, TypeError, "got a ndarray"),
        ({"names": ["a"]}, ValueError, "as many names as rows, 5; got 1"),
        ({"n_rows": 0}, ValueError, "n_rows to be a whole number"),
    ],
)
def test_wrong_input_of_the_display_is_said(change, error, message):
    given = {"doubts": suspicious_labels(FIVE, LABELS)} | change
    with refuses(message, error):
        LabelDoubtsDisplay.from_doubts(**given)
