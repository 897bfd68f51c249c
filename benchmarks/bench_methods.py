"""Which augmentation helps, on which data, at what cost? Arms x sets x draws.

    python benchmarks/bench_methods.py [--quick] [--sets har ...] [--methods ISDA ...]
    python benchmarks/bench_methods.py --data FILE.npz
    python benchmarks/bench_methods.py --data FILE.csv --target COLUMN [--groups COLUMN]
    python benchmarks/bench_methods.py --summary FILE.json [--claims]

The arms are in skaug/comparison/methods.py, and skaug/comparison says how a cell is
made. A draw of training rows also decides the weights and the order of batches, and is
divided: two thirds to fit settings to, one third to choose by log-loss. Budgets are
gradient steps of 64 rows under a cosine schedule. The best plain network chooses among
100, 200 and 600 steps and four weight decays. Each arm chooses among 300 and 600 steps
and up to three strengths, with the weight decay that the plain network of as many steps
chose. Two differences tell what came out: to the best plain network, and to the plain
one of equal steps. An arm on top of another, such as heuristics + ISDA 1, is also
compared to that one alone, at its steps and weight decay. Samplers have the classifier
alone for a twin.

Each cell of arm, set and draw is a file in the output folder, written as it ends and
never computed again: started again after a kill, the command goes on. Cells of other
sources, versions or rows are not mixed in; failed ones are tried again, and end the
command with an error. After the first draw of each set the command says how long the
others will take.

Test rows of the built-in sets are the same for all draws: errors speak for other draws
and weights. Each draw of a file of one's own leaves out a quarter of its rows to test
with, of whole groups if there are any. These draws overlap, and their standard errors
are widened for that (Nadeau and Bengio, 2003).

The folder ends up with methods.md, methods.json and methods.png. --summary writes these
to benchmarks/results, below what stands in methods.md before its first heading.
--claims asserts what methods_claims.py lists, and ends with status 1 if one is missed.
"""

import json
from dataclasses import asdict, replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from sklearn.utils import Bunch

from data import load, pooled
from methods_claims import claims_of
from runs import RESULTS, commit, fill_page, list_of_claims, origin, parser_of, stop
from skaug.comparison import (
    METHODS,
    Budgets,
    Differences,
    Task,
    heat_map,
    read_task,
    run_study,
    summary,
)
from skaug.comparison.cell import write

# Training rows of a draw, draws, side of the pooled images, augmentation by hand.
SETS = {
    "digits": (300, 5, None, "jitter"),
    "mnist": (200, 5, 14, "affine"),
    "fashion_mnist": (400, 5, 14, "small affine and flip"),
    "cifar10": (500, 5, 16, "crop and flip"),
    "har": (300, 8, None, "warps"),
}
QUICK_SETS = ["digits", "fashion_mnist", "har"]
N_ROWS = 500  # of a draw from a file of one's own, at most
TITLE = "Which augmentation helps?"


@cache
def built_in(name):
    """One of the sets of data.py; images are pooled to half their sides."""
    try:
        data = load(name)
    except FileNotFoundError:
        advice = "Set SKAUG_DATA to their folder, or choose others with --sets."
        stop("bench_methods", "the data of its sets", f"none of {name}", advice)
    n_rows, n_seeds, side, heuristic = SETS[name]
    X, X_test = data.X_train, data.X_test
    if side is not None:
        X, X_test = pooled(X), pooled(X_test)
    test = Bunch(X=X_test, y=data.y_test, groups=data.get("subject_test"))
    groups = data.get("subject_train")
    load.cache_clear()
    return Task(name, X, data.y_train, groups, test, n_rows, n_seeds, heuristic)


def tasks_of(options):
    """What to compare on: a file of the user's, or the built-in sets."""
    if options.data is not None:
        target, groups = options.target, options.groups
        tasks = [read_task(options.data, target, groups, n_rows=options.rows)]
    else:
        tasks = [built_in(name) for name in options.sets]
    if options.seeds is not None:
        tasks = [replace(task, n_seeds=options.seeds) for task in tasks]
    return tasks


def run(options):
    """Run the cells that are missing, and return all with what they were made with."""
    budgets = Budgets().shorter(options.shorter)
    try:
        tasks = tasks_of(options)
        cells = run_study(
            tasks,
            options.output,
            methods=options.methods,
            budgets=budgets,
            n_jobs=options.n_jobs,
            verbose=1,
        )
    except ValueError as error:
        raise SystemExit(f"bench_methods: {error}") from None
    return {
        "origin": f"commit {commit()}, {origin(*options.packages)}",
        "budgets": asdict(budgets),
        "overlapping": [task.name for task in tasks if task.leaves_out],
        "cells": cells,
    }


def render(data, folder, claims=()):
    """Page, figures and picture in a folder; returns the text of the page."""
    folder.mkdir(parents=True, exist_ok=True)
    text = summary(data["cells"], data["overlapping"], data["origin"])
    if claims:
        text = "\n".join([*list_of_claims(claims), "", text])
    fill_page(folder / "methods.md", TITLE, text)
    # Losses of all settings are in the files of the cells.
    kept = [{k: v for k, v in cell.items() if k != "inner"} for cell in data["cells"]]
    write(folder / "methods.json", {**data, "cells": kept})
    heat_map(data["cells"], folder / "methods.png", data["overlapping"])
    return text


def options_of():
    """Options of the command line, checked."""
    parser = parser_of(__doc__)
    parser.epilog = "See the top of the file for more."
    add = parser.add_argument
    add("--sets", nargs="+", choices=SETS, default=list(SETS))
    add("--data", help="a file of your own, .npz or .csv")
    add("--target", help="column of labels in a .csv file")
    add("--groups", help="column of groups in a .csv file")
    add("--rows", type=int, default=N_ROWS, help="of --data in a draw at most")
    add("--methods", nargs="+", choices=METHODS, help="all by default")
    add("--seeds", type=int, help="draws of each set (8 of har, 5 of others)")
    add("--shorter", type=float, default=1, help="divide steps by this, for a trial")
    add("--quick", action="store_true", help="fewer sets and draws, a quarter of steps")
    add("--n-jobs", type=int, default=2, help="cells at a time (2)")
    add("--output", default="bench_methods", help="folder of the cells")
    add("--summary", help="kept figures to render to results/")
    add("--claims", action="store_true", help="assert what the page claims")
    if parser.parse_known_args()[0].quick:
        parser.set_defaults(sets=QUICK_SETS, seeds=3, shorter=4)
    options = parser.parse_args()
    if options.seeds is not None and options.seeds < 2:
        got, advice = options.seeds, "Raise --seeds."
        stop("bench_methods", "2 draws or more for a standard error", got, advice)
    if find_spec("matplotlib") is None:
        advice = "Run: pip install matplotlib"
        stop("bench_methods", "matplotlib for its picture", "none", advice)
    imblearn = find_spec("imblearn") is not None
    options.packages = ["imbalanced-learn"] if imblearn else []
    return options


def main():
    options = options_of()
    if options.summary:
        data = json.loads(Path(options.summary).read_text())
        folder = RESULTS
    else:
        data = run(options)
        folder = Path(options.output)
    claims = []
    if options.claims:
        claims = list(claims_of(Differences(data["cells"], data["overlapping"])))
    print(render(data, folder, claims))
    print(f"Written to {folder}: methods.md, methods.json, methods.png")
    n_failed = sum("error" in cell for cell in data["cells"])
    if n_failed:
        raise SystemExit(f"{n_failed} cells failed; they are at the end of the page.")
    if not all(held for _, held in claims):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
