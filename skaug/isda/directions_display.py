"""Display of semantic directions: what changes where ISDA moves features.

The class follows scikit-learn's displays: ``from_estimator`` computes once and draws,
and ``plot`` draws again from the attributes.
"""

import numpy as np
import torch
from sklearn.utils._optional_dependencies import check_matplotlib_support

from skaug._checks import Instance, OneOf, check_value
from skaug._grids import draw_line, range_of
from skaug._input import as_numbers
from skaug._printing import Printed
from skaug.isda.directions import moves_of, net_and_rows
from skaug.isda.inversion import FeatureInversion

__all__ = ["SemanticDirectionsDisplay"]

INVERSION = Instance(FeatureInversion, "a FeatureInversion") | OneOf(None)
# More names of columns beside a panel would lie over one another.
MOST_NAMES = 12
OF_STEPS = "Of a pipeline, give the net, and rows as the steps before it make them."


class SemanticDirectionsDisplay(Printed):
    r"""Rows along the directions in which the features of a class vary.

    ISDA moves features by :math:`N(0, \lambda \Sigma)`, mostly along the leading
    eigenvectors of the class's covariance :math:`\Sigma`. Each line of the figure is
    one of these directions, and each column a distance along it in standard deviations
    of the class. The rows shown are those whose features come nearest, or, as in the
    paper's Figures 3 and 5 [1]_, rows that a generator makes for them. What to read
    off: what changes from left to right is what ISDA varies, and where a class is named
    below a row, the direction leads into that class. Make the display with
    :meth:`from_estimator`. The parameters are kept as attributes.

    Parameters
    ----------
    rows : ndarray of shape (n_directions, n_deviations, ...)
        Rows as they are drawn: images, signals, or standardised columns of a table.
    label : object
        The class.
    deviations : sequence of n_deviations float
        Standard deviations along each direction.
    directions : ndarray of shape (n_directions, n_features)
        Unit vectors, by descending variance. Their largest number is positive.
    variances : ndarray of shape (n_directions,)
        Variance of the class along each.
    variance_shares : ndarray of shape (n_directions,)
        The same as a share of the whole variance of the class.
    distances : ndarray of shape (n_directions, n_deviations)
        How far the features of the rows are from those that were moved.
    nearest : ndarray of shape (n_directions, n_deviations), default=None
        Numbers of the rows, if they are real.
    labels : ndarray of shape (n_directions, n_deviations), default=None
        Their labels.
    names : list of str, default=None
        Names of a table's columns.

    Attributes
    ----------
    axes_ : ndarray of shape (n_directions, n_deviations), of matplotlib Axes
        Where ``plot`` drew.
    figure_ : matplotlib Figure
        The figure of the axes.

    See Also
    --------
    skaug.isda.FeatureInversion : Rows made for features.
    skaug.ISDAClassifier : Learns from features that are moved so.

    References
    ----------
    .. [1] Y. Wang et al., "Implicit Semantic Data Augmentation for Deep Networks",
       NeurIPS 2019.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skaug import ISDAClassifier
    >>> from skaug.isda import SemanticDirectionsDisplay
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> net = ISDAClassifier(random_state=0).fit(X, y)
    >>> display = SemanticDirectionsDisplay.from_estimator(net, X, y, label=2)
    >>> display.nearest.shape, display.directions.shape
    ((3, 5), (3, 128))
    """

    def __init__(
        self,
        rows,
        *,
        label,
        deviations,
        directions,
        variances,
        variance_shares,
        distances,
        nearest=None,
        labels=None,
        names=None,
    ):
        self.rows = rows
        self.label = label
        self.deviations = deviations
        self.directions = directions
        self.variances = variances
        self.variance_shares = variance_shares
        self.distances = distances
        self.nearest = nearest
        self.labels = labels
        self.names = names

    @classmethod
    def from_estimator(
        cls,
        net,
        X,
        y,
        label=None,
        *,
        row=None,
        n_directions=3,
        deviations=(-2, -1, 0, 1, 2),
        covariance=None,
        inversion=None,
        figure=None,
        cmap="gray",
    ):
        """Move features along directions, find or make rows for them, and draw.

        Parameters
        ----------
        net : NetClassifier, another net of skorch, or a Pipeline that ends in one
            A fitted one whose last layer is an ``nn.Linear``. It is not changed.
        X, y : array-like
            Rows and labels. The nearest rows are looked for among those of all classes.
        label : object, default=None
            The class whose directions are shown; by default that of `row`, or the first
            one.
        row : int, default=None
            Number of the row whose features are moved, as ISDA moves them. The row
            itself is shown at 0 only. By default the mean of the class is moved.
        n_directions : int, default=3
            Leading directions; fewer if the class varies along fewer.
        deviations : sequence of float, default=(-2, -1, 0, 1, 2)
            How far to move, in standard deviations of the class along the direction.
        covariance : array-like of shape (n_classes, n_features, n_features), \
default=None
            Covariances of the features of each class, such as ``net.covariance_`` of an
            ISDAClassifier, which are those that its training saw; also in the other
            forms that ISDALoss takes. By default they are those of the rows given, as
            the trained network sees them.
        inversion : FeatureInversion, default=None
            Makes rows for the features that were moved, starting from `row`, as the net
            takes them. By default the nearest real rows are shown.
        figure, cmap : objects
            As for :meth:`plot`.

        Returns
        -------
        display : SemanticDirectionsDisplay
            The display, drawn.

        Raises
        ------
        TypeError
            If it is no net of skorch.
        NotFittedError
            If the net is not fitted.
        ValueError
            If a parameter is out of range, no row has the label, the features of the
            class do not vary, the network does not end in an ``nn.Linear``, or there is
            an `inversion` without a `row`.
        """
        name = cls.__name__
        check_matplotlib_support(f"{name}.from_estimator")
        check_value(name, "inversion", inversion, INVERSION)
        if inversion is not None and row is None:
            raise ValueError(
                f"{name} needs a row to start from if rows are made; got row=None. "
                "Give the number of one."
            )
        net, inputs = net_and_rows(net, X)
        found = moves_of(
            name,
            net,
            inputs,
            y,
            label,
            row=row,
            n_directions=n_directions,
            deviations=deviations,
            covariance=covariance,
        )
        if inversion is None:
            shown = _nearest(found, X, y, row, net, name)
        else:
            shown = _made(found, inversion, net, inputs, row)
        display = cls(
            label=found.label,
            deviations=tuple(deviations),
            directions=found.directions.numpy(),
            variances=found.variances.numpy(),
            variance_shares=found.shares.numpy(),
            **shown,
        )
        return display.plot(figure, cmap=cmap)

    def plot(self, figure=None, *, cmap="gray"):
        """Draw the rows, a line for each direction.

        Images of three channels are drawn in colour, others by the mean of their
        channels. Each channel of a signal is a line. Each column of a table is a bar,
        in standard deviations of the column. All rows share one scale.

        Parameters
        ----------
        figure : matplotlib Figure or SubFigure, default=None
            Where to draw; by default a new figure.
        cmap : str or matplotlib Colormap
            Colours of images of one channel.

        Returns
        -------
        display : SemanticDirectionsDisplay
            The display itself.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        import matplotlib.pyplot as plt

        n_lines, n = self.rows.shape[:2]
        if figure is None:
            width, height = (1.1, 1.3) if self.rows.ndim == 5 else (1.7, 1.5)
            size = width * n + 0.8, height * n_lines + 0.7
            figure = plt.figure(figsize=size, layout="constrained")
        self.figure_ = figure.figure
        self.axes_ = figure.subplots(n_lines, n, squeeze=False)
        limits = range_of(self.rows.reshape(-1, *self.rows.shape[2:]), [])
        for number, (axes, rows) in enumerate(zip(self.axes_, self.rows)):
            draw_line(axes, rows, limits, cmap)
            share = 100 * self.variance_shares[number]
            axes[0].set_ylabel(
                f"direction {number + 1}\n{share:.0f} % of variance", fontsize="small"
            )
            others = [] if self.labels is None else self.labels[number]
            for ax, other in zip(axes, others):
                ax.set_xlabel("" if other == self.label else f"{other}")
        for ax, deviation in zip(self.axes_[0], self.deviations):
            ax.set_title(f"{deviation:+g} sd" if deviation else "0", fontsize="medium")
        if self.names is not None and len(self.names) <= MOST_NAMES:
            for ax in self.axes_[:, 0]:
                ax.set_yticks(range(len(self.names)), self.names, fontsize="x-small")
        figure.suptitle(f"class {self.label}")
        return self


def _nearest(found, X, y, row, net, name):
    """The real rows whose features are nearest to those that were moved."""
    # The other way to compute distances loses digits where rows are close.
    exact = "donot_use_mm_for_euclid_dist"
    moved = found.moved.flatten(0, 1)
    gaps = torch.cdist(moved, found.features, compute_mode=exact)
    if row is not None:  # a row would mostly be nearest to where it was moved
        gaps[(moved != found.features[row]).any(dim=1), row] = torch.inf
    distances, nearest = (
        part.unflatten(0, found.moved.shape[:2]).numpy() for part in gaps.min(dim=1)
    )
    rows = _as_taken(net, as_numbers(X, name, advice=OF_STEPS))
    return {
        "rows": _as_drawn(rows[nearest], rows),
        "names": _names(X),
        "distances": distances,
        "nearest": nearest,
        "labels": np.asarray(y).reshape(-1)[nearest],
    }


def _made(found, inversion, net, X, row):
    """Rows whose features are those that were moved, from a generator."""
    names, X, shape = _names(X), _as_taken(net, X), found.moved.shape[:2]
    moved = found.moved.flatten(0, 1).numpy()
    start = inversion.recover(net, X[[row]]).noise
    made = inversion.reach(net, start.repeat(len(moved), axis=0), moved)
    distances = np.linalg.norm(made.features - moved, axis=1)
    rows = made.rows.reshape(*shape, *made.rows.shape[1:])
    return {
        "rows": _as_drawn(rows, X),
        "names": names,
        "distances": distances.reshape(shape),
    }


def _as_taken(net, X):
    """Rows as an array, with channels on the second axis."""
    X = np.asarray(X)
    last = X.ndim > 2 and getattr(net, "channels_last", None)
    return np.moveaxis(X, -1, 1) if last else X


def _names(X):
    return list(X.columns) if hasattr(X, "columns") else None


def _as_drawn(rows, X):
    """Rows among X as they are drawn: columns of tables are standardised."""
    if X.ndim > 2:
        return rows
    # The steps of a pipeline may fill in what is missing.
    spread = np.nanstd(X, axis=0)
    return (rows - np.nanmean(X, axis=0)) / np.where(spread > 0, spread, 1)
