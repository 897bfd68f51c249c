"""What every sampler keeps to, imbalanced-learn's own checks among it."""

import numpy as np
import pandas as pd
import pytest
from helpers import refuses
from imblearn.utils import estimator_checks
from sklearn.base import clone
from sklearn.datasets import make_classification

from skaug import (
    HardPoints,
    HardRegionSampler,
    InfluenceAugmenter,
    NetClassifier,
    TransformPolicy,
    VAEGenerator,
)
from skaug.transforms import Jitter, SameClassInterpolation

# What is warned of on few rows and short trainings is tested with each method.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

EUCLIDEAN = HardPoints("all", metric="euclidean")
NET = NetClassifier(max_epochs=2, module__hidden=(8,))
POLICY = TransformPolicy(
    [Jitter(0.1), SameClassInterpolation(0.3)], n_networks=1, n_draws=1
)
# Some of the tables that are checked on have 20 rows and classes of no more than a few.
VIEWS = InfluenceAugmenter(NET, augmentation=POLICY, cv=0.4, random_state=0)
SAMPLERS = {
    "default": HardRegionSampler(random_state=0),
    "interpolation": HardRegionSampler(
        sources="supported", generator="interpolation", random_state=0
    ),
    "gaussian": HardRegionSampler(generator="gaussian", random_state=0),
    "paper": HardRegionSampler.paper(generator=VAEGenerator(steps=50), random_state=0),
    "noise": HardRegionSampler(
        generator="noise",
        sources=EUCLIDEAN,
        n_samples=1,
        sampling_strategy="hard",
        random_state=0,
    ),
    "views": clone(VIEWS).set_params(guard=False),
    "guarded views": VIEWS,
}
each_sampler = pytest.mark.parametrize("name", SAMPLERS)
adds_rows = pytest.mark.parametrize("name", ["noise", "views"])


@pytest.fixture
def rows():
    return make_classification(
        n_samples=180,
        n_features=4,
        n_redundant=0,
        n_clusters_per_class=1,
        n_classes=3,
        random_state=0,
    )


# Those that imbalanced-learn runs for any sampler, but those for sparse input and that
# of sample_indices_, which asks for a kind of tags that scikit-learn lacks.
IMBALANCED_LEARNS_CHECKS = [
    "check_target_type",
    "check_samplers_one_label",
    "check_samplers_fit",
    "check_samplers_fit_resample",
    "check_samplers_sampling_strategy_fit_resample",
    "check_samplers_pandas",
    "check_samplers_list",
    "check_samplers_multiclass_ova",
    "check_samplers_preserve_dtype",
    "check_samplers_2d_target",
    "check_sampler_get_feature_names_out",
    "check_sampler_get_feature_names_out_pandas",
    "check_dataframe_column_names_consistency",
]


@each_sampler
@pytest.mark.parametrize("check", IMBALANCED_LEARNS_CHECKS)
def test_imbalanced_learns_checks(name, check):
    sampler = clone(SAMPLERS[name])
    if name == "noise":
        sampler.set_params(sampling_strategy="auto")
    getattr(estimator_checks, check)(type(sampler).__name__, sampler)


@adds_rows
def test_an_object_is_a_sampler_or_a_transformer_never_both(name):
    samples = clone(SAMPLERS[name])
    other = {"noise": "potentials", "views": "views"}[name]
    transformer = clone(samples).set_params(output=other)
    for method in ("transform", "fit_transform", "set_output"):
        assert not hasattr(samples, method) and hasattr(transformer, method)
    assert hasattr(samples, "fit_resample")
    assert not hasattr(transformer, "fit_resample")


@adds_rows
def test_frames_keep_columns_and_dtypes(name, rows):
    X, y = rows
    frame = pd.DataFrame(X, columns=["x", "y", "z", "w"], index=np.arange(180) + 1000)
    frame["steps"] = np.arange(180)
    frame["small"] = frame["x"].astype(np.float32)
    frame["nullable"] = pd.array(np.arange(180), dtype="Int64")
    labels = pd.Series(np.array(["run", "sit", "walk"])[y], name="activity")
    sampler = clone(SAMPLERS[name])
    frame_new, labels_new = sampler.fit_resample(frame, labels)
    assert frame_new.dtypes.tolist() == frame.dtypes.tolist()
    assert frame_new.columns.tolist() == frame.columns.tolist()
    pd.testing.assert_frame_equal(frame_new[:180], frame.reset_index(drop=True))
    assert labels_new.name == "activity" and len(frame_new) == len(labels_new) > 180
    assert frame_new.index.tolist() == list(range(len(frame_new)))
    assert sampler.feature_names_in_.tolist() == frame.columns.tolist()
    for dtype in ("category", "string"):
        words = frame.assign(cat=labels.to_numpy()).astype({"cat": dtype})
        with refuses(r"column 'cat' of dtype .* Encode it"):
            sampler.fit_resample(words, labels)


@adds_rows
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16])
def test_arrays_keep_their_dtype(name, dtype, rows):
    X, y = (10 * rows[0]).astype(dtype), rows[1].astype(np.int8)
    X_new, y_new = clone(SAMPLERS[name]).fit_resample(X, y)
    assert X_new.dtype == dtype and y_new.dtype == np.int8 and len(X_new) > 180
    assert np.array_equal(X_new[:180], X) and not np.array_equal(X_new[180:360], X)
