"""Functions of a batch that keep the label, for tables, signals and images.

``rows`` has transforms of rows of any kind, ``images`` those of images, ``lists`` what
there is to choose from for each kind of rows, and ``torchvision`` is the door to
torchvision's own. A transform of your own is a function of a batch X of shape (n, ...),
or of X and y; ``calling`` says how it is called and what it has to return.
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
