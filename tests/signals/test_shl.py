"""Folders in the SHL challenge's format: round trips, damage, the cache."""

import os
import re
import shutil
import signal
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from helpers import killed, refuses
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
        path.write_text(25 * path.read_text())
    tracemalloc.start()
    try:
        data = load_shl(folder, ["Acc_x"])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert data.X.shape == (500, 1, 6000)
    assert peak < 1.5 * (data.X.nbytes + data.y.nbytes)


def change_line(name, number, change):
    """A damage to a folder: one line of a file becomes another."""

    def act(folder):
        path = folder / f"{name}.txt"
        lines = path.read_text().split("\n")
        lines[number - 1] = change(lines[number - 1])
        path.write_text("\n".join(lines))

    return act


def change_file(name, change):
    """A damage to a folder: a function of bytes makes other content of a file."""

    def act(folder):
        path = folder / f"{name}.txt"
        path.write_bytes(change(path.read_bytes()))

    return act


def as_number(text, column=3):
    def change(line):
        numbers = line.split(" ")
        return " ".join([*numbers[: column - 1], text, *numbers[column:]])

    return change


def line(text):
    return lambda _: text


def longer(text):
    return lambda old: old + text


def shorter(line):
    return line.rsplit(" ", 1)[0]


def without_line(number):
    def change(text):
        lines = text.split(b"\n")
        return b"\n".join(lines[: number - 1] + lines[number:])

    return change


def carriage_returns(text):
    return text.replace(b"\n", b"\r")


def as_utf_16(text):
    return text.decode().encode("utf-16")


def first_place_again(text):
    lines = text.split(b"\n")
    return b"\n".join([*lines[:3], lines[0], *lines[4:]])


def two_uneven_lines(folder):
    change_line("Gyr_x", 4, shorter)(folder)
    change_line("Gyr_x", 5, longer(" 1.5"))(folder)


def dead_link(folder):
    (folder / "Label.txt").unlink()
    (folder / "Label.txt").symlink_to("none")


# What is done to a folder, and what the message must say.
LINES = [
    # File, line, change, and what the message says of this line.
    ("Acc_x", 1, line(""), "numbers are needed; got an empty line"),
    ("Gyr_x", 7, shorter, "50 numbers are needed, as in line 1 of .*; got 49"),
    ("Gyr_x", 2, longer(" 1.5"), "50 numbers are needed.*; got 51"),
    ("Mag_x", 6, line(""), "50 numbers are needed.*; got 0"),
    ("Mag_y", 3, as_number("abc"), "a finite number .*; got 'abc' as number 3"),
    ("Mag_y", 12, as_number("0.5-0.25", 50), "a finite .* '0.5-0.25' as number 50"),
    ("Mag_y", 1, as_number("9,81", 1), "a finite .*; got '9,81' as number 1"),
    ("Mag_y", 3, as_number("NaN"), "a finite number is needed; got 'NaN'"),
    ("Mag_y", 3, as_number("-1e39"), r"range of float32 .* -1e\+39 as number 3"),
    ("Mag_y", 5, longer(" \x1a"), r"a finite .*; got '\\x1a' as number 51"),
    ("Label", 9, as_number("9"), "labels from 0 to 8 .*; got 9 as number 3"),
    ("Label", 9, as_number("1.5"), r"labels from 0 to 8 are needed; got 1\.5"),
    ("train_order", 4, line("0"), "places from 1 to 12.*; got 0"),
    ("train_order", 4, line("four"), "a whole number is needed; got 'four'"),
]
FILES = [
    # File, change of its content, and what the message says.
    ("Acc_x", lambda _: b"", r"x\.txt, line 1: numbers are needed; got an empty file"),
    ("Mag_z", lambda _: b"", r"z\.txt, line 1: 12 lines .*, as Acc_x\.txt has; got 0"),
    ("Acc_z", lambda text: text[:-99], r"Acc_z\.txt, line 12: 50 numbers are needed"),
    ("Acc_z", without_line(5), r"z\.txt, line 12: 12 lines .*, as .* has; got 11"),
    ("Acc_z", longer(b"1 " * 50 + b"\n"), r"z\.txt, line 13: 12 lines .*; got more"),
    (
        "Acc_x",
        without_line(5),
        r"r\.txt, line 12: .* each of the 11 lines of Acc_x\.txt",
    ),
    ("Gyr_z", carriage_returns, r"z\.txt, line 1: .* in a newline .*; got a carriage"),
    ("Acc_x", carriage_returns, r"x\.txt, line 1: .* in a newline .*; got a carriage"),
    ("Gyr_z", as_utf_16, r"z\.txt, line 1: text of one byte .*; got UTF-16"),
    ("Label", as_utf_16, r"l\.txt, line 1: text of one byte .*; got UTF-16"),
    ("train_order", as_utf_16, r"r\.txt, line 1: text of one byte .*; got UTF-16"),
    ("Acc_x", lambda text: bytes(len(text)), r"x\.txt, line 1: .*; got .*, or zeros"),
    ("Label", lambda _: b"1\n" * 12, r"Label\.txt, line 1: 50 numbers .*; got 1"),
    (
        "train_order",
        first_place_again,
        "line 4: places from 1 to 12, each of them once",
    ),
    ("train_order", without_line(4), r"line 12: a number .* the 12 lines .*; got 11"),
]
DAMAGE = [
    *(
        (change_line(*row[:3]), r"{}\.txt, line {}: .*{}".format(*row[:2], row[3]))
        for row in LINES
    ),
    *((change_file(*row[:2]), row[2]) for row in FILES),
    (shutil.rmtree, r"a folder; got .*train, which is not one"),
    (lambda f: (f / "Gyr_y.txt").unlink(), r"Gyr_y\.txt in .*train; got a folder with"),
    (dead_link, r"Label\.txt in .*train; got a folder without it"),
    (
        two_uneven_lines,
        r"2 lines cannot be read\. Gyr_x\.txt, line 4: 50 numbers are needed.*; got 49"
        r"\. Gyr_x\.txt, line 5: 50 .*; got 51\. Mend them, or name in segments=, from "
        r"0 on, all but \[3, 4\]\.",
    ),
    (
        lambda f: (f / "test_order.txt").write_text("1\n"),
        r"one file \*order\.txt at most; got \['test_order\.txt', 'train_order\.txt'\]",
    ),
]


@pytest.mark.parametrize("act, message", DAMAGE)
@pytest.mark.parametrize("block", [2**18, 1500])
def test_damage_is_named_and_nothing_is_cached(
    folder, tmp_path, act, message, block, monkeypatch
):
    monkeypatch.setattr("skaug.signals.shl.BLOCK", block)  # two lines or so
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
        ({"missing": "drop"}, "missing to be 'raise' or 'keep'; got 'drop'"),
    ],
)
def test_arguments_are_checked(folder, arguments, message):
    with refuses(message, (FileNotFoundError, ValueError)):
        load_shl(folder, **arguments)


def test_a_damaged_line_is_named_among_chosen_segments(folder):
    change_line("Mag_y", 8, longer(" \x1a"))(folder)
    for segments in ([7], [2, 7], slice(3, 10)):
        with refuses(r"Mag_y\.txt, line 8: .* as number 51"):
            load_shl(folder, segments=segments)
    load_shl(folder, segments=[2, 6])  # the way out that the message names


def test_a_folder_with_the_name_of_an_order_is_none(folder):
    (folder / "train_order.txt").unlink()
    (folder / "train_order.txt").mkdir()
    assert load_shl(folder).order is None


@pytest.mark.parametrize("block", [2**18, 1500])
def test_all_bad_lines_are_in_one_message(folder, recording, block, monkeypatch):
    monkeypatch.setattr("skaug.signals.shl.BLOCK", block)
    change_line("Label", 9, as_number("9"))(folder)
    change_line("Acc_x", 2, as_number("NaN"))(folder)
    change_line("Gyr_x", 2, shorter)(folder)
    change_line("Gyr_x", 7, as_number("1e39"))(folder)
    change_line("Mag_z", 12, as_number("?"))(folder)
    change_line("Mag_z", 11, line(""))(folder)
    message = (
        "6 lines cannot be read. "
        "Label.txt, line 9: labels from 0 to 8 are needed; got 9 as number 3. "
        "Acc_x.txt, line 2: a finite number is needed; got 'NaN' as number 3. "
        "Gyr_x.txt, line 2: 50 numbers are needed, as in line 1 of Acc_x.txt; got 49. "
        "Gyr_x.txt, line 7: numbers within the range of float32 are needed; got 1e+39 "
        "as number 3. Mag_z.txt, line 11: 50 numbers are needed, as in line 1 of "
        "Acc_x.txt; got 0. And 1 other. Mend them, or name in segments=, from 0 on, "
        "all but [1, 6, 8, 10, 11]."
    )
    with refuses(f"^{re.escape(message)}$") as caught:
        load_shl(folder)
    assert caught.value.lines == [1, 6, 8, 10, 11]
    data = load_shl(folder, segments=np.delete(np.arange(12), caught.value.lines))
    np.testing.assert_array_equal(data.X, np.delete(recording[0], [1, 6, 8, 10, 11], 0))


def test_what_is_wrong_everywhere_is_told_soon(tmp_path):
    text = "1.5 " * 3 + "\n" + "9,81 1 2\n" * 4000
    for name in CHANNELS[:2]:
        (tmp_path / f"{name}.txt").write_text(text)
    with refuses(
        r"1,000 or more lines cannot be .* And 995 or more others\. Mend them, or "
        r"name in segments= all but the error's `lines`\."
    ) as caught:
        load_shl(tmp_path, CHANNELS[:2])
    assert caught.value.lines == list(range(1, 1001))


def test_nan_is_kept_on_request(recording, folder, tmp_path):
    X, y, _ = recording
    expected = X.copy()
    for i, j, text in [(2, 0, "NaN"), (2, 49, "nan"), (11, 7, "NAN")]:
        change_line("Gyr_x", i + 1, as_number(text, j + 1))(folder)
        expected[i, 3, j] = np.nan
    with refuses(r"2 lines .* all but \[2, 11\]\. missing='keep' keeps NaN\."):
        load_shl(folder)
    for cache in (None, tmp_path / "cache", tmp_path / "cache"):
        data = load_shl(folder, missing="keep", cache=cache)
        np.testing.assert_array_equal(data.X, expected)
        np.testing.assert_array_equal(data.y, y)
    with refuses("2 lines"):
        load_shl(folder, cache=tmp_path / "cache")  # kept for missing="keep" only
    change_line("Mag_y", 3, as_number("inf"))(folder)
    with refuses(
        r"Mag_y\.txt, line 3: .* 'inf' as number 3\. Mend the line, or .*=\.$"
    ):
        load_shl(folder, missing="keep")
    change_line("Mag_y", 3, as_number("-1e39"))(folder)
    change_line("Mag_y", 3, as_number("nan", 1))(folder)
    with refuses(r"Mag_y\.txt, line 3: .* the range .* -1e\+39 as number 3"):
        load_shl(folder, missing="keep")
    change_line("Label", 3, as_number("NaN"))(folder)
    with refuses(r"2 lines .* Label\.txt, line 3: .* 'NaN' as number 3"):
        load_shl(folder, missing="keep")


def test_the_advice_on_utf_16_works(recording, folder):
    path = folder / "Gyr_z.txt"
    path.write_bytes(as_utf_16(path.read_bytes()))
    with refuses("got UTF-16") as caught:
        load_shl(folder)
    (advice,) = re.findall(r"Convert the file: (.*)\.$", str(caught.value))
    exec(advice, {"path": path})
    np.testing.assert_array_equal(load_shl(folder).X, recording[0])


def test_a_byte_order_mark_is_no_number(recording, folder):
    for path in folder.iterdir():
        path.write_text(path.read_text(), encoding="utf-8-sig")
    data = load_shl(folder)
    np.testing.assert_array_equal(data.X, recording[0])
    np.testing.assert_array_equal(data.y, recording[1])
    np.testing.assert_array_equal(data.order, recording[2])


@pytest.mark.parametrize("inside", ["", "train"])
def test_folders_of_positions_are_named(recording, tmp_path, inside):
    for position in ("Torso", "Bag", "Hips", "Hand"):
        folder = tmp_path / inside / position
        folder.parent.mkdir(exist_ok=True)
        write_shl(folder, recording[0], CHANNELS)
    names = ", ".join(str(Path(inside, p)) for p in ("Bag", "Hand", "Hips", "Torso"))
    with refuses(f"without it. It is in {names}, as", FileNotFoundError) as caught:
        load_shl(tmp_path)
    (advice,) = re.findall(r"load_shl\('.*'\)", str(caught.value))
    np.testing.assert_array_equal(eval(advice).X, recording[0])


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
    change_line("Label", 2, as_number("8", 1))(folder)
    assert load_shl(folder, cache=cache).y[1, 0] == 8
    change_line("Gyr_x", 1, as_number("0.5", 1))(folder)
    assert load_shl(folder, cache=cache).X[0, 3, 0] == 0.5


@pytest.mark.parametrize("kind", ["X.npy", "y.npy", "json"])
@pytest.mark.parametrize("harm", ["cut", "removed"])
def test_a_damaged_cache_is_made_anew(recording, folder, tmp_path, kind, harm):
    cache = tmp_path / "cache"
    load_shl(folder, cache=cache)
    (path,) = cache.glob(f"*{kind}")
    os.truncate(path, path.stat().st_size // 2) if harm == "cut" else path.unlink()
    np.testing.assert_array_equal(load_shl(folder, cache=cache).X, recording[0])


@pytest.mark.parametrize("kind", ["X.npy", "y.npy"])
def test_a_bit_that_has_changed_on_the_disk_is_found(recording, folder, tmp_path, kind):
    cache = tmp_path / "cache"
    load_shl(folder, cache=cache)
    (path,) = cache.glob(f"*{kind}")
    content = bytearray(path.read_bytes())
    content[-9] ^= 1
    path.write_bytes(content)
    again = load_shl(folder, cache=cache)
    np.testing.assert_array_equal(again.X, recording[0])
    np.testing.assert_array_equal(again.y, recording[1])


def test_what_a_killed_process_left_is_removed_unless_others_work(
    recording, folder, tmp_path, monkeypatch
):
    cache, read = tmp_path / "cache", _Reader.__call__

    def read_and_die(self, X, y=None):
        read(self, X, y)
        os.kill(os.getpid(), signal.SIGKILL)

    def unfinished():
        return [path for path in cache.iterdir() if path.is_dir()]

    def load_beside(self, X, y=None):
        # Another one reads meanwhile, and leaves what this one has begun.
        monkeypatch.setattr(_Reader, "__call__", read)
        mine = unfinished()
        load_shl(folder, ["Gyr_x"], cache=cache)
        assert unfinished() == mine and len(mine) == 1
        read(self, X, y)

    with monkeypatch.context() as patched:
        patched.setattr(_Reader, "__call__", read_and_die)
        killed(lambda: load_shl(folder, cache=cache))
    assert len(unfinished()) == 1
    monkeypatch.setattr(_Reader, "__call__", load_beside)
    data = load_shl(folder, cache=cache)
    np.testing.assert_array_equal(data.X, recording[0])
    assert not unfinished()


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
        change_line("Acc_x", 1, as_number("9.75", 1))(folder)

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
