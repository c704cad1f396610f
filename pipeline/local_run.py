"""A bounded run on this machine, in memory that does not grow with its input.

Local runners keep every shuffled element in memory. So a run whose input is more than
they should hold is many runs of two halves of the chain: the first ones take in some of
the messages each and put the readings aside on disk, sorted by slot; once all are in,
the others store some of the slots each, and write what follows. Several processes may
work at once. The stores are those that one run of the whole chain leaves.
"""

import collections
import contextlib
import dataclasses
import functools
import gc
import itertools
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import apache_beam as beam
from apache_beam.metrics.metric import MetricsFilter
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.runner import PipelineResult

from pipeline.ingest import Ingest, build, build_settling, build_spilling
from pipeline.ingest_options import beam_options
from pipeline.layout import MOST_SHARDS, is_claimed, suitable_shards
from pipeline.message_files import Slice, file_size, slices_of
from pipeline.options import UsageError
from pipeline.progress import Progress
from pipeline.read_messages import ReadMessages
from pipeline.spill import (
    Piece,
    Portion,
    ReadSpilled,
    Spill,
    pieces_in,
    portions_of,
    spill_folder,
)
from pipeline.workers import run_all, suitable_workers
from pipeline.written_later import written
from transforms.lanes import SlotKey
from transforms.model import CORRELATED

Counts = collections.Counter[str]
"""Metric names, dead letters as `DeadLetter/<error>`, to counts."""

LOCAL_RUNNER = "FnApiRunner"
"""Named explicitly: DirectRunner would first try to download another one."""

_USUAL = 64 << 20
"""Bytes of messages that are taken in in one run."""

_SETTLED = 128 << 20
"""Bytes of readings that are stored in one run: memory holds one portion at a time."""

_LARGE = 128 << 20
"""Bytes of input from which on the shards of a new store follow from what they hold."""

_FEW = 16 << 20
"""Bytes of messages that memory holds in all stages at once."""

_PORTION = 16 << 20
"""Bytes of readings of one slot that memory holds in all stages at once."""

_AT_ONCE = 256 << 20
"""Bytes of all that are worked on at a time: many cores share one memory."""

_LEAST = 8 << 20
"""Bytes of a slice below which a run's own cost shows."""


def count_metrics(result: PipelineResult) -> Counts:
    """The counters of a finished run."""
    counts: Counts = collections.Counter()
    for counter in result.metrics().query(MetricsFilter())["counters"]:
        name = counter.key.metric
        key = f"DeadLetter/{name.name}" if name.namespace == "DeadLetter" else name.name
        counts[key] += counter.committed or 0
    return counts


def run_here(wire: Callable[[beam.Pipeline], None], options: PipelineOptions) -> Counts:
    """Runs a bounded pipeline in this process.

    Args:
        wire: builds it.
        options: of the runner.
    """
    with _collecting_first():
        root = beam.Pipeline(runner=LOCAL_RUNNER, options=options)
        wire(root)
        result = root.run()
        result.wait_until_finish()
        return count_metrics(result)


def run_alone(
    wire: Callable[[beam.Pipeline], None], options: PipelineOptions
) -> Counts:
    """Runs a bounded pipeline in a process that writes no files beside it.

    Args:
        wire: builds it.
        options: of the runner.

    Returns:
        Its counts, once the disk has all that it wrote.
    """
    with written.allowed():
        return run_here(wire, options)


class Round(NamedTuple):
    """Slices of files to take in together."""

    slices: list[Slice]
    stored: int
    """Bytes of the files that they stand for."""


class Settlement(NamedTuple):
    """Readings that were put aside, to be stored together."""

    portions: list[Portion]
    shards: int
    """Of the store."""


def run_local(
    job: Ingest,
    paths: list[str],
    slice_bytes: int | None,
    workers: int | None,
    beam_flags: Sequence[str],
    claiming: Callable[[int | None], int] | None = None,
) -> Counts:
    """Runs the chain over files.

    Args:
        job: what to do.
        paths: the files, in order.
        slice_bytes: bytes of input per run: a part of a large file, or many small
            files; None for what suits the number of workers.
        workers: processes that do so at once; None for what suits the input.
        beam_flags: options of the runner.
        claiming: claims the store with a number of shards, None for the usual one,
            and says how many it has; None: the store has those of the job.

    Returns:
        The counts of all runs.

    Raises:
        UsageError: the store cannot be claimed.
    """
    sizes = {path: file_size(path) for path in paths}
    size = sum(sizes.values())
    if claiming is not None and size < _LARGE:
        job = dataclasses.replace(job, shards=claiming(None))
        claiming = None
    plan = plan_for(size, slice_bytes, workers)
    run = _Run(job, plan, beam_flags, claiming)
    run.over(_rounds(sizes, plan), size)
    return run.total


class Plan(NamedTuple):
    """How a run is cut."""

    slice_bytes: int
    """Of messages, at most, that are taken in in one run of half the chain."""
    settled_bytes: int
    """Of readings, at most, that are stored in one run of the other half."""
    workers: int

    def next_slice(self, left: int) -> int:
        """Bytes of messages to take in next, when so many are left."""
        return self._part(left, self.slice_bytes)

    def next_settled(self, left: int) -> int:
        """Bytes of readings to store next, when so many are left."""
        return self._part(left, self.settled_bytes)

    def _part(self, left: int, most: int) -> int:
        if self.workers == 1:
            return most
        # They become smaller, so that all workers end at about the same time.
        return min(max(left // self.workers, _LEAST), most)


def plan_for(size: int, slice_bytes: int | None, workers: int | None) -> Plan:
    """Fills in what the user leaves to us.

    Args:
        size: bytes of the input.
        slice_bytes: as the user wants them.
        workers: as the user wants them.
    """
    if workers is None:
        workers = suitable_workers(size)
    if slice_bytes is not None:
        return Plan(slice_bytes, slice_bytes, workers)
    share = max(_AT_ONCE // workers, _LEAST)
    return Plan(min(_USUAL, share), min(_SETTLED, share), workers)


class _Run:
    """One run: what it takes, and what it has counted so far."""

    def __init__(
        self,
        job: Ingest,
        plan: Plan,
        beam_flags: Sequence[str],
        claiming: Callable[[int | None], int] | None,
    ) -> None:
        self._job = job
        self._plan = plan
        self._beam_flags = beam_flags
        self._claiming = claiming
        self._progress: Progress
        self.total: Counts = collections.Counter()

    def over(self, rounds: Iterator[Round], size: int) -> None:
        """Runs the chain over messages: whole if they are few.

        Args:
            rounds: the messages.
            size: bytes of the files that they stand for.
        """
        first = list(itertools.islice(rounds, 2))
        few = sum(part.end - part.start for each in first for part in each.slices)
        if len(first) == 2 or few > _FEW or self._claiming is not None:
            self._in_halves(itertools.chain(first, rounds), size)
            return
        with Progress(size) as self._progress:
            for part in first:
                self._note(part, run_round(self._job, self._beam_flags, None, part))

    def _in_halves(self, rounds: Iterator[Round], size: int) -> None:
        """Takes all messages in, then stores all readings."""
        failures: list[Exception] = []
        with spill_folder(self._job.parquet.local) as folder:
            work = functools.partial(run_part, self._job, self._beam_flags, folder)
            readable = _until_failure(rounds, failures)
            with contextlib.closing(self._phases(readable, size, folder)) as phases:
                run_all(work, phases, self._plan.workers, self._note)
        for failure in failures:
            raise failure

    def _phases(
        self, rounds: Iterator[Round], size: int, folder: Path
    ) -> Generator[Iterable[Round | Settlement], None, None]:
        with Progress(size) as self._progress:
            yield rounds
        settlements = self._settlements(folder)
        stored = sum(portion.size for part in settlements for portion in part.portions)
        with Progress(stored, noun="readings") as self._progress:
            yield settlements

    def _settlements(self, folder: Path) -> list[Settlement]:
        pieces = pieces_in(folder)
        shards = self._shards(pieces)
        portions = portions_of(pieces, shards, _PORTION)
        settlements: list[Settlement] = []
        left = sum(portion.size for portion in portions)
        size = most = 0
        for portion in portions:
            if size + portion.size > most or not settlements:
                settlements.append(Settlement([], shards))
                size, most = 0, self._plan.next_settled(left)
            settlements[-1].portions.append(portion)
            size += portion.size
            left -= portion.size
        return settlements

    def _shards(self, pieces: Mapping[SlotKey, Sequence[Piece]]) -> int:
        """The number of shards of the store, which is claimed now if it was not."""
        if self._claiming is None:
            return self._job.shards
        sizes = {
            key: sum(piece.length for piece in some)
            for key, some in pieces.items()
            if key[1:] != CORRELATED  # its files are by date
        }
        is_taken = is_claimed(self._job.parquet)  # by another run
        shards = self._claiming(None if is_taken else suitable_shards(sizes))
        if MOST_SHARDS % shards:
            msg = (
                f"{self._job.parquet.uri} was made by another run meanwhile, with"
                f" {shards} shards: run this again"
            )
            raise UsageError(msg)
        return shards

    def _note(self, part: Round | Settlement, counts: Counts) -> None:
        self.total.update(counts)
        if isinstance(part, Round):
            self._progress.advance(counts["DeviceEvent"], part.stored)
        else:
            rows = sum(
                piece.rows for portion in part.portions for piece in portion.pieces
            )
            self._progress.advance(rows, sum(each.size for each in part.portions))


def run_part(
    job: Ingest, beam_flags: Sequence[str], folder: Path, part: Round | Settlement
) -> Counts:
    """Does a part of a run in halves."""
    if isinstance(part, Round):
        return run_round(job, beam_flags, folder, part)
    job = dataclasses.replace(job, shards=part.shards)
    read = ReadSpilled(part.portions)
    return run_alone(
        lambda root: build_settling(root, job, read), beam_options(beam_flags)
    )


def run_round(
    job: Ingest, beam_flags: Sequence[str], folder: Path | None, part: Round
) -> Counts:
    """Runs the chain over some slices, all at once.

    Args:
        job: what to do.
        beam_flags: options of the runner.
        folder: where to put the readings aside; None to store them.
        part: the slices.
    """
    read = ReadMessages(part.slices)

    def wire(root: beam.Pipeline) -> None:
        if folder is None:
            build(root, job, read)
        else:
            build_spilling(root, job, read, Spill(folder))

    return run_alone(wire, beam_options(beam_flags))


def _until_failure(
    rounds: Iterator[Round], failures: list[Exception]
) -> Iterator[Round]:
    """The rounds before a file that is damaged: what stands before it is stored."""
    try:
        yield from rounds
    except (OSError, UsageError) as error:
        failures.append(error)


def _rounds(sizes: Mapping[str, int], plan: Plan) -> Iterator[Round]:
    """Cuts files into rounds."""
    cut = plan.slice_bytes if plan.workers == 1 else min(plan.slice_bytes, _LEAST)
    left = sum(sizes.values())
    slices: list[Slice] = []
    size = done = 0
    most = plan.next_slice(left)
    for path, stored_size in sizes.items():
        for part, stored in _with_share(path, stored_size, cut):
            _append(slices, part)
            size += part.end - part.start
            done += stored
            if size >= most:
                yield Round(slices, done)
                left -= done
                slices, size, done = [], 0, 0
                most = plan.next_slice(left)
    if slices:
        yield Round(slices, done)


def _append(slices: list[Slice], part: Slice) -> None:
    """Adds a slice, to the one that it follows in a file if there is one."""
    if slices and (last := slices[-1]).path == part.path and last.end == part.start:
        slices[-1] = last._replace(end=part.end)
    else:
        slices.append(part)


_is_frozen = False
"""Whether what was imported is out of the collector's way, in this process: to ask
`gc.get_freeze_count` is to walk it all."""


@contextmanager
def _collecting_first() -> Iterator[None]:
    """Looks for cyclic garbage once, before a run.

    Batches are millions of tuples without cycles; walking them again and again costs a
    sixth of the run. What is cyclic (the graph of the run before, which holds its data)
    goes here; that of the last run goes with the process. What was imported stays, and
    is not walked again.
    """
    global _is_frozen
    was_enabled = gc.isenabled()
    if _is_frozen:
        gc.collect()
    else:
        gc.freeze()
        _is_frozen = True
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _with_share(path: str, size: int, slice_bytes: int) -> Iterator[tuple[Slice, int]]:
    """Slices, each with the stored bytes it stands for (compressed files: a guess)."""
    counted = 0
    held: Slice | None = None
    for part in slices_of(path, slice_bytes):
        if held is not None:
            share = min(held.end - held.start, size - counted)
            counted += share
            yield held, share
        held = part
    if held is not None:
        yield held, size - counted
