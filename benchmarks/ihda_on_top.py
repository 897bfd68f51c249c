"""IHDA over networks that augmentation has trained for the largest budget of steps.

In the comparison an arm chooses its steps. Here all networks below take 600 steps, with
augmentation by hand, with ISDA of strength 1, and with both: what fine-tuning adds to
them is not mixed up with the steps that they chose.
"""

from runs import markdown
from skaug.comparison import Differences, Method
from skaug.comparison.differences import TESTED
from skaug.comparison.heuristics import heuristic, heuristics_of
from skaug.comparison.methods import ISDA1, finetuned


def pair(name, make, grid=(None,)):
    """An arm that takes the largest budget, and fine-tuning on top of it."""
    name = f"{name}, 600 steps"
    yield Method(name, make, grid, longest=True)
    yield Method(
        f"IHDA over {name}", lambda s, v: finetuned(s, make(s, s.below)), twin=name
    )


LONG = [
    *pair("heuristics", lambda s, v: s.augmented(heuristic(s, v)), heuristics_of),
    *pair("ISDA 1", lambda s, v: s.net(**ISDA1)),
    *pair(
        "heuristics + ISDA 1",
        lambda s, v: s.augmented(heuristic(s, v), **ISDA1),
        heuristics_of,
    ),
]


def section_of(cells, overlapping):
    """Heading and table of what fine-tuning adds, by arm and set; "" without cells."""
    found = Differences(cells, overlapping, LONG)
    lines = [["arm", "set", *(f"{metric}: - without it" for metric in TESTED)]]
    for method in LONG:
        for name in found.sets if method.below else ():
            texts = [
                found.text(name, method.name, "without it", metric) for metric in TESTED
            ]
            if set(texts) != {"-"}:
                lines.append([method.name, name, *texts])
    if len(lines) == 1:
        return ""
    about = "Holm's correction is over the arms and sets of this table."
    title = "IHDA over networks of 600 steps"
    return "\n".join([f"## {title}\n", about, "", *markdown(lines), ""])
