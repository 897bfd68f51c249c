"""What every estimator keeps to, in each of its variants."""

import io
import pickle
from functools import cache

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from imblearn.over_sampling import SMOTE
from sklearn.base import clone, is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from torch import nn
from torch.utils.data import DataLoader

from skaug import (
    AugmentationSearchCV,
    BatchAugmentation,
    HardPoints,
    HardRegionSampler,
    IHDAFinetuner,
    InfluenceAugmenter,
    InterpolationGenerator,
    ISDAClassifier,
    ISDALogisticRegression,
    LastLayerInfluence,
    ManifoldMixup,
    NeighborGenerator,
    NetClassifier,
    NetworkAugmentation,
    PretrainedFeatures,
    PriorShift,
    ResampledClassifier,
    TransformPolicy,
    VAEGenerator,
    load,
    save,
)
from skaug.comparison import Budgets
from skaug.isda.covariance import KINDS
from skaug.signals import MagnitudeSpectrum
from skaug.transforms import Jitter, Scaling

# What is warned of on few rows and short trainings is tested with each method.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

# The estimators. Each constructor call of a variant is in this table alone.

SHORT = {"max_epochs": 10, "lr": 0.01, "random_state": 0}
NET = NetClassifier(module__hidden=(16, 8), **SHORT)
AUGMENT = ("augment", BatchAugmentation(ManifoldMixup(), refine_epochs=5))
SMALL = VAEGenerator(latent_dim=2, steps=5)
NOISE = HardRegionSampler(generator="noise", sampling_strategy="hard", random_state=0)
BODY = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Dropout(), nn.Linear(16, 3))
POLICY = TransformPolicy([Jitter(0.1), Scaling(0.1)], n_networks=1)
NETS = {
    "net": NetClassifier(**SHORT),
    "adjusted net": NetClassifier(logit_adjustment=1, **SHORT),
    "augmented net": NetClassifier(callbacks=[AUGMENT], **SHORT),
    **{f"isda, {kind}": ISDAClassifier(covariance=kind, **SHORT) for kind in KINDS},
}
ESTIMATORS = {
    **NETS,
    "balanced": HardRegionSampler(random_state=0),
    "supported": HardRegionSampler(
        sources="supported", generator="interpolation", random_state=0
    ),
    "shrunk": HardRegionSampler(generator="gaussian", random_state=0),
    "samples": HardRegionSampler.paper(generator=SMALL, random_state=0),
    "samples by noise": NOISE,
    "potentials": HardRegionSampler(output="potentials"),
    "hardness": HardRegionSampler(
        output="potentials", sources=HardPoints(radius=("knn", 5), metric="euclidean")
    ),
    "euclidean potentials": HardRegionSampler(
        output="potentials", sources=HardPoints(radius=2.0, metric="euclidean")
    ),
    "resampled": ResampledClassifier(NOISE, LogisticRegression()),
    "shifted": PriorShift(LogisticRegression()),
    "isda, logistic": ISDALogisticRegression(),
    "isda, given": ISDAClassifier(covariance=np.eye(128), **SHORT),
    "ihda": IHDAFinetuner(NET, generator=SMALL, random_state=0),
    "ihda of regions": IHDAFinetuner(
        NET, sources="region", generator="noise", random_state=0
    ),
    "ihda of the paper": IHDAFinetuner.paper(NET, generator=SMALL, random_state=0),
    "policy": InfluenceAugmenter(NET, augmentation=POLICY, guard=False, random_state=0),
    "guarded policy": InfluenceAugmenter(
        NET, augmentation=POLICY, output="views", random_state=0
    ),
    "network": InfluenceAugmenter(
        NET,
        augmentation=NetworkAugmentation(steps=5, pretrain_steps=2),
        output="views",
        refit=False,
        random_state=0,
    ),
    "influence": LastLayerInfluence(random_state=0),
    "spectrum": MagnitudeSpectrum(),
    "log-spectrum": MagnitudeSpectrum(log=True, window="hann", sampling_rate=50),
    "pretrained": PretrainedFeatures(BODY),
}
FEW_NETS = ["net", "augmented net", "isda, full", "isda, low_rank"]
CLASSIFIERS = [name for name, model in ESTIMATORS.items() if is_classifier(model)]
each_estimator = pytest.mark.parametrize("name", ESTIMATORS)
each_net = pytest.mark.parametrize("name", NETS)


@cache
def rows():
    """A frame of eight sensors and the names of three activities."""
    X, codes = make_classification(
        n_samples=150,
        n_features=8,
        n_informative=6,
        n_classes=3,
        class_sep=2.0,
        random_state=0,
    )
    frame = pd.DataFrame(X, columns=[f"sensor {i}" for i in range(8)])
    return frame, pd.Series(np.array(["run", "sit", "walk"])[codes], name="activity")


def fit(model, X, y):
    """The model, fitted in the one way it has."""
    if hasattr(model, "fit_resample"):
        model.resampled_ = np.asarray(model.fit_resample(X, y)[0])
        return model
    return model.fit(X, y)


def results(model, X, y):
    """What the fitted model makes of rows."""
    if callable(getattr(model, "augment", None)):
        return model.augment(X, y=y)
    for method in ("predict_proba", "transform"):
        if hasattr(model, method):
            return np.asarray(getattr(model, method)(X))
    if hasattr(model, "sample"):
        return np.vstack([model.resampled_, model.sample(9)[0]])
    return model.predicted_loss_change(X, y)


@cache
def fitted(name):
    return fit(clone(ESTIMATORS[name]), *rows())


@each_estimator
def test_the_same_seed_gives_the_same_and_leaves_the_rest_alone(name):
    X, y = rows()
    expected, given = results(fitted(name), X, y), X.copy()
    torch.manual_seed(1)
    np.random.seed(1)
    states = torch.get_rng_state(), np.random.get_state()[1].copy()
    again = clone(fitted(name))
    parameters = again.get_params(deep=False)
    # A second fit starts from nothing.
    fit(fit(again, X[90:], y[90:]), X, y)
    np.testing.assert_array_equal(results(again, X, y), expected)
    np.testing.assert_array_equal(torch.get_rng_state(), states[0])
    np.testing.assert_array_equal(np.random.get_state()[1], states[1])
    pd.testing.assert_frame_equal(X, given)
    after = again.get_params(deep=False)
    assert all(after[key] is value for key, value in parameters.items())


@each_estimator
@pytest.mark.parametrize("keep", ["pickle", "joblib", "skaug"])
def test_what_is_kept_on_disk_comes_back(name, keep, tmp_path):
    if keep == "pickle":
        other = pickle.loads(pickle.dumps(fitted(name)))
    elif keep == "skaug":
        save(fitted(name), tmp_path / "model")
        other = load(tmp_path / "model")
    else:
        buffer = io.BytesIO()
        joblib.dump(fitted(name), buffer)
        other = joblib.load(buffer)
    expected = results(fitted(name), *rows())
    np.testing.assert_array_equal(results(other, *rows()), expected)


def n_rows_in(content, X):
    """Rows and columns whose first numbers are among the bytes, in either type."""
    parts = [*np.asarray(X), *np.asarray(X).T]
    types = (np.float64, np.float32)
    return sum(any(dtype(p[:3]).tobytes() in content for dtype in types) for p in parts)


# What works with the rows that it was fitted to; so does a finetuner that draws near
# rows, for its method sample.
HOLD_ROWS = ["balanced", "supported", "shrunk", "samples", "samples by noise"]
HOLD_ROWS += ["potentials", "hardness", "euclidean potentials", "influence"]
PARTS = {
    "net with rows held out": NetClassifier(
        train_split=0.2, iterator_train=DataLoader, class_weight="balanced", **SHORT
    ),
    "neighbors": NeighborGenerator(),
    "interpolation": InterpolationGenerator(),
    "autoencoder": VAEGenerator(latent_dim=2, steps=3),
    "resampled by smote": ResampledClassifier(SMOTE(), LogisticRegression()),
    "resampled by views": ResampledClassifier(
        InfluenceAugmenter(NET, augmentation=POLICY, guard=False, random_state=0),
        LogisticRegression(),
    ),
    "ihda of neighbors": IHDAFinetuner(NET, generator="neighbors", random_state=0),
    "search": AugmentationSearchCV(
        methods=["ISDA"],
        cv=2,
        budget=Budgets((5,), (5,), (0.01,), 5),
        random_state=0,
    ),
}


@pytest.mark.parametrize("name", [*ESTIMATORS, *PARTS])
def test_files_hold_training_rows_only_if_the_docstring_says_so(name, tmp_path):
    X, y = rows()
    if name in ESTIMATORS:
        model = pickle.loads(pickle.dumps(fitted(name)))
        vars(model).pop("resampled_", None)  # of these tests
    else:
        model = clone(PARTS[name])
    if hasattr(model, "draw"):
        codes = np.unique(y, return_inverse=True)[1]
        model.fit(torch.tensor(X.to_numpy()), torch.tensor(codes))
    elif name in PARTS:
        model.fit(X.to_numpy(), y)
    holds = name in (*HOLD_ROWS, "neighbors", "interpolation", "ihda of neighbors")
    save(model, tmp_path / "model")
    for content in (pickle.dumps(model), (tmp_path / "model").read_bytes()):
        assert (n_rows_in(content, X) > 0) == holds
    said = "training rows, and so do its pickles" in squeezed(type(model))
    assert said or not holds
    if isinstance(model, ResampledClassifier):
        other = pickle.loads(pickle.dumps(model))
        assert hasattr(other, "sampler_") == (name == "resampled by views")


def squeezed(thing):
    """Docstring without line ends."""
    return " ".join(thing.__doc__.split())


@each_estimator
def test_pages_and_columns_have_names(name):
    model, unfitted = fitted(name), clone(ESTIMATORS[name])
    assert type(model).__name__ in unfitted._repr_html_()
    assert type(model).__name__ in repr(model) or "initialized" in repr(model)
    if hasattr(model, "feature_names_in_"):
        assert model.feature_names_in_.tolist() == rows()[0].columns.tolist()
    if hasattr(unfitted, "set_output") and hasattr(model, "transform"):
        named = unfitted.set_output(transform="pandas").fit(*rows())
        frame = named.transform(rows()[0])
        assert frame.columns.tolist() == list(model.get_feature_names_out())


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_labels_come_back_as_they_were(name):
    X, y = rows()
    assert fitted(name).classes_.tolist() == ["run", "sit", "walk"]
    predicted = fitted(name).predict(X)
    labels = fitted(name).classes_[results(fitted(name), X, y).argmax(1)]
    np.testing.assert_array_equal(predicted, labels)
    assert fitted(name).score(X, y) == (predicted == y).mean() > 0.6


@pytest.mark.parametrize("name", [*FEW_NETS, "resampled", "ihda"])
def test_calibration(name):
    X, y = rows()
    calibrated = CalibratedClassifierCV(clone(ESTIMATORS[name]), cv=2).fit(X, y)
    np.testing.assert_allclose(calibrated.predict_proba(X).sum(1), 1, rtol=1e-6)
    assert calibrated.score(X, y) > 0.8


@each_net
def test_prediction_is_the_softmax_of_the_plain_network(name):
    X, y = rows()
    net = fitted(name)
    before = {key: value.clone() for key, value in net.criterion_.state_dict().items()}
    with torch.no_grad():
        plain = net.module_.eval()(torch.tensor(X.to_numpy(np.float32))).softmax(1)
    np.testing.assert_allclose(net.predict_proba(X), plain, rtol=1e-5, atol=1e-7)
    net.score(X, y)
    after = net.criterion_.state_dict()
    assert all(torch.equal(after[key], before[key]) for key in before)


@pytest.mark.parametrize("name", FEW_NETS)
@pytest.mark.parametrize("shape", [(2, 16), (1, 8, 8)])
def test_images_and_signals(name, shape):
    y = np.repeat(["low", "high"], 20)
    X = np.random.default_rng(0).normal(size=(40, *shape))
    X[y == "high"] += 2
    net = clone(ESTIMATORS[name])
    proba = cross_val_predict(net, X, y, cv=2, method="predict_proba")
    assert (proba.argmax(1) == (y == "low")).mean() > 0.8
