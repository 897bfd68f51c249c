"""Models in files without pickle: bit for bit, whole, and nothing that was not meant.

What every estimator gives back after a file is in tests/contracts/test_estimators.py.
"""

import json
import pickle
import pickletools
import re
import struct
import threading
from functools import cache
from io import BytesIO
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
import torch
from helpers import few_rows, few_steps, ignores, mirror, refused, refuses, weights
from safetensors import safe_open
from safetensors.numpy import save_file
from sklearn.base import BaseEstimator, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from skorch.callbacks import Checkpoint, EarlyStopping, LRScheduler
from skorch.exceptions import DeviceWarning
from torch import nn

import skaug
from skaug import (
    AugmentationSearchCV,
    BatchAugmentation,
    ClassCovariance,
    Cutout,
    CVAEGenerator,
    GaussianGenerator,
    HardPoints,
    HardRegionSampler,
    IHDAFinetuner,
    InfluenceAugmenter,
    InterpolationGenerator,
    ISDAClassifier,
    ISDALogisticRegression,
    ISDALoss,
    LastLayerInfluence,
    ManifoldMixup,
    NeighborGenerator,
    NetClassifier,
    NetworkAugmentation,
    NoiseGenerator,
    PretrainedFeatures,
    PriorShift,
    ResampledClassifier,
    TableMixup,
    TransformPolicy,
    VAEGenerator,
    load,
    save,
)
from skaug.comparison import Budgets
from skaug.net import MLP, ConvNet, SignalNet
from skaug.saving import model_files
from skaug.signals import MagnitudeSpectrum
from skaug.transforms import Jitter, PerSample, RandomCropFlip, Scaling
from skaug.transforms.torchvision import torchvision, v2

# A few rows and steps are enough to be kept.
pytestmark = [few_rows, few_steps, refused, ignores("AugmentationSearchCV")]

DOCS = Path(__file__).parents[2] / "docs"
FRAME, CODES = load_iris(return_X_y=True, as_frame=True)
X = FRAME.to_numpy(np.float32)
LABELS = np.array(["setosa", "versicolor", "virginica"])[CODES]
IMAGES = np.random.default_rng(0).random((30, 3, 8, 8)).astype(np.float32)
SHORT = {"max_epochs": 2, "random_state": 0}
NET = NetClassifier(module__hidden=(8,), **SHORT)
FEW = Budgets(plain=(10,), augmented=(20,), decays=(0.01,), refused=10)


class TwoPaths(nn.Module):
    """A network of the user's own, whose layers are shared between two paths."""

    def __init__(self, n_features, n_classes, width=8):
        super().__init__()
        self.first = nn.Linear(n_features, width)
        self.second = self.first
        self.head = nn.Linear(width, n_classes)

    def forward(self, X):
        return self.head(self.first(X).relu() + self.second(-X).tanh())


class Doubling(BaseEstimator):
    """A step of the user's own."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return 2 * np.asarray(X)

    def __sklearn_is_fitted__(self):
        return True


@pytest.fixture
def kept(tmp_path):
    """Function that saves a model, and loads it again."""

    def through_a_file(model, types=()):
        save(model, tmp_path / "model")
        return load(tmp_path / "model", types)

    return through_a_file


@pytest.fixture
def rewritten(tmp_path):
    """Function that loads a model from a file whose contents a function changed."""

    def through_another_file(model, change, types=()):
        path = tmp_path / "model"
        save(model, path)
        with safe_open(path, framework="np") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            metadata = file.metadata()
        contents = {key: json.loads(metadata[key]) for key in ("model", "versions")}
        change(contents, arrays)
        metadata |= {key: json.dumps(value) for key, value in contents.items()}
        del metadata["sha256"]
        # Whoever changes a file can change its checksum as well.
        metadata["sha256"] = model_files._digest(metadata, arrays)
        save_file(arrays, path, metadata)
        return load(path, types)

    return through_another_file


def nodes_of(tree, kind=None):
    """Dictionaries in a tree, those of a kind."""
    if isinstance(tree, dict):
        if kind in (None, tree.get("kind")):
            yield tree
        tree = list(tree.values())
    for one in tree if isinstance(tree, list) else []:
        yield from nodes_of(one, kind)


def set_attribute(node, name, value):
    """Change an attribute of an object, as a file has it."""
    (pair,) = (pair for pair in node["state"] if pair[0] == name)
    pair[1] = value


def equal(actual, expected):
    np.testing.assert_array_equal(np.asarray(actual), np.asarray(expected))


# Models


def test_a_pipeline_of_a_frame_keeps_labels_columns_and_history(kept):
    pipe = make_pipeline(StandardScaler(), clone(NET)).fit(FRAME, LABELS)
    again = kept(pipe)
    equal(again.predict_proba(FRAME), pipe.predict_proba(FRAME))
    equal(again.predict(FRAME), pipe.predict(FRAME))
    assert again.classes_.dtype == pipe.classes_.dtype
    assert again.classes_.tolist() == ["setosa", "versicolor", "virginica"]
    equal(again.feature_names_in_, FRAME.columns)
    assert again[-1].history == pipe[-1].history
    assert repr(again) == repr(pipe)
    with refuses("feature names"):
        again.predict(FRAME.rename(columns=str.upper))


def columns():
    """Columns of a frame, each handled in its own way."""
    steps = [
        ("scaled", StandardScaler(), ["sepal length (cm)", "sepal width (cm)"]),
        ("coded", OneHotEncoder(sparse_output=False), ["petal width (cm)"]),
    ]
    return ColumnTransformer(steps, remainder="passthrough")


def grid():
    grid = {"netclassifier__lr": [0.1, 0.01]}
    return GridSearchCV(make_pipeline(StandardScaler(), clone(NET)), grid, cv=2)


MODELS = {
    "columns": lambda: make_pipeline(columns(), clone(NET)),
    "features of a sampler": lambda: make_pipeline(
        FeatureUnion([("potentials", HardRegionSampler(output="potentials"))]),
        LogisticRegression(),
    ),
    "functions": lambda: make_pipeline(FunctionTransformer(np.log1p), clone(NET)),
    "grid": grid,
    "calibrated": lambda: CalibratedClassifierCV(clone(NET), cv=2),
    "resampled": lambda: ResampledClassifier(
        HardRegionSampler(generator="noise", sampling_strategy="hard", random_state=0),
        LogisticRegression(max_iter=500),
    ),
    "other parts of torch": lambda: NetClassifier(
        nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.Linear(8, 3)),
        optimizer=torch.optim.SGD,
        optimizer__momentum=0.9,
        criterion__label_smoothing=0.1,
        iterator_train=torch.utils.data.DataLoader,
        **SHORT,
    ),
    "callbacks": lambda: NetClassifier(
        MLP,
        train_split=0.2,
        lr_schedule="constant",
        callbacks=[EarlyStopping(), LRScheduler("MultiStepLR", milestones=[1, 2])],
        **SHORT,
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_compositions(name, kept):
    model = MODELS[name]().fit(FRAME, LABELS)
    again = kept(model)
    equal(again.predict_proba(FRAME), model.predict_proba(FRAME))
    equal(again.predict(FRAME), model.predict(FRAME))
    assert repr(again) == repr(model)


# Every kind of the guide's list


def is_fitted(model):
    return any(name.endswith("_") for name in vars(model))


def of_images(callback):
    return NetClassifier(callbacks=[callback], **SHORT).fit(IMAGES, HALVES)


def generator(kind, **params):
    return kind(**params).fit(torch.tensor(X), torch.tensor(CODES.to_numpy()))


def augmenter(augmentation):
    params = {"augmentation": augmentation, "guard": False, "random_state": 0}
    return InfluenceAugmenter(clone(NET), **params).fit(X, CODES)


@cache
def searched():
    search = AugmentationSearchCV(
        methods=["ISDA", "heuristics"], cv=2, budget=FEW, random_state=0
    )
    return search.fit(FRAME, LABELS)


def statistics():
    statistics = ClassCovariance(3, 4)
    statistics.update(torch.tensor(X), torch.tensor(CODES.to_numpy()))
    return statistics


HALVES = np.arange(30) % 2
POLICY = TransformPolicy([Jitter(0.1), Scaling(0.1)], n_networks=1)
KINDS = {
    "NetClassifier": lambda: clone(NET),
    "ISDAClassifier": lambda: ISDAClassifier(**SHORT),
    "ISDALogisticRegression": ISDALogisticRegression,
    "IHDAFinetuner": lambda: IHDAFinetuner(NET, generator="noise", random_state=0),
    "ResampledClassifier": lambda: MODELS["resampled"](),
    "PriorShift": lambda: PriorShift(LogisticRegression(max_iter=500)),
    "AugmentationSearchCV": searched,
    "HardRegionSampler": lambda: HardRegionSampler(random_state=0),
    "InfluenceAugmenter": lambda: augmenter(POLICY),
    "PretrainedFeatures": lambda: PretrainedFeatures(nn.Linear(4, 3)).fit(X),
    "MagnitudeSpectrum": MagnitudeSpectrum,
    "LastLayerInfluence": LastLayerInfluence,
    "NeighborGenerator": lambda: generator(NeighborGenerator),
    "InterpolationGenerator": lambda: generator(InterpolationGenerator),
    "GaussianGenerator": lambda: generator(GaussianGenerator),
    "NoiseGenerator": lambda: generator(NoiseGenerator),
    "VAEGenerator": lambda: generator(VAEGenerator, latent_dim=2, steps=3),
    "CVAEGenerator": lambda: generator(CVAEGenerator, latent_dim=2, steps=3),
    "HardPoints": lambda: HardPoints("hard").fit(torch.tensor(X), CODES.to_numpy()),
    "BatchAugmentation": lambda: of_images(BatchAugmentation(RandomCropFlip(1))),
    "TransformPolicy": lambda: augmenter(POLICY),
    "NetworkAugmentation": lambda: augmenter(
        NetworkAugmentation(steps=2, pretrain_steps=2)
    ),
    "ManifoldMixup": lambda: of_images(BatchAugmentation(ManifoldMixup())),
    "TableMixup": TableMixup,
    "Cutout": lambda: of_images(BatchAugmentation(Cutout(2))),
    "ISDALoss": lambda: ISDALoss(3, 4),
    "ClassCovariance": statistics,
    "MLP": lambda: MLP(4, 3),
    "SignalNet": lambda: SignalNet(2, 3),
    "ConvNet": lambda: ConvNet(3, 2),
    "Pipeline": lambda: make_pipeline(StandardScaler(), clone(NET)),
    "ColumnTransformer": lambda: MODELS["columns"](),
    "FeatureUnion": lambda: MODELS["features of a sampler"](),
    "GridSearchCV": lambda: MODELS["grid"](),
    "CalibratedClassifierCV": lambda: MODELS["calibrated"](),
    "StandardScaler": StandardScaler,
    "LogisticRegression": lambda: LogisticRegression(max_iter=500),
}


def kinds_of_the_guide():
    """Names in the list of the guide."""
    text = (DOCS / "tools" / "composing.rst").read_text()
    table = text.split(".. list-table:: What can be saved")[1].split("\n\nThe file")[0]
    return set(re.findall(r"`(?:~[\w.]+\.)?(\w+)`", table)) - {"transforms"}


def test_the_list_of_the_guide_is_whole():
    classes = {name for name in skaug.__all__ if isinstance(getattr(skaug, name), type)}
    pictures = {name for name in classes if name.endswith("Display")} | {"ModelCard"}
    # Of skaug.net, skaug.signals and scikit-learn:
    of_others = {name for name in KINDS if not hasattr(skaug, name)}
    assert kinds_of_the_guide() == classes - pictures | of_others == set(KINDS)


@pytest.mark.parametrize("name", KINDS)
def test_a_file_that_is_loaded_and_saved_again_has_the_same_numbers(name, tmp_path):
    model = KINDS[name]()
    if hasattr(model, "fit") and not is_fitted(model):
        model.fit(FRAME, LABELS)
    save(model, tmp_path / "first")
    again = load(tmp_path / "first")
    save(again, tmp_path / "second")
    assert type(again) is type(model) and repr(again) == repr(model)
    assert f":{name}".encode() in (tmp_path / "first").read_bytes()
    files = [safe_open(tmp_path / one, framework="np") for one in ("first", "second")]
    assert set(files[0].keys()) == set(files[1].keys())
    for key in files[0].keys():  # noqa: SIM118
        first, second = (file.get_tensor(key) for file in files)
        assert first.dtype == second.dtype and first.tobytes() == second.tobytes()


@pytest.mark.parametrize(
    "transform",
    [RandomCropFlip(1), PerSample(v2.Compose([v2.RandomAffine(9, fill=0.5)]))],
    ids=["ours", "torchvision"],
)
def test_networks_of_images_with_augmented_batches(transform, kept):
    augment = BatchAugmentation(transform, refine_epochs=1)
    net = NetClassifier(callbacks=[("augment", augment)], **SHORT)
    net.fit(IMAGES, np.arange(30) % 2)
    equal(kept(net).predict_proba(IMAGES), net.predict_proba(IMAGES))


@pytest.mark.parametrize("backbone", ["efficientnet_lite0", "resnet18"])
def test_networks_that_others_have_trained(backbone, kept):
    if backbone == "resnet18":  # its weights by name are downloaded
        backbone = torchvision.models.resnet18()
    pipe = make_pipeline(PretrainedFeatures(backbone), LogisticRegression())
    pipe.fit(IMAGES[:4], [0, 1, 0, 1])
    equal(kept(pipe).predict_proba(IMAGES[:2]), pipe.predict_proba(IMAGES[:2]))


def test_results_of_a_search(kept):
    search = searched()
    again = kept(search)
    equal(again.predict_proba(FRAME), search.predict_proba(FRAME))
    assert repr(again.results_) == repr(search.results_)
    assert again.comparison_.table() == search.comparison_.table()
    plain, before = again.plain_estimator_, search.plain_estimator_
    equal(plain.predict_proba(FRAME), before.predict_proba(FRAME))


@pytest.mark.parametrize(
    "generator",
    [
        NoiseGenerator(),
        GaussianGenerator(),
        NeighborGenerator(),
        InterpolationGenerator(),
        VAEGenerator(latent_dim=2, steps=3),
        CVAEGenerator(latent_dim=2, steps=3),
    ],
    ids=lambda generator: type(generator).__name__,
)
def test_generators(generator, kept):
    rows, codes = torch.tensor(X), torch.tensor(CODES.to_numpy())
    generator = clone(generator).fit(rows, codes)
    draws = [
        one.draw(rows, codes, torch.Generator().manual_seed(1))
        for one in (generator, kept(generator))
    ]
    for expected, actual in zip(*draws):
        equal(actual, expected)


@pytest.mark.parametrize(
    "augmentation",
    [
        TransformPolicy([Jitter(0.1), Scaling(0.1)], n_networks=1),
        NetworkAugmentation(steps=2, pretrain_steps=2),
    ],
    ids=["policy", "network"],
)
def test_learned_augmentations(augmentation, kept):
    augmenter = InfluenceAugmenter(
        clone(NET), augmentation=augmentation, guard=False, random_state=0
    )
    learned = augmenter.fit(X, CODES).augmentation_
    views = []
    for one in (learned, kept(learned)):
        torch.manual_seed(0)
        views.append(one(torch.tensor(X), torch.tensor(CODES.to_numpy())))
    for before, after in zip(*views):
        equal(after, before)
    assert not np.array_equal(views[0][0], X)


def test_losses_and_statistics(kept):
    features, codes = torch.tensor(X), torch.tensor(CODES.to_numpy())
    weight = torch.eye(3, 4)
    loss = ISDALoss(3, 4, "low_rank", rank=2, forgetting=0.1)
    arguments = features @ weight.T, codes, features, weight, 0.5
    loss(*arguments)
    again = kept(loss)
    assert again(*arguments) == loss(*arguments)
    statistics = ClassCovariance(3, 4)
    statistics.update(features, codes)
    equal(kept(statistics).covariance, statistics.covariance)


def test_sources_and_features(kept):
    points = HardPoints("hard", radius=0.5).fit(torch.tensor(X), CODES.to_numpy())
    equal(kept(points).indices_, points.indices_)
    body = PretrainedFeatures(nn.Sequential(nn.Linear(4, 5), nn.Tanh()), layer="0")
    equal(kept(body.fit(X)).transform(X), body.transform(X))


@pytest.mark.parametrize("kind", [NetClassifier, ISDAClassifier])
def test_training_goes_on_as_if_nothing_had_happened(kind, kept):
    net = kind(module__hidden=(8,), module__dropout=0.5, **SHORT).fit(X, LABELS)
    again = kept(net)
    for one in (net, again):
        one.partial_fit(X, LABELS)
    equal(weights(again), weights(net))
    assert not np.array_equal(weights(kept(net)), weights(clone(net).fit(X, LABELS)))


def test_weights_that_are_shared_are_shared_again(kept):
    net = NetClassifier(TwoPaths, **SHORT).fit(X, LABELS)
    again = kept(net, types=[TwoPaths])
    assert again.module_.first is again.module_.second
    trained = again.optimizer_.param_groups[0]["params"]
    assert [id(one) for one in trained] == list(map(id, again.module_.parameters()))


@pytest.mark.skipif(torch.cuda.is_available(), reason="the device would be here")
def test_without_the_device_of_a_net_its_weights_are_on_the_cpu(rewritten):
    def change(contents, arrays):
        set_attribute(contents["model"], "device", "cuda")
        for node in nodes_of(contents["model"], "tensor"):
            node["device"] = "cuda:0"

    net = clone(NET).fit(X, LABELS)
    with pytest.warns(DeviceWarning) as told:
        again = rewritten(net, change)
    equal(
        again.partial_fit(X, LABELS).predict(X), net.partial_fit(X, LABELS).predict(X)
    )
    assert again.device == torch.device("cpu")
    assert len(told) == 3  # of the tensors, of the net's device, and of its new one


def test_what_was_not_fitted_is_kept_as_well(kept):
    net = kept(NetClassifier(max_epochs=3, random_state=np.random.RandomState(5)))
    assert repr(net).startswith("NetClassifier(max_epochs=3")
    equal(net.random_state.rand(3), np.random.RandomState(5).rand(3))


# Values

VALUES = {
    "numbers": [0, -1, 2**70, 0.1, 1e-320, -0.0, float("inf"), 1j, True, None],
    "texts": ["", "é", '"quoted"\n', "\ud800", b"\x80\x04"],
    # One letter: the order of several differs between processes.
    "collections": ({1, 2}, frozenset("a"), (1, (2,)), range(3), slice(1, None)),
    "mapping": {1: "a", "1": "b", (1, 2): {}, None: [], 0.5: {"kind": "same"}},
    "scalars": [np.float32(0.1), np.int8(3), np.bool_(True), np.str_("a")],
    "precise scalars": [np.longdouble("0.1"), np.datetime64("2020-01-01", "s")],
    "types": [np.dtype("f4"), np.dtype([("a", "<i2", (2,)), ("b", "U3")]), torch.half],
    "places": [torch.device("cpu"), torch.Size([2, 3])],
    "classes": [NetClassifier, nn.Linear, np.float32, dict, np.log1p],
}


@pytest.mark.parametrize("name", VALUES)
def test_plain_values(name, kept):
    value = VALUES[name]
    again = kept(value)
    assert again == value
    assert repr(again) == repr(value)  # of the same types


ARRAYS = {
    "float": np.arange(6.0).reshape(2, 3),
    "not finite": np.array([np.nan, np.inf, -0.0], np.float16),
    "columns first": np.asfortranarray(np.arange(6).reshape(2, 3)),
    "moved axes": np.arange(24).reshape(2, 3, 4).transpose(1, 2, 0),
    "a part": np.arange(24).reshape(4, 6)[::2, ::-3],
    "no axes": np.array(3),
    "no rows": np.zeros((0, 4), bool),
    "unsigned": np.array([2**64 - 1], np.uint64),
    "other order of bytes": np.arange(3, dtype=">i4"),
    "complex": np.array([1 + 2j]),
    "dates": np.array(["2020-01-01", "NaT"], "datetime64[D]"),
    "records": np.array([(1, 0.5)], [("a", "i1"), ("b", "f8")]),
    "texts": np.array([["a", "long"], ["", "é"]], "<U9"),
    "many texts": np.repeat("label", 10_000),
    "objects": np.array([["a", None], [1.5, (2, 3)]], object),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays(name, kept):
    array = ARRAYS[name]
    again = kept(array)
    assert again.dtype == array.dtype
    equal(again, array)
    assert again.flags.f_contiguous == array.flags.f_contiguous or name == "a part"
    again[...] = array  # They can be written to.


@pytest.mark.parametrize(
    "tensor",
    [
        torch.arange(6.0).reshape(2, 3),
        torch.arange(6.0).reshape(2, 3).T,
        torch.arange(120.0).reshape(2, 3, 4, 5).to(memory_format=torch.channels_last),
        torch.arange(3).to(torch.bfloat16),
        torch.tensor(3.0, dtype=torch.float8_e5m2),
        torch.tensor([1 + 2j]),
        nn.Parameter(torch.zeros(2), requires_grad=False),
        torch.zeros(2, requires_grad=True),
        torch.zeros(1).expand(3, 2),
    ],
    ids=[
        "whole",
        "transposed",
        "channels last",
        "bfloat16",
        "float8",
        "complex",
        "fixed parameter",
        "with gradient",
        "expanded",
    ],
)
def test_tensors(tensor, kept):
    again = kept(tensor)
    assert type(again) is type(tensor)
    assert again.dtype == tensor.dtype and again.requires_grad == tensor.requires_grad
    equal(again.detach().to(torch.complex64), tensor.detach().to(torch.complex64))
    if 0 not in tensor.stride():
        assert again.stride() == tensor.stride()


def test_masked_arrays(kept):
    array = np.ma.MaskedArray([1, 2], [False, True], fill_value=7)
    again = kept(array)
    assert again.tolist() == [1, None] and again.fill_value == 7


@pytest.mark.parametrize("bits", ["MT19937", "PCG64", "Philox", "SFC64"])
def test_random_generators_go_on(bits, kept):
    generator = np.random.Generator(getattr(np.random, bits)(3))
    state = np.random.RandomState(4)
    ours = torch.Generator().manual_seed(5)
    state.normal(size=3), generator.normal(size=3), torch.rand(3, generator=ours)
    # What two parts draw from is one generator again.
    first, same, other, third = kept([state, state, generator, ours])
    assert first is same
    equal(first.normal(size=3), state.normal(size=3))
    equal(other.normal(size=3), generator.normal(size=3))
    equal(torch.rand(3, generator=third), torch.rand(3, generator=ours))


class Named:
    """An object whose attributes are named as the fields of a node are."""

    def __init__(self):
        self.type, self.kind, self.id = "os:system", "object", 0


def test_attributes_may_have_any_name(kept):
    assert vars(kept(Named(), types=[Named])) == vars(Named())


def test_objects_may_refer_to_each_other(kept):
    scaler = StandardScaler()
    scaler.self_ = {"of": scaler}
    again = kept(scaler)
    assert again.self_["of"] is again


# Files


def pickles_in(content):
    """Lengths of all pickles in a file, at whatever place."""
    lengths = []
    for start in re.finditer(rb"\x80[\x02-\x05]", content):
        stream = BytesIO(content[start.start() :])
        try:
            *_, (last, _, end) = pickletools.genops(stream)
        except Exception:
            continue
        lengths += [end] if last.name == "STOP" else []
    return lengths


def test_there_is_no_pickle_in_a_file(tmp_path):
    pipe = make_pipeline(StandardScaler(), clone(NET)).fit(FRAME, LABELS)
    joblib.dump(pipe, tmp_path / "joblib")
    assert max(pickles_in((tmp_path / "joblib").read_bytes())) > 1000
    save(pipe, tmp_path / "model")
    content = (tmp_path / "model").read_bytes()
    assert max(pickles_in(content), default=0) < 50  # chance makes some of few bytes
    # All bytes are the header's or an array's, and the header is JSON.
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    metadata = header.pop("__metadata__")
    parts = sorted(one["data_offsets"] for one in header.values())
    assert [end for _, end in parts[:-1]] == [begin for begin, _ in parts[1:]]
    assert parts[0][0] == 0 and 8 + length + parts[-1][1] == len(content)
    tree = json.loads(metadata["model"], parse_constant=pytest.fail)
    assert not list(nodes_of(tree, "bytes"))
    with pytest.raises(pickle.UnpicklingError):
        pickle.loads(content)


def test_a_file_says_what_is_in_it(tmp_path):
    save(clone(NET).fit(X, LABELS), tmp_path / "model")
    with safe_open(tmp_path / "model", framework="np") as file:
        metadata, names = file.metadata(), list(file.keys())
    assert metadata["format"] == "skaug 1"
    versions = json.loads(metadata["versions"])
    assert versions["scikit-learn"] == sklearn.__version__
    assert '"virginica"' in metadata["model"]
    assert "module_._modules.head._parameters.weight" in names


def test_files_are_whole_or_as_they_were(tmp_path):
    path = tmp_path / "model"
    save(StandardScaler().fit(X), path)
    before = path.read_bytes()
    with refuses(r"save needs .* can be imported by name; got .*lambda.* in func"):
        save(FunctionTransformer(lambda X: X), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
    for place in (tmp_path / "none" / "model", tmp_path):
        with pytest.raises(OSError):
            save(StandardScaler(), place)
        with pytest.raises(OSError):
            load(place)
    assert list(tmp_path.iterdir()) == [path]


def endless():
    values = []
    values.append(values)
    return values


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda: RandomForestClassifier(2).fit(X, LABELS), r"Tree in estimators_\.0"),
        (lambda: {"lock": threading.Lock()}, "_thread:lock in lock"),
        (lambda: [torch.eye(2).to_sparse()], r"dense tensors; got .*sparse_coo in 0"),
        (lambda: [X.mean], "imported by name"),
        (endless, "holds itself"),
        (lambda: make_pipeline(type("Local", (StandardScaler,), {})()), "by name"),
    ],
    ids=["forest", "lock", "sparse", "method", "endless", "local class"],
)
def test_what_cannot_be_kept_is_refused(model, message, tmp_path):
    with refuses(message):
        save(model(), tmp_path / "model")
    assert not list(tmp_path.iterdir())


# What loading refuses


def test_types_of_the_user_are_loaded_if_they_are_named(kept):
    augment = BatchAugmentation(mirror)
    net = NetClassifier(TwoPaths, callbacks=[("augment", augment)], **SHORT)
    pipe = make_pipeline(Doubling(), net).fit(X, LABELS)
    with refuses(r"got \S*helpers:mirror, \S*:Doubling, \S*:TwoPaths in .*types="):
        kept(pipe)
    with refuses(r"got \S*:Doubling in"):
        kept(pipe, types=[TwoPaths, mirror])
    again = kept(pipe, types=[TwoPaths, mirror, Doubling])
    equal(again.predict_proba(X), pipe.predict_proba(X))
    for wrong in (TwoPaths, ["TwoPaths"], [Doubling()]):
        with refuses("load needs types to be a list of classes"):
            kept(pipe, types=wrong)


def test_types_of_a_script_are_found_by_their_name(rewritten):
    def change(contents, arrays):
        for node in nodes_of(contents["model"]):
            if node.get("type", "").endswith(":Doubling"):
                node["type"] = "__main__:Doubling"

    assert isinstance(rewritten(Doubling(), change, [Doubling]), Doubling)
    with refuses("got __main__:Doubling in"):
        rewritten(Doubling(), change)


def test_callbacks_that_write_files_are_named_by_the_user(kept, tmp_path):
    checkpoint = Checkpoint(monitor=None, dirname=tmp_path / "folder")
    net = NetClassifier(callbacks=[checkpoint], **SHORT).fit(X, LABELS)
    with refuses("got skorch.callbacks.training:Checkpoint"):
        kept(net)
    equal(kept(net, types=[Checkpoint]).predict(X), net.predict(X))


@pytest.mark.parametrize(
    "name",
    [
        "os:system",
        "posix:system",
        "builtins:eval",
        "builtins:print.__self__",
        "subprocess:Popen",
        "skaug.comparison.cell:write",
        "skaug.comparison.cell:os",
        "skaug.__main__:main",
        "sklearn.base:clone",
        "sklearn.utils._testing:SkipTest",
        "sklearn.conftest:x",
        "numpy:load",
        "numpy.f2py:main",
        "torch:load",
        "torch.nn.functional:nn",
        "torch.nn.modules.module:torch",
        "skorch.callbacks.training:LoadInitState",
        "no such module:x",
        "",
        7,
    ],
)
@pytest.mark.parametrize("kind", ["object", "name"])
def test_names_that_a_file_may_not_use(name, kind, rewritten):
    def change(contents, arrays):
        contents["model"] = {"kind": kind, "type": name}

    with refuses(f"classes and functions that it knows; got {name} in"):
        rewritten(StandardScaler(), change)


def set_to(**fields):
    """Change that replaces the model by a node."""

    def change(contents, arrays):
        contents["model"] = fields

    return change


HUGE = 10**12
HOSTILE = {
    "a call": set_to(kind="object", type="builtins:print", arguments=["called"]),
    "arguments": set_to(
        kind="object", type="skaug.net.networks:MLP", arguments=[HUGE, HUGE]
    ),
    "memory": set_to(kind="scalar", type="numpy:void", value=HUGE),
    "memory of an object": set_to(kind="object", type="numpy:void", arguments=[HUGE]),
    "a class as a number": set_to(
        kind="scalar", type="skaug.net.networks:MLP", value=HUGE
    ),
    "long texts": set_to(
        kind="array",
        values=["a"] * 9,
        shape=[9],
        dtype={"kind": "dtype", "value": f"<U{10**8}"},
    ),
    "nothing in a shape": set_to(
        kind="array",
        values=[],
        shape=[HUGE],
        dtype={"kind": "dtype", "value": "|O"},
    ),
    "many objects": set_to(
        kind="array",
        values=[1],
        shape=[1],
        dtype={
            "kind": "dtype",
            "value": {"kind": "tuple", "values": ["|O", HUGE // 10**4]},
        },
    ),
    "a choice of nothing": set_to(kind="choice", type="builtins:list", name="int"),
    "an unknown kind": set_to(kind="pickle", value="gASVAAAA"),
    "no kind": set_to(type="builtins:list"),
    "a circle": set_to(kind="same", id=0),
    "a state of generators": set_to(
        kind="random state",
        state={
            "kind": "dict",
            "pairs": [["bit_generator", "no such"], ["state", {"kind": "dict"}]],
        },
    ),
    "no such array": set_to(kind="array", data="none"),
    "a type of torch": set_to(kind="torch dtype", value="load"),
    "no tree": lambda contents, arrays: contents.update(versions=3),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_trees(name, rewritten, capsys):
    with refuses("load needs a file as skaug.save wrote it; got .* while .* was read"):
        rewritten(StandardScaler(), HOSTILE[name])
    assert capsys.readouterr().out == ""


def test_states_of_generators_stay_in_their_arrays(rewritten):
    def change(contents, arrays):
        for node in nodes_of(contents["model"], "dict"):
            for pair in node["pairs"]:
                if pair[0] == "pos":
                    pair[1] = 2**31 - 1

    with refuses("a state of MT19937"):
        rewritten(np.random.RandomState(0), change)


def test_a_pickle_that_skorch_would_read_is_not_read(rewritten, capsys):
    class Shout:
        def __reduce__(self):
            return print, ("run",)

    def change(contents, arrays):
        attack = {"kind": "bytes", "value": pickle.dumps(Shout()).hex()}
        contents["model"]["state"] += [["__cuda_dependent_attributes__", attack]]

    rewritten(clone(NET), change)
    assert capsys.readouterr().out == ""


def test_deeply_nested_trees(tmp_path):
    path, versions = tmp_path / "model", json.dumps(model_files._versions())
    for depth in (500, 100_000):
        tree = "[" * depth + "]" * depth
        metadata = {"format": "skaug 1", "model": tree, "versions": versions}
        metadata["sha256"] = model_files._digest(metadata, {})
        save_file({}, path, metadata)
        with refuses("load needs a file as skaug.save wrote it; got Recursion"):
            load(path)


def test_damaged_files(tmp_path):
    path = tmp_path / "model"
    save(make_pipeline(StandardScaler(), clone(NET)).fit(X, LABELS), path)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    damaged = [b"", whole[:7], whole[:100], whole[:-1], whole + b"\0", whole[::-1]]
    damaged += [pickle.dumps({}), struct.pack("<Q", 2**62) + whole[8:]]
    for place in rng.integers(len(whole), size=60):
        damaged.append(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
    for content in damaged:
        path.write_bytes(content)
        with refuses("load needs a file "):
            load(path)


def test_any_change_of_a_tree_is_an_error_or_an_object(rewritten):
    pipe = make_pipeline(StandardScaler(), clone(NET)).fit(FRAME, LABELS)
    rng = np.random.default_rng(0)
    others = [None, -1, HUGE, "same", [], {}, {"kind": "dict"}, [[1]], 0.5]

    def change(contents, arrays):
        nodes = list(nodes_of(contents["model"]))
        node = nodes[rng.integers(len(nodes))]
        key = list(node)[rng.integers(len(node))]
        if rng.random() < 0.3:
            del node[key]
        elif rng.random() < 0.5:
            node[key] = nodes[rng.integers(len(nodes))].get(key, "object")
        else:
            node[key] = others[rng.integers(len(others))]

    n_refused = 0
    for _ in range(60):
        try:
            rewritten(pipe, change)
        except ValueError as error:
            n_refused += 1
            assert str(error).startswith("load needs ")
    assert 10 < n_refused < 60


def test_wrong_shapes_are_refused(tmp_path):
    path = tmp_path / "model"
    save(clone(NET).fit(X, LABELS), path)
    content = path.read_bytes()
    for old, new in [(b'"shape":[3,8]', b'"shape":[8,3]'), (b"[3,8]", b"[3,9]")]:
        assert old in content
        path.write_bytes(content.replace(old, new))
        with refuses("load needs a file as skaug.save wrote it"):
            load(path)


def test_other_files_are_told_from_models(tmp_path):
    net = clone(NET).fit(X, LABELS)
    path = tmp_path / "weights.safetensors"
    net.save_params(f_params=path, use_safetensors=True)
    with refuses("load needs a file of format 'skaug 1'; got None in .*load_params"):
        load(path)
    save_file({}, path, {"format": "skaug 2"})
    with refuses("got 'skaug 2' in .*Update skaug"):
        load(path)


def test_other_versions_are_told_once(rewritten):
    def change(contents, arrays):
        contents["versions"] |= {"torch": "1.0", "scikit-learn": "0.9"}
        set_attribute(contents["model"], "_sklearn_version", "0.9")

    scaler = StandardScaler().fit(X)
    with pytest.warns(UserWarning, match="torch 1.0 instead of .*learn 0.9") as told:
        again = rewritten(scaler, change)
    assert len(told) == 1
    equal(again.transform(X), scaler.transform(X))


def test_frames_of_pandas_are_no_part_of_a_model(tmp_path):
    with refuses("described by their attributes; got a pandas.*in table"):
        save({"table": pd.DataFrame(X)}, tmp_path / "model")
