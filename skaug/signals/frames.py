"""Frames: pieces of segments, which may overlap, each with a label and a group."""

from numbers import Integral

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from sklearn.utils import Bunch

from skaug._checks import Whole, check_parameters

__all__ = ["Frames", "frame_segments"]

SAMPLES = Whole(1, hint="Multiply seconds by the sampling rate.")


class Frames:
    """Frames of segments, whose samples are copied only when a frame is used.

    Frames are indexed and measured like an array of shape (n_frames, n_channels,
    frame_length). A slice, a list of numbers or a mask of the first axis gives other
    ``Frames``. A single number gives that frame as an array. Any other index, and
    ``numpy.asarray``, copies all frames to an array.

    Parameters
    ----------
    segments : array-like of shape (n_segments, n_channels, n_times)
        The segments that the frames are cut from, which may be a memory map. A pickle
        of frames has all segments in it.
    frame_length : int
        Samples per frame.
    frame_step : int
        Samples from the start of a frame to the start of the next frame.

    Attributes
    ----------
    shape : tuple of int
        (n_frames, n_channels, frame_length).
    dtype : numpy.dtype
        Type of the segments.
    ndim : int
        3.

    Raises
    ------
    ValueError
        If there is no segment, if a frame is longer than a segment, or if a number of
        samples is not a whole number of 1 or more.

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

    def __init__(self, segments, frame_length, frame_step):
        if not isinstance(segments, np.ndarray):
            segments = np.asarray(segments)
        if segments.ndim != 3 or 0 in segments.shape:
            raise ValueError(
                "Frames needs segments of shape (n_segments, n_channels, n_times); got "
                f"{segments.shape}. A single recording is X[None]."
            )
        self.segments = segments
        self.frame_length = frame_length
        self.frame_step = frame_step
        check_parameters(self, {"frame_length": SAMPLES, "frame_step": SAMPLES})
        if frame_length > segments.shape[2]:
            raise ValueError(
                f"Frames needs frame_length <= {segments.shape[2]}, the samples of a "
                f"segment; got {frame_length}. Take shorter frames."
            )
        per_segment = (segments.shape[2] - frame_length) // frame_step + 1
        self._numbers = np.arange(len(segments) * per_segment)

    @property
    def shape(self):
        """Shape of an array of all frames."""
        return len(self._numbers), self.segments.shape[1], self.frame_length

    @property
    def dtype(self):
        """Type of the samples."""
        return self.segments.dtype

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
        view = sliding_window_view(self.segments, self.frame_length, axis=2)
        view = view[:, :, :: self.frame_step].swapaxes(1, 2)
        return view[np.divmod(numbers, view.shape[1])]

    def __repr__(self):
        return (
            f"Frames of shape {self.shape}, {self.frame_step} samples apart, "
            f"{self.dtype}"
        )


def frame_segments(X, y=None, groups=None, *, frame_length, frame_step=None):
    """Cut segments into frames, each with a label and a group.

    Parameters
    ----------
    X : array-like of shape (n_segments, n_channels, n_times)
        Segments.
    y : array-like of shape (n_segments,) or (n_segments, n_times), default=None
        Labels of segments, or of each moment of the segments: numbers or strings, of
        which none may be missing.
    groups : array-like of shape (n_segments,), default=None
        Subject, trip or the like of each segment. By default each segment is a group.
    frame_length : int
        Samples per frame; 5 seconds at 100 Hz are 500.
    frame_step : int, default=None
        Samples from the start of a frame to the start of the next. By default it equals
        `frame_length`, so that frames do not overlap. IHDA's paper takes half of
        `frame_length` for training and all of it for tests. Samples at the end of a
        segment that do not fill a frame are dropped.

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

    Raises
    ------
    ValueError
        If shapes do not match, or a frame is longer than a segment.

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
    """
    frames = Frames(X, frame_length, frame_length if frame_step is None else frame_step)
    X = frames.segments
    per_segment = len(frames) // len(X)
    groups = np.arange(len(X)) if groups is None else np.asarray(groups)
    if groups.shape != (len(X),):
        raise ValueError(
            f"frame_segments needs a group for each of {len(X)} segments; got shape "
            f"{groups.shape}. Give one per segment, not per frame."
        )
    labels = purity = None
    if y is not None:
        y = np.asarray(y)
        _check_labels(y)
        if y.shape == (len(X),):
            labels, purity = np.repeat(y, per_segment), np.ones(len(frames))
        elif y.shape == (len(X), X.shape[2]):
            labels, purity = _most_frequent(y, frames.frame_length, frames.frame_step)
        else:
            raise ValueError(
                f"frame_segments needs y of shape ({len(X)},) or ({len(X)}, "
                f"{X.shape[2]}), a label for each segment or each moment; got "
                f"{y.shape}. Give one of the two."
            )
    return Bunch(
        X=frames, y=labels, purity=purity, groups=np.repeat(groups, per_segment)
    )


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


def _check_labels(y):
    """Refuse missing labels, and labels of several types."""
    missing = y != y  # NaN
    if y.dtype == object:
        missing |= y == None  # noqa: E711
        kinds = {type(label).__name__ for label in y.flat}
        if len(kinds) > 1 and not np.any(missing):
            raise ValueError(
                f"frame_segments needs labels of one type; got {sorted(kinds)}. Make "
                "all strings, say."
            )
    if np.any(missing):
        raise ValueError(
            f"frame_segments needs a label everywhere; got {np.sum(missing)} missing. "
            "Give them a label of their own, and leave its frames out afterwards."
        )
