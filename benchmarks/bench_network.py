"""Does the paper's augmentation network help where the paper tried it? Paired, 5 seeds.

The influence paper's Table 1 begins with MNIST of 1 and 10 % of the labels, 600 and
6,000 images of 28 x 28, and a network of four layers of convolutions. A seed draws the
training rows and the weights, which all arms share. All that is learned is learned on
training rows, of which two fifths are held out meanwhile. Test rows are the 10,000
official ones. Arms differ in what is done to batches:

- none, and none for as many steps as the others.
- heuristic: ``baseline_transform``, with flips on fashion_mnist.
- uniform: two transforms of the default list, all alike. Ratner: the same list, by
  frequencies that a discriminator has taught (``ratner.py``); chosen: the weight of its
  distance, among DISTANCES, is that with the lowest log-loss on rows that are held out.
- RandAugment, AutoAugment: as torchvision has them, the second with its policy for SVHN
  on digits, and for CIFAR-10 on clothes.
- policy: weights by influence, without a guard.
- network, guarded: ``NetworkAugmentation`` with its defaults. Where the guard refuses
  it, this is the heuristic, or none.
- network + heuristic: the same network behind the heuristic, without a guard. Code 32,
  code 256: with codes of other lengths than 128.
- network alone: the same network without the heuristic. On grey images it is spatial
  only, as in the paper. appearance only: contrast and brightness, which the paper
  leaves out there. pretrained: a network that only the GAN has trained.

A network changes half of the rows of a batch, which is its default.

Errors are in points. Cost is the CPU time of all that an arm needs, its last training
included, over that of one plain training.

    python benchmarks/bench_network.py [--sets mnist_600 ...] [--seeds 200 ...]
        [--arms pretrained ...] [--output FILE.json]
    python benchmarks/bench_network.py --summary FILE.json ...

What is in the output file already, from the same source and settings, is not run again.
The second writes the tables to results/network.md; a seed may have its arms in several
files.
"""

import time
import warnings
from functools import cache, partial

import numpy as np
import torch
from sklearn.model_selection import train_test_split

from data import load, take
from ratner import mean_field_policy
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
from skaug import (
    BatchAugmentation,
    InfluenceAugmenter,
    NetClassifier,
    NetworkAugmentation,
    TransformPolicy,
)
from skaug.baselines import AllConvNet
from skaug.comparison.setup import epochs_of
from skaug.influence import Policy, TrainedNetwork
from skaug.transforms import (
    HorizontalFlip,
    PerSample,
    RandAugment,
    baseline_transform,
    default_transforms,
)
from skaug.transforms.chain import Chain
from skaug.transforms.torchvision import v2

# Data, rows, gradient steps of plain training, and of the others.
SETS = {
    "mnist_600": ("mnist", 600, 200, 1000),
    "fashion_600": ("fashion_mnist", 600, 200, 1000),
    "mnist_6000": ("mnist", 6000, 600, 1500),
}
SEEDS = [200, 201, 202, 203, 204]
DISTANCES = (0.1, 0.5, 2.0)
AUTO = {
    "mnist": v2.AutoAugmentPolicy.SVHN,
    "fashion_mnist": v2.AutoAugmentPolicy.CIFAR10,
}
METRICS = {"error": 2, "log-loss": 3}  # decimals that are printed
# Errors in the paper's Table 1 and, for CIFAR-10, in its text.
PAPER = {
    "mnist_600": "none 9.8, heuristic 4.1, Ratner 3.5, proposed 3.1",
    "mnist_6000": "none 2.7, heuristic 1.0, Ratner 0.8, proposed 0.8",
}
PAIRS = [
    ("heuristic", "none"),
    ("uniform", "heuristic"),
    ("Ratner", "uniform"),
    ("Ratner, chosen", "uniform"),
    ("Ratner, chosen", "heuristic"),
    ("RandAugment", "heuristic"),
    ("AutoAugment", "heuristic"),
    ("policy", "heuristic"),
    ("policy", "Ratner, chosen"),
    ("network, guarded", "heuristic"),
    ("network + heuristic", "heuristic"),
    ("network + heuristic", "Ratner, chosen"),
    ("network alone", "pretrained"),
    ("network alone", "heuristic"),
    ("appearance only", "none"),
    ("code 32", "network + heuristic"),
    ("code 256", "network + heuristic"),
]


def rows_of(name, seed):
    """Training and test rows of a seed, each with labels."""
    source, n, *_ = SETS[name]
    data = load(source)
    chosen = take(data.y_train, n, seed)
    train = data.X_train[chosen], data.y_train[chosen]
    return train, (data.X_test, data.y_test)


def net_of(n_rows, seed, steps, augmentation=None):
    """The four-layer network of a seed."""
    callbacks = []
    if augmentation is not None:
        own = BatchAugmentation(augmentation, random_state=seed)
        callbacks = [("augment", own)]
    epochs = epochs_of(steps, n_rows)
    return NetClassifier(
        AllConvNet, max_epochs=epochs, callbacks=callbacks, random_state=seed
    )


def learned(name, seed, train, augmentation, guard=False):
    """A fitted augmenter that trains nothing in the end."""
    _, n, plain, _ = SETS[name]
    augmenter = InfluenceAugmenter(
        net_of(n, seed, plain),
        augmentation=augmentation,
        guard=guard,
        refit=False,
        random_state=seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # what is refused is on record
        return augmenter.fit(*train)


def makers(name, seed, train):
    """How each arm comes to its augmentation, and to figures that are kept."""
    X = torch.from_numpy(train[0])
    heuristic = baseline_transform(X)
    if name.startswith("fashion"):
        heuristic = Chain([heuristic, HorizontalFlip(0.5)])
    transforms = [transform for _, _, transform in default_transforms(X)]
    uniform = Policy(transforms, np.ones(len(transforms)), probability=1.0)
    ratner = partial(mean_field_policy, transforms, seed=seed)
    auto = PerSample(v2.AutoAugment(AUTO[SETS[name][0]]))

    @cache
    def network(guard=False, **parameters):
        learner = NetworkAugmentation(heuristic, **parameters)
        augmenter = learned(name, seed, train, learner, guard)
        last = augmenter.losses_["generator"][-100:]
        known = {"draws": augmenter.draws_, "generator": float(np.mean(last))}
        return augmenter, known

    def policy():
        return learned(name, seed, train, TransformPolicy()).augmentation_, {}

    def guarded():
        augmenter, known = network(guard=True)
        kept = augmenter.augmentation_ if augmenter.accepted_ else None
        what = "none" if kept is None else "heuristic"
        if getattr(kept, "network", None) is not None:
            what = "network"
        return kept, {**known, "kept": what}

    def alone(**parameters):
        augmenter, known = network(**parameters)
        return TrainedNetwork(augmenter.network_, None), known

    def behind(**parameters):
        augmenter, known = network(**parameters)
        return TrainedNetwork(augmenter.network_, heuristic), known

    return {
        "heuristic": lambda: (heuristic, {}),
        "uniform": lambda: (uniform, {}),
        "Ratner": lambda: (ratner(X), {}),
        "Ratner, chosen": lambda: searched(name, seed, train, ratner),
        "RandAugment": lambda: (RandAugment(), {}),
        "AutoAugment": lambda: (auto, {}),
        "policy": policy,
        "network, guarded": guarded,
        "network + heuristic": lambda: (behind(guard=True)[0], {}),
        "network alone": lambda: (alone(guard=True)[0], {}),
        "pretrained": lambda: alone(steps=0),
        "appearance only": lambda: alone(branches="appearance"),
        "code 32": lambda: behind(code_dim=32),
        "code 256": lambda: behind(code_dim=256),
    }


def searched(name, seed, train, ratner):
    """Ratner's policy with the weight of the distance that suits rows held out."""
    steps = SETS[name][-1]
    X, X_held, y, y_held = train_test_split(
        *train, test_size=0.4, stratify=train[1], random_state=seed
    )
    losses = []
    for distance in DISTANCES:
        policy = ratner(torch.from_numpy(X), distance=distance)
        net = net_of(len(X), seed, steps, policy).fit(X, y)
        scores = scores_of(y_held, net.predict_proba(X_held), net.classes_)
        losses.append(scores["log-loss"])
    chosen = DISTANCES[int(np.argmin(losses))]
    return ratner(torch.from_numpy(train[0]), distance=chosen), {"distance": chosen}


def run_seed(name, seed, wanted=None):
    """Scores of the arms of a seed, with "none", in which costs are counted."""
    torch.set_num_threads(1)
    train, (X_test, y_test) = rows_of(name, seed)
    _, n, plain, steps = SETS[name]
    # The first training of a process loads a good deal of torch.
    NetClassifier(AllConvNet, max_epochs=1).fit(train[0][:100], train[1][:100])
    arms = {}

    def add(arm, n_steps, augmentation=None, known=(), before=0.0):
        start = time.process_time()
        net = net_of(n, seed, n_steps, augmentation).fit(*train)
        spent = time.process_time() - start
        scores = scores_of(y_test, net.predict_proba(X_test), net.classes_)
        found = {"error": 100 - scores["accuracy"], "log-loss": scores["log-loss"]}
        arms[arm] = {**rounded(found, 6), **dict(known), "seconds": spent}
        arms[arm]["cost"] = round((before + spent) / arms["none"]["seconds"], 3)
        say(name, seed, arm, arms[arm])

    add("none", plain)
    makes = {"none, longer": lambda: (None, {}), **makers(name, seed, train)}
    for arm in wanted or makes:
        start = time.process_time()
        augmentation, known = makes[arm]()
        before = time.process_time() - start
        shorter = arm == "network, guarded" and augmentation is None
        add(arm, plain if shorter else steps, augmentation, known, before)
    if "network, guarded" in arms:  # others have its network
        for arm in {"network + heuristic", "network alone"} & {*arms}:
            arms[arm]["cost"] = arms["network, guarded"]["cost"]
    return {"arms": arms}


def pairs():
    """What is compared: label, arm and other arm."""
    return {f"{ours} - {other}": (ours, other) for ours, other in PAIRS}


def networks(runs):
    """Lines of the table of networks: draws, losses of the GAN, what the guard kept."""
    yield ["network", "draws / baseline's", "generator / equilibrium", "guard kept"]
    for arm, known in runs[0]["arms"].items():
        if "draws" not in known:
            continue
        draws, loss = (values(runs, arm, key) for key in ("draws", "generator"))
        loss = loss / (4 * np.log(2))
        kept = [run["arms"][arm].get("kept", "") for run in runs]
        kept = ", ".join(
            f"{kept.count(what)} {what}" for what in sorted({*kept} - {""})
        )
        shown = [
            f"{x.mean():.2f} ({x.min():.2f} to {x.max():.2f})" for x in (draws, loss)
        ]
        yield [arm, *shown, kept]


def summary(results):
    """The tables of every set, how they were made, and the claims."""
    lines = []
    for name, runs in by_set(results, SETS).items():
        source, n, plain, steps = SETS[name]
        heading = f"{name}: {n} rows of {source}, {len(runs)} seeds"
        about = f"{plain} steps without, {steps} with augmentation; {origins(runs)}"
        if name in PAPER:
            about += f"\n\nErrors in the paper's Table 1: {PAPER[name]}."
        of_arms = levels(runs, {**METRICS, "cost": 1})
        of_pairs = differences(runs, pairs(), METRICS, head="arms")
        lines += section(heading, about, of_arms, of_pairs, networks(runs))
    return "\n".join([*lines, *list_of_claims(claims(results))])


def claims(results):
    """What is claimed of the sets that were run, and whether it holds."""
    for name, runs in by_set(results, SETS).items():
        if "network, guarded" not in runs[0]["arms"]:
            continue
        text = f"{name}: error of network, guarded - heuristic not above 0 beyond doubt"
        ours, other = (
            values(runs, arm, "error") for arm in ("network, guarded", "heuristic")
        )
        gaps = ours - other
        least = gaps.mean() - 2.776 * gaps.std(ddof=1) / len(gaps) ** 0.5
        yield claim(text, f"{gaps.mean():+.2f}, at least {least:+.2f}", least <= 0)
        draws = values(runs, "network, guarded", "draws")
        text = f"{name}: draws differ by 0.3 of the baseline's or more"
        yield claim(text, f"{draws.min():.2f} at least", draws.min() >= 0.3)


if __name__ == "__main__":
    parser = study_parser(__doc__, SETS, SEEDS)
    parser.add_argument("--arms", nargs="+", help="some of the arms, beside none")
    options = parser.parse_args()
    study(
        __file__,
        options,
        {name: [*SETS[name], DISTANCES, options.arms] for name in SETS},
        partial(run_seed, wanted=options.arms),
        summary,
        claims,
        "The augmentation network",
    )
