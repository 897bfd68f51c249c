"""Small networks of GANs: for images, convolutions as in DCGAN; for tables, layers.

Rows are in [-1, 1]. Discriminators have no batch normalisation: the gradient penalty of
a Wasserstein GAN needs a slope for each row by itself.

References
----------
.. [1] A. Radford, L. Metz, S. Chintala, "Unsupervised Representation Learning with Deep
   Convolutional Generative Adversarial Networks", ICLR 2016.
"""

import math
from itertools import pairwise

import torch
from torch import nn

__all__ = ["Discriminator", "RowGenerator", "ToldGenerator"]


def _channels(shape, width):
    """Channels of the levels from the image inwards; the last has about 4 x 4."""
    n_levels = max(1, math.ceil(math.log2(max(shape[1:]) / 4)))
    return [width * 2**level for level in range(n_levels)]


class RowGenerator(nn.Module):
    """Make rows of noise and of what is told.

    Parameters
    ----------
    n_inputs : int
        Numbers that a row is made of.
    shape : tuple of int
        Shape of a row: (channels, height, width) or (n_features,).
    width : int
        Channels of the level next to the image; a table has layers of four times as
        many units.
    """

    def __init__(self, n_inputs, shape, width):
        super().__init__()
        self.shape = tuple(shape)
        if len(shape) == 1:
            layers = []
            for n_in, n_out in pairwise([n_inputs, 4 * width, 4 * width]):
                layers += [nn.Linear(n_in, n_out), nn.BatchNorm1d(n_out), nn.ReLU()]
            layers.append(nn.Linear(4 * width, *shape))
        else:
            channels = [shape[0], *_channels(shape, width)][::-1]
            scale = 2 ** (len(channels) - 1)
            start = channels[0], *(math.ceil(n / scale) for n in shape[1:])
            layers = [nn.Linear(n_inputs, math.prod(start)), nn.Unflatten(1, start)]
            for n_in, n_out in pairwise(channels):
                layers += [nn.BatchNorm2d(n_in), nn.ReLU()]
                layers += [nn.ConvTranspose2d(n_in, n_out, 4, stride=2, padding=1)]
        self.layers = nn.Sequential(*layers, nn.Tanh())

    def forward(self, inputs):
        """Map (n, n_inputs) to rows (n, ...)."""
        rows = self.layers(inputs)
        # Axes that cannot be halved so often come out too long.
        return rows if rows.ndim == 2 else rows[..., : self.shape[1], : self.shape[2]]


class ToldGenerator(nn.Module):
    """Make rows of noise alone, in the units of the rows that a GAN was trained on.

    Parameters
    ----------
    generator : RowGenerator
        Makes rows in [-1, 1].
    latent_dim : int
        Numbers of noise.
    told : torch.Tensor of shape (1, n_told)
        What it is told beside the noise.
    centre, half_range : ndarray
        Units of the channels.
    shape : tuple of int
        Shape of a row.
    """

    def __init__(self, generator, latent_dim, told, centre, half_range, shape):
        super().__init__()
        self.generator = generator
        self.latent_dim = latent_dim
        self.shape = shape
        weight = next(generator.parameters())
        numbers = {"told": told, "centre": centre, "half_range": half_range}
        for name, values in numbers.items():
            self.register_buffer(name, torch.as_tensor(values).to(weight))

    def forward(self, noise):
        """Map noise (n, latent_dim) to rows (n, ...)."""
        if noise.shape[1:] != (self.latent_dim,):
            raise ValueError(
                f"{type(self).__name__} needs noise of shape (n, {self.latent_dim}); "
                f"got {tuple(noise.shape)}. Set latent_dim={self.latent_dim}, as that "
                "of the GAN."
            )
        inputs = torch.cat([noise, self.told.expand(len(noise), -1)], dim=1)
        rows = self.generator(inputs).reshape(-1, *self.shape)
        return self.centre + self.half_range * rows


class Discriminator(nn.Module):
    """Judge rows.

    Parameters
    ----------
    shape : tuple of int
        Shape of a row, as for :class:`RowGenerator`.
    n_outputs : int
        Numbers that are put out for a row.
    width : int
        As for :class:`RowGenerator`.
    """

    def __init__(self, shape, n_outputs, width):
        super().__init__()
        if len(shape) == 1:
            sizes, last = [*shape, 4 * width, 4 * width], 4 * width
            layers = [nn.Linear(*ends) for ends in pairwise(sizes)]
        else:
            channels = [shape[0], *_channels(shape, width)]
            scale = 2 ** (len(channels) - 1)
            last = channels[-1] * math.prod(math.ceil(n / scale) for n in shape[1:])
            layers = [
                nn.Conv2d(*ends, 3, stride=2, padding=1) for ends in pairwise(channels)
            ]
        slopes = [nn.LeakyReLU(0.2) for _ in layers]
        body = [layer for pair in zip(layers, slopes) for layer in pair]
        self.layers = nn.Sequential(*body, nn.Flatten(), nn.Linear(last, n_outputs))

    def forward(self, rows):
        """Map rows (n, ...) to numbers (n, n_outputs)."""
        return self.layers(rows)
