"""Samples of one level, made piece by piece."""

import math

import numpy as np
import torch

from skaug._random import new_generator
from skaug.hard_regions.parts import BYTES_AT_ONCE, bytes_of_row, parts

__all__ = ["SyntheticSet"]


class SyntheticSet:
    """Samples of many sources, made piece by piece and the same ones at every pass.

    IHDA calls them :math:`h^l_A` (Eq. 7). Those of a convolutional layer can be many
    times the data, so that no more than a piece exists at a time.

    Parameters
    ----------
    generator : object with ``draw``
        A fitted generator, such as a :class:`~skaug.VAEGenerator`. Where no vector is
        negative, samples are clamped at 0, unless its ``clamp`` is False.
    h : torch.Tensor or InParts of shape (n, n_features)
        Vectors, of which a piece is read at a time.
    codes : torch.Tensor of shape (n,)
        Their classes.
    sources : ndarray of shape (n_samples,)
        The row of `h` that each sample is made from.
    seed : int, default=0
        Seed of the samples and of the order of batches.
    weights : torch.Tensor of shape (n,), default=None
        Weights of the rows of `h`; a sample has that of its source.

    Attributes
    ----------
    sources : ndarray of shape (n_samples,)
        As given.
    """

    def __init__(self, generator, h, codes, sources, seed=0, weights=None):
        self.generator, self.h, self.codes, self.seed = generator, h, codes, seed
        self.sources, self.weights = sources, weights
        self._size = max(8, BYTES_AT_ONCE // max(bytes_of_row(h), 1))
        # Activations behind a ReLU are never negative, so that their samples must not
        # be, unless the generator says that it wants its samples as they are.
        clamps = getattr(generator, "clamp", True)
        clamps = clamps and all((h[part] >= 0).all() for part in parts(h))
        self._floor = 0.0 if clamps else -math.inf

    def pieces(self):
        """Yield samples (piece, n_features) and classes, once and in order.

        With weights, those of the samples come third.
        """
        starts = range(0, len(self.sources), self._size)
        for number, start in enumerate(starts):
            rows = torch.as_tensor(
                self.sources[start : start + self._size], device=self.h.device
            )
            codes = self.codes[rows]
            # Each piece has a seed of its own and is the same in every pass.
            torch_generator = new_generator(self.seed + number)
            new, _ = self.generator.draw(self.h[rows], codes, torch_generator)
            of_rows = () if self.weights is None else (self.weights[rows.cpu()],)
            yield new.clamp_(min=self._floor), codes, *of_rows

    def batches(self, size):
        """Yield batches of one size, pass after pass, in a new order within a piece."""
        rng = np.random.RandomState(self.seed)
        only = list(self.pieces()) if len(self.sources) <= self._size else None
        waiting = [self.h[:0], self.codes[:0]]
        if self.weights is not None:
            waiting.append(self.weights[:0])
        while True:
            for piece in only or self.pieces():
                order = torch.as_tensor(rng.permutation(len(piece[1])))
                new = [part[order.to(part.device)] for part in piece]
                waiting = [torch.cat(pair) for pair in zip(waiting, new)]
                n = len(waiting[0]) // size * size
                if n:  # split would give an empty batch
                    yield from zip(*(part[:n].split(size) for part in waiting))
                waiting = [part[n:] for part in waiting]
