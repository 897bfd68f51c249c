"""Layers of the augmentation network: encoder and generator, for any shape of row.

Both have ``depth`` layers. Those of the encoder halve each axis until 4 positions are
left, and further ones keep them; those of the generator go back. Channels double with
the first two layers. Rows of a table have linear layers.
"""

import math
from itertools import pairwise

from torch import nn

__all__ = ["FieldGenerator", "encoder"]

# Convolutions there and back by the number of axes of a row.
CONVOLUTIONS = {1: (nn.Conv1d, nn.ConvTranspose1d), 2: (nn.Conv2d, nn.ConvTranspose2d)}
# Axes of this length are not halved further.
SHORTEST = 4


def encoder(shape, n_outputs, depth, width):
    """Network that maps rows of a shape to vectors of length n_outputs."""
    if len(shape) == 1:
        sizes = [shape[0], *[4 * width] * depth]
        hidden = [(nn.Linear(*ends), nn.ReLU()) for ends in pairwise(sizes)]
        return nn.Sequential(*sum(hidden, ()), nn.Linear(sizes[-1], n_outputs))
    convolution, _ = CONVOLUTIONS[len(shape) - 1]
    channels, axes, layers = _channels(depth, width), shape[1:], []
    for n_in, n_out in pairwise([shape[0], *channels]):
        strides, axes = _halved(axes)
        layers += [convolution(n_in, n_out, 3, strides, padding=1), nn.LeakyReLU(0.2)]
    last = nn.Linear(channels[-1] * math.prod(axes), n_outputs)
    return nn.Sequential(*layers, nn.Flatten(), last)


class FieldGenerator(nn.Module):
    """Generator G: fields of changes, (n, size, *axes) each, from codes.

    Parameters
    ----------
    shape : tuple of int
        Shape of a row, channels first.
    sizes : dict of str to tuple of int
        Numbers of channels of the fields of each branch.
    code_dim, depth, width : int
        As for :class:`~skaug.influence.AugmentationNetwork`.
    """

    def __init__(self, shape, sizes, code_dim, depth, width):
        super().__init__()
        self.shape, self.sizes = shape, sizes
        n_outputs = sum(sum(parts) for parts in sizes.values())
        if len(shape) == 1:
            ends = pairwise([code_dim, *[4 * width] * depth])
            hidden = [
                (nn.Linear(*end), nn.LayerNorm(end[1]), nn.ReLU()) for end in ends
            ]
            self.hidden = nn.Sequential(*sum(hidden, ()))
            self.last = nn.Linear(4 * width, n_outputs)
        else:
            convolution, _ = CONVOLUTIONS[len(shape) - 1]
            self.hidden = _upward(shape, code_dim, depth, width)
            self.last = convolution(width, n_outputs, 1)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, code):
        """The fields of each branch, cut to the axes of the rows."""
        output = self.last(self.hidden(code))
        for axis, length in enumerate(self.shape[1:], start=2):
            output = output.narrow(axis, 0, length)
        fields = {}
        for branch, parts in self.sizes.items():
            total = sum(parts)
            fields[branch] = output[:, :total].split(parts, dim=1)
            output = output[:, total:]
        return fields


def _upward(shape, code_dim, depth, width):
    """Transposed convolutions from a code to ``width`` channels at each position."""
    _, transposed = CONVOLUTIONS[len(shape) - 1]
    channels, axes, all_strides = _channels(depth, width), shape[1:], []
    for _ in channels:
        strides, axes = _halved(axes)
        all_strides.append(strides)
    n_small = channels[-1] * math.prod(axes)
    layers = [
        nn.Linear(code_dim, n_small),
        nn.Unflatten(1, (channels[-1], *axes)),
        nn.GroupNorm(1, channels[-1]),
        nn.ReLU(),
    ]
    ends = pairwise([*reversed(channels), width])
    for (n_in, n_out), strides in zip(ends, reversed(all_strides)):
        sizes = [2 + stride for stride in strides]
        layers += [
            transposed(n_in, n_out, sizes, strides, padding=1),
            nn.GroupNorm(1, n_out),
            nn.ReLU(),
        ]
    return nn.Sequential(*layers)


def _channels(depth, width):
    return [width * min(2**layer, 4) for layer in range(depth)]


def _halved(axes):
    """Strides that halve axes that are not short, and the axes that they leave."""
    strides = [2 if n > SHORTEST else 1 for n in axes]
    return strides, [math.ceil(n / stride) for n, stride in zip(axes, strides)]
