"""Transforms of rows of any kind: tables, signals, and images where it makes sense.

Each class is a function of a batch. ``transform(X)`` returns the transformed batch, and
``transform(X, y)`` returns the transformed batch and the labels as they came. This is
torchvision's convention, so the transforms can stand inside its ``v2.Compose``. All of
them draw from torch's global generators, which BatchAugmentation seeds.

A new transform is a subclass of :class:`RowTransform` with a method ``_transform(X)``.
Those for images only have files of their own: see ``images.py``. A transform that a
policy should find also needs a line in ``lists.py``.

Jitter, scaling, warps of time and turns of sensors are those of T. T. Um et al., "Data
Augmentation of Wearable Sensor Data for Parkinson's Disease Monitoring using
Convolutional Neural Networks", ICMI 2017.
"""

import math

import torch
from sklearn.base import BaseEstimator
from torch import nn

from skaug._checks import Number, Whole, check_parameters

__all__ = [
    "ChannelDropout",
    "Jitter",
    "SameClassInterpolation",
    "Scaling",
    "SensorRotation",
    "TimeWarp",
]


FASTEST = 20.0  # logarithm of the speed of time, beyond which float32 has no sums


class RowTransform(BaseEstimator):
    """A function of a batch X of shape (n, ...) that hands labels on as they are.

    `mild` says whether networks need about half as many steps with it as with others.
    `_by_row` names the parameter, if any, that may have a number for each row instead,
    of shape (n, 1, ...), so that a policy transforms rows of all strengths at once.
    """

    mild = False
    _by_row = None
    _rules = {"strength": Number(0, hint="0 does nothing.")}

    def __call__(self, X, y=None):
        """Return a transformed batch, and the labels as they came if they are given."""
        if not isinstance(getattr(self, self._by_row or "", None), torch.Tensor):
            check_parameters(self, self._rules)
        X = self._transform(X)
        return X if y is None else (X, y)


class Jitter(RowTransform):
    """Add white noise.

    Parameters
    ----------
    strength : float, default=0.05
        Standard deviation of the noise, in units of `scale`.
    scale : torch.Tensor of shape (n_channels,), default=None
        Standard deviation of each channel (feature of a table). ``None`` takes it from
        the batch.

    Examples
    --------
    >>> import torch
    >>> from skaug.transforms import Jitter
    >>> Jitter()(torch.randn(8, 6, 128)).shape
    torch.Size([8, 6, 128])
    """

    mild = True
    _by_row = "strength"

    def __init__(self, strength=0.05, scale=None):
        self.strength = strength
        self.scale = scale

    def _transform(self, X):
        if self.scale is None:
            scale = _by_channel(spread(X), X)
        else:
            scale = _parameter_by_channel(self, "scale", X)
        return X + self.strength * scale * torch.randn_like(X)


class Scaling(RowTransform):
    """Multiply each channel of each row by a random factor near 1.

    Parameters
    ----------
    strength : float, default=0.1
        Factors are drawn from a normal distribution of mean 1 with this standard
        deviation.

    Examples
    --------
    >>> import torch
    >>> from skaug.transforms import Scaling
    >>> X = torch.ones(8, 6, 128)
    >>> bool((Scaling()(X).std(dim=2) < 1e-6).all())
    True
    """

    mild = True
    _by_row = "strength"

    def __init__(self, strength=0.1):
        self.strength = strength

    def _transform(self, X):
        shape = (*X.shape[:2], *[1] * (X.ndim - 2))
        return X * (
            1 + self.strength * torch.randn(shape, dtype=X.dtype, device=X.device)
        )


class TimeWarp(RowTransform):
    """Let time run faster here and slower there, differently in each row.

    The speed is drawn at equally spaced knots and changes linearly between them; all
    channels of a row are warped alike. First and last sample stay where they are.

    Parameters
    ----------
    strength : float, default=0.2
        Standard deviation of the logarithm of the speed at a knot.
    n_knots : int, default=6
        Number of knots, both ends included.

    Raises
    ------
    ValueError
        When called: if X is not (n, channels, time), or a parameter is out of range.

    Examples
    --------
    >>> import torch
    >>> from skaug.transforms import TimeWarp
    >>> X = torch.linspace(0, 1, 128).expand(8, 6, 128)
    >>> warped = TimeWarp()(X)
    >>> bool((warped.diff(dim=2) > 0).all()), bool((warped[..., -1] == 1).all())
    (True, True)
    """

    mild = True
    _by_row = "strength"
    _rules = {**RowTransform._rules, "n_knots": Whole(2, hint="2 are the two ends.")}

    def __init__(self, strength=0.2, n_knots=6):
        self.strength = strength
        self.n_knots = n_knots

    def _transform(self, X):
        if X.ndim != 3:
            raise ValueError(
                f"TimeWarp needs signals of shape (n, channels, time); got "
                f"{tuple(X.shape)}. Reshape X, or take another transform."
            )
        n, _, n_times = X.shape
        if n_times < 2:
            return X.clone()
        noise = torch.randn(n, 1, self.n_knots, dtype=X.dtype, device=X.device)
        speed = nn.functional.interpolate(
            (self.strength * noise).clamp(-FASTEST, FASTEST).exp(),
            n_times - 1,
            mode="linear",
            align_corners=True,
        )[:, 0]
        # Where each sample of the warped signal lies in the original one.
        passed = speed.cumsum(dim=1)
        place = passed / passed[:, -1:] * (n_times - 1)
        place = torch.cat([torch.zeros_like(place[:, :1]), place], dim=1)
        left = place.floor().clamp(max=n_times - 2)
        share = (place - left)[:, None]
        left = left.long()[:, None].expand(X.shape)
        return torch.lerp(X.gather(2, left), X.gather(2, left + 1), share)


class SensorRotation(RowTransform):
    """Turn sensors of three axes, as if they had been worn a little differently.

    Channels are taken three by three, each triple a vector in space; all those of a row
    are turned alike, as they would on one device.

    Parameters
    ----------
    strength : float, default=15.0
        Standard deviation of the angle in degrees; the axis is any.

    Raises
    ------
    ValueError
        When called: if X is not (n, channels, time) with a multiple of three channels.

    Examples
    --------
    >>> import torch
    >>> from skaug.transforms import SensorRotation
    >>> X = torch.randn(8, 3, 128)
    >>> turned = SensorRotation()(X)
    >>> bool(torch.allclose(turned.norm(dim=1), X.norm(dim=1), atol=1e-5))
    True
    """

    mild = True
    _by_row = "strength"

    def __init__(self, strength=15.0):
        self.strength = strength

    def _transform(self, X):
        if X.ndim != 3 or X.shape[1] % 3:
            raise ValueError(
                "SensorRotation needs signals of shape (n, channels, time) with three "
                f"channels to a sensor; got {tuple(X.shape)}. Take another transform."
            )
        n = len(X)
        axis = torch.randn(n, 3, dtype=X.dtype, device=X.device)
        x, y, z = (axis / axis.norm(dim=1, keepdim=True)).T
        angle = torch.randn(n, 1, 1, dtype=X.dtype, device=X.device)
        angle = self.strength * math.pi / 180 * angle
        zero = torch.zeros_like(x)
        # Rodrigues: R = 1 + sin(a) K + (1 - cos(a)) K K
        K = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=1).view(n, 3, 3)
        R = torch.eye(3).to(X) + angle.sin() * K + (1 - angle.cos()) * (K @ K)
        return (R[:, None] @ X.view(n, -1, 3, X.shape[2])).view(X.shape)


class ChannelDropout(RowTransform):
    """Blank channels of signals or images, or features of a table.

    Parameters
    ----------
    strength : float, default=0.1
        Probability that a channel of a row is blanked.
    fill : float or torch.Tensor of shape (n_channels,), default=0.0
        What it is filled with, such as the means of the features.

    Examples
    --------
    >>> import torch
    >>> from skaug.transforms import ChannelDropout
    >>> blanked = ChannelDropout(0.5, fill=7.0)(torch.ones(50, 4))
    >>> blanked.unique()
    tensor([1., 7.])
    """

    _by_row = "strength"

    def __init__(self, strength=0.1, fill=0.0):
        self.strength = strength
        self.fill = fill

    def _transform(self, X):
        chance = torch.rand(*X.shape[:2], *[1] * (X.ndim - 2), device=X.device)
        blank = chance < self.strength
        return torch.where(blank, _parameter_by_channel(self, "fill", X), X)


class SameClassInterpolation(RowTransform):
    """Move each row towards another one of its class.

    Partners are drawn among the rows of the class in the batch, the row itself
    included.

    Parameters
    ----------
    strength : float, default=0.3
        How far to go at most, as a share of the distance; drawn from U[0, strength].

    Examples
    --------
    >>> import torch
    >>> from skaug.transforms import SameClassInterpolation
    >>> X, y = torch.tensor([[0.0], [1.0], [5.0]]), torch.tensor([0, 0, 1])
    >>> moved, y = SameClassInterpolation()(X, y)
    >>> float(moved[2])
    5.0
    """

    # Among the rows of one transform only, a class might have no other row.
    whole_batch = True

    def __init__(self, strength=0.3):
        self.strength = strength

    def __call__(self, X, y):
        """Transform a batch; see the class."""
        check_parameters(self, self._rules)
        if y.ndim != 1:
            raise ValueError(
                "SameClassInterpolation needs a class code for each row; got targets "
                f"of shape {tuple(y.shape)}. Put it before what mixes labels."
            )
        _, y_codes, counts = y.unique(return_inverse=True, return_counts=True)
        order = y_codes.argsort()
        first = counts.cumsum(dim=0) - counts
        place = (torch.rand(len(y), device=y.device) * counts[y_codes]).long()
        partner = order[first[y_codes] + place]
        share = self.strength * torch.rand(len(X), dtype=X.dtype, device=X.device)
        return torch.lerp(X, X[partner], share.view(-1, *[1] * (X.ndim - 1))), y


def spread(X):
    """Standard deviation of each channel (feature of a table), in any unit."""
    others = [axis for axis in range(X.ndim) if axis != 1]
    # Squares of numbers such as 1e30 and 1e-30 are none that float32 has.
    unit = X.abs().amax(dim=others, keepdim=True)
    scaled = X / torch.where(unit > 0, unit, 1)
    return scaled.std(dim=others, correction=0) * unit.flatten()


def _by_channel(values, X):
    """Numbers for the channels of X, to be used with it."""
    return values.view(-1, *[1] * (X.ndim - 2)) if values.ndim else values


def _parameter_by_channel(transform, name, X):
    """A parameter that is a number, or has one for each channel of X."""
    value = getattr(transform, name)
    try:
        values = torch.as_tensor(value, dtype=X.dtype)
    except (TypeError, ValueError, RuntimeError):  # of what has no numbers
        values = torch.tensor(math.nan)
    if values.shape not in ((), X.shape[1:2]) or not values.isfinite().all():
        raise ValueError(
            f"{type(transform).__name__} needs {name} to be a finite number, or a "
            f"tensor with one for each of {X.shape[1]} channels; got {value!r}. Leave "
            "it out for the default."
        )
    return _by_channel(values.to(X.device), X)
