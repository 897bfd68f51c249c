"""From recordings to a table of features: segments, frames, spectra.

A recording comes in segments, (n_segments, n_channels, n_times). ``frame_segments``
cuts them into frames, which may overlap, with a label and a group each; no sample is
copied before a frame is used. ``MagnitudeSpectrum`` turns frames into the features that
IHDA [1]_ uses for wearable sensors: the magnitude of each sensor at each time, which
does not depend on how the device is held, and the size of its Fourier coefficients.
With the accelerometer, gyroscope and magnetometer of the SHL data and frames of 5
seconds at 100 Hz these are 3 x 251 = 753 features.

References
----------
.. [1] M. Khan and M. M. Fraz, "Post-training Iterative Hierarchical Data Augmentation
   for Deep Networks", NeurIPS 2020, section 4.2.2.
"""

from numbers import Integral, Real

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Bunch
from sklearn.utils.validation import (
    _check_feature_names_in,
    check_is_fitted,
    validate_data,
)

from skaug.shl import load_shl

__all__ = ["Frames", "MagnitudeSpectrum", "frame_segments", "load_shl"]

WINDOWS = ("hann", "hamming", "blackman")


class Frames:
    """Frames of segments, copied when they are used and not before.

    It can be indexed, split and measured like an array of shape (n_frames, n_channels,
    frame_length): slices, row numbers and masks give other ``Frames``, a single row
    number an array, and ``numpy.asarray`` copies all frames.

    Parameters
    ----------
    segments : ndarray of shape (n_segments, n_channels, n_times)
        What the frames are cut from; a memory map will do.
    frame_length : int
        Samples per frame.
    frame_step : int
        Samples from the start of a frame to that of the next one in a segment.

    Attributes
    ----------
    shape : tuple of int
        (n_frames, n_channels, frame_length).
    dtype : numpy.dtype
        That of the segments.
    ndim : int
        3.

    Examples
    --------
    >>> import numpy as np
    >>> from skaug.signals import Frames
    >>> frames = Frames(np.arange(12.0).reshape(1, 1, 12), frame_length=6, frame_step=3)
    >>> frames.shape
    (3, 1, 6)
    >>> frames[1]
    array([[3., 4., 5., 6., 7., 8.]])
    >>> np.asarray(frames[::2]).shape
    (2, 1, 6)
    """

    ndim = 3

    def __init__(self, segments, frame_length, frame_step):
        self.segments = segments
        self.frame_length = frame_length
        self.frame_step = frame_step
        per_segment = (segments.shape[2] - frame_length) // frame_step + 1
        self._rows = np.arange(len(segments) * per_segment)

    @property
    def shape(self):
        """Shape of the array that the frames are like."""
        return len(self._rows), self.segments.shape[1], self.frame_length

    @property
    def dtype(self):
        """Type of the samples."""
        return self.segments.dtype

    def __len__(self):
        return len(self._rows)

    def __getitem__(self, key):
        if isinstance(key, tuple):
            key, *rest = key
            if any(other not in (Ellipsis, slice(None)) for other in rest):
                array = np.asarray(self[key])
                return array[(slice(None),) * (array.ndim == self.ndim) + tuple(rest)]
        rows = self._rows[key]
        if np.ndim(rows) == 0:
            return self._copy(rows)
        frames = Frames.__new__(Frames)
        frames.__dict__.update(self.__dict__, _rows=rows)
        return frames

    def __array__(self, dtype=None, copy=None):
        if copy is False:
            raise ValueError("Frames need to be copied to become an array.")
        return self._copy(self._rows).astype(dtype or self.dtype, copy=False)

    def _copy(self, rows):
        view = sliding_window_view(self.segments, self.frame_length, axis=2)
        view = view[:, :, :: self.frame_step].swapaxes(1, 2)
        return view[np.divmod(rows, view.shape[1])]

    def __repr__(self):
        return (
            f"Frames of shape {self.shape}, {self.frame_step} samples apart, "
            f"{self.dtype}"
        )


def frame_segments(X, y=None, groups=None, *, frame_length, frame_step=None):
    """Cut segments into frames, each with a label and a group.

    Parameters
    ----------
    X : array-like of shape (n_segments, n_channels, n_times)
        Segments.
    y : array-like of shape (n_segments,) or (n_segments, n_times), default=None
        Labels of any dtype, of segments or of each moment of them.
    groups : array-like of shape (n_segments,), default=None
        Subject, trip or the like of each segment; by default every segment is a group.
    frame_length : int
        Samples per frame; 5 seconds at 100 Hz are 500.
    frame_step : int, default=None
        Samples from one frame to the next; by default frames do not overlap. The paper
        takes half of `frame_length` to train and all of it to test. What is left at the
        end of a segment is dropped.

    Returns
    -------
    frames : Bunch
        ``X``: :class:`Frames`, of shape (n_frames, n_channels, frame_length), in the
        order of segments and of time.
        ``y``: ndarray of shape (n_frames,), the most frequent label of each frame, the
        first in sorted order of equally frequent ones; None without labels.
        ``purity``: ndarray of shape (n_frames,), the share of a frame that has its
        label; None without labels.
        ``groups``: ndarray of shape (n_frames,). Split by them: frames that overlap, or
        are of one person, resemble each other.

    Raises
    ------
    ValueError
        If shapes do not match, or a frame is longer than a segment.

    Examples
    --------
    >>> import numpy as np
    >>> from skaug.signals import frame_segments
    >>> X = np.zeros((2, 9, 6000), np.float32)
    >>> frames = frame_segments(X, ["run", "sit"], frame_length=500, frame_step=250)
    >>> frames.X.shape
    (46, 9, 500)
    >>> frames.y[22:24], frames.groups[22:24]
    (array(['run', 'sit'], dtype='<U3'), array([0, 1]))
    """
    X = X if hasattr(X, "shape") and hasattr(X, "strides") else np.asarray(X)
    if X.ndim != 3:
        raise ValueError(
            "frame_segments needs X of shape (n_segments, n_channels, n_times); got "
            f"{X.shape}. A single recording is X[None]."
        )
    frame_step = frame_length if frame_step is None else frame_step
    for name, value in {"frame_length": frame_length, "frame_step": frame_step}.items():
        if not isinstance(value, Integral) or value < 1:
            raise ValueError(
                f"frame_segments needs {name} to be a number of samples >= 1; got "
                f"{value!r}."
            )
    if frame_length > X.shape[2]:
        raise ValueError(
            f"frame_segments needs frame_length <= {X.shape[2]}, the samples of a "
            f"segment; got {frame_length}."
        )
    frames = Frames(X, int(frame_length), int(frame_step))
    per_segment = len(frames) // max(len(X), 1)
    groups = np.arange(len(X)) if groups is None else np.asarray(groups)
    if groups.shape != (len(X),):
        raise ValueError(
            f"frame_segments needs a group for each of {len(X)} segments; got shape "
            f"{groups.shape}."
        )
    labels = purity = None
    if y is not None:
        y = np.asarray(y)
        if y.shape == (len(X),):
            labels, purity = np.repeat(y, per_segment), np.ones(len(frames))
        elif y.shape == (len(X), X.shape[2]):
            labels, purity = _most_frequent(y, frames.frame_length, frames.frame_step)
        else:
            raise ValueError(
                f"frame_segments needs y of shape ({len(X)},) or ({len(X)}, "
                f"{X.shape[2]}), a label for each segment or each moment; got "
                f"{y.shape}."
            )
    return Bunch(
        X=frames, y=labels, purity=purity, groups=np.repeat(groups, per_segment)
    )


def _most_frequent(y, frame_length, frame_step, n_segments=256):
    """Label of each frame and its share, some segments at a time."""
    labels, purity = [], []
    for i in range(0, len(y), n_segments):
        some = y[i : i + n_segments]
        classes = np.unique(some)
        best = np.zeros((len(some), (y.shape[1] - frame_length) // frame_step + 1))
        code = np.zeros(best.shape, np.intp)
        for c, label in enumerate(classes):
            sums = np.cumsum(some == label, axis=1, dtype=np.int32)
            sums = np.pad(sums, ((0, 0), (1, 0)))
            count = sums[:, frame_length:] - sums[:, :-frame_length]
            count = count[:, ::frame_step]
            code[count > best] = c
            np.maximum(best, count, out=best)
        labels.append(classes[code].ravel())
        purity.append(best.ravel() / frame_length)
    return np.concatenate(labels), np.concatenate(purity)


class MagnitudeSpectrum(TransformerMixin, BaseEstimator):
    """Size of the Fourier coefficients of each sensor's magnitude.

    The magnitude of a sensor with axes x, y, z is the root of x^2 + y^2 + z^2 at each
    moment; turning the device does not change it. Its spectrum is
    ``abs(numpy.fft.rfft(magnitude))``, which does not depend on when in a frame
    something happens. What is lost is posture: how gravity falls on the axes.

    Parameters
    ----------
    sensors : dict of str to list of int, default=None
        Channel numbers by sensor, such as ``load_shl`` returns. By default each three
        channels in a row are a sensor. The spectrum of a sensor with one channel is
        that of the channel as it is, not of its absolute value.
    sampling_rate : float, default=None
        Samples per second, for the names of the features.
    log : bool, default=False
        Whether to return log(1 + spectrum). The paper does not; it helped neither a
        linear model nor a network on UCI HAR.
    window : {"hann", "hamming", "blackman"} or None, default=None
        What a frame's magnitude is multiplied by, against leakage from its ends.
    block_size : int, default=256
        Frames computed at a time; it bounds the memory and changes nothing else.

    Attributes
    ----------
    sensors_ : dict of str to list of int
        Channel numbers by sensor.
    frequencies_ : ndarray of shape (n_frequencies,)
        In Hz or, without `sampling_rate`, in cycles per frame.
    input_shape_ : tuple of int
        (n_channels, n_times), or (n_times,) for one channel as a table.
    n_features_in_ : int
        Size of the second axis of X.
    feature_names_in_ : ndarray of str
        When X was a frame with string columns.

    Raises
    ------
    ValueError
        If the channels do not make sensors, or X has another shape than in fit.

    See Also
    --------
    skaug.signals.frame_segments : Cut segments into frames.

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
    ):
        self.sensors = sensors
        self.sampling_rate = sampling_rate
        self.log = log
        self.window = window
        self.block_size = block_size

    def fit(self, X, y=None):
        """Check the parameters and note the shape of X.

        Parameters
        ----------
        X : array-like of shape (n, n_channels, n_times), or Frames
            Frames; one channel can also be a table (n, n_times).
        y : object, default=None
            Not used.

        Returns
        -------
        self : MagnitudeSpectrum
            The fitted transformer.
        """
        self._fit(X)
        return self

    def _fit(self, X):
        self._check_parameters()
        X = self._check(X, reset=True)
        self.input_shape_ = tuple(X.shape[1:])
        self.sensors_ = self._resolve_sensors()
        n_times = X.shape[-1]
        rate = self.sampling_rate
        self.frequencies_ = np.arange(n_times // 2 + 1) * ((rate or n_times) / n_times)
        return X

    def _check_parameters(self):
        rate = self.sampling_rate
        if rate is not None and not (isinstance(rate, Real) and 0 < rate < np.inf):
            raise ValueError(
                f"MagnitudeSpectrum needs sampling_rate > 0, in Hz, or None; got "
                f"{rate!r}."
            )
        if self.window is not None and self.window not in WINDOWS:
            raise ValueError(
                f"MagnitudeSpectrum needs window to be one of {WINDOWS} or None; got "
                f"{self.window!r}."
            )
        if not isinstance(self.block_size, Integral) or self.block_size < 1:
            raise ValueError(
                f"MagnitudeSpectrum needs block_size >= 1; got {self.block_size!r}."
            )

    def _check(self, X, reset):
        if isinstance(X, Frames):
            if reset:
                self.n_features_in_ = X.shape[1]
                self.__dict__.pop("feature_names_in_", None)
        else:
            X = validate_data(
                self, X, dtype=[np.float32, np.float64], allow_nd=True, reset=reset
            )
            if X.ndim > 3:
                raise ValueError(
                    "MagnitudeSpectrum needs X of shape (n, n_channels, n_times) or (n,"
                    f" n_times); got {X.shape}."
                )
        if not reset and X.shape[1:] != self.input_shape_:
            expected = ", ".join(map(str, ("n", *self.input_shape_)))
            raise ValueError(
                f"MagnitudeSpectrum needs X of shape ({expected}), as in fit; got "
                f"{X.shape}."
            )
        return X

    def _resolve_sensors(self):
        n_channels = 1 if len(self.input_shape_) == 1 else self.input_shape_[0]
        if self.sensors is not None:
            numbers = [i for channels in self.sensors.values() for i in channels]
            if not all(len(channels) for channels in self.sensors.values()) or not set(
                numbers
            ) <= set(range(n_channels)):
                raise ValueError(
                    f"MagnitudeSpectrum needs sensors to name channels from 0 to "
                    f"{n_channels - 1}; got {self.sensors}."
                )
            return {name: list(channels) for name, channels in self.sensors.items()}
        if n_channels == 1:
            return {"signal": [0]}
        if n_channels % 3:
            raise ValueError(
                "MagnitudeSpectrum needs sensors= where channels do not come in threes;"
                f" got {n_channels} channels. Give {{'acc': [0, 1, 2]}}, say."
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
            The spectrum of the first sensor, of the second, and so on; float64 where X
            is, else float32.
        """
        check_is_fitted(self)
        return self._transform(self._check(X, reset=False))

    def fit_transform(self, X, y=None):
        """Fit, and compute the spectra of the same frames.

        Parameters
        ----------
        X, y : objects
            As for :meth:`fit`.

        Returns
        -------
        features : ndarray of shape (n, n_sensors * n_frequencies)
            As from :meth:`transform`.
        """
        return self._transform(self._fit(X))

    def _transform(self, X):
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
            block = torch.from_numpy(block).reshape(len(block), -1, X.shape[-1])
            signals = self._magnitudes(block)  # (n, n_sensors, n_times)
            if window is not None:
                signals *= window
            coefficients = torch.fft.rfft(signals)
            torch.abs(coefficients, out=out[i : i + len(block)])
        if self.log:
            out.log1p_()
        if isinstance(X, Frames) and not np.isfinite(features.sum()):
            raise ValueError(
                "MagnitudeSpectrum needs finite samples; got NaN or infinity. Leave "
                "these frames out."
            )
        return features.reshape(len(X), -1)

    def _magnitudes(self, block):
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
        """Names such as ``acc_magnitude_12.4Hz``.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Not used, beyond a check.

        Returns
        -------
        names : ndarray of str
            One per feature; ``bin31`` in place of the frequency if the sampling rate
            is not known.
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
