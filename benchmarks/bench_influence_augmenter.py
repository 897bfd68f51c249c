"""Does augmentation learned through influence help? Paired, 5 seeds, 3 sets.

A seed draws the training and the validation rows, the weights and the order of batches,
which all arms share. Test rows are official ones and the same for all seeds: 5,000
images, pooled to 14 x 14, or the nine test subjects of har, whose training and
validation rows come from five subjects each. Arms differ in what is done to batches:

- none; heuristic: ``baseline_transform``, with horizontal flips on fashion_mnist.
- uniform: the default list of transforms, all alike. random third: of that list.
- policy: weights by influence, three networks, without a guard.
- network: the augmentation network behind the heuristic, which is left out where it
  does not improve on the heuristic by more than the standard error of held-out losses.
- On seeds 0 to 2 only, ideas that others would have to confirm: top third, the best
  transforms of the policy alone; network on policy, the network behind the policy;
  newton network, a bolder one behind the heuristic, its objective the validation loss
  after a Newton step.

Apart from the arms, policies are learned of a list with nine more transforms that
destroy a row: another row of the batch in its place, noise, or its blocks shuffled.
What is looked at is their weight.

Arms are trained on the training rows for 600 gradient steps, and some of them again
("all") on validation rows as well, for as many. A network that is left out leaves the
arm that it is behind, which is not trained twice. Classifiers and networks that score
are the default ones, so that the latter take 200 steps.

Differences are means ± standard error, [95 % t interval], with * where that excludes 0.
Seeds share the test rows: the intervals speak for other draws and weights, not for
other images or subjects. Trainings are those of the classifier, the last included; cost
is the CPU time of all that an arm needs over that of one training without augmentation.

    python benchmarks/bench_influence_augmenter.py [--sets har ...] [--seeds 100 ...]
        [--output FILE.json]
    python benchmarks/bench_influence_augmenter.py --summary FILE.json ...

What is in the output file already, from the same source and settings, is not run again.
The second writes the tables to results/influence_augmenter.md, below what stands there
before its first heading, and the figures to the file of that name beside it.
"""

import time
import warnings

import numpy as np
import torch

from data import load, pooled, take
from runs import (
    by_set,
    claim,
    differences,
    interval,
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
from skaug.comparison.setup import epochs_of
from skaug.influence import Policy, TrainedNetwork
from skaug.transforms import HorizontalFlip, baseline_transform
from skaug.transforms.chain import Chain

# Training rows, and as many for validation.
SETS = {"mnist": 200, "fashion_mnist": 500, "har": 500}
STEPS = 600  # of all arms, at least; without augmentation the default is 200
SEEDS = [100, 101, 102, 103, 104]
TRIAL_SEEDS = [0, 1, 2]
N_TEST = 5000
N_SUBJECTS = 5
METRICS = {"accuracy": 2, "log-loss": 3}  # decimals that are printed
# What the arms are compared with.
PAIRS = [
    ("none", "heuristic"),
    ("uniform", "heuristic"),
    ("random third", "uniform"),
    ("policy", "heuristic"),
    ("policy", "uniform"),
    ("top third", "heuristic"),
    ("top third", "uniform"),
    ("network", "heuristic"),
    ("newton network", "heuristic"),
    ("network on policy", "heuristic"),
    ("network on policy", "policy"),
]
# Arms that are trained on validation rows as well.
WITH_ALL = ["none", "heuristic", "uniform", "policy", "network"]
# Where an arm is when the guard has refused its network.
BASES = {
    "network": "heuristic",
    "newton network": "heuristic",
    "network on policy": "policy",
}
REFUSED = "InfluenceAugmenter needs the .* to lower the held-out loss"


def rows_of(name, seed):
    """Training, validation and test rows of a seed, each with labels."""
    data, n = load(name), SETS[name]
    X, y = data.X_train, data.y_train
    if name == "har":
        people = np.random.RandomState(seed).permutation(np.unique(data.subject_train))
        sides = people[:N_SUBJECTS], people[N_SUBJECTS : 2 * N_SUBJECTS]
        pools = [np.flatnonzero(np.isin(data.subject_train, side)) for side in sides]
        train, held_out = (pool[take(y[pool], n, seed)] for pool in pools)
    else:
        both = take(y, 2 * n, seed)
        first = take(y[both], n, seed)
        train, held_out = both[first], np.delete(both, first)
    test = data.X_test[:N_TEST], data.y_test[:N_TEST]
    parts = (X[train], y[train]), (X[held_out], y[held_out]), test
    return parts if name == "har" else tuple((pooled(X), y) for X, y in parts)


class OtherRow:
    """Move each row towards another one of the batch, whatever its class."""

    whole_batch = True

    def __init__(self, strength):
        self.strength = strength

    def __call__(self, X, y):
        return torch.lerp(X, X[torch.randperm(len(X))], self.strength), y


class Noise:
    """Replace each row by white noise of as many deviations of the channel."""

    def __init__(self, strength, X):
        axes = [axis for axis in range(X.ndim) if axis != 1]
        self.mean = X.mean(dim=axes, keepdim=True)
        self.scale = strength * X.std(dim=axes, keepdim=True)

    def __call__(self, X):
        return self.mean + self.scale * torch.randn_like(X)


class Shuffled:
    """Cut each axis into so many parts and put the blocks in any order."""

    def __init__(self, n_parts):
        self.n_parts = n_parts

    def __call__(self, X):
        n, c, *axes = X.shape
        length = axes[-1] // self.n_parts
        if len(axes) == 1:
            blocks = X.view(n, c, self.n_parts, length)
            order = torch.rand(n, 1, self.n_parts, 1).argsort(2).expand_as(blocks)
            return blocks.gather(2, order).view_as(X)
        blocks = X.unfold(2, length, length).unfold(3, length, length)
        blocks = blocks.reshape(n, c, -1, length, length)
        order = torch.rand(n, 1, blocks.shape[2], 1, 1).argsort(2).expand_as(blocks)
        blocks = blocks.gather(2, order).unflatten(2, (self.n_parts, self.n_parts))
        return blocks.permute(0, 1, 2, 4, 3, 5).reshape(X.shape)


def planted(X):
    """Nine transforms that destroy rows."""
    parts = (2, 7, 14) if X.ndim == 4 else (8, 32, 128)
    return [
        *[("planted: other row", s, OtherRow(s)) for s in (0.6, 0.8, 1.0)],
        *[("planted: noise", s, Noise(s, X)) for s in (0.5, 1.0, 2.0)],
        *[("planted: shuffled", n, Shuffled(n)) for n in parts],
    ]


def net_of(n_rows, seed, augmentation=None):
    """The default network of a seed, trained for long enough to gain from views."""
    callbacks = []
    if augmentation is not None:
        own = BatchAugmentation(augmentation, random_state=seed)
        callbacks = [("augment", own)]
    epochs = epochs_of(STEPS, n_rows)
    return NetClassifier(max_epochs=epochs, callbacks=callbacks, random_state=seed)


def scored(net, X, y):
    """Metrics on test rows, accuracy in points."""
    scores = scores_of(y, net.predict_proba(X), net.classes_)
    return rounded({metric: scores[metric] for metric in METRICS}, 6)


def learned(seed, train, held_out, augmentation="policy", guard=False):
    """A fitted augmenter; it trains nothing in the end."""
    augmenter = InfluenceAugmenter(
        NetClassifier(random_state=seed),
        augmentation=augmentation,
        guard=guard,
        refit=False,
        random_state=seed,
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", REFUSED, UserWarning)
        return augmenter.fit(*train, X_val=held_out[0], y_val=held_out[1])


def augmentations(name, seed, train, held_out):
    """Yield every arm: name, augmentation, trainings for it, what else is to be kept.

    Nothing is refitted by the augmenters: all arms are trained in one place.
    """
    rows = seed, train, held_out
    X = torch.from_numpy(train[0])
    heuristic = baseline_transform(X)
    if name == "fashion_mnist":
        heuristic = Chain([heuristic, HorizontalFlip(0.5)])

    def network(baseline, **parameters):
        learner = NetworkAugmentation(baseline, **parameters)
        augmenter = learned(*rows, learner, guard=True)
        loss = augmenter.loss_over_baseline_
        known = {"without": loss.plain, "with_network": loss.augmented, "se": loss.se}
        known["accepted"] = loss.augmented - loss.plain < -loss.se
        way = TrainedNetwork(augmenter.network_, baseline)
        return way, augmenter.n_trainings_, known

    yield "none", None, 0, {}
    yield "heuristic", heuristic, 0, {}
    augmenter = learned(*rows)
    policy = augmenter.augmentation_
    yield "policy", policy, augmenter.n_trainings_, {"policy": table_of(augmenter)}
    n = len(policy.transforms)
    n_kept = round(n / 3)
    yield "uniform", Policy(policy.transforms, np.ones(n) / n), 0, {}
    some = np.random.RandomState(seed).permutation(n)[:n_kept]
    yield "random third", only(policy, some), 0, {}
    yield "network", *network(heuristic)
    if seed in TRIAL_SEEDS:
        best = policy.weights.argsort(descending=True)[:n_kept]
        yield "top third", only(policy, best), augmenter.n_trainings_, {}
        on_policy, n_trainings, known = network(policy)
        # The policy comes first.
        n_trainings += augmenter.n_trainings_
        yield "network on policy", on_policy, n_trainings, known
        newton = network(heuristic, objective="newton", bound=0.15)
        yield "newton network", *newton


def planted_share(seed, train, held_out):
    """Weight of planted transforms in a policy, and of as many among equal ones."""
    transforms = ["auto", *planted(torch.from_numpy(train[0]))]
    policy = TransformPolicy(transforms)
    augmenter = learned(seed, train, held_out, policy)
    rows = [row for row in augmenter.policy_ if row.transform.startswith("planted")]
    share = round(sum(row.weight for row in rows), 5)
    uniform = len(rows) / len(augmenter.policy_)
    return {"share": share, "of": uniform, "policy": table_of(augmenter)}


def only(policy, numbers):
    """Some transforms of a policy, all alike."""
    transforms = [policy.transforms[number] for number in numbers]
    return Policy(transforms, np.ones(len(transforms)) / len(transforms))


def table_of(augmenter):
    """Transform and strength with its score and its weight."""
    return {
        f"{row.transform} {row.strength:g}": [round(row.score, 4), round(row.weight, 5)]
        for row in augmenter.policy_
    }


def keys_of(arm):
    """An arm by its name and, where it is trained on all rows, again."""
    return [arm, f"{arm}, all"] if arm in WITH_ALL else [arm]


def run_seed(name, seed):
    """Scores of all arms of a seed."""
    torch.set_num_threads(1)
    train, held_out, test = rows_of(name, seed)
    both = [np.concatenate(pair) for pair in zip(train, held_out)]
    # The first training of a process loads a good deal of torch.
    NetClassifier(max_epochs=1).fit(*train)
    arms, seconds = {}, {}
    last = time.process_time()
    for arm, augmentation, n_trainings, known in augmentations(
        name, seed, train, held_out
    ):
        seconds[arm] = time.process_time() - last
        if arm == "network on policy":
            seconds[arm] += seconds["policy"]
        if arm == "top third":
            seconds[arm] = seconds["policy"]
        for key in keys_of(arm):
            base = key.replace(arm, BASES.get(arm, arm))
            start = time.process_time()
            if known.get("accepted", True):
                rows = train if key == arm else both
                net = net_of(len(rows[1]), seed, augmentation).fit(*rows)
                scores, spent = scored(net, *test), time.process_time() - start
            else:
                scores = {metric: arms[base][metric] for metric in METRICS}
                spent = arms[base]["last"]
            arms[key] = {**scores, "trainings": n_trainings + 1, "last": spent}
            of_one = arms["none"]["last"]
            arms[key]["cost"] = round((seconds[arm] + spent) / of_one, 3)
        arms[arm].update(known)
        shown = {key: tuple(arms[key][m] for m in METRICS) for key in keys_of(arm)}
        say(name, seed, shown, arms[arm]["cost"], arms[arm].get("accepted", ""))
        last = time.process_time()
    share = planted_share(seed, train, held_out)
    say(name, seed, "planted", share["share"], "of", share["of"])
    return {"arms": arms, "planted": share}


def pairs():
    """What is compared: label, arm and other arm."""
    alike = [(f"{ours}, all", f"{other}, all") for ours, other in PAIRS]
    all_pairs = [*PAIRS, *alike, ("heuristic, all", "heuristic")]
    return {f"{ours} - {other}": (ours, other) for ours, other in all_pairs}


def guards(runs):
    """Lines of the table of what the guard saw and decided."""
    yield ["arm", "held-out loss without", "with", "difference", "accepted"]
    for arm in [arm for arm in BASES if arm in runs[0]["arms"]]:
        without, with_it = (values(runs, arm, k) for k in ("without", "with_network"))
        accepted = int(values(runs, arm, "accepted").sum())
        means = [f"{x.mean():.3f}" for x in (without, with_it)]
        gaps = interval(with_it - without, 3)
        yield [arm, *means, gaps, f"{accepted} of {len(runs)}"]


def liked(runs):
    """A line about each list: transforms by their mean score."""
    for arm in ("policy", "planted"):
        tables = [(run["arms"] | run)[arm]["policy"] for run in runs]
        mean = {key: np.mean([t[key] for t in tables], axis=0) for key in tables[0]}
        order = sorted(mean, key=lambda key: -mean[key][0])
        said = [f"{key} ({mean[key][0]:+.2f}, {mean[key][1]:.3f})" for key in order]
        yield f"{arm}, best: {', '.join(said[:5])}; worst: {', '.join(said[-5:])}."


def summary(results):
    """The tables of every set, how they were made, and the claims."""
    lines = []
    for name, runs in by_set(results, SETS).items():
        n = runs[0]["setting"]
        heading = f"{name}: {n} training rows, {n} for validation, {len(runs)} seeds"
        of_arms = levels(runs, {**METRICS, "trainings": 0, "cost": 1})
        of_pairs = differences(runs, pairs(), METRICS, head="arms")
        about = f"{STEPS} steps; {origins(runs)}"
        lines += section(heading, about, of_arms, of_pairs, guards(runs))
        lines += ["Transforms by mean score, with their mean weight:\n"]
        lines += [*(f"- {line}" for line in liked(runs)), ""]
    return "\n".join([*lines, *list_of_claims(claims(results))])


def claims(results):
    """What is claimed of the sets that were run, and whether it holds."""
    sets = by_set(results, SETS)
    for name, runs in sets.items():
        shares = np.array([run["planted"]["share"] for run in runs])
        uniform = runs[0]["planted"]["of"]
        text = f"{name}: mean weight of planted transforms < {uniform:.3f}"
        seen = f"{shares.mean():.3f} ({', '.join(f'{s:.3f}' for s in shares)})"
        yield claim(text, seen, shares.mean() < uniform)
    gaps = {
        name: values(runs, "policy", "log-loss") - values(runs, "heuristic", "log-loss")
        for name, runs in sets.items()
    }
    n_lower = sum(gap.mean() < 0 for gap in gaps.values())
    seen = ", ".join(f"{name} {gap.mean():+.3f}" for name, gap in gaps.items())
    text = "log-loss of policy below that of heuristic on two sets or more"
    yield claim(text, seen, n_lower >= min(2, len(sets)))
    for name, runs in sets.items():
        for end in ("", ", all"):
            pair = (values(runs, a + end, "accuracy") for a in ("network", "heuristic"))
            mean = np.subtract(*pair).mean()
            text = f"{name}: accuracy of network{end} - heuristic{end} >= -1"
            yield claim(text, f"{mean:+.2f}", mean >= -1)


if __name__ == "__main__":
    options = study_parser(__doc__, SETS, SEEDS, n_jobs=1).parse_args()
    study(__file__, options, SETS, run_seed, summary, claims, "InfluenceAugmenter")
