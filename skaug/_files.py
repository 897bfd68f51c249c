"""Files that are whole or not there at all."""

import os
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

__all__ = ["atomic_writing"]


@contextmanager
def atomic_writing(path):
    """Open a new binary file that takes the place of `path` when it is complete.

    The file is written under another name in the same folder, brought to the disk, and
    renamed. A file that `path` named before is whole until then, and stays if the
    writing fails or is interrupted, which leaves nothing else behind.
    """
    path = Path(path).resolve()  # a link stays one
    new = path.with_name(f".{uuid4().hex}.new")
    try:
        with open(new, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
