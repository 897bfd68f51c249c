r"""Refined augmentation: off for the last epochs (Z. He et al. [1]_).

Intensive augmentation (mixup, CutMix, AutoAugment) keeps a network from fitting what
does not generalise, and also moves the training data away from the real ones. Refined
augmentation trains on augmented batches first, and for the last epochs on clean ones at
a small, constant learning rate. Here it is a callback for any skorch net.

======================================  ===========================================
paper                                   here
======================================  ===========================================
:math:`g`, the augmentation             ``transform``
:math:`T_1 + T_2`, all epochs           the net's ``max_epochs``
:math:`T_2`, refinement                 ``refine_epochs``
"a reasonably small value"              ``refine_lr``
"standard augmentation" kept for        ``refine_transform``
refinement
refinement after augmented training     :func:`~skaug.refine`
probability of CutMix                   ``probability``
======================================  ===========================================

References
----------
.. [1] Z. He, L. Xie, X. Chen, Y. Zhang, Y. Wang, Q. Tian, "Data Augmentation Revisited:
   Rethinking the Distribution Gap between Clean and Augmented Data", arXiv:1909.09148.
"""

from skaug.refined.analysis import augmentation_risks, variance_regularization
from skaug.refined.callback import BatchAugmentation
from skaug.refined.display import RefineCurveDisplay
from skaug.refined.error_display import ErrorCurveDisplay, error_summary
from skaug.refined.finished import refine
from skaug.refined.held_out import HeldOutAccuracy
from skaug.refined.landscape_display import LossLandscapeDisplay
from skaug.refined.mixing import ManifoldMixup, TableMixup, unmix
from skaug.refined.spectrum_display import FeatureSpectrumDisplay
from skaug.refined.sweep_display import RefineSweepDisplay

__all__ = [
    "BatchAugmentation",
    "ErrorCurveDisplay",
    "FeatureSpectrumDisplay",
    "HeldOutAccuracy",
    "LossLandscapeDisplay",
    "ManifoldMixup",
    "RefineCurveDisplay",
    "RefineSweepDisplay",
    "TableMixup",
    "augmentation_risks",
    "error_summary",
    "refine",
    "unmix",
    "variance_regularization",
]
