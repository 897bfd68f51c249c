"""Augmentations of batches that keep the label, for images, signals and tables.

They are callables for :class:`skaug.BatchAugmentation`. ``transform(X)`` returns the
transformed batch and ``transform(X, y)`` returns it with the labels as they came, as
torchvision's do, so that they can stand inside its ``v2.Compose``. All draw from
torch's global generators, which BatchAugmentation seeds.

torchvision has most of what images need. For signals no maintained library had these
on batches of tensors (docs/architecture.rst says which were looked at).
"""

import inspect
import math
from numbers import Integral, Real

import torch
from sklearn.base import BaseEstimator
from torch import nn

__all__ = [
    "ChannelDropout",
    "Cutout",
    "Jitter",
    "PerSample",
    "SameClassInterpolation",
    "Scaling",
    "SensorRotation",
    "TimeWarp",
]

# Names under which a second argument with a default is taken for the labels.
LABELS = ("y", "target", "targets", "label", "labels")


def how_to_call(transform, keywords=()):
    """Whether a transform takes labels, and which of some keywords it has.

    Parameters
    ----------
    transform : callable
        The transform.
    keywords : collection of str, default=()
        Names of arguments that could be given.

    Returns
    -------
    with_labels : bool
        Whether to call it as ``transform(X, y)``.
    wanted : tuple of str
        Those of the keywords that its signature has.
    """
    # All modules have the same __call__.
    function = transform.forward if isinstance(transform, nn.Module) else transform
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:  # built in
        return False, ()
    wanted = tuple(p.name for p in parameters if p.name in keywords)
    if any(p.kind == p.VAR_POSITIONAL for p in parameters):
        return True, wanted
    by_place = [
        p
        for p in parameters
        if p.name not in wanted
        and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]
    with_labels = len(by_place) > 1 and (
        by_place[1].default is inspect.Parameter.empty or by_place[1].name in LABELS
    )
    return with_labels, wanted


def name_of(transform):
    """What to call a transform in messages and tables."""
    name = getattr(transform, "__name__", type(transform).__name__)
    if isinstance(transform, PerSample):
        return f"{name}({name_of(transform.transform)})"
    return name


def check_is_for_images(transform, X, name):
    """Refuse one of torchvision's transforms for a batch of anything but images.

    Some would take the last axes of any tensor for height and width.

    Parameters
    ----------
    transform : callable
        The transform.
    X : torch.Tensor
        The batch.
    name : str
        Who is asking, for the message.

    Raises
    ------
    ValueError
        If `transform` is torchvision's and X has not four axes.
    """
    if type(transform).__module__.startswith("torchvision.") and X.ndim != 4:
        raise ValueError(
            f"{name} needs images of shape (n, channels, height, width) for "
            f"torchvision's {type(transform).__name__}; got batches of shape "
            f"{tuple(X.shape)}. TableMixup, ManifoldMixup and those of "
            "skaug.transforms take tables or signals."
        )


class _Transform(BaseEstimator):
    """A function of a batch X of shape (n, ...), with targets passed through."""

    def __call__(self, X, y=None):
        """Transform a batch.

        Parameters
        ----------
        X : torch.Tensor of shape (n, ...)
            Rows.
        y : torch.Tensor, default=None
            Labels.

        Returns
        -------
        X : torch.Tensor of shape (n, ...)
            Transformed rows, new memory.
        y : torch.Tensor
            Labels as they came; only if they were given.
        """
        X = self._transform(X)
        return X if y is None else (X, y)

    def _check_strength(self):
        value = self.strength
        if not isinstance(value, Real) or not 0 <= value < math.inf:
            raise ValueError(
                f"{type(self).__name__} needs strength >= 0; got {value!r}. 0 does "
                "nothing."
            )


class Cutout(_Transform):
    """Fill a square in each image.

    Centres are drawn uniformly over the pixels of each image, so that squares may hang
    over the border, as in the paper. (torchvision's RandomErasing keeps its rectangles
    inside and varies their shape.)

    Parameters
    ----------
    size : int
        Pixels of a side. The papers take 16 of 32 on CIFAR-10.
    fill : float, default=0.0
        What the square is filled with: the mean of normalised images, black in others.

    Raises
    ------
    ValueError
        When called: if X is not (n, channels, height, width) or size is no whole
        number of 1 or more.

    References
    ----------
    .. [1] T. DeVries, G. Taylor, "Improved Regularization of Convolutional Neural
       Networks with Cutout", arXiv:1708.04552.

    Examples
    --------
    >>> import torch
    >>> from skaug import Cutout
    >>> _ = torch.manual_seed(0)
    >>> Cutout(2)(torch.ones(1, 1, 4, 4))[0, 0].sum()
    tensor(14.)
    """

    def __init__(self, size, fill=0.0):
        self.size = size
        self.fill = fill

    def _transform(self, X):
        if not isinstance(self.size, Integral) or self.size < 1:
            raise ValueError(
                f"Cutout needs size to be a whole number >= 1; got {self.size!r}. Give "
                "the pixels of a side."
            )
        if X.ndim != 4:
            raise ValueError(
                "Cutout needs images of shape (n, channels, height, width); got "
                f"{tuple(X.shape)}. Reshape X, or take another transform."
            )
        # One axis at a time: where a pixel is inside the square of its image.
        inside = []
        for length in X.shape[2:]:
            start = torch.randint(length, (len(X), 1)) - self.size // 2
            pixel = torch.arange(length)
            inside.append((start <= pixel) & (pixel < start + self.size))
        square = inside[0][:, None, :, None] & inside[1][:, None, None, :]
        return X.masked_fill(square.to(X.device), self.fill)


class Jitter(_Transform):
    """Add white noise.

    Parameters
    ----------
    strength : float, default=0.05
        Standard deviation of the noise, in units of `scale`.
    scale : torch.Tensor of shape (n_channels,), default=None
        Standard deviation of each channel (feature of a table). ``None`` takes it from
        the batch.

    References
    ----------
    .. [1] T. T. Um et al., "Data Augmentation of Wearable Sensor Data ...", ICMI 2017.

    Examples
    --------
    >>> import torch
    >>> from skaug.transforms import Jitter
    >>> Jitter()(torch.randn(8, 6, 128)).shape
    torch.Size([8, 6, 128])
    """

    def __init__(self, strength=0.05, scale=None):
        self.strength = strength
        self.scale = scale

    def _transform(self, X):
        self._check_strength()
        if self.scale is None:
            others = [axis for axis in range(X.ndim) if axis != 1]
            scale = X.std(dim=others, keepdim=True, correction=0)
        else:
            scale = _by_channel(self.scale, X)
        return X + self.strength * scale * torch.randn_like(X)


class Scaling(_Transform):
    """Multiply each channel of each row by a random factor near 1.

    Parameters
    ----------
    strength : float, default=0.1
        Factors are drawn from a normal distribution of mean 1 with this standard
        deviation.

    References
    ----------
    .. [1] T. T. Um et al., "Data Augmentation of Wearable Sensor Data ...", ICMI 2017.

    Examples
    --------
    >>> import torch
    >>> from skaug.transforms import Scaling
    >>> X = torch.ones(8, 6, 128)
    >>> bool((Scaling()(X).std(dim=2) < 1e-6).all())
    True
    """

    def __init__(self, strength=0.1):
        self.strength = strength

    def _transform(self, X):
        self._check_strength()
        shape = (*X.shape[:2], *[1] * (X.ndim - 2))
        return X * (
            1 + self.strength * torch.randn(shape, dtype=X.dtype, device=X.device)
        )


class TimeWarp(_Transform):
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

    References
    ----------
    .. [1] T. T. Um et al., "Data Augmentation of Wearable Sensor Data ...", ICMI 2017.

    Examples
    --------
    >>> import torch
    >>> from skaug.transforms import TimeWarp
    >>> X = torch.linspace(0, 1, 128).expand(8, 6, 128)
    >>> warped = TimeWarp()(X)
    >>> bool((warped.diff(dim=2) > 0).all()), bool((warped[..., -1] == 1).all())
    (True, True)
    """

    def __init__(self, strength=0.2, n_knots=6):
        self.strength = strength
        self.n_knots = n_knots

    def _transform(self, X):
        self._check_strength()
        if not isinstance(self.n_knots, Integral) or self.n_knots < 2:
            raise ValueError(
                f"TimeWarp needs n_knots to be a whole number >= 2; got "
                f"{self.n_knots!r}. 2 are the two ends."
            )
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
            (self.strength * noise).exp(),
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


class SensorRotation(_Transform):
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

    References
    ----------
    .. [1] T. T. Um et al., "Data Augmentation of Wearable Sensor Data ...", ICMI 2017.

    Examples
    --------
    >>> import torch
    >>> from skaug.transforms import SensorRotation
    >>> X = torch.randn(8, 3, 128)
    >>> turned = SensorRotation()(X)
    >>> bool(torch.allclose(turned.norm(dim=1), X.norm(dim=1), atol=1e-5))
    True
    """

    def __init__(self, strength=15.0):
        self.strength = strength

    def _transform(self, X):
        self._check_strength()
        if X.ndim != 3 or X.shape[1] % 3:
            raise ValueError(
                "SensorRotation needs signals of shape (n, channels, time) with three "
                f"channels to a sensor; got {tuple(X.shape)}. Take another transform."
            )
        n = len(X)
        axis = torch.randn(n, 3, dtype=X.dtype, device=X.device)
        x, y, z = (axis / axis.norm(dim=1, keepdim=True)).T
        angle = torch.randn(n, 1, 1, dtype=X.dtype, device=X.device)
        angle = math.radians(self.strength) * angle
        zero = torch.zeros_like(x)
        # Rodrigues: R = 1 + sin(a) K + (1 - cos(a)) K K
        K = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=1).view(n, 3, 3)
        R = torch.eye(3).to(X) + angle.sin() * K + (1 - angle.cos()) * (K @ K)
        return (R[:, None] @ X.view(n, -1, 3, X.shape[2])).view(X.shape)


class ChannelDropout(_Transform):
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
    >>> _ = torch.manual_seed(0)
    >>> ChannelDropout(0.5)(torch.ones(2, 4))
    tensor([[0., 1., 0., 0.],
            [0., 1., 0., 1.]])
    """

    def __init__(self, strength=0.1, fill=0.0):
        self.strength = strength
        self.fill = fill

    def _transform(self, X):
        self._check_strength()
        blank = torch.rand(X.shape[:2], device=X.device) < self.strength
        blank = blank.view(*X.shape[:2], *[1] * (X.ndim - 2))
        return torch.where(blank, _by_channel(self.fill, X), X)


class SameClassInterpolation(_Transform):
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
        self._check_strength()
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


def _by_channel(values, X):
    """Numbers for the channels of X, to be used with it."""
    values = torch.as_tensor(values, dtype=X.dtype, device=X.device)
    return values.view(-1, *[1] * (X.ndim - 2)) if values.ndim else values


class PerSample(_Transform):
    """Apply a transform to each row of a batch by itself.

    torchvision's flips, crops, AutoAugment and the like make one random choice per
    call. Called with a batch they flip all of its images or none. This calls them image
    by image, which costs a call each.

    Parameters
    ----------
    transform : callable
        Function of one row without the batch axis, such as an image (channels, height,
        width); all results must have one shape. AutoAugment and RandAugment expect
        numbers between 0 and 1 in images that are not uint8.

    Examples
    --------
    >>> import torch
    >>> from skaug.transforms import PerSample
    >>> _ = torch.manual_seed(0)
    >>> sometimes = lambda row: row if torch.rand(()) < 0.5 else -row
    >>> PerSample(sometimes)(torch.ones(6, 1)).ravel()
    tensor([ 1., -1.,  1.,  1.,  1., -1.])
    """

    def __init__(self, transform):
        self.transform = transform

    def __reduce__(self):
        # Reading it in another process must import torchvision as skaug does, first.
        first = None
        if type(self.transform).__module__.startswith("torchvision."):
            from skaug._torchvision import imported as first
        return _per_sample, (first, type(self), self.transform)

    def _transform(self, X):
        check_is_for_images(self.transform, X, "PerSample")
        return torch.stack([self.transform(row) for row in X])


def _per_sample(first, kind, transform):
    return kind(transform)
