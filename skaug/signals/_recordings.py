"""Recordings as people have them: arrays (n_channels, n_times) of unequal length.

They are views of what was given: no sample is copied, and none is added to make them
equally long.
"""

import numpy as np

from skaug._axes import channels_first
from skaug._checks import CHANNELS_LAST, Whole, check_value
from skaug._input import as_numbers
from skaug._labels import check_groups, check_labels

__all__ = [
    "SAMPLES",
    "as_array",
    "as_recordings",
    "as_whole",
    "check_channels",
    "groups_of_segments",
    "has_nan",
    "is_list",
    "labels_of_segments",
    "lengths_of",
    "like_given",
]

SAMPLES = Whole(1, hint="Multiply seconds by the sampling rate.")


def as_whole(value):
    """Give 512.0 as 512, and anything else as it is."""
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return int(value)
    return value


def is_list(X):
    """Whether X is a list of recordings, and not an array (n, n_channels, n_times)."""
    is_objects = isinstance(X, np.ndarray) and X.dtype == object and X.ndim == 1
    return isinstance(X, (list, tuple)) or is_objects


def lengths_of(segments):
    """List the samples in time of each segment."""
    if is_list(segments):
        return [segment.shape[1] for segment in segments]
    return [segments.shape[2]] * len(segments)


def as_recordings(X, owner, channels_last=None):
    """List the recordings of X: one, a list of them, or an array of segments."""
    check_value(owner, "channels_last", channels_last, CHANNELS_LAST)
    if is_list(X):
        return check_channels(X, owner, channels_last)
    X = as_array(X, owner)
    if X.ndim == 2:
        return check_channels([X], owner, channels_last)
    if X.dtype.kind not in "biuf":
        raise ValueError(
            f"{owner} needs recordings of numbers; got {X.dtype}. Convert them to "
            "float32, say."
        )
    if X.ndim != 3 or 0 in X.shape:
        raise ValueError(
            f"{owner} needs a recording (n_channels, n_times), a list of recordings or "
            f"an array (n, n_channels, n_times); got shape {X.shape}. A single channel "
            "is x[None]."
        )
    if channels_last:
        return list(X.swapaxes(1, 2))  # views
    return list(channels_first(X, channels_last, owner))


def like_given(recordings, X):
    """Give recordings back as X came: one, a list, or an array of segments."""
    if is_list(X):
        return recordings
    if np.ndim(X) == 2:
        return recordings[0]
    lengths = {recording.shape[-1] for recording in recordings}
    return np.stack(recordings) if len(lengths) == 1 else recordings


def check_channels(X, owner, channels_last=None):
    """List recordings of the same channels, each (n_channels, n_times)."""
    recordings = [_recording(values, i, owner) for i, values in enumerate(X)]
    if not recordings:
        raise ValueError(f"{owner} needs a recording; got an empty list. Give one.")
    if channels_last:
        recordings = [recording.T for recording in recordings]
    elif channels_last is None:
        _refuse_channels_last(recordings, owner)
    counts = sorted({len(recording) for recording in recordings})
    if len(counts) > 1 or not counts[0]:
        raise ValueError(
            f"{owner} needs recordings of the same channels, (n_channels, n_times); "
            f"got numbers of channels such as {counts[:3]}. Give each the same "
            "channels; time is the last axis."
        )
    return recordings


def as_array(values, owner):
    """Return values as an array; what is masked becomes NaN."""
    if isinstance(values, np.ma.MaskedArray):
        return as_numbers(values, owner)
    return np.asarray(values)


def _recording(values, i, owner):
    """Return recording number i as an array of numbers with two axes."""
    try:
        recording = as_array(values, owner)
    except ValueError:  # rows of unequal length
        recording = np.empty(len(values), object)
    if recording.ndim != 2 or recording.dtype.kind not in "biuf":
        advice = "Convert it to float32, say."
        if recording.ndim != 2:
            advice = "One channel is x[None]; one recording is [X], in a list."
        raise ValueError(
            f"{owner} needs recordings of numbers, each (n_channels, n_times); got "
            f"{recording.dtype} of shape {recording.shape} as recording {i}. {advice}"
        )
    return recording


def _refuse_channels_last(recordings, owner):
    """Refuse recordings that look as if they were (n_times, n_channels)."""
    firsts = [recording.shape[0] for recording in recordings]
    lasts = {recording.shape[1] for recording in recordings}
    # Recordings of unequal length differ in time, whichever axis it is.
    if len(lasts) > 1 or not firsts[0]:
        return
    (last,) = lasts
    if not 0 < last < np.median(firsts) or (len(set(firsts)) == 1 and firsts[0] <= 4):
        return
    one = len(recordings) == 1
    raise ValueError(
        f"{owner} needs recordings of shape (n_channels, n_times); got "
        f"{recordings[0].shape}, which would be more channels than samples in time. If "
        f"channels come last, give {'X.T' if one else '[x.T for x in X]'}, or set "
        "channels_last=True. If the axes are right as they are, set "
        "channels_last=False."
    )


def has_nan(recording):
    """Whether a sample is NaN; the sum tells, without an array of answers."""
    if recording.dtype.kind not in "fc":
        return False
    with np.errstate(all="ignore"):
        total = recording.sum()
    # Infinities of both signs have a sum of NaN, too.
    return bool(np.isnan(total) and np.isnan(recording).any())


def groups_of_segments(groups, n, owner):
    """Return a group for each of n segments; by default each is a group."""
    if groups is None:
        return np.arange(n)
    shape = np.shape(groups)
    if shape not in ((n,), (n, 1)):
        raise ValueError(
            f"{owner} needs a group for each of {n} segments; got shape {shape}. Give "
            "one per segment, not per frame."
        )
    return check_groups(groups, n, owner)


def labels_of_segments(y, lengths, owner):
    """Return labels of segments, or of each moment.

    Labels of n segments are an array (n,). Labels of moments are an array (n, n_times),
    or a list with an array (n_times,) for each segment.
    """
    if is_list(y) and len(y) and np.ndim(y[0]):
        y = [np.asarray(labels) for labels in y]
        if [labels.shape for labels in y] != [(n_times,) for n_times in lengths]:
            _refuse_labels([labels.shape for labels in y], lengths, owner)
        return _labels_of_moments(y, owner)
    shape = np.shape(y)
    if shape == (len(lengths), lengths[0]) and len(set(lengths)) == 1:
        y = np.asarray(y)
        return _check_moments(y.ravel(), owner).reshape(shape)
    if shape not in ((len(lengths),), (len(lengths), 1)):
        _refuse_labels(shape, lengths, owner)
    return check_labels(y, len(lengths), owner)


def _refuse_labels(found, lengths, owner):
    """Refuse labels that are neither of segments nor of moments."""
    n = len(lengths)
    needed = f"({n}, {lengths[0]})"
    if len(set(lengths)) > 1:
        needed = f"a list of {n} arrays"
    if isinstance(found, list):
        pairs = zip(found, lengths)
        wrong = [f"{shape} for {m} samples" for shape, m in pairs if shape != (m,)]
        found = wrong[0] if len(found) == n else f"a list of {len(found)} arrays"
    raise ValueError(
        f"{owner} needs y of shape ({n},) or {needed}, a label for each segment or "
        f"each moment; got {found}. Give one of the two."
    )


def _labels_of_moments(y, owner):
    """Check lists of labels, which have to be of one type throughout."""
    y = [_check_moments(labels, owner) for labels in y]
    kinds = {"text" if labels.dtype.kind in "UO" else "numbers" for labels in y}
    if len(kinds) > 1:
        raise ValueError(
            f"{owner} needs labels of one type; got {sorted(kinds)} in several "
            "segments. Make all of them strings, say."
        )
    return y


def _check_moments(labels, owner):
    """Check labels (n,); those of a type without missing values pass at once."""
    if labels.dtype.kind in "biuU":
        return labels
    return check_labels(labels, len(labels), owner)
