"""Turns exports that are no JSON lines into messages for `run` and `preview`.

Each message is an envelope: `{"Body": …, "Properties": {"patientId": …, …}}`. To
convert an export again, or a later one that holds it, repeats messages, which changes
nothing in a store.
"""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import orjson

from pipeline.apple_export import read_apple_health, size_of
from pipeline.converted import Advance, Message, Notes, Settings
from pipeline.csv_export import read_libreview
from pipeline.message_output import STDOUT, message_output
from pipeline.options import UsageError
from pipeline.progress import Progress
from transforms.time_zones import ZoneError, close_zone, zone_named

_Read = Callable[[str, Settings, Notes, Advance], Iterator[Message]]


class _Kind(NamedTuple):
    """How exports of one kind are read."""

    read: _Read
    size: Callable[[str], int]
    """Bytes that reading it will tell of."""


_KINDS: dict[str, _Kind] = {
    "apple-health": _Kind(read_apple_health, size_of),
    "libreview": _Kind(read_libreview, os.path.getsize),
}


class Converted(NamedTuple):
    """What became of the files."""

    messages: int
    notes: Notes


def convert(kind: str, files: Sequence[str], out: str, settings: Settings) -> Converted:
    """Writes the messages of some exports.

    Args:
        kind: a key of `_KINDS`.
        files: of that kind.
        out: file of the messages, or `-`.
        settings: what the exports do not say.

    Raises:
        UsageError: a file is none of the kind, or the flags do not fit; no file is
            written (to stdout what earlier files gave).
        OSError: a file cannot be read or written.
    """
    _check(files, settings)
    reader = _KINDS[kind]
    notes = Notes()
    count = 0
    total = sum(reader.size(path) for path in files)
    with message_output(out) as stream, _progress(total, out) as advance:
        for path in files:
            for message in reader.read(path, settings, notes, advance):
                stream.write(_line(message, settings))
                count += 1
    return Converted(count, notes)


def _check(files: Sequence[str], settings: Settings) -> None:
    for path in files:
        if not os.path.isfile(path):
            what = "is a folder" if os.path.isdir(path) else "is not there"
            msg = f"{path} {what}: name the files of the export"
            raise UsageError(msg)
    if settings.timezone is not None:
        try:
            zone_named(settings.timezone)
        except ZoneError as error:
            close = close_zone(settings.timezone)
            hint = f": did you mean {close}?" if close else ""
            msg = f"--timezone={settings.timezone}: {error}{hint}"
            raise UsageError(msg) from error


@contextlib.contextmanager
def _progress(total: int, out: str) -> Iterator[Advance]:
    if out == STDOUT and sys.stdout.isatty():
        yield lambda _messages, _count: None
        return
    with Progress(total) as progress:
        yield progress.advance


def _line(message: Message, settings: Settings) -> bytes:
    properties = {
        "patientId": settings.patient,
        "deviceId": message.device,
        "timezone": settings.timezone,
        "dateOrder": message.date_order,
    }
    told = {name: value for name, value in properties.items() if value is not None}
    envelope = {"Body": message.body, "Properties": told}
    return orjson.dumps(envelope, option=orjson.OPT_APPEND_NEWLINE)
