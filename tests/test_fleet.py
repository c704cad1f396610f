import hashlib
import json
import subprocess
import sys
from collections import Counter
from datetime import datetime, timezone
from pathlib import Path

import pyarrow.dataset as ds
import pytest

from benchmarks import script
from benchmarks.fleet import generate

ROOT = Path(__file__).resolve().parents[1]
SERVICE = "https://azure.microsoft.com/en-us/services/iomt-fhir-connector/"
VALUES = {"heartRate", "steps", "systolic", "spo2", "weight"}


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=timezone.utc)


def parsed(line: bytes):
    try:
        return json.loads(line)
    except json.JSONDecodeError:
        return None


@pytest.fixture(scope="module")
def lines() -> list[bytes]:
    return list(generate(50_000, seed=7))


@pytest.fixture(scope="module")
def bodies(lines) -> list[dict]:
    messages = map(parsed, lines)
    return [message["Body"] for message in messages if isinstance(message, dict)]


def test_same_seed_gives_the_same_bytes():
    assert list(generate(3_000, seed=7)) == list(generate(3_000, seed=7))


def test_bytes_are_the_same_on_every_platform_and_python():
    digest = hashlib.sha256(b"".join(generate(3_000, seed=7))).hexdigest()
    assert digest == "15ffa49965b927e15bf703152d32cc75a9ff0f07c548e7311e5e50b3b6641f6a"


def test_another_seed_gives_other_messages():
    assert list(generate(3_000, seed=7)) != list(generate(3_000, seed=8))


def test_every_message_is_one_line(lines):
    assert len(lines) == 50_000
    assert all(line.endswith(b"\n") and line.count(b"\n") == 1 for line in lines)


def test_messages_have_about_250_bytes(lines):
    assert 240 < sum(map(len, lines)) / len(lines) < 290


def test_messages_arrive_in_order_apart_from_second_deliveries(lines):
    first_deliveries = dict.fromkeys(lines)
    times = [
        message["SystemProperties"]["x-opt-enqueued-time"]
        for message in map(parsed, first_deliveries)
        if isinstance(message, dict)
    ]
    assert times == sorted(times)
    assert len(times) == len(set(times))


def usable(body: dict) -> bool:
    """Whether the body holds everything an Observation needs."""
    names = VALUES & body.keys()
    if "systolic" in names:
        names |= {"diastolic"}
    try:
        at = datetime.fromisoformat(body["time"].replace("Z", "+00:00"))
    except ValueError:
        return False
    numbers = all(type(body.get(name)) in (int, float) for name in names)
    return at.tzinfo is not None and numbers and "patientId" in body


def test_every_message_without_a_fault_is_complete(lines, bodies):
    not_objects = len(lines) - len(bodies)
    unusable = sum(not usable(body) for body in bodies)
    assert 0.002 < (not_objects + unusable) / len(lines) < 0.004
    assert not_objects
    assert unusable


def test_two_per_cent_are_noise(lines, bodies):
    noise = sum(not VALUES & body.keys() for body in bodies)
    assert 0.017 < noise / len(lines) < 0.023


def test_some_are_late_repeated_and_corrected(lines):
    seen: dict[tuple, set[str]] = {}
    counts = Counter(delivered_twice=len(lines) - len(set(lines)))
    for message in map(parsed, dict.fromkeys(lines)):
        if not isinstance(message, dict) or not VALUES & message["Body"].keys():
            continue
        if not usable(message["Body"]):
            continue
        body = {name: message["Body"].get(name) for name in sorted(message["Body"])}
        enqueued = message["SystemProperties"]["x-opt-enqueued-time"]
        at, arrived = (
            datetime.fromisoformat(text.replace("Z", "+00:00"))
            for text in (body["time"], enqueued)
        )
        counts["late"] += (arrived - at).total_seconds() > 3600
        kind = (VALUES & body.keys()).pop()
        versions = seen.setdefault((body["deviceId"], kind, at), set())
        text = json.dumps(body)
        if versions:
            counts["sent_twice" if text in versions else "corrected"] += 1
        versions.add(text)
    shares = {name: count / len(lines) for name, count in counts.items()}
    assert 0.025 < shares["late"] < 0.035
    assert 0.008 < shares["delivered_twice"] < 0.012
    assert 0.008 < shares["sent_twice"] < 0.012
    assert 0.015 < shares["corrected"] < 0.025


def test_some_devices_send_their_local_time(bodies):
    zones = Counter(str(body["time"])[-6:] for body in bodies)
    assert zones["+02:00"] > 0.05 * len(bodies)
    assert zones["-05:00"] > 0.05 * len(bodies)


def test_without_envelope_the_bare_payload_is_sent():
    bare = [parsed(line) for line in generate(3_000, seed=7, envelope=False)]
    wrapped = [parsed(line) for line in generate(3_000, seed=7)]
    pairs = zip(bare, wrapped, strict=True)
    same = sum(
        isinstance(body, dict) and body == full["Body"]
        for body, full in pairs
        if isinstance(full, dict)
    )
    assert same > 2_980


def test_the_command_writes_what_generate_yields(tmp_path):
    out = tmp_path / "messages.ndjson"
    command = ["-m", "benchmarks.fleet", "--messages=500", "--seed=3", f"--out={out}"]
    subprocess.run([sys.executable, *command], cwd=ROOT, check=True)
    assert out.read_bytes() == b"".join(generate(500, seed=3))


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def codes(system: str, name: str, *pairs: tuple[str, str]) -> dict:
    coding = [{"system": system, "code": code, "display": text} for code, text in pairs]
    return {"text": name, "coding": coding}


def named(name: str, *pairs: tuple[str, str]) -> dict:
    concept = codes("http://loinc.org", name, *pairs)
    concept["coding"].append({"system": SERVICE, "code": name, "display": name})
    return concept


def quantity(value: float, unit: str, code: str) -> dict:
    system = "http://unitsofmeasure.org"
    return {"value": value, "unit": unit, "system": system, "code": code}


def observation(person: str, device: str, type_: str, segment: str, **content) -> dict:
    patient, device = sha256(f"_patient-{person}"), sha256(f"_{device}-{person}")
    identifier = f"{patient}.{device}.{type_}.{segment}"
    category = ("activity", "Activity") if type_ == "steps" else VITAL_SIGNS
    return {
        "resourceType": "Observation",
        "id": sha256(f"{SERVICE}_{identifier}"),
        "meta": {
            "tag": [
                {
                    "system": "https://vitalbeam.github.io/fhir/CodeSystem/"
                    "mapping-version",
                    "code": "v1",
                }
            ]
        },
        "identifier": [{"system": SERVICE, "value": identifier}],
        "status": "final",
        "category": [
            codes(
                "http://terminology.hl7.org/CodeSystem/observation-category",
                category[1],
                category,
            )
        ],
        "subject": {"reference": f"Patient/{patient}"},
        "device": {"reference": f"Device/{device}"},
        **content,
    }


VITAL_SIGNS = ("vital-signs", "Vital Signs")
WALK = ("55423-8", "Number of steps in unspecified time Pedometer")
PANEL = ("85354-9", "Blood pressure panel with all children optional")
OXYGEN = "Oxygen saturation in Arterial blood"

# Computed by hand from the messages of `generate(2_000, seed=7)`.
EXPECTED = {
    # Sent with 80 at 00:02:09.6, corrected at 03:33:50.4.
    "heart rate, corrected": observation(
        "00003",
        "watch",
        "heartRate",
        "20260301000205Z.20260301000205Z",
        code=named("heartRate", ("8867-4", "Heart rate")),
        effectiveDateTime="2026-03-01T02:02:05+02:00",
        issued="2026-03-01T03:33:50.4Z",
        valueQuantity=quantity(97, "beats/minute", "/min"),
    ),
    "SpO2, fraction of a second": observation(
        "00003",
        "oximeter",
        "spo2",
        "20260301004227.462000Z.20260301004227.462000Z",
        code=named(
            "spo2", ("2708-6", OXYGEN), ("59408-5", f"{OXYGEN} by Pulse oximetry")
        ),
        effectiveDateTime="2026-03-01T02:42:27.462+02:00",
        issued="2026-03-01T00:42:28.8Z",
        valueQuantity=quantity(96.9, "%", "%"),
    ),
    "blood pressure": observation(
        "00007",
        "cuff",
        "bloodPressure",
        "20260301065359Z.20260301065359Z",
        code=named("bloodPressure", PANEL),
        effectiveDateTime="2026-03-01T01:53:59-05:00",
        issued="2026-03-01T06:54:00Z",
        component=[
            {
                "code": named("systolic", ("8480-6", "Systolic blood pressure")),
                "valueQuantity": quantity(111, "mmHg", "mm[Hg]"),
            },
            {
                "code": named("diastolic", ("8462-4", "Diastolic blood pressure")),
                "valueQuantity": quantity(70, "mmHg", "mm[Hg]"),
            },
        ],
    ),
    "weight": observation(
        "00002",
        "scale",
        "weight",
        "20260301063306Z.20260301063306Z",
        code=named("weight", ("29463-7", "Body weight")),
        effectiveDateTime="2026-03-01T06:33:06Z",
        issued="2026-03-01T06:33:07.2Z",
        valueQuantity=quantity(50.91, "kg", "kg"),
    ),
    # 115 at 08:08, 38 at 08:20, 36 at 08:37, 114 at 08:54 (sent at -05:00).
    "steps of an hour": observation(
        "00007",
        "watch",
        "steps",
        "20260301080000Z.20260301085959Z",
        code=named("steps", WALK),
        effectivePeriod={
            "start": "2026-03-01T08:00:00.0000000Z",
            "end": "2026-03-01T08:59:59.9999999Z",
        },
        issued="2026-03-01T08:54:57.6Z",
        valueSampledData={
            "origin": {"value": 0, "unit": "{steps}"},
            "period": 60000,
            "dimensions": 1,
            "data": "E " * 8
            + "115 "
            + "E " * 11
            + "38 "
            + "E " * 16
            + "36 "
            + "E " * 16
            + "114 "
            + "E E E E E",
        },
    ),
}


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("script")
    messages = folder / "day.ndjson"
    messages.write_bytes(b"".join(generate(2_000, seed=7)))
    script.run(messages, folder / "out", mapping_version="v1", hourly=script.HOURLY)
    return folder / "out"


def resources(folder: Path) -> dict[str, dict]:
    found = [
        json.loads(line)
        for path in sorted(folder.rglob("*.ndjson"))
        for line in path.read_bytes().splitlines()
    ]
    by_id = {resource["id"]: resource for resource in found}
    assert len(by_id) == len(found)
    return by_id


@pytest.mark.parametrize("case", EXPECTED)
def test_script_writes_the_observation(written, case):
    expected = EXPECTED[case]
    assert resources(written / "fhir/Observation")[expected["id"]] == expected


def test_script_writes_patients_and_their_devices(written):
    patient, device = sha256("_patient-00003"), sha256("_cuff-00003")
    assert resources(written / "fhir/Patient")[patient] == {
        "resourceType": "Patient",
        "id": patient,
        "identifier": [{"value": "patient-00003"}],
    }
    assert resources(written / "fhir/Device")[device] == {
        "resourceType": "Device",
        "id": device,
        "identifier": [{"value": "cuff-00003"}],
        "patient": {"reference": f"Patient/{patient}"},
    }


def rows(folder: Path, case: str) -> list[dict]:
    wanted = ds.field("observation_id") == EXPECTED[case]["id"]
    return ds.dataset(folder).to_table(filter=wanted).to_pylist()


def test_script_writes_readings_as_rows(written):
    assert rows(written / "measurement", "SpO2, fraction of a second") == [
        {
            "observation_id": EXPECTED["SpO2, fraction of a second"]["id"],
            "patient_id": sha256("_patient-00003"),
            "patient_identifier": "patient-00003",
            "device_id": sha256("_oximeter-00003"),
            "device_identifier": "oximeter-00003",
            "encounter_id": None,
            "correlation_id": None,
            "record_id": None,
            "type": "spo2",
            "value_name": "spo2",
            "code_system": "http://loinc.org",
            "code": "2708-6",
            "code_display": OXYGEN,
            "occurred_at": utc(2026, 3, 1, 0, 42, 27, 462_000),
            "occurred_tick": 0,
            "ended_at": None,
            "utc_offset_minutes": 120,
            "local_date": utc(2026, 3, 1).date(),
            "value": 96.9,
            "value_text": "96.9",
            "unit": "%",
            "flag": None,
            "ingested_at": utc(2026, 3, 1, 0, 42, 28, 800_000),
            "source": f"{written.parent / 'day.ndjson'}:60",
            "mapping_version": "v1",
        }
    ]


def test_script_writes_a_row_for_the_hour_of_steps(written):
    case = EXPECTED["steps of an hour"]
    assert rows(written / "observation", "steps of an hour") == [
        {
            "observation_id": case["id"],
            "patient_id": sha256("_patient-00007"),
            "device_id": sha256("_watch-00007"),
            "encounter_id": None,
            "type": "steps",
            "code_system": "http://loinc.org",
            "code": "55423-8",
            "component_code_system": None,
            "component_code": None,
            "status": "final",
            "effective_start": utc(2026, 3, 1, 8),
            "effective_end": utc(2026, 3, 1, 8, 59, 59, 999_999),
            "value": None,
            "value_text": case["valueSampledData"]["data"],
            "unit": "{steps}",
            "reading_count": 4,
            "min": 36.0,
            "max": 115.0,
            "mean": 75.75,
            "issued": utc(2026, 3, 1, 8, 54, 57, 600_000),
            "mapping_version": "v1",
        }
    ]


def test_script_loses_no_message(written):
    messages = [parsed(line) for line in generate(2_000, seed=7)]
    broken = [message for message in messages if not isinstance(message, dict)]
    unusable = [
        message["Body"]
        for message in messages
        if isinstance(message, dict) and not usable(message["Body"])
    ]
    letters = (written / "dead_letters/all.ndjson").read_bytes().splitlines()
    assert len(letters) == len(broken) + len(unusable)
    readings = {
        (
            body["deviceId"],
            name,
            datetime.fromisoformat(body["time"].replace("Z", "+00:00")),
        )
        for message in messages
        if isinstance(message, dict) and usable(body := message["Body"])
        for name in (VALUES | {"diastolic"}) & body.keys()
    }
    assert ds.dataset(written / "measurement").count_rows() == len(readings)
