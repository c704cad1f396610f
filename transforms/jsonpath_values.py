"""How JSONPath filters of the Newtonsoft dialect compare two values.

Kinds are strict: a text never equals a number. Whole numbers and others compare by
value, with Newtonsoft's tolerance
(https://www.newtonsoft.com/json/help/html/QueryJsonSelectTokenJsonPath.htm).
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from transforms.jsonpath_regex import Pattern

Compare: TypeAlias = Callable[[Any, Any], bool]
Comparisons: TypeAlias = Mapping[str, Compare]
"""What each operator of a filter says of its two sides."""

CONTAINERS = frozenset((dict, list))
"""The kinds of values that hold others."""
_NUMBERS = frozenset((int, float))
_EPSILON = 2.2204460492503131e-16
LONGEST_NUMBER = 400
"""No text is read as a number or truth value beyond this length: comparing one value
with every node of a document must not cost the product of their sizes."""
_NUMBER_TEXT = re.compile(
    r"\s*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\s*"
)


def equal(left: Any, right: Any) -> bool:
    """Whether two scalars of one kind, or two numbers, are equal."""
    if type(left) is float or type(right) is float:
        return {type(left), type(right)} <= _NUMBERS and close(left, right)
    same = type(left) is type(right) and type(left) not in CONTAINERS
    return same and bool(left == right)


def _strictly_differ(left: Any, right: Any) -> bool:
    if type(left) in CONTAINERS or type(right) in CONTAINERS:
        return False
    return not equal(left, right)


def close(left: float, right: float) -> bool:
    """Whether two numbers are equal but for the noise of floating point."""
    tolerance = (abs(left) + abs(right) + 10.0) * _EPSILON
    return left == right or abs(left - right) < tolerance


def _order(left: Any, right: Any) -> int | None:
    """Returns -1, 0 or 1 as left is less, equal or greater; None if neither."""
    if type(left) in CONTAINERS or type(right) in CONTAINERS:
        return None
    if left is None or right is None:
        return (left is not None) - (right is not None)
    if type(left) is not str or type(right) is not str:
        # The kind of the left side rules, unless it is a text.
        ruling = right if type(left) is str else left
        read = _truth if type(ruling) is bool else _number
        left, right = read(left), read(right)
        if left is None or right is None:
            return None
        if float in (type(left), type(right)) and close(left, right):
            return 0
    return int(left > right) - int(left < right)


def _number(value: Any) -> int | float | None:
    if type(value) is not str:
        return int(value) if type(value) is bool else value
    if len(value) > LONGEST_NUMBER or not _NUMBER_TEXT.fullmatch(value):
        return None
    digits = value.strip().lstrip("+-")
    # More digits than 64 bits hold are a float, as in a JSON document.
    return int(value) if digits.isdigit() and len(digits) < 20 else float(value)


def _truth(value: Any) -> bool | None:
    if type(value) is str:
        return truth_of(value)
    return bool(value)


def truth_of(text: str) -> bool | None:
    """The truth value that a text names, None if it names none."""
    if len(text) > LONGEST_NUMBER:
        return None
    return {"true": True, "false": False}.get(text.strip().lower())


def matches(value: Any, pattern: Pattern) -> bool:
    """Whether a value is a text that a pattern matches somewhere.

    Raises:
        TimeoutError: finding out takes unusually long.
    """
    return type(value) is str and pattern.quickly_finds(value)


def _ordered(*accepted: int) -> Compare:
    return lambda left, right: _order(left, right) in accepted


COMPARISONS: Comparisons = {
    "==": equal,
    "===": equal,
    "!=": lambda left, right: not equal(left, right),
    "!==": _strictly_differ,
    "<": _ordered(-1),
    "<=": _ordered(-1, 0),
    ">": _ordered(1),
    ">=": _ordered(0, 1),
    "=~": matches,
}
"""The usual reading: what has no order is in none."""
