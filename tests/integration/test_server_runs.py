"""Whole runs into a real FHIR server: what they leave there, and what they leave alone.

Each test has patients and devices of its own, told by a prefix, so that they can share
one server.
"""

import json
import random
import subprocess
import sys
import time

import orjson
import pytest
from fhir_r4 import assert_valid
from runs import FLEET, ROOT, files, letters, resources, run, table

from benchmarks.fleet import generate
from pipeline import fhir_identities, fhir_shells, fhir_writer
from pipeline.__main__ import main
from transforms.identity import resource_id


def forget_all():
    """What this process knows of servers."""
    for module in (fhir_identities, fhir_shells, fhir_writer):
        module._memory_of.cache_clear()


@pytest.fixture(autouse=True)
def _fresh():
    forget_all()


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    """Messages of a fleet, and what a run writes to files of them."""
    folder = tmp_path_factory.mktemp("fleet")
    messages = folder / "messages.ndjson"
    messages.write_bytes(b"".join(generate(1_500, seed=11)))
    run(messages, folder / "out", mapping=FLEET)
    return messages, folder / "out"


KINDS = ("Patient", "Device", "Observation")


def everything(server):
    return {kind: server.everything(kind) for kind in KINDS}


def versions(server):
    return {
        (kind, one["id"]): one["meta"]["versionId"]
        for kind in KINDS
        for one in server.search(kind, _count=1000)
    }


def test_a_server_holds_what_files_hold(hapi, fleet, tmp_path, capsys):
    """Under the same ids, with the same content; a second run changes nothing."""
    hapi.wipe()
    messages, out = fleet
    expected = {kind: resources(out, kind) for kind in KINDS}
    arguments = [f"--fhir={hapi.base}", f"--fhir={tmp_path}/fhir"]
    assert run(messages, tmp_path / "out", *arguments, mapping=FLEET) == 1
    assert everything(hapi) == expected
    assert files(tmp_path / "fhir") == files(out / "fhir")
    for name in ("measurement", "observation"):
        assert table(tmp_path / "out", name) == table(out, name)
    before = versions(hapi)
    assert set(before.values()) == {"1"}
    fresh_process(messages, tmp_path / "out", *arguments)
    assert versions(hapi) == before


def fresh_process(messages, out, *flags, mapping=FLEET):
    """A run that knows nothing of what this process knows of a server."""
    command = ["-m", "pipeline", "run", str(mapping)]
    done = subprocess.run(
        [sys.executable, *command, f"--messages={messages}", f"--out={out}", *flags],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    return done.stdout


def test_order_and_parts_do_not_matter(hapi, fleet, tmp_path):
    hapi.wipe()
    messages, out = fleet
    lines = messages.read_bytes().splitlines(keepends=True)
    random.Random(3).shuffle(lines)
    for number, part in enumerate((lines[:500], lines[500:], lines[300:700])):
        piece = tmp_path / f"{number}.ndjson"
        piece.write_bytes(b"".join(part))
        run(piece, tmp_path / "out", f"--fhir={hapi.base}", mapping=FLEET)
    assert everything(hapi) == {kind: resources(out, kind) for kind in KINDS}


def test_a_folder_can_be_pushed_later_and_again(hapi, fleet, tmp_path, capsys):
    hapi.wipe()
    _messages, out = fleet
    letters_at = f"--dead_letters={tmp_path}"
    copy = tmp_path / "out"
    subprocess.run(["cp", "-r", str(out), str(copy)], check=True)  # noqa: S607
    assert main(["push", letters_at, f"--fhir={hapi.base}", str(copy)]) == 0
    first = capsys.readouterr().out
    assert everything(hapi) == {kind: resources(out, kind) for kind in KINDS}
    before = versions(hapi)
    assert main(["push", f"--fhir={hapi.base}", str(copy)]) == 0
    again = capsys.readouterr().out
    assert versions(hapi) == before
    count = str(len(list((copy / "fhir").rglob("*.ndjson"))))
    assert first.splitlines()[0].split() == ["files", count]
    assert again.splitlines()[1].split() == ["pushed", "before", count]
    # A server that was emptied needs it all again.
    hapi.wipe()
    forget_all()
    assert main(["push", "--again", f"--fhir={hapi.base}", str(copy / "fhir")]) == 0
    assert everything(hapi) == {kind: resources(out, kind) for kind in KINDS}


def test_what_the_server_refuses_is_a_letter_with_its_own_words(hapi, tmp_path):
    folder = tmp_path / "fhir"
    observations = [
        {
            "resourceType": "Observation",
            "id": f"refused-{number}",
            "status": status,
            "code": {"text": "hr"},
            "valueString": "SECRET-READING",
        }
        for number, status in enumerate(["final", "no-such-status", "final"])
    ]
    file = folder / "Observation" / "x.ndjson"
    file.parent.mkdir(parents=True)
    lines = [orjson.dumps(one) for one in observations]
    file.write_bytes(b"\n".join([*lines[:2], b"no JSON", lines[2]]) + b"\n")
    assert main(["push", f"--fhir={hapi.base}", str(tmp_path)]) == 1
    found = {letter["error"]: letter for letter in letters(tmp_path)}
    assert set(found) == {"FhirResourceRejected", "InvalidDataFormatException"}
    refused = found["FhirResourceRejected"]
    assert refused["message"] == (
        "the FHIR server refuses the Observation (400: processing)"
    )
    assert json.loads(refused["payload"]) == observations[1]
    assert "no-such-status" in refused["outcome"]
    assert found["InvalidDataFormatException"]["source"] == "Observation/x.ndjson:3"
    kept = hapi.search("Observation", _id="refused-0,refused-1,refused-2")
    assert {one["id"] for one in kept} == {"refused-0", "refused-2"}
    # Mended, it is pushed; what is done already is not in the way.
    lines[1] = lines[1].replace(b"no-such-status", b"final")
    file.write_bytes(b"\n".join(lines) + b"\n")
    assert main(["push", f"--fhir={hapi.base}", str(tmp_path)]) == 0
    assert hapi.get("Observation/refused-1").status_code == 200


def heart_rate(device, patient, time="2026-03-01T07:14:55Z", value=72, **rest):
    return {
        "deviceId": device,
        "patientId": patient,
        "endDate": time,
        "Heart Rate": value,
        **rest,
    }


DEVICE_MAPPING = {
    "templateType": "CollectionContent",
    "template": [
        {
            "templateType": "CalculatedContent",
            "template": {
                "typeName": "hr",
                "typeMatchExpression": "$..[?(@hr)]",
                "deviceIdExpression": "$.matchedToken.device",
                "patientIdExpression": "$.matchedToken.patient",
                "encounterIdExpression": "$.matchedToken.visit",
                "timestampExpression": "$.matchedToken.time",
                "values": [{"valueName": "hr", "valueExpression": "$.matchedToken.hr"}],
            },
        }
    ],
}
FHIR_MAPPING = json.loads((FLEET / "fhir.json").read_text())
FHIR_MAPPING["template"] = [
    {
        "templateType": "CodeValueFhir",
        "template": {
            **FHIR_MAPPING["template"][0]["template"],
            "typeName": "hr",
            "value": {
                **FHIR_MAPPING["template"][0]["template"]["value"],
                "valueName": "hr",
            },
        },
    }
]
NINE, NOON, THREE = (f"2026-03-01T{hour}:00:00Z" for hour in ("09", "12", "15"))


def job(folder, *messages):
    """A folder with mappings and messages."""
    folder.mkdir(exist_ok=True)
    (folder / "device.json").write_text(json.dumps(DEVICE_MAPPING))
    (folder / "fhir.json").write_text(json.dumps(FHIR_MAPPING))
    lines = [json.dumps(message) for message in messages]
    (folder / "messages.ndjson").write_text("\n".join(lines) + "\n")
    return str(folder)


def message(device, patient=None, time=NOON, hr=72, visit=None):
    named = {"patient": patient, "visit": visit}
    kept = {name: value for name, value in named.items() if value is not None}
    return {"device": device, "time": time, "hr": hr, **kept}


def observed(hapi, subject):
    """Values and times of a patient's Observations."""
    found = hapi.search("Observation", subject=f"Patient/{subject}", _count=100)
    for one in found:
        assert_valid({**one, "meta": {"tag": one["meta"]["tag"]}})
    return sorted(
        (one["effectiveDateTime"], one["valueQuantity"]["value"]) for one in found
    )


def patient(resource_id, identifier, **rest):
    return {
        "resourceType": "Patient",
        "id": resource_id,
        "identifier": [{"value": identifier}],
        **rest,
    }


def device(name, identifier, owner):
    return {
        "resourceType": "Device",
        "id": name,
        "identifier": [{"value": identifier}],
        "patient": {"reference": f"Patient/{owner}"},
    }


def test_create_finds_who_is_there_and_leaves_them_as_they_are(hapi, tmp_path):
    hapi.put(patient("cr-17", "cr-ann", name=[{"family": "Lee"}]))
    folder = job(
        tmp_path / "in",
        message("cr-d1", "cr-ann", hr=61),
        message("cr-d2", "cr-bob", hr=62),
    )
    out = tmp_path / "out"
    assert main(["run", f"--out={out}", f"--fhir={hapi.base}", folder]) == 0
    assert observed(hapi, "cr-17") == [(NOON, 61)]
    assert observed(hapi, resource_id("", "cr-bob")) == [(NOON, 62)]
    assert hapi.get("Patient/cr-17").json()["name"] == [{"family": "Lee"}]
    assert len(hapi.search("Patient", identifier="cr-ann")) == 1
    made = hapi.get(f"Device/{resource_id('', 'cr-d1')}").json()
    assert made["patient"] == {"reference": "Patient/cr-17"}


@pytest.mark.parametrize("mode", ["create", "lookup"])
def test_a_device_of_another_patient_is_a_letter(hapi, tmp_path, mode):
    prefix = f"guard-{mode}"
    hapi.put(patient(f"{prefix}-1", f"{prefix}-ann"))
    hapi.put(patient(f"{prefix}-2", f"{prefix}-bob"))
    hapi.put(device(f"{prefix}-d", f"{prefix}-dev", f"{prefix}-1"))
    folder = job(
        tmp_path / "in",
        message(f"{prefix}-dev", f"{prefix}-ann", hr=61),
        message(f"{prefix}-dev", f"{prefix}-bob", THREE, hr=62),
        message(f"{prefix}-dev", None, NINE, hr=63),
    )
    out = tmp_path / "out"
    arguments = ["run", f"--out={out}", f"--fhir={hapi.base}", f"--identity={mode}"]
    assert main([*arguments, "--identity_cache_s=0", folder]) == 1
    nameless = [(NINE, 63)] if mode == "lookup" else []
    assert observed(hapi, f"{prefix}-1") == [*nameless, (NOON, 61)]
    assert observed(hapi, f"{prefix}-2") == []
    found = {letter["error"]: json.loads(letter["payload"]) for letter in letters(out)}
    assert found.pop("PatientDeviceMismatchException")["patientId"] == f"{prefix}-bob"
    expected = {"lookup": set(), "create": {"ResourceIdentityNotDefinedException"}}
    assert found.keys() == expected[mode]
    # The link is corrected on the server: the next run notices.
    hapi.put(device(f"{prefix}-d", f"{prefix}-dev", f"{prefix}-2"))
    folder = job(tmp_path / "in", message(f"{prefix}-dev", f"{prefix}-bob", THREE))
    assert main([*arguments, "--identity_cache_s=0", folder]) == 0
    assert observed(hapi, f"{prefix}-2") == [(THREE, 72)]


ODD = [
    "odd a b",
    "odd,comma",
    "odd|bar",
    "odd$dollar",
    "odd\\back",
    "odd&and=is?what#ever",
    "odd%20percent+plus",
    "odd-é-日本",
    'odd"quote',
    "odd/slash",
    "odd" + "x" * 150,
    "odd" + "y" * 300,
    "odd\nline\ttab",
]


def test_odd_identifiers_are_found_or_a_letter(hapi, tmp_path):
    """None of them finds another, none stops the others, none is lost."""
    times = [f"2026-03-01T10:{minute:02}:00Z" for minute in range(len(ODD))]
    many = [message(name, name, time) for name, time in zip(ODD, times, strict=True)]
    folder = job(tmp_path / "in", *many)
    for mode in ("create", "lookup"):
        forget_all()
        out = tmp_path / mode
        arguments = [f"--out={out}", f"--fhir={hapi.base}", f"--identity={mode}"]
        main(["run", *arguments, folder])
        lost = [json.loads(one["payload"])["deviceId"] for one in letters(out)]
        stored = set(table(out, "measurement")["device_identifier"].to_pylist())
        assert sorted([*stored, *lost]) == sorted(ODD)
        assert set(ODD) - {"odd" + "y" * 300, "odd\nline\ttab"} <= stored
    for name in ODD:
        if name in stored:
            (found,) = observed(hapi, resource_id("", name))
            assert found == (times[ODD.index(name)], 72)


def test_lookup_makes_neither_patients_nor_devices(hapi, tmp_path):
    folder = job(tmp_path / "in", message("lo-unheard", "lo-of"))
    out = tmp_path / "out"
    arguments = [f"--out={out}", f"--fhir={hapi.base}", "--identity=lookup"]
    assert main(["run", *arguments, folder]) == 1
    assert [letter["error"] for letter in letters(out)] == [
        "FhirResourceNotFoundException"
    ]
    for kind in ("Patient", "Device"):
        assert hapi.search(kind, identifier="lo-unheard,lo-of") == []


def test_preview_shows_what_a_lookup_finds(hapi, tmp_path, capsys):
    hapi.put(patient("pv-1", "pv-ann"))
    hapi.put(device("pv-d", "pv-dev", "pv-1"))
    folder = job(tmp_path / "in", message("pv-dev"), message("pv-none"))
    capsys.readouterr()
    arguments = ["--format=jsonl", f"--fhir={hapi.base}", "--identity=lookup"]
    assert main(["preview", *arguments, folder]) == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["kind"] for line in lines] == [
        "measurement",
        "measurement",
        "resource",
        "dead_letter",
    ]
    assert lines[2]["resource"]["subject"] == {"reference": "Patient/pv-1"}


def test_lookup_encounter_refers_to_the_encounter(hapi, tmp_path):
    hapi.put(patient("en-1", "en-ann"))
    hapi.put(device("en-d", "en-dev", "en-1"))
    hapi.put(
        {
            "resourceType": "Encounter",
            "id": "en-visit",
            "identifier": [{"value": "en-4711"}],
            "status": "in-progress",
            "class": {"code": "AMB"},
            "subject": {"reference": "Patient/en-1"},
        }
    )
    folder = job(
        tmp_path / "in",
        message("en-dev", time=NINE, visit="en-4711"),
        message("en-dev", time=NOON, visit="en-none"),
        message("en-dev", time=THREE),
    )
    out = tmp_path / "out"
    arguments = [f"--out={out}", f"--fhir={hapi.base}", "--identity=lookup-encounter"]
    assert main(["run", *arguments, folder]) == 1
    assert sorted(letter["error"] for letter in letters(out)) == [
        "FhirResourceNotFoundException",
        "ResourceIdentityNotDefinedException",
    ]
    (found,) = hapi.search("Observation", subject="Patient/en-1")
    assert found["encounter"] == {"reference": "Encounter/en-visit"}


def test_a_device_handed_over_at_noon(hapi, tmp_path):
    """Readings that come late belong to whoever wore the device then."""
    table_file = tmp_path / "assignments.csv"
    table_file.write_text(
        "device,patient,from,to\n"
        f"as-dev,as-ann,2026-03-01T00:00:00Z,{NOON}\n"
        f"as-dev,as-bob,{NOON},\n"
    )
    folder = job(
        tmp_path / "in",
        message("as-dev", time=THREE, hr=63),
        message("as-dev", time=NINE, hr=61),
        message("as-dev", time=NOON, hr=62),
        message("as-dev", "as-ann", "2026-03-01T16:00:00Z", hr=64),
    )
    out = tmp_path / "out"
    arguments = [f"--out={out}", f"--fhir={hapi.base}", f"--assignments={table_file}"]
    assert main(["run", *arguments, "--identity=assignments", folder]) == 1
    assert observed(hapi, resource_id("", "as-ann")) == [(NINE, 61)]
    assert observed(hapi, resource_id("", "as-bob")) == [(NOON, 62), (THREE, 63)]
    assert [letter["error"] for letter in letters(out)] == [
        "PatientDeviceMismatchException"
    ]


def test_processes_at_once_make_nothing_twice(hapi, tmp_path):
    """Four runs of the same new devices and patients, begun together."""
    many = [message(f"race-d{n}", f"race-p{n}") for n in range(40)]
    folder = job(tmp_path / "in", *many)
    command = [sys.executable, "-m", "pipeline", "run", f"--fhir={hapi.base}"]
    runs = [
        subprocess.Popen(
            [*command, f"--out={tmp_path}/out{number}", folder],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        for number in range(4)
    ]
    ends = [(one.communicate()[1], one.returncode) for one in runs]
    assert [status for _, status in ends] == [0] * 4, ends
    for kind, name in (("Patient", "p"), ("Device", "d")):
        identifiers = ",".join(f"race-{name}{n}" for n in range(40))
        found = hapi.search(kind, identifier=identifiers, _count=100)
        assert {one["id"] for one in found} == {
            resource_id("", f"race-{name}{n}") for n in range(40)
        }
        assert len(found) == 40
    for n in range(40):
        assert observed(hapi, resource_id("", f"race-p{n}")) == [(NOON, 72)]


def test_a_server_that_refuses_ids_of_clients(start_hapi, tmp_path, capsys):
    """It says so before anything is lost, and with its own ids all goes well."""
    server = start_hapi(clientIds="NOT_ALLOWED")
    folder = job(
        tmp_path / "in", message("d1", "ann", hr=61), message("d2", "bob", hr=62)
    )
    arguments = ["run", f"--out={tmp_path}/out", f"--fhir={server.base}"]
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", *arguments, folder],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr.splitlines()[-1]) == (
        3,
        f"vitalbeam: {server.base} makes no Patient under an id of ours (404): try"
        " --fhir_ids=server",
    )
    for _ in range(2):
        assert main([*arguments, "--fhir_ids=server", folder]) == 0
        fresh_process(
            f"{folder}/messages.ndjson",
            tmp_path / "out",
            f"--fhir={server.base}",
            "--fhir_ids=server",
            mapping=folder,
        )
    patients = {
        one["identifier"][0]["value"]: one["id"] for one in server.search("Patient")
    }
    assert set(patients) == {"ann", "bob"}
    assert len(server.search("Patient")) == 2
    assert len(server.search("Device")) == 2
    assert len(server.search("Observation")) == 2
    assert observed(server, patients["ann"]) == [(NOON, 61)]
    assert observed(server, patients["bob"]) == [(NOON, 62)]
    # A folder written without a server can be pushed there too.
    main(["run", f"--out={tmp_path}/files", folder])
    push = ["push", f"--fhir={server.base}", "--fhir_ids=server", f"{tmp_path}/files"]
    assert main(push) == 0
    assert len(server.search("Patient")) == 2
    assert observed(server, patients["ann"])[0] == (NOON, 61)


def test_a_server_that_is_restarted_in_the_middle(start_hapi, fleet, tmp_path):
    """Killed while a run writes to it, and started again: the run goes on."""
    messages, out = fleet
    database = f"jdbc:h2:file:{tmp_path}/db;WRITE_DELAY=0"
    server = start_hapi(db=database)
    command = ["-m", "pipeline", "run", str(FLEET), f"--messages={messages}"]
    flags = [f"--out={tmp_path}/out", f"--fhir={server.base}", "--fhir_bundle_size=20"]
    process = subprocess.Popen(
        [sys.executable, *command, *flags],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while len(server.search("Observation", _count=1000)) < 200:
        assert process.poll() is None, "the run was over before the server was killed"
        time.sleep(0.05)
    server.kill()
    server.restart()
    _, said = process.communicate()
    assert process.returncode == 1, said
    assert everything(server) == {kind: resources(out, kind) for kind in KINDS}
