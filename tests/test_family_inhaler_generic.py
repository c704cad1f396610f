"""The contract for inhalers and sensors on inhalers that speak for themselves."""

import json

import pytest
from families import made, previewed

FAMILY = "inhaler-generic"
TIME = "2026-10-04T07:05:00+02:00"


def use(**members):
    return {
        "deviceType": "inhaler",
        "deviceId": "inh-7",
        "patientId": "p-1",
        "timestamp": TIME,
        "actuations": 1,
    } | members


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({}, 1),
        ({"actuations": "2"}, 2),
        ({"actuations": 2.0}, 2),
        ({"actuations": 0}, 0),
        ({"peakFlow": None, "medication": None, "technique": None}, 1),
        ({"medication": {}, "location": {"lat": 48.8534}, "battery": [80]}, 1),
        ({"medication": "salbutamol"}, {"": 1, "medication": "salbutamol"}),
        (
            {"medication": {"name": "salbutamol", "dose": 90}},
            {"": 1, "medication": "salbutamol"},
        ),
        ({"technique": "good"}, {"": 1, "technique": "good"}),
        (
            {"peakFlow": 64.5, "volume": "1480", "duration": 1700},
            {"": 1, "peak_flow": 64.5, "volume": 1480, "duration": 1700},
        ),
        ({"peakFlow": 64.5, "peakFlowUnit": "L/min"}, {"": 1, "peak_flow": 64.5}),
        ({"peakFlow": "1.2", "peakFlowUnit": "L/s"}, {"": 1, "peak_flow": 72}),
        ({"volume": 1.48, "volumeUnit": "L"}, {"": 1, "volume": 1480}),
        ({"duration": "1.7", "durationUnit": "s"}, {"": 1, "duration": 1700}),
        ({"peakFlow": 0, "volume": 0}, {"": 1, "peak_flow": 0, "volume": 0}),
    ],
)
def test_uses(members, expected, tmp_path):
    found = made(FAMILY, use(**members), tmp_path=tmp_path)
    assert found == ([("inhaler_use", TIME, expected)], [])


@pytest.mark.parametrize(
    ("members", "error"),
    [
        ({"actuations": "two"}, "NormalizationDataMappingException"),
        ({"actuations": True}, "NormalizationDataMappingException"),
        ({"actuations": 1.5}, "IncompatibleDataException"),
        ({"actuations": -1}, "ImplausibleValue"),
        ({"actuations": 65535}, "ImplausibleValue"),
        ({"peakFlow": 645}, "ImplausibleValue"),
        (
            {"peakFlow": 1.2, "peakFlowUnit": "mL/s"},
            "InvalidQuantityFhirValueException",
        ),
        ({"peakFlow": "high"}, "InvalidQuantityFhirValueException"),
        ({"volume": 1480, "volumeUnit": "cc"}, "InvalidQuantityFhirValueException"),
        ({"duration": 2, "durationUnit": "min"}, "InvalidQuantityFhirValueException"),
        ({"timestamp": "2026-10-04T07:05:00"}, "IncompatibleDataException"),
        ({"timestamp": 1791090300}, "IncompatibleDataException"),
        ({"timestamp": None}, "IncompatibleDataException"),
        ({"patientId": None}, "ResourceIdentityNotDefinedException"),
    ],
)
def test_what_breaks_the_contract_is_a_dead_letter(members, error, tmp_path):
    found, errors = made(FAMILY, use(**members), tmp_path=tmp_path)
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
        ("2026-10-04T05:05:00.125Z", "2026-10-04T05:05:00.125Z"),
    ],
)
def test_local_times_are_of_the_zone_of_the_envelope(local, shown, tmp_path):
    sent = {"Body": use(timestamp=local), "Properties": {"timezone": "Europe/Paris"}}
    assert made(FAMILY, sent, tmp_path=tmp_path) == ([("inhaler_use", shown, 1)], [])


@pytest.mark.parametrize(
    ("device", "properties", "expected"),
    [
        ("inh-7", {"deviceId": "gateway"}, "inh-7"),
        (350000000000001, {}, "350000000000001"),
        (None, {"deviceId": "inh-8"}, "inh-8"),
        (None, {}, "inhaler-p-1"),
    ],
)
def test_device(device, properties, expected, tmp_path):
    sent = {"Body": [use(deviceId=device)], "Properties": properties}
    found = previewed(FAMILY, sent, tmp_path=tmp_path)
    assert [m.device for m in found.measurements] == [expected]


def test_several_uses_in_one_message(tmp_path):
    sent = {
        "Body": [use(), use(timestamp="2026-10-04T21:05:00+02:00", actuations=2), {}],
        "Properties": {"patientId": "p-2"},
    }
    found = previewed(FAMILY, sent, tmp_path=tmp_path)
    assert found.dead_letters == []
    assert [m.patient for m in found.measurements] == ["p-2"] * 2


def test_a_use_sent_again_is_the_same_observation(tmp_path):
    def identity(actuations):
        sent = use(actuations=actuations, id="use-1")
        found = previewed(FAMILY, sent, tmp_path=tmp_path)
        [one] = [r for r in found.resources if r["resourceType"] == "Observation"]
        return one["id"], [i["value"] for i in one["identifier"][1:]]

    assert identity(1) == identity(2)
    assert identity(1)[1] == ["use-1"]


def test_no_name_and_no_place_goes_on(tmp_path):
    sent = use(
        patientName="Anna Example",
        geolocation={"latitude": 48.8534, "longitude": 2.3488},
        medication={"name": "salbutamol", "prescribedBy": "Dr Example"},
    )
    found = previewed(FAMILY, sent, tmp_path=tmp_path)
    made_of_it = json.dumps(found.resources) + repr(found.measurements)
    assert found.measurements
    assert "Example" not in made_of_it
    assert "48.8534" not in made_of_it


@pytest.mark.parametrize(
    "sent",
    [
        [],
        [{}],
        use(actuations=None),
        use(deviceType="inhalers"),
        use(deviceType=None),
        {"deviceType": "inhaler", "deviceId": "inh-7", "dosesLeft": 80},
    ],
)
def test_nothing_comes_of_nothing(sent, tmp_path):
    assert made(FAMILY, {"Body": sent}, tmp_path=tmp_path) == ([], [])
