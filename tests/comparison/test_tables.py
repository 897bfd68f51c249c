"""What cells say: paired differences to two twins, Holm's correction, the page."""

import numpy as np
import pytest
from scipy.stats import ttest_rel

from skaug.comparison import Differences, heat_map, holm, summary
from skaug.comparison.setup import BEST, PLAIN, of_steps


def arm(accuracy, steps=300, **more):
    """Figures of an arm."""
    figures = {"accuracy": accuracy, "log-loss": -accuracy, "steps": steps}
    figures["twin_steps"] = steps
    figures |= {"log-loss at temperature": -accuracy / 2, "decay": 0.1, "value": None}
    return figures | {"seconds": steps / 100, "temperature": 2.0} | more


def cells(best, steps_300, ours, steps=300, name="ISDA"):
    """Cells of the plain networks and of an arm on one set, by seed."""
    found = []
    for seed, (a, b, c) in enumerate(zip(best, steps_300, ours)):
        place = {"set": "s", "seed": seed, "n_test": 20, "n_train": 60}
        plain = {BEST: arm(a, 100), of_steps(300): arm(b), of_steps(600): arm(0.0, 600)}
        found.append({**place, "method": PLAIN, "arms": plain})
        found.append({**place, "method": name, "arms": {name: arm(c, steps, value=1)}})
    return found


BOTH = [90.0, 92.0, 90.5, 91.0], [91.0, 92.0, 90.0, 93.0], [91.0, 92.5, 90.0, 94.0]


def test_holm_by_hand():
    # 0.01 < 0.05 / 4, 0.016 < 0.05 / 3, 0.03 > 0.05 / 2: the rest is not looked at.
    p_values = {"a": 0.016, "b": 0.01, "c": 0.03, "d": 0.04}
    assert holm(p_values) == ["b", "a"]
    assert holm({"a": 0.06}) == []
    assert holm({"a": 0.049}) == ["a"]


@pytest.mark.parametrize("twin, column", [("best plain", 0), ("equal steps", 1)])
def test_differences_are_those_of_a_paired_t_test(twin, column):
    ours, theirs = BOTH[2], BOTH[column]
    found = Differences(cells(*BOTH))
    mean, error, p = found.difference("s", "ISDA", twin, "accuracy")
    gaps = np.subtract(ours, theirs)
    assert mean == pytest.approx(gaps.mean())
    assert error == pytest.approx(gaps.std(ddof=1) / 2)
    assert p == pytest.approx(ttest_rel(ours, theirs).pvalue)
    found = Differences(cells(*BOTH))
    half = found.difference("s", "ISDA", twin, "log-loss at temperature")[0]
    assert half == pytest.approx(-mean / 2)  # both sides have a temperature


def test_the_twin_of_equal_steps_follows_what_a_seed_chose():
    found = Differences(cells(*BOTH, steps=600))
    gaps = found.gaps("s", "ISDA", "equal steps", "accuracy")
    np.testing.assert_allclose(gaps, BOTH[2])  # the twin of 600 steps has 0 points
    assert found.time("s", "ISDA") == 1


def test_what_is_on_top_is_compared_to_what_is_below():
    above = cells(*BOTH, name="heuristics + ISDA 1")
    below = cells(BOTH[0], BOTH[1], BOTH[1], name="heuristics")
    found = Differences(above + below)
    gaps = found.gaps("s", "heuristics + ISDA 1", "without it", "accuracy")
    np.testing.assert_allclose(gaps, np.subtract(BOTH[2], BOTH[1]))
    assert "| heuristics + ISDA 1 | heuristics | s | +0.38 ±" in summary(above + below)


def test_overlapping_draws_widen_the_error():
    alone, overlapping = (
        Differences(cells(*BOTH), names).difference(
            "s", "ISDA", "best plain", "accuracy"
        )[1]
        for names in ((), ("s",))
    )
    # A quarter is left out of each draw: 1/4 + 1/3 in place of 1/4.
    assert overlapping == pytest.approx(alone * np.sqrt(7 / 3))


def test_stars_words_and_picture(tmp_path):
    gain = np.array([3.0, 3.1, 2.9, 3.0, 3.05])
    best = np.array([80.0, 82, 81, 79, 83])
    kept = cells(best, best + np.array([1, -1, 1, -1, 1]), best + gain)
    text = summary(kept, origin="Made here")
    assert "**ISDA**: accuracy better on s (+3.01 ± 0.03 **)" in text
    assert "log-loss better on s" in text and "Made here." in text
    assert text.count("± is one standard error") == 1
    assert "steps 300: 5; 1: 5" in text
    assert "## s: 60 training rows, 20 test rows, 5 draws" in text
    heat_map(kept, tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 10_000


def test_a_failed_cell_is_told_and_left_out():
    kept = cells([1.0, 2.0], [1.0, 2.0], [2.0, 3.0])
    kept[3] = {"set": "s", "method": "ISDA", "seed": 1, "error": "ValueError: no"}
    text = summary(kept)
    assert "- s, ISDA, seed 1: ValueError: no" in text
    # One pair is left: its difference is told, without an error or a star.
    assert "| ISDA | +1.00 | +1.00 | -1.000 | -1.000 | -0.500 | -0.500 |" in text
    assert "**ISDA**: no difference with p < 0.05" in text


def test_a_set_where_all_fails_has_no_table():
    kept = [
        {"set": "s", "method": method, "seed": seed, "error": "ValueError: no"}
        for method in (PLAIN, "ISDA")
        for seed in (0, 1)
    ]
    assert "## s" not in summary(kept) and summary(kept).count("ValueError") == 4
    assert "**ISDA**: no cell to compare." in summary(kept)


def test_equal_gaps_are_not_beyond_doubt():
    # On few test rows scores are coarse, and gaps are equal but for rounding.
    best = np.array([80.0, 20, 5])
    assert np.ptp(best + 0.1 - best) > 0
    found = Differences(cells(best, best, best + 0.1))
    assert found.text("s", "ISDA", "best plain", "accuracy") == "+0.10 ± 0.00"
    assert not found.beyond_doubt("s", "ISDA", "best plain", "accuracy")


def test_an_arm_without_a_twin_of_a_kind_has_no_difference_to_it():
    base = np.array([80.0, 82, 81])
    found = Differences(cells(base, base, base + 1, name="IHDA"))
    assert np.isnan(found.difference("s", "IHDA", "equal steps", "accuracy")).all()
    assert found.difference("s", "IHDA", "best plain", "accuracy")[0] == 1
