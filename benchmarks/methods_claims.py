"""What bench_methods.py claims about its arms, each held or missed with its figures.

A difference is beyond doubt if it withstands Holm's correction over all arms and sets
of the metric and the twin.
"""

import numpy as np

from runs import claim
from skaug.comparison.differences import TESTED

# Arms that a user gets by default, behind a guard or known to suit.
DEFAULTS = ("policy by influence", "IHDA", "heuristics + ISDA 1")
ON_TOP = "heuristics + ISDA 1"
# Fine-tuning with the defaults of IHDAFinetuner, and what it is compared to: the
# network before it.
FINETUNED = {
    "IHDA": "best plain",
    "IHDA over heuristics": "without it",
    "IHDA over heuristics + ISDA 1": "without it",
}


def claims_of(found):
    """All claims, with what was seen and whether they hold.

    Parameters
    ----------
    found : Differences
        Of the cells of all five sets.
    """
    yield gains(found, "cifar10", "accuracy", 1.5)
    yield gains(found, "mnist", "accuracy", 2.0)
    yield gains(found, "fashion_mnist", "accuracy", 0.0)
    yield gains(found, "har", "log-loss", -0.02)
    yield adds_accuracy(found)
    yield adds_log_loss(found)
    guarded = dict.fromkeys(DEFAULTS, "best plain")
    for metric in "accuracy", "log-loss at temperature":
        yield does_no_harm(found, metric, guarded)
    for metric in TESTED:
        than = "than before fine-tuning, beyond doubt,"
        yield does_no_harm(found, metric, FINETUNED, than)


def gains(found, name, metric, least):
    """Some arm gains at least so much over the best plain network, beyond doubt."""
    sign = 1 if metric == "accuracy" else -1
    at_least = ">" if least == 0 else ">=" if sign > 0 else "<="
    text = f"{name}: an arm's {metric} - best plain {at_least} {least:g} beyond doubt"
    gaps = {
        arm: sign * found.difference(name, arm, "best plain", metric)[0]
        for arm in found.network_arms
    }
    known = [arm for arm in gaps if not np.isnan(gaps[arm])]
    ranked = sorted(known, key=gaps.get, reverse=True)
    held = [
        arm
        for arm in ranked
        if found.beyond_doubt(name, arm, "best plain", metric)
        and (gaps[arm] > 0 if least == 0 else gaps[arm] >= sign * least)
    ]
    shown = [
        f"{arm} {found.text(name, arm, 'best plain', metric)}"
        for arm in (held or ranked)[:3]
    ]
    return told(text, ", ".join(shown) or "no cells", held)


def adds_accuracy(found):
    """ISDA on top of heuristics gains accuracy on MNIST."""
    text = f"mnist: {ON_TOP} - heuristics alone, accuracy > 0 beyond doubt"
    held = gains_on_top(found, "mnist", "accuracy")
    seen = found.text("mnist", ON_TOP, "without it", "accuracy") or "no cells"
    return told(text, seen, held)


def adds_log_loss(found):
    """ISDA on top of heuristics lowers the log-loss on two sets or more."""
    text = f"{ON_TOP} - heuristics alone, log-loss < 0 beyond doubt on two sets or more"
    held = [name for name in found.sets if gains_on_top(found, name, "log-loss")]
    seen = [
        f"{n} {found.text(n, ON_TOP, 'without it', 'log-loss')}" for n in found.sets
    ]
    return told(text, ", ".join(seen), len(held) >= 2)


def gains_on_top(found, name, metric):
    """Whether ISDA on top of heuristics is better than these alone, beyond doubt."""
    place = name, ON_TOP, "without it", metric
    return found.beyond_doubt(*place) and found.is_better(*place)


def does_no_harm(found, metric, twins, than="beyond doubt"):
    """No arm is worse than its twin beyond doubt, on any set."""
    text = f"{', '.join(twins)}: on no set worse {than} in {metric}"
    worse, harmed = [], []
    for arm, twin in twins.items():
        for name in found.sets:
            place = name, arm, twin, metric
            gap = found.difference(*place)[0]
            if np.isnan(gap):
                return told(text, f"no cells of {arm} on {name}", False)
            if gap != 0 and not found.is_better(*place):
                worse.append(f"{arm} on {name} {found.text(*place)}")
                if found.beyond_doubt(*place):
                    harmed.append(worse[-1])
    seen = ", ".join(harmed or worse)
    return told(text, f"below: {seen}" if seen else "none is worse", not harmed)


def told(text, seen, held):
    """A claim as `runs.claim` has it, missed in capital letters."""
    line, held = claim(text, seen, held)
    return line.removesuffix("missed") + "MISSED" * (not held), held
