"""Read recordings in the format of the Sussex-Huawei Locomotion challenge.

The SHL data [1]_ are a folder with one text file per channel. Each line is a segment of
the recording: one minute at 100 Hz, hence 6,000 numbers. Lines of the same number in
all files belong together. ``Label.txt`` has the activity at each moment, in the same
shape. The segments are shuffled. ``train_order.txt`` has one line for each segment,
with the place of the segment in the recording, counted from 1. The training part has
16,310 segments, about 1 GB of text per channel.

Text is parsed block by block into the array that is returned, so that reading needs
little more memory than this array. With a cache the array is on the disk.

References
----------
.. [1] H. Gjoreski, M. Ciliberto, L. Wang, F. J. Ordonez Morales, S. Mekki, S. Valentin,
   D. Roggen, "The University of Sussex-Huawei Locomotion and Transportation Dataset for
   Multimodal Analytics with Mobile Devices", IEEE Access 6, 2018.
"""

import os
import re
import sys
from numbers import Integral
from pathlib import Path

import numpy as np
from sklearn.utils import Bunch

from skaug._checks import OneOf, check_value
from skaug._progress import Progress
from skaug.signals._cache import cached
from skaug.signals._decimals import NotANumberError, parse_lines
from skaug.signals._lines import (
    LONGEST_LINE,
    BadLines,
    blocks,
    check_line_ends,
    check_range,
    note_unknown_labels,
    open_text,
    parse_rows,
)

__all__ = ["load_shl"]

AXES = {"Acc": "xyz", "Gyr": "xyz", "Mag": "xyz", "LAcc": "xyz", "Gra": "xyz"}
AXES["Ori"] = "wxyz"
CLASSES = ("Null", "Still", "Walk", "Run", "Bike", "Car", "Bus", "Train", "Subway")
SAMPLING_RATE = 100.0
BLOCK = 2**19  # bytes of text parsed at a time
N_NUMBERS = 20  # of lines, that a message lists


def load_shl(
    folder,
    channels=("Acc", "Gyr", "Mag"),
    *,
    segments=None,
    missing="raise",
    cache=None,
    verbose=0,
):
    r"""Read a folder in the format of the SHL challenge.

    Parameters
    ----------
    folder : str or path
        Folder with a text file per channel, ``Acc_x.txt`` and so on, all with the same
        number of lines and of numbers per line. ``Label.txt`` and a file ``*order.txt``
        are read if they exist.
    channels : sequence of str, default=("Acc", "Gyr", "Mag")
        Names of sensors, which stand for their axes x, y, z ("Ori": w, x, y, z), or of
        single files such as "Gra_z" and "Pressure". The default is the choice of IHDA's
        paper: accelerometer, gyroscope, magnetometer. Units are those of the files:
        m/s2, rad/s, uT.
    segments : slice or array-like of int or bool, default=None
        Which lines to read, as an index of an array; by default all. Each line is read
        once, in the order of the files. Lines after the last of them are not checked.
    missing : {"raise", "keep"}, default="raise"
        What NaN among the numbers does: it is refused like any bad line, or it is kept
        in ``X``, where :func:`~skaug.signals.fill_gaps` can fill it. A label is never
        missing.
    cache : str or path, default=None
        Folder in which the arrays are kept as ``.npy`` files, beside checksums of the
        text and of the arrays. If both are the same at the next call, nothing is
        parsed. What a process that was killed has left is removed. With a cache
        the arrays are read-only memory maps; without one they are in memory.
    verbose : int, default=0
        0 is silent, 1 shows a progress bar, which counts bytes; more is the same.

    Returns
    -------
    data : Bunch
        ``X``: ndarray of shape (n_segments, n_channels, n_times), float32.
        ``y``: ndarray of shape (n_segments, n_times), uint8, the label at each moment,
        or None without ``Label.txt``.
        ``order``: ndarray of shape (n_segments,), the place of each segment in the
        recording, counted from 0; None without ``*order.txt``. Neighbouring segments
        are from the same trip. Groups such as ``order // 60`` keep them on one side of
        a split.
        ``segments``: ndarray of shape (n_segments,), the lines read, counted from 0.
        ``channels``: list of str, names of the channels.
        ``sensors``: dict, channel numbers by sensor, as
        :class:`~skaug.signals.MagnitudeSpectrum` takes them. ("Ori" is a unit
        quaternion, so its magnitude is always 1.)
        ``classes``: list of str, SHL's names of the labels 0 (unknown) to 8.
        ``sampling_rate``: float, in Hz.

    Raises
    ------
    FileNotFoundError
        If the folder or the file of a channel does not exist.
    OSError
        If `cache` has no room for the arrays, or cannot be written.
    ValueError
        If a file is not as described. The message names the file and the line. All
        lines that cannot be read, up to a thousand, are in one message; ``lines`` of
        the error has their numbers, counted from 0, to leave out by `segments`. If a
        file is cut off within the digits of its last number, this is not detected.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from skaug.signals import load_shl
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("Acc_x", "Acc_y", "Acc_z"):
    ...         _ = Path(folder, f"{name}.txt").write_text("0.5 0.25\n1 9.81\n")
    ...     _ = Path(folder, "Label.txt").write_text("1 1\n2 2\n")
    ...     data = load_shl(folder, channels=["Acc"])
    >>> data.X.shape
    (2, 3, 2)
    >>> data.sensors
    {'acc': [0, 1, 2]}
    >>> data.classes[data.y[1, 0]]
    'Walk'
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(
            f"load_shl needs a folder; got {folder}, which is not one. Check its path."
        )
    check_value("load_shl", "missing", missing, OneOf("raise", "keep"))
    channels, sensors = _channels_by_sensor(channels)
    paths = [folder / f"{name}.txt" for name in channels]
    label_path = folder / "Label.txt"
    has_labels = os.path.lexists(label_path)
    if has_labels:
        paths.append(label_path)
    for path in paths:
        if not path.is_file():
            raise FileNotFoundError(
                f"load_shl needs {path.name} in {folder}; got a folder without it. "
                f"{_way_to(path.name, folder)}"
            )
    n_lines, n_times = _count_lines_and_numbers(paths[0])
    order = _read_order(folder, n_lines, paths[0].name)
    wanted = _lines_wanted(segments, n_lines)
    data = Bunch(
        order=None if order is None else order[wanted],
        segments=wanted,
        channels=channels,
        sensors=sensors,
        classes=list(CLASSES),
        sampling_rate=SAMPLING_RATE,
    )
    kinds = {"X": (np.float32, (len(wanted), len(channels), n_times))}
    if has_labels:
        kinds["y"] = np.uint8, (len(wanted), n_times)
    keep = missing == "keep"
    read = _Reader(paths, kinds["X"][1], has_labels, wanted, n_lines, keep, verbose)
    if cache is None:
        arrays = [np.empty(shape, dtype) for dtype, shape in kinds.values()]
        read(*arrays)
    else:
        key = (wanted.tolist(), missing) if keep else wanted.tolist()
        arrays = cached(cache, key, paths, kinds, read)
    data.X, data.y = arrays if has_labels else (*arrays, None)
    return data


def _way_to(name, folder):
    """What to do about a file that is missing: it may be in folders inside."""
    found = [path.parent for path in folder.glob(f"*/{name}")]
    found += [path.parent for path in folder.glob(f"*/*/{name}")]
    if not found:
        return "Name other channels=, or complete the folder."
    names = ", ".join(sorted(str(path.relative_to(folder)) for path in found))
    return (
        f"It is in {names}, as the challenge has a folder per position of the phone: "
        f"load_shl({str(min(found))!r})."
    )


def _channels_by_sensor(channels):
    """List names of channels, and their numbers by sensor."""
    channels = [channels] if isinstance(channels, str) else channels
    if not np.iterable(channels) or not all(isinstance(c, str) for c in channels):
        raise TypeError(
            f"load_shl needs a list of names as channels; got {channels!r}. Give "
            "['Acc', 'Pressure'], say."
        )
    names, sensors = [], {}
    for channel in channels:
        axes = AXES.get(channel)
        files = [f"{channel}_{axis}" for axis in axes] if axes else [channel]
        for name in files:
            sensor = re.sub("_[wxyz]$", "", name).lower()
            sensors.setdefault(sensor, []).append(len(names))
            names.append(name)
    if len(set(names)) < len(names) or not names:
        raise ValueError(
            f"load_shl needs channels, each of them once; got {list(channels)}. A "
            "sensor such as 'Acc' stands for 'Acc_x', 'Acc_y' and 'Acc_z'."
        )
    return names, sensors


def _count_lines_and_numbers(path):
    """Count the lines of a file, and the numbers in its first line."""
    n_ends, tail = 0, b""
    with open_text(path) as file:
        start = file.tell()
        first = file.readline(LONGEST_LINE)
        file.seek(start)
        while block := file.read(2**22):
            n_ends += np.count_nonzero(np.frombuffer(block, np.uint8) == ord("\n"))
            tail = (tail + block)[-4096:]
    n_times = len(first.split())
    if not n_times:
        raise ValueError(
            f"{path.name}, line 1: numbers are needed; got "
            f"{'an empty line' if first else 'an empty file'}. Mend the file, or take "
            "it from the archive again."
        )
    check_line_ends(path, first, 0)
    blank_end = tail[len(tail.rstrip()) :]
    return n_ends - blank_end.count(b"\n") + 1, n_times


def _lines_wanted(segments, n_lines):
    """Return the numbers of the lines to read, sorted and each of them once."""
    if segments is None:
        return np.arange(n_lines)
    if isinstance(segments, Integral):
        raise ValueError(
            f"load_shl needs segments to be a slice or a list; got {segments}. The "
            f"first {segments} are slice({segments}), and [{segments}] is a single one."
        )
    wanted = np.zeros(n_lines, bool)
    index = segments if isinstance(segments, slice) else np.asarray(segments)
    try:
        if isinstance(index, slice) or index.size:
            wanted[index] = True
    except (IndexError, ValueError) as error:
        raise ValueError(
            f"load_shl needs segments to be an index of {n_lines} lines; got another, "
            f"for which NumPy says: {error}. Give numbers from 0 to {n_lines - 1}."
        ) from None
    if not wanted.any():
        raise ValueError(
            "load_shl needs a segment to read; got segments= that name none of the "
            f"{n_lines} lines. Leave it out to read all."
        )
    return np.flatnonzero(wanted)


class _Reader:
    """Reads the wanted lines of the files into arrays."""

    def __init__(self, paths, shape, has_labels, wanted, n_lines, keep, verbose):
        self.paths, self.shape, self.has_labels = paths, shape, has_labels
        self.wanted, self.n_lines = wanted, n_lines
        self.keep, self.verbose = keep, verbose

    def __call__(self, X, y=None):
        size = sum(path.stat().st_size for path in self.paths)
        bad = BadLines(_advice)
        with Progress("load_shl", size, "B", verbose=min(self.verbose, 1)) as bar:
            if self.has_labels:  # The smallest file is first, to find errors soon.
                self._read(self.paths[-1], y, bad, bar)
            for i, path in enumerate(self.paths[: self.shape[1]]):
                self._read(path, X[:, i], bad, bar)
        bad.refuse()

    def _read(self, path, out, bad, bar):
        """Read one file, block by block."""
        of_labels = self.has_labels and path is self.paths[-1]
        everything = len(self.wanted) == self.n_lines
        line = done = 0  # lines of the file passed, rows of the array filled
        # A label takes two characters, another number about ten.
        for text in blocks(path, BLOCK // 4 if of_labels else BLOCK):
            bar.step(len(text))
            check_line_ends(path, text, line)
            lines = range(line, sys.maxsize)  # the numbers of the lines in text
            if not everything:
                passed = text.split(b"\n")[:-1]
                first, last = np.searchsorted(self.wanted, [line, line + len(passed)])
                lines = self.wanted[first:last]
                text = b"".join([passed[i - line] + b"\n" for i in lines])
                line += len(passed)
            values = self._parse(path.name, text, lines, of_labels, bad)
            if everything:
                line += len(values)
            if line > self.n_lines:
                break
            if not bad.lines:
                out[done : done + len(values)] = values
            done += len(values)
            if done == len(self.wanted) and not everything:
                return
        if line != self.n_lines:
            raise ValueError(
                f"{path.name}, line {min(line, self.n_lines) + 1}: "
                f"{self.n_lines} lines are needed, as {self.paths[0].name} has; got "
                f"{'more' if line > self.n_lines else line}. Complete the shorter file."
            )

    def _parse(self, file, text, lines, of_labels, bad):
        """Parse lines into an array with one row per line; note those that are bad."""
        as_in = f", as in line 1 of {self.paths[0].name}"
        keep = self.keep and not of_labels
        values = parse_rows(
            text, self.shape[2], file, lines, bad, missing=keep, as_in=as_in
        )
        if of_labels:
            note_unknown_labels(values, len(CLASSES), file, lines, bad)
        else:
            check_range(values, file, lines, bad)
        return values


def _advice(lines, only_nan):
    """What to do about lines that cannot be read."""
    numbers = sorted(set(lines))
    if len(lines) == 1:
        text = "Mend the line, or name all others in segments="
    elif len(numbers) <= N_NUMBERS:
        text = f"Mend them, or name in segments=, from 0 on, all but {numbers}"
    else:
        text = "Mend them, or name in segments= all but the error's `lines`"
    return f"{text}. missing='keep' keeps NaN." if only_nan else f"{text}."


def _read_order(folder, n_lines, channel):
    """Read the places of the segments in the recording, counted from 0, if given."""
    files = sorted(path for path in folder.glob("*order.txt") if path.is_file())
    if not files:
        return None
    if len(files) > 1:
        raise ValueError(
            f"load_shl needs one file *order.txt at most; got "
            f"{[file.name for file in files]}. Keep the file of these segments only."
        )
    name = files[0].name
    with open_text(files[0]) as file:
        text = file.read()
    try:
        order, counts = parse_lines(text.rstrip())
    except NotANumberError as error:
        raise ValueError(
            f"{name}, line {error.line + 1}: a whole number is needed; got "
            f"{error.token!r}. Mend the line, or take the file away."
        ) from None
    if len(counts) != n_lines or (counts != 1).any():
        ragged = np.flatnonzero(counts != 1)
        wrong = ragged[0] if len(ragged) else min(len(counts), n_lines)
        raise ValueError(
            f"{name}, line {wrong + 1}: a number for each of the {n_lines} lines of "
            f"{channel} is needed, one per line; got {len(order)} numbers in "
            f"{len(counts)} lines. Mend the file, or take it away."
        )
    order -= 1
    right = np.isin(order, np.arange(n_lines))
    first_of = np.unique(order, return_index=True)[1]
    right &= np.isin(np.arange(n_lines), first_of)  # No place may come again.
    if not right.all():
        line = right.argmin()
        raise ValueError(
            f"{name}, line {line + 1}: places from 1 to {n_lines}, each of them once, "
            f"are needed; got {order[line] + 1:g}. Mend the line, or take the file "
            "away."
        )
    return order.astype(np.intp)
