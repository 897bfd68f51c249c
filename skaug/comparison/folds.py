"""Folds of given rows, as draws of a study."""

from dataclasses import dataclass
from functools import cached_property

import joblib
import numpy as np
from sklearn.base import clone
from sklearn.utils import Bunch

from skaug.comparison.data import dense, divided, kind_of, some, split_for_choice
from skaug.comparison.digests import value_digest

__all__ = ["Folds"]


@dataclass(eq=False)
class Folds:
    """Rows that methods are compared on, fold by fold.

    Attributes
    ----------
    name : str
        What the cells call it.
    X : frame or ndarray of shape (n, ...)
        Rows.
    y : ndarray of shape (n,)
        Labels.
    groups : ndarray of shape (n,) or None
        Groups of the rows.
    parts : list of (ndarray, ndarray)
        Numbers of the training and the test rows of each fold.
    seeds : list of int
        Of each fold, and one more for all rows: how training rows are divided, and the
        random state of networks.
    head : transformer, default=None
        Turns rows into numbers; learned inside each fold, and inside each choice.
    base : NetClassifier, default=None
        The network to start from.
    scorer : callable, default=None
        Of a model, rows and labels: what chooses settings. ``None`` is the log-loss.
    """

    name: str
    X: object
    y: np.ndarray
    groups: np.ndarray | None
    parts: list
    seeds: list
    head: object = None
    base: object = None
    scorer: object = None

    @property
    def n_seeds(self):
        """How many folds there are."""
        return len(self.parts)

    @cached_property
    def kind(self):
        """Kind of the rows as networks get them."""
        return kind_of(self.draw(0).train.X)

    @property
    def overlap(self):
        """Size of a test part over that of a training part."""
        train, test = (
            np.mean([len(part[side]) for part in self.parts]) for side in (0, 1)
        )
        return float(test / train)

    def draw(self, seed):
        """Take a fold by its number, with its training rows divided for choices."""
        train, test = (some(self, rows) for rows in self.parts[seed])
        return divided(
            train,
            test,
            np.unique(self.y),
            self.seeds[seed],
            self.head,
            heuristic=None,
            base=self.base,
            scorer=self.scorer,
            keeps=True,
        )

    def whole(self):
        """All rows to train on, as a draw without test rows, and the fitted head."""
        train, head = some(self, np.arange(len(self.y))), self.head
        inner, _ = split_for_choice(train, self.seeds[-1])
        if head is not None:
            head = clone(head)
            train.X = dense(head.fit_transform(train.X, train.y))
        return Bunch(
            train=train,
            inner=inner,
            classes=np.unique(self.y),
            seed=self.seeds[-1],
            head=head,
            heuristic=None,
            base=self.base,
        )

    def identity(self):
        """Digest of the rows, the folds, and what is fitted to them."""
        rows = [self.X, self.y, self.groups, self.parts, self.seeds]
        return joblib.hash([*rows, self.head, self.base, value_digest(self.scorer)])
