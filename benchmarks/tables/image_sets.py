"""CIFAR for the tables, standardised; in a smoke test, digits of scikit-learn.

CIFAR-10 is read from files, if ``benchmarks/data.py`` finds any. Otherwise torchvision
reads CIFAR-10 and CIFAR-100 from a folder, or fetches them into it.
"""

from functools import cache

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.utils import Bunch

import search_path  # noqa: F401
from data import data_folder, load
from skaug.transforms.torchvision import torchvision

CIFAR = {
    "cifar10": torchvision.datasets.CIFAR10,
    "cifar100": torchvision.datasets.CIFAR100,
}


def images_of(name, options):
    """Training images and test images, (n, 3, height, width), and their labels.

    Each channel has mean 0 and deviation 1 in training; ``mean`` and ``scale`` are
    those of pixels from 0 to 1.
    """
    return _standardised(None if options.smoke else name, options.data)


@cache
def _standardised(name, folder):
    images = _digits() if name is None else _cifar(name, folder)
    axes = 0, 2, 3
    mean, scale = images.X.mean(axes), images.X.std(axes)
    for part in ("X", "X_test"):
        images[part] = (images[part] - mean[:, None, None]) / scale[:, None, None]
    return Bunch(**images, mean=mean, scale=scale, n_classes=len(np.unique(images.y)))


def _cifar(name, folder):
    if name == "cifar10" and data_folder():
        data = load(name)
        return Bunch(
            X=data.X_train, y=data.y_train, X_test=data.X_test, y_test=data.y_test
        )
    found = Bunch()
    for end, train in (("", True), ("_test", False)):
        part = CIFAR[name](folder, train=train, download=True)
        found[f"X{end}"] = part.data.transpose(0, 3, 1, 2).astype(np.float32) / 255
        found[f"y{end}"] = np.array(part.targets)
    return found


def _digits():
    """A few real images that are always at hand, in three equal channels."""
    X, y = load_digits(return_X_y=True)
    X = np.repeat(X.reshape(-1, 1, 8, 8), 3, axis=1).astype(np.float32) / 16
    parts = train_test_split(
        X, y, train_size=200, test_size=50, random_state=0, stratify=y
    )
    return Bunch(**dict(zip(("X", "X_test", "y", "y_test"), parts)))
