"""Health Auto Export: metrics with points, units by the phone's settings."""

import json

import pytest
from families import made, previewed

SENT = "2026-10-04 07:12:00 +0200"
AT = "2026-10-04T07:12:00+02:00"


def metric(name, units, *points):
    return {"name": name, "units": units, "data": list(points)}


def point(date=SENT, **more):
    return {"date": date, **more, "source": "Anna's Watch|Anna's iPhone"}


def message(*metrics, **properties):
    body = {"data": {"metrics": list(metrics), "workouts": []}}
    return {"Body": body, "Properties": {"patientId": "p-1"} | properties}


@pytest.mark.parametrize(
    ("name", "units", "qty", "expected"),
    [
        ("resting_heart_rate", "count/min", 57, ("resting_heart_rate", AT, 57)),
        ("resting_heart_rate", "bpm", "57", ("resting_heart_rate", AT, 57)),
        ("walking_heart_rate_average", "bpm", 98.5, ("walking_heart_rate", AT, 98.5)),
        ("heart_rate", "bpm", 66, ("heart_rate", AT, 66)),
        ("heart_rate_variability", "ms", 41.7, ("hrv_sdnn", AT, 41.7)),
        ("heart_rate_variability_sdnn", "ms", 41.7, ("hrv_sdnn", AT, 41.7)),
        ("respiratory_rate", "count/min", 14.5, ("respiratory_rate", AT, 14.5)),
        ("blood_oxygen_saturation", "%", 97, ("oxygen_saturation", AT, 97)),
        ("blood_oxygen_saturation", "%", 0.97, ("oxygen_saturation", AT, 97)),
        ("body_temperature", "degC", 36.8, ("body_temperature", AT, 36.8)),
        ("body_temperature", "degF", 98.4, ("body_temperature_f", AT, 98.4)),
        ("basal_body_temperature", "°F", 97.9, ("body_temperature_f", AT, 97.9)),
        (
            "apple_sleeping_wrist_temperature",
            "degF",
            95.5,
            ("skin_temperature", AT, 35.28),
        ),
        ("weight_body_mass", "kg", 72.4, ("body_weight", AT, 72.4)),
        ("weight_body_mass", "lb", 159.6, ("body_weight_lb", AT, 159.6)),
        ("weight_body_mass", "st", 11.4, ("body_weight", AT, 72.393)),
        ("body_fat_percentage", "%", 21.4, ("body_fat", AT, 21.4)),
        ("body_fat_percentage", "%", 0.185, ("body_fat", AT, 18.5)),
        ("lean_body_mass", "lb", 125.4, ("lean_mass", AT, 56.88)),
        ("height", "m", 1.78, ("body_height", AT, 178)),
        ("height", "in", 70, ("body_height_in", AT, 70)),
        ("blood_glucose", "mg/dL", 104, ("blood_glucose_any", AT, 104)),
        ("blood_glucose", "mmol/L", 5.8, ("blood_glucose_any_mmol", AT, 5.8)),
        (
            "blood_glucose",
            "mmol<180.1558800000541>/L",
            5.8,
            ("blood_glucose_any_mmol", AT, 5.8),
        ),
        ("step_count", "count", 0, ("steps", AT, 0)),
        ("walking_running_distance", "mi", 0.5, ("distance", AT, 804.672)),
        ("walking_running_distance", "km", 0.24, ("distance", AT, 240)),
        ("active_energy", "kcal", 12.5, ("active_energy", AT, 12.5)),
        ("active_energy", "kJ", 0.76856774374845116, ("active_energy", AT, 0.184)),
        ("basal_energy_burned", "Cal", 70.2, ("basal_energy", AT, 70.2)),
        ("dietary_energy", "kJ", 2720, ("dietary_energy", AT, 650.096)),
        ("vo2_max", "mL/min·kg", 42.1, ("vo2_max", AT, 42.1)),
        ("vo2max", "ml/(kg·min)", 42.1, ("vo2_max", AT, 42.1)),
        ("forced_expiratory_volume_1", "L", 3.12, ("fev1", AT, 3.12)),
    ],
)
def test_quantities(name, units, qty, expected, tmp_path):
    sent = message(metric(name, units, point(qty=qty)))
    found = made("apple-health-auto-export", sent, tmp_path=tmp_path)
    assert found == ([expected], [])


@pytest.mark.parametrize(
    ("units", "more", "expected"),
    [
        ("count/min", {"Min": 61, "Avg": 64.5, "Max": 70}, 64.5),
        ("bpm", {"Min": 66, "Avg": 66, "Max": 66}, 66),
        ("bpm", {"Avg": "64.5"}, 64.5),
        ("bpm", {"Avg": 64.5, "qty": 64.5, "metadata": {"a": 1}}, 64.5),
    ],
)
def test_heart_rates(units, more, expected, tmp_path):
    sent = message(metric("heart_rate", units, point(**more)))
    found = made("apple-health-auto-export", sent, tmp_path=tmp_path)
    assert found == ([("heart_rate", AT, expected)], [])


def test_a_blood_pressure(tmp_path):
    sent = message(
        metric("blood_pressure", "mmHg", point(systolic=121, diastolic="79"))
    )
    found = made("apple-health-auto-export", sent, tmp_path=tmp_path)
    expected = ("blood_pressure", AT, {"systolic": 121, "diastolic": 79})
    assert found == ([expected], [])


@pytest.mark.parametrize(
    ("date", "zone", "time"),
    [
        ("2026-10-04 07:12:00 +0200", None, AT),
        ("2026-10-04 07:12:00 +0200", "America/New_York", AT),
        ("2026-10-04 7:12:00 AM +0200", None, AT),
        ("2026-10-04 7:12:00 pm +0200", None, "2026-10-04T19:12:00+02:00"),
        ("2026-10-04 12:12:00 am +0200", None, "2026-10-04T00:12:00+02:00"),
        ("2026-10-04 12:12:00 PM +0200", None, "2026-10-04T12:12:00+02:00"),
        ("2026-10-04 7:12:00\u202fAM +0200", None, AT),
        ("2024-09-21 7:57:00\u202fam +1000", None, "2024-09-21T07:57:00+10:00"),
        ("2026-10-04T07:12:00+02:00", None, AT),
        ("2026-10-04T05:12:00Z", None, "2026-10-04T05:12:00Z"),
        ("2026-10-04 07:12:00", "Europe/Paris", AT),
        # When clocks go back the offset tells which hour it is.
        ("2026-10-25 02:30:00 +0200", None, "2026-10-25T02:30:00+02:00"),
        ("2026-10-25 02:30:00 +0100", None, "2026-10-25T02:30:00+01:00"),
        ("2026-10-25 02:30:00", "Europe/Paris", "2026-10-25T02:30:00+02:00"),
        ("2026-03-29 02:30:00", "Europe/Paris", "2026-03-29T02:30:00+01:00"),
        ("2026-10-04", None, "2026-10-04"),
    ],
)
def test_times(date, zone, time, tmp_path):
    sent = message(
        metric("resting_heart_rate", "bpm", point(date, qty=57)), timezone=zone
    )
    found = made("apple-health-auto-export", sent, tmp_path=tmp_path)
    assert found == ([("resting_heart_rate", time, 57)], [])


NIGHT = {"sleepStart": "2026-10-03 23:05:00 +0200", "sleepEnd": SENT}
SLEPT = ("2026-10-03T23:05:00+02:00", AT)


@pytest.mark.parametrize(
    ("night", "expected"),
    [
        (
            NIGHT
            | {"totalSleep": 7.1, "asleep": 0, "core": 4.4, "deep": 1.1, "rem": 1.6}
            | {"awake": 0.3, "inBed": 0},
            [
                (
                    "sleep",
                    SLEPT,
                    {"": 426, "light": 264, "deep": 66, "rem": 96, "awake": 18},
                )
            ],
        ),
        # Versions before stages.
        (
            NIGHT
            | {"asleep": 6.108333333333333, "sleepSource": "Watch", "inBed": 6.5}
            | {"inBedStart": "2026-10-03 22:59:00 +0200", "inBedEnd": SENT},
            [
                ("sleep", SLEPT, 366.5),
                ("time_in_bed", ("2026-10-03T22:59:00+02:00", AT), 390),
            ],
        ),
        (
            NIGHT | {"totalSleep": "7.5", "core": 0, "deep": None, "rem": "bad"},
            [("sleep", SLEPT, 450)],
        ),
        ({"totalSleep": 5.4}, [("sleep", "2026-10-04", 324)]),
        ({"totalSleep": 0, "asleep": 0, "inBed": 0}, []),
        ({"inBed": 8}, [("time_in_bed", "2026-10-04", 480)]),
    ],
)
def test_nights(night, expected, tmp_path):
    sent = message(metric("sleep_analysis", "hr", {"date": "2026-10-04"} | night))
    found, errors = made("apple-health-auto-export", sent, tmp_path=tmp_path)
    assert sorted(found, key=str) == sorted(expected, key=str)
    assert errors == []


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Core", "sleep_light"),
        ("AsleepCore", "sleep_light"),
        ("Deep", "sleep_deep"),
        ("REM", "sleep_rem"),
        ("Awake", "sleep_awake"),
        ("Asleep", "sleep_unstaged"),
        ("Unspecified", "sleep_unstaged"),
        ("In Bed", "time_in_bed"),
        ("InBed", "time_in_bed"),
    ],
)
@pytest.mark.parametrize("names", [("startDate", "endDate"), ("start", "end")])
def test_stages(value, expected, names, tmp_path):
    start, end = names
    segment = {start: "2026-10-03 23:05:00 +0200", end: SENT, "qty": 0.5}
    sent = message(metric("sleep_analysis", "hr", segment | {"value": value}))
    found = made("apple-health-auto-export", sent, tmp_path=tmp_path)
    assert found == ([(expected, SLEPT, 30)], [])


@pytest.mark.parametrize(
    ("sent", "error"),
    [
        (
            message(metric("weight_body_mass", "slug", point(qty=5))),
            "Unable to extract required value for [body_weight]",
        ),
        (
            message(metric("weight_body_mass", "kg", point(qty=0))),
            "The value [body_weight] is outside of its range",
        ),
        (
            message(metric("blood_glucose", "g/L", point(qty=1))),
            "Unable to extract required value for [glucose]",
        ),
        (
            message(metric("blood_pressure", "kPa", point(systolic=16, diastolic=10))),
            "Unable to extract required value for [systolic]",
        ),
        (
            message(metric("sleep_analysis", "d", {"date": SENT, "totalSleep": 0.3})),
            "Unable to extract required value for [asleep]",
        ),
        (
            message(metric("heart_rate", "bpm", point("2026-10-04 07:12:00", qty=60))),
            "Unable to read [TimestampExpression]: the time has no zone",
        ),
        (
            message(metric("heart_rate", "bpm", point("2026-10-04 7:12 a.m.", qty=60))),
            "parseDateTime: the text is not of the format",
        ),
        (
            message(metric("heart_rate", "bpm", point(qty="fast"))),
            "The value [heart_rate] is not a finite decimal number",
        ),
        (
            message(metric("heart_rate", "bpm", point(qty=60)), patientId=None),
            "the measurement names no patient",
        ),
    ],
)
def test_what_is_not_sound_is_a_dead_letter(sent, error, tmp_path):
    found, errors = made("apple-health-auto-export", sent, tmp_path=tmp_path)
    assert found == []
    assert [told.startswith(error) for _, told in errors] == [True], errors


@pytest.mark.parametrize(
    "sent",
    [
        message(),
        message(metric("basal_body_temperature", "degC")),
        message(metric("heart_rate", "bpm", point(qty=None), point(Avg=None))),
        message(metric("handwashing", "s", point(qty=20, value="Complete"))),
        message(metric("sleep_analysis", "hr", point(qty=1, value="Dreaming"))),
        {"Body": {"data": {"workouts": [{"heartRateData": [point(qty=108)]}]}}},
        {"Body": {"data": {}}},
    ],
    ids=("none", "empty", "null", "other", "stage", "workout", "data"),
)
def test_what_is_left_out(sent, tmp_path):
    assert made("apple-health-auto-export", sent, tmp_path=tmp_path) == ([], [])


def test_metrics_and_points_are_told_apart(tmp_path):
    later = "2026-10-04 07:13:00 +0200"
    sent = message(
        metric("step_count", "count", point(qty=5), point(later, qty=7)),
        metric("handwashing", "s", point(qty=20)),
        metric("weight_body_mass", "slug", point(qty=5)),
        metric("heart_rate", "bpm", point(Avg=64)),
    )
    found, errors = made("apple-health-auto-export", sent, tmp_path=tmp_path)
    assert sorted(found) == [
        ("heart_rate", AT, 64),
        ("steps", AT, 5),
        ("steps", "2026-10-04T07:13:00+02:00", 7),
    ]
    assert [error for error, _ in errors] == ["IncompatibleDataException"]


def test_a_push_without_envelope_names_no_patient(tmp_path):
    sent = message(metric("heart_rate", "bpm", point(qty=60)))["Body"]
    found, errors = made("apple-health-auto-export", sent, tmp_path=tmp_path)
    assert found == []
    assert [error for error, _ in errors] == ["ResourceIdentityNotDefinedException"]


@pytest.mark.parametrize(
    ("properties", "device"),
    [({"deviceId": "phone-1"}, "phone-1"), ({}, "health-auto-export-p-1")],
)
def test_devices_have_no_names_of_people(properties, device, tmp_path):
    sent = message(metric("heart_rate", "bpm", point(qty=60)), **properties)
    found = previewed("apple-health-auto-export", sent, tmp_path=tmp_path)
    assert [measured.device for measured in found.measurements] == [device]
    assert "Anna" not in json.dumps(found.resources)


def test_a_corrected_minute_is_the_same_observation(tmp_path):
    pushes = [message(metric("step_count", "count", point(qty=q))) for q in (5, 9)]
    found = made("apple-health-auto-export", *pushes, tmp_path=tmp_path)
    assert found == ([("steps", AT, 9)], [])
