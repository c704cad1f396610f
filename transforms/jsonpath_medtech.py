"""How JSONPath filters compare two values under `--compat=medtech`: to the letter.

Newtonsoft compares two values as the kind of the left one, or of the right one if only
the left is a text, and converts the other side to it as .NET does
(https://learn.microsoft.com/dotnet/api/system.convert). What cannot be converted fails
the message. Texts that look like times are dates (`transforms.date_token`).
"""

import re
from operator import ge, gt, le, lt
from typing import Any, NoReturn

from transforms.date_token import DateToken, date_token
from transforms.dotnet_dates import parse_dotnet
from transforms.evaluation import EvaluationError
from transforms.instants import InstantError
from transforms.jsonpath_values import (
    CONTAINERS,
    LONGEST_NUMBER,
    Compare,
    Comparisons,
    close,
    matches,
    truth_of,
)

_KINDS = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "truth value",
    DateToken: "date-time",
}
_WHOLE_LIMIT = 2**63
_WHOLE_TEXT = re.compile(r"[ \t-\r]*([+-]?[0-9]+)[ \t-\r]*")
_NUMBER_TEXT = re.compile(
    r"[ \t-\r]*([+-]?(?:[0-9][0-9,]*\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
    r"|[+-]?(?i:infinity|nan))[ \t-\r]*"
)


class _ConversionError(ValueError):
    """A value is not of the kind it is compared as."""


def comparisons(text: str) -> Comparisons:
    """What each operator of the filters of a path says of its two sides.

    All but `=~` raise `EvaluationError` where Newtonsoft throws; `=~` finds nothing in
    a date.

    Args:
        text: the path, for errors.
    """
    return {
        "==": _equal,
        "===": _strictly_equal,
        "!=": lambda left, right: not _equal(left, right),
        "!==": _strictly_differ,
        "<": _ordered(lt, text),
        "<=": _ordered(le, text),
        ">": _ordered(gt, text),
        ">=": _ordered(ge, text),
        "=~": matches,
    }


# Equality.


def _equal(left: Any, right: Any) -> bool:
    # Only a date on the left is compared with a text.
    if type(left) is DateToken and type(right) is str:
        return left.iso == right
    return _strictly_equal(left, right)


def _strictly_equal(left: Any, right: Any) -> bool:
    kinds = {type(left), type(right)}
    if kinds & CONTAINERS:
        return False
    if len(kinds) > 1 and kinds != {int, float}:
        return False
    return left is None or _order_as(type(left), left, right) == 0


def _strictly_differ(left: Any, right: Any) -> bool:
    if type(left) in CONTAINERS or type(right) in CONTAINERS:
        return False
    return not _strictly_equal(left, right)


# Order.


def _ordered(holds: Compare, text: str) -> Compare:
    def ordered(left: Any, right: Any) -> bool:
        if type(left) in CONTAINERS or type(right) in CONTAINERS:
            return False
        try:
            return holds(_order(left, right), 0)
        except _ConversionError:
            pair = f"this {_KINDS[type(left)]} and this {_KINDS[type(right)]}"
            msg = f"MedTech knows no order between {pair}"
        raise EvaluationError(msg, text)

    return ordered


def _order(left: Any, right: Any) -> int:
    """Less than, equal to or greater than 0, as left is to right."""
    if left is None or right is None:
        return (left is not None) - (right is not None)
    kind = type(left)
    return _order_as(type(right) if kind is str else kind, left, right)


def _order_as(kind: type, left: Any, right: Any) -> int:
    if kind is str:
        return _text_order(left, right)
    if kind is DateToken:
        return _date_order(left, right)
    if kind is bool:
        return _truth(left) - _truth(right)
    if _is_big(left) or _is_big(right):
        left, right = _big(left), _big(right)
    elif kind is float or type(left) is float or type(right) is float:
        return _float_order(_double(left), _double(right))
    else:
        left, right = _whole(left), _whole(right)
    return (left > right) - (left < right)


def _text_order(left: str, right: str) -> int:
    """The order of the UTF-16 units, in which surrogates come before U+E000."""
    if left != right and not left.isascii() and not right.isascii():
        for one, other in zip(left, right, strict=False):
            if one != other:
                left, right = (
                    f"\ud800{char}" if char > "\uffff" else char
                    for char in (one, other)
                )
                break
    return (left > right) - (left < right)


def _float_order(left: float, right: float) -> int:
    if left != left or right != right:
        # .NET puts NaN before every number.
        return (left == left) - (right == right)
    return 0 if close(left, right) else (left > right) - (left < right)


def _date_order(left: Any, right: Any) -> int:
    # Newtonsoft makes dates of the right side only; a text on the left it cannot cast.
    if type(left) is not DateToken:
        _fail()
    one, other = (left.instant, left.tick), _ticks(right)
    return (one > other) - (one < other)


# Conversions.


def _fail() -> NoReturn:
    raise _ConversionError


def _is_big(value: Any) -> bool:
    return type(value) is int and not -_WHOLE_LIMIT <= value < _WHOLE_LIMIT


def _whole(value: Any) -> int:
    if type(value) is str:
        number = _big(value)
        return _fail() if _is_big(number) else number
    return _fail() if type(value) is DateToken else int(value)


def _big(value: Any) -> Any:
    """Of a number beyond 64 bits and another value, the value as Python compares it."""
    if type(value) is str:
        match = _WHOLE_TEXT.fullmatch(value) if len(value) <= LONGEST_NUMBER else None
        return int(match[1]) if match else _fail()
    return value if type(value) in (int, float) else _fail()


def _double(value: Any) -> float:
    if type(value) is str:
        match = _NUMBER_TEXT.fullmatch(value) if len(value) <= LONGEST_NUMBER else None
        return float(match[1].replace(",", "")) if match else _fail()
    return _fail() if type(value) is DateToken else float(value)


def _truth(value: Any) -> bool:
    if type(value) is str:
        truth = truth_of(value)
        return _fail() if truth is None else truth
    return _fail() if type(value) is DateToken or _is_big(value) else bool(value)


def _ticks(value: Any) -> tuple[int, int]:
    """Microseconds since the epoch and tenths of one, of what reads as a date."""
    if type(value) is str:
        value = date_token(value) or value
    if type(value) is DateToken:
        return value.instant, value.tick
    if type(value) is not str or len(value) > LONGEST_NUMBER:
        return _fail()
    try:
        instant, _offset, tick = parse_dotnet(value)
    except InstantError:
        return _fail()
    return instant, tick
