"""What all displays share: axes, markers, legends and the names of axes.

The functions import matplotlib themselves, because skaug also works without it.
"""

from sklearn.utils._optional_dependencies import check_matplotlib_support

__all__ = [
    "DASHED",
    "axes_of",
    "colours_between",
    "component_labels",
    "foreground",
    "legend_beside",
    "mark",
    "marker_of",
    "over_epochs",
    "panels_of",
]

# Style of lines that are no data, such as the line at 0.
DASHED = {"color": "0.5", "linewidth": 1, "linestyle": "--"}

MARKERS = "o^sDvP*X<>pdhH8"


def axes_of(ax, caller="plot"):
    """Return the axes, new ones for None, and their figure."""
    check_matplotlib_support(caller)
    import matplotlib.pyplot as plt

    ax = plt.subplots(layout="constrained")[1] if ax is None else ax
    return ax, ax.figure


def panels_of(axes, n, caller="plot", **options):
    """Return n axes in an array, those of a new figure for None."""
    check_matplotlib_support(caller)
    import matplotlib.pyplot as plt
    import numpy as np

    if axes is None:
        size = (1.2 + 3.4 * n, 3.8)
        _, axes = plt.subplots(1, n, figsize=size, layout="constrained", **options)
    axes = np.ravel(np.array(axes, dtype=object))
    if len(axes) != n:
        raise ValueError(
            f"{caller} needs as many axes as there are panels, {n}; got {len(axes)}. "
            "Leave them out for a new figure."
        )
    return axes


def foreground():
    """Colour of text in the style, which can be seen on light and on dark ground."""
    import matplotlib.pyplot as plt

    return plt.rcParams["text.color"]


def colours_between(first="C0", last="C1"):
    """Make a colour map between two colours of the style: both can be seen on it."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list(f"{first} to {last}", [first, last])


def marker_of(number):
    """Return a marker; the same ones come again after the fifteenth."""
    return MARKERS[number % len(MARKERS)]


def mark(label, *, marker="o", color="0.5", hollow=False, size=None):
    """Make the entry of a legend for points."""
    from matplotlib.lines import Line2D

    face = {"markerfacecolor": "none"} if hollow else {}
    style = {"marker": marker, "color": color, "linestyle": "none"}
    style["markersize"] = size
    return Line2D([], [], label=str(label), **style, **face)


def legend_beside(ax, **options):
    """Draw the legend to the right of the axes, for plots without a free corner."""
    return ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), **options)


def over_epochs(ax, ylabel, *, log):
    """Name the axes of curves over epochs, with ticks for few powers of ten."""
    from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

    ax.set(xlabel="epoch", ylabel=ylabel, yscale="log" if log else "linear")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    if log:
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
        ax.yaxis.set_major_formatter("{x:g}")
        ax.yaxis.set_minor_formatter(NullFormatter())


def component_labels(pca, what="component"):
    """Name the first two components of a fitted PCA, with their share of variance."""
    return tuple(
        f"{nth} principal {what} ({100 * share:.0f} % of variance)"
        for nth, share in zip(("first", "second"), pca.explained_variance_ratio_)
    )
