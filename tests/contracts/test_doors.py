"""Data, labels, weights and settings as people have them, at every door.

A door is an estimator or a function that takes rows, labels or groups. A kind of input
is one that people bring: what is exact must come out as from clean input, and what
cannot be right is refused in one sentence. ``CASES`` has each door with each kind that
concerns it.
"""

import pickle
import re
import sys
import warnings
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from skorch.callbacks import EarlyStopping
from skorch.dataset import ValidSplit
from torch import nn
from torch.utils.data import DataLoader

from fuzz_inputs import Case
from fuzz_verdicts import check_finite, verdict
from skaug import (
    AugmentationSearchCV,
    HardRegionSampler,
    IHDAFinetuner,
    InfluenceAugmenter,
    ISDAClassifier,
    ISDALogisticRegression,
    LastLayerInfluence,
    NetClassifier,
    PretrainedFeatures,
    PriorShift,
    ResampledClassifier,
    TransformPolicy,
    class_potentials,
    expected_calibration_error,
    hardness,
    potential,
    report,
    suspicious_labels,
    worst_group_accuracy,
)
from skaug.comparison import Budgets, Method, Task
from skaug.files import read_file
from skaug.signals import MagnitudeSpectrum, frame_segments
from skaug.transforms import Jitter

N = 60
SHORT = {"max_epochs": 2, "random_state": 0}
FEWEST = Budgets(plain=(2,), augmented=(2,), decays=(0.0,), refused=2)
NET = NetClassifier(**SHORT)
NOISE = HardRegionSampler(generator="noise", sampling_strategy="hard", random_state=0)
POLICY = TransformPolicy([Jitter()], n_networks=1)
SENSORS = {"acc": [0, 1, 2]}
TABLE, SIGNALS, IMAGES = (N, 6), (N, 6, 33), (N, 3, 8, 8)


@cache
def rows(shape=TABLE):
    """Rows of a shape, three activities, and six people."""
    codes = np.arange(N) % 3
    X = np.random.RandomState(0).normal(size=shape)
    X[:, :3] += 2.0 * codes.reshape(-1, *[1] * (len(shape) - 1))
    return X, np.array(["run", "sit", "walk"])[codes], np.arange(N) // 10


# The doors. Each gives what it makes of rows, labels and groups, as numbers. ``clean``
# are the labels before they were bent.


def fit(model, X, y, groups=None):
    """A copy of the model, fitted."""
    return clone(model).fit(X, y, **({} if groups is None else {"groups": groups}))


@cache
def pickled_net(labels):
    return pickle.dumps(fit(NET, rows()[0], np.array(labels)))


def net_of(labels):
    """A net of its own for the caller, fitted to clean rows with these labels."""
    return pickle.loads(pickled_net(tuple(labels.tolist())))


def codes_of(labels):
    return np.unique(np.asarray(labels), return_inverse=True)[1]


def predicting(model):
    def door(X, y, groups, clean):
        new = fit(model, X, y, groups)
        assert new.classes_.tolist() == np.unique(clean).tolist()
        return np.column_stack([new.predict_proba(X), codes_of(new.predict(X))])

    return door


def transforming(model):
    return lambda X, y, groups, clean: np.asarray(fit(model, X, y, groups).transform(X))


def resampling(X, y, groups, clean):
    X, y = clone(NOISE).fit_resample(X, y, groups)
    return np.column_stack([np.asarray(X, dtype=float), codes_of(y)])


def influence(X, y, groups, clean):
    model = LastLayerInfluence(random_state=0).fit(X, y)
    return model.predicted_loss_change(X, clean)


def influence_on_others(X, y, groups, clean):
    model = LastLayerInfluence(random_state=0).fit(rows()[0], clean)
    return model.predicted_loss_change(X, y)


def influence_on_a_net(X, y, groups, clean):
    net = net_of(clean)
    return LastLayerInfluence(net, random_state=0).fit(X, y).errors_.numpy()


def frozen(X, y, groups, clean):
    shift = PriorShift(FrozenEstimator(net_of(clean)))
    return shift.fit(X, y).predict_proba(X)


def augmenting(X, y, groups, clean):
    X, y = clone(AUGMENTER).fit_resample(X, y, groups)
    return np.column_stack([np.asarray(X, dtype=float), codes_of(y)])


def held_out(X, y, groups, clean):
    augmenter = clone(AUGMENTER).fit(rows()[0], clean, X_val=X, y_val=y)
    return augmenter.estimator_.predict_proba(rows()[0])


def reported(X, y, groups, clean):
    with pytest.MonkeyPatch.context() as without:
        # Figures, which take most of the time, do not look at how rows came.
        without.setitem(sys.modules, "matplotlib", None)
        card = report(net_of(clean), X, y, groups)
    return np.array([card.scores["log_loss"].estimator])


def doubts(X, y, groups, clean):
    return suspicious_labels(X, y, groups=groups).scores


def potentials(X, y, groups, clean):
    return potential(X, y, radius=2.0, metric="euclidean", groups=groups)


def potentials_of_others(X, y, groups, clean):
    return class_potentials(X, X, y, radius=2.0, metric="euclidean")


def worst(X, y, groups, clean):
    groups = rows()[2] if groups is None else groups
    return np.array([worst_group_accuracy(y, np.roll(clean, 1), groups)])


def calibration(X, y, groups, clean):
    p = np.random.RandomState(0).dirichlet([1, 1, 1], N)
    return np.array([expected_calibration_error(y, p)])


def drawn(X, y, groups, clean):
    return codes_of(Task("own", X, y, groups, n_rows=40).draw(0).train.y)


def framed(X, y, groups, clean):
    cut = frame_segments(rows(SIGNALS)[0], y, groups, frame_length=16)
    return np.column_stack([codes_of(cut.y), codes_of(cut.groups)])


def with_two_views(X, y, groups, clean):
    X, y = PretrainedFeatures(nn.Tanh()).fit(X).with_views(X, y)
    return np.column_stack([X, codes_of(y)])


AUGMENTER = InfluenceAugmenter(
    NET, augmentation=POLICY, guard=False, cv=0.4, random_state=0
)
# One setting: how many a method has does not look at how rows came.
ONE = Method("one", lambda setup, value: setup.net(kind=ISDAClassifier))
SEARCH = AugmentationSearchCV(NET, [ONE], cv=2, budget=FEWEST, random_state=0)
# Doors of a table of numbers, and what they ask for.
DOORS = {
    "NetClassifier": predicting(NET),
    "ISDAClassifier": predicting(ISDAClassifier(**SHORT)),
    "ISDALogisticRegression": predicting(ISDALogisticRegression(C=1.0, temperature=1)),
    "ResampledClassifier": predicting(ResampledClassifier(NOISE, LogisticRegression())),
    "PriorShift": predicting(PriorShift(NET)),
    "PriorShift, frozen": frozen,
    "IHDAFinetuner": predicting(
        IHDAFinetuner(NET, generator="noise", levels=["blocks.1"], random_state=0)
    ),
    "InfluenceAugmenter": augmenting,
    "InfluenceAugmenter, y_val": held_out,
    "AugmentationSearchCV": predicting(SEARCH),
    "HardRegionSampler": resampling,
    "HardRegionSampler, potentials": transforming(
        HardRegionSampler(output="potentials")
    ),
    "LastLayerInfluence": influence,
    "LastLayerInfluence, y_val": influence_on_others,
    "LastLayerInfluence of a net": influence_on_a_net,
    "PretrainedFeatures": with_two_views,
    "report": reported,
    "suspicious_labels": doubts,
    "hardness": lambda X, y, groups, clean: hardness(X, y, groups=groups),
    "potential": potentials,
    "class_potentials": potentials_of_others,
    "worst_group_accuracy": worst,
    "expected_calibration_error": calibration,
    "Task": drawn,
    "frame_segments": framed,
}

# Kinds of input: how clean input is bent, and the sentence that is said of it. Without
# a sentence the result has to be that of clean input.

MISSING = "needs a {} for every row; got 1 of 60 missing in {}, the first in row 7. "
OF_ONE_TYPE = "needs {}s of one type; got .*Make all of them strings, say"
ONE_EACH = r"needs one {} per row, shape \(\d+,\); got .* of shape \(\d+,\)"


def with_one(value, dtype=object):
    """Put a value into row 7."""

    def bend(values):
        values = pd.Series(values).astype(dtype)
        values.iloc[7] = value
        return values

    return bend


def masked(values):
    return np.ma.array(values, mask=np.arange(len(values)) == 7)


def nulls_of_polars(values):
    values = [*values.tolist()]
    values[7] = None
    return pl.Series(values)


def days(values):
    return pd.Series(pd.to_datetime("2026-01-01") + pd.to_timedelta(values, unit="D"))


PER_ROW = {  # of labels and of groups, both given as names and as whole numbers
    "names: None": (with_one(None), MISSING),
    "names: NaN": (with_one(np.nan), MISSING),
    "names: NaN in a list": (lambda v: with_one(np.nan)(v).tolist(), MISSING),
    "names: pandas.NA": (with_one(pd.NA, "string"), MISSING),
    "names: a category without": (with_one(None, "category"), MISSING),
    "names: null of polars": (nulls_of_polars, MISSING),
    "names: masked": (masked, MISSING),
    "names: several types": (with_one(3), OF_ONE_TYPE),
    "names: one too few": (lambda v: v[:-1], ONE_EACH),
    "names: categories": (lambda v: pd.Series(v, dtype="category"), None),
    "names: a series": (pd.Series, None),
    "names: polars": (pl.Series, None),
    "names: a list": (list, None),
    "codes: NaN": (with_one(np.nan, float), MISSING),
    "codes: pandas.NA": (with_one(pd.NA, "Int64"), MISSING),
    "codes: null of polars": (nulls_of_polars, MISSING),
    "codes: masked": (masked, MISSING),
    "codes: NaT": (lambda v: with_one(pd.NaT, "M8[ns]")(days(v)), MISSING),
    "codes: objects": (lambda v: v.astype(object), None),
    "codes: nullable": (lambda v: pd.Series(v, dtype="Int64"), None),
    "codes: polars": (pl.Series, None),
    "codes: a column": (lambda v: v[:, None], None),
    "codes: a frame": (lambda v: pd.DataFrame({"y": v}), None),
}
NO_NAMES = "needs labels that are numbers, texts or booleans; got {}.*astype"
LABELS = {
    **PER_ROW,
    "codes: intervals": (lambda v: pd.cut(v, 3), NO_NAMES.format("Interval")),
    "codes: days": (days, NO_NAMES.format("datetime64")),
    "codes: bytes": (lambda v: v.astype("S"), NO_NAMES.format(r"\|S")),
    "codes: measurements": (lambda v: v + 0.25 * (np.arange(N) % 7), "Bin them"),
    "codes: beyond float64": (lambda v: pd.Series(v, dtype="Int64"), None),
}


def column(values):
    """Put other values into the second column of a frame."""

    def bend(X):
        frame = pd.DataFrame(X, columns=[f"s{j}" for j in range(X.shape[1])])
        frame["s1"] = values(frame["s1"])
        return frame

    return bend


def frozen_columns(X):
    X = np.array(X, order="F")
    X.setflags(write=False)
    return X


def masked_cell(X):
    return np.ma.array(X, mask=np.arange(X.size).reshape(X.shape) == 7)


NAMED = "needs columns of numbers; got column 's1'"
WHERE = np.where(np.arange(N) % 2, "in", "out")
ROWS = {
    "text": (
        column(lambda s: WHERE),
        f"{NAMED} of dtype .*'(in|out)' in it. Encode it",
    ),
    "category": (
        column(lambda s: pd.Categorical(WHERE)),
        f"{NAMED} of dtype category.*Encode it",
    ),
    "decimal commas": (
        column(lambda s: s.map("{:.1f}".format).str.replace(".", ",")),
        f"{NAMED}.*decimal comma: read the file with decimal=','",
    ),
    "a mark": (
        column(lambda s: with_one("?")(s)),
        rf"{NAMED}.*'\?' in it. Most others are numbers",
    ),
    "times": (
        column(lambda s: days(np.arange(N))),
        f"{NAMED} of times, datetime64.*Leave it out",
    ),
    "only times": (
        lambda X: pd.DataFrame({"s1": days(np.arange(N))}),
        f"{NAMED} of times",
    ),
    "days in an array": (
        lambda X: X.astype(int).astype("M8[D]"),
        r"needs rows of numbers; got datetime64\[D\]. Convert them to numbers",
    ),
    "a masked cell": (masked_cell, "contains NaN"),
    "unequal lengths": (
        lambda X: [np.zeros((3, 50 + i % 3)) for i in range(N)],
        r"needs rows of one shape; got 60 rows of shapes \(3, 50\).*frame_segments",
    ),
    "an array of arrays": (
        lambda X: pd.Series(list(X)).to_numpy(),
        r"needs an array of numbers; got an array of 60 arrays. Give numpy.stack\(X\)",
    ),
    "nothing masked": (np.ma.array, None),
    "bytes in the other order": (lambda X: X.astype(">f8"), None),
    "a frame of bytes in the other order": (
        lambda X: pd.DataFrame(X.astype(">f8")),
        "columns in the byte order of this machine; got column 0 of dtype >f8. Give",
    ),
    "backwards in memory": (lambda X: X[::-1].copy()[::-1], None),
    "read-only, Fortran order": (frozen_columns, None),
    "objects": (lambda X: pd.DataFrame(X).astype(object), None),
    "nullable": (lambda X: pd.DataFrame(X).convert_dtypes(convert_integer=False), None),
    "a list of lists": (lambda X: X.tolist(), None),
    "polars": (lambda X: pl.DataFrame(X, schema=[f"s{j}" for j in range(6)]), None),
}
OF_PANDAS = "needs a frame of pandas, or an array; got a polars DataFrame"
CATEGORIES = "columns of texts are coded one-hot there"
OTHERWISE = {  # another sentence, or None and the reason why a pair is left out
    ("frame_segments", "names: one too few"): r"needs .*; got (shape )?\(59,\)\. Give",
    ("Task", "polars"): OF_PANDAS,
    ("AugmentationSearchCV", "polars"): OF_PANDAS,
    **{
        (door, kind): (None, CATEGORIES)
        for door in ("Task", "AugmentationSearchCV")
        for kind in ("text", "category")
    },
}
WITHOUT_GROUPS = {
    "PriorShift, frozen",
    "InfluenceAugmenter, y_val",
    "HardRegionSampler, potentials",
    "LastLayerInfluence",
    "LastLayerInfluence, y_val",
    "LastLayerInfluence of a net",
    "PretrainedFeatures",
    "class_potentials",
    "expected_calibration_error",
}
WITHOUT_ROWS = {"worst_group_accuracy", "expected_calibration_error", "frame_segments"}


def cases():
    """Each door with each kind that concerns it: door, argument, kind, sentence."""
    for argument, kinds, without in (
        ("y", LABELS, ()),
        ("groups", PER_ROW, WITHOUT_GROUPS),
        ("X", ROWS, WITHOUT_ROWS),
    ):
        for door in DOORS:
            for kind, (_, says) in kinds.items():
                says = OTHERWISE.get((door, kind), says)
                if door not in without and not isinstance(says, tuple):
                    yield door, argument, kind, says


CASES = list(cases())


def labels_of(kind):
    """Which clean labels and groups are bent: names, whole numbers or large ones."""
    if not kind.startswith("codes"):
        return "names"
    return "large" if "beyond" in kind else "codes"


def clean(labels):
    """Clean rows, labels and groups; labels and groups are names or whole numbers."""
    X, y, groups = rows()
    if labels == "names":
        return {"X": X, "y": y, "groups": np.array([f"person {i}" for i in groups])}
    y = codes_of(y) + (2**53 if labels == "large" else 0)
    return {"X": X, "y": y, "groups": groups}


@cache
def from_clean(door, labels, with_groups):
    given = clean(labels)
    groups = given["groups"] if with_groups else None
    return DOORS[door](given["X"], given["y"], groups, given["y"])


@pytest.mark.parametrize(("door", "argument", "kind", "says"), CASES)
def test_each_kind_at_each_door(door, argument, kind, says):
    given = clean(labels_of(kind))
    true, with_groups = given["y"], argument == "groups"
    bend = {"y": LABELS, "groups": PER_ROW, "X": ROWS}[argument][kind][0]
    given[argument] = bend(given[argument])
    groups = given["groups"] if with_groups else None
    if says is not None:
        what = "label" if argument == "y" else "group"
        name = "(y|y_val|y_true|groups)"
        with pytest.raises(ValueError, match=says.format(what, name)):
            DOORS[door](given["X"], given["y"], groups, true)
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", UnicodeWarning)
        made = DOORS[door](given["X"], given["y"], groups, true)
        expected = from_clean(door, labels_of(kind), with_groups)
    np.testing.assert_allclose(made, expected, rtol=1e-12)


# Rows that are too few to learn from, and what is not there at all. Segments need no
# labels.

FEW = {
    "no rows": lambda X, y, groups: (X[:0], y[:0], groups[:0]),
    "one row": lambda X, y, groups: (X[:1], y[:1], groups[:1]),
    "no labels": lambda X, y, groups: (X, None, groups),
    "groups of None": lambda X, y, groups: (X, y, [None] * len(y)),
}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("kind", FEW)
@pytest.mark.parametrize("door", [d for d in DOORS if d != "frame_segments"])
def test_few_rows_are_taken_or_refused_in_a_sentence(door, kind):
    X, y, groups = FEW[kind](*rows())
    groups = None if door in WITHOUT_GROUPS else groups

    def open_door(case):
        made = DOORS[door](X, y, groups, rows()[1] if y is None else y)
        check_finite(made, what=door)

    outcome, said = verdict(open_door, Case(None, "table", kinds=[kind]))
    assert outcome in ("right", "refused"), said


# Where the channels are.


def searching(X, y, groups, channels_last):
    search = clone(SEARCH).set_params(channels_last=channels_last).fit(X, y)
    return search.predict_proba(X)


def of_net(model):
    def door(X, y, groups, channels_last):
        new = clone(model)
        inner = getattr(new, "estimator", new)
        inner.set_params(channels_last=channels_last)
        return new.fit(X, y).predict_proba(X)

    return door


def influenced(X, y, groups, channels_last):
    net = clone(NET).set_params(channels_last=channels_last).fit(X, y)
    return LastLayerInfluence(net, random_state=0).fit(X, y).errors_.numpy()


def augmented(X, y, groups, channels_last):
    net = clone(NET).set_params(channels_last=channels_last)
    augmenter = clone(AUGMENTER).set_params(estimator=net)
    return augmenter.fit(X, y).estimator_.predict_proba(X)


def read(X, y, groups, channels_last):
    with TemporaryDirectory() as folder:
        path = Path(folder, "rows.npz")
        np.savez(path, x=X, y=y)
        return read_file(path, channels_last=channels_last).X


def drawn_rows(X, y, groups, channels_last):
    return Task("own", X, y, channels_last=channels_last).draw(0).train.X


def spectra(X, y, groups, channels_last):
    return MagnitudeSpectrum(channels_last=channels_last).fit_transform(X)


def cut(X, y, groups, channels_last):
    frames = frame_segments(X, y, frame_length=6, channels_last=channels_last)
    return np.asarray(frames.X)


WITH_AXES = {
    "NetClassifier": of_net(NET),
    "ISDAClassifier": of_net(ISDAClassifier(**SHORT)),
    "IHDAFinetuner": of_net(
        IHDAFinetuner(NET, generator="noise", levels=["blocks.1"], random_state=0)
    ),
    "InfluenceAugmenter": augmented,
    "LastLayerInfluence": influenced,
    "AugmentationSearchCV": searching,
    "Task": drawn_rows,
    "read_file": read,
    "MagnitudeSpectrum": spectra,
    "frame_segments": cut,
}
OF_SIGNALS = {"MagnitudeSpectrum", "frame_segments"}  # these take no images
HOLDING = {"Task", "read_file"}  # these learn nothing from rows
TAKEN_WITHOUT_ASKING = {"read_file"}  # images of colours are moved, and that is told


@pytest.mark.parametrize(
    ("door", "shape"),
    [
        *((door, SIGNALS) for door in WITH_AXES),
        *((door, IMAGES) for door in WITH_AXES if door not in OF_SIGNALS),
    ],
)
def test_channels_that_come_last(door, shape):
    X, y, groups = rows(shape)
    lying = np.ascontiguousarray(np.moveaxis(X, 1, -1))
    through = WITH_AXES[door]
    expected = through(X, y, groups, None)
    if shape == SIGNALS or door not in TAKEN_WITHOUT_ASKING:
        with pytest.raises(ValueError, match="needs X of shape") as error:
            through(lying, y, groups, None)
        # The advice, typed as it stands.
        line = re.search(r"give X(\.transpose\(.*?\))", str(error.value))[1]
        np.testing.assert_array_equal(eval(f"lying{line}"), X)
        assert "channels_last=False" in str(error.value)
    if door == "InfluenceAugmenter":
        with pytest.raises(ValueError, match="an estimator that takes channels first"):
            through(lying, y, groups, True)
    else:
        moved = through(lying, y, groups, True)
        np.testing.assert_allclose(moved, expected, rtol=1e-5, atol=1e-6)
    assert len(through(lying, y, groups, False))  # as somebody means it


@pytest.mark.parametrize("door", [d for d in WITH_AXES if d not in HOLDING])
def test_signals_of_no_channel(door):
    X, y, groups = rows(SIGNALS)
    with pytest.raises(ValueError, match=r"needs .*; got .*\(\d+, 0, 33\)"):
        WITH_AXES[door](X[:, :0], y, groups, None)


# What cannot train, and the corners of skorch: parameters of a net, at each door that
# trains one. Without a sentence the result has to be that of other parameters.


class Ending(nn.Sequential):
    """A linear network with something after it."""

    def __init__(self, last=None, n_outputs=3):
        super().__init__(nn.Linear(6, n_outputs), *([last] if last else []))
        for weight in self.parameters():
            nn.init.constant_(weight, 0.1)


def share(cv):
    return {"train_split": ValidSplit(cv, stratified=True)}


OF_NETS = {
    "NetClassifier": (NET, ""),
    "ISDAClassifier": (ISDAClassifier(**SHORT), ""),
    "PriorShift": (PriorShift(NET), "estimator__"),
    "IHDAFinetuner": (
        IHDAFinetuner(NET, generator="noise", levels=["blocks.1"], random_state=0),
        "estimator__",
    ),
    "InfluenceAugmenter": (AUGMENTER, "estimator__"),
    "AugmentationSearchCV": (SEARCH, "estimator__"),
}
SETTINGS = {
    "lr of 1e30": ({"lr": 1e30}, "needs .* finite; .* epoch .*Lower lr|needs weights "),
    "a softmax too many": (
        {"module": Ending(nn.Softmax(1))},
        "needs logits from the module|got probabilities",
    ),
    "log-softmax and NLLLoss": (
        {"module": Ending(nn.LogSoftmax(1)), "criterion": nn.NLLLoss},
        "needs probabilities from the module|criterion to be a class derived from ISDA",
    ),
    "an output too many": (
        {"module": Ending(n_outputs=4)},
        r"one output per class, of shape \(2, 3\).* got \(2, 4\)",
    ),
    "outputs of a class": (
        {"module": Ending, "module__n_outputs": 4},
        "got .*Set module__n_outputs=3",
    ),
    "nothing to stop by": (
        {"callbacks": [("stop", EarlyStopping())]},
        "needs rows to hold out for EarlyStopping, .*Set train_split=0.2",
    ),
    "a callback alone": ({"callbacks": EarlyStopping()}, "callbacks to be .* a list"),
    "a share above 1": ({"train_split": 1.5}, "needs train_split to be"),
    "two weights of three": (
        {"criterion__weight": [1.0, 2.0]},
        "needs criterion__weight to be 3 finite numbers",
    ),
    "a share": ({"train_split": 0.2}, share(0.2)),
    "a number of folds": ({"train_split": 5}, share(5)),
    "a list of weights": (
        {"criterion__weight": [1, 2, 1]},
        {"criterion__weight": torch.tensor([1.0, 2.0, 1.0])},
    ),
    "a last batch of one": (
        {"iterator_train": DataLoader, "batch_size": 19},
        {"iterator_train": DataLoader, "batch_size": 19},
    ),
}


def trained(door, settings):
    """What the door makes of clean rows with settings of its net."""
    X, y, _ = rows()
    model, prefix = OF_NETS[door]
    params = {f"{prefix}{name}": value for name, value in settings.items()}
    model = clone(model).set_params(**params).fit(X, y)
    return getattr(model, "estimator_", model).predict_proba(X)


@pytest.mark.parametrize("kind", SETTINGS)
@pytest.mark.parametrize("door", OF_NETS)
def test_settings_that_cannot_train(door, kind):
    settings, says = SETTINGS[kind]
    if isinstance(says, dict):
        made = trained(door, settings)
        np.testing.assert_allclose(made, trained(door, says), rtol=1e-6)
        np.testing.assert_allclose(made.sum(axis=1), 1, rtol=1e-5)
        return
    with pytest.raises(ValueError, match=says):
        trained(door, settings)


WEIGHED = {
    **{door: OF_NETS[door][0] for door in list(OF_NETS)[:4]},
    "ISDALogisticRegression": ISDALogisticRegression(C=1.0, temperature=1),
}
ODD = np.arange(N) % 2 == 1
WEIGHTS = {
    "negative": (np.where(ODD, 1.0, -1.0), "finite and 0 or more; got -1.0 for row 0"),
    "NaN": (np.where(ODD, 1.0, np.nan), "finite and 0 or more; got nan for row 0"),
    "masked": (np.ma.array(np.ones(N), mask=ODD), "got nan for row 1"),
    "one too few": (np.ones(N - 1), r"shape \(60,\); got shape \(59,\)"),
    "texts": (["much"] * N, "needs sample_weight to be numbers"),
    "zeros": (np.zeros(N), "needs a sample_weight above 0"),
    "ones": (np.ones(N), np.arange(N)),
    "a list": ([1] * N, np.arange(N)),
    "zeros and ones": (ODD.astype(int), np.flatnonzero(ODD)),
}


@pytest.mark.parametrize("kind", WEIGHTS)
@pytest.mark.parametrize("door", WEIGHED)
def test_weights_of_rows(door, kind):
    (weight, says), (X, y, _) = WEIGHTS[kind], rows()
    model = WEIGHED[door]
    if isinstance(says, str):
        with pytest.raises(ValueError, match=says):
            clone(model).fit(X, y, sample_weight=weight)
        return
    weighted = clone(model).fit(X, y, sample_weight=weight).predict_proba(X)
    alone = clone(model).fit(X[says], y[says]).predict_proba(X)
    np.testing.assert_allclose(weighted, alone, atol=1e-5)
