r"""Generators: new feature vectors near given ones, of the same class.

A generator is fitted to vectors and draws one new vector for each source among them.
Every new vector has a factor :math:`\beta` of its own, drawn from U[0, ``spread``],
which says how far the vector goes from its source:

- :class:`VAEGenerator` and :class:`CVAEGenerator`: :math:`z = \mu + \beta \sigma
  \epsilon` in the latent space of a variational autoencoder (Eq. 4 of IHDA [1]_);
- :class:`GaussianGenerator`: normal with the covariance of the class;
- :class:`NoiseGenerator`: normal with the variance of each feature.

A generator of your own needs the two methods ``fit`` and ``draw``, and the
``get_params`` of scikit-learn.

References
----------
.. [1] A. Khan, K. Fraz, "Post-training Iterative Hierarchical Data Augmentation for
   Deep Networks", NeurIPS 2020.
"""

import math

import numpy as np
import torch
from sklearn.base import BaseEstimator
from skorch.dataset import ValidSplit

from skaug._checks import Instance, Number, OneOf, Whole, check_parameters
from skaug.hard_regions.vae import fit_vae
from skaug.net.splits import hold_out

__all__ = [
    "BYTES_AT_ONCE",
    "CVAEGenerator",
    "GaussianGenerator",
    "NoiseGenerator",
    "VAEGenerator",
    "collapse",
    "sample_latent",
]

BYTES_AT_ONCE = 2**25


def sample_latent(mean, deviation, spread=1.0, *, generator=None):
    r"""Draw :math:`z = \mu + \beta \sigma \epsilon` (Eq. 4 of IHDA).

    Parameters
    ----------
    mean, deviation : torch.Tensor of shape (n, latent_dim)
        Of the latent distribution of each row.
    spread : float, default=1.0
        :math:`\beta` is drawn from U[0, spread], once per row. With 1 the variance of
        z is a third of the variance of the latent distribution.
    generator : torch.Generator, default=None
        Source of randomness, on the CPU.

    Returns
    -------
    z : torch.Tensor of shape (n, latent_dim)
        One draw per row.
    spreads : torch.Tensor of shape (n, 1)
        The factor of each row.

    Examples
    --------
    >>> import torch
    >>> from skaug.hard_regions import sample_latent
    >>> z, spreads = sample_latent(torch.zeros(5, 3), torch.ones(5, 3), spread=0.0)
    >>> bool((z == 0).all())
    True
    """
    spreads = _uniform(len(mean), spread, generator).to(mean)
    return mean + spreads * deviation * _normal(mean.shape, generator).to(mean), spreads


# Draws are made in double precision, so that they do not depend on the dtype of X.
def _uniform(n, spread, generator):
    return spread * torch.rand(n, 1, generator=generator, dtype=torch.float64)


def _normal(shape, generator):
    return torch.randn(shape, generator=generator, dtype=torch.float64)


class _Generator(BaseEstimator):
    """A generator that declares what its parameters may be."""

    _rules = {"spread": Number(0, hint="0 makes copies of the sources.")}

    def check(self):
        """Refuse parameters that are out of their range."""
        check_parameters(self, self._rules)


class NoiseGenerator(_Generator):
    """Normal noise with the standard deviation of each feature.

    It needs no training, and inside a network it is nearly as good as an autoencoder.

    Parameters
    ----------
    spread : float, default=1.0
        The factor of each new vector is drawn from U[0, spread]; 0 makes copies.

    Attributes
    ----------
    deviation_ : torch.Tensor of shape (n_features,)
        Standard deviation of each feature.

    Examples
    --------
    >>> import torch
    >>> from skaug import NoiseGenerator
    >>> X, codes = torch.eye(4), torch.tensor([0, 0, 1, 1])
    >>> noise = NoiseGenerator().fit(X, codes)
    >>> new, spreads = noise.draw(X, codes, torch.Generator())
    >>> new.shape
    torch.Size([4, 4])
    """

    def __init__(self, spread=1.0):
        self.spread = spread

    def fit(self, X, codes, groups=None, *, random_state=0, verbose=0):
        """Measure the standard deviations; only X is looked at."""
        self.check()
        self.deviation_ = X.std(0, correction=0)
        return self

    def draw(self, X, codes, generator):
        """Draw one new vector per source, as :meth:`VAEGenerator.draw` does."""
        return sample_latent(X, self.deviation_, self.spread, generator=generator)


class GaussianGenerator(_Generator):
    r"""Normal with the covariance of the class, times the factor squared.

    A sum of the class's n centred vectors with standard normal weights over
    :math:`\sqrt n` has this covariance, so that no matrix of n_features x n_features
    is formed where a class has few vectors.

    Parameters
    ----------
    spread : float, default=1.0
        The factor of each new vector is drawn from U[0, spread]; 0 makes copies.

    Attributes
    ----------
    factors_ : dict of int to torch.Tensor of shape (n_directions, n_features)
        A matrix A of each class whose A'A is the covariance. It has as many rows as the
        class has vectors or features, whichever is less.

    Examples
    --------
    >>> import torch
    >>> from skaug import GaussianGenerator
    >>> X, codes = torch.eye(4), torch.tensor([0, 0, 1, 1])
    >>> gaussian = GaussianGenerator().fit(X, codes)
    >>> new, spreads = gaussian.draw(X, codes, torch.Generator())
    >>> bool((new[:2, 2:] == 0).all())  # features that never vary in class 0
    True
    """

    def __init__(self, spread=1.0):
        self.spread = spread

    def fit(self, X, codes, groups=None, *, random_state=0, verbose=0):
        """Measure the covariances; only X and `codes` are looked at."""
        self.check()
        self.factors_ = {}
        for code in codes.unique().tolist():
            rows = X[codes == code]
            rows = (rows - rows.mean(0)) / math.sqrt(len(rows))
            if len(rows) > rows.shape[1]:
                rows = torch.linalg.qr(rows, mode="r").R
            self.factors_[code] = rows
        return self

    def draw(self, X, codes, generator):
        """Draw one new vector per source, as :meth:`VAEGenerator.draw` does."""
        # A source of a class that was not there in ``fit`` comes back as it is.
        spreads, new = _uniform(len(X), self.spread, generator).to(X), X.clone()
        for code in codes.unique().tolist():
            factor = self.factors_.get(code)
            if factor is None:
                continue
            # Weights of one piece take no more memory than the samples of a piece.
            at_once = max(1, BYTES_AT_ONCE // (8 * len(factor)))
            for rows in (codes == code).nonzero().squeeze(1).split(at_once):
                weights = _normal((len(rows), len(factor)), generator).to(X)
                new[rows] += spreads[rows] * (weights @ factor)
        return new, spreads


class VAEGenerator(_Generator):
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

    conditional = False
    _rules = {
        **_Generator._rules,
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
        X : torch.Tensor of shape (n, n_features)
            Vectors to learn from.
        codes : torch.Tensor of shape (n,)
            Their classes.
        groups : array-like of shape (n,), default=None
            Subject, segment or the like of each: whole groups are held out.
        random_state : int, default=0
            Seed.
        verbose : int, default=0
            Whether to report on the training.

        Returns
        -------
        self : VAEGenerator
            The fitted generator.
        """
        self.check()
        told = codes if self.conditional else None
        train, held_out = _a_tenth_held_out(X, codes, groups, random_state)
        steps = min(max(100, 10 * math.ceil(len(X) / 256)), 400)
        self.vae_ = fit_vae(
            X[train],
            _rows(X, held_out),
            codes=_rows(told, train),
            codes_valid=_rows(told, held_out),
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
            self.r2_held_out_, _ = self.vae_.report(X[held_out], _rows(told, held_out))
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
            noise = _normal(X.shape, generator).to(X)
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
        return slice(None), None
    if groups is not None and len(np.unique(groups)) < 2:
        groups = None
    split = ValidSplit(0.1, stratified=False)
    sides = hold_out(split, codes.cpu(), groups, random_state=seed)
    return tuple(torch.as_tensor(rows, device=X.device) for rows in sides)


def _rows(values, rows):
    return None if values is None or rows is None else values[rows]
