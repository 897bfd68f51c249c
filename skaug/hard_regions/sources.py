"""HardPoints: which points new ones are made from, by the potential or without it."""

import math

import numpy as np
from sklearn.base import BaseEstimator

from skaug._checks import Number, OneOf, check_parameters, is_whole
from skaug.hard_regions.potential import auto_radius, kernel_sums, resolve, signed

__all__ = ["SOURCES", "HardPoints"]

# In a mixed region, each side has 15 % or more of the weight around a point.
MIXED = 0.7


class HardPoints(BaseEstimator):
    """Choose the points that new ones are made from (Eq. 6 of IHDA).

    Parameters
    ----------
    rule : {"hard", "all", "region", "top", "random"}, default="hard"
        "hard" takes the points of positive :func:`~skaug.potential`, as in the paper.
        Where two classes mix, these are the points of the rarer one: recall of
        confused classes rises and accuracy falls. "all" takes all points. "region"
        takes the points of both classes there: all points around which their own
        class, themselves included, and the others have 15 % of the kernel's weight or
        more each, but no noisy ones. "top" takes the `share` of each class that has
        the highest potential, "random" takes a `share` of all points.
    radius : float, "auto" or tuple, default="auto"
        Reach of a neighbourhood; ``("knn", 10)`` is the median distance to the tenth
        neighbour, and "auto" is the same. IHDAFinetuner also takes one radius per
        level: a list in the order of computation, or a dict by name.
    gamma : float or "scale", default="scale"
        Width of the kernel; "scale" is half the radius, the paper has 0.05.
    metric : {"cosine", "euclidean", "manhattan"}, default="cosine"
        The distance. Cosine distances are angles seen from the origin. They suit
        features that are never negative, such as activations behind a ReLU, counts and
        spectra, and standardised columns; look at "euclidean" for others.
    share : float, default=None
        For "top" and "random". ``None`` takes as many as have positive potential.

    Attributes
    ----------
    indices_ : ndarray of shape (n_sources,)
        Rows of the sources, ascending.
    radius_, gamma_, hard_share_ : float
        What was used, and the share of points of positive potential; NaN where the
        rule needs no potential.
    potentials_ : ndarray of shape (n,) or None
        Potential of each point, -1 where noisy, if it was needed.
    noisy_ : ndarray of shape (n,) or None
        Points without a neighbour of their own class.

    Examples
    --------
    >>> import numpy as np
    >>> from skaug import HardPoints
    >>> X, codes = np.array([[0.0], [1.0], [2.0], [9.0]]), np.array([0, 1, 0, 0])
    >>> region = HardPoints("region", radius=2, gamma=2, metric="euclidean")
    >>> region.fit(X, codes).indices_
    array([0, 2])
    """

    _rules = {
        "rule": OneOf("hard", "all", "region", "top", "random"),
        "share": Number(0, 1, open_low=True)
        | OneOf(None, hint="None takes as many as have positive potential."),
    }

    def __init__(
        self,
        rule="hard",
        radius="auto",
        gamma="scale",
        metric="cosine",
        share=None,
    ):
        self.rule = rule
        self.radius = radius
        self.gamma = gamma
        self.metric = metric
        self.share = share

    @property
    def limit(self):
        """Name of the parameter that keeps points from being sources."""
        by_share = self.rule in ("random", "top") and self.share is not None
        return "share" if by_share else "radius"

    def check(self):
        """Refuse parameters that are out of their range, before there is any data.

        Raises
        ------
        ValueError
            If one of them is; a radius per level is checked level by level.
        """
        check_parameters(self, self._rules)
        given = self.radius
        given = list(given.values()) if isinstance(given, dict) else given
        for radius in given if isinstance(given, (list, np.ndarray)) else [given]:
            by_rule = _is_rule(radius)
            resolve(1.0 if by_rule else radius, self.gamma, self.metric, None)

    def fit(
        self,
        X,
        codes,
        groups=None,
        *,
        with_potentials=False,
        random_state=0,
        device="cpu",
        verbose=0,
    ):
        """Choose the sources.

        Parameters
        ----------
        X : ndarray of shape (n, n_features)
            The points.
        codes : ndarray of shape (n,)
            Their classes.
        groups : array-like of shape (n,), default=None
            Points of one group are no neighbours.
        with_potentials : bool, default=False
            Whether to compute the potentials even if the rule does not need them.
        random_state : int, default=0
            Seed of "random".
        device, verbose : objects
            As for :func:`~skaug.potential`.

        Returns
        -------
        self : HardPoints
            With its attributes.
        """
        self.check()
        self.radius_ = self.gamma_ = self.hard_share_ = math.nan
        self.potentials_ = self.noisy_ = None
        by_chance = self.rule == "random" and self.share is not None
        mixed = None
        if with_potentials or not (self.rule == "all" or by_chance):
            mixed = self._compute_potentials(X, codes, groups, device, verbose)
        self.indices_ = self._choose(codes, mixed, random_state)
        return self

    def _compute_potentials(self, X, codes, groups, device, verbose):
        """Set the potentials; return where both sides have their share of weight."""
        settings = {"metric": self.metric, "groups": groups, "device": device}
        radius = self.radius
        if isinstance(radius, tuple):
            radius = auto_radius(X, n_neighbors=radius[1], **settings)
        self.radius_, self.gamma_ = resolve(
            radius, self.gamma, self.metric, X, groups, device
        )
        own, other = kernel_sums(
            X,
            codes,
            radius=self.radius_,
            gamma=self.gamma_,
            verbose=verbose,
            **settings,
        )
        self.potentials_, self.noisy_ = signed(own, other)
        self.hard_share_ = float((self.potentials_ > 0).mean())
        # The point itself counts, so that two points at one spot get the same answer.
        return np.abs(other - own - 1) < MIXED * (other + own + 1)

    def _choose(self, codes, mixed, seed):
        n = len(codes)
        if self.rule == "all":
            return np.arange(n)
        if self.rule == "hard":
            return np.flatnonzero(self.potentials_ > 0)
        if self.rule == "region":
            return np.flatnonzero(mixed & ~self.noisy_)
        share = self.hard_share_ if self.share is None else self.share
        if self.rule == "random":
            return np.sort(
                np.random.RandomState(seed).permutation(n)[: round(share * n)]
            )
        return _top_of_each_class(self.potentials_, codes, share)


SOURCES = {
    rule: HardPoints(rule) for rule in ("hard", "all", "region", "top", "random")
}


def _is_rule(radius):
    """Whether a radius is a rule for one, which is checked here."""
    if not isinstance(radius, tuple):
        return isinstance(radius, str) and radius == "auto"
    if radius[:1] == ("knn",) and is_whole(radius[-1]) and radius[-1] >= 1:
        return True
    raise ValueError(
        "The potential needs a radius as a number, 'auto' or ('knn', number of "
        f"neighbours); got {radius!r}. ('knn', 10) takes ten."
    )


def _top_of_each_class(potentials, codes, share):
    # Ranks over all classes would leave out the commoner of two classes that mix.
    top = []
    for code in np.unique(codes):
        rows = np.flatnonzero(codes == code)
        ranked = rows[np.argsort(-potentials[rows], kind="stable")]
        top.append(ranked[: math.ceil(share * len(rows))])
    return np.sort(np.concatenate(top))
