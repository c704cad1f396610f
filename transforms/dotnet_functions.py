"""The functions of JMESPath as MedTech computes them, for `--compat=medtech`.

Numbers are 64-bit integers or doubles with .NET's arithmetic, down to silent overflow;
dates that the JSON reader made of texts count as texts, `MM/dd/yyyy HH:mm:ss`.
"""

import json
import math
from collections.abc import Callable
from typing import Any

from jmespath import functions

from transforms import dotnet_numbers
from transforms.arithmetic import Number
from transforms.conversions import ConversionError, to_medtech_text
from transforms.date_token import DateToken
from transforms.dotnet_comparisons import ordinal, same_in_dotnet, text_of
from transforms.dotnet_numbers import INT_BITS, LONG_BITS, integer
from transforms.functions import MappingFunctions, named
from transforms.jmespath_values import FunctionError


def _json(token: Any) -> str:
    """A token as Newtonsoft writes it."""
    kind = type(token)
    if kind is dict:
        members = (f"{_quoted(name)}:{_json(value)}" for name, value in token.items())
        return f"{{{','.join(members)}}}"
    if kind is list:
        return f"[{','.join(map(_json, token))}]"
    if kind is DateToken:
        return _quoted(token.iso)
    if kind is float:
        text = to_medtech_text(token) or ""
        if not math.isfinite(token):
            return _quoted(text)
        return text if set(text) & {".", "E"} else f"{text}.0"
    return _quoted(token) if kind is str else json.dumps(token)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


_ANY: dict[str, Any] = {"types": []}
_NUMBER = {"types": ["number"]}
_NUMBERS = {"types": ["array-number"]}
_STRING = {"types": ["string"]}
_ORDERED = {"types": ["array-number", "array-string"]}


class MedTechFunctions(MappingFunctions):
    """The functions with `--compat=medtech`."""

    arithmetic = dotnet_numbers

    def moment(self, instant: int) -> DateToken:
        """Not a text, but what the JSON reader makes of one."""
        return DateToken(instant, 0, "Z")

    @functions.signature(_NUMBER)
    def _func_abs(self, number: Number) -> Number:
        return named("abs", dotnet_numbers.absolute, number)

    @functions.signature(_NUMBERS)
    def _func_sum(self, numbers: list[Number]) -> Number:
        result = dotnet_numbers.total(numbers)
        if not math.isfinite(result) or result % 1:
            return result
        return named("sum", integer, result, LONG_BITS)

    @functions.signature(_NUMBERS)
    def _func_avg(self, numbers: list[Number]) -> Number | None:
        return dotnet_numbers.total(numbers) / len(numbers) if numbers else None

    @functions.signature(_NUMBER)
    def _func_ceil(self, number: Number) -> int:
        return named("ceil", integer, number, LONG_BITS, math.ceil)

    @functions.signature(_NUMBER)
    def _func_floor(self, number: Number) -> int:
        return named("floor", integer, number, LONG_BITS, math.floor)

    @functions.signature(_STRING, _STRING, _NUMBER)
    def _func_insertString(self, original: Any, insert: Any, at: Number) -> str:  # noqa: N802
        if type(original) is DateToken or type(insert) is DateToken:
            msg = "insertString: wants string, got a date that stood there as a string"
            raise FunctionError(msg)
        return super()._func_insertString(original, insert, at)

    @functions.signature(_ANY)
    def _func_to_number(self, argument: Any) -> Number | None:
        number = super()._func_to_number(text_of(argument))
        # .NET reads a longer whole number as a double.
        is_long = type(number) is int and type(argument) is not int
        return float(number) if is_long and abs(number) >= 2**63 else number

    @functions.signature(_ANY)
    def _func_to_string(self, argument: Any) -> Any:
        if type(argument) is str or type(argument) is DateToken:
            return argument
        try:
            return _json(argument)
        except ConversionError as error:
            msg = f"to_string: {error}"
            raise FunctionError(msg) from error

    @functions.signature({"types": ["array", "string"]}, _ANY)
    def _func_contains(self, subject: Any, search: Any) -> bool:
        if type(subject) is DateToken:
            return False
        if type(subject) is list:
            return any(same_in_dotnet(element, search) for element in subject)
        return super()._func_contains(subject, text_of(search))

    @functions.signature({"types": ["string", "array", "object"]})
    def _func_length(self, argument: Any) -> int:
        counted = text_of(argument)
        if type(counted) is str:
            return len(counted.encode("utf-16-le")) // 2
        return len(counted)

    @functions.signature(_STRING, _STRING)
    def _func_starts_with(self, text: Any, start: Any) -> bool:
        return bool(text_of(text).startswith(text_of(start)))

    @functions.signature(_STRING, _STRING)
    def _func_ends_with(self, text: Any, end: Any) -> bool:
        return bool(text_of(text).endswith(text_of(end)))

    @functions.signature({"types": ["array", "string"]})
    def _func_reverse(self, argument: Any) -> Any:
        return super()._func_reverse(text_of(argument))

    @functions.signature(_STRING, {"types": ["array-string"]})
    def _func_join(self, glue: Any, texts: list[Any]) -> str:
        return str(text_of(glue)).join(map(text_of, texts))

    @functions.signature(_ORDERED)
    def _func_max(self, tokens: list[Any]) -> Any:
        return text_of(max(tokens, key=ordinal, default=None))

    @functions.signature(_ORDERED)
    def _func_min(self, tokens: list[Any]) -> Any:
        return text_of(min(tokens, key=ordinal, default=None))

    @functions.signature(_ORDERED)
    def _func_sort(self, tokens: list[Any]) -> list[Any]:
        if not tokens or type(tokens[0]) is not int:
            return sorted(tokens, key=ordinal)
        # The first item decides: all are then compared as integers of 32 bits.
        return sorted(tokens, key=lambda item: named("sort", integer, item, INT_BITS))

    @functions.signature(_ANY)
    def _func_type(self, argument: Any) -> Any:
        return super()._func_type(text_of(argument))

    def _convert_to_jmespath_type(self, pyobject: str) -> str:
        if pyobject == DateToken.__name__:
            return "string"
        return str(super()._convert_to_jmespath_type(pyobject))

    def _create_key_func(
        self, expref: Any, allowed_types: list[str], function_name: str
    ) -> Callable[[Any], Any]:
        key = super()._create_key_func(expref, allowed_types, function_name)
        return lambda item: ordinal(key(item))


MEDTECH_FUNCTIONS = MedTechFunctions()
