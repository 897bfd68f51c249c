"""What fuzz.py does with functions of rows, tensors, signals and files."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import torch
from torch import nn

from fuzz_inputs import DAMAGES, bent_rows, draw_setting
from fuzz_verdicts import as_array, check, check_finite, check_same
from skaug import (
    ClassCovariance,
    ISDALoss,
    auto_radius,
    class_potentials,
    error_doubts,
    expected_calibration_error,
    hardness,
    potential_grid,
    suspicious_labels,
    worst_group_accuracy,
)
from skaug.files import read_file
from skaug.hard_regions import fit_vae, sample_latent
from skaug.ihda import level_skip_probability
from skaug.isda import augmented_logits, class_quadratic_form
from skaug.isda.covariance import KINDS
from skaug.net import best_temperature, log_prior
from skaug.signals import (
    fill_gaps,
    frame_segments,
    frames_from_table,
    recordings_from_table,
    resample,
)

__all__ = [
    "autoencoder",
    "calibration",
    "change_batch",
    "covariance",
    "cut",
    "doubts",
    "doubts_of_predictions",
    "file_of",
    "frames",
    "gaps",
    "generate",
    "grid",
    "hardness_of_rows",
    "latent",
    "loss",
    "potentials",
    "potentials_of_others",
    "radius_of_rows",
    "rates",
    "recordings",
    "skips",
    "temperature",
    "worst_group",
]


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
