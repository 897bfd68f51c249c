"""Learned data augmentation for scikit-learn."""

from skaug.covariance import ClassCovariance
from skaug.isda import ISDAClassifier, ISDALoss
from skaug.net import NetClassifier

__all__ = ["ClassCovariance", "ISDAClassifier", "ISDALoss", "NetClassifier"]
