"""Display of refined augmentation: losses are those of the training it shows."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from helpers import legend_of, refuses
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNetClassifier
from skorch.callbacks import Callback, EpochScoring
from skorch.dataset import ValidSplit
from skorch.history import History
from torch import nn
from torch.utils.data import DataLoader

from skaug import (
    BatchAugmentation,
    ISDAClassifier,
    NetClassifier,
    RefineCurveDisplay,
    TableMixup,
)

curves_of = RefineCurveDisplay.from_estimator
curves_in = RefineCurveDisplay.from_history


@pytest.fixture
def halves(table):
    """Training rows and labels, then those for validation."""
    X, y = table
    X, y = X.astype(np.float32), np.array(["b", "a", "c"])[y]
    return X[::2], y[::2], X[1::2], y[1::2]


trained = []


@pytest.fixture(autouse=True)
def nothing_is_trained():
    trained.clear()


class Keep(Callback):
    """Keeps every net that is trained, also a clone, and the state of its generator."""

    def on_train_end(self, net, **kwargs):
        trained.append((net, torch.get_rng_state()))


def refined(cls=NetClassifier, **params):
    augment = BatchAugmentation(TableMixup(), refine_epochs=2)
    params = {"callbacks": [augment, Keep()], "max_epochs": 5, **params}
    return cls(random_state=0, **params)


def network():
    """For plain skorch: dropout makes it draw, batch norm has a state."""
    hidden = nn.Linear(8, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout()
    return nn.Sequential(*hidden, nn.Linear(8, 3))


def plain_skorch(**params):
    params = {"criterion": nn.CrossEntropyLoss, "max_epochs": 4} | params
    return NeuralNetClassifier(network, **params)


def codes(y):
    return np.unique(y, return_inverse=True)[1]


@pytest.mark.parametrize("cls", [NetClassifier, ISDAClassifier])
def test_clean_losses_are_log_losses_of_the_net_at_each_epoch(halves, cls):
    X, y, X_val, y_val = halves
    display = curves_of(refined(cls), X, y, X_val=X_val, y_val=y_val)
    net = refined(cls)
    for epoch in range(5):
        net.partial_fit(X, y, epochs=1)
        expected = log_loss(y, net.predict_proba(X))
        np.testing.assert_allclose(display.clean_loss[epoch], expected, rtol=1e-5)
        expected = log_loss(y_val, net.predict_proba(X_val))
        np.testing.assert_allclose(display.valid_loss[epoch], expected, rtol=1e-5)
    np.testing.assert_array_equal(display.train_loss, net.history[:, "train_loss"])
    np.testing.assert_array_equal(display.epochs, [1, 2, 3, 4, 5])
    assert display.switch_epochs == [3]


def assert_same_training():
    (one, generator), (other, other_generator) = trained
    assert one is not other
    weights = one.module_.state_dict()
    for name, values in other.module_.state_dict().items():
        assert torch.equal(values, weights[name]), name
    assert torch.equal(generator, other_generator)
    columns = tuple(set(one.history[0]) - {"dur", "batches"})
    assert one.history[:, columns] == other.history[:, columns]


VARIANTS = {
    "default": {},
    "train_split": {"train_split": ValidSplit(5)},
    "DataLoader": {"iterator_train": DataLoader, "iterator_valid": DataLoader},
    "ISDA": {"cls": ISDAClassifier},
}


@pytest.mark.parametrize("params", VARIANTS.values(), ids=VARIANTS)
def test_training_is_that_of_a_plain_fit(halves, params):
    X, y, X_val, y_val = halves
    curves_of(refined(**params).fit(X, y), X, y, X_val=X_val, y_val=y_val)
    assert_same_training()


def test_training_of_a_plain_net_of_skorch_is_kept_too(halves):
    X, y = halves[0], codes(halves[1])
    net = plain_skorch(callbacks=[Keep()])
    torch.manual_seed(0)
    net.fit(X, y)
    torch.manual_seed(0)
    display = curves_of(net, X, y, X_val=X, y_val=y)
    assert_same_training()
    # All but the rows that it holds out by itself.
    assert (display.clean_loss != display.valid_loss).all()
    assert len(display.clean_loss) == 4 and display.switch_epochs == []


def test_modules_that_a_callback_has_frozen_stay_so(halves):
    class Freeze(Callback):
        def on_epoch_begin(self, net, **kwargs):
            net.module_[1].eval()

    X, y, *_ = halves
    params = {"callbacks": [Freeze(), Keep()], "max_epochs": 3, "random_state": 0}
    curves_of(NetClassifier(network, **params).fit(X, y), X, y)
    assert_same_training()


@pytest.mark.parametrize("grouped", [False, True])
def test_rows_held_out_by_the_net_are_for_validation(halves, grouped):
    X, y, *_ = halves
    groups = {"groups": np.arange(len(X)) // 5} if grouped else {}
    net = refined(train_split=ValidSplit(3))
    display = curves_of(net, X, y, **groups)
    net.fit(X, y, **groups)
    np.testing.assert_array_equal(display.valid_loss, net.history[:, "valid_loss"])
    if not grouped:  # two thirds of all rows were trained on
        both = (display.valid_loss[-1] + 2 * display.clean_loss[-1]) / 3
        np.testing.assert_allclose(both, log_loss(y, net.predict_proba(X)), rtol=1e-5)


def test_the_net_is_not_changed_and_frames_are_taken(halves):
    X, y, X_val, y_val = halves
    net = refined().fit(X, y)
    before, params = net.predict_proba(X_val), net.get_params(deep=False)
    history = net.history.to_list()
    first = curves_of(net, X, y, X_val=X_val, y_val=y_val)
    second = curves_of(clone(net), X, y)
    np.testing.assert_array_equal(net.predict_proba(X_val), before)
    assert net.get_params(deep=False) == params
    assert net.history.to_list() == history
    np.testing.assert_array_equal(first.clean_loss, second.clean_loss)
    X, X_val = (pd.DataFrame(rows, columns=[*"abcdefgh"]) for rows in (X, X_val))
    of_val = {"X_val": X_val, "y_val": pd.Series(y_val)}
    frames = curves_of(refined(), X, pd.Series(y), **of_val)
    np.testing.assert_array_equal(frames.clean_loss, first.clean_loss)
    np.testing.assert_array_equal(frames.valid_loss, first.valid_loss)


def test_parameters_of_callbacks_are_kept(halves):
    X, y, *_ = halves
    augment = BatchAugmentation(TableMixup(), refine_epochs=2)
    net = refined(callbacks=[("augment", augment)])
    net.set_params(callbacks__augment__refine_epochs=4)
    assert curves_of(net, X, y).switch_epochs == [1]
    assert curves_of(net.fit(X, y), X, y).switch_epochs == [1]


def test_history_has_the_same_curves_with_one_more_callback(halves):
    def clean_loss(net, X, y):
        return log_loss(y, net.predict_proba(X), labels=net.classes_)

    X, y, *_ = halves
    net = refined(train_split=ValidSplit(3))
    expected = curves_of(net, X, y)
    net.callbacks += [EpochScoring(clean_loss, on_train=True, use_caching=False)]
    display = curves_in(net.fit(X, y).history)
    np.testing.assert_array_equal(display.train_loss, expected.train_loss)
    np.testing.assert_array_equal(display.valid_loss, expected.valid_loss)
    np.testing.assert_allclose(display.clean_loss, expected.clean_loss, rtol=1e-5)
    assert display.switch_epochs == expected.switch_epochs == [3]


def test_every_fit_in_a_row_has_its_line(halves):
    X, y, *_ = halves
    net = refined().fit(X, y).partial_fit(X, y)
    display = curves_in(net.history)
    assert display.switch_epochs == [3, 8]
    places = [list(line.get_xdata()) for line in display.switch_lines_]
    assert places == [[3, 3], [8, 8]]
    assert legend_of(display) == ["batches trained on", "refinement"]
    assert set(display.lines_) == {"train_loss"}
    assert display.clean_loss is display.valid_loss is None


@pytest.mark.parametrize("refine_epochs", [None, 0, 3])
def test_without_epochs_of_both_kinds_there_is_no_line(halves, refine_epochs):
    X, y, *_ = halves
    callbacks = [BatchAugmentation(TableMixup(), refine_epochs=refine_epochs)]
    callbacks = None if refine_epochs is None else callbacks
    net = NetClassifier(callbacks=callbacks, max_epochs=3, random_state=0)
    display = curves_of(net, X, y)
    assert display.switch_epochs == display.switch_lines_ == []


def test_training_that_was_stopped_is_drawn_so_far(halves):
    class Stop(Callback):
        def on_batch_begin(self, net, training=False, **kwargs):
            if len(net.history) == 3 and len(net.history[-1]["batches"]) == 2:
                raise KeyboardInterrupt

    X, y, *_ = halves
    net = NetClassifier(callbacks=[Stop()], batch_size=30, random_state=0)
    display = curves_of(net, X, y)
    for losses in (display.train_loss, display.clean_loss):
        np.testing.assert_array_equal(np.isnan(losses), [False, False, True])


def curves():
    epochs = np.arange(1, 5)
    losses = {"clean_loss": 1 / epochs, "valid_loss": 2 / epochs}
    return RefineCurveDisplay(epochs, epochs / 2, **losses, switch_epochs=[3])


def test_lines_carry_the_numbers():
    display = curves()
    assert display.plot() is display
    display.figure_.canvas.draw()
    assert set(display.lines_) == {"train_loss", "clean_loss", "valid_loss"}
    for name, line in display.lines_.items():
        np.testing.assert_array_equal(line.get_xdata(), display.epochs)
        np.testing.assert_array_equal(line.get_ydata(), getattr(display, name))
    (line,) = display.switch_lines_
    assert list(line.get_xdata()) == [3, 3]
    assert display.ax_.get_xlabel() == "epoch" and display.ax_.get_ylabel() == "loss"
    names = ["batches trained on", "clean training rows", "validation rows"]
    assert legend_of(display) == [*names, "refinement"]
    ticks = [tick.get_text() for tick in display.ax_.get_yticklabels()]
    assert {"0.2", "0.5", "1", "2"} <= set(ticks)
    assert len({line.get_color() for line in display.lines_.values()}) == 3


def test_axes_and_lines_are_as_asked_for(halves):
    X, y, *_ = halves
    net = NetClassifier(max_epochs=1, random_state=0).fit(X, y)
    figure, axes = plt.subplots(1, 3)
    style = {"log": False, "line_kw": {"linewidth": 3}, "legend": False}
    for display, ax in [
        (curves_of(net, X, y, ax=axes[0], **style), axes[0]),
        (curves_in(net.history, ax=axes[1], **style), axes[1]),
        (curves().plot(axes[2], **style), axes[2]),
    ]:
        assert display.ax_ is ax and display.figure_ is figure
        assert ax.get_yscale() == "linear" and display.legend_ is None
        assert {line.get_linewidth() for line in display.lines_.values()} == {3}
        assert display.plot().ax_ is not ax and display.ax_.get_yscale() == "log"


def test_what_is_no_net_is_refused(halves):
    X, y, *_ = halves
    for wrong in (LogisticRegression(), make_pipeline(StandardScaler(), refined())):
        message = (
            "RefineCurveDisplay needs a net with callbacks and a history, such as a "
            rf"NetClassifier; got a {type(wrong).__name__}\. Of a pipeline, give that "
        )
        with refuses(message, TypeError):
            curves_of(wrong, X, y)
    with refuses(r"got callbacks='disable'\. Set them to None or a list\."):
        curves_of(plain_skorch(callbacks="disable"), X, y)
    with refuses(r"a NetClassifier\. Of a fitted net, give net\.history", TypeError):
        curves_in(refined().fit(X, y))
    with refuses(r"needs a history with train_loss; got the columns \[\] in 0 epochs"):
        curves_in(History())
    with refuses(r"got the columns \['valid_loss'\] in 1 epochs"):
        curves_in([{"valid_loss": 1.0}])


@pytest.mark.parametrize(
    "of_val, message",
    [
        ({"X_val": np.zeros((9, 8))}, r"got X_val only\. Give y_val too\."),
        ({"y_val": ["a"] * 9}, r"got y_val only\. Give X_val too\."),
        ({"X_val": np.zeros((9, 3), np.float32), "y_val": ["a"] * 9}, "features"),
        ({"X_val": np.zeros((9, 8), np.float32), "y_val": ["d"] * 9}, r"got \['d'\]"),
    ],
)
def test_validation_data_are_checked_like_those_of_fit(halves, of_val, message):
    with refuses(message):
        curves_of(refined(), *halves[:2], **of_val)
