"""NetworkAugmentation: what is trained, what is left alone, and the guard."""

import numpy as np
import pytest
import torch
from helpers import few_steps, mirror, mirrored_rows, refused, refuses
from skorch import NeuralNetClassifier
from torch import nn

from skaug import InfluenceAugmenter, NetClassifier, NetworkAugmentation
from skaug.influence import network_augmentation, network_training
from skaug.influence.network_training import train_network
from skaug.influence.objectives import OBJECTIVES

pytestmark = few_steps


def tiny():
    return NetClassifier(max_epochs=8, module__hidden=(16, 8))


def network(estimator=None, guard=True, **params):
    learner = NetworkAugmentation(**{"steps": 5, "pretrain_steps": 3, **params})
    estimator = tiny() if estimator is None else estimator
    return InfluenceAugmenter(
        estimator, augmentation=learner, guard=guard, refit=False, random_state=0
    )


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_training_raises_the_objective(rows, objective):
    augmenter = network(objective=objective, steps=60, bound=0.3, guard=False)
    losses = augmenter.fit(*rows).losses_["objective"]
    assert np.mean(losses[-10:]) > np.mean(losses[:10])


@refused
def test_the_gan_is_trained_when_it_is_asked_for(rows):
    # Steps of pretraining, weight of the GAN, and steps that train the GAN.
    for pretrain_steps, gan_weight, expected in [
        (0, 0.0, 0),
        (4, 0.0, 4),
        (4, 1.0, 11),
        (0, 1.0, 7),
    ]:
        params = {"pretrain_steps": pretrain_steps, "gan_weight": gan_weight}
        losses = network(steps=7, guard=False, **params).fit(*rows).losses_
        n_steps = {name: len(losses[name]) for name in losses}
        assert n_steps["generator"] == n_steps["discriminator"] == expected
        assert n_steps["objective"] == 7
    # Strength 0 leaves the baseline alone.
    X, y = rows
    still = network(strength=0.0, guard=False, baseline=None).fit(X, y)
    assert np.array_equal(still.augment(X), X)


@refused
def test_a_network_that_is_not_finite_in_the_end_is_refused(rows, monkeypatch):
    class LastStep(torch.optim.Adam):
        def step(self):
            for group in self.param_groups:
                for weight in group["params"]:
                    weight.data.fill_(np.nan)

    monkeypatch.setattr(
        network_training, "_adam", lambda module: LastStep(module.parameters())
    )
    with refuses("a network whose views are finite; got others after 1 steps"):
        network(steps=1, pretrain_steps=0, guard=False).fit(*rows)


def test_the_classifier_is_not_changed_while_the_network_trains(rows, monkeypatch):
    X, y = rows
    seen = []

    def spied(network, influence, *args, original=train_network, **settings):
        state = influence.estimator.module_.state_dict
        before = {k: v.clone() for k, v in state().items()}
        losses = original(network, influence, *args, **settings)
        seen.append(all(torch.equal(before[k], v) for k, v in state().items()))
        return losses

    monkeypatch.setattr(network_augmentation, "train_network", spied)
    network(rounds=2).fit(X, y)
    assert seen == [True, True]


def test_the_guard_falls_back_to_the_baseline_and_then_to_plain_training(rows):
    X, y = rows
    # Rows far off, whatever they do to the loss.
    harmful = {"bound": 20.0, "objective": "influence", "mix": 0.0, "steps": 40}
    with pytest.warns(UserWarning, match="the baseline to lower the held-out loss"):
        guarded = network(**harmful).fit(X, y)
    assert not guarded.accepted_
    assert np.array_equal(guarded.augment(X), X)
    loss = guarded.loss_over_baseline_
    assert loss.augmented >= loss.plain - loss.se
    # The network is out; what is compared with plain training is the baseline.
    assert guarded.held_out_loss_.augmented == loss.plain
    trusting = network(guard=False, **harmful).fit(X, y)
    assert trusting.accepted_ and trusting.augmentation_.network is not None
    assert np.abs(trusting.augment(X) - X).mean() > 1
    without = network(steps=0, baseline=None, guard=False).fit(X, y)
    assert np.array_equal(without.augment(X), X)


def test_a_baseline_that_helps_stays_where_the_network_does_not():
    X, y = mirrored_rows()
    harmful = {"bound": 20.0, "objective": "influence", "mix": 0.0, "steps": 40}
    net = NetClassifier(max_epochs=40, module__hidden=(32,))
    with pytest.warns(UserWarning, match="the network .* the baseline without it"):
        guarded = network(net, baseline=mirror, **harmful).fit(X, y)
    assert guarded.accepted_ and guarded.augmentation_.network is None
    assert np.array_equal(np.abs(guarded.augment(X)), np.abs(X))


def test_the_guard_compares_what_differs_in_the_network_only(rows):
    X, y = rows
    codes = y.astype(np.int64)
    plain = NeuralNetClassifier(
        nn.Linear(10, 3), criterion=nn.CrossEntropyLoss, train_split=None, verbose=0
    )
    for net in (tiny(), plain):
        same = network(net, steps=0, baseline=None, mix=1.0)
        with pytest.warns(UserWarning, match="lower the held-out loss"):
            losses = same.fit(X, codes).held_out_loss_
        assert losses.augmented == losses.plain and losses.se == 0
