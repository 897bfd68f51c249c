"""Folders of recordings, as frames of signals.

Frames do not overlap, and those of mixed or unknown labels are left out. Segments that
follow each other in the recording are one group.
"""

import math

import numpy as np
from sklearn.utils import Bunch

from skaug.signals import frame_segments, load_shl
from skaug.signals.shl import AXES

__all__ = ["read_recordings"]

SENSORS = ["Acc", "Gyr", "Mag"]
FRAME_LENGTH = 500  # samples: 5 seconds, as in IHDA's paper
BLOCK = 60  # segments that follow each other, and are one group
N_BLOCKS = 10  # at least, or blocks are shorter
N_SEGMENTS = 2000  # some 400 MB of frames


def read_recordings(folder):
    """Frames of a folder in the format of SHL, labels, groups and notes, as a Bunch."""
    sensors = [sensor for sensor in SENSORS if _has(folder, sensor)]
    if not sensors or not (folder / "Label.txt").is_file():
        raise ValueError(
            "read_file needs a folder in the format of the SHL challenge, with "
            f"Acc_x.txt, Acc_y.txt, Acc_z.txt and Label.txt; got {folder} without. "
            "Complete it, or save signals and labels as x and y in an .npz file."
        )
    with open(folder / "Label.txt", "rb") as file:
        every = math.ceil(max(1, sum(1 for _ in file)) / N_SEGMENTS)
    data = load_shl(folder, sensors, segments=slice(None, None, every))
    notes = [f"Signals of {', '.join(sensors)} were read, a segment per line."]
    if every > 1:
        notes.append(f"One segment in {every} was read, {len(data.X)} in all.")
    groups = _groups(data, notes)
    length = min(FRAME_LENGTH, data.X.shape[2])
    frames = frame_segments(data.X, data.y, groups, frame_length=length)
    mixed, unknown = frames.purity < 1, frames.y == 0
    keep = np.flatnonzero(~mixed & ~unknown)
    notes.append(
        f"They were cut into {len(mixed)} frames of {length} samples; "
        f"{np.sum(mixed)} of mixed labels and {np.sum(unknown & ~mixed)} of an unknown "
        "label were left out."
    )
    if not len(keep):
        raise ValueError(
            f"read_file needs frames of one known label; got none in {folder}. Check "
            "Label.txt."
        )
    y = np.array(data.classes)[frames.y[keep]]
    X = np.asarray(frames.X[keep])
    return Bunch(X=X, y=y, groups=frames.groups[keep], notes=notes)


def _has(folder, sensor):
    """Whether a folder has all axes of a sensor."""
    return all((folder / f"{sensor}_{axis}.txt").is_file() for axis in AXES[sensor])


def _groups(data, notes):
    """Group of each segment: those that follow each other are in one."""
    if data.order is None:
        notes.append(
            "There is no train_order.txt, so each segment is a group. What follows it "
            "may be on the other side of a split."
        )
        return np.arange(len(data.X))
    block = max(1, min(BLOCK, math.ceil((data.order.max() + 1) / N_BLOCKS)))
    notes.append(f"Groups are blocks of {block} segments that follow each other.")
    return data.order // block
