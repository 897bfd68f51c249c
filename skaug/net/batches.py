"""Mini-batches by slicing tensors, for skorch's iterator seam."""

import numpy as np
import torch
from skorch.dataset import Dataset
from torch.utils.data import DataLoader, Subset

__all__ = ["BatchIterator"]


class BatchIterator:
    """Batches sliced out of tensors, for skorch's ``iterator_train`` and ``_valid``.

    A ``DataLoader`` indexes and collates row by row, which costs more than a training
    step of a small network. Here a batch is one indexing operation, and the data stay
    on the device when they fill at most half of its free memory. A data set that
    computes its rows (anything but arrays) is handed to a ``DataLoader``.

    A last batch of a single row joins the one before it: batch normalisation cannot
    train on one row.

    Parameters
    ----------
    dataset : torch.utils.data.Dataset
        Usually skorch's ``Dataset`` of two arrays, or a ``Subset`` of it.
    batch_size : int, default=64
        Rows per batch.
    shuffle : bool, default=False
        Draw a new order for each pass, from torch's generator.
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
        self.tensors = self.rows = None
        arrays, rows = _arrays_of(dataset)
        if arrays is None:
            self.loader = DataLoader(dataset, batch_size=batch_size, shuffle=shuffle)
            self.n_rows = len(dataset)
        else:
            self.rows = None if rows is None else torch.as_tensor(rows)
            self.tensors = [_as_tensor(array) for array in arrays]
            self.n_rows = len(dataset)
            self._move_to(torch.device(device or "cpu"))

    def __len__(self):
        if self.tensors is None:
            return len(self.loader)
        return len(self._starts())

    def __iter__(self):
        if self.tensors is None:
            yield from self.loader
            return
        order = self.rows
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
                rows = order[start:stop]
                yield [tensor.index_select(0, rows) for tensor in self.tensors]

    def _move_to(self, device):
        """Keep the rows in use on the device, if they fill half of it at most."""
        if device.type != "cuda":
            return
        row_bytes = sum(tensor[:1].nbytes for tensor in self.tensors)
        if self.n_rows * row_bytes <= torch.cuda.mem_get_info(device)[0] / 2:
            used = slice(None) if self.rows is None else self.rows
            self.tensors = [tensor[used].to(device) for tensor in self.tensors]
            self.rows = None

    def _starts(self):
        starts = list(range(0, self.n_rows, self.batch_size))
        if 1 < self.batch_size < self.n_rows and self.n_rows - starts[-1] == 1:
            starts.pop()
        return starts


def _arrays_of(dataset):
    """Arrays (X, y) behind a data set and the rows used of them, or (None, None)."""
    rows = None
    if type(dataset) is Subset:
        dataset, rows = dataset.dataset, np.asarray(dataset.indices)
    arrays = getattr(dataset, "X", None), getattr(dataset, "y", None)
    # An overridden transform would be bypassed by slicing.
    if type(dataset) is not Dataset or not isinstance(arrays[0], np.ndarray):
        return None, None
    if arrays[1] is None:  # predicting; skorch expects a second entry
        return (arrays[0], np.zeros(len(arrays[0]), np.int64)), rows
    return (arrays if isinstance(arrays[1], np.ndarray) else None), rows


def _as_tensor(array):
    # torch warns about arrays that it cannot write to (memory maps from joblib, say)
    # and refuses reversed ones.
    if not array.flags.writeable or min(array.strides, default=0) < 0:
        array = array.copy()
    return torch.from_numpy(array)
