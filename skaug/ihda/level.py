"""One level of IHDA: sources, samples, fine-tuning, keep or undo (Algorithm 2)."""

import copy
import math
import warnings
from contextlib import contextmanager, nullcontext

import numpy as np
import torch
from sklearn.utils import Bunch

from skaug.hard_regions.latent_generators import collapse
from skaug.ihda.finetuning import batches_of_rows, finetune, passes, recalibrate
from skaug.ihda.shrinking import averaged, logits_held
from skaug.ihda.synthetic import SyntheticSet
from skaug.net.finite import weights_not_finite

__all__ = ["Level", "new_record"]


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

    Attributes
    ----------
    generator : object or None
        The fitted generator, once samples are made.
    """

    def __init__(self, settings, record, rows, held_out, steps, seed):
        self.settings, self.record = settings, record
        self.rows, self.held_out = rows, held_out
        self.net = rows.net
        self.codes = rows.codes.cpu().numpy()
        self.steps, self.generator = steps, None
        # Each draw has a seed of its own: sources that are chosen at random are not the
        # rows of the first batches.
        seeds = np.random.SeedSequence(seed).generate_state(4).tolist()
        self.seeds = dict(zip(("sources", "batches", "samples", "training"), seeds))

    def augment(self, sources, generator, loss):
        """Go through the level: lines 4 to 7 of Algorithm 2.

        Parameters
        ----------
        sources : HardPoints
            Chooses the sources, with the radius of this level; not fitted.
        generator : object
            Makes the samples; not fitted.
        loss : float
            Loss of the network on the training rows before this level.
        """
        settings, record = self.settings, self.record
        self._reach(loss)
        if not self.rows.h.any():
            self._warn(
                "it is left alone, because all activations are 0. Decrease the "
                "estimator's lr."
            )
            self._leave_alone()
            return
        record.steps = self.steps
        n_rows = batch_size(self.net, len(self.codes))
        n_synthetic = _n_synthetic(settings.synthetic_share, n_rows)
        indices = self._choose(sources) if n_synthetic else []
        if n_synthetic and not len(indices):
            self._warn(f"no point is a source. {sources.advice}.")
            if n_synthetic == n_rows:
                self._leave_alone()
                return
            n_synthetic = 0
        samples = None
        if n_synthetic:
            samples = self._samples(generator, indices, n_synthetic)
        real = self._real(n_rows - n_synthetic)
        averaging = holding = nullcontext()
        if settings.shrinks:
            averaging, holding = averaged(self.net.module_), logits_held(self.rows)
        with self._undone_if_worse(), holding:
            with averaging:
                finetune(
                    self.rows,
                    _mixed(self.rows, real, samples),
                    record.steps,
                    rate=settings.tune_lr,
                    trainable=settings.trainable,
                    frozen_norms=settings.batch_norm == "frozen",
                    seed=self.seeds["training"],
                )
            if settings.batch_norm == "recalibrate":
                recalibrate(self.rows)

    def _reach(self, loss):
        """Compute the activations, and check that the network goes on from them."""
        for rows in (self.rows, self.held_out):
            if rows is not None:
                rows.reach(self.record.level)
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

    def _choose(self, sources):
        """Rows that samples are made from (Eq. 6)."""
        record = self.record
        sources.fit(
            self.rows.h.flatten(1).cpu().numpy(),
            self.codes,
            self.rows.groups,
            random_state=self.seeds["sources"],
            device=self.net.device,
        )
        record.radius, record.gamma = sources.radius_, sources.gamma_
        record.hard_share = sources.hard_share_
        if sources.rule == "hard" and not 0.01 <= record.hard_share <= 0.3:
            few = record.hard_share < 0.01
            self._warn(
                f"{record.hard_share:.1%} of the points have positive potential within "
                f"radius {record.radius:.3g}. {'Increase' if few else 'Decrease'} "
                "radius, or set sources='region'."
            )
        return sources.indices_

    def _samples(self, generator, indices, size):
        """Batches of samples, from a generator that is trained on the activations."""
        record, seed = self.record, self.seeds["samples"]
        h = self.rows.h.flatten(1)
        generator.fit(h, self.rows.codes, self.rows.groups, random_state=seed % 2**31)
        if getattr(generator, "interrupted_", False):
            raise KeyboardInterrupt
        self.generator = generator
        for name in ("r2", "r2_held_out", "active_units"):
            record[name] = getattr(generator, f"{name}_", record[name])
        sentence = collapse(generator, least_r2=0.1)
        if sentence is not None:
            self._warn(sentence)
        record.n_sources = self._by_class(self.codes[indices])
        indices = np.repeat(indices, self.settings.n_samples)
        rng = np.random.RandomState(seed)
        order = next(passes(self.codes[indices], rng, self.settings.balance))
        # Samples that no batch would reach are not made.
        indices = indices[order][: record.steps * size]
        record.n_samples = self._by_class(self.codes[indices])
        arguments = generator, h, self.rows.codes, indices, seed, self.rows.weights
        return SyntheticSet(*arguments).batches(size)

    def _real(self, size):
        """Batches of numbers of real rows; None if there are to be none."""
        if not size:
            self._warn(
                "batches are synthetic only, which cost accuracy on all data that was "
                "tried. Decrease synthetic_share."
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
        before = copy.deepcopy([module.state_dict() for module in _trained(self.net)])
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
                for module, state in zip(_trained(self.net), before):
                    module.load_state_dict(state)
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
        hard_share=math.nan,
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


def _trained(net):
    """The modules that a step changes: the network, and a loss that has a state."""
    criterion = net.criterion_
    has_state = isinstance(criterion, torch.nn.Module)
    return [net.module_, criterion] if has_state else [net.module_]
