"""What IHDA chose on rows held out: the loss of all that was tried at each level.

The class follows scikit-learn's displays: ``from_estimator`` computes once and draws,
and ``plot`` draws again from the attributes.
"""

import math

import numpy as np
from sklearn.utils._optional_dependencies import check_matplotlib_support
from sklearn.utils.validation import check_is_fitted

from skaug._plots import DASHED, foreground, legend_beside, panels_of
from skaug._printing import Printed
from skaug.ihda.refits import check_finetuner

__all__ = ["LevelTuningDisplay"]


class LevelTuningDisplay(Printed):
    """Held-out loss of every radius and rate that was tried, one panel for each level.

    Each rate has a curve over the radius; if one radius was tried at a level, there is
    one curve over the rate. The dashed line is the loss with the level left alone, from
    which the curves of the level start, and which is where the level below ended. The
    bars are standard errors of the paired difference to it. What was chosen is ringed.
    Losses beyond the top of the panels are marked at their edge. Make the display with
    :meth:`from_estimator`. The parameters are kept as attributes.

    Parameters
    ----------
    levels : list of Bunch
        The ``levels`` of ``IHDAFinetuner.tuning_``.
    n_held_out : int, default=None
        Number of rows that the losses are means over.

    Attributes
    ----------
    axes_ : ndarray of shape (n_levels,), of matplotlib Axes
        The panels.
    figure_ : matplotlib Figure
        Their figure.
    curves_ : list of dict of matplotlib ErrorbarContainer
        For each level, the curves by rate; by None if there is one over the rate.
    chosen_ : list of matplotlib PathCollection or None
        The ring of each level; None where the level was left alone.

    See Also
    --------
    SkipCurveDisplay : The same for the probability of skipping levels.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skaug import IHDAFinetuner, LevelTuningDisplay, NetClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> ihda = IHDAFinetuner(NetClassifier(max_epochs=5), tune_lr="validated")
    >>> ihda = ihda.set_params(generator="noise", random_state=0).fit(X, y)
    >>> display = LevelTuningDisplay.from_estimator(ihda)
    >>> [len(level.tried) for level in display.levels]
    [4, 4, 4]
    """

    def __init__(self, levels, *, n_held_out=None):
        self.levels = levels
        self.n_held_out = n_held_out

    @classmethod
    def from_estimator(cls, finetuner, *, axes=None):
        """Draw what a finetuner chose in its fit.

        Parameters
        ----------
        finetuner : IHDAFinetuner
            Fitted, with a radius or a rate that is "validated".
        axes : array-like of matplotlib Axes, default=None
            As for :meth:`plot`.

        Returns
        -------
        display : LevelTuningDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If nothing was chosen in the fit.
        TypeError, NotFittedError
            If `finetuner` is no IHDAFinetuner, or is not fitted.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        tuning = tuning_of(cls.__name__, finetuner)
        return cls(tuning.levels, n_held_out=tuning.n_held_out).plot(axes)

    def plot(self, axes=None):
        """Draw the curves.

        Parameters
        ----------
        axes : array-like of matplotlib Axes, default=None
            Where to draw, one for each level; by default a new figure.

        Returns
        -------
        display : LevelTuningDisplay
            The display itself.
        """
        name = "LevelTuningDisplay.plot"
        check_matplotlib_support(name)
        self.axes_ = panels_of(axes, len(self.levels), name, sharey=True)
        self.figure_ = self.axes_[0].figure
        rates = sorted({trial.tune_lr for told in self.levels for trial in told.tried})
        colours = {rate: f"C{number}" for number, rate in enumerate(rates[1:])}
        low, high = self._limits()
        self.curves_, self.chosen_ = [], []
        for ax, told in zip(self.axes_, self.levels):
            self._panel(ax, told, colours, low, high)
        of_rows = "" if self.n_held_out is None else f",\n{self.n_held_out:,} rows"
        self.axes_[0].set_ylabel(f"held-out log loss{of_rows}")
        self._key(colours)
        return self

    def _limits(self):
        """Least and largest loss to show: a rate that destroys a network hides all."""
        losses = [[one.loss for one in told.tried] for told in self.levels]
        losses = [np.array(of_level) for of_level in losses if of_level]
        if not losses:
            return 0.0, 1.0
        found, alone = np.concatenate(losses), max(one[0] for one in losses)
        low, high = found.min(), alone + 3 * max(alone - found.min(), 0.05 * alone)
        best = [one[1:].min() for one in losses if len(one) > 1]
        high = max([high, *(1.3 * one for one in best if math.isfinite(one))])
        high = min(high, found.max())
        room = 0.08 * max(high - low, 1e-3)
        return low - room, high + room

    def _panel(self, ax, told, colours, low, high):
        ax.set(title=f"level {told.level}", ylim=(low, high))
        self.curves_.append({})
        self.chosen_.append(None)
        if len(told.tried) < 2:
            words = "nothing to try" if told.tried else "skipped by chance"
            ax.text(0.5, 0.5, words, ha="center", va="center", transform=ax.transAxes)
            ax.set_xticks([])
        if told.tried:
            ax.axhline(told.tried[0].loss, **DASHED)
        trials = told.tried[1:]
        if not trials:
            return
        places, name = _places(trials)
        ax.set_xlabel(name)
        aside = _tick(ax, sorted(set(places)))
        rates = colours if name == "radius" else [None]
        for number, rate in enumerate(rates):
            curve = [
                (x, trial.loss, trial.error)
                for x, trial in sorted(zip(places, trials), key=lambda pair: pair[0])
                if rate in (None, trial.tune_lr)
            ]
            if curve:
                # Bars of several rates would lie upon each other.
                columns = np.array(curve)
                columns[:, 0] *= aside ** (number - (len(rates) - 1) / 2)
                colour = colours.get(rate, "0.5")
                self.curves_[-1][rate] = _curve(ax, columns, colour, high)
        for x, trial in zip(places, trials):
            if _is_chosen(trial, told):
                style = {"s": 130, "facecolors": "none", "edgecolors": foreground()}
                style |= {"linewidths": 1.5, "zorder": 4}
                self.chosen_[-1] = ax.scatter([x], [trial.loss], **style)

    def _key(self, colours):
        from matplotlib.lines import Line2D

        handles = [Line2D([], [], label="left alone", **DASHED)]
        if any(None not in curves for curves in self.curves_ if curves):
            dot = {"marker": "o", "markersize": 4}
            handles += [
                Line2D([], [], color=colour, label=f"rate {rate:g}", **dot)
                for rate, colour in colours.items()
            ]
        ring = {"marker": "o", "markersize": 10, "markerfacecolor": "none"}
        style = {"color": foreground(), "linestyle": "none", "label": "chosen"}
        handles.append(Line2D([], [], **ring, **style))
        legend_beside(self.axes_[-1], handles=handles)


def _places(trials):
    """Where trials are on the horizontal axis, and what the axis is."""
    if len({trial.radius for trial in trials}) > 1:
        return [float(trial.radius) for trial in trials], "radius"
    # The radius of a rule without one is NaN, which is not equal to itself.
    if len(trials) > 1 and not math.isnan(trials[0].radius):
        name = f"rate, at radius {trials[0].radius:.3g}"
        return [trial.tune_lr for trial in trials], name
    return [trial.tune_lr for trial in trials], "rate"


def _tick(ax, places):
    """Put ticks at the values tried; return the factor that moves one a little."""
    if min(places) > 0:
        ax.set_xscale("log")
    ax.set_xticks(places, [f"{place:.3g}" for place in places])
    ax.minorticks_off()
    if min(places) <= 0:  # a rate of 0
        return 1.0
    width = max(places[-1] / places[0], 1.5)
    ax.set_xlim(places[0] * width**-0.12, places[-1] * width**0.12)
    return width**0.015


def _curve(ax, columns, colour, high):
    """Draw losses with bars, and marks at the edge for those too high."""
    x, loss, error = columns.T
    beyond = ~(loss <= high)
    marks = {"marker": "^", "clip_on": False, "zorder": 3, "color": colour}
    ax.scatter(x[beyond], np.full(beyond.sum(), high), **marks)
    loss = np.where(np.isfinite(loss), loss, math.nan)
    style = {"marker": "o", "markersize": 4, "linewidth": 1.2, "elinewidth": 0.8}
    return ax.errorbar(x, loss, error, color=colour, **style)


def tuning_of(name, finetuner):
    """What a fitted finetuner tells of its choices."""
    check_finetuner(name, finetuner)
    check_is_fitted(finetuner)
    if finetuner.tuning_ is None:
        raise ValueError(
            f"{name} needs a finetuner that chose something in its fit; got one whose "
            "parameters were all given. Set skip_probability, tune_lr or the radius of "
            'its sources to "validated".'
        )
    return finetuner.tuning_


def _is_chosen(trial, told):
    same = trial.radius == told.radius or math.isnan(trial.radius)
    return same and trial.tune_lr == told.tune_lr
