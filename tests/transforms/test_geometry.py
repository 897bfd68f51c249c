"""Pixels of images that move: against torchvision, image by image, and limits."""

import numpy as np
import pytest
import torch
from helpers import refuses

from skaug.transforms import (
    HorizontalFlip,
    RandomAffine,
    RandomCropFlip,
    VerticalFlip,
)
from skaug.transforms.torchvision import v2
from skaug.transforms.warp import (
    Limits,
    affine_matrices,
    composed,
    draw_matrices,
    warp,
)

F = v2.functional
BILINEAR = v2.InterpolationMode.BILINEAR
SHAPES = [(5, 3, 16, 16), (5, 1, 9, 14), (5, 2, 15, 8)]
each_shape = pytest.mark.parametrize("shape", SHAPES)


def drawn(n, *spreads):
    """An array (n,) of uniform numbers for each spread."""
    return [s * (2 * torch.rand(n).double().numpy() - 1) for s in spreads]


@each_shape
@pytest.mark.parametrize(
    "spreads",
    [
        (180, 0, 0, 0, 0, 0),
        (0, 7.5, 4.5, 0, 0, 0),
        (0, 0, 0, 0.6, 0, 0),
        (0, 0, 0, 0, 40, 0),
        (0, 0, 0, 0, 0, 40),
        (180, 5, 5, 0.5, 30, 30),
    ],
    ids=["rotation", "shift", "scale", "shear x", "shear y", "all"],
)
def test_warp_is_torchvisions_affine_of_each_image(shape, spreads):
    X = torch.rand(shape, dtype=torch.float64)
    turn, x, y, larger, shear_x, shear_y = drawn(len(X), *spreads)
    moved = warp(X, affine_matrices(turn, (x, y), 1 + larger, (shear_x, shear_y)))
    for i, image in enumerate(X):
        expected = F.affine(
            image,
            angle=turn[i],
            translate=[x[i], y[i]],
            scale=1 + larger[i],
            shear=[shear_x[i], shear_y[i]],
            interpolation=BILINEAR,
            fill=None,
        )
        torch.testing.assert_close(moved[i], expected, atol=1e-5, rtol=0)


@each_shape
def test_two_matrices_are_one(shape):
    # A pattern that is linear in the place: bilinear interpolation reads it exactly,
    # where a pixel of the second image comes from the inside of the first.
    n, _, height, width = shape
    y, x = np.mgrid[:height, :width] * 1.0
    X = torch.from_numpy(1 + x + 2 * y).expand(n, 1, height, width).contiguous()
    first, second = (
        affine_matrices(*drawn(n, 20), drawn(n, 1, 1), 1.2, drawn(n, 10, 10))
        for _ in range(2)
    )
    twice, once = warp(warp(X, first), second), warp(X, composed(first, second))
    inside = warp(warp(torch.ones_like(X), first), second) > 1 - 1e-9
    assert inside.float().mean() > 0.5
    torch.testing.assert_close(twice[inside], once[inside], atol=1e-6, rtol=0)


@each_shape
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.uint8])
def test_crop_and_flip_copies_pixels(shape, dtype):
    X = (torch.rand(shape) * 255).to(dtype)
    padding, (height, width) = 3, shape[2:]
    X = X.repeat(40, 1, 1, 1)
    new_X = RandomCropFlip(padding)(X)
    assert new_X.dtype == dtype
    seen = set()
    for image, new in zip(X, new_X):
        padded = F.pad(image, [padding] * 4)
        found = [
            (top, left, flip)
            for top in range(2 * padding + 1)
            for left in range(2 * padding + 1)
            for flip in (False, True)
            if torch.equal(new, _cropped(padded, top, left, height, width, flip))
        ]
        assert found
        seen.update(found[:1])
    assert len(seen) > 60  # of 98


def _cropped(padded, top, left, height, width, flip):
    piece = F.crop(padded, top, left, height, width)
    return F.horizontal_flip(piece) if flip else piece


def test_all_crops_are_equally_likely():
    X = torch.zeros(9000, 1, 7, 7)
    X[:, :, 3, 3] = 1
    place = RandomCropFlip(1, flip=0.0)(X).flatten(1).argmax(dim=1)
    assert place.bincount()[place.unique()].tolist() == pytest.approx(
        [1000] * 9, rel=0.15
    )
    X[:, :, 3, 3], X[:, :, 3, 1] = 0, 1
    flipped = RandomCropFlip(0, flip=0.3)(X)[:, 0, 3, 5].mean()
    assert float(flipped) == pytest.approx(0.3, abs=0.02)


@each_shape
def test_flips(shape):
    X = torch.rand(shape)
    assert torch.equal(HorizontalFlip(1.0)(X), X.flip(3))
    assert torch.equal(VerticalFlip(1.0)(X), X.flip(2))
    assert torch.equal(RandomAffine(flip=1.0)(X), X.flip(3))
    share = VerticalFlip(0.25)(torch.rand(4000, 1, 2, 2).cumsum(dim=2))
    assert (share[:, 0, 0, 0] > share[:, 0, 1, 0]).float().mean() == pytest.approx(
        0.25, abs=0.03
    )


@each_shape
def test_limiting_cases_are_exact(shape):
    X = torch.randn(shape)
    for nothing in (
        RandomAffine(),
        RandomAffine(30, 0.2, 0.3, 20, magnitude=0.0),
        RandomCropFlip(0, 0.0),
        HorizontalFlip(0.0),
    ):
        new_X = nothing(X)
        assert torch.equal(new_X, X) and new_X.data_ptr() != X.data_ptr()
    # A shift alone is one of whole pixels, of torchvision's size at most.
    shifted = RandomAffine(translate=0.3)(X)
    assert set(shifted.unique().tolist()) <= {0.0, *X.unique().tolist()}
    right = warp(X, affine_matrices(shift=np.full((2, len(X)), 2.0)))
    assert torch.equal(right[:, :, 2:, 2:], X[:, :, :-2, :-2])
    assert not right[:, :, :2].any() and not right[:, :, :, :2].any()


def test_draws_stay_within_their_ranges_and_fill_them():
    limits = Limits(30, 3, 2, 0.2)
    matrices = draw_matrices(np.tile(limits, (4000, 1)))
    a, b = matrices[:, 0, 0], matrices[:, 0, 1]
    scale, degrees = 1 / np.hypot(a, b), np.degrees(np.arctan2(b, a))
    assert (scale.min(), scale.max()) == pytest.approx((0.8, 1.2), abs=0.01)
    assert (degrees.min(), degrees.max()) == pytest.approx((-30, 30), abs=0.5)
    shift = -np.linalg.solve(matrices[:, :, :2], matrices[:, :, 2:])[..., 0]
    assert shift == pytest.approx(np.rint(shift), abs=1e-9)
    assert np.abs(shift).max(axis=0) == pytest.approx([3, 2])
    # The draws are independent of each other.
    columns = np.stack([scale, degrees, *shift.T])
    assert np.abs(np.corrcoef(columns) - np.eye(4)).max() < 0.06


def test_the_magnitude_is_a_factor_on_ranges_but_not_on_flips():
    half = RandomAffine(40, 0.2, 0.4, 30, flip=0.5, magnitude=0.5).limits(10, 20)
    assert half == pytest.approx(Limits(20, 2, 1, 0.2, 15, 0.5))


def test_rows_keep_their_unit_and_their_type():
    X = torch.rand(6, 1, 8, 8)
    for unit in (1e-30, 1e30):
        torch.manual_seed(1)
        small = RandomAffine(30, 0.1, 0.2, 10)(X)
        torch.manual_seed(1)
        moved = RandomAffine(30, 0.1, 0.2, 10)(unit * X)
        torch.testing.assert_close(moved / unit, small)
    for dtype in (torch.float16, torch.float64, torch.uint8):
        assert RandomAffine(30)((255 * X).to(dtype)).dtype == dtype


def test_what_is_mild():
    assert RandomCropFlip().mild and HorizontalFlip().mild
    assert RandomAffine(10, 0.1, 0.1, flip=0.5).mild
    assert not RandomAffine(10, 0.1, 0.1, magnitude=1.1).mild
    assert not RandomAffine(shear=5).mild and not VerticalFlip().mild


@pytest.mark.parametrize(
    ("transform", "message"),
    [
        (RandomCropFlip(-1), "RandomCropFlip needs padding to be a whole number >= 0"),
        (RandomCropFlip(flip=2), "needs flip to be a number from 0 to 1; got 2"),
        (RandomCropFlip(4), "padding below the sides of the images; got 4 for 4 x 4"),
        (RandomAffine(scale=1), "scale to be a number from 0 to below 1; got 1"),
        (
            RandomAffine(scale=0.5, magnitude=2),
            "scale below 1 .* got 1 and",
        ),
        (RandomAffine(shear=45, magnitude=2), "shear below 90 degrees; got 0 and 90"),
        (HorizontalFlip(1.5), "HorizontalFlip needs strength .* got 1.5"),
    ],
)
def test_bad_parameters(transform, message):
    with refuses(message):
        transform(torch.zeros(2, 1, 4, 4))


@pytest.mark.parametrize("transform", [RandomAffine(10), RandomCropFlip()])
def test_bad_rows(transform):
    with refuses(r"needs images of shape .n, channels, height, width.; got .2, 9."):
        transform(torch.zeros(2, 9))
