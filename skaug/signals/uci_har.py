"""Read UCI HAR: windows of a phone on the waist, 30 people, six activities."""

from pathlib import Path

import numpy as np
from sklearn.utils import Bunch

from skaug._checks import OneOf, check_value
from skaug.signals._lines import BadLines, check_range
from skaug.signals._public import mend, read_rows, sensors_of

__all__ = ["load_uci_har"]

SENSORS = ("body_acc", "body_gyro", "total_acc")
ACTIVITIES = (
    "walking",
    "walking upstairs",
    "walking downstairs",
    "sitting",
    "standing",
    "laying",
)
PARTS = {"train": ["train"], "test": ["test"], "all": ["train", "test"]}
N_TIMES = 128


def load_uci_har(folder, part="all"):
    r"""Read the windows of UCI HAR: a phone's raw signals, 30 people, six activities.

    A window is 2.56 seconds at 50 Hz, and overlaps with the next one by half [1]_. For
    each of nine channels there is a text file with a window per line, in the folders
    ``Inertial Signals``. The 561 features of the original package are not read.
    Windows need no :func:`~skaug.signals.frame_segments`; split them by ``groups``.

    Parameters
    ----------
    folder : str or path
        ``UCI HAR Dataset``, with the folders ``train`` and ``test``.
    part : {"train", "test", "all"}, default="all"
        The windows of 21 people for training, those of nine others for the test, or
        all. ``train`` tells them apart.

    Returns
    -------
    data : Bunch
        ``X``: ndarray of shape (n_windows, 9, 128), float32, body acceleration (g,
        without gravity), rotation (rad/s) and total acceleration (g).
        ``y``: ndarray of shape (n_windows,), int64, a number of ``classes``, 0 to 5.
        ``groups``: ndarray of shape (n_windows,), int64, the person, 1 to 30.
        ``train``: ndarray of shape (n_windows,), bool, whether it is for training.
        ``channels``: list of str, such as "body_acc_x".
        ``sensors``: dict, channel numbers by sensor, as
        :class:`~skaug.signals.MagnitudeSpectrum` takes them.
        ``classes``: list of str, names of the labels, as in
        :func:`~skaug.datasets.load_har`.
        ``ids``: ndarray, the published number of each class, 1 to 6.
        ``sampling_rate``: float, 50 Hz.

    Raises
    ------
    FileNotFoundError
        If a file does not exist.
    ValueError
        If a file is not as described. The message names the file and the line.

    See Also
    --------
    skaug.datasets.load_har : 1,200 of these windows, inside the package.

    References
    ----------
    .. [1] D. Anguita, A. Ghio, L. Oneto, X. Parra, J. L. Reyes-Ortiz, "A Public Domain
       Dataset for Human Activity Recognition Using Smartphones", ESANN 2013.
       https://doi.org/10.24432/C54S4K

    Examples
    --------
    A folder of the format with two windows:

    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from skaug.signals import load_uci_har
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     signals = Path(folder, "train", "Inertial Signals")
    ...     signals.mkdir(parents=True)
    ...     for sensor in ("body_acc", "body_gyro", "total_acc"):
    ...         for axis in "xyz":
    ...             path = signals / f"{sensor}_{axis}_train.txt"
    ...             np.savetxt(path, np.ones((2, 128)), fmt="%16.7e", delimiter="")
    ...     _ = Path(folder, "train", "y_train.txt").write_text("5\n1\n")
    ...     _ = Path(folder, "train", "subject_train.txt").write_text("1\n1\n")
    ...     data = load_uci_har(folder, "train")
    >>> data.X.shape, data.groups
    ((2, 9, 128), array([1, 1]))
    >>> [data.classes[label] for label in data.y]
    ['standing', 'walking']
    """
    check_value("load_uci_har", "part", part, OneOf(*PARTS))
    root = _root(Path(folder), PARTS[part])
    read = [_read_part(root, name) for name in PARTS[part]]
    X, y, groups = (np.concatenate(arrays) for arrays in zip(*read))
    lengths = [len(labels) for _, labels, _ in read]
    channels = [f"{sensor}_{axis}" for sensor in SENSORS for axis in "xyz"]
    return Bunch(
        X=X,
        y=y,
        groups=groups,
        train=np.repeat([name == "train" for name in PARTS[part]], lengths),
        channels=channels,
        sensors=sensors_of(channels),
        classes=list(ACTIVITIES),
        ids=np.arange(1, len(ACTIVITIES) + 1),
        sampling_rate=50.0,
    )


def _root(folder, parts):
    """Find the folder that has the parts: the one that was given, or one inside."""
    for place in (folder, *sorted(folder.glob("UCI*HAR*"))):
        if all((place / part).is_dir() for part in parts):
            return place
    raise FileNotFoundError(
        f"load_uci_har needs a folder with {' and '.join(parts)} in it; got {folder} "
        "without. Give the folder 'UCI HAR Dataset'."
    )


def _read_part(root, part):
    """Read windows (n, 9, 128), labels from 0 and people of one part."""
    folder = root / part
    y = _read_column(folder / f"y_{part}.txt", "label", 1, len(ACTIVITIES))
    groups = _read_column(folder / f"subject_{part}.txt", "person", 1, 30)
    _check_length(folder / f"subject_{part}.txt", len(groups), part, len(y))
    X = np.empty((len(y), 9, N_TIMES), np.float32)
    for i, sensor in enumerate(SENSORS):
        for j, axis in enumerate("xyz"):
            path = folder / "Inertial Signals" / f"{sensor}_{axis}_{part}.txt"
            values = _read_matrix(path, N_TIMES)
            _check_length(path, len(values), part, len(y))
            X[:, 3 * i + j] = values
    return X, y - 1, groups


def _read_matrix(path, n_columns):
    """Read a file with `n_columns` numbers in each line."""
    if not path.is_file():
        raise FileNotFoundError(
            f"load_uci_har needs {path.name} in {path.parent}; got a folder without "
            "it. Take the folder from the archive again."
        )
    bad, blocks, line = BadLines(mend), [], 0
    for rows in read_rows(path, n_columns, bad):
        check_range(rows, path.name, range(line, line + len(rows)), bad)
        blocks.append(rows)
        line += len(rows)
    bad.refuse()
    if not blocks:
        raise ValueError(
            f"{path.name}, line 1: numbers are needed; got an empty file. Take it from "
            "the archive again."
        )
    return np.concatenate(blocks)


def _read_column(path, what, low, high):
    """Read a file of whole numbers, one per line, from `low` to `high`."""
    values = _read_matrix(path, 1)[:, 0]
    bad = BadLines(mend)
    for i in np.flatnonzero(~np.isin(values, np.arange(low, high + 1))):
        needed = f"a {what} from {low} to {high} is needed"
        bad.add(path.name, i, needed, f"{values[i]:g}")
    bad.refuse()
    return values.astype(np.int64)


def _check_length(path, found, part, expected):
    """Refuse a file with another number of lines than the labels."""
    if found != expected:
        raise ValueError(
            f"{path.name}, line {min(found, expected) + 1}: {expected} lines are "
            f"needed, as y_{part}.txt has; got {found}. Take both from the archive "
            "again."
        )
