"""The papers' networks: their size, and that augmentation finds its way in them."""

from functools import partial

import numpy as np
import pytest
import torch

from networks import AllConvNet, PreActResNet18, WideResNet
from skaug import BatchAugmentation, ManifoldMixup, NetClassifier, TableMixup
from skaug.net import Levels


@pytest.mark.parametrize(
    "network, expected", [(PreActResNet18, 11_171_146), (WideResNet, 36_479_194)]
)
def test_number_of_parameters(network, expected):
    with torch.device("meta"):
        parameters = network(n_channels=3, n_classes=10).parameters()
    assert sum(p.numel() for p in parameters) == expected


def test_the_last_of_four_convolutions_is_a_linear_layer():
    torch.manual_seed(0)
    network = AllConvNet(1, 10).eval()
    X = torch.rand(3, 1, 28, 28)
    whole = network.layers[:-1](X)
    kernel = network.head.weight.view(10, 128, 4, 4)
    expected = torch.nn.functional.conv2d(whole, kernel, network.head.bias).flatten(1)
    torch.testing.assert_close(network(X), expected)


@pytest.fixture(params=["PreActResNet18", "WideResNet"])
def network(request):
    if request.param == "PreActResNet18":
        return PreActResNet18(n_channels=1, n_classes=4)
    return WideResNet(n_channels=1, n_classes=4, depth=16, widen=1, dropout=0.3)


def test_images_of_any_size_are_mapped_to_logits(network):
    for size in (8, 12):
        assert network(torch.zeros(2, 1, size, size)).shape == (2, 4)


def test_levels_are_the_residual_blocks(network):
    torch.manual_seed(0)
    n_stages = len(network.stages)
    names = Levels(network, torch.randn(4, 1, 8, 8)).names
    blocks = [f"stages.{i}.{j}" for i in range(n_stages) for j in range(2)]
    assert [name for name in names if name.startswith("stages")] == blocks


def test_stages_halve_height_and_width(network):
    h, sizes = network.stem(torch.zeros(2, 1, 16, 16)), []
    for stage in network.stages:
        h = stage(h)
        sizes.append(h.shape[2])
    assert sizes == [16, 8, 4, 2][: len(sizes)]


def test_manifold_mixup_at_a_stage_changes_a_training_step():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(8, 3, 8, 8)).astype(np.float32), np.arange(8) % 2
    losses = []
    # One layer to choose from: shares and partners are those at the input.
    for mixup in (ManifoldMixup(layers=["stages.1"]), TableMixup(), TableMixup(0)):
        augment = BatchAugmentation(mixup)
        net = NetClassifier(
            partial(WideResNet, depth=10, widen=1),
            max_epochs=1,
            callbacks=[augment],
            random_state=0,
        )
        losses.append(net.fit(X, y).history[-1, "train_loss"])
    assert np.isfinite(losses).all() and len(set(losses)) == 3
