"""Losses that look at the features and at the last linear layer of a network.

A loss asks by its signature: if its ``forward`` has an argument ``features``, it gets
the input of the last linear layer in each training step, and ``weight``, which is the
weight of that layer. With an argument ``progress`` it gets the share of the planned
epochs that is done. In validation the loss gets logits and targets alone.
"""

import copy
import inspect

from skorch.utils import to_tensor
from torch import nn

from skaug.net.head import bare, capture_input, check_head, linear_head
from skaug.net.weights import forward_takes

__all__ = ["GivesFeatures"]


class GivesFeatures:
    """What :class:`NetClassifier` does for a loss that looks at features."""

    def initialize_criterion(self):
        """Create the loss; one that looks at features gets the shape of the head."""
        if not self._looks_at_features(self.criterion):
            return super().initialize_criterion()
        kwargs = self.get_params_for("criterion")
        if isinstance(self.criterion, nn.Module) and not kwargs:
            # It may learn, and the user's object is not to be changed.
            self._find_head(getattr(self.criterion, "classifier_layer", None))
            self.criterion_ = copy.deepcopy(self.criterion)
            return self
        kind = _class_of(self.criterion)
        head = self._find_head(kwargs.get("classifier_layer"))
        offered = {"n_classes": head.out_features, "n_features": head.in_features}
        wanted = set(offered) & set(inspect.signature(kind).parameters)
        self.criterion_ = kind(**{**{name: offered[name] for name in wanted}, **kwargs})
        return self

    def _find_head(self, name):
        """Find the last linear layer, and keep its name."""
        self.classifier_layer_, head = linear_head(self.module_, name)
        return head

    def _head(self):
        return bare(self.module_).get_submodule(self.classifier_layer_)

    def _looks_at_features(self, criterion=None):
        criterion = self._plain_criterion() if criterion is None else criterion
        return forward_takes(_class_of(criterion), "features")

    def train_step(self, batch, **fit_params):
        """Train on a batch, and note the features on the way if the loss needs them."""
        if not self._looks_at_features():
            return super().train_step(batch, **fit_params)
        try:
            with capture_input(self._head()) as self._head_inputs:
                return super().train_step(batch, **fit_params)
        finally:
            del self._head_inputs

    def get_loss(self, y_pred, y_true, X=None, training=False):
        """Compute the loss of a batch, in training of its features too."""
        if not training or not self._looks_at_features():
            return super().get_loss(y_pred, y_true, X=X, training=training)
        target = to_tensor(y_true, device=self.device)
        features, weight = self._head_inputs.pop(), self._head().weight
        more = self._more_for_loss()
        if self.batch_weight_ is not None:
            more["sample_weight"] = self.batch_weight(len(target))
        return self.criterion_(y_pred, target, features, weight, **more)

    def _more_for_loss(self):
        """What else a loss that looks at features gets in training."""
        if not forward_takes(type(self._plain_criterion()), "progress"):
            return {}
        return {"progress": min(self.epochs_done() / self.n_epochs_, 1.0)}

    def torch_compile(self, module, name):
        """Compile all but a loss that looks at features, which changes by the step."""
        if name == "criterion" and self._looks_at_features(module):
            return module
        return super().torch_compile(module, name)

    def _logits_of(self, rows, **forward_params):
        """Compute logits; features must be those that the logits are made of."""
        if not self._looks_at_features():
            return super()._logits_of(rows, **forward_params)
        rows = rows.to(self.device)
        return check_head(self.module_, self.classifier_layer_, rows, **forward_params)


def _class_of(criterion):
    return criterion if isinstance(criterion, type) else type(criterion)
