"""What fuzz.py tries: each public object, and a function that puts a case through it.

``OBJECTS`` has for each name how often it is drawn, the axes of its rows, and what is
done with a case. A function raises what the object raises, or `Wrong`.
"""

import inspect
import io
import pickle
from copy import copy, deepcopy
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory

import joblib
import numpy as np
import pandas as pd
import torch
from scipy import sparse
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.utils import check_random_state
from torch import nn

from fuzz_inputs import DAMAGES, bent_rows, draw_setting
from fuzz_verdicts import as_array, check, check_finite, check_near, check_same
from skaug import (
    AugmentationSearchCV,
    BatchAugmentation,
    ClassCovariance,
    Cutout,
    CVAEGenerator,
    GaussianGenerator,
    HardPoints,
    HardRegionSampler,
    IHDAFinetuner,
    InfluenceAugmenter,
    InterpolationGenerator,
    ISDAClassifier,
    ISDALogisticRegression,
    ISDALoss,
    LastLayerInfluence,
    ManifoldMixup,
    NeighborGenerator,
    NetClassifier,
    NetworkAugmentation,
    NoiseGenerator,
    PretrainedFeatures,
    PriorShift,
    ResampledClassifier,
    TableMixup,
    TransformPolicy,
    VAEGenerator,
    auto_radius,
    class_potentials,
    error_doubts,
    expected_calibration_error,
    hardness,
    load,
    plain_twin,
    potential,
    potential_grid,
    report,
    save,
    suspicious_labels,
    worst_group_accuracy,
)
from skaug.comparison import Budgets
from skaug.files import read_file
from skaug.hard_regions import fit_vae, kernel_sums, sample_latent
from skaug.ihda import level_skip_probability
from skaug.isda import augmented_logits, class_quadratic_form
from skaug.isda.covariance import KINDS
from skaug.net import best_temperature, log_prior
from skaug.signals import (
    MagnitudeSpectrum,
    fill_gaps,
    frame_segments,
    frames_from_table,
    recordings_from_table,
    resample,
)
from skaug.transforms import (
    Brightness,
    ChannelDropout,
    Colour,
    Contrast,
    Equalize,
    HorizontalFlip,
    Hue,
    Invert,
    Jitter,
    PerSample,
    Posterize,
    RandAugment,
    RandomAffine,
    RandomCropFlip,
    SameClassInterpolation,
    Saturation,
    Scaling,
    SensorRotation,
    Solarize,
    TimeWarp,
    TrivialAugment,
    VerticalFlip,
)

__all__ = ["OBJECTS"]

TINY = {"max_epochs": 2, "batch_size": 16, "random_state": 0}
NET = NetClassifier(**TINY, module__hidden=(8, 8))
ISDA = ISDAClassifier(**TINY)
SMALL = {"latent_dim": 2, "steps": 3}
NOISE = HardRegionSampler(generator="noise", sampling_strategy="hard", random_state=0)
POLICY = TransformPolicy([Jitter(), Scaling()], n_networks=1)
FEWEST = Budgets(plain=(2,), augmented=(2,), decays=(0.0,), refused=2)
GENERATORS = [
    NeighborGenerator(),
    InterpolationGenerator(),
    GaussianGenerator(),
    NoiseGenerator(),
    VAEGenerator(**SMALL),
    CVAEGenerator(**SMALL),
]
# Parameters that are not bent: numbers of steps, for which a million is a right value,
# and what belongs to skorch and torch alone.
LEFT_ALONE = {
    "max_epochs",
    "n_samples",
    "n_networks",
    "n_draws",
    "n_views",
    "rounds",
    "steps",
    "pretrain_steps",
    "max_iter",
    "n_jobs",
    "verbose",
    "device",
    "cache",
    "memory",
    "dataset",
    "criterion",
    "optimizer",
    "iterator_train",
    "iterator_valid",
    "predict_nonlinearity",
    "compile",
    "torch_load_kwargs",
    "use_caching",
    "warm_start",
    "hidden",
    *("penalty", "l1_ratio", "solver", "dual", "multi_class"),  # of scikit-learn
    *("epoch_timer", "train_loss", "valid_loss", "valid_acc", "print_log"),
}


# Estimators.


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


# Functions of rows and labels.


def settings(case, **defaults):
    """Arguments of a function, in part of the cases one of them bent."""
    if case.by_chance(0.3):
        name = str(case.rng.choice(list(defaults)))
        defaults[name] = draw_setting(case.rng, name)
        case.kinds.append(f"{name}={defaults[name]!r}")
    return defaults


RADIUS = {"radius": "auto", "gamma": "scale", "metric": "cosine"}


def with_radius(case):
    if case.by_chance(0.5):
        radius = [1.0, ("knn", 5), 0.3, 1e-9, 2.0][case.rng.integers(5)]
        metric = str(case.rng.choice(["cosine", "euclidean", "manhattan"]))
        return settings(case, radius=radius, gamma="scale", metric=metric)
    return settings(case, **RADIUS)


def potentials(function, case):
    values = function(case.X, case.y, groups=case.groups, **with_radius(case))
    for one in values if isinstance(values, tuple) else [values]:
        check_finite(one, (len(np.asarray(case.y)),))


def grid(case):
    given = settings(case, radius=[0.5, 1.0], gamma=[0.1, 1.0], metric="euclidean")
    values = potential_grid(case.X, case.y, groups=case.groups, **given)
    check_finite(values, (None, None, len(np.asarray(case.y))))


def potentials_of_others(case):
    values = class_potentials(case.others(), case.X, case.y, **with_radius(case))
    check_finite(values, (None, len(np.unique(np.asarray(case.y)))))


def radius_of_rows(case):
    given = settings(case, metric="cosine", n_neighbors=10)
    radius = auto_radius(case.X, groups=case.groups, **given)
    check(np.isfinite(radius) and radius >= 0, f"radius {radius}")


def hardness_of_rows(case):
    given = settings(case, n_neighbors=10, metric="euclidean")
    values = check_finite(hardness(case.X, case.y, groups=case.groups, **given))
    check(((values >= 0) & (values <= 1)).all(), "hardness is not from 0 to 1")


def doubts(case):
    given = settings(case, n_neighbors=10, metric="cosine", probabilities=None)
    found = suspicious_labels(case.X, case.y, groups=case.groups, **given)
    n = len(np.asarray(case.y))
    check_finite(found.scores, (n,))
    check_same(np.sort(found.rows), np.arange(n), "not all rows are ranked")


def n_labels(case):
    return np.size(as_array(case.y))


def probabilities(case, n, n_classes=3):
    """Probabilities of some classes, in part of the cases bent."""
    p = case.rng.dirichlet([1.0] * n_classes, size=n)
    return bent_rows(case, p, "p: ") if case.by_chance(0.5) else p


def doubts_of_predictions(case):
    n = n_labels(case)
    p, hard = probabilities(case, n), probabilities(case, n)
    values = check_finite(error_doubts(p, hard), (n,))
    check(((values >= 0) & (values <= 1)).all(), "doubts are not from 0 to 1")


def calibration(case):
    n, n_classes = n_labels(case), max(1, len(case.labels))
    given = settings(case, classes=None, n_bins=15)
    p = probabilities(case, n, n_classes)
    value = expected_calibration_error(case.y, p, **given)
    check(0 <= value <= 1, f"error {value}")


def worst_group(case):
    groups = np.arange(n_labels(case)) % 4 if case.groups is None else case.groups
    value = worst_group_accuracy(case.y, case.y, groups)
    check(value == 1, f"accuracy {value} of the labels themselves")


# Generators and transforms of tensors.


def tensors(case):
    """Rows as a batch of torch, and codes; bent by type and numbers only."""
    X = case.X if isinstance(case.X, np.ndarray) else np.zeros((4, 5))
    if X.dtype.kind not in "biuf" or X.itemsize > 8 or not X.size or X.ndim < 2:
        X = np.zeros((4, 5))
    X = torch.tensor(np.array(X, dtype=X.dtype.newbyteorder("=")))
    return X, torch.arange(len(X)) % 3


def generate(model, case):
    """Fit a generator to vectors and draw: as many, finite, none without a source."""
    X, codes = tensors(case)
    X = X.reshape(len(X), -1).float()
    if not len(X) or not X.shape[1] or not X.isfinite().all():
        X, codes = torch.randn(9, 2), torch.arange(9) % 3
    if X.abs().max() > 1e15:
        X = X / X.abs().max()  # the callers refuse such numbers, or scale them
    model.fit(X, codes, random_state=0)
    new, spreads = model.draw(X, codes, torch.Generator().manual_seed(0))
    check_finite(new, tuple(X.shape), "vectors")
    check(len(spreads) == len(X), "spreads")


def change_batch(transform, case):
    """Transform a batch: of the same shape and type, and finite."""
    X, y = tensors(case)
    if not X.is_floating_point() and (X.dtype != torch.uint8 or X.ndim != 4):
        X = X.float()
    X = torch.nan_to_num(X)
    before, state = X.clone(), torch.get_rng_state()
    with_labels = getattr(transform, "whole_batch", False) or case.by_chance(0.2)
    new = transform(X, y) if with_labels else transform(X)
    new = new[0] if isinstance(new, tuple) else new
    check(new.dtype == X.dtype, f"{new.dtype} of {X.dtype}")
    check_same(X, before, "the batch itself was changed")
    torch.set_rng_state(state)
    if X.numel() and X.abs().max() < 1e30:
        check_finite(new.float(), tuple(X.shape), "batch")


def autoencoder(case):
    X, _ = tensors(case)
    given = settings(case, latent_dim=2, hidden=4, kl_weight=1.0, batch_size=8, lr=0.01)
    vae = fit_vae(X.reshape(len(X), -1).float(), max_steps=3, **given)
    with torch.no_grad():
        for parameter in vae.parameters():
            check_finite(parameter, what="weights")


def latent(case):
    given = settings(case, spread=1.0)
    z, spreads = sample_latent(torch.zeros(5, 3), torch.ones(5, 3), **given)
    check_finite(z, (5, 3))
    check_finite(spreads, (5, 1))


# Losses and their parts.


def loss(case):
    kind = str(case.rng.choice(KINDS))
    function = ISDALoss(3, 5, **settings(case, covariance=kind, rank=2, forgetting=0.0))
    features = torch.randn(12, 5, generator=torch.Generator().manual_seed(0))
    head, target = nn.Linear(5, 3), torch.arange(12) % 3
    with torch.no_grad():
        head.weight.fill_(0.1)
    features = features * float(10.0 ** case.rng.uniform(-10, 10))
    strength = settings(case, strength=0.5)["strength"]
    value = function(head(features), target, features, head.weight, strength=strength)
    check_finite(value, (), "loss")
    value.backward()
    check_finite(head.weight.grad, (3, 5), "gradient")


def covariance(case):
    kind = str(case.rng.choice(KINDS))
    given = settings(case, n_classes=3, n_features=5, kind=kind, rank=2, forgetting=0.0)
    statistics = ClassCovariance(**given)
    X = torch.randn(12, given["n_features"]) * float(10.0 ** case.rng.uniform(-9, 9))
    statistics.update(X, torch.arange(12) % given["n_classes"])
    if max(given["n_classes"], given["n_features"]) > 100:
        return
    weight = torch.ones(given["n_classes"], given["n_features"])
    classes = torch.arange(given["n_classes"])
    check_finite(statistics.quadratic_form(weight, classes))
    check_finite(class_quadratic_form(weight, classes, statistics.dense()))
    logits = torch.zeros(12, given["n_classes"])
    target = torch.arange(12) % given["n_classes"]
    check_finite(augmented_logits(logits, target, weight, statistics, 0.5))


def temperature(case):
    logits = torch.randn(20, 3) * float(10.0 ** case.rng.uniform(-12, 12))
    value = best_temperature(logits.double(), torch.arange(20) % 3)
    check(0.009 <= value <= 1001, f"temperature {value}")
    check_finite(log_prior(torch.tensor([5.0, 0.0, float(case.rng.integers(1, 9))])))


def skips(case):
    given = settings(case, number=1, probability=0.5)
    check(0 <= level_skip_probability(**given) <= 1, "probability")


# Signals.


def cut(case):
    given = settings(case, frame_length=5, frame_step=3, missing="raise")
    frames = frame_segments(case.X, case.y, case.groups, **given)
    check(len(frames.X) == len(frames.groups) == len(frames.segment), "lengths")
    if frames.y is not None:
        check(len(frames.X) == len(frames.y), "labels of frames")
        check(set(frames.y.tolist()) <= case.labels or not case.labels, "labels")
    check(np.shape(np.asarray(frames.X)) == frames.X.shape, "shape of frames")


def gaps(case):
    filled = fill_gaps(case.X, **settings(case, limit=3))
    check(np.shape(filled.n_left) == np.shape(filled.n_filled), "numbers of gaps")


def rates(case):
    given = settings(case, new_rate=5.0, sampling_rate=10.0, time=None, limit=5)
    new = resample(case.X, case.y if case.by_chance(0.5) else None, **given)
    if not np.ma.is_masked(case.X) and np.isfinite(np.asarray(case.X, float)).all():
        for one in [new.X] if np.ndim(case.X) == 2 else new.X:
            check_finite(one, what="new samples")


def table_of(case):
    """A table with a row per moment."""
    n = n_labels(case)
    y = np.sort(np.arange(n) % 3) if case.by_chance(0.5) else np.ravel(case.y)
    rows = {"a": case.rng.normal(size=n), "b": np.arange(n) % 5, "what": y}
    rows["who"] = np.repeat([0, 1], [n // 2, n - n // 2])
    rows["time"] = np.arange(n) * 0.1
    table = {k: np.asarray(v) for k, v in rows.items()}
    if case.groups is not None and np.shape(case.groups) == (n,):
        table["who"] = np.asarray(case.groups)
    if case.by_chance(0.3):
        name = str(case.rng.choice(["a", "b", "time"]))
        bent = bent_rows(case, np.asarray(table[name]), f"{name}: ")
        if isinstance(bent, np.ndarray) and bent.shape == (n,):
            table[name] = bent
    return table if case.by_chance(0.5) else pd.DataFrame(table)


def table_settings(case, **more):
    channels = ["a", "b"]
    names = {"label": "what", "groups": "who", "time": "time"}
    return settings(case, channels=channels, **names, rate=None, jump=1.5, **more)


def recordings(case):
    found = recordings_from_table(table_of(case), **table_settings(case))
    check(len(found.X) == len(found.groups) == len(found.first_row), "recordings")


def frames(case):
    more = {"frame_length": 4, "frame_step": 2, "missing": "drop"}
    more["cut_at_labels"] = False
    found = frames_from_table(table_of(case), **table_settings(case, **more))
    check(len(found.X) == len(found.groups), "frames")


def file_of(case):
    """A table in a file of text, as programs write it, and in part damaged."""
    table = pd.DataFrame(table_of(case))
    form = {"sep": [",", ";", "\t"], "decimal": [".", ","], "index": [True, False]}
    form["encoding"] = ["utf-8", "utf-8-sig", "utf-16", "latin-1"]
    form = {k: values[case.rng.integers(len(values))] for k, values in form.items()}
    case.kinds.append(str(form))
    names = {"target": "what", "groups": "who"}
    given = settings(case, **names, drop=["time"], sep=None, decimal=None, na=())
    with TemporaryDirectory() as folder:
        path = Path(folder, "table.csv")
        table.to_csv(path, errors="replace", **form)
        if case.by_chance(0.3):
            path.write_bytes(case.bend(DAMAGES, path.read_bytes()))
        found = read_file(path, **given)
    check(len(found.X) == len(found.y), "rows and labels")
    check(len(found.lines()) > 2, "lines")


AUGMENTED = [("augment", BatchAugmentation(TableMixup(), refine_epochs=1))]
TABLES, ALL = ("table",), ("table", "table", "signals", "images")
MIXED = ("signals", "images", "table")


def of(axes, share, perform, *models):
    """An entry of the table for some estimators, of which each case has one."""

    def perform_with_one(case):
        perform(bent_model(case, models[case.rng.integers(len(models))]), case)

    return axes, share, perform_with_one


TRANSFORMS = {
    "table": [Jitter(), Scaling(), SameClassInterpolation(), ChannelDropout()],
    "signals": [TimeWarp(), SensorRotation(), Jitter(), ChannelDropout()],
    "images": [
        *(kind() for kind in (Brightness, Contrast, Saturation, Hue, Colour)),
        *(kind() for kind in (Posterize, Solarize, Equalize, Invert)),
        *(kind() for kind in (HorizontalFlip, VerticalFlip, TrivialAugment)),
        RandAugment(),
        RandomAffine(10, 0.1, 0.1, 5),
        RandomCropFlip(2),
        Cutout(3),
        PerSample(nn.Identity()),
    ],
}


def change_one_of(case):
    of(case.axes, 1, change_batch, *TRANSFORMS[case.axes])[-1](case)


SAMPLERS = [
    HardRegionSampler(random_state=0),
    NOISE,
    *(
        HardRegionSampler(sources=sources, generator=generator, random_state=0)
        for sources in ("all", "hard", "supported", "region", "top", "random")
        for generator in (GENERATORS[1], GENERATORS[2], GENERATORS[4], GENERATORS[5])
    ),
    HardRegionSampler(output="potentials"),
    HardRegionSampler(output="potentials", sources=HardPoints(radius=("knn", 5))),
]
FINETUNER = {"levels": ["blocks.1"], "random_state": 0}
FINETUNERS = [
    IHDAFinetuner(NET, generator="noise", random_state=0),
    IHDAFinetuner(NET, generator=VAEGenerator(**SMALL), **FINETUNER),
    IHDAFinetuner(NET, generator="neighbors", sources=HardPoints(), **FINETUNER),
    IHDAFinetuner.paper(NET, generator=VAEGenerator(**SMALL), **FINETUNER),
]
AUGMENTERS = [
    InfluenceAugmenter(NET, augmentation=POLICY, random_state=0),
    InfluenceAugmenter(NET, augmentation=POLICY, guard=False, random_state=0),
    InfluenceAugmenter(
        NET, augmentation=NetworkAugmentation(steps=2), guard=False, random_state=0
    ),
]
NETS = [
    NetClassifier(**TINY),
    NetClassifier(logit_adjustment=1.0, train_split=0.2, **TINY),
    NetClassifier(class_weight="balanced", **TINY),
    NetClassifier(callbacks=AUGMENTED, **TINY),
    NetClassifier(callbacks=[BatchAugmentation(ManifoldMixup(), 1)], **TINY),
]
ISDAS = [clone(ISDA).set_params(covariance=kind) for kind in KINDS]
SEARCH = AugmentationSearchCV(NET, ["ISDA"], cv=2, budget=FEWEST, random_state=0)
OBJECTS = {
    "NetClassifier": of(ALL, 6, classify, *NETS),
    "ISDAClassifier": of(ALL, 6, classify, *ISDAS),
    "ISDALogisticRegression": of(
        TABLES, 5, classify, ISDALogisticRegression(C=1.0, temperature=1.0, max_iter=50)
    ),
    "ISDALogisticRegression, cv": of(
        TABLES, 2, classify, ISDALogisticRegression(cv=2, max_iter=50)
    ),
    "ResampledClassifier": of(
        TABLES, 4, classify, ResampledClassifier(NOISE, LogisticRegression())
    ),
    "PriorShift": of(TABLES, 3, classify, PriorShift(LogisticRegression())),
    "PriorShift, frozen": of(TABLES, 3, frozen_prior, PriorShift(LogisticRegression())),
    "IHDAFinetuner": of(TABLES, 5, classify, *FINETUNERS),
    "HardRegionSampler": of(TABLES, 8, resample_rows, *SAMPLERS),
    "InfluenceAugmenter": of(TABLES, 4, augment, *AUGMENTERS),
    "LastLayerInfluence": of(TABLES, 4, influence, LastLayerInfluence(random_state=0)),
    "PretrainedFeatures": of(MIXED, 4, transform, PretrainedFeatures(nn.Flatten())),
    "AugmentationSearchCV": of(TABLES, 1, classify, SEARCH),
    "MagnitudeSpectrum": of(("signals",), 5, transform, MagnitudeSpectrum()),
    "plain_twin": of(TABLES, 2, twin, *FINETUNERS[:2], ISDA, *NETS[4:]),
    "report": of(TABLES, 1, card, *NETS[:3], ISDA),
    "load": (TABLES, 1, damaged_model),
    "potential": (TABLES, 4, partial(potentials, potential)),
    "kernel_sums": (TABLES, 2, partial(potentials, kernel_sums)),
    "potential_grid": (TABLES, 2, grid),
    "class_potentials": (TABLES, 3, potentials_of_others),
    "auto_radius": (TABLES, 3, radius_of_rows),
    "hardness": (TABLES, 3, hardness_of_rows),
    "suspicious_labels": (TABLES, 3, doubts),
    "error_doubts": (TABLES, 2, doubts_of_predictions),
    "expected_calibration_error": (TABLES, 2, calibration),
    "worst_group_accuracy": (TABLES, 2, worst_group),
    "generators": of(TABLES, 6, generate, *GENERATORS),
    "transforms": (MIXED, 8, change_one_of),
    "fit_vae": (TABLES, 2, autoencoder),
    "sample_latent": (TABLES, 1, latent),
    "ISDALoss": (TABLES, 3, loss),
    "ClassCovariance": (TABLES, 3, covariance),
    "best_temperature": (TABLES, 1, temperature),
    "level_skip_probability": (TABLES, 1, skips),
    "frame_segments": (("signals",), 4, cut),
    "fill_gaps": (("signals",), 3, gaps),
    "resample": (("signals",), 3, rates),
    "recordings_from_table": (TABLES, 3, recordings),
    "frames_from_table": (TABLES, 3, frames),
    "read_file": (TABLES, 3, file_of),
}
