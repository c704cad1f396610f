"""How a streaming job starts on Flink where it left off."""

import argparse
from collections.abc import Callable

from apache_beam.options.pipeline_options import GoogleCloudOptions, PipelineOptions

from pipeline.flink_job import FlinkJob
from pipeline.flink_options import FlinkJobOptions
from pipeline.flink_rest import FlinkRest
from pipeline.flink_state import FlinkRefusedError
from pipeline.options import UsageError
from pipeline.upsert_files import Folder

_LASTING = (
    # A job that is cancelled or fails leaves its state.
    "externalized_checkpoints_enabled",
    "retain_externalized_checkpoints_on_cancellation",
    # Else a checkpoint holds what a stage was about to hand on, by the number of the
    # output, and a job that is submitted anew may number its outputs otherwise.
    "finish_bundle_before_checkpointing",
)
"""What makes a state one that another submission can go on from."""


def resolve_flink(
    flags: argparse.Namespace, options: PipelineOptions
) -> FlinkJob | None:
    """The job that is to be started; None if nobody looks for its state.

    Raises:
        UsageError: flags are missing, or clash.
    """
    if flags.flink_rest is None:
        if flags.flink_state or flags.fresh_start:
            msg = "--flink_state and --fresh_start are for a cluster: give --flink_rest"
            raise UsageError(msg)
        return None
    if flags.flink_state is None:
        msg = "--flink_rest: give --flink_state=DIR too, where the cluster keeps states"
        raise UsageError(msg)
    name = options.view_as(GoogleCloudOptions).job_name
    if name is None:
        msg = "--flink_rest: give --job_name=NAME, by which a job is found again"
        raise UsageError(msg)
    flink = options.view_as(FlinkJobOptions)
    if flags.fresh_start and flink.savepoint_path:
        msg = "--fresh_start and --savepoint_path: give one of them"
        raise UsageError(msg)
    if not flink.checkpointing_interval:
        msg = "--flink_rest: give --checkpointing_interval=MS, or nothing can be kept"
        raise UsageError(msg)
    for each in _LASTING:
        setattr(flink, each, True)
    try:
        return FlinkJob(FlinkRest(flags.flink_rest), name, Folder(flags.flink_state))
    except FlinkRefusedError as error:
        msg = f"--flink_rest: {error}"
        raise UsageError(msg) from error


def go_on(
    job: FlinkJob,
    options: PipelineOptions,
    has_place: Callable[[], bool],
    *,
    fresh_start: bool,
) -> str | None:
    """Has a job start from its newest state, unless the user names one.

    Args:
        job: what is to be started.
        options: of the run; the state is added to them.
        has_place: whether the job's consumer group has committed offsets.
        fresh_start: whether a start without state is asked for.

    Returns:
        The path of the state; None if there is none.

    Raises:
        UsageError: it must not be started so.
        OSError: the cluster, or the folder of states, cannot be asked.
    """
    flink = options.view_as(FlinkJobOptions)
    given = flink.savepoint_path is not None
    found = job.starting_point(has_place, fresh_start=fresh_start or given)
    if not given:
        flink.savepoint_path = found
    return str(flink.savepoint_path) if flink.savepoint_path else None
