"""Table 4 of IHDA as a figure: the method without one of its parts after the other.

The class follows scikit-learn's displays: ``from_estimator`` computes once and draws,
and ``plot`` draws again from the attributes.
"""

import numpy as np
from sklearn.utils._optional_dependencies import check_matplotlib_support

from skaug._plots import DASHED, axes_of
from skaug._printing import Printed
from skaug.ihda.refits import ERROR, FITTED, ablation, mean_and_error

__all__ = ["LevelAblationDisplay"]


class LevelAblationDisplay(Printed):
    """Error, or another score, of a finetuner without one part after the other.

    There is a row for each setting of :func:`~skaug.ihda.ablation`. The dashed line is
    the finetuner as it was fitted. The bars are standard errors of the paired
    difference to it, over the repeats. Make the display with :meth:`from_estimator`.
    The parameters are kept as attributes.

    Parameters
    ----------
    settings : list of str
        Names of the settings, "as fitted" among them.
    scores, n_levels, n_steps : ndarray of shape (n_repeats, n_settings)
        As :func:`~skaug.ihda.ablation` returns them.
    score_name : str, default="share of errors"
        Name of the score.

    Attributes
    ----------
    mean : ndarray of shape (n_settings,)
        Mean score of each setting.
    error : ndarray of shape (n_settings,)
        Standard error of the paired difference to the finetuner as fitted; NaN for a
        single repeat.
    ax_, figure_ : matplotlib Axes and Figure
        Where ``plot`` drew.
    points_ : matplotlib ErrorbarContainer
        The points with their bars.

    See Also
    --------
    LevelGainDisplay : Score after score beside the twin with real rows only.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skaug import IHDAFinetuner, LevelAblationDisplay, NetClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> ihda = IHDAFinetuner(NetClassifier(max_epochs=5), generator="noise")
    >>> ihda = ihda.set_params(random_state=0).fit(X[::2], y[::2])
    >>> data = X[::2], y[::2], X[1::2], y[1::2]
    >>> display = LevelAblationDisplay.from_estimator(ihda, *data)
    >>> display.settings[:3]
    ['before fine-tuning', 'real rows only', 'p = 0']
    """

    def __init__(self, settings, scores, n_levels, n_steps, *, score_name=ERROR):
        self.settings = settings
        self.scores = scores
        self.n_levels = n_levels
        self.n_steps = n_steps
        self.score_name = score_name
        fitted = scores[:, [settings.index(FITTED)]]
        self.mean, self.error = scores.mean(axis=0), mean_and_error(scores - fitted)[1]

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
        n_repeats=1,
        random_state=None,
        ax=None,
    ):
        """Fit a finetuner in each setting, score, and draw.

        Parameters
        ----------
        finetuner, X, y, X_test, y_test, groups, scoring, n_repeats, random_state : \
objects
            As for :func:`~skaug.ihda.ablation`.
        ax : matplotlib Axes, default=None
            As for :meth:`plot`.

        Returns
        -------
        display : LevelAblationDisplay
            The display, drawn.

        Raises
        ------
        TypeError, NotFittedError
            If `finetuner` is no IHDAFinetuner, or is not fitted.
        KeyboardInterrupt
            If Ctrl-C ends one of the fits.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        found = ablation(
            finetuner,
            X,
            y,
            X_test,
            y_test,
            groups=groups,
            scoring=scoring,
            n_repeats=n_repeats,
            random_state=random_state,
        )
        return cls(**found).plot(ax)

    def plot(self, ax=None):
        """Draw a row for each setting.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; by default a new figure.

        Returns
        -------
        display : LevelAblationDisplay
            The display itself.
        """
        self.ax_, self.figure_ = axes_of(ax, "LevelAblationDisplay.plot")
        places = np.arange(len(self.settings))
        fitted = self.settings.index(FITTED)
        self.ax_.axvline(self.mean[fitted], zorder=0, **DASHED)
        style = {"fmt": "o", "color": "C0", "capsize": 3}
        bars = None if len(self.scores) == 1 else self.error
        self.points_ = self.ax_.errorbar(self.mean, places, xerr=bars, **style)
        self.ax_.set_yticks(places, list(map(self._row, places)))
        self.ax_.invert_yaxis()
        self.ax_.margins(y=0.08)
        self.ax_.grid(axis="y", linewidth=0.4)
        self.ax_.set(xlabel=self.score_name)
        return self

    def _row(self, number):
        """Name of a setting with its value and how many levels were trained."""
        levels = f"{self.n_levels[:, number].mean():.3g}"
        unit = "level" if levels == "1" else "levels"
        name, mean = self.settings[number], self.mean[number]
        return f"{name}: {mean:.4f}\n({levels} {unit})"
