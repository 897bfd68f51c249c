"""Learned data augmentation for scikit-learn."""

from skaug._versions import show_versions
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
    LabelDoubtsDisplay,
    NeighborGenerator,
    NoiseGenerator,
    PotentialHistogramDisplay,
    ResampledClassifier,
    VAEGenerator,
    auto_radius,
    class_potentials,
    error_doubts,
    hardness,
    potential,
    potential_grid,
    suspicious_labels,
)
from skaug.ihda import (
    ActivationDisplay,
    IHDAFinetuner,
    LevelAblationDisplay,
    LevelGainDisplay,
    LevelTuningDisplay,
    SkipCurveDisplay,
)
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
    refine,
)
from skaug.saving import load, save
from skaug.transforms import Cutout

__version__ = "0.2.0"

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
    "LabelDoubtsDisplay",
    "LastLayerInfluence",
    "LeaveOneOutDisplay",
    "LevelAblationDisplay",
    "LevelGainDisplay",
    "LevelTuningDisplay",
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
    "SkipCurveDisplay",
    "TableMixup",
    "TransformPolicy",
    "VAEGenerator",
    "auto_radius",
    "class_potentials",
    "error_doubts",
    "expected_calibration_error",
    "hardness",
    "load",
    "plain_twin",
    "potential",
    "potential_grid",
    "refine",
    "report",
    "save",
    "show_versions",
    "suspicious_labels",
    "worst_group_accuracy",
]
