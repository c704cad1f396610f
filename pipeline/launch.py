"""From flags to a finished run."""

import argparse
import dataclasses
from collections.abc import Callable, Mapping

import apache_beam as beam
from apache_beam.options.pipeline_options import (
    GoogleCloudOptions,
    PipelineOptions,
    StandardOptions,
)

from pipeline.fhir_client import check_server
from pipeline.identity_modes import resolve_identities
from pipeline.ingest import Ingest, build
from pipeline.ingest_options import beam_options
from pipeline.layout import MOST_SHARDS, LayoutError, claim, is_claimed
from pipeline.local_run import LOCAL_RUNNER, count_metrics, run_local
from pipeline.mappings import Mappings
from pipeline.message_files import slices_of
from pipeline.options import Outputs, UsageError
from pipeline.read_messages import ReadMessages
from pipeline.stream_options import resolve_limits
from pipeline.upsert_files import Folder
from transforms.group import Limits
from transforms.intake import Intake

LOCAL = (None, "DirectRunner", LOCAL_RUNNER)
"""Runs here, part by part; Beam's DirectRunner would look for another runner first."""

_CLUSTER_SLICE = 256 << 20
"""Bytes of input that one worker of a cluster reads in one go."""


def launch(
    flags: argparse.Namespace,
    beam_flags: list[str],
    mappings: Mappings,
    intake: Intake,
    outputs: Outputs,
    paths: list[str],
) -> Mapping[str, int]:
    """Runs the chain over files, here or on the runner that the flags name.

    Returns:
        The counts of the run, by metric name.

    Raises:
        UsageError: an option is unknown, or an output cannot be written.
    """
    options = beam_options(beam_flags)
    runner = runner_of(options)
    slice_mb, workers = flags.slice_mb, flags.workers
    if outputs.servers:  # it takes minutes for what a folder takes seconds for
        slice_mb = 4 if slice_mb is None else slice_mb
        workers = 1 if workers is None else workers  # who waits needs no core
    if (slice_mb is not None and slice_mb < 1) or (
        flags.shards is not None and not 1 <= flags.shards <= 999
    ):
        msg = "--slice_mb must be positive, --shards between 1 and 999"
        raise UsageError(msg)
    if workers is not None and workers < 1:
        msg = "--workers must be positive"
        raise UsageError(msg)
    if runner in LOCAL:  # workers of a cluster may reach what its launcher does not
        for server in outputs.servers:
            check_server(server)
    limits = Limits(*resolve_limits(flags, is_stream=False))
    job, claiming = _open_job(flags, mappings, intake, outputs, limits)
    slice_bytes = None if slice_mb is None else slice_mb << 20
    if runner in LOCAL and flags.shards is None and not is_claimed(job.parquet):
        return run_local(job, paths, slice_bytes, workers, beam_flags, claiming)
    job = dataclasses.replace(job, shards=claiming(flags.shards))
    if runner in LOCAL:
        return run_local(job, paths, slice_bytes, workers, beam_flags)
    return _run_on_cluster(job, paths, options)


def runner_of(options: PipelineOptions) -> str | None:
    """The runner's name as Beam spells it, None for the local one."""
    name = options.view_as(StandardOptions).runner
    if name is None or "." in name:  # a class of the user's own
        return name
    known = {each.lower(): each for each in StandardOptions.KNOWN_RUNNER_NAMES}
    if name.lower() not in known:
        msg = f"--runner: Beam knows {', '.join(sorted(known.values()))}, not {name}"
        raise UsageError(msg)
    return known[name.lower()]


def job_of(
    flags: argparse.Namespace,
    mappings: Mappings,
    intake: Intake,
    outputs: Outputs,
    limits: Limits,
) -> Ingest:
    """Everything a run needs to know; its outputs are made ready.

    Raises:
        UsageError: an output cannot be written, or was written in another way.
    """
    job, claiming = _open_job(flags, mappings, intake, outputs, limits)
    return dataclasses.replace(job, shards=claiming(flags.shards))


def _open_job(
    flags: argparse.Namespace,
    mappings: Mappings,
    intake: Intake,
    outputs: Outputs,
    limits: Limits,
) -> tuple[Ingest, Callable[[int | None], int]]:
    """A job that puts readings aside as any store may want them, and what claims one.

    The latter takes the number of shards, or None for what is recorded or usual, and
    returns that of the store; it raises `UsageError` if that is of another layout.
    """
    if mappings.device is None or mappings.fhir is None:
        msg = "run needs both mappings"
        raise UsageError(msg)
    identifying = resolve_identities(flags, outputs.servers, mappings.rules)
    parquet, dead_letters = Folder(outputs.parquet), Folder(outputs.dead_letters)
    fhir = tuple(Folder(address) for address in outputs.fhir)
    for folder in (parquet, dead_letters, *fhir):
        try:
            folder.prepare()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            msg = f"cannot write to {folder.uri}: {reason}"
            raise UsageError(msg) from error
    layout = (mappings.fhir.periods, mappings.fhir.rules.store_tag, identifying.tag)

    def claiming(shards: int | None) -> int:
        try:
            return claim(parquet, shards, *layout)
        except LayoutError as error:
            raise UsageError(str(error)) from error

    job = Ingest(
        device_mapping=mappings.device,
        fhir_mapping=mappings.fhir,
        intake=intake,
        device_system=flags.device_identifier_system,
        identities=identifying.identities,
        identification=identifying.identification,
        shards=MOST_SHARDS,
        parquet=parquet,
        fhir=fhir,
        servers=outputs.servers,
        dead_letters=dead_letters,
        limits=limits,
    )
    return job, claiming


def _run_on_cluster(
    job: Ingest, paths: list[str], options: PipelineOptions
) -> Mapping[str, int]:
    slices = [part for path in paths for part in slices_of(path, _CLUSTER_SLICE)]
    root = beam.Pipeline(options=options)
    build(root, job, ReadMessages(slices, distribute=True))
    result = root.run()
    # https://cloud.google.com/dataflow/docs/guides/templates/using-flex-templates
    if options.view_as(GoogleCloudOptions).template_location is not None:
        return {}
    result.wait_until_finish()
    return count_metrics(result)
