"""Gates: what must stand in a raw message for a template to match it at all.

Looking for some bytes costs a tenth of evaluating an expression, and most templates of
a mapping do not concern most messages. A gate is a member name or a text, in quotes, as
JSON writes it. Gates only ever spare work: a message that passes them is evaluated, and
one that does not can neither match nor fail.
"""

from collections.abc import Callable
from typing import Any

import jmespath

from transforms.jmespath_expression import JmesPath
from transforms.jsonpath import JsonPath
from transforms.jsonpath_syntax import parse
from transforms.jsonpath_traits import orders, required_names, required_texts

Quoted = frozenset[str]
"""Names and texts without which an expression finds nothing."""

NOTHING: Quoted = frozenset()

ENVELOPE = frozenset({"Body", "Properties", "SystemProperties"})
"""Names that a bare payload lacks and that are there nevertheless."""


def gates_of(
    match: JsonPath | JmesPath, when: JsonPath | JmesPath | None
) -> tuple[bytes, ...]:
    """The gates of a template.

    Names and texts that JSON may write in several ways are no gates; a message with
    Unicode escapes must pass ungated.

    Args:
        match: what must find something.
        when: the condition that must hold, if there is one.
    """
    wanted = _of_expression(match, _of_node)
    if when is not None:
        wanted |= _of_expression(when, _of_truth)
    plain = sorted(text for text in wanted - ENVELOPE if _is_plain(text))
    return tuple(f'"{text}"'.encode() for text in plain)


def texts_of(match: JsonPath | JmesPath) -> frozenset[str]:
    """What may stand as a value rather than as a name, of the gates of a match."""
    if isinstance(match, JsonPath):
        return required_texts(parse(match.text, medtech=match.medtech))
    return _of_expression(match, _of_node) if "=" in match.text else NOTHING


def _of_expression(expression: JsonPath | JmesPath, gates: "_Gates") -> Quoted:
    if isinstance(expression, JsonPath):
        path = parse(expression.text, medtech=expression.medtech)
        # A filter that would have failed must do so, whatever else is missing.
        if expression.medtech and orders(path):
            return NOTHING
        return required_names(path) | required_texts(path)
    return gates(jmespath.compile(expression.text).parsed)


_Gates = Callable[[dict[str, Any]], Quoted]


def _is_plain(text: str) -> bool:
    # What looks like a time may be compared as a time, however it is written.
    looks_like_time = (text[10:11] == "T" and text[:1].isdigit()) or text[:1] == "/"
    return text.isprintable() and not set(text) & set('"\\/') and not looks_like_time


# JMESPath. A node's gates: without one of them it is null or an empty projection, and
# evaluating it raises no error. What comes after a function that can fail is no gate.

_NEVER_FAIL = frozenset({"to_array", "to_number", "to_string", "type"})


def _is_pure(node: dict[str, Any]) -> bool:
    if node["type"] == "function_expression" and node["value"] not in _NEVER_FAIL:
        return False
    children = (child for child in node["children"] if isinstance(child, dict))
    return all(map(_is_pure, children))


def _of_node(node: dict[str, Any]) -> Quoted:
    """The gates of a node whose value is wanted."""
    kind, children = node["type"], node["children"]
    if kind == "field":
        return frozenset({node["value"]})
    if kind in ("subexpression", "projection", "value_projection"):
        return _in_turn(*((child, _of_node) for child in children))
    if kind in ("index_expression", "flatten", "and_expression"):
        return _of_node(children[0])
    if kind == "filter_projection":
        projected, after, condition = children
        return _in_turn(
            (projected, _of_node), (condition, _of_truth), (after, _of_node)
        )
    if kind == "or_expression":
        return _of_node(children[0]) & _of_node(children[1])
    return NOTHING


def _of_truth(node: dict[str, Any]) -> Quoted:
    """The gates of a condition: without one of them it does not hold."""
    kind, children = node["type"], node["children"]
    if kind == "comparator":
        return _of_comparator(node)
    if kind == "and_expression":
        return _in_turn(*((child, _of_truth) for child in children))
    if kind == "or_expression":
        return _of_truth(children[0]) & _of_truth(children[1])
    return _of_node(node)


def _in_turn(*parts: tuple[dict[str, Any], _Gates]) -> Quoted:
    """The gates of parts that are evaluated one after the other."""
    found = NOTHING
    for node, gates in parts:
        found |= gates(node)
        if not _is_pure(node):
            break
    return found


def _of_comparator(node: dict[str, Any]) -> Quoted:
    sides = node["children"]
    texts = {side["value"] for side in sides if _is_text(side)}
    # Without a text on one side null may equal a missing field.
    if node["value"] != "eq" or not texts or not all(map(_is_pure, sides)):
        return NOTHING
    return frozenset(texts).union(*map(_of_node, sides))


def _is_text(node: dict[str, Any]) -> bool:
    return node["type"] == "literal" and isinstance(node["value"], str)
