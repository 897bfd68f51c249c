"""Figure 4: the error against the epoch at which augmentation is switched off.

The class follows scikit-learn's displays: ``from_estimator`` computes once and draws,
and ``plot`` draws again from the attributes.
"""

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.utils._optional_dependencies import check_matplotlib_support

from skaug._checks import Whole, check_value
from skaug._plots import axes_of
from skaug._printing import Printed
from skaug._random import draw_seed
from skaug.net.trained import check_net
from skaug.refined.callback import BatchAugmentation

__all__ = ["RefineSweepDisplay"]


class RefineSweepDisplay(Printed):
    """Error against the epoch of the switch, at a fixed number of epochs (Figure 4).

    What to read off: refinement helps where the curve lies below its right end, at
    which nothing is refined. Bars are the range over the repeats, as in the paper [1]_.
    Make the display with :meth:`from_estimator`. The parameters are kept as attributes.

    Parameters
    ----------
    switch_epochs : ndarray of shape (n_switches,)
        Last epoch with augmentation, ascending; the last one may be all of them.
    errors : ndarray of shape (n_repeats, n_switches)
        Share of errors, from 0 to 1.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
        Where ``plot`` drew.
    curve_ : matplotlib ErrorbarContainer
        The curve of the means, with its bars.

    See Also
    --------
    skaug.RefineCurveDisplay : Losses over the epochs of one training.

    References
    ----------
    .. [1] Z. He et al., "Data Augmentation Revisited: Rethinking the Distribution Gap
       between Clean and Augmented Data", arXiv:1909.09148, Figure 4.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skaug import BatchAugmentation, NetClassifier, TableMixup
    >>> from skaug.refined import RefineSweepDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> mixup = BatchAugmentation(TableMixup())
    >>> net = NetClassifier(callbacks=[mixup], max_epochs=10)
    >>> display = RefineSweepDisplay.from_estimator(
    ...     net, X[::2], y[::2], X[1::2], y[1::2],
    ...     refine_epochs=(0, 0.5), n_repeats=2, random_state=0,
    ... )
    >>> display.switch_epochs
    array([ 5, 10])
    """

    def __init__(self, switch_epochs, errors):
        self.switch_epochs = switch_epochs
        self.errors = errors

    @classmethod
    def from_estimator(
        cls,
        net,
        X,
        y,
        X_test,
        y_test,
        *,
        refine_epochs=(0.0, 0.05, 0.1, 0.2, 0.4, 0.7, 1.0),
        groups=None,
        n_repeats=3,
        random_state=None,
        n_jobs=None,
        ax=None,
    ):
        """Train once for each length of refinement and repeat, and draw.

        Parameters
        ----------
        net : NetClassifier or another net of skorch
            Fitted or not, with a :class:`~skaug.BatchAugmentation` among its callbacks;
            of several, all that refine are changed. The net is not changed.
        X, y : array-like
            Training rows and labels.
        X_test, y_test : array-like
            Rows and labels to score on. If you choose an epoch by the figure, take
            validation rows.
        refine_epochs : sequence of int or float
            Lengths of refinement, as for :class:`~skaug.BatchAugmentation`.
        groups : array-like of shape (n,), default=None
            As for ``NetClassifier.fit``.
        n_repeats : int, default=3
            Trainings of each length, with other weights and draws. All lengths share
            the seeds.
        random_state : int, RandomState instance or None, default=None
            Draws the seeds.
        n_jobs : int, default=None
            Trainings at a time, as in scikit-learn.
        ax : matplotlib Axes, default=None
            As for :meth:`plot`.

        Returns
        -------
        display : RefineSweepDisplay
            The display, drawn.

        Raises
        ------
        TypeError
            If it is no net of skorch.
        ValueError
            If no callback of the net augments, or a length is out of range.
        """
        name = cls.__name__
        check_matplotlib_support(f"{name}.from_estimator")
        check_net(net, name, fitted=False)
        if not _augmentations(net):
            raise ValueError(
                f"{name} needs a net with a BatchAugmentation among its callbacks; got "
                "none. Give callbacks=[BatchAugmentation(transform)]."
            )
        check_value(name, "n_repeats", n_repeats, Whole(1))
        seeds = [draw_seed(random_state)]
        seeds += [seeds[0] + repeat for repeat in range(1, n_repeats)]
        rows = X, y, X_test, y_test, groups
        found = Parallel(n_jobs)(
            delayed(_switch_and_error)(net, length, seed, *rows)
            for seed in seeds
            for length in refine_epochs
        )
        switches, errors = np.array(found).reshape(n_repeats, -1, 2).transpose(2, 0, 1)
        order = switches[0].argsort(kind="stable")
        return cls(switches[0, order].astype(int), errors[:, order]).plot(ax)

    def plot(self, ax=None, *, line_kw=None):
        """Draw the curve.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; by default a new figure.
        line_kw : dict, default=None
            More arguments for ``Axes.errorbar``.

        Returns
        -------
        display : RefineSweepDisplay
            The display itself.
        """
        self.ax_, self.figure_ = axes_of(ax, "RefineSweepDisplay.plot")
        percent = 100 * np.asarray(self.errors)
        mean = percent.mean(axis=0)
        bars = mean - percent.min(axis=0), percent.max(axis=0) - mean
        style = {"marker": "o", "capsize": 3, "color": "C0", **(line_kw or {})}
        self.curve_ = self.ax_.errorbar(self.switch_epochs, mean, bars, **style)
        self.ax_.set(
            xlabel="last epoch with augmentation", ylabel="errors in % of the rows"
        )
        return self


def _augmentations(net):
    """The callbacks of a net that augment batches."""
    callbacks = net.callbacks if isinstance(net.callbacks, list) else []
    callbacks = [one[1] if isinstance(one, tuple) else one for one in callbacks]
    found = [one for one in callbacks if isinstance(one, BatchAugmentation)]
    # Crops and flips, say, stay on beside one that refines.
    return [one for one in found if one.refine_epochs] or found


def _switch_and_error(net, length, seed, X, y, X_test, y_test, groups):
    """Epoch of the switch, and share of errors, of one training."""
    net = clone(net)
    net.set_params(**{"random_state": seed} if hasattr(net, "random_state") else {})
    for augment in _augmentations(net):
        augment.refine_epochs = length
    net.fit(X, y, **({} if groups is None else {"groups": groups}))
    switch, _ = _augmentations(net)[0].phases(getattr(net, "n_epochs_", net.max_epochs))
    return switch, 1 - net.score(X_test, y_test)
