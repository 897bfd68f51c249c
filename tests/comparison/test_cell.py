"""One arm on one draw: what is chosen, twins, temperature on both sides, metrics."""

import json

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, recall_score
from sklearn.utils import Bunch

from skaug import ISDAClassifier, NetClassifier
from skaug.card.twin import fit_with_groups
from skaug.comparison import (
    METHODS,
    Budgets,
    Setup,
    log_probabilities,
    run_cell,
    scores,
)
from skaug.comparison import cell as cell_module
from skaug.comparison.cell import keep_cell, mean_loss, setup_of, tried
from skaug.comparison.setup import BEST, PLAIN, epochs_of, of_steps
from skaug.net import best_temperature


@pytest.fixture(scope="module")
def plain(drawn, budgets):
    return run_cell(PLAIN, drawn, budgets)


def test_one_cell_has_all_plain_networks(plain, budgets):
    steps = [4, 6, 8, 10]
    assert [one["steps"] for one in plain["inner"]] == np.repeat(steps, 2).tolist()
    assert list(plain["arms"]) == [BEST, of_steps(4), of_steps(6), of_steps(10)]
    losses = {(one["steps"], one["decay"]): one["log-loss"] for one in plain["inner"]}
    best = plain["arms"][BEST]
    assert best["steps"] in budgets.plain
    of_best = losses[best["steps"], best["decay"]]
    assert of_best == min(loss for (n, _), loss in losses.items() if n in budgets.plain)
    for n in budgets.augmented:
        twin = plain["arms"][of_steps(n)]
        assert losses[n, twin["decay"]] == min(losses[n, d] for d in budgets.decays)


def test_an_arm_takes_the_decay_of_the_plain_network_of_equal_steps(
    plain, drawn, budgets
):
    plain["arms"][of_steps(6)]["decay"], plain["arms"][of_steps(10)]["decay"] = 0.5, 0.0
    found = run_cell("ISDA", drawn, budgets, {PLAIN: plain})
    settings = [(one["steps"], one["decay"], one["value"]) for one in found["inner"]]
    strengths = (0.25, 1.0, 4.0)
    assert settings == [(n, d, s) for n, d in ((6, 0.5), (10, 0.0)) for s in strengths]
    arm = found["arms"]["ISDA"]
    place = [arm[key] for key in ("steps", "decay", "value")]
    lowest = min(found["inner"], key=lambda one: one["log-loss"])
    assert place == [lowest[key] for key in ("steps", "decay", "value")]
    assert arm["temperature"] == lowest["temperature"]


def test_what_is_on_top_takes_everything_from_below(plain, drawn, budgets):
    below = run_cell("heuristics", drawn, budgets, {PLAIN: plain})
    found = run_cell("heuristics + ISDA 1", drawn, budgets, {"heuristics": below})
    (only,) = found["inner"]
    chosen = below["arms"]["heuristics"]
    assert chosen["value"] == found["arms"]["heuristics + ISDA 1"]["value"] == "jitter"
    assert [only[key] for key in ("steps", "decay")] == [
        chosen[key] for key in ("steps", "decay")
    ]
    # With strength 0 it is the arm below, bit for bit.
    setup = setup_of(drawn, Budgets())._replace(steps=10, below="jitter")
    make = METHODS["heuristics + ISDA 1"].make
    with_isda = make(setup, "jitter").set_params(strength=0)
    alone = METHODS["heuristics"].make(setup, "jitter")
    both = [
        model.fit(drawn.train.X, drawn.train.y).predict_proba(drawn.test.X)
        for model in (with_isda, alone)
    ]
    np.testing.assert_array_equal(*both)


@pytest.mark.parametrize(
    "n_rows, steps, epochs", [(64, 10, 10), (65, 10, 10), (66, 10, 5), (200, 10, 3)]
)
def test_epochs_are_the_steps_wanted_or_a_few_more(n_rows, steps, epochs):
    assert epochs_of(steps, n_rows) == epochs
    if n_rows < 100:
        X, y = np.random.default_rng(0).normal(size=(n_rows, 2)), np.arange(n_rows) % 2
        net = NetClassifier(max_epochs=epochs, random_state=0).fit(X, y)
        taken = sum(len(epoch["batches"]) for epoch in net.history)
        assert steps <= taken < steps + 2


def test_temperature_is_that_of_the_rows_held_out_and_on_both_sides(
    plain, drawn, budgets
):
    setup = setup_of(drawn, Budgets())._replace(
        n_rows=len(drawn.inner.y), steps=6, decay=0.5
    )
    isda = METHODS["ISDA"].make(setup, 1.0)
    net = isda.fit(drawn.inner.X, drawn.inner.y)
    logits, target = net.forward(drawn.held_out.X), torch.from_numpy(drawn.held_out.y)
    expected = best_temperature(logits.double(), target)
    record = tried(METHODS["ISDA"].make, setup, drawn, 1.0)
    assert record["temperature"] == pytest.approx(expected, abs=1e-5)
    for arm in plain["arms"].values():
        assert arm["temperature"] != 1
        assert arm["log-loss at temperature"] != arm["log-loss"]


def test_log_probabilities_are_those_that_are_predicted(drawn):
    X, y = drawn.train.X, drawn.train.y
    for model in (ISDAClassifier(max_epochs=3, random_state=0), LogisticRegression()):
        proba = model.fit(X, y).predict_proba(drawn.test.X)
        log_p = log_probabilities(model, drawn.test.X, drawn.classes)
        np.testing.assert_allclose(np.exp(log_p), proba, atol=1e-6)
    # A class that training did not see is all but impossible.
    model.fit(X[y > 0], y[y > 0])
    log_p = log_probabilities(model, drawn.test.X, drawn.classes)
    assert log_p.shape[1] == 3 and (np.exp(log_p[:, 0]) < 1e-12).all()


def test_metrics_are_scikit_learns():
    random = np.random.default_rng(0)
    proba = random.dirichlet(np.ones(3), size=60)
    classes, groups = np.array(["a", "b", "c"]), np.arange(60) % 4
    y = classes[random.integers(3, size=60)]
    test = Bunch(y=y, groups=groups)
    found = scores(np.log(proba), test, classes, temperature=2.0)
    predicted = classes[proba.argmax(axis=1)]
    right = predicted == y
    assert found["accuracy"] == pytest.approx(100 * right.mean())
    assert found["log-loss"] == pytest.approx(log_loss(y, proba))
    warm = np.sqrt(proba) / np.sqrt(proba).sum(axis=1, keepdims=True)
    assert found["log-loss at temperature"] == pytest.approx(log_loss(y, warm))
    recall = recall_score(y, predicted, average=None)
    assert found["worst class"] == pytest.approx(100 * recall.min())
    assert found["balanced accuracy"] == pytest.approx(100 * recall.mean())
    by_group = [right[groups == group].mean() for group in range(4)]
    assert found["worst group"] == pytest.approx(100 * min(by_group))
    # A mean that logits are shifted by changes nothing.
    shifted = scores(np.log(proba) + 3, test, classes, temperature=2.0)
    assert shifted == pytest.approx(found)
    assert mean_loss(np.log(proba), np.zeros(60, int)) == pytest.approx(
        -np.log(proba[:, 0]).mean()
    )


def test_a_setting_that_diverges_is_not_chosen(drawn, budgets, plain, monkeypatch):
    real = cell_module.log_probabilities

    def diverged(model, X, classes):
        log_p = real(model, X, classes)
        return np.full_like(log_p, np.nan) if model.strength == 4 else log_p

    monkeypatch.setattr(cell_module, "log_probabilities", diverged)
    found = run_cell("ISDA", drawn, budgets, {PLAIN: plain})
    losses = {one["value"]: one["log-loss"] for one in found["inner"]}
    assert losses[4] is None and found["arms"]["ISDA"]["value"] != 4
    assert "NaN" not in json.dumps(found)


def test_what_is_needed_and_failed_takes_the_arm_along(drawn, budgets):
    failed, key = {PLAIN: {"error": "ValueError: no"}}, ("s", "ISDA", 0)
    kept = keep_cell(key, METHODS["ISDA"], drawn, budgets, failed)
    assert f"RuntimeError: ISDA needs a cell of {PLAIN}; got one" in kept["error"]
    assert kept["method"] == "ISDA"
    assert kept["traceback"].strip().endswith(kept["error"])


def test_samplers_and_networks_are_given_groups():
    # Persons are more like themselves than like their class.
    random = np.random.default_rng(0)
    groups = np.repeat(np.arange(12), 15)
    X = random.normal(size=(12, 4))[groups] + 0.1 * random.normal(size=(180, 4))
    y = np.arange(180) % 3
    X[:, 0] += y
    X = X.astype(np.float32)
    setup = Setup((4,), 180, 3, 60, seed=0, steps=6, refused=3)
    both = groups, None
    sampler = METHODS["hard regions, logistic regression"].make(setup, 1.0)
    found = [
        fit_with_groups(clone(sampler), X, y, one).predict_proba(X) for one in both
    ]
    assert not np.array_equal(*found)
    policy = METHODS["policy by influence"].make(setup, 1.0)
    losses = [
        fit_with_groups(clone(policy), X, y, one).augmenter_.held_out_loss_.plain
        for one in both
    ]
    assert losses[0] != losses[1]


def exchanged(X):
    """Rows of other classes under the label of this one."""
    return X[torch.randperm(len(X))]


def test_a_refused_policy_leaves_a_plain_network_of_plain_steps(drawn, budgets):
    setup = setup_of(drawn, budgets)._replace(steps=100)
    policy = METHODS["policy by influence"].make(setup, 1.0)
    policy.set_params(augmenter__augmentation__transforms=[exchanged])
    X, y = drawn.train.X, drawn.train.y
    assert not policy.fit(X, y).accepted_
    plain = setup._replace(steps=budgets.refused).net().fit(X, y)
    of_both = (model.predict_proba(drawn.test.X) for model in (policy, plain))
    np.testing.assert_array_equal(*of_both)


@pytest.mark.parametrize("n_rows, k", [(18, 3), (21, 3), (27, 5), (45, 5)])
def test_smote_has_neighbours_in_the_smallest_class(n_rows, k):
    pytest.importorskip("imblearn")
    inner = Bunch(y=np.arange(2 * n_rows // 3) % 3)
    X = np.random.default_rng(0).normal(size=(n_rows, 4))
    train = Bunch(X=X, y=np.arange(n_rows) % 3)
    drawn = Bunch(
        train=train, inner=inner, classes=np.arange(3), seed=0, heuristic=None
    )
    model = METHODS["SMOTE, logistic regression"].make(setup_of(drawn, Budgets()), 1.0)
    assert model[-1].sampler.k_neighbors == k
