"""Texts of a column as numbers, in the forms in which people write them.

A number may have a sign, a currency, separators between thousands, a decimal point or
comma, an exponent and a unit. What cannot be read as a number is listed, not guessed.
"""

import re
from collections import Counter
from itertools import islice

import numpy as np
from sklearn.utils import Bunch

__all__ = ["as_numbers", "decimal_signs", "is_missing"]

_WORDS = ["na", "n/a", "n.a.", "nan", "null", "none", "nil", "missing", "<na>", "#n/a"]
_WORDS += ["#na", "#div/0!", "#value!"]
_SIGNS = ["", "?", ".", "..", "-", "--", "---", "\N{EN DASH}", "\N{EM DASH}"]
MISSING = {form(word) for word in _WORDS for form in (str, str.upper, str.capitalize)}
MISSING |= {"NaN", *_SIGNS}
CURRENCY = "[$€£¥₹]|USD|EUR|GBP|CHF"
UNIT = "(?:[$€£¥₹%‰]|[^\\W\\d_]|[°µ])[^\\W_²³]{0,3}[\\w°µ/²³^*·%]{0,8}"
SPACES = " \u00a0\u2009\u202f'\N{RIGHT SINGLE QUOTATION MARK}"
SIGN = "[-+\N{MINUS SIGN}]"
BEFORE = rf"(?P<sign>{SIGN}?)\s?(?P<currency>{CURRENCY})?\s?(?P<inner>{SIGN}?)"
AFTER = rf"(?P<exponent>[eE][-+]?\d+)?\s?(?P<unit>{UNIT})?"
OTHER = {".": ",", ",": "."}
ENOUGH = 1000  # texts that tell the decimal sign of a column, if they tell any


def _pattern(decimal):
    """Pattern of a number with this decimal sign."""
    d, groups = re.escape(decimal), re.escape(OTHER[decimal] + SPACES)
    grouped = rf"\d{{1,3}}(?P<group>[{groups}])\d{{3}}(?:(?P=group)\d{{3}})*"
    body = rf"(?:{grouped}|\d+)(?:{d}\d*)?|{d}\d+"
    return re.compile(rf"{BEFORE}(?P<body>{body}){AFTER}")


def _sure_pattern(decimal):
    """Pattern of a number that tells that this is its decimal sign.

    5.1 does, while 5.100 might as well be five thousand and one hundred.
    """
    d, g = re.escape(decimal), re.escape(OTHER[decimal])
    bodies = [
        rf"\d{{1,3}}(?:{g}\d{{3}})+{d}\d+",
        rf"\d{{1,3}}(?:{g}\d{{3}}){{2,}}",
        rf"\d*{d}(?:\d{{1,2}}|\d{{4,}})",
        rf"(?:0*|\d{{4,}}){d}\d+",
        rf"\d+{d}\d+(?=[eE])",
    ]
    return re.compile(rf"(?m)^{BEFORE}(?:{'|'.join(bodies)}){AFTER}$")


PATTERNS = {decimal: _pattern(decimal) for decimal in OTHER}
SURE = {decimal: _sure_pattern(decimal) for decimal in OTHER}
UNSURE = re.compile(r"(?m)^[-+]?\d{1,3}([.,])\d{3}$")


def is_missing(text):
    """Whether a text stands for a missing number."""
    return text in MISSING


def decimal_signs(columns, sep=None):
    """Decimal sign of each column of texts, the usual one, and whether any tells it."""
    columns = list(columns)
    signs = [_own_sign(texts) for texts in columns]
    votes = Counter(sign for sign in signs if sign)
    if votes:
        usual = "," if votes[","] > votes["."] else "."
    else:
        # Beside semicolons, 5,100 is rather a decimal number than five thousand.
        unsure = {
            sign for texts in columns for sign in UNSURE.findall("\n".join(texts))
        }
        usual = "," if sep == ";" and unsure == {","} else "."
    return [sign or usual for sign in signs], usual, bool(votes)


def _own_sign(texts):
    """Decimal sign that the texts of a column tell, or None."""
    for some in (texts[:ENOUGH], texts[ENOUGH:]):
        joined = "\n".join(some)
        if "," not in joined and "." not in joined:
            continue
        counts = {
            sign: sum(1 for _ in islice(pattern.finditer(joined), ENOUGH))
            for sign, pattern in SURE.items()
        }
        if any(counts.values()):
            return "," if counts[","] > counts["."] else "."
    return None


def as_numbers(texts, decimal=".", na=frozenset()):
    """Read texts as numbers, all of one unit.

    Parameters
    ----------
    texts : sequence of str
        Texts without spaces around them.
    decimal : {".", ","}, default="."
        The decimal sign.
    na : frozenset of str, default=frozenset()
        Texts that stand for a missing number, besides the usual ones.

    Returns
    -------
    found : Bunch
        ``numbers``: ndarray of shape (n,), NaN where one is missing or is none.
        ``n_present``: int, how many texts are not missing.
        ``odd``: Counter of the texts that are no numbers.
        ``marks``: Counter of the texts that stand for a missing number.
        ``unit``: str, what stands beside the numbers, such as "cm" or "$".
        ``grouped``: str, a number with separators between thousands, or None.
    """
    marks = (MISSING | na).intersection(texts)
    values = _plain(texts, marks, decimal)
    marks = Counter({text: texts.count(text) for text in marks})
    found = Bunch(
        numbers=values,
        n_present=len(texts) - marks.total(),
        odd=Counter(),
        marks=Counter({text: n for text, n in marks.items() if text}),
        unit="",
        grouped=None,
    )
    if values is None:
        found.update(_one_by_one(texts, marks, decimal))
    return found


def _plain(texts, marks, decimal):
    """Values of texts that Python reads as they are, but for marks; None if any not."""
    if marks:
        texts = ["nan" if text in marks else text for text in texts]
    joined = "\n".join(texts)
    if "_" in joined:  # Python takes 1_000 for a number.
        return None
    if decimal == ",":
        if "." in joined or joined.count("\n") >= len(texts):
            return None
        texts = joined.replace(",", ".").split("\n")
    try:
        return np.array(list(map(float, texts)))
    except ValueError:
        return None


def _one_by_one(texts, marks, decimal):
    """Numbers, odd texts, unit and example of groups, each text read by itself."""
    counts = Counter(texts)
    found = {text: _number(text, decimal) for text in counts if text not in marks}
    unit = _common_unit(found, counts)
    # A number with another unit is another quantity, unless it is 0.
    right = {
        text: number
        for text, number in found.items()
        if number and (number[1] == unit or number[:2] == (0, ""))
    }
    lookup = {text: number[0] for text, number in right.items()}
    return {
        "numbers": np.array([lookup.get(text, np.nan) for text in texts], np.float64),
        "odd": Counter({text: counts[text] for text in found if text not in right}),
        "unit": unit,
        "grouped": next((text for text in right if right[text][2]), None),
    }


def _number(text, decimal):
    """Value, unit, and whether there are groups of thousands; None if no number."""
    try:
        if "_" not in text and (decimal == "." or "." not in text):
            return float(text.replace(decimal, ".")), "", False
    except ValueError:
        pass
    match = PATTERNS[decimal].fullmatch(text)
    if not match:
        return None
    body, group = match["body"], match["group"]
    if group:
        body = body.replace(group, "")
    signs = match["sign"] + match["inner"]
    value = float(body.replace(",", ".") + (match["exponent"] or ""))
    negative = any(sign in "-\N{MINUS SIGN}" for sign in signs)
    units = [match["currency"] or "", match["unit"] or ""]
    return -value if negative else value, " ".join(filter(None, units)), bool(group)


def _common_unit(found, counts):
    """Unit of most numbers, which may be none."""
    units = Counter()
    for text, number in found.items():
        if number:
            units[number[1]] += counts[text]
    return units.most_common(1)[0][0] if units else ""
