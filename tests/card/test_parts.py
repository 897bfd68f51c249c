import numpy as np
import pytest
from imblearn.over_sampling import SMOTE
from imblearn.under_sampling import RandomUnderSampler
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import BaggingClassifier, RandomForestClassifier, VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skaug import (
    BatchAugmentation,
    ISDAClassifier,
    NetClassifier,
    ResampledClassifier,
    TableMixup,
)
from skaug.card.parts import Part, augmentation_tables, changed_parameters
from skaug.signals import Frames
from skaug.transforms import Jitter, PerSample
from skaug.transforms.torchvision import v2


@pytest.fixture
def isda(train):
    return ISDAClassifier(max_epochs=1, random_state=0).fit(*train)


def test_tables_of_samples_and_levels(train, estimators):
    X, y = train
    resampled = estimators["resampled"].fit(X, y)
    (counts,) = augmentation_tables(resampled)
    hard = resampled.sampler_.hard_indices_
    for record in counts.records:
        of_class = y == record["class"]
        assert record.rows == of_class.sum()
        assert record.hard == of_class[hard].sum() == record.new_rows / 5
    ihda = estimators["ihda"].fit(X, y)
    levels, by_class = augmentation_tables(ihda)
    assert [one.level for one in levels.records] == ["input", "blocks.0", "blocks.1"]
    made = [sum(one.n_samples.values()) for one in ihda.levels_]
    assert [one.samples for one in levels.records] == made
    assert sum(one["at input"] for one in by_class.records) == made[0]


def test_table_of_each_callback_has_its_phases(train, net):
    callbacks = [
        ("jitter", BatchAugmentation(Jitter(0.1))),
        ("smooth", BatchAugmentation(Jitter(0.2), refine_epochs=2)),
        ("mixup", BatchAugmentation(TableMixup(), refine_epochs=1)),
    ]
    tables = augmentation_tables(net(callbacks=callbacks).fit(*train))
    phases = [
        [(row.phase, row.first_epoch, row.last_epoch) for row in table.records]
        for table in tables
        if table.title == "Batches augmented in training"
    ]
    assert phases == [
        [("augmented", 1, 3)],
        [("augmented", 1, 1), ("clean", 2, 3)],
        [("augmented", 1, 2), ("clean", 3, 3)],
    ]


def test_counts_of_other_samplers_are_of_rows_made(train):
    X, y = train
    codes = np.unique(y, return_inverse=True)[1]
    for sampler, n_records in ((SMOTE(), 3), (RandomUnderSampler(), 0)):
        sampler.set_params(sampling_strategy="all" if n_records else "auto")
        model = ResampledClassifier(sampler, LogisticRegression()).fit(X, codes)
        (rows,) = augmentation_tables(model)
        assert len(rows.records) == n_records
        assert all(type(record["class"]) is int for record in rows.records)
        made = sum(record.new_rows for record in rows.records)
        assert made == (3 * np.bincount(codes).max() - 160 if n_records else 0)


def test_parameters_by_part(data, estimators):
    (X, y, _), _ = data
    values = {}
    for name in ("search", "calibrated", "batches"):
        groups = {"groups": np.arange(160) % 2} if name == "search" else {}
        rows = changed_parameters(estimators[name].fit(X, y, **groups))
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


def test_long_parameters_are_cut_and_sets_sorted(train):
    names = {f"column {i}" for i in range(5)}
    scaler = FunctionTransformer(kw_args={"names": names, "long": list(range(1000))})
    scaler.func = lambda X, names, long: X
    model = make_pipeline(scaler, LogisticRegression(max_iter=500)).fit(*train)
    rows = changed_parameters(model)
    (value,) = (row.value for row in rows if row.parameter == "kw_args")
    assert value.startswith("{'names': {'column 0', 'column 1', 'column 2', 'column 3'")
    assert value.endswith(" ...") and len(value) == 160


def test_parameters_have_no_addresses():
    def flip(X):
        return X.flip(-1)

    search = GridSearchCV(
        LogisticRegression(), {"C": [flip], "penalty": [{"a": np.array([flip])}]}
    )
    values = {row.parameter: row.value for row in changed_parameters(search)}
    assert values["param_grid"].startswith("{'C': [flip], 'penalty': [{'a': ")
    assert "0x" not in values["param_grid"]


def test_forests_and_bags_are_taken_as_a_whole(train, isda, card, no_figures):
    forest = RandomForestClassifier(5).fit(*train)
    made = card(forest, trained=True)
    assert made.title == "RandomForestClassifier" and made.twin is None
    # What the bag was made from has been fitted, but does not predict.
    bag = BaggingClassifier(isda, n_estimators=2).fit(*train)
    made = card(bag, trained=True)
    assert made.title == "BaggingClassifier" and made.augmentation == []
    parameters = {row.parameter: row.value for row in made.parameters}
    assert parameters["estimator"].startswith("ISDAClassifier(")
    assert "random_state is None in BaggingClassifier" in made.verdict
    assert "random_state is None" in card(bag, twin=forest).verdict
    wrapped = CalibratedClassifierCV(ISDAClassifier(max_epochs=1), cv=2).fit(*train)
    verdict = card(bag, twin=wrapped).verdict
    assert "random_state is None in ISDAClassifier" in verdict


def test_what_is_not_looked_into_is_said(train, isda, card, no_figures):
    vote = VotingClassifier([("a", isda), ("b", LogisticRegression())]).fit(*train)
    verdict = card(vote, trained=True).verdict
    assert "does not look inside VotingClassifier" in verdict
    calibrated = CalibratedClassifierCV(FrozenEstimator(isda)).fit(*train)
    verdict = card(calibrated, trained=True).verdict
    assert "does not look inside CalibratedClassifierCV" in verdict
    resampled = ResampledClassifier(SMOTE(random_state=0), vote).fit(*train)
    notes = " ".join(card(resampled, trained=True).notes)
    assert "did not look inside VotingClassifier" in notes


def test_few_of_many_frames_are_copied(monkeypatch):
    frames = Frames(np.arange(60.0).reshape(2, 1, 30), frame_length=6, frame_step=1)
    copied, copy = [], Frames._copy

    def counted(self, rows):
        copied.append(np.size(rows))
        return copy(self, rows)

    monkeypatch.setattr(Frames, "_copy", counted)
    labels = np.arange(len(frames))
    rows, taken = Part(None).some_rows(frames, labels, 2)
    assert rows.shape == (2, 1, 6) and copied == [2]
    assert taken.tolist() == [0, len(frames) - 1]
    rows, _ = Part(None).some_rows([[1], [2], [3]], np.arange(3), 2)
    assert rows.tolist() == [[1], [3]]


def test_parameters_that_are_transforms_of_torchvision_are_written_out():
    augment = BatchAugmentation(PerSample(v2.RandomAffine(10)))
    net = NetClassifier(callbacks=[("augment", augment)])
    values = {row.parameter: row.value for row in changed_parameters(net)}
    assert "RandomAffine" in values["callbacks"]
