"""Activations of a level, the hard ones among them, and the samples made there.

The class follows scikit-learn's displays: ``from_estimator`` computes once and draws,
and ``plot`` draws again from the attributes.
"""

import numpy as np
from sklearn.decomposition import PCA
from sklearn.utils._optional_dependencies import check_matplotlib_support
from sklearn.utils.validation import check_is_fitted

from skaug._checks import Whole, check_value
from skaug._labels import check_labels
from skaug._plots import axes_of, component_labels, legend_beside, mark, marker_of
from skaug._printing import Printed
from skaug.ihda.refits import check_finetuner

__all__ = ["ActivationDisplay"]

# Lines from sources to more samples than these would hide the points.
FEW = 60


class ActivationDisplay(Printed):
    """Real activations of one level on their principal axes, and samples among them.

    Every class has its own colour. Real activations are filled, synthetic ones hollow.
    The labels of the axes tell the share of variance that the picture shows: it is
    small for a level of many activations. Make the display with :meth:`from_estimator`.
    The parameters are kept as attributes.

    Parameters
    ----------
    points : ndarray of shape (n, 2)
        Principal components of the real activations.
    synthetic_points : ndarray of shape (n_synthetic, 2)
        Synthetic activations, projected on the same axes.
    source_index : ndarray of shape (n_synthetic,)
        Number of the real row that each synthetic one is made from.
    y : ndarray of shape (n,)
        Labels of the real rows.
    level : str
        Name of the level.
    axis_labels : tuple of two str
        Names of the two coordinates.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
        Where ``plot`` drew.
    scatter_ : dict of matplotlib PathCollection
        The points by ``(label, kind)``. The kinds are "real" and "synthetic".
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
        self, points, synthetic_points, source_index, y, *, level, axis_labels
    ):
        self.points = points
        self.synthetic_points = synthetic_points
        self.source_index = source_index
        self.y = y
        self.level = level
        self.axis_labels = axis_labels

    @classmethod
    def from_estimator(
        cls,
        finetuner,
        X,
        y,
        level=None,
        *,
        n_samples=1,
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
        lines, legend, ax, scatter_kw : objects
            As for :meth:`plot`.

        Returns
        -------
        display : ActivationDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If the level was not augmented, `n_samples` is not a whole number of at
            least 1, or there are fewer than two rows or two activations per row.
        TypeError, NotFittedError
            If `finetuner` is no IHDAFinetuner, or is not fitted.
        """
        name = cls.__name__
        check_matplotlib_support(f"{name}.from_estimator")
        check_finetuner(name, finetuner)
        check_is_fitted(finetuner)
        per_row = Whole(1, hint="Give the number of samples per row.")
        check_value(name, "n_samples", n_samples, per_row)
        level = _augmented_level(name, finetuner, level)
        *activations, source_index = finetuner.sample(X, y, level, n_samples=n_samples)
        real, synthetic = (h.reshape(len(h), -1) for h in activations)
        if min(real.shape) < 2:
            raise ValueError(
                f"{name} needs two rows or more, and two activations or more per row; "
                f"got shape {real.shape} at level {level!r}. Give more rows, or "
                "another level."
            )
        # For many activations, the default solver is not exact.
        pca = PCA(2, svd_solver="full")
        points = pca.fit_transform(real), pca.transform(synthetic)
        names = {"level": level, "axis_labels": component_labels(pca, "axis")}
        y = check_labels(y, len(real), cls.__name__)
        display = cls(*points, source_index, y, **names)
        return display.plot(ax, lines=lines, legend=legend, scatter_kw=scatter_kw)

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
        kinds = {
            "real": (self.points, codes, "facecolors", size | filled),
            "synthetic": (self.synthetic_points, sampled, "edgecolors", size | hollow),
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
        self.lines_ = self.legend_ = None
        if lines is True or (lines == "auto" and len(sampled) <= FEW):
            self._join([colours[code] for code in sampled])
        if legend:
            handles += [mark("real"), mark("synthetic", hollow=True)]
            self.legend_ = legend_beside(self.ax_, handles=handles)
        names = dict(zip(("xlabel", "ylabel"), self.axis_labels))
        self.ax_.set(title=f"level {self.level}", **names)
        return self

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
