"""Cells of an earlier run: taken over as they are, and told from those made anew."""

from sklearn.datasets import load_iris

from ihda_on_top import LONG, section_of
from kept_cells import commits, jobs_for, made_again, take_over
from skaug.comparison import Budgets, Task, methods_for, run_study
from skaug.comparison.setup import BEST, PLAIN, of_steps


def arm(points=0.0):
    loss = {"log-loss": 1 - points / 10, "log-loss at temperature": 0.5}
    return {"accuracy": 80 + points, "seconds": 1.0, **loss}


def test_cells_are_taken_over_but_for_methods_that_are_made_again(tmp_path):
    task = Task("iris", *load_iris(return_X_y=True), n_rows=60, n_seeds=2)
    methods = ["heuristics", "heuristics + ISDA 1"]
    budgets, place = Budgets(), {"set": "iris", "commit": "abc"}
    cells = [
        {**place, "method": method, "seed": seed, "arms": {method: arm(seed)}}
        for method in (PLAIN, *methods, "IHDA")
        for seed in (0, 1)
    ]
    jobs = jobs_for([task], tmp_path, methods, budgets)
    assert len(jobs) == 6
    assert take_over(cells, jobs, again=methods[1:]) == 4
    assert take_over(cells, jobs, again=methods[1:]) == 0
    missing = [job.key for job in jobs if not job.path.exists()]
    assert missing == [("iris", methods[1], 0), ("iris", methods[1], 1)]
    # What there is, the study reads; nothing is left to run.
    found = run_study([task], tmp_path, methods[:1], budgets)
    assert found == [cells[0], cells[2], cells[1], cells[3]]


def test_cells_made_again_are_counted_where_the_figures_stayed():
    place = {"set": "iris", "method": "ISDA", "commit": "abc"}
    kept = [{**place, "seed": seed, "arms": {"ISDA": arm(seed)}} for seed in (0, 1)]
    new = [{**place, "seed": seed, "arms": {"ISDA": arm(2 * seed)}} for seed in (0, 1)]
    new[0]["arms"]["ISDA"]["seconds"] = 5.0
    new[0]["commit"] = "def"
    again = list(made_again(kept, new, ["ISDA", "IHDA"]))
    assert again == ["ISDA made again: 1 of 2 cells with equal figures"]
    assert commits(new) == "1 cells at commit def, 1 cells at commit abc"


def test_the_table_says_what_finetuning_adds_to_networks_of_600_steps():
    cells = []
    for seed in range(4):
        place = {"set": "iris", "seed": seed, "n_train": 60, "n_test": 30}
        plain = {BEST: arm(0.0), of_steps(600): arm(0.0)}
        cells.append({**place, "method": PLAIN, "arms": plain})
        for method, points in (LONG[0], 1.0), (LONG[1], 1.5 + 0.1 * seed):
            arms = {method.name: arm(points)}
            cells.append({**place, "method": method.name, "arms": arms})
    text = section_of(cells, [])
    assert "| IHDA over heuristics, 600 steps | iris | +0.65 ± 0.06 ** |" in text
    assert text.count("| iris |") == 1
    assert section_of(cells[:1], []) == ""


def test_what_is_below_takes_600_steps_and_hands_on_its_setting():
    for below, top in zip(LONG[::2], LONG[1::2]):
        assert below.longest and top.below == below.name
    assert len(methods_for("table", LONG)) == 6
