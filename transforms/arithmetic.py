"""Arithmetic on the numbers of JSON, in decimal.

34 digits, so that 72415 × 0.001 is 72.415 and 40 / 50 is 0.8. A result is a whole
number only if all it is made of are and nothing is lost, else it is the nearest double.
"""

import decimal
from collections.abc import Callable, Sequence
from typing import TypeAlias

Number: TypeAlias = int | float

_CONTEXT = decimal.Context(
    prec=34,
    traps=[decimal.InvalidOperation, decimal.DivisionByZero, decimal.Overflow],
)
_LIMIT = 2**63
_MOST_BITS = 1024
"""As many as the largest double has; longer ones take their time."""
_MOST_SHIFT = 400
"""Powers of ten: more than lie between the smallest double and the largest."""


class NumberError(ValueError):
    """There is no result. The message holds no number."""


def add(left: Number, right: Number) -> Number:
    """The sum of two numbers."""
    return _calculate(_CONTEXT.add, left, right)


def subtract(left: Number, right: Number) -> Number:
    """The difference of two numbers."""
    return _calculate(_CONTEXT.subtract, left, right)


def multiply(left: Number, right: Number) -> Number:
    """The product of two numbers."""
    return _calculate(_CONTEXT.multiply, left, right)


def divide(left: Number, right: Number) -> Number:
    """The quotient of two numbers, with its fraction."""
    if not right:
        msg = "division by zero"
        raise NumberError(msg)
    return _calculate(_CONTEXT.divide, left, right)


def power(base: Number, exponent: Number) -> Number:
    """A number to the power of another; 0 to the power of 0 is 1, as in IEEE 754."""
    if not base and not exponent:
        return 1 if type(base) is int and type(exponent) is int else 1.0
    return _calculate(_CONTEXT.power, base, exponent)


def total(numbers: Sequence[Number]) -> Number:
    """The sum of any number of numbers."""
    if _all_whole(numbers):
        return whole(sum(map(int, numbers)))
    return _number(_sum(numbers), keep_whole=False)


def mean(numbers: Sequence[Number]) -> Number:
    """The arithmetic mean of at least one number."""
    quotient = _CONTEXT.divide(_sum(numbers), decimal.Decimal(len(numbers)))
    return _number(quotient, keep_whole=_all_whole(numbers))


def scaled(number: Number, exponent: int) -> Number:
    """A number times a power of ten, exactly: 72415 and -3 make 72.415."""
    if abs(exponent) > _MOST_SHIFT:
        msg = "the exponent is too large"
        raise NumberError(msg)
    # Exactly: of a whole number no digit is rounded away.
    shifted = _decimal(number).scaleb(exponent)
    return _number(shifted, keep_whole=type(number) is int)


def whole(number: int) -> int:
    """The number, if it fits into 64 bits.

    Raises:
        NumberError: it does not.
    """
    if not -_LIMIT <= number < _LIMIT:
        msg = "the result does not fit into 64 bits"
        raise NumberError(msg)
    return number


def _all_whole(numbers: Sequence[Number]) -> bool:
    return all(type(number) is int for number in numbers)


def _decimal(number: Number) -> decimal.Decimal:
    if type(number) is int and number.bit_length() > _MOST_BITS:
        msg = "a number is too large"
        raise NumberError(msg)
    # repr is the shortest text that reads back to the same double: what was sent.
    return decimal.Decimal(repr(number))


def _sum(numbers: Sequence[Number]) -> decimal.Decimal:
    result = decimal.Decimal(0)
    for number in numbers:
        result = _CONTEXT.add(result, _decimal(number))
    return result


def _calculate(
    operation: Callable[[decimal.Decimal, decimal.Decimal], decimal.Decimal],
    left: Number,
    right: Number,
) -> Number:
    try:
        result = operation(_decimal(left), _decimal(right))
    except (decimal.InvalidOperation, decimal.Overflow) as error:
        msg = "the result is no number"
        raise NumberError(msg) from error
    return _number(result, keep_whole=type(left) is int and type(right) is int)


def _number(result: decimal.Decimal, *, keep_whole: bool) -> Number:
    if not abs(result) < decimal.Decimal("1e308"):
        msg = "the result is too large"
        raise NumberError(msg)
    if keep_whole and result == result.to_integral_value():
        return whole(int(result))
    return float(result)
