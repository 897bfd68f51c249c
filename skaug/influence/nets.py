"""What objects that compute influence ask of a net, of labels and of results."""

import warnings

import numpy as np
from sklearn.base import is_classifier
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_is_fitted
from skorch import NeuralNet

from skaug._labels import check_labels

__all__ = [
    "FEWEST_VALIDATION_ROWS",
    "checked_net",
    "clipped",
    "codes_of",
    "warn_of_few",
]

# A mean over fewer validation rows ranks transforms visibly worse. The correlation with
# the ranks of retraining is 0.66 for 200 rows and 0.31 for 25.
FEWEST_VALIDATION_ROWS = 100


def checked_net(estimator, owner):
    """Return a fitted net of skorch that was trained on rows of equal weight."""
    net = estimator
    net = net.estimator if isinstance(net, FrozenEstimator) else net
    if not isinstance(net, NeuralNet) or not is_classifier(net):
        raise TypeError(
            f"{owner} needs a net of skorch that classifies, such as a NetClassifier; "
            f"got a {type(net).__name__}. For other models, give their features as X "
            "to a LastLayerInfluence without an estimator."
        )
    check_is_fitted(net, "module_")
    if getattr(net, "class_weight", None) is not None:
        raise ValueError(
            f"{owner} needs a net that was trained on rows of equal weight; got "
            f"class_weight={net.class_weight!r}. Take logit_adjustment=1 for classes "
            "of unequal size."
        )
    return net


def codes_of(y, n, classes, owner):
    """Codes (n,) of labels among known classes."""
    y = check_labels(y, n, owner)
    codes = np.searchsorted(classes, y).clip(max=len(classes) - 1)
    unknown = classes[codes] != y
    if unknown.any():
        raise ValueError(
            f"{owner} needs labels among {classes.tolist()}; got "
            f"{np.unique(y[unknown]).tolist()}. Leave these rows out, or train with "
            "them."
        )
    return codes


def warn_of_few(y_val, owner, stacklevel=3):
    """Warn of validation rows whose mean gradient says little about new rows."""
    if y_val is not None and len(y_val) < FEWEST_VALIDATION_ROWS:
        warnings.warn(
            f"{owner} needs {FEWEST_VALIDATION_ROWS} validation rows or more; got "
            f"{len(y_val)}. The gradient of so few says more about them than about new "
            "rows. Hold out more.",
            stacklevel=stacklevel,
        )


def clipped(change, loss, owner, stacklevel=3):
    """Changes of a loss that do not take it below 0."""
    if (change < -loss).any():
        warnings.warn(
            f"{owner} predicts that {(change < -loss).sum()} rows lower the validation "
            f"loss by more than it is, {loss:.3g}: first order does not hold. These "
            "are clipped. Raise damping, to 0.1 at least.",
            stacklevel=stacklevel,
        )
    return np.maximum(change, -loss)
