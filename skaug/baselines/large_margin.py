"""Large-margin softmax: the angle between features and their class is multiplied."""

import math

import torch
from torch import nn

from skaug._checks import Number, Whole, check_value
from skaug.baselines.row_losses import RowLoss

__all__ = ["LargeMarginLoss"]


class LargeMarginLoss(RowLoss):
    r"""Cross-entropy with a logit of the label that is made smaller (Liu et al. [1]_).

    Let :math:`\theta` be the angle between the features a of a row and the weight
    :math:`w_y` of its label in the last linear layer. In training the label's logit
    :math:`\lVert w_y \rVert \lVert a \rVert \cos \theta + b_y` becomes (Eqs. 4 and 6,
    with the easing of the experiments)

    .. math:: \lVert w_y \rVert \lVert a \rVert \frac{\lambda \cos \theta +
        \psi(\theta)}{1 + \lambda} + b_y, \qquad \psi(\theta) = (-1)^k \cos(m \theta) -
        2 k \text{ for } \theta \in \left[\frac{k \pi}{m}, \frac{(k + 1) \pi}{m}\right].

    So the features have to be m times as close to the weight in angle for the same
    loss. Without features, or in evaluation mode, the loss is cross-entropy.

    Parameters
    ----------
    margin : int, default=2
        The paper's m, what angles are multiplied with. 1 is cross-entropy. The
        default is that of the published code for CIFAR-10 with augmentation; the paper
        goes up to 4. ISDA's Table 4 does not tell it.
    easing : float, default=1000.0
        The paper's :math:`\lambda` at the beginning of training. After a share p of the
        training it is multiplied by :math:`(1 + 0.3 p)^{-45}`, as in the published code
        for CIFAR-10: 0.002 after half of the training. 0 has no easing, with which a
        network may not learn at all.
    classifier_layer : str, default=None
        As for :class:`CenterLoss`.
    weight, reduction : torch.Tensor and str
        As for :class:`FocalLoss`.

    Raises
    ------
    ValueError
        If a parameter is out of range.

    Notes
    -----
    The paper's last layer has no bias. If there is one, it stays as it is. With shares
    of the classes, the loss is the mean of the losses with each class.

    References
    ----------
    .. [1] W. Liu, Y. Wen, Z. Yu, M. Yang, "Large-Margin Softmax Loss for Convolutional
       Neural Networks", ICML 2016.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skaug import NetClassifier
    >>> from skaug.baselines import LargeMarginLoss
    >>> X, y = load_iris(return_X_y=True)
    >>> net = NetClassifier(criterion=LargeMarginLoss, criterion__margin=3)
    >>> net.set_params(random_state=0).fit(X, y).score(X, y) > 0.9
    True
    """

    def __init__(
        self,
        margin=2,
        easing=1000.0,
        *,
        classifier_layer=None,
        weight=None,
        reduction="mean",
    ):
        super().__init__(weight=weight, reduction=reduction)
        check_value("LargeMarginLoss", "margin", margin, Whole(1))
        check_value("LargeMarginLoss", "easing", easing, Number(0))
        self.margin, self.easing = margin, easing
        self.classifier_layer = classifier_layer

    def forward(
        self,
        logits,
        target,
        features=None,
        weight=None,
        progress=1.0,
        sample_weight=None,
    ):
        """Compute the loss.

        Parameters
        ----------
        logits : torch.Tensor of shape (n, n_classes)
            Output of the last linear layer.
        target : torch.Tensor of shape (n,) or (n, n_classes)
            Class codes, or shares of the classes.
        features : torch.Tensor of shape (n, n_features), default=None
            Input of the last linear layer.
        weight : torch.Tensor of shape (n_classes, n_features), default=None
            Weight of the last linear layer; needed with features.
        progress : float, default=1.0
            Share of the training that is done.
        sample_weight : torch.Tensor of shape (n,), default=None
            How many times each row counts.

        Returns
        -------
        loss : torch.Tensor of shape ()
            Mean over the batch, unless ``reduction`` says otherwise.
        """
        augments = features is not None and self.training and self.margin > 1
        ease = self.easing * (1 + 0.3 * progress) ** -45

        def losses_with(codes):
            moved = logits
            if augments:
                change = self._change(features, weight[codes]) / (1 + ease)
                change = change.to(logits)[:, None]
                moved = logits.scatter_add(1, codes[:, None], change)
            return nn.functional.cross_entropy(moved, codes, reduction="none")

        return self._mean(losses_with, target, sample_weight)

    def _change(self, features, weight):
        """How much smaller the logits of rows (n,) become, each with its weight."""
        with torch.autocast(features.device.type, enabled=False):
            kind = torch.promote_types(features.dtype, torch.float32)
            features, weight = features.to(kind), weight.to(kind)
            length = features.norm(dim=1) * weight.norm(dim=1)
            product = (features * weight).sum(dim=1)
            # Features may be 0 behind a ReLU.
            cosine = product / length.clamp_min(torch.finfo(kind).tiny)
            return length * _psi(cosine.clamp(-1, 1), self.margin) - product


def _psi(cosine, m):
    """Make the paper's psi of an angle, given its cosine: it falls from 1 to 1 - 2 m.

    cos(m t) is a polynomial of cos(t), which has a gradient for all angles.
    """
    before, multiple = torch.ones_like(cosine), cosine
    for _ in range(m - 1):
        before, multiple = multiple, 2 * cosine * multiple - before
    k = sum((cosine < math.cos(j * math.pi / m)).to(cosine) for j in range(1, m))
    return multiple * (1 - 2 * (k % 2)) - 2 * k
