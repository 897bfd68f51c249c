"""Errors over the epochs, and the numbers that papers report of them.

The class follows scikit-learn's displays: ``from_estimators`` reads histories and
draws, and ``plot`` draws again from the attributes.
"""

import numpy as np
from sklearn.utils import Bunch
from sklearn.utils._optional_dependencies import check_matplotlib_support

from skaug._checks import Whole, check_value
from skaug._plots import axes_of, legend_beside, mark, over_epochs
from skaug._printing import Printed
from skaug.net.trained import check_net
from skaug.refined.histories import column_of, switches_in

__all__ = ["ErrorCurveDisplay", "error_summary"]


class ErrorCurveDisplay(Printed):
    """Errors on held-out rows over the epochs, for several nets and repeats.

    What to read off: whether errors fall after the star, at which refinement begins,
    and how far the best epoch is below the last ones. The best epoch is chosen by the
    rows it is scored on and so is too low an error; the mean of the last ones is not.
    Make the display with :meth:`from_estimators`, or with :meth:`from_histories`. The
    parameters are kept as attributes.

    Parameters
    ----------
    errors : dict of str to ndarray of shape (n_repeats, n_epochs)
        Share of errors after each epoch, from 0 to 1, by the name of the net.
    switch_epochs : dict of str to list of int, default=None
        Last epochs before refinement, by the name of the net.
    n_last : int, default=10
        Epochs at the end that are summarised together. Papers take ten.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
        Where ``plot`` drew.
    lines_ : dict of str to matplotlib Line2D
        Means over the repeats. Bands are the range.
    summaries_ : dict of str to Bunch
        The numbers of :func:`error_summary` for each repeat.
    legend_ : matplotlib Legend
        Names and numbers, in %, as means over the repeats.

    See Also
    --------
    skaug.refined.HeldOutAccuracy : Records what is drawn.
    skaug.RefineCurveDisplay : Losses over the epochs of one training.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skaug import BatchAugmentation, NetClassifier, TableMixup
    >>> from skaug.refined import ErrorCurveDisplay, HeldOutAccuracy
    >>> X, y = load_iris(return_X_y=True)
    >>> callbacks = [
    ...     BatchAugmentation(TableMixup(), refine_epochs=10),
    ...     HeldOutAccuracy(X[1::2], y[1::2]),
    ... ]
    >>> nets = [
    ...     NetClassifier(max_epochs=40, callbacks=callbacks, random_state=seed)
    ...     for seed in range(2)
    ... ]
    >>> nets = [net.fit(X[::2], y[::2]) for net in nets]
    >>> display = ErrorCurveDisplay.from_estimators({"refined mixup": nets})
    >>> display.errors["refined mixup"].shape
    (2, 40)
    >>> display.switch_epochs
    {'refined mixup': [30]}
    """

    def __init__(self, errors, *, switch_epochs=None, n_last=10):
        self.errors = errors
        self.switch_epochs = switch_epochs
        self.n_last = n_last

    @classmethod
    def from_estimators(
        cls, nets, *, column="test_acc", n_last=10, ax=None, log=True, line_kw=None
    ):
        """Draw the errors of fitted nets.

        Parameters
        ----------
        nets : dict of str to net of skorch, or to list of them
            Fitted nets by name; a list has the repeats of one setting, such as seeds.
        column : str, default="test_acc"
            Accuracy in the histories: that of a :class:`HeldOutAccuracy`, or skorch's
            ``"valid_acc"`` of rows that ``train_split`` holds out.
        n_last : int, default=10
            Epochs at the end that are summarised together.
        ax, log, line_kw : objects
            As for :meth:`plot`.

        Returns
        -------
        display : ErrorCurveDisplay
            The display, drawn.

        Raises
        ------
        TypeError
            If something else than nets of skorch is in the dictionary.
        ValueError
            If a history lacks the column, or repeats have different numbers of epochs.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimators")
        histories = {}
        for name, repeats in nets.items():
            repeats = repeats if isinstance(repeats, list) else [repeats]
            for net in repeats:
                check_net(net, cls.__name__)
            histories[name] = [net.history for net in repeats]
        return cls.from_histories(
            histories, column=column, n_last=n_last, ax=ax, log=log, line_kw=line_kw
        )

    @classmethod
    def from_histories(
        cls, histories, *, column="test_acc", n_last=10, ax=None, log=True, line_kw=None
    ):
        """Draw the errors in histories of nets, which may come from a file.

        Parameters
        ----------
        histories : dict of str to History, or to list of them
            ``net.history`` by name, a dictionary for each epoch; a list has those of
            the repeats of one setting.
        column, n_last, ax, log, line_kw : objects
            As for :meth:`from_estimators`.

        Returns
        -------
        display : ErrorCurveDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If a history lacks the column, or repeats have different numbers of epochs.
        """
        check_matplotlib_support(f"{cls.__name__}.from_histories")
        histories = {
            name: [given] if any(isinstance(one, dict) for one in given) else given
            for name, given in histories.items()
        }
        errors = {
            name: 1 - _accuracies(repeats, column, name, cls.__name__)
            for name, repeats in histories.items()
        }
        # Repeats of one setting share the switch.
        switches = {
            name: switches_in(repeats[0]) for name, repeats in histories.items()
        }
        display = cls(errors, switch_epochs=switches, n_last=n_last)
        return display.plot(ax, log=log, line_kw=line_kw)

    def plot(self, ax=None, *, log=True, line_kw=None):
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; by default a new figure. The legend fits beside the axes if
            their figure has ``layout="constrained"``.
        log : bool, default=True
            Whether the axis of the errors is logarithmic.
        line_kw : dict, default=None
            More arguments for ``Axes.plot``.

        Returns
        -------
        display : ErrorCurveDisplay
            The display itself.
        """
        self.ax_, self.figure_ = axes_of(ax, "ErrorCurveDisplay.plot")
        self.summaries_ = {
            name: error_summary(errors, self.n_last)
            for name, errors in self.errors.items()
        }
        switches, self.lines_ = self.switch_epochs or {}, {}
        for number, (name, errors) in enumerate(self.errors.items()):
            percent = 100 * np.asarray(errors)
            mean, epochs = percent.mean(axis=0), np.arange(1, percent.shape[1] + 1)
            color = f"C{number}"
            style = {"color": color, "label": self._label(name)} | (line_kw or {})
            (self.lines_[name],) = self.ax_.plot(epochs, mean, **style)
            band = percent.min(axis=0), percent.max(axis=0)
            self.ax_.fill_between(epochs, *band, color=color, alpha=0.2, linewidth=0)
            stars = np.array(switches.get(name, []), dtype=int)
            star = {"marker": "*", "markersize": 12, "linestyle": "none"}
            self.ax_.plot(stars, mean[stars - 1], color=color, **star)
        over_epochs(self.ax_, "errors in % of the rows", log=log)
        entries = list(self.lines_.values())
        if any(switches.values()):
            entries.append(mark("refinement begins", marker="*", size=12))
        self.legend_ = legend_beside(self.ax_, handles=entries)
        return self

    def _label(self, name):
        n_last = min(self.n_last, np.shape(self.errors[name])[1])
        means = {key: 100 * of.mean() for key, of in self.summaries_[name].items()}
        return (
            f"{name}\nlast {n_last}: {means['last_mean']:.1f} %, "
            f"best {means['best']:.1f}, last {means['last']:.1f}"
        )


def error_summary(errors, n_last=10):
    """Summarise errors over epochs as papers do.

    Parameters
    ----------
    errors : array-like of shape (..., n_epochs)
        Errors after each epoch.
    n_last : int, default=10
        Epochs at the end that are summarised together; all if there are fewer.

    Returns
    -------
    summary : Bunch
        Arrays of shape (...): ``last_mean`` and ``last_median`` of the last epochs,
        ``best``, the lowest error of all epochs, and ``last``, that of the last one.

    Raises
    ------
    ValueError
        If `n_last` is no whole number above 0.

    Examples
    --------
    >>> from skaug.refined import error_summary
    >>> summary = error_summary([0.5, 0.1, 0.2, 0.4], n_last=2)
    >>> {key: round(float(value), 2) for key, value in summary.items()}
    {'last_mean': 0.3, 'last_median': 0.3, 'best': 0.1, 'last': 0.4}
    """
    check_value("error_summary", "n_last", n_last, Whole(1))
    errors = np.asarray(errors)
    end = errors[..., -n_last:]
    return Bunch(
        last_mean=end.mean(axis=-1),
        last_median=np.median(end, axis=-1),
        best=errors.min(axis=-1),
        last=errors[..., -1],
    )


def _accuracies(histories, column, name, owner):
    """Of all repeats, (n_repeats, n_epochs)."""
    found = [column_of(history, column) for history in histories]
    for values, history in zip(found, histories):
        if values is None:
            columns = sorted(set().union(*history))
            raise ValueError(
                f"{owner} needs {column!r} in the histories of {name!r}; got the "
                f"columns {columns}. Give the net a HeldOutAccuracy(X_test, y_test) "
                "among its callbacks."
            )
    lengths = sorted({len(values) for values in found})
    if len(lengths) != 1:
        raise ValueError(
            f"{owner} needs as many epochs in all repeats of {name!r}; got {lengths}. "
            "Give nets of other lengths another name."
        )
    return np.array(found)
