"""Units do not matter: rows in any unit are learned as scaled rows are."""

from functools import cache, partial

import numpy as np
import pytest
from helpers import few_for_influence, few_rows, few_steps, ignores
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skaug import (
    BatchAugmentation,
    HardPoints,
    HardRegionSampler,
    IHDAFinetuner,
    InfluenceAugmenter,
    ISDAClassifier,
    ISDALogisticRegression,
    ManifoldMixup,
    NetClassifier,
    NetworkAugmentation,
    ResampledClassifier,
    TableMixup,
    TransformPolicy,
    VAEGenerator,
)

UNITS = [1e-30, 1e-10, 1e10, 1e30]
MORE = {"sampling_strategy": {0: 30, 1: 30, 2: 30}}  # rows of each class
COLUMNS = np.array([1e-30, 1.0, 1e30, 1e-10])

pytestmark = [few_for_influence, few_rows, few_steps, ignores("IHDAFinetuner")]


def flowers():
    """Rows and labels to train on, and others."""
    X, y = load_iris(return_X_y=True)
    return X[::3], y[::3], X[1::3], y[1::3]


def net(kind=NetClassifier, **params):
    small = {"module__hidden": (16, 8), "max_epochs": 8, "batch_size": 16, "lr": 0.02}
    return kind(**{**small, **params}, random_state=0)


def mixed(transform):
    return net(callbacks=[("mix", BatchAugmentation(transform, random_state=0))])


def finetuned(generator, sources="all"):
    return IHDAFinetuner(net(), generator=generator, sources=sources, random_state=0)


def taught(augmentation):
    """A network that is trained with what was learned, and its classifier."""
    guarded = {"guard": False, "random_state": 0}
    longer = net(max_epochs=20)  # augmented rows are learned later
    return InfluenceAugmenter(longer, augmentation=augmentation, **guarded)


def resampled(model, **params):
    """A classifier that is trained on samples as well."""
    sampler = HardRegionSampler(random_state=0, **params)
    return ResampledClassifier(sampler, model)


def scaled(model):
    return make_pipeline(StandardScaler(), model)


NETS = {
    "NetClassifier": net,
    "ISDAClassifier": lambda: net(ISDAClassifier),
    "ISDALogisticRegression": lambda: scaled(ISDALogisticRegression(C=1.0)),
    "IHDA": lambda: finetuned(VAEGenerator(4, steps=20), HardPoints("hard")),
    "IHDA with noise": lambda: finetuned("noise"),
    "a policy": lambda: taught(TransformPolicy(n_networks=1, n_draws=1)),
    "a network": lambda: taught(NetworkAugmentation(pretrain_steps=3, steps=5)),
    "TableMixup": lambda: mixed(TableMixup()),
    "ManifoldMixup": lambda: mixed(ManifoldMixup()),
    "samples of hard regions": lambda: resampled(
        net(), generator="gaussian", sources=HardPoints(metric="euclidean"), **MORE
    ),
    "samples for others": lambda: resampled(
        scaled(LogisticRegression()), generator=VAEGenerator(4, steps=20), **MORE
    ),
}


def learned(name, unit):
    """Probabilities of other rows, and rows that are made, in their first unit."""
    X, y, X_test, _ = flowers()
    model = NETS[name]().fit(X * unit, y)
    made = np.empty(0)
    if hasattr(model, "sample"):
        made = model.sample(X * unit, y, "input")[1] / unit
    elif hasattr(model, "augment"):
        made = model.augment(X * unit, y=y) / unit
    net = model.estimator_ if hasattr(model, "augment") else model
    return net.predict_proba(X_test * unit), made


@pytest.fixture(scope="module")
def in_one_unit():
    """What is learned from rows in the unit that they have, computed once."""
    return cache(partial(learned, unit=1.0))


@pytest.mark.parametrize("unit", [*UNITS, COLUMNS], ids=str)
@pytest.mark.parametrize("name", NETS)
def test_rows_in_any_unit_are_learned_as_well(name, unit, in_one_unit):
    y = flowers()[3]
    (expected, rows), (found, made) = in_one_unit(name), learned(name, unit)
    accuracy = (expected.argmax(1) == y).mean()
    assert accuracy > 0.85 and (found.argmax(1) == y).mean() >= accuracy - 0.04
    if np.ndim(unit) == 0:  # distances change with the units of single columns
        np.testing.assert_allclose(found, expected, atol=0.03)
        np.testing.assert_allclose(made, rows, atol=0.05)
