"""Labels and groups: whatever holds them, the array of them is exact and complete."""

import datetime

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from helpers import refuses
from sklearn.exceptions import DataConversionWarning

from skaug._labels import check_groups, check_labels, one_class_per_row

BIG = 2**53 + 1  # no float64 is equal to it
WORDS = ["run", "sit", "run"]
CONTAINERS = {
    "list": list,
    "tuple": tuple,
    "array": np.array,
    "objects": lambda values: np.array(values, dtype=object),
    "series": pd.Series,
    "categories": lambda values: pd.Series(values, dtype="category"),
    "index": pd.Index,
    "polars": pl.Series,
    "masked": np.ma.array,
    "arrays without an axis": lambda values: [np.array(value) for value in values],
}
COLUMNS = {
    "array": lambda values: np.array(values)[:, None],
    "frame": lambda values: pd.DataFrame({"y": values}),
    "frame of polars": lambda values: pl.DataFrame({"y": values}),
    "lists": lambda values: [[value] for value in values],
}
MISSING = {
    "None in a list": [1, None, 2],
    "NaN in a list": [1, float("nan"), 2],
    "None among texts": ["a", None, "b"],
    "NaN among texts": ["a", float("nan"), "b"],
    "NaN in floats": np.array([1.0, np.nan, 2.0]),
    "pandas.NA in whole numbers": pd.Series([1, None, 2], dtype="Int64"),
    "pandas.NA in texts": pd.Series(["a", pd.NA, "b"], dtype="string"),
    "a text of pandas": pd.Series(["a", None, "b"]),
    "a category": pd.Series(["a", None, "b"], dtype="category"),
    "NaT": pd.Series(pd.to_datetime(["2026-01-01", None, "2026-01-02"])),
    "NaT of NumPy": np.array(["2026-01-01", "NaT", "2026-01-02"], "M8[D]"),
    "null of polars": pl.Series([BIG, None, 2]),
    "null among texts of polars": pl.Series(["a", None, "b"]),
    "a mask": np.ma.array([1, 2, 3], mask=[False, True, False]),
}
if hasattr(np.dtypes, "StringDType"):  # from NumPy 2.0 on
    texts = np.dtypes.StringDType(na_object=np.nan)
    MISSING["NaN among NumPy's new texts"] = np.array(["a", np.nan, "b"], texts)


@pytest.mark.parametrize("container", CONTAINERS)
def test_labels_are_those_of_the_container(container):
    make = CONTAINERS[container]
    assert check_labels(make(WORDS), 3, "fit").tolist() == WORDS
    numbers = check_labels(make([BIG, 1, BIG]), 3, "fit")
    assert numbers.tolist() == [BIG, 1, BIG] and numbers.dtype == np.int64
    truths = check_labels(make([True, False, True]), 3, "fit")
    assert truths.dtype == bool
    assert check_groups(make(WORDS), 3, "fit").tolist() == WORDS


def test_whole_numbers_of_tensors_and_nullable_columns_keep_their_digits():
    tensor = torch.tensor([BIG, 1])
    assert check_labels(tensor, 2, "fit").tolist() == [BIG, 1]
    assert check_labels(list(tensor), 2, "fit").tolist() == [BIG, 1]
    column = pd.Series([BIG, 1], dtype="Int64")
    for y in (column, column.to_frame(), column.astype(object)):
        assert check_groups(y, 2, "fit").tolist() == [BIG, 1]


@pytest.mark.parametrize("kind", COLUMNS)
def test_a_column_is_raveled_with_the_warning_of_scikit_learn(kind):
    column = COLUMNS[kind](WORDS)
    with pytest.warns(DataConversionWarning, match="A column-vector y was passed"):
        assert check_labels(column, 3, "fit").tolist() == WORDS
    assert check_groups(column, 3, "fit").tolist() == WORDS


@pytest.mark.parametrize("kind", MISSING)
def test_what_is_missing_is_refused_alike(kind):
    words = "got 1 of 3 missing in {}, the first in row 1. Leave these rows out, or"
    with refuses("fit needs a label for every row; " + words.format("y_val")):
        check_labels(MISSING[kind], 3, "fit", "y_val")
    with refuses("fit needs a group for every row; " + words.format("groups")):
        check_groups(MISSING[kind], 3, "fit")


@pytest.mark.parametrize(
    ("y", "kind"),
    [
        (pd.cut([1, 2, 3], 2), "Interval"),
        (pd.Series(pd.cut([1, 2, 3], 2)), "Interval"),
        (pd.period_range("2026", periods=3, freq="D"), "Period"),
        ([(1, 2), (1, 2), (3, 4)], "shape \\(3, 2\\)"),
        ([[1], [2, 3], [4]], "list"),
        ([b"a", b"b", b"a"], "bytes"),
        (np.array([b"a", b"b", b"a"]), r"\|S1"),
        ([2**70, 1, 2], "whole numbers of more than 64 bits"),
        (np.array([1j, 2j, 1j]), "complex128"),
        (pd.to_datetime(["2026-01-01"] * 3), "datetime64"),
        (np.array([datetime.date(2026, 1, 1)] * 3), "date"),
    ],
)
def test_labels_that_name_no_class_are_refused(y, kind):
    with refuses(f"fit needs .*; got {kind}|got y of {kind}") as error:
        check_labels(y, 3, "fit")
    # The advice, typed as it stands.
    if "numpy.asarray(y)" in str(error.value):
        assert len(check_labels(np.asarray(y).astype(str), 3, "fit")) == 3


def test_days_are_groups():
    days = pd.to_datetime(["2026-01-01", "2026-01-02"])
    assert len(np.unique(check_groups(days, 2, "fit"))) == 2
    dates = [datetime.date(2026, 1, 1), datetime.date(2026, 1, 2)]
    assert check_groups(dates, 2, "fit").tolist() == dates


def test_values_of_several_types_are_refused():
    for y in ([1, "a"], np.array([1, "a"], dtype=object), [True, "a"], [True, 1]):
        with refuses(r"fit needs labels of one type; got \['.*', '.*'\] in y"):
            check_labels(y, 2, "fit")
    assert check_labels([1, 2.0], 2, "fit").tolist() == [1.0, 2.0]
    with refuses(r"of one type; got \['int', 'str'\] in groups"):
        check_groups([1, "a"], 2, "fit")


def test_there_is_one_for_each_row():
    assert check_groups(None, 3, "fit") is None
    with refuses(r"one group per row, shape \(3,\); got groups of shape \(2,\)"):
        check_groups([1, 2], 3, "fit")
    for y in (5, "text", np.zeros((3, 1, 1)), [[1, 2], [2, 3], [4, 5]]):
        with refuses(r"fit needs one label per row, shape \(3,\); got y of shape"):
            check_labels(y, 3, "fit")
    with refuses("requires y to be passed, but the target y is None"):
        check_labels(None, 3, "fit")


def test_one_hot_rows_are_numbers_of_columns_where_they_are_taken():
    matrix = np.eye(3, dtype=int)[[2, 0, 1]]
    assert one_class_per_row(matrix, "fit").tolist() == [2, 0, 1]
    assert check_labels(matrix, 3, "fit", one_hot=True).tolist() == [2, 0, 1]
    with refuses(r"of one-hot rows, y.argmax\(axis=1\)"):
        check_labels(matrix, 3, "fit")
    with refuses("one label per row; got a row of y with several or none"):
        check_labels([[1, 1], [0, 1]], 2, "fit", one_hot=True)


def test_measurements_are_no_classes():
    with refuses("fit needs labels that name classes; got numbers such as 0.5"):
        check_labels([0.5, 1.5, 2.25], 3, "fit")
    with refuses("such as 2.25 in y"):
        check_labels([1.0, 2.0, 2.25], 3, "fit")
    with refuses("such as inf in y"):
        check_labels([1.0, 2.0, np.inf], 3, "fit")
