"""Whatever holds out rows by itself keeps groups together, on any route to it."""

import ast
from pathlib import Path

import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_validate
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import EarlyStopping
from skorch.dataset import ValidSplit

import skaug
from skaug import (
    HardPoints,
    HardRegionSampler,
    IHDAFinetuner,
    ISDAClassifier,
    NetClassifier,
    PriorShift,
    ResampledClassifier,
    VAEGenerator,
)
from skaug.net.splits import hold_out

# Two latent dimensions suffice for asking who is on which side.
pytestmark = pytest.mark.filterwarnings("ignore:IHDAFinetuner, level:UserWarning")
N_GROUPS = 12
EARLY = {
    "max_epochs": 3,
    "train_split": ValidSplit(3, stratified=True),
    "callbacks": [("stop", EarlyStopping(patience=2))],
    "random_state": 0,
}
SMALL = VAEGenerator(latent_dim=2, steps=20)
HOLDING_OUT = {
    "net": NetClassifier(**EARLY),
    "isda": ISDAClassifier(**EARLY),
    "share": NetClassifier(**{**EARLY, "train_split": ValidSplit(0.3)}),
    "shift": PriorShift(NetClassifier(**EARLY)),
    "sampler": ResampledClassifier(
        HardRegionSampler(
            sources=HardPoints("all", radius=2.0),
            generator=SMALL,
            sampling_strategy="hard",
            random_state=0,
        ),
        LogisticRegression(),
    ),
    "ihda": IHDAFinetuner(
        NetClassifier(max_epochs=2, random_state=0),
        validation=3,
        levels=["blocks.1"],
        generator=SMALL,
        random_state=0,
    ),
}
# What guards the levels and what stops the autoencoder in time.
CALLS_PER_FIT = {"ihda": 2}


@pytest.fixture
def grouped():
    """Twelve groups of ten rows, their number in the first column."""
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(N_GROUPS), 10)
    y = np.arange(len(groups)) % 2
    X = rng.normal(size=(len(groups), 4)) + y[:, None]
    X[:, 0] = groups
    order = rng.permutation(len(groups))
    return X[order], y[order], groups[order]


@pytest.fixture
def sides(monkeypatch):
    """Groups of each part, at every call of hold_out."""
    seen = []

    def watched(split, y, groups=None, **kwargs):
        train, valid = hold_out(split, y, groups, **kwargs)
        assert groups is not None, "something was held out without groups"
        seen.append((set(groups[train]), set(groups[valid])))
        return train, valid

    for room in ("net.classifier", "hard_regions.latent_generators", "ihda.finetuner"):
        monkeypatch.setattr(f"skaug.{room}.hold_out", watched)
    return seen


def requesting(name):
    """A pipeline in which the one that holds out asks for groups."""
    model = clone(HOLDING_OUT[name])
    if name == "sampler":
        model.sampler.set_fit_request(groups=True)
    elif name == "shift":
        model.estimator.set_fit_request(groups=True)
    else:
        model.set_fit_request(groups=True)
    return Pipeline([("scale", StandardScaler()), ("model", model)])


def search_over(pipe, name):
    of_others = {"sampler": "C", "ihda": "lr", "shift": "lr"}
    inner = "model__estimator__" if name in of_others else "model__"
    grid = {f"{inner}{of_others.get(name, 'lr')}": [1e-2]}
    return GridSearchCV(pipe, grid, cv=GroupKFold(2))


@pytest.mark.parametrize("name", HOLDING_OUT)
@pytest.mark.parametrize("route", ["search", "nested search", "pipeline", "parameter"])
def test_no_group_is_on_both_sides(grouped, sides, name, route):
    X, y, groups = grouped
    if route == "parameter":  # without metadata routing
        pipe = Pipeline([("scale", StandardScaler()), ("model", HOLDING_OUT[name])])
        search_over(pipe, name).fit(X, y, groups=groups, model__groups=groups)
    else:
        with sklearn.config_context(enable_metadata_routing=True):
            pipe = requesting(name)
            search = search_over(pipe, name)
            if route == "pipeline":
                pipe.fit(X, y, groups=groups)
            elif route == "search":
                search.fit(X, y, groups=groups)
            else:
                params = {"groups": groups}
                cross_validate(
                    search, X, y, cv=GroupKFold(2), params=params, error_score="raise"
                )
    # Two folds and the whole, and as much again in each of two outer folds.
    n_fits = {"pipeline": 1, "nested search": 6}.get(route, 3)
    assert len(sides) == n_fits * CALLS_PER_FIT.get(name, 1)
    assert all(train and valid and not train & valid for train, valid in sides)


def test_only_one_room_splits():
    rooms = Path(skaug.__file__).parent.rglob("*.py")
    splitting = {
        room.stem
        for room in rooms
        for node in ast.walk(ast.parse(room.read_text()))
        if isinstance(node, ast.ImportFrom) and node.module == "sklearn.model_selection"
    }
    # The comparison deals people's rows into folds, a search takes splitters as
    # scikit-learn does, and single columns are scored in folds to find leaks.
    assert splitting == {"splits", "data", "search", "leaks"}
