"""PAMAP2's folder: 54 columns, lost packets, transient activities, jumps in time."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from helpers import refuses
from public_folders import pamap2_rows, write_pamap2

from skaug.signals import MagnitudeSpectrum, frame_segments, load_pamap2

# The first line of Protocol/subject101.dat, as it is in the archive (CC BY 4.0).
FIRST_LINE = (
    "8.38 0 104 30 2.37223 8.60074 3.51048 2.43954 8.76165 3.35465 -0.0922174 0.0568115"
    " -0.0158445 14.6806 -69.2128 -5.58905 1 0 0 0 31.8125 0.23808 9.80003 -1.68896 "
    "0.265304 9.81549 -1.41344 -0.00506495 -0.00678097 -0.00566295 0.47196 -51.0499 "
    "43.2903 1 0 0 0 30.3125 9.65918 -1.65569 -0.0997967 9.64689 -1.55576 0.310404 "
    "0.00830026 0.00925038 -0.0175803 -61.1888 -38.9599 -58.1438 1 0 0 0"
)
HAND = {"acc16": slice(4, 7), "acc6": slice(7, 10), "gyro": slice(10, 13)}
HAND["mag"] = slice(13, 16)
CHOSEN = [
    first + i for first in (3, 20, 37) for i in (1, 2, 3, 7, 8, 9, 10, 11, 12)
]  # acc16, gyro and mag of each IMU


def activities(*runs):
    """Activities at each moment, from pairs of a number and how many moments."""
    numbers, lengths = zip(*runs)
    return np.repeat(numbers, lengths)


@pytest.fixture
def rows():
    """Subjects by number: transient, lying, sitting, transient, rope jumping."""
    activity = activities((0, 30), (1, 40), (2, 50), (0, 20), (24, 60), (0, 10))
    return {101: pamap2_rows(activity, 1), 102: pamap2_rows(activity, 2, n_lost=15)}


@pytest.fixture
def folder(rows, tmp_path):
    for subject, values in rows.items():
        write_pamap2(tmp_path / "Protocol" / f"subject{subject}.dat", values)
    optional = pamap2_rows(activities((0, 5), (9, 25), (20, 15)), 3)
    write_pamap2(tmp_path / "Optional" / "subject101.dat", optional)
    return tmp_path


def test_what_was_written_is_read(rows, folder):
    data = load_pamap2(folder)
    pieces = [slice(30, 120), slice(140, 200)]
    expected = [
        values[piece][:, CHOSEN].T for values in rows.values() for piece in pieces
    ]
    assert len(data.X) == 4
    for found, values in zip(data.X, expected, strict=True):
        np.testing.assert_array_equal(found, values.astype(np.float32))
    assert data.groups.tolist() == [101, 101, 102, 102]
    labels = ["lying"] * 40 + ["sitting"] * 50
    assert [data.classes[label] for label in data.y[0]] == labels
    assert {data.classes[label] for label in data.y[3]} == {"rope jumping"}
    np.testing.assert_allclose(data.times[1], 8.38 + 0.01 * np.arange(140, 200))
    assert data.sampling_rate == 100
    assert len(data.channels) == 27 and data.channels[:3] == [
        "hand_acc16_x",
        "hand_acc16_y",
        "hand_acc16_z",
    ]
    assert data.sensors["ankle_mag"] == [24, 25, 26] and len(data.sensors) == 9


def test_what_was_left_out_is_on_record(rows, folder):
    data = load_pamap2(folder)
    n_lost = sum(np.isnan(x).any(axis=0).sum() for x in data.X)
    remarks = data.remarks
    assert remarks["activity 0"].n == 2 * 60
    assert remarks["activity 0"].first[0] == ("subject101.dat", 1)
    assert remarks["missing value"].n == n_lost > 0
    lost = np.isnan(rows[102][:, CHOSEN]).any(axis=1) & (rows[102][:, 1] > 0)
    first = ("subject102.dat", lost.argmax() + 1)
    assert remarks["missing value"].first[0] == first
    assert "jump in time" not in remarks


def test_the_published_line_is_read(tmp_path):
    path = tmp_path / "subject101.dat"
    path.write_text(f"{FIRST_LINE}\n{FIRST_LINE.replace('8.38', '8.39', 1)}\n")
    names = ["acc16", "acc6", "gyro", "mag", "temperature", "heart_rate"]
    data = load_pamap2(tmp_path, names, null=True)
    numbers = np.float32(FIRST_LINE.split())
    orientation = [first + i for first in (3, 20, 37) for i in range(13, 17)]
    np.testing.assert_array_equal(
        data.X[0][:, 0], np.delete(numbers, [0, 1, *orientation])
    )
    assert data.channels[0] == "heart_rate" and data.sensors["heart_rate"] == [0]
    assert data.classes[data.y[0][0]] == "transient" and data.times[0].tolist() == [
        8.38,
        8.39,
    ]
    # At rest each accelerometer shows gravity.
    for sensor in ("hand_acc16", "chest_acc6", "ankle_acc16"):
        size = np.linalg.norm(data.X[0][data.sensors[sensor], 0])
        assert abs(size - 9.8) < 0.3


@pytest.mark.parametrize("sensor", HAND)
def test_channels_are_words_of_names(rows, folder, sensor):
    expected = rows[101][30:120, HAND[sensor]].T.astype(np.float32)
    np.testing.assert_array_equal(
        load_pamap2(folder, [f"hand_{sensor}"]).X[0], expected
    )
    one = load_pamap2(folder, f"hand_{sensor}_y")
    np.testing.assert_array_equal(one.X[0], expected[1:2])
    both = load_pamap2(folder, [f"ankle_{sensor}", f"hand_{sensor}", "hand_gyro_x"])
    names = {f"hand_{sensor}", f"ankle_{sensor}", "hand_gyro"}
    assert set(both.sensors) == names
    assert len(load_pamap2(folder, "hand").channels) == 13


def test_the_transient_activity_is_kept_on_request(rows, folder):
    data = load_pamap2(folder, "gyro", null=True)
    assert [x.shape[1] for x in data.X] == [210, 210]
    np.testing.assert_array_equal(data.ids[data.y[0]], rows[101][:, 1])
    assert data.classes[0] == "transient" and len(data.classes) == 19
    without = load_pamap2(folder, "gyro")
    assert without.classes == data.classes[1:]
    assert without.ids.tolist() == [*range(1, 8), 9, 10, 11, 12, 13, *range(16, 21), 24]


def test_parts(folder):
    assert load_pamap2(folder).groups.tolist() == [101, 101, 102, 102]
    optional = load_pamap2(folder, part="optional")
    assert optional.groups.tolist() == [101]
    assert {optional.classes[label] for label in optional.y[0]} == {
        "watching TV",
        "playing soccer",
    }
    assert len(load_pamap2(folder, part="all").X) == 5
    half = folder / "half"
    shutil.copytree(folder / "Protocol", half / "Protocol")
    with refuses("with Protocol and Optional in it; got .*half", FileNotFoundError):
        load_pamap2(half, part="all")
    assert len(load_pamap2(folder / "Protocol").X) == 4
    folder.rename(folder.parent / "PAMAP2_Dataset")
    assert len(load_pamap2(folder.parent).X) == 4


def test_a_jump_in_time_is_a_cut(tmp_path):
    rows = pamap2_rows(activities((4, 100)))
    rows[40:, 0] += 0.5
    rows[70:, 0] -= 3
    rows[71, 0] = rows[70, 0]  # the same stamp again
    write_pamap2(tmp_path / "subject105.dat", rows)
    data = load_pamap2(tmp_path)
    assert [x.shape[1] for x in data.X] == [40, 30, 28]
    np.testing.assert_array_equal(
        np.concatenate(data.X, axis=1),
        np.delete(rows, [70, 71], axis=0)[:, CHOSEN].T.astype(np.float32),
    )
    assert data.remarks["moment between two cuts"].n == 2
    assert data.remarks["jump in time"].n == 4
    assert data.remarks["jump in time"].first == [
        ("subject105.dat", line) for line in (41, 71, 72, 73)
    ]


def test_one_missing_sample_is_a_jump_and_rounding_is_none(tmp_path):
    rows = np.delete(pamap2_rows(activities((4, 100)), start=3000.01), 50, axis=0)
    rows[:, 0] = rows[:, 0].round(2)
    write_pamap2(tmp_path / "subject105.dat", rows)
    assert [x.shape[1] for x in load_pamap2(tmp_path).X] == [50, 49]


@pytest.mark.parametrize("block", [2**19, 3000])
def test_blocks_and_white_space_do_not_matter(folder, monkeypatch, block):
    expected = load_pamap2(folder)
    monkeypatch.setattr("skaug.signals._public.BLOCK", block)
    path = folder / "Protocol" / "subject102.dat"
    text = (
        path.read_text().replace(" ", "  ").replace("\n", " \r\n").replace("NaN", "nan")
    )
    path.write_text("\ufeff" + text + "\n\n", encoding="utf-8")
    found = load_pamap2(folder)
    for before, after in zip(expected.X, found.X, strict=True):
        np.testing.assert_array_equal(after, before)
    assert found.remarks == expected.remarks


def with_line(number, change):
    def act(folder):
        path = folder / "Protocol" / "subject101.dat"
        lines = path.read_text().split("\n")
        lines[number - 1] = change(lines[number - 1])
        path.write_text("\n".join(lines))

    return act


def with_two_bad_lines(folder):
    with_line(9, lambda line: line + " 1")(folder)
    with_line(3, lambda line: "")(folder)


DAMAGE = [
    (with_line(7, lambda line: line[:-2]), "subject101.dat, line 7: 54 numbers .* 53"),
    (with_line(7, lambda line: line + " 0"), "line 7: 54 numbers .*; got 55"),
    (with_line(7, lambda line: line.replace(".", ",")), "line 7: a finite number"),
    (with_line(7, lambda line: line.replace(" 0 ", " 8 ", 1)), "an activity .* got 8"),
    (with_line(7, lambda line: line.replace(" 0 ", " NaN ", 1)), "activity .* got nan"),
    (with_line(7, lambda line: "NaN" + line[4:]), "line 7: a time stamp is needed"),
    (with_line(7, lambda line: line.replace("30.375", "1e39")), None),
    (
        with_two_bad_lines,
        r"2 lines cannot be read\. .*line 3: 54 .* 0\. .*line 9: 54 .* 55\. Mend them",
    ),
    (lambda f: (f / "Protocol" / "subject101.dat").write_text(""), "got an empty file"),
]


@pytest.mark.parametrize(("act", "message"), DAMAGE)
def test_damage_is_named(folder, act, message):
    act(folder)
    if message is None:  # too large, in a channel that is not read
        load_pamap2(folder)
        with refuses(r"subject101.dat, line 7: .* range of float32 .* got 1e\+39"):
            load_pamap2(folder, "temperature")
        return
    with refuses(message):
        load_pamap2(folder)


def test_arguments_are_checked(folder, tmp_path_factory):
    with refuses(r"channels that the files have; got 'nose'\. Choose among \['ankle_a"):
        load_pamap2(folder, ["gyro", "nose"])
    with refuses("got 'orientation'.* Orientation is invalid in these data"):
        load_pamap2(folder, "orientation")
    with refuses(r"got channels=\[\]"):
        load_pamap2(folder, [])
    with refuses("a list of names as channels; got 5", TypeError):
        load_pamap2(folder, 5)
    with refuses("part to be 'protocol', 'optional' or 'all'"):
        load_pamap2(folder, part="both")
    with refuses("null to be True or False; got 'yes'"):
        load_pamap2(folder, null="yes")
    empty = tmp_path_factory.mktemp("empty")
    with refuses("subject101.dat and so on, or with Optional in it", FileNotFoundError):
        load_pamap2(empty, part="optional")
    write_pamap2(empty / "subject109.dat", pamap2_rows(np.zeros(5)))
    with refuses(
        r"got none in \['subject109.dat'\]\. Moments of activity 0 .*null=True"
    ):
        load_pamap2(empty)


def test_recordings_go_on_as_they_are(folder):
    data = load_pamap2(folder, ["acc16", "gyro"])
    frames = frame_segments(
        data.X, data.y, data.groups, frame_length=20, frame_step=10, missing="drop"
    )
    assert set(frames.groups) == {101, 102}
    assert np.isfinite(MagnitudeSpectrum(data.sensors).fit_transform(frames.X)).all()


def test_the_guide_takes_ten_lines_from_file_to_search():
    """The lines are run as doctests of the page, on a folder of this format."""
    page = Path(__file__).parents[2] / "docs" / "tools" / "signals.rst"
    text = page.read_text().partition("grid search takes ten lines")[2]
    shown = [line for line in text.splitlines() if line.startswith((">>> ", "... "))]
    last = next(i for i, line in enumerate(shown) if "search.fit(" in line)
    assert last == 9
    assert any("load_pamap2(folder)" in line for line in shown[:10])
