"""A glucometer of one's own: the contract of this project."""

import json

import pytest
from families import made, previewed

AT = "2026-10-04T07:12:31+02:00"


def reading(**members):
    return {
        "deviceType": "glucometer",
        "deviceId": "meter-42",
        "patientId": "p-1",
        "timestamp": AT,
        "glucose": 98,
        "unit": "mg/dL",
    } | members


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({}, ("blood_glucose", AT, 98)),
        ({"glucose": "98"}, ("blood_glucose", AT, 98)),
        ({"glucose": "9.8e1"}, ("blood_glucose", AT, 98)),
        ({"unit": "mmol/L", "glucose": "5.40"}, ("blood_glucose_mmol", AT, 5.40)),
        ({"glucose": "LO"}, ("blood_glucose", AT, "<40")),
        ({"glucose": "HI"}, ("blood_glucose", AT, ">400")),
        (
            {"glucose": "low", "rangeLow": 20, "rangeHigh": 600},
            ("blood_glucose", AT, "<20"),
        ),
        (
            {"glucose": "High", "rangeLow": 20, "rangeHigh": 600},
            ("blood_glucose", AT, ">600"),
        ),
        (
            {"unit": "mmol/L", "glucose": "HI"},
            ("blood_glucose_mmol", AT, ">22.2"),
        ),
        ({"specimen": "capillary blood", "meal": "fasting"}, ("blood_glucose", AT, 98)),
        (
            {"timestamp": "2026-10-04T05:12:31.5Z"},
            ("blood_glucose", "2026-10-04T05:12:31.5Z", 98),
        ),
        (
            {"timestamp": "2026-10-04T07:12+02:00"},
            ("blood_glucose", "2026-10-04T07:12:00+02:00", 98),
        ),
    ],
)
def test_readings(members, expected, tmp_path):
    sent = reading(**members)
    assert made("glucometer-generic", sent, tmp_path=tmp_path) == ([expected], [])


@pytest.mark.parametrize(
    "members",
    [
        {"glucose": None},
        {"unit": None},
        {"unit": "mg"},
        {"unit": "mmol"},
        {"unit": "g/L", "glucose": "LO"},
    ],
)
def test_what_is_no_number_of_a_known_unit_is_a_dead_letter(members, tmp_path):
    sent = reading(**members)
    found, errors = made("glucometer-generic", sent, tmp_path=tmp_path)
    assert found == []
    assert len(errors) == 1


def test_a_number_that_cannot_be_is_a_dead_letter(tmp_path):
    sent = reading(unit="mmol/L", glucose=98)
    found, errors = made("glucometer-generic", sent, tmp_path=tmp_path)
    assert found == []
    assert errors == [
        (
            "ImplausibleValue",
            "The value [glucose] is outside of its range, 0.6 to 55 mmol/L",
        )
    ]


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        ("2026-10-04T07:12:31", AT),
        ("2026-10-25T02:30:00", "2026-10-25T02:30:00+02:00"),
        ("2026-03-29T02:30:00", "2026-03-29T02:30:00+01:00"),
        (AT, AT),
    ],
)
def test_a_time_without_zone_needs_one_in_the_envelope(time, expected, tmp_path):
    body = reading(timestamp=time)
    sent = {"Body": body, "Properties": {"timezone": "Europe/Paris"}}
    found, errors = made("glucometer-generic", sent, tmp_path=tmp_path)
    assert (found, errors) == ([("blood_glucose", expected, 98)], [])


def test_without_a_zone_it_is_a_dead_letter(tmp_path):
    sent = reading(timestamp="2026-10-04T07:12:31")
    found, errors = made("glucometer-generic", sent, tmp_path=tmp_path)
    assert found == []
    assert errors == [
        (
            "IncompatibleDataException",
            "Unable to read [TimestampExpression]: the time has no zone",
        )
    ]


@pytest.mark.parametrize(
    "specimen", ["control solution", "control-solution", "control"]
)
def test_control_solution_is_no_reading(specimen, tmp_path):
    sent = reading(specimen=specimen)
    assert made("glucometer-generic", sent, tmp_path=tmp_path) == ([], [])


def test_only_glucometers_are_read(tmp_path):
    messages = [reading(deviceType="scale"), reading(deviceType=None)]
    assert made("glucometer-generic", *messages, tmp_path=tmp_path) == ([], [])


def test_several_readings_in_a_message(tmp_path):
    sent = [reading(), reading(timestamp="2026-10-04T08:00:00Z", glucose=120)]
    found, errors = made("glucometer-generic", sent, tmp_path=tmp_path)
    assert found == [
        ("blood_glucose", AT, 98),
        ("blood_glucose", "2026-10-04T08:00:00Z", 120),
    ]
    assert errors == []


@pytest.mark.parametrize(
    ("members", "properties", "expected"),
    [
        ({}, {}, ("p-1", "meter-42")),
        ({}, {"patientId": "p-2"}, ("p-2", "meter-42")),
        ({"deviceId": None}, {"deviceId": "d-1"}, ("p-1", "d-1")),
        ({"deviceId": None}, {}, ("p-1", "glucometer-p-1")),
        ({"deviceId": 4711, "patientId": 12345678901}, {}, ("12345678901", "4711")),
    ],
)
def test_whose_it_is(members, properties, expected, tmp_path):
    sent = {"Body": reading(**members), "Properties": properties}
    found = previewed("glucometer-generic", sent, tmp_path=tmp_path)
    assert [(each.patient, each.device) for each in found.measurements] == [expected]


def test_nothing_else_is_told(tmp_path):
    sent = reading(name="Erika Musterfrau", location={"lat": 48.85, "lon": 2.35})
    found = previewed("glucometer-generic", sent, tmp_path=tmp_path)
    told = json.dumps(found.resources)
    assert "Observation" in told
    for secret in ("Erika", "48.85"):
        assert secret not in told


def test_a_number_is_no_time_whatever_the_zone(tmp_path):
    sent = {"Body": reading(timestamp=1791090751), "Properties": {"timezone": "+02:00"}}
    found, errors = made("glucometer-generic", sent, tmp_path=tmp_path)
    assert found == []
    assert [name for name, _text in errors] == ["IncompatibleDataException"]
