"""What the flags of `--identity` mean."""

import json

import pytest
from runs import ROOT, letters, resources, table

from pipeline.__main__ import main, parse
from pipeline.fhir_identities import ServerIdentities
from pipeline.fhir_settings import FhirServer
from pipeline.identity_modes import Identifying, resolve_identities
from pipeline.options import UsageError
from pipeline.read_assignments import read_assignments
from transforms.identity import (
    AssignedIdentities,
    Identification,
    MessageIdentities,
    resource_id,
)
from transforms.rules import USUAL

SERVER = FhirServer(base="https://server/fhir")


def resolved(*flags, servers=(), **rest):
    parsed, _ = parse(["run", *flags])
    return resolve_identities(parsed, servers, USUAL, **rest)


@pytest.fixture
def assignments(tmp_path):
    file = tmp_path / "assignments.csv"
    file.write_text(
        "device,patient,from,to\n"
        "cuff,ann,,2026-03-01T12:00:00Z\n"
        "cuff,bob,2026-03-01T12:00:00Z,\n"
    )
    return str(file)


def test_without_a_server_messages_say_whose_they_are():
    assert resolved("--device_identifier_system=urn:d") == Identifying(
        MessageIdentities("urn:d"), Identification(), "create"
    )


@pytest.mark.parametrize(
    ("mode", "how", "shells", "tag"),
    [
        ("create", "create", "linked", "create on a server"),
        ("lookup", "lookup", "none", "lookup"),
        ("lookup-encounter", "lookup-encounter", "none", "lookup-encounter"),
    ],
)
def test_the_first_server_knows_whose_they_are(mode, how, shells, tag):
    found = resolved(
        f"--identity={mode}",
        "--device_identifier_system=urn:d",
        "--identity_cache_s=7",
        servers=(SERVER, FhirServer(base="https://other/fhir")),
    )
    assert found == Identifying(
        ServerIdentities(SERVER, how, "urn:d", 7),
        Identification(by_server=True, shells=shells),
        tag,
    )


def test_a_table_says_whose_they_are(assignments):
    flags = ["--identity=assignments", f"--assignments={assignments}"]
    loaded = read_assignments(assignments, USUAL)
    for servers, others, by_server, tag in (
        ((), MessageIdentities(""), False, "assignments"),
        (
            (SERVER,),
            ServerIdentities(SERVER, "assigned", "", 300),
            True,
            "assignments on a server",
        ),
    ):
        assert resolved(*flags, servers=servers) == Identifying(
            AssignedIdentities(loaded, others),
            Identification(by_server, "unlinked"),
            tag,
        )


def test_nothing_is_made_on_a_server_for_a_preview():
    found = resolved(servers=(SERVER,), may_create=False)
    assert found == Identifying(MessageIdentities(""), Identification(), "create")
    found = resolved("--identity=lookup", servers=(SERVER,), may_create=False)
    assert found.identities == ServerIdentities(SERVER, "lookup", "", 300)


def test_mistakes_of_a_table_stop_the_launch(tmp_path):
    file = tmp_path / "a.csv"
    file.write_text("device,patient,from,to\nSECRET,a,,\nSECRET,b,,\n")
    with pytest.raises(UsageError) as refused:
        resolved("--identity=assignments", f"--assignments={file}")
    assert "a.csv:3: overlaps with line 2" in str(refused.value)
    assert "SECRET" not in str(refused.value)


MESSAGES = [
    {"device": "cuff", "time": f"2026-03-01T{hour}:00:00Z", "hr": value, **rest}
    for hour, value, rest in (
        ("15", 63, {}),
        ("09", 61, {}),
        ("11", 62, {"patient": "ann"}),
        ("13", 64, {"patient": "ann"}),
    )
]


@pytest.fixture
def job(tmp_path):
    """Mappings of a heart rate whose message may name a patient."""
    template = {
        "typeName": "hr",
        "typeMatchExpression": "$..[?(@hr)]",
        "deviceIdExpression": "$.matchedToken.device",
        "patientIdExpression": "$.matchedToken.patient",
        "timestampExpression": "$.matchedToken.time",
        "values": [{"valueName": "hr", "valueExpression": "$.matchedToken.hr"}],
    }
    whole = json.loads((ROOT / "benchmarks" / "fleet" / "fhir.json").read_text())
    fhir = whole["template"][0]["template"]
    fhir |= {"typeName": "hr", "value": {**fhir["value"], "valueName": "hr"}}
    for name, root, kind, body in (
        ("device", "CollectionContent", "CalculatedContent", template),
        ("fhir", "CollectionFhir", "CodeValueFhir", fhir),
    ):
        document = {
            "templateType": root,
            "template": [{"templateType": kind, "template": body}],
        }
        (tmp_path / f"{name}.json").write_text(json.dumps(document))
    lines = [json.dumps(message) for message in MESSAGES]
    (tmp_path / "messages.ndjson").write_text("\n".join(lines))
    return str(tmp_path)


ANN, BOB = resource_id("", "ann"), resource_id("", "bob")


def test_a_device_handed_over_at_noon(job, assignments, tmp_path):
    """The morning is Ann's, the afternoon Bob's, in whatever order they come."""
    out = tmp_path / "out"
    flags = [f"--out={out}", "--identity=assignments", f"--assignments={assignments}"]
    assert main(["run", *flags, job]) == 1
    found = sorted(
        (one["subject"]["reference"], one["valueQuantity"]["value"])
        for one in resources(out).values()
    )
    ann, bob = f"Patient/{ANN}", f"Patient/{BOB}"
    assert found == sorted([(ann, 61), (ann, 62), (bob, 63)])
    (letter,) = letters(out)
    assert (letter["error"], letter["message"]) == (
        "PatientDeviceMismatchException",
        "the message names another patient than the assignment of its device",
    )
    devices = resources(out, "Device").values()
    assert [device.get("patient") for device in devices] == [None]
    rows = table(out, "measurement").select(["patient_identifier", "value"])
    assert sorted(map(tuple, (row.values() for row in rows.to_pylist()))) == [
        ("ann", 61),
        ("ann", 62),
        ("bob", 63),
    ]


def test_a_preview_shows_it(job, assignments, capsys):
    flags = ["--identity=assignments", f"--assignments={assignments}"]
    assert main(["preview", "--format=jsonl", *flags, job]) == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    found = [line["resource"] for line in lines if line["kind"] == "resource"]
    observations = [r for r in found if r["resourceType"] == "Observation"]
    assert [one["subject"]["reference"] for one in observations] == [
        f"Patient/{who}" for who in (ANN, ANN, BOB)
    ]
