"""The windows of UCI HAR in the package, against their source and as data."""

from zipfile import ZipFile

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import make_har
from data import data_folder, har_features
from skaug.datasets import load_har
from skaug.datasets.har import FOLDER, STEPS, unpacked

needs_source = pytest.mark.skipif(
    data_folder() is None, reason="har is neither in $SKAUG_DATA nor in ../shared/data"
)


@pytest.fixture(scope="module")
def windows():
    return load_har()


@pytest.fixture(scope="module")
def source():
    return make_har.all_windows()


def test_packing_is_undone_for_any_16_bits():
    X = np.random.default_rng(0).integers(-(2**15), 2**15, (4, 9, 128), np.int16)
    X[0, :, ::2], X[0, :, 1::2] = -(2**15), 2**15 - 1
    np.testing.assert_array_equal(unpacked(make_har.packed(X)), X)


def test_counts_are_rounded_by_the_largest_remainders():
    assert make_har.rounded([1, 1, 2], 10).tolist() == [3, 2, 5]
    assert make_har.rounded([5.6, 2.3, 2.1], 10).tolist() == [6, 2, 2]


def test_places_are_counted_within_recordings():
    recording = np.random.default_rng(0).normal(size=(2, 9, 64 * 4))
    first = [recording[0, :, start : start + 128] for start in (0, 64, 128)]
    second = [recording[1, :, start : start + 128] for start in (0, 64)]
    shuffled = np.array([first[2], second[0], first[0], second[1], first[1]])
    assert make_har.places(shuffled).tolist() == [2, 0, 0, 1, 1]


def members(path):
    """What an archive holds; its own format depends on Python's version."""
    with ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@needs_source
def test_the_file_is_made_again_byte_for_byte(tmp_path):
    make_har.main(tmp_path / "har.npz")
    assert members(tmp_path / "har.npz") == members(FOLDER / "har.npz")


@needs_source
def test_windows_are_those_of_the_source_without_loss(windows, source):
    row_of = {window.tobytes(): row for row, window in enumerate(source[0])}
    rows = [row_of[window.tobytes()] for window in windows.data]
    assert len(set(rows)) == 1200
    np.testing.assert_array_equal(windows.target, source[1][rows])
    np.testing.assert_array_equal(windows.subject, source[2][rows])


@needs_source
def test_shares_of_classes_are_those_of_the_source(windows, source):
    shares, of_all = (np.bincount(y) / len(y) for y in (windows.target, source[1]))
    np.testing.assert_allclose(shares, of_all, atol=0.006)


def test_everybody_has_40_windows_and_all_classes(windows):
    people, counts = np.unique(windows.subject, return_counts=True)
    assert people.tolist() == list(range(1, 31)) and set(counts) == {40}
    for person in people:
        y = windows.target[windows.subject == person]
        assert set(y) == set(range(6)) and (np.diff(y) >= 0).all()


def test_no_two_windows_overlap(windows):
    begins = {window[:, :64].tobytes() for window in windows.data}
    ends = {window[:, 64:].tobytes() for window in windows.data}
    assert len(begins) == len(ends) == 1200 and not begins & ends


def test_units_are_g_and_every_number_is_a_multiple_of_the_step(windows):
    X = windows.data
    assert X.dtype == np.float32 and X.shape == (1200, 9, 128)
    assert not (X % STEPS).any()
    # Gravity is what the low-pass filter left of the total acceleration.
    gravity = np.linalg.norm(X[:, 6:] - X[:, :3], axis=1)
    assert abs(np.median(gravity) - 1) < 0.03
    lying = windows.target == list(windows.target_names).index("laying")
    vertical = np.abs(X[:, 6].mean(axis=-1))  # the phone is upright on the waist
    assert vertical[lying].mean() < 0.4 < 0.8 < vertical[~lying].mean()


def test_a_regression_knows_people_it_has_not_seen(windows):
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=500))
    table, groups = har_features(windows.data), windows.subject
    scores = cross_val_score(
        model, table, windows.target, groups=groups, cv=GroupKFold(5)
    )
    assert scores.mean() > 0.85


def test_what_is_returned_is_the_callers_own(windows):
    X, y = load_har(return_X_y=True)
    np.testing.assert_array_equal(X, windows.data)
    np.testing.assert_array_equal(y, windows.target)
    X[:], y[:] = 0, 0
    assert load_har().data.any() and load_har().target.any()


def test_the_description_is_true(windows):
    assert "CC BY\n4.0" in windows.DESCR
    counts = np.bincount(windows.target)
    for name, count in zip(windows.target_names, counts):
        assert f"{name} ({count})" in windows.DESCR
    of_both = np.histogram2d(windows.subject, windows.target, bins=(30, 6))[0]
    low, high = int(of_both.min()), int(of_both.max())
    assert f"{low} to {high} windows of a class" in windows.DESCR
    assert (FOLDER / "har.npz").stat().st_size < 1.5e6
    for sensor, channels in windows.sensors.items():
        names = [windows.channel_names[channel] for channel in channels]
        assert names == [f"{sensor}_{axis}" for axis in "xyz"]
