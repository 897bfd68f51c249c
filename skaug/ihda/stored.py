"""Rows of activations in a file on the disk.

The file is written and read with plain writes and reads. Pages of a memory map would
count as memory of the process, and a full disk would end the process with a signal.
"""

import tempfile
import weakref

import numpy as np
import torch

from skaug._files import as_gib, free_bytes, reserve
from skaug.hard_regions.parts import InParts

__all__ = ["StoredRows", "check_disk", "disk_folder"]


class StoredRows(InParts):
    """Rows in a file on the disk, which has no name and ends with the process.

    Rows are written by ``stored[start:stop] = rows``. Reading takes no more memory than
    the rows that are asked for.

    Parameters
    ----------
    shape, dtype, device : objects
        As for :class:`~skaug.hard_regions.parts.InParts`.

    Raises
    ------
    OSError
        If the disk has no room for all rows. Nothing is written in that case.
    """

    def __init__(self, shape, dtype, device):
        super().__init__(shape, dtype, device)
        self._row = self.shape[1:].numel()
        self._stride = self._row * dtype.itemsize
        self._file = _File(len(self) * self._stride)

    def __setitem__(self, rows, values):
        start, _, _ = rows.indices(len(self))
        values = values.detach().to("cpu", self.dtype).contiguous()
        self._file.write(start * self._stride, _bytes_of(values))

    def read(self, key):
        """Return rows as a tensor, by a slice or by their numbers in any order."""
        if isinstance(key, slice):
            start, stop, step = key.indices(len(self))
            if step == 1:
                rows = torch.empty(max(0, stop - start), self._row, dtype=self.dtype)
                self._file.read(start * self._stride, _bytes_of(rows))
                return rows.to(self.device)
            key = range(start, stop, step)
        if isinstance(key, torch.Tensor):
            key = key.cpu()
        numbers = self._numbers(np.asarray(key))
        rows = torch.empty(len(numbers), self._row, dtype=self.dtype)
        memory = _bytes_of(rows)
        # In the order of the file; each row goes to its own place.
        for place in np.argsort(numbers, kind="stable").tolist():
            own = slice(place * self._stride, (place + 1) * self._stride)
            self._file.read(int(numbers[place]) * self._stride, memory[own])
        return rows.to(self.device)

    def _numbers(self, key):
        """Row numbers from 0, of numbers or a mask as for an array."""
        if key.dtype == bool:
            key = np.flatnonzero(key)
        numbers, n = key.astype(np.int64), len(self)
        if len(numbers) and not -n <= numbers.min() <= numbers.max() < n:
            raise IndexError(
                f"StoredRows needs numbers of its {n} rows; got {numbers.min()} ... "
                f"{numbers.max()}. Look at how they were chosen."
            )
        return np.where(numbers < 0, numbers + n, numbers)


class _File:
    """A file of reserved size, without a name where the system has such files."""

    def __init__(self, n_bytes):
        self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115
        weakref.finalize(self, self._file.close)
        self._size = n_bytes
        try:
            self._file.truncate(n_bytes)
            reserve(self._file, n_bytes)  # where a system cannot, a write tells
        except OSError as error:
            _refuse_disk(n_bytes, error.strerror, error)

    def write(self, offset, memory):
        """Write bytes to a place."""
        self._file.seek(offset)
        try:
            while len(memory):
                memory = memory[self._file.write(memory) :]
        except OSError as error:
            _refuse_disk(self._size, error.strerror, error)

    def read(self, offset, memory):
        """Fill bytes of the memory from a place."""
        self._file.seek(offset)
        while len(memory):
            memory = memory[self._file.readinto(memory) :]


def check_disk(n_bytes):
    """Refuse to begin where the disk has no room for so many bytes."""
    free = free_bytes(disk_folder())
    if free < n_bytes:
        _refuse_disk(n_bytes, f"{as_gib(free)} free")


def disk_folder():
    """Folder of the files."""
    return tempfile.gettempdir()


def _bytes_of(rows):
    """The memory of a tensor."""
    return memoryview(rows.flatten().view(torch.uint8).numpy())


def _refuse_disk(n_bytes, got, error=None):
    raise OSError(
        f"IHDAFinetuner needs {as_gib(n_bytes)} of disk in {disk_folder()!r} for "
        f"activations that exceed the working memory; got {got}. Free some, let the "
        "variable TMPDIR name a folder on another disk, or call "
        "sklearn.set_config(working_memory=...) with more MiB."
    ) from error
