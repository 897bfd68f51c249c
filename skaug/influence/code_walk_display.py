"""Display of an augmentation network: its steps along a walk from code to code."""

import numpy as np
import torch
from sklearn.utils import check_random_state
from sklearn.utils._optional_dependencies import check_matplotlib_support
from sklearn.utils.validation import check_is_fitted

from skaug._grids import check_shape, draw_line, range_of
from skaug._plots import foreground
from skaug._printing import Printed
from skaug._random import own_generators

__all__ = ["CodeWalkDisplay"]

# As in the paper's figure.
N_CODES = 10


class CodeWalkDisplay(Printed):
    """Draw what an augmentation network does to one row along a walk between codes.

    The codes lie on the straight line between two draws of the dropout. The lines of
    the figure are those of the paper's Figure 4: the row, where each position looks,
    the warped row, what the filter adds, and the view. Branches that the network does
    not have are left out. :meth:`from_estimator` makes a display.

    Parameters
    ----------
    row : ndarray of shape (channels, height, width) or (channels, time)
        The row.
    views : ndarray of shape (n_codes, channels, ...)
        Its views under the codes.
    shifts : ndarray of shape (n_codes, ..., n_axes), default=None
        How far each position looks away from itself; half an axis is 1.
    warped : ndarray of shape (n_codes, channels, ...), default=None
        The row after the spatial branch.
    changes : ndarray of shape (n_codes, channels, ...), default=None
        What the filter adds.

    Attributes
    ----------
    row, views, shifts, warped, changes : objects
        As given.
    axes_ : ndarray of shape (n_lines, n_codes), of matplotlib Axes
        After ``plot``: the axes drawn on.
    figure_ : matplotlib Figure
        The figure of the axes.

    See Also
    --------
    skaug.AugmentationGridDisplay : Many rows and their views.

    References
    ----------
    .. [1] D. Lee, H. Park, T. Pham, C. D. Yoo, "Learning Augmentation Network via
       Influence Functions", CVPR 2020, Figure 4.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skaug import InfluenceAugmenter, NetClassifier, NetworkAugmentation
    >>> from skaug.influence import CodeWalkDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> X = X.reshape(-1, 1, 8, 8) / 16
    >>> augmenter = InfluenceAugmenter(
    ...     NetClassifier(max_epochs=2),
    ...     augmentation=NetworkAugmentation(pretrain_steps=10, steps=5),
    ...     guard=False,
    ...     refit=False,
    ...     random_state=0,
    ... )
    >>> augmenter = augmenter.fit(X[:300], y[:300])
    >>> display = CodeWalkDisplay.from_estimator(augmenter, X[0])
    >>> display.views.shape
    (10, 1, 8, 8)
    """

    def __init__(self, row, views, *, shifts=None, warped=None, changes=None):
        self.row = row
        self.views = views
        self.shifts = shifts
        self.warped = warped
        self.changes = changes

    @classmethod
    def from_estimator(
        cls, augmenter, row, *, figure=None, cmap="gray", difference_cmap="RdBu_r"
    ):
        """Draw two codes of a row, walk from one to the other, and draw the steps.

        Parameters
        ----------
        augmenter : InfluenceAugmenter
            A fitted one that has learned a network. If its ``random_state`` is an
            integer, the codes are the same each time.
        row : array-like of shape (channels, height, width) or (channels, time)
            The row.
        figure, cmap, difference_cmap : objects
            As for :meth:`plot`.

        Returns
        -------
        display : CodeWalkDisplay
            The display, drawn.

        Raises
        ------
        TypeError
            If the augmenter has learned no network.
        ValueError
            If the row is one of a table.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        if hasattr(augmenter, "augment"):
            check_is_fitted(augmenter)
        network = getattr(augmenter, "network_", None)
        if network is None:
            raise TypeError(
                f"{cls.__name__} needs an InfluenceAugmenter that has learned a "
                f"network; got a {type(augmenter).__name__} without one. Fit one with "
                "augmentation='network'."
            )
        row = np.asarray(row)
        check_shape(cls.__name__, row[None])
        seed = check_random_state(augmenter.random_state).randint(2**31 - 1)
        parts = _walk(network, row, int(seed))
        display = cls(
            row,
            parts.view,
            shifts=parts.shift,
            warped=parts.warped,
            changes=parts.change,
        )
        return display.plot(figure, cmap=cmap, difference_cmap=difference_cmap)

    def plot(self, figure=None, *, cmap="gray", difference_cmap="RdBu_r"):
        """Draw the lines.

        Where positions of an image look is drawn by arrows, and along a signal as a
        line for each axis. Rows and views share one scale.

        Parameters
        ----------
        figure : matplotlib Figure or SubFigure, default=None
            Where to draw; by default a new figure.
        cmap, difference_cmap : str or matplotlib Colormap
            Colours of images of one channel, and of what the filter adds.

        Returns
        -------
        display : CodeWalkDisplay
            The display itself.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        import matplotlib.pyplot as plt

        n = len(self.views)
        lines = {"row": np.repeat(self.row[None], n, axis=0), "warp": self.shifts}
        lines |= {"warped": self.warped, "filter": self.changes, "view": self.views}
        lines = {name: line for name, line in lines.items() if line is not None}
        if figure is None:
            width = 1.1 if self.row.ndim == 3 else 1.7
            size = width * n + 0.5, 1.1 * len(lines) + 0.4
            figure = plt.figure(figsize=size, layout="constrained")
        self.figure_ = figure.figure
        self.axes_ = figure.subplots(len(lines), n, squeeze=False)
        kept = [line for name, line in lines.items() if name not in ("warp", "filter")]
        limits = range_of(self.row[None], kept)
        for (name, line), axes in zip(lines.items(), self.axes_):
            if name == "warp":
                _draw_shifts(axes, line)
            elif name == "filter":
                draw_line(axes, line, None, difference_cmap)
            else:
                draw_line(axes, line, limits, cmap)
            axes[0].set_ylabel(name)
        return self


def _draw_shifts(axes, shifts):
    """Arrows over the positions of images, lines over those of signals."""
    largest = float(np.abs(shifts).max()) or 1.0
    for ax, shift in zip(axes, shifts):
        if shift.ndim == 2:
            ax.plot(shift, linewidth=0.8)
            ax.set_ylim(-1.05 * largest, 1.05 * largest)
        else:
            height, width = shift.shape[:2]
            step = max(1, height // 8)
            some = slice(step // 2, None, step)
            rows, columns = (axis[some, some] for axis in np.mgrid[:height, :width])
            down, right = np.moveaxis(shift[rows, columns], -1, 0)
            half = height / 2, width / 2  # positions go from -1 to 1
            ax.quiver(
                columns,
                rows,
                right * half[1],
                down * half[0],
                angles="xy",
                scale_units="xy",
                scale=1,
                width=0.012,
                color=foreground(),
            )
            ax.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5), aspect="equal")
        ax.set(xticks=[], yticks=[])


def _walk(network, row, seed):
    """Steps of the network under codes on the line between two draws, as arrays."""
    device = network.mean.device
    X = torch.from_numpy(np.float32(row))[None].to(device)
    with own_generators(device, seed), torch.no_grad():
        first, last = network.encode(X), network.encode(X)
        share = torch.linspace(0, 1, N_CODES, device=device)[:, None]
        codes = torch.lerp(first, last, share)
        parts = network.parts(X.expand(N_CODES, *X.shape[1:]), codes)
    for name, part in parts.items():
        parts[name] = part if part is None else part.cpu().numpy()
    return parts
