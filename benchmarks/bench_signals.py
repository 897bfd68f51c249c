"""What it costs to get from text files to a table of spectra.

Reading: text in the SHL challenge's format, seven significant digits, read by
``load_shl``, by ``numpy.loadtxt`` and by ``pandas.read_csv`` into float32, all on one
core. Rates are megabytes of text per second of CPU time, the median of repeats that
take turns. Every method must find the same numbers. The three sensors are written with
unlike numbers of characters: accelerations around gravity, small rates of turning,
magnetic fields in uT.

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

SENSORS = {"Acc": (0, 0, 9.8, 2.0), "Gyr": (0, 0, 0, 0.5), "Mag": (20, -5, -40, 5.0)}
CHANNELS = [f"{sensor}_{axis}" for sensor in SENSORS for axis in "xyz"]
N_TIMES = 6000
LOADTXT_GOAL = 5.0  # times as fast
PANDAS_GOAL = 1.0
PEAK_GOAL = 1.5  # times the array returned
LOOP_GOAL = 3.0  # times as fast as frame by frame
MEMORY_GOAL = 8 * 1024  # MiB for all frames of the SHL data, segments included


def make_signals(n_segments, seed=0):
    """Noise around the means of each axis, in float32."""
    signals = np.random.default_rng(seed).standard_normal(
        (n_segments, len(CHANNELS), N_TIMES), dtype=np.float32
    )
    for i, (*means, deviation) in enumerate(SENSORS.values()):
        for axis, mean in enumerate(means):
            channel = signals[:, 3 * i + axis]
            channel *= np.float32(deviation)
            channel += np.float32(mean)
    return signals


def write(folder, n_segments):
    """Write as many segments, of which every tenth is drawn and the rest repeat it."""
    drawn = make_signals(max(1, n_segments // 10))
    for i, name in enumerate(CHANNELS):
        path = Path(folder, f"{name}.txt")
        np.savetxt(path, drawn[:, i], fmt="%.7g")
        path.write_bytes(path.read_bytes() * (n_segments // len(drawn)))


def by_numpy(folder, sensor):
    """Array of a sensor's channels, by numpy.loadtxt."""
    paths = [Path(folder, f"{sensor}_{axis}.txt") for axis in "xyz"]
    return np.stack([np.loadtxt(path, dtype=np.float32) for path in paths], axis=1)


def by_pandas(folder, sensor):
    """Array of a sensor's channels, by pandas with faster settings for wide files."""
    options = {"sep": " ", "header": None, "dtype": np.float32, "low_memory": False}
    paths = [Path(folder, f"{sensor}_{axis}.txt") for axis in "xyz"]
    frames = [pd.read_csv(path, **options) for path in paths]
    return np.stack([frame.to_numpy() for frame in frames], axis=1)


def by_skaug(folder, sensor):
    """Array of a sensor's channels, by load_shl."""
    return load_shl(folder, [sensor]).X


def cpu_seconds(function, *args):
    """CPU time of a call."""
    start = time.process_time()
    function(*args)
    return time.process_time() - start


def reading(folder, repeats):
    """Seconds of each reader and megabytes, by sensor."""
    readers = {"load_shl": by_skaug, "loadtxt": by_numpy, "read_csv": by_pandas}
    results = {}
    for sensor in SENSORS:
        arrays = [reader(folder, sensor) for reader in readers.values()]
        np.testing.assert_array_equal(arrays[0], arrays[1])
        # pandas rounds decimals to the nearest float64 or the one beside it.
        np.testing.assert_allclose(arrays[0], arrays[2], rtol=1e-6, atol=0)
        seconds = {name: [] for name in readers}
        for _ in range(repeats):
            for name, reader in readers.items():
                seconds[name].append(cpu_seconds(reader, folder, sensor))
        size = (
            sum(path.stat().st_size for path in Path(folder).glob(f"{sensor}*")) / 1e6
        )
        medians = {name: float(np.median(values)) for name, values in seconds.items()}
        results[sensor] = {**medians, "size": size}
    total = {
        key: sum(result[key] for result in results.values()) for key in results["Acc"]
    }
    return {**results, "all": total}


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
        write(folder, 400)  # with few lines pandas pays mostly for 6,000 columns
        costs = reading(folder, repeats=3)
        peak = in_its_own_process("--part", "peak", folder)
    print(
        f"{'MB/s of CPU':12}{'load_shl':>9}{'loadtxt':>9}{'read_csv':>9}"
        f"{'is faster than loadtxt':>25}{'read_csv':>9}"
    )
    for sensor, cost in costs.items():
        readers = ("load_shl", "loadtxt", "read_csv")
        rates = "".join(f"{cost['size'] / cost[name]:9.0f}" for name in readers)
        ratios = [cost[name] / cost["load_shl"] for name in readers[1:]]
        print(f"{sensor:12}{rates}{ratios[0]:24.1f}x{ratios[1]:8.1f}x")
    print(f"{'goal':12}{LOADTXT_GOAL:51.1f}x{PANDAS_GOAL:8.1f}x")
    missed += [f"{ratios[0]:.2f}x loadtxt"] * (ratios[0] < LOADTXT_GOAL)
    missed += [f"{ratios[1]:.2f}x read_csv"] * (ratios[1] < PANDAS_GOAL)
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
