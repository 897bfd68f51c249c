"""Transforms of images, and the way to draw torchvision's own for each row by itself.

A new transform of images is a subclass of :class:`ImageTransform`, as :class:`Cutout`
is. ``geometry`` has those that move pixels and ``colour`` those that change values.
"""

import math

import torch

from skaug._checks import Rule, Whole, is_number
from skaug.transforms.calling import (
    FUNCTION,
    check_is_for_images,
    is_torchvisions,
    name_of,
)
from skaug.transforms.cloning import HoldsTransforms
from skaug.transforms.rows import RowTransform

__all__ = ["Cutout", "PerSample"]


def _is_finite(value):
    return is_number(value) and math.isfinite(value)


class ImageTransform(RowTransform):
    """A function of a batch of images (n, channels, height, width)."""

    def __call__(self, X, y=None):
        """Return a transformed batch, and the labels as they came if they are given."""
        if X.ndim != 4:
            raise ValueError(
                f"{type(self).__name__} needs images of shape (n, channels, height, "
                f"width); got {tuple(X.shape)}. Reshape X, or take another transform."
            )
        return super().__call__(X, y)


class Cutout(ImageTransform):
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
    >>> cut = Cutout(2)(torch.ones(100, 1, 8, 8))
    >>> cut.sum(dim=(1, 2, 3)).min()  # a whole square of 4 pixels is out of 64
    tensor(60.)
    """

    _by_row = "size"
    _rules = {
        "size": Whole(1, hint="Give the pixels of a side."),
        "fill": Rule(_is_finite, "a finite number", "0 is black."),
    }

    def __init__(self, size, fill=0.0):
        self.size = size
        self.fill = fill

    def _transform(self, X):
        size = torch.as_tensor(self.size, device=X.device).view(-1, 1)
        # One axis at a time: where a pixel is inside the square of its image.
        inside = []
        for length in X.shape[2:]:
            start = torch.randint(length, (len(X), 1)).to(X.device) - size // 2
            pixel = torch.arange(length, device=X.device)
            inside.append((start <= pixel) & (pixel < start + size))
        square = inside[0][:, None, :, None] & inside[1][:, None, None, :]
        return X.masked_fill(square, self.fill)


class PerSample(HoldsTransforms, RowTransform):
    """Apply a transform to each row of a batch by itself.

    torchvision's flips, crops, AutoAugment and the like make one random choice per
    call. Called with a batch they flip all of its images or none. This calls them image
    by image, which costs a call each. :class:`RandomCropFlip`, :class:`RandomAffine`
    and others transform a whole batch at once, with a draw for each image.

    Parameters
    ----------
    transform : callable
        Function of one row without the batch axis, such as an image (channels, height,
        width); all results must have one shape. AutoAugment and others expect numbers
        from 0 to 1, to which BatchAugmentation scales images from 0 to 255.

    Examples
    --------
    >>> import torch
    >>> from skaug.transforms import PerSample
    >>> scale = lambda row: row * torch.rand(())
    >>> len(PerSample(scale)(torch.ones(6, 1)).unique())  # a choice for each row
    6
    """

    _rules = {"transform": FUNCTION}

    def __init__(self, transform):
        self.transform = transform

    @property
    def __name__(self):
        """What to call it in messages and tables."""
        return f"PerSample({name_of(self.transform)})"

    def with_parts(self, parts):
        """Make one that applies another transform."""
        return type(self)(*parts)

    def _transform(self, X):
        check_is_for_images(self.transform, X, "PerSample")
        rows = [self.transform(row) for row in X]
        kinds = {type(row).__name__ for row in rows if not torch.is_tensor(row)}
        seen = kinds or {str(tuple(row.shape)) for row in rows}
        if kinds or len(seen) > 1:
            raise ValueError(
                "PerSample needs a transform that returns tensors of one shape; got "
                f"{', '.join(sorted(seen))} from {name_of(self.transform)}. End it "
                "with torch.as_tensor, or a crop to one size."
            )
        return torch.stack(rows)


def row_by_row(transform):
    """Put a transform of torchvision's into a PerSample; leave others as they are."""
    return PerSample(transform) if is_torchvisions(transform) else transform
