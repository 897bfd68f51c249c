"""Rows that the tests of influence share."""

import numpy as np
import pytest
from sklearn.datasets import make_classification


@pytest.fixture(scope="module")
def rows():
    X, y = make_classification(
        n_samples=300, n_features=10, n_informative=6, n_classes=3, random_state=0
    )
    return np.float32(X), y
