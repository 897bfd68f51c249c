"""Ratner's frequencies: what destroys rows is drawn rarely, and what is real often."""

import torch

from ratner import mean_field_policy
from skaug.transforms import HorizontalFlip


class Noise:
    """Nothing of the row is left."""

    def __call__(self, X):
        return torch.randn_like(X)


def images(n=200):
    """Bright columns, which mirrored are images of the same kind."""
    torch.manual_seed(0)
    X = 0.1 * torch.rand(n, 1, 8, 8)
    X[torch.arange(n), :, :, torch.randint(8, (n,))] += 1
    return X


def test_what_looks_real_is_drawn_more_often():
    transforms = [HorizontalFlip(1.0), Noise()]
    policy = mean_field_policy(transforms, images(), steps=60, distance=0.0)
    assert policy.weights[0] > 0.9
    X, before = images(), torch.get_rng_state()
    same = mean_field_policy(transforms, X, steps=60, distance=0.0)
    assert torch.equal(policy.weights, same.weights)
    assert torch.equal(before, torch.get_rng_state())


def test_the_distance_is_for_what_changes_rows():
    transforms = [HorizontalFlip(0.0), HorizontalFlip(1.0)]
    settings = {"steps": 60, "n_transforms": 1}  # two flips would be none
    policy = mean_field_policy(transforms, images(), distance=5.0, **settings)
    assert policy.weights[1] > 0.8
