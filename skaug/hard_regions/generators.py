r"""Generators: new feature vectors near given ones, of the same class.

A generator is fitted to vectors and draws one new vector for each source among them.
Every new vector has a factor :math:`\beta` of its own, drawn from U[0, ``spread``],
which says how far the vector goes from its source. With ``spread="fixed"`` the factor
is 1 for all of them. The paper tried both and found the drawn one better.

- :class:`VAEGenerator` and :class:`CVAEGenerator`: :math:`z = \mu + \beta \sigma
  \epsilon` in the latent space of a variational autoencoder (Eq. 4 of IHDA [1]_). The
  paper's new vector is the decoded z, where :math:`\epsilon` is drawn anew for every
  vector; it is not the decoded mean;
- :class:`NeighborGenerator` and :class:`InterpolationGenerator`: from the source
  towards its nearest neighbours of the class;
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

import torch
from sklearn.base import BaseEstimator

from skaug._checks import Number, OneOf, check_parameters, check_value
from skaug.hard_regions.parts import BYTES_AT_ONCE, moments

__all__ = [
    "GaussianGenerator",
    "Generator",
    "NoiseGenerator",
    "factors",
    "normal",
    "sample_latent",
]


SPREAD = Number(0, hint="0 makes copies of the sources.") | OneOf("fixed")


def sample_latent(mean, deviation, spread=1.0, *, generator=None):
    r"""Draw :math:`z = \mu + \beta \sigma \epsilon` (Eq. 4 of IHDA).

    Parameters
    ----------
    mean, deviation : torch.Tensor of shape (n, latent_dim)
        Of the latent distribution of each row.
    spread : float or "fixed", default=1.0
        :math:`\beta` is drawn from U[0, spread], once per row. With 1 the variance of
        z is a third of the variance of the latent distribution. "fixed" is the paper's
        variant without :math:`\beta`: it is 1 in every row, and z has the variance of
        the latent distribution.
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
    check_value("sample_latent", "spread", spread, SPREAD)
    spreads = factors(len(mean), spread, generator).to(mean)
    return mean + spreads * deviation * normal(mean.shape, generator).to(mean), spreads


# Draws are made in double precision, so that they do not depend on the dtype of X.
def factors(n, spread, generator):
    """Draw factors (n, 1) from U[0, spread]; all are 1 if the spread is "fixed"."""
    if spread == "fixed":
        return torch.ones(n, 1, dtype=torch.float64)
    return spread * torch.rand(n, 1, generator=generator, dtype=torch.float64)


def normal(shape, generator):
    """Draw standard normal numbers."""
    return torch.randn(shape, generator=generator, dtype=torch.float64)


class Generator(BaseEstimator):
    """A generator that declares what its parameters may be."""

    # Whether ``fit`` reads its vectors in parts, so that the disk may hold them.
    reads_in_parts = False
    _rules = {"spread": SPREAD}

    def check(self):
        """Refuse parameters that are out of their range."""
        check_parameters(self, self._rules)


class NoiseGenerator(Generator):
    """Normal noise with the standard deviation of each feature.

    It needs no training, and inside a network it is nearly as good as an autoencoder.

    Parameters
    ----------
    spread : float or "fixed", default=1.0
        The factor of each new vector is drawn from U[0, spread]; 0 makes copies.
        "fixed" is a factor of 1 for all.

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

    reads_in_parts = True

    def __init__(self, spread=1.0):
        self.spread = spread

    def fit(self, X, codes, groups=None, *, random_state=0, verbose=0):
        """Measure the standard deviations; only X is looked at."""
        self.check()
        _, self.deviation_, _ = moments(X)
        return self

    def draw(self, X, codes, generator):
        """Draw one new vector per source, as :meth:`VAEGenerator.draw` does."""
        return sample_latent(X, self.deviation_, self.spread, generator=generator)


class GaussianGenerator(Generator):
    r"""Normal with the covariance of the class, times the factor squared.

    A sum of the class's n centred vectors with standard normal weights over
    :math:`\sqrt n` has this covariance, so that no matrix of n_features x n_features
    is formed where a class has few vectors.

    A covariance of few vectors has few directions. It is therefore shrunk towards the
    pooled one, the mean of the covariances of all classes weighted by their vectors.

    Parameters
    ----------
    spread : float or "fixed", default=1.0
        The factor of each new vector is drawn from U[0, spread]; 0 makes copies.
        "fixed" is a factor of 1 for all.
    shrinkage : float or "auto", default="auto"
        Weight of the pooled covariance, from 0 to 1; the rest is the weight of the
        class's own. "auto" is d / (d + n) for a class of n vectors of d features: few
        vectors say little about many directions.

    Attributes
    ----------
    factors_ : dict of int to torch.Tensor of shape (n_directions, n_features)
        A matrix A of each class whose A'A is the covariance. It has as many rows as the
        class has vectors or features, whichever is less.
    pooled_ : torch.Tensor of shape (n_directions, n_features)
        Such a matrix of the pooled covariance.
    shrinkage_ : dict of int to float
        The weight of the pooled covariance in each class.

    Examples
    --------
    >>> import torch
    >>> from skaug import GaussianGenerator
    >>> X, codes = torch.eye(4), torch.tensor([0, 0, 1, 1])
    >>> gaussian = GaussianGenerator(shrinkage=0).fit(X, codes)
    >>> new, spreads = gaussian.draw(X, codes, torch.Generator())
    >>> bool((new[:2, 2:] == 0).all())  # features that never vary in class 0
    True
    """

    _rules = {
        **Generator._rules,
        "shrinkage": Number(0, 1) | OneOf("auto"),
    }

    def __init__(self, spread=1.0, shrinkage="auto"):
        self.spread = spread
        self.shrinkage = shrinkage

    def fit(self, X, codes, groups=None, *, random_state=0, verbose=0):
        """Measure the covariances; only X and `codes` are looked at."""
        self.check()
        self.factors_, self.shrinkage_ = {}, {}
        centred, n_features = torch.empty_like(X), X.shape[1]
        for code in codes.unique().tolist():
            rows = X[codes == code]
            centred[codes == code] = rows - rows.mean(0)
            self.factors_[code] = _root(centred[codes == code])
            by_size = n_features / (n_features + len(rows))
            given = self.shrinkage
            self.shrinkage_[code] = by_size if given == "auto" else float(given)
        self.pooled_ = centred[:0]
        if any(self.shrinkage_.values()):
            self.pooled_ = _root(centred)
        return self

    def draw(self, X, codes, generator):
        """Draw one new vector per source, as :meth:`VAEGenerator.draw` does."""
        # A source of a class that was not there in ``fit`` comes back as it is.
        spreads, new = factors(len(X), self.spread, generator).to(X), X.clone()
        for code in codes.unique().tolist():
            factor = self.factors_.get(code)
            if factor is None:
                continue
            pooled = self.shrinkage_[code]
            parts = [(1 - pooled, factor), (pooled, self.pooled_)]
            # Weights of one piece take no more memory than the samples of a piece.
            n_weights = max(len(of_part) for _, of_part in parts)
            at_once = max(1, BYTES_AT_ONCE // (8 * n_weights))
            for rows in (codes == code).nonzero().squeeze(1).split(at_once):
                for share, of_part in parts:
                    if share:
                        weights = normal((len(rows), len(of_part)), generator).to(X)
                        moves = math.sqrt(share) * (weights @ of_part)
                        new[rows] += spreads[rows] * moves
        return new, spreads


def _root(centred):
    """A matrix of few rows whose product with itself is the covariance."""
    rows = centred / math.sqrt(len(centred))
    if len(rows) > rows.shape[1]:
        rows = torch.linalg.qr(rows, mode="r").R
    return rows
