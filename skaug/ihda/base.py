"""The network that is fine-tuned: a copy of a fitted one, or a trained clone."""

import copy

import numpy as np
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.utils import _safe_indexing
from skorch import NeuralNetClassifier
from skorch.utils import is_dataset

from skaug._random import own_generators
from skaug.ihda.rows import chosen
from skaug.net.classifier import NetClassifier
from skaug.net.finite import check_trained, weights_not_finite
from skaug.net.interrupts import interrupts_raised

__all__ = ["check_trains_anew", "checked_base", "copied", "trained"]


def checked_base(estimator, balance, weights):
    """Return the net that an estimator stands for, and whether it is fitted already."""
    frozen = isinstance(estimator, FrozenEstimator)
    net = estimator.estimator if frozen else estimator
    net = NetClassifier() if net is None else net
    if not isinstance(net, NeuralNetClassifier):
        raise TypeError(
            "IHDAFinetuner needs a NetClassifier or another NeuralNetClassifier of "
            f"skorch; got a {type(net).__name__}. Give the net; pipelines and "
            "samplers go around the finetuner."
        )
    if isinstance(net, NetClassifier):
        net._check_parameters()
    for name in ("logit_adjustment", "class_weight"):
        if balance and getattr(net, name, None):
            raise ValueError(
                f"IHDAFinetuner needs balance=False for a net with {name}; got "
                f"balance={balance} and {getattr(net, name)}. Take one: either makes "
                "up for classes of unequal size."
            )
    if weights is not None and not isinstance(net, NetClassifier):
        raise TypeError(
            "IHDAFinetuner needs a NetClassifier for sample_weight; got a "
            f"{type(net).__name__}. Leave the weights out, or take a NetClassifier."
        )
    if frozen:
        _check_fitted(net)
    return net, frozen


def _check_fitted(net):
    """Refuse a frozen net that is not fitted, or that diverged."""
    if not (getattr(net, "initialized_", False) and hasattr(net, "classes_")):
        raise NotFittedError(
            "IHDAFinetuner needs a fitted estimator in a FrozenEstimator; got an "
            f"unfitted {type(net).__name__}. Fit it, or give it as it is."
        )
    wrong = weights_not_finite(net.module_)
    if wrong is not None:
        raise ValueError(
            "IHDAFinetuner needs a network of finite weights; got others in "
            f"{wrong!r} of the FrozenEstimator. Train it again, with a lower lr or "
            "scaled rows."
        )


def check_trains_anew(net):
    """Refuse a fitted net of which a clone would start from what it has learned."""
    # skorch trains the user's object itself; a NetClassifier trains a copy.
    given = isinstance(net.module, torch.nn.Module) and not net.get_params_for("module")
    if given and not isinstance(net, NetClassifier):
        raise ValueError(
            "IHDAFinetuner needs a net that can be trained anew without the rows held "
            f"out, to choose what is 'validated'; got a {type(net).__name__} whose "
            "module is an object that is trained already. Give the module's class, or "
            "numbers in place of 'validated'."
        )


def trained(net, X, y, groups, weights, rows, seed, progress):
    """Train a clone of the net on some rows, given by number; None takes all."""
    net = clone(net)
    if net.get_params(deep=False).get("random_state", seed) is None:
        net.set_params(random_state=int(seed))
    if is_dataset(X) and net.classes is None:  # of which it may show none
        net.set_params(classes=np.arange(y.max() + 1))
    if rows is not None:
        if net.classes is None:  # all rows of a class may be held out
            net.set_params(classes=np.unique(y))
        X = chosen(X, rows) if is_dataset(X) else _safe_indexing(X, rows)
        y = _safe_indexing(y, rows)
        groups = None if groups is None else groups[rows]
        weights = None if weights is None else weights[rows]
    with progress.around(net):
        if isinstance(net, NetClassifier):
            weighted = {} if weights is None else {"sample_weight": weights}
            return net.fit(X, y, groups=groups, **weighted)
        with own_generators(net.device, int(seed)), interrupts_raised():
            net.fit(X, y)
    check_trained(net)
    return net


def copied(net):
    """Copy a fitted net."""
    # skorch's own way to copy a net is to pickle it, which classes defined in a
    # function or a notebook are not made for.
    new = object.__new__(type(net))
    memo = {id(net): new}
    new.__dict__.update(copy.deepcopy(net.__dict__, memo))
    return new
