"""torchvision's random transforms, which choose once for a batch, for each row."""

import pytest
import torch

from skaug.transforms import Cutout, Jitter, PerSample
from skaug.transforms.chain import Chain
from skaug.transforms.choices import chosen_by_row, mixes_rows, words_on
from skaug.transforms.torchvision import v2

X = torch.arange(64.0).view(1, 1, 8, 8).expand(64, 1, 8, 8).contiguous() / 64


def n_different(transform):
    torch.manual_seed(0)
    return len(transform(X).flatten(1).unique(dim=0))


@pytest.mark.parametrize(
    "transform",
    [
        v2.RandomCrop(8, padding=2),
        v2.RandomHorizontalFlip(),
        v2.RandomAffine(30),
        v2.RandAugment(),
        v2.TrivialAugmentWide(),
        v2.AutoAugment(),
        v2.ColorJitter(0.5),
        v2.RandomErasing(),
        v2.GaussianBlur(3, (0.1, 3.0)),
        Chain([v2.GaussianBlur(3)]),
        v2.RandomApply([v2.GaussianBlur(3, 1.0)]),
        v2.RandomChoice([v2.RandomCrop(8, padding=2), v2.RandomHorizontalFlip()]),
        v2.Compose([v2.RandomCrop(8, padding=2), v2.Normalize([0.5], [0.5])]),
        v2.Compose([Cutout(1), v2.Compose([v2.RandomRotation(20)])]),
        torch.nn.Sequential(v2.RandomCrop(8, padding=2), v2.Normalize([0.5], [0.5])),
    ],
    ids=lambda transform: type(transform).__name__,
)
def test_each_row_has_a_choice(transform):
    parts = getattr(transform, "transforms", [transform])
    by_row, names = chosen_by_row(transform)
    assert len(names) == 1
    assert n_different(by_row) > 1
    if not isinstance(parts[0], Cutout):
        assert n_different(transform) == 1
    # The given one is as it was.
    assert not any(isinstance(part, PerSample) for part in parts)


@pytest.mark.parametrize(
    "transform",
    [
        None,
        Jitter(),
        torch.sin,
        v2.MixUp(num_classes=3),
        v2.RandomChoice([v2.MixUp(num_classes=3), v2.CutMix(num_classes=3)]),
        v2.RandomApply([Cutout(2)]),
        v2.Normalize([0.5], [0.5]),
        v2.Compose([v2.Resize(4), v2.ToDtype(torch.float32)]),
        v2.RandomHorizontalFlip(1.0),
        v2.RandomInvert(0.0),
        v2.GaussianBlur(3, 1.0),
        v2.JPEG(50),
        v2.RandomShortestSize([6, 8]),
        PerSample(v2.RandomCrop(8)),
        v2.Compose([PerSample(v2.RandomCrop(8)), v2.CutMix(num_classes=3)]),
    ],
    ids=lambda transform: type(transform).__name__,
)
def test_what_stays_as_it_is(transform):
    assert chosen_by_row(transform) == (transform, [])


def test_what_mixes_rows():
    cutmix = v2.CutMix(num_classes=3)
    assert mixes_rows(cutmix) and mixes_rows(v2.Compose([Jitter(), cutmix]))
    assert not mixes_rows(Jitter()) and not mixes_rows(v2.RandomCrop(8))


def test_words():
    words = words_on(["RandomCrop", "AutoAugment", "RandomCrop"], "Test")
    assert words.startswith("Test needs a choice for each row; got torchvision's")
    assert words.endswith("For whole batches there is RandomCropFlip.")
    assert "batches" not in words_on(["AutoAugment"], "Test")
