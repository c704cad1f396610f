"""Readings put aside on disk, between the two halves of a run over files.

A file of the store is rewritten whole. If each part of the input were stored by itself,
late messages would make a large run write the same files over and over; and what is
kept in memory would grow with the input. So the first half of a run appends readings,
sorted by slot and shard, to files of its own, and the second takes slot by slot and
writes each file of the store once.

What is put aside holds health data and is of no use to anybody else. It lies beside the
store, readable by its owner only, and goes when the run ends. A run that was killed
leaves it behind: the next one beside the same store removes it.
"""

import contextlib
import dataclasses
import fcntl
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import apache_beam as beam
import orjson
import pyarrow as pa
from apache_beam.pvalue import PBegin, PCollection

from pipeline.local_files import is_same
from transforms.lanes import ByLane, SlotKey
from transforms.model import Slot, SlotReadings

_PREFIX = ".spill-"

_BUFFER = 1 << 18
"""Bytes that are written at once: some pieces."""


class Piece(NamedTuple):
    """Some readings of one slot and shard, as an Arrow stream within a file."""

    path: str
    offset: int
    length: int
    rows: int


class Portion(NamedTuple):
    """Readings of one slot and shard that are stored in one go."""

    key: SlotKey
    pieces: list[Piece]

    @property
    def size(self) -> int:
        """Bytes of all pieces."""
        return sum(piece.length for piece in self.pieces)


@contextmanager
def spill_folder(beside: Path | None) -> Iterator[Path]:
    """A folder for one run, removed at its end.

    Args:
        beside: the folder of the store; None if that is not on this machine.
    """
    if beside is not None:
        _remove_left(beside)
    folder, held = _held_folder(beside)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(held)


def _held_folder(beside: Path | None) -> tuple[Path, int]:
    """A new folder, and a descriptor that holds its lock."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=beside))
        # Another run may take it for one that was left behind, until it is locked.
        with contextlib.suppress(FileNotFoundError):
            held = os.open(folder, os.O_RDONLY)
            fcntl.flock(held, fcntl.LOCK_EX)
            if is_same(folder, held):
                return folder, held
            os.close(held)


def _remove_left(beside: Path) -> None:
    """Removes the folders of runs that were killed: nobody holds their locks."""
    for folder in beside.glob(f"{_PREFIX}*"):
        with contextlib.suppress(BlockingIOError, FileNotFoundError):  # at work, ended
            held = os.open(folder, os.O_RDONLY)
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(held)


class _SpillReadings(beam.DoFn):
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def start_bundle(self) -> None:
        # A name for each try: a bundle that is tried again adds nothing to its first.
        self._path = self._folder / f"{uuid.uuid4().hex}.arrows"
        # Arrow writes column by column, with a call of the system for each.
        self._file = pa.BufferedOutputStream(pa.OSFile(str(self._path), "wb"), _BUFFER)
        self._index: list[tuple[int, ...]] = []

    def process(self, readings: SlotReadings) -> None:
        batch, start = readings.readings, self._file.tell()
        with pa.ipc.new_stream(self._file, batch.schema) as stream:
            stream.write_batch(batch)
        place = (start, self._file.tell() - start, batch.num_rows)
        self._index.append((readings.shard, *readings.slot, *place))

    def finish_bundle(self) -> None:
        self._file.close()
        self._path.with_suffix(".json").write_bytes(orjson.dumps(self._index))


@dataclasses.dataclass(frozen=True)
class Spill:
    """A lane that ends here: readings are put aside.

    Args:
        folder: where.
    """

    folder: Path

    def group(self, readings: PCollection[SlotReadings]) -> ByLane:
        """Wires the lane."""
        readings | "Spill" >> beam.ParDo(_SpillReadings(self.folder))
        return {}


def pieces_in(folder: Path) -> dict[SlotKey, list[Piece]]:
    """What was put aside, by shard and slot.

    Args:
        folder: where.
    """
    by_key: dict[SlotKey, list[Piece]] = {}
    for path in sorted(folder.glob("*.json")):
        content = str(path.with_suffix(".arrows"))
        for shard, start, minutes, *place in orjson.loads(path.read_bytes()):
            piece = Piece(content, *place)
            by_key.setdefault((shard, start, minutes), []).append(piece)
    return by_key


def portions_of(
    pieces: Mapping[SlotKey, Sequence[Piece]], shards: int, most: int
) -> list[Portion]:
    """What was put aside, in order of shard and slot.

    Args:
        pieces: of a number of shards.
        shards: the number to store them by, which divides the other.
        most: bytes of a portion, about; a slot that has more is stored bit by bit,
            so that memory does not grow with the readings of an hour.
    """
    by_key: dict[SlotKey, list[Piece]] = {}
    for (shard, start, minutes), some in pieces.items():
        by_key.setdefault((shard % shards, start, minutes), []).extend(some)
    return [
        Portion(key, part) for key in sorted(by_key) for part in _cut(by_key[key], most)
    ]


def _cut(pieces: Iterable[Piece], most: int) -> Iterator[list[Piece]]:
    part: list[Piece] = []
    size = 0
    for piece in pieces:
        if part and size + piece.length > most:
            yield part
            part, size = [], 0
        part.append(piece)
        size += piece.length
    if part:
        yield part


def _read(portion: Portion) -> tuple[SlotKey, list[SlotReadings]]:
    shard, *slot = portion.key
    readings = []
    for path, offset, length, _rows in portion.pieces:
        with open(path, "rb") as file:
            file.seek(offset)
            content = file.read(length)
        batches = pa.ipc.open_stream(content)
        readings += [SlotReadings(shard, Slot(*slot), batch) for batch in batches]
    return portion.key, readings


@dataclasses.dataclass
class ReadSpilled(beam.PTransform):
    """Portions to the readings that they hold, one after the other.

    Args:
        portions: what to read.
    """

    portions: Sequence[Portion]

    def expand(
        self, root: PBegin
    ) -> PCollection[tuple[SlotKey, Iterable[SlotReadings]]]:
        """Wires the stage."""
        portions = root | beam.Create(list(self.portions), reshuffle=False)
        return portions | "Read" >> beam.Map(_read).with_output_types(
            tuple[SlotKey, Iterable[SlotReadings]]
        )
