"""The type of numbers that rows have when they reach a network."""

import numpy as np

from skaug.net.batches import as_tensor
from skaug.net.input_norm import InputNorm

__all__ = ["coarse_columns", "type_of_rows"]

# Rounding errors above this share of a column's standard deviation are too coarse.
COARSE = 1e-3


def type_of_rows(X):
    """Return float32, or float64 if float32 would not tell the values of X apart."""
    return np.float64 if len(coarse_columns(X)) else np.float32


def coarse_columns(X):
    """List the columns of X (n, columns, ...) whose values float32 is too coarse for.

    Seconds since 1970 are an example: numbers of float32 are 128 of them apart.
    """
    if np.can_cast(X.dtype, np.float32) or not len(X):
        return []
    norm = InputNorm(X.shape[1])
    norm.learn(as_tensor(X.astype(np.float64, copy=False)))
    with np.errstate(over="ignore"):
        error = np.abs(X - X.astype(np.float32))
    error = error.max(axis=tuple(axis for axis in range(X.ndim) if axis != 1))
    spread = norm.deviation.double().numpy()
    return np.flatnonzero((spread > 0) & (error > COARSE * spread)).tolist()
