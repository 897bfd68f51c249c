"""What it costs to get from text files to a table of spectra.

Reading: text in the SHL challenge's format, seven significant digits, read by
``load_shl``, by ``numpy.loadtxt`` and by ``pandas.read_csv`` into float32, all on one
core. Rates are megabytes of text per second of CPU time, the median of repeats that
take turns. Every method must find the same numbers.

Features: spectra of 375,130 frames, the training part of the SHL data, cut from
segments in memory; a part of them is also computed frame by frame with NumPy.

Peaks of memory are those of a process of its own, beyond what it held before.

    python benchmarks/bench_signals.py [--segments 16310]
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from bench_potential import peak_mib
from skaug.signals import MagnitudeSpectrum, frame_segments, load_shl

CHANNELS = [f"{sensor}_{axis}" for sensor in ("Acc", "Gyr", "Mag") for axis in "xyz"]
N_TIMES = 6000
LOADTXT_GOAL = 5.0  # times as fast
PANDAS_GOAL = 1.0
PEAK_GOAL = 1.5  # times the array returned
LOOP_GOAL = 3.0  # times as fast as frame by frame
MEMORY_GOAL = 8 * 1024  # MiB for all frames of the SHL data, segments included


def make_signals(n_segments, seed=0):
    """Noise around gravity, in float32."""
    signals = np.random.default_rng(seed).standard_normal(
        (n_segments, len(CHANNELS), N_TIMES), dtype=np.float32
    )
    signals += np.float32(3.0)
    return signals


def write(folder, n_segments):
    """Write as many segments, of which every tenth is drawn and the rest repeat it."""
    drawn = make_signals(max(1, n_segments // 10))
    for i, name in enumerate(CHANNELS):
        path = Path(folder, f"{name}.txt")
        np.savetxt(path, drawn[:, i], fmt="%.7g")
        path.write_bytes(path.read_bytes() * (n_segments // len(drawn)))


def by_numpy(folder):
    """Array of all channels, by numpy.loadtxt."""
    paths = [Path(folder, f"{name}.txt") for name in CHANNELS]
    return np.stack([np.loadtxt(path, dtype=np.float32) for path in paths], axis=1)


def by_pandas(folder):
    """Array of all channels, by pandas with its faster settings for wide files."""
    options = {"sep": " ", "header": None, "dtype": np.float32, "low_memory": False}
    frames = [pd.read_csv(Path(folder, f"{name}.txt"), **options) for name in CHANNELS]
    return np.stack([frame.to_numpy() for frame in frames], axis=1)


def by_skaug(folder):
    """Array of all channels, by load_shl."""
    return load_shl(folder).X


def cpu_seconds(function, *args):
    """CPU time of a call."""
    start = time.process_time()
    function(*args)
    return time.process_time() - start


def reading(folder, repeats):
    """Megabytes per second of each reader, and load_shl's peak over its array."""
    readers = {"load_shl": by_skaug, "loadtxt": by_numpy, "read_csv": by_pandas}
    results = {name: reader(folder) for name, reader in readers.items()}
    for name, array in results.items():
        # pandas rounds decimals to the nearest float64 or the one beside it.
        rtol = 1e-6 if name == "read_csv" else 0
        np.testing.assert_allclose(array, results["load_shl"], rtol=rtol, atol=0)
    del results, array
    seconds = {name: [] for name in readers}
    for _ in range(repeats):
        for name, reader in readers.items():
            seconds[name].append(cpu_seconds(reader, folder))
    size = sum(path.stat().st_size for path in Path(folder).iterdir()) / 1e6
    return {name: size / float(np.median(values)) for name, values in seconds.items()}


def reading_peak(folder):
    """Peak of memory of load_shl over the size of its array."""
    shape = load_shl(folder, segments=[0]).X.shape
    n_segments = Path(folder, "Acc_x.txt").read_bytes().count(b"\n")
    return peak_mib(lambda: load_shl(folder)) / (
        n_segments * np.prod(shape) * 4 / 2**20
    )


def frame_by_frame(frames):
    """Spectra as one would write them down."""
    return np.array(
        [
            np.concatenate(
                [
                    np.abs(np.fft.rfft(np.sqrt((axes**2).sum(0))))
                    for axes in frame.reshape(3, 3, -1)
                ]
            )
            for frame in frames
        ]
    )


def transforming(n_segments):
    """Speed of MagnitudeSpectrum, and its peak of memory on all frames."""
    torch.set_num_threads(1)
    some = frame_segments(make_signals(100), frame_length=500, frame_step=250).X
    spectrum = MagnitudeSpectrum(sampling_rate=100).fit(some)
    found = spectrum.transform(some)
    array = np.asarray(some)
    expected = frame_by_frame(array)
    np.testing.assert_allclose(found, expected, atol=1e-6 * expected.max(), rtol=0)
    ratios = []
    for _ in range(5):
        ours = cpu_seconds(spectrum.transform, some)
        ratios.append(cpu_seconds(frame_by_frame, array) / ours)
    torch.set_num_threads(2)

    def from_segments():
        nonlocal n_frames, seconds
        frames = frame_segments(
            make_signals(n_segments), frame_length=500, frame_step=250
        ).X
        start = time.perf_counter()
        features = spectrum.transform(frames)
        seconds, n_frames = time.perf_counter() - start, len(features)
        assert features.shape[1] == 753

    n_frames = seconds = None
    peak = peak_mib(from_segments)
    return {
        "ratio": float(np.median(ratios)),
        "frames": n_frames,
        "seconds": seconds,
        "peak": peak,
    }


def in_its_own_process(*arguments):
    """What this script prints for a part of the work."""
    command = [sys.executable, __file__, *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


def main():
    """Print the costs and hold them against the goals."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--segments", type=int, default=16_310)
    parser.add_argument("--part", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        name, *rest = options.part
        part = {"peak": reading_peak, "frames": lambda n: transforming(int(n))}[name]
        print(json.dumps(part(*rest)))
        return
    missed = []
    with tempfile.TemporaryDirectory() as folder:
        write(folder, 100)
        rates = reading(folder, repeats=5)
        write(folder, 400)
        peak = in_its_own_process("--part", "peak", folder)
    ours = rates["load_shl"]
    print(f"{'reader':12}{'MB/s of CPU':>12}{'load_shl is':>14}{'goal':>6}")
    print(f"{'load_shl':12}{ours:12.0f}")
    goals = {"loadtxt": LOADTXT_GOAL, "read_csv": PANDAS_GOAL}
    for name, goal in goals.items():
        ratio = ours / rates[name]
        print(f"{name:12}{rates[name]:12.0f}{f'{ratio:.1f}x':>14}{goal:>6g}")
        missed += [f"{ratio:.2f}x as fast as {name}"] * (ratio < goal)
    print(f"peak of load_shl: {peak:.2f} times its array, goal {PEAK_GOAL}")
    missed += [f"peak {peak:.2f}"] * (peak > PEAK_GOAL)

    found = in_its_own_process("--part", "frames", options.segments)
    print(
        f"\nMagnitudeSpectrum, 753 features, 1 thread: {found['ratio']:.1f}x as fast as"
        f" frame by frame, goal {LOOP_GOAL}"
    )
    missed += [f"{found['ratio']:.2f}x a loop"] * (found["ratio"] < LOOP_GOAL)
    print(
        f"{found['frames']:,} frames, 2 threads: {found['seconds']:.1f} s, "
        f"{found['frames'] * 753 / found['seconds'] / 1e6:.0f} million features per "
        f"second, peak {found['peak']:.0f} MiB with the segments, goal {MEMORY_GOAL}"
    )
    missed += [f"{found['peak']:.0f} MiB"] * (found["peak"] > MEMORY_GOAL)
    assert not missed, f"goals missed: {missed}"


if __name__ == "__main__":
    main()
