"""Comparison: what a search has found, as a sentence, a table, a picture and a page."""

from functools import cached_property, partial
from html import escape
from textwrap import fill

import numpy as np
from scipy.stats import t as student
from sklearn.utils import Bunch

from skaug._files import atomic_writing
from skaug._plots import DASHED, axes_of
from skaug.comparison.differences import METRICS, mean_and_error
from skaug.comparison.exchange import exchange_rate
from skaug.comparison.page import page
from skaug.comparison.setup import BEST
from skaug.comparison.verdict import is_clearly_better

__all__ = ["Comparison"]

UNITS = {"accuracy": " points", "balanced accuracy": " points"}
NOTE = (
    "- twin: the difference to the twin in the same folds, which is the best plain "
    "network for a network. ± is one standard error, widened because folds share "
    "training rows. *: p < 0.05; **: also after Holm's correction over the methods. At "
    "temperature: the log-loss after temperature scaling, of the method and of the "
    "twin. Time: that of a fit over that of the plain network of as many steps."
)
HOW = (
    "Every method was fitted in the same folds as its twin. The twin of a network is "
    "the best plain network, which is trained without augmentation and chooses its "
    "gradient steps and its weight decay. A method that is put on top of another also "
    "takes the settings of that one.",
    "Settings were chosen inside each fold, on rows held out from its training part. "
    "Log-loss is also taken at the temperature that these rows choose, on both sides "
    "of a difference, because much of what augmentation does to log-loss is done by a "
    "temperature as well.",
)
AT_TEMPERATURE = "log-loss at temperature"
SHOWN = ("accuracy", "log-loss", AT_TEMPERATURE, "worst group")
WIDTH = 100  # of printed sentences


class Comparison:
    """What a search has found.

    Parameters
    ----------
    differences : Differences
        Of the cells of all methods and folds.
    name : str
        Name of the rows in the cells.
    metric : str
        What methods were judged by.
    best : str
        Name of the best method.
    about : dict of str to str
        Rows, classes, folds, versions and the like, for the page.
    make_curves : callable or None
        Makes the learning curves of the best augmented network when they are asked for.
    make_card : callable
        Makes the model card of the best method when it is asked for.

    See Also
    --------
    skaug.AugmentationSearchCV : Makes one.
    """

    def __init__(self, differences, name, metric, best, about, make_curves, make_card):
        self.differences = differences
        self.name = name
        self.metric = metric
        self.best = best
        self.about = about
        self._make_curves = make_curves
        self._make_card = make_card

    def __getstate__(self):
        # Both need all rows, which a saved comparison does not take along.
        return self.__dict__ | {"_make_curves": None, "_make_card": None}

    title = "Which augmentation helps?"
    note = NOTE
    how = HOW

    @property
    def has_curves(self):
        """Whether learning curves have been asked for."""
        return self.__dict__.get("curves") is not None

    @property
    def methods(self):
        """Names of what is in the table: plain training, then methods by their gain."""
        found = self.differences
        names = [arm for arm in found.arms if arm in found.methods]
        sign = 1 if METRICS[self.metric][1] else -1
        names.sort(key=lambda arm: -sign * np.mean(self._values(arm)))
        return [BEST] * (BEST in found.arms) + names

    def _values(self, arm, metric=None):
        return self.differences.values(self.name, arm, metric or self.metric)

    def table(self):
        """Make one record for each method, ready for ``pandas.DataFrame``.

        Returns
        -------
        records : list of Bunch
            ``method``, ``twin``, mean of each metric, its paired ``difference`` to the
            twin with its standard ``error``, whether it is beyond doubt after Holm's
            correction, and ``time``, that of a fit over that of the twin.
        """
        return [self._record(arm) for arm in self.methods]

    def _record(self, arm):
        found = self.differences
        twin = found.first_twin_of(arm)
        record = Bunch(method=arm, twin=twin)
        for metric in self.metrics:
            key = metric.replace(" ", "_").replace("-", "_")
            mean, gap, error = float(np.mean(self._values(arm, metric))), np.nan, np.nan
            if twin is not None:
                gap, error, _ = found.difference_between(self.name, arm, twin, metric)
            record |= {key: mean, f"{key}_difference": gap, f"{key}_error": error}
        record["beyond_doubt"] = self._is_beyond_doubt(arm)
        record["time"] = self._time(arm)
        return record

    def _is_beyond_doubt(self, arm):
        """Whether the difference to the twin withstands Holm's correction."""
        found = self.differences
        kind = next(iter(found.twins_of(arm)), None)
        return kind is not None and found.beyond_doubt(
            self.name, arm, kind, self.metric
        )

    @property
    def metrics(self):
        """Metrics of the table that there are figures of."""
        known = next(iter(self.differences.figures.values()))
        judged = () if self.metric in SHOWN else (self.metric,)
        return [metric for metric in (*judged, *SHOWN) if metric in known]

    @property
    def sentence(self):
        """The answer in one sentence."""
        found, n = self.differences, len(self.differences.seeds)
        if self.best == BEST:
            return (
                "No augmentation of the network is better than plain training by more "
                f"than the standard error of {n} folds: train plainly."
            ) + self._better_classifier()
        twin = found.first_twin_of(self.best)
        if twin is None:
            return f"{self.best} is best; it is no augmentation."
        gaps = [
            f"{metric} {self._gap(self.best, metric).rstrip(' *')}"
            f"{UNITS.get(metric, '')}"
            for metric in dict.fromkeys((self.metric, "accuracy"))
        ]
        twin = "plain training" if twin == BEST else twin
        doubt = "" if self._is_beyond_doubt(self.best) else "not "
        best = self.best[0].upper() + self.best[1:]
        return (
            f"{best} is better than {twin}: {', '.join(gaps)} "
            f"(means of {n} folds ± one standard error), {doubt}beyond doubt."
        )

    def _better_classifier(self):
        """A sentence on a classifier that is no network and clearly better, or ""."""
        others = [arm for arm in self.methods if arm not in self._networks]
        if not others or not is_clearly_better(
            self.differences, self.name, others[0], BEST, self.metric
        ):
            return ""
        values = self._mean(others[0], self.metric)
        return f" Without a network, {others[0]} is better: {self.metric} {values}."

    @property
    def _networks(self):
        return [BEST, *self.differences.network_arms]

    def _gap(self, arm, metric):
        """Difference to the twin as it is printed, "" without a twin."""
        found = self.differences
        kind = next(iter(found.twins_of(arm)), None)
        return "" if kind is None else found.text(self.name, arm, kind, metric)

    def lines(self):
        """Make the lines of the table.

        Yields
        ------
        line : list of str
            The headings, then one line for each method.
        """
        yield [heading for heading, _ in self._columns()]
        for arm in self.methods:
            yield [text(arm) for _, text in self._columns()]

    def _columns(self):
        """Headings, each with a function of a method that writes what is below it."""
        yield "method", str
        for metric in self.metrics:
            # It stands beside the log-loss without temperature.
            heading = "at temperature" if metric == AT_TEMPERATURE else metric
            yield heading, partial(self._mean, metric=metric)
            yield "- twin", partial(self._gap, metric=metric)
        yield "time", lambda arm: f"{self._time(arm):.1f}"

    def _mean(self, arm, metric):
        """Mean over the folds as it is printed."""
        return f"{np.mean(self._values(arm, metric)):.{METRICS[metric][0]}f}"

    def _time(self, arm):
        """Time of a fit over that of the twin."""
        found = self.differences
        return float(found.time(self.name, arm)) if found.first_twin_of(arm) else 1.0

    def __str__(self):
        lines = list(self.lines())
        widths = [max(map(len, column)) for column in zip(*lines)]
        rows = [
            "  ".join(
                cell.ljust(width) if i == 0 else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(line, widths))
            ).rstrip()
            for line in lines
        ]
        told = [fill(text, WIDTH) for text in (self.note, self.sentence)]
        return "\n\n".join(["\n".join(rows), *told])

    def plot(self, ax=None):
        """Draw the differences to the twins with intervals, and the time beside them.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; by default new axes.

        Returns
        -------
        ax : matplotlib Axes
            Thick lines are one standard error, thin ones 95 % intervals.
        """
        ax, _ = axes_of(ax, "Comparison.plot")
        found = self.differences
        arms = [arm for arm in self.methods if found.first_twin_of(arm)][::-1]
        quantile = student.ppf(0.975, max(len(found.seeds) - 1, 1))
        good = METRICS[self.metric][1]
        for place, arm in enumerate(arms):
            twin = found.first_twin_of(arm)
            mean, error, _ = found.difference_between(self.name, arm, twin, self.metric)
            color = "C0" if (mean > 0) == good else "C3"
            for factor, width in (quantile, 1.2), (1, 4):
                ends = mean - factor * error, mean + factor * error
                ax.plot(ends, [place] * 2, color=color, linewidth=width)
            ax.plot(mean, place, "o", color=color)
            time = f"{found.time(self.name, arm):.1f} x"
            beside = ax.get_yaxis_transform()
            ax.text(1.02, place, time, va="center", transform=beside)
        ax.text(1.02, 1, "time", va="bottom", transform=ax.transAxes)
        ax.set_ylim(-0.6, len(arms) - 0.4)
        ax.axvline(0, **DASHED)
        ax.set_yticks(range(len(arms)), arms)
        better = "more" if good else "less"
        ax.set_xlabel(f"{self.metric} - that of the twin ({better} is better)")
        return ax

    @cached_property
    def curves(self):
        """Learning curves of plain training and the best augmented network, trained."""
        # None if there is no such network, or no rows: a loaded comparison has none.
        return self._make_curves() if self._make_curves else None

    @cached_property
    def card(self):
        """Model card of the best method, which is trained once more for it."""
        # None if there are no rows: a loaded comparison has none.
        return self._make_card() if self._make_card else None

    def learning_curves(self, ax=None):
        """Draw the curves of plain training and of the best augmented network.

        The networks are trained at the first call.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; by default new axes.

        Returns
        -------
        ax : matplotlib Axes
            Means over the folds and their standard errors, widened as in the table.
        """
        ax, _ = axes_of(ax, "Comparison.learning_curves")
        curves = self._known_curves()
        for values, label in (curves.plain, BEST), (curves.augmented, curves.method):
            mean, error = mean_and_error(values, curves.overlap)
            ax.errorbar(curves.n_rows, mean, error, marker="o", label=label)
        ax.set_xscale("log", base=2)
        ax.set_xticks(curves.n_rows, [f"{n:.0f}" for n in curves.n_rows])
        ax.set_xlabel("training rows")
        ax.set_ylabel(curves.metric)
        ax.legend()
        return ax

    def exchange_rate(self):
        """How many times as many rows plain training needs for the same score.

        Returns
        -------
        rate : ExchangeRate
            Its ``str`` is a sentence.
        """
        return exchange_rate(self._known_curves())

    def _known_curves(self):
        if self.curves is None:
            raise ValueError(
                "Comparison needs an augmented network, and rows to train it on, for "
                f"learning curves; got {', '.join(self.methods)}. Compare a network "
                "again: a loaded comparison has no rows."
            )
        return self.curves

    def __repr__(self):
        return f"Comparison({self.sentence!r})"

    def _repr_html_(self):
        # A frame keeps the styles of the page and of a notebook apart.
        return (
            '<iframe sandbox title="comparison" style="width: 100%; height: 42rem; '
            'border: 1px solid #8886; border-radius: 6px" '
            f'srcdoc="{escape(self.html)}"></iframe>'
        )

    @property
    def html(self):
        """The page: one document that loads nothing. It trains a model for the card."""
        return page(self)

    def save(self, path):
        """Write the page to a file.

        Parameters
        ----------
        path : path
            Where to, such as ``"page.html"``.
        """
        html = self.html.encode()
        with atomic_writing(path) as file:
            file.write(html)
