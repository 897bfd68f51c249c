"""Rows, their class statistics, and what NumPy says of them."""

import numpy as np
import torch

from skaug.isda import ClassCovariance
from skaug.isda.covariance import KINDS

C, A = 5, 7
ESTIMATED = [kind for kind in KINDS if kind != "identity"]


def draw(n, seed=0, shift=3.0):
    """Correlated rows with an offset, and labels."""
    generator = torch.Generator().manual_seed(seed)
    mix = torch.randn(A, A, generator=generator, dtype=torch.float64)
    X = torch.randn(n, A, generator=generator, dtype=torch.float64) @ mix + shift
    return X, torch.randint(C, (n,), generator=generator)


def estimate(kind, X, y, cuts=(), **kwargs):
    kwargs = {"rank": A, "dtype": torch.float64, **kwargs}
    covariance = ClassCovariance(C, A, kind, **kwargs)
    for X_batch, y_batch in zip(X.tensor_split(cuts), y.tensor_split(cuts)):
        covariance.update(X_batch, y_batch)
    return covariance


def one_shot(kind, X, y):
    """What NumPy says of all rows at once: biased covariances, written out."""
    X, y = X.numpy(), y.numpy()
    each = [np.cov(X[y == k].T, bias=True) for k in range(C)]
    if kind == "pooled":
        each = [np.average(each, axis=0, weights=np.bincount(y, minlength=C))] * C
    if kind == "shared":
        each = [np.cov(X.T, bias=True)] * C
    if kind == "identity":
        each = [np.eye(A)] * C
    if kind == "diagonal":
        each = [np.diag(np.diag(matrix)) for matrix in each]
    return torch.tensor(np.stack(each))


def assert_near(actual, expected, tolerance=1e-12):
    assert actual.shape == expected.shape
    assert (actual - expected).abs().max() <= tolerance * max(1, expected.abs().max())
