"""Recordings at another sampling rate, or at a regular one."""

import math
from fractions import Fraction

import numpy as np
from scipy.signal import resample_poly
from sklearn.utils import Bunch

from skaug._checks import Number, Whole, check_value
from skaug.signals._recordings import (
    as_recordings,
    as_whole,
    is_list,
    labels_of_segments,
    like_given,
)
from skaug.signals._times import as_times, seconds_of

__all__ = ["resample"]

RATE = Number(0, open_low=True, hint="It is the number of samples per second.")
LIMIT = Whole(0, hint="It is a number of samples in a row.")
LARGEST = 10_000  # numerator or denominator of the ratio of two rates
SAME = 1e-6  # of a sampling interval: moments this close are one


def resample(
    X,
    y=None,
    *,
    new_rate,
    sampling_rate=None,
    time=None,
    limit=5,
    channels_last=None,
):
    """Bring recordings to another sampling rate.

    Recordings of a regular `sampling_rate` go through the polyphase filter of
    ``scipy.signal.resample_poly``, which takes away what the new rate cannot hold:
    frequencies above half of it. Samples at irregular `time` are first interpolated
    linearly at a regular rate, as high as their own or higher, and then go through the
    same filter. New samples begin with the first sample of a recording and end before
    or with its last.

    Parameters
    ----------
    X : array-like of shape (n_channels, n_times), list, or array of three axes
        A recording, a list of recordings of unequal length, or segments of shape
        (n_segments, n_channels, n_times).
    y : array-like, default=None
        Labels: of each moment, in the shape of the times of X, or of each recording. A
        new moment gets the label of the nearest old one, and of two equally near ones
        the later. Labels of recordings stay.
    new_rate : float
        Samples per second of what is returned.
    sampling_rate : float or array-like of shape (n_recordings,), default=None
        Samples per second of X, or of each recording.
    time : array-like, default=None
        In place of `sampling_rate`, the time of each sample, in seconds or as
        datetimes, in the shape of the times of X. It must not go backwards.
    limit : int, default=5
        With `time`, how many samples in a row may be missing between two samples, at
        their median interval. Where more are missing, new samples are NaN.
    channels_last : bool, default=None
        Whether time is the axis before the channels; what is returned has channels
        first. By default it is not, and recordings of more channels than samples are
        refused, because that is how exchanged axes look.

    Returns
    -------
    resampled : Bunch
        ``X``: the recordings in the form in which they came, as floats.
        ``y``: labels in the form in which they came, or None.
        ``sampling_rate``: float, `new_rate`.
        ``old_rate``: ndarray of shape (n_recordings,), the rates before; with `time`,
        one over the median interval.
        ``n_missing``: ndarray of shape (n_recordings, n_channels), the number of new
        samples that are NaN.

    Raises
    ------
    ValueError
        If not one of `sampling_rate` and `time` is given, if time goes backwards or is
        missing, or if shapes do not match.

    See Also
    --------
    fill_gaps : Fill short gaps, before or after.

    Notes
    -----
    NaN stays NaN: a new sample is NaN if an old sample beside it is. For the filter,
    gaps are bridged by a line, on which samples near a gap depend, up to ten samples of
    the lower rate away.

    Examples
    --------
    >>> import numpy as np
    >>> from skaug.signals import resample
    >>> seconds = np.arange(400) / 100
    >>> X = np.sin(2 * np.pi * seconds)[None]  # one channel, 1 Hz
    >>> slower = resample(X, sampling_rate=100, new_rate=25)
    >>> slower.X.shape
    (1, 100)
    >>> bool(np.abs(slower.X[0] - np.sin(2 * np.pi * np.arange(100) / 25)).max() < 0.01)
    True
    """
    check_value("resample", "new_rate", new_rate, RATE)
    limit = as_whole(limit)
    check_value("resample", "limit", limit, LIMIT)
    recordings = as_recordings(X, "resample", channels_last)
    single = not is_list(X) and np.ndim(X) == 2
    lengths = [recording.shape[1] for recording in recordings]
    _check_samples(lengths)
    if y is not None:
        labels = labels_of_segments([y] if single else y, lengths, "resample")
    if time is not None:
        seconds = _seconds([time] if single else time, lengths, sampling_rate)
        grids = [_Irregular(moments, new_rate, limit) for moments in seconds]
    else:
        grids = [
            _Regular(n, old_rate, new_rate)
            for n, old_rate in zip(lengths, _rates(sampling_rate, len(lengths)))
        ]
    new = [grid.signals(one) for grid, one in zip(grids, recordings)]
    if y is not None and not (isinstance(labels, np.ndarray) and labels.ndim == 1):
        labels = [one[grid.nearest()] for grid, one in zip(grids, labels)]
        y = labels[0] if single else like_given(labels, [] if is_list(X) else X)
    return Bunch(
        X=like_given(new, X),
        y=y,
        sampling_rate=float(new_rate),
        old_rate=np.array([grid.old_rate for grid in grids]),
        n_missing=np.array([np.isnan(one).sum(axis=1) for one in new]),
    )


class _Regular:
    """New moments among n old ones at a regular rate: the k-th is at k * down / up."""

    def __init__(self, n, old_rate, new_rate):
        self.old_rate = float(old_rate)
        ratio = Fraction(float(new_rate)) / Fraction(self.old_rate)
        if not 1 / LARGEST <= ratio <= LARGEST:
            raise ValueError(
                f"resample needs rates that differ by a factor of {LARGEST} at most; "
                f"got {self.old_rate:g} and {float(new_rate):g} samples per second. "
                "Look at their units."
            )
        # The larger of the two numbers is limited.
        if ratio > 1:
            ratio = 1 / (1 / ratio).limit_denominator(LARGEST)
        else:
            ratio = ratio.limit_denominator(LARGEST)
        self.up, self.down = ratio.numerator, ratio.denominator
        self.n = n
        self.places = np.arange((n - 1) * self.up // self.down + 1) * self.down

    def nearest(self):
        """Return the number of the old moment nearest to each new one."""
        return (2 * self.places + self.up) // (2 * self.up)

    def signals(self, recording):
        """Return new samples (n_channels, n_new)."""
        values, missing = _bridged(recording)
        new = _filtered(values, self.up, self.down)[:, : len(self.places)]
        if missing is not None:
            before, after = self.places // self.up, -(-self.places // self.up)
            new[missing[:, before] | missing[:, after]] = np.nan
        return new


class _Irregular:
    """New moments among old ones at irregular times, in seconds from the first."""

    def __init__(self, seconds, new_rate, limit):
        self.seconds, self.new_rate = seconds, new_rate
        steps = np.diff(seconds)
        self.interval = float(np.median(steps))
        self.old_rate = 1 / self.interval
        slack = SAME * self.interval
        self.moments = _moments(seconds[-1] + slack, new_rate)
        last = len(seconds) - 1
        before = np.searchsorted(seconds, self.moments + slack, side="right") - 1
        after = np.searchsorted(seconds, self.moments - slack, side="left")
        self.before, self.after = before.clip(0, last), after.clip(0, last)
        # A step over m missing samples is m + 1 intervals.
        wide = seconds[self.after] - seconds[self.before]
        self.in_gap = wide > (limit + 1.5) * self.interval

    def nearest(self):
        """Return the number of the old moment nearest to each new one."""
        to_before = self.moments - self.seconds[self.before]
        to_after = self.seconds[self.after] - self.moments
        return np.where(to_before < to_after, self.before, self.after)

    def signals(self, recording):
        """Return new samples (n_channels, n_new)."""
        values, missing = _bridged(recording, self.seconds)
        # As many steps between two new moments as the old rate needs.
        fine = max(1, math.ceil(self.old_rate / self.new_rate - 1e-3))
        end = self.seconds[-1] + SAME * self.interval
        moments = _moments(end, self.new_rate * fine)
        new = np.array([np.interp(moments, self.seconds, one) for one in values])
        new = _filtered(new, 1, fine)[:, : len(self.moments)].astype(values.dtype)
        new[:, self.in_gap] = np.nan
        if missing is not None:
            new[missing[:, self.before] | missing[:, self.after]] = np.nan
        return new


def _moments(end, rate):
    """Moments from 0 to the end, at a rate."""
    return np.arange(math.floor(end * rate) + 1) / rate


def _filtered(values, up, down):
    """Resample channels (n_channels, n_times) by the ratio up / down."""
    if values.shape[1] == 1:  # SciPy divides by the number of steps.
        return values
    # The filter's gain is off 1 by some thousandths, which is much of a mean such as
    # gravity. Beyond its ends the signal goes on as its point reflection, as a line
    # would go straight on: zeros or a constant would be ten times as far off.
    mean = values.mean(axis=1, keepdims=True)
    new = resample_poly(values - mean, up, down, axis=1, padtype="antireflect")
    new += mean
    return new


def _bridged(recording, moments=None):
    """Return a recording as floats with lines across its gaps, and where these are."""
    dtype = np.result_type(recording.dtype, np.float32)
    dtype = np.float64 if dtype.itemsize > 8 else dtype  # as SciPy takes
    values = recording.astype(dtype, copy=False)
    finite = np.isfinite(values)
    if finite.all():
        return values, None
    missing = np.isnan(values)
    if (finite | missing).sum() < values.size:
        raise ValueError(
            "resample needs samples that are finite or NaN; got "
            f"{values.size - (finite | missing).sum()} infinite. Make NaN of them."
        )
    values = values.copy()
    moments = np.arange(values.shape[1]) if moments is None else moments
    for channel, gap in zip(values, missing):
        if gap.all():
            channel[:] = 0
        else:
            # Before the first known sample and after the last, np.interp holds these.
            channel[gap] = np.interp(moments[gap], moments[~gap], channel[~gap])
    return values, missing


def _check_samples(lengths):
    """Refuse recordings of fewer samples than an interval needs."""
    if min(lengths) < 2:
        raise ValueError(
            f"resample needs recordings of 2 samples or more; got {min(lengths)}. Leave"
            " short recordings out."
        )


def _rates(sampling_rate, n):
    """Return the rate of each recording."""
    if sampling_rate is None:
        raise ValueError(
            "resample needs sampling_rate or time; got neither. Give the samples per "
            "second of X, or the time of each sample."
        )
    if np.ndim(sampling_rate) == 0:
        rates = [sampling_rate] * n
    else:
        rates = np.asarray(sampling_rate).tolist()
    if len(rates) != n:
        raise ValueError(
            f"resample needs one sampling_rate, or one for each of {n} recordings; got "
            f"{len(rates)}. Give one of the two."
        )
    for rate in rates:
        check_value("resample", "sampling_rate", rate, RATE)
    return rates


def _seconds(time, lengths, sampling_rate):
    """Return the times of each recording in seconds, which must not go backwards."""
    if sampling_rate is not None:
        raise ValueError(
            f"resample needs sampling_rate or time; got both, {sampling_rate} and "
            "times. Leave one of them out."
        )
    if len(time) != len(lengths):
        raise ValueError(
            f"resample needs times for each of {len(lengths)} recordings; got "
            f"{len(time)}. Give a list with an array for each."
        )
    seconds = []
    for i, (times, n) in enumerate(zip(time, lengths)):
        times = as_times(times, "resample", "time")
        if times.shape != (n,):
            raise ValueError(
                f"resample needs a time for each of {n} samples of recording {i}; got "
                f"shape {times.shape}. Give one per sample."
            )
        seconds.append(seconds_of(times))
        steps = np.diff(seconds[-1])
        if steps.min() < 0 or np.median(steps) == 0:
            wrong = "goes backwards" if steps.min() < 0 else "stands still"
            raise ValueError(
                f"resample needs times that go on; got time that {wrong} in recording "
                f"{i}. Cut there, as recordings_from_table does, or give sampling_rate."
            )
    return seconds
