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
from sklearn.utils.validation import has_fit_parameter
from skorch import NeuralNet

from skaug.augmenter import InfluenceAugmenter
from skaug.batch_augmentation import BatchAugmentation
from skaug.ihda import IHDAFinetuner
from skaug.isda import ISDAClassifier
from skaug.resample import ResampledClassifier

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

    A network that came after a sampler has seen more rows in an epoch; its twin has
    as many more epochs.

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
    if isinstance(estimator, ResampledClassifier):
        changes.append(f"without {type(estimator.sampler_).__name__}")
        twin = _plain(estimator.estimator_, changes)
        return _trained_as_long(twin, [estimator.sampler_], changes)
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
    # anew, perhaps augmentation.
    inner = getattr(estimator, "estimator", None)
    is_search = hasattr(estimator, "cv") and hasattr(estimator, "refit")
    if hasattr(inner, "fit") and not is_search | isinstance(estimator, FrozenEstimator):
        twin.set_params(estimator=_plain(inner, changes))
    return twin


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
    return _trained_as_long(twin, samplers, changes)


def _plain_finetuner(finetuner, changes):
    twin = clone(finetuner)
    if finetuner.control is None and finetuner.synthetic_share:
        changes.append("control='real', no samples in fine-tuning")
        twin.set_params(control="real")
    trained = finetuner.prefit or isinstance(finetuner.estimator, FrozenEstimator)
    if trained:  # a clone would have lost its training; the finetuner copies it
        twin.set_params(estimator=finetuner.estimator)
    elif finetuner.estimator is not None:
        twin.set_params(estimator=_plain(finetuner.estimator, changes))
    return twin


def _augments(callback):
    callback = callback[1] if isinstance(callback, tuple) else callback
    return isinstance(callback, BatchAugmentation)


def _trained_as_long(twin, samplers, changes):
    """As many steps for a network, which took more of them with more rows."""
    growth = np.prod([_growth(sampler) for sampler in samplers])
    if growth == 1:
        return twin
    epochs = {
        name: round(value * growth)
        for name, value in twin.get_params().items()
        if name.split("__")[-1] == "max_epochs" and round(value * growth) > value
    }
    changes.extend(f"{name}={value}" for name, value in epochs.items())
    return twin.set_params(**epochs)


def _growth(sampler):
    """Rows after resampling for each row before, where the sampler tells."""
    new = getattr(sampler, "is_synthetic_", None)
    return 1.0 if new is None else len(new) / np.sum(~new)


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
    elif groups is not None and has_fit_parameter(last, "groups"):
        params = {f"{name}__groups" if is_pipeline else "groups": groups}
    return estimator.fit(X, y, **params)
