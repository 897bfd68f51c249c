"""Transforms that move the pixels of images, each row by a matrix of its own.

All of them say by ``limits`` how far they move pixels, so that those of a row can be
merged into one matrix. ``warp`` draws the matrices and moves the pixels. A new
transform is a subclass of :class:`Affine` with a method ``limits(height, width)``.
"""

import numpy as np
import torch

from skaug._checks import Number, Whole
from skaug.transforms.images import ImageTransform
from skaug.transforms.warp import STILL, Limits, draw_matrices, warp

__all__ = ["HorizontalFlip", "RandomAffine", "RandomCropFlip", "VerticalFlip"]


class Affine(ImageTransform):
    """Moves pixels; a policy merges several of these into one matrix per row."""

    def _transform(self, X):
        limits = np.tile(self.limits(*X.shape[2:]), (len(X), 1))
        return warp(X, draw_matrices(limits))


class RandomAffine(Affine):
    r"""Rotate, shift, scale, shear and flip each image by its own draw.

    All of it is one matrix per image and one interpolation per batch. With the angle
    :math:`\alpha`, the factor :math:`s`, the shears :math:`\phi_x, \phi_y` and the
    shift :math:`t`, a pixel at :math:`p`, seen from the centre of the image, goes to

    .. math::
        s\, R(\alpha)
        \begin{pmatrix} 1 & 0 \\ -\tan \phi_y & 1 \end{pmatrix}
        \begin{pmatrix} 1 & -\tan \phi_x \\ 0 & 1 \end{pmatrix} p + t,

    as with torchvision's ``affine`` with bilinear interpolation. Shifts are whole
    pixels: a shift alone blurs nothing. What comes from outside of an image is 0.

    Parameters
    ----------
    degrees : float, default=0
        Angles are drawn from [-degrees, degrees]; a positive angle turns clockwise.
    translate : float, default=0
        Largest shift, as a share of the side, in both directions.
    scale : float, default=0
        Factors are drawn from [1 - scale, 1 + scale].
    shear : float, default=0
        Angles of shear, one along each axis, are drawn from [-shear, shear] degrees.
    flip : float, default=0
        Probability that an image is flipped from left to right.
    magnitude : float, default=1.0
        Factor on the four ranges above, for searches over one number. It does not
        change `flip`.

    Attributes
    ----------
    mild : bool
        Whether no range is wider than that of ``baseline_transform``: 10 degrees, a
        tenth of the side and a tenth in scale, without shear.

    Raises
    ------
    ValueError
        When called: if X is not (n, channels, height, width), a parameter is out of
        range, or `magnitude` takes the scale to 0 or the shear to 90 degrees.

    See Also
    --------
    skaug.transforms.RandomCropFlip : Shifts and flips only.

    Examples
    --------
    >>> import torch
    >>> from skaug.transforms import RandomAffine
    >>> X = torch.rand(8, 3, 32, 32)
    >>> RandomAffine(degrees=15, translate=0.1, scale=0.1)(X).shape
    torch.Size([8, 3, 32, 32])
    >>> torch.equal(RandomAffine(degrees=15, magnitude=0.0)(X), X)
    True
    """

    _rules = {
        "degrees": Number(0, 180),
        "translate": Number(0, 1, hint="It is a share of the side."),
        "scale": Number(0, 1, open_high=True),
        "shear": Number(0, 90, open_high=True),
        "flip": Number(0, 1),
        "magnitude": Number(0, hint="It is a factor on all ranges; 1 keeps them."),
    }

    def __init__(self, degrees=0, translate=0, scale=0, shear=0, flip=0, magnitude=1.0):
        self.degrees = degrees
        self.translate = translate
        self.scale = scale
        self.shear = shear
        self.flip = flip
        self.magnitude = magnitude

    @property
    def mild(self):
        """Whether it changes images no more than the baseline."""
        widest = max(self.degrees / 100, self.translate, self.scale)
        is_sheared = self.magnitude * self.shear > 0
        return self.magnitude * widest <= 0.1 + 1e-9 and not is_sheared

    def limits(self, height, width):
        """Return how far pixels of images of a size are moved at most."""
        ranges = (self.degrees, self.translate, self.scale, self.shear)
        degrees, translate, scale, shear = (self.magnitude * r for r in ranges)
        if scale >= 1 or shear >= 90:
            raise ValueError(
                "RandomAffine needs magnitude * scale below 1 and magnitude * shear "
                f"below 90 degrees; got {scale:g} and {shear:g}. Lower the magnitude."
            )
        x, y = translate * width, translate * height
        return Limits(degrees, x, y, scale, shear, horizontal_flip=self.flip)


class RandomCropFlip(Affine):
    """Pad each image with zeros, crop it to its size, and flip one in two.

    The usual augmentation of photographs: torchvision's ``RandomCrop(size, padding)``
    and ``RandomHorizontalFlip``, with a draw for each image. Pixels are copied, never
    interpolated.

    Parameters
    ----------
    padding : int, default=4
        Pixels on each side, which are also the largest shift. 4 is usual for images of
        32 x 32; take an eighth of the side.
    flip : float, default=0.5
        Probability that an image is flipped from left to right: 0 for digits and
        letters.

    Raises
    ------
    ValueError
        When called: if X is not (n, channels, height, width), a parameter is out of
        range, or the padding is not below both sides.

    See Also
    --------
    skaug.transforms.RandomAffine : Also rotates, scales and shears.

    Examples
    --------
    >>> import torch
    >>> from skaug import BatchAugmentation, NetClassifier
    >>> from skaug.transforms import RandomCropFlip
    >>> RandomCropFlip()(torch.rand(8, 3, 32, 32)).shape
    torch.Size([8, 3, 32, 32])
    >>> net = NetClassifier(callbacks=[BatchAugmentation(RandomCropFlip())])
    """

    mild = True
    _rules = {
        "padding": Whole(0, hint="Give the pixels of a side."),
        "flip": Number(0, 1),
    }

    def __init__(self, padding=4, flip=0.5):
        self.padding = padding
        self.flip = flip

    def limits(self, height, width):
        """Return how far pixels of images of a size are moved at most."""
        self._check_padding(height, width)
        # Shifts are rounded: with the half, all of them are equally likely.
        most = self.padding + 0.5 if self.padding else 0.0
        return Limits(shift_x=most, shift_y=most, horizontal_flip=self.flip)

    def _check_padding(self, height, width):
        if self.padding >= min(height, width):
            raise ValueError(
                "RandomCropFlip needs padding below the sides of the images; got "
                f"{self.padding} for {height} x {width} pixels, which leaves nothing "
                "of some. Take an eighth of the side."
            )

    def _transform(self, X):
        self._check_padding(*X.shape[2:])
        # The same as by limits, in a third of the time.
        matrices = np.tile(STILL, (len(X), 1, 1))
        matrices[torch.rand(len(X)).numpy() < self.flip, 0, 0] = -1
        shift = torch.randint(-self.padding, self.padding + 1, (len(X), 2))
        matrices[:, :, 2] = shift.numpy()
        return warp(X, matrices, "nearest")


class HorizontalFlip(Affine):
    """Flip images from left to right.

    Parameters
    ----------
    strength : float, default=0.5
        Probability that an image is flipped.

    Examples
    --------
    >>> import torch
    >>> from skaug.transforms import HorizontalFlip
    >>> HorizontalFlip(1.0)(torch.tensor([[[[1.0, 2.0, 3.0]]]]))
    tensor([[[[3., 2., 1.]]]])
    """

    mild = True
    _rules = {"strength": Number(0, 1, hint="It is a probability.")}

    def __init__(self, strength=0.5):
        self.strength = strength

    def limits(self, height, width):
        """Return how far pixels of images of a size are moved at most."""
        return Limits(horizontal_flip=self.strength)


class VerticalFlip(Affine):
    """Flip images upside down.

    Parameters
    ----------
    strength : float, default=0.5
        Probability that an image is flipped.

    Examples
    --------
    >>> import torch
    >>> from skaug.transforms import VerticalFlip
    >>> VerticalFlip(1.0)(torch.tensor([[[[1.0], [2.0]]]]))
    tensor([[[[2.],
              [1.]]]])
    """

    _rules = {"strength": Number(0, 1, hint="It is a probability.")}

    def __init__(self, strength=0.5):
        self.strength = strength

    def limits(self, height, width):
        """Return how far pixels of images of a size are moved at most."""
        return Limits(vertical_flip=self.strength)
