r"""Losses of rows, and the error of a difference between two models on the same rows.

With :math:`r_i` the difference of what row i contributes to the two scores, less its
mean so that all of them sum to 0, and summed over each of G groups, the standard error
is

.. math:: \sqrt{\frac{G}{G - 1} \sum_g \Bigl(\sum_{i \in g} r_i\Bigr)^2}

Without groups every row is a group of its own, and for a mean this is the usual
:math:`s / \sqrt n` of paired differences. With groups it is the cluster-robust error:
rows of a subject count as one.
"""

import numpy as np

__all__ = ["log_losses", "standard_error"]


def log_losses(of_true):
    """Losses from the probabilities of the true classes, as scikit-learn's log_loss."""
    least = np.finfo(of_true.dtype).eps
    return -np.log(np.maximum(of_true, least).astype(float))


def standard_error(contributions, groups=None):
    """Standard error of a score, from contributions that sum to 0; number of groups."""
    if groups is not None:
        place = np.unique(groups, return_inverse=True)[1]
        contributions = np.bincount(place, contributions)
    n = len(contributions)
    if n < 2:
        return np.nan, n
    return float(np.sqrt(n / (n - 1) * np.sum(contributions**2))), n
