"""The command that compares networks on signals: groups, figures, refusals."""

import contextlib
import csv
import importlib
import io
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import refuses

from skaug.signals import Frames

# The script imports compare.py, which is beside it.
sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))
compare_signals = importlib.import_module("compare_signals")

QUICK = ["--epochs", "1", "--strengths", "1", "--n-jobs", "1", "--folds", "3"]
FRAMES = ["--frame-length", "100", "--frame-step", "50"]


@pytest.fixture(scope="module")
def signals():
    """36 segments of 3 seconds, six people in turn."""
    return compare_signals.generate_signals(n_people=6, n_repeats=1, seconds=3)


@pytest.fixture
def folder(signals, tmp_path):
    compare_signals.write_folder(tmp_path / "shl", signals.X, signals.y)
    return tmp_path / "shl"


def _options(folder, *arguments):
    arguments = ["--data", str(folder), "--block", "6", *FRAMES, *QUICK, *arguments]
    return compare_signals.read_options(arguments)


def _main(folder, *arguments):
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        compare_signals.main(["--data", str(folder), *FRAMES, *QUICK, *arguments])
    return output.getvalue()


def test_frames_are_what_was_generated_and_groups_are_people(signals, folder, capsys):
    X, y, groups, _, unit = compare_signals.read_frames(_options(folder))
    assert isinstance(X, Frames)
    assert unit == "blocks of 6 segments"
    known = 0
    for i, labels in enumerate(signals.y):
        person = i // signals.block
        for start in range(0, 201, 50):
            part = labels[start : start + 100]
            if part.min() < part.max() or part[0] == 0:
                continue
            known += 1
            frame = signals.X[i, :, start : start + 100]
            near = np.abs(np.asarray(X) - frame).max(axis=(1, 2)) < 1e-3
            (row,) = near.nonzero()[0]
            assert groups[row] == person
            assert y[row] == compare_signals.CLASSES[part[0]]
    assert len(X) == len(y) == known
    printed = capsys.readouterr().out
    counts = re.search(r"Cut 180 .* (\d+) of mixed labels, (\d+) of unknown", printed)
    assert 180 - sum(map(int, counts.groups())) == known < 180
    for train, test in compare_signals.folds(y, groups, 3, 1):
        assert not set(groups[train]) & set(groups[test])


def test_magnitudes_do_not_depend_on_how_the_phone_is_held():
    habits = compare_signals.ACTIVITIES["Walk"]
    rates = []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        acceleration = compare_signals._segment(habits, 2000, 100, rng)[:3]
        spectrum = np.abs(np.fft.rfft(np.linalg.norm(acceleration, axis=0)))
        rates.append(np.fft.rfftfreq(2000, 0.01)[spectrum[1:].argmax() + 1])
    np.testing.assert_allclose(rates, habits[0], atol=0.15)


def test_command_on_a_folder(folder, tmp_path):
    printed = _main(folder, "--block", "6", "--output", str(tmp_path / "out"))
    assert re.search(
        r"Read 36 segments of 9 channels and 300 samples: .* MB/s", printed
    )
    assert re.search(r"frames of 153 features, 6 activities, 6 blocks", printed)
    assert re.search(r"The leak: .* [\d.]+ % .* [\d.]+ % with blocks", printed)
    assert "ISDA - plain" in printed
    with open(tmp_path / "out" / "compare.csv") as file:
        rows = list(csv.DictReader(file))
    assert [row["split"] for row in rows] == ["0", "1", "2"]


def test_cache_and_first_segments(folder, tmp_path):
    options = _options(folder, "--segments", "9", "--cache", str(tmp_path / "cache"))
    for _ in range(2):
        X, _, groups, _, _ = compare_signals.read_frames(options)
    assert isinstance(X.segments, np.memmap)
    assert X.segments.shape == (9, 9, 300)
    assert len(groups) == len(X)


def test_without_an_order_segments_are_groups(folder, capsys):
    (folder / "train_order.txt").unlink()
    *_, groups, _, unit = compare_signals.read_frames(_options(folder))
    assert unit == "segments"
    assert set(groups) <= set(range(36))
    assert "No train_order.txt: each segment is a group." in capsys.readouterr().out


def _remove(file):
    file.unlink()


def _damage(file):
    file.write_text(file.read_text().replace("\n", " spam\n", 1))


def _no_labels(file):
    file.write_text("0 " * 300 + "\n" + file.read_text().split("\n", 1)[1])
    file.write_text(re.sub(r"\d", "0", file.read_text()))


@pytest.mark.parametrize(
    "change, file, options, message",
    [
        (_remove, "Gyr_x.txt", [], "load_shl needs Gyr_x.txt in .*; got a folder w"),
        (_damage, "Acc_y.txt", [], "Acc_y.txt, line 1: .*; got 'spam' as number 301"),
        (_remove, "Label.txt", [], "compare needs Label.txt in --data; got"),
        (_no_labels, "Label.txt", [], "frames of one known label; got none"),
        (None, "", ["--frame-length", "301"], "frame_length <= 300, .*; got 301"),
        (None, "", ["--segments", "1"], "two classes; got 1 in 'Label.txt'"),
        (None, "", ["--channels", "Acc", "Acc"], "channels, each of them once"),
        (None, "", ["--block", "40"], "3 groups of each class.*; got 1 of class"),
    ],
)
def test_unfit_folder_is_refused_in_a_sentence(folder, change, file, options, message):
    if change is not None:
        change(folder / file)
    with refuses(message, SystemExit) as error:
        _main(folder, *options)
    assert "\n" not in str(error.value)


def test_missing_folder_is_refused_in_a_sentence(tmp_path):
    with refuses(r"load_shl needs a folder; got .*none, which is not", SystemExit):
        _main(tmp_path / "none")


@pytest.mark.parametrize(
    "options, message",
    [
        (["--block", "2"], "--data beside --segments, --block or --cache; got none"),
        (["--data", ".", "--segments", "0"], "segments of 1 or more; got 0"),
        (["--data", ".", "--block", "-1"], "block of 1 or more; got -1"),
        (["--folds", "2"], "folds of 3 or more; got 2"),
    ],
)
def test_unfit_option_is_refused_in_a_sentence(options, message):
    with refuses("compare needs " + message, SystemExit):
        compare_signals.read_options(options)


def test_demo_runs_without_real_data(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(compare_signals, "load_har", lambda: None)
    generate = compare_signals.generate_signals
    monkeypatch.setattr(
        compare_signals, "generate_signals", lambda: generate(6, 1, seconds=3)
    )
    compare_signals.main([*FRAMES, *QUICK, "--output", str(tmp_path)])
    printed = capsys.readouterr().out
    assert "6 activities, 6 people." in printed
    assert "UCI HAR is left out: no data folder." in printed
    assert (tmp_path / "generated.csv").is_file()
