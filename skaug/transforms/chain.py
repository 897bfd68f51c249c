"""Transforms that are made of others, one after the other or chosen among."""

import copy

from torch import nn

from skaug._printing import Printed
from skaug.transforms.calling import apply, is_torchvisions
from skaug.transforms.cloning import ReadThroughTheDoor

__all__ = ["Chain", "with_parts"]


class Chain(ReadThroughTheDoor, Printed):
    """One transform of a list after the other; labels are passed on."""

    def __init__(self, transforms):
        self.transforms = transforms

    @property
    def mild(self):
        """Whether all of them are mild."""
        return all(getattr(one, "mild", False) for one in self.transforms)

    def __call__(self, X, y=None):
        """Transform a batch."""
        for transform in self.transforms:
            X = apply(transform, X, y, name="Chain")
        return X if y is None else (X, y)

    def with_parts(self, parts):
        """Make a chain of other transforms."""
        return type(self)(parts)


class _Sequence(Chain):
    """What nn.Sequential does, for parts that need not be modules."""

    def __call__(self, X):
        for transform in self.transforms:
            X = transform(X)
        return X


def with_parts(transform, parts):
    """Make the same transform of other parts; None if it is not known how.

    Parameters
    ----------
    transform : callable
        A transform that ``parts_of`` finds parts of; it stays as it is.
    parts : list of callable
        As many as it has.

    Returns
    -------
    transform : callable or None
        One that does to its parts what the given one does.
    """
    if isinstance(transform, nn.Sequential):
        return _Sequence(parts)
    if hasattr(transform, "with_parts"):
        return transform.with_parts(parts)
    if not is_torchvisions(transform):
        return None
    new = copy.copy(transform)
    if isinstance(transform.transforms, nn.ModuleList):  # takes nothing but modules
        new._modules = {}
    new.transforms = parts
    return new
