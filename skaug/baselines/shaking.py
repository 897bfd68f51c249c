r"""Blocks with noise: the backward pass has other random weights than the forward pass.

A tensor that counts :math:`f h` in the forward pass and has the gradient b is
:math:`b h + \mathrm{detach}(f h - b h)`. All weights are drawn for each row. In
evaluation mode the weights are their means.

References
----------
.. [1] X. Gastaldi, "Shake-Shake regularization", arXiv:1705.07485.
.. [2] Y. Yamada et al., "ShakeDrop Regularization for Deep Residual Learning",
   IEEE Access 7, 2019.
.. [3] D. Han, J. Kim, J. Kim, "Deep Pyramidal Residual Networks", CVPR 2017.
"""

import torch
from torch import nn
from torch.nn import functional as F

from skaug.baselines.blocks import convolution

__all__ = ["PyramidBlock", "ShakeDrop", "ShakeShakeBlock"]


def weighted(h, forward, backward):
    """The value ``forward * h``, whose gradient is `backward`."""
    return backward * h + ((forward - backward) * h).detach()


def uniform(h, low=0.0, high=1.0):
    """A number between the limits for each row of h, of shape (n, 1, 1, 1)."""
    return torch.empty_like(h[:, :1, :1, :1]).uniform_(low, high)


class ShakeShakeBlock(nn.Module):
    """Two branches, weighted by random shares that sum to 1, beside a shortcut [1]_."""

    def __init__(self, n_in, n_out, stride):
        super().__init__()
        self.branch1, self.branch2 = (
            nn.Sequential(
                nn.ReLU(),
                convolution(n_in, n_out, stride=stride),
                nn.BatchNorm2d(n_out),
                nn.ReLU(),
                convolution(n_out, n_out),
                nn.BatchNorm2d(n_out),
            )
            for _ in range(2)
        )
        self.shortcut = nn.Identity()
        if stride != 1 or n_in != n_out:
            self.shortcut = _ShiftedShortcut(n_in, n_out, stride)

    def forward(self, X):
        """Map (n, n_in, height, width) to (n, n_out, height, width) / stride."""
        a, b = self.branch1(X), self.branch2(X)
        if self.training:
            mixed = b + weighted(a - b, uniform(a), uniform(a))
        else:
            mixed = (a + b) / 2
        return mixed + self.shortcut(X)


class _ShiftedShortcut(nn.Module):
    """Half of the channels from every second pixel, half from the pixels between."""

    def __init__(self, n_in, n_out, stride):
        super().__init__()
        self.stride = stride
        self.conv1 = convolution(n_in, n_out // 2, size=1)
        self.conv2 = convolution(n_in, n_out - n_out // 2, size=1)
        self.norm = nn.BatchNorm2d(n_out)

    def forward(self, X):
        """Map (n, n_in, height, width) to (n, n_out, height, width) / stride."""
        h, step = torch.relu(X), self.stride
        shifted = F.pad(h, (1, -1, 1, -1))
        halves = (
            self.conv1(h[..., ::step, ::step]),
            self.conv2(shifted[..., ::step, ::step]),
        )
        return self.norm(torch.cat(halves, dim=1))


class ShakeDrop(nn.Module):
    """Weaken or invert the branch of a residual block at random [2]_."""

    # A row keeps its branch with probability `keep`. If it does not, the branch counts
    # alpha ~ U[-1, 1] times in the forward pass, and its gradient beta ~ U[0, 1] times.
    # The mean of the former factors is `keep`.
    def __init__(self, keep):
        super().__init__()
        self.keep = keep

    def forward(self, h):
        """Map (n, n_channels, height, width) to the same shape."""
        if not self.training or self.keep == 1:
            return self.keep * h
        is_kept = uniform(h) < self.keep
        alpha, beta = uniform(h, -1.0, 1.0), uniform(h)
        return weighted(h, alpha.masked_fill(is_kept, 1), beta.masked_fill(is_kept, 1))

    def extra_repr(self):
        """Show the probability in the printed network."""
        return f"keep={self.keep:.3g}"


class PyramidBlock(nn.Module):
    """A bottleneck of PyramidNet [3]_ with ShakeDrop, beside a plain shortcut."""

    # The shortcut has no weights: it is filled up with channels of zeros.
    def __init__(self, n_in, n_out, stride, keep):
        super().__init__()
        width = n_out // 4
        self.branch = nn.Sequential(
            nn.BatchNorm2d(n_in),
            convolution(n_in, width, size=1),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            convolution(width, width, stride=stride),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            convolution(width, n_out, size=1),
            nn.BatchNorm2d(n_out),
            ShakeDrop(keep),
        )
        self.n_new = n_out - n_in
        self.pool = nn.Identity()
        if stride != 1:
            self.pool = nn.AvgPool2d(stride, ceil_mode=True)

    def forward(self, X):
        """Map (n, n_in, height, width) to (n, n_out, height, width) / stride."""
        return self.branch(X) + F.pad(self.pool(X), (0, 0, 0, 0, 0, self.n_new))
