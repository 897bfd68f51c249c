"""Files that people have: what is read, and what is refused."""

import numpy as np
import pytest
from helpers import refuses

from skaug.comparison import read_file
from skaug.comparison.files import as_rows

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


def test_numbers_keep_their_digits(saved):
    times = 1.7e9 + np.arange(60.0).reshape(30, 2)
    task = read_file(saved(x=times, y=np.arange(30) % 2))
    np.testing.assert_array_equal(task.X, times)
    assert as_rows(times.astype(np.float32)).dtype == np.float32
    assert as_rows(times.astype(int)).dtype == np.float64
    assert as_rows(np.zeros((3, 8, 6), np.uint8)).dtype == np.float32


def test_a_table_of_words_and_gaps(tmp_path):
    pd = pytest.importorskip("pandas")
    names = ["None", "NA"] * 20  # these are no gaps in the target
    frame = pd.DataFrame({"a": np.arange(40.0), "b": ["x", "y"] * 20, "c": names})
    frame.loc[3, "a"] = np.nan
    frame.to_csv(tmp_path / "t.CSV", index=False)
    task = read_file(tmp_path / "t.CSV", "c", n_rows=20)
    drawn = task.draw(seed=0)
    assert task.kind == "table"
    assert drawn.train.X.shape == (20, 3) and drawn.test.X.shape[1] == 3
    assert np.isfinite(drawn.train.X).all() and set(drawn.train.y) == {"None", "NA"}


@pytest.mark.parametrize(
    "rows, kind",
    [
        (np.zeros((30, 4)), "table"),
        (np.zeros((30, 4, 9)), "signals"),
        (np.full((30, 8, 8), 255, np.uint8), "colours"),
        (np.full((30, 1, 8, 8), 255.0), "colours"),
        (np.full((30, 1, 8, 8), 16.0), "images"),
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
    with refuses(r"options among test, n_rows, n_seeds, heuristic; got \['nrows'\]"):
        read_file(saved(**TWO), nrows=3)
    np.save(tmp_path / "f.npy", np.zeros(3))
    (tmp_path / "f.npy").rename(tmp_path / "g.npz")
    with refuses(r"needs a file of numpy\.savez; got g"):
        read_file(tmp_path / "g.npz")
