"""A stream on Beam's local runner Prism, which is watched: it keeps nothing on disk.

Every bundle is stored before its place in the topic is committed, so a Prism that dies
is started again and reads on from there. Prism never says that a slot is over once its
readings were handed on; slots whose time has passed are closed from here.
"""

import logging
import threading
import time
from collections.abc import Callable

import apache_beam as beam
import grpc
from apache_beam.options.pipeline_options import DebugOptions, PipelineOptions
from apache_beam.runners.portability.job_server import JobServer
from apache_beam.runners.portability.prism_runner import PrismRunner
from apache_beam.runners.runner import PipelineResult

from pipeline.beam_errors import sentence
from pipeline.fhir_errors import FhirUnavailableError
from pipeline.ingest import Ingest, build
from pipeline.local_run import Counts, count_metrics
from pipeline.slot_closer import SlotCloser
from pipeline.tap import now

_LOG = logging.getLogger(__name__)

_LOOK_S = 0.5

_LONGEST_PAUSE_S = 60.0
"""Between two starts of a Prism that dies again and again."""

_CLOSE_AGAIN_S = 30.0
"""Until slots are closed again after a server was away."""

_STEADY_S = 300.0
"""Seconds that it must have run for the next pause to be short again."""

_LATENESS = 60_000_000
"""Microseconds of the clock that a slot may be behind and still be counted on time."""


class _OwnPrism(PrismRunner):
    """A Prism for one job, which can be stopped with it."""

    def __init__(self) -> None:
        super().__init__()
        self._servers: list[JobServer] = []

    def default_job_server(self, options: PipelineOptions) -> JobServer:
        server = super().default_job_server(options)
        self._servers.append(server)
        return server

    def stop(self) -> None:
        for server in self._servers:
            server.stop()


class _Waiting:
    """Waits for the end of a job beside the caller."""

    def __init__(self, result: PipelineResult) -> None:
        self._result = result
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._wait, daemon=True)
        self._thread.start()

    def _wait(self) -> None:
        try:
            self._result.wait_until_finish()
        except (RuntimeError, OSError, grpc.RpcError) as error:
            self.error = error

    @property
    def has_failed(self) -> bool:
        """Whether it was the job that ended, and Beam has said of what."""
        return isinstance(self.error, RuntimeError)

    @property
    def is_over(self) -> bool:
        return not self._thread.is_alive()


def _ended(result: PipelineResult) -> Counts | None:
    """The counts of a job, which is over then; None if Prism is gone already.

    A Ctrl-C in a terminal goes to Prism as well.
    """
    try:
        counts = count_metrics(result)
        result.cancel()
    except (ValueError, RuntimeError, grpc.RpcError):
        _LOG.warning("Prism ended first: what it counted is not known")
        return None
    return counts


class PrismStream:
    """Runs the chain on Prism until it is told to stop.

    Args:
        job: what to do; its lanes are direct.
        read: makes what reads the messages, for each start anew.
        options: of the runner.
        stopped: whether to end.
    """

    def __init__(
        self,
        job: Ingest,
        read: Callable[[], beam.PTransform],
        options: PipelineOptions,
        stopped: Callable[[], bool],
    ) -> None:
        # One that has died must not be asked again.
        options.view_as(DebugOptions).add_experiment("disable_prism_server_singleton")
        self._job = job
        self._read = read
        self._options = options
        self._stopped = stopped
        self._closer = SlotCloser(job)

    def run(self) -> Counts | None:
        """Works until it is told to stop.

        Returns:
            The counts since Prism was started last; None if they are not known.
        """
        pause = 1.0
        while True:
            began = time.monotonic()
            prism = _OwnPrism()
            root = beam.Pipeline(runner=prism, options=self._options)
            build(root, self._job, self._read())
            result = root.run()
            waiting = _Waiting(result)
            if self._watch(waiting):
                return _ended(result)
            if time.monotonic() - began > _STEADY_S:
                pause = 1.0
            prism.stop()
            what = "its job has failed" if waiting.has_failed else "Prism has died"
            _LOG.warning("%s; it is started again in %.0f s", what, pause)
            self._sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_S)

    def _watch(self, waiting: _Waiting) -> bool:
        """Whether it was we who wanted the job to end."""
        while not waiting.is_over:
            if self._stopped():
                return True
            self._close_slots()
            time.sleep(_LOOK_S)
        return self._stopped()

    def _close_slots(self) -> None:
        try:
            self._closer.close(now() - _LATENESS, PipelineOptions([]))
        except FhirUnavailableError as error:
            _LOG.warning("%s; trying again in %.0f s", sentence(error), _CLOSE_AGAIN_S)
            self._sleep(_CLOSE_AGAIN_S)

    def _sleep(self, seconds: float) -> None:
        ends = time.monotonic() + seconds
        while time.monotonic() < ends and not self._stopped():
            time.sleep(_LOOK_S)
