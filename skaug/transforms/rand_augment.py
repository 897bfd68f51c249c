"""Two augmentations that draw from one list of operations, with nothing learned.

They are here to be compared with. Operations and ranges are torchvision's, which calls
them image by image; here each image of a batch has a draw of its own, and images with
the same operation are transformed at once. Pixels that move are read at the nearest
pixel, as there.
"""

import numpy as np
import torch

from skaug._checks import Whole
from skaug.transforms.colour import ColourTransform
from skaug.transforms.pixels import (
    autocontrasted,
    brightened,
    contrasted,
    equalized,
    posterized,
    saturated,
    sharpened,
    solarized,
)
from skaug.transforms.warp import affine_matrices, warp

__all__ = ["RandAugment", "TrivialAugment"]

BINS = 31  # magnitudes of each operation
# Functions of images and of a magnitude for each (n, 1, 1, 1).
VALUES = {
    "brightness": lambda X, size: brightened(X, 1 + size),
    "colour": lambda X, size: saturated(X, 1 + size),
    "contrast": lambda X, size: contrasted(X, 1 + size),
    "sharpness": lambda X, size: sharpened(X, 1 + size),
    "posterize": posterized,
    "solarize": solarized,
    "autocontrast": lambda X, size: autocontrasted(X),
    "equalize": lambda X, size: equalized(X),
}
MOVES = ("shear x", "shear y", "translate x", "translate y", "rotate")
OPERATIONS = ("identity", *MOVES, *VALUES)
# Operations whose magnitude is as often negative.
SIGNED = (*MOVES, "brightness", "colour", "contrast", "sharpness")


def magnitudes_of(shear, shift, turn, change, lost_bits):
    """Magnitudes (n_operations, BINS) up to the given ones, `shift` in x and y."""
    largest = dict.fromkeys(("brightness", "colour", "contrast", "sharpness"), change)
    largest |= {"shear x": shear, "shear y": shear, "rotate": turn}
    largest |= {"translate x": shift[0], "translate y": shift[1]}
    sizes = {name: np.linspace(0, most, BINS) for name, most in largest.items()}
    sizes["posterize"] = np.rint(8 - np.linspace(0, lost_bits, BINS))
    sizes["solarize"] = np.linspace(1, 0, BINS)
    return np.stack([sizes.get(name, np.zeros(BINS)) for name in OPERATIONS])


def operated(X, operations, sizes):
    """Do one operation to each image, given by number (n,), with a size (n,)."""
    new_X = warp(X, _matrices(operations, sizes, *X.shape[2:]), "nearest")
    for name, function in VALUES.items():
        own = (operations == OPERATIONS.index(name)).nonzero()[0]
        if len(own):
            size = torch.from_numpy(sizes[own]).to(X).view(-1, 1, 1, 1)
            own = torch.from_numpy(own).to(X.device)
            new_X.index_copy_(0, own, function(X.index_select(0, own), size))
    return new_X


def _matrices(operations, sizes, height, width):
    shear_x, shear_y, x, y, turn = (
        sizes * (operations == OPERATIONS.index(name)) for name in MOVES
    )
    shear = np.degrees(np.arctan((shear_x, shear_y)))
    matrices = affine_matrices(-turn, np.trunc((x, y)), 1.0, shear)
    # Images are sheared around their upper left corner, not around the centre.
    corner = np.array([-width / 2, -height / 2])
    sheared = (shear != 0).any(axis=0)
    matrices[sheared, :, 2] += corner - matrices[sheared, :, :2] @ corner
    return matrices


class _OfOperations(ColourTransform):
    """Does the operations that ``_draws`` yields, one after the other."""

    _by_row = None

    def _transform(self, X):
        new_X = X.clone()
        for operations, sizes in self._draws(len(X), *X.shape[2:]):
            new_X = operated(new_X, operations, sizes)
        return new_X


def draw(n, magnitudes, bins):
    """Operations (n,), equally likely, and their sizes at the magnitudes `bins`."""
    operations = torch.randint(len(OPERATIONS), (n,)).numpy()
    sizes = magnitudes[operations, bins]
    signed = np.isin(operations, [OPERATIONS.index(name) for name in SIGNED])
    negative = signed & (torch.rand(n).numpy() <= 0.5)
    return operations, np.where(negative, -sizes, sizes)


class TrivialAugment(_OfOperations):
    """Do one of 14 operations to each image, at any of 31 magnitudes.

    Nothing is to be tuned. The operations are none, shear, shift (each in x and y),
    rotation, brightness, colour, contrast, sharpness, posterize, solarize, autocontrast
    and equalize. Ranges are the wide ones of the paper, torchvision's
    ``TrivialAugmentWide``: shifts up to 32 pixels, made for images of 224.

    Raises
    ------
    ValueError
        When called: if X is not (n, 1 or 3, height, width), or not of floating point.

    See Also
    --------
    skaug.transforms.RandAugment : Several operations at one magnitude.

    References
    ----------
    .. [1] S. G. Müller, F. Hutter, "TrivialAugment: Tuning-free Yet State-of-the-Art
       Data Augmentation", ICCV 2021, arXiv:2103.10158.

    Examples
    --------
    >>> import torch
    >>> from skaug.transforms import TrivialAugment
    >>> TrivialAugment()(torch.rand(8, 3, 32, 32)).shape
    torch.Size([8, 3, 32, 32])
    """

    _rules = {}

    def _draws(self, n, height, width):
        """Yield operations and their sizes for n images."""
        magnitudes = magnitudes_of(
            shear=0.99, shift=(32, 32), turn=135, change=0.99, lost_bits=6
        )
        yield draw(n, magnitudes, torch.randint(BINS, (n,)).numpy())


class RandAugment(_OfOperations):
    """Do a few of 14 operations to each image, all at one magnitude.

    Operations are those of :class:`TrivialAugment`, ranges those of torchvision's
    ``RandAugment``, which are narrower.

    Parameters
    ----------
    n_transforms : int, default=2
        Operations that are done to an image, one after the other.
    magnitude : int, default=9
        From 0 to 30. 9 is torchvision's; the paper tunes both parameters.

    Raises
    ------
    ValueError
        When called: if X is not (n, 1 or 3, height, width), or not of floating point,
        or a parameter is out of range.

    References
    ----------
    .. [1] E. D. Cubuk et al., "RandAugment: Practical Automated Data Augmentation with
       a Reduced Search Space", CVPR workshops 2020, arXiv:1909.13719.

    Examples
    --------
    >>> import torch
    >>> from skaug.transforms import RandAugment
    >>> RandAugment(magnitude=5)(torch.rand(8, 3, 32, 32)).shape
    torch.Size([8, 3, 32, 32])
    """

    _rules = {"n_transforms": Whole(0), "magnitude": Whole(0, BINS - 1)}

    def __init__(self, n_transforms=2, magnitude=9):
        self.n_transforms = n_transforms
        self.magnitude = magnitude

    def _draws(self, n, height, width):
        """Yield operations and their sizes for n images."""
        share = 150 / 331
        magnitudes = magnitudes_of(
            shear=0.3,
            shift=(share * width, share * height),
            turn=30,
            change=0.9,
            lost_bits=4,
        )
        for _ in range(self.n_transforms):
            yield draw(n, magnitudes, self.magnitude)
