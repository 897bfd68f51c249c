"""How long a network trains: steps, and the warning of too few."""

import warnings

import numpy as np
import pytest
import torch
from helpers import few_steps, refuses, weights
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback
from skorch.dataset import ValidSplit
from torch.utils.data import DataLoader

from skaug import BatchAugmentation, ISDAClassifier, NetClassifier, TableMixup
from skaug.transforms import Jitter

TINY = {"module__hidden": (4,), "random_state": 0}


def rows(n):
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, 3)), np.arange(n) % 2


def steps(net):
    return sum(net.history[:, "train_batch_count"])


@pytest.mark.parametrize(
    "n, n_epochs",
    [(20, 200), (128, 100), (129, 100), (320, 40), (448, 30), (1000, 30)],
)
def test_auto_is_30_epochs_and_200_steps_at_least(n, n_epochs):
    net = NetClassifier(**TINY).fit(*rows(n))
    assert len(net.history) == net.n_epochs_ == n_epochs
    assert steps(net) >= 200


@pytest.mark.parametrize("share", [4, 0.25])
def test_rows_held_out_are_not_counted(share):
    net = NetClassifier(train_split=ValidSplit(share), **TINY).fit(*rows(256))
    assert net.n_epochs_ == 67 and steps(net) == 201  # three batches of 64


def test_a_split_of_ones_own_is_called_once():
    def halves(dataset, y):
        calls.append(len(dataset))
        return torch.utils.data.random_split(dataset, [128, 128])

    calls = []
    net = NetClassifier(train_split=halves, **TINY).fit(*rows(256))
    assert calls == [256] and net.n_epochs_ == 100
    assert net.module_.input_norm.n_rows == 128


def test_any_iterator_is_counted():
    net = NetClassifier(
        iterator_train=DataLoader, iterator_train__drop_last=True, **TINY
    ).fit(*rows(100))
    assert len(net.history) == steps(net) == 200


class Mild(Jitter):
    mild = True


class Stops(Callback):
    """Ends the training after an epoch, as Ctrl-C does, when the plan is made."""

    def on_epoch_end(self, net, **kwargs):
        raise KeyboardInterrupt


@pytest.mark.parametrize(
    "augmentations, least",
    [
        ([], 200),
        ([BatchAugmentation(Mild())], 300),
        ([BatchAugmentation(TableMixup())], 600),
        ([BatchAugmentation(Mild()), BatchAugmentation(TableMixup())], 600),
        ([BatchAugmentation(TableMixup(), probability=0)], 200),
    ],
)
def test_augmented_training_takes_more_steps(augmentations, least):
    net = NetClassifier(callbacks=[*augmentations, Stops()], **TINY).fit(*rows(300))
    assert net.n_epochs_ == least // 5


def test_a_number_means_what_it_says_and_few_steps_are_named():
    augment = BatchAugmentation(TableMixup())
    net = NetClassifier(callbacks=[augment], max_epochs=7, **TINY)
    message = r"about 600 gradient steps .*; got 35, 7 epochs of 5 steps.*, or to 120\."
    with pytest.warns(UserWarning, match=message) as caught:
        net.fit(*rows(300))
    assert len(caught) == 1 and caught[0].filename == __file__
    assert len(net.history) == net.n_epochs_ == 7


@pytest.mark.parametrize(
    "params",
    [
        {"max_epochs": 3},
        {"max_epochs": 120, "callbacks": [BatchAugmentation(TableMixup()), Stops()]},
        {"max_epochs": 3, "callbacks": [BatchAugmentation(TableMixup(), 3)]},
    ],
)
def test_plain_and_long_trainings_warn_of_nothing(params):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        NetClassifier(**TINY, **params).fit(*rows(300))


def test_auto_is_the_number_that_it_comes_to_bit_for_bit():
    auto = NetClassifier(**TINY).fit(*rows(300))
    given = NetClassifier(max_epochs=40, **TINY).fit(*rows(300))
    assert np.array_equal(weights(auto), weights(given))


class Rates(Callback):
    def on_batch_begin(self, net, training, **kwargs):
        net.history.record_batch("lr", net.optimizer_.param_groups[0]["lr"])
        if isinstance(net, ISDAClassifier):
            net.history.record_batch("strength", net.current_strength())


def test_schedules_are_as_long_as_training():
    net = NetClassifier(callbacks=[Rates()], **TINY).fit(*rows(300))
    rates = np.ravel(net.history[:, "batches", :, "lr"])
    done = np.arange(200) / 200
    np.testing.assert_allclose(rates, 3e-3 * (1 + np.cos(np.pi * done)) / 2)
    isda = ISDAClassifier(strength=2.0, callbacks=[Rates()], **TINY).fit(*rows(300))
    assert isda.n_epochs_ == 40
    shares = np.ravel(isda.history[:, "batches", :, "strength"]) / 2
    np.testing.assert_allclose(shares, done)


def test_partial_fit_goes_on_along_the_schedule():
    whole = NetClassifier(**TINY).fit(*rows(300))
    parts = NetClassifier(**TINY)
    for n_epochs in (1, 9, 30):
        parts.partial_fit(*rows(300), epochs=n_epochs)
    assert parts.n_epochs_ == 40
    assert np.array_equal(weights(whole), weights(parts))


@few_steps
@pytest.mark.parametrize(
    "share, n_refined", [(0.15, 6), (0.01, 1), (0.999, 39), (0.0, 0), (1.0, 40)]
)
def test_refinement_takes_a_share_of_the_epochs(share, n_refined):
    augment = BatchAugmentation(Mild(), refine_epochs=share)
    net = NetClassifier(callbacks=[augment], max_epochs=40, **TINY).fit(*rows(150))
    if share:
        assert sum(net.history[:, "refining"]) == n_refined
    given = BatchAugmentation(Mild(), refine_epochs=n_refined)
    other = clone(net).set_params(callbacks=[given]).fit(*rows(150))
    assert np.array_equal(weights(net), weights(other))


def test_a_search_chooses_the_length_and_the_share():
    net = NetClassifier(callbacks=[("augment", BatchAugmentation(Mild()))], **TINY)
    grid = {"max_epochs": ["auto"], "callbacks__augment__refine_epochs": [0.15, 0.5]}
    search = GridSearchCV(net, grid, cv=2).fit(*rows(200))
    assert search.best_estimator_.n_epochs_ == 75


def test_a_share_of_all_epochs_is_the_plain_training():
    augment = BatchAugmentation(TableMixup(), refine_epochs=1.0)
    net = NetClassifier(callbacks=[augment], **TINY).fit(*rows(300))
    plain = NetClassifier(**TINY).fit(*rows(300))
    assert np.array_equal(weights(net), weights(plain))


@pytest.mark.parametrize("share", ["a", None, np.nan, -0.1])
@pytest.mark.parametrize("max_epochs", [3, "auto"])
def test_shares_that_are_none_are_refused(share, max_epochs):
    augment = BatchAugmentation(TableMixup(), refine_epochs=share)
    net = NetClassifier(callbacks=[augment], max_epochs=max_epochs, **TINY)
    with refuses("BatchAugmentation needs refine_epochs to be a whole number"):
        net.fit(*rows(300))


def test_numbers_of_numpy_are_numbers():
    augment = BatchAugmentation(Mild(), refine_epochs=np.arange(3)[2])
    net = NetClassifier(callbacks=[augment], max_epochs=60, **TINY).fit(*rows(300))
    assert sum(net.history[:, "refining"]) == 2


def test_skorchs_own_loop_knows_auto():
    net = NetClassifier(**TINY).fit(*rows(300))
    net.fit_loop(np.float32(rows(300)[0]), rows(300)[1])
    assert len(net.history) == 2 * net.n_epochs_


def test_other_words_than_auto_are_refused():
    with refuses("max_epochs to be a whole number >= 1 or 'auto'; got 'long'"):
        NetClassifier(max_epochs="long").fit(*rows(20))
