"""Penalty and temperature of a linear classifier, by predictions for held-out rows."""

from typing import NamedTuple

import numpy as np
import torch
from scipy.special import log_softmax

from skaug._paired import standard_error
from skaug.isda.linear_fit import solve
from skaug.net.temperature import best_temperature

__all__ = ["Choice", "candidates", "choose"]

# A path of penalties ends when the last values were no better.
PATIENCE = 2
# Standard errors by which a loss has to be lower, for what is learned to be kept.
MARGIN = 1.0


def candidates(X, weights):
    """List values of C, ascending, whatever the unit of the features is."""
    # Features of total variance v have about the same best C * v. The values are half a
    # decade apart.
    mean = np.average(X, axis=0, weights=weights)
    variance = np.average((X - mean) ** 2, axis=0, weights=weights).sum()
    return np.logspace(-1, 4, 11) / (variance or 1.0)


def choose(problem, folds, values, temperature="cv", max_iter=1000, tol=1e-4):
    """Choose C and temperature for the lowest loss of held-out rows.

    Parameters
    ----------
    problem : Problem
        Of all rows.
    folds : list of (ndarray, ndarray)
        Of :func:`~skaug.net.splits.folds_of_few`.
    values : sequence of float
        Values of C, ascending.
    temperature : float or "cv", default="cv"
        By what logits are divided.
    max_iter, tol : int and float
        Of the solver. A coarser `tol` than that of the last fit would favour small
        penalties, because a solver that stops early penalises by itself.

    Returns
    -------
    choice : Choice
        The best of the values, the temperature that goes with it, and the losses.
    """
    parts = [problem.part(train) for train, _ in folds]
    # What a fold has not seen cannot be predicted there, and says nothing of C.
    held_out = [
        held[part.has_class[problem.codes[held]] & (problem.weights[held] > 0)]
        for part, (_, held) in zip(parts, folds)
    ]
    scored = np.concatenate(held_out)
    found, starts = [], [None] * len(folds)
    for C in values:
        starts = [
            solve(part, C, start, max_iter, tol)[0]
            for part, start in zip(parts, starts)
        ]
        logits = np.concatenate(
            [problem.logits(x, problem.X[rows]) for x, rows in zip(starts, held_out)]
        )
        found.append(_judged(problem, logits, scored, C, temperature))
        best = int(np.argmin([one.loss for one in found]))
        if len(found) - best > PATIENCE:
            break
    return found[best]


class Choice(NamedTuple):
    """A penalty, a temperature, and the losses of held-out rows with them.

    Attributes
    ----------
    C, temperature : float
        Penalty and temperature.
    rows : ndarray of shape (n_held_out,)
        Numbers of the rows.
    losses, weights : ndarray of shape (n_held_out,)
        Their losses, and their weights of sum 1.
    """

    C: float
    temperature: float
    rows: np.ndarray
    losses: np.ndarray
    weights: np.ndarray

    @property
    def loss(self):
        """Mean loss."""
        return float(self.weights @ self.losses)

    def is_better_than(self, other, groups=None):
        """Whether the mean loss is lower by more than a standard error."""
        gaps = self.weights * (other.losses - self.losses)
        gain = gaps.sum()
        own = None if groups is None else groups[self.rows]
        error, _ = standard_error(gaps - gain * self.weights, own)
        return bool(gain > MARGIN * error)


def _judged(problem, logits, rows, C, temperature):
    """Make the choice of C, at the temperature of the lowest loss."""
    codes, weights = problem.codes[rows], problem.weights[rows]
    if temperature == "cv":
        temperature = best_temperature(
            *map(torch.from_numpy, (logits, codes, problem.offset, weights))
        )
    log_p = log_softmax(logits / temperature + problem.offset, axis=1)
    of_class = np.take_along_axis(log_p, codes[:, None], 1)[:, 0]
    return Choice(C, float(temperature), rows, -of_class, weights / weights.sum())
