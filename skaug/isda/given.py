"""Covariances that are known from other rows, in place of an estimate."""

import numpy as np
import torch
from torch import nn

from skaug._printing import shown
from skaug.isda.covariance import ClassCovariance
from skaug.isda.quadratic_form import class_quadratic_form, shared_form

__all__ = ["GivenCovariance", "covariance_array"]


def covariance_array(source, n_classes, n_features, name):
    """Bring covariances that a user gives into one of three shapes.

    Parameters
    ----------
    source : ClassCovariance or array-like
        An estimate, or an array of shape (n_features, n_features) for all classes,
        (n_classes, n_features, n_features), or (n_classes, n_features) for variances.
        If there are as many classes as features, a matrix is for all classes.
    n_classes, n_features : int
        Sizes that it has to fit.
    name : str
        Who asks, for messages.

    Returns
    -------
    covariance : ndarray
        Of shape (1, n_features, n_features) for all classes, (n_classes, n_features,
        n_features) or (n_classes, n_features).

    Raises
    ------
    ValueError
        If it is something else, has seen no rows, is not finite, or is no covariance.
    """
    if isinstance(source, ClassCovariance):
        array = _of_estimate(source, name)
    else:
        array = _as_numbers(source)
    if array.shape == (n_features, n_features):
        array = array[None]
    got = _fault(array, n_classes, n_features)
    if got is not None:
        c, d = n_classes, n_features
        raise ValueError(
            f"{name} needs a symmetric, finite covariance of shape ({d}, {d}), "
            f"({c}, {d}, {d}) or ({c}, {d}), or a fitted ClassCovariance of {d} "
            f"features; got {got}. Leave covariance out to estimate it."
        )
    return array


def _as_numbers(source):
    """An array of floats, empty if there are none."""
    try:
        return np.asarray(source, dtype=float)
    except (TypeError, ValueError):
        return np.empty(0)


def _fault(array, n_classes, n_features):
    """What is wrong with an array of covariances, in words, or None."""
    matrices = [(n, n_features, n_features) for n in (1, n_classes)]
    if array.shape not in [*matrices, (n_classes, n_features)]:
        return f"shape {array.shape}"
    if not np.isfinite(array).all():
        return "NaN or infinity"
    variances = array if array.ndim == 2 else array.diagonal(axis1=1, axis2=2)
    if (variances < 0).any():
        return "a negative variance"
    if array.ndim == 3 and not np.allclose(array, array.swapaxes(1, 2)):
        return "a matrix that is not symmetric"
    return None


def _of_estimate(estimate, name):
    """Covariances of an estimate, one of all classes if it keeps one."""
    if estimate.kind == "identity":
        return np.eye(estimate.n_features)
    if not estimate.count.any():
        raise ValueError(
            f"{name} needs a ClassCovariance that has seen rows; got one without. Call "
            "its update with features and class codes first."
        )
    kept = {"diagonal": "variance"}.get(estimate.kind, "covariance")
    array = estimate.dense() if estimate.kind == "low_rank" else getattr(estimate, kept)
    return array.detach().cpu().numpy().astype(float)


class GivenCovariance(nn.Module):
    """Covariances of features that are known beforehand and do not change.

    Parameters
    ----------
    source : ClassCovariance or array-like
        An estimate, or an array of shape (n_features, n_features) for all classes,
        (n_classes, n_features, n_features), or (n_classes, n_features) for variances.
    n_classes, n_features : int
        Sizes.
    device, dtype : torch.device and torch.dtype, default=None
        Device and type of the covariances.

    Attributes
    ----------
    covariance : torch.Tensor
        Of shape (1, n_features, n_features), (n_classes, n_features, n_features) or
        (n_classes, n_features).

    Examples
    --------
    >>> import torch
    >>> from skaug.isda.given import GivenCovariance
    >>> covariance = GivenCovariance(torch.eye(2), n_classes=3, n_features=2)
    >>> weight = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    >>> covariance.quadratic_form(weight, torch.tensor([0])).round().tolist()
    [[0.0, 2.0, 1.0]]
    """

    kind = "given"

    def __init__(self, source, n_classes, n_features, *, device=None, dtype=None):
        super().__init__()
        self.n_classes, self.n_features = n_classes, n_features
        array = covariance_array(source, n_classes, n_features, "ISDALoss")
        dtype = dtype or torch.get_default_dtype()
        tensor = torch.tensor(array, dtype=dtype, device=device)
        self.register_buffer("covariance", tensor)

    def update(self, features, target, sample_weight=None):
        """Do nothing: what is given does not change."""

    def quadratic_form(self, weight, classes):
        """Compute the variance of differences of logits for features of each class.

        Parameters
        ----------
        weight : torch.Tensor of shape (n_classes, n_features)
            Weight of the last linear layer.
        classes : torch.Tensor of shape (n_present,)
            Distinct class codes.

        Returns
        -------
        table : torch.Tensor of shape (n_present, n_classes)
            ``(w_j - w_k)' S_k (w_j - w_k)``.
        """
        weight = weight.to(self.covariance.dtype)
        if self.covariance.ndim == 3 and len(self.covariance) == 1:
            return shared_form(weight, classes, self.covariance[0])
        return class_quadratic_form(weight, classes, self.covariance)

    def extra_repr(self):
        """Return the shape of what was given and the sizes, for the module's repr."""
        return f"{shown(self.covariance)}, {self.n_classes}, {self.n_features}"

    def dense(self):
        """Write out the covariances of all classes.

        Returns
        -------
        covariance : torch.Tensor of shape (n_classes, n_features, n_features)
            Full matrices.
        """
        if self.covariance.ndim == 2:
            return torch.diag_embed(self.covariance)
        size = self.n_classes, self.n_features, self.n_features
        return self.covariance.expand(size)
