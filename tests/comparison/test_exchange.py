"""The exchange rate: Fieller's interval, and known curves."""

import re

import numpy as np
import pytest
from scipy.stats import t as student
from sklearn.utils import Bunch

from skaug.comparison.exchange import (
    ExchangeRate,
    LearningCurves,
    _growing,
    exchange_rate,
    fieller,
)


def curves(plain, augmented, metric="accuracy", overlap=0.0):
    n_rows = np.array([50.0, 100, 200])
    return LearningCurves(
        "ISDA", metric, n_rows, np.array(plain), np.array(augmented), overlap
    )


def test_with_a_known_slope_the_interval_is_that_of_the_gain():
    gains = np.array([1.0, 2.0, 3.0, 2.5])
    low, ratio, high = fieller(gains, np.full(4, 2.0))
    error = gains.std(ddof=1) / 2 * student.ppf(0.975, 3)
    assert ratio == pytest.approx(gains.mean() / 2)
    assert [low, high] == pytest.approx(
        [(gains.mean() - error) / 2, (gains.mean() + error) / 2]
    )


def test_ends_are_where_the_difference_is_just_significant():
    random = np.random.default_rng(0)
    below = 3 + random.normal(size=8)
    above = 2 + random.normal(size=8) + 0.5 * below
    for end in np.array(fieller(above, below))[[0, 2]]:
        gaps = above - end * below
        t = gaps.mean() / (gaps.std(ddof=1) / np.sqrt(8))
        assert abs(t) == pytest.approx(student.ppf(0.975, 7))


def test_the_interval_holds_the_ratio_as_often_as_it_says():
    random = np.random.default_rng(0)
    n, held = 2000, 0
    for _ in range(n):
        below = 4 + random.normal(size=5)
        above = 2 + random.normal(size=5)
        low, _, high = fieller(above, below)
        held += low <= 0.5 <= high
    assert 0.93 < held / n < 0.98


@pytest.mark.parametrize("metric", ["log-loss", "accuracy", "balanced accuracy"])
@pytest.mark.parametrize("factor", [1, 2, 3.5])
def test_a_power_law_at_more_rows_is_worth_these_rows(metric, factor):
    # Folds differ in difficulty, and all fall as n^-0.6 does.
    rows = np.array([50.0, 100, 200])
    plain = [[hard * n**-0.6 for n in rows] for hard in (80, 100, 130)]
    augmented = [[hard * (factor * n) ** -0.6 for n in rows] for hard in (80, 100, 130)]
    known = np.array([plain, augmented])
    known = known if metric == "log-loss" else 100 - known
    assert exchange_rate(curves(*known, metric)) == pytest.approx([factor] * 3)


def test_a_score_of_unknown_limits_is_a_line():
    # Plain training gains 4 whenever the rows double.
    plain = [[70 + shift, 74 + shift, 78 + shift] for shift in (0, 1, 2)]
    rate = exchange_rate(curves(plain, np.add(plain, 4), "score"))
    assert rate == pytest.approx((2, 2, 2))


def test_a_fold_without_errors_counts_and_no_errors_at_all_tell_nothing():
    left = np.array([5, 6, 7, 6, 5, 7, 6, 0.0])
    plain = 100 - np.stack([5 * left + 1, 3 * left + 1, 2 * left], axis=1)
    augmented = 100 - np.stack([3 * left, 2 * left, left], axis=1)
    rate = exchange_rate(curves(plain, augmented))
    slope = np.polyfit([0, 1, 2], np.log2(100 - plain.mean(axis=0)), 1)[0]
    assert rate.factor == pytest.approx(2 ** (-1 / slope))  # half of the errors
    perfect = exchange_rate(curves(plain, np.full((8, 3), 100.0)))
    assert np.isnan(perfect).all()


def test_overlapping_folds_widen_the_interval():
    random = np.random.default_rng(0)
    plain = [70, 75, 80] + random.normal(scale=0.2, size=(5, 3))
    augmented = plain + [[0, 0, 2]] + random.normal(scale=0.2, size=(5, 3))
    alone, wide = (
        exchange_rate(curves(plain, augmented, overlap=overlap))
        for overlap in (0, 0.25)
    )
    assert alone.low > wide.low and alone.high < wide.high
    assert alone.factor == wide.factor


def test_without_a_clear_slope_it_cannot_be_told():
    plain = [[70, 70, 70.0], [71, 70, 72], [70, 71, 69]]
    rate = exchange_rate(curves(plain, np.add(plain, 1)))
    assert np.isnan(rate).all()
    assert "cannot be told" in str(rate)


@pytest.mark.parametrize(
    "rate, words",
    [
        ((1.8, 1.2, 2.6), "need 1.8 times as many rows .*: 1.2 to 2.6"),
        ((3.0, 1.2, 9.0), "need 3.0 times .*: 1.2 to more than 4"),
        ((9.0, 1.2, np.inf), "need more than 4 times .*: 1.2 to more than 4"),
        ((20.0, 7.3, 50.0), r"need more than 4 times .*interval: more than 4\)"),
    ],
)
def test_it_is_a_sentence(rate, words):
    assert re.search(words, str(ExchangeRate(*rate)))


def test_shares_of_groups_have_all_classes_that_they_can():
    groups = np.repeat(np.arange(12), 5)
    y = np.where(groups < 10, "often", np.where(groups == 10, "seldom", "once"))
    for seed in range(5):
        order = _growing(Bunch(y=y, groups=groups), seed)
        assert len(set(y[order[:15]])) == 3  # a quarter of the rows
        assert sorted(order) == list(range(60))
        assert len(set(groups[order[:15]])) == 3
