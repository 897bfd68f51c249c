"""The GAN of the augmentation network: its discriminators, and their training.

The paper takes the relativistic average GAN, whose real rows are those of a baseline
augmentation, with one discriminator for rows and one, a linear layer, for their
features in the classifier (Section 4.3). Here the discriminator of rows looks at two
views of a row at once, as in PacGAN: a network that makes one and the same view each
time is then easy to tell from a baseline that does not.
"""

import math

import torch
from torch import nn
from torch.nn import functional

from skaug.influence.network_layers import encoder

__all__ = ["Adversary", "relativistic_losses"]

# Slower than the network, whose rate is 1e-3.
RATE = 2e-4
# Loss of the generator, and of the discriminators, if no one tells rows apart: 2 log 2
# for each of the two.
EQUILIBRIUM = 4 * math.log(2)
# Discriminators wait for the network where its loss is above this multiple of it.
AHEAD = 1.05


def relativistic_losses(real, fake):
    """Losses of discriminator and generator in a GAN, from their logits (n,) each."""
    real, fake = real - fake.mean(), fake - real.mean()

    def loss(a, b):
        # 2 log 2 if all logits are the same
        return functional.softplus(-a).mean() + functional.softplus(b).mean()

    return loss(real, fake), loss(fake, real)


class Adversary:
    """Two discriminators: of pairs of views of a row, and of features of a view."""

    def __init__(self, network, influence, X):
        self.network, self.influence = network, influence
        shape = 2 * X.shape[1], *X.shape[2:]
        self.of_rows = encoder(shape, 1, depth=3, width=32).to(X.device)
        self.of_features = nn.Linear(influence.features_.shape[1], 1).to(X.device)
        self.centre = influence.features_.mean(dim=0)
        # A feature that is constant on training rows may have any size on views.
        spread = influence.features_.std(dim=0)
        self.spread = spread.clamp(min=float(0.1 * spread.mean()) or 1.0)
        self.optimizer = torch.optim.Adam(
            [*self.of_rows.parameters(), *self.of_features.parameters()],
            lr=RATE,
            betas=(0.5, 0.99),
        )

    def step(self, real, fake):
        """Train the discriminators for a step, unless they are ahead.

        Parameters
        ----------
        real, fake : tuple of two torch.Tensor of shape (n, ...)
            Two views of each row, by the baseline and by the network.

        Returns
        -------
        of_generator : torch.Tensor
            Loss of the network, with a gradient.
        of_discriminators : float
            Loss of the discriminators, before the step.
        """
        features = self._features_of(real[0], fake[0])
        still = [view.detach() for view in fake]
        loss, behind = self._losses(real, still, [part.detach() for part in features])
        if behind <= AHEAD * EQUILIBRIUM:
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
        _, of_generator = self._losses(real, fake, features)
        return of_generator, float(loss.detach())

    def _features_of(self, real, fake):
        """Features of real rows and of made ones, in standard units."""
        features = self.influence.features_of(torch.cat([real, fake]))
        return ((features - self.centre) / self.spread).float().split(len(real))

    def _losses(self, real, fake, features):
        """Losses of the discriminators and of the generator, over rows and features."""
        pairs = [torch.cat(self._standardised(views), dim=1) for views in (real, fake)]
        logits = [
            [self.of_rows(pair)[:, 0] for pair in pairs],
            [self.of_features(part)[:, 0] for part in features],
        ]
        losses = [relativistic_losses(*both) for both in logits]
        return [sum(of_both) for of_both in zip(*losses)]

    def _standardised(self, views):
        return [self.network.in_standard_units(view) for view in views]
