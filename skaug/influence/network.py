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

The numbers of a code have mean 0 and variance 1 before half of them are dropped. If
they were small, as at the start of training, dropping them would change nothing, and a
row would have one view.
"""

import torch
from sklearn.utils import Bunch
from torch import nn
from torch.nn import functional

from skaug.influence.network_layers import FieldGenerator, encoder
from skaug.net.input_norm import moments_of

__all__ = ["AugmentationNetwork", "warp"]


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


class AugmentationNetwork(nn.Module):
    """Encoder and generator of the paper, for images, signals and tables.

    Parameters
    ----------
    X : torch.Tensor of shape (n, ...)
        Training rows, which set shapes and the units of the channels.
    branches : {"both", "spatial", "appearance"}, default="both"
        What G changes. Tables have no axes, and have "appearance" only. Grey images
        have "spatial" only by default, as in the paper; their "appearance" is
        brightness and contrast.
    combination : {"parallel", "serial"}, default="parallel"
        Whether one encoder and generator, shared by the branches, make all fields from
        the row, or a second pair makes those of appearance from the warped row.
    bound : float, default=0.3
        Largest entry of A, b (half an axis is 1), W, and c in standard deviations of
        the channel. The default is as wide as rotations by 15 degrees and shifts by an
        eighth of an axis.
    pooling : int, "auto" or "global", default="auto"
        Positions of the average pooling that smooths the fields. "auto" is a third of
        the longest axis: with a seventh, digits were hardly legible. "global" makes the
        spatial branch affine.
    code_dim : int, default=128
        Length of the code.
    dropout : float, default=0.5
        Share of the code that is dropped, always.
    depth : int, default=4
        Layers of E, each of which halves axes of more than 4 positions, and of G, which
        goes back. The paper has 4 for MNIST, 5 for CIFAR and 8 for ImageNet.
    width : int, default=16
        Channels of the first layer of E; the second has twice as many, and all others
        four times as many. The layers of tables have four times as many units.

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
        bound=0.3,
        pooling="auto",
        code_dim=128,
        dropout=0.5,
        depth=4,
        width=16,
    ):
        super().__init__()
        n_axes = X.ndim - 2
        shape = (1, X.shape[1], *[1] * n_axes)
        _, mean, deviation = moments_of(X)
        self.register_buffer("mean", mean.view(shape))
        deviation = torch.where(deviation > 0, deviation, torch.ones_like(deviation))
        self.register_buffer("scale", deviation.view(shape))
        self.bound, self.pooling, self.dropout = bound, pooling, dropout
        if pooling == "auto":
            self.pooling = max(1, max(X.shape[2:], default=1) // 3)
        c = X.shape[1]
        self.branches = ["spatial", "appearance"] if n_axes else ["appearance"]
        if branches != "both" and branches not in self.branches:
            raise ValueError(
                "AugmentationNetwork needs branches='both' for rows of shape "
                f"{tuple(X.shape[1:])}; got {branches!r}. Tables have no axes to warp."
            )
        if branches != "both":
            self.branches = [branches]
        elif n_axes == 2 and c == 1:
            self.branches = ["spatial"]
        # Numbers of channels of A, b, W and c.
        sizes = {
            "spatial": (n_axes**2, n_axes),
            "appearance": (c * c if n_axes else c, c),
        }
        groups = [self.branches]
        if combination == "serial":
            groups = [[branch] for branch in self.branches]
        self.stages = nn.ModuleList(
            _Stage(X.shape[1:], {b: sizes[b] for b in group}, code_dim, depth, width)
            for group in groups
        )

    def forward(self, X):
        """A view of each row; each call drops other parts of the code."""
        for stage in self.stages:
            X = self.parts(X, self.encode(X, stage), stage).view
        return X

    def encode(self, X, stage=None):
        """Codes (n, code_dim) of rows, of the first stage by default, parts dropped."""
        stage = self.stages[0] if stage is None else stage
        code = stage.encoder(self.in_standard_units(X))
        return functional.dropout(code, self.dropout)

    def in_standard_units(self, X):
        """Rows as networks read them: by channel, in float32 if rows are in float64."""
        return ((X - self.mean) / self.scale).float()

    def parts(self, X, code, stage=None):
        """What the branches make of rows under given codes.

        Parameters
        ----------
        X : torch.Tensor of shape (n, ...)
            Rows.
        code : torch.Tensor of shape (n, code_dim)
            Codes.
        stage : torch.nn.Module, default=None
            One of ``stages``; the first by default.

        Returns
        -------
        parts : Bunch
            ``shift`` (n, ..., n_axes), how far each position looks away from itself,
            and ``warped`` (n, ...), of the spatial branch; ``change`` (n, ...), what
            the filter adds, of the appearance branch; ``view`` (n, ...), the rows after
            all of it. What the stage does not have is ``None``.
        """
        stage = self.stages[0] if stage is None else stage
        fields = {
            branch: [
                self.bound * torch.tanh(self._smooth(field)).to(X.dtype)
                for field in parts
            ]
            for branch, parts in stage.fields(code).items()
        }
        parts = Bunch(shift=None, warped=None, change=None, view=X)
        if "spatial" in fields:
            parts.shift = _shift(X, *fields["spatial"])
            parts.warped = parts.view = _shifted(X, parts.shift)
        if "appearance" in fields:
            parts.change = self._filtered(parts.view, *fields["appearance"])
            parts.view = parts.view + parts.change
        return parts

    def _smooth(self, field):
        """Average the field over a window at each position, or over all of them."""
        n_axes = field.ndim - 2
        if n_axes == 0:
            return field
        axes = list(range(2, field.ndim))
        if self.pooling == "global":
            return field.mean(dim=axes, keepdim=True).expand_as(field)
        before, after = (self.pooling - 1) // 2, self.pooling // 2
        field = functional.pad(field, [before, after] * n_axes, mode="replicate")
        if n_axes == 1:
            return functional.avg_pool1d(field, self.pooling, stride=1)
        for window in ((self.pooling, 1), (1, self.pooling)):
            field = functional.avg_pool2d(field, window, stride=1)
        return field

    def _filtered(self, X, W, c):
        """What the filter adds to each position, in the units of the rows."""
        x = (X - self.mean) / self.scale
        if X.ndim == 2:
            return self.scale * (W * x + c)
        W = W.unflatten(1, (X.shape[1], X.shape[1]))
        return self.scale * (torch.einsum("noc...,nc...->no...", W, x) + c)


def _shift(X, A, b):
    """How far each position looks away from itself, (n, *axes, n_axes)."""
    n_axes = X.ndim - 2
    A = A.movedim(1, -1).unflatten(-1, (n_axes, n_axes))
    return (A @ own_positions(X)[..., None])[..., 0] + b.movedim(1, -1)


def _shifted(X, shift):
    # Interpolation would be the identity up to rounding only.
    if not shift.requires_grad and not shift.any():
        return X
    return warp(X, own_positions(X) + shift)


class _Stage(nn.Module):
    """One encoder, and one generator with a field for each change of the branches."""

    def __init__(self, shape, sizes, code_dim, depth, width):
        super().__init__()
        self.encoder = nn.Sequential(
            encoder(shape, code_dim, depth, width),
            nn.LayerNorm(code_dim, elementwise_affine=False),
        )
        self.fields = FieldGenerator(shape, sizes, code_dim, depth, width)
