"""A cell of bench_methods.py: choice of a setting, fit and scores of one method.

Workers import this file, which the script itself would not allow.
"""

import time
import traceback
import warnings
from functools import cache

import numpy as np
import torch
from sklearn.base import clone
from sklearn.metrics import log_loss
from threadpoolctl import threadpool_limits

from methods import METHODS, Setup
from runs import rounded, scores_of, write
from skaug import NetClassifier
from skaug.card import expected_calibration_error, worst_group_accuracy
from skaug.card.twin import fit_with_groups
from tables import fold_maker
from tasks import draw, own_task, real_task, some


@cache
def task_of(name, quick, own):
    """The task of a name; once per process, as reading takes long."""
    return real_task(name, quick) if own is None else own_task(*own)


@cache
def warmed_up():
    """Train once: the first training of a process loads a good deal of torch."""
    torch.set_num_threads(1)
    threadpool_limits(1)
    NetClassifier(max_epochs=1).fit(np.eye(20, dtype=np.float32), [0, 1] * 10)


def fitted(model, part):
    """The model fitted to rows, and to their groups if it takes them."""
    return fit_with_groups(model, part.X, part.y, part.groups)


def split_for_choice(train, seed):
    """Two thirds of the rows to choose a setting with, and the rows to choose by.

    Of three ways to divide whole groups, the first that leaves most classes to the
    former.
    """
    splitter = fold_maker(3, train.groups, seed)
    folds = list(splitter.split(train.y, train.y, train.groups))
    n_classes = [len(np.unique(train.y[inner])) for inner, _ in folds]
    inner, held_out = folds[int(np.argmax(n_classes))]
    return some(train, inner), some(train, held_out)


def loss_of(model, part, classes):
    """Log-loss; infinite for a model that has diverged."""
    proba = probabilities(model, part.X, classes)
    if not np.isfinite(proba).all():
        return np.inf
    return log_loss(part.y, proba, labels=classes)


def probabilities(model, X, classes):
    """Columns for all classes, also of a model that has not seen some of them."""
    proba = np.zeros((len(X), len(classes)))
    proba[:, np.searchsorted(classes, model.classes_)] = model.predict_proba(X)
    return proba


def scores(model, test, classes):
    """Metrics on test rows; shares in points."""
    proba = probabilities(model, test.X, classes)
    found = expected_calibration_error(test.y, proba, classes=classes)
    result = {**scores_of(test.y, proba, classes), "calibration error": 100 * found}
    if test.groups is not None:
        predicted = classes[proba.argmax(1)]
        worst = worst_group_accuracy(test.y, predicted, test.groups)
        result["worst group"] = 100 * worst
    return rounded(result, 6)


def run_cell(name, seed, epochs, task, of_twin=None):
    """Choice of a setting, fit and scores of a method on a draw.

    What its twin has chosen on the same draw is `of_twin`.
    """
    warmed_up()
    train, test = draw(task, seed)
    classes = np.unique(task.y)
    shape = train.X.shape[1:]
    method = METHODS[name]
    inner, held_out = split_for_choice(train, seed)
    n_fewest = int(np.unique(inner.y, return_counts=True)[1].min())
    setup = Setup(shape, len(train.y), len(classes), n_fewest, epochs, seed)
    model = method.make(setup)
    if method.from_twin:
        model.set_params(**{method.from_twin: of_twin})
    start = time.process_time()
    losses = []
    for value in method.settings:
        candidate = clone(model).set_params(**{method.parameter: value})
        losses.append(loss_of(fitted(candidate, inner), held_out, classes))
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


def keep_cell(path, cell, twin, epochs, quick, own):
    """Run a cell and write it at once; what it raises is kept until the next run.

    The cell of its twin is `twin`, None if it has none.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            if METHODS[cell["method"]].from_twin and "chosen" not in twin:
                raise RuntimeError(f"its twin failed, {twin['method']}")
            task = task_of(cell["set"], quick, own)
            of_twin = twin and twin.get("chosen")
            result = run_cell(cell["method"], cell["seed"], epochs, task, of_twin)
        except Exception as error:
            traceback.print_exc()
            result = {"error": f"{type(error).__name__}: {error}"}
    write(path, {**cell, **result})
