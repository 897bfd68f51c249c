"""Display of corrected rows: which they are, and what is drawn of them."""

import numpy as np
import pytest
from helpers import refuses
from sklearn.base import BaseEstimator, ClassifierMixin

from skaug.influence import CorrectedRowsDisplay

drawn = CorrectedRowsDisplay.from_estimators


class Always(ClassifierMixin, BaseEstimator):
    """Predict given labels, whatever the rows, with given confidence."""

    def __init__(self, labels=None, sure=None):
        self.labels = labels
        self.sure = sure

    def predict(self, X):
        return np.array(self.labels)

    def predict_proba(self, X):
        return np.stack([self.sure, 1 - np.array(self.sure)], axis=1)


@pytest.fixture
def images():
    X = np.random.default_rng(0).random((6, 1, 4, 4)).astype(np.float32)
    return X, np.array(["a", "a", "a", "b", "b", "b"])


def test_rows_are_those_on_which_the_classifiers_differ(images):
    X, y = images
    augmented = Always(list("aaabab"), [0.9, 0.8, 0.7, 0.6, 0.99, 0.6])  # 4 is wrong
    plain = Always(list("bbabba"), [0.7, 0.8, 0.9, 0.9, 0.9, 0.6])  # 0, 1 and 5 are
    display = drawn(augmented, plain, X, y, n_rows=2)
    assert (display.n_corrected, display.n_spoiled) == (3, 1)
    np.testing.assert_array_equal(
        display.corrected, X[[1, 0]]
    )  # surest of what is wrong
    np.testing.assert_array_equal(display.spoiled, X[[4]])
    assert display.corrected_labels == [("a", "b"), ("a", "b")]
    assert display.spoiled_labels == [("b", "a")]
    display.figure_.canvas.draw()
    assert display.axes_.shape == (2, 2)
    assert display.axes_[0, 0].get_title() == "a, not b"
    assert [axes[0].get_ylabel() for axes in display.axes_] == [
        "corrected\n3",
        "spoiled\n1",
    ]
    np.testing.assert_array_equal(
        display.axes_[0, 0].images[0].get_array(), X[1].mean(axis=0)
    )
    assert not display.axes_[1, 1].images


def test_where_they_do_not_differ_nothing_is_drawn(images):
    X, y = images
    same = Always(list(y), [0.9] * 6)
    display = drawn(same, same, X[:, 0], y)  # signals
    display.figure_.canvas.draw()
    assert display.n_corrected == display.n_spoiled == len(display.corrected) == 0


def test_bad_input(images):
    X, y = images
    same = Always(list(y), [0.9] * 6)
    with refuses("needs images"):
        drawn(same, same, X[:, 0, 0], y)
    with refuses("n_rows to be a whole number >= 1"):
        drawn(same, same, X, y, n_rows=0)
