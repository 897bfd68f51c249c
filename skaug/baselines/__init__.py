"""What the papers compare themselves with, to run their tables.

``networks`` has the networks of the tables, made of ``blocks``, ``dense`` and
``shaking``; ``recipes`` has how each paper trains them.

The losses of ISDA's Table 4 are criteria of :class:`~skaug.NetClassifier`: those in
``losses`` look at logits, ``center_loss`` and ``large_margin`` at features as well.
``disturb_label`` has a transform of labels, ``row_losses`` what the losses share.

``gans`` has the rival generators of ISDA's Table 4, made of ``gan_networks`` and
``gan_losses``; ``generated_rows`` puts what they generate into training batches.
"""

from skaug.baselines.center_loss import CenterLoss
from skaug.baselines.disturb_label import DisturbLabel
from skaug.baselines.gans import (
    AuxiliaryClassifierGAN,
    ConditionalGAN,
    InfoGAN,
    WassersteinGAN,
)
from skaug.baselines.generated_rows import GeneratedRows
from skaug.baselines.large_margin import LargeMarginLoss
from skaug.baselines.losses import FocalLoss, GeneralizedCrossEntropyLoss
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
    "AuxiliaryClassifierGAN",
    "CenterLoss",
    "ConditionalGAN",
    "DenseNet",
    "DisturbLabel",
    "FocalLoss",
    "GeneralizedCrossEntropyLoss",
    "GeneratedRows",
    "InfoGAN",
    "LargeMarginLoss",
    "PreActResNet18",
    "PyramidNet",
    "ResNeXt",
    "ResNet",
    "SEResNet",
    "ShakeShake",
    "WassersteinGAN",
    "WideResNet",
    "recipe",
]
