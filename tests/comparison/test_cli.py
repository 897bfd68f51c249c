"""The command line: what it prints, writes and refuses."""

import json
import re
import subprocess
import sys

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris

from skaug.comparison import Budgets
from skaug.comparison import search as search_module
from skaug.comparison.cli import main

FEW = Budgets(plain=(8,), augmented=(8,), decays=(0.01,), refused=8)
ARGUMENTS = ["--methods", "ISDA", "--folds", "2", "--budget", "quick"]


@pytest.fixture(autouse=True)
def few_steps(monkeypatch):
    monkeypatch.setitem(search_module.BUDGETS, "quick", FEW)


@pytest.fixture
def table(tmp_path):
    X, y = load_iris(return_X_y=True, as_frame=True)
    frame = X.assign(kind=np.array(["a", "b", "c"])[y])
    frame.to_csv(tmp_path / "iris.csv", index=False)
    return tmp_path / "iris.csv"


def run(tmp_path, *arguments):
    out = ["--out", str(tmp_path / "out")]
    return main(["compare", *out, *map(str, arguments)])


def test_it_prints_a_table_and_writes_a_page_and_a_model(table, tmp_path, capsys):
    model = tmp_path / "model.joblib"
    code = run(tmp_path, table, "--target", "kind", *ARGUMENTS, "--model", model)
    printed = capsys.readouterr().out
    assert code == 0
    assert (
        "iris: 150 rows." in printed and "Classes: a (50), b (50), c (50)." in printed
    )
    assert "best plain" in printed and "ISDA" in printed and "This took" in printed
    page = (tmp_path / "out" / "iris" / "page.html").read_text()
    assert page.startswith("<!DOCTYPE html>") and "http" not in page.split("<svg")[0]
    frame = pd.read_csv(table).drop(columns="kind")
    assert joblib.load(model).predict(frame).shape == (150,)


def test_a_run_is_resumed_and_never_mixed_up(table, tmp_path, capsys, monkeypatch):
    arguments = [table, "--target", "kind", *ARGUMENTS]
    assert run(tmp_path, *arguments) == 0
    cells = sorted((tmp_path / "out").rglob("*.json"))
    times = {path: path.stat().st_mtime_ns for path in cells}
    assert run(tmp_path, *arguments) == 2
    assert "Add --resume" in capsys.readouterr().err
    cells[0].write_text(json.dumps({"error": "RuntimeError: full"}))
    assert run(tmp_path, *arguments, "--resume") == 0
    assert {path: path.stat().st_mtime_ns for path in cells[1:]} == {
        path: times[path] for path in cells[1:]
    }
    assert "error" not in json.loads(cells[0].read_text())


@pytest.mark.parametrize(
    "arguments, message",
    [
        ([], "compare needs a file; got none. Name one before the options, or add"),
        (["TABLE", "--demo"], "--demo without a file"),
        (["TABLE", "--target", "kind", "--jobs", "0"], "--jobs of 1 or more"),
        (["TABLE", "--jobs", "2", "--cluster", "x"], "--jobs or --cluster; got both"),
        (["TABLE", "--model", "no/such/model"], "a folder for --model; got no/such"),
        (["TABLE", "--target", "kind", "--out", "TABLE"], "exists"),
        (["none.csv", "--target", "a"], "needs a file that exists; got none.csv"),
        (["TABLE", "--target", "species"], "got 'species'"),
        (["TABLE", "--target", "kind", "--methods", "GAN"], r"got \['GAN'\]"),
    ],
)
def test_what_cannot_be_used_is_one_line(arguments, message, table, tmp_path, capsys):
    arguments = [table if one == "TABLE" else one for one in arguments]
    assert run(tmp_path, *arguments) == 2
    error = capsys.readouterr().err.strip()
    assert error.startswith("skaug compare: ") and "\n" not in error
    assert re.search(message, error), error


def test_stopped_from_the_keyboard_it_says_how_to_go_on(
    table, tmp_path, capsys, monkeypatch
):
    def stopped(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr("skaug.comparison.study.keep_cell", stopped)
    assert run(tmp_path, table, "--target", "kind", *ARGUMENTS) == 130
    assert "--resume" in capsys.readouterr().err


def test_it_is_a_module_that_runs():
    found = subprocess.run(
        [sys.executable, "-m", "skaug", "compare", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "--target" in found.stdout and "--resume" in found.stdout
