"""One JSON array cut into its elements, unparsed, block by block."""

import re
from collections.abc import Iterator

BLANK = b" \t\r\n"

BOM = b"\xef\xbb\xbf"

_STRING = rb'"[^"\\]*(?:\\.[^"\\]*)*'

_BETWEEN = rb'[^"\[\]{}]*'

# An object without another one in it, a string, or a mark. A string that has not ended
# yet runs to the end, so that the scan stays linear; a last backslash waits for what it
# escapes.
_MARK = re.compile(
    rb"\{%b(?:%b\"%b)*\}|%b(\"|\\?\Z)|[\[{\]},]"
    % (_BETWEEN, _STRING, _BETWEEN, _STRING),
    re.DOTALL,
)
_STRING_REST = re.compile(_STRING[1:] + rb"(\"|\\?\Z)", re.DOTALL)


class ArraySplitter:
    """Finds the ends of the elements of a JSON array, block by block.

    Arrays that stand one after the other count as one. At the begin of an element
    nothing need be known of what stands before it: a slice may begin there.
    """

    def __init__(self, offset: int = 0) -> None:
        self.buffer = b""
        self.offset = offset
        """Offset of the buffer in the file; above 0 it begins with an element."""
        self._scanned = 0
        self._depth = 1
        self._outside = offset == 0
        """Whether no array is open, so that a bracket begins one."""
        self._in_string = False

    def feed(self, block: bytes) -> Iterator[tuple[int, bytes]]:
        """Elements that end in this block, with their offsets."""
        self.buffer += block
        begin, position = 0, self._scanned
        while match := self._next(position):
            position = match.end()
            if match[1] is not None:
                self._in_string = match[1] != b'"'
                if self._in_string:
                    position -= len(match[1])
                    break
                continue
            mark = match[0]
            if mark in b"[{":
                if mark == b"[" and self._begins_array(begin, match.start()):
                    self._outside, begin = False, position
                else:
                    self._depth += 1
            elif mark in b"]}":
                self._depth -= 1
                if self._depth == 0:
                    yield from self._element(begin, match.start())
                    self._depth, self._outside, begin = 1, True, position
            elif mark == b"," and self._depth == 1:
                yield from self._element(begin, match.start())
                self._outside, begin = False, position
        self.offset += begin
        self.buffer = self.buffer[begin:]
        self._scanned = position - begin

    def _next(self, position: int) -> re.Match[bytes] | None:
        if self._in_string:
            return _STRING_REST.match(self.buffer, position)
        return _MARK.search(self.buffer, position)

    def _begins_array(self, begin: int, end: int) -> bool:
        # Only arrays and blanks can stand outside; anything else is an element.
        if not self._outside or self._depth > 1:
            return False
        return not self.buffer[begin:end].strip(BLANK + BOM)

    def finish(self) -> Iterator[tuple[int, bytes]]:
        """What stands after the last element: nothing, or what was cut off."""
        yield from self._element(0, len(self.buffer))

    def _element(self, begin: int, end: int) -> Iterator[tuple[int, bytes]]:
        raw = self.buffer[begin:end]
        content = raw.strip(BLANK)
        if content:
            yield self.offset + begin + raw.index(content[:1]), content
