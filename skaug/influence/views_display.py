"""Display of learned augmentation: rows, their views, and the differences."""

import numpy as np
import torch
from sklearn.utils import check_random_state
from sklearn.utils._optional_dependencies import check_matplotlib_support
from sklearn.utils.validation import check_is_fitted

from skaug._checks import Whole, check_value
from skaug._printing import Printed
from skaug._random import own_generators

__all__ = ["AugmentationGridDisplay"]

# Codes on the way between two draws, as in Figure 4 of the paper.
N_CODES = 10


class AugmentationGridDisplay(Printed):
    """Draw images or signals, a view of each, and the difference of the two.

    Each column is a row of the data. If an augmentation network was learned, ten more
    views of the first row stand below, with their differences to that row. The codes of
    these views lie on the straight line between two draws of the dropout (Figure 4 of
    the paper). :meth:`from_estimator` makes a display.

    Parameters
    ----------
    X : ndarray of shape (n, channels, height, width) or (n, channels, time)
        Rows.
    views : ndarray of the shape of X
        A view of each row.
    labels : sequence of length n, default=None
        Texts above the columns.
    path : ndarray of shape (n_codes, channels, ...), default=None
        Views of the first row by the augmentation network alone.

    Attributes
    ----------
    X, views, labels, path : objects
        As given.
    differences : ndarray of the shape of X
        ``views - X``.
    axes_ : ndarray of shape (3, n), of matplotlib Axes
        After ``plot``: the axes drawn on, with rows, views and differences.
    path_axes_ : ndarray of shape (2, n_codes), of matplotlib Axes, or None
        The axes of the path and of its differences to the first row.
    figure_ : matplotlib Figure
        The figure of the axes.

    See Also
    --------
    InfluenceAugmenter : Learns the augmentation.

    References
    ----------
    .. [1] D. Lee, H. Park, T. Pham, C. D. Yoo, "Learning Augmentation Network via
       Influence Functions", CVPR 2020, Figure 4.

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
    >>> display = AugmentationGridDisplay.from_estimator(augmenter, X, y, n_rows=5)
    >>> display.views.shape
    (5, 1, 8, 8)
    >>> display.path is None
    True
    """

    def __init__(self, X, views, *, labels=None, path=None):
        self.X = X
        self.views = views
        self.labels = labels
        self.path = path
        self.differences = views - X

    @classmethod
    def from_estimator(
        cls,
        augmenter,
        X,
        y=None,
        *,
        n_rows=8,
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
            If X is a table, or `n_rows` is no whole number of 1 or more.
        """
        name = cls.__name__
        check_matplotlib_support(f"{name}.from_estimator")
        if not hasattr(augmenter, "augment"):
            raise TypeError(
                f"{name} needs an InfluenceAugmenter; got a "
                f"{type(augmenter).__name__}. If it is in a pipeline, give that step."
            )
        check_is_fitted(augmenter)
        rule = Whole(1, hint="Give the number of columns.")
        check_value(name, "n_rows", n_rows, rule)
        X = np.asarray(X)
        _check_shape(name, X)
        X, y = X[:n_rows], None if y is None else np.asarray(y)[:n_rows]
        views = augmenter.augment(X, y=y)
        network = getattr(augmenter, "network_", None)
        path = None
        if network is not None:
            seed = check_random_state(augmenter.random_state).randint(2**31 - 1)
            path = _path(network, X[:1], int(seed))
        labels = None if y is None else y.tolist()
        display = cls(X, views, labels=labels, path=path)
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

        _check_shape(name, self.X)
        n, with_path = len(self.X), self.path is not None
        n_lines = 5 if with_path else 3
        if figure is None:
            columns = max(n, len(self.path)) if with_path else n
            width = 1.1 if self.X.ndim == 4 else 1.7
            size = width * columns + 0.5, 1.1 * n_lines + 0.4
            figure = plt.figure(figsize=size, layout="constrained")
        self.figure_ = figure.figure
        parts = [figure]
        if with_path:
            parts = figure.subfigures(2, 1, height_ratios=[3, 2])
        maps = {"cmap": cmap, "difference_cmap": difference_cmap}
        names = ["original", "augmented", "difference"]
        contents = [self.X, self.views, self.differences]
        self.axes_ = self._grid(parts[0], names, contents, self.differences, **maps)
        for ax, label in zip(self.axes_[0], self.labels or []):
            ax.set_title(label, fontsize="medium")
        self.path_axes_ = None
        if with_path:
            contents = [self.path, self.path - self.X[:1]]
            self.path_axes_ = self._grid(
                parts[1], ["code to code", "difference"], contents, contents[1], **maps
            )
        return self

    def _grid(self, figure, names, contents, differences, cmap, difference_cmap):
        """Draw a line of axes for each content; the last content is the differences."""
        is_image = self.X.ndim == 4
        axes = figure.subplots(len(names), len(contents[0]), squeeze=False)
        largest = float(np.abs(_shown(differences, signed=True)).max()) or 1.0
        low, high = float(self.X.min()), float(self.X.max())
        if not is_image:  # views may go beyond the range of the rows
            low = min(low, *(float(content.min()) for content in contents[:-1]))
            high = max(high, *(float(content.max()) for content in contents[:-1]))
        margin = 0.05 * (high - low)
        for number, (name, content, of_line) in enumerate(zip(names, contents, axes)):
            signed = number == len(names) - 1
            for ax, values in zip(of_line, _shown(content, signed=signed)):
                if is_image and values.ndim == 3:
                    # Colours are numbers between 0 and 1.
                    scaled = (np.moveaxis(values, 0, -1) - low) / ((high - low) or 1)
                    ax.imshow(scaled.clip(0, 1))
                elif is_image and signed:
                    ax.imshow(values, difference_cmap, vmin=-largest, vmax=largest)
                elif is_image:
                    ax.imshow(values, cmap, vmin=low, vmax=high)
                else:
                    ax.plot(values.T, linewidth=0.8)
                    ends = 1.05 * np.array([-largest, largest])
                    ax.set_ylim(*(ends if signed else (low - margin, high + margin)))
                ax.set(xticks=[], yticks=[])
            of_line[0].set_ylabel(name)
        return axes


def _check_shape(name, X):
    if X.ndim not in (3, 4):
        raise ValueError(
            f"{name} needs images (n, channels, height, width) or signals (n, "
            f"channels, time); got {X.shape}. If X is a table, compare the columns of "
            "augment(X) with those of X."
        )


def _shown(content, *, signed):
    """Return signals as they are, and images in colour or with one number a pixel."""
    if content.ndim == 3 or (content.shape[1] == 3 and not signed):
        return content
    return content.mean(axis=1)


def _path(network, X, seed):
    """Views of a row under codes on the line between two draws of its code."""
    device = network.mean.device
    row = torch.from_numpy(np.float32(X)).to(device)
    with own_generators(device, seed), torch.no_grad():
        first, last = network.encode(row), network.encode(row)
        share = torch.linspace(0, 1, N_CODES, device=device)[:, None]
        codes = torch.lerp(first, last, share)
        return network.decode(row.expand(N_CODES, *row.shape[1:]), codes).cpu().numpy()
