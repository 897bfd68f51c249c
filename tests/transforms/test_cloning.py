"""Objects that hold torchvision's transforms can be cloned and searched over."""

import copy
import pickle

import pytest
import torch
from sklearn.base import clone

from skaug import BatchAugmentation, NetworkAugmentation, TransformPolicy
from skaug.transforms import Jitter, PerSample
from skaug.transforms.chain import Chain
from skaug.transforms.torchvision import v2

affine = v2.RandomAffine(10)  # which has a get_params of its own


@pytest.mark.parametrize(
    "holder",
    [
        PerSample(affine),
        NetworkAugmentation(PerSample(affine)),
        TransformPolicy([affine, ("affine", 10, affine)]),
        BatchAugmentation(affine, refine_transform=Jitter(0.3)),
    ],
)
def test_clones_and_parameters(holder):
    copied = clone(holder)
    assert type(copied) is type(holder) and affine not in vars(copied).values()
    assert set(copied.get_params()) == set(holder.get_params())
    if isinstance(holder, BatchAugmentation):
        assert holder.get_params()["refine_transform__strength"] == 0.3
        assert copied.set_params(refine_transform__strength=0.1)
    images = torch.rand(3, 1, 8, 8)
    if isinstance(holder, PerSample):
        assert copied(images).shape == images.shape


def test_pickles_open_the_door_only_where_they_have_to():
    # What a pickle reads first, before any class of torchvision's.
    door = b"skaug.transforms.torchvision"
    for holder in (
        PerSample(affine),
        BatchAugmentation(affine),
        TransformPolicy([("affine", 10, affine)]),
        Chain([Jitter(), PerSample(affine)]),
    ):
        text = pickle.dumps(holder)
        assert 0 < text.index(door) < text.index(b"torchvision.transforms.v2")
        assert type(copy.deepcopy(holder)) is type(pickle.loads(text)) is type(holder)
    for holder in (BatchAugmentation(Jitter()), Chain([Jitter()])):
        assert door not in pickle.dumps(holder)
