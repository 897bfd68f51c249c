"""Is ISDA better than other losses, and what in it counts? Its Tables 4 and 5, small.

Default networks are trained on the draws of bench_methods.py, with the augmentation by
hand that suits the set, as all rows of the paper's tables are. Arms of a draw share its
rows, the first weights, the batches and what the augmentation draws; each trains for
the gradient steps of STEPS.

- cross-entropy: also for the other steps of BUDGETS. "best" is the number of steps with
  the best mean over the test rows of all draws, for each metric by itself, which is in
  its favour. "equal" is that of as many steps as the others have.
- focal, L_q, disturb label, and the rate of the centers, as in the paper's appendix.
  Large margin as in its published code for CIFAR-10. Label smoothing, which the paper
  does not have, of 0.1.
- ISDA, and its covariance as in Table 5: identity, diagonal, single. Constant: the
  strength does not grow. Sampled: the loss of M copies that are drawn, in place of the
  bound.

What the papers do not fix is chosen for each draw by the log-loss on a third of the
training rows, people apart: the weight of the center loss among CENTER_WEIGHTS, and the
strength among STRENGTHS, for each covariance by itself. Constant and sampled have that
of ISDA. "log-loss at temperature" is cross-fitted: each half of the test rows, for har
of the people, is scored at the temperature that suits the other.

    python benchmarks/bench_losses.py [--sets cifar10] [--seeds 5] [--output FILE.json]
    python benchmarks/bench_losses.py --summary FILE.json

What is in the output file already, from the same source and settings, is not run again.
The second writes the tables to results/losses.md.
"""

import time

import numpy as np

from data import SETS, task
from runs import (
    by_set,
    claim,
    differences,
    interval,
    levels,
    list_of_claims,
    markdown,
    origins,
    rounded,
    say,
    section,
    study,
    study_parser,
    values,
)
from skaug import BatchAugmentation, ISDAClassifier
from skaug.baselines import (
    CenterLoss,
    DisturbLabel,
    FocalLoss,
    GeneralizedCrossEntropyLoss,
    LargeMarginLoss,
)
from skaug.card.scores import losses_at_temperature
from skaug.comparison import Budgets, log_probabilities, scores
from skaug.comparison.cell import fitted, lowest, one_thread, setup_of, tried, warm_up
from skaug.comparison.heuristics import heuristic
from skaug.comparison.setup import comparing
from skaug.isda import SampledISDALoss

# Crops, flips and warps are learned in 300 steps, affine changes in 600.
STEPS = {"cifar10": 300, "fashion_mnist": 600, "har": 300}
BUDGETS = (150, 300, 600)
DECAY = 0.01
STRENGTHS = (0.5, 2.0)
CENTER_WEIGHTS = (0.003, 0.1)
COPIES = (1, 16)
METRICS = {
    "accuracy": 2,
    "log-loss": 3,
    "log-loss at temperature": 3,
    "calibration error": 2,
}
PLAIN, EQUAL, BEST = "cross-entropy", "cross-entropy, equal", "cross-entropy, best"
KINDS = {"identity": "identity", "diagonal": "diagonal", "single": "shared"}
LOSSES = ("focal", "L_q", "center", "large margin", "disturb label", "label smoothing")


def parameters(arm, value=None):
    """What an arm changes in a plain network; `value` is what it has chosen."""
    of_losses = {
        "focal": {"criterion": FocalLoss},
        "L_q": {"criterion": GeneralizedCrossEntropyLoss},
        "center": {"criterion": CenterLoss, "criterion__center_weight": value},
        "large margin": {"criterion": LargeMarginLoss},
        "label smoothing": {"criterion__label_smoothing": 0.1},
        "disturb label": {
            "callbacks": [("disturb", BatchAugmentation(DisturbLabel()))]
        },
    }
    if not arm.startswith("ISDA"):
        return of_losses.get(arm, {})
    found, kind = {"kind": ISDAClassifier, "strength": value}, arm.partition(", ")[2]
    if kind in KINDS:
        found["covariance"] = KINDS[kind]
    elif kind == "constant":
        found["schedule"] = "constant"
    elif kind:
        found["criterion"] = SampledISDALoss
        found["criterion__n_copies"] = int(kind.split()[-1])
    return found


def sampled(n_copies):
    """Name of the arm that draws copies."""
    return f"ISDA, sampled {n_copies}"


def ablation():
    """Arms of Table 5, without its first row."""
    kinds = (*KINDS, "constant")
    return ["ISDA", *(f"ISDA, {kind}" for kind in kinds), *map(sampled, COPIES)]


def grid_of(arm):
    """What an arm chooses among; nothing if its setting is known."""
    if arm == "center":
        return CENTER_WEIGHTS
    chooses = arm == "ISDA" or arm.partition(", ")[2] in KINDS
    return STRENGTHS if chooses else ()


def maker(arm, drawn):
    """Make networks of an arm, of a setup and a value."""

    def make(setup, value):
        own = parameters(arm, value)
        callbacks = [
            ("augment", BatchAugmentation(heuristic(setup, drawn.heuristic))),
            *own.pop("callbacks", ()),
        ]
        return setup.net(callbacks=callbacks, **own)

    return make


def run_seed(name, seed):
    """Scores of all arms on one draw."""
    drawn = task(name).draw(seed)
    setup = setup_of(drawn, Budgets())._replace(steps=STEPS[name], decay=DECAY)
    arms = {}

    def add(arm, label=None, setup=setup, value=None):
        start, make = time.process_time(), maker(arm, drawn)
        if grid_of(arm):
            inner = [tried(make, setup, drawn, one) for one in grid_of(arm)]
            value = lowest(inner)["value"]
        found = scores_of_model(fitted(make(setup, value), drawn.train), drawn)
        spent = round(time.process_time() - start, 2)
        arms[label or arm] = {**found, "value": value, "seconds": spent}
        say(name, seed, label or arm, arms[label or arm])

    with one_thread(), comparing():
        warm_up()
        for steps in BUDGETS:
            add(PLAIN, f"{PLAIN}, {steps} steps", setup._replace(steps=steps))
        for arm in LOSSES:
            add(arm)
        for arm in ablation():
            add(arm, value=arms["ISDA"]["value"] if "ISDA" in arms else None)
    return {"arms": arms}


def scores_of_model(model, drawn):
    """Metrics of a fitted network on the test rows."""
    log_p = log_probabilities(model, drawn.test.X, drawn.classes)
    found = scores(log_p, drawn.test, drawn.classes)
    codes = np.searchsorted(drawn.classes, drawn.test.y)
    losses = losses_at_temperature(log_p, codes, drawn.test.groups)
    found["log-loss at temperature"] = losses.mean()
    return rounded({metric: found[metric] for metric in METRICS}, 6)


def with_twins(runs, steps, metrics):
    """Runs with the two networks that arms are compared to."""
    plain = [f"{PLAIN}, {budget} steps" for budget in BUDGETS]
    best = {}
    for metric in metrics:
        means = [values(runs, arm, metric).mean() for arm in plain]
        extreme = max if metric == "accuracy" else min
        best[metric] = plain[means.index(extreme(means))]
    found = []
    for run in runs:
        arms = run["arms"]
        twins = {
            EQUAL: arms[f"{PLAIN}, {steps} steps"],
            BEST: {metric: arms[arm][metric] for metric, arm in best.items()},
        }
        found.append({**run, "arms": {**twins, **arms}})
    return found


def comparisons(arms, twins):
    """Differences to be shown: label, arm and twin."""
    return {f"{arm} - {twin}": (arm, twin) for twin in twins for arm in arms}


def summary(results):
    """Tables 4 and 5 of every set, and what was chosen."""
    lines = [f"{origins(results)}.\n"]
    for name, runs in by_set(results, STEPS).items():
        runs = with_twins(runs, STEPS[name], METRICS)
        about = (
            f"{STEPS[name]} gradient steps. Chosen: "
            + "; ".join(f"{arm}: {chosen(runs, arm)}" for arm in choosing())
            + ". Means:"
        )
        heading = f"{name}: {SETS[name][0]} training rows, {len(runs)} draws"
        lines += section(heading, about, list(levels(runs, METRICS)))
        for title, compared in [
            (
                "Table 4: losses, paired differences ± standard error, 95 % interval",
                {
                    **comparisons([*LOSSES, "ISDA"], [EQUAL, BEST]),
                    **comparisons(LOSSES, ["ISDA"]),
                },
            ),
            (
                "Table 5: parts of ISDA",
                {
                    **comparisons(ablation()[1:], ["ISDA"]),
                    **comparisons(ablation()[1:], [EQUAL]),
                },
            ),
        ]:
            lines.append(f"{title}:\n")
            lines += [*markdown(list(differences(runs, compared, METRICS))), ""]
    return "\n".join([*lines, *list_of_claims(claims(results))])


def choosing():
    """Arms that choose a setting."""
    return [arm for arm in (*LOSSES, *ablation()) if grid_of(arm)]


def chosen(runs, arm):
    """How often each setting was chosen, in words."""
    picked = list(values(runs, arm, "value"))
    return ", ".join(f"{one:g} {picked.count(one)} times" for one in grid_of(arm))


def claims(results):
    """What earlier benchmarks let expect beside augmentation, and whether it holds."""
    for name, runs in by_set(results, ("cifar10", "fashion_mnist")).items():
        runs = with_twins(runs, STEPS[name], METRICS)
        gaps = values(runs, "ISDA", "log-loss") - values(runs, EQUAL, "log-loss")
        text = f"{name}: ISDA has a lower log-loss than cross-entropy of equal steps"
        yield claim(text, interval(gaps, 3), gaps.mean() < 0)


if __name__ == "__main__":
    options = study_parser(__doc__, STEPS, seeds=5).parse_args()
    settings = {
        name: [*SETS[name], STEPS[name], BUDGETS, STRENGTHS, CENTER_WEIGHTS, COPIES]
        for name in STEPS
    }
    title = "Losses that rival ISDA, and its parts"
    study(__file__, options, settings, run_seed, summary, claims, title)
