"""The contract for straps, patches and monitors that speak for themselves."""

import json

import pytest
from families import made, previewed

FAMILY = "heart-monitor"
TIME = "2026-10-04T07:05:00+02:00"


def reading(**members):
    return {
        "deviceType": "heart-monitor",
        "deviceId": "strap-7",
        "patientId": "p-1",
        "timestamp": TIME,
        "heartRate": 64,
    } | members


RATE = ("heart_rate", TIME, 64)


def beats(mean, text):
    return "rr_interval", TIME, {"": mean, "intervals": text}


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({}, [RATE]),
        ({"heartRate": "64"}, [RATE]),
        ({"heartRate": 6.4e1}, [RATE]),
        ({"heartRate": 64.5}, [("heart_rate", TIME, 64.5)]),
        ({"unit": "/min"}, [RATE]),
        ({"unit": "bpm"}, [RATE]),
        ({"unit": None, "contact": None, "rrIntervals": None}, [RATE]),
        ({"contact": True, "battery": {"v": [80]}}, [RATE]),
        ({"hrv": {}, "rhythm": "", "rrIntervals": []}, [RATE]),
        ({"rrIntervals": [938, 942, 941]}, [RATE, beats(940.3, "938 942 941")]),
        ({"rrIntervals": ["938", "942"]}, [RATE, beats(940, "938 942")]),
        ({"rrIntervals": 937.5}, [RATE, beats(937.5, "937.5")]),
        ({"heartRate": None, "rrIntervals": [833]}, [beats(833, "833")]),
        ({"hrv": {"sdnn": 48.5}}, [RATE, ("hrv_sdnn", TIME, 48.5)]),
        (
            {"hrv": {"sdnn": "48.5", "rmssd": 36}},
            [RATE, ("hrv_rmssd", TIME, 36), ("hrv_sdnn", TIME, 48.5)],
        ),
        ({"rhythm": "sinus rhythm"}, [RATE, ("heart_rhythm", TIME, "sinus rhythm")]),
    ],
)
def test_readings(members, expected, tmp_path):
    found, errors = made(FAMILY, reading(**members), tmp_path=tmp_path)
    assert errors == []
    assert sorted(found) == expected


ALL = {"rrIntervals": [938], "hrv": {"sdnn": 48.5, "rmssd": 36}, "rhythm": "sinus"}


@pytest.mark.parametrize(
    "members",
    [
        {"contact": False},
        {"contact": "false"},
        {"contact": 0},
        {"heartRate": 0},
        {"heartRate": "0"},
        {"heartRate": 0, "contact": True},
    ],
)
def test_what_is_not_worn_measures_nothing(members, tmp_path):
    sent = reading(**(ALL | members))
    assert made(FAMILY, sent, tmp_path=tmp_path) == ([], [])


@pytest.mark.parametrize(
    ("members", "error"),
    [
        ({"heartRate": "fast"}, "InvalidQuantityFhirValueException"),
        ({"heartRate": 255, "unit": "Hz"}, "IncompatibleDataException"),
        ({"heartRate": 1.1, "unit": "Hz"}, "IncompatibleDataException"),
        ({"heartRate": 1.1}, "ImplausibleValue"),
        ({"heartRate": 640}, "ImplausibleValue"),
        ({"heartRate": -64}, "ImplausibleValue"),
        ({"timestamp": "2026-10-04T07:05:00"}, "IncompatibleDataException"),
        ({"timestamp": 1791090300}, "IncompatibleDataException"),
        ({"timestamp": None}, "IncompatibleDataException"),
        ({"patientId": None}, "ResourceIdentityNotDefinedException"),
    ],
)
def test_what_breaks_the_contract_is_a_dead_letter(members, error, tmp_path):
    found, errors = made(FAMILY, reading(**members), tmp_path=tmp_path)
    assert found == []
    assert [each for each, _ in errors] == [error]


@pytest.mark.parametrize(
    ("members", "error"),
    [
        ({"rrIntervals": [938, "x"]}, "IncompatibleDataException"),
        ({"rrIntervals": [938, 0]}, "IncompatibleDataException"),
        ({"rrIntervals": [938, None]}, "IncompatibleDataException"),
        ({"rrIntervals": [938, 65535]}, "IncompatibleDataException"),
        ({"rrIntervals": [0.938, 0.942]}, "IncompatibleDataException"),
        ({"hrv": {"sdnn": 4850}}, "ImplausibleValue"),
        ({"hrv": {"rmssd": "-"}}, "InvalidQuantityFhirValueException"),
        ({"rhythm": ["sinus"]}, "IncompatibleDataException"),
    ],
)
def test_a_part_that_is_wrong_does_not_hinder_the_rate(members, error, tmp_path):
    found, errors = made(FAMILY, reading(**members), tmp_path=tmp_path)
    assert found == [RATE]
    assert [each for each, _ in errors] == [error]


@pytest.mark.parametrize(
    ("local", "shown"),
    [
        ("2026-03-29T01:59:59.5", "2026-03-29T01:59:59.5+01:00"),
        ("2026-03-29T02:30:00", "2026-03-29T02:30:00+01:00"),
        ("2026-03-29T03:00:00", "2026-03-29T03:00:00+02:00"),
        ("2026-10-25T02:30:00", "2026-10-25T02:30:00+02:00"),
        ("2026-10-25T03:30:00", "2026-10-25T03:30:00+01:00"),
        ("2026-10-04T05:05:00Z", "2026-10-04T05:05:00Z"),
    ],
)
def test_local_times_are_of_the_zone_of_the_envelope(local, shown, tmp_path):
    sent = {
        "Body": reading(timestamp=local),
        "Properties": {"timezone": "Europe/Paris"},
    }
    assert made(FAMILY, sent, tmp_path=tmp_path) == ([("heart_rate", shown, 64)], [])


@pytest.mark.parametrize(
    ("device", "properties", "expected"),
    [
        ("strap-7", {"deviceId": "gateway"}, "strap-7"),
        (17203, {}, "17203"),
        (None, {"deviceId": "strap-8"}, "strap-8"),
        (None, {}, "heart-monitor-p-1"),
    ],
)
def test_device(device, properties, expected, tmp_path):
    sent = {"Body": [reading(deviceId=device)], "Properties": properties}
    found = previewed(FAMILY, sent, tmp_path=tmp_path)
    assert [m.device for m in found.measurements] == [expected]


def test_the_patient_of_the_envelope_counts(tmp_path):
    sent = {"Body": reading(**ALL), "Properties": {"patientId": "p-2"}}
    found = previewed(FAMILY, sent, tmp_path=tmp_path)
    assert [m.patient for m in found.measurements] == ["p-2"] * 5


def test_a_reading_sent_again_is_the_same_observation(tmp_path):
    def identity(rate):
        found = previewed(FAMILY, reading(heartRate=rate, id="hm-1"), tmp_path=tmp_path)
        [one] = [r for r in found.resources if r["resourceType"] == "Observation"]
        return one["id"], [i["value"] for i in one["identifier"][1:]]

    assert identity(64) == identity(65)
    assert identity(64)[1] == ["hm-1"]


def test_an_hourly_mean(tmp_path):
    sent = [
        reading(heartRate=64),
        reading(heartRate=67, timestamp="2026-10-04T07:35:00+02:00"),
    ]
    found, errors = made(FAMILY, *sent, tmp_path=tmp_path, fhir="fhir-hourly-mean.json")
    assert errors == []
    assert [(kind, value) for kind, _, value in found] == [("heart_rate", 65.5)]


def test_no_name_and_no_place_goes_on(tmp_path):
    sent = reading(patientName="Anna Example", location={"lat": 48.8534}, **ALL)
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
        reading(heartRate=None),
        reading(deviceType="smart-watch"),
        reading(deviceType=None),
        {"deviceType": "heart-monitor", "deviceId": "strap-7", "event": "charging"},
    ],
)
def test_nothing_comes_of_nothing(sent, tmp_path):
    assert made(FAMILY, {"Body": sent}, tmp_path=tmp_path) == ([], [])
