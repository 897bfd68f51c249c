"""Magnitude spectra of sensors, which do not depend on how a device is held."""

from numbers import Integral

import numpy as np
import torch
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import (
    _check_feature_names_in,
    check_is_fitted,
)

from skaug._axes import channels_first
from skaug._checks import (
    CHANNELS_LAST,
    Instance,
    Number,
    OneOf,
    Whole,
    check_parameters,
    check_shape_of_fit,
)
from skaug._input import checked_rows
from skaug.signals.frames import Frames

__all__ = ["MagnitudeSpectrum"]

RULES = {
    "sampling_rate": Number(0, open_low=True)
    | OneOf(None, hint="None counts frequencies in cycles per frame."),
    "window": OneOf(
        "hann", "hamming", "blackman", None, hint="None leaves frames as they are."
    ),
    "log": Instance(
        (bool, np.bool_), "True or False", hint="True takes log(1 + magnitude)."
    ),
    "block_size": Whole(1, hint="It is the number of frames computed at a time."),
    "channels_last": CHANNELS_LAST,
}


class MagnitudeSpectrum(TransformerMixin, BaseEstimator):
    """Size of the Fourier coefficients of each sensor's magnitude.

    The magnitude of a sensor with axes x, y, z is the root of x^2 + y^2 + z^2 at each
    moment; it stays the same when the device is turned. The spectrum of a frame is
    ``abs(numpy.fft.rfft(magnitude))``; it stays about the same when an event happens at
    another time of the frame. The features do not contain posture, that is how gravity
    is divided among the axes.

    These are IHDA's features for wearable sensors [1]_. For accelerometer, gyroscope
    and magnetometer and frames of 5 seconds at 100 Hz there are 3 x 251 = 753 of them.

    Parameters
    ----------
    sensors : dict of str to list of int, default=None
        Channel numbers by sensor, such as ``load_shl`` returns. By default a sensor is
        three successive channels. A sensor with one channel is taken as it is, without
        its absolute value.
    sampling_rate : float, default=None
        Samples per second, for the names of the features.
    log : bool, default=False
        Whether to return log(1 + spectrum). The paper takes no logarithm. On UCI HAR
        the logarithm helped neither a linear model nor a network.
    window : {"hann", "hamming", "blackman"} or None, default=None
        Window that each frame's magnitude is multiplied by, to reduce the leakage of
        frequencies that the ends of a frame cause.
    block_size : int, default=256
        Frames computed at a time. The number bounds the memory; results do not depend
        on it.
    channels_last : bool, default=None
        Whether arrays come as (n, n_times, n_channels). By default they do not, and
        frames of more channels than samples are refused, because that is how exchanged
        axes look. False takes them. :class:`Frames` have channels first already.

    Attributes
    ----------
    sensors_ : dict of str to list of int
        Channel numbers by sensor.
    frequencies_ : ndarray of shape (n_frequencies,)
        Frequencies in Hz; without `sampling_rate`, in cycles per frame.
    input_shape_ : tuple of int
        (n_channels, n_times); for one channel as a table, (n_times,).
    n_features_in_ : int
        Size of the second axis of X.
    feature_names_in_ : ndarray of str
        Column names, when X was a DataFrame with string columns.

    Raises
    ------
    ValueError
        If `sensors` does not suit the channels, if X has another shape than in fit, or
        if samples are NaN or infinite or have squares that are too large.

    See Also
    --------
    skaug.signals.frame_segments : Cut segments into frames.

    References
    ----------
    .. [1] A. Khan, K. Fraz, "Post-training Iterative Hierarchical Data Augmentation for
       Deep Networks", NeurIPS 2020, section 4.2.2.

    Examples
    --------
    >>> import numpy as np
    >>> from skaug.signals import MagnitudeSpectrum
    >>> time = np.arange(100) / 50  # two seconds at 50 Hz
    >>> X = np.array([[9.8 + np.sin(2 * np.pi * 4 * time), 0 * time, 0 * time]])
    >>> spectrum = MagnitudeSpectrum(sensors={"acc": [0, 1, 2]}, sampling_rate=50)
    >>> features = spectrum.fit_transform(X)
    >>> features.shape
    (1, 51)
    >>> names = spectrum.get_feature_names_out()
    >>> [names[i] for i in np.flatnonzero(features[0] > 1)]
    ['acc_magnitude_0Hz', 'acc_magnitude_4Hz']
    """

    def __init__(
        self,
        sensors=None,
        *,
        sampling_rate=None,
        log=False,
        window=None,
        block_size=256,
        channels_last=None,
    ):
        self.sensors = sensors
        self.sampling_rate = sampling_rate
        self.log = log
        self.window = window
        self.block_size = block_size
        self.channels_last = channels_last

    def fit(self, X, y=None):
        """Check the parameters and note the shape of X.

        Parameters
        ----------
        X : array-like of shape (n, n_channels, n_times), or Frames
            Frames. For one channel, X can also be a table (n, n_times).
        y : object, default=None
            Ignored.

        Returns
        -------
        self : MagnitudeSpectrum
            The fitted transformer.
        """
        self._fit(X)
        return self

    def _fit(self, X):
        """Fit, and return X as it has been checked."""
        check_parameters(self, RULES)
        X = self._check(X, reset=True)
        self.input_shape_ = tuple(X.shape[1:])
        self.sensors_ = self._resolve_sensors()
        n_times = X.shape[-1]
        rate = self.sampling_rate
        self.frequencies_ = np.arange(n_times // 2 + 1) * ((rate or n_times) / n_times)
        return X

    def _check(self, X, reset):
        """Refuse X that is no set of frames, or other frames than in fit."""
        if not reset and getattr(X, "ndim", 3) == 2 == len(self.input_shape_):
            raise ValueError(
                f"MagnitudeSpectrum needs frames of shape {self.input_shape_} as in "
                f"fit, stacked; got {X.shape}. A single frame is X[None]."
            )
        if isinstance(X, Frames):
            if not len(X):
                raise ValueError(
                    f"MagnitudeSpectrum needs a frame or more; got {X!r}. Look at how "
                    "they were chosen."
                )
            if reset:
                self.n_features_in_ = X.shape[1]
                self.__dict__.pop("feature_names_in_", None)
        else:
            types = [np.float32, np.float64]
            X = checked_rows(self, X, dtype=types, allow_nd=True, reset=reset)
            if X.ndim > 3:
                raise ValueError(
                    "MagnitudeSpectrum needs X of shape (n, n_channels, n_times) or (n,"
                    f" n_times); got {X.shape}. Reshape X."
                )
            if reset or self.channels_last:
                X = channels_first(X, self.channels_last, "MagnitudeSpectrum")
        if not reset:
            advice = "Cut frames of the same length."
            check_shape_of_fit(X, self.input_shape_, "MagnitudeSpectrum", advice)
        return X

    def _resolve_sensors(self):
        """Return channel numbers by sensor, as lists."""
        n_channels = 1 if len(self.input_shape_) == 1 else self.input_shape_[0]
        if self.sensors is not None:
            if not _are_sensors(self.sensors, n_channels):
                raise ValueError(
                    "MagnitudeSpectrum needs sensors to be a dict of names and lists "
                    f"of channels from 0 to {n_channels - 1}, each of them once; got "
                    f"{self.sensors!r}. Give {{'acc': [0, 1, 2]}}, say."
                )
            return {name: list(channels) for name, channels in self.sensors.items()}
        if n_channels == 1:
            return {"signal": [0]}
        if n_channels % 3:
            raise ValueError(
                "MagnitudeSpectrum needs sensors= if the number of channels is no "
                f"multiple of three; got {n_channels} channels. Give "
                "{'acc': [0, 1, 2]}, say."
            )
        return {
            f"sensor{i}": list(range(3 * i, 3 * i + 3)) for i in range(n_channels // 3)
        }

    def transform(self, X):
        """Compute the spectra.

        Parameters
        ----------
        X : array-like of shape (n, n_channels, n_times), or Frames
            Frames, of the shape seen in fit.

        Returns
        -------
        features : ndarray of shape (n, n_sensors * n_frequencies)
            The spectrum of the first sensor, then of the second, and so on; float64 if
            X is float64, else float32.
        """
        check_is_fitted(self)
        return self._transform(self._check(X, reset=False))

    def fit_transform(self, X, y=None):
        """Fit, and compute the spectra of the same frames, which are checked once."""
        return self._transform(self._fit(X))

    def _transform(self, X):
        """Compute the spectra of checked frames, block by block."""
        dtype = np.float64 if X.dtype == np.float64 else np.float32
        shape = len(X), len(self.sensors_), len(self.frequencies_)
        features = np.empty(shape, dtype)
        out = torch.from_numpy(features)
        window = None
        if self.window is not None:
            window = getattr(torch.signal.windows, self.window)(
                X.shape[-1], sym=False, dtype=out.dtype
            )
        for i in range(0, len(X), self.block_size):
            block = np.array(X[i : i + self.block_size], dtype)
            if isinstance(X, Frames) and not np.isfinite(block).all():
                raise ValueError(
                    "MagnitudeSpectrum needs finite samples; got NaN or infinity among "
                    f"frames {i} to {i + len(block) - 1}. Leave such frames out."
                )
            block = torch.from_numpy(block).reshape(len(block), -1, X.shape[-1])
            signals = self._magnitudes(block)  # (n, n_sensors, n_times)
            if window is not None:
                signals *= window
            coefficients = torch.fft.rfft(signals)
            torch.abs(coefficients, out=out[i : i + len(block)])
        if not np.isfinite(features.max()):
            raise ValueError(
                f"MagnitudeSpectrum needs samples whose squares {features.dtype} can "
                "hold; got larger ones. Scale X."
            )
        if self.log:
            out.log1p_()
        return features.reshape(len(X), -1)

    def _magnitudes(self, block):
        """Compute the magnitude of each sensor at each moment."""
        by_sensor = block.new_empty(len(block), len(self.sensors_), block.shape[2])
        for out, channels in zip(by_sensor.unbind(1), self.sensors_.values()):
            if len(channels) == 1:
                out.copy_(block[:, channels[0]])
                continue
            torch.square(block[:, channels[0]], out=out)
            for channel in channels[1:]:
                out.addcmul_(block[:, channel], block[:, channel])
            out.sqrt_()
        return by_sensor

    def get_feature_names_out(self, input_features=None):
        """Return names of the features such as ``acc_magnitude_12.4Hz``.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the columns of X, which are checked and not used.

        Returns
        -------
        names : ndarray of str
            One per feature. Without `sampling_rate` the frequency is a number of cycles
            per frame, such as ``bin31``.
        """
        check_is_fitted(self)
        _check_feature_names_in(self, input_features, generate_names=False)
        form = "bin{:g}" if self.sampling_rate is None else "{:g}Hz"
        return np.array(
            [
                f"{name}_{'magnitude_' * (len(channels) > 1)}{form.format(frequency)}"
                for name, channels in self.sensors_.items()
                for frequency in self.frequencies_
            ],
            dtype=object,
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _are_sensors(sensors, n_channels):
    """Whether sensors are like {"acc": [0, 1, 2]}, with channels that exist."""
    return (
        isinstance(sensors, dict)
        and len(sensors) > 0
        and all(
            isinstance(name, str)
            and isinstance(channels, (list, tuple, range, np.ndarray))
            and len(channels) == len(set(channels)) > 0
            and all(isinstance(i, Integral) and 0 <= i < n_channels for i in channels)
            and not any(isinstance(i, (bool, np.bool_)) for i in channels)
            for name, channels in sensors.items()
        )
    )
