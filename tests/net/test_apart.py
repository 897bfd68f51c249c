"""A net beside itself: tensors are shared, hooks and modes are not."""

import copy

import numpy as np
import pytest
import torch
from skorch import NeuralNetClassifier
from torch import nn

from skaug import NetClassifier
from skaug.net.apart import apart
from skaug.net.head import capture_input


class Listed(nn.Module):
    """Holds its layers a second time, in a list and as a bound method."""

    def __init__(self):
        super().__init__()
        self.body, self.head = nn.Linear(8, 4), nn.Linear(4, 3)
        self.chain, self.run = [self.body, self.head], self.through

    def through(self, X):
        for layer in self.chain:
            X = layer(X.relu())
        return X

    def forward(self, X):
        return self.run(X)


MODULES = {
    "MLP": (None, "blocks.1.0"),
    "a head": (None, "head"),
    "in lists": (Listed, "head"),
    "normalised": (
        nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(8, 3))),
        "0",
    ),
}


@pytest.mark.parametrize("is_named", [True, False])
@pytest.mark.parametrize("module, name", MODULES.values(), ids=MODULES)
def test_a_copy_predicts_alike_and_hooks_on_it_are_its_own(
    table, module, name, is_named
):
    net = NetClassifier(module, max_epochs=2, random_state=0).fit(*table)
    X, expected = table[0], net.predict_proba(table[0])
    other = apart(net, name if is_named else None)
    with capture_input(other.module_.get_submodule(name)) as inputs:
        np.testing.assert_array_equal(net.predict_proba(X), expected)
        assert not inputs
        np.testing.assert_array_equal(other.predict_proba(X), expected)
    assert sum(map(len, inputs)) == len(X)
    other.module_.train()
    assert not net.module_.training
    assert not any(layer._forward_pre_hooks for layer in net.module_.modules())


def test_weights_are_shared_and_so_are_modules_off_the_way(table):
    net = NetClassifier(max_epochs=2, random_state=0).fit(*table)
    copies = apart(net), apart(net, "blocks.1.0")
    for other in copies:
        for tensors in ("parameters", "buffers"):
            pair = (getattr(one.module_, tensors)() for one in (net, other))
            assert all(a is b for a, b in zip(*pair, strict=True))
    whole, part = (
        [a is b for a, b in zip(net.module_.modules(), other.module_.modules())]
        for other in copies
    )
    assert not any(whole) and len(part) - sum(part) == 4  # net, blocks, a block, layer
    net.partial_fit(*table)
    for other in copies:
        np.testing.assert_array_equal(
            other.predict_proba(table[0]), net.predict_proba(table[0])
        )


def test_any_net_of_skorch_will_do(table):
    X, y = np.float32(table[0]), table[1]
    net = NeuralNetClassifier(Listed, train_split=None, verbose=0, max_epochs=1)
    net.fit(X, y)
    other = copy.deepcopy(apart(net))
    np.testing.assert_array_equal(other.predict(X), net.predict(X))
    assert torch.equal(other.module_.head.weight, net.module_.head.weight)
