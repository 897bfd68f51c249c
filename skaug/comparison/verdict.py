"""What a search concludes from its cells: the best method, and its setting."""

import numpy as np

from skaug.comparison.cell import loss_of
from skaug.comparison.differences import METRICS
from skaug.comparison.setup import BEST, PLAIN

__all__ = ["best_method", "network_to_show", "records", "setting_of"]


def best_method(found, name, metric, rule):
    """Find the best arm of a set: a plain one, unless another is better by the rule.

    Parameters
    ----------
    found : Differences
        Of the cells.
    name : str
        Name of the set.
    metric : str
        What counts.
    rule : {"one_standard_error", "best"}
        As for :class:`~skaug.AugmentationSearchCV`.

    Returns
    -------
    arm : str
        The arm with the best mean among those that may win.
    """
    plain = [arm for arm in found.arms if arm == BEST or is_reference(found, arm)]
    reference = BEST if BEST in plain else best_of(found, name, metric, plain)
    if rule == "best":
        others = [arm for arm in found.arms if arm in found.methods]
    else:
        others = [
            arm
            for arm in found.compared
            if all(
                is_clearly_better(found, name, arm, other, metric)
                for other in {reference, found.first_twin_of(arm)}
            )
        ]
    return best_of(found, name, metric, [reference, *others])


def network_to_show(found, name, metric, best):
    """Find the augmented network whose learning curves are worth a look.

    Parameters
    ----------
    found : Differences
        Of the cells.
    name : str
        Name of the set.
    metric : str
        What counts.
    best : str
        The best arm.

    Returns
    -------
    arm : str or None
        The best arm itself, or the augmented network with the best mean.
    """
    arms = [best] if best in found.network_arms else found.network_arms
    return best_of(found, name, metric, arms) if arms else None


def is_reference(found, arm):
    """Whether an arm is a classifier that others are only compared to."""
    return arm in found.methods and found.methods[arm].twin is None


def is_clearly_better(found, name, arm, other, metric):
    """Whether an arm is better than another by more than one standard error."""
    mean, error, _ = found.difference_between(name, arm, other, metric)
    return (mean if METRICS[metric][1] else -mean) > error


def best_of(found, name, metric, arms):
    """Arm with the best mean; the first of several."""
    sign = 1 if METRICS[metric][1] else -1
    means = [sign * np.nanmean(found.values(name, arm, metric)) for arm in arms]
    return arms[int(np.argmax(means))]


def setting_of(arm, cells, methods, budgets):
    """Steps, weight decay and values of an arm for all rows, judged over all folds.

    The inner losses of a setting are averaged over the folds. As inside a fold, plain
    networks choose their weight decays, and arms take these.

    Parameters
    ----------
    arm : str
        Name of an arm, or ``BEST``.
    cells : list of dict
        Cells of one set.
    methods : dict
        Method by name.
    budgets : Budgets
        What the cells chose from.

    Returns
    -------
    setting : dict
        ``steps``, ``decay``, ``value``, and ``below``, the value of the arm that this
        one is put on top of. What the arm has no use for is 0 or None.
    """
    nothing = {"steps": 0, "decay": 0.0, "value": None, "below": None}
    if arm == BEST:
        return nothing | _plain_setting(cells, budgets.plain)
    method, chosen = methods[arm], _lowest_mean(_inner(cells, arm))
    if not method.is_network:
        return nothing | {"value": chosen["value"]}
    if method.twin != PLAIN:
        below = setting_of(method.twin, cells, methods, budgets)
        return below | {"value": chosen["value"], "below": below["value"]}
    plain = _plain_setting(cells, [chosen["steps"]])
    return nothing | plain | {"value": chosen["value"]}


def _plain_setting(cells, steps):
    """Steps and weight decay of the plain network, among some numbers of steps."""
    inner = [
        [one for one in fold if one["steps"] in steps] for fold in _inner(cells, PLAIN)
    ]
    chosen = _lowest_mean(inner)
    return {"steps": chosen["steps"], "decay": chosen["decay"]}


def _inner(cells, name):
    """What a method tried in each fold; settings are in the same order in all."""
    return [cell["inner"] for cell in cells if cell["method"] == name]


def _lowest_mean(inner):
    """Setting with the lowest mean loss over the folds, as the first fold has it."""
    losses = np.mean([[loss_of(one) for one in fold] for fold in inner], axis=0)
    return inner[0][int(np.argmin(losses))]


def records(found, name, metric):
    """One record for each arm with a place in the table, and each fold.

    Parameters
    ----------
    found : Differences
        Of the cells.
    name : str
        Name of the set.
    metric : str
        What counts.

    Returns
    -------
    records : list of dict
        Flat, with keys that can be names of columns.
    """
    sign = 1 if METRICS[metric][1] else -1  # more is better, as in scikit-learn
    sign = sign / 100 if "accuracy" in metric else sign  # of points
    lines = []
    for arm in found.arms:
        if arm != BEST and arm not in found.methods:
            continue  # Plain networks of a given length are twins, not methods.
        twin = found.first_twin_of(arm)
        for fold in found.seeds:
            of_arm = found.figures[name, arm, fold]
            of_twin = found.figures.get((name, twin, fold), {})
            line = {"method": arm, "fold": fold, "twin": twin}
            line["score"] = sign * of_arm[metric]
            if of_twin:
                line["difference"] = sign * (of_arm[metric] - of_twin[metric])
            for key, value in of_arm.items():
                if key != "log_p":
                    line.setdefault(key.replace(" ", "_").replace("-", "_"), value)
            lines.append(line)
    return lines
