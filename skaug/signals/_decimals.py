"""Decimal numbers in text, parsed many at a time.

Recordings are gigabytes of text, which usual readers parse number by number. Here a
block of text is an array of bytes, and each step is taken for all numbers of the block
at once: eight characters are read as one 64-bit integer, a dot is shifted out of the
integer, and three multiplications turn the digits into their value [1]_. The results
equal those of ``float``: a mantissa below 2**53 and a power of ten up to 10**22 are
exact, so that their quotient is rounded correctly [2]_. Numbers of more digits, or
numbers in another notation, are given to ``float`` one by one.

References
----------
.. [1] D. Lemire, "Number parsing at a gigabyte per second", Software: Practice and
   Experience 51(8), 2021.
.. [2] W. D. Clinger, "How to read floating point numbers accurately", PLDI 1990.
"""

import re

import numpy as np

__all__ = ["NotANumberError", "parse_lines"]

NUMBER = re.compile(rb"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
PAD = 16  # Bytes added before and after the text, since words may reach beyond it.
DOT, ZERO, MINUS, PLUS = (ord(c) for c in ".0-+")
MAX_POWER = 22


def _in_every_byte(byte):
    """Make a word of eight equal bytes."""
    return np.uint64(int.from_bytes(bytes([byte]) * 8, "little"))


ZEROS, DOTS = _in_every_byte(ZERO), _in_every_byte(DOT ^ ZERO)
ONES, TOPS, TO_TOP = map(_in_every_byte, (0x01, 0x80, 0x80 - 10))
# Bits to shift out of a word for tokens of 0, 1, ... characters.
OUTSIDE = (8 * np.array([7, 7, 6, 5, 4, 3, 2, 1, 0])).astype(np.uint64)
# Divisors of positive numbers, then of negative numbers.
POWERS = np.concatenate([sign * 10.0 ** np.arange(MAX_POWER + 1) for sign in (1, -1)])


class NotANumberError(ValueError):
    """Raised where a text has something else than a finite number.

    The place is a line and a number within the line, counted from 0.
    """

    def __init__(self, line, column, token):
        super().__init__(line, column, token)
        self.line, self.column, self.token = line, column, token

    def __str__(self):
        return f"line {self.line + 1}, number {self.column + 1}: {self.token!r}"


def parse_lines(text, missing=False):
    r"""Parse the numbers of whole lines, and count the numbers of each line.

    The first token that is no finite number raises NotANumberError. With `missing`,
    NaN is let through, in small letters or capitals.

    >>> from skaug.signals._decimals import parse_lines
    >>> parse_lines(b"9.81 -0.5e-3\n7\n")
    (array([ 9.81e+00, -5.00e-04,  7.00e+00]), array([2, 1]))
    """
    if text and not text.endswith(b"\n"):
        text += b"\n"
    padded = np.frombuffer(b" " * PAD + text + b" " * PAD, np.uint8)
    # chars begins one blank before the text, so chars[i] is text[i - 1].
    chars = padded[PAD - 1 : PAD + len(text)]
    blanks = np.flatnonzero(chars <= ord(" "))
    kinds = chars.take(blanks)
    newlines = blanks.take(np.flatnonzero(kinds == ord("\n")))
    start, end = blanks[:-1] + 1, blanks[1:]
    length = end - start
    if not length.all():  # There are several blanks in a row.
        (some,) = length.nonzero()
        start, end, length = start[some], end[some], length[some]
    n_before = np.searchsorted(end, newlines, side="right")  # numbers in lines so far
    counts = np.diff(n_before, prepend=0)

    is_tab_to_return = kinds - np.uint8(ord("\t")) <= ord("\r") - ord("\t")
    control = (kinds != ord(" ")) & ~is_tab_to_return
    if control.any():
        place = blanks[control.argmax()]
        token = text[place - 1 : place]
        _refuse(token, place, np.searchsorted(end, place), newlines, n_before)
    values, odd = _parse(padded, chars, text, start, end, length)
    if missing and len(odd):
        odd = _without_missing(values, odd, chars, start, end)
    if len(odd) > len(values) / 20:
        every_value = _all_by_float(text)
        if every_value is not None:
            return every_value, counts
    for i in odd.tolist():
        token = text[start[i] - 1 : end[i] - 1]
        values[i] = float(token) if NUMBER.fullmatch(token) else np.nan
        if not np.isfinite(values[i]):
            _refuse(token, start[i], i, newlines, n_before)
    return values, counts


def _refuse(token, place, number, newlines, n_before):
    """Raise NotANumberError for the token at a place of the text."""
    line = int(np.searchsorted(newlines, place))
    column = int(number) - (int(n_before[line - 1]) if line else 0)
    raise NotANumberError(line, column, token.decode("latin-1")[:40])


def _without_missing(values, odd, chars, start, end):
    """Make tokens that read NaN missing values, and return the other odd tokens."""
    (three,) = (end[odd] - start[odd] == 3).nonzero()
    letters = chars[start[odd[three]] + np.arange(3)[:, None]] | 0x20
    is_nan = (letters == np.frombuffer(b"nan", np.uint8)[:, None]).all(axis=0)
    values[odd[three[is_nan]]] = np.nan
    return np.delete(odd, three[is_nan])


def _all_by_float(text):
    """Parse all tokens by float; None if one of them is no finite number."""
    if text.translate(None, b"0123456789+-.eE \t\n\v\f\r"):
        return None  # float would allow an underscore between digits, for example.
    try:
        values = np.array([float(token) for token in text.split()])
    except ValueError:
        return None
    return values if np.isfinite(values).all() else None


def _parse(padded, chars, text, start, end, length):
    """Parse all tokens, and tell which of them must be parsed by float."""
    words = padded[: len(padded) // 8 * 8].view("<u8")
    negative = chars.take(start) == MINUS
    length -= negative
    has_exponent = b"e" in text or b"E" in text
    if has_exponent:  # If there are only a few exponents, float parses them.
        has_exponent = np.count_nonzero(chars | 0x20 == ord("e")) > len(end) / 50
    if has_exponent:
        some, exponent, odd_exponent = _exponents(chars, end, length)
        end = end.copy()
        end[some] -= 4
        length[some] -= 4

    # A token consists of a head and its last eight characters, nine if one is a dot.
    value, power, dotted, odd = _last_characters(words, chars, end, length)
    longer = np.flatnonzero((length > 9) | ((length > 8) & ~dotted))
    # The head of eight digits is mostly "0.", which changes only their power of ten.
    plain = longer[(length.take(longer) == 10) & ~dotted.take(longer)]
    place = end.take(plain)
    plain = plain[(chars.take(place - 10) == ZERO) & (chars.take(place - 9) == DOT)]
    power[plain], length[plain] = 8, 8
    longer = longer[length.take(longer) > 8]
    if len(longer):
        taken = 8 + dotted[longer]
        end, length = end[longer] - taken, length[longer] - taken
        head, decimals, head_dotted, wrong = _last_characters(words, chars, end, length)
        head *= np.uint64(10**8)
        head += value[longer]
        wrong |= (length > 8) | (head >= 2**53) | (head_dotted & dotted[longer])
        value[longer] = head
        power[longer] += decimals + 8 * head_dotted
        odd[longer] |= wrong
    if has_exponent:
        exponent = power[some] - exponent
        power[some] = exponent
        odd[some] |= odd_exponent | (exponent < 0) | (exponent > MAX_POWER)
    negative = negative.view(np.uint8)
    negative *= np.uint8(MAX_POWER + 1)
    power += negative
    return value / POWERS.take(power, mode="clip"), odd.nonzero()[0]


def _exponents(chars, end, length):
    """Find tokens that end in an exponent like e+00, the exponents and wrong ones."""
    (some,) = ((chars.take(end - 4, mode="clip") | 0x20) == ord("e")).nonzero()
    some = some[length[some] > 4]
    sign, tens, units = (chars.take(end[some] - i) for i in (3, 2, 1))
    tens, units = tens - np.uint8(ZERO), units - np.uint8(ZERO)
    right = ((sign == PLUS) | (sign == MINUS)) & (tens < 10) & (units < 10)
    exponent = np.int64(10) * tens + units
    np.negative(exponent, out=exponent, where=sign == MINUS)
    return some, exponent, ~right


def _last_characters(words, chars, end, length):
    """Parse the last characters of tokens: eight digits, or nine with a dot.

    Returns the value of the digits (uint64), the number of digits after the dot,
    whether there is a dot, and whether anything else is there.
    """
    word = _words_before(words, end)
    word ^= ZEROS  # Digits become their value.
    outside = OUTSIDE.take(length, mode="clip")
    word >>= outside
    word <<= outside

    dot = _first_dots(word)
    dotted = dot != 0
    after = dot << np.uint64(1)
    np.negative(after, out=after)  # a mask of the bytes after the dot
    undotted = np.flatnonzero(~dotted)
    whole = word.take(undotted)
    # Shift the characters before the dot over it, and a ninth character in.
    before = np.right_shift(dot, np.uint64(7), out=dot)
    before -= np.uint64(1)
    before &= word
    before <<= np.uint64(8)
    word &= after
    word |= before
    word[undotted] = whole
    ninth = chars.take(end - 9, mode="clip")
    ninth ^= np.uint8(ZERO)
    ninth *= dotted & (length > 8)
    word |= ninth

    not_digits = np.add(word, TO_TOP, out=before)
    not_digits |= word
    wrong = length < 2
    wrong &= length <= dotted
    if np.bitwise_or.reduce(not_digits) & TOPS:
        wrong |= (not_digits & TOPS) != 0
    after &= ONES
    after *= ONES
    after >>= np.uint64(56)  # how many bytes are after the dot
    return _value_of_digits(word), after.view(np.int64), dotted, wrong


def _words_before(words, end):
    """Cut the eight characters before each end out of two aligned words."""
    place = end + (PAD - 1 - 8)  # The first character is the lowest byte.
    shift = (place & 7).view(np.uint64)
    shift <<= np.uint64(3)
    place >>= 3
    word = words.take(place)
    word >>= shift
    next_word = words[1:].take(place)
    next_word <<= np.uint64(1)
    shift ^= np.uint64(63)
    next_word <<= shift
    word |= next_word
    return word


def _first_dots(word):
    """Set the top bit of the first byte that is a dot, if any."""
    zeros = word ^ DOTS
    dot = zeros - ONES
    dot &= np.invert(zeros, out=zeros)
    dot &= TOPS
    dot &= np.negative(dot, out=zeros)
    return dot


def _value_of_digits(word):
    """Join digits in place: to pairs, pairs to fours, and fours to eights."""
    word *= np.uint64(10 << 8 | 1)
    word >>= np.uint64(8)
    word &= np.uint64(0x00FF00FF00FF00FF)
    word *= np.uint64(100 << 16 | 1)
    word >>= np.uint64(16)
    word &= np.uint64(0x0000FFFF0000FFFF)
    word *= np.uint64(10_000 << 32 | 1)
    word >>= np.uint64(32)
    return word
