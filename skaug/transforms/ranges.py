"""Transforms that need numbers from 0 to 1, for images of another range.

A transform says so by ``value_range = (0, 1)``; of torchvision's, the names are listed
here. Images from 0 to 255 are scaled for such a transform, and back afterwards. Other
images, such as standardised ones, are refused: brightness means nothing there.
"""

from skaug.transforms.calling import apply, is_torchvisions, name_of, parts_of
from skaug.transforms.cloning import HoldsTransforms
from skaug.transforms.images import row_by_row
from skaug.transforms.rows import RowTransform

__all__ = [
    "InUnits",
    "fitted_to",
    "in_units",
    "largest_value",
    "needs_unit_range",
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

    def __call__(self, X, y=None):
        """Return a transformed batch, and the labels as they came if they are given."""
        new_X = apply(self.transform, X / self.largest, y, name="InUnits")
        new_X = new_X * self.largest
        return new_X if y is None else (new_X, y)


def needs_unit_range(transform):
    """Whether a transform, or one that it is made of, needs numbers from 0 to 1."""
    if isinstance(transform, InUnits):
        return False
    if getattr(transform, "value_range", None) == (0, 1):
        return True
    if is_torchvisions(transform) and type(transform).__name__ in TORCHVISIONS:
        return True
    return any(map(needs_unit_range, parts_of(transform)))


def largest_value(X, what, name):
    """The end of the range of images, 1 or 255; others are refused."""
    low, high = float(X.min()), float(X.max())
    for largest in (1.0, 255.0):
        if low >= -SLACK and high <= largest + SLACK:
            return largest
    raise ValueError(
        f"{name} needs images with numbers from 0 to 1, or from 0 to 255, for {what}; "
        f"got {low:g} to {high:g}. Augment before you standardise: the default "
        "networks standardise by themselves."
    )


def fitted_to(X, transform, name):
    """Make a transform of a list ready for rows like X: row by row, in their range."""
    transform = row_by_row(transform)
    if X.ndim != 4 or not needs_unit_range(transform):
        return transform
    return in_units(transform, largest_value(X, name_of(transform), name))


def in_units(transform, largest):
    """Scale images to 0 to 1 for a transform, and back, if they are not so already."""
    return transform if largest == 1 else InUnits(transform, largest)
