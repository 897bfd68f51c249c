"""What tests of several folders share."""

import pytest
import torch


def refuses(message, error=ValueError):
    """Expect an error with this message."""
    return pytest.raises(error, match=message)


def weights(net):
    """All weights of a fitted net as one vector."""
    return torch.cat([p.detach().flatten() for p in net.module_.parameters()])
