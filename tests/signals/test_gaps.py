"""Gaps: short ones are filled on a line, the others stay; all are counted."""

import numpy as np
import pandas as pd
import pytest
from helpers import refuses
from hypothesis import given
from hypothesis import strategies as st

from skaug.signals import fill_gaps

NAN = np.nan


def test_gaps_worked_by_hand():
    X = np.array(
        [
            [NAN, 1.0, NAN, NAN, 4.0, 5.0, NAN, 7.0, NAN],
            [0.0, NAN, NAN, NAN, 8.0, NAN, 2.0, 2.0, 2.0],
        ]
    )
    given = X.copy()
    filled = fill_gaps(X, limit=2)
    expected = [
        [NAN, 1, 2, 3, 4, 5, 6, 7, NAN],
        [0, NAN, NAN, NAN, 8, 5, 2, 2, 2],
    ]
    np.testing.assert_array_equal(filled.X, expected)
    assert filled.n_filled.tolist() == [3, 1] and filled.n_left.tolist() == [2, 3]
    np.testing.assert_array_equal(X, given)
    filled = fill_gaps(X, limit=3.0)
    np.testing.assert_array_equal(filled.X[1], [0, 2, 4, 6, 8, 5, 2, 2, 2])
    assert filled.n_left.tolist() == [2, 0]


@given(st.lists(st.booleans(), min_size=1, max_size=40), st.integers(1, 6))
def test_gaps_are_filled_as_pandas_fills_them(lost, limit):
    values = np.random.default_rng(0).normal(size=len(lost))
    values[lost] = NAN
    filled = fill_gaps(values[None], limit=limit, channels_last=False)
    missing = pd.Series(values).isna()
    run = (missing != missing.shift()).cumsum()
    short = missing & (missing.groupby(run).transform("size") <= limit)
    inside = pd.Series(values).interpolate(limit_area="inside")
    expected = pd.Series(values).where(~short, inside)
    np.testing.assert_allclose(filled.X[0], expected, atol=1e-12)
    assert filled.n_filled[0] == missing.sum() - expected.isna().sum()
    assert filled.n_left[0] == expected.isna().sum()


def test_a_line_is_filled_without_error():
    X = np.linspace([0, 1, 5], [7, 1, -9], 50, axis=1, dtype=np.float32)
    lost = X.copy()
    lost[0, 3:8] = lost[1, 20:22] = lost[2, 47:49] = NAN
    filled = fill_gaps(lost, limit=5)
    np.testing.assert_allclose(filled.X, X, rtol=1e-6, atol=1e-6)
    assert filled.X.dtype == np.float32 and filled.n_filled.tolist() == [5, 2, 2]


def test_what_comes_back_is_in_the_form_that_came(segments):
    segments[2, 1, 50] = NAN
    array = fill_gaps(segments, limit=1)
    assert array.X.shape == segments.shape and array.n_filled.shape == (7, 6)
    assert array.n_filled.sum() == array.n_filled[2, 1] == 1
    listed = fill_gaps([*segments], limit=1)
    np.testing.assert_array_equal(np.array(listed.X), array.X)
    one = fill_gaps(segments[2], limit=1)
    np.testing.assert_array_equal(one.X, array.X[2])
    np.testing.assert_array_equal(one.n_filled, array.n_filled[2])
    last = fill_gaps(segments[2].T, limit=1, channels_last=True)
    np.testing.assert_array_equal(last.X, one.X)
    # Nothing is copied where nothing is filled.
    assert np.shares_memory(listed.X[0], segments)
    unequal = fill_gaps([segments[2], segments[0, :, :30]], limit=1)
    assert [x.shape for x in unequal.X] == [(6, 100), (6, 30)]


def test_channels_of_nothing_and_infinite_neighbours_stay():
    X = np.array([[NAN] * 5, [1, np.inf, NAN, 3, 4]])
    filled = fill_gaps(X, limit=9)
    assert filled.n_left.tolist() == [5, 1] and filled.n_filled.tolist() == [0, 0]
    np.testing.assert_array_equal(filled.X, X)
    whole = fill_gaps(np.arange(8).reshape(1, 8), limit=1)
    assert whole.X.dtype == np.int64 and whole.n_left.tolist() == [0]


@pytest.mark.parametrize(
    ("X", "limit", "message"),
    [
        (np.zeros((2, 9)), 0, "limit to be a whole number >= 1; got 0. Multiply sec"),
        (np.zeros((2, 9)), 1.5, "limit to be a whole number >= 1; got 1.5"),
        (np.zeros(9), 1, r"a recording \(n_channels, n_times\), a list.*shape \(9,\)"),
        (np.zeros((90, 6)), 1, r"would be more channels than samples.*give X\.T, or"),
        ([np.zeros((2, 9)), np.zeros((3, 8))], 1, "the same channels.*such as .2, 3."),
    ],
)
def test_what_is_no_recording_is_refused(X, limit, message):
    with refuses("fill_gaps needs .*" + message):
        fill_gaps(X, limit=limit)
