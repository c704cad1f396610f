"""A smart watch of one's own: the contract of this project, and MedTech's sample."""

import json

import pytest
from families import made, previewed

AT = "2026-10-04T07:12:31+02:00"

START, END = "2026-10-04T08:00:00+02:00", "2026-10-04T08:15:00+02:00"


def watch(*measurements, **members):
    return {
        "deviceType": "smart-watch",
        "deviceId": "watch-42",
        "patientId": "p-1",
        "timestamp": AT,
        "measurements": list(measurements),
    } | members


def of(kind, value, unit=None, **members):
    return {"type": kind, "value": value, "unit": unit} | members


def over(kind, value, unit=None, **members):
    return of(kind, value, unit, start=START, end=END, **members)


def flat(**members):
    return {
        "deviceId": "watch-44",
        "patientId": "p-1",
        "endDate": AT,
        "heartRate": "78",
    } | members


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (of("heart_rate", 64, "/min"), ("heart_rate", AT, 64)),
        (of("heart_rate", "64", "bpm"), ("heart_rate", AT, 64)),
        (
            of("heart_rate", 64, "/min", timestamp="2026-10-04T05:12:31.25Z"),
            ("heart_rate", "2026-10-04T05:12:31.25Z", 64),
        ),
        (of("resting_heart_rate", 57, "/min"), ("resting_heart_rate", AT, 57)),
        (of("oxygen_saturation", 97, "%"), ("oxygen_saturation", AT, 97)),
        (of("oxygen_saturation", 0.97, "1"), ("oxygen_saturation", AT, 97)),
        (of("respiratory_rate", 14.5, "/min"), ("respiratory_rate", AT, 14.5)),
        (of("hrv_sdnn", 41.7, "ms"), ("hrv_sdnn", AT, 41.7)),
        (of("hrv_sdnn", 0.0417, "s"), ("hrv_sdnn", AT, 41.7)),
        (of("hrv_rmssd", 36, "ms"), ("hrv_rmssd", AT, 36)),
        (of("body_temperature", 36.6, "Cel"), ("body_temperature", AT, 36.6)),
        (of("body_temperature", "97.9", "degF"), ("body_temperature_f", AT, 97.9)),
        (of("body_temperature", 97.9, "[degF]"), ("body_temperature_f", AT, 97.9)),
        (of("body_temperature", 97.9, "°F"), ("body_temperature_f", AT, 97.9)),
        (over("steps", 812), ("steps", (START, END), 812)),
        (over("steps", 0, "steps"), ("steps", (START, END), 0)),
        (over("distance", 0.61, "km"), ("distance", (START, END), 610)),
        (over("distance", 610, "m"), ("distance", (START, END), 610)),
        (over("active_energy", 31.5, "kcal"), ("active_energy", (START, END), 31.5)),
        (over("active_energy", 131.8, "kJ"), ("active_energy", (START, END), 31.501)),
        (over("sleep", 432, "min"), ("sleep", (START, END), 432)),
        (
            over("sleep", 7.2, "h", deep=1.5, rem=None, awake="0.3"),
            ("sleep", (START, END), {"": 432, "deep": 90, "awake": 18}),
        ),
        (
            of("steps_daily", 9120, date="2026-10-03"),
            ("steps_daily", "2026-10-03", 9120),
        ),
        (
            of("distance_daily", 6840, "m", date="2026-10-03"),
            ("distance_daily", "2026-10-03", 6840),
        ),
        (
            of("active_energy_daily", 412, "kcal", date="2026-10-03"),
            ("active_energy_daily", "2026-10-03", 412),
        ),
    ],
)
def test_measurements(sent, expected, tmp_path):
    for message in (watch(sent), [watch(sent, firmware={"v": [1]})]):
        found = made("smart-watch-generic", message, tmp_path=tmp_path)
        assert found == ([expected], [])


@pytest.mark.parametrize(
    "sent",
    [
        of("heart_rate", 64),
        of("heart_rate", 64, "Hz"),
        of("heart_rate", "x", "/min"),
        of("heart_rate", 400, "/min"),
        of("oxygen_saturation", 0.97, "%"),
        of("body_temperature", 97.9, "Cel"),
        of("body_temperature", 309.8, "K"),
        of("body_temperature", 36.6, "degF"),
        of("steps", 812),
        over("distance", 0.4, "mi"),
        over("active_energy", 31500, "cal"),
        over("sleep", 432),
        over("steps", 812) | {"end": "2026-10-04T07:00:00+02:00"},
        of("heart_rate", 64, "/min", timestamp="2026-10-04T07:12:31"),
        of("heart_rate", 64, "/min", timestamp=1791090751),
    ],
)
def test_what_breaks_the_contract_is_a_dead_letter(sent, tmp_path):
    found, errors = made("smart-watch-generic", watch(sent), tmp_path=tmp_path)
    assert found == []
    assert len(errors) == 1


@pytest.mark.parametrize(
    "sent",
    [
        watch(),
        watch(of("heart_rate", 0, "/min")),
        watch(of("oxygen_saturation", "0", "%")),
        watch(of("heart_rate", None, "/min")),
        watch(of("mood", 3, "1")),
        watch(of("heart_rate", 64, "/min"), deviceType="scale"),
        flat(heartRate="0"),
        flat(heartRate=None),
        flat(uuid="6b1f"),
        flat(startDate=AT),
    ],
)
def test_what_is_left_out(sent, tmp_path):
    assert made("smart-watch-generic", sent, tmp_path=tmp_path) == ([], [])


@pytest.mark.parametrize("rate", ["78", 78, "78.0"])
def test_the_flat_message(rate, tmp_path):
    for sent in (flat(heartRate=rate), [flat(heartRate=rate)]):
        found = made("smart-watch-generic", sent, tmp_path=tmp_path)
        assert found == ([("heart_rate", AT, 78)], [])


def test_several_measurements_one_of_which_is_broken(tmp_path):
    sent = watch(
        of("heart_rate", 64, "/min"), of("heart_rate", 1, "Hz"), over("steps", 5)
    )
    found, errors = made("smart-watch-generic", sent, tmp_path=tmp_path)
    assert sorted(found) == [("heart_rate", AT, 64), ("steps", (START, END), 5)]
    assert [error for error, _ in errors] == ["IncompatibleDataException"]


def test_times_of_the_zone_of_the_envelope(tmp_path):
    night = over("sleep", 60, "min")
    night |= {"start": "2026-10-25T01:30:00", "end": "2026-10-25T03:30:00"}
    sent = {"Body": watch(night), "Properties": {"timezone": "Europe/Paris"}}
    assert made("smart-watch-generic", sent, tmp_path=tmp_path) == (
        [
            (
                "sleep",
                ("2026-10-25T01:30:00+02:00", "2026-10-25T04:30:00+02:00"),
                60,
            )
        ],
        [],
    )


@pytest.mark.parametrize(
    ("members", "properties", "expected"),
    [
        ({}, {}, ("p-1", "watch-42")),
        ({}, {"patientId": "p-2"}, ("p-2", "watch-42")),
        ({"deviceId": None}, {"deviceId": "d-1"}, ("p-1", "d-1")),
        ({"deviceId": None}, {}, ("p-1", "smart-watch-p-1")),
    ],
)
def test_whose_it_is(members, properties, expected, tmp_path):
    body = watch(of("heart_rate", 64, "/min"), **members)
    sent = {"Body": body, "Properties": properties}
    found = previewed("smart-watch-generic", sent, tmp_path=tmp_path)
    assert [(each.patient, each.device) for each in found.measurements] == [expected]


def test_nothing_else_is_told(tmp_path):
    sent = watch(of("heart_rate", 64, "/min", place="48.85"), owner="Erika")
    found = previewed("smart-watch-generic", sent, tmp_path=tmp_path)
    told = json.dumps(found.resources)
    assert found.measurements
    assert "Erika" not in told
    assert "48.85" not in told
