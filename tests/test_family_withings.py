"""Withings: measure groups, activities, nights, minutes, recordings and workouts."""

import pytest
from families import made, previewed

AT = 1791090300
TIME = "2026-10-04T05:05:00Z"
IN_PARIS = "2026-10-04T07:05:00+02:00"
PROPERTIES = {"patientId": "p-1"}


def measure(type_, value, unit=0, **members):
    return {"value": value, "type": type_, "unit": unit} | members


def group(*measures, **members):
    return {
        "grpid": 5149666502,
        "attrib": 0,
        "date": AT,
        "created": AT + 60,
        "modified": AT + 60,
        "category": 1,
        "deviceid": "dev-1",
        "hash_deviceid": "dev-1",
        "measures": list(measures),
        "modelid": 13,
        "model": "Body+",
        "comment": None,
    } | members


def answer(**body):
    return {"Body": {"status": 0, "body": body}, "Properties": PROPERTIES}


def groups(*found):
    return answer(updatetime=AT, timezone="Europe/Paris", measuregrps=list(found))


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (measure(1, 72415, -3, algo=0, fm=5), ("body_weight", 72.415)),
        (measure(1, 56300, -3), ("body_weight", 56.3)),
        (measure(1, 7, 1), ("body_weight", 70)),
        (measure(1, "72415", "-3"), ("body_weight", 72.415)),
        (measure(4, 1810, -3), ("body_height", 181)),
        (measure(4, 1815, -3), ("body_height", 181.5)),
        (measure(4, 2), ("body_height", 200)),
        (measure(5, 7718, -2, position=7), ("lean_mass", 77.18)),
        (measure(6, 19467, -3), ("body_fat", 19.467)),
        (measure(8, 14), ("body_fat_mass", 14)),
        (measure(11, 8200, -2), ("heart_rate", 82)),
        (measure(54, 97), ("oxygen_saturation", 97)),
        (measure(71, 37), ("body_temperature", 37)),
        (measure(71, 36842, -3), ("body_temperature", 36.842)),
        (measure(73, 34170, -3), ("skin_temperature", 34.17)),
        (measure(76, 7338, -2), ("muscle_mass", 73.38)),
        (measure(77, 5205, -2), ("body_water_mass", 52.05)),
        (measure(88, 380, -2), ("bone_mass", 3.8)),
        (measure(91, 71, -1), ("pulse_wave_velocity", 7.1)),
        (measure(123, 425, -1), ("vo2_max", 42.5)),
        (measure(170, 32, -1), ("visceral_fat", 3.2)),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_measures_are_scaled_exactly(sent, expected, tmp_path):
    type_, value = expected
    found = made("withings", groups(group(sent)), tmp_path=tmp_path)
    assert found == ([(type_, IN_PARIS, value)], [])


@pytest.mark.parametrize(
    "body",
    [
        {"status": 0, "body": {"measuregrps": [group(measure(1, 72, 0))]}},
        {"measuregrps": [group(measure(1, 72, 0))]},
        [group(measure(1, 72, 0))],
        group(measure(1, 72, 0)),
        {
            "status": 0,
            "body": {"measuregrps": [group(), group(measure(1, 72, 0))], "more": 0},
            "unknown": {"extra": [1]},
        },
        [group(measure(1, 72, 0), measure(1, 72, 0))],
    ],
    ids=["answer", "body", "groups", "group", "empty group before", "twice"],
)
def test_groups_are_read_where_clients_store_them(body, tmp_path):
    message = {"Body": body, "Properties": {"userid": 20263}}
    found = previewed("withings", message, tmp_path=tmp_path)
    assert found.dead_letters == []
    assert {(m.type, m.device, m.patient, m.values) for m in found.measurements} == {
        ("body_weight", "dev-1", "20263", (("body_weight", "72"),))
    }


def test_blood_pressure_is_one_reading_of_a_group(tmp_path):
    sent = group(measure(9, 10600, -2), measure(11, 64), measure(10, 143))
    found, errors = made("withings", groups(sent), tmp_path=tmp_path)
    assert errors == []
    assert sorted(found, key=str) == [
        ("blood_pressure", IN_PARIS, {"systolic": 143, "diastolic": 106}),
        ("heart_rate", IN_PARIS, 64),
    ]


@pytest.mark.parametrize(
    ("zones", "time"),
    [
        ({}, TIME),
        ({"body": "America/New_York"}, "2026-10-04T01:05:00-04:00"),
        ({"group": "Asia/Tokyo", "body": "Europe/Rome"}, "2026-10-04T14:05:00+09:00"),
        ({"properties": "Europe/Paris"}, IN_PARIS),
    ],
)
def test_times_are_shown_in_the_zone_that_is_told(zones, time, tmp_path):
    of_group = {"timezone": zones["group"]} if "group" in zones else {}
    message = answer(measuregrps=[group(measure(1, 72), **of_group)])
    if "body" in zones:
        message["Body"]["body"]["timezone"] = zones["body"]
    if "properties" in zones:
        message["Properties"] = PROPERTIES | {"timezone": zones["properties"]}
    expected = ([("body_weight", time, 72)], [])
    assert made("withings", message, tmp_path=tmp_path) == expected


@pytest.mark.parametrize(
    ("start", "end", "period"),
    [
        (
            1774738800,
            1774760400,
            ("2026-03-29T00:00:00+01:00", "2026-03-29T06:00:00+01:00"),
        ),
        (
            1792879200,
            1792904400,
            ("2026-10-25T00:00:00+02:00", "2026-10-25T07:00:00+02:00"),
        ),
    ],
    ids=["clocks go forward", "clocks go back"],
)
def test_a_night_in_which_clocks_change(start, end, period, tmp_path):
    """Its end is the right instant, shown at the offset of its start."""
    data = {"asleepduration": 18000}
    night = {"startdate": start, "enddate": end, "timezone": "Europe/Paris"}
    sent = answer(series=[night | {"data": data}])
    expected = ([("sleep", period, 300)], [])
    assert made("withings", sent, tmp_path=tmp_path) == expected


def test_half_a_blood_pressure_is_a_dead_letter(tmp_path):
    found, errors = made("withings", groups(group(measure(10, 121))), tmp_path=tmp_path)
    assert found == []
    assert errors == [
        (
            "IncompatibleDataException",
            "Unable to extract required value for [diastolic]: nothing was found",
        )
    ]


@pytest.mark.parametrize(
    "sent",
    [
        group(measure(1, 70000, -3), category=2, attrib=2),
        group(measure(9, 80), measure(10, 120), category=2),
        group(measure(12, 21)),
        group(measure(18, -1000, -3)),
        group(measure(130, 0)),
        group(measure(173, 4000, -2, position=12), measure(175, 3823, -2, position=12)),
        group(measure(226, 2263)),
        group(),
    ],
    ids=["goal", "goal", "air", "unknown", "afib", "segments", "metabolism", "empty"],
)
def test_what_is_no_reading_is_left_out(sent, tmp_path):
    assert made("withings", groups(sent), tmp_path=tmp_path) == ([], [])


@pytest.mark.parametrize("attrib", [0, 2, 4, 5, 7, 8, 15, 17, None])
def test_readings_of_the_user_are_kept(attrib, tmp_path):
    sent = groups(group(measure(1, 72), attrib=attrib))
    expected = ([("body_weight", IN_PARIS, 72)], [])
    assert made("withings", sent, tmp_path=tmp_path) == expected


@pytest.mark.parametrize(
    "measures",
    [(measure(1, 72),), (measure(9, 80), measure(10, 120))],
    ids=["weight", "blood pressure"],
)
def test_a_reading_of_perhaps_somebody_else_has_no_patient(measures, tmp_path):
    found = made("withings", groups(group(*measures, attrib=1)), tmp_path=tmp_path)
    error = "ResourceIdentityNotDefinedException"
    assert found == ([], [(error, "the measurement names no patient")])


@pytest.mark.parametrize(
    ("members", "properties", "device"),
    [
        ({"deviceid": 15542329, "hash_deviceid": "hash"}, {}, "hash"),
        ({"deviceid": 15542329, "hash_deviceid": None}, {}, "15542329"),
        ({"deviceid": None, "hash_deviceid": None}, {}, "withings-p-1"),
        ({"deviceid": "", "hash_deviceid": ""}, {"deviceId": "d-1"}, "d-1"),
    ],
)
def test_device_of_a_reading(members, properties, device, tmp_path):
    message = groups(group(measure(1, 72), **members))
    message["Properties"] = PROPERTIES | properties
    found = previewed("withings", message, tmp_path=tmp_path)
    assert [m.device for m in found.measurements] == [device]


def test_a_corrected_group_is_the_same_observation(tmp_path):
    def identity(value):
        message = groups(group(measure(1, value, -3), modified=AT + value))
        found = previewed("withings", message, tmp_path=tmp_path)
        [one] = [r for r in found.resources if r["resourceType"] == "Observation"]
        return one["id"], [i["value"] for i in one["identifier"][1:]]

    assert identity(72415) == identity(72500)
    assert identity(72415)[1] == ["5149666502"]


def test_a_number_that_cannot_be_is_a_dead_letter(tmp_path):
    sent = groups(group(measure(1, 72415)), group(measure(54, 0)))
    found, errors = made("withings", sent, tmp_path=tmp_path)
    assert found == []
    assert [error for error, _ in errors] == ["ImplausibleValue", "ImplausibleValue"]


DAY = {
    "date": "2026-10-04",
    "timezone": "Europe/Paris",
    "hash_deviceid": "dev-1",
    "steps": 1209,
    "distance": 1028.559,
    "elevation": 10,
    "active": 292,
    "calories": 85.497,
    "totalcalories": 2303.788,
    "hr_average": 80,
}


def test_activities_are_totals_of_a_civil_day(tmp_path):
    found, errors = made("withings", answer(activities=[DAY]), tmp_path=tmp_path)
    assert errors == []
    assert sorted(found) == [
        ("active_energy_daily", "2026-10-04", 85.497),
        ("distance_daily", "2026-10-04", 1028.559),
        ("exercise_time", "2026-10-04", pytest.approx(292 / 60)),
        ("mean_heart_rate", "2026-10-04", 80),
        ("steps_daily", "2026-10-04", 1209),
        ("total_energy_daily", "2026-10-04", 2303.788),
    ]


def test_a_day_without_pulse_has_no_mean_heart_rate(tmp_path):
    day = {"date": "2015-06-18", "timezone": "America/Los_Angeles", "steps": 0}
    sent = answer(activities=[day | {"hr_average": 0, "totalcalories": None}])
    expected = ([("steps_daily", "2015-06-18", 0)], [])
    assert made("withings", sent, tmp_path=tmp_path) == expected


NIGHT = ("2026-10-04T05:05:00Z", "2026-10-04T13:05:00Z")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (
            {"lightsleepduration": 3360, "deepsleepduration": 7800, "wakeupcount": 4},
            {"": 186, "light": 56, "deep": 130},
        ),
        (
            {
                "total_sleep_time": 25200,
                "lightsleepduration": 14400,
                "deepsleepduration": 7200,
                "remsleepduration": 3600,
                "wakeupduration": 0,
            },
            {"": 420, "light": 240, "deep": 120, "rem": 60, "awake": 0},
        ),
        (
            {
                "total_sleep_time": 0,
                "asleepduration": "27000",
                "lightsleepduration": None,
                "wakeupduration": 600,
            },
            {"": 450, "awake": 10},
        ),
    ],
    ids=["before REM", "complete", "of another source"],
)
def test_a_night(data, expected, tmp_path):
    night = {"id": 12, "startdate": AT, "enddate": AT + 28800, "data": data}
    found = made("withings", answer(series=[night]), tmp_path=tmp_path)
    assert found == ([("sleep", NIGHT, expected)], [])


def test_means_of_a_night(tmp_path):
    data = {"hr_average": 54, "rr_average": 15, "total_timeinbed": 28200}
    night = {"id": 12, "startdate": AT, "enddate": AT + 28800, "data": data}
    nothing = night | {"data": {"hr_average": 0, "rr_average": None}}
    found, errors = made("withings", answer(series=[night, nothing]), tmp_path=tmp_path)
    assert errors == []
    assert sorted(found, key=str) == [
        ("mean_heart_rate", TIME, 54),
        ("respiratory_rate_daily", TIME, 15),
        ("time_in_bed", NIGHT, 470),
    ]


def test_states_of_a_night(tmp_path):
    times = [str(AT), str(AT + 60)]
    states = [
        {"startdate": AT + 600 * n, "enddate": AT + 600 * (n + 1), "state": n}
        for n in range(5)
    ]
    states[1]["hr"] = dict(zip(times, [58, 0], strict=True))
    states[1]["rr"] = []
    found, errors = made("withings", answer(series=states), tmp_path=tmp_path)
    assert errors == []
    assert [(type_, value) for type_, _, value in found if type_ != "heart_rate"] == [
        ("sleep_awake", 10),
        ("sleep_light", 10),
        ("sleep_deep", 10),
        ("sleep_rem", 10),
    ]
    assert ("heart_rate", TIME, 58) in found
    assert len(found) == 5


def test_minutes_of_a_day(tmp_path):
    series = {
        str(AT): {"steps": 21, "calories": 1, "distance": 15, "duration": 60},
        str(AT + 60): {"duration": 1440},
        str(AT + 1500): {"heart_rate": 63, "spo2_auto": 0, "hash_deviceid": "dev-1"},
        str(AT + 1560): {"spo2_auto": 97, "rmssd": 42, "sdnn1": 31, "rr": 14},
    }
    minute = (TIME, "2026-10-04T05:06:00Z")
    found, errors = made("withings", answer(series=series), tmp_path=tmp_path)
    assert errors == []
    assert sorted(found, key=str) == [
        ("active_energy", minute, 1),
        ("distance", minute, 15),
        ("heart_rate", "2026-10-04T05:30:00Z", 63),
        ("hrv_rmssd", "2026-10-04T05:31:00Z", 42),
        ("hrv_sdnn", "2026-10-04T05:31:00Z", 31),
        ("oxygen_saturation", "2026-10-04T05:31:00Z", 97),
        ("respiratory_rate", "2026-10-04T05:31:00Z", 14),
        ("steps", minute, 21),
    ]


def test_recordings_of_the_heart(tmp_path):
    series = [
        {
            "deviceid": "dev-1",
            "model": 44,
            "ecg": {"signalid": 48, "afib": 2},
            "bloodpressure": {"diastole": 69, "systole": 111},
            "heart_rate": 73,
            "timestamp": AT,
        },
        {"deviceid": "dev-2", "ecg": {"signalid": 49, "afib": 0}, "timestamp": AT},
    ]
    found, errors = made("withings", answer(series=series), tmp_path=tmp_path)
    assert errors == []
    assert sorted(found, key=str) == [
        ("blood_pressure", TIME, {"systolic": 111, "diastolic": 69}),
        ("heart_rate", TIME, 73),
    ]


def test_a_recording_and_its_group_are_one_observation(tmp_path):
    sent = group(measure(9, 69), measure(10, 111))
    record = {
        "deviceid": "dev-1",
        "bloodpressure": {"diastole": 69, "systole": 111},
        "timestamp": AT,
    }
    found, errors = made(
        "withings", groups(sent), answer(series=[record]), tmp_path=tmp_path
    )
    expected = ("blood_pressure", {"systolic": 111, "diastolic": 69})
    assert ([(type_, value) for type_, _, value in found], errors) == ([expected], [])


def test_a_workout_is_its_length_and_mean_heart_rate(tmp_path):
    data = {"calories": 47, "steps": 779, "distance": 680, "hr_average": 104}
    workout = {"id": 3, "category": 1, "startdate": AT, "enddate": AT + 502}
    still = workout | {"startdate": AT + 3600, "enddate": AT + 3900}
    sent = answer(
        series=[workout | {"data": data}, still | {"data": {"hr_average": 0}}]
    )
    found, errors = made("withings", sent, tmp_path=tmp_path)
    assert errors == []
    assert sorted(found, key=str) == [
        ("exercise_time", (TIME, "2026-10-04T05:13:22Z"), pytest.approx(502 / 60)),
        ("exercise_time", ("2026-10-04T06:05:00Z", "2026-10-04T06:10:00Z"), 5),
        ("mean_heart_rate", TIME, 104),
    ]


@pytest.mark.parametrize(
    "body",
    [
        {"status": 0, "body": {"measuregrps": []}},
        {"status": 0, "body": {"measuregrps": None}},
        {"status": 0, "body": {"activities": [], "more": False}},
        {"status": 0, "body": {"series": [], "more": False}},
        {"status": 401, "body": {}, "error": "invalid_token"},
        [],
        [[]],
    ],
)
def test_nothing_comes_of_nothing(body, tmp_path):
    found, _ = made("withings", {"Body": body}, tmp_path=tmp_path)
    assert found == []


def test_a_notification_is_no_message(tmp_path):
    sent = b"userid=20263&appli=4&startdate=1791090300&enddate=1791090360"
    found, errors = made("withings", sent, tmp_path=tmp_path)
    assert found == []
    assert [error for error, _ in errors] == ["InvalidDataFormatException"]
