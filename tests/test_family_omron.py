"""Omron Wellness API: lists of blood pressures, weights and activities."""

import pytest
from families import made, previewed

LOCAL = "2026-10-04T07:10:00"
TIME = "2026-10-04T07:10:00+02:00"


def record(**members):
    return {
        "id": 700001,
        "dateTime": "2026-10-04T05:10:00Z",
        "dateTimeLocal": LOCAL,
        "dateTimeUtcOffset": "+02:00",
        "deviceType": "BP7250",
    } | members


def pressure(**members):
    values = {"systolic": 121, "diastolic": 79, "bloodPressureUnits": "mmHg"}
    return record(**(values | members))


def message(properties=None, **lists):
    lists = {"bloodPressure": [], "activity": [], "weight": []} | lists
    result = {"truncated": False, **lists, "measurementCount": 1}
    properties = {"patientId": "p-1"} | (properties or {})
    return {"Body": {"status": 0, "result": result}, "Properties": properties}


def pressed(time=TIME, systolic=121, diastolic=79):
    return "blood_pressure", time, {"systolic": systolic, "diastolic": diastolic}


@pytest.mark.parametrize(
    ("members", "systolic", "diastolic"),
    [
        ({}, 121, 79),
        ({"systolic": "121", "diastolic": "79"}, 121, 79),
        ({"bloodPressureUnits": "mmhg"}, 121, 79),
        ({"systolic": 16.1, "diastolic": 10.5, "bloodPressureUnits": "kPa"}, 121, 79),
        ({"systolic": "16.0", "diastolic": 10, "bloodPressureUnits": "kPa"}, 120, 75),
        ({"pulse": None, "irregularHeartBeat": 1, "unknown": {"a": [1]}}, 121, 79),
    ],
)
def test_blood_pressure(members, systolic, diastolic, tmp_path):
    sent = message(bloodPressure=[pressure(**members)])
    expected = [pressed(systolic=systolic, diastolic=diastolic)]
    assert made("omron", sent, tmp_path=tmp_path) == (expected, [])


@pytest.mark.parametrize(
    "members",
    [
        {"bloodPressureUnits": "cmH2O"},
        {"bloodPressureUnits": None},
        {"diastolic": None},
        {"systolic": "high"},
    ],
)
def test_what_is_no_blood_pressure_is_a_dead_letter(members, tmp_path):
    sent = message(bloodPressure=[pressure(**members)])
    found, errors = made("omron", sent, tmp_path=tmp_path)
    assert found == []
    assert [error for error, _ in errors] == ["IncompatibleDataException"]


def test_kilopascals_named_mmhg_are_a_dead_letter(tmp_path):
    sent = message(bloodPressure=[pressure(systolic=16.1, diastolic=10.5)])
    found, errors = made("omron", sent, tmp_path=tmp_path)
    assert found == []
    assert [error for error, _ in errors] == ["ImplausibleValue"]


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"pulse": 64, "pulseUnits": "bpm"}, [64]),
        ({"pulse": "64"}, [64]),
        ({"pulse": 0, "pulseUnits": "bpm"}, []),
        ({"pulse": None, "pulseUnits": "bpm"}, []),
        ({}, []),
    ],
)
def test_pulse(members, expected, tmp_path):
    sent = message(bloodPressure=[pressure(**members)])
    found, errors = made("omron", sent, tmp_path=tmp_path)
    assert errors == []
    rates = [value for type_, _, value in found if type_ == "heart_rate"]
    assert rates == expected


@pytest.mark.parametrize(
    ("members", "properties", "time"),
    [
        ({}, {}, TIME),
        ({"dateTimeUtcOffset": "-0700"}, {}, "2026-10-04T07:10:00-07:00"),
        ({"dateTimeUtcOffset": "-07"}, {}, "2026-10-04T07:10:00-07:00"),
        ({"dateTimeUtcOffset": "+05:30"}, {}, "2026-10-04T07:10:00+05:30"),
        ({"dateTimeUtcOffset": "Z"}, {}, "2026-10-04T07:10:00Z"),
        ({"dateTimeLocal": f"{LOCAL}.250"}, {}, "2026-10-04T07:10:00.25+02:00"),
        ({"dateTimeUtcOffset": None}, {}, "2026-10-04T05:10:00Z"),
        ({"dateTimeLocal": None}, {}, TIME),
        ({"dateTimeUtcOffset": ""}, {"timezone": "Europe/Paris"}, TIME),
        (
            {"dateTimeUtcOffset": None, "dateTimeLocal": "2026-10-25T02:30:00"},
            {"timezone": "Europe/Paris"},
            "2026-10-25T02:30:00+02:00",
        ),
        (
            {"dateTimeUtcOffset": None, "dateTimeLocal": "2026-03-29T02:30:00"},
            {"timezone": "Europe/Paris"},
            "2026-03-29T02:30:00+01:00",
        ),
    ],
)
def test_times(members, properties, time, tmp_path):
    sent = message(properties, bloodPressure=[pressure(**members)])
    assert made("omron", sent, tmp_path=tmp_path) == ([pressed(time)], [])


def test_a_time_without_zone_is_a_dead_letter(tmp_path):
    lacking = pressure(dateTime=None, dateTimeUtcOffset=None)
    zoneless = pressure(dateTime=LOCAL, dateTimeLocal=None, dateTimeUtcOffset=None)
    sent = message(bloodPressure=[lacking, zoneless])
    found, errors = made("omron", sent, tmp_path=tmp_path)
    assert found == []
    assert [error for error, _ in errors] == [
        "IncompatibleDataException",
        "NormalizationDataMappingException",
    ]


def weight(value, units, **members):
    return record(weight=value, weightUnits=units, **members)


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (weight(72.4, "kg"), ("body_weight", TIME, 72.4)),
        (weight("72.40", "kg"), ("body_weight", TIME, 72.4)),
        (weight(11, "st"), ("body_weight", TIME, 69.85322498)),
        (weight(159.6, "lb"), ("body_weight_lb", TIME, 159.6)),
        (weight("159.6", "lbs"), ("body_weight_lb", TIME, 159.6)),
    ],
)
def test_weight(sent, expected, tmp_path):
    found = made("omron", message(weight=[sent]), tmp_path=tmp_path)
    assert found == ([expected], [])


def test_a_weight_in_another_unit_is_a_dead_letter(tmp_path):
    found, errors = made(
        "omron", message(weight=[weight(7, "pood")]), tmp_path=tmp_path
    )
    assert found == []
    assert [error for error, _ in errors] == ["IncompatibleDataException"]


def test_body_composition(tmp_path):
    parts = {"bmiValue": 22.9, "bodyFatPercentage": 21.4, "visceralFatLevel": 5}
    none = dict.fromkeys(parts, 0)
    sent = message(
        weight=[
            weight(72.4, "kg", **parts),
            weight(72.5, "kg", **(none | {"dateTimeLocal": "2026-10-05T07:10:00"})),
        ]
    )
    found, errors = made("omron", sent, tmp_path=tmp_path)
    assert errors == []
    assert sorted(found) == [
        ("body_fat", TIME, 21.4),
        ("body_mass_index", TIME, 22.9),
        ("body_weight", TIME, 72.4),
        ("body_weight", "2026-10-05T07:10:00+02:00", 72.5),
        ("visceral_fat", TIME, 5),
    ]


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        (
            {"steps": 6120, "distance": 4.3, "distanceUnits": "km"},
            [("distance_daily", 4300), ("steps_daily", 6120)],
        ),
        (
            {"steps": "6120", "distance": "2.5", "distanceUnits": "mi"},
            [("distance_daily", 4023.36), ("steps_daily", 6120)],
        ),
        ({"steps": 0, "distance": 0, "distanceUnits": "km"}, [("steps_daily", 0)]),
        ({"steps": None, "calories": 240, "caloriesUnits": "kcal"}, []),
    ],
)
def test_activity_is_of_a_civil_day(members, expected, tmp_path):
    day = record(dateTimeLocal="2026-10-04T00:00:00", **members)
    found, errors = made("omron", message(activity=[day]), tmp_path=tmp_path)
    assert errors == []
    assert sorted(found) == [(type_, "2026-10-04", value) for type_, value in expected]


def test_a_record_sent_again_is_the_same_observation(tmp_path):
    def identity(systolic):
        sent = message(bloodPressure=[pressure(systolic=systolic)])
        found = previewed("omron", sent, tmp_path=tmp_path)
        [one] = [r for r in found.resources if r["resourceType"] == "Observation"]
        return one["id"], [i["value"] for i in one["identifier"][1:]]

    assert identity(121) == identity(122)
    assert identity(121)[1] == ["700001"]


@pytest.mark.parametrize(
    ("properties", "device"),
    [
        ({"deviceId": "d-1"}, "d-1"),
        ({}, "omron-p-1-BP7250"),
    ],
)
def test_device(properties, device, tmp_path):
    sent = message(properties, bloodPressure=[pressure()])
    found = previewed("omron", sent, tmp_path=tmp_path)
    assert [m.device for m in found.measurements] == [device]


@pytest.mark.parametrize(
    "body",
    [
        {"status": 0, "result": {"bloodPressure": [pressure()]}},
        {"bloodPressure": [pressure()]},
        [pressure()],
        pressure(),
    ],
    ids=["answer", "result", "list", "record"],
)
def test_records_are_read_where_clients_store_them(body, tmp_path):
    sent = {"Body": body, "Properties": {"patientId": "p-1"}}
    assert made("omron", sent, tmp_path=tmp_path) == ([pressed()], [])


@pytest.mark.parametrize(
    "body",
    [
        {"status": 0, "result": {"bloodPressure": [], "activity": [], "weight": []}},
        {"status": 0, "result": {"bloodPressure": None}},
        {"status": 1, "reason": "Invalid token"},
        {"id": "user-1", "timestamp": "2026-10-04T05:10:00Z"},
    ],
)
def test_nothing_comes_of_nothing(body, tmp_path):
    assert made("omron", {"Body": body}, tmp_path=tmp_path) == ([], [])
