"""JSON tokens to text, and text to numbers.

The rules are those of MedTech's normalization (a value is text until the FHIR mapping
says what it becomes): `to_text` with booleans in JSON's spelling, `to_medtech_text` to
the letter.
"""

import re
from decimal import Decimal, InvalidOperation
from math import isfinite
from typing import Any

from transforms.date_token import DateToken
from transforms.evaluation import MISSING
from transforms.instants import remember

_WHOLE_LIMIT = 2**63


class ConversionError(ValueError):
    """A token has no text. The message names kinds, never values."""


def to_text(token: Any) -> str | None:
    """The text of a JSON token.

    Args:
        token: what a mapping expression found.

    Returns:
        Strings as they are; whole numbers as digits; other numbers as the shortest
        text that reads back to the same double, without a needless `.0`; `true` or
        `false`; None for null and for a missing token.

    Raises:
        ConversionError: objects, arrays, NaN and infinities, and whole numbers beyond
            64 bits (their digits are lost when JSON is read as doubles).
    """
    kind = type(token)
    if kind is str:
        return token
    if kind is int:
        return str(token)
    if kind is float:
        return float_text(token)
    if token is None or token is MISSING:
        return None
    if kind is bool:
        return "true" if token else "false"
    msg = f"an {'array' if kind is list else 'object'} has no text"
    raise ConversionError(msg)


def to_medtech_text(token: Any) -> str | None:
    """The text of a JSON token as .NET's invariant culture writes it.

    Raises:
        ConversionError: objects, arrays, and whole numbers beyond 64 bits.
    """
    if type(token) is bool:
        return "True" if token else "False"
    if type(token) is DateToken:
        return token.text
    if type(token) is float and not isfinite(token):
        infinity = "-Infinity" if token < 0 else "Infinity"
        return "NaN" if token != token else infinity
    return to_text(token)


def float_text(number: float) -> str:
    """The text of a number: the shortest round trip, in .NET's notation.

    Raises:
        ConversionError: NaN, infinities, and whole numbers beyond 64 bits.
    """
    if not isfinite(number):
        msg = "NaN and infinities have no text"
        raise ConversionError(msg)
    if abs(number) >= 1e15:
        return _large_text(number)
    text = repr(number)
    if "e" not in text:
        return text.removesuffix(".0")
    # Below 1E-4, where Python and .NET both change to an exponent.
    mantissa, _mark, exponent = text.partition("e")
    return f"{mantissa.removesuffix('.0')}E-{exponent.lstrip('-').zfill(2)}"


def _large_text(number: float) -> str:
    """Fixed notation while every digit before the point is a significant one."""
    if number.is_integer() and abs(number) >= _WHOLE_LIMIT:
        msg = "a whole number beyond 64 bits loses digits: send it as a string"
        raise ConversionError(msg)
    sign = "-" if number < 0 else ""
    exact = Decimal(repr(abs(number)))
    digits = "".join(map(str, exact.as_tuple().digits)).rstrip("0")
    point = exact.adjusted() + 1
    if point > max(15, len(digits)):
        fraction = f".{digits[1:]}" if len(digits) > 1 else ""
        return f"{sign}{digits[0]}{fraction}E+{point - 1:02}"
    fraction = f".{digits[point:]}" if len(digits) > point else ""
    return f"{sign}{digits[:point]}{fraction}"


# An exponent has four digits at most: what has more measures nothing, and decimal
# arithmetic has limits of its own.
_EXPONENT = r"(?:[eE][+-]?0*\d{1,4})?"
_JSON_NUMBER = re.compile(rf"-?(?:0|[1-9]\d*)(?:\.\d+)?{_EXPONENT}", re.ASCII)
_LOOSE_NUMBER = re.compile(
    rf"([+-]?)([1-9]\d{{0,2}}(?:,\d{{3}})+|\d*)(\.\d*)?({_EXPONENT})([+-]?)", re.ASCII
)


_numbers: dict[str, str] = {}
"""Short texts and what `json_number` makes of them: most values are sent often."""
_SHORT = 6
_MOST_NUMBERS = 16_384


def json_number(text: str) -> str | None:
    """The text of a number as JSON writes it, every digit kept; None if it is none.

    Blanks around, a plus sign, a trailing sign, leading zeros, a bare decimal point
    and thousands commas in groups of three are understood, as .NET's invariant
    culture does. NaN and infinities are no numbers, nor is `0,123`: that comma is a
    decimal one; nor is what has an exponent of five digits.

    >>> json_number(" 98.60 "), json_number("1,234-"), json_number("72,5")
    ('98.60', '-1234', None)
    """
    known = _numbers.get(text)
    if known is not None:
        return known
    number = text
    if _JSON_NUMBER.fullmatch(text) is None:
        tidy = _tidy(text.strip())
        if tidy is None:
            return None
        number = tidy
    if not isfinite(float(number)):
        return None
    if len(text) <= _SHORT:
        remember(_numbers, text, number, _MOST_NUMBERS)
    return number


def _tidy(text: str) -> str | None:
    match = _LOOSE_NUMBER.fullmatch(text)
    if match is None:
        return None
    lead, whole, fraction, exponent, trail = match.groups()
    if lead and trail:
        return None
    sign = "-" if "-" in (lead, trail) else ""
    plain = f"{sign}{whole.replace(',', '')}{(fraction or '').rstrip('.')}{exponent}"
    try:
        number = Decimal(plain)
    except InvalidOperation:
        return None
    return str(number) if exponent else format(number, "f")
