"""Learned data augmentation for scikit-learn."""

from skaug.covariance import ClassCovariance
from skaug.isda import ISDAClassifier, ISDALoss
from skaug.net import NetClassifier
from skaug.potentials import auto_radius, class_potentials, potential, potential_grid

__all__ = [
    "ClassCovariance",
    "ISDAClassifier",
    "ISDALoss",
    "NetClassifier",
    "auto_radius",
    "class_potentials",
    "potential",
    "potential_grid",
]
