"""What the papers compare themselves with, to run their tables.

``networks`` has the networks of the tables, made of ``blocks``, ``dense`` and
``shaking``; ``recipes`` has how each paper trains them.
"""

from skaug.baselines.networks import (
    AllConvNet,
    DenseNet,
    PreActResNet18,
    PyramidNet,
    ResNet,
    ResNeXt,
    SEResNet,
    ShakeShake,
    WideResNet,
)
from skaug.baselines.recipes import recipe

__all__ = [
    "AllConvNet",
    "DenseNet",
    "PreActResNet18",
    "PyramidNet",
    "ResNeXt",
    "ResNet",
    "SEResNet",
    "ShakeShake",
    "WideResNet",
    "recipe",
]
