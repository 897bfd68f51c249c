"""The networks used when no module is given: for tables, for signals, for images.

Each network is a chain ``input_norm -> blocks -> head``. ``input_norm`` standardises
the input by the statistics of the training rows. ``blocks`` is the sequence of levels.
``head`` is the ``nn.Linear`` whose input the project calls *features*. The
convolutional blocks pool before they normalise, so that the layers after the pooling do
a half or a quarter of the work. Any other ``torch.nn.Module`` that ends in an
``nn.Linear`` serves as well.
"""

from itertools import pairwise

import torch
from torch import nn

from skaug.net.input_norm import InputNorm

__all__ = ["MLP", "ConvNet", "SignalNet"]


class MLP(nn.Module):
    """Fully connected network for tables.

    Parameters
    ----------
    n_features : int
        Width of a row.
    n_classes : int
        Number of outputs.
    hidden : sequence of int, default=(256, 128)
        Width of each hidden block. The last width is the dimension of the features.
    dropout : float, default=0.0
        Share of activations dropped after each hidden block. Dropout adds noise to the
        features; ISDA takes this noise for variation within the class.

    Examples
    --------
    >>> import torch
    >>> from skaug.net import MLP
    >>> MLP(n_features=20, n_classes=3)(torch.zeros(5, 20)).shape
    torch.Size([5, 3])
    """

    def __init__(self, n_features, n_classes, hidden=(256, 128), dropout=0.0):
        super().__init__()
        self.input_norm = InputNorm(n_features)
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


class _ConvolutionalNet(nn.Module):
    """What SignalNet and ConvNet share: all but the kinds of layers."""

    def __init__(self, layers, n_channels, n_classes, widths, dropout, **convolution):
        super().__init__()
        convolve, max_pool, batch_norm, average_pool = layers
        self.input_norm = InputNorm(n_channels)
        ends = [n_channels, *widths]
        self.blocks = nn.Sequential(
            *(
                nn.Sequential(
                    convolve(n_in, n_out, bias=False, **convolution),
                    max_pool(2, ceil_mode=True),
                    batch_norm(n_out),
                    nn.ReLU(),
                )
                for n_in, n_out in pairwise(ends)
            )
        )
        self.pool = nn.Sequential(average_pool(1), nn.Flatten(), nn.Dropout(dropout))
        self.head = nn.Linear(ends[-1], n_classes)

    def forward(self, X):
        """Map rows of shape (batch, n_channels, ...) to logits (batch, n_classes)."""
        return self.head(self.pool(self.blocks(self.input_norm(X))))


class SignalNet(_ConvolutionalNet):
    """Convolutional network over time for multi-channel signals of any length.

    Parameters
    ----------
    n_channels : int
        Number of sensor channels.
    n_classes : int
        Number of outputs.
    widths : sequence of int, default=(32, 64, 128)
        Channels of each block. Every block halves the time axis. The last width is
        the dimension of the features.
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
        layers = nn.Conv1d, nn.MaxPool1d, nn.BatchNorm1d, nn.AdaptiveAvgPool1d
        convolution = {"kernel_size": kernel_size, "padding": "same"}
        super().__init__(layers, n_channels, n_classes, widths, dropout, **convolution)


class ConvNet(_ConvolutionalNet):
    """Small convolutional network for images of any size.

    Parameters
    ----------
    n_channels : int
        Number of colour channels.
    n_classes : int
        Number of outputs.
    widths : sequence of int, default=(32, 64, 128)
        Channels of each block. Every block halves height and width. The last width is
        the dimension of the features.
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
        layers = nn.Conv2d, nn.MaxPool2d, nn.BatchNorm2d, nn.AdaptiveAvgPool2d
        convolution = {"kernel_size": 3, "padding": 1}
        super().__init__(layers, n_channels, n_classes, widths, dropout, **convolution)
        # This layout is twice as fast on CPUs, and no slower on GPUs.
        self.to(memory_format=torch.channels_last)
