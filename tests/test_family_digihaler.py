"""Uploads of the Digihaler."""

import json

import pytest
from families import made, previewed

AT = "2026-10-04T04:40:05Z"
WHOLE = {
    "": 1,
    "peak_flow": 61.5,
    "volume": 1680,
    "duration": 1850,
    "technique": "good",
}


def inhalation(event=(), **members):
    told = {
        "id": 12,
        "time": "2026-10-04T06:40:05+02:00",
        "category": "good",
        "startOffset": 2,
        "duration": 1850,
        "peakFlow": 615,
        "peakOffset": 420,
        "volume": 1680,
        "status": 0,
    } | dict(event)
    inner = {"event": told, "device": {"serialNumber": "INH0001"}}
    return {"timestamp": AT, "inhalation": inner} | members


def upload(*inhalations, **properties):
    body = {"inhalations": list(inhalations)}
    return {"Body": body, "Properties": {"patientId": "p-1"} | properties}


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({}, WHOLE),
        ({"peakFlow": "615", "volume": "1680", "duration": "1850"}, WHOLE),
        ({"peakFlow": 250.0, "new": {}}, WHOLE | {"peak_flow": 25}),
        (
            {"peakFlow": 0, "category": "low"},
            WHOLE | {"peak_flow": 0, "technique": "low"},
        ),
        (
            {"peakFlow": None, "volume": None, "duration": None, "category": None},
            {"": 1},
        ),
    ],
)
def test_inhalations(event, expected, tmp_path):
    # A use without anything beside it has no components.
    value = 1 if expected == {"": 1} else expected
    found = made("digihaler", upload(inhalation(event)), tmp_path=tmp_path)
    assert found == ([("inhaler_use", AT, value)], [])


@pytest.mark.parametrize(
    ("members", "properties", "expected"),
    [
        ({}, {"timezone": "Europe/Paris"}, "2026-10-04T06:40:05+02:00"),
        ({"timestamp": None}, {}, "2026-10-04T06:40:05+02:00"),
        ({"timestamp": "2026-10-04T04:40:05.250Z"}, {}, "2026-10-04T04:40:05.25Z"),
        (
            {"timestamp": "2026-10-25T02:30:00"},
            {"timezone": "Europe/Paris"},
            "2026-10-25T02:30:00+02:00",
        ),
        (
            {"timestamp": "2026-03-29T02:30:00"},
            {"timezone": "Europe/Paris"},
            "2026-03-29T03:30:00+02:00",
        ),
    ],
)
def test_times(members, properties, expected, tmp_path):
    sent = upload(inhalation(**members), **properties)
    found = made("digihaler", sent, tmp_path=tmp_path)
    assert found == ([("inhaler_use", expected, WHOLE)], [])


def test_a_time_without_zone_is_a_dead_letter(tmp_path):
    sent = upload(inhalation(timestamp="2026-10-04T06:40:05"))
    found, errors = made("digihaler", sent, tmp_path=tmp_path)
    assert found == []
    assert [name for name, _ in errors] == ["IncompatibleDataException"]


def test_a_flow_that_cannot_be_is_a_dead_letter(tmp_path):
    found, errors = made(
        "digihaler", upload(inhalation({"peakFlow": 6150})), tmp_path=tmp_path
    )
    assert found == []
    assert [name for name, _ in errors] == ["ImplausibleValue"]


@pytest.mark.parametrize(
    "body", [{"inhalations": []}, {"inhalations": None}, {"inhalations": [{}]}]
)
def test_nothing_in_it(body, tmp_path):
    sent = {"Body": body, "Properties": {"patientId": "p-1"}}
    assert made("digihaler", sent, tmp_path=tmp_path) == ([], [])


def test_without_patient_it_is_a_dead_letter(tmp_path):
    found, errors = made("digihaler", upload(inhalation())["Body"], tmp_path=tmp_path)
    assert found == []
    assert [name for name, _ in errors] == ["ResourceIdentityNotDefinedException"]


@pytest.mark.parametrize(
    ("device", "properties", "expected"),
    [
        ({"serialNumber": "INH0001"}, {"deviceId": "d-1"}, "INH0001"),
        ({"serialNumber": 10012345678}, {}, "10012345678"),
        (None, {"deviceId": "d-1"}, "d-1"),
        ({}, {}, "digihaler-p-1"),
    ],
)
def test_whose_it_is(device, properties, expected, tmp_path):
    sent = inhalation()
    sent["inhalation"]["device"] = device
    found = previewed("digihaler", upload(sent, **properties), tmp_path=tmp_path)
    told = [(each.patient, each.device) for each in found.measurements]
    assert told == [("p-1", expected)]


def test_an_upload_that_is_sent_again_corrects_it(tmp_path):
    sent = upload(inhalation()), upload(inhalation({"category": "low"}))
    found = made("digihaler", *sent, tmp_path=tmp_path)
    assert found == ([("inhaler_use", AT, WHOLE | {"technique": "low"})], [])


def test_nothing_else_is_told(tmp_path):
    sent = inhalation(name="Erika")
    sent["inhalation"]["geolocation"] = {"latitude": 48.8566}
    found = previewed("digihaler", upload(sent), tmp_path=tmp_path)
    told = json.dumps(found.resources)
    assert "INH0001-12" in told
    for secret in ("Erika", "48.8566"):
        assert secret not in told
