"""A folder of resources, written earlier, into a FHIR server."""

import json
import shutil

import orjson
import pytest
from fhir_server import Fault
from runs import VITAL_MONITOR, files, letters, resources

from pipeline import fhir_shells, fhir_writer
from pipeline.__main__ import main
from pipeline.fhir_errors import FhirUnavailableError
from pipeline.fhir_settings import FhirServer
from pipeline.push import push, resources_in
from pipeline.upsert_files import Folder

KINDS = ("Patient", "Device", "Observation")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("written")
    assert main(["run", f"--out={folder}", str(VITAL_MONITOR)]) == 0
    return folder


@pytest.fixture
def out(written, tmp_path):
    """A copy of what a run has written."""
    shutil.copytree(written, tmp_path / "out")
    return tmp_path / "out"


@pytest.fixture(autouse=True)
def another_process(monkeypatch):
    """Pushes that know nothing of each other but what they have noted."""

    def forget():
        for module in (fhir_shells, fhir_writer):
            module._memory_of.cache_clear()

    forget()
    monkeypatch.setattr("pipeline.fhir_client._jitter", lambda _state: 0.01)
    return forget


def everything(stub):
    return {kind: stub.store.everything(kind) for kind in KINDS}


def pushed(stub, folder, **rest):
    usual = {"retry_s": 0, "timeout_s": 5, "bundle_size": 2, "connections": 1}
    server = FhirServer(base=stub.base, **{**usual, **rest})
    place = Folder(str(folder))
    return push(resources_in(place), server, place / "dead_letters")


def test_a_server_holds_what_the_folder_holds(stub, out):
    counts = pushed(stub, out)
    assert everything(stub) == {kind: resources(out, kind) for kind in KINDS}
    names = [name for name in files(out / "fhir") if name.endswith(".ndjson")]
    assert counts["FilePushed"] == len(names)
    assert counts["ServerObservationCreated"] == len(resources(out))


def test_what_has_been_pushed_is_not_sent_again(stub, out, another_process):
    pushed(stub, out)
    another_process()
    before = len(stub.requests)
    counts = pushed(stub, out)
    assert len(stub.requests) == before
    assert counts["FilePushed"] == 0


def test_what_has_changed_since_is_sent(stub, out, another_process):
    pushed(stub, out)
    another_process()
    (file, *_) = sorted((out / "fhir" / "Observation").rglob("*.ndjson"))
    lines = file.read_bytes().splitlines()
    changed = orjson.loads(lines[0])
    changed["issued"] = "2026-03-02T00:00:00Z"
    file.write_bytes(b"\n".join([orjson.dumps(changed), *lines[1:]]) + b"\n")
    counts = pushed(stub, out)
    assert counts["FilePushed"] == 1
    assert everything(stub) == {kind: resources(out, kind) for kind in KINDS}


def test_again_sends_it_all(stub, out, another_process, capsys):
    pushed(stub, out)
    another_process()
    stub.store.versions.clear()
    assert main(["push", f"--fhir={stub.base}", "--again", str(out / "fhir")]) == 0
    assert everything(stub) == {kind: resources(out, kind) for kind in KINDS}


@pytest.mark.parametrize("number", range(0, 10, 2))
def test_a_push_goes_on_where_it_was(stub, out, another_process, number):
    """Whatever request fails, nothing is lost, and files that are done are done."""
    stub.faults.extend([None] * number + [Fault(status=503)])
    with pytest.raises(FhirUnavailableError):
        pushed(stub, out)
    another_process()
    counts = pushed(stub, out)
    assert everything(stub) == {kind: resources(out, kind) for kind in KINDS}
    assert counts["FilePushed"] + counts["FileKnown"] == sum(
        name.endswith(".ndjson") for name in files(out / "fhir")
    )
    assert all(len(each) == 1 for each in stub.store.versions.values())


def test_another_server_knows_nothing_of_it(stub, out, another_process):
    pushed(stub, out)
    another_process()
    stub.store.versions.clear()
    pushed(stub, out, ids="server")
    assert len(stub.store.everything("Observation")) == len(resources(out))


def test_a_file_with_a_refusal_is_tried_again(stub, out, another_process):
    name, *_ = resources(out)
    stub.store.refuses = {name: 422}
    assert main(["push", f"--fhir={stub.base}", str(out)]) == 1
    (letter,) = letters(out)
    assert (letter["source"], letter["error"]) == (
        f"Observation/{name}",
        "FhirResourceRejected",
    )
    assert json.loads(letter["payload"]) == resources(out)[name]
    stub.store.refuses = {}
    another_process()
    counts = pushed(stub, out)
    assert counts["FilePushed"] == 1
    assert everything(stub) == {kind: resources(out, kind) for kind in KINDS}


BAD_LINES = [
    b"no JSON",
    b"[]",
    b"{}",
    b'{"resourceType":"Observation"}',
    b'{"resourceType":"Observation","id":7}',
    b'{"resourceType":"Patient","id":"p"}',
    b'"\xff"',
]


def test_damaged_lines_are_letters_and_the_others_go_on(stub, tmp_path):
    folder = tmp_path / "Observation"
    folder.mkdir()
    good = {"resourceType": "Observation", "id": "good", "status": "final"}
    lines = [*BAD_LINES, b"", orjson.dumps(good)]
    (folder / "x.ndjson").write_bytes(b"\n".join(lines))
    counts = pushed(stub, tmp_path)
    assert stub.store.everything("Observation") == {"good": good}
    found = letters(tmp_path)
    assert [(ltr["error"], ltr["message"], ltr["source"]) for ltr in found] == [
        (
            "InvalidDataFormatException",
            "the line is no Observation with an id",
            f"Observation/x.ndjson:{number}",
        )
        for number in range(1, len(BAD_LINES) + 1)
    ]
    assert found[0]["payload"] == "no JSON"
    assert counts["DeadLetter/InvalidDataFormatException"] == len(BAD_LINES)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["--fhir=folder", "{out}"],
            "--fhir=folder: push loads into a server, as https://server/fhir",
        ),
        (
            ["--fhir=http://127.0.0.1:9/fhir", "{empty}"],
            "{empty} holds no FHIR resources: name what --out of a run named",
        ),
        (
            ["--fhir=http://127.0.0.1:9/fhir", "{empty}/none"],
            "{empty}/none holds no FHIR resources: name what --out of a run named",
        ),
        (
            ["--fhir=http://127.0.0.1:9/fhir", "--fhir_merge", "{out}"],
            "--fhir_merge is for run: a folder does not hold what merging needs",
        ),
        (
            ["--fhir=http://127.0.0.1:9/fhir", "--fhir_retry_s=0", "{out}"],
            "http://127.0.0.1:9/fhir gives no proper answer (no connection), tried"
            " once: nothing is lost, try again when it does",
        ),
    ],
)
def test_wrong_use_is_one_sentence(out, tmp_path, capsys, arguments, sentence):
    (tmp_path / "empty").mkdir()
    names = {"out": out, "empty": tmp_path / "empty"}
    assert main(["push", *(one.format(**names) for one in arguments)]) == 2
    assert capsys.readouterr().err == f"vitalbeam: {sentence.format(**names)}\n"
