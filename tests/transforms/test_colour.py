"""Values of images that change: against torchvision, image by image, and limits."""

import pytest
import torch
from helpers import refuses

from skaug.transforms import (
    Brightness,
    Colour,
    Contrast,
    Equalize,
    Hue,
    Invert,
    Jitter,
    Posterize,
    RandAugment,
    Saturation,
    Solarize,
    pixels,
)
from skaug.transforms.torchvision import v2

F = v2.functional
SHAPES = [(5, 3, 16, 16), (5, 1, 9, 14)]
each_shape = pytest.mark.parametrize("shape", SHAPES)


def by_row(low, high, n=5):
    return torch.rand(n, 1, 1, 1) * (high - low) + low


@each_shape
@pytest.mark.parametrize(
    ("ours", "theirs", "parameters"),
    [
        (pixels.contrasted, F.adjust_contrast, by_row(0, 2)),
        (pixels.saturated, F.adjust_saturation, by_row(0, 2)),
        (pixels.sharpened, F.adjust_sharpness, by_row(0, 2)),
        (pixels.hue_shifted, F.adjust_hue, by_row(-0.5, 0.5)),
        (pixels.solarized, F.solarize, by_row(0, 1)),
        (lambda X, _: pixels.autocontrasted(X), lambda X, _: F.autocontrast(X), None),
        (lambda X, _: pixels.equalized(X), lambda X, _: F.equalize(X), None),
    ],
    ids=str.split("contrast saturation sharpness hue solarize autocontrast equalize"),
)
def test_functions_are_torchvisions_of_each_image(ours, theirs, parameters, shape):
    X = torch.rand(shape).square()  # not yet equalized
    X[0] = 0.3  # grey, of one value
    X[1, :, :2] = X[1, :1, :2]  # grey in part
    parameters = torch.zeros(len(X), 1, 1, 1) if parameters is None else parameters
    new_X = ours(X, parameters)
    for image, parameter, new in zip(X, parameters, new_X):
        expected = theirs(image, parameter.item())
        torch.testing.assert_close(new, expected, atol=2e-6, rtol=0)


@each_shape
def test_bytes_are_posterized_as_bytes_are(shape):
    X = torch.randint(256, shape, dtype=torch.uint8)
    for bits in range(1, 9):
        new_X = pixels.posterized(X / 255, torch.full((len(X), 1, 1, 1), bits))
        expected = F.posterize(X, bits)
        torch.testing.assert_close(new_X, expected / 255, atol=1e-6, rtol=0)


@pytest.mark.parametrize("kind", [Brightness, Contrast, Saturation])
def test_factors_are_as_wide_as_the_strength(kind):
    X = (0.3 + 0.2 * torch.rand(1, 3, 6, 6)).expand(3000, 3, 6, 6)
    other = {
        "Brightness": 0,
        "Contrast": pixels.grey(X).mean(),
        "Saturation": pixels.grey(X),
    }
    away = X - other[kind.__name__]
    changed = kind(0.4)(X) - other[kind.__name__]
    factors = (changed * away).sum(dim=(1, 2, 3)) / away.square().sum(dim=(1, 2, 3))
    assert float(factors.mean()) == pytest.approx(1, abs=0.02)
    assert float(factors.min()) == pytest.approx(0.6, abs=0.02)
    assert float(factors.max()) == pytest.approx(1.4, abs=0.02)


ALL = [
    Brightness,
    Colour,
    Contrast,
    Saturation,
    Hue,
    Posterize,
    Solarize,
    Equalize,
    Invert,
]


@each_shape
@pytest.mark.parametrize("kind", ALL)
def test_limiting_cases(kind, shape):
    X = torch.rand(shape).repeat(20, 1, 1, 1)
    kept = X.clone()
    torch.testing.assert_close(kind(0.0)(X), X, atol=1e-6, rtol=0)
    new_X, y = kind(0.5)(X, "labels")
    assert y == "labels" and torch.equal(X, kept)
    assert new_X.dtype == X.dtype and (new_X >= 0).all() and (new_X <= 1).all()
    if not (shape[1] == 1 and kind in (Saturation, Hue, Colour)):
        # Each row is drawn by itself.
        assert not torch.equal(new_X[:5], new_X[5:10])
    assert kind(0.5)(X.double()).dtype == torch.float64


def test_chances_are_as_asked():
    X = 0.9 * torch.rand(4000, 1, 4, 4)
    for kind in (Invert, Equalize):
        changed = (kind(0.3)(X) != X).flatten(1).any(dim=1)
        assert float(changed.float().mean()) == pytest.approx(0.3, abs=0.03)
    # Each number of lost bits from 0 to 7 is equally likely.
    X = torch.linspace(0, 1, 256).expand(4000, 1, 1, 256)
    levels = torch.tensor([len(row.unique()) for row in Posterize(1.0)(X)[:, 0, 0]])
    shares = levels.bincount()[levels.unique()] / len(X)
    assert levels.unique().tolist() == [2**bits for bits in range(1, 9)]
    assert shares.tolist() == pytest.approx([1 / 8] * 8, abs=0.02)


@pytest.mark.parametrize("shape", [(6, 3, 9, 9), (1, 1, 28, 28)])
def test_images_of_another_range_are_refused(shape):
    X = torch.rand(shape)
    for other in (255 * X, 16 * X, 2 * X - 1, (X - X.mean()) / X.std()):
        for transform in (Invert(1.0), Colour(), RandAugment()):
            with refuses("needs images with numbers from 0 to 1; got .* Divide bytes"):
                transform(other)
    # Noise may come before, in images of black and white too.
    noise = Jitter(0.5, torch.tensor(0.5).expand(shape[1]))
    noisy = noise(noise(X.round()))
    assert noisy.max() > 1.3 and noisy.min() < -0.3
    assert torch.equal(Invert(1.0)(noisy), 1 - noisy)
    assert Invert()(X[:0]).shape == (0, *shape[1:])
    assert Invert()(torch.full_like(X, torch.nan)).isnan().all()


def test_bad_input():
    with refuses("Brightness needs strength to be a number from 0 to 1; got -1"):
        Brightness(-1)(torch.zeros(2, 3, 4, 4))
    with refuses("Hue needs strength to be a number from 0 to 0.5; got 0.6"):
        Hue(0.6)(torch.zeros(2, 3, 4, 4))
    with refuses("Contrast needs images of 1 or 3 channels .* got shape .2, 4, 4, 4."):
        Contrast()(torch.zeros(2, 4, 4, 4))
    with refuses("Invert needs images of 1 or 3 channels .* of torch.uint8"):
        Invert()(torch.zeros(2, 3, 4, 4, dtype=torch.uint8))
    with refuses("Solarize needs images of shape"):
        Solarize()(torch.zeros(2, 4))
