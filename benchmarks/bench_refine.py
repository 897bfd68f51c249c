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

import copy
import inspect

import numpy as np
import torch
from sklearn.metrics import log_loss, recall_score

from data import drawn
from runs import (
    by_set,
    claim,
    differences,
    levels,
    list_of_claims,
    origins,
    rounded,
    say,
    scores_of,
    section,
    study,
    study_parser,
    values,
)
from skaug import BatchAugmentation, Cutout, ManifoldMixup, NetClassifier, TableMixup
from skaug.transforms import PerSample
from skaug.transforms.torchvision import v2

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
    rows = drawn(name, SETS[name][0], seed=0)
    X, y = rows.X[:130], rows.y[:130]
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
    X, y, y_test = rows.X, rows.y, rows.y_test
    result = {"clean loss": log_loss(y, net.predict_proba(X), labels=net.classes_)}
    if augmentation is not None:
        result["augmented loss"] = augmented_loss(net, *augmentation, X, y)
    proba = net.predict_proba(rows.X_test)
    found = scores_of(y_test, proba, net.classes_)
    result |= {metric: found[metric] for metric in ("accuracy", "log-loss")}
    if name == "har":
        labels = net.classes_[proba.argmax(1)]
        result["worst class"] = 100 * recall_score(y_test, labels, average=None).min()
    return rounded(result, 6)


def run_seed(name, seed):
    """Scores of all arms of a seed."""
    torch.set_num_threads(1)
    n, epochs, refine_epochs = SETS[name]
    if seed == 0:
        check_branches(name)
        say(name, "branches are straight runs")
    rows = drawn(name, n, seed)
    X, y = rows.X, rows.y
    arms = {"plain": scores(net_of(seed, epochs).fit(X, y), name, rows)}
    say(name, seed, "plain", arms["plain"])
    for key, augmentation in augmentations(name).items():
        for arm, net in branches(seed, epochs, refine_epochs, *augmentation, X, y):
            arms[f"{key}, {arm}"] = scores(net, name, rows, augmentation)
            say(name, seed, f"{key}, {arm}", arms[f"{key}, {arm}"])
    return {"arms": arms}


def pairs(runs):
    """What "refined" is compared with: label, arm and twin."""
    for ours in (arm for arm in runs[0]["arms"] if arm.endswith("refined")):
        key = ours.split(",")[0]
        for twin in (f"{key}, held", f"{key}, annealed", "plain"):
            yield f"{ours} - {twin.split(', ')[-1]}", (ours, twin)


def summary(results):
    """The tables of every set, how they were made, and the claims."""
    lines = []
    for name, runs in by_set(results, SETS).items():
        n, epochs, refine_epochs = runs[0]["setting"]
        heading = f"{name}: {n} training rows, {len(runs)} seeds"
        about = f"{epochs} epochs, {refine_epochs} of refinement; {origins(runs)}"
        tables = levels(runs, METRICS), differences(runs, dict(pairs(runs)), METRICS)
        lines += section(heading, about, *tables)
    return "\n".join([*lines, *list_of_claims(claims(results))])


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


if __name__ == "__main__":
    options = study_parser(__doc__, SETS, seeds=5, n_jobs=1).parse_args()
    title = "Refined augmentation"
    study(__file__, options, SETS, run_seed, summary, claims, title)
