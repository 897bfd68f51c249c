"""Targets that a transform returns: one for each row, and such as the loss takes."""

import torch
from torch import nn


def checked_targets(y, new_X, new_y, *, criterion, n_classes, what):
    """Targets as `y`, or shares of the classes (n, n_classes), if they can be used."""
    if not isinstance(new_y, torch.Tensor):
        raise TypeError(
            "BatchAugmentation needs a transform that returns a tensor y beside X; "
            f"got a {type(new_y).__name__} from {what}. Convert it with "
            "torch.as_tensor."
        )
    if len(new_y) != len(new_X):
        raise ValueError(
            f"BatchAugmentation needs a transform that returns one target per row; got "
            f"{len(new_X)} rows and {len(new_y)} targets from {what}. Let it take and "
            "return targets, as transform(X, y)."
        )
    if new_y is y or y.is_floating_point() or not new_y.is_floating_point():
        return new_y.to(y.dtype)
    # Losses of the user's own may do anything with shares.
    of_torch = type(criterion).__module__.startswith("torch.nn")
    if of_torch and not isinstance(criterion, nn.CrossEntropyLoss):
        raise ValueError(
            "BatchAugmentation needs a loss for mixed labels; got "
            f"{type(criterion).__name__}, and mixed labels from {what}. Set "
            "criterion=torch.nn.CrossEntropyLoss and let the module return logits."
        )
    expected = len(new_X), n_classes
    if new_y.shape != expected:
        raise ValueError(
            f"BatchAugmentation needs shares of the classes, of shape {expected}, for "
            f"mixed labels; got {tuple(new_y.shape)} from {what}. Tell it the number "
            "of classes."
        )
    # Written so that NaN does not pass.
    if not (new_y.sum(dim=1) - 1).abs().max() < 1e-3:
        raise ValueError(
            "BatchAugmentation needs shares of the classes that add up to 1 for mixed "
            f"labels; got {new_y.sum(dim=1).tolist()[:3]} ... from {what}. Divide them "
            "by their sum."
        )
    return new_y
