"""Move the pixels of images, by one matrix for each row.

A matrix of shape (2, 3) takes the place (x, y, 1) of a pixel in the new image to the
place in the given image where its value is read. Places are those of the centres of
pixels, in pixels, seen from the centre of the image. This is torchvision's convention,
and that of ``align_corners=False`` in ``grid_sample``. What lies outside of the given
image is 0.

Matrices are drawn from torch's generator and computed on the CPU, as arrays of NumPy.
They are small: torch takes three times as long for them. The draws are the same for
every device, and no device has to be waited for.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch.nn import functional

__all__ = ["STILL", "Limits", "affine_matrices", "composed", "draw_matrices", "warp"]


# The matrix that moves nothing.
STILL = np.eye(2, 3)


class Limits(NamedTuple):
    """How far a transform may move pixels at most, in both directions."""

    degrees: float = 0.0
    shift_x: float = 0.0  # pixels
    shift_y: float = 0.0
    scale: float = 0.0  # the factor is from 1 - scale to 1 + scale
    shear: float = 0.0  # degrees
    horizontal_flip: float = 0.0  # probability
    vertical_flip: float = 0.0


def affine_matrices(degrees=0.0, shift=(0.0, 0.0), scale=1.0, shear=(0.0, 0.0)):
    """Matrices (n, 2, 3) of torchvision's ``affine``, around the centres of images."""
    # All are arrays of shape (n,) or numbers; shift and shear have x and y.
    turn, (tan_x, tan_y) = np.radians(degrees), np.tan(np.radians(shear))
    cos, sin = np.cos(turn) / scale, np.sin(turn) / scale
    # The image moves by R(turn) SHy SHx, and places are read off by the inverse of it.
    a = cos + sin * tan_y
    c = sin - cos * tan_y
    b, d = -a * tan_x - sin, cos - c * tan_x
    x, y = shift
    matrices = np.empty((np.broadcast(a, b, c, d, x, y).size, 2, 3))
    rows = (d, -b, b * y - d * x), (-c, a, c * x - a * y)
    for i, row in enumerate(rows):
        for j, part in enumerate(row):
            matrices[:, i, j] = part
    return matrices


def draw_matrices(limits):
    """Draw a matrix for each row of `limits` (n, 7): moved first, then flipped."""
    # Shifts are whole pixels, as torchvision's are: a shift alone blurs nothing.
    draws = torch.rand(len(limits), 8).double().numpy().T
    degrees, x, y, scale, shear, *flips = limits.T
    turned, right, down, larger, shear_x, shear_y = 2 * draws[:6] - 1
    matrices = affine_matrices(
        degrees * turned,
        np.rint((x * right, y * down)),
        1 + scale * larger,
        (shear * shear_x, shear * shear_y),
    )
    matrices[:, :, :2] *= np.where(draws[6:] < flips, -1, 1).T[:, None]
    return matrices


def composed(first, second):
    """Matrices that do what `first` and then `second` do to an image."""
    both = first[:, :, :2] @ second
    both[:, :, 2] += first[:, :, 2]
    return both


def warp(X, matrices, mode="bilinear"):
    """Return images (n, channels, height, width) whose pixels are moved."""
    # Flips and shifts by whole pixels are copies, the same to the last digit. Other
    # images are interpolated, or read at the nearest pixel.
    whole = mode == "nearest" or _are_whole(matrices)
    if np.all(whole):
        return _read(X, matrices, "nearest")
    if not whole.any():
        return _read(X, matrices, mode)
    new_X = X.clone()
    moved = (matrices != STILL).any(axis=(1, 2))
    for rows, of_rows in ((whole & moved, "nearest"), (~whole, mode)):
        if rows.any():
            own = torch.from_numpy(rows.nonzero()[0]).to(X.device)
            new_rows = _read(X.index_select(0, own), matrices[rows], of_rows)
            new_X.index_copy_(0, own, new_rows)
    return new_X


def _are_whole(matrices):
    """Which rows are flipped and shifted by whole pixels, and no more."""
    only_flips = np.abs(matrices[:, :, :2]) == STILL[:, :2]
    shift = matrices[:, :, 2]
    return only_flips.all(axis=(1, 2)) & (shift == np.rint(shift)).all(axis=1)


def _read(X, matrices, mode):
    """Values of X at the places of all pixels; integers and halves go by float32."""
    real = X if X.dtype in (torch.float32, torch.float64) else X.float()
    kind = np.float64 if real.dtype == torch.float64 else np.float32
    places = torch.from_numpy(_places(matrices, *X.shape[2:], kind)).to(real.device)
    along_x, along_y = places.split([X.shape[3], X.shape[2]], dim=2)
    grid = (along_x[:, :, None] + along_y[..., None]).permute(0, 2, 3, 1)
    moved = functional.grid_sample(real, grid, mode=mode, align_corners=False)
    return (moved if X.is_floating_point() else moved.round()).to(X.dtype)


def _places(matrices, height, width, kind):
    """Where pixels are read, with borders of images at -1 and 1, as a sum of two parts.

    The parts, (n, 2, width + height), are one for each column and one for each row.
    torch's ``affine_grid`` gives the same sum and takes longer than ``grid_sample``.
    """
    x = np.arange(width) - (width - 1) / 2
    y = np.arange(height) - (height - 1) / 2
    matrices = matrices * [[2 / width], [2 / height]]
    places = np.empty((len(matrices), 2, width + height), kind)
    np.multiply(matrices[:, :, :1], x, out=places[:, :, :width])
    np.multiply(matrices[:, :, 1:2], y, out=places[:, :, width:])
    places[:, :, width:] += matrices[:, :, 2:].astype(kind)
    return places
