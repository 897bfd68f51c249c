"""How long a network trains: gradient steps rather than passes over the rows.

With few rows a pass has few steps, and 30 passes over 300 rows are 150 steps. A plain
network needs about 200. A network whose rows are augmented learns from more rows and
needs more steps; with as few as a plain one it loses what augmentation would gain.
"""

import math
import warnings

__all__ = ["epochs_for", "planned_epochs", "warn_of_few_steps"]

FEWEST_EPOCHS = 30
PLAIN_STEPS = 200


def epochs_for(n_batches, callbacks):
    """Epochs of ``max_epochs="auto"``; ``n_batches`` is None if it is not known."""
    if not n_batches:
        return FEWEST_EPOCHS
    steps = max(PLAIN_STEPS, _advised_steps(callbacks, "auto"))
    return max(FEWEST_EPOCHS, math.ceil(steps / n_batches))


def planned_epochs(net, n_batches=None):
    """Epochs of a net of skorch, also of one with "auto" that was never fitted."""
    if hasattr(net, "n_epochs_"):
        return net.n_epochs_
    if net.max_epochs == "auto":
        return epochs_for(n_batches, net.callbacks_)
    return net.max_epochs


def _advised_steps(callbacks, max_epochs):
    """Steps that the callbacks of a net advise, 0 if none of them augments rows."""
    advising = [one for _, one in callbacks if hasattr(one, "advised_steps")]
    return max((one.advised_steps(max_epochs) for one in advising), default=0)


def warn_of_few_steps(n_epochs, n_batches, callbacks, name):
    """Warn if the given epochs are too few steps for the augmentation of the rows."""
    steps = _advised_steps(callbacks, n_epochs)
    if n_batches and n_epochs * n_batches < steps:
        warnings.warn(
            f"{name} needs about {steps} gradient steps to gain from augmented rows; "
            f"got {n_epochs * n_batches}, {n_epochs} epochs of {n_batches} steps. Set "
            f"max_epochs='auto', or to {math.ceil(steps / n_batches)}.",
            stacklevel=5,
        )
