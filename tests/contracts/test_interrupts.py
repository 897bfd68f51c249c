"""Ctrl-C in a part of something: nothing is made of a training that was cut short."""

import numpy as np
import pytest
from helpers import few_rows, few_steps, refused, signals_itself
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import BaggingClassifier
from skorch import NeuralNet, NeuralNetClassifier
from torch import nn

from skaug import (
    AugmentationSearchCV,
    HardRegionSampler,
    InfluenceAugmenter,
    NetClassifier,
    NetworkAugmentation,
    PriorShift,
    RefineCurveDisplay,
    ResampledClassifier,
    TransformPolicy,
)
from skaug.comparison import Budgets
from skaug.hard_regions import VAE
from skaug.net.networks import MLP
from skaug.transforms import Jitter

pytestmark = [few_steps, few_rows, refused]

NET = NetClassifier(max_epochs=3, module__hidden=(8,), random_state=0)
OF_SKORCH = NeuralNetClassifier(
    MLP,
    module__n_features=8,
    module__n_classes=3,
    criterion=nn.CrossEntropyLoss,
    train_split=None,
    max_epochs=3,
    verbose=0,
)
SAMPLER = HardRegionSampler(random_state=0)
FEW = Budgets(plain=(20,), augmented=(30,), decays=(0.0,), refused=20)
SEARCH = {"methods": ["ISDA"], "cv": 2, "budget": FEW, "random_state": 0}


def augmenter(learner, net=NET):
    return InfluenceAugmenter(net, augmentation=learner, random_state=0)


POLICY = TransformPolicy([Jitter()], n_networks=2)
PARTS = {
    "resampled": ResampledClassifier(SAMPLER, NET),
    "resampled, a net of skorch": ResampledClassifier(SAMPLER, OF_SKORCH),
    "prior": PriorShift(NET, prior=[0.2, 0.3, 0.5]),
    "prior, a net of skorch": PriorShift(OF_SKORCH, prior=[0.2, 0.3, 0.5]),
    "calibrated": CalibratedClassifierCV(NET, cv=2),
    "bagging": BaggingClassifier(NET, 2),
    "policy": augmenter(POLICY),
    "policy, a net of skorch": augmenter(POLICY, OF_SKORCH),
    "network": augmenter(NetworkAugmentation(steps=2, pretrain_steps=2)),
}


# In the second epoch of the first training, and in the next one.
@pytest.mark.parametrize("number", [2, 5])
@pytest.mark.parametrize("part", PARTS)
def test_what_is_part_of_another_estimator_raises(
    ctrl_c, part, number, table, monkeypatch
):
    X, y = np.float32(table[0]), table[1]
    if number == 5 and part.startswith(("resampled", "prior")):
        number = 3  # which train once
    signals_itself(monkeypatch, NeuralNet, "run_single_epoch", number)
    with pytest.raises(KeyboardInterrupt):
        PARTS[part].fit(X, y)


@pytest.mark.parametrize("generator", ["vae", "cvae"])
def test_a_sampler_draws_from_no_autoencoder_that_was_cut_short(
    ctrl_c, generator, table, monkeypatch
):
    signals_itself(monkeypatch, VAE, "loss", 5)
    sampler = HardRegionSampler(generator=generator, random_state=0)
    with pytest.raises(KeyboardInterrupt):
        sampler.fit_resample(*table)


def test_a_search_keeps_no_cell_that_was_cut_short(
    ctrl_c, table, tmp_path, monkeypatch
):
    whole = AugmentationSearchCV(NET, cache=tmp_path / "whole", **SEARCH).fit(*table)
    for number in (1, 5, 12):
        again = AugmentationSearchCV(NET, cache=tmp_path / f"{number}", **SEARCH)
        with monkeypatch.context() as patch:
            signals_itself(patch, NeuralNet, "run_single_epoch", 20 * number)
            with pytest.raises(KeyboardInterrupt):
                again.fit(*table)
        again.fit(*table)
        assert again.best_method_ == whole.best_method_
        for one, other in zip(again.results_, whole.results_):
            assert {**one, "seconds": 0} == {**other, "seconds": 0}


def test_no_curve_of_half_a_training_is_drawn(ctrl_c, table, monkeypatch):
    signals_itself(monkeypatch, NeuralNet, "run_single_epoch", 2)
    with pytest.raises(KeyboardInterrupt):
        RefineCurveDisplay.from_estimator(NET, *table)
