"""An inhaler of one's own: the contract of this project."""

import json

import pytest
from families import made, previewed

AT = "2026-10-04T07:12:31+02:00"


def use(**members):
    return {
        "deviceType": "inhaler",
        "deviceId": "inhaler-42",
        "patientId": "p-1",
        "timestamp": AT,
        "actuations": 2,
    } | members


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({}, 2),
        ({"actuations": "2"}, 2),
        ({"actuations": 2.0, "technique": None, "peakFlow": None}, 2),
        ({"peakFlow": "64.5"}, {"": 2, "peak_flow": 64.5}),
        ({"peakFlow": 1.2, "peakFlowUnit": "L/s"}, {"": 2, "peak_flow": 72}),
        ({"volume": 1.48, "volumeUnit": "L"}, {"": 2, "volume": 1480}),
        ({"duration": 0}, {"": 2, "duration": 0}),
        ({"duration": "1.7", "durationUnit": "s"}, {"": 2, "duration": 1700}),
        ({"technique": "good"}, {"": 2, "technique": "good"}),
        ({"medication": "salbutamol"}, {"": 2, "medication": "salbutamol"}),
        ({"medication": {"name": "salbutamol"}}, {"": 2, "medication": "salbutamol"}),
    ],
)
def test_uses(members, expected, tmp_path):
    found = made("inhaler-generic", use(**members), tmp_path=tmp_path)
    assert found == ([("inhaler_use", AT, expected)], [])


@pytest.mark.parametrize(
    "members",
    [
        {"actuations": 1.5},
        {"actuations": "two"},
        {"actuations": -1},
        {"duration": 1.7, "durationUnit": "min"},
        {"volume": 1, "volumeUnit": "gal"},
        {"peakFlow": 600},
        {"timestamp": "2026-10-04T07:12:31"},
        {"timestamp": None},
        {"patientId": None},
    ],
)
def test_what_breaks_the_contract_is_a_dead_letter(members, tmp_path):
    found, errors = made("inhaler-generic", use(**members), tmp_path=tmp_path)
    assert found == []
    assert len(errors) == 1


@pytest.mark.parametrize(
    "sent", [[], {}, use(actuations=None), use(deviceType="scale")]
)
def test_nothing_comes_of_nothing(sent, tmp_path):
    assert made("inhaler-generic", {"Body": sent}, tmp_path=tmp_path)[0] == []


def test_times_of_the_zone_of_the_envelope(tmp_path):
    sent = [use(timestamp=f"2026-{day}T02:30:00") for day in ("03-29", "10-25")]
    message = {"Body": sent, "Properties": {"timezone": "Europe/Paris"}}
    found, errors = made("inhaler-generic", message, tmp_path=tmp_path)
    assert errors == []
    assert sorted(time for _, time, _ in found) == [
        "2026-03-29T02:30:00+01:00",
        "2026-10-25T02:30:00+02:00",
    ]


def test_nothing_else_is_told(tmp_path):
    sent = use(name="Erika Musterfrau", location={"lat": 48.85})
    told = json.dumps(previewed("inhaler-generic", sent, tmp_path=tmp_path).resources)
    assert "Observation" in told
    assert "Erika" not in told
    assert "48.85" not in told
