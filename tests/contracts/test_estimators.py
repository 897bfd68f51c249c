"""What holds for every estimator: scikit-learn's checks and the project's contracts."""

import io
import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
import torch
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    cross_val_predict,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks
from skorch.callbacks import Callback
from skorch.dataset import ValidSplit

from skaug import (
    BatchAugmentation,
    HardRegionSampler,
    IHDAFinetuner,
    ISDAClassifier,
    ManifoldMixup,
    NetClassifier,
    ResampledClassifier,
)
from skaug.isda.covariance import KINDS
from skaug.signals import MagnitudeSpectrum

# skorch's constructor sets history_, initialized_ and virtual_params_.
EXPECTED_FAILURES = {
    "check_no_attributes_set_in_init": "skorch sets attributes in its constructor"
}

AUGMENT = ("augment", BatchAugmentation(ManifoldMixup(), refine_epochs=5))
NETS = [
    NetClassifier(max_epochs=20, random_state=0),
    NetClassifier(max_epochs=20, callbacks=[AUGMENT], random_state=0),
    *(ISDAClassifier(covariance=k, max_epochs=20, random_state=0) for k in KINDS),
]
ISDA = ISDAClassifier(max_epochs=20, random_state=0)
each_net = pytest.mark.parametrize(
    "net",
    NETS,
    ids=lambda net: (
        f"{type(net).__name__}-{getattr(net, 'covariance', '')}"
        f"{'-augmented' if net.callbacks else ''}"
    ),
)


SAMPLERS = [
    HardRegionSampler(random_state=0),
    HardRegionSampler(generator="noise", sources="all", random_state=0),
    HardRegionSampler(output="potentials"),
    HardRegionSampler(output="potentials", metric="euclidean", radius=2.0),
    ResampledClassifier(
        HardRegionSampler(generator="noise", random_state=0), LogisticRegression()
    ),
]


# The checks' tables are too small for anything to be hard in all of them.
@pytest.mark.filterwarnings("ignore:HardRegionSampler:UserWarning")
@pytest.mark.filterwarnings("ignore:Rows of zeros only:UserWarning")
@parametrize_with_checks(SAMPLERS)
def test_scikit_learns_checks_of_samplers(estimator, check):
    check(estimator)


TINY_NET = NetClassifier(max_epochs=20, module__hidden=(16, 8), random_state=0)


@pytest.mark.filterwarnings("ignore:IHDAFinetuner, level:UserWarning")
@pytest.mark.filterwarnings("ignore:Rows of zeros only:UserWarning")
@parametrize_with_checks(
    [
        IHDAFinetuner(TINY_NET, random_state=0),
        IHDAFinetuner(TINY_NET, sources="region", generator="noise", random_state=0),
        IHDAFinetuner.paper(TINY_NET, random_state=0),
    ]
)
def test_scikit_learns_checks_of_finetuners(estimator, check):
    check(estimator)


@parametrize_with_checks(
    [MagnitudeSpectrum(), MagnitudeSpectrum(log=True, window="hann", sampling_rate=50)]
)
def test_scikit_learns_checks_of_transformers(estimator, check):
    check(estimator)


@parametrize_with_checks(
    NETS, expected_failed_checks=lambda _: EXPECTED_FAILURES, xfail_strict=True
)
def test_scikit_learns_checks(estimator, check):
    check(estimator)


def labelled(table):
    X, y = table
    frame = pd.DataFrame(X, columns=[f"sensor {i}" for i in range(X.shape[1])])
    return frame, pd.Series(np.array(["run", "sit", "walk"])[y], name="activity")


@each_net
def test_grid_search_in_a_pipeline_on_a_frame_with_string_labels(net, table):
    X, y = labelled(table)
    pipe = make_pipeline(StandardScaler(), clone(net))
    name = type(net).__name__.lower()
    grid = {f"{name}__lr": [1e-3, 1e-2], f"{name}__module__hidden": [(16,), (16, 8)]}
    search = GridSearchCV(pipe, grid, cv=3, n_jobs=2, error_score="raise").fit(X, y)
    assert search.best_score_ > 0.8
    assert set(search.predict(X)) <= {"run", "sit", "walk"}
    assert (
        search.best_estimator_[-1].feature_names_in_.shape == (8,)
        if hasattr(search.best_estimator_[-1], "feature_names_in_")
        else search.best_estimator_.feature_names_in_.shape == (8,)
    )


def test_grid_search_over_isdas_parameters(table):
    grid = {
        "strength": [0, 0.5],
        "covariance": ["full", "diagonal"],
        "schedule": ["epoch"],
    }
    search = GridSearchCV(ISDA, grid, cv=2, n_jobs=2, error_score="raise")
    assert search.fit(*table).best_params_["schedule"] == "epoch"


def test_grouped_search_through_a_pipeline(table):
    X, y = table
    groups = np.arange(len(y)) // 10
    pipe = make_pipeline(StandardScaler(), clone(ISDA))
    search = GridSearchCV(pipe, {"isdaclassifier__strength": [0, 1]}, cv=GroupKFold(3))
    assert search.fit(X, y, groups=groups).best_score_ > 0.7


def test_groups_are_routed_to_the_held_out_part(table):
    X, y = table
    groups = np.arange(len(y)) // 10
    seen = []

    class Sides(Callback):
        def on_epoch_begin(self, net, dataset_train, dataset_valid, **kwargs):
            seen.append((len(dataset_train), len(dataset_valid)))

    with sklearn.config_context(enable_metadata_routing=True):
        net = NetClassifier(
            max_epochs=1, train_split=ValidSplit(3), callbacks=[Sides()]
        ).set_fit_request(groups=True)
        pipe = make_pipeline(StandardScaler(), net)
        search = GridSearchCV(pipe, {"netclassifier__lr": [1e-3]}, cv=GroupKFold(3))
        search.fit(X, y, groups=groups)
        cross_validate(pipe, X, y, cv=GroupKFold(3), params={"groups": groups})
    # Groups have ten rows each, and only whole ones are held out.
    assert len(seen) == 7 and all(n % 10 == m % 10 == 0 for n, m in seen)


@each_net
@pytest.mark.parametrize("keep", ["pickle", "joblib", "deepcopy of clone"])
def test_round_trips(net, table, keep):
    X, y = labelled(table)
    fitted = clone(net).fit(X, y)
    if keep == "pickle":
        other = pickle.loads(pickle.dumps(fitted))
    elif keep == "joblib":
        buffer = io.BytesIO()
        joblib.dump(fitted, buffer)
        buffer.seek(0)
        other = joblib.load(buffer)
    else:
        other = clone(fitted).fit(X, y)
    np.testing.assert_array_equal(other.predict_proba(X), fitted.predict_proba(X))
    assert other.predict(X).tolist() == fitted.predict(X).tolist()


@each_net
def test_calibration(net, table):
    X, y = labelled(table)
    calibrated = CalibratedClassifierCV(clone(net), cv=2).fit(X, y)
    np.testing.assert_allclose(calibrated.predict_proba(X).sum(1), 1, rtol=1e-6)
    assert calibrated.score(X, y) > 0.8


@each_net
def test_prediction_is_the_softmax_of_the_plain_network(net, table):
    X, y = table
    fitted = clone(net).fit(X, y)
    before = {
        key: value.clone() for key, value in fitted.criterion_.state_dict().items()
    }
    with torch.no_grad():
        plain = fitted.module_.eval()(torch.tensor(X, dtype=torch.float32)).softmax(1)
    np.testing.assert_allclose(fitted.predict_proba(X), plain, rtol=1e-5, atol=1e-7)
    fitted.score(X, y)
    after = fitted.criterion_.state_dict()
    assert all(torch.equal(after[key], before[key]) for key in before)


@each_net
def test_same_random_state_same_result_and_global_generators_untouched(net, table):
    X, y = table
    torch.manual_seed(1)
    np.random.seed(1)
    states = torch.get_rng_state(), np.random.get_state()[1].copy()
    first = clone(net).fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(torch.get_rng_state(), states[0])
    np.testing.assert_array_equal(np.random.get_state()[1], states[1])
    torch.rand(3)
    refitted = clone(net).fit(X[:60], y[:60]).fit(X, y)
    np.testing.assert_array_equal(refitted.predict_proba(X), first)


@each_net
def test_representations(net, table):
    assert type(net).__name__ in net._repr_html_()
    assert "max_epochs" in clone(net).get_params()
    fitted = clone(net).fit(*table)
    assert "module_" in repr(fitted) or "MLP" in repr(fitted)


@each_net
def test_images_and_signals(net):
    rng = np.random.default_rng(0)
    for shape in [(2, 16), (1, 8, 8)]:
        y = np.repeat(["low", "high"], 20)
        X = rng.normal(size=(40, *shape)) + 2.0 * (y == "high").reshape(
            -1, *[1] * len(shape)
        )
        proba = cross_val_predict(clone(net), X, y, cv=2, method="predict_proba")
        assert (proba.argmax(1) == (y == "low")).mean() > 0.8


def test_real_tables_grouped_by_subject(har_features):
    X, y, subject = har_features
    pipe = make_pipeline(
        StandardScaler(), ISDAClassifier(max_epochs=10, random_state=0)
    )
    search = GridSearchCV(
        pipe, {"isdaclassifier__strength": [0.1, 1]}, cv=GroupKFold(3), n_jobs=2
    )
    assert search.fit(X, y, groups=subject).best_score_ > 0.7
