"""WriteDeadLetters: what could not go on, as NDJSON, upserted by letter id.

The file of a letter is a function of its source and position, so that files stay
small, a repeated run finds the letters it wrote, and a person finds them by source.
"""

import dataclasses
import hashlib
import re
from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam
import orjson
from apache_beam.metrics.metric import Metrics
from apache_beam.pvalue import PCollection
from apache_beam.transforms.trigger import (
    AccumulationMode,
    AfterProcessingTime,
    Repeatedly,
)
from apache_beam.transforms.window import GlobalWindows

from pipeline.upsert_files import Folder
from transforms.dead_letters import merge
from transforms.model import DeadLetter, LetterBatch

STAGE = "WriteDeadLetters"

_PER_FILE = 100_000
"""Positions of a source that share a file."""

_LONGEST = 100
"""Characters of a source's name: names of files end at 255 bytes."""

_SOURCE = re.compile(r"(.*?)[:#/](\d+)", re.DOTALL)


_RECORD = re.compile(r"([A-Za-z0-9._-]+)/(\d+)/\d+")
"""Topic, partition and offset."""

_MESSAGE = re.compile(r".+/(\d+)", re.DOTALL)
"""Subscription, and an id that is a number and no position."""

_RESOURCE = re.compile(r"(Observation|Patient|Device)/[A-Za-z0-9.-]{1,64}")


def _position(source: str) -> int:
    match = _SOURCE.fullmatch(source)
    return int(match[2]) if match else 0


def letter_file(source: str) -> str:
    """The file of the letters from one stretch of a source.

    Two sources of one name in different folders have different files. Resources, and
    messages of a subscription, have no place in a source: some share a file by their
    ids.
    """
    if resource := _RESOURCE.fullmatch(source):
        return f"{resource[1]}-{_digest(source)[:2]}.ndjson"
    match = _SOURCE.fullmatch(source)
    origin = match[1] if match else source
    name = origin.rpartition("/")[2]
    stretch = f"{_position(source) // _PER_FILE:05}"
    if record := _RECORD.fullmatch(source):
        name = f"{record[1]}-{record[2]}"
    elif message := _MESSAGE.fullmatch(source):
        stretch = _digest(message[1])[:2]
    stem = re.sub(r"[^A-Za-z0-9._-]+", "_", name)[:_LONGEST] or "source"
    return f"{stem}-{_digest(origin)[:8]}-{stretch}.ndjson"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def save_letters(folder: Folder, name: str, letters: Iterable[DeadLetter]) -> None:
    """Upserts letters into one file, in the order of their positions."""
    new = list(letters)

    def change(content: bytes | None) -> bytes:
        known = (DeadLetter(**orjson.loads(ln)) for ln in (content or b"").splitlines())
        merged: dict[str, DeadLetter] = {}
        for letter in (*known, *new):
            other = merged.get(letter.id)
            merged[letter.id] = letter if other is None else merge(other, letter)
        ordered = sorted(merged.values(), key=lambda ltr: (_position(ltr.source), ltr))
        return b"".join(orjson.dumps(ltr.document()) + b"\n" for ltr in ordered)

    folder.update(name, change)


class _ByFile(beam.DoFn):
    def process(self, batch: LetterBatch) -> Iterator[tuple[str, DeadLetter]]:
        for letter in batch.letters:
            Metrics.counter("DeadLetter", letter.error).inc()
            yield letter_file(letter.source), letter


class _SaveLetters(beam.DoFn):
    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    def process(self, element: tuple[str, Iterable[DeadLetter]]) -> None:
        save_letters(self._folder, *element)


class _SaveBundle(beam.DoFn):
    """Saves the letters of a bundle before it ends."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    def start_bundle(self) -> None:
        self._files: dict[str, list[DeadLetter]] = {}

    def process(self, element: tuple[str, DeadLetter]) -> None:
        name, letter = element
        self._files.setdefault(name, []).append(letter)

    def finish_bundle(self) -> None:
        for name, letters in sorted(self._files.items()):
            save_letters(self._folder, name, letters)


@dataclasses.dataclass
class WriteDeadLetters(beam.PTransform):
    """Dead letters, in the global window, to a folder.

    Args:
        folder: where the letters go.
        flush_seconds: how often those of an unbounded input are written; None if the
            input is bounded.
    """

    folder: Folder
    flush_seconds: int | None = None

    def expand(self, letters: PCollection[LetterBatch]) -> PCollection[None]:
        """Wires the stage."""
        by_file = letters | "ByFile" >> beam.ParDo(_ByFile()).with_output_types(
            tuple[str, Any]
        )
        if self.flush_seconds is not None:
            by_file |= "EverySoOften" >> beam.WindowInto(
                GlobalWindows(),
                trigger=Repeatedly(AfterProcessingTime(self.flush_seconds)),
                accumulation_mode=AccumulationMode.DISCARDING,
            )
        return (
            by_file
            | beam.GroupByKey()
            | "Save" >> beam.ParDo(_SaveLetters(self.folder))
        )


@dataclasses.dataclass
class WriteDeadLettersDirect(beam.PTransform):
    """Dead letters to a folder, in the bundle that they come in.

    Args:
        folder: where the letters go.
    """

    folder: Folder

    def expand(self, letters: PCollection[LetterBatch]) -> PCollection[None]:
        """Wires the stage."""
        return (
            letters
            | "ByFile" >> beam.ParDo(_ByFile()).with_output_types(tuple[str, Any])
            | "Save" >> beam.ParDo(_SaveBundle(self.folder))
        )
