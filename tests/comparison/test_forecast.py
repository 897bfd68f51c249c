"""How long a study takes: steps that are counted are those that are trained."""

import pytest

from skaug.comparison.cell import run_cell, setup_of
from skaug.comparison.forecast import forecast, in_words, steps_of
from skaug.comparison.methods import METHODS
from skaug.comparison.setup import PLAIN
from skaug.comparison.study import jobs_of

ARMS = ["ISDA", "heuristics", "refined heuristics", "logistic regression"]


def test_steps_are_those_of_all_settings_and_the_longest_of_the_last_fit(
    drawn, budgets
):
    setup, found = setup_of(drawn, budgets), {}
    for name in (PLAIN, *ARMS):
        cell = found[name] = run_cell(name, drawn, budgets, found)
        trained = sum(one["steps"] for one in cell["inner"])
        if name == PLAIN:
            trained += sum({one["steps"] for one in cell["inner"]})
        elif METHODS[name].is_network:
            trained += max(budgets.augmented)
        counted = steps_of(METHODS.get(name), setup, budgets)
        # What is on top of an arm takes that arm's steps, which may be fewer.
        if METHODS.get(name) and METHODS[name].below:
            assert trained <= counted <= 2 * max(budgets.augmented)
        else:
            assert counted == trained
    assert steps_of(METHODS["random forest"], setup, budgets) == 0


def test_a_forecast_counts_all_cells(task, budgets):
    jobs = jobs_of(task, None, ["ISDA"], budgets)
    # 4, 6, 8 and 10 steps with two decays and once more; ISDA 6 and 10 thrice, and 10.
    assert forecast(jobs, budgets, 1).startswith(
        "4 cells train networks for 284 gradient steps. Expected time: "
    )


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(3, "a few seconds"), (40, "40 seconds"), (200, "3 minutes"), (7200, "2.0 hours")],
)
def test_times_in_words(seconds, words):
    assert in_words(seconds) == words
