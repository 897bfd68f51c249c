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

import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from costs import cpu_seconds, in_own_process, peak_mib, print_line, run
from runs import check, claim, parser_of
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
                seconds[name].append(cpu_seconds(reader, folder, sensor)[0])
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
        ours, _ = cpu_seconds(spectrum.transform, some)
        ratios.append(cpu_seconds(frame_by_frame, array)[0] / ours)
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


def measure(name, value):
    """What is measured in a process of its own."""
    return reading_peak(value) if name == "peak" else transforming(value)


def print_rates(costs):
    """Print megabytes per second by sensor; return how often load_shl is as fast."""
    readers, widths = ("load_shl", "loadtxt", "read_csv"), (12, 9, 9, 9, 25, 9)
    heading = "is faster than loadtxt", "read_csv"
    print_line(widths, ["MB/s of CPU", *readers, *heading])
    for sensor, cost in costs.items():
        rates = [f"{cost['size'] / cost[name]:.0f}" for name in readers]
        ratios = [cost[name] / cost["load_shl"] for name in readers[1:]]
        print_line(widths, [sensor, *rates, *(f"{ratio:.1f}x" for ratio in ratios)])
    goals = f"{LOADTXT_GOAL:.1f}x", f"{PANDAS_GOAL:.1f}x"
    print_line(widths, ["goal", "", "", "", *goals])
    return ratios  # of all sensors, which come last


def main(options):
    """Print the costs and hold them against the goals."""
    with tempfile.TemporaryDirectory() as folder:
        write(folder, 400)  # with few lines pandas pays mostly for 6,000 columns
        loadtxt, read_csv = print_rates(reading(folder, repeats=3))
        peak = in_own_process(__file__, "peak", folder)
    print(f"peak of load_shl: {peak:.2f} times its array, goal {PEAK_GOAL}")
    found = in_own_process(__file__, "frames", options.segments)
    print(
        f"\nMagnitudeSpectrum, 753 features, 1 thread: {found['ratio']:.1f}x as fast as"
        f" frame by frame, goal {LOOP_GOAL}"
    )
    print(
        f"{found['frames']:,} frames, 2 threads: {found['seconds']:.1f} s, "
        f"{found['frames'] * 753 / found['seconds'] / 1e6:.0f} million features per "
        f"second, peak {found['peak']:.0f} MiB with the segments, goal {MEMORY_GOAL}"
    )
    ratio, memory = found["ratio"], found["peak"]
    check(
        [
            claim(
                f"loadtxt: {LOADTXT_GOAL} x", f"{loadtxt:.2f}", loadtxt >= LOADTXT_GOAL
            ),
            claim(
                f"read_csv: {PANDAS_GOAL} x", f"{read_csv:.2f}", read_csv >= PANDAS_GOAL
            ),
            claim(f"peak of load_shl <= {PEAK_GOAL}", f"{peak:.2f}", peak <= PEAK_GOAL),
            claim(f"a loop: {LOOP_GOAL} x", f"{ratio:.2f}", ratio >= LOOP_GOAL),
            claim(f"MiB <= {MEMORY_GOAL}", f"{memory:.0f}", memory <= MEMORY_GOAL),
        ]
    )


if __name__ == "__main__":
    parser = parser_of(__doc__)
    parser.add_argument("--segments", type=int, default=16_310)
    run(parser, main, measure)
