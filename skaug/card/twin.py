"""The plain twin: the same estimator, trained as long, without augmentation.

Whether augmentation helped is a question about two trainings that differ in nothing
else. ``plain_twin`` makes the second one of whatever has been fitted: a network, a
pipeline, a search.
"""

import numpy as np
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import _routing_enabled, get_routing_for_object
from skorch import NeuralNet

from skaug.hard_regions.counts import rows_added
from skaug.hard_regions.resample import ResampledClassifier, is_search, takes_groups
from skaug.ihda.finetuner import IHDAFinetuner
from skaug.influence.augmenter import InfluenceAugmenter
from skaug.isda.classifier import ISDAClassifier
from skaug.net.classifier import NetClassifier
from skaug.refined.callback import BatchAugmentation

__all__ = ["fit_with_groups", "plain_twin", "plain_twin_and_changes"]


def plain_twin(estimator):
    """Make the plain twin of a fitted estimator, to be fitted on the same rows.

    =============================  =====================================================
    part of the estimator          its twin
    =============================  =====================================================
    ISDAClassifier                 ``strength=0``
    IHDAFinetuner                  ``control="real"``: the same levels and steps on real
                                   rows; its estimator is made plain as well, unless it
                                   was trained before
    BatchAugmentation              left out of the net's callbacks
    InfluenceAugmenter, sampler    ``"passthrough"`` in its place in a pipeline
    ResampledClassifier            its estimator, on the rows as they are
    search                         the estimator that it chose
    =============================  =====================================================

    A network that came after an over-sampler has seen more rows in an epoch; its twin
    has as many more epochs, to be trained as long. This needs to know both numbers of
    rows: from a HardRegionSampler, or from one that only adds rows and the history of
    the network after it. Where they are not known, as behind samplers that take rows
    away or within a wrapper such as CalibratedClassifierCV, the epochs stay as they
    are, and the card of :func:`report` says so.

    A FrozenEstimator is made plain as what it holds, unless it is within a wrapper.
    Ensembles of several estimators, such as VotingClassifier, are not looked into.

    Parameters
    ----------
    estimator : estimator
        A fitted one, such as a :class:`NetClassifier`, a Pipeline or a GridSearchCV.
        It is not changed.

    Returns
    -------
    twin : estimator
        Not fitted. The parameters are those of `estimator` otherwise, also those that
        a search chose for training with augmentation.

    Raises
    ------
    ValueError
        If there is no augmentation in it that is known here.

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
    if not changes:
        raise ValueError(
            "plain_twin needs an estimator with augmentation that it knows; got "
            f"{type(estimator).__name__}. Make its twin by hand."
        )
    return twin


def plain_twin_and_changes(estimator):
    """The twin, and what makes it one in words; none where nothing is augmented."""
    changes = []
    return _plain(estimator, changes), changes


def _plain(estimator, changes):
    if hasattr(estimator, "best_estimator_"):
        return _plain(estimator.best_estimator_, changes)
    if isinstance(estimator, Pipeline):
        return _plain_pipeline(estimator, changes)
    if isinstance(estimator, FrozenEstimator):
        return _plain_frozen(estimator, changes)
    if isinstance(estimator, ResampledClassifier):
        # Within a wrapper it is not fitted itself.
        sampler = getattr(estimator, "sampler_", estimator.sampler)
        fitted = getattr(estimator, "estimator_", estimator.estimator)
        changes.append(f"without {type(sampler).__name__}")
        return _trained_as_long(_plain(fitted, changes), [sampler], fitted, changes)
    if isinstance(estimator, IHDAFinetuner):
        return _plain_finetuner(estimator, changes)
    twin = clone(estimator)
    if isinstance(estimator, ISDAClassifier) and estimator.strength:
        changes.append(f"strength=0 in place of {estimator.strength:g}")
        twin.set_params(strength=0)
    if isinstance(estimator, NeuralNet) and isinstance(estimator.callbacks, list):
        kept = [one for one in twin.callbacks if not _augments(one)]
        if len(kept) < len(twin.callbacks):
            changes.append("without BatchAugmentation")
            twin.set_params(callbacks=kept)
    # Wrappers such as CalibratedClassifierCV. A search that is not fitted would choose
    # anew, perhaps augmentation; what is frozen was trained on other rows.
    inner = estimator.get_params(deep=False).get("estimator")
    is_frozen = isinstance(inner, FrozenEstimator)
    is_frozen |= isinstance(getattr(estimator, "cv", None), str)  # "prefit"
    if hasattr(inner, "fit") and not is_search(estimator) and not is_frozen:
        twin.set_params(estimator=_plain(inner, changes))
    return twin


def _plain_frozen(frozen, changes):
    """What is augmented is to be trained again, all else stays as it is."""
    of_inner = []
    twin = _plain(frozen.estimator, of_inner)
    changes.extend(of_inner)
    return twin if of_inner else frozen


def _plain_pipeline(pipeline, changes):
    steps, samplers = [], []
    for name, step in pipeline.steps:
        if isinstance(step, InfluenceAugmenter) or hasattr(step, "fit_resample"):
            changes.append(f"without {type(step).__name__}")
            samplers.append(step)
            steps.append((name, "passthrough"))
        elif hasattr(step, "fit"):
            steps.append((name, _plain(step, changes)))
        else:
            steps.append((name, step))
    twin = clone(pipeline).set_params(steps=steps)
    samplers = [one for one in samplers if hasattr(one, "fit_resample")]
    return _trained_as_long(twin, samplers, pipeline.steps[-1][1], changes)


def _plain_finetuner(finetuner, changes):
    twin = clone(finetuner)
    if finetuner.control is None and finetuner.synthetic_share:
        changes.append("control='real', no samples in fine-tuning")
        twin.set_params(control="real")
    trained = finetuner.prefit or isinstance(finetuner.estimator, FrozenEstimator)
    if trained:  # a clone would have lost its training; the finetuner copies it
        twin.set_params(estimator=finetuner.estimator)
    else:  # its default by name, so that the epochs can be changed
        given = finetuner.estimator
        net = NetClassifier() if given is None else given
        twin.set_params(estimator=_plain(net, changes))
    return twin


def _augments(callback):
    callback = callback[1] if isinstance(callback, tuple) else callback
    return isinstance(callback, BatchAugmentation)


def _trained_as_long(twin, samplers, fitted, changes):
    """As many steps for a network, which took more of them with more rows."""
    params = twin.get_params()
    epochs = {
        name: value
        for name, value in params.items()
        if name.split("__")[-1] == "max_epochs"
        # Trained before, on other rows.
        and not params.get(name.removesuffix("estimator__max_epochs") + "prefit")
    }
    if not samplers or not epochs:
        return twin
    growth = _growth(samplers, fitted)
    if growth is None:
        names = " and ".join(type(sampler).__name__ for sampler in samplers)
        changes.append(f"epochs as they were, the rows before {names} are not known")
        return twin
    epochs = {
        name: round(value * growth)
        for name, value in epochs.items()
        if round(value * growth) > value
    }
    changes.extend(f"{name}={value}" for name, value in epochs.items())
    return twin.set_params(**epochs)


def _growth(samplers, fitted):
    """Rows after the samplers for each row before; None where that is not known."""
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
    if isinstance(fitted, IHDAFinetuner):
        whole = fitted.validation is None
        return _rows_of_epoch(getattr(fitted, "estimator_", None)) if whole else None
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
    """Fit, handing groups to the last step where it is of use.

    Parameters
    ----------
    estimator : estimator
        What is fitted, in place.
    X, y : array-like
        Rows and labels.
    groups : array-like of shape (n,), default=None
        Their groups, for what is held out by the estimator itself.

    Returns
    -------
    estimator : estimator
        The same, fitted.
    """
    params = {}
    is_pipeline = isinstance(estimator, Pipeline)
    name, last = estimator.steps[-1] if is_pipeline else ("", estimator)
    if groups is not None and _routing_enabled():
        consumed = get_routing_for_object(estimator).consumes("fit", ["groups"])
        params = dict.fromkeys(consumed, groups)
    elif groups is not None and takes_groups(last):
        params = {f"{name}__groups" if is_pipeline else "groups": groups}
    return estimator.fit(X, y, **params)
