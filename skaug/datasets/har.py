"""Windows of UCI HAR, unpacked from ``har.npz`` beside this file.

The signals are multiples of a step and fit into 16 bits, but 1,200 windows would take
2.8 MB. The file has numbers that compress better, and unpacking them loses nothing:
gravity (total minus body acceleration), which is smooth, in place of body acceleration;
then differences of differences in time; then their low and high bytes apart.
``benchmarks/make_har.py`` chooses the windows and writes the file.
"""

from pathlib import Path

import numpy as np
from sklearn.utils import Bunch

__all__ = ["load_har"]

FOLDER = Path(__file__).parent
SENSORS = ("body_acc", "body_gyro", "total_acc")
ACTIVITIES = (
    "walking",
    "walking upstairs",
    "walking downstairs",
    "sitting",
    "standing",
    "laying",
)
# Of what the channels are multiples, in g, rad/s and g; (9, 1).
STEPS = np.repeat(np.float32([2**-13, 2**-12, 2**-13]), 3)[:, None]


def load_har(*, return_X_y=False):
    """Load 1,200 windows of UCI HAR: a phone's sensors, 30 people, six activities.

    A window is 2.56 seconds of a phone on the waist at 50 Hz [1]_. There are 40 windows
    of each person, all classes of each, and no two windows overlap. Rows are sorted by
    person, class and time. `data.DESCR` says how the windows were chosen. The file is
    part of the package: nothing is downloaded.

    Split by `subject`, for windows of one person are alike. A random split promises an
    accuracy that the next person does not get.

    Parameters
    ----------
    return_X_y : bool, default=False
        Whether to return ``(data.data, data.target)`` in place of a Bunch. For the
        groups, take the Bunch and its `subject`.

    Returns
    -------
    data : Bunch
        ``data``: ndarray of shape (1200, 9, 128), float32, the signals (n_windows,
        n_channels, n_times), acceleration in g and rotation in rad/s.
        ``target``: ndarray of shape (1200,), int64, the class from 0 to 5.
        ``target_names``: ndarray of shape (6,), the names of the classes.
        ``subject``: ndarray of shape (1200,), int64, the person from 1 to 30, to give
        as `groups`.
        ``channel_names``: list of 9 str.
        ``sensors``: dict of str to list of int, channel numbers by sensor, to give to
        :class:`~skaug.signals.MagnitudeSpectrum`.
        ``sampling_rate``: float, 50 samples per second.
        ``DESCR``: str, the source, the licence and how the windows were chosen.

        With ``return_X_y=True``, the tuple of ``data`` and ``target``.

    See Also
    --------
    skaug.signals.load_shl : Read recordings of your own.

    Notes
    -----
    The data are licensed under CC BY 4.0, see ``har_LICENSE.txt`` beside the file.
    Whoever passes them on has to name the authors.

    References
    ----------
    .. [1] D. Anguita, A. Ghio, L. Oneto, X. Parra, J. L. Reyes-Ortiz, "A Public Domain
       Dataset for Human Activity Recognition Using Smartphones", ESANN 2013.
       https://doi.org/10.24432/C54S4K

    Examples
    --------
    >>> from sklearn.model_selection import GroupKFold, cross_val_score
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skaug.datasets import load_har
    >>> from skaug.signals import MagnitudeSpectrum
    >>> har = load_har()
    >>> har.data.shape, str(har.target_names[har.target[0]])
    ((1200, 9, 128), 'walking')
    >>> spectrum = MagnitudeSpectrum(har.sensors, log=True)
    >>> regression = LogisticRegression(C=0.01, max_iter=1000)
    >>> model = make_pipeline(spectrum, StandardScaler(), regression)
    >>> scores = cross_val_score(
    ...     model, har.data, har.target, groups=har.subject, cv=GroupKFold(5)
    ... )
    >>> bool(scores.mean() > 0.7)
    True
    """
    with np.load(FOLDER / "har.npz") as packed:
        X = unpacked(packed["signals"]) * STEPS
        y = packed["target"].astype(np.int64)
        subject = packed["subject"].astype(np.int64)
    if return_X_y:
        return X, y
    return Bunch(
        data=X,
        target=y,
        target_names=np.array(ACTIVITIES),
        subject=subject,
        channel_names=[f"{sensor}_{axis}" for sensor in SENSORS for axis in "xyz"],
        sensors={s: list(range(3 * i, 3 * i + 3)) for i, s in enumerate(SENSORS)},
        sampling_rate=50.0,
        DESCR=(FOLDER / "har.rst").read_text(encoding="utf-8"),
    )


def unpacked(planes):
    """Whole numbers of steps, (n, 9, n_times), from their bytes, (2, 9, n, n_times)."""
    low, high = planes.astype(np.uint16)
    folded = low | high << 8
    # 0, 1, 2, 3, ... stand for 0, -1, 1, -2, ...; 16 bits wrap around, here and below.
    X = (folded >> 1 ^ -(folded & 1)).view(np.int16)
    for _ in range(2):
        X = np.cumsum(X, axis=-1, dtype=np.int16)
    X[:3] = X[6:] - X[:3]
    return np.ascontiguousarray(X.transpose(1, 0, 2))
