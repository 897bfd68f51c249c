r"""New feature vectors near given ones, of the same class.

Four generators with one method, ``draw``. Every new vector has its own factor
:math:`\beta`, drawn from U[0, ``spread``], which says how far it goes from its source:

- :class:`LatentVariation`: :math:`z = \mu + \beta \sigma \epsilon` in the latent space
  of a variational autoencoder (Eq. 4 of IHDA [1]_), conditional on the class or not;
- :class:`ClassGaussian`: normal with the covariance of the class;
- :class:`FeatureNoise`: normal with the variance of each feature.

References
----------
.. [1] M. Khan and M. M. Fraz, "Post-training Iterative Hierarchical Data Augmentation
   for Deep Networks", NeurIPS 2020.
"""

import math

import numpy as np
import torch
from skorch.dataset import ValidSplit

from skaug._random import new_generator
from skaug.hard_regions.vae import fit_vae
from skaug.net.splits import hold_out

__all__ = [
    "GENERATORS",
    "ClassGaussian",
    "FeatureNoise",
    "LatentVariation",
    "SyntheticSet",
    "fit_generator",
    "sample_latent",
]

GENERATORS = ("vae", "cvae", "gaussian", "noise")
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
        What was drawn for the rows.

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


# In double precision for any dtype, so that the draws do not depend on it.
def _uniform(n, spread, generator):
    return spread * torch.rand(n, 1, generator=generator, dtype=torch.float64)


def _normal(shape, generator):
    return torch.randn(shape, generator=generator, dtype=torch.float64)


class FeatureNoise:
    """Normal noise with the standard deviation of each feature.

    Parameters
    ----------
    X : torch.Tensor of shape (n, n_features)
        Vectors to learn from.
    spread : float, default=1.0
        The factor of each new vector is drawn from U[0, spread].

    Attributes
    ----------
    deviation : torch.Tensor of shape (n_features,)
        Standard deviation of each feature.
    """

    def __init__(self, X, spread=1.0):
        self.spread = spread
        self.deviation = X.std(0, correction=0)

    def draw(self, X, codes, generator):
        """Draw one new vector per source.

        Parameters
        ----------
        X : torch.Tensor of shape (n, n_features)
            Sources.
        codes : torch.Tensor of shape (n,)
            Their classes; not looked at.
        generator : torch.Generator
            Source of randomness, on the CPU.

        Returns
        -------
        new : torch.Tensor of shape (n, n_features)
            New vectors.
        spreads : torch.Tensor of shape (n, 1)
            The factor of each.
        """
        return sample_latent(X, self.deviation, self.spread, generator=generator)


class ClassGaussian:
    r"""Normal with the covariance of the class, times the factor squared.

    Of few vectors no covariance matrix is formed: a sum of the class's n centred
    vectors with standard normal weights over :math:`\sqrt n` has it.

    Parameters
    ----------
    X : torch.Tensor of shape (n, n_features)
        Vectors to learn from.
    codes : torch.Tensor of shape (n,)
        Their classes.
    spread : float, default=1.0
        The factor of each new vector is drawn from U[0, spread].

    Attributes
    ----------
    factor : dict of int to torch.Tensor of shape (n_directions, n_features)
        A matrix A of each class with A'A its covariance, of as many rows as the class
        has vectors or features, whichever is less.
    """

    def __init__(self, X, codes, spread=1.0):
        self.spread = spread
        self.factor = {}
        for code in codes.unique().tolist():
            rows = X[codes == code]
            rows = (rows - rows.mean(0)) / math.sqrt(len(rows))
            if len(rows) > rows.shape[1]:
                rows = torch.linalg.qr(rows, mode="r").R
            self.factor[code] = rows

    def draw(self, X, codes, generator):
        """Draw one new vector per source.

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
        spreads, new = _uniform(len(X), self.spread, generator).to(X), X.clone()
        for code in codes.unique().tolist():
            factor = self.factor.get(code)
            if factor is None:  # no vector of this class was seen, so none moves
                continue
            # Weights take no more memory than that of a piece of samples.
            at_once = max(1, BYTES_AT_ONCE // (8 * len(factor)))
            for rows in (codes == code).nonzero().squeeze(1).split(at_once):
                weights = _normal((len(rows), len(factor)), generator).to(X)
                new[rows] += spreads[rows] * (weights @ factor)
        return new, spreads


class LatentVariation:
    """Variation in the latent space of a variational autoencoder.

    Parameters
    ----------
    vae : VAE
        A trained autoencoder.
    X : torch.Tensor of shape (n, n_features)
        Vectors to measure its error on.
    codes : torch.Tensor of shape (n,), default=None
        Their classes, for a conditional autoencoder.
    spread : float, default=1.0
        The factor of each new vector is drawn from U[0, spread].
    keep_residual : bool, default=True
        Whether to add the difference of decoded vectors to the source, rather than
        return decoded vectors, which lack what the autoencoder cannot represent.
    decoder_noise : float, default=2.0
        Normal noise added to each feature, as a multiple of the factor and of the
        standard deviation of the autoencoder's error.

    Attributes
    ----------
    deviation : torch.Tensor of shape (n_features,)
        Standard deviation of the autoencoder's error.
    """

    def __init__(
        self, vae, X, codes=None, spread=1.0, keep_residual=True, decoder_noise=2.0
    ):
        self.vae = vae
        self.spread = spread
        self.keep_residual = keep_residual
        self.decoder_noise = decoder_noise
        self.deviation = vae.error(X, codes)

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
        mean, deviation = self.vae.encode(X, codes)
        z, spreads = sample_latent(mean, deviation, self.spread, generator=generator)
        new = self.vae.decode(z, codes)
        if self.keep_residual:
            new = X + (new - self.vae.decode(mean, codes))
        if self.decoder_noise:
            noise = _normal(X.shape, generator).to(X)
            new = new + self.decoder_noise * spreads * self.deviation * noise
        return new, spreads


def fit_generator(
    kind,
    X,
    codes,
    groups=None,
    *,
    spread=1.0,
    keep_residual=True,
    decoder_noise=2.0,
    random_state=0,
    **vae_params,
):
    """Make a generator of new vectors like those given.

    Parameters
    ----------
    kind : {"vae", "cvae", "gaussian", "noise"}
        "vae" and "cvae", which is conditional on the class, are trained; a tenth of the
        rows is held out from them, by groups, to stop in time.
    X : torch.Tensor of shape (n, n_features)
        Vectors.
    codes : torch.Tensor of shape (n,)
        Their classes.
    groups : array-like of shape (n,), default=None
        Subject, segment or the like of each.
    spread, keep_residual, decoder_noise : object
        As for :class:`LatentVariation`.
    random_state : int, default=0
        Seed.
    **vae_params
        Passed to :func:`~skaug.hard_regions.fit_vae`.

    Returns
    -------
    generator : object with ``draw``
        The generator.
    report : dict
        Of a trained one: ``r2`` and ``active_units`` on all rows, ``r2_held_out``, see
        :meth:`~skaug.hard_regions.VAE.report`; otherwise NaN and 0. ``interrupted`` if
        Ctrl-C ended its training.
    """
    report = {"r2": math.nan, "r2_held_out": math.nan, "active_units": 0}
    report["interrupted"] = False
    if kind == "noise":
        return FeatureNoise(X, spread), report
    if kind == "gaussian":
        return ClassGaussian(X, codes, spread), report
    train, valid = np.arange(len(X)), None
    if groups is not None and len(np.unique(groups)) < 2:
        groups = None
    if len(X) >= 10:
        split = ValidSplit(0.1, stratified=False)
        train, valid = hold_out(split, codes.cpu(), groups, random_state=random_state)
    train, valid = (
        None if rows is None else torch.as_tensor(rows, device=X.device)
        for rows in (train, valid)
    )
    seen = codes if kind == "cvae" else None

    def part(values, rows):
        return None if rows is None or values is None else values[rows]

    vae = fit_vae(
        X[train],
        part(X, valid),
        codes=part(seen, train),
        codes_valid=part(seen, valid),
        n_classes=0 if seen is None else int(codes.max()) + 1,
        random_state=random_state,
        **vae_params,
    )
    report["interrupted"] = vae.interrupted
    report["r2"], report["active_units"] = vae.report(X, seen)
    if valid is not None:
        report["r2_held_out"], _ = vae.report(X[valid], part(seen, valid))
    variation = LatentVariation(vae, X, seen, spread, keep_residual, decoder_noise)
    return variation, report


class SyntheticSet:
    """Samples of many sources, made piece by piece and the same ones at every pass.

    What IHDA calls :math:`h^l_A` (Eq. 7). Of a convolutional layer it can be many times
    the data, so no more than a piece exists at a time.

    Parameters
    ----------
    generator : object with ``draw``
        From :func:`fit_generator`.
    h : torch.Tensor of shape (n, n_features)
        Vectors.
    codes : torch.Tensor of shape (n,)
        Their classes.
    sources : ndarray of shape (n_samples,)
        The row of `h` that each sample is made from.
    seed : int, default=0
        Seed of the samples and of the order of batches.

    Attributes
    ----------
    sources : ndarray of shape (n_samples,)
        As given.
    """

    def __init__(self, generator, h, codes, sources, seed=0):
        self.generator, self.h, self.codes, self.seed = generator, h, codes, seed
        self.sources = sources
        self._size = max(64, BYTES_AT_ONCE // max(h[:1].nbytes, 1))
        # What behind a ReLU is never negative stays so.
        self._floor = 0.0 if (h >= 0).all() else -math.inf

    def pieces(self):
        """Go through the samples once, in their order.

        Yields
        ------
        new : torch.Tensor of shape (piece, n_features)
            Samples.
        codes : torch.Tensor of shape (piece,)
            Classes of their sources.
        """
        starts = range(0, len(self.sources), self._size)
        for number, start in enumerate(starts):
            rows = torch.as_tensor(
                self.sources[start : start + self._size], device=self.h.device
            )
            codes = self.codes[rows]
            # A seed for each piece: it comes out the same in every pass.
            torch_generator = new_generator(self.seed + number)
            new, _ = self.generator.draw(self.h[rows], codes, torch_generator)
            yield new.clamp_(min=self._floor), codes

    def batches(self, size):
        """Batches of one size, pass after pass.

        Parameters
        ----------
        size : int
            Samples per batch.

        Yields
        ------
        new : torch.Tensor of shape (size, n_features)
            Samples; within a piece in a new order at each pass.
        codes : torch.Tensor of shape (size,)
            Classes of their sources.
        """
        rng = np.random.RandomState(self.seed)
        only = list(self.pieces()) if len(self.sources) <= self._size else None
        new, codes = self.h[:0], self.codes[:0]
        while True:
            for piece in only or self.pieces():
                order = torch.as_tensor(rng.permutation(len(piece[1])))
                order = order.to(self.h.device)
                new = torch.cat([new, piece[0][order]])
                codes = torch.cat([codes, piece[1][order]])
                n = len(codes) // size * size
                if n:  # split would give an empty batch
                    yield from zip(new[:n].split(size), codes[:n].split(size))
                new, codes = new[n:], codes[n:]
