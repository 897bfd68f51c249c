"""Picture of refined augmentation: losses over epochs, and where it is switched off.

The class follows scikit-learn's displays: ``from_estimator`` trains once and draws, and
``plot`` draws again from the attributes.
"""

from itertools import zip_longest

import numpy as np
from sklearn.base import clone
from sklearn.utils._optional_dependencies import check_matplotlib_support
from skorch import NeuralNet
from skorch.callbacks import Callback

from skaug._plots import DASHED, axes_of, legend_beside, over_epochs
from skaug._printing import Printed
from skaug.net.trained import data_set, undisturbed
from skaug.refined.histories import column_of, switches_in
from skaug.refined.losses import mean_loss

__all__ = ["RefineCurveDisplay"]


class RefineCurveDisplay(Printed):
    """Losses on augmented and on clean rows over the epochs of a training.

    Augmentation moves training batches away from the real rows, and keeps the loss on
    clean rows high. A vertical line marks the start of refinement, as in Figure 1 of
    [1]_. Make the display with :meth:`from_estimator`, or with :meth:`from_history` if
    the net is trained already. The parameters are kept as attributes.

    Parameters
    ----------
    epochs : ndarray of shape (n_epochs,)
        Numbers of the epochs, from 1.
    train_loss : ndarray of shape (n_epochs,)
        Mean loss of the training batches of each epoch. Before refinement the batches
        are augmented.
    clean_loss : ndarray of shape (n_epochs,), default=None
        Loss on the training rows themselves after each epoch, without dropout.
    valid_loss : ndarray of shape (n_epochs,), default=None
        Loss on validation rows after each epoch.
    switch_epochs : sequence of int, default=()
        Last epochs before refinement, one for each refinement. There is none if all
        epochs are of refinement, or no epoch is.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
        Where ``plot`` drew.
    lines_ : dict of matplotlib Line2D
        The curves by name: "train_loss", "clean_loss" and "valid_loss".
    switch_lines_ : list of matplotlib Line2D
        The vertical lines.
    legend_ : matplotlib Legend or None
        The legend, right of the axes.

    See Also
    --------
    BatchAugmentation : Augments batches and switches it off for the last epochs.

    Notes
    -----
    ``train_loss`` is measured with dropout and while the weights change. Therefore it
    differs from ``clean_loss`` even without any augmentation.

    References
    ----------
    .. [1] Z. He et al., "Data Augmentation Revisited: Rethinking the Distribution Gap
       between Clean and Augmented Data", arXiv:1909.09148, Figure 1.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skaug import (
    ...     BatchAugmentation, NetClassifier, RefineCurveDisplay, TableMixup
    ... )
    >>> X, y = load_iris(return_X_y=True)
    >>> augment = BatchAugmentation(TableMixup(), refine_epochs=3)
    >>> net = NetClassifier(max_epochs=10, callbacks=[augment], random_state=0)
    >>> display = RefineCurveDisplay.from_estimator(net, X, y)
    >>> display.switch_epochs
    [7]
    >>> bool(display.clean_loss[-1] < display.train_loss[6])
    True
    """

    def __init__(
        self, epochs, train_loss, *, clean_loss=None, valid_loss=None, switch_epochs=()
    ):
        self.epochs = epochs
        self.train_loss = train_loss
        self.clean_loss = clean_loss
        self.valid_loss = valid_loss
        self.switch_epochs = switch_epochs

    @classmethod
    def from_estimator(
        cls,
        net,
        X,
        y,
        *,
        X_val=None,
        y_val=None,
        groups=None,
        ax=None,
        log=True,
        line_kw=None,
        legend=True,
    ):
        """Train a clone of a net, with losses on clean rows after each epoch, and draw.

        The training equals ``net.fit`` bit for bit. Losses on clean rows are those of
        the net's criterion, without dropout and augmentation.

        Parameters
        ----------
        net : NetClassifier, ISDAClassifier or another net of skorch
            Fitted or not; it is not changed.
        X, y : array-like
            Training rows and labels, as for ``net.fit``. Rows held out by
            ``train_split`` do not count as clean training rows.
        X_val, y_val : array-like, default=None
            Rows and labels for ``valid_loss``. The default is the rows held out by the
            net's ``train_split``. If none are held out, there is no such curve.
        groups : array-like of shape (n,), default=None
            As for ``NetClassifier.fit``.
        ax, log, line_kw, legend : objects
            As for :meth:`plot`.

        Returns
        -------
        display : RefineCurveDisplay
            The display, drawn. If Ctrl-C stopped the training, the display has the
            epochs so far.

        Raises
        ------
        TypeError
            If `net` is no net of skorch.
        ValueError
            If only one of `X_val` and `y_val` is given, the net's callbacks are
            disabled, or ``net.fit`` refuses the data.
        """
        name = cls.__name__
        check_matplotlib_support(f"{name}.from_estimator")
        if not isinstance(net, NeuralNet):
            raise TypeError(
                f"{name} needs a net with callbacks and a history, such as a "
                f"NetClassifier; got a {type(net).__name__}. Of a pipeline, give that "
                "step, and X as the steps before leave it."
            )
        if net.callbacks == "disable":
            raise ValueError(
                f"{name} needs the net's callbacks, which record losses; got "
                "callbacks='disable'. Set them to None or a list."
            )
        if (X_val is None) != (y_val is None):
            given, missing = ("y_val", "X_val") if X_val is None else ("X_val", "y_val")
            raise ValueError(
                f"{name} needs both X_val and y_val, or neither; got {given} only. "
                f"Give {missing} too."
            )
        losses = []
        model = clone(net)
        # At the end, because the draws of BatchAugmentation depend on its place.
        callbacks = [*(model.callbacks or []), _CleanLosses(losses, X_val, y_val)]
        model.set_params(callbacks=callbacks)
        model.fit(X, y, **({} if groups is None else {"groups": groups}))
        # The losses join the history only here, because other callbacks read it.
        history = [
            row | of_epoch
            for row, of_epoch in zip_longest(model.history, losses, fillvalue={})
        ]
        return cls.from_history(history, ax=ax, log=log, line_kw=line_kw, legend=legend)

    @classmethod
    def from_history(cls, history, *, ax=None, log=True, line_kw=None, legend=True):
        """Draw the losses in the history of a net.

        The history needs ``train_loss``. If the net has a ``train_split``, skorch
        records ``valid_loss`` too. If ``refine_epochs > 0``, :class:`BatchAugmentation`
        records ``refining``, which gives the vertical lines. For ``clean_loss``, append
        a callback to those of the net::

            def clean_loss(net, X, y):
                return log_loss(y, net.predict_proba(X), labels=net.classes_)

            EpochScoring(clean_loss, on_train=True, use_caching=False)

        Parameters
        ----------
        history : skorch History
            ``net.history`` of a fitted net. If an epoch lacks a value, for instance
            after Ctrl-C, the curve has a gap.
        ax, log, line_kw, legend : objects
            As for :meth:`plot`.

        Returns
        -------
        display : RefineCurveDisplay
            The display, drawn.

        Raises
        ------
        TypeError
            If `history` is no list of epochs.
        ValueError
            If `history` has no ``train_loss``.
        """
        name = cls.__name__
        check_matplotlib_support(f"{name}.from_history")
        if not isinstance(history, list):
            raise TypeError(
                f"{name} needs a history, which is a list of epochs; got a "
                f"{type(history).__name__}. Of a fitted net, give net.history."
            )
        train_loss = column_of(history, "train_loss")
        if train_loss is None:
            columns = sorted(set().union(*history))
            raise ValueError(
                f"{name} needs a history with train_loss; got the columns {columns} in "
                f"{len(history)} epochs. Train the net, with skorch's own callbacks."
            )
        display = cls(
            np.arange(1, len(history) + 1),
            train_loss,
            clean_loss=column_of(history, "clean_loss"),
            valid_loss=column_of(history, "valid_loss"),
            switch_epochs=switches_in(history),
        )
        return display.plot(ax, log=log, line_kw=line_kw, legend=legend)

    def plot(self, ax=None, *, log=True, line_kw=None, legend=True):
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; by default a new figure. The legend fits beside the axes if
            their figure has ``layout="constrained"``.
        log : bool, default=True
            Whether the axis of the loss is logarithmic.
        line_kw : dict, default=None
            More arguments for ``Axes.plot``, such as ``{"linewidth": 1}``.
        legend : bool, default=True
            Whether to draw the legend.

        Returns
        -------
        display : RefineCurveDisplay
            The display itself.
        """
        self.ax_, self.figure_ = axes_of(ax, "RefineCurveDisplay.plot")
        curves = {
            "train_loss": ("C1", "batches trained on"),
            "clean_loss": ("C0", "clean training rows"),
            "valid_loss": ("C2", "validation rows"),
        }
        self.lines_ = {}
        for name, (colour, label) in curves.items():
            values = getattr(self, name)
            if values is not None:
                style = {"color": colour, "label": label} | (line_kw or {})
                (self.lines_[name],) = self.ax_.plot(self.epochs, values, **style)
        self.switch_lines_ = [
            self.ax_.axvline(epoch, **DASHED, label="" if number else "refinement")
            for number, epoch in enumerate(self.switch_epochs)
        ]
        over_epochs(self.ax_, "loss", log=log)
        self.legend_ = legend_beside(self.ax_) if legend else None
        return self


class _CleanLosses(Callback):
    """Appends the losses on clean rows, in evaluation mode, after each epoch."""

    def __init__(self, losses, X_val=None, y_val=None):
        self.losses = losses
        self.X_val = X_val
        self.y_val = y_val

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        self.datasets_ = {}
        if self.X_val is not None:
            self.datasets_["valid_loss"] = data_set(net, self.X_val, self.y_val)

    def on_epoch_end(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        datasets = {"clean_loss": dataset_train, **self.datasets_}
        with undisturbed(net):
            self.losses.append(
                {name: mean_loss(net, dataset) for name, dataset in datasets.items()}
            )
