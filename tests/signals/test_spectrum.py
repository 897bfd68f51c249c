"""Spectra: the paper's counts, equalities between routes, invariances."""

import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from helpers import refuses
from scipy.spatial.transform import Rotation
from scipy.stats import mode
from shl_folder import frames_by_slicing, write_shl
from sklearn.model_selection import GroupKFold, cross_val_predict

from skaug import NetClassifier
from skaug.signals import Frames, MagnitudeSpectrum, frame_segments, load_shl

SHL = [f"{sensor}_{axis}" for sensor in ("Acc", "Gyr", "Mag") for axis in "xyz"]


def spectrum_by_numpy(frames):
    """What the paper describes, frame by frame in float64."""
    rows = []
    for frame in frames.astype(np.float64):
        triples = frame.reshape(-1, 3, frame.shape[-1])
        rows.append(np.abs(np.fft.rfft(np.sqrt((triples**2).sum(1)))).ravel())
    return np.array(rows)


def test_the_papers_counts():
    # One segment seen 16,310 times: nothing of the real size is allocated.
    train = np.broadcast_to(np.ones((1, 9, 6000), np.float32), (16_310, 9, 6000))
    frames = frame_segments(train, frame_length=500, frame_step=250).X
    assert frames.shape == (375_130, 9, 500)
    test = frame_segments(train[:5_698], frame_length=500).X
    assert test.shape == (68_376, 9, 500)
    spectrum = MagnitudeSpectrum(sampling_rate=100).fit(frames)
    assert spectrum.transform(frames[:: 375_130 // 20]).shape[1] == 753
    assert len(spectrum.get_feature_names_out()) == 753


@pytest.mark.parametrize("n_times", [1, 2, 31, 128, 500])
@pytest.mark.parametrize("dtype, tolerance", [("float32", 1e-6), ("float64", 1e-14)])
def test_the_spectrum_is_numpys(n_times, dtype, tolerance):
    X = 3 + np.random.default_rng(0).normal(size=(20, 6, n_times)).astype(dtype)
    found = MagnitudeSpectrum(channels_last=False).fit_transform(X)
    expected = spectrum_by_numpy(X)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, expected, atol=tolerance * expected.max(), rtol=0)


def test_a_channel_by_itself_keeps_its_sign():
    X = np.random.default_rng(0).normal(size=(5, 4, 32))
    spectrum = MagnitudeSpectrum(sensors={"pressure": [3], "acc": [0, 1, 2]})
    found = spectrum.fit_transform(X)
    np.testing.assert_allclose(found[:, :17], np.abs(np.fft.rfft(X[:, 3])), rtol=1e-10)
    np.testing.assert_allclose(found[:, 17:], spectrum_by_numpy(X[:, :3]), rtol=1e-10)
    table = MagnitudeSpectrum().fit_transform(X[:, 3])
    np.testing.assert_array_equal(table, found[:, :17])


def test_exchanged_axes_are_refused_and_the_advice_is_right(segments):
    swapped = segments.transpose(0, 2, 1)
    with refuses(r"give X\.transpose\(0, 2, 1\), or set channels_last=True"):
        MagnitudeSpectrum().fit(swapped)
    expected = MagnitudeSpectrum().fit_transform(segments)
    found = MagnitudeSpectrum().fit_transform(swapped.transpose(0, 2, 1))
    np.testing.assert_array_equal(found, expected)
    moving = MagnitudeSpectrum(channels_last=True).fit(swapped)
    np.testing.assert_array_equal(moving.transform(swapped), expected)
    assert moving.input_shape_ == (6, 100)
    # Frames have channels first, whatever they were cut from.
    frames = Frames(swapped, 50, 50, channels_last=True)
    np.testing.assert_array_equal(
        moving.fit_transform(frames),
        MagnitudeSpectrum().fit_transform(Frames(segments, 50, 50)),
    )
    with refuses(r"for channels_last=True; got X of shape \(7, 100\)"):
        moving.fit(segments[:, 0])


def test_a_mask_is_not_lost(segments):
    with refuses("NaN"):
        MagnitudeSpectrum().fit(np.ma.masked_less(segments, 0))


@pytest.mark.parametrize("frequency", [0.2, 12.4, 37.0, 50.0])
def test_a_sine_lands_in_its_bin(frequency):
    time = np.arange(500) / 100
    sine = np.cos(2 * np.pi * frequency * time + (0.7 if frequency < 50 else 0))
    X = np.zeros((1, 3, 500))
    X[:, 1] = 9.8 + sine
    spectrum = MagnitudeSpectrum(sensors={"acc": [0, 1, 2]}, sampling_rate=100)
    features = spectrum.fit_transform(X)[0]
    names = spectrum.get_feature_names_out()
    assert names[features[1:].argmax() + 1] == f"acc_magnitude_{frequency:g}Hz"
    assert features[0] == pytest.approx(500 * 9.8)
    # A sine of amplitude 1 has n / 2 there, and n at half of the sampling rate.
    assert features[1:].max() == pytest.approx(500 if frequency == 50 else 250)
    others = np.delete(features[1:], features[1:].argmax())
    assert np.abs(others).max() < 1e-9


def test_turning_the_device_changes_nothing():
    rng = np.random.default_rng(0)
    X = (rng.normal(size=(30, 3, 128)) + [[1], [2], [9]]).astype(np.float32)
    turned = Rotation.random(30, random_state=0).as_matrix() @ X
    a, b = (MagnitudeSpectrum().fit_transform(x) for x in (X, turned.astype("float32")))
    np.testing.assert_allclose(a, b, atol=1e-5 * a.max(), rtol=0)


WINDOWS = {"hann": np.hanning, "hamming": np.hamming, "blackman": np.blackman}


@pytest.mark.parametrize("window, numpys", [(None, np.ones), *WINDOWS.items()])
def test_windows_and_logarithms(window, numpys):
    X = np.random.default_rng(0).normal(size=(5, 3, 64))
    weights = numpys(65)[:-1]  # periodic
    magnitude = np.sqrt((X**2).sum(1))
    expected = np.log1p(np.abs(np.fft.rfft(weights * magnitude)))
    found = MagnitudeSpectrum(window=window, log=True).fit_transform(X)
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_block_size_frames_or_array_change_nothing(segments):
    frames = Frames(segments, 30, 7)
    whole = MagnitudeSpectrum().fit_transform(np.asarray(frames))
    for block_size in (1, 5, 1000):
        spectrum = MagnitudeSpectrum(block_size=block_size)
        np.testing.assert_array_equal(spectrum.fit_transform(frames), whole)
    reordered = frames[::-3]
    np.testing.assert_array_equal(spectrum.transform(reordered), whole[::-3])


def test_from_text_to_features_equals_the_direct_route(tmp_path):
    rng = np.random.default_rng(0)
    X = (rng.normal(size=(6, 9, 200)) * 5).astype(np.float32)
    y = rng.integers(1, 9, size=(6, 200))
    data = load_shl(write_shl(tmp_path / "shl", X, SHL, y), cache=tmp_path / "cache")
    frames = frame_segments(data.X, data.y, frame_length=50, frame_step=25)
    spectrum = MagnitudeSpectrum(data.sensors, sampling_rate=data.sampling_rate)
    found = spectrum.fit_transform(frames.X)
    expected = spectrum_by_numpy(frames_by_slicing(X, 50, 25))
    np.testing.assert_allclose(found, expected, atol=1e-6 * expected.max(), rtol=0)
    labels, _ = mode(frames_by_slicing(y[:, None], 50, 25)[:, 0], axis=1)
    np.testing.assert_array_equal(frames.y, labels)
    assert spectrum.get_feature_names_out()[26] == "gyr_magnitude_0Hz"


def test_names_and_frames_of_pandas():
    X = np.random.default_rng(0).normal(size=(5, 6, 10))
    spectrum = MagnitudeSpectrum().set_output(transform="pandas").fit(X)
    frame = spectrum.transform(X)
    assert frame.columns[0] == "sensor0_magnitude_bin0"
    assert frame.columns[-1] == "sensor1_magnitude_bin5"
    series = pd.DataFrame(X[:, 0], columns=[f"t{i}" for i in range(10)])
    spectrum = MagnitudeSpectrum(sampling_rate=20).fit(series)
    assert spectrum.get_feature_names_out()[-1] == "signal_10Hz"
    with refuses("feature names should match"):
        spectrum.transform(series[series.columns[::-1]])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        *(
            ({"sensors": sensors}, "sensors .*a dict of names and lists of channels")
            for sensors in ({"acc": 0}, {"acc": [True]}, {"acc": [0.0]}, {1: [0]}, {})
        ),
        ({"sensors": [0, 1]}, "a dict of names and lists"),
        ({"sensors": {"acc": [0, 3]}}, "from 0 to 2, each of them once"),
        ({"sensors": {"acc": []}}, "from 0 to 2, each of them once"),
        ({"sensors": {"acc": [0, 0]}}, "each of them once; got"),
        ({"window": np.hanning(8)}, "window to be 'hann', .* or None"),
        ({"window": "box"}, "window .* or None; got 'box'"),
        ({"log": "no"}, "log to be True or False; got 'no'"),
        ({"sampling_rate": np.inf}, "sampling_rate .* number > 0 or None"),
        ({"sampling_rate": 0}, "sampling_rate .* number > 0 or None"),
        ({"block_size": 0}, "block_size to be .* >= 1; got 0"),
    ],
)
def test_bad_parameters_get_a_sentence(parameters, message):
    with refuses(message):
        MagnitudeSpectrum(**parameters).fit_transform(np.zeros((5, 3, 8)))


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.zeros((5, 4, 8)), "sensors= if the number of channels .*; got 4"),
        (np.zeros((5, 3, 8, 8)), r"\(n, n_channels, n_times\).*; got \(5, 3, 8, 8\)"),
        (np.zeros((5, 3, 0)), r"in each row; got X of shape \(5, 3, 0\)"),
        (np.zeros((5, 0, 8)), r"in each row; got X of shape \(5, 0, 8\)"),
        (np.full((5, 3, 8), 1e20, np.float32), "squares float32 can hold"),
        (np.full((5, 3, 8), np.nan), "NaN"),
        (np.full((5, 3, 8), 1e200).tolist(), "infinity"),
        (Frames(np.zeros((1, 3, 80)), 8, 8)[:0], "a frame or more.*Frames of shape"),
        (Frames(np.full((1, 3, 80), np.nan), 8, 8), "among frames 0 to 9"),
    ],
)
def test_bad_signals_get_a_sentence(X, message):
    with refuses(message), warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        MagnitudeSpectrum().fit_transform(X)


def test_other_types_of_numbers(segments):
    expected = MagnitudeSpectrum().fit_transform(segments)
    for X in (segments.astype(">f4"), segments.tolist(), np.asfortranarray(segments)):
        found = MagnitudeSpectrum().fit_transform(X)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    counts = np.round(1000 * segments).astype(np.int16)
    found = MagnitudeSpectrum().fit_transform(Frames(counts, 100, 100))
    expected = MagnitudeSpectrum().fit_transform(counts.astype(np.float32))
    np.testing.assert_array_equal(found, expected)


def test_what_is_fitted_stays(segments):
    sensors = {"acc": [0, 1, 2], "gyr": [3, 4, 5]}
    spectrum = MagnitudeSpectrum(sensors).fit(Frames(segments, 50, 50))
    assert spectrum.n_features_in_ == 6
    sensors["acc"].append(3)
    del sensors["gyr"]
    assert spectrum.sensors_ == {"acc": [0, 1, 2], "gyr": [3, 4, 5]}
    frame = pd.DataFrame(segments[:, 0], columns=[f"t{i}" for i in range(100)])
    spectrum = MagnitudeSpectrum().fit(frame)
    assert list(spectrum.feature_names_in_) == list(frame.columns)
    assert not hasattr(spectrum.fit(Frames(segments, 50, 50)), "feature_names_in_")


def test_another_shape_than_in_fit_is_refused(segments):
    spectrum = MagnitudeSpectrum().fit(segments)
    for other, message in [
        (segments[:, :, 1:], r"\(n, 6, 100\), as in fit; got \(7, 6, 99\)"),
        (Frames(segments, 50, 50)[:7], r"\(n, 6, 100\), as in fit; got \(7, 6, 50\)"),
        (segments[:, :3], "6 features"),
        (segments[0], r"A single frame is X\[None\]"),
    ]:
        with refuses(message):
            spectrum.transform(other)


def test_a_net_takes_frames_as_signals(segments):
    frames = frame_segments(segments, np.arange(7) % 2, frame_length=25)
    net = NetClassifier(max_epochs=1, random_state=0)
    options = {"groups": frames.groups, "cv": GroupKFold(3)}
    found = cross_val_predict(net, frames.X, frames.y, **options)
    expected = cross_val_predict(net, np.asarray(frames.X), frames.y, **options)
    np.testing.assert_array_equal(found, expected)


def test_a_tensor_of_float64_keeps_its_digits():
    X = np.random.default_rng(0).normal(size=(5, 3, 8))
    made = MagnitudeSpectrum().fit_transform(torch.from_numpy(X))
    np.testing.assert_array_equal(made, MagnitudeSpectrum().fit_transform(X))
    assert made.dtype == np.float64
