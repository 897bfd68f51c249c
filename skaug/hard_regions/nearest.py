"""The nearest rows of each row: exactly, as many for all, and across groups if asked.

scikit-learn finds them. It knows no groups, so that rows with groups are compared block
by block here. Distances are taken from differences at the end: products, which find
the rows fast, are too coarse for rows that are nearly equal.
"""

import numpy as np
from sklearn.metrics import pairwise_distances
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import normalize

__all__ = ["nearest_rows"]

BYTES_AT_ONCE = 2**24


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
        Whether to return distances. Without them, the order of neighbours is not exact.

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
    n_neighbors = min(n_neighbors, len(X) - alone)
    both = [X] if alone else [X, queries]
    if metric != "cosine":
        # Products are precise near 0. Outliers do not move a median, of some rows.
        centre = np.median(X[:: 1 + len(X) // 200], axis=0)
        both = [Z - centre for Z in both]
    else:
        both = [normalize(Z) for Z in both]
    X, queries = both[0], both[-1]
    if n_neighbors < 1:
        rows = np.empty((len(queries), 0), dtype=np.intp)
        return (np.empty(rows.shape), rows) if return_distance else rows
    zeros = [~Z.any(axis=1) if metric == "cosine" else np.False_ for Z in both]
    if groups is None and not zeros[0].any():
        rows = _by_scikit_learn(X, None if alone else queries, n_neighbors, metric)
    else:
        rows = _by_blocks(
            X, queries, n_neighbors, metric, zeros[0], groups, query_groups, alone
        )
    rows[zeros[-1]] = -1
    return _exact(X, queries, rows, metric) if return_distance else rows


def _by_scikit_learn(X, queries, n_neighbors, metric):
    found = NearestNeighbors(n_neighbors=n_neighbors, metric=_searched(metric)).fit(X)
    return found.kneighbors(queries, return_distance=False)


def _searched(metric):
    # Directions are ordered alike by their euclidean and by their cosine distances.
    return "euclidean" if metric == "cosine" else metric


def _by_blocks(X, queries, k, metric, zeros, groups, query_groups, alone):
    """Numbers of the nearest rows (n_queries, k) that are of another group."""
    query_groups = groups if alone else query_groups
    size = max(1, BYTES_AT_ONCE // (8 * len(X)))
    found = np.empty((len(queries), k), dtype=np.intp)
    for start in range(0, len(queries), size):
        block = slice(start, start + size)
        distances = pairwise_distances(queries[block], X, metric=_searched(metric))
        distances[:, zeros] = np.inf
        if groups is not None:
            distances[query_groups[block, None] == groups] = np.inf
        if alone:
            own = np.arange(len(distances))
            distances[own, start + own] = np.inf
        rows = np.argpartition(distances, k - 1, axis=1)[:, :k]
        lost = np.isinf(np.take_along_axis(distances, rows, axis=1))
        # Those that are there come first.
        order = np.argsort(lost, axis=1, kind="stable")
        found[block] = np.take_along_axis(np.where(lost, -1, rows), order, axis=1)
    return found


def _exact(X, queries, rows, metric):
    """Distances by differences, ascending, and the rows in their order."""
    distances = np.empty(rows.shape)
    size = max(1, BYTES_AT_ONCE // (8 * X.shape[1] * rows.shape[1]))
    for start in range(0, len(rows), size):
        block = slice(start, start + size)
        gaps = np.subtract(X[rows[block]], queries[block, None], dtype=np.float64)
        if metric == "manhattan":
            distances[block] = np.abs(gaps).sum(axis=2)
        else:
            distances[block] = np.einsum("ijk,ijk->ij", gaps, gaps)
    if metric == "cosine":
        distances /= 2  # of unit vectors: 1 - cosine
    elif metric == "euclidean":
        np.sqrt(distances, out=distances)
    distances[rows < 0] = np.inf
    order = np.argsort(distances, axis=1, kind="stable")
    return (
        np.take_along_axis(distances, order, axis=1),
        np.take_along_axis(rows, order, axis=1),
    )
