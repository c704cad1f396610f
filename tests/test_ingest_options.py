"""Our flags among Beam's."""

import json

import pytest
from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions
from apache_beam.testing import test_pipeline

from pipeline.ingest_options import IngestOptions, beam_options
from pipeline.options import UsageError


def test_flags_of_beam_reach_the_runner():
    options = beam_options(["--runner=FlinkRunner", "--experiments=a,b", "--streaming"])
    standard = options.view_as(StandardOptions)
    assert (standard.runner, standard.streaming) == ("FlinkRunner", True)


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--runer=x"], "there is no option --runer: did you mean --runner?"),
        (
            ["--runner=x", "--strem"],
            "there is no option --strem: did you mean --streaming?",
        ),
        (["--mesages=x"], "there is no option --mesages: did you mean --messages?"),
        (["--run=x"], "there is no option --run: did you mean --runner?"),
        (["--zzzzzzzz"], "there is no option --zzzzzzzz"),
        (["-x"], "there is no option -x"),
        (["other"], "one DIR is enough, other is one more"),
        (
            ["--max_num_workers=many"],
            "argument --max_num_workers: invalid int value: 'many'",
        ),
    ],
)
def test_a_flag_that_beam_would_ignore_is_refused(flags, sentence):
    with pytest.raises(UsageError) as refused:
        beam_options(flags)
    assert str(refused.value) == sentence


def test_a_launcher_of_any_runner_finds_our_flags():
    given = PipelineOptions(["--out=o", "--fhir=a", "--fhir=b", "--slice_mb=3"])
    ours = given.view_as(IngestOptions)
    assert (ours.out, ours.fhir, ours.slice_mb) == ("o", ["a", "b"], 3)
    assert ours.envelope == "auto"


def test_flags_travel_as_json():
    options = PipelineOptions([]).view_as(IngestOptions).get_all_options()
    assert json.loads(json.dumps(options)) == options


def test_our_flags_leave_other_pipelines_of_the_process_alone():
    with test_pipeline.TestPipeline() as pipeline:
        assert pipeline.options.view_as(IngestOptions).out is None


def test_flags_of_flink_reach_its_job_server():
    given = {
        "checkpointing_interval": 10_000,
        "savepoint_path": "file:/savepoints/1",
        "retain_externalized_checkpoints_on_cancellation": True,
    }
    options = beam_options(
        [
            "--checkpointing_interval=10000",
            "--savepoint_path=file:/savepoints/1",
            "--retain_externalized_checkpoints_on_cancellation",
        ]
    )
    found = options.get_all_options()
    assert {name: found[name] for name in given} == given
    # What is not given must not travel: the job server has defaults of its own.
    assert found["checkpointing_mode"] is None


def test_a_misspelt_flag_of_flink_is_refused():
    with pytest.raises(UsageError, match="did you mean --checkpointing_interval"):
        beam_options(["--checkpoint_interval=1"])
