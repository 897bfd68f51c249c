"""Levels of the networks of torchvision and pytorchcv, at tiny widths."""

import copy

import pytest
import torch
from pytorchcv.models.densenet_cifar import CIFARDenseNet
from pytorchcv.models.preresnet_cifar import CIFARPreResNet
from pytorchcv.models.pyramidnet_cifar import CIFARPyramidNet
from pytorchcv.models.resnet_cifar import CIFARResNet
from pytorchcv.models.resnext_cifar import CIFARResNeXt
from pytorchcv.models.seresnet_cifar import CIFARSEResNet
from pytorchcv.models.shakeshakeresnet_cifar import CIFARShakeShakeResNet
from pytorchcv.models.wrn_cifar import CIFARWRN
from torch import nn

from skaug.net import Levels
from skaug.transforms.torchvision import torchvision

vision = torchvision.models
STAGES = [[4, 4], [6, 6], [8, 8]]
UNITS = [f"features.stage{i}.unit{j}" for i in (1, 2, 3) for j in (1, 2)]
STEM = "features.init_block"


def vgg_bn():
    layers = vision.vgg.make_layers([4, "M", 6, 6, "M"], batch_norm=True)
    with torch.device("meta"):  # its own classifier has 10^8 weights
        net = vision.VGG(layers, num_classes=3, init_weights=False)
    net.avgpool = nn.AdaptiveAvgPool2d(2)
    net.classifier[0], net.classifier[3] = nn.Linear(24, 8), nn.Linear(8, 7)
    net.classifier[6] = nn.Linear(7, 3)
    return net


# The network, the length of an image's sides, the levels that a person would name.
NETWORKS = {
    "ResNet": (
        lambda: CIFARResNet(STAGES, 4, False, num_classes=3),
        32,
        [STEM, *UNITS],
    ),
    "ResNeXt": (
        lambda: CIFARResNeXt([[32], [64], [128]], 4, 2, 16, num_classes=3),
        32,
        [STEM, *UNITS[::2]],
    ),
    "SE-ResNet": (
        lambda: CIFARSEResNet([[16], [32], [32]], 4, False, num_classes=3),
        32,
        [STEM, *UNITS[::2]],
    ),
    "Wide ResNet": (lambda: CIFARWRN(STAGES, 4, num_classes=3), 32, UNITS),
    "PreActResNet": (
        lambda: CIFARPreResNet(STAGES, 4, False, num_classes=3),
        32,
        UNITS,
    ),
    "PyramidNet": (
        lambda: CIFARPyramidNet([[4, 5], [6, 7], [8, 9]], 4, False, num_classes=3),
        32,
        [STEM, *UNITS],
    ),
    "Shake-Shake": (
        lambda: CIFARShakeShakeResNet(STAGES, 4, False, num_classes=3),
        32,
        [STEM, *UNITS],
    ),
    "DenseNet of pytorchcv": (
        lambda: CIFARDenseNet([[6, 8], [6, 8], [6, 8]], 4, True, num_classes=3),
        32,
        [
            *UNITS[:2],
            "features.stage2.trans2",
            *UNITS[2:4],
            "features.stage3.trans3",
            *UNITS[4:],
        ],
    ),
    "DenseNet of torchvision": (
        lambda: vision.DenseNet(2, (2, 2, 2), 4, bn_size=2, num_classes=3),
        32,
        [
            "features.denseblock1",
            "features.transition1",
            "features.denseblock2",
            "features.transition2",
            "features.denseblock3",
        ],
    ),
    "ResNet of torchvision": (
        lambda: vision.ResNet(vision.resnet.BasicBlock, [2, 1, 1, 1], num_classes=3),
        16,
        ["layer1.0", "layer1.1", "layer2.0", "layer3.0", "layer4.0"],
    ),
    "VGG-BN": (
        vgg_bn,
        16,
        ["features.3", "features.6", "features.10", "classifier.2", "classifier.5"],
    ),
    "ViT": (
        lambda: vision.VisionTransformer(16, 4, 2, 2, 8, 16, num_classes=3),
        16,
        ["encoder.layers.encoder_layer_0", "encoder.layers.encoder_layer_1"],
    ),
    "Swin": (
        lambda: vision.SwinTransformer(
            [4, 4], 8, [2, 2], [2, 2], [4, 4], num_classes=3
        ),
        32,
        ["features.0", *[f"features.{i}" for i in ("1.0", "1.1", "2", "3.0", "3.1")]],
    ),
}


@pytest.mark.parametrize("kind", NETWORKS)
def test_a_network_is_cut_where_a_person_would_cut_it(kind):
    make, side, names = NETWORKS[kind]
    torch.manual_seed(0)
    net, X = make(), torch.randn(4, 3, side, side)
    net(X)  # statistics of batch normalisation other than 0 and 1
    levels, expected = Levels(net, X), net.eval()(X)
    assert levels.names == names
    for name in ["input", *names]:
        h = levels.output(name, X)
        assert levels.resume(name, h).equal(expected)
        # In training, also with random numbers in the forward pass.
        before = copy.deepcopy(net.state_dict())
        with levels.resumed(name):
            for _ in range(2):
                net.zero_grad()
                net.train()
                net(h).square().sum().backward()
                reached = {p for p in net.parameters() if p.grad is not None}
                assert reached == levels.parameters_above(name)
        below = {id(module) for module in levels.modules_below(name)}
        for key, value in net.state_dict().items():
            if id(net.get_submodule(key.rpartition(".")[0])) in below:
                assert value.equal(before[key])
        net.load_state_dict(before)


def test_above_the_last_dense_block_are_its_normalisation_and_the_head():
    make, side, _ = NETWORKS["DenseNet of torchvision"]
    net = make()
    levels = Levels(net, torch.randn(2, 3, side, side))
    above = {*net.features.norm5.parameters(), *net.classifier.parameters()}
    assert levels.parameters_above("features.denseblock3") == above
    # A container that is no level by default can be asked for all the same.
    assert levels.parameters_above("features") == set(net.classifier.parameters())
