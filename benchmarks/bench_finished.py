"""Does it help to refine a finished network, or to weaken slowly? Paired, 5 seeds.

A network is trained with mixup to the end of its schedule. Then it goes on for an
eighth as many epochs at the default rate of ``skaug.refine``, on clean batches or on
augmented ones. The same is done after the augmentation by hand. Other arms refine in
the last quarter of one training: the augmentation is switched off at once, or weakened
linearly or along a cosine. Losses are in nats, accuracy in points.

    python benchmarks/bench_finished.py [--sets digits ...] [--seeds 200 ...]
        [--output FILE.json]
    python benchmarks/bench_finished.py --summary FILE.json ...

The second writes the tables to results/finished.md.
"""

import copy
import warnings

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
    levels,
    list_of_claims,
    mean_and_error,
    origins,
    rounded,
    say,
    scores_of,
    section,
    study,
    study_parser,
    values,
)
from skaug import BatchAugmentation, NetClassifier, TableMixup, refine
from skaug.transforms import baseline_transform

SETS = ["digits", "fashion_mnist", "cifar10", "har"]
SEEDS = [200, 201, 202, 203, 204]
METRICS = {"accuracy": 2, "log-loss": 3, "clean loss": 4}
WAYS = {"mixup": lambda X: TableMixup(), "by hand": baseline_transform}
SCHEDULES = ["off", "linear", "cosine"]


def run_seed(name, seed):
    """Scores of all arms of a seed."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", UserWarning)  # the heuristic has enough steps
    n_rows, _, is_pooled, _ = DRAWS[name]
    part = drawn(name, n_rows, seed)
    X, X_test = (pooled(rows) if is_pooled else rows for rows in (part.X, part.X_test))
    X = np.float32(X)
    arms = {}

    def add(arm, net):
        scores = scores_of(part.y_test, net.predict_proba(X_test), net.classes_)
        clean = log_loss(part.y, net.predict_proba(X), labels=net.classes_)
        arms[arm] = rounded({**scores, "clean loss": clean}, 6)
        say(name, seed, arm, arms[arm])

    def trained(transform, **params):
        augment = BatchAugmentation(transform, random_state=seed, **params)
        net = NetClassifier(callbacks=[("augment", augment)], random_state=seed)
        return net.fit(X, part.y)

    for way, transform_of in WAYS.items():
        transform = transform_of(torch.from_numpy(X))
        net = trained(transform)
        add(way, net)
        for arm, again in {"clean": None, "augmented": transform}.items():
            other, epochs = copy.deepcopy(net), max(1, net.n_epochs_ // 8)
            refine(other, X, part.y, epochs=epochs, transform=again)
            add(f"{way}, then {arm}", other)
        for schedule in SCHEDULES:
            net = trained(transform, refine_epochs=0.25, refine_schedule=schedule)
            add(f"{way}, {schedule}", net)
    return {"arms": arms}


def pairs():
    """What is compared: label, arm and other arm."""
    found = {}
    for way in WAYS:
        clean, augmented = f"{way}, then clean", f"{way}, then augmented"
        found[f"{clean} - then augmented"] = clean, augmented
        found[f"{clean} - before"] = clean, way
        for schedule in SCHEDULES[1:]:
            label = f"{way}, {schedule} - off"
            found[label] = f"{way}, {schedule}", f"{way}, off"
    return found


def summary(results):
    """The tables of every set, how they were made, and the claims."""
    lines = []
    for name, runs in by_set(results, SETS).items():
        heading = f"{name}: {DRAWS[name][0]} rows, {len(runs)} seeds"
        of_arms = levels(runs, METRICS)
        lines += section(
            heading, origins(runs), of_arms, differences(runs, pairs(), METRICS)
        )
    return "\n".join([*lines, *list_of_claims(claims(results))])


def claims(results):
    """What is claimed of mixup to the end, then clean, against then augmented."""
    lower, worse = [], []
    groups = by_set(results, SETS)
    ours, other = "mixup, then clean", "mixup, then augmented"
    for name, runs in groups.items():
        for metric in ("clean loss", "log-loss"):
            gaps = values(runs, ours, metric) - values(runs, other, metric)
            mean, error = mean_and_error(gaps)
            half = half_width(error, len(gaps))
            if metric == "clean loss":
                text = f"{name}: clean loss lower beyond doubt"
                yield claim(text, f"{mean:+.4f} ± {error:.4f}", mean + half < 0)
            elif mean + half < 0:
                lower.append(name)
            elif mean - half > 0:
                worse.append(name)
    text = "test log-loss lower beyond doubt on two sets or more"
    yield claim(text, ", ".join(lower) or "none", len(lower) >= min(2, len(groups)))
    text = "test log-loss higher beyond doubt on no set"
    yield claim(text, ", ".join(worse) or "none", not worse)


if __name__ == "__main__":
    options = study_parser(__doc__, SETS, SEEDS).parse_args()
    settings = {name: list(DRAWS[name]) for name in SETS}
    title = "A finished network, refined"
    study(__file__, options, settings, run_seed, summary, claims, title)
