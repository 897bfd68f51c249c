"""Displays of influence: which training rows matter, and whether predictions hold."""

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils._optional_dependencies import check_matplotlib_support
from sklearn.utils.validation import check_is_fitted

from skaug._checks import Whole, check_value
from skaug._plots import DASHED, axes_of
from skaug._printing import Printed
from skaug.influence.last_layer import LastLayerInfluence

__all__ = ["InfluenceRankingDisplay", "LeaveOneOutDisplay"]

HINT = "Give a number of training rows."


class InfluenceRankingDisplay(Printed):
    """Draw the training rows that help the validation loss most or harm it most.

    Each row has a bar: the change of the mean validation loss if the row were removed.
    The bar of a helpful row points to the right, because the loss would rise without
    the row. The bar of a harmful row points to the left. :meth:`from_estimator` makes a
    display; :meth:`from_predictions` makes one from changes that are known already.

    Parameters
    ----------
    change : ndarray of shape (n,)
        Change of the mean validation loss in nats when a training row is removed.
    names : ndarray of shape (n,), default=None
        Names of the rows; by default their numbers.
    labels : ndarray of shape (n,), default=None
        Labels of the rows, which are written behind the names.

    Attributes
    ----------
    change, names, labels : objects
        As given.
    ax_ : matplotlib Axes
        After ``plot``: the axes drawn on.
    figure_ : matplotlib Figure
        The figure of the axes.
    shown_ : ndarray of shape (n_shown,), int
        Numbers of the rows drawn, from the most helpful one down to the most harmful.
    bars_ : matplotlib BarContainer
        Bars of these rows, in the same order.

    See Also
    --------
    LastLayerInfluence : Computes the changes.
    LeaveOneOutDisplay : Compares the predictions with actual changes.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from skaug import InfluenceRankingDisplay, LastLayerInfluence
    >>> X, y = load_iris(return_X_y=True)
    >>> val = np.arange(150) % 3 > 0
    >>> influence = LastLayerInfluence().fit(X[~val], y[~val])
    >>> display = InfluenceRankingDisplay.from_estimator(
    ...     influence, X[val], y[val], labels=y[~val], n_rows=5
    ... )
    >>> len(display.bars_)
    10
    >>> bool(display.change[display.shown_[0]] == display.change.max())
    True
    """

    def __init__(self, change, *, names=None, labels=None):
        self.change = change
        self.names = names
        self.labels = labels

    @classmethod
    def from_estimator(
        cls,
        influence,
        X_val,
        y_val,
        *,
        names=None,
        labels=None,
        n_rows=10,
        ax=None,
        bar_kw=None,
    ):
        """Draw the changes that a fitted LastLayerInfluence predicts.

        Parameters
        ----------
        influence : LastLayerInfluence
            Fitted on the training rows.
        X_val : array-like of shape (n_val, ...)
            Validation rows, none of them a training row.
        y_val : array-like of shape (n_val,)
            Labels of the validation rows.
        names, labels : array-like of shape (n,), default=None
            Names and labels of the training rows, in the order of ``fit``.
        n_rows, ax, bar_kw : objects
            As for :meth:`plot`.

        Returns
        -------
        display : InfluenceRankingDisplay
            The display, drawn.

        Raises
        ------
        TypeError, NotFittedError
            If `influence` is no LastLayerInfluence, or is not fitted.
        ValueError
            If names, labels or `n_rows` do not fit.
        """
        name = cls.__name__
        check_matplotlib_support(f"{name}.from_estimator")
        _check_influence(name, influence)
        change = influence.predicted_loss_change(X_val, y_val)
        return cls.from_predictions(
            change, names=names, labels=labels, n_rows=n_rows, ax=ax, bar_kw=bar_kw
        )

    @classmethod
    def from_predictions(
        cls, change, *, names=None, labels=None, n_rows=10, ax=None, bar_kw=None
    ):
        """Draw changes of the loss that are known already.

        Parameters
        ----------
        change : array-like of shape (n,)
            Of ``predicted_loss_change``, or of another method with its sign: positive
            for rows that help.
        names, labels : array-like of shape (n,), default=None
            Names and labels of the rows.
        n_rows, ax, bar_kw : objects
            As for :meth:`plot`.

        Returns
        -------
        display : InfluenceRankingDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If names, labels or `n_rows` do not fit.
        """
        check_matplotlib_support(f"{cls.__name__}.from_predictions")
        change = column_or_1d(change, dtype=np.float64)
        given = {"names": names, "labels": labels}
        for key, values in given.items():
            if values is not None:
                given[key] = column_or_1d(values)
                if len(values) != len(change):
                    raise ValueError(
                        f"{cls.__name__} needs as many {key} as training rows, "
                        f"{len(change)}; got {len(values)}. Give one per row, in order."
                    )
        return cls(change, **given).plot(ax, n_rows=n_rows, bar_kw=bar_kw)

    def plot(self, ax=None, *, n_rows=10, bar_kw=None):
        """Draw the bars.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; by default a new figure.
        n_rows : int, default=10
            How many rows to draw at either end of the ranking. If there are at most
            twice as many rows, all of them are drawn.
        bar_kw : dict, default=None
            Further arguments of ``Axes.barh``, such as ``{"height": 0.6}``.

        Returns
        -------
        display : InfluenceRankingDisplay
            The display itself.

        Raises
        ------
        ValueError
            If `n_rows` is no whole number of 1 or more.
        """
        name = type(self).__name__
        check_value(name, "n_rows", n_rows, Whole(1, hint=HINT))
        self.ax_, self.figure_ = axes_of(ax, f"{name}.plot")
        order = np.argsort(-self.change, kind="stable")
        if len(order) > 2 * n_rows:
            order = np.r_[order[:n_rows], order[-n_rows:]]
        self.shown_ = order
        change = self.change[order]
        colours = np.where(change > 0, "C0", "C3").tolist()
        style = {"color": colours} | (bar_kw or {})
        # A gap between the ends shows that rows between them are left out.
        places = np.arange(len(order)) + (np.arange(len(order)) >= n_rows) * (
            len(self.change) > len(order)
        )
        self.bars_ = self.ax_.barh(places, change, **style)
        self.ax_.set_yticks(places, [self._name(row) for row in order])
        self.ax_.invert_yaxis()
        self.ax_.axvline(0, color="0.5", linewidth=1)
        # If there are thousands of rows, changes are small and need long decimals,
        # which would run together.
        self.ax_.ticklabel_format(axis="x", scilimits=(-2, 3))
        self.ax_.set(
            xlabel="change of validation loss without the row, nats",
            ylabel="training row",
        )
        return self

    def _name(self, row):
        name = row if self.names is None else self.names[row]
        return str(name) if self.labels is None else f"{name}: {self.labels[row]}"


class LeaveOneOutDisplay(Printed):
    """Draw the actual against the predicted change of loss when rows are left out.

    Each point is a training row. The horizontal axis has the change of the validation
    loss that :class:`LastLayerInfluence` predicts. The vertical axis has the change
    after fitting the last layer again without the row. Points on the line agree. The
    legend has the slope beside the correlation, because a correlation does not notice
    changes of the wrong size. :meth:`from_estimator` makes a display.

    Parameters
    ----------
    predicted : ndarray of shape (n_shown,)
        Predicted change of the mean validation loss, in nats.
    actual : ndarray of shape (n_shown,)
        The change after fitting again.
    rows : ndarray of shape (n_shown,), int
        Numbers of the training rows that were left out.

    Attributes
    ----------
    predicted, actual, rows : ndarray
        As given.
    r : float
        Pearson correlation of the two.
    slope : float
        Slope of the line of least squares. If it is above 1, the changes are larger
        than predicted.
    ax_ : matplotlib Axes
        After ``plot``: the axes drawn on.
    figure_ : matplotlib Figure
        The figure of the axes.
    scatter_ : matplotlib PathCollection
        The points.
    line_ : matplotlib AxesLine
        The line of agreement.
    legend_ : matplotlib Legend
        The legend.

    See Also
    --------
    LastLayerInfluence : Makes the predictions.
    InfluenceRankingDisplay : The rows that help and harm most.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skaug import LastLayerInfluence, LeaveOneOutDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> X /= 16
    >>> influence = LastLayerInfluence().fit(X[:200], y[:200])
    >>> display = LeaveOneOutDisplay.from_estimator(
    ...     influence, X[:200], y[:200], X[200:400], y[200:400], n_rows=8
    ... )
    >>> bool(display.r > 0.99), bool(0.9 < display.slope < 1.1)
    (True, True)
    """

    def __init__(self, predicted, actual, rows):
        self.predicted = predicted
        self.actual = actual
        self.rows = rows

    @property
    def r(self):
        """Pearson correlation of the two changes."""
        return float(np.corrcoef(self.predicted, self.actual)[0, 1])

    @property
    def slope(self):
        """Slope of the line of least squares through the points."""
        return float(np.polyfit(self.predicted, self.actual, 1)[0])

    @classmethod
    def from_estimator(
        cls,
        influence,
        X,
        y,
        X_val,
        y_val,
        *,
        n_rows=30,
        random_state=None,
        ax=None,
        scatter_kw=None,
    ):
        """Leave rows out one by one, fit again, and draw the changes.

        A third of the rows are predicted to help most, a third to harm most, and the
        rest is drawn at random. The correlation is that of these rows. Random rows
        alone, which hardly change the loss, would have a lower one.

        Parameters
        ----------
        influence : LastLayerInfluence
            One without an estimator, because the last layer of a trained network is
            not at the minimum that fitting it again finds. A clone is fitted. To look
            at a layer that is fitted to frozen features, give the features as X and
            X_val. If the last layer of a net has a bias, they are
            ``LastLayerInfluence(net).fit(X, y).features_[:, :-1]``.
        X, y : array-like of shape (n, n_features) and (n,)
            Training rows, or features, and labels.
        X_val, y_val : array-like of shape (n_val, n_features) and (n_val,)
            Validation rows and labels.
        n_rows : int, default=30
            How many rows to leave out. If there are no more rows than that, all are
            left out. Each takes a fit, which starts from the old minimum.
        random_state : int, RandomState instance or None, default=None
            Draws the random third.
        ax, scatter_kw : objects
            As for :meth:`plot`.

        Returns
        -------
        display : LeaveOneOutDisplay
            The display, drawn.

        Raises
        ------
        TypeError
            If `influence` is no LastLayerInfluence.
        ValueError
            If `influence` has an estimator, or `n_rows` is no whole number of 3 or
            more.
        """
        name = cls.__name__
        check_matplotlib_support(f"{name}.from_estimator")
        _check_influence(name, influence, fitted=False)
        check_value(name, "n_rows", n_rows, Whole(3, hint=HINT))
        if influence.estimator is not None:
            raise ValueError(
                f"{name} needs a LastLayerInfluence without an estimator; got one with "
                f"a {type(influence.estimator).__name__}, whose last layer is not at "
                "the minimum that fitting it again finds. Give the network's features "
                "as X and X_val, and estimator=None."
            )
        influence = clone(influence).fit(X, y)
        predicted = influence.predicted_loss_change(X_val, y_val)
        rows = _both_ends_and_some(predicted, n_rows, random_state)
        actual = influence.refitted_loss_change(X_val, y_val, rows)
        return cls(predicted[rows], actual, rows).plot(ax, scatter_kw=scatter_kw)

    def plot(self, ax=None, *, scatter_kw=None):
        """Draw the points and the line of agreement.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; by default a new figure.
        scatter_kw : dict, default=None
            Further arguments of ``Axes.scatter``, such as ``{"s": 10}``.

        Returns
        -------
        display : LeaveOneOutDisplay
            The display itself.
        """
        self.ax_, self.figure_ = axes_of(ax, "LeaveOneOutDisplay.plot")
        style = {"s": 20, "label": f"r = {self.r:.3f}, slope = {self.slope:.2f}"}
        self.scatter_ = self.ax_.scatter(
            self.predicted, self.actual, **style | (scatter_kw or {})
        )
        self.line_ = self.ax_.axline(
            (0, 0), slope=1, zorder=0, label="agreement", **DASHED
        )
        self.legend_ = self.ax_.legend(loc="upper left")
        self.ax_.ticklabel_format(scilimits=(-2, 3))
        self.ax_.set(
            xlabel="predicted change of validation loss, nats",
            ylabel="actual change after fitting again, nats",
        )
        return self


def _both_ends_and_some(change, n_rows, random_state):
    order = np.argsort(-change, kind="stable")
    if n_rows >= len(order):
        return order
    end = n_rows // 3
    others = check_random_state(random_state).permutation(order[end:-end])
    return np.r_[order[:end], order[-end:], others[: n_rows - 2 * end]]


def _check_influence(name, influence, fitted=True):
    if not isinstance(influence, LastLayerInfluence):
        raise TypeError(
            f"{name} needs a LastLayerInfluence; got a {type(influence).__name__}. Fit "
            "LastLayerInfluence(net) on the rows that the net was trained on."
        )
    if fitted:
        check_is_fitted(influence)
