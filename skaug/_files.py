"""Files that are whole or not there at all, and room for them."""

import errno
import os
import shutil
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

__all__ = ["as_gib", "atomic_writing", "free_bytes", "reserve"]

# What systems answer where there is no room, and where room cannot be reserved.
NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
CANNOT_RESERVE = (errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL, errno.ENOSYS)


@contextmanager
def atomic_writing(path):
    """Open a new binary file that takes the place of `path` when it is complete.

    The file is written under another name in the same folder, brought to the disk, and
    renamed. A file that `path` named before is whole until then, and stays if the
    writing fails or is interrupted, which leaves nothing else behind. An OSError names
    `path`, and how much room there is if there is too little.
    """
    path = Path(path).resolve()  # a link stays one
    new = path.with_name(f".{uuid4().hex}.new")
    try:
        with open(new, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, path)
    except BaseException as error:
        with suppress(OSError):  # as for one that was never made
            new.unlink()
        if _is_of_writing(error, new):
            raise OSError(error.errno, _words(error, path), str(path)) from error
        raise


def reserve(file, n_bytes):
    """Take the room for an open file, so that a full disk is an OSError at once.

    A memory map of a file without room ends the process with a signal where the disk
    is full. Where a system cannot reserve, nothing happens.
    """
    if n_bytes and hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(file.fileno(), 0, n_bytes)
        except OSError as error:
            if error.errno not in CANNOT_RESERVE:
                raise


def free_bytes(place):
    """Room on the disk of a file or a folder, which need not be there yet."""
    place = Path(place).resolve()
    there = next(one for one in (place, *place.parents) if one.exists())
    return shutil.disk_usage(there).free


def as_gib(n_bytes):
    """A size in words."""
    return f"{n_bytes / 2**30:.3g} GiB"


def _is_of_writing(error, new):
    """Whether an error is the system's answer about the new file."""
    is_told = isinstance(error, OSError) and error.errno is not None
    return is_told and error.filename in (None, str(new))


def _words(error, path):
    if error.errno in NO_ROOM:
        return f"{error.strerror}, where {as_gib(free_bytes(path))} are free"
    return error.strerror
