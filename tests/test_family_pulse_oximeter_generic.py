"""Pulse oximeters: a gateway's lists, and the contract of this project."""

import json

import pytest
from families import made, previewed

AT = "2026-10-04T05:14:15+02:00"

NAMES = ("heart_rate", "oxygen_saturation", "perfusion_index")


def gateway(*readings, **members):
    return {
        "deviceId": "plx-01",
        "patientId": "p-1",
        "measuredAt": AT,
        "readings": list(readings),
    } | members


def flat(**members):
    return {
        "deviceType": "pulse-oximeter",
        "deviceId": "plx-01",
        "patientId": "p-1",
        "timestamp": AT,
    } | members


READINGS = [
    ({"spo2": 97, "pulseRate": 64, "pi": 4.2}, (64, 97, 4.2)),
    ({"spo2": "97", "pulseRate": "64", "pi": "4.20"}, (64, 97, 4.2)),
    ({"spo2": 97, "battery": {"v": 3}}, (None, 97, None)),
    ({"spo2": 97, "pulseRate": None, "pi": None}, (None, 97, None)),
    ({"spo2": 127, "pulseRate": 255, "pi": 0}, (None, None, None)),
    ({"spo2": "127", "pulseRate": "255", "pi": "0"}, (None, None, None)),
    ({"spo2": 0, "pulseRate": 0}, (None, None, None)),
    ({"spo2": 127, "pulseRate": 127}, (127, None, None)),
]


def expected(values):
    pairs = zip(NAMES, values, strict=True)
    return [(name, AT, value) for name, value in pairs if value is not None]


@pytest.mark.parametrize("status", [{}, {"status": "ok"}, {"status": "OK"}])
@pytest.mark.parametrize(("reading", "values"), READINGS)
def test_readings(reading, values, status, tmp_path):
    for sent in (gateway(reading | status), flat(**reading, **status)):
        found, errors = made("pulse-oximeter-generic", sent, tmp_path=tmp_path)
        assert (sorted(found), errors) == (expected(values), [])


def test_a_status_of_null_is_none(tmp_path):
    sent = gateway({"spo2": 97, "status": None})
    found = made("pulse-oximeter-generic", sent, tmp_path=tmp_path)
    assert found == ([("oxygen_saturation", AT, 97)], [])


@pytest.mark.parametrize("status", ["no-finger", "searching", "error", "not ok"])
def test_other_states_are_left_out(status, tmp_path):
    reading = {"spo2": 97, "pulseRate": 64, "pi": 4.2, "status": status}
    for sent in (gateway(reading), flat(**reading)):
        assert made("pulse-oximeter-generic", sent, tmp_path=tmp_path) == ([], [])


def test_several_readings_and_messages(tmp_path):
    later = {"spo2": 95, "status": "ok", "measuredAt": "2026-10-04T05:15:15+02:00"}
    sent = [
        gateway({"spo2": 97, "status": "ok"}, later),
        gateway({"spo2": 96, "status": "ok"}, deviceId="plx-02"),
    ]
    found, errors = made("pulse-oximeter-generic", sent, tmp_path=tmp_path)
    assert errors == []
    assert sorted((time, value) for _, time, value in found) == [
        (AT, 96),
        (AT, 97),
        ("2026-10-04T05:15:15+02:00", 95),
    ]


@pytest.mark.parametrize(
    "sent",
    [
        gateway({"spo2": 0.97}),
        flat(spo2=0.97),
        flat(spo2=101),
        flat(spo2="high"),
        flat(spo2=97, unit="1"),
        flat(spo2=97, timestamp="2026-10-04T05:14:15"),
        gateway({"spo2": 97}, measuredAt="2026-10-04T05:14:15"),
        gateway({"spo2": 97, "status": "ok"}, measuredAt="2026-10-04T05:14:15"),
        flat(spo2=97, patientId=None),
        [gateway({"spo2": 97})],
    ],
)
def test_what_breaks_the_contract_is_a_dead_letter(sent, tmp_path):
    found, errors = made("pulse-oximeter-generic", sent, tmp_path=tmp_path)
    assert found == []
    assert len(errors) == 1


@pytest.mark.parametrize("reading", [{"spo2": 97}, {"spo2": 97, "status": "ok"}])
def test_the_envelope_fills_what_is_not_sent(reading, tmp_path):
    body = gateway(reading, deviceId=None, patientId=None)
    body["measuredAt"] = "2026-10-25T02:30:00"
    properties = {"patientId": "p-2", "timezone": "Europe/Paris"}
    sent = {"Body": body, "Properties": properties}
    found = previewed("pulse-oximeter-generic", sent, tmp_path=tmp_path)
    assert found.dead_letters == []
    [one] = found.measurements
    assert (one.patient, one.device) == ("p-2", "pulse-oximeter-p-2")
    [observation] = [r for r in found.resources if r["resourceType"] == "Observation"]
    assert observation["effectiveDateTime"] == "2026-10-25T02:30:00+02:00"


def test_nothing_else_is_told(tmp_path):
    sent = gateway({"spo2": 97, "nurse": "Erika"}, patientName="Anna Example")
    told = json.dumps(
        previewed("pulse-oximeter-generic", sent, tmp_path=tmp_path).resources
    )
    assert "Observation" in told
    assert "Erika" not in told
    assert "Anna" not in told
