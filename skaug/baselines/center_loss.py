"""Center loss: features of a class are pulled to a center of their own."""

import torch
from torch import nn

from skaug._checks import Number, check_value
from skaug.baselines.row_losses import RowLoss
from skaug.net.ranks import sum_over_ranks

__all__ = ["CenterLoss"]


class CenterLoss(RowLoss):
    r"""Cross-entropy and the distance of features from their class's center.

    The loss of a row with features a and label y is (Eqs. 2 and 5 of [1]_)

    .. math:: \ell = \ell_{CE} + \frac{\lambda}{2} \lVert a - c_y \rVert^2.

    After each batch, the center of every class j moves towards the features
    :math:`a_i` of the class by the rate :math:`\alpha` (Eq. 4):

    .. math:: c_j \leftarrow c_j - \alpha
        \frac{\sum_{i: y_i = j} (c_j - a_i)}{1 + n_j}.

    Without features, or in evaluation mode, the loss is cross-entropy.

    Parameters
    ----------
    n_classes, n_features : int
        Shape of the last linear layer's weight. :class:`~skaug.NetClassifier` fills
        them in.
    center_weight : float, default=0.003
        The paper's :math:`\lambda`, whose default is that of its experiments on faces.
        ISDA's Table 4 does not tell it. 0 is cross-entropy.
    center_rate : float, default=0.5
        The paper's :math:`\alpha`, from 0 to 1, that of ISDA's Table 4.
    classifier_layer : str, default=None
        Dotted name of the last linear layer, whose input are the features, for
        NetClassifier; by default the last ``nn.Linear`` of ``module.named_modules()``.
    weight : torch.Tensor of shape (n_classes,), default=None
        Weights of classes, which multiply both terms.
    reduction : {"mean", "sum", "none"}, default="mean"
        As in ``torch.nn.CrossEntropyLoss``.

    Attributes
    ----------
    centers : torch.Tensor of shape (n_classes, n_features)
        They begin at 0, and are a buffer: an optimizer does not see them.

    Raises
    ------
    ValueError
        If a parameter is out of range.

    Notes
    -----
    With shares of the classes in place of codes, a row is pulled to each of its classes
    by their shares, and pulls their centers alike; a weight counts as so many copies.

    References
    ----------
    .. [1] Y. Wen, K. Zhang, Z. Li, Y. Qiao, "A Discriminative Feature Learning Approach
       for Deep Face Recognition", ECCV 2016.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skaug import NetClassifier
    >>> from skaug.baselines import CenterLoss
    >>> X, y = load_iris(return_X_y=True)
    >>> net = NetClassifier(criterion=CenterLoss, random_state=0).fit(X, y)
    >>> net.criterion_.centers.shape
    torch.Size([3, 128])
    """

    def __init__(
        self,
        n_classes,
        n_features,
        center_weight=0.003,
        center_rate=0.5,
        *,
        classifier_layer=None,
        weight=None,
        reduction="mean",
    ):
        super().__init__(weight=weight, reduction=reduction)
        off = Number(0, hint="0 is cross-entropy.")
        check_value("CenterLoss", "center_weight", center_weight, off)
        check_value("CenterLoss", "center_rate", center_rate, Number(0, 1))
        self.center_weight, self.center_rate = center_weight, center_rate
        self.classifier_layer = classifier_layer
        self.register_buffer("centers", torch.zeros(n_classes, n_features))

    def forward(self, logits, target, features=None, weight=None, sample_weight=None):
        """Compute the loss, and move the centers when features are given.

        Parameters
        ----------
        logits : torch.Tensor of shape (n, n_classes)
            Output of the last linear layer.
        target : torch.Tensor of shape (n,) or (n, n_classes)
            Class codes, or shares of the classes.
        features : torch.Tensor of shape (n, n_features), default=None
            Input of the last linear layer.
        weight : torch.Tensor, default=None
            Weight of the last linear layer, which is not looked at.
        sample_weight : torch.Tensor of shape (n,), default=None
            How many times each row counts.

        Returns
        -------
        loss : torch.Tensor of shape ()
            Mean over the batch, unless ``reduction`` says otherwise.
        """
        pulls = features is not None and self.training
        if pulls:
            features = features.to(torch.promote_types(features.dtype, torch.float32))

        def losses_with(codes):
            losses = nn.functional.cross_entropy(logits, codes, reduction="none")
            if not pulls:
                return losses
            gaps = features - self.centers[codes]
            return losses + self.center_weight / 2 * gaps.square().sum(dim=1)

        loss = self._mean(losses_with, target, sample_weight)
        if pulls:
            self._move(features.detach(), target, sample_weight)
        return loss

    @torch.no_grad()
    def _move(self, features, target, sample_weight):
        """Move the centers towards the features of a batch."""
        shares = target
        if not target.is_floating_point():
            shares = nn.functional.one_hot(target, len(self.centers))
        shares = shares.to(features)
        if sample_weight is not None:
            shares = shares * sample_weight.to(features)[:, None]
        n = sum_over_ranks(shares.sum(dim=0))[:, None]  # (n_classes, 1)
        sums = sum_over_ranks(shares.mT @ features)  # (n_classes, n_features)
        step = (n * self.centers - sums) / (1 + n)
        # Not in place: the gradient of the loss needs the centers as they were.
        self.centers = self.centers - self.center_rate * step.to(self.centers)
