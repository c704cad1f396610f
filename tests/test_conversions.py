"""Tokens to text, and text to numbers, digit by digit."""

import json
from decimal import Decimal
from math import isfinite

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from transforms.conversions import ConversionError, json_number, to_text
from transforms.jsonpath import MISSING


@pytest.mark.parametrize(
    ("token", "text"),
    [
        ("as is", "as is"),
        ("  blanks stay ", "  blanks stay "),
        ("", ""),
        ("2019-02-01T22:46:01.500+02:00", "2019-02-01T22:46:01.500+02:00"),
        (78, "78"),
        (-19, "-19"),
        (2**64 - 1, "18446744073709551615"),
        (60.0, "60"),
        (-60.0, "-60"),
        (72.10, "72.1"),
        (98.43639286275842, "98.43639286275842"),
        (0.0, "0"),
        (-0.0, "-0"),
        (0.0001, "0.0001"),
        (0.00001, "1E-05"),
        (1.5e-7, "1.5E-07"),
        (5e-324, "5E-324"),
        (123456789012345.0, "123456789012345"),
        (1234567890123456.0, "1234567890123456"),
        (1e16, "1E+16"),
        (1.2345678901234568e17, "1.2345678901234568E+17"),
        (True, "true"),
        (False, "false"),
        (None, None),
        (MISSING, None),
    ],
)
def test_a_token_has_one_text(token, text):
    assert to_text(token) == text


@pytest.mark.parametrize(
    ("token", "message"),
    [
        ([], "an array has no text"),
        (["78"], "an array has no text"),
        ({}, "an object has no text"),
        ({"hr": 78}, "an object has no text"),
        (2.0**63, "a whole number beyond 64 bits loses digits: send it as a string"),
        (-1e300, "a whole number beyond 64 bits loses digits: send it as a string"),
        (float("inf"), "NaN and infinities have no text"),
        (float("-inf"), "NaN and infinities have no text"),
        (float("nan"), "NaN and infinities have no text"),
    ],
)
def test_what_has_no_text_is_an_error_that_names_the_kind_only(token, message):
    with pytest.raises(ConversionError) as caught:
        to_text(token)

    assert str(caught.value) == message


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_the_text_of_a_float_reads_back_as_the_same_number(number):
    assume(not number.is_integer() or abs(number) < 2**63)
    text = to_text(number)

    assert text is not None
    assert float(text) == number
    assert json_number(text) == text


@given(st.integers(-(2**63), 2**64 - 1))
def test_the_text_of_an_integer_holds_every_digit(number):
    assert to_text(number) == str(number)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("98.60", "98.60"),
        (" 98.60\t", "98.60"),
        ("0", "0"),
        ("-0", "-0"),
        ("-0.0", "-0.0"),
        ("1e5", "1e5"),
        ("1E-05", "1E-05"),
        ("+5", "5"),
        ("5-", "-5"),
        ("5+", "5"),
        ("-.5", "-0.5"),
        (".5-", "-0.5"),
        ("5.", "5"),
        ("007", "7"),
        ("0098.60", "98.60"),
        ("+1e5", "1E+5"),
        ("5.e3", "5E+3"),
        ("1,234", "1234"),
        ("1,234-", "-1234"),
        ("-12,345,678.90", "-12345678.90"),
        ("123456789012345678901234567890.5", "123456789012345678901234567890.5"),
    ],
)
def test_a_number_is_written_as_json_with_every_digit(text, number):
    assert json_number(text) == number


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", ".", "-", "+", "+-", "e5", "--5", "+5-", "-5-", "5 5", "5 -"),
        *("72,5", "1,23", "12,34", "1234,567", ",123", "1,234,56", "1.234,5"),
        *("0,123", "00,123", "012,345"),  # a decimal comma: 123 would be far off
        *("NaN", "nan", "Infinity", "-inf", "1e400", "-1e400", "9" * 400),
        *("0x10", "1_000", "(5)", "$5", "5%", "1 000", "٣", "５", "1e", "1e5.0"),
        *("true", "null", "five", "5\n6", "+1e99999999999999999999"),
        *("1e-99999999999999999999", "0e10000", "-1.5E-10000", "1e-10000-"),
    ],
)
def test_what_is_no_finite_number_is_none(text):
    assert json_number(text) is None


_DECIMALS = st.decimals(allow_nan=False, allow_infinity=False).filter(
    lambda number: isfinite(float(number))
)


def read(number):
    """Reads a JSON number without losing a digit."""
    return json.loads(number, parse_float=Decimal, parse_int=Decimal)


@given(
    _DECIMALS,
    st.sampled_from(["{}", " {}", "{}\n", "\t{} "]),
)
def test_a_json_number_keeps_the_decimal_value_and_its_scale(number, form):
    found = json_number(form.format(number))

    assert found is not None
    assert read(found).as_tuple() == number.as_tuple()


@given(
    st.decimals(0, 10**12, places=3),
    st.sampled_from([("+{:,}", 1), ("{:,}-", -1), ("00{}", 1), ("-{}", -1)]),
)
def test_signs_commas_and_leading_zeros_keep_the_decimal_value(number, form):
    pattern, sign = form
    found = json_number(pattern.format(number))

    assert found is not None
    assert read(found) == sign * number


@given(st.text(alphabet="0123456789+-.,eE ", max_size=12))
def test_whatever_the_text_the_answer_is_json_or_none(text):
    found = json_number(text)

    assert found is None or isfinite(float(read(found)))


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1e14, "100000000000000"),
        (1e15, "1E+15"),
        (1234567890123450.0, "1.23456789012345E+15"),
        (1234567890123456.0, "1234567890123456"),
        (12345678901234568.0, "12345678901234568"),
        (-2.5e18, "-2.5E+18"),
        (1e22 + 0.0, None),
    ],
)
def test_large_numbers_are_written_as_dotnet_does(number, text):
    if text is None:
        with pytest.raises(ConversionError):
            to_text(number)
    else:
        assert to_text(number) == text


@given(st.lists(st.text("0123456789+-.,eE ", max_size=8), min_size=1))
def test_a_number_is_the_same_at_every_time(texts):
    first = [json_number(text) for text in texts]

    assert [json_number(text) for text in texts] == first
