"""The contract for blood-pressure cuffs that speak for themselves."""

import json

import pytest
from families import made, previewed

FAMILY = "blood-pressure-cuff-generic"
TIME = "2026-10-04T07:05:00+02:00"


def reading(**members):
    return {
        "deviceType": "blood-pressure-cuff",
        "deviceId": "cuff-7",
        "patientId": "p-1",
        "timestamp": TIME,
        "systolic": 121,
        "diastolic": 79,
        "unit": "mmHg",
    } | members


def without(name, **members):
    return {key: value for key, value in reading(**members).items() if key != name}


def pressure(systolic=121, diastolic=79, **more):
    return "blood_pressure", TIME, {"systolic": systolic, "diastolic": diastolic} | more


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({}, [pressure()]),
        ({"systolic": "121", "diastolic": "79.0"}, [pressure()]),
        ({"systolic": 1.21e2}, [pressure()]),
        ({"unit": "mm[Hg]"}, [pressure()]),
        ({"mean": 93}, [pressure(mean=93)]),
        ({"mean": "93.5"}, [pressure(mean=93.5)]),
        ({"mean": None, "pulse": None, "id": None}, [pressure()]),
        ({"pulse": 0}, [pressure()]),
        ({"pulse": "0"}, [pressure()]),
        ({"pulse": 64}, [pressure(), ("heart_rate", TIME, 64)]),
        ({"pulse": "64"}, [pressure(), ("heart_rate", TIME, 64)]),
        ({"firmware": {"v": [1]}, "irregular": True}, [pressure()]),
        ({"unit": "kPa", "systolic": 16.0, "diastolic": "10.5"}, [pressure(120, 79)]),
        (
            {"unit": "kPa", "systolic": 16.1, "diastolic": 10.5, "mean": 12.4},
            [pressure(121, 79, mean=93)],
        ),
        (
            {"timestamp": "2026-10-04T05:05:00.250Z"},
            [("blood_pressure", "2026-10-04T05:05:00.25Z", pressure()[2])],
        ),
    ],
)
def test_readings(members, expected, tmp_path):
    found, errors = made(FAMILY, reading(**members), tmp_path=tmp_path)
    assert errors == []
    assert sorted(found) == expected


@pytest.mark.parametrize(
    ("members", "error"),
    [
        ({"unit": "mmhg"}, "IncompatibleDataException"),
        ({"unit": "cmH2O"}, "IncompatibleDataException"),
        ({"unit": None}, "IncompatibleDataException"),
        ({"systolic": None}, "IncompatibleDataException"),
        ({"diastolic": None}, "IncompatibleDataException"),
        ({"diastolic": "low"}, "IncompatibleDataException"),
        ({"systolic": 0, "diastolic": 0}, "ImplausibleValue"),
        ({"systolic": 255, "diastolic": 255}, "ImplausibleValue"),
        ({"systolic": 16.0, "diastolic": 10.5}, "ImplausibleValue"),
        ({"unit": "kPa"}, "ImplausibleValue"),
        ({"mean": 12.4}, "ImplausibleValue"),
        ({"mean": "n/a"}, "InvalidQuantityFhirValueException"),
        ({"timestamp": "2026-10-04T07:05:00"}, "IncompatibleDataException"),
        ({"timestamp": 1791090300}, "IncompatibleDataException"),
        ({"timestamp": None}, "IncompatibleDataException"),
        ({"patientId": None}, "ResourceIdentityNotDefinedException"),
    ],
)
def test_what_breaks_the_contract_is_a_dead_letter(members, error, tmp_path):
    found, errors = made(FAMILY, reading(**members), tmp_path=tmp_path)
    assert found == []
    assert [each for each, _ in errors] == [error]


@pytest.mark.parametrize("name", ["unit", "systolic", "diastolic", "timestamp"])
def test_what_is_missing_is_a_dead_letter(name, tmp_path):
    found, errors = made(FAMILY, without(name), tmp_path=tmp_path)
    assert found == []
    assert [each for each, _ in errors] == ["IncompatibleDataException"]


def test_a_pulse_is_read_though_the_pressure_failed(tmp_path):
    sent = reading(systolic=None, pulse=64)
    found, errors = made(FAMILY, sent, tmp_path=tmp_path)
    assert found == [("heart_rate", TIME, 64)]
    assert [each for each, _ in errors] == ["IncompatibleDataException"]


@pytest.mark.parametrize(
    ("local", "shown"),
    [
        ("2026-03-29T01:59:00", "2026-03-29T01:59:00+01:00"),
        ("2026-03-29T02:30:00", "2026-03-29T02:30:00+01:00"),
        ("2026-03-29T03:00:00", "2026-03-29T03:00:00+02:00"),
        ("2026-10-25T01:30:00", "2026-10-25T01:30:00+02:00"),
        ("2026-10-25T02:30:00", "2026-10-25T02:30:00+02:00"),
        ("2026-10-25T03:30:00", "2026-10-25T03:30:00+01:00"),
        ("2026-10-25 07:05", "2026-10-25T07:05:00+01:00"),
        ("2026-10-04T07:05:00-05:00", "2026-10-04T07:05:00-05:00"),
    ],
)
def test_local_times_are_of_the_zone_of_the_envelope(local, shown, tmp_path):
    sent = {
        "Body": reading(timestamp=local),
        "Properties": {"timezone": "Europe/Paris"},
    }
    found, errors = made(FAMILY, sent, tmp_path=tmp_path)
    assert errors == []
    assert [time for _, time, _ in found] == [shown]


@pytest.mark.parametrize(
    ("device", "properties", "expected"),
    [
        ("cuff-7", {"deviceId": "gateway"}, "cuff-7"),
        (350000000000001, {}, "350000000000001"),
        (None, {"deviceId": "cuff-8"}, "cuff-8"),
        (None, {}, "blood-pressure-cuff-p-1"),
    ],
)
def test_device(device, properties, expected, tmp_path):
    sent = {"Body": reading(deviceId=device), "Properties": properties}
    found = previewed(FAMILY, sent, tmp_path=tmp_path)
    assert [m.device for m in found.measurements] == [expected]


def test_the_patient_of_the_envelope_counts(tmp_path):
    sent = {"Body": [reading()], "Properties": {"patientId": "p-2"}}
    found = previewed(FAMILY, sent, tmp_path=tmp_path)
    assert [m.patient for m in found.measurements] == ["p-2"]


def test_a_reading_sent_again_is_the_same_observation(tmp_path):
    def identity(systolic):
        sent = reading(systolic=systolic, id="bp-1")
        found = previewed(FAMILY, sent, tmp_path=tmp_path)
        [one] = [r for r in found.resources if r["resourceType"] == "Observation"]
        return one["id"], [i["value"] for i in one["identifier"][1:]]

    assert identity(121) == identity(122)
    assert identity(121)[1] == ["bp-1"]


def test_no_name_goes_on(tmp_path):
    sent = reading(pulse=64, patientName="Anna Example", birthday="1960-02-29")
    found = previewed(FAMILY, sent, tmp_path=tmp_path)
    made_of_it = json.dumps(found.resources) + repr(found.measurements)
    assert found.measurements
    assert "Anna" not in made_of_it
    assert "1960" not in made_of_it


@pytest.mark.parametrize(
    "sent",
    [
        [],
        [{}],
        without("deviceType"),
        reading(deviceType="scale"),
        reading(systolic=None, diastolic=None),
        {"deviceType": "blood-pressure-cuff", "deviceId": "cuff-7", "battery": 80},
    ],
)
def test_nothing_comes_of_nothing(sent, tmp_path):
    assert made(FAMILY, {"Body": sent}, tmp_path=tmp_path)[0] == []
