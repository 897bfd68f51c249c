"""Read a file of rows and labels, and say what was seen in it."""

import re
import zipfile
from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass, field
from numbers import Real
from pathlib import Path

import numpy as np
from sklearn.utils import Bunch

from skaug._checks import Instance, OneOf, Rule, check_value
from skaug._printing import Printed
from skaug.files.arrays import read_arrays
from skaug.files.labels import check_classes, groups_of
from skaug.files.recordings import read_recordings
from skaug.files.table_files import ENDINGS, read_table

__all__ = ["Reading", "read_file"]

N_LISTED = 30
TABS = ("tab", "\\t")  # as people type it
SEPARATOR = Rule(
    lambda sep: sep is None or (isinstance(sep, str) and re.fullmatch('[^"\r\n]', sep)),
    "a single character, or 'tab'",
)
COLUMN = Instance(Hashable, "the name of a column", "Give a text.")
TEXTS = Rule(
    lambda texts: np.iterable(texts) and all(isinstance(t, Hashable) for t in texts),
    "a list of texts",
    "Leave it out for none.",
)


@dataclass(eq=False, repr=False)
class Reading(Printed):
    """What was read from a file, and what was seen there.

    Attributes
    ----------
    name : str
        Name of the file, without its ending.
    X : DataFrame or ndarray of shape (n, ...)
        Rows. Of a table: columns of float64, NaN where a number is missing, and
        columns of texts, which are categories. Else an array: a table (n, features),
        signals (n, channels, times) or images (n, channels, height, width).
    y : ndarray of shape (n,)
        Labels, as texts or numbers.
    groups : ndarray of shape (n,), default=None
        Groups of the rows, None without any.
    test : Bunch, default=None
        Rows to test with, ``X``, ``y`` and ``groups``, None if the file has none.
    columns : list of Column
        For each column of a table its ``name``, its ``kind``, "numbers", "categories"
        or "left out", and a ``note`` on it.
    notes : list of str
        Sentences on what was seen and done.

    Examples
    --------
    >>> from skaug.files import Reading
    >>> reading = Reading("walks", X=[[0.1], [0.3]], y=["walk", "run"])
    >>> reading.lines()
    ['walks: 2 rows.', 'Classes: run (1), walk (1).']
    """

    name: str
    X: object
    y: np.ndarray
    groups: np.ndarray | None = None
    test: Bunch | None = None
    columns: list = field(default_factory=list)
    notes: list = field(default_factory=list)

    def lines(self):
        """Tell a person what was read.

        Returns
        -------
        lines : list of str
            Rows, classes with their counts, groups, columns, then the notes. More than
            30 columns are summarised.
        """
        shape = np.shape(self.X)
        kind = {
            3: " Signals of {1} times, channels: {0}.",
            4: " Images of {1} x {2}, channels: {0}.",
        }.get(len(shape), "")
        lines = [f"{self.name}: {len(self.y)} rows.{kind.format(*shape[1:])}"]
        if self.test is not None:
            lines[0] += f" {len(self.test.y)} more to test with."
        lines.append(f"Classes: {_counts(self.y)}.")
        if self.groups is not None:
            lines.append(f"Groups: {len(np.unique(self.groups))}.")
        return [*lines, *self._lines_of_columns(), *self.notes]

    def _lines_of_columns(self):
        """A line for each column, or one for each kind if there are many."""
        if not self.columns:
            return []
        if len(self.columns) <= N_LISTED:
            width = max(len(column.name) for column in self.columns)
            return [
                f"  {column.name:{width}}  {column.kind}"
                + (f" ({column.note})" if column.note else "")
                for column in self.columns
            ]
        counts = Counter(column.kind for column in self.columns)
        kinds = ", ".join(f"{kind} {n}" for kind, n in counts.most_common())
        return [f"{len(self.columns)} columns: {kinds}."]


def _counts(y):
    """Classes with their counts, the first of many."""
    labels, counts = np.unique(y, return_counts=True)
    pairs = zip(labels[:N_LISTED], counts, strict=False)
    more = f" and {len(labels) - N_LISTED} more" * (len(labels) > N_LISTED)
    return ", ".join(f"{label} ({count})" for label, count in pairs) + more


def read_file(
    path,
    target=None,
    groups=None,
    *,
    drop=(),
    sep=None,
    decimal=None,
    na=(),
    channels_last=None,
):
    r"""Read a file of rows and labels, and say what was seen in it.

    Tables are .csv, .tsv, .txt and .parquet files with a line of names. An .npz file
    has arrays ``x`` and ``y``, or ``x_train``, ``y_train``, ``x_test`` and ``y_test``,
    and ``groups`` or ``subject``, with the same endings, if rows belong together. A
    folder is in the format of the SHL challenge, see :func:`skaug.signals.load_shl`.
    Files that would shift columns, lose labels or carry infinite values are refused.

    Parameters
    ----------
    path : path
        The file or folder.
    target : str, default=None
        Column of labels of a table, which has to be named.
    groups : str, default=None
        Column of groups of a table: the person or machine of each row.
    drop : sequence of str, default=()
        Columns of a table to leave out.
    sep : str, default=None
        Separator of a text file: one character, or "tab". By default it is the one by
        which most lines have as many fields as the line of names.
    decimal : {".", ","}, default=None
        Decimal sign of a text file. By default each column tells, and the others follow
        most columns.
    na : sequence of str, default=()
        Texts that stand for missing values, besides those that usually do.
    channels_last : bool, default=None
        Whether the last axis of ``x`` in an .npz file has the channels. ``None`` takes
        images with 1, 3 or 4 values there for such, and refuses other rows that look as
        if channels came last; False takes the axes as they are.

    Returns
    -------
    reading : Reading
        Rows, labels, groups and what was seen.

    Raises
    ------
    ValueError
        If the file cannot be read or used; says what to do.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from skaug.files import read_file
    >>> rows = "1,5;in;walk\n0,2;out;walk\n?;in;sit\n0,2;in;sit\n"
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "walks.csv")
    ...     _ = path.write_text("speed;place;activity\n" + 5 * rows)
    ...     reading = read_file(path, target="activity")
    >>> print("\n".join(reading.lines()))
    walks: 20 rows.
    Classes: sit (10), walk (10).
      speed  numbers (5 missing)
      place  categories (2 different)
    Fields are separated by semicolons, numbers have decimal commas.
    Column 'speed' has '?' (5), taken as missing.
    """
    path, options = Path(path), {"drop": drop, "sep": sep, "decimal": decimal, "na": na}
    if not path.exists():
        raise ValueError(
            f"read_file needs a file that exists; got {path}. Check its path."
        )
    ending = path.suffix.lower()
    if path.is_dir() or ending == ".npz":
        _check_no_table(path, target=target, groups=groups, **options)
    elif ending not in ENDINGS:
        raise ValueError(
            "read_file needs a folder, or a file that ends in .npz or "
            f"{' or '.join(ENDINGS)}; "
            f"got {path.name}. Save it as one of them."
        )
    if channels_last and ending != ".npz":
        raise ValueError(
            f"read_file needs an .npz file for channels_last; got {path.name}. Leave "
            "channels_last out."
        )
    try:
        if path.is_dir():
            return _reading(path, read_recordings(path))
        if ending == ".npz":
            return _reading(path, read_arrays(path, channels_last))
        rows = read_table(path, **_checked(target, groups, **options))
        return Reading(path.stem, **rows)
    except (OSError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"read_file needs a file that can be opened; got {path}: {error}. Check it."
        ) from None


def _check_no_table(path, **options):
    """Refuse options of tables for what is none."""
    given = [name for name, value in options.items() if value not in (None, (), [])]
    if given:
        raise ValueError(
            f"read_file needs a table, such as a .csv file, for {' and '.join(given)}; "
            f"got {path.name}. Leave these out; arrays are found by their names."
        )


def _checked(target, groups, drop, sep, decimal, na):
    """Options of tables, checked; a single text is one name."""
    sep = "\t" if isinstance(sep, str) and sep in TABS else sep
    drop, na = ([one] if isinstance(one, (str, Real)) else one for one in (drop, na))
    for name, value, rule in (
        ("target", target, COLUMN),
        ("groups", groups, COLUMN),
        ("drop", drop, TEXTS),
        ("sep", sep, SEPARATOR),
        ("decimal", decimal, OneOf(".", ",", None)),
        ("na", na, TEXTS),
    ):
        check_value("read_file", name, value, rule)
    options = {"target": target, "groups": groups, "sep": sep, "decimal": decimal}
    return {**options, "drop": list(drop), "na": frozenset(map(str, na))}


def _reading(path, rows):
    """Reading of arrays, whose labels and groups are checked."""
    notes = rows.notes + check_classes(rows.y, "y")
    groups, test = rows.groups, rows.get("test")
    if test is None:
        groups, seen = groups_of(groups, "groups")
        notes += seen
    return Reading(path.stem, rows.X, rows.y, groups, test, notes=notes)
