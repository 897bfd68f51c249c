"""How NetClassifier's defaults were chosen, and where they stand.

``choose`` changes one setting at a time and scores on held-out *training* data of three
sets, with few rows and with many: a table (digits), signals (UCI HAR, whole subjects
held out) and images (Fashion-MNIST). ``report`` then fits the defaults and two
scikit-learn classifiers to few training rows and scores them on the official or
held-back test rows, which ``choose`` never reads.

    python benchmarks/bench_defaults.py choose
    python benchmarks/bench_defaults.py report
"""

import math
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
from skaug.net.steps import epochs_for

SGD = {
    "optimizer": torch.optim.SGD,
    "optimizer__momentum": 0.9,
    "optimizer__nesterov": True,
    "optimizer__weight_decay": 5e-4,
}
SETTINGS = {
    "NetClassifier()": {},
    "half as long": {"length": 0.5},
    "twice as long": {"length": 2},
    "four times as long": {"length": 4},
    "lr 1e-3": {"lr": 1e-3},
    "lr 1e-2": {"lr": 1e-2},
    "batch 32": {"batch_size": 32},
    "batch 128": {"batch_size": 128},
    "dropout 0.2": {"module__dropout": 0.2},
    "dropout 0.5": {"module__dropout": 0.5},
    "weight decay 0": {"optimizer__weight_decay": 0.0},
    "weight decay 0.1": {"optimizer__weight_decay": 0.1},
    "weight decay 0.5": {"optimizer__weight_decay": 0.5},
    "constant lr": {"lr_schedule": "constant"},
    "SGD, lr 0.05": {**SGD, "lr": 0.05},
}
# Training rows: few, and many. More digits than 700 there are not.
SETS = {"digits": (300, 700), "har": (300, 3000), "fashion_mnist": (300, 3000)}
CELLS = [(name, n) for name, numbers in SETS.items() for n in numbers]
FEW = [(name, numbers[0]) for name, numbers in SETS.items()]


def split(name, n, seed):
    """Training and validation rows, both from the training part of the set."""
    data = load(name)
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


def trained(seed, X, y, length=1, **change):
    """The default network with a setting changed, trained so many times as long."""
    net = NetClassifier(**change, random_state=seed)
    if length != 1:
        batches = math.ceil(len(X) / net.batch_size)
        net.set_params(max_epochs=round(length * epochs_for(batches, ())))
    return net.fit(X, y)


def choose(seeds):
    widths = [34, *[21] * len(CELLS)]
    names = [f"{name}, {n}" for name, n in CELLS]
    print_line(widths, ["validation accuracy % / log-loss", *names])
    for label, change in SETTINGS.items():
        cells = []
        for name, n in CELLS:
            values = []
            for seed in range(seeds):
                X, y, X_valid, y_valid = split(name, n, seed)
                values.append(scores(trained(seed, X, y, **change), X_valid, y_valid))
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
    widths = [26, *[24] * len(FEW)]
    names = [f"{name}, {n}" for name, n in FEW]
    print_line(widths, ["test accuracy % / log-loss", *names])
    for label, model in models.items():
        last = model[-1] if isinstance(model, Pipeline) else model
        cells = []
        for name, n in FEW:
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
