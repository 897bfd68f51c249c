"""BatchAugmentation: refined augmentation as a callback of any skorch net."""

import math
import warnings
from numbers import Integral

import numpy as np
import torch
from sklearn.base import BaseEstimator, clone
from skorch.callbacks import Callback, EarlyStopping

from skaug._checks import Number, OneOf, Whole, check_parameters
from skaug._random import draw_seed, own_generators, seed_from_torch
from skaug.net.steps import planned_epochs
from skaug.refined.holding import hold_averages, hold_rates, let_go, refinement_rates
from skaug.refined.mixing import ManifoldMixup, unmix
from skaug.refined.schedules import SCHEDULES
from skaug.refined.targets import checked_targets
from skaug.refined.weights import with_weights
from skaug.transforms.calling import (
    FUNCTION,
    call,
    check_is_finite,
    how_to_call,
    name_of,
)
from skaug.transforms.choices import chosen_by_row, words_on
from skaug.transforms.cloning import HoldsTransforms
from skaug.transforms.ranges import (
    in_units,
    is_within,
    largest_value,
    needs_unit_range,
)

__all__ = ["BatchAugmentation"]

# Gradient steps from which a network gains from augmented rows: crops, flips and warps
# of signals, which declare themselves mild, and all other transforms.
MILD_STEPS, OTHER_STEPS = 300, 600


class BatchAugmentation(HoldsTransforms, Callback, BaseEstimator):
    r"""Augment training batches, except in the last epochs.

    This is a callback for any skorch net. It replaces the batch that is trained on;
    validation and prediction never see an augmented row. Give the callback a name to
    search over its parameters::

        NetClassifier(callbacks=[("augment", BatchAugmentation(TableMixup()))])

    Parameters
    ----------
    transform : callable
        The augmentation g of the paper, a function of a batch. It is called as
        ``transform(X, y)``, or as ``transform(X)`` if it takes one argument, with
        tensors X of shape (n, ...) and y of shape (n,) on the net's device. It returns
        X or ``(X, y)``, where y has class codes or shares of the classes, of shape (n,
        n_classes). If its signature has ``n_classes`` or ``module``, the number of
        classes and the net's module are given as well. Those of
        ``skaug.transforms`` draw for each row. All of
        ``torchvision.transforms.v2`` take images. Those of them that make one random
        choice at each call (flips, crops, AutoAugment) are called row by row, with a
        warning; a :class:`skaug.transforms.PerSample` around them says that this is
        meant. A transform with a true attribute ``learns``, such as
        :class:`skaug.baselines.GeneratedRows`, learns from the training rows and class
        codes: ``fit(X, y, classes, random_state)`` of a copy is called before the first
        batch.
    refine_epochs : int or float, default=0
        Number of epochs at the end of training in which batches stay clean; a float is
        their share of all epochs, such as 0.15. The paper takes a ninth. If all epochs
        are refined, nothing is augmented.
    refine_lr : float, default=None
        Learning rate of refinement, for all of its steps and all groups of parameters.
        ``None`` holds the rate that the schedule has reached, or a thousandth of the
        initial rate if that is higher. If the network is refined after its training had
        ended, it is three thousandths: see :func:`skaug.refine`.
    refine_transform : callable, default=None
        Function of a batch for refinement: the paper keeps crops and flips of images.
        ``None`` leaves batches as they are.
    probability : float, default=1.0
        Share of batches that are transformed; the paper's CutMix has 0.5.
    random_state : int, RandomState instance or None, default=None
        Seed of what transforms draw from torch's generators. ``None`` takes a seed from
        the state of the generators in training, which follows the ``random_state`` of
        the net, if there is one. The generators are then set back: with or without
        augmentation, rows come in the same order.
    refine_schedule : {"off", "linear", "cosine"}, default="off"
        "off" switches the transform off at the beginning of refinement, as the paper
        does. The others weaken it from epoch to epoch, until it is off in the last one:
        if its signature has ``progress``, it is given how far to weaken, from 0 to 1,
        and mixups lower their `alpha`. Other transforms are called for a falling share
        of the batches.

    Attributes
    ----------
    refining_ : bool
        Whether the current or last epoch was one of refinement.
    progress_ : float
        How far the transform was weakened in that epoch: 0 before refinement, 1 where
        it is off.

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
        If early stopping ends training before refinement, or a transform of
        torchvision's is called row by row.

    See Also
    --------
    skaug.TableMixup, skaug.ManifoldMixup, skaug.Cutout : Transforms.
    skaug.RefineCurveDisplay : Losses on clean and augmented rows over epochs.

    Notes
    -----
    The number of epochs in the net's history tells whether an epoch is one of
    refinement, so pickling and resuming with ``partial_fit`` change nothing. Training
    after `max_epochs` starts again with augmented batches, as the schedule of the
    learning rate does. With ``refine_epochs > 0`` the history has the columns
    ``refining`` and ``lr``, the rate of the first step of the epoch.

    In refinement, layers that average over all batches (``momentum=None``), such as the
    first layer of the default networks, use their averages in training as they do in
    prediction, and do not update them. The averages are those of augmented batches. If
    refinement used the statistics of clean batches, predictions would be made on
    another scale.

    Mixed labels need a loss that takes shares of classes: ``CrossEntropyLoss``, the
    default of :class:`NetClassifier`, does.

    With ``fit(sample_weight=...)`` or ``class_weight`` the weight of a row goes with
    its label. Let :math:`\bar\lambda = 1 - \lambda`. A row that is mixed of i and j has
    the loss :math:`\lambda w_i \ell(y_i) + \bar\lambda w_j \ell(y_j)` and the weight
    :math:`\lambda w_i + \bar\lambda w_j`. The loss of a batch is the sum of these
    losses over the sum of these weights, as with weights of classes in torch's
    cross-entropy, up to the divisor. It is not the same as repeating rows, since
    partners are drawn without a look at weights. To follow the labels, a transform that
    mixes them is called twice from the same state of torch's generators. It has to take
    shares of the classes for `y` as well.

    Transforms of colour, and torchvision's policies, need numbers from 0 to 1. If the
    training images go from 0 to 255, as bytes do, they are scaled for such a transform,
    and back; what stands beside it in a Compose gets them as they are. Images are taken
    for such if they are of uint8 or have a number above 127. Other images are refused:
    augment before you standardise. The range is found at the beginning of ``fit``; that
    of a data set in its first batch, and again in a batch that goes beyond it.

    Several of these callbacks work one after the other, in the order of the list;
    :class:`ManifoldMixup` has to come last.

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
    >>> augment = BatchAugmentation(TableMixup(alpha=1.0), refine_epochs=0.15)
    >>> net = NetClassifier(callbacks=[("augment", augment)], random_state=0)
    >>> grid = {"callbacks__augment__refine_epochs": [0.15, 1.0]}  # 1.0: all are clean
    >>> round(GridSearchCV(net, grid, cv=2).fit(X, y).best_score_, 1)
    np.float64(1.0)
    """

    _rules = {
        "refine_lr": Number(0, open_low=True)
        | OneOf(None, hint="None keeps the rate that the schedule has reached."),
        "probability": Number(
            0, 1, hint="It is the share of batches that are transformed."
        ),
        "transform": FUNCTION,
        "refine_transform": FUNCTION | OneOf(None),
        "refine_schedule": OneOf(*SCHEDULES),
    }

    def __init__(
        self,
        transform,
        refine_epochs=0,
        refine_lr=None,
        refine_transform=None,
        probability=1.0,
        random_state=None,
        refine_schedule="off",
    ):
        self.transform = transform
        self.refine_epochs = refine_epochs
        self.refine_lr = refine_lr
        self.refine_transform = refine_transform
        self.probability = probability
        self.random_state = random_state
        self.refine_schedule = refine_schedule

    def initialize(self):
        """Draw a seed, if there is a random state to draw it from."""
        self.seed_, self.learned_ = None, [None, None]  # without and with refinement
        if self.random_state is not None:
            self.seed_ = draw_seed(self.random_state)
        return self

    def set_params(self, **params):
        """Set parameters, also those of a transform, such as ``transform__alpha``."""
        for name in ("transform", "refine_transform"):
            if any(key.startswith(f"{name}__") for key in params):
                # The transform may be the user's, or that of another net.
                transform = params.get(name, getattr(self, name))
                params[name] = clone(transform, safe=False)
        super().set_params(**params)
        return self

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        """Check the parameters."""
        self._check_parameters(planned_epochs(net))
        self._check_order(net)
        self._make_ready(X)
        let_go(net)

    def _check_parameters(self, n_epochs=None):
        """Refuse parameters out of range, as far as the epochs are known."""
        most = Whole(
            0,
            n_epochs,
            hint="Refinement is the end of max_epochs, not more of them.",
        )
        rules = {"refine_epochs": most | Number(0, 1, hint="It is a share of epochs.")}
        check_parameters(self, {**rules, **self._rules})

    def phases(self, n_epochs):
        """Split a number of epochs into augmented ones and ones of refinement."""
        # A share leaves at least one epoch to each, if there are two.
        n_refined = self.refine_epochs
        if not isinstance(n_refined, Integral):
            share, most = n_refined, n_epochs if n_refined == 1 else n_epochs - 1
            n_refined = min(max(round(share * n_epochs), math.ceil(share)), most)
        return n_epochs - n_refined, n_refined

    def advised_steps(self, max_epochs):
        """Gradient steps that a training of so many epochs, or "auto", should have."""
        self._check_parameters()
        # Any number of epochs tells whether a share is all of them.
        n_epochs = 1000 if max_epochs == "auto" else max_epochs
        # A transform that declares itself mild has a true attribute ``mild``.
        if self.probability == 0 or self.phases(n_epochs)[0] <= 0:
            return 0
        return MILD_STEPS if getattr(self.transform, "mild", False) else OTHER_STEPS

    def _make_ready(self, X):
        """Let torchvision's choose for each row, and find the range of the images."""
        self.by_row_, chosen = [], []
        for transform in (self.transform, self.refine_transform):
            by_row, names = chosen_by_row(transform)
            self.by_row_.append(by_row)
            chosen += names
        if chosen:
            warnings.warn(words_on(chosen, type(self).__name__), stacklevel=3)
        self.largest_, self.ready_ = None, self.by_row_
        # A data set shows the range of its images batch by batch.
        self.by_batch_ = not isinstance(X, (np.ndarray, torch.Tensor))
        if not self.by_batch_:
            self._find_range(X)

    def _find_range(self, X):
        """Scale images for what needs numbers from 0 to 1, if X shows others."""
        needing = [name_of(one) for one in self.by_row_ if needs_unit_range(one)]
        if X.ndim != 4 or not needing:
            return
        if self.largest_ is None or not is_within(X, self.largest_):
            self.largest_ = largest_value(X, needing[0], type(self).__name__)
            self.ready_ = [in_units(one, self.largest_) for one in self.by_row_]

    def _check_order(self, net):
        """Refuse what would move rows or labels before the network mixes them."""
        alike = _alike(net)
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
        alike = _alike(net)
        if alike[0] is self and any(getattr(c, "refining_", False) for c in alike):
            let_go(net)
        done = len(net.history) - 1 - getattr(net, "first_epoch_", 0)
        n_epochs = planned_epochs(net)
        switch, _ = self.phases(n_epochs)
        epoch = done % n_epochs
        self.refining_ = bool(epoch >= switch)  # a search may set NumPy's numbers
        # In this training or, if all its epochs are refined, in an earlier one.
        augmented = switch > 0 or (self.refining_ and self._was_augmented(net.history))
        if self.refining_ and (augmented or self.refine_lr is not None):
            rates = refinement_rates(
                net, self.refine_lr, first=epoch == switch, after_the_end=switch == 0
            )
            hold_rates(net, rates)
        if self.refining_ and augmented:
            hold_averages(net.module_, every=switch == 0)
        self.progress_ = 0.0
        if self.refining_:
            done = (epoch - switch + 1) / (n_epochs - switch)
            self.progress_ = SCHEDULES[self.refine_schedule](done)
        # If only one of two callbacks refines, the history says that the epoch does.
        if self.refine_epochs > 0 and not net.history[-1].get("refining"):
            net.history.record("refining", bool(self.refining_))
        self._begin_draws(net)
        self.transform_ = self.ready_[self.progress_ == 1]
        if getattr(self.transform_, "learns", False):
            self.transform_ = self._learned(net, dataset_train)
        self.takes_ = ()
        if self.transform_ is not None:
            _, self.takes_ = how_to_call(self.transform_)
        self.first_batch_, self.new_X_ = True, None

    def _learned(self, net, dataset):
        """A copy of the transform that has learned from the training rows, once."""
        # A training that goes on, after Ctrl-C or with partial_fit, keeps the copy.
        is_off = self.progress_ == 1
        if self.learned_[is_off] is None:
            with own_generators(net.device or "cpu", self.seed_of_epoch_):
                batches = list(net.get_iterator(dataset, training=False))
            X, y = (torch.cat([batch[i] for batch in batches]) for i in (0, 1))
            self.learned_[is_off] = clone(self.transform_).fit(
                X.cpu().numpy(),
                y.cpu().numpy(),
                classes=getattr(net, "classes_", None),
                random_state=self.seed_of_epoch_,
            )
        return self.learned_[is_off]

    def _was_augmented(self, history):
        """Whether an earlier epoch was; the callback may have been another object."""
        return any(
            "augmented" in row["batches"][0] for row in history if row["batches"]
        )

    def _begin_draws(self, net):
        """Seed the epoch by its number, so that a resumed net draws the same."""
        seed = self.seed_ if self.seed_ is not None else seed_from_torch()
        place = next(i for i, (_, c) in enumerate(net.callbacks_) if c is self)
        sequence = np.random.SeedSequence((seed, len(net.history), place))
        self.seed_of_epoch_ = int(sequence.generate_state(1)[0])
        self.states_ = {}
        self.device_ = torch.device(net.device or "cpu").type

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
                _check_is_list_of_two(batch)
                if self.probability > 0 and not self.refining_:
                    net.history.record_batch("augmented", True)
            self.first_batch_ = False
        if self.transform_ is not None and self.probability > 0:
            self._replace(net, batch)

    def _replace(self, net, batch):
        X, y = batch
        if X.device.type != self.device_:
            X, y = X.to(net.device), y.to(net.device)
        # A regressor has no classes.
        n_classes = len(net.classes_) if hasattr(net, "classes_") else None
        offered = {"module": net.module_, "n_classes": n_classes}
        weight = getattr(net, "batch_weight_", None)
        with own_generators(X.device, self.seed_of_epoch_, self.states_):
            if self.probability < 1 and torch.rand(()) >= self.probability:
                return
            if self.by_batch_:
                self._find_range(X)
                if not getattr(self.transform_, "learns", False):  # which was copied
                    self.transform_ = self.ready_[self.progress_ == 1]
            transform = self._of_batch()
            if transform is None:
                return
            # What is meant for refinement is not weakened.
            is_weakened = self.progress_ < 1 and transform is self.transform_
            offered["progress"] = self.progress_ if is_weakened else 0.0

            def transformed(X, y):
                name = type(self).__name__
                new_X, new_y = call(transform, X, y, name=name, **offered)
                return new_X, checked_targets(
                    y,
                    new_X,
                    new_y,
                    criterion=net.criterion_,
                    n_classes=n_classes,
                    what=name_of(transform),
                )

            if weight is None:
                new_X, new_y = transformed(X, y)
            else:
                arguments = transformed, X, y, weight, n_classes
                known = {
                    "what": name_of(transform),
                    "keeps_rows": getattr(transform, "keeps_rows", False),
                }
                new_X, new_y, net.batch_weight_ = with_weights(*arguments, **known)
        batch[0] = self.new_X_ = new_X
        batch[1] = new_y

    def _of_batch(self):
        """The transform of a batch; while it is weakened, at times the other one."""
        is_weakened = 0 < self.progress_ < 1 and "progress" not in self.takes_
        if is_weakened and torch.rand(()) < self.progress_:
            return self.ready_[1]
        return self.transform_

    def on_batch_end(self, net, batch=None, training=False, loss=None, **kwargs):
        """Leave nothing on the network, and refuse rows that are not finite."""
        if not training or self.transform_ is None:
            return
        if "module" in self.takes_:
            unmix(net.module_)
        # The loss is known by now and shows the trouble; a look at all rows takes time.
        if self.new_X_ is not None and not math.isfinite(loss.item()):
            check_is_finite(self.new_X_, self.transform_, type(self).__name__)

    def on_train_end(self, net, X=None, y=None, **kwargs):
        """Warn if early stopping left no refinement."""
        let_go(net)
        self.new_X_ = None
        if not self.refine_epochs or getattr(self, "refining_", True):
            return
        for _, callback in net.callbacks_:
            if isinstance(callback, EarlyStopping) and (
                callback.misses_ == callback.patience
            ):
                _, n_refined = self.phases(planned_epochs(net))
                warnings.warn(
                    "BatchAugmentation needs training to reach its last "
                    f"{n_refined} epochs to refine; got early stopping after "
                    f"{len(net.history)}. Raise its patience, or set max_epochs to "
                    "where augmented training ends plus refine_epochs.",
                    stacklevel=2,
                )


def _alike(net):
    """All callbacks of this kind, in their order."""
    return [c for _, c in net.callbacks_ if isinstance(c, BatchAugmentation)]


def _check_is_list_of_two(batch):
    """Refuse a batch that cannot be replaced in place."""
    if not isinstance(batch, list) or len(batch) != 2:
        raise TypeError(
            "BatchAugmentation needs batches that are lists [X, y], which it can change"
            f"; got a {type(batch).__name__}. Let collate_fn return a list."
        )
    if not all(isinstance(one, torch.Tensor) for one in batch):
        kinds = " and ".join(type(one).__name__ for one in batch)
        raise TypeError(
            f"BatchAugmentation needs batches of one tensor X and one tensor y; got "
            f"{kinds}. Train on arrays, or augment in your data set."
        )
