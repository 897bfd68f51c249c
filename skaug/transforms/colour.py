"""Transforms that change the values of images, each row by a draw of its own.

All of them refuse images that do not have 1 or 3 channels of floating point. Numbers
have to go from 0 to 1, which ``value_range`` says: BatchAugmentation scales images from
0 to 255 for them. Called directly, they refuse images that are far from that; noise may
have come before. A new transform is a subclass of :class:`ColourTransform` with a
method ``_transform(X)``; ``pixels`` has the functions.
"""

import torch

from skaug._checks import Number
from skaug.transforms.images import ImageTransform
from skaug.transforms.pixels import (
    brightened,
    contrasted,
    equalized,
    hue_shifted,
    posterized,
    saturated,
    solarized,
)
from skaug.transforms.ranges import check_is_near_units

__all__ = [
    "Brightness",
    "Colour",
    "Contrast",
    "Equalize",
    "Hue",
    "Invert",
    "Posterize",
    "Saturation",
    "Solarize",
]


class ColourTransform(ImageTransform):
    """A function of the values of images (n, 1 or 3, height, width) from 0 to 1."""

    value_range = (0, 1)
    _by_row = "strength"

    def __call__(self, X, y=None):
        """Return a transformed batch, and the labels as they came if they are given."""
        if X.ndim == 4:
            self._check_colours(X)
        return super().__call__(X, y)

    def _check_colours(self, X):
        if X.shape[1] not in (1, 3) or not X.is_floating_point():
            raise ValueError(
                f"{type(self).__name__} needs images of 1 or 3 channels with numbers "
                f"from 0 to 1; got shape {tuple(X.shape)} of {X.dtype}. Take another "
                "transform, or convert X."
            )
        check_is_near_units(X, type(self).__name__)


def _uniform(X):
    """A number from 0 to 1 for each row, of shape (n, 1, 1, 1)."""
    return torch.rand(len(X), 1, 1, 1, dtype=X.dtype, device=X.device)


class _Factor(ColourTransform):
    """Changes images by a factor from 1 - strength to 1 + strength."""

    _rules = {"strength": Number(0, 1, hint="1 draws factors from 0 to 2.")}

    def _transform(self, X):
        return self._function(X, 1 + self.strength * (2 * _uniform(X) - 1))


class Brightness(_Factor):
    """Multiply all values of each image by a factor.

    Parameters
    ----------
    strength : float, default=0.2
        Factors are drawn from [1 - strength, 1 + strength].

    Examples
    --------
    >>> import torch
    >>> from skaug.transforms import Brightness
    >>> brighter = Brightness(0.5)(torch.full((6, 3, 4, 4), 0.4))
    >>> bool((0.2 <= brighter).all() and (brighter <= 0.6).all())
    True
    """

    _function = staticmethod(brightened)

    def __init__(self, strength=0.2):
        self.strength = strength


class Contrast(_Factor):
    """Move the values of each image away from its mean brightness, or towards it.

    Parameters
    ----------
    strength : float, default=0.2
        Distances from the mean are multiplied by factors from [1 - strength, 1 +
        strength].

    Examples
    --------
    >>> import torch
    >>> from skaug.transforms import Contrast
    >>> grey = torch.full((6, 1, 4, 4), 0.4)
    >>> torch.allclose(Contrast(0.5)(grey), grey)
    True
    """

    _function = staticmethod(contrasted)

    def __init__(self, strength=0.2):
        self.strength = strength


class Saturation(_Factor):
    """Move the colours of each image away from grey, or towards it.

    Parameters
    ----------
    strength : float, default=0.2
        Distances from grey are multiplied by factors from [1 - strength, 1 + strength].
        Images of one channel stay as they are.

    Examples
    --------
    >>> import torch
    >>> from skaug.transforms import Saturation
    >>> Saturation(0.5)(torch.rand(6, 3, 4, 4)).shape
    torch.Size([6, 3, 4, 4])
    """

    _function = staticmethod(saturated)

    def __init__(self, strength=0.2):
        self.strength = strength


class Hue(ColourTransform):
    """Turn the circle of colours for each image.

    Parameters
    ----------
    strength : float, default=0.1
        Largest turn in both directions, as a share of the circle: .5 gives any colour.
        Images of one channel stay as they are.

    Examples
    --------
    >>> import torch
    >>> from skaug.transforms import Hue
    >>> X = torch.rand(6, 3, 4, 4)
    >>> torch.allclose(Hue(0.5)(X).amax(dim=1), X.amax(dim=1))
    True
    """

    _rules = {"strength": Number(0, 0.5, hint="It is a share of the circle.")}

    def __init__(self, strength=0.1):
        self.strength = strength

    def _transform(self, X):
        return hue_shifted(X, self.strength * (2 * _uniform(X) - 1))


class Colour(ColourTransform):
    """Change the saturation and the hue of each image.

    Parameters
    ----------
    strength : float, default=0.2
        That of :class:`Saturation`; half of it is that of :class:`Hue`. Images of one
        channel stay as they are.

    Examples
    --------
    >>> import torch
    >>> from skaug.transforms import Colour
    >>> Colour(0.5)(torch.rand(6, 3, 4, 4)).shape
    torch.Size([6, 3, 4, 4])
    """

    _rules = {"strength": Number(0, 1, hint="Hues turn by half of it at most.")}

    def __init__(self, strength=0.2):
        self.strength = strength

    def _transform(self, X):
        X = Saturation(self.strength)._transform(X)
        return Hue(self.strength / 2)._transform(X)


class Posterize(ColourTransform):
    """Round the values of each image down to a few levels.

    Parameters
    ----------
    strength : float, default=0.5
        Images keep 8 bits of each value, which is all of them, down to
        ``8 - round(7 * strength)``; each number is equally likely.

    Examples
    --------
    >>> import torch
    >>> from skaug.transforms import Posterize
    >>> len(Posterize(1.0)(torch.rand(20, 1, 9, 9)).unique()) < 20 * 81
    True
    """

    _rules = {"strength": Number(0, 1, hint="1 keeps one bit at least.")}

    def __init__(self, strength=0.5):
        self.strength = strength

    def _transform(self, X):
        most = (7 * self.strength + 0.5) // 1
        lost = (_uniform(X) * (1 + most)).floor()
        return torch.where(lost > 0, posterized(X, 8 - lost), X)


class Solarize(ColourTransform):
    """Invert the values of each image that are above a threshold.

    Parameters
    ----------
    strength : float, default=0.5
        Thresholds are drawn from [1 - strength, 1].

    Examples
    --------
    >>> import torch
    >>> from skaug.transforms import Solarize
    >>> dark = 0.4 * torch.rand(6, 1, 4, 4)
    >>> torch.equal(Solarize(0.5)(dark), dark)
    True
    """

    _rules = {"strength": Number(0, 1, hint="0 does nothing.")}

    def __init__(self, strength=0.5):
        self.strength = strength

    def _transform(self, X):
        threshold = 1 - self.strength * _uniform(X)
        # White is inverted at a threshold of 1, which a strength of 0 must not do.
        return solarized(X, threshold + 1.0 * (self.strength == 0))


class _Chance(ColourTransform):
    """Changes some of the images; strength is the probability."""

    _rules = {"strength": Number(0, 1, hint="It is a probability.")}

    def _transform(self, X):
        own = _uniform(X) < self.strength
        return torch.where(own, self._function(X), X)


class Equalize(_Chance):
    """Make the values of each channel about equally frequent.

    Values are rounded to those of bytes.

    Parameters
    ----------
    strength : float, default=0.5
        Probability that an image is changed.

    Examples
    --------
    >>> import torch
    >>> from skaug.transforms import Equalize
    >>> dark = 0.1 * torch.rand(6, 1, 32, 32)
    >>> bool(Equalize(1.0)(dark).max() > 0.9)
    True
    """

    _function = staticmethod(equalized)

    def __init__(self, strength=0.5):
        self.strength = strength


class Invert(_Chance):
    """Make a negative of some images.

    Parameters
    ----------
    strength : float, default=0.5
        Probability that an image is changed.

    Examples
    --------
    >>> import torch
    >>> from skaug.transforms import Invert
    >>> Invert(1.0)(torch.tensor([[[[0.25, 1.0]]]]))
    tensor([[[[0.7500, 0.0000]]]])
    """

    def __init__(self, strength=0.5):
        self.strength = strength

    def _function(self, X):
        return 1 - X
