"""RandAugment and TrivialAugment: operations and ranges against torchvision's."""

import numpy as np
import pytest
import torch
from helpers import refuses

from skaug.transforms import RandAugment, TrivialAugment
from skaug.transforms.rand_augment import BINS, OPERATIONS, SIGNED, operated
from skaug.transforms.torchvision import v2

F = v2.functional
THEIRS = {
    "ShearX": "shear x",
    "ShearY": "shear y",
    "TranslateX": "translate x",
    "TranslateY": "translate y",
    "AutoContrast": "autocontrast",
    "Color": "colour",
}
KINDS = [(RandAugment, v2.RandAugment), (TrivialAugment, v2.TrivialAugmentWide)]


def ours_for(name):
    return OPERATIONS.index(THEIRS.get(name, name.lower()))


@pytest.mark.parametrize(("ours", "theirs"), KINDS)
def test_the_operations_and_their_ranges_are_torchvisions(ours, theirs):
    n = 20_000
    space = theirs._AUGMENTATION_SPACE
    assert sorted(map(ours_for, space)) == list(range(len(OPERATIONS)))
    operations, sizes = next(ours()._draws(n, 20, 30))
    counts = np.bincount(operations, minlength=len(OPERATIONS))
    assert counts == pytest.approx(n / len(OPERATIONS), rel=0.12)
    for name, (magnitudes, signed) in space.items():
        expected = magnitudes(BINS, 20, 30)
        expected = torch.zeros(1) if expected is None else expected.double()
        if ours is RandAugment and len(expected) > 1:
            expected = expected[9:10]
        found = sizes[operations == ours_for(name)]
        assert signed == (OPERATIONS[ours_for(name)] in SIGNED)
        if signed:
            assert (found < 0).mean() == pytest.approx(0.5, abs=0.06)
        found = np.unique(np.abs(found).round(5))
        assert found == pytest.approx(np.unique(expected.numpy().round(5)), abs=1e-5)


@pytest.mark.parametrize("shape", [(6, 3, 16, 16), (6, 1, 20, 14)])
@pytest.mark.parametrize("name", v2.RandAugment._AUGMENTATION_SPACE)
def test_operations_are_torchvisions_of_each_image(name, shape):
    X = (torch.rand(shape).square() * 255).round() / 255
    magnitudes, signed = v2.TrivialAugmentWide._AUGMENTATION_SPACE[name]
    magnitudes = magnitudes(BINS, *shape[2:])
    magnitudes = torch.zeros(BINS) if magnitudes is None else magnitudes
    sizes = magnitudes[[0, 3, 9, 14, 23, 30]].double().numpy()
    if signed:
        sizes[::2] *= -1
    new_X = operated(X, np.full(len(X), ours_for(name)), sizes)
    theirs = v2.RandAugment()
    for image, size, new in zip(X, sizes, new_X):
        # Posterize is one of bytes: torchvision's for floats has other levels.
        given = (255 * image).round().byte() if name == "Posterize" else image
        expected = theirs._apply_image_or_video_transform(
            given, name, float(size), v2.InterpolationMode.NEAREST, theirs._fill
        )
        expected = expected / 255 if name == "Posterize" else expected
        # The nearest pixel of a place between two is a matter of rounding.
        same = torch.isclose(new, expected, atol=2e-6, rtol=0)
        assert same.float().mean() > (
            0.96 if name[:5] in ("Shear", "Rotat") else 0.9999
        )


def test_limiting_cases():
    X = torch.rand(40, 3, 12, 12)
    assert torch.equal(RandAugment(n_transforms=0)(X), X)
    for transform in (RandAugment(3, 20), TrivialAugment()):
        new_X, y = transform(X, "labels")
        assert y == "labels" and new_X.shape == X.shape and not transform.mild
        assert (new_X >= 0).all() and (new_X <= 1).all()
        assert not torch.equal(new_X, X)
    # A vertical line that is sheared keeps its pixel in the upper left corner.
    line = torch.zeros(1, 1, 8, 8)
    line[..., 0] = 1
    sheared = operated(line, np.array([OPERATIONS.index("shear x")]), np.array([-1.0]))
    assert sheared[0, 0].diagonal().all() and not sheared[0, 0].tril(-1).any()
    assert len(list(RandAugment(3)._draws(4, 8, 8))) == 3


def test_bad_parameters():
    with refuses(
        "RandAugment needs magnitude to be a whole number from 0 to 30; got 31"
    ):
        RandAugment(magnitude=31)(torch.zeros(2, 3, 4, 4))
    with refuses("TrivialAugment needs images of 1 or 3 channels"):
        TrivialAugment()(torch.zeros(2, 2, 4, 4))
