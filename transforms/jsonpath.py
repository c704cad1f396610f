"""JSONPath in the Newtonsoft dialect, compiled to Python functions.

    path = compile_path("$..[?(@heartRate)]")
    path.find(document)      # every match, in document order
    path.select(document)    # the only match, or MISSING
    path.locate(document)    # every match and where it stands

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
  anything, the text is read as the other's kind.
- `=~` searches a text with the `regex` library, whose patterns are those of .NET but
  for details (`transforms.jsonpath_regex`).

Unless MedTech's ways are asked for (`transforms.jsonpath_medtech`), `&&` binds tighter
than `||`, a text that cannot be read as a number makes an order with one false, and a
text that looks like a date is a text.

Work is bounded: it is linear in the size of the document, or it is counted.
"""

from collections.abc import Callable, Iterator
from typing import Any

from transforms.evaluation import MISSING, Difference, Missing, MultipleTokensError
from transforms.jsonpath_differences import differences
from transforms.jsonpath_functions import Functions, Getter, getter
from transforms.jsonpath_medtech import comparisons
from transforms.jsonpath_syntax import JsonPathError, parse
from transforms.jsonpath_traits import (
    is_linear,
    is_single,
    names,
    nests_filters,
    never,
    required_names,
)
from transforms.jsonpath_tree import Path
from transforms.jsonpath_values import COMPARISONS, Comparisons
from transforms.jsonpath_walk import Located, Node, Walk, locate
from transforms.jsonpath_work import MOST_STEPS, Work

__all__ = [
    "MISSING",
    "JsonPath",
    "JsonPathError",
    "Located",
    "Missing",
    "MultipleTokensError",
    "compile_path",
]

_Find = Callable[[Any], list[Any]]
_Walk = Callable[[Any], Iterator[Node]]

_STEPS_PER_PLACE = 8
"""How much more memory a place takes than a step takes time."""


class JsonPath:
    """A compiled path; equal paths have the same text and the same reading.

    Args:
        text: the path.
        medtech: whether it is evaluated as MedTech does, to the letter. Documents may
            then hold `DateToken`s.

    Raises:
        JsonPathError: the text is no JSONPath of this dialect.
    """

    __slots__ = (
        "_walk",
        "differences",
        "find",
        "medtech",
        "names",
        "never",
        "required_names",
        "select",
        "text",
        "whole",
    )

    text: str
    medtech: bool
    find: _Find
    """All matches of a document, in Newtonsoft's order; raises `EvaluationError`."""
    select: Getter
    """The only match of a document or `MISSING`; raises `EvaluationError`, of several
    matches `MultipleTokensError`."""
    names: frozenset[str]
    """Every name of a member that the path mentions, in its filters too."""
    required_names: frozenset[str]
    """Names of members that every document with a match has, at whatever depth."""
    whole: bool
    """Whether evaluating may take as long as the document is large."""
    never: str
    """Why the path finds nothing in any object; empty if it may find something."""
    differences: tuple[Difference, ...]
    """Places that are read otherwise under `--compat=medtech`."""

    def __init__(self, text: str, medtech: bool = False) -> None:
        path = parse(text, medtech=medtech)
        self.text = text
        self.medtech = medtech
        self.names = names(path)
        self.required_names = required_names(path)
        self.whole = not is_single(path)
        self.never = never(path)
        self.differences = differences(path)
        compared = comparisons(text) if medtech else COMPARISONS
        self._walk = _walk(path, text, compared)
        # Functions on the object rather than methods: one call less per message.
        self.find, self.select = _compile(path, text, compared, self._walk)

    def locate(self, document: Any) -> list[Located]:
        """All matches of a document, as `find` has them, and where they stand.

        Raises:
            WorkError: finding them takes too much work, or telling where they stand.
            EvaluationError: a comparison fails.
        """
        work = Work(self.text)
        found = []
        for node in self._walk(document):
            located = locate(node)
            work.spend(_STEPS_PER_PLACE + len(located.path))
            found.append(located)
        return found

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, JsonPath):
            return NotImplemented
        return (self.text, self.medtech) == (other.text, other.medtech)

    def __hash__(self) -> int:
        return hash((self.text, self.medtech))

    def __repr__(self) -> str:
        flag = ", medtech=True" if self.medtech else ""
        return f"compile_path({self.text!r}{flag})"

    def __reduce__(self) -> tuple[type["JsonPath"], tuple[str, bool]]:
        # Closures do not pickle; Beam ships the text and each worker compiles it.
        return JsonPath, (self.text, self.medtech)


def compile_path(text: str, *, medtech: bool = False) -> JsonPath:
    """Compiles the text of a JSONPath.

    Args:
        text: the path.
        medtech: whether it is evaluated as MedTech does, to the letter: `&&` and `||`
            nest to the right, texts that look like times are dates, and an order that
            needs a conversion that is impossible is an error.

    Raises:
        JsonPathError: the text is no JSONPath of this dialect.
    """
    return JsonPath(text, medtech)


def _compile(
    path: Path, text: str, compared: Comparisons, walk: _Walk
) -> tuple[_Find, Getter]:
    keys, rest = path.divide()
    if not rest:
        return _find_one(getter(keys)), getter(keys)

    def find_nodes(document: Any) -> list[Any]:
        return [node[0] for node in walk(document)]

    medtech = compared is not COMPARISONS
    # A filter in a filter may fail, or settle the outer one before it would.
    if not is_linear(path) or (medtech and nests_filters(path)):
        return find_nodes, _select(find_nodes, text)
    finder = Functions(compared, fails=medtech).finder(path)

    def find(document: Any) -> list[Any]:
        try:
            return finder(document, document)
        except TimeoutError:
            # A regular expression is slow: begin again, and count.
            return find_nodes(document)

    return find, _select(find, text)


def _find_one(get: Getter) -> _Find:
    def find_one(document: Any) -> list[Any]:
        value = get(document)
        return [] if value is MISSING else [value]

    return find_one


def _select(find: _Find, text: str) -> Getter:
    def select(document: Any) -> Any:
        found = find(document)
        if len(found) > 1:
            raise MultipleTokensError(text)
        return found[0] if found else MISSING

    return select


def _walk(path: Path, text: str, compared: Comparisons) -> _Walk:
    steps = float("inf") if is_linear(path) else MOST_STEPS

    def walk(document: Any) -> Iterator[Node]:
        return Walk(document, compared, Work(text, steps)).find(path)

    return walk
