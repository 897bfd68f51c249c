"""Random numbers: the one file that touches the global generators.

torch's layers, dropout and many transforms draw from generators that the whole process
shares, one for each device. Whatever skaug draws from them, it draws inside of
:func:`own_generators`, after which every one of them is as it was before.
"""

from contextlib import contextmanager

import torch
from sklearn.utils import check_random_state

__all__ = [
    "draw_seed",
    "everything_kept",
    "new_generator",
    "own_generators",
    "seed_from_torch",
]

LARGEST_SEED = 2**31 - 1


def draw_seed(random_state):
    """Draw a seed, as estimators of scikit-learn do.

    Parameters
    ----------
    random_state : int, RandomState instance or None
        ``None`` draws it from NumPy's global generator.

    Returns
    -------
    seed : int
        From 0 to 2**31 - 2.
    """
    return int(check_random_state(random_state).randint(LARGEST_SEED))


def new_generator(seed):
    """Make a generator on the CPU that nobody else draws from.

    Parameters
    ----------
    seed : int
        Its seed.

    Returns
    -------
    generator : torch.Generator
        The generator.
    """
    return torch.Generator().manual_seed(int(seed))


@contextmanager
def own_generators(device="cpu", seed=None, states=None):
    """Draw from torch's global generators and leave all of them as they were.

    Parameters
    ----------
    device : str or torch.device, default="cpu"
        A device that is going to be used. Devices that are in use already need not be
        named: their generators are set back as well.
    seed : int, default=None
        Seed of all generators. Without one they go on from where they are.
    states : dict of str to torch.Tensor, default=None
        States by device, with which the generators begin instead; at the end it has
        those in which they are left. The next run then goes on from there.

    Examples
    --------
    >>> import torch
    >>> from skaug._random import own_generators
    >>> before = torch.get_rng_state()
    >>> with own_generators(seed=0):
    ...     first = torch.rand(())
    >>> with own_generators(seed=0):
    ...     second = torch.rand(())
    >>> bool(first == second), torch.equal(torch.get_rng_state(), before)
    (True, True)
    """
    generators = _global_generators(torch.device(device))
    before = [generator.get_state() for generator in generators]
    states = {} if states is None else states
    try:
        for generator in generators:
            if str(generator.device) in states:
                generator.set_state(states[str(generator.device)])
            elif seed is not None:
                # torch.manual_seed would take effect outside of this context as well,
                # on devices that are not in use yet.
                generator.manual_seed(seed)
        yield
    finally:
        for generator, state in zip(generators, before):
            states[str(generator.device)] = generator.get_state()
            generator.set_state(state)


@contextmanager
def everything_kept():
    """Leave NumPy's and torch's global generators as they are, whatever is drawn."""
    numpy_generator = check_random_state(None)
    state = numpy_generator.get_state()
    try:
        with own_generators():
            yield
    finally:
        numpy_generator.set_state(state)


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
