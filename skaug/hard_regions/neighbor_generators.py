r"""Generators that go from a source towards the nearest vectors of its class.

With the k nearest vectors :math:`x_1, \dots, x_k` of the class and :math:`\beta` from
U[0, ``spread``], or 1 with ``spread="fixed"``, a new vector is

- :math:`x + \beta (x_j - x)` with one j at random, the rule of SMOTE [1]_
  (:class:`InterpolationGenerator`; with a factor of 1 it is the neighbour itself), or
- :math:`x + \beta k^{-1/2} \sum_j w_j (x_j - x)` with standard normal weights
  (:class:`NeighborGenerator`): a normal draw with the covariance that the neighbours
  have around the source. It also goes away from neighbours, and leaves the lines
  between vectors, but not the range of any feature.

References
----------
.. [1] N. Chawla, K. Bowyer, L. Hall, W. Kegelmeyer, "SMOTE: Synthetic Minority
   Over-sampling Technique", JAIR 16, 2002.
"""

from functools import cache

import numpy as np
import torch

from skaug._checks import Instance, Whole
from skaug.hard_regions.generators import Generator, factors, normal
from skaug.hard_regions.nearest import nearest_rows

__all__ = ["InterpolationGenerator", "NeighborGenerator"]

PIECE = 2**17  # bytes of a piece of new vectors, which stays in a CPU's cache


class NeighborGenerator(Generator):
    """Normal with the covariance of the nearest vectors of the class, around a source.

    It needs no training. New vectors follow the shape of the class near their source,
    and where the class is wide they go far. No feature leaves the range that it has
    among the vectors of all classes, so that counts are never negative. A fitted
    generator holds the training rows, and so do its pickles and files.

    Parameters
    ----------
    n_neighbors : int, default=5
        How many neighbours a source has, at most; 5 as for SMOTE.
    other_groups : bool, default=False
        Whether neighbours have to be of another group than the source. If windows of a
        recording overlap, the nearest ones are near copies, and so are new vectors
        between them.
    spread : float or "fixed", default=1.0
        The factor of each new vector is drawn from U[0, spread]; 0 makes copies.
        "fixed" is a factor of 1 for all.

    Attributes
    ----------
    X_, codes_ : torch.Tensor of shape (n, n_features) and (n,)
        The vectors given to ``fit``, and their classes.
    groups_ : ndarray of shape (n,) or None
        Their groups, as whole numbers, if `other_groups`.

    Examples
    --------
    >>> import torch
    >>> from skaug import NeighborGenerator
    >>> X, codes = torch.tensor([[0.0], [1.0], [5.0]]), torch.tensor([0, 0, 1])
    >>> generator = NeighborGenerator().fit(X, codes)
    >>> new, spreads = generator.draw(X, codes, torch.Generator())
    >>> bool(new[2] == 5)  # alone in its class, and therefore a copy
    True
    """

    _rules = {
        **Generator._rules,
        "n_neighbors": Whole(1),
        "other_groups": Instance((bool, np.bool_), "True or False"),
    }

    def __init__(self, n_neighbors=5, other_groups=False, spread=1.0):
        self.n_neighbors = n_neighbors
        self.other_groups = other_groups
        self.spread = spread

    def fit(self, X, codes, groups=None, *, random_state=0, verbose=0):
        """Keep the vectors; neighbours are looked for in classes that are drawn from.

        Parameters
        ----------
        X : torch.Tensor of shape (n, n_features)
            Vectors.
        codes : torch.Tensor of shape (n,)
            Their classes.
        groups : array-like of shape (n,), default=None
            Subject, segment or the like of each, for `other_groups`.
        random_state, verbose : int
            Not used.

        Returns
        -------
        self : NeighborGenerator
            The fitted generator.

        Raises
        ------
        ValueError
            If a parameter is out of its range, or `other_groups` has no groups.
        """
        self.check()
        if self.other_groups and groups is None:
            raise ValueError(
                f"{type(self).__name__} needs groups for other_groups=True; got none. "
                "Give groups to fit, or leave other_groups out."
            )
        self.X_, self.codes_ = X, codes
        self.groups_ = None
        if self.other_groups:
            self._labels, self.groups_ = np.unique(groups, return_inverse=True)
        self._range = X.amin(0), X.amax(0)
        self._classes = {}
        return self

    def draw(self, X, codes, generator, groups=None):
        """Draw one new vector per source.

        Parameters
        ----------
        X : torch.Tensor of shape (n, n_features)
            Sources. Of a vector that was given to ``fit``, it is no neighbour itself.
        codes : torch.Tensor of shape (n,)
            Their classes. A source without neighbours comes back as it is.
        generator : torch.Generator
            Source of randomness, on the CPU.
        groups : array-like of shape (n,), default=None
            Groups of the sources, for `other_groups`; by default those of the vectors
            of ``fit`` that are equal to them.

        Returns
        -------
        new : torch.Tensor of shape (n, n_features)
            New vectors.
        spreads : torch.Tensor of shape (n, 1)
            The factor of each.
        """
        spreads, new = factors(len(X), self.spread, generator).to(X), X.clone()
        if self.groups_ is None or groups is None:
            groups = None
        else:
            groups = np.searchsorted(self._labels, groups)
        at_once = max(1, PIECE // (X.shape[1] * X.element_size()))
        for code in codes.unique().tolist():
            rows = (codes == code).nonzero().squeeze(1)
            sources = X[rows]
            of_class = None if groups is None else groups[rows.cpu().numpy()]
            vectors, neighbors = self._neighbors(code, sources, of_class)
            if not neighbors.shape[1]:
                continue
            chosen = self._choose(neighbors, generator)
            pieces = (of.split(at_once) for of in (rows, sources, *chosen))
            for of_piece, x, near, weights in zip(*pieces):
                moved = _moves(x, vectors, near, weights.to(x))
                moved.mul_(spreads[of_piece]).add_(x)
                new[of_piece] = torch.clamp(moved, *self._range, out=moved)
        return new, spreads

    def _choose(self, neighbors, generator):
        """Neighbours to go to (m, k) from each source, and their weights."""
        there = neighbors >= 0
        weights = normal(neighbors.shape, generator).to(there.device) * there
        weights /= there.sum(1, keepdim=True).clamp(min=1).sqrt()
        return neighbors, weights

    def _neighbors(self, code, sources, groups=None):
        """Fitted vectors of a class, and among them the neighbours of each source."""
        if code not in self._classes:
            self._classes[code] = _Class(self, code)
        known = self._classes[code]
        neighbors = torch.as_tensor(known.neighbors(sources.cpu().numpy(), groups))
        return known.vectors, neighbors.to(sources.device)


class InterpolationGenerator(NeighborGenerator):
    """A point between a source and one of its neighbours, as SMOTE makes them.

    A fitted generator holds the training rows, and so do its pickles and files.
    Parameters and attributes are those of :class:`NeighborGenerator`.

    Examples
    --------
    >>> import torch
    >>> from skaug import InterpolationGenerator
    >>> X, codes = torch.tensor([[0.0], [1.0]]), torch.tensor([0, 0])
    >>> generator = InterpolationGenerator().fit(X, codes)
    >>> new, spreads = generator.draw(X[:1], codes[:1], torch.Generator())
    >>> bool(new == spreads)  # from 0 to 1
    True
    """

    def _choose(self, neighbors, generator):
        count = (neighbors >= 0).sum(1, keepdim=True)  # those that there are come first
        shares = factors(len(neighbors), 1.0, generator).to(count.device)
        chosen = neighbors.gather(1, (shares * count).long())
        return chosen, (count > 0).double()


def _moves(sources, vectors, neighbors, weights):
    """Weighted sum of the ways (m, n_features) from sources to neighbours (m, k)."""
    # By differences: where all neighbours are equal to a source, it does not move.
    moves = torch.zeros_like(sources)
    for near, weight in zip(neighbors.clamp(min=0).T, weights.T):
        way = vectors.index_select(0, near).sub_(sources)
        moves.addcmul_(way, weight[:, None])
    return moves


class _Class:
    """Fitted vectors of a class and the neighbours of each, found when it is made."""

    def __init__(self, generator, code):
        self.vectors = generator.X_[generator.codes_ == code]
        self.array = self.vectors.cpu().numpy()
        self.groups = generator.groups_
        if self.groups is not None:
            self.groups = self.groups[(generator.codes_ == code).cpu().numpy()]
        self.rows = np.empty((0, 0), dtype=np.intp)
        if len(self.array):
            self.rows = nearest_rows(
                self.array,
                generator.n_neighbors,
                groups=self.groups,
                return_distance=False,
            )

    def neighbors(self, sources, groups=None):
        """Numbers of the neighbours of each source (m, k), -1 where there are none."""
        if not self.rows.shape[1]:
            return np.empty((len(sources), 0), dtype=np.intp)
        known = self.array
        if groups is not None:  # equal rows of two groups have other neighbours
            known, sources = (
                np.column_stack([X, of_rows.astype(X.dtype)])
                for X, of_rows in ((known, self.groups), (sources, groups))
            )
        places = row_numbers(sources, known)
        found, strange = self.rows[places], places < 0
        if strange.any():
            width = self.array.shape[1]
            found[strange] = nearest_rows(
                self.array,
                self.rows.shape[1],
                queries=sources[strange, :width],
                groups=None if groups is None else self.groups,
                query_groups=None if groups is None else groups[strange],
                return_distance=False,
            )
        return found


@cache
def _factors(n):
    drawn = np.random.RandomState(0).randint(1, 2**62, n, dtype=np.int64)
    return drawn.astype(np.uint64) | np.uint64(1)


def row_numbers(rows, known):
    """Where each row is among known rows, the same bit for bit; -1 where it is not."""
    words = np.dtype(f"u{known.itemsize}")
    # A sum of whole numbers, modulo 2^64: the same for rows that are the same.
    hashes, of_known = (
        np.ascontiguousarray(values).view(words).astype(np.uint64, copy=False)
        @ _factors(known.shape[1])
        for values in (rows, known)
    )
    order = np.argsort(of_known, kind="stable")
    places = np.searchsorted(of_known[order], hashes).clip(max=len(known) - 1)
    places = order[places]
    same = (known[places] == rows).all(axis=1)
    return np.where(same, places, -1)
