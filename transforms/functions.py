"""The eight functions that the mapping language adds to JMESPath.

`add`, `subtract`, `multiply`, `divide`, `pow`, `insertString`, `fromUnixTimestamp` and
`fromUnixTimestampMs`, as documented for the Azure MedTech service
(https://learn.microsoft.com/azure/healthcare-apis/iot/how-to-use-custom-functions).
Arithmetic is decimal with 34 digits, so that 72415 × 0.001 is 72.415 and 40 / 50 is
0.8; a result is a whole number only when nothing else would be exact.
"""

import decimal
import re
from collections.abc import Callable
from math import isfinite
from typing import Any

from jmespath import functions

from transforms.instants import END_OF_INSTANTS, FIRST_INSTANT, iso_instant

_CONTEXT = decimal.Context(
    prec=34,
    traps=[decimal.InvalidOperation, decimal.DivisionByZero, decimal.Overflow],
)
_LONG = 2**63
_NUMBER_TEXT = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)


class FunctionError(ValueError):
    """A function cannot answer. The message names the function, never a value."""


def _decimal(number: float) -> decimal.Decimal:
    # repr is the shortest text that reads back to the same double: what was sent.
    return decimal.Decimal(repr(number))


def _number(name: str, result: decimal.Decimal, *, whole: bool) -> float:
    """A JSON number again: int if all arguments were and nothing is lost."""
    if whole and result == result.to_integral_value():
        integer = int(result)
        if not -_LONG <= integer < _LONG:
            msg = f"{name}: the result does not fit into 64 bits"
            raise FunctionError(msg)
        return integer
    return float(result)


Operation = Callable[
    [decimal.Context, decimal.Decimal, decimal.Decimal], decimal.Decimal
]


def _calculate(name: str, operation: Operation, left: float, right: float) -> float:
    whole = type(left) is int and type(right) is int
    try:
        result = operation(_CONTEXT, _decimal(left), _decimal(right))
    except decimal.DivisionByZero as error:
        msg = f"{name}: division by zero"
        raise FunctionError(msg) from error
    except (decimal.InvalidOperation, decimal.Overflow) as error:
        msg = f"{name}: the result is no number"
        raise FunctionError(msg) from error
    if not abs(result) < decimal.Decimal("1e308"):
        msg = f"{name}: the result is too large"
        raise FunctionError(msg)
    return _number(name, result, whole=whole)


def _power(
    context: decimal.Context, base: decimal.Decimal, exponent: decimal.Decimal
) -> decimal.Decimal:
    if not base and not exponent:
        return decimal.Decimal(1)  # as .NET and IEEE 754 have it
    return context.power(base, exponent)


def _quotient(
    context: decimal.Context, left: decimal.Decimal, right: decimal.Decimal
) -> decimal.Decimal:
    if not right:
        raise decimal.DivisionByZero  # of 0 / 0 the context says another thing
    return context.divide(left, right)


def _from_unix(name: str, count: int, unit: int) -> str:
    instant = count * unit
    if not FIRST_INSTANT <= instant < END_OF_INSTANTS:
        msg = f"{name}: the time lies outside the years 1 to 9999"
        raise FunctionError(msg)
    return iso_instant(instant)


_NUMBER = {"types": ["number"]}
_STRING = {"types": ["string"]}


class MappingFunctions(functions.Functions):
    """JMESPath's standard functions and the eight of the mapping language.

    `to_number` takes no text for a number that only Python would: `1_000`, `nan`.

    The library finds a function by the prefix `_func_` and takes the rest of the name
    as it is, hence the camelCase.
    """

    @functions.signature({"types": []})
    def _func_to_number(self, argument: Any) -> float | None:
        if isinstance(argument, str) and not _NUMBER_TEXT.fullmatch(argument):
            return None
        number: float | None = super()._func_to_number(argument)
        return None if isinstance(number, float) and not isfinite(number) else number

    @functions.signature(_NUMBER, _NUMBER)
    def _func_add(self, left: float, right: float) -> float:
        return _calculate("add", decimal.Context.add, left, right)

    @functions.signature(_NUMBER, _NUMBER)
    def _func_subtract(self, left: float, right: float) -> float:
        return _calculate("subtract", decimal.Context.subtract, left, right)

    @functions.signature(_NUMBER, _NUMBER)
    def _func_multiply(self, left: float, right: float) -> float:
        return _calculate("multiply", decimal.Context.multiply, left, right)

    @functions.signature(_NUMBER, _NUMBER)
    def _func_divide(self, left: float, right: float) -> float:
        return _calculate("divide", _quotient, left, right)

    @functions.signature(_NUMBER, _NUMBER)
    def _func_pow(self, base: float, exponent: float) -> float:
        return _calculate("pow", _power, base, exponent)

    @functions.signature(_STRING, _STRING, _NUMBER)
    def _func_insertString(  # noqa: N802 - the function's name in mapping files
        self, original: str, insert: str, position: float
    ) -> str:
        if type(position) is not int:
            msg = "insertString: the position must be a whole number"
            raise FunctionError(msg)
        if not 0 <= position <= len(original):
            msg = "insertString: the position lies outside the text"
            raise FunctionError(msg)
        return f"{original[:position]}{insert}{original[position:]}"

    @functions.signature(_NUMBER)
    def _func_fromUnixTimestamp(self, seconds: Any) -> str:  # noqa: N802
        return self._from_unix("fromUnixTimestamp", seconds, 1_000_000)

    @functions.signature(_NUMBER)
    def _func_fromUnixTimestampMs(self, milliseconds: Any) -> str:  # noqa: N802
        return self._from_unix("fromUnixTimestampMs", milliseconds, 1_000)

    def _from_unix(self, name: str, count: float, unit: int) -> str:
        if type(count) is not int:
            msg = f"{name}: the argument must be a whole number"
            raise FunctionError(msg)
        return _from_unix(name, count, unit)
