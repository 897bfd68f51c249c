"""How objects are printed: as the expressions that make them, in words and in HTML."""

import ast
import importlib
import inspect
import pkgutil
import re

import numpy as np
import pytest
import sklearn
import torch
from helpers import mirror
from sklearn.base import BaseEstimator, clone
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import Bunch
from skorch.callbacks import EarlyStopping, LRScheduler
from skorch.dataset import Dataset, ValidSplit
from test_estimators import ESTIMATORS, fitted
from torch import nn

import skaug
from skaug import (
    BatchAugmentation,
    HardPoints,
    IHDAFinetuner,
    InfluenceAugmenter,
    ISDAClassifier,
    ManifoldMixup,
    NetClassifier,
    TableMixup,
)
from skaug.baselines import ConditionalGAN
from skaug.comparison import METHODS, Task
from skaug.files import Reading
from skaug.influence import AugmentationNetwork, Policy, TrainedNetwork
from skaug.influence.guard import Unchanged
from skaug.isda import GivenCovariance
from skaug.signals import Frames
from skaug.transforms import Jitter, PerSample, Scaling
from skaug.transforms.chain import Chain

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

X, Y = load_iris(return_X_y=True)
CURVE = np.arange(3.0)
PLACES = np.zeros((3, 2))
# What cannot be made without arguments, made.
MADE = {
    "ActivationDisplay": lambda kind: kind(
        PLACES, PLACES, [0], CURVE, level="input", axis_labels=("a", "b")
    ),
    "AugmentationGridDisplay": lambda kind: kind(PLACES, PLACES),
    "AugmentationNetwork": lambda kind: kind(torch.randn(4, 3, 8)),
    "BatchAugmentation": lambda kind: kind(TableMixup()),
    "BatchIterator": lambda kind: kind(Dataset(X, Y)),
    "CenterLoss": lambda kind: kind(3, 4),
    "ClassCovariance": lambda kind: kind(3, 4),
    "CodeWalkDisplay": lambda kind: kind(PLACES, PLACES),
    "Comparison": lambda kind: Bunch(),  # tests/comparison has one
    "ConvNet": lambda kind: kind(3, 2),
    "CorrectedRowsDisplay": lambda kind: kind(
        PLACES,
        PLACES,
        corrected_labels=[],
        spoiled_labels=[],
        n_corrected=0,
        n_spoiled=0,
    ),
    "Cutout": lambda kind: kind(4),
    "Differences": lambda kind: kind([]),
    "DistributedMixin": lambda kind: type(kind.__name__, (kind, NetClassifier), {})(
        accelerator=None, device="cpu"
    ),
    "ErrorCurveDisplay": lambda kind: kind({"net": PLACES}),
    "FeatureInversion": lambda kind: kind(nn.Identity(), 4),
    "FeatureSpectrumDisplay": lambda kind: kind({}, {}),
    "Frames": lambda kind: kind(np.zeros((2, 3, 8)), 4, 2),
    "GeneratedRows": lambda kind: kind(ConditionalGAN()),
    "GivenCovariance": lambda kind: kind(torch.eye(2), 3, 2),
    "HeldOutAccuracy": lambda kind: kind(X, Y),
    "HardRegionDisplay": lambda kind: kind(
        PLACES, CURVE, CURVE > 0, CURVE, axis_labels=("a", "b")
    ),
    "ISDALoss": lambda kind: kind(3, 4),
    "InfluenceRankingDisplay": lambda kind: kind(CURVE),
    "InputNorm": lambda kind: kind(4),
    "LabelDoubtsDisplay": lambda kind: kind(Bunch(score=CURVE)),
    "LeaveOneOutDisplay": lambda kind: kind(CURVE, CURVE, CURVE),
    "LevelAblationDisplay": lambda kind: kind(["as fitted"], PLACES, PLACES, PLACES),
    "LevelGainDisplay": lambda kind: kind(PLACES, PLACES, ["head"], []),
    "LevelTuningDisplay": lambda kind: kind([]),
    "Levels": lambda kind: kind(
        nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3)), torch.randn(5, 4)
    ),
    "LossLandscapeDisplay": lambda kind: kind(CURVE, CURVE, PLACES),
    "MLP": lambda kind: kind(4, 3),
    "Method": lambda kind: METHODS["ISDA"],
    "ModelCard": lambda kind: Bunch(),  # tests/card has one
    "PerSample": lambda kind: kind(mirror),
    "Policy": lambda kind: kind([Jitter(), Scaling()], [1, 2]),
    "PotentialHistogramDisplay": lambda kind: kind(
        CURVE, CURVE, CURVE, hard_share=0.1, noisy_share=0.0
    ),
    "PriorShift": lambda kind: kind(LogisticRegression()),
    "Reading": lambda kind: kind("walks", X, Y),
    "RefineCurveDisplay": lambda kind: kind(CURVE, CURVE),
    "RefineSweepDisplay": lambda kind: kind(CURVE, CURVE),
    "ResampledClassifier": lambda kind: kind(None, LogisticRegression()),
    "SampledISDALoss": lambda kind: kind(3, 4),
    "SemanticDirectionsDisplay": lambda kind: kind(
        PLACES,
        label=0,
        deviations=CURVE,
        directions=PLACES,
        variances=CURVE,
        variance_shares=CURVE,
        distances=PLACES,
    ),
    "Setup": lambda kind: kind((4,), 150, 3, 50, 0),
    "SignalNet": lambda kind: kind(3, 2),
    "SkipCurveDisplay": lambda kind: kind(
        CURVE, CURVE, CURVE, reference=1.0, reference_name="p = 0"
    ),
    "Task": lambda kind: kind("iris", X, Y, n_rows=60),
    "TrainedNetwork": lambda kind: kind(None, Jitter()),
    "EpochCheckpoint": lambda kind: kind("net.pkl"),
    "VAE": lambda kind: kind(4, 2),
    "WholeNetworkInfluence": lambda kind: kind(NetClassifier()),
}
# Networks of the papers, by sizes that are small.
SIZES = {
    "AllConvNet": (),
    "DenseNet": (10, 4),
    "PreActResNet18": (4,),
    "PyramidNet": (11, 6),
    "ResNeXt": (11, 2, 4, 4),
    "ResNet": (8, 4),
    "SEResNet": (8, 4),
    "ShakeShake": (8, 4),
    "WideResNet": (10, 1),
}
MADE |= {name: lambda kind: kind(3, 2, *SIZES[kind.__name__]) for name in SIZES}


def public_classes():
    """Public classes of the package and its rooms, by their name."""
    rooms = [m.name for m in pkgutil.iter_modules(skaug.__path__) if m.ispkg]
    modules = [skaug, *(importlib.import_module(f"skaug.{room}") for room in rooms)]
    things = {
        name: getattr(module, name)
        for module in modules
        for name in getattr(module, "__all__", ())
    }
    return {name: one for name, one in things.items() if isinstance(one, type)}


def is_expression(text):
    """Whether Python reads a text as a call; some things are in angle brackets."""
    text = re.sub(r"<(?:class|built-in function) '?([\w.]+)'?>", r"\1", text)
    return isinstance(ast.parse(text, mode="eval").body, ast.Call)


# Their text is of another kind: a tree of layers, as torch prints it, or a sentence.
TREES = nn.Module, Frames


@pytest.mark.parametrize("name", public_classes())
def test_every_public_object_is_printed_as_an_expression(name):
    kind = public_classes()[name]
    thing = MADE.get(name, lambda kind: kind())(kind)
    if type(thing) is Bunch:
        assert kind.__repr__ is not object.__repr__
        return
    text = repr(thing)
    assert " at 0x" not in text and "[uninitialized]" not in text
    assert not text.startswith("<")
    if not isinstance(thing, TREES):
        assert is_expression(text) and text.startswith(f"{kind.__name__}(")


@pytest.mark.parametrize("name", ESTIMATORS)
def test_an_estimator_is_printed_alike_before_and_after_its_fit(name):
    model = ESTIMATORS[name]
    text = repr(model)
    assert text.startswith(f"{type(model).__name__}(") and " at 0x" not in text
    assert repr(fitted(name)) == text == repr(clone(model))


AUGMENT = BatchAugmentation(TableMixup(0.3), refine_epochs=0.15)
WORDS = {
    "NetClassifier()": NetClassifier(),
    "ISDAClassifier()": ISDAClassifier(),
    "NetClassifier(lr=0.1, max_epochs=3)": NetClassifier(max_epochs=3, lr=0.1),
    # Defaults that are given all the same, and parameters of skorch's.
    "ISDAClassifier(strength=0.7, warm_start=True)": ISDAClassifier(
        strength=0.7, warm_start=True, lr=3e-3, use_caching="auto", callbacks=None
    ),
    "NetClassifier(callbacks__print_log=None, module__hidden=(8,))": NetClassifier(
        module__hidden=(8,), callbacks__print_log=None
    ),
    "NetClassifier(optimizer=<class 'torch.optim.sgd.SGD'>)": NetClassifier(
        optimizer=torch.optim.SGD
    ),
    "BatchAugmentation(refine_epochs=0.15, transform=TableMixup(alpha=0.3))": AUGMENT,
    """NetClassifier(callbacks=[('augment',
                          BatchAugmentation(refine_epochs=0.15,
                                            transform=TableMixup(alpha=0.3)))],
              random_state=0)""": NetClassifier(
        callbacks=[("augment", AUGMENT)], random_state=0
    ),
    "NetClassifier(callbacks=[EarlyStopping(patience=3)])": NetClassifier(
        callbacks=[EarlyStopping(patience=3)]
    ),
    "NetClassifier(train_split=ValidSplit(stratified=True))": NetClassifier(
        train_split=ValidSplit(5, stratified=True)
    ),
    "IHDAFinetuner(estimator=NetClassifier(max_epochs=3), sources='hard')": (
        IHDAFinetuner(NetClassifier(max_epochs=3), sources="hard")
    ),
    "InfluenceAugmenter(estimator=ISDAClassifier(strength=1))": InfluenceAugmenter(
        ISDAClassifier(strength=1)
    ),
    "Policy(transforms=[Jitter(), Scaling()], "
    "weights=Tensor(shape=(2,), dtype=torch.float64))": Policy(
        [Jitter(), Scaling()], [1, 2]
    ),
    "TrainedNetwork(network=AugmentationNetwork(...), baseline=None, mix=0.1)": (
        TrainedNetwork(AugmentationNetwork(torch.randn(4, 3, 8)), None, mix=0.1)
    ),
    "Unchanged()": Unchanged(),
    "Chain(transforms=[Jitter(), PerSample(transform=mirror), Scaling(), ...])": Chain(
        [Jitter(), PerSample(mirror), Scaling(), Jitter()]
    ),
    "GivenCovariance(Tensor(shape=(1, 2, 2), dtype=torch.float32), 3, 2)": (
        GivenCovariance(torch.eye(2), 3, 2)
    ),
    "Reading(name='walks', X=ndarray(shape=(150, 4), dtype='float64'), "
    "y=ndarray(shape=(150,), dtype='int64'), columns=[], notes=[])": Reading(
        "walks", X, Y
    ),
    "Task(name='iris', X=ndarray(shape=(150, 4), dtype='float64'), "
    "y=ndarray(shape=(150,), dtype='int64'), n_rows=60)": Task("iris", X, Y, n_rows=60),
}


@pytest.mark.parametrize("text", WORDS)
def test_exact_words(text):
    assert repr(WORDS[text]) == text


READ_AGAIN = [
    NetClassifier(max_epochs=3, module__hidden=(8, 4), optimizer__weight_decay=0.1),
    NetClassifier(callbacks=[("augment", AUGMENT)], optimizer=torch.optim.SGD),
    NetClassifier(
        lr_schedule="constant",
        callbacks=[EarlyStopping(patience=3), LRScheduler("StepLR", step_size=2)],
        train_split=ValidSplit(3),
    ),
    ISDAClassifier(covariance="low_rank", rank=4, callbacks__print_log=None),
    BatchAugmentation(
        ManifoldMixup(), 3, refine_transform=Jitter(0.1), probability=0.5
    ),
    IHDAFinetuner(NetClassifier(lr=0.1), sources=HardPoints(radius=("knn", 5))),
    Chain([Jitter(), Scaling(0.2)]),
]


@pytest.mark.parametrize("thing", READ_AGAIN, ids=lambda thing: type(thing).__name__)
def test_a_text_makes_the_object_again(thing):
    names = {**vars(skaug), **vars(skaug.transforms), "Chain": Chain, "torch": torch}
    names |= {"EarlyStopping": EarlyStopping, "LRScheduler": LRScheduler}
    names |= {"ValidSplit": ValidSplit}
    names["SGD"] = torch.optim.SGD
    text = re.sub(r"<class '(?:\w+\.)*(\w+)'>", r"\1", repr(thing))
    again = eval(text, names)
    assert type(again) is type(thing) and repr(again) == repr(thing)
    if isinstance(thing, NetClassifier | BatchAugmentation):
        kept = thing.get_params(deep=False).keys()
        assert again.get_params(deep=False).keys() == kept


def test_objects_that_do_not_show_what_makes_them_are_named():
    for value, text in (
        (np.random.RandomState(0), r"RandomState\((\.\.\.)?\)"),  # by NumPy's version
        (torch.Generator(), r"Generator\(\.\.\.\)"),
        ({object}, r"\{<class 'object'>\}"),
    ):
        printed = repr(NetClassifier(random_state=value))
        assert re.fullmatch(rf"NetClassifier\(random_state={text}\)", printed)


def test_callbacks_that_fit_will_refuse_have_a_diagram():
    net = NetClassifier(callbacks=[("alone",), 3, None])
    assert "callbacks__NoneType" in net._repr_html_()


def test_functions_of_the_user_have_no_address():
    net = NetClassifier(train_split=lambda dataset, y: (dataset, None))
    assert repr(net) == "NetClassifier(train_split=lambda *args: ...)"
    assert repr(BatchAugmentation(mirror)) == "BatchAugmentation(transform=mirror)"
    augment = BatchAugmentation(Jitter(), refine_transform=PerSample(mirror))
    text = repr(NetClassifier(callbacks=[augment, EarlyStopping, EarlyStopping()]))
    assert " at 0x" not in text and "PerSample(transform=mirror)" in text


def test_a_fitted_net_shows_no_weights():
    net = NetClassifier(max_epochs=1, random_state=0)
    text = repr(net)
    assert repr(net.fit(X, Y)) == text == "NetClassifier(max_epochs=1, random_state=0)"


class Derived(NetClassifier):
    """A class of a user's, which passes on what it does not know."""

    def __init__(self, module=None, *, width=4, **kwargs):
        super().__init__(module, **kwargs)
        self.width = width


def test_a_derived_class_has_the_defaults_of_its_parents():
    assert repr(Derived()) == "Derived()"
    assert repr(clone(Derived(width=5, lr=0.1))) == "Derived(lr=0.1, width=5)"
    parameters = inspect.signature(Derived).parameters
    assert list(parameters)[:2] == ["module", "width"] and "lr" in parameters
    assert list(parameters)[-1] == "kwargs" and "use_caching" in parameters


def test_all_parameters_are_printed_on_request():
    with sklearn.config_context(print_changed_only=False):
        text = repr(NetClassifier())
    assert "lr=0.003" in text and "warm_start=False" in text


def test_inside_others_a_net_is_printed_as_alone():
    net = NetClassifier(callbacks=[("augment", AUGMENT)])
    inside = "NetClassifier(callbacks=[('augment',"
    for outer in (
        make_pipeline(StandardScaler(), net),
        GridSearchCV(net, {"lr": [0.1]}),
        IHDAFinetuner(net),
    ):
        text = repr(outer)
        assert inside in text and "transform=TableMixup(alpha=0.3)" in text


# HTML


def test_a_callback_has_a_diagram():
    html = AUGMENT._repr_html_()
    assert "<details" in html and "BatchAugmentation" in html
    assert "TableMixup(alpha=0.3)" in html and "transform__alpha" in html
    assert isinstance(AUGMENT, BaseEstimator)
    assert AUGMENT._repr_mimebundle_()["text/html"]


@pytest.mark.parametrize("is_fitted", [False, True])
def test_a_diagram_of_a_pipeline_shows_the_callbacks_of_the_net(is_fitted):
    callbacks = [("augment", AUGMENT), EarlyStopping("train_loss"), LRScheduler]
    net = NetClassifier(
        callbacks=callbacks, max_epochs=2, lr_schedule="constant", random_state=0
    )
    pipe = make_pipeline(StandardScaler(), net)
    if is_fitted:
        pipe.fit(X, Y)
    html = pipe._repr_html_()
    rows = re.findall(r'<tr class="(\S+)">.*?<td class="param">(\w+)', html, re.S)
    kinds = {name: kind for kind, name in rows}
    assert kinds["max_epochs"] == kinds["callbacks__augment"] == "user-set"
    assert kinds["callbacks__EarlyStopping"] == "user-set"
    assert kinds["callbacks__LRScheduler"] == "user-set"
    assert kinds["batch_size"] == kinds["warm_start"] == "default"
    # None of those that skorch adds, and none of its workings.
    assert not {"callbacks__print_log", "callbacks__train_loss"} & set(kinds)
    assert "virtual_params_" not in html
    values = re.findall(r'<td class="value">(.*?)</td>', html, re.S)
    assert values and not any("object at" in value for value in values)
    # From scikit-learn 1.9 on.
    shows_what_is_fitted = hasattr(BaseEstimator, "_get_fitted_attr_html")
    assert ("n_epochs_" in html) == (is_fitted and shows_what_is_fitted)
