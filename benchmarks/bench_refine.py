"""Does switching augmentation off for the last epochs help? Paired, 5 seeds, 3 sets.

A seed draws the training rows, the weights and the order of batches, which all arms
share, and all arms take the same number of epochs. Test rows are the official ones
(har: nine other subjects). Of every augmentation there are three arms:

- refined: clean batches in the last epochs, at the learning rate reached by then.
- held: the same epochs at the same rate, with the augmentation. It isolates the switch.
- annealed: no refinement, which is the usual training, its rate going down to 0.

They are one training up to the switch, which is therefore done once and copied; that
this is a straight run bit for bit is asserted first. "plain" has no augmentation.

Images are not otherwise augmented. CutMix is applied to half of the batches; after
AutoAugment's policy for CIFAR-10 comes Cutout with half of the height, as in the paper.
Networks are the default ones: "har" is a table of spectra.

Clean loss is the cross-entropy on the training rows, augmented loss the same on rows
augmented as in training (by the same draws in all arms, at a hidden layer for manifold
mixup), with the network in evaluation mode; both in nats. Differences are means ±
standard error, [95 % t interval], with * where that excludes 0. Seeds share the test
rows: the intervals speak for other draws and weights, not for other images or subjects.

    python benchmarks/bench_refine.py [--seeds 5] [--sets har ...] [--output FILE.json]
    python benchmarks/bench_refine.py --summary FILE.json ...

The second writes the tables to results/refine.md, below what stands there before its
first heading.
"""

import argparse
import copy
import inspect
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import log_loss, recall_score

from data import har_table, load, take
from runs import (
    by_set,
    check,
    claim,
    commit,
    fill_page,
    interval,
    kept,
    markdown,
    origin,
    say,
    values,
    write,
)
from skaug import BatchAugmentation, Cutout, ManifoldMixup, NetClassifier, TableMixup
from skaug.transforms import PerSample
from skaug.transforms.torchvision import torchvision  # noqa: F401

# Behind the line above, which makes it possible beside a torch without CUDA.
from torchvision.transforms import v2  # isort: skip

# Training rows, all epochs and those of refinement.
SETS = {
    "har": (1000, 30, 8),
    "fashion_mnist": (5000, 15, 4),
    "cifar10": (2000, 30, 8),
}
ARMS = ["refined", "held", "annealed"]
# Decimals that are printed.
METRICS = {
    "clean loss": 4,
    "augmented loss": 3,
    "accuracy": 2,
    "log-loss": 3,
    "worst class": 2,
}
CLAIMED = ["mixup", "manifold mixup", "cutmix"]
PAGE = Path(__file__).parent / "results" / "refine.md"


def augmentations(name):
    """Transforms of a set, with the share of batches that are transformed."""
    if name == "har":
        return {"mixup": (TableMixup(), 1.0), "manifold mixup": (ManifoldMixup(), 1.0)}
    policy = v2.AutoAugment(v2.AutoAugmentPolicy.CIFAR10)
    cutout = Cutout(16 if name == "cifar10" else 14)
    return {
        "mixup": (v2.MixUp(alpha=1.0, num_classes=10), 1.0),
        "manifold mixup": (ManifoldMixup(), 1.0),
        "cutmix": (v2.CutMix(num_classes=10), 0.5),
        "autoaugment": (v2.Compose([PerSample(policy), cutout]), 1.0),
    }


def rows_of(name, seed):
    """Training rows of a seed and all test rows."""
    data = load(name)
    rows = take(data.y_train, SETS[name][0], seed)
    X, y, X_test = data.X_train[rows], data.y_train[rows], data.X_test
    if name == "har":
        X, X_test = har_table(X), har_table(X_test)
    return X, y, X_test, data.y_test


def net_of(seed, epochs, augment=None):
    """The default network of a seed."""
    callbacks = [] if augment is None else [("augment", augment)]
    return NetClassifier(max_epochs=epochs, callbacks=callbacks, random_state=seed)


def settings_of(arm, transform, refine_epochs):
    """What the callbacks of the arms differ in."""
    return {
        "refine_epochs": 0 if arm == "annealed" else refine_epochs,
        "refine_transform": transform if arm == "held" else None,
    }


def branches(seed, epochs, refine_epochs, transform, probability, X, y):
    """The net of each arm, trained together until the switch."""
    augment = BatchAugmentation(transform, refine_epochs, probability=probability)
    trunk = net_of(seed, epochs, augment)
    trunk.partial_fit(X, y, epochs=epochs - refine_epochs)
    for arm in ARMS:
        net = copy.deepcopy(trunk)
        # The net's set_params would create its callbacks anew.
        callback = dict(net.callbacks_)["augment"]
        vars(callback).update(settings_of(arm, transform, refine_epochs))
        yield arm, net.partial_fit(X, y, epochs=refine_epochs)


def check_branches(name):
    """Refuse to go on unless the arms are what straight runs give, bit for bit."""
    X, y, *_ = rows_of(name, 0)
    X, y = X[:130], y[:130]
    for augmentation, (transform, probability) in augmentations(name).items():
        for arm, net in branches(0, 3, 2, transform, probability, X, y):
            settings = settings_of(arm, transform, refine_epochs=2)
            own = BatchAugmentation(transform, probability=probability, **settings)
            straight = net_of(0, 3, own).fit(X, y)
            same = np.array_equal(net.predict_proba(X), straight.predict_proba(X))
            assert same, f"{name}, {augmentation}, {arm}: not a straight run"


def augmented_loss(net, transform, probability, X, y):
    """Cross-entropy on augmented training rows, all layers in evaluation mode."""
    module, total = net.module_.eval(), 0.0
    # ManifoldMixup mixes while the network, not the layer, is in training mode.
    module.training = True
    known = {"module": module, "n_classes": len(net.classes_)}
    wanted = set(known) & set(inspect.signature(transform).parameters)
    keywords = {name: known[name] for name in wanted}
    X, y = map(torch.from_numpy, net.encode(X, y))
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for rows in torch.arange(len(X)).split(net.batch_size):
            batch = X[rows], y[rows]
            if torch.rand(()) < probability:
                batch = transform(*batch, **keywords)
            logits, targets = module(batch[0]), batch[1]
            loss = torch.nn.functional.cross_entropy(logits, targets, reduction="sum")
            total += float(loss)
    module.eval()
    return total / len(X)


def scores(net, name, rows, augmentation=None):
    """Losses on the training rows, metrics on the test rows in points or nats."""
    X, y, X_test, y_test = rows
    proba = net.predict_proba(X_test)
    labels = net.classes_[proba.argmax(1)]
    result = {"clean loss": log_loss(y, net.predict_proba(X), labels=net.classes_)}
    if augmentation is not None:
        result["augmented loss"] = augmented_loss(net, *augmentation, X, y)
    result["accuracy"] = 100 * np.mean(labels == y_test)
    result["log-loss"] = log_loss(y_test, proba, labels=net.classes_)
    if name == "har":
        result["worst class"] = 100 * recall_score(y_test, labels, average=None).min()
    return {metric: round(float(value), 6) for metric, value in result.items()}


def run_seed(name, seed):
    """Scores of all arms of a seed."""
    _, epochs, refine_epochs = SETS[name]
    rows = X, y, *_ = rows_of(name, seed)
    arms = {"plain": scores(net_of(seed, epochs).fit(X, y), name, rows)}
    say(name, seed, "plain", arms["plain"])
    for key, augmentation in augmentations(name).items():
        for arm, net in branches(seed, epochs, refine_epochs, *augmentation, X, y):
            arms[f"{key}, {arm}"] = scores(net, name, rows, augmentation)
            say(name, seed, f"{key}, {arm}", arms[f"{key}, {arm}"])
    return {"set": name, "seed": seed, "setting": SETS[name], "arms": arms}


def levels(runs):
    """Lines of the table of all arms: means over seeds."""
    metrics = [m for m in METRICS if m in runs[0]["arms"]["mixup, refined"]]
    yield ["arm", *metrics]
    for arm, scored in runs[0]["arms"].items():
        means = {m: values(runs, arm, m).mean() for m in metrics if m in scored}
        cells = [f"{means[m]:.{METRICS[m]}f}" if m in means else "" for m in metrics]
        yield [arm, *cells]


def differences(runs):
    """Lines of the table of paired differences of "refined" to the other arms."""
    arms = runs[0]["arms"]
    metrics = [m for m in METRICS if m in arms["mixup, refined"]]
    yield ["arm", *metrics]
    for ours in (arm for arm in arms if arm.endswith("refined")):
        key = ours.split(",")[0]
        for twin in (f"{key}, held", f"{key}, annealed", "plain"):
            cells = [
                interval(values(runs, ours, m) - values(runs, twin, m), METRICS[m])
                if m in arms[twin]
                else ""
                for m in metrics
            ]
            yield [f"{ours} - {twin.split(', ')[-1]}", *cells]


def summary(results):
    """The tables of every set, how they were made, and the claims."""
    lines = []
    for name, runs in by_set(results, SETS).items():
        n, epochs, refine_epochs = runs[0]["setting"]
        lines += [f"## {name}: {n} training rows, {len(runs)} seeds\n"]
        lines += [
            f"{epochs} epochs, {refine_epochs} of refinement; {runs[0]['origin']}"
        ]
        for rows in (levels(runs), differences(runs)):
            lines += ["", *markdown(rows)]
        lines.append("")
    return "\n".join(
        [*lines, "## Claims\n", *(f"- {text}" for text, _ in claims(results))]
    )


def claims(results):
    """The paper's mechanism on the image sets that were run, and whether it holds."""
    for name, runs in by_set(results, SETS).items():
        if name == "har":
            continue
        for key in CLAIMED:
            clean = [values(runs, f"{key}, {a}", "clean loss") for a in ARMS[:2]]
            ratios = clean[0] / clean[1]
            held = (ratios < 0.5).all()
            seen = ", ".join(f"{ratio:.3f}" for ratio in ratios)
            text = f"{name}, {key}: clean loss refined / held < 0.5 in every seed"
            yield claim(text, seen, held)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--output", help="where to keep the figures of every seed")
    parser.add_argument("--summary", nargs="+", help="kept figures to make tables of")
    options = parser.parse_args()
    if options.summary:
        results = kept(options.summary)
        fill_page(PAGE, "Refined augmentation", summary(results))
    else:
        torch.set_num_threads(1)
        made, results = f"commit {commit()}, {origin()}", []
        for name in options.sets:
            check_branches(name)
            say(name, "branches are straight runs")
            for seed in range(options.seeds):
                results.append({**run_seed(name, seed), "origin": made})
                if options.output:  # after each seed: the next one takes minutes
                    write(options.output, {"results": results})
        print(summary(results))
    check(claims(results))


if __name__ == "__main__":
    main()
