r"""The augmentation network: the change of a row is computed from the row.

An encoder E maps a row x to a code :math:`\tau`. Half of the numbers of the code are
dropped at random, in training and afterwards, so that a row has many views. A generator
G maps the code to a field of small changes (Section 4 of the paper). With positions u
in [-1, 1] along each axis,

.. math::
    s(u) = u + A(u)\, u + b(u), \qquad
    \tilde x(u) = x(s(u)) + W(u)\, x(s(u)) + c(u),

the *spatial* branch (A, b) determines where to look, and the *appearance* branch (W,
c), a filter of size 1, mixes channels, in standard units. Fields are smoothed by
average pooling. (The paper smooths s, which would move the identity at the border.) If
A and b are pooled over all positions, they are an affine transformation. Signals have
one axis, which makes a time warp; tables have none, and W is diagonal. All outputs of G
are bounded here, since the objective is not bounded. The paper has no bounds.
"""

import math
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional

from skaug.net.input_norm import moments_of

__all__ = ["AugmentationNetwork", "Discriminator", "relativistic_losses", "warp"]

# Convolutions, batch normalisation apart, by the number of axes of a row.
CONVOLUTIONS = {1: (nn.Conv1d, nn.ConvTranspose1d), 2: (nn.Conv2d, nn.ConvTranspose2d)}


def warp(X, positions):
    """Interpolate rows (n, channels, ...) at positions (n, ..., n_axes) in [-1, 1]."""
    # Edges are at -1 and 1; positions outside take the nearest edge.
    if X.ndim == 3:  # a signal is an image one pixel high
        positions = torch.cat([torch.zeros_like(positions), positions], dim=-1)
        return warp(X[:, :, None], positions[:, None])[:, :, 0]
    return functional.grid_sample(
        X, positions.flip(-1), padding_mode="border", align_corners=False
    )


def own_positions(X):
    """Positions of the pixels or samples of X, (1, *axes, n_axes), from -1 to 1."""
    axes = [(2 * torch.arange(n, device=X.device) + 1) / n - 1 for n in X.shape[2:]]
    return torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1)[None].to(X.dtype)


def relativistic_losses(real, fake):
    """Losses of discriminator and generator in a GAN, from their logits (n,) each."""
    real, fake = real - fake.mean(), fake - real.mean()

    def loss(a, b):
        # 2 log 2 if all logits are the same
        return functional.softplus(-a).mean() + functional.softplus(b).mean()

    return loss(real, fake), loss(fake, real)


class AugmentationNetwork(nn.Module):
    """Encoder and generator of the paper, for images, signals and tables.

    Parameters
    ----------
    X : torch.Tensor of shape (n, ...)
        Training rows, which set shapes and the units of the channels.
    branches : {"both", "spatial", "appearance"}, default="both"
        What G changes. Tables have no axes, and have "appearance" only; images of one
        channel have no colour, and have "spatial" only, as in the paper.
    combination : {"parallel", "serial"}, default="parallel"
        Whether one encoder and generator, shared by the branches, make all fields from
        the row, or a second pair makes those of appearance from the warped row.
    bound : float, default=0.05
        Largest entry of A, b (half an axis is 1), W, and c in standard deviations of
        the channel.
    pooling : int or "global", default=4
        Length of the average pooling that smooths the fields; "global" makes the
        spatial branch affine.
    code_dim : int, default=128
        Length of the code.
    dropout : float, default=0.5
        Share of the code that is dropped, always.
    widths : sequence of int, default=(32, 64, 128)
        Channels of the convolutions of E, each of which halves the axes; G goes back.

    Notes
    -----
    The last layers of G are 0 at first, so that the network starts as the identity.

    Examples
    --------
    >>> import torch
    >>> from skaug.influence import AugmentationNetwork
    >>> X = torch.randn(4, 3, 32, 32)
    >>> network = AugmentationNetwork(X)
    >>> bool(torch.allclose(network(X), X, atol=1e-5))
    True
    """

    def __init__(
        self,
        X,
        *,
        branches="both",
        combination="parallel",
        bound=0.05,
        pooling=4,
        code_dim=128,
        dropout=0.5,
        widths=(32, 64, 128),
    ):
        super().__init__()
        n_axes = X.ndim - 2
        shape = (1, X.shape[1], *[1] * n_axes)
        _, mean, deviation = moments_of(X)
        self.register_buffer("mean", mean.view(shape))
        deviation = torch.where(deviation > 0, deviation, torch.ones_like(deviation))
        self.register_buffer("scale", deviation.view(shape))
        self.bound, self.pooling, self.dropout = bound, pooling, dropout
        possible = {"spatial", "appearance"}
        if n_axes == 0:
            possible = {"appearance"}
        elif n_axes == 2 and X.shape[1] == 1:
            possible = {"spatial"}
        if branches != "both" and branches not in possible:
            raise ValueError(
                "AugmentationNetwork needs branches='both' for rows of shape "
                f"{tuple(X.shape[1:])}; got {branches!r}. Tables have no axes to warp, "
                "grey images no colours to mix."
            )
        c = X.shape[1]
        # Numbers of channels of A, b, W and c.
        sizes = {
            "spatial": (n_axes**2, n_axes),
            "appearance": (c * c if n_axes else c, c),
        }
        kept = [
            name for name in sizes if name in possible and branches in (name, "both")
        ]
        groups = [kept] if combination == "parallel" else [[branch] for branch in kept]
        self.branches = kept
        self.stages = nn.ModuleList(
            _Fields(X.shape[1:], {b: sizes[b] for b in group}, code_dim, widths)
            for group in groups
        )

    def forward(self, X):
        """A view of each row; each call drops other parts of the code."""
        for stage in self.stages:
            X = self._change(X, stage, self.encode(X, stage))
        return X

    def encode(self, X, stage=None):
        """Codes (n, code_dim) of rows, of the first stage by default, parts dropped."""
        stage = self.stages[0] if stage is None else stage
        code = stage.encoder(self.in_standard_units(X))
        return functional.dropout(code, self.dropout)

    def in_standard_units(self, X):
        """Rows as networks read them: by channel, in float32 if rows are in float64."""
        return ((X - self.mean) / self.scale).float()

    def decode(self, X, code):
        """Views of rows under given codes, of the first stage."""
        return self._change(X, self.stages[0], code)

    def _change(self, X, stage, code):
        fields = {
            branch: [
                self.bound * torch.tanh(self._smooth(field)).to(X.dtype)
                for field in parts
            ]
            for branch, parts in stage.fields(code).items()
        }
        if "spatial" in fields:
            X = self._warped(X, *fields["spatial"])
        if "appearance" in fields:
            X = self._filtered(X, *fields["appearance"])
        return X

    def _smooth(self, field):
        """Average the field over a window at each position, or over all of them."""
        n_axes = field.ndim - 2
        if n_axes == 0:
            return field
        axes = list(range(2, field.ndim))
        if self.pooling == "global":
            return field.mean(dim=axes, keepdim=True).expand_as(field)
        before, after = (self.pooling - 1) // 2, self.pooling // 2
        padded = functional.pad(field, [before, after] * n_axes, mode="replicate")
        pool = functional.avg_pool1d if n_axes == 1 else functional.avg_pool2d
        return pool(padded, self.pooling, stride=1)

    def _warped(self, X, A, b):
        u = own_positions(X)
        n_axes = X.ndim - 2
        A = A.movedim(1, -1).unflatten(-1, (n_axes, n_axes))
        b = b.movedim(1, -1)
        change = (A @ u[..., None])[..., 0] + b
        # Interpolation would be the identity up to rounding only.
        if not change.requires_grad and not change.any():
            return X
        return warp(X, u + change)

    def _filtered(self, X, W, c):
        x = (X - self.mean) / self.scale
        if X.ndim == 2:
            return X + self.scale * (W * x + c)
        n_channels = X.shape[1]
        W = W.unflatten(1, (n_channels, n_channels))
        return X + self.scale * (torch.einsum("noc...,nc...->no...", W, x) + c)


class _Fields(nn.Module):
    """One encoder, and one generator with a last layer for each field."""

    def __init__(self, shape, sizes, code_dim, widths):
        super().__init__()
        n_axes = len(shape) - 1
        self.shape, self.sizes = shape, sizes
        self.encoder = _encoder(shape, code_dim, widths)
        n_outputs = sum(sum(parts) for parts in sizes.values())
        if n_axes == 0:
            self.generator = nn.Sequential(nn.Linear(code_dim, 128), nn.ReLU())
            self.last = nn.Linear(128, n_outputs)
        else:
            convolution, transposed = CONVOLUTIONS[n_axes]
            small = [math.ceil(n / 2 ** len(widths)) for n in shape[1:]]
            layers = [
                nn.Linear(code_dim, widths[-1] * math.prod(small)),
                nn.Unflatten(1, (widths[-1], *small)),
                nn.ReLU(),
            ]
            for n_in, n_out in pairwise([*reversed(widths), widths[0]]):
                layers += [transposed(n_in, n_out, 4, stride=2, padding=1), nn.ReLU()]
            self.generator = nn.Sequential(*layers)
            self.last = convolution(widths[0], n_outputs, 1)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def fields(self, code):
        """The fields of each branch, (n, size, *axes), cut to the axes of the rows."""
        output = self.last(self.generator(code))
        for axis, length in enumerate(self.shape[1:], start=2):
            output = output.narrow(axis, 0, length)
        fields = {}
        for branch, parts in self.sizes.items():
            total = sum(parts)
            fields[branch] = output[:, :total].split(parts, dim=1)
            output = output[:, total:]
        return fields


def _encoder(shape, n_outputs, widths):
    if len(shape) == 1:
        return nn.Sequential(
            nn.Linear(shape[0], 128), nn.ReLU(), nn.Linear(128, n_outputs)
        )
    convolution, _ = CONVOLUTIONS[len(shape) - 1]
    layers = []
    for n_in, n_out in pairwise([shape[0], *widths]):
        layers += [convolution(n_in, n_out, 3, stride=2, padding=1), nn.LeakyReLU(0.2)]
    small = math.prod(math.ceil(n / 2 ** len(widths)) for n in shape[1:])
    return nn.Sequential(
        *layers, nn.Flatten(), nn.Linear(widths[-1] * small, n_outputs)
    )


class Discriminator(nn.Module):
    """Distinguish real rows from made ones, by the row and by its features."""

    def __init__(self, X, n_features, widths=(32, 64, 128)):
        super().__init__()
        self.of_rows = _encoder(X.shape[1:], 1, widths)
        self.of_features = nn.Linear(n_features, 1)

    def forward(self, X, features):
        """Two logits per row, (n,) each."""
        return self.of_rows(X)[:, 0], self.of_features(features)[:, 0]
