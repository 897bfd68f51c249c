"""Read PAMAP2: three IMUs and a heart rate monitor, nine people, 18 activities."""

import re
from pathlib import Path

from skaug._checks import OneOf, check_value
from skaug.signals._public import Format, load_subjects

__all__ = ["load_pamap2"]

POSITIONS = ("hand", "chest", "ankle")
ACTIVITIES = {
    0: "transient",
    1: "lying",
    2: "sitting",
    3: "standing",
    4: "walking",
    5: "running",
    6: "cycling",
    7: "Nordic walking",
    9: "watching TV",
    10: "computer work",
    11: "car driving",
    12: "ascending stairs",
    13: "descending stairs",
    16: "vacuum cleaning",
    17: "ironing",
    18: "folding laundry",
    19: "house cleaning",
    20: "playing soccer",
    24: "rope jumping",
}
# Of the 17 columns of an IMU; four of orientation follow, which are invalid.
OF_IMU = ["temperature"]
OF_IMU += [f"{s}_{axis}" for s in ("acc16", "acc6", "gyro", "mag") for axis in "xyz"]
COLUMNS = {"heart_rate": 2}
COLUMNS |= {
    f"{position}_{name}": 3 + 17 * i + j
    for i, position in enumerate(POSITIONS)
    for j, name in enumerate(OF_IMU)
}
FORMAT = Format(
    reader="load_pamap2",
    n_columns=54,
    columns=COLUMNS,
    activities=ACTIVITIES,
    label=1,
    time=0,
    sampling_rate=100.0,
    has_gaps=True,
    unread="Orientation is invalid in these data.",
)
FOLDERS = {"protocol": ["Protocol"], "optional": ["Optional"]}
FOLDERS["all"] = ["Protocol", "Optional"]


def load_pamap2(
    folder,
    channels=("acc16", "gyro", "mag"),
    *,
    part="protocol",
    null=False,
    verbose=0,
):
    """Read the PAMAP2 data: three IMUs at 100 Hz, nine people, 18 activities.

    There is a file per person, ``subject101.dat`` and so on, with 54 columns: time,
    activity, heart rate, and 17 columns for each IMU on the hand (the wrist of the
    dominant arm), the chest and the ankle [1]_. Samples that were lost on the way are
    NaN in the file, and in what is returned: :func:`~skaug.signals.fill_gaps` fills
    short gaps.

    Parameters
    ----------
    folder : str or path
        ``PAMAP2_Dataset`` with the folders ``Protocol`` and ``Optional``, or a folder
        with the files themselves.
    channels : sequence of str, default=("acc16", "gyro", "mag")
        Words in the names of channels: a sensor ("gyro"), a position ("ankle"), both
        ("hand_acc16") or a single channel. Sensors are "acc16" and "acc6" (m/s2, up to
        16 g and 6 g), "gyro" (rad/s), "mag" (uT) and "temperature" (degrees Celsius);
        "heart_rate" (beats per minute) is at 9 Hz, so that most samples are NaN. The
        authors advise against "acc6", which is saturated by running and calibrated less
        well. Orientation is invalid in these data, and not read.
    part : {"protocol", "optional", "all"}, default="protocol"
        The 12 activities that everybody was asked for, the others, or both. It does not
        matter for a folder with the files themselves.
    null : bool, default=False
        Whether to keep moments of activity 0, as class "transient". They lie between
        activities, and the authors say to discard them.
    verbose : int, default=0
        0 is silent, 1 shows a progress bar, which counts bytes; more is the same.

    Returns
    -------
    data : Bunch
        ``X``: list of ndarray (n_channels, n_times), float32, the recordings. They are
        cut at activity 0 (without `null`) and where the time stamps jump.
        ``y``: list of ndarray (n_times,), uint8, the label at each moment, a number of
        ``classes``.
        ``groups``: ndarray of shape (n_recordings,), the person, 101 to 109.
        ``times``: list of ndarray (n_times,), float64, time stamps in seconds.
        ``channels``: list of str, such as "hand_acc16_x", in the order of the file.
        ``sensors``: dict, channel numbers by sensor, as
        :class:`~skaug.signals.MagnitudeSpectrum` takes them.
        ``classes``: list of str, names of the labels.
        ``ids``: ndarray, the published number of each class.
        ``sampling_rate``: float, 100 Hz.
        ``remarks``: dict, by kind ("activity 0", "jump in time", "missing value",
        "moment between two cuts") a Bunch with how many moments (``n``), what was
        ``done``, and the ``first`` of them as (file, line). A value is missing if any
        chosen channel is NaN.

    Raises
    ------
    FileNotFoundError
        If the folder has no such files.
    ValueError
        If a line is not as described. One message names all such lines of a file.

    See Also
    --------
    frame_segments : Cut the recordings into frames.
    fill_gaps : Fill what is missing.

    References
    ----------
    .. [1] A. Reiss, D. Stricker, "Introducing a New Benchmarked Dataset for Activity
       Monitoring", ISWC 2012. https://doi.org/10.24432/C5NW2H

    Examples
    --------
    A file of the format, where the subject lies from the third moment on:

    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from skaug.signals import load_pamap2
    >>> rows = np.full((6, 54), 0.5)
    >>> rows[:, 0] = 8.38 + 0.01 * np.arange(6)  # s
    >>> rows[:, 1] = [0, 0, 1, 1, 1, 1]
    >>> rows[4, 4] = np.nan  # a sample was lost
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.savetxt(Path(folder, "subject101.dat"), rows, fmt="%.7g")
    ...     data = load_pamap2(folder, ["hand_acc16"])
    >>> data.X[0]
    array([[0.5, 0.5, nan, 0.5],
           [0.5, 0.5, 0.5, 0.5],
           [0.5, 0.5, 0.5, 0.5]], dtype=float32)
    >>> data.classes[data.y[0][0]], data.groups
    ('lying', array([101]))
    >>> data.remarks["activity 0"].n, data.remarks["missing value"].first
    (2, [('subject101.dat', 5)])
    """
    check_value("load_pamap2", "part", part, OneOf(*FOLDERS))
    paths = _files(Path(folder), part)
    subjects = [int(re.search(r"\d+", path.stem)[0]) for path in paths]
    return load_subjects(FORMAT, paths, subjects, channels, null, verbose)


def _files(folder, part):
    """List the files of a part, in the order of subjects."""
    places = [folder, folder / "PAMAP2_Dataset"]
    for place in places:
        parts = [_subjects(place / name) for name in FOLDERS[part]]
        if all(parts):
            return [path for paths in parts for path in paths]
        if _subjects(place):
            return _subjects(place)
    raise FileNotFoundError(
        f"load_pamap2 needs a folder with subject101.dat and so on, or with "
        f"{' and '.join(FOLDERS[part])} in it; got {folder} without. Check its path, "
        "and part=."
    )


def _subjects(folder):
    return sorted(folder.glob("subject[0-9]*.dat"))
