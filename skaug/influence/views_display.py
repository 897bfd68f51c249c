"""Display of learned augmentation: rows, their views, and the differences."""

import numpy as np
from sklearn.utils._optional_dependencies import check_matplotlib_support
from sklearn.utils.validation import check_is_fitted

from skaug._checks import Whole, check_value
from skaug._grids import check_shape, draw_line, range_of
from skaug._printing import Printed

__all__ = ["AugmentationGridDisplay"]


class AugmentationGridDisplay(Printed):
    """Draw images or signals, views of each, and the difference to the first view.

    Each column is a row of the data. Several draws of one row show how diverse its
    views are, as in the paper's Figure 3. :meth:`from_estimator` makes a display.

    Parameters
    ----------
    X : ndarray of shape (n, channels, height, width) or (n, channels, time)
        Rows.
    views : ndarray of the shape of X, or of shape (n_draws, n, channels, ...)
        A view of each row, or several.
    labels : sequence of length n, default=None
        Texts above the columns.

    Attributes
    ----------
    X, labels : objects
        As given.
    views : ndarray of the shape of X
        The first view of each row.
    draws : ndarray of shape (n_draws, n, channels, ...)
        All views.
    differences : ndarray of the shape of X
        ``views - X``.
    axes_ : ndarray of shape (2 + n_draws, n), of matplotlib Axes
        After ``plot``: the axes drawn on, with rows, views and differences.
    figure_ : matplotlib Figure
        The figure of the axes.

    See Also
    --------
    InfluenceAugmenter : Learns the augmentation.
    skaug.influence.CodeWalkDisplay : The steps of an augmentation network.

    References
    ----------
    .. [1] D. Lee, H. Park, T. Pham, C. D. Yoo, "Learning Augmentation Network via
       Influence Functions", CVPR 2020, Figure 3.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skaug import AugmentationGridDisplay, InfluenceAugmenter, NetClassifier
    >>> from skaug import TransformPolicy
    >>> X, y = load_digits(return_X_y=True)
    >>> X = X.reshape(-1, 1, 8, 8) / 16
    >>> net = NetClassifier(max_epochs=2)
    >>> policy = TransformPolicy(n_networks=1)
    >>> augmenter = InfluenceAugmenter(
    ...     net, augmentation=policy, guard=False, refit=False
    ... )
    >>> augmenter = augmenter.fit(X[:300], y[:300])
    >>> display = AugmentationGridDisplay.from_estimator(
    ...     augmenter, X, y, n_rows=5, n_draws=3
    ... )
    >>> display.views.shape, display.draws.shape
    ((5, 1, 8, 8), (3, 5, 1, 8, 8))
    """

    def __init__(self, X, views, *, labels=None):
        self.X = X
        self.draws = views if views.ndim > X.ndim else views[None]
        self.views = self.draws[0]
        self.labels = labels
        self.differences = self.views - X

    @classmethod
    def from_estimator(
        cls,
        augmenter,
        X,
        y=None,
        *,
        n_rows=8,
        n_draws=1,
        figure=None,
        cmap="gray",
        difference_cmap="RdBu_r",
    ):
        """Augment rows, and draw them beside their views.

        Parameters
        ----------
        augmenter : InfluenceAugmenter
            A fitted one. If its ``random_state`` is an integer, the views are the same
            each time.
        X : array-like of shape (n, channels, height, width) or (n, channels, time)
            Rows.
        y : array-like of shape (n,), default=None
            Labels, which are written above the columns. If the policy has transforms
            that look at labels, they are needed.
        n_rows : int, default=8
            How many rows to draw, from the first; fewer if X has fewer. These rows are
            one batch for transforms that look at other rows.
        n_draws : int, default=1
            Views of each row.
        figure, cmap, difference_cmap : objects
            As for :meth:`plot`.

        Returns
        -------
        display : AugmentationGridDisplay
            The display, drawn.

        Raises
        ------
        TypeError
            If `augmenter` is no InfluenceAugmenter.
        ValueError
            If X is a table, or `n_rows` or `n_draws` is no whole number of 1 or more.
        """
        name = cls.__name__
        check_matplotlib_support(f"{name}.from_estimator")
        if not hasattr(augmenter, "augment"):
            raise TypeError(
                f"{name} needs an InfluenceAugmenter; got a "
                f"{type(augmenter).__name__}. If it is in a pipeline, give that step."
            )
        check_is_fitted(augmenter)
        for what, value in (("n_rows", n_rows), ("n_draws", n_draws)):
            rule = Whole(1, hint="Give the number of columns, or of lines of views.")
            check_value(name, what, value, rule)
        X = np.asarray(X)
        check_shape(name, X)
        X, y = X[:n_rows], None if y is None else np.asarray(y)[:n_rows]
        views = augmenter.augment(X, n_views=n_draws, y=y).reshape(-1, *X.shape)
        display = cls(X, views, labels=None if y is None else y.tolist())
        return display.plot(figure, cmap=cmap, difference_cmap=difference_cmap)

    def plot(self, figure=None, *, cmap="gray", difference_cmap="RdBu_r"):
        """Draw the grid.

        Images of three channels are drawn in colour, others and all differences by the
        mean of their channels. The scale goes from the smallest to the largest number
        in X. Each channel of a signal is a line. Rows and views share one scale, and
        the differences share another one.

        Parameters
        ----------
        figure : matplotlib Figure or SubFigure, default=None
            Where to draw; by default a new figure.
        cmap, difference_cmap : str or matplotlib Colormap
            Colours of images of one channel, and of differences.

        Returns
        -------
        display : AugmentationGridDisplay
            The display itself.
        """
        name = type(self).__name__
        check_matplotlib_support(f"{name}.plot")
        import matplotlib.pyplot as plt

        check_shape(name, self.X)
        n, n_lines = len(self.X), 2 + len(self.draws)
        if figure is None:
            width = 1.1 if self.X.ndim == 4 else 1.7
            size = width * n + 0.5, 1.1 * n_lines + 0.4
            figure = plt.figure(figsize=size, layout="constrained")
        self.figure_ = figure.figure
        self.axes_ = figure.subplots(n_lines, n, squeeze=False)
        limits = range_of(self.X, self.draws)
        for content, axes in zip([self.X, *self.draws], self.axes_):
            draw_line(axes, content, limits, cmap)
        draw_line(self.axes_[-1], self.differences, None, difference_cmap)
        names = ["original", *["augmented"] * len(self.draws), "difference"]
        for name, axes in zip(names, self.axes_):
            axes[0].set_ylabel(name)
        for ax, label in zip(self.axes_[0], self.labels or []):
            ax.set_title(label, fontsize="medium")
        return self
