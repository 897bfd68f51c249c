"""Scores of transforms, by networks that were trained without any transform."""

import numpy as np
import torch

from skaug._random import draw_seed, own_generators
from skaug.transforms.calling import apply

__all__ = ["cosines"]

# Rows that a transform is scored on, at most. The mean over more rows is no better.
MOST_SCORED = 2000


# Candidates are names, strengths and functions of transforms.
def cosines(trainings, candidates, split, n_networks, n_draws, seed):
    """Cosines of candidates by networks of a split, (n_networks, n_candidates)."""
    train, held_out = split
    random = np.random.RandomState(seed)
    with own_generators(trainings.device, draw_seed(random)):
        influences = [
            trainings.influence(trainings.trained(train, None, seed), train)
            for seed in [draw_seed(random) for _ in range(n_networks)]
        ]
        numbers = np.arange(len(train.X))
        if len(numbers) > MOST_SCORED:
            numbers = random.permutation(numbers)[:MOST_SCORED]
        rows = train.X[numbers], train.y[numbers]
        gradients = _gradients(trainings, influences, candidates, rows, n_draws)
        return np.array(
            [
                influence.gradient_cosine(of_network, held_out.X, held_out.y)
                for influence, of_network in zip(influences, gradients)
            ]
        )


def _gradients(trainings, influences, candidates, rows, n_draws):
    """Mean gradients under each transform, one tensor for each network."""
    X, codes = torch.from_numpy(rows[0]), torch.from_numpy(trainings.codes(rows[1]))
    gradients = [[] for _ in influences]
    for name, strength, transform in candidates:
        means = [0.0] * len(influences)
        for _ in range(n_draws):
            with torch.no_grad():
                views = apply(transform, X, codes, name=trainings.name).numpy()
            for number, influence in enumerate(influences):
                means[number] += influence.mean_gradient(views, rows[1]) / n_draws
        for of_network, mean in zip(gradients, means):
            of_network.append(mean)
        trainings.say(f"{name} {strength}")
        trainings.progress.tell(transform=name)
    return [torch.stack(of_network) for of_network in gradients]
