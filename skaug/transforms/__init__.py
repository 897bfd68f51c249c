"""Functions of a batch that keep the label, for tables, signals and images.

``rows`` has transforms of rows of any kind and ``images`` has those of images: a new
transform goes into one of these two. ``lists`` has the transforms that a policy chooses
from, for each kind of rows. ``torchvision`` is the door to torchvision's transforms. A
user's transform is a function of a batch X of shape (n, ...), or of X and y, which
``calling`` calls, and whose result ``calling`` checks.
"""

from skaug.transforms.images import Cutout, PerSample
from skaug.transforms.lists import baseline_transform, default_transforms
from skaug.transforms.rows import (
    ChannelDropout,
    Jitter,
    SameClassInterpolation,
    Scaling,
    SensorRotation,
    TimeWarp,
)

__all__ = [
    "ChannelDropout",
    "Cutout",
    "Jitter",
    "PerSample",
    "SameClassInterpolation",
    "Scaling",
    "SensorRotation",
    "TimeWarp",
    "baseline_transform",
    "default_transforms",
]
