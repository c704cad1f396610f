"""Batches of Observations, and whole runs, to a FHIR server."""

import json
import re

import apache_beam as beam
import orjson
import pytest
from apache_beam.metrics.metric import MetricsFilter
from apache_beam.testing.util import assert_that, equal_to
from apache_beam.transforms.window import FixedWindows, TimestampedValue
from fhir_server import Fault
from runs import VITAL_MONITOR, files, letters, resources

from pipeline.__main__ import entry, main
from pipeline.fhir_settings import FhirServer
from pipeline.write_fhir_server import WriteFhirServer
from transforms import batch_coder  # noqa: F401 - as the main job does
from transforms.fhir_mapping import FhirMapping
from transforms.model import ObservationBatch, Slot
from transforms.schema import OBSERVATION
from transforms.shells import device_shell, patient_shell

HOUR = 3_600_000_000
MAPPING = FhirMapping.from_json('{"templateType": "CollectionFhir", "template": []}')


def observation(name, value="1"):
    return {
        "resourceType": "Observation",
        "id": name,
        "status": "final",
        "code": {"text": "t"},
        "subject": {"reference": "Patient/p"},
        "device": {"reference": "Device/d"},
        "valueString": value,
    }


SHELLS = {
    ("Patient", "p"): orjson.dumps(patient_shell("p", "ann")),
    ("Device", "d"): orjson.dumps(device_shell("d", "", "d", "p")),
}


def batch(hour, observations, *withdrawn):
    return ObservationBatch(
        Slot(hour * HOUR, 60),
        0,
        list(observations),
        [orjson.dumps(observation(*one)) for one in observations.items()],
        OBSERVATION.empty_table(),
        SHELLS,
        removed=tuple(name for name, _ in withdrawn),
        withdrawn=withdrawn,
    )


def written(stub, *batches, refused=()):
    """Runs the stage over batches in their slots; returns its counters."""
    root = beam.Pipeline(runner="FnApiRunner")
    server = FhirServer(base=stub.base, retry_s=5, timeout_s=5)
    lost = (
        root
        | beam.Create(batches, reshuffle=False)
        | beam.Map(lambda one: TimestampedValue(one, one.slot.start // 1_000_000))
        | beam.WindowInto(FixedWindows(3600))
        | WriteFhirServer(server, MAPPING, "v")
        | beam.FlatMap(lambda letters: [(ltr.source, ltr.error) for ltr in letters[0]])
    )
    assert_that(lost, equal_to(list(refused)))
    result = root.run()
    result.wait_until_finish()
    found = result.metrics().query(MetricsFilter().with_namespace("WriteFhir"))
    return {
        counter.key.metric.name: counter.committed
        for counter in found["counters"]
        if counter.committed and "Fhir" not in counter.key.metric.name
    }


def test_batches_of_many_slots_share_bundles(stub):
    batches = [batch(hour, {f"o{hour}": "1"}) for hour in range(30)]
    assert written(stub, *batches) == {
        "ServerObservationCreated": 30,
        "ServerPatientCreated": 1,
        "ServerDeviceCreated": 1,
    }
    assert stub.store.everything("Observation") == {
        f"o{hour}": observation(f"o{hour}") for hour in range(30)
    }
    assert len(stub.requests) == 5


def test_of_one_observation_what_came_last_is_written(stub):
    written(stub, batch(0, {"a": "1", "b": "1"}), batch(0, {"a": "2"}))
    assert stub.store.everything("Observation") == {
        "a": observation("a", "2"),
        "b": observation("b"),
    }


def test_what_is_withdrawn_is_removed_and_what_comes_back_is_there(stub):
    written(
        stub,
        batch(0, {"a": "1", "b": "1", "c": "1"}),
        batch(0, {}, ("a", "i.a"), ("c", "i.c")),
        batch(0, {"c": "2"}),
    )
    assert stub.store.everything("Observation").keys() == {"b", "c"}
    assert written(stub, batch(0, {}, ("b", "i.b"))) == {"ServerObservationRemoved": 1}
    assert stub.store.everything("Observation").keys() == {"c"}


def test_what_moves_to_another_date_stays(stub):
    """It is removed from the files of a date, and stands in those of another."""
    moved = batch(24, {})._replace(removed=("a",))
    written(stub, batch(0, {"a": "1"}), moved)
    assert stub.store.everything("Observation").keys() == {"a"}


def test_what_is_refused_leaves_as_a_letter(stub):
    stub.store.refuses = {"b": 422}
    written(
        stub,
        batch(0, {"a": "1", "b": "1"}),
        batch(1, {"c": "1"}),
        refused=[("Observation/b", "FhirResourceRejected")],
    )
    assert stub.store.everything("Observation").keys() == {"a", "c"}


def test_a_run_leaves_on_a_server_what_it_leaves_in_files(stub, tmp_path, capsys):
    out = tmp_path / "out"
    servers = [f"--fhir={stub.base}", f"--fhir={out}/fhir"]
    assert main(["run", f"--out={out}", *servers, str(VITAL_MONITOR)]) == 0
    for kind in ("Patient", "Device", "Observation"):
        assert stub.store.everything(kind) == resources(out, kind)
    said = capsys.readouterr().out
    assert f"FHIR server         {stub.base}\n" in said
    assert re.search(r"^on the server: Observations created +8$", said, re.MULTILINE)
    main(["run", f"--out={tmp_path}/again", f"--fhir={tmp_path}/f", str(VITAL_MONITOR)])
    assert files(tmp_path / "f") == files(out / "fhir")


def test_a_refused_observation_does_not_stop_a_run(stub, tmp_path):
    out = tmp_path / "out"
    main(["run", f"--out={tmp_path}/files", str(VITAL_MONITOR)])
    name, *others = resources(tmp_path / "files")
    stub.store.refuses = {name: 422}
    assert main(["run", f"--out={out}", f"--fhir={stub.base}", str(VITAL_MONITOR)]) == 1
    (letter,) = letters(out)
    assert (letter["stage"], letter["error"], letter["source"]) == (
        "WriteFhir",
        "FhirResourceRejected",
        f"Observation/{name}",
    )
    assert json.loads(letter["payload"]) == resources(tmp_path / "files")[name]
    assert json.loads(letter["outcome"])["resourceType"] == "OperationOutcome"
    assert letter["type"] == resources(tmp_path / "files")[name]["code"]["text"]
    assert letter["template"].startswith(str(VITAL_MONITOR / "fhir.json"))
    assert stub.store.everything("Observation").keys() == set(others)
    # The server is mended, the messages are run again.
    stub.store.refuses = {}
    assert main(["run", f"--out={out}", f"--fhir={stub.base}", str(VITAL_MONITOR)]) == 0
    assert stub.store.everything("Observation") == resources(tmp_path / "files")


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (
            Fault(status=503),
            "gives no proper answer (status 503), tried once: nothing is lost, try"
            " again when it does",
        ),
        (Fault(status=401), "refuses us (401): say who you are with --fhir_auth"),
    ],
)
def test_a_server_that_fails_ends_a_run_with_a_sentence(
    stub, tmp_path, monkeypatch, capfd, fault, said
):
    stub.faults.extend([None, fault])  # the first one asks who it is
    arguments = [f"--out={tmp_path}", f"--fhir={stub.base}", "--fhir_retry_s=0"]
    command = ["vitalbeam", "run", *arguments, str(VITAL_MONITOR)]
    monkeypatch.setattr("sys.argv", command)
    assert entry() == 3
    assert capfd.readouterr().err == f"vitalbeam: {stub.base} {said}\n"
    assert main(command[1:]) == 0


def test_a_store_keeps_its_way_of_identifying(stub, tmp_path, capsys):
    """On a server a patient may have another id: two ways would double readings."""
    main(["run", f"--out={tmp_path}", f"--fhir={stub.base}", str(VITAL_MONITOR)])
    capsys.readouterr()
    assert main(["run", f"--out={tmp_path}", str(VITAL_MONITOR)]) == 2
    assert capsys.readouterr().err == (
        f"vitalbeam: {tmp_path} was written with identities by [create on a server],"
        " this run has [create], under which ids of patients and encounters may differ:"
        " run as before, or choose another --out and run the messages again; vitalbeam"
        " push loads what has been written to a server\n"
    )


@pytest.mark.parametrize("number", [1, 3, 5])
def test_a_runner_that_repeats_bundles_loses_nothing(stub, tmp_path, number):
    """We give up at once here; this runner tries a bundle four times."""
    stub.faults.extend([None] * number + [Fault(status=503, after=True)] * 2)
    out = tmp_path / "out"
    runner = ["--runner=BundleBasedDirectRunner", "--fhir_retry_s=0"]
    servers = [f"--fhir={stub.base}", f"--fhir={out}/fhir"]
    assert main(["run", f"--out={out}", *servers, *runner, str(VITAL_MONITOR)]) == 0
    assert not stub.faults
    for kind in ("Patient", "Device", "Observation"):
        assert stub.store.everything(kind) == resources(out, kind)
        versions = [v for (k, _), v in stub.store.versions.items() if k == kind]
        assert all(len(each) == 1 for each in versions)
