"""Folders in the SHL challenge's format: round trips, damage, the cache."""

import os
import shutil
import tracemalloc

import numpy as np
import pytest
from helpers import refuses
from shl_folder import write_shl

from skaug.signals import load_shl
from skaug.signals.shl import _Reader

CHANNELS = [f"{sensor}_{axis}" for sensor in ("Acc", "Gyr", "Mag") for axis in "xyz"]


@pytest.fixture
def recording():
    rng = np.random.default_rng(0)
    scale = 10.0 ** rng.integers(-6, 6, size=(12, 9, 1))
    X = (scale * rng.normal(size=(12, 9, 50))).astype(np.float32)
    y = rng.integers(0, 9, size=(12, 50))
    return X, y, rng.permutation(12)


@pytest.fixture
def folder(recording, tmp_path):
    X, y, order = recording
    return write_shl(tmp_path / "train", X, CHANNELS, y, order)


def test_what_was_written_is_read(recording, folder):
    X, y, order = recording
    data = load_shl(folder)
    np.testing.assert_array_equal(data.X, X)
    np.testing.assert_array_equal(data.y, y)
    np.testing.assert_array_equal(data.order, order)
    assert data.X.dtype == np.float32 and data.y.dtype == np.uint8
    assert data.channels == CHANNELS
    assert data.sensors == {"acc": [0, 1, 2], "gyr": [3, 4, 5], "mag": [6, 7, 8]}
    assert [data.classes[i] for i in (0, 1, 8)] == ["Null", "Still", "Subway"]


@pytest.mark.parametrize(
    "segments",
    [slice(3), slice(-2, None), slice(1, 12, 5), [7, 2, 4], np.arange(12) % 3 == 1],
)
@pytest.mark.parametrize("block", [2**18, 1500])
def test_segments_are_an_index_of_the_lines(
    recording, folder, segments, block, monkeypatch
):
    monkeypatch.setattr("skaug.signals.shl.BLOCK", block)
    data = load_shl(folder, segments=segments)
    rows = np.sort(np.arange(12)[segments])
    np.testing.assert_array_equal(data.X, recording[0][rows])
    np.testing.assert_array_equal(data.y, recording[1][rows])
    np.testing.assert_array_equal(data.order, recording[2][rows])
    np.testing.assert_array_equal(data.segments, rows)


def test_channels_are_sensors_or_files(recording, tmp_path):
    X = recording[0]
    names = ["Ori_w", "Ori_x", "Ori_y", "Ori_z", "Pressure", "LAcc_y", "body_acc_x"]
    folder = write_shl(tmp_path / "test", X[:, :7], names)
    data = load_shl(folder, ["Pressure", "Ori", "body_acc_x"])
    np.testing.assert_array_equal(data.X, X[:, [4, 0, 1, 2, 3, 6]])
    assert data.sensors == {"pressure": [0], "ori": [1, 2, 3, 4], "body_acc": [5]}
    assert data.y is None and data.order is None
    assert load_shl(folder, "LAcc_y").X.shape == (12, 1, 50)


@pytest.mark.parametrize("rows_per_block", [1, 5, 100])
def test_blocks_do_not_matter(recording, folder, monkeypatch, rows_per_block):
    line = (folder / "Acc_x.txt").stat().st_size // 12
    monkeypatch.setattr("skaug.signals.shl.BLOCK", rows_per_block * line)
    np.testing.assert_array_equal(load_shl(folder).X, recording[0])


def test_other_white_space_and_no_last_line_end(recording, folder):
    for i, name in enumerate(CHANNELS[:3]):
        path = folder / f"{name}.txt"
        text = path.read_text()
        if i == 0:
            path.write_text(text.rstrip("\n"))
        elif i == 1:
            path.write_bytes(text.replace("\n", "\r\n").replace(" ", "\t").encode())
        else:
            path.write_text("  " + text.replace("\n", "  \n  ").rstrip(" ") + "\n \n")
    np.testing.assert_array_equal(load_shl(folder).X, recording[0])


def test_real_signals_pass_through_the_format(har, tmp_path):
    X, y, _ = har
    names = [f"{sensor}_{axis}" for sensor in ("LAcc", "Gyr", "Acc") for axis in "xyz"]
    folder = write_shl(tmp_path / "har", X[:200], names, y[:200])
    data = load_shl(folder, ["LAcc", "Gyr", "Acc"])
    np.testing.assert_array_equal(data.X, X[:200])
    np.testing.assert_array_equal(data.y, np.repeat(y[:200, None], 128, axis=1))


def test_memory_stays_within_one_and_a_half_arrays(tmp_path):
    X = np.random.default_rng(0).normal(size=(20, 1, 6000)).astype(np.float32)
    folder = write_shl(tmp_path, X, ["Acc_x"], np.ones(20))
    for path in folder.iterdir():
        path.write_text(50 * path.read_text())
    tracemalloc.start()
    try:
        data = load_shl(folder, ["Acc_x"])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert data.X.shape == (1000, 1, 6000)
    assert peak < 1.5 * (data.X.nbytes + data.y.nbytes)


def lines_of(path):
    return path.read_text().split("\n")


def replace_line(folder, name, number, change):
    path = folder / name
    lines = lines_of(path)
    lines[number - 1] = change(lines[number - 1])
    path.write_text("\n".join(lines))


def drop_last_number(line):
    return line.rsplit(" ", 1)[0]


def drop_line(folder, name, number):
    lines = lines_of(folder / name)
    del lines[number - 1]
    (folder / name).write_text("\n".join(lines))


def as_number(text, column=3):
    def change(line):
        numbers = line.split(" ")
        numbers[column - 1] = text
        return " ".join(numbers)

    return change


# What is done to a folder, and what the message must say.
DAMAGE = {
    "no folder": (shutil.rmtree, r"a folder; got .*train, which is not one"),
    "missing channel": (
        lambda f: (f / "Gyr_y.txt").unlink(),
        r"Gyr_y\.txt in .*train; got a folder without it",
    ),
    "empty file": (
        lambda f: (f / "Acc_x.txt").write_text(""),
        r"Acc_x\.txt, line 1: numbers are needed; got an empty file",
    ),
    "empty other file": (
        lambda f: (f / "Mag_z.txt").write_text(""),
        r"Mag_z\.txt, line 1: 12 lines are needed, as Acc_x\.txt has; got 0",
    ),
    "empty first line": (
        lambda f: replace_line(f, "Acc_x.txt", 1, lambda line: ""),
        r"Acc_x\.txt, line 1: numbers are needed; got an empty line",
    ),
    "short line": (
        lambda f: replace_line(f, "Gyr_x.txt", 7, drop_last_number),
        r"Gyr_x\.txt, line 7: 50 numbers are needed, as in line 1 of .*; got 49",
    ),
    "long line": (
        lambda f: replace_line(f, "Gyr_x.txt", 2, lambda line: line + " 1.5"),
        r"Gyr_x\.txt, line 2: 50 numbers are needed.*; got 51",
    ),
    "two short lines of the right sum": (
        lambda f: [
            replace_line(f, "Gyr_x.txt", 4, drop_last_number),
            replace_line(f, "Gyr_x.txt", 5, lambda line: line + " 1.5"),
        ],
        r"Gyr_x\.txt, line 4: 50 numbers are needed.*; got 49",
    ),
    "blank line": (
        lambda f: replace_line(f, "Mag_x.txt", 6, lambda line: ""),
        r"Mag_x\.txt, line 6: 50 numbers are needed.*; got 0",
    ),
    "cut off in a line": (
        lambda f: os.truncate(f / "Acc_z.txt", (f / "Acc_z.txt").stat().st_size - 99),
        r"Acc_z\.txt, line 12: 50 numbers are needed",
    ),
    "a line less": (
        lambda f: drop_line(f, "Acc_z.txt", 5),
        r"Acc_z\.txt, line 12: 12 lines are needed, as .* has; got 11",
    ),
    "a line more": (
        lambda f: (f / "Acc_z.txt").open("a").write("1 " * 50 + "\n"),
        r"Acc_z\.txt, line 13: 12 lines are needed, as .* has; got more",
    ),
    "a line less in the first channel": (
        lambda f: drop_line(f, "Acc_x.txt", 5),
        r"train_order\.txt, line 12: a number for each of the 11 lines of Acc_x\.txt",
    ),
    "not a number": (
        lambda f: replace_line(f, "Mag_y.txt", 3, as_number("abc")),
        r"Mag_y\.txt, line 3: a finite number is needed; got 'abc' as number 3",
    ),
    "glued numbers": (
        lambda f: replace_line(f, "Mag_y.txt", 12, as_number("0.5-0.25", 50)),
        r"Mag_y\.txt, line 12: a finite number is needed; got '0.5-0.25' as number 50",
    ),
    "decimal comma": (
        lambda f: replace_line(f, "Mag_y.txt", 1, as_number("9,81", 1)),
        r"Mag_y\.txt, line 1: a finite number is needed; got '9,81' as number 1",
    ),
    "NaN": (
        lambda f: replace_line(f, "Mag_y.txt", 3, as_number("NaN")),
        r"Mag_y\.txt, line 3: a finite number is needed; got 'NaN'",
    ),
    "beyond float32": (
        lambda f: replace_line(f, "Mag_y.txt", 3, as_number("-1e39")),
        r"Mag_y\.txt, line 3: .* range of float32 are needed; got -1e\+39 as number 3",
    ),
    "control character at the end of a line": (
        lambda f: replace_line(f, "Mag_y.txt", 5, lambda line: line + " \x1a"),
        r"Mag_y\.txt, line 5: a finite number is needed; got '\\x1a' as number 51",
    ),
    "old line ends": (
        lambda f: (f / "Gyr_z.txt").write_bytes(
            (f / "Gyr_z.txt").read_bytes().replace(b"\n", b"\r")
        ),
        r"Gyr_z\.txt, line 1: lines that end in a newline are needed; got a carriage",
    ),
    "old line ends in the first channel": (
        lambda f: (f / "Acc_x.txt").write_bytes(
            (f / "Acc_x.txt").read_bytes().replace(b"\n", b"\r")
        ),
        r"Acc_x\.txt, line 1: lines that end in a newline are needed; got a carriage",
    ),
    "labels that lead nowhere": (
        lambda f: [(f / "Label.txt").unlink(), (f / "Label.txt").symlink_to("none")],
        r"Label\.txt in .*train; got a folder without it",
    ),
    "wide characters": (
        lambda f: (f / "Gyr_z.txt").write_text(
            (f / "Gyr_z.txt").read_text(), encoding="utf-16"
        ),
        r"Gyr_z\.txt, line 1: a finite number is needed; got",
    ),
    "unknown label": (
        lambda f: replace_line(f, "Label.txt", 9, as_number("9")),
        r"Label\.txt, line 9: labels from 0 to 8 are needed; got 9 as number 3",
    ),
    "label between two": (
        lambda f: replace_line(f, "Label.txt", 9, as_number("1.5")),
        r"Label\.txt, line 9: labels from 0 to 8 are needed; got 1\.5",
    ),
    "labels of segments": (
        lambda f: (f / "Label.txt").write_text("1\n" * 12),
        r"Label\.txt, line 1: 50 numbers are needed.*; got 1",
    ),
    "short order": (
        lambda f: drop_line(f, "train_order.txt", 4),
        r"train_order\.txt, line 12: a number for each of the 12 lines of .*; got 11",
    ),
    "repeated place": (
        lambda f: replace_line(
            f, "train_order.txt", 4, lambda line: lines_of(f / "train_order.txt")[0]
        ),
        r"train_order\.txt, line 4: places from 1 to 12, each of them once",
    ),
    "place from 0": (
        lambda f: replace_line(f, "train_order.txt", 4, lambda line: "0"),
        r"train_order\.txt, line 4: places from 1 to 12.*; got 0",
    ),
    "text in the order": (
        lambda f: replace_line(f, "train_order.txt", 4, lambda line: "four"),
        r"train_order\.txt, line 4: a whole number is needed; got 'four'",
    ),
    "two orders": (
        lambda f: (f / "test_order.txt").write_text("1\n"),
        r"one file \*order\.txt at most; got \['test_order\.txt', 'train_order\.txt'\]",
    ),
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("block", [2**18, 1500])
def test_damage_is_named_and_nothing_is_cached(
    folder, tmp_path, damage, block, monkeypatch
):
    monkeypatch.setattr("skaug.signals.shl.BLOCK", block)  # two lines or so
    act, message = DAMAGE[damage]
    act(folder)
    cache = tmp_path / "cache"
    with refuses(message, (FileNotFoundError, ValueError)) as caught:
        load_shl(folder, cache=cache)
    assert "\n" not in str(caught.value)
    assert not cache.exists() or not list(cache.iterdir())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"channels": ["Acc", "Acc_x"]}, "each of them once"),
        ({"channels": []}, "needs channels"),
        ({"channels": ["Nose"]}, "Nose.txt"),
        ({"segments": [12]}, "index of 12 lines"),
        ({"segments": 5}, r"a slice or a list; got 5. The first 5 are slice\(5\)"),
        ({"segments": slice(5, 5)}, "needs a segment to read"),
        ({"segments": []}, "needs a segment to read"),
        ({"segments": np.ones(900, bool)}, "index of 12 lines; got another"),
        ({"segments": [0.5]}, "index of 12 lines"),
    ],
)
def test_arguments_are_checked(folder, arguments, message):
    with refuses(message, (FileNotFoundError, ValueError)):
        load_shl(folder, **arguments)


def test_a_damaged_line_is_named_among_chosen_segments(folder):
    replace_line(folder, "Mag_y.txt", 8, lambda line: line + " \x1a")
    for segments in ([7], [2, 7], slice(3, 10)):
        with refuses(r"Mag_y\.txt, line 8: .* as number 51"):
            load_shl(folder, segments=segments)
    load_shl(folder, segments=[2, 6])  # the way out that the message names


def test_a_folder_with_the_name_of_an_order_is_none(folder):
    (folder / "train_order.txt").unlink()
    (folder / "train_order.txt").mkdir()
    assert load_shl(folder).order is None


def test_names_of_channels_are_text(folder):
    for channels in ([1], None):
        with refuses(r"list of names as channels; got .*Give", TypeError):
            load_shl(folder, channels=channels)


def written(cache):
    return {path.name: path.stat().st_mtime_ns for path in cache.iterdir()}


def test_the_cache_is_used_while_the_text_is_the_same(recording, folder, tmp_path):
    X, y, _ = recording
    cache = tmp_path / "cache"
    load_shl(folder, cache=cache)
    before = written(cache)
    assert len(before) == 3
    again = load_shl(folder, cache=cache)
    assert isinstance(again.X, np.memmap) and isinstance(again.y, np.memmap)
    np.testing.assert_array_equal(again.X, X)
    np.testing.assert_array_equal(again.y, y)
    os.utime(folder / "Gyr_x.txt", (1, 1))  # another date, the same text
    load_shl(folder, cache=cache)
    after = written(cache)
    assert [after[name] == before[name] for name in sorted(before)] == [1, 0, 1]
    load_shl(folder, cache=cache)  # the date is known now
    assert written(cache) == after
    part = load_shl(folder, ["Gyr_x"], segments=[3], cache=cache)
    np.testing.assert_array_equal(part.X, X[[3], 3:4])
    assert len(written(cache)) == 6
    part = load_shl(folder, ["Gyr_x"], segments=[4], cache=cache)
    np.testing.assert_array_equal(part.X, X[[4], 3:4])


def test_the_cache_is_made_anew_for_other_text(recording, folder, tmp_path):
    cache = tmp_path / "cache"
    load_shl(folder, cache=cache)
    # As many bytes as before.
    replace_line(folder, "Label.txt", 2, lambda line: "8" + line[1:])
    assert load_shl(folder, cache=cache).y[1, 0] == 8
    replace_line(folder, "Gyr_x.txt", 1, as_number("0.5", 1))
    assert load_shl(folder, cache=cache).X[0, 3, 0] == 0.5


@pytest.mark.parametrize("kind", ["X.npy", "y.npy", "json"])
@pytest.mark.parametrize("harm", ["cut", "removed"])
def test_a_damaged_cache_is_made_anew(recording, folder, tmp_path, kind, harm):
    cache = tmp_path / "cache"
    load_shl(folder, cache=cache)
    (path,) = cache.glob(f"*{kind}")
    os.truncate(path, path.stat().st_size // 2) if harm == "cut" else path.unlink()
    np.testing.assert_array_equal(load_shl(folder, cache=cache).X, recording[0])


@pytest.mark.parametrize("record", ["[]", "{}", "null", '{"Acc_x.txt": []}', "", "{"])
def test_a_damaged_record_is_made_anew(recording, folder, tmp_path, record):
    cache = tmp_path / "cache"
    load_shl(folder, cache=cache)
    (path,) = cache.glob("*.json")
    path.write_text(record)
    np.testing.assert_array_equal(load_shl(folder, cache=cache).X, recording[0])
    (array,) = cache.glob("*X.npy")
    array.write_bytes(bytes(array.stat().st_size))
    np.testing.assert_array_equal(load_shl(folder, cache=cache).X, recording[0])


def test_text_that_changes_while_it_is_read_is_not_cached(
    folder, tmp_path, monkeypatch
):
    read = _Reader.__call__

    def read_and_change(self, X, y=None):
        read(self, X, y)
        replace_line(folder, "Acc_x.txt", 1, as_number("9.75", 1))

    monkeypatch.setattr(_Reader, "__call__", read_and_change)
    with refuses(r"Acc_x\.txt to be at rest; got a change"):
        load_shl(folder, cache=tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir())


def test_interruption_leaves_no_cache(folder, tmp_path, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    # The last thing before the files get their names.
    monkeypatch.setattr("skaug.signals._cache._digest", stop)
    with pytest.raises(KeyboardInterrupt):
        load_shl(folder, cache=tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir())


def test_progress_is_shown_when_asked_for(folder, capfd):
    load_shl(folder)
    assert capfd.readouterr() == ("", "")
    load_shl(folder, verbose=1)
    assert "100%" in capfd.readouterr().err
