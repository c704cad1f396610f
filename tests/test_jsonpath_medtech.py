"""Filters under `--compat=medtech`: dates, conversions, and what fails a message."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.date_token import date_token, with_dates
from transforms.evaluation import EvaluationError
from transforms.jsonpath import compile_path

FAILS = "fails"
ORDERS = ["<", "<=", ">", ">="]


def holding(left, right, operators=ORDERS):
    """The operators that hold between two values; what fails, fails for all."""
    found = []
    for operator in operators:
        path = compile_path(f"$[?(@l {operator} @r)]", medtech=True)
        try:
            found += [operator] if path.find([{"l": left, "r": right}]) else []
        except EvaluationError:
            found.append(FAILS)
    return FAILS if found == [FAILS] * len(operators) else " ".join(found)


LESS, EQUAL, GREATER = "< <=", "<= >=", "> >="


@pytest.mark.parametrize(
    ("left", "right", "order"),
    [
        # A whole number wants the text of one, of 64 bits.
        ("60", 50, GREATER),
        (" +60\t", 60, EQUAL),
        ("60.5", 50, FAILS),
        ("6e1", 50, FAILS),
        ("high", 50, FAILS),
        ("", 50, FAILS),
        ("9223372036854775808", 50, FAILS),
        (50, "60", LESS),
        (50, "high", FAILS),
        # Another number wants the text of any number.
        ("60.5", 50.0, GREATER),
        (" 6e1 ", 50.0, GREATER),
        (".5", 0.5, EQUAL),
        ("5.", 5.0, EQUAL),
        ("1,234.5", 1234.5, EQUAL),
        ("-Infinity", -1e308, LESS),
        ("NaN", -1e308, LESS),
        (-1e308, "nan", GREATER),
        ("1e", 0.5, FAILS),
        ("high", 0.5, FAILS),
        ("1" * 401, 0.5, FAILS),
        (0.1 + 0.2, 0.3, EQUAL),
        (1, 1.0, EQUAL),
        (2**63 - 1, 2.0**63, EQUAL),
        # Beyond 64 bits numbers compare exactly.
        (2**64 - 1, 2.0**64, LESS),
        (2**64 - 1, 2**63, GREATER),
        (2**63, 5, GREATER),
        ("9223372036854775809", 2**63, GREATER),
        (2**63, "9223372036854775809", LESS),
        (2**63, "9e99", FAILS),
        (2**63, True, FAILS),
        (True, 2**63, FAILS),
        # Truth values.
        (True, False, GREATER),
        (True, 7, EQUAL),
        (1, True, EQUAL),
        (0.5, True, LESS),
        (False, 0.0, EQUAL),
        (" TRUE ", True, EQUAL),
        (True, "false", GREATER),
        (True, "yes", FAILS),
        ("1", True, FAILS),
        # Texts compare by UTF-16 units, null comes first, containers have no order.
        ("a", "b", LESS),
        ("\U0001f600", "\ue000", LESS),
        ("é\ue000", "é\U0001f600", GREATER),
        ("\U0001f600", "\U0001f601", LESS),
        ("é", "é", EQUAL),
        (None, "", LESS),
        (None, None, EQUAL),
        (-1, None, GREATER),
        ({}, 1, ""),
        ("high", [], ""),
    ],
)
def test_order_converts_as_dot_net_does(left, right, order):
    assert holding(left, right) == order


Z = "2026-10-04T07:12:31Z"
SAME = "2026-10-04T09:12:31+02:00"
LATER = "2026-10-04T07:12:31.0000001Z"


@pytest.mark.parametrize(
    ("left", "right", "order"),
    [
        (Z, SAME, EQUAL),
        (Z, LATER, LESS),
        (Z, "2026-10-04T07:12:31", EQUAL),
        (Z, "2026-10-04", GREATER),
        (Z, "2026-10-04 07:12:30", GREATER),
        (Z, "10/04/2026 07:12:31", EQUAL),
        (Z, "Sun, 04 Oct 2026 07:12:32 GMT", LESS),
        (Z, None, GREATER),
        (None, Z, LESS),
        (Z, "high", FAILS),
        (Z, 5, FAILS),
        (Z, 5.5, FAILS),
        (Z, True, FAILS),
        (Z, {}, ""),
        (5, Z, FAILS),
        (5.5, Z, FAILS),
        (True, Z, FAILS),
        # A text is not made a date if it stands on the left.
        ("2026-10-04", Z, FAILS),
    ],
)
def test_dates_compare_as_instants(left, right, order):
    assert holding(*with_dates([left, right])) == order


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        (f"@ == '{Z}'", True),
        (f"@ != '{Z}'", False),
        (f"@ === '{Z}'", False),
        (f"@ !== '{Z}'", True),
        (f"'{Z}' == @", False),
        (f"'{Z}' != @", True),
        (f"@ == '{SAME}'", False),
        ("@ == @", True),
        ("@ === @", True),
        ("@ != @", False),
        ("@ == null", False),
        ("@ != 1 ", True),
        ("@ > '2026-10-04T00:00:00Z'", True),
        ("@ < '2026-10-04T08:00:00'", True),
        ("@ =~ /2026/", False),
        ("@", True),
        ("@..* == '2026-10-04T07:12:31Z'", True),
        ("@.x", False),
        ("@[0]", False),
        ("@.*", False),
    ],
)
def test_a_date_is_a_scalar_of_its_own_kind(condition, holds):
    document = with_dates([Z])

    for text in (f"$[?({condition})]", f"$..[?({condition})]"):
        found = compile_path(text, medtech=True).find(document)
        assert (document[0] in found) is holds


def test_dates_are_equal_whatever_their_zone():
    dates = with_dates([Z, SAME, "2026-10-04T07:12:31", LATER])
    pairs = [{"l": dates[0], "r": other} for other in dates]

    assert compile_path("$[?(@l == @r)]", medtech=True).find(pairs) == pairs[:3]
    assert compile_path("$[?(@l === @r)]", medtech=True).find(pairs) == pairs[:3]


@pytest.mark.parametrize(
    ("left", "right", "operators"),
    [
        (1, 1.0, "== ==="),
        (1, "1", "!= !=="),
        (True, 1, "!= !=="),
        (2**64 - 1, 2.0**64, "!= !=="),
        (2**63, 2.0**63, "== ==="),
        (0.1 + 0.2, 0.3, "== ==="),
        ("é", "é", "== ==="),
        (None, None, "== ==="),
        (None, "", "!= !=="),
        ({}, {}, "!="),
        ([], 1, "!="),
        ("high", 5, "!= !=="),
    ],
)
def test_equality_never_converts(left, right, operators):
    assert holding(left, right, ["==", "===", "!=", "!=="]) == operators


@pytest.mark.parametrize(
    ("text", "document", "kinds"),
    [
        ("$..[?(@v > 5)]", {"v": "secret"}, "text and this whole number"),
        ("$[?(5.5 < @v)]", [{"v": "secret"}], "number and this text"),
        ("$[?(@v < true)]", [{"v": "secret"}], "text and this truth value"),
        ("$[?(@[*] > @[0])]", with_dates([[Z, 5]]), "whole number and this date-time"),
    ],
)
def test_an_impossible_order_fails_the_message_and_tells_no_value(
    text, document, kinds
):
    path = compile_path(text, medtech=True)

    for evaluate in (path.find, path.select, path.locate):
        with pytest.raises(EvaluationError) as caught:
            evaluate(document)
        message = f"MedTech knows no order between this {kinds}"
        assert (str(caught.value), caught.value.text) == (message, text)
        twin = pickle.loads(pickle.dumps(caught.value))  # noqa: S301
        assert (str(twin), twin.text) == (message, text)


@pytest.mark.parametrize(
    ("text", "document", "matches"),
    [
        # What is decided is not looked at further, as by Newtonsoft.
        ("$[?(@a && @v > 5)]", [{"v": "x"}], 0),
        ("$[?(@v || @v > 5)]", [{"v": "x"}], 1),
        ("$[?(@v[*] > 5)]", [{"v": [6, "x"]}], 1),
        ("$[?(@v[?(@ > 5)])]", [{"v": [6, "x"]}], 1),
        ("$[?(@v[?(@ > 5)] == 6)]", [{"v": [6, "x"]}], 1),
        ("$[?(@a == @v[?(@ > 5)])]", [{"v": ["x"]}], 0),
        # The usual reading is (@a && @v > 5) || @b.
        ("$[?(@a && @v > 5 || @b)]", [{"v": "x", "b": 1}], 0),
    ],
)
def test_only_what_decides_can_fail(text, document, matches):
    assert len(compile_path(text, medtech=True).find(document)) == matches


@pytest.mark.parametrize(
    "text",
    ["$..[?($.l > 5 && @a)]", "$..[?(@a || $.l > 5)]", "$.d..[?($.l > 5 && @a)]"],
)
def test_a_test_that_fails_is_made_on_every_node(text):
    with pytest.raises(EvaluationError):
        compile_path(text, medtech=True).find({"l": "x", "d": [1]})


WHEN = st.datetimes().map(lambda when: when.isoformat(timespec="microseconds"))


@given(WHEN, WHEN)
def test_order_of_dates_is_that_of_their_iso_texts(one, other):
    order = EQUAL if one == other else LESS if one < other else GREATER

    assert holding(date_token(one), date_token(other)) == order
    assert holding(date_token(one), other) == order


@given(st.text(max_size=4), st.text(max_size=4))
def test_order_of_texts_is_that_of_their_utf_16(one, other):
    units = [text.encode("utf-16-be", "surrogatepass") for text in (one, other)]
    order = EQUAL if one == other else LESS if units[0] < units[1] else GREATER

    assert holding(one, other) == order
