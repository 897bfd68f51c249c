"""Write recordings of UCI HAR as folders in the format of the SHL challenge.

    python benchmarks/make_shl.py FOLDER

What comes out is not SHL: 30 people with a phone at the waist, who walk, climb stairs,
sit, stand and lie, for 3.6 hours in all. SHL is one person in traffic for 272 hours.
The folder has a part ``train`` of 21 people and a part ``test`` of nine others, where
SHL has other days of the same person.

The windows of UCI HAR are joined to the recordings that they were cut from, and brought
from 50 Hz to SHL's 100 Hz; above 25 Hz there is next to nothing. The longest recording
takes 38 seconds, so that a segment of a minute has several of one person, one after the
other in random order. Where a recording begins, one moment has the label 0, SHL's for
"unknown": frames across it are not pure. What does not fill a minute is left out.

Channels are ``Acc`` (in m/s2), ``Gyr`` (rad/s) and ``LAcc``, the acceleration without
gravity. UCI HAR has no magnetometer, and nothing is called one. Labels 1 to 6 are those
of UCI HAR, for which SHL has other names. ``people.txt`` has the person of each
segment; SHL's folders have no such file.
"""

import sys
from pathlib import Path

import numpy as np

from make_har import SHARED, all_windows, recordings
from skaug.signals import resample

CHANNELS = [f"{sensor}_{axis}" for sensor in ("Acc", "Gyr", "LAcc") for axis in "xyz"]
ROWS = [6, 7, 8, 3, 4, 5, 0, 1, 2]  # of UCI HAR's channels
G = 9.80665  # m/s2
N_TIMES = 6000  # of a segment
TESTED = (2, 4, 9, 10, 12, 13, 18, 20, 24)  # people, as UCI HAR has it


def joined(X, rows):
    """The recording (9, n_times) of some windows, in SHL's units."""
    more = [X[row][:, SHARED:] for row in rows[1:]]
    recording = np.concatenate([X[rows[0]], *more], axis=1)[ROWS]
    recording[[0, 1, 2, 6, 7, 8]] *= G
    return recording


def segments(signals, labels, n_times=N_TIMES):
    """Segments (n, 9, n_times) of recordings in a row, and the label of each moment."""
    lengths = np.array([signal.shape[1] for signal in signals])
    row, y = np.concatenate(signals, axis=1), np.repeat(labels, lengths)
    y[np.cumsum(lengths) - lengths] = 0  # where recordings begin
    n = len(y) // n_times
    X = row[:, : n * n_times].reshape(len(row), n, n_times).swapaxes(0, 1)
    return X, y[: n * n_times].reshape(n, n_times)


def write_part(folder, signals, labels, people, random, n_times=N_TIMES):
    """Write a part of the set: segments of all people, shuffled."""
    found = []
    for person in np.unique(people):
        own = random.permutation(np.flatnonzero(people == person))
        X, y = segments([signals[i] for i in own], labels[own], n_times)
        found.append((X, y, np.full(len(X), person)))
    X, y, people = (np.concatenate(arrays) for arrays in zip(*found))
    order = random.permutation(len(X))
    folder = Path(folder)
    folder.mkdir(parents=True)
    for i, channel in enumerate(CHANNELS):
        np.savetxt(folder / f"{channel}.txt", X[order, i], fmt="%.7g")
    whole = {
        "Label": y[order],
        "people": people[order],
        f"{folder.name}_order": order + 1,
    }
    for name, numbers in whole.items():
        np.savetxt(folder / f"{name}.txt", numbers, fmt="%d")


def write(folder):
    """Write both parts."""
    X, y, subject = all_windows()
    chains = list(recordings(X))
    first = [rows[0] for rows in chains]
    labels, people = y[first] + 1, subject[first]
    signals = [joined(X, rows) for rows in chains]
    signals = resample(signals, sampling_rate=50, new_rate=100).X
    random = np.random.RandomState(0)
    for part in ("train", "test"):
        own = np.flatnonzero(np.isin(people, TESTED) == (part == "test"))
        some = [signals[i] for i in own]
        write_part(Path(folder, part), some, labels[own], people[own], random)


if __name__ == "__main__":
    write(sys.argv[1])
