"""Pictures of what IHDA does to a network: what it gains, and what it makes.

They follow scikit-learn's displays: ``from_estimator`` computes once and draws,
``plot`` draws again from what is kept in the attributes.
"""

import math
from numbers import Integral

import numpy as np
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import check_scoring
from sklearn.utils import column_or_1d
from sklearn.utils._optional_dependencies import check_matplotlib_support
from sklearn.utils.validation import check_is_fitted

from skaug._plots import axes_of

__all__ = ["ActivationDisplay", "LevelGainDisplay"]

MARKERS = "o^sDvP*X<>pdhH8"
FEW = 60


class LevelGainDisplay:
    """Score after the base training and after each level, beside the real-only twin.

    The twin goes on from the same base training, with the same levels, steps, batches
    and rates, on real rows only. What both gain comes from training on; what is left
    between them comes from the samples. Make it with :meth:`from_estimator`.

    Parameters
    ----------
    scores, scores_real : ndarray of shape (n_repeats, n_levels + 1)
        Scores of the finetuner and of its twin, the first column after the base
        training.
    levels : list of str, of length n_levels
        Names of the levels, in order.
    skipped : ndarray of shape (n_repeats, n_levels), bool
        Which levels were left alone.
    score_name : str, default="score"
        What is scored.

    Attributes
    ----------
    scores, scores_real, levels, skipped, score_name : objects
        As given.
    gain : ndarray of shape (n_levels + 1,)
        Mean over the repeats of the difference in score to the twin.
    gain_error : ndarray of shape (n_levels + 1,)
        Its standard error: of the paired differences. NaN for a single repeat.
    ax_ : matplotlib Axes
        After ``plot``: the axes drawn on.
    figure_ : matplotlib Figure
        The figure that they belong to.
    lines_ : dict of matplotlib Line2D
        The curves, by "ihda" and "real", or one of "gain".
    bands_ : dict of matplotlib PolyCollection
        One standard error to either side of them; empty for a single repeat.

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
        self.gain, self.gain_error = _mean_and_error(scores - scores_real)

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
        """Fit a finetuner and its twin, score them after each level, and draw.

        Parameters
        ----------
        finetuner : IHDAFinetuner
            Fitted or not; it is not changed. Its `estimator` is trained once for both
            sides, or copied if it is trained already.
        X, y : array-like
            Training rows and labels.
        X_test, y_test : array-like
            Rows and labels to score on, which are not used otherwise. If the figure
            is to choose parameters, they are no test rows any more.
        groups : array-like of shape (n,), default=None
            As for ``IHDAFinetuner.fit``.
        scoring : str or callable, default=None
            As in scikit-learn, such as "neg_log_loss"; ``None`` is accuracy.
        score_name : str, default=None
            What to call it; by default it follows from `scoring`.
        n_repeats : int, default=1
            Number of fits, with consecutive seeds. The base training is the same in
            all of them if the finetuner's `estimator` has a ``random_state`` of its
            own or is trained already, which makes the standard error small.
        random_state : int, default=None
            Seed of the first repeat; by default that of the finetuner, or 0 if that is
            not an integer.
        kind, ax : objects
            As for :meth:`plot`.

        Returns
        -------
        display : LevelGainDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If `n_repeats` is no number of 1 or more, `kind` is unknown, or the
            finetuner is a twin itself.
        TypeError
            If there is no IHDAFinetuner, or `random_state` is no integer.
        KeyboardInterrupt
            After Ctrl-C, which the finetuner itself takes for the end of its levels.
        """
        name = cls.__name__
        check_matplotlib_support(f"{name}.from_estimator")
        _check_kind(kind)
        if not isinstance(n_repeats, Integral) or n_repeats < 1:
            raise ValueError(
                f"{name} needs n_repeats >= 1; got {n_repeats!r}. Give the number of "
                "fits."
            )
        _check_finetuner(name, finetuner)
        if random_state is None:
            own = finetuner.random_state
            random_state = int(own) if isinstance(own, Integral) else 0
        if not isinstance(random_state, Integral):
            raise TypeError(
                f"{name} needs random_state to be an integer or None; got "
                f"{random_state!r}. Give the seed of the first repeat."
            )
        if score_name is None:
            score_name = _score_name(scoring)
        scores, scores_real, skipped = [], [], []
        for seed in range(random_state, random_state + n_repeats):
            model = clone(finetuner).set_params(random_state=seed)
            stages = model.staged_fit(X, y, groups)
            next(stages)
            # One base training for both. A finetuner draws the same numbers whether
            # it trains its estimator or is given it.
            twin = clone(finetuner).set_params(
                estimator=FrozenEstimator(model.estimator_), synthetic_share=0.0
            )
            twin_stages = twin.set_params(random_state=seed).staged_fit(X, y, groups)
            next(twin_stages)
            score = check_scoring(model, scoring)
            scores.append(_staged_scores(score, model, stages, X_test, y_test))
            scores_real.append(_staged_scores(score, twin, twin_stages, X_test, y_test))
            skipped.append([record.skipped for record in model.levels_])
        display = cls(
            np.array(scores),
            np.array(scores_real),
            [record.level for record in model.levels_],
            np.array(skipped, dtype=bool),
            score_name=score_name,
        )
        return display.plot(ax, kind=kind)

    def plot(self, ax=None, *, kind="scores"):
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; by default a new figure.
        kind : {"scores", "gain"}, default="scores"
            The scores of both sides, or their paired difference: means over the
            repeats, with bands of one standard error. Repeats differ in their base
            training, which widens the bands of the scores and not that of the
            difference.

        Returns
        -------
        display : LevelGainDisplay
            The display itself.
        """
        check_matplotlib_support("LevelGainDisplay.plot")
        _check_kind(kind)
        self.ax_, self.figure_ = axes_of(ax)
        self.lines_, self.bands_ = {}, {}
        if kind == "gain":
            self.ax_.axhline(0, color="0.3", linewidth=1, linestyle="--")
            self._draw("gain", self.gain, self.gain_error, "C2", "o", None)
        else:
            sides = {
                "real": (self.scores_real, "0.4", "s", "real-only twin"),
                "ihda": (self.scores, "C0", "o", "IHDA"),
            }
            for side, (scores, *style) in sides.items():
                self._draw(side, *_mean_and_error(scores), *style)
            low, high = self.ax_.get_ylim()
            self.ax_.set_ylim(low, high + 0.15 * (high - low))  # room for the legend
            self.ax_.legend(loc="upper center", ncols=2, columnspacing=1)
        of_gain = f"{self.score_name},\ngain over the twin"
        label = of_gain if kind == "gain" else self.score_name
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
        n, left_alone = len(self.skipped), int(self.skipped[:, number].sum())
        if not left_alone:
            return self.levels[number]
        of_all = "" if left_alone == n else f"{left_alone}/{n} "
        return f"{self.levels[number]}\n({of_all}skipped)"


class ActivationDisplay:
    """Real and synthetic activations of one level, on the axes of the real ones.

    Every class has its own colour; real activations are filled, synthetic ones hollow.
    Two axes show little of a level with many activations: the labels tell how much of
    the variance of the real ones. Make it with :meth:`from_estimator`.

    Parameters
    ----------
    points : ndarray of shape (n, 2)
        Principal components of the real activations.
    synthetic_points : ndarray of shape (n_synthetic, 2)
        Synthetic ones, projected on the same axes.
    source_index : ndarray of shape (n_synthetic,)
        The real one that each is made from.
    y : ndarray of shape (n,)
        Labels of the real ones.
    level : str
        Name of the level.
    axis_labels : tuple of two str
        What the two coordinates are.

    Attributes
    ----------
    points, synthetic_points, source_index, y, level, axis_labels : objects
        As given.
    ax_ : matplotlib Axes
        After ``plot``: the axes drawn on.
    figure_ : matplotlib Figure
        The figure that they belong to.
    scatter_ : dict of matplotlib PathCollection
        The points drawn, by ``(label, kind)`` where kind is "real" or "synthetic".
    lines_ : matplotlib LineCollection or None
        Lines from source to sample.
    legend_ : matplotlib Legend or None
        The legend, right of the axes.

    See Also
    --------
    LevelGainDisplay : What the samples of each level gain.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skaug import ActivationDisplay, IHDAFinetuner, NetClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> ihda = IHDAFinetuner(NetClassifier(max_epochs=5), random_state=0).fit(X, y)
    >>> display = ActivationDisplay.from_estimator(ihda, X, y, "input", n_samples=2)
    >>> display.synthetic_points.shape
    (300, 2)
    """

    def __init__(
        self, points, synthetic_points, source_index, y, *, level, axis_labels
    ):
        self.points = points
        self.synthetic_points = synthetic_points
        self.source_index = source_index
        self.y = y
        self.level = level
        self.axis_labels = axis_labels

    @classmethod
    def from_estimator(
        cls,
        finetuner,
        X,
        y,
        level=None,
        *,
        n_samples=1,
        lines="auto",
        legend=True,
        ax=None,
        scatter_kw=None,
    ):
        """Draw rows at a level and samples made from them there.

        Parameters
        ----------
        finetuner : IHDAFinetuner
            A fitted one.
        X, y : array-like
            Rows and labels to make samples from, such as some of those of ``fit``. Axes
            are those of these rows.
        level : str, default=None
            One that was augmented; the last one by default.
        n_samples : int, default=1
            Samples per row.
        lines, legend, ax, scatter_kw : objects
            As for :meth:`plot`.

        Returns
        -------
        display : ActivationDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If no level was augmented or not this one, `n_samples` is no number of 1 or
            more, or there are fewer than two rows or two activations to a row.
        TypeError, NotFittedError
            If there is no IHDAFinetuner, or it is not fitted.
        """
        name = cls.__name__
        check_matplotlib_support(f"{name}.from_estimator")
        _check_finetuner(name, finetuner)
        check_is_fitted(finetuner)
        if not isinstance(n_samples, Integral) or n_samples < 1:
            raise ValueError(
                f"{name} needs n_samples >= 1; got {n_samples!r}. Give the number of "
                "samples per row."
            )
        augmented = list(finetuner.generators_)
        if level is None and augmented:
            level = augmented[-1]
        if level not in augmented:
            hint = f"Name one of {augmented}"
            if not augmented:
                hint = "None was; fit with synthetic_share > 0"
            raise ValueError(
                f"{name} needs a level that was augmented; got {level!r}. {hint}."
            )
        real, synthetic, source_index = finetuner.sample(
            X, y, level, n_samples=n_samples
        )
        real, synthetic = (h.reshape(len(h), -1) for h in (real, synthetic))
        if min(real.shape) < 2:
            raise ValueError(
                f"{name} needs two rows and two activations or more to a row; got "
                f"shape {real.shape} at level {level!r}. Give more rows, or another "
                "level."
            )
        # Exact, whatever their number: what "auto" does with many is not.
        pca = PCA(2, svd_solver="full")
        points = pca.fit_transform(real)
        display = cls(
            points,
            pca.transform(synthetic),
            source_index,
            column_or_1d(y),
            level=level,
            axis_labels=tuple(
                f"{nth} principal axis ({100 * share:.0f} % of variance)"
                for nth, share in zip(
                    ("first", "second"), pca.explained_variance_ratio_
                )
            ),
        )
        return display.plot(ax, lines=lines, legend=legend, scatter_kw=scatter_kw)

    def plot(self, ax=None, *, lines="auto", legend=True, scatter_kw=None):
        """Draw the activations.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; by default a new figure. For the legend to fit beside the
            axes, make their figure with ``layout="constrained"``.
        lines : bool or "auto", default="auto"
            Whether to join every sample to its source; "auto" does for 60 samples or
            fewer.
        legend : bool, default=True
            Whether to draw the legend.
        scatter_kw : dict, default=None
            What else ``Axes.scatter`` is to be given, such as ``{"s": 10}``.

        Returns
        -------
        display : ActivationDisplay
            The display itself.
        """
        check_matplotlib_support("ActivationDisplay.plot")
        from matplotlib.collections import LineCollection
        from matplotlib.lines import Line2D

        self.ax_, self.figure_ = axes_of(ax)
        labels, codes = np.unique(self.y, return_inverse=True)
        # Ten colours, then the same ones with the next marker.
        styles = [
            {"color": f"C{i % 10}", "marker": MARKERS[i // 10 % len(MARKERS)]}
            for i in range(len(labels))
        ]
        kinds = {
            "real": (self.points, codes, {"linewidths": 0, "alpha": 0.6}),
            "synthetic": (
                self.synthetic_points,
                codes[self.source_index],
                {"facecolors": "none", "linewidths": 0.8},
            ),
        }
        n = len(self.points) + len(self.synthetic_points)
        size = {"s": float(np.clip(10_000 / n, 8, 36))}
        self.scatter_, handles = {}, []
        for code, (label, style) in enumerate(zip(labels.tolist(), styles)):
            for kind, (points, codes_of_kind, of_kind) in kinds.items():
                colour = {"real": "facecolors", "synthetic": "edgecolors"}[kind]
                self.scatter_[label, kind] = self.ax_.scatter(
                    *points[codes_of_kind == code].T,
                    marker=style["marker"],
                    zorder=2 if kind == "real" else 3,
                    **{colour: style["color"]} | size | of_kind | (scatter_kw or {}),
                )
            handles.append(Line2D([], [], linestyle="none", label=str(label), **style))
        self.lines_ = self.legend_ = None
        if lines is True or (lines == "auto" and len(self.synthetic_points) <= FEW):
            sources = self.points[self.source_index]
            self.lines_ = LineCollection(
                np.stack([sources, self.synthetic_points], axis=1),
                colors=[styles[code]["color"] for code in codes[self.source_index]],
                linewidths=0.6,
                zorder=1,
            )
            self.ax_.add_collection(self.lines_, autolim=False)
        if legend:
            grey = {"color": "0.5", "marker": "o", "linestyle": "none"}
            handles += [
                Line2D([], [], label="real", **grey),
                Line2D([], [], label="synthetic", markerfacecolor="none", **grey),
            ]
            self.legend_ = self.ax_.legend(
                handles=handles, loc="center left", bbox_to_anchor=(1, 0.5)
            )
        self.ax_.set(
            title=f"level {self.level}",
            xlabel=self.axis_labels[0],
            ylabel=self.axis_labels[1],
        )
        return self


def _staged_scores(score, model, stages, X, y):
    """Scores of a model that is at its first stage, and after all others."""
    scores = [score(model, X, y), *(score(stage, X, y) for stage in stages)]
    if len(scores) <= len(model.levels_):
        # A curve that ends early would be compared with one that does not.
        raise KeyboardInterrupt("LevelGainDisplay was stopped between two levels.")
    return scores


def _mean_and_error(values):
    """Mean over the first axis and its standard error."""
    n = len(values)
    if n == 1:
        return values[0], np.full(values.shape[1], math.nan)
    return values.mean(axis=0), values.std(axis=0, ddof=1) / math.sqrt(n)


def _score_name(scoring):
    if scoring is None:
        return "accuracy"
    if isinstance(scoring, str):
        negative = scoring.startswith("neg_")
        words = scoring.removeprefix("neg_").replace("_", " ")
        return f"negative {words}" if negative else words
    function = getattr(scoring, "_score_func", scoring)
    return getattr(function, "__name__", "score").strip("_").replace("_", " ")


def _check_finetuner(name, finetuner):
    if not (hasattr(finetuner, "staged_fit") and hasattr(finetuner, "sample")):
        raise TypeError(
            f"{name} needs an IHDAFinetuner; got a {type(finetuner).__name__}. Of a "
            "pipeline, give that step."
        )


def _check_kind(kind):
    if kind not in ("scores", "gain"):
        raise ValueError(
            f"LevelGainDisplay needs kind to be 'scores' or 'gain'; got {kind!r}. Give "
            "one of them."
        )
