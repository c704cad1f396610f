"""A stream on this machine: piece by piece, each a bounded run of the whole chain.

What arrived within some seconds is run as a slice of files is; then its place in the
input is committed. A crash in between repeats a piece, which the store makes as if it
had come once. So there is no state to lose, and no runner to install.
"""

import collections
import dataclasses
import logging
import time
from collections.abc import Callable, Sequence
from functools import partial

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.pvalue import PCollection

from pipeline.beam_errors import sentence
from pipeline.fhir_errors import FhirUnavailableError
from pipeline.ingest import Ingest, build
from pipeline.local_run import Counts, run_alone
from pipeline.slot_closer import SlotCloser
from pipeline.summary import dead_letters
from pipeline.tap import Tap
from transforms.lanes import Whole
from transforms.model import MessageBatch

_LOG = logging.getLogger(__name__)

_LOG_EVERY = 10.0
"""Seconds between two lines of progress."""

_MOST_BYTES = 32 << 20
"""Of one piece."""

_IDLE_S = 0.1

_LONGEST_PAUSE_S = 60.0
"""Between two tries to write to a server that is away."""


@dataclasses.dataclass
class ReadBatches(beam.PTransform):
    """Messages that are here already.

    Args:
        batches: the messages.
    """

    batches: Sequence[MessageBatch]

    def expand(self, root: beam.Pipeline) -> PCollection[MessageBatch]:
        """Wires the stage."""
        return root | beam.Create(
            list(self.batches), reshuffle=False
        ).with_output_types(MessageBatch)


class LocalStream:
    """Runs the chain over what taps give, until it is told to stop.

    Args:
        job: what to do.
        taps: the input; closed at the end.
        options: of the runner.
        flush_seconds: how long messages are gathered for a piece.
        stopped: whether to end after the piece at hand.
    """

    def __init__(
        self,
        job: Ingest,
        taps: Sequence[Tap],
        options: PipelineOptions,
        flush_seconds: float,
        stopped: Callable[[], bool],
    ) -> None:
        self._job = job
        self._taps = taps
        self._options = options
        self._flush_seconds = flush_seconds
        self._stopped = stopped
        self._counts = collections.Counter[str]()
        self._closer = SlotCloser(job)
        self._logged = time.monotonic()

    def run(self) -> Counts:
        """Works until it is told to stop; what was drawn is stored and committed.

        Returns:
            The counts of all pieces.

        Raises:
            FhirRefusedError: a server will not have us.
        """
        try:
            while not self._stopped():
                watermark = self._watermark()
                piece = self._gather()
                if piece:
                    self._insist(partial(self._run, piece, watermark))
                    for tap in self._taps:
                        tap.commit()
                self._insist(self._close_slots)
                self._tell()
        finally:
            for tap in self._taps:
                tap.close()
        return self._counts

    def _run(self, piece: Sequence[MessageBatch], watermark: int) -> Counts:
        job = dataclasses.replace(self._job, lanes=Whole(watermark))
        read = ReadBatches(piece)
        return run_alone(lambda root: build(root, job, read), self._options)

    def _close_slots(self) -> Counts:
        return self._closer.close(self._watermark(), self._options)

    def _watermark(self) -> int:
        return min(tap.watermark() for tap in self._taps)

    def _gather(self) -> list[MessageBatch]:
        piece: list[MessageBatch] = []
        size = 0
        ends = time.monotonic() + self._flush_seconds
        while size < _MOST_BYTES and not self._stopped():
            drawn = [batch for tap in self._taps if (batch := tap.draw()) is not None]
            piece += drawn
            size += sum(len(text or b"") for batch in drawn for text in batch.payloads)
            if time.monotonic() >= ends:
                break
            if not drawn:
                time.sleep(_IDLE_S)
        return piece

    def _insist(self, work: Callable[[], Counts]) -> None:
        """Works; again and again while a server is away."""
        pause = 1.0
        while True:
            try:
                self._counts += work()
            except FhirUnavailableError as error:
                if self._stopped():
                    raise
                _LOG.warning("%s; trying again in %.0f s", sentence(error), pause)
                time.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_S)
            else:
                return

    def _tell(self) -> None:
        now = time.monotonic()
        if now - self._logged < _LOG_EVERY:
            return
        self._logged = now
        counts = self._counts
        _LOG.info(
            "%s messages, %s readings stored, %s dead letters",
            f"{counts['DeviceEvent']:,}",
            f"{counts['ReadingStored']:,}",
            f"{sum(dead_letters(counts).values()):,}",
        )
