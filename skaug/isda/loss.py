r"""The loss of implicit semantic data augmentation (ISDA), in closed form.

Directions in which a network's features vary within a class tend to carry meaning
(a background, a way of walking). ISDA imagines every training sample moved along all
of them: features :math:`\tilde a \sim N(a, \lambda \Sigma_y)` with the covariance
:math:`\Sigma_y` of the sample's class. Nothing is sampled: the expected cross-entropy
over infinitely many such copies has the closed-form upper bound (Eq. 4)

.. math::
    -\log \frac{e^{z_y}}{\sum_j e^{z_j + \frac{\lambda}{2} (w_j - w_y)^T \Sigma_y
    (w_j - w_y)}}, \qquad z = W a + b,

which is minimised in place of cross-entropy. Predictions are made without it.

References
----------
.. [1] Y. Wang, X. Pan, S. Song, H. Zhang, C. Wu, G. Huang, "Implicit Semantic Data
   Augmentation for Deep Networks", NeurIPS 2019.
"""

import torch
from torch import nn

from skaug.isda.covariance import ClassCovariance
from skaug.isda.quadratic_form import class_quadratic_form

__all__ = ["ISDALoss", "augmented_logits"]


def augmented_logits(logits, target, weight, covariance, strength):
    r"""Logits whose cross-entropy is ISDA's upper bound (Eq. 4 of [1]_).

    Adds ``strength / 2 * (w_j - w_y)' S_y (w_j - w_y)`` to logit j of a sample of
    class y. The form depends on the label only: it is computed once per class present
    and never per sample. The weight gets a gradient through it, the covariance none.

    Parameters
    ----------
    logits : torch.Tensor of shape (n, n_classes)
        Output of the last linear layer.
    target : torch.Tensor of shape (n,)
        Class codes.
    weight : torch.Tensor of shape (n_classes, n_features)
        Weight of the last linear layer.
    covariance : ClassCovariance or torch.Tensor
        Covariance of the features: an estimate, or a tensor of shape (n_classes,
        n_features, n_features), or (n_classes, n_features) for variances only.
    strength : float
        The paper's :math:`\lambda`; 0 returns `logits` as they are.

    Returns
    -------
    augmented : torch.Tensor of shape (n, n_classes)
        What to put into cross-entropy.

    References
    ----------
    .. [1] Y. Wang et al., "Implicit Semantic Data Augmentation for Deep Networks",
       NeurIPS 2019.

    Examples
    --------
    >>> import torch
    >>> from skaug.isda import augmented_logits
    >>> logits, weight = torch.zeros(1, 2), torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    >>> covariance = torch.eye(2).expand(2, 2, 2)
    >>> augmented_logits(logits, torch.tensor([0]), weight, covariance, strength=0.5)
    tensor([[0.0000, 0.5000]])
    """
    if strength == 0:
        return logits
    classes, place = torch.unique(target, return_inverse=True)
    # In half precision, differences between rows of the weight would be lost.
    with torch.autocast(logits.device.type, enabled=False):
        weight = weight.to(torch.promote_types(weight.dtype, torch.float32))
        if isinstance(covariance, ClassCovariance):
            table = covariance.quadratic_form(weight, classes)
        else:
            table = class_quadratic_form(weight, classes, covariance)
        return logits + (strength / 2) * table[place]


class ISDALoss(nn.CrossEntropyLoss):
    """Cross-entropy on features augmented in all semantic directions at once.

    Each call with features first takes them into the class statistics, then adds the
    augmentation to the logits, as in Algorithm 1 of the paper. Without features, or
    outside training, it is plain cross-entropy.

    Parameters
    ----------
    n_classes, n_features : int
        Shape of the last linear layer's weight.
    covariance : {"full", "diagonal", "shared", "identity", "low_rank"}, default="full"
        What is kept of the covariances, see :class:`ClassCovariance`.
    rank : int, default=16
        Directions per class for "low_rank".
    forgetting : float, default=0.0
        Share of a class's statistics forgotten per batch that contains it.
    device : torch.device or str, default=None
        Where the statistics are kept; by default where torch puts new tensors.
    dtype : torch.dtype, default=None
        That of the statistics; by default torch's own.
    **kwargs
        Passed to ``torch.nn.CrossEntropyLoss``: ``weight``, ``label_smoothing`` ...

    Attributes
    ----------
    covariance : ClassCovariance
        The statistics; buffers, so they follow ``to(device)`` and ``state_dict``.

    Examples
    --------
    A training step in plain PyTorch:

    >>> import torch
    >>> from skaug import ISDALoss
    >>> backbone, head = torch.nn.Linear(5, 4), torch.nn.Linear(4, 3)
    >>> loss_function = ISDALoss(n_classes=3, n_features=4)
    >>> X, y = torch.randn(16, 5), torch.randint(3, (16,))
    >>> features = backbone(X)
    >>> loss = loss_function(head(features), y, features, head.weight, strength=0.5)
    >>> loss.backward()
    """

    def __init__(
        self,
        n_classes,
        n_features,
        covariance="full",
        *,
        rank=16,
        forgetting=0.0,
        device=None,
        dtype=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.covariance = ClassCovariance(
            n_classes,
            n_features,
            covariance,
            rank=rank,
            forgetting=forgetting,
            device=device,
            dtype=dtype,
        )

    def forward(self, logits, target, features=None, weight=None, strength=0.0):
        """Compute the loss, and update the statistics when features are given.

        Parameters
        ----------
        logits : torch.Tensor of shape (n, n_classes)
            Output of the last linear layer.
        target : torch.Tensor of shape (n,) or (n, n_classes)
            Class codes; or shares of the classes, for which the loss is that share of
            the loss with each class. They leave the statistics as they are: rows mixed
            of two do not tell how a class varies.
        features : torch.Tensor of shape (n, n_features), default=None
            Input of the last linear layer.
        weight : torch.Tensor of shape (n_classes, n_features), default=None
            Its weight; needed with features.
        strength : float, default=0.0
            The paper's lambda at this step.

        Returns
        -------
        loss : torch.Tensor of shape ()
            Mean over the batch, or what ``reduction`` says.
        """
        if features is None or not self.training:
            return super().forward(logits, target)
        if target.is_floating_point():
            return self._mixed(logits, target, weight, strength)
        self.covariance.update(features, target)
        logits = augmented_logits(logits, target, weight, self.covariance, strength)
        return super().forward(logits, target)

    def _mixed(self, logits, shares, weight, strength):
        losses = torch.zeros_like(logits[:, 0])
        # The most of each row, then the second most, ... as far as there are any.
        n_mixed = int((shares > 0).sum(dim=1).max())
        for share, target in zip(*(part.t() for part in shares.topk(n_mixed, dim=1))):
            losses = losses + share * nn.functional.cross_entropy(
                augmented_logits(logits, target, weight, self.covariance, strength),
                target,
                self.weight,
                label_smoothing=self.label_smoothing,
                reduction="none",
            )
        if self.reduction == "none":
            return losses
        return losses.mean() if self.reduction == "mean" else losses.sum()
