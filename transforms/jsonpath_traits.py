"""What can be said of a JSONPath before it meets a document."""

from collections.abc import Callable, Iterator

from transforms.jsonpath_tree import (
    Comparison,
    Exists,
    Filter,
    Indexes,
    Items,
    Literal,
    Names,
    Path,
    Regex,
    Slice,
    Step,
    Wildcard,
)

_ARRAY_STEPS = (Items, Indexes, Slice)


def filters_of(path: Path) -> Iterator[Filter]:
    """The filters of a path, not those in their paths."""
    return (step for step in path.steps if isinstance(step, Filter))


def _tests(path: Path) -> Iterator[Exists | Comparison]:
    return (test for step in filters_of(path) for test in step.condition.tests)


def _paths(test: Exists | Comparison) -> list[Path]:
    sides = (test.path,) if isinstance(test, Exists) else (test.left, test.right)
    return [side for side in sides if isinstance(side, Path)]


def inner_paths(path: Path) -> Iterator[Path]:
    """The paths in the filters of a path, not those in their filters."""
    return (inner for test in _tests(path) for inner in _paths(test))


# Names.


def names(path: Path) -> frozenset[str]:
    """The names of members that a path mentions, in its filters too."""
    found: set[str] = set()
    for step in path.steps:
        if isinstance(step, Names):
            found.update(step.names)
    return frozenset(found).union(*map(names, inner_paths(path)))


def required_names(path: Path) -> frozenset[str]:
    """Names of members without which the path finds nothing in a document."""
    found = {
        step.names[0]
        for step in path.steps
        if isinstance(step, Names) and len(step.names) == 1
    }
    return _required(path, required_names).union(found)


def required_texts(path: Path) -> frozenset[str]:
    """Texts without which the path finds nothing, as `hr` of `@.type == 'hr'`."""
    return _required(path, required_texts)


def _required(
    path: Path, required_by: Callable[[Path], frozenset[str]]
) -> frozenset[str]:
    """What the filters of a path require, given what paths do."""

    def required(test: Exists | Comparison) -> frozenset[str]:
        # A comparison is false when either side finds nothing, so both are required.
        found = frozenset[str]().union(*map(required_by, _paths(test)))
        return found | _equal_text(test) if required_by is required_texts else found

    conditions = (step.condition for step in filters_of(path))
    return frozenset[str]().union(
        *(condition.fold([*map(required, condition.tests)]) for condition in conditions)
    )


def _equal_text(test: Exists | Comparison) -> frozenset[str]:
    """The text that something must equal."""
    if isinstance(test, Exists) or test.operator not in ("==", "==="):
        return frozenset()
    return frozenset(
        side.value
        for side in (test.left, test.right)
        if isinstance(side, Literal) and isinstance(side.value, str)
    )


def orders(path: Path) -> bool:
    """Whether a filter of a path asks for an order: with MedTech that may fail."""
    return any(
        isinstance(test, Comparison) and test.operator in ("<", "<=", ">", ">=")
        for test in _tests(path)
    ) or any(map(orders, inner_paths(path)))


def compares(path: Path) -> bool:
    """Whether a filter of a path compares values; else names and places decide."""
    return any(isinstance(test, Comparison) for test in _tests(path)) or any(
        map(compares, inner_paths(path))
    )


# Work.


def is_single(path: Path) -> bool:
    """Whether a path leads to one node at most, in as many steps as it has."""
    return not path.divide()[1]


def is_linear(path: Path) -> bool:
    """Whether the work of a path is bounded by the sizes of path times document."""
    return _overlap(path, overlap=False) is not None


def _overlap(path: Path, overlap: bool) -> bool | None:
    """Whether nodes that a path finds may lie in one another.

    As long as they are found once each, every step takes linear time. Only a second
    scan can find them again, if it starts from nodes that lie in one another.

    Args:
        path: the path.
        overlap: whether the nodes it starts from may lie in one another.

    Returns:
        None if the path may find nodes again or compares many with many.
    """
    for step in path.steps:
        if _repeats(step):
            return None
        if isinstance(step, Names | Wildcard | Filter) and step.scan:
            if overlap:
                return None
            overlap = True
        if isinstance(step, Filter) and not all(
            _is_linear_test(test, overlap) for test in step.condition.tests
        ):
            return None
    return overlap


def _repeats(step: Step) -> bool:
    listed: tuple[str | int, ...] = ()
    if isinstance(step, Names):
        listed = step.names
    elif isinstance(step, Indexes):
        listed = step.indexes
    return len(set(listed)) < len(listed)


def _is_linear_test(test: Exists | Comparison, overlap: bool) -> bool:
    """Whether making a test on all candidates takes linear time in total."""
    for path in _paths(test):
        # A path from the root is evaluated for every candidate again.
        if not is_single(path) and (
            not path.relative or _overlap(path, overlap) is None
        ):
            return False
    if isinstance(test, Exists):
        return True
    if isinstance(test.right, Regex) and isinstance(test.left, Path):
        # The search takes time as the text is long, and the root's text is the same.
        return test.left.relative
    return sum(not is_single(path) for path in _paths(test)) < 2


def nests_filters(path: Path) -> bool:
    """Whether a filter of a path holds another filter."""
    return any(True for inner in inner_paths(path) for _ in filters_of(inner))


# Paths that find nothing.


def never(path: Path) -> str:
    """Why a path finds nothing in any object; empty if it may find something."""
    kind: type | None = dict
    place = "the document is an object"
    for step in path.steps:
        wanted = _wanted_by(step)
        if kind is not None and wanted is not None and wanted is not kind:
            return f"{place}, and {_looking(step)}"
        kind = None
        if isinstance(step, Filter):
            condition = step.condition
            for kind_, name in ((dict, "objects"), (list, "arrays")):
                if condition.fold([wants(test, kind_) for test in condition.tests]):
                    kind, place = kind_, f"the filter before finds {name} only"
                    break
    return ""


def _wanted_by(step: Step) -> type | None:
    """The kind of node that a step can leave, None for any."""
    if isinstance(step, _ARRAY_STEPS):
        return list
    if step.scan:
        return None
    return list if isinstance(step, Filter) else dict


def _looking(step: Step) -> str:
    if isinstance(step, Filter):
        return "[?( … )] tests the items of an array; write ..[?( … )]"
    if isinstance(step, Items):
        return "[*] finds the items of an array; write .*"
    if isinstance(step, Indexes | Slice):
        return "a number in brackets finds items of an array"
    if isinstance(step, Wildcard):
        return ".* finds the members of an object; write [*]"
    return "a name finds members of an object; list the items first, with [*]"


def wants(test: Exists | Comparison, kind: type) -> bool:
    """Whether a test can hold for candidates of one kind only, `dict` or `list`."""
    return any(
        path.relative and bool(path.steps) and _wanted_by(path.steps[0]) is kind
        for path in _paths(test)
    )
