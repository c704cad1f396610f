"""The contract for watches that speak for themselves, and MedTech's flat message."""

import json

import pytest
from families import made, previewed

FAMILY = "smart-watch-generic"
TIME = "2026-10-04T07:05:00+02:00"
START, END = "2026-10-03T23:10:00+02:00", "2026-10-04T06:40:00+02:00"


def watch(*measurements, **members):
    return {
        "deviceType": "smart-watch",
        "deviceId": "watch-7",
        "patientId": "p-1",
        "timestamp": TIME,
        "measurements": list(measurements),
    } | members


def of(kind, value, unit=None, **more):
    named = {} if unit is None else {"unit": unit}
    return {"type": kind, "value": value, **named, **more}


def over(kind, value, unit=None, **more):
    return of(kind, value, unit, start=START, end=END, **more)


@pytest.mark.parametrize(
    ("measurement", "expected"),
    [
        (of("heart_rate", 64, "/min"), ("heart_rate", 64)),
        (of("heart_rate", "64", "bpm"), ("heart_rate", 64)),
        (of("heart_rate", 6.4e1, "beats/min"), ("heart_rate", 64)),
        (of("heart_rate", 64.5, "count/min"), ("heart_rate", 64.5)),
        (of("heart_rate", 64), ("heart_rate", 64)),
        (of("heart_rate", 64, "/min", id=None, context=["rest"]), ("heart_rate", 64)),
        (of("resting_heart_rate", 57, "/min"), ("resting_heart_rate", 57)),
        (of("oxygen_saturation", 97, "%"), ("oxygen_saturation", 97)),
        (of("oxygen_saturation", 96.5), ("oxygen_saturation", 96.5)),
        (of("oxygen_saturation", 0.97, "1"), ("oxygen_saturation", 97)),
        (of("oxygen_saturation", "0.975", "1"), ("oxygen_saturation", 97.5)),
        (of("respiratory_rate", 14.5, "breaths/min"), ("respiratory_rate", 14.5)),
        (of("respiratory_rate", 14), ("respiratory_rate", 14)),
        (of("hrv_sdnn", 41.7, "ms"), ("hrv_sdnn", 41.7)),
        (of("hrv_sdnn", 0.0417, "s"), ("hrv_sdnn", 41.7)),
        (of("hrv_rmssd", "36", "ms"), ("hrv_rmssd", 36)),
        (of("body_temperature", 36.6, "Cel"), ("body_temperature", 36.6)),
        (of("body_temperature", "36.60", "°C"), ("body_temperature", 36.6)),
        (of("body_temperature", 97.9, "[degF]"), ("body_temperature_f", 97.9)),
        (of("body_temperature", "97.9", "°F"), ("body_temperature_f", 97.9)),
    ],
)
def test_at_an_instant(measurement, expected, tmp_path):
    kind, value = expected
    found = made(FAMILY, watch(measurement), tmp_path=tmp_path)
    assert found == ([(kind, TIME, value)], [])


NIGHT = {"deep": 84, "light": 258, "rem": "90", "awake": 18}


@pytest.mark.parametrize(
    ("measurement", "expected"),
    [
        (over("steps", 812, "steps"), ("steps", 812)),
        (over("steps", "812", "{steps}"), ("steps", 812)),
        (over("steps", 0), ("steps", 0)),
        (over("distance", 610, "m"), ("distance", 610)),
        (over("distance", "0.61", "km"), ("distance", 610)),
        (over("active_energy", 31.5, "kcal"), ("active_energy", 31.5)),
        (over("active_energy", 131.8, "kJ"), ("active_energy", 31.501)),
        (over("sleep", 432, "min"), ("sleep", 432)),
        (over("sleep", 7.2, "h"), ("sleep", 432)),
        (over("sleep", 25930, "s"), ("sleep", 432.2)),
        (
            over("sleep", 432, "min", **NIGHT),
            ("sleep", {"": 432, "deep": 84, "light": 258, "rem": 90, "awake": 18}),
        ),
        (
            over("sleep", 7.2, "h", deep=1.4, light=None, awake=0),
            ("sleep", {"": 432, "deep": 84, "awake": 0}),
        ),
        (over("sleep", 25920, "s", rem="5400"), ("sleep", {"": 432, "rem": 90})),
    ],
)
def test_over_a_time(measurement, expected, tmp_path):
    kind, value = expected
    found = made(FAMILY, watch(measurement), tmp_path=tmp_path)
    assert found == ([(kind, (START, END), value)], [])


@pytest.mark.parametrize(
    ("measurement", "expected"),
    [
        (of("steps_daily", 9120, "steps"), ("steps_daily", 9120)),
        (of("steps_daily", "9120"), ("steps_daily", 9120)),
        (of("distance_daily", 6.84, "km"), ("distance_daily", 6840)),
        (of("active_energy_daily", 412, "kcal"), ("active_energy_daily", 412)),
    ],
)
def test_of_a_day(measurement, expected, tmp_path):
    kind, value = expected
    sent = watch(measurement | {"date": "2026-10-03"})
    assert made(FAMILY, sent, tmp_path=tmp_path) == (
        [(kind, "2026-10-03", value)],
        [],
    )


IN_ANOTHER_UNIT = [
    of("heart_rate", 1.1, "Hz"),
    of("oxygen_saturation", 97, "percent"),
    of("respiratory_rate", 14, "1/h"),
    of("hrv_sdnn", 41.7),
    of("hrv_rmssd", 41.7, "us"),
    of("body_temperature", 36.6),
    of("body_temperature", 36.6, "[degF]"),
    of("body_temperature", 97.9, "Cel"),
    of("body_temperature", 309.7, "K"),
    of("body_temperature", 97.9),
    over("steps", 812, "strides"),
    over("distance", 610),
    over("distance", 0.4, "mi"),
    over("active_energy", 31.5, "cal"),
    over("active_energy", 31.5),
    over("sleep", 432),
    over("sleep", 432, "minutes"),
]


@pytest.mark.parametrize("measurement", IN_ANOTHER_UNIT)
def test_a_unit_that_is_not_of_the_contract_is_a_dead_letter(measurement, tmp_path):
    found, errors = made(FAMILY, watch(measurement), tmp_path=tmp_path)
    assert found == []
    assert [error for error, _ in errors] == ["IncompatibleDataException"]


@pytest.mark.parametrize(
    ("measurement", "error"),
    [
        (of("heart_rate", "fast", "/min"), "IncompatibleDataException"),
        (of("heart_rate", 640, "/min"), "ImplausibleValue"),
        (of("heart_rate", -1, "/min"), "ImplausibleValue"),
        (of("oxygen_saturation", 0.97, "%"), "ImplausibleValue"),
        (of("oxygen_saturation", 97, "1"), "ImplausibleValue"),
        (of("oxygen_saturation", 127, "%"), "ImplausibleValue"),
        (of("body_temperature", 3.66, "Cel"), "ImplausibleValue"),
        (of("steps", 812), "IncompatibleDataException"),
        (of("sleep", 432, "min", end=END), "IncompatibleDataException"),
        (of("steps", 812, start=END, end=START), "IncompatibleDataException"),
        (of("steps_daily", 9120), "IncompatibleDataException"),
        (over("sleep", 43200, "min"), "ImplausibleValue"),
        (over("sleep", 432, "min", rem="some"), "InvalidQuantityFhirValueException"),
    ],
)
def test_what_is_wrong_is_a_dead_letter(measurement, error, tmp_path):
    found, errors = made(FAMILY, watch(measurement), tmp_path=tmp_path)
    assert found == []
    assert [each for each, _ in errors] == [error]


@pytest.mark.parametrize(
    "members",
    [
        {"timestamp": "2026-10-04T07:05:00"},
        {"timestamp": 1791090300},
        {"timestamp": None},
    ],
)
def test_the_time_needs_its_offset(members, tmp_path):
    sent = watch(of("heart_rate", 64, "/min"), **members)
    found, errors = made(FAMILY, sent, tmp_path=tmp_path)
    assert found == []
    assert [error for error, _ in errors] == ["IncompatibleDataException"]


def test_no_patient_is_a_dead_letter(tmp_path):
    sent = watch(of("heart_rate", 64, "/min"), patientId=None)
    found, errors = made(FAMILY, sent, tmp_path=tmp_path)
    assert found == []
    assert [error for error, _ in errors] == ["ResourceIdentityNotDefinedException"]


def test_one_wrong_measurement_does_not_hinder_the_others(tmp_path):
    sent = watch(
        of("heart_rate", 64, "/min"),
        of("oxygen_saturation", 127, "%"),
        of("mood", 3),
        of("respiratory_rate", None, "/min"),
        of("hrv_rmssd", 36, "ms", timestamp="2026-10-04T05:06:00Z"),
    )
    found, errors = made(FAMILY, sent, tmp_path=tmp_path)
    assert sorted(found) == [
        ("heart_rate", TIME, 64),
        ("hrv_rmssd", "2026-10-04T05:06:00Z", 36),
    ]
    assert [error for error, _ in errors] == ["ImplausibleValue"]


@pytest.mark.parametrize(
    ("local", "shown"),
    [
        ("2026-03-29T01:59:00", "2026-03-29T01:59:00+01:00"),
        ("2026-03-29T02:30:00", "2026-03-29T02:30:00+01:00"),
        ("2026-03-29T03:00:00", "2026-03-29T03:00:00+02:00"),
        ("2026-10-25T02:30:00", "2026-10-25T02:30:00+02:00"),
        ("2026-10-25T03:30:00", "2026-10-25T03:30:00+01:00"),
        ("2026-10-04T05:05:00.250Z", "2026-10-04T05:05:00.25Z"),
    ],
)
def test_local_times_are_of_the_zone_of_the_envelope(local, shown, tmp_path):
    flat = {"deviceId": "watch-7", "patientId": "p-1", "heartRate": 64}
    for body in (
        watch(of("heart_rate", 64, "/min"), timestamp=local),
        watch(of("heart_rate", 64, "/min", timestamp=local)),
        flat | {"endDate": local},
    ):
        sent = {"Body": body, "Properties": {"timezone": "Europe/Paris"}}
        found = made(FAMILY, sent, tmp_path=tmp_path)
        assert found == ([("heart_rate", shown, 64)], [])


def test_a_night_in_which_clocks_go_back(tmp_path):
    """Its end is shown at the offset of its start."""
    night = of(
        "sleep", 480, "min", start="2026-10-24T23:00:00", end="2026-10-25T07:00:00"
    )
    sent = {"Body": watch(night), "Properties": {"timezone": "Europe/Paris"}}
    times = ("2026-10-24T23:00:00+02:00", "2026-10-25T08:00:00+02:00")
    assert made(FAMILY, sent, tmp_path=tmp_path) == ([("sleep", times, 480)], [])


@pytest.mark.parametrize(
    ("device", "properties", "expected"),
    [
        ("watch-7", {"deviceId": "phone"}, "watch-7"),
        (17203, {}, "17203"),
        (None, {"deviceId": "watch-8"}, "watch-8"),
        (None, {}, "smart-watch-p-1"),
    ],
)
def test_device(device, properties, expected, tmp_path):
    flat = {"patientId": "p-1", "endDate": TIME, "heartRate": "78"}
    for body in (
        [watch(of("heart_rate", 64, "/min"), deviceId=device)],
        flat | {"deviceId": device},
    ):
        sent = {"Body": body, "Properties": properties}
        found = previewed(FAMILY, sent, tmp_path=tmp_path)
        assert [m.device for m in found.measurements] == [expected]


def test_a_list_of_messages(tmp_path):
    sent = [
        watch(of("heart_rate", 64, "/min")),
        watch(of("heart_rate", 71, "/min"), deviceId="watch-8", patientId="p-2"),
    ]
    found = previewed(FAMILY, sent, tmp_path=tmp_path)
    assert found.dead_letters == []
    who = [(m.patient, m.device) for m in found.measurements]
    assert who == [("p-1", "watch-7"), ("p-2", "watch-8")]


def test_the_patient_of_the_envelope_counts(tmp_path):
    body = watch(of("heart_rate", 64, "/min"), over("steps", 812))
    sent = {"Body": body, "Properties": {"patientId": "p-2"}}
    found = previewed(FAMILY, sent, tmp_path=tmp_path)
    assert [m.patient for m in found.measurements] == ["p-2"] * 2


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({}, [("heart_rate", "2026-10-04T05:12:31.875Z", 78)]),
        ({"heartRate": 78.0}, [("heart_rate", "2026-10-04T05:12:31.875Z", 78)]),
        ({"endDate": TIME}, [("heart_rate", TIME, 78)]),
        ({"heartRate": "0"}, []),
        ({"heartRate": None}, []),
        ({"uuid": "0d3f-1"}, []),
        ({"startDate": TIME}, []),
        ({"deviceType": "heart-monitor"}, []),
    ],
)
def test_the_flat_message_of_medtech(members, expected, tmp_path):
    """One with `uuid` and `startDate` is of apple-healthkit."""
    sent = {
        "deviceId": "watch-7",
        "endDate": "2026-10-04T05:12:31.8750000Z",
        "heartRate": "78",
    } | members
    enveloped = {"Body": sent, "Properties": {"patientId": "p-1"}}
    for message in (enveloped, enveloped | {"Body": [sent]}):
        assert made(FAMILY, message, tmp_path=tmp_path) == (expected, [])


def test_the_flat_message_without_patient_is_a_dead_letter(tmp_path):
    sent = {"deviceId": "watch-7", "endDate": TIME, "heartRate": "78"}
    found, errors = made(FAMILY, sent, tmp_path=tmp_path)
    assert found == []
    assert [error for error, _ in errors] == ["ResourceIdentityNotDefinedException"]


def test_a_measurement_sent_again_is_the_same_observation(tmp_path):
    def identity(steps, end):
        sent = watch(over("steps", steps, id="s-1") | {"end": end})
        found = previewed(FAMILY, sent, tmp_path=tmp_path)
        [one] = [r for r in found.resources if r["resourceType"] == "Observation"]
        return one["id"], [i["value"] for i in one["identifier"][1:]]

    assert identity(812, END) == identity(830, TIME)
    assert identity(812, END)[1] == ["s-1"]


def test_no_name_and_no_place_goes_on(tmp_path):
    sent = watch(
        of("heart_rate", 64, "/min", location={"lat": 48.8534}),
        owner={"name": "Anna Example"},
    )
    found = previewed(FAMILY, sent, tmp_path=tmp_path)
    made_of_it = json.dumps(found.resources) + repr(found.measurements)
    assert found.measurements
    assert "Anna" not in made_of_it
    assert "48.8534" not in made_of_it


@pytest.mark.parametrize(
    "sent",
    [
        [],
        [{}],
        watch(),
        watch({}),
        watch(of("mood", 3)),
        watch(of("heart_rate", None, "/min")),
        watch(of("heart_rate", 0, "/min"), of("oxygen_saturation", "0", "%")),
        watch(of("heart_rate", 64, "/min"), deviceType="watch"),
        watch(of("heart_rate", 64, "/min"), deviceType=None),
    ],
)
def test_nothing_comes_of_nothing(sent, tmp_path):
    assert made(FAMILY, {"Body": sent}, tmp_path=tmp_path) == ([], [])
