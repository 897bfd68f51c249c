"""Generators that draw in the latent space of a variational autoencoder."""

import math

import numpy as np
import torch
from skorch.dataset import ValidSplit

from skaug._checks import Instance, Number, OneOf, Whole
from skaug.hard_regions.generators import Generator, normal, sample_latent
from skaug.hard_regions.parts import Chosen, at_once_if_few
from skaug.hard_regions.vae import fit_vae
from skaug.net.splits import hold_out

__all__ = ["CVAEGenerator", "VAEGenerator", "collapse"]


class VAEGenerator(Generator):
    """Variation in the latent space of a variational autoencoder, as in the paper.

    Parameters
    ----------
    latent_dim : int, default=32
        Dimension of the latent space.
    kl_weight : float, default=1.0
        Weight of the divergence in the autoencoder's loss (Eq. 2); less makes closer
        copies.
    steps : int or "auto", default="auto"
        Training steps at most. "auto" is about five passes over the rows, but at least
        100 and at most 400 steps: inside a network, an autoencoder that is half trained
        served as well as one that is trained out.
    keep_residual : bool, default=True
        Whether a new vector keeps what the autoencoder cannot represent of its source.
        The paper's vectors do not: they are the decoded ones, which are blurred where
        the autoencoder is coarse.
    decoder_noise : float, default=2.0
        Normal noise added to each feature, as a multiple of the factor and of the
        standard deviation of the autoencoder's error; 0 in the paper.
    spread : float, default=1.0
        The factor of each new vector is drawn from U[0, spread].

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
        "latent_dim": Whole(1),
        "kl_weight": Number(0),
        "steps": Whole(1) | OneOf("auto"),
        "keep_residual": Instance((bool, np.bool_), "True or False"),
        "decoder_noise": Number(0),
    }

    def __init__(
        self,
        latent_dim=32,
        kl_weight=1.0,
        steps="auto",
        keep_residual=True,
        decoder_noise=2.0,
        spread=1.0,
    ):
        self.latent_dim = latent_dim
        self.kl_weight = kl_weight
        self.steps = steps
        self.keep_residual = keep_residual
        self.decoder_noise = decoder_noise
        self.spread = spread

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
        steps = min(max(100, 10 * math.ceil(len(X) / 256)), 400)
        rows, rows_held_out = (_rows(X, side) for side in (train, held_out))
        self.vae_ = fit_vae(
            rows,
            rows_held_out,
            codes=_codes(told, train),
            codes_valid=_codes(told, held_out),
            n_classes=int(codes.max()) + 1 if self.conditional else 0,
            latent_dim=self.latent_dim,
            kl_weight=self.kl_weight,
            max_steps=steps if self.steps == "auto" else self.steps,
            random_state=random_state,
            verbose=verbose,
        )
        self.interrupted_ = self.vae_.interrupted
        self.r2_, self.active_units_ = self.vae_.report(X, told)
        self.r2_held_out_ = math.nan
        if held_out is not None:
            self.r2_held_out_, _ = self.vae_.report(
                rows_held_out, _codes(told, held_out)
            )
        self.deviation_ = self.vae_.error(X, told)
        return self

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
    return (
        f"the autoencoder collapsed: it explains {max(r2, 0):.0%} of the variance with "
        f"{units} active latent units. Decrease kl_weight, increase steps, or set "
        "generator='noise'."
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
