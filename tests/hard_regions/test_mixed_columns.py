"""Columns of categories as numbers, and back."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from skaug.hard_regions.mixed_columns import MixedColumns


@pytest.fixture
def frame():
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "x": rng.normal(size=40),
            "colour": pd.Categorical(rng.choice(["red", "green", "blue"], 40)),
            "y": 5 * rng.normal(size=40),
            "kind": rng.choice(["a", "b"], 40),
        }
    )


def test_there_and_back(frame):
    columns = MixedColumns(frame, ["colour", "kind"])
    numbers = columns.transform(frame)
    assert numbers.shape == (40, 2 + 3 + 2)
    np.testing.assert_array_equal(numbers[:, :2], frame[["x", "y"]])
    table = columns.inverse_transform(numbers)
    assert (table == frame.to_numpy(dtype=object)).all()


def test_another_category_is_as_far_as_the_typical_deviation(frame):
    columns = MixedColumns(frame, ["colour", "kind"])
    typical = np.median(frame[["x", "y"]].to_numpy().std(axis=0))
    one = frame.iloc[[0]].assign(colour="red", kind="a")
    for changes, distance in [
        ({"colour": "blue"}, typical),
        ({"colour": "green"}, typical),
        ({"colour": "blue", "kind": "b"}, np.sqrt(2) * typical),
    ]:
        both = pd.concat([one, one.assign(**changes)])
        first, second = columns.transform(both)
        np.testing.assert_allclose(np.linalg.norm(first - second), distance)


def test_the_largest_column_of_each_gives_the_category(frame):
    columns = MixedColumns(frame, [1, 3])  # blue, green, red; a, b
    table = columns.inverse_transform([[1.5, -2.0, 0.1, 0.5, 0.4, -1.0, 0.0]])
    assert table.tolist() == [[1.5, "green", -2.0, "b"]]


@pytest.mark.parametrize(
    "given",
    [["colour", "kind"], [1, 3], np.array([3, 1]), [False, True, False, True]],
)
def test_columns_by_name_number_or_mask(frame, given):
    assert MixedColumns(frame, given).categorical.tolist() == [1, 3]
    one = MixedColumns(frame.drop(columns="kind"), "colour")
    assert one.categorical.tolist() == [1]
    if "kind" not in given:
        assert MixedColumns(frame.to_numpy(), given).categorical.tolist() == [1, 3]


def test_auto_takes_columns_of_a_categorical_dtype(frame):
    assert MixedColumns(frame.drop(columns="kind"), "auto").categorical.tolist() == [1]
    of_polars = pl.DataFrame(
        {"x": frame["x"].to_numpy(), "kind": frame["kind"].tolist()},
        schema_overrides={"kind": pl.Enum(["a", "b"])},
    )
    assert MixedColumns(of_polars, "auto").categorical.tolist() == [1]


def test_without_numbers_categories_count_alike():
    X = np.array([["a", "u"], ["b", "v"]])
    columns = MixedColumns(X, [0, 1])
    assert columns.scale == 1 / np.sqrt(2)
    assert (columns.inverse_transform(columns.transform(X)) == X).all()
    constant = MixedColumns([[1.0, "a"], [1.0, "b"]], [1])
    assert constant.scale == 1 / np.sqrt(2)


@pytest.mark.parametrize(
    "given, message",
    [
        (["size"], r"columns of X, by name, by number from 0 to 3 .* got \['size'\]"),
        ([4], r"got \[4\]"),
        ([-1], r"got \[-1\]"),
        ([True, False], r"got \[True, False\]"),
        ([1.5], r"got \[1.5\]"),
        (["colour"], "numbers in the columns .* could not convert string to float: '"),
    ],
)
def test_messages(frame, given, message):
    with pytest.raises(ValueError, match=message):
        MixedColumns(frame, given)


def test_whole_numbers_are_places_whatever_the_names_are(frame):
    frame.columns = [1, 0, 3, 2]
    assert MixedColumns(frame, [1, 3]).categorical.tolist() == [1, 3]


def test_missing_values_of_pandas_are_a_category_of_their_own(frame):
    frame["kind"] = frame["kind"].astype("string")
    frame.loc[:4, "kind"] = pd.NA
    columns = MixedColumns(frame, [1, 3])
    table = columns.inverse_transform(columns.transform(frame))
    assert [one is None for one in table[:, 3]] == frame["kind"].isna().tolist()


def test_messages_about_rows(frame):
    columns = MixedColumns(frame, [1, 3])
    other = frame.assign(kind="c")
    with pytest.raises(ValueError, match=r"that were there in fit; .*\['c'\].* Leave"):
        columns.transform(other)
    with pytest.raises(ValueError, match="Input X contains NaN"):
        MixedColumns(frame.assign(x=np.nan), [1, 3])
    with pytest.raises(ValueError, match=r"table of two axes .* shape \(3,\)"):
        MixedColumns(np.arange(3), [0])


def test_auto_needs_a_frame(frame):
    with pytest.raises(ValueError, match=r"a frame for .*'auto'; got a ndarray. Give"):
        MixedColumns(frame.to_numpy(), "auto")
