"""The search: the plain network unless a method is better, and nothing leaks."""

import pickle

import numpy as np
import pandas as pd
import pytest
from helpers import refuses
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_iris
from sklearn.ensemble import BaggingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    PredefinedSplit,
    cross_val_score,
)
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from skaug import AugmentationSearchCV, ISDAClassifier, NetClassifier
from skaug.comparison import Budgets, Comparison, Differences, Method
from skaug.comparison.setup import BEST, PLAIN
from skaug.comparison.verdict import best_method
from skaug.transforms import Jitter

FEW = Budgets(plain=(8, 20), augmented=(20,), decays=(0.01, 0.1), refused=8)
SEARCH = AugmentationSearchCV(methods=["ISDA"], cv=3, budget=FEW, random_state=0)


class Constant(LogisticRegression):
    """A classifier that knows the right answer with the given probability."""

    def __init__(self, proba=0.5):
        super().__init__()
        self.proba = proba

    def predict_proba(self, X):
        own = np.eye(len(self.classes_))[np.asarray(X)[:, 0].astype(int)]
        rest = (1 - self.proba) / (len(self.classes_) - 1)
        return np.where(own == 1, self.proba, rest)


@pytest.fixture(scope="module")
def rows():
    X, y = load_iris(return_X_y=True)
    X = X + np.random.default_rng(0).normal(size=X.shape)
    return X, np.array(["a", "b", "c"])[y]


@pytest.fixture(scope="module")
def fitted(rows):
    return clone(SEARCH).fit(*rows)


WITH_OBJECTS = Method(
    "objects", lambda setup, value: setup.augmented(value), grid=(Jitter(),)
)
SMALL = Budgets(plain=(4,), augmented=(4,), decays=(0.01,), refused=4)
# For what does not depend on how long networks train.
QUICK = clone(SEARCH).set_params(budget=SMALL)
# For what does not depend on how many settings there are.
ONE_EACH = Budgets(plain=(20,), augmented=(20,), decays=(0.01,), refused=8)
SINGLE = clone(SEARCH).set_params(budget=ONE_EACH)


def isda(setup, value):
    return setup.net(kind=ISDAClassifier)


# One setting: an estimator is one however many it chooses from.
@parametrize_with_checks(
    [
        AugmentationSearchCV(
            methods=[Method("one", isda)], cv=2, budget=SMALL, random_state=0
        )
    ]
)
def test_it_is_an_estimator_of_scikit_learn(estimator, check):
    check(estimator)


def test_records_are_paired_with_the_twin(fitted):
    frame = pd.DataFrame(fitted.results_)
    assert frame.groupby("method").size().to_dict() == {BEST: 3, "ISDA": 3}
    table = frame.pivot(index="fold", columns="method", values="score")
    of_isda = frame[frame.method == "ISDA"]
    gaps = table["ISDA"] - table[BEST]
    np.testing.assert_allclose(of_isda.difference.to_numpy(), gaps.to_numpy())
    np.testing.assert_allclose(of_isda.score, -of_isda.log_loss)
    assert set(of_isda.twin) == {BEST}


def test_what_is_chosen_is_refitted_as_by_hand(fitted, rows):
    setting = fitted.best_setting_
    assert setting["steps"] in (8, 20) and setting["decay"] in (0.01, 0.1)
    loss = log_loss(rows[1], fitted.predict_proba(rows[0]))
    assert fitted.score(*rows) == pytest.approx(-loss, rel=1e-5)
    other = clone(fitted.best_estimator_).fit(*rows)
    np.testing.assert_array_equal(
        other.predict_proba(rows[0]), fitted.predict_proba(rows[0])
    )


def method_of(name, proba):
    return Method(name, lambda setup, value: Constant(proba))


@pytest.mark.parametrize(
    "probas, best", [({"good": 0.99}, "good"), ({"bad": 0.05}, BEST)]
)
def test_a_method_wins_only_if_it_is_better(probas, best):
    # A column that is the class; networks are trained too briefly to see it.
    y = np.arange(90) % 3
    X = np.c_[y, np.random.default_rng(0).normal(size=(90, 2))]
    methods = [method_of(name, proba) for name, proba in probas.items()]
    short = Budgets(plain=(1,), augmented=(1,), decays=(0.01,), refused=1)
    search = clone(SEARCH).set_params(methods=methods, budget=short).fit(X, y)
    assert search.best_method_ == best


@pytest.mark.parametrize(
    "gains, best",
    [
        ([0.3, -0.1, -0.1], BEST),  # mean 0.03, standard error 0.13
        ([0.3, 0.2, 0.25], "ISDA"),
        ([-0.3, -0.2, -0.25], BEST),
        # The error of 0.06 without overlap is 0.09 with it, and the mean is 0.07.
        ([0.0, 0.03, 0.18], BEST),
    ],
)
def test_a_gain_has_to_be_larger_than_its_error(gains, best):
    cells = [
        {"set": "rows", "method": method, "seed": seed, "n_train": 9, "n_test": 9}
        | {"arms": {arm: {"log-loss": 1 - gain, "accuracy": 50.0}}}
        for method, arm, all_gains in (
            (PLAIN, BEST, [0, 0, 0]),
            ("ISDA", "ISDA", gains),
        )
        for seed, gain in enumerate(all_gains)
    ]
    found = Differences(cells, {"rows": 0.5})
    assert best_method(found, "rows", "log-loss", "one_standard_error") == best
    if np.mean(gains) > 0:
        assert best_method(found, "rows", "log-loss", "best") == "ISDA"


def test_methods_of_ones_own_take_two_lines(rows):
    mine = Method("mine", lambda s, v: s.augmented(Jitter(v)), grid=(0.05, 0.2))
    search = clone(QUICK).set_params(methods=["ISDA", mine], cv=2).fit(*rows)
    values = {one["value"] for one in search.results_ if one["method"] == "mine"}
    assert values <= {0.05, 0.2} and values


def test_groups_are_never_on_both_sides(rows):
    X, y = rows
    groups = np.arange(150) // 5
    X = np.column_stack([groups, X])
    seen = []

    class Watching(NetClassifier):
        """Notes whom it is fitted to, and whom it is judged by."""

        def fit(self, X, y=None, groups=None, **params):
            self.fitted_to = set(groups.tolist())
            assert self.fitted_to == set(X[:, 0])
            return super().fit(X, y, groups=groups, **params)

        def forward(self, X, *args, **params):
            seen.append((self.fitted_to, set(X[:, 0])))
            return super().forward(X, *args, **params)

    search = clone(QUICK).set_params(estimator=Watching(), methods=["heuristics"])
    search.fit(X, y, groups=groups)
    # In each of three folds two plain networks and one or more of heuristics are tried
    # by a third of the training rows, and fitted again for the test rows.
    assert len(seen) >= 3 * 2 * 2
    assert not any(fitted & judged for fitted, judged in seen)
    sizes = {(len(fitted), len(judged)) for fitted, judged in seen}
    assert {12 <= n <= 14 and 6 <= m <= 8 for n, m in sizes if n < 16} == {True}
    assert {(n, m) for n, m in sizes if n > 16} == {(20, 10)}
    assert search.best_estimator_.fitted_to == set(range(30))
    for cell in search.comparison_.differences.figures.values():
        assert "worst group" in cell


def test_the_head_learns_inside_the_folds(rows):
    X, y = rows
    seen = []

    class Counting(StandardScaler):
        def fit(self, X, y=None, sample_weight=None):
            seen.append(len(X))
            return super().fit(X, y, sample_weight)

    pipe = make_pipeline(Counting(), NetClassifier(random_state=0))
    search = clone(QUICK).set_params(estimator=pipe).fit(X, y)
    assert max(seen[:-1]) == 100 and seen[-1] == 150
    assert isinstance(search.best_estimator_, Pipeline)
    assert search.predict(X).shape == (150,)


def test_channels_last_reaches_a_network_behind_a_head():
    X, y = np.random.default_rng(0).normal(size=(24, 9, 3)), np.arange(24) % 2
    pipe = make_pipeline(FunctionTransformer(), NetClassifier(random_state=0))
    search = clone(QUICK).set_params(estimator=pipe, channels_last=True, cv=2)
    search.fit(X, y)
    assert search.best_estimator_[-1].input_shape_ == (3, 9)


def test_frames_of_numbers_texts_and_gaps(rows):
    X, y = rows
    frame = pd.DataFrame(X.copy(), columns=list("abcd"))
    frame["colour"] = np.where(frame.a > 6, "red", "blue")
    frame.loc[::7, "b"] = np.nan
    search = clone(SINGLE).fit(frame, y)
    assert list(search.feature_names_in_) == [*"abcd", "colour"]
    assert search.score(frame, y) > -1.2
    with pytest.raises(ValueError, match="feature names"):
        search.predict(frame.drop(columns="a"))
    with refuses("needs a frame, as in fit; got a ndarray. Give one with the columns"):
        search.predict(frame.to_numpy())


def test_texts_by_a_column_transformer():
    words = {"a": "red hot fire", "b": "cold blue ice"}
    y = np.array(["a", "b"] * 30)
    frame = pd.DataFrame(
        {"text": [f"{words[label]} {i % 5}" for i, label in enumerate(y)], "kind": "x"}
    )
    head = make_column_transformer(
        (TfidfVectorizer(), "text"), (OneHotEncoder(), ["kind"])
    )
    pipe = make_pipeline(head, NetClassifier(random_state=0))
    search = clone(SINGLE).set_params(estimator=pipe).fit(frame, y)
    assert (search.predict(frame) == y).all()


def test_scoring_chooses_and_scores(rows):
    search = clone(QUICK).set_params(scoring="accuracy").fit(*rows)
    frame = pd.DataFrame(search.results_)
    np.testing.assert_allclose(100 * frame.score, frame.accuracy)
    search = clone(QUICK).set_params(scoring="f1_macro").fit(*rows)
    frame = pd.DataFrame(search.results_)
    assert ((frame.score >= 0) & (frame.score <= 1)).all()
    assert "score" in search.comparison_.table()[0]


@pytest.mark.parametrize("metric", ["score", "balanced accuracy"])
def test_what_judges_can_be_beyond_doubt(metric):
    cells = [
        {"set": "rows", "method": method, "seed": seed, "n_train": 9, "n_test": 9}
        | {"arms": {arm: {metric: gain * (1 + seed / 100)}}}
        for method, arm, gain in ((PLAIN, BEST, 0.0), ("ISDA", "ISDA", 0.4))
        for seed in range(5)
    ]
    found = Differences(cells, {"rows": 0.25}, judged=metric)
    assert found.beyond_doubt("rows", "ISDA", "best plain", metric)


def test_it_works_within_cross_validation(rows):
    X, y = rows
    groups = np.arange(150) // 5
    search = clone(QUICK).set_params(cv=2)
    scores = cross_val_score(make_pipeline(StandardScaler(), search), X, y, cv=2)
    assert scores.shape == (2,) and np.isfinite(scores).all()
    scores = cross_val_score(
        search, X, y, cv=GroupKFold(2).split(X, y, groups), params={"groups": groups}
    )
    assert scores.shape == (2,) and np.isfinite(scores).all()


def test_cells_are_kept_and_found_again(rows, tmp_path, monkeypatch):
    search = clone(QUICK).set_params(cache=tmp_path)
    first = search.fit(*rows).results_
    monkeypatch.setattr("skaug.comparison.study.keep_cell", lambda *args: 1 / 0)
    assert clone(search).fit(*rows).results_ == first
    with pytest.raises(ZeroDivisionError):
        clone(search).set_params(random_state=1).fit(*rows)


def test_folds_adapt_to_small_classes(rows):
    X, y = rows
    few = np.r_[:50, 50:53]
    with pytest.warns(UserWarning, match="10 rows of each class .* makes 3 folds"):
        search = clone(QUICK).set_params(cv=10).fit(X[few], y[few])
    assert max(one["fold"] for one in search.results_) == 2


def test_folds_with_a_group_on_both_sides_are_refused(rows):
    groups = np.arange(150) // 5
    with refuses("needs cv to keep groups together; got .* on both sides"):
        clone(QUICK).set_params(cv=KFold(3, shuffle=True)).fit(*rows, groups=groups)
    with refuses("needs 4 groups or more; got 3. Add some, or leave groups out"):
        clone(QUICK).fit(*rows, groups=np.arange(150) % 3)


def test_sparse_rows_and_a_forest_among_the_methods(rows):
    X, y = rows
    trees = Method("trees", lambda s, v: BaggingClassifier(n_estimators=3), twin=BEST)
    pipe = make_pipeline(OneHotEncoder(handle_unknown="ignore"), NetClassifier())
    search = clone(QUICK).set_params(estimator=pipe, methods=["ISDA", trees])
    search.fit(X.round(), y)
    assert search.predict(X.round()).shape == (150,)
    assert "trees" in search.comparison_.methods


def test_a_classifier_without_a_network_is_named_if_it_is_better():
    def arm(loss):
        return {"log-loss": loss, "accuracy": 50.0, "seconds": 1.0, "twin_steps": 8}

    losses = {PLAIN: (BEST, 0.6), "ISDA": ("ISDA", 0.6)}
    losses["random forest"] = "random forest", 0.2
    cells = [
        {"set": "rows", "method": method, "seed": seed, "n_train": 9, "n_test": 9}
        | {"arms": {name: arm(loss + seed / 100)}}
        for method, (name, loss) in losses.items()
        for seed in range(3)
    ]
    found = Comparison(Differences(cells), "rows", "log-loss", BEST, {}, None, None)
    assert "train plainly. Without a network, random forest is better" in found.sentence


def test_given_folds_are_taken(rows):
    X, y = rows
    fold = PredefinedSplit(np.where(np.arange(150) % 3 == 0, 0, -1))
    search = clone(QUICK).set_params(cv=fold).fit(X, y)
    assert {one["n_test"] for one in search.results_} == {50}
    search = clone(QUICK).set_params(cv=KFold(2, shuffle=True)).fit(X, y)
    assert {one["n_test"] for one in search.results_} == {75}


@pytest.mark.parametrize(
    "params, message",
    [
        ({"methods": ["GAN"]}, r"needs methods among ISDA, .*; got \['GAN'\]"),
        ({"methods": 3}, "methods to be 'auto' or a list of names or methods; got 3"),
        (
            {"budget": "big"},
            "budget to be 'quick', 'normal' or 'thorough' or a Budgets",
        ),
        ({"rule": "holm"}, "rule to be 'one_standard_error' or 'best'; got 'holm'"),
        ({"scoring": {0: 2}}, "scoring to be the name of a scorer, .*; got {0: 2}"),
        ({"refit": np.ones(2)}, r"refit to be True or False; got array"),
        ({"estimator": LogisticRegression()}, "estimator to be a NetClassifier, or a"),
        ({"estimator": ISDAClassifier(strength=3)}, "to train plainly; got ISDAClass"),
        ({"cv": True}, "cv to be 2 folds or more, or a splitter; got True"),
        ({"cv": 1}, "cv to be 2 folds or more, or a splitter; got 1"),
        ({"methods": [WITH_OBJECTS]}, "a grid of numbers, texts or None; got .*Jitter"),
    ],
)
def test_what_cannot_be_used_is_refused(rows, params, message):
    with refuses(message):
        clone(QUICK).set_params(**params).fit(*rows)


def test_without_refit_it_does_not_predict(rows):
    search = clone(QUICK).set_params(refit=False).fit(*rows)
    assert search.best_method_ in (BEST, "ISDA")
    with pytest.raises(AttributeError, match="needs refit=True to predict"):
        search.predict(rows[0])


def test_a_comparison_is_a_sentence_a_table_a_picture_and_a_page(rows, tmp_path):
    search = clone(SEARCH).set_params(methods=["ISDA", "heuristics"], rule="best")
    found = search.fit(*rows).comparison_
    records = pd.DataFrame(found.table())
    assert list(records.method) == found.methods and pd.isna(records.twin[0])
    for arm in records.method:
        own = [-one["score"] for one in search.results_ if one["method"] == arm]
        line = records[records.method == arm].iloc[0]
        assert line.log_loss == pytest.approx(np.mean(own))
    best_plain = dict(zip(*list(found.lines())[:2]))
    plain = float(best_plain["at temperature"])
    assert plain == pytest.approx(records.log_loss_at_temperature[0], abs=6e-4)
    named = search.best_method_[1:] in found.sentence  # begins with a capital
    assert named or "train plainly" in found.sentence
    assert " ".join(str(found).split()).endswith(found.sentence)
    axes = found.plot()
    shown = [label.get_text() for label in axes.get_yticklabels()]
    assert shown == [arm for arm in found.methods[::-1] if arm != BEST]
    found.save(tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert page.count("<svg") == 1 + len(found.card.figures)
    assert "<script" not in page and "src=" not in page
    card, line = found.card, records[records.method == found.best].iloc[0]
    assert card.verdict in page and found.best in card.title
    # The card scores all rows at once, and the table fold by fold: of equal sizes here.
    assert card.scores["accuracy"].estimator == pytest.approx(line.accuracy / 100)
    log_loss, left = (card.scores[f"log_loss{of}"] for of in ("", "_at_temperature"))
    assert np.isfinite([left.estimator, left.twin, left.error]).all() or not card.twin
    assert log_loss.estimator == pytest.approx(line.log_loss, abs=1e-4)
    if found.best != BEST:
        assert log_loss.difference == pytest.approx(line.log_loss_difference, abs=1e-4)
    loaded = pickle.loads(pickle.dumps(search))
    assert loaded.comparison_.table() == found.table()


def test_cv_without_pairs_of_rows_is_refused(rows):
    with refuses(r"cv to give pairs of training and test rows; got range\(0, 3\)"):
        clone(QUICK).set_params(cv=range(3)).fit(*rows)


def test_learning_curves_end_where_all_rows_are_trained_on(rows, fitted):
    found = fitted.comparison_
    curves = found.curves
    np.testing.assert_array_equal(curves.n_rows, [25, 50, 100])
    assert curves.plain.shape == curves.augmented.shape == (3, 3)
    axes = found.learning_curves()
    assert len(axes.get_legend().get_texts()) == 2
    # Three folds share training rows: a test part is half of a training part.
    ends = np.array([line[:, 1] for line in axes.containers[0][2][0].get_segments()])
    half_bars = curves.plain.std(axis=0, ddof=1) * np.sqrt(1 / 3 + 1 / 2)
    np.testing.assert_allclose(np.diff(ends)[:, 0] / 2, half_bars)
    search = clone(SEARCH).set_params(methods=["logistic regression"]).fit(*rows)
    with refuses("needs an augmented network, .*; got logistic regression"):
        search.comparison_.exchange_rate()
