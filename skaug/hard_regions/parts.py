"""Vectors that are read in parts, whether a tensor or the disk holds them.

Activations of a level can be more than the memory holds. A generator that reads in
parts needs no more of them than ``len(h)``, ``h.shape``, ``h.dtype``, ``h.device`` and
``h[rows]``, a tensor of the rows that are asked for by a slice or by their numbers.
Tensors have all of that, and so have the rows of :class:`InParts`. Where a part begins
depends on the size of a row alone: whatever holds the rows, the numbers are the same.
"""

import copy
import math
from abc import ABC, abstractmethod
from functools import reduce

import torch

from skaug.net.input_norm import merged, moments_of

__all__ = [
    "BYTES_AT_ONCE",
    "Chosen",
    "InParts",
    "bytes_of_row",
    "moments",
    "parts",
]

BYTES_AT_ONCE = 2**25


class InParts(ABC):
    """Rows that are not in a tensor, and become one where they are asked for.

    Parameters
    ----------
    shape : tuple of int
        Number of rows, and the shape of a row.
    dtype : torch.dtype
        Type of the tensors.
    device : torch.device
        Where the tensors are.
    """

    def __init__(self, shape, dtype, device):
        self.shape = torch.Size(shape)
        self.dtype, self.device = dtype, torch.device(device)

    @property
    def ndim(self):
        """Number of axes."""
        return len(self.shape)

    def __len__(self):
        return self.shape[0]

    def __getitem__(self, key):
        rows = self.read(key)
        return rows.reshape(len(rows), *self.shape[1:])

    @abstractmethod
    def read(self, key):
        """Return rows as a tensor, in the shape in which they are kept."""

    def flatten(self, start_dim):
        """Return the same rows with the axes from `start_dim` on as one; no copy."""
        flat = copy.copy(self)
        kept, joined = self.shape[:start_dim], self.shape[start_dim:]
        flat.shape = torch.Size([*kept, math.prod(joined)])
        return flat


class Chosen(InParts):
    """Some of other rows, given by their numbers, without a copy of them."""

    def __init__(self, rows, numbers):
        super().__init__((len(numbers), *rows.shape[1:]), rows.dtype, rows.device)
        self._rows, self._numbers = rows, numbers

    def read(self, key):
        """Return rows as a tensor; the numbers are places among those chosen."""
        return self._rows[self._numbers[key]]


def bytes_of_row(h):
    """Bytes of one row."""
    return math.prod(h.shape[1:]) * h.dtype.itemsize


def parts(h, most=None):
    """Yield slices of rows that are read at once, at most some rows in each."""
    size = max(1, BYTES_AT_ONCE // max(1, bytes_of_row(h)))
    size = size if most is None else min(size, most)
    for start in range(0, len(h), size):
        yield slice(start, min(start + size, len(h)))


def at_once_if_few(h):
    """The rows as a tensor if they are one part, else as they are."""
    return h[:] if _is_one_part(h) else h


def _is_one_part(h):
    return bytes_of_row(h) * len(h) <= BYTES_AT_ONCE


def moments(h):
    """Mean and standard deviation of each feature, and which features are constant."""
    first, found, constant = h[:1], [], True
    for part in parts(h):
        rows = h[part]
        found.append(moments_of(rows))
        constant = (first == rows).all(0) & constant
    mean, deviation = _together(found)
    return mean, deviation, constant


def _together(found):
    """Mean and deviation of all rows, from numbers, means and deviations of parts."""
    if len(found) == 1:
        return found[0][1:]
    exact = [(n, mean.double(), deviation.double()) for n, mean, deviation in found]
    return [values.to(found[0][1].dtype) for values in reduce(merged, exact)[1:]]
