"""Ranges of numbers: which transforms need one, and images from 0 to 255."""

import numpy as np
import pytest
import torch
from helpers import refuses
from torch import nn

from skaug.influence import Policy
from skaug.transforms import (
    Brightness,
    Cutout,
    Jitter,
    PerSample,
    RandomCropFlip,
    default_transforms,
)
from skaug.transforms.calling import how_to_call, name_of
from skaug.transforms.chain import Chain
from skaug.transforms.ranges import (
    InUnits,
    fitted_to,
    in_units,
    largest_value,
    needs_unit_range,
    range_of,
)
from skaug.transforms.torchvision import v2


def images(*shape):
    X = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    return (255 * X).round() / 255


@pytest.mark.parametrize(
    "transform",
    [
        Brightness(),
        v2.ColorJitter(0.1),
        PerSample(v2.RandAugment()),
        v2.Compose([RandomCropFlip(), v2.RandomApply([v2.TrivialAugmentWide()])]),
        torch.nn.Sequential(v2.RandomInvert()),
        Chain([Jitter(), Brightness()]),
        Policy([Jitter(), Brightness()], [0.5, 0.5]),
    ],
    ids=name_of,
)
def test_transforms_that_need_numbers_from_0_to_1(transform):
    assert needs_unit_range(transform)
    assert not needs_unit_range(fitted_to(255 * images(4, 3, 8, 8), transform, "Test"))


def test_transforms_that_take_any_numbers():
    for transform in (
        None,
        torch.sin,
        Jitter(),
        Cutout(2),
        RandomCropFlip(),
        v2.RandomCrop(8),
        v2.Compose([v2.RandomAffine(10), PerSample(v2.RandomVerticalFlip())]),
    ):
        assert not needs_unit_range(transform)


@pytest.mark.parametrize("kind", [torch.from_numpy, np.asarray])
def test_the_largest_value_is_read_off(kind):
    X = images(5, 3, 4, 4).numpy()
    assert largest_value(kind(X), "colours", "Test") == 1
    assert largest_value(kind(X * 0), "colours", "Test") == 1
    assert largest_value(kind(X + 1e-7), "colours", "Test") == 1  # rounding
    assert largest_value(kind(255 * X), "colours", "Test") == 255
    assert largest_value(kind(np.uint8(255 * X)), "colours", "Test") == 255
    assert largest_value(kind(np.uint8(9 * X)), "colours", "Test") == 255  # dark
    start = "Test needs images with numbers from 0 to 1, or from 0 to 255, "
    for other in ((X - X.mean()) / X.std(), X * np.nan):
        with refuses(f"{start}.* Augment before you standardise"):
            largest_value(kind(other), "colours", "Test")
    for other in (65535 * X, 1.01 * X, 16 * X, 127 * X):
        assert range_of(kind(other)) is None
        with refuses(f"{start}for colours; got 0 to .* Divide X by"):
            largest_value(kind(other), "colours", "Test")


def test_only_images_are_looked_at():
    table = torch.randn(5, 3)
    assert isinstance(fitted_to(table, Brightness(), "Test"), Brightness)
    with refuses("for Brightness; got -.*Augment before you standardise"):
        fitted_to(torch.randn(5, 3, 8, 8), Brightness(), "Test")


def still(X):
    """Do nothing to numbers from 0 to 1."""
    assert X.min() >= 0 and 0.4 < X.max() <= 1
    return X.clone()


still.value_range = (0, 1)
FILLS = [
    v2.Compose([still, v2.RandomErasing(1.0, value=127)]),
    v2.RandomApply([still, v2.RandomErasing(1.0, value=127)], p=1.0),
    PerSample(v2.Compose([still, v2.RandomErasing(1.0, value=127)])),
    PerSample(v2.Compose([nn.Sequential(v2.RandomErasing(1.0, value=127)), still])),
    nn.Sequential(v2.RandomInvert(1.0), v2.RandomErasing(1.0, value=127)),
    Chain([still, Cutout(4, fill=127.0)]),
    Policy([still, Cutout(4, fill=127.0)], [0.5, 0.5], 8, 1.0),
]


@pytest.mark.parametrize("transform", FILLS, ids=name_of)
def test_what_stands_beside_it_gets_images_as_they_are(transform):
    # Black and white, and squares of grey.
    X = 255 * images(40, 3, 8, 8).round()
    ready = in_units(transform, 255.0)
    assert set(ready(X).unique().tolist()) == {0, 127, 255}
    assert in_units(transform, 1.0) is transform
    assert needs_unit_range(transform) and not needs_unit_range(ready)


def test_what_is_not_known_is_scaled_as_a_whole():
    class Both:
        transforms = [Brightness(0.0), Jitter(0.0)]

        def __call__(self, X):
            assert X.max() <= 1
            return X

    X = 255 * images(4, 3, 8, 8)
    torch.testing.assert_close(in_units(Both(), 255.0)(X), X)


def test_bytes_stay_bytes_and_labels_go_through():
    def mixing(X, y, n_classes):
        return 1 - X, y + n_classes

    X, y = (255 * images(4, 3, 8, 8)).to(torch.uint8), torch.arange(4)
    scaled = InUnits(mixing)
    assert how_to_call(scaled) == (True, ("n_classes",))
    new_X, new_y = scaled(X, y, n_classes=3)
    assert torch.equal(new_X, 255 - X) and torch.equal(new_y, y + 3)
    new_X, new_y = InUnits(v2.RandomInvert(1.0))(X, y)
    assert torch.equal(new_X, 255 - X) and new_y is y


@pytest.mark.parametrize("channels", [1, 3])
def test_the_list_does_the_same_to_bytes(channels):
    X = images(40, channels, 12, 12)
    lists = default_transforms(X), default_transforms(255 * X)
    for (name, strength, ours), (other_name, other, of_bytes) in zip(*lists):
        assert (name, strength) == (other_name, other)
        torch.manual_seed(0)
        new_X = ours(X)
        torch.manual_seed(0)
        torch.testing.assert_close(
            of_bytes(255 * X) / 255, new_X, atol=2e-6, rtol=0, msg=name
        )


def test_policies_do_the_same_to_bytes():
    X = images(60, 3, 12, 12)
    moved = []
    for largest in (1, 255):
        transforms = [t for *_, t in default_transforms(largest * X)]
        policy = Policy(transforms, torch.ones(len(transforms)), n_transforms=3)
        torch.manual_seed(0)
        moved.append(policy(largest * X) / largest)
    torch.testing.assert_close(*moved, atol=2e-6, rtol=0)


def test_standardised_images_have_no_list():
    X = images(40, 3, 8, 8)
    with refuses("default_transforms needs images .* got -0.5 to 0.5. Augment before"):
        default_transforms(X - 0.5)
    # Four channels have no colours.
    assert default_transforms(torch.randn(10, 4, 8, 8))
