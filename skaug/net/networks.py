"""Networks used when no module is given: for tables, for signals, for images.

Each is a chain ``input_norm -> blocks -> head``: the input is standardised by a
batch normalisation that averages over everything it has seen, ``blocks`` is the
sequence of levels, and ``head`` is the ``nn.Linear`` whose input the project calls
*features*. Blocks pool before they normalise, which leaves a half or a quarter of the
work to what follows. Any other ``torch.nn.Module`` ending in an ``nn.Linear`` serves
as well. The variational autoencoder that makes new features comes last.
"""

from itertools import pairwise

import torch
from torch import nn

__all__ = ["MLP", "ConvNet", "SignalNet"]


def _input_norm(batch_norm, n_inputs):
    # momentum=None averages all batches with equal weight: exact from the first step
    # on, where the usual exponential average would start from mean 0 and variance 1.
    return batch_norm(n_inputs, affine=False, momentum=None)


class MLP(nn.Module):
    """Fully connected network for tables.

    Parameters
    ----------
    n_features : int
        Width of a row.
    n_classes : int
        Number of outputs.
    hidden : sequence of int, default=(256, 128)
        Width of each hidden block; the last one is the dimension of the features.
    dropout : float, default=0.0
        Share of activations dropped after each hidden block. It adds noise to the
        features, which ISDA takes for variation within the class.

    Examples
    --------
    >>> import torch
    >>> from skaug.net import MLP
    >>> MLP(n_features=20, n_classes=3)(torch.zeros(5, 20)).shape
    torch.Size([5, 3])
    """

    def __init__(self, n_features, n_classes, hidden=(256, 128), dropout=0.0):
        super().__init__()
        self.input_norm = _input_norm(nn.BatchNorm1d, n_features)
        widths = [n_features, *hidden]
        self.blocks = nn.Sequential(
            *(
                nn.Sequential(
                    nn.Linear(n_in, n_out, bias=False),
                    nn.BatchNorm1d(n_out),
                    nn.ReLU(),
                    nn.Dropout(dropout),
                )
                for n_in, n_out in pairwise(widths)
            )
        )
        self.head = nn.Linear(widths[-1], n_classes)

    def forward(self, X):
        """Map rows (batch, n_features) to logits (batch, n_classes)."""
        return self.head(self.blocks(self.input_norm(X)))


class SignalNet(nn.Module):
    """Convolutional network over time for multi-channel signals of any length.

    Parameters
    ----------
    n_channels : int
        Number of sensor channels.
    n_classes : int
        Number of outputs.
    widths : sequence of int, default=(32, 64, 128)
        Channels of each block; every block halves the time axis, and the last width
        is the dimension of the features.
    kernel_size : int, default=5
        Length of the filters, in samples.
    dropout : float, default=0.0
        Share of features dropped before the last layer. ISDA takes this noise for
        variation within the class.

    Examples
    --------
    >>> import torch
    >>> from skaug.net import SignalNet
    >>> SignalNet(n_channels=9, n_classes=6)(torch.zeros(5, 9, 128)).shape
    torch.Size([5, 6])
    """

    def __init__(
        self, n_channels, n_classes, widths=(32, 64, 128), kernel_size=5, dropout=0.0
    ):
        super().__init__()
        self.input_norm = _input_norm(nn.BatchNorm1d, n_channels)
        ends = [n_channels, *widths]
        self.blocks = nn.Sequential(
            *(
                nn.Sequential(
                    nn.Conv1d(n_in, n_out, kernel_size, padding="same", bias=False),
                    nn.MaxPool1d(2, ceil_mode=True),
                    nn.BatchNorm1d(n_out),
                    nn.ReLU(),
                )
                for n_in, n_out in pairwise(ends)
            )
        )
        self.pool = nn.Sequential(
            nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Dropout(dropout)
        )
        self.head = nn.Linear(ends[-1], n_classes)

    def forward(self, X):
        """Map signals (batch, n_channels, time) to logits (batch, n_classes)."""
        return self.head(self.pool(self.blocks(self.input_norm(X))))


class ConvNet(nn.Module):
    """Small convolutional network for images of any size.

    Parameters
    ----------
    n_channels : int
        Number of colour channels.
    n_classes : int
        Number of outputs.
    widths : sequence of int, default=(32, 64, 128)
        Channels of each block; every block halves height and width, and the last
        width is the dimension of the features.
    dropout : float, default=0.0
        Share of features dropped before the last layer. ISDA takes this noise for
        variation within the class.

    Examples
    --------
    >>> import torch
    >>> from skaug.net import ConvNet
    >>> ConvNet(n_channels=3, n_classes=10)(torch.zeros(5, 3, 32, 32)).shape
    torch.Size([5, 10])
    """

    def __init__(self, n_channels, n_classes, widths=(32, 64, 128), dropout=0.0):
        super().__init__()
        self.input_norm = _input_norm(nn.BatchNorm2d, n_channels)
        ends = [n_channels, *widths]
        self.blocks = nn.Sequential(
            *(
                nn.Sequential(
                    nn.Conv2d(n_in, n_out, 3, padding=1, bias=False),
                    nn.MaxPool2d(2, ceil_mode=True),
                    nn.BatchNorm2d(n_out),
                    nn.ReLU(),
                )
                for n_in, n_out in pairwise(ends)
            )
        )
        self.pool = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout)
        )
        self.head = nn.Linear(ends[-1], n_classes)
        # Twice as fast on CPUs, and no slower on GPUs.
        self.to(memory_format=torch.channels_last)

    def forward(self, X):
        """Map images (batch, n_channels, height, width) to logits."""
        return self.head(self.pool(self.blocks(self.input_norm(X))))
