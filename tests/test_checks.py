"""Declared checks: what they allow, and what they say."""

from types import SimpleNamespace

import numpy as np
import pytest
from helpers import refuses

from skaug._checks import (
    Instance,
    Number,
    OneOf,
    Whole,
    check_parameters,
    check_two_classes,
)


@pytest.mark.parametrize(
    "rule, allowed, refused",
    [
        (Whole(1), [1, np.int64(7)], [0, 1.0, True, "1", None, np.nan]),
        (Whole(0, 3), [0, 3], [-1, 4]),
        (Number(0), [0, 0.5, np.float32(2)], [-1e-9, np.inf, np.nan, True, "a", [1]]),
        (Number(0, 1), [0, 1], [1.01]),
        (Number(0, 1, open_low=True), [1e-300, 1], [0]),
        (Number(0, 1, open_high=True), [0, 0.99], [1]),
        (OneOf("a", "b"), ["a"], ["c", None, ["a"], np.array(["a", "b"])]),
        (OneOf("a", -1), [np.str_("a"), np.int64(-1)], [np.True_, -1.0]),
        (OneOf(None, 1), [None, 1], [True, 1.0]),
        (Instance(dict, "a dict"), [{}], [[]]),
        (Number(0, 1) | OneOf("auto"), [0.5, "auto"], [2, "all"]),
    ],
)
def test_rules(rule, allowed, refused):
    assert all(rule.allows(value) for value in allowed)
    assert not any(rule.allows(value) for value in refused)


@pytest.mark.parametrize(
    "rule, words",
    [
        (Whole(2), "a whole number >= 2"),
        (Whole(0, 6), "a whole number from 0 to 6"),
        (Number(0), "a finite number >= 0"),
        (Number(0, open_low=True), "a finite number > 0"),
        (Number(0, 1), "a number from 0 to 1"),
        (Number(0, 1, open_low=True), "a number above 0 and at most 1"),
        (Number(0, 1, open_high=True), "a number from 0 to below 1"),
        (
            Number(0, 1, open_low=True, open_high=True),
            "a number above 0 and below 1",
        ),
        (OneOf("a", "b", "c"), "'a', 'b' or 'c'"),
        (Whole(1) | OneOf("auto"), "a whole number >= 1 or 'auto'"),
    ],
)
def test_words(rule, words):
    assert rule.words == words


def test_the_message_names_who_what_and_a_way_out():
    class Sampler:
        n_samples, share = 0, 2

    rules = {"share": Number(0, 1, hint="1 takes all."), "n_samples": Whole(1)}
    with pytest.raises(ValueError) as error:
        check_parameters(Sampler(), rules)
    assert str(error.value) == (
        "Sampler needs share to be a number from 0 to 1; got 2. 1 takes all."
    )
    Sampler.share = 1
    with refuses(r"got 0\. Leave it out for the default\."):
        check_parameters(Sampler(), rules)
    check_parameters(SimpleNamespace(n_samples=1, share=0), rules)


def test_classes():
    check_two_classes(np.array(["a", "b"]), "fit")
    with refuses("fit needs two classes or more; got one"):
        check_two_classes(np.array(["a"]), "fit")
