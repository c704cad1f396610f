"""Steps of a JSONPath as functions from lists of nodes to lists of nodes.

Every function also takes the document, for filters that look at it.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

from transforms.jsonpath_values import CONTAINERS

Move: TypeAlias = Callable[[list[Any], Any], list[Any]]
"""From nodes and document to the nodes one step on."""
Test: TypeAlias = Callable[[Any, Any], bool]
"""Whether a candidate of a filter passes, given the document."""


def members_named(names: tuple[str, ...]) -> Move:
    """`.a`, `['a','b']`: members by name."""
    if len(names) > 1:
        return lambda nodes, root: [
            node[name]
            for node in nodes
            if type(node) is dict
            for name in names
            if name in node
        ]
    (only,) = names
    return lambda nodes, root: [
        node[only] for node in nodes if type(node) is dict and only in node
    ]


def members(nodes: list[Any], root: Any) -> list[Any]:
    """`.*`: all members."""
    return [value for node in nodes if type(node) is dict for value in node.values()]


def items(nodes: list[Any], root: Any) -> list[Any]:
    """`[*]`: all items."""
    return [item for node in nodes if type(node) is list for item in node]


def items_at(indexes: tuple[int, ...]) -> Move:
    """`[0,2]`: items by number."""
    return lambda nodes, root: [
        node[index]
        for node in nodes
        if type(node) is list
        for index in indexes
        if index < len(node)
    ]


def slice_items(part: slice) -> Move:
    """`[start:stop:step]`: a range of items."""
    return lambda nodes, root: [
        item for node in nodes if type(node) is list for item in node[part]
    ]


def filter_items(test: Test) -> Move:
    """`[?( … )]`: the items that pass."""
    return lambda nodes, root: [
        item
        for node in nodes
        if type(node) is list
        for item in node
        if test(item, root)
    ]


# Scans: nodes in document order, each before its children, without recursion.


def scan_nodes(test: Test) -> Move:
    """`..[?( … )]`: the nodes and all below them that pass."""

    def scan(nodes: list[Any], root: Any) -> list[Any]:
        found = []
        stack = nodes[::-1]
        while stack:
            node = stack.pop()
            if test(node, root):
                found.append(node)
            if type(node) is dict:
                stack.extend(reversed(node.values()))
            elif type(node) is list:
                stack.extend(reversed(node))
        return found

    return scan


def scan_objects(test: Test) -> Move:
    """`..[?( … )]` with a test that only an object can pass."""

    def scan(nodes: list[Any], root: Any) -> list[Any]:
        found = []
        stack = [node for node in reversed(nodes) if type(node) in CONTAINERS]
        while stack:
            node = stack.pop()
            if type(node) is dict:
                if test(node, root):
                    found.append(node)
                node = node.values()
            # Most nodes are leaves: finding that out without a Python loop pays.
            if not CONTAINERS.isdisjoint(map(type, node)):
                stack.extend([c for c in reversed(node) if type(c) in CONTAINERS])
        return found

    return scan


def scan_members(names: tuple[str, ...]) -> Move:
    """`..a`, `..['a','b']`: members by name at any depth."""
    wanted = frozenset(names)

    def scan(nodes: list[Any], root: Any) -> list[Any]:
        found: list[Any] = []
        stack = [node for node in reversed(nodes) if type(node) in CONTAINERS]
        while stack:
            node = stack.pop()
            if type(node) is tuple:
                # No document holds tuples: this is a match that waited for its turn.
                found.extend(node)
                continue
            if type(node) is dict:
                if not node.keys().isdisjoint(wanted):
                    _push_members(stack, node, names)
                    continue
                node = node.values()
            if not CONTAINERS.isdisjoint(map(type, node)):
                stack.extend([c for c in reversed(node) if type(c) in CONTAINERS])
        return found

    return scan


def _push_members(
    stack: list[Any], node: dict[str, Any], names: tuple[str, ...]
) -> None:
    """Pushes what an object holds, with each named member before all inside it."""
    for name, value in reversed(node.items()):
        if type(value) in CONTAINERS:
            stack.append(value)
        if name in names:
            stack.append((value,) * names.count(name))
