"""The loss that ISDA's bound stands for: cross-entropy of features that are sampled."""

import torch

from skaug._checks import Whole, check_value
from skaug.isda.covariance import safe_eigh
from skaug.isda.loss import ISDALoss

__all__ = ["SampledISDALoss"]


class SampledISDALoss(ISDALoss):
    r"""Cross-entropy on M sampled copies of the features of each row (Eq. 2 of [1]_).

    A copy of features a with label y is drawn from :math:`N(a, \lambda \Sigma_y)`. The
    loss is the mean over copies, whose expectation is the same for every M. It lies
    below ISDA's bound and above the cross-entropy of the features as they are. The
    standard deviation over draws falls as :math:`1 / \sqrt{M}`.

    This is a reference, to see what the bound is worth. It takes the place of
    :class:`~skaug.ISDALoss` in an :class:`~skaug.ISDAClassifier`.

    Parameters
    ----------
    n_classes, n_features, covariance : int, int and object
        As for :class:`~skaug.ISDALoss`.
    n_copies : int, default=4
        The paper's M. A step takes memory for n_copies x rows x n_features numbers.
    **kwargs
        As for :class:`~skaug.ISDALoss`.

    Raises
    ------
    ValueError
        If `n_copies` is not a whole number of 1 or more.

    See Also
    --------
    skaug.ISDALoss : The bound, for which nothing is drawn.

    Notes
    -----
    Copies come from the eigenvectors of the covariance of each class in a batch, which
    are found anew in each step. All kinds of covariance are written out for it.

    References
    ----------
    .. [1] Y. Wang et al., "Implicit Semantic Data Augmentation for Deep Networks",
       NeurIPS 2019.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skaug import ISDAClassifier
    >>> from skaug.isda import SampledISDALoss
    >>> X, y = load_iris(return_X_y=True)
    >>> net = ISDAClassifier(
    ...     criterion=SampledISDALoss, criterion__n_copies=2, random_state=0
    ... )
    >>> net.fit(X, y).score(X, y) > 0.9
    True
    """

    def __init__(
        self, n_classes, n_features, covariance="full", *, n_copies=4, **kwargs
    ):
        super().__init__(n_classes, n_features, covariance, **kwargs)
        check_value("SampledISDALoss", "n_copies", n_copies, Whole(1))
        self.n_copies = n_copies

    def _augmented_loss(self, logits, target, weight, strength, sample_weight):
        """Average the loss over copies of the batch."""
        M = self.n_copies if strength else 1
        target = target.repeat(M, *[1] * (target.ndim - 1))
        sample_weight = None if sample_weight is None else sample_weight.repeat(M)
        loss = super()._augmented_loss(
            logits.repeat(M, 1), target, weight, strength, sample_weight
        )
        if self.reduction == "none":
            return loss.view(M, -1).mean(dim=0)
        return loss / M if self.reduction == "sum" else loss

    def _augment(self, logits, target, weight, strength):
        """Make the logits of features that are moved by chance."""
        if strength == 0:
            return logits
        with torch.autocast(logits.device.type, enabled=False):
            weight = weight.to(torch.promote_types(weight.dtype, torch.float32))
            noise = torch.randn(len(target), weight.shape[1]).to(weight)
            moved = torch.zeros_like(noise)
            classes, place = torch.unique(target, return_inverse=True)
            matrices = self.covariance.dense().to(weight)[classes]
            sizes, axes = safe_eigh(matrices)  # (n_present, A), (n_present, A, A)
            roots = axes * sizes.clamp_min(0).sqrt()[:, None]
            for k, root in enumerate(roots):
                moved[place == k] = noise[place == k] @ root.mT
            return logits + strength**0.5 * moved @ weight.mT
