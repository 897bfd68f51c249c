"""How refinement weakens an augmentation: progress by the share of epochs done."""

import math

__all__ = ["SCHEDULES"]

# Of the share of refinement that is done after an epoch, above 0 and up to 1. In all of
# them the last epoch is clean.
SCHEDULES = {
    "off": lambda done: 1.0,
    "linear": lambda done: done,
    "cosine": lambda done: (1 - math.cos(math.pi * done)) / 2,
}
