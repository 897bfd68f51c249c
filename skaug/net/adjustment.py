r"""Logit adjustment: a training loss that makes up for classes of unequal size.

The loss is the cross-entropy of :math:`z + \tau \log \pi`, with the shares
:math:`\pi` of the classes in the training rows. A net of lowest loss has :math:`z +
\tau \log \pi = \log p(y \mid x)` up to a constant. So with :math:`\tau = 1` its
logits z are :math:`\log p(x \mid y)`, the rule for equally frequent classes.

References
----------
.. [1] A. K. Menon et al., "Long-tail learning via logit adjustment", ICLR 2021.
"""

import numpy as np
import torch
from skorch.utils import data_from_dataset
from torch import nn
from torch.utils.data import Subset

from skaug._checks import Number
from skaug.net.priors import log_prior

__all__ = ["ADJUSTMENT", "AdjustsLogits", "check_one_correction"]

ADJUSTMENT = Number(
    0, hint="0 is plain cross-entropy, 1 aims at equally frequent classes."
)


def check_one_correction(owner, class_weight, logit_adjustment):
    """Refuse class weights beside a logit adjustment, which would correct twice."""
    if class_weight is not None and logit_adjustment:
        raise ValueError(
            f"{owner} needs class_weight=None beside logit_adjustment; got "
            f"{class_weight!r} and {logit_adjustment}. Take one: either makes up for "
            "classes of unequal size."
        )


def class_counts(dataset, n_classes, weights=None):
    """Rows of each class (n_classes,) in a data set; None if it shows no codes."""
    codes = codes_of(dataset)
    return None if codes is None else np.bincount(codes, weights, minlength=n_classes)


def codes_of(dataset):
    """Class codes (n,) of a data set; None if it shows none."""
    try:
        codes = _codes_of(dataset)
    except (AttributeError, TypeError, ValueError, RuntimeError):
        return None
    return codes if codes.ndim == 1 and codes.dtype.kind in "iu" else None


def _codes_of(dataset):
    if isinstance(dataset, Subset):
        return _codes_of(dataset.dataset)[np.asarray(dataset.indices)]
    try:
        codes = data_from_dataset(dataset)[1]
    except AttributeError:  # torchvision's folders of images have their codes here
        if getattr(dataset, "target_transform", None) is not None:
            raise
        codes = dataset.targets
    return torch.as_tensor(codes).cpu().numpy()


class AdjustsLogits:
    """What ``logit_adjustment`` does in the training of :class:`NetClassifier`."""

    def _check_adjustment(self):
        """Refuse losses that are not cross-entropy, which nothing is known of."""
        criterion = self.criterion
        is_known = isinstance(criterion, type) and issubclass(
            criterion, nn.CrossEntropyLoss
        )
        if self.logit_adjustment and not is_known:
            raise ValueError(
                f"{type(self).__name__} needs a criterion derived from "
                "torch.nn.CrossEntropyLoss for its logit_adjustment; got "
                f"{criterion!r}. Set logit_adjustment=0, or another criterion."
            )

    def _count_classes(self, rows, anew):
        """Count the training rows of each class, if the loss is adjusted to them."""
        if anew:
            vars(self).pop("class_counts_", None)
        if not self.logit_adjustment:
            return
        counts = class_counts(rows, len(self.classes_), self.weights_of(rows))
        if counts is None:
            raise ValueError(
                f"{type(self).__name__} needs class codes to count for its "
                f"logit_adjustment; got a {type(rows).__name__} without X and y as "
                "arrays. Give arrays, or logit_adjustment=0."
            )
        self.class_counts_ = counts + getattr(self, "class_counts_", 0)

    @property
    def logit_offset_(self):
        """What the loss adds to the logits, (n_classes,), with `logit_adjustment`."""
        if not hasattr(self, "class_counts_"):
            raise AttributeError(
                f"{type(self).__name__} needs to be trained with logit_adjustment to "
                "know the shares of the classes; got none. Set it, and call fit."
            )
        return self.logit_adjustment * log_prior(self.class_counts_)

    def get_loss(self, y_pred, y_true, X=None, training=False):
        """Compute the loss of a batch, of adjusted logits if that is asked for."""
        y_pred = self._adjusted(y_pred)
        return super().get_loss(y_pred, y_true, X=X, training=training)

    def _adjusted(self, logits):
        """Logits as they go into the loss; predictions are made from those given."""
        if not self.logit_adjustment:
            return logits
        return logits + torch.as_tensor(self.logit_offset_).to(logits)
