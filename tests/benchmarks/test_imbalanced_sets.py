"""Draws of imbalanced sets, and what the benchmark of imbalance counts and claims."""

import numpy as np
import pytest
from sklearn.metrics import f1_score
from sklearn.utils import Bunch

import bench_imbalance as bench
import imbalanced_sets
from imbalanced_sets import drawn, thinned


def table(n, n_classes, groups=None, test=None):
    """A set whose only column tells the row."""
    X = np.arange(float(n))[:, None]
    test = np.zeros(n, dtype=bool) if test is None else test
    return Bunch(X=X, y=np.arange(n) % n_classes, groups=groups, test=test)


@pytest.fixture
def holds(monkeypatch):
    """Give a set to draw from, with its rows as they are."""
    monkeypatch.setattr(imbalanced_sets, "in_units", lambda name, *parts: parts)
    return lambda data: monkeypatch.setattr(imbalanced_sets, "pool", lambda name: data)


def test_a_tail_falls_by_a_constant_factor():
    y, rows = np.arange(400) % 4, np.arange(400)
    found = thinned(y, rows, "tail", (80, 10), np.random.default_rng(0), 0)
    counts = np.sort(np.bincount(y[found]))
    assert counts.tolist() == [10, 20, 40, 80]
    assert len(set(found)) == 150


def test_a_seed_decides_which_class_is_rare():
    y, rows = np.arange(400) % 4, np.arange(400)
    rarest = {
        np.bincount(
            y[thinned(y, rows, "tail", (80, 10), np.random.default_rng(s), s)]
        ).argmin()
        for s in range(20)
    }
    assert rarest == {0, 1, 2, 3}


def test_the_rarer_class_is_thinned(holds):
    data = table(300, 3)
    data.y = np.where(data.y == 2, 0, 1)  # a third is of class 0
    holds(data)
    part = drawn(("any", "rare", (100, 5)), 0)
    assert np.bincount(part.y).tolist() == [5, 100]
    # All rows that are not drawn are for the test.
    together = np.concatenate([part.X, part.X_test]).ravel()
    assert sorted(together) == list(range(300))


def test_one_class_against_the_rest_changes_with_the_seed(holds):
    holds(table(300, 3))
    for seed in range(4):
        part = drawn(("any", "rest", (50, 5)), seed)
        assert np.bincount(part.y).tolist() == [50, 5]
        assert set(part.X[part.y == 1].ravel() % 3) == {seed % 3}


def test_people_are_apart_and_test_rows_are_not_thinned(holds):
    groups = np.arange(300) // 30
    holds(table(300, 3, groups=groups))
    part = drawn(("any", "tail", (20, 5)), 1)
    of_train, of_test = (
        set(groups[X.ravel().astype(int)]) for X in (part.X, part.X_test)
    )
    assert not of_train & of_test and len(of_test) == 3
    assert np.bincount(part.y_test).tolist() == [30, 30, 30]


def test_images_for_the_test_are_never_drawn(holds):
    holds(table(300, 3, test=np.arange(300) >= 200))
    part = drawn(("any", "tail", (40, 5)), 0)
    assert part.X.max() < 200 and part.X_test.min() == 200


def test_changed_labels_are_a_twentieth_and_of_another_class():
    y = np.arange(200) % 4
    new = bench.flipped(y, 0)
    assert (new != y).sum() == 10 and set(new) == {0, 1, 2, 3}


def test_own_shares_count_as_rows_would():
    """Weights give the same macro-F1 as rows that are repeated."""
    y, predicted = np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1])
    model = Bunch(predict=lambda X: predicted, decision_function=lambda X: predicted)
    found = bench.scores(model, None, y, np.array([3.0, 3.0, 1.0, 1.0]))
    repeated = f1_score(
        np.repeat(y, [3, 3, 1, 1]), np.repeat(predicted, [3, 3, 1, 1]), average="macro"
    )
    assert found[bench.OWN_F1] == pytest.approx(100 * repeated)
    assert found[bench.F1] == pytest.approx(
        100 * f1_score(y, predicted, average="macro")
    )
    assert found[bench.BALANCED] == 75 and found["worst recall"] == 50


def runs_with(gains):
    """Runs of three fresh sets where arms are above SMOTE by some points."""
    runs = []
    for i, name in enumerate(list(bench.FRESH)[:3]):
        for suffix in "", "-flips":
            for seed in range(4):
                arms = {}
                for kind in bench.kinds():
                    for arm in bench.ARMS:
                        noise = 0.01 * (seed - 1.5) * (1 + (arm == bench.PLAIN))
                        gain = gains.get((kind, arm), 0.0) + noise + 0.01 * i
                        level = 70 + gain * (arm != bench.THEIRS)
                        arms[f"{kind}: {arm}"] = dict.fromkeys(bench.METRICS, level)
                about = {"rows": [9, 1], "n_test": 10, "origin": "here"}
                place = {"set": name + suffix, "seed": seed}
                runs.append({**place, "arms": arms, **about})
    return runs


GOOD = {("forest", bench.DEFAULT): 1.0} | {
    (kind, bench.SUPPORTED): 1.0 for kind in ("LR", "SVC")
}


def test_all_claims_hold_where_all_is_good():
    found = list(bench.claims(runs_with(GOOD)))
    assert len(found) == 11 and all(held for _, held in found)


@pytest.mark.parametrize(
    "change, missed",
    [
        ({("forest", bench.DEFAULT): -0.5}, [0, 5]),
        ({("forest", bench.DEFAULT): -2.0}, [0, 1, 2, 5]),
        ({("HGB", bench.DEFAULT): -0.5}, [6]),
        ({("SVC", bench.SUPPORTED): -0.1}, [8, 10]),
    ],
)
def test_what_is_missed_is_told(change, missed):
    found = list(bench.claims(runs_with({**GOOD, **change})))
    assert [i for i, (_, held) in enumerate(found) if not held] == missed


def test_summary_has_a_row_for_each_arm():
    text = bench.summary(runs_with(GOOD))
    for arm in bench.ARMS:
        assert f"| {arm} |" in text or f"| **{arm}** |" in text
