"""Compiles a JSONPath to Python functions, for paths whose work is linear.

They evaluate all of a filter's sides before they compare them, and are several times as
fast as `transforms.jsonpath_walk`.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

from transforms.evaluation import MISSING
from transforms.jsonpath_moves import (
    Move,
    Test,
    filter_items,
    items,
    items_at,
    members,
    members_named,
    scan_members,
    scan_nodes,
    scan_objects,
    slice_items,
)
from transforms.jsonpath_traits import wants
from transforms.jsonpath_tree import (
    Comparison,
    Condition,
    Exists,
    Filter,
    Indexes,
    Literal,
    Names,
    Path,
    Regex,
    Slice,
    Step,
    Wildcard,
)
from transforms.jsonpath_values import Compare, Comparisons, equal

Getter: TypeAlias = Callable[[Any], Any]
"""From a node to the only node of a path of names and indexes, or `MISSING`."""
Finder: TypeAlias = Callable[[Any, Any], list[Any]]
"""From the candidate of a filter and the document to the nodes of a path."""


# Names and indexes lead to at most one node and need no lists.


def getter(keys: tuple[str | int, ...]) -> Getter:
    """Compiles single names and indexes."""
    if not keys:
        return lambda node: node
    kinds: list[Any] = [dict if isinstance(key, str) else list for key in keys]
    if list in kinds:
        return _walker(tuple(zip(keys, kinds, strict=True)))
    if len(keys) == 1:
        return _member(str(keys[0]))

    def chain(node: Any) -> Any:
        # A name on anything but an object raises TypeError: no need to look first.
        try:
            for name in keys:
                node = node[name]
        except (KeyError, TypeError):
            return MISSING
        return node

    return chain


def _member(name: str) -> Getter:
    def member(node: Any) -> Any:
        return node.get(name, MISSING) if type(node) is dict else MISSING

    return member


def _walker(steps: tuple[tuple[Any, Any], ...]) -> Getter:
    def walk(node: Any) -> Any:
        for key, kind in steps:
            # An index on a text would find a character.
            if type(node) is not kind:
                return MISSING
            try:
                node = node[key]
            except LookupError:
                return MISSING
        return node

    return walk


class Functions:
    """Compiles paths whose filters compare in one way.

    Args:
        comparisons: what the operators of filters say.
        fails: whether some of them may raise an error.
    """

    __slots__ = ("_comparisons", "_fails")

    def __init__(self, comparisons: Comparisons, *, fails: bool) -> None:
        self._comparisons = comparisons
        self._fails = fails

    def finder(self, path: Path) -> Finder:
        """Compiles a path.

        The function raises `TimeoutError` if a regular expression takes unusually long.
        """
        keys, rest = path.divide()
        get = getter(keys)
        moves = [self._move(step) for step in rest]
        relative = path.relative

        def nodes_of(candidate: Any, document: Any) -> list[Any]:
            start = get(candidate if relative else document)
            if start is MISSING:
                return []
            nodes = [start]
            for move in moves:
                nodes = move(nodes, document)
            return nodes

        return nodes_of

    def _move(self, step: Step) -> Move:
        if isinstance(step, Filter):
            return self._filter(step)
        if isinstance(step, Names):
            return scan_members(step.names) if step.scan else members_named(step.names)
        if isinstance(step, Wildcard):
            return scan_nodes(lambda node, root: True) if step.scan else members
        if isinstance(step, Indexes):
            return items_at(step.indexes)
        if isinstance(step, Slice):
            return slice_items(slice(step.start, step.stop, step.step))
        return items

    def _filter(self, step: Filter) -> Move:
        test = self._condition(step.condition)
        if not step.scan:
            return filter_items(test)
        wanting = [wants(test, dict) for test in step.condition.tests]
        # A test that may fail must be made on every node.
        if all(wanting) if self._fails else step.condition.fold(wanting):
            return scan_objects(test)
        return scan_nodes(test)

    # Filters.

    def _condition(self, condition: Condition) -> Test:
        tests = [self._test(test) for test in condition.tests]
        if len(tests) == 1:
            return tests[0]
        if condition.right_nested:
            return _nest(tests, condition.operators)
        groups = condition.groups(tests)
        every = [group[0] if len(group) == 1 else _all(group) for group in groups]
        return every[0] if len(every) == 1 else _any(every)

    def _test(self, test: Exists | Comparison) -> Test:
        if isinstance(test, Exists):
            return self._exists(test.path)
        compare = self._comparisons[test.operator]
        left, right = test.left, test.right
        if isinstance(left, Path) and left.relative and not isinstance(right, Path):
            keys, rest = left.divide()
            if not rest:
                value = right.pattern if isinstance(right, Regex) else right.value
                return _compares(getter(keys), compare, value)
        lefts, rights = self._side(left), self._side(right)

        def any_pair(node: Any, root: Any) -> bool:
            found = lefts(node, root)
            if not found:
                return False
            others = rights(node, root)
            return any(compare(one, other) for one in found for other in others)

        return any_pair

    def _exists(self, path: Path) -> Test:
        keys, rest = path.divide()
        if path.relative and not rest:
            if len(keys) == 1 and isinstance(keys[0], str):
                name = keys[0]
                return lambda node, root: type(node) is dict and name in node
            get = getter(keys)
            return lambda node, root: get(node) is not MISSING
        nodes_of = self.finder(path)
        return lambda node, root: bool(nodes_of(node, root))

    def _side(self, side: Path | Literal | Regex) -> Finder:
        if isinstance(side, Path):
            return self.finder(side)
        value = [side.pattern if isinstance(side, Regex) else side.value]
        return lambda node, root: value


def _compares(get: Getter, compare: Compare, value: Any) -> Test:
    if compare is equal and isinstance(value, str):
        # Nothing but a text equals a text, in Python too.
        return lambda node, root: bool(get(node) == value)

    def compares(node: Any, root: Any) -> bool:
        found = get(node)
        return found is not MISSING and compare(found, value)

    return compares


def _all(tests: list[Test]) -> Test:
    def all_pass(node: Any, root: Any) -> bool:
        for test in tests:
            if not test(node, root):
                return False
        return True

    return all_pass


def _any(tests: list[Test]) -> Test:
    def any_passes(node: Any, root: Any) -> bool:
        for test in tests:
            if test(node, root):
                return True
        return False

    return any_passes


def _nest(tests: list[Test], operators: tuple[str, ...]) -> Test:
    """Joins tests so that each operator covers all that is right of it."""
    last = tests[-1]
    deciding = [
        (test, operator == "||")
        for test, operator in zip(tests[:-1], operators, strict=True)
    ]

    def nested(node: Any, root: Any) -> bool:
        # False before && or true before || settles it, whatever stands to the right.
        for test, decides in deciding:
            if test(node, root) is decides:
                return decides
        return last(node, root)

    return nested
