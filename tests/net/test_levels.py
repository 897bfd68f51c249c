"""A network cut at its levels: the rest of it, training from there, refusals."""

import copy

import pytest
import torch
from helpers import refuses
from torch import nn

from skaug.baselines import WideResNet
from skaug.net import MLP, ConvNet, Levels, SignalNet, capture_input
from skaug.transforms.torchvision import torchvision


class Residual(nn.Module):
    """A block with a connection past its layers, and blocks of several kinds around."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Linear(4, 6)
        self.inner = nn.Sequential(nn.Linear(6, 6), nn.BatchNorm1d(6), nn.ReLU())
        self.last = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Dropout(0.5))
        self.head = nn.Linear(5, 3)

    def forward(self, X):
        h = self.stem(X)
        return self.head(self.last(h + self.inner(h)))


class Stages(nn.Module):
    """Named stages of units inside one Sequential, as in pytorchcv."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential()
        self.features.add_module("init_block", nn.Sequential(nn.Linear(4, 4)))
        for number in (1, 2):
            stage = nn.Sequential()
            for i in (1, 2):
                stage.add_module(f"unit{i}", nn.Sequential(Residual(), nn.Linear(3, 4)))
            self.features.add_module(f"stage{number}", stage)
        self.features.add_module("final_pool", nn.Flatten())
        self.output = nn.Linear(4, 3)

    def forward(self, X):
        return self.output(self.features(X))


def flat():
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(4, 8),
        nn.BatchNorm1d(8),
        nn.ReLU(),
        nn.Linear(8, 6),
        nn.Tanh(),
        nn.Dropout(0.5),
        nn.Linear(6, 3),
    )


def resnet18():
    return torchvision.models.resnet18(num_classes=3)


RESNET18 = resnet18, (3, 8, 8), [f"layer{i}.{j}" for i in (1, 2, 3, 4) for j in (0, 1)]
BLOCKS = [f"blocks.{i}" for i in range(3)]
UNITS = [f"features.stage{i}.unit{j}.0" for i in (1, 2) for j in (1, 2)]
LEVELS = {
    "MLP": (lambda: MLP(4, 3, hidden=(8, 6)), (4,), ["blocks.0", "blocks.1"]),
    "SignalNet": (lambda: SignalNet(2, 3), (2, 16), BLOCKS),
    "ConvNet": (lambda: ConvNet(1, 3), (1, 8, 8), BLOCKS),
    "residual images": (
        lambda: WideResNet(1, 3, depth=16, widen=1),
        (1, 8, 8),
        [f"stages.{i}.{j}" for i in range(3) for j in range(2)],
    ),
    "flat Sequential": (flat, (4,), ["3", "6"]),
    "nested Sequential": (Stages, (4,), ["features.init_block", *UNITS]),
    "residual": (Residual, (4,), ["last"]),
}


def levels_of(kind):
    torch.manual_seed(0)
    make, shape, names = LEVELS.get(kind, RESNET18)
    net, X = make(), torch.randn(12, *shape)
    net.train()
    for _ in range(3):  # statistics of batch normalisation other than 0 and 1
        net(X)
    return net.eval(), X, names


@pytest.mark.parametrize("kind", [*LEVELS, "resnet18"])
def test_the_rest_of_the_network_from_a_level_is_the_network(kind):
    net, X, names = levels_of(kind)
    levels = Levels(net, X[:2])
    assert [n for n in levels.names if n in names] == names
    expected = net(X)
    for name in ["input", *levels.names]:
        h = levels.output(name, X)
        torch.testing.assert_close(levels.resume(name, h), expected, rtol=0, atol=0)
        batches = torch.cat(list(levels.outputs(name, X.split(5))))
        torch.testing.assert_close(batches, h)


@pytest.mark.parametrize("kind", LEVELS)
def test_training_from_a_level_leaves_what_is_below_bit_identical(kind):
    net, X, _ = levels_of(kind)
    levels = Levels(net, X[:2])
    for name in levels.names:
        h = levels.output(name, X)
        before = copy.deepcopy(net.state_dict())
        above = levels.parameters_above(name)
        optimizer = torch.optim.SGD(above, lr=1e-3)
        with levels.resumed(name):
            net.train()
            net(h).square().mean().backward()
        optimizer.step()
        net.zero_grad()
        torch.testing.assert_close(levels.output(name, X), h, rtol=0, atol=0)
        changed = {k for k, v in net.state_dict().items() if not v.equal(before[k])}
        below = {id(module) for module in levels.modules_below(name)}
        owners = {k: net.get_submodule(k.rpartition(".")[0]) for k in before}
        above = {k for k, owner in owners.items() if id(owner) not in below}
        assert changed and changed <= above
        statistics = {k for k in above if k.endswith("running_mean")}
        assert statistics == {k for k in changed if k.endswith("running_mean")}
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in net.modules())
    assert not any(module.training for module in net.modules())


def test_frozen_modules_stay_in_evaluation_mode():
    net, X, _ = levels_of("MLP")
    levels, norm = Levels(net, X[:2]), net.blocks[1][1]
    h = levels.output("blocks.0", X)
    mean = norm.running_mean.clone()
    for frozen, same in [((norm,), True), ((), False)]:
        with levels.resumed("blocks.0", frozen):
            net.train()
            net(h)
        assert norm.running_mean.equal(mean) == same


class Odd(nn.Module):
    """Ways in which a level does not cut a network."""

    def __init__(self, kind):
        super().__init__()
        self.kind = kind
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)
        self.body, self.head = nn.Linear(4, 4), nn.Linear(4, 3)
        self.recurrent, self.unused = nn.GRU(4, 4), nn.Linear(4, 4)
        self.norm = nn.BatchNorm1d(4)

    def forward(self, X):
        h = self.first(self.norm(X))
        if self.kind == "bypassed":
            h = h + X
        elif self.kind == "used twice":
            h = self.first(h)
        elif self.kind == "reads the input":
            h = h if X.sum() > 0 else -h
        elif self.kind == "size of the input":
            h = h.view(len(X), 4)
        elif self.kind == "tuple":
            h, _ = self.recurrent(h)
        elif self.kind == "shared":
            h = nn.functional.linear(self.second(h), self.first.weight)
        elif self.kind == "norm on both sides":
            h = self.norm(h)
        return self.head(self.body(h.relu()))


@pytest.mark.parametrize(
    "kind, name, why",
    [
        ("bypassed", "first", "alone do not give the network's output"),
        ("used twice", "first", "is called 2 times"),
        ("reads the input", "first", "the forward pass looks at the input"),
        ("size of the input", "first", "the forward pass looks at the input"),
        ("tuple", "recurrent", "returns a tuple"),
        ("shared", "second", "weights are used before and after it"),
        ("norm on both sides", "first", "'norm' is used before and after it"),
        ("plain", "unused", "is called 0 times"),
        ("plain", "head", "no trainable weight comes after it"),
        ("plain", "firsst", r"no module of that name.*\['input', 'first', 'body'\]"),
    ],
)
def test_levels_that_do_not_cut_are_refused_with_the_reason(kind, name, why):
    torch.manual_seed(0)
    net, X = Odd(kind).eval(), torch.randn(6, 4)
    with refuses(f"can be cut; got '{name}'.*{why}"):
        Levels(net, X, [name])


class SecondAxis(nn.Module):
    """A layer that takes the rows along its second axis."""

    def __init__(self):
        super().__init__()
        self.first, self.body = nn.Linear(4, 4), nn.Linear(4, 4)
        self.head = nn.Linear(4, 3)

    def forward(self, X):
        h = self.first(X[:, None].transpose(0, 1))
        return self.head(self.body(h.transpose(0, 1)[:, 0]))


def test_a_level_has_the_rows_along_its_first_axis():
    torch.manual_seed(0)
    net, X = SecondAxis().eval(), torch.randn(6, 4)
    assert Levels(net, X).names == ["body"]
    with refuses("the first axis of what the module returns"):
        Levels(net, X, ["first"])


class Counting(nn.Module):
    """Keeps statistics of its own around the level, and an unused last layer."""

    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.zeros(4))
        self.body, self.head = nn.Linear(4, 4), nn.Linear(4, 3)
        self.auxiliary = nn.Linear(7, 2)

    def forward(self, X):
        if self.training:
            self.mean.lerp_(X.mean(0), 0.5)
        return self.head(self.body(X - self.mean))


def test_buffers_around_the_level_are_left_alone():
    torch.manual_seed(0)
    net, X = Counting(), torch.randn(6, 4)
    net(X)
    mean = net.mean.clone()
    levels = Levels(net, X)
    assert levels.head == "head"  # not the auxiliary one, which is never called
    with levels.resumed("body"):
        net.train()
        net(levels.output("body", X))
    assert net.mean.equal(mean)


def test_weight_norm_does_not_make_a_layer_a_block():
    norm = nn.utils.parametrizations.weight_norm
    body = norm(nn.Linear(4, 6)), nn.ReLU(), norm(nn.Linear(6, 5)), nn.ReLU()
    net = nn.Sequential(*body, nn.Linear(5, 3))
    assert Levels(net, torch.randn(6, 4)).names == ["1", "3"]


def test_tokens():
    torch.manual_seed(0)
    body = nn.Embedding(10, 4), nn.Flatten(), nn.Linear(12, 5), nn.ReLU()
    net = nn.Sequential(*body, nn.Linear(5, 3))
    assert Levels(net, torch.randint(10, (8, 3))).names == ["1", "3"]


def test_blocks_that_do_not_cut_are_left_out():
    torch.manual_seed(0)
    assert Levels(Odd("bypassed"), torch.randn(6, 4)).names == ["body"]
    with refuses("needs a block before its last linear layer"):
        Levels(nn.Linear(4, 3), torch.randn(6, 4))


def test_named_levels_come_in_the_order_of_computation():
    net, X, _ = levels_of("residual")
    levels = Levels(net, X, ["last", "input", "stem", "stem"])
    assert levels.names == ["input", "stem", "last"]
    frozen = copy.deepcopy(net)
    for parameter in frozen.last.parameters():
        parameter.requires_grad_(False)
    levels = Levels(frozen, X, ["stem"])
    assert frozen.last[0].weight not in levels.parameters_above("stem")


class Counted(nn.Linear):
    """Counts the rows that it is called on."""

    n_rows = 0

    def forward(self, X):
        self.n_rows += len(X)
        return super().forward(X)


class Block(nn.Module):
    """A residual unit."""

    def __init__(self):
        super().__init__()
        self.first, self.second = Counted(4, 4), nn.Linear(4, 4)

    def forward(self, X):
        return X + self.second(self.first(X).tanh())


class Chain(nn.Module):
    """A few blocks in a Sequential, and one called by the forward pass itself."""

    def __init__(self, n_blocks, past=None):
        super().__init__()
        self.past = past
        self.stem, self.stage = Block(), nn.Sequential(*map(_block, range(n_blocks)))
        self.last, self.head = Block(), nn.Linear(4, 3)

    def forward(self, X):
        stem = self.stem(X)
        h = self.stage(stem)
        h = h + stem if self.past == "stage" else h
        h = h + (X + 2).clamp(max=0) if self.past == "all, where negative" else h
        h = self.last(h)
        return self.head(h + stem if self.past == "last" else h)

    def counts(self):
        blocks = self.stem, *self.stage, self.last
        return [block.first.n_rows for block in blocks]


def _block(_):
    return Block()


def test_the_check_of_all_levels_runs_each_block_as_often_as_that_of_one():
    X, most = torch.randn(10, 4), []
    for n_blocks in (1, 4, 16):
        net = Chain(n_blocks)
        assert len(Levels(net, X).names) == n_blocks + 2
        most.append(max(net.counts()))
    # 10 rows: calls, activations, four checks; few rows: 2, 4 others, gradients
    assert most == [6 * 10 + 2 + 4 + 1] * 3


def test_of_large_rows_a_few_are_checked():
    X = torch.zeros(10, 30_000)
    X[4:] = torch.randn(6, 30_000)
    net = nn.Sequential(nn.Linear(30_000, 4), nn.Tanh(), nn.Linear(4, 3))
    with capture_input(net[0]) as inputs:
        assert Levels(net, X).names == ["1"]
    assert max(map(len, inputs)) == 2
    assert any(torch.equal(rows, X[[0, 4]]) for rows in inputs)  # two that differ


@pytest.mark.parametrize(
    "past, names",
    [
        ("stage", ["stem", "last"]),
        ("last", ["stem"]),
        ("all, where negative", ["last"]),
    ],
)
def test_a_connection_that_ends_above_the_next_level_is_found(past, names):
    torch.manual_seed(0)
    X = 5 * torch.rand(6, 4)  # only minus a row is below -2
    assert Levels(Chain(3, past), X).names == names


@pytest.mark.parametrize("name", ["stem", "stage.0", "stage.2", "last"])
def test_modules_below_a_level_run_once_in_a_context(name):
    torch.manual_seed(0)
    net, X = Chain(3), torch.randn(6, 4)
    levels = Levels(net, X)
    h, before, above = levels.output(name, X), net.counts(), []
    n_below = 1 + ["stem", "stage.0", "stage.1", "stage.2", "last"].index(name)
    with levels.resumed(name):
        for _ in range(3):
            net.zero_grad()
            net(h).sum().backward()
            above.append([p.grad.clone() for p in levels.parameters_above(name)])
    for grads in above[1:]:
        assert all(map(torch.equal, grads, above[0]))
    ran = [after - n for after, n in zip(net.counts(), before)]
    assert ran == [1] * n_below + [3 * len(X)] * (5 - n_below)
    assert not any("forward" in vars(module) for module in net.modules())
    net(X)
    assert net.counts()[0] == before[0] + 1 + len(X)


def test_layers_of_a_sequential_that_is_not_called_may_be_read_by_others():
    class Summed(nn.Module):
        def __init__(self):
            super().__init__()
            sizes = (4, 6), (6, 8), (8, 6)
            units = [nn.Sequential(nn.Linear(*pair), nn.ReLU()) for pair in sizes]
            self.units = nn.Sequential(*units)
            self.last = nn.Sequential(nn.Linear(6, 5), nn.ReLU())
            self.head = nn.Linear(5, 2)

        def forward(self, X):
            found = []
            for unit in self.units:
                X = unit(X)
                found.append(X)
            return self.head(self.last(found[0] + found[2]))

    network, X = Summed(), torch.randn(10, 4)
    levels = Levels(network, X)
    assert levels.names == ["units.0", "last"]
    h = levels.output("last", X)
    expected = network(X)
    with levels.resumed("last"):
        assert all(network(h).equal(expected) for _ in range(3))


def test_a_wrapped_network_has_the_levels_of_its_body():
    class Wrapped(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.head = resnet18(), nn.Linear(3, 3)

        def forward(self, X):
            return self.head(self.body(X))

    names = Levels(Wrapped(), torch.randn(2, 3, 16, 16)).names
    assert names == [f"body.{name}" for name in RESNET18[2]]


def test_a_network_returns_one_tensor():
    class Pair(nn.Linear):
        def forward(self, X):
            return X, super().forward(X)

    with refuses("Pair needs to return one tensor; got a tuple"):
        Levels(Pair(4, 3), torch.randn(6, 4))
