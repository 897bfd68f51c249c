"""NetworkAugmentation: what is trained, what is left alone, and the guard."""

import numpy as np
import pytest
import torch
from skorch import NeuralNetClassifier
from torch import nn

from skaug import InfluenceAugmenter, NetClassifier, NetworkAugmentation
from skaug.influence.objectives import OBJECTIVES


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
    augmenter = network(
        objective=objective, steps=60, bound=0.3, gan_weight=0.0, guard=False
    )
    losses = augmenter.fit(*rows).losses_["objective"]
    assert np.mean(losses[-10:]) > np.mean(losses[:10])


@pytest.mark.filterwarnings("ignore:.*lower the held-out:UserWarning")
def test_the_gan_is_trained_when_it_is_asked_for(rows):
    asked = {
        (0, 0.0): (0, 7),
        (4, 0.0): (4, 7),
        (4, 1.0): (11, 7),
        (0, 1.0): (7, 7),
    }
    for (pretrain_steps, gan_weight), expected in asked.items():
        augmenter = network(
            steps=7, pretrain_steps=pretrain_steps, gan_weight=gan_weight, guard=False
        )
        losses = augmenter.fit(*rows).losses_
        assert len(losses["generator"]) == len(losses["discriminator"]) == expected[0]
        assert len(losses["objective"]) == expected[1]
    # Strength 0 leaves the baseline alone.
    X, y = rows
    still = network(strength=0.0, guard=False, baseline=None).fit(X, y)
    assert np.array_equal(still.augment(X), X)


@pytest.mark.filterwarnings("ignore:.*lower the held-out:UserWarning")
def test_the_classifier_is_not_changed_while_the_network_trains(rows, monkeypatch):
    X, y = rows
    seen = []

    def spied(self, net, *args, original=NetworkAugmentation._train_round):
        before = {k: v.clone() for k, v in net.module_.state_dict().items()}
        original(self, net, *args)
        after = net.module_.state_dict()
        seen.append(all(torch.equal(before[k], after[k]) for k in before))

    monkeypatch.setattr(NetworkAugmentation, "_train_round", spied)
    network(rounds=2).fit(X, y)
    assert seen == [True, True]


def test_the_guard_falls_back_to_the_baseline(rows):
    X, y = rows
    # Rows far off, whatever they do to the loss.
    harmful = {"bound": 20.0, "gan_weight": 0.0, "objective": "influence", "mix": 0.0}
    with pytest.warns(UserWarning, match="lower the held-out loss by more than its"):
        augmenter = network(steps=40, **harmful).fit(X, y)
    assert not augmenter.accepted_
    losses = augmenter.held_out_loss_
    assert losses.with_network >= losses.without - losses.se
    assert augmenter.augmentation_.network is None
    trusting = network(steps=40, guard=False, **harmful).fit(X, y)
    assert trusting.accepted_ and trusting.augmentation_.network is not None
    moved = {
        name: np.abs(fitted.augment(X) - X).mean()
        for name, fitted in {"guarded": augmenter, "trusting": trusting}.items()
    }
    assert moved["trusting"] > 10 * moved["guarded"]
    without = network(steps=0, baseline=None, guard=False).fit(X, y)
    assert np.array_equal(without.augment(X), X)


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
        assert losses.with_network == losses.without and losses.se == 0
