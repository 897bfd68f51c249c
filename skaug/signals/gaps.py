"""Gaps in recordings: samples that were lost, which are NaN."""

import numpy as np
from sklearn.utils import Bunch

from skaug._checks import check_value
from skaug.signals._recordings import (
    SAMPLES,
    as_recordings,
    as_whole,
    has_nan,
    is_list,
    like_given,
)

__all__ = ["fill_gaps"]


def fill_gaps(X, *, limit, channels_last=None):
    """Fill short gaps of NaN, channel by channel, on a line between their neighbours.

    A gap is a run of samples that are NaN. Gaps of at most `limit` samples are filled
    by linear interpolation in time, between the sample before and the sample after.
    Longer gaps stay as they are, and so do gaps at the start or the end of a recording,
    which have no neighbour on one side.

    Parameters
    ----------
    X : array-like of shape (n_channels, n_times), list, or array of three axes
        A recording, a list of recordings of unequal length, or segments of shape
        (n_segments, n_channels, n_times).
    limit : int
        Longest gap that is filled, in samples. Choose less than half a period of what
        matters: a step while walking takes half a second, 50 samples at 100 Hz, and a
        line across 25 of them hides it.
    channels_last : bool, default=None
        Whether time is the axis before the channels; what is returned has channels
        first. By default it is not, and recordings of more channels than samples are
        refused, because that is how exchanged axes look.

    Returns
    -------
    filled : Bunch
        ``X``: the recordings, in the form in which they came. Recordings without gaps
        to fill are those that were given, not copies.
        ``n_filled``: ndarray of shape (n_channels,), the number of samples filled in
        each channel; (n_recordings, n_channels) for several recordings.
        ``n_left``: ndarray of the same shape, the number of samples that are still NaN.

    Raises
    ------
    ValueError
        If `limit` is not a whole number of 1 or more, or if X is not made of recordings
        of the same channels.

    See Also
    --------
    frame_segments : Its ``missing="drop"`` leaves out frames with what is left.

    Examples
    --------
    >>> import numpy as np
    >>> from skaug.signals import fill_gaps
    >>> nan = np.nan
    >>> filled = fill_gaps([[[1.0, nan, 3.0, nan, nan, 9.0, nan]]], limit=1)
    >>> filled.X[0]
    array([[ 1.,  2.,  3., nan, nan,  9., nan]])
    >>> filled.n_filled, filled.n_left
    (array([[1]]), array([[3]]))
    """
    limit = as_whole(limit)
    check_value("fill_gaps", "limit", limit, SAMPLES)
    recordings = as_recordings(X, "fill_gaps", channels_last)
    parts = [_filled(recording, limit) for recording in recordings]
    filled, n_filled, n_left = map(list, zip(*parts))
    n_filled, n_left = np.array(n_filled), np.array(n_left)
    if not is_list(X) and np.ndim(X) == 2:
        n_filled, n_left = n_filled[0], n_left[0]
    return Bunch(X=like_given(filled, X), n_filled=n_filled, n_left=n_left)


def _filled(recording, limit):
    """Return a recording with filled gaps, and counts by channel of filled and left."""
    counts = np.zeros((2, len(recording)), int)
    if not has_nan(recording):
        return recording, *counts
    recording = recording.copy()
    for channel, values in enumerate(recording):
        counts[:, channel] = _fill(values, limit)
    return recording, *counts


def _fill(values, limit):
    """Fill gaps of one channel (n_times,) in place; count samples filled and left."""
    missing = np.isnan(values)
    edges = np.flatnonzero(np.diff(missing, prepend=False, append=False))
    start, stop = edges[::2], edges[1::2]
    inside = (start > 0) & (stop < len(values))
    to_fill = inside & (stop - start <= limit)
    # +1 at the start of each gap to fill, -1 after it, summed up.
    change = np.zeros(len(values) + 1, np.int64)
    change[start[to_fill]], change[stop[to_fill]] = 1, -1
    places, known = np.flatnonzero(np.cumsum(change)), np.flatnonzero(~missing)
    if len(places):
        line = np.interp(places, known, values[known])
        # Beside an infinite sample there is no line.
        values[places] = np.where(np.isfinite(line), line, np.nan)
    n_left = np.count_nonzero(np.isnan(values))
    return np.count_nonzero(missing) - n_left, n_left
