"""The papers' networks: their size and function, and that all methods work on them."""

import numpy as np
import pytest
import torch
from pytorchcv.models.densenet_cifar import CIFARDenseNet
from pytorchcv.models.pyramidnet_cifar import CIFARPyramidNet
from pytorchcv.models.resnet_cifar import CIFARResNet
from pytorchcv.models.resnext_cifar import CIFARResNeXt
from pytorchcv.models.seresnet_cifar import CIFARSEResNet
from pytorchcv.models.wrn_cifar import CIFARWRN
from torch import nn

from skaug import (
    BatchAugmentation,
    ISDAClassifier,
    ManifoldMixup,
    NetClassifier,
    TableMixup,
)
from skaug.baselines import (
    AllConvNet,
    DenseNet,
    PreActResNet18,
    PyramidNet,
    ResNet,
    ResNeXt,
    SEResNet,
    ShakeShake,
    WideResNet,
)
from skaug.net import Levels, check_head, linear_head

# Millions of weights as the papers print them, of a network for CIFAR-10.
PRINTED = {
    "ResNet-32": (lambda: ResNet(3, 10), 0.5),
    "ResNet-56": (lambda: ResNet(3, 10, depth=56), 0.85),
    "ResNet-110": (lambda: ResNet(3, 10, depth=110), 1.7),
    "SE-ResNet-110": (lambda: SEResNet(3, 10), 1.7),
    "WRN-16-8": (lambda: WideResNet(3, 10, depth=16, widen=8), 11.0),
    "WRN-28-10": (lambda: WideResNet(3, 10), 36.5),
    "ResNeXt-29 8x64d": (lambda: ResNeXt(3, 10), 34.4),
    "DenseNet-BC-100-12": (lambda: DenseNet(3, 10), 0.8),
    "DenseNet-BC-190-40": (lambda: DenseNet(3, 10, depth=190, growth=40), 25.6),
    "Shake-Shake 26 2x32d": (lambda: ShakeShake(3, 10), 2.9),
    "Shake-Shake 26 2x96d": (lambda: ShakeShake(3, 10, width=96), 26.2),
    "Shake-Shake 26 2x112d": (lambda: ShakeShake(3, 10, width=112), 35.6),
    "PyramidNet-272 a200": (lambda: PyramidNet(3, 10), 26.2),
    "PreActResNet-18": (lambda: PreActResNet18(3, 10), 11.17),
}


@pytest.mark.parametrize("name", PRINTED)
def test_number_of_weights(name):
    make, millions = PRINTED[name]
    with torch.device("meta"):
        weights = sum(p.numel() for p in make().parameters())
    assert abs(weights / 1e6 - millions) < 0.1


# Two stages have blocks of one width and one block that changes it.
TWO = [[16, 16], [32, 32], [64, 64]]
PAIRS = {
    "ResNet": (ResNet(3, 5, depth=14), CIFARResNet(TWO, 16, False, num_classes=5)),
    "SEResNet": (
        SEResNet(3, 5, depth=14),
        CIFARSEResNet(TWO, 16, False, num_classes=5),
    ),
    "WideResNet": (
        WideResNet(3, 5, depth=16, widen=1),
        CIFARWRN(TWO, 16, num_classes=5),
    ),
    "ResNeXt": (
        ResNeXt(3, 5, depth=11, cardinality=2, group_width=32, width=4),
        CIFARResNeXt([[16], [32], [64]], 4, 2, 512, num_classes=5),
    ),
    "DenseNet": (
        DenseNet(3, 5, depth=16, growth=4),
        CIFARDenseNet([[12, 16], [12, 16], [12, 16]], 8, True, num_classes=5),
    ),
    "PyramidNet": (
        PyramidNet(3, 5, depth=20, widening=12, drop=0),
        CIFARPyramidNet([[72, 80], [88, 96], [104, 112]], 16, True, num_classes=5),
    ),
}


@pytest.mark.parametrize("name", PAIRS)
def test_the_function_is_that_of_pytorchcv_with_the_same_weights(name):
    ours, theirs = PAIRS[name]
    generator = torch.Generator().manual_seed(0)
    mine, other = ours.state_dict(), theirs.state_dict()
    assert len(mine) == len(other)
    for a, b in zip(mine.values(), other.values()):
        assert a.shape == b.shape
        if a.is_floating_point():  # variances as well as weights
            b.copy_(a.uniform_(0.1, 0.5, generator=generator))
    X = torch.randn(3, 3, 32, 32, generator=generator)
    for training in (False, True):
        a, b = (net.train(training)(X) for net in (ours, theirs))
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)


TINY = {
    "ResNet": lambda *shape: ResNet(*shape, depth=8, width=4, dropout=0.3),
    "SEResNet": lambda *shape: SEResNet(*shape, depth=8, width=4),
    "WideResNet": lambda *shape: WideResNet(*shape, depth=10, widen=1, dropout=0.3),
    "PreActResNet18": lambda *shape: PreActResNet18(*shape, width=4),
    "ResNeXt": lambda *shape: ResNeXt(*shape, 11, 2, 4, 4),
    "DenseNet": lambda *shape: DenseNet(*shape, depth=10, growth=4),
    "ShakeShake": lambda *shape: ShakeShake(*shape, depth=8, width=4),
    "PyramidNet": lambda *shape: PyramidNet(*shape, depth=11, widening=6),
}


@pytest.fixture(params=TINY)
def network(request):
    torch.manual_seed(0)
    return TINY[request.param](2, 7)


def test_images_of_any_size_make_logits_and_gradients(network):
    for side in (8, 13):
        network.zero_grad()
        logits = network(torch.randn(4, 2, side, side + 1))
        assert logits.shape == (4, 7)
        logits.square().sum().backward()
        assert all(p.grad.isfinite().all() for p in network.parameters())
        assert sum(p.grad.abs().sum() for p in network.stem.parameters()) > 0


def test_head_and_levels_are_found(network):
    X = torch.randn(4, 2, 8, 8)
    network(X)  # statistics of batch normalisation other than 0 and 1
    assert linear_head(network)[0] == "head"
    levels, expected = Levels(network, X), network.eval()(X)
    assert check_head(network, "head", X).equal(expected)
    blocks = [
        f"stages.{i}.{j}" for i, s in enumerate(network.stages) for j in range(len(s))
    ]
    assert [name for name in levels.names if name != "stem"] == blocks
    assert levels.resume("stages.1.0", levels.output("stages.1.0", X)).equal(expected)
    # A whole stage can be named as well, for ManifoldMixup.
    assert Levels(network, X, ["stages.0", "stages.1"]).names == [
        "stages.0",
        "stages.1",
    ]


def test_all_but_the_first_stage_halve_height_and_width(network):
    h, sizes = network.stem(torch.zeros(2, 2, 16, 16)), []
    for stage in network.stages:
        h = stage(h)
        sizes.append(h.shape[2])
    assert sizes == [16, 8, 4, 2][: len(sizes)]


def test_convolutions_start_with_the_variance_of_the_papers():
    torch.manual_seed(0)
    for network, name in (
        (ResNet(3, 10, depth=14), "stages.2.1.branch.0"),
        (WideResNet(3, 10, depth=10, widen=2), "stages.2.0.conv2"),
    ):
        weight = network.get_submodule(name).weight
        assert abs(weight.var() * weight.shape[0] * 9 / 2 - 1) < 0.05


@pytest.mark.parametrize(
    "make, depth, nearest",
    [(ResNet, 33, "32 or 38"), (WideResNet, 5, "10 or 16"), (ResNeXt, 2, "11 or 20")],
)
def test_depths_that_no_network_has_are_refused(make, depth, nearest):
    with pytest.raises(ValueError, match=f"got {depth}. Set depth={nearest}"):
        make(3, 10, depth=depth)


@pytest.mark.parametrize("shape", [(28, 28), (12, 17)])
def test_the_last_of_four_convolutions_is_a_linear_layer(shape):
    torch.manual_seed(0)
    network = AllConvNet(1, 10, input_shape=(1, *shape)).eval()
    X = torch.rand(3, 1, *shape)
    whole = network.layers[:-1](X)
    kernel = network.head.weight.view(10, *whole.shape[1:])
    expected = nn.functional.conv2d(whole, kernel, network.head.bias).flatten(1)
    torch.testing.assert_close(network(X), expected)


def test_isda_trains_the_networks():
    X = np.random.default_rng(0).normal(size=(12, 2, 8, 8)).astype(np.float32)
    y = np.repeat(["bus", "car", "walk"], 4)
    for module, params in (
        (ResNet, {"depth": 8, "width": 2}),
        (AllConvNet, {"widths": (2, 4, 8)}),  # the size of images is found
    ):
        params = {f"module__{name}": value for name, value in params.items()}
        fitted = [
            ISDAClassifier(
                module, strength=strength, max_epochs=3, random_state=0, **params
            ).fit(X, y)
            for strength in (1.0, 0.0)
        ]
        isda, plain = (net.predict_proba(X) for net in fitted)
        assert isda.shape == (12, 3) and not np.allclose(isda, plain)


@pytest.mark.filterwarnings("ignore:NetClassifier needs about 600:UserWarning")
def test_manifold_mixup_at_a_stage_changes_a_training_step():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(8, 3, 8, 8)).astype(np.float32), np.arange(8) % 2
    losses = []
    # One layer to choose from: shares and partners are those at the input.
    for mixup in (ManifoldMixup(layers=["stages.1"]), TableMixup(), TableMixup(0)):
        net = NetClassifier(
            WideResNet,
            module__depth=10,
            module__widen=1,
            max_epochs=1,
            callbacks=[BatchAugmentation(mixup)],
            random_state=0,
        )
        losses.append(net.fit(X, y).history[-1, "train_loss"])
    assert np.isfinite(losses).all() and len(set(losses)) == 3
