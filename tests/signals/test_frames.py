"""Frames: slices of segments that are copied when they are used, labels, groups."""

import pickle

import numpy as np
import pytest
from helpers import refuses
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
        ({"y": np.full((7, 100), np.nan)}, "a label everywhere; got 700 missing"),
        ({"y": np.array([*"abcdef", None])}, "a label everywhere; got 1 missing"),
        ({"y": np.array([*"abcdef", 1], object)}, r"of one type; got \['int', 'str'\]"),
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
