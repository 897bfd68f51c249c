"""HardPoints: which points new ones are made from, by the potential or without it."""

import math

import numpy as np
from sklearn.base import BaseEstimator, clone

from skaug._checks import Number, OneOf, check_parameters, is_number
from skaug._labels import check_groups
from skaug.hard_regions.hardness import sums_per_row
from skaug.hard_regions.nearest import nearest_of_some, warn_of_rows_of_zeros
from skaug.hard_regions.potential import (
    auto_radius,
    kernel_sums,
    neighbors_asked,
    resolve,
    signed,
    sums_at_radii,
)

__all__ = ["SOURCES", "HardPoints"]

RULES = ("hard", "all", "supported", "region", "top", "random")
# In a mixed region, each side has 15 % or more of the weight around a point.
MIXED = 0.7
# A point is supported if at least two of ten neighbours are of its class.
SUPPORT, NEIGHBORS = 0.2, 10


class HardPoints(BaseEstimator):
    """Choose the points that new ones are made from (Eq. 6 of IHDA).

    Parameters
    ----------
    rule : {"hard", "all", "supported", "region", "top", "random"}, default="hard"
        "hard" takes the points of positive :func:`~skaug.potential`, as in the paper.
        Where two classes mix, these are the points of the rarer one: recall of
        confused classes rises and accuracy falls. "all" takes all points. "supported"
        takes the points that have at least a `share` of their class among their ten
        nearest neighbours, and so leaves out most points of wrong labels. "region"
        takes the points of both classes there: all points around which their own
        class, themselves included, and the others have 15 % of the kernel's weight or
        more each, but no noisy ones. "top" takes the `share` of each class that has
        the highest potential, "random" takes a `share` of all points.
    radius : float, "auto", "validated" or tuple, default="auto"
        Reach of a neighbourhood. "auto" is the median distance to the tenth neighbour.
        ``("knn", 10)`` gives each point a radius of its own, which reaches its tenth
        neighbour; it suits classes of different density. IHDAFinetuner also takes one
        radius per level: a list in the order of computation, or a dict by name.
    gamma : float or "scale", default="scale"
        Width of the kernel; "scale" is half the radius, the paper has 0.05.
    metric : {"cosine", "euclidean", "manhattan"}, default="cosine"
        The distance. Cosine distances are angles seen from the origin. They suit
        features that are never negative, such as activations behind a ReLU, counts and
        spectra, and standardised columns; look at "euclidean" for others.
    share : float, default=None
        For "top" and "random"; ``None`` takes as many as have positive potential. For
        "supported" the share of neighbours; ``None`` is 0.2, two of ten.
    maps : {"whole", "means"}, default="whole"
        For :class:`~skaug.IHDAFinetuner`, at a level whose activations have positions,
        such as a convolutional one: whether a point is all its activations, or the mean
        of each channel over the positions.

    Attributes
    ----------
    indices_ : ndarray of shape (n_sources,)
        Rows of the sources, ascending.
    radius_, gamma_, hard_share_ : float
        What was used, and the share of points of positive potential; NaN where the
        rule needs no potential. If each point has a radius of its own, the median.
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
        "rule": OneOf(*RULES),
        "maps": OneOf("whole", "means"),
        "share": Number(0, 1, open_low=True)
        | OneOf(None, hint="Leave it out for the rule's own share."),
    }

    def __init__(
        self,
        rule="hard",
        radius="auto",
        gamma="scale",
        metric="cosine",
        share=None,
        maps="whole",
    ):
        self.rule = rule
        self.radius = radius
        self.gamma = gamma
        self.metric = metric
        self.share = share
        self.maps = maps

    @property
    def advice(self):
        """What to do if there is no source."""
        rule = self.rule if isinstance(self.rule, str) else None  # before the check
        if rule == "supported":
            return "Decrease share"
        by_share = rule in ("random", "top") and self.share is not None
        return "Increase share" if by_share else "Increase radius"

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
        per_level = isinstance(given, (list, np.ndarray))
        for radius in given if per_level else [given]:
            by_rule = isinstance(radius, str) and radius in ("auto", "validated")
            by_rule = by_rule or (per_level and is_number(radius) and radius == 0)
            by_rule = by_rule or neighbors_asked(radius)
            resolve(1.0 if by_rule else radius, self.gamma, self.metric, None)
            if _is_validated(radius) and not self.needs_potentials:
                raise ValueError(
                    "HardPoints needs a rule that looks at the radius for "
                    f"radius='validated'; got rule={self.rule!r}. Take rule='hard', "
                    "or leave radius out."
                )

    @property
    def needs_potentials(self):
        """Whether the rule looks at the potentials, and so at the radius."""
        return self.needs_points and self.rule != "supported"

    @property
    def needs_points(self):
        """Whether the rule looks at the points, or at their number only."""
        by_chance = self.rule == "random" and self.share is not None
        return not (self.rule == "all" or by_chance)

    def fit(
        self,
        X,
        codes,
        groups=None,
        *,
        with_potentials=False,
        every_class=False,
        needed=None,
        random_state=0,
        device="cpu",
        verbose=0,
    ):
        """Choose the sources.

        Parameters
        ----------
        X : ndarray of shape (n, n_features)
            The points. If the rule needs none, another object of this length will do.
        codes : ndarray of shape (n,)
            Their classes.
        groups : array-like of shape (n,), default=None
            Points of one group are no neighbours.
        with_potentials : bool, default=False
            Whether to compute the potentials even if the rule does not need them.
        every_class : bool, default=False
            Whether a class without a source gets some: those of its points that are
            hard within a radius of their own, or failing these, all its points.
        needed : array-like of int, default=None
            Classes of which sources are asked for, by default all. "supported" then
            leaves out the points of others, whose neighbours take time to find.
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
        if _is_validated(self.radius):
            raise ValueError(
                "HardPoints needs a radius that is known outside a network; got "
                "'validated', which IHDAFinetuner alone can choose. Give a number, "
                "'auto' or ('knn', 10)."
            )
        groups = check_groups(groups, len(X), "HardPoints")
        self.radius_ = self.gamma_ = self.hard_share_ = math.nan
        self.potentials_ = self.noisy_ = None
        chosen = None
        if with_potentials or self.needs_potentials:
            chosen = self._compute_potentials(X, codes, groups, device, verbose)
        needed = np.unique(codes) if needed is None else np.asarray(needed, dtype=int)
        if self.rule == "supported":
            asked = np.flatnonzero(np.isin(codes, needed))
            chosen = self._supported(X, codes, groups, asked)
        self.indices_ = self._choose(codes, chosen, random_state)
        if every_class and len(self.indices_) < len(X):
            self._add_lost_classes(X, codes, groups, needed)
        return self

    def fit_each(self, X, codes, groups=None, *, radii, random_state=0, device="cpu"):
        """Choose the sources for each of some radii, with one pass over all pairs.

        Parameters
        ----------
        X, codes, groups : objects
            As for :meth:`fit`.
        radii : array of float
            Radii in ascending order.
        random_state, device : objects
            As for :meth:`fit`.

        Returns
        -------
        fitted : list of HardPoints
            One per radius; the sets of sources are those of :meth:`fit`.
        """
        self.check()
        groups = check_groups(groups, len(X), "HardPoints")
        arguments = self.gamma, self.metric, groups, device
        sums = zip(*(part.T for part in sums_at_radii(X, codes, radii, *arguments)))
        fitted = []
        for radius, (own, other) in zip(radii, sums):
            points = clone(self).set_params(radius=float(radius))
            points.radius_, points.gamma_ = resolve(
                points.radius, self.gamma, self.metric, None
            )
            chosen = points._keep_potentials(own, other)
            points.indices_ = points._choose(codes, chosen, random_state)
            fitted.append(points)
        return fitted

    def _compute_potentials(self, X, codes, groups, device, verbose):
        """Set the potentials; return where both sides have their share of weight."""
        settings = {"metric": self.metric, "groups": groups, "device": device}
        radius, n_neighbors = self.radius, neighbors_asked(self.radius)
        if n_neighbors:
            radius = auto_radius(X, n_neighbors=n_neighbors, **settings)
        self.radius_, self.gamma_ = resolve(
            radius, self.gamma, self.metric, X, groups, device
        )
        own, other = kernel_sums(
            X,
            codes,
            radius=self.radius if n_neighbors else self.radius_,
            gamma=self.gamma if n_neighbors else self.gamma_,
            n_jobs=1,  # a search that asks has processes of its own
            verbose=verbose,
            **settings,
        )
        return self._keep_potentials(own, other)

    def _keep_potentials(self, own, other):
        """Set the potentials; return where both sides have their share of weight."""
        self.potentials_, self.noisy_ = signed(own, other)
        self.hard_share_ = float((self.potentials_ > 0).mean())
        # The point itself counts, so that two points at one spot get the same answer.
        return np.abs(other - own - 1) < MIXED * (other + own + 1)

    def _supported(self, X, codes, groups, asked):
        """Those of the points asked for that have neighbours enough of their class."""
        warn_of_rows_of_zeros(X, self.metric)
        if not len(asked):
            return asked
        n_neighbors = neighbors_asked(self.radius) or NEIGHBORS
        _, rows = nearest_of_some(X, asked, n_neighbors, self.metric, groups)
        there = rows >= 0
        own = there & (codes[rows] == codes[asked, None])
        share = SUPPORT if self.share is None else self.share
        return asked[own.sum(axis=1) >= np.maximum(share * there.sum(axis=1), 1)]

    def _add_lost_classes(self, X, codes, groups, needed):
        """Give each class a source: one radius can leave a sparse class without any."""
        for code in np.setdiff1d(needed, codes[self.indices_]):
            rows = np.flatnonzero(codes == code)
            found = nearest_of_some(X, rows, NEIGHBORS, self.metric, groups)
            own, other = sums_per_row(*found, codes, codes[rows])
            hard = (other > own) & (own > 0)
            more = rows[hard] if hard.any() else rows
            self.indices_ = np.sort(np.append(self.indices_, more))

    def _choose(self, codes, chosen, seed):
        n = len(codes)
        if self.rule == "all":
            return np.arange(n)
        if self.rule == "hard":
            return np.flatnonzero(self.potentials_ > 0)
        if self.rule == "supported":
            return chosen
        if self.rule == "region":
            return np.flatnonzero(chosen & ~self.noisy_)
        share = self.hard_share_ if self.share is None else self.share
        if self.rule == "random":
            return np.sort(
                np.random.RandomState(seed).permutation(n)[: round(share * n)]
            )
        return _top_of_each_class(self.potentials_, codes, share)


def _is_validated(radius):
    return isinstance(radius, str) and radius == "validated"


SOURCES = {rule: HardPoints(rule) for rule in RULES}


def _top_of_each_class(potentials, codes, share):
    # Ranks over all classes would leave out the commoner of two classes that mix.
    top = []
    for code in np.unique(codes):
        rows = np.flatnonzero(codes == code)
        ranked = rows[np.argsort(-potentials[rows], kind="stable")]
        top.append(ranked[: math.ceil(share * len(rows))])
    return np.sort(np.concatenate(top))
