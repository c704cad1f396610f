"""Google Health API: lists of data points, single points, reconciled points, days."""

import json

import pytest
from families import made, previewed

PROPERTIES = {"patientId": "p-1", "deviceId": "d-1"}
DAY = {"year": 2026, "month": 10, "day": 4}
NEXT_DAY = {"year": 2026, "month": 10, "day": 5}
SENT = "2026-10-04T05:12:31Z"
AT = "2026-10-04T07:12:31+02:00"
"""The same, where it was measured."""


def sampled(field, time=SENT, **members):
    return {
        field: {"sampleTime": {"physicalTime": time, "utcOffset": "7200s"}} | members
    }


def lasted(field, **members):
    interval = {
        "startTime": "2026-10-04T06:00:00Z",
        "startUtcOffset": "7200s",
        "endTime": "2026-10-04T06:01:00Z",
        "endUtcOffset": "7200s",
    }
    return {field: {"interval": interval} | members}


def message(*points, **properties):
    return {"Body": {"dataPoints": list(points)}, "Properties": PROPERTIES | properties}


MINUTE = ("2026-10-04T08:00:00+02:00", "2026-10-04T08:01:00+02:00")


@pytest.mark.parametrize(
    ("point", "expected"),
    [
        (sampled("heartRate", beatsPerMinute="64"), ("heart_rate", AT, 64)),
        (sampled("heartRate", beatsPerMinute=64), ("heart_rate", AT, 64)),
        (
            sampled("heartRate", "2026-10-04T05:12:31.295167Z", beatsPerMinute="64"),
            ("heart_rate", "2026-10-04T07:12:31.295167+02:00", 64),
        ),
        (
            sampled("heartRate", "2026-10-04T07:12:31+02:00", beatsPerMinute="64"),
            ("heart_rate", "2026-10-04T07:12:31+02:00", 64),
        ),
        (sampled("weight", weightGrams=72415.5), ("body_weight", AT, 72.4155)),
        (sampled("weight", weightGrams="72400"), ("body_weight", AT, 72.4)),
        (sampled("weight", weightGrams=7.24e4), ("body_weight", AT, 72.4)),
        (sampled("height", heightMillimeters="1810"), ("body_height", AT, 181)),
        (sampled("bodyFat", percentage=21.4), ("body_fat", AT, 21.4)),
        (sampled("oxygenSaturation", percentage=97), ("oxygen_saturation", AT, 97)),
        (
            sampled("coreBodyTemperature", temperatureCelsius=36.8),
            ("body_temperature", AT, 36.8),
        ),
        (lasted("steps", count="52"), ("steps", MINUTE, 52)),
        (lasted("steps"), ("steps", MINUTE, 0)),
        (lasted("distance", millimeters="38500"), ("distance", MINUTE, 38.5)),
        (lasted("distance"), ("distance", MINUTE, 0)),
        (lasted("activeEnergyBurned", kcal=4.25), ("active_energy", MINUTE, 4.25)),
        (lasted("floors", count="1"), ("floors_climbed", MINUTE, 1)),
        (
            {"dailyRestingHeartRate": {"date": DAY, "beatsPerMinute": "57"}},
            ("resting_heart_rate", "2026-10-04", 57),
        ),
        (
            {"dailyRespiratoryRate": {"date": DAY, "breathsPerMinute": 14.4}},
            ("respiratory_rate_daily", "2026-10-04", 14.4),
        ),
        (
            {"dailyVo2Max": {"date": DAY, "vo2Max": 42.5, "estimated": True}},
            ("vo2_max", "2026-10-04", 42.5),
        ),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_a_point_becomes_an_observation(point, expected, tmp_path):
    assert made("google-health", message(point), tmp_path=tmp_path) == ([expected], [])


@pytest.mark.parametrize(
    "body",
    [
        {
            "dataPoints": [sampled("heartRate", beatsPerMinute="64")],
            "nextPageToken": "n",
        },
        sampled("heartRate", beatsPerMinute="64") | {"name": "users/me/x", "new": [1]},
        [sampled("heartRate", beatsPerMinute="64") | {"dataPointName": "users/me/x"}],
        {"heart-rate": {"dataPoints": [sampled("heartRate", beatsPerMinute="64")]}},
    ],
    ids=("list", "one", "array", "grouped"),
)
def test_points_may_come_in_any_wrapping(body, tmp_path):
    found = made(
        "google-health", {"Body": body, "Properties": PROPERTIES}, tmp_path=tmp_path
    )
    assert found == ([("heart_rate", AT, 64)], [])


@pytest.mark.parametrize(
    ("members", "type_"),
    [
        ({"specimen": "CAPILLARY_BLOOD"}, "blood_glucose"),
        ({"measurementSource": "SELF_MONITORING_BLOOD_GLUCOSE"}, "blood_glucose"),
        (
            {
                "specimen": "PLASMA",
                "measurementSource": "SELF_MONITORING_BLOOD_GLUCOSE",
            },
            "blood_glucose",
        ),
        ({"measurementSource": "CONTINUOUS_GLUCOSE_MONITORING"}, "cgm_glucose"),
        ({"specimen": "INTERSTITIAL_FLUID"}, "cgm_glucose"),
        (
            {
                "specimen": "CAPILLARY_BLOOD",
                "measurementSource": "CONTINUOUS_GLUCOSE_MONITORING",
            },
            "cgm_glucose",
        ),
        ({"specimen": "SERUM", "measurementSource": "LAB_TEST"}, "plasma_glucose"),
        ({}, "blood_glucose_any"),
        ({"specimen": None, "measurementSource": None}, "blood_glucose_any"),
        ({"specimen": "WHOLE_BLOOD"}, "blood_glucose_any"),
        (
            {
                "specimen": "SPECIMEN_UNSPECIFIED",
                "measurementSource": "MEASUREMENT_SOURCE_UNSPECIFIED",
            },
            "blood_glucose_any",
        ),
    ],
)
def test_glucose_is_told_by_specimen_and_source(members, type_, tmp_path):
    point = sampled("bloodGlucose", bloodGlucoseMilligramsPerDeciliter=98, **members)
    assert made("google-health", message(point), tmp_path=tmp_path) == (
        [(type_, AT, 98)],
        [],
    )


def test_glucose_of_tears_is_left_out(tmp_path):
    point = sampled(
        "bloodGlucose", bloodGlucoseMilligramsPerDeciliter=3, specimen="TEARS"
    )
    assert made("google-health", message(point), tmp_path=tmp_path) == ([], [])


def test_both_kinds_of_variability_are_read_and_a_missing_one_is_none(tmp_path):
    both = sampled(
        "heartRateVariability",
        rootMeanSquareOfSuccessiveDifferencesMilliseconds=41.7,
        standardDeviationMilliseconds=53.2,
    )
    one = sampled(
        "heartRateVariability",
        "2026-10-04T05:17:31Z",
        rootMeanSquareOfSuccessiveDifferencesMilliseconds=40,
    )
    observations, errors = made("google-health", message(both, one), tmp_path=tmp_path)
    assert sorted(observations) == [
        ("hrv_rmssd", AT, 41.7),
        ("hrv_rmssd", "2026-10-04T07:17:31+02:00", 40),
        ("hrv_sdnn", AT, 53.2),
    ]
    assert errors == []


def test_zero_in_deep_sleep_is_no_reading(tmp_path):
    points = [
        {
            "dailyHeartRateVariability": {
                "date": date,
                "averageHeartRateVariabilityMilliseconds": 41.2,
                "deepSleepRootMeanSquareOfSuccessiveDifferencesMilliseconds": deep,
            }
        }
        for date, deep in ((DAY, 0), (NEXT_DAY, 47.9))
    ]
    assert made("google-health", message(*points), tmp_path=tmp_path) == (
        [
            ("hrv_rmssd_daily", "2026-10-04", 41.2),
            ("hrv_rmssd_daily", "2026-10-05", {"": 41.2, "deep_sleep": 47.9}),
        ],
        [],
    )


def test_sleep_has_its_stages_as_parts(tmp_path):
    session = lasted(
        "sleep",
        type="STAGES",
        stages=[{"startTime": AT, "endTime": AT, "type": "LIGHT"}],
        summary={
            "minutesInSleepPeriod": "470",
            "minutesAsleep": "430",
            "minutesAwake": "40",
            "stagesSummary": [
                {"type": "DEEP", "minutes": "80", "count": "4"},
                {"type": "LIGHT", "minutes": "350"},
                {"type": "REM", "minutes": "0"},
            ],
        },
    )
    observations, errors = made("google-health", message(session), tmp_path=tmp_path)
    parts = {"": 430, "deep": 80, "light": 350, "rem": 0, "awake": 40}
    assert sorted(observations, key=str) == [
        ("sleep", MINUTE, parts),
        ("time_in_bed", MINUTE, 470),
    ]
    assert errors == []


def test_sleep_that_is_not_processed_has_nothing_to_tell(tmp_path):
    session = lasted("sleep", metadata={"processed": False}, summary={}, stages=[])
    assert made("google-health", message(session), tmp_path=tmp_path) == ([], [])


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ({"date": DAY}, {"date": NEXT_DAY}, [("steps_daily", "2026-10-04", 8123)]),
        (
            {"date": DAY, "time": {}},
            {"date": NEXT_DAY, "time": {"hours": 0}},
            [("steps_daily", "2026-10-04", 8123)],
        ),
        ({"date": DAY}, {"date": {"year": 2026, "month": 10, "day": 11}}, []),
        ({"date": DAY, "time": {"hours": 6}}, {"date": NEXT_DAY}, []),
        (
            {"date": {"year": 2026, "month": 12, "day": 31}},
            {"date": {"year": 2027, "month": 1, "day": 1}},
            [("steps_daily", "2026-12-31", 8123)],
        ),
    ],
    ids=("day", "midnights", "week", "from six", "new year"),
)
def test_only_the_total_of_one_day_is_a_daily_total(start, end, expected, tmp_path):
    total = {
        "civilStartTime": start,
        "civilEndTime": end,
        "steps": {"countSum": "8123"},
    }
    sent = {"Body": {"rollupDataPoints": [total]}, "Properties": PROPERTIES}
    assert made("google-health", sent, tmp_path=tmp_path) == (expected, [])


@pytest.mark.parametrize(
    ("point", "error", "words"),
    [
        (
            {"heartRate": {"sampleTime": {}, "beatsPerMinute": "64"}},
            "NormalizationDataMappingException",
            "toZone",
        ),
        (sampled("heartRate"), "IncompatibleDataException", "heart_rate"),
        (
            sampled("heartRate", "2026-10-04T05:12:31", beatsPerMinute="64"),
            "NormalizationDataMappingException",
            "no zone",
        ),
        (
            sampled("heartRate", beatsPerMinute="sixty"),
            "InvalidQuantityFhirValueException",
            "heart_rate",
        ),
        (
            lasted("steps", count="many"),
            "InvalidQuantityFhirValueException",
            "steps",
        ),
        (
            {
                "dailyRestingHeartRate": {
                    "date": {"year": 2026, "month": 10},
                    "beatsPerMinute": "57",
                }
            },
            "NormalizationDataMappingException",
            "day",
        ),
    ],
    ids=("no time", "no value", "no zone", "word", "steps", "no day"),
)
def test_what_is_not_sound_is_a_dead_letter(point, error, words, tmp_path):
    observations, errors = made("google-health", message(point), tmp_path=tmp_path)
    assert observations == []
    assert [name for name, _text in errors] == [error]
    assert words in errors[0][1]


@pytest.mark.parametrize(
    "body",
    [
        {"dataPoints": []},
        {"dataPoints": None},
        {},
        {"type": "verification"},
        [
            {
                "data": {
                    "version": "1",
                    "healthUserId": "hu-1",
                    "operation": "UPSERT",
                    "dataType": "heart-rate",
                    "intervals": [{"physicalTimeInterval": {"startTime": AT}}],
                }
            }
        ],
        {"dataPoints": [{"heartRate": None}, {"steps": {}}, {"exercise": {"x": 1}}]},
    ],
)
def test_what_has_no_values_makes_nothing(body, tmp_path):
    sent = {"Body": body, "Properties": PROPERTIES}
    assert made("google-health", sent, tmp_path=tmp_path) == ([], [])


def test_a_corrected_record_updates_its_observation(tmp_path):
    name = "users/hu-1/dataTypes/weight/dataPoints/w-1"
    first, second = (
        message(sampled("weight", weightGrams=grams) | {"name": name})
        | {"SystemProperties": {"x-opt-enqueued-time": f"2026-10-04T06:0{minute}:00Z"}}
        for minute, grams in ((0, 72400), (1, 71400))
    )
    found = previewed("google-health", first, second, tmp_path=tmp_path)
    (observation,) = (r for r in found.resources if r["resourceType"] == "Observation")
    assert observation["valueQuantity"]["value"] == 71.4
    assert observation["identifier"][1] == {"value": name}


def test_without_a_device_it_is_told_by_patient_and_source(tmp_path):
    source = {"platform": "FITBIT", "device": {"displayName": "Charge 6"}}
    sent = {
        "Body": {
            "dataPoints": [
                sampled("heartRate", beatsPerMinute="64") | {"dataSource": source}
            ]
        },
        "Properties": {"healthUserId": "hu-1"},
    }
    found = previewed("google-health", sent, tmp_path=tmp_path)
    assert [(m.patient, m.device) for m in found.measurements] == [
        ("hu-1", "google-health-hu-1-Charge 6")
    ]


def test_notes_go_nowhere(tmp_path):
    points = (
        sampled("weight", weightGrams=72400, notes="Jane Roe, after the clinic"),
        sampled(
            "bloodGlucose", bloodGlucoseMilligramsPerDeciliter=98, notes="Jane Roe"
        ),
    )
    found = previewed("google-health", message(*points), tmp_path=tmp_path)
    assert len(found.measurements) == 2
    assert "Jane" not in json.dumps(found.resources) + repr(found.measurements)
