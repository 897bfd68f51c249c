"""Tables in text files: their encoding, their separator, and fields that line up.

A table is read before it is trusted. Where a line has more or fewer fields than the
line of names, or a quote stays open, all that follows may have shifted, so such files
are refused with the number of the line.
"""

import codecs
import csv
import io
import math
import re
from collections import Counter

import numpy as np
from sklearn.utils import Bunch

__all__ = ["SEPARATORS", "read_text_table"]

SEPARATORS = {
    ",": "commas",
    ";": "semicolons",
    "\t": "tabs",
    "|": "vertical bars",
    " ": "spaces",
}
# UTF-32 first: its mark begins with the one of UTF-16.
MARKS = {
    codecs.BOM_UTF8: ("utf-8-sig", "UTF-8 with a byte order mark"),
    codecs.BOM_UTF32_LE: ("utf-32", "UTF-32"),
    codecs.BOM_UTF32_BE: ("utf-32", "UTF-32"),
    codecs.BOM_UTF16_LE: ("utf-16", "UTF-16"),
    codecs.BOM_UTF16_BE: ("utf-16", "UTF-16"),
}
SAMPLE = 200  # lines that tell the separator


def read_text_table(path, sep=None):
    """Read the names and the columns of a text file.

    Parameters
    ----------
    path : Path
        The file.
    sep : str, default=None
        Separator; by default the one that suits the first lines best.

    Returns
    -------
    table : Bunch
        ``names``: list of str, each once. ``columns``: list of tuples of str, as they
        are in the file. ``lines``: ndarray of shape (n,), the line of the file in which
        each row begins. ``sep``: str. ``notes``: list of str, sentences on what was
        seen.
    """
    text, notes = decoded(path)
    body, first, header = _without_comments(text, notes)
    given = re.match(r"sep=(.)\r?\n", body)
    if given:  # Excel's own line
        body, first = body[given.end() :], first + 1
        sep = sep or given[1]
    sep = sep or sniffed(body)
    rows, lines = _records(body, sep, first)
    rows, lines = _without_empty(rows, lines, notes)
    if not rows:
        raise ValueError(
            f"read_file needs a line of names and rows; got {path.name}, which is "
            "empty. Check its contents."
        )
    if header and _is_header(header, rows[0], sep):
        rows.insert(0, _fields(header.lstrip("# "), sep))
        lines = np.insert(lines, 0, first)
        notes.append(f"The names of the columns are in line {first}, after '#'.")
    elif header:
        what = "Line 1 begins" if first == 1 else f"Lines 1 to {first} begin"
        notes.append(f"{what} with '#' and {'was' if first == 1 else 'were'} left out.")
    names, rows, lines = [name.strip() for name in rows[0]], rows[1:], lines[1:]
    if not rows:
        raise ValueError(
            f"read_file needs rows under the line of names; got {path.name} without "
            "any. Check its contents."
        )
    rows, lines = _without_names(rows, lines, names, notes)
    names, rows = _lined_up(names, rows, lines, sep, notes)
    return Bunch(
        names=_each_once(names, notes),
        columns=list(zip(*rows, strict=True)),
        lines=lines,
        sep=sep,
        notes=notes,
    )


def decoded(path):
    """Text of a file, and a sentence if it is not plain UTF-8."""
    data = path.read_bytes()
    encoding, name = "utf-8", None
    for mark, known in MARKS.items():
        if data.startswith(mark):
            encoding, name = known
            break
    else:
        n_zeros = [data[:4096][side::2].count(0) for side in (0, 1)]
        if max(n_zeros) > len(data[:4096]) / 4:
            encoding = "utf-16-be" if n_zeros[0] > n_zeros[1] else "utf-16-le"
            name = "UTF-16 without a byte order mark"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        text, name = data.decode("latin-1"), "Latin-1, because it is not UTF-8"
        # What Windows calls Latin-1 has letters where the standard has controls.
        if any("\x80" <= sign <= "\x9f" for sign in set(text)):
            text = data.decode("cp1252", errors="replace")
    if "\0" in text:
        raise ValueError(
            f"read_file needs a file of text; got a zero byte in {path.name}. Save "
            "the table as CSV."
        )
    return text, [f"The file was read as {name}."] if name else []


def _without_comments(text, notes):
    """Text after the lines that begin with '#', how many these are, and the last."""
    first, header = 0, None
    while text.startswith("#"):
        header, _, text = text.partition("\n")
        first += 1
    return text, first, header


def _is_header(line, row, sep):
    """Whether a line after '#' has the names of the columns of a row of values."""
    names = _fields(line.lstrip("# "), sep)
    has_numbers = any(re.fullmatch(r"[-+]?\d+([.,]\d+)?", field) for field in row)
    return len(names) == len(row) > 1 and has_numbers


def _fields(line, sep):
    """Fields of one line."""
    return next(csv.reader([line.strip("\r\n ")], delimiter=sep), [])


def sniffed(text):
    """Separator by which most lines have as many fields as the first, and many."""
    # The last line may be cut off.
    sample = text[:200_000].splitlines()
    sample = sample[: min(SAMPLE, max(1, len(sample) - 1))]
    return max(SEPARATORS, key=lambda sep: _suits(sample, sep))


def _suits(sample, sep):
    """How well a separator suits some lines; 0 if it is not in the first."""
    if sep == " ":
        sample = [line.strip() for line in sample]
    reader = csv.reader(sample, delimiter=sep, skipinitialspace=True)
    try:
        rows = [row for row in reader if row]
    except csv.Error:
        return 0
    if not rows:
        return 0
    n = len(rows[0])
    # Lines of one length that is not that of the names are refused later, in words.
    fits = [
        1 if len(row) >= n and not any(row[n:]) else 0.1 * (len(row) == len(rows[1]))
        for row in rows[1:]
    ]
    # Words in a field have spaces between them, too.
    weight = 0.5 if sep == " " else 1
    return weight * math.log(n) * (np.mean(fits) if fits else 1)


def _records(text, sep, first):
    """Fields of each record, and the line it begins in, after the first few lines."""
    if sep == " ":
        text = "\n".join(line.strip() for line in text.splitlines())
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=sep, skipinitialspace=True, strict=True
    )
    rows, lines, line = [], [], first + 1
    try:
        for row in reader:
            if row:
                rows.append(row)
                lines.append(line)
            line = first + reader.line_num + 1
    except csv.Error as error:
        raise ValueError(
            f"read_file needs quotes that close; got one that does not in line {line} "
            f"({error}). Close it, or write a quote inside of quotes twice."
        ) from None
    return rows, np.array(lines, int)


def _without_empty(rows, lines, notes):
    """Leave out lines of nothing but separators, as spreadsheets write them."""
    keep = [any(row) for row in rows]
    if all(keep):
        return rows, lines
    n = len(keep) - sum(keep)
    what = "1 line without values was" if n == 1 else f"{n} lines without values were"
    notes.append(f"{what} left out.")
    return [row for row, full in zip(rows, keep, strict=True) if full], lines[keep]


def _without_names(rows, lines, names, notes):
    """Leave out lines that repeat the names, as in files that were joined."""
    keep = [row != names for row in rows]
    if all(keep) or not any(keep):
        return rows, lines
    notes.append(
        f"The names of the columns come again in line {lines[keep.index(False)]}; "
        f"{keep.count(False)} such lines were left out."
    )
    return [row for row, is_other in zip(rows, keep, strict=True) if is_other], lines[
        keep
    ]


def _lined_up(names, rows, lines, sep, notes):
    """Names and rows of one length; refuse a line of another length."""
    n = len(names)
    counts = np.array([len(row) for row in rows])
    if counts.max() < n and not any(names[counts.max() :]):
        names, n = names[: counts.max()], counts.max()
        notes.append("The line of names ends in separators, which were left out.")
    most = int(counts.max())
    if most > n and counts.min() == most and not any(any(row[n:]) for row in rows):
        notes.append(
            f"Each line of values ends in {most - n} empty "
            f"field{'s' * (most - n > 1)} more than there are names; these were left "
            "out."
        )
        return names, [row[:n] for row in rows]
    wrong = np.flatnonzero(counts != n)
    if len(wrong):
        row = wrong[0]
        more = f", and in {len(wrong) - 1} more" if len(wrong) > 1 else ""
        raise ValueError(
            f"read_file needs {n} fields in each line, as there are names; got "
            f"{counts[row]} in line {lines[row]}{more}. Correct the line, put fields "
            f"with {SEPARATORS.get(sep, repr(sep))} inside in quotes, or name another "
            "separator, sep."
        )
    return names, rows


def _each_once(names, notes):
    """Names of which each is there once; an empty one gets the column's number."""
    nameless = [f"column {i}" for i, name in enumerate(names, start=1) if not name]
    if nameless:
        what = f"{len(nameless)} columns have" if len(nameless) > 1 else "A column has"
        notes.append(f"{what} no name in the file, such as {nameless[0]!r}.")
    names = [name or f"column {i}" for i, name in enumerate(names, start=1)]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if not twice:
        return names
    notes.append(
        f"Names of several columns, such as {twice[0]!r}, got numbers, such as "
        f"'{twice[0]} (2)'."
    )
    seen, unique = Counter(), []
    for name in names:
        seen[name] += 1
        unique.append(f"{name} ({seen[name]})" if seen[name] > 1 else name)
    return unique
