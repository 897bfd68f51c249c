"""What the readers of public formats share: channels by name, cuts, remarks."""

import re
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from sklearn.utils import Bunch

from skaug._checks import Instance, check_value
from skaug._progress import Progress
from skaug.signals._lines import (
    BadLines,
    blocks,
    check_line_ends,
    check_range,
    parse_rows,
)

__all__ = [
    "ALONE",
    "Format",
    "Remarks",
    "load_subjects",
    "read_rows",
    "runs",
    "sensors_of",
]

BLOCK = 2**19  # bytes of text parsed at a time
N_FIRST = 5  # places that a remark names
ALONE = "moment between two cuts", "left out"


@dataclass(frozen=True)
class Format:
    """A format of one text file per subject, with a row of numbers per moment.

    `columns` has the column of each channel by name, `activities` the name of each
    published number. Without `time` there is no column of time stamps, in seconds.
    """

    reader: str
    n_columns: int
    columns: dict
    activities: dict
    label: int
    time: int | None
    sampling_rate: float
    has_gaps: bool
    unread: str = ""


class Remarks(dict):
    """What was mended, cut or left out, by kind: how often, where first, and how.

    Lines are counted from 1.
    """

    def note(self, kind, done, file, lines):
        """Add the numbers of lines, counted from 0."""
        if not len(lines):
            return
        remark = self.setdefault(kind, Bunch(n=0, done=done, first=[]))
        remark.n += len(lines)
        rest = N_FIRST - len(remark.first)
        remark.first += [(file, int(line) + 1) for line in lines[:rest]]


def sensors_of(channels):
    """List channel numbers by sensor: names without their axis."""
    sensors = {}
    for i, name in enumerate(channels):
        sensors.setdefault(re.sub("_[xyz]$", "", name), []).append(i)
    return sensors


def runs(keep, breaks):
    """List slices of moments to keep, cut before each break, and moments alone.

    A moment alone is no recording: nothing tells its rate.
    """
    edges = np.flatnonzero((keep[1:] != keep[:-1]) | breaks[1:]) + 1
    bounds = [0, *edges.tolist(), len(keep)]
    pairs = [(a, b) for a, b in pairwise(bounds) if a < b and keep[a]]
    alone = np.array([a for a, b in pairs if b - a == 1], np.intp)
    return [slice(a, b) for a, b in pairs if b - a > 1], alone


def read_rows(path, n_columns, bad, *, missing=False, bar=None):
    """Yield rows of numbers (n, n_columns), block by block."""
    line = 0
    for text in blocks(path, BLOCK):
        check_line_ends(path, text, line)
        lines = range(line, line + text.count(b"\n"))
        yield parse_rows(text, n_columns, path.name, lines, bad, missing=missing)
        line = lines.stop
        if bar is not None:
            bar.step(len(text))


def mend(lines, only_nan):
    """What to do about lines that cannot be read."""
    which = "the line" if len(lines) == 1 else "them"
    return f"Mend {which}, or take the file from the archive again."


def load_subjects(form, paths, subjects, channels, null, verbose):
    """Read files of a format into a Bunch with a list of recordings."""
    check_value(form.reader, "null", null, Instance((bool, np.bool_), "True or False"))
    names = _choose(form, channels)
    numbers = [number for number in form.activities if number or null]
    data = Bunch(X=[], y=[], groups=[], channels=names, sensors=sensors_of(names))
    data.classes = [form.activities[number] for number in numbers]
    data.ids = np.array(numbers)
    data.sampling_rate, data.remarks = form.sampling_rate, Remarks()
    if form.time is not None:
        data.times = []
    columns = [form.columns[name] for name in names]
    size = sum(path.stat().st_size for path in paths)
    with Progress(form.reader, size, "B", verbose=min(verbose, 1)) as bar:
        for path, subject in zip(paths, subjects):
            values, label, times = _read(form, path, columns, bar)
            before = len(data.X)
            _append(data, form, path.name, values, label, times)
            data.groups += [subject] * (len(data.X) - before)
    if not data.X:
        raise ValueError(
            f"{form.reader} needs two moments in a row with an activity; got none in "
            f"{[path.name for path in paths]}. Moments of activity 0 are kept by "
            "null=True."
        )
    data.groups = np.array(data.groups)
    return data


def _choose(form, channels):
    """List the channels that are named by a word of theirs, as the file has them."""
    words = [channels] if isinstance(channels, str) else channels
    if not np.iterable(words) or not all(isinstance(word, str) for word in words):
        raise TypeError(
            f"{form.reader} needs a list of names as channels; got {channels!r}. Give "
            "['acc', 'gyro'], say."
        )
    words = list(words)
    chosen = set()
    for word in words:
        named = {name for name in form.columns if f"_{word}_" in f"_{name}_"}
        if not named:
            known = sorted(sensors_of(form.columns))
            advice = f"Choose among {known}. {form.unread}".strip()
            raise ValueError(
                f"{form.reader} needs channels that the files have; got {word!r}. "
                f"{advice}"
            )
        chosen |= named
    if not chosen:
        raise ValueError(
            f"{form.reader} needs a channel to read; got channels=[]. Leave it out for "
            "the default."
        )
    return [name for name in form.columns if name in chosen]


def _read(form, path, columns, bar):
    """Read a file: values (n, n_channels), numbers of activities, times or None."""
    bad = BadLines(mend)
    values, labels, times = [], [], []
    line = 0
    for rows in read_rows(path, form.n_columns, bad, missing=form.has_gaps, bar=bar):
        some = rows[:, columns]
        check_range(some, path.name, range(line, line + len(rows)), bad)
        with np.errstate(over="ignore"):  # check_range has noted them
            values.append(some.astype(np.float32))
        labels.append(rows[:, form.label])
        times.append(rows[:, form.time or 0])
        line += len(rows)
    if not line:
        raise ValueError(
            f"{path.name}, line 1: {form.n_columns} numbers are needed; got an empty "
            "file. Take it from the archive again."
        )
    bad.refuse()
    labels = np.concatenate(labels)
    for i in np.flatnonzero(~np.isin(labels, list(form.activities))):
        needed = f"an activity among {list(form.activities)} is needed"
        bad.add(path.name, i, needed, f"{labels[i]:g}")
    bad.refuse()
    times = None if form.time is None else np.concatenate(times)
    if times is not None:
        for i in np.flatnonzero(np.isnan(times)):
            bad.add(path.name, i, "a time stamp is needed", "NaN")
        bad.refuse()
    return np.concatenate(values), labels, times


def _append(data, form, file, values, labels, times):
    """Cut a file into recordings, and note what was left out."""
    keep, breaks = np.isin(labels, data.ids), np.zeros(len(labels), bool)
    data.remarks.note("activity 0", "left out", file, np.flatnonzero(~keep))
    if times is not None:
        step = np.diff(times) * form.sampling_rate  # 1 from each moment to the next
        breaks[1:] = ~((step > 0.5) & (step < 1.5))
        data.remarks.note("jump in time", "cut", file, np.flatnonzero(breaks))
    missing = np.isnan(values).any(axis=1) & keep
    data.remarks.note("missing value", "NaN", file, np.flatnonzero(missing))
    pieces, alone = runs(keep, breaks)
    data.remarks.note(*ALONE, file, alone)
    for piece in pieces:
        data.X.append(np.ascontiguousarray(values[piece].T))
        data.y.append(np.searchsorted(data.ids, labels[piece]).astype(np.uint8))
        if times is not None:
            data.times.append(times[piece])
