"""Small files as people have them, each with its right reading.

The files are looked for in ``$SKAUG_CASES``, then in ``../shared/cases`` beside the
checkout. The trickiest of them are also in test_table_files.py, as texts.
"""

import os
from pathlib import Path

import numpy as np
import pytest
from helpers import refuses, task_of
from sklearn.datasets import load_iris

from skaug.files import read_file

pytest.importorskip("pandas")
PLACES = [os.environ.get("SKAUG_CASES"), Path(__file__).parents[3] / "shared" / "cases"]
FOLDER = next((Path(p) for p in PLACES if p and Path(p, "plain.csv").exists()), None)
pytestmark = pytest.mark.skipif(
    FOLDER is None, reason="cases are neither in $SKAUG_CASES nor in ../shared/cases"
)
IRIS = load_iris().data
SPECIES = ["setosa", "versicolor", "virginica"]

# What the notes say of files that are read with the numbers and classes of iris.
AS_IRIS = {
    "plain": "separated by commas, numbers have decimal points",
    "index_sorted": "'column 1' was left out: it counts the rows",
    "quoted_decimal_comma": "separated by commas, numbers have decimal commas",
    "semicolon_comma": "separated by semicolons, numbers have decimal commas",
    "semicolon": "separated by semicolons, numbers have decimal points",
    "tab": "separated by tabs",
    "bom": "UTF-8 with a byte order mark",
    "utf16": "read as UTF-16",
    "label_space": "'setosa' and 'setosa ' of 'label' are one",
    "currency": "'a' has numbers with '$'",
    "percent": "'a' has numbers with '%'",
    "unit": "'a' has numbers with 'cm'",
    "dates": "'t' was left out: it has dates or times",
    "trailing_comma": "ends in 1 empty field more",
    "multi_header": "Line 2 (x, x, x, x, x",
    "singleton_groups": "another group in 'subject', so groups are left out",
}
REFUSED = {
    "label_missing": r"'label' in every row; got 1 empty.*line 9\).*Remove these rows",
    "group_missing": r"'subject' in every row; got 1 empty.*line 7\).*Remove",
    "k_inf": r"finite numbers; got inf in column 'a', row 8 \(line 9\)",
    "ragged": r"6 fields in each line.*; got 9 in line 152",
    "quote": r"quotes that close; got one that does not in line 2",
    "onerow": r"two rows or more; got 1",
}
OTHERS = {"thousands", "latin1", "label_NA", "mark_-", "mark_NULL", "bools"}
OTHERS |= {"noise_index", "two_rows_class"}


def read(name):
    target = "activity" if name in ("k_inf", "noise_index") else "label"
    groups = "subject" if target == "label" else None
    return read_file(FOLDER / f"{name}.csv", target, groups)


def tells(reading, part):
    return any(part in note for note in reading.notes)


def test_each_file_has_a_test():
    files = {path.stem for path in FOLDER.glob("*.csv")}
    assert files == set(AS_IRIS) | set(REFUSED) | OTHERS


@pytest.mark.parametrize("name", AS_IRIS)
def test_numbers_and_classes_are_those_of_iris(name):
    reading = read(name)
    np.testing.assert_array_equal(reading.X.to_numpy(), IRIS)
    assert list(reading.X) == list("abcd") and (reading.X.dtypes == np.float64).all()
    np.testing.assert_array_equal(reading.y, np.repeat(SPECIES, 50))
    if name == "singleton_groups":
        assert reading.groups is None
    else:
        np.testing.assert_array_equal(reading.groups, (np.arange(150) % 10).astype(str))
    assert tells(reading, AS_IRIS[name])
    assert not tells(reading, "alone tells the class")


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_be_read_wrong_is_refused(name):
    with refuses(f"read_file needs {REFUSED[name]}"):
        read(name)


def test_thousands():
    reading = read("thousands")
    np.testing.assert_allclose(reading.X["a"], 1000 * IRIS[:, 0], rtol=1e-12)
    np.testing.assert_array_equal(reading.X[["b", "c", "d"]], IRIS[:, 1:])
    assert tells(reading, "'5,100' is 5100")


@pytest.mark.parametrize("mark", ["-", "NULL"])
def test_marks_of_missing_numbers(mark):
    reading = read(f"mark_{mark}")
    missing = np.arange(0, 150, 20)
    assert np.isnan(reading.X["a"][missing]).all()
    np.testing.assert_array_equal(reading.X.drop(missing), np.delete(IRIS, missing, 0))
    assert tells(reading, f"'a' has '{mark}' (8), taken as missing")


def test_answers_are_0_and_1():
    X = read("bools").X
    np.testing.assert_array_equal(X["a"], IRIS[:, 0] > 5)
    np.testing.assert_array_equal(X["b"], IRIS[:, 1] > 3)
    np.testing.assert_array_equal(X[["c", "d"]], IRIS[:, 2:])


def test_latin1():
    reading = read("latin1")
    np.testing.assert_array_equal(reading.X, IRIS)
    assert reading.y.tolist() == [f"{name}é" for name in SPECIES for _ in range(50)]
    assert tells(reading, "Latin-1")


def test_a_class_may_be_called_none():
    reading = read("label_NA")
    counts = dict(zip(*np.unique(reading.y, return_counts=True), strict=True))
    assert counts == {"NA": 50, "None": 50, "yes": 50}
    assert tells(reading, "'None' is taken for a name in 'label', where 50 rows")


def test_an_index_teaches_nothing():
    reading = read("noise_index")
    assert list(reading.X) == list("abcd") and len(reading.X) == 300
    assert tells(reading, "'column 1' was left out: it counts the rows")


def test_a_rare_class_is_told_and_not_drawn_from():
    reading = read("two_rows_class")
    assert np.sum(reading.y == "rare") == 2 and len(reading.y) == 152
    assert tells(reading, "rare (2), so that some folds may lack them")
    with refuses("Task needs 6 rows of each class in a draw; got .*rare"):
        task_of(reading)


def test_what_is_read_can_be_drawn_from():
    task = task_of(read_file(FOLDER / "mark_-.csv", "label", "subject"), n_rows=90)
    drawn = task.draw(seed=0)
    assert drawn.train.X.shape == (90, 4) and np.isfinite(drawn.train.X).all()
