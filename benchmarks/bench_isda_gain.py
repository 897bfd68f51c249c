"""How strong should ISDA be, alone and beside augmentation by hand? On five sets.

Default networks are trained with each strength on the draws of bench_methods.py, by
themselves for 200 gradient steps and with the heuristics that suit the set for 600.
Differences are paired: strength 0 is the same network without ISDA, with the same rows,
weights, batches and steps. Nothing is chosen. The temperature is what the logits have
to be divided by for the lowest log-loss on the test rows: above 1 the network is too
sure, below 1 not sure enough. "log-loss at temperature" is cross-fitted: each half of
the test rows, for har of the people, is scored at the temperature that suits the other.
Its difference is what ISDA does that a temperature on both sides does not do.

    python benchmarks/bench_isda_gain.py [--seeds 5] [--output FILE.json]
    python benchmarks/bench_isda_gain.py --summary FILE.json
"""

import numpy as np
import torch

from data import SETS, task
from runs import (
    by_set,
    differences,
    levels,
    markdown,
    origins,
    rounded,
    study,
    study_parser,
)
from skaug import ISDAClassifier
from skaug.card.scores import losses_at_temperature
from skaug.comparison import Budgets, log_probabilities, scores
from skaug.comparison.cell import one_thread, setup_of
from skaug.comparison.heuristics import heuristic
from skaug.net.temperature import best_temperature

STRENGTHS = [0, 0.25, 0.5, 1, 2, 4]
COVARIANCES = ("full", "pooled")
STEPS = {"alone": 200, "beside heuristics": 600}
METRICS = {
    "accuracy": 2,
    "log-loss": 3,
    "log-loss at temperature": 3,
    "calibration error": 2,
    "temperature": 2,
}
SETTINGS = {
    name: [*setting, STRENGTHS, COVARIANCES, STEPS] for name, setting in SETS.items()
}


def run_seed(name, seed):
    """Scores of every arm on one draw, alone and beside heuristics."""
    drawn = task(name).draw(seed)
    arms = {
        arm_of(side, *isda): scores_of_arm(drawn, side, *isda)
        for side in STEPS
        for isda in isdas()
    }
    return {"arms": arms}


def isdas():
    """Strengths and covariances; strength 0, which has no use for one, comes once."""
    yield 0, None
    for covariance in COVARIANCES:
        for strength in STRENGTHS[1:]:
            yield strength, covariance


def scores_of_arm(drawn, side, strength, covariance):
    """Train a network on a draw and score it on the test rows."""
    setup = setup_of(drawn, Budgets())._replace(steps=STEPS[side], decay=0.01)
    of_isda = {"kind": ISDAClassifier, "strength": strength}
    if covariance is not None:
        of_isda["covariance"] = covariance
    if side == "alone":
        net = setup.net(**of_isda)
    else:
        net = setup.augmented(heuristic(setup, drawn.heuristic), **of_isda)
    test, classes = drawn.test, drawn.classes
    with one_thread():
        net.fit(drawn.train.X, drawn.train.y)
        log_p = log_probabilities(net, test.X, classes)
    found, codes = scores(log_p, test, classes), np.searchsorted(classes, test.y)
    losses = losses_at_temperature(log_p, codes, test.groups)
    found["log-loss at temperature"] = losses.mean()
    found["temperature"] = temperature_of(log_p, codes)
    return rounded({metric: found[metric] for metric in METRICS}, 6)


def temperature_of(log_p, codes):
    """The best temperature of logits, given as arrays."""
    # In a function of its own: joblib would take torch.classes for a module that a
    # function needs if it names both torch and an attribute `classes`.
    return best_temperature(torch.from_numpy(log_p), torch.from_numpy(codes))


def arm_of(side, strength, covariance):
    """Name of an arm."""
    return ", ".join([side, *([covariance] if covariance else []), f"{strength:g}"])


def summary(results):
    """Two tables for each set: means of all arms, and differences to strength 0."""
    lines = [f"{origins(results)}.\n"]
    for name, runs in by_set(results, SETS).items():
        pairs = {
            arm_of(side, *isda): (arm_of(side, *isda), arm_of(side, 0, None))
            for side in STEPS
            for isda in isdas()
            if isda[0]
        }
        lines.append(f"## {name}: {SETS[name][0]} training rows, {len(runs)} draws\n")
        lines += [*markdown(list(levels(runs, METRICS))), ""]
        lines.append(
            "Difference to strength 0, ± standard error, 95 % interval; in the log-loss"
            " at temperature, both sides have one:\n"
        )
        lines += [*markdown(list(differences(runs, pairs, METRICS))), ""]
    return "\n".join(lines)


if __name__ == "__main__":
    options = study_parser(__doc__, SETS, seeds=5).parse_args()
    title = "ISDA's strength, alone and beside augmentation"
    study(__file__, options, SETTINGS, run_seed, summary, title=title)
