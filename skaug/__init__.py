"""Learned data augmentation for scikit-learn."""

from skaug.augmenter import InfluenceAugmenter
from skaug.augmenter_display import AugmentationGridDisplay
from skaug.batch_augmentation import BatchAugmentation
from skaug.covariance import ClassCovariance
from skaug.display import HardRegionDisplay, PotentialHistogramDisplay
from skaug.hard_region import HardRegionSampler
from skaug.ihda import IHDAFinetuner
from skaug.influence import LastLayerInfluence
from skaug.influence_display import InfluenceRankingDisplay, LeaveOneOutDisplay
from skaug.isda import ISDAClassifier, ISDALoss
from skaug.level_display import ActivationDisplay, LevelGainDisplay
from skaug.mixing import ManifoldMixup, TableMixup
from skaug.model_card import ModelCard
from skaug.net import NetClassifier
from skaug.potentials import auto_radius, class_potentials, potential, potential_grid
from skaug.refine_display import RefineCurveDisplay
from skaug.reporting import report
from skaug.resample import ResampledClassifier
from skaug.scores import expected_calibration_error, worst_group_accuracy
from skaug.transforms import Cutout
from skaug.twin import plain_twin

__all__ = [
    "ActivationDisplay",
    "AugmentationGridDisplay",
    "BatchAugmentation",
    "ClassCovariance",
    "Cutout",
    "HardRegionDisplay",
    "HardRegionSampler",
    "IHDAFinetuner",
    "ISDAClassifier",
    "ISDALoss",
    "InfluenceAugmenter",
    "InfluenceRankingDisplay",
    "LastLayerInfluence",
    "LeaveOneOutDisplay",
    "LevelGainDisplay",
    "ManifoldMixup",
    "ModelCard",
    "NetClassifier",
    "PotentialHistogramDisplay",
    "RefineCurveDisplay",
    "ResampledClassifier",
    "TableMixup",
    "auto_radius",
    "class_potentials",
    "expected_calibration_error",
    "plain_twin",
    "potential",
    "potential_grid",
    "report",
    "worst_group_accuracy",
]
