"""Does the network draw many views of a row? With its defaults, on three sets.

Two draws of a row by the network are compared with two draws by the baseline that its
GAN takes for real. The GAN should be near its equilibrium: 4 log 2 for the generator,
2 log 2 for each of the two discriminators. Losses are means over the last third of the
steps. Rows and weights are those of the seed.

    python benchmarks/bench_draws.py [--sets mnist ...] [--seeds 3] [--output FILE.json]
    python benchmarks/bench_draws.py --summary FILE.json ...

The second writes the table to results/draws.md.
"""

import numpy as np
import torch

from bench_network import networks
from data import load, take
from runs import (
    by_set,
    claim,
    list_of_claims,
    origins,
    say,
    section,
    study,
    study_parser,
    values,
)
from skaug import InfluenceAugmenter, NetClassifier, NetworkAugmentation
from skaug.baselines import AllConvNet
from skaug.comparison.setup import epochs_of

# Rows, gradient steps of the classifier, and its module; None is the default.
SETS = {
    "mnist": (600, 200, "AllConvNet"),
    "cifar10": (1000, 300, None),
    "har": (1000, 300, None),
}
ARM = "network"


def run_seed(name, seed):
    """Draws and losses of the GAN for one seed."""
    torch.set_num_threads(1)
    n_rows, steps, module = SETS[name]
    data = load(name)
    rows = take(data.y_train, n_rows, seed)
    net = NetClassifier(max_epochs=epochs_of(steps, n_rows), random_state=seed)
    if module is not None:
        net.set_params(module=AllConvNet)
    augmenter = InfluenceAugmenter(
        net,
        augmentation=NetworkAugmentation(),
        guard=False,
        refit=False,
        random_state=seed,
    ).fit(data.X_train[rows], data.y_train[rows])
    losses = augmenter.losses_["generator"]
    last = float(np.mean(losses[-len(losses) // 3 :]))
    found = {"draws": round(augmenter.draws_, 6), "generator": round(last, 6)}
    say(name, seed, found)
    return {"arms": {ARM: found}}


def summary(results):
    """The table of every set, and the claims."""
    lines = []
    for name, runs in by_set(results, SETS).items():
        n_rows, steps, _ = runs[0]["setting"]
        about = f"{steps} gradient steps of the classifier; {origins(runs)}"
        heading = f"{name}: {n_rows} rows, {len(runs)} seeds"
        lines += section(heading, about, networks(runs))
    return "\n".join([*lines, *list_of_claims(claims(results))])


def claims(results):
    """What is claimed of the sets that were run, and whether it holds."""
    for name, runs in by_set(results, SETS).items():
        draws, losses = values(runs, ARM, "draws"), values(runs, ARM, "generator")
        text = f"{name}: draws differ by 0.3 of the baseline's or more"
        yield claim(text, f"{draws.min():.2f} at least", draws.min() >= 0.3)
        apart = float(abs(losses / (4 * np.log(2)) - 1).max())
        text = f"{name}: loss of the generator within 20 % of equilibrium"
        yield claim(text, f"{100 * apart:.0f} % at most", apart <= 0.2)


if __name__ == "__main__":
    options = study_parser(__doc__, SETS, 3).parse_args()
    study(__file__, options, SETS, run_seed, summary, claims, "Draws of the network")
