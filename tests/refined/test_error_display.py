"""Errors over the epochs: recorded without a trace, drawn, and summarised."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from helpers import refuses
from sklearn.linear_model import LogisticRegression
from skorch import NeuralNetClassifier
from skorch.callbacks import Callback
from torch import nn

from skaug import BatchAugmentation, ISDAClassifier, NetClassifier, TableMixup, refine
from skaug.refined import ErrorCurveDisplay, HeldOutAccuracy, error_summary

curves_of = ErrorCurveDisplay.from_estimators
curves_in = ErrorCurveDisplay.from_histories


@pytest.fixture
def halves(table):
    X, y = table
    X = X.astype(np.float32)
    return X[::2], y[::2], X[1::2], y[1::2]


def refined(*callbacks, kind=NetClassifier, seed=0):
    augment = BatchAugmentation(TableMixup(), refine_epochs=2)
    settings = {"max_epochs": 5, "module__hidden": (8,), "random_state": seed}
    return kind(callbacks=[augment, *callbacks], **settings)


class Freeze(Callback):
    """Holds a layer in evaluation mode, from the beginning of each epoch."""

    def on_epoch_begin(self, net, **kwargs):
        net.module_[1].eval()


def network():
    """Dropout draws, and batch norm has a state."""
    hidden = nn.LazyLinear(8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout()
    return nn.Sequential(*hidden, nn.Linear(8, 3))


def frozen(*callbacks):
    settings = {"max_epochs": 3, "random_state": 0}
    return NetClassifier(network, callbacks=[Freeze(), *callbacks], **settings)


def of_skorch(*callbacks):
    settings = {"criterion": nn.CrossEntropyLoss, "max_epochs": 3, "verbose": 0}
    return NeuralNetClassifier(network, callbacks=list(callbacks), **settings)


@pytest.mark.parametrize("kind", [NetClassifier, ISDAClassifier])
def test_accuracy_is_that_of_the_net_after_each_epoch(halves, kind):
    X, y, *test = halves
    net = refined(HeldOutAccuracy(*test), kind=kind).fit(X, y)
    other = refined(kind=kind)
    expected = [other.partial_fit(X, y, epochs=1).score(*test) for _ in range(5)]
    assert net.history[:, "test_acc"] == expected


@pytest.mark.parametrize("make", [refined, frozen, of_skorch])
def test_training_is_that_of_a_net_without_the_callback(halves, make):
    X, y, *test = halves
    y = np.unique(y, return_inverse=True)[1]
    left = []
    for callbacks in [], [HeldOutAccuracy(*test, name="accuracy")]:
        torch.manual_seed(0)
        net = make(*callbacks).fit(X, y)
        weights = torch.cat([p.flatten() for p in net.module_.state_dict().values()])
        left.append((weights, torch.get_rng_state()))
    assert all(map(torch.equal, *left))
    assert "accuracy" in net.history[-1]


def test_summary_is_that_of_the_last_epochs():
    errors = np.random.default_rng(0).uniform(size=(3, 25))
    summary = error_summary(errors)
    for repeat, values in enumerate(errors):
        last = np.sort(values[15:])
        assert summary.last_mean[repeat] == pytest.approx(last.sum() / 10)
        assert summary.last_median[repeat] == (last[4] + last[5]) / 2
        assert summary.best[repeat] == np.sort(values)[0]
        assert summary.last[repeat] == values[24]
    assert error_summary(errors, n_last=1).last_mean == pytest.approx(errors[:, -1])
    assert error_summary(errors, n_last=99).last_mean == pytest.approx(errors.mean(1))
    with refuses("n_last to be a whole number >= 1; got 0"):
        error_summary(errors, n_last=0)


def test_curves_are_means_in_a_band_and_the_star_is_at_the_switch(halves):
    X, y, *test = halves
    nets = [refined(HeldOutAccuracy(*test), seed=seed).fit(X, y) for seed in range(3)]
    late = NetClassifier(callbacks=[HeldOutAccuracy(*test)], max_epochs=4)
    refine(late.fit(X, y), X, y, epochs=2)
    display = curves_of({"mixup": nets, "late": late}, n_last=2)
    errors = 1 - np.array([net.history[:, "test_acc"] for net in nets])
    np.testing.assert_array_equal(display.errors["mixup"], errors)
    assert display.switch_epochs == {"mixup": [3], "late": [4]}
    curve = display.lines_["mixup"].get_ydata()
    np.testing.assert_allclose(curve, 100 * errors.mean(axis=0))
    (epoch, height), *_ = display.ax_.lines[1].get_xydata()
    assert (epoch, height) == (3, curve[2])
    band = display.ax_.collections[0].get_paths()[0].vertices[:, 1]
    assert band.max() == pytest.approx(100 * errors.max())
    assert display.summaries_["late"] == error_summary(display.errors["late"], 2)
    texts = [text.get_text() for text in display.legend_.get_texts()]
    assert f"last {100 * errors[:, -1].mean():.1f}" in texts[0]
    assert len(texts) == 3  # one for the stars
    plt.close("all")


def test_histories_may_be_plain_and_the_column_that_of_skorch():
    history = [{"valid_acc": accuracy} for accuracy in (0.25, 0.5, 0.75)]
    display = curves_in({"net": history}, column="valid_acc", log=False)
    assert "last 3: 50.0 %" in display.legend_.get_texts()[0].get_text()
    np.testing.assert_array_equal(display.errors["net"], [[0.75, 0.5, 0.25]])
    assert display.switch_epochs == {"net": []}
    assert len(display.legend_.get_texts()) == 1
    plt.close("all")


def test_what_has_no_curve(halves):
    X, y, *_ = halves
    with refuses("needs a net of skorch; got a LogisticRegression", TypeError):
        curves_of({"net": LogisticRegression()})
    with refuses(r"'test_acc' in the histories of 'net'; got the columns .*HeldOut"):
        curves_of({"net": refined().fit(X, y)})
    short, long = ([{"test_acc": 0.5}] * n for n in (2, 3))
    with refuses(r"as many epochs in all repeats of 'net'; got \[2, 3\]"):
        curves_in({"net": [short, long]})
