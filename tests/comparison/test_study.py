"""Cells as files: resumed, and told apart by what decides them.

tests/contracts/test_processes.py has the run of two processes, and one that is killed.
"""

import json
import re
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from helpers import refuses
from sklearn.metrics import make_scorer

from skaug.comparison import METHODS, Method, Task, run_study
from skaug.comparison import study as study_module
from skaug.comparison.digests import code_of, digest, sources, value_digest
from skaug.comparison.setup import BEST, PLAIN
from skaug.comparison.study import file_name

ARMS = ["heuristics + ISDA 1", "logistic regression"]


def without_seconds(cells):
    text = json.dumps(cells)
    found = json.loads(text)
    for cell in found:
        del cell["seconds"]
        for arm in cell["arms"].values():
            del arm["seconds"]
    return found


@pytest.fixture(scope="module")
def whole(task, budgets, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    return folder, run_study([task], folder, ARMS, budgets)


def test_cells_are_in_order_and_none_failed(whole):
    _, cells = whole
    names = [PLAIN, "heuristics", "heuristics + ISDA 1", "logistic regression"]
    places = [(cell["seed"], cell["method"]) for cell in cells]
    assert places == [(seed, name) for seed in (0, 1) for name in names]
    assert not any("error" in cell for cell in cells)


def test_a_study_that_goes_on_equals_one_without_a_break(
    whole, task, budgets, tmp_path, monkeypatch, capsys
):
    # A cell breaks off, and one failed before.
    real, seen = study_module.keep_cell, []

    def breaks(*args):
        seen.append(args)
        if len(seen) == 4:
            raise KeyboardInterrupt
        return real(*args)

    monkeypatch.setattr(study_module, "keep_cell", breaks)
    with pytest.raises(KeyboardInterrupt):
        run_study([task], tmp_path, ARMS, budgets)
    kept = sorted(tmp_path.glob("*/*.json"))
    assert len(kept) == 3
    kept[0].write_text(json.dumps({"error": "RuntimeError: full"}))
    monkeypatch.setattr(study_module, "keep_cell", real)
    times = {path: path.stat().st_mtime_ns for path in kept[1:]}
    resumed = run_study([task], tmp_path, ARMS, budgets, verbose=1)
    assert without_seconds(resumed) == without_seconds(whole[1])
    assert times == {path: path.stat().st_mtime_ns for path in kept[1:]}
    printed = capsys.readouterr()
    assert "2 of 8 cells are there already." in printed.out
    assert re.search(r"6 cells train networks for \d+ gradient steps", printed.out)


def test_a_study_that_is_done_computes_nothing(whole, task, budgets, monkeypatch):
    folder, cells = whole
    monkeypatch.setattr(Task, "draw", lambda *args: 1 / 0)
    assert run_study([task], folder, ARMS, budgets) == cells


def test_folders_tell_rows_and_budgets_apart(task, budgets):
    same = Task(task.name, task.X.copy(), task.y.copy(), n_rows=60, n_seeds=9)
    assert same.identity() == task.identity()  # more draws go on
    X = task.X.copy()
    X[0, 0] += 1
    others = [
        (Task("iris", X, task.y, n_rows=60), budgets),
        (Task("iris", task.X, task.y, n_rows=70), budgets),
        (Task("iris", task.X, task.y, np.arange(150), n_rows=60), budgets),
        (task, study_module.Budgets()),
    ]
    digests = {digest(one.identity(), of_one) for one, of_one in others}
    assert len(digests) == 4 and digest(task.identity(), budgets) not in digests


def test_comments_and_docstrings_decide_nothing():
    source = 'def f(x):\n    """One."""\n    return x + 1\n'
    other = '# Why.\ndef f(x):\n    """Two."""\n    return (x + 1)  # more\n'
    assert code_of(source) == code_of(other)
    assert code_of(source) != code_of(source.replace("1", "2"))
    assert "x" in code_of("x = 'a text is no docstring'\n'another'\n")
    assert code_of("x = 'a'") != code_of("x = 'b'")


def test_values_are_told_apart_by_what_they_hold():
    def maker(number):
        return lambda setup, value: number

    def scored(y, proba):
        return 1.0

    same = [
        (maker(1), maker(1)),
        (partial(maker, 2), partial(maker, 2)),
        (make_scorer(scored), make_scorer(scored)),
    ]
    assert all(value_digest(a) == value_digest(b) for a, b in same)
    different = [
        (maker(1), maker(2)),
        (partial(maker, 1), partial(maker, 2)),
        (make_scorer(scored), make_scorer(scored, greater_is_better=False)),
        (make_scorer(lambda y, p: 1.0), make_scorer(lambda y, p: 2.0)),
        (Method("a", maker(1), (1, 2)), Method("a", maker(1), (9,))),
        (Method("a", maker(1)), Method("a", maker(1), twin=BEST)),
    ]
    assert not any(value_digest(a) == value_digest(b) for a, b in different)


def test_what_is_on_top_of_a_method_is_told_apart_by_that_one():
    def name_on_top(grid):
        below = Method("below", lambda s, v: s.net(), grid)
        top = Method("top", lambda s, v: s.net(), twin="below")
        return file_name(top, 0, [None, below, top])

    assert name_on_top((1,)) == name_on_top((1,)) != name_on_top((2,))
    heuristics = METHODS["heuristics + ISDA 1"]
    assert file_name(heuristics, 3, [heuristics]) == "heuristics + ISDA 1 3.json"


def test_what_only_shows_results_decides_nothing():
    text = sources()
    assert "comparison/cell.py" in text and "isda/loss.py" in text
    assert "comparison/tables.py" not in text and "ihda/gain_display.py" not in text


def test_arms_for_other_rows_are_refused(task, tmp_path):
    with refuses("run_study needs a method for table, which iris has; got"):
        run_study([task], tmp_path, ["refined CutMix"])


def test_methods_that_are_left_out_are_named(task, budgets, tmp_path):
    few = replace(task, n_seeds=1)
    methods = ["logistic regression", "refined CutMix", "RandAugment"]
    with pytest.warns(UserWarning, match="methods for table, .* 'RandAugment'.,") as w:
        cells = run_study([few], tmp_path, methods, budgets)
    assert [cell["method"] for cell in cells] == ["logistic regression"]
    assert len(w) == 1 and w[0].filename == __file__


@pytest.mark.parametrize("largest", [1, 255])
def test_transforms_of_colour_take_bytes(budgets, tmp_path, largest):
    X = np.random.default_rng(0).random((80, 3, 8, 8), np.float32) * largest
    task = Task("images", X, np.arange(80) % 2, n_rows=48, n_seeds=1)
    _, arm = run_study([task], tmp_path, ["TrivialAugment"], budgets)
    assert arm["method"] == "TrivialAugment" and "error" not in arm
    assert Task("grey", X - 9, task.y, n_rows=48).kind == "images"
    assert Task("four", X[:, [0, 1, 2, 0]], task.y, n_rows=48).kind == "images"
