"""Does a network in bfloat16 become another one? Paired, 10 seeds.

The scripts in tables/ have their networks compute in bfloat16 with ``--gpu``, with
channels last in memory. Here ResNet-8 is trained on 1,000 small images of CIFAR-10,
by the recipe of ResNet-110 for fewer epochs, plain and with ISDA, in either precision,
on the CPU. Accuracy is in points, log-loss in nats.

    python benchmarks/bench_bfloat16.py [--seeds 10] [--output FILE.json]
    python benchmarks/bench_bfloat16.py --summary FILE.json

The second writes the tables to results/bfloat16.md.
"""

import sys
from pathlib import Path

import torch

from data import load, pooled, take
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
from skaug import ISDAClassifier, NetClassifier
from skaug.baselines import recipe

sys.path.append(str(Path(__file__).parent / "tables"))
from nets import FAST

NAME, ROWS, TEST_ROWS, EPOCHS = "cifar10", 1000, 3000, 30
METRICS = {"accuracy": 2, "log-loss": 3}
KINDS = {"plain": (NetClassifier, {}), "ISDA": (ISDAClassifier, {"strength": 0.5})}


def run_seed(name, seed):
    """Scores of both kinds in both precisions."""
    torch.set_num_threads(1)
    data, arms = load(name), {}
    rows = take(data.y_train, ROWS, seed)
    X, y = pooled(data.X_train[rows]), data.y_train[rows]
    rows = take(data.y_test, TEST_ROWS, seed=0)
    X_test, y_test = pooled(data.X_test[rows]), data.y_test[rows]
    axes = 0, 2, 3
    mean, scale = (of(axes, keepdims=True) for of in (X.mean, X.std))
    X, X_test = (X - mean) / scale, (X_test - mean) / scale
    for arm, (kind, more) in KINDS.items():
        for precision, made in {"float32": kind, "bfloat16": FAST[kind]}.items():
            training = recipe("resnet", max_epochs=EPOCHS)
            net = made(**training, **more, module__depth=8, random_state=seed)
            net.fit(X, y)
            scores = scores_of(y_test, net.predict_proba(X_test), net.classes_)
            label = f"{arm}, {precision}"
            arms[label] = rounded({metric: scores[metric] for metric in METRICS}, 6)
            say(name, seed, label, arms[label])
    return {"arms": arms}


def pairs():
    """What is compared: label, arm and other arm."""
    found = {
        f"{arm}: bfloat16 - float32": (f"{arm}, bfloat16", f"{arm}, float32")
        for arm in KINDS
    }
    for precision in ("float32", "bfloat16"):
        found[f"{precision}: ISDA - plain"] = (
            f"ISDA, {precision}",
            f"plain, {precision}",
        )
    return found


def summary(results):
    """Both tables, how they were made, and the claims."""
    lines = []
    for runs in by_set(results, [NAME]).values():
        heading = f"{NAME}: {ROWS} rows, {EPOCHS} epochs, {len(runs)} seeds"
        tables = levels(runs, METRICS), differences(runs, pairs(), METRICS)
        lines += section(heading, origins(runs), *tables)
    return "\n".join([*lines, *list_of_claims(claims(results))])


def claims(results):
    """That the precision moves no metric beyond doubt, or by much."""
    for arm in KINDS:
        for metric, most in {"accuracy": 1.0, "log-loss": 0.05}.items():
            ours, other = (
                values(results, f"{arm}, {precision}", metric)
                for precision in ("bfloat16", "float32")
            )
            mean, error = mean_and_error(ours - other)
            half = half_width(error, len(results))
            text = f"{arm}: {metric} differs by less than {most}, and not beyond doubt"
            holds = abs(mean) < min(most, half)
            yield claim(text, f"{mean:+.3f} ± {error:.3f}", holds)


if __name__ == "__main__":
    options = study_parser(__doc__, [NAME], seeds=10).parse_args()
    settings = {NAME: [ROWS, TEST_ROWS, EPOCHS]}
    title = "Networks in bfloat16"
    study(__file__, options, settings, run_seed, summary, claims, title)
