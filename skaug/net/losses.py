"""What a loss is given: weights of classes, and targets that it can take."""

import numpy as np
import torch
from torch import nn

__all__ = ["FeedsLoss"]

# Losses of torch whose weights are one number per class.
BY_CLASS = (nn.CrossEntropyLoss, nn.NLLLoss, nn.MultiMarginLoss)


class FeedsLoss:
    """What :class:`NetClassifier` does to the parameters and targets of its loss."""

    def get_params_for(self, prefix):
        """Collect parameters of a part; weights of classes in a list are a tensor."""
        params = super().get_params_for(prefix)
        weight = params.get("weight")
        if prefix == "criterion" and weight is not None:
            params["weight"] = self._criterion_weight(weight)
        return params

    def _criterion_weight(self, weight):
        """Weights as the loss takes them; if it is torch's, one for each class."""
        known = isinstance(self.criterion, type) and issubclass(
            self.criterion, BY_CLASS
        )
        try:
            if not isinstance(weight, torch.Tensor):
                weight = torch.from_numpy(np.asarray(weight, np.float32))
        except (TypeError, ValueError):
            if known:
                self._refuse_criterion_weight(repr(weight))
            return weight  # A loss of the user's may take anything.
        if not known:
            return weight
        right = weight.ndim == 1 and self._n_classes() in (None, len(weight))
        if not right or not weight.isfinite().all() or weight.min() < 0:
            self._refuse_criterion_weight(weight.tolist())
        return weight

    def _refuse_criterion_weight(self, got):
        n = self._n_classes()
        raise ValueError(
            f"{type(self).__name__} needs criterion__weight to be "
            f"{'one' if n is None else n} finite numbers >= 0, in the order of "
            f"classes_; got {got}. Give one for each class, or set class_weight, which "
            "goes by label or is 'balanced'."
        )

    def _n_classes(self):
        return len(self.classes_) if hasattr(self, "classes_") else None

    def get_loss(self, y_pred, y_true, X=None, training=False):
        """Compute the loss of a batch."""
        try:
            return super().get_loss(y_pred, y_true, X=X, training=training)
        except (IndexError, RuntimeError, TypeError, ValueError) as error:
            shares = torch.is_tensor(y_true) and y_true.is_floating_point()
            if not shares or isinstance(self.criterion_, nn.CrossEntropyLoss):
                raise
            raise ValueError(
                f"{type(self).__name__} needs a loss for shares of the classes, such "
                "as the labels that a BatchAugmentation mixes; got "
                f"{type(self.criterion_).__name__}, which fails with them: {error}. "
                "Set criterion=torch.nn.CrossEntropyLoss, or leave the mixing out."
            ) from error
