"""A cell of the comparison: choice of a setting, fit and scores of one arm on one draw.

Every setting is fitted to the inner rows and judged by log-loss on the rows held out,
which also tell the temperature of the logits. The setting chosen is fitted to all
training rows, and scored once on the test rows, with that temperature and without. One
cell has all plain networks of a draw, because the arms take their weight decays.
"""

import json
import time
import traceback
import warnings
from contextlib import contextmanager
from functools import cache
from itertools import product
from tempfile import TemporaryDirectory

import numpy as np
import torch
from scipy.special import log_softmax
from sklearn.base import clone
from sklearn.metrics import balanced_accuracy_score
from skorch import NeuralNet
from threadpoolctl import threadpool_limits

from skaug._files import atomic_writing
from skaug.card.scores import (
    expected_calibration_error,
    group_means,
    worst_group_accuracy,
)
from skaug.card.twin import fit_with_groups
from skaug.comparison.guarded import GuardedPolicy
from skaug.comparison.methods import METHODS
from skaug.comparison.setup import BEST, PLAIN, Setup, comparing, of_steps
from skaug.net.classifier import NetClassifier
from skaug.net.temperature import LEAST_LOG, best_temperature, clipped_logs

__all__ = ["fitted", "keep_cell", "log_probabilities", "run_cell", "scores", "write"]

# Log-probability of a class that a model has not seen or rules out.


def keep_cell(key, method, drawn, budgets, found):
    """Run a cell; what it raises is kept in place of figures."""
    cell = dict(zip(("set", "method", "seed"), key))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            failed = [name for name, other in found.items() if "error" in other]
            if failed:
                raise RuntimeError(
                    f"{cell['method']} needs a cell of {failed[0]}; got one that "
                    "failed. Run again once its cause is out of the way."
                )
            cell |= run_cell(method or PLAIN, drawn, budgets, found)
        except Exception as error:
            cell["error"] = f"{type(error).__name__}: {error}"
            cell["traceback"] = traceback.format_exc()
    return cell


def run_cell(method, drawn, budgets, found=None):
    """Choose settings of a method on a draw, fit it, and score it on the test rows.

    Parameters
    ----------
    method : str or Method
        A method or its name in ``METHODS``, or ``PLAIN`` for the plain networks.
    drawn : Bunch
        Of :meth:`Task.draw <skaug.comparison.Task.draw>`.
    budgets : Budgets
        Steps and weight decays to choose from.
    found : dict, default=None
        Cells of the same draw, by method: for networks the plain ones, and the arm that
        this one is put on top of.

    Returns
    -------
    cell : dict
        ``arms``, with the figures of each arm by its name: what it chose, ``seconds``
        of CPU time of its last fit, and metrics; shares are in points. ``inner`` has
        losses and temperatures of all settings, ``n_train`` and ``n_test`` are numbers
        of rows, and ``seconds`` is all of the cell's CPU time.
    """
    with one_thread(), comparing():
        warm_up()
        start = time.process_time()
        if method == PLAIN:
            result = run_plain(drawn, budgets)
        else:
            method = METHODS[method] if isinstance(method, str) else method
            result = run_arm(method, drawn, budgets, found or {})
        seconds = time.process_time() - start
    return {
        "n_train": len(drawn.train.y),
        "n_test": len(drawn.test.y),
        "seconds": round(seconds, 3),
        **result,
    }


def run_plain(drawn, budgets):
    """Figures of the best plain network, and of one for each budget of the arms."""
    base = setup_of(drawn, budgets)
    inner = [
        tried(make_plain, base._replace(steps=steps, decay=decay), drawn)
        for steps in sorted({*budgets.plain, *budgets.twins})
        for decay in budgets.decays
    ]
    allowed = {BEST: budgets.plain}
    allowed |= {of_steps(steps): (steps,) for steps in budgets.twins}
    arms, fits = {}, {}
    for name, of_arm in allowed.items():
        chosen = lowest([one for one in inner if one["steps"] in of_arm])
        place = chosen["steps"], chosen["decay"]
        if place not in fits:
            setup = base._replace(steps=chosen["steps"], decay=chosen["decay"])
            fits[place] = fitted_and_scored(make_plain, setup, chosen, drawn)
        arms[name] = fits[place]
    return {"arms": arms, "inner": inner}


def run_arm(method, drawn, budgets, found):
    """Figures of one arm, in the settings that the held-out rows choose."""
    setups = setups_of(method, setup_of(drawn, budgets), budgets, found)
    with TemporaryDirectory() as memory:
        setups = [setup._replace(memory=memory) for setup in setups]
        tries = list(product(setups, method.values_for(setups[0])))
        inner = [tried(method.make, setup, drawn, value) for setup, value in tries]
        chosen = lowest(inner)
        setup, _ = tries[inner.index(chosen)]
        arm = fitted_and_scored(method.make, setup, chosen, drawn)
    return {"arms": {method.name: arm}, "inner": inner}


def setups_of(method, base, budgets, found):
    """Steps and weight decays of an arm: those of its twins, or of the arm below it."""
    if not method.is_network:
        return [base]
    if method.twin != PLAIN:
        below = found[method.below or PLAIN]["arms"][method.twin]
        own = {"steps": below["steps"], "decay": below["decay"]}
        return [base._replace(below=below["value"], **own)]
    plain = found[PLAIN]["arms"]
    return [
        base._replace(steps=steps, decay=plain[of_steps(steps)]["decay"])
        for steps in (budgets.augmented[-1:] if method.longest else budgets.augmented)
    ]


def setup_of(drawn, budgets):
    """What all estimators of a draw have in common."""
    return Setup(
        refused=budgets.refused,
        shape=drawn.train.X.shape[1:],
        n_rows=len(drawn.train.y),
        n_classes=len(drawn.classes),
        n_fewest=int(np.unique(drawn.inner.y, return_counts=True)[1].min()),
        seed=drawn.seed,
        heuristic=drawn.heuristic,
        base=drawn.get("base"),
    )


def make_plain(setup, value):
    """Make a plain network; its settings are all in the setup."""
    return setup.net()


def tried(make, setup, drawn, value=None):
    """Log-loss and best temperature of a setting on the rows held out."""
    model = fitted(make(setup._replace(n_rows=len(drawn.inner.y)), value), drawn.inner)
    log_p = log_probabilities(model, drawn.held_out.X, drawn.classes)
    record = {"steps": setup.steps, "decay": setup.decay, "value": value}
    if not np.isfinite(log_p).all():  # it has diverged
        return {**record, "log-loss": None, "temperature": 1.0}
    if drawn.get("scorer") is not None:
        record["score"] = float(drawn.scorer(model, drawn.held_out.X, drawn.held_out.y))
    codes = np.searchsorted(drawn.classes, drawn.held_out.y)
    temperature = best_temperature(torch.from_numpy(log_p), torch.from_numpy(codes))
    return {
        **record,
        "log-loss": round(mean_loss(log_p, codes), 6),
        "temperature": round(temperature, 6),
    }


def fitted(model, rows):
    """Fit a clone to rows; it raises on Ctrl-C, and is never scored half-trained."""
    return fit_with_groups(clone(model), rows.X, rows.y, rows.groups)


def lowest(inner):
    """Setting of the lowest loss; the first of several."""
    return inner[int(np.argmin([loss_of(one) for one in inner]))]


def loss_of(record):
    """What a setting is judged by: a score of the user's, or the log-loss."""
    if record["log-loss"] is None:
        return np.inf
    return -record["score"] if "score" in record else record["log-loss"]


def fitted_and_scored(make, setup, chosen, drawn):
    """Fit the chosen setting to all training rows, and score it on the test rows."""
    start = time.process_time()
    model = fitted(make(setup, chosen["value"]), drawn.train)
    seconds = time.process_time() - start
    log_p = log_probabilities(model, drawn.test.X, drawn.classes)
    found = scores(log_p, drawn.test, drawn.classes, chosen["temperature"])
    if drawn.get("scorer") is not None:
        found["score"] = drawn.scorer(model, drawn.test.X, drawn.test.y)
    figures = {name: round(float(figure), 6) for name, figure in found.items()}
    record = {name: chosen[name] for name in ("steps", "decay", "value", "temperature")}
    record["twin_steps"] = setup.steps
    if drawn.get("keeps"):  # The model card is made of these.
        record["log_p"] = np.round(log_p, 4).tolist()
    if isinstance(model, GuardedPolicy):
        record["accepted"] = bool(model.accepted_)
        if not model.accepted_:
            record["twin_steps"] = setup.refused
    return {**record, "seconds": round(seconds, 3), **figures}


def log_probabilities(model, X, classes):
    """Logarithms of probabilities, from the logits of a network.

    Parameters
    ----------
    model : estimator
        A fitted classifier, or one that holds its network as ``estimator_``.
    X : ndarray of shape (n, ...)
        Rows.
    classes : ndarray of shape (n_classes,)
        Labels, perhaps with some that the model has not seen.

    Returns
    -------
    log_p : ndarray of shape (n, n_classes)
        In float64: a network that is very sure keeps all its digits. Divided by a
        temperature, they are logits as good as the network's own.
    """
    inner = getattr(model, "estimator_", None)
    model = inner if isinstance(inner, NeuralNet) else model
    if isinstance(model, NeuralNet):
        logits = model.forward(X, training=False).double().cpu().numpy()
        log_p = log_softmax(logits, axis=1)
    else:
        log_p = clipped_logs(model.predict_proba(X))
    if len(model.classes_) == len(classes):
        return log_p
    of_all = np.full((len(X), len(classes)), LEAST_LOG)
    of_all[:, np.searchsorted(classes, model.classes_)] = log_p
    return of_all


def mean_loss(log_p, codes):
    """Mean cross-entropy."""
    return float(-log_softmax(log_p, axis=1)[np.arange(len(codes)), codes].mean())


def scores(log_p, test, classes, temperature=1.0):
    """Metrics on test rows.

    Parameters
    ----------
    log_p : ndarray of shape (n, n_classes)
        Logarithms of probabilities.
    test : Bunch
        Labels ``y`` and ``groups`` of the rows.
    classes : ndarray of shape (n_classes,)
        Labels in the order of the columns.
    temperature : float, default=1.0
        What the logits are divided by for the second log-loss.

    Returns
    -------
    metrics : dict
        Accuracies, recall and calibration error in points, log-losses in nats.
    """
    codes = np.searchsorted(classes, test.y)
    predicted = classes[log_p.argmax(axis=1)]
    right = predicted == test.y
    probabilities = np.exp(log_softmax(log_p, axis=1))
    found = {
        "accuracy": 100 * right.mean(),
        "log-loss": mean_loss(log_p, codes),
        "log-loss at temperature": mean_loss(log_p / temperature, codes),
        "balanced accuracy": 100 * balanced_accuracy_score(test.y, predicted),
        "calibration error": 100
        * expected_calibration_error(test.y, probabilities, classes=classes),
        "worst class": 100 * group_means(right, test.y)[1].min(),
    }
    if test.groups is not None:
        worst = worst_group_accuracy(test.y, predicted, test.groups)
        found["worst group"] = 100 * worst
    return found


@contextmanager
def one_thread():
    """Compute in one thread; other cells have the other cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(before)


@cache
def warm_up():
    """Train once: the first training of a process loads a good deal of torch."""
    NetClassifier(max_epochs=1, random_state=0).fit(
        np.eye(20, dtype=np.float32), [0, 1] * 10
    )


def write(path, data):
    """Replace a file by data in JSON; interrupted, it leaves the old one whole."""
    with atomic_writing(path) as file:
        file.write((json.dumps(data, indent=1) + "\n").encode())
