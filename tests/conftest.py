"""Shared fixtures: real data inside the packages, and small problems.

What takes long to import is imported where it is used: pytest-xdist reads this file in
a process that runs no tests, and starts its workers only after that.
"""

import os
import signal
import sys

import numpy as np
import pytest
from hypothesis import settings

# Two workers on two cores; the environment variable reaches joblib's processes too.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")
# The first call of a function may load much, and how fast others are is no test.
settings.register_profile("skaug", deadline=None)
settings.load_profile("skaug")


def pytest_collection_modifyitems():
    import torch

    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def no_figure_stays_open():
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


@pytest.fixture
def ctrl_c():
    """Let SIGINT raise KeyboardInterrupt, as where a person can press Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def har():
    """UCI HAR raw signals, 1,000 windows of 30 people, shuffled."""
    from skaug.datasets import load_har

    data = load_har()
    rows = np.random.default_rng(0).permutation(len(data.target))[:1000]
    return data.data[rows], data.target[rows], data.subject[rows]


@pytest.fixture(scope="session")
def har_features(har):
    """The same windows as a table of spectra."""
    from data import har_table

    X, y, subject = har
    return har_table(X), y, subject


@pytest.fixture(scope="session")
def digits():
    """Scikit-learn's digits as a table, 600 rows."""
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    return X[:600].astype(np.float32), y[:600]


@pytest.fixture
def table():
    """A small three-class table."""
    from sklearn.datasets import make_classification

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
