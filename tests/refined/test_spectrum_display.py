"""Spectra of features."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from helpers import refuses
from sklearn.linear_model import LogisticRegression
from torch import nn

from skaug import NetClassifier
from skaug.refined import FeatureSpectrumDisplay


class Planted(nn.Module):
    """Features are the rows: a last layer alone."""

    def __init__(self, n_features, n_classes):
        super().__init__()
        self.head = nn.Linear(n_features, n_classes)

    def forward(self, X):
        return self.head(X)


@pytest.fixture
def planted():
    """Two classes 6 apart along one axis, each spread along two others of ten."""
    rng = np.random.default_rng(0)
    axes = np.linalg.qr(rng.normal(size=(10, 10)))[0]
    y = np.repeat([0, 1], 200)
    X = rng.normal(size=(400, 2)) @ (np.array([[3.0], [1.0]]) * axes[1:3])
    return (X + 6 * y[:, None] * axes[0]).astype(np.float32), y


def test_spectra_have_the_planted_rank_and_sizes(planted):
    X, y = planted
    net = NetClassifier(Planted, max_epochs=1).fit(X, y)
    display = FeatureSpectrumDisplay.from_estimators({"net": net}, X, y)
    within, overall = display.within["net"], display.overall["net"]
    assert (within > 1e-6).sum() == 2 and (overall > 1e-6).sum() == 3
    np.testing.assert_allclose(within[:2], [9, 1], rtol=0.15)
    means = np.array([X[y == code].mean(axis=0) for code in (0, 1)])
    covariance = np.cov((X - means[y]).T.astype(np.float64), bias=True)
    expected = np.linalg.eigvalsh(covariance)[::-1]
    np.testing.assert_allclose(within, expected, atol=1e-6)
    covariance = np.cov(X.T.astype(np.float64), bias=True)
    np.testing.assert_allclose(overall, np.linalg.eigvalsh(covariance)[::-1], atol=1e-6)


def test_several_nets_in_one_picture(planted):
    X, y = planted
    nets = {
        name: NetClassifier(max_epochs=1, module__hidden=(8,), random_state=seed)
        for seed, name in enumerate(["one", "other"])
    }
    nets = {name: net.fit(X, y) for name, net in nets.items()}
    _, axes = plt.subplots(1, 2)
    display = FeatureSpectrumDisplay.from_estimators(nets, X[:5], y[:5], axes=axes)
    assert list(display.lines_) == ["one", "other"] and display.axes_[0] is axes[0]
    for name, (left, right) in display.lines_.items():
        np.testing.assert_array_equal(left.get_ydata(), display.within[name])
        np.testing.assert_array_equal(right.get_ydata(), display.overall[name])
    assert display.within["one"].shape == (8,)  # with fewer rows than features too
    plt.close("all")


def test_what_has_no_features(planted):
    with refuses("a net of skorch; got a LogisticRegression", TypeError):
        FeatureSpectrumDisplay.from_estimators({"a": LogisticRegression()}, *planted)
