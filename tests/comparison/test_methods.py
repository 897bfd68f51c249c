"""The arms: each is for some kinds of rows, takes what it is made for, and is known."""

from importlib.util import find_spec

import numpy as np
import pytest
import torch
from helpers import refuses

from skaug import IHDAFinetuner
from skaug.comparison import METHODS, Budgets, Setup, methods_for
from skaug.comparison.heuristics import (
    HEURISTICS,
    heuristic,
    heuristics_for,
    heuristics_of,
)


def names(kind, methods=None):
    return [method.name for method in methods_for(kind, methods)]


SHAPES = {"table": (5,), "signals": (6, 32), "colours": (1, 8, 8)}


@pytest.mark.parametrize("kind", SHAPES)
def test_every_arm_is_made_for_its_rows(kind):
    setup = Setup(SHAPES[kind], 60, 3, 20, seed=0, steps=8, decay=0.1)
    for method in methods_for(kind):
        name, below = method.name, METHODS.get(method.below)
        if below is not None:
            lowest = METHODS.get(below.below, below)
            setup = setup._replace(below=lowest.values_for(setup)[0])
        values = method.values_for(setup)
        assert 1 <= len(values) <= 3, name
        made = [method.make(setup, value) for value in values]
        assert all(hasattr(model, "fit") for model in made)
        if method.is_network:
            net = made[0]
            while not hasattr(net, "max_epochs"):
                net = getattr(net, "augmenter", net).estimator
            assert net.max_epochs == 8 and net.get_params()[
                "optimizer__weight_decay"
            ] == (0.1)


def test_what_an_arm_is_on_top_of_comes_before_it_and_is_of_its_kind():
    names = list(METHODS)
    for name, method in METHODS.items():
        if method.below is not None:
            assert names.index(method.below) < names.index(name)
            assert METHODS[method.below].is_network == method.is_network


def test_a_setting_goes_up_through_all_that_is_on_top_of_it():
    setup = Setup((1, 8, 8), 60, 3, 20, seed=0, below="affine")
    isda = METHODS["heuristics + ISDA 1"]
    assert isda.values_for(setup) == ["affine"]
    top = METHODS["IHDA over heuristics + ISDA 1"]
    assert top.below == isda.name and isda.below == "heuristics"
    net = top.make(setup._replace(steps=8), None).estimator
    assert net.strength == 1
    assert type(net.callbacks[0][1].transform) is type(heuristic(setup, "affine"))


def test_the_arm_of_ihda_is_what_a_user_gets_by_default():
    net = Setup((5,), 60, 3, 20, seed=0, steps=8)
    own = METHODS["IHDA"].make(net, None).get_params(deep=False)
    default = IHDAFinetuner(random_state=0).get_params(deep=False)
    assert own | {"estimator": None} == default


def test_methods_bring_what_they_are_on_top_of():
    assert names("table", ["policy + ISDA 1"]) == [
        "policy by influence",
        "policy + ISDA 1",
    ]
    assert names("table", ["IHDA over heuristics + ISDA 1"]) == [
        "heuristics",
        "heuristics + ISDA 1",
        "IHDA over heuristics + ISDA 1",
    ]
    assert "refined CutMix" not in names("signals")
    assert "refined CutMix" in names("images")
    assert "RandAugment" not in names("images")
    assert {*names("images"), "RandAugment"} < {*names("colours")}
    with refuses(r"methods among ISDA, .*; got \['GAN'\]"):
        methods_for("table", ["GAN"])


def test_without_imbalanced_learn_its_samplers_are_left_out(monkeypatch):
    there = "skaug.comparison.methods.find_spec"
    monkeypatch.setattr(there, lambda name: None if name == "imblearn" else find_spec)
    found = names("table")
    assert "SMOTE, random forest" not in found
    assert "hard regions, random forest" in found
    with refuses(r"needs imblearn for \['SMOTE, random forest'\]; got none"):
        methods_for("table", ["SMOTE, random forest"])


@pytest.mark.parametrize("name", HEURISTICS)
def test_heuristics_keep_the_shape_and_change_rows(name):
    torch.manual_seed(0)
    shape = {"jitter": (5,), "warps": (6, 32)}.get(name, (3, 8, 8))
    setup = Setup(shape, 60, 3, 20, seed=0)
    assert name in heuristics_of(setup) or len(shape) == 3
    assert heuristics_of(setup._replace(heuristic=name)) == [name]
    assert name in heuristics_for(["table", "signals", "images"][len(shape) - 1])
    X = torch.from_numpy(np.random.default_rng(0).random((16, *shape))).float()
    new = heuristic(setup, name)(X.clone())
    assert new.shape == X.shape and new.dtype == X.dtype
    changed = (new != X).flatten(1).any(dim=1)
    assert changed.float().mean() > 0.7


@pytest.mark.parametrize(
    ("budgets", "message"),
    [
        ({"plain": ()}, "plain to be a tuple of one or more, each a whole number >= 1"),
        ({"augmented": 300}, "augmented to be a tuple"),
        ({"augmented": (300, 0)}, "augmented to be a tuple"),
        ({"decays": (-1,)}, "decays to be a tuple of one or more, each a finite"),
        ({"refused": 0}, "refused to be a whole number >= 1; got 0"),
    ],
)
def test_budgets_have_something_to_choose_from(budgets, message):
    with refuses(f"Budgets needs {message}"):
        Budgets(**budgets)
