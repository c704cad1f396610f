"""The contract for scales that speak for themselves."""

import json

import pytest
from families import made, previewed

TIME = "2026-10-04T07:05:00+02:00"


def reading(**members):
    return {
        "deviceType": "scale",
        "deviceId": "scale-7",
        "patientId": "p-1",
        "timestamp": TIME,
        "weight": 72.4,
        "unit": "kg",
    } | members


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({}, ("body_weight", TIME, 72.4)),
        ({"weight": "72.40"}, ("body_weight", TIME, 72.4)),
        ({"weight": 7.24e1}, ("body_weight", TIME, 72.4)),
        ({"weight": 72415, "unit": "g"}, ("body_weight", TIME, 72.415)),
        ({"weight": 159.6, "unit": "lb"}, ("body_weight_lb", TIME, 159.6)),
        ({"weight": "159.6", "unit": "lb"}, ("body_weight_lb", TIME, 159.6)),
        ({"bodyFat": None, "firmware": {"v": [1]}}, ("body_weight", TIME, 72.4)),
        (
            {"timestamp": "2026-10-04T05:05:00.250Z"},
            ("body_weight", "2026-10-04T05:05:00.25Z", 72.4),
        ),
        ({"timestamp": "2026-10-04 07:05+0200"}, ("body_weight", TIME, 72.4)),
    ],
)
def test_weight(members, expected, tmp_path):
    found = made("scale-generic", reading(**members), tmp_path=tmp_path)
    assert found == ([expected], [])


@pytest.mark.parametrize(
    ("members", "error"),
    [
        ({"unit": "lbs"}, "IncompatibleDataException"),
        ({"unit": "KG"}, "IncompatibleDataException"),
        ({"unit": None}, "IncompatibleDataException"),
        ({"weight": "heavy"}, "IncompatibleDataException"),
        ({"weight": 72400}, "ImplausibleValue"),
        ({"weight": 0}, "ImplausibleValue"),
        ({"weight": -72.4}, "ImplausibleValue"),
        ({"weight": 72.4, "unit": "g"}, "ImplausibleValue"),
        ({"timestamp": "2026-10-04T07:05:00"}, "IncompatibleDataException"),
        ({"timestamp": 1791090300}, "IncompatibleDataException"),
        ({"timestamp": None}, "IncompatibleDataException"),
        ({"deviceId": None}, "IncompatibleDataException"),
        ({"patientId": None}, "ResourceIdentityNotDefinedException"),
    ],
)
def test_what_breaks_the_contract_is_a_dead_letter(members, error, tmp_path):
    found, errors = made("scale-generic", reading(**members), tmp_path=tmp_path)
    assert found == []
    assert [each for each, _ in errors] == [error]


def test_a_reading_without_unit_is_a_dead_letter(tmp_path):
    sent = reading()
    del sent["unit"]
    found, errors = made("scale-generic", sent, tmp_path=tmp_path)
    assert found == []
    assert [error for error, _ in errors] == ["IncompatibleDataException"]


PARTS = {"bmi": 22.4, "bodyFat": 21.4, "bodyWater": "55.1", "muscleMass": 54.1}


@pytest.mark.parametrize(
    ("members", "muscle", "bone"),
    [
        ({"boneMass": 2.9}, 54.1, 2.9),
        (
            {"weight": 72400, "unit": "g", "muscleMass": 54100, "boneMass": 2900},
            54.1,
            2.9,
        ),
        (
            {"weight": 159.6, "unit": "lb", "muscleMass": 119.3, "boneMass": 6.4},
            54.113569741,
            2.902991168,
        ),
    ],
)
def test_body_composition(members, muscle, bone, tmp_path):
    sent = reading(**(PARTS | members))
    found, errors = made("scale-generic", sent, tmp_path=tmp_path)
    assert errors == []
    assert [each for each in sorted(found) if "weight" not in each[0]] == [
        ("body_fat", TIME, 21.4),
        ("body_mass_index", TIME, 22.4),
        ("body_water", TIME, 55.1),
        ("bone_mass", TIME, bone),
        ("muscle_mass", TIME, muscle),
    ]


def test_the_envelope_fills_what_the_scale_does_not_know(tmp_path):
    sent = [reading(), reading(timestamp="2026-10-05T07:05:00+02:00")]
    for each in sent:
        del each["deviceId"], each["patientId"]
    properties = {"patientId": "p-2", "deviceId": "scale-8"}
    found = previewed(
        "scale-generic", {"Body": sent, "Properties": properties}, tmp_path=tmp_path
    )
    assert found.dead_letters == []
    who = [(m.patient, m.device) for m in found.measurements]
    assert who == [("p-2", "scale-8")] * 2


def test_the_patient_of_the_envelope_counts(tmp_path):
    sent = {"Body": reading(), "Properties": {"patientId": "p-2"}}
    found = previewed("scale-generic", sent, tmp_path=tmp_path)
    assert [m.patient for m in found.measurements] == ["p-2"]


def test_a_reading_sent_again_is_the_same_observation(tmp_path):
    def identity(weight):
        sent = reading(weight=weight, id="w-1")
        found = previewed("scale-generic", sent, tmp_path=tmp_path)
        [one] = [r for r in found.resources if r["resourceType"] == "Observation"]
        return one["id"], [i["value"] for i in one["identifier"][1:]]

    assert identity(72.4) == identity(72.5)
    assert identity(72.4)[1] == ["w-1"]


def test_no_name_goes_on(tmp_path):
    sent = reading(patientName="Anna Example", birthday="1960-02-29")
    found = previewed("scale-generic", sent, tmp_path=tmp_path)
    made_of_it = json.dumps(found.resources) + repr(found.measurements)
    assert found.measurements
    assert "Anna" not in made_of_it
    assert "1960" not in made_of_it


@pytest.mark.parametrize(
    "sent",
    [
        [],
        [{}],
        {"deviceType": "scale", "deviceId": "scale-7", "battery": 80},
        reading(weight=None),
        reading(deviceType="kitchen"),
        reading(deviceType=None),
    ],
)
def test_nothing_comes_of_nothing(sent, tmp_path):
    found, _ = made("scale-generic", {"Body": sent}, tmp_path=tmp_path)
    assert found == []
