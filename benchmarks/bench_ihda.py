"""Does IHDA help? The default and the paper's own reading, beside their twins.

A seed draws the training rows, the weights and the order of batches. The base network
is trained once; every arm fine-tunes a copy of it and is scored once on the official
test rows (digits: rows never drawn from; har: nine other subjects). Differences are to
the arm "real": the same levels, steps, batches and rates without samples.

- base: no fine-tuning. default: all points as sources, from an autoencoder, and short
  steps. whole steps: the default without ``validation="shrink"``, and with statistics
  of batch normalisation from the batches, as it was once. noise: the default's sources
  and steps, noise on the features.
- paper: ``IHDAFinetuner.paper()``, which chooses the radius and the rate of each level,
  p, and what batch normalisation does, on a tenth of the training rows. paper's twin:
  the same levels and rates, with real rows only. paper, not tuned: what ``paper()`` was
  before it chose anything: one radius of 1 for all levels, autoencoders of 400 steps,
  and the default's rate.
- hard, random: hard points of each level as sources, or as many random ones.
- region balanced, top of class: two ideas for the class that is recalled worst.

Table 4 of the paper takes for each level the radius and the rate that its validation
found best among those that augment the level, so that no level is left alone, and p =
0.35. Its twin takes real rows only. All networks of a table start from one base. Beside
the paper's rows stand samples without beta, an autoencoder in standard units, samples
clamped at 0, and batches of which one half is real. A level that is skipped leaves its
steps unused.

Networks are the default ones. On cifar10 the last block is dense, as in the study that
the claims go back to; "cifar10, 16 x 16" has images of half the size, since the paper's
reading trains some twenty autoencoders of whole maps. "cifar10, ConvNet" has the
default network, which pools all positions instead, and no claim.

Levels are means over seeds, differences means and the half width of the two-sided 95 %
t interval. Seeds share the test rows: the intervals speak for other draws and weights,
not for other subjects. The best temperature is picked on the test rows for every arm
alike, which takes calibration out. Cost is the seconds of fine-tuning over those of the
base training, one thread each. Hard: points of positive potential, level by level.

With --kept FILE.json, only the arms that --again names are made. Others are taken over
from the runs of that file, if their network before fine-tuning has the same scores.

    python benchmarks/bench_ihda.py [--seeds 8] [--sets har ...] [--output FILE.json]
    python benchmarks/bench_ihda.py --kept OLD.json --again default noise ...
    python benchmarks/bench_ihda.py --summary FILE.json ...
"""

import math
import time
import warnings
from functools import partial

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils import Bunch
from torch import nn

from data import drawn, pooled
from runs import (
    by_set,
    claim,
    half_width,
    kept,
    list_of_claims,
    markdown,
    mean_and_error,
    place,
    plus_minus,
    rounded,
    study,
    study_parser,
)
from skaug import HardPoints, IHDAFinetuner, NetClassifier, VAEGenerator
from skaug.ihda import ablation
from skaug.net import ConvNet

N_TRAIN = {
    "har": 1000,
    "cifar10": 3000,
    "cifar10, 16 x 16": 1000,
    "cifar10, ConvNet": 3000,
    "digits": 300,
    "mnist": 500,
    "fashion_mnist": 2000,
}
FEW = partial(IHDAFinetuner, n_samples=5)
NOT_TUNED = partial(
    IHDAFinetuner.paper,
    radius=1.0,
    tune_lr=0.4,
    skip_probability=0.0,
    batch_norm="train",
    generator=VAEGenerator(keep_residual=False, decoder_noise=0.0),
)
WHOLE_STEPS = partial(IHDAFinetuner, validation=None, batch_norm="train")
ARMS = {
    "real": partial(IHDAFinetuner, synthetic_share=0),
    "default": IHDAFinetuner,
    "whole steps": WHOLE_STEPS,
    "noise": partial(IHDAFinetuner, generator="noise"),
    "random": partial(FEW, sources="random"),
    "hard": partial(FEW, sources="hard"),
    "paper, not tuned": NOT_TUNED,
    "paper": IHDAFinetuner.paper,
    "region balanced": partial(FEW, sources="region", balance=True),
    "top of class": partial(FEW, sources=HardPoints("top", share=0.2)),
}
# Of the autoencoder of paper(), each with one thing changed.
GENERATORS = {
    "without beta": {"spread": "fixed"},
    "in standard units": {"standardise": True},
    "clamped at 0": {"clamp": True},
}
P_OF_TABLE_4 = 0.35
IMAGES = ["real", "default", "whole steps", "noise", "hard"]
FEW_ARMS = {
    "cifar10": IMAGES,
    "cifar10, 16 x 16": ["real", "default", "noise", "paper, not tuned", "paper"],
    "cifar10, ConvNet": ["real", "default", "whole steps", "noise"],
    "mnist": IMAGES,
    "fashion_mnist": IMAGES,
}
# Decimals that are printed.
METRICS = {
    "accuracy": 2,
    "balanced accuracy": 2,
    "worst class": 2,
    "worst subject": 2,
    "log-loss": 3,
    "log-loss at best temperature": 3,
    "cost": 2,
}
# Set, two arms, metric and where the whole interval of their difference has to lie.
CLAIMS = [
    ("har", "default", "base", "log-loss", "<", 0),
    ("cifar10", "default", "base", "log-loss at best temperature", "<", 0),
    ("cifar10", "default", "base", "accuracy", ">", 0),
    ("har", "paper", "paper, not tuned", "accuracy", ">", 0),
    ("digits", "paper", "paper, not tuned", "accuracy", ">", 0),
]
GAPS = ("accuracy", "worst class", "log-loss", "log-loss at best temperature")
TITLE = "IHDA against its twin of equal compute"
TWINS = {"arms": "real", "table 4": "real rows only"}
LONG, MOST = 30, 0.3  # seconds of base training, cost of the default
EXPECTED = ("IHDAFinetuner", "Rows of zeros only")
# scikit-learn's log_loss has the same floor for probabilities of this precision.
FLOOR = np.log(np.finfo(np.float32).eps)


class DenseBlockNet(ConvNet):
    """Three convolutional blocks and a dense one, of 128 features, for pooling."""

    def __init__(self, n_channels, n_classes, input_shape, widths=(32, 64, 128)):
        super().__init__(n_channels, n_classes, widths)
        _, height, width = input_shape
        n_inputs = widths[-1] * math.ceil(height / 8) * math.ceil(width / 8)
        dense = [nn.Flatten(), nn.Linear(n_inputs, 128, bias=False)]
        self.blocks.append(nn.Sequential(*dense, nn.BatchNorm1d(128), nn.ReLU()))
        self.pool = nn.Identity()


def net_of(name, seed):
    """The default network; on cifar10 the kind of network that the study had."""
    is_dense = name.startswith("cifar10") and not name.endswith("ConvNet")
    module = DenseBlockNet if is_dense else None
    return NetClassifier(module, random_state=seed)


def scores(model, X, y, subjects):
    """Metrics on test rows, those of shares in points, and the recall of each class."""
    proba = model.predict_proba(X).astype(float)
    right = model.classes_[proba.argmax(1)] == y
    logs = np.log(np.maximum(proba, np.finfo(np.float32).tiny))
    true = np.arange(len(y)), np.searchsorted(model.classes_, y)

    def loss(log_temperature):
        tempered = log_softmax(logs / np.exp(log_temperature), axis=1)
        return -np.maximum(tempered[true], FLOOR).mean()

    recalls = 100 * share_by(y, right)
    best = minimize_scalar(loss, bounds=(-3, 3), method="bounded").fun
    result = {
        "accuracy": 100 * right.mean(),
        "balanced accuracy": recalls.mean(),
        "worst class": recalls.min(),
        "log-loss": loss(0),
        "log-loss at best temperature": best,
    }
    if subjects is not None:
        result["worst subject"] = 100 * share_by(subjects, right).min()
    return {**rounded(result, 5), "recalls": recalls.round(3).tolist()}


def share_by(keys, right):
    """Share of right answers among the rows of each key."""
    return np.array([right[keys == key].mean() for key in np.unique(keys)])


def run_arm(make, base, seed, rows):
    """Fit one arm: its model, its scores, its seconds, and what its levels tell."""
    model = make(FrozenEstimator(base), random_state=seed)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        start = time.perf_counter()
        model.fit(rows.X, rows.y, groups=rows.groups)
        seconds = time.perf_counter() - start
    known = 0
    for w in caught:
        is_known = w.category is UserWarning and str(w.message).startswith(EXPECTED)
        known += is_known
        # Where all points are sources, nothing is expected.
        if not is_known or model.sources == "all":
            warnings.warn_explicit(w.message, w.category, w.filename, w.lineno)
    hard = [None if np.isnan(r.hard_share) else r.hard_share for r in model.levels_]
    return model, {
        **scores(model, rows.X_test, rows.y_test, rows.groups_test),
        "seconds": round(seconds, 3),
        "hard": hard,
        "levels": sum(not record.skipped for record in model.levels_),
        "warnings": known,
    }


def run_seed(name, seed, again=(), kept_runs=None):
    """The base training of a seed and all arms on its rows, or those made again."""
    old = (kept_runs or {}).get((name, seed))
    torch.set_num_threads(1)
    rows = drawn(name.split(",")[0], N_TRAIN[name], seed)
    if name.endswith("16 x 16"):
        rows.update(X=pooled(rows.X), X_test=pooled(rows.X_test))
    # The first training of a process loads a good deal of torch.
    NetClassifier(max_epochs=1).fit(rows.X[:100], rows.y[:100])
    start = time.perf_counter()
    base = net_of(name, seed).fit(rows.X, rows.y)
    seconds = time.perf_counter() - start
    untuned = scores(base, rows.X_test, rows.y_test, rows.groups_test)
    untuned |= {"seconds": 0, "hard": [], "levels": 0, "warnings": 0}
    run = {"seconds": round(seconds, 3), "arms": {"base": untuned}}
    few = FEW_ARMS.get(name, ARMS) if old is None else again
    for arm in [arm for arm in ARMS if arm in few]:
        model, run["arms"][arm] = run_arm(ARMS[arm], base, seed, rows)
        if arm == "paper":
            run["tuning"] = tuning_of(model)
            chosen = settings_of(model.tuning_.levels, model.tuning_)
            twin = partial(IHDAFinetuner.paper, **chosen, synthetic_share=0)
            twin = partial(twin, skip_probability=model.tuning_.skip_probability)
            _, run["arms"]["paper's twin"] = run_arm(twin, base, seed, rows)
            run["table 4"] = table_4(model, base, untuned, seed, rows)
    for key in "arms", "table 4":
        for scored in run.get(key, {}).values():
            scored["cost"] = round(scored["seconds"] / seconds, 5)
    return run if old is None else with_kept(run, old)


def with_kept(run, old):
    """A run with the arms that it lacks, and what belongs to them, from an old one."""
    new, known = ({m: r["arms"]["base"][m] for m in GAPS} for r in (run, old))
    if new != known:
        raise ValueError(f"Kept arms have another base network: {known}, not {new}.")
    arms = {arm: run["arms"].get(arm, scored) for arm, scored in old["arms"].items()}
    made = {"kept": f"commit {old['commit']}, {old['origin']}"}
    others = {key: old[key] for key in ("tuning", "table 4") if key in old}
    return {**others, **run, "arms": arms, **made}


def tuning_of(model):
    """What validation chose, and the losses of all that was tried."""
    found = model.tuning_
    levels = [
        {
            **{key: level[key] for key in ("level", "radius", "tune_lr")},
            "tried": [rounded(trial, 5) for trial in level.tried],
        }
        for level in found.levels
    ]
    skips = [rounded(trial, 5) for trial in found.skips]
    told = {"levels": levels, "skips": skips, "seconds": round(found.seconds, 3)}
    told |= {"skip_probability": found.skip_probability}
    return told | {"batch_norm": found.batch_norm}


def settings_of(levels, tuning):
    """Radius and rate of each level and the rest, as arguments of ``paper()``."""
    return {
        "batch_norm": tuning.batch_norm,
        "radius": {level.level: level.radius for level in levels},
        "tune_lr": {level.level: level.tune_lr for level in levels},
    }


def best_that_augments(level):
    """The pair of radius and rate of least held-out loss that has any source."""
    found = [trial for trial in level.tried if trial.radius > 0]
    best = min(found, key=lambda t: t.loss, default=Bunch(radius=0.0, tune_lr=0.0))
    return Bunch(level=level.level, radius=best.radius, tune_lr=best.tune_lr)


def table_4(tuned, base, untuned, seed, rows):
    """The paper's ablation, and more rows, with no level left alone."""
    tuning = tuned.tuning_
    chosen = settings_of([best_that_augments(one) for one in tuning.levels], tuning)
    make = partial(IHDAFinetuner.paper, **chosen, skip_probability=P_OF_TABLE_4)
    model, fitted = run_arm(make, base, seed, rows)
    networks = [untuned, fitted]

    def score(model, X, y):
        """The place among the networks where the scores of this one are kept."""
        networks.append(scores(model, X, y, rows.groups_test))
        networks[-1] |= told_of(model)
        return len(networks) - 1

    test = rows.X_test, rows.y_test
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = ablation(
            model, rows.X, rows.y, *test, groups=rows.groups, scoring=score
        )
    places = dict(zip(found.settings, found.scores[0].astype(int).tolist()))
    result = {arm: dict(networks[place]) for arm, place in places.items()}
    for arm, changed in GENERATORS.items():
        generator = clone(model.generator).set_params(**changed)
        _, result[arm] = run_arm(partial(make, generator=generator), base, seed, rows)
    half = partial(make, synthetic_share=0.5)
    _, result["one half real"] = run_arm(half, base, seed, rows)
    return result


def told_of(model):
    """What a model's levels tell; the net before fine-tuning has none."""
    records = getattr(model, "levels_", [])
    return {
        "seconds": sum(record.seconds for record in records),
        "hard": [None if np.isnan(r.hard_share) else r.hard_share for r in records],
        "levels": sum(not record.skipped for record in records),
        "warnings": 0,
    }


def difference(runs, key, arm, metric, twin=None):
    """Mean paired difference to a twin and the half width of its 95 % interval."""
    twin = TWINS[key] if twin is None else twin
    gaps = [run[key][arm][metric] - run[key][twin][metric] for run in runs]
    mean, error = mean_and_error(gaps)
    return mean, half_width(error, len(gaps))


def table(runs, key):
    """Lines of one table, arms one below the other."""
    metrics = [metric for metric in METRICS if metric in runs[0][key][TWINS[key]]]
    columns = [c for metric in metrics for c in (metric, "- real")]
    yield ["arm", *columns, "levels", "hard, %", "warnings"]
    for arm in runs[0][key]:
        line = [arm]
        for metric in metrics:
            digits = METRICS[metric]
            level = np.mean([run[key][arm][metric] for run in runs])
            gap = plus_minus(*difference(runs, key, arm, metric), digits)
            line += [f"{level:.{digits}f}", "" if arm == TWINS[key] else gap]
        line.append(f"{np.mean([run[key][arm]['levels'] for run in runs]):.1f}")
        line.append(hard_shares([run[key][arm]["hard"] for run in runs]))
        line.append(str(sum(run[key][arm]["warnings"] for run in runs)))
        yield line


def chosen_lines(runs):
    """Table of the radius and rate of each level, seed by seed, and of p."""
    names = [level["level"] for level in runs[0]["tuning"]["levels"]]
    lines = [["seed", *names, "batch normalisation", "p", "seconds of tuning"]]
    for run in runs:
        levels = [
            f"w {level['radius']:g}, rate {level['tune_lr']:g}"
            if level["radius"]
            else "left alone"
            for level in run["tuning"]["levels"]
        ]
        told = run["tuning"]
        p, seconds = f"{told['skip_probability']:g}", f"{told['seconds']:.0f}"
        lines.append([str(run["seed"]), *levels, told["batch_norm"], p, seconds])
    return markdown(lines)


def hard_shares(shares_of_runs):
    """Mean share of each level in %, over the seeds that know it."""
    by_level = np.array(shares_of_runs, float).T
    means = [level[~np.isnan(level)] for level in by_level]
    texts = [f"{100 * m.mean():.1f}" if len(m) else "-" for m in means]
    return "" if set(texts) <= {"-"} else " / ".join(texts)


def summary(results):
    """The tables of every set."""
    lines = []
    for name, runs in by_set(results, N_TRAIN).items():
        seconds = np.mean([run["seconds"] for run in runs])
        heading = f"{name}: {N_TRAIN[name]} training rows, {len(runs)} seeds"
        lines += [f"## {heading}, base training {seconds:.1f} s\n"]
        lines += [*markdown(table(runs, "arms")), ""]
        lines += [f"### {name}: differences that matter\n"]
        lines += [*markdown(gaps(runs)), ""]
        if "table 4" in runs[0]:
            lines += [f"### {name}: what validation chose\n", *chosen_lines(runs), ""]
            lines += [f"### {name}: Table 4\n", *markdown(table(runs, "table 4")), ""]
    return "\n".join([*lines, *list_of_claims(claims(results))])


def gaps(runs):
    """Lines of differences to the net before fine-tuning, and of the paper's arm."""
    yield ["difference", *GAPS]
    arms = runs[0]["arms"]
    pairs = [(arm, "base") for arm in arms if arm != "base"]
    pairs += [("paper", twin) for twin in ("paper's twin", "paper, not tuned", "real")]
    for arm, twin in pairs:
        if arm in arms and twin in arms:
            found = [difference(runs, "arms", arm, metric, twin) for metric in GAPS]
            texts = [plus_minus(*gap, METRICS[m]) for gap, m in zip(found, GAPS)]
            yield [f"{arm} - {twin}", *texts]


def claims(results):
    """What is claimed of the sets that were run, and whether it holds."""
    sets = by_set(results, N_TRAIN)
    for name, arm, twin, metric, side, limit in CLAIMS:
        if name in sets:
            mean, half = difference(sets[name], "arms", arm, metric, twin)
            held = mean + half < limit if side == "<" else mean - half > limit
            text = f"{name}: {arm} - {twin} in {metric} {side} {limit:g}"
            yield claim(text, f"{mean:+.3f} ± {half:.3f}", held)
    for name, runs in sets.items():
        yield from no_harm(name, runs)
        costs = [r["arms"]["default"]["cost"] for r in runs if r["seconds"] > LONG]
        if costs:
            text, mean = f"{name}: cost of default <= {MOST}", np.mean(costs)
            yield claim(text, f"{mean:.3f}", mean <= MOST)


def no_harm(name, runs):
    """The default is not worse than the net before fine-tuning beyond doubt."""
    for metric in ("accuracy", "log-loss", "log-loss at best temperature"):
        mean, half = difference(runs, "arms", "default", metric, "base")
        worse = mean + half < 0 if metric == "accuracy" else mean - half > 0
        text = f"{name}: default not worse than base beyond doubt in {metric}"
        yield claim(text, f"{mean:+.3f} ± {half:.3f}", not worse)


if __name__ == "__main__":
    parser = study_parser(__doc__, N_TRAIN, seeds=8)
    parser.add_argument("--kept", nargs="+", default=[], help="runs to take over")
    parser.add_argument("--again", nargs="+", choices=ARMS, default=[])
    options = parser.parse_args()
    older = {place(run): run for run in kept(options.kept)}
    run = partial(run_seed, again=options.again, kept_runs=older)
    study(__file__, options, N_TRAIN, run, summary, claims, TITLE)
