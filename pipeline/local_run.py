"""A bounded run on this machine: slice by slice, in memory that does not grow.

Local runners keep every shuffled element in memory, so a run over all input at once
would not end for large input. Each slice is a run of the whole chain; because the
store upserts, many small runs leave exactly what one large run leaves, and several
processes may run them at once.
"""

import collections
import functools
import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import apache_beam as beam
from apache_beam.metrics.metric import MetricsFilter
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.runner import PipelineResult

from pipeline.ingest import Ingest, build
from pipeline.ingest_options import beam_options
from pipeline.message_files import Slice, file_size, slices_of
from pipeline.progress import Progress
from pipeline.read_messages import ReadMessages
from pipeline.workers import run_all, usable_cores

Counts = collections.Counter[str]
"""Metric names, dead letters as `DeadLetter/<error>`, to counts."""

LOCAL_RUNNER = "FnApiRunner"
"""Named explicitly: DirectRunner would first try to download another one."""

WORTH_A_WORKER = 16 << 20
"""Bytes of input that take longer than a process takes to start."""

_USUAL = 32 << 20
"""Bytes of a slice. Twice as much is an eighth faster, for 200 MiB more of memory."""

_AT_ONCE = 256 << 20
"""Bytes of all slices that are worked on at a time: many cores share one memory."""

_ROUNDS_EACH = 3
"""How many slices a worker has at least, so that all end at about the same time."""

_LEAST = 4 << 20
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
    with _collecting_at_end():
        root = beam.Pipeline(runner=LOCAL_RUNNER, options=options)
        wire(root)
        result = root.run()
        result.wait_until_finish()
        return count_metrics(result)


class Round(NamedTuple):
    """Slices of files to run together."""

    slices: list[Slice]
    stored: int
    """Bytes of the files that they stand for."""


def run_round(job: Ingest, beam_flags: Sequence[str], part: Round) -> Counts:
    """Runs the chain over some slices, all at once."""
    read = ReadMessages(part.slices)
    return run_here(lambda root: build(root, job, read), beam_options(beam_flags))


def run_local(
    job: Ingest,
    paths: list[str],
    slice_bytes: int | None,
    workers: int | None,
    beam_flags: Sequence[str],
) -> Counts:
    """Runs the chain over files, some slices at a time.

    Args:
        job: what to do.
        paths: the files, in order.
        slice_bytes: bytes of input per run of the chain: a part of a large file, or
            many small files; None for what suits the number of workers.
        workers: processes that do so at once; None for what suits the input.
        beam_flags: options of the runner.

    Returns:
        The counts of all runs.
    """
    total = collections.Counter[str]()
    sizes = {path: file_size(path) for path in paths}
    size = sum(sizes.values())
    if workers is None:
        workers = min(usable_cores(), size // WORTH_A_WORKER) or 1
    if slice_bytes is None:
        slice_bytes = max(min(_USUAL, _AT_ONCE // workers), _LEAST)
    if workers > 1:  # all have something to do, until nearly the end
        slice_bytes = min(slice_bytes, max(size // (workers * _ROUNDS_EACH), _LEAST))
    with Progress(size) as progress:

        def done(part: Round, counts: Counts) -> None:
            total.update(counts)
            progress.advance(counts["DeviceEvent"], part.stored)

        work = functools.partial(run_round, job, beam_flags)
        run_all(work, _rounds(sizes, slice_bytes), workers, done)
    return total


def _rounds(sizes: Mapping[str, int], slice_bytes: int) -> Iterator[Round]:
    slices: list[Slice] = []
    size = done = 0
    for path, stored_size in sizes.items():
        for part, stored in _with_share(path, stored_size, slice_bytes):
            slices.append(part)
            size += part.end - part.start
            done += stored
            if size >= slice_bytes:
                yield Round(slices, done)
                slices, size, done = [], 0, 0
    if slices:
        yield Round(slices, done)


@contextmanager
def _collecting_at_end() -> Iterator[None]:
    """Looks for cyclic garbage once, after a slice.

    Batches are millions of tuples without cycles; walking them again and again costs a
    sixth of the run. What is cyclic (a run's graph, which holds its data) goes here.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
        gc.collect()


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
