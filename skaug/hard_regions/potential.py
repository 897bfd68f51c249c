r"""The potential: how much a point is surrounded by other classes than its own.

The neighbours of a point p are all points within a radius. Each neighbour of another
class adds :math:`\exp(-(d / \gamma)^2)` to the potential of p, where d is its distance.
Each neighbour of the same class subtracts as much. If the sum is positive, classes mix
and p lies in a *hard region*. If p has no neighbour of its own class, p is called
*noisy* and its potential is -1 (Algorithm 1 of [1]_; the score goes back to [2]_).

=====================  =========================================================
the paper              here
=====================  =========================================================
w                      ``radius``
:math:`\gamma`         ``gamma``
dist, also in the      ``metric``: cosine distance (1 - cosine similarity), or
exponent               euclidean, or manhattan
=====================  =========================================================

Three details differ from the printed formulas. The exponent is negative: with the
printed plus sign, the farthest neighbour would decide. A point is not its own
neighbour: otherwise no point would be noisy. Eq. 5 has a similarity, which is turned
into a distance here.

References
----------
.. [1] A. Khan, K. Fraz, "Post-training Iterative Hierarchical Data Augmentation for
   Deep Networks", NeurIPS 2020.
.. [2] M. Koziarski, B. Krawczyk, M. Wozniak, "Radial-Based Oversampling for Noisy
   Imbalanced Data Classification", Neurocomputing 343, 2019.
"""

import math
import sys

import numpy as np
import torch
from joblib import delayed, effective_n_jobs
from sklearn.utils import check_array

from skaug._checks import Whole, check_value, is_number, is_whole
from skaug._input import as_numbers
from skaug._labels import check_groups, check_labels
from skaug._parallel import results_of
from skaug._progress import Progress
from skaug.hard_regions.hardness import class_shares, sums_per_row
from skaug.hard_regions.nearest import (
    nearest_in_blocks,
    nearest_rows,
    warn_of_rows_of_zeros,
)
from skaug.hard_regions.neighbors import METRICS, MetricSpace, at, parts_of

__all__ = [
    "auto_radius",
    "class_potentials",
    "kernel_sums",
    "potential",
    "potential_grid",
    "sums_at_radii",
]


def potential(
    X,
    y,
    *,
    radius="auto",
    gamma="scale",
    metric="cosine",
    groups=None,
    return_noisy=False,
    block_size=None,
    device="cpu",
    n_jobs=None,
    verbose=0,
):
    r"""Potential of every point among all others (Algorithm 1 of [1]_).

    Parameters
    ----------
    X : array-like of shape (n, n_features)
        The points, float32 or float64. Other dtypes are converted to float64.
    y : array-like of shape (n,)
        Labels of any dtype.
    radius : float, "auto" or ("knn", k), default="auto"
        Largest distance of a neighbour, in units of the metric. Cosine distances are
        at most 2, and at most 1 if no feature is negative; the paper searches (0, 1].
        "auto" is :func:`auto_radius`. ``("knn", 10)`` gives every row a radius of its
        own, the distance to its tenth neighbour, and is computed on the CPU.
    gamma : float or "scale", default="scale"
        Width of the kernel, in the same units; the paper uses 0.05. "scale" is half the
        radius. Then the weight of a neighbour is 0.37 at half the radius, and 0.02 at
        the radius.
    metric : {"cosine", "euclidean", "manhattan"}, default="cosine"
        The distance, in the neighbourhood and in the kernel.
    groups : array-like of shape (n,), default=None
        Segment or subject of each point. Points of one group are no neighbours.
        Otherwise two overlapping windows of a recording would confirm each other's
        label, and no point would be noisy.
    return_noisy : bool, default=False
        Whether to return which points are noisy. A potential of -1 can also be a sum.
    block_size : int, default=None
        Points per side of a block of distances; it affects time and memory only. The
        default is 1024 on a CPU, where a block takes some 5 to 25 MiB, and 8192
        elsewhere.
    device : str or torch.device, default="cpu"
        Where to compute.
    n_jobs : int, default=None
        Blocks of rows at a time. ``None`` is 1, unless ``joblib.parallel_config`` says
        otherwise, which may also name a cluster; -1 takes all processors. The
        potentials are the same, to the last bit. Each process holds the points.
    verbose : int, default=0
        0 is silent, 1 shows a progress bar, which counts pairs of points or, with
        `n_jobs`, parts of them, and 2 prints lines instead, one every five seconds.

    Returns
    -------
    potentials : ndarray of shape (n,)
        In float64. Positive in hard regions, -1 for noisy points.
    noisy : ndarray of shape (n,), bool
        Only if `return_noisy`.

    Raises
    ------
    ValueError
        If a parameter is out of its range, lengths differ, or X has NaN or infinity.

    Warns
    -----
    UserWarning
        If a row has zeros only and the metric is cosine. Such a row has no direction
        and no neighbours, and therefore is noisy.

    See Also
    --------
    hardness : A share from 0 to 1, for wrong labels and wrong predictions. Potentials
        do not rank these: a noisy point has -1, as easy points have.

    Notes
    -----
    Sums are computed in float64. Products of float32 data are computed in float32,
    unless rounding would matter for `radius` and `gamma`.

    References
    ----------
    .. [1] A. Khan, K. Fraz, "Post-training Iterative Hierarchical Data Augmentation
       for Deep Networks", NeurIPS 2020.

    Examples
    --------
    >>> from skaug import potential
    >>> X = [[0.0], [1.0], [3.0], [9.0]]
    >>> y = ["a", "b", "b", "b"]
    >>> potential(X, y, radius=2, gamma=2, metric="euclidean").round(3)
    array([-1.   ,  0.411, -0.368, -1.   ])
    """
    values, noisy = signed(
        *kernel_sums(
            X,
            y,
            radius=radius,
            gamma=gamma,
            metric=metric,
            groups=groups,
            block_size=block_size,
            device=device,
            n_jobs=n_jobs,
            verbose=verbose,
        )
    )
    return (values, noisy) if return_noisy else values


def kernel_sums(
    X,
    y,
    *,
    radius="auto",
    gamma="scale",
    metric="cosine",
    groups=None,
    block_size=None,
    device="cpu",
    n_jobs=None,
    verbose=0,
):
    """Weight of each point's neighbours of its own class, and of other classes.

    The potential is ``other - own``, or -1 where ``own`` is 0.

    Parameters
    ----------
    X, y, radius, gamma, metric, groups, block_size, device, n_jobs, verbose : objects
        As for :func:`skaug.potential`.

    Returns
    -------
    own, other : ndarray of shape (n,)
        Sums of the kernel over neighbours, in float64. A sum is 0 only if there is no
        such neighbour.

    Examples
    --------
    >>> from skaug.hard_regions import kernel_sums
    >>> own, other = kernel_sums(
    ...     [[0.0], [1.0], [3.0]], ["a", "b", "b"], radius=2, metric="euclidean"
    ... )
    >>> own.round(3), other.round(3)
    (array([0.   , 0.018, 0.018]), array([0.368, 0.368, 0.   ]))
    """
    X, codes, groups = _check_points(X, y, groups)
    n_neighbors = neighbors_asked(radius)
    if n_neighbors:
        _check_metric(metric)
        width = None if _is_scale(gamma) else _checked_gamma(gamma)
        warn_of_rows_of_zeros(X, metric)
        found = nearest_in_blocks(X, n_neighbors, metric, groups, n_jobs)
        return sums_per_row(*found, codes, gamma=width)
    radius, gamma = resolve(radius, gamma, metric, X, groups, device)
    warn_of_rows_of_zeros(X, metric)
    options = metric, groups, block_size, device, verbose, n_jobs
    own, other = _sums(X, codes, [radius], [gamma], *options)
    return own[0, :, 0], other[0, :, 0]


def potential_grid(
    X,
    y,
    *,
    radius,
    gamma,
    metric="cosine",
    groups=None,
    block_size=None,
    device="cpu",
    n_jobs=None,
    verbose=0,
) -> np.ndarray:
    """Potentials for every pair of a radius and a gamma, at about the cost of one pair.

    Parameters
    ----------
    X, y : array-like
        Points and labels, as for :func:`potential`.
    radius, gamma : array-like of float
        The radii and kernel widths, in any order.
    metric, groups, block_size, device, n_jobs, verbose : objects
        As for :func:`potential`.

    Returns
    -------
    potentials : ndarray of shape (n_radius, n_gamma, n)
        ``potentials[i, j]`` is ``potential(X, y, radius=radius[i], gamma=gamma[j])``.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skaug import potential_grid
    >>> X, y = load_iris(return_X_y=True)
    >>> grid = potential_grid(X, y, radius=[0.001, 0.01], gamma=[0.005])
    >>> (grid > 0).sum(axis=2)
    array([[4],
           [4]])
    """
    X, codes, groups = _check_points(X, y, groups)
    _check_metric(metric)
    radii = [_checked_radius(value, metric) for value in np.atleast_1d(radius)]
    gammas = [_checked_gamma(value) for value in np.atleast_1d(gamma)]
    if not radii or not gammas:
        raise ValueError(
            "potential_grid needs a radius and a gamma or more; got none. Give a "
            "number or a list of some."
        )
    warn_of_rows_of_zeros(X, metric)
    order = np.argsort(radii)
    radii = np.take(radii, order)
    options = metric, groups, block_size, device, verbose, n_jobs
    sums = _sums(X, codes, radii, gammas, *options)
    values, _ = signed(*sums)  # (n_gamma, n, n_radius)
    return values[:, :, np.argsort(order)].transpose(2, 0, 1)


def class_potentials(
    X,
    X_ref,
    y_ref,
    *,
    radius="auto",
    gamma="scale",
    metric="cosine",
    groups=None,
    groups_ref=None,
    block_size=None,
    device="cpu",
    verbose=0,
) -> np.ndarray:
    """Potential that a point without a label would have in each class.

    Parameters
    ----------
    X : array-like of shape (n, n_features)
        The points.
    X_ref : array-like of shape (n_ref, n_features)
        Points with labels. Only these can be neighbours.
    y_ref : array-like of shape (n_ref,)
        Labels of `X_ref`.
    radius, gamma, metric : objects
        As for :func:`potential`. The "auto" radius is that of `X_ref`. With ``("knn",
        10)`` the result is the :func:`hardness` that the point would have in each
        class, from 0 to 1, and gamma does not matter.
    groups, groups_ref : array-like of shape (n,) and (n_ref,), default=None
        Points of one group are no neighbours. If the same points are in X and `X_ref`,
        row numbers as groups keep a point from being its own neighbour.
    block_size, device, verbose : objects
        As for :func:`potential`.

    Returns
    -------
    potentials : ndarray of shape (n, n_classes)
        Columns in the order of ``np.unique(y_ref)``. The potential is -1 if the class
        has no point in the neighbourhood; the hardness is 1 there.

    See Also
    --------
    hardness : Of points with labels.

    Examples
    --------
    >>> from skaug import class_potentials
    >>> X_ref, y_ref = [[0.0], [1.0], [2.0]], ["a", "b", "b"]
    >>> class_potentials(
    ...     [[0.0], [3.0]], X_ref, y_ref, radius=1.5, gamma=1.0, metric="euclidean"
    ... ).round(4)
    array([[-0.6321,  0.6321],
           [-1.    , -0.3679]])
    >>> class_potentials(
    ...     [[0.0], [3.0]], X_ref, y_ref, radius=("knn", 2), metric="euclidean"
    ... ).round(4)
    array([[0.018, 0.982],
           [1.   , 0.   ]])
    """
    X_ref, codes, _ = _check_points(X_ref, y_ref)
    X = check_array(as_numbers(X, "class_potentials"), dtype=X_ref.dtype.type)
    if X.shape[1] != X_ref.shape[1]:
        raise ValueError(
            "class_potentials needs X as wide as X_ref; got "
            f"{X.shape[1]} and {X_ref.shape[1]} features. Give the same columns."
        )
    groups, groups_ref = _codes_of_both(groups, groups_ref, len(X), len(X_ref))
    n_neighbors = neighbors_asked(radius)
    if n_neighbors:
        _check_metric(metric)
        warn_of_rows_of_zeros(X_ref, metric)
        distances, rows = nearest_rows(
            X_ref,
            n_neighbors,
            queries=X,
            metric=metric,
            groups=groups_ref,
            query_groups=groups,
        )
        return 1 - class_shares(distances, rows, codes, codes.max() + 1)
    radius, gamma = resolve(radius, gamma, metric, X_ref, groups_ref, device)
    warn_of_rows_of_zeros(X_ref, metric)
    space = MetricSpace(metric, [X, X_ref], device, reach=min(radius, gamma))
    points, reference = space.points
    n, n_classes = len(X), codes.max() + 1
    codes, groups, groups_ref = _tensors(device, codes, groups, groups_ref)
    sums = torch.zeros(n, n_classes, dtype=torch.float64, device=device)
    for of_X, of_ref, rows, columns, distances, _ in space.pairs(
        [radius], points, reference, groups, groups_ref, block_size, verbose
    ):
        cells = rows * n_classes + at(codes[of_ref], columns)
        weights = _kernel(distances, gamma / space.scale)
        sums[of_X].view(-1).index_add_(0, cells, weights)
    own = sums.cpu().numpy()
    values, _ = signed(own, own.sum(1, keepdims=True) - own)
    return values


def auto_radius(
    X, *, metric="cosine", groups=None, n_neighbors=10, device="cpu"
) -> float:
    """Radius that holds some neighbours of a typical point: the "auto" rule.

    The radius is the median distance to the 10th nearest neighbour of any class. If
    there are more than 1,000 points, the median is over 1,000 of them at even steps.

    Parameters
    ----------
    X, metric, groups : objects
        As for :func:`potential`.
    n_neighbors : int, default=10
        Number of the neighbour whose distance counts.
    device : str or torch.device, default="cpu"
        As for :func:`potential`.

    Returns
    -------
    radius : float
        The radius. If duplicates would make it 0, each distinct point (for cosine, each
        direction) counts once, without groups. If all points are equal, or no point has
        a neighbour, the radius is 1.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skaug import auto_radius
    >>> round(auto_radius(load_iris().data), 5)
    0.00065
    """
    X = check_array(as_numbers(X, "auto_radius"), dtype=[np.float64, np.float32])
    groups = _group_codes(groups, len(X))
    check_value("auto_radius", "n_neighbors", n_neighbors, Whole(1))
    _check_metric(metric)
    warn_of_rows_of_zeros(X, metric)
    return _auto_radius(X, metric, groups, n_neighbors, device)


def _auto_radius(X, metric, groups, n_neighbors, device):
    space = MetricSpace(metric, [X], device)
    radius = space.typical_distance(n_neighbors, groups)
    if space.rounding_shows(radius):
        space = MetricSpace(metric, [X], device, reach=radius)
        radius = space.typical_distance(n_neighbors, groups)
    if radius > (1e-14 if metric == "cosine" else 0):
        return space.beyond_ties(radius)
    distinct = X
    if metric == "cosine":
        distinct = space.points[0][:].cpu().numpy().round(12)
        distinct = distinct[~np.isnan(distinct).any(axis=1)]
    distinct = np.unique(distinct, axis=0).astype(np.float64)
    if not 1 < len(distinct) < len(X):
        return 1.0
    space = MetricSpace(metric, [distinct], device)
    radius = space.typical_distance(n_neighbors)
    return space.beyond_ties(radius) if radius else 1.0


def _kernel(distances, gamma):
    # Weights are above 0, so that a sum of 0 means that there is no neighbour.
    gamma = max(gamma, sys.float_info.min)
    return distances.div(gamma).square_().neg_().clamp_(min=-700).exp_()


def _sums(
    X, codes, radii, gammas, metric, groups, block_size, device, verbose, n_jobs=1
):
    """Kernel sums over neighbours of the same and of other classes.

    Returns two arrays of shape (n_gamma, n, n_radius). Radii have to ascend.
    """
    arguments = X, codes, radii, gammas, metric, groups, block_size, device
    if effective_n_jobs(n_jobs) == 1:
        sums = _sums_of_part(*arguments, verbose=verbose)
    else:
        parts, sums = parts_of(*_tensors(device, codes), block_size), 0.0
        tasks = (delayed(_sums_of_part)(*arguments, rows=rows) for rows in parts)
        with Progress("potential", len(parts), "part", verbose=verbose) as progress:
            for of_part in results_of(tasks, n_jobs):  # in the order of one process
                sums = sums + of_part
                progress.step()
    sums = sums.cumsum(3)
    return sums[:, :, 1], sums[:, :, 0]


def _sums_of_part(
    X, codes, radii, gammas, metric, groups, block_size, device, rows=None, verbose=0
):
    """Sums (n_gamma, n, 2, n_radius) of the pairs of rows of a part, by default all."""
    space = MetricSpace(metric, [X], device, reach=min(*radii, *gammas))
    (points,) = space.points
    begins = {part.start for part in parts_of(points, block_size)}
    codes, groups = _tensors(device, codes, groups)
    n_radius = len(radii)
    shape = len(gammas), len(X), 2, n_radius
    sums, before = torch.zeros((2, *shape), dtype=torch.float64, device=device)
    for left, right, rows_of_pairs, columns, distances, ring in space.pairs(
        radii,
        points,
        groups_A=groups,
        block_size=block_size,
        verbose=verbose,
        rows=rows,
    ):
        if left == right and left.start in begins:  # the first block of a part
            before += sums
            sums.zero_()
        same = (at(codes[left], rows_of_pairs) == at(codes[right], columns)).int()
        places = rows_of_pairs.mul_(2).add_(same), columns.mul_(2).add_(same)
        if n_radius > 1:
            # Pairs count at the smallest radius that holds them; cumsum does the rest.
            places = [place.mul_(n_radius).add_(ring) for place in places]
        for sums_of_gamma, gamma in zip(sums, gammas):
            weights = _kernel(distances, gamma / space.scale)
            for side, place in zip((left, right), places):
                sums_of_gamma[side].view(-1).index_add_(0, place, weights)
    return (before + sums).cpu().numpy()


# ``X`` and ``codes`` are as HardPoints has them, and radii ascend. "scale" gives each
# radius a kernel width of its own.
def sums_at_radii(X, codes, radii, gamma, metric, groups=None, device="cpu"):
    """Kernel sums (n, n_radius) as of `kernel_sums` for each radius, in one pass."""
    X, codes, groups = _check_points(X, codes, groups)
    warn_of_rows_of_zeros(X, metric)
    radii = [_checked_radius(radius, metric) for radius in radii]
    if not _is_scale(gamma):
        gammas = [_checked_gamma(gamma)]
        own, other = _sums(X, codes, radii, gammas, metric, groups, None, device, 0)
        return own[0], other[0]
    gammas = [radius / 2 for radius in radii]
    space = MetricSpace(metric, [X], device, reach=min(gammas))
    (points,) = space.points
    codes, groups = _tensors(device, codes, groups)
    shape = len(radii), len(X), 2
    sums = torch.zeros(shape, dtype=torch.float64, device=device)
    for left, right, rows, columns, distances, ring in space.pairs(
        radii, points, groups_A=groups
    ):
        same = (at(codes[left], rows) == at(codes[right], columns)).int()
        rows, columns = rows.mul_(2).add_(same), columns.mul_(2).add_(same)
        for number, gamma in enumerate(gammas):
            inside = ring <= number
            weights = _kernel(distances[inside], gamma / space.scale)
            sums[number, left].view(-1).index_add_(0, rows[inside], weights)
            sums[number, right].view(-1).index_add_(0, columns[inside], weights)
    sums = sums.cpu().numpy()
    return sums[:, :, 1].T, sums[:, :, 0].T


def signed(own, other):
    """The potential from the two sums, and which points are noisy."""
    noisy = own == 0
    return np.where(noisy, -1.0, other - own), noisy


def neighbors_asked(radius):
    """Number of neighbours if a radius is ("knn", number), else None."""
    if not isinstance(radius, tuple):
        return None
    rule, number = radius if len(radius) == 2 else (None, None)
    if rule == "knn" and is_whole(number) and number >= 1:
        return int(number)
    raise ValueError(
        "The potential needs a radius as a number, 'auto' or ('knn', number of "
        f"neighbours); got {radius!r}. ('knn', 10) takes ten."
    )


def resolve(radius, gamma, metric, X, groups=None, device="cpu"):
    """Check radius, gamma and metric, and turn "auto" and "scale" into numbers."""
    _check_metric(metric)
    if isinstance(radius, str) and radius == "auto":
        groups = _group_codes(groups, len(X))
        radius = _auto_radius(X, metric, groups, 10, device)
    radius = _checked_radius(radius, metric)
    if _is_scale(gamma):
        if radius == math.inf:
            raise ValueError(
                "The potential needs a finite radius for gamma='scale', which is half "
                "the radius; got inf. Give gamma as a number."
            )
        gamma = radius / 2
    return radius, _checked_gamma(gamma)


def _check_metric(metric):
    if not isinstance(metric, str) or metric not in METRICS:
        raise ValueError(
            f"The potential needs metric to be one of {', '.join(map(repr, METRICS))}; "
            f"got {metric!r}. The paper uses 'cosine'."
        )


def _checked_radius(radius, metric):
    largest = METRICS[metric]
    if not is_number(radius) or not 0 < radius <= largest:
        upper = f"<= {largest:g}" if largest < math.inf else "(inf for all points)"
        raise ValueError(
            f"The potential needs 0 < radius {upper} with the {metric} metric, or "
            f"'auto'; got {radius!r}. potential_grid takes several."
        )
    return float(radius)


def _is_scale(gamma):
    return isinstance(gamma, str) and gamma == "scale"


def _checked_gamma(gamma):
    if not is_number(gamma) or not 0 < gamma < math.inf:
        raise ValueError(
            f"The potential needs a finite gamma > 0, or 'scale'; got {gamma!r}. "
            "potential_grid takes several."
        )
    return float(gamma)


def _check_points(X, y, groups=None):
    X = check_array(as_numbers(X, "The potential"), dtype=[np.float64, np.float32])
    y = check_labels(y, len(X), "The potential")
    return X, _codes(y), _group_codes(groups, len(X))


def _group_codes(groups, n):
    groups = check_groups(groups, n, "The potential")
    return None if groups is None else _codes(groups)


def _codes_of_both(groups, groups_ref, n, n_ref):
    """Groups of points and of their neighbours as the same whole numbers, or None."""
    if (groups is None) != (groups_ref is None):
        raise ValueError(
            "class_potentials needs groups and groups_ref together; got one of them. "
            "Give both, or none."
        )
    if groups is None:
        return None, None
    both = [
        check_groups(of_rows, length, "The potential")
        for of_rows, length in ((groups, n), (groups_ref, n_ref))
    ]
    return np.split(_codes(np.concatenate(both)), [n])


def _codes(values):
    return np.unique(values, return_inverse=True)[1]


def _tensors(device, *arrays):
    return [
        None if array is None else torch.as_tensor(array, device=device)
        for array in arrays
    ]
