"""Sums over the processes that train one network together."""

import torch

__all__ = ["n_ranks", "sum_over_ranks"]


def n_ranks():
    """Count the processes; 1 if there is none but this one."""
    distributed = torch.distributed
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_world_size()
    return 1


def sum_over_ranks(tensor):
    """Add up a tensor of all processes, in place."""
    if n_ranks() > 1:
        torch.distributed.all_reduce(tensor)
    return tensor
