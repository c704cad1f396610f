"""Places of an expression whose result is another one with `--compat=medtech`."""

from collections.abc import Iterator
from typing import Any

from transforms.date_token import date_token
from transforms.evaluation import Difference
from transforms.jmespath_syntax import Node, nodes, projects

_ARITHMETIC = "MedTech computes with doubles, which leaves binary noise"
_WHOLE = "of whole numbers MedTech keeps the lowest 64 bits without complaint"
_TIME = "as a value or an id MedTech writes it MM/dd/yyyy HH:mm:ss"
_SIGNS = {"eq": "==", "ne": "!=", "lt": "<", "lte": "<=", "gt": ">", "gte": ">="}

_FUNCTIONS = {
    "add": f"{_ARITHMETIC}; {_WHOLE}",
    "subtract": f"{_ARITHMETIC}; {_WHOLE}",
    "multiply": f"{_ARITHMETIC}; {_WHOLE}",
    "divide": f"{_ARITHMETIC}; of two whole numbers it cuts off the fraction; a"
    " fraction divided by 0 is infinite",
    "pow": f"{_ARITHMETIC}; of two whole numbers it rounds to a whole one",
    "sum": _ARITHMETIC,
    "avg": _ARITHMETIC,
    "abs": "MedTech fails for whole numbers beyond 32 bits",
    "sort": "MedTech fails for whole numbers beyond 32 bits",
    "fromUnixTimestamp": _TIME,
    "fromUnixTimestampMs": _TIME,
}

_LENGTH = "of a text MedTech counts UTF-16 units: most emoji are two"

_ARRAYS = frozenset(
    {
        *("projection", "filter_projection", "value_projection"),
        *("multi_select_list", "multi_select_dict"),
    }
)


def differences_of(root: Node) -> tuple[Difference, ...]:
    """The differences of an expression, in the order of its text.

    That texts like `2026-10-04T07:12:31Z` are dates to MedTech, whatever expression
    they stand in, is none of them.
    """
    return tuple(sorted(set(_differences(root))))


def _differences(root: Node) -> Iterator[Difference]:
    for node in nodes(root):
        if node["type"] == "function_expression":
            yield from _of_function(node)
        elif node["type"] == "comparator":
            yield from _of_comparator(node)
        elif node["type"] in ("subexpression", "index_expression"):
            yield from _of_parentheses(node)


def _of_function(node: Node) -> Iterator[Difference]:
    name, message = node["value"], _FUNCTIONS.get(node["value"])
    if name == "length" and node["children"][0]["type"] not in _ARRAYS:
        message = _LENGTH
    if message is not None:
        yield Difference(node["position"], f"{name}: {message}")


def _of_comparator(node: Node) -> Iterator[Difference]:
    sign = _SIGNS[node["value"]]
    values = [
        child["value"] for child in node["children"] if child["type"] == "literal"
    ]
    if node["value"] in ("eq", "ne"):
        message = _of_equality(values)
    elif any(isinstance(value, str) for value in values):
        message = "to MedTech null is less than every text"
    else:
        return
    if message:
        yield Difference(node["position"], f"{sign}: {message}")


def _of_equality(values: list[Any]) -> str:
    if any(type(value) is float for value in values):
        return "to MedTech no whole number equals 1.0, not even 1"
    if any(type(value) is str and date_token(value) for value in values):
        return "what looks like a time is a date to MedTech and equals no text"
    return ""


def _of_parentheses(node: Node) -> Iterator[Difference]:
    if any(projects(child) for child in node["children"][:-1]):
        msg = "in MedTech parentheses do not end a projection; use | instead"
        yield Difference(0, msg)
