"""What each column of a table is: numbers, categories, or nothing to learn from.

A column that counts rows gives sorted labels away, and dates, constants and texts that
are all different tell nothing about new rows. Such columns are left out, by name.
"""

import re
from collections import Counter, defaultdict
from dataclasses import dataclass

import numpy as np
from sklearn.utils import Bunch

from skaug.files.written_numbers import (
    OTHER,
    as_numbers,
    decimal_signs,
    is_missing,
)

__all__ = ["Column", "read_columns", "second_header"]

MOSTLY = 0.8  # of the values, to be of a kind
GAPS = 3  # numbers per row that is left, in a column that counted rows
FEW = 10  # rows in which numbers may count up by chance
EMPTY = "(empty)"  # the category of empty fields
SHOWN = 5  # values that a sentence names
ANSWERS = [("true", "false"), ("yes", "no"), ("t", "f"), ("y", "n"), ("on", "off")]
TIME = r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:\s?[AaPp][Mm])?\s?(?:Z|[-+]\d\d:?\d\d)?"
MONTH = "(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
DAY = (
    r"\d{4}([-/.])\d{1,2}\1\d{1,2}|\d{1,2}([-/.])\d{1,2}\2(?:\d{4}|\d{2})|"
    rf"\d{{1,2}}[-\s]{MONTH}[-\s,]+\d{{2,4}}|{MONTH}\s\d{{1,2}},?\s\d{{4}}"
)
DATE = re.compile(rf"(?:{DAY})(?:[T\s]\s?{TIME})?|{TIME}", re.IGNORECASE)
COUNTS = "it counts the rows"
PLURAL = {"has": "have", "is": "are"}
ROW_NAMES = re.compile(r"column \d+|unnamed: \d+|index|(row)?[ _]?(id|number|no)", re.I)


@dataclass
class Column:
    """What was made of a column.

    Attributes
    ----------
    name : str
        Its name in the file.
    kind : {"numbers", "categories", "left out"}
        What it is read as.
    note : str
        What is special about it, or why it was left out; empty if nothing.
    """

    name: str
    kind: str
    note: str = ""


def second_header(columns, labels, na=frozenset()):
    """Whether the first row, of texts of features and a label, has names or units."""
    if len(labels) < 3 or (labels[0] and labels[0] in labels[1:]):
        return False
    first = [texts[0] for texts in columns]
    words = [text for text in first if not is_missing(text) and text not in na]
    if not words or any(not as_numbers([t], sign).odd for t in words for sign in OTHER):
        return False
    rest = [texts[1:] for texts, text in zip(columns, first, strict=True) if text]
    signs = decimal_signs(rest)[0]
    return any(
        _is_numbers(as_numbers(t, s, na)) for t, s in zip(rest, signs, strict=True)
    )


def _is_numbers(found):
    """Whether enough of the texts that are not missing are numbers."""
    n_odd = found.odd.total()
    return found.n_present - n_odd >= max(1, MOSTLY * found.n_present)


def read_columns(fields, place, *, sep=None, decimal=None, na=frozenset()):
    """Tell what the columns of a table are, and read them.

    Parameters
    ----------
    fields : dict of str to sequence of str or ndarray of shape (n,)
        For each name, texts without spaces around them, or numbers or times.
    place : callable
        Says where in the file a row is.
    sep : str, default=None
        Separator of the file, which helps to tell the decimal sign.
    decimal : {".", ","}, default=None
        Decimal sign of all columns; by default each tells its own.
    na : frozenset of str, default=frozenset()
        Texts that stand for a missing value, besides the usual ones.

    Returns
    -------
    read : Bunch
        ``columns``: list of Column. ``kept``: dict of names to the values of columns
        that are not left out. ``decimal``: the usual decimal sign. ``notes``: list of
        str, sentences on what was seen.
    """
    of_texts = {name: c for name, c in fields.items() if not isinstance(c, np.ndarray)}
    signs, usual, is_told = decimal_signs(of_texts.values(), sep)
    if decimal is not None:
        signs, usual = [decimal] * len(signs), decimal
    signs = dict(zip(of_texts, signs, strict=True))
    columns, kept, notes = [], {}, defaultdict(list)
    for name in fields:
        if name in of_texts:
            read = _read_texts(name, fields[name], signs[name], na, place)
        else:
            read = _read_array(name, fields[name], na, place)
        column, values, seen = read
        columns.append(column)
        if column.kind == "left out":
            continue
        kept[name] = values
        if signs.get(name, usual) != usual and column.kind == "numbers":
            seen.append(f"has the decimal sign {signs[name]!r}, unlike other columns")
        for sentence in seen:
            notes[sentence].append(name)
    sentences = _sentences(columns, notes)
    if usual == "," and not is_told and decimal is None:
        sentences.append(
            "No number tells the decimal sign for sure. Fields are separated by "
            "semicolons, so commas were taken for it; if they separate thousands, give "
            "decimal='.' (--decimal .)."
        )
    return Bunch(columns=columns, kept=kept, decimal=usual, notes=sentences)


def _read_array(name, values, na, place):
    """Column of an array, its values, and nothing to say about it."""
    if values.dtype.kind in "mM":
        return Column(name, "left out", "it has dates or times"), None, []
    values = _without_marks(values.astype(np.float64), na)
    return _column_of_numbers(name, values, place), values, []


def _without_marks(values, na):
    """Numbers without those that the user has named as missing."""
    marks = as_numbers(sorted(na)).numbers if na else []
    return np.where(np.isin(values, marks), np.nan, values)


def _read_texts(name, texts, sign, na, place):
    """Column of texts, its values, and what to say about it."""
    found = as_numbers(texts, sign, na)
    if found.n_present == 0:
        return Column(name, "left out", "it has no values"), None, []
    if _is_numbers(found):
        values = _without_marks(found.numbers, na)
        column = _column_of_numbers(name, values, place)
        if found.unit and column.kind == "numbers":
            column.note = ", ".join(filter(None, [found.unit, column.note]))
        return column, values, _seen_in(found, sign)
    texts = ["" if text in na else text for text in texts]
    return _column_of_texts(name, texts, found)


def _column_of_numbers(name, values, place):
    """What a column of numbers is; infinite values are refused."""
    infinite = np.flatnonzero(np.isinf(values))
    if len(infinite):
        more = f", and in {len(infinite) - 1} more" if len(infinite) > 1 else ""
        raise ValueError(
            f"read_file needs finite numbers; got {values[infinite[0]]:g} in column "
            f"{name!r}, {place(infinite[0])}{more}. Correct it, leave the row out, or "
            "name it among the missing values, na."
        )
    present = values[~np.isnan(values)]
    if not len(present):
        return Column(name, "left out", "it has no values")
    if (present == present[0]).all():
        return Column(name, "left out", "it is constant")
    if _counts_rows(name, values):
        return Column(name, "left out", COUNTS)
    return Column(name, "numbers", _missing(values))


def _missing(values):
    """How many values are missing, in words; nothing if none are."""
    n = int(np.isnan(values).sum())
    return f"{n} missing" if n else ""


def _counts_rows(name, values):
    """Whether numbers count rows, in order or not, or number them under such a name."""
    n, has_name = len(values), bool(ROW_NAMES.fullmatch(name))
    if np.isnan(values).any() or (n < FEW and not has_name):
        return False
    with np.errstate(over="ignore"):
        steps, extent = np.diff(values), np.ptp(values)
        if np.allclose(steps, steps[0], rtol=1e-6, atol=0):
            return True  # such as moments, too
    is_whole = (values == np.round(values)).all()
    if not is_whole or len(np.unique(values)) < n:
        return False
    # Some rows may have been removed after they were counted.
    grows = (np.sign(steps) == np.sign(steps[0])).all() and extent < GAPS * n
    return bool(has_name or grows or extent == n - 1)


def _seen_in(found, sign):
    """What is special about the texts of a column of numbers."""
    seen = _seen_marks(found)
    if found.odd:
        seen.append(f"has {_listed(found.odd)} among its numbers, taken as missing")
    if found.unit:
        seen.append(f"has numbers with {found.unit!r}, which was taken off")
    if found.grouped:
        value = as_numbers([found.grouped], sign).numbers[0]
        seen.append(
            f"has separators between thousands: {found.grouped!r} is {value:.15g}"
        )
    return seen


def _seen_marks(found):
    """What stands for missing values in a column, if anything but nothing does."""
    return [f"has {_listed(found.marks)}, taken as missing"] if found.marks else []


def _column_of_texts(name, texts, found):
    """Column of texts: answers as 0 and 1, dates, or categories."""
    small = {text.casefold() for text in found.odd}
    for positive, negative in ANSWERS:
        if small == {positive, negative}:
            numbers = {positive: 1.0, negative: 0.0}
            values = [numbers.get(text.casefold(), np.nan) for text in texts]
            words = f"1 for {positive}, 0 for {negative}"
            note = ", ".join(filter(None, [words, _missing(np.array(values))]))
            seen = [f"is {words}", *_seen_marks(found)]
            return Column(name, "numbers", note), np.array(values), seen
    counts = Counter(texts)
    n_empty = counts.pop("", 0)
    n = len(texts) - n_empty
    dates = sum(count for text, count in found.odd.items() if DATE.fullmatch(text))
    if dates >= MOSTLY * found.n_present:
        return Column(name, "left out", "it has dates or times"), None, []
    if len(counts) == 1:
        return Column(name, "left out", "it is constant"), None, []
    if len(counts) == n and n >= FEW:
        return Column(name, "left out", "it has another text in each row"), None, []
    seen = []
    n_numbers = found.n_present - found.odd.total()
    if n_numbers > 0.5 * found.n_present:
        seen.append(
            f"has {n_numbers} numbers and {_listed(found.odd)}; more than a fifth are "
            "no numbers, so all are categories"
        )
    if n_empty:
        seen.append(f"has {n_empty} empty fields, which are a category, {EMPTY!r}")
        counts[EMPTY] += n_empty
    values = np.array([text or EMPTY for text in texts], dtype=object)
    return Column(name, "categories", f"{len(counts)} different"), values, seen


def _listed(counts):
    """The most frequent of some texts, with their counts."""
    shown = ", ".join(f"{text!r} ({n})" for text, n in counts.most_common(SHOWN))
    return shown + f" and {len(counts) - SHOWN} others" * (len(counts) > SHOWN)


def _sentences(columns, seen):
    """Sentences on columns, those of which the same is said together."""
    reasons = defaultdict(list)
    for column in columns:
        if column.kind == "left out":
            reasons[column.note].append(column.name)
    notes = []
    for reason, names in reasons.items():
        was = "was" if len(names) == 1 else "were"
        notes.append(f"{_named(names)} {was} left out: {reason}.")
    for what, names in seen.items():
        if len(names) > 1:
            verb, _, rest = what.partition(" ")
            what = f"{PLURAL[verb]} {rest}"
        notes.append(f"{_named(names)} {what}.")
    return notes


def _named(names):
    """Columns by name, the first of many."""
    shown = ", ".join(map(repr, names[:SHOWN]))
    more = f" and {len(names) - SHOWN} more" * (len(names) > SHOWN)
    return f"Column{'s' * (len(names) > 1)} {shown}{more}"
