"""The plain twin: the same estimator, trained as long, without augmentation.

The card of a class tells what a method becomes in the twin, see ``card/methods.py``.
"""

import numpy as np
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import _routing_enabled, get_routing_for_object
from skorch import NeuralNet

from skaug.card.methods import card_of, is_search, rows_added, takes_groups

__all__ = ["fit_with_groups", "plain_twin", "plain_twin_and_changes"]


def plain_twin(estimator):
    """Make the plain twin of a fitted estimator, to be fitted on the same rows.

    =============================  =====================================================
    part of the estimator          what it becomes in the twin
    =============================  =====================================================
    ISDAClassifier,                ``strength=0``
    ISDALogisticRegression
    IHDAFinetuner                  ``synthetic_share=0``: the same levels and steps on
                                   real rows, with the rates and the rest that
                                   validation chose; its estimator is made plain as
                                   well, unless it is frozen
    BatchAugmentation              left out of the net's callbacks
    InfluenceAugmenter, sampler    ``"passthrough"`` in its place in a pipeline; of an
                                   InfluenceAugmenter by itself, its ``estimator_``
                                   without the augmentation
    ResampledClassifier            its estimator, on the rows as they are
    search                         the estimator that it chose
    =============================  =====================================================

    A network that came after an over-sampler has seen more rows in an epoch. Its twin
    has as many more epochs, to be trained as long. For that, both numbers of rows must
    be known. A HardRegionSampler tells both; a sampler that only adds rows tells how
    many, and the history of the network after it tells the sum. Where the numbers are
    not known, as behind samplers that take rows away or within a wrapper such as
    CalibratedClassifierCV, the twin has the same epochs, and the card of
    :func:`report` says so.

    A FrozenEstimator is replaced by the twin of what it holds, unless it is within a
    wrapper. Ensembles of several estimators, such as VotingClassifier, are not looked
    into.

    Parameters
    ----------
    estimator : estimator
        A fitted one, such as a :class:`NetClassifier`, a Pipeline or a GridSearchCV.
        It is not changed.

    Returns
    -------
    twin : estimator
        Not fitted. All other parameters are those of `estimator`, also those that a
        search chose for training with augmentation.

    Raises
    ------
    ValueError
        If no part of `estimator` is known to augment.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skaug import ISDAClassifier, plain_twin
    >>> X, y = load_iris(return_X_y=True)
    >>> net = ISDAClassifier(strength=2, max_epochs=5, random_state=0).fit(X, y)
    >>> plain_twin(net).strength
    0
    """
    twin, changes = plain_twin_and_changes(estimator)
    if twin is None or not changes:
        raise ValueError(
            "plain_twin needs an estimator with augmentation that it knows; got "
            f"{type(estimator).__name__}. Make its twin by hand."
        )
    return twin


def plain_twin_and_changes(estimator):
    """The twin, and in words what was changed; no words if nothing is augmented."""
    changes = []
    twin = _plain(estimator, changes)
    if twin is None and hasattr(estimator, "estimator_"):
        # An augmenter by itself, which has trained a network in the end.
        twin = _plain(estimator.estimator_, changes)
    return twin, changes


def _plain(estimator, changes):
    """The twin, or None where the estimator is left out; appends to the changes."""
    if hasattr(estimator, "best_estimator_"):
        return _plain(estimator.best_estimator_, changes)
    if isinstance(estimator, Pipeline):
        return _plain_pipeline(estimator, changes)
    if isinstance(estimator, FrozenEstimator):
        return _plain_frozen(estimator, changes)
    twin = _by_its_card(estimator, changes)
    if twin is None:
        return None
    if any(twin is held for held in vars(estimator).values()):
        # What a ResampledClassifier holds takes its place.
        sampler = getattr(estimator, "sampler_", getattr(estimator, "sampler", None))
        samplers = [] if sampler is None else [sampler]
        return _trained_as_long(_plain(twin, changes), samplers, twin, changes)
    if isinstance(estimator, NeuralNet) and isinstance(estimator.callbacks, list):
        kept = _plain_callbacks(twin.callbacks, changes)
        if kept != twin.callbacks:
            twin.set_params(callbacks=kept)
            # By itself, "auto" would be shorter without augmentation.
            if twin.max_epochs == "auto" and hasattr(estimator, "n_epochs_"):
                twin.set_params(max_epochs=estimator.n_epochs_)
    # Finetuners, and wrappers such as CalibratedClassifierCV. A search that is not
    # fitted would choose anew, perhaps augmentation, and a frozen estimator was trained
    # on other rows.
    inner = estimator.get_params(deep=False).get("estimator")
    is_frozen = isinstance(inner, FrozenEstimator)
    is_frozen |= isinstance(getattr(estimator, "cv", None), str)  # "prefit"
    if hasattr(inner, "fit") and not is_search(estimator) and not is_frozen:
        twin.set_params(estimator=_plain(inner, changes))
    return twin


def _by_its_card(estimator, changes):
    """What an estimator or a callback becomes by itself; a copy if it has no card."""
    card = card_of(estimator)
    if card is None:
        return clone(estimator)
    twin, change = card.plain(estimator)
    changes.extend([change] if change and change not in changes else [])
    return twin


def _plain_callbacks(callbacks, changes):
    kept = []
    for entry in callbacks:
        name, callback = entry if isinstance(entry, tuple) else ("", entry)
        if card_of(callback) is not None:
            callback = _by_its_card(callback, changes)
            entry = (name, callback) if name else callback
        if callback is not None:
            kept.append(entry)
    return kept


def _plain_frozen(frozen, changes):
    """What is augmented is to be trained again; all else stays frozen."""
    of_inner = []
    twin = _plain(frozen.estimator, of_inner)
    changes.extend(of_inner)
    return twin if of_inner else frozen


def _plain_pipeline(pipeline, changes):
    steps = []
    for name, step in pipeline.steps:
        if step is not None and not isinstance(step, str):
            step = _plain(step, changes)
            step = "passthrough" if step is None else step
        steps.append((name, step))
    twin = clone(pipeline).set_params(steps=steps)
    samplers = [step for _, step in pipeline.steps if hasattr(step, "fit_resample")]
    return _trained_as_long(twin, samplers, pipeline.steps[-1][1], changes)


def _trained_as_long(twin, samplers, fitted, changes):
    """Give the twin's network the steps that it took with the rows of the samplers."""
    epochs = {
        name: _epochs_of(fitted, value)
        for name, value in twin.get_params().items()
        if name.split("__")[-1] == "max_epochs"
    }
    if not samplers or not epochs:
        return twin
    growth = _growth(samplers, fitted)
    if growth is None:
        names = " and ".join(type(sampler).__name__ for sampler in samplers)
        changes.append(f"the same epochs: the rows before {names} are not known")
        return twin
    epochs = {
        name: round(value * growth)
        for name, value in epochs.items()
        if round(value * growth) > value
    }
    changes.extend(f"{name}={value}" for name, value in epochs.items())
    return twin.set_params(**epochs)


def _epochs_of(fitted, max_epochs):
    """Epochs of a fitted net, or of the net in a fitted estimator, given max_epochs."""
    net = getattr(fitted, "estimator_", fitted)
    return net.n_epochs_ if max_epochs == "auto" else max_epochs


def _growth(samplers, fitted):
    """Rows after the samplers for each row before; None if that is not known."""
    first, last = (getattr(samplers[i], "is_synthetic_", None) for i in (0, -1))
    after = _rows_of_epoch(fitted) if last is None else len(last)
    if first is not None:
        before = np.sum(~first)
    else:
        added = [rows_added(sampler) for sampler in samplers]
        if after is None or None in added:
            return None
        before = after - sum(sum(numbers.values()) for numbers in added)
    return None if after is None else after / before


def _rows_of_epoch(fitted):
    """Rows that a network was fitted on, with those that it held out; None if unknown.

    skorch writes the size of each batch into the history.
    """
    if isinstance(fitted, Pipeline):
        resampled = any(hasattr(step, "fit_resample") for _, step in fitted.steps)
        return None if resampled else _rows_of_epoch(fitted.steps[-1][1])
    if hasattr(fitted, "best_estimator_"):
        return _rows_of_epoch(fitted.best_estimator_)
    if getattr(fitted, "validation", 0) in (None, "shrink"):
        # A finetuner that held nothing out trained its network on all rows.
        return _rows_of_epoch(getattr(fitted, "estimator_", None))
    if not isinstance(fitted, NeuralNet) or not fitted.history:
        return None
    if fitted.train_split and not hasattr(fitted.train_split, "cv"):
        return None  # perhaps other rows
    sizes = [
        batch.get("train_batch_size", 0) + batch.get("valid_batch_size", 0)
        for batch in fitted.history[0].get("batches", [])
    ]
    return sum(sizes) or None


def fit_with_groups(estimator, X, y, groups=None):
    """Fit an estimator, and give groups to its last step if that step can use them."""
    params = {}
    is_pipeline = isinstance(estimator, Pipeline)
    name, last = estimator.steps[-1] if is_pipeline else ("", estimator)
    if groups is not None and _routing_enabled():
        consumed = get_routing_for_object(estimator).consumes("fit", ["groups"])
        params = dict.fromkeys(consumed, groups)
    elif groups is not None and takes_groups(last):
        params = {f"{name}__groups" if is_pipeline else "groups": groups}
    return estimator.fit(X, y, **params)
