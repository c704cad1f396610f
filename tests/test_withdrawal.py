"""Letters of Observations that cannot be made."""

import hashlib
import json

import pyarrow as pa
import pytest
from walks import HEART_RATE, MIDNIGHT, NOTE, PULSES, fhir_template

from transforms.errors import FhirDataMappingError, InvalidQuantityFhirValueError
from transforms.fhir_mapping import FhirMapping
from transforms.instants import HOUR, MINUTE
from transforms.model import DeadLetter
from transforms.rules import MEDTECH
from transforms.schema import TIMESTAMP
from transforms.withdrawal import single_values, withdrawal_letters


def template(period):
    root = {
        "templateType": "CollectionFhir",
        "template": [fhir_template("hr", period, HEART_RATE, NOTE, PULSES)],
    }
    mapping = FhirMapping.from_json(json.dumps(root), "f.json", MEDTECH)
    return mapping.template("hr")


def reading(at):
    return pa.table(
        {
            "type": ["hr"],
            "device_identifier": ["watch"],
            "patient_identifier": ["Ann"],
            "encounter_id": ["e"],
            "correlation_id": ["s"],
            "observation_id": ["o1"],
            "occurred_at": pa.array([at], pa.int64()).cast(TIMESTAMP),
        }
    )


WHO = {"type": "hr", "deviceId": "watch", "patientId": "Ann"}


@pytest.mark.parametrize(
    ("period", "rest"),
    [
        (
            60,
            {
                "periodStart": "2026-03-02T00:00:00.0000000Z",
                "periodEnd": "2026-03-02T00:59:59.9999999Z",
            },
        ),
        (
            1440,
            {
                "periodStart": "2026-03-02T00:00:00.0000000Z",
                "periodEnd": "2026-03-02T23:59:59.9999999Z",
            },
        ),
        (0, {}),
        (-1, {"correlationId": "s"}),
    ],
)
def test_a_letter_says_what_any_reading_of_the_observation_would_say(period, rest):
    error = InvalidQuantityFhirValueError("too many", "send fewer")
    document = json.dumps({**WHO, **rest, "observationId": "o1"}, separators=(",", ":"))
    source, place = "Observation/o1", "f.json:1"
    cause = ("Observe", error.name, "too many", "hr", place, None, source)
    expected = DeadLetter(
        id=hashlib.sha256(repr(cause).encode() + document.encode()).hexdigest(),
        stage="Observe",
        error="InvalidQuantityFhirValueException",
        message="too many",
        suggestion="send fewer",
        type="hr",
        template=place,
        expression=None,
        payload=document,
        payload_base64=None,
        source=source,
        enqueued_at=None,
        first_seen=None,
        last_seen=None,
        count=1,
        mapping_version="v",
    )
    for at in (MIDNIGHT, MIDNIGHT + 59 * MINUTE):
        found = withdrawal_letters(
            "Observe", [error, error], reading(at), template(period), "v"
        )
        assert found == [expected]
    other = reading(MIDNIGHT + 24 * HOUR)
    again = withdrawal_letters("Observe", [error], other, template(period), "v")
    assert (again == [expected]) is (period <= 0)


def test_each_error_has_its_letter():
    errors = [InvalidQuantityFhirValueError("a"), FhirDataMappingError("b")]
    found = withdrawal_letters("S", errors, reading(0), template(60), "v")
    assert [(letter.error, letter.message) for letter in found] == [
        ("InvalidQuantityFhirValueException", "a"),
        ("FhirDataMappingException", "b"),
    ]


def test_errors_that_differ_in_their_suggestion_only_are_one_letter():
    first, second = (FhirDataMappingError("a", hint) for hint in ("do x", "do y"))
    both = [
        withdrawal_letters("S", errors, reading(0), template(60), "v")
        for errors in ([first, second], [second, first], [second])
    ]
    assert both[0] == both[1] == both[2]


def test_a_template_is_taken_apart_into_its_values():
    whole = template(60)
    parts = list(single_values(whole))
    assert [part.values for part in parts] == [(value,) for value in whole.values]
    assert {(p.type_name, p.period_minutes, p.codings) for p in parts} == {
        (whole.type_name, whole.period_minutes, whole.codings)
    }
    assert [part.value is None for part in parts] == [False, True, True]
