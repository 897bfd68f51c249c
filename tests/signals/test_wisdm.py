"""WISDM's lines: real ones, the faults they are known for, and cuts in time."""

import gzip

import numpy as np
import pytest
from helpers import refuses

from skaug.signals import frame_segments, load_wisdm, resample

# Lines of WISDM_ar_v1.1_raw.txt: the first seven, then records of subject 20 in which
# samples come again or are zero, as the phone wrote them. J. R. Kwapisz, G. M. Weiss,
# S. A. Moore, SensorKDD 2010, https://www.cis.fordham.edu/wisdm/dataset.php
REAL = """\
33,Jogging,49105962326000,-0.6946377,12.680544,0.50395286;
33,Jogging,49106062271000,5.012288,11.264028,0.95342433;
33,Jogging,49106112167000,4.903325,10.882658,-0.08172209;
33,Jogging,49106222305000,-0.61291564,18.496431,3.0237172;
33,Jogging,49106332290000,-1.1849703,12.108489,7.205164;
33,Jogging,49106442306000,1.3756552,-2.4925237,-6.510526;
33,Jogging,49106542312000,-0.61291564,10.56939,5.706926;
20,Walking,326212260000,17.01,16.17,6.851035;
20,Walking,326262218000,4.6,-0.72,2.4516625;
20,Walking,326262218000,4.6,-0.72,2.4516625;
20,Walking,326342662000,2.56,16.21,0.9942854;
20,Walking,326342662000,2.56,16.21,0.9942854;
20,Walking,0,0,0,0.0;
20,Walking,0,0,0,0.0;
20,Walking,326652385000,3.11,9.08,-0.9942854;
20,Walking,326702281000,5.22,8.62,-3.255263;
"""


@pytest.fixture
def read(tmp_path):
    """Read a text as a file of WISDM."""

    def act(text, name="WISDM_ar_v1.1_raw.txt", **options):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return load_wisdm(path, **options)

    return act


def summary(data):
    """Remarks as counts and the first lines."""
    return {
        kind: (remark.n, remark.done, [line for _, line in remark.first])
        for kind, remark in data.remarks.items()
    }


def records(n, user=33, activity="Jogging", start=49105.0, step=0.05):
    """Lines of one user, with x counting up from 1."""
    return [
        f"{user},{activity},{round(1e9 * (start + step * i))},{i + 1},9.5,-0.25;"
        for i in range(n)
    ]


def test_real_lines(read):
    data = read(REAL)
    assert [x.shape for x in data.X] == [(3, 7), (3, 9)]
    assert data.groups.tolist() == [33, 20]
    names = [[data.classes[label] for label in y] for y in data.y]
    assert names == [["Jogging"] * 7, ["Walking"] * 9]
    nan = np.nan
    np.testing.assert_array_equal(
        data.X[1][2],
        np.float32(
            [6.851035, 2.4516625, 2.4516625, 0.9942854, 0.9942854, nan, nan]
            + [-0.9942854, -3.255263]
        ),
    )
    np.testing.assert_array_equal(data.X[0][0, :2], np.float32([-0.6946377, 5.012288]))
    assert data.times[0][1] == 49106.062271
    # Without a stamp of their own, the two lie evenly between their neighbours.
    gap = (326.652385 - 326.342662) / 3
    np.testing.assert_allclose(np.diff(data.times[1])[4:7], gap, rtol=1e-9)
    assert summary(data) == {
        "zeros on all axes": (2, "NaN", [13, 14]),
        "time stamp 0": (2, "time between the neighbours", [13, 14]),
        "time stamp again": (2, "kept", [10, 12]),
    }
    assert data.channels == ["acc_x", "acc_y", "acc_z"]
    assert data.sensors == {"acc": [0, 1, 2]} and data.sampling_rate == 20


def test_good_lines_leave_no_remark(read):
    text = "\n".join(records(50) + records(30, 5, "Sitting")) + "\n"
    for changed in (text, text.rstrip("\n"), text.replace("\n", "\r\n") + "\n\n"):
        data = read(changed)
        assert not data.remarks
        assert [x[0].tolist() for x in data.X] == [
            list(range(1, 51)),
            list(range(1, 31)),
        ]
        assert data.groups.tolist() == [33, 5]
        assert data.classes[data.y[1][0]] == "Sitting"


# What a line becomes, what is read of it as z (NaN is 0 here), and the remark.
ONE = "33,Jogging,{t},7,8,9"
FAULTS = [
    ("", [], ("empty line", "left out")),
    (" \t", [], ("empty line", "left out")),
    (";", [], ("empty line", "left out")),
    (f"{ONE};{ONE};", [9, 9], ("several records in a line", "all read")),
    (f"{ONE};{ONE};{ONE};", [9, 9, 9], ("several records in a line", "all read")),
    (f"{ONE}", [9], ("no semicolon at the end", "read")),
    (f"{ONE},;", [9], ("comma before the semicolon", "read")),
    ("33,Jogging,{t},7,8,;", [None], ("value left out", "NaN")),
    ("33,Jogging,{t},7,8;", [None], ("value left out", "NaN")),
    ("33,Jogging,{t},7,,9;", [9], ("value left out", "NaN")),
    ("33,Jogging,{t},0,0,0;", [None], ("zeros on all axes", "NaN")),
    ("33,Jogging,{t},0.0,-0,0;", [None], ("zeros on all axes", "NaN")),
    ("33,Jogging,0,7,8,9;", [9], ("time stamp 0", "time between the neighbours")),
    ("33,Jogging,{t};", [], ("unreadable record", "left out")),
    ("33,Jogging,{t},7,8,9,10;", [], ("unreadable record", "left out")),
    ("33,Jogging,{t},7,8,9.0.1;", [], ("unreadable record", "left out")),
    ("33,Jogging,{t},7,8,9.033,Jogging,{t},7,8,9;", [], ("unreadable record",)),
    ("33,Joggi", [], ("unreadable record", "left out")),
    ("33,Flying,{t},7,8,9;", [], ("unreadable record", "left out")),
    (",Jogging,{t},7,8,9;", [], ("unreadable record", "left out")),
    ("33,Jogging,{t},7,8,inf;", [], ("unreadable record", "left out")),
]


@pytest.mark.parametrize(("line", "z", "remark"), FAULTS)
@pytest.mark.parametrize("block", [2**18, 200])
def test_faults_of_a_line(read, line, z, remark, block, monkeypatch):
    monkeypatch.setattr("skaug.signals.wisdm.BLOCK", block)
    lines = records(30)
    stamp = lines[10].split(",")[2]
    lines[10] = line.format(t=stamp)
    data = read("\n".join(lines) + "\n")
    (x,) = data.X
    expected = [-0.25] * 10 + [np.nan if value is None else value for value in z]
    np.testing.assert_array_equal(x[2], expected + [-0.25] * 19)
    kind, *done = remark
    assert data.remarks[kind].n == 1
    assert data.remarks[kind].first == [("WISDM_ar_v1.1_raw.txt", 11)]
    assert done in ([], [data.remarks[kind].done])
    assert z or set(data.remarks) == {kind}


def test_blanks_between_fields_are_no_fault(read):
    lines = records(20)
    lines[3:5] = [line.replace(",", ", ") for line in lines[3:5]]
    data = read("\n".join(lines))
    assert not data.remarks.keys() - {"no semicolon at the end"}
    assert data.X[0].shape == (3, 20)


def test_faults_are_counted_by_kind(read):
    lines = records(100)
    lines[90:92] = [lines[90] + lines[91]]
    lines[80] = ""
    lines[70] = "33,Walk"
    lines[60] = lines[60][:-7] + ";"
    lines[51:59] = [line[:-1] for line in lines[51:59]]
    data = read("\n".join(lines) + "\n")
    assert data.X[0].shape == (3, 98)
    assert summary(data) == {
        "no semicolon at the end": (8, "read", [52, 53, 54, 55, 56]),
        "value left out": (1, "NaN", [61]),
        "empty line": (1, "left out", [81]),
        "unreadable record": (1, "left out", [71]),
        "several records in a line": (1, "all read", [91]),
    }
    assert np.isnan(data.X[0]).sum() == 1


def test_cuts(read):
    lines = (
        records(30)  # starts at 49105.0 s
        + records(20, start=49108.0)  # 1.55 s later
        + records(20, activity="Walking", start=49109.0)  # at once
        + records(10, start=49100.0)  # back
        + records(10, user=4, start=49100.5)
    )
    data = read("\n".join(lines))
    assert [x.shape[1] for x in data.X] == [30, 40, 10, 10]
    assert data.groups.tolist() == [33, 33, 33, 4]
    assert [data.classes[label] for label in data.y[1][19:21]] == ["Jogging", "Walking"]
    assert summary(data)["jump in time"] == (2, "cut", [31, 71])
    assert len(read("\n".join(lines), max_gap=2).X) == 3
    assert len(read("\n".join(lines), max_gap=0.06).X) == 4
    assert [len(t) for t in data.times] == [30, 40, 10, 10]


def test_records_without_time_at_a_cut_are_left_out(read):
    zero = "33,Jogging,0,0,0,0;"
    lines = [zero, *records(10), *[zero] * 40, *records(10, start=49200.0)]
    lines += ["4,Jogging,0,1,2,3;", *records(10, user=4, start=49200.6), zero]
    data = read("\n".join(lines) + "\n")
    assert [x.shape[1] for x in data.X] == [10, 10, 10]
    assert not np.isnan(np.concatenate(data.X, axis=1)).any()
    assert summary(data)["time stamp 0 beside a cut"] == (
        43,
        "left out",
        [1, 12, 13, 14, 15],
    )


def test_a_moment_alone_is_no_recording(read):
    lines = records(9, 6) + records(1, 7) + records(9, 6)
    data = read("\n".join(lines) + "\n")
    assert data.groups.tolist() == [6, 6]
    assert summary(data) == {"moment between two cuts": (1, "left out", [10])}


def test_times_lead_to_a_regular_rate(read):
    data = read(REAL + "\n".join(records(40, 5, step=0.1)) + "\n")
    regular = resample(data.X, data.y, time=data.times, new_rate=20)
    np.testing.assert_allclose(regular.old_rate[2], 10)
    assert regular.X[2].shape == (3, 79) and regular.y[2].shape == (79,)
    assert np.isfinite(regular.X[0]).all()


def test_the_set_of_2019(read, tmp_path):
    first = "1600,A,252207666810782,-0.36476135,8.793503,1.0550842;"  # as published
    lines = [first] + [
        f"1600,{letter},{252207717164786 + 50354004 * i},0,0,0;"
        for i, letter in enumerate("ABMOS")
    ]
    data = read("\n".join(lines) + "\n", "data_1600_accel_phone.txt")
    assert data.groups.tolist() == [1600]
    np.testing.assert_array_equal(
        data.X[0][:, 0], np.float32([-0.36476135, 8.793503, 1.0550842])
    )
    assert [data.classes[label] for label in data.y[0]] == [
        "walking",
        "walking",
        "jogging",
        "kicking (soccer ball)",
        "playing catch with tennis ball",
        "folding clothes",
    ]
    assert len(data.classes) == 18
    assert data.remarks["zeros on all axes"].n == 5
    # A gyroscope at rest may well be zero.
    gyro = read("\n".join(lines) + "\n", "data_1600_gyro_phone.txt")
    assert not gyro.remarks and gyro.sensors == {"gyro": [0, 1, 2]}
    (tmp_path / "data_1600_gyro_phone.txt").unlink()
    text = "\n".join(lines).replace("1600", "1601")
    (tmp_path / "data_1601_accel_phone.txt").write_text(text + "\n")
    both = load_wisdm(tmp_path)
    assert both.groups.tolist() == [1600, 1601]
    again = load_wisdm(sorted(tmp_path.glob("*.txt")))
    np.testing.assert_array_equal(again.X[1], both.X[1])


def test_other_files_are_refused(read, tmp_path):
    lines = records(80)
    lines[40:50] = ["33,Flying,1,2,3,4;"] * 10
    with refuses(
        r"raw.txt, line 41: a record such as '33,Jogging,.*;' is needed, of the "
        r"activities Walking, .*; got '33,Flying,1,2,3,4;'\. 10 of 80 lines have"
    ):
        read("\n".join(lines) + "\n")
    with refuses(r"line 1: .* got '1\.5 2\.5'\. 3 of 3 lines have an unreadable"):
        read("1.5 2.5\n" * 3)
    with refuses("line 1: a record such as .* got ''. 0 of 0 lines"):
        read("")
    with refuses("two records of a person that follow each other within max_gap=1 s"):
        read("\n".join(records(5)[::-1]) + "\n")
    with refuses("got a packed file. Unpack it"):
        read(gzip.compress(REAL.encode()))
    with refuses("got UTF-16"):
        read(REAL.encode("utf-16"))
    with refuses("line 1: .* carriage return"):
        read(REAL.replace("\n", "\r"))
    with refuses("line 1: time stamps are needed; got 0 in all 5 records"):
        read("33,Jogging,0,1,2,3;\n" * 5)
    with refuses(r"line 12: .* range of float32 .*; got 1e\+39 as number 2"):
        read("\n".join(records(30)).replace("12,9.5", "12,1e39"))
    with refuses("max_gap to be a finite number > 0; got 0"):
        read(REAL, max_gap=0)
    with refuses("got .*nothing.txt, which is none", FileNotFoundError):
        load_wisdm(tmp_path / "nothing.txt")
    (tmp_path / "empty").mkdir()
    with refuses("got .*empty without one", FileNotFoundError):
        load_wisdm(tmp_path / "empty")


def test_recordings_go_on_as_they_are(read):
    text = "\n".join(records(100) + records(70, 5, "Sitting") + records(9, 6))
    data = read(text)
    frames = frame_segments(data.X, data.y, data.groups, frame_length=20, frame_step=10)
    assert frames.X.shape == (9 + 6, 3, 20)
    assert frames.groups.tolist() == [33] * 9 + [5] * 6
