"""JSONPath in the Newtonsoft dialect, compiled to Python functions.

    path = compile_path("$..[?(@heartRate)]")
    path.find(document)      # every match, in document order
    path.select(document)    # the only match, or MISSING

A document is what `orjson.loads` returns: dict, list, str, int, float, bool, None. The
rules are those of Newtonsoft's `SelectTokens`
(https://www.newtonsoft.com/json/help/html/QueryJsonSelectTokenJsonPath.htm):

- `..[?( … )]` tests the node itself and everything below it; `[?( … )]` tests the
  items of an array and finds nothing in an object.
- `.*` and `..*` never count members of arrays as members, `[*]` never those of objects;
  `..[0]` and `..[*]` do not scan: they are `[0]` and `[*]`.
- A path alone in a filter is true if it finds anything, also null, false, 0 and "".
- A comparison holds if any pair of values of its sides holds, so a side that finds
  nothing makes it false, even with `!=`. Objects and arrays only ever pass `!=`.
- Equality wants the same kind; integers and floats compare as numbers, floats with
  Newtonsoft's tolerance. A text never equals a number.
- Order: null comes before everything; of a text and a number, or a truth value and
  anything, the text is read as the other's kind. A text that cannot be read so makes
  the comparison false, where Newtonsoft throws and the message is lost.
- `=~` searches a text with Python's `re`, whose patterns are nearly those of .NET.
- A text that looks like a date is a text; Newtonsoft would make it a date.
"""

import enum
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from transforms.jsonpath_syntax import (
    Comparison,
    Condition,
    Exists,
    Filter,
    Indexes,
    JsonPathError,
    Literal,
    Names,
    Path,
    Regex,
    Slice,
    Step,
    Wildcard,
    parse,
    required_names,
)
from transforms.jsonpath_values import COMPARISONS, CONTAINERS, Compare, equal

__all__ = [
    "MISSING",
    "JsonPath",
    "JsonPathError",
    "Missing",
    "MultipleTokensError",
    "compile_path",
]


class Missing(enum.Enum):
    """The type of `MISSING`."""

    MISSING = "missing"


MISSING: Final = Missing.MISSING
"""What `JsonPath.select` returns where nothing matches; JSON's null is a match."""

_Getter: TypeAlias = Callable[[Any], Any]
"""From a node to the only node of a path of names and indexes, or `MISSING`."""
_Finder: TypeAlias = Callable[[Any, Any], list[Any]]
"""From the candidate of a filter and the document to the nodes of a path."""
_Move: TypeAlias = Callable[[list[Any], Any], list[Any]]
"""From nodes and document to the nodes one step on."""
_Test: TypeAlias = Callable[[Any, Any], bool]
"""Whether a candidate passes, given the document."""


class MultipleTokensError(ValueError):
    """A path found several values where exactly one is wanted."""

    def __init__(self, text: str) -> None:
        self.text = text
        super().__init__(text)

    def __str__(self) -> str:
        return f"the path {self.text} matches more than one value"


class JsonPath:
    """A compiled path; equal paths have the same text and reading of `&&` and `||`.

    Raises:
        JsonPathError: the text is no JSONPath of this dialect.
    """

    __slots__ = ("find", "required_names", "right_nested", "select", "text")

    text: str
    right_nested: bool
    find: Callable[[Any], list[Any]]
    """All matches of a document, in Newtonsoft's order."""
    select: Callable[[Any], Any]
    """The only match of a document or `MISSING`; raises `MultipleTokensError`."""
    required_names: frozenset[str]
    """Names of members that every document with a match has, at whatever depth."""

    def __init__(self, text: str, right_nested: bool = False) -> None:
        path = parse(text, right_nested=right_nested)
        self.text = text
        self.right_nested = right_nested
        self.required_names = required_names(path)
        # Functions on the object rather than methods: one call less per message.
        self.find, self.select = _compile(path, text)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, JsonPath):
            return NotImplemented
        return (self.text, self.right_nested) == (other.text, other.right_nested)

    def __hash__(self) -> int:
        return hash((self.text, self.right_nested))

    def __repr__(self) -> str:
        flag = ", right_nested=True" if self.right_nested else ""
        return f"compile_path({self.text!r}{flag})"

    def __reduce__(self) -> tuple[type["JsonPath"], tuple[str, bool]]:
        # Closures do not pickle; Beam ships the text and each worker compiles it.
        return JsonPath, (self.text, self.right_nested)


def compile_path(text: str, *, right_nested: bool = False) -> JsonPath:
    """Compiles the text of a JSONPath.

    Args:
        text: the path.
        right_nested: whether a change between `&&` and `||` nests to the right, as
            Newtonsoft has it; otherwise `&&` binds tighter.

    Raises:
        JsonPathError: the text is no JSONPath of this dialect.
    """
    return JsonPath(text, right_nested)


def _compile(path: Path, text: str) -> tuple[Callable[[Any], list[Any]], _Getter]:
    keys, rest = _split(path)
    if not rest:
        get = _getter(keys)

        def find_one(document: Any) -> list[Any]:
            value = get(document)
            return [] if value is MISSING else [value]

        return find_one, get

    nodes_of = _nodes(path)

    def find(document: Any) -> list[Any]:
        return nodes_of(document, document)

    def select(document: Any) -> Any:
        nodes = nodes_of(document, document)
        if len(nodes) > 1:
            raise MultipleTokensError(text)
        return nodes[0] if nodes else MISSING

    return find, select


def _nodes(path: Path) -> _Finder:
    keys, rest = _split(path)
    get = _getter(keys)
    moves = [_move(step) for step in rest]
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


# Steps that lead to at most one node need no lists.


def _split(path: Path) -> tuple[tuple[str | int, ...], tuple[Step, ...]]:
    """Divides a path into its leading names and indexes, and the steps after them."""
    keys: list[str | int] = []
    for step in path.steps:
        if isinstance(step, Names) and len(step.names) == 1 and not step.scan:
            keys.append(step.names[0])
        elif isinstance(step, Indexes) and len(step.indexes) == 1:
            keys.append(step.indexes[0])
        else:
            break
    return tuple(keys), path.steps[len(keys) :]


def _getter(keys: tuple[str | int, ...]) -> _Getter:
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


def _member(name: str) -> _Getter:
    def member(node: Any) -> Any:
        return node.get(name, MISSING) if type(node) is dict else MISSING

    return member


def _walker(steps: tuple[tuple[Any, Any], ...]) -> _Getter:
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


# Steps.


def _move(step: Step) -> _Move:
    if isinstance(step, Filter):
        return _filter(step)
    if isinstance(step, Names):
        return _scan_names(step.names) if step.scan else _names(step.names)
    if isinstance(step, Wildcard):
        return _scan_nodes(lambda node, root: True) if step.scan else _members
    if isinstance(step, Indexes):
        return _indexes(step.indexes)
    if isinstance(step, Slice):
        return _slice(slice(step.start, step.stop, step.step))
    return _items


def _names(names: tuple[str, ...]) -> _Move:
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


def _members(nodes: list[Any], root: Any) -> list[Any]:
    return [value for node in nodes if type(node) is dict for value in node.values()]


def _items(nodes: list[Any], root: Any) -> list[Any]:
    return [item for node in nodes if type(node) is list for item in node]


def _indexes(indexes: tuple[int, ...]) -> _Move:
    return lambda nodes, root: [
        node[index]
        for node in nodes
        if type(node) is list
        for index in indexes
        if index < len(node)
    ]


def _slice(part: slice) -> _Move:
    return lambda nodes, root: [
        item for node in nodes if type(node) is list for item in node[part]
    ]


def _filter(step: Filter) -> _Move:
    condition = step.condition
    test = _condition(condition)
    if not step.scan:
        return lambda nodes, root: [
            item
            for node in nodes
            if type(node) is list
            for item in node
            if test(item, root)
        ]
    if condition.fold([_wants_object(test) for test in condition.tests]):
        return _scan_objects(test)
    return _scan_nodes(test)


# Scans: nodes in document order, each before its children, without recursion.


def _scan_nodes(test: _Test) -> _Move:
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


def _scan_objects(test: _Test) -> _Move:
    """Scans for a test that only an object can pass."""

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


def _scan_names(names: tuple[str, ...]) -> _Move:
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


# Filters.


def _wants_object(test: Exists | Comparison) -> bool:
    sides = (test.path,) if isinstance(test, Exists) else (test.left, test.right)
    for side in sides:
        if isinstance(side, Path) and side.relative and side.steps:
            first = side.steps[0]
            if isinstance(first, Names | Wildcard) and not first.scan:
                return True
    return False


def _condition(condition: Condition) -> _Test:
    tests = [_test(test) for test in condition.tests]
    if len(tests) == 1:
        return tests[0]
    if condition.right_nested:
        return _nest(tests, condition.operators)
    groups = condition.groups(tests)
    every = [group[0] if len(group) == 1 else _all(group) for group in groups]
    return every[0] if len(every) == 1 else _any(every)


def _all(tests: list[_Test]) -> _Test:
    def all_pass(node: Any, root: Any) -> bool:
        for test in tests:
            if not test(node, root):
                return False
        return True

    return all_pass


def _any(tests: list[_Test]) -> _Test:
    def any_passes(node: Any, root: Any) -> bool:
        for test in tests:
            if test(node, root):
                return True
        return False

    return any_passes


def _nest(tests: list[_Test], operators: tuple[str, ...]) -> _Test:
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


def _test(test: Exists | Comparison) -> _Test:
    if isinstance(test, Exists):
        return _exists(test.path)
    compare = COMPARISONS[test.operator]
    left, right = test.left, test.right
    if isinstance(left, Path) and left.relative and not isinstance(right, Path):
        keys, rest = _split(left)
        if not rest:
            value = right.pattern if isinstance(right, Regex) else right.value
            return _compares(_getter(keys), compare, value)
    lefts, rights = _side(left), _side(right)

    def any_pair(node: Any, root: Any) -> bool:
        others = rights(node, root)
        return any(compare(a, b) for a in lefts(node, root) for b in others)

    return any_pair


def _exists(path: Path) -> _Test:
    keys, rest = _split(path)
    if path.relative and not rest:
        if len(keys) == 1 and isinstance(keys[0], str):
            name = keys[0]
            return lambda node, root: type(node) is dict and name in node
        get = _getter(keys)
        return lambda node, root: get(node) is not MISSING
    nodes_of = _nodes(path)
    return lambda node, root: bool(nodes_of(node, root))


def _compares(get: _Getter, compare: Compare, value: Any) -> _Test:
    if compare is equal and isinstance(value, str):
        # Nothing but a text equals a text, in Python too.
        return lambda node, root: bool(get(node) == value)

    def compares(node: Any, root: Any) -> bool:
        found = get(node)
        return found is not MISSING and compare(found, value)

    return compares


def _side(side: Path | Literal | Regex) -> _Finder:
    if isinstance(side, Path):
        return _nodes(side)
    value = [side.pattern if isinstance(side, Regex) else side.value]
    return lambda node, root: value
