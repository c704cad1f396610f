"""Observations: MedTech's structure and ids, our fixes, every digit kept."""

import json

import pytest

from transforms.fhir_mapping import FhirMapping
from transforms.observation import (
    SERVICE,
    Mould,
    observation_id,
    observation_identifier,
    period_of,
)
from transforms.observation_value import Reading

NINE = 1_546_333_200_000_000  # 2019-01-01T09:00:00Z
HOUR = 3_600_000_000
SECOND = 1_000_000


def mould(**template):
    body = {"typeName": "heartrate", "codes": [], **template}
    container = {"templateType": "CodeValueFhir", "template": body}
    root = {"templateType": "CollectionFhir", "template": [container]}
    mapping = FhirMapping.from_json(json.dumps(root))
    return Mould(mapping.templates["heartrate"], "heartrate", "v1")


def reading(**changes):
    fields = {
        "observation_id": "o",
        "patient_id": "p",
        "device_id": "d",
        "encounter_id": None,
        "type": "heartrate",
        "value_name": "hr",
        "occurred_at": NINE,
        "utc_offset_minutes": 0,
        "value": 72.0,
        "value_text": "72",
        "ingested_at": None,
    }
    return Reading(**{**fields, **changes})


QUANTITY = {"valueType": "Quantity", "valueName": "hr", "unit": "bpm", "code": "/min"}
SAMPLED = {
    "valueType": "SampledData",
    "valueName": "hr",
    "unit": "/min",
    "defaultPeriod": 900_000,
}


def filled(*readings, **template):
    resource, rows = mould(**template).fill(list(readings))
    return json.loads(resource), rows


def test_the_id_is_medtechs():
    identifier = observation_identifier(
        "patientId", "deviceId", "heartrate", NINE - 9 * HOUR, NINE - 8 * HOUR
    )
    assert identifier == (
        "patientId.deviceId.heartrate.20190101000000Z.20190101005959Z"
    )
    assert observation_id(identifier) == (
        "127aeff043da8c8e1f6d6f37bce384eb01aee4664f10f8ee565a2e7196bf889f"
    )


@pytest.mark.parametrize(
    ("instant", "segment"),
    [
        (NINE, "20190101090000Z.20190101090000Z"),
        (NINE + 1, "20190101090000.000001Z.20190101090000.000001Z"),
        (NINE + 250_000, "20190101090000.250000Z.20190101090000.250000Z"),
    ],
)
def test_two_readings_of_one_second_have_different_ids(instant, segment):
    assert observation_identifier("p", "d", "t", instant, instant) == f"p.d.t.{segment}"


@pytest.mark.parametrize(
    ("instant", "minutes", "expected"),
    [
        (NINE + 5, 0, (NINE + 5, NINE + 5)),
        (NINE + 5, 60, (NINE, NINE + HOUR)),
        (NINE + HOUR - 1, 60, (NINE, NINE + HOUR)),
        (NINE + 5, 1440, (NINE - 9 * HOUR, NINE + 15 * HOUR)),
        (NINE + 20 * 60 * SECOND, 15, (NINE + HOUR // 4, NINE + HOUR // 2)),
        (-1, 60, (-HOUR, 0)),
    ],
)
def test_periods_are_whole_utc_hours_days_or_parts_of_an_hour(
    instant, minutes, expected
):
    assert period_of(instant, minutes) == expected


def test_a_quantity_is_one_observation_of_an_instant():
    resource, rows = filled(reading(utc_offset_minutes=120), value=QUANTITY)
    assert resource == {
        "resourceType": "Observation",
        "id": "o",
        "meta": {
            "tag": [
                {
                    "system": "https://vitalbeam.github.io/fhir/CodeSystem/"
                    "mapping-version",
                    "code": "v1",
                }
            ]
        },
        "identifier": [
            {
                "system": SERVICE,
                "value": "p.d.heartrate.20190101090000Z.20190101090000Z",
            }
        ],
        "status": "final",
        "code": {
            "text": "heartrate",
            "coding": [
                {"system": SERVICE, "code": "heartrate", "display": "heartrate"}
            ],
        },
        "subject": {"reference": "Patient/p"},
        "device": {"reference": "Device/d"},
        "effectiveDateTime": "2019-01-01T11:00:00+02:00",
        "issued": "2019-01-01T09:00:00Z",
        "valueQuantity": {"value": 72, "unit": "bpm", "code": "/min"},
    }
    (row,) = rows
    assert (row.value, row.value_text, row.unit) == (72.0, "72", "/min")
    assert (row.effective_start, row.effective_end) == (NINE, NINE)
    assert (row.reading_count, row.min, row.max, row.mean) == (1, 72.0, 72.0, 72.0)


@pytest.mark.parametrize("text", ["98.60", "0.1", "-7", "1E-7", "72415.000"])
def test_numbers_keep_the_digits_that_were_sent(text):
    resource, _ = mould(value=QUANTITY).fill([reading(value_text=text)])
    assert f'"value":{text},'.encode() in resource


def test_sampled_data_is_a_grid_over_the_period():
    readings = [
        reading(occurred_at=NINE + minute * 60 * SECOND, value_text=text, value=number)
        for minute, text, number in (
            (0, "60", 60.0),
            (20, "70", 70.0),
            (29, "80", 80.0),
        )
    ]
    resource, (row,) = filled(*readings, value=SAMPLED, periodInterval=60)
    assert resource["effectivePeriod"] == {
        "start": "2019-01-01T09:00:00.0000000Z",
        "end": "2019-01-01T09:59:59.9999999Z",
    }
    assert resource["valueSampledData"] == {
        "origin": {"value": 0, "unit": "/min"},
        "period": 900000,
        "dimensions": 1,
        "data": "60 80 E E",
    }
    assert (row.value, row.value_text) == (None, "60 80 E E")
    assert (row.reading_count, row.min, row.max, row.mean) == (3, 60.0, 80.0, 70.0)
    assert (row.effective_start, row.effective_end) == (NINE, NINE + HOUR - 1)


def test_components_appear_when_their_value_was_sent():
    components = [
        {"codes": [], "value": {**QUANTITY, "valueName": name}}
        for name in ("sys", "dia")
    ]
    resource, rows = filled(
        reading(value_name="dia", value_text="79"), components=components
    )
    assert [part["code"]["text"] for part in resource["component"]] == ["dia"]
    assert "valueQuantity" not in resource
    assert len(rows) == 1


def test_an_event_without_a_value_is_an_observation_without_value():
    resource, (row,) = filled(
        reading(value_name=None, value=None, value_text=None), value=QUANTITY
    )
    assert not [name for name in resource if name.startswith(("value", "component"))]
    assert (row.value, row.value_text, row.reading_count) == (None, None, 1)


@pytest.mark.parametrize(
    ("value", "element", "content", "text"),
    [
        ({"valueType": "String", "valueName": "hr"}, "valueString", 'a "b"', 'a "b"'),
        (
            {
                "valueType": "CodeableConcept",
                "valueName": "hr",
                "text": "fall",
                "codes": [{"code": "f", "display": "Fall"}],
            },
            "valueCodeableConcept",
            {"text": "fall", "coding": [{"code": "f", "display": "Fall"}]},
            "fall",
        ),
    ],
)
def test_text_and_concepts(value, element, content, text):
    resource, (row,) = filled(reading(value_text='a "b"', value=None), value=value)
    assert resource[element] == content
    assert row.value_text == text


def test_issued_is_the_latest_ingestion_never_the_clock():
    readings = [
        reading(ingested_at=NINE + 5 * SECOND),
        reading(occurred_at=NINE + 1, ingested_at=NINE + 2 * SECOND),
    ]
    resource, _ = filled(*readings, value=SAMPLED, periodInterval=60)
    assert resource["issued"] == "2019-01-01T09:00:05Z"


@pytest.mark.parametrize("order", [1, -1])
def test_versions_that_differ_in_encounter_only_are_one_observation(order):
    readings = [
        reading(value_text="72", ingested_at=NINE),
        reading(value_text="75", ingested_at=NINE + 1, encounter_id="visit-1"),
    ]
    resource, _ = filled(*readings[::order], value=QUANTITY)
    assert resource["valueQuantity"]["value"] == 75
    assert resource["encounter"] == {
        "type": "Encounter",
        "identifier": {"value": "visit-1"},
    }


def test_type_names_are_escaped():
    body = {"typeName": 'a"b', "codes": [], "value": QUANTITY}
    container = {"templateType": "CodeValueFhir", "template": body}
    root = {"templateType": "CollectionFhir", "template": [container]}
    template = FhirMapping.from_json(json.dumps(root)).templates['a"b']
    resource, _ = Mould(template, 'a"b', "v").fill([reading()])
    assert json.loads(resource)["code"]["text"] == 'a"b'
