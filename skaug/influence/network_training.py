"""Training the augmentation network through the influence of what it makes.

The classifier F does not change meanwhile (Section 4.3 of the paper). In a first stage,
which may be left out, encoder and generator are trained as those of a GAN, whose real
rows are those of a baseline augmentation. The second stage raises an objective of
influence; the GAN's loss stays beside it, so that a row goes on having many views.
"""

import numpy as np
import torch

from skaug._printing import Printed
from skaug._progress import Progress
from skaug.influence.adversary import Adversary
from skaug.influence.objectives import OBJECTIVES
from skaug.transforms.calling import apply

__all__ = ["TrainedNetwork", "train_network"]

RATE = 1e-3


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


def train_network(
    network,
    influence,
    train,
    held_out,
    baseline,
    *,
    objective,
    gan_weight,
    pretrain_steps,
    steps,
):
    """Train a network in place, and return the losses by name and step."""
    # train and held_out are (rows, labels). The network is on the device of F, and a
    # baseline of None leaves the GAN out.
    X, y = train
    score = OBJECTIVES[objective](influence, *held_out)
    device = influence.features_.device
    all_X = torch.from_numpy(X).to(device)
    codes = torch.from_numpy(np.searchsorted(influence.classes_, y)).to(device)
    adversary = Adversary(network, influence, all_X)
    optimizer = torch.optim.Adam(network.parameters(), lr=RATE, betas=(0.5, 0.99))
    losses = {"objective": [], "generator": [], "discriminator": []}
    if baseline is None:
        pretrain_steps, gan_weight = 0, 0.0
    progress = Progress("NetworkAugmentation", pretrain_steps + steps)
    for step in range(pretrain_steps + steps):
        pretraining = step < pretrain_steps
        batch = torch.randint(len(all_X), (min(64, len(all_X)),)).to(device)
        X, codes_of_X = all_X[batch], codes[batch]
        loss = torch.zeros((), dtype=torch.float64, device=device)
        if not pretraining:
            # The network comes on top of the baseline.
            with torch.no_grad():
                start = _after_baseline(baseline, X, codes_of_X)
            value = score(network(start), y[batch.cpu().numpy()])
            loss = loss - value
            losses["objective"].append(float(value.detach()))
        if pretraining or gan_weight > 0:
            of_generator, of_discriminator = adversary.step(
                *_two_views(network, baseline, X[::2], codes_of_X[::2])
            )
            loss = loss + (1.0 if pretraining else gan_weight) * of_generator
            losses["generator"].append(float(of_generator.detach()))
            losses["discriminator"].append(of_discriminator)
        _check_finite(loss, step)
        optimizer.zero_grad()
        # Gradients of the discriminators would be computed for nothing.
        loss.backward(inputs=list(network.parameters()))
        optimizer.step()
        progress.step(objective=None if pretraining else losses["objective"][-1])
    _check_views(network, all_X[:64], pretrain_steps + steps)
    return losses


def _two_views(network, baseline, X, codes):
    """Two views of each clean row by the baseline, and two by the network."""
    with torch.no_grad():
        real = [_after_baseline(baseline, X, codes) for _ in range(2)]
    return real, [network(X) for _ in range(2)]


def share_of_draws(network, baseline, X, codes):
    """How far two draws of a row differ by the network, relative to the baseline's."""
    with torch.no_grad():
        real, fake = _two_views(network, baseline, X, codes)
    own, given = (
        float(((one - other) / network.scale).square().mean())
        for one, other in (fake, real)
    )
    return (own / given) ** 0.5 if given > 0 else float("inf")


def _check_finite(loss, step):
    """Refuse a loss from which nothing can be learned."""
    if not torch.isfinite(loss):
        raise ValueError(
            "InfluenceAugmenter needs an objective that is finite; got "
            f"{float(loss)} in step {step}. Lower the bound of the "
            "NetworkAugmentation, or set augmentation='policy'."
        )


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
