"""Features kept on the disk, row by row, for whoever asks for them again."""

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np

__all__ = ["FeatureCache"]

FORMAT = 1  # Raise this number when the same rows give other features than before.
# Seconds that a process waits for its turn.
PATIENCE = 24 * 3600
# SQLite takes this many values in a statement, whatever its version.
AT_ONCE = 500


class FeatureCache:
    """Features of rows by the content of the rows, in one file of SQLite.

    Processes may share the file. They take turns when features are missing, so that
    each row is computed once, whoever asks first. What is computed is on the disk as a
    whole or not at all, even if the process is killed.

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
        """
        keys = [self._key(content) for content in contents]
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(self._connected()) as database:
                known = _read(database, keys)
                if len(known) < len(set(keys)):
                    known.update(self._computed(database, keys, compute))
        except (OSError, sqlite3.Error) as error:
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

    def _computed(self, database, keys, compute):
        """Compute what nobody has computed yet, while others wait."""
        database.execute("BEGIN IMMEDIATE")  # one process at a time passes here
        try:
            known = _read(database, keys)
            missing = {key: i for i, key in enumerate(keys) if key not in known}
            if missing:
                features = np.asarray(compute([*missing.values()]), np.float32)
                new = {key: row.tobytes() for key, row in zip(missing, features)}
                database.executemany("INSERT INTO features VALUES (?, ?)", new.items())
                known.update(new)
            database.execute("COMMIT")
        finally:
            if database.in_transaction:
                database.execute("ROLLBACK")
        return known

    def _key(self, content):
        digest = self._start.copy()
        digest.update(content)
        return digest.digest()


def _read(database, keys):
    """Rows that are in the file, by key."""
    found = {}
    for i in range(0, len(keys), AT_ONCE):
        part = keys[i : i + AT_ONCE]
        marks = ", ".join("?" * len(part))
        query = f"SELECT key, row FROM features WHERE key IN ({marks})"
        found.update(database.execute(query, part))
    return found
