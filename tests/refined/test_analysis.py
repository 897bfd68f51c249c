"""Risks with and without augmentation, and the regulariser of Eq. 7."""

import numpy as np
import pytest
import torch
from helpers import refuses
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from torch import nn

from skaug import ManifoldMixup, NetClassifier, TableMixup
from skaug.refined import augmentation_risks, variance_regularization
from skaug.transforms import Jitter


class Linear(nn.Module):
    """A last layer whose features are the rows."""

    def __init__(self, n_features, n_classes):
        super().__init__()
        self.head = nn.Linear(n_features, n_classes)

    def forward(self, X):
        return self.head(X)


@pytest.fixture
def net(table):
    return NetClassifier(max_epochs=20, random_state=0).fit(*table)


@pytest.fixture
def linear(table):
    return NetClassifier(Linear, lr=0.1, max_epochs=20, random_state=0).fit(*table)


def test_risks_are_mean_losses_and_their_differences(net, table):
    X, y = table
    risks = augmentation_risks(
        net, X[:80], y[:80], lambda X: X + 0.5, X_val=X[80:], y_val=y[80:], n_views=1
    )

    def loss(rows, shift=0.0):
        return log_loss(y[rows], net.predict_proba(X[rows] + shift), labels=[0, 1, 2])

    train, val = slice(80), slice(80, None)
    assert risks.clean == pytest.approx(loss(train), abs=1e-5)
    assert risks.augmented == pytest.approx(loss(train, 0.5), abs=1e-5)
    assert risks.clean_val == pytest.approx(loss(val), abs=1e-5)
    assert risks.gap_val == pytest.approx(loss(val, 0.5) - loss(val), abs=1e-5)
    assert risks.epsilon == pytest.approx(risks.gap - risks.gap_val)
    assert risks.generalization_gap == pytest.approx(risks.clean_val - risks.clean)


def test_mixed_labels_are_counted_by_their_shares(net, table):
    X, y = table
    still = augmentation_risks(net, X, y, TableMixup(0), n_views=1)
    assert still.gap == pytest.approx(0, abs=1e-6)
    assert augmentation_risks(net, X, y, TableMixup(), random_state=0).gap > 0.1


def test_the_second_order_is_its_closed_form(linear, table):
    """Views that are the row plus and minus a vector have a known covariance."""
    X, y = table
    shift, calls = torch.linspace(-1, 1, X.shape[1]) / 50, []

    def there_and_back(X):
        calls.append(1)
        return X + shift * (1 if len(calls) % 2 else -1)

    terms = variance_regularization(linear, X, y, there_and_back, n_views=2)
    p = linear.predict_proba(X).astype(np.float64)
    delta = (
        linear.module_.head.weight.detach().double().numpy() @ shift.double().numpy()
    )
    variances = p @ delta**2 - (p @ delta) ** 2
    assert terms.second_order == pytest.approx(variances.mean() / 2, rel=1e-4)
    assert terms.variance[0] == pytest.approx(float(shift.square().sum()), rel=1e-4)
    assert terms.variance[1:].max() < 1e-9 * terms.variance[0]
    direction = terms.directions[:, 0] * np.sign(terms.directions[-1, 0])
    np.testing.assert_allclose(direction, shift / shift.norm(), atol=1e-4)
    # All of it comes along the one direction.
    assert terms.contribution[0] == pytest.approx(terms.second_order, rel=1e-6)


def test_small_transforms_agree_with_monte_carlo_and_directions_add_up(net, table):
    terms = variance_regularization(net, *table, Jitter(0.05), random_state=0)
    assert terms.second_order == pytest.approx(terms.monte_carlo, rel=0.05)
    assert terms.contribution.sum() == pytest.approx(terms.second_order, rel=1e-6)
    assert (np.diff(terms.variance) <= 0).all()


def test_seeds_repeat_and_nothing_is_left(net, table):
    before = torch.get_rng_state()
    one, other = (
        augmentation_risks(net, *table, Jitter(0.3), random_state=3) for _ in range(2)
    )
    assert one == other
    assert torch.equal(torch.get_rng_state(), before)
    assert not net.module_.head._forward_pre_hooks


def test_what_cannot_be_analysed(net, table):
    with refuses("a net of skorch; got a LogisticRegression", TypeError):
        augmentation_risks(LogisticRegression(), *table, Jitter())
    with refuses("a transform of rows; got ManifoldMixup"):
        augmentation_risks(net, *table, ManifoldMixup())
    with refuses("needs transforms that keep the labels; got TableMixup"):
        variance_regularization(net, *table, TableMixup())
