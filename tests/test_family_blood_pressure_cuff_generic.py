"""A blood-pressure cuff of one's own: the contract of this project."""

import json

import pytest
from families import made, previewed

AT = "2026-10-04T07:12:31+02:00"


def reading(**members):
    return {
        "deviceType": "blood-pressure-cuff",
        "deviceId": "cuff-42",
        "patientId": "p-1",
        "timestamp": AT,
        "systolic": 121,
        "diastolic": 79,
        "unit": "mmHg",
    } | members


def pressure(systolic, diastolic, **more):
    values = {"systolic": systolic, "diastolic": diastolic} | more
    return ("blood_pressure", AT, values)


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({}, [pressure(121, 79)]),
        ({"unit": "mm[Hg]"}, [pressure(121, 79)]),
        ({"systolic": "121", "diastolic": "79.0"}, [pressure(121, 79)]),
        ({"mean": 93, "posture": "sitting"}, [pressure(121, 79, mean=93)]),
        ({"pulse": 64}, [pressure(121, 79), ("heart_rate", AT, 64)]),
        ({"pulse": "64"}, [pressure(121, 79), ("heart_rate", AT, 64)]),
        ({"pulse": 0, "mean": None}, [pressure(121, 79)]),
        ({"pulse": None}, [pressure(121, 79)]),
        (
            {"systolic": 16, "diastolic": "10.5", "mean": 12.4, "unit": "kPa"},
            [pressure(120, 79, mean=93)],
        ),
    ],
)
def test_readings(members, expected, tmp_path):
    sent = reading(**members)
    found, errors = made("blood-pressure-cuff-generic", sent, tmp_path=tmp_path)
    assert (sorted(found, key=lambda each: each[0]), errors) == (expected, [])


@pytest.mark.parametrize(
    "members",
    [
        {"unit": None},
        {"unit": "cmH2O"},
        {"unit": "kpa"},
        {"unit": "kPa"},
        {"systolic": 16, "diastolic": 10.5},
        {"systolic": None},
        {"diastolic": None},
        {"diastolic": "x"},
        {"systolic": 0, "diastolic": 0},
        {"mean": "x"},
        {"timestamp": "2026-10-04T07:12:31"},
        {"timestamp": 1791090751},
        {"patientId": None},
    ],
)
def test_what_breaks_the_contract_is_a_dead_letter(members, tmp_path):
    sent = reading(**members)
    found, errors = made("blood-pressure-cuff-generic", sent, tmp_path=tmp_path)
    assert found == []
    assert len(errors) == 1


@pytest.mark.parametrize(
    "sent",
    [
        [],
        {},
        reading(deviceType="scale"),
        reading(systolic=None, diastolic=None),
    ],
)
def test_nothing_comes_of_nothing(sent, tmp_path):
    found = made("blood-pressure-cuff-generic", {"Body": sent}, tmp_path=tmp_path)
    assert found[0] == []


def test_times_of_the_zone_of_the_envelope(tmp_path):
    sent = [reading(timestamp=f"2026-{day}T02:30:00") for day in ("03-29", "10-25")]
    message = {"Body": sent, "Properties": {"timezone": "Europe/Paris"}}
    found, errors = made("blood-pressure-cuff-generic", message, tmp_path=tmp_path)
    assert errors == []
    assert sorted(time for _, time, _ in found) == [
        "2026-03-29T02:30:00+01:00",
        "2026-10-25T02:30:00+02:00",
    ]


@pytest.mark.parametrize(
    ("members", "properties", "expected"),
    [
        ({}, {"patientId": "p-2"}, ("p-2", "cuff-42")),
        ({"deviceId": None}, {"deviceId": "d-1"}, ("p-1", "d-1")),
        ({"deviceId": None}, {}, ("p-1", "blood-pressure-cuff-p-1")),
    ],
)
def test_whose_it_is(members, properties, expected, tmp_path):
    sent = {"Body": reading(**members), "Properties": properties}
    found = previewed("blood-pressure-cuff-generic", sent, tmp_path=tmp_path)
    assert [(each.patient, each.device) for each in found.measurements] == [expected]


def test_a_reading_sent_again_is_the_same_observation(tmp_path):
    def identity(systolic):
        sent = reading(systolic=systolic)
        found = previewed("blood-pressure-cuff-generic", sent, tmp_path=tmp_path)
        return [r["id"] for r in found.resources if r["resourceType"] == "Observation"]

    assert identity(121) == identity(122)


def test_nothing_else_is_told(tmp_path):
    sent = reading(name="Erika Musterfrau")
    found = previewed("blood-pressure-cuff-generic", sent, tmp_path=tmp_path)
    assert found.measurements
    assert "Erika" not in json.dumps(found.resources)
