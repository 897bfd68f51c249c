"""The memory that keeps scores for a search: what it tells apart, what it finds."""

import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import joblib
import numpy as np
import pytest
import torch
from helpers import (
    few_for_influence,
    few_rows,
    few_steps,
    killed,
    refused,
    refuses,
    signals_itself,
    weights,
)
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from torch import nn

from skaug import (
    InfluenceAugmenter,
    NetClassifier,
    NetworkAugmentation,
    ResampledClassifier,
    TransformPolicy,
)
from skaug._memory import content_hash
from skaug.transforms import Jitter, Scaling

pytestmark = few_steps

NET = NetClassifier(max_epochs=2, module__hidden=(8,))

SMALL = {"code_dim": 4, "depth": 1, "width": 4, "pretrain_steps": 2}


def augmenter(memory=None, net=NET, random_state=0, **params):
    params = {"transforms": [Jitter(), Scaling()], "n_networks": 2, **params}
    return InfluenceAugmenter(
        net,
        augmentation=TransformPolicy(**params),
        refit=False,
        memory=memory,
        random_state=random_state,
    )


class Counter(NetClassifier):
    """A net that counts how often one like it was trained."""

    n_trainings = 0

    def fit(self, *args, **params):
        type(self).n_trainings += 1
        return super().fit(*args, **params)


def test_objects_are_known_by_what_they_hold():
    ones = torch.ones(2, 3)
    assert content_hash([ones, Jitter(0.1)]) == content_hash(
        [ones.clone(), Jitter(0.1)]
    )
    different = [
        ones,
        2 * ones,
        ones.T,
        ones.double(),
        ones.numpy(),
        torch.tensor(1.0),
        Jitter(0.1, ones),
        Jitter(0.1, 2 * ones),
        nn.Linear(3, 2),
        nn.Linear(3, 2),
    ]
    assert len({content_hash(one) for one in different}) == len(different)


@refused
def test_numbers_are_the_same_with_and_without_a_memory(rows, tmp_path):
    without = augmenter().fit(*rows)
    for memory in (tmp_path, str(tmp_path), joblib.Memory(tmp_path, verbose=0)):
        kept = augmenter(memory).fit(*rows)
        assert kept.policy_ == without.policy_
        assert kept.held_out_loss_ == without.held_out_loss_
        views = kept.augment(rows[0], y=rows[1])
        assert np.array_equal(views, without.augment(rows[0], y=rows[1]))
    assert without.n_trainings_ == 4


@refused
def test_what_does_not_change_the_scores_trains_no_scorer_again(rows, tmp_path):
    # Two scorers, and for the guard one training with the policy and one without.
    assert augmenter(tmp_path).fit(*rows).n_trainings_ == 4
    for same in (
        {"strength": 3.0},
        {"weighting": "top", "share": 0.5},
        {"n_transforms": 1},
        {"probability": 0.2},
    ):
        assert augmenter(tmp_path, **same).fit(*rows).n_trainings_ == 1, same
    for other in (
        {"n_networks": 1},
        {"n_draws": 1},
        {"transforms": [Jitter(), Scaling(0.3)]},
    ):
        # The same networks score other transforms, or score them in another way. The
        # guard trains with the policy if that is another one.
        assert augmenter(tmp_path, **other).fit(*rows).n_trainings_ <= 1, other
    X, y = rows
    for other in (
        augmenter(tmp_path, random_state=1),
        augmenter(tmp_path, net=clone(NET).set_params(lr=0.01)),
        augmenter(tmp_path).set_params(damping=0.1),
        augmenter(tmp_path).set_params(calibrate=False),
        augmenter(tmp_path).set_params(cv=0.5),
    ):
        assert other.fit(X, y).n_trainings_ == 4
    assert augmenter(tmp_path).fit(X + 1, y).n_trainings_ == 4
    # The seed of the net is that of the last training only, which there is none of.
    net = clone(NET).set_params(random_state=5)
    assert augmenter(tmp_path, net=net).fit(X, y).n_trainings_ == 0


@refused
def test_without_a_number_as_seed_nothing_is_found_again(rows, tmp_path):
    for _ in range(2):
        with pytest.warns(UserWarning, match="needs an int as random_state for its"):
            fitted = augmenter(tmp_path, random_state=None).fit(*rows)
        assert fitted.n_trainings_ == 4


@refused
@few_rows
def test_a_search_trains_the_scorers_of_a_fold_once(rows, tmp_path):
    net = Counter(max_epochs=2, module__hidden=(8,))
    Counter.n_trainings = 0
    model = ResampledClassifier(
        augmenter(tmp_path, net), LogisticRegression(max_iter=500)
    )
    grid = {"sampler__augmentation__strength": [0, 0.5, 1, 2]}
    GridSearchCV(model, grid, cv=3, refit=False, error_score="raise").fit(*rows)
    # By fold: two scorers and a plain training, and a training with each policy.
    assert Counter.n_trainings == 3 * (2 + 1 + 4)


def trained_for_digits(memory, strength):
    """Number of trainings for a policy of digits."""
    X, y = load_digits(return_X_y=True)
    policy = TransformPolicy(n_networks=1, strength=strength)
    fitted = augmenter(memory).set_params(augmentation=policy).fit(X[:250], y[:250])
    return fitted.n_trainings_


@refused
@few_for_influence
def test_scores_of_another_process_are_found(tmp_path):
    here, place = Path(__file__), str(tmp_path)
    paths = [str(here.parent), *sys.path]
    code = f"import {here.stem}; print({here.stem}.trained_for_digits({place!r}, 0.0))"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    )
    assert done.stdout.strip() == "3", done.stderr
    assert trained_for_digits(tmp_path, 2.0) == 1


@refused
def test_what_cannot_be_known_again_is_refused(rows, tmp_path):
    def local(X):
        return X

    with refuses("can be pickled, for its memory; got"):
        augmenter(tmp_path, transforms=[local]).fit(*rows)
    augmenter(transforms=[local]).fit(*rows)


@refused
def test_another_network_finds_what_does_not_depend_on_it(rows, tmp_path):
    fits = [
        augmenter(tmp_path)
        .set_params(augmentation=NetworkAugmentation(steps=steps, **SMALL))
        .fit(*rows)
        for steps in (2, 2, 3)
    ]
    # F, and for the guard the network, its baseline and plain training.
    assert [one.n_trainings_ for one in fits] == [4, 0, 1]
    assert fits[0].held_out_loss_ == fits[1].held_out_loss_
    losses = zip(*(one.losses_["objective"] for one in fits))
    assert all(len(set(of_step)) == 1 for of_step in losses)


LEARNERS = {
    "policy": TransformPolicy([Jitter(), Scaling()], n_networks=2),
    "network": NetworkAugmentation(steps=3, rounds=2, **SMALL),
}


# Of a policy: two scorers, the guard's two and the last training. Of a network: one F
# for each round, the guard's three and the last training.
@refused
@pytest.mark.parametrize("guard", [True, False])
@pytest.mark.parametrize("kind, at", [("policy", 2), ("policy", 4), ("network", 2)])
def test_a_killed_fit_goes_on_from_its_last_training(
    kind, at, guard, rows, tmp_path, monkeypatch
):
    def model(memory=None):
        learner = clone(LEARNERS[kind])
        given = {"augmentation": learner, "guard": guard, "refit": True}
        return augmenter(memory).set_params(**given)

    at = at if guard else 2
    whole = model().fit(*rows)
    with monkeypatch.context() as patch:
        signals_itself(patch, NetClassifier, "fit", at, signal.SIGKILL)
        killed(partial(model(tmp_path).fit, *rows))
    resumed = model(tmp_path).fit(*rows)
    assert resumed.n_trainings_ == whole.n_trainings_ - (at - 1)
    assert torch.equal(weights(resumed.estimator_), weights(whole.estimator_))
    assert (
        resumed.estimator_.history[:, "train_loss"]
        == (whole.estimator_.history[:, "train_loss"])
    )
    views = (one.augment(rows[0], y=rows[1]) for one in (resumed, whole))
    assert np.array_equal(*views)
    for name in ("policy_", "losses_", "held_out_loss_", "loss_over_baseline_"):
        assert getattr(resumed, name, None) == getattr(whole, name, None)
    assert model(tmp_path).fit(*rows).n_trainings_ == 0
