"""Rows to fine-tune on: arrays that stay where they are, and data sets of torch.

A data set is read once, in order. The first level's activations are what is kept.
"""

import numpy as np
import torch
from sklearn.utils.validation import _num_samples
from skorch.dataset import unpack_data
from skorch.utils import is_dataset, to_tensor
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    Subset,
    default_collate,
    default_convert,
)

from skaug._checks import check_shape_of_fit
from skaug._input import as_numbers
from skaug._labels import check_labels
from skaug._random import new_generator
from skaug.hard_regions.parts import InParts
from skaug.net.adjustment import codes_of
from skaug.net.classifier import NetClassifier

__all__ = ["ArrayRows", "DatasetRows", "checked_data", "chosen", "encoded", "rows_of"]

# Parameters of a net's iterator that matter to how rows are loaded, not to which.
OF_LOADING = (
    "num_workers",
    "collate_fn",
    "multiprocessing_context",
    "timeout",
    "worker_init_fn",
    "prefetch_factor",
)


class ArrayRows(InParts):
    """Rows of an array, which stays as it is: no copy is made of all of them.

    Parameters
    ----------
    X : ndarray of shape (n, ...)
        Rows, also in a memory map.
    device : str or torch.device
        The network's.
    convert : callable, default=None
        Makes an array of the type that the network takes out of some rows.
    numbers : ndarray of int, default=None
        Which rows, by default all.
    """

    stays = True  # nothing has to be kept of it

    def __init__(self, X, device, convert=None, numbers=None):
        self._X, self._convert, self._numbers = X, convert, numbers
        n = len(X) if numbers is None else len(numbers)
        self.device = torch.device(device or "cpu")
        first = self._as_tensor(X[:1])
        super().__init__((n, *X.shape[1:]), first.dtype, first.device)

    def read(self, key):
        """Return rows as a tensor, by a slice or by their numbers."""
        if isinstance(key, torch.Tensor):
            key = key.cpu().numpy()
        return self._as_tensor(
            self._X[key if self._numbers is None else self._numbers[key]]
        )

    def _as_tensor(self, rows):
        rows = rows if self._convert is None else self._convert(rows)
        # A copy of them: nothing that works in place reaches the user's array.
        return to_tensor(np.array(rows), device=self.device)


class DatasetRows(InParts):
    """Rows of a data set of torch.

    Parameters
    ----------
    dataset : torch.utils.data.Dataset
        Gives pairs of a row and its class.
    device : str or torch.device
        The network's.
    loading : dict
        Parameters of the DataLoader that reads the rows in order.
    """

    stays = False

    def __init__(self, dataset, device, loading):
        self._dataset, self._loading = dataset, loading
        self.device = torch.device(device or "cpu")
        (first,) = self.in_order([slice(0, 1)], num_workers=0)
        if not isinstance(first, torch.Tensor):
            raise TypeError(
                "IHDAFinetuner needs rows that are one tensor each; got a "
                f"{type(first).__name__}. Stack what the network takes together."
            )
        super().__init__((len(dataset), *first.shape[1:]), first.dtype, first.device)

    def read(self, key):
        """Return rows as a tensor, by a slice or by their numbers."""
        (rows,) = self.in_order([key], num_workers=0)
        return rows

    def in_order(self, keys, **loading):
        """Yield rows as tensors, for one slice after the other."""
        all_numbers = np.arange(len(self._dataset))
        numbers = [all_numbers[key].tolist() for key in keys]
        settings = self._loading | loading
        if not settings.get("num_workers"):  # all but one are for workers
            settings = {k: v for k, v in settings.items() if k == "collate_fn"}
        # The loader would draw a seed for its workers from torch's global generator.
        own = new_generator(0)
        loader = DataLoader(
            self._dataset, batch_sampler=numbers, generator=own, **settings
        )
        for batch in loader:
            yield to_tensor(unpack_data(batch)[0], device=self.device)


def checked_data(X, y):
    """Rows and labels as they are trained on; of a data set, the labels are codes."""
    if isinstance(X, DataLoader):
        X = _data_set_of(X)
    if type(X) is dict:  # some sparse arrays are dicts too
        raise TypeError(
            "IHDAFinetuner needs X as an array or a data set of torch; got a dict. "
            "Give the array, or stack those that the network takes together."
        )
    if not is_dataset(X):
        return X, check_labels(y, _num_samples(X), "IHDAFinetuner")
    if isinstance(X, IterableDataset):
        raise TypeError(
            "IHDAFinetuner needs a data set that gives rows by number; got "
            f"{type(X).__name__}, which only iterates. Write a class with __len__ and "
            "__getitem__."
        )
    if not len(X):
        raise ValueError(
            f"IHDAFinetuner needs rows; got an empty {type(X).__name__}. Look at how "
            "it was made."
        )
    shown = codes_of(X)
    if y is None:
        y = shown
    if y is None:
        raise ValueError(
            "IHDAFinetuner needs the classes of a data set; got a "
            f"{type(X).__name__} that shows none as y or targets. Give them as y, "
            "whole numbers from 0 in the order of its rows."
        )
    codes = check_labels(y, len(X), "IHDAFinetuner")
    if codes.dtype.kind not in "iu" or codes.min() < 0:
        raise ValueError(
            "IHDAFinetuner needs the classes of a data set as whole numbers from 0; "
            f"got {codes[:3].tolist()}. Give codes, and name classes with the net's "
            "classes=."
        )
    if shown is not None and not np.array_equal(shown, codes):
        row = np.flatnonzero(shown != codes)[0]
        raise ValueError(
            "IHDAFinetuner needs y to be the classes of the data set; got "
            f"{codes[row]} for row {row}, which the data set has as {shown[row]}. "
            "Leave y out."
        )
    return X, codes


def _data_set_of(loader):
    """The data set of a loader, whose rows it must give once and as they are."""
    data, sampler = loader.dataset, loader.batch_sampler
    if isinstance(data, IterableDataset):
        return data
    sampler = loader.sampler if sampler is None else sampler
    if type(sampler) is BatchSampler:
        sampler = sampler.sampler
    takes_all = type(sampler) in (SequentialSampler, RandomSampler)
    repeats = getattr(sampler, "replacement", False)
    if not takes_all or repeats or len(sampler) != len(data):
        raise ValueError(
            "IHDAFinetuner needs a DataLoader that gives every row once; got one with "
            f"a {type(sampler).__name__} of its own. Give the data set, or a Subset of "
            "the rows that are meant."
        )
    if loader.collate_fn not in (default_collate, default_convert):
        raise ValueError(
            "IHDAFinetuner needs a DataLoader without a collate_fn of its own; got "
            f"{loader.collate_fn!r}. Give the data set, and the function to the net as "
            "iterator_train__collate_fn and iterator_valid__collate_fn."
        )
    return data


def chosen(X, numbers):
    """Some rows of a data set, without a subset of a subset."""
    if type(X) is Subset:
        X, numbers = X.dataset, np.asarray(X.indices)[numbers]
    return Subset(X, np.asarray(numbers).tolist())


def encoded(net, X, y):
    """Rows that are checked, in the type that they have, and codes."""
    if is_dataset(X):
        n_classes = len(net.classes_)
        if y.max() >= n_classes:
            raise ValueError(
                f"IHDAFinetuner needs classes below {n_classes}, of which the net "
                f"knows as many; got {y.max()}. Name all with the net's classes=."
            )
        return X, y
    if isinstance(net, NetClassifier):
        return net.checked(X, y)
    X = np.asarray(as_numbers(X, "IHDAFinetuner"))
    codes = check_labels(y, len(X), "IHDAFinetuner")
    if (
        codes.dtype.kind not in "iu"
        or not np.isin(codes, range(len(net.classes_))).all()
    ):
        raise ValueError(
            f"IHDAFinetuner needs labels 0 ... n_classes - 1 for {type(net).__name__}; "
            f"got {np.unique(codes).tolist()}. A NetClassifier takes any labels."
        )
    return X, codes


def rows_of(net, X, numbers=None):
    """Rows as the network takes them, read in parts; by default all."""
    if is_dataset(X):
        X = X if numbers is None else chosen(X, numbers)
        given = net.get_params_for("iterator_valid")
        loading = {name: given[name] for name in OF_LOADING if name in given}
        rows = DatasetRows(X, net.device, loading)
        if hasattr(net, "input_shape_") and "collate_fn" not in loading:
            advice = "Change what the data set gives."
            check_shape_of_fit(rows, net.input_shape_, "IHDAFinetuner", advice)
        return rows
    convert = net.converted if isinstance(net, NetClassifier) else None
    return ArrayRows(X, net.device, convert, numbers)
