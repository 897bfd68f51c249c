"""What fuzz.py does with estimators: bend their settings, fit, and check results."""

import inspect
import io
import pickle
from copy import copy, deepcopy
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import joblib
import numpy as np
import pandas as pd
import torch
from scipy import sparse
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils import check_random_state

from fuzz_inputs import DAMAGES, draw_setting
from fuzz_verdicts import as_array, check, check_finite, check_near, check_same
from skaug import NetClassifier, load, plain_twin, refine, report, save

__all__ = [
    "NET",
    "TINY",
    "augment",
    "bent_model",
    "card",
    "classify",
    "damaged_model",
    "frozen_prior",
    "influence",
    "resample_rows",
    "transform",
    "twin",
]

TINY = {"max_epochs": 2, "batch_size": 16, "random_state": 0}
NET = NetClassifier(**TINY, module__hidden=(8, 8))
# Parameters that are not bent: numbers of steps, for which a million is a right value,
# and what belongs to skorch, torch and scikit-learn alone.
LEFT_ALONE = {
    *("max_epochs", "steps", "pretrain_steps", "max_iter", "rounds", "hidden"),
    *("n_samples", "n_networks", "n_draws", "n_views", "n_jobs", "verbose", "device"),
    *("cache", "memory", "dataset", "criterion", "optimizer", "iterator_train"),
    *("iterator_valid", "predict_nonlinearity", "compile", "torch_load_kwargs"),
    *("use_caching", "warm_start", "epoch_timer", "train_loss", "valid_loss"),
    *("valid_acc", "print_log", "penalty", "l1_ratio", "solver", "dual"),
    "multi_class",
}


def bent_model(case, model):
    """A copy of an estimator, in part of the cases with a setting or two bent."""
    model = clone(model)
    if case.by_chance(0.3):
        for _ in range(case.rng.integers(1, 3)):
            set_one(case, model)
    return travelled(case, model)


def names_to_set(model):
    names = model.get_params(deep=True)
    return sorted(name for name in names if not LEFT_ALONE & set(name.split("__")))


def set_one(case, model):
    """Set one parameter to any value."""
    names = names_to_set(model)
    if not names:
        return
    name = str(case.rng.choice(names))
    value = draw_setting(case.rng, name)
    case.kinds.append(f"{name}={value!r}")
    model.set_params(**{name: value})


def travelled(case, model):
    """An estimator after it was cloned, kept, or copied."""
    ways = {
        "stay": lambda one: one,
        "clone": clone,
        "pickle": lambda one: pickle.loads(pickle.dumps(one)),
        "joblib": through_joblib,
        "deepcopy": deepcopy,
        "copy": copy,
        "set_params": lambda one: one.set_params(**one.get_params(deep=False)),
        "repr": lambda one: (repr(one), one)[1],
    }
    return ways[str(case.rng.choice(list(ways)))](model)


def through_joblib(model):
    buffer = io.BytesIO()
    joblib.dump(model, buffer)
    buffer.seek(0)
    return joblib.load(buffer)


def arguments(case, function):
    """Groups and weights of a case, as far as a function takes them."""
    taken = inspect.signature(function).parameters
    given = {"groups": case.groups, "sample_weight": case.sample_weight}
    return {k: v for k, v in given.items() if k in taken and v is not None}


def kept(value):
    """Bytes of what must not change; None where there are none to compare."""
    if isinstance(value, np.ndarray) and value.dtype != object:
        return value.tobytes()
    if isinstance(value, (pd.DataFrame, pd.Series)):
        value = np.asarray(value).tolist()  # a frame itself keeps what it was asked for
    return pickle.dumps(value) if isinstance(value, list) else None


def fit(case, model, method="fit"):
    """Fit, and check that neither rows, labels nor global generators were changed."""
    given = [case.X, case.y, case.groups, case.sample_weight]
    before = [kept(one) for one in given]
    states = torch.get_rng_state(), state_of_numpy()
    function = getattr(model, method)
    result = function(case.X, case.y, **arguments(case, function))
    check(before == [kept(one) for one in given], "fit changed what was given")
    check_same(torch.get_rng_state(), states[0], "torch's generator was changed")
    if "random_state=None" not in str(case.kinds):
        check_same(state_of_numpy(), states[1], "NumPy's generator was changed")
    return result


def refine_again(model, case):
    """Train for an epoch more, on clean rows."""
    fit(case, model)
    refine(model, case.X, case.y, epochs=1)
    X = case.others()
    check_proba(model.predict_proba(X), X, model)


def state_of_numpy():
    return check_random_state(None).get_state()[1].copy()


def classify(model, case):
    """Fit and predict: probabilities, labels, and the same again from the seed."""
    fit(case, model)
    check(len(model.classes_) >= 2, f"classes {model.classes_}")
    if case.labels:
        check(
            set(model.classes_.tolist()) <= case.labels, "classes that were not given"
        )
    X = case.others()
    p = check_proba(model.predict_proba(X), X, model)
    labels = as_array(model.predict(X))
    check(labels.shape == p.shape[:1], f"{labels.shape} labels of {p.shape}")
    check(set(labels.tolist()) <= set(model.classes_.tolist()), "labels not in classes")
    if case.by_chance(0.2):
        model = travelled_when_fitted(case, model)
        # Convolutions round by where the weights are in memory.
        check_near(p, model.predict_proba(X), "a copy predicts something else")
    if case.by_chance(0.2) and "random_state" not in str(case.kinds):
        again = clone(model)
        fit(case, again)
        check_same(p, again.predict_proba(X), "another fit predicts something else")
        fit(replace(case, X=in_an_array(case.X)), again)
        other = again.predict_proba(in_an_array(X))
        check_near(p, other, "the same rows in an array give something else")


def in_an_array(X):
    """The same rows in an array of their own, if NumPy makes one without a loss."""
    if X is None or isinstance(X, (np.ma.MaskedArray, list)) or sparse.issparse(X):
        return X
    return np.array(np.asarray(X), order="C")


def travelled_when_fitted(case, model):
    ways = [through_joblib, deepcopy, through_file]
    return ways[case.rng.integers(3)](model)


def through_file(model):
    with TemporaryDirectory() as folder:
        save(model, f"{folder}/model")
        return load(f"{folder}/model")


def check_proba(p, X, model):
    """Check probabilities: one row each, that sum to 1."""
    p = check_finite(p, (None, len(model.classes_)), "probabilities")
    n = getattr(X, "shape", None)
    check(n is None or len(p) == n[0], f"{len(p)} rows of {n}")
    check((p >= 0).all(), "negative probabilities")
    sums = p.sum(axis=1)
    check(np.abs(sums - 1).max(initial=0) < 1e-4, "probabilities do not sum to 1")
    return p


def resample_rows(model, case):
    """Sample: finite rows of as many columns, labels within those given."""
    if not hasattr(model, "fit_resample"):
        return transform(model, case)
    X, y = fit(case, model, "fit_resample")
    if sparse.issparse(X):
        X = X.toarray()
    n, *shape = np.shape(case.X)
    check(np.shape(X)[1:] == tuple(shape), f"rows {np.shape(X)} of {np.shape(case.X)}")
    check(len(X) == len(y) >= n, f"{len(X)} rows and {len(y)} labels of {n}")
    check_finite(X, what="new rows")
    if case.labels and np.ndim(y) == 1:
        check(set(as_array(y).tolist()) <= case.labels, "labels that were not given")


def transform(model, case):
    """Fit and transform: finite numbers, as many names as columns."""
    fit(case, model)
    X = case.others()
    new = model.transform(X)
    values = check_finite(new.toarray() if sparse.issparse(new) else new)
    n = getattr(X, "shape", None)
    check(n is None or len(values) == n[0], f"{len(values)} rows of {n}")
    if hasattr(model, "get_feature_names_out") and values.ndim == 2:
        check(len(model.get_feature_names_out()) == values.shape[1], "names of columns")
    if case.by_chance(0.2):
        other = travelled_when_fitted(case, model)
        check_near(new, other.transform(X), "a copy transforms otherwise")
        fit(replace(case, X=in_an_array(case.X)), other)
        new_of_array = other.transform(in_an_array(X))
        check_near(new, new_of_array, "the same rows in an array become others")


def augment(model, case):
    """Learn an augmentation: finite views of the rows' shape, and a network."""
    if hasattr(model, "fit_resample") and case.by_chance(0.5):
        return resample_rows(model, case)
    fit(case, model)
    n, *shape = np.shape(case.X)
    check_finite(model.augment(case.X, y=case.y), (n, *shape), "views")
    if model.refit:
        check_proba(model.estimator_.predict_proba(case.X), case.X, model)


def influence(model, case):
    """Scores of rows by the last layer, alone and of a net."""
    if case.by_chance(0.5):
        net = clone(NET)
        fit(case, net)
        model.set_params(estimator=net)
    model.fit(case.X, case.y)
    n = len(case.X)
    check_finite(model.predicted_loss_change(case.X, case.y), (n,), "changes")
    check_finite(model.self_influence(), (n,), "self-influences")
    pairs = [(case.X, case.y)] * 2
    check_finite(model.group_cosine(pairs, case.X, case.y), (2,), "cosines")
    if model.estimator is None:
        change = model.refitted_loss_change(case.X, case.y, [0, n - 1])
        check_finite(change, (2,), "refits")


def frozen_prior(model, case):
    """Another prior for a classifier that is fitted already."""
    inner = fit(case, clone(NET))
    model.set_params(estimator=FrozenEstimator(inner)).fit(case.X, case.y)
    check_proba(model.predict_proba(case.X), case.X, model)


def twin(model, case):
    """The plain twin of an estimator, fitted like it."""
    model = plain_twin(model)
    fit(case, model)
    check_proba(model.predict_proba(case.X), case.X, model)


def card(model, case):
    """The card of a fitted classifier: finite scores and a page."""
    fit(case, model)
    found = report(model, case.X, case.y, case.groups)
    scores = [one["estimator"] for one in found.scores.values()]
    check_finite(scores, what="scores")
    check(len(found.html) > 1000, "no page")


@cache
def net_and_file():
    """A fitted net, rows for it, and the bytes of its file."""
    X = np.random.default_rng(0).normal(size=(24, 5))
    net = clone(NET).fit(X, np.arange(24) % 2)
    with TemporaryDirectory() as folder:
        save(net, f"{folder}/net")
        return net, X, Path(folder, "net").read_bytes()


def damaged_model(case):
    """A file of a model is damaged: it is refused, or predicts as before."""
    net, X, content = net_and_file()
    with TemporaryDirectory() as folder:
        path = Path(folder, "net")
        path.write_bytes(case.bend(DAMAGES, content))
        check_same(net.predict_proba(X), load(path).predict_proba(X), "predictions")
