"""The functions of JMESPath in mapping files.

Beside the standard ones
(https://jmespath.org/specification.html#built-in-functions) the eight documented for
the Azure MedTech service
(https://learn.microsoft.com/azure/healthcare-apis/iot/how-to-use-custom-functions):
`add`, `subtract`, `multiply`, `divide`, `pow`, `insertString`, `fromUnixTimestamp` and
`fromUnixTimestampMs`; and six of ours: `toUtc`, `toZone`, `parseDateTime`,
`dateFromParts`, `addDuration` and `scale10`.
"""

import json
import math
import re
from collections.abc import Callable
from types import ModuleType
from typing import Any, TypeVar

from jmespath import functions

from transforms import arithmetic, local_times
from transforms.arithmetic import Number, NumberError
from transforms.date_token import DateToken
from transforms.instants import (
    END_OF_INSTANTS,
    FIRST_INSTANT,
    InstantError,
    iso_instant,
)
from transforms.jmespath_values import FunctionError, same
from transforms.local_times import UnitError
from transforms.time_formats import FormatError
from transforms.time_zones import ZoneError

EXTENSIONS = frozenset(
    {"toUtc", "toZone", "parseDateTime", "dateFromParts", "addDuration", "scale10"}
)
"""Functions that MedTech does not know."""

_LONGEST_NUMBER = 1000
"""Characters: a longer text is no number."""

_NUMBER_TEXT = re.compile(
    r"\s*[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?\s*", re.ASCII
)


_Result = TypeVar("_Result")


def named(name: str, function: Callable[..., _Result], *arguments: Any) -> _Result:
    """The result of a function; what it complains about with its name before it.

    Raises:
        FunctionError: the function cannot answer.
    """
    try:
        return function(*arguments)
    except (FormatError, InstantError, NumberError, UnitError, ZoneError) as error:
        msg = f"{name}: {error}"
        raise FunctionError(msg) from error


def instant_of(name: str, count: Any, unit: int) -> int:
    """The instant some µs after 1970 of a whole number of units.

    Raises:
        FunctionError: it is no whole number, or the year has not four digits.
    """
    if type(count) is not int:
        msg = f"{name}: the argument must be a whole number"
        raise FunctionError(msg)
    instant = count * unit
    if not FIRST_INSTANT <= instant < END_OF_INSTANTS:
        msg = f"{name}: the time lies outside the years 1 to 9999"
        raise FunctionError(msg)
    return instant


def inserted(original: str, insert: str, position: int) -> str:
    """A text with another inserted at a number of UTF-16 units, as .NET counts them.

    Raises:
        FunctionError: the position lies outside the text, or inside a character.
    """
    units = original.encode("utf-16-le")
    if not 0 <= position <= len(units) // 2:
        msg = "insertString: the position lies outside the text"
        raise FunctionError(msg)
    before, after = units[: 2 * position], units[2 * position :]
    try:
        return f"{before.decode('utf-16-le')}{insert}{after.decode('utf-16-le')}"
    except UnicodeDecodeError as error:
        msg = "insertString: the position lies inside a character"
        raise FunctionError(msg) from error


def _iso(token: Any) -> Any:
    """What our functions see of a date that MedTech's JSON reader made of a text."""
    if type(token) is not DateToken:
        return token
    if not token.zone:
        return token.iso
    return iso_instant(token.instant, token.offset, token.tick)


_to_json = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode

_ANY: dict[str, Any] = {"types": []}
_NUMBER = {"types": ["number"]}
_NUMBERS = {"types": ["array-number"]}
_STRING = {"types": ["string"]}
_ZONE = {"types": ["string", "number"]}
_PART = {"types": ["number", "string"], "optional": True}


class MappingFunctions(functions.Functions):
    """The functions, as they are without `--compat=medtech`.

    The library finds a function by the prefix `_func_` and takes the rest of the name
    as it is, hence the camelCase.
    """

    arithmetic: ModuleType = arithmetic
    """Has `add`, `subtract`, `multiply`, `divide` and `power`."""

    def moment(self, instant: int) -> Any:
        """What stands for an instant."""
        return iso_instant(instant)

    @functions.signature(_ANY)
    def _func_to_number(self, argument: Any) -> Number | None:
        # Python would read 1_000, nan and the digits of all scripts, too.
        if isinstance(argument, str) and (
            len(argument) > _LONGEST_NUMBER or not _NUMBER_TEXT.fullmatch(argument)
        ):
            return None
        number: Number | None = super()._func_to_number(argument)
        if isinstance(number, float) and not math.isfinite(number):
            return None
        return number

    @functions.signature(_ANY)
    def _func_to_string(self, argument: Any) -> Any:
        return argument if isinstance(argument, str) else _to_json(argument)

    @functions.signature({"types": ["array", "string"]}, _ANY)
    def _func_contains(self, subject: Any, search: Any) -> bool:
        if isinstance(subject, list):
            return any(same(element, search) for element in subject)
        if not isinstance(search, str):
            msg = "contains: in a string there are only strings"
            raise FunctionError(msg)
        return search in subject

    @functions.signature(_NUMBERS)
    def _func_sum(self, numbers: list[Number]) -> Number:
        return named("sum", arithmetic.total, numbers)

    @functions.signature(_NUMBERS)
    def _func_avg(self, numbers: list[Number]) -> Number | None:
        return named("avg", arithmetic.mean, numbers) if numbers else None

    @functions.signature(_NUMBER)
    def _func_ceil(self, number: Number) -> int:
        return named("ceil", arithmetic.whole, math.ceil(number))

    @functions.signature(_NUMBER)
    def _func_floor(self, number: Number) -> int:
        return named("floor", arithmetic.whole, math.floor(number))

    @functions.signature(_NUMBER, _NUMBER)
    def _func_add(self, left: Number, right: Number) -> Number:
        return named("add", self.arithmetic.add, left, right)

    @functions.signature(_NUMBER, _NUMBER)
    def _func_subtract(self, left: Number, right: Number) -> Number:
        return named("subtract", self.arithmetic.subtract, left, right)

    @functions.signature(_NUMBER, _NUMBER)
    def _func_multiply(self, left: Number, right: Number) -> Number:
        return named("multiply", self.arithmetic.multiply, left, right)

    @functions.signature(_NUMBER, _NUMBER)
    def _func_divide(self, left: Number, right: Number) -> Number:
        return named("divide", self.arithmetic.divide, left, right)

    @functions.signature(_NUMBER, _NUMBER)
    def _func_pow(self, base: Number, exponent: Number) -> Number:
        return named("pow", self.arithmetic.power, base, exponent)

    @functions.signature(_STRING, _STRING, _NUMBER)
    def _func_insertString(self, original: str, insert: str, at: Number) -> str:  # noqa: N802
        if type(at) is not int:
            msg = "insertString: the position must be a whole number"
            raise FunctionError(msg)
        return inserted(original, insert, at)

    @functions.signature(_NUMBER)
    def _func_fromUnixTimestamp(self, seconds: Number) -> Any:  # noqa: N802
        return self.moment(instant_of("fromUnixTimestamp", seconds, 1_000_000))

    @functions.signature(_NUMBER)
    def _func_fromUnixTimestampMs(self, milliseconds: Number) -> Any:  # noqa: N802
        return self.moment(instant_of("fromUnixTimestampMs", milliseconds, 1_000))

    @functions.signature({"types": ["string", "number"]}, _ZONE)
    def _func_toUtc(self, local: Any, zone: Any) -> str:  # noqa: N802
        return named("toUtc", local_times.to_utc, _iso(local), zone)

    @functions.signature(_STRING, _ZONE)
    def _func_toZone(self, time: Any, zone: Any) -> str:  # noqa: N802
        return named("toZone", local_times.to_zone, _iso(time), zone)

    @functions.signature(
        _STRING, _STRING, {"types": ["string", "number", "null"], "optional": True}
    )
    def _func_parseDateTime(self, text: Any, form: Any, zone: Any = None) -> str:  # noqa: N802
        parse = local_times.parse_date_time
        return named("parseDateTime", parse, _iso(text), _iso(form), _iso(zone))

    @functions.signature({"types": ["number", "string", "object"]}, _PART, _PART)
    def _func_dateFromParts(self, *parts: Any) -> str:  # noqa: N802
        if len(parts) == 1:
            if not isinstance(parts[0], dict):
                msg = "dateFromParts: one argument alone must be an object"
                raise FunctionError(msg)
            return named("dateFromParts", local_times.date_of_object, *parts)
        return named("dateFromParts", local_times.date_from_parts, *parts)

    @functions.signature(_STRING, _NUMBER, _STRING)
    def _func_addDuration(self, time: Any, count: Number, unit: Any) -> str:  # noqa: N802
        add = local_times.add_duration
        return named("addDuration", add, _iso(time), count, _iso(unit))

    @functions.signature(_NUMBER, _NUMBER)
    def _func_scale10(self, number: Number, exponent: Number) -> Number:
        if exponent != int(exponent):
            msg = "scale10: the exponent must be a whole number"
            raise FunctionError(msg)
        return named("scale10", arithmetic.scaled, number, int(exponent))


MAPPING_FUNCTIONS = MappingFunctions()
