"""Rows held out, whole groups at a time."""

import numpy as np
import pytest
from helpers import refuses

from skaug.net.splits import all_splits, check_room, folds_of_few


def test_all_splits():
    y = [0, 1] * 30
    (split,) = all_splits("holdout", y, random_state=0)
    assert [len(part) for part in split] == [36, 24]
    assert len(all_splits(5, y)) == 5
    groups = [number // 6 for number in range(60)]
    for train, held_out in all_splits(5, y, groups):
        assert not {groups[i] for i in train} & {groups[i] for i in held_out}


@pytest.mark.parametrize("cv", [{"a": 1}, b"auto", np.inf, 1.5, "five", True, [1]])
def test_what_is_no_cv_is_named(cv):
    with refuses("all_splits needs cv to be 'holdout', a share .*; got"):
        all_splits(cv, [0, 1] * 30)


def test_a_split_or_more_and_two_groups_or_more():
    with refuses(r"needs cv to give a split or more; got none from \[\]"):
        all_splits((), [0, 1] * 30)
    with refuses(r"needs two groups or more to hold one out; got \[7\]"):
        all_splits(5, [0, 1] * 30, [7] * 60)


@pytest.mark.parametrize("split", [0.1, 0.9])
def test_each_class_has_room_on_both_sides(split):
    classes, codes = np.array(["a", "b", "c"]), np.arange(20) % 3
    message = f"on both sides of train_split={split}; got 20 rows of 3 classes"
    with refuses(message):
        check_room(split, codes, classes, "NetClassifier")
    check_room(split, np.repeat(codes, 2), classes, "NetClassifier")
    check_room(5, codes, classes, "NetClassifier")


def test_a_share_of_few_is_the_same_each_time_and_draws_from_nobody():
    state = np.random.get_state()[1].copy()
    first, second = (folds_of_few(0.3, np.arange(30) % 3) for _ in range(2))
    np.testing.assert_array_equal(first[0][1], second[0][1])
    np.testing.assert_array_equal(np.random.get_state()[1], state)
