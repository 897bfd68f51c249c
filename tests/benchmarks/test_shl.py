"""Recordings as folders in SHL's format, and the benchmark's way from them to IHDA."""

from functools import partial

import numpy as np
import pytest
from sklearn.utils import Bunch

import bench_shl
import make_shl
from make_har import SHARED
from skaug.signals import frame_segments, load_shl


def windows_of(recording):
    """Windows of 128 samples that share 64, as UCI HAR has them."""
    starts = range(0, recording.shape[1] - 127, SHARED)
    return np.array([recording[:, start : start + 128] for start in starts])


def test_windows_become_the_recording_they_were_cut_from():
    recording = np.random.default_rng(0).normal(size=(9, 64 * 5))
    body, gyro, total = recording.reshape(3, 3, -1)
    joined = make_shl.joined(windows_of(recording), range(4))
    expected = np.concatenate([9.80665 * total, gyro, 9.80665 * body])
    np.testing.assert_allclose(joined, expected, rtol=1e-12)


def test_segments_hold_recordings_one_after_the_other():
    signals = [np.full((9, n), n, float) for n in (5, 4, 6)]
    X, y = make_shl.segments(signals, np.array([1, 2, 3]), n_times=7)
    assert X.shape == (2, 9, 7)
    assert X[:, 3].tolist() == [[5] * 5 + [4] * 2, [4] * 2 + [6] * 5]
    # The moment at which a recording begins is unknown; the rest is left out.
    assert y.tolist() == [[0, 1, 1, 1, 1, 0, 2], [2, 2, 0, 3, 3, 3, 3]]


@pytest.fixture
def folder(tmp_path):
    """Four people of each part, who rest and move, for 48 seconds each."""
    rng = np.random.default_rng(0)
    labels, people = np.tile([1, 2], 8), np.repeat([7, 3, 5, 1], 4)
    signals = rng.normal(size=(16, 9, 1200)) * labels[:, None, None] + 1
    for part, seed in (("train", 1), ("test", 2)):
        random = np.random.RandomState(seed)
        make_shl.write_part(tmp_path / part, signals, labels, people, random, 1200)
    return tmp_path


def test_a_part_is_read_as_it_was_written(folder):
    data = load_shl(folder / "train", ["Acc", "Gyr", "LAcc"])
    people = bench_shl.groups_of(folder / "train", data)
    assert data.X.shape == (16, 9, 1200)
    assert list(data.sensors) == ["acc", "gyr", "lacc"]
    # Places count people one after the other; segments are shuffled.
    in_order = people[np.argsort(data.order)]
    assert in_order.tolist() == np.repeat([1, 3, 5, 7], 4).tolist()
    assert np.any(np.diff(data.order) != 1)
    # Where each segment is one recording, its spread tells its label.
    np.testing.assert_allclose(data.X.std(axis=(1, 2)), data.y[:, 1], rtol=0.05)
    frames = frame_segments(data.X, data.y, frame_length=500, frame_step=100)
    assert np.bincount(frames.segment[frames.purity < 1]).tolist() == [1] * 16


def test_groups_of_real_files_are_hours(tmp_path):
    hours = bench_shl.groups_of(tmp_path, Bunch(order=np.array([121, 0, 59, 60])))
    assert hours.tolist() == [2, 0, 0, 1]
    assert bench_shl.groups_of(tmp_path, Bunch(order=None)) is None


def test_steps_between_frames_come_to_the_rows_that_are_asked_for():
    assert bench_shl.step_of("har", 10) == bench_shl.step_of("shl", 10) == 250
    assert bench_shl.step_of("har, rows", 2_578 * 10) == 25
    assert bench_shl.step_of("har, rows", 10**9) == 1


def test_of_real_files_every_nth_segment_is_read(folder):
    for axis in "xyz":
        (folder / "train" / f"LAcc_{axis}.txt").rename(
            folder / "train" / f"Mag_{axis}.txt"
        )
    part, seconds = bench_shl.read_part(folder, "shl", "train", bench_shl.N_SHL / 4)
    # Of 16 segments 4 are left, each of which has two frames that are pure.
    assert part.X.shape == (8, 753) and len(part.groups) == 8
    assert set(seconds) == {"read", "spectra"}


@pytest.mark.filterwarnings("ignore:Rows of zeros only")
def test_from_files_to_the_tables_of_the_benchmark(folder, monkeypatch):
    monkeypatch.setattr(bench_shl, "HIDDEN", (16, 8, 8))
    quick = {"generator": "noise", "tune_lr": 0.1}
    arms = {arm: partial(make, **quick) for arm, make in bench_shl.ARMS.items()}
    monkeypatch.setattr(bench_shl, "ARMS", arms)
    run = {"set": "har", "seed": 0, "commit": "0", "origin": "here"}
    run |= bench_shl.run_seed(folder, 100, "har", 0)
    # Four frames begin in 12 seconds, of which that at the first moment is not pure.
    # Test frames do not overlap: of two, the second is left.
    assert run["rows"] == [32, 16] and run["groups"] == 4
    assert run["arms"]["base"]["accuracy"] > 90
    assert [len(run["arms"][arm]["levels"]) for arm in bench_shl.ARMS] == [3] * 4
    text = bench_shl.summary([run, {**run, "seed": 1}])
    assert "har: 32 training frames, 2 trials" in text and "not SHL" in text
    [claim] = bench_shl.claims([run, {**run, "seed": 1}])
    assert claim[0].startswith("har: default not below base")
