"""Refinement that weakens an augmentation instead of switching it off."""

import pickle

import numpy as np
import pytest
import torch

from skaug import BatchAugmentation, ManifoldMixup, NetClassifier, TableMixup

CONSTANT = {"max_epochs": 6, "random_state": 0, "module__hidden": (8,)}


def net(transform, **params):
    augment = BatchAugmentation(transform, refine_epochs=3, **params)
    return NetClassifier(callbacks=[("augment", augment)], **CONSTANT)


def same(one, other):
    pairs = zip(*(m.module_.state_dict().values() for m in (one, other)), strict=True)
    return all(torch.equal(*pair) for pair in pairs)


class Spy:
    """Records how far it is to be weakened."""

    def __init__(self):
        self.seen = []

    def __call__(self, X, progress=None):
        self.seen.append(progress)
        return X


@pytest.mark.parametrize(
    "schedule, expected",
    [("off", []), ("linear", [1 / 3, 2 / 3]), ("cosine", [1 / 4, 3 / 4])],
)
def test_a_transform_that_asks_is_told_how_far_to_weaken(schedule, expected, table):
    spy = Spy()
    model = net(spy, refine_schedule=schedule).fit(*table)
    n_batches = len(model.history[0, "batches"])
    told = [0.0] * 3 + expected
    np.testing.assert_allclose(spy.seen, np.repeat(told, n_batches))


def test_one_epoch_of_refinement_is_clean_under_all_schedules(table):
    off, *others = (
        net(TableMixup(), refine_schedule=schedule).set_params(
            callbacks__augment__refine_epochs=1
        )
        for schedule in ("off", "linear", "cosine")
    )
    off.fit(*table)
    assert all(same(off, other.fit(*table)) for other in others)


def test_without_a_weaker_transform_the_schedule_does_not_matter(table):
    def shift(X):
        return X + 0.1

    off, linear = (
        net(shift, refine_transform=shift, refine_schedule=schedule).fit(*table)
        for schedule in ("off", "linear")
    )
    assert same(off, linear)


def test_others_are_called_for_a_falling_share_of_batches(table):
    seen = []
    augment = BatchAugmentation(
        lambda X: seen.append(len(X)) or X,
        refine_epochs=1.0,
        refine_transform=lambda X: seen.append(-len(X)) or X,
        refine_schedule="linear",
    )
    params = {**CONSTANT, "max_epochs": 40, "batch_size": 4}
    model = NetClassifier(callbacks=[augment], **params).fit(*table)
    n_batches = len(model.history[0, "batches"])
    weakened = (np.array(seen).reshape(40, n_batches) > 0).mean(axis=1)
    expected = 1 - (np.arange(40) + 1) / 40
    error = np.sqrt(expected * (1 - expected) / n_batches)
    assert (np.abs(weakened - expected) <= 4 * error).all()
    assert abs((weakened - expected).mean()) < 3 * np.sqrt((error**2).sum()) / 40


@pytest.mark.parametrize("progress", [0.0, 0.4, 1.0])
def test_mixup_lowers_its_alpha(progress):
    X, y = torch.eye(3), torch.tensor([0, 1, 2])
    torch.manual_seed(0)
    expected = TableMixup(0.5 * (1 - progress))(X, y, n_classes=3)
    torch.manual_seed(0)
    weakened = TableMixup(0.5)(X, y, n_classes=3, progress=progress)
    assert all(map(torch.equal, weakened, expected))
    if progress == 1:
        assert weakened[0] is X and weakened[1] is y


def test_stopped_while_it_is_weakened_and_resumed_equals_uninterrupted(table):
    whole = net(ManifoldMixup(), refine_schedule="linear").fit(*table)
    begun = net(ManifoldMixup(), refine_schedule="linear").partial_fit(*table, epochs=4)
    resumed = pickle.loads(pickle.dumps(begun)).partial_fit(*table, epochs=2)
    assert same(resumed, whole)
