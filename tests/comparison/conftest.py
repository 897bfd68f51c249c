"""A small task and small budgets."""

import numpy as np
import pytest
from sklearn.datasets import load_iris

from skaug.comparison import Budgets, Task


@pytest.fixture(scope="package")
def budgets():
    return Budgets(plain=(4, 8), augmented=(6, 10), decays=(0.0, 0.5), refused=4)


@pytest.fixture(scope="package")
def task():
    X, y = load_iris(return_X_y=True)
    X = X + np.random.default_rng(0).normal(size=X.shape)  # nobody is always right
    return Task("iris", X.astype(np.float32), y, n_rows=60, n_seeds=2)


@pytest.fixture(scope="package")
def drawn(task):
    return task.draw(seed=0)
