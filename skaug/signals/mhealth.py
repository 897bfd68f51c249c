"""Read MHEALTH: sensors on chest, ankle and arm, ten people, twelve activities."""

import re
from pathlib import Path

from skaug.signals._public import Format, load_subjects

__all__ = ["load_mhealth"]

ACTIVITIES = (
    "null",
    "standing still",
    "sitting and relaxing",
    "lying down",
    "walking",
    "climbing stairs",
    "waist bends forward",
    "frontal elevation of arms",
    "knees bending (crouching)",
    "cycling",
    "jogging",
    "running",
    "jump front and back",
)
CHANNELS = [f"chest_acc_{axis}" for axis in "xyz"] + ["chest_ecg_1", "chest_ecg_2"]
CHANNELS += [
    f"{position}_{sensor}_{axis}"
    for position in ("ankle", "arm")
    for sensor in ("acc", "gyro", "mag")
    for axis in "xyz"
]
FORMAT = Format(
    reader="load_mhealth",
    n_columns=24,
    columns={name: i for i, name in enumerate(CHANNELS)},
    activities=dict(enumerate(ACTIVITIES)),
    label=23,
    time=None,
    sampling_rate=50.0,
    has_gaps=False,
)


def load_mhealth(folder, channels=("acc", "gyro", "mag"), *, null=False, verbose=0):
    r"""Read the MHEALTH data: three sensors at 50 Hz, ten people, twelve activities.

    There is a file per person, ``mHealth_subject1.log`` and so on, with 24 columns: 23
    channels of sensors on the chest, the left ankle and the right lower arm, and the
    label [1]_. There are no time stamps, and no sample is missing.

    Parameters
    ----------
    folder : str or path
        ``MHEALTHDATASET``, with the files in it.
    channels : sequence of str, default=("acc", "gyro", "mag")
        Words in the names of channels: a sensor ("gyro"), a position ("ankle"), both
        ("arm_mag") or a single channel. Sensors are "acc" (m/s2) at all three
        positions, "gyro" (degrees per second) and "mag" (units of the device) on ankle
        and arm, and "ecg" (mV) with leads 1 and 2 on the chest.
    null : bool, default=False
        Whether to keep moments of label 0, as class "null". They lie between
        activities.
    verbose : int, default=0
        0 is silent, 1 shows a progress bar, which counts bytes; more is the same.

    Returns
    -------
    data : Bunch
        ``X``: list of ndarray (n_channels, n_times), float32, the recordings. They are
        cut at label 0 (without `null`).
        ``y``: list of ndarray (n_times,), uint8, the label at each moment, a number of
        ``classes``.
        ``groups``: ndarray of shape (n_recordings,), the person, 1 to 10.
        ``channels``: list of str, such as "ankle_gyro_x", in the order of the file.
        ``sensors``: dict, channel numbers by sensor, as
        :class:`~skaug.signals.MagnitudeSpectrum` takes them. Each lead of the ECG is a
        sensor of its own.
        ``classes``: list of str, names of the labels.
        ``ids``: ndarray, the published number of each class.
        ``sampling_rate``: float, 50 Hz.
        ``remarks``: dict, by kind ("activity 0", "moment between two cuts") a Bunch
        with how many moments (``n``), what was ``done``, and the ``first`` of them as
        (file, line).

    Raises
    ------
    FileNotFoundError
        If the folder has no such files.
    ValueError
        If a line is not as described. One message names all such lines of a file.

    See Also
    --------
    frame_segments : Cut the recordings into frames.

    References
    ----------
    .. [1] O. Banos, R. Garcia, J. A. Holgado-Terriza, M. Damas, H. Pomares, I. Rojas,
       A. Saez, C. Villalonga, "mHealthDroid: A Novel Framework for Agile Development of
       Mobile Health Applications", IWAAL 2014. https://doi.org/10.24432/C5TW22

    Examples
    --------
    A file of the format, where the subject walks from the third moment on:

    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from skaug.signals import load_mhealth
    >>> rows = np.full((6, 24), 0.5)
    >>> rows[:, 23] = [0, 0, 4, 4, 4, 4]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "mHealth_subject1.log")
    ...     np.savetxt(path, rows, fmt="%.5g", delimiter="\t")
    ...     data = load_mhealth(folder)
    >>> data.X[0].shape, data.classes[data.y[0][0]], data.groups
    ((21, 4), 'walking', array([1]))
    >>> list(data.sensors)[:3]
    ['chest_acc', 'ankle_acc', 'ankle_gyro']
    >>> data.remarks["activity 0"].n
    2
    """
    folder = Path(folder)
    paths = []
    for place in (folder, folder / "MHEALTHDATASET"):
        paths = paths or list(place.glob("mHealth_subject[0-9]*.log"))
    if not paths:
        raise FileNotFoundError(
            f"load_mhealth needs a folder with mHealth_subject1.log and so on; got "
            f"{folder} without. Check its path."
        )
    by_subject = {int(re.search(r"(\d+)$", path.stem)[0]): path for path in paths}
    subjects = sorted(by_subject)
    paths = [by_subject[subject] for subject in subjects]
    return load_subjects(FORMAT, paths, subjects, channels, null, verbose)
