"""Rows and wrong labels of the benchmark of hardness."""

import numpy as np
import pytest
from sklearn.utils import Bunch

import hardness_rows

X = np.array([[0.0], [1.0], [4.0], [5.0], [20.0], [21.0]]).repeat(20, axis=0)
Y = np.array([0, 1, 2]).repeat(40)  # means .5, 4.5 and 20.5


@pytest.mark.parametrize("kind", ["any class", "confusable class"])
def test_a_share_of_the_labels_is_changed(kind):
    given, wrong = hardness_rows.flipped(X, Y, kind, seed=0)
    assert wrong.sum() == 6  # 5 % of 120
    np.testing.assert_array_equal(given != Y, wrong)
    again, _ = hardness_rows.flipped(X, Y, kind, seed=0)
    np.testing.assert_array_equal(given, again)


def test_confusable_class_has_the_nearest_mean():
    given, wrong = hardness_rows.flipped(X, Y, "confusable class", seed=1)
    np.testing.assert_array_equal(given[wrong], np.array([1, 0, 1])[Y[wrong]])


def test_people_of_the_test_are_others(monkeypatch):
    groups = np.arange(120) % 10
    rows = Bunch(X=np.column_stack([X[:, 0], groups]), y=Y, groups=groups)
    monkeypatch.setattr(hardness_rows, "pool", lambda name: rows)
    part = hardness_rows.divided("vowel", seed=0)
    # The second column, which is standardised by the training rows, tells the person.
    seen, others = (set(np.round(Z[:, 1], 6)) for Z in (part.X, part.X_test))
    assert len(seen) == 7 and len(others) == 3 and not seen & others
    assert part.all_used
    np.testing.assert_allclose(part.X.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(part.X.std(axis=0), 1)
