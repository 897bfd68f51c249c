"""Accuracy on given rows after each epoch, as a callback of any skorch classifier."""

from skorch.callbacks import Callback

from skaug._printing import Printed
from skaug.net.trained import undisturbed

__all__ = ["HeldOutAccuracy"]


class HeldOutAccuracy(Printed, Callback):
    """Record the accuracy on given rows after each epoch.

    The rows are scored as they are, without augmentation and dropout. The training is
    that of a net without the callback, bit for bit.

    Parameters
    ----------
    X, y : array-like
        Rows and labels, as for ``net.score``. The net keeps them, also in a pickle;
        for :func:`skaug.save` they have to be arrays of NumPy.
    name : str, default="test_acc"
        Column of ``net.history``, named as skorch names its ``valid_acc``.

    See Also
    --------
    skaug.refined.ErrorCurveDisplay : Draws the errors over the epochs.

    Notes
    -----
    skorch's ``EpochScoring`` scores the rows that the net itself holds out. Its score
    of other rows would draw from the generator that shuffles the batches of a plain net
    of skorch, and would set layers to training that another callback holds in
    evaluation mode.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skaug import NetClassifier
    >>> from skaug.refined import HeldOutAccuracy
    >>> X, y = load_iris(return_X_y=True)
    >>> accuracy = HeldOutAccuracy(X[1::2], y[1::2])
    >>> net = NetClassifier(callbacks=[accuracy], max_epochs=30, random_state=0)
    >>> net.fit(X[::2], y[::2]).history[-1, "test_acc"] > 0.9
    True
    """

    def __init__(self, X, y, name="test_acc"):
        self.X = X
        self.y = y
        self.name = name

    def on_epoch_end(self, net, **kwargs):
        """Score the net."""
        with undisturbed(net):
            net.history.record(self.name, float(net.score(self.X, self.y)))
