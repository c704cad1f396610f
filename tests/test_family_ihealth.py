"""iHealth OpenAPI V2: lists of pressures, weights, glucose, oxygen, days, nights."""

import json

import pytest
from families import made, previewed

WALL = 1791097800
TIME = "2026-10-04T07:10:00+02:00"


def record(**members):
    return {
        "DataID": "rec-1",
        "DataSource": "FromDevice",
        "LastChangeTime": WALL,
        "Lat": -1,
        "Lon": -1,
        "MDate": WALL,
        "Note": "",
        "TimeZone": "+0200",
    } | members


def page(name, *records, **members):
    return {
        name: list(records),
        "CurrentRecordCount": len(records),
        "NextPageUrl": "",
        "PageLength": 50,
    } | members


def message(body, **properties):
    return {"Body": body, "Properties": {"patientId": "p-1", **properties}}


def pressures(*records, **members):
    return page("BPDataList", *records, **({"BPUnit": 0} | members))


def pressed(time=TIME, systolic=121, diastolic=79):
    return "blood_pressure", time, {"systolic": systolic, "diastolic": diastolic}


@pytest.mark.parametrize(
    ("members", "unit", "systolic", "diastolic"),
    [
        ({"HP": 121, "LP": 79}, 0, 121, 79),
        ({"HP": "121", "LP": "79"}, 0, 121, 79),
        ({"HP": 121, "LP": 79}, "0", 121, 79),
        ({"HP": 16.1, "LP": 10.5}, 1, 121, 79),
        ({"HP": "16.1", "LP": "10.5"}, "1", 121, 79),
        ({"HP": 121, "LP": 79, "HR": 0}, 0, 121, 79),
        ({"HP": 121, "LP": 79, "HR": -1, "IsArr": None}, 0, 121, 79),
        ({"HP": 121, "LP": 79, "HR": "", "more": {"x": [1]}}, 0, 121, 79),
    ],
)
def test_blood_pressure(members, unit, systolic, diastolic, tmp_path):
    body = pressures(record(**members), BPUnit=unit)
    expected = [pressed(systolic=systolic, diastolic=diastolic)]
    assert made("ihealth", message(body), tmp_path=tmp_path) == (expected, [])


@pytest.mark.parametrize("unit", [2, None, "mmHg"])
def test_a_blood_pressure_in_another_unit_is_a_dead_letter(unit, tmp_path):
    body = pressures(record(HP=121, LP=79), BPUnit=unit)
    found, errors = made("ihealth", message(body), tmp_path=tmp_path)
    assert found == []
    assert [error for error, _ in errors] == ["IncompatibleDataException"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (pressures(record(HP=121, LP=79, HR=64)), 64),
        (pressures(record(HP=121, LP=79, HR="64")), 64),
        (page("BODataList", record(BO=97, HR=66)), 66),
    ],
)
def test_pulse(body, expected, tmp_path):
    found, errors = made("ihealth", message(body), tmp_path=tmp_path)
    assert errors == []
    assert ("heart_rate", TIME, expected) in found
    assert len(found) == 2


def test_oxygen(tmp_path):
    body = page("BODataList", record(BO=97, HR=0), record(BO=0, HR=0))
    expected = ([("oxygen_saturation", TIME, 97)], [])
    assert made("ihealth", message(body), tmp_path=tmp_path) == expected


def test_more_oxygen_than_there_can_be_is_a_dead_letter(tmp_path):
    body = page("BODataList", record(BO=188, HR=0))
    found, errors = made("ihealth", message(body), tmp_path=tmp_path)
    assert found == []
    assert [error for error, _ in errors] == ["ImplausibleValue"]


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (77.5643875134944, 0, ("body_weight", TIME, 77.5643875134944)),
        ("72.4", "0", ("body_weight", TIME, 72.4)),
        (159.6, 1, ("body_weight_lb", TIME, 159.6)),
        ("159.6", "1", ("body_weight_lb", TIME, 159.6)),
        (11, 2, ("body_weight", TIME, 69.85322498)),
    ],
)
def test_weight(value, unit, expected, tmp_path):
    sent = record(WeightValue=value, BMI=0, FatValue=0, WaterValue=0, BoneValue=0)
    body = page("WeightDataList", sent, WeightUnit=unit)
    assert made("ihealth", message(body), tmp_path=tmp_path) == ([expected], [])


def test_body_composition(tmp_path):
    sent = record(
        WeightValue=0, BMI=22.56, FatValue=21.5, WaterValue=55, MuscaleValue=2
    )
    body = page("WeightDataList", sent, WeightUnit=0)
    found, errors = made("ihealth", message(body), tmp_path=tmp_path)
    assert errors == []
    expected = [("body_fat", TIME, 21.5), ("body_mass_index", TIME, 22.56)]
    assert sorted(found) == expected


def test_a_fraction_is_no_percentage(tmp_path):
    body = page("WeightDataList", record(FatValue=0.22), WeightUnit=0)
    found, errors = made("ihealth", message(body), tmp_path=tmp_path)
    assert found == []
    assert [error for error, _ in errors] == ["ImplausibleValue"]


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (104, 0, ("blood_glucose", TIME, 104)),
        ("104", "0", ("blood_glucose", TIME, 104)),
        (5.8, 1, ("blood_glucose_mmol", TIME, 5.8)),
    ],
)
def test_glucose(value, unit, expected, tmp_path):
    body = page("BGDataList", record(BG=value), record(BG=0), BGUnit=unit)
    assert made("ihealth", message(body), tmp_path=tmp_path) == ([expected], [])


@pytest.mark.parametrize(
    "body",
    [
        page("BGDataList", record(BG=104), BGUnit=3),
        page("BGDataList", record(BG=104)),
        page("WeightDataList", record(WeightValue=72.4), WeightUnit=3),
        page("WeightDataList", record(WeightValue=72.4)),
        page("ARDataList", record(DistanceTraveled=4.3), DistanceUnit=2),
    ],
)
def test_a_value_in_another_unit_is_a_dead_letter(body, tmp_path):
    found, errors = made("ihealth", message(body), tmp_path=tmp_path)
    assert found == []
    assert [error for error, _ in errors] == ["IncompatibleDataException"]


@pytest.mark.parametrize(
    ("members", "properties", "time"),
    [
        ({"TimeZone": "-0800"}, {}, "2026-10-04T07:10:00-08:00"),
        ({"TimeZone": "+0000"}, {}, "2026-10-04T07:10:00Z"),
        ({"TimeZone": "+0530"}, {}, "2026-10-04T07:10:00+05:30"),
        ({"TimeZone": -8}, {}, "2026-10-04T07:10:00-08:00"),
        ({"TimeZone": 0}, {}, "2026-10-04T07:10:00Z"),
        ({"time_zone": "-05:00", "TimeZone": "-0500"}, {}, "2026-10-04T07:10:00-05:00"),
        ({"MDate": str(WALL)}, {}, TIME),
        ({"TimeZone": ""}, {"timezone": "Europe/Paris"}, TIME),
        (
            {"TimeZone": None},
            {"timezone": "America/New_York"},
            "2026-10-04T07:10:00-04:00",
        ),
        (
            {"TimeZone": "", "MDate": 1792895400},
            {"timezone": "Europe/Paris"},
            "2026-10-25T02:30:00+02:00",
        ),
        (
            {"TimeZone": "", "MDate": 1774751400},
            {"timezone": "Europe/Paris"},
            "2026-03-29T02:30:00+01:00",
        ),
    ],
)
def test_times(members, properties, time, tmp_path):
    sent = message(pressures(record(HP=121, LP=79, **members)), **properties)
    assert made("ihealth", sent, tmp_path=tmp_path) == ([pressed(time)], [])


@pytest.mark.parametrize(
    "members", [{"TimeZone": ""}, {"TimeZone": None}, {"MDate": None}]
)
def test_a_time_without_zone_is_a_dead_letter(members, tmp_path):
    sent = message(pressures(record(HP=121, LP=79, **members)))
    found, errors = made("ihealth", sent, tmp_path=tmp_path)
    assert found == []
    assert [error for error, _ in errors] == ["NormalizationDataMappingException"]


def test_a_day(tmp_path):
    late = record(MDate=1791158340, Steps=4398, DistanceTraveled=0, Calories=713)
    early = record(MDate=1791158400, Steps="21", DistanceTraveled="0.01743", Calories=0)
    body = page("ARDataList", late, early, DistanceUnit=0)
    found, errors = made("ihealth", message(body), tmp_path=tmp_path)
    assert errors == []
    assert sorted(found) == [
        ("distance_daily", "2026-10-05", 17.43),
        ("steps_daily", "2026-10-04", 4398),
        ("steps_daily", "2026-10-05", 21),
        ("total_energy_daily", "2026-10-04", 713),
    ]


def test_miles(tmp_path):
    body = page("ARDataList", record(DistanceTraveled=5.5, Steps=0), DistanceUnit=1)
    expected = ([("distance_daily", "2026-10-04", 8851.392)], [])
    assert made("ihealth", message(body), tmp_path=tmp_path) == expected


def test_a_night(tmp_path):
    night = record(StartTime=1447552260, EndTime=1447578960, HoursSlept=345)
    del night["MDate"]
    night["TimeZone"] = "-0700"
    body = page("SRDataList", night, night | {"HoursSlept": 0})
    period = ("2015-11-15T01:51:00-07:00", "2015-11-15T09:16:00-07:00")
    expected = ([("sleep", period, 345)], [])
    assert made("ihealth", message(body), tmp_path=tmp_path) == expected


@pytest.mark.parametrize(
    ("members", "properties", "patient", "device"),
    [
        ({}, {"patientId": "p-1", "deviceId": "d-1"}, "p-1", "d-1"),
        ({}, {"patientId": "p-1"}, "p-1", "ihealth-p-1"),
        ({"UserID": "u-1"}, {}, "u-1", "ihealth-u-1"),
        ({"UserID": "u-1"}, {"patientId": "p-1"}, "p-1", "ihealth-p-1"),
    ],
)
def test_who(members, properties, patient, device, tmp_path):
    body = pressures(record(HP=121, LP=79, **members))
    found = previewed(
        "ihealth", {"Body": body, "Properties": properties}, tmp_path=tmp_path
    )
    assert [(m.patient, m.device) for m in found.measurements] == [(patient, device)]


def test_without_patient_there_is_a_dead_letter(tmp_path):
    found, errors = made("ihealth", pressures(record(HP=121, LP=79)), tmp_path=tmp_path)
    assert found == []
    assert [error for error, _ in errors] == ["ResourceIdentityNotDefinedException"]


def test_a_record_sent_again_is_the_same_observation(tmp_path):
    def identity(systolic):
        sent = message(pressures(record(HP=systolic, LP=79)))
        found = previewed("ihealth", sent, tmp_path=tmp_path)
        [one] = [r for r in found.resources if r["resourceType"] == "Observation"]
        return one["id"], [i["value"] for i in one["identifier"][1:]]

    assert identity(121) == identity(122)
    assert identity(121)[1] == ["rec-1"]


def test_no_place_and_no_note_goes_on(tmp_path):
    sent = record(HP=121, LP=79, Lat=48.8566, Lon=2.3522, Note="felt dizzy at Anna's")
    found = previewed("ihealth", message(pressures(sent)), tmp_path=tmp_path)
    made_of_it = json.dumps(found.resources) + repr(found.measurements)
    assert found.measurements
    for secret in ("48.8566", "2.3522", "dizzy"):
        assert secret not in made_of_it


@pytest.mark.parametrize(
    "body",
    [
        pressures(),
        page("WeightDataList", WeightUnit=0),
        page("BGDataList", BGUnit=0),
        page("BODataList"),
        page("ARDataList", DistanceUnit=0),
        page("SRDataList"),
        page("SPORTDataList", record(Calories=221.5, SportName="Running", TimeZone=1)),
        {"BPDataList": None, "BPUnit": 0},
        {"Error": "limits_hour_error", "ErrorCode": "503"},
    ],
)
def test_nothing_comes_of_nothing(body, tmp_path):
    assert made("ihealth", message(body), tmp_path=tmp_path) == ([], [])
