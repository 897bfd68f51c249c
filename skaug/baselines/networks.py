"""The networks of the papers' tables, for images of any size and any number of classes.

All but one are a chain ``stem -> stages -> pool -> head``: ``stages.0``, ``stages.1``
... are their stages, of which all but the first halve height and width, and
``stages.0.0`` is the first block. ``head`` is a plain ``nn.Linear``. Convolutions start
as the papers' do, from normal numbers of variance 2 / (size² x channels out);
:class:`PreActResNet18` and :class:`AllConvNet` start as torch's layers do.
"""

from functools import partial
from itertools import count, pairwise
from math import prod

from torch import nn

from skaug.baselines.blocks import (
    PostActBlock,
    PreActBlock,
    basic_branch,
    bottleneck_branch,
    convolution,
    squeezed_branch,
    stages_of,
)
from skaug.baselines.dense import DenseLayer, Transition
from skaug.baselines.shaking import PyramidBlock, ShakeShakeBlock

__all__ = [
    "AllConvNet",
    "DenseNet",
    "PreActResNet18",
    "PyramidNet",
    "ResNeXt",
    "ResNet",
    "SEResNet",
    "ShakeShake",
    "WideResNet",
]


class _Staged(nn.Module):
    """What the networks of stages share; ``last`` are layers before the pooling."""

    def __init__(self, stem, stages, n_features, n_classes, last=()):
        super().__init__()
        self.stem, self.stages = stem, stages
        self.pool = nn.Sequential(*last, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.head = nn.Linear(n_features, n_classes)

    def forward(self, X):
        """Map images (batch, n_channels, height, width) to logits (batch, n_classes).

        Parameters
        ----------
        X : torch.Tensor of shape (batch, n_channels, height, width)
            Images.

        Returns
        -------
        logits : torch.Tensor of shape (batch, n_classes)
            Logits.
        """
        return self.head(self.pool(self.stages(self.stem(X))))

    def _start(self):
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(
                    layer.weight, mode="fan_out", nonlinearity="relu"
                )


def _n_blocks(network, depth, layers, rest):
    """Blocks of each stage of a network whose depth is ``layers * n + rest``."""
    n, left = divmod(depth - rest, layers)
    if left or n < 1:
        nearest = layers * max(n, 1) + rest
        raise ValueError(
            f"{type(network).__name__} needs a depth of {layers} n + {rest}; got "
            f"{depth}. Set depth={nearest} or {nearest + layers}."
        )
    return n


def _normed_stem(n_channels, width):
    """A convolution and its normalisation."""
    return nn.Sequential(convolution(n_channels, width), nn.BatchNorm2d(width))


class ResNet(_Staged):
    """Residual network for small images, such as ResNet-32, -56 and -110 [1]_.

    Where a stage begins, the shortcut is a convolution of 1 x 1, as in the code of
    ISDA. The paper fills up with zeros there, which has 2,752 weights less.

    Parameters
    ----------
    n_channels : int
        Number of colour channels.
    n_classes : int
        Number of outputs.
    depth : int, default=32
        Number of layers with weights, 6 n + 2 for n blocks in each stage.
    width : int, default=16
        Channels of the first stage. The last stage has four times as many, which are
        the features.
    dropout : float, default=0.0
        Share of activations dropped between the two convolutions of a block. ISDA's
        Table 4 has rows with 0.3.

    Raises
    ------
    ValueError
        If there is no network of that depth.

    References
    ----------
    .. [1] K. He et al., "Deep Residual Learning for Image Recognition", CVPR 2016.

    Examples
    --------
    >>> import torch
    >>> from skaug.baselines import ResNet
    >>> net = ResNet(n_channels=3, n_classes=10, depth=32)
    >>> net(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    """

    _branch = staticmethod(basic_branch)

    def __init__(self, n_channels, n_classes, depth=32, width=16, dropout=0.0):
        n_blocks = _n_blocks(self, depth, 6, 2)

        def block(n_in, n_out, stride):
            branch = self._branch(n_in, n_out, stride, dropout)
            return PostActBlock(branch, n_in, n_out, stride)

        stem = _normed_stem(n_channels, width).append(nn.ReLU())
        widths = [[width * 2**i] * n_blocks for i in range(3)]
        super().__init__(stem, stages_of(block, width, widths), 4 * width, n_classes)
        self._start()


class SEResNet(ResNet):
    """ResNet whose blocks weigh their channels: squeeze and excitation [1]_.

    The weights of c channels follow from their means over the image, by a layer of
    c / 16 units.

    Parameters
    ----------
    n_channels, n_classes : int
        Number of colour channels, and of outputs.
    depth : int, default=110
        Number of layers, 6 n + 2 for n blocks in each stage.
    width : int, default=16
        Channels of the first stage; the features are four times as many.
    dropout : float, default=0.0
        Share of activations dropped between the two convolutions of a block.

    Raises
    ------
    ValueError
        If there is no network of that depth.

    References
    ----------
    .. [1] J. Hu, L. Shen, G. Sun, "Squeeze-and-Excitation Networks", CVPR 2018.

    Examples
    --------
    >>> import torch
    >>> from skaug.baselines import SEResNet
    >>> net = SEResNet(n_channels=3, n_classes=10, depth=8)
    >>> net(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    """

    _branch = staticmethod(squeezed_branch)

    def __init__(self, n_channels, n_classes, depth=110, width=16, dropout=0.0):
        super().__init__(n_channels, n_classes, depth, width, dropout)


class WideResNet(_Staged):
    """Wide residual network, such as WRN-28-10 and WRN-16-8 [1]_.

    Parameters
    ----------
    n_channels, n_classes : int
        Number of colour channels, and of outputs.
    depth : int, default=28
        Number of layers, 6 n + 4 for n blocks in each stage.
    widen : int, default=10
        The stages have 16, 32 and 64 times as many channels; the last are the features.
    dropout : float, default=0.0
        Share of activations dropped between the two convolutions of a block. ISDA has
        0.3, and so has the paper of refinement with AutoAugment.

    Raises
    ------
    ValueError
        If there is no network of that depth.

    References
    ----------
    .. [1] S. Zagoruyko, N. Komodakis, "Wide Residual Networks", BMVC 2016.

    Examples
    --------
    >>> import torch
    >>> from skaug.baselines import WideResNet
    >>> net = WideResNet(n_channels=3, n_classes=10, depth=16, widen=1)
    >>> net(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    """

    def __init__(self, n_channels, n_classes, depth=28, widen=10, dropout=0.0):
        n_blocks = _n_blocks(self, depth, 6, 4)
        widths = [[16 * widen * 2**i] * n_blocks for i in range(3)]
        super().__init__(
            convolution(n_channels, 16),
            stages_of(partial(PreActBlock, dropout=dropout), 16, widths),
            64 * widen,
            n_classes,
            last=(nn.BatchNorm2d(64 * widen), nn.ReLU()),
        )
        self._start()


class PreActResNet18(_Staged):
    """PreActResNet-18 [1]_, as in the code of Manifold Mixup.

    That code leaves out the normalisation and ReLU that the paper has behind the last
    block, and so does this: 11,171,146 weights for 3 channels and 10 classes. The code
    of mixup has a normalisation behind the stem on top, 128 more.

    Parameters
    ----------
    n_channels, n_classes : int
        Number of colour channels, and of outputs.
    width : int, default=64
        Channels of the first of four stages; the features are eight times as many.

    References
    ----------
    .. [1] K. He et al., "Identity Mappings in Deep Residual Networks", ECCV 2016.

    Examples
    --------
    >>> import torch
    >>> from skaug.baselines import PreActResNet18
    >>> net = PreActResNet18(n_channels=3, n_classes=10, width=4)
    >>> net(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    """

    def __init__(self, n_channels, n_classes, width=64):
        stem = convolution(n_channels, width)
        widths = [[width * 2**i] * 2 for i in range(4)]
        stages = stages_of(PreActBlock, width, widths)
        super().__init__(stem, stages, 8 * width, n_classes)


class ResNeXt(_Staged):
    """ResNet of grouped bottlenecks, such as ResNeXt-29 8x64d [1]_.

    Parameters
    ----------
    n_channels, n_classes : int
        Number of colour channels, and of outputs.
    depth : int, default=29
        Number of layers, 9 n + 2 for n blocks in each stage.
    cardinality : int, default=8
        Groups of each convolution of 3 x 3.
    group_width : int, default=64
        Channels of each group in the first stage.
    width : int, default=64
        Channels of the stem. The stages end with 4, 8 and 16 times as many; the last
        are the features.

    Raises
    ------
    ValueError
        If there is no network of that depth.

    References
    ----------
    .. [1] S. Xie et al., "Aggregated Residual Transformations for Deep Neural
       Networks", CVPR 2017.

    Examples
    --------
    >>> import torch
    >>> from skaug.baselines import ResNeXt
    >>> net = ResNeXt(n_channels=3, n_classes=10, depth=11, group_width=1, width=4)
    >>> net(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    """

    def __init__(
        self, n_channels, n_classes, depth=29, cardinality=8, group_width=64, width=64
    ):
        n_blocks = _n_blocks(self, depth, 9, 2)

        def block(n_in, n_out, stride):
            inner = cardinality * group_width * n_out // (4 * width)
            branch = bottleneck_branch(n_in, n_out, stride, inner, cardinality)
            return PostActBlock(branch, n_in, n_out, stride)

        stem = _normed_stem(n_channels, width).append(nn.ReLU())
        widths = [[4 * width * 2**i] * n_blocks for i in range(3)]
        super().__init__(stem, stages_of(block, width, widths), 16 * width, n_classes)
        self._start()


class DenseNet(_Staged):
    """Densely connected network with bottlenecks and compression: DenseNet-BC [1]_.

    Parameters
    ----------
    n_channels, n_classes : int
        Number of colour channels, and of outputs.
    depth : int, default=100
        Number of layers, 6 n + 4 for n bottlenecks in each stage.
    growth : int, default=12
        Channels that each bottleneck adds; the stem has twice as many. The paper's
        networks are 100-12 and 190-40.

    Raises
    ------
    ValueError
        If there is no network of that depth.

    References
    ----------
    .. [1] G. Huang et al., "Densely Connected Convolutional Networks", CVPR 2017.

    Examples
    --------
    >>> import torch
    >>> from skaug.baselines import DenseNet
    >>> net = DenseNet(n_channels=3, n_classes=10, depth=10, growth=4)
    >>> net(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    """

    def __init__(self, n_channels, n_classes, depth=100, growth=12):
        n_layers = _n_blocks(self, depth, 6, 4)
        stages, width = nn.Sequential(), 2 * growth
        for i in range(3):
            stage = nn.Sequential()
            if i > 0:
                stage.append(Transition(width, width // 2))
                width //= 2
            for _ in range(n_layers):
                stage.append(DenseLayer(width, growth))
                width += growth
            stages.append(stage)
        last = nn.BatchNorm2d(width), nn.ReLU()
        stem = convolution(n_channels, 2 * growth)
        super().__init__(stem, stages, width, n_classes, last)
        self._start()


class ShakeShake(_Staged):
    """Shake-Shake network, such as 26 2x32d, 2x96d and 2x112d [1]_.

    Each block has two branches. In training, each row weighs them by random shares, and
    the gradient by others.

    Parameters
    ----------
    n_channels, n_classes : int
        Number of colour channels, and of outputs.
    depth : int, default=26
        Number of layers, 6 n + 2 for n blocks in each stage.
    width : int, default=32
        Channels of each branch in the first stage; the features are four times as many.

    Raises
    ------
    ValueError
        If there is no network of that depth.

    References
    ----------
    .. [1] X. Gastaldi, "Shake-Shake regularization", arXiv:1705.07485.

    Examples
    --------
    >>> import torch
    >>> from skaug.baselines import ShakeShake
    >>> net = ShakeShake(n_channels=3, n_classes=10, depth=8, width=4)
    >>> net(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    """

    def __init__(self, n_channels, n_classes, depth=26, width=32):
        n_blocks = _n_blocks(self, depth, 6, 2)
        widths = [[width * 2**i] * n_blocks for i in range(3)]
        stages = stages_of(ShakeShakeBlock, 16, widths)
        stem = _normed_stem(n_channels, 16)
        super().__init__(stem, stages, 4 * width, n_classes, last=(nn.ReLU(),))
        self._start()


class PyramidNet(_Staged):
    r"""PyramidNet [1]_ of bottlenecks with ShakeDrop [2]_.

    From block to block the channels become more by the same number. In training, the
    branch of block l of L is weakened or inverted with probability
    :math:`(l / L) \cdot` `drop`, for each row.

    Parameters
    ----------
    n_channels, n_classes : int
        Number of colour channels, and of outputs.
    depth : int, default=272
        Number of layers, 9 n + 2 for n blocks in each stage.
    widening : int, default=200
        What the blocks add to the 16 channels of the stem, together: the paper's alpha.
        A block puts out four times its channels.
    drop : float, default=0.5
        Share of the rows whose branch ShakeDrop changes in the last block; 0 is a plain
        PyramidNet.

    Raises
    ------
    ValueError
        If there is no network of that depth.

    References
    ----------
    .. [1] D. Han, J. Kim, J. Kim, "Deep Pyramidal Residual Networks", CVPR 2017.
    .. [2] Y. Yamada et al., "ShakeDrop Regularization for Deep Residual Learning",
       IEEE Access 7, 2019.

    Examples
    --------
    >>> import torch
    >>> from skaug.baselines import PyramidNet
    >>> net = PyramidNet(n_channels=3, n_classes=10, depth=11, widening=6)
    >>> net(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    """

    def __init__(self, n_channels, n_classes, depth=272, widening=200, drop=0.5):
        n_blocks = _n_blocks(self, depth, 9, 2)
        n_all, numbers = 3 * n_blocks, count(1)

        def block(n_in, n_out, stride):
            keep = 1 - drop * next(numbers) / n_all
            return PyramidBlock(n_in, n_out, stride, keep)

        widths = [4 * round(16 + widening * (i + 1) / n_all) for i in range(n_all)]
        by_stage = [widths[i : i + n_blocks] for i in range(0, n_all, n_blocks)]
        stages = stages_of(block, 16, by_stage)
        last = nn.BatchNorm2d(widths[-1]), nn.ReLU()
        stem = _normed_stem(n_channels, 16)
        super().__init__(stem, stages, widths[-1], n_classes, last)
        self._start()


class AllConvNet(nn.Module):
    """Four layers of convolutions, as the influence paper has for MNIST.

    The last one covers all positions that are left, and is written as the plain
    ``nn.Linear`` that it equals, which influence looks at. The paper's widths are in a
    supplement that is not public.

    Parameters
    ----------
    n_channels, n_classes : int
        Number of colour channels, and of outputs.
    widths : sequence of int, default=(32, 64, 32)
        Channels of the first three layers, each of which halves height and width.
    input_shape : tuple of int, default=(1, 28, 28)
        Channels, height and width of an image, of which the last two are looked at. A
        net takes them from the data.

    Examples
    --------
    >>> import torch
    >>> from skaug.baselines import AllConvNet
    >>> AllConvNet(n_channels=1, n_classes=10)(torch.zeros(2, 1, 28, 28)).shape
    torch.Size([2, 10])
    """

    def __init__(
        self, n_channels, n_classes, widths=(32, 64, 32), input_shape=(1, 28, 28)
    ):
        super().__init__()
        layers = []
        for n_in, n_out in pairwise([n_channels, *widths]):
            layers += [convolution(n_in, n_out, stride=2), nn.BatchNorm2d(n_out)]
            layers += [nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Flatten())
        halved = 2 ** len(widths)
        n_left = prod(-(-side // halved) for side in input_shape[1:])
        self.head = nn.Linear(n_left * n_out, n_classes)

    def forward(self, X):
        """Map images (batch, n_channels, height, width) to logits (batch, n_classes).

        Parameters
        ----------
        X : torch.Tensor of shape (batch, n_channels, height, width)
            Images.

        Returns
        -------
        logits : torch.Tensor of shape (batch, n_classes)
            Logits.
        """
        return self.head(self.layers(X))
