"""Read WISDM: a phone's accelerometer, with the faults of its lines on record."""

import re
from pathlib import Path

import numpy as np
from sklearn.utils import Bunch

from skaug._checks import Number, check_value
from skaug.signals._decimals import parse_lines
from skaug.signals._lines import BadLines, blocks, check_line_ends, check_range
from skaug.signals._public import ALONE, Remarks, mend, runs, sensors_of

__all__ = ["load_wisdm"]

ACTIVITIES = ("Walking", "Jogging", "Upstairs", "Downstairs", "Sitting", "Standing")
LETTERS = "ABCDEFGHIJKLMOPQRS"  # There is no N.
LETTER_ACTIVITIES = (
    "walking",
    "jogging",
    "stairs",
    "sitting",
    "standing",
    "typing",
    "brushing teeth",
    "eating soup",
    "eating chips",
    "eating pasta",
    "drinking from cup",
    "eating sandwich",
    "kicking (soccer ball)",
    "playing catch with tennis ball",
    "dribbling (basketball)",
    "writing",
    "clapping",
    "folding clothes",
)
SAMPLING_RATE = 20.0
BLOCK = 2**18  # bytes of text parsed at a time
MOST_UNREADABLE = 0.1  # share of the lines
NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
EXAMPLE = "33,Jogging,49105962326000,-0.69,12.68,0.50;"

# What is wrong with a line, or a record, and what is done about it.
EMPTY = "empty line", "left out"
SEVERAL = "several records in a line", "all read"
NO_SEMICOLON = "no semicolon at the end", "read"
COMMA = "comma before the semicolon", "read"
NO_VALUE = "value left out", "NaN"
UNREADABLE = "unreadable record", "left out"
ZEROS = "zeros on all axes", "NaN"
NO_TIME = "time stamp 0", "time between the neighbours"
NO_TIME_AT_CUT = "time stamp 0 beside a cut", "left out"
AGAIN = "time stamp again", "kept"
JUMP = "jump in time", "cut"


def load_wisdm(file, *, max_gap=1.0):
    """Read WISDM's records of a phone's accelerometer, and mend their known faults.

    A line is ``user,activity,timestamp,x,y,z;`` in ``WISDM_ar_v1.1_raw.txt``: 36 people
    at 20 Hz [1]_. The file has lines that other readers stumble over, or drop silently.
    Here what can be read is read, and ``remarks`` tells what was found and where. Files
    of the set of 2019 [2]_ are read too: 51 people, with letters A to S as activities.

    Parameters
    ----------
    file : str, path or list of them
        The file ``WISDM_ar_v1.1_raw.txt``, or files of the set of 2019, such as
        ``raw/phone/accel/data_1600_accel_phone.txt``. A folder stands for all such
        files in it.
    max_gap : float, default=1.0
        A recording is cut where successive time stamps are more than this many seconds
        apart. Phones do not keep to 20 Hz, and some wrote 10 samples per second, so the
        limit is generous. At ``1 / 20`` every missing sample would be a cut.

    Returns
    -------
    data : Bunch
        ``X``: list of ndarray (3, n_times), float32, the recordings, in m/s2 with
        gravity (rad/s, for a gyroscope's files of 2019). They are cut where the person
        changes, and where time jumps or runs backwards. What was left out in a line, or
        zero on all axes of an accelerometer, is NaN, for
        :func:`~skaug.signals.fill_gaps` to fill.
        ``y``: list of ndarray (n_times,), uint8, the label at each moment, a number of
        ``classes``.
        ``groups``: ndarray of shape (n_recordings,), int64, the person.
        ``times``: list of ndarray (n_times,), float64, time stamps in seconds.
        ``channels``: list of str, "acc_x" and so on ("gyro_x" for a gyroscope).
        ``sensors``: dict, channel numbers by sensor, as
        :class:`~skaug.signals.MagnitudeSpectrum` takes them.
        ``classes``: list of str, names of the labels.
        ``sampling_rate``: float, 20 Hz, as published.
        ``remarks``: dict, by kind a Bunch with how many lines (``n``), what was
        ``done``, and the ``first`` of them as (file, line). Kinds are "empty line",
        "several records in a line", "no semicolon at the end", "comma before the
        semicolon", "value left out", "unreadable record", "zeros on all axes", "time
        stamp 0", "time stamp 0 beside a cut", "time stamp again", "jump in time" and
        "moment between two cuts".

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If more than a tenth of the lines has an unreadable record.

    See Also
    --------
    frame_segments : Cut the recordings into frames.
    fill_gaps : Fill what is missing.

    References
    ----------
    .. [1] J. R. Kwapisz, G. M. Weiss, S. A. Moore, "Activity Recognition using Cell
       Phone Accelerometers", SensorKDD 2010.
       https://www.cis.fordham.edu/wisdm/dataset.php
    .. [2] G. M. Weiss, K. Yoneda, T. Hayajneh, "Smartphone and Smartwatch-Based
       Biometrics Using Activities of Daily Living", IEEE Access 7, 2019.
       https://doi.org/10.24432/C5HK59

    Examples
    --------
    Two records are on one line, and one has no z:

    >>> import tempfile
    >>> from pathlib import Path
    >>> from skaug.signals import load_wisdm
    >>> text = '''33,Jogging,49105962326000,-0.6946377,12.680544,0.50395286;
    ... 33,Jogging,49106062271000,5.01,11.26,0.95;33,Jogging,49106112167000,4.9,10.8,;
    ... 33,Jogging,49106222305000,-0.61291564,18.496431,3.0237172;
    ... '''
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "WISDM_ar_v1.1_raw.txt")
    ...     _ = path.write_text(text)
    ...     data = load_wisdm(path)
    >>> data.X[0].shape, data.X[0][2]
    ((3, 4), array([0.50395286, 0.95      ,        nan, 3.0237172 ], dtype=float32))
    >>> for kind, remark in data.remarks.items():
    ...     print(f"{kind}: {remark.n}, {remark.done}, {remark.first}")
    several records in a line: 1, all read, [('WISDM_ar_v1.1_raw.txt', 2)]
    value left out: 1, NaN, [('WISDM_ar_v1.1_raw.txt', 2)]
    """
    hint = "1.0 is one second."
    check_value("load_wisdm", "max_gap", max_gap, Number(0, open_low=True, hint=hint))
    paths = _paths(file)
    dialect = _Dialect(paths[0])
    channels = [f"{dialect.sensor}_{axis}" for axis in "xyz"]
    data = Bunch(
        X=[],
        y=[],
        groups=[],
        times=[],
        channels=channels,
        sensors=sensors_of(channels),
        classes=list(dialect.classes),
        sampling_rate=SAMPLING_RATE,
        remarks=Remarks(),
    )
    for path in paths:
        numbers, lines = _read(path, dialect, data.remarks)
        _append(data, path.name, numbers, lines, max_gap)
    if not data.X:
        raise ValueError(
            "load_wisdm needs two records of a person that follow each other within "
            f"max_gap={max_gap:g} s; got none in {[path.name for path in paths]}. Sort "
            "the lines by time, or take the file from the archive again."
        )
    data.groups = np.array(data.groups)
    return data


def _paths(file):
    """List the files that an argument stands for."""
    paths = []
    for one in file if isinstance(file, (list, tuple)) else [file]:
        path = Path(one)
        if path.is_dir():
            found = sorted(path.glob("WISDM_ar_v*_raw.txt"))
            paths += found or sorted(path.glob("data_*.txt"))
        else:
            paths.append(path)
    for path in paths:
        if not path.is_file():
            raise FileNotFoundError(
                f"load_wisdm needs a file such as WISDM_ar_v1.1_raw.txt; got {path}, "
                "which is none. Check its path."
            )
    if not paths:
        raise FileNotFoundError(
            "load_wisdm needs a file such as WISDM_ar_v1.1_raw.txt or "
            f"data_1600_accel_phone.txt; got {file} without one. Check its path."
        )
    return paths


class _Dialect:
    """Names or letters of activities, and the sensor, by the first file."""

    def __init__(self, path):
        text = next(blocks(path, BLOCK), b"")
        first = re.search(rb"\d\s*,\s*([A-Za-z]+)\s*,", text)
        is_letter = first is not None and len(first[1]) == 1
        self.words = list(LETTERS if is_letter else ACTIVITIES)
        self.classes = LETTER_ACTIVITIES if is_letter else ACTIVITIES
        self.sensor = "gyro" if "gyro" in path.name.lower() else "acc"
        start = rf"\d{{1,9}},(?:{'|'.join(self.words)}),\d{{1,18}}"
        self.good = re.compile(rf"{start}(?:,{NUMBER}){{3}};\r?".encode()).fullmatch
        record = rf"{start}(?:,(?:{NUMBER}|nan)){{3}}".encode()
        self.record = re.compile(record).fullmatch

    def numbers(self, records):
        """Parse records into user, label, time stamp, x, y and z, (n, 6)."""
        text = b"\n".join(records)
        for code, word in enumerate(self.words):
            text = text.replace(f",{word},".encode(), b" %d " % code)
        values, _ = parse_lines(text.translate(SEPARATORS), missing=True)
        return values.reshape(-1, 6)


SEPARATORS = bytes.maketrans(b",;", b"  ")


def _read(path, dialect, remarks):
    """Read records (n, 6), and the number of the line of each."""
    line = n_unreadable = 0
    numbers, lines, first = [np.empty((0, 6))], [np.empty(0, np.intp)], None
    for text in blocks(path, BLOCK):
        check_line_ends(path, text, line)
        records = text.split(b"\n")[:-1]
        places = range(line, line + len(records))
        if not all(map(dialect.good, records)):
            found = records
            records, places, faults = _mended(records, places, dialect)
            for fault, wrong in faults.items():
                remarks.note(*fault, path.name, wrong)
            wrong = faults.get(UNREADABLE, [])
            if wrong and first is None:
                first = wrong[0], found[wrong[0] - line]
            n_unreadable += len(wrong)
        numbers.append(dialect.numbers(records))
        lines.append(np.array(places, np.intp))
        line += text.count(b"\n")
    numbers, lines = np.concatenate(numbers), np.concatenate(lines)
    if n_unreadable > MOST_UNREADABLE * line or not len(numbers):
        _refuse(path, first, n_unreadable, line, dialect)
    bad = BadLines(mend)
    check_range(numbers[:, 3:], path.name, lines, bad)
    bad.refuse()
    return numbers, lines


def _refuse(path, first, n_unreadable, n_lines, dialect):
    """Refuse a file with too many unreadable records, or with none to read."""
    line, text = (0, b"") if first is None else first
    raise ValueError(
        f"{path.name}, line {line + 1}: a record such as {EXAMPLE!r} is needed, of the "
        f"activities {', '.join(dialect.words)}; got {text[:60].decode('latin-1')!r}. "
        f"{n_unreadable:,} of {n_lines:,} lines have an unreadable record: check that "
        "it is WISDM's file of raw data."
    )


def _mended(texts, places, dialect):
    """Split lines into records; return them, their lines, and the lines by fault."""
    records, lines, faults = [], [], {}
    for text, line in zip(texts, places):
        if dialect.good(text):
            records.append(text)
            lines.append(line)
            continue
        found, kinds = _mended_line(text, dialect)
        records += found
        lines += [line] * len(found)
        for kind in kinds:
            faults.setdefault(kind, []).append(line)
    return records, lines, faults


def _mended_line(text, dialect):
    """List the records of a line that is not as described, and its faults."""
    pieces = [piece.strip() for piece in text.split(b";")]
    kinds = [NO_SEMICOLON] if pieces[-1] else []
    pieces = [piece for piece in pieces if piece]
    if not pieces:
        return [], [EMPTY]
    if len(pieces) > 1:
        kinds.append(SEVERAL)
    records = []
    for piece in pieces:
        fields = [field.strip() for field in piece.split(b",")]
        if len(fields) == 7 and not fields[6]:
            kinds.append(COMMA)
            del fields[6]
        if len(fields) == 5:
            fields.append(b"")
        if b"" in fields[3:6]:
            kinds.append(NO_VALUE)
        record = b",".join([*fields[:3], *(field or b"nan" for field in fields[3:])])
        if dialect.record(record):
            records.append(record)
        else:
            kinds.append(UNREADABLE)
    # A line without a readable record is noted for that alone.
    return records, dict.fromkeys(kinds if records else [UNREADABLE])


def _append(data, file, numbers, lines, max_gap):
    """Cut the records of a file into recordings, and note what was mended."""
    user, label, time = numbers[:, 0], numbers[:, 1], numbers[:, 2] / 1e9
    values = numbers[:, 3:].astype(np.float32)
    if data.channels[0] == "acc_x":  # at rest it shows gravity
        zeros = (values == 0).all(axis=1)
        data.remarks.note(*ZEROS, file, lines[zeros])
        values[zeros] = np.nan
    timed = np.flatnonzero(time)
    if not len(timed):
        raise ValueError(
            f"{file}, line 1: time stamps are needed; got 0 in all {len(time)} "
            "records. Take the file from the archive again."
        )
    breaks, step = np.zeros(len(timed), bool), np.diff(time[timed])
    same = user[timed][1:] == user[timed][:-1]
    breaks[1:] = ~same | (step < 0) | (step > max_gap)
    data.remarks.note(*JUMP, file, lines[timed[1:][same & breaks[1:]]])
    data.remarks.note(*AGAIN, file, lines[timed[1:][same & (step == 0)]])
    piece = _pieces(user, timed, breaks)
    keep = piece >= 0
    data.remarks.note(*NO_TIME, file, lines[keep & (time == 0)])
    data.remarks.note(*NO_TIME_AT_CUT, file, lines[~keep])
    time = np.interp(np.arange(len(time)), timed, time[timed])
    parts, alone = runs(keep, np.diff(piece, prepend=-1) != 0)
    data.remarks.note(*ALONE, file, lines[alone])
    for part in parts:
        data.X.append(np.ascontiguousarray(values[part].T))
        data.y.append(label[part].astype(np.uint8))
        data.times.append(time[part])
        data.groups.append(int(user[part.start]))


def _pieces(user, timed, breaks):
    """Number the piece of each record, -1 for none.

    A record without time is in the piece that it has on both sides.
    """
    piece = np.concatenate([[-1], np.cumsum(breaks), [-1]])
    places = np.arange(len(user))
    before = np.searchsorted(timed, places, side="right")
    after = np.searchsorted(timed, places, side="left") + 1
    of_user = np.concatenate([[-1], user[timed]])[before] == user
    return np.where((piece[before] == piece[after]) & of_user, piece[before], -1)
