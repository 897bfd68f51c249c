"""torch generators of one's own; the global ones stay as they were."""

from contextlib import contextmanager

import torch

__all__ = ["own_generators"]


@contextmanager
def own_generators(device, seed):
    """Run on torch generators of one's own and leave the global ones as they were.

    Parameters
    ----------
    device : str or torch.device
        The generator of a GPU is set aside as well if it is one.
    seed : int
        Seed of both.
    """
    device = torch.device(device)
    cuda = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=cuda):
        torch.default_generator.manual_seed(seed)
        if cuda:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        yield
