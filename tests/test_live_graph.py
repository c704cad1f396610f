"""The whole chain on a stream of Beam's: real stores, equal to those of a bounded run.

The runner is Beam's own for such tests. It retries bundles, fires early and on time,
and sends the empty panes that close slots; real ones are tried in `integration`.
"""

import dataclasses

import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.testing.test_pipeline import TestPipeline
from apache_beam.testing.test_stream import TestStream
from apache_beam.transforms.window import TimestampedValue
from apache_beam.utils.timestamp import Timestamp
from runs import FLEET, files, letters, parse, resources, run, table, write_lines

from benchmarks.fleet import generate
from pipeline.ingest import build
from pipeline.launch import job_of
from pipeline.mappings import load_mappings
from pipeline.options import resolve_inputs, resolve_outputs
from transforms import batch_coder  # noqa: F401 - as the main job does
from transforms.group import Limits
from transforms.instants import DAY
from transforms.intake import Intake
from transforms.lanes import Live
from transforms.model import MessageBatch

MESSAGES = [line.rstrip(b"\n") for line in generate(400, seed=8)]
START = 1_772_323_200_000_000  # 2026-03-01T00:00:00Z
PIECE = 40


def batches(path):
    """The messages in pieces, named as a run over the file names them."""
    for first in range(0, len(MESSAGES), PIECE):
        piece = MESSAGES[first : first + PIECE]
        positions = tuple(range(first + 1, first + 1 + len(piece)))
        yield MessageBatch(f"{path}:", positions, tuple(piece))


def stream_of(path, order):
    """The pieces, flushed two by two, until all slots have passed.

    None is late: this runner stalls on panes that come after a slot's end and wait for
    a clock.
    """
    stream = TestStream().advance_watermark_to(Timestamp(micros=START - 30 * DAY))
    for number, piece in enumerate(order(list(batches(path)))):
        stream.add_elements([TimestampedValue(piece, Timestamp(micros=START))])
        stream.advance_processing_time(1 + 30 * (number % 2))
    stream.advance_watermark_to(Timestamp(micros=START + 3 * DAY))
    return stream.advance_processing_time(31).advance_watermark_to_infinity()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    path = write_lines(folder / "messages.ndjson", MESSAGES)
    assert run(path, folder / "out", mapping=FLEET) == 1
    return path, folder / "out"


def job_into(out):
    flags, _ = parse(["run", str(FLEET), f"--out={out}"])
    inputs = resolve_inputs(flags.folder, flags)
    mappings = load_mappings(inputs.device_mapping, inputs.fhir_mapping)
    intake = Intake(mapping_version=mappings.version)
    return job_of(flags, mappings, intake, resolve_outputs(flags), Limits())


@pytest.mark.parametrize("order", [list, reversed])
def test_a_stream_leaves_what_a_bounded_run_leaves(order, whole, tmp_path):
    path, expected = whole
    lanes = Live(30, lambda: START / 1e6)
    job = dataclasses.replace(job_into(tmp_path / "out"), lanes=lanes)
    options = PipelineOptions(streaming=True, allow_unsafe_triggers=True)
    with TestPipeline("BundleBasedDirectRunner", options, []) as root:
        build(root, job, stream_of(path, order))
    out = tmp_path / "out"
    found = resources(out)
    statuses = {key: observation.pop("status") for key, observation in found.items()}
    plain = resources(expected)
    assert {observation.pop("status") for observation in plain.values()} == {"final"}
    assert found == plain
    assert set(statuses.values()) == {"final"}
    assert table(out, "measurement") == table(expected, "measurement")
    assert letters(out) == letters(expected)
    for kind in ("Patient", "Device"):
        assert files(out / "fhir" / kind) == files(expected / "fhir" / kind)
