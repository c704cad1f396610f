"""How long messages have been under way."""

import dataclasses

import apache_beam as beam
import orjson
import pytest
from apache_beam.metrics.metric import MetricsFilter
from runs import VITAL_MONITOR, parse

from pipeline.fhir_settings import FhirServer
from pipeline.ingest import build
from pipeline.latency import STORED, WRITTEN
from pipeline.launch import job_of
from pipeline.local_stream import ReadBatches
from pipeline.mappings import load_mappings
from pipeline.options import resolve_inputs, resolve_outputs
from transforms.group import Limits
from transforms.intake import Intake
from transforms.lanes import WHOLE, Whole
from transforms.model import MessageBatch

EIGHT = 1_772_352_000_000_000  # 2026-03-01T08:00:00Z


def message(second, enqueued=True):
    system = {"x-opt-enqueued-time": f"2026-03-01T08:00:{second:02}Z"}
    body = {
        "deviceId": "watch-7",
        "patientId": "patient-1",
        "measuredAt": "2026-03-01T07:59:00Z",
        "Heart Rate": 72 + second,
    }
    return orjson.dumps({"Body": body, "SystemProperties": system if enqueued else {}})


@pytest.fixture
def job(tmp_path, stub):
    flags, _ = parse(["run", str(VITAL_MONITOR), f"--out={tmp_path}"])
    inputs = resolve_inputs(flags.folder, flags)
    mappings = load_mappings(inputs.device_mapping, inputs.fhir_mapping)
    intake = Intake(mapping_version=mappings.version)
    made = job_of(flags, mappings, intake, resolve_outputs(flags), Limits())
    return dataclasses.replace(made, servers=(FhirServer(base=stub.base),))


@pytest.mark.parametrize(
    ("lanes", "messages", "seconds"),
    [
        (Whole(0), [message(10)], (1, 20_000, 20_000)),
        (Whole(0), [message(10), message(25), message(25)], (2, 5_000, 20_000)),
        (Whole(0), [message(10, enqueued=False)], None),
        (WHOLE, [message(10)], None),
    ],
)
def test_messages_of_a_stream_are_measured_until_they_are_written(
    job, monkeypatch, lanes, messages, seconds
):
    monkeypatch.setattr("pipeline.latency.now", lambda: EIGHT + 30_000_000)
    batch = MessageBatch("t/0/", tuple(range(len(messages))), tuple(messages))
    root = beam.Pipeline(runner="FnApiRunner")
    build(root, dataclasses.replace(job, lanes=lanes), ReadBatches([batch]))
    result = root.run()
    result.wait_until_finish()
    found = {}
    for each in result.metrics().query(MetricsFilter())["distributions"]:
        if each.key.metric.namespace == "Latency":
            known = found.setdefault(each.key.metric.name, [])
            known.append((each.result.count, each.result.min, each.result.max))
    if seconds is None:
        assert found == {}
    else:  # a folder and a server
        assert found == {STORED: [seconds], WRITTEN: [seconds, seconds]}
