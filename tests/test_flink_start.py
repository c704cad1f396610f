"""What the flags of a safe start mean together."""

import argparse

import pytest
from flink_stub import STOPPED, FlinkStub
from test_flink_job import only, write_state

from pipeline.flink_flags import add_flink_flags
from pipeline.flink_options import FlinkJobOptions
from pipeline.flink_start import go_on, resolve_flink
from pipeline.ingest_options import beam_options
from pipeline.options import UsageError

ENOUGH = ("--flink_rest=http://localhost:8081", "--flink_state=s")
BEAM = ("--job_name=watched", "--checkpointing_interval=10000")


def flags_of(*given):
    parser = argparse.ArgumentParser()
    add_flink_flags(parser)
    return parser.parse_args(given)


@pytest.mark.parametrize(
    ("given", "beam", "message"),
    [
        (("--fresh_start",), BEAM, "are for a cluster: give --flink_rest"),
        (("--flink_state=s",), BEAM, "are for a cluster: give --flink_rest"),
        ((ENOUGH[0],), BEAM, "give --flink_state=DIR too"),
        (ENOUGH, BEAM[1:], "give --job_name=NAME, by which a job is found again"),
        (ENOUGH, BEAM[:1], "give --checkpointing_interval=MS"),
        (
            (*ENOUGH, "--fresh_start"),
            (*BEAM, "--savepoint_path=file:/s"),
            "--fresh_start and --savepoint_path: give one of them",
        ),
        (
            ("--flink_rest=localhost:8081", "--flink_state=s"),
            BEAM,
            "--flink_rest: a Flink cluster is named as http://jobmanager:8081",
        ),
    ],
)
def test_flags_that_cannot_work_are_refused(given, beam, message):
    with pytest.raises(UsageError) as refused:
        resolve_flink(flags_of(*given), beam_options(beam))

    assert message in str(refused.value)


def test_without_an_address_nobody_looks_for_state():
    assert resolve_flink(flags_of(), beam_options(BEAM)) is None


def test_every_checkpoint_is_one_that_another_submission_can_go_on_from():
    options = beam_options(BEAM)
    job = resolve_flink(flags_of(*ENOUGH), options)

    assert (job.name, job.state.uri) == ("watched", "s")
    flink = options.view_as(FlinkJobOptions)
    assert flink.externalized_checkpoints_enabled
    assert flink.retain_externalized_checkpoints_on_cancellation
    assert flink.finish_bundle_before_checkpointing


@pytest.fixture
def stub():
    stub = FlinkStub()
    only(stub, STOPPED)
    yield stub
    stub.close()


@pytest.mark.parametrize(
    ("beam", "fresh_start", "start"),
    [
        ((), False, "FOUND"),
        ((), True, None),
        (("--savepoint_path=file:/mine",), False, "file:/mine"),
    ],
)
def test_the_state_becomes_an_option_of_the_run(
    stub, tmp_path, beam, fresh_start, start
):
    found = write_state(tmp_path, f"{STOPPED}/chk-25")
    options = beam_options((*BEAM, *beam))
    flags = flags_of(f"--flink_rest={stub.address}", f"--flink_state={tmp_path}")
    job = resolve_flink(flags, options)

    given = go_on(job, options, lambda: True, fresh_start=fresh_start)

    assert given == (found if start == "FOUND" else start)
    assert options.view_as(FlinkJobOptions).savepoint_path == given
