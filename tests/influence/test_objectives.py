"""Objectives of the augmentation network: what they are, and their derivatives."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from skaug.influence import LastLayerInfluence
from skaug.influence.objectives import OBJECTIVES


def influence_loss(influence, held_out):
    """Mean loss of held-out rows under the last layer of an influence."""
    X, y = held_out
    logits = influence.features_of(X) @ torch.as_tensor(influence.coef_).T
    return float(functional.cross_entropy(logits, torch.as_tensor(y)))


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
    # The sign of Eq. 15: what raises the objective lowers the loss after a refit.
    lowered = []
    for row in range(20):
        X_new = X[:150].copy()
        X_new[row] += np.float32(0.3)
        refitted = LastLayerInfluence(damping=0.1).fit(X_new, y[:150])
        lowered.append(
            influence_loss(influence, held_out) - influence_loss(refitted, held_out)
        )
    gains = [
        scores["influence"](views[i : i + 1], y[i : i + 1])
        - scores["influence"](torch.from_numpy(X[i : i + 1]).double(), y[i : i + 1])
        for i in range(20)
    ]
    gains = torch.stack(gains) / 150
    assert np.corrcoef(gains, lowered)[0, 1] > 0.9
    assert np.polyfit(gains, lowered, 1)[0] == pytest.approx(1, abs=0.3)
    # The loss after the Newton step, with weights of one's own.
    weight = torch.as_tensor(influence.coef_)
    gradient = influence.mean_gradient(views, y[:20])
    weight = weight - influence.inverse_hessian_product(gradient[None])[0]
    logits = influence.features_of(held_out[0]) @ weight.T
    loss = functional.cross_entropy(logits, torch.as_tensor(held_out[1]))
    assert float(scores["newton"](views, y[:20])) == pytest.approx(-float(loss))
