"""Rows on their way to an array of numbers: nothing is lost, and columns are named."""

import warnings
from datetime import date

import numpy as np
import pandas as pd
import polars as pl
import pytest
from helpers import refuses
from scipy.sparse import csr_array, dok_array

from skaug._input import as_numbers

N = [1.0, 2.0]
BAD_COLUMNS = {
    "texts": (["a", "b"], "'a' in it. Encode it, such as with OneHotEncoder"),
    "categories": (pd.Categorical(["a", "b"]), "dtype category, with 'a'"),
    "decimal commas": (["5,1", "4,9"], "'5,1' in it. That is a decimal comma"),
    "a mark": ([1.5, 2, "?"], r"with '\?' in it. Most others are numbers"),
    "times": (pd.to_datetime(["2026-01-01", "2026-01-02"]), "of times, datetime64"),
    "times of a zone": (
        pd.to_datetime(["2026-01-01", "2026-01-02"], utc=True),
        "of times, datetime64",
    ),
    "spans": (pd.to_timedelta([1, 2], unit="s"), "of times, timedelta64"),
    "periods": (pd.period_range("2026", periods=2, freq="D"), "of times, period"),
    "objects": ([{}, {}], "with {} in it"),
}


@pytest.mark.parametrize("kind", BAD_COLUMNS)
def test_a_column_without_numbers_is_named(kind):
    column, words = BAD_COLUMNS[kind]
    frame = pd.DataFrame({"speed": 1.0, "odd one": column})
    with refuses(f"fit needs columns of numbers; got column 'odd one' .*{words}"):
        as_numbers(frame, "fit")
    with refuses("got column 'odd one'"):
        as_numbers(frame[["odd one"]], "fit")


@pytest.mark.parametrize("column", [["a", "b"], ["5,1", "4,9"]])
def test_columns_of_polars_are_named_too(column):
    with refuses("got column 'odd one' of dtype String"):
        as_numbers(pl.DataFrame({"speed": N, "odd one": column}), "fit")
    frame = pl.DataFrame({"odd one": ["2026-01-01"] * 2}).with_columns(
        pl.col("odd one").str.to_date()
    )
    with refuses("got column 'odd one' of times, Date"):
        as_numbers(frame, "fit")


def test_texts_are_categories_where_these_are_taken():
    frame = pd.DataFrame(
        {
            "place": ["in", None, "out"],
            "size": pd.Categorical(["S", "M", "S"]),
            "truth": [True, None, "maybe"],
        }
    )
    assert as_numbers(frame, "fit", categories=True) is frame
    for kind in ("decimal commas", "a mark", "times", "spans", "objects"):
        column, words = BAD_COLUMNS[kind]
        with refuses(f"fit needs columns of numbers; got column 'odd one' .*{words}"):
            as_numbers(pd.DataFrame({"odd one": column}), "fit", categories=True)


def test_columns_that_hold_numbers_pass_as_they_are():
    frame = pd.DataFrame(
        {
            "whole": pd.Series([1, None], dtype="Int64"),
            "truth": [True, False],
            "objects": pd.Series([1, 2.5], dtype=object),
            "texts of numbers": ["1", "2"],
            "categories of numbers": pd.Categorical([3, 4]),
            "missing": pd.Series([1, pd.NA], dtype=object),
        }
    )
    assert as_numbers(frame, "fit") is frame
    other = pl.DataFrame({"whole": [1, None], "truth": [True, False]})
    assert as_numbers(other, "fit") is other


def test_what_is_masked_is_missing():
    X = np.ma.array([[1, 2], [3, 4]], mask=[[False, True], [False, False]])
    np.testing.assert_array_equal(as_numbers(X, "fit"), [[1, np.nan], [3, 4]])
    whole = as_numbers(np.ma.array([[1, 2]]), "fit")
    assert type(whole) is np.ndarray and whole.dtype.kind == "i"
    for dtype in (np.float16, np.float32):
        narrow = np.ma.array(np.zeros((1, 2), dtype), mask=[[True, False]])
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert as_numbers(narrow, "fit").dtype == dtype


NO_ROWS = [{"a": [1, 2]}, "rows.csv", {1, 2}, 3, iter([1]), None]


@pytest.mark.parametrize("rows", NO_ROWS)
def test_what_is_no_array_of_rows_is_named(rows):
    with refuses(f"fit needs rows of numbers; got a {type(rows).__name__}. Give an"):
        as_numbers(rows, "fit")


def test_recordings_of_unequal_length_get_one_sentence():
    recordings = [np.zeros((3, length)) for length in (5, 6, 7, 8)]
    objects = np.empty(4, dtype=object)
    objects[:] = recordings
    for X in (recordings, tuple(recordings), objects, [[1, 2], [3]]):
        with refuses(r"rows of shapes .*frame_segments takes them as a list"):
            as_numbers(X, "fit")
    with refuses(r"got 4 rows of shapes \(3, 5\), \(3, 6\), \(3, 7\) and 1 more"):
        as_numbers(recordings, "fit")
    with refuses(r"an array of 2 arrays. Give numpy.stack\(X\)"):
        as_numbers(np.array([None, *recordings[:1] * 2], dtype=object)[1:], "fit")
    assert as_numbers([[1, 2], [3, 4]], "fit") == [[1, 2], [3, 4]]


def test_sparse_rows_are_left_to_scikit_learn():
    for kind in (csr_array, dok_array):  # the latter is a dict
        X = kind(np.eye(2))
        assert as_numbers(X, "fit") is X


AS_GIVEN = [list, np.asarray, np.ma.array, lambda X: list(map(list, X))]


@pytest.mark.parametrize("as_given", AS_GIVEN)
def test_a_list_is_refused_as_an_array_is(as_given):
    with refuses("fit needs rows of real numbers; got complex128. Complex data not"):
        as_numbers(as_given(np.array([[1j, 2.0]])), "fit")
    with refuses(r"fit needs rows of numbers; got datetime64\[D\]. Convert them"):
        as_numbers(as_given(np.array([["2026-01-02"]], "M8[D]")), "fit")


def test_what_is_no_number_in_a_list_is_shown():
    with refuses(r"needs rows of numbers; got datetime.date\(2026, 1, 2\) in a list"):
        as_numbers([[1.0, date(2026, 1, 2)]], "fit")
    for rows in ([[1.0, None]], [["1", 2.0]]):
        assert as_numbers(rows, "fit") is rows


def test_a_frame_without_columns_is_refused():
    with refuses(r"fit needs one number or more in each row; got X of shape \(2, 0\)"):
        as_numbers(pd.DataFrame(index=[0, 1]), "fit")
