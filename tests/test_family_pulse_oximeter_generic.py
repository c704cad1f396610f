"""Oximeters behind a gateway, and those that speak for themselves."""

import json

import pytest
from families import made, previewed

FAMILY = "pulse-oximeter-generic"
TIME = "2026-10-04T07:05:00+02:00"


def flat(**members):
    return {
        "deviceType": "pulse-oximeter",
        "deviceId": "plx-7",
        "patientId": "p-1",
        "timestamp": TIME,
        "spo2": 97,
        "pulseRate": 64,
    } | members


def gateway(*readings, **members):
    return {
        "deviceId": "plx-7",
        "patientId": "p-1",
        "measuredAt": TIME,
        "readings": list(readings),
    } | members


def one(**members):
    return {"spo2": 97, "pulseRate": 64, "status": "ok"} | members


RATE = ("heart_rate", TIME, 64)
OXYGEN = ("oxygen_saturation", TIME, 97)
BOTH = [RATE, OXYGEN]

READINGS = [
    ({}, BOTH),
    ({"spo2": "97", "pulseRate": "64"}, BOTH),
    ({"spo2": 9.7e1}, BOTH),
    ({"spo2": 96.5}, [RATE, ("oxygen_saturation", TIME, 96.5)]),
    ({"status": "OK"}, BOTH),
    ({"status": None}, BOTH),
    ({"status": "ok", "quality": {"bars": [3]}, "pi": None}, BOTH),
    ({"pi": 4.2}, [*BOTH, ("perfusion_index", TIME, 4.2)]),
    ({"pi": "4.20"}, [*BOTH, ("perfusion_index", TIME, 4.2)]),
    ({"pi": 0}, BOTH),
    ({"spo2": None}, [RATE]),
    ({"pulseRate": None}, [OXYGEN]),
    ({"pulseRate": 127}, [("heart_rate", TIME, 127), OXYGEN]),
    *[({"spo2": n}, [RATE]) for n in (0, 127, 255, 511, 2047, "0", "127", "255")],
    *[({"pulseRate": n}, [OXYGEN]) for n in (0, 255, 511, 2047, "0", "255", "2047")],
    ({"spo2": 127, "pulseRate": 255, "pi": 0}, []),
    ({"status": "no-finger"}, []),
    ({"status": "searching", "pi": 4.2}, []),
    ({"status": "not ok"}, []),
]


@pytest.mark.parametrize(("members", "expected"), READINGS)
def test_readings_of_a_gateway(members, expected, tmp_path):
    found, errors = made(FAMILY, gateway(one(**members)), tmp_path=tmp_path)
    assert errors == []
    assert sorted(found) == expected


@pytest.mark.parametrize(("members", "expected"), READINGS)
def test_readings_of_an_oximeter(members, expected, tmp_path):
    found, errors = made(FAMILY, flat(**members), tmp_path=tmp_path)
    assert errors == []
    assert sorted(found) == expected


@pytest.mark.parametrize("wrap", [lambda sent: sent, lambda sent: {"Body": sent}])
def test_a_gateway_that_sends_no_status(wrap, tmp_path):
    sent = gateway({"spo2": 97, "pulseRate": 64, "pi": 4.2}, {"spo2": 127})
    found, errors = made(FAMILY, wrap(sent), tmp_path=tmp_path)
    assert errors == []
    assert sorted(found) == [*BOTH, ("perfusion_index", TIME, 4.2)]


def test_the_finger_that_comes_and_goes(tmp_path):
    sent = gateway(
        one(status="no-finger", spo2=127, pulseRate=255, pi=0),
        one(),
        one(status="no-finger", spo2=0, pulseRate=0),
    )
    found, errors = made(FAMILY, sent, tmp_path=tmp_path)
    assert errors == []
    assert sorted(found) == BOTH


def test_readings_with_times_of_their_own(tmp_path):
    later = "2026-10-04T07:05:10+02:00"
    sent = gateway(one(), one(spo2=96, pulseRate=66, measuredAt=later))
    found, errors = made(FAMILY, sent, tmp_path=tmp_path)
    assert errors == []
    assert sorted(found) == [
        RATE,
        ("heart_rate", later, 66),
        OXYGEN,
        ("oxygen_saturation", later, 96),
    ]


def test_a_list_of_messages_of_gateways(tmp_path):
    sent = [
        gateway(one(pulseRate=None)),
        gateway(one(pulseRate=None), deviceId="plx-8", patientId="p-2"),
    ]
    found = previewed(FAMILY, {"Body": sent}, tmp_path=tmp_path)
    assert found.dead_letters == []
    who = [(m.patient, m.device) for m in found.measurements]
    assert who == [("p-1", "plx-7"), ("p-2", "plx-8")]


def test_in_a_list_a_reading_without_status_is_of_no_known_device(tmp_path):
    """It never goes to the device of the envelope, which is another one."""
    reading = {"spo2": 97, "measuredAt": TIME}
    sent = {
        "Body": [gateway(reading), gateway(reading, deviceId="plx-8")],
        "Properties": {"patientId": "p-1", "deviceId": "gateway-1"},
    }
    found, errors = made(FAMILY, sent, tmp_path=tmp_path)
    assert found == []
    assert {each for each, _ in errors} == {"IncompatibleDataException"}


def test_a_list_of_readings_with_the_members_of_the_contract(tmp_path):
    sent = {
        "deviceType": "pulse-oximeter",
        "deviceId": "plx-7",
        "patientId": "p-1",
        "timestamp": TIME,
        "readings": [one(), {"spo2": 96, "timestamp": "2026-10-04T05:06:00Z"}],
    }
    found, errors = made(FAMILY, sent, tmp_path=tmp_path)
    assert errors == []
    later = ("oxygen_saturation", "2026-10-04T05:06:00Z", 96)
    assert sorted(found) == sorted([*BOTH, later])


WRONG = [
    ({"spo2": "n/a"}, "InvalidQuantityFhirValueException"),
    ({"spo2": 101}, "ImplausibleValue"),
    ({"spo2": 0.97}, "ImplausibleValue"),
    ({"spo2": -1}, "ImplausibleValue"),
    ({"spo2": 12.9, "unit": "kPa"}, "IncompatibleDataException"),
]


@pytest.mark.parametrize(("members", "error"), WRONG)
def test_what_is_wrong_is_a_dead_letter(members, error, tmp_path):
    for sent in (flat(**members), gateway(one(**members))):
        found, errors = made(FAMILY, sent, tmp_path=tmp_path)
        assert found == [RATE]
        assert [each for each, _ in errors] == [error]


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("timestamp", "2026-10-04T07:05:00", "IncompatibleDataException"),
        ("timestamp", 1791090300, "IncompatibleDataException"),
        ("timestamp", None, "IncompatibleDataException"),
        ("patientId", None, "ResourceIdentityNotDefinedException"),
    ],
)
def test_who_and_when_have_to_be_known(name, value, error, tmp_path):
    moment = "measuredAt" if name == "timestamp" else name
    for sent in (
        flat(**{name: value, "pulseRate": None}),
        gateway(one(pulseRate=None), **{moment: value}),
    ):
        found, errors = made(FAMILY, sent, tmp_path=tmp_path)
        assert found == []
        assert [each for each, _ in errors] == [error]


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
    expected = [("heart_rate", shown, 64), ("oxygen_saturation", shown, 97)]
    for body in (flat(timestamp=local), gateway(one(), measuredAt=local)):
        sent = {"Body": body, "Properties": {"timezone": "Europe/Paris"}}
        found, errors = made(FAMILY, sent, tmp_path=tmp_path)
        assert errors == []
        assert sorted(found) == expected


@pytest.mark.parametrize(
    ("device", "properties", "expected"),
    [
        ("plx-7", {"deviceId": "gateway"}, "plx-7"),
        (17203, {}, "17203"),
        (None, {"deviceId": "plx-8"}, "plx-8"),
        (None, {}, "pulse-oximeter-p-1"),
    ],
)
def test_device(device, properties, expected, tmp_path):
    for body in (
        flat(deviceId=device),
        gateway(one(), deviceId=device),
        gateway({"spo2": 97, "pulseRate": 64}, deviceId=device),
    ):
        sent = {"Body": body, "Properties": properties}
        found = previewed(FAMILY, sent, tmp_path=tmp_path)
        assert [m.device for m in found.measurements] == [expected] * 2


def test_the_patient_of_the_envelope_counts(tmp_path):
    for body in ([flat()], gateway(one()), gateway({"spo2": 97, "pulseRate": 64})):
        sent = {"Body": body, "Properties": {"patientId": "p-2"}}
        found = previewed(FAMILY, sent, tmp_path=tmp_path)
        assert [m.patient for m in found.measurements] == ["p-2"] * 2


def test_a_reading_sent_again_is_the_same_observation(tmp_path):
    def identity(spo2):
        sent = flat(spo2=spo2, pulseRate=None, id="plx-1")
        found = previewed(FAMILY, sent, tmp_path=tmp_path)
        [observation] = [
            r for r in found.resources if r["resourceType"] == "Observation"
        ]
        return observation["id"], [i["value"] for i in observation["identifier"][1:]]

    assert identity(97) == identity(96)
    assert identity(97)[1] == ["plx-1"]


def test_no_name_goes_on(tmp_path):
    names = {"patientName": "Anna Example", "nationalId": "1960-02-29-1"}
    found = previewed(FAMILY, flat(**names), gateway(one(), **names), tmp_path=tmp_path)
    made_of_it = json.dumps(found.resources) + repr(found.measurements)
    assert found.measurements
    assert "Anna" not in made_of_it
    assert "1960-02-29" not in made_of_it


@pytest.mark.parametrize(
    "sent",
    [
        [],
        [{}],
        gateway(),
        gateway({}),
        gateway({"battery": 80, "status": "ok"}),
        flat(spo2=None, pulseRate=None),
        flat(deviceType="heart-monitor"),
        flat(deviceType=None),
        {"readings": [one()]},
    ],
)
def test_nothing_comes_of_nothing(sent, tmp_path):
    assert made(FAMILY, {"Body": sent}, tmp_path=tmp_path) == ([], [])
