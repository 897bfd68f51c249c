"""The parser of numbers in text: what float says, to the last bit."""

import pickle

import numpy as np
import pytest
from helpers import refuses
from hypothesis import given, settings
from hypothesis import strategies as st

from skaug.signals._decimals import NotANumberError, parse_lines

DECIMAL = r"-?[0-9]{1,20}(\.[0-9]{0,20})?(e[+-][0-9]{1,2})?"


def check_against_float(tokens):
    values, counts = parse_lines(" ".join(tokens).encode() + b"\n")
    expected = np.array([float(token) for token in tokens])
    np.testing.assert_array_equal(values.view(np.int64), expected.view(np.int64))
    assert counts.tolist() == [len(tokens)]


@pytest.mark.parametrize(
    "form", ["%.7g", "%.9g", "%.17g", "%.6f", "%.3f", "%.7e", "%d"]
)
@pytest.mark.parametrize("scale", [1e-3, 1.0, 9.8, 1e5])
def test_numbers_as_programs_write_them(form, scale):
    numbers = scale * np.random.default_rng(0).normal(size=3000)
    check_against_float([form % number for number in numbers])


@settings(max_examples=60)
@given(st.lists(st.from_regex(DECIMAL, fullmatch=True), min_size=1, max_size=12))
def test_any_decimal(tokens):
    check_against_float(tokens)


@settings(max_examples=200)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_any_float(numbers):
    check_against_float([repr(number) for number in numbers])


def test_hard_cases():
    check_against_float(
        ["0", "-0", "+1", "-0.0", ".5", "-.5", "5.", "007", "1e5", "1E-5", "2e+300"]
        + ["12345678", "123456789", "1234567.8", "12345678.9", "0.123456789", "1e-320"]
        + ["9007199254740992", "9007199254740993", "900719925474099.25", "1.5e+22"]
        + ["977078660930951.5", "123456.7890123456", "-0.001234567890123"]
        + ["0.01234567", "-0.00000001", "1.01234567", "00.1234567", "0012345678"]
        + ["0.1", "0.30000000000000004", "123456789.123456789", "8.5e-22", "8.5e-23"]
    )


@pytest.mark.parametrize("offset", range(9))
def test_where_a_number_stands_does_not_matter(offset):
    text = b"\n" + b" " * offset + b"-12.345678 9.8123456 1234567.890123 4\n"
    values, counts = parse_lines(text)
    assert values.tolist() == [-12.345678, 9.8123456, 1234567.890123, 4.0]
    assert counts.tolist() == [0, 4]


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        (b"", []),
        (b"\n", [0]),
        (b"1\t2\r\n  3   4  \r\n", [2, 2]),
        (b"1 2\n\n3\n", [2, 0, 1]),
        (b"1 2\n3", [2, 1]),
    ],
)
def test_white_space(text, counts):
    values, found = parse_lines(text)
    assert found.tolist() == counts
    assert values.tolist() == [1.0, 2.0, 3.0, 4.0][: sum(counts)]


NO_NUMBERS = """
- . -. --1 1-2 1.2.3 1..2 1.5- 1- e5 1e 1e+ 1e+0a 5e+1e+10 1.25x+00 1e400 -1e+999
abc nan NaN inf -Infinity 1_0 0x10 1,2 1;2 12345678.123.4 123456789- ½
-123456789.12-4567 1.23456789012345x 1.2345.6789012 12345678901234567890.5.5
"""
A_WIDE_ONE = "\uff11"


@pytest.mark.parametrize("token", [*NO_NUMBERS.split(), 60 * "x", A_WIDE_ONE])
def test_what_is_no_number_is_refused_with_its_place(token):
    with pytest.raises(NotANumberError) as caught:
        parse_lines(f"1 2 3\n4.5 {token} 6e0\n7\n".encode())
    assert (caught.value.line, caught.value.column) == (1, 1)
    assert caught.value.token == token.encode().decode("latin-1")[:40]
    many = f"{-0.1234567890123456789:.18e} " * 30
    with pytest.raises(NotANumberError) as caught:
        parse_lines(f"{many}\n{many}{token} 1\n".encode())
    assert (caught.value.line, caught.value.column) == (1, 30)
    again = pickle.loads(pickle.dumps(caught.value))
    assert str(again) == str(caught.value) and again.line == 1


@pytest.mark.parametrize(
    "text, place",
    [
        ("1 2\n".encode("utf-16-le"), r"line 1, number 1: '\\x00'"),
        (b"1 2 \x1a\n3 4\n", r"line 1, number 3: '\\x1a'"),
        (b"1 2\n3 4\x1b5\n", r"line 2, number 2: '\\x1b'"),
    ],
)
def test_control_characters_are_no_white_space(text, place):
    with refuses(place, NotANumberError):
        parse_lines(text)


def test_missing_numbers_are_let_through_on_request():
    text = b"nan 1.5 NaN\n\nNAN\n-2.5e-3 nan\n"
    values, counts = parse_lines(text, missing=True)
    nan = np.nan
    np.testing.assert_array_equal(values, [nan, 1.5, nan, nan, -2.5e-3, nan])
    assert counts.tolist() == [3, 0, 1, 2]
    with refuses("line 1, number 1: 'nan'", NotANumberError):
        parse_lines(text)


@pytest.mark.parametrize("token", ["inf", "NA", "nano", "-nan", "+nan", "non", "nan,"])
def test_other_words_are_no_missing_numbers(token):
    with pytest.raises(NotANumberError) as caught:
        parse_lines(f"1 nan 3\nNaN {token} nan\n7\n".encode(), missing=True)
    assert (caught.value.line, caught.value.column) == (1, 1)
    assert caught.value.token == token


@settings(max_examples=100)
@given(st.lists(st.from_regex(DECIMAL, fullmatch=True) | st.just("NaN"), min_size=1))
def test_missing_numbers_do_not_change_others(tokens):
    values, counts = parse_lines(" ".join(tokens).encode() + b"\n", missing=True)
    np.testing.assert_array_equal(values, [float(token) for token in tokens])
    assert counts.tolist() == [len(tokens)]
