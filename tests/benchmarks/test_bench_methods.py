"""The comparison of all methods: statistics, files, groups, choices."""

import json

import numpy as np
import pytest
from helpers import refuses
from scipy.stats import ttest_rel
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.utils import Bunch

pytest.importorskip("imblearn")

from cells import fitted, keep_cell, loss_of, run_cell, split_for_choice
from methods import METHODS, Setup, methods_for
from methods_report import Differences, holm, summary
from tasks import as_rows, draw, mixed_order, own_task

SIDES = {f"x_{side}": np.zeros((30, 2)) for side in ("train", "test")}
SIDES |= {f"y_{side}": np.arange(30) % 2 for side in ("train", "test")}


def cells(accuracies):
    """Cells of two methods on one set, by seed."""
    return [
        {"set": "s", "method": method, "seed": seed, "n_test": 20, "n_train": 60}
        | {"accuracy": value, "log-loss": -value, "seconds": 1.0 + (method == "ISDA")}
        for method, values in accuracies.items()
        for seed, value in enumerate(values)
    ]


def test_holm_by_hand():
    # 0.01 < 0.05 / 4, 0.016 < 0.05 / 3, 0.03 > 0.05 / 2: the rest is not looked at.
    p_values = {"a": 0.016, "b": 0.01, "c": 0.03, "d": 0.04}
    assert holm(p_values) == ["b", "a"]
    assert holm({"a": 0.06}) == []
    assert holm({"a": 0.049}) == ["a"]


def test_differences_are_those_of_a_paired_t_test():
    ours, twin = [91.0, 92.5, 90.0, 94.0], [90.0, 92.0, 90.5, 91.0]
    found = Differences(cells({"network": twin, "ISDA": ours}), overlapping=False)
    mean, error, p = found.difference("s", "ISDA", "accuracy")
    gaps = np.subtract(ours, twin)
    assert mean == pytest.approx(gaps.mean())
    assert error == pytest.approx(gaps.std(ddof=1) / 2)
    assert p == pytest.approx(ttest_rel(ours, twin).pvalue)
    assert found.time("s", "ISDA") == 2


def test_overlapping_draws_widen_the_error():
    both = cells({"network": [1.0, 2.0, 3.0], "ISDA": [2.0, 2.0, 5.0]})
    alone, overlapping = (
        Differences(both, overlapping).difference("s", "ISDA", "accuracy")[1]
        for overlapping in (False, True)
    )
    # 20 rows of test for 60 of training: 1/3 + 1/3 in place of 1/3
    assert overlapping == pytest.approx(alone * np.sqrt(2))


def test_stars_and_words():
    gain = np.array([3.0, 3.1, 2.9, 3.0, 3.05])
    twin = np.array([80.0, 82, 81, 79, 83])
    data = {
        "cells": cells({"network": twin, "ISDA": twin + gain}),
        "overlapping": False,
    }
    text = summary({**data, "epochs": 3, "origin": "here"})
    assert "**ISDA**: accuracy better on s (+3.01 ± 0.03 **)" in text
    assert "log-loss better on s" in text


def test_a_failed_cell_is_told_and_left_out():
    both = cells({"network": [1.0, 2.0], "ISDA": [2.0, 3.0]})
    both[3] = {"set": "s", "method": "ISDA", "seed": 1, "error": "ValueError: no"}
    text = summary({"cells": both, "overlapping": False, "epochs": 3, "origin": "here"})
    assert "- s, ISDA, seed 1: ValueError: no" in text
    # One pair is left: its difference is told, without an error or a star.
    line = next(line for line in text.splitlines() if line.startswith("| ISDA"))
    assert "| 2.00 | +1.00 | -2.000 | -1.000 |" in line
    assert "| 2.0 |" in line  # time, of the seed that both have
    assert "**ISDA**: no difference with p < 0.05" in text


def test_a_set_where_all_fails_has_no_table():
    both = [
        {"set": "s", "method": method, "seed": seed, "error": "ValueError: no"}
        for method in ("network", "ISDA")
        for seed in (0, 1)
    ]
    data = {"cells": both, "overlapping": False, "epochs": 3, "origin": "here"}
    assert "## s" not in summary(data) and summary(data).count("ValueError") == 4
    assert "**ISDA**: no cell to compare." in summary(data)


def test_equal_gaps_are_not_beyond_doubt():
    # On few test rows scores are coarse, and gaps are equal but for rounding.
    twin = np.array([80.0, 20, 5])
    assert np.ptp(twin + 0.1 - twin) > 0
    both = cells({"network": twin, "ISDA": twin + 0.1})
    found = Differences(both, overlapping=False)
    assert found.text("s", "ISDA", "accuracy") == "+0.10 ± 0.00"


def test_every_method_has_a_twin_and_the_same_budget():
    for method in METHODS.values():
        assert len(method.settings) == 3
        if method.twin is None:
            continue
        twin = METHODS[method.twin]
        assert twin.twin is None
        # All else is equal: what the twin chose, or the same choice.
        if method.from_twin:
            assert method.from_twin.endswith(twin.parameter)
        else:
            name = twin.parameter.split("__")[-1]
            assert method.parameter.endswith(name) and method.settings == twin.settings
    assert "refined CutMix" not in methods_for((9, 128), METHODS)
    assert methods_for((5,), ["ISDA"]) == ["network", "ISDA"]


@pytest.mark.parametrize("shape", [(5,), (4, 32), (1, 8, 8)], ids=str)
def test_every_parameter_exists(shape):
    setup = Setup(shape, n_rows=60, n_classes=3, n_fewest=20, epochs=4, seed=0)
    for name in methods_for(shape, METHODS):
        method = METHODS[name]
        values = {method.parameter: method.settings[2]}
        if method.from_twin:
            values[method.from_twin] = METHODS[method.twin].settings[2]
        model = method.make(setup).set_params(**values)
        assert values.items() <= model.get_params().items()


def test_images_come_in_with_channels_first():
    grey = np.full((3, 8, 6), 255, np.uint8)
    assert as_rows(grey).shape == (3, 1, 8, 6) and as_rows(grey).max() == 1
    assert as_rows(np.zeros((3, 8, 6, 3), np.uint8)).shape == (3, 3, 8, 6)
    assert as_rows(np.zeros((3, 2, 50))).shape == (3, 2, 50)  # signals


def test_groups_are_never_on_both_sides(tmp_path):
    X, y = load_iris(return_X_y=True)
    groups = np.repeat(np.arange(10), np.arange(6, 25, 2))[np.arange(150) * 7 % 150]
    np.savez(tmp_path / "iris.npz", x=X, y=y, groups=groups)
    task = own_task(tmp_path / "iris.npz", None, None, n_rows=60)
    tested = set()
    for seed in range(20):
        train, test = draw(task, seed)
        assert len(train.y) == 60 and set(train.y) == {0, 1, 2}
        assert not set(train.groups) & set(test.groups)
        tested.add(tuple(np.unique(test.groups)))
    # Every seed tests other groups, and each has its turn.
    assert len(tested) > 10 and set().union(*tested) == set(range(10))


@pytest.mark.parametrize("n", [10, 99, 100, 101])
def test_draws_have_classes_in_proportion(n):
    y = np.repeat(["a", "b", "c"], [50, 49, 3])
    order = mixed_order(y, seed=0)
    assert sorted(order) == list(range(102))
    counts = [np.sum(y[order[:n]] == label) for label in "abc"]
    assert np.abs(np.subtract(counts, n * np.array([50, 49, 3]) / 102)).max() < 2
    assert min(counts) >= 1
    assert not np.array_equal(order, mixed_order(y, seed=1))


def test_a_file_with_test_rows_is_drawn_from(tmp_path):
    X, y = load_iris(return_X_y=True)
    parts = {"x_train": X[::2], "y_train": y[::2], "x_test": X[1::2], "y_test": y[1::2]}
    np.savez(tmp_path / "iris.npz", **parts)
    task = own_task(tmp_path / "iris.npz", None, None, n_rows=500)
    draws = [draw(task, seed) for seed in range(3)]
    assert {len(train.y) for train, _ in draws} == {56}
    assert len({train.X.tobytes() for train, _ in draws}) == 3
    assert {len(test.y) for _, test in draws} == {75}


def test_a_table_of_words_and_gaps(tmp_path):
    pd = pytest.importorskip("pandas")
    names = ["None", "NA"] * 20  # these are no gaps in the target
    frame = pd.DataFrame({"a": np.arange(40.0), "b": ["x", "y"] * 20, "c": names})
    frame.loc[3, "a"] = np.nan
    frame.to_csv(tmp_path / "t.csv", index=False)
    train, test = draw(own_task(tmp_path / "t.csv", "c", None, n_rows=20), seed=0)
    assert train.X.shape == (20, 3) and test.X.shape[1] == 3
    assert np.isfinite(train.X).all() and set(train.y) == {"None", "NA"}


TWO = {"x": np.zeros((30, 2)), "y": np.arange(30) % 2}
GREY = {"x_train": np.zeros((30, 1, 8, 8), np.uint8), "x_test": np.zeros((30, 1, 8, 8))}
SAME = {"subject_train": np.arange(30), "subject_test": np.arange(30)}


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a": np.zeros(3)}, "arrays x and y"),
        ({**TWO, "y": np.zeros(29)}, "one of y per row"),
        ({**TWO, "y": np.zeros(30)}, "two classes or more"),
        ({**TWO, "x": np.zeros(30)}, "with 2 to 4 axes"),
        ({**TWO, "x": np.full((30, 2), np.nan)}, "finite x"),
        ({**TWO, "y": np.arange(30) // 25}, "6 rows of each class"),
        ({**TWO, "y": np.arange(30) % 2 / 3}, "classes"),
        ({**TWO, "groups": np.zeros(30)}, "5 groups or more"),
        ({**TWO, "y": np.array([None, 1] * 15)}, "arrays of numbers or strings"),
        ({**TWO, "y": np.array([b"a", b"b"] * 15)}, "labels that are"),
        ({**SIDES, "y_test": np.arange(30) % 3}, "test labels that are trained on"),
        ({**SIDES, **GREY}, "rows of one type"),
        ({**SIDES, "subject_test": np.arange(30)}, "groups of both parts"),
        ({**SIDES, "groups": np.arange(30)}, "arrays of one kind of name"),
        ({**SIDES, **SAME}, "other groups to test with"),
    ],
)
def test_wrong_files_end_in_one_sentence(tmp_path, arrays, message):
    np.savez(tmp_path / "f.npz", **arrays)
    with refuses(f"bench_methods needs .*{message}.*; got", SystemExit):
        own_task(tmp_path / "f.npz", None, None, 100)


def test_options_that_do_not_fit_the_file(tmp_path):
    np.savez(tmp_path / "f.npz", x=np.zeros((30, 2)), y=np.arange(30) % 2)
    with refuses("csv for --target and --groups; got f", SystemExit):
        own_task(tmp_path / "f.npz", None, "person", 100)
    np.save(tmp_path / "f.npy", np.zeros(3))
    (tmp_path / "f.npy").rename(tmp_path / "g.npz")
    with refuses(r"needs a file of numpy\.savez; got g", SystemExit):
        own_task(tmp_path / "g.npz", None, None, 100)
    (tmp_path / "f.csv").write_text("a\n" + "x\ny\n" * 20)
    with refuses("needs columns besides target and groups; got a", SystemExit):
        own_task(tmp_path / "f.csv", "a", None, 100)


def grouped_table():
    """A table of 12 persons, who are more like themselves than like their class."""
    random = np.random.default_rng(0)
    groups = np.repeat(np.arange(12), 15)
    X = random.normal(size=(12, 4))[groups] + 0.1 * random.normal(size=(180, 4))
    y = np.arange(180) % 3
    X[:, 0] += y
    return Bunch(X=X.astype(np.float32), y=y, groups=groups)


def test_samplers_and_networks_are_given_groups():
    train = grouped_table()
    setup = Setup((4,), 180, 3, 60, epochs=2, seed=0)
    for name in "hard regions, logistic regression", "IHDA", "policy by influence":
        model = METHODS[name].make(setup)
        with_groups = fitted(clone(model), train)
        without = fitted(clone(model), Bunch(**train | {"groups": None}))
        assert not np.array_equal(
            with_groups.predict_proba(train.X), without.predict_proba(train.X)
        ), name
    # The others do without, and are not asked to take them.
    fitted(METHODS["SMOTE, random forest"].make(setup), train)


def test_rows_to_choose_with_have_all_classes_where_groups_allow():
    train = grouped_table()
    train.y = (train.groups != 0).astype(int)  # all of a class are one group
    for seed in range(20):
        inner, held_out = split_for_choice(train, seed)
        assert set(inner.y) == {0, 1}
        assert not set(inner.groups) & set(held_out.groups)


def test_a_setting_that_diverges_is_not_chosen():
    class Diverged:
        classes_ = np.array([0, 1])

        def predict_proba(self, X):
            return np.full((len(X), 2), np.nan)

    part = Bunch(X=np.zeros((4, 2)), y=np.array([0, 1, 0, 1]))
    assert loss_of(Diverged(), part, np.array([0, 1])) == np.inf


@pytest.mark.parametrize(("n_rows", "k"), [(18, 3), (21, 3), (27, 5), (45, 5)])
def test_smote_has_neighbours_in_the_smallest_class(monkeypatch, n_rows, k):
    seen = []
    monkeypatch.setattr(
        "cells.fitted", lambda *part: seen.append(part) or fitted(*part)
    )
    X = np.random.default_rng(0).normal(size=(2 * n_rows, 4))
    y = np.arange(2 * n_rows) % 3
    test = Bunch(X=X, y=y, groups=None)
    task = Bunch(X=X, y=y, groups=None, own=True, test=test, n_rows=n_rows)
    run_cell("SMOTE, logistic regression", 0, 2, task)
    assert [model[-1].sampler.k_neighbors for model, _ in seen] == [k] * 4


def test_a_failed_twin_takes_those_along_that_need_it(tmp_path, capsys):
    X, y = load_iris(return_X_y=True)
    np.savez(tmp_path / "iris.npz", x=X, y=y)
    own = tmp_path / "iris.npz", None, None, 60
    found = {}
    for method in "ISDA", "SMOTE, logistic regression":
        cell = {"set": "iris", "method": method, "seed": 0}
        twin = {"method": METHODS[method].twin, "error": "ValueError: no"}
        keep_cell(tmp_path / "cell.json", cell, twin, 4, False, own)
        found[method] = json.loads((tmp_path / "cell.json").read_text())
    assert found["ISDA"]["error"] == "RuntimeError: its twin failed, network"
    assert "accuracy" in found["SMOTE, logistic regression"]
    assert "its twin failed" in capsys.readouterr().err


def test_a_network_takes_what_its_twin_has_chosen(monkeypatch):
    seen = []

    def spied(model, part):
        seen.append(model)
        return fitted(model, part)

    monkeypatch.setattr("cells.fitted", spied)
    X, y = load_iris(return_X_y=True)
    task = Bunch(X=X, y=y, groups=None, own=True, test=None, n_rows=60)
    cell = run_cell("IHDA over ISDA", 0, 4, task, of_twin=0.8)
    assert [model.tune_lr for model in seen] == [0.8] * 4
    strengths = [model.estimator.strength for model in seen]
    assert strengths == [0.25, 1, 4, cell["chosen"]]
