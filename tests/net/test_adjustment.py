"""Logit adjustment: the loss by hand, Bayes' rule as its limit, and what counts."""

import copy

import numpy as np
import pytest
import torch
from helpers import few_steps, refuses, weights
from sklearn.utils import Bunch
from skorch.dataset import Dataset, ValidSplit
from skorch.helper import predefined_split
from torch import nn

from skaug import (
    BatchAugmentation,
    IHDAFinetuner,
    ISDAClassifier,
    LastLayerInfluence,
    NetClassifier,
    PriorShift,
    TableMixup,
)
from skaug.influence.guard import losses_and_epochs
from skaug.influence.trainings import Trainings

CROSS_ENTROPY = nn.functional.cross_entropy
SHORT = {"max_epochs": 3, "random_state": 0}
SHARES = np.array([120, 30, 10]) / 160


class Linear(nn.Linear):
    """A linear network for the shapes of the data."""

    def __init__(self, n_features, n_classes, bias=True):
        super().__init__(n_features, n_classes, bias=bias)


@pytest.fixture(scope="module")
def tail():
    """Rows of three classes around three points: 120, 30 and 10."""
    rng = np.random.default_rng(0)
    y = np.repeat(["a", "b", "c"], [120, 30, 10])
    X = rng.normal(size=(160, 4)) + 1.5 * (y[:, None] == np.array(["a", "b", "c", "d"]))
    order = rng.permutation(160)
    return X[order].astype(np.float32), y[order]


def converged(**params):
    """A linear net at the minimum of its loss, or next to it."""
    settings = {
        "optimizer": torch.optim.LBFGS,
        "optimizer__line_search_fn": "strong_wolfe",
        "lr": 1.0,
        "lr_schedule": "constant",
        "max_epochs": 15,
        "batch_size": -1,
        "random_state": 0,
    }
    return NetClassifier(Linear, **{**settings, **params})


def logits_and_codes(net, X, y):
    X, codes = net.encode(X, y)
    with torch.no_grad():
        logits = net.module_.eval()(torch.from_numpy(X))
    return logits, torch.from_numpy(codes)


def adjusted_loss(net, X, y, tau=1, **kwargs):
    """Mean cross-entropy of z + tau log pi, written out."""
    logits, codes = logits_and_codes(net, X, y)
    offset = torch.tensor(tau * np.log(SHARES), dtype=torch.float32)
    return CROSS_ENTROPY(logits + offset, codes, **kwargs)


# The loss


@pytest.mark.parametrize("tau", [0.5, 1, 2])
@pytest.mark.parametrize("training", [False, True])
def test_the_loss_by_hand(tail, tau, training):
    net = NetClassifier(logit_adjustment=tau, **SHORT).fit(*tail)
    logits, codes = logits_and_codes(net, *tail)
    z, c = logits.double().numpy(), codes.numpy()
    weighted = SHARES**tau * np.exp(z)
    of_true = weighted[np.arange(160), c] / weighted.sum(axis=1)
    loss = float(net.get_loss(logits, codes, training=training))
    assert loss == pytest.approx(-np.log(of_true).mean(), rel=1e-5)
    np.testing.assert_allclose(net.class_counts_, [120, 30, 10])
    np.testing.assert_allclose(net.logit_offset_, tau * np.log(SHARES))


def test_the_loss_with_weights_and_with_shares_of_classes(tail):
    weight = torch.tensor([1.0, 2.0, 3.0])
    net = NetClassifier(logit_adjustment=1, criterion__weight=weight, **SHORT)
    net.fit(*tail)
    logits, codes = logits_and_codes(net, *tail)
    expected = adjusted_loss(net, *tail, weight=weight)
    torch.testing.assert_close(net.get_loss(logits, codes), expected)
    # The loss of a mixed row is the mean of its losses with each class.
    net = NetClassifier(logit_adjustment=1, **SHORT).fit(*tail)
    logits, codes = logits_and_codes(net, *tail)
    other = codes.flip(0)
    shares = 0.7 * nn.functional.one_hot(codes) + 0.3 * nn.functional.one_hot(other)
    parts = [net.get_loss(logits, each) for each in (codes, other)]
    expected = 0.7 * parts[0] + 0.3 * parts[1]
    torch.testing.assert_close(net.get_loss(logits, shares), expected)


def test_validation_losses_are_adjusted_too(tail):
    X, y = tail
    split = predefined_split(Dataset(X[:60], y[:60]))
    net = NetClassifier(logit_adjustment=1, train_split=split, **SHORT).fit(X, y)
    expected = float(adjusted_loss(net, X[:60], y[:60]))
    assert net.history[-1, "valid_loss"] == pytest.approx(expected, rel=1e-5)


def test_isda_adds_its_form_to_the_adjusted_logits(tail):
    net = ISDAClassifier(
        logit_adjustment=1, strength=2, schedule="constant", batch_size=-1, **SHORT
    ).fit(*tail)
    X, codes = map(torch.from_numpy, net.encode(*tail))
    criterion = copy.deepcopy(net.criterion_)
    head = net.module_.get_submodule(net.classifier_layer_)
    features = []
    handle = head.register_forward_pre_hook(lambda _, args: features.append(args[0]))
    net.module_.eval(), net.criterion_.train()
    logits = net.module_(X)
    handle.remove()
    net._head_inputs = list(features)
    loss = net.get_loss(logits, codes, training=True)
    criterion.covariance.update(features[0], codes)
    covariance = criterion.covariance.dense()[codes]  # (n, d, d)
    gaps = head.weight[None] - head.weight[codes][:, None]  # (n, classes, d)
    form = torch.einsum("ncd,nde,nce->nc", gaps, covariance, gaps)
    offset = torch.tensor(np.log(SHARES), dtype=torch.float32)
    expected = CROSS_ENTROPY(logits + 2 / 2 * form + offset, codes)
    torch.testing.assert_close(loss, expected)


# What is learned


def test_zero_changes_nothing_and_so_do_equal_classes(tail):
    X, y = tail
    plain = NetClassifier(**SHORT).fit(X, y)
    zero = NetClassifier(logit_adjustment=0, **SHORT).fit(X, y)
    assert torch.equal(weights(zero), weights(plain))
    assert not hasattr(zero, "class_counts_") and not hasattr(zero, "logit_offset_")
    # The softmax does not see a number that is added to all logits.
    even = np.repeat(["a", "b"], 80)
    plain, adjusted = (
        NetClassifier(logit_adjustment=tau, **SHORT).fit(X, even) for tau in (0, 1)
    )
    proba = plain.predict_proba(X)
    np.testing.assert_allclose(adjusted.predict_proba(X), proba, atol=1e-4)
    # ISDA of strength 0 is the same net.
    isda = ISDAClassifier(strength=0, logit_adjustment=1, **SHORT).fit(X, y)
    net = NetClassifier(logit_adjustment=1, **SHORT).fit(X, y)
    assert torch.equal(weights(isda), weights(net))


@pytest.mark.parametrize("tau", [0.5, 1])
def test_training_with_it_and_shifting_afterwards_are_the_same(tail, tau):
    X, y = tail
    shifted = PriorShift(converged(), SHARES ** (1 - tau)).fit(X, y)
    trained = converged(logit_adjustment=tau).fit(X, y)
    proba = shifted.predict_proba(X)
    assert proba.max(axis=1).min() < 0.5  # no row would be easy otherwise
    np.testing.assert_allclose(trained.predict_proba(X), proba, atol=2e-3)


def test_bayes_rule_for_equal_classes_is_the_limit():
    # Two classes of unit variance, 19 to 1, means 0 and 2 on a line.
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [19_000, 1_000])
    X = np.float32(rng.normal(size=(20_000, 1)) + 2 * y[:, None])
    net = converged(logit_adjustment=1).fit(X, y)
    x = np.linspace(-2, 4, 25)
    rule = 1 / (1 + np.exp(-(2 * x - 2)))  # log p(x|1) / p(x|0) is 2 x - 2
    proba = net.predict_proba(np.float32(x[:, None]))[:, 1]
    np.testing.assert_allclose(proba, rule, atol=0.03)
    plain = converged().fit(X, y).predict_proba(np.float32(x[:, None]))[:, 1]
    odds = np.exp(2 * x - 2) / 19
    np.testing.assert_allclose(plain, odds / (1 + odds), atol=0.03)


@few_steps
def test_it_composes_with_mixed_labels(tail):
    X, y = tail
    mixup = ("mixup", BatchAugmentation(TableMixup(), refine_epochs=1))
    for kind in (NetClassifier, ISDAClassifier):
        plain, adjusted = (
            kind(
                callbacks=[mixup], logit_adjustment=tau, max_epochs=20, random_state=0
            ).fit(X, y)
            for tau in (0, 1)
        )
        rare = [(model.predict(X) == "c").sum() for model in (plain, adjusted)]
        assert rare[1] > rare[0]


# What is counted


def test_rows_held_out_are_not_counted(tail):
    split = ValidSplit(4, stratified=True)
    net = NetClassifier(logit_adjustment=1, train_split=split, **SHORT).fit(*tail)
    np.testing.assert_allclose(net.class_counts_, [90, 22.5, 7.5], atol=0.6)


def test_fit_counts_anew_and_partial_fit_goes_on_counting(tail):
    X, y = tail
    net = NetClassifier(logit_adjustment=1, **SHORT)
    net.partial_fit(X[:50], y[:50], classes=["a", "b", "c", "d"])
    net.partial_fit(X[50:], y[50:])
    np.testing.assert_array_equal(net.class_counts_, [120, 30, 10, 0])
    # A class without rows is not raised above the most frequent one.
    assert net.logit_offset_[3] == net.logit_offset_.max()
    net.fit(X[:50], y[:50])
    assert net.class_counts_.sum() == 50
    net.set_params(warm_start=True).fit(X, y)
    assert net.class_counts_.sum() == 160
    net.set_params(logit_adjustment=0).fit(X, y)
    assert not hasattr(net, "class_counts_")


class Rows(torch.utils.data.Dataset):
    """Rows that show no labels but one by one."""

    def __init__(self, X, codes):
        self.pairs = list(zip(X, codes))

    def __len__(self):
        return len(self.pairs)

    def __getitem__(self, i):
        return self.pairs[i]


def test_labels_of_data_sets_are_counted_if_they_can_be_had(tail):
    X, y = tail
    codes = np.unique(y, return_inverse=True)[1]
    net = NetClassifier(logit_adjustment=1, **SHORT)
    arrays = Dataset(X, codes)
    tensors = torch.utils.data.TensorDataset(*map(torch.from_numpy, (X, codes)))
    for data in (arrays, tensors):
        np.testing.assert_array_equal(net.fit(data).class_counts_, [120, 30, 10])
    half = torch.utils.data.Subset(tensors, range(80))
    assert net.set_params(classes=[0, 1, 2]).fit(half).class_counts_.sum() == 80
    with refuses("needs class codes to count .* got a Rows"):
        net.fit(Rows(X, codes))


@pytest.mark.parametrize(
    "params, message",
    [
        ({"logit_adjustment": -1}, "logit_adjustment to be a finite number >= 0"),
        ({"logit_adjustment": True}, "logit_adjustment to be a finite number >= 0"),
        (
            {"logit_adjustment": 1, "criterion": nn.NLLLoss},
            "criterion derived from torch.nn.CrossEntropyLoss",
        ),
    ],
)
def test_misuse_is_named(tail, params, message):
    with refuses(f"NetClassifier needs .*{message}"):
        NetClassifier(**params).fit(*tail)


def test_shares_have_to_be_counted_first(tail):
    net = NetClassifier(**SHORT).fit(*tail).set_params(logit_adjustment=1)
    with refuses("needs to be trained with logit_adjustment", AttributeError):
        net.get_loss(*logits_and_codes(net, *tail))


# Other methods on a net that was trained with it


def test_influence_differentiates_the_loss_that_was_trained(tail):
    X, y = tail
    net = NetClassifier(logit_adjustment=1, **SHORT).fit(X, y)
    influence = LastLayerInfluence(net).fit(X, y)
    X_net, codes = map(torch.from_numpy, net.encode(X, y))
    head = net.module_.eval().head
    loss = net.get_loss(net.module_(X_net), codes, training=True)
    by_weight, by_bias = torch.autograd.grad(loss, [head.weight, head.bias])
    expected = torch.cat([by_weight, by_bias[:, None]], dim=1)
    gradients = (
        influence.mean_gradient(X, y),
        influence.validation_gradient(X, y),
        influence.errors_.T @ influence.features_ / 160,
    )
    for gradient in gradients:
        torch.testing.assert_close(gradient.float(), expected, atol=1e-5, rtol=1e-4)
    without = converged(logit_adjustment=1, module__bias=False, max_epochs=1)
    with refuses("needs a last layer with a bias for a net with logit_adj"):
        LastLayerInfluence(without.fit(X, y)).fit(X, y)


def test_the_guard_measures_the_loss_that_was_trained(tail):
    X, y = tail
    trainings = Trainings(
        NetClassifier(logit_adjustment=1, max_epochs=3),
        np.unique(y),
        damping=0.1,
        calibrate=False,
        random_state=np.random.RandomState(0),
    )
    data = Bunch(X=X, y=y, groups=None)
    losses, _ = losses_and_epochs(trainings, (data, data), None, 0, 3)
    net = trainings.train(data, seed=0)
    expected = float(adjusted_loss(net, X, y))
    assert losses.mean() == pytest.approx(expected, rel=1e-4)


def test_fine_tuning_keeps_the_loss(tail):
    X, y = tail
    net = NetClassifier(logit_adjustment=1, **SHORT)
    tuned = IHDAFinetuner(net, generator="noise", levels=["blocks.1"], random_state=0)
    for _ in tuned.staged_fit(X, y):
        if not tuned.levels_:  # before the first level
            before = float(adjusted_loss(tuned.estimator_, X, y))
    after = float(adjusted_loss(tuned.estimator_, X, y))
    record = tuned.levels_[0]
    assert record.loss_before == pytest.approx(before, rel=1e-4)
    assert record.loss_after == pytest.approx(after, rel=1e-4)
    with refuses("IHDAFinetuner needs balance=False for a net with logit_adjustment"):
        tuned.set_params(balance=True).fit(X, y)
