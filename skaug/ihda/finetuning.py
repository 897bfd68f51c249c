"""Train the part of a network above a level, on activations instead of rows.

The training step is that of the net, with its loss, regularisation and clipping of
gradients. :meth:`~skaug.net.Levels.resumed` makes the network take activations.
"""

import copy
import math
from contextlib import contextmanager, nullcontext
from itertools import pairwise

import numpy as np
import torch
from torch.nn.modules.batchnorm import _BatchNorm

from skaug._random import own_generators
from skaug.hard_regions.parts import BYTES_AT_ONCE, bytes_of_row
from skaug.ihda.rows import ArrayRows
from skaug.net.levels import INPUT

__all__ = [
    "LevelRows",
    "batches_of_rows",
    "check_trainable",
    "finetune",
    "passes",
    "recalibrate",
    "trained_norms",
]

ROWS_AT_ONCE, FEWEST = 512, 8


class LevelRows:
    """Rows and their activations at one level after another, each computed once.

    Parameters
    ----------
    net : skorch.NeuralNetClassifier
        A fitted net.
    levels : Levels
        The levels of its network.
    X : InParts or ndarray of shape (n, ...)
        Rows, as the network takes them.
    codes : ndarray of shape (n,)
        Classes of the rows.
    groups : ndarray of shape (n,), default=None
        Groups of the rows.
    weights : ndarray of shape (n,), default=None
        How many times each row counts in losses; only for a NetClassifier.
    room : Room, default=None
        Where activations are kept; by default in memory.

    Attributes
    ----------
    h : torch.Tensor or InParts of shape (n, ...)
        Activations at the level reached last, as tensors on the net's device. They are
        read in parts; those of other levels are not kept.
    codes : torch.Tensor of shape (n,)
        Classes, on the net's device.
    weights : torch.Tensor of shape (n,) or None
        As given, in float64.
    """

    def __init__(self, net, levels, X, codes, groups=None, weights=None, room=None):
        self.net, self.levels, self.groups = net, levels, groups
        self.codes = torch.as_tensor(codes, device=net.device)
        self.weights = None if weights is None else torch.as_tensor(weights)
        self.h = ArrayRows(X, net.device) if isinstance(X, np.ndarray) else X
        self.level, self.room = INPUT, room

    def reach(self, level, with_loss=False):
        """Compute the activations at a higher level, a name, from the current ones."""
        # With the mean loss, both come from the same look at each row.
        if level == self.level and getattr(self.h, "stays", True):
            return self.loss() if with_loss else None
        reached, losses = None, []
        with self.levels.resumed(self.level):
            for rows, batch in self._batches():
                if with_loss:
                    losses.append(self._sum_of_losses(rows, batch))
                h = self.levels.output(level, batch)
                if reached is None:
                    reached = self._new(level, h)
                reached[rows] = h
        self.h, self.level = reached, level
        return _mean(losses) if with_loss else None

    def _new(self, level, h):
        """Make room for the activations of a level, which are like h."""
        n = len(self.codes)
        if self.room is None:
            return h.new_empty(n, *h.shape[1:])
        return self.room.new(level, n, h)

    def _batches(self):
        # Batches have nearly the same size: none has a single row, or counts for less.
        n = len(self.codes)
        largest = bytes_of_row(self.h)
        if self.room is not None:
            largest = max(largest, self.room.largest_row)
        at_once = min(max(BYTES_AT_ONCE // max(largest, 1), FEWEST), ROWS_AT_ONCE)
        bounds = np.linspace(0, n, math.ceil(n / at_once) + 1).round().astype(int)
        keys = [slice(start, stop) for start, stop in pairwise(bounds.tolist())]
        if hasattr(self.h, "in_order"):
            yield from zip(keys, self.h.in_order(keys))
        else:
            for rows in keys:
                yield rows, self.h[rows]

    def batches(self):
        """Yield all activations and their classes, in batches ``(h, codes)``."""
        for rows, h in self._batches():
            yield h, self.codes[rows]

    def loss(self):
        """Return the mean loss of the network over the rows, as in validation."""
        with self.levels.resumed(self.level):
            return _mean([self._sum_of_losses(*batch) for batch in self._batches()])

    def losses(self):
        """Return the loss of each row (n,), without weights, as an array."""
        losses = []
        with self.levels.resumed(self.level), torch.no_grad():
            for rows, h in self._batches():
                batch = h, self.codes[rows]
                output = self.net.evaluation_step(batch, training=False)
                losses.append(_losses_of_rows(self.net, output, self.codes[rows], h))
        return torch.cat(losses).double().cpu().numpy()

    def _sum_of_losses(self, rows, h):
        """Weighted sum of the losses of a batch, and the sum of the weights."""
        codes = self.codes[rows]
        weight = None if self.weights is None else self.weights[rows]
        with torch.no_grad():
            output = self.net.evaluation_step((h, codes), training=False)
            with weighing(self.net, weight):
                loss = self.net.get_loss(output, codes, X=h, training=False)
        n_rows = len(h) if weight is None else float(weight.sum())
        return float(loss) * n_rows, n_rows


def _mean(sums):
    totals, counts = zip(*sums)
    return sum(totals) / sum(counts)


def _losses_of_rows(net, output, codes, h):
    """The losses of a batch row by row; at once where the loss can be asked for it."""
    criterion = net.criterion_
    reduction = getattr(criterion, "reduction", None)
    if reduction in ("mean", "sum"):
        criterion.reduction = "none"
        try:
            losses = net.get_loss(output, codes, X=h, training=False)
        finally:
            criterion.reduction = reduction
        if losses.ndim and len(losses) == len(h):
            return losses.flatten(1).mean(1) if losses.ndim > 1 else losses
    parts = (slice(i, i + 1) for i in range(len(h)))
    losses = [net.get_loss(output[i], codes[i], X=h[i], training=False) for i in parts]
    return torch.stack(losses)


def weighing(net, weight):
    """The context in which a net weighs the losses of rows, if they have weights."""
    return nullcontext() if weight is None else net.weighing(weight)


def passes(codes, rng, balance=False):
    """Yield all row numbers in random order; balanced, classes get equally many."""
    of_class = [np.flatnonzero(codes == code) for code in np.unique(codes)]
    most = max(map(len, of_class))
    while True:
        if balance:
            rows = [np.resize(rng.permutation(rows), most) for rows in of_class]
            yield rng.permutation(np.concatenate(rows))
        else:
            yield rng.permutation(len(codes))


def batches_of_rows(codes, size, rng, balance=False):
    """Yield row numbers in batches of one size, through one pass after another."""
    rest = np.empty(0, dtype=np.intp)
    for rows in passes(codes, rng, balance):
        rest = np.concatenate([rest, rows])
        while len(rest) >= size:
            yield rest[:size]
            rest = rest[size:]


def finetune(
    rows, batches, n_steps, *, rate=1.0, trainable="above", frozen_norms=False, seed=0
):
    """Train the part of the network above the level that the rows have reached.

    Training uses a fresh optimizer of the net's class; the net's own one stays as it
    is. The learning rate falls to 0 along half a cosine.

    Parameters
    ----------
    rows : LevelRows
        Rows at the level.
    batches : iterator of (h, codes) or (h, codes, weights)
        Activations and classes to train on, and weights if there are any.
    n_steps : int
        Number of batches to take.
    rate : float, default=1.0
        Learning rate at the start, as a multiple of the net's learning rate.
    trainable : {"above", "head"} or list of str, default="above"
        Whether to train all layers above the level, the head only, or what is above the
        level inside modules of these names. All other layers are in evaluation mode.
    frozen_norms : bool, default=False
        Whether batch normalisation stays in evaluation mode.
    seed : int, default=0
        Seed of random layers such as dropout. torch's global generators are not used.
    """
    net, levels = rows.net, rows.levels
    trained = trained_parameters(levels, rows.level, trainable)
    layers = list(net.module_.modules())
    frozen = _batch_norms(layers) if frozen_norms else []
    if trainable != "above":
        named = set(_modules_of(levels, trainable))
        frozen += [layer for layer in layers if layer not in named]
    with (
        own_generators(net.device, seed),
        _optimizing(net, trained) as rates,
        levels.resumed(rows.level, frozen),
    ):
        for step in range(n_steps):
            factor = rate * (1 + math.cos(math.pi * step / n_steps)) / 2
            for group, initial in zip(net.optimizer_.param_groups, rates):
                group["lr"] = initial * factor
            h, codes, *weight = next(batches)
            with weighing(net, *weight or [None]):
                net.train_step((h, codes))


def trained_parameters(levels, level, trainable):
    """The set of parameters above a level that ``trainable`` names."""
    above = levels.parameters_above(level)
    if trainable == "above":
        return above
    named = _modules_of(levels, trainable)
    return above & {p for layer in named for p in layer.parameters()}


def check_trainable(levels, names, trainable):
    """Refuse names of modules that are unknown, or have nothing above a level."""
    if isinstance(trainable, str):
        return
    known = dict(levels.module.named_modules())
    for name in trainable:
        if name not in known:
            raise ValueError(
                f"IHDAFinetuner needs trainable to name modules of the network; got "
                f"{name!r}. Name some of {[key for key in known if key]}."
            )
        for level in names:
            if not trained_parameters(levels, level, [name]):
                raise ValueError(
                    "IHDAFinetuner needs trainable to name modules with weights above "
                    f"every level; got {name!r}, which has none above {level!r}. Name "
                    "modules after it, or leave out the level."
                )


def _modules_of(levels, trainable):
    """All modules inside those that ``trainable`` names, themselves included."""
    names = [levels.head] if trainable == "head" else trainable
    named = [levels.module.get_submodule(name) for name in names]
    return [layer for module in named for layer in module.modules()]


def recalibrate(rows):
    """Compute the averages of batch normalisation above the level from its rows."""
    module = rows.net.module_
    above = trained_norms(rows.levels, rows.level)
    norms = [layer for layer in above if layer.track_running_stats]
    others = [layer for layer in module.modules() if layer not in set(norms)]
    with (
        torch.no_grad(),
        rows.levels.resumed(rows.level, others),
        _plain_means(norms),
    ):
        for h, _ in rows.batches():
            module(h)


@contextmanager
def _plain_means(norms):
    """Let layers average over all batches from here on; if stopped, as before."""
    before = [(layer.momentum, copy.deepcopy(layer.state_dict())) for layer in norms]
    try:
        for layer in norms:
            layer.reset_running_stats()
            layer.momentum = None  # a plain mean
            layer.train()
        yield
    except BaseException:  # Ctrl-C too: averages of a few rows would do harm
        for layer, (_, state) in zip(norms, before):
            layer.load_state_dict(state)
        raise
    finally:
        for layer, (momentum, _) in zip(norms, before):
            layer.momentum = momentum


def trained_norms(levels, level, trainable="above"):
    """Layers of batch normalisation above a level, of those that are trained."""
    layers = levels.module.modules()
    if trainable != "above":
        layers = _modules_of(levels, trainable)
    below = set(levels.modules_below(level))
    return [layer for layer in _batch_norms(layers) if layer not in below]


def _batch_norms(layers):
    return [layer for layer in layers if isinstance(layer, _BatchNorm)]


@contextmanager
def _optimizing(net, trained):
    """Give the net a fresh optimizer of some parameters; yield its learning rates."""
    optimizer = net.optimizer_
    others = [
        p for p in net.module_.parameters() if p.requires_grad and p not in trained
    ]
    try:
        for parameter in others:
            parameter.requires_grad_(False)
        net.initialize_optimizer()
        yield [group["lr"] for group in net.optimizer_.param_groups]
    finally:
        for parameter in others:
            parameter.requires_grad_(True)
        net.optimizer_.zero_grad()
        net.optimizer_ = optimizer
