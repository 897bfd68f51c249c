"""Long tables: where recordings are cut, and frames as of the recordings by hand."""

from datetime import datetime, timedelta, timezone

import numpy as np
import pandas as pd
import polars as pl
import pytest
from helpers import refuses
from hypothesis import given
from hypothesis import strategies as st

from skaug.signals import frame_segments, frames_from_table, recordings_from_table

NAMES = ["x", "y", "what", "who", "s"]


def by_hand():
    """Ten rows of Bob and six of Ann at 10 Hz: what is cut is seen from s."""
    seconds = [0, 0.1, 0.2, 0.3, 0.9, 1.0, 1.1, 0.5, 0.6, 0.7]  # a jump, and back
    seconds += [5, 5.1, 5.2, 5.3, 5.4, 5.5]
    return pd.DataFrame(
        {
            "x": np.arange(16.0),
            "y": -np.arange(16.0),
            "what": ["sit"] * 6 + ["run"] * 7 + ["sit"] * 3,
            "who": ["Bob"] * 10 + ["Ann"] * 6,
            "s": seconds,
        }
    )


KINDS = {
    "pandas": lambda table: table,
    "nullable": lambda table: table.convert_dtypes(),
    "category": lambda table: table.astype({"what": "category", "who": "category"}),
    "polars": lambda table: pl.DataFrame(table.to_dict("list")),
    "dict of lists": lambda table: table.to_dict("list"),
    "dict of arrays": lambda table: {name: table[name].to_numpy() for name in table},
    "structured": lambda table: np.array(
        [tuple(row) for row in table.to_numpy()],
        [("x", "f8"), ("y", "f8"), ("what", "U4"), ("who", "U4"), ("s", "f8")],
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_cuts_worked_by_hand(kind):
    table = KINDS[kind](by_hand())
    columns = ["x", "y"], "what", "who"
    found = recordings_from_table(table, *columns, time="s", cut_at_labels=False)
    assert found.cuts == {"group": 1, "time": 2, "label": 0}
    assert found.first_row.tolist() == [0, 4, 7, 10]
    assert found.groups.tolist() == ["Bob", "Bob", "Bob", "Ann"]
    assert found.sampling_rate == pytest.approx(10)
    assert found.channels == ["x", "y"]
    np.testing.assert_array_equal(found.X[1], [[4, 5, 6], [-4, -5, -6]])
    assert [labels.tolist() for labels in found.y[1:3]] == [
        ["sit", "sit", "run"],
        ["run"] * 3,
    ]
    np.testing.assert_allclose(found.times[1], [0.9, 1.0, 1.1])
    cut = recordings_from_table(table, ["x"], "what", "who", time="s")
    assert cut.cuts == {"group": 1, "time": 2, "label": 2}
    assert cut.first_row.tolist() == [0, 4, 6, 7, 10, 13]
    assert all(len(set(labels)) == 1 for labels in cut.y)
    assert cut.X[0].dtype == np.float64


def test_without_time_only_the_person_cuts():
    columns = ["x"], "what", "who"
    found = recordings_from_table(by_hand(), *columns, rate=10, cut_at_labels=False)
    assert found.first_row.tolist() == [0, 10] and found.times is None
    assert found.cuts == {"group": 1, "time": 0, "label": 0}
    assert found.sampling_rate == 10
    alone = recordings_from_table(by_hand(), "x")
    assert len(alone.X) == 1 and alone.y is None and alone.sampling_rate is None
    assert alone.groups.tolist() == [0]


def test_steps_up_to_the_jump_do_not_cut():
    found = recordings_from_table(by_hand(), ["x"], None, "who", time="s", jump=6.5)
    assert found.first_row.tolist() == [0, 7, 10]
    # A rate that is given is the measure, not the median.
    table = {"x": np.zeros(4), "s": [0, 1, 2.2, 4.2]}
    steps = [
        len(recordings_from_table(table, ["x"], time="s", rate=rate).X)
        for rate in (0.6, 1, 1.3)
    ]
    assert steps == [1, 2, 3]


def test_persons_who_alternate_are_told_apart_where_there_is_time():
    table = by_hand()
    order = np.random.default_rng(0).permutation(16)
    shuffled = table.iloc[np.sort(order[:8]).tolist() + np.sort(order[8:]).tolist()]
    together = pd.concat([table.iloc[:4], table.iloc[10:]])  # no backward steps
    mixed = together.iloc[[4, 0, 5, 1, 6, 2, 7, 3, 8, 9]]
    columns = ["x"], "what", "who"
    found = recordings_from_table(mixed, *columns, time="s", cut_at_labels=False)
    assert found.groups.tolist() == ["Ann", "Bob"]  # in the order of occurrence
    np.testing.assert_array_equal(found.X[0][0], np.arange(10.0, 16))
    np.testing.assert_array_equal(found.X[1][0], np.arange(4.0))
    assert found.first_row.tolist() == [0, 1]
    assert found.y[0].tolist() == ["run"] * 3 + ["sit"] * 3
    with refuses("got 9 of 2 rows at most, cut at changes: 8 of group.*Sort rows by"):
        frames_from_table(mixed, *columns, frame_length=4, cut_at_labels=False)
    assert sum(map(len, recordings_from_table(shuffled, ["x"], "what", "who").y)) == 16


def datetimes(seconds):
    return np.datetime64("2026-11-29T10:00") + (1e6 * seconds).astype("timedelta64[us]")


TIMES = {
    "datetimes": datetimes,
    "with a zone": lambda s: pd.Series(datetimes(s)).dt.tz_localize("Europe/Berlin"),
    "of Python": lambda s: [
        datetime(2026, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=x)
        for x in s.tolist()
    ],
    "polars": lambda s: pl.Series(datetimes(s)),
    "differences": lambda s: (1e9 * s).astype("timedelta64[ns]"),
    "nanoseconds since 1970": lambda s: (
        1_700_000_000_000_000_000 + np.round(1e9 * s).astype(np.int64)
    ),
    "unsigned milliseconds": lambda s: np.round(1e3 * s).astype(np.uint64) + 7,
    "objects": lambda s: s.astype(object),
    "nullable": lambda s: pd.array(np.round(1e9 * s) + 2**60, "Int64"),
    "polars with a zone": lambda s: pl.Series(datetimes(s)).dt.replace_time_zone("UTC"),
}


@pytest.mark.parametrize("kind", TIMES)
def test_times_of_any_kind_cut_alike(kind):
    table = by_hand().to_dict("list")
    table["s"] = TIMES[kind](np.array(table["s"]))
    found = recordings_from_table(table, ["x"], None, "who", time="s")
    assert found.first_row.tolist() == [0, 4, 7, 10]
    units = {"nanoseconds since 1970": 1e9, "unsigned milliseconds": 1e3}
    units["nullable"] = 1e9
    assert found.sampling_rate == pytest.approx(10 / units.get(kind, 1))


def test_the_rate_of_datetimes_is_exact():
    stamps = np.datetime64("2026-01-01") + np.arange(10**5) * np.timedelta64(10, "ms")
    table = {"x": np.zeros(10**5), "s": stamps}
    assert recordings_from_table(table, ["x"], time="s").sampling_rate == 100


@given(st.integers(0, 2**32 - 1), st.booleans(), st.integers(3, 9), st.integers(1, 9))
def test_frames_are_those_of_the_recordings(seed, cut_at_labels, length, step):
    rng = np.random.default_rng(seed)
    n = 80
    table = {
        "x": rng.normal(size=n),
        "y": rng.normal(size=n).astype(np.float32),
        "what": rng.choice(["a", "b"], n // 8).repeat(8),
        "who": np.sort(rng.integers(0, 3, n)),
        "s": np.cumsum(rng.choice([1, 1, 1, 1, 1, 1, 1, 1, 2, -1], n)),
    }
    columns = ["x", "y"], "what", "who"
    options = {"time": "s", "cut_at_labels": cut_at_labels}
    pieces = recordings_from_table(table, *columns, **options)
    if max(map(len, pieces.y)) < length:
        return
    found = frames_from_table(
        table, *columns, **options, frame_length=length, frame_step=step
    )
    same = frame_segments(
        pieces.X,
        pieces.y,
        pieces.groups,
        frame_length=length,
        frame_step=step,
        channels_last=False,
    )
    np.testing.assert_array_equal(np.asarray(found.X), np.asarray(same.X))
    for name in ("y", "purity", "groups", "segment", "n_short", "n_unused"):
        np.testing.assert_array_equal(found[name], same[name])
    if cut_at_labels:
        assert (found.purity == 1).all()
    record = pd.DataFrame(found.recordings)
    assert record.n_samples.sum() == n and record.n_frames.sum() == len(found.X)
    assert (record.n_frames == 0).sum() == found.n_short
    covered = (record.n_frames - 1) * step + length
    unused = record.n_samples - covered.where(record.n_frames > 0, 0)
    assert unused.sum() == found.n_unused
    # Each frame has rows that follow each other, of one person.
    x = np.asarray(found.X)[:, 0]
    for frame, i in zip(x, found.segment):
        row = int(np.flatnonzero(table["x"] == frame[0])[0])
        np.testing.assert_array_equal(frame, table["x"][row : row + length])
        assert set(table["who"][row : row + length]) == {record.groups[i]}
        assert (np.diff(table["s"][row : row + length]) == 1).all()


def test_labels_are_those_of_most_rows_and_the_first_of_ties():
    table = {"x": np.arange(8.0), "what": [*"bbaabbba"]}
    across = {"cut_at_labels": False}
    found = frames_from_table(table, ["x"], "what", frame_length=4, **across)
    assert found.y.tolist() == ["a", "b"]
    assert found.purity.tolist() == [0.5, 0.75]
    numbers = {"x": np.arange(8.0), "what": [3, 3, 3, 10, 10, 10, 10, 10]}
    found = frames_from_table(numbers, ["x"], "what", frame_length=4.0, **across)
    assert found.y.tolist() == [3, 10] and found.y.dtype.kind == "i"


def test_missing_numbers_are_nan():
    table = by_hand()
    table.loc[[1, 12], "x"] = np.nan
    kinds = [table, table.convert_dtypes(), KINDS["polars"](table)]
    for frame in [*kinds, pl.DataFrame({"x": [1.0, None] * 8})]:
        found = frames_from_table(frame, ["x"], frame_length=4, missing="keep")
        assert found.n_missing in (2, 4)
    with refuses("got NaN in 2 of 4 frames"):
        frames_from_table(table, ["x"], frame_length=4)
    table = {"x": [1, None, 3, 4], "i": pd.array([1, 2, None, 4], "Int64")}
    names = pd.Index(["x", "i"])
    found = frames_from_table(table, names, frame_length=4, missing="keep")
    np.testing.assert_array_equal(found.X[0], [[1, np.nan, 3, 4], [1, 2, np.nan, 4]])


MISSING = {
    "in whole numbers": pd.array([5, None, 7, None], "Int64"),
    "masked": np.ma.array([5, 6, 7, 8], mask=[0, 1, 0, 1]),
    "in days": np.array(["2026-01-01", "NaT", "2026-01-02", "NaT"], "M8[D]"),
}


@pytest.mark.parametrize("kind", MISSING)
def test_rows_without_a_person_are_counted(kind):
    table = {"x": np.zeros(4), "who": MISSING[kind]}
    with refuses("a group for every row; got 2 of 4 missing.*, the first in row 1"):
        recordings_from_table(table, ["x"], None, "who")


def test_small_numbers_stay_small():
    table = {"x": np.zeros(9, np.int16), "y": np.zeros(9, np.float32)}
    assert recordings_from_table(table, ["x", "y"]).X[0].dtype == np.float32


def test_an_array_of_float64_is_cut_into_views():
    found = recordings_from_table(by_hand(), ["x", "y"], None, "who", time="s")
    assert all(piece.base is found.X[0].base for piece in found.X)


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({}, {"channels": ["x", "z"]}, r"the columns \['z'\]; got a table of 'x', 'y'"),
        ({}, {"time": "t", "label": "l"}, r"the columns \['l', 't'\]; got"),
        (
            {},
            {"groups": np.zeros(16)},
            "groups to be the name of a column; got nd",
        ),
        ({}, {"label": ["what"]}, "label to be the name of a column; got list"),
        (
            {},
            {"frame": {"x": np.zeros((4, 2)), "y": [1] * 4}},
            r"got shape \(4, 2\)",
        ),
        ({}, {"channels": None}, r"channels, each of them once; got \[\]"),
        ({}, {"channels": []}, r"channels, each of them once; got \[\]"),
        ({}, {"channels": 1.5}, r"channels, each of them once; got \[\]"),
        ({}, {"channels": [["x"]]}, r"channels, each of them once; got \[\['x'\]\]"),
        ({}, {"channels": ["x", "x"]}, r"each of them once; got \['x', 'x'\]"),
        ({}, {"channels": ["x", "s"]}, r"got \['s'\] among the channels"),
        ({"x": ["0.5;"] * 16}, {}, "of numbers; got column 'x' .*'0.5;' in it. Con"),
        (
            {"x": ["1", "2", "?", "4"] * 4},
            {},
            "'x' .*Most others are numbers.*to_numer",
        ),
        ({"x": ["0,5"] * 16}, {}, "column 'x' .*'0,5' in it. That is a decimal comma"),
        ({"x": pd.Timestamp("2026-01-01")}, {}, "'x' of times, datetime64.*Leave it"),
        (
            {"what": ["a", None] * 8},
            {},
            "label for every row; got 8 of 16 missing in",
        ),
        ({"what": [1.0, np.nan] * 8}, {}, "every row; got 8 of 16 missing in column"),
        ({"who": ["a", pd.NA] * 8}, {}, "group for every row; got 8 of 16 missing in"),
        ({"what": ["a", 1] * 8}, {}, r"labels of one type; got \['int', 'str'\]"),
        ({"s": [0.1, np.nan] * 8}, {}, "time for every row; got 8 of 16 missing"),
        ({"s": ["10:00:01"] * 16}, {}, "got '10:00:01' in column 's'.*to_datetime"),
        (
            {"s": 7 * np.arange(16) % 16},
            {},
            "in the order of time; got .* backwards.*sort_val",
        ),
        ({"s": np.arange(16) // 4}, {}, "tell rows apart; got the same time in most"),
        ({}, {"rate": 100}, "in seconds, 0.01 from row to row at rate=100; got a med"),
        ({}, {"rate": 0}, "rate to be a finite number > 0 or None; got 0"),
        ({}, {"jump": 1}, "jump to be a finite number > 1; got 1"),
        ({"s": pd.array([1, None] * 8, "Int64")}, {}, "got 8 of 16 missing in column"),
        ({}, {"cut_at_labels": "yes"}, "cut_at_labels to be True or False; got 'yes'"),
        ({}, {"frame_length": 2.5}, "frame_length to be a whole number >= 1; got 2.5"),
        ({}, {"frame_length": 7}, "frame_length=7 rows or more; got 6 of 4 rows at m"),
        ({}, {"frame": np.zeros((5, 2))}, "names of columns; got ndarray"),
        ({}, {"frame": {"x": [1], "y": []}}, "of the same length.*'x': 1, 'y': 0"),
        ({}, {"frame": pl.LazyFrame({"x": [1]})}, r"got a LazyFrame.*collect\(\)"),
    ],
)
def test_what_is_wrong_is_named(change, options, message):
    options = {
        "frame": by_hand().assign(**change),
        "channels": ["x", "y"],
        "label": "what",
        "groups": "who",
        "time": "s",
        "frame_length": 3,
        **options,
    }
    if not isinstance(options["frame"], pd.DataFrame):
        options.update(label=None, groups=None, time=None)
    with refuses("frames_from_table needs .*" + message, (ValueError, TypeError)):
        frames_from_table(**options)


def test_an_index_is_no_column():
    with refuses(r"the columns \['who'\].*Give frame.reset_index\(\)"):
        recordings_from_table(by_hand().set_index("who"), ["x"], None, "who")
    doubled = pd.concat([by_hand(), by_hand()[["x"]]], axis=1)
    with refuses(r"got several \['x'\]"):
        recordings_from_table(doubled, ["x"])
