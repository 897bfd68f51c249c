"""What a fitted estimator tells of itself and of its augmentation, as tables.

An estimator may hold others: a search the one that it chose, a pipeline its steps, a
network its callbacks. They are taken apart, and whatever augmented has its own tables,
lists of records with one key for each column.
"""

import inspect
import math
import re

import numpy as np
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils import Bunch
from sklearn.utils.validation import check_is_fitted
from skorch import NeuralNet

from skaug.hard_regions.counts import rows_added
from skaug.hard_regions.sampler import HardRegionSampler
from skaug.ihda.finetuner import IHDAFinetuner
from skaug.influence.augmenter import InfluenceAugmenter
from skaug.isda.classifier import ISDAClassifier
from skaug.refined.callback import BatchAugmentation
from skaug.transforms.calling import name_of

__all__ = ["augmentation_tables", "changed_parameters", "fitted_parts", "unseen_parts"]

# Longest value that is written out.
LONGEST = 160


def fitted_parts(estimator, before=()):
    """Take a fitted estimator apart.

    Parameters
    ----------
    estimator : estimator
        A fitted one.
    before : sequence of transformer, default=()
        What rows go through before they come to it.

    Yields
    ------
    part : Bunch
        ``object``, what holds others before what it holds, and ``before``, the fitted
        transformers that rows go through first.
    """
    if isinstance(estimator, FrozenEstimator):
        yield from fitted_parts(estimator.estimator, before)
        return
    if isinstance(estimator, Pipeline):
        for _, step in estimator.steps:
            if hasattr(step, "fit"):
                yield from fitted_parts(step, before)
            if hasattr(step, "transform"):
                before = (*before, step)
        return
    yield Bunch(object=estimator, before=before)
    for held in _held(estimator).values():
        yield from fitted_parts(held, before)
    if isinstance(estimator, NeuralNet):
        for _, callback in getattr(estimator, "callbacks_", []):
            if isinstance(callback, BatchAugmentation):
                yield Bunch(object=callback, before=before, net=estimator)


def _held(estimator):
    """Fitted estimators that rows go on to, by attribute.

    The network of an InfluenceAugmenter predicts nothing in a pipeline, and what an
    ensemble has under these names is what it makes its members from.
    """
    if isinstance(estimator, InfluenceAugmenter) or hasattr(estimator, "estimators_"):
        return {}
    names = ("best_estimator_", "sampler_", "estimator_")
    held = {
        name: getattr(estimator, name) for name in names if hasattr(estimator, name)
    }
    return {
        name: one for name, one in held.items() if name == "sampler_" or _is_fitted(one)
    }


def _is_fitted(estimator):
    try:
        check_is_fitted(estimator)
    except NotFittedError:
        return False
    return True


def unseen_parts(estimator):
    """Names of the parts that hold others which :func:`fitted_parts` does not give.

    Parameters
    ----------
    estimator : estimator
        A fitted one.

    Returns
    -------
    names : list of str
        Ensembles of several estimators, such as VotingClassifier, and wrappers of a
        frozen one.
    """
    names = []
    for part in fitted_parts(estimator):
        several = isinstance(getattr(part.object, "estimators", None), list)
        inner = getattr(part.object, "estimator", None)
        frozen = isinstance(inner, FrozenEstimator) and not _held(part.object)
        if several or frozen:
            names.append(type(part.object).__name__)
    return list(dict.fromkeys(names))


def augmentation_tables(estimator):
    """What was augmented, for every part of a fitted estimator that did.

    Parameters
    ----------
    estimator : estimator
        A fitted one.

    Returns
    -------
    tables : list of Bunch
        ``title``, ``records``, a list of Bunch ready for ``pandas.DataFrame``, and
        ``note``, a sentence on it.
    """
    tables = []
    for part in fitted_parts(estimator):
        for kind, of_kind in TABLES.items():
            if isinstance(part.object, kind):
                tables += of_kind(part)
                break
        else:
            if hasattr(part.object, "fit_resample"):
                tables += _of_other_sampler(part)
    return tables


def _table(title, records, note=""):
    return Bunch(title=title, records=[Bunch(**row) for row in records], note=note)


def _of_isda(part):
    net = part.object
    statistics = net.class_covariance_
    note = (
        f"Strength {net.strength:g} by the schedule {net.schedule!r}, on the "
        f"{statistics.n_features} features before the layer {net.classifier_layer_!r}; "
        f"covariance {statistics.kind!r}. Rows are counted once in every epoch."
    )
    if not net.strength:
        note = "Strength 0: nothing was augmented."
    records = []
    if net.strength and statistics.kind != "identity":
        variances = _variances(statistics)
        names = net.classes_.tolist() if len(variances) > 1 else ["all classes"]
        records = [
            {"class": name, "rows_seen": count, "standard_deviation": math.sqrt(v)}
            for name, count, v in zip(names, statistics.count.tolist(), variances)
        ]
    return [_table("ISDA: features moved by class covariances", records, note)]


def _variances(statistics):
    """Mean variance of a feature within each class."""
    if statistics.kind in ("full", "shared"):
        diagonal = statistics.covariance.diagonal(dim1=-2, dim2=-1)
    elif statistics.kind == "diagonal":
        diagonal = statistics.variance
    else:
        diagonal = statistics.factor.square().sum(dim=-1) + statistics.remainder
    return diagonal.mean(dim=-1).clamp(min=0).tolist()


def _of_ihda(part):
    finetuner = part.object
    names = ("level", "skipped", "radius", "hard_share", "steps")
    losses = ("loss_before", "loss_after", "accepted")
    levels = [
        {
            **{name: record[name] for name in names},
            "sources": sum(record.n_sources.values()),
            "samples": sum(record.n_samples.values()),
            **{name: record[name] for name in losses},
        }
        for record in finetuner.levels_
    ]
    note = "Losses are on the real training rows. Radius and hard share are there "
    note += "where sources are chosen by potential."
    tables = [_table("IHDA: levels of the network, in order", levels, note)]
    augmented = [record for record in finetuner.levels_ if record.n_samples]
    if augmented:
        by_class = [
            {"class": c, **{f"at {r.level}": r.n_samples[c] for r in augmented}}
            for c in finetuner.classes_.tolist()
        ]
        tables.append(_table("IHDA: samples made of each class", by_class))
    return tables


def _of_sampler(part):
    sampler = part.object
    codes = sampler._codes
    n_classes = len(sampler.classes_)
    made = getattr(sampler, "is_synthetic_", np.zeros(0, dtype=bool))
    from_class = np.zeros(0, dtype=int)
    if made.any():
        from_class = codes[sampler.source_index_[made]]
    counts = {
        "rows": codes,
        "hard": codes[sampler.hard_indices_],
        "noisy": codes[sampler.noisy_],
        "new_rows": from_class,
    }
    counts = {k: np.bincount(v, minlength=n_classes) for k, v in counts.items()}
    records = [
        {"class": label, **{name: int(of[i]) for name, of in counts.items()}}
        for i, label in enumerate(sampler.classes_.tolist())
    ]
    note = (
        f"Hard is what has positive potential within radius {sampler.radius_:.3g} "
        f"({sampler.metric}), noisy what has no neighbour of its own class."
    )
    return [_table("Hard regions: training rows, and rows made", records, note)]


def _of_other_sampler(part):
    name = type(part.object).__name__
    made = rows_added(part.object)
    if made is None:
        note = "It keeps no counts of what it added or took away."
        return [_table(f"{name}: rows resampled", [], note)]
    records = [{"class": label, "new_rows": n} for label, n in made.items()]
    return [_table(f"{name}: rows made", records)]


def _of_augmenter(part):
    augmenter = part.object
    if augmenter.method == "policy":
        note = "Mean cosine to the validation gradient, over networks; weight is the "
        note += "share of draws. One view of each training row."
        return [_table("Transforms by influence", augmenter.policy_, note)]
    accepted = "accepted" if augmenter.accepted_ else "not accepted: baseline alone"
    loss = getattr(augmenter, "held_out_loss_", None)
    records = [] if loss is None else [loss]
    return [_table("Augmentation network", records, f"It was {accepted}.")]


def _of_callback(part):
    callback, net = part.object, part.net
    # By the callback's own rule: what the history says is of all callbacks together.
    first, switch = (
        getattr(net, "first_epoch_", 0),
        net.max_epochs - callback.refine_epochs,
    )
    refining = [(i - first) % net.max_epochs >= switch for i in range(len(net.history))]
    transforms = {"augmented": callback.transform, "clean": callback.refine_transform}
    records = []
    for phase, transform in transforms.items():
        epochs = [
            number
            for number, refines in enumerate(refining, 1)
            if refines == (phase == "clean")
        ]
        if epochs:
            records.append(
                {
                    "phase": phase,
                    "first_epoch": epochs[0],
                    "last_epoch": epochs[-1],
                    "transform": "none" if transform is None else name_of(transform),
                }
            )
    note = f"{callback.probability:.0%} of the batches of augmented epochs."
    return [_table("Batches augmented in training", records, note)]


def changed_parameters(estimator):
    """Parameters that differ from their defaults, by part.

    Parameters
    ----------
    estimator : estimator
        Any.

    Returns
    -------
    records : list of Bunch
        ``part``, ``parameter`` and ``value``; parts that have none have one record with
        empty text for both.
    """
    records = []
    for part in fitted_parts(estimator):
        if isinstance(part.object, BatchAugmentation):
            continue  # among the parameters of its net
        name = type(part.object).__name__
        changed = _changed(part.object) or {"": "defaults"}
        records += [Bunch(part=name, parameter=k, value=v) for k, v in changed.items()]
    return records


def _changed(estimator):
    """Parameters that are not the default, in words; what is a part itself has its own.

    scikit-learn looks at the signature alone; skorch's nets hand most of theirs on.
    """
    parts = {name.removesuffix("_") for name in _held(estimator)}
    if "best_estimator" in parts:
        parts.add("estimator")
    defaults = {}
    for of_class in reversed(type(estimator).__mro__):
        if "__init__" in vars(of_class):
            signature = inspect.signature(of_class.__init__).parameters
            defaults |= {name: _in_words(p.default) for name, p in signature.items()}
    values = {
        name: _in_words(value)
        for name, value in estimator.get_params(deep=False).items()
        if name not in parts
    }
    return {k: _cut(v) for k, v in values.items() if v != defaults.get(k)}


def _cut(words):
    return words if len(words) <= LONGEST else words[: LONGEST - 4] + " ..."


def _in_words(value):
    """A value without addresses, which differ from run to run."""
    if inspect.isclass(value) or inspect.isroutine(value):
        return value.__name__
    if isinstance(value, (list, tuple)):
        ends = "[]" if isinstance(value, list) else "()"
        return ends[0] + ", ".join(map(_in_words, value)) + ends[1]
    if isinstance(value, (set, frozenset)):
        return f"{{{', '.join(sorted(map(_in_words, value)))}}}"
    if isinstance(value, dict):
        items = (f"{_in_words(k)}: {_in_words(v)}" for k, v in value.items())
        return f"{{{', '.join(items)}}}"
    if hasattr(value, "get_params"):
        changed = ", ".join(f"{k}={v}" for k, v in _changed(value).items())
        return f"{type(value).__name__}({changed})"
    words = re.sub(r"<(?:\w+\.)*(\w+) object at 0x\w+>", r"\1", repr(value))
    return _cut(re.sub(r" at 0x[0-9a-fA-F]+", "", words))


TABLES = {
    ISDAClassifier: _of_isda,
    IHDAFinetuner: _of_ihda,
    HardRegionSampler: _of_sampler,
    InfluenceAugmenter: _of_augmenter,
    BatchAugmentation: _of_callback,
}
