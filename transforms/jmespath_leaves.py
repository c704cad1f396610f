"""The nodes of JMESPath expressions that evaluate no others, compiled.

What is not there is null for the language, and something else for JmesPath.Net.
"""

from typing import Any

from transforms.jmespath_calls import Evaluate
from transforms.jmespath_syntax import Node
from transforms.jmespath_work import Work, spend

LEAVES = frozenset({"current", "field", "identity", "index", "literal", "slice"})
"""Types of such nodes."""


def leaf(node: Node, absent: Any) -> Evaluate:
    """Compiles a node of one of these types.

    Args:
        node: the node.
        absent: what it evaluates to where there is nothing.
    """
    kind = node["type"]
    if kind == "field":
        return _field(node["value"], absent)
    if kind == "index":
        return _index(node["value"], absent)
    if kind == "slice":
        return _slice(slice(*node["children"]), absent)
    if kind == "literal":
        literal = node["value"]
        return lambda _value, _work: literal
    return lambda value, _work: value


def _field(name: str, absent: Any) -> Evaluate:
    def field(value: Any, _work: Work) -> Any:
        return value.get(name, absent) if type(value) is dict else absent

    return field


def _index(at: int, absent: Any) -> Evaluate:
    def index(value: Any, _work: Work) -> Any:
        if type(value) is not list or not -len(value) <= at < len(value):
            return absent
        return value[at]

    return index


def _slice(part: slice, absent: Any) -> Evaluate:
    def cut(value: Any, work: Work) -> Any:
        if type(value) is not list:
            return absent
        spend(work, len(value))
        return value[part]

    return cut
