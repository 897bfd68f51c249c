"""Input of the last layer of a net, as it predicts."""

import torch

from skaug.net.head import capture_input, linear_head

__all__ = ["features_of", "head_of"]


def head_of(net):
    """The last plain ``nn.Linear`` of a net."""
    return linear_head(net.module_, getattr(net, "classifier_layer_", None))[1]


def features_of(net, head, rows):
    """Input of the last layer for a batch of rows, in float64."""
    with capture_input(head) as inputs:
        net.evaluation_step((rows, None), training=False)
    return torch.cat(inputs).double()
