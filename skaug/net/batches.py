"""Mini-batches sliced out of tensors, as skorch's training loop takes them."""

import numpy as np
import torch
from skorch.dataset import Dataset
from torch.utils.data import DataLoader, Subset

from skaug._printing import Printed

__all__ = ["BatchIterator", "arrays_of", "as_tensor"]


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
            self.loader = DataLoader(dataset, batch_size=batch_size, shuffle=shuffle)
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


def arrays_of(dataset):
    """Return arrays (X, y) of a data set or None, and the indices of a Subset."""
    indices = None
    if type(dataset) is Subset:
        indices = torch.as_tensor(np.asarray(dataset.indices))
        dataset = dataset.dataset
    # Slicing would bypass the transform of a class derived from Dataset.
    if type(dataset) is not Dataset or not isinstance(dataset.X, np.ndarray):
        return None, None
    X, y = dataset.X, dataset.y
    if y is None:  # While the net predicts, skorch still expects a second entry.
        y = np.zeros(len(X), np.int64)
    return ((X, y) if isinstance(y, np.ndarray) else None), indices


def as_tensor(array):
    """Return a tensor that shares the memory of an array where torch can do that."""
    # torch warns about arrays that cannot be written to, such as joblib's memory maps,
    # and refuses arrays with negative strides.
    if not array.flags.writeable or min(array.strides, default=0) < 0:
        array = array.copy()
    return torch.from_numpy(array)
