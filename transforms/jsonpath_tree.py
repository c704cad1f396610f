"""What a JSONPath of the Newtonsoft dialect consists of, once it is read."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import and_, or_
from typing import TypeAlias, TypeVar

from transforms.jsonpath_regex import Pattern

_T = TypeVar("_T", bool, frozenset[str])
_U = TypeVar("_U")


class JsonPathError(ValueError):
    """A JSONPath that cannot be used.

    Args:
        message: what is wrong.
        position: where, as a 0-based offset into the path's text.
        suggestion: what to write instead, or an empty text.
    """

    def __init__(self, message: str, position: int, suggestion: str = "") -> None:
        self.message = message
        self.position = position
        self.suggestion = suggestion
        super().__init__(message, position, suggestion)

    def __str__(self) -> str:
        return self.message


@dataclass(frozen=True, slots=True)
class Names:
    """Members by name: `.a`, `['a','b']`; with `scan` at any depth: `..a`."""

    names: tuple[str, ...]
    scan: bool = False


@dataclass(frozen=True, slots=True)
class Wildcard:
    """`.*`, the members of an object; with `scan` every node, the start included."""

    scan: bool = False


@dataclass(frozen=True, slots=True)
class Items:
    """`[*]`, the items of an array."""


@dataclass(frozen=True, slots=True)
class Indexes:
    """`[0]`, `[0,2]`: items by number."""

    indexes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Slice:
    """`[start:stop:step]`: a range of items, counted as Python counts."""

    start: int | None = None
    stop: int | None = None
    step: int | None = None


@dataclass(frozen=True, slots=True)
class Literal:
    """A value written in a filter."""

    value: str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Regex:
    """`/pattern/flags`, the right side of `=~`."""

    pattern: Pattern


@dataclass(frozen=True, slots=True)
class Path:
    """Steps from the document or, in a filter, from the candidate `@`."""

    steps: tuple["Step", ...]
    relative: bool = False

    def divide(self) -> tuple[tuple[str | int, ...], tuple["Step", ...]]:
        """Divides into the leading names and indexes, and the steps after them.

        The first lead to at most one node.
        """
        keys: list[str | int] = []
        for step in self.steps:
            if isinstance(step, Names) and len(step.names) == 1 and not step.scan:
                keys.append(step.names[0])
            elif isinstance(step, Indexes) and len(step.indexes) == 1:
                keys.append(step.indexes[0])
            else:
                break
        return tuple(keys), self.steps[len(keys) :]


@dataclass(frozen=True, slots=True)
class Exists:
    """A path alone in a filter: true if it finds anything, even null or false."""

    path: Path


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two sides and an operator; `<>` is read as `!=`."""

    left: Path | Literal
    operator: str
    right: Path | Literal | Regex
    position: int = 0
    """Where the operator stands in the text."""


@dataclass(frozen=True, slots=True)
class Condition:
    """Tests joined by `&&` and `||`, in the order of the text."""

    tests: tuple[Exists | Comparison, ...]
    operators: tuple[str, ...] = ()
    right_nested: bool = False
    """Newtonsoft's reading: `a || b && c || d` is `a || (b && (c || d))`."""
    texts: tuple[str, ...] = ()
    """The tests as they are written."""
    positions: tuple[int, ...] = ()
    """Where the operators stand in the text."""

    def groups(self, values: Sequence[_U]) -> list[list[_U]]:
        """Divides a sequence of one value per test at the `||`."""
        groups = [[values[0]]]
        for value, operator in zip(values[1:], self.operators, strict=True):
            if operator == "||":
                groups.append([])
            groups[-1].append(value)
        return groups

    def fold(self, values: Sequence[_T]) -> _T:
        """Combines one value per test: `&&` by union, `||` by intersection."""
        if not self.right_nested:
            return reduce(and_, (reduce(or_, group) for group in self.groups(values)))
        folded = values[-1]
        pairs = list(zip(values[:-1], self.operators, strict=True))
        for value, operator in reversed(pairs):
            folded = value | folded if operator == "&&" else value & folded
        return folded

    def holds(self, passes: Callable[[Exists | Comparison], bool]) -> bool:
        """Whether the condition holds; no test is made that cannot matter any more."""
        if not self.right_nested:
            return any(all(map(passes, group)) for group in self.groups(self.tests))
        # False before && or true before || settles it, whatever stands to the right.
        for test, operator in zip(self.tests, self.operators, strict=False):
            decides = operator == "||"
            if passes(test) is decides:
                return decides
        return passes(self.tests[-1])


@dataclass(frozen=True, slots=True)
class Filter:
    """`[?( … )]`: the children that pass; with `scan` the node and all below it."""

    condition: Condition
    scan: bool = False


Step: TypeAlias = Names | Wildcard | Items | Indexes | Slice | Filter
