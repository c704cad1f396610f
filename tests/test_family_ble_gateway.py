"""The `reportAttribute` messages of Bluetooth gateways."""

import json

import pytest
from families import made, previewed

AT = "2026-10-04T07:10:40+02:00"
ENVELOPE = {"patientId": "p-1", "timezone": "Europe/Paris"}


def message(value, **members):
    data = {"attribute": "BP_BLE", "ble_mac": "AABBCCDDEE01", "value": value}
    body = {
        "from": "PI",
        "to": "CLOUD",
        "time": 1791090640,
        "mac": "GATEWAY-01",
        "type": "reportAttribute",
        "data": data,
    }
    return {"Body": body | members, "Properties": ENVELOPE}


def listed(*values):
    times = {"scan_time": 1791090640, "ble_addr": "aabbccddee02"}
    return message(
        {"device_list": [times | value for value in values]}, time=1791099999
    )


READINGS = [
    (
        {"bp_high": 121, "bp_low": 79},
        ("blood_pressure", AT, {"systolic": 121, "diastolic": 79}),
    ),
    ({"pr": 64}, ("heart_rate", AT, 64)),
    ({"PR": "64"}, ("heart_rate", AT, 64)),
    ({"pulse": 127}, ("heart_rate", AT, 127)),
    ({"spo2": 97, "pi": 70}, ("oxygen_saturation", AT, 97)),
    ({"spo2": "97"}, ("oxygen_saturation", AT, 97)),
    ({"blood_glucose": "98", "marker": "After Meal"}, ("blood_glucose", AT, 98)),
    ({"blood_glucose": "LO"}, ("blood_glucose", AT, "<20")),
    ({"blood_glucose": "HI"}, ("blood_glucose", AT, ">600")),
    ({"weight": 79.30000305, "resistance": 605.9}, ("body_weight", AT, 79.30000305)),
    ({"Temp": 36.88, "mode": "Head"}, ("body_temperature", AT, 36.88)),
    ({"temp": "36.40"}, ("body_temperature", AT, 36.4)),
    (
        {"bp_high": 2047, "bp_low": 2047},
        ("blood_pressure", AT, {"systolic": "?error", "diastolic": "?error"}),
    ),
    (
        {"bp_high": 127, "bp_low": 0},
        ("blood_pressure", AT, {"systolic": "?error", "diastolic": "?error"}),
    ),
]


@pytest.mark.parametrize(("value", "expected"), READINGS)
def test_readings(value, expected, tmp_path):
    found = made("ble-gateway", message(value), tmp_path=tmp_path)
    assert found == ([expected], [])


@pytest.mark.parametrize(("value", "expected"), READINGS)
def test_readings_in_a_list(value, expected, tmp_path):
    found = made("ble-gateway", listed(value), tmp_path=tmp_path)
    assert found == ([expected], [])


@pytest.mark.parametrize(
    "value",
    [
        {"spo2": 127, "pulse": 255, "pi": 0},
        {"spo2": 0, "pulse": 0},
        {"spo2": 255, "pulse": 2047},
        {"spo2": "127", "pulse": "255"},
        {"spo2": None, "pulse": None},
        {"uric_acid": "517.5"},
        {},
        [],
    ],
)
def test_no_finger_and_what_is_not_read(value, tmp_path):
    assert made("ble-gateway", message(value), tmp_path=tmp_path) == ([], [])


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ({"bp_high": 121}, "IncompatibleDataException"),
        ({"bp_high": 121, "bp_low": None}, "IncompatibleDataException"),
        ({"bp_high": 255, "bp_low": 255}, "ImplausibleValue"),
        ({"temp": 98.6}, "ImplausibleValue"),
        ({"weight": 0}, "ImplausibleValue"),
        ({"blood_glucose": 5.4}, "ImplausibleValue"),
        ({"blood_glucose": "Error"}, "IncompatibleDataException"),
    ],
)
def test_what_is_not_sound_is_a_dead_letter(value, error, tmp_path):
    found, errors = made("ble-gateway", message(value), tmp_path=tmp_path)
    assert found == []
    assert [name for name, _ in errors] == [error]


@pytest.mark.parametrize("kind", ["HB_Msg", None])
def test_only_reports_are_read(kind, tmp_path):
    sent = message({"pr": 64}, type=kind)
    assert made("ble-gateway", sent, tmp_path=tmp_path) == ([], [])


def test_several_readings_in_a_message(tmp_path):
    sent = listed({"pulse": 70}, {"pulse": 72, "scan_time": 1791090700})
    found = made("ble-gateway", sent, listed(), tmp_path=tmp_path)
    later = "2026-10-04T07:11:40+02:00"
    assert found == ([("heart_rate", AT, 70), ("heart_rate", later, 72)], [])


def test_several_messages_in_a_list(tmp_path):
    bodies = [message({"pr": 70})["Body"], message({"spo2": 97})["Body"]]
    sent = {"Body": bodies, "Properties": {"patientId": "p-1"}}
    found, errors = made("ble-gateway", sent, tmp_path=tmp_path)
    utc = "2026-10-04T05:10:40Z"
    assert sorted(found) == [("heart_rate", utc, 70), ("oxygen_saturation", utc, 97)]
    assert errors == []


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        ("1791090640", AT),
        (1774747800, "2026-03-29T03:30:00+02:00"),
        (1792888200, "2026-10-25T02:30:00+02:00"),
        (1792891800, "2026-10-25T02:30:00+01:00"),
    ],
)
def test_times(time, expected, tmp_path):
    sent = message({"pr": 64}, time=time)
    found = made("ble-gateway", sent, tmp_path=tmp_path)
    assert found == ([("heart_rate", expected, 64)], [])


@pytest.mark.parametrize("time", [None, "soon"])
def test_without_time_it_is_a_dead_letter(time, tmp_path):
    sent = message({"pr": 64}, time=time)
    found, errors = made("ble-gateway", sent, tmp_path=tmp_path)
    assert (found, len(errors)) == ([], 1)


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (message({"pr": 64}), "AABBCCDDEE01"),
        (listed({"pr": 64}), "aabbccddee02"),
        (message({"pr": 64}, data={"value": {"pr": 64}}), "ble-gateway-p-1"),
    ],
)
def test_whose_it_is(sent, expected, tmp_path):
    found = previewed("ble-gateway", sent, tmp_path=tmp_path)
    told = [(each.patient, each.device) for each in found.measurements]
    assert told == [("p-1", expected)]


def test_the_national_id_is_no_patient(tmp_path):
    sent = message({"pr": 64}, citiz="3570300400000")["Body"]
    found, errors = made("ble-gateway", sent, tmp_path=tmp_path)
    assert found == []
    assert [name for name, _ in errors] == ["ResourceIdentityNotDefinedException"]


def test_nothing_else_is_told(tmp_path):
    person = {
        "citiz": "3570300400000",
        "nameTH": "เอริกา",
        "nameEN": "Erika",
        "brith": "25220713",
    }
    found = previewed("ble-gateway", message({"pr": 64}, **person), tmp_path=tmp_path)
    told = json.dumps(found.resources, ensure_ascii=False) + str(found.measurements)
    assert "Observation" in told
    for secret in (*person.values(), "GATEWAY-01"):
        assert secret not in told
