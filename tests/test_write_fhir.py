"""Observations and the shells they refer to, in a folder."""

import apache_beam as beam
import orjson
import pytest
from apache_beam.metrics.metric import MetricsFilter

from pipeline.upsert_files import Folder
from pipeline.write_fhir import WriteFhir
from transforms.group import shard_of
from transforms.model import CORRELATED, ObservationBatch, Slot
from transforms.schema import OBSERVATION

SHARDS = 2


def line(resource_type, resource_id, **rest):
    return orjson.dumps({"resourceType": resource_type, "id": resource_id, **rest})


def device(device_id, patient=None):
    link = {"patient": {"reference": f"Patient/{patient}"}} if patient else {}
    return line("Device", device_id, **link)


def batch(start, observations, *patients_and_devices):
    shells = {}
    for patient, name in patients_and_devices:
        shells["Patient", patient] = line("Patient", patient)
        shells["Device", name] = device(name, patient)
    return ObservationBatch(
        Slot(start, 60),
        0,
        list(observations),
        [line("Observation", key, valueString=v) for key, v in observations.items()],
        OBSERVATION.empty_table(),
        shells,
    )


def written(folder, *batches):
    """The files, and how often each outcome was counted."""
    root = beam.Pipeline(runner="FnApiRunner")
    observations = root | beam.Create(batches, reshuffle=False)
    observations | WriteFhir(Folder(str(folder)), SHARDS)
    result = root.run()
    result.wait_until_finish()
    found = result.metrics().query(MetricsFilter().with_namespace("WriteFhir"))
    counts = {c.key.metric.name: c.committed for c in found["counters"] if c.committed}
    files = {
        str(path.relative_to(folder)): path.read_bytes().splitlines()
        for path in folder.rglob("*.ndjson")
    }
    return files, counts


HOUR = 3_600_000_000


def test_observations_go_by_slot_and_shells_by_shard(tmp_path):
    batches = [
        batch(0, {"b": "1", "a": "1"}, ("p1", "d1")),
        batch(HOUR, {"c": "1"}, ("p1", "d1"), ("p2", "d2")),
    ]
    files, counts = written(tmp_path, *batches)
    expected = {
        "Observation/date=1970-01-01/T00-000.ndjson": [
            line("Observation", "a", valueString="1"),
            line("Observation", "b", valueString="1"),
        ],
        "Observation/date=1970-01-01/T01-000.ndjson": [
            line("Observation", "c", valueString="1")
        ],
    }
    for key, shell in (
        ("Patient/p1", line("Patient", "p1")),
        ("Patient/p2", line("Patient", "p2")),
        ("Device/d1", device("d1", "p1")),
        ("Device/d2", device("d2", "p2")),
    ):
        kind, _, name = key.partition("/")
        file = f"{kind}/{shard_of(name, SHARDS):03}.ndjson"
        expected.setdefault(file, []).append(shell)
    assert files == expected
    assert counts == {"ObservationCreated": 3, "PatientCreated": 2, "DeviceCreated": 2}


def test_a_batch_written_again_changes_nothing(tmp_path):
    again = batch(0, {"a": "1"}, ("p1", "d1"))
    first, _ = written(tmp_path, again)
    assert written(tmp_path, again) == (
        first,
        {"ObservationUnchanged": 1, "PatientUnchanged": 1, "DeviceUnchanged": 1},
    )


@pytest.mark.parametrize("together", [True, False])
def test_a_device_of_two_patients_is_linked_to_none(tmp_path, together):
    batches = [batch(0, {"a": "1"}, ("p1", "d")), batch(0, {"b": "1"}, ("p2", "d"))]
    if together:
        files, _ = written(tmp_path, *batches)
    else:
        written(tmp_path, batches[0])
        files, _ = written(tmp_path, batches[1])
    assert files[f"Device/{shard_of('d', SHARDS):03}.ndjson"] == [device("d")]


def test_an_observation_that_changed_is_updated(tmp_path):
    written(tmp_path, batch(0, {"a": "1", "b": "1"}))
    files, counts = written(tmp_path, batch(0, {"a": "2"}))
    assert files == {
        "Observation/date=1970-01-01/T00-000.ndjson": [
            line("Observation", "a", valueString="2"),
            line("Observation", "b", valueString="1"),
        ]
    }
    assert counts == {"ObservationUpdated": 1}


DAY = 24 * HOUR


def placed(date, observations, *removed):
    """What a session's readings make of the files of one date."""
    return batch(0, observations)._replace(
        slot=CORRELATED, removed=removed, date=date * DAY
    )


def lines_of(files):
    return {
        name.removeprefix("Observation/date=1970-01-0").removesuffix("-000.ndjson"): [
            orjson.loads(text)["id"] for text in lines
        ]
        for name, lines in files.items()
    }


def test_a_session_lies_on_the_date_of_its_first_reading(tmp_path):
    files, counts = written(tmp_path, placed(0, {"a": "1"}), placed(1, {}, "a"))
    assert lines_of(files) == {"1/correlated": ["a"], "2/correlated": []}
    assert counts == {"ObservationCreated": 1}


@pytest.mark.parametrize("together", [True, False])
def test_an_observation_that_moves_is_updated_not_created(tmp_path, together):
    late = [placed(1, {"a": "1", "b": "1"})]
    early = [placed(0, {"a": "2"}), placed(1, {}, "a")]
    again = early
    if together:
        files, counts = written(tmp_path, *late, *early, *again)
        assert counts == {
            "ObservationCreated": 2,
            "ObservationUpdated": 1,
            "ObservationUnchanged": 1,
        }
    else:
        written(tmp_path, *late)
        assert written(tmp_path, *early)[1] == {"ObservationUpdated": 1}
        files, counts = written(tmp_path, *again)
        assert counts == {"ObservationUnchanged": 1}
    assert lines_of(files) == {"1/correlated": ["a"], "2/correlated": ["b"]}


@pytest.mark.parametrize("together", [True, False])
def test_an_observation_that_can_no_longer_be_made_is_removed(tmp_path, together):
    made = batch(0, {"a": "1", "b": "1"}), placed(1, {"c": "1"})
    gone = batch(0, {})._replace(removed=("a",)), placed(1, {}, "c"), placed(2, {}, "c")
    if together:
        files, counts = written(tmp_path, *made, *gone)
        assert counts == {"ObservationCreated": 3, "ObservationRemoved": 2}
    else:
        written(tmp_path, *made)
        files, counts = written(tmp_path, *gone)
        assert counts == {"ObservationRemoved": 2}
    assert lines_of(files) == {"1/T00": ["b"], "2/correlated": [], "3/correlated": []}
