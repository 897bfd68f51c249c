"""How much each level gains: score after score, beside the real-only twin.

The class follows scikit-learn's displays: ``from_estimator`` computes once and draws,
and ``plot`` draws again from the attributes.
"""

import numpy as np
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import check_scoring
from sklearn.utils._optional_dependencies import check_matplotlib_support

from skaug._checks import OneOf, Whole, check_value
from skaug._plots import DASHED, axes_of
from skaug._printing import Printed
from skaug.ihda.refits import (
    as_chosen,
    check_finetuner,
    first_seed,
    mean_and_error,
    name_of_score,
)

__all__ = ["LevelGainDisplay"]

KIND = OneOf("scores", "gain", hint="Give one of them.")


class LevelGainDisplay(Printed):
    """Score after the base training and after each level, beside the real-only twin.

    The twin starts from the same base training. It has the same levels, steps, batches
    and learning rates, also those chosen by validation, but trains on real rows only. A
    gain of both sides comes from longer training; a difference between them comes from
    the samples. Make the display with :meth:`from_estimator`. The parameters are kept
    as attributes.

    Parameters
    ----------
    scores, scores_real : ndarray of shape (n_repeats, n_levels + 1)
        Scores of the finetuner and of the twin. The first column has the scores after
        the base training.
    levels : list of str, of length n_levels
        Names of the levels, in order.
    skipped : ndarray of shape (n_repeats, n_levels), bool
        Which levels were skipped.
    score_name : str, default="score"
        Name of the score.

    Attributes
    ----------
    gain : ndarray of shape (n_levels + 1,)
        Score of the finetuner minus that of the twin, mean over the repeats.
    gain_error : ndarray of shape (n_levels + 1,)
        Standard error of the paired differences; NaN for a single repeat.
    ax_, figure_ : matplotlib Axes and Figure
        Where ``plot`` drew.
    lines_ : dict of matplotlib Line2D
        The curves by name: "ihda" and "real", or "gain".
    bands_ : dict of matplotlib PolyCollection
        Bands of one standard error around the curves; empty for a single repeat.

    See Also
    --------
    ActivationDisplay : The samples of one level among its activations.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skaug import IHDAFinetuner, LevelGainDisplay, NetClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> ihda = IHDAFinetuner(NetClassifier(max_epochs=5), random_state=0)
    >>> data = X[::2], y[::2], X[1::2], y[1::2]
    >>> display = LevelGainDisplay.from_estimator(ihda, *data)
    >>> display.levels
    ['input', 'blocks.0', 'blocks.1']
    >>> display.scores.shape
    (1, 4)
    """

    def __init__(self, scores, scores_real, levels, skipped, *, score_name="score"):
        self.scores = scores
        self.scores_real = scores_real
        self.levels = levels
        self.skipped = skipped
        self.score_name = score_name
        self.gain, self.gain_error = mean_and_error(scores - scores_real)

    @classmethod
    def from_estimator(
        cls,
        finetuner,
        X,
        y,
        X_test,
        y_test,
        *,
        groups=None,
        scoring=None,
        score_name=None,
        n_repeats=1,
        random_state=None,
        kind="scores",
        ax=None,
    ):
        """Fit a finetuner and its twin, score both after each level, and draw.

        Parameters
        ----------
        finetuner : IHDAFinetuner
            Fitted or not; it is not changed. The base training of its `estimator` is
            shared by both sides.
        X, y : array-like
            Training rows and labels.
        X_test, y_test : array-like
            Rows and labels to score on. If you choose parameters by the figure, take
            validation rows.
        groups : array-like of shape (n,), default=None
            As for ``IHDAFinetuner.fit``.
        scoring : str or callable, default=None
            As in scikit-learn, such as "neg_log_loss"; ``None`` is accuracy.
        score_name : str, default=None
            Name of the score; by default it follows from `scoring`.
        n_repeats : int, default=1
            Number of fits, with consecutive seeds. If the finetuner's `estimator` has
            a ``random_state`` or is frozen, all fits share one base training, and the
            standard error does not cover the variation of that training.
        random_state : int, default=None
            Seed of the first repeat. The default is the seed of the finetuner, or 0 if
            the finetuner has no integer as seed.
        kind, ax : objects
            As for :meth:`plot`.

        Returns
        -------
        display : LevelGainDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If `n_repeats` is not a whole number of at least 1, or `kind` is unknown.
        TypeError
            If `finetuner` is no IHDAFinetuner, or `random_state` is no integer.
        KeyboardInterrupt
            If Ctrl-C ends a fit before the last level.
        """
        name = cls.__name__
        check_matplotlib_support(f"{name}.from_estimator")
        check_value(name, "kind", kind, KIND)
        one_or_more = Whole(1, hint="Give the number of fits.")
        check_value(name, "n_repeats", n_repeats, one_or_more)
        check_finetuner(name, finetuner)
        first = first_seed(name, finetuner, random_state)
        data, test = (X, y, groups), (X_test, y_test)
        seeds = range(first, first + n_repeats)
        fits = [_scored_fits(finetuner, seed, data, test, scoring) for seed in seeds]
        scores, scores_real, records = zip(*fits)
        levels = [record.level for record in records[-1]]
        skipped = [[record.skipped for record in of_fit] for of_fit in records]
        if score_name is None:
            score_name = name_of_score(scoring)
        of_repeats = np.array(scores), np.array(scores_real)
        skipped = np.array(skipped, dtype=bool)
        display = cls(*of_repeats, levels, skipped, score_name=score_name)
        return display.plot(ax, kind=kind)

    def plot(self, ax=None, *, kind="scores"):
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; by default a new figure.
        kind : {"scores", "gain"}, default="scores"
            Whether to draw the scores of both sides or the paired difference, as means
            over the repeats with bands of one standard error. Different base trainings
            widen the bands of the scores, but not the band of the difference.

        Returns
        -------
        display : LevelGainDisplay
            The display itself.
        """
        self.ax_, self.figure_ = axes_of(ax, "LevelGainDisplay.plot")
        check_value("LevelGainDisplay", "kind", kind, KIND)
        self.lines_, self.bands_ = {}, {}
        label = self.score_name
        if kind == "gain":
            label = f"{label},\ngain over the twin"
            self.ax_.axhline(0, **DASHED)
            self._draw("gain", self.gain, self.gain_error, "C2", "o", None)
        else:
            real, ihda = map(mean_and_error, (self.scores_real, self.scores))
            self._draw("real", *real, "0.5", "s", "real-only twin")
            self._draw("ihda", *ihda, "C0", "o", "IHDA")
            low, high = self.ax_.get_ylim()
            self.ax_.set_ylim(low, high + 0.15 * (high - low))  # room for the legend
            self.ax_.legend(loc="upper center", ncols=2, columnspacing=1)
        self.ax_.set(xlabel="after", ylabel=label)
        labels, style = ["base\ntraining"], {}
        labels += [self._tick(number) for number in range(len(self.levels))]
        if len(labels) > 5:  # too many to stand side by side
            labels = [label.replace("\n", " ") for label in labels]
            style = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
        self.ax_.set_xticks(range(len(labels)), labels, **style)
        return self

    def _draw(self, side, mean, error, colour, marker, label):
        stages = range(len(mean))
        style = {"color": colour, "marker": marker, "label": label}
        (self.lines_[side],) = self.ax_.plot(stages, mean, **style)
        if len(self.scores) > 1:
            self.bands_[side] = self.ax_.fill_between(
                stages, mean - error, mean + error, color=colour, alpha=0.2, linewidth=0
            )

    def _tick(self, number):
        n, n_skipped = len(self.skipped), int(self.skipped[:, number].sum())
        if not n_skipped:
            return self.levels[number]
        of_all = "" if n_skipped == n else f"{n_skipped}/{n} "
        return f"{self.levels[number]}\n({of_all}skipped)"


def _scored_fits(finetuner, seed, data, test, scoring):
    """Scores of a finetuner and of its twin at all stages, and records of levels."""
    model = clone(finetuner).set_params(random_state=seed)
    stages = model.staged_fit(*data)
    next(stages)
    # Both sides share the base training, and what is chosen by validation. A finetuner
    # draws the same numbers whether it trains its estimator or is given a trained one.
    twin = as_chosen(model).set_params(
        estimator=FrozenEstimator(model.estimator_), synthetic_share=0.0
    )
    twin_stages = twin.staged_fit(*data)
    next(twin_stages)
    score = check_scoring(model, scoring)
    sides = (model, stages), (twin, twin_stages)
    return *(_staged_scores(score, *side, *test) for side in sides), model.levels_


def _staged_scores(score, model, stages, X, y):
    """Scores of a model that is at its first stage, and after all others."""
    return [score(model, X, y), *(score(stage, X, y) for stage in stages)]
