"""A bounded run on this machine: slice by slice, in memory that does not grow.

Local runners keep every shuffled element in memory, so a run over all input at once
would not end for large input. Each slice is a run of the whole chain; because the
store upserts, many small runs leave exactly what one large run leaves.
"""

import collections
import gc
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import apache_beam as beam
from apache_beam.metrics.metric import MetricsFilter
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.runner import PipelineResult

from pipeline.ingest import Ingest, build
from pipeline.message_files import Slice, file_size, slices_of
from pipeline.progress import Progress
from pipeline.read_messages import ReadMessages

Counts = collections.Counter[str]
"""Metric names, dead letters as `DeadLetter/<error>`, to counts."""

LOCAL_RUNNER = "FnApiRunner"
"""Named explicitly: DirectRunner would first try to download another one."""


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


def run_slices(job: Ingest, slices: list[Slice], options: PipelineOptions) -> Counts:
    """Runs the chain over some slices, all at once."""
    return run_here(lambda root: build(root, job, ReadMessages(slices)), options)


def run_local(
    job: Ingest, paths: list[str], slice_bytes: int, options: PipelineOptions
) -> Counts:
    """Runs the chain over files, some slices at a time.

    Args:
        job: what to do.
        paths: the files, in order.
        slice_bytes: bytes of input per run of the chain: a part of a large file, or
            many small files.
        options: of the runner.

    Returns:
        The counts of all runs.
    """
    total = collections.Counter[str]()
    sizes = {path: file_size(path) for path in paths}
    with Progress(sum(sizes.values())) as progress:
        for slices, done in _rounds(sizes, slice_bytes):
            counts = run_slices(job, slices, options)
            total += counts
            progress.advance(counts["DeviceEvent"], done)
    return total


def _rounds(
    sizes: Mapping[str, int], slice_bytes: int
) -> Iterator[tuple[list[Slice], int]]:
    """Slices of files to run together, with the stored bytes they stand for."""
    slices: list[Slice] = []
    size = done = 0
    for path, stored_size in sizes.items():
        for part, stored in _with_share(path, stored_size, slice_bytes):
            slices.append(part)
            size += part.end - part.start
            done += stored
            if size >= slice_bytes:
                yield slices, done
                slices, size, done = [], 0, 0
    if slices:
        yield slices, done


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
