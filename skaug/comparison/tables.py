"""Differences between arms as tables and words, in Markdown."""

import warnings

import numpy as np

from skaug.comparison.differences import METRICS, TESTED, Differences
from skaug.comparison.setup import BEST

__all__ = ["markdown", "summary"]

STARS = (
    "± is one standard error over the draws, everywhere. Differences are paired over "
    "the draws. \\*: p < 0.05 in the t test; \\*\\*: also after Holm's correction over "
    "all arms and sets of the same metric and twin, which is called *beyond doubt*."
)


def markdown(lines):
    """Lines of a table in Markdown; the first line is its head."""
    head, *lines = lines
    rule = "| --- |" + " --- |" * (len(head) - 1)
    return [f"| {' | '.join(head)} |", rule, *(f"| {' | '.join(x)} |" for x in lines)]


def _levels(found, name):
    """Lines of the table of a set: means of all arms, and what they chose."""
    metrics = [
        metric
        for metric in METRICS
        if any(metric in arm for key, arm in found.figures.items() if key[0] == name)
    ]
    yield ["arm", *metrics, "time", "chosen"]
    for arm in found.arms:
        values = {metric: found.values(name, arm, metric) for metric in metrics}
        if np.isnan(values["accuracy"]).all():
            continue
        means = [
            f"{np.nanmean(of_metric):.{METRICS[metric][0]}f}"
            for metric, of_metric in values.items()
        ]
        time = f"{found.time(name, arm):.1f}" if arm in found.compared else ""
        yield [arm, *means, time, chosen_by(found, name, arm)]


def chosen_by(found, name, arm):
    """What an arm chose, and how often; how often a guard let it pass."""
    records = [
        found.figures[name, arm, seed]
        for seed in found.seeds
        if (name, arm, seed) in found.figures
    ]
    words = []
    for key in ("steps", "decay", "value"):
        chosen = [record[key] for record in records]
        is_plain = arm not in found.methods
        if is_plain if key == "decay" else any(chosen):
            counts = sorted({(one, chosen.count(one)) for one in chosen}, key=str)
            shown = ", ".join(f"{as_text(one)}: {n}" for one, n in counts)
            words.append(shown if key == "value" else f"{key} {shown}")
    guarded = [record["accepted"] for record in records if "accepted" in record]
    if guarded:
        words.append(f"accepted {sum(guarded)} of {len(guarded)}")
    return "; ".join(words)


def as_text(value):
    """A setting in a table."""
    return value if isinstance(value, str) else f"{value:g}"


def _gaps_table(found, name):
    """Lines of the differences of the network arms of a set to the plain ones."""
    twins = ("best plain", "equal steps")
    yield ["arm", *(f"{metric}: - {twin}" for metric in TESTED for twin in twins)]
    for arm in found.network_arms:
        texts = [
            found.text(name, arm, twin, metric) for metric in TESTED for twin in twins
        ]
        if set(texts) != {"-"}:
            yield [arm, *texts]


def _added_table(found, twin):
    """Lines of the differences between an arm and what it is put on top of."""
    yield ["arm", "over", "set", *TESTED]
    for arm in found.compared:
        if twin in found.twins_of(arm):
            for name in found.sets:
                texts = [found.text(name, arm, twin, metric) for metric in TESTED]
                if set(texts) != {"-"}:
                    yield [arm, found.twins_of(arm)[twin], name, *texts]


def _reading(found):
    """Lines in words: where each arm helps or harms, with a star, and what it costs."""
    for arm in found.compared:
        twin = BEST if found.methods[arm].is_network else "classifier"
        parts = []
        for metric in TESTED:
            for better, word in (True, "better"), (False, "worse"):
                where = [
                    f"{name} ({found.text(name, arm, twin, metric)})"
                    for name in found.sets
                    if found.stars.get((name, arm, twin, metric))
                    and found.is_better(name, arm, twin, metric) == better
                ]
                if where:
                    parts.append(f"{metric} {word} on {', '.join(where)}")
        times = [found.time(name, arm) for name in found.sets]
        times = [ratio for ratio in times if not np.isnan(ratio)]
        if not times:
            yield f"- **{arm}**: no cell to compare."
            continue
        cost = as_range(f"{min(times):.1f}", f"{max(times):.1f}")
        words = "; ".join(parts) or "no difference with p < 0.05"
        yield f"- **{arm}**: {words}. Time: {cost} times the twin."


def summary(cells, overlapping=(), origin=""):
    """Tables and words of a study, in Markdown.

    Parameters
    ----------
    cells : list of dict
        Of :func:`~skaug.comparison.run_study`.
    overlapping : tuple of str, default=()
        As for :class:`Differences`.
    origin : str, default=""
        What the cells were made with.

    Returns
    -------
    text : str
        Headings of the second degree, lists and tables.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # means of nothing
        return "\n".join(_lines(Differences(cells, overlapping), origin)).rstrip()


def _lines(found, origin):
    """Lines of the summary."""
    made = f" {origin}." if origin else ""
    yield f"## Reading\n\n{STARS}{made}\n"
    yield (
        "Differences to the best plain network, or for samplers to the classifier "
        "alone. Time is the CPU time of the last fit over that of the plain network of "
        "as many steps, or of the classifier.\n"
    )
    yield from _reading(found)
    yield ""
    yield from _table(_added_table(found, "without it"), "On top of another arm")
    yield from _table(_added_table(found, "classifier"), "Samplers before a classifier")
    for name in found.sets:
        sizes = [
            (arm["n_train"], arm["n_test"])
            for key, arm in found.figures.items()
            if key[0] == name
        ]
        if not sizes:
            continue
        # Draws of whole groups differ in their numbers of rows.
        trained, tested = (as_range(min(one), max(one)) for one in zip(*sizes))
        n_seeds = len({seed for one, _, seed in found.figures if one == name})
        yield f"## {name}: {trained} training rows, {tested} test rows, {n_seeds} draws"
        yield ""
        yield from _table(_levels(found, name))
        yield from _table(_gaps_table(found, name))
    if found.failed:
        yield "## Cells that failed\n"
        for cell in found.failed:
            yield "- {set}, {method}, seed {seed}: {error}".format(**cell)


def _table(lines, title=None):
    """A table under its title; nothing if it has no line below its head."""
    lines = list(lines)
    if len(lines) > 1:
        if title is not None:
            yield f"## {title}\n"
        yield from markdown(lines)
        yield ""


def as_range(low, high):
    """Both ends, or one number if they are the same."""
    return f"{low}" if low == high else f"{low} to {high}"
