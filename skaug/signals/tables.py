"""From a long table, a row per moment, to recordings and frames.

A table has no ends of recordings in it. Two rows that follow each other are of one
recording if they are of one person and one sampling interval apart.
"""

import numpy as np
from sklearn.utils import Bunch

from skaug._checks import Number, OneOf, check_value
from skaug._labels import check_groups, check_labels
from skaug.signals._columns import check_names, column_of, columns_of_numbers
from skaug.signals._recordings import SAMPLES, as_whole
from skaug.signals._times import as_times, steps_of
from skaug.signals.frames import frame_segments

__all__ = ["frames_from_table", "recordings_from_table"]

RULES = {
    "rate": Number(0, open_low=True, hint="It is the number of rows per second.")
    | OneOf(None),
    "jump": Number(1, open_low=True, hint="It is a number of sampling intervals."),
    "cut_at_labels": OneOf(True, False),
}
CAUSES = ("group", "time", "label")


def recordings_from_table(
    frame,
    channels,
    label=None,
    groups=None,
    *,
    time=None,
    rate=None,
    jump=1.5,
    cut_at_labels=True,
):
    """Cut a table with a row per moment into recordings.

    A new recording begins where the person or the label changes, and where time jumps:
    by more than `jump` sampling intervals, or backwards. Without `time`, rows of a
    person that follow each other are one recording.

    Parameters
    ----------
    frame, channels, label, groups, time, rate, jump, cut_at_labels : objects
        As for :func:`frames_from_table`.

    Returns
    -------
    recordings : Bunch
        ``X``: list of ndarray of shape (n_channels, n_times), the recordings, in the
        order in which persons first occur. float64, or float32 if all columns fit.
        ``y``: list of ndarray of shape (n_times,), the label of each moment, or None.
        ``groups``: ndarray of shape (n_recordings,), the person of each recording.
        ``times``: list of ndarray of shape (n_times,), those of `time`, or None.
        ``first_row``: ndarray of shape (n_recordings,), the row of the table, counted
        from 0, at which each recording begins.
        ``cuts``: dict, the number of cuts by cause: "group", "time" and "label". What
        happens at the same row counts once, as the first of them.
        ``sampling_rate``: float, rows per second, or per unit of time if time is in
        numbers and `rate` is not given. None without both.
        ``channels``: list of str, names of the channels.

    Raises
    ------
    ValueError
        If a column does not exist or is of another kind, if labels, groups or times are
        missing, if rows are not in the order of time, or if time and `rate` do not
        agree.

    See Also
    --------
    frames_from_table : Cut frames at once.
    fill_gaps : Fill short gaps of the recordings.
    resample : Bring recordings to another sampling rate.

    Examples
    --------
    >>> from skaug.signals import recordings_from_table
    >>> table = {
    ...     "acc": [0.1, 0.2, 0.3, 0.4, 0.5],
    ...     "what": ["sit", "sit", "run", "run", "run"],
    ...     "who": ["Ann", "Ann", "Ann", "Bob", "Bob"],
    ...     "seconds": [0.0, 0.5, 9.0, 0.0, 0.5],
    ... }
    >>> recordings = recordings_from_table(
    ...     table, ["acc"], "what", "who", time="seconds"
    ... )
    >>> [len(labels) for labels in recordings.y]
    [2, 1, 2]
    >>> recordings.cuts
    {'group': 1, 'time': 1, 'label': 0}
    """
    owner = "recordings_from_table"
    rules = {"rate": rate, "jump": jump, "cut_at_labels": cut_at_labels}
    table = _Table(frame, channels, label, groups, time, owner, **rules)
    return table.recordings()


def frames_from_table(
    frame,
    channels,
    label=None,
    groups=None,
    *,
    time=None,
    rate=None,
    frame_length,
    frame_step=None,
    jump=1.5,
    cut_at_labels=True,
    missing="raise",
):
    """Cut a table with a row per moment into frames, with labels and groups.

    The table is cut into recordings where person or label change or time jumps, as
    :func:`recordings_from_table` does, and these into frames, as
    :func:`frame_segments` does.

    Parameters
    ----------
    frame : DataFrame, dict of columns or structured array
        The table, of pandas, polars or NumPy. Rows of a person are in the order of
        time. With `time`, rows of several persons may alternate.
    channels : list of str
        Names of the columns with signals. Missing numbers become NaN.
    label : str, default=None
        Name of the column with the label of each moment, of which none may be missing.
    groups : str, default=None
        Name of the column with the person, or whatever the groups are. By default the
        table is of one person, and each recording is a group.
    time : str, default=None
        Name of the column with the time: numbers, datetimes or time differences.
        Numbers are seconds if `rate` is given, and of any unit otherwise.
    rate : float, default=None
        Rows per second. By default the sampling interval is the median of the steps of
        time within persons.
    frame_length : int
        Samples per frame; 5 seconds at 100 Hz are 500.
    frame_step : int, default=None
        Samples from the start of a frame to the start of the next; by default
        `frame_length`.
    jump : float, default=1.5
        A step of time of more than so many sampling intervals is a cut. The default
        cuts where a single row is lost. Take more where the times of rows vary.
    cut_at_labels : bool, default=True
        Whether to cut where the label changes, too, since two activities that follow
        each other in a table may not have done so in time. All frames then have one
        label, and their ``purity`` is 1. But a device does not know where an activity
        begins, and frames that begin there are easier than those to come. False lets
        frames run across where person and time allow it; ``purity`` tells which are
        mixed. Without `label` there is nothing to cut at.
    missing : {"raise", "keep", "drop"}, default="raise"
        What to do about frames in which a sample is NaN: as in :func:`frame_segments`.

    Returns
    -------
    frames : Bunch
        What :func:`frame_segments` returns: ``X``, ``y``, ``purity``, ``groups``,
        ``segment``, the number of each frame's recording, ``missing``, ``n_missing``,
        ``n_short``, recordings shorter than a frame, and ``n_unused``, rows at the ends
        of recordings that fill no frame.
        ``recordings``: dict of ndarray of shape (n_recordings,), with a column each for
        ``groups``, ``first_row``, ``n_samples`` and ``n_frames``. ``pandas.DataFrame``
        shows it as a table.
        ``cuts``: dict, the number of cuts by cause: "group", "time" and "label".
        ``sampling_rate``: float, rows per second, or per unit of time if time is in
        numbers and `rate` is not given. None without both.
        ``channels``: list of str, names of the channels.

    Raises
    ------
    ValueError
        If a column does not exist or is of another kind, if labels, groups or times are
        missing, if rows are not in the order of time, if time and `rate` do not agree,
        or if no recording fills a frame.

    See Also
    --------
    recordings_from_table : Cut into recordings only, to fill gaps or resample first.

    Examples
    --------
    >>> import numpy as np
    >>> from skaug.signals import frames_from_table
    >>> seconds = np.arange(1200) / 50
    >>> table = {
    ...     "x": np.sin(seconds),
    ...     "y": np.cos(seconds),
    ...     "activity": np.where(seconds < 10, "still", "walk"),
    ...     "person": np.repeat(["Ann", "Bob"], 600),
    ... }
    >>> frames = frames_from_table(
    ...     table, ["x", "y"], "activity", "person", rate=50, frame_length=128
    ... )
    >>> frames.X.shape
    (7, 2, 128)
    >>> frames.groups
    array(['Ann', 'Ann', 'Ann', 'Bob', 'Bob', 'Bob', 'Bob'], dtype='<U3')
    >>> frames.n_unused
    304
    """
    owner = "frames_from_table"
    rules = {"rate": rate, "jump": jump, "cut_at_labels": cut_at_labels}
    table = _Table(frame, channels, label, groups, time, owner, **rules)
    frame_length = as_whole(frame_length)
    check_value(owner, "frame_length", frame_length, SAMPLES)
    lengths = np.diff(table.starts, append=table.n_rows)
    _check_lengths(lengths, frame_length, table.cuts)
    frames = frame_segments(
        table.pieces(table.signals),
        None if label is None else table.pieces(table.codes),
        table.groups_of_recordings(),
        frame_length=frame_length,
        frame_step=frame_step,
        missing=missing,
        channels_last=False,
    )
    if label is not None:
        frames.y = table.classes[frames.y]
    n_frames = np.bincount(frames.segment, minlength=len(lengths))
    frames.recordings = {
        "groups": table.groups_of_recordings(),
        "first_row": table.first_rows(),
        "n_samples": lengths,
        "n_frames": n_frames,
    }
    return Bunch(**frames, **table.record())


class _Table:
    """A table that was read, and where its recordings begin.

    ``signals`` are (n_channels, n_rows), ``codes`` (n_rows,) numbers of ``classes``,
    and ``starts`` (n_recordings,) the first row of each recording.
    """

    def __init__(self, frame, channels, label, groups, time, owner, **rules):
        for name, rule in RULES.items():
            check_value(owner, name, rules[name], rule)
        self.owner, self.rate = owner, rules["rate"]
        others = {"label": label, "groups": groups, "time": time}
        self.channels = check_names(frame, channels, others, owner)
        self.group_codes, self.persons = _coded(frame, groups, check_groups, owner)
        self.codes, self.classes = _coded(frame, label, check_labels, owner)
        self.times = None
        if time is not None:
            column = column_of(frame, time)
            self.times = as_times(column, owner, f"column {time!r}")
        self._sort_by_person()
        order = self.order
        self.signals = columns_of_numbers(frame, self.channels, order, owner)
        self.n_rows = self.signals.shape[1]
        interval = self._interval(time)
        self.sampling_rate = self.rate or (interval and 1 / interval)
        self.starts, self.cuts = self._cut(interval, **rules)

    def _sort_by_person(self):
        """Sort rows by person, if they alternate and time tells where to cut."""
        self.order, codes = None, self.group_codes
        if codes is None or self.times is None:
            return
        _, first, codes = np.unique(codes, return_index=True, return_inverse=True)
        # Persons in the order in which they occur.
        rank = np.argsort(np.argsort(first))[codes]
        if np.any(rank[1:] < rank[:-1]):
            self.order = np.argsort(rank, kind="stable")
            self.group_codes = self.group_codes[self.order]
            self.times = self.times[self.order]
            if self.codes is not None:
                self.codes = self.codes[self.order]

    def _steps(self):
        """Steps of time from each row to the next; NaN where the person changes."""
        steps = steps_of(self.times)
        if self.group_codes is not None:
            steps[self.group_codes[1:] != self.group_codes[:-1]] = np.nan
        return steps

    def _interval(self, name):
        """Find the sampling interval, and compare it with the rate."""
        given = self.rate and 1 / self.rate
        if self.times is None:
            return given
        steps = self._steps()
        n_back, steps = np.sum(steps < 0), steps[steps >= 0]
        # A clock that starts anew goes back once in a recording, of three rows or more.
        if 2 * n_back > len(steps):
            raise ValueError(
                f"{self.owner} needs rows in the order of time; got {n_back} of "
                f"{n_back + len(steps)} steps backwards in column {name!r}. Sort the "
                f"table, such as by frame.sort_values({name!r}, kind='stable')."
            )
        if not len(steps):
            return given
        interval = float(np.median(steps))
        if interval == 0:
            raise ValueError(
                f"{self.owner} needs times that tell rows apart; got the same time in "
                f"most rows that follow each other, in column {name!r}. Give rate= in "
                "place of time=."
            )
        if given and not 0.5 < interval / given < 2:
            raise ValueError(
                f"{self.owner} needs time in seconds, {given:g} from row to row at "
                f"rate={self.rate:g}; got a median step of {interval:g} in column "
                f"{name!r}. Divide by the unit, such as 1000 for milliseconds, or leave"
                " out rate."
            )
        return given or interval

    def _cut(self, interval, rate, jump, cut_at_labels):
        """Find the rows at which recordings begin, and count them by cause."""
        causes = dict.fromkeys(CAUSES, np.zeros(self.n_rows - 1, bool))
        if self.group_codes is not None:
            causes["group"] = self.group_codes[1:] != self.group_codes[:-1]
        if self.times is not None and interval:
            steps = self._steps()  # comparisons with NaN are False
            causes["time"] = (steps < 0) | (steps > jump * interval)
        if cut_at_labels and self.codes is not None:
            causes["label"] = self.codes[1:] != self.codes[:-1]
        cut, counts = np.zeros(self.n_rows - 1, bool), {}
        for cause, rows in causes.items():
            counts[cause] = int(np.sum(rows & ~cut))
            cut = cut | rows
        return np.concatenate([[0], np.flatnonzero(cut) + 1]), counts

    def pieces(self, values):
        """Cut an array along its last axis, that of rows, into views."""
        return np.split(values, self.starts[1:], axis=-1)

    def first_rows(self):
        """Rows of the table as it was given, at which recordings begin."""
        return self.starts if self.order is None else self.order[self.starts]

    def groups_of_recordings(self):
        """Group of each recording; each is one by itself if there is no column."""
        if self.group_codes is None:
            return np.arange(len(self.starts))
        return self.persons[self.group_codes[self.starts]]

    def record(self):
        """What was done, for the Bunch that is returned."""
        return {
            "cuts": self.cuts,
            "sampling_rate": self.sampling_rate,
            "channels": self.channels,
        }

    def recordings(self):
        """Return the recordings as a Bunch."""
        has_labels, has_times = self.codes is not None, self.times is not None
        return Bunch(
            X=self.pieces(self.signals),
            y=self.pieces(self.classes[self.codes]) if has_labels else None,
            groups=self.groups_of_recordings(),
            times=self.pieces(self.times) if has_times else None,
            first_row=self.first_rows(),
            **self.record(),
        )


def _coded(frame, name, check, owner):
    """Return a column as numbers (n,) of its sorted values, and these."""
    if name is None:
        return None, None
    column = column_of(frame, name)
    where = f"column {name!r}"
    dtype = getattr(column, "dtype", None)
    if isinstance(dtype, np.dtype) and dtype.kind in "biuSUmM":
        values = check(column, len(column), owner, where)
        return np.unique(values, return_inverse=True)[::-1]
    # Telling texts apart by a dict is many times faster than sorting them.
    numbers = {}
    rows = column.to_list() if hasattr(column, "to_list") else list(column)
    codes = np.array([numbers.setdefault(value, len(numbers)) for value in rows])
    try:
        values = check(list(numbers), len(numbers), owner, where)
    except ValueError:
        check(rows, len(rows), owner, where)  # says how many rows are missing
        raise
    values, order = np.unique(values, return_inverse=True)
    return order[codes], values


def _check_lengths(lengths, frame_length, cuts):
    """Refuse a table none of whose recordings fills a frame."""
    if lengths.max() < frame_length:
        reasons = ", ".join(f"{n} of {cause}" for cause, n in cuts.items())
        raise ValueError(
            "frames_from_table needs a recording of frame_length="
            f"{frame_length} rows or more; got {len(lengths)} of {lengths.max()} rows "
            f"at most, cut at changes: {reasons}. Sort rows by person and time, raise "
            "jump where times vary, or take shorter frames."
        )
