"""Writers of small folders in public formats, to the letter of their descriptions."""

from pathlib import Path

import numpy as np

HAR_CHANNELS = [
    f"{sensor}_{axis}"
    for sensor in ("body_acc", "body_gyro", "total_acc")
    for axis in "xyz"
]


def three_digits(text):
    """Exponents of three digits, as UCI HAR's files have: 1.8085150e-004."""
    return text.replace("e-", "e-0").replace("e+", "e+0")


def write_uci_har(folder, part, X, y, subject):
    """Write windows (n, 9, 128), labels from 1 and people, as UCI HAR has them."""
    signals = Path(folder, part, "Inertial Signals")
    signals.mkdir(parents=True)
    for name, values in zip(HAR_CHANNELS, np.swapaxes(X, 0, 1), strict=True):
        lines = ["".join(f" {value: .7e}" for value in window) for window in values]
        text = three_digits("\n".join(lines) + "\n")
        Path(signals, f"{name}_{part}.txt").write_text(text)
    np.savetxt(Path(folder, part, f"y_{part}.txt"), y, fmt="%d")
    np.savetxt(Path(folder, part, f"subject_{part}.txt"), subject, fmt="%d")
    return Path(folder)


def pamap2_rows(activity, seed=0, start=8.38, n_lost=0):
    """Rows of 54 columns: 0.01 s apart, heart rate at 9 Hz, some packets lost."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(len(activity), 54)).round(5)
    rows[:, 0] = start + 0.01 * np.arange(len(rows))
    rows[:, 1] = activity
    rows[:, 2] = np.where(np.arange(len(rows)) % 11 == 0, 104, np.nan)
    for first in (3, 20, 37):  # an IMU
        rows[:, first] = 30.375
        rows[:, first + 13 : first + 17] = 1, 0, 0, 0
        lost = rng.choice(len(rows), n_lost, replace=False)
        rows[lost, first : first + 17] = np.nan
    return rows


def write_pamap2(path, rows):
    """Write rows separated by blanks, with NaN where a value is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [
        " ".join("NaN" if value != value else f"{value:.7g}" for value in row)
        for row in rows
    ]
    path.write_text("\n".join(lines) + "\n")


def mhealth_rows(label, seed=0):
    """Rows of 24 columns."""
    rows = np.random.default_rng(seed).normal(size=(len(label), 24)).round(5)
    rows[:, 23] = label
    return rows


def write_mhealth(path, rows):
    """Write rows separated by tabs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savetxt(path, rows, fmt="%.5g", delimiter="\t")
