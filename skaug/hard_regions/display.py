"""Pictures of what a HardRegionSampler found.

The classes follow scikit-learn's displays: ``from_estimator`` computes once and draws,
and ``plot`` draws again from the attributes.
"""

from numbers import Integral

import numpy as np
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler
from sklearn.utils import _safe_indexing, check_array
from sklearn.utils._optional_dependencies import check_matplotlib_support
from sklearn.utils.validation import _num_samples, check_is_fitted

from skaug._checks import Whole, check_value
from skaug._labels import check_labels
from skaug._plots import DASHED, axes_of, component_labels, foreground, mark, marker_of
from skaug._printing import Printed

__all__ = ["HardRegionDisplay", "PotentialHistogramDisplay"]


class HardRegionDisplay(Printed):
    """Map of the training points, coloured by potential.

    Every class has its own marker. Points in hard regions have a positive potential;
    they are drawn above all others. Noisy points are hollow. Make the display with
    :meth:`from_estimator`. The parameters are kept as attributes.

    Parameters
    ----------
    points : ndarray of shape (n, 2)
        Where to draw the training points.
    potentials : ndarray of shape (n,)
        Potentials of the training points.
    noisy : ndarray of shape (n,), bool
        Which points are noisy. Their potentials are not drawn.
    y : ndarray of shape (n,)
        Labels of the training points.
    axis_labels : tuple of two str
        Names of the two coordinates.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
        Where ``plot`` drew.
    scatter_ : dict of matplotlib PathCollection
        The points by ``(label, kind)``, in ascending order of potential. The kinds are
        "easy", "hard" and "noisy".
    colorbar_ : matplotlib Colorbar or None
        The colour bar.

    See Also
    --------
    PotentialHistogramDisplay : How the potentials of each class are distributed.

    Examples
    --------
    >>> from sklearn.datasets import make_moons
    >>> from skaug import HardPoints, HardRegionDisplay, HardRegionSampler
    >>> X, y = make_moons(200, noise=0.3, random_state=0)
    >>> sampler = HardRegionSampler(
    ...     output="potentials", sources=HardPoints(metric="euclidean")
    ... ).fit(X, y)
    >>> display = HardRegionDisplay.from_estimator(sampler, X, y)
    >>> len(display.scatter_[0, "hard"].get_offsets())
    11
    """

    def __init__(self, points, potentials, noisy, y, *, axis_labels):
        self.points = points
        self.potentials = potentials
        self.noisy = noisy
        self.y = y
        self.axis_labels = axis_labels

    @classmethod
    def from_estimator(
        cls,
        sampler,
        X,
        y,
        *,
        features=None,
        ax=None,
        cmap="coolwarm",
        colorbar=True,
        scatter_kw=None,
    ):
        """Draw the points that a sampler was fitted on.

        Parameters
        ----------
        sampler : HardRegionSampler or ResampledClassifier
            The fitted sampler, or the fitted classifier that holds one.
        X : array-like of shape (n, n_columns)
            The rows given to ``fit``, in the same order. The columns may be different
            ones, such as the columns before scaling.
        y : array-like of shape (n,)
            Labels of the rows, for the markers and the legend.
        features : tuple of two int or str, default=None
            Numbers or names of the columns to draw. If X has two columns, the default
            is to draw both. Otherwise the first two principal components of the
            standardised columns are drawn.
        ax : matplotlib Axes, default=None
            Where to draw; by default a new figure.
        cmap, colorbar, scatter_kw : objects
            As for :meth:`plot`.

        Returns
        -------
        display : HardRegionDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If the number of rows of X or y differs from that in ``fit``, or `features`
            does not name two columns of X.
        TypeError, NotFittedError
            If `sampler` has no potentials, or is not fitted.
        """
        name = cls.__name__
        check_matplotlib_support(f"{name}.from_estimator")
        sampler = _fitted_sampler(name, sampler)
        _check_rows(name, sampler, X=X, y=y)
        points, axis_labels = _project(X, features)
        y = check_labels(y, len(points), name)
        of_points = points, sampler.potentials_, sampler.noisy_, y
        display = cls(*of_points, axis_labels=axis_labels)
        return display.plot(ax, cmap=cmap, colorbar=colorbar, scatter_kw=scatter_kw)

    def plot(self, ax=None, *, cmap="coolwarm", colorbar=True, scatter_kw=None):
        """Draw the map.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; by default a new figure.
        cmap : str or matplotlib Colormap, default="coolwarm"
            Diverging colours. The middle colour stands for a potential of 0.
        colorbar : bool, default=True
            Whether to draw the colour bar. Positive and negative potentials have
            separate scales, each up to the 98th percentile.
        scatter_kw : dict, default=None
            More arguments for ``Axes.scatter``, such as ``{"s": 10}``.

        Returns
        -------
        display : HardRegionDisplay
            The display itself.
        """
        self.ax_, self.figure_ = axes_of(ax, "HardRegionDisplay.plot")
        size = np.clip(20_000 / len(self.points), 10, 36)
        common = {"s": size, "linewidths": np.sqrt(size) / 12} | (scatter_kw or {})
        kinds = self._kinds(cmap)
        labels = np.unique(self.y).tolist()
        self.scatter_, handles = {}, []
        for number, label in enumerate(labels):
            marker = marker_of(number)
            for zorder, (kind, (of_kind, style)) in enumerate(kinds.items(), start=1):
                rows = np.flatnonzero(of_kind & (self.y == label))
                rows = rows[np.argsort(self.potentials[rows], kind="stable")]
                if kind != "noisy":
                    style = style | {"c": self.potentials[rows]}
                self.scatter_[label, kind] = self.ax_.scatter(
                    *self.points[rows].T, marker=marker, zorder=zorder, **style | common
                )
            handles.append(mark(label, marker=marker))
        if self.noisy.any():
            handles.append(mark("hollow: noisy", hollow=True))
        self.ax_.legend(handles=handles)
        self.ax_.set(xlabel=self.axis_labels[0], ylabel=self.axis_labels[1])
        self.colorbar_ = None
        if colorbar:
            style = {"ax": self.ax_, "label": "potential", "extend": "both"}
            scatter = self.scatter_[labels[0], "hard"]
            self.colorbar_ = self.figure_.colorbar(scatter, **style)
        return self

    def _kinds(self, cmap):
        """Points of each kind and their style, from the lowest layer to the highest."""
        colours = {"cmap": cmap, "norm": self._norm()}
        hard = ~self.noisy & (self.potentials > 0)
        easy = ~self.noisy & ~hard
        return {
            "noisy": (self.noisy, {"facecolors": "none", "edgecolors": "0.5"}),
            "easy": (easy, {"edgecolors": "face"} | colours),
            "hard": (hard, {"edgecolors": foreground()} | colours),
        }

    def _norm(self):
        from matplotlib.colors import TwoSlopeNorm

        values = self.potentials[~self.noisy]
        low, high = (
            np.quantile(side, 0.98) if len(side) else 1.0
            for side in (-values[values < 0], values[values > 0])
        )
        return TwoSlopeNorm(0, -low, high)


class PotentialHistogramDisplay(Printed):
    """Histogram of the potentials of each class.

    Points right of the line at 0 are in hard regions. Noisy points have no meaningful
    potential: the histogram leaves them out, and the legend tells their share. Make the
    display with :meth:`from_estimator`. The parameters are kept as attributes.

    Parameters
    ----------
    counts : ndarray of shape (n_classes, n_bins)
        Points of each class in each bin, without noisy points.
    edges : ndarray of shape (n_bins + 1,)
        Borders of the bins.
    labels : ndarray of shape (n_classes,)
        The classes.
    hard_share, noisy_share : ndarray of shape (n_classes,)
        Shares of hard and of noisy points among all points of each class.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
        Where ``plot`` drew.
    stairs_ : list of matplotlib StepPatch
        The outline of each class.
    line_ : matplotlib Line2D
        The line at 0.

    See Also
    --------
    HardRegionDisplay : Where the points of hard regions lie.

    Examples
    --------
    >>> from sklearn.datasets import make_moons
    >>> from skaug import HardPoints, HardRegionSampler, PotentialHistogramDisplay
    >>> X, y = make_moons(200, noise=0.3, random_state=0)
    >>> sampler = HardRegionSampler(
    ...     output="potentials", sources=HardPoints(metric="euclidean")
    ... ).fit(X, y)
    >>> display = PotentialHistogramDisplay.from_estimator(sampler, y)
    >>> display.hard_share
    array([0.11, 0.08])
    """

    def __init__(self, counts, edges, labels, *, hard_share, noisy_share):
        self.counts = counts
        self.edges = edges
        self.labels = labels
        self.hard_share = hard_share
        self.noisy_share = noisy_share

    @classmethod
    def from_estimator(cls, sampler, y, *, bins=40, ax=None):
        """Draw the potentials of the points that a sampler was fitted on.

        Parameters
        ----------
        sampler : HardRegionSampler or ResampledClassifier
            As for :meth:`HardRegionDisplay.from_estimator`.
        y : array-like of shape (n,)
            Labels of the rows given to ``fit``, in the same order.
        bins : int, default=40
            Number of bins. One more is drawn if that puts a border at 0.
        ax : matplotlib Axes, default=None
            Where to draw; by default a new figure.

        Returns
        -------
        display : PotentialHistogramDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If the number of labels differs from the number of rows in ``fit``, or
            `bins` is not a whole number of at least 1.
        TypeError, NotFittedError
            If `sampler` has no potentials, or is not fitted.
        """
        name = cls.__name__
        check_matplotlib_support(f"{name}.from_estimator")
        check_value(name, "bins", bins, Whole(1, hint="Give the number of bars."))
        sampler = _fitted_sampler(name, sampler)
        _check_rows(name, sampler, y=y)
        potentials, noisy = sampler.potentials_, sampler.noisy_
        edges = _edges(potentials[~noisy], bins)
        y = check_labels(y, len(potentials), name)
        labels, codes = np.unique(y, return_inverse=True)
        of_class = codes == np.arange(len(labels))[:, None]  # (n_classes, n)
        counts = [np.histogram(potentials[c & ~noisy], edges)[0] for c in of_class]
        hard_share = np.array([np.mean(potentials[c] > 0) for c in of_class])
        noisy_share = np.array([np.mean(noisy[c]) for c in of_class])
        shares = {"hard_share": hard_share, "noisy_share": noisy_share}
        return cls(np.array(counts), edges, labels, **shares).plot(ax)

    def plot(self, ax=None):
        """Draw the histogram.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; by default a new figure.

        Returns
        -------
        display : PotentialHistogramDisplay
            The display itself.
        """
        self.ax_, self.figure_ = axes_of(ax, "PotentialHistogramDisplay.plot")
        self.stairs_ = []
        shares = zip(self.hard_share, self.noisy_share)
        for label, counts, (hard, noisy) in zip(self.labels, self.counts, shares):
            text = f"{label}: {100 * hard:.0f} % hard, {100 * noisy:.0f} % noisy"
            stairs = self.ax_.stairs(counts, self.edges, linewidth=1.5, label=text)
            self.stairs_.append(stairs)
        self.line_ = self.ax_.axvline(0, **DASHED)
        self.ax_.set(xlabel="potential", ylabel="points")
        self.ax_.margins(y=0.1 + 0.06 * len(self.labels))  # room for the legend
        self.ax_.legend()
        return self


def _fitted_sampler(name, estimator):
    sampler = getattr(estimator, "sampler_", estimator)
    check_is_fitted(sampler)
    if not hasattr(sampler, "potentials_"):
        raise TypeError(
            f"{name} needs a fitted HardRegionSampler, or a ResampledClassifier that "
            f"holds one; got a {type(sampler).__name__}. Of a pipeline, give that step."
        )
    return sampler


def _check_rows(name, sampler, **given):
    n = len(sampler.potentials_)
    for what, values in given.items():
        if _num_samples(values) != n:
            raise ValueError(
                f"{name} needs {what} to have the {n} rows that the sampler was fitted "
                f"on; got {_num_samples(values)}. Give what was given to fit, without "
                "new samples."
            )


def _project(X, features):
    """Two coordinates of every row, and the names of the coordinates."""
    numbers = {"dtype": [np.float64, np.float32], "ensure_min_features": 2}
    names = [str(c) for c in getattr(X, "columns", [])]
    if features is None or not names:
        X = check_array(X, **numbers)
        names = names or [f"column {j}" for j in range(X.shape[1])]
    if features is None and len(names) == 2:
        features = 0, 1
    if features is not None:
        columns = _column_numbers(features, names)
        points = check_array(_safe_indexing(X, columns, axis=1), **numbers)
        return points, tuple(names[j] for j in columns)
    pca = PCA(2, random_state=0)
    points = pca.fit_transform(StandardScaler().fit_transform(X))
    return points, component_labels(pca)


def _column_numbers(features, names):
    numbers = [names.index(j) if j in names else j for j in features]
    valid = [isinstance(j, Integral) and 0 <= j < len(names) for j in numbers]
    if valid != [True, True]:
        raise ValueError(
            "HardRegionDisplay needs features to be two columns of X, by name or by "
            f"number from 0 to {len(names) - 1}; got {features!r}. Leave them out for "
            "the first two principal components."
        )
    return [int(j) for j in numbers]


def _edges(values, bins):
    """Borders of bins of equal width; one border is at 0."""
    low, high = values.min(initial=0), values.max(initial=0)
    # The bins are a little wider, so that rounding leaves no extreme value outside.
    width = (1 + 1e-9) * (high - low) / bins or 1.0
    first, last = np.floor(low / width), max(np.ceil(high / width), 1)
    return width * np.arange(first, last + 1)
