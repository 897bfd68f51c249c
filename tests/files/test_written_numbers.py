"""Numbers as people write them, one text at a time and in columns."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skaug.files.written_numbers import as_numbers, decimal_signs


@pytest.mark.parametrize(
    ("text", "with_point", "with_comma"),
    [
        ("5.1", 5.1, None),
        ("5,1", None, 5.1),
        ("5,100", 5100, 5.1),
        ("1,234,567.8", 1234567.8, None),
        ("1.234.567,8", None, 1234567.8),
        ("1 234", 1234, 1234),
        ("1\u202f234", 1234, 1234),
        ("1'234.5", 1234.5, None),
        ("-$5.1", -5.1, None),
        ("$ -5.1", -5.1, None),
        ("5,1 €", None, 5.1),
        ("5.1%", 5.1, None),
        ("9.8 m/s²", 9.8, None),
        ("20 °C", 20, 20),
        ("\N{MINUS SIGN}3", -3, -3),
        ("1.5e-3", 0.0015, None),
        (".5", 0.5, None),
        ("1,23,4", None, None),
        ("1_000", None, None),
        ("A12", None, None),
        ("5-10", None, None),
        ("2020-01-01", None, None),
        ("12:30", None, None),
        ("<5", None, None),
    ],
)
def test_one_text(text, with_point, with_comma):
    for sign, value in ((".", with_point), (",", with_comma)):
        found = as_numbers([text], sign)
        assert found.n_present == 1
        assert found.odd.total() == (value is None)
        expected = np.nan if value is None else value
        np.testing.assert_allclose(found.numbers, [expected], rtol=1e-15)


@given(
    st.floats(-1e12, 1e12).filter(lambda x: abs(x) > 1e-6 or x == 0),
    st.sampled_from([",", " ", "'", "\u202f"]),
    st.sampled_from(["", "$", "€ "]),
    st.sampled_from(["", "%", " cm", " m/s2"]),
)
def test_a_number_comes_back_from_how_it_is_written(x, group, before, after):
    number = f"{x:,.7f}"
    as_written = before + number.replace(",", group) + after
    assert as_numbers([as_written], ".").numbers[0] == float(number.replace(",", ""))
    swapped = as_written.replace(".", "D").replace(",", ".").replace("D", ",")
    assert as_numbers([swapped], ",").numbers[0] == float(number.replace(",", ""))


def test_marks_and_odd_texts_are_counted_apart():
    found = as_numbers(["1", "", "?", "-", "n/a", "NaN", "?", "much", "-9"])
    np.testing.assert_array_equal(found.numbers, [1, *[np.nan] * 7, -9])
    assert found.marks == {"?": 2, "-": 1, "n/a": 1, "NaN": 1}
    assert found.odd == {"much": 1} and found.n_present == 3
    assert as_numbers(["1", "-9"], na=frozenset({"-9"})).marks == {"-9": 1}


def test_another_unit_is_another_quantity():
    found = as_numbers(["5 cm", "6 cm", "7 kg", "8", "0"])
    np.testing.assert_array_equal(found.numbers, [5, 6, np.nan, np.nan, 0])
    assert found.unit == "cm" and found.odd == {"7 kg": 1, "8": 1}


@pytest.mark.parametrize(
    ("columns", "sep", "signs"),
    [
        ([["5.1"], ["5,100"]], ",", ".."),  # thousands beside decimal points
        ([["5,1"], ["5.100"]], ";", ",,"),
        ([["5,100"], ["3"]], ";", ",,"),  # nothing is sure
        ([["5,100"], ["3"]], ",", ".."),
        ([["1.234"], ["3"]], ";", ".."),
        ([["1.234.567"], ["3"]], ";", ",,"),
        ([["0,125"], ["x"]], ";", ",,"),
        ([["1234,125"], ["x"]], "\t", ",,"),
        ([["1,5"], ["2,5"], ["3.5"]], ";", ",,."),
        ([["$1,234.5"], ["2"]], ",", ".."),
        ([["1,234e5"], ["2"]], ";", ",,"),
        ([["01.02.2020"], ["a, b"]], ",", ".."),
        ([["1"] * 1500 + ["2,5"], ["7"]], ";", ",,"),
    ],
)
def test_decimal_signs(columns, sep, signs):
    assert "".join(decimal_signs(columns, sep)[0]) == signs
