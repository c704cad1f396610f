"""From flags to a running stream: on this machine, or on a runner of choice."""

import argparse
import dataclasses
import functools
import logging
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType

import apache_beam as beam
from apache_beam.options.pipeline_options import (
    GoogleCloudOptions,
    PipelineOptions,
    StandardOptions,
)
from apache_beam.runners.runner import PipelineResult, PipelineState

from pipeline.fhir_client import check_server
from pipeline.flink_job import FlinkJob
from pipeline.flink_options import FlinkJobOptions
from pipeline.flink_start import go_on, resolve_flink
from pipeline.ingest import Ingest, build
from pipeline.ingest_options import beam_options
from pipeline.launch import LOCAL, job_of, runner_of
from pipeline.local_stream import LocalStream
from pipeline.mappings import Mappings
from pipeline.options import Outputs, UsageError
from pipeline.prism_stream import PrismStream
from pipeline.stream_options import KAFKA, PUBSUB, Streaming, resolve_limits
from pipeline.tail_files import FileTail
from pipeline.tap import Tap, taps_of
from transforms.group import Limits
from transforms.intake import Intake
from transforms.lanes import Direct, Live

_LOG = logging.getLogger(__name__)

PRISM = "PrismRunner"

_FLINK = ("FlinkRunner", "PortableRunner")

_SUBMITTED = (PipelineState.RUNNING, PipelineState.DONE)

_SUBMIT_S = 120
"""Seconds until a job that was handed in is expected to run."""


def launch_stream(
    flags: argparse.Namespace,
    beam_flags: list[str],
    mappings: Mappings,
    intake: Intake,
    outputs: Outputs,
    messages: str,
    streaming: Streaming,
) -> Mapping[str, int] | None:
    """Runs the chain over unbounded input, until it is told to stop.

    Args:
        flags: of the command line.
        beam_flags: what of it is Beam's.
        mappings: the compiled mappings.
        intake: how messages are taken in.
        outputs: where the outputs go.
        messages: a topic, a subscription, or local files that grow.
        streaming: how what arrives is handed on.

    Returns:
        The counts until it was stopped, by metric name; None if it goes on elsewhere,
        or what it counted is not known.

    Raises:
        UsageError: an option is unknown, or an input or output cannot be reached.
    """
    options = beam_options(beam_flags)
    options.view_as(StandardOptions).streaming = True
    runner = runner_of(options)
    limits = Limits(*resolve_limits(flags, is_stream=True))
    if runner in LOCAL:
        taps = _taps(messages, flags)
        for server in outputs.servers:
            check_server(server)
        job = job_of(flags, mappings, intake, outputs, limits)
        with _stopping() as stop:
            _LOG.info("following %s; Ctrl-C stops it in good order", messages)
            return LocalStream(job, taps, options, streaming.here, stop.is_set).run()
    reading = functools.partial(_reading, messages, flags, runner)
    read = reading()
    if runner in _FLINK:
        # Else checkpoints hold what was about to be handed on, by number of its output.
        options.view_as(FlinkJobOptions).finish_bundle_before_checkpointing = True
    on_flink = _on_flink(messages, flags, runner, options)
    job = job_of(flags, mappings, intake, outputs, limits)
    if runner == PRISM:
        job = dataclasses.replace(job, lanes=Direct())
        with _stopping() as stop:
            _LOG.info("following %s; Ctrl-C stops it", messages)
            return PrismStream(job, reading, options, stop.is_set).run()
    lanes = Live(streaming.cluster, time.time)
    job = dataclasses.replace(job, lanes=lanes)
    result = _handed_in(job, read, options)
    if on_flink is not None and result is not None:
        # Beam calls a job running well before the cluster lists it.
        on_flink.follow(lambda: PipelineState.is_terminal(result.state))
    _LOG.info("the job runs on %s and goes on there; this command is done", runner)
    return None


def _on_flink(
    messages: str,
    flags: argparse.Namespace,
    runner: str | None,
    options: PipelineOptions,
) -> FlinkJob | None:
    """Has a job on Flink go on from its newest state, if we are told where that is."""
    on_flink = resolve_flink(flags, options)
    if on_flink is None:
        return None
    if runner not in _FLINK or not messages.startswith(KAFKA):
        msg = f"--flink_rest is for topics of Kafka on Flink, not for {runner}"
        raise UsageError(msg)
    from pipeline.kafka_group import has_place
    from pipeline.kafka_settings import kafka_settings

    settings = kafka_settings(messages, flags.kafka_properties, flags.kafka_group)
    path = go_on(
        on_flink, options, lambda: has_place(settings), fresh_start=flags.fresh_start
    )
    if path is None:
        _LOG.info("job %s starts without state", on_flink.name)
    else:
        _LOG.info("job %s goes on from %s", on_flink.name, path)
    return on_flink


def _taps(messages: str, flags: argparse.Namespace) -> list[Tap]:
    if messages.startswith(PUBSUB):
        msg = f"{messages} is read on Dataflow: give --runner=DataflowRunner"
        raise UsageError(msg)
    if not messages.startswith(KAFKA):
        return [FileTail(messages)]
    from pipeline.kafka_settings import kafka_settings
    from pipeline.kafka_source import KafkaSource, check_kafka

    settings = kafka_settings(messages, flags.kafka_properties, flags.kafka_group)
    check_kafka(settings)
    return taps_of(KafkaSource(settings))


def _reading(
    messages: str, flags: argparse.Namespace, runner: str | None
) -> beam.PTransform:
    if messages.startswith(PUBSUB):
        from pipeline.read_pubsub import ReadPubSub

        return ReadPubSub(messages.removeprefix(PUBSUB))
    if not messages.startswith(KAFKA):
        msg = f"--streaming: files are followed on this machine only, not by {runner}"
        raise UsageError(msg)
    from pipeline.kafka_settings import kafka_settings

    settings = kafka_settings(messages, flags.kafka_properties, flags.kafka_group)
    if runner == PRISM:
        from pipeline.read_kafka import ReadKafkaHere

        return ReadKafkaHere(settings)
    from pipeline.read_kafka import ReadKafka

    return ReadKafka(settings, flags.expansion_service)


def _handed_in(
    job: Ingest, read: beam.PTransform, options: PipelineOptions
) -> PipelineResult | None:
    """The job, once it runs; None if it was made into a template, to be run later."""
    root = beam.Pipeline(options=options)
    build(root, job, read)
    result = root.run()
    # https://cloud.google.com/dataflow/docs/guides/templates/using-flex-templates
    if options.view_as(GoogleCloudOptions).template_location is not None:
        return None
    _wait_until_it_runs(result)
    return result


def _wait_until_it_runs(result: PipelineResult) -> None:
    ends = time.monotonic() + _SUBMIT_S
    while result.state not in _SUBMITTED:
        if PipelineState.is_terminal(result.state) or time.monotonic() > ends:
            msg = f"the runner took the job, but it is {result.state}: see its log"
            raise OSError(msg)
        time.sleep(0.5)


@contextmanager
def _stopping() -> Iterator[threading.Event]:
    """Set by the first Ctrl-C or SIGTERM; a second Ctrl-C does not wait."""
    stop = threading.Event()

    def ask(signum: int, _frame: FrameType | None) -> None:
        if stop.is_set() and signum == signal.SIGINT:
            raise KeyboardInterrupt
        stop.set()
        _LOG.info("stopping: what has been read is written first")

    before = {
        kind: signal.signal(kind, ask) for kind in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield stop
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)
