"""Who a measurement belongs to; ids are MedTech's."""

import hashlib

import pytest

from transforms.errors import ResourceIdentityNotDefinedError
from transforms.identity import create_identity, resource_id
from transforms.model import Identity, Measurement
from transforms.observation import (
    identity_segment,
    observation_id,
    observation_identifier,
)

PATIENT_1 = "deab8edda8ce4b54e9ff81bdcf69ce1613dd065e76cdeb9862ff915568f7200d"


def measurement(**fields):
    found = Measurement(
        type="hr",
        occurred_at=0,
        ended_at=None,
        utc_offset_minutes=0,
        ingested_at=None,
        device="watch-7",
        patient="patient-1",
        encounter=None,
        correlation=None,
        values=(),
        source="s",
    )
    return found._replace(**fields)


@pytest.mark.parametrize(
    ("system", "value", "text"),
    [
        ("", "patient-1", "_patient-1"),
        ("urn:devices", "watch-7", "urn:devices_watch-7"),
        ("", " µ ", "_ µ "),
    ],
)
def test_an_id_is_the_hash_of_system_and_value(system, value, text):
    assert resource_id(system, value) == hashlib.sha256(text.encode()).hexdigest()


def test_the_id_of_a_patient_is_fixed_forever():
    assert resource_id("", "patient-1") == PATIENT_1


@pytest.mark.parametrize(
    ("fields", "system", "identity"),
    [
        ({}, "", (("", "patient-1"), ("", "watch-7"), None)),
        ({}, "urn:d", (("", "patient-1"), ("urn:d", "watch-7"), None)),
        ({"patient": " p "}, "", (("", " p "), ("", "watch-7"), None)),
        ({"encounter": "e 1"}, "", (("", "patient-1"), ("", "watch-7"), "e 1")),
        ({"encounter": ""}, "", (("", "patient-1"), ("", "watch-7"), None)),
        ({"encounter": " \t"}, "", (("", "patient-1"), ("", "watch-7"), None)),
    ],
)
def test_a_measurement_belongs_to_whom_it_names(fields, system, identity):
    patient, device, encounter = identity

    assert create_identity(measurement(**fields), system) == Identity(
        resource_id(*patient), resource_id(*device), encounter
    )


@pytest.mark.parametrize("patient", [None, "", " ", "\t\n"])
def test_a_measurement_without_a_patient_is_an_error(patient):
    with pytest.raises(ResourceIdentityNotDefinedError) as caught:
        create_identity(measurement(patient=patient), "")

    error = caught.value
    assert (error.message, error.suggestion, error.expression) == (
        "the measurement names no patient",
        "add patientIdExpression to the device template, or have the device or the"
        " envelope's Properties carry the patient id",
        "",
    )


@pytest.mark.parametrize("medtech", [False, True])
def test_the_golden_observation_id_is_medtechs(medtech):
    within_the_hour = 1546300800000000 + 1_234_567_890
    segment = identity_segment(within_the_hour, 60, None, medtech=medtech)
    identifier = observation_identifier("patientId", "deviceId", "heartrate", segment)

    expected = "patientId.deviceId.heartrate.20190101000000Z.20190101005959Z"
    assert identifier == expected
    assert observation_id(identifier) == (
        "127aeff043da8c8e1f6d6f37bce384eb01aee4664f10f8ee565a2e7196bf889f"
    )


@pytest.mark.parametrize(
    ("medtech", "expected"),
    [
        (False, "20190101000000.250000Z.20190101000000.250000Z"),
        (True, "20190101000000Z.20190101000000Z"),
    ],
)
def test_an_instant_with_a_fraction_has_an_id_of_its_own(medtech, expected):
    assert identity_segment(1546300800250000, 0, None, medtech=medtech) == expected


@pytest.mark.parametrize("medtech", [False, True])
def test_a_correlation_id_is_the_segment_verbatim(medtech):
    segment = identity_segment(5, -1, "Session-7 a.b", medtech=medtech)
    assert segment == "Session-7 a.b"
