"""Does augmentation help on my signals? From raw text to a network against its twin.

    python examples/compare_signals.py
    python examples/compare_signals.py --data FOLDER [--segments N] [--block B]

Without arguments the signals are generated: people with a phone who walk, run, ride and
sit still. They are written as a folder in the format of the SHL challenge, read back,
cut into frames and turned into spectra. Where the data folder of the benchmarks is at
hand, the windows of UCI HAR follow. With ``--data`` the folder is your own.

The spectra and their scaling are part of the pipeline, so the route from raw signals to
the network is what is cross-validated. Whole groups are held out: people, or blocks of
segments that follow each other in time. A line tells what a random split would have
claimed. Then the network with ISDA is compared with its plain twin, as in compare.py.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import Bunch

from compare import (
    add_network_options,
    check_numbers,
    check_target,
    compare_and_save,
    folds,
    stop,
)
from data import load
from skaug.comparison import fold_maker
from skaug.signals import MagnitudeSpectrum, frame_segments, load_shl
from skaug.signals.shl import CLASSES

CHANNELS = [f"{sensor}_{axis}" for sensor in ("Acc", "Gyr", "Mag") for axis in "xyz"]
# Steps per second, acceleration in m/s2 and turning in rad/s with each step, shaking
# in m/s2, iron in the surroundings in uT.
ACTIVITIES = {
    "Still": (0.3, 0.02, 0.02, 0.08, 1.0),
    "Walk": (1.8, 2.0, 0.9, 0.6, 2.0),
    "Run": (2.5, 5.0, 1.5, 1.2, 2.0),
    "Bike": (1.3, 1.2, 0.7, 0.8, 2.5),
    "Car": (0.2, 0.25, 0.05, 0.18, 4.0),
    "Bus": (0.2, 0.35, 0.07, 0.3, 5.0),
}


def generate_signals(n_people=12, n_repeats=2, seconds=20, rate=100, random_state=0):
    """Segments of a phone's three sensors, each person doing all activities.

    Everyone has a pace and a vigour of their own, so that the run of one can be like
    the walk of another. The phone lies differently in every segment. Some segments end
    in a part without a label, as recordings do. Segments come person by person, `block`
    of each.
    """
    rng = np.random.default_rng(random_state)
    n_times = int(seconds * rate)
    X, y = [], []
    for _ in range(n_people):
        pace = rng.lognormal(0, 0.12, len(ACTIVITIES))
        vigour = rng.lognormal(0, 0.45, (4, len(ACTIVITIES)))
        for _ in range(n_repeats):
            for i, (name, habits) in enumerate(ACTIVITIES.items()):
                own = np.array(habits) * [pace[i], *vigour[:, i]]
                X.append(_segment(own * rng.lognormal(0, 0.05, 5), n_times, rate, rng))
                y.append(np.full(n_times, CLASSES.index(name)))
                if rng.random() < 0.15:
                    end = rng.integers(n_times // 2, n_times)
                    y[-1][end:] = 0
    block = n_repeats * len(ACTIVITIES)
    return Bunch(X=np.array(X, np.float32), y=np.array(y, np.uint8), block=block)


def _segment(habits, n_times, rate, rng):
    """Nine channels of one person's activity, (9, n_times)."""
    pace, push, turn, shaking, iron = habits
    moments = np.arange(n_times) / rate
    # No step is quite as long as the last one.
    wander = np.cumsum(rng.normal(0, 0.15, n_times)) / np.sqrt(rate)
    phase = 2 * np.pi * pace * moments + rng.uniform(0, 2 * np.pi) + wander
    body = np.zeros((3, 3, n_times))  # sensor, axis, time
    acceleration, rotation, field = body
    acceleration += rng.normal(0, shaking, (3, n_times))
    acceleration[0] += 0.5 * push * np.sin(phase)
    acceleration[1] += 0.3 * push * np.sin(phase / 2)
    acceleration[2] += 9.81 + push * (np.cos(phase) + 0.4 * np.cos(2 * phase + 1))
    rotation += rng.normal(0, 0.05 + 0.1 * turn, (3, n_times))
    rotation[0] += turn * np.sin(phase / 2)
    rotation[1] += 0.6 * turn * np.cos(phase + 0.5)
    field += rng.normal(0, 0.4, (3, n_times))
    field[0] += 20 + iron * np.sin(2 * np.pi * 0.1 * moments + rng.uniform(0, 6))
    field[2] += 43 + rng.normal(0, iron)
    orientation = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    return (orientation @ body).reshape(9, n_times)


def write_folder(folder, X, y, random_state=0):
    """Write segments in the format of the SHL challenge, shuffled as there."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    order = np.random.default_rng(random_state).permutation(len(X))
    for i, name in enumerate(CHANNELS):
        np.savetxt(folder / f"{name}.txt", X[order, i], fmt="%.4f")
    np.savetxt(folder / "Label.txt", y[order], fmt="%d")
    np.savetxt(folder / "train_order.txt", order + 1, fmt="%d")


def read_frames(options):
    """Frames of one known label of the user's folder, with groups; not copied yet."""
    try:
        start = time.perf_counter()
        data = load_shl(
            options.data,
            options.channels,
            segments=options.segments and slice(options.segments),
            cache=options.cache,
        )
        seconds = time.perf_counter() - start
        if data.y is None:
            advice = "Add the label of each sample."
            stop("Label.txt in --data", "a folder without it", advice)
        groups, unit = groups_of(data, options.block)
        frames = frame_segments(
            data.X,
            data.y,
            groups,
            frame_length=options.frame_length,
            frame_step=options.frame_step,
        )
    except (OSError, ValueError) as error:
        raise SystemExit(str(error)) from None
    report_reading(data, seconds, options)

    mixed, unknown = frames.purity < 1, frames.y == 0
    keep = ~mixed & ~unknown
    length, step = np.array([options.frame_length, options.frame_step]) / 100
    print(
        f"Cut {len(keep)} frames of {length:g} s, one every {step:g} s. Left out: "
        f"{np.sum(mixed)} of mixed labels, {np.sum(unknown & ~mixed)} of unknown label."
    )
    if not keep.any():
        stop("frames of one known label", "none", "Check Label.txt.")
    y = np.array(data.classes)[frames.y[keep]]
    spectrum = MagnitudeSpectrum(data.sensors, sampling_rate=data.sampling_rate)
    return frames.X[keep], y, frames.groups[keep], spectrum, unit


def groups_of(data, block):
    """What a split keeps together, and its name."""
    if data.order is not None:
        return data.order // block, f"blocks of {block} segments"
    print(
        "No train_order.txt: each segment is a group. What comes right after it may be "
        "on the other side of a split."
    )
    return np.arange(len(data.X)), "segments"


def report_reading(data, seconds, options):
    """Print what was read, and how fast if all of it was parsed."""
    n_segments, n_channels, n_times = data.X.shape
    read = f"Read {n_segments} segments of {n_channels} channels and {n_times} samples"
    if options.segments or options.cache:
        print(f"{read} in {seconds:.1f} s.")
        return
    files = [options.data / f"{name}.txt" for name in (*data.channels, "Label")]
    size = sum(file.stat().st_size for file in files) / 1e6
    print(f"{read}: {size:.1f} MB in {seconds:.2f} s, {size / seconds:.0f} MB/s.")


def load_har():
    """UCI HAR by the reader of the benchmarks, or None where there are no such data."""
    try:
        return load("har")
    except FileNotFoundError:
        return None


def har_frames(n_frames=1000, random_state=0):
    """Some windows of all training subjects, as from read_frames, or None.

    They are drawn as pairs of windows that overlap, as nearly all windows do another.
    """
    har = load_har()
    if har is None:
        return None
    rng = np.random.default_rng(random_state)
    pairs = rng.permutation(len(har.X_train) // 2)[: n_frames // 2]
    rows = np.sort(np.concatenate([2 * pairs, 2 * pairs + 1]))
    y = np.array(har.classes)[har.y_train[rows] - 1]
    sensors = {"body_acc": [0, 1, 2], "gyr": [3, 4, 5], "acc": [6, 7, 8]}
    spectrum = MagnitudeSpectrum(sensors, sampling_rate=50)
    return har.X_train[rows], y, har.subject_train[rows], spectrum, "people"


def print_leak(X, y, groups, spectrum, unit, options):
    """Accuracy under two splits: the difference is what a random one overstates."""
    features = spectrum.fit_transform(X)  # of each frame by itself, nothing is learned
    print(
        f"{len(X)} frames of {features.shape[1]} features, {len(np.unique(y))} "
        f"activities, {len(np.unique(groups))} {unit}."
    )
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=500))
    at_random, by_group = (
        100
        * cross_val_score(
            model,
            features,
            y,
            groups=together,
            cv=fold_maker(options.folds, together, seed=0),
        ).mean()
        for together in (None, groups)
    )
    print(
        f"The leak: a logistic regression is right in {at_random:.1f} % with frames "
        f"split at random, in {by_group:.1f} % with {unit} held out."
    )


def study(name, frames, options, file):
    """The leak, then ISDA against its plain twin, whole groups held out."""
    X, y, groups, spectrum, unit = frames
    check_target(y, groups, options)
    print_leak(*frames, options)
    prepare = make_pipeline(spectrum, StandardScaler())
    splits = folds(y, groups, options.folds, options.seeds)
    title = f"{name}: {options.folds} folds of {unit}"
    title += f", {options.seeds} times" * (options.seeds > 1)
    overlap = 1 / (options.folds - 1)
    data = X, y, groups, prepare
    compare_and_save(title, splits, overlap, options, *data, name=file)


def read_options(arguments):
    """Options of the command line, checked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--data", type=Path, metavar="FOLDER", help="your folder in SHL format")
    add("--channels", nargs="+", default=["Acc", "Gyr", "Mag"], help="(Acc Gyr Mag)")
    add("--segments", type=int, metavar="N", help="read the first N segments (all)")
    add("--block", type=int, help="segments in a row that stay together (60)")
    add("--frame-length", type=int, default=500, help="samples per frame (500)")
    add("--frame-step", type=int, default=250, help="samples to the next one (250)")
    add("--cache", type=Path, metavar="DIR", help="keep what was read, for next time")
    add("--seeds", type=int, default=1, help="how often to deal all folds (1)")
    add("--folds", type=int, default=5, help="folds of groups (5)")
    add_network_options(add, Path("demo/signals"), epochs=15)
    parser.set_defaults(target="Label.txt")
    options = parser.parse_args(arguments)
    if options.data is None and (options.segments or options.block or options.cache):
        stop("--data beside --segments, --block or --cache", "none", "Name the folder.")
    given = {
        name: 1 for name in ("segments", "block") if getattr(options, name) is not None
    }
    check_numbers(options, seeds=1, folds=3, **given)
    options.block = options.block or 60
    return options


def main(arguments=None):
    """Study the user's folder, or generated signals and UCI HAR."""
    options = read_options(arguments)
    if options.data:
        study(options.data.name, read_frames(options), options, "compare")
        return
    signals = generate_signals()
    with tempfile.TemporaryDirectory() as folder:
        write_folder(folder, signals.X, signals.y)
        options.data, options.block = Path(folder), signals.block
        *frames, _ = read_frames(options)
    study("Generated signals", (*frames, "people"), options, "generated")
    print()
    har = har_frames()
    if har is None:
        print("UCI HAR is left out: no data folder. See benchmarks/data.py.")
        return
    print("UCI HAR, windows of 2.56 s, some of all training subjects")
    study("UCI HAR", har, options, "har")


if __name__ == "__main__":
    main()
