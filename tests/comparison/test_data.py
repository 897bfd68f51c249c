"""Files that people have, draws from them, and groups, which stay together."""

import numpy as np
import pytest
from helpers import refuses
from sklearn.datasets import load_iris
from sklearn.utils import Bunch

from skaug.comparison import Task, draw, read_file
from skaug.comparison.data import as_rows, mixed_order, split_for_choice

X, Y = load_iris(return_X_y=True)
SIDES = {f"x_{side}": np.zeros((30, 2)) for side in ("train", "test")}
SIDES |= {f"y_{side}": np.arange(30) % 2 for side in ("train", "test")}


@pytest.fixture
def saved(tmp_path):
    """Saves arrays as a file."""

    def save(**arrays):
        np.savez(tmp_path / "some.npz", **arrays)
        return tmp_path / "some.npz"

    return save


def test_images_come_in_with_channels_first():
    grey = np.full((3, 8, 6), 255, np.uint8)
    assert as_rows(grey).shape == (3, 1, 8, 6) and as_rows(grey).max() == 1
    assert as_rows(np.zeros((3, 8, 6, 3), np.uint8)).shape == (3, 3, 8, 6)
    assert as_rows(np.zeros((3, 2, 50))).shape == (3, 2, 50)  # signals


def test_groups_are_never_on_both_sides(saved):
    groups = np.repeat(np.arange(10), np.arange(6, 25, 2))[np.arange(150) * 7 % 150]
    task = read_file(saved(x=X, y=Y, groups=groups), n_rows=60)
    tested = set()
    for seed in range(20):
        drawn = draw(task, seed)
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


def test_a_file_with_test_rows_is_drawn_from(saved):
    parts = {"x_train": X[::2], "y_train": Y[::2], "x_test": X[1::2], "y_test": Y[1::2]}
    task = read_file(saved(**parts))
    draws = [draw(task, seed) for seed in range(3)]
    # With fewer rows than a draw may take, each draw leaves out a quarter.
    assert task.leaves_out and {len(drawn.train.y) for drawn in draws} == {56}
    assert len({drawn.train.X.tobytes() for drawn in draws}) == 3
    assert {len(drawn.test.y) for drawn in draws} == {75}


def test_of_many_rows_with_test_rows_none_are_left_out():
    rows = np.arange(7000, dtype=np.float32)[:, None]
    test = Bunch(X=-rows, y=np.arange(7000) % 2, groups=None)
    task = Task("many", rows, np.arange(7000) % 2, test=test, n_rows=100)
    first, second = draw(task, 0), draw(task, 1)
    assert not task.leaves_out
    assert len(first.train.y) == 100 and len(first.test.y) == 3000
    assert not np.array_equal(first.train.X, second.train.X)
    np.testing.assert_array_equal(first.test.X, second.test.X)
    inner, held_out = set(first.inner.X.flat), set(first.held_out.X.flat)
    assert inner | held_out == set(first.train.X.flat) and not inner & held_out


def test_a_table_of_words_and_gaps(tmp_path):
    pd = pytest.importorskip("pandas")
    names = ["None", "NA"] * 20  # these are no gaps in the target
    frame = pd.DataFrame({"a": np.arange(40.0), "b": ["x", "y"] * 20, "c": names})
    frame.loc[3, "a"] = np.nan
    frame.to_csv(tmp_path / "t.csv", index=False)
    task = read_file(tmp_path / "t.csv", "c", n_rows=20)
    drawn = draw(task, seed=0)
    assert task.kind == "table"
    assert drawn.train.X.shape == (20, 3) and drawn.test.X.shape[1] == 3
    assert np.isfinite(drawn.train.X).all() and set(drawn.train.y) == {"None", "NA"}


@pytest.mark.parametrize(
    "rows, kind",
    [
        (np.zeros((30, 4)), "table"),
        (np.zeros((30, 4, 9)), "signals"),
        (np.full((30, 8, 8), 255, np.uint8), "colours"),
        (np.full((30, 1, 8, 8), 255.0), "images"),
        (np.full((30, 1, 8, 8), -0.5), "images"),
    ],
)
def test_kinds_of_rows(saved, rows, kind):
    assert read_file(saved(x=rows, y=np.arange(30) % 2)).kind == kind


TWO = {"x": np.zeros((30, 2)), "y": np.arange(30) % 2}
GREY = {"x_train": np.zeros((30, 1, 8, 8), np.uint8), "x_test": np.zeros((30, 1, 8, 8))}
SAME = {"subject_train": np.arange(30), "subject_test": np.arange(30)}


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a": np.zeros(3)}, "arrays x and y"),
        ({**TWO, "y": np.zeros(29)}, "one of y per row"),
        ({**TWO, "y": np.zeros(30)}, "two classes or more"),
        ({**TWO, "x": np.zeros(30)}, "with 2 to 4 axes"),
        ({**TWO, "x": np.full((30, 2), np.nan)}, "finite x"),
        ({**TWO, "y": np.arange(30) // 25}, "6 rows of each class"),
        ({**TWO, "y": np.arange(30) % 2 / 3}, "classes"),
        ({**TWO, "groups": np.zeros(30)}, "5 groups or more"),
        ({**TWO, "y": np.array([None, 1] * 15)}, "arrays of numbers or strings"),
        ({**TWO, "y": np.array([b"a", b"b"] * 15)}, "labels that are"),
        ({**SIDES, "y_test": np.arange(30) % 3}, "test labels that are trained on"),
        ({**SIDES, **GREY}, "rows of one type"),
        ({**SIDES, "subject_test": np.arange(30)}, "groups of both parts"),
        ({**SIDES, "groups": np.arange(30)}, "arrays of one kind of name"),
        ({**SIDES, **SAME}, "other groups to test with"),
    ],
)
def test_wrong_files_are_refused_in_one_sentence(saved, arrays, message):
    with refuses(f"(read_file|Task) needs .*{message}.*; got"):
        read_file(saved(**arrays), n_rows=100)


def test_options_that_do_not_fit_the_file(tmp_path, saved):
    path = saved(x=np.zeros((30, 2)), y=np.arange(30) % 2)
    with refuses("csv file for columns of target and groups; got some"):
        read_file(path, None, "person")
    with refuses("a file that exists; got .*other.npz"):
        read_file(tmp_path / "other.npz")
    path.rename(tmp_path / "f.txt")
    with refuses(r"ends in .npz or .csv; got f.txt"):
        read_file(tmp_path / "f.txt")
    np.save(tmp_path / "f.npy", np.zeros(3))
    (tmp_path / "f.npy").rename(tmp_path / "g.npz")
    with refuses(r"needs a file of numpy\.savez; got g"):
        read_file(tmp_path / "g.npz")


def test_rows_to_choose_with_have_all_classes_where_groups_allow():
    groups = np.repeat(np.arange(12), 15)
    # All of a class are one group.
    train = Bunch(X=np.zeros((180, 4)), y=(groups != 0).astype(int), groups=groups)
    for seed in range(20):
        inner, held_out = split_for_choice(train, seed)
        assert set(inner.y) == {0, 1}
        assert not set(inner.groups) & set(held_out.groups)
