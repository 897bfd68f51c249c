"""MHEALTH's folder: 24 columns without time, label 0 between activities."""

import numpy as np
import pytest
from helpers import refuses
from public_folders import mhealth_rows, write_mhealth

from skaug.signals import frame_segments, load_mhealth

# The first lines of mHealth_subject1.log, as they are in the archive (CC BY 4.0).
FIRST_LINES = """\
-9.8184 0.009971 0.29563 0.0041863 0.0041863 2.1849 -9.6967 0.63077 0.1039 -0.84053 \
-0.68762 -0.37 -0.36327 0.29963 -8.6499 -4.5781 0.18776 -0.44902 -1.0103 0.034483 \
-2.35 -1.6102 -0.030899 0
-9.8489 0.52404 0.37348 0.0041863 0.016745 2.3876 -9.508 0.68389 0.085343 -0.83865 \
-0.68369 -0.19799 -0.18151 0.58298 -8.6275 -4.3198 0.023595 -0.44902 -1.0103 0.034483 \
-2.1632 -0.88254 0.32657 0
"""


@pytest.fixture
def rows():
    """Ten people: nothing, standing still, sitting, nothing, jumping, nothing."""
    label = np.repeat([0, 1, 2, 0, 12, 0], [20, 30, 40, 10, 50, 5])
    return {subject: mhealth_rows(label, subject) for subject in range(1, 11)}


@pytest.fixture
def folder(rows, tmp_path):
    for subject, values in rows.items():
        write_mhealth(tmp_path / f"mHealth_subject{subject}.log", values)
    (tmp_path / "README.txt").write_text("mHealth dataset\n")
    return tmp_path


def test_what_was_written_is_read(rows, folder):
    data = load_mhealth(folder)
    assert data.groups.tolist() == [s for s in range(1, 11) for _ in range(2)]
    without_ecg = [0, 1, 2, *range(5, 23)]
    for i, piece in enumerate([slice(20, 90), slice(100, 150)]):
        for subject in (1, 2, 10):  # 10 comes after 9
            found = data.X[2 * (subject - 1) + i]
            expected = rows[subject][piece][:, without_ecg].T
            np.testing.assert_allclose(found, expected, rtol=1e-4)
    labels = [data.classes[label] for label in data.y[0]]
    assert labels == ["standing still"] * 30 + ["sitting and relaxing"] * 40
    assert {data.classes[label] for label in data.y[1]} == {"jump front and back"}
    assert data.ids.tolist() == list(range(1, 13)) and len(data.classes) == 12
    assert data.sampling_rate == 50
    assert data.remarks["activity 0"].n == 350
    assert data.remarks["activity 0"].first[0] == ("mHealth_subject1.log", 1)


def test_the_published_lines_are_read(tmp_path):
    path = tmp_path / "MHEALTHDATASET" / "mHealth_subject1.log"
    path.parent.mkdir()
    path.write_text(FIRST_LINES.replace(" ", "\t"))
    names = ["acc", "ecg", "gyro", "mag"]
    data = load_mhealth(tmp_path, names, null=True)
    numbers = np.float32(FIRST_LINES.split()).reshape(2, 24)
    np.testing.assert_array_equal(data.X[0], numbers[:, :23].T)
    assert data.classes[data.y[0][0]] == "null"
    assert data.sensors["chest_ecg_1"] == [3] and data.sensors["chest_ecg_2"] == [4]
    assert data.sensors["arm_mag"] == [20, 21, 22]
    for sensor in ("chest_acc", "ankle_acc", "arm_acc"):  # gravity
        size = np.linalg.norm(data.X[0][data.sensors[sensor]], axis=0)
        assert (abs(size - 9.8) < 0.4).all()


def test_channels_and_the_null_class(rows, folder):
    data = load_mhealth(folder, ["ankle_gyro", "ecg"], null=True)
    assert len(data.X) == 10 and data.X[0].shape == (5, 155)
    np.testing.assert_array_equal(data.y[9], rows[10][:, 23])
    assert list(data.sensors) == ["chest_ecg_1", "chest_ecg_2", "ankle_gyro"]
    assert not data.remarks
    with refuses("got 'temperature'. Choose among"):
        load_mhealth(folder, "temperature")


def test_damage_is_named(folder):
    path = folder / "mHealth_subject3.log"
    lines = path.read_text().split("\n")
    lines[4] = lines[4].replace("\t", "\tNaN\t", 1).rpartition("\t")[0]
    path.write_text("\n".join(lines))
    with refuses("mHealth_subject3.log, line 5: a finite number .*'NaN' as number 2"):
        load_mhealth(folder)
    lines[4] = lines[5].rpartition("\t")[0] + "\t13"
    path.write_text("\n".join(lines))
    with refuses(r"subject3.log, line 5: an activity among \[0, .* needed; got 13"):
        load_mhealth(folder)
    with refuses("mHealth_subject1.log and so on; got .*nothing", FileNotFoundError):
        load_mhealth(folder / "nothing")


def test_recordings_go_on_as_they_are(folder):
    data = load_mhealth(folder)
    frames = frame_segments(data.X, data.y, data.groups, frame_length=25)
    assert frames.X.shape == (40, 21, 25)
    assert np.unique(frames.groups).tolist() == list(range(1, 11))
