"""Families of transforms that differ in one number only.

A policy has each transform at several strengths. Rows of a batch that have drawn the
same transform are transformed at once, whatever strength each of them has: the
parameter that ``_by_row`` of a class names may have a number for each row.
"""

import torch

from skaug.transforms.ranges import InUnits
from skaug.transforms.rows import RowTransform

__all__ = ["family_of", "of_rows"]


def family_of(transform):
    """What a transform shares with its family; None if it has no family."""
    if isinstance(transform, InUnits):
        inner = family_of(transform.transform)
        return None if inner is None else (InUnits, transform.largest, inner)
    if not isinstance(transform, RowTransform) or transform._by_row is None:
        return None
    others = transform.get_params(deep=False)
    del others[transform._by_row]
    # Tensors are the same only as objects.
    return type(transform), *((name, id(value)) for name, value in others.items())


def of_rows(transforms, X):
    """One transform in place of several of a family, one for each row of X."""
    first = transforms[0]
    if isinstance(first, InUnits):
        inner = of_rows([transform.transform for transform in transforms], X)
        return InUnits(inner, first.largest)
    if all(transform is first for transform in transforms):
        return first
    name = first._by_row
    values = torch.tensor([getattr(transform, name) for transform in transforms])
    values = values.to(X) if values.is_floating_point() else values.to(X.device)
    # clone and copy take longer than most transforms of a few rows.
    transform = type(first).__new__(type(first))
    vars(transform).update(vars(first))
    setattr(transform, name, values.view(-1, *[1] * (X.ndim - 1)))
    return transform
