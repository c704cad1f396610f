"""Reads the export of Apple's Health app, a stream of XML of any length.

Safe on files of others: of a file only what follows its DOCTYPE reaches the parser, so
no entity can be declared and nothing from elsewhere is fetched; and so the malformed
DOCTYPE of some versions of iOS does no harm either. Memory does not grow with the file,
but for [blood pressures](apple_pressures.py).

A file that ends too early, or is damaged, gives what stands before the damage.
"""

import contextlib
import hashlib
import os
import re
import zipfile
import zlib
from collections.abc import Iterator
from functools import lru_cache
from typing import IO, NamedTuple
from xml.parsers import expat

from pipeline.apple_elements import Elements, TooDeepError
from pipeline.apple_pressures import Pressures
from pipeline.converted import Advance, Message, Notes, Settings
from pipeline.options import UsageError

_BLOCK = 1 << 20

_ROOT = re.compile(rb"<HealthData[\s/>]")

_HEAD = 4 << 20
"""Bytes in which the root must begin; a DOCTYPE takes some ten thousand."""

_TAG = 16 << 20
"""Bytes without an element: a tag so long is not kept until it ends."""

_CONTROLS = bytes([*range(9), 11, 12, *range(14, 32)])
"""XML allows none of them, and iOS has written some into names of apps."""

_CUT = frozenset(
    {
        expat.errors.codes[expat.errors.XML_ERROR_NO_ELEMENTS],
        expat.errors.codes[expat.errors.XML_ERROR_UNCLOSED_TOKEN],
        expat.errors.codes[expat.errors.XML_ERROR_PARTIAL_CHAR],
    }
)

_CUT_OFF = "the file was cut off here: export it again; what stands before is written"


class _Opened(NamedTuple):
    stream: IO[bytes]
    size: int


@contextlib.contextmanager
def _opened(path: str) -> Iterator[_Opened]:
    with open(path, "rb") as raw:
        if not zipfile.is_zipfile(raw):
            raw.seek(0)
            if raw.read(2) == b"PK":
                msg = f"{path} is a zip archive that was cut off: export it again"
                raise UsageError(msg)
            raw.seek(0)
            yield _Opened(raw, os.fstat(raw.fileno()).st_size)
            return
        with zipfile.ZipFile(raw) as archive:
            member = _member(archive, path)
            with archive.open(member) as stream:
                yield _Opened(stream, member.file_size)


def _member(archive: zipfile.ZipFile, path: str) -> zipfile.ZipInfo:
    """The export among the files of an archive; its name depends on the language."""
    for member in archive.infolist():
        if not member.filename.lower().endswith(".xml"):
            continue
        if member.flag_bits & 1:
            msg = f"{path} is encrypted: unpack it, and name its export.xml"
            raise UsageError(msg)
        with archive.open(member) as stream:
            head = stream.read(1 << 16)
        if b"<!DOCTYPE HealthData" in head or _ROOT.search(head):
            return member
    msg = f"{path} holds no export of Apple Health (export.xml)"
    raise UsageError(msg)


@lru_cache(maxsize=4096)
def device_of(patient: str | None, source: str) -> str:
    """An identifier for a source that tells nobody its name.

    A source is called as its owner likes, "Anna's Apple Watch". The patient goes into
    the hash, so that nobody can try names, and one app is another device of each.
    """
    digest = hashlib.sha256(f"{patient or ''}\0{source}".encode()).hexdigest()
    return f"apple-health-{digest[:16]}"


def read_apple_health(
    path: str, settings: Settings, notes: Notes, advance: Advance
) -> Iterator[Message]:
    """The messages of an export.

    Args:
        path: export.zip, or the export.xml in it.
        settings: patient and device.
        notes: what is left out; damage.
        advance: told of progress.

    Raises:
        UsageError: it is no export.
        OSError: it cannot be read.
    """
    pressures = Pressures()
    elements = Elements(pressures, notes)

    def taken() -> Iterator[Message]:
        for source, body in elements.ready:
            device = settings.device or device_of(settings.patient, source)
            yield Message(body, device)
        elements.ready.clear()

    with _opened(path) as (stream, _size):
        for count in _parse(stream, path, elements, notes):
            if count:
                advance(len(elements.ready), count)
            yield from taken()
    elements.ready += pressures.rest()
    yield from taken()


def size_of(path: str) -> int:
    """Bytes of XML in a file.

    Raises:
        UsageError: it is a zip archive without an export.
        OSError: it cannot be read.
    """
    with _opened(path) as (_stream, size):
        return size


def _parse(
    stream: IO[bytes], path: str, elements: Elements, notes: Notes
) -> Iterator[int]:
    """Parses a file block by block; yields the bytes of each when it is parsed."""
    head, block = _beginning(stream, path)
    parser = expat.ParserCreate("UTF-8")
    parser.StartElementHandler = elements.start
    parser.EndElementHandler = elements.end
    count = len(head) + len(block)
    idle = 0
    while True:
        met = elements.met
        reason = _fed(parser, block.translate(None, _CONTROLS), final=not block)
        idle = idle + len(block) if elements.met == met else 0
        if not reason and idle > _TAG:
            reason = f"no element ends within {_TAG:,} bytes"
        yield count
        if not reason and block:
            block, reason = _next(stream)
            count = len(block)
            if not reason:
                continue
        if reason:
            line = head.count(b"\n") + parser.ErrorLineNumber
            notes.problem(path, line, reason)
        return


def _beginning(stream: IO[bytes], path: str) -> tuple[bytes, bytes]:
    """What stands before the root, and the root with what follows it in the block."""
    head = b""
    while len(head) < _HEAD:
        block, _damage = _next(stream)
        if not block:
            break
        head += block
        if found := _ROOT.search(head):
            return head[: found.start()], head[found.start() :]
    msg = f"{path} is no export of Apple Health: it has no <HealthData>"
    raise UsageError(msg)


def _next(stream: IO[bytes]) -> tuple[bytes, str]:
    """A block, or what is wrong with the archive."""
    try:
        return stream.read(_BLOCK), ""
    except (zipfile.BadZipFile, zlib.error, EOFError):
        return b"", "the zip archive is damaged here: what stands before is written"


def _fed(parser: expat.XMLParserType, block: bytes, *, final: bool) -> str:
    """Feeds the parser; says what is wrong."""
    try:
        parser.Parse(block, final)
    except TooDeepError as error:
        return str(error)
    except expat.ExpatError as error:
        if error.code in _CUT:
            return _CUT_OFF
        reason = expat.ErrorString(error.code)
        return f"no well-formed XML ({reason}): what stands before is written"
    return ""
