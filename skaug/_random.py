"""Random numbers: the one file that touches the global generators.

torch's layers, dropout and many transforms draw from generators that the whole process
shares, one for each device. Whatever skaug draws from them, it draws inside of
:func:`own_generators`, after which every one of them is as it was before. Threads take
turns there: one that came in between would draw the numbers of another.
"""

import os
import threading
from contextlib import contextmanager
from functools import partial

import torch
from sklearn.utils import check_random_state

__all__ = [
    "draw_seed",
    "everything_kept",
    "generator_states",
    "new_generator",
    "own_generators",
    "seed_from_torch",
    "set_generators",
    "way_back",
]

LARGEST_SEED = 2**31 - 1

_turn = threading.RLock()


def _new_turn():
    global _turn
    _turn = threading.RLock()


if hasattr(os, "register_at_fork"):  # not on Windows
    # In a process that was forked, nobody would end the turn of another thread.
    os.register_at_fork(after_in_child=_new_turn)


def draw_seed(random_state):
    """Draw a seed from a `random_state`; None is NumPy's global generator."""
    return int(check_random_state(random_state).randint(LARGEST_SEED))


def new_generator(seed):
    """Make a generator on the CPU that nobody else draws from."""
    return torch.Generator().manual_seed(int(seed))


@contextmanager
def own_generators(device="cpu", seed=None, states=None):
    """Draw from torch's global generators and leave all of them as they were.

    Other threads wait at this place until the context ends, so that nothing inside may
    wait for a thread that draws.

    The generators of all devices in use are set back; a device that is not in use yet
    has to be named. If there is a seed, all generators begin with the seed, otherwise
    they go on from where they are. If `states` has the state of a device, its generator
    begins with that state. At the end `states` has the states in which the generators
    are left, and the next run can go on from there.
    """
    states = {} if states is None else states
    with _turn:
        generators = _global_generators(torch.device(device))
        before = [generator.get_state() for generator in generators]
        try:
            if seed is not None:
                for generator in generators:
                    # torch.manual_seed would take effect outside of this context as
                    # well, on devices that are not in use yet.
                    generator.manual_seed(seed)
            set_generators(states, device)
            yield
        finally:
            for generator, state in zip(generators, before):
                states[str(generator.device)] = generator.get_state()
                generator.set_state(state)


@contextmanager
def everything_kept():
    """Leave NumPy's and torch's global generators as they are, whatever is drawn.

    Other threads do not wait: an estimator of the user's may have threads of its own.
    """
    numpy_generator = check_random_state(None)
    state = numpy_generator.get_state()
    with _turn:
        again = way_back()
    try:
        yield
    finally:
        with _turn:
            again()
        numpy_generator.set_state(state)


def generator_states(device="cpu"):
    """Where torch's global generators are now, by the name of their device."""
    generators = _global_generators(torch.device(device))
    return {str(generator.device): generator.get_state() for generator in generators}


def set_generators(states, device="cpu"):
    """Set torch's global generators to states; inside of :func:`own_generators`."""
    for generator in _global_generators(torch.device(device)):
        if str(generator.device) in states:
            generator.set_state(states[str(generator.device)])


def way_back(device="cpu"):
    """Make a function that sets torch's generators back to where they are now."""
    return partial(set_generators, generator_states(device), device)


def seed_from_torch():
    """Read a seed off torch's global generator, which is then set back."""
    with own_generators():
        return int(torch.randint(2**62, ()))


def _global_generators(device):
    """Global generators of all devices that are in use, the given one included."""
    generators = [torch.default_generator]
    for kind in ("cuda", "xpu"):
        backend = getattr(torch, kind)
        if device.type == kind:
            backend.init()
        if backend.is_initialized():
            generators += backend.default_generators
    if device.type == "mps":
        generators.append(torch.mps._get_default_mps_generator())
    return generators
