"""Which points samples are made from, by the potential or without it."""

from numbers import Integral

import numpy as np

from skaug.hard_regions.potential import auto_radius, kernel_sums, resolve, signed

__all__ = ["SOURCES", "check_region", "choose_sources"]

SOURCES = ("all", "potential", "region", "top", "random")
# Around a point of a "region", its own class and the others have 15 % of the weight or
# more.
MIXED = 0.7


def check_region(radius, gamma, metric):
    """Refuse what is no radius, gamma or metric, before there is any data.

    Parameters
    ----------
    radius, gamma, metric : object
        As for :func:`choose_sources`.

    Raises
    ------
    ValueError
        If one of them is out of its range.
    """
    by_neighbours = isinstance(radius, tuple)
    if by_neighbours and not (
        len(radius) == 2 and radius[0] == "knn" and _is_count(radius[1])
    ):
        raise ValueError(
            "The potential needs a radius as a number, 'auto' or ('knn', number of "
            f"neighbours); got {radius!r}. ('knn', 10) takes ten."
        )
    by_rule = by_neighbours or (isinstance(radius, str) and radius == "auto")
    resolve(1.0 if by_rule else radius, gamma, metric, None)


def _is_count(value):
    return isinstance(value, Integral) and value >= 1 and value is not True


def choose_sources(
    rule,
    h,
    codes,
    groups=None,
    *,
    share=None,
    radius="auto",
    gamma="scale",
    metric="cosine",
    random_state=0,
    device="cpu",
):
    """Choose the points that samples are made from.

    Parameters
    ----------
    rule : {"all", "potential", "region", "top", "random"}
        "potential" takes the points of positive potential (Eq. 6 of IHDA). Where two
        classes mix, those are the points of the rarer one. "region" takes both: all
        points around which their own class, they themselves included, and the others
        have 15 % of the kernel's weight or more each; noisy points excepted. "top"
        takes the `share` of each class with the highest potential, "random" a `share`
        of all points.
    h : ndarray of shape (n, n_features)
        The points.
    codes : ndarray of shape (n,)
        Their classes.
    groups : array-like of shape (n,), default=None
        Points of one group are no neighbours.
    share : float, default=None
        For "top" and "random"; ``None`` is the share of positive potential.
    radius : float, "auto" or tuple ("knn", int), default="auto"
        Reach of a neighbourhood; the tuple is the median distance to that neighbour.
    gamma, metric : object
        As for :func:`~skaug.potential`.
    random_state : int, default=0
        Seed of "random".
    device : str or torch.device, default="cpu"
        As for :func:`~skaug.potential`.

    Returns
    -------
    sources : ndarray
        Row numbers, ascending.
    report : dict
        ``radius``, ``gamma``, ``hard_share``: what was used, and the share of points
        of positive potential. Empty if no potential was needed.

    Examples
    --------
    >>> import numpy as np
    >>> from skaug.ihda import choose_sources
    >>> h, codes = np.array([[0.0], [1.0], [2.0], [9.0]]), np.array([0, 1, 0, 0])
    >>> choose_sources("region", h, codes, radius=2, gamma=2, metric="euclidean")[0]
    array([0, 2])
    """
    n = len(h)
    if rule == "all":
        return np.arange(n), {}
    if rule == "random" and share is not None:
        return _some(n, share, random_state), {}
    if isinstance(radius, tuple):
        radius = auto_radius(
            h, metric=metric, groups=groups, n_neighbors=radius[1], device=device
        )
    radius, gamma = resolve(radius, gamma, metric, h, groups, device)
    own, other = kernel_sums(
        h,
        codes,
        radius=radius,
        gamma=gamma,
        metric=metric,
        groups=groups,
        device=device,
    )
    potentials, noisy = signed(own, other)
    hard = potentials > 0
    report = {"radius": radius, "gamma": gamma, "hard_share": float(hard.mean())}
    share = report["hard_share"] if share is None else share
    if rule == "random":
        return _some(n, share, random_state), report
    if rule == "top":
        return _top_of_each_class(potentials, codes, share), report
    if rule == "region":
        # The point itself counts, so that two at one spot get the same answer.
        mixed = np.abs(other - own - 1) < MIXED * (other + own + 1)
        hard = mixed & ~noisy
    return np.flatnonzero(hard), report


def _some(n, share, seed):
    return np.sort(np.random.RandomState(seed).permutation(n)[: round(share * n)])


def _top_of_each_class(potentials, codes, share):
    # Ranks over all classes would leave out the commoner of two classes that mix.
    rows = [np.flatnonzero(codes == code) for code in np.unique(codes)]
    top = [
        of_class[np.argsort(-potentials[of_class], kind="stable")][
            : int(np.ceil(share * len(of_class)))
        ]
        for of_class in rows
    ]
    return np.sort(np.concatenate(top))
