"""Training the augmentation network through the influence of what it makes.

The classifier F does not change meanwhile (Section 4.3 of the paper). In a first stage,
which may be left out, encoder and generator are trained as those of a GAN, whose real
rows are those of a baseline augmentation. The second stage raises an objective of
influence; the GAN's loss may stay beside it.
"""

import numpy as np
import torch

from skaug._printing import Printed
from skaug._progress import Progress
from skaug.influence.network import Discriminator, relativistic_losses
from skaug.influence.objectives import OBJECTIVES
from skaug.transforms.calling import apply

__all__ = ["TrainedNetwork", "train_network"]


class TrainedNetwork(Printed):
    """Augment with a baseline, and a part of the rows with an augmentation network.

    Parameters
    ----------
    network : AugmentationNetwork or None
        ``None`` leaves the baseline alone.
    baseline : callable or None
        Function of a batch.
    mix : float, default=0.5
        Share of rows without the network.
    """

    def __init__(self, network, baseline, mix=0.5):
        self.network = network
        self.baseline = baseline
        self.mix = mix

    def __call__(self, X, y=None):
        """Return a view of each row of a batch, and labels as they came if given."""
        new_X = _after_baseline(self.baseline, X, y)
        if self.network is not None:
            with torch.no_grad():
                views = self.network.to(X.device)(new_X)
            kept = (torch.rand(len(X)) < self.mix).to(X.device)
            new_X = torch.where(kept.view(-1, *[1] * (X.ndim - 1)), new_X, views)
        return new_X if y is None else (new_X, y)


def _after_baseline(baseline, X, y):
    if baseline is None:
        return X
    return apply(baseline, X, y, name="InfluenceAugmenter")


class _Adversary:
    """The discriminator of the GAN, which judges rows and their features."""

    def __init__(self, network, influence, X):
        self.network, self.influence = network, influence
        n_features = influence.features_.shape[1]
        self.discriminator = Discriminator(X, n_features).to(X.device)
        self.centre = influence.features_.mean(dim=0)
        self.spread = influence.features_.std(dim=0).clamp(min=1e-6)
        self.optimizer = _adam(self.discriminator)

    def features_of(self, real, fake):
        """Features of real rows and of made ones, in standard units."""
        features = self.influence.features_of(torch.cat([real, fake]))
        return ((features - self.centre) / self.spread).float().split(len(real))

    def losses(self, real, fake, features):
        """Losses of the discriminator and of the generator, over rows and features."""
        logits = (
            self.discriminator(self.network.in_standard_units(X), of_X)
            for X, of_X in zip((real, fake), features)
        )
        pairs = [relativistic_losses(*pair) for pair in zip(*logits)]
        return [sum(losses) for losses in zip(*pairs)]

    def step(self, real, fake, features):
        """Train the discriminator for a step and return its loss."""
        features = [of_X.detach() for of_X in features]
        loss, _ = self.losses(real, fake.detach(), features)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return float(loss.detach())


def _adam(module):
    return torch.optim.Adam(module.parameters(), lr=2e-3, betas=(0.5, 0.99))


def train_network(
    network,
    influence,
    train,
    held_out,
    baseline,
    *,
    objective="cosine",
    gan_weight=0.0,
    pretrain_steps=0,
    steps=150,
):
    """Train a network in place, and return the losses by name and step."""
    # train and held_out are (rows, labels). The network is on the device of F, and a
    # baseline of None leaves the GAN out.
    X, y = train
    score = OBJECTIVES[objective](influence, *held_out)
    device = influence.features_.device
    all_X = torch.from_numpy(X).to(device)
    codes = torch.from_numpy(np.searchsorted(influence.classes_, y)).to(device)
    adversary, optimizer = _Adversary(network, influence, all_X), _adam(network)
    losses = {"objective": [], "generator": [], "discriminator": []}
    pretrain_steps = 0 if baseline is None else pretrain_steps
    progress = Progress("NetworkAugmentation", pretrain_steps + steps)
    for step in range(pretrain_steps + steps):
        pretraining = step < pretrain_steps
        gan = pretraining or (gan_weight > 0 and baseline is not None)
        batch = torch.randint(len(all_X), (min(64, len(all_X)),)).to(device)
        X = all_X[batch]
        with torch.no_grad():
            real = _after_baseline(baseline, X, codes[batch])
        # The paper's GAN turns clean rows into what the baseline makes of them;
        # afterwards the network comes on top of the baseline.
        fake = network(X if pretraining else real)
        loss = torch.zeros((), dtype=torch.float64, device=device)
        if not pretraining:
            value = score(fake, y[batch.cpu().numpy()])
            loss = loss - value
            losses["objective"].append(float(value.detach()))
        if gan:
            features = adversary.features_of(real, fake)
            _, of_generator = adversary.losses(real, fake, features)
            loss = loss + (1.0 if pretraining else gan_weight) * of_generator
            losses["generator"].append(float(of_generator.detach()))
        if not torch.isfinite(loss):
            raise ValueError(
                "InfluenceAugmenter needs an objective that is finite; got "
                f"{float(loss)} in step {step}. Lower the bound of the "
                "NetworkAugmentation, or set augmentation='policy'."
            )
        optimizer.zero_grad()
        # Gradients of the discriminator would be computed for nothing.
        loss.backward(inputs=list(network.parameters()))
        optimizer.step()
        if gan:
            losses["discriminator"].append(adversary.step(real, fake, features))
        progress.step(objective=None if pretraining else losses["objective"][-1])
    _check_views(network, all_X[:64], pretrain_steps + steps)
    return losses


def _check_views(network, X, n_steps):
    """Refuse a network whose last step, which had no loss after it, broke it."""
    with torch.no_grad():
        views = network(X)
    if not views.isfinite().all():
        raise ValueError(
            "InfluenceAugmenter needs a network whose views are finite; got others "
            f"after {n_steps} steps. Lower the bound of the NetworkAugmentation, or "
            "set augmentation='policy'."
        )
