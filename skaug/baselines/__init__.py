"""What the papers compare themselves with, to run their tables.

The losses of ISDA's Table 4 are criteria of :class:`~skaug.NetClassifier`: those in
``losses`` look at logits, ``center_loss`` and ``large_margin`` at features as well.
``disturb_label`` has a transform of labels, ``row_losses`` what the losses share.
"""

from skaug.baselines.center_loss import CenterLoss
from skaug.baselines.disturb_label import DisturbLabel
from skaug.baselines.large_margin import LargeMarginLoss
from skaug.baselines.losses import FocalLoss, GeneralizedCrossEntropyLoss

__all__ = [
    "CenterLoss",
    "DisturbLabel",
    "FocalLoss",
    "GeneralizedCrossEntropyLoss",
    "LargeMarginLoss",
]
