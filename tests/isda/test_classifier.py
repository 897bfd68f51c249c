"""Training with ISDA: its plain twin, its statistics, schedules, interruptions."""

import copy
import pickle
import warnings

import numpy as np
import pytest
import torch
from helpers import Recorder, refuses, weights
from skorch.callbacks import Callback
from skorch.dataset import ValidSplit
from torch import nn
from torch.nn import functional as F

from skaug import ClassCovariance, ISDAClassifier, NetClassifier
from skaug.isda.covariance import KINDS


def seeded(max_epochs=5, **params):
    return ISDAClassifier(max_epochs=max_epochs, random_state=0, **params)


def same(first, second):
    """Whether two modules have the same weights and statistics."""
    first, second = first.state_dict(), second.state_dict()
    return all(torch.equal(first[key], second[key]) for key in first)


@pytest.mark.parametrize("kind", KINDS)
def test_strength_zero_trains_the_plain_twin_bit_for_bit(table, kind):
    twin = NetClassifier(max_epochs=4, random_state=0).fit(*table)
    isda = seeded(4, strength=0, covariance=kind).fit(*table)
    assert torch.equal(weights(isda), weights(twin))
    ours, expected = (net.predict_proba(table[0]) for net in (isda, twin))
    np.testing.assert_array_equal(ours, expected)


def test_augmentation_changes_training_and_widens_the_margin_of_noise(table):
    X, y = (torch.tensor(part) for part in table)

    def noise_in_logits(net):
        """Mean variance of logit differences under the net's own class covariance."""
        module = net.fit(*table).module_.eval()
        features = module.blocks(module.input_norm(X.float()))
        covariance = ClassCovariance(3, features.shape[1])
        covariance.update(features, y)
        weight, mean = module.head.weight.detach(), covariance.mean
        margin = (weight[0] - weight[1]) @ (mean[0] - mean[1])
        form = covariance.quadratic_form(weight, torch.tensor([0]))[0, 1]
        return (form.sqrt() / margin.abs()).item()

    twin = NetClassifier(max_epochs=30, random_state=0)
    assert noise_in_logits(seeded(30, strength=3)) < noise_in_logits(twin)


def test_fitted_statistics_are_those_of_the_features(table):
    X, y = table
    net = seeded(2).fit(X, np.array(["a", "b", "c"])[y])
    assert net.classifier_layer_ == "head"
    assert net.covariance_.shape == (3, 128, 128)
    # Each of two epochs shows every row once.
    assert net.class_covariance_.count.tolist() == [2 * n for n in np.bincount(y)]


def test_covariance_of_a_frozen_network_is_that_of_its_features(table):
    X, y = table
    body = nn.Sequential(nn.Linear(8, 5), nn.Tanh()).requires_grad_(False)
    net = ISDAClassifier(nn.Sequential(body, nn.Linear(5, 3)), max_epochs=3)
    net.fit(X, y)
    features = body(torch.tensor(X, dtype=torch.float32)).numpy()
    expected = [np.cov(features[y == k].T, bias=True) for k in range(3)]
    np.testing.assert_allclose(net.covariance_, expected, atol=1e-6)


@pytest.mark.parametrize(
    "schedule, expected",
    [
        ("constant", [2.0] * 9),
        ("epoch", [0, 0, 0, 0.5, 0.5, 0.5, 1, 1, 1]),
        ("iteration", np.arange(9) / 6),
    ],
)
def test_schedule_follows_the_epoch_counter(table, schedule, expected):
    strengths = Recorder("on_batch_begin", ISDAClassifier.current_strength)
    params = {"strength": 2.0, "schedule": schedule, "batch_size": 50}
    net = seeded(4, callbacks=[("strengths", strengths)], **params)
    net.partial_fit(*table, epochs=3)
    np.testing.assert_allclose(strengths.seen, expected)
    net.partial_fit(*table, epochs=3)
    assert strengths.seen[-1] == 2.0  # beyond max_epochs the strength stays


@pytest.mark.parametrize("kind", ["full", "low_rank"])
@pytest.mark.parametrize("stop", [1, 3])
def test_interrupted_and_resumed_equals_uninterrupted(table, kind, stop):
    whole = seeded(covariance=kind).fit(*table)
    part = seeded(covariance=kind).partial_fit(*table, epochs=stop)
    part = pickle.loads(pickle.dumps(part))
    torch.randn(100)  # whatever happens in between
    part.partial_fit(*table, epochs=5 - stop)
    assert torch.equal(weights(part), weights(whole))
    assert same(whole.criterion_, part.criterion_)


class Stop(Callback):
    def on_epoch_end(self, net, **kwargs):
        if len(net.history) == 2:
            raise KeyboardInterrupt


def test_keyboard_interrupt_leaves_a_usable_net_that_resumes(table):
    net = seeded(callbacks=[("stop", Stop())]).fit(*table)
    assert len(net.history) == 2
    assert net.predict(table[0]).shape == table[1].shape
    net.partial_fit(*table, epochs=3)
    assert torch.equal(weights(net), weights(seeded().fit(*table)))


def test_save_params_and_load_params_keep_the_statistics(table, tmp_path):
    net, other = seeded(2).fit(*table), seeded(1).fit(*table)
    files = {"f_params": tmp_path / "p.pt", "f_criterion": tmp_path / "c.pt"}
    net.save_params(**files)
    other.load_params(**files)
    np.testing.assert_array_equal(other.covariance_, net.covariance_)
    ours, expected = (each.predict_proba(table[0]) for each in (other, net))
    np.testing.assert_array_equal(ours, expected)


def test_prediction_and_validation_are_plain(table):
    X, y = table
    params = {"strength": 5, "schedule": "constant", "train_split": ValidSplit(3)}
    net = seeded(3, **params).fit(X, y)
    criterion, logits = copy.deepcopy(net.criterion_), net.forward(X)
    np.testing.assert_allclose(net.predict_proba(X), logits.softmax(1), rtol=1e-6)
    net.score(X, y)
    assert same(net.criterion_, criterion)
    # The last validation loss is cross-entropy on the held-out third.
    held_out = net.get_split_datasets(np.float32(X), y)[1].indices
    expected = F.cross_entropy(logits[held_out], torch.tensor(y[held_out]))
    np.testing.assert_allclose(net.history[-1, "valid_loss"], expected, rtol=1e-5)


class Wrapped(nn.Module):
    """A user's network whose head in use is not the last one defined."""

    def __init__(self, n_features, n_classes):
        super().__init__()
        self.body = nn.Linear(n_features, 5)
        self.classifier = nn.Linear(5, n_classes)
        self.auxiliary = nn.Linear(5, 2)

    def forward(self, X):
        return self.classifier(self.body(X).tanh())


def test_the_head_can_be_named(table):
    net = ISDAClassifier(Wrapped, classifier_layer="classifier", max_epochs=2)
    assert net.fit(*table).covariance_.shape == (3, 5, 5)
    with refuses(r"'auxiliary'.*'classifier'"):
        ISDAClassifier(Wrapped, max_epochs=2).fit(*table)
    net = ISDAClassifier(SoftmaxAtTheEnd, classifier_layer="classifier")
    for _ in range(2):  # what is refused once is refused again
        with refuses("got probabilities, .*a softmax .* Let the module return logits"):
            net.partial_fit(*table)


class SoftmaxAtTheEnd(Wrapped):
    def forward(self, X):
        return super().forward(X).softmax(1)


@pytest.mark.parametrize(
    "kwargs, message",
    [
        ({"strength": -0.5}, "strength to be a finite number >= 0; got -0.5"),
        ({"strength": float("nan")}, "strength to be a finite number >= 0; got nan"),
        ({"strength": "high"}, "strength to be a finite number >= 0; got 'high'"),
        ({"criterion": nn.CrossEntropyLoss}, "derived from ISDALoss; got <class"),
        ({"covariance": "low_rank", "rank": 2.5}, "whole number >= 1; got 2.5"),
        ({"forgetting": "a"}, r"forgetting .* 0 to below 1; got 'a'"),
        ({"module": 0.5}, "module to be .* or None; got 0.5"),
        ({"covariance": "sparse"}, "kind to be .*; got 'sparse'"),
        ({"covariance": "low_rank", "rank": 0}, ">= 1; got 0"),
        ({"schedule": "cosine"}, "schedule to be 'iteration'.*got 'cosine'"),
        ({"forgetting": 1}, r"forgetting .* 0 to below 1"),
        ({"classifier_layer": {}}, "to be the name of a layer or None; got {}"),
        ({"classifier_layer": "fc"}, r"unknown layer name 'fc'.*\['blocks.0.0', "),
        ({"classifier_layer": "blocks.0"}, "got Sequential at 'blocks.0'"),
        ({"module": nn.Sequential(nn.Flatten(), nn.Identity())}, "got none. Add one"),
    ],
)
def test_bad_parameters_are_named_at_fit(table, kwargs, message):
    with refuses(message):
        ISDAClassifier(**kwargs).fit(*table)


def test_statistics_that_would_not_fit_are_refused_before_training():
    X, y = np.zeros((4000, 2)), np.arange(4000) % 2000
    net = ISDAClassifier(module__hidden=(20_000,), max_epochs=1)
    with refuses(r"needs 29\d\d.\d\d GiB.*'low_rank'", MemoryError):
        net.fit(X, y)


def test_a_class_with_one_sample_is_pointed_out(table):
    X, y = table
    names = np.array(["a", "b", "c"], dtype="<U4")[y]
    names[0] = "rare"
    with pytest.warns(UserWarning, match=r"got one of \['rare'\]"):
        ISDAClassifier(max_epochs=2).fit(X, names)
    # It matters to augmentation by the covariance of each class only.
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for kind, strength in [("full", 0), ("shared", 1), ("identity", 1)]:
            net = ISDAClassifier(covariance=kind, strength=strength, max_epochs=1)
            assert "rare" in net.fit(X, names).classes_


def test_parameters_changed_on_a_fitted_net_are_checked_and_take_effect(table):
    net = ISDAClassifier(max_epochs=1).fit(*table)
    net.set_params(covariance="diagonal", forgetting=0.5).partial_fit(*table)
    assert net.class_covariance_.kind == "diagonal"
    assert net.class_covariance_.forgetting == 0.5
    with refuses("strength to be a finite number >= 0; got -3"):
        net.set_params(strength=-3).partial_fit(*table)
