"""The seam to the last linear layer: found, watched for one call, refused loudly."""

import copy
import pickle

import pytest
import torch
from helpers import refuses
from torch import nn

from skaug.net import MLP, ConvNet, SignalNet, capture_input, check_head, linear_head

weight_norm = nn.utils.parametrizations.weight_norm
NORMALISED = nn.Sequential(nn.Linear(4, 4), weight_norm(nn.Linear(4, 2)))


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


def test_captured_features_carry_gradients_and_no_hook_is_left_behind():
    net = MLP(4, 3)
    with refuses("stop", RuntimeError), capture_input(net.head):
        raise RuntimeError("stop")
    with capture_input(net.head) as inputs:
        net(torch.randn(5, 4))
    assert not any(module._forward_pre_hooks for module in net.modules())
    pickle.loads(pickle.dumps(net))
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
    with refuses(r"got 0 calls.*\['body', 'head', 'auxiliary'\]"):
        check_head(net, "auxiliary", X)
    torch.testing.assert_close(check_head(net, "head", X), net(X))


@pytest.mark.parametrize(
    "net, name, message",
    [
        (nn.Sequential(nn.Conv1d(2, 3, 1)), None, "got none. Add one"),
        (nn.Sequential(nn.Linear(4, 3)), "1", r"unknown layer name '1'.*\['0'\]"),
        (nn.Sequential(nn.ReLU(), nn.Linear(4, 3)), "0", r"got ReLU at '0'.*\['1'\]"),
        (NORMALISED, "1", r"got ParametrizedLinear at '1'.*\['0'\]"),
    ],
)
def test_what_is_not_a_plain_linear_head_is_refused(net, name, message):
    with refuses(message):
        linear_head(net, name)


@pytest.mark.parametrize(
    "net, shape, message",
    [
        (nn.Sequential(nn.Linear(4, 3), nn.Softmax(1)), (4,), "got probabilities"),
        (nn.Sequential(nn.Linear(4, 3), nn.Conv1d(2, 3, 1)), (2, 4), "shape"),
        (Repeated(), (4,), "2 calls"),
        (NORMALISED, (4,), "not the layer's"),
    ],
)
def test_a_head_whose_output_is_not_the_networks_is_refused(net, shape, message):
    name, _ = linear_head(net)
    with refuses(message):
        check_head(net.eval(), name, torch.randn(2, *shape))
