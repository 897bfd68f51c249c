"""The seam to the last linear layer: found, watched for one call, refused loudly."""

import copy
import pickle

import pytest
import torch
from torch import nn

from skaug.net import (
    MLP,
    ConvNet,
    Levels,
    SignalNet,
    capture_input,
    check_head,
    linear_head,
)
from skaug.transforms.torchvision import torchvision


class TwoHeads(nn.Module):
    """The head in use is not the last one defined."""

    def __init__(self):
        super().__init__()
        self.body = nn.Linear(4, 5)
        self.head = nn.Linear(5, 3)
        self.auxiliary = nn.Linear(5, 2)

    def forward(self, X):
        return self.head(self.body(X).relu())


class Repeated(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, X):
        return self.fc(self.fc(X))


@pytest.mark.parametrize(
    "net, shape",
    [(MLP(4, 3), (4,)), (SignalNet(2, 3), (2, 9)), (ConvNet(1, 3), (1, 9, 9))],
)
def test_features_times_weight_are_the_logits(net, shape):
    net = net.eval()
    name, head = linear_head(net)
    assert name == "head" and head is net.head
    with capture_input(head) as inputs:
        logits = net(torch.randn(6, *shape))
    torch.testing.assert_close(inputs[0] @ head.weight.T + head.bias, logits)


def test_no_hook_is_left_behind_even_after_an_error():
    net = MLP(4, 3)
    with pytest.raises(RuntimeError, match="stop"), capture_input(net.head):
        raise RuntimeError("stop")
    with capture_input(net.head):
        net(torch.randn(5, 4))
    assert not any(module._forward_pre_hooks for module in net.modules())
    pickle.loads(pickle.dumps(net))


def test_captured_features_carry_gradients():
    net = MLP(4, 3)
    with capture_input(net.head) as inputs:
        net(torch.randn(5, 4))
    inputs[0].sum().backward()
    assert net.blocks[0][0].weight.grad is not None


@pytest.mark.parametrize("change", [copy.deepcopy, lambda net: net.double()])
def test_the_name_holds_for_copies_and_conversions(change):
    net = MLP(4, 3)
    name, _ = linear_head(net)
    changed = change(net)
    with capture_input(changed.get_submodule(name)) as inputs:
        changed(torch.randn(5, 4, dtype=next(changed.parameters()).dtype))
    assert len(inputs) == 1


def test_a_named_head_is_taken_and_the_wrong_default_is_noticed():
    net = TwoHeads().eval()
    X = torch.randn(2, 4)
    assert linear_head(net)[0] == "auxiliary"
    with pytest.raises(
        ValueError, match=r"got 0 calls.*\['body', 'head', 'auxiliary'\]"
    ):
        check_head(net, "auxiliary", X)
    torch.testing.assert_close(check_head(net, "head", X), net(X))


@pytest.mark.parametrize(
    "net, name, message",
    [
        (nn.Sequential(nn.Conv1d(2, 3, 1)), None, "got none. Add one"),
        (nn.Sequential(nn.Linear(4, 3)), "1", r"unknown layer name '1'.*\['0'\]"),
        (nn.Sequential(nn.ReLU(), nn.Linear(4, 3)), "0", r"got ReLU at '0'.*\['1'\]"),
        (
            nn.Sequential(
                nn.Linear(4, 3), nn.utils.parametrizations.weight_norm(nn.Linear(3, 2))
            ),
            "1",
            r"got ParametrizedLinear at '1'.*\['0'\]",
        ),
    ],
)
def test_what_is_not_a_plain_linear_head_is_refused(net, name, message):
    with pytest.raises(ValueError, match=message):
        linear_head(net, name)


@pytest.mark.parametrize(
    "net, shape, message",
    [
        (nn.Sequential(nn.Linear(4, 3), nn.Softmax(1)), (4,), "not the layer's"),
        (nn.Sequential(nn.Linear(4, 3), nn.Conv1d(2, 3, 1)), (2, 4), "shape"),
        (Repeated(), (4,), "2 calls"),
        (
            nn.Sequential(
                nn.Linear(4, 4), nn.utils.parametrizations.weight_norm(nn.Linear(4, 2))
            ),
            (4,),
            "not the layer's",
        ),
    ],
)
def test_a_head_whose_output_is_not_the_networks_is_refused(net, shape, message):
    name, _ = linear_head(net)
    with pytest.raises(ValueError, match=message):
        check_head(net.eval(), name, torch.randn(2, *shape))


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
        unit = Residual
        self.features = nn.Sequential()
        self.features.add_module("init_block", nn.Sequential(nn.Linear(4, 4)))
        for number in (1, 2):
            stage = nn.Sequential()
            for i in (1, 2):
                stage.add_module(f"unit{i}", nn.Sequential(unit(), nn.Linear(3, 4)))
            self.features.add_module(f"stage{number}", stage)
        self.features.add_module("final_pool", nn.Flatten())
        self.output = nn.Linear(4, 3)

    def forward(self, X):
        return self.output(self.features(X))


def flat():
    return nn.Sequential(
        *(nn.Flatten(), nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU()),
        *(nn.Linear(8, 6), nn.Tanh(), nn.Dropout(0.5), nn.Linear(6, 3)),
    )


LEVELS = {
    "MLP": (lambda: MLP(4, 3, hidden=(8, 6)), (4,), ["blocks.0", "blocks.1"]),
    "SignalNet": (lambda: SignalNet(2, 3), (2, 16), [f"blocks.{i}" for i in range(3)]),
    "ConvNet": (lambda: ConvNet(1, 3), (1, 8, 8), [f"blocks.{i}" for i in range(3)]),
    "resnet18": (
        lambda: torchvision.models.resnet18(num_classes=3),
        (3, 32, 32),
        [f"layer{i}.{j}" for i in (1, 2, 3, 4) for j in (0, 1)],
    ),
    "flat Sequential": (flat, (4,), ["3", "6"]),
    "nested Sequential": (
        Stages,
        (4,),
        ["features.init_block"]
        + [f"features.stage{i}.unit{j}.0" for i in (1, 2) for j in (1, 2)],
    ),
    "residual": (Residual, (4,), ["last"]),
}
each_kind = pytest.mark.parametrize("kind", LEVELS)


def levels_of(kind):
    torch.manual_seed(0)
    make, shape, names = LEVELS[kind]
    net, X = make(), torch.randn(12, *shape)
    net.train()
    for _ in range(3):  # statistics of batch normalisation other than 0 and 1
        net(X)
    return net.eval(), X, names


@each_kind
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


@each_kind
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
        for key in changed:
            assert id(net.get_submodule(key.rpartition(".")[0])) not in below, key
        assert changed
        statistics = {k for k in changed if k.endswith("running_mean")}
        after = [
            k
            for k in before
            if k.endswith("running_mean")
            and id(net.get_submodule(k.rpartition(".")[0])) not in below
        ]
        assert statistics == set(after)
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
    with pytest.raises(ValueError, match=f"can be cut; got '{name}'.*{why}"):
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
    with pytest.raises(ValueError, match="the first axis of what the module returns"):
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
    net = nn.Sequential(
        *(norm(nn.Linear(4, 6)), nn.ReLU(), norm(nn.Linear(6, 5)), nn.ReLU()),
        nn.Linear(5, 3),
    )
    assert Levels(net, torch.randn(6, 4)).names == ["1", "3"]


def test_tokens():
    torch.manual_seed(0)
    net = nn.Sequential(
        *(nn.Embedding(10, 4), nn.Flatten(), nn.Linear(12, 5), nn.ReLU()),
        nn.Linear(5, 3),
    )
    X = torch.randint(10, (8, 3))
    assert Levels(net, X).names == ["1", "3"]


def test_blocks_that_do_not_cut_are_left_out():
    torch.manual_seed(0)
    assert Levels(Odd("bypassed"), torch.randn(6, 4)).names == ["body"]
    with pytest.raises(ValueError, match="needs a block before its last linear layer"):
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
