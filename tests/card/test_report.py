import sys
from html.parser import HTMLParser
from importlib import import_module

import numpy as np
import pandas as pd
import pytest
import torch
from imblearn.combine import SMOTEENN
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.pipeline import Pipeline as ImbalancedPipeline
from imblearn.under_sampling import RandomUnderSampler
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_digits, make_classification
from sklearn.ensemble import (
    BaggingClassifier,
    ExtraTreesClassifier,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    log_loss,
    precision_recall_fscore_support,
)
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    TunedThresholdClassifierCV,
)
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import LinearSVC
from sklearn.utils import Bunch
from skorch import NeuralNetClassifier
from skorch.dataset import ValidSplit

from skaug import (
    BatchAugmentation,
    HardRegionSampler,
    IHDAFinetuner,
    InfluenceAugmenter,
    ISDAClassifier,
    NetClassifier,
    ResampledClassifier,
    TableMixup,
    expected_calibration_error,
    plain_twin,
    report,
    worst_group_accuracy,
)
from skaug.card import (
    changed_parameters,
    compare_scores,
    scores_and_contributions,
    standard_error,
)
from skaug.card.figures import _rows_at
from skaug.card.page import page, table
from skaug.card.sides import reading
from skaug.signals import Frames
from skaug.transforms import Jitter

VOID = {"meta", "link", "br", "img", "input", "hr"}


class Balance(HTMLParser):
    """Checks that tags are closed in order, and keeps what would be loaded."""

    def __init__(self):
        super().__init__()
        self.open, self.links, self.ids = [], [], []

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)
        self.handle_startendtag(tag, attrs)

    def handle_startendtag(self, tag, attrs):
        for name, value in attrs:
            if name.split(":")[-1] in ("src", "href", "srcset", "data", "poster"):
                self.links.append(value)
            if name == "id":
                self.ids.append(value)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def check_page(html):
    parser = Balance()
    parser.feed(html)
    assert parser.open == []
    inside = ("#", "data:")
    assert all(link.startswith(inside) for link in parser.links), parser.links
    assert "http://" not in html and "https://" not in html
    assert "@import" not in html and "<script" not in html
    assert len(parser.ids) == len(set(parser.ids))
    names = [link[1:] for link in parser.links if link.startswith("#")]
    assert set(names) <= set(parser.ids)


@pytest.fixture(scope="module")
def data():
    """A frame with names of classes, eight people in training and six others."""
    X, y = make_classification(
        280, 6, n_informative=5, n_redundant=0, n_classes=3, flip_y=0.1, random_state=0
    )
    X = pd.DataFrame(X, columns=[f"sensor <{j}>" for j in range(6)])
    y = np.array(["run & jump", "sit", "<b>walk</b>"])[y]
    person = np.array([f"p{i}" for i in np.arange(280) // 20])
    train = np.arange(280) < 160
    return (X[train], y[train], person[train]), (X[~train], y[~train], person[~train])


@pytest.fixture
def no_figures(monkeypatch):
    """Most of the time of a card goes into them."""
    monkeypatch.setattr(
        import_module("skaug.card.report"), "card_figures", lambda *data: {}
    )


def net(**params):
    return NetClassifier(**{"max_epochs": 3, "random_state": 0} | params)


def flip(X):
    return X.flip(-1)


def sampler(**params):
    params = {"generator": "noise", "metric": "euclidean", "random_state": 0} | params
    return HardRegionSampler(**params)


ESTIMATORS = {
    "isda": make_pipeline(
        StandardScaler(), ISDAClassifier(max_epochs=3, random_state=0)
    ),
    "ihda": IHDAFinetuner(net(), random_state=0),
    "batches": net(
        callbacks=[("a", BatchAugmentation(TableMixup(0.5), refine_epochs=1))]
    ),
    "resampled": ResampledClassifier(sampler(), net()),
    "influence": make_pipeline(
        StandardScaler(),
        InfluenceAugmenter(net(), n_networks=1, refit=False, random_state=0),
        LogisticRegression(),
    ),
    "imblearn": ImbalancedPipeline([("sample", sampler()), ("net", net())]),
    "over": ResampledClassifier(
        RandomOverSampler(random_state=0), LogisticRegression()
    ),
    "calibrated": CalibratedClassifierCV(
        ISDAClassifier(max_epochs=2, random_state=0), cv=2
    ),
    "forest": ImbalancedPipeline(
        [("a", SMOTE(random_state=0)), ("b", RandomForestClassifier(5, random_state=0))]
    ),
    "trees": ResampledClassifier(
        RandomUnderSampler(random_state=0), ExtraTreesClassifier(5, random_state=0)
    ),
    "bagged": BaggingClassifier(
        ISDAClassifier(max_epochs=2), n_estimators=2, random_state=0
    ),
    "calibrated resampled": CalibratedClassifierCV(
        ResampledClassifier(SMOTE(random_state=0), net()), cv=2
    ),
    "frozen": FrozenEstimator(ISDAClassifier(max_epochs=2, random_state=0)),
    "search": GridSearchCV(
        make_pipeline(StandardScaler(), ISDAClassifier(max_epochs=2, random_state=0)),
        {"isdaclassifier__strength": [0.5, 1]},
        cv=GroupKFold(2),
    ),
}
TITLES = {
    "isda": "ISDA: features moved",
    "ihda": "IHDA: levels",
    "batches": "Batches augmented",
    "resampled": "Hard regions",
    "influence": "Transforms by influence",
    "imblearn": "Hard regions",
    "over": "RandomOverSampler",
    "calibrated": None,
    "forest": "SMOTE: rows made",
    "trees": "RandomUnderSampler: rows resampled",
    "bagged": None,
    "calibrated resampled": None,
    "frozen": "ISDA: features moved",
    "search": "ISDA: features moved",
}


@pytest.mark.filterwarnings("ignore:InfluenceAugmenter needs 100:UserWarning")
@pytest.mark.filterwarnings("ignore:.*held out:UserWarning")
@pytest.mark.parametrize("name", ESTIMATORS)
def test_card_of_each_kind_of_estimator(name, data, request):
    if name not in ("ihda", "resampled"):  # which have all figures of tables
        request.getfixturevalue("no_figures")
    (X, y, person), (X_test, y_test, person_test) = data
    estimator = ESTIMATORS[name]
    groups = {"groups": person} if name == "search" else {}
    fitted = estimator.estimator if name == "frozen" else estimator
    fitted.fit(X, y, **groups)
    before = estimator.predict_proba(X_test)
    card = report(
        estimator,
        X_test,
        y_test,
        person_test,
        X_train=X,
        y_train=y,
        groups_train=person,
    )
    check_page(card.html)
    assert np.array_equal(estimator.predict_proba(X_test), before)
    figures = {"ihda": 5, "resampled": 6}  # three of every card, and their own
    assert len(card.figures) == figures.get(name, 0)
    titles = [one.title for one in card.augmentation]
    assert not titles if TITLES[name] is None else titles[0].startswith(TITLES[name])
    assert card.verdict.startswith("Against its plain twin")
    assert "random_state" not in card.verdict
    predicted = estimator.predict(X_test)
    assert card.scores["accuracy"].estimator == accuracy_score(y_test, predicted)
    twin = card.twin.predict(X_test)
    assert card.scores["accuracy"].twin == accuracy_score(y_test, twin)
    assert "sensor <" not in card.html and "<b>walk" not in card.html


def test_card_names_what_augmented(data, no_figures):
    (X, y, _), (X_test, y_test, _) = data
    resampled = ResampledClassifier(sampler(), net()).fit(X, y)
    (counts,) = report(resampled, X_test, y_test).augmentation
    hard = resampled.sampler_.hard_indices_
    for record in counts.records:
        of_class = y == record["class"]
        assert record.rows == of_class.sum()
        assert record.hard == of_class[hard].sum() == record.new_rows / 5
    ihda = IHDAFinetuner(net(), random_state=0).fit(X, y)
    levels, by_class = report(ihda, X_test, y_test).augmentation
    assert [one.level for one in levels.records] == ["input", "blocks.0", "blocks.1"]
    made = [sum(one.n_samples.values()) for one in ihda.levels_]
    assert [one.samples for one in levels.records] == made
    assert sum(one["at input"] for one in by_class.records) == made[0]


def test_card_names_parameters(data, no_figures):
    (X, y, _), (X_test, y_test, _) = data
    values = {}
    for name in ("search", "calibrated", "batches"):
        groups = {"groups": np.arange(160) % 2} if name == "search" else {}
        model = clone(ESTIMATORS[name]).fit(X, y, **groups)
        rows = report(model, X_test, y_test).parameters
        values[name] = {(row.part, row.parameter): row.value for row in rows}
    assert ("GridSearchCV", "estimator") not in values["search"]
    assert values["search"]["ISDAClassifier", "max_epochs"] == "2"
    assert values["search"]["StandardScaler", ""] == "defaults"
    assert values["calibrated"]["CalibratedClassifierCV", "estimator"] == (
        "ISDAClassifier(max_epochs=2, random_state=0)"
    )
    assert values["batches"]["NetClassifier", "callbacks"] == (
        "[('a', BatchAugmentation(transform=TableMixup(alpha=0.5), refine_epochs=1))]"
    )


def test_card_cuts_long_parameters_and_sorts_sets(data, no_figures):
    (X, y, _), (X_test, y_test, _) = data
    names = {f"column {i}" for i in range(5)}
    scaler = FunctionTransformer(kw_args={"names": names, "long": list(range(1000))})
    scaler.func = lambda X, names, long: X
    model = make_pipeline(scaler, LogisticRegression(max_iter=500)).fit(X, y)
    rows = report(model, X_test, y_test).parameters
    (value,) = (row.value for row in rows if row.parameter == "kw_args")
    assert value.startswith("{'names': {'column 0', 'column 1', 'column 2', 'column 3'")
    assert value.endswith(" ...") and len(value) == 160


def test_card_tells_the_phases_of_each_callback(data, no_figures):
    (X, y, _), (X_test, y_test, _) = data
    callbacks = [
        ("jitter", BatchAugmentation(Jitter(0.1))),
        ("smooth", BatchAugmentation(Jitter(0.2), refine_epochs=2)),
        ("mixup", BatchAugmentation(TableMixup(), refine_epochs=1)),
    ]
    card = report(net(max_epochs=3, callbacks=callbacks).fit(X, y), X_test, y_test)
    phases = [
        [(row.phase, row.first_epoch, row.last_epoch) for row in table.records]
        for table in card.augmentation
        if table.title == "Batches augmented in training"
    ]
    assert phases == [
        [("augmented", 1, 3)],
        [("augmented", 1, 1), ("clean", 2, 3)],
        [("augmented", 1, 2), ("clean", 3, 3)],
    ]


def test_scores_are_those_of_scikit_learn(data, no_figures):
    (X, y, _), (X_test, y_test, person) = data
    model = LogisticRegression().fit(X, y)
    card = report(model, X_test, y_test, person)
    predicted, proba = model.predict(X_test), model.predict_proba(X_test)
    expected = {
        "accuracy": accuracy_score(y_test, predicted),
        "balanced_accuracy": balanced_accuracy_score(y_test, predicted),
        "worst_group_accuracy": worst_group_accuracy(y_test, predicted, person),
        "log_loss": log_loss(y_test, proba),
        "calibration_error": expected_calibration_error(y_test, proba),
    }
    got = {name: one.estimator for name, one in card.scores.items()}
    assert got == pytest.approx(expected)
    columns = precision_recall_fscore_support(y_test, predicted)
    for record, *values in zip(card.class_scores, *columns):
        named = [record.precision, record.recall, record.f1, record.rows]
        assert named == pytest.approx(values)
    by_group = pd.Series(predicted == y_test).groupby(person).mean()
    assert {r.group: r.accuracy for r in card.group_scores} == by_group.to_dict()


def test_no_twin_is_said(data, no_figures):
    (X, y, _), (X_test, y_test, _) = data
    model = LogisticRegression().fit(X, y)
    assert "no plain twin to compare" in report(model, X_test, y_test).html
    card = report(model, X_test, y_test, X_train=X, y_train=y)
    assert card.twin is None
    assert "Nothing was augmented that is known" in card.verdict


def test_a_twin_of_ones_own_and_no_probabilities(data, no_figures):
    (X, y, _), (X_test, y_test, _) = data
    svc, logistic = LinearSVC().fit(X, y), LogisticRegression().fit(X, y)
    card = report(svc, X_test, y_test, twin=logistic)
    assert list(card.scores) == ["accuracy", "balanced_accuracy"]
    assert card.twin is logistic and "no predict_proba" in card.html
    same = report(logistic, X_test, y_test, twin=logistic)
    assert "the same in accuracy and log-loss" in same.verdict


def test_difference_has_the_error_of_pairs():
    rng = np.random.default_rng(0)
    y, n = rng.integers(3, size=200), 200
    classes, groups = np.arange(3), rng.integers(12, size=200)
    sides = []
    for _ in range(2):
        proba = rng.dirichlet(np.ones(3), size=200)
        sides.append(scores_and_contributions(y, proba.argmax(1), proba, classes))
    for name in sides[0]:
        parts = sides[0][name][1] - sides[1][name][1]
        assert abs(parts.sum()) < 1e-12
        assert standard_error(parts, np.arange(n))[0] == pytest.approx(
            standard_error(parts)[0]
        )
    losses = [np.array(side["log_loss"][1]) * n for side in sides]
    gap = losses[0] - losses[1]
    error = gap.std(ddof=1) / np.sqrt(n)
    parts = sides[0]["log_loss"][1] - sides[1]["log_loss"][1]
    assert standard_error(parts)[0] == pytest.approx(error)
    # Groups of equal size: the error of the means of the groups.
    groups = np.repeat(np.arange(10), 20)
    means = gap.reshape(10, 20).mean(axis=1)
    assert standard_error(parts, groups)[0] == pytest.approx(
        means.std(ddof=1) / np.sqrt(10)
    )
    assert np.isnan(standard_error(parts, np.zeros(n))[0])


def test_contributions_are_derivatives_by_the_weight_of_a_row():
    rng = np.random.default_rng(0)
    y, classes = rng.integers(3, size=300), np.arange(3)
    proba = rng.dirichlet(np.ones(3), size=300)
    scores = scores_and_contributions(y, proba.argmax(1), proba, classes)
    for row in range(10):
        # Every row fifty times, and one of them once more.
        more = np.r_[np.repeat(np.arange(300), 50), row]
        again = scores_and_contributions(
            y[more], proba[more].argmax(1), proba[more], classes
        )
        for name, (value, parts) in scores.items():
            slope = 50 * (again[name][0] - value)
            assert slope == pytest.approx(parts[row], rel=0.05), name


def test_intervals_cover_no_difference_in_95_of_100():
    # Two sides of equal worth, and rows that resemble those of their group.
    rng, groups = np.random.default_rng(0), np.repeat(np.arange(15), 40)
    y, covered = np.arange(600) % 2, []
    for _ in range(200):
        sides = {}
        for name in ("estimator", "twin"):
            of_group = rng.normal(0, 0.8, 15)[groups]
            right = 1 / (1 + np.exp(-1 - of_group - rng.normal(size=600)))
            proba = np.where(y[:, None] == [0, 1], right[:, None], 1 - right[:, None])
            predicted, classes = proba.argmax(axis=1), np.arange(2)
            sides[name] = Bunch(predicted=predicted, proba=proba, classes=classes)
        scores = compare_scores(y, sides, groups)
        del scores["worst_group_accuracy"]
        ends = np.array([score.interval for score in scores.values()])
        covered.append((ends[:, 0] <= 0) & (ends[:, 1] >= 0))
    assert np.mean(covered, axis=0) == pytest.approx(0.95, abs=0.04)


def test_reading_of_an_interval(data, no_figures):
    (X, y, _), (X_test, y_test, _) = data
    good, bad = LogisticRegression().fit(X, y), LogisticRegression(C=1e-4).fit(X, y)
    card = report(good, X_test, y_test, twin=bad)
    assert reading("log_loss", card.scores["log_loss"]) == "better"
    assert 'class="better"' in card.html
    other = report(bad, X_test, y_test, twin=good)
    assert reading("log_loss", other.scores["log_loss"]) == "worse"
    one_group = report(good, X_test, y_test, np.zeros(len(y_test)), twin=bad)
    assert "no error to judge it by in accuracy" in one_group.verdict
    # Both groups by the same amount: that is no spread to judge by.
    equal = Bunch(difference=0.1, error=1e-17, interval=(0.1, 0.1))
    assert reading("accuracy", equal) == "no error to judge it by"


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


def test_twins():
    X, y = load_digits(return_X_y=True)
    X, y = X[:200], y[:200]
    isda = ISDAClassifier(strength=2, max_epochs=2, random_state=0).fit(X, y)
    twin = plain_twin(isda).fit(X, y)
    plain = NetClassifier(max_epochs=2, random_state=0).fit(X, y)
    assert np.array_equal(twin.predict_proba(X), plain.predict_proba(X))
    assert isda.strength == 2
    # Trained before: the twin goes on from the same network.
    for estimator, prefit in ((isda, True), (FrozenEstimator(isda), False)):
        ihda = IHDAFinetuner(estimator, prefit=prefit, levels=["blocks.1"])
        twin = plain_twin(ihda)
        assert twin.control == "real" and isda.strength == 2
        kept = getattr(twin.estimator, "estimator", twin.estimator)
        assert kept is isda
    # As many steps as the network had with more rows.
    resampled = ResampledClassifier(
        sampler(sampling_strategy=dict.fromkeys(range(10), 40), sources="all"),
        make_pipeline(StandardScaler(), net(max_epochs=4)),
    ).fit(X, y)
    assert plain_twin(resampled)[-1].max_epochs == 8
    # A search within a pipeline: what it chose, not a search that augments again.
    search = GridSearchCV(
        ISDAClassifier(max_epochs=1, random_state=0), {"strength": [1, 2]}, cv=2
    )
    twin = plain_twin(make_pipeline(StandardScaler(), search).fit(X, y))
    assert isinstance(twin[-1], ISDAClassifier) and twin[-1].strength == 0
    # What looks like a search and only chooses a threshold.
    tuned = TunedThresholdClassifierCV(isda, cv=2).fit(X, y > 4)
    assert plain_twin(tuned).estimator.strength == 0
    # Trained before, and so it stays.
    binary = clone(isda).fit(X, y > 4)
    tuned.set_params(estimator=binary, cv="prefit", refit=False).fit(X, y > 4)
    with pytest.raises(ValueError, match="plain_twin needs"):
        plain_twin(tuned)
    with pytest.raises(ValueError, match=r"plain_twin needs.*got LogisticRegression"):
        plain_twin(LogisticRegression().fit(X, y))


def test_twins_are_trained_as_long_behind_any_over_sampler(data):
    (X, y, _), _ = data
    X, y = X[y != "sit"].to_numpy(), (y[y != "sit"] == "run & jump").astype(int)
    X, y = (rows[(y == 1) | (np.arange(len(y)) % 3 == 0)] for rows in (X, y))
    n, most = len(y), np.bincount(y).max()
    epochs = round(100 * 2 * most / n)
    assert epochs > 110
    hundred = net(max_epochs=100, batch_size=64)

    def growth(sampler, model, name="max_epochs"):
        # The history of one epoch will do.
        small = clone(model).set_params(**{name: 1})
        fitted = ResampledClassifier(sampler, small).fit(X, y)
        fitted.estimator_.set_params(**{name: 100})
        return plain_twin(fitted).get_params()[name]

    splits = hundred, clone(hundred).set_params(train_split=ValidSplit(3))
    for over in (SMOTE(random_state=0), RandomOverSampler(random_state=0)):
        assert [growth(over, model) for model in splits] == [epochs] * 2
    pipe = make_pipeline(StandardScaler(), hundred)
    assert growth(SMOTE(random_state=0), pipe, "netclassifier__max_epochs") == epochs
    # Not known, and said.
    for other in (RandomUnderSampler(random_state=0), SMOTEENN(random_state=0)):
        assert growth(other, hundred) == 100
        fitted = ResampledClassifier(other, net()).fit(X, y)
        notes = " ".join(report(fitted, X, y, X_train=X, y_train=y).notes)
        assert f"rows before {type(other).__name__} are not known" in notes


def test_twin_of_a_finetuner_behind_a_sampler(data):
    (X, y, _), _ = data
    samples = sampler(sampling_strategy=dict.fromkeys(np.unique(y), 120), sources="all")
    finetuner = IHDAFinetuner(levels=["input"], random_state=0)
    fitted = ResampledClassifier(samples, finetuner).fit(X, y)
    assert plain_twin(fitted).estimator.max_epochs == round(30 * 360 / 160)
    # Trained before: neither the number of its epochs nor the net is changed.
    before = net().fit(X, y)
    finetuner = IHDAFinetuner(before, prefit=True, levels=["input"], random_state=0)
    pipe = ImbalancedPipeline([("a", samples), ("b", finetuner)]).fit(X, y)
    assert plain_twin(pipe)[-1].estimator is before and before.max_epochs == 3


def test_forests_and_bags_are_taken_as_a_whole(data, no_figures):
    (X, y, _), (X_test, y_test, _) = data
    forest = RandomForestClassifier(5).fit(X, y)
    card = report(forest, X_test, y_test, X_train=X, y_train=y)
    assert card.title == "RandomForestClassifier" and card.twin is None
    # What it was made from has been fitted, but does not predict.
    isda = ISDAClassifier(max_epochs=1, random_state=0).fit(X, y)
    bag = BaggingClassifier(isda, n_estimators=2).fit(X, y)
    card = report(bag, X_test, y_test, X_train=X, y_train=y)
    assert card.title == "BaggingClassifier" and card.augmentation == []
    parameters = {row.parameter: row.value for row in card.parameters}
    assert parameters["estimator"].startswith("ISDAClassifier(")
    assert "random_state is None in BaggingClassifier" in card.verdict
    assert "random_state is None" in report(bag, X_test, y_test, twin=forest).verdict
    wrapped = CalibratedClassifierCV(ISDAClassifier(max_epochs=1), cv=2).fit(X, y)
    verdict = report(bag, X_test, y_test, twin=wrapped).verdict
    assert "random_state is None in ISDAClassifier" in verdict


def test_what_is_not_looked_into_is_said(data, no_figures):
    (X, y, _), (X_test, y_test, _) = data
    isda = ISDAClassifier(max_epochs=1, random_state=0)
    vote = VotingClassifier([("a", isda), ("b", LogisticRegression())])
    vote.fit(X, y)
    card = report(vote, X_test, y_test, X_train=X, y_train=y)
    assert "within VotingClassifier is not looked into" in card.verdict
    calibrated = CalibratedClassifierCV(FrozenEstimator(isda.fit(X, y))).fit(X, y)
    card = report(calibrated, X_test, y_test, X_train=X, y_train=y)
    assert "within CalibratedClassifierCV is not looked into" in card.verdict
    resampled = ResampledClassifier(SMOTE(random_state=0), vote).fit(X, y)
    card = report(resampled, X_test, y_test, X_train=X, y_train=y)
    assert "within VotingClassifier was not looked into" in " ".join(card.notes)
    # Neither is a transformer trained anew that is frozen.
    scaler = FrozenEstimator(StandardScaler().fit(X))
    pipe = make_pipeline(scaler, FrozenEstimator(isda)).fit(X, y)
    twin = plain_twin(pipe)
    assert twin[0].estimator is scaler.estimator and twin[1].strength == 0
    assert isda.strength


def test_groups_reach_a_twin_that_holds_out(data, no_figures):
    (X, y, person), (X_test, y_test, person_test) = data
    isda = ISDAClassifier(
        max_epochs=1, random_state=0, train_split=ValidSplit(2, stratified=False)
    )
    pipe = make_pipeline(StandardScaler(), isda).fit(X, y)
    card = report(
        pipe, X_test, y_test, person_test, X_train=X, y_train=y, groups_train=person
    )
    assert "valid_loss" in card.twin[-1].history[-1]
    leaky = report(pipe, X, y, person, X_train=X, y_train=y, groups_train=person)
    assert "8 of the groups are among the training rows" in leaky.html


def test_card_leaves_the_global_generators_and_warns_of_seeds(data):
    (X, y, _), (X_test, y_test, _) = data
    model = ISDAClassifier(max_epochs=1).fit(X, y)
    numpy_state, torch_state = np.random.get_state()[1], torch.get_rng_state()
    cards = [report(model, X_test, y_test, X_train=X, y_train=y) for _ in range(2)]
    assert np.array_equal(np.random.get_state()[1], numpy_state)
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert cards[0].html == cards[1].html
    assert "random_state is None" in cards[0].verdict


def test_images_and_saving(tmp_path):
    X, y = load_digits(return_X_y=True)
    X = X.reshape(-1, 1, 8, 8) / 16
    augmenter = InfluenceAugmenter(
        net(max_epochs=1), n_networks=1, refit=False, random_state=0, transforms=[flip]
    ).fit(X[:300], y[:300])
    pipe = Pipeline([("views", augmenter), ("net", net().fit(X[:300], y[:300]))])
    card = report(pipe, X[300:400], y[300:400], title="<Digits>", date="2026-01-02")
    assert "Test rows, a view of each, and the difference" in card.figures
    card.save(tmp_path / "card.html")
    page = (tmp_path / "card.html").read_text(encoding="utf-8")
    check_page(page)
    assert "<h1>&lt;Digits&gt;</h1>" in page and "2026-01-02" in page
    frame = card._repr_html_()
    assert frame.startswith("<iframe") and "<html" not in frame
    assert repr(card).startswith("ModelCard('<Digits>'")


def test_without_matplotlib_there_are_no_figures(data, monkeypatch):
    (X, y, _), (X_test, y_test, _) = data
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    card = report(LogisticRegression().fit(X, y), X_test, y_test)
    assert card.figures == {} and "matplotlib is not installed" in card.html


def test_a_net_without_a_history(data):
    _, (X_test, y_test, _) = data
    X_test, codes = X_test.to_numpy(np.float32, copy=True), y_test.argsort() % 3
    model = NeuralNetClassifier(
        torch.nn.Linear,
        module__in_features=6,
        module__out_features=3,
        criterion=torch.nn.CrossEntropyLoss,
        classes=[0, 1, 2],
    ).initialize()
    card = report(model, X_test, codes)
    assert not any(caption.startswith("Training") for caption in card.figures)


def test_names_with_dollars_and_figures_of_the_same_kind(data):
    (X, y, _), (X_test, y_test, person_test) = data
    y, y_test = (np.char.add(labels, " $^$") for labels in (y, y_test))
    groups = np.char.add(person_test, " $_$")
    steps = [("a", sampler()), ("b", sampler(random_state=1)), ("c", net())]
    model = ImbalancedPipeline(steps).fit(X, y)
    figures = report(model, X_test, y_test, groups).figures
    assert "Potentials of the training rows" in figures
    assert "Potentials of the training rows #2" in figures


def test_few_of_many_frames_are_copied(monkeypatch):
    frames = Frames(np.arange(60.0).reshape(2, 1, 30), frame_length=6, frame_step=1)
    copied, copy = [], Frames._copy

    def counted(self, rows):
        copied.append(np.size(rows))
        return copy(self, rows)

    monkeypatch.setattr(Frames, "_copy", counted)
    rows = _rows_at(Bunch(before=()), frames, np.array([3, 40]))
    assert rows.shape == (2, 1, 6) and copied == [2]
    assert _rows_at(Bunch(before=()), [[1], [2], [3]], np.array([0, 2])).tolist() == [
        [1],
        [3],
    ]


def test_counts_of_samplers_are_of_rows_made(data, no_figures):
    (X, y, _), (X_test, y_test, _) = data
    codes, of_test = (np.unique(v, return_inverse=True)[1] for v in (y, y_test))
    for sampler_, n_records in ((SMOTE(), 3), (RandomUnderSampler(), 0)):
        sampler_.set_params(sampling_strategy="all" if n_records else "auto")
        model = ResampledClassifier(sampler_, LogisticRegression()).fit(X, codes)
        (rows,) = report(model, X_test, of_test).augmentation
        assert len(rows.records) == n_records
        assert all(type(record["class"]) is int for record in rows.records)
        made = sum(record.new_rows for record in rows.records)
        assert made == (3 * np.bincount(codes).max() - 160 if n_records else 0)


def test_parameters_have_no_addresses():
    search = GridSearchCV(
        LogisticRegression(), {"C": [flip], "penalty": [{"a": np.array([flip])}]}
    )
    values = {row.parameter: row.value for row in changed_parameters(search)}
    assert values["param_grid"].startswith("{'C': [flip], 'penalty': [{'a': ")
    assert "0x" not in values["param_grid"]


def test_words_stand_out_in_their_column_only():
    html = table([{"class": "better", "reading": "worse"}])
    assert '<td>better</td><td class="worse">worse</td>' in html


def test_groups_of_several_types_are_refused_by_the_score_too():
    with pytest.raises(ValueError, match=r"worst_group_accuracy needs groups of one"):
        worst_group_accuracy([0, 1], [0, 1], [None, "a"])


def test_tables_are_cut_and_escaped():
    html = table([{"class": 1000, "rows": 1000, "ok": True, "x": float("nan")}])
    assert "<td>1000</td>" in html and '<td class="number">1,000</td>' in html
    assert "yes" in html and "n/a" in html
    assert "&lt;i&gt;" in page("<i>", {"": [table([{"<i>": "<i>"}])]})
    assert "<i>" not in page("<i>", {"<i>": [table([{"<i>": "<i>"}])]})


def test_many_groups_are_cut(data, no_figures):
    (X, y, _), (X_test, y_test, _) = data
    card = report(LogisticRegression().fit(X, y), X_test, y_test, np.arange(120))
    assert len(card.group_scores) == 120 and "40 of 120" in card.html


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (
            {"estimator": StandardScaler()},
            TypeError,
            "a fitted classifier as estimator",
        ),
        ({"estimator": net()}, TypeError, "a fitted classifier as estimator"),
        ({"twin": LogisticRegression()}, TypeError, "a fitted classifier as twin"),
        ({"y": ["sit"]}, ValueError, "one label for each row; got 1 for 120"),
        ({"groups": [1, 2]}, ValueError, "one group for each row; got 2 for 120"),
        ({"groups": [None, "a"] * 60}, ValueError, "groups of one type; got.*NoneType"),
        ({"y": ["fly"] * 120}, ValueError, r"labels that the estimator knows.*fly"),
        ({"X_train": [[1]]}, ValueError, "X_train and y_train together"),
        ({"twin": "own", "X_train": 1, "y_train": 1}, ValueError, "got both"),
    ],
)
def test_wrong_input_is_said(change, error, message, data):
    (X, y, _), (X_test, y_test, _) = data
    model = LogisticRegression().fit(X, y)
    given = {"estimator": model, "X": X_test, "y": y_test} | change
    with pytest.raises(error, match=f"report needs.*{message}"):
        report(**given)


def test_a_twin_of_other_classes_is_refused(data):
    (X, y, _), (X_test, y_test, _) = data
    two = y_test != "sit"
    model = LogisticRegression().fit(X, y)
    twin = LogisticRegression().fit(X[y != "sit"], y[y != "sit"])
    with pytest.raises(ValueError, match="report needs a twin with the estimator's"):
        report(model, X_test[two], y_test[two], twin=twin)
