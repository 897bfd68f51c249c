"""Trainings that are broken off: resumed from a file they equal those that were not."""

import os
import pickle
import signal
from functools import partial

import joblib
import numpy as np
import pytest
import torch
from helpers import few_steps, killed, refuses, signals_itself, weights
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Callback, EarlyStopping, EpochScoring, LRScheduler
from torch import nn
from torch.utils.data import DataLoader

from skaug import BatchAugmentation, ISDAClassifier, NetClassifier, TableMixup
from skaug.net import EpochCheckpoint

pytestmark = few_steps
EPOCHS = 6


class Dropped(nn.Module):
    """A network with dropout and an average over batches."""

    def __init__(self, n_features, n_classes):
        super().__init__()
        layers = nn.Linear(n_features, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3)
        self.body, self.head = nn.Sequential(*layers), nn.Linear(8, n_classes)

    def forward(self, X):
        return self.head(self.body(X))


class Draws(Callback):
    """Counts epochs and draws from torch, in an attribute that begins anew."""

    def on_train_begin(self, net, **kwargs):
        self.drawn_ = []

    def on_epoch_end(self, net, **kwargs):
        self.drawn_ = [*self.drawn_, float(torch.rand(()))]
        net.history.record("drawn", sum(self.drawn_))


class Pickles(Callback):
    """Keeps a pickle of the net at the end of each epoch."""

    kept = []  # of the class: a net takes a copy of the callback

    def on_epoch_end(self, net, **kwargs):
        self.kept.append(pickle.dumps(net))


class Signals(Callback):
    """Sends its own process a signal in an epoch."""

    def __init__(self, epoch, number=signal.SIGINT, event="on_epoch_end"):
        self.epoch, self.number, self.event = epoch, number, event

    def send(self, net, event):
        if (event, len(net.history)) == (self.event, self.epoch):
            os.kill(os.getpid(), self.number)

    def on_epoch_end(self, net, **kwargs):
        self.send(net, "on_epoch_end")

    def on_grad_computed(self, net, **kwargs):
        self.send(net, "on_grad_computed")


def rows():
    return make_classification(
        150, 8, n_informative=6, n_classes=3, class_sep=2.0, random_state=0
    )


def net(*callbacks, kind=NetClassifier, **params):
    named = [(f"own{i}", one) for i, one in enumerate(callbacks)]
    params = {"max_epochs": EPOCHS, "batch_size": 32, "random_state": 0, **params}
    return kind(params.pop("module", Dropped), callbacks=named, **params)


def histories(model):
    """What an epoch has on record, without the seconds that it took."""
    return [{k: v for k, v in row.items() if k != "dur"} for row in model.history]


def assert_equal(resumed, whole):
    assert torch.equal(weights(resumed), weights(whole))
    assert histories(resumed) == histories(whole)
    buffers = zip(resumed.module_.buffers(), whole.module_.buffers())
    assert all(torch.equal(*pair) for pair in buffers)
    for device, state in whole.generator_state_.items():
        assert torch.equal(resumed.generator_state_[device], state)
    X = rows()[0]
    np.testing.assert_array_equal(resumed.predict_proba(X), whole.predict_proba(X))


PLATEAU = {"policy": "ReduceLROnPlateau", "monitor": "train_loss", "patience": 1}
CASES = {
    "plain": ([], {}),
    "a default network": ([], {"module": None}),
    "isda": ([], {"kind": ISDAClassifier}),
    "a loader": ([], {"iterator_train": DataLoader}),
    "rows held out": ([], {"train_split": 0.3}),
    "augmentation": ([BatchAugmentation(TableMixup(), 0.3, probability=0.7)], {}),
    "own draws": ([Draws()], {}),
    "a score": ([EpochScoring("accuracy", on_train=True)], {}),
    "early stopping": (
        [EarlyStopping("train_loss", threshold=0.1, patience=2)],
        {"train_split": 0.3, "max_epochs": 20},
    ),
    "by epoch": ([LRScheduler("StepLR", step_size=2)], {"lr_schedule": "constant"}),
    "by batch": (
        [LRScheduler("ExponentialLR", gamma=0.9, step_every="batch")],
        {"lr_schedule": "constant"},
    ),
    "by plateau": ([LRScheduler(**PLATEAU)], {"lr_schedule": "constant", "lr": 0.1}),
    "weights": ([], {"class_weight": "balanced"}),
    "adjusted": ([], {"logit_adjustment": 1.0, "train_split": 0.3}),
}


@pytest.mark.parametrize("case", CASES)
def test_a_pickle_of_any_epoch_goes_on_as_if_nothing_had_happened(case):
    callbacks, params = CASES[case]
    X, y = rows()
    Pickles.kept = []
    whole = net(*callbacks, **params).fit(X, y)
    assert (len(whole.history) < whole.max_epochs) == (case == "early stopping")
    net(*callbacks, Pickles(), **params).fit(X, y)
    last = len(Pickles.kept)
    for number in {1, (last + 1) // 2, last}:
        resumed = pickle.loads(Pickles.kept[number - 1])
        assert len(resumed.history) == number
        torch.rand(3)  # whatever happens in between
        resumed.predict(X)
        assert_equal(resumed.resume(X, y), whole)
        if case == "plain":  # skorch's way to go on
            resumed = pickle.loads(Pickles.kept[number - 1])
            assert_equal(resumed.partial_fit(X, y, epochs=EPOCHS - number), whole)


def kept(path, *callbacks):
    """A net that is kept in a file, the one of the file if there is any."""
    augment = BatchAugmentation(TableMixup(), 0.3, probability=0.7)
    if not path.exists():
        own = EpochCheckpoint(path, every=2), augment, *callbacks
        return net(*own, train_split=0.3)
    from_file = joblib.load(path)
    for _, callback in from_file.callbacks_:
        if isinstance(callback, Signals):
            callback.epoch = 0  # once is enough
    return from_file


def test_a_net_that_is_killed_goes_on_from_its_file(tmp_path):
    X, y = rows()
    path = tmp_path / "folder" / "net.pkl"
    dies = kept(path, Signals(5, signal.SIGKILL, "on_grad_computed"))
    killed(partial(dies.resume, X, y))
    assert [file.name for file in path.parent.iterdir()] == ["net.pkl"]
    resumed = kept(path)
    assert len(resumed.history) == 4
    whole = kept(tmp_path / "whole.pkl").fit(X, y)
    assert_equal(resumed.resume(X, y), whole)
    # The end is in the file as well, whose net has nothing left to do.
    assert_equal(kept(path).resume(X, y), whole)


def test_the_file_changes_nothing_in_training(tmp_path):
    X, y = rows()
    augment = BatchAugmentation(TableMixup(), 0.3, probability=0.7)
    assert_equal(
        net(EpochCheckpoint(tmp_path / "net.pkl"), augment).fit(X, y),
        net(augment).fit(X, y),
    )


def test_a_kill_while_the_file_is_written_leaves_the_one_before(tmp_path, monkeypatch):
    path = tmp_path / "net.pkl"
    kept(path).fit(*rows())
    before = path.read_bytes()
    signals_itself(monkeypatch, os, "fsync", 2, signal.SIGKILL)
    killed(partial(kept(path).fit, *rows()))
    assert joblib.load(path).history[-1, "epoch"] == 2  # the first writing of this fit
    assert path.read_bytes() != before


def test_what_has_not_begun_begins_and_what_has_ended_stays():
    X, y = rows()
    whole = net().fit(X, y)
    assert_equal(net().resume(X, y), whole)
    assert whole.resume(X, y) is whole and len(whole.history) == EPOCHS
    # So does what failed before it began.
    failed = net(train_split=lambda *args: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        failed.fit(X, y)
    assert_equal(failed.set_params(train_split=None).resume(X, y), whole)
    # Another call begins a training of its own.
    part = net().partial_fit(X, y, epochs=2)
    assert len(part.resume(X, y).history) == 2


def test_early_stopping_from_a_file_tells_of_weights_that_are_lost():
    X, y = rows()
    stopping = EarlyStopping("train_loss", threshold=0.5, patience=4, load_best=True)
    Pickles.kept = []
    net(stopping, Pickles()).fit(X, y)
    message = r"needs the weights of epoch 1 .*; got a net from a file, .* of epoch 3"
    with pytest.warns(UserWarning, match=message):
        pickle.loads(Pickles.kept[2]).resume(X, y)


@pytest.mark.parametrize("event", ["on_epoch_end", "on_grad_computed"])
def test_ctrl_c_leaves_a_marked_net_that_goes_on(ctrl_c, event):
    X, y = rows()
    whole = net().fit(X, y)
    assert not whole.interrupted_
    message = (
        "NetClassifier needs to come to the end of fit; got Ctrl-C in epoch 4 of 6"
    )
    with pytest.warns(UserWarning, match=message):
        stopped = net(Signals(4, event=event)).fit(X, y)
    assert stopped.interrupted_ and len(stopped.history) == 4
    assert stopped.score(X, y) > 0.5
    stopped.resume(X, y)
    assert not stopped.interrupted_ and len(stopped.history) == EPOCHS
    if event == "on_epoch_end":
        assert_equal(stopped, whole)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_leaves_no_file_of_half_an_epoch(ctrl_c, tmp_path):
    X, y = rows()
    path = tmp_path / "net.pkl"
    with pytest.warns(UserWarning, match="got Ctrl-C in epoch 4"):
        kept(path, Signals(4, event="on_grad_computed")).fit(X, y)
    assert len(kept(path).history) == 2
    whole = kept(tmp_path / "whole.pkl").fit(X, y)
    assert_equal(kept(path).resume(X, y), whole)


def test_a_callback_that_ends_the_training_is_not_ctrl_c(ctrl_c):
    class Ends(Callback):
        def on_epoch_end(self, net, **kwargs):
            raise KeyboardInterrupt

    X, y = rows()
    model = clone(net(Ends())).fit(X, y)
    assert not model.interrupted_ and len(model.history) == 1
    assert len(model.resume(X, y).history) == 1


def test_no_search_keeps_a_net_that_was_cut_short(ctrl_c):
    X, y = rows()
    model = make_pipeline(StandardScaler(), net(Signals(2)))
    search = GridSearchCV(model, {"netclassifier__lr": [1e-3, 1e-2]}, cv=2)
    for run in (partial(search.fit, X, y), partial(cross_val_score, model, X, y)):
        with refuses("got Ctrl-C in epoch 2 of 6", KeyboardInterrupt):
            run()
    assert not hasattr(search, "cv_results_")
    with pytest.warns(UserWarning, match="got Ctrl-C in epoch 2 of 6"):
        model.fit(X, y)  # a pipeline of one's own is not part of a search
    assert model[-1].interrupted_


def test_bad_parameters_and_nets_of_no_pickle_are_refused(tmp_path):
    X, y = rows()
    path = tmp_path / "net.pkl"
    with refuses("EpochCheckpoint needs every to be a whole number >= 1; got 0"):
        net(EpochCheckpoint(path, every=0)).fit(X, y)
    with refuses("EpochCheckpoint needs path to be the path of a file; got 3"):
        net(EpochCheckpoint(3)).fit(X, y)

    class Local(Dropped):
        pass

    with refuses("EpochCheckpoint needs a net that can be pickled; got .*Local"):
        net(EpochCheckpoint(path), module=Local).fit(X, y)
    assert list(tmp_path.iterdir()) == []
