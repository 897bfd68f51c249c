"""The loss of implicit semantic data augmentation (ISDA), in closed form."""

import torch
from torch import nn

from skaug._checks import Instance, Number, check_value
from skaug.isda.covariance import ClassCovariance
from skaug.isda.given import GivenCovariance
from skaug.isda.quadratic_form import class_quadratic_form
from skaug.net.weights import counts_of, losses_of_shares, mean_loss

__all__ = ["ISDALoss", "augmented_logits"]

STRENGTH = Number(0, hint="0 leaves logits as they are.") | Instance(
    torch.Tensor, "a tensor"
)


def augmented_logits(logits, target, weight, covariance, strength):
    r"""Add to logits what makes their cross-entropy ISDA's upper bound.

    The bound (Eq. 4 of [1]_) on the expected cross-entropy of features
    :math:`\tilde a \sim N(a, \lambda \Sigma_y)` is

    .. math::
        -\log \frac{e^{z_y}}{\sum_j e^{z_j + \frac{\lambda}{2} (w_j - w_y)^T \Sigma_y
        (w_j - w_y)}}, \qquad z = W a + b.

    The added quadratic form depends on the sample through its label only, so it is
    computed once per class present. The weight gets a gradient through the form, the
    covariance gets none.

    Parameters
    ----------
    logits : torch.Tensor of shape (n, n_classes)
        Output of the last linear layer.
    target : torch.Tensor of shape (n,)
        Class codes.
    weight : torch.Tensor of shape (n_classes, n_features)
        Weight of the last linear layer.
    covariance : ClassCovariance, GivenCovariance or torch.Tensor
        Covariance of the features: an estimate, what is given, a tensor of shape
        (n_classes, n_features, n_features), or a tensor of shape (n_classes,
        n_features) that has variances only.
    strength : float
        The paper's :math:`\lambda`. With 0, `logits` are returned as they are.

    Returns
    -------
    augmented : torch.Tensor of shape (n, n_classes)
        The logits that go into cross-entropy.

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
    check_value("augmented_logits", "strength", strength, STRENGTH)
    if strength == 0:
        return logits
    classes, place = torch.unique(target, return_inverse=True)
    # Half precision would lose small differences between rows of the weight.
    with torch.autocast(logits.device.type, enabled=False):
        weight = weight.to(torch.promote_types(weight.dtype, torch.float32))
        if isinstance(covariance, nn.Module):
            table = covariance.quadratic_form(weight, classes)
        else:
            table = class_quadratic_form(weight, classes, covariance)
        return logits + (strength / 2) * table[place]


class ISDALoss(nn.CrossEntropyLoss):
    """Cross-entropy on features augmented in all semantic directions at once.

    Each call with features first updates the class statistics with them, then adds the
    augmentation to the logits, as in Algorithm 1 of the paper. Without features, or
    in evaluation mode, the loss is plain cross-entropy.

    Parameters
    ----------
    n_classes, n_features : int
        Shape of the last linear layer's weight.
    covariance : str, ClassCovariance or array-like, default="full"
        What is kept of the covariances: "full", "pooled", "diagonal", "shared",
        "identity" or "low_rank", see :class:`ClassCovariance`. Or covariances
        that are known from other rows and are not changed: a fitted ClassCovariance, or
        an array of shape (n_features, n_features) for all classes, (n_classes,
        n_features, n_features), or (n_classes, n_features) for variances only.
    rank, forgetting : int and float, default=16 and 0.0
        As for :class:`ClassCovariance`.
    device, dtype : torch.device and torch.dtype, default=None
        As for :class:`ClassCovariance`.
    **kwargs
        Passed to ``torch.nn.CrossEntropyLoss``: ``weight``, ``label_smoothing`` ...

    Attributes
    ----------
    covariance : ClassCovariance or GivenCovariance
        The statistics, or what was given. They are buffers: ``to(device)`` moves them
        and ``state_dict`` has them.

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
        place = {"device": device, "dtype": dtype}
        if isinstance(covariance, str):
            self.covariance = ClassCovariance(
                n_classes,
                n_features,
                covariance,
                rank=rank,
                forgetting=forgetting,
                **place,
            )
        else:
            self.covariance = GivenCovariance(
                covariance, n_classes, n_features, **place
            )

    def forward(
        self,
        logits,
        target,
        features=None,
        weight=None,
        strength=0.0,
        sample_weight=None,
    ):
        """Compute the loss, and update the statistics when features are given.

        Parameters
        ----------
        logits : torch.Tensor of shape (n, n_classes)
            Output of the last linear layer.
        target : torch.Tensor of shape (n,) or (n, n_classes)
            Class codes, or shares of the classes. With shares, the loss is the mean of
            the losses with each class, weighted by its share, and the statistics are
            not updated: a row mixed of two classes does not tell how a class varies.
        features : torch.Tensor of shape (n, n_features), default=None
            Input of the last linear layer.
        weight : torch.Tensor of shape (n_classes, n_features), default=None
            Weight of the last linear layer; needed with features.
        strength : float, default=0.0
            The paper's lambda at this step.
        sample_weight : torch.Tensor of shape (n,), default=None
            How many times each row counts, in the mean and in the statistics.

        Returns
        -------
        loss : torch.Tensor of shape ()
            Mean over the batch, unless ``reduction`` says otherwise.
        """
        if features is None or not self.training:
            return self._cross_entropy(logits, target, sample_weight)
        if not target.is_floating_point():
            if sample_weight is None:
                self.covariance.update(features, target)
            else:
                self.covariance.update(features, target, sample_weight)
        return self._augmented_loss(logits, target, weight, strength, sample_weight)

    def _augmented_loss(self, logits, target, weight, strength, sample_weight):
        """Compute the loss of augmented logits, once the statistics are updated."""
        if target.is_floating_point():
            return self._loss_of_shares(logits, target, weight, strength, sample_weight)
        logits = self._augment(logits, target, weight, strength)
        return self._cross_entropy(logits, target, sample_weight)

    def _augment(self, logits, target, weight, strength):
        """Augment the logits of rows with class codes."""
        return augmented_logits(logits, target, weight, self.covariance, strength)

    def _cross_entropy(self, logits, target, sample_weight):
        """Compute torch's loss, with rows that count as often as their weights say."""
        if sample_weight is None:
            return super().forward(logits, target)
        losses = nn.functional.cross_entropy(
            logits,
            target,
            self.weight,
            ignore_index=self.ignore_index,
            label_smoothing=self.label_smoothing,
            reduction="none",
        )
        counts = counts_of(self, target)
        return mean_loss(losses, sample_weight, self.reduction, counts)

    def _loss_of_shares(self, logits, shares, weight, strength, sample_weight):
        """Sum the losses with each class of a row, weighted by the shares."""

        def losses_with(codes):
            return nn.functional.cross_entropy(
                self._augment(logits, codes, weight, strength),
                codes,
                self.weight,
                label_smoothing=self.label_smoothing,
                reduction="none",
            )

        losses = losses_of_shares(losses_with, shares)
        if sample_weight is not None:
            return mean_loss(losses, sample_weight, self.reduction)
        if self.reduction == "none":
            return losses
        return losses.mean() if self.reduction == "mean" else losses.sum()
