"""What a reading says; arrays, recordings and options that are read or refused."""

import numpy as np
import pytest
from helpers import refuses, task_of
from shl_folder import write_shl

from skaug.files import Reading, read_file
from skaug.files.arrays import as_rows

SIDES = {f"x_{side}": np.zeros((30, 2)) for side in ("train", "test")}
SIDES |= {f"y_{side}": np.arange(30) % 2 for side in ("train", "test")}


@pytest.fixture
def saved(tmp_path):
    """Saves arrays as a file."""

    def save(**arrays):
        np.savez(tmp_path / "some.npz", **arrays)
        return tmp_path / "some.npz"

    return save


def test_images_come_in_with_channels_first():
    grey = np.full((3, 8, 6), 255, np.uint8)
    assert as_rows(grey).shape == (3, 1, 8, 6) and as_rows(grey).max() == 1
    assert as_rows(np.zeros((3, 8, 6, 3), np.uint8)).shape == (3, 3, 8, 6)
    assert as_rows(np.zeros((3, 2, 50))).shape == (3, 2, 50)  # signals


def test_channels_may_be_said_to_be_last(saved):
    rng = np.random.RandomState(0)
    signals, images = rng.rand(30, 50, 3), rng.rand(30, 4, 5, 8)
    for X in (signals, images):
        path = saved(x=X, y=np.arange(30) % 2)
        read = read_file(path, channels_last=True)
        np.testing.assert_array_equal(read.X, np.moveaxis(X, -1, 1))
        np.testing.assert_array_equal(read_file(path, channels_last=False).X, X)
    colours = np.full((30, 8, 8, 3), 255, np.uint8)
    assert as_rows(colours, channels_last=True).shape == (30, 3, 8, 8)
    assert as_rows(colours, channels_last=True).max() == 1
    with refuses(r"signals or images for channels_last; got x of shape \(30, 2\)"):
        read_file(saved(**TWO), channels_last=True)


def test_signals_that_seem_to_lie_the_other_way_are_refused(saved):
    lying = saved(x=np.zeros((30, 128, 9)), y=np.arange(30) % 2)
    with refuses(r"128, than samples in time, 9.*set channels_last=True \(--chan"):
        read_file(lying)
    assert read_file(lying, channels_last=False).X.shape == (30, 128, 9)
    assert read_file(saved(x=np.zeros((30, 9, 128)), y=np.arange(30) % 2)).notes == []


def test_numbers_keep_their_digits(saved):
    times = 1.7e9 + np.arange(60.0).reshape(30, 2)
    read = read_file(saved(x=times, y=np.arange(30) % 2))
    np.testing.assert_array_equal(read.X, times)
    assert as_rows(times.astype(np.float32)).dtype == np.float32
    assert as_rows(times.astype(int)).dtype == np.float64
    assert as_rows(np.zeros((3, 8, 6), np.uint8)).dtype == np.float32


def test_labels_and_groups_of_arrays_are_looked_at_too(saved):
    labels = np.array(["walk", "walk ", "sit"] * 10)
    read = read_file(saved(x=np.zeros((30, 2)), y=labels, groups=np.arange(30)))
    assert set(read.y) == {"walk", "sit"} and read.groups is None
    assert "'walk' and 'walk ' of 'y' are one" in read.notes[0]
    assert "another group in 'groups'" in read.notes[1]


def test_a_table_of_words_and_gaps(tmp_path):
    pd = pytest.importorskip("pandas")
    names = ["None", "NA"] * 20  # these are no gaps in the target
    values = np.random.RandomState(0).rand(40)
    frame = pd.DataFrame({"a": values, "b": ["x", "y"] * 20, "c": names})
    frame.loc[3, "a"] = np.nan
    frame.to_csv(tmp_path / "t.CSV", index=False)
    task = task_of(read_file(tmp_path / "t.CSV", "c"), n_rows=20)
    drawn = task.draw(seed=0)
    assert task.kind == "table" and np.isnan(task.X["a"][3])
    assert drawn.train.X.shape == (20, 3) and drawn.test.X.shape[1] == 3
    assert np.isfinite(drawn.train.X).all() and set(drawn.train.y) == {"None", "NA"}


@pytest.mark.parametrize(
    "rows, kind",
    [
        (np.zeros((30, 4)), "table"),
        (np.zeros((30, 4, 9)), "signals"),
        (np.full((30, 8, 8), 255, np.uint8), "colours"),
        (np.full((30, 1, 8, 8), 255.0), "colours"),
        (np.full((30, 1, 8, 8), 16.0), "images"),
        (np.full((30, 1, 8, 8), -0.5), "images"),
    ],
)
def test_kinds_of_rows(saved, rows, kind):
    assert task_of(read_file(saved(x=rows, y=np.arange(30) % 2))).kind == kind


TWO = {"x": np.zeros((30, 2)), "y": np.arange(30) % 2}
GREY = {"x_train": np.zeros((30, 1, 8, 8), np.uint8), "x_test": np.zeros((30, 1, 8, 8))}
SAME = {f"subject_{side}": np.arange(30) // 2 for side in ("train", "test")}


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a": np.zeros(3)}, "arrays x and y.*; got .'a'"),
        ({**TWO, "y": np.zeros(29)}, "one of y per row"),
        ({**TWO, "y": np.zeros(30)}, "two classes or more"),
        ({**TWO, "y": np.full(30, np.nan)}, "'y' in every row"),
        ({**TWO, "y": np.arange(30)}, "a target of classes"),
        ({**TWO, "x": np.zeros(30)}, "with 2 to 4 axes"),
        ({**TWO, "x": np.full((30, 2), np.nan)}, "finite x"),
        ({**TWO, "y": np.arange(30) // 25}, "6 rows of each class"),
        ({**TWO, "y": np.arange(30) % 2 / 3}, "classes"),
        ({**TWO, "groups": np.zeros(30)}, "5 groups or more"),
        ({**TWO, "groups": np.array(["a", ""] * 15)}, "'groups' in every row"),
        ({**TWO, "y": np.array([None, 1] * 15)}, "arrays of numbers or strings"),
        ({**TWO, "y": np.array([b"a", b"b"] * 15)}, "labels that are"),
        ({**SIDES, "y_test": np.arange(30) % 3}, "test labels that are trained on"),
        ({**SIDES, **GREY}, "rows of one type"),
        ({**SIDES, "subject_test": np.arange(30)}, "groups of both parts"),
        ({**SIDES, "groups": np.arange(30)}, "arrays of one kind of name"),
        ({**SIDES, **SAME}, "other groups to test with"),
    ],
)
def test_wrong_files_are_refused_in_one_sentence(saved, arrays, message):
    with refuses(f"(read_file|Task) needs .*{message}"):
        task_of(read_file(saved(**arrays)), n_rows=100)


def test_options_that_do_not_fit_the_file(tmp_path, saved):
    path = saved(**TWO)
    with refuses("such as a .csv file, for groups and sep; got some.npz"):
        read_file(path, None, "person", sep=",")
    with refuses("a file that exists; got .*other.npz"):
        read_file(tmp_path / "other.npz")
    path.rename(tmp_path / "f.xlsx")
    with refuses(r"ends in .npz or .csv or .tsv or .txt or .parquet; got f.xlsx"):
        read_file(tmp_path / "f.xlsx")
    np.save(tmp_path / "f.npy", np.zeros(3))
    (tmp_path / "f.npy").rename(tmp_path / "g.npz")
    with refuses(r"needs a file of numpy\.savez; got g"):
        read_file(tmp_path / "g.npz")


def test_a_reading_tells_what_it_has(saved):
    arrays = {"x": np.zeros((40, 3, 50)), "y": np.array(["run", "sit"] * 20)}
    read = read_file(saved(**arrays, groups=np.arange(40) // 4))
    assert read.lines() == [
        "some: 40 rows. Signals of 50 times, channels: 3.",
        "Classes: run (20), sit (20).",
        "Groups: 10.",
    ]
    assert (
        read_file(saved(**SIDES)).lines()[0] == "some: 30 rows. 30 more to test with."
    )
    many = Reading("many", np.zeros((40, 2)), np.arange(40))
    assert many.lines()[1].endswith("29 (1) and 10 more.")


@pytest.fixture
def recordings(tmp_path):
    """Twelve segments of two sensors, 1,200 samples each, in the format of SHL."""
    rng = np.random.RandomState(0)
    X = rng.normal(size=(12, 6, 1200)).astype(np.float32)
    y = np.repeat(1 + np.arange(12) % 2, 1200).reshape(12, 1200)
    y[0, 600:] = 0  # of unknown label from the middle of a frame on
    channels = [f"{sensor}_{axis}" for sensor in ("Acc", "Gyr") for axis in "xyz"]
    return X, write_shl(tmp_path / "shl", X, channels, y, order=rng.permutation(12))


def test_recordings_are_cut_into_frames(recordings):
    X, folder = recordings
    read = read_file(folder)
    assert read.X.shape == (23, 6, 500) and set(read.y) == {"Still", "Walk"}
    np.testing.assert_array_equal(read.X[0], X[0, :, :500])
    np.testing.assert_array_equal(read.X[2], X[1, :, 500:1000])
    assert len(np.unique(read.groups)) == 6  # blocks of two segments
    assert any("1 of mixed labels and 0 of an unknown" in note for note in read.notes)
    assert any("Acc, Gyr were read" in note for note in read.notes)


def test_recordings_without_order_or_labels(recordings):
    _, folder = recordings
    (folder / "train_order.txt").unlink()
    read = read_file(folder)
    np.testing.assert_array_equal(read.groups, [0, *np.repeat(np.arange(1, 12), 2)])
    assert any("each segment is a group" in note for note in read.notes)
    with refuses("a table, such as a .csv file, for target; got shl"):
        read_file(folder, "Label.txt")
    (folder / "Label.txt").unlink()
    with refuses(r"with Acc_x.txt, Acc_y.txt, Acc_z.txt and Label.txt; got .*shl"):
        read_file(folder)
