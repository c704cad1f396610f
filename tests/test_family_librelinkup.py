"""LibreLinkUp: connections, graph and logbook."""

import json

import pytest
from families import made, previewed

AT = "2026-10-04T07:10:00+02:00"


def measured(**members):
    return {
        "FactoryTimestamp": "10/4/2026 5:10:00 AM",
        "Timestamp": "10/4/2026 7:10:00 AM",
        "type": 1,
        "ValueInMgPerDl": 142,
        "TrendArrow": 3,
        "MeasurementColor": 1,
        "GlucoseUnits": 0,
        "Value": 7.9,
        "isHigh": False,
        "isLow": False,
    } | members


def connection(**members):
    return {
        "patientId": "llu-1",
        "firstName": "Erika",
        "lastName": "Musterfrau",
        "sensor": {"sn": "SENSOR0001", "deviceId": ""},
        "glucoseMeasurement": measured(),
    } | members


def graph(*history, **members):
    data = {"connection": connection(**members), "graphData": list(history)}
    return {"status": 0, "data": data, "ticket": {"token": "secret"}}


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({}, 142),
        ({"ValueInMgPerDl": "142"}, 142),
        ({"isHigh": None, "isLow": None}, 142),
        ({"GlucoseUnits": 1, "Value": 142}, 142),
        ({"ValueInMgPerDl": 39}, "<40"),
        ({"ValueInMgPerDl": 40}, 40),
        ({"ValueInMgPerDl": 40, "isLow": True}, "<40"),
        ({"ValueInMgPerDl": 65, "isLow": True}, 65),
        ({"ValueInMgPerDl": 250, "isHigh": True}, 250),
        ({"ValueInMgPerDl": 400, "isHigh": True}, ">400"),
        ({"ValueInMgPerDl": 450, "isHigh": True}, 450),
        ({"ValueInMgPerDl": 500}, 500),
        ({"ValueInMgPerDl": 500, "isHigh": True}, ">500"),
        ({"ValueInMgPerDl": 501}, ">500"),
    ],
)
def test_readings(members, expected, tmp_path):
    sent = graph(glucoseMeasurement=measured(**members))
    found = [("cgm_glucose", AT, expected)]
    assert made("librelinkup", sent, tmp_path=tmp_path) == (found, [])


@pytest.mark.parametrize(
    ("factory", "local", "expected"),
    [
        ("10/4/2026 12:10:00 AM", "10/3/2026 5:10:00 PM", "2026-10-03T17:10:00-07:00"),
        (
            "10/4/2026 12:10:00 PM",
            "10/4/2026 5:40:00 PM",
            "2026-10-04T17:40:00+05:30",
        ),
        ("10/4/2026 5:10:00 AM", "10/4/2026 5:10:00 AM", "2026-10-04T05:10:00Z"),
        # Both of the hours that stand twice, and the one that is jumped over.
        (
            "10/25/2026 12:30:00 AM",
            "10/25/2026 2:30:00 AM",
            "2026-10-25T02:30:00+02:00",
        ),
        (
            "10/25/2026 1:30:00 AM",
            "10/25/2026 2:30:00 AM",
            "2026-10-25T02:30:00+01:00",
        ),
        (
            "3/29/2026 1:30:00 AM",
            "3/29/2026 3:30:00 AM",
            "2026-03-29T03:30:00+02:00",
        ),
        # A difference that is no offset moves nothing.
        ("10/4/2026 5:10:00 AM", "10/4/2026 7:12:11 AM", "2026-10-04T05:10:00Z"),
        ("10/4/2026 5:10:00 AM", None, "2026-10-04T05:10:00Z"),
    ],
)
def test_times(factory, local, expected, tmp_path):
    reading = measured(FactoryTimestamp=factory, Timestamp=local)
    sent = graph(glucoseMeasurement=reading)
    found = [("cgm_glucose", expected, 142)]
    assert made("librelinkup", sent, tmp_path=tmp_path) == (found, [])


def test_a_zone_in_the_envelope_shows_the_local_time(tmp_path):
    body = graph(glucoseMeasurement=measured(Timestamp=None))
    sent = {"Body": body, "Properties": {"timezone": "Europe/Paris"}}
    found, _ = made("librelinkup", sent, tmp_path=tmp_path)
    assert found == [("cgm_glucose", AT, 142)]


@pytest.mark.parametrize(
    ("members", "error"),
    [
        (
            {"ValueInMgPerDl": None},
            "Unable to extract required value for [glucose]: nothing was found",
        ),
        (
            {"FactoryTimestamp": "2026-10-04T05:10:00Z"},
            "parseDateTime: the text is not of the format",
        ),
    ],
)
def test_what_cannot_be_read_is_a_dead_letter(members, error, tmp_path):
    sent = graph(glucoseMeasurement=measured(**members))
    found, errors = made("librelinkup", sent, tmp_path=tmp_path)
    assert (found, [message for _, message in errors]) == ([], [error])


def test_graph_holds_the_reading_of_now_and_its_history(tmp_path):
    before = measured(
        FactoryTimestamp="10/4/2026 4:55:00 AM",
        Timestamp="10/4/2026 6:55:00 AM",
        ValueInMgPerDl=139,
        type=0,
    )
    sent = graph(before, measured(type=0), glucoseItem=measured())
    found, errors = made("librelinkup", sent, tmp_path=tmp_path)
    assert found == [
        ("cgm_glucose", "2026-10-04T06:55:00+02:00", 139),
        ("cgm_glucose", AT, 142),
    ]
    assert errors == []


def test_connections_are_of_several_people(tmp_path):
    body = {"status": 0, "data": [connection(), connection(patientId="llu-2")]}
    found = previewed("librelinkup", body, tmp_path=tmp_path)
    assert {(each.patient, each.device) for each in found.measurements} == {
        ("llu-1", "librelinkup-llu-1"),
        ("llu-2", "librelinkup-llu-2"),
    }


def test_logbook_names_nobody(tmp_path):
    body = {"status": 0, "data": [measured()]}
    found, errors = made("librelinkup", body, tmp_path=tmp_path)
    assert found == []
    assert errors == [
        (
            "ResourceIdentityNotDefinedException",
            "the measurement names no patient",
        )
    ]
    sent = {"Body": body, "Properties": {"patientId": "p-1"}}
    found, errors = made("librelinkup", sent, tmp_path=tmp_path)
    assert (found, errors) == ([("cgm_glucose", AT, 142)], [])


def test_a_new_sensor_does_not_tell_the_history_again(tmp_path):
    ids = set()
    for sensor in ("SENSOR0001", "SENSOR0002"):
        sent = graph(measured(), sensor={"sn": sensor}, glucoseMeasurement=None)
        found = previewed("librelinkup", sent, tmp_path=tmp_path)
        ids |= {
            each["id"]
            for each in found.resources
            if each["resourceType"] == "Observation"
        }
    assert len(ids) == 1


def test_what_holds_no_reading_makes_nothing(tmp_path):
    messages = [
        {"status": 0, "data": {"connection": None, "graphData": None}},
        {"status": 0, "data": []},
        graph(glucoseMeasurement=None),
        {"status": 4, "data": {"user": {"id": "llu-1"}}},
    ]
    assert made("librelinkup", *messages, tmp_path=tmp_path) == ([], [])


def test_nothing_else_is_told(tmp_path):
    told = json.dumps(previewed("librelinkup", graph(), tmp_path=tmp_path).resources)
    assert "Observation" in told
    for secret in ("Erika", "Musterfrau", "secret"):
        assert secret not in told
