"""What all displays share: axes, markers, legends and the names of axes.

The functions import matplotlib themselves, because skaug also works without it.
"""

from sklearn.utils._optional_dependencies import check_matplotlib_support

__all__ = [
    "DASHED",
    "axes_of",
    "component_labels",
    "legend_beside",
    "mark",
    "marker_of",
]

# Style of lines that are no data, such as the line at 0.
DASHED = {"color": "0.3", "linewidth": 1, "linestyle": "--"}

MARKERS = "o^sDvP*X<>pdhH8"


def axes_of(ax, caller="plot"):
    """Return the axes, new ones for None, and their figure."""
    check_matplotlib_support(caller)
    import matplotlib.pyplot as plt

    ax = plt.subplots(layout="constrained")[1] if ax is None else ax
    return ax, ax.figure


def marker_of(number):
    """Return a marker; the same ones come again after the fifteenth."""
    return MARKERS[number % len(MARKERS)]


def mark(label, *, marker="o", color="0.5", hollow=False):
    """Make the entry of a legend for points."""
    from matplotlib.lines import Line2D

    face = {"markerfacecolor": "none"} if hollow else {}
    style = {"marker": marker, "color": color, "linestyle": "none"}
    return Line2D([], [], label=str(label), **style, **face)


def legend_beside(ax, **options):
    """Draw the legend to the right of the axes, for plots without a free corner."""
    return ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), **options)


def component_labels(pca, what="component"):
    """Name the first two components of a fitted PCA, with their share of variance."""
    return tuple(
        f"{nth} principal {what} ({100 * share:.0f} % of variance)"
        for nth, share in zip(("first", "second"), pca.explained_variance_ratio_)
    )
