"""Figure 1 of IHDA: the error against p, the probability of skipping levels.

The class follows scikit-learn's displays: ``from_estimator`` computes once and draws,
and ``plot`` draws again from the attributes.
"""

import math

import numpy as np
from sklearn.utils._optional_dependencies import check_matplotlib_support

from skaug._checks import Number, check_value
from skaug._plots import DASHED, axes_of, foreground
from skaug._printing import Printed
from skaug.ihda.refits import ERROR, mean_and_error, name_of_score, refits_of_seeds
from skaug.ihda.tuning_display import tuning_of

__all__ = ["SkipCurveDisplay"]


class SkipCurveDisplay(Printed):
    """Error, or another score, against the probability of skipping levels (Figure 1).

    A level of number l is skipped with probability p / (1 + log l). Where one network
    has few levels, neighbouring p skip the same ones, and the curve is flat between
    them. Make the display with :meth:`from_estimator`, which fits once for each p, or
    with :meth:`from_tuning`, which shows what a fit with
    ``skip_probability="validated"`` tried. The parameters are kept as attributes.

    Parameters
    ----------
    probabilities : ndarray of shape (n,)
        Values of p, ascending.
    values, errors : ndarray of shape (n,)
        Error or score at each, and the standard error of the paired difference to the
        reference; NaN where it is not known.
    reference : float
        What the values are compared with.
    reference_name : str
        What that is.
    chosen : float, default=None
        The p of the finetuner, if it is to be marked.
    score_name : str, default="share of errors"
        Name of the values.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
        Where ``plot`` drew.
    curve_ : matplotlib ErrorbarContainer
        The curve with its bars.
    line_ : matplotlib Line2D
        The reference.
    chosen_ : matplotlib PathCollection or None
        The ring around the chosen p.

    See Also
    --------
    LevelTuningDisplay : The same for radius and rate of each level.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skaug import IHDAFinetuner, NetClassifier, SkipCurveDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> ihda = IHDAFinetuner(NetClassifier(max_epochs=5), generator="noise")
    >>> ihda = ihda.set_params(random_state=0).fit(X[::2], y[::2])
    >>> data = X[::2], y[::2], X[1::2], y[1::2]
    >>> display = SkipCurveDisplay.from_estimator(ihda, *data, probabilities=(0, 1))
    >>> display.values.shape, display.reference_name
    ((2,), 'before fine-tuning')
    """

    def __init__(
        self,
        probabilities,
        values,
        errors,
        *,
        reference,
        reference_name,
        chosen=None,
        score_name=ERROR,
    ):
        self.probabilities = probabilities
        self.values = values
        self.errors = errors
        self.reference = reference
        self.reference_name = reference_name
        self.chosen = chosen
        self.score_name = score_name

    @classmethod
    def from_estimator(
        cls,
        finetuner,
        X,
        y,
        X_test,
        y_test,
        *,
        probabilities=(0.0, 0.2, 0.4, 0.6, 0.8, 1.0),
        groups=None,
        scoring=None,
        n_repeats=1,
        random_state=None,
        ax=None,
    ):
        """Fit once for each p, from one base training per repeat, and draw.

        Parameters
        ----------
        finetuner : IHDAFinetuner
            The fitted finetuner; it is not changed. What it chose by validation is
            kept.
        X, y : array-like
            Training rows and labels, as given to its ``fit``.
        X_test, y_test : array-like
            Rows and labels to score on. If you choose p by the figure, take validation
            rows.
        probabilities : array-like of float, default=(0, 0.2, 0.4, 0.6, 0.8, 1)
            Values of p.
        groups : array-like of shape (n,), default=None
            As given to its ``fit``.
        scoring : str or callable, default=None
            As in scikit-learn, such as "neg_log_loss"; ``None`` is the share of errors,
            as in the paper.
        n_repeats : int, default=1
            Number of base trainings, with consecutive seeds. A seed decides which
            levels are skipped, so that a single repeat shows little.
        random_state : int, default=None
            Seed of the first repeat. The default is the seed of the finetuner, or 0 if
            the finetuner has no integer as seed.
        ax : matplotlib Axes, default=None
            As for :meth:`plot`.

        Returns
        -------
        display : SkipCurveDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If a probability is none, or `n_repeats` is not a whole number of at least
            1.
        TypeError, NotFittedError
            If `finetuner` is no IHDAFinetuner, or is not fitted.
        KeyboardInterrupt
            If Ctrl-C ends one of the fits.
        """
        name = cls.__name__
        check_matplotlib_support(f"{name}.from_estimator")
        probabilities = np.unique(probabilities).tolist()
        for one in probabilities:
            check_value(name, "probabilities", one, Number(0, 1, hint="p is one."))
        data, test = (X, y, groups), (X_test, y_test)
        found, before = [], []
        of_seeds = finetuner, data, test, scoring, n_repeats, random_state
        for refits in refits_of_seeds(name, *of_seeds):
            found.append([refits.fit(p).score for p in probabilities])
            before.append(refits.base.score)
        found, before = np.array(found), np.array(before)
        display = cls(
            np.array(probabilities, dtype=float),
            found.mean(axis=0),
            mean_and_error(found - before[:, None])[1],
            reference=float(before.mean()),
            reference_name="before fine-tuning",
            chosen=float(finetuner._chosen.skip_probability),
            score_name=name_of_score(scoring, plain=ERROR),
        )
        return display.plot(ax)

    @classmethod
    def from_tuning(cls, finetuner, *, ax=None):
        """Draw the held-out log loss of each p that a finetuner tried in its fit.

        Parameters
        ----------
        finetuner : IHDAFinetuner
            Fitted, with ``skip_probability="validated"``.
        ax : matplotlib Axes, default=None
            As for :meth:`plot`.

        Returns
        -------
        display : SkipCurveDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If p was given.
        TypeError, NotFittedError
            If `finetuner` is no IHDAFinetuner, or is not fitted.
        """
        name = cls.__name__
        check_matplotlib_support(f"{name}.from_tuning")
        tuning = tuning_of(name, finetuner)
        if not tuning.skips:
            raise ValueError(
                f"{name} needs a finetuner that chose p in its fit; got one with "
                f"skip_probability={tuning.skip_probability:g}. Set it to "
                '"validated", or take from_estimator.'
            )
        tried = sorted(tuning.skips, key=lambda one: one.skip_probability)
        columns = [(one.skip_probability, one.loss, one.error) for one in tried]
        probabilities, losses, errors = np.array(columns).T
        display = cls(
            probabilities,
            losses,
            errors,
            reference=float(losses[0]),
            reference_name="no level skipped",
            chosen=float(tuning.skip_probability),
            score_name="held-out log loss",
        )
        return display.plot(ax)

    def plot(self, ax=None):
        """Draw the curve.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; by default a new figure.

        Returns
        -------
        display : SkipCurveDisplay
            The display itself.
        """
        self.ax_, self.figure_ = axes_of(ax, "SkipCurveDisplay.plot")
        self.line_ = self.ax_.axhline(
            self.reference, label=self.reference_name, **DASHED
        )
        errors = np.where(np.isfinite(self.errors), self.errors, math.nan)
        style = {"color": "C0", "marker": "o", "capsize": 3, "label": "IHDA"}
        self.curve_ = self.ax_.errorbar(
            self.probabilities, self.values, errors, **style
        )
        self.chosen_ = None
        place = np.flatnonzero(np.isclose(self.probabilities, self.chosen or 0.0))
        if self.chosen is not None and len(place):
            point = self.probabilities[place], self.values[place]
            style = {"s": 130, "facecolors": "none", "edgecolors": foreground()}
            style |= {"linewidths": 1.5, "zorder": 4, "label": "p of the finetuner"}
            self.chosen_ = self.ax_.scatter(*point, **style)
        low, high = self.ax_.get_ylim()
        self.ax_.set_ylim(low, high + 0.3 * (high - low))  # room for the legend
        self.ax_.legend(loc="upper center", ncols=2)
        label = "p, the probability of skipping the first level"
        self.ax_.set(xlabel=label, ylabel=self.score_name)
        return self
