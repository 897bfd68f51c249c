"""Training the augmentation network through the influence of what it makes.

Encoder and generator are trained in two stages against a classifier F that is left as
it is (Section 4.3 of the paper [1]_): first, if asked for, as the generator of a GAN
whose real rows are those of a baseline augmentation, then for an objective of
influence, beside which the GAN may go on.

References
----------
.. [1] D. Lee, H. Park, T. Pham, C. D. Yoo, "Learning Augmentation Network via Influence
   Functions", CVPR 2020.
"""

import numpy as np
import torch

from skaug.influence.network import Discriminator, relativistic_losses
from skaug.transforms.calling import apply

__all__ = ["OBJECTIVES", "NetworkAugmentation", "train_network"]


class NetworkAugmentation:
    """A baseline, and then an augmentation network for part of the rows.

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
        """Draw a view of each row of a batch, from torch's global generators."""
        new_X = X if self.baseline is None else apply(self.baseline, X, y)
        if self.network is not None:
            with torch.no_grad():
                views = self.network.to(X.device)(new_X)
            kept = (torch.rand(len(X)) < self.mix).to(X.device)
            new_X = torch.where(kept.view(-1, *[1] * (X.ndim - 1)), new_X, views)
        return new_X if y is None else (new_X, y)


def _cosine(influence, X_val, y_val):
    """Cosine of the batch's mean gradient and the validation gradient."""
    direction, length = _direction(influence, X_val, y_val)

    def score(X, y):
        gradient = influence.mean_gradient(X, y)
        own = gradient.detach()
        solved = influence.inverse_hessian_product(own[None])[0]
        # own' H^-1 own, with its derivative, and without going through the solver
        squared = 2 * (gradient * solved).sum() - (own * solved).sum()
        return (gradient * direction).sum() / (squared.sqrt() * length)

    return score


def _influence(influence, X_val, y_val):
    """The paper's: what a batch lowers the validation loss by, the rows' own apart.

    A mean over the batch of minus n times the change that adding a row would make.
    """
    gradient = influence.validation_gradient(X_val, y_val)
    direction = influence.inverse_hessian_product(gradient[None])[0]
    return lambda X, y: (influence.mean_gradient(X, y) * direction).sum()


def _direction(influence, X_val, y_val):
    """Inverse Hessian times the validation gradient, and its length, of any size."""
    gradient = influence.validation_gradient(X_val, y_val)
    size = gradient.abs().max()
    if not size > 0:
        raise ValueError(
            "InfluenceAugmenter needs a validation loss that can be lowered; got a "
            "gradient of 0. Hold out rows that are harder, or train for fewer epochs."
        )
    gradient = gradient / size
    direction = influence.inverse_hessian_product(gradient[None])[0]
    return direction, (gradient * direction).sum().sqrt()


def _newton(influence, X_val, y_val):
    """Minus the validation loss after a Newton step of the last layer on the batch."""
    weight = torch.as_tensor(influence.coef_)
    features = influence.features_of(X_val)
    codes = torch.from_numpy(np.searchsorted(influence.classes_, y_val))
    codes, weight = codes.to(features.device), weight.to(features)

    def score(X, y):
        gradient = influence.mean_gradient(X, y)
        step = influence.inverse_hessian_product(gradient.detach()[None])[0]
        moved = (weight - step).requires_grad_()
        loss = torch.nn.functional.cross_entropy(features @ moved.T, codes)
        (slope,) = torch.autograd.grad(loss, moved)
        solved = influence.inverse_hessian_product(slope[None])[0]
        # The value is that of the loss, the derivative that through the step.
        through = (gradient * solved).sum()
        return through - through.detach() - loss.detach()

    return score


OBJECTIVES = {"cosine": _cosine, "influence": _influence, "newton": _newton}


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
    """Train an augmentation network, in place.

    Parameters
    ----------
    network : AugmentationNetwork
        On the device of F.
    influence : LastLayerInfluence
        Of F, fitted to the training rows.
    train, held_out : (ndarray, ndarray)
        Rows and labels.
    baseline : callable or None
        What comes before the network, and what the GAN takes for real. ``None`` leaves
        the GAN out.
    objective : {"cosine", "influence", "newton"}, default="cosine"
        What is raised in the second stage.
    gan_weight : float, default=0.0
        Weight of the generator's loss beside the objective.
    pretrain_steps, steps : int, default=0 and 150
        Steps of either stage, of Adam on batches of 64.

    Returns
    -------
    losses : dict of str to list of float
        ``objective``, ``generator`` and ``discriminator`` by step.

    Raises
    ------
    ValueError
        If the objective is not finite, or the validation gradient is 0.
    """
    X, y = train
    score = OBJECTIVES[objective](influence, *held_out)
    device = influence.features_.device
    rows = torch.from_numpy(X).to(device)
    codes = torch.from_numpy(np.searchsorted(influence.classes_, y)).to(device)
    judge = Discriminator(rows, influence.features_.shape[1]).to(device)
    centre = influence.features_.mean(dim=0)
    spread = influence.features_.std(dim=0).clamp(min=1e-6)
    optimizers = [
        torch.optim.Adam(part.parameters(), lr=2e-3, betas=(0.5, 0.99))
        for part in (network, judge)
    ]

    def judged(X, features):
        """Logits of rows, in standard units."""
        return judge((X - network.mean) / network.scale, features)

    losses = {"objective": [], "generator": [], "discriminator": []}
    pretrain_steps = 0 if baseline is None else pretrain_steps
    for step in range(pretrain_steps + steps):
        pretraining = step < pretrain_steps
        gan = pretraining or (gan_weight > 0 and baseline is not None)
        batch = torch.randint(len(rows), (min(64, len(rows)),)).to(device)
        X, labels = rows[batch], y[batch.cpu().numpy()]
        with torch.no_grad():
            real = X if baseline is None else apply(baseline, X, codes[batch])
        # The paper's GAN turns clean rows into what the baseline makes of them;
        # afterwards the network comes on top of the baseline.
        fake = network(X if pretraining else real)
        loss = torch.zeros((), dtype=torch.float64, device=device)
        if not pretraining:
            value = score(fake, labels)
            loss = loss - value
            losses["objective"].append(float(value.detach()))
        if gan:
            features = influence.features_of(torch.cat([real, fake]))
            features = ((features - centre) / spread).float()
            of_real, of_fake = features[: len(real)], features[len(real) :]
            pairs = zip(judged(real, of_real), judged(fake, of_fake))
            of_generator = sum(relativistic_losses(*pair)[1] for pair in pairs)
            weight = 1.0 if pretraining else gan_weight
            loss = loss + weight * of_generator
            losses["generator"].append(float(of_generator.detach()))
        if not torch.isfinite(loss):
            raise ValueError(
                "InfluenceAugmenter needs an objective that is finite; got "
                f"{float(loss)} in step {step}. Lower bound, or set method='policy'."
            )
        optimizers[0].zero_grad()
        # Those of the discriminator would be a part of the work for nothing.
        loss.backward(inputs=list(network.parameters()))
        optimizers[0].step()
        if gan:
            of_real, of_fake = of_real.detach(), of_fake.detach()
            pairs = zip(judged(real, of_real), judged(fake.detach(), of_fake))
            loss = sum(relativistic_losses(*pair)[0] for pair in pairs)
            optimizers[1].zero_grad()
            loss.backward()
            optimizers[1].step()
            losses["discriminator"].append(float(loss.detach()))
    return losses
