"""Garmin Health API: pushes of many kinds, values keyed by seconds, sentinels."""

import json

import pytest
from families import made, previewed

START = 1791064800  # 2026-10-04T00:00:00+02:00
DAY = {
    "userId": "u-1",
    "summaryId": "s-1",
    "calendarDate": "2026-10-04",
    "startTimeInSeconds": START,
    "startTimeOffsetInSeconds": 7200,
    "durationInSeconds": 86400,
}
MOMENT = {
    "userId": "u-1",
    "summaryId": "s-2",
    "measurementTimeInSeconds": START + 25500,
    "measurementTimeOffsetInSeconds": 7200,
}
AT = "2026-10-04T07:05:00+02:00"
MIDNIGHT = "2026-10-04T00:00:00+02:00"
WHOLE_DAY = (MIDNIGHT, "2026-10-05T00:00:00+02:00")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"dailies": [DAY | {"steps": 8123}]}, [("steps_daily", WHOLE_DAY, 8123)]),
        ({"dailies": [DAY | {"steps": 0}]}, [("steps_daily", WHOLE_DAY, 0)]),
        ({"dailies": [DAY | {"steps": "8123"}]}, [("steps_daily", WHOLE_DAY, 8123)]),
        (
            {"dailies": [DAY | {"restingHeartRateInBeatsPerMinute": 57}]},
            [("resting_heart_rate", MIDNIGHT, 57)],
        ),
        (
            {
                "dailies": [
                    DAY | {"timeOffsetHeartRateSamples": {"15": 75, "0": 0, "30": "72"}}
                ]
            },
            [
                ("heart_rate", "2026-10-04T00:00:15+02:00", 75),
                ("heart_rate", "2026-10-04T00:00:30+02:00", 72),
            ],
        ),
        (
            {
                "stressDetails": [
                    DAY
                    | {"timeOffsetStressLevelValues": {"0": 18, "180": -1, "360": -2}}
                ]
            },
            [("stress_score", MIDNIGHT, 18)],
        ),
        (
            {"stressDetails": [DAY | {"timeOffsetBodyBatteryValues": {"180": 56}}]},
            [("body_battery", "2026-10-04T00:03:00+02:00", 56)],
        ),
        (
            {
                "pulseox": [
                    DAY | {"onDemand": True, "timeOffsetSpo2Values": {"55740": 93}}
                ]
            },
            [("oxygen_saturation", "2026-10-04T15:29:00+02:00", 93)],
        ),
        (
            {
                "allDayRespiration": [
                    DAY | {"timeOffsetEpochToBreaths": {"0": 14.63, "60": -1.0}}
                ]
            },
            [("respiratory_rate", MIDNIGHT, 14.63)],
        ),
        (
            {"hrv": [DAY | {"lastNightAvg": 44, "hrvValues": {"265": 48}}]},
            [
                ("hrv_rmssd", "2026-10-04T00:04:25+02:00", 48),
                ("hrv_rmssd_daily", "2026-10-04", 44),
            ],
        ),
        (
            {
                "userMetrics": [
                    {"userId": "u-1", "calendarDate": "2026-10-04", "vo2Max": 48.0}
                ]
            },
            [("vo2_max", "2026-10-04", 48)],
        ),
        (
            {"skinTemp": [DAY | {"avgDeviationCelsius": -0.4}]},
            [("skin_temperature_deviation", WHOLE_DAY, -0.4)],
        ),
        (
            {
                "bloodPressures": [
                    MOMENT | {"systolic": 121, "diastolic": 79, "pulse": None}
                ]
            },
            [("blood_pressure", AT, {"systolic": 121, "diastolic": 79})],
        ),
        (
            {"bodyComps": [MOMENT | {"weightInGrams": 72415}]},
            [("body_weight", AT, 72.415)],
        ),
        (
            {
                "bodyComps": [
                    MOMENT | {"weightInGrams": 72415, "bodyFatInPercent": None}
                ]
            },
            [("body_weight", AT, 72.415)],
        ),
    ],
)
def test_what_a_summary_becomes(body, expected, tmp_path):
    observations, errors = made("garmin-health", body, tmp_path=tmp_path)
    assert sorted(observations) == sorted(expected)
    assert errors == []


@pytest.mark.parametrize(
    "body",
    [
        {"bodyComps": [MOMENT | {"weightInGrams": 72415}]},
        {"Body": {"bodyComps": [MOMENT | {"weightInGrams": 72415}]}, "Properties": {}},
        [MOMENT | {"weightInGrams": 72415, "new": {"a": []}}],
        {"Body": MOMENT | {"weightInGrams": "72415"}, "Properties": {}},
    ],
    ids=("push", "envelope", "pull", "one"),
)
def test_summaries_may_come_in_any_wrapping(body, tmp_path):
    found = made("garmin-health", body, tmp_path=tmp_path)
    assert found == ([("body_weight", AT, 72.415)], [])


@pytest.mark.parametrize(
    ("start", "offset", "time"),
    [
        (START, 7200, "2026-10-04T00:00:00+02:00"),
        (START, "7200", "2026-10-04T00:00:00+02:00"),
        (str(START), 7200, "2026-10-04T00:00:00+02:00"),
        (START, -25200, "2026-10-03T15:00:00-07:00"),
        (START, 20700, "2026-10-04T03:45:00+05:45"),
        (START, 0, "2026-10-03T22:00:00Z"),
        (START, None, "2026-10-03T22:00:00Z"),
        (START + 0.125, 7200, "2026-10-04T00:00:00.125+02:00"),
    ],
)
def test_seconds_are_utc_and_the_offset_is_the_wearers(start, offset, time, tmp_path):
    summary = DAY | {"startTimeInSeconds": start, "startTimeOffsetInSeconds": offset}
    body = {"pulseox": [summary | {"timeOffsetSpo2Values": {"0": 96}}]}
    found = made("garmin-health", body, tmp_path=tmp_path)
    assert found == ([("oxygen_saturation", time, 96)], [])


def test_a_day_without_a_start_is_a_civil_day(tmp_path):
    day = {"userId": "u-1", "summaryId": "s", "calendarDate": "2026-10-04", "steps": 5}
    found = made("garmin-health", {"dailies": [day]}, tmp_path=tmp_path)
    assert found == ([("steps_daily", "2026-10-04", 5)], [])


def epoch(activity, steps, start=START):
    return {
        "userId": "u-1",
        "summaryId": f"e-{activity}",
        "startTimeInSeconds": start,
        "startTimeOffsetInSeconds": 7200,
        "durationInSeconds": 900,
        "activityType": activity,
        "intensity": "ACTIVE",
        "steps": steps,
    }


QUARTER = (MIDNIGHT, "2026-10-04T00:15:00+02:00")


def test_epochs_of_one_quarter_of_an_hour_do_not_overwrite_each_other(tmp_path):
    epochs = [
        epoch("WALKING", 120),
        epoch("RUNNING", 90),
        epoch("SEDENTARY", 0),
        epoch("GENERIC", 9),
    ]
    found = made("garmin-health", {"epochs": epochs}, tmp_path=tmp_path)
    assert sorted(found[0]) == [
        ("steps", QUARTER, 120),
        ("steps_other", QUARTER, 9),
        ("steps_running", QUARTER, 90),
    ]
    assert found[1] == []


@pytest.mark.parametrize(
    "wrapped", [lambda e: {"epochs": [e]}, lambda e: [e], lambda e: {"Body": e}]
)
def test_an_epoch_may_name_no_activity(wrapped, tmp_path):
    found = made("garmin-health", wrapped(epoch(None, 250)), tmp_path=tmp_path)
    assert found == ([("steps", QUARTER, 250)], [])


def test_a_partial_epoch_is_replaced(tmp_path):
    first, second = (
        {
            "Body": {"epochs": [epoch("WALKING", steps)]},
            "SystemProperties": {"x-opt-enqueued-time": f"2026-10-04T06:0{minute}:00Z"},
        }
        for minute, steps in ((0, 480), (1, 512))
    )
    found = made("garmin-health", first, second, tmp_path=tmp_path)
    assert found == ([("steps", QUARTER, 512)], [])


SLEEP = {
    "userId": "u-1",
    "summaryId": "s-3",
    "calendarDate": "2026-10-04",
    "startTimeInSeconds": START - 3300,
    "startTimeOffsetInSeconds": 7200,
    "durationInSeconds": 25800,
}
ASLEEP_AT = "2026-10-03T23:05:00+02:00"


@pytest.mark.parametrize(
    ("members", "end", "value"),
    [
        ({"validation": "DEVICE"}, "2026-10-04T06:15:00+02:00", 430),
        (
            {
                "deepSleepDurationInSeconds": 4200,
                "lightSleepDurationInSeconds": 15000,
                "remSleepInSeconds": 6600,
                "awakeDurationInSeconds": 900,
            },
            "2026-10-04T06:30:00+02:00",
            {"": 430, "deep": 70, "light": 250, "rem": 110, "awake": 15},
        ),
        # The duration counts time that could not be measured; that is not sleep.
        (
            {
                "unmeasurableSleepInSeconds": 3000,
                "deepSleepDurationInSeconds": 4200,
                "lightSleepDurationInSeconds": 18600,
                "remSleepInSeconds": None,
            },
            "2026-10-04T06:15:00+02:00",
            {"": 380, "deep": 70, "light": 310},
        ),
    ],
    ids=("no stages", "stages", "unmeasurable"),
)
def test_sleep_is_the_sum_of_its_stages(members, end, value, tmp_path):
    found = made("garmin-health", {"sleeps": [SLEEP | members]}, tmp_path=tmp_path)
    assert found == ([("sleep", (ASLEEP_AT, end), value)], [])


def test_stages_are_read_by_their_names(tmp_path):
    a, b, c = START - 3300, START, START + 1800
    levels = {
        "deep": [{"startTimeInSeconds": b, "endTimeInSeconds": c}],
        "light": [{"startTimeInSeconds": a, "endTimeInSeconds": b}],
        "rem": [],
        "unmeasurable": [{"startTimeInSeconds": c, "endTimeInSeconds": c + 60}],
    }
    found = made(
        "garmin-health",
        {"sleeps": [SLEEP | {"sleepLevelsMap": levels}]},
        tmp_path=tmp_path,
    )
    assert sorted(found[0], key=str) == [
        ("sleep", (ASLEEP_AT, "2026-10-04T00:31:00+02:00"), 430),
        ("sleep_deep", (MIDNIGHT, "2026-10-04T00:30:00+02:00"), 30),
        ("sleep_light", (ASLEEP_AT, MIDNIGHT), 55),
    ]
    assert found[1] == []


@pytest.mark.parametrize(
    "body",
    [
        {
            "dailies": [
                {"userId": "u-1", "userAccessToken": "t", "callbackURL": "https://x/y"}
            ]
        },
        {"sleeps": [{"userId": "u-1", "callbackURL": "https://x/y", "summaryId": "s"}]},
        {"dailies": []},
        {"dailies": None, "deregistrations": [{"userId": "u-1"}]},
        {"pulseox": [DAY | {"timeOffsetSpo2Values": {}}]},
        {
            "stressDetails": [
                DAY | {"timeOffsetStressLevelValues": None, "averageStressLevel": -1}
            ]
        },
        {
            "activities": [
                {"userId": "u-1", "summaryId": "a", "activityId": 1, "steps": 900}
            ]
        },
    ],
    ids=("ping", "ping of sleep", "empty", "null", "no samples", "no map", "activity"),
)
def test_what_has_no_readings_makes_nothing(body, tmp_path):
    assert made("garmin-health", body, tmp_path=tmp_path) == ([], [])


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"bloodPressures": [MOMENT | {"systolic": 121}]}, "IncompatibleDataException"),
        (
            {"bloodPressures": [MOMENT | {"systolic": 121, "diastolic": None}]},
            "IncompatibleDataException",
        ),
        (
            {
                "pulseox": [
                    DAY
                    | {"startTimeInSeconds": None, "timeOffsetSpo2Values": {"0": 96}}
                ]
            },
            "NormalizationDataMappingException",
        ),
        (
            {
                "pulseox": [
                    DAY
                    | {
                        "startTimeOffsetInSeconds": 7201,
                        "timeOffsetSpo2Values": {"0": 96},
                    }
                ]
            },
            "NormalizationDataMappingException",
        ),
        (
            {
                "bodyComps": [
                    {k: v for k, v in MOMENT.items() if k != "userId"}
                    | {"weightInGrams": 72415}
                ]
            },
            "ResourceIdentityNotDefinedException",
        ),
    ],
    ids=("half", "null half", "no start", "odd offset", "nobody"),
)
def test_what_is_not_sound_is_a_dead_letter(body, error, tmp_path):
    observations, errors = made("garmin-health", body, tmp_path=tmp_path)
    assert observations == []
    assert [name for name, _text in errors] == [error]


def test_tokens_and_goals_go_nowhere(tmp_path):
    day = DAY | {"userAccessToken": "secret-token", "steps": 8123, "stepsGoal": 31415}
    found = previewed("garmin-health", {"dailies": [day]}, tmp_path=tmp_path)
    told = json.dumps(found.resources) + repr(found.measurements)
    assert "8123" in told
    assert "secret-token" not in told
    assert "31415" not in told


def test_patient_and_device_of_the_envelope_count_more(tmp_path):
    body = {"bodyComps": [MOMENT | {"weightInGrams": 72415}]}
    bare, sent = (
        body,
        {"Body": body, "Properties": {"patientId": "p-1", "deviceId": "d-1"}},
    )
    found = previewed("garmin-health", bare, sent, tmp_path=tmp_path)
    assert [(m.patient, m.device) for m in found.measurements] == [
        ("u-1", "garmin-u-1"),
        ("p-1", "d-1"),
    ]
