"""UCI HAR's folder: real windows through the published text, and its faults."""

import numpy as np
import pytest
from helpers import refuses
from public_folders import HAR_CHANNELS, write_uci_har

from skaug.datasets import load_har
from skaug.signals import MagnitudeSpectrum, frame_segments, load_uci_har

STEPS = np.repeat([2.0**-13, 2.0**-12, 2.0**-13], 3)[:, None]  # g, rad/s, g


@pytest.fixture(scope="module")
def windows():
    """Real windows of UCI HAR, twelve of each of 30 people."""
    data = load_har()
    rows = np.arange(len(data.target)) % 40 < 12
    return data.data[rows], data.target[rows], data.subject[rows]


@pytest.fixture(scope="module")
def folder(windows, tmp_path_factory):
    X, y, subject = windows
    folder = tmp_path_factory.mktemp("archive") / "UCI HAR Dataset"
    for part, rows in {"train": subject <= 21, "test": subject > 21}.items():
        write_uci_har(folder, part, X[rows], y[rows] + 1, subject[rows])
    return folder


def test_real_windows_pass_through_the_published_text(windows, folder):
    X, y, subject = windows
    data = load_uci_har(folder)
    # Eight digits hold the whole numbers of steps that the windows are.
    np.testing.assert_array_equal(np.rint(data.X / STEPS) * STEPS, X)
    np.testing.assert_allclose(data.X, X, rtol=1e-7)
    np.testing.assert_array_equal(data.y, y)
    np.testing.assert_array_equal(data.groups, subject)
    np.testing.assert_array_equal(data.train, subject <= 21)
    assert data.X.dtype == np.float32 and data.y.dtype == np.int64
    assert data.ids.tolist() == [1, 2, 3, 4, 5, 6]


def test_words_are_those_of_load_har(folder):
    data, har = load_uci_har(folder), load_har()
    assert data.classes == har.target_names.tolist()
    assert data.channels == har.channel_names == HAR_CHANNELS
    assert data.sensors == har.sensors
    assert data.sampling_rate == har.sampling_rate


def test_parts(windows, folder):
    X, _, subject = windows
    for part, rows in {"train": subject <= 21, "test": subject > 21}.items():
        data = load_uci_har(str(folder), part)
        np.testing.assert_array_equal(data.groups, subject[rows])
        np.testing.assert_allclose(data.X, X[rows], rtol=1e-7)
        assert data.train.tolist() == [part == "train"] * rows.sum()
    with refuses("part to be 'train', 'test' or 'all'; got 'val'"):
        load_uci_har(folder, "val")


def test_the_folder_of_the_archive_will_do(folder):
    assert len(load_uci_har(folder.parent).X) == len(load_uci_har(folder).X)
    with refuses("with train and test in it; got .*Signals without", FileNotFoundError):
        load_uci_har(folder / "train" / "Inertial Signals")


def test_windows_go_on_as_they_are(folder):
    data = load_uci_har(folder, "test")
    frames = frame_segments(data.X, data.y, data.groups, frame_length=64)
    assert frames.X.shape == (2 * len(data.X), 9, 64)
    assert MagnitudeSpectrum(data.sensors).fit_transform(frames.X).shape[1] == 3 * 33


def damaged(tmp_path, name, change):
    """A folder of four windows, one of whose files is changed."""
    X = np.random.default_rng(0).normal(size=(4, 9, 128))
    folder = write_uci_har(tmp_path / "HAR", "train", X, [1, 2, 3, 6], [1, 1, 30, 2])
    path = folder / "train" / name
    path.write_text(change(path.read_text()))
    return folder


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("y_train.txt", lambda t: t.replace("6", "7"), "line 4: a label from 1 to 6"),
        ("y_train.txt", lambda t: t.replace("6", "0"), "label from 1 to 6 .*; got 0"),
        ("y_train.txt", lambda t: "", "line 1: numbers are needed; got an empty file"),
        ("y_train.txt", lambda t: t + "1\n", "subject_train.txt, line 5: 5 lines"),
        ("subject_train.txt", lambda t: t[:-2], "line 4: 4 lines are needed.*got 3"),
        ("subject_train.txt", lambda t: t.replace("30", "31"), "line 3: a person from"),
        ("Inertial Signals/body_acc_x_train.txt", lambda t: t[:-18], "line 4: 128 num"),
        (
            "Inertial Signals/total_acc_z_train.txt",
            lambda t: t.partition("\n")[2],
            "total_acc_z_train.txt, line 4: 4 lines are needed, as y_train.txt has",
        ),
        (
            "Inertial Signals/body_gyro_y_train.txt",
            lambda t: t.replace("e-", "x-"),
            r"4 lines cannot be read\. body_gyro_y_train.txt, line 1: .*Mend them",
        ),
    ],
)
def test_damage_is_named(tmp_path, name, change, message):
    folder = damaged(tmp_path, name, change)
    with refuses(message):
        load_uci_har(folder, "train")


def test_a_folder_of_features_only_is_refused(tmp_path):
    folder = damaged(tmp_path, "y_train.txt", str)
    (folder / "train" / "Inertial Signals" / "body_acc_y_train.txt").unlink()
    with refuses("body_acc_y_train.txt in .*Inertial Signals", FileNotFoundError):
        load_uci_har(folder, "train")
