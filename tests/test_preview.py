"""What a run would do with some messages."""

import hashlib
import json

import pytest
from runs import VITAL_MONITOR, run, write_lines

from pipeline.mappings import load_mappings
from pipeline.preview import json_lines, preview
from transforms.intake import Intake

DEVICE, FHIR = VITAL_MONITOR / "device.json", VITAL_MONITOR / "fhir.json"
MAPPINGS = load_mappings(DEVICE, FHIR)
VERSION = hashlib.sha256(DEVICE.read_bytes() + b"\0" + FHIR.read_bytes()).hexdigest()
SERVICE = "https://azure.microsoft.com/en-us/services/iomt-fhir-connector/"


def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()


WATCH, MONITOR = sha256("_watch-7"), sha256("_monitor-3")
FIRST, SECOND = sha256("_patient-1"), sha256("_patient-2")


def lines_of(*messages, mappings=MAPPINGS, device_system="", **intake):
    settings = Intake(mapping_version=mappings.version, **intake)
    found = preview(mappings, messages, settings, device_system)
    return [json.loads(line) for line in json_lines(found)]


def measurement(line, type_name, when, device, patient, **values):
    return {
        "kind": "measurement",
        "source": f"{VITAL_MONITOR}/messages.ndjson:{line}",
        "type": type_name,
        "occurrenceTimeUtc": f"2026-03-01T{when}Z",
        "ingestionTimeUtc": None,
        "deviceId": device,
        "patientId": patient,
        "encounterId": None,
        "correlationId": None,
        "properties": [{"name": n, "value": value} for n, value in values.items()],
    }


def shell(kind, identifier, patient=None):
    link = {} if patient is None else {"patient": {"reference": f"Patient/{patient}"}}
    return {
        "resourceType": kind,
        "id": sha256(f"_{identifier}"),
        "identifier": [{"value": identifier}],
        **link,
    }


def coded(text, code, display):
    return {
        "text": text,
        "coding": [
            {"system": "http://loinc.org", "code": code, "display": display},
            {"system": SERVICE, "code": text, "display": text},
        ],
    }


def quantity(value, unit, code):
    system = "http://unitsofmeasure.org"
    return {"value": value, "unit": unit, "system": system, "code": code}


def observation(code, who, utc, effective, value):
    patient, device = who
    instant = f"20260301{utc.replace(':', '')}Z"
    identifier = f"{patient}.{device}.{code['text']}.{instant}.{instant}"
    tag = {
        "system": "https://vitalbeam.github.io/fhir/CodeSystem/mapping-version",
        "code": VERSION[:16],
    }
    category = {
        "system": "http://terminology.hl7.org/CodeSystem/observation-category",
        "code": "vital-signs",
        "display": "Vital Signs",
    }
    return {
        "resourceType": "Observation",
        "id": sha256(f"{SERVICE}_{identifier}"),
        "meta": {"tag": [tag]},
        "identifier": [{"system": SERVICE, "value": identifier}],
        "status": "final",
        "category": [{"coding": [category]}],
        "code": code,
        "subject": {"reference": f"Patient/{patient}"},
        "device": {"reference": f"Device/{device}"},
        "effectiveDateTime": f"2026-03-01T{effective}",
        "issued": f"2026-03-01T{utc}Z",
        **value,
    }


def heart_rate(who, utc, effective, value):
    code = coded("heartrate", "8867-4", "Heart rate")
    held = {"valueQuantity": quantity(value, "beats/minute", "/min")}
    return observation(code, who, utc, effective, held)


def blood_pressure(who, utc, effective, systolic, diastolic):
    panel = "Blood pressure panel with all children optional"
    parts = [
        ("systolic", "8480-6", "Systolic blood pressure", systolic),
        ("diastolic", "8462-4", "Diastolic blood pressure", diastolic),
    ]
    components = [
        {
            "code": coded(name, code, display),
            "valueQuantity": quantity(value, "mmHg", "mm[Hg]"),
        }
        for name, code, display, value in parts
    ]
    code = coded("bloodpressure", "85354-9", panel)
    return observation(code, who, utc, effective, {"component": components})


MEASUREMENTS = [
    measurement(1, "heartrate", "07:14:55", "watch-7", "patient-1", hr="72"),
    measurement(2, "heartrate", "07:15:10", "monitor-3", "patient-2", hr="64"),
    measurement(3, "heartrate", "07:15:55", "watch-7", "patient-1", hr="75"),
    measurement(5, "heartrate", "07:16:10", "monitor-3", "patient-2", hr="66"),
    measurement(
        6,
        "bloodpressure",
        "07:20:00",
        "monitor-3",
        "patient-2",
        systolic="121",
        diastolic="79",
    ),
    measurement(7, "heartrate", "08:02:40", "watch-7", "patient-1", hr="88"),
    measurement(8, "heartrate", "08:01:10", "monitor-3", "patient-2", hr="69.5"),
    measurement(9, "heartrate", "08:03:40", "watch-7", "patient-1", hr="91"),
    measurement(11, "heartrate", "08:03:40", "watch-7", "patient-1", hr="91"),
]

ON_WATCH, ON_MONITOR = (FIRST, WATCH), (SECOND, MONITOR)

RESOURCES = [
    *sorted(
        (shell("Patient", "patient-1"), shell("Patient", "patient-2")),
        key=lambda resource: resource["id"],
    ),
    *sorted(
        (shell("Device", "watch-7", FIRST), shell("Device", "monitor-3", SECOND)),
        key=lambda resource: resource["id"],
    ),
    heart_rate(ON_WATCH, "07:14:55", "08:14:55+01:00", 72),
    heart_rate(ON_MONITOR, "07:15:10", "07:15:10Z", 64),
    heart_rate(ON_WATCH, "07:15:55", "08:15:55+01:00", 75),
    heart_rate(ON_MONITOR, "07:16:10", "07:16:10Z", 66),
    blood_pressure(ON_MONITOR, "07:20:00", "07:20:00Z", 121, 79),
    heart_rate(ON_MONITOR, "08:01:10", "08:01:10Z", 69.5),
    heart_rate(ON_WATCH, "08:02:40", "09:02:40+01:00", 88),
    heart_rate(ON_WATCH, "08:03:40", "09:03:40+01:00", 91),
]


def test_vital_monitor_as_json_lines():
    assert lines_of(f"{VITAL_MONITOR}/messages.ndjson") == [
        *MEASUREMENTS,
        *({"kind": "resource", "resource": resource} for resource in RESOURCES),
    ]


def test_a_device_mapping_alone_ends_after_the_measurements():
    alone = load_mappings(DEVICE, None)
    found = lines_of(f"{VITAL_MONITOR}/messages.ndjson", mappings=alone)
    assert found == MEASUREMENTS


def reading(**changes):
    plain = {
        "deviceId": "watch-7",
        "patientId": "patient-1",
        "measuredAt": "2026-03-01T07:14:55Z",
        "HR": 72,
    }
    return {key: value for key, value in {**plain, **changes}.items() if value}


def test_letters_come_last_with_all_their_fields(tmp_path):
    path = write_lines(
        tmp_path / "m.ndjson", [b"{", reading(), reading(HR="fast"), {"x": 1}]
    )
    found = lines_of(str(path), report_unmatched=True)
    kinds = [line["kind"] for line in found]
    assert kinds == [*["measurement"] * 2, *["resource"] * 3, *["dead_letter"] * 3]
    letter = found[5]
    cause = (
        "Normalize",
        "InvalidDataFormatException",
        "the message is not JSON (line 1, column 2)",
        None,
        None,
        None,
        f"{path}:1",
    )
    assert letter == {
        "kind": "dead_letter",
        "id": sha256(repr(cause) + "{"),
        "stage": "Normalize",
        "error": "InvalidDataFormatException",
        "message": "the message is not JSON (line 1, column 2)",
        "suggestion": "send valid JSON (RFC 8259)",
        "type": None,
        "template": None,
        "expression": None,
        "payload": "{",
        "payload_base64": None,
        "source": f"{path}:1",
        "enqueued_at": None,
        "first_seen": None,
        "last_seen": None,
        "count": 1,
        "mapping_version": VERSION[:16],
    }
    assert sorted((line["error"], line["source"]) for line in found[5:]) == [
        ("InvalidDataFormatException", f"{path}:1"),
        ("InvalidQuantityFhirValueException", f"{path}:3"),
        ("NoTemplateMatched", f"{path}:4"),
    ]


def test_measurements_of_several_files_come_in_the_order_of_the_files(tmp_path):
    (tmp_path / "z.json").write_text(json.dumps([reading(), reading(HR=73)]))
    second = write_lines(tmp_path / "a.ndjson", [reading(HR=74)])
    found = lines_of(str(tmp_path / "z.json"), str(second))
    assert [line["source"] for line in found if line["kind"] == "measurement"] == [
        f"{tmp_path}/z.json#1",
        f"{tmp_path}/z.json#2",
        f"{second}:1",
    ]


def test_observations_of_one_instant_stand_in_the_order_of_their_ids(tmp_path):
    devices = [f"device-{number}" for number in range(12)]
    path = write_lines(
        tmp_path / "m.ndjson", [reading(deviceId=device) for device in devices]
    )
    ids = [line["resource"]["id"] for line in lines_of(str(path))[12 + 1 + 12 :]]
    assert len(ids) == 12
    assert ids == sorted(ids)


def test_a_device_of_two_patients_is_linked_to_none(tmp_path):
    path = write_lines(
        tmp_path / "m.ndjson",
        [reading(), reading(patientId="patient-2", measuredAt="2026-04-01T00:00:00Z")],
    )
    resources = [line["resource"] for line in lines_of(str(path))[2:]]
    assert resources[:3] == [
        *sorted(
            (shell("Patient", "patient-1"), shell("Patient", "patient-2")),
            key=lambda resource: resource["id"],
        ),
        shell("Device", "watch-7"),
    ]


def test_the_system_of_devices_is_part_of_their_ids(tmp_path):
    path = write_lines(tmp_path / "m.ndjson", [reading()])
    found = lines_of(str(path), device_system="urn:x")
    device = found[2]["resource"]
    assert device == {
        "resourceType": "Device",
        "id": sha256("urn:x_watch-7"),
        "identifier": [{"system": "urn:x", "value": "watch-7"}],
        "patient": {"reference": f"Patient/{FIRST}"},
    }
    assert found[3]["resource"]["device"] == {"reference": f"Device/{device['id']}"}


def test_no_messages_are_an_empty_preview(tmp_path):
    path = write_lines(tmp_path / "m.ndjson", [])
    assert lines_of(str(path)) == []


def test_a_preview_without_a_device_mapping_is_a_mistake_of_the_caller():
    with pytest.raises(ValueError, match="a preview needs a device mapping"):
        preview(load_mappings(None, FHIR), [], Intake(), "")


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mixed")
    messages = (VITAL_MONITOR / "messages.ndjson").read_bytes().splitlines()
    late = [reading(HR=73), reading(HR="fast"), reading(patientId="")]
    return write_lines(folder / "m.ndjson", [*messages, b"{", *late])


def test_a_preview_shows_what_a_run_writes(mixed, tmp_path):
    previewed = lines_of(str(mixed))
    assert run(mixed, tmp_path / "out") == 1
    written = [
        json.loads(line)
        for path in (tmp_path / "out" / "fhir").rglob("*.ndjson")
        for line in path.read_bytes().splitlines()
    ]
    letters = [
        {"kind": "dead_letter", **json.loads(line)}
        for path in (tmp_path / "out" / "dead_letters").iterdir()
        for line in path.read_bytes().splitlines()
    ]

    def by_id(resource):
        return resource["id"]

    shown = [line["resource"] for line in previewed if line["kind"] == "resource"]
    assert sorted(shown, key=by_id) == sorted(written, key=by_id)
    lost = [line for line in previewed if line["kind"] == "dead_letter"]
    assert len(lost) == 3
    assert sorted(lost, key=by_id) == sorted(letters, key=by_id)
