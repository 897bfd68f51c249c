"""Draws of rows, and groups, which stay together."""

import numpy as np
import pytest
from helpers import refuses
from sklearn.datasets import load_iris
from sklearn.utils import Bunch

from skaug import NetClassifier
from skaug.comparison import Task
from skaug.comparison.data import mixed_order, split_for_choice

X, Y = load_iris(return_X_y=True)


def test_groups_are_never_on_both_sides():
    groups = np.repeat(np.arange(10), np.arange(6, 25, 2))[np.arange(150) * 7 % 150]
    task = Task("few", X, Y, groups, n_rows=60)
    tested = set()
    for seed in range(20):
        drawn = task.draw(seed)
        assert len(drawn.train.y) == 60 and set(drawn.train.y) == {0, 1, 2}
        assert not set(drawn.train.groups) & set(drawn.test.groups)
        assert not set(drawn.inner.groups) & set(drawn.held_out.groups)
        tested.add(tuple(np.unique(drawn.test.groups)))
    # Every seed tests other groups, and each has its turn.
    assert len(tested) > 10 and set().union(*tested) == set(range(10))


@pytest.mark.parametrize("n", [10, 99, 100, 101])
def test_draws_have_classes_in_proportion(n):
    y = np.repeat(["a", "b", "c"], [50, 49, 3])
    order = mixed_order(y, seed=0)
    assert sorted(order) == list(range(102))
    counts = [np.sum(y[order[:n]] == label) for label in "abc"]
    assert np.abs(np.subtract(counts, n * np.array([50, 49, 3]) / 102)).max() < 2
    assert min(counts) >= 1
    assert not np.array_equal(order, mixed_order(y, seed=1))


def test_few_rows_with_test_rows_are_drawn_from():
    test = Bunch(X=X[1::2], y=Y[1::2], groups=None)
    task = Task("few", X[::2], Y[::2], test=test)
    draws = [task.draw(seed) for seed in range(3)]
    # With fewer rows than a draw may take, each draw leaves out a quarter.
    assert task.leaves_out and {len(drawn.train.y) for drawn in draws} == {56}
    assert len({drawn.train.X.tobytes() for drawn in draws}) == 3
    assert {len(drawn.test.y) for drawn in draws} == {75}


def test_of_many_rows_with_test_rows_none_are_left_out():
    rows = np.arange(7000, dtype=np.float32)[:, None]
    test = Bunch(X=-rows, y=np.arange(7000) % 2, groups=None)
    task = Task("many", rows, np.arange(7000) % 2, test=test, n_rows=100)
    first, second = task.draw(0), task.draw(1)
    assert not task.leaves_out
    assert len(first.train.y) == 100 and len(first.test.y) == 3000
    assert not np.array_equal(first.train.X, second.train.X)
    np.testing.assert_array_equal(first.test.X, second.test.X)
    inner, held_out = set(first.inner.X.flat), set(first.held_out.X.flat)
    assert inner | held_out == set(first.train.X.flat) and not inner & held_out


def test_rows_to_choose_with_have_all_classes_where_groups_allow():
    groups = np.repeat(np.arange(12), 15)
    # All of a class are one group.
    train = Bunch(X=np.zeros((180, 4)), y=(groups != 0).astype(int), groups=groups)
    for seed in range(20):
        inner, held_out = split_for_choice(train, seed)
        assert set(inner.y) == {0, 1}
        assert not set(inner.groups) & set(held_out.groups)


def seconds_apart(n):
    """Seconds since 1970 of which some decide about the label, and the labels."""
    random = np.random.default_rng(0)
    y = np.arange(n) % 2
    return np.stack([1.7e9 + 5 * y + 5 * random.random(n), random.random(n)], 1), y


def test_wide_columns_keep_their_digits():
    pd = pytest.importorskip("pandas")
    rows, y = seconds_apart(150)
    frame = pd.DataFrame(rows, columns=["time", "noise"])
    drawn = Task("frame", frame, y, n_rows=100).draw(0)
    same = Task("array", rows, y, n_rows=100).draw(0)
    np.testing.assert_array_equal(drawn.train.X, same.train.X)
    np.testing.assert_array_equal(drawn.test.X, same.test.X)
    net = NetClassifier(random_state=0).fit(drawn.train.X, drawn.train.y)
    assert net.score(drawn.test.X, drawn.test.y) > 0.8


@pytest.mark.parametrize("kind", ["Series", "list", "column", "array"])
def test_labels_and_groups_come_in_any_container(kind):
    pd = pytest.importorskip("pandas")
    to_kind = {
        # Of rows that were mixed, whose index says nothing.
        "Series": lambda values: pd.Series(values, index=np.arange(150)[::-1]),
        "list": lambda values: values.tolist(),
        "column": lambda values: values[:, None],
        "array": lambda values: values,
    }[kind]
    y, groups = np.array(["a", "b", "c"])[Y], np.arange(150) // 3 % 10
    test = Bunch(X=X, y=to_kind(y), groups=to_kind(groups + 10))
    given = Task("any", X, to_kind(y), to_kind(groups), test, n_rows=40)
    known = Task("any", X, y, groups, Bunch(X=X, y=y, groups=groups + 10), n_rows=40)
    one, other = given.draw(0), known.draw(0)
    for part in ("train", "test"):
        for name in ("X", "y", "groups"):
            np.testing.assert_array_equal(one[part][name], other[part][name])
    assert given.test is not test and isinstance(test.y, type(to_kind(y)))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"X": X[:100]}, r"one label per row, shape \(100,\); got y of shape \(150,\)"),
        ({"X": Y}, r"X with 2 to 4 axes; got shape \(150,\)"),
        ({"groups": Y[:100]}, "one group per row"),
        ({"test": Bunch(X=X, y=Y[1:])}, "one label per row"),
        ({"heuristic": "nonsense"}, "a heuristic for table, .* among jitter; got"),
        ({"heuristic": "affine"}, "a heuristic for table"),
        ({"n_rows": 0}, "n_rows to be a whole number >= 1; got 0"),
        ({"n_seeds": 2.5}, "n_seeds to be a whole number >= 1; got 2.5"),
    ],
)
def test_what_does_not_belong_together_is_refused(changed, message):
    with refuses(f"Task needs {message}"):
        Task(**{"name": "bad", "X": X, "y": Y} | changed)
