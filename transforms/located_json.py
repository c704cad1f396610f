"""JSON with positions, as lenient as Newtonsoft: the reader of mapping files.

Mapping files are written by hand, and the Azure MedTech service reads them with
Newtonsoft (Json.NET): comments, single quotes, keys without quotes, trailing commas and
line breaks inside texts are accepted
(https://www.newtonsoft.com/json/help/html/T_Newtonsoft_Json_JsonTextReader.htm). Every
value and every key keeps its line and column, so that a finding can point at it.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn

_LINE_END = re.compile(r"\r\n|\r|\n")
_GAP = re.compile(r"(?:\s+|//[^\r\n]*|/\*.*?\*/)*", re.DOTALL)
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_NUMBER_LIKE = re.compile(r"[-+.\w]+")
_WORD = re.compile(r"[\w$]+")
_PLAIN = {quote: re.compile(rf"[^{quote}\\\r\n]+") for quote in "\"'"}
_HEX = re.compile(r"[0-9a-fA-F]{4}")
_ESCAPES = {
    '"': '"',
    "'": "'",
    "\\": "\\",
    "/": "/",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
}
_WORDS = {"true": True, "false": False, "null": None}
_SMART_QUOTES = "“”„‘’‚"

MAX_DEPTH = 64
"""Newtonsoft's own limit
(https://www.newtonsoft.com/json/help/html/P_Newtonsoft_Json_JsonReader_MaxDepth.htm)."""

_MAX_DIGITS = 400
"""More digits overflow a float anyway, and Python refuses thousands of them."""


class LocatedJsonError(ValueError):
    """A text that is not JSON.

    Args:
        message: what is wrong.
        line: 1-based.
        column: 1-based.
        suggestion: what to change, or an empty text.
    """

    def __init__(
        self, message: str, line: int, column: int, suggestion: str = ""
    ) -> None:
        self.message = message
        self.line = line
        self.column = column
        self.suggestion = suggestion
        super().__init__(message, line, column, suggestion)

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}: {self.message}"


@dataclass(frozen=True, slots=True)
class Node:
    """A value and where its first character stands.

    The value of an object is a `Members`, that of an array a tuple of nodes.
    """

    value: "bool | int | float | str | tuple[Node, ...] | Members | None"
    line: int
    """1-based."""
    column: int
    """1-based, in characters."""
    _marks: tuple[tuple[int, int, int], ...] = field(
        default=(), repr=False, compare=False
    )
    """Texts only: offsets in the value from which on line and column are known; between
    two of them one character of the value is one character of the file."""

    def position_of(self, offset: int) -> tuple[int, int]:
        """Returns line and column in the file of a character of this text.

        Args:
            offset: 0-based, into the value; its length stands for the closing quote.
        """
        if not self._marks:
            return self.line, self.column
        index = bisect_right(self._marks, offset, key=lambda mark: mark[0])
        start, line, column = self._marks[index - 1]
        return line, column + offset - start

    def plain(self) -> Any:
        """Returns the value without positions, as `json.loads` would."""
        if isinstance(self.value, Members):
            return {member.name: member.node.plain() for member in self.value}
        if isinstance(self.value, tuple):
            return [item.plain() for item in self.value]
        return self.value


@dataclass(frozen=True, slots=True)
class Member:
    """A key of an object, where it stands, and its value."""

    name: str
    line: int
    column: int
    node: Node


@dataclass(frozen=True, slots=True)
class Members:
    """The members of an object, in the order of the file; of equal keys the last."""

    by_name: dict[str, Member]
    duplicates: tuple[Member, ...] = ()
    """Members that count for nothing, because a later one has the same key."""

    def __iter__(self) -> Iterator[Member]:
        return iter(self.by_name.values())

    def __len__(self) -> int:
        return len(self.by_name)

    def get(self, name: str) -> Member | None:
        """Returns the member of exactly this name, else one that differs in case only.

        This is how Newtonsoft finds a member
        (https://www.newtonsoft.com/json/help/html/M_Newtonsoft_Json_Linq_JObject_GetValue_2.htm).
        """
        if name in self.by_name:
            return self.by_name[name]
        wanted = _ordinal_upper(name)
        for key, member in self.by_name.items():
            if _ordinal_upper(key) == wanted:
                return member
        return None


def parse(text: str) -> Node:
    """Reads a JSON document.

    Args:
        text: the document; a leading byte order mark is skipped.

    Raises:
        LocatedJsonError: the text is no JSON, or nested deeper than `MAX_DEPTH`.
    """
    return _Parser(text.removeprefix("\ufeff")).document()


def _ordinal_upper(name: str) -> str:
    # .NET's ordinal comparison maps character to character: ß is not SS.
    return "".join(upper if len(upper := char.upper()) == 1 else char for char in name)


class _Parser:
    """A recursive descent through the text, at most `MAX_DEPTH` deep."""

    __slots__ = ("at", "depth", "line_starts", "spanning", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.depth = 0
        self.line_starts = [0, *(end.end() for end in _LINE_END.finditer(text))]
        self.spanning: int | None = None
        """Where the latest text with a line break in it began."""

    def place(self, at: int) -> tuple[int, int]:
        line = bisect_right(self.line_starts, at)
        return line, at - self.line_starts[line - 1] + 1

    def fail(
        self, message: str, suggestion: str = "", at: int | None = None
    ) -> NoReturn:
        line, column = self.place(self.at if at is None else at)
        raise LocatedJsonError(message, line, column, suggestion)

    def fail_expected(self, expected: str) -> NoReturn:
        """Fails where another character should stand, and guesses why."""
        char = self.peek()
        suggestion = ""
        if not char:
            suggestion = "the file ends too early"
        elif char in _SMART_QUOTES:
            suggestion = f"replace {char} by a straight quote"
        elif self.spanning is not None:
            line, column = self.place(self.spanning)
            suggestion = (
                f"the text that begins at line {line}, column {column} spans lines: "
                "its closing quote may be missing"
            )
        self.fail(f"expected {expected}", suggestion)

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def gap(self) -> str:
        """Skips blanks and comments, and returns the character after them."""
        found = _GAP.match(self.text, self.at)
        if found is not None:
            self.at = found.end()
        if self.text.startswith("/*", self.at):
            self.fail("the comment is not closed", "add */")
        return self.peek()

    def document(self) -> Node:
        if not self.gap():
            self.fail("the text is empty", "write a JSON object", 0)
        node = self.value()
        if self.gap():
            self.fail("unexpected content after the end of the document")
        return node

    def value(self) -> Node:
        char = self.gap()
        line, column = self.place(self.at)
        if char in ('"', "'"):
            text, marks = self.string()
            return Node(text, line, column, marks)
        if char == "{":
            return Node(self.members(), line, column)
        if char == "[":
            return Node(self.items(), line, column)
        if char and char in "-+.0123456789":
            return Node(self.number(), line, column)
        found = _WORD.match(self.text, self.at)
        word = found[0] if found else ""
        if word in _WORDS:
            self.at += len(word)
            return Node(_WORDS[word], line, column)
        self.fail_value(word)

    def fail_value(self, word: str) -> NoReturn:
        if not word:
            self.fail_expected("a value")
        known = {"True": "true", "False": "false", "None": "null", "undefined": "null"}
        hint = (
            f"write {known[word]}"
            if word in known
            else f'a text needs quotes: "{word}"'
        )
        if word in ("NaN", "Infinity"):
            hint = "JSON has finite numbers only"
        self.fail(f"{word} is no JSON value", hint)

    def enter(self) -> int:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self.fail(f"nested deeper than {MAX_DEPTH} levels")
        self.at += 1
        return self.at - 1

    def another(self, opened_at: int, closing: str, what: str) -> bool:
        """Reads what stands between two values; false at the end of the last."""
        char = self.gap()
        if char == ",":
            self.at += 1
            char = self.gap()
            # Newtonsoft forgives one comma too many, at the end.
            if char != closing:
                return True
        if char == closing:
            self.at += 1
            self.depth -= 1
            return False
        if not char:
            opening = self.text[opened_at]
            line, column = self.place(opened_at)
            where = f"line {line}, column {column}"
            self.fail(f"{opening} opened at {where} is not closed", f"add {closing}")
        self.fail_expected(f"',' or '{closing}' after {what}")

    def items(self) -> tuple[Node, ...]:
        opened_at = self.enter()
        nodes: list[Node] = []
        if self.gap() == "]":
            self.at += 1
            self.depth -= 1
            return ()
        while True:
            nodes.append(self.value())
            if not self.another(opened_at, "]", "an item"):
                return tuple(nodes)

    def members(self) -> Members:
        opened_at = self.enter()
        by_name: dict[str, Member] = {}
        duplicates = []
        if self.gap() == "}":
            self.at += 1
            self.depth -= 1
            return Members(by_name)
        while True:
            member = self.member()
            if member.name in by_name:
                duplicates.append(by_name.pop(member.name))
            by_name[member.name] = member
            if not self.another(opened_at, "}", "a member"):
                return Members(by_name, tuple(duplicates))

    def member(self) -> Member:
        line, column = self.place(self.at)
        if self.peek() in ('"', "'"):
            name, _ = self.string()
        else:
            found = _WORD.match(self.text, self.at)
            if found is None:
                self.fail_expected("a key or '}'")
            name = found[0]
            self.at = found.end()
        if self.gap() != ":":
            self.fail_expected(f"':' after the key \"{name}\"")
        self.at += 1
        return Member(name, line, column, self.value())

    def number(self) -> int | float:
        found = _NUMBER.match(self.text, self.at)
        like = _NUMBER_LIKE.match(self.text, self.at)
        if found is None or like is None or found[0] != like[0]:
            self.fail("not a JSON number", "write it like -12, 0.5 or 1e3")
        number: int | float = 0
        if found[1] or found[2]:
            number = float(found[0])
        elif len(found[0]) <= _MAX_DIGITS:
            number = int(found[0])
        if len(found[0]) > _MAX_DIGITS or number in (float("inf"), float("-inf")):
            self.fail("the number is too large")
        self.at = found.end()
        return number

    def string(self) -> tuple[str, tuple[tuple[int, int, int], ...]]:
        """Reads a text, and marks the offsets after which escapes shift columns."""
        opened_at = self.at
        quote = self.text[opened_at]
        self.at += 1
        parts: list[str] = []
        length = 0
        marks = [(0, *self.place(self.at))]
        while True:
            plain = _PLAIN[quote].match(self.text, self.at)
            if plain is not None:
                parts.append(plain[0])
                length += len(plain[0])
                self.at = plain.end()
            char = self.peek()
            if char == quote:
                self.at += 1
                return "".join(parts), tuple(marks)
            if not char or self.at + 1 == len(self.text):
                hint = f"add the closing {quote}"
                self.fail("the text is not closed", hint, opened_at)
            if char == "\\":
                decoded = self.escape()
            else:
                self.spanning = opened_at
                decoded = char
                self.at += 1
            parts.append(decoded)
            length += len(decoded)
            marks.append((length, *self.place(self.at)))

    def escape(self) -> str:
        char = self.text[self.at + 1]
        if char in _ESCAPES:
            self.at += 2
            return _ESCAPES[char]
        if char != "u":
            self.fail(f"unknown escape \\{char}", "write \\\\ for a backslash")
        start = self.at
        code = self.hexadecimal()
        if 0xD800 <= code < 0xDC00 and self.text.startswith("\\u", self.at):
            low = self.hexadecimal()
            if 0xDC00 <= low < 0xE000:
                return chr(0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00))
        if 0xD800 <= code < 0xE000:
            self.fail("half of a surrogate pair", "write both halves", start)
        return chr(code)

    def hexadecimal(self) -> int:
        found = _HEX.match(self.text, self.at + 2)
        if found is None:
            self.fail("\\u needs four hexadecimal digits")
        self.at = found.end()
        return int(found[0], 16)
