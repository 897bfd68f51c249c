"""Refining a network whose training has ended."""

import copy
import pickle
import signal

import numpy as np
import pytest
import torch
from helpers import refuses
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.utils import compute_class_weight
from skorch import NeuralNetClassifier
from skorch.callbacks import Callback
from torch import nn

from skaug import BatchAugmentation, NetClassifier, TableMixup, refine
from skaug.refined.holding import LOWEST_AFTER_THE_END


def net(**params):
    augment = BatchAugmentation(lambda X: 3 * X + 1)
    settings = {"max_epochs": 30, "random_state": 0, "module__hidden": (8,), **params}
    return NetClassifier(callbacks=[("augment", augment)], **settings)


def test_both_ways_are_the_same_bit_for_bit(table):
    short = refine(net().fit(*table), *table, epochs=3)
    long = net().fit(*table).set_params(callbacks__augment__refine_epochs=1.0)
    long.partial_fit(*table, epochs=3)
    pairs = zip(*(m.module_.state_dict().values() for m in (short, long)))
    assert all(torch.equal(*pair) for pair in pairs)


def test_rows_are_clean_the_rate_is_held_and_so_are_the_input_statistics(table):
    model = net().fit(*table)
    seen, norm = [], model.module_.input_norm
    before = {name: value.clone() for name, value in norm.state_dict().items()}
    kept = list(model.callbacks_)
    model.module_.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    assert refine(model, *table, epochs=2) is model
    rows = torch.cat(seen[: len(seen) // 2]).numpy()
    np.testing.assert_array_equal(
        np.sort(rows, axis=0), np.sort(np.float32(table[0]), axis=0)
    )
    assert all(torch.equal(norm.state_dict()[name], before[name]) for name in before)
    assert model.history[-2:, "refining"] == [True, True]
    assert model.history[-2:, "lr"] == [LOWEST_AFTER_THE_END * model.lr] * 2
    # What comes after it is as before.
    assert model.callbacks_ == kept and not norm._forward_pre_hooks
    model.partial_fit(*table, epochs=1)
    assert "refining" not in model.history[-1]


def test_what_ctrl_c_has_cut_short_is_refined_to_the_end(table, ctrl_c):
    class Stop(Callback):
        def on_batch_end(self, net, **kwargs):
            if len(net.history) == 32:
                signal.raise_signal(signal.SIGINT)

    params = {"class_weight": "balanced"}
    whole = refine(net(**params).fit(*table), *table, epochs=5)
    part = net(**params).fit(*table)
    part.callbacks_.append(("stop", Stop()))
    with pytest.warns(UserWarning, match="Ctrl-C in epoch 2 of 5"):
        refine(part, *table, epochs=5)
    part.callbacks_.pop()
    part.resume(*table)
    assert part.history[-4:, "refining"] == [True] * 4
    assert part.history[-3:, "lr"] == whole.history[-3:, "lr"]


def test_a_rate_and_mild_augmentation_may_be_given(table):
    seen = []
    model = net().fit(*table)
    refine(model, *table, epochs=1, lr=1e-5, transform=lambda X: seen.append(1) or X)
    assert model.history[-1, "lr"] == 1e-5
    assert len(seen) == len(model.history[-1, "batches"])


def test_the_loss_on_clean_rows_falls_after_mixup_to_the_end():
    X, y = load_digits(return_X_y=True)
    X, y = X[:300], y[:300]
    mixup = BatchAugmentation(TableMixup())
    model = NetClassifier(callbacks=[mixup], max_epochs=40, random_state=0).fit(X, y)
    before = log_loss(y, model.predict_proba(X))
    refine(model, X, y, epochs=6)
    assert log_loss(y, model.predict_proba(X)) < 0.9 * before


def test_any_skorch_net(table):
    X, y = np.float32(table[0]), np.unique(table[1], return_inverse=True)[1]
    model = NeuralNetClassifier(
        nn.Linear(X.shape[1], 3), criterion=nn.CrossEntropyLoss, max_epochs=2, verbose=0
    ).fit(X, y)
    refine(model, X, y, epochs=2)
    # It has no schedule whose end its rate could have reached.
    assert model.history[:, "refining"][-2:] == [True, True]
    assert model.history[-1, "lr"] == model.lr


def test_callbacks_come_back_after_errors(table):
    X, y = table
    model = net().fit(X, y)
    model.interrupted_ = True  # by Ctrl-C, in the training before
    before = model.callbacks_
    with refuses("needs X of shape|features"):
        refine(model, X[:, :1], y, epochs=1)
    assert model.callbacks_ is before


class KeepPickle(Callback):
    """Pickles the net at the end of each epoch, as a checkpoint does."""

    def on_epoch_end(self, net, **kwargs):
        self.kept = pickle.dumps(net)


def test_a_net_pickled_in_refinement_refuses_to_count_a_part(table):
    model = NetClassifier(
        class_weight="balanced", callbacks=[("keep", KeepPickle())], max_epochs=1
    )
    refine(model.fit(*table), *table, epochs=1)
    kept = pickle.loads(dict(model.callbacks_)["keep"].kept)
    with refuses("class_weight to be a dict for partial_fit"):
        kept.partial_fit(*table)


@pytest.mark.parametrize("step", [1, 2])
def test_balanced_classes_are_those_of_the_rows_that_are_given(table, step):
    X, y = table
    y = np.where(np.arange(len(y)) % 3, y, y[0])  # unequal classes
    model = net(class_weight="balanced").fit(X, y)
    X, y = X[::step], y[::step]
    rows = {"X": X, "y": y, "sample_weight": np.linspace(0.5, 2, len(X))}
    factors = compute_class_weight(
        "balanced", classes=model.classes_, y=y, sample_weight=rows["sample_weight"]
    )
    other = copy.deepcopy(model)
    other.class_weight = dict(zip(model.classes_, factors))
    refine(model, **rows, epochs=2)
    refine(other, **rows, epochs=2)
    np.testing.assert_array_equal(model.class_weight_, factors)
    pairs = zip(*(m.module_.state_dict().values() for m in (model, other)))
    assert all(torch.equal(*pair) for pair in pairs)
    with refuses("class_weight to be a dict for partial_fit; got 'balanced'"):
        model.partial_fit(X, y)


def test_what_cannot_be_refined(table):
    with refuses("a net of skorch; got a LogisticRegression", TypeError):
        refine(LogisticRegression(), *table, epochs=1)
    with pytest.raises(NotFittedError):
        refine(net(), *table, epochs=1)
    with refuses("epochs to be a whole number >= 1; got 0"):
        refine(net().fit(*table), *table, epochs=0)
