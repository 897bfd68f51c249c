"""How NetClassifier's defaults were chosen, and where they stand.

``choose`` varies one setting at a time on held-out *training* data of three sets: a
table (digits), signals (UCI HAR, whole subjects held out) and images (Fashion-MNIST).
``report`` then fits the defaults and two scikit-learn classifiers on the training rows
and scores them on the official or held-back test rows, which ``choose`` never reads.

    python benchmarks/bench_defaults.py choose
    python benchmarks/bench_defaults.py report
"""

import time

import numpy as np
import torch
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import GroupShuffleSplit
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from costs import print_line
from data import load, take
from runs import parser_of, scores_of
from skaug import NetClassifier

BASE = {"lr": 3e-3, "max_epochs": 30, "batch_size": 64, "module__dropout": 0.2}
SGD = {
    "optimizer": torch.optim.SGD,
    "optimizer__momentum": 0.9,
    "optimizer__nesterov": True,
    "optimizer__weight_decay": 5e-4,
}
SETTINGS = {
    "AdamW, lr 3e-3, 30 epochs": {},
    "lr 1e-3": {"lr": 1e-3},
    "lr 1e-2": {"lr": 1e-2},
    "15 epochs": {"max_epochs": 15},
    "60 epochs": {"max_epochs": 60},
    "batch 32": {"batch_size": 32},
    "batch 128": {"batch_size": 128},
    "dropout 0": {"module__dropout": 0.0},
    "dropout 0.5": {"module__dropout": 0.5},
    "weight decay 0.1": {"optimizer__weight_decay": 0.1},
    "constant lr": {"lr_schedule": "constant"},
    "SGD, lr 0.05": {**SGD, "lr": 0.05},
}
SETS = {"digits": 300, "har": 600, "fashion_mnist": 1000}


def split(name, seed):
    """Training and validation rows, both from the training part of the set."""
    data, n = load(name), SETS[name]
    X, y = data.X_train, data.y_train
    if name == "har":
        groups = data.subject_train
        cv = GroupShuffleSplit(1, test_size=8, random_state=seed)
        train, valid = next(cv.split(X, y, groups))
    else:
        train = take(y, n, seed)
        valid = np.setdiff1d(np.arange(len(y)), train)[:4000]
    train = train[take(y[train], n, seed)] if len(train) > n else train
    return X[train], y[train], X[valid], y[valid]


def scores(model, X, y):
    found = scores_of(y, model.predict_proba(X), model.classes_)
    return found["accuracy"], found["log-loss"]


def choose(seeds):
    widths = [32, *[20] * len(SETS)]
    print_line(widths, ["validation accuracy % / log-loss", *SETS])
    for label, change in SETTINGS.items():
        cells = []
        for name in SETS:
            values = []
            for seed in range(seeds):
                X, y, X_valid, y_valid = split(name, seed)
                net = NetClassifier(**{**BASE, **change}, random_state=seed)
                values.append(scores(net.fit(X, y), X_valid, y_valid))
            accuracy, loss = np.mean(values, 0)
            cells.append(f"{accuracy:.2f} / {loss:.3f}")
        print_line(widths, [label, *cells])


def report(seeds):
    flatten = FunctionTransformer(lambda X: X.reshape(len(X), -1))
    scaled = make_pipeline(flatten, StandardScaler(), MLPClassifier())
    trees = make_pipeline(flatten, HistGradientBoostingClassifier())
    models = {
        "NetClassifier()": NetClassifier(),
        "MLPClassifier(), scaled": scaled,
        "HistGradientBoosting()": trees,
    }
    widths = [32, *[26] * len(SETS)]
    print_line(widths, ["test accuracy % / log-loss", *SETS])
    for label, model in models.items():
        last = model[-1] if isinstance(model, Pipeline) else model
        cells = []
        for name, n in SETS.items():
            data, values = load(name), []
            start = time.perf_counter()
            for seed in range(seeds):
                rows = take(data.y_train, n, seed)
                last.set_params(random_state=seed)
                model.fit(data.X_train[rows], data.y_train[rows])
                values.append(scores(model, data.X_test, data.y_test))
            accuracy, loss = np.mean(values, 0)
            seconds = (time.perf_counter() - start) / seeds
            cells.append(f"{accuracy:.2f} / {loss:.3f} ({seconds:.0f} s)")
        print_line(widths, [label, *cells])


if __name__ == "__main__":
    parser = parser_of(__doc__)
    parser.add_argument("stage", choices=["choose", "report"])
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    {"choose": choose, "report": report}[arguments.stage](arguments.seeds)
