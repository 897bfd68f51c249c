"""What tests of several folders share."""

from functools import partial

import pytest
import torch
from skorch.callbacks import Callback


def refuses(message, error=ValueError):
    """Expect an error with this message."""
    return pytest.raises(error, match=message)


def legend_of(display):
    """Texts in the legend of a display."""
    return [text.get_text() for text in display.ax_.get_legend().get_texts()]


def weights(net):
    """All weights of a fitted net as one vector."""
    return torch.cat([p.detach().flatten() for p in net.module_.parameters()])


class Recorder(Callback):
    """Keeps what a function of the net gives at an event, of training batches only."""

    def __init__(self, event, function):
        self.seen = []
        setattr(self, event, partial(self.record, function))

    def record(self, function, net, training=True, **kwargs):
        if training:
            self.seen.append(function(net))
