"""The GAN of the augmentation network."""

import numpy as np
import pytest
import torch

from skaug.influence import AugmentationNetwork, LastLayerInfluence
from skaug.influence.adversary import EQUILIBRIUM, Adversary, relativistic_losses


def test_losses_are_at_equilibrium_where_no_one_tells_rows_apart():
    logits = torch.full((5,), 0.7)
    of_both = relativistic_losses(logits, logits)
    assert sum(map(float, of_both)) == pytest.approx(EQUILIBRIUM, abs=1e-6)


def test_a_feature_that_training_rows_do_not_have_is_no_giveaway():
    torch.manual_seed(0)
    X = np.random.default_rng(0).normal(size=(100, 8))
    X[:, 0] = 0.0  # like a ReLU that no training row reaches
    influence = LastLayerInfluence().fit(X, np.arange(100) % 2)
    rows = torch.from_numpy(X).float()
    adversary = Adversary(AugmentationNetwork(rows), influence, rows)
    views = rows + 0.3 * torch.eye(8)[0]
    losses = adversary.step((rows, rows), (views, views))
    for loss in map(torch.as_tensor, losses):
        assert EQUILIBRIUM / 2 < float(loss.detach()) < 2 * EQUILIBRIUM
