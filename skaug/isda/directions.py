"""Directions in which the features of a class vary, and features moved along them."""

from dataclasses import dataclass

import numpy as np
import torch
from sklearn.pipeline import Pipeline

from skaug._checks import Rule, Whole, check_value, is_number
from skaug._labels import check_labels
from skaug.isda.given import covariance_array
from skaug.net.trained import check_net, features_and_codes, head_of

__all__ = ["Moves", "moves_of", "net_and_rows"]

DEVIATIONS = Rule(
    lambda given: (
        np.ndim(given) == 1
        and len(given) > 0
        and all(is_number(one) and np.isfinite(one) for one in given)
    ),
    "a sequence of finite numbers",
)


@dataclass
class Moves:
    """The directions of a class, and features that were moved along them.

    Attributes
    ----------
    label : object
        The class.
    features : torch.Tensor of shape (n, n_features)
        Features of all rows.
    directions : torch.Tensor of shape (n_directions, n_features)
        Eigenvectors of the covariance of the class, by descending variance.
    variances, shares : torch.Tensor of shape (n_directions,)
        Their eigenvalues, and these as shares of the variance of the class.
    moved : torch.Tensor of shape (n_directions, n_deviations, n_features)
        The mean of the class, or the features of a row, moved along each direction.
    """

    label: object
    features: torch.Tensor
    directions: torch.Tensor
    variances: torch.Tensor
    shares: torch.Tensor
    moved: torch.Tensor


def net_and_rows(estimator, X):
    """A net and its rows; those of a pipeline as the steps before the net make them."""
    if not isinstance(estimator, Pipeline):
        return estimator, X
    before = estimator[:-1]
    return estimator[-1], before.transform(X) if len(before) else X


def moves_of(name, net, X, y, label, *, row, n_directions, deviations, covariance):
    """Find the leading directions of a class, and move a feature along each."""
    check_net(net, name)
    check_value(name, "n_directions", n_directions, Whole(1))
    check_value(name, "deviations", deviations, DEVIATIONS)
    features, codes = features_and_codes(net, X, y)
    y = check_labels(y, len(features), name)
    if row is not None:
        check_value(name, "row", row, Whole(0, len(y) - 1))
    if label is None:
        label = (np.unique(y) if row is None else y[[row]]).tolist()[0]
    is_of_class = torch.tensor([one == label for one in y.tolist()])
    of_class = features[is_of_class]
    if len(of_class) == 0:
        raise ValueError(
            f"{name} needs a label of y; got {label!r}. Take one of "
            f"{np.unique(y).tolist()[:10]}."
        )
    if covariance is None:
        values, vectors = _of_rows(of_class)
    else:
        head = head_of(net)
        sizes = head.out_features, head.in_features
        of_classes = covariance_array(covariance, *sizes, name)
        code = int(codes[is_of_class][0]) if len(of_classes) > 1 else 0
        values, vectors = _of_matrix(of_classes[code])
    total = values.sum()
    n = min(n_directions, int((values > 1e-10 * total).sum()))
    if n == 0:
        raise ValueError(
            f"{name} needs a class whose features vary; got variances of 0 for the "
            f"{len(of_class)} rows of {label!r}. Give more rows, or another label."
        )
    values, vectors = values[:n], _with_signs(vectors[:n])
    centre = of_class.mean(dim=0) if row is None else features[row]
    far = values.sqrt()[:, None] * torch.tensor(deviations, dtype=values.dtype)
    moved = centre + far[..., None] * vectors[:, None]
    return Moves(label, features, vectors, values, values / total, moved)


def _of_rows(features):
    """Eigenvalues, descending, and eigenvectors as rows, without forming a matrix."""
    centred = features - features.mean(dim=0)
    _, values, vectors = torch.linalg.svd(centred, full_matrices=False)
    return values.square() / len(features), vectors


def _of_matrix(covariance):
    """The same of a covariance, or of variances alone."""
    matrix = torch.tensor(covariance)
    matrix = matrix.diag() if matrix.ndim == 1 else matrix
    values, vectors = torch.linalg.eigh(matrix)
    return values.flip(0).clamp(min=0), vectors.T.flip(0)


def _with_signs(vectors):
    """Vectors whose largest number is positive: the sign of a direction is free."""
    largest = vectors.abs().argmax(dim=1, keepdim=True)
    return vectors * vectors.gather(1, largest).sign()
