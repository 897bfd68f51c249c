"""Transforms that need numbers from 0 to 1, for images of another range.

A transform says so by ``value_range = (0, 1)``; of torchvision's, the names are listed
here. Images from 0 to 255 are scaled for such a transform, and back afterwards; what
stands beside it in a list gets them as they are. Other images, such as standardised
ones, are refused: brightness means nothing there.
"""

import torch

from skaug.transforms.calling import how_to_call, is_torchvisions, name_of, parts_of
from skaug.transforms.chain import with_parts
from skaug.transforms.choices import chosen_by_row
from skaug.transforms.cloning import HoldsTransforms
from skaug.transforms.images import row_by_row
from skaug.transforms.rows import RowTransform

__all__ = [
    "InUnits",
    "check_is_near_units",
    "fitted_to",
    "in_units",
    "is_within",
    "largest_value",
    "needs_unit_range",
    "range_of",
]

TORCHVISIONS = (
    "AugMix",
    "AutoAugment",
    "ColorJitter",
    "GaussianNoise",
    "RandAugment",
    "RandomAdjustSharpness",
    "RandomAutocontrast",
    "RandomEqualize",
    "RandomInvert",
    "RandomPhotometricDistort",
    "RandomPosterize",
    "RandomSolarize",
    "TrivialAugmentWide",
)
# What interpolation or rounding may add to the ends of a range.
SLACK = 1e-3
# Numbers from 0 to 255 have one above this in them. Others may have any unit.
HALF = 127
# Mean distance of pixels from the range, up to which noise may have come before.
FAR = 0.2


class InUnits(HoldsTransforms, RowTransform):
    """A transform that needs numbers from 0 to 1, for images from 0 to another number.

    Parameters
    ----------
    transform : callable
        Function of a batch X, or of X and y, that keeps shape and labels.
    largest : float, default=255.0
        Largest value of the images.
    """

    _rules = {}

    def __init__(self, transform, largest=255.0):
        self.transform = transform
        self.largest = largest

    @property
    def __name__(self):
        """What to call it in messages and tables."""
        return name_of(self.transform)

    @property
    def called_like(self):
        """The transform whose signature says what to call this one with."""
        return self.transform

    def __call__(self, X, y=None, **offered):
        """Return a transformed batch, or a row, and labels if they are given."""
        with_labels, _ = how_to_call(self.transform)
        labels = (y,) if with_labels and y is not None else ()
        result = self.transform(X / self.largest, *labels, **offered)
        new_X, new_y = result if isinstance(result, (tuple, list)) else (result, y)
        new_X = new_X * self.largest
        if not X.is_floating_point():
            new_X = new_X.round().clamp(0, self.largest).to(X.dtype)
        return new_X if y is None else (new_X, new_y)


def needs_unit_range(transform):
    """Whether a transform, or one that it is made of, needs numbers from 0 to 1."""
    if isinstance(transform, InUnits):
        return False
    return _needs_it_itself(transform) or any(
        map(needs_unit_range, parts_of(transform))
    )


def _needs_it_itself(transform):
    if getattr(transform, "value_range", None) == (0, 1):
        return True
    return is_torchvisions(transform) and type(transform).__name__ in TORCHVISIONS


def _needs_it_throughout(transform):
    """Whether all that a transform is made of needs numbers from 0 to 1."""
    parts = parts_of(transform)
    if _needs_it_itself(transform) or not parts or isinstance(transform, InUnits):
        return needs_unit_range(transform)
    return all(map(_needs_it_throughout, parts))


def range_of(X):
    """The end of the range of images, 1 or 255; None for others."""
    low, high = float(X.min()), float(X.max())
    if not low >= -SLACK:  # NaN too
        return None
    if str(X.dtype).endswith("uint8"):
        return 255.0
    if high <= 1 + SLACK:
        return 1.0
    return 255.0 if HALF < high <= 255 + SLACK else None


def is_within(X, largest):
    """Whether a batch keeps to the range from 0 to `largest`."""
    return float(X.min()) >= -SLACK and float(X.max()) <= largest + SLACK


def largest_value(X, what, name):
    """The end of the range of images, 1 or 255; others are refused."""
    largest = range_of(X)
    if largest is None:
        low, high = float(X.min()), float(X.max())
        advice = (
            "Divide X by the largest number that an image may have, and clip what "
            "resizing has added."
            if low >= -SLACK
            else "Augment before you standardise: the default networks standardise by "
            "themselves."
        )
        raise ValueError(
            f"{name} needs images with numbers from 0 to 1, or from 0 to 255, for "
            f"{what}; got {low:g} to {high:g}. {advice}"
        )
    return largest


def check_is_near_units(X, name):
    """Refuse images that are far from numbers from 0 to 1."""
    if not X.numel():
        return
    low, high = map(float, torch.aminmax(X))
    # A look at all pixels takes longer, and hardly any images need one.
    if low >= -0.5 and high <= 1.5:
        return
    if (X - X.clamp(0, 1)).abs().mean() > FAR:
        raise ValueError(
            f"{name} needs images with numbers from 0 to 1; got {low:g} to {high:g}. "
            "Divide bytes by 255, and augment before you standardise. "
            "BatchAugmentation scales images from 0 to 255 by itself."
        )


def fitted_to(X, transform, name):
    """Make a transform of a list ready for rows like X: row by row, in their range."""
    transform, _ = chosen_by_row(row_by_row(transform))
    if X.ndim != 4 or not needs_unit_range(transform):
        return transform
    return in_units(transform, largest_value(X, name_of(transform), name))


def in_units(transform, largest):
    """Scale images to 0 to 1, and back, for what needs it in a transform."""
    if largest == 1 or not needs_unit_range(transform):
        return transform
    if not _needs_it_throughout(transform):
        parts = [in_units(part, largest) for part in parts_of(transform)]
        new_transform = with_parts(transform, parts)
        if new_transform is not None:
            return new_transform
    return InUnits(transform, largest)
