"""The functions of the mapping language, as they are and as MedTech has them."""

import math
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.date_token import DateToken
from transforms.evaluation import MISSING, EvaluationError
from transforms.jmespath_expression import JmesPath

MAX = 2**63 - 1
MIN = -(2**63)

USUAL, MEDTECH = False, True

_BEYOND = "the result does not fit into 64 bits"
_OUTSIDE = "the time lies outside the years 1 to 9999"


def call(text, mode=USUAL, **document):
    """The value of a call, or what it complains about."""
    try:
        return JmesPath(text, medtech=mode).select(document)
    except EvaluationError as error:
        return str(error)


def same(found, result):
    if isinstance(result, float) and math.isnan(result):
        return isinstance(found, float) and math.isnan(found)
    return (found, type(found)) == (result, type(result))


BOTH = object()
"""MedTech's result is the same one."""


@pytest.mark.parametrize(
    ("text", "usual", "medtech"),
    [
        # the documented vectors
        ("add(`10`, `10`)", 20, BOTH),
        ("add(`40`, `50`)", 90, BOTH),
        ("add(`0`, `50`)", 50, BOTH),
        ("subtract(`10`, `10`)", 0, BOTH),
        ("subtract(`40`, `50`)", -10, BOTH),
        ("subtract(`0`, `50`)", -50, BOTH),
        ("multiply(`10`, `10`)", 100, BOTH),
        ("multiply(`40`, `50`)", 2000, BOTH),
        ("multiply(`0`, `50`)", 0, BOTH),
        ("divide(`10`, `10`)", 1, BOTH),
        ("divide(`40`, `50`)", 0.8, 0),
        ("divide(`0`, `50`)", 0, BOTH),
        ("pow(`10`, `10`)", 10_000_000_000, BOTH),
        ("pow(`0`, `50`)", 0, BOTH),
        ("pow(`100`, `0.5`)", 10.0, BOTH),
        # those of the source
        ("add(`0`, `0`)", 0, BOTH),
        ("add(`-1`, `100`)", 99, BOTH),
        (f"add(`0`, `{MAX}`)", MAX, BOTH),
        (f"add(`0`, `{MIN}`)", MIN, BOTH),
        ("add(`-1.0`, `10.5`)", 9.5, BOTH),
        ("subtract(`-1`, `100`)", -101, BOTH),
        (f"subtract(`{MAX}`, `{MAX}`)", 0, BOTH),
        (f"subtract(`0`, `{MIN}`)", f"subtract: {_BEYOND}", MIN),
        ("multiply(`-1`, `100`)", -100, BOTH),
        ("multiply(`0.5`, `100.0`)", 50.0, BOTH),
        ("divide(`100`, `25`)", 4, BOTH),
        ("divide(`100`, `-1`)", -100, BOTH),
        (f"divide(`0`, `{MAX}`)", 0, BOTH),
        ("divide(`100`, `0`)", "divide: division by zero", BOTH),
        ("pow(`0`, `0`)", 1, BOTH),
        ("pow(`10`, `2`)", 100, BOTH),
        ("pow(`10.0`, `2.5`)", 316.22776601683796, 316.22776601683796),
        ("pow(`100.0`, `-2.0`)", 0.0001, BOTH),
        (f"pow(`{MAX}`, `10`)", f"pow: {_BEYOND}", BOTH),
        ("pow(`2`, `-1`)", 0.5, 0),
        # decimal or binary
        ("add(`0.1`, `0.2`)", 0.3, 0.30000000000000004),
        ("subtract(`0.3`, `0.1`)", 0.2, 0.19999999999999998),
        ("multiply(`72415`, `0.001`)", 72.415, 72.415),
        ("multiply(`3`, `0.1`)", 0.3, 0.30000000000000004),
        ("divide(`1`, `3`)", 0.3333333333333333, 0),
        ("divide(`-7`, `2`)", -3.5, -3),
        ("divide(`7`, `-2`)", -3.5, -3),
        ("divide(`1.0`, `2`)", 0.5, BOTH),
        ("pow(`0.0`, `0.0`)", 1.0, BOTH),
        ("pow(`10`, `-400`)", 0.0, 0),
        ("add(`1`, `2.0`)", 3.0, BOTH),
        (f"multiply(`{2**31}`, `{2**31}`)", 2**62, BOTH),
        (f"subtract(`-1`, `{MAX}`)", MIN, BOTH),
        ("sum(`[0.1, 0.2]`)", 0.3, 0.30000000000000004),
        ("sum(`[1, 2]`)", 3, BOTH),
        ("sum(`[1.5, 1.5]`)", 3.0, 3),
        ("sum(`[]`)", 0, BOTH),
        ("avg(`[0.1, 0.2]`)", 0.15, 0.15000000000000002),
        ("avg(`[1, 2]`)", 1.5, BOTH),
        ("avg(`[]`)", MISSING, BOTH),
        ("ceil(`1.2`)", 2, BOTH),
        ("floor(`-1.2`)", -2, BOTH),
        ("ceil(`1e300`)", f"ceil: {_BEYOND}", BOTH),
        ("floor(`1e300`)", f"floor: {_BEYOND}", BOTH),
        ("abs(`-5`)", 5, BOTH),
        ("abs(`-5.5`)", 5.5, BOTH),
        ("abs(`2147483647`)", 2147483647, BOTH),
        (
            "abs(`2147483648`)",
            2147483648,
            "abs: the result does not fit into 32 bits",
        ),
        (
            "abs(`-2147483648`)",
            2147483648,
            "abs: the result does not fit into 32 bits",
        ),
        # overflow and infinity
        (f"add(`{MAX}`, `1`)", f"add: {_BEYOND}", MIN),
        (f"subtract(`{MIN}`, `1`)", f"subtract: {_BEYOND}", MAX),
        (f"multiply(`{MAX}`, `2`)", f"multiply: {_BEYOND}", -2),
        (f"divide(`{MIN}`, `-1`)", f"divide: {_BEYOND}", BOTH),
        ("pow(`40`, `50`)", f"pow: {_BEYOND}", BOTH),
        ("pow(`10`, `400`)", "pow: the result is too large", f"pow: {_BEYOND}"),
        ("pow(`10.0`, `400`)", "pow: the result is too large", math.inf),
        ("pow(`-10.0`, `401`)", "pow: the result is too large", -math.inf),
        ("pow(`0`, `-1`)", "pow: the result is too large", f"pow: {_BEYOND}"),
        ("pow(`0.0`, `-1`)", "pow: the result is too large", math.inf),
        ("pow(`-8`, `0.5`)", "pow: the result is no number", math.nan),
        ("add(`1e308`, `1e308`)", "add: the result is too large", math.inf),
        ("divide(`1.5`, `0.0`)", "divide: division by zero", math.inf),
        ("divide(`-1.5`, `0`)", "divide: division by zero", -math.inf),
        ("divide(`0`, `0.0`)", "divide: division by zero", math.nan),
        ("divide(`0`, `0`)", "divide: division by zero", BOTH),
        (
            f"add(`{2**63}`, `-1`)",
            MAX,
            "add: a number does not fit into 64 bits",
        ),
        (
            f"multiply(`1{'0' * 400}`, `0.5`)",
            "multiply: a number is too large",
            "multiply: a number does not fit into 64 bits",
        ),
        # .NET rounds a half to even
        ("pow(`2`, `-2`)", 0.25, 0),
        # times
        ("fromUnixTimestamp(`1625677200`)", "2021-07-07T17:00:00Z", None),
        ("fromUnixTimestamp(`0`)", "1970-01-01T00:00:00Z", None),
        ("fromUnixTimestamp(`-1`)", "1969-12-31T23:59:59Z", None),
        ("fromUnixTimestamp(`-62135596800`)", "0001-01-01T00:00:00Z", None),
        ("fromUnixTimestamp(`253402300799`)", "9999-12-31T23:59:59Z", None),
        ("fromUnixTimestampMs(`1626799080000`)", "2021-07-20T16:38:00Z", None),
        ("fromUnixTimestampMs(`0`)", "1970-01-01T00:00:00Z", None),
        ("fromUnixTimestampMs(`1000`)", "1970-01-01T00:00:01Z", None),
        ("fromUnixTimestampMs(`-1000`)", "1969-12-31T23:59:59Z", None),
        ("fromUnixTimestampMs(`1250`)", "1970-01-01T00:00:01.25Z", None),
        # texts
        ("insertString('suess', 'cc', `2`)", "success", BOTH),
        ("insertString('ppy', 'ha', `0`)", "happy", BOTH),
        ("insertString('myString', '!!', `8`)", "myString!!", BOTH),
        ("insertString('mple', 'sa', `0`)", "sample", BOTH),
        ("insertString('', 'x', `0`)", "x", BOTH),
        ("insertString('a😀b', '-', `3`)", "a😀-b", BOTH),
        (
            "insertString('a😀b', '-', `2`)",
            "insertString: the position lies inside a character",
            BOTH,
        ),
        (
            "insertString('myString', '!!', `9`)",
            "insertString: the position lies outside the text",
            BOTH,
        ),
        (
            "insertString('myString', '!!', `-1`)",
            "insertString: the position lies outside the text",
            BOTH,
        ),
        (
            "insertString('myString', '!!', `1.5`)",
            "insertString: the position must be a whole number",
            BOTH,
        ),
        ("length('a😀')", 2, 3),
        ("to_string(`60.0`)", "60.0", BOTH),
        ("to_string(`true`)", "true", BOTH),
        ("to_string(`1e20`)", "1e+20", None),
        ("to_string(`0.00001`)", "1e-05", "1E-05"),
        ('to_string(`[1, 2.50, "é", null]`)', '[1,2.5,"é",null]', BOTH),
        ("to_string({a: `1.0`})", '{"a":1.0}', BOTH),
        ("contains(`[1, true]`, `1.0`)", True, False),
        ("contains(`[1]`, `true`)", False, BOTH),
        ("contains('text', 'ex')", True, BOTH),
        ("contains('text', `1`)", "contains: in a string there are only strings", BOTH),
        ("sort(`[3, 1, 2]`)", [1, 2, 3], BOTH),
        (
            "sort(`[3000000000, 1]`)",
            [1, 3000000000],
            "sort: the result does not fit into 32 bits",
        ),
        ("keys({b: `1`, a: `2`})", ["b", "a"], BOTH),
        ("scale10(`72415`, `-3`)", 72.415, BOTH),
        ("scale10(`72000`, `-3`)", 72, BOTH),
        ("scale10(`7`, `2`)", 700, BOTH),
        ("scale10(`0.1`, `1`)", 1.0, BOTH),
        (f"scale10(`{MAX}`, `-1`)", 922337203685477580.7, BOTH),
        (f"scale10(`{MAX}`, `1`)", f"scale10: {_BEYOND}", BOTH),
        ("scale10(`1`, `1.5`)", "scale10: the exponent must be a whole number", BOTH),
        ("scale10(`1`, `9999`)", "scale10: the exponent is too large", BOTH),
        ("scale10(`1.5`, `390`)", "scale10: the result is too large", BOTH),
    ],
)
def test_each_function_and_what_medtech_makes_of_it(text, usual, medtech):
    assert same(call(text), usual)
    if medtech is BOTH:
        assert same(call(text, MEDTECH), usual)
    elif medtech is not None:
        assert same(call(text, MEDTECH), medtech)


@pytest.mark.parametrize("name", ["add", "subtract", "multiply", "divide", "pow"])
@pytest.mark.parametrize(
    ("wrong", "kind"),
    [
        ("1", "string"),
        ([1], "array"),
        ({}, "object"),
        (True, "boolean"),
        (None, "null"),
    ],
)
@pytest.mark.parametrize("mode", [USUAL, MEDTECH])
def test_arithmetic_takes_numbers_only(name, wrong, kind, mode):
    for text in (f"{name}(a, `1`)", f"{name}(`1`, a)"):
        assert call(text, mode, a=wrong) == f"{name}: wants number, got {kind}"


@pytest.mark.parametrize("mode", [USUAL, MEDTECH])
@pytest.mark.parametrize(
    ("text", "argument", "complaint"),
    [
        ("insertString(a, 'b', `0`)", 1, "insertString: wants string, got number"),
        ("insertString('b', a, `0`)", ["b"], "insertString: wants string, got array"),
        ("insertString('b', 'b', a)", "0", "insertString: wants number, got string"),
        ("insertString('b', 'b', a)", True, "insertString: wants number, got boolean"),
        ("fromUnixTimestamp(a)", "0", "fromUnixTimestamp: wants number, got string"),
        ("fromUnixTimestamp(a)", None, "fromUnixTimestamp: wants number, got null"),
        ("fromUnixTimestampMs(a)", [], "fromUnixTimestampMs: wants number, got array"),
        (
            "fromUnixTimestamp(a)",
            1625677200.0,
            "fromUnixTimestamp: the argument must be a whole number",
        ),
        ("fromUnixTimestamp(a)", 253402300800, f"fromUnixTimestamp: {_OUTSIDE}"),
        ("fromUnixTimestamp(a)", -62135596801, f"fromUnixTimestamp: {_OUTSIDE}"),
        ("fromUnixTimestampMs(a)", MAX, f"fromUnixTimestampMs: {_OUTSIDE}"),
        ("scale10(a, `1`)", "1", "scale10: wants number, got string"),
        ("toUtc(a, 'Z')", None, "toUtc: wants string or number, got null"),
        (
            "toUtc('2026-01-01T00:00', a)",
            None,
            "toUtc: wants string or number, got null",
        ),
        ("toUtc('2026-01-01T00:00', a)", "X/Y", "toUtc: there is no such time zone"),
        ("toUtc(a, 'Z')", "soon", "toUtc: not a date of the form YYYY-MM-DD"),
        (
            "parseDateTime(a, 'yyyy-MM-dd')",
            "soon",
            "parseDateTime: the text is not of the format",
        ),
        (
            "parseDateTime('2026', a)",
            "%Q",
            "parseDateTime: the format has an unknown % code",
        ),
        ("dateFromParts(a)", 1, "dateFromParts: one argument alone must be an object"),
        ("dateFromParts(a)", {}, "dateFromParts: the year is no whole number"),
        (
            "addDuration('2026-01-01T00:00', `1`, a)",
            "months",
            "addDuration: the unit is none of ms, s, min, h, d and wk",
        ),
    ],
)
def test_a_wrong_argument_is_named_without_its_value(text, argument, complaint, mode):
    assert call(text, mode, a=argument) == complaint


@pytest.mark.parametrize("mode", [USUAL, MEDTECH])
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
            (text, MISSING)
            for text in ("", " ", "x", "1_000", "nan", "-inf", "Infinity", "0x10")
        ),
        *((text, MISSING) for text in ("٣", "1e999", "1" * 5000, "1,000", "5-")),
        *((other, MISSING) for other in (None, True, [], ["1"], {})),
    ],
)
def test_to_number_reads_numbers_and_makes_null_of_all_else(argument, number, mode):
    assert same(call("to_number(a)", mode, a=argument), number)


def test_a_longer_whole_number_is_a_double_to_medtech():
    digits = "9" * 20
    assert same(call("to_number(a)", a=digits), int(digits))
    assert same(call("to_number(a)", MEDTECH, a=digits), 1e20)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("fromUnixTimestamp(`1625677200`)", 1625677200000000),
        ("fromUnixTimestamp(`-1`)", -1000000),
        ("fromUnixTimestampMs(`1250`)", 1250000),
        ("fromUnixTimestampMs(`-1000`)", -1000000),
    ],
)
def test_unix_times_are_dates_to_medtech(text, instant):
    assert call(text, MEDTECH) == DateToken(instant, 0, "Z")


_SHORT = st.decimals(-(10**9), 10**9, places=4)


@given(_SHORT, _SHORT)
def test_sums_differences_and_products_are_exact_in_decimal(left, right):
    numbers = {"a": float(left), "b": float(right)}

    assert call("add(a, b)", **numbers) == float(left + right)
    assert call("subtract(a, b)", **numbers) == float(left - right)
    assert call("multiply(a, b)", **numbers) == float(left * right)
    assert call("sum([a, b])", **numbers) == float(left + right)


_LONGS = st.integers(MIN, MAX)


@given(_LONGS, _LONGS.filter(bool))
def test_a_quotient_of_whole_numbers_is_never_truncated(left, right):
    if left % right == 0 and left // right <= MAX:
        assert same(call("divide(a, b)", a=left, b=right), left // right)
    elif left % right:
        quotient = float(Decimal(left) / Decimal(right))
        assert call("divide(a, b)", a=left, b=right) == pytest.approx(quotient, 1e-15)


@given(_LONGS, _LONGS)
def test_whole_numbers_of_medtech_wrap_around_as_those_of_numpy(left, right):
    numpy = pytest.importorskip("numpy")
    with numpy.errstate(over="ignore"):
        sides = numpy.int64(left), numpy.int64(right)
        results = {
            "add": sides[0] + sides[1],
            "subtract": sides[0] - sides[1],
            "multiply": sides[0] * sides[1],
        }

    for name, result in results.items():
        assert call(f"{name}(a, b)", MEDTECH, a=left, b=right) == int(result)


@given(st.integers(-62135596800000, 253402300799999))
def test_unix_milliseconds_are_those_of_python(milliseconds):
    epoch = datetime(1970, 1, 1, tzinfo=timezone.utc)
    moment = epoch + timedelta(milliseconds=milliseconds)
    digits = moment.isoformat(timespec="milliseconds")[:23]
    expected = f"{digits.rstrip('0').removesuffix('.')}Z"

    assert call("fromUnixTimestampMs(a)", a=milliseconds) == expected
