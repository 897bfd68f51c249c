"""Families of transforms that differ in one number only.

A policy has each transform at several strengths. Rows of a batch that have drawn the
same transform are transformed at once, whatever strength each of them has: the
parameter that ``_by_row`` of a class names may have a number for each row.
"""

import torch

from skaug.transforms.ranges import InUnits
from skaug.transforms.rows import RowTransform

__all__ = ["families_of", "of_rows"]


def families_of(transforms):
    """Numbers of the families of some transforms, and which numbers are of one only."""
    numbers, seen, of_one = [], {}, set()
    for place, transform in enumerate(transforms):
        key = _key(transform)
        numbers.append(seen.setdefault(place if key is None else key, len(seen)))
        if key is None:
            of_one.add(numbers[-1])
    return numbers, of_one


def of_rows(transforms, X):
    """One transform in place of several of a family, one for each row of X."""
    first = transforms[0]
    if isinstance(first, InUnits):
        inner = of_rows([transform.transform for transform in transforms], X)
        return InUnits(inner, first.largest)
    if all(transform is first for transform in transforms):
        return first
    values = torch.tensor([getattr(one, first._by_row) for one in transforms])
    values = values.to(X) if values.is_floating_point() else values.to(X.device)
    # clone and copy take longer than most transforms of a few rows.
    transform = type(first).__new__(type(first))
    vars(transform).update(vars(first))
    setattr(transform, first._by_row, values.view(-1, *[1] * (X.ndim - 1)))
    return transform


def _key(transform):
    """What members of a family share; None for a transform that has no family."""
    if isinstance(transform, InUnits):
        key = _key(transform.transform)
        return None if key is None else (InUnits, transform.largest, key)
    if not isinstance(transform, RowTransform) or transform._by_row is None:
        return None
    others = transform.get_params(deep=False)
    del others[transform._by_row]
    return type(transform), *((name, id(value)) for name, value in others.items())
