"""A memory of results, by what they depend on, that other processes read as well."""

import os
import pickle

import torch
from joblib.hashing import NumpyHasher
from sklearn.utils.validation import check_memory

__all__ = ["content_hash", "memory_of", "remembered"]


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


def memory_of(memory):
    """A joblib.Memory, also of a path; None keeps nothing."""
    return check_memory(
        os.fspath(memory) if isinstance(memory, os.PathLike) else memory
    )


def remembered(memory, function, *arguments, depends_on):
    """Call a function, or read what it has returned for equal ``depends_on``."""
    if getattr(memory, "location", "somewhere") is None:
        return function(*arguments)
    try:
        key = content_hash((function, depends_on))
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        raise ValueError(
            "InfluenceAugmenter needs transforms and an estimator that can be pickled, "
            f"for its memory; got {error}. Define functions and classes in a module, "
            "or leave memory out."
        ) from error
    kept = memory.cache(_result, ignore=["function", "arguments"])
    return kept(key, function, arguments)


def _result(key, function, arguments):
    return function(*arguments)
