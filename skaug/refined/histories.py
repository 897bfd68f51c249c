"""What a history tells: its columns, and where refinement begins."""

from itertools import pairwise

import numpy as np

__all__ = ["column_of", "switches_in"]


def column_of(history, name):
    """Values of all epochs, NaN where an epoch lacks one; None if all epochs do."""
    values = np.array([row.get(name, np.nan) for row in history], dtype=float)
    return None if np.isnan(values).all() else values


def switches_in(history):
    """The last epoch before each refinement, counted from 1."""
    # A net that ``refine`` goes on with has no such column before.
    refining = [bool(row.get("refining")) for row in history]
    pairs = enumerate(pairwise(refining), start=1)
    return [epoch for epoch, (before, after) in pairs if after and not before]
