"""Training the rest of a network, and nothing else, from a level's activations."""

import copy

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss
from torch import nn

from skaug import ISDAClassifier, NetClassifier
from skaug.ihda.finetuning import (
    LevelRows,
    batches_of_rows,
    finetune,
    passes,
    recalibrate,
)
from skaug.net import MLP, Levels


@pytest.fixture
def fitted(table):
    """A net and its levels with the rows it was trained on."""
    hidden = {"module__hidden": (16, 12, 8), "module__dropout": 0.2}
    net = NetClassifier(max_epochs=4, random_state=0, **hidden).fit(*table)
    return net, level_rows(net, *table)


def level_rows(net, X, y, level=None):
    """Rows with their codes at a level of a net."""
    X, codes = net.encode(X, y)
    part = LevelRows(net, Levels(net.module_, torch.tensor(X[:4])), X, codes)
    if level is not None:
        part.reach(level)
    return part


def batches(part, size=32, seed=0):
    rng = np.random.RandomState(seed)
    for rows in batches_of_rows(part.codes.numpy(), size, rng):
        yield part.h[rows], part.codes[rows]


def is_norm(layer):
    return isinstance(layer, nn.BatchNorm1d)


def state_of(net):
    return copy.deepcopy(net.module_.state_dict())


def changed(net, before):
    state = net.module_.state_dict()
    return {key for key, value in state.items() if not value.equal(before[key])}


def test_activations_step_by_step_are_those_from_the_start(fitted):
    net, part = fitted
    X = part.h[:]
    for name in ["input", *part.levels.names]:
        part.reach(name)
        torch.testing.assert_close(part.h[:], part.levels.output(name, X))
        expected = log_loss(part.codes, net.predict_proba(X.numpy()))
        assert part.loss() == pytest.approx(expected, rel=1e-5)
    assert sum(len(h) for h, _ in part.batches()) == len(X)


@pytest.mark.parametrize("level", ["input", "blocks.0", "blocks.1", "blocks.2"])
def test_only_what_lies_above_changes(fitted, level):
    net, part = fitted
    part.reach(level)
    before, optimizer = state_of(net), net.optimizer_
    history = copy.deepcopy(net.history)
    finetune(part, batches(part), 5)
    done = ["input_norm", "blocks.0", "blocks.1", "blocks.2"]
    below = tuple(done[: done.index(level) + 1]) if level != "input" else ()
    learned = ("input_norm", *below)  # from rows, before training
    assert changed(net, before) == {k for k in before if not k.startswith(learned)}
    assert net.optimizer_ is optimizer and net.history == history
    assert all(p.requires_grad for p in net.module_.parameters())
    assert all(p.grad is None for p in net.module_.parameters())


def test_head_only_and_frozen_statistics(fitted):
    net, part = fitted
    part.reach("blocks.0")
    before = state_of(net)
    finetune(part, batches(part), 5, trainable="head")
    assert changed(net, before) == {"head.weight", "head.bias"}
    before = state_of(net)
    finetune(part, batches(part), 5, frozen_norms=True)
    moved = changed(net, before)
    assert not any("running" in key or "tracked" in key for key in moved)
    assert {"blocks.1.0.weight", "blocks.1.1.weight"} <= moved
    # A rate of zero moves the statistics only.
    before = state_of(net)
    finetune(part, batches(part), 3, rate=0.0)
    assert all("running" in k or "tracked" in k for k in changed(net, before))


def test_rates_fall_along_a_half_cosine(fitted, monkeypatch):
    net, part = fitted
    part.reach("blocks.0")
    seen, step = [], net.train_step

    def watched(batch):
        seen.append(net.optimizer_.param_groups[0]["lr"])
        return step(batch)

    monkeypatch.setattr(net, "train_step", watched)
    finetune(part, batches(part), 4, rate=0.5)
    expected = net.lr * 0.5 * (1 + np.cos(np.pi * np.arange(4) / 4)) / 2
    np.testing.assert_allclose(seen, expected)


def test_the_same_seed_gives_the_same_weights_and_no_generator_moves(fitted):
    net, part = fitted
    part.reach("blocks.0")
    start = state_of(net)
    states = torch.get_rng_state(), np.random.get_state()[1].copy()
    ends = []
    for seed in (1, 1, 2):
        net.module_.load_state_dict(start)
        finetune(part, batches(part), 5, seed=seed)  # with dropout
        ends.append(net.module_.head.weight.detach().clone())
    assert ends[0].equal(ends[1]) and not ends[0].equal(ends[2])
    np.testing.assert_array_equal(torch.get_rng_state(), states[0])
    np.testing.assert_array_equal(np.random.get_state()[1], states[1])


def test_recalibrated_statistics_are_those_of_the_rows(fitted):
    net, part = fitted
    part.reach("blocks.0")
    norm = net.module_.blocks[1][1]
    momentum = norm.momentum
    before = state_of(net)
    recalibrate(part)
    inputs = net.module_.blocks[1][0](part.h)
    torch.testing.assert_close(norm.running_mean, inputs.mean(0))
    torch.testing.assert_close(norm.running_var, inputs.var(0))
    assert norm.momentum == momentum
    assert all(key.startswith(("blocks.1", "blocks.2")) for key in changed(net, before))


def test_averages_are_as_before_if_recalibration_is_stopped(fitted):
    net, part = fitted
    part.reach("blocks.0")
    momenta = [layer.momentum for layer in net.module_.modules() if is_norm(layer)]
    before = state_of(net)

    def stop(*args):
        raise KeyboardInterrupt

    handle = net.module_.head.register_forward_pre_hook(stop)
    with pytest.raises(KeyboardInterrupt):
        recalibrate(part)
    handle.remove()
    assert not changed(net, before)
    norms = filter(is_norm, net.module_.modules())
    assert [layer.momentum for layer in norms] == momenta and momenta[0] is not None


def test_recalibration_counts_all_rows_alike():
    # Of 513 rows, a last batch of 512 at most would have one.
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(513, 4)).astype(np.float32), np.arange(513) % 2

    class Net(MLP):
        def __init__(self):
            super().__init__(4, 2, hidden=(4,))
            self.input_norm = nn.BatchNorm1d(4)

    net = NetClassifier(Net, max_epochs=1, random_state=0).fit(X, y)
    recalibrate(level_rows(net, X, y, "input"))
    mean = net.module_.input_norm.running_mean
    np.testing.assert_allclose(mean, X.mean(0), rtol=0, atol=1e-3)


def test_isdas_loss_is_kept(table):
    X, y = table
    net = ISDAClassifier(strength=2.0, max_epochs=4, random_state=0).fit(X, y)
    plain = NetClassifier(max_epochs=4, random_state=0).fit(X, y)
    plain.module_.load_state_dict(net.module_.state_dict())
    counts = net.class_covariance_.count.clone()
    weights = []
    for each in (net, plain):
        part = level_rows(each, X, y, "blocks.0")
        finetune(part, batches(part), 5)
        weights.append(each.module_.head.weight)
    assert not weights[0].equal(weights[1])
    assert net.class_covariance_.count.sum() == counts.sum() + 5 * 32
    assert net.current_strength() == 2.0


def test_balanced_passes_have_all_classes_equally_often():
    codes = np.repeat([0, 1, 2], [50, 10, 5])
    rng = np.random.RandomState(0)
    rows = next(passes(codes, rng, balance=True))
    assert np.bincount(codes[rows]).tolist() == [50, 50, 50]
    assert len(np.unique(rows)) == 65
    np.testing.assert_array_equal(np.sort(next(passes(codes, rng))), np.arange(65))
    taken = batches_of_rows(codes, 30, rng)
    first = np.concatenate([next(taken) for _ in range(13)])
    assert set(np.bincount(first)) == {6}  # 13 x 30 rows are six passes
