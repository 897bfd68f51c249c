"""Call a transform of the user's and check what it returns."""

import inspect

import torch
from torch import nn

# Names under which a second argument with a default is taken for the labels.
LABELS = ("y", "target", "targets", "label", "labels")


def how_to_call(transform, keywords=()):
    """Whether a transform takes labels, and which of some keywords it has.

    Parameters
    ----------
    transform : callable
        The transform.
    keywords : collection of str, default=()
        Names of arguments that could be given.

    Returns
    -------
    with_labels : bool
        Whether to call it as ``transform(X, y)``.
    wanted : tuple of str
        Those of the keywords that its signature has.
    """
    # All modules have the same __call__.
    function = transform.forward if isinstance(transform, nn.Module) else transform
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:  # built in
        return False, ()
    wanted = tuple(p.name for p in parameters if p.name in keywords)
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
    """What to call a transform in messages and tables."""
    return getattr(transform, "__name__", type(transform).__name__)


def check_is_for_images(transform, X, name):
    """Refuse one of torchvision's transforms for a batch of anything but images.

    Some would take the last axes of any tensor for height and width.

    Parameters
    ----------
    transform : callable
        The transform.
    X : torch.Tensor
        The batch.
    name : str
        Who is asking, for the message.

    Raises
    ------
    ValueError
        If `transform` is torchvision's and X has not four axes.
    """
    if type(transform).__module__.startswith("torchvision.") and X.ndim != 4:
        raise ValueError(
            f"{name} needs images of shape (n, channels, height, width) for "
            f"torchvision's {type(transform).__name__}; got batches of shape "
            f"{tuple(X.shape)}. TableMixup, ManifoldMixup and those of "
            "skaug.transforms take tables or signals."
        )


def apply(transform, X, y=None, rows=slice(None), *, name="InfluenceAugmenter"):
    """Some rows of a batch under a transform.

    Parameters
    ----------
    transform : callable
        Function of a batch.
    X : torch.Tensor of shape (n, ...)
        The batch.
    y : torch.Tensor of shape (n,), default=None
        Its labels.
    rows : index, default=slice(None)
        Which rows are wanted.
    name : str, default="InfluenceAugmenter"
        Who is asking, for messages.

    Returns
    -------
    X : torch.Tensor of shape (n_rows, ...)
        Transformed rows.

    Raises
    ------
    ValueError
        If the transform fails, changes shape or labels, returns numbers that are not
        finite, or needs labels and there are none.
    """
    what = name_of(transform)
    whole = getattr(transform, "whole_batch", False)
    if y is None and whole:
        raise ValueError(f"{name} needs labels for {what}; got none. Give y.")
    part = slice(None) if whole else rows
    # A slice is a view, and a transform may work in place.
    part_X = X[part].clone() if isinstance(part, slice) else X[part]
    with_labels, mixes = how_to_call(transform, ("n_classes", "module"))
    arguments = (part_X,) if y is None or not with_labels else (part_X, y[part])
    check_is_for_images(transform, X, name)
    try:
        result = transform(*arguments)
    except Exception as error:
        if mixes:  # what is given to nobody who keeps the labels
            raise ValueError(_changes_labels(name, what)) from error
        raise ValueError(
            f"{name} needs transforms that take batches of shape "
            f"{tuple(part_X.shape)}; got {type(error).__name__} from {what}: {error}"
        ) from error
    if isinstance(result, (tuple, list)) and len(result) == 2:
        result, new_y = result
        if len(arguments) == 2 and new_y is not arguments[1]:
            same = torch.is_tensor(new_y) and new_y.shape == arguments[1].shape
            if not same or not torch.equal(new_y, arguments[1]):
                raise ValueError(_changes_labels(name, what))
    shape = tuple(part_X.shape)
    if not isinstance(result, torch.Tensor) or tuple(result.shape) != shape:
        got = tuple(getattr(result, "shape", ())) or type(result).__name__
        raise ValueError(
            f"{name} needs transforms that keep the shape {shape}; got "
            f"{got} from {what}. Crop, pad or resize inside it."
        )
    if not torch.isfinite(result).all():
        raise ValueError(
            f"{name} needs transforms that return finite numbers; got NaN "
            f"or infinity from {what}. Look for a division by 0 in it."
        )
    if not result.is_floating_point():
        raise ValueError(
            f"{name} needs transforms that keep rows {X.dtype}; got "
            f"{result.dtype} from {what}. Convert and scale them back at its end."
        )
    return (result[rows] if whole else result).to(X.dtype)


def _changes_labels(name, what):
    return (
        f"{name} needs transforms that keep the labels; got {what}, which changes "
        "them. Give it a BatchAugmentation of its own."
    )
