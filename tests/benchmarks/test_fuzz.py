"""What the fuzz says of cases, that they can be repeated, and a few of them."""

import os
import time
import warnings
from collections import Counter
from functools import partial

import numpy as np
import pytest

import fuzz
import fuzz_estimators
import fuzz_functions
import fuzz_objects
import skaug
from fuzz_inputs import Case
from fuzz_verdicts import FAULTS, check_finite, verdict
from skaug import transforms

N_CASES = 120


def test_no_fault_among_some_inputs():
    results = {number: fuzz.run_case(0, number) for number in range(N_CASES)}
    faults = [
        fuzz.described(0, number, result)
        for number, result in results.items()
        if result["outcome"] in FAULTS
    ]
    assert not faults, "\n".join(faults)
    # Neither is everything refused, nor is everything taken.
    counts = Counter(result["outcome"] for result in results.values())
    assert counts["right"] > N_CASES / 5 < counts["refused"]


def test_a_case_is_the_same_each_time():
    assert [fuzz.run_case(1, n) for n in range(9)] == [
        fuzz.run_case(1, n) for n in range(9)
    ]


def case(*kinds):
    return Case(np.random.default_rng(0), "table", kinds=list(kinds))


def raises(error, case):
    raise error


def warns(kind, case):
    warnings.warn("overflow encountered in exp", kind, stacklevel=2)


OURS = "fit needs rows of numbers; got a dict. Give an array."
JUDGED = {
    "right": lambda case: check_finite(np.ones(3), (3,)),
    "refused": partial(raises, ValueError(OURS)),
    "unclear": partial(raises, TypeError("split_sizes (position 2) must be ints")),
    "crash": partial(raises, IndexError("index out of range in self")),
    "silent": partial(warns, RuntimeWarning),
}


@pytest.mark.parametrize("outcome", JUDGED)
def test_outcomes(outcome):
    found, text = verdict(JUDGED[outcome], case("zeros"))
    assert found == outcome, text


def test_more_that_is_a_fault():
    assert verdict(JUDGED["refused"], case())[0] == "unclear"  # clean input
    for wrong in ([1.0, np.nan], [1.0]):
        assert verdict(lambda _: check_finite(wrong, (2,)), case())[0] == "silent"  # noqa: B023
    assert verdict(partial(warns, UserWarning), case())[0] == "right"


def test_a_process_that_ends_or_hangs_is_a_fault_of_its_case(monkeypatch):
    doings = {
        "ends": lambda case: os._exit(1),
        "hangs": lambda case: time.sleep(60),
    }
    objects = {name: (("table",), 1, perform) for name, perform in doings.items()}
    objects["right"] = ("table",), 1, lambda case: None
    monkeypatch.setattr(fuzz, "OBJECTS", objects)
    monkeypatch.setattr(fuzz, "LIMIT", 0.5)
    numbers = [next(fuzz.numbers_of(0, name)) for name in objects]
    found = dict(fuzz.outcomes(0, numbers))
    outcomes = [found[number]["outcome"] for number in numbers]
    assert outcomes == ["crash", "hangs", "right"]


# Not of inputs: what is drawn, lists, and the versions that are installed.
LEFT_OUT = {name for name in skaug.__all__ if name.endswith("Display")}
LEFT_OUT |= {"ModelCard", "show_versions", "default_transforms", "baseline_transform"}


def test_what_is_public_is_tried():
    public = {*skaug.__all__, *transforms.__all__} - LEFT_OUT
    modules = fuzz_objects, fuzz_estimators, fuzz_functions
    assert not public - {name for module in modules for name in vars(module)}
