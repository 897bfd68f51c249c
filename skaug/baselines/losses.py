"""Losses of the probability of the label: focal loss and generalized cross-entropy."""

import torch
from torch import nn

from skaug._checks import Number, check_value
from skaug.baselines.row_losses import RowLoss

__all__ = ["FocalLoss", "GeneralizedCrossEntropyLoss"]


class FocalLoss(RowLoss):
    r"""Cross-entropy that fades for rows which are predicted well (Lin et al. [1]_).

    With the softmax probability p of the label it is

    .. math:: \ell = -\alpha (1 - p)^\gamma \log p.

    The paper detects objects, with a sigmoid for each class. This is its form for
    classes that exclude each other, which ISDA's Table 4 compares with.

    Parameters
    ----------
    gamma : float, default=1.0
        How fast a row fades; 0 is cross-entropy times `alpha`. The default is that of
        ISDA's Table 4. The paper takes 2.
    alpha : float, default=0.5
        Factor of the loss, which is the same for all classes. The default is that of
        ISDA's Table 4. It matters beside other terms only, such as weight decay.
    weight : torch.Tensor of shape (n_classes,), default=None
        Weights of classes, as in ``torch.nn.CrossEntropyLoss``.
    reduction : {"mean", "sum", "none"}, default="mean"
        As in ``torch.nn.CrossEntropyLoss``.

    Raises
    ------
    ValueError
        If `gamma` or `alpha` is out of range.

    See Also
    --------
    GeneralizedCrossEntropyLoss : Fades for rows that are predicted badly.

    References
    ----------
    .. [1] T.-Y. Lin, P. Goyal, R. Girshick, K. He, P. Dollar, "Focal Loss for Dense
       Object Detection", ICCV 2017, Eq. 5.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skaug import NetClassifier
    >>> from skaug.baselines import FocalLoss
    >>> X, y = load_iris(return_X_y=True)
    >>> net = NetClassifier(criterion=FocalLoss, criterion__gamma=2.0, random_state=0)
    >>> net.fit(X, y).score(X, y) > 0.9
    True
    """

    def __init__(self, gamma=1.0, alpha=0.5, *, weight=None, reduction="mean"):
        super().__init__(weight=weight, reduction=reduction)
        rule = Number(0, hint="0 is cross-entropy, 2 the paper's choice.")
        check_value("FocalLoss", "gamma", gamma, rule)
        check_value("FocalLoss", "alpha", alpha, Number(0, open_low=True))
        self.gamma, self.alpha = gamma, alpha

    def forward(self, logits, target, sample_weight=None):
        """Compute the loss.

        Parameters
        ----------
        logits : torch.Tensor of shape (n, n_classes)
            Output of the network.
        target : torch.Tensor of shape (n,) or (n, n_classes)
            Class codes, or shares of the classes.
        sample_weight : torch.Tensor of shape (n,), default=None
            How many times each row counts.

        Returns
        -------
        loss : torch.Tensor of shape ()
            Mean over the batch, unless ``reduction`` says otherwise.
        """
        total = logits.logsumexp(dim=1)

        def losses_with(codes):
            codes = codes[:, None]
            log_p = logits.gather(1, codes).squeeze(1) - total
            # The others' share. 1 - p would be 0 where p is close to 1, and have no
            # gradient for gamma < 1.
            others = logits.scatter(1, codes, -torch.inf).logsumexp(dim=1) - total
            return -self.alpha * (self.gamma * others).exp() * log_p

        return self._mean(losses_with, target, sample_weight)


class GeneralizedCrossEntropyLoss(RowLoss):
    r"""The :math:`L_q` loss, between cross-entropy and absolute error (Zhang et al.).

    With the softmax probability p of the label it is [1]_

    .. math:: \ell = \frac{1 - p^q}{q},

    which is cross-entropy in the limit of q = 0 and 1 - p, half the absolute error,
    for q = 1. The gradient is that of cross-entropy times :math:`p^q`, so that rows
    whose label seems impossible, as wrong labels do, count little.

    Parameters
    ----------
    q : float, default=0.4
        From 0 to 1. The default is that of ISDA's Table 4; the paper of the loss takes
        0.7. 0 is cross-entropy.
    weight, reduction : torch.Tensor and str
        As for :class:`FocalLoss`.

    Raises
    ------
    ValueError
        If `q` is out of range.

    See Also
    --------
    FocalLoss : Fades for rows that are predicted well.

    References
    ----------
    .. [1] Z. Zhang, M. R. Sabuncu, "Generalized Cross Entropy Loss for Training Deep
       Neural Networks with Noisy Labels", NeurIPS 2018.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV
    >>> from skaug import NetClassifier
    >>> from skaug.baselines import GeneralizedCrossEntropyLoss
    >>> X, y = load_iris(return_X_y=True)
    >>> net = NetClassifier(criterion=GeneralizedCrossEntropyLoss, random_state=0)
    >>> search = GridSearchCV(net, {"criterion__q": [0, 0.4]}, cv=2)
    >>> search.fit(X, y).best_score_ > 0.9
    np.True_
    """

    def __init__(self, q=0.4, *, weight=None, reduction="mean"):
        super().__init__(weight=weight, reduction=reduction)
        rule = Number(0, 1, hint="0 is cross-entropy, 0.7 the paper's choice.")
        check_value("GeneralizedCrossEntropyLoss", "q", q, rule)
        self.q = q

    def forward(self, logits, target, sample_weight=None):
        """Compute the loss; arguments are those of :class:`FocalLoss`."""
        log_p = nn.functional.log_softmax(logits, dim=1)

        def losses_with(codes):
            of_label = log_p.gather(1, codes[:, None]).squeeze(1)
            return -torch.expm1(self.q * of_label) / self.q if self.q else -of_label

        return self._mean(losses_with, target, sample_weight)
