"""A training that cannot have learned anything ends in an error, and is forgotten."""

import copy
import math
import pickle

import numpy as np
import pytest
import torch
from helpers import Recorder, refuses, weights
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback, Checkpoint
from skorch.exceptions import NotInitializedError
from torch import nn
from torch.utils.data import DataLoader

from skaug import ISDAClassifier, NetClassifier
from skaug.net.finite import weights_not_finite


def quick(*args, **kwargs):
    return NetClassifier(*args, **{"max_epochs": 3, "random_state": 0, **kwargs})


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_one_bad_number_among_the_weights_or_averages_is_found(bad):
    net = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Linear(3, 2))
    assert weights_not_finite(net) is None
    for name, tensor in net.state_dict().items():
        if tensor.is_floating_point():
            broken = copy.deepcopy(net)
            broken.state_dict()[name].view(-1)[-1] = bad
            assert weights_not_finite(broken) == name


def test_complex_weights_are_looked_at_as_real_ones_are():
    module = nn.Module()
    module.weight = nn.Parameter(torch.full((2, 2), 1 + 2j))
    assert weights_not_finite(module) is None
    module.weight.data[1, 0] = complex(1, np.inf)
    assert weights_not_finite(module) == "weight"


def test_large_weights_and_a_mask_of_minus_infinity_are_finite():
    layer = nn.Linear(4, 4)
    layer.register_buffer("mask", torch.full((4, 4), -math.inf))
    with torch.no_grad():
        layer.weight.fill_(torch.finfo(torch.float32).max)  # whose sum overflows
    assert weights_not_finite(layer) is None


@pytest.mark.parametrize("kind", [NetClassifier, ISDAClassifier])
def test_the_loss_is_named_with_epoch_and_rate_and_the_net_is_forgotten(table, kind):
    net = kind(lr=1e30, max_epochs=3, random_state=0)
    with refuses(
        f"{kind.__name__} needs a training loss that stays finite; got nan in epoch 1, "
        r"batch 2 of 3\. Lower lr, the learning rate, which is 1e\+30\."
    ):
        net.fit(*table)
    for use in (net.predict, net.predict_proba):
        with pytest.raises(NotInitializedError):
            use(table[0])
    assert not pickle.loads(pickle.dumps(net)).__sklearn_is_fitted__()
    assert len(net.history) == 1  # to look at
    assert net.set_params(lr=0.01, max_epochs=20).fit(*table).score(*table) > 0.9


def test_partial_fit_and_warm_start_begin_anew_after_an_error(table):
    net = quick(warm_start=True).fit(*table)
    fresh = weights(quick().fit(*table))
    net.set_params(lr=1e30)
    with refuses("got nan in epoch 4, batch .* which is 1e"):
        net.fit(*table)
    assert torch.equal(weights(net.set_params(lr=0.003).fit(*table)), fresh)
    net = quick().partial_fit(*table)
    net.set_params(lr=1e30)
    with refuses("stays finite"):
        net.partial_fit(*table)
    net.set_params(lr=0.003).partial_fit(*table)
    assert len(net.history) == 3


@pytest.mark.parametrize("rate", [1e35, 3e38])
def test_the_last_step_counts_too(table, rate):
    # Its loss is that of the weights before, and no loss is computed of those after.
    once = {"max_epochs": 1, "batch_size": -1, "optimizer": torch.optim.SGD, "lr": rate}
    with refuses("needs (weights that stay finite|a network that returns numbers)"):
        quick(lr_schedule="constant", **once).fit(*table)


class Breaks(Callback):
    """Puts NaN into the weights, as a callback with a bug might."""

    def __init__(self, event, name):
        self.name = name
        setattr(self, event, self.break_weights)

    def break_weights(self, net, **kwargs):
        with torch.no_grad():
            net.module_.state_dict()[self.name].fill_(math.nan)


def test_averages_and_what_callbacks_leave_are_checked(table):
    name = "blocks.0.1.running_var"
    with refuses(f"weights that stay finite in training; got others in '{name}'"):
        quick(callbacks=[Breaks("on_train_end", name)]).fit(*table)
    with refuses("stays finite in training|stay finite in training"):
        quick(callbacks=[Breaks("on_train_end", "head.bias")]).fit(*table)


def test_nothing_is_saved_or_reported_of_an_epoch_in_vain(table, tmp_path):
    saved = Checkpoint(monitor=None, dirname=tmp_path)
    ends = Recorder("on_epoch_end", lambda net: len(net.history))
    with refuses("stays finite"):
        quick(lr=1e30, callbacks=[saved, ends]).fit(*table)
    assert not ends.seen and not list(tmp_path.iterdir())


def test_a_search_goes_on_with_the_other_candidates(table):
    search = GridSearchCV(quick(max_epochs=20), {"lr": [1e30, 0.01]}, cv=3)
    with pytest.warns(FitFailedWarning, match="stays finite"):
        search.fit(*table)
    bad, good = search.cv_results_["mean_test_score"]
    assert math.isnan(bad) and good > 0.9 and search.best_params_ == {"lr": 0.01}


# The advice fits the case


class Linear(nn.Linear):
    def __init__(self, n_features, n_classes):
        super().__init__(n_features, n_classes)


class Wide(Linear):
    def forward(self, X):
        return super().forward(10 * X)


def test_rows_of_large_numbers_are_named_for_a_module_of_ones_own(table):
    X, y = table
    with refuses(r"batch 1 of 3. Scale the rows, which reach .*e\+38\.$"):
        quick(Wide).fit(X * (3e38 / np.abs(X).max()), y)
    with refuses(
        "Lower lr, the learning rate, which is 1e.*, or scale the rows, which"
    ):
        quick(Linear, lr=1e37).fit(X * 1e4, y)
    assert quick(max_epochs=20).fit(X * 1e30, y).score(X * 1e30, y) > 0.9


def test_a_loss_of_ones_own_is_named(table):
    class Logarithm(nn.Module):
        def forward(self, logits, codes):
            return -logits.gather(1, codes[:, None]).log().mean()

    with refuses("epoch 1, batch 1 of 3. Look at what Logarithm makes of the outputs"):
        quick(criterion=Logarithm).fit(*table)


def test_a_class_of_weight_zero_alone_in_a_batch_is_named(table):
    X, y = table
    order = np.argsort(y, kind="stable")
    params = {"iterator_train__shuffle": False, "batch_size": 50}
    with refuses("got nan in epoch 1, batch 1 of 3. Set no criterion__weight to 0"):
        quick(criterion__weight=[0, 1, 1], **params).fit(X[order], y[order])


def test_training_without_a_batch_is_refused(table):
    loader = {"iterator_train": DataLoader, "iterator_train__drop_last": True}
    with refuses("needs one batch or more to train on; got none"):
        quick(batch_size=200, **loader).fit(*table)
