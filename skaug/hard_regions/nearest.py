"""The nearest rows of each row: exactly, as many for all, and across groups if asked.

scikit-learn finds them. It knows no groups, so that rows with groups are compared block
by block here. Distances are taken from differences at the end: products, which find
the rows fast, are too coarse for rows that are nearly equal. Where they are too coarse
even to find the rows, as in two crowds far apart, differences find them too.
"""

import math
import warnings
from functools import partial

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs
from scipy.spatial.distance import cdist
from sklearn.metrics import pairwise_distances
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import normalize

__all__ = [
    "nearest_in_blocks",
    "nearest_of_some",
    "nearest_rows",
    "warn_of_rows_of_zeros",
]

BYTES_AT_ONCE = 2**24
PIECE = 2**19  # bytes of differences that stay in a CPU's cache
# Products blur distances below this share of a row's own length.
COARSE = 1e-5


def nearest_rows(
    X,
    n_neighbors,
    *,
    queries=None,
    metric="euclidean",
    groups=None,
    query_groups=None,
    return_distance=True,
):
    """Find the nearest rows of X.

    Parameters
    ----------
    X : ndarray of shape (n, n_features)
        The rows that can be neighbours.
    n_neighbors : int
        How many at most.
    queries : ndarray of shape (n_queries, n_features), default=None
        Whose neighbours are looked for. Without queries they are the rows of X, none of
        which is a neighbour of its own.
    metric : {"euclidean", "cosine", "manhattan"}, default="euclidean"
        The distance. A row of zeros has no direction and thus no neighbours under the
        cosine metric.
    groups, query_groups : ndarray of shape (n,) and (n_queries,), default=None
        Rows of one group are no neighbours.
    return_distance : bool, default=True
        Whether to return distances. Without them the neighbours are found faster, not
        in order, and as products find them.

    Returns
    -------
    distances : ndarray of shape (n_queries, k), float64
        In ascending order, infinite where there are no more neighbours; k is
        `n_neighbors`, or the number of rows that can be neighbours if that is less.
        Only if `return_distance`.
    rows : ndarray of shape (n_queries, k)
        Numbers of the rows, -1 where there are no more neighbours.
    """
    alone = queries is None
    k = min(n_neighbors, len(X) - alone)
    *both, scale = _in_units([X] if alone else [X, queries], metric)
    X, queries = both[0], both[-1]
    if k < 1:
        rows = np.empty((len(queries), 0), dtype=np.intp)
        return (np.empty(rows.shape), rows) if return_distance else rows
    zeros = ~X.any(axis=1) if metric == "cosine" else np.zeros(len(X), dtype=bool)
    query_groups = groups if alone else query_groups

    def excluded(asked):
        """Which rows are no neighbours (n_asked, n) of some queries."""
        none = np.tile(zeros, (len(asked), 1))
        if groups is not None:
            none |= query_groups[asked, None] == groups
        if alone:
            none[np.arange(len(asked)), asked] = True
        return none

    centred = both
    if metric != "cosine":
        # Products are precise near 0. Outliers do not move a median, of some rows.
        centre = np.median(X[:: 1 + len(X) // 200], axis=0)
        centred = [Z - centre for Z in both]
    # Directions are ordered alike by their euclidean and by their cosine distances.
    metric_of_search = "euclidean" if metric == "cosine" else metric
    if groups is None and not zeros.any():
        search = NearestNeighbors(n_neighbors=k, metric=metric_of_search)
        asked = None if alone else centred[-1]
        rows = search.fit(centred[0]).kneighbors(asked, return_distance=False)
    else:
        measure = partial(pairwise_distances, metric=metric_of_search)
        every = np.arange(len(queries))
        rows = _by_blocks(measure, centred[0], centred[-1], every, k, excluded)
    if metric == "cosine":
        rows[~queries.any(axis=1)] = -1
    if not return_distance:
        return rows
    distances, rows = _exact(X, queries, rows, metric_of_search)
    if metric != "manhattan":
        coarse = _too_coarse(distances, centred[-1])
        _find_again(X, queries, coarse, distances, rows, excluded)
    # Of directions a and b, 1 - cosine is half of |a - b| squared.
    return distances**2 / 2 if metric == "cosine" else distances * scale, rows


def nearest_of_some(X, asked, n_neighbors, metric, groups=None):
    """Distances and numbers of the nearest rows (m, k) of the rows with m numbers."""
    if len(asked) == len(X):
        return nearest_rows(X, n_neighbors, metric=metric, groups=groups)
    if groups is not None:  # a row is of its own group
        between = {"groups": groups, "query_groups": groups[asked]}
        return nearest_rows(X, n_neighbors, queries=X[asked], metric=metric, **between)
    distances, rows = nearest_rows(X, n_neighbors + 1, queries=X[asked], metric=metric)
    own = rows == asked[:, None]
    # Of more rows at one place than there are neighbours, its own may be left out.
    own[~own.any(axis=1), -1] = True
    shape = len(asked), rows.shape[1] - 1
    return distances[~own].reshape(shape), rows[~own].reshape(shape)


def nearest_in_blocks(X, n_neighbors, metric, groups=None, n_jobs=None):
    """Find the nearest rows of each row, blocks of rows in several processes if asked.

    Parameters
    ----------
    X, n_neighbors, metric, groups : objects
        As for :func:`nearest_rows`.
    n_jobs : int, default=None
        Blocks at a time, as for :func:`skaug.potential`.

    Returns
    -------
    distances, rows : ndarray of shape (n, k)
        Those of :func:`nearest_rows`.
    """
    n_blocks = min(effective_n_jobs(n_jobs), len(X))
    if n_blocks == 1:
        return nearest_rows(X, n_neighbors, metric=metric, groups=groups)
    blocks = np.array_split(np.arange(len(X)), n_blocks)
    found = Parallel(n_jobs)(
        delayed(nearest_of_some)(X, asked, n_neighbors, metric, groups)
        for asked in blocks
    )
    return tuple(map(np.concatenate, zip(*found)))


def _in_units(both, metric):
    """Directions, or rows in a unit whose squares do not overflow, and that unit."""
    if metric == "cosine":
        return *map(_directions, both), 1.0
    largest = max(float(np.abs(Z).max(initial=0)) for Z in both)
    safe = np.finfo(both[0].dtype).tiny ** 0.25
    if not largest or safe < largest < 1 / safe:
        return *both, 1.0
    # Division by a power of two does not round.
    scale = 2.0 ** math.floor(math.log2(largest))
    return *(Z / Z.dtype.type(scale) for Z in both), scale


def _directions(Z):
    largest = np.abs(Z).max(axis=1, keepdims=True)
    return normalize(Z / np.where(largest, largest, 1))


def _by_blocks(measure, X, queries, asked, k, excluded):
    """Numbers of the nearest rows (n_asked, k) that are not excluded, or -1."""
    size = max(1, BYTES_AT_ONCE // (8 * len(X)))
    found = np.empty((len(asked), k), dtype=np.intp)
    for start in range(0, len(asked), size):
        some = asked[start : start + size]
        distances = measure(queries[some], X)
        distances[excluded(some)] = np.inf
        rows = np.argpartition(distances, k - 1, axis=1)[:, :k]
        lost = np.isinf(np.take_along_axis(distances, rows, axis=1))
        # Those that are there come first.
        order = np.argsort(lost, axis=1, kind="stable")
        rows = np.take_along_axis(np.where(lost, -1, rows), order, axis=1)
        found[start : start + size] = rows
    return found


def _exact(X, queries, rows, metric):
    """Distances by differences, ascending, and the rows in their order."""
    distances = np.empty(rows.shape)
    size = max(1, PIECE // (8 * X.shape[1] * rows.shape[1]))
    for start in range(0, len(rows), size):
        block = slice(start, start + size)
        gaps = np.subtract(X[rows[block]], queries[block, None], dtype=np.float64)
        if metric == "manhattan":
            distances[block] = np.abs(gaps).sum(axis=2)
        else:
            distances[block] = np.sqrt(np.einsum("ijk,ijk->ij", gaps, gaps))
    distances[rows < 0] = np.inf
    order = np.argsort(distances, axis=1, kind="stable")
    return (
        np.take_along_axis(distances, order, axis=1),
        np.take_along_axis(rows, order, axis=1),
    )


def _find_again(X, queries, asked, distances, rows, excluded):
    """Find the neighbours of some queries by differences, and put them in place."""
    if len(asked):
        found = _by_blocks(cdist, X, queries, asked, rows.shape[1], excluded)
        exact = _exact(X, queries[asked], found, "euclidean")
        distances[asked], rows[asked] = exact


def _too_coarse(distances, queries):
    """Numbers of queries whose farthest neighbour is too near for products."""
    reach = np.where(np.isfinite(distances), distances, 0).max(axis=1)
    length = np.sqrt(np.einsum("ij,ij->i", queries, queries, dtype=np.float64))
    return np.flatnonzero((reach > 0) & (reach < COARSE * length))


def warn_of_rows_of_zeros(X, metric):
    """Warn that rows without a direction have no neighbours."""
    n = int((~X.any(axis=1)).sum()) if metric == "cosine" else 0
    if n:
        warnings.warn(
            f"Rows of zeros only: {n} of {len(X)}. They have no direction, and so the "
            "cosine metric gives them no neighbours. If zeros mean something, set "
            "metric='euclidean'.",
            stacklevel=3,
        )
