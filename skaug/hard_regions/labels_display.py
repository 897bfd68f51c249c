"""Display of label doubts: the most suspicious rows, and what their neighbours say."""

import numpy as np
from sklearn.utils import column_or_1d
from sklearn.utils._optional_dependencies import check_matplotlib_support

from skaug._checks import Whole, check_value
from skaug._plots import axes_of
from skaug._printing import Printed

__all__ = ["LabelDoubtsDisplay"]

FIELDS = ("rows", "scores", "given", "suggested", "shares")
HINT = "Give a number of rows."


class LabelDoubtsDisplay(Printed):
    """Draw the rows whose labels are the most suspicious.

    Each row has a bar, its score, from the most suspicious one down. Beside it stand
    the number or name of the row, the label given, and the class that its neighbours
    suggest. Bars are grey where the neighbours agree with the label and a classifier
    is the one that doubts. :meth:`from_doubts` makes a display.

    Parameters
    ----------
    doubts : Bunch
        Of :func:`suspicious_labels`.
    names : ndarray of shape (n,), default=None
        Names of the rows in the order of X; by default their numbers.

    Attributes
    ----------
    doubts, names : objects
        As given.
    ax_ : matplotlib Axes
        After ``plot``: the axes drawn on.
    figure_ : matplotlib Figure
        The figure of the axes.
    shown_ : ndarray of shape (n_shown,), int
        Numbers of the rows drawn, the most suspicious first.
    bars_ : matplotlib BarContainer
        Bars of these rows, in the same order.

    See Also
    --------
    suspicious_labels : Ranks the rows.
    InfluenceRankingDisplay : Ranks rows by what they do to the validation loss.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skaug import LabelDoubtsDisplay, suspicious_labels
    >>> X, y = load_iris(return_X_y=True)
    >>> y[7] = 2  # a wrong label
    >>> display = LabelDoubtsDisplay.from_doubts(suspicious_labels(X, y), n_rows=5)
    >>> display.shown_[0], len(display.bars_)
    (np.int64(7), 5)
    """

    def __init__(self, doubts, *, names=None):
        self.doubts = doubts
        self.names = names

    @classmethod
    def from_doubts(cls, doubts, *, names=None, n_rows=10, ax=None, bar_kw=None):
        """Draw what suspicious_labels has found.

        Parameters
        ----------
        doubts : Bunch
            Of :func:`suspicious_labels`.
        names : array-like of shape (n,), default=None
            Names of the rows, in the order of X.
        n_rows, ax, bar_kw : objects
            As for :meth:`plot`.

        Returns
        -------
        display : LabelDoubtsDisplay
            The display, drawn.

        Raises
        ------
        TypeError
            If `doubts` is not of :func:`suspicious_labels`.
        ValueError
            If names or `n_rows` do not fit.
        """
        name = cls.__name__
        check_matplotlib_support(f"{name}.from_doubts")
        if not all(hasattr(doubts, field) for field in FIELDS):
            raise TypeError(
                f"{name} needs the result of suspicious_labels; got a "
                f"{type(doubts).__name__}. Give suspicious_labels(X, y)."
            )
        if names is not None:
            names = column_or_1d(names)
            if len(names) != len(doubts.rows):
                raise ValueError(
                    f"{name} needs as many names as rows, {len(doubts.rows)}; got "
                    f"{len(names)}. Give one per row, in the order of X."
                )
        return cls(doubts, names=names).plot(ax, n_rows=n_rows, bar_kw=bar_kw)

    def plot(self, ax=None, *, n_rows=10, bar_kw=None):
        """Draw the bars.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; by default a new figure.
        n_rows : int, default=10
            How many rows to draw; no more than there are.
        bar_kw : dict, default=None
            Further arguments of ``Axes.barh``, such as ``{"height": 0.6}``.

        Returns
        -------
        display : LabelDoubtsDisplay
            The display itself.

        Raises
        ------
        ValueError
            If `n_rows` is no whole number of 1 or more.
        """
        name = type(self).__name__
        check_value(name, "n_rows", n_rows, Whole(1, hint=HINT))
        self.ax_, self.figure_ = axes_of(ax, f"{name}.plot")
        doubts = self.doubts
        self.shown_ = doubts.rows[:n_rows]
        places = np.arange(len(self.shown_))
        agree = (doubts.suggested == doubts.given)[:n_rows]
        style = {"color": np.where(agree, "0.5", "C3").tolist()} | (bar_kw or {})
        self.bars_ = self.ax_.barh(places, doubts.scores[:n_rows], **style)
        self.ax_.set_yticks(places, [self._name(place) for place in places])
        self.ax_.invert_yaxis()
        joined = not np.array_equal(doubts.scores, doubts.shares)
        self.ax_.set(
            xlim=(0, 1),
            xlabel="mean rank by hardness and by probability"
            if joined
            else "hardness: share of other classes",
            ylabel="row: its label",
        )
        return self

    def _name(self, place):
        row, given, suggested = (
            self.doubts[field][place] for field in ("rows", "given", "suggested")
        )
        name = row if self.names is None else self.names[row]
        if (self.doubts.neighbors[place] < 0).all():
            return f"{name}: {given}, without neighbours"
        if given == suggested:
            return f"{name}: {given}, as its neighbours"
        return f"{name}: {given}, neighbours say {suggested}"
