"""The temperature by which logits are divided, so that confidence fits rows held out.

References
----------
.. [1] C. Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.
"""

import math

import numpy as np

__all__ = ["LEAST_LOG", "best_temperature", "clipped_logs"]

# Probabilities below this power of e count as it: a 0 has no logarithm.
LEAST_LOG = float(np.log(np.finfo(float).eps))


def clipped_logs(proba):
    """Logarithms of probabilities in float64, finite; logits to divide by a T."""
    return np.log(np.asarray(proba, dtype=float).clip(np.exp(LEAST_LOG)))


def best_temperature(logits, target, offset=None, sample_weight=None):
    r"""Temperature by which to divide logits for the lowest mean cross-entropy.

    The loss of :math:`\beta z + o` is convex in :math:`\beta`, and its derivative is
    the mean of :math:`\sum_c p_c z_c - z_y`. The derivative changes its sign once, at
    :math:`\beta = 1 / T`, which bisection finds.

    Parameters
    ----------
    logits : torch.Tensor of shape (n, n_classes)
        Logits z of held-out rows.
    target : torch.Tensor of shape (n,)
        Class codes y.
    offset : torch.Tensor of shape (n_classes,), default=None
        Numbers o that are added to the logits after the division; none by default.
    sample_weight : torch.Tensor of shape (n,), default=None
        Weights of the rows, equal by default.

    Returns
    -------
    temperature : float
        Between 0.01 and 1,000. It is 1 if all rows are predicted right, because then
        each lower temperature has a lower loss.

    Examples
    --------
    >>> import torch
    >>> from skaug.net import best_temperature
    >>> logits, target = torch.tensor([[9.0, 0.0]] * 4), torch.tensor([0, 0, 0, 1])
    >>> round(best_temperature(logits, target), 2)  # 9 / T is log 3
    8.19
    """
    if (logits.argmax(dim=1) == target).all():
        return 1.0
    weighted = logits if sample_weight is None else logits * sample_weight[:, None]
    of_target = weighted.gather(1, target[:, None]).sum()
    offset = 0.0 if offset is None else offset
    low, high = math.log(1e-2), math.log(1e3)
    for _ in range(40):  # to 1e-11 of the temperature
        middle = (low + high) / 2
        probabilities = (logits / math.exp(middle) + offset).softmax(dim=1)
        if (probabilities * weighted).sum() > of_target:  # less confidence is better
            low = middle
        else:
            high = middle
    return math.exp((low + high) / 2)
