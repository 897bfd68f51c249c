"""Networks of the papers: residual ones with pre-activation blocks, and a small one.

All end in a plain ``nn.Linear`` and take every object of skaug. The residual ones have
a pooling over all positions before it, and take images of any size. ``stages.0``,
``stages.1`` ... are the names of their stages for :class:`skaug.ManifoldMixup`. Weights
start as PyTorch's.

References
----------
.. [1] K. He et al., "Identity Mappings in Deep Residual Networks", ECCV 2016.
.. [2] S. Zagoruyko, N. Komodakis, "Wide Residual Networks", BMVC 2016.
"""

from itertools import pairwise

import torch
from torch import nn


def conv3x3(n_in, n_out, stride=1):
    return nn.Conv2d(n_in, n_out, 3, stride=stride, padding=1, bias=False)


class PreActBlock(nn.Module):
    """Twice normalisation, ReLU and convolution, beside a shortcut.

    Where the shape changes, the shortcut is a 1 x 1 convolution of the activated input.
    """

    def __init__(self, n_in, n_out, stride, dropout=0.0):
        super().__init__()
        self.norm1, self.conv1 = nn.BatchNorm2d(n_in), conv3x3(n_in, n_out, stride)
        self.norm2, self.conv2 = nn.BatchNorm2d(n_out), conv3x3(n_out, n_out)
        self.dropout = nn.Dropout(dropout)
        self.shortcut = None
        if stride != 1 or n_in != n_out:
            self.shortcut = nn.Conv2d(n_in, n_out, 1, stride=stride, bias=False)

    def forward(self, X):
        h = torch.relu(self.norm1(X))
        past = X if self.shortcut is None else self.shortcut(h)
        h = self.dropout(torch.relu(self.norm2(self.conv1(h))))
        return self.conv2(h) + past


def stages_of(widths, n_blocks, dropout=0.0):
    """Stages of residual blocks; all but the first halve height and width."""
    stages = []
    for i, (n_in, n_out) in enumerate(pairwise(widths)):
        blocks = [PreActBlock(n_in, n_out, 1 if i == 0 else 2, dropout)]
        blocks += [PreActBlock(n_out, n_out, 1, dropout) for _ in range(n_blocks - 1)]
        stages.append(nn.Sequential(*blocks))
    return nn.Sequential(*stages)


class PreActResNet18(nn.Module):
    """PreActResNet-18 as in the code of Manifold Mixup.

    That code leaves out the normalisation and ReLU that He et al. have behind the last
    block, and so does this: 11,171,146 parameters for 3 channels and 10 classes. (The
    code of mixup has a normalisation behind the stem on top: 128 more.)
    """

    def __init__(self, n_channels, n_classes):
        super().__init__()
        self.stem = conv3x3(n_channels, 64)
        self.stages = stages_of((64, 64, 128, 256, 512), n_blocks=2)
        self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.head = nn.Linear(512, n_classes)

    def forward(self, X):
        return self.head(self.pool(self.stages(self.stem(X))))


class WideResNet(nn.Module):
    """WideResNet-28-10, and others of its family.

    It has the last normalisation and ReLU: 36,479,194 parameters for 3 channels and 10
    classes. The paper of refinement sets `dropout`, between the two convolutions of a
    block, to 0.3 with AutoAugment.
    """

    def __init__(self, n_channels, n_classes, depth=28, widen=10, dropout=0.0):
        super().__init__()
        widths = 16, 16 * widen, 32 * widen, 64 * widen
        self.stem = conv3x3(n_channels, widths[0])
        self.stages = stages_of(widths, (depth - 4) // 6, dropout)
        self.norm = nn.Sequential(nn.BatchNorm2d(widths[-1]), nn.ReLU())
        self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.head = nn.Linear(widths[-1], n_classes)

    def forward(self, X):
        return self.head(self.pool(self.norm(self.stages(self.stem(X)))))


class AllConvNet(nn.Module):
    """Four layers of convolutions for images of 28 x 28, as the influence paper has.

    The last one covers the 4 x 4 positions that are left and is written as the plain
    ``nn.Linear`` that it equals, which influence looks at. The paper's widths are in a
    supplement that is not public.
    """

    def __init__(self, n_channels, n_classes, widths=(32, 64, 32)):
        super().__init__()
        layers = []
        for n_in, n_out in pairwise([n_channels, *widths]):
            convolution = nn.Conv2d(n_in, n_out, 3, stride=2, padding=1, bias=False)
            layers += [convolution, nn.BatchNorm2d(n_out), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Flatten())
        self.head = nn.Linear(16 * widths[-1], n_classes)

    def forward(self, X):
        return self.head(self.layers(X))
