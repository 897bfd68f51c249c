"""Arrays kept on the disk as long as the files behind them are the same."""

import errno
import hashlib
import json
import os
import shutil
import tempfile
import zlib
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
from numpy.lib.format import open_memmap

from skaug._files import as_gib, atomic_writing, free_bytes, reserve

try:
    import fcntl
except ImportError:  # Windows has other locks. There, nothing that was left is removed.
    fcntl = None

__all__ = ["cached"]

FORMAT = 1  # Raise this number when the same files give other arrays than before.
UNFINISHED = ".unfinished-"  # in the names of folders of arrays that are being made


def cached(folder, key, sources, kinds, make):
    """Open arrays of a folder as read-only memory maps, and make them first if need be.

    `sources` are the files that the arrays are made from. `kinds` has the type and
    shape of each array by name. The function `make` fills the arrays, which are its
    arguments. The ``repr`` of `key` distinguishes these arrays from others of the
    folder. The arrays get their names when all of them are complete, beside a record of
    their checksums, and of size, date and checksum of each source. Arrays of another
    checksum are made anew. If a source changes meanwhile, a ValueError is raised. An
    OSError is raised before anything is made if there is no room for all arrays.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    identity = repr((FORMAT, key, [str(source.resolve()) for source in sources]))
    stem = folder / hashlib.sha256(identity.encode()).hexdigest()[:16]
    arrays = [stem.with_suffix(f".{name}.npy") for name in kinds]
    record = stem.with_suffix(".json")
    if not _is_current(record, sources, arrays):
        _write(record, sources, arrays, kinds.values(), make)
    return [np.load(array, mmap_mode="r") for array in arrays]


def _write(record, sources, arrays, kinds, make):
    """Make the arrays in a folder of their own, and move them when all are complete."""
    with _unfinished(record) as unfinished:
        files = [Path(unfinished, array.name) for array in arrays]
        states = [_state(source) for source in sources]
        maps = _with_room(files, arrays, kinds)
        make(*maps)
        for array in maps:
            array.flush()
        entries = {
            source.name: [*state, _digest(source)]
            for source, state in zip(sources, states)
        }
        for source, state in zip(sources, states):
            if state != _state(source):
                raise ValueError(
                    f"load_shl needs {source.name} to be at rest; got a change while "
                    "the file was read. Load it again."
                )
        sums = {array.name: _sum(file) for array, file in zip(arrays, files)}
        record.unlink(missing_ok=True)
        for file, place in zip(files, arrays):
            os.replace(file, place)
        _describe(record, entries, sums)


@contextmanager
def _unfinished(record):
    """Make a folder beside the record for arrays that are being made."""
    prefix = f"{record.stem}{UNFINISHED}"
    with (
        _at_work(record.parent),
        tempfile.TemporaryDirectory(prefix=prefix, dir=record.parent) as folder,
    ):
        yield folder


@contextmanager
def _at_work(cache):
    """Let others know that arrays are being made; remove what killed processes left.

    Whoever makes arrays holds a shared lock on the folder, which ends with the process.
    Where nobody else holds one, all that is unfinished was left.
    """
    if fcntl is None:
        yield
        return
    lock = os.open(cache, os.O_RDONLY)
    try:
        with suppress(OSError):  # Others are at work, or the disk has no locks.
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for left in cache.glob(f"{'[0-9a-f]' * 16}{UNFINISHED}*"):
                shutil.rmtree(left)
        with suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_SH)
        yield
    finally:
        os.close(lock)


def _with_room(files, arrays, kinds):
    """Make files for arrays of some types and shapes, each with the room it needs."""
    maps = []
    for file, array, (dtype, shape) in zip(files, arrays, kinds):
        n_bytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
        try:
            maps.append(open_memmap(file, "w+", dtype, shape))
            with open(file, "r+b") as opened:
                reserve(opened, file.stat().st_size)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise
            raise OSError(
                f"load_shl needs {as_gib(n_bytes)} of disk for {array}; got "
                f"{as_gib(free_bytes(array))} free ({error.strerror}). Free "
                "some, or let cache= name a folder on another disk."
            ) from error
    return maps


def _is_current(record, sources, arrays):
    """Whether the arrays are complete, and the sources are as when they were made."""
    try:
        kept = json.loads(record.read_text())
        entries, sums = kept["sources"], kept["arrays"]
        known = {source.name: entries[source.name] for source in sources}
        if any(sums[array.name] != _sum(array) for array in arrays):
            return False
    except (OSError, ValueError, KeyError, TypeError):
        return False
    states = {source.name: _state(source) for source in sources}
    if all(known[name][:2] == state for name, state in states.items()):
        return True
    # Files that were unpacked again have another date but the same bytes.
    digests = {source.name: _digest(source) for source in sources}
    if any(known[name][2:] != [digest] for name, digest in digests.items()):
        return False
    with suppress(OSError):  # What is read-only is of use as well.
        now = {name: [*states[name], digests[name]] for name in states}
        _describe(record, now, sums)
    return True


def _describe(record, sources, arrays):
    """Write what the arrays are made from, and their checksums."""
    text = json.dumps({"sources": sources, "arrays": arrays})
    with atomic_writing(record) as file:
        file.write(text.encode())


def _state(path):
    stat = path.stat()
    return [stat.st_size, stat.st_mtime_ns]


def _digest(path):
    digest = hashlib.sha256()
    for block in _blocks(path):
        digest.update(block)
    return digest.hexdigest()


def _sum(path):
    """Checksum against accidents, a few times as fast as a digest, with the size."""
    found = 0
    for block in _blocks(path):
        found = zlib.crc32(block, found)
    return [path.stat().st_size, found]


def _blocks(path):
    with open(path, "rb") as file:
        while block := file.read(2**20):
            yield block
