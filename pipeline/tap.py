"""What a stream on this machine is drawn from, piece by piece.

A tap holds a place in an unbounded input. What was drawn is drawn again after a crash
unless it was committed: at least once, and the store makes it once.
"""

import time
from typing import Protocol

from apache_beam.io.unbounded_source import UnboundedReader, UnboundedSource
from apache_beam.options.pipeline_options import PipelineOptions

from transforms.model import MessageBatch

_SPLITS = 20
"""As many as Beam asks of a source; a source of Kafka has one for each partition."""


class Tap(Protocol):
    """An unbounded input, from a place on."""

    def draw(self) -> MessageBatch | None:
        """The next messages, None if there are none yet; waits for a moment at most."""

    def watermark(self) -> int:
        """Microseconds: nothing that comes is likely to have been sent before."""

    def commit(self) -> None:
        """Notes that all that was drawn is stored: a later start begins after it."""

    def close(self) -> None:
        """Lets go of the input."""


class ReaderTap:
    """A tap of one split of a Beam source whose elements are batches of messages.

    Args:
        reader: of the split; not started.
    """

    def __init__(self, reader: UnboundedReader) -> None:
        self._reader = reader
        self._started = False

    def draw(self) -> MessageBatch | None:
        """See `Tap`."""
        step = self._reader.advance if self._started else self._reader.start
        self._started = True
        batch: MessageBatch | None = self._reader.get_current() if step() else None
        return batch

    def watermark(self) -> int:
        """See `Tap`."""
        return int(self._reader.get_watermark().micros)

    def commit(self) -> None:
        """See `Tap`."""
        self._reader.get_checkpoint_mark().finalize_checkpoint()

    def close(self) -> None:
        """See `Tap`."""
        self._reader.close()


def taps_of(source: UnboundedSource) -> list[Tap]:
    """A tap of each split of a source, from where it was committed last."""
    options = PipelineOptions([])
    parts = source.split(_SPLITS, options)
    return [ReaderTap(part.create_reader(options, None)) for part in parts]


def now() -> int:
    """The clock, in microseconds."""
    return round(time.time() * 1_000_000)
