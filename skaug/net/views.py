"""Augmented views of rows, for a network that is frozen."""

import hashlib

from skaug._random import own_generators
from skaug.net.images import content_of
from skaug.transforms.calling import apply
from skaug.transforms.ranges import fitted_to

__all__ = ["Views"]


class Views:
    """Augmented views as rows, all views of the first row first.

    The views of a row follow from the row and the seed, whatever rows are beside it, so
    that a cache has them too.

    Parameters
    ----------
    rows : Images or the like
        Rows that are read by their number.
    augment : callable
        Function of a batch.
    n_views : int
        Views of each row.
    seed : int
        What the draws follow from, beside the row.
    owner : str
        Who needs the views, for messages.
    """

    def __init__(self, rows, augment, n_views, seed, owner):
        self._rows, self._n_views, self._owner = rows, n_views, owner
        self._augment = fitted_to(rows.read([0])[0][None], augment, owner)
        self._start = hashlib.sha256(str(seed).encode())
        self._last, self._views = None, None

    def __len__(self):
        return len(self._rows) * self._n_views

    def read(self, indices):
        """List the views of these numbers as tensors."""
        return [self._views_of(i // self._n_views)[i % self._n_views] for i in indices]

    def content(self, i):
        """Bytes that tell a view from others."""
        return content_of(self.read([i])[0])

    def _views_of(self, i):
        """Draw all views of one row; they are asked for one after another."""
        if self._last != i:
            (row,) = self._rows.read([i])
            digest = self._start.copy()
            digest.update(content_of(row))
            copies = row.repeat(self._n_views, *[1] * row.ndim)
            with own_generators(seed=int.from_bytes(digest.digest()[:7], "big")):
                self._views = apply(self._augment, copies, name=self._owner)
            self._last = i
        return self._views
