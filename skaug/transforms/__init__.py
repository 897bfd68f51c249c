"""Functions of a batch that keep the label, for tables, signals and images.

``rows`` has transforms of rows of any kind. Those of images are in ``geometry`` (pixels
move, by the matrices of ``warp``), ``colour`` (values change, by the functions of
``pixels``) and ``images``; ``rand_augment`` has two published augmentations made of the
same operations. ``lists`` has the transforms that a policy chooses from, for
each kind of rows. ``torchvision`` is the door to torchvision's transforms. A user's
transform is a function of a batch X of shape (n, ...), or of X and y, which ``calling``
calls, and whose result ``calling`` checks.
"""

from skaug.transforms.colour import (
    Brightness,
    Colour,
    Contrast,
    Equalize,
    Hue,
    Invert,
    Posterize,
    Saturation,
    Solarize,
)
from skaug.transforms.geometry import (
    HorizontalFlip,
    RandomAffine,
    RandomCropFlip,
    VerticalFlip,
)
from skaug.transforms.images import Cutout, PerSample
from skaug.transforms.lists import baseline_transform, default_transforms
from skaug.transforms.rand_augment import RandAugment, TrivialAugment
from skaug.transforms.rows import (
    ChannelDropout,
    Jitter,
    SameClassInterpolation,
    Scaling,
    SensorRotation,
    TimeWarp,
)

__all__ = [
    "Brightness",
    "ChannelDropout",
    "Colour",
    "Contrast",
    "Cutout",
    "Equalize",
    "HorizontalFlip",
    "Hue",
    "Invert",
    "Jitter",
    "PerSample",
    "Posterize",
    "RandAugment",
    "RandomAffine",
    "RandomCropFlip",
    "SameClassInterpolation",
    "Saturation",
    "Scaling",
    "SensorRotation",
    "Solarize",
    "TimeWarp",
    "TrivialAugment",
    "VerticalFlip",
    "baseline_transform",
    "default_transforms",
]
