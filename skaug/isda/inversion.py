r"""From features back to rows: Appendix C of the paper, with a generator at hand.

A network has no inverse. The noise z of a generator G is changed until the features
:math:`f(G(z))` are those that are wanted, so that rows stay such as G makes them.
"""

from contextlib import contextmanager

import numpy as np
import torch
from sklearn.utils import Bunch, check_array
from torch import nn

from skaug._checks import Number, Rule, Whole, check_parameters, check_shape_of_fit
from skaug._printing import Printed
from skaug._random import draw_seed, new_generator
from skaug.net.head import capture_input
from skaug.net.trained import check_net, features_seen, head_of, undisturbed

__all__ = ["FeatureInversion"]


class FeatureInversion(Printed):
    r"""Find rows of a generator that have given features (Appendix C of [1]_).

    Step I, :meth:`recover`, finds noise z for a real row x with features a, so that the
    generator G makes a row that is like x to the eye and to the network f:

    .. math::

       \min_z \lVert f(G(\hat z)) - a \rVert^2 + \eta \lVert G(\hat z) - x \rVert^2,
       \qquad \hat z = \frac{z - \bar z}{\mathrm{std}(z)}.

    Step II, :meth:`reach`, starts there and minimises the first term alone for features
    that were moved, such as ISDA moves them.

    Parameters
    ----------
    generator : torch.nn.Module or callable
        Maps noise (n, latent_dim), which is a tensor, to rows (n, ...) as the network
        takes them. Gradients must flow through it. ``gan.generator(label)`` of the GANs
        in ``skaug.baselines`` is one. It is on the network's device, and not changed.
    latent_dim : int
        Numbers of noise.
    pixel_weight : float, default=1.0
        The :math:`\eta` above. Both terms count as shares of what they are for random
        noise, so that units do not matter; with 1 both count alike.
    steps : int, default=300
        Gradient steps of each of the two minimisations.
    lr : float, default=0.1
        Learning rate of Adam at the start; it falls to 0.
    n_starts : int, default=4
        Random draws of noise that step I starts from, the same for each row. The best
        end is kept.
    random_state : int, RandomState instance or None, default=None
        Seed of these draws.

    See Also
    --------
    skaug.isda.SemanticDirectionsDisplay : Draws such rows.

    Notes
    -----
    The paper takes 10,000 steps of gradient descent with a learning rate of 10, which
    suits features of one scale. Adam suits all, and needs far fewer steps. What the
    generator cannot make is not recovered.

    References
    ----------
    .. [1] Y. Wang et al., "Implicit Semantic Data Augmentation for Deep Networks",
       NeurIPS 2019.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skaug import ISDAClassifier
    >>> from skaug.baselines import WassersteinGAN
    >>> from skaug.isda import FeatureInversion
    >>> X, y = load_iris(return_X_y=True)
    >>> net = ISDAClassifier(random_state=0).fit(X, y)
    >>> gan = WassersteinGAN(latent_dim=8, steps=5, random_state=0).fit(X, y)
    >>> inversion = FeatureInversion(gan.generator(2), latent_dim=8, random_state=0)
    >>> found = inversion.recover(net, X[y == 2][:3])
    >>> moved = inversion.reach(net, found.noise, found.features + 0.1)
    >>> moved.rows.shape
    (3, 4)
    """

    _rules = {
        "generator": Rule(callable, "a function of noise, such as a torch.nn.Module"),
        "latent_dim": Whole(2, hint="It is the width of the generator's input."),
        "pixel_weight": Number(0),
        "steps": Whole(1),
        "lr": Number(0, open_low=True),
        "n_starts": Whole(1),
    }

    def __init__(
        self,
        generator,
        latent_dim,
        *,
        pixel_weight=1.0,
        steps=300,
        lr=0.1,
        n_starts=4,
        random_state=None,
    ):
        self.generator = generator
        self.latent_dim = latent_dim
        self.pixel_weight = pixel_weight
        self.steps = steps
        self.lr = lr
        self.n_starts = n_starts
        self.random_state = random_state

    def recover(self, net, X):
        """Find noise from which the generator makes given rows (step I).

        Parameters
        ----------
        net : NetClassifier or another net of skorch
            A fitted one whose last layer is an ``nn.Linear``.
        X : array-like of shape (n, ...)
            Rows as the network takes them.

        Returns
        -------
        found : Bunch
            ``noise`` of shape (n, latent_dim), normalised; the ``rows`` (n, ...) that
            the generator makes of it; and their ``features`` (n, n_features).

        Raises
        ------
        TypeError
            If it is no net of skorch.
        ValueError
            If a parameter is out of range, or the generator makes rows of another
            shape.
        """
        X = self._checked(net, X)
        draws = new_generator(draw_seed(self.random_state))
        z = torch.randn(self.n_starts, self.latent_dim, generator=draws).to(X)
        z = z.repeat(len(X), 1, 1)
        if hasattr(net, "input_shape_"):
            advice = "Give rows as the network takes them."
            check_shape_of_fit(X, net.input_shape_, type(self).__name__, advice)
        with self._forward(net) as forward:
            self._check_made(forward.rows(z[:, 0]), X.shape)
            return self._search(forward, z, forward.features(X), X)

    def reach(self, net, noise, features):
        """Move noise until the features of the generated rows are given ones (step II).

        Parameters
        ----------
        net : NetClassifier or another net of skorch
            The network of :meth:`recover`.
        noise : array-like of shape (n, latent_dim)
            Where to start, such as :meth:`recover` found it.
        features : array-like of shape (n, n_features)
            Features to reach.

        Returns
        -------
        found : Bunch
            As for :meth:`recover`.

        Raises
        ------
        TypeError, ValueError
            As for :meth:`recover`.
        """
        noise, wanted = self._checked(net, noise), self._checked(net, features)
        n_features = head_of(net).in_features
        self._check_shape("features", wanted, (len(wanted), n_features))
        self._check_shape("noise", noise, (len(wanted), self.latent_dim))
        with self._forward(net) as forward:
            self._check_made(forward.rows(noise))
            return self._search(forward, noise[:, None], wanted)

    def _checked(self, net, X):
        """Check the parameters; return an array as a tensor where the net is."""
        check_parameters(self, self._rules)
        check_net(net, type(self).__name__)
        X = check_array(X, dtype=np.float32, ensure_2d=False, allow_nd=True)
        return torch.as_tensor(X, device=net.device)

    @contextmanager
    def _forward(self, net):
        """The generator and the network as they predict, for a while."""
        is_module = isinstance(self.generator, nn.Module)
        parts = [self.generator] if is_module else []
        with undisturbed(net, beside=parts), torch.no_grad():
            for part in (net.module_, *parts):
                part.eval()
            yield _Forward(self.generator, net)

    def _search(self, forward, z, features, rows=None):
        """Minimise over noise (n, n_starts, latent_dim), and return the best start."""
        wanted = [features] if rows is None else [features, rows]
        weights = torch.tensor([1.0, self.pixel_weight][: len(wanted)]).to(z)

        def gaps(z):  # (1 or 2, n, n_starts)
            found = forward(z.flatten(0, 1))[: len(wanted)]
            pairs = [
                (of_z.reshape(*z.shape[:2], -1), given.flatten(1)[:, None])
                for of_z, given in zip(found, wanted)
            ]
            return torch.stack([(a - b).square().sum(dim=-1) for a, b in pairs])

        units = gaps(z).mean(dim=2, keepdim=True)
        factors = weights[:, None, None] / units.where(units > 0, 1)
        z, losses = self._minimised(lambda z: (gaps(z) * factors).sum(dim=0), z)
        z = _normalised(z[torch.arange(len(z)), losses.argmin(dim=1)])
        features, rows = forward(z)
        found = {"noise": z, "rows": rows, "features": features}
        return Bunch(**{name: part.cpu().numpy() for name, part in found.items()})

    def _check_shape(self, what, given, shape):
        if given.shape != shape:
            raise ValueError(
                f"{type(self).__name__} needs {what} of shape {shape}; got "
                f"{tuple(given.shape)}. Give those that recover found, moved or not."
            )

    def _check_made(self, rows, shape=None):
        """Refuse rows of another shape than what is wanted, or not finite."""
        name = type(self).__name__
        if shape is not None and rows.shape != shape:
            raise ValueError(
                f"{name} needs a generator that makes rows of shape {tuple(shape)}; "
                f"got {tuple(rows.shape)}. Take one that was trained on rows as the "
                "network takes them."
            )
        if not rows.isfinite().all():
            raise ValueError(
                f"{name} needs noise of which the generator makes finite rows; got NaN "
                "or infinity. Give noise whose numbers differ, and a generator that "
                "was trained."
            )

    def _minimised(self, loss_of, z):
        """Noise of the lowest loss on the way of Adam, and the loss, for each start."""
        best, lowest = z, torch.full(z.shape[:2], torch.inf).to(z)
        with torch.enable_grad():
            z = z.clone().requires_grad_()
            optimizer = torch.optim.Adam([z], lr=self.lr)
            schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, self.steps)
            for _ in range(self.steps + 1):  # where the last step leads is looked at
                losses = loss_of(z)
                # The weights of the networks get no gradient.
                (z.grad,) = torch.autograd.grad(losses.sum(), z)
                losses = losses.detach()
                is_lower = losses < lowest
                best = torch.where(is_lower[..., None], z.detach(), best)
                lowest = losses.minimum(lowest)
                optimizer.step()
                schedule.step()
        return best, lowest


class _Forward:
    """Features and rows of noise."""

    def __init__(self, generator, net):
        self.generator, self.net, self.head = generator, net, head_of(net)

    def rows(self, z):
        return self.generator(_normalised(z))

    def features(self, rows):
        with capture_input(self.head) as inputs:
            output = self.net.infer(rows)
        return features_seen(self.net, self.head, inputs, output)

    def __call__(self, z):
        rows = self.rows(z)
        return self.features(rows), rows


def _normalised(z):
    """Noise of mean 0 and standard deviation 1, in each row."""
    z = z - z.mean(dim=-1, keepdim=True)
    return z / z.square().mean(dim=-1, keepdim=True).sqrt()
