"""A training whose loss or weights are not finite ends in an error.

Weights that are NaN stay NaN, and a network of such weights predicts the first class
for all rows. The losses of an epoch are in its history already, and the weights are
summed once an epoch, so that no batch takes longer.
"""

import math
from contextlib import contextmanager

import numpy as np
import torch
from skorch.utils import to_numpy
from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from skaug.net.batches import arrays_of
from skaug.net.input_norm import InputNorm

__all__ = ["check_epoch", "check_trained", "unfitted_if_refused", "weights_not_finite"]

# Rows with larger values than this are worth a hint, for a network that does not
# standardise its input.
LARGE = 1e3


def weights_not_finite(module):
    """Name of a trained weight, or average of a norm, that is not finite; or None."""
    for name, weight in module.named_parameters():
        if weight.requires_grad and not _is_finite(weight.detach()):
            return name
    for place, layer in module.named_modules():
        if isinstance(layer, _NormBase):
            for name, average in layer.named_buffers(recurse=False):
                if not _is_finite(average):
                    return f"{place}.{name}"
    return None


def _is_finite(tensor):
    # A sum takes a twentieth of the time of a look at each number.
    return math.isfinite(tensor.sum().abs()) or bool(tensor.isfinite().all())


def check_trained(net, rows=None):
    """Refuse a skorch net whose last losses, or whose weights, are not finite."""
    name = type(net).__name__
    batches = net.history[-1]["batches"] if net.history else []
    losses = [batch.get("train_loss", 0.0) for batch in batches]
    if not all(map(math.isfinite, losses)):
        number = next(i for i, loss in enumerate(losses) if not math.isfinite(loss))
        first = number == 0 and len(net.history) == 1
        raise ValueError(
            f"{name} needs a training loss that stays finite; got {losses[number]} in "
            f"epoch {len(net.history)}, batch {number + 1} of {len(losses)}. "
            f"{_advice(net, rows, first)}"
        )
    weight = weights_not_finite(net.module_)
    if weight is not None:
        raise ValueError(
            f"{name} needs weights that stay finite in training; got others in "
            f"{weight!r} after epoch {len(net.history)}. {_advice(net, rows, False)}"
        )


def check_epoch(net, rows=None):
    """Check the last epoch; a NetClassifier that is refused counts as not fitted."""
    if not net.history[-1]["train_batch_count"]:
        raise ValueError(
            f"{type(net).__name__} needs one batch or more to train on; got none. Set "
            "iterator_train__drop_last=False, or a lower batch_size."
        )
    with unfitted_if_refused(net):
        check_trained(net, rows)


@contextmanager
def unfitted_if_refused(net):
    """Make a net count as not fitted if a check of its training fails."""
    try:
        yield
    except ValueError:
        # Nothing can be predicted with what is left, and nothing goes on from it.
        for name in net._modules + net._criteria:
            vars(net).pop(name + "_", None)
        net.initialized_ = False
        raise


def _advice(net, rows, first):
    """What to do about it; `first` says that no step was taken before the loss."""
    criterion = net.criterion_
    largest = _largest(rows)
    standardised = any(isinstance(layer, InputNorm) for layer in net.module_.modules())
    ways = []
    if not first:
        groups = net.optimizer_.param_groups
        rate = max(group.get("initial_lr", group["lr"]) for group in groups)
        ways.append(f"lower lr, the learning rate, which is {rate:g}")
    if largest > LARGE and not standardised:
        ways.append(f"scale the rows, which reach {largest:.2g}")
    weight = getattr(criterion, "weight", None)
    if isinstance(weight, torch.Tensor) and weight.ndim == 1 and not weight.all():
        ways.append(
            "set no criterion__weight to 0, since the loss of a batch of such classes "
            "alone is 0 / 0"
        )
    if not ways or not isinstance(criterion, nn.CrossEntropyLoss):
        ways.append(f"look at what {type(criterion).__name__} makes of the outputs")
    advice = ", or ".join(ways)
    return f"{advice[0].upper()}{advice[1:]}."


def _largest(rows):
    """The largest absolute value of training rows that are held in an array."""
    arrays, indices = (None, None) if rows is None else arrays_of(rows)
    if arrays is None:
        return 0.0
    X = arrays[0] if indices is None else arrays[0][to_numpy(indices)]
    return float(np.abs(X).max(initial=0))
