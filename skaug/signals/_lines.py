"""Text files of numbers, a row in each line, read block by block.

The lines that cannot be read are gathered, so that one message names them all.
"""

from contextlib import contextmanager

import numpy as np

from skaug.signals._decimals import NotANumberError, parse_lines

__all__ = [
    "BadLines",
    "BadLinesError",
    "blocks",
    "check_line_ends",
    "check_range",
    "note_unknown_labels",
    "open_text",
    "parse_rows",
]

PACKED = b"PK\x03\x04", b"\x1f\x8b", b"Rar!"  # how zip, gzip and rar begin
LONGEST_LINE = 2**24  # bytes
N_LISTED = 5  # lines that a message describes
MOST_BAD = 1000  # lines after which reading ends


class BadLinesError(ValueError):
    """Raised for lines that cannot be read; `lines` are their numbers, from 0."""

    def __init__(self, message, lines=()):
        super().__init__(message)
        self.lines = lines


class BadLines:
    """Gathers lines that cannot be read.

    `advice` is a function of the numbers of the lines, counted from 0 and one for each
    thing that is wrong, and of whether all that is wrong is NaN.
    """

    def __init__(self, advice):
        self.advice = advice
        self.lines = []
        self.texts = []
        self.only_nan = True

    def add(self, file, line, needed, got):
        """Note a line, counted from 0, of a file."""
        self.lines.append(int(line))
        self.only_nan &= got.lower().startswith("'nan'")
        if len(self.texts) < N_LISTED:
            place = f"{file}, line {line + 1}"
            self.texts.append(f"{place}: {needed}; got {got}")
        if len(self.lines) == MOST_BAD:
            self.refuse("or more ")

    def refuse(self, more=""):
        """Raise an error that names the lines, if there are any."""
        n = len(self.lines)
        if not n:
            return
        texts = ". ".join(self.texts)
        if n > 1:
            texts = f"{n:,} {more}lines cannot be read. {texts}"
        if n > N_LISTED:
            others = "other" if n - N_LISTED == 1 else "others"
            texts = f"{texts}. And {n - N_LISTED:,} {more}{others}"
        message = f"{texts}. {self.advice(self.lines, self.only_nan)}"
        raise BadLinesError(message, sorted(set(self.lines)))


@contextmanager
def open_text(path):
    """Open text as bytes, after the mark of UTF-8 if it has one; refuse UTF-16."""
    with open(path, "rb") as file:
        start = file.read(64)
        if start.startswith(PACKED):
            raise ValueError(
                f"{path.name}, line 1: text is needed; got a packed file. Unpack it."
            )
        if start.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in start:
            raise ValueError(
                f"{path.name}, line 1: text of one byte per character is needed; got "
                "UTF-16, or zeros. Convert the file: "
                "path.write_text(path.read_text('utf-16'))."
            )
        file.seek(3 if start.startswith(b"\xef\xbb\xbf") else 0)
        yield file


def blocks(path, size):
    """Yield blocks of whole lines, of about `size` bytes, up to the last number."""
    with open_text(path) as file:
        while text := file.read(size) + file.readline(LONGEST_LINE):
            if not file.peek(1):
                text = text.rstrip() + b"\n"
            if text != b"\n":
                yield text


def check_line_ends(path, text, line):
    """Refuse lines that end in a carriage return, as old Macintoshes wrote them."""
    if b"\r" in text and text.count(b"\r") > text.count(b"\r\n"):
        line += text.partition(b"\r")[0].count(b"\n")
        raise ValueError(
            f"{path.name}, line {line + 1}: lines that end in a newline are needed; got"
            " a carriage return without one. Convert the file."
        )


def parse_rows(text, n_numbers, file, lines, bad, *, missing=False, as_in=""):
    """Parse lines of `n_numbers` numbers each, (n_lines, n_numbers).

    `lines` are the numbers of the lines in the file. Any other line is noted in `bad`,
    and its row is NaN.
    """
    try:
        values, counts = parse_lines(text, missing)
        if (counts == n_numbers).all():
            return values.reshape(-1, n_numbers)
    except NotANumberError:
        pass
    texts = text.split(b"\n")
    del texts[len(texts) - text.endswith(b"\n") :]
    rows = np.full((len(texts), n_numbers), np.nan)
    for row, one, line in zip(rows, texts, lines):
        try:
            values, _ = parse_lines(one, missing)
        except NotANumberError as error:
            got = f"{error.token!r} as number {error.column + 1}"
            bad.add(file, line, "a finite number is needed", got)
            continue
        if len(values) == n_numbers:
            row[:] = values
        else:
            bad.add(
                file, line, f"{n_numbers} numbers are needed{as_in}", f"{len(values)}"
            )
    return rows


def check_range(values, file, lines, bad):
    """Note lines with numbers that float32 cannot hold."""
    limit = np.finfo(np.float32).max
    if values.max(initial=0) <= limit and values.min(initial=0) >= -limit:
        return
    for i, j in _first_of_rows(np.abs(values) > limit):
        got = f"{values[i, j]:g} as number {j + 1}"
        bad.add(file, lines[i], "numbers within the range of float32 are needed", got)


def note_unknown_labels(values, n_labels, file, lines, bad):
    """Note lines with labels other than 0 to n_labels - 1; NaN is noted already."""
    unknown = ~np.isin(values, range(n_labels)) & ~np.isnan(values)
    for i, j in _first_of_rows(unknown):
        got = f"{values[i, j]:g} as number {j + 1}"
        bad.add(file, lines[i], f"labels from 0 to {n_labels - 1} are needed", got)


def _first_of_rows(mask):
    """Row and column of the first True of each row that has one."""
    (rows,) = mask.any(axis=1).nonzero()
    return zip(rows, mask[rows].argmax(axis=1))
