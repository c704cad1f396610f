"""The grammar of JSONPath in the Newtonsoft (Json.NET) dialect: text in, tree out.

The dialect is the one of `SelectToken`, which the mapping files of the Azure MedTech
service are written in
(https://www.newtonsoft.com/json/help/html/QueryJsonSelectTokenJsonPath.htm). It is
older than RFC 9535 and differs from it: `$` and the first dot may be left out, `@name`
needs no dot, and filters know neither negation nor parentheses nor functions.

What Newtonsoft reports at the first message, or never, is an error here, with the
place in the text and what to write instead.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import and_, or_
from typing import NoReturn, TypeAlias, TypeVar

_BLANKS = re.compile(r"[ \t\r\n]*")
_DOTS = re.compile(r"\.*")
_NAME = re.compile(r"[^.\[\]() \t\r\n]+")
_FILTER_NAME = re.compile(r"[^.\[\]() \t\r\n=<>!|&]+")
_INDEXES = re.compile(r"-?[0-9]+(?: *, *-?[0-9]+)*(?![0-9]* *:)")
_SLICE = re.compile(r"(-?[0-9]+)? *: *(-?[0-9]+)?(?: *: *(-?[0-9]+)?)?")
_INTEGER = re.compile(r"-?[0-9]+")
_PLAIN = re.compile(r"[^'\\]*")
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?")
_WORD = re.compile(r"[^\W\d]\w*")
_OPERATOR = re.compile(r"===|==|=~|!==|!=|<>|<=|<|>=|>")
_REGEX = re.compile(r"/((?:[^/\\]|\\.)*)/([A-Za-z]*)", re.DOTALL)

_ESCAPES = {
    "b": "\b",
    "t": "\t",
    "n": "\n",
    "f": "\f",
    "r": "\r",
    "\\": "\\",
    '"': '"',
    "'": "'",
    "/": "/",
}
_REGEX_FLAGS = {
    "i": re.IGNORECASE,
    "m": re.MULTILINE,
    "s": re.DOTALL,
    # .NET's "explicit capture", not "verbose": it cannot change whether a text matches.
    "x": re.RegexFlag(0),
}
_WORDS = {"true": True, "false": False, "null": None}

_MAX_INDEX = 2**31 - 1
_MAX_INTEGER = 2**63
_MAX_NESTED_FILTERS = 16
"""A bound only so that no text can exhaust Python's stack."""

_JMESPATH = "use a CalculatedContent template with a JMESPath expression instead"

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

    pattern: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class Path:
    """Steps from the document or, in a filter, from the candidate `@`."""

    steps: tuple["Step", ...]
    relative: bool = False


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


@dataclass(frozen=True, slots=True)
class Condition:
    """Tests joined by `&&` and `||`, in the order of the text."""

    tests: tuple[Exists | Comparison, ...]
    operators: tuple[str, ...] = ()
    right_nested: bool = False
    """Newtonsoft's reading: `a || b && c || d` is `a || (b && (c || d))`."""

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


@dataclass(frozen=True, slots=True)
class Filter:
    """`[?( … )]`: the children that pass; with `scan` the node and all below it."""

    condition: Condition
    scan: bool = False


Step: TypeAlias = Names | Wildcard | Items | Indexes | Slice | Filter


def parse(text: str, *, right_nested: bool = False) -> Path:
    """Reads the text of a JSONPath.

    Args:
        text: the path.
        right_nested: whether a change between `&&` and `||` nests to the right, as
            Newtonsoft has it; otherwise `&&` binds tighter.

    Raises:
        JsonPathError: the text is no JSONPath of this dialect.
    """
    return _Parser(text, right_nested).whole()


def required_names(path: Path) -> frozenset[str]:
    """Returns names of members without which the path finds nothing in a document."""
    names: set[str] = set()
    for step in path.steps:
        if isinstance(step, Names) and len(step.names) == 1:
            names.add(step.names[0])
        elif isinstance(step, Filter):
            tests = [_required_by(test) for test in step.condition.tests]
            names |= step.condition.fold(tests)
    return frozenset(names)


def _required_by(test: Exists | Comparison) -> frozenset[str]:
    sides = (test.path,) if isinstance(test, Exists) else (test.left, test.right)
    # A comparison is false when either side finds nothing, so both are required.
    paths = [side for side in sides if isinstance(side, Path)]
    return frozenset().union(*map(required_names, paths))


class _Parser:
    """A recursive descent through the text; only filters recurse."""

    __slots__ = ("at", "filters", "right_nested", "text")

    def __init__(self, text: str, right_nested: bool) -> None:
        self.text = text
        self.right_nested = right_nested
        self.at = 0
        self.filters = 0

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def blanks(self) -> str:
        """Skips blanks and returns the character after them, empty at the end."""
        self.at += len(self.take(_BLANKS))
        return self.peek()

    def take(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self.text, self.at)
        return found[0] if found else ""

    def fail(
        self, message: str, suggestion: str = "", at: int | None = None
    ) -> NoReturn:
        raise JsonPathError(message, self.at if at is None else at, suggestion)

    def fail_unclosed(self, opened_at: int, closing: str) -> NoReturn:
        opening = self.text[opened_at]
        self.fail(f'"{opening}" is not closed', f"add {closing}", opened_at)

    # Paths.

    def whole(self) -> Path:
        if not self.blanks():
            self.fail("the path is empty", "write $ for the whole document", 0)
        # Anywhere else a leading $ is part of a name, such as $iothub.
        after = self.text[self.at + 1 : self.at + 2]
        if self.peek() == "$" and after in ("", ".", "[", " "):
            self.at += 1
        path = Path(self.steps(_NAME))
        if char := self.blanks():
            blank = self.text[self.at - 1].isspace()
            hint = "write a name with blanks as ['my name']" if blank else ""
            self.fail(f'unexpected "{char}" after the end of the path', hint)
        return path

    def steps(self, name: re.Pattern[str]) -> tuple[Step, ...]:
        steps: list[Step] = []
        name_at: int | None = None
        while True:
            dots = self.take(_DOTS)
            self.at += len(dots)
            if len(dots) > 2:
                at = self.at - len(dots)
                self.fail("more than two dots", "write .. for any depth", at)
            scan = dots == ".."
            if self.peek() in ("[", "("):
                steps.append(self.indexer(scan, name_at))
                name_at = None
            elif word := self.take(name):
                if steps and not dots:
                    self.fail(f'"." is missing before "{word}"')
                name_at = self.at
                steps.append(self.named(word, scan))
            elif dots:
                self.fail(f'a name is missing after "{dots}"')
            else:
                return tuple(steps)

    def named(self, word: str, scan: bool) -> Step:
        if word[0] in "\"'“”‘’":
            self.fail("a quoted name needs brackets", "write ['name']")
        self.at += len(word)
        return Wildcard(scan) if word == "*" else Names((word,), scan)

    # Brackets.

    def indexer(self, scan: bool, name_at: int | None) -> Step:
        opened_at = self.at
        closing = "]" if self.text[opened_at] == "[" else ")"
        self.at += 1
        char = self.blanks()
        step: Step
        if char == "'":
            step = self.quoted_names(scan)
        elif char == "?":
            step = self.filter(scan)
        elif char == "*":
            self.at += 1
            step = Items()
        # Newtonsoft does not scan for items: $..[0] is $[0].
        elif listed := self.take(_INDEXES):
            step = self.indexes(listed)
        elif found := _SLICE.match(self.text, self.at):
            step = self.slice(found)
        else:
            self.fail_indexer(opened_at, closing, name_at)
        char = self.blanks()
        if not char:
            self.fail_unclosed(opened_at, closing)
        if char != closing:
            self.fail(f'expected "{closing}" instead of "{char}"')
        self.at += 1
        return step

    def fail_indexer(
        self, opened_at: int, closing: str, name_at: int | None
    ) -> NoReturn:
        char = self.peek()
        if not char:
            self.fail_unclosed(opened_at, closing)
        if closing == ")":
            at = opened_at if name_at is None else name_at
            self.fail("functions are not part of this dialect", _JMESPATH, at)
        if char == "(":
            self.fail(
                "script expressions are not part of this dialect",
                "write [-1:] for the last item",
            )
        if char in '"“”‘’':
            self.fail("a name in brackets needs single quotes", "write ['name']")
        if char in "],":
            self.fail("an index, name or filter is missing in the brackets")
        self.fail(f'unexpected "{char}" in brackets', "write a name as ['name']")

    def quoted_names(self, scan: bool) -> Names:
        names = [self.quoted()]
        while self.blanks() == ",":
            self.at += 1
            if self.blanks() != "'":
                self.fail('a name in single quotes is missing after ","')
            names.append(self.quoted())
        return Names(tuple(names), scan)

    def indexes(self, listed: str) -> Indexes:
        indexes = []
        for found in _INTEGER.finditer(self.text, self.at, self.at + len(listed)):
            index = self.integer(found[0], found.start())
            if index < 0:
                stop = "" if index == -1 else index + 1
                hint = f"write [{index}:{stop}] to count from the end"
                self.fail("a single index cannot be negative", hint, found.start())
            indexes.append(index)
        self.at += len(listed)
        return Indexes(tuple(indexes))

    def slice(self, found: re.Match[str]) -> Slice:
        start, stop, step = (
            None
            if found[part] is None
            else self.integer(found[part], found.start(part))
            for part in (1, 2, 3)
        )
        if step == 0:
            hint = "leave the step out or write 1"
            self.fail("the step of a slice cannot be 0", hint, found.start(3))
        self.at = found.end()
        return Slice(start, stop, step)

    def integer(self, digits: str, at: int) -> int:
        # The length first: Python refuses to read integers of thousands of digits.
        if len(digits) > len("-2147483648") or abs(int(digits)) > _MAX_INDEX:
            self.fail("the number is too large for an index", "", at)
        return int(digits)

    def quoted(self) -> str:
        opened_at = self.at
        self.at += 1
        parts = []
        while True:
            plain = self.take(_PLAIN)
            parts.append(plain)
            self.at += len(plain)
            if self.peek() == "'":
                self.at += 1
                return "".join(parts)
            escaped = self.text[self.at + 1 : self.at + 2]
            if not escaped:
                self.fail_unclosed(opened_at, "a single quote")
            if escaped not in _ESCAPES:
                hint = "write \\\\ for a backslash"
                self.fail(f'unknown escape "\\{escaped}"', hint)
            parts.append(_ESCAPES[escaped])
            self.at += 2

    # Filters.

    def filter(self, scan: bool) -> Filter:
        self.at += 1
        if self.peek() != "(":
            self.fail('"(" is missing after "?"', "write the filter as [?(@.name)]")
        self.filters += 1
        if self.filters > _MAX_NESTED_FILTERS:
            self.fail("filters are nested too deeply")
        opened_at = self.at
        self.at += 1
        tests = [self.test(opened_at)]
        operators = []
        while self.blanks() != ")":
            operators.append(self.junction(opened_at))
            tests.append(self.test(opened_at))
        self.at += 1
        self.filters -= 1
        # With one kind of operator both readings agree, and the simple one is faster.
        mixed = self.right_nested and len(set(operators)) > 1
        return Filter(Condition(tuple(tests), tuple(operators), mixed), scan)

    def junction(self, opened_at: int) -> str:
        char = self.peek()
        operator = self.text[self.at : self.at + 2]
        if operator in ("&&", "||"):
            self.at += 2
            return operator
        if not char:
            self.fail_unclosed(opened_at, ")")
        if char in "&|":
            self.fail(f'a single "{char}" is no operator', f"write {char}{char}")
        hint = {"and": "write &&", "or": "write ||"}.get(self.take(_WORD).lower(), "")
        self.fail(f'expected "&&", "||" or ")" instead of "{char}"', hint)

    def test(self, opened_at: int) -> Exists | Comparison:
        self.blanks()
        start = self.at
        left = self.side(opened_at)
        char = self.blanks()
        if operator := self.take(_OPERATOR):
            self.at += len(operator)
            self.blanks()
            right = self.regex() if operator == "=~" else self.side(opened_at)
            return Comparison(left, "!=" if operator == "<>" else operator, right)
        if char == "=":
            self.fail('"=" is no operator', "write ==")
        if isinstance(left, Literal):
            self.fail("a value alone is no condition", "compare it with a path", start)
        if char.isalpha() and self.take(_WORD).lower() not in ("and", "or"):
            self.fail("expected an operator", "write one of == != < <= > >= =~")
        return Exists(left)

    def side(self, opened_at: int) -> Path | Literal:
        char = self.peek()
        if char in ("@", "$"):
            self.at += 1
            return Path(self.steps(_FILTER_NAME), relative=char == "@")
        if char == "'":
            return Literal(self.quoted())
        if number := self.take(_NUMBER):
            return self.number(number)
        for word, value in _WORDS.items():
            if self.text.startswith(word, self.at):
                self.at += len(word)
                return Literal(value)
        if not char:
            self.fail_unclosed(opened_at, ")")
        self.fail_side(char)

    def number(self, number: str) -> Literal:
        start = self.at
        self.at += len(number)
        # Newtonsoft reads a number up to a blank or a parenthesis, and && is neither.
        if self.peek() not in ("", " ", ")", "\t", "\r", "\n"):
            self.fail(
                'a number in a filter must be followed by a blank or ")"',
                "put a blank after the number",
            )
        if not number.lstrip("-").isdigit():
            return Literal(float(number))
        # The length first: Python refuses to read integers of thousands of digits.
        if len(number) > len(str(-_MAX_INTEGER)) or not (
            -_MAX_INTEGER <= int(number) < _MAX_INTEGER
        ):
            self.fail("the number does not fit 64 bits", "", start)
        return Literal(int(number))

    def regex(self) -> Regex:
        start = self.at
        if self.peek() != "/":
            self.fail("a regular expression is missing after =~", "write =~ /pattern/")
        found = _REGEX.match(self.text, start)
        if found is None:
            self.fail_unclosed(start, "/")
        flags = re.RegexFlag(0)
        for offset, flag in enumerate(found[2], found.start(2)):
            if flag not in _REGEX_FLAGS:
                hint = "the flags are i, m, s and x"
                self.fail(f'unknown flag "{flag}"', hint, offset)
            flags |= _REGEX_FLAGS[flag]
        self.at = found.end()
        try:
            return Regex(re.compile(found[1], flags))
        except re.error as error:
            message = f"the regular expression is invalid: {error.msg}"
            raise JsonPathError(message, start + 1 + (error.pos or 0)) from error
        except (OverflowError, RecursionError) as error:
            message = "the regular expression is too large"
            raise JsonPathError(message, start + 1) from error

    def fail_side(self, char: str) -> NoReturn:
        if char == "!":
            hint = "test for the opposite, for example with !="
            self.fail("filters have no negation", hint)
        if char == "(":
            hint = "list the alternatives: @.a && @.b || @.a && @.c"
            self.fail("filters have no grouping parentheses", hint)
        if char in '"“”‘’':
            self.fail("a text in a filter needs single quotes", "write 'text'")
        if char == "/":
            self.fail("a regular expression goes with =~", "write @.name =~ /pattern/")
        if word := self.take(_WORD):
            if self.text[self.at + len(word) :].lstrip().startswith("("):
                self.fail("functions are not part of this dialect", _JMESPATH)
            self.fail("a path in a filter starts with @", f"write @.{word}")
        self.fail("expected a path or a value", "start a path with @ or $")
