"""Rows in a file on the disk: what was written, in little memory, or a clear error."""

import errno
import os
import resource
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import refuses

from skaug.ihda import stored
from skaug.ihda.stored import StoredRows

linux = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")


@pytest.mark.parametrize(
    "dtype", [torch.float32, torch.float64, torch.bfloat16, torch.int64, torch.bool]
)
def test_rows_come_back_as_they_were_written(dtype):
    X = (10 * torch.randn(50, 3, 4)).to(dtype)
    rows = StoredRows(X.shape, dtype, "cpu")
    rows[0:20], rows[20:50] = X[:20], X[20:]
    assert rows.shape == X.shape and rows.dtype == dtype and len(rows) == 50
    assert rows[:].equal(X) and rows[:0].equal(X[:0]) and rows[45:60].equal(X[45:])
    assert rows[::7].equal(X[::7])
    numbers = torch.randint(0, 50, (70,))  # in any order, some of them twice
    assert rows[numbers].equal(X[numbers]) and rows[numbers.numpy()].equal(X[numbers])
    assert rows.flatten(1)[numbers].equal(X.flatten(1)[numbers])
    last, mask = torch.tensor([-1, -50]), torch.arange(50) % 3 == 0
    assert rows[last].equal(X[last]) and rows[mask].equal(X[mask])
    assert rows[mask & ~mask].equal(X[:0]) and rows[[]].equal(X[:0])
    for wrong in (50, -51):
        with refuses(r"needs numbers of its 50 rows; got", IndexError):
            rows[torch.tensor([wrong])]


@linux
def test_the_file_has_no_name_and_ends_with_the_rows():
    files = set(os.listdir(tempfile.gettempdir()))
    before = len(os.listdir("/proc/self/fd"))
    rows = StoredRows((10, 1000), torch.float32, "cpu")
    flat = rows.flatten(1)
    assert len(os.listdir("/proc/self/fd")) == before + 1
    assert set(os.listdir(tempfile.gettempdir())) <= files
    del rows
    assert flat[:].abs().sum() == 0  # a view of the rows keeps the file
    del flat
    assert len(os.listdir("/proc/self/fd")) == before


@linux
def test_the_rows_take_no_memory():
    def resident():
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    part = torch.ones(256, 4096)  # 4 MiB
    rows = StoredRows((16 * 256, 4096), torch.float32, "cpu")  # 64 MiB
    before = resident()
    for start in range(0, len(rows), 256):
        rows[start : start + 256] = part
    numbers = np.random.default_rng(0).permutation(len(rows))
    assert all(rows[some].equal(part[:64]) for some in np.split(numbers, 64))
    assert resident() - before < 32


@linux
def test_a_disk_without_room_is_an_error_and_no_signal():
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, hard))
    try:
        with refuses(r"needs 0.0039\d* GiB of disk in .* for activations", OSError):
            StoredRows((4, 2**18), torch.float32, "cpu")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_where_space_cannot_be_reserved_a_write_tells(monkeypatch):
    def cannot(*_):
        raise OSError(errno.EOPNOTSUPP, "not supported")

    monkeypatch.setattr(os, "posix_fallocate", cannot, raising=False)
    rows, X = StoredRows((4, 5), torch.float32, "cpu"), torch.randn(4, 5)
    rows[0:4] = X
    assert rows[:].equal(X)
    rows._file._file.close()
    rows._file._file = open(os.devnull, "rb", buffering=0)  # noqa: SIM115
    with refuses("of disk in .* with more MiB", OSError):
        rows[0:4] = X
    rows._file._file.close()


def test_before_anything_is_written_the_disk_is_looked_at(monkeypatch):
    stored.check_disk(1)
    with refuses(
        r"needs 1.07e\+09 GiB of disk in .*; got .* GiB free. Free some", OSError
    ):
        stored.check_disk(2**60)
