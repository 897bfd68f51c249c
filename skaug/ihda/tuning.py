"""What IHDA's paper chooses by validation, and what it leaves open, on rows held out.

The paper holds out a part of the training rows, finds w of every level and p on them,
and then applies its Algorithm 2 to all rows from scratch (section 4.2.1). It says
neither how it searches nor how the network is fine-tuned. Here the search is greedy. At
each level, from the lowest up, the network is fine-tuned from the same state once for
every pair of a radius and a rate. The pair that leaves the least loss on the rows held
out is kept, and the next level begins where it ended. To leave the level alone is one
of the candidates: w = 0 is in the paper's interval, and then no point has a neighbour.

The paper does not say what batch normalisation does meanwhile, which can decide whether
fine-tuning helps: the search over all levels is run once with each of its modes. With
all levels chosen, whole passes with some levels skipped are compared with the pass that
skips none.
"""

import math
import time
import warnings
from contextlib import contextmanager
from itertools import pairwise

import numpy as np
from sklearn.utils import Bunch

from skaug._checks import is_number
from skaug._paired import standard_error
from skaug._progress import prints_lines
from skaug.hard_regions.potential import auto_radius
from skaug.ihda.finetuning import trained_norms
from skaug.ihda.level import (
    Level,
    level_skip_probability,
    new_record,
    restore,
    state_of,
)
from skaug.net.finite import weights_not_finite

__all__ = [
    "Tuner",
    "is_validated",
    "is_zero",
    "short_list",
    "skipped_levels",
]

VALIDATED = "validated"
# The paper's grid of w, for the cosine distance.
COSINE_RADII = np.arange(1, 21) / 20
# Other distances have a unit: multiples of the typical distance to the tenth neighbour.
MULTIPLES = math.sqrt(2) ** np.arange(-4, 9)
# How many radii are fine-tuned with. With gamma = 0.05, neighbours farther than 0.2
# hardly count, so that most of the paper's radii make the same few sets of points.
MOST_RADII = {"cosine": 5, "euclidean": 8, "manhattan": 8}
# The paper gives no rate. On batches of samples only, 0.4 destroyed what the network
# knew, and 0.04 hardly moved it.
RATES = (0.02, 0.1, 0.4)
# 0.35 and 0.55 were the paper's best for networks of 15 and 54 blocks, and its ablation
# has the two ends.
SKIP_PROBABILITIES = (0.0, 0.35, 0.55, 1.0)
# The first one wins if both end at the same loss.
BATCH_NORMS = ("frozen", "train")


def skipped_levels(draws, probability):
    """Which levels are skipped (n_levels,), from one uniform draw for each."""
    numbers = range(1, len(draws) + 1)
    chances = [level_skip_probability(number, probability) for number in numbers]
    return np.asarray(draws) < chances


def is_validated(value):
    """Whether a parameter is to be chosen."""
    return isinstance(value, str) and value == VALIDATED


def is_zero(radius):
    """Whether a radius is 0, so that no point has a neighbour."""
    return is_number(radius) and radius == 0


class Tuner:
    """Chooses radius and rate of each level, p and batch_norm, on rows held out.

    Parameters
    ----------
    settings : IHDAFinetuner
        Its parameters are read.
    cut : Bunch
        The ``net``, trained without the rows held out, the ``names`` of its levels, and
        ``rows``, which makes LevelRows of row numbers.
    train, held_out : ndarray of int
        Numbers of the rows.
    radii, rates : dict
        By name of a level: what was given; "validated" is to be chosen. What is chosen
        takes its place; a level that is left alone has the radius 0.
    steps : int
        Steps of fine-tuning per level.
    plan : Bunch
        ``seeds`` and ``draws`` of the levels, those of the pass on all rows: what is
        judged is then what will be done, levels that are skipped included.
    kept : Kept
        Has what came of steps that were done before.

    Attributes
    ----------
    record : Bunch
        What ``IHDAFinetuner.tuning_`` tells.
    skip_probability : float
        The paper's p, chosen or given.
    batch_norm : str
        The mode of batch normalisation, chosen or given.
    radii, rates : dict
        By name of a level, chosen or given.
    interrupted_at : str or None
        The level at which Ctrl-C ended the tuning.
    """

    def __init__(self, settings, cut, train, held_out, radii, rates, steps, plan, kept):
        self.settings, self.cut, self.steps, self.plan = settings, cut, steps, plan
        self._kept = kept
        self.radii, self.rates = self._given = radii, rates
        self._sides, self._start = (train, held_out), state_of(cut.net)
        self._chooses_p = is_validated(settings.skip_probability)
        self.skip_probability = 0.0 if self._chooses_p else settings.skip_probability
        self.interrupted_at = None
        self._take_rows()
        self._modes, self._found = self._modes_to_try(), []
        self.batch_norm = self._modes[0]
        self._before = self._judged = self._judge()
        self.record = Bunch(
            n_train=len(self.rows.codes),
            n_held_out=len(self.held_out.codes),
            loss_before=self._before.loss,
            levels=[],
            batch_norms=[],
            batch_norm=self.batch_norm,
            skips=[],
            skip_probability=self.skip_probability,
            seconds=0.0,
        )

    def _modes_to_try(self):
        """The modes of batch normalisation to search with."""
        given = self.settings.batch_norm
        if not is_validated(given):
            return [given]
        # Without batch normalisation that is trained, all modes are the same, and one
        # search is enough.
        lowest, trainable = self.cut.names[0], self.settings.trainable
        norms = trained_norms(self.rows.levels, lowest, trainable)
        return BATCH_NORMS if norms else BATCH_NORMS[:1]

    def _take_rows(self):
        """Start from the input, on both sides."""
        self.rows, self.held_out = map(self.cut.rows, self._sides)

    def tune(self, progress):
        """Choose, from the lowest level up.

        Parameters
        ----------
        progress : Progress
            Counts the levels.
        """
        start = time.perf_counter()
        progress.start_over(len(self.cut.names) * len(self._modes))
        try:
            self._choose_levels(progress)
            if self._chooses_p:
                with progress.around(), _without_warnings():
                    self._choose_skip_probability()
            self.interrupted_at = None
            # Levels that are skipped by chance were not tried.
            tried = any(told.tried for told in self.record.levels)
            if tried and not self._augmented(self.skip_probability):
                warnings.warn(
                    "IHDAFinetuner leaves all levels alone, because nothing that was "
                    "tried lowered the loss of the rows held out. See tuning_, or "
                    "hold out more with validation.",
                    stacklevel=2,
                )
        except KeyboardInterrupt:  # the net is in the best state so far
            return
        finally:
            self.rows = self.held_out = None  # activations can be large
            self.record.seconds = time.perf_counter() - start

    def _choose_levels(self, progress):
        """Search with every mode of batch normalisation, and keep the best."""
        try:
            for mode in self._modes:
                self._search(mode, progress)
        finally:
            best = min(self._found, key=lambda found: found.judged.loss)
            restore(self.cut.net, best.state)
            self.radii, self.rates, self._judged = best.radii, best.rates, best.judged
            self.batch_norm = self.record.batch_norm = best.batch_norm
            self.record.levels = best.levels
        if not is_validated(self.settings.batch_norm):
            return
        for found in self._found:
            trial = Bunch(batch_norm=found.batch_norm, loss=found.judged.loss)
            trial.error = self._error(found.judged, self._found[0].judged)
            self.record.batch_norms.append(trial)
        if prints_lines(self.settings.verbose):
            tried = self.record.batch_norms
            losses = ", ".join(f"{one.batch_norm} {one.loss:.4f}" for one in tried)
            print(f"IHDA, tuning: batch_norm {self.batch_norm}, held-out loss {losses}")

    def _search(self, mode, progress):
        """Choose at all levels, from the start, with one mode."""
        self.batch_norm, self._judged, self.record.levels = mode, self._before, []
        self.radii, self.rates = map(dict, self._given)
        skipped = skipped_levels(self.plan.draws, self.skip_probability)
        try:
            restore(self.cut.net, self._start)
            self._take_rows()
            if prints_lines(self.settings.verbose) and len(self._modes) > 1:
                print(f"IHDA, tuning with batch_norm {mode}:")
            for name, seed, skips in zip(self.cut.names, self.plan.seeds, skipped):
                self.interrupted_at = name
                with progress.around(), _without_warnings():
                    self._choose_at(name, int(seed), skips, progress)
                progress.step(level=name, held_out_loss=self._judged.loss)
        finally:
            found = Bunch(batch_norm=mode, judged=self._judged, radii=self.radii)
            found.update(rates=self.rates, levels=self.record.levels)
            found.state = state_of(self.cut.net)
            self._found.append(found)

    def _choose_at(self, name, seed, skips, progress):
        """Try all pairs of radius and rate from the same state, and keep the best."""
        level = self._level(name, seed)
        level.check_cut(level.reach(with_loss=True))
        alone = Bunch(radius=0.0, tune_lr=0.0, hard_share=0.0, n_sources=0)
        alone.update(loss=self._judged.loss, error=0.0)
        told = Bunch(level=name, radius=0.0, tune_lr=0.0, tried=[])
        self.record.levels.append(told)
        radius, rate = 0.0, 0.0
        # A level that is skipped by chance now is skipped in the pass on all rows too.
        if not skips and not is_zero(self.radii[name]):
            told.tried.append(alone)
            step = "pairs", self.batch_norm, name
            done = self._kept.step(step, self._tried_pairs, level, told, progress)
            # If it was done before, as if it had been done now.
            told.update(done.told)
            self._judged = done.judged
            restore(self.cut.net, done.state)
            radius, rate = done.best
        self.radii[name], self.rates[name] = radius, rate
        if prints_lines(self.settings.verbose):
            _tell(told)

    def _tried_pairs(self, level, told, progress):
        """Try all pairs, and return what came of it."""
        best = self._best_pair(level, told, progress)
        found = Bunch(best=best, told=told, judged=self._judged)
        found.state = state_of(self.cut.net)
        return found

    def _best_pair(self, level, told, progress):
        """Radius and rate that leave the least loss, which the net then has."""
        net, before, judged = self.cut.net, self._judged, self._judged
        start = state = state_of(net)
        best = 0.0, 0.0
        try:
            for points, rate in self._candidates(level):
                restore(net, start)
                level.rate = rate
                level.train(points)
                found = self._judge()
                trial = _trial(points, rate, found.loss, self._error(found, before))
                told.tried.append(trial)
                progress.tell(level=told.level, tried=len(told.tried) - 1)
                if found.loss < judged.loss:
                    best, judged, state = (points.radius, rate), found, state_of(net)
                    told.radius, told.tune_lr = trial.radius, trial.tune_lr
        finally:
            restore(net, state)
            self._judged = judged
        return best

    def _candidates(self, level):
        """Yield pairs of fitted points and a rate; one generator serves them all."""
        rate = self.rates[level.record.level]
        for points in self._points(level):
            for one in RATES if is_validated(rate) else [rate]:
                yield points, one

    def _points(self, level):
        """List the sources to fine-tune with; fit the generator if there are any."""
        points = self.settings.component("sources")
        generator = self.settings.component("generator")
        radius = self.radii[level.record.level]
        if not is_validated(radius):
            points.set_params(radius=radius)
            return [points] if level.prepare(points, generator) else []
        points.set_params(radius="auto")
        if not level.n_synthetic or level.is_dead():
            return [] if level.is_dead() else [points]
        data, settings = level.points(points)
        radii = _grid(points, *data, settings["device"])
        fitted = points.fit_each(*data, radii=radii, **settings)
        found = short_list(fitted, MOST_RADII[points.metric])
        if found:
            level.fit(generator)
        return found

    def _choose_skip_probability(self):
        """Compare passes with some levels skipped with the one that skips none."""
        net, before, best = self.cut.net, self._judged, self._judged
        state, known = state_of(net), {self._augmented(0.0): before}
        try:
            for probability in SKIP_PROBABILITIES:
                names = self._augmented(probability)
                if names not in known:
                    step = "pass", self.batch_norm, names
                    known[names] = self._kept.step(step, self._judge_pass, names)
                found = known[names]
                trial = Bunch(skip_probability=probability, loss=found.loss)
                trial.error = self._error(found, before)
                self.record.skips.append(trial)
                if found.loss < best.loss:
                    best, self.skip_probability = found, probability
        finally:
            restore(net, state)
        self.record.skip_probability = self.skip_probability
        if prints_lines(self.settings.verbose):
            print(
                f"IHDA, tuning: skip_probability {self.skip_probability}, held-out "
                f"loss {before.loss:.4f} -> {best.loss:.4f}"
            )

    def _augmented(self, probability):
        """Names of the levels that are neither skipped nor left alone."""
        skipped = skipped_levels(self.plan.draws, probability)
        pairs = zip(self.cut.names, skipped)
        return tuple(n for n, skips in pairs if not skips and self.radii[n] != 0)

    def _judge_pass(self, names):
        """Judge the net after a pass, from the start, over the levels of some names."""
        restore(self.cut.net, self._start)
        self._take_rows()
        for name, seed in zip(self.cut.names, self.plan.seeds):
            if name in names:
                level = self._level(name, int(seed))
                level.reach()
                points = self.settings.component("sources")
                points.set_params(radius=self.radii[name])
                if level.prepare(points, self.settings.component("generator")):
                    level.rate = self.rates[name]
                    level.train(points)
        return self._judge()

    def _level(self, name, seed):
        record = new_record(name, skipped=False)
        of_pass = self.rows, self.held_out, self.steps, seed
        return Level(self.settings, record, *of_pass, batch_norm=self.batch_norm)

    def _judge(self):
        """The mean loss of the rows held out, infinite if it is none, and by row."""
        loss = self.held_out.loss()
        finite = (
            math.isfinite(loss) and weights_not_finite(self.cut.net.module_) is None
        )
        loss = loss if finite else math.inf
        return Bunch(loss=loss, losses=self.held_out.losses())

    def _error(self, found, before):
        """Standard error of the difference of two mean losses of the same rows."""
        if math.inf in (found.loss, before.loss):
            return math.nan
        weights, gaps = self.held_out.weights, found.losses - before.losses
        shares = np.ones(len(gaps)) if weights is None else weights.numpy()
        shares = shares / shares.sum()
        contributions = shares * (gaps - shares @ gaps)
        return standard_error(contributions, self.held_out.groups)[0]


def short_list(fitted, most):
    """Fitted points of different sources, spread evenly over how these change."""
    different = {}
    for points in fitted:
        if len(points.indices_):
            different.setdefault(points.indices_.tobytes(), points)
    ranked = list(different.values())  # by their radius
    if len(ranked) <= most:
        return ranked
    # Their number would not do: a small and a large radius can have equally many.
    steps = [len(np.setxor1d(a.indices_, b.indices_)) for a, b in pairwise(ranked)]
    path = np.cumsum([0, *steps])
    wanted = np.linspace(0, path[-1], most)
    nearest = np.abs(path - wanted[:, None]).argmin(axis=1)
    return [ranked[place] for place in np.unique(nearest)]


def _grid(points, h, codes, groups, device="cpu"):
    """The radii to look at, ascending."""
    if points.metric == "cosine":
        return COSINE_RADII
    settings = {"metric": points.metric, "groups": groups, "device": device}
    return auto_radius(h, **settings) * MULTIPLES


def _trial(points, rate, loss, error):
    # Without samples in the batches, or by a rule that needs none, there is no radius.
    sources = getattr(points, "indices_", ())
    return Bunch(
        radius=getattr(points, "radius_", math.nan),
        tune_lr=rate,
        hard_share=getattr(points, "hard_share_", math.nan),
        n_sources=len(sources),
        loss=loss,
        error=error,
    )


@contextmanager
def _without_warnings():
    """Ignore what the pass on all rows will warn of again."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


def _tell(told):
    if not told.tried:
        print(f"IHDA, tuning at level {told.level}: skipped")
        return
    least = min(trial.loss for trial in told.tried)
    print(
        f"IHDA, tuning at level {told.level}: radius {told.radius:.3g}, tune_lr "
        f"{told.tune_lr:g}, held-out loss {told.tried[0].loss:.4f} -> {least:.4f} "
        f"({len(told.tried) - 1} pairs tried)"
    )
