"""Learned data augmentation for scikit-learn."""

from skaug.card import (
    ModelCard,
    expected_calibration_error,
    plain_twin,
    report,
    worst_group_accuracy,
)
from skaug.comparison import AugmentationSearchCV
from skaug.hard_regions import (
    CVAEGenerator,
    GaussianGenerator,
    HardPoints,
    HardRegionDisplay,
    HardRegionSampler,
    InterpolationGenerator,
    NeighborGenerator,
    NoiseGenerator,
    PotentialHistogramDisplay,
    ResampledClassifier,
    VAEGenerator,
    auto_radius,
    class_potentials,
    hardness,
    potential,
    potential_grid,
)
from skaug.ihda import ActivationDisplay, IHDAFinetuner, LevelGainDisplay
from skaug.influence import (
    AugmentationGridDisplay,
    InfluenceAugmenter,
    InfluenceRankingDisplay,
    LastLayerInfluence,
    LeaveOneOutDisplay,
    NetworkAugmentation,
    TransformPolicy,
)
from skaug.isda import (
    ClassCovariance,
    ISDAClassifier,
    ISDALogisticRegression,
    ISDALoss,
)
from skaug.net import NetClassifier, PretrainedFeatures, PriorShift
from skaug.refined import (
    BatchAugmentation,
    ManifoldMixup,
    RefineCurveDisplay,
    TableMixup,
)
from skaug.transforms import Cutout

__all__ = [
    "ActivationDisplay",
    "AugmentationGridDisplay",
    "AugmentationSearchCV",
    "BatchAugmentation",
    "CVAEGenerator",
    "ClassCovariance",
    "Cutout",
    "GaussianGenerator",
    "HardPoints",
    "HardRegionDisplay",
    "HardRegionSampler",
    "IHDAFinetuner",
    "ISDAClassifier",
    "ISDALogisticRegression",
    "ISDALoss",
    "InfluenceAugmenter",
    "InfluenceRankingDisplay",
    "InterpolationGenerator",
    "LastLayerInfluence",
    "LeaveOneOutDisplay",
    "LevelGainDisplay",
    "ManifoldMixup",
    "ModelCard",
    "NeighborGenerator",
    "NetClassifier",
    "NetworkAugmentation",
    "NoiseGenerator",
    "PotentialHistogramDisplay",
    "PretrainedFeatures",
    "PriorShift",
    "RefineCurveDisplay",
    "ResampledClassifier",
    "TableMixup",
    "TransformPolicy",
    "VAEGenerator",
    "auto_radius",
    "class_potentials",
    "expected_calibration_error",
    "hardness",
    "plain_twin",
    "potential",
    "potential_grid",
    "report",
    "worst_group_accuracy",
]
