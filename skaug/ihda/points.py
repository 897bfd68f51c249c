"""Points of a level, whose distances tell where classes mix.

Distances need all points in memory. Those that take more than half of scikit-learn's
``working_memory`` are represented by a random sample of rows: potentials are those
among the sample, and sources come from it.

Three ways were compared on CIFAR-10, with 3,000 rows, three convolutional levels and a
dense one, noise and 4 seeds. Means of channels instead of whole maps changed accuracy
by +0.2 points ± 0.7 (one standard error) and log-loss by +0.02 ± 0.04, and the CPU time
of all potentials from 2.3 to 0.2 s. A sample of 1,000 rows changed them by +0.1 ± 0.2
and -0.01 ± 0.01, and took 0.9 s. Neither helps or harms beyond doubt; both save time.
"""

import numpy as np
import torch

from skaug.hard_regions.parts import Chosen, bytes_of_row, parts
from skaug.ihda.room import block

__all__ = ["points_of"]


def points_of(h, sources, seed):
    """Points to choose sources among.

    Parameters
    ----------
    h : torch.Tensor or InParts of shape (n, ...)
        Activations.
    sources : HardPoints or the like
        Its ``maps`` says what a point is, its ``needs_points`` whether it looks at any.
    seed : int
        Seed of the sample.

    Returns
    -------
    points : ndarray of shape (n_points, n_features) or InParts
        The points; if none is looked at, the activations as they are.
    rows : ndarray of shape (n_points,) or None
        The row of each point if they are a sample; None if they are all rows in order.
    """
    if not getattr(sources, "needs_points", True):
        return h, None
    means = h.ndim > 2 and getattr(sources, "maps", "whole") == "means"
    size = bytes_of_row(h)
    size = size // h.shape[2:].numel() if means else size
    most = max(block() // 2 // max(size, 1), 2)
    rows, kept = None, h
    if len(h) > most:
        rows = np.sort(np.random.RandomState(seed).permutation(len(h))[:most])
        kept = Chosen(h, torch.as_tensor(rows, device=h.device))
    if means:
        points = torch.cat([kept[one].flatten(2).mean(2) for one in parts(kept)])
    else:
        points = kept.flatten(1)[:]
    return points.cpu().numpy(), rows
