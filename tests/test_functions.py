"""The eight functions of the mapping language, and the stricter to_number."""

from datetime import datetime, timedelta, timezone
from decimal import Decimal

import jmespath
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jmespath.exceptions import JMESPathTypeError

from transforms.functions import FunctionError, MappingFunctions

_OUTSIDE = "the time lies outside the years 1 to 9999"
_OPTIONS = jmespath.Options(custom_functions=MappingFunctions())
MAX = 2**63 - 1
MIN = -(2**63)


def call(text, **document):
    return jmespath.search(text, document, options=_OPTIONS)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        # the documented vectors
        ("add(`10`, `10`)", 20),
        ("add(`40`, `50`)", 90),
        ("add(`0`, `50`)", 50),
        ("subtract(`10`, `10`)", 0),
        ("subtract(`40`, `50`)", -10),
        ("subtract(`0`, `50`)", -50),
        ("multiply(`10`, `10`)", 100),
        ("multiply(`40`, `50`)", 2000),
        ("multiply(`0`, `50`)", 0),
        ("divide(`10`, `10`)", 1),
        ("divide(`40`, `50`)", 0.8),
        ("divide(`0`, `50`)", 0),
        ("pow(`10`, `10`)", 10_000_000_000),
        ("pow(`0`, `50`)", 0),
        ("pow(`100`, `0.5`)", 10.0),
        # those of the source
        ("add(`0`, `0`)", 0),
        ("add(`-1`, `100`)", 99),
        (f"add(`0`, `{MAX}`)", MAX),
        (f"add(`0`, `{MIN}`)", MIN),
        ("add(`-1.0`, `10.5`)", 9.5),
        ("subtract(`-1`, `100`)", -101),
        (f"subtract(`{MAX}`, `{MAX}`)", 0),
        ("multiply(`-1`, `100`)", -100),
        ("multiply(`0.5`, `100.0`)", 50.0),
        ("divide(`100`, `25`)", 4),
        ("divide(`100`, `-1`)", -100),
        (f"divide(`0`, `{MAX}`)", 0),
        ("pow(`0`, `0`)", 1),
        ("pow(`10`, `2`)", 100),
        ("pow(`10.0`, `2.5`)", 316.22776601683796),
        ("pow(`100.0`, `-2.0`)", 0.0001),
        # decimal arithmetic: no binary noise, true division
        ("add(`0.1`, `0.2`)", 0.3),
        ("subtract(`0.3`, `0.1`)", 0.2),
        ("multiply(`72415`, `0.001`)", 72.415),
        ("multiply(`180`, `0.0254`)", 4.572),
        ("divide(`1`, `3`)", 0.3333333333333333),
        ("divide(`986`, `10`)", 98.6),
        ("divide(`1.0`, `2`)", 0.5),
        ("pow(`2`, `-1`)", 0.5),
        ("pow(`0.0`, `0.0`)", 1.0),
        ("pow(`10`, `-400`)", 0.0),
        ("add(`1`, `2.0`)", 3.0),
        (f"multiply(`{2**31}`, `{2**31}`)", 2**62),
        (f"subtract(`-1`, `{MAX}`)", MIN),
    ],
)
def test_arithmetic_is_decimal_and_whole_only_among_whole_numbers(text, result):
    found = call(text)

    assert (found, type(found)) == (result, type(result))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("divide(`50`, `0`)", "divide: division by zero"),
        ("divide(`0`, `0`)", "divide: division by zero"),
        ("divide(`1.5`, `0.0`)", "divide: division by zero"),
        ("pow(`40`, `50`)", "pow: the result does not fit into 64 bits"),
        (f"pow(`{MAX}`, `10`)", "pow: the result does not fit into 64 bits"),
        ("pow(`10`, `400`)", "pow: the result is too large"),
        ("pow(`0`, `-1`)", "pow: the result is too large"),
        ("pow(`-8`, `0.5`)", "pow: the result is no number"),
        (f"add(`{MAX}`, `1`)", "add: the result does not fit into 64 bits"),
        (f"subtract(`0`, `{MIN}`)", "subtract: the result does not fit into 64 bits"),
        (f"multiply(`{MAX}`, `2`)", "multiply: the result does not fit into 64 bits"),
        ("add(`1e308`, `1e308`)", "add: the result is too large"),
    ],
)
def test_a_result_that_is_no_64_bit_number_is_an_error(text, message):
    with pytest.raises(FunctionError) as caught:
        call(text)

    assert str(caught.value) == message


@pytest.mark.parametrize("name", ["add", "subtract", "multiply", "divide", "pow"])
@pytest.mark.parametrize("wrong", ["'1'", "[`1`]", "{a: `1`}", "`true`", "`null`"])
def test_arithmetic_takes_numbers_only(name, wrong):
    for text in (f"{name}({wrong}, `1`)", f"{name}(`1`, {wrong})"):
        with pytest.raises(JMESPathTypeError) as caught:
            call(text)

        assert (caught.value.function_name, caught.value.expected_types) == (
            name,
            ["number"],
        )


@pytest.mark.parametrize(
    ("original", "insert", "position", "result"),
    [
        ("mple", "sa", 0, "sample"),
        ("ppy", "ha", 0, "happy"),
        ("suess", "cc", 2, "success"),
        ("myString", "!!", 8, "myString!!"),
        ("", "x", 0, "x"),
        ("20261004T071231", ":", 11, "20261004T07:1231"),
    ],
)
def test_insert_string_inserts_before_the_position(original, insert, position, result):
    text = "insertString(a, b, c)"

    assert call(text, a=original, b=insert, c=position) == result


@pytest.mark.parametrize(
    ("position", "message"),
    [
        (9, "insertString: the position lies outside the text"),
        (100, "insertString: the position lies outside the text"),
        (-1, "insertString: the position lies outside the text"),
        (1.5, "insertString: the position must be a whole number"),
        (1.0, "insertString: the position must be a whole number"),
    ],
)
def test_insert_string_wants_a_position_within_the_text(position, message):
    with pytest.raises(FunctionError) as caught:
        call("insertString('myString', '!!', a)", a=position)

    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("insertString(`1`, 'b', `0`)", ["string"]),
        ("insertString(`null`, 'b', `0`)", ["string"]),
        ("insertString('a', ['b'], `0`)", ["string"]),
        ("insertString('a', 'b', '0')", ["number"]),
        ("insertString('a', 'b', `true`)", ["number"]),
        ("fromUnixTimestamp('0')", ["number"]),
        ("fromUnixTimestamp(`null`)", ["number"]),
        ("fromUnixTimestampMs([`0`])", ["number"]),
        ("fromUnixTimestampMs(`true`)", ["number"]),
    ],
)
def test_functions_take_no_other_kinds(text, expected):
    with pytest.raises(JMESPathTypeError) as caught:
        call(text)

    assert caught.value.function_name == text.partition("(")[0]
    assert caught.value.expected_types == expected


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("fromUnixTimestamp(`1625677200`)", "2021-07-07T17:00:00Z"),
        ("fromUnixTimestamp(`0`)", "1970-01-01T00:00:00Z"),
        ("fromUnixTimestamp(`-1`)", "1969-12-31T23:59:59Z"),
        ("fromUnixTimestamp(`-62135596800`)", "0001-01-01T00:00:00Z"),
        ("fromUnixTimestamp(`253402300799`)", "9999-12-31T23:59:59Z"),
        ("fromUnixTimestampMs(`1626799080000`)", "2021-07-20T16:38:00Z"),
        ("fromUnixTimestampMs(`0`)", "1970-01-01T00:00:00Z"),
        ("fromUnixTimestampMs(`1000`)", "1970-01-01T00:00:01Z"),
        ("fromUnixTimestampMs(`-1000`)", "1969-12-31T23:59:59Z"),
        ("fromUnixTimestampMs(`1250`)", "1970-01-01T00:00:01.25Z"),
    ],
)
def test_unix_time_is_an_iso_time_in_utc(text, time):
    assert call(text) == time


@pytest.mark.parametrize(
    ("name", "count", "complaint"),
    [
        ("fromUnixTimestamp", 1625677200.0, "the argument must be a whole number"),
        ("fromUnixTimestampMs", 0.5, "the argument must be a whole number"),
        (
            "fromUnixTimestamp",
            253402300800,
            "the time lies outside the years 1 to 9999",
        ),
        (
            "fromUnixTimestamp",
            -62135596801,
            "the time lies outside the years 1 to 9999",
        ),
        ("fromUnixTimestampMs", MAX, _OUTSIDE),
        ("fromUnixTimestampMs", MIN, _OUTSIDE),
    ],
)
def test_unix_time_is_whole_and_has_a_year_of_four_digits(name, count, complaint):
    with pytest.raises(FunctionError) as caught:
        call(f"{name}(a)", a=count)

    assert str(caught.value) == f"{name}: {complaint}"


@pytest.mark.parametrize(
    ("argument", "number"),
    [
        ("78", 78),
        ("-5", -5),
        ("+5", 5),
        (" 78\t", 78),
        ("72.10", 72.1),
        (".5", 0.5),
        ("5.", 5.0),
        ("1e3", 1000.0),
        (78, 78),
        (0.5, 0.5),
        *(
            (text, None)
            for text in ("", " ", "x", "1_000", "nan", "-inf", "Infinity", "0x10")
        ),
        *((text, None) for text in ("٣", "1e999", "1" * 5000, "1,000", "5-")),
        *((other, None) for other in (None, True, [], ["1"], {})),
    ],
)
def test_to_number_reads_numbers_and_makes_null_of_all_else(argument, number):
    found = call("to_number(a)", a=argument)

    assert (found, type(found)) == (number, type(number))


_SHORT = st.decimals(-(10**9), 10**9, places=4)


@given(_SHORT, _SHORT)
def test_sums_differences_and_products_are_exact_in_decimal(left, right):
    numbers = {"a": float(left), "b": float(right)}

    assert call("add(a, b)", **numbers) == float(left + right)
    assert call("subtract(a, b)", **numbers) == float(left - right)
    assert call("multiply(a, b)", **numbers) == float(left * right)


@given(st.integers(MIN, MAX), st.integers(MIN, MAX).filter(bool))
def test_a_quotient_of_whole_numbers_is_never_truncated(left, right):
    if left % right == 0 and left // right <= MAX:
        found = call("divide(a, b)", a=left, b=right)
        assert (found, type(found)) == (left // right, int)
    elif left % right:
        quotient = float(Decimal(left) / Decimal(right))
        assert call("divide(a, b)", a=left, b=right) == pytest.approx(quotient, 1e-15)


@given(st.integers(-62135596800000, 253402300799999))
def test_unix_milliseconds_are_those_of_python(milliseconds):
    epoch = datetime(1970, 1, 1, tzinfo=timezone.utc)
    moment = epoch + timedelta(milliseconds=milliseconds)
    digits = moment.isoformat(timespec="milliseconds")[:23]
    expected = f"{digits.rstrip('0').removesuffix('.')}Z"

    assert call("fromUnixTimestampMs(a)", a=milliseconds) == expected
