"""Fitbit Web API: local times, units by the caller, texts for numbers."""

import json

import pytest
from families import made, previewed

PROPERTIES = {"patientId": "p-1", "deviceId": "d-1", "timezone": "Europe/Paris"}


def message(body, **properties):
    return {"Body": body, "Properties": PROPERTIES | properties}


def heart(date, *times, **more):
    samples = [{"time": time, "value": 60 + n} for n, time in enumerate(times)]
    day = {"dateTime": date, "value": "64.2"}
    return {
        "activities-heart": [day],
        "activities-heart-intraday": {"dataset": samples, "datasetType": "minute"}
        | more,
    }


@pytest.mark.parametrize(
    ("date", "clock", "zone", "time"),
    [
        ("2026-03-29", "01:59:00", "Europe/Paris", "2026-03-29T01:59:00+01:00"),
        ("2026-03-29", "03:00:00", "Europe/Paris", "2026-03-29T03:00:00+02:00"),
        ("2026-10-25", "02:30:00", "Europe/Paris", "2026-10-25T02:30:00+02:00"),
        ("2026-10-25", "03:00:00", "Europe/Paris", "2026-10-25T03:00:00+01:00"),
        ("2026-10-04", "07:12:31", "America/New_York", "2026-10-04T07:12:31-04:00"),
        ("2026-10-04", "07:12", "UTC", "2026-10-04T07:12:00Z"),
        ("2026-10-04", "07:12:31", "+05:45", "2026-10-04T07:12:31+05:45"),
    ],
)
def test_local_times_are_read_in_the_zone_of_the_envelope(
    date, clock, zone, time, tmp_path
):
    found = made(
        "fitbit-legacy", message(heart(date, clock), timezone=zone), tmp_path=tmp_path
    )
    assert found == ([("heart_rate", time, 60)], [])


@pytest.mark.parametrize(
    "body",
    [
        heart("2026-10-04", "07:12:31"),
        {
            "weight": [
                {"logId": 1, "date": "2026-10-04", "time": "07:05:00", "weight": 72.4}
            ]
        },
        {
            "dateTime": "2026-10-04",
            "minutes": [{"value": 96.6, "minute": "2026-10-04T00:12:00"}],
        },
        {
            "sleep": [
                {
                    "dateOfSleep": "2026-10-04",
                    "startTime": "2026-10-03T23:05:00.000",
                    "minutesAsleep": 430,
                }
            ]
        },
    ],
    ids=("heart", "weight", "saturation", "sleep"),
)
@pytest.mark.parametrize("zone", [None, "Nowhere/City", ""])
def test_without_a_zone_it_is_a_dead_letter(body, zone, tmp_path):
    observations, errors = made(
        "fitbit-legacy", message(body, timezone=zone), tmp_path=tmp_path
    )
    assert observations == []
    assert [name for name, _text in errors] == ["NormalizationDataMappingException"]
    assert "toUtc" in errors[0][1]


def test_a_day_needs_no_zone(tmp_path):
    body = {"activities-steps": [{"dateTime": "2026-10-04", "value": "8123"}]}
    found = made("fitbit-legacy", message(body, timezone=None), tmp_path=tmp_path)
    assert found == ([("steps_daily", "2026-10-04", 8123)], [])


def test_of_several_days_in_one_reply_nobody_knows_the_day_of_a_time(tmp_path):
    body = heart("2026-10-04", "07:12:31")
    body["activities-heart"].append({"dateTime": "2026-10-05", "value": "65"})
    observations, errors = made("fitbit-legacy", message(body), tmp_path=tmp_path)
    assert observations == []
    assert [name for name, _text in errors] == ["NormalizationDataMappingException"]
    told = made("fitbit-legacy", message(body, date="2026-10-04"), tmp_path=tmp_path)
    assert told == ([("heart_rate", "2026-10-04T07:12:31+02:00", 60)], [])


def steps(total, *samples, interval=15):
    dataset = [{"time": time, "value": value} for time, value in samples]
    return {
        "activities-steps": [{"dateTime": "2026-10-04", "value": total}],
        "activities-steps-intraday": {
            "dataset": dataset,
            "datasetInterval": interval,
            "datasetType": "minute",
        },
    }


def test_steps_last_as_long_as_the_interval_of_the_reply(tmp_path):
    body = steps("7", ("08:15:00", 0), ("23:45:00", 7))
    found = made("fitbit-legacy", message(body), tmp_path=tmp_path)
    assert found == (
        [
            ("steps", ("2026-10-04T08:15:00+02:00", "2026-10-04T08:30:00+02:00"), 0),
            ("steps", ("2026-10-04T23:45:00+02:00", "2026-10-05T00:00:00+02:00"), 7),
        ],
        [],
    )


@pytest.mark.parametrize(
    ("body", "days"),
    [
        (steps("7", ("00:00:00", 0), ("23:45:00", 7)), [7]),
        (steps("3212", ("00:00:00", 7), ("14:28:00", 52)), [3212]),
        (steps("59", ("00:00:00", 7), ("14:28:00", 52)), []),
        (steps("59", ("12:30:00", 59)), []),
        ({"activities-steps": [{"dateTime": "2026-10-04", "value": "8123"}]}, [8123]),
        ({"activities-steps": []}, []),
    ],
    ids=("whole day", "more than the samples", "part", "window", "series", "empty"),
)
def test_the_total_of_a_part_of_a_day_is_no_daily_total(body, days, tmp_path):
    observations, errors = made("fitbit-legacy", message(body), tmp_path=tmp_path)
    assert [
        value for type_, _time, value in observations if type_ == "steps_daily"
    ] == days
    assert errors == []


def weighed(weight, bmi=23.57):
    log = {
        "logId": 1791090300000,
        "date": "2026-10-04",
        "time": "07:05:00",
        "source": "API",
    }
    return {
        "weight": [log | {"weight": weight} | ({} if bmi is None else {"bmi": bmi})]
    }


AT = "2026-10-04T07:05:00+02:00"


@pytest.mark.parametrize(
    ("units", "weight", "expected"),
    [
        (None, 72.4, [("body_weight", AT, 72.4)]),
        ("METRIC", 72.4, [("body_weight", AT, 72.4)]),
        ("METRIC", "72.40", [("body_weight", AT, 72.40)]),
        ("en_US", 159.6, [("body_weight_lb", AT, 159.6)]),
        ("en_GB", 11.4, [("body_weight", AT, 72.393342252)]),
        ("de_DE", 72.4, []),
    ],
)
def test_the_unit_is_what_the_caller_asked_for(units, weight, expected, tmp_path):
    found = made(
        "fitbit-legacy", message(weighed(weight, None), units=units), tmp_path=tmp_path
    )
    assert found == (expected, [])


def test_pounds_are_not_taken_for_kilograms(tmp_path):
    """The same message holds the body mass index, which is of kilograms."""
    observations, errors = made(
        "fitbit-legacy", message(weighed(159.6)), tmp_path=tmp_path
    )
    assert observations == [("body_mass_index", AT, 23.57)]
    assert [name for name, _text in errors] == ["IncompatibleDataException"]


@pytest.mark.parametrize(
    ("units", "metres"), [(None, 6021.5), ("en_GB", 6021.5), ("en_US", 9690.664896)]
)
def test_distances_are_kilometres_or_miles(units, metres, tmp_path):
    body = {"activities-distance": [{"dateTime": "2026-10-04", "value": "6.0215"}]}
    found = made("fitbit-legacy", message(body, units=units), tmp_path=tmp_path)
    assert found == ([("distance_daily", "2026-10-04", metres)], [])


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            {
                "dateTime": "2026-10-04",
                "value": {"avg": 96.4, "min": 93.8, "max": 99.1},
            },
            [("oxygen_saturation_daily", "2026-10-04", 96.4)],
        ),
        (
            [
                {
                    "dateTime": "2026-10-04",
                    "value": {"avg": 96.4, "min": 93.8, "max": 99.1},
                }
            ],
            [("oxygen_saturation_daily", "2026-10-04", 96.4)],
        ),
        (
            {
                "hrv": [
                    {
                        "dateTime": "2026-10-04",
                        "value": {"dailyRmssd": 34.9, "deepRmssd": None},
                    }
                ]
            },
            [("hrv_rmssd_daily", "2026-10-04", 34.9)],
        ),
        (
            {
                "hrv": [
                    {
                        "dateTime": "2026-10-04",
                        "minutes": [
                            {
                                "minute": "2026-10-04T01:10:00.000",
                                "value": {"rmssd": 26.617},
                            },
                            {"minute": "2026-10-04T01:15:00.000", "value": None},
                        ],
                    }
                ]
            },
            [("hrv_rmssd", "2026-10-04T01:10:00+02:00", 26.617)],
        ),
        (
            {"br": [{"dateTime": "2026-10-04", "value": {"breathingRate": 14.8}}]},
            [("respiratory_rate_daily", "2026-10-04", 14.8)],
        ),
        (
            {
                "br": [
                    {
                        "dateTime": "2026-10-04",
                        "value": {
                            "remSleepSummary": {"breathingRate": -1},
                            "fullSleepSummary": {"breathingRate": 14.9},
                        },
                    }
                ]
            },
            [("respiratory_rate_daily", "2026-10-04", 14.9)],
        ),
        ({"br": [{"dateTime": "2026-10-04", "value": {"breathingRate": -1}}]}, []),
        (
            {
                "cardioScore": [
                    {"dateTime": "2026-10-01", "value": {"vo2Max": "44"}},
                    {"dateTime": "2026-10-02", "value": {"vo2Max": "44-48"}},
                    {"dateTime": "2026-10-03", "value": {"vo2Max": "NA"}},
                    {"dateTime": "2026-10-04", "value": {"vo2Max": None}},
                ]
            },
            [("vo2_max", "2026-10-01", 44)],
        ),
        (
            {
                "activities-heart": [
                    {"dateTime": "2026-10-03", "value": {"restingHeartRate": 58}},
                    {"dateTime": "2026-10-04", "value": {"heartRateZones": []}},
                ]
            },
            [("resting_heart_rate", "2026-10-03", 58)],
        ),
        ([{"collectionType": "sleep", "date": "2026-10-04", "ownerId": "A"}], []),
        (
            [{"id": "1", "mac": "ABCDEF", "deviceVersion": "Versa", "battery": "High"}],
            [],
        ),
        ({"sleep": [], "summary": {"totalMinutesAsleep": 0}}, []),
    ],
)
def test_what_a_reply_becomes(body, expected, tmp_path):
    assert made("fitbit-legacy", message(body), tmp_path=tmp_path) == (expected, [])


def slept(**members):
    log = {
        "dateOfSleep": "2026-10-25",
        "logId": 48200000001,
        "startTime": "2026-10-24T23:30:00.000",
        "minutesAsleep": 430,
    }
    return {"sleep": [log | members]}


@pytest.mark.parametrize(
    "members",
    [{"endTime": "2026-10-25T06:30:00.000"}, {"duration": 28800000}],
    ids=("end", "duration"),
)
def test_the_night_that_clocks_go_back_is_an_hour_longer(members, tmp_path):
    """An end is shown at the offset of the start: 06:30 in winter is 07:30 here."""
    found = made("fitbit-legacy", message(slept(**members)), tmp_path=tmp_path)
    night = ("2026-10-24T23:30:00+02:00", "2026-10-25T07:30:00+02:00")
    assert found == ([("sleep", night, 430)], [])


def test_stages_are_read_and_short_wakes_that_overlap_them_are_not(tmp_path):
    at = "2026-10-24T23:30:00.000"
    levels = {
        "data": [
            {"dateTime": at, "level": "deep", "seconds": 1230},
            {"dateTime": "2026-10-24T23:50:30.000", "level": "restless", "seconds": 60},
        ],
        "shortData": [{"dateTime": at, "level": "wake", "seconds": 60}],
        "summary": {"deep": {"count": 1, "minutes": 20}, "rem": None},
    }
    observations, errors = made(
        "fitbit-legacy", message(slept(levels=levels)), tmp_path=tmp_path
    )
    start = "2026-10-24T23:30:00+02:00"
    assert sorted(observations, key=str) == [
        ("sleep", start, {"": 430, "deep": 20}),
        ("sleep_deep", (start, "2026-10-24T23:50:30+02:00"), 20.5),
    ]
    assert errors == []


def test_a_corrected_log_updates_its_observation(tmp_path):
    first, second = (
        message(weighed(weight))
        | {"SystemProperties": {"x-opt-enqueued-time": f"2026-10-04T06:0{minute}:00Z"}}
        for minute, weight in ((0, 72.4), (1, 71.4))
    )
    found = previewed("fitbit-legacy", first, second, tmp_path=tmp_path)
    weights = [
        r for r in found.resources if r.get("code", {}).get("text") == "body_weight"
    ]
    assert [w["valueQuantity"]["value"] for w in weights] == [71.4]
    assert weights[0]["identifier"][1] == {"value": "1791090300000"}


def test_names_go_nowhere(tmp_path):
    body = weighed(72.4) | {"user": {"fullName": "Jane Roe", "encodedId": "ABC123"}}
    found = previewed("fitbit-legacy", message(body), tmp_path=tmp_path)
    assert len(found.measurements) == 2
    assert "Jane" not in json.dumps(found.resources) + repr(found.measurements)
