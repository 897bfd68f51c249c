"""Learned data augmentation for scikit-learn."""

from skaug.covariance import ClassCovariance
from skaug.display import HardRegionDisplay, PotentialHistogramDisplay
from skaug.hard_region import HardRegionSampler
from skaug.ihda import IHDAFinetuner
from skaug.isda import ISDAClassifier, ISDALoss
from skaug.net import NetClassifier
from skaug.potentials import auto_radius, class_potentials, potential, potential_grid
from skaug.resample import ResampledClassifier

__all__ = [
    "ClassCovariance",
    "HardRegionDisplay",
    "HardRegionSampler",
    "IHDAFinetuner",
    "ISDAClassifier",
    "ISDALoss",
    "NetClassifier",
    "PotentialHistogramDisplay",
    "ResampledClassifier",
    "auto_radius",
    "class_potentials",
    "potential",
    "potential_grid",
]
