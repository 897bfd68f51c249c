"""Mini-batches sliced out of tensors, as skorch's training loop takes them."""

from contextlib import contextmanager

import numpy as np
import torch
from skorch.dataset import Dataset
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    RandomSampler,
    SequentialSampler,
    Subset,
)

from skaug._printing import Printed
from skaug.net.weighted_rows import WeightedRows

__all__ = [
    "BatchIterator",
    "arrays_of",
    "as_tensor",
    "explained_single_rows",
    "without_single_rows",
]


class BatchIterator(Printed):
    """Batches sliced out of tensors, for skorch's ``iterator_train`` and ``_valid``.

    A ``DataLoader`` indexes and collates row by row, which costs more than a training
    step of a small network. Here one indexing operation makes a batch. If the data fill
    at most half of a GPU's free memory, they are kept there. A data set that computes
    its rows, rather than hold them in arrays, is handed to a ``DataLoader``.

    If the last batch would be a single row, that row joins the batch before: batch
    normalisation cannot train on one row.

    Parameters
    ----------
    dataset : torch.utils.data.Dataset
        Usually skorch's ``Dataset`` of two arrays, or a ``Subset`` of it.
    batch_size : int, default=64
        Rows per batch.
    shuffle : bool, default=False
        Whether to draw a new order for each pass, from torch's global generator.
    device : str or torch.device, default="cpu"
        Where the batches are used.

    Examples
    --------
    >>> import numpy as np
    >>> from skorch.dataset import Dataset
    >>> from skaug.net import BatchIterator
    >>> data = Dataset(np.zeros((9, 2), "float32"), np.arange(9))
    >>> [len(y) for X, y in BatchIterator(data, batch_size=4)]
    [4, 5]
    """

    def __init__(self, dataset, batch_size=64, shuffle=False, device="cpu"):
        self.batch_size = batch_size
        self.shuffle = shuffle
        arrays, self.indices = arrays_of(dataset)
        if arrays is None:
            self.tensors = None
            kwargs = {"batch_size": batch_size, "shuffle": shuffle}
            self.loader = DataLoader(dataset, **without_single_rows(dataset, kwargs))
        else:
            self.n_rows = len(dataset)
            self.tensors = [as_tensor(array) for array in arrays]
            self.device = torch.device(device or "cpu")

    def __len__(self):
        if self.tensors is None:
            return len(self.loader)
        return len(self._starts())

    def __iter__(self):
        if self.tensors is None:
            yield from self.loader
            return
        self._move_to(self.device)
        order = self.indices
        if self.shuffle:
            permutation = torch.randperm(self.n_rows)
            order = permutation if order is None else order[permutation]
        if order is not None:
            order = order.to(self.tensors[0].device)
        starts = self._starts()
        for start, stop in zip(starts, [*starts[1:], self.n_rows]):
            if order is None:
                # A module that works in place must not reach the user's array.
                yield [tensor[start:stop].clone() for tensor in self.tensors]
            else:
                indices = order[start:stop]
                yield [tensor.index_select(0, indices) for tensor in self.tensors]

    def _move_to(self, device):
        """Keep the rows in use on a GPU if they fill at most half of its memory."""
        if device.type != "cuda" or self.tensors[0].device.type == "cuda":
            return
        row_bytes = sum(tensor[:1].nbytes for tensor in self.tensors)
        if self.n_rows * row_bytes <= torch.cuda.mem_get_info(device)[0] / 2:
            used = slice(None) if self.indices is None else self.indices
            self.tensors = [tensor[used].to(device) for tensor in self.tensors]
            self.indices = None

    def _starts(self):
        """Index of the first row of each batch."""
        starts = list(range(0, self.n_rows, self.batch_size))
        if 1 < self.batch_size < self.n_rows and self.n_rows - starts[-1] == 1:
            starts.pop()
        return starts


class _NoSingleRow(BatchSampler):
    """Batches of row numbers; a single row at the end joins the batch before."""

    def __iter__(self):
        before = None
        for batch in super().__iter__():
            if before is not None and len(batch) == 1:
                yield [*before, *batch]
                return
            if before is not None:
                yield before
            before = batch
        if before is not None:
            yield before

    def __len__(self):
        return len(self.sampler) // self.batch_size


def without_single_rows(dataset, kwargs):
    """Arguments of a DataLoader whose last batch would be a single row, mended."""
    size, shuffle = kwargs.get("batch_size") or 1, kwargs.get("shuffle", False)
    chosen = any(kwargs.get(name) for name in ("sampler", "batch_sampler", "drop_last"))
    if chosen or not hasattr(dataset, "__getitem__") or not hasattr(dataset, "__len__"):
        return kwargs
    if not 1 < size < len(dataset) or len(dataset) % size != 1:
        return kwargs
    sampler = RandomSampler if shuffle else SequentialSampler
    others = {
        key: v for key, v in kwargs.items() if key not in ("batch_size", "shuffle")
    }
    return {**others, "batch_sampler": _NoSingleRow(sampler(dataset), size, False)}


@contextmanager
def explained_single_rows(name):
    """Say what to do where batch normalisation meets a batch of one row."""
    try:
        yield
    except ValueError as error:
        if not str(error).startswith("Expected more than 1 value per channel"):
            raise
        raise ValueError(
            f"{name} needs two rows or more in each batch for batch normalisation; got "
            "a batch of one. Give more rows, raise batch_size, or set "
            "iterator_train__drop_last=True with a DataLoader."
        ) from error


def arrays_of(dataset):
    """Return arrays (X, y) of a data set or None, and the indices of a Subset."""
    # With WeightedRows there is a third array, of their weights.
    indices = None
    if type(dataset) is Subset:
        indices = torch.as_tensor(np.asarray(dataset.indices))
        dataset = dataset.dataset
    weights = ()
    if type(dataset) is WeightedRows:
        dataset, weights = dataset.dataset, (dataset.weights,)
    # Slicing would bypass the transform of a class derived from Dataset.
    if type(dataset) is not Dataset or not isinstance(dataset.X, np.ndarray):
        return None, None
    X, y = dataset.X, dataset.y
    if y is None:  # While the net predicts, skorch still expects a second entry.
        y = np.zeros(len(X), np.int64)
    return ((X, y, *weights) if isinstance(y, np.ndarray) else None), indices


def as_tensor(array):
    """Return a tensor that shares the memory of an array where torch can do that."""
    # torch warns about arrays that cannot be written to, such as joblib's memory maps,
    # and refuses arrays with negative strides.
    if not array.flags.writeable or min(array.strides, default=0) < 0:
        array = array.copy()
    return torch.from_numpy(array)
