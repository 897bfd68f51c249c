"""Arrays kept on the disk as long as the files behind them are the same."""

import hashlib
import json
import os
import tempfile
from pathlib import Path

import numpy as np
from numpy.lib.format import open_memmap

__all__ = ["cached"]

FORMAT = 1  # Raise this number when the same files give other arrays than before.


def cached(folder, key, sources, kinds, make):
    """Open arrays of a folder as read-only memory maps, and make them first if need be.

    `sources` are the files that the arrays are made from. `kinds` has the type and
    shape of each array by name. The function `make` fills the arrays, which are its
    arguments. The ``repr`` of `key` distinguishes these arrays from others of the
    folder. The arrays get their names when all of them are complete, beside a record of
    size, date and checksum of each source. If a source changes meanwhile, a ValueError
    is raised.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    identity = repr((FORMAT, key, [str(source.resolve()) for source in sources]))
    stem = folder / hashlib.sha256(identity.encode()).hexdigest()[:16]
    arrays = [stem.with_suffix(f".{name}.npy") for name in kinds]
    record = stem.with_suffix(".json")
    if not _is_current(record, sources, arrays, kinds.values()):
        _write(record, sources, arrays, kinds.values(), make)
    return [np.load(array, mmap_mode="r") for array in arrays]


def _write(record, sources, arrays, kinds, make):
    """Make the arrays in a folder of their own, and move them when all are complete."""
    with tempfile.TemporaryDirectory(dir=record.parent) as unfinished:
        files = [Path(unfinished, array.name) for array in arrays]
        states = [_state(source) for source in sources]
        maps = [open_memmap(file, "w+", *kind) for file, kind in zip(files, kinds)]
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
        description = Path(unfinished, record.name)
        description.write_text(json.dumps(entries))
        record.unlink(missing_ok=True)
        for file, place in zip([*files, description], [*arrays, record]):
            os.replace(file, place)


def _is_current(record, sources, arrays, kinds):
    """Whether the arrays are complete, and the sources are as when they were made."""
    try:
        entries = json.loads(record.read_text())
        known = {source.name: entries[source.name] for source in sources}
        for array, kind in zip(arrays, kinds):
            kept = np.load(array, mmap_mode="r")
            if (kept.dtype, kept.shape) != kind:
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
    now = {name: [*states[name], digests[name]] for name in states}
    record.write_text(json.dumps(now))
    return True


def _state(path):
    stat = path.stat()
    return [stat.st_size, stat.st_mtime_ns]


def _digest(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()
