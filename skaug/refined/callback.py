r"""Refined augmentation: intensive augmentation, switched off for the last epochs.

Mixup, CutMix or AutoAugment keep a network from fitting what does not generalise, but
they also move the training data away from the real ones: at the end the loss on clean
training rows is tens of times what it could be. Refined augmentation (He et al.) trains
on augmented batches first, which leads to a good region, and for the last epochs on
clean ones at a small, constant learning rate, which leads to a minimum in it.

The switch is a number of epochs in a skorch callback, :class:`BatchAugmentation`, and
so a hyper-parameter like any other: ``callbacks__augment__refine_epochs`` in a grid.

======================================  ===========================================
paper                                   here
======================================  ===========================================
:math:`g`, the augmentation             ``transform``
:math:`T_1 + T_2`, all epochs           the net's ``max_epochs``
:math:`T_2`, refinement                 ``refine_epochs``
"a reasonably small value"              ``refine_lr``
"standard augmentation" kept for        ``refine_transform``
refinement
probability of CutMix                   ``probability``
======================================  ===========================================

References
----------
.. [1] Z. He, L. Xie, X. Chen, Y. Zhang, Y. Wang, Q. Tian, "Data Augmentation Revisited:
   Rethinking the Distribution Gap between Clean and Augmented Data", arXiv:1909.09148.
"""

import math
import warnings

import numpy as np
import torch
from sklearn.base import clone
from skorch.callbacks import Callback, EarlyStopping
from torch import nn

from skaug._checks import Number, OneOf, Rule, Whole, check_parameters
from skaug._random import draw_seed, own_generators, seed_from_torch
from skaug.refined.holding import (
    hold_averages,
    hold_rates,
    let_go,
)
from skaug.refined.mixing import ManifoldMixup, unmix
from skaug.transforms.calling import check_is_for_images, how_to_call, name_of

__all__ = ["BatchAugmentation"]

# Lowest rate of refinement, as a share of the first one, when none is given. Schedules
# may end at 0, which would refine nothing; the paper's lowest is 1/1000 (ImageNet).
LOWEST_RATE = 1e-3

FUNCTION = Rule(
    lambda value: callable(value) and not isinstance(value, type),
    "a function of a batch",
    "Give one, or an object such as TableMixup().",
)
RULES = {
    "refine_lr": Number(0, open_low=True)
    | OneOf(None, hint="None keeps the rate that the schedule has reached."),
    "probability": Number(
        0, 1, hint="It is the share of batches that are transformed."
    ),
    "transform": FUNCTION,
    "refine_transform": FUNCTION | OneOf(None),
}

# What a transform is given if its signature has it.
KEYWORDS = {
    "module": lambda net: net.module_,
    # A regressor has none.
    "n_classes": lambda net: len(net.classes_) if hasattr(net, "classes_") else None,
}


class BatchAugmentation(Callback):
    """Augment training batches, and stop doing so for the last epochs.

    A callback for any skorch net. It replaces the batch that is trained on; validation
    and prediction never see an augmented row. Give it a name to search over it::

        NetClassifier(callbacks=[("augment", BatchAugmentation(TableMixup()))])

    Parameters
    ----------
    transform : callable
        What is done to a batch: called as ``transform(X, y)``, or ``transform(X)`` if
        it takes one argument, with tensors X of shape (n, ...) and y of shape (n,),
        on the net's device. It returns X or ``(X, y)``, where y may be class codes or
        shares of the classes, of shape (n, n_classes). If its signature has them it is
        also given ``n_classes`` and the net's ``module``. All of
        ``torchvision.transforms.v2`` will do for images; those that are not made for
        batches (flips, crops, AutoAugment) make one random choice for the whole batch
        unless they are put into :class:`skaug.transforms.PerSample`.
    refine_epochs : int, default=0
        Number of epochs at the end of `max_epochs` in which batches are left clean. The
        paper takes a ninth of all epochs. All epochs: no augmentation at all.
    refine_lr : float, default=None
        Learning rate of refinement, held for all of its steps and all groups of
        parameters. ``None`` holds the rate that the schedule had reached, or a
        thousandth of the initial one if it had fallen lower.
    refine_transform : callable, default=None
        What is done to batches in refinement: the paper keeps crops and flips for
        images. ``None`` leaves them as they are.
    probability : float, default=1.0
        Share of batches that are transformed; the paper's CutMix has 0.5.
    random_state : int, RandomState instance or None, default=None
        Seeds what transforms draw from torch's generators. ``None`` takes a seed from
        the state of the generators in training, which follows the net's own
        ``random_state`` where it has one. These generators are then set back: with or
        without augmentation, rows come in the same order.

    Attributes
    ----------
    refining_ : bool
        Whether the current or last epoch was one of refinement.

    Raises
    ------
    ValueError
        In ``fit``: if a parameter is out of range, the transform fails or returns
        something that cannot be trained on; says what came and what to do.
    TypeError
        If batches are not lists of two tensors, or the transform returns none.

    Warns
    -----
    UserWarning
        If early stopping ends training before refinement.

    See Also
    --------
    skaug.TableMixup, skaug.ManifoldMixup, skaug.Cutout : Transforms.
    skaug.RefineCurveDisplay : Losses on clean and augmented rows over epochs.

    Notes
    -----
    Whether an epoch is one of refinement is computed from the number of epochs in the
    net's history. It therefore survives pickling and resuming with ``partial_fit``, and
    training on after `max_epochs` starts over with augmented batches, as the schedule
    of the learning rate does. With ``refine_epochs > 0`` the history has the columns
    ``refining`` and ``lr``, the rate of the first step of the epoch.

    In refinement, layers that average over all batches (``momentum=None``), such as the
    input's in the default networks, use their averages in training as they do in
    prediction, and leave them as they are. They are those of augmented batches, and to
    train on the statistics of clean ones would be to predict on another scale.

    Mixed labels need a loss that takes shares of classes: ``CrossEntropyLoss``, the
    default of :class:`NetClassifier`, does.

    Two of these callbacks do one after the other what they do, in the order of the
    list; :class:`ManifoldMixup` has to come last.

    References
    ----------
    .. [1] Z. He et al., "Data Augmentation Revisited: Rethinking the Distribution Gap
       between Clean and Augmented Data", arXiv:1909.09148, Section 3.4.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV
    >>> from skaug import BatchAugmentation, NetClassifier, TableMixup
    >>> X, y = load_iris(return_X_y=True)
    >>> augment = BatchAugmentation(TableMixup(alpha=1.0), refine_epochs=5)
    >>> net = NetClassifier(callbacks=[("augment", augment)], random_state=0)
    >>> grid = {
    ...     "callbacks__augment__refine_epochs": [0, 5, 30],  # 30: the plain twin
    ...     "callbacks__augment__transform__alpha": [0.2, 1.0],
    ... }
    >>> round(GridSearchCV(net, grid, cv=3).fit(X, y).best_score_, 1)
    np.float64(1.0)
    """

    def __init__(
        self,
        transform,
        refine_epochs=0,
        refine_lr=None,
        refine_transform=None,
        probability=1.0,
        random_state=None,
    ):
        self.transform = transform
        self.refine_epochs = refine_epochs
        self.refine_lr = refine_lr
        self.refine_transform = refine_transform
        self.probability = probability
        self.random_state = random_state

    def initialize(self):
        """Draw a seed, if there is a random state to draw it from."""
        self.seed_ = None
        if self.random_state is not None:
            self.seed_ = draw_seed(self.random_state)
        return self

    def set_params(self, **params):
        """Set parameters, also those of a transform that has some.

        Parameters
        ----------
        **params
            ``refine_epochs``, ``transform__alpha`` ...

        Returns
        -------
        self : BatchAugmentation
            The callback itself.
        """
        for name in ("transform", "refine_transform"):
            if any(key.startswith(f"{name}__") for key in params):
                # The one in use may be the user's, or that of another net.
                transform = params.get(name, getattr(self, name))
                params[name] = clone(transform, safe=False)
        super().set_params(**params)
        return self

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        """Check the parameters."""
        most = Whole(
            0,
            net.max_epochs,
            hint="Refinement is the end of max_epochs, not more of them.",
        )
        check_parameters(self, {"refine_epochs": most, **RULES})
        self._check_order(net)
        let_go(net)

    def _check_order(self, net):
        """Refuse what would move rows or labels before the network mixes them."""
        alike = [c for _, c in net.callbacks_ if isinstance(c, BatchAugmentation)]
        for callback in alike[: alike.index(self)]:
            for mixup in (callback.transform, callback.refine_transform):
                if isinstance(mixup, ManifoldMixup):
                    raise ValueError(
                        "BatchAugmentation needs ManifoldMixup to be in the last one "
                        f"of several; got {name_of(self.transform)} after it. Change "
                        "their order, or leave one out."
                    )

    def on_epoch_begin(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        """Find out from the history whether this is an epoch of refinement."""
        callbacks = [callback for _, callback in net.callbacks_]
        place = next(i for i, callback in enumerate(callbacks) if callback is self)
        alike = [c for c in callbacks if isinstance(c, BatchAugmentation)]
        if alike[0] is self and any(getattr(c, "refining_", False) for c in alike):
            let_go(net)
        done = len(net.history) - 1 - getattr(net, "first_epoch_", 0)
        switch = net.max_epochs - self.refine_epochs
        epoch = done % net.max_epochs
        self.refining_ = epoch >= switch
        if self.refining_ and (switch > 0 or self.refine_lr is not None):
            hold_rates(net, self._rates(net, switched_before=epoch > switch))
        if self.refining_ and switch > 0:
            hold_averages(net.module_)
        # Of two callbacks, the one that refines has the word.
        if self.refine_epochs > 0 and not net.history[-1].get("refining"):
            net.history.record("refining", bool(self.refining_))
        # The epoch decides on what is drawn, so that a resumed net draws the same.
        seed = self.seed_ if self.seed_ is not None else seed_from_torch()
        sequence = np.random.SeedSequence((seed, len(net.history), place))
        self.seed_of_epoch_ = int(sequence.generate_state(1)[0])
        self.states_ = {}
        self.transform_ = self.refine_transform if self.refining_ else self.transform
        self.call_ = None
        if self.transform_ is not None:
            with_targets, wanted = how_to_call(self.transform_, KEYWORDS)
            self.call_ = with_targets, {name: KEYWORDS[name](net) for name in wanted}
        self.device_ = torch.device(net.device or "cpu").type
        self.first_batch_ = True
        self._rows = None

    def _rates(self, net, *, switched_before):
        """Learning rates of refinement, one for each group of parameters."""
        groups = net.optimizer_.param_groups
        if self.refine_lr is not None:
            return [float(self.refine_lr)] * len(groups)
        if switched_before and net.history[-2].get("refining"):
            rates = net.history[-2]["lr"]
            return rates if isinstance(rates, list) else [rates]
        return [
            max(group["lr"], LOWEST_RATE * group.get("initial_lr", group["lr"]))
            for group in groups
        ]

    def on_batch_begin(self, net, batch=None, training=False, **kwargs):
        """Replace a training batch."""
        if not training:
            return
        if self.first_batch_:
            if self.refine_epochs > 0:
                groups = net.optimizer_.param_groups
                rates = [float(group.get("held_lr", group["lr"])) for group in groups]
                net.history.record("lr", rates[0] if len(rates) == 1 else rates)
            if self.transform_ is not None:
                _check_shape(self.transform_, batch)
            self.first_batch_ = False
        if self.transform_ is not None and self.probability > 0:
            self._replace(net, batch)

    def on_batch_end(self, net, batch=None, training=False, loss=None, **kwargs):
        """Leave nothing on the network, and refuse rows that are not finite."""
        if not training or not self.call_:
            return
        if "module" in self.call_[1]:
            unmix(net.module_)
        # The loss is a number by now, and tells; to look at all rows would take time.
        if math.isfinite(loss.item()) or self._rows is None:
            return
        if not torch.isfinite(self._rows).all():
            raise ValueError(
                "BatchAugmentation needs a transform that returns finite numbers; got "
                f"NaN or infinity from {name_of(self.transform_)}. Look for a division "
                "by 0 or a logarithm in it."
            )

    def on_train_end(self, net, X=None, y=None, **kwargs):
        """Warn if early stopping left no refinement."""
        let_go(net)
        self.call_ = self._rows = None
        if not self.refine_epochs or getattr(self, "refining_", True):
            return
        for _, callback in net.callbacks_:
            if isinstance(callback, EarlyStopping) and (
                callback.misses_ == callback.patience
            ):
                warnings.warn(
                    "BatchAugmentation needs training to reach its last "
                    f"{self.refine_epochs} epochs to refine; got early stopping after "
                    f"{len(net.history)}. Raise its patience, or set max_epochs to "
                    "where augmented training ends plus refine_epochs.",
                    stacklevel=2,
                )

    def _replace(self, net, batch):
        X, y = batch
        if X.device.type != self.device_:
            X, y = X.to(net.device), y.to(net.device)
        with_targets, keywords = self.call_
        with own_generators(X.device, self.seed_of_epoch_, self.states_):
            if self.probability < 1 and torch.rand(()) >= self.probability:
                return
            try:
                arguments = (X, y) if with_targets else (X,)
                result = self.transform_(*arguments, **keywords)
            except Exception as error:
                raise ValueError(
                    "BatchAugmentation needs a transform that takes batches of shape "
                    f"{tuple(X.shape)}; got {type(error).__name__} from "
                    f"{name_of(self.transform_)}: {error}"
                ) from error
        pair = isinstance(result, (tuple, list))
        new_X, new_y = result if pair and len(result) == 2 else (result, y)
        batch[0] = self._rows = _checked_rows(self.transform_, X, new_X)
        batch[1] = _checked_targets(self.transform_, net, y, new_X, new_y)


def _check_shape(transform, batch):
    if not isinstance(batch, list) or len(batch) != 2:
        raise TypeError(
            "BatchAugmentation needs batches that are lists [X, y], which it can change"
            f"; got a {type(batch).__name__}. Let collate_fn return a list."
        )
    if not all(isinstance(part, torch.Tensor) for part in batch):
        kinds = " and ".join(type(part).__name__ for part in batch)
        raise TypeError(
            f"BatchAugmentation needs batches of one tensor X and one tensor y; got "
            f"{kinds}. Train on arrays, or augment in your data set."
        )
    check_is_for_images(transform, batch[0], "BatchAugmentation")


def _checked_rows(transform, X, new_X):
    if not isinstance(new_X, torch.Tensor):
        raise TypeError(
            f"BatchAugmentation needs a transform that returns a tensor X, or X and y; "
            f"got a {type(new_X).__name__} from {name_of(transform)}. Convert it with "
            "torch.as_tensor."
        )
    if new_X.dtype == X.dtype:
        return new_X
    if X.is_floating_point() != new_X.is_floating_point():
        raise ValueError(
            f"BatchAugmentation needs a transform that keeps rows {X.dtype}; got "
            f"{new_X.dtype} from {name_of(transform)}. Convert and scale them back at "
            "its end."
        )
    return new_X.to(X.dtype)


def _checked_targets(transform, net, y, new_X, new_y):
    if new_y is y and y.shape[0] == new_X.shape[0]:
        return y
    name = name_of(transform)
    if not isinstance(new_y, torch.Tensor):
        raise TypeError(
            "BatchAugmentation needs a transform that returns a tensor y beside X; "
            f"got a {type(new_y).__name__} from {name}. Convert it with "
            "torch.as_tensor."
        )
    if len(new_y) != len(new_X):
        raise ValueError(
            f"BatchAugmentation needs a transform that returns one target per row; got "
            f"{len(new_X)} rows and {len(new_y)} targets from {name}. Let it take and "
            "return targets, as transform(X, y)."
        )
    if y.is_floating_point() or not new_y.is_floating_point():
        return new_y.to(y.dtype)
    criterion = net.criterion_
    if type(criterion).__module__.startswith("torch.nn") and not isinstance(
        criterion, nn.CrossEntropyLoss
    ):
        raise ValueError(
            "BatchAugmentation needs a loss for mixed labels; got "
            f"{type(criterion).__name__}, and mixed labels from {name}. Set "
            "criterion=torch.nn.CrossEntropyLoss and let the module return logits."
        )
    expected = len(new_X), KEYWORDS["n_classes"](net)
    if new_y.shape != expected:
        raise ValueError(
            f"BatchAugmentation needs shares of the classes, of shape {expected}, for "
            f"mixed labels; got {tuple(new_y.shape)} from {name}. Tell it the number "
            "of classes."
        )
    # Not so that NaN would pass.
    if not (new_y.sum(dim=1) - 1).abs().max() < 1e-3:
        raise ValueError(
            "BatchAugmentation needs shares of the classes that add up to 1 for mixed "
            f"labels; got {new_y.sum(dim=1).tolist()[:3]} ... from {name}. Divide them "
            "by their sum."
        )
    return new_y
