"""Make ``skaug/datasets/har.npz``, the windows that ``skaug.datasets.load_har`` loads.

    python benchmarks/make_har.py [FILE]

The windows of UCI HAR are read by ``data.py``. Every second window of a recording is
left out, since windows next to each other share 64 samples. Of what is left each person
gives 40 windows: as many of each class as the class's share of all windows of this
person, evenly spread over the person's recordings. There is nothing random in it, and
the same data give the same file, byte for byte.
"""

import sys

import numpy as np

from data import load
from skaug.datasets.har import FOLDER, STEPS

N_OF_PERSON = 40
SHARED = 64  # samples that two windows next to each other have in common


def all_windows():
    """Signals, classes from 0 and subjects of both parts of UCI HAR."""
    data = load("har")
    X = np.concatenate([data.X_train, data.X_test])
    y = np.concatenate([data.y_train, data.y_test]) - 1
    return X, y, np.concatenate([data.subject_train, data.subject_test])


def recordings(X):
    """Numbers of the windows of each recording, in the order of time.

    A window follows another one if it begins with the samples by which the other one
    ends. No two windows begin alike.
    """
    begins = {window[:, :SHARED].tobytes(): row for row, window in enumerate(X)}
    following = [begins.get(window[:, -SHARED:].tobytes()) for window in X]
    for row in sorted(set(range(len(X))) - set(following)):
        rows = [row]
        while following[rows[-1]] is not None:
            rows.append(following[rows[-1]])
        yield rows


def places(X):
    """Place of each window in its recording, from 0."""
    place = np.zeros(len(X), dtype=int)
    for rows in recordings(X):
        place[rows] = np.arange(len(rows))
    return place


def rounded(shares, total):
    """Whole numbers that sum up to a total, by the largest remainders."""
    exact = total * np.asarray(shares) / np.sum(shares)
    counts = exact.astype(int)
    largest = np.argsort(counts - exact, kind="stable")
    counts[largest[: total - counts.sum()]] += 1
    return counts


def choose(y, subject, place):
    """Rows to keep, sorted by person, class and time."""
    rows = []
    for person in np.unique(subject):
        counts = rounded(np.bincount(y[subject == person]), N_OF_PERSON)
        for label, count in enumerate(counts):
            of_both = (subject == person) & (y == label)
            apart = np.flatnonzero(of_both & (place % 2 == 0))
            evenly = np.linspace(0, len(apart) - 1, count).round().astype(int)
            rows.append(apart[evenly])
    return np.concatenate(rows)


def packed(X):
    """Low and high bytes, (2, 9, n, n_times), of what ``unpacked`` takes back.

    Parameters
    ----------
    X : ndarray of shape (n, 9, n_times), int16
        Whole numbers of steps.
    """
    X = X.transpose(1, 0, 2).copy()
    X[:3] = X[6:] - X[:3]
    X = np.diff(X, n=2, axis=-1, prepend=np.zeros((*X.shape[:2], 2), np.int16))
    folded = (X << 1 ^ X >> 15).view(np.uint16)
    return np.stack([folded & 255, folded >> 8]).astype(np.uint8)


def main(path=FOLDER / "har.npz"):
    X, y, subject = all_windows()
    rows = choose(y, subject, places(X))
    np.savez_compressed(
        path,
        signals=packed((X[rows] / STEPS).astype(np.int16)),
        target=y[rows].astype(np.uint8),
        subject=subject[rows].astype(np.uint8),
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
