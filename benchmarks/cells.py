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
from sklearn.metrics import balanced_accuracy_score, log_loss
from sklearn.utils.validation import has_fit_parameter
from threadpoolctl import threadpool_limits

from methods import METHODS, Setup
from runs import write
from skaug import NetClassifier
from skaug.scores import expected_calibration_error, worst_group_accuracy
from tasks import draw, folds_of, own_task, real_task, some


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
        "balanced accuracy": 100 * balanced_accuracy_score(test.y, predicted),
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
    """Run a cell and write it at once; what it raises is kept until the next run."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            task = task_of(cell["set"], quick, own)
            result = run_cell(cell["method"], cell["seed"], epochs, task)
        except Exception as error:
            traceback.print_exc()
            result = {"error": f"{type(error).__name__}: {error}"}
    write(path, {**cell, **result})
