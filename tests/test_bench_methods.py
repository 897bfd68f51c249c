"""The comparison of all methods: statistics, files, and going on after a kill."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import ttest_rel
from sklearn.datasets import load_digits, load_iris

pytest.importorskip("imblearn")

from methods import METHODS, Setup, methods_for
from methods_report import Differences, holm, summary
from tasks import as_rows, draw, mixed_order, own_task

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "bench_methods.py"
SIDES = {f"x_{side}": np.zeros((30, 2)) for side in ("train", "test")}
SIDES |= {f"y_{side}": np.arange(30) % 2 for side in ("train", "test")}
FEW = ["--methods", "ISDA", "SMOTE, logistic regression", "--epochs", "4"]


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
    found = Differences(cells({"network": twin, "ISDA": ours}), pooled=False)
    mean, error, p = found.difference("s", "ISDA", "accuracy")
    gaps = np.subtract(ours, twin)
    assert mean == pytest.approx(gaps.mean())
    assert error == pytest.approx(gaps.std(ddof=1) / 2)
    assert p == pytest.approx(ttest_rel(ours, twin).pvalue)
    assert found.time("s", "ISDA") == 2


def test_overlapping_draws_widen_the_error():
    both = cells({"network": [1.0, 2.0, 3.0], "ISDA": [2.0, 2.0, 5.0]})
    alone, pooled = (
        Differences(both, pooled).difference("s", "ISDA", "accuracy")[1]
        for pooled in (False, True)
    )
    # 20 rows of test for 60 of training: 1/3 + 1/3 in place of 1/3
    assert pooled == pytest.approx(alone * np.sqrt(2))


def test_stars_and_words():
    gain = np.array([3.0, 3.1, 2.9, 3.0, 3.05])
    twin = np.array([80.0, 82, 81, 79, 83])
    data = {"cells": cells({"network": twin, "ISDA": twin + gain}), "pooled": False}
    text = summary({**data, "epochs": 3, "origin": "here"})
    assert "**ISDA**: accuracy better on s (+3.01 ± 0.03 **)" in text
    assert "log-loss better on s" in text


def test_a_failed_cell_is_told_and_left_out():
    both = cells({"network": [1.0, 2.0], "ISDA": [2.0, 3.0]})
    both[3] = {"set": "s", "method": "ISDA", "seed": 1, "error": "ValueError: no"}
    text = summary({"cells": both, "pooled": False, "epochs": 3, "origin": "here"})
    assert "- s, ISDA, seed 1: ValueError: no" in text


def test_a_set_where_all_fails_has_no_table():
    both = [
        {"set": "s", "method": method, "seed": seed, "error": "ValueError: no"}
        for method in ("network", "ISDA")
        for seed in (0, 1)
    ]
    data = {"cells": both, "pooled": False, "epochs": 3, "origin": "here"}
    assert "## s" not in summary(data) and summary(data).count("ValueError") == 4


def test_every_method_has_a_twin_and_the_same_budget():
    for method in METHODS.values():
        assert len(method.settings) == 3
        assert method.twin is None or METHODS[method.twin].twin is None
    assert "refined CutMix" not in methods_for((9, 128), METHODS)
    assert methods_for((5,), ["ISDA"]) == ["network", "ISDA"]


@pytest.mark.parametrize("shape", [(5,), (4, 32), (1, 8, 8)], ids=str)
def test_every_parameter_exists(shape):
    setup = Setup(shape, n_rows=60, n_classes=3, epochs=4, seed=0)
    for name in methods_for(shape, METHODS):
        method = METHODS[name]
        model = method.make(setup).set_params(**{method.parameter: method.settings[0]})
        assert model.get_params()[method.parameter] == method.settings[0]


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


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a": np.zeros(3)}, "arrays x and y"),
        ({"x": np.zeros((30, 2)), "y": np.zeros(29)}, "one of y per row"),
        ({"x": np.zeros((30, 2)), "y": np.zeros(30)}, "two classes or more"),
        ({"x": np.zeros(30), "y": np.arange(30) % 2}, "with 2 to 4 axes"),
        ({"x": np.full((30, 2), np.nan), "y": np.arange(30) % 2}, "finite x"),
        ({"x": np.zeros((30, 2)), "y": np.arange(30) // 25}, "6 rows of each class"),
        ({"x": np.zeros((30, 2)), "y": np.arange(30) % 2 / 3}, "classes"),
        (
            {"x": np.zeros((30, 2)), "y": np.arange(30) % 2, "groups": np.zeros(30)},
            "5 groups or more",
        ),
        (
            {"x": np.zeros((30, 2)), "y": np.array([None, 1] * 15)},
            "arrays of numbers or strings",
        ),
        ({**SIDES, "y_test": np.arange(30) % 3}, "test labels that are trained on"),
        (
            {**SIDES, "subject_train": np.arange(30), "subject_test": np.arange(30)},
            "other groups to test with",
        ),
    ],
)
def test_wrong_files_end_in_one_sentence(tmp_path, arrays, message):
    np.savez(tmp_path / "f.npz", **arrays)
    with pytest.raises(SystemExit, match=f"bench_methods needs .*{message}.*; got"):
        own_task(tmp_path / "f.npz", None, None, 100)


def run(folder, *options, kill_after=None):
    """Run the script on a file of digits; stop it dead once there are some cells."""
    environment = {**os.environ, "PYTHONPATH": str(SCRIPT.parents[1])}
    command = [sys.executable, SCRIPT, *FEW, "--output", folder, "--n-jobs", "2"]
    process = subprocess.Popen(
        [*command, *options],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    if kill_after is not None:
        while process.poll() is None:
            if len(list(folder.glob("*/*.json"))) >= kill_after:
                os.killpg(process.pid, signal.SIGKILL)
            time.sleep(0.01)
    output, errors = process.communicate()
    assert kill_after is not None or process.returncode == 0, errors
    return output


def test_a_killed_run_goes_on_and_ends_alike(tmp_path):
    X, y = load_digits(return_X_y=True)
    np.savez(tmp_path / "few.npz", x=X[:300].reshape(-1, 1, 8, 8), y=y[:300])
    options = ["--data", tmp_path / "few.npz", "--rows", "100", "--seeds", "2"]
    run(tmp_path / "killed", *options, kill_after=3)
    n_kept = len(list((tmp_path / "killed").glob("*/*.json")))
    assert 3 <= n_kept < 8
    assert f"{n_kept} of 8 cells are there" in run(tmp_path / "killed", *options)
    run(tmp_path / "whole", *options)
    ends = []
    for folder in "killed", "whole":
        data = json.loads((tmp_path / folder / "methods.json").read_text())
        ends.append(
            [{k: v for k, v in c.items() if k != "seconds"} for c in data["cells"]]
        )
        assert (tmp_path / folder / "methods.png").stat().st_size > 10_000
    assert ends[0] == ends[1]
    assert not any("error" in cell for cell in ends[0])
