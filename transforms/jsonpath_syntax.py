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
from typing import NoReturn

from transforms.jsonpath_conditions import JMESPATH, ConditionParser
from transforms.jsonpath_tree import (
    Comparison,
    Condition,
    Exists,
    Filter,
    Indexes,
    Items,
    JsonPathError,
    Literal,
    Names,
    Path,
    Regex,
    Slice,
    Step,
    Wildcard,
)

__all__ = [
    "Comparison",
    "Condition",
    "Exists",
    "Filter",
    "Indexes",
    "Items",
    "JsonPathError",
    "Literal",
    "Names",
    "Path",
    "Regex",
    "Slice",
    "Step",
    "Wildcard",
    "parse",
]

_DOTS = re.compile(r"\.*")
_NAME = re.compile(r"[^.\[\]() \t\r\n]+")
_INDEXES = re.compile(r"-?[0-9]+(?: *, *-?[0-9]+)*")
_SLICE = re.compile(r"(-?[0-9]+)? *: *(-?[0-9]+)?(?: *: *(-?[0-9]+)?)?")
_INTEGER = re.compile(r"-?[0-9]+")

_MAX_INDEX = 2**31 - 1


def parse(text: str, *, medtech: bool = False) -> Path:
    """Reads the text of a JSONPath.

    Args:
        text: the path.
        medtech: whether a change between `&&` and `||` nests to the right, as
            Newtonsoft has it; otherwise `&&` binds tighter.

    Raises:
        JsonPathError: the text is no JSONPath of this dialect.
    """
    return _Parser(text, right_nested=medtech).whole()


class _Parser(ConditionParser):
    """A recursive descent through the text; only filters recurse."""

    __slots__ = ()

    def whole(self) -> Path:
        """Reads the whole text."""
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
        """Reads the steps of a path whose bare names look like that."""
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
                steps.append(self._indexer(scan, name_at))
                name_at = None
            elif word := self.take(name):
                if steps and not dots:
                    self.fail(f'"." is missing before "{word}"')
                name_at = self.at
                steps.append(self._named(word, scan))
            elif dots:
                self.fail(f'a name is missing after "{dots}"')
            else:
                return tuple(steps)

    def _named(self, word: str, scan: bool) -> Step:
        if word[0] in "\"'“”‘’":
            self.fail("a quoted name needs brackets", "write ['name']")
        self.at += len(word)
        return Wildcard(scan) if word == "*" else Names((word,), scan)

    def _indexer(self, scan: bool, name_at: int | None) -> Step:
        opened_at = self.at
        closing = "]" if self.text[opened_at] == "[" else ")"
        self.at += 1
        char = self.blanks()
        step: Step
        if char == "'":
            step = self._quoted_names(scan)
        elif char == "?":
            step = self.filter(scan)
        elif char == "*":
            self.at += 1
            step = Items()
        # Newtonsoft does not scan for items: $..[0] is $[0].
        elif found := _SLICE.match(self.text, self.at):
            step = self._slice(found)
        elif listed := self.take(_INDEXES):
            step = self._indexes(listed)
        else:
            self._fail_indexer(opened_at, closing, name_at)
        char = self.blanks()
        if not char:
            self.fail_unclosed(opened_at, closing)
        if char != closing:
            self.fail(f'expected "{closing}" instead of "{char}"')
        self.at += 1
        return step

    def _fail_indexer(
        self, opened_at: int, closing: str, name_at: int | None
    ) -> NoReturn:
        char = self.peek()
        if not char:
            self.fail_unclosed(opened_at, closing)
        if closing == ")":
            at = opened_at if name_at is None else name_at
            self.fail("functions are not part of this dialect", JMESPATH, at)
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

    def _quoted_names(self, scan: bool) -> Names:
        names = [self.quoted()]
        while self.blanks() == ",":
            self.at += 1
            if self.blanks() != "'":
                self.fail('a name in single quotes is missing after ","')
            names.append(self.quoted())
        return Names(tuple(names), scan)

    def _indexes(self, listed: str) -> Indexes:
        indexes = []
        for found in _INTEGER.finditer(self.text, self.at, self.at + len(listed)):
            index = self._integer(found[0], found.start())
            if index < 0:
                stop = "" if index == -1 else index + 1
                hint = f"write [{index}:{stop}] to count from the end"
                self.fail("a single index cannot be negative", hint, found.start())
            indexes.append(index)
        self.at += len(listed)
        return Indexes(tuple(indexes))

    def _slice(self, found: re.Match[str]) -> Slice:
        start, stop, step = (
            None
            if found[part] is None
            else self._integer(found[part], found.start(part))
            for part in (1, 2, 3)
        )
        if step == 0:
            hint = "leave the step out or write 1"
            self.fail("the step of a slice cannot be 0", hint, found.start(3))
        self.at = found.end()
        return Slice(start, stop, step)

    def _integer(self, digits: str, at: int) -> int:
        # The length first: Python refuses to read integers of thousands of digits.
        if len(digits) > len("-2147483648") or abs(int(digits)) > _MAX_INDEX:
            self.fail("the number is too large for an index", "", at)
        return int(digits)
