"""One level of IHDA: sources, samples, fine-tuning, keep or undo (Algorithm 2)."""

import copy
import math
import time
import warnings
from contextlib import contextmanager, nullcontext

import numpy as np
import torch
from sklearn.utils import Bunch

from skaug._checks import Number, Whole, check_value
from skaug._files import as_gib
from skaug.hard_regions.latent_generators import collapse
from skaug.hard_regions.parts import bytes_of_row, parts
from skaug.ihda.finetuning import batches_of_rows, finetune, passes, recalibrate
from skaug.ihda.points import points_of
from skaug.ihda.room import block
from skaug.ihda.shrinking import averaged, logits_held
from skaug.ihda.synthetic import SyntheticSet
from skaug.net.finite import weights_not_finite

__all__ = [
    "Level",
    "batch_size",
    "level_skip_probability",
    "new_record",
    "restore",
    "state_of",
]


def level_skip_probability(number, probability):
    """Probability of skipping a level (Algorithm 2, line 3, of IHDA).

    It is ``p / (1 + log(number))``: what the paper's text describes and what fits its
    Table 4, where p = 0 augments every level. As printed, ``1 / (1 + p log(number))``,
    it would skip every level at p = 0.

    Parameters
    ----------
    number : int
        The level's number, from 1.
    probability : float
        The paper's p.

    Returns
    -------
    probability : float
        Between 0 and 1.

    Examples
    --------
    >>> from skaug.ihda import level_skip_probability
    >>> [round(level_skip_probability(l, 0.5), 2) for l in (1, 2, 10)]
    [0.5, 0.3, 0.15]
    """
    of_levels = Whole(1, hint="Levels are counted from 1.")
    check_value("level_skip_probability", "number", number, of_levels)
    check_value("level_skip_probability", "probability", probability, Number(0, 1))
    return probability / (1 + math.log(number))


class Level:
    """A level of a trained network that is about to be augmented.

    Parameters
    ----------
    settings : IHDAFinetuner
        Its parameters are read.
    record : Bunch
        What is told of this level, from :func:`new_record`; filled in place.
    rows : LevelRows
        Training rows, at a level below.
    held_out : LevelRows or None
        Rows that decide whether the level is kept.
    steps : int
        Steps of fine-tuning.
    seed : int
        Seed of all draws.
    rate : float, default=0.0
        Learning rate at the start, as a multiple of the net's.
    batch_norm : {"train", "frozen", "recalibrate"}, default="train"
        What batch normalisation above the level does.
    validated : set of str, default=()
        Which of "radius" and "tune_lr" were chosen on rows held out. No advice is given
        that those rows have judged already.

    Attributes
    ----------
    generator : object or None
        The fitted generator, once samples are made.
    compared : ndarray of int or None
        The rows that sources are looked for among; None if these are all.
    n_rows, n_synthetic : int
        Rows of a batch, and how many of them are samples.
    """

    def __init__(
        self,
        settings,
        record,
        rows,
        held_out,
        steps,
        seed,
        rate=0.0,
        batch_norm="train",
        validated=(),
    ):
        self.settings, self.record = settings, record
        self.rows, self.held_out, self._start = rows, held_out, time.perf_counter()
        self.net = rows.net
        self.codes = rows.codes.cpu().numpy()
        self.steps, self.rate, self.batch_norm = steps, rate, batch_norm
        self.validated, self.generator, self.compared = validated, None, None
        self.n_rows = batch_size(self.net, len(self.codes))
        self.n_synthetic = _n_synthetic(settings.synthetic_share, self.n_rows)
        # Each draw has a seed of its own: sources that are chosen at random are not the
        # rows of the first batches.
        seeds = np.random.SeedSequence(seed).generate_state(5).tolist()
        names = "sources", "batches", "samples", "training", "compared"
        self.seeds = dict(zip(names, seeds))

    def augment(self, sources, generator, loss, kept):
        """Go through the level: lines 4 to 7 of Algorithm 2.

        Parameters
        ----------
        sources : HardPoints
            Chooses the sources, with the radius of this level; not fitted.
        generator : object
            Makes the samples; not fitted.
        loss : float or None
            Loss of the network on the training rows before this level; None if it is
            not known.
        kept : Kept
            Has what came of the level if it was done before.
        """
        found = self.reach(with_loss=loss is None)
        self.check_cut(found if loss is None else loss)
        step = "level", self.record.level
        done = kept.step(step, self._changed, sources, generator)
        # If it was done before, as if it had been done now.
        self.record.update(done.record)
        self.generator = done.generator
        restore(self.net, done.state)

    def _changed(self, sources, generator):
        """Do what changes the network, and return what came of it."""
        if self.prepare(sources, generator):
            with self._undone_if_worse():
                self.train(sources)
        self.record.seconds = time.perf_counter() - self._start
        state = state_of(self.net)
        return Bunch(record=self.record, generator=self.generator, state=state)

    def reach(self, with_loss=False):
        """Compute the activations; return the loss before it if that is asked for."""
        if self.held_out is not None:
            self.held_out.reach(self.record.level)
        return self.rows.reach(self.record.level, with_loss)

    def check_cut(self, loss):
        """Check that the network goes on from the activations.

        Parameters
        ----------
        loss : float
            Loss of the network on the training rows, at a level below.
        """
        found = self.record.loss_before = self.rows.loss()
        # The few rows on which the cut was checked may not have shown a difference.
        if math.isfinite(loss) and not math.isclose(
            found, loss, rel_tol=1e-3, abs_tol=1e-4
        ):
            raise ValueError(
                f"{type(self.net.module_).__name__} needs to be cut at level "
                f"{self.record.level!r} without a change of the training loss; got "
                f"{found:.4g} from its activations instead of {loss:.4g}. Name other "
                "levels."
            )

    def prepare(self, sources, generator):
        """Choose the sources and fit the generator; False if the level is left alone.

        Parameters
        ----------
        sources, generator : objects
            As for :meth:`augment`.

        Returns
        -------
        goes_on : bool
            Whether there is something to train on.
        """
        if self.is_dead():
            self._warn(
                "it is left alone, because all activations are 0. Decrease the "
                "estimator's lr."
            )
            self._leave_alone()
            return False
        if self.n_synthetic:
            self._choose(sources)
            if len(sources.indices_):
                self.fit(generator)
                return True
            self._warn(f"no point is a source. {sources.advice}.")
            if self.n_synthetic == self.n_rows:
                self._leave_alone()
                return False
            self.n_synthetic = 0
        return True

    def is_dead(self):
        """Whether all activations are 0."""
        h = self.rows.h
        return not any(h[part].any() for part in parts(h))

    def train(self, sources):
        """Fine-tune the network above the level.

        Parameters
        ----------
        sources : HardPoints
            Fitted; not looked at if batches have no samples.
        """
        self.record.steps, self.record.tune_lr = self.steps, self.rate
        samples = self._samples(sources.indices_) if self.n_synthetic else None
        real = self._real(self.n_rows - self.n_synthetic)
        averaging = holding = nullcontext()
        if self.settings.shrinks:
            averaging, holding = averaged(self.net.module_), logits_held(self.rows)
        with holding:
            with averaging:
                finetune(
                    self.rows,
                    _mixed(self.rows, real, samples),
                    self.steps,
                    rate=self.rate,
                    trainable=self.settings.trainable,
                    frozen_norms=self.batch_norm == "frozen",
                    seed=self.seeds["training"],
                )
            if self.batch_norm == "recalibrate":
                recalibrate(self.rows)

    def _choose(self, sources):
        """Rows that samples are made from (Eq. 6)."""
        record = self.record
        points, settings = self.points(sources)
        sources.fit(*points, **settings)
        record.radius, record.gamma = sources.radius_, sources.gamma_
        record.hard_share = sources.hard_share_
        if sources.rule != "hard" or "radius" in self.validated:
            return
        if not 0.01 <= record.hard_share <= 0.3:
            few = record.hard_share < 0.01
            self._warn(
                f"{record.hard_share:.1%} of the points have positive potential within "
                f"radius {record.radius:.3g}. {'Increase' if few else 'Decrease'} "
                "radius, or set sources='region'."
            )

    def points(self, sources):
        """Points, codes and groups for a HardPoints, and the keywords of fit."""
        settings = {"random_state": self.seeds["sources"], "device": self.net.device}
        points, rows = points_of(self.rows.h, sources, self.seeds["compared"])
        of_points, self.compared = [self.codes, self.rows.groups], rows
        if rows is not None:
            of_points = [None if a is None else a[rows] for a in of_points]
            self._tell_sample(sources)
        return (points, *of_points), settings

    def _tell_sample(self, sources):
        """Say that sources are looked for in a part of the rows."""
        self.record.n_compared = len(self.compared)
        ways = ["Raise it with sklearn.set_config(working_memory=...)"]
        if self.rows.h.ndim > 2 and getattr(sources, "maps", None) == "whole":
            ways.append("set sources=HardPoints(maps='means')")
        self._warn(
            f"distances are those among {len(self.compared)} of {len(self.codes)} "
            "rows, a random sample that takes half of scikit-learn's working_memory, "
            f"and sources come from it. {', or '.join(ways)}."
        )

    def fit(self, generator):
        """Train the generator on the activations; it is kept as an attribute."""
        record, seed = self.record, self.seeds["samples"]
        h = self.rows.h.flatten(1)
        if not getattr(generator, "reads_in_parts", False):
            h = self._all_at_once(generator, h)
        generator.fit(h, self.rows.codes, self.rows.groups, random_state=seed % 2**31)
        if getattr(generator, "interrupted_", False):
            raise KeyboardInterrupt
        self.generator = generator
        for name in ("r2", "r2_held_out", "active_units"):
            record[name] = getattr(generator, f"{name}_", record[name])
        sentence = collapse(generator, least_r2=0.1)
        if sentence is not None:
            self._warn(sentence)

    def _all_at_once(self, generator, h):
        """All activations as one tensor, for a generator that needs them so."""
        size = bytes_of_row(h) * len(h)
        if size > block():
            self._warn(
                f"{type(generator).__name__} needs all activations in memory, "
                f"{as_gib(size)}, which is more than scikit-learn's working_memory. "
                "generator='vae', 'cvae' and 'noise' read them in parts."
            )
        return h[:]

    def _samples(self, indices):
        """Batches of samples, made from the points of some numbers."""
        record, seed, size = self.record, self.seeds["samples"], self.n_synthetic
        indices = indices if self.compared is None else self.compared[indices]
        record.n_sources = self._by_class(self.codes[indices])
        indices = np.repeat(indices, self.settings.n_samples)
        rng = np.random.RandomState(seed)
        order = next(passes(self.codes[indices], rng, self.settings.balance))
        # Samples that no batch would reach are not made.
        indices = indices[order][: record.steps * size]
        record.n_samples = self._by_class(self.codes[indices])
        arguments = self.rows.codes, indices, seed, self.rows.weights
        samples = SyntheticSet(self.generator, self.rows.h.flatten(1), *arguments)
        return samples.batches(size)

    def _real(self, size):
        """Batches of numbers of real rows; None if there are to be none."""
        if not size:
            if "tune_lr" not in self.validated:
                self._warn(
                    "batches are synthetic only, which cost accuracy on all data that "
                    "was tried. Decrease synthetic_share."
                )
            return None
        rng = np.random.RandomState(self.seeds["batches"])
        return batches_of_rows(self.codes, size, rng, self.settings.balance)

    @contextmanager
    def _undone_if_worse(self):
        """Take the losses before and after; undo what made them worse."""
        record, held_out = self.record, self.held_out
        if held_out is not None:
            record.held_out_before = held_out.loss()
        before = state_of(self.net)
        try:
            yield
        finally:
            record.loss_after = self.rows.loss()
            if held_out is not None:
                record.held_out_after = held_out.loss()
                record.accepted = record.held_out_after <= record.held_out_before
            finite = weights_not_finite(self.net.module_) is None
            if not finite or not math.isfinite(record.loss_after):
                self._warn("training diverged and is undone. Decrease tune_lr.")
                record.accepted = False
            if not record.accepted:
                restore(self.net, before)
                record.loss_after = record.loss_before

    def _by_class(self, codes):
        classes = self.net.classes_
        counts = np.bincount(codes, minlength=len(classes)).tolist()
        return dict(zip(classes.tolist(), counts))

    def _leave_alone(self):
        self.record.skipped, self.record.steps = True, 0

    def _warn(self, what):
        # The caller is at another depth for each warning, so that no stack level is
        # right for all of them.
        warnings.warn(
            f"IHDAFinetuner, level {self.record.level!r}: {what}", stacklevel=2
        )


def new_record(level, skipped):
    """Make the record of a level, with all entries, before anything is known."""
    return Bunch(
        level=level,
        skipped=skipped,
        radius=math.nan,
        gamma=math.nan,
        tune_lr=math.nan,
        hard_share=math.nan,
        n_compared=0,
        n_sources={},
        n_samples={},
        r2=math.nan,
        r2_held_out=math.nan,
        active_units=0,
        steps=0,
        loss_before=math.nan,
        loss_after=math.nan,
        held_out_before=math.nan,
        held_out_after=math.nan,
        accepted=True,
        interrupted=False,
        seconds=0.0,
        stored="",
        mib=0.0,
    )


def batch_size(net, n):
    """Rows of a batch, of which there are n in all."""
    return min(net.batch_size, n) if net.batch_size > 0 else n


def _n_synthetic(share, n_rows):
    """Samples per batch; at least one unless the share is 0."""
    if share in (0.0, 1.0):
        return round(share * n_rows)
    if n_rows < 2:
        raise ValueError(
            "IHDAFinetuner needs batches of two or more to mix rows and samples; "
            "got batches of one. Increase the estimator's batch_size."
        )
    return min(max(round(share * n_rows), 1), n_rows - 1)


def _mixed(rows, real, samples):
    """Batches of activations: of rows given by number, of samples, or of both."""
    while True:
        batch = []
        if real is not None:
            numbers = next(real)
            places = torch.as_tensor(numbers, device=rows.h.device)
            of_rows = () if rows.weights is None else (rows.weights[numbers],)
            batch.append((rows.h[places], rows.codes[places], *of_rows))
        if samples is not None:
            new, *others = next(samples)
            batch.append((new.unflatten(1, rows.h.shape[1:]), *others))
        yield tuple(map(torch.cat, zip(*batch)))


def state_of(net):
    """Copy all that a step changes: weights, statistics, and the state of a loss."""
    return copy.deepcopy([module.state_dict() for module in _trained(net)])


def restore(net, states):
    """Put a net back into a state that was copied before."""
    for module, state in zip(_trained(net), states):
        module.load_state_dict(state)


def _trained(net):
    """The modules that a step changes: the network, and a loss that has a state."""
    criterion = net.criterion_
    has_state = isinstance(criterion, torch.nn.Module)
    return [net.module_, criterion] if has_state else [net.module_]
