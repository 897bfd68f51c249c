"""Activations of a level, the hard ones among them, and the samples made there.

The class follows scikit-learn's displays: ``from_estimator`` computes once and draws,
and ``plot`` draws again from the attributes.
"""

import math

import numpy as np
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.utils._optional_dependencies import check_matplotlib_support
from sklearn.utils.validation import check_is_fitted

from skaug._checks import OneOf, Whole, check_value
from skaug._labels import check_labels
from skaug._plots import (
    axes_of,
    component_labels,
    foreground,
    legend_beside,
    mark,
    marker_of,
    panels_of,
)
from skaug._printing import Printed
from skaug.ihda.refits import check_finetuner

__all__ = ["ActivationDisplay"]

METHOD = OneOf("pca", "tsne", hint="Give one of them.")
HARD = OneOf(True, False, "auto", hint='"auto" rings hard points if there is a radius.')
# Lines from sources to more samples than these would hide the points.
FEW = 60
# Rows that t-SNE takes by default, and components that it is given.
ROWS_OF_TSNE, COMPONENTS = 1000, 50


class ActivationDisplay(Printed):
    """Real activations of one level on their principal axes, and samples among them.

    Every class has its own colour. Real activations are filled, synthetic ones hollow
    and smaller. Points in hard regions, of positive potential, have a ring. The
    labels of the axes tell the share of variance that the picture shows: it is small
    for a level of many activations. t-SNE shows who is near whom, and its axes and
    distances mean nothing. Make the display with :meth:`from_estimator`, or one for
    each level with :meth:`from_levels`. The parameters are kept as attributes.

    Parameters
    ----------
    points : ndarray of shape (n, 2)
        Principal components of the real activations, or their places by t-SNE.
    synthetic_points : ndarray of shape (n_synthetic, 2)
        Synthetic activations on the same axes.
    source_index : ndarray of shape (n_synthetic,)
        Number of the real row that each synthetic one is made from.
    y : ndarray of shape (n,)
        Labels of the real rows.
    level : str
        Name of the level.
    axis_labels : tuple of two str
        Names of the two coordinates.
    potentials : ndarray of shape (n,), default=None
        Potential of each real row among all rows given; None if it is not to be shown.
    n_rows : int, default=None
        How many rows the n were drawn from; None if they are all.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
        Where ``plot`` drew.
    scatter_ : dict of matplotlib PathCollection
        The points by ``(label, kind)``. The kinds are "real" and "synthetic".
    rings_ : matplotlib PathCollection or None
        The rings around hard points.
    lines_ : matplotlib LineCollection or None
        Lines from sources to samples.
    legend_ : matplotlib Legend or None
        The legend, right of the axes.

    See Also
    --------
    LevelGainDisplay : What the samples of each level gain.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skaug import ActivationDisplay, IHDAFinetuner, NetClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> ihda = IHDAFinetuner(NetClassifier(max_epochs=5), random_state=0).fit(X, y)
    >>> display = ActivationDisplay.from_estimator(ihda, X, y, "input", n_samples=2)
    >>> display.synthetic_points.shape
    (300, 2)
    """

    def __init__(
        self,
        points,
        synthetic_points,
        source_index,
        y,
        *,
        level,
        axis_labels,
        potentials=None,
        n_rows=None,
    ):
        self.points = points
        self.synthetic_points = synthetic_points
        self.source_index = source_index
        self.y = y
        self.level = level
        self.axis_labels = axis_labels
        self.potentials = potentials
        self.n_rows = n_rows

    @classmethod
    def from_estimator(
        cls,
        finetuner,
        X,
        y,
        level=None,
        *,
        n_samples=1,
        method="pca",
        hard="auto",
        groups=None,
        max_rows=None,
        random_state=0,
        lines="auto",
        legend=True,
        ax=None,
        scatter_kw=None,
    ):
        """Draw the activations of rows at a level, and samples made from them.

        Parameters
        ----------
        finetuner : IHDAFinetuner
            The fitted finetuner.
        X, y : array-like
            Rows and labels to make samples from, such as some rows of ``fit``. The
            principal axes are those of these rows.
        level : str, default=None
            Name of an augmented level; by default the last one.
        n_samples : int, default=1
            Samples per row.
        method : {"pca", "tsne"}, default="pca"
            What the axes are: the first two principal axes of the real activations, or
            those of scikit-learn's t-SNE of real and synthetic activations together,
            of which the first 50 principal components are taken.
        hard : bool or "auto", default="auto"
            Whether to ring the hard points. "auto" does if the fit looked for them at
            this level. The potentials are computed here, among the rows given, with
            the radius of the fit.
        groups : array-like of shape (n,), default=None
            Groups of the rows: those of one group are no neighbours.
        max_rows : int, default=None
            How many rows to show, with their samples; if there are more, they are drawn
            at random, and the title says so. ``None`` is all rows, and 1,000 for t-SNE,
            which takes long for many.
        random_state : int, default=0
            Seed of t-SNE and of the rows that are shown.
        lines, legend, ax, scatter_kw : objects
            As for :meth:`plot`.

        Returns
        -------
        display : ActivationDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If the level was not augmented, a parameter is out of its range, or there
            are fewer than two rows or two activations per row.
        TypeError, NotFittedError
            If `finetuner` is no IHDAFinetuner, or is not fitted.
        """
        name = cls.__name__
        check_matplotlib_support(f"{name}.from_estimator")
        check_finetuner(name, finetuner)
        check_is_fitted(finetuner)
        per_row = Whole(1, hint="Give the number of samples per row.")
        check_value(name, "n_samples", n_samples, per_row)
        check_value(name, "method", method, METHOD)
        check_value(name, "hard", hard, HARD)
        if max_rows is not None:
            check_value(name, "max_rows", max_rows, Whole(2))
        level = _augmented_level(name, finetuner, level)
        found = finetuner.sample(X, y, level, n_samples=n_samples)
        activations, synthetic, source_index = found
        real, synthetic = (h.reshape(len(h), -1) for h in (activations, synthetic))
        if min(real.shape) < 2:
            raise ValueError(
                f"{name} needs two rows or more, and two activations or more per row; "
                f"got shape {real.shape} at level {level!r}. Give more rows, or "
                "another level."
            )
        n, y = len(real), check_labels(y, len(real), name)
        potentials = _potentials(finetuner, level, hard, activations, y, groups)
        most = max_rows or (ROWS_OF_TSNE if method == "tsne" else n)
        if most < n:
            rows = np.sort(np.random.RandomState(random_state).permutation(n)[:most])
            shown = np.isin(source_index, rows)
            real, y, synthetic = real[rows], y[rows], synthetic[shown]
            potentials = None if potentials is None else potentials[rows]
            source_index = np.searchsorted(rows, source_index[shown])
        *points, labels = _placed(method, real, synthetic, random_state)
        names = {"level": level, "axis_labels": labels, "potentials": potentials}
        names["n_rows"] = n if most < n else None
        display = cls(*points, source_index, y, **names)
        return display.plot(ax, lines=lines, legend=legend, scatter_kw=scatter_kw)

    @classmethod
    def from_levels(cls, finetuner, X, y, levels=None, *, axes=None, **params):
        """Draw the activations of several levels side by side, one panel for each.

        Parameters
        ----------
        finetuner, X, y : objects
            As for :meth:`from_estimator`.
        levels : list of str, default=None
            Names of augmented levels; by default all of them.
        axes : array-like of matplotlib Axes, default=None
            Where to draw, one for each level; by default a new figure.
        **params
            More arguments of :meth:`from_estimator`. The legend is beside the last
            panel.

        Returns
        -------
        displays : list of ActivationDisplay
            One for each level.
        """
        name = f"{cls.__name__}.from_levels"
        check_matplotlib_support(name)
        check_finetuner(cls.__name__, finetuner)
        check_is_fitted(finetuner)
        if levels is None:
            levels = list(finetuner.generators_) or [None]
        axes = panels_of(axes, len(levels), name)
        legends = [False] * (len(levels) - 1) + [params.pop("legend", True)]
        return [
            cls.from_estimator(finetuner, X, y, level, ax=ax, legend=legend, **params)
            for level, ax, legend in zip(levels, axes, legends)
        ]

    def plot(self, ax=None, *, lines="auto", legend=True, scatter_kw=None):
        """Draw the activations.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; by default a new figure. The legend fits beside the axes if
            their figure has ``layout="constrained"``.
        lines : bool or "auto", default="auto"
            Whether to join every sample to its source. "auto" joins up to 60 samples.
        legend : bool, default=True
            Whether to draw the legend.
        scatter_kw : dict, default=None
            More arguments for ``Axes.scatter``, such as ``{"s": 10}``.

        Returns
        -------
        display : ActivationDisplay
            The display itself.
        """
        self.ax_, self.figure_ = axes_of(ax, "ActivationDisplay.plot")
        labels, codes = np.unique(self.y, return_inverse=True)
        sampled = codes[self.source_index]
        # Ten colours, then the same colours with the next marker.
        colours = [f"C{code % 10}" for code in range(len(labels))]
        n = len(codes) + len(sampled)
        size = {"s": float(np.clip(10_000 / n, 8, 36))}
        filled = {"linewidths": 0, "alpha": 0.6, "zorder": 2}
        hollow = {"facecolors": "none", "linewidths": 0.8, "zorder": 3}
        hollow["s"] = size["s"] / 2
        kinds = {
            "real": (self.points, codes, "facecolors", size | filled),
            "synthetic": (self.synthetic_points, sampled, "edgecolors", hollow),
        }
        self.scatter_, handles = {}, []
        for code, (label, colour) in enumerate(zip(labels.tolist(), colours)):
            marker = marker_of(code // 10)
            for kind, (points, codes_of_kind, coloured, style) in kinds.items():
                self.scatter_[label, kind] = self.ax_.scatter(
                    *points[codes_of_kind == code].T,
                    marker=marker,
                    **{coloured: colour} | style | (scatter_kw or {}),
                )
            handles.append(mark(label, marker=marker, color=colour))
        self.lines_ = self.legend_ = self.rings_ = None
        rings = []
        if self.potentials is not None:
            self.rings_ = self._ring(1.6 * size["s"])
            rings = [mark("hard", color=foreground(), hollow=True)]
        if lines is True or (lines == "auto" and len(sampled) <= FEW):
            self._join([colours[code] for code in sampled])
        if legend:
            handles += [mark("real"), mark("synthetic", hollow=True, size=4), *rings]
            self.legend_ = legend_beside(self.ax_, handles=handles)
        names = dict(zip(("xlabel", "ylabel"), self.axis_labels))
        title = f"level {self.level}"
        if self.n_rows is not None:
            title = f"{title}, {len(self.y):,} of {self.n_rows:,} rows"
        self.ax_.set(title=title, **names)
        return self

    def _ring(self, size):
        """Draw a ring around each hard point."""
        style = {
            "s": size,
            "facecolors": "none",
            "edgecolors": foreground(),
            "zorder": 4,
        }
        hard = self.points[self.potentials > 0]
        return self.ax_.scatter(*hard.T, linewidths=0.9, **style)

    def _join(self, colours):
        """Draw a line from each source to its sample."""
        from matplotlib.collections import LineCollection

        ends = np.stack([self.points[self.source_index], self.synthetic_points], axis=1)
        style = {"linewidths": 0.6, "zorder": 1}
        self.lines_ = LineCollection(ends, colors=colours, **style)
        self.ax_.add_collection(self.lines_, autolim=False)


def _augmented_level(name, finetuner, level):
    augmented = list(finetuner.generators_)
    if level is None and augmented:
        return augmented[-1]
    if level not in augmented:
        hint = f"Name one of {augmented}"
        if not augmented:
            hint = "No level was; fit with synthetic_share > 0"
        raise ValueError(
            f"{name} needs a level that was augmented; got {level!r}. {hint}."
        )
    return level


def _potentials(finetuner, level, hard, h, y, groups):
    """Potentials of activations (n, ...), or None if they are not shown."""
    (record,) = (one for one in finetuner.levels_ if one.level == level)
    known = not math.isnan(record.radius)
    if hard is False or (hard == "auto" and not known):
        return None
    radius = finetuner._chosen.radii[level]
    if known and isinstance(radius, str):  # that of fewer rows would be another
        radius = record.radius
    sources = finetuner.component("sources").set_params(radius=radius)
    codes = np.unique(y, return_inverse=True)[1]
    points = h.reshape(len(h), -1)
    if h.ndim > 2 and getattr(sources, "maps", "whole") == "means":
        points = h.reshape(*h.shape[:2], -1).mean(axis=2)
    return sources.fit(points, codes, groups, with_potentials=True).potentials_


def _placed(method, real, synthetic, random_state):
    """Places (n, 2) of real and of synthetic activations, and names of the axes."""
    if method == "pca":
        # For many activations, the default solver is not exact.
        pca = PCA(2, svd_solver="full")
        points = pca.fit_transform(real), pca.transform(synthetic)
        return *points, component_labels(pca, "axis")
    both = np.concatenate([real, synthetic])
    if min(both.shape) > COMPONENTS:
        both = PCA(COMPONENTS, random_state=random_state).fit_transform(both)
    perplexity = min(30, (len(both) - 1) / 3)
    tsne = TSNE(perplexity=perplexity, random_state=random_state)
    points = np.split(tsne.fit_transform(both), [len(real)])
    return *points, ("first t-SNE axis", "second t-SNE axis")
