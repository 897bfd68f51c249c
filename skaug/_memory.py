"""A memory of results, by what they depend on, that other processes read as well.

A search finds there what it would compute again. A fit that was killed finds what it
had finished, and goes on from there.
"""

import os
import pickle
import warnings
from contextlib import contextmanager

import torch
from joblib.hashing import NumpyHasher
from sklearn.utils.validation import check_memory

__all__ = ["Memory", "content_hash", "warn_without_seed"]

NOT_KEPT = "Unable to cache to disk"  # how joblib's warning begins


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
        self._name = name
        with self._writing(place):
            self._memory = check_memory(place)
        self.place = getattr(self._memory, "location", "somewhere")
        self.keeps = self.place is not None

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
        """Call a function, or read what it has returned for equal ``depends_on``.

        An OSError is raised if the result cannot be written. Nothing of it is left.
        """
        if not self.keeps:
            return function(*arguments)
        name = f"{function.__module__}.{function.__qualname__}"
        key = self.digest((name, depends_on))
        with self._writing(self.place):
            kept = self._memory.cache(_result, ignore=["function", "arguments"])
        if kept.check_call_in_cache(key, function, arguments):
            return kept(key, function, arguments)
        if os.path.isdir(self.place) and not os.access(self.place, os.W_OK):
            self._refuse(self.place, "which is read-only")
        result = function(*arguments)
        self._keep(kept, key, result)
        return result

    def _keep(self, kept, key, result):
        """Write a result, which joblib only warns of if it cannot."""
        with self._writing(self.place), warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            written = kept.call_and_shelve(key, _given, (result,))
        failed = [one for one in told if NOT_KEPT in str(one.message)]
        if failed:
            written.clear()
            got = str(failed[0].message).rpartition("Exception: ")[2].rstrip(".")
            self._refuse(self.place, got)

    @contextmanager
    def _writing(self, place):
        """Say who needs the folder, if there is an error."""
        try:
            yield
        except OSError as error:
            self._refuse(place, error, error)

    def _refuse(self, place, got, error=None):
        raise OSError(
            f"{self._name} needs a folder to write to as memory; got {place!r}: {got}. "
            "Make room there, or name another folder. What was kept is found again."
        ) from error


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


def _given(result):
    return result
