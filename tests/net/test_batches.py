"""Batches by slicing: the same rows as a DataLoader, once each."""

import numpy as np
import pytest
import torch
from skorch.dataset import Dataset
from torch.utils.data import DataLoader, Subset, TensorDataset

from skaug.net import BatchIterator

X = np.arange(46, dtype=np.float32).reshape(23, 2)
y = np.arange(23)


def rows_of(iterator):
    return torch.cat([batch[1] for batch in iterator])


@pytest.mark.parametrize("batch_size", [1, 4, 5, 23, 50])
def test_unshuffled_batches_equal_a_dataloaders(batch_size):
    ours = list(BatchIterator(Dataset(X, y), batch_size))
    theirs = list(DataLoader(Dataset(X, y), batch_size))
    assert len(ours) == len(theirs) == len(BatchIterator(Dataset(X, y), batch_size))
    for (X1, y1), (X2, y2) in zip(ours, theirs):
        assert torch.equal(X1, X2) and torch.equal(y1, y2)


def test_a_last_row_alone_joins_the_batch_before():
    for n, sizes in [(9, [4, 5]), (8, [4, 4]), (10, [4, 4, 2]), (1, [1])]:
        iterator = BatchIterator(Dataset(X[:n], y[:n]), batch_size=4)
        assert [len(batch[1]) for batch in iterator] == sizes
        assert len(iterator) == len(sizes)


def test_shuffled_passes_hold_every_row_once_and_differ():
    iterator = BatchIterator(Dataset(X, y), batch_size=4, shuffle=True)
    first, second = rows_of(iterator), rows_of(iterator)
    assert sorted(first.tolist()) == sorted(second.tolist()) == y.tolist()
    assert first.tolist() != second.tolist()
    torch.manual_seed(3)
    third = rows_of(iterator)
    torch.manual_seed(3)
    assert torch.equal(third, rows_of(iterator))
    assert all(torch.equal(batch[0][:, 0], 2.0 * batch[1]) for batch in iterator)


@pytest.mark.parametrize("shuffle", [False, True])
def test_a_subset_gives_its_rows_only(shuffle):
    rows = [3, 1, 20, 7, 15]
    iterator = BatchIterator(Subset(Dataset(X, y), rows), 2, shuffle=shuffle)
    assert sorted(rows_of(iterator).tolist()) == sorted(rows)
    if not shuffle:
        assert rows_of(iterator).tolist() == rows


@pytest.mark.parametrize("shuffle", [False, True])
def test_batches_do_not_share_the_users_memory(shuffle):
    (X_batch, _), *_ = BatchIterator(Dataset(X, y), batch_size=4, shuffle=shuffle)
    assert not np.shares_memory(X_batch.numpy(), X)


def test_missing_labels_are_filled_in():
    (_, placeholder), *_ = BatchIterator(Dataset(X), batch_size=4)
    assert placeholder.shape == (4,)


class Doubled(Dataset):
    def transform(self, X, y):
        return super().transform(2 * X, y)


@pytest.mark.parametrize(
    "dataset, factor",
    [
        (Doubled(X, y), 2),
        (Subset(Doubled(X, y), range(23)), 2),
        (TensorDataset(torch.tensor(X), torch.tensor(y)), 1),
    ],
)
def test_a_dataset_that_computes_its_rows_is_asked_for_them(dataset, factor):
    iterator = BatchIterator(dataset, batch_size=4)
    assert len(iterator) == 6
    rows = torch.cat([batch[0] for batch in iterator])
    assert torch.equal(rows, factor * torch.tensor(X))


def test_read_only_arrays_are_taken_without_a_warning(recwarn):
    frozen = X.copy()
    frozen.flags.writeable = False
    assert len(list(BatchIterator(Dataset(frozen, y), batch_size=23))) == 1
    assert not recwarn
