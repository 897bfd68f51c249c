"""What the estimators of a draw are made for, and how long networks train.

Budgets are gradient steps. A :class:`Setup` has the shape of the rows, the steps and
the weight decay, and makes networks of these.
"""

import math
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

from sklearn import config_context
from sklearn.base import clone
from torch import nn

from skaug._checks import Number, Rule, Whole, check_value
from skaug._progress import without_bars
from skaug.net.classifier import NetClassifier
from skaug.refined.callback import BatchAugmentation

__all__ = [
    "BEST",
    "PLAIN",
    "Budgets",
    "Setup",
    "comparing",
    "epochs_of",
    "of_steps",
]

PLAIN = "plain networks"  # the cell of all plain networks of a draw
BEST = "best plain"  # the arm that chose its budget
BATCH_SIZE = 64


@dataclass(frozen=True)
class Budgets:
    """Gradient steps and weight decays to choose from.

    Attributes
    ----------
    plain : tuple of int, default=(100, 200, 600)
        Steps that the best plain network chooses among.
    augmented : tuple of int, default=(300, 600)
        Steps that augmented arms choose among. Each is also trained without
        augmentation, as the twin of equal steps.
    decays : tuple of float, default=(0.0, 0.01, 0.1, 0.5)
        Weight decays that plain networks choose among.
    refused : int, default=200
        Steps of the plain network that is left where a guard refuses an augmentation:
        those of a plain :class:`~skaug.NetClassifier` by default. One of `plain`.

    Raises
    ------
    ValueError
        If there is nothing to choose from, or a number is out of range.
    """

    plain: tuple = (100, 200, 600)
    augmented: tuple = (300, 600)
    decays: tuple = (0.0, 0.01, 0.1, 0.5)
    refused: int = 200

    def __post_init__(self):
        steps, decays = Whole(1), Number(0)
        for name, rule in ("plain", steps), ("augmented", steps), ("decays", decays):
            check_value("Budgets", name, getattr(self, name), _several(rule))
        check_value("Budgets", "refused", self.refused, steps)

    @property
    def twins(self):
        """Steps of the plain networks that arms of equal steps are compared to."""
        return sorted({*self.augmented, self.refused})

    def shorter(self, factor):
        """Divide all steps by a factor, for a trial."""

        def divided(steps):
            return max(1, round(steps / factor))

        plain, augmented = (
            tuple(map(divided, budget)) for budget in (self.plain, self.augmented)
        )
        return Budgets(plain, augmented, self.decays, divided(self.refused))


def _several(rule):
    """Rule of a sequence with one value or more."""
    return Rule(
        lambda values: (
            isinstance(values, (list, tuple))
            and len(values) > 0
            and all(map(rule.allows, values))
        ),
        f"a tuple of one or more, each {rule.words}",
    )


def of_steps(steps):
    """Name of the plain network that is trained for so many steps."""
    return f"plain, {steps} steps"


class Setup(NamedTuple):
    """What an estimator is made for.

    Attributes
    ----------
    shape : tuple of int
        Of a row: (features,), (channels, times) or (channels, height, width).
    n_rows, n_classes : int
        Rows that the estimator is fitted to, and their classes.
    n_fewest : int
        Rows of the smallest class in the choice of a setting.
    seed : int
        Random state of the estimator.
    heuristic : str, default=None
        The augmentation by hand, if that is known.
    steps : int
        Gradient steps of a network.
    refused : int
        Steps of the network that is left where a guard refuses an augmentation.
    decay : float
        Weight decay of a network.
    below : object, default=None
        Setting of the arm that this one is put on top of.
    memory : str, default=None
        Folder for what several settings share.
    base : NetClassifier, default=None
        The network to start from; the default one if there is none.
    """

    shape: tuple
    n_rows: int
    n_classes: int
    n_fewest: int
    seed: int
    heuristic: str | None = None
    steps: int = 0
    refused: int = 0
    decay: float = 0.0
    below: object = None
    memory: str | None = None
    base: object = None

    def net(self, kind=NetClassifier, callbacks=(), **parameters):
        """Make a network for the steps and the weight decay.

        Parameters
        ----------
        kind : class, default=NetClassifier
            :class:`~skaug.NetClassifier` or a class derived from it.
        callbacks : list of (str, callback)
            Beside those of the network to start from.
        **parameters
            Others of the class.

        Returns
        -------
        net : NetClassifier
            Of class `kind`, unless the network to start from is of a class that is
            derived from that.
        """
        own = {
            "batch_size": BATCH_SIZE,
            "optimizer__weight_decay": self.decay,
            "random_state": self.seed,
            "channels_last": False,  # The axes were checked when the rows came.
        }
        if self.base is not None:
            given = clone(self.base).get_params(deep=False)
            if issubclass(type(self.base), kind):
                kind = type(self.base)
            elif given["criterion"] is nn.CrossEntropyLoss:
                del given["criterion"]  # A class of its own may need another loss.
            callbacks = [*(given.pop("callbacks", None) or ()), *callbacks]
            own = {**own, **given, "random_state": self.seed}
            own["optimizer__weight_decay"] = self.decay
        own["max_epochs"] = epochs_of(self.steps, self.n_rows, own["batch_size"])
        return kind(**{**own, "callbacks": list(callbacks) or None, **parameters})

    def augmented(self, transform, refined=0, probability=1.0, **parameters):
        """Make a network that trains on transformed batches, clean ones at the end.

        Parameters
        ----------
        transform : callable
            As for :class:`~skaug.BatchAugmentation`.
        refined : float, default=0
            Share of the epochs at the end that is clean.
        probability : float, default=1.0
            With which a batch is transformed.
        **parameters
            Others of :meth:`net`.

        Returns
        -------
        net : NetClassifier
            With the augmentation among its callbacks.
        """
        augment = BatchAugmentation(transform, refined, probability=probability)
        return self.net(callbacks=[("augment", augment)], **parameters)


@contextmanager
def comparing():
    """Fit as a comparison does.

    Groups are a parameter of fit, whatever pipelines of the user's do with them, and
    the warning of few gradient steps passes: held-out rows have chosen them. Networks
    are silent, of which there are many.
    """
    routing = config_context(enable_metadata_routing=False)
    with routing, without_bars(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".* gradient steps to gain", UserWarning)
        yield


def epochs_of(steps, n_rows, batch_size=BATCH_SIZE):
    """Epochs that are as many steps, or a few more: the last one is not cut off."""
    size = n_rows if batch_size == -1 else batch_size
    batches = math.ceil(n_rows / size)
    # A last batch of one row joins the batch before.
    batches -= n_rows > size and n_rows % size == 1
    return math.ceil(steps / batches)
