"""A heart monitor of one's own: the contract of this project."""

import json

import pytest
from families import made, previewed

AT = "2026-10-04T07:12:31+02:00"


def reading(**members):
    return {
        "deviceType": "heart-monitor",
        "deviceId": "strap-42",
        "patientId": "p-1",
        "timestamp": AT,
        "heartRate": 64,
    } | members


RATE = ("heart_rate", AT, 64)

VARIABILITY = [("hrv_rmssd", AT, 36), ("hrv_sdnn", AT, 48.5)]


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({}, [RATE]),
        ({"heartRate": "64.0", "unit": "bpm"}, [RATE]),
        ({"contact": True, "battery": 80}, [RATE]),
        ({"contact": None, "hrv": None}, [RATE]),
        ({"hrv": {"sdnn": "48.50", "rmssd": 36}}, [RATE, *VARIABILITY]),
        ({"hrv": {"sdnn": 48.5, "rmssd": 36}, "heartRate": None}, VARIABILITY),
        ({"contact": False, "hrv": {"sdnn": 48.5}}, []),
        ({"contact": "false"}, []),
        ({"heartRate": 0, "hrv": {"sdnn": 48.5}}, []),
        ({"heartRate": "0"}, []),
        ({"deviceType": "scale"}, []),
    ],
)
def test_readings(members, expected, tmp_path):
    sent = reading(**members)
    found, errors = made("heart-monitor", sent, tmp_path=tmp_path)
    assert (sorted(found), errors) == (expected, [])


@pytest.mark.parametrize(
    "members",
    [
        {"unit": "Hz"},
        {"heartRate": 1.1},
        {"heartRate": "x"},
        {"heartRate": 400},
        {"timestamp": "2026-10-04T07:12:31"},
        {"timestamp": None},
        {"patientId": None},
    ],
)
def test_what_breaks_the_contract_is_a_dead_letter(members, tmp_path):
    found, errors = made("heart-monitor", reading(**members), tmp_path=tmp_path)
    assert found == []
    assert len(errors) == 1


def test_times_of_the_zone_of_the_envelope(tmp_path):
    sent = [reading(timestamp=f"2026-{day}T02:30:00") for day in ("03-29", "10-25")]
    message = {"Body": sent, "Properties": {"timezone": "Europe/Paris"}}
    found, errors = made("heart-monitor", message, tmp_path=tmp_path)
    assert errors == []
    assert sorted(time for _, time, _ in found) == [
        "2026-03-29T02:30:00+01:00",
        "2026-10-25T02:30:00+02:00",
    ]


def test_nothing_else_is_told(tmp_path):
    sent = reading(name="Erika Musterfrau")
    found = previewed("heart-monitor", sent, tmp_path=tmp_path)
    assert found.measurements
    assert "Erika" not in json.dumps(found.resources)
