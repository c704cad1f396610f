"""What a collector hands out, and how it travels."""

import json

import pytest

from transforms.batch_coder import BatchCoder
from transforms.fhir_mapping import FhirMapping
from transforms.group import SlotCollector, shard_of
from transforms.model import IdentifiedBatch, Identity, Measurement
from transforms.observation import (
    identity_segment,
    observation_id,
    observation_identifier,
)
from transforms.readings import to_table

HOUR = 3_600_000_000
PERIODS = {"instant": 0, "quarter": 15, "hour": 60, "day": 1440, "session": -1}


def template(type_name, minutes):
    value = {"valueType": "SampledData", "valueName": "v", "defaultPeriod": 1000}
    if not minutes:
        value = {"valueType": "Quantity", "valueName": "v"}
    content = {"typeName": type_name, "codes": [], "value": value}
    return {
        "templateType": "CodeValueFhir",
        "template": content | {"periodInterval": minutes},
    }


MAPPING = FhirMapping.from_json(
    json.dumps(
        {
            "templateType": "CollectionFhir",
            "template": [template(*period) for period in PERIODS.items()],
        }
    )
)


def measurement(type_name, occurred_at, *texts, patient="p"):
    return Measurement(
        type=type_name,
        occurred_at=occurred_at,
        ended_at=None,
        utc_offset_minutes=60,
        ingested_at=None,
        device="watch",
        patient=patient,
        encounter=None,
        correlation="c",
        values=tuple((f"v{number or ''}", text) for number, text in enumerate(texts)),
        source=f"{type_name}:{occurred_at}",
    )


def identity(patient):
    return Identity(f"id of {patient}", "id of watch", "visit", "assigned")


TIMES = (0, 1, HOUR // 4, HOUR - 1, HOUR, 23 * HOUR, 24 * HOUR, -1)
MEASUREMENTS = [
    measurement(type_name, at, "72", "1", patient=patient)
    for at in (*TIMES, *TIMES)
    for type_name in PERIODS
    for patient in ("p", "q", None)
]
BATCH = IdentifiedBatch(MEASUREMENTS, [identity(each.patient) for each in MEASUREMENTS])


def collected(most_at_once, monkeypatch):
    monkeypatch.setattr("transforms.group._AT_ONCE", most_at_once)
    collector = SlotCollector(MAPPING, 3, "v1")
    assert collector.add(BATCH) == []
    assert collector.pending == 2 * len(MEASUREMENTS)
    drained = list(collector.drain())
    assert collector.pending == 0
    assert list(collector.drain()) == []
    return drained


@pytest.mark.parametrize("most_at_once", [1, 20, 100_000])
def test_each_shard_and_slot_has_its_readings_in_one_batch(most_at_once, monkeypatch):
    drained = collected(most_at_once, monkeypatch)
    places = [(batch.shard, batch.slot) for batch in drained]
    assert len(set(places)) == len(places)
    found = []
    for shard, slot, readings in drained:
        rows = to_table([readings]).to_pylist()
        assert {shard_of(row["patient_id"], 3) for row in rows} == {shard}
        if slot.minutes > 0:
            times = to_table([readings])["occurred_at"].cast("int64").to_pylist()
            length = slot.minutes * HOUR // 60
            assert {at - at % length for at in times} == {slot.start}
        found += [(row["source"], row["patient_id"], row["value_name"]) for row in rows]
    assert sorted(found) == sorted(
        (each.source, identity(each.patient).patient_id, name)
        for each in MEASUREMENTS
        for name, _text in each.values
    )


def test_a_reading_knows_its_observation_and_whose_it_is(monkeypatch):
    tables = [to_table([batch.readings]) for batch in collected(50, monkeypatch)]
    rows = [row for table in tables for row in table.to_pylist()]
    ids = {(row["source"], row["patient_id"]): row["observation_id"] for row in rows}
    for each in MEASUREMENTS:
        minutes = PERIODS[each.type]
        segment = identity_segment(each.occurred_at, minutes, "c", medtech=False)
        patient_id, device_id, _visit, _patient = identity(each.patient)
        name = observation_identifier(patient_id, device_id, each.type, segment)
        assert ids[each.source, patient_id] == observation_id(name)
    names = {row["patient_id"]: row["patient_identifier"] for row in rows}
    assert names == {"id of p": "p", "id of q": "q", "id of None": "assigned"}


def test_batches_arrive_as_they_were_and_alone(monkeypatch):
    drained = collected(100_000, monkeypatch)
    coder = BatchCoder()
    encoded = [coder.encode(batch) for batch in drained]
    for content, batch in zip(encoded, drained, strict=True):
        assert coder.decode(content) == batch
    whole = collected(100_000, monkeypatch)[0].readings
    alone = coder.encode(whole.take(list(range(whole.num_rows))))
    # A slot takes nothing along of the slots that became columns together with it.
    assert len(encoded[0]) < len(alone) + 1000
