"""Times of samples as people have them: numbers, datetimes, time differences."""

from datetime import date, datetime, timedelta, timezone

import numpy as np

from skaug._checks import is_number

__all__ = ["as_times", "seconds_of", "steps_of"]

# Of Python's standard library; a datetime is a date, too.
KINDS = {
    datetime: "datetime64[us]",
    timedelta: "timedelta64[us]",
    date: "datetime64[D]",
}


def as_times(values, owner, name):
    """Return times (n,) as an array of numbers or datetimes, none of them missing."""
    times = _as_array(values)
    if times.dtype == object:
        times = _of_objects(times, owner, name)
    if times.dtype.kind not in "iufmM":
        _refuse(times, owner, name)
    if times.dtype.kind == "u":
        times = times.astype(np.float64)
    bad = ~np.isfinite(times)  # NaT is not finite either.
    if bad.any():
        raise ValueError(
            f"{owner} needs a time for every row; got {bad.sum()} of {len(times)} "
            f"missing in {name}. Leave these rows out, or give rate in place of time."
        )
    return times


def seconds_of(times):
    """Return times after the first of them, in seconds; numbers keep their unit."""
    # Whole numbers of nanoseconds have more digits than float64 before the difference.
    return _as_seconds(times - times[:1])


def steps_of(times):
    """Return steps from each time to the next, in seconds or the unit of numbers."""
    return _as_seconds(np.diff(times))


def _as_seconds(steps):
    if steps.dtype.kind == "m":
        return steps / np.timedelta64(1, "s")
    return steps.astype(np.float64)


def _as_array(values):
    dtype = str(getattr(values, "dtype", ""))
    # Those of pandas with a time zone would become an array of objects.
    if hasattr(values, "iloc") and dtype.startswith(("datetime64", "timestamp")):
        return values.to_numpy(dtype="datetime64[ns]")
    if isinstance(values, np.ma.MaskedArray):
        return values.astype(object).filled(None)
    return np.asarray(values)


def _of_objects(times, owner, name):
    """Convert Python's numbers, datetimes and time differences."""
    times = [None if type(t).__name__ in ("NAType", "NaTType") else t for t in times]
    known = [t for t in times if t is not None]
    if all(is_number(t) for t in known):
        # Whole numbers of nanoseconds keep their digits.
        return np.array([np.nan if t is None else t for t in times])
    for kind, unit in KINDS.items():
        if all(isinstance(t, kind) for t in known):
            return np.array([_naive(t) for t in times], unit)
    return _refuse(np.array(known, object), owner, name)


def _naive(value):
    if getattr(value, "tzinfo", None) is None:
        return value
    return value.astimezone(timezone.utc).replace(tzinfo=None)


def _refuse(times, owner, name):
    """Refuse values that are neither numbers nor datetimes."""
    first = times[0] if len(times) else None
    first = first.item() if isinstance(first, np.generic) else first
    raise ValueError(
        f"{owner} needs times that are numbers or datetimes; got {first!r} in {name}. "
        "Convert them, such as with pandas.to_datetime."
    )
