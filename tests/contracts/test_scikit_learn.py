"""Scikit-learn's own checks, once for each class."""

import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.utils.estimator_checks import parametrize_with_checks
from torch import nn

from skaug import (
    HardPoints,
    HardRegionSampler,
    IHDAFinetuner,
    ISDAClassifier,
    ISDALogisticRegression,
    NetClassifier,
    PretrainedFeatures,
    PriorShift,
    ResampledClassifier,
    VAEGenerator,
)
from skaug.signals import MagnitudeSpectrum

SMALL = VAEGenerator(latent_dim=4, steps=5)
TINY = {"max_epochs": 10, "lr": 0.03, "module__hidden": (16, 8), "random_state": 0}
# InfluenceAugmenter is in tests/influence, where its two augmentations are set up.
CHECKED = [
    NetClassifier(**TINY),
    ISDAClassifier(**TINY),
    ISDALogisticRegression(cv=2),
    HardRegionSampler(random_state=0),
    HardRegionSampler.paper(generator=SMALL, random_state=0),
    HardRegionSampler(output="potentials"),
    HardRegionSampler(output="potentials", sources=HardPoints(radius=("knn", 5))),
    ResampledClassifier(
        HardRegionSampler(generator="noise", random_state=0), LogisticRegression()
    ),
    PriorShift(LogisticRegression()),
    IHDAFinetuner(NetClassifier(**TINY), generator=SMALL, random_state=0),
    MagnitudeSpectrum(),
    PretrainedFeatures(nn.Tanh()),
]
# Names of checks that a class fails, and why.
OF_SKORCH = {
    "check_no_attributes_set_in_init": "skorch sets attributes in its constructor"
}
# tests/net/test_weights.py has it for full batches of networks without normalisation.
OF_BATCHES = {
    "check_sample_weight_equivalence_on_dense_data": "batch normalisation and batches "
    "know rows, no weights, and float32 has 7 digits"
}
EXPECTED_FAILURES = {
    NetClassifier: OF_SKORCH | OF_BATCHES,
    ISDAClassifier: OF_SKORCH | OF_BATCHES,
    IHDAFinetuner: OF_BATCHES,
}


# The checks' tables are too small for anything to be hard in all of them.
@pytest.mark.filterwarnings("ignore:HardRegionSampler:UserWarning")
@pytest.mark.filterwarnings("ignore:IHDAFinetuner, level:UserWarning")
@pytest.mark.filterwarnings("ignore:Rows of zeros only:UserWarning")
@parametrize_with_checks(
    CHECKED,
    expected_failed_checks=lambda model: EXPECTED_FAILURES.get(type(model), {}),
)
def test_scikit_learns_checks(estimator, check):
    check(estimator)
