"""Learned data augmentation for scikit-learn."""

from skaug.covariance import ClassCovariance
from skaug.display import HardRegionDisplay, PotentialHistogramDisplay
from skaug.hard_region import HardRegionSampler
from skaug.ihda import IHDAFinetuner
from skaug.isda import ISDAClassifier, ISDALoss
from skaug.level_display import ActivationDisplay, LevelGainDisplay
from skaug.net import NetClassifier
from skaug.potentials import auto_radius, class_potentials, potential, potential_grid
from skaug.resample import ResampledClassifier

__all__ = [
    "ActivationDisplay",
    "ClassCovariance",
    "HardRegionDisplay",
    "HardRegionSampler",
    "IHDAFinetuner",
    "ISDAClassifier",
    "ISDALoss",
    "LevelGainDisplay",
    "NetClassifier",
    "PotentialHistogramDisplay",
    "ResampledClassifier",
    "auto_radius",
    "class_potentials",
    "potential",
    "potential_grid",
]
