"""Frames: pieces of recordings, which may overlap, each with a label and a group."""

from numbers import Integral

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from sklearn.utils import Bunch

from skaug._axes import channels_first
from skaug._checks import CHANNELS_LAST, OneOf, check_parameters, check_value
from skaug.signals._recordings import (
    SAMPLES,
    as_array,
    as_whole,
    check_channels,
    groups_of_segments,
    has_nan,
    is_list,
    labels_of_segments,
    lengths_of,
)

__all__ = ["MISSING", "Frames", "frame_segments"]

MISSING = OneOf(
    "raise", "keep", "drop", hint="'drop' leaves out frames with a sample that is NaN."
)
BLOCK = 2**22  # samples looked through at a time


class Frames:
    """Frames of segments, whose samples are copied only when a frame is used.

    Frames are indexed and measured like an array of shape (n_frames, n_channels,
    frame_length). A slice, a list of numbers or a mask of the first axis gives other
    ``Frames``. A single number gives that frame as an array. Any other index, and
    ``numpy.asarray``, copies all frames to an array.

    Parameters
    ----------
    segments : array-like of shape (n_segments, n_channels, n_times), or list
        The segments that the frames are cut from, which may be a memory map, or a list
        of recordings (n_channels, n_times) of unequal length. Recordings shorter than a
        frame give none. A pickle of frames has all segments in it.
    frame_length : int
        Samples per frame.
    frame_step : int
        Samples from the start of a frame to the start of the next frame.
    channels_last : bool, default=None
        Whether segments come as (n_segments, n_times, n_channels). By default they do
        not, and segments of more channels than samples are refused, because that is
        how exchanged axes look.

    Attributes
    ----------
    segments : ndarray or list of ndarray
        The segments, with channels before time. They share the memory of what was
        given.
    shape : tuple of int
        (n_frames, n_channels, frame_length).
    dtype : numpy.dtype
        Type of the segments.
    ndim : int
        3.

    Raises
    ------
    ValueError
        If there is no segment, if a frame is longer than all segments, if axes seem to
        be exchanged, or if a number of samples is not a whole number of 1 or more.

    Examples
    --------
    >>> import numpy as np
    >>> from skaug.signals import Frames
    >>> frames = Frames(np.arange(12.0).reshape(1, 1, 12), frame_length=6, frame_step=3)
    >>> frames.shape
    (3, 1, 6)
    >>> frames[1]
    array([[3., 4., 5., 6., 7., 8.]])
    >>> np.asarray(frames[::2]).shape
    (2, 1, 6)
    """

    ndim = 3

    def __init__(self, segments, frame_length, frame_step, *, channels_last=None):
        self.segments = _segments(segments, channels_last)
        self.frame_length = as_whole(frame_length)
        self.frame_step = as_whole(frame_step)
        check_parameters(self, {"frame_length": SAMPLES, "frame_step": SAMPLES})
        lengths = lengths_of(self.segments)
        longest = max(lengths)
        if self.frame_length > longest:
            which = "the longest" if is_list(self.segments) else "a"
            raise ValueError(
                f"Frames needs frame_length <= {longest}, the samples of {which} "
                f"segment; got {self.frame_length}. Take shorter frames."
            )
        counts = (np.array(lengths) - self.frame_length) // self.frame_step + 1
        # Frames before each segment, counted over all of them.
        self._before = np.pad(np.cumsum(counts.clip(0)), (1, 0))
        self._numbers = np.arange(self._before[-1])
        self._dtype = _common_type(self.segments)

    @property
    def shape(self):
        """Shape of an array of all frames."""
        return len(self._numbers), len(self.segments[0]), self.frame_length

    @property
    def dtype(self):
        """Type of the samples."""
        return self._dtype

    def __len__(self):
        return len(self._numbers)

    def __getitem__(self, key):
        # scikit-learn indexes with [numbers, ...].
        if isinstance(key, tuple) and len(key) == 2 and key[1] is Ellipsis:
            key = key[0]
        if isinstance(key, Integral) and not isinstance(key, bool):
            return self._copy(self._numbers[key])
        is_of_first_axis = isinstance(key, (slice, range)) or (
            not isinstance(key, (tuple, bool)) and np.ndim(key) == 1
        )
        if not is_of_first_axis:
            return np.asarray(self)[key]
        numbers = self._numbers[key]
        frames = Frames.__new__(Frames)
        frames.__dict__.update(self.__dict__, _numbers=numbers)
        return frames

    def __array__(self, dtype=None, copy=None):
        if copy is False:
            raise ValueError(
                "Frames needs to copy samples to become an array; got copy=False. "
                "Leave copy out."
            )
        return self._copy(self._numbers).astype(dtype or self.dtype, copy=False)

    def _copy(self, numbers):
        """Copy the samples of some frames, counted over all segments."""
        if is_list(self.segments):
            return self._copy_from_list(numbers)
        view = sliding_window_view(self.segments, self.frame_length, axis=2)
        view = view[:, :, :: self.frame_step].swapaxes(1, 2)
        return view[np.divmod(numbers, view.shape[1])]

    def _copy_from_list(self, numbers):
        """Copy frame by frame, where segments are of unequal length."""
        wanted = np.atleast_1d(numbers)
        segment = np.searchsorted(self._before, wanted, side="right") - 1
        start = (wanted - self._before[segment]) * self.frame_step
        frames = np.empty((len(wanted), *self.shape[1:]), self.dtype)
        for frame, i, k in zip(frames, segment.tolist(), start.tolist()):
            frame[:] = self.segments[i][:, k : k + self.frame_length]
        return frames if np.ndim(numbers) else frames[0]

    def __repr__(self):
        return (
            f"Frames of shape {self.shape}, {self.frame_step} samples apart, "
            f"{self.dtype}"
        )


def _segments(segments, channels_last):
    """Return an array (n_segments, n_channels, n_times), or a list of recordings."""
    check_value("Frames", "channels_last", channels_last, CHANNELS_LAST)
    if is_list(segments):
        return check_channels(segments, "Frames", channels_last)
    array = as_array(segments, "Frames")
    if array.ndim != 3 or 0 in array.shape:
        raise ValueError(
            "Frames needs segments of shape (n_segments, n_channels, n_times); got "
            f"{array.shape}. {_advice(segments, array.shape)}"
        )
    if array.dtype.kind not in "biuf":
        raise ValueError(
            f"Frames needs segments of numbers; got {array.dtype}. Convert them to "
            "float32, say."
        )
    if channels_last:
        return array.swapaxes(1, 2)  # a view
    return channels_first(array, channels_last, "Frames")


def _common_type(segments):
    """Type that holds the samples of all segments."""
    if is_list(segments):
        return np.result_type(*{segment.dtype for segment in segments})
    return segments.dtype


def _advice(segments, shape):
    """What to do about segments that are no array with three axes."""
    if hasattr(segments, "columns"):
        return "A table goes to frames_from_table."
    if len(shape) == 1:
        return "A single recording of one channel is X[None, None]."
    if len(shape) == 2 and shape[0] > shape[1]:
        return "A single recording (n_times, n_channels) is X.T[None]."
    return "A single recording (n_channels, n_times) is X[None]."


def frame_segments(
    X,
    y=None,
    groups=None,
    *,
    frame_length,
    frame_step=None,
    missing="raise",
    channels_last=None,
):
    """Cut segments into frames, each with a label and a group.

    Parameters
    ----------
    X : array-like of shape (n_segments, n_channels, n_times), or list
        Segments, or a list of recordings (n_channels, n_times) of unequal length. No
        sample is copied. Recordings shorter than a frame give none.
    y : array-like of shape (n_segments,) or (n_segments, n_times), default=None
        Labels of segments, or of each moment of the segments: numbers or strings, of
        which none may be missing. For recordings of unequal length, labels of moments
        are a list with an array (n_times,) for each recording.
    groups : array-like of shape (n_segments,), default=None
        Subject, trip or the like of each segment. By default each segment is a group.
    frame_length : int
        Samples per frame; 5 seconds at 100 Hz are 500.
    frame_step : int, default=None
        Samples from the start of a frame to the start of the next. By default it equals
        `frame_length`, so that frames do not overlap. IHDA's paper takes half of
        `frame_length` for training and all of it for tests. Samples at the end of a
        segment that do not fill a frame are dropped.
    missing : {"raise", "keep", "drop"}, default="raise"
        What to do about frames in which a sample is NaN. By default they are counted
        and refused, since networks and :class:`MagnitudeSpectrum` refuse them later.
        "drop" leaves them out, and "keep" marks them in ``missing``.
        :func:`fill_gaps` fills short gaps before.
    channels_last : bool, default=None
        Whether X is (n_segments, n_times, n_channels), or a list of recordings
        (n_times, n_channels). By default it is not, and segments of more channels than
        samples are refused, because that is how exchanged axes look. False takes them.

    Returns
    -------
    frames : Bunch
        ``X``: :class:`Frames`, of shape (n_frames, n_channels, frame_length), in the
        order of segments and of time.
        ``y``: ndarray of shape (n_frames,), the most frequent label of each frame; of
        equally frequent labels the first in sorted order. None without labels.
        ``purity``: ndarray of shape (n_frames,), the share of each frame's moments that
        have the frame's label. None without labels.
        ``groups``: ndarray of shape (n_frames,), the group of each frame. Split by
        groups, because frames that overlap or show the same person are alike.
        ``segment``: ndarray of shape (n_frames,), the number of each frame's segment.
        ``missing``: ndarray of shape (n_frames,), bool, whether a sample is NaN.
        ``n_missing``: int, frames with NaN, which "drop" has left out.
        ``n_short``: int, segments shorter than a frame.
        ``n_unused``: int, samples after the last frame of each segment, and all samples
        of segments that are shorter than a frame.

    Raises
    ------
    ValueError
        If shapes do not match, if a frame is longer than all segments, if axes seem to
        be exchanged, or if samples are NaN and `missing` is "raise".

    See Also
    --------
    frames_from_table : Cut a table with a row per moment into frames.
    fill_gaps : Fill short gaps before.

    Examples
    --------
    >>> import numpy as np
    >>> from skaug.signals import frame_segments
    >>> X = np.zeros((2, 9, 6000), np.float32)
    >>> frames = frame_segments(X, ["run", "sit"], frame_length=500, frame_step=250)
    >>> frames.X.shape
    (46, 9, 500)
    >>> frames.y[22:24], frames.groups[22:24]
    (array(['run', 'sit'], dtype='<U3'), array([0, 1]))

    Recordings of unequal length are a list:

    >>> frames = frame_segments([X[0], X[1, :, :1400]], frame_length=500)
    >>> frames.X.shape, frames.n_unused
    ((14, 9, 500), 400)
    """
    check_value("frame_segments", "missing", missing, MISSING)
    step = frame_length if frame_step is None else frame_step
    frames = Frames(X, frame_length, step, channels_last=channels_last)
    segments, counts = frames.segments, np.diff(frames._before)
    lengths = lengths_of(segments)
    groups = groups_of_segments(groups, len(segments), "frame_segments")
    labels = purity = None
    if y is not None:
        y = labels_of_segments(y, lengths, "frame_segments")
        labels, purity = _labels_of_frames(y, counts, frames)
    found = Bunch(
        X=frames,
        y=labels,
        purity=purity,
        groups=np.repeat(groups, counts),
        segment=np.repeat(np.arange(len(segments)), counts),
        missing=_frames_with_nan(frames, counts),
        n_short=int(np.sum(counts == 0)),
        n_unused=_n_unused(frames, lengths, counts),
    )
    return _without_missing(found, missing)


def _labels_of_frames(y, counts, frames):
    """Find the label of each frame, and its share of the frame."""
    size = frames.frame_length, frames.frame_step
    if isinstance(y, np.ndarray):
        if y.ndim == 1:
            return np.repeat(y, counts), np.ones(len(frames))
        return _most_frequent(y, *size)
    parts = [_most_frequent(y[i][None], *size) for i in np.flatnonzero(counts)]
    labels, purity = zip(*parts)
    return np.concatenate(labels), np.concatenate(purity)


def _frames_with_nan(frames, counts):
    """Find the frames in which a sample is NaN, some segments at a time."""
    with_nan = np.zeros(len(frames), bool)
    if frames.dtype.kind != "f":
        return with_nan
    length, step = frames.frame_length, frames.frame_step
    for i in _segments_with_nan(frames.segments):
        # Number of moments with NaN before each moment.
        is_nan = np.isnan(frames.segments[i]).any(axis=0)
        before = np.pad(np.cumsum(is_nan), (1, 0))
        start = step * np.arange(counts[i])
        of_segment = slice(frames._before[i], frames._before[i + 1])
        with_nan[of_segment] = before[start + length] > before[start]
    return with_nan


def _segments_with_nan(segments):
    """Yield the numbers of segments with NaN."""
    n = 1 if is_list(segments) else max(1, BLOCK // segments[0].size)
    for start in range(0, len(segments), n):
        some = segments[start : start + n]
        if n == 1 or has_nan(some):
            yield from (start + i for i, one in enumerate(some) if has_nan(one))


def _n_unused(frames, lengths, counts):
    """Count samples after the last frame of each segment."""
    last = (counts - 1) * frames.frame_step + frames.frame_length
    return int(np.sum(lengths - np.where(counts > 0, last, 0)))


def _without_missing(found, missing):
    """Refuse, keep or leave out frames with NaN."""
    found.n_missing, n = int(np.sum(found.missing)), len(found.missing)
    if not found.n_missing or missing == "keep":
        return found
    if missing == "raise":
        raise ValueError(
            f"frame_segments needs samples without gaps; got NaN in {found.n_missing} "
            f"of {n} frames. Fill short gaps by fill_gaps, or leave such frames out by "
            "missing='drop'."
        )
    if found.n_missing == n:
        raise ValueError(
            f"frame_segments needs a frame without NaN; got NaN in all {n}. Fill short "
            "gaps by fill_gaps, or leave out the channel that has them."
        )
    keep = ~found.missing
    for name in ("X", "y", "purity", "groups", "segment", "missing"):
        if found[name] is not None:
            found[name] = found[name][keep]
    return found


def _most_frequent(y, frame_length, frame_step, n_segments=256):
    """Find the most frequent label of each frame, and its share of the frame."""
    start = np.arange(0, y.shape[1] - frame_length + 1, frame_step)
    labels, purity = [], []
    for i in range(0, len(y), n_segments):
        classes, codes = np.unique(y[i : i + n_segments], return_inverse=True)
        codes = codes.reshape(-1, y.shape[1])
        label, most = np.zeros((2, len(codes), len(start)), np.intp)
        for code in range(len(classes)):
            sums = np.pad(np.cumsum(codes == code, axis=1), ((0, 0), (1, 0)))
            count = sums[:, start + frame_length] - sums[:, start]
            label[count > most] = code
            np.maximum(most, count, out=most)
        labels.append(classes[label].ravel())
        purity.append(most.ravel() / frame_length)
    return np.concatenate(labels), np.concatenate(purity)
