"""Rings for which the right radius of the potential is known from the geometry.

Two rings of radius 1 lie on each other: a wide one of class 0 and a narrow, dense one
of class 1. Noise of class 1 surrounds both. Seen from a point of the narrow ring,

- a small neighbourhood holds mostly the narrow ring, so that points of class 1 are
  easy, and the few points of class 0 between them are hard;
- a larger one holds mostly the wide ring, so that the narrow ring is hard;
- one that reaches the noise holds mostly class 1 again.

The middle is right: the narrow ring is what a network learns last, and most points
there are of class 1. Its ends follow from areas, without a network or a sample. They
are about 0.4 and 0.8 if all neighbours count alike.
"""

import numpy as np
import torch
from sklearn.utils import check_random_state
from torch import nn

from skaug import HardPoints, IHDAFinetuner, NetClassifier, NoiseGenerator

__all__ = ["FLAT", "PARTS", "RadialUnits", "draw_rings", "finetuner", "window"]

# Inner and outer radius, class, and share of the rows.
PARTS = [(0.5, 1.5, 0, 0.3), (0.945, 1.055, 1, 0.2), (1.6, 2.0, 1, 0.5)]
FLAT = 2.0  # a gamma so wide that all neighbours in the window count nearly alike


def draw_rings(n, random_state, wrong=0.0):
    """Draw points (n, 2) and classes (n,), of which a share is wrong."""
    rng = check_random_state(random_state)
    inner, outer, classes, shares = np.transpose(PARTS)
    part = rng.choice(len(PARTS), n, p=shares)
    radius = np.sqrt(rng.uniform(inner[part] ** 2, outer[part] ** 2))
    angle = rng.uniform(0, 2 * np.pi, n)
    X = radius[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
    flips = rng.uniform(size=n) < wrong
    return X.astype(np.float32), np.where(flips, 1 - classes[part], classes[part])


def window(gamma=FLAT, step=0.001):
    """The least and the largest radius at which the middle of the narrow ring is hard.

    The potential of a point at distance 1 from the centre is an integral over the
    distance s to its neighbours. A part has its density times an arc of the circle of
    radius s there, times the kernel.
    """
    s = np.arange(step / 2, 3, step)
    others = np.zeros_like(s)  # class 0 minus class 1 per unit of distance
    for inner, outer, code, share in PARTS:
        arc = 2 * np.pi * s * (_inside(s, outer) - _inside(s, inner))
        others += (1 - 2 * code) * share * arc / (np.pi * (outer**2 - inner**2))
    potentials = np.cumsum(others * np.exp(-((s / gamma) ** 2)))
    hard = (s + step / 2)[potentials > 0]
    return float(hard[0]), float(hard[-1])


def _inside(s, radius):
    """Share of a circle of radius s around (1, 0) that lies in a disc around 0."""
    return 1 - np.arccos(np.clip((radius**2 - 1 - s**2) / (2 * s), -1, 1)) / np.pi


class RadialUnits(nn.Module):
    """A grid of fixed radial units and a trained linear head."""

    def __init__(self, n_per_side=24, limit=1.8, width=0.15):
        super().__init__()
        self.register_buffer("centres", torch.linspace(-limit, limit, n_per_side))
        self.width = width
        self.head = nn.Linear(n_per_side**2, 2)

    def forward(self, X):
        """Points (n, 2) to scores (n, 2)."""
        near = torch.exp(-(((X[:, :, None] - self.centres) / self.width) ** 2))
        units = near[:, 0, :, None] * near[:, 1, None, :]  # (n, side, side)
        return self.head(units.flatten(1))


def finetuner(seed, radius="validated", gamma=FLAT, estimator=None, **params):
    """IHDA of the input of a net that has had two epochs, far from all it could learn.

    Fine-tuning takes as many steps as the training, at the same rate, and goes the
    whole way. 40 % of the rows judge the radius.
    """
    if estimator is None:
        estimator = NetClassifier(RadialUnits, max_epochs=2, batch_size=128, lr=0.05)
    params = {"validation": 0.4 if radius == "validated" else None, **params}
    return IHDAFinetuner(
        estimator,
        levels=["input"],
        sources=HardPoints("hard", radius=radius, gamma=gamma, metric="euclidean"),
        generator=NoiseGenerator(spread=0.05),
        tune_share=1.0,
        tune_lr=1.0,
        random_state=seed,
        **params,
    )
