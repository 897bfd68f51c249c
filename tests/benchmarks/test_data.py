"""The reader of real data, and what it says where there are none."""

import numpy as np
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
