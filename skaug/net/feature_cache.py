"""Features kept on the disk, row by row, for whoever asks for them again."""

import hashlib
import os
import sqlite3
import zlib
from contextlib import closing
from pathlib import Path

import numpy as np

from skaug._files import as_gib, free_bytes

__all__ = ["FeatureCache"]

FORMAT = 2  # Raise this number when the same rows give other features than before.
# Seconds that a process waits for its turn.
PATIENCE = 24 * 3600
# SQLite takes this many values in a statement, whatever its version.
AT_ONCE = 500


class FeatureCache:
    """Features of rows by the content of the rows, in one file of SQLite.

    Processes may share the file. They take turns when features are missing, so that
    each row is computed once, whoever asks first. What is computed is on the disk as a
    whole or not at all, even if the process is killed. A row that does not have its
    checksum any more is computed again.

    Parameters
    ----------
    folder : str or Path
        Where the file is; made if need be.
    maker : str
        What turns rows into features. Others' features of the same rows are others.
    owner : str
        Who needs the features, for messages.
    """

    def __init__(self, folder, maker, owner):
        self.path, self.owner = Path(folder) / "features.sqlite", owner
        self._start = hashlib.sha256(f"{FORMAT} {maker} ".encode())

    def rows(self, contents, compute):
        """Return features of rows, and compute those that nobody has computed yet.

        Parameters
        ----------
        contents : list of bytes
            What tells each row from others.
        compute : callable
            Makes features (m, d) of m rows, which it is given by their places in
            `contents`.

        Returns
        -------
        features : ndarray of shape (n, d)
            Features, float32.

        Raises
        ------
        OSError
            If the file cannot be written, such as on a full disk.
        ValueError
            If the file is no cache.
        """
        keys, known = [self._key(content) for content in contents], {}
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(self._connected()) as database:
                known |= _read(database, keys)
                if len(known) < len(set(keys)):
                    self._complete(known, database, keys, compute)
        except (OSError, sqlite3.OperationalError) as error:
            self._refuse_disk(len(set(keys)), sum(map(len, known.values())), error)
        except sqlite3.Error as error:
            raise ValueError(
                f"{self.owner} needs a cache that it can read and write; got "
                f"{type(error).__name__} ({error}) from {str(self.path)!r}. Delete the "
                "file, or take another folder."
            ) from error
        return np.stack([np.frombuffer(known[key], np.float32) for key in keys])

    def _connected(self):
        database = sqlite3.connect(self.path, PATIENCE, isolation_level=None)
        database.execute(
            "CREATE TABLE IF NOT EXISTS features (key BLOB PRIMARY KEY, row BLOB)"
        )
        return database

    def _complete(self, known, database, keys, compute):
        """Compute what nobody has computed yet, while others wait."""
        database.execute("BEGIN IMMEDIATE")  # one process at a time passes here
        try:
            known |= _read(database, keys)
            missing = {key: i for i, key in enumerate(keys) if key not in known}
            if missing:
                features = np.asarray(compute([*missing.values()]), np.float32)
                new = {key: row.tobytes() for key, row in zip(missing, features)}
                known |= new
                database.executemany(
                    "INSERT OR REPLACE INTO features VALUES (?, ?)",
                    [(key, _sum(row) + row) for key, row in new.items()],
                )
            database.execute("COMMIT")
        finally:
            if database.in_transaction:
                database.execute("ROLLBACK")

    def _refuse_disk(self, n_rows, n_bytes, error):
        size = f" ({as_gib(n_bytes)})" if n_bytes else ""
        room = f"{as_gib(free_bytes(self.path))} free"
        if not os.access(self.path.parent, os.W_OK):
            room = "a read-only folder"
        raise OSError(
            f"{self.owner} needs to keep features of {n_rows} rows{size} in "
            f"{str(self.path)!r}; got {room}: {error}. Make room, or name another "
            "folder."
        ) from error

    def _key(self, content):
        digest = self._start.copy()
        digest.update(content)
        return digest.digest()


def _read(database, keys):
    """Rows that are in the file, by key; those that are damaged are left out."""
    found = {}
    for i in range(0, len(keys), AT_ONCE):
        part = keys[i : i + AT_ONCE]
        marks = ", ".join("?" * len(part))
        query = f"SELECT key, row FROM features WHERE key IN ({marks})"
        for key, written in database.execute(query, part):
            if written[:4] == _sum(written[4:]):
                found[key] = written[4:]
    return found


def _sum(row):
    """Checksum of the bytes of a row, which SQLite does not have."""
    return zlib.crc32(row).to_bytes(4, "big")
