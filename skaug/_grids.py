"""Rows beside one another: images, signals, or columns of a table as bars."""

import numpy as np

__all__ = ["check_shape", "draw_line", "range_of"]


def check_shape(name, X):
    """Refuse rows of tables, which have no picture."""
    if X.ndim not in (3, 4):
        raise ValueError(
            f"{name} needs images (n, channels, height, width) or signals (n, "
            f"channels, time); got {X.shape}. If X is a table, compare the columns of "
            "augment(X) with those of X."
        )


def range_of(X, contents):
    """Smallest and largest number to show, with a margin for lines and bars."""
    # Images have the scale of the rows X. Views of signals may go beyond it.
    if X.ndim == 4:
        return float(X.min()), float(X.max())
    # Bars begin at 0, and are missing for numbers that are missing.
    zero = [0.0] if X.ndim == 2 else []
    low = min([*zero, *(float(np.nanmin(content)) for content in [X, *contents])])
    high = max([*zero, *(float(np.nanmax(content)) for content in [X, *contents])])
    margin = 0.05 * ((high - low) or 1)
    return low - margin, high + margin


def draw_line(axes, content, limits, cmap):
    """Draw rows (n, channels, ...) or (n, columns) beside one another.

    Parameters
    ----------
    axes : sequence of n matplotlib Axes
        Where to draw.
    content : ndarray of shape (n, channels, ...) or (n, columns)
        Rows, or differences.
    limits : tuple of two float or None
        Scale of rows. ``None`` is for differences: 0 is in the middle, and images have
        the mean of their channels.
    cmap : str or matplotlib Colormap
        Colours of images of one number a pixel.
    """
    is_signed = limits is None
    values = _shown(content, signed=is_signed)
    if is_signed:
        largest = float(np.abs(values).max()) or 1.0
        room = 1.0 if content.ndim == 4 else 1.05
        limits = -room * largest, room * largest
    low, high = limits
    for ax, one in zip(axes, values):
        if content.ndim == 2:
            ax.barh(range(len(one)), one)
            ax.axvline(0, color="0.5", linewidth=1)
            ax.set(xlim=(low, high), ylim=(len(one) - 0.5, -0.5))
        elif content.ndim == 3:
            ax.plot(one.T, linewidth=0.8)
            ax.set_ylim(low, high)
        elif one.ndim == 3:  # colours are numbers between 0 and 1
            scaled = (np.moveaxis(one, 0, -1) - low) / ((high - low) or 1)
            ax.imshow(scaled.clip(0, 1))
        else:
            ax.imshow(one, cmap, vmin=low, vmax=high)
        ax.set(xticks=[], yticks=[])


def _shown(content, *, signed):
    """Return images in colour or with one number a pixel, and others as they are."""
    if content.ndim < 4 or (content.shape[1] == 3 and not signed):
        return content
    return content.mean(axis=1)
