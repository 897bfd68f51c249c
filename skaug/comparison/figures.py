"""A picture of the differences: arms by sets, blue where an arm is better."""

import warnings

import numpy as np

from skaug.comparison.differences import METRICS, TESTED, Differences

__all__ = ["heat_map"]

COLUMNS = ("best plain", "equal steps")


def heat_map(cells, path, overlapping=()):
    """Draw the differences of the network arms to the plain networks.

    Parameters
    ----------
    cells : list of dict
        Of :func:`~skaug.comparison.run_study`.
    path : path
        Where the picture is written, such as "methods.png".
    overlapping : tuple of str, default=()
        As for :class:`~skaug.comparison.Differences`.
    """
    # Without pyplot, Agg draws the figure, display or not.
    from matplotlib.figure import Figure

    found = Differences(cells, overlapping)
    arms = found.network_arms
    width = 2.2 + 2 * (0.6 + 1.25 * len(found.sets))
    height = (0.7 + 0.3 * max(len(arms), 1)) * len(TESTED)
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots(len(TESTED), len(COLUMNS), sharey=True, squeeze=False)
    for line, metric in zip(axes, TESTED):
        for ax, twin in zip(line, COLUMNS):
            _panel(ax, found, arms, twin, metric)
    figure.savefig(path, dpi=150, facecolor="white")


def _panel(ax, found, arms, twin, metric):
    """Draw all arms and sets for one metric and one twin."""
    means = np.array(
        [
            [found.difference(name, arm, twin, metric)[0] for name in found.sets]
            for arm in arms
        ]
    ).reshape(len(arms), len(found.sets))
    good = means if METRICS[metric][1] else -means
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # all NaN
        limit = np.nanquantile(np.abs(good), 0.9) if good.size else np.nan
    limit = limit if limit > 0 else 1.0
    ax.imshow(good, cmap="RdBu", vmin=-limit, vmax=limit, aspect="auto")
    for i, arm in enumerate(arms):
        for j, name in enumerate(found.sets):
            sure = found.beyond_doubt(name, arm, twin, metric)
            ax.text(
                j,
                i,
                found.text(name, arm, twin, metric),
                ha="center",
                va="center",
                fontsize=7,
                color="white" if np.abs(good[i, j]) > 0.6 * limit else "black",
                fontweight="bold" if sure else "normal",
            )
    ax.set_xticks(range(len(found.sets)), found.sets)
    ax.set_yticks(range(len(arms)), arms)
    ax.tick_params(length=0)
    ax.set_title(f"{metric}\narm - {twin}", fontsize=10)
