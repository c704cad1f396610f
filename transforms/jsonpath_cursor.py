"""A place in the text of a JSONPath that moves forward as the text is read."""

import re
from typing import NoReturn

from transforms.jsonpath_tree import JsonPathError

_BLANKS = re.compile(r"[ \t\r\n]*")
_PLAIN = re.compile(r"[^'\\]*")

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


class Cursor:
    """What paths and filters have in common when they are read.

    Args:
        text: the whole path.
    """

    __slots__ = ("at", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def peek(self) -> str:
        """The next character, empty at the end."""
        return self.text[self.at : self.at + 1]

    def blanks(self) -> str:
        """Skips blanks and returns the character after them, empty at the end."""
        self.at += len(self.take(_BLANKS))
        return self.peek()

    def take(self, pattern: re.Pattern[str]) -> str:
        """What a pattern matches here, empty if it does not; stays in place."""
        found = pattern.match(self.text, self.at)
        return found[0] if found else ""

    def fail(
        self, message: str, suggestion: str = "", at: int | None = None
    ) -> NoReturn:
        """Refuses the path because of what stands here, or at another place."""
        raise JsonPathError(message, self.at if at is None else at, suggestion)

    def fail_unclosed(self, opened_at: int, closing: str) -> NoReturn:
        """Refuses the path because it ends before something is closed."""
        opening = self.text[opened_at]
        self.fail(f'"{opening}" is not closed', f"add {closing}", opened_at)

    def quoted(self) -> str:
        """Reads a text in single quotes."""
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
