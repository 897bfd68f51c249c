"""Which augmentation helps, on which data, at what cost? Methods x sets x seeds.

    python benchmarks/bench_methods.py [--quick] [--sets har ...] [--methods ISDA ...]
    python benchmarks/bench_methods.py --data FILE.npz
    python benchmarks/bench_methods.py --data FILE.csv --target COLUMN [--groups COLUMN]
    python benchmarks/bench_methods.py --summary FILE.json

Methods, their settings and their plain twins are in methods.py, sets in tasks.py. A
seed draws the training rows, the weights and the order of batches. Each method chooses
among three settings by log-loss on a third of its training rows, held out by groups if
there are any, is fitted to all of them, and is scored once on test rows. A twin is the
same without augmentation, with as many gradient steps. A network's twin chooses weight
decay, or the rate of fine-tuning; the method takes that from it and chooses a strength.
A policy's two networks, the scorer and the last one, take 1.6 times the steps of one;
its twin takes twice as many. Compare it with the plain network, too.

An .npz file has arrays x and y, or x_train, y_train, x_test, y_test, and groups or
subject, with the same endings, if rows belong together: tables (n, features), signals
(n, channels, times) or images; uint8 with three axes is grey images. A .csv file has a
column of labels and, if rows belong together, one of groups. Each draw of a file leaves
out a quarter of its rows, of whole groups, to test with if there are no test rows.

Each cell of method, set and seed is a file in the output folder, written as it ends and
never computed again: started again after a kill, the command goes on. Cells of other
sources, versions or files are not mixed in; failed ones are tried again, and end the
command with an error. Time is the CPU time of the choice and the fit, over that of the
twin, which has chosen for both.

Differences to the twin are paired over seeds: mean ± standard error, ** where Holm's
correction over all differences of that metric in the tables leaves p < 0.05 in the t
test, * where p < 0.05 without it. Test rows of the sets are the same for all seeds:
this speaks for other draws and weights. Draws of a file overlap; their standard errors
are widened for that, as for splits that leave out a quarter (Nadeau and Bengio, 2003).

The folder ends up with methods.md, methods.json and methods.png. The last form writes
these to benchmarks/results, below what stands in methods.md before its first heading.
"""

import hashlib
import json
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from joblib import Parallel, delayed
from tqdm import tqdm

from cells import keep_cell, task_of
from data import load
from methods import METHODS, methods_for
from methods_report import render, summary
from runs import PACKAGES, RESULTS, ROOT, commit, origin, parser_of
from tasks import SETS, stop

# Files beside this one that decide about what a cell gives.
SOURCES = ("cells.py", "methods.py", "tasks.py", "tables.py", "data.py", "runs.py")
EPOCHS = 20
N_ROWS = 500  # of a draw from a file of one's own, at most
QUICK = {"sets": ["digits", "fashion_mnist", "har"], "seeds": 3, "epochs": 10}


def fingerprint(options):
    """Digest of all that decides about a cell, besides what its name tells."""
    digest = hashlib.sha256()
    sources = [*ROOT.glob("skaug/**/*.py"), *map(Path(__file__).with_name, SOURCES)]
    for path in sorted(sources) + ([Path(options.data)] if options.data else []):
        digest.update(path.read_bytes())
    made = [version(name) for name in [*PACKAGES, "imbalanced-learn"]]
    chosen = options.epochs, options.rows, options.quick, options.target, options.groups
    digest.update(repr((made, chosen)).encode())
    return digest.hexdigest()[:12]


def own_of(options):
    """What to read a file of the user's with, or None."""
    if options.data is None:
        return None
    return options.data, options.target, options.groups, options.rows


def cells_of(options, own):
    """All cells to be had, seed by seed."""
    names = options.sets if own is None else [Path(options.data).stem]
    methods = {}
    for name in names:
        X = task_of(name, options.quick, own).X
        shape = () if hasattr(X, "columns") else X.shape[1:]
        methods[name] = methods_for(shape, options.methods)
    if not set(options.methods) & set().union(*methods.values()):
        stop("a method for such rows", options.methods, "Choose others with --methods.")
    # The rows were read to list the cells; workers read them on their own.
    task_of.cache_clear()
    load.cache_clear()
    return [
        {"set": name, "method": method, "seed": seed}
        for seed in range(options.seeds)
        for name in names
        for method in methods[name]
    ]


def is_done(path):
    """Whether there is a cell, and it did not fail."""
    return path.exists() and "error" not in json.loads(path.read_text())


def run(options):
    """Run the cells that are missing, twins first; all of them, in order."""
    own = own_of(options)
    cells = cells_of(options, own)
    folder = Path(options.output) / fingerprint(options)
    folder.mkdir(parents=True, exist_ok=True)

    def path_of(cell):
        name = "{set} {method} {seed}.json".format(**cell)
        return folder / name.replace("/", "-")

    def twin_of(cell):
        twin = METHODS[cell["method"]].twin
        return twin and json.loads(path_of({**cell, "method": twin}).read_text())

    missing = [cell for cell in cells if not is_done(path_of(cell))]
    if len(missing) < len(cells):
        print(f"{len(cells) - len(missing)} of {len(cells)} cells are there already.")
    settings = options.epochs, options.quick, own
    bar = tqdm(total=len(missing), unit="cell", smoothing=0.05)
    for of_twins in True, False:
        work = Parallel(options.n_jobs, return_as="generator_unordered")(
            delayed(keep_cell)(path_of(cell), cell, twin_of(cell), *settings)
            for cell in missing
            if (METHODS[cell["method"]].twin is None) == of_twins
        )
        for _ in work:
            bar.update()
    bar.close()
    return [json.loads(path_of(cell).read_text()) for cell in cells]


def main():
    parser = parser_of(__doc__)
    parser.epilog = "See the top of the file for more."
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--data", help="a file of your own, .npz or .csv")
    parser.add_argument("--target", help="column of labels in a .csv file")
    parser.add_argument("--groups", help="column of groups in a .csv file")
    parser.add_argument(
        "--rows", type=int, default=N_ROWS, help="of --data in a draw at most"
    )
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--quick", action="store_true", help="fewer rows, sets, seeds")
    parser.add_argument("--n-jobs", type=int, default=2)
    parser.add_argument("--output", default="bench_methods", help="folder of the cells")
    parser.add_argument("--summary", help="kept figures to render to results/")
    if parser.parse_known_args()[0].quick:
        parser.set_defaults(**QUICK)
    options = parser.parse_args()
    if options.summary:
        render(json.loads(Path(options.summary).read_text()), RESULTS)
        return
    if options.seeds < 2:
        stop("2 seeds or more for a standard error", options.seeds, "Raise --seeds.")
    if find_spec("matplotlib") is None:
        stop("matplotlib for its picture", "none", "Run: pip install matplotlib")
    # Draws of a file overlap; those of the sets are a small part of theirs.
    data = {"epochs": options.epochs, "overlapping": options.data is not None}
    made = f"commit {commit()}, {origin('imbalanced-learn')}"
    data |= {"origin": made, "cells": run(options)}
    render(data, Path(options.output))
    print(summary(data))
    print(f"Written to {options.output}: methods.md, methods.json, methods.png")
    n_failed = sum("error" in cell for cell in data["cells"])
    if n_failed:
        raise SystemExit(f"{n_failed} cells failed; they are at the end of the page.")


if __name__ == "__main__":
    main()
