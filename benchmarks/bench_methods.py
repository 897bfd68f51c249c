"""Which augmentation helps, on which data, at what cost? Methods x sets x seeds.

    python benchmarks/bench_methods.py [--quick] [--sets har ...] [--methods ISDA ...]
    python benchmarks/bench_methods.py --data FILE.npz
    python benchmarks/bench_methods.py --data FILE.csv --target COLUMN [--groups COLUMN]
    python benchmarks/bench_methods.py --summary FILE.json

Methods, their settings and their plain twins are in methods.py, sets in tasks.py. A
seed draws the training rows, the weights and the order of batches. Each method chooses
among three settings by log-loss on a third of its training rows, held out by groups if
there are any, is fitted to all of them, and is scored once on test rows. A twin is the
same without augmentation, of as many gradient steps, and has three settings as well.

An .npz file has arrays x and y, or x_train, y_train, x_test, y_test, and groups or
subject, with the same endings, if rows belong together: tables (n, features), signals
(n, channels, times) or images; uint8 with three axes is grey images. Where there are no
test rows, a quarter of the rows is held out in each draw.

Each cell of method, set and seed is a file in the output folder, written as it ends and
never computed again: started again after a kill, the command goes on. Cells of other
sources, versions or data are not mixed in. Time is the CPU time of the choice and the
fit, over that of the twin.

Differences to the twin are paired over seeds: mean ± standard error, ** where Holm's
correction over all differences of that metric in the tables leaves p < 0.05 in the t
test, * where p < 0.05 without it. Test rows of the sets are the same for all seeds:
this speaks for other draws and weights. Where a file has no test rows, the parts held
out overlap; standard errors are widened for that (Nadeau and Bengio, 2003).

The folder ends up with methods.md, methods.json and methods.png. The last form writes
these to benchmarks/results, below what stands in methods.md before its first heading.
"""

import argparse
import hashlib
import json
import time
import traceback
import warnings
from functools import cache
from pathlib import Path

import numpy as np
import sklearn
import torch
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.metrics import log_loss, recall_score
from sklearn.utils.validation import has_fit_parameter
from tqdm import tqdm

from methods import METHODS, Setup, methods_for
from methods_report import render, summary
from runs import ROOT, origin, write
from skaug import NetClassifier
from skaug.scores import expected_calibration_error, worst_group_accuracy
from tasks import SETS, draw, folds_of, own_task, real_task, some, stop

RESULTS = Path(__file__).parent / "results"
# Files beside this one that decide about what a cell gives.
SOURCES = ("methods.py", "tasks.py", "data.py", "bench_methods.py")
EPOCHS = 20
N_ROWS = 500  # of a draw from a file of one's own, at most
QUICK = {"sets": ["digits", "fashion_mnist", "har"], "seeds": 3, "epochs": 10}


@cache
def task_of(name, quick, own):
    """The task of a name; once per process, as reading takes long."""
    return real_task(name, quick) if own is None else own_task(*own)


@cache
def warmed_up():
    """Train once: the first training of a process loads a good deal of torch."""
    torch.set_num_threads(1)
    NetClassifier(max_epochs=1).fit(np.eye(20, dtype=np.float32), [0, 1] * 10)


def fitted(model, part):
    """The model fitted to rows, and to their groups if it asks for them."""
    keywords = {}
    if part.groups is not None and has_fit_parameter(model, "groups"):
        keywords["groups"] = part.groups
    return model.fit(part.X, part.y, **keywords)


def probabilities(model, X, classes):
    """Columns for all classes, also of a model that has not seen some of them."""
    proba = np.zeros((len(X), len(classes)))
    proba[:, np.searchsorted(classes, model.classes_)] = model.predict_proba(X)
    return proba


def scores(model, test, classes):
    """Metrics on test rows; shares in points."""
    proba = probabilities(model, test.X, classes)
    predicted = classes[proba.argmax(1)]
    result = {
        "accuracy": 100 * np.mean(predicted == test.y),
        "log-loss": log_loss(test.y, proba, labels=classes),
        "balanced accuracy": 100
        * recall_score(test.y, predicted, average="macro", zero_division=0),
        "calibration error": 100
        * expected_calibration_error(test.y, proba, classes=classes),
    }
    if test.groups is not None:
        worst = worst_group_accuracy(test.y, predicted, test.groups)
        result["worst group"] = 100 * worst
    return {metric: round(float(value), 6) for metric, value in result.items()}


def run_cell(name, seed, epochs, task):
    """Choice of a setting, fit and scores of a method on a draw."""
    warmed_up()
    train, test = draw(task, seed)
    classes = np.unique(task.y)
    shape = train.X.shape[1:]
    method = METHODS[name]
    model = method.make(Setup(shape, len(train.y), len(classes), epochs, seed))
    start = time.process_time()
    inner, held_out = next(folds_of(train.y, train.groups, 3, seed))
    inner, held_out = some(train, inner), some(train, held_out)
    losses = []
    for value in method.settings:
        candidate = clone(model).set_params(**{method.parameter: value})
        proba = probabilities(fitted(candidate, inner), held_out.X, classes)
        losses.append(log_loss(held_out.y, proba, labels=classes))
    chosen = method.settings[int(np.argmin(losses))]
    model.set_params(**{method.parameter: chosen})
    fitted(model, train)
    seconds = time.process_time() - start
    return {
        "chosen": chosen,
        "n_train": len(train.y),
        "n_test": len(test.y),
        "seconds": round(seconds, 3),
        **scores(model, test, classes),
    }


def keep_cell(path, cell, epochs, quick, own):
    """Run a cell and write it at once; what it raises is kept as its result."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            task = task_of(cell["set"], quick, own)
            result = run_cell(cell["method"], cell["seed"], epochs, task)
        except Exception as error:
            traceback.print_exc()
            result = {"error": f"{type(error).__name__}: {error}"}
    write(path, {**cell, **result})


def fingerprint(options):
    """Digest of all that decides about a cell, besides what its name tells."""
    digest = hashlib.sha256()
    sources = [*ROOT.glob("skaug/*.py"), *map(Path(__file__).with_name, SOURCES)]
    for path in sorted(sources) + ([Path(options.data)] if options.data else []):
        digest.update(path.read_bytes())
    made = torch.__version__, sklearn.__version__, np.__version__
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
    missing = [(path, cell) for path, cell in zip(paths, cells) if not path.exists()]
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
    cells = run(options)
    own = own_of(options)
    # Do draws take their test rows from the same pool as their training rows?
    pooled = own is not None and task_of(cells[0]["set"], False, own).test is None
    data = {"origin": origin(), "epochs": options.epochs, "pooled": pooled}
    data["cells"] = cells
    render(data, Path(options.output))
    print(summary(data))
    print(f"Written to {options.output}: methods.md, methods.json, methods.png")


if __name__ == "__main__":
    main()
