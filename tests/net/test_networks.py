"""Default networks: shapes, input normalisation, any size of input."""

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


@pytest.mark.parametrize("net, shape", NETS[:2] + NETS[3:4])
def test_scale_and_offset_of_the_input_do_not_matter(net, shape):
    X = torch.randn(64, *shape)
    net.train()
    torch.manual_seed(0)
    expected = net(X)
    torch.manual_seed(0)
    torch.testing.assert_close(net(1000 * X + 500), expected, rtol=1e-2, atol=1e-2)


def test_input_norm_averages_all_batches_equally():
    net = MLP(3, 2).train()
    batches = [torch.randn(50, 3) * 5 + 100 for _ in range(4)]
    for batch in batches:
        net(batch)
    expected = torch.stack([batch.mean(0) for batch in batches]).mean(0)
    torch.testing.assert_close(net.input_norm.running_mean, expected)


def test_convnet_computes_in_channels_last():
    weight = ConvNet(3, 2).blocks[1][0].weight
    assert weight.is_contiguous(memory_format=torch.channels_last)
