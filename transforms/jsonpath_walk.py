"""Evaluates any JSONPath in bounded work, and knows where what it finds stands.

Slower than the functions of `transforms.jsonpath_functions`, but it visits nodes one by
one: it counts them, and it evaluates no more of a filter than decides, as Newtonsoft
does, which matters where evaluating can fail.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple, TypeAlias

from transforms.jsonpath_tree import (
    Comparison,
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
from transforms.jsonpath_values import CONTAINERS, LONGEST_NUMBER, Comparisons
from transforms.jsonpath_work import CHARACTERS_PER_STEP, Work

Node: TypeAlias = tuple[Any, str | int, "Node | None"]
"""A value of a document, its name or index, and what holds it."""


class Located(NamedTuple):
    """A token and where it stands in a document."""

    token: Any
    path: tuple[str | int, ...]
    """Names and indexes from the root to the token."""
    parents: tuple[dict[str, Any], ...]
    """The objects that enclose the token, nearest first; the token is not among them.
    They are the document's own, not copies."""


def locate(node: Node) -> Located:
    """Tells where a node stands."""
    token, key, parent = node
    path: list[str | int] = []
    parents: list[dict[str, Any]] = []
    while parent is not None:
        path.append(key)
        value, key, parent = parent
        if type(value) is dict:
            parents.append(value)
    return Located(token, tuple(reversed(path)), tuple(parents))


class Walk:
    """One evaluation of a path on a document.

    Args:
        document: it.
        comparisons: what the operators of filters say.
        work: what it may do.
    """

    __slots__ = ("_comparisons", "_root", "_work")

    def __init__(self, document: Any, comparisons: Comparisons, work: Work) -> None:
        self._root: Node = (document, "", None)
        self._comparisons = comparisons
        self._work = work

    def find(self, path: Path, start: Node | None = None) -> Iterator[Node]:
        """Yields what a path finds, in Newtonsoft's order.

        Raises:
            WorkError: there is too much to do.
            EvaluationError: a comparison fails.
        """
        steps = path.steps
        start = start if start is not None and path.relative else self._root
        if not steps:
            yield start
            return
        # Depth first and without recursion, whatever the length of the path.
        stack = [self._step(steps[0], start)]
        while stack:
            node = next(stack[-1], None)
            if node is None:
                stack.pop()
            elif len(stack) == len(steps):
                self._work.spend(1)
                yield node
            else:
                stack.append(self._step(steps[len(stack)], node))

    def _step(self, step: Step, node: Node) -> Iterator[Node]:
        self._work.spend(1)
        if isinstance(step, Names):
            names = step.names
            self._work.spend(len(names))
            return self._scan_names(names, node) if step.scan else _names(names, node)
        if isinstance(step, Wildcard):
            if step.scan:
                return self._below(node)
            return self._children(node, dict)
        if isinstance(step, Filter):
            candidates = self._below(node) if step.scan else self._children(node, list)
            return (found for found in candidates if self._passes(step, found))
        if isinstance(step, Indexes):
            self._work.spend(len(step.indexes))
            return _indexes(step.indexes, node)
        if isinstance(step, Slice):
            return self._slice(slice(step.start, step.stop, step.step), node)
        return self._children(node, list)

    # Steps.

    def _children(self, node: Node, kind: type[Any]) -> Iterator[Node]:
        """What a node holds if it is of a kind, `dict` or `list`."""
        value = node[0]
        if type(value) is not kind or kind not in CONTAINERS:
            return
        for key, child in value.items() if kind is dict else enumerate(value):
            self._work.spend(1)
            yield child, key, node

    def _below(self, start: Node) -> Iterator[Node]:
        """A node and all below it, each before its children."""
        stack = [start]
        while stack:
            node = stack.pop()
            yield node
            children = [*self._children(node, type(node[0]))]
            stack.extend(reversed(children))

    def _scan_names(self, names: tuple[str, ...], start: Node) -> Iterator[Node]:
        for node in self._below(start):
            # Keys of items are numbers; the start's own key is not below it.
            if node[1] in names and node is not start:
                for _ in range(names.count(str(node[1]))):
                    yield node

    def _slice(self, part: slice, node: Node) -> Iterator[Node]:
        value = node[0]
        if type(value) is list:
            for index in range(*part.indices(len(value))):
                self._work.spend(1)
                yield value[index], index, node

    # Filters.

    def _passes(self, step: Filter, candidate: Node) -> bool:
        return step.condition.holds(lambda test: self._test(test, candidate))

    def _test(self, test: Exists | Comparison, candidate: Node) -> bool:
        self._work.spend(1)
        if isinstance(test, Exists):
            return any(True for _ in self.find(test.path, candidate))
        lefts = self._values(test.left, candidate)
        right = test.right
        if isinstance(right, Regex):
            texts = (left for left in lefts if type(left) is str)
            return any(self._work.finds(right.pattern, text) for text in texts)
        rights: list[Any] | None = None
        for left in lefts:
            # Newtonsoft looks for the right side only if there is a left one.
            if rights is None:
                rights = [*self._values(right, candidate)]
            if any(self._compare(left, test.operator, value) for value in rights):
                return True
        return False

    def _values(self, side: Path | Literal, candidate: Node) -> Iterator[Any]:
        if isinstance(side, Literal):
            return iter((side.value,))
        return (node[0] for node in self.find(side, candidate))

    def _compare(self, left: Any, operator: str, right: Any) -> bool:
        characters = 0
        if type(left) is str or type(right) is str:
            characters = min(_characters(left), _characters(right))
        self._work.spend(1 + characters // CHARACTERS_PER_STEP)
        return self._comparisons[operator](left, right)


def _characters(value: Any) -> int:
    """How much of a value is read when it is compared with a text, at most."""
    return len(value) if type(value) is str else LONGEST_NUMBER


def _names(names: tuple[str, ...], node: Node) -> Iterator[Node]:
    value = node[0]
    if type(value) is dict:
        for name in names:
            if name in value:
                yield value[name], name, node


def _indexes(indexes: tuple[int, ...], node: Node) -> Iterator[Node]:
    value = node[0]
    if type(value) is list:
        for index in indexes:
            if index < len(value):
                yield value[index], index, node
