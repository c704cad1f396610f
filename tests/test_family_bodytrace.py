"""BodyTrace: cellular scales and blood pressure monitors."""

import pytest
from families import made, previewed

AT = 1791090300512
TIME = "2026-10-04T05:05:00.512Z"


def sent(values, **members):
    return {
        "deviceId": 1395000856415,
        "ts": AT,
        "batteryVoltage": 5522,
        "rssi": 77,
        "values": values,
    } | members


def message(body, **properties):
    return {"Body": body, "Properties": {"patientId": "p-1", **properties}}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"unit": 0, "weight": 72400, "tare": 0}, 72.4),
        ({"unit": 1, "weight": 116800, "tare": 100}, 116.8),
        ({"unit": 16400, "weight": 69800}, 69.8),
        ({"weight": "69805"}, 69.805),
        ({"weight": 69800.0, "more": None}, 69.8),
    ],
)
def test_weight_is_in_grams_whatever_the_display_shows(values, expected, tmp_path):
    found = made("bodytrace", message(sent(values)), tmp_path=tmp_path)
    assert found == ([("body_weight", TIME, expected)], [])


@pytest.mark.parametrize(
    ("systolic", "diastolic", "expected"),
    [
        (16132, 10532, (121, 79)),
        (16093, 10507, (121, 79)),
        (26600, 15960, (200, 120)),
        ("16132", "10532", (121, 79)),
    ],
)
def test_blood_pressure_is_in_pascals(systolic, diastolic, expected, tmp_path):
    values = {"systolic": systolic, "diastolic": diastolic, "unit": 1, "irregular": 0}
    found = made("bodytrace", message(sent(values, pulse=1)), tmp_path=tmp_path)
    pressure = dict(zip(("systolic", "diastolic"), expected, strict=True))
    assert found == ([("blood_pressure", TIME, pressure)], [])


def test_pulse(tmp_path):
    values = {"systolic": 16132, "diastolic": 10532, "pulse": "64"}
    found, errors = made("bodytrace", message(sent(values)), tmp_path=tmp_path)
    assert errors == []
    assert ("heart_rate", TIME, 64) in found
    assert len(found) == 2


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"systolic": 121, "diastolic": 79}, "ImplausibleValue"),
        ({"systolic": 16132}, "NormalizationDataMappingException"),
        ({"weight": 72.4}, "ImplausibleValue"),
        ({"weight": 720000}, "ImplausibleValue"),
    ],
    ids=["mmHg", "half", "kg", "two people"],
)
def test_what_cannot_be_is_a_dead_letter(values, error, tmp_path):
    found, errors = made("bodytrace", message(sent(values)), tmp_path=tmp_path)
    assert found == []
    assert [each for each, _ in errors] == [error]


@pytest.mark.parametrize(
    "values", [{}, None, {"weight": 0, "unit": 1}, {"weight": None}, {"spo2": 97}]
)
def test_a_heartbeat_is_no_reading(values, tmp_path):
    found = made("bodytrace", message(sent(values)), tmp_path=tmp_path)
    assert found == ([], [])


@pytest.mark.parametrize(
    ("members", "properties", "device"),
    [
        ({}, {}, "1395000856415"),
        ({"imei": "013950008564156"}, {"deviceId": "d-1"}, "013950008564156"),
        ({"deviceId": None}, {"deviceId": "d-1"}, "d-1"),
        ({"deviceId": 350000000000001}, {}, "350000000000001"),
    ],
)
def test_device(members, properties, device, tmp_path):
    body = sent({"weight": 72400}, **members)
    found = previewed("bodytrace", message(body, **properties), tmp_path=tmp_path)
    assert [m.device for m in found.measurements] == [device]


def test_times_are_shown_in_the_zone_of_the_envelope(tmp_path):
    body = message(sent({"weight": 72400}), timezone="America/New_York")
    expected = ([("body_weight", "2026-10-04T01:05:00.512-04:00", 72.4)], [])
    assert made("bodytrace", body, tmp_path=tmp_path) == expected


def test_lists_and_single_messages(tmp_path):
    body = [
        sent({"weight": 72400}),
        sent({"weight": 72500}, ts=AT + 60000),
        sent({}, ts=AT + 120000),
    ]
    assert made("bodytrace", message(body), tmp_path=tmp_path) == (
        [
            ("body_weight", TIME, 72.4),
            ("body_weight", "2026-10-04T05:06:00.512Z", 72.5),
        ],
        [],
    )


def test_values_by_their_times(tmp_path):
    body = {
        str(AT): {"batteryVoltage": 5522, "values": {"weight": 72400, "unit": 1}},
        str(AT + 60000): {"signalStrength": 61, "values": {"weight": 72500}},
    }
    found = made("bodytrace", message(body, deviceId="d-1"), tmp_path=tmp_path)
    assert found == (
        [
            ("body_weight", TIME, 72.4),
            ("body_weight", "2026-10-04T05:06:00.512Z", 72.5),
        ],
        [],
    )


@pytest.mark.parametrize(
    "body", [sent({"weight": 72400}, ts=None), [sent({"weight": 1})]]
)
def test_without_time_nothing_is_made_up(body, tmp_path):
    if isinstance(body, list):
        del body[0]["ts"]
    found, errors = made("bodytrace", message(body), tmp_path=tmp_path)
    assert found == []
    assert [error for error, _ in errors] == ["NormalizationDataMappingException"]


def test_a_message_sent_again_is_the_same_observation(tmp_path):
    def identity(weight):
        body = message(sent({"weight": weight}))
        found = previewed("bodytrace", body, tmp_path=tmp_path)
        return [r["id"] for r in found.resources if r["resourceType"] == "Observation"]

    assert identity(72400) == identity(72500)
