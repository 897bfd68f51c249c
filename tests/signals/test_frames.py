"""Frames: slices of segments that are copied when they are used, labels, groups."""

import pickle

import numpy as np
import pandas as pd
import pytest
from helpers import refuses
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import mode
from shl_folder import frames_by_slicing
from sklearn.model_selection import train_test_split

from skaug.signals import Frames, frame_segments


@pytest.mark.parametrize(("length", "step"), [(10, 10), (10, 5), (33, 7), (100, 1)])
def test_frames_are_slices_of_segments(segments, length, step):
    frames = frame_segments(segments, frame_length=length, frame_step=step)
    expected = frames_by_slicing(segments, length, step)
    assert frames.X.shape == expected.shape and frames.X.dtype == np.float32
    np.testing.assert_array_equal(np.asarray(frames.X), expected)
    per_segment = len(expected) // 7
    np.testing.assert_array_equal(frames.groups, np.repeat(np.arange(7), per_segment))


def test_frames_are_indexed_as_an_array(segments):
    frames = Frames(segments, 20, 10)
    array = frames_by_slicing(segments, 20, 10)
    mask = np.arange(len(array)) % 3 == 0
    for key in [
        slice(5, 40, 2),
        [3, 3, -1],
        mask,
        np.arange(0),
        slice(None, None, -1),
        [],
        range(4, 9),
        mask.tolist(),
    ]:
        assert isinstance(frames[key], Frames) and isinstance(frames[key, ...], Frames)
        np.testing.assert_array_equal(np.asarray(frames[key]), array[key])
        np.testing.assert_array_equal(np.asarray(frames[key, ...]), array[key])
    np.testing.assert_array_equal(frames[::2][3], array[6])
    for key in [
        7,
        -1,
        (7, slice(None), slice(3, 5)),
        (slice(10, 20), 2),
        (),
        None,
        True,
        (..., 0),
        ([0, 1], [0, 1]),
        ([1, 2], slice(None), [3, 4]),
        ([0, -1], 2),
        (slice(None), np.array([0, 1])),
        np.array([[1, 2], [3, 4]]),
        (mask, 0),
    ]:
        np.testing.assert_array_equal(frames[key], array[key])
    assert [len(frame) for frame in frames[:3]] == [6, 6, 6]
    with pytest.raises(IndexError):
        frames[len(array)]
    with pytest.raises(IndexError):
        frames[mask[:-1]]


def test_frames_copy_nothing_before_they_are_used(segments):
    frames = Frames(segments, 20, 10)[5:30]
    segments[:] = 1
    assert (np.asarray(frames) == 1).all()
    copy = np.asarray(frames)
    copy[:] = 2
    assert (segments == 1).all()
    if np.lib.NumpyVersion(np.__version__) >= "2.0.0":
        with refuses("needs to copy samples"):
            np.array(frames, copy=False)


def test_frames_are_pickled_split_and_shown(segments):
    frames = Frames(segments, 20, 10)
    back = pickle.loads(pickle.dumps(frames[4:9]))
    np.testing.assert_array_equal(np.asarray(back), np.asarray(frames)[4:9])
    train, test = train_test_split(frames, random_state=0)
    assert isinstance(train, Frames) and len(train) + len(test) == len(frames)
    assert repr(frames) == "Frames of shape (63, 6, 20), 10 samples apart, float32"


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, str, object])
def test_labels_are_the_most_frequent_of_a_frame(segments, dtype):
    codes = np.random.default_rng(0).integers(0, 4, size=(7, 100)).cumsum(1) // 40 % 3
    words = dtype in (str, object)
    labels = np.array(["bike", "run", "walk"] if words else range(3)).astype(dtype)
    frames = frame_segments(segments, labels[codes], frame_length=16, frame_step=3)
    windows = frames_by_slicing(codes[:, None], 16, 3)[:, 0]
    expected, count = mode(windows, axis=1)  # the smallest of equally frequent ones
    np.testing.assert_array_equal(frames.y, labels[expected])
    np.testing.assert_allclose(frames.purity, count / 16)
    assert frames.y.dtype.kind == labels.dtype.kind


def test_labels_of_many_segments():
    y = np.repeat(np.arange(600) % 5, 20).reshape(600, 20)
    frames = frame_segments(np.zeros((600, 1, 20)), y, frame_length=10)
    np.testing.assert_array_equal(frames.y, np.repeat(np.arange(600) % 5, 2))


def test_labels_and_groups_of_segments(segments):
    y, groups = np.array(list("abcabca")), np.arange(7) // 2
    frames = frame_segments(segments, y, groups, frame_length=50, frame_step=25)
    np.testing.assert_array_equal(frames.y, np.repeat(y, 3))
    np.testing.assert_array_equal(frames.groups, np.repeat(groups, 3))
    assert (frames.purity == 1).all()
    assert frame_segments(segments, frame_length=50).y is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"X": np.zeros((6, 100))}, r"\(n_segments, n_channels, n_times\); got \(6, 1"),
        ({"X": np.zeros((0, 3, 100))}, r"n_times\); got \(0, 3, 100\)"),
        ({"y": np.full((7, 100), np.nan)}, "a label for every row; got 700 of 700"),
        ({"y": np.array([*"abcdef", None])}, "a label for every row; got 1 of 7"),
        ({"y": np.array([*"abcdef", 1], object)}, r"of one type; got \['int', 'str'\]"),
        ({"X": np.zeros(100)}, r"got \(100,\)\. .* of one channel is X\[None, None\]"),
        ({"X": np.zeros((100, 6))}, r"\(n_times, n_channels\) is X\.T\[None\]"),
        ({"X": np.zeros((6, 100))}, r"\(n_channels, n_times\) is X\[None\]"),
        (
            {"X": np.zeros((7, 100, 6))},
            r"give X\.transpose\(0, 2, 1\), or set",
        ),
        ({"X": []}, "a recording; got an empty list"),
        (
            {"X": [np.zeros(100)]},
            r"of shape \(100,\) as recording 0. One ch",
        ),
        ({"X": np.zeros((7, 3, 90), complex)}, "segments of numbers; got complex128"),
        ({"X": [np.full((3, 9), "x")]}, "recordings of numbers.*<U1 of shape"),
        ({"X": [np.zeros((3, 90)), np.zeros((4, 50))]}, "the same channels.*3, 4"),
        ({"X": [np.zeros((90, 3)), np.zeros((50, 3))]}, r"\[x\.T for x in X\]"),
        ({"X": [np.zeros((90, 3))]}, r"\(90, 3\), which would be.*give X\.T"),
        (
            {"X": [np.zeros((3, 9)), np.zeros((3, 5))]},
            "<= 9, the samples of the lon",
        ),
        ({"y": [np.zeros(100)] * 6}, r"or \(7, 100\).*; got a list of 6 arrays"),
        ({"y": [np.zeros(100)] * 6 + [np.zeros(99)]}, r"got \(99,\) for 100 samples"),
        ({"missing": "fill"}, "missing to be 'raise', 'keep' or 'drop'; got 'fill'"),
        ({"groups": [*"abcdef", None]}, "a group for every row; got 1 of 7 missing"),
        ({"frame_length": 101}, "frame_length <= 100, the samples of a segment; got"),
        ({"frame_length": 2.5}, "frame_length to be a whole number >= 1; got 2.5"),
        ({"frame_step": 0}, "frame_step to be a whole number >= 1; got 0"),
        ({"y": np.zeros(6)}, r"y of shape \(7,\) or \(7, 100\).*; got \(6,\)"),
        ({"groups": np.zeros(8)}, r"a group for each of 7 segments; got shape \(8,\)"),
    ],
)
def test_what_does_not_match_is_refused(segments, change, message):
    with refuses(message):
        frame_segments(**{"X": segments, "frame_length": 10, **change})


def unequal(lengths, n_channels=3, seed=0):
    """Recordings of noise, and a label for each moment."""
    rng = np.random.default_rng(seed)
    X = [rng.normal(size=(n_channels, n)).astype(np.float32) for n in lengths]
    return X, [rng.integers(0, 3, n).cumsum() // 20 % 3 for n in lengths]


@given(
    st.lists(st.integers(1, 60), min_size=1, max_size=8),
    st.integers(1, 20),
    st.integers(1, 25),
)
def test_frames_of_unequal_recordings_are_their_slices(lengths, length, step):
    X, y = unequal(lengths)
    if max(lengths) < length:
        with refuses(f"<= {max(lengths)}, the samples of the longest segment"):
            frame_segments(X, channels_last=False, frame_length=length)
        return
    found = frame_segments(
        X, y, frame_length=length, frame_step=step, channels_last=False
    )
    places = [
        (i, start)
        for i, n in enumerate(lengths)
        for start in range(0, n - length + 1, step)
    ]
    expected = np.array([X[i][:, k : k + length] for i, k in places])
    np.testing.assert_array_equal(np.asarray(found.X), expected)
    np.testing.assert_array_equal(found.segment, [i for i, _ in places])
    for label, purity, (i, k) in zip(found.y, found.purity, places):
        values, counts = np.unique(y[i][k : k + length], return_counts=True)
        assert label == values[counts.argmax()] and purity == counts.max() / length
    ends = {i: k + length for i, k in places}
    assert found.n_short == len(lengths) - len(ends)
    assert found.n_unused == sum(lengths) - sum(ends.values())


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16])
def test_a_list_of_equal_lengths_is_the_array(segments, dtype):
    segments = (100 * segments).astype(dtype)
    y = np.arange(700).reshape(7, 100) // 30 % 4
    for labels in (None, np.array(list("abcabca")), y):
        of_array = frame_segments(segments, labels, frame_length=16, frame_step=5)
        of_list = frame_segments([*segments], labels, frame_length=16, frame_step=5)
        assert isinstance(of_list.X.segments, list)
        a, b = np.asarray(of_array.X), np.asarray(of_list.X)
        assert a.tobytes() == b.tobytes() and a.dtype == b.dtype == of_list.X.dtype
        for name in ("y", "purity", "groups", "segment", "missing"):
            np.testing.assert_array_equal(of_array[name], of_list[name])
        for key in (3, [5, 2, 2], slice(None, None, -7)):
            np.testing.assert_array_equal(of_array.X[key], of_list.X[key])


def test_unequal_recordings_are_not_copied():
    X, _ = unequal([100, 7, 40])
    frames = frame_segments(X, frame_length=20).X
    assert all(np.shares_memory(a, b) for a, b in zip(frames.segments, X, strict=True))
    assert repr(frames) == "Frames of shape (7, 3, 20), 20 samples apart, float32"
    back = pickle.loads(pickle.dumps(frames[2:]))
    np.testing.assert_array_equal(np.asarray(back), np.asarray(frames)[2:])
    objects = np.empty(3, object)
    objects[:] = X
    of_objects = frame_segments(objects, frame_length=20).X
    np.testing.assert_array_equal(np.asarray(of_objects), np.asarray(frames))


def test_labels_and_groups_of_unequal_recordings():
    X, y = unequal([50, 9, 30])
    found = frame_segments(X, ["run", "sit", "run"], ["b", "c", "a"], frame_length=10)
    assert found.y.tolist() == ["run"] * 8
    assert found.groups.tolist() == ["b"] * 5 + ["a"] * 3
    assert (found.n_short, found.n_unused) == (1, 9)
    words = [np.array(["x", "yy", "zzz"])[labels] for labels in y]
    found = frame_segments(X, words, frame_length=10)
    assert set(found.y) <= {"x", "yy", "zzz"}
    with refuses("labels of one type"):
        frame_segments(X, [words[0], y[1], y[2]], frame_length=10)


def test_whole_floats_are_numbers_of_samples(segments):
    found = frame_segments(segments, frame_length=20.0, frame_step=np.float32(10))
    assert found.X.shape == (63, 6, 20) and isinstance(found.X.frame_length, int)
    with refuses("frame_length to be a whole number >= 1; got 512.5. Multiply seconds"):
        frame_segments(segments, frame_length=512.5)


def test_the_advice_on_axes_leads_to_the_same_frames(segments):
    expected = np.asarray(frame_segments(segments, frame_length=20).X)
    swapped, one = segments.transpose(0, 2, 1), segments[0].T
    for X, options in [
        (swapped.transpose(0, 2, 1), {}),
        (swapped, {"channels_last": True}),
        ([x.T for x in swapped], {}),
        ([*swapped], {"channels_last": True}),
    ]:
        found = frame_segments(X, frame_length=20, **options).X
        np.testing.assert_array_equal(np.asarray(found), expected)
    for X, options in [
        (one.T[None], {}),
        ([one.T], {}),
        ([one], {"channels_last": True}),
        ([pd.DataFrame(one)], {"channels_last": True}),
    ]:
        found = frame_segments(X, frame_length=20, **options).X
        np.testing.assert_array_equal(np.asarray(found), expected[:5])
    meant = frame_segments(swapped, frame_length=3, channels_last=False)
    assert meant.X.shape == (14, 100, 3)
    # Recordings of unequal length tell by it which axis is time.
    short = [np.zeros((9, 3)), np.zeros((9, 40))]
    assert frame_segments(short, frame_length=2).X.shape == (21, 9, 2)
    with refuses("A table goes to frames_from_table"):
        frame_segments(pd.DataFrame(one), frame_length=20)


@pytest.mark.parametrize("as_list", [False, True])
def test_frames_with_nan_are_refused_kept_or_left_out(segments, as_list):
    # Frames of segment 1 begin at 0, 10, ..., 80; NaN is at 25 and at 99.
    segments[1, 2, 25] = segments[1, 0, 99] = segments[4, :, 0] = np.nan
    X, y = [*segments] if as_list else segments, np.arange(7)
    options = {"frame_length": 20, "frame_step": 10}
    with refuses("samples without gaps; got NaN in 4 of 63 frames. Fill short gaps by"):
        frame_segments(X, y, **options)
    kept = frame_segments(X, y, missing="keep", **options)
    expected = np.isnan(frames_by_slicing(segments, 20, 10)).any(axis=(1, 2))
    np.testing.assert_array_equal(kept.missing, expected)
    assert np.flatnonzero(kept.missing).tolist() == [10, 11, 17, 36]
    left = frame_segments(X, y, missing="drop", **options)
    assert kept.n_missing == left.n_missing == 4 and len(left.X) == 59
    np.testing.assert_array_equal(np.asarray(left.X), np.asarray(kept.X)[~expected])
    np.testing.assert_array_equal(left.y, kept.y[~expected])
    assert np.isfinite(np.asarray(left.X)).all() and not left.missing.any()
    segments[:] = np.nan
    with refuses("a frame without NaN; got NaN in all 63"):
        frame_segments(X, missing="drop", **options)


def test_infinite_samples_are_not_missing(segments):
    segments[0, 0, :2] = np.inf, -np.inf  # their sum is NaN
    assert frame_segments(segments, frame_length=50).n_missing == 0


def test_what_is_masked_is_missing():
    X = np.ma.masked_equal(np.arange(40).reshape(2, 1, 20), 27)
    for recordings in (X, [*X]):
        found = frame_segments(recordings, frame_length=5, missing="keep")
        assert np.flatnonzero(found.missing).tolist() == [5]
        assert np.isnan(np.asarray(found.X)).sum() == 1
