r"""Influence: which augmentation lowers the validation loss (D. Lee et al. [1]_).

An influence function predicts what a training row does to the validation loss, and so
what its augmented copies would do, without a training for each. ``last_layer`` computes
influence exactly, through the last linear layer, and ``whole_network`` through all
layers of a small network. ``augmenter`` trains the network F and
lets one of two objects learn from influence: :class:`TransformPolicy` (``policy``)
learns weights for a list of transforms, and :class:`NetworkAugmentation`
(``network_augmentation``) trains the paper's augmentation network.

======================================  ===========================================
paper                                   here
======================================  ===========================================
F, z^tr, z^val                          ``estimator``, ``X``, ``X_val``
F is retrained                          ``estimator_``, on all rows
:math:`s_{val}`                         ``LastLayerInfluence.validation_direction``
:math:`I_{aug}(z, \tilde z) / n`        ``LastLayerInfluence.of_replacement``
:math:`H`, damped by :math:`\delta`     ``damping``
:math:`I_{aug}` (Eq. 15) as objective   ``objective="influence"``
:math:`\tau`, E, G                      :class:`AugmentationNetwork`
RaGAN pretraining                       ``pretrain_steps``
"baseline augmented image"              ``baseline``
======================================  ===========================================

References
----------
.. [1] D. Lee, H. Park, T. Pham, C. D. Yoo, "Learning Augmentation Network via Influence
   Functions", CVPR 2020.
"""

from skaug.influence.augmenter import InfluenceAugmenter
from skaug.influence.code_walk_display import CodeWalkDisplay
from skaug.influence.corrected_display import CorrectedRowsDisplay
from skaug.influence.display import InfluenceRankingDisplay, LeaveOneOutDisplay
from skaug.influence.last_layer import LastLayerInfluence
from skaug.influence.network import AugmentationNetwork
from skaug.influence.network_augmentation import NetworkAugmentation
from skaug.influence.network_training import TrainedNetwork
from skaug.influence.policy import Policy, TransformPolicy
from skaug.influence.softmax_hessian import hessian, hessian_product, softmax_errors
from skaug.influence.views_display import AugmentationGridDisplay
from skaug.influence.whole_network import WholeNetworkInfluence

__all__ = [
    "AugmentationGridDisplay",
    "AugmentationNetwork",
    "CodeWalkDisplay",
    "CorrectedRowsDisplay",
    "InfluenceAugmenter",
    "InfluenceRankingDisplay",
    "LastLayerInfluence",
    "LeaveOneOutDisplay",
    "NetworkAugmentation",
    "Policy",
    "TrainedNetwork",
    "TransformPolicy",
    "WholeNetworkInfluence",
    "hessian",
    "hessian_product",
    "softmax_errors",
]
