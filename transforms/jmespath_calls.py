"""Calls of functions in JMESPath expressions: arguments checked, work paid for."""

from collections.abc import Callable, Sequence
from types import NoneType
from typing import Any, NamedTuple, TypeAlias

from transforms.date_token import DateToken
from transforms.functions import MappingFunctions
from transforms.jmespath_values import FunctionError
from transforms.jmespath_work import Work, spend, spend_size, spend_text

Evaluate: TypeAlias = Callable[[Any, Work], Any]
"""From the current value and the work left to the value of a node."""


class Reference:
    """An expression that a function applies itself: `&name` in `sort_by(@, &name)`.

    Args:
        evaluate: the expression.
        work: what is left of the work of the evaluation.
    """

    __slots__ = ("evaluate", "work")

    expression = None
    """The library's functions hand it back to `visit`."""

    def __init__(self, evaluate: Evaluate, work: Work) -> None:
        self.evaluate = evaluate
        self.work = work

    def visit(self, _expression: None, value: Any) -> Any:
        """The value of the expression for one element."""
        token = self.evaluate(value, self.work)
        if type(token) is str:
            # It may be compared.
            spend_text(self.work, len(token))
        return token


_KINDS: dict[type, str] = {
    str: "string",
    DateToken: "string",
    int: "number",
    float: "number",
    bool: "boolean",
    list: "array",
    dict: "object",
    NoneType: "null",
    Reference: "expref",
}

_TYPES = {
    name: frozenset(type_ for type_, kind in _KINDS.items() if kind == name)
    for name in _KINDS.values()
}
_VALUES = frozenset(_KINDS) - {Reference}


class _Parameter(NamedTuple):
    """What one argument of a function may be."""

    types: frozenset[type]
    items: tuple[frozenset[type], ...]
    """Of an array: all items are of one of these."""
    wanted: str
    """The same in words."""


def _parameter(names: Sequence[str]) -> _Parameter:
    types: frozenset[type] = frozenset()
    items = []
    for name in names:
        kind, _, item = name.partition("-")
        types |= _TYPES[kind]
        if item:
            items.append(_TYPES[item])
    return _Parameter(types if names else _VALUES, tuple(items), " or ".join(names))


def _parameters(name: str, count: int) -> list[_Parameter]:
    signature = MappingFunctions.FUNCTION_TABLE[name]["signature"]
    listed = [_parameter(entry["types"]) for entry in signature]
    return (listed + [listed[-1]] * count)[:count]


def rejects(name: str, position: int, count: int, value: Any) -> str:
    """Why a literal can be no argument of a function; nothing if it can.

    Args:
        name: the function.
        position: of the argument, from 0.
        count: of all arguments.
        value: the literal.
    """
    parameter = _parameters(name, count)[position]
    if type(value) in parameter.types:
        return ""
    return f"{name}: wants {parameter.wanted}, got {_KINDS[type(value)]}"


def wants_reference(name: str, position: int) -> bool:
    """Whether a function wants an expression (`&name`) as an argument."""
    signature = MappingFunctions.FUNCTION_TABLE[name]["signature"]
    return position < len(signature) and "expref" in signature[position]["types"]


def call(
    name: str, arguments: Sequence[Evaluate], functions: MappingFunctions, weight: int
) -> Evaluate:
    """Compiles a call.

    Args:
        name: of a known function, with as many arguments as it takes.
        arguments: what they are evaluated with.
        functions: the functions.
        weight: nodes of the call, arguments included.
    """
    method = getattr(functions, f"_func_{name}")
    parameters = _parameters(name, len(arguments))
    pay = _COSTS.get(name)
    checked = tuple(
        (argument, parameter.types, parameter)
        for argument, parameter in zip(arguments, parameters, strict=True)
    )

    def evaluate(value: Any, work: Work) -> Any:
        given = []
        for argument, types, parameter in checked:
            token = argument(value, work)
            if type(token) not in types:
                raise _wrong_kind(name, parameter, token)
            if parameter.items and token:
                _check_items(name, parameter, token)
            given.append(token)
        if pay is not None:
            pay(given, work, weight)
        return method(*given)

    return evaluate


def _check_items(name: str, parameter: _Parameter, tokens: Any) -> None:
    if type(tokens) is not list:
        return
    first = type(tokens[0])
    for types in parameter.items:
        if first in types:
            break
    for token in tokens:
        if type(token) not in types:
            raise _wrong_kind(name, parameter, token)


def _wrong_kind(name: str, parameter: _Parameter, token: Any) -> FunctionError:
    kind = _KINDS.get(type(token), "another kind")
    return FunctionError(f"{name}: wants {parameter.wanted}, got {kind}")


# What a call costs beyond the evaluation of its nodes. The rest costs next to nothing.


def _elements(given: list[Any], work: Work, _weight: int) -> None:
    for token in given:
        if type(token) is list or type(token) is dict:
            spend(work, len(token))
        elif type(token) is str:
            spend_text(work, len(token))


def _ordered(given: list[Any], work: Work, _weight: int) -> None:
    (tokens,) = given
    spend(work, len(tokens))
    for token in tokens:
        if type(token) is str:
            spend_text(work, len(token))


def _evaluations(given: list[Any], work: Work, weight: int) -> None:
    for token in given:
        if type(token) is list:
            spend(work, len(token) * weight)


def _everything(given: list[Any], work: Work, _weight: int) -> None:
    for token in given:
        spend_size(work, token)


def _joined(given: list[Any], work: Work, _weight: int) -> None:
    glue, texts = given
    spend(work, len(texts))
    length = sum(19 if type(text) is DateToken else len(text) for text in texts)
    spend_text(
        work, length + len(texts) * (19 if type(glue) is DateToken else len(glue))
    )


_COSTS: dict[str, Callable[[list[Any], Work, int], None]] = {
    **dict.fromkeys(("map", "max_by", "min_by", "sort_by"), _evaluations),
    **dict.fromkeys(("to_string", "contains"), _everything),
    **dict.fromkeys(("max", "min", "sort"), _ordered),
    **dict.fromkeys(
        ("avg", "insertString", "keys", "length", "merge", "reverse", "sum"), _elements
    ),
    "values": _elements,
    "join": _joined,
}
