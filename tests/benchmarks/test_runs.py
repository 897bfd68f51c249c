"""What benchmarks say about runs, and how they keep them."""

import json
from pathlib import Path

import numpy as np
import pytest
from helpers import refuses
from scipy.stats import ttest_1samp

import runs

RUNS = [
    {"set": name, "seed": seed, "arms": {"ours": {"accuracy": 90.0 + seed}}}
    for name in ("har", "mnist")
    for seed in (0, 1)
]


@pytest.mark.parametrize("shift, star", [(0.0, ""), (5.0, "*")])
def test_the_interval_is_that_of_the_t_test(shift, star):
    gaps = shift + np.random.default_rng(0).normal(size=5)
    ends = ttest_1samp(gaps, 0).confidence_interval(0.95)
    mean, error = gaps.mean(), gaps.std(ddof=1) / 5**0.5
    expected = f"{mean:+.3f} ± {error:.3f} [{ends.low:+.3f}, {ends.high:+.3f}]{star}"
    assert runs.interval(gaps, 3) == expected
    assert runs.interval(gaps[:1], 1) == f"{gaps[0]:+.1f}"


def test_runs_are_kept_and_none_is_kept_twice(tmp_path):
    paths = [tmp_path / "a.json", tmp_path / "b.json"]
    runs.write(paths[0], {"results": RUNS[:3]})
    runs.write(paths[1], {"results": RUNS[3:]})
    assert runs.kept(paths) == RUNS
    with refuses("in the files more than once"):
        runs.kept([paths[0], *paths])


def test_arms_of_a_run_are_put_together(tmp_path):
    def path(name, arms):
        run = {"set": "har", "seed": 0, "arms": arms, "origin": name}
        runs.write(tmp_path / name, {"results": [run]})
        return tmp_path / name

    none = {"error": 8.0, "seconds": 2.0}
    first = path("a.json", {"none": none, "ours": {"error": 3.0}})
    more = path("b.json", {"none": {**none, "seconds": 3.0}, "other": {"error": 4.0}})
    (found,) = runs.kept([first, more])
    assert found["arms"] == {"none": none, "ours": {"error": 3}, "other": {"error": 4}}
    assert found["origin"] == "a.json; b.json"
    differs = path("c.json", {"none": {"error": 8.1}, "other": {"error": 4.0}})
    with refuses("in the files more than once"):
        runs.kept([first, differs])


def test_a_file_survives_what_cannot_be_written(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    runs.write(path, {"results": RUNS})

    def interrupted(number):
        raise KeyboardInterrupt

    monkeypatch.setattr("os.fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        runs.write(path, {"results": []})
    assert json.loads(path.read_text()) == {"results": RUNS}


def test_runs_by_set_and_their_figures():
    groups = runs.by_set(RUNS, ["mnist", "digits", "har"])
    assert groups == {"mnist": RUNS[2:], "har": RUNS[:2]}
    np.testing.assert_array_equal(runs.values(RUNS[:2], "ours", "accuracy"), [90, 91])


def test_a_page_keeps_the_words_before_its_tables(tmp_path):
    page = tmp_path / "page.md"
    table = "\n".join(runs.markdown([["arm", "score"], ["ours", "1"]]))
    runs.fill_page(page, "Title", f"## One\n\n{table}")
    runs.fill_page(page, "Other", "## Two")
    assert page.read_text() == "# Title\n\n## Two\n"
    assert table == "| arm | score |\n| --- | --- |\n| ours | 1 |"


def test_missed_claims_are_told_and_raised(capsys):
    claims = [runs.claim("a > b", 3, True), runs.claim("a < b", 3, np.bool_(False))]
    with pytest.raises(AssertionError, match="a < b: 3, missed") as error:
        runs.check(claims)
    assert "held" not in str(error.value)
    assert capsys.readouterr().out == "a > b: 3, held\na < b: 3, missed\n"
    runs.check(claims[:1])


def test_outside_a_repository_the_commit_is_unknown(tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "ROOT", tmp_path)
    assert runs.commit() == runs.commit("skaug") == "unknown"


def test_a_study_goes_on_where_it_was_stopped(tmp_path, capsys):
    path, made = tmp_path / "a.json", []

    def run(name, seed):
        made.append((name, seed))
        return {"arms": {"ours": {"accuracy": 90 + seed}}}

    def study(setting, *arguments):
        parser = runs.study_parser("A question?", ["har", "mnist"], seeds=2, n_jobs=1)
        options = parser.parse_args([*arguments, "--output", str(path)])
        settings = {"har": setting, "mnist": (1, 2)}
        runs.study(runs.__file__, options, settings, run, lambda found: len(found))

    study((3, 4), "--sets", "har", "--seeds", "1")
    study((3, 4))
    assert made == [("har", 0), ("har", 1), ("mnist", 0), ("mnist", 1)]
    study((5, 4))  # only the set with another setting is run again
    assert made[4:] == [("har", 0), ("har", 1)]
    aside = runs.kept([f"{path}.before"])
    assert [run["setting"] for run in aside] == [[3, 4], [3, 4]]
    runs.set_aside(aside[:1], Path(f"{path}.before"))  # nothing is lost the next time
    before = json.loads(Path(f"{path}.before").read_text())["results"]
    assert before == [*aside, aside[0]]
    study((5, 4), "--summary", str(path))
    printed = [line for line in capsys.readouterr().out.splitlines() if line[0] != "["]
    assert len(made) == 6 and printed == ["1", "4", "4", "4"]
