"""Does ISDA help? Paired differences to the plain twin, 10 seeds, three real sets.

A seed draws the training rows, the initial weights and the order of batches, which
both sides share; both take the same number of steps. The strength is chosen inside each
seed by log-loss on a quarter of its training rows (whole subjects for UCI HAR), then
both sides are fitted on all of them and scored once on the official test rows (digits:
rows never drawn from; UCI HAR: nine other subjects).

    python benchmarks/bench_isda_gain.py [--seeds 10] [--output FILE.json]
"""

import argparse
import json

import numpy as np
import torch
from joblib import Parallel, delayed
from sklearn.metrics import balanced_accuracy_score, log_loss
from sklearn.model_selection import (
    GridSearchCV,
    GroupShuffleSplit,
    StratifiedShuffleSplit,
)
from tqdm import tqdm

from data import har_table, load, take
from skaug import ISDAClassifier, NetClassifier

STRENGTHS = [0.25, 1.0, 4.0]
N_TRAIN = {"digits": 300, "har": 1000, "fashion_mnist": 2000}
METRICS = ["accuracy", "balanced accuracy", "log-loss"]


def rows_of(name, seed):
    """Training rows of a seed with their groups, and all test rows."""
    data = load(name)
    rows = take(data.y_train, N_TRAIN[name], seed)
    X, y, X_test = data.X_train[rows], data.y_train[rows], data.X_test
    groups = data.subject_train[rows] if name == "har" else None
    if name == "har":
        X, X_test = har_table(X), har_table(X_test)
    return X, y, groups, X_test, data.y_test


def scores(model, X, y):
    proba = model.predict_proba(X)
    labels = model.classes_[proba.argmax(1)]
    accuracy, balanced = np.mean(labels == y), balanced_accuracy_score(y, labels)
    return [100 * accuracy, 100 * balanced, log_loss(y, proba)]


def run_seed(name, seed):
    """Scores of the twin and of ISDA, and the strength chosen."""
    torch.set_num_threads(1)
    X, y, groups, X_test, y_test = rows_of(name, seed)
    splitter = StratifiedShuffleSplit if groups is None else GroupShuffleSplit
    search = GridSearchCV(
        ISDAClassifier(random_state=seed),
        {"strength": STRENGTHS},
        scoring="neg_log_loss",
        cv=splitter(1, test_size=0.25, random_state=seed),
    ).fit(X, y, groups=groups)
    twin = NetClassifier(random_state=seed).fit(X, y)
    return {
        "set": name,
        "seed": seed,
        "strength": search.best_params_["strength"],
        "twin": scores(twin, X_test, y_test),
        "isda": scores(search, X_test, y_test),
    }


def summary(results):
    """One line per set: mean of the twin, paired difference and its standard error."""
    lines = [
        "| set (training rows) | "
        + " | ".join(f"twin, {metric} | ISDA - twin" for metric in METRICS)
        + " | strengths chosen |",
        "| --- |" + " --- |" * (2 * len(METRICS) + 1),
    ]
    for name, n in N_TRAIN.items():
        runs = [run for run in results if run["set"] == name]
        twin, isda = (
            np.array([run[side] for run in runs]) for side in ("twin", "isda")
        )
        mean, error = (
            (isda - twin).mean(0),
            (isda - twin).std(0, ddof=1) / len(runs) ** 0.5,
        )
        cells = []
        for metric, level, m, e in zip(METRICS, twin.mean(0), mean, error):
            digits = 3 if metric == "log-loss" else 2
            cells += [f"{level:.{digits}f}", f"{m:+.{digits}f} ± {e:.{digits}f}"]
        chosen = [run["strength"] for run in runs]
        counts = ", ".join(f"{s:g}: {chosen.count(s)}" for s in STRENGTHS)
        lines.append(f"| {name} ({n}) | " + " | ".join(cells) + f" | {counts} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--n-jobs", type=int, default=2)
    parser.add_argument("--output", help="where to keep the figures of every seed")
    options = parser.parse_args()
    jobs = [(name, seed) for name in N_TRAIN for seed in range(options.seeds)]
    runs = Parallel(options.n_jobs, return_as="generator")(
        delayed(run_seed)(*job) for job in jobs
    )
    results = list(tqdm(runs, total=len(jobs), smoothing=0))
    print(f"{options.seeds} seeds, mean ± standard error of paired differences")
    print(summary(results))
    if options.output:
        with open(options.output, "w") as file:
            json.dump({"torch": torch.__version__, "results": results}, file, indent=1)


if __name__ == "__main__":
    main()
