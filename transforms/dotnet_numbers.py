"""Arithmetic as .NET does it: integers of 64 bits, doubles by IEEE 754."""

import math
import operator
from collections.abc import Callable, Iterable
from functools import reduce

from transforms.arithmetic import Number, NumberError

_LONG_LIMIT = 2**63

INT_BITS = 32
LONG_BITS = 64


def integer(
    number: Number, bits: int, to_whole: Callable[[Number], int] = round
) -> int:
    """A number as an integer of some size.

    Args:
        number: the number.
        bits: the size.
        to_whole: what becomes of a fraction; .NET, too, rounds a half to even.

    Raises:
        NumberError: it does not fit.
    """
    limit = 1 << (bits - 1)
    if not math.isfinite(number) or not -limit <= to_whole(number) < limit:
        msg = f"the result does not fit into {bits} bits"
        raise NumberError(msg)
    return to_whole(number)


def add(left: Number, right: Number) -> Number:
    """The sum; of integers the lowest 64 bits of it."""
    return _wrapped(_operand(left) + _operand(right))


def subtract(left: Number, right: Number) -> Number:
    """The difference; of integers the lowest 64 bits of it."""
    return _wrapped(_operand(left) - _operand(right))


def multiply(left: Number, right: Number) -> Number:
    """The product; of integers the lowest 64 bits of it."""
    return _wrapped(_operand(left) * _operand(right))


def divide(left: Number, right: Number) -> Number:
    """The quotient; of integers without its fraction.

    Raises:
        NumberError: an integer is divided by 0, or the quotient is 2 to the power 63.
    """
    left, right = _operand(left), _operand(right)
    if type(left) is int and type(right) is int:
        if not right:
            msg = "division by zero"
            raise NumberError(msg)
        result = abs(left) // abs(right)
        return integer(result if (left < 0) == (right < 0) else -result, LONG_BITS)
    if right:
        return left / right
    if not left or math.isnan(left):
        return math.nan
    return math.copysign(math.inf, left) * math.copysign(1.0, right)


def power(base: Number, exponent: Number) -> Number:
    """A power, computed with doubles; of integers the nearest integer.

    Raises:
        NumberError: of integers, a result that does not fit into 64 bits.
    """
    result = _double_power(float(_operand(base)), float(_operand(exponent)))
    if type(base) is int and type(exponent) is int:
        return integer(result, LONG_BITS)
    return result


def absolute(number: Number) -> Number:
    """The number without its sign; integers have 32 bits here."""
    if type(number) is not int:
        return abs(number)
    return integer(abs(integer(number, INT_BITS)), INT_BITS)


def total(numbers: Iterable[Number]) -> float:
    """The sum of doubles, in their order."""
    # Python's sum corrects the errors that .NET makes.
    return reduce(operator.add, map(float, numbers), 0.0)


def _operand(number: Number) -> Number:
    if type(number) is int and not -_LONG_LIMIT <= number < _LONG_LIMIT:
        msg = "a number does not fit into 64 bits"
        raise NumberError(msg)
    return number


def _wrapped(number: Number) -> Number:
    if type(number) is float:
        return number
    return (int(number) + _LONG_LIMIT) % (2 * _LONG_LIMIT) - _LONG_LIMIT


def _double_power(base: float, exponent: float) -> float:
    try:
        return math.pow(base, exponent)
    except (OverflowError, ValueError):
        # IEEE 754 has an answer where Python complains.
        if base < 0 and not exponent.is_integer():
            return math.nan
        odd = exponent % 2 == 1
        return -math.inf if odd and math.copysign(1.0, base) < 0 else math.inf
