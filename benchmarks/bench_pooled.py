"""Should ISDA pool its covariances? Pooled, full and none, inside trained networks.

The protocol is that of the comparison, with the draws of bench_methods.py and the quick
budget: steps, weight decay and strength are chosen on rows held out of the training
rows, people apart, and so is the temperature. Alone, the strength is chosen among
STRENGTHS, or is 0.5, which is what the rule min(0.5, 4 d / n) gives for d features and
n rows in all of these networks. Beside augmentation by hand it is 1 or 2.

    python benchmarks/bench_pooled.py [--seeds 5] [--output FILE.json]
    python benchmarks/bench_pooled.py --summary FILE.json
"""

from dataclasses import asdict

import numpy as np

from data import SETS, task
from runs import (
    by_set,
    differences,
    interval,
    levels,
    markdown,
    origins,
    study,
    study_parser,
    values,
)
from skaug import ISDAClassifier
from skaug.comparison import Budgets, Method, run_cell
from skaug.comparison.heuristics import heuristic
from skaug.comparison.setup import BEST, PLAIN

COVARIANCES = ("full", "pooled")
STRENGTHS = (0.25, 1.0, 4.0)
BUDGETS = Budgets((100, 300), (300,), (0.01, 0.1), refused=100)
METRICS = {"accuracy": 2, "log-loss": 3, "log-loss at temperature": 3}
HEURISTICS = "heuristics"


def isda(covariance, **more):
    """Parameters of a network with ISDA."""
    return {"kind": ISDAClassifier, "covariance": covariance, **more}


def alone(covariance, strengths):
    """Make an arm of ISDA by itself, which chooses among strengths."""
    listed = " or ".join(f"{one:g}" for one in strengths)
    return Method(
        f"ISDA {listed}, {covariance}",
        lambda s, v: s.net(**isda(covariance, strength=v)),
        strengths,
    )


def beside(covariance, strength):
    """Make an arm of ISDA on top of augmentation by hand."""
    return Method(
        f"{HEURISTICS} + ISDA {strength:g}, {covariance}",
        lambda s, v: s.augmented(
            heuristic(s, s.below), **isda(covariance, strength=strength)
        ),
        twin=HEURISTICS,
    )


def methods():
    """List the arms; ISDA without augmentation by hand comes first."""
    for strengths in STRENGTHS, (0.5,):
        yield from (alone(covariance, strengths) for covariance in COVARIANCES)
    yield HEURISTICS
    for strength in 1.0, 2.0:
        yield from (beside(covariance, strength) for covariance in COVARIANCES)


def run_seed(name, seed):
    """Figures of all arms on one draw."""
    drawn = task(name).draw(seed)
    cells = {PLAIN: run_cell(PLAIN, drawn, BUDGETS)}
    for method in methods():
        key = method if isinstance(method, str) else method.name
        cells[key] = run_cell(method, drawn, BUDGETS, cells)
    arms = {}
    for cell in cells.values():
        arms |= {arm: kept(figures) for arm, figures in cell["arms"].items()}
    return {"arms": arms}


def kept(figures):
    """What is kept of an arm: its metrics and what it chose."""
    return {key: figures[key] for key in (*METRICS, "steps", "decay", "value")}


def pairs(arms):
    """Arms and what they are compared to: none, then full."""
    for arm in arms:
        twin = HEURISTICS if arm.startswith(HEURISTICS + " +") else BEST
        if "ISDA" in arm or arm == HEURISTICS:
            yield f"{arm} - {twin}", (arm, twin)
    for arm in arms:
        if arm.endswith("pooled"):
            yield f"{arm} - full", (arm, arm.replace("pooled", "full"))


def summary(results):
    """Pooled minus full over all sets, then two tables for each set."""
    sets = by_set(results, SETS)
    lines = [f"{origins(results)}.\n", *over_sets(sets)]
    for name, runs in sets.items():
        lines.append(f"## {name}: {SETS[name][0]} training rows, {len(runs)} draws\n")
        lines += [*markdown(list(levels(runs, METRICS))), ""]
        compared = dict(pairs(runs[0]["arms"]))
        lines += [*markdown(list(differences(runs, compared, METRICS))), ""]
    return "\n".join(lines)


def over_sets(sets):
    """Mean over the sets of every difference; each set counts as one."""
    lines = ["## All sets", "", "Each set is one row of the mean and its error:", ""]
    arms = next(iter(sets.values()))[0]["arms"]
    table = [["difference", *METRICS]]
    for label, (ours, twin) in pairs(arms):
        cells = []
        for metric, digits in METRICS.items():
            gaps = [
                (values(runs, ours, metric) - values(runs, twin, metric)).mean()
                for runs in sets.values()
            ]
            cells.append(interval(np.array(gaps), digits))
        table.append([label, *cells])
    return [*lines, *markdown(table), ""]


if __name__ == "__main__":
    options = study_parser(__doc__, SETS, seeds=5).parse_args()
    settings = {
        name: [*setting, asdict(BUDGETS), STRENGTHS] for name, setting in SETS.items()
    }
    title = "ISDA with a pooled covariance, a full one and none"
    study(__file__, options, settings, run_seed, summary, title=title)
