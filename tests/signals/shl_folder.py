"""A writer of folders in the format of the SHL challenge, and frames by slicing."""

from pathlib import Path

import numpy as np


def write_shl(folder, X, channels, y=None, order=None, fmt="%.9g"):
    """Write (n_segments, n_channels, n_times) as a text file per channel.

    Nine significant digits give float32 back as it was. Places in `order` count from
    0, those in the file from 1.
    """
    folder = Path(folder)
    folder.mkdir(exist_ok=True)
    for name, values in zip(channels, np.swapaxes(X, 0, 1), strict=True):
        np.savetxt(folder / f"{name}.txt", values, fmt=fmt)
    if y is not None:
        labels = np.broadcast_to(np.reshape(y, (len(X), -1)), (len(X), X.shape[2]))
        np.savetxt(folder / "Label.txt", labels, fmt="%d")
    if order is not None:
        np.savetxt(folder / "train_order.txt", np.asarray(order) + 1, fmt="%d")
    return folder


def frames_by_slicing(X, frame_length, frame_step):
    """Frames of segments as one would write them down."""
    starts = range(0, X.shape[2] - frame_length + 1, frame_step)
    return np.array([x[:, s : s + frame_length] for x in X for s in starts])
