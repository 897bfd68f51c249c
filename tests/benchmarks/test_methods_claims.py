"""What the comparison claims: held with room, missed by a little, told with figures."""

import json
import sys

import numpy as np
import pytest

import bench_methods
from methods_claims import DEFAULTS, FINETUNED, ON_TOP, claims_of
from skaug.comparison import METHODS, Differences
from skaug.comparison.setup import BEST, PLAIN, of_steps

SETS = ("digits", "mnist", "fashion_mnist", "cifar10", "har")
NOISE = 0.01 * np.array([1.0, -1.0, 0.5, -0.5, 0.2])


def found_with(gains):
    """Differences of the cells."""
    return Differences(cells_with(gains))


def cells_with(gains):
    """Cells where (set, arm) gains points and loses a tenth of them in log-loss."""
    on_top = ON_TOP, "IHDA over heuristics"
    cells = []
    for name in SETS:
        for seed in range(5):
            place = {"set": name, "seed": seed, "n_train": 200, "n_test": 3000}

            def arm(points):
                loss = 1 - points / 10
                return {"accuracy": 80 + points, "log-loss": loss, "steps": 300} | {
                    "log-loss at temperature": loss,
                    "decay": 0.1,
                    "value": None,
                    "seconds": 1.0,
                }

            plain = {BEST: arm(0.0), of_steps(300): arm(0.0)}
            cells.append({**place, "method": PLAIN, "arms": plain})
            for method in dict.fromkeys(["heuristics", *DEFAULTS, *FINETUNED]):
                noise = NOISE[seed] * (1 + (method in on_top))
                below = gains.get((name, METHODS[method].below), 0.0)
                points = gains.get((name, method), below) + noise
                cells.append({**place, "method": method, "arms": {method: arm(points)}})
    return cells


GOOD = {
    ("cifar10", ON_TOP): 2.0,
    ("mnist", ON_TOP): 3.0,
    ("fashion_mnist", "IHDA"): 0.5,
    ("har", "policy by influence"): 0.4,
}


def test_all_hold_where_all_is_good():
    claims = list(claims_of(found_with(GOOD)))
    assert [text for text, held in claims if not held] == []
    assert len(claims) == 11 and all(text.endswith(", held") for text, _ in claims)
    assert f"{ON_TOP} +3.00 ± 0.01 **" in claims[1][0]


@pytest.mark.parametrize(
    "change, missed",
    [
        ({("cifar10", ON_TOP): 1.4}, [0]),
        ({("mnist", ON_TOP): 1.9}, [1]),
        ({("fashion_mnist", "IHDA"): 0.0}, [2]),
        ({("har", "policy by influence"): 0.1}, [3]),
        ({("mnist", ON_TOP): 0.0}, [1, 4, 5]),
        ({("digits", "IHDA"): -0.2}, [6, 7, 8, 9, 10]),
        ({("har", "IHDA over heuristics"): -0.2}, [8, 9, 10]),
    ],
)
def test_what_is_missed_is_told_as_missed(change, missed):
    claims = list(claims_of(found_with({**GOOD, **change})))
    assert [i for i, (_, held) in enumerate(claims) if not held] == missed
    assert all(
        ("MISSED" in text) == (i in missed) for i, (text, _) in enumerate(claims)
    )
    if 6 in missed:
        assert "IHDA on digits -0.20 ± 0.00 **, MISSED" in claims[6][0]


def test_without_a_set_nothing_is_claimed_to_hold():
    found = found_with(GOOD)
    found.figures = {key: arm for key, arm in found.figures.items() if key[0] != "har"}
    claims = list(claims_of(found))
    assert "no cells, MISSED" in claims[3][0]
    assert "no cells of policy by influence on har, MISSED" in claims[6][0]


@pytest.mark.parametrize("change, status", [({}, 0), ({("mnist", ON_TOP): 1.9}, 1)])
def test_the_script_ends_with_an_error_if_a_claim_is_missed(
    change, status, tmp_path, monkeypatch, capsys
):
    cells = cells_with({**GOOD, **change})
    data = {"cells": cells, "overlapping": [], "origin": "Made up"}
    (tmp_path / "kept.json").write_text(json.dumps(data))
    options = ["--summary", str(tmp_path / "kept.json"), "--claims"]
    monkeypatch.setattr(sys, "argv", ["bench_methods.py", *options])
    (tmp_path / "results").mkdir()
    monkeypatch.setattr(bench_methods, "RESULTS", tmp_path / "results")
    with pytest.raises(SystemExit) as end:
        bench_methods.main()
    assert end.value.code == status
    page = (tmp_path / "results" / "methods.md").read_text()
    assert page.count("MISSED") == status
    assert "Made up." in capsys.readouterr().out
