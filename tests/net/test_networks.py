"""Default networks: shapes, any size of input."""

import pytest
import torch
from torch import nn

from skaug.net import MLP, ConvNet, SignalNet

NETS = [
    (MLP(7, 3), (7,)),
    (SignalNet(9, 3), (9, 128)),
    (SignalNet(2, 3), (2, 1)),
    (ConvNet(1, 3), (1, 28, 28)),
    (ConvNet(3, 3), (3, 5, 1)),
]


@pytest.mark.parametrize("net, shape", NETS)
def test_logits_come_from_the_linear_head(net, shape):
    X = torch.randn(4, *shape)
    assert net(X).shape == (4, 3)
    assert isinstance(net.head, nn.Linear)


def test_convnet_computes_in_channels_last():
    weight = ConvNet(3, 2).blocks[1][0].weight
    assert weight.is_contiguous(memory_format=torch.channels_last)
