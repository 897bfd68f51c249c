"""Call a transform of the user's and check what the transform returns.

:func:`call` has the checks for every transform, and :func:`apply` adds those for
transforms that have to keep shape and labels.
"""

import inspect
from functools import cache, partial

import torch
from sklearn.base import BaseEstimator
from torch import nn

from skaug._checks import Rule, is_function

__all__ = [
    "FUNCTION",
    "apply",
    "call",
    "check_is_finite",
    "check_is_for_images",
    "how_to_call",
    "is_torchvisions",
    "name_of",
    "parts_of",
]

# Names under which a second argument with a default is taken for the labels.
LABELS = ("y", "target", "targets", "label", "labels")
# Arguments that a caller may offer to transforms that mix labels.
FOR_MIXING = ("module", "n_classes")
# What is offered to all: how far a transform is to be weakened, from 0 to 1.
OFFERED = (*FOR_MIXING, "progress")

FUNCTION = Rule(
    is_function,
    "a function of a batch",
    "Give one, or an object such as TableMixup().",
)


def how_to_call(transform):
    """Whether a transform takes labels, and which of the offered arguments."""
    transform = getattr(transform, "called_like", transform)
    if isinstance(transform, BaseEstimator):  # asked for many small groups of rows
        return _how_to_call_objects_of(type(transform))
    # All modules have the same __call__.
    function = transform.forward if isinstance(transform, nn.Module) else transform
    return _read_signature(function)


@cache
def _how_to_call_objects_of(kind):
    return _read_signature(partial(kind.__call__, None))  # None stands for self


def _read_signature(function):
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:  # built in
        return False, ()
    wanted = tuple(p.name for p in parameters if p.name in OFFERED)
    if any(p.kind == p.VAR_POSITIONAL for p in parameters):
        return True, wanted
    by_place = [
        p
        for p in parameters
        if p.name not in wanted
        and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]
    with_labels = len(by_place) > 1 and (
        by_place[1].default is inspect.Parameter.empty or by_place[1].name in LABELS
    )
    return with_labels, wanted


def name_of(transform):
    """Return the name of a transform for messages and tables."""
    return getattr(transform, "__name__", type(transform).__name__)


def is_torchvisions(transform):
    """Whether a transform is one of torchvision's own."""
    return type(transform).__module__.startswith("torchvision.")


def parts_of(transform):
    """Transforms that a transform is made of; none of a simple one."""
    if isinstance(transform, nn.Sequential):
        return list(transform)
    inside = getattr(transform, "transforms", None)
    if isinstance(inside, (list, tuple, nn.ModuleList)):
        return list(inside)
    inside = getattr(transform, "transform", None)
    return [inside] if callable(inside) and isinstance(transform, BaseEstimator) else []


def check_is_for_images(transform, X, name):
    """Refuse one of torchvision's transforms for a batch of anything but images."""
    # Some of them would take the last axes of any tensor for height and width.
    if is_torchvisions(transform) and X.ndim != 4:
        raise ValueError(
            f"{name} needs images of shape (n, channels, height, width) for "
            f"torchvision's {type(transform).__name__}; got batches of shape "
            f"{tuple(X.shape)}. TableMixup, ManifoldMixup and those of "
            "skaug.transforms take tables or signals."
        )


def check_is_finite(X, transform, name):
    """Refuse rows with NaN or infinity, which a transform has returned."""
    if not torch.isfinite(X).all():
        raise ValueError(
            f"{name} needs a transform that returns finite numbers; got NaN or "
            f"infinity from {name_of(transform)}. Look for a division by 0 or a "
            "logarithm in it."
        )


def call(transform, X, y=None, *, name, **offered):
    """Return a transformed batch and its targets, which a transform may change."""
    what = name_of(transform)
    check_is_for_images(transform, X, name)
    with_labels, wanted = how_to_call(transform)
    arguments = (X, y) if with_labels and y is not None else (X,)
    keywords = {key: offered[key] for key in wanted if key in offered}
    try:
        result = transform(*arguments, **keywords)
    except Exception as error:
        # A caller who keeps the labels does not offer these.
        if any(key in wanted and key not in offered for key in FOR_MIXING):
            raise ValueError(_changes_labels(name, what)) from error
        raise ValueError(
            f"{name} needs a transform that takes batches of shape {tuple(X.shape)}; "
            f"got {type(error).__name__} from {what}: {error}"
        ) from error
    pair = isinstance(result, (tuple, list)) and len(result) == 2
    new_X, new_y = result if pair else (result, y)
    if not isinstance(new_X, torch.Tensor):
        raise TypeError(
            f"{name} needs a transform that returns a tensor X, or X and y; got a "
            f"{type(new_X).__name__} from {what}. Convert it with torch.as_tensor."
        )
    if X.is_floating_point() != new_X.is_floating_point():
        raise ValueError(
            f"{name} needs a transform that keeps rows {X.dtype}; got {new_X.dtype} "
            f"from {what}. Convert and scale them back at its end."
        )
    return new_X.to(X.dtype), new_y


def apply(transform, X, y=None, chosen=slice(None), *, name):
    """Return the chosen rows of a batch transformed; shape and labels have to stay."""
    what = name_of(transform)
    # A transform with a true whole_batch sees the rows that are not chosen as well.
    whole = getattr(transform, "whole_batch", False)
    if y is None and whole:
        raise ValueError(f"{name} needs labels for {what}; got none. Give y.")
    seen = slice(None) if whole else chosen
    # A slice is a view, and a transform may work in place.
    seen_X = X[seen].clone() if isinstance(seen, slice) else X[seen]
    with_labels, _ = how_to_call(transform)
    seen_y = y[seen] if with_labels and y is not None else None
    new_X, new_y = call(transform, seen_X, seen_y, name=name)
    if seen_y is not None and new_y is not seen_y:
        same = torch.is_tensor(new_y) and new_y.shape == seen_y.shape
        if not same or not torch.equal(new_y, seen_y):
            raise ValueError(_changes_labels(name, what))
    if new_X.shape != seen_X.shape:
        raise ValueError(
            f"{name} needs a transform that keeps the shape {tuple(seen_X.shape)}; got "
            f"{tuple(new_X.shape)} from {what}. Crop, pad or resize inside it."
        )
    check_is_finite(new_X, transform, name)
    return new_X[chosen] if whole else new_X


def _changes_labels(name, what):
    return (
        f"{name} needs transforms that keep the labels; got {what}, which changes "
        "them. Give it a BatchAugmentation of its own."
    )
