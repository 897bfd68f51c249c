"""Losses that look at features get those of the head, in training only."""

import numpy as np
import pytest
import torch
from helpers import refuses
from torch import nn

from skaug import ISDALoss, NetClassifier


class Watching(nn.CrossEntropyLoss):
    """Cross-entropy that keeps what it is given, and the shape of the head."""

    def __init__(self, n_classes, n_features, classifier_layer=None):
        super().__init__()
        self.shape, self.seen = (n_classes, n_features), []
        self.classifier_layer = classifier_layer

    def forward(self, logits, target, features=None, weight=None):
        made = None if features is None else features @ weight.T
        self.seen.append((logits, made))
        return super().forward(logits, target)


class HeadFirst(nn.Module):
    """A network whose head is not the last linear layer that is defined."""

    def __init__(self, n_features, n_classes):
        super().__init__()
        self.fc = nn.Linear(5, n_classes, bias=False)
        self.body = nn.Linear(n_features, 5)

    def forward(self, X):
        return self.fc(self.body(X).tanh())


def net(criterion=Watching, **params):
    return NetClassifier(
        HeadFirst, criterion=criterion, max_epochs=2, random_state=0, **params
    )


def test_features_and_weight_make_the_logits_in_training_alone(table):
    fitted = net(criterion__classifier_layer="fc", train_split=0.2).fit(*table)
    assert fitted.criterion_.shape == (3, 5) and fitted.classifier_layer_ == "fc"
    seen = fitted.criterion_.seen
    assert len(seen) == 2 * (2 + 1)  # two batches of training and one of validation
    for i, (logits, made) in enumerate(seen):
        if i % 3 == 2:
            assert made is None
        else:
            torch.testing.assert_close(logits, made)


def test_training_is_that_with_the_plain_loss(table):
    watched = net(criterion__classifier_layer="fc").fit(*table)
    plain = net(nn.CrossEntropyLoss).fit(*table)
    ours, expected = (each.predict_proba(table[0]) for each in (watched, plain))
    np.testing.assert_array_equal(ours, expected)
    assert not hasattr(plain, "classifier_layer_")


def test_another_layer_than_the_head_is_refused(table):
    with refuses(r"'body' makes .*; got .* Name one with classifier_layer=: \['fc', "):
        net().fit(*table)
    with refuses("unknown layer name 'head'"):
        net(criterion__classifier_layer="head").fit(*table)


@pytest.mark.parametrize("given", [ISDALoss, ISDALoss(3, 5)])
def test_the_loss_of_isda_learns_statistics_in_any_net(table, given):
    module = nn.Sequential(nn.Linear(8, 5), nn.Tanh(), nn.Linear(5, 3))
    fitted = NetClassifier(module, criterion=given, max_epochs=1).fit(*table)
    assert fitted.criterion_.covariance.count.sum() == 150
