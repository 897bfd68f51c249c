"""Layers of DenseNet-BC: bottlenecks that add channels, transitions that halve them.

References
----------
.. [1] G. Huang et al., "Densely Connected Convolutional Networks", CVPR 2017.
"""

import torch
from torch import nn

from skaug.baselines.blocks import convolution

__all__ = ["DenseLayer", "Transition"]


class DenseLayer(nn.Module):
    """The input, and behind it the channels that a bottleneck makes of the input."""

    def __init__(self, n_in, growth):
        super().__init__()
        self.branch = nn.Sequential(
            nn.BatchNorm2d(n_in),
            nn.ReLU(),
            convolution(n_in, 4 * growth, size=1),
            nn.BatchNorm2d(4 * growth),
            nn.ReLU(),
            convolution(4 * growth, growth),
        )

    def forward(self, X):
        """Map (n, n_in, height, width) to (n, n_in + growth, height, width)."""
        return torch.cat((X, self.branch(X)), dim=1)


class Transition(nn.Sequential):
    """Fewer channels by a convolution of 1 x 1, and half of height and width."""

    def __init__(self, n_in, n_out):
        super().__init__(
            nn.BatchNorm2d(n_in),
            nn.ReLU(),
            convolution(n_in, n_out, size=1),
            nn.AvgPool2d(2),
        )
