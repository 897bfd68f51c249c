"""How time and memory grow with rows, features and classes, and what workers add.

Each method takes four sizes, doubled each time, of a table of normal columns about the
mean of each class. The exponent is the slope of a line through the logarithms of size
and time: 1 is as much time as rows, 2 their square. Memory is the peak of the resident
set beyond that before the call. One thread; a process of its own for each line, in
which the first call, done before, has loaded what there is to load.

- potential, hardness: of all rows, with 64 features unless the features grow. Points
  within the default radius count, about a tenth neighbour each.
- influence: softmax regression on the rows, and the totals of 500 validation rows.
- IHDA: a network of 5 epochs, fine-tuned level by level, 20 features.
- compare: AugmentationSearchCV of ISDA in two folds, with trainings of 100 and 200
  steps, 20 features.

Workers: the same calls at one size with n_jobs=1 and n_jobs=2, by the clock, the faster
of two, processes of joblib that a small call has started. IHDA is a cross-validation of
two folds, and influence the fits without each of 150 rows. Results have to be equal to
the last bit.

Engines: a grid search, the potential, hardness and fits without a row, on two workers
of each backend of joblib, and what differs from one process. Ray is taken if it is
installed.

    python benchmarks/bench_growth.py
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch

import time
import warnings
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec

import numpy as np
import torch
from joblib import parallel_config
from sklearn.model_selection import GridSearchCV, cross_val_predict

from costs import cpu_seconds, in_own_process, peak_mib, print_line, run, shown
from runs import check, claim, origin, parser_of
from skaug import (
    AugmentationSearchCV,
    IHDAFinetuner,
    LastLayerInfluence,
    NetClassifier,
    hardness,
    potential,
)
from skaug.comparison import Budgets

SHAPE = {"rows": 16_000, "features": 64, "classes": 5}
SMALL = {"rows": 1000, "features": 20, "classes": 5}
BASE = {"potential": SHAPE, "hardness": SHAPE, "influence": SHAPE}
# What grows, and from where; doubled three times.
GROWING = [
    ("potential", "rows", 8000),
    ("hardness", "rows", 5000),
    ("influence", "rows", 16_000),
    ("IHDA", "rows", 2000),
    ("compare", "rows", 500),
    ("potential", "features", 32),
    ("hardness", "features", 32),
    ("influence", "features", 32),
    ("IHDA", "features", 20),
    ("potential", "classes", 5),
    ("influence", "classes", 5),
    ("IHDA", "classes", 5),
]
AT_MOST = {"rows": {"potential": 2.2, "hardness": 2.2, "influence": 1.3, "IHDA": 1.3}}
WORKERS = {
    "potential": {**SHAPE, "rows": 64_000},
    "hardness": {**SHAPE, "rows": 40_000},
    "influence": {**SHAPE, "rows": 4000},
    "IHDA": {**SMALL, "rows": 8000},
    "compare": SMALL,
}
SPEED_UP_GOAL = 1.4
ENGINES = "loky", "dask", "ray"
AS_OTHERS = {"RAY_worker_niceness": "0"}  # by default ray lets all others go first
FEW = Budgets(plain=(100, 200), augmented=(200,), decays=(0.01,), refused=100)


def make_rows(rows, features, classes, seed=0):
    """Rows whose classes differ in their means, and their labels."""
    rng = np.random.default_rng(seed)
    y = np.arange(rows) % classes
    means = rng.normal(size=(classes, features))
    return rng.normal(size=(rows, features)) + means[y], y


def call_of(name, shape, n_jobs=1):
    """What is timed: a function without arguments, which returns an array."""
    X, y = make_rows(**shape)
    if name in ("potential", "hardness"):
        function = {"potential": potential, "hardness": hardness}[name]
        return partial(function, X, y, n_jobs=n_jobs)
    if name == "influence":
        return partial(totals, X, y)
    if name == "IHDA":
        return partial(finetuner().fit, X, y)
    return partial(compared, X, y, n_jobs)


def totals(X, y):
    """What each row does to the loss of rows held out."""
    held_out = make_rows(500, X.shape[1], len(np.unique(y)), seed=1)
    return LastLayerInfluence().fit(X, y).predicted_loss_change(*held_out)


def finetuner():
    net = NetClassifier(max_epochs=5, random_state=0)
    return IHDAFinetuner(net, random_state=0)


def compared(X, y, n_jobs):
    search = AugmentationSearchCV(
        methods=["ISDA"], cv=2, budget=FEW, refit=False, n_jobs=n_jobs, random_state=0
    )
    search.fit(X, y)
    return np.array([record["score"] for record in search.results_])


def shared_call_of(name, shape, n_jobs):
    """What is timed with workers."""
    X, y = make_rows(**shape)
    if name == "IHDA":
        return partial(
            cross_val_predict, finetuner(), X, y, cv=2, n_jobs=n_jobs, method="predict"
        )
    if name == "influence":
        return fits_without_rows(X, y, 150, n_jobs)
    return call_of(name, shape, n_jobs)


def fits_without_rows(X, y, number, n_jobs):
    influence = LastLayerInfluence(n_jobs=n_jobs).fit(X, y)
    return partial(influence.refitted_loss_change, X[:500], y[:500], range(number))


def seconds_of(call):
    """Seconds of a call by the clock, and what it returns."""
    start = time.perf_counter()
    found = call()
    return time.perf_counter() - start, found


def growth_of(sizes, seconds):
    """Exponent: slope of the line through the logarithms."""
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])


def measure(what, name, *case):
    """Growth along an axis, a call with one worker and with two, or an engine."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    kinds = {"growth": growth, "workers": two_workers, "engine": engine}
    return kinds[what](name, *case)


def growth(name, axis, first):
    """Sizes, CPU seconds and MiB of four calls."""
    base = BASE.get(name, SMALL)
    sizes, seconds, peaks = [first * 2**power for power in range(4)], [], []
    call_of(name, {**base, axis: first})()
    for size in sizes:
        taken, peak = seconds_and_peak(call_of(name, {**base, axis: size}))
        seconds.append(taken)
        peaks.append(peak)
    return sizes, seconds, peaks


def seconds_and_peak(call):
    """CPU seconds of a call, and its peak of memory in MiB."""
    taken = []
    peak = peak_mib(lambda: taken.append(cpu_seconds(call)[0]))
    return *taken, peak


def two_workers(name, shape):
    """Seconds with one worker and with two, and the largest difference of results."""
    small = {**shape, "rows": 300}
    for n_jobs in (1, 2):
        shared_call_of(name, small, n_jobs)()
    calls = [shared_call_of(name, shape, n_jobs) for n_jobs in (1, 2)]
    runs = [[seconds_of(call) for _ in range(2)] for call in calls]
    one, two = (min(seconds for seconds, _ in of_call) for of_call in runs)
    here, there = (of_call[0][1] for of_call in runs)
    return one, two, float(np.abs(np.asarray(here) - there).max())


@contextmanager
def started(name):
    """Two workers of an engine."""
    if name == "dask":
        from distributed import Client, LocalCluster

        options = {"threads_per_worker": 1, "dashboard_address": ":0"}
        with LocalCluster(2, **options) as cluster, Client(cluster):
            yield
    elif name == "ray":
        import ray
        from ray.util.joblib import register_ray

        register_ray()
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
        yield
        ray.shutdown()
    else:
        yield


def engine(name):
    """Largest differences to one process, and the seconds by the clock."""
    X, y = make_rows(**SMALL)
    here = list(on_engines(X, y, 1))
    with started(name), parallel_config(backend=name, n_jobs=2):
        seconds, there = seconds_of(lambda: list(on_engines(X, y, None)))
    differences = [float(np.abs(one - other).max()) for one, other in zip(here, there)]
    return differences, seconds


def on_engines(X, y, n_jobs):
    """What is computed with each engine."""
    net = NetClassifier(max_epochs=5, random_state=0)
    grid = {"lr": [1e-3, 1e-2]}
    search = GridSearchCV(net, grid, cv=2, refit=False, n_jobs=n_jobs).fit(X, y)
    yield np.array([search.cv_results_[f"split{fold}_test_score"] for fold in (0, 1)])
    yield potential(X, y, n_jobs=n_jobs)
    yield hardness(X, y, n_jobs=n_jobs)
    yield fits_without_rows(X, y, 8, n_jobs)()


def main(options):
    """Print a line for each method and axis, then for workers, and check the claims."""
    print(origin())
    check([*claims_of_growth(), *claims_of_workers(), *claims_of_engines()])


def claims_of_growth():
    """What is claimed of each method, with a line for each axis."""
    widths = 20, 9, 16, 28, 24
    heads = "exponent", "sizes", "CPU seconds", "MiB"
    print_line(widths, ["method, what grows", *heads])
    for name, axis, first in GROWING:
        sizes, seconds, peaks = in_own_process(__file__, "growth", name, axis, first)
        exponent = growth_of(sizes, seconds)
        cells = f"{exponent:.2f}", f"{sizes[0]} to {sizes[-1]}"
        cells += (", ".join(f"{one:.2f}" for one in seconds),)
        cells += (", ".join(shown(peak, ".0f") for peak in peaks),)
        print_line(widths, [f"{name}, {axis}", *cells])
        most = AT_MOST.get(axis, {}).get(name)
        if most is not None:
            text = f"{name}: time grows as rows to the power of {most:g} at most"
            yield claim(text, f"{exponent:.2f}", exponent <= most)


def claims_of_workers():
    """What is claimed of two workers, with a line for each method."""
    print()
    widths = 20, 12, 12, 12, 12
    heads = "1 worker", "2 workers", "speed-up", "difference"
    print_line(widths, ["method", *heads])
    for name, shape in WORKERS.items():
        one, two, difference = in_own_process(__file__, "workers", name, shape)
        cells = f"{one:.1f} s", f"{two:.1f} s", f"{one / two:.2f}", f"{difference:g}"
        print_line(widths, [name, *cells])
        text = f"{name}: two workers find what one finds"
        yield claim(text, f"difference {difference:g}", difference == 0)
        if name in ("potential", "compare"):
            text = f"{name}: two workers are {SPEED_UP_GOAL:g} times as fast"
            yield claim(text, f"{one / two:.2f}", one / two >= SPEED_UP_GOAL)


def claims_of_engines():
    """What is claimed of each engine, with a line for each."""
    print()
    widths = 20, 12, 12, 12, 12, 12
    heads = "search", "potential", "hardness", "influence", "seconds"
    print_line(widths, ["difference", *heads])
    for name in ENGINES:
        if name == "ray" and find_spec("ray") is None:
            print_line(widths, [name, "not installed"])
            continue
        differences, seconds = in_own_process(__file__, "engine", name, **AS_OTHERS)
        cells = *(f"{one:g}" for one in differences), f"{seconds:.0f}"
        print_line(widths, [name, *cells])
        text = f"{name}: its workers find what one process finds"
        yield claim(text, f"difference {max(differences):g}", not any(differences))


if __name__ == "__main__":
    run(parser_of(__doc__), main, measure)
