"""A memory of results, by what they depend on, that other processes read as well.

A search finds there what it would compute again. A fit that was killed finds what it
had finished, and goes on from there.
"""

import os
import pickle
import warnings

import torch
from joblib.hashing import NumpyHasher
from sklearn.utils.validation import check_memory

__all__ = ["Memory", "content_hash", "warn_without_seed"]


class _Hasher(NumpyHasher):
    """joblib's hash of objects, and of tensors by their numbers."""

    def save(self, obj):
        # A tensor is pickled with its place in memory, which differs in each process.
        if isinstance(obj, torch.Tensor):
            numbers = obj.detach().cpu().reshape(-1).view(torch.uint8).numpy()
            obj = (str(obj.dtype), tuple(obj.shape), numbers)
        super().save(obj)


def content_hash(values):
    """Name what some objects hold, alike in all processes."""
    return _Hasher(hash_name="md5").hash(values)


class Memory:
    """What an estimator keeps of its fits.

    Parameters
    ----------
    memory : str, path, joblib.Memory or None
        None keeps nothing.
    name : str
        The estimator's, for messages.

    Attributes
    ----------
    keeps : bool
        Whether it keeps anything.
    """

    def __init__(self, memory, name):
        place = os.fspath(memory) if isinstance(memory, os.PathLike) else memory
        self._memory, self._name = check_memory(place), name
        self.keeps = getattr(self._memory, "location", "somewhere") is not None

    def digest(self, values):
        """Name what some objects hold; refuse those that cannot be pickled."""
        try:
            return content_hash(values)
        except (pickle.PicklingError, TypeError, AttributeError) as error:
            raise ValueError(
                f"{self._name} needs parameters and rows that can be pickled, for its "
                f"memory; got {error}. Define functions and classes in a module, or "
                "leave memory out."
            ) from error

    def call(self, function, *arguments, depends_on):
        """Call a function, or read what it has returned for equal ``depends_on``."""
        if not self.keeps:
            return function(*arguments)
        name = f"{function.__module__}.{function.__qualname__}"
        kept = self._memory.cache(_result, ignore=["function", "arguments"])
        return kept(self.digest((name, depends_on)), function, arguments)


def warn_without_seed(estimator):
    """Warn if nothing that the estimator keeps can be found again."""
    if estimator.memory is not None and estimator.random_state is None:
        warnings.warn(
            f"{type(estimator).__name__} needs an int as random_state for its memory; "
            "got None, with which each fit draws other numbers and finds nothing that "
            "was kept. Set random_state.",
            stacklevel=5,
        )


def _result(key, function, arguments):
    return function(*arguments)
