"""Dexcom's API: readings of versions 3 and 2, finger sticks, phones and receivers."""

import json

import pytest
from families import made, previewed

AT = "2026-10-04T07:10:00+02:00"
UNREADABLE = (
    "IncompatibleDataException",
    "Unable to extract required value for [glucose]: nothing was found",
)


def record(**members):
    return {
        "recordId": "rec-1",
        "systemTime": "2026-10-04T05:10:00Z",
        "displayTime": AT,
        "transmitterId": "transmitter-1",
        "transmitterTicks": 1000,
        "value": 142,
        "status": None,
        "trend": "flat",
        "trendRate": 0.1,
        "unit": "mg/dL",
        "rateUnit": "mg/dL/min",
        "displayDevice": "iOS",
        "transmitterGeneration": "g7",
    } | members


def reply(*records, kind="egv", **members):
    return {
        "recordType": kind,
        "recordVersion": "3.0",
        "userId": "user-1",
        "records": list(records),
    } | members


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({}, 142),
        ({"value": "142"}, 142),
        ({"value": 39}, "<40"),
        ({"value": 39, "status": "low"}, "<40"),
        ({"value": 40, "status": "low"}, "<40"),
        ({"value": None, "status": "low"}, "<40"),
        ({"value": 40, "status": "ok"}, 40),
        ({"value": 65, "status": "low"}, 65),
        ({"value": 400}, 400),
        ({"value": 400, "status": "high"}, ">400"),
        ({"value": 401}, ">400"),
        ({"value": None, "status": "high"}, ">400"),
        ({"value": 38}, "?error"),
        ({"value": None, "status": "unknown"}, "?unknown"),
        ({"value": None}, "?unknown"),
        ({"unit": None}, 142),
    ],
)
def test_readings(members, expected, tmp_path):
    found, errors = made("dexcom", reply(record(**members)), tmp_path=tmp_path)
    assert found == [("cgm_glucose", AT, expected)]
    assert errors == []


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"value": 7.9}, 7.9),
        ({"value": 2.1, "status": "low"}, "<2.2"),
        ({"value": 22.3}, ">22.2"),
        ({"value": None}, "?unknown"),
    ],
)
def test_readings_in_mmol(members, expected, tmp_path):
    sent = reply(record(unit="mmol/L", **members))
    found, errors = made("dexcom", sent, tmp_path=tmp_path)
    assert found == [("cgm_glucose_mmol", AT, expected)]
    assert errors == []


@pytest.mark.parametrize(
    "members", [{"unit": "unknown"}, {"unit": None, "value": 7.9}, {"value": "Low"}]
)
def test_what_is_no_number_of_a_known_unit_is_a_dead_letter(members, tmp_path):
    found, errors = made("dexcom", reply(record(**members)), tmp_path=tmp_path)
    assert found == []
    assert errors == [UNREADABLE]


@pytest.mark.parametrize(
    ("system", "display", "expected"),
    [
        ("2026-10-04T05:10Z", "2026-10-04T07:10+02:00", AT),
        (
            "2026-10-04T05:10:00.964Z",
            "2026-10-04T07:10:00.964+02:00",
            "2026-10-04T07:10:00.964+02:00",
        ),
        # Receivers send no offset: it is the difference of the two.
        ("2026-10-04T05:10:00", "2026-10-04T07:10:00", AT),
        ("2026-10-04T05:10:00Z", "2026-10-04T07:10:00", AT),
        (
            "2026-10-04T05:10:00",
            "2026-10-03T22:10:00",
            "2026-10-03T22:10:00-07:00",
        ),
        (
            "2026-10-04T05:10:00",
            "2026-10-04T10:55:00",
            "2026-10-04T10:55:00+05:45",
        ),
        # Both of the hours that stand twice, and the one that is jumped over.
        (
            "2026-10-25T00:30:00",
            "2026-10-25T02:30:00",
            "2026-10-25T02:30:00+02:00",
        ),
        (
            "2026-10-25T01:30:00",
            "2026-10-25T02:30:00",
            "2026-10-25T02:30:00+01:00",
        ),
        (
            "2026-03-29T01:30:00",
            "2026-03-29T03:30:00",
            "2026-03-29T03:30:00+02:00",
        ),
        # A clock that was set wrong does not move the reading.
        ("2026-10-04T05:10:00", "2026-10-04T07:13:11", "2026-10-04T05:10:00Z"),
        ("2026-10-04T05:10:00Z", "2026-10-04T08:10:00+02:00", "2026-10-04T05:10:00Z"),
        ("2026-10-04T05:10:00", None, "2026-10-04T05:10:00Z"),
    ],
)
def test_times(system, display, expected, tmp_path):
    sent = reply(record(systemTime=system, displayTime=display))
    found, errors = made("dexcom", sent, tmp_path=tmp_path)
    assert found == [("cgm_glucose", expected, 142)]
    assert errors == []


def test_a_zone_in_the_envelope_shows_the_local_time(tmp_path):
    body = reply(record(systemTime="2026-10-04T05:10:00", displayTime=None))
    sent = {"Body": body, "Properties": {"timezone": "Europe/Paris"}}
    found, _ = made("dexcom", sent, tmp_path=tmp_path)
    assert found == [("cgm_glucose", AT, 142)]


def test_a_time_that_is_none_is_a_dead_letter(tmp_path):
    found, errors = made("dexcom", reply(record(systemTime="soon")), tmp_path=tmp_path)
    assert found == []
    assert errors == [
        (
            "NormalizationDataMappingException",
            "toUtc: not a date of the form YYYY-MM-DD",
        )
    ]


def test_version_2(tmp_path):
    reading = {
        "systemTime": "2026-10-04T05:10:00",
        "displayTime": "2026-10-04T07:10:00",
    }
    stick = {**reading, "unit": "mg/dL", "value": 131}
    messages = [
        {"unit": unit, "rateUnit": f"{unit}/min", "egvs": [{**reading, "value": value}]}
        for unit, value in (("mg/dL", 142), ("mmol/L", 7.9))
    ]
    messages += [
        {"calibrations": [stick]},
        {"events": [{**stick, "eventType": "insulin", "unit": "units"}]},
    ]
    sent = [{"Body": body, "Properties": {"patientId": "p-1"}} for body in messages]
    found, errors = made("dexcom", *sent, tmp_path=tmp_path)
    assert sorted(found) == [
        ("blood_glucose", AT, 131),
        ("cgm_glucose", AT, 142),
        ("cgm_glucose_mmol", AT, 7.9),
    ]
    assert errors == []


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({}, [("blood_glucose", AT, 126)]),
        ({"unit": "mmol/L", "value": "7.4"}, [("blood_glucose_mmol", AT, 7.4)]),
        ({"unit": None}, [("blood_glucose", AT, 126)]),
        ({"eventStatus": "deleted"}, []),
        ({"eventType": "carbs", "unit": "grams"}, []),
        ({"eventType": "insulin", "unit": "units"}, []),
    ],
)
def test_of_events_only_finger_sticks_are_read(members, expected, tmp_path):
    event = {
        "recordId": "rec-1",
        "systemTime": "2026-10-04T05:10:00Z",
        "displayTime": AT,
        "eventType": "bloodGlucose",
        "eventSubType": None,
        "value": "126",
        "unit": "mg/dL",
        "eventStatus": "created",
    }
    sent = reply(event | members, kind="event")
    assert made("dexcom", sent, tmp_path=tmp_path) == (expected, [])


def test_calibrations_are_finger_sticks(tmp_path):
    stick = {
        "recordId": "rec-1",
        "systemTime": "2026-10-04T05:10:00Z",
        "displayTime": AT,
        "unit": "mg/dL",
        "value": 131,
        "transmitterId": "transmitter-1",
    }
    sent = reply(stick, kind="calibration")
    found = previewed("dexcom", sent, tmp_path=tmp_path)
    (measured,) = found.measurements
    assert (measured.type, measured.device) == ("blood_glucose", "dexcom-user-1")


@pytest.mark.parametrize(
    ("members", "properties", "device"),
    [
        ({}, {}, "transmitter-1"),
        ({"transmitterId": None}, {"deviceId": "d-1"}, "d-1"),
        ({"transmitterId": None}, {}, "dexcom-user-1"),
        ({"transmitterId": None}, {"patientId": 7}, "dexcom-7"),
    ],
)
def test_devices(members, properties, device, tmp_path):
    sent = {"Body": reply(record(**members)), "Properties": properties}
    (measured,) = previewed("dexcom", sent, tmp_path=tmp_path).measurements
    assert measured.device == device


def test_a_corrected_record_is_the_same_observation(tmp_path):
    sent = [reply(record(value=value)) for value in (142, 150)]
    ids = {
        each["id"]
        for message in sent
        for each in previewed("dexcom", message, tmp_path=tmp_path).resources
        if each["resourceType"] == "Observation"
    }
    assert len(ids) == 1


def test_what_holds_no_reading_makes_nothing(tmp_path):
    moment = {"systemTime": "2026-10-04T05:10:00Z", "displayTime": AT}
    messages = [
        reply(),
        {"unit": "mg/dL", "rateUnit": "mg/dL/min", "egvs": []},
        {"recordType": "dataRange", "egvs": {"start": moment, "end": moment}},
        reply(record(alertName="low"), kind="alert"),
    ]
    assert made("dexcom", *messages, tmp_path=tmp_path) == ([], [])


def test_without_a_patient_it_is_a_dead_letter(tmp_path):
    found, errors = made("dexcom", reply(record(), userId=None), tmp_path=tmp_path)
    assert found == []
    assert errors == [
        (
            "ResourceIdentityNotDefinedException",
            "the measurement names no patient",
        )
    ]


def test_nothing_else_is_told(tmp_path):
    sent = reply(record(email="erika@example.org", name="Erika Musterfrau"))
    found = previewed("dexcom", sent, tmp_path=tmp_path)
    assert "erika" not in json.dumps(found.resources).lower()
