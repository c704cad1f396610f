"""The pipeline as Dataflow would get it: built and checked, not sent."""

import apache_beam as beam
import pytest
from apache_beam.portability.api import beam_runner_api_pb2
from runs import FLEET

from pipeline.__main__ import main

FLAGS = [
    "--runner=DataflowRunner",
    "--dry_run=true",
    "--project=project",
    "--region=europe-west1",
    "--temp_location=gs://bucket/tmp",
]


@pytest.fixture
def submitted(monkeypatch):
    """The pipelines that were run, as their runner took them."""
    found = []
    run = beam.Pipeline.run

    def keeping(self, *arguments):
        result = run(self, *arguments)
        found.append((self, result))
        return result

    monkeypatch.setattr(beam.Pipeline, "run", keeping)
    return found


def test_a_stream_from_pubsub_is_built_for_dataflow(submitted, tmp_path, capfd):
    source = "--messages=pubsub://project/subscription"
    command = ["run", str(FLEET), source, f"--out={tmp_path}", *FLAGS]
    assert main(command) == 0, capfd.readouterr().err
    pipeline, result = submitted[-1]
    proto = result.job.proto_pipeline
    assert isinstance(proto, beam_runner_api_pb2.Pipeline)
    triggers = {
        strategy.trigger.WhichOneof("trigger"): strategy.allowed_lateness
        for strategy in proto.components.windowing_strategies.values()
    }
    assert triggers["after_end_of_window"] == 7 * 86_400_000
    assert "ReadMessages" in {
        label.partition("/")[0] for label in pipeline.applied_labels
    }
