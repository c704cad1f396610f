"""The webhook of Tenovi."""

import json

import pytest
from families import made, previewed

AT = "2026-10-04T01:10:40-04:00"
POUNDS = {"weightUnit": "lb"}


def measurement(metric="pulse", value_1="64.00", value_2="0.00", **members):
    return {
        "metric": metric,
        "device_name": "Erika's device",
        "hwi_device_id": "device-1",
        "patient_id": "p-1",
        "hardware_uuid": "GATEWAY01",
        "sensor_code": "10",
        "value_1": value_1,
        "value_2": value_2,
        "created": "2026-10-04T09:00:00Z",
        "timestamp": "2026-10-04T05:10:40Z",
        "timezone_offset": -4,
        "estimated_timestamp": False,
        "filter_params": None,
    } | members


@pytest.mark.parametrize(
    ("sent", "properties", "expected"),
    [
        (("pulse", "64.00"), {}, ("heart_rate", 64)),
        (("pulse", 64, None), {}, ("heart_rate", 64)),
        (
            ("blood_pressure", "121.00", "79.00"),
            {},
            ("blood_pressure", {"systolic": 121, "diastolic": 79}),
        ),
        (("spO2", "97.00", "0.80"), {}, ("oxygen_saturation", 97)),
        (("perfusion_index", "4.20"), {}, ("perfusion_index", 4.2)),
        (("weight", "165.40"), {}, ("body_weight_lb", 165.4)),
        (("weight", "165.40"), POUNDS, ("body_weight_lb", 165.4)),
        (("weight", "165.40"), {"weightUnit": "lbs"}, ("body_weight_lb", 165.4)),
        (("weight", "75.20"), {"weightUnit": "kg"}, ("body_weight", 75.2)),
        (("temperature", "98.60"), {}, ("body_temperature_f", 98.6)),
        (
            ("temperature", "98.60"),
            {"temperatureUnit": "F"},
            ("body_temperature_f", 98.6),
        ),
        (
            ("temperature", "36.90"),
            {"temperatureUnit": "C"},
            ("body_temperature", 36.9),
        ),
        (("glucose", "98.00"), {}, ("blood_glucose", 98)),
        (("blood_glucose", "98.00"), {}, ("blood_glucose", 98)),
        (("peak_expiratory_flow", "412.00"), {}, ("peak_expiratory_flow", 412)),
        (("forced_expiratory_volume", "2.85"), {}, ("fev1", 2.85)),
        (("hailie_medication_event", "1.00"), {}, ("inhaler_use", 1)),
        (("hailie_medication_event", "0.00"), {}, ("inhaler_use", 1)),
        (
            ("hailie_respiratory_flow_log", "61.50", "38.20"),
            {},
            ("inhalation_flow", {"peak_flow": 61.5, "average_flow": 38.2}),
        ),
        (
            ("hailie_respiratory_flow_log", "61.50", "0.00"),
            {},
            ("inhalation_flow", {"peak_flow": 61.5}),
        ),
        (
            ("hailie_respiratory_timing_log", "1.85", "0.42"),
            {},
            ("inhalation_timing", {"duration": 1.85, "time_to_peak": 0.42}),
        ),
    ],
)
@pytest.mark.parametrize("many", [False, True])
def test_metrics(sent, properties, expected, many, tmp_path):
    body = measurement(*sent)
    message = {"Body": [body] if many else body, "Properties": properties}
    kind, value = expected
    assert made("tenovi", message, tmp_path=tmp_path) == ([(kind, AT, value)], [])


@pytest.mark.parametrize(
    ("sent", "properties", "error"),
    [
        (("weight", "11.8"), {"weightUnit": "st"}, "IncompatibleDataException"),
        (("temperature", "36.90"), {}, "ImplausibleValue"),
        (("temperature", "98.60"), {"temperatureUnit": "C"}, "ImplausibleValue"),
        (("temperature", "310"), {"temperatureUnit": "K"}, "IncompatibleDataException"),
        (("pulse", "0.00"), {}, "ImplausibleValue"),
        (("pulse", None), {}, "IncompatibleDataException"),
        (("pulse", "--"), {}, "IncompatibleDataException"),
        (("blood_pressure", "121.00", "0.00"), {}, "ImplausibleValue"),
        (("blood_pressure", "121.00", None), {}, "IncompatibleDataException"),
    ],
)
def test_what_is_not_sound_is_a_dead_letter(sent, properties, error, tmp_path):
    message = {"Body": measurement(*sent), "Properties": properties}
    found, errors = made("tenovi", message, tmp_path=tmp_path)
    assert found == []
    assert [name for name, _ in errors] == [error]


def test_a_measurement_without_its_value_is_a_dead_letter(tmp_path):
    message = measurement()
    del message["value_1"]
    found, errors = made("tenovi", message, tmp_path=tmp_path)
    assert (found, len(errors)) == ([], 1)


@pytest.mark.parametrize(
    ("members", "properties", "expected"),
    [
        ({"timezone_offset": 5.5}, {}, "2026-10-04T10:40:40+05:30"),
        ({"timezone_offset": "2"}, {}, "2026-10-04T07:10:40+02:00"),
        ({"timezone_offset": 0}, {}, "2026-10-04T05:10:40Z"),
        ({"timezone_offset": None}, {}, "2026-10-04T05:10:40Z"),
        (
            {"timezone_offset": None},
            {"timezone": "Europe/Paris"},
            "2026-10-04T07:10:40+02:00",
        ),
        (
            {"timestamp": "2026-10-04T05:10:40.123456Z"},
            {},
            "2026-10-04T01:10:40.123456-04:00",
        ),
        ({"timestamp": None}, {}, "2026-10-04T05:00:00-04:00"),
    ],
)
def test_times(members, properties, expected, tmp_path):
    message = {"Body": measurement(**members), "Properties": properties}
    found = made("tenovi", message, tmp_path=tmp_path)
    assert found == ([("heart_rate", expected, 64)], [])


@pytest.mark.parametrize(
    "members", [{}, {"timezone_offset": None}, {"timezone_offset": 300}]
)
def test_a_time_that_names_no_instant_is_a_dead_letter(members, tmp_path):
    time = "2026-10-04T05:10:40" + ("Z" if members.get("timezone_offset") else "")
    found, errors = made(
        "tenovi", measurement(timestamp=time, **members), tmp_path=tmp_path
    )
    assert (found, len(errors)) == ([], 1)


@pytest.mark.parametrize(
    "message",
    [
        measurement(dummy_data=True),
        measurement("battery_percentage", "88.00"),
        measurement("hailie_shake_detection_event", "1.00"),
        [{"metric": "pulse", "value": 64}],
    ],
)
def test_what_is_left_out(message, tmp_path):
    assert made("tenovi", message, tmp_path=tmp_path) == ([], [])


def test_what_is_no_dummy_is_read(tmp_path):
    found = made("tenovi", measurement(dummy_data=False, new=[1]), tmp_path=tmp_path)
    assert found == ([("heart_rate", AT, 64)], [])


@pytest.mark.parametrize(
    ("members", "properties", "expected"),
    [
        ({}, {}, ("p-1", "device-1")),
        ({"patient_id": 4711}, {}, ("4711", "device-1")),
        ({}, {"patientId": "p-2", "deviceId": "d-2"}, ("p-2", "device-1")),
        ({"hwi_device_id": None}, {"deviceId": "d-2"}, ("p-1", "d-2")),
        ({"hwi_device_id": None}, {}, ("p-1", "tenovi-p-1")),
    ],
)
def test_whose_it_is(members, properties, expected, tmp_path):
    message = {"Body": measurement(**members), "Properties": properties}
    found = previewed("tenovi", message, tmp_path=tmp_path)
    assert [(each.patient, each.device) for each in found.measurements] == [expected]


def test_without_patient_it_is_a_dead_letter(tmp_path):
    found, errors = made("tenovi", measurement(patient_id=None), tmp_path=tmp_path)
    assert found == []
    assert [name for name, _ in errors] == ["ResourceIdentityNotDefinedException"]


def test_nothing_else_is_told(tmp_path):
    found = previewed("tenovi", measurement(name="Erika"), tmp_path=tmp_path)
    told = json.dumps(found.resources)
    assert "Observation" in told
    assert "Erika" not in told
    assert "GATEWAY01" not in told


def test_a_reading_that_is_sent_again_corrects_it(tmp_path):
    found = made(
        "tenovi", measurement(), measurement(value_1="66.00"), tmp_path=tmp_path
    )
    assert found == ([("heart_rate", AT, 66)], [])
