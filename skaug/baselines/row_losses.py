"""What the rival losses share: shares of classes, weights of classes and of rows."""

import torch
from torch import nn

from skaug.net.weights import counts_of, losses_of_shares, mean_loss

__all__ = ["RowLoss"]


class RowLoss(nn.CrossEntropyLoss):
    """A loss of logits that is known for class codes.

    It is derived from torch's cross-entropy, as whose limit each of the rival losses is
    tested, because it takes logits too and means the same by its parameters.
    """

    def _mean(self, losses_with, target, sample_weight):
        """Reduce losses (n,), which `losses_with` gives for class codes, as torch does.

        The loss of shares of the classes is the mean of the losses with each class.
        """

        def weighted(codes):
            losses = losses_with(codes)
            return losses if self.weight is None else losses * self.weight[codes]

        if target.is_floating_point():
            losses = losses_of_shares(weighted, target)
        else:
            losses = weighted(target)
        if sample_weight is None:
            sample_weight = torch.ones_like(losses)
        counts = counts_of(self, target)
        return mean_loss(losses, sample_weight, self.reduction, counts)
