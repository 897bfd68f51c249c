r"""Generators that draw in the latent space of a variational autoencoder.

What IHDA [1]_ says of its autoencoders, one for each level of a network:

- They are trained on the activations of all training rows, with the summed squared
  error plus the KL divergence as loss (Eq. 2). A tenth of the activations is held out
  to validate them. Standardised activations are not mentioned, and the weight of the
  divergence is 1.
- For a source, the encoder gives :math:`\mu` and :math:`\sigma`, and every sample is
  the decoded :math:`z = \mu + \beta \sigma \epsilon` with draws of its own of
  :math:`\epsilon` from N(0, I) and of :math:`\beta` from [0, 1] (Eq. 4 and 7). It is
  the z of a draw that is decoded, never the mean. Without :math:`\beta` the results
  were worse.
- Samples are decoded vectors as they are: nothing is said of values below 0 where the
  activations come from a ReLU.
- Layers, latent dimension, optimizer, batches and the end of the training are only in
  a supplement, if anywhere.

So the paper's generator, with our sizes where it gives none, is ``VAEGenerator(
steps="converged", standardise=False, keep_residual=False, decoder_noise=0,
clamp=False)``, and its other variant has ``spread="fixed"``.

References
----------
.. [1] A. Khan, K. Fraz, "Post-training Iterative Hierarchical Data Augmentation for
   Deep Networks", NeurIPS 2020.
"""

import math

import numpy as np
import torch
from skorch.dataset import ValidSplit

from skaug._checks import BOOL, Number, OneOf, Whole
from skaug.hard_regions.generators import Generator, normal, sample_latent
from skaug.hard_regions.parts import Chosen, at_once_if_few
from skaug.hard_regions.vae import RULES, fit_vae
from skaug.net.splits import hold_out

__all__ = ["CVAEGenerator", "VAEGenerator", "collapse"]

# Steps that a training takes at most until it has converged.
MOST_STEPS = 20_000


class VAEGenerator(Generator):
    """Variation in the latent space of a variational autoencoder.

    The defaults are not the paper's: they keep samples close to real activations and
    the training short, which cost less accuracy inside networks. The module's text
    lists what the paper says, and the parameters that do so.

    Parameters
    ----------
    latent_dim : int, default=32
        Dimension of the latent space.
    kl_weight : float, default=1.0
        Weight of the divergence in the autoencoder's loss (Eq. 2); less makes closer
        copies.
    steps : int, "auto" or "converged", default="auto"
        Training steps at most. "auto" is about five passes over the rows, but at least
        100 and at most 400 steps: inside a network, an autoencoder that is half trained
        served as well as one that is trained out. "converged" is the paper's: training
        goes on until the loss on the held-out tenth has not fallen at ten looks in a
        row, one every 20 steps, or to 20,000 steps. The weights are those of the best
        look. Fewer than ten rows hold nothing out, and then "converged" is "auto".
    keep_residual : bool, default=True
        Whether a new vector keeps what the autoencoder cannot represent of its source.
        The paper's vectors do not: they are the decoded ones, which are blurred where
        the autoencoder is coarse.
    decoder_noise : float, default=2.0
        Normal noise added to each feature, as a multiple of the factor and of the
        standard deviation of the autoencoder's error; 0 in the paper.
    spread : float or "fixed", default=1.0
        The factor of each new vector is drawn from U[0, spread]. "fixed" is a factor of
        1 for all, the paper's variant without it.
    standardise : bool, default=True
        Whether the autoencoder learns features in standard units. False is Eq. 2 to the
        letter, with the error of the activations as they are: where their variance is
        small beside 1, the divergence wins and the latent space is empty.
    clamp : bool, default=True
        Whether :class:`~skaug.IHDAFinetuner` sets samples to 0 where they are negative,
        at a level where no activation is, such as behind a ReLU. False leaves them as
        they are decoded. Elsewhere it does nothing.

    Attributes
    ----------
    vae_ : VAE
        The trained autoencoder.
    deviation_ : torch.Tensor of shape (n_features,)
        Standard deviation of the autoencoder's error.
    r2_, active_units_ : float, int
        What the latent space carries of all rows, see
        :meth:`~skaug.hard_regions.VAE.report`.
    r2_held_out_ : float
        The same of rows that were held out from training; NaN where none were.
    n_steps_ : int
        Training steps that were taken.
    interrupted_ : bool
        Whether Ctrl-C ended the training.

    Examples
    --------
    >>> import torch
    >>> from sklearn.datasets import load_iris
    >>> from skaug import VAEGenerator
    >>> X, codes = map(torch.from_numpy, load_iris(return_X_y=True))
    >>> generator = VAEGenerator(latent_dim=2).fit(X, codes)
    >>> new, spreads = generator.draw(X, codes, torch.Generator())
    >>> new.shape, generator.r2_ > 0.5
    (torch.Size([150, 4]), True)
    """

    conditional, reads_in_parts = False, True
    _rules = {
        **Generator._rules,
        "latent_dim": RULES["latent_dim"],
        "kl_weight": RULES["kl_weight"],
        "steps": Whole(1) | OneOf("auto", "converged"),
        "keep_residual": BOOL,
        "decoder_noise": Number(0),
        "standardise": BOOL,
        "clamp": BOOL,
    }

    def __init__(
        self,
        latent_dim=32,
        kl_weight=1.0,
        steps="auto",
        keep_residual=True,
        decoder_noise=2.0,
        spread=1.0,
        standardise=True,
        clamp=True,
    ):
        self.latent_dim = latent_dim
        self.kl_weight = kl_weight
        self.steps = steps
        self.keep_residual = keep_residual
        self.decoder_noise = decoder_noise
        self.spread = spread
        self.standardise = standardise
        self.clamp = clamp

    def fit(self, X, codes, groups=None, *, random_state=0, verbose=0):
        """Train the autoencoder; a tenth of the rows is held out to stop in time.

        Parameters
        ----------
        X : torch.Tensor or InParts of shape (n, n_features)
            Vectors to learn from, which are read in parts.
        codes : torch.Tensor of shape (n,)
            Their classes.
        groups : array-like of shape (n,), default=None
            Subject, segment or the like of each: whole groups are held out.
        random_state : int, default=0
            Seed.
        verbose : int, default=0
            As for :func:`~skaug.hard_regions.fit_vae`.

        Returns
        -------
        self : VAEGenerator
            The fitted generator.
        """
        self.check()
        told = codes if self.conditional else None
        train, held_out = _a_tenth_held_out(X, codes, groups, random_state)
        if self.conditional and len(codes[train].unique()) < len(codes.unique()):
            # A class that is held out as a whole would not be learned.
            train, held_out = torch.arange(len(X), device=X.device), None
        rows, rows_held_out = (_rows(X, side) for side in (train, held_out))
        self.vae_ = fit_vae(
            rows,
            rows_held_out,
            codes=_codes(told, train),
            codes_valid=_codes(told, held_out),
            n_classes=int(codes.max()) + 1 if self.conditional else 0,
            latent_dim=self.latent_dim,
            kl_weight=self.kl_weight,
            standardise=self.standardise,
            max_steps=self._most_steps(len(X), held_out is not None),
            random_state=random_state,
            verbose=verbose,
        )
        self.n_steps_, self.interrupted_ = self.vae_.n_steps, self.vae_.interrupted
        self.r2_, self.active_units_ = self.vae_.report(X, told)
        self.r2_held_out_ = math.nan
        if held_out is not None:
            self.r2_held_out_, _ = self.vae_.report(
                rows_held_out, _codes(told, held_out)
            )
        self.deviation_ = self.vae_.error(X, told)
        return self

    def _most_steps(self, n, held_out):
        if self.steps == "converged" and held_out:
            return MOST_STEPS
        if self.steps in ("auto", "converged"):
            return min(max(100, 10 * math.ceil(n / 256)), 400)
        return self.steps

    @torch.no_grad()
    def draw(self, X, codes, generator):
        """Draw one new vector per source (Eq. 7 of IHDA).

        Parameters
        ----------
        X : torch.Tensor of shape (n, n_features)
            Sources.
        codes : torch.Tensor of shape (n,)
            Their classes.
        generator : torch.Generator
            Source of randomness, on the CPU.

        Returns
        -------
        new : torch.Tensor of shape (n, n_features)
            New vectors.
        spreads : torch.Tensor of shape (n, 1)
            The factor of each.
        """
        mean, deviation = self.vae_.encode(X, codes)
        z, spreads = sample_latent(mean, deviation, self.spread, generator=generator)
        new = self.vae_.decode(z, codes)
        if self.keep_residual:
            new = X + (new - self.vae_.decode(mean, codes))
        if self.decoder_noise:
            noise = normal(X.shape, generator).to(X)
            new = new + self.decoder_noise * spreads * self.deviation_ * noise
        return new, spreads


class CVAEGenerator(VAEGenerator):
    """The same with an autoencoder that is told the class of each row.

    Parameters and attributes are those of :class:`VAEGenerator`.

    Examples
    --------
    >>> import torch
    >>> from sklearn.datasets import load_iris
    >>> from skaug import CVAEGenerator
    >>> X, codes = map(torch.from_numpy, load_iris(return_X_y=True))
    >>> CVAEGenerator(latent_dim=2).fit(X, codes).vae_.n_classes
    3
    """

    conditional = True


def collapse(generator, least_r2):
    """Say what is wrong with a trained autoencoder, if its latent space is empty."""
    # A generator without an autoencoder is never at fault.
    r2 = getattr(generator, "r2_", math.inf)
    units = getattr(generator, "active_units_", math.inf)
    if r2 >= least_r2 and units:
        return None
    ways = ["Decrease kl_weight"]
    if getattr(generator, "steps", None) != "converged":
        ways.append("increase steps")
    if not getattr(generator, "standardise", True):
        ways.append("set standardise=True")
    return (
        f"the autoencoder collapsed: it explains {max(r2, 0):.0%} of the variance with "
        f"{units} active latent units. {', '.join(ways)}, or set generator='noise'."
    )


def _a_tenth_held_out(X, codes, groups, seed):
    """Rows to train on and rows held out, or all rows and None of fewer than ten."""
    if len(X) < 10:
        return torch.arange(len(X), device=X.device), None
    if groups is not None and len(np.unique(groups)) < 2:
        groups = None
    split = ValidSplit(0.1, stratified=False)
    sides = hold_out(split, codes.cpu(), groups, random_state=seed)
    return tuple(torch.as_tensor(rows, device=X.device) for rows in sides)


def _rows(X, numbers):
    """Some rows of X, without a copy of them if they are many."""
    return None if numbers is None else at_once_if_few(Chosen(X, numbers))


def _codes(codes, numbers):
    return None if codes is None or numbers is None else codes[numbers]
