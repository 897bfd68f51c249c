import numpy as np
import pandas as pd
import pytest
import torch
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    log_loss,
    precision_recall_fscore_support,
)

from skaug import expected_calibration_error, worst_group_accuracy
from skaug._paired import standard_error
from skaug.card.scores import (
    _first_half,
    losses_at_temperature,
    scores_and_contributions,
)
from skaug.net import best_temperature


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def scores_of(y, proba):
    return scores_and_contributions(y, proba.argmax(1), proba, np.arange(3))


def test_scores_are_those_of_scikit_learn(data, card, no_figures):
    (X, y, _), (X_test, y_test, person) = data
    model = LogisticRegression().fit(X, y)
    made = card(model, person)
    predicted, proba = model.predict(X_test), model.predict_proba(X_test)
    codes = np.searchsorted(model.classes_, y_test)
    at_temperature = losses_at_temperature(np.log(proba), codes, person)
    expected = {
        "accuracy": accuracy_score(y_test, predicted),
        "balanced_accuracy": balanced_accuracy_score(y_test, predicted),
        "worst_group_accuracy": worst_group_accuracy(y_test, predicted, person),
        "log_loss": log_loss(y_test, proba),
        "log_loss_at_temperature": at_temperature.mean(),
        "calibration_error": expected_calibration_error(y_test, proba),
    }
    got = {name: one.estimator for name, one in made.scores.items()}
    assert got == pytest.approx(expected)
    columns = precision_recall_fscore_support(y_test, predicted)
    for record, *values in zip(made.class_scores, *columns):
        named = [record.precision, record.recall, record.f1, record.rows]
        assert named == pytest.approx(values)
    by_group = pd.Series(predicted == y_test).groupby(person).mean()
    assert {r.group: r.accuracy for r in made.group_scores} == by_group.to_dict()


def test_difference_has_the_error_of_pairs(rng):
    y, n = rng.integers(3, size=200), 200
    ours, theirs = (scores_of(y, rng.dirichlet(np.ones(3), size=n)) for _ in range(2))
    for name in ours:
        gaps = ours[name][1] - theirs[name][1]
        assert abs(gaps.sum()) < 1e-12
        alone = standard_error(gaps, np.arange(n))[0]
        assert alone == pytest.approx(standard_error(gaps)[0])
    gaps = ours["log_loss"][1] - theirs["log_loss"][1]
    losses = n * gaps
    error = losses.std(ddof=1) / np.sqrt(n)
    assert standard_error(gaps)[0] == pytest.approx(error)
    # Groups of equal size: the error of the means of the groups.
    means = losses.reshape(10, 20).mean(axis=1)
    error = means.std(ddof=1) / np.sqrt(10)
    assert standard_error(gaps, np.repeat(np.arange(10), 20))[0] == pytest.approx(error)
    assert np.isnan(standard_error(gaps, np.zeros(n))[0])


def test_contributions_are_derivatives_by_the_weight_of_a_row(rng):
    y, proba = rng.integers(3, size=300), rng.dirichlet(np.ones(3), size=300)
    scores = scores_of(y, proba)
    for row in range(10):
        # Every row fifty times, and one of them once more.
        more = np.r_[np.repeat(np.arange(300), 50), row]
        again = scores_of(y[more], proba[more])
        del again["log_loss_at_temperature"]  # Its halves are cut anew.
        for name in again:
            value, contributions = scores[name]
            slope = 50 * (again[name][0] - value)
            assert slope == pytest.approx(contributions[row], rel=0.05), name


def test_calibration_error_of_cases_done_by_hand():
    proba = np.array([[0.8, 0.2]] * 5 + [[0.4, 0.6]] * 5)
    y = np.array([0, 0, 0, 0, 1] + [1, 1, 1, 0, 0])
    assert expected_calibration_error(y, proba) == pytest.approx(0)
    assert expected_calibration_error(1 - y, proba) == pytest.approx(0.4)
    names = np.array(["yes", "no"])  # the order of the columns
    assert expected_calibration_error(names[y], proba, names) == pytest.approx(0)
    # 0.9 sure and right, 0.7 sure and wrong: gaps 0.1 and 0.7, together 0.3 in one bin.
    proba, y = [[0.9, 0.1], [0.7, 0.3]], [0, 1]
    assert expected_calibration_error(y, proba) == pytest.approx(0.4)
    assert expected_calibration_error(y, proba, n_bins=1) == pytest.approx(0.3)
    assert expected_calibration_error([1, 1], [[0, 1.0]] * 2, [0, 1]) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0, 1], [0.1, 0.9]), "of shape"),
        (([0, 1], [[2.0, -1.0]] * 2), "from 0 to 1"),
        (([0, 0], [[0.5, 0.5]] * 2), "one class for each column"),
        (([0, 1], [[0.5, 0.5]] * 2, {0: 2}), "each column of proba, 2; got {0: 2}"),
        (([0, 2], [[0.5, 0.5]] * 2, [0, 1]), "among the classes"),
        (([0, 1], [[0.5, 0.5]] * 2, None, 0), "n_bins"),
        (([0, 1], [[0.5, 0.5]] * 2, None, True), "n_bins"),
    ],
)
def test_calibration_error_refuses(arguments, message):
    with pytest.raises(
        ValueError, match=f"expected_calibration_error needs.*{message}"
    ):
        expected_calibration_error(*arguments)


def test_groups_of_several_types_are_refused_by_the_score_too():
    with pytest.raises(
        ValueError,
        match=r"worst_group_accuracy needs a group for every row; got 1 of 2 missing",
    ):
        worst_group_accuracy([0, 1], [0, 1], [None, "a"])


@pytest.mark.parametrize("groups, got", [([], "0 rows"), (None, "2 rows and no group")])
def test_the_score_of_groups_needs_rows_with_groups(groups, got):
    y = [0, 1] if groups is None else []
    with pytest.raises(ValueError, match=f"with a group each; got {got}"):
        worst_group_accuracy(y, y, groups)


def test_the_other_half_chooses_the_temperature(rng):
    """Sharp logits: at the temperature of its own rows the loss would be lower."""
    log_p, codes = 5 * rng.normal(size=(40, 3)), rng.integers(3, size=40)
    groups = np.repeat(np.arange(4), 10)
    losses = losses_at_temperature(log_p, codes, groups)
    halves = [np.isin(groups, pair) for pair in ([0, 2], [1, 3])]
    for half, other in (halves, halves[::-1]):
        chosen = best_temperature(*map(torch.from_numpy, (log_p[other], codes[other])))
        p = softmax(log_p[half] / chosen, axis=1)
        expected = -np.log(p[np.arange(20), codes[half]])
        np.testing.assert_allclose(losses[half], expected, rtol=1e-12)


def test_a_factor_on_the_logits_changes_no_loss_at_temperature(rng):
    log_p, codes = rng.normal(size=(300, 4)), rng.integers(4, size=300)
    losses = losses_at_temperature(log_p, codes)
    np.testing.assert_allclose(losses_at_temperature(7 * log_p, codes), losses)


def test_halves_share_each_class_and_no_group(rng):
    codes = np.sort(rng.integers(4, size=101))
    first = _first_half(codes, None)
    for code in range(4):
        assert abs(2 * first[codes == code].sum() - (codes == code).sum()) <= 1
    np.testing.assert_array_equal(_first_half(codes, np.zeros(101)), first)
    groups = rng.integers(7, size=101)
    first = _first_half(codes, groups)
    assert not set(groups[first]) & set(groups[~first])
    assert 30 < first.sum() < 70


def test_nobody_chooses_a_temperature_where_all_are_right():
    log_p = np.log([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])
    losses = losses_at_temperature(log_p, np.array([0, 1, 0]))
    np.testing.assert_allclose(losses, -np.log([0.9, 0.8, 0.6]))
    one = losses_at_temperature(log_p[:1], np.array([1]))
    np.testing.assert_allclose(one, -np.log([0.1]))
