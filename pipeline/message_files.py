"""Files of device messages: one JSON message per line, or one JSON array of messages.

A file is cut into slices of some tens of MB, which a run works off one after the other
in bounded memory. `.gz` and `.zst` files are read through their decompressor. Offsets
count bytes of the decompressed content.
"""

import gzip
import io
import os
import re
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, NamedTuple, cast

import orjson
import zstandard
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from pipeline.json_array import BLANK, BOM, ArraySplitter
from pipeline.options import UsageError
from pipeline.zstandard_frames import Frames
from transforms.model import MessageBatch

_BLOCK = 1 << 20
"""Bytes read at a time, and about the size of a batch."""

_PEEK = 16 << 20
"""A first line longer than this belongs to an array."""

_LINES = re.compile(r"\.(ndjson|jsonl)(\.gz|\.zst|\.zstd)?\Z")

_COMPRESSED = (".gz", ".zst", ".zstd")

_DAMAGED = (EOFError, gzip.BadGzipFile, zlib.error, zstandard.ZstdError)
"""What decompressors raise."""


class Slice(NamedTuple):
    """A stretch of one file."""

    path: str
    start: int
    """Offset of its first byte."""
    end: int
    """Offset after its last byte."""
    first: int
    """Number of its first line or array element, from 1."""
    is_array: bool


def find_files(pattern: str) -> list[str]:
    """The files a glob matches, in the order of their names.

    Raises:
        FileNotFoundError: it matches none.
        IsADirectoryError: it is a folder.
        ValueError: no filesystem is known for such an address, or a name is not UTF-8
            and so cannot stand in any output.
    """
    found = _matches(pattern)
    for path in found:
        if not _is_utf8(path):
            msg = f"the name {path!a} is not UTF-8: rename the file"
            raise ValueError(msg)
    return sorted(found)


def _matches(pattern: str) -> list[str]:
    if os.path.isfile(pattern):
        return [pattern]  # its name may hold brackets that are not meant as a glob
    if os.path.isdir(pattern):
        raise IsADirectoryError(21, "Is a directory", pattern)
    matched = FileSystems.match([pattern])[0].metadata_list
    found = [data.path for data in matched if not os.path.isdir(data.path)]
    if not found:
        raise FileNotFoundError(2, "No such file", pattern)
    return found


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def open_messages(path: str) -> BinaryIO:
    """Opens a file for reading, decompressed."""
    raw = FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED)
    if path.endswith(".gz"):
        return cast(BinaryIO, gzip.open(raw, "rb"))
    if path.endswith(_COMPRESSED):
        return cast(BinaryIO, io.BufferedReader(Frames(raw), _BLOCK))
    return raw


def file_size(path: str) -> int:
    """Bytes of a file as it is stored."""
    return int(FileSystems.get_filesystem(path).size(path))


def slices_of(path: str, size: int) -> Iterator[Slice]:
    """Cuts a file into slices at the ends of messages.

    Args:
        path: the file.
        size: bytes per slice; one message is never cut, however large.

    Raises:
        UsageError: a compressed file is damaged; raised before the slice concerned.
    """
    try:
        with open_messages(path) as stream:
            is_array = holds_array(stream, named_lines=bool(_LINES.search(path)))
        with open_messages(path) as stream:
            cut = _array_slices if is_array else _line_slices
            yield from cut(path, stream, size)
    except _DAMAGED as error:
        msg = (
            f"{path} cannot be decompressed: it is damaged, cut off, or not what its"
            " name says; replace it and run again"
        )
        raise UsageError(msg) from error


def _line_slices(path: str, stream: BinaryIO, size: int) -> Iterator[Slice]:
    start = end = 0
    first = number = 1
    while block := stream.read(min(start + size - end, _BLOCK)):
        end += len(block)
        number += block.count(b"\n")
        if end < start + size:
            continue
        if not block.endswith(b"\n"):
            rest = stream.readline()
            end += len(rest)
            number += rest.count(b"\n")
        yield Slice(path, start, end, first, is_array=False)
        start, first = end, number
    if start < end:
        yield Slice(path, start, end, first, is_array=False)


def _array_slices(path: str, stream: BinaryIO, size: int) -> Iterator[Slice]:
    start = first = None
    number = 0
    end = 0
    for number, (offset, element) in enumerate(split_array(stream), 1):
        if start is None:
            start, first = offset, number
        end = offset + len(element)
        if end - start >= size:
            yield Slice(path, start, end, cast(int, first), is_array=True)
            start = None
    if start is not None:
        yield Slice(path, start, end, cast(int, first), is_array=True)


def holds_array(stream: BinaryIO, *, named_lines: bool = False) -> bool:
    """Whether a file is one JSON array of messages rather than lines of messages.

    Lines may be arrays too (a payload that is one): a file is an array when its first
    line begins one that does not end there, or is all there is. Where that line is
    broken, the lines after it tell.

    Args:
        stream: the file, from its beginning.
        named_lines: the file's name says that it holds lines: then a whole array is
            one of them, even alone, as it is among others.
    """
    first = _content_line(stream)
    if not first.startswith(b"["):
        return False
    if first == b"[":
        return True
    second = _content_line(stream)
    if _is_json(first):
        return not second and not named_lines
    if not _is_json(second):
        return True
    # The second of two elements, each on its line, has no comma: `]` comes next.
    return _content_line(stream).startswith((b"]", b","))


def _content_line(stream: BinaryIO) -> bytes:
    while line := stream.readline(_PEEK):
        content = line.removeprefix(BOM).strip(BLANK)
        if content:
            return content
    return b""


def _is_json(text: bytes) -> bool:
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True


def split_array(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """The elements of a JSON array, unparsed, with their offsets, in bounded memory.

    What is cut off at the end of the file comes as a last element: it is no JSON, and
    so becomes a dead letter rather than vanishing.
    """
    splitter = ArraySplitter()
    while block := stream.read(_BLOCK):
        yield from splitter.feed(block)
    yield from splitter.finish()


def read_slice(part: Slice) -> Iterator[MessageBatch]:
    """The messages of a slice, in batches of about 1 MB. Blank lines are skipped."""
    if part.is_array:
        yield from _read_array(part)
    else:
        yield from _read_lines(part)


def _read_array(part: Slice) -> Iterator[MessageBatch]:
    prefix = f"{part.path}#"
    splitter = ArraySplitter(part.start)
    number = part.first
    for block in _blocks(part):
        elements = [element for _, element in splitter.feed(block)]
        yield _numbered(prefix, number, elements)
        number += len(elements)
    yield _numbered(prefix, number, [element for _, element in splitter.finish()])


def _read_lines(part: Slice) -> Iterator[MessageBatch]:
    number = part.first
    rest = b""
    for block in _blocks(part):
        *lines, rest = (rest + block).split(b"\n")
        yield _numbered(f"{part.path}:", number, lines)
        number += len(lines)
    yield _numbered(f"{part.path}:", number, [rest])


def _blocks(part: Slice) -> Iterator[bytes]:
    left = part.end - part.start
    with _positioned(part) as stream:
        while left:
            block = _read_some(stream, left, part.path)
            left -= len(block)
            yield block


def _read_some(stream: BinaryIO, most: int, path: str) -> bytes:
    if block := stream.read(min(_BLOCK, most)):
        return block
    msg = f"{path} has become shorter while it was read"
    raise OSError(msg)


_parked: dict[str, tuple[int, BinaryIO]] = {}
"""The compressed stream read last, where its slice ended: the next begins there."""

_parking = threading.Lock()


@contextmanager
def _positioned(part: Slice) -> Iterator[BinaryIO]:
    path, offset = part.path, part.start
    if not path.endswith(_COMPRESSED):
        with open_messages(path) as stream:
            stream.seek(offset)
            yield stream
        return
    with _parking:
        parked = _parked.pop(path, None)
    if parked is None or parked[0] > offset or part.first == 1:
        parked = 0, open_messages(path)
    parked_at, stream = parked
    while parked_at < offset:
        parked_at += len(_read_some(stream, offset - parked_at, path))
    counted = _Counted(stream)
    yield cast(BinaryIO, counted)
    with _parking:
        for _, other in _parked.values():
            other.close()
        _parked.clear()
        _parked[path] = offset + counted.count, stream


class _Counted:
    """A stream that knows how much was read from it."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.count = 0

    def read(self, size: int) -> bytes:
        block = self._stream.read(size)
        self.count += len(block)
        return block


def _numbered(prefix: str, first: int, messages: list[bytes]) -> MessageBatch:
    if first == 1 and messages:
        messages[0] = messages[0].removeprefix(BOM)
    numbered = [
        (number, message.rstrip(b"\r"))
        for number, message in enumerate(messages, first)
        if message and not message.isspace()
    ]
    positions, payloads = zip(*numbered, strict=True) if numbered else ((), ())
    return MessageBatch(prefix, positions, payloads)
