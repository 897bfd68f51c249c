"""When is augmentation best switched off, after how long a training? Paired, 5 seeds.

These are the sweeps of the paper on refined augmentation. T is about 800 gradient
steps. On images, mixup or a policy (TrivialAugment) comes on top of standard
augmentation, crops and flips, as in the paper. Har is a table of spectra without any. A
seed draws the rows, and seeds the weights and batches of all arms.

- Figure 4: T in all, with mixup, say, off after a share of it. "held" keeps the rate
  that the schedule has reached, as ``refine_epochs`` does. "scheduled" lets the rate go
  on to 0, as in the paper: such an arm differs from "T1 = 1" in the switch alone.
- Table 3: a training of T1 to the end of its schedule, then T2 of ``skaug.refine``.
- Standard augmentation: T2 with crops and flips, or without any ("clean").

Arms share what they have in common: nets are copied at each switch and go on from one
T2 to the next. That a copy gives what a straight run gives, bit for bit, is asserted
first. T1 and T2 are shares of T, losses are in nats, accuracy in points.

    python benchmarks/bench_sweeps.py [--sets cifar10 ...] [--seeds 300 ...]
        [--output FILE.json]
    python benchmarks/bench_sweeps.py --summary FILE.json ...

The second writes the tables to results/sweeps.md.
"""

import copy
from fractions import Fraction

import numpy as np
import torch
from sklearn.metrics import log_loss

from data import SETS as DRAWS
from data import drawn, pooled
from runs import (
    by_set,
    claim,
    differences,
    half_width,
    list_of_claims,
    mean_and_error,
    origins,
    plus_minus,
    rounded,
    say,
    scores_of,
    section,
    study,
    study_parser,
    values,
)
from skaug import BatchAugmentation, ManifoldMixup, NetClassifier, TableMixup, refine
from skaug.transforms import RandomCropFlip, TrivialAugment

# Epochs of T, and the intensive augmentations.
SETS = {
    "fashion_mnist": (112, ["mixup", "policy"]),
    "cifar10": (96, ["mixup", "policy"]),
    "har": (160, ["mixup", "manifold mixup"]),
}
SEEDS = [300, 301, 302, 303, 304]
METRICS = {"accuracy": 2, "log-loss": 3, "clean loss": 4}
TRANSFORMS = {
    "mixup": TableMixup(),
    "manifold mixup": ManifoldMixup(),
    "policy": TrivialAugment(),
}
RATES = ["held", "scheduled"]
SWITCHES = [Fraction(share) for share in ("1/2", "3/4", "7/8", "15/16")]
T1 = [Fraction(share) for share in ("1/4", "1/2", "1")]
T2 = [Fraction(share) for share in ("1/8", "1/4")]


class Switched(BatchAugmentation):
    """Augmentation after whose switch the schedule of the rate may go on."""

    rate = "held"

    def on_epoch_begin(self, net, **kwargs):
        """Let go of the rate."""
        super().on_epoch_begin(net, **kwargs)
        if self.rate == "scheduled":
            for group in net.optimizer_.param_groups:
                group.pop("held_lr", None)


def standard_of(name):
    """Crops and flips of images of half the size; a table has none."""
    return None if name == "har" else RandomCropFlip(2)


def net_of(name, seed, epochs, way="standard", **params):
    """A net with standard augmentation and, for other ways, an intensive one."""
    callbacks = []
    if standard_of(name) is not None:
        callbacks.append(("standard", BatchAugmentation(standard_of(name))))
    if way in TRANSFORMS:
        callbacks.append(("augment", Switched(TRANSFORMS[way], **params)))
    return NetClassifier(max_epochs=epochs, callbacks=callbacks, random_state=seed)


def switched(trunk, epochs, rate, X, y):
    """A copy of a net, trained for the last epochs without intensive augmentation."""
    net = copy.deepcopy(trunk)
    # The net's set_params would create its callbacks anew.
    vars(dict(net.callbacks_)["augment"]).update(refine_epochs=epochs, rate=rate)
    return net.partial_fit(X, y, epochs=epochs)


def refined(net, epochs, transform, X, y):
    """Copies of a finished net, refined for each of several ascending epochs."""
    net = copy.deepcopy(net)
    for length in np.diff(epochs, prepend=0):
        yield refine(net, X, y, epochs=int(length), transform=transform)


def check_copies(name, X, y):
    """Refuse to go on unless all arms are what straight runs give, bit for bit."""
    for way in SETS[name][1]:
        trunk = net_of(name, 0, 4, way).partial_fit(X, y, epochs=1)
        net = switched(trunk.partial_fit(X, y, epochs=1), 2, "held", X, y)
        straight = net_of(name, 0, 4, way, refine_epochs=2).fit(X, y)
        same = np.array_equal(net.predict_proba(X), straight.predict_proba(X))
        assert same, f"{name}, {way}: a copy is not a straight run"
        (once,) = refined(net, [3], None, X, y)
        *_, twice = refined(net, [1, 3], None, X, y)
        same = np.array_equal(once.predict_proba(X), twice.predict_proba(X))
        assert same, f"{name}, {way}: refining twice is not refining once"


def run_seed(name, seed):
    """Scores of all arms of a seed."""
    torch.set_num_threads(1)
    n_rows, _, is_pooled, _ = DRAWS[name]
    part = drawn(name, n_rows, seed)
    X, X_test = (pooled(rows) if is_pooled else rows for rows in (part.X, part.X_test))
    X, y = np.float32(X), part.y
    if seed == SEEDS[0]:
        check_copies(name, X[:130], y[:130])
        say(name, "copies are straight runs")
    (T, intensive), standard, arms = SETS[name], standard_of(name), {}

    def add(arm, net):
        scores = scores_of(part.y_test, net.predict_proba(X_test), net.classes_)
        scores["clean loss"] = log_loss(y, net.predict_proba(X), labels=net.classes_)
        arms[arm] = rounded({metric: scores[metric] for metric in METRICS}, 6)
        say(name, seed, arm, arms[arm])

    def add_finished(way, t1, net):
        add(f"{way}, T1 = {t1}", net)
        kept = {"": standard}
        if standard is not None and t1 == 1:
            kept[" clean"] = None
        for what, transform in kept.items():
            nets = refined(net, [round(T * t2) for t2 in T2], transform, X, y)
            for t2, other in zip(T2, nets):
                add(f"{way}, T1 = {t1}, T2 = {t2}{what}", other)

    add_finished("standard", 1, net_of(name, seed, T).fit(X, y))
    for way in intensive:
        net, done = net_of(name, seed, T, way), 0
        for share in SWITCHES:
            epochs = round(T * share)
            net.partial_fit(X, y, epochs=epochs - done)
            done = epochs
            for rate in RATES:
                other = switched(net, T - epochs, rate, X, y)
                add(f"{way}, off at {share}, {rate}", other)
        add_finished(way, 1, net.partial_fit(X, y, epochs=T - done))
        for t1 in T1[:-1]:
            net = net_of(name, seed, round(T * t1), way)
            add_finished(way, t1, net.fit(X, y))
    return {"arms": arms}


def difference(runs, metric, ours, twin):
    """Mean, standard error and half of the 95 % t interval."""
    gaps = values(runs, ours, metric) - values(runs, twin, metric)
    mean, error = mean_and_error(gaps)
    return mean, error, half_width(error, len(gaps))


def cell(runs, metric, ours, twin=None):
    """The mean of an arm, or its difference to another, starred beyond doubt."""
    digits = METRICS[metric]
    if twin is None:
        return f"{values(runs, ours, metric).mean():.{digits}f}"
    mean, error, half = difference(runs, metric, ours, twin)
    return plus_minus(mean, error, digits) + "*" * bool(abs(mean) > half)


def figure_4(runs, ways, metric):
    """Lines of a table: a row for each switch, and one for no switch."""
    kinds = [(way, rate) for way in ways for rate in RATES]
    yield [f"{metric}: off at", *(f"{way}, {rate}" for way, rate in kinds)]
    for share in [0, *SWITCHES]:
        cells = []
        for way, rate in kinds:
            arm = f"{way}, off at {share}, {rate}" if share else "standard, T1 = 1"
            cells.append(cell(runs, metric, arm, f"{way}, T1 = 1"))
        yield [str(share), *cells]
    yield ["never", *(cell(runs, metric, f"{way}, T1 = 1") for way, _ in kinds)]


def table_3(runs, ways, metric):
    """Lines of a table: a row for each T1, a column for each T2."""
    yield [f"{metric}: trained with", *(f"T2 = {t2}" for t2 in [0, *T2])]
    for way in ways:
        for t1 in T1:
            before = f"{way}, T1 = {t1}"
            after = [(f"{before}, T2 = {t2}", before) for t2 in T2]
            cells = (cell(runs, metric, *arms) for arms in [(before,), *after])
            yield [before, *cells]


def of_standard(ways):
    """Pairs of arms: refined clean, and before or with crops and flips kept."""
    found = {}
    for before in (f"{way}, T1 = 1" for way in ways):
        for t2 in T2:
            kept = f"{before}, T2 = {t2}"
            clean = f"{kept} clean"
            found[f"{clean} - before"] = clean, before
            found[f"{clean} - kept"] = clean, kept
    return found


def summary(results):
    """The tables of every set, how they were made, and the claims."""
    lines = []
    for name, runs in by_set(results, SETS).items():
        T, ways = SETS[name]
        tables = [
            table(runs, ways, metric)
            for table in (figure_4, table_3)
            for metric in METRICS
        ]
        if standard_of(name) is not None:
            pairs = of_standard(["standard", *ways])
            tables.append(differences(runs, pairs, METRICS))
        heading = f"{name}: {DRAWS[name][0]} rows, {len(runs)} seeds"
        lines += section(heading, f"T = {T} epochs; {origins(runs)}", *tables)
    return "\n".join([*lines, *list_of_claims(claims(results))])


def claims(results):
    """What the paper says of Tables 2 and 3, and whether it holds."""
    for name, runs in by_set(results, SETS).items():
        for way in SETS[name][1]:
            before = f"{way}, T1 = 1"
            after = f"{before}, T2 = {T2[-1]}"
            yield differs(name, runs, "clean loss", "lower", after, before)
        if "policy" in SETS[name][1]:
            short, *_, long = (f"policy, T1 = {t1}" for t1 in T1)
            after = f"{long}, T2 = {T2[-1]}"
            for twin in (long, f"{short}, T2 = {T2[-1]}"):
                yield differs(name, runs, "accuracy", "higher", after, twin)


def differs(name, runs, metric, how, ours, twin):
    """The claim that a metric is lower or higher beyond doubt."""
    mean, error, half = difference(runs, metric, ours, twin)
    held = mean + half < 0 if how == "lower" else mean - half > 0
    text = f"{name}: {metric} of {ours} {how} beyond doubt than of {twin}"
    return claim(text, plus_minus(mean, error, METRICS[metric]), held)


if __name__ == "__main__":
    options = study_parser(__doc__, SETS, SEEDS, n_jobs=1).parse_args()
    settings = {name: [*DRAWS[name], *setting] for name, setting in SETS.items()}
    title = "Sweeps of refined augmentation"
    study(__file__, options, settings, run_seed, summary, claims, title)
