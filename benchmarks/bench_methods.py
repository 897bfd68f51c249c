"""Which augmentation helps, on which data, at what cost? Methods x sets x seeds.

    python benchmarks/bench_methods.py [--quick] [--sets har ...] [--methods ISDA ...]
    python benchmarks/bench_methods.py --data FILE.npz
    python benchmarks/bench_methods.py --data FILE.csv --target COLUMN [--groups COLUMN]
    python benchmarks/bench_methods.py --summary FILE.json

Methods, their settings and their plain twins are in methods.py, sets in tasks.py. A
seed draws the training rows, the weights and the order of batches. Each method chooses
among three settings by log-loss on a third of its training rows, held out by groups if
there are any, is fitted to all of them, and is scored once on test rows. A twin is the
same without augmentation, with as many gradient steps, and has three settings as well.
A policy's two networks, the scorer and the last one, take 1.6 times the steps of one;
its twin takes twice as many. Compare it with the plain network, too.

An .npz file has arrays x and y, or x_train, y_train, x_test, y_test, and groups or
subject, with the same endings, if rows belong together: tables (n, features), signals
(n, channels, times) or images; uint8 with three axes is grey images. Each draw leaves
out a quarter of its rows, of whole groups, to test with if there are no test rows.

Each cell of method, set and seed is a file in the output folder, written as it ends and
never computed again: started again after a kill, the command goes on. Cells of other
sources, versions or files are not mixed in, and failed ones are tried again. Time is
the CPU time of the choice and the fit, over that of the twin.

Differences to the twin are paired over seeds: mean ± standard error, ** where Holm's
correction over all differences of that metric in the tables leaves p < 0.05 in the t
test, * where p < 0.05 without it. Test rows of the sets are the same for all seeds:
this speaks for other draws and weights. Draws of a file overlap; their standard errors
are widened for that (Nadeau and Bengio, 2003).

The folder ends up with methods.md, methods.json and methods.png. The last form writes
these to benchmarks/results, below what stands in methods.md before its first heading.
"""

import argparse
import hashlib
import json
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from joblib import Parallel, delayed
from tqdm import tqdm

from cells import keep_cell, task_of
from methods import METHODS, methods_for
from methods_report import render, summary
from runs import ROOT, origin
from tasks import SETS, stop

RESULTS = Path(__file__).parent / "results"
# Files beside this one that decide about what a cell gives.
SOURCES = ("cells.py", "methods.py", "tasks.py", "data.py")
PACKAGES = (
    "torch",
    "torchvision",
    "scikit-learn",
    "skorch",
    "imbalanced-learn",
    "numpy",
)
EPOCHS = 20
N_ROWS = 500  # of a draw from a file of one's own, at most
QUICK = {"sets": ["digits", "fashion_mnist", "har"], "seeds": 3, "epochs": 10}


def fingerprint(options):
    """Digest of all that decides about a cell, besides what its name tells."""
    digest = hashlib.sha256()
    sources = [*ROOT.glob("skaug/*.py"), *map(Path(__file__).with_name, SOURCES)]
    for path in sorted(sources) + ([Path(options.data)] if options.data else []):
        digest.update(path.read_bytes())
    made = [version(name) for name in PACKAGES]
    chosen = options.epochs, options.rows, options.quick, options.target, options.groups
    digest.update(repr((made, chosen)).encode())
    return digest.hexdigest()[:12]


def own_of(options):
    """What to read a file of the user's with, or None."""
    if options.data is None:
        return None
    return options.data, options.target, options.groups, options.rows


def cells_of(options, own):
    """All cells to be had, seed by seed, so that the bar's time left is a fair one."""
    names = options.sets if own is None else [Path(options.data).stem]
    methods = {}
    for name in names:
        X = task_of(name, options.quick, own).X
        shape = () if hasattr(X, "columns") else X.shape[1:]
        methods[name] = methods_for(shape, options.methods)
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
    """Run the cells that are missing; all of them, in order."""
    own = own_of(options)
    cells = cells_of(options, own)
    folder = Path(options.output) / fingerprint(options)
    folder.mkdir(parents=True, exist_ok=True)
    paths = [
        folder / "{set} {method} {seed}.json".format(**cell).replace("/", "-")
        for cell in cells
    ]
    missing = [(path, cell) for path, cell in zip(paths, cells) if not is_done(path)]
    if len(missing) < len(cells):
        print(f"{len(cells) - len(missing)} of {len(cells)} cells are there already.")
    # The rows were read to list the cells; workers read them on their own.
    task_of.cache_clear()
    work = Parallel(options.n_jobs, return_as="generator_unordered")(
        delayed(keep_cell)(path, cell, options.epochs, options.quick, own)
        for path, cell in missing
    )
    for _ in tqdm(work, total=len(missing), unit="cell", smoothing=0.05):
        pass
    return [json.loads(path.read_text()) for path in paths]


def main():
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n")[0], epilog="See the top of the file for more."
    )
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
    options = parser.parse_args()
    if options.summary:
        render(json.loads(Path(options.summary).read_text()), RESULTS)
        return
    if options.quick:
        for name, value in QUICK.items():
            if getattr(options, name) == parser.get_default(name):
                setattr(options, name, value)
    if options.seeds < 2:
        stop("2 seeds or more for a standard error", options.seeds, "Raise --seeds.")
    if find_spec("matplotlib") is None:
        stop("matplotlib for its picture", "none", "Run: pip install matplotlib")
    # Draws of a file overlap; those of the sets are a small part of theirs.
    data = {"epochs": options.epochs, "pooled": options.data is not None}
    data |= {"origin": origin(), "cells": run(options)}
    render(data, Path(options.output))
    print(summary(data))
    print(f"Written to {options.output}: methods.md, methods.json, methods.png")


if __name__ == "__main__":
    main()
