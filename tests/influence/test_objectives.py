"""Objectives of the augmentation network: what they are, and their derivatives."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from skaug.influence import LastLayerInfluence
from skaug.influence.objectives import OBJECTIVES


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_gradient_of_the_objectives_in_the_augmented_rows(rows, objective):
    X, y = rows
    influence = LastLayerInfluence(damping=0.1).fit(X[:150], y[:150])
    score = OBJECTIVES[objective](influence, X[150:], y[150:])
    views = torch.tensor(X[:6], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda X: score(X, y[:6]), views, atol=1e-6)


def test_the_objectives_are_what_they_say(rows):
    X, y = rows
    held_out = X[150:], y[150:]
    influence = LastLayerInfluence(damping=0.1).fit(X[:150], y[:150])
    scores = {name: make(influence, *held_out) for name, make in OBJECTIVES.items()}
    views = torch.from_numpy(X[:20]).double() + 0.3
    (cosine,) = influence.group_cosine([(views.numpy(), y[:20])], *held_out)
    assert float(scores["cosine"](views, y[:20])) == pytest.approx(cosine)
    # The paper's, from the change that replacing each of the rows would make.
    direction = influence.validation_direction(*held_out)
    change = influence.of_replacement(views, y[:20], direction, rows=np.arange(20))
    own = scores["influence"](torch.from_numpy(X[:20]).double(), y[:20])
    gained = scores["influence"](views, y[:20]) - own
    assert float(-gained * 20 / 150) == pytest.approx(float(change.sum()))
    # The loss after the Newton step, with weights of one's own.
    weight = torch.as_tensor(influence.coef_)
    gradient = influence.mean_gradient(views, y[:20])
    weight = weight - influence.inverse_hessian_product(gradient[None])[0]
    logits = influence.features_of(held_out[0]) @ weight.T
    loss = functional.cross_entropy(logits, torch.as_tensor(held_out[1]))
    assert float(scores["newton"](views, y[:20])) == pytest.approx(-float(loss))
