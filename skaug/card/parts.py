"""Take a fitted estimator apart: its parts, their parameters and their tables."""

import inspect
import re
from dataclasses import dataclass

import numpy as np
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils import Bunch, _safe_indexing
from sklearn.utils.validation import check_is_fitted
from skorch import NeuralNet

from skaug.card.methods import card_of

__all__ = [
    "Part",
    "augmentation_tables",
    "changed_parameters",
    "fitted_parts",
    "unseen_parts",
]

# Longest value that is written out.
LONGEST = 160


@dataclass(frozen=True, eq=False)
class Part:
    """A fitted part of an estimator, with what comes before it."""

    object: object  # an estimator, a sampler, or a callback of a net
    before: tuple = ()  # fitted transformers that rows go through before the part
    net: object = None  # of a callback: the net that called it

    def some_rows(self, X, y, most):
        """Return some rows, evenly spread, as they reach this part, and labels."""
        taken = np.unique(np.linspace(0, len(y) - 1, min(len(y), most)).astype(int))
        # Rows are taken first: Frames would otherwise copy all of them.
        rows = _safe_indexing(X, taken)
        if not hasattr(rows, "iloc") and not hasattr(rows, "toarray"):
            rows = np.asarray(rows)
        for transformer in self.before:
            rows = transformer.transform(rows)
        return rows, y[taken]


def fitted_parts(estimator, before=()):
    """Take a fitted estimator apart.

    Parameters
    ----------
    estimator : estimator
        A fitted one.
    before : sequence of transformer, default=()
        The fitted transformers that rows go through before they reach the estimator.

    Yields
    ------
    part : Part
        Whatever holds other parts comes before them.
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
    yield Part(estimator, before)
    for held in _held(estimator).values():
        yield from fitted_parts(held, before)
    if isinstance(estimator, NeuralNet):
        for _, callback in getattr(estimator, "callbacks_", []):
            if card_of(callback) is not None:
                yield Part(callback, before, estimator)


def _held(estimator):
    """Fitted estimators that get the rows of the given one, by name of attribute."""
    if hasattr(estimator, "estimators_"):
        return {}  # The attributes below are what an ensemble makes its members from.
    held = {
        name: getattr(estimator, name)
        for name in ("best_estimator_", "sampler_", "estimator_")
        if hasattr(estimator, name)
    }
    # The net within a transformer, such as InfluenceAugmenter, predicts nothing.
    if not hasattr(estimator, "predict"):
        held.pop("estimator_", None)
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
    """Names of ensembles and wrappers, inside which :func:`fitted_parts` is blind."""
    names = []
    for part in fitted_parts(estimator):
        several = isinstance(getattr(part.object, "estimators", None), list)
        inner = getattr(part.object, "estimator", None)
        frozen = isinstance(inner, FrozenEstimator) and not _held(part.object)
        if several or frozen:
            names.append(type(part.object).__name__)
    return list(dict.fromkeys(names))


def augmentation_tables(estimator):
    """Tables on what was augmented, told by every part of a fitted estimator."""
    parts = [(part, card_of(part.object)) for part in fitted_parts(estimator)]
    return [
        table for part, card in parts if card is not None for table in card.tables(part)
    ]


def changed_parameters(estimator):
    """Records of ``part``, ``parameter``, ``value`` that are not the default."""
    records = []
    for part in fitted_parts(estimator):
        if part.net is not None:
            continue  # A callback is among the parameters of its net.
        name = type(part.object).__name__
        changed = _changed(part.object) or {"": "defaults"}
        records += [Bunch(part=name, parameter=k, value=v) for k, v in changed.items()]
    return records


def _changed(estimator):
    """Parameters that are not the default, in words; parts have a list of their own.

    The defaults are collected from all base classes, because skorch's nets hand most of
    their parameters on to the base class.
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


def _has_parameters(value):
    """Whether get_params is scikit-learn's; torchvision's draws what a call needs."""
    get_params = getattr(value, "get_params", None)
    return get_params and "deep" in inspect.signature(get_params).parameters


def _in_words(value):
    """A value in words, without addresses, which would differ from run to run."""
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
    if _has_parameters(value):
        changed = ", ".join(f"{k}={v}" for k, v in _changed(value).items())
        return f"{type(value).__name__}({changed})"
    words = re.sub(r"<(?:\w+\.)*(\w+) object at 0x\w+>", r"\1", repr(value))
    return _cut(re.sub(r" at 0x[0-9a-fA-F]+", "", words))
