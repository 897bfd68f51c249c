"""Shared fixtures: real data where it is on the disk, small problems elsewhere."""

import os
import sys

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits, make_classification

from data import data_folder, har_table, load

# Two workers on two cores; the environment variable reaches joblib's processes too.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")
torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def no_figure_stays_open():
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


def _real(name):
    if data_folder() is None:
        pytest.skip(f"{name} is neither in $SKAUG_DATA nor in ../shared/data")
    return load(name)


@pytest.fixture(scope="session")
def har():
    """UCI HAR raw signals, 1,000 training windows of all training subjects."""
    data = _real("har")
    rows = np.random.default_rng(0).permutation(len(data.y_train))[:1000]
    return data.X_train[rows], data.y_train[rows], data.subject_train[rows]


@pytest.fixture(scope="session")
def har_features(har):
    """The same windows as a table of spectra."""
    X, y, subject = har
    return har_table(X), y, subject


@pytest.fixture(scope="session")
def digits():
    """Scikit-learn's digits as a table, 600 rows."""
    X, y = load_digits(return_X_y=True)
    return X[:600].astype(np.float32), y[:600]


@pytest.fixture
def table():
    """A small three-class table."""
    return make_classification(
        n_samples=150,
        n_features=8,
        n_informative=6,
        n_classes=3,
        class_sep=2.0,
        random_state=0,
    )


@pytest.fixture
def segments():
    """Seven segments of six channels."""
    return np.random.default_rng(0).normal(size=(7, 6, 100)).astype(np.float32)
