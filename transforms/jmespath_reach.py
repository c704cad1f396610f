"""How far an expression reaches into a message: does its cost grow with the message?

An expression is evaluated once for each match. If each evaluation goes through the
whole message, the cost grows with the square of its size, which must be noticed before.
"""

from typing import NamedTuple

from transforms.jmespath_syntax import Node

_SMALL, _ROOT, _LARGE = 0, 1, 2
"""Sizes of values: next to nothing; the document, of whose members `_SMALL_MEMBERS` are
small; as large as the message may be."""

_SMALL_MEMBERS = frozenset(
    {
        *("matchedToken", "matchedParents", "matchedPath"),
        *("Properties", "SystemProperties"),
    }
)

_WALKS = frozenset(
    {
        *("avg", "contains", "join", "keys", "length", "map", "max", "max_by", "merge"),
        *("min", "min_by", "reverse", "sort", "sort_by", "sum", "to_string", "values"),
    }
)
"""Functions that go through an array, an object or a long text."""


class _Value(NamedTuple):
    """What is known of a value before any message was seen."""

    size: int
    inner: int
    """The size of its members; what a small container holds may be large."""


_NOTHING = _Value(_SMALL, _SMALL)
_DOCUMENT = _Value(_ROOT, _LARGE)


def reaches_whole(root: Node) -> bool:
    """Whether evaluating an expression may go through the whole message."""
    try:
        _value(root, _DOCUMENT)
    except _WholeMessageError:
        return True
    return False


class _WholeMessageError(Exception):
    """The rest need not be looked at."""


def _value(node: Node, current: _Value) -> _Value:
    kind, children = node["type"], node["children"]
    if kind == "field":
        return _member(node["value"], current)
    if kind in ("subexpression", "index_expression", "pipe"):
        for child in children:
            current = _value(child, current)
        return current
    if kind in ("current", "identity"):
        return current
    if kind == "index":
        return _of_size(current.inner)
    if kind in ("projection", "value_projection", "filter_projection", "flatten"):
        return _projected(node, current)
    if kind == "slice":
        return _walked(current)
    if kind in ("multi_select_list", "multi_select_dict", "key_val_pair"):
        held = _united([_value(child, current) for child in children])
        if kind == "key_val_pair":
            return held
        return _Value(_SMALL, _held(held))
    return _computed(node, current)


def _computed(node: Node, current: _Value) -> _Value:
    kind, children = node["type"], node["children"]
    if kind == "function_expression":
        return _result(node, current)
    values = [_value(child, current) for child in children]
    if kind in ("or_expression", "and_expression"):
        return _united(values)
    if kind == "comparator" and all(value.size != _SMALL for value in values):
        raise _WholeMessageError
    return _NOTHING


def _of_size(size: int) -> _Value:
    return _DOCUMENT if size == _ROOT else _Value(size, size)


def _held(value: _Value) -> int:
    """The size of what a container of a value holds."""
    return value.size or value.inner


def _united(values: list[_Value]) -> _Value:
    return _Value(
        max((value.size for value in values), default=_SMALL),
        max((value.inner for value in values), default=_SMALL),
    )


def _member(name: str, value: _Value) -> _Value:
    if value.size == _ROOT:
        return _of_size(_SMALL if name in _SMALL_MEMBERS else _LARGE)
    return _of_size(value.inner)


def _walked(value: _Value) -> _Value:
    if value.size != _SMALL:
        raise _WholeMessageError
    return value


def _projected(node: Node, current: _Value) -> _Value:
    base, *others = node["children"]
    value = _walked(_value(base, current))
    element = _of_size(value.inner)
    if node["type"] == "flatten":
        # It goes through the elements, too.
        return _Value(_SMALL, _walked(element).inner)
    found = [_value(other, element) for other in others]
    return _Value(_SMALL, _held(found[0]))


def _result(node: Node, current: _Value) -> _Value:
    name = node["value"]
    values = []
    for child in node["children"]:
        if child["type"] == "expref":
            continue
        value = _value(child, current)
        values.append(_walked(value) if name in _WALKS else value)
    united = _united(values)
    for child in node["children"]:
        if child["type"] == "expref":
            held = _value(child["children"][0], _of_size(united.inner))
            united = _united([united, _Value(_SMALL, _held(held))])
    if name == "to_array":
        return _Value(_SMALL, _held(united))
    return united if name in _WALKS or name == "not_null" else _NOTHING
