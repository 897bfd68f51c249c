"""Blocks of residual networks, and stages of blocks.

References
----------
.. [1] K. He et al., "Deep Residual Learning for Image Recognition", CVPR 2016.
.. [2] K. He et al., "Identity Mappings in Deep Residual Networks", ECCV 2016.
.. [3] J. Hu, L. Shen, G. Sun, "Squeeze-and-Excitation Networks", CVPR 2018.
"""

import torch
from torch import nn

__all__ = [
    "PostActBlock",
    "PreActBlock",
    "basic_branch",
    "bottleneck_branch",
    "convolution",
    "squeezed_branch",
    "stages_of",
]


def convolution(n_in, n_out, size=3, stride=1, groups=1):
    """A convolution without bias that keeps height and width at stride 1."""
    return nn.Conv2d(
        n_in, n_out, size, stride, padding=size // 2, groups=groups, bias=False
    )


def basic_branch(n_in, n_out, stride, dropout=0.0):
    """Two convolutions of 3 x 3, each normalised."""
    return nn.Sequential(
        convolution(n_in, n_out, stride=stride),
        nn.BatchNorm2d(n_out),
        nn.ReLU(),
        nn.Dropout(dropout),
        convolution(n_out, n_out),
        nn.BatchNorm2d(n_out),
    )


def squeezed_branch(n_in, n_out, stride, dropout=0.0):
    """The same, with a weight for each channel in the end."""
    branch = basic_branch(n_in, n_out, stride, dropout)
    return branch.append(_SqueezeExcitation(n_out))


def bottleneck_branch(n_in, n_out, stride, width, groups):
    """A grouped convolution of 3 x 3 between two of 1 x 1, each normalised."""
    return nn.Sequential(
        convolution(n_in, width, size=1),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        convolution(width, width, stride=stride, groups=groups),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        convolution(width, n_out, size=1),
        nn.BatchNorm2d(n_out),
    )


class _SqueezeExcitation(nn.Module):
    """Multiply channels by weights from 0 to 1 that follow from their means."""

    def __init__(self, n_channels, reduction=16):
        super().__init__()
        n_hidden = max(1, n_channels // reduction)
        # Convolutions of 1 x 1: a linear layer could be taken for the head.
        self.weights = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(n_channels, n_hidden, 1),
            nn.ReLU(),
            nn.Conv2d(n_hidden, n_channels, 1),
            nn.Sigmoid(),
        )

    def forward(self, X):
        """Map (n, n_channels, height, width) to the same shape."""
        return X * self.weights(X)


class PostActBlock(nn.Module):
    """ReLU of the sum of a branch and a shortcut, as in [1]_."""

    def __init__(self, branch, n_in, n_out, stride):
        super().__init__()
        self.branch, self.shortcut = branch, nn.Identity()
        if stride != 1 or n_in != n_out:  # the shape changes
            self.shortcut = nn.Sequential(
                convolution(n_in, n_out, 1, stride), nn.BatchNorm2d(n_out)
            )

    def forward(self, X):
        """Map (n, n_in, height, width) to (n, n_out, height, width) / stride."""
        return torch.relu(self.branch(X) + self.shortcut(X))


class PreActBlock(nn.Module):
    """Twice normalisation, ReLU and convolution, beside a shortcut, as in [2]_."""

    def __init__(self, n_in, n_out, stride, dropout=0.0):
        super().__init__()
        self.norm1 = nn.BatchNorm2d(n_in)
        self.conv1 = convolution(n_in, n_out, stride=stride)
        self.norm2, self.conv2 = nn.BatchNorm2d(n_out), convolution(n_out, n_out)
        self.dropout = nn.Dropout(dropout)
        self.shortcut = None
        if stride != 1 or n_in != n_out:  # the shape changes
            self.shortcut = convolution(n_in, n_out, 1, stride)

    def forward(self, X):
        """Map (n, n_in, height, width) to (n, n_out, height, width) / stride."""
        h = torch.relu(self.norm1(X))
        # A shortcut with weights takes the activated input.
        past = X if self.shortcut is None else self.shortcut(h)
        h = self.dropout(torch.relu(self.norm2(self.conv1(h))))
        return self.conv2(h) + past


def stages_of(block, n_in, widths):
    """Stages of blocks; all but the first halve height and width.

    Parameters
    ----------
    block : callable
        Makes a block of ``(n_in, n_out, stride)``.
    n_in : int
        Channels that come in.
    widths : list of list of int
        Channels that go out of each block of each stage.

    Returns
    -------
    stages : torch.nn.Sequential of torch.nn.Sequential
        The blocks of each stage.
    """
    stages = []
    for i, of_stage in enumerate(widths):
        blocks = []
        for n_out in of_stage:
            stride = 2 if i > 0 and not blocks else 1
            blocks.append(block(n_in, n_out, stride))
            n_in = n_out
        stages.append(nn.Sequential(*blocks))
    return nn.Sequential(*stages)
