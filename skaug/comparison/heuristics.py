"""Augmentation by hand, by name: what suits tables, signals and images."""

from skaug.transforms.chain import Chain
from skaug.transforms.geometry import RandomAffine, RandomCropFlip
from skaug.transforms.rows import Jitter, Scaling, SensorRotation, TimeWarp

__all__ = ["HEURISTICS", "heuristic", "heuristics_for", "heuristics_of"]


def warps(setup):
    """Chain the transforms of signals; sensors of three axes are rotated, too."""
    chain = [TimeWarp(), Scaling(), Jitter()]
    if setup.shape[0] % 3 == 0:
        chain.insert(2, SensorRotation())
    return Chain(chain)


def crop_and_flip(setup):
    """Shift images by an eighth of their sides at most, and flip half of them."""
    return RandomCropFlip(padding=max(1, setup.shape[-1] // 8))


# Augmentation by hand, by name.
HEURISTICS = {
    "crop and flip": crop_and_flip,
    "affine": lambda s: RandomAffine(degrees=15, translate=0.1, scale=0.1, shear=10),
    "small affine and flip": lambda s: RandomAffine(
        translate=0.05, scale=0.05, flip=0.5
    ),
    "warps": warps,
    "jitter": lambda s: Jitter(),
}


def heuristics_for(kind):
    """Names of the heuristics that take rows of a kind."""
    own = {"table": ("jitter",), "signals": ("warps", "jitter")}
    return own.get(kind, tuple(name for name in HEURISTICS if name != "warps"))


def heuristics_of(setup):
    """Names of the heuristics to choose from: those known to suit, or all that may."""
    if setup.heuristic is not None:
        return [setup.heuristic]
    return [["jitter"], ["warps"], ["crop and flip", "affine"]][len(setup.shape) - 1]


def heuristic(setup, name):
    """Make a transform by its name."""
    return HEURISTICS[name](setup)
