"""Short steps: means of weights, logits that do not grow, and what is left alone."""

import copy

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from skorch import NeuralNetClassifier

from skaug import IHDAFinetuner, NetClassifier
from skaug.ihda import level
from skaug.ihda.finetuning import LevelRows, finetune
from skaug.ihda.shrinking import OF_MEAN, SHARE, averaged, logits_held, mean_square
from skaug.net import Levels

NET = NetClassifier(module__hidden=(16, 8), max_epochs=10, random_state=0)


@pytest.fixture
def net(table):
    return clone(NET).fit(*table)


def rows_of(net, X, y, level="blocks.0", weights=None):
    X, codes = net.encode(X, y)
    levels = Levels(net.module_, torch.tensor(X[:4]))
    rows = LevelRows(net, levels, X, codes, weights=weights)
    rows.reach(level)
    return rows


def finetuner(net, **params):
    default = {"generator": "noise", "levels": ["blocks.0"], "random_state": 0}
    return IHDAFinetuner(FrozenEstimator(net), **{**default, **params})


def state_of(net):
    return copy.deepcopy(net.module_.state_dict())


def logits_of(net, X):
    return net.forward(X, training=False).double().numpy()


def size_of(logits):
    return np.mean((logits - logits.mean(axis=1, keepdims=True)) ** 2)


def test_mean_square_is_that_of_centred_logits(net, table):
    X, y = table
    found = mean_square(rows_of(net, X, y), None)
    np.testing.assert_allclose(found, size_of(logits_of(net, X)), rtol=1e-5)


def test_mean_square_of_rows_with_the_mean_mixed_in_at_their_level(net, table):
    X, y = table
    rows, mean = rows_of(net, X, y), torch.linspace(-1, 1, 16)
    with torch.no_grad():
        mixed = (1 - OF_MEAN) * rows.h + OF_MEAN * mean
        logits = net.module_.head(net.module_.blocks[1:](mixed)).double().numpy()
    np.testing.assert_allclose(mean_square(rows, mean), size_of(logits), rtol=1e-5)


def test_a_row_of_weight_2_counts_as_the_row_twice(net, table):
    X, y = (part[:30] for part in table)
    weights = np.repeat([1.0, 2.0, 0.0], 10)
    repeated = np.repeat(np.arange(30), weights.astype(int))
    weighed = mean_square(rows_of(net, X, y, weights=weights), None)
    twice = mean_square(rows_of(net, X[repeated], y[repeated]), None)
    assert weighed == pytest.approx(twice, rel=1e-6)


def test_words_have_no_mean_and_are_taken_as_they_are():
    y = np.arange(40) % 2
    X = np.random.RandomState(0).randint(10, size=(40, 6)) + 10 * y[:, None]
    torch.manual_seed(0)
    words = torch.nn.Sequential(torch.nn.EmbeddingBag(20, 8), torch.nn.Linear(8, 2))
    params = {"criterion": torch.nn.CrossEntropyLoss, "optimizer": torch.optim.Adam}
    net = NeuralNetClassifier(words, train_split=None, verbose=0, **params).fit(X, y)
    twin = {"levels": ["input"], "synthetic_share": 0, "tune_lr": 1.0}
    whole = finetuner(net, validation=None, **twin).fit(X, y).estimator_
    short = finetuner(net, **twin).fit(X, y).estimator_
    before, after, at_the_end = (
        size_of(one.forward(X).double().numpy()) for one in (net, short, whole)
    )
    assert after == pytest.approx(before, rel=1e-5) and before < at_the_end


def test_means_are_those_of_the_states_before_and_after_in_proportion():
    layers = torch.nn.Sequential(torch.nn.Linear(1, 1), torch.nn.BatchNorm1d(1))
    weight = layers[0].weight.item()
    with averaged(layers, 0.25):
        torch.nn.init.constant_(layers[0].weight, 5.0)
        layers[1].running_mean.fill_(4.0)  # 0 before
        layers[1].num_batches_tracked.fill_(8)
    expected = 0.75 * weight + 0.25 * 5.0
    assert layers[0].weight.item() == pytest.approx(expected, rel=1e-6)
    assert layers[1].running_mean.item() == 1.0
    assert layers[1].num_batches_tracked.item() == 8  # counts have no mean


def test_a_layer_in_two_places_goes_as_far_as_others():
    layer = torch.nn.Linear(1, 1)
    torch.nn.init.constant_(layer.weight, 0.0)
    with averaged(torch.nn.Sequential(layer, layer), 0.25):
        torch.nn.init.constant_(layer.weight, 4.0)
    assert layer.weight.item() == 1.0


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_the_two_ends_of_the_way(net, table, share):
    start, rows = state_of(net), rows_of(net, *table)
    batches = iter([(rows.h, rows.codes)] * 5)
    with averaged(net.module_, share):
        finetune(rows, batches, 5)
        end = state_of(net)
    expected = end if share else start
    for name, value in net.module_.state_dict().items():
        if value.is_floating_point():
            assert value.equal(expected[name]), name


def test_logits_that_grow_are_brought_back_and_no_others(net, table):
    X, y = table
    rows, before = rows_of(net, X, y), logits_of(net, X)
    with logits_held(rows), torch.no_grad():
        net.module_.head.weight.mul_(3), net.module_.head.bias.mul_(3)
    np.testing.assert_allclose(logits_of(net, X), before, rtol=1e-4, atol=1e-5)
    with logits_held(rows), torch.no_grad():
        net.module_.head.weight.div_(2), net.module_.head.bias.div_(2)
    np.testing.assert_allclose(logits_of(net, X), before / 2, rtol=1e-4, atol=1e-5)


def test_a_last_layer_that_is_not_trained_is_left_alone(net, table):
    rows, head = rows_of(net, *table), net.module_.head.weight.clone()
    with logits_held(rows), torch.no_grad():
        net.module_.blocks[1][0].weight.mul_(-3)
        net.module_.blocks[1][1].weight.mul_(3)
    assert net.module_.head.weight.equal(head)


def test_the_default_is_a_quarter_of_the_whole_step_with_logits_that_do_not_grow(
    net, table
):
    X, y = table
    start = state_of(net)
    whole = finetuner(net, validation=None).fit(X, y).estimator_
    short = finetuner(net).fit(X, y).estimator_
    by_hand = {
        name: torch.lerp(start[name], value, SHARE)
        for name, value in whole.module_.state_dict().items()
        if value.is_floating_point()
    }
    found = short.module_.state_dict()
    factor = (found["head.weight"] / by_hand["head.weight"]).mean()
    assert 0 < factor <= 1
    for name, value in by_hand.items():
        scale = factor if name.startswith("head") else 1
        torch.testing.assert_close(found[name], scale * value, rtol=1e-4, atol=1e-6)
    # The mean of the activations that were fine-tuned on.
    mean = rows_of(net, X, y).h.mean(0)
    sizes = [mean_square(rows_of(one, X, y), mean) for one in (net, short, whole)]
    assert sizes[1] <= sizes[0] * (1 + 1e-5) and sizes[0] < sizes[2]


def test_the_twin_takes_short_steps_too(net, table):
    twin = finetuner(net, synthetic_share=0).fit(*table).estimator_
    whole = finetuner(net, synthetic_share=0, validation=None).fit(*table).estimator_
    start, end = (one.module_.blocks[1][0].weight for one in (net, whole))
    expected = torch.lerp(start, end, SHARE)
    torch.testing.assert_close(twin.module_.blocks[1][0].weight, expected)


def test_batch_norm_is_recalibrated_to_the_mean_network(net, table):
    model = finetuner(net, levels=["input"], batch_norm="recalibrate").fit(*table)
    module = model.estimator_.module_
    first = module.blocks[0][0](module.input_norm(torch.tensor(table[0]).float()))
    torch.testing.assert_close(
        module.blocks[0][1].running_mean, first.mean(0), rtol=1e-3, atol=1e-4
    )


def test_what_is_interrupted_is_shrunk_as_well(net, table, monkeypatch):
    finetune = level.finetune

    def interrupted(*args, **kwargs):
        finetune(*args, **kwargs)
        raise KeyboardInterrupt

    expected = finetuner(net).fit(*table).estimator_.module_.state_dict()
    monkeypatch.setattr(level, "finetune", interrupted)
    model = finetuner(net).fit(*table)
    assert model.levels_[0].interrupted
    for name, value in model.estimator_.module_.state_dict().items():
        assert value.equal(expected[name]), name
