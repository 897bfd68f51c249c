"""Refine a network whose training has ended."""

from skaug._checks import Whole, check_value
from skaug.net.trained import check_net
from skaug.net.weights import all_rows_given
from skaug.refined.callback import BatchAugmentation

__all__ = ["refine"]


def refine(net, X, y=None, *, epochs, lr=None, transform=None, **fit_params):
    """Train a fitted net for some more epochs on clean rows.

    This is the paper's own order: train with augmentation to the end, then refine. The
    net needs not have a :class:`~skaug.BatchAugmentation`, and those that it has stay
    out of these epochs. Normalisations use the averages that they have: what is trained
    is the network as it predicts.

    Parameters
    ----------
    net : NetClassifier or another net of skorch
        A fitted net, which goes on from its weights.
    X, y : array-like
        Training rows and labels, as for ``net.fit``.
    epochs : int
        Passes over the rows. The paper takes an eighth of those with augmentation.
    lr : float, default=None
        Learning rate, which is held. ``None`` takes three thousandths of the initial
        rate, or the rate that the schedule has reached if that is higher. Rates of a
        hundredth and more raised the loss of held-out training rows on one set of
        three.
    transform : callable, default=None
        Function of a batch for these epochs, such as the crops and flips that the paper
        keeps. ``None`` leaves batches as they are.
    **fit_params : dict
        ``groups``, ``sample_weight`` and others of ``net.partial_fit``.

    Returns
    -------
    net : NeuralNet
        The same net. Its history goes on, with ``refining`` and ``lr``.

    Raises
    ------
    TypeError
        If it is no net of skorch.
    NotFittedError
        If the net is not fitted.
    ValueError
        If a parameter is out of range, the rows cannot be trained on, or the loss is
        not finite.

    See Also
    --------
    BatchAugmentation : Refines in the last epochs of one training, ``refine_epochs``.

    Notes
    -----
    With ``class_weight="balanced"``, classes weigh alike in the rows that are given
    here, which are counted as ``fit`` counts its rows.

    After Ctrl-C, ``resume`` of a NetClassifier trains the epochs that are missing. The
    net then keeps the callbacks of refinement until its next ``fit``.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skaug import BatchAugmentation, NetClassifier, TableMixup, refine
    >>> X, y = load_iris(return_X_y=True)
    >>> mixup = BatchAugmentation(TableMixup())
    >>> net = NetClassifier(callbacks=[mixup], max_epochs=200, random_state=0).fit(X, y)
    >>> refine(net, X, y, epochs=20).score(X, y) > 0.9
    True
    >>> net.history[-20:, "refining"] == 20 * [True]
    True
    """
    check_net(net, "refine")
    check_value("refine", "epochs", epochs, Whole(1))
    clean = _Refinement(
        _unchanged, refine_epochs=1.0, refine_lr=lr, refine_transform=transform
    )
    kept = net.callbacks_
    others = [pair for pair in kept if not isinstance(pair[1], BatchAugmentation)]
    net.callbacks_ = [("refine", clean.initialize()), *others]
    is_cut_short = False
    try:
        with all_rows_given(net):
            net.partial_fit(X, y, epochs=epochs, **fit_params)
        is_cut_short = getattr(net, "interrupted_", False)
    finally:
        if not is_cut_short:  # else ``resume`` has to refine, too
            net.callbacks_ = kept
    return net


class _Refinement(BatchAugmentation):
    def _was_augmented(self, history):
        return True  # by whatever means


def _unchanged(X):
    return X
