"""The guard: what was learned is kept only if it lowers a held-out loss beyond doubt.

F is trained on the rows that the scores were made on, once with the augmentation and
once without, from the same weights and for equally many epochs. Both predict the rows
that were held out. The difference is taken row by row, and it has to be below zero by
more than its standard error, in which the rows of a group count as one.
"""

import warnings

import numpy as np
from sklearn.utils import Bunch

from skaug._paired import log_losses, standard_error
from skaug._printing import Printed
from skaug.net.priors import reweighted
from skaug.net.steps import planned_epochs

__all__ = [
    "LOWER",
    "PLAIN",
    "HeldOutLosses",
    "Unchanged",
    "compared",
    "is_lower",
    "warn_of_refusal",
]

LOWER = "to lower the held-out loss"
PLAIN = "plain training, and rows stay as they are"


class Unchanged(Printed):
    """An augmentation that leaves rows alone: what a guard leaves of a refused one."""

    mild = True  # as few steps as there are for an augmentation

    def __call__(self, X, y=None):
        """Return the batch."""
        return X if y is None else (X, y)


class HeldOutLosses:
    """Losses of held-out rows after trainings of equal seed and equal length."""

    # The first training is as long as the net is by itself, and all others take as many
    # epochs. So the longest, which is that with the augmentation, has to come first.
    def __init__(self, trainings, split):
        self.trainings = trainings
        self.split = split
        self.seed = trainings.new_seed()
        self.max_epochs = trainings.estimator.max_epochs
        if self.max_epochs == "auto":
            self.max_epochs = None
        else:  # as many steps as those epochs are with all rows, in the last training
            n_train, n_held_out = (len(part.y) for part in split)
            self.max_epochs = round(self.max_epochs * (1 + n_held_out / n_train))

    def of(self, augmentation):
        """Losses (n_held_out,) of F after a training with an augmentation, or None."""
        arguments = self.split, augmentation, self.seed, self.max_epochs
        found = self.trainings.remembered(losses_and_epochs, *arguments)
        losses, self.max_epochs = found
        return losses

    def compared(self, plain, augmented):
        """Compare losses of these rows, whose groups are known."""
        return compared(plain, augmented, self.split[1].groups)


def losses_and_epochs(trainings, split, augmentation, seed, max_epochs):
    """Losses of held-out rows after a training, and the epochs that it took."""
    train, held_out = split
    net = trainings.train(train, augmentation, seed, max_epochs)
    codes = trainings.codes(held_out.y)
    proba = net.predict_proba(held_out.X)
    if getattr(net, "logit_adjustment", 0):  # the loss that it was trained for
        proba = reweighted(proba, net.logit_offset_)
    losses = log_losses(proba[np.arange(len(codes)), codes])
    return losses, planned_epochs(net)


def compared(plain, augmented, groups=None):
    """Means of two losses of the same rows, and the error of the difference."""
    # With the rows of one group only there is no error: ``se`` is NaN.
    gaps = augmented - plain
    se, _ = standard_error((gaps - gaps.mean()) / len(gaps), groups)
    return Bunch(plain=float(plain.mean()), augmented=float(augmented.mean()), se=se)


def is_lower(loss):
    """Whether a loss is lower with the augmentation by more than the standard error."""
    # No error, NaN, is no reason to accept anything.
    return bool(loss.augmented - loss.plain < -loss.se)


def warn_of_refusal(what, loss, result, advice, stacklevel=6):
    """Warn the caller of ``fit`` that the guard has refused what was learned."""
    error = f"± {loss.se:.3f}"
    if np.isnan(loss.se):
        error = "with no standard error, since the held-out rows are of one group"
    warnings.warn(
        f"InfluenceAugmenter needs {what} by more than its standard error; got "
        f"{loss.augmented:.3f} with it and {loss.plain:.3f} without, {error}. The "
        f"result is {result}. {advice}, or set guard=False.",
        stacklevel=stacklevel,
    )
