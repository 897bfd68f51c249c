"""Resampling: sines at the new times, what the new rate cannot hold, gaps, labels."""

import numpy as np
import pytest
from helpers import refuses
from hypothesis import given
from hypothesis import strategies as st

from skaug.signals import frame_segments, resample

GRAVITY = 9.8


def sine(hz, times):
    return GRAVITY + np.sin(2 * np.pi * hz * times + 0.3)


RATES = [
    (100, 25),
    (100, 50),
    (50, 100),
    (100, 30),
    (64, 50),
    (51.2, 50),
    (98.7654, 20),
]


@pytest.mark.parametrize(("old", "new"), RATES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_sine_is_the_sine_at_the_new_times(old, new, dtype):
    hz = min(old, new) / 12
    X = sine(hz, np.arange(1000) / old)[None].astype(dtype)
    found = resample(X, sampling_rate=old, new_rate=new)
    times = np.arange(found.X.shape[1]) / new
    # The new samples end before or with the last old one.
    assert times[-1] <= 999 / old + 1e-9 and 999 / old - times[-1] < 1 / new
    error = np.abs(found.X[0] - sine(hz, times))
    assert error[20:-20].max() < 2e-3 and error.max() < 2e-2
    assert found.X.dtype == dtype and found.n_missing.tolist() == [[0]]
    assert found.sampling_rate == new and found.old_rate.tolist() == [old]


def test_what_the_new_rate_cannot_hold_is_taken_away():
    times = np.arange(2000) / 100
    X = np.stack([sine(2, times), sine(2, times) + np.sin(2 * np.pi * 31 * times)])
    found = resample(X, sampling_rate=100, new_rate=25).X[:, 20:-20]
    assert np.abs(found[0] - found[1]).max() < 5e-3
    # By leaving out samples, 31 Hz would look like 6.
    assert np.abs(X[0, ::4] - X[1, ::4]).max() > 0.9
    irregular = resample(X, time=times, new_rate=25).X[:, 20:-20]
    assert np.abs(irregular[0] - irregular[1]).max() < 5e-3


@pytest.mark.parametrize("new", [20, 50, 150])
def test_irregular_times_are_made_regular(new):
    rng = np.random.default_rng(0)
    times = (np.arange(3000) + rng.uniform(-0.3, 0.3, 3000)) / 100
    times -= times[0]
    found = resample(sine(1, times)[None], time=times + 1e6, new_rate=new)
    moments = np.arange(found.X.shape[1]) / new
    assert moments[-1] <= times[-1] < moments[-1] + 1 / new
    # A line between samples h apart is off by (2 pi f h)^2 / 8 at most.
    error = np.abs(found.X[0] - sine(1, moments))
    assert error[20:-20].max() < (2 * np.pi * 0.016) ** 2 / 8 + 1e-3
    assert found.old_rate == pytest.approx(100, rel=0.02)


def test_regular_times_give_what_the_rate_gives():
    X = np.random.default_rng(0).normal(size=(2, 400)).cumsum(axis=1)
    for new in (50, 25, 100):
        by_rate = resample(X, sampling_rate=100, new_rate=new)
        by_time = resample(X, time=np.arange(400) / 100, new_rate=new)
        np.testing.assert_allclose(by_time.X, by_rate.X, atol=1e-9)
    stamps = np.datetime64("2026-01-01") + np.arange(400) * np.timedelta64(10, "ms")
    by_stamp = resample(X, time=stamps, new_rate=50)
    expected = resample(X, sampling_rate=100, new_rate=50)
    np.testing.assert_allclose(by_stamp.X, expected.X, atol=1e-9)


def test_the_same_rate_changes_nothing():
    X = np.random.default_rng(0).normal(size=(3, 50))
    np.testing.assert_allclose(resample(X, sampling_rate=50, new_rate=50.0).X, X)


def test_long_doubles_are_resampled_as_doubles():
    X = sine(1, np.arange(100) / 50)[None]
    rates = {"sampling_rate": 50, "new_rate": 20}
    found = resample(X.astype(np.longdouble), **rates).X
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, resample(X, **rates).X)


def test_nan_stays_where_it_was():
    # New samples are at 0, 2.5, 5, 7.5, ... of the old ones.
    X = np.tile(np.linspace(0, 5, 31), (3, 1))
    X[0, [5, 12]] = X[1, :] = np.nan
    found = resample(X, sampling_rate=50, new_rate=20)
    is_nan = np.isnan(found.X)
    assert np.flatnonzero(is_nan[0]).tolist() == [2, 5]  # 5, and 12.5 beside 12
    assert is_nan[1].all() and not is_nan[2].any()
    assert found.n_missing.tolist() == [[2, 13, 0]]
    np.testing.assert_allclose(
        found.X[0][~is_nan[0]], found.X[2][~is_nan[0]], atol=0.02
    )
    by_time = resample(X, time=np.arange(31) / 50, new_rate=20)
    np.testing.assert_array_equal(np.isnan(by_time.X), is_nan)


def test_long_gaps_of_time_are_not_invented():
    # One, then six samples are lost; with a limit of 5 the six are a gap.
    times = np.delete(np.arange(100) / 10, [20, *range(50, 56)])
    found = resample(times[None], time=times, new_rate=10)
    assert np.flatnonzero(np.isnan(found.X[0])).tolist() == list(range(50, 56))
    there = ~np.isnan(found.X[0])
    np.testing.assert_allclose(found.X[0][there], (np.arange(100) / 10)[there])
    assert resample(times[None], time=times, new_rate=10, limit=6).n_missing == 0
    assert resample(times[None], time=times, new_rate=10, limit=0).n_missing == 7


@given(st.integers(2, 60), st.integers(1, 9), st.integers(1, 9))
def test_labels_are_those_of_the_nearest_moment(n, new, old):
    y = np.arange(n)
    found = resample(
        np.zeros((1, n)), y, sampling_rate=old, new_rate=new, channels_last=False
    )
    places = np.arange(found.X.shape[1]) * old / new
    expected = np.floor(places + 0.5 + 1e-9).clip(0, n - 1)
    np.testing.assert_array_equal(found.y, expected)
    by_time = resample(
        np.zeros((1, n)), y, time=y / old, new_rate=new, channels_last=False
    )
    assert np.abs(by_time.y - places).max() <= 0.5 + 1e-6


def test_labels_and_forms_of_what_comes_back(segments):
    words = np.array(["a", "b"])[np.arange(700).reshape(7, 100) // 50 % 2]
    options = {"sampling_rate": 100, "new_rate": 50}
    array = resample(segments, words, **options)
    assert array.X.shape == (7, 6, 50) and array.y.shape == (7, 50)
    np.testing.assert_array_equal(array.y, words[:, ::2])
    listed = resample([*segments], [*words], **options)
    np.testing.assert_array_equal(np.array(listed.X), array.X)
    np.testing.assert_array_equal(np.array(listed.y), array.y)
    one = resample(segments[0], words[0], **options)
    np.testing.assert_array_equal(one.X, array.X[0])
    np.testing.assert_array_equal(one.y, array.y[0])
    of_recordings = resample(segments, list("abababa"), **options)
    assert list(of_recordings.y) == list("abababa")
    last = resample(segments[0].T, channels_last=True, **options)
    np.testing.assert_array_equal(last.X, one.X)
    counts = resample(np.arange(100).reshape(1, 100), **options)
    assert counts.X.dtype == np.float64


def test_recordings_of_several_rates_come_to_one():
    X = [sine(2, np.arange(n) / rate)[None] for n, rate in ((400, 100), (300, 50))]
    y = [np.arange(400) // 100, np.arange(300) // 50]
    common = resample(X, y, sampling_rate=[100, 50], new_rate=25)
    assert [x.shape for x in common.X] == [(1, 100), (1, 150)]
    frames = frame_segments(common.X, common.y, frame_length=25)
    assert frames.y.tolist() == [0, 1, 2, 3, 0, 1, 2, 3, 4, 5]
    expected = sine(2, np.arange(150) / 25)
    assert np.abs(common.X[1][0] - expected).max() < 0.01


X = np.zeros((2, 50))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "sampling_rate or time; got neither"),
        ({"sampling_rate": 50, "time": np.arange(50)}, "or time; got both, 50 and"),
        ({"sampling_rate": 50, "new_rate": 0}, "new_rate to be a finite number > 0"),
        ({"sampling_rate": -1}, "sampling_rate to be a finite number > 0; got -1"),
        ({"sampling_rate": [50, 20]}, "one for each of 1 recordings; got 2"),
        ({"sampling_rate": 50, "limit": -1}, "limit to be a whole number >= 0; got -1"),
        ({"time": np.arange(50)[::-1]}, "that go on; got time that goes backwards"),
        ({"time": np.arange(50) // 9}, "that go on; got time that stands still"),
        ({"time": np.arange(49)}, r"for each of 50 samples of recording 0; .*\(49,\)"),
        ({"time": ["10:00"] * 50}, "numbers or datetimes; got .*10:00.*to_datetime"),
        ({"time": [np.nan] * 50}, "a time for every row; got 50 of 50 missing in time"),
        ({"X": [X, X], "time": [np.arange(50)]}, "for each of 2 recordings; got 1"),
        ({"X": np.zeros((2, 1)), "sampling_rate": 1}, "of 2 samples or more; got 1"),
        ({"X": X + np.inf, "sampling_rate": 1}, "finite or NaN; got 100 infinite"),
        (
            {"sampling_rate": 1e-3},
            "a factor of 10000 at most; got 0.001 and 20 samples",
        ),
        ({"sampling_rate": 1e9}, r"a factor of 10000 at most; got 1e\+09 and 20"),
        ({"X": X[None] * 1j, "sampling_rate": 1}, "of numbers; got complex128"),
        ({"X": X.T, "sampling_rate": 1}, r"more channels than samples.*give X\.T"),
        ({"y": np.zeros(49), "sampling_rate": 1}, r"y of shape .*; got \(49,\)"),
    ],
)
def test_what_does_not_match_is_refused(options, message):
    with refuses("resample needs .*" + message):
        resample(**{"X": X, "new_rate": 20, **options})
