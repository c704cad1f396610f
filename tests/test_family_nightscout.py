"""Nightscout: entries and finger sticks of API v1 and v3."""

import json

import pytest
from families import made, previewed

AT = "2026-10-04T07:10:00+02:00"
UTC = "2026-10-04T05:10:00Z"
PROPERTIES = {"patientId": "p-1"}
UNREADABLE = (
    "IncompatibleDataException",
    "Unable to extract required value for [glucose]: nothing was found",
)


def entry(**members):
    return {
        "_id": "665f00000000000000000001",
        "type": "sgv",
        "sgv": 142,
        "date": 1791090600000,
        "utcOffset": 120,
        "device": "xDrip-Example",
        "direction": "Flat",
    } | members


def stick(**members):
    return {
        "_id": "665f00000000000000000002",
        "eventType": "BG Check",
        "glucoseType": "Finger",
        "glucose": 121,
        "units": "mg/dl",
        "created_at": UTC,
        "enteredBy": "Erika Musterfrau",
    } | members


def message(*documents, **properties):
    return {"Body": list(documents), "Properties": PROPERTIES | properties}


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({}, ("cgm_glucose", AT, 142)),
        ({"sgv": "142"}, ("cgm_glucose", AT, 142)),
        ({"sgv": 142.5}, ("cgm_glucose", AT, 142.5)),
        ({"sgv": 39}, ("cgm_glucose", AT, "<40")),
        ({"sgv": "401"}, ("cgm_glucose", AT, ">400")),
        ({"sgv": 450}, ("cgm_glucose", AT, 450)),
        ({"sgv": "5"}, ("cgm_glucose", AT, "?error")),
        ({"sgv": 0}, ("cgm_glucose", AT, "?error")),
        ({"type": None, "_id": None, "device": None}, ("cgm_glucose", AT, 142)),
        ({"units": "mg/dl"}, ("cgm_glucose", AT, 142)),
        ({"units": "mg"}, ("cgm_glucose", AT, 142)),
        ({"units": "mmol", "sgv": 7.9}, ("cgm_glucose_mmol", AT, 7.9)),
        ({"sgv": None, "mbg": "138"}, ("blood_glucose", AT, 138)),
        (
            {"sgv": None, "mbg": 7.2, "units": "mmol/L"},
            ("blood_glucose_mmol", AT, 7.2),
        ),
        ({"isValid": True}, ("cgm_glucose", AT, 142)),
    ],
)
def test_entries(members, expected, tmp_path):
    sent = message(entry(**members))
    assert made("nightscout", sent, tmp_path=tmp_path) == ([expected], [])


@pytest.mark.parametrize(
    ("members", "properties", "expected"),
    [
        ({"utcOffset": "120"}, {}, AT),
        ({"utcOffset": -210}, {}, "2026-10-04T01:40:00-03:30"),
        ({"utcOffset": None}, {}, UTC),
        ({"utcOffset": None}, {"timezone": "Europe/Paris"}, AT),
        # Servers write 0 where the uploader told no offset.
        ({"utcOffset": 0}, {}, UTC),
        ({"utcOffset": 0}, {"timezone": "Europe/Paris"}, AT),
        ({"date": "1791090600000"}, {}, AT),
        ({"date": 1791090600}, {}, AT),
        ({"date": 1791090600250}, {}, "2026-10-04T07:10:00.25+02:00"),
        ({"date": "2026-10-04T05:10:00.000Z"}, {}, AT),
        ({"date": AT, "utcOffset": None}, {}, AT),
        ({"date": None, "dateString": "2026-10-04T07:10:00.000+0200"}, {}, AT),
        ({"dateString": "10/04/2026 07:10:00 AM"}, {}, AT),
        (
            {"date": None, "dateString": "2026-10-25T02:30:00"},
            {"timezone": "Europe/Paris"},
            "2026-10-25T02:30:00+02:00",
        ),
    ],
)
def test_times(members, properties, expected, tmp_path):
    sent = message(entry(**members), **properties)
    found = [("cgm_glucose", expected, 142)]
    assert made("nightscout", sent, tmp_path=tmp_path) == (found, [])


@pytest.mark.parametrize(
    "members",
    [
        {"date": None},
        {"date": None, "dateString": "10/04/2026 07:10:00 AM"},
        {"date": None, "dateString": "2026-10-04T07:10:00"},
    ],
)
def test_a_time_without_zone_or_in_no_notation_is_a_dead_letter(members, tmp_path):
    sent = message(entry(**members))
    found, ((error, _),) = made("nightscout", sent, tmp_path=tmp_path)
    assert (found, error) == ([], "IncompatibleDataException")


@pytest.mark.parametrize(
    "document",
    [
        entry(sgv="HIGH"),
        entry(units="stone"),
        stick(units=None),
        stick(units="stone"),
    ],
)
def test_what_is_no_number_of_a_known_unit_is_a_dead_letter(document, tmp_path):
    sent = message(document)
    assert made("nightscout", sent, tmp_path=tmp_path) == ([], [UNREADABLE])


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({}, [("blood_glucose", UTC, 121)]),
        ({"glucose": "121", "units": "mg/dL"}, [("blood_glucose", UTC, 121)]),
        ({"glucose": 6.4, "units": "mmol"}, [("blood_glucose_mmol", UTC, 6.4)]),
        ({"created_at": AT}, [("blood_glucose", AT, 121)]),
        ({"utcOffset": 120}, [("blood_glucose", AT, 121)]),
        (
            {"date": 1791090600000, "utcOffset": 120, "eventType": "Meal Bolus"},
            [("blood_glucose", AT, 121)],
        ),
        ({"glucoseType": "Sensor"}, []),
        ({"glucoseType": "Manual"}, []),
        ({"glucoseType": None}, []),
        ({"glucose": None}, []),
        ({"isValid": False}, []),
    ],
)
def test_of_treatments_only_finger_sticks_are_read(members, expected, tmp_path):
    sent = message(stick(**members))
    assert made("nightscout", sent, tmp_path=tmp_path) == (expected, [])


@pytest.mark.parametrize(
    "body",
    [
        [entry()],
        entry(),
        {"status": 200, "result": [entry()]},
        {"status": 200, "result": entry()},
    ],
)
def test_shapes(body, tmp_path):
    sent = {"Body": body, "Properties": PROPERTIES}
    found = [("cgm_glucose", AT, 142)]
    assert made("nightscout", sent, tmp_path=tmp_path) == (found, [])


@pytest.mark.parametrize(
    "body",
    [
        [],
        {"status": 200, "result": []},
        [entry(sgv=None)],
        [entry(isValid=False)],
        [{"type": "cal", "slope": 812.4, "intercept": 31000, "date": 1791090600000}],
        # In the user's unit, and nobody says which.
        {"bgs": [{"sgv": "142", "trend": 4, "datetime": 1791090600000}]},
    ],
)
def test_what_holds_no_reading_makes_nothing(body, tmp_path):
    sent = {"Body": body, "Properties": PROPERTIES}
    assert made("nightscout", sent, tmp_path=tmp_path) == ([], [])


def test_record_ids_are_those_of_v3_of_v1_or_of_an_export(tmp_path):
    ids = [{"identifier": "a"}, {"_id": "b"}, {"_id": {"$oid": "c"}}]
    entries = [
        entry(date=1791090600000 + 300_000 * n, **each) for n, each in enumerate(ids)
    ]
    found = previewed("nightscout", message(*entries), tmp_path=tmp_path)
    made_ids = [
        each["identifier"][1]["value"]
        for each in found.resources
        if each["resourceType"] == "Observation"
    ]
    assert made_ids == ["a", "b", "c"]


def test_devices_are_of_one_patient(tmp_path):
    sent = message(entry(), entry(sgv=None, mbg=138), stick())
    found = previewed("nightscout", sent, tmp_path=tmp_path)
    assert {measured.device for measured in found.measurements} == {
        "nightscout-p-1-xDrip-Example",
        "nightscout-p-1-meter",
    }


def test_without_a_patient_it_is_a_dead_letter(tmp_path):
    found, errors = made("nightscout", [entry()], tmp_path=tmp_path)
    assert found == []
    assert errors == [
        (
            "ResourceIdentityNotDefinedException",
            "the measurement names no patient",
        )
    ]


def test_nothing_else_is_told(tmp_path):
    sent = message(stick(notes="Erika Musterfrau"), entry(subject="Erika Musterfrau"))
    found = previewed("nightscout", sent, tmp_path=tmp_path)
    assert len(found.measurements) == 2
    assert "Erika" not in json.dumps(found.resources)
