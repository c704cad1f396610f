"""Observations and whom they refer to, onto a FHIR server."""

import dataclasses
import json

import orjson
import pytest
from fhir_server import Fault, FhirStub, outcome
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.fhir_draft import Outgoing
from pipeline.fhir_errors import FhirUnavailableError
from pipeline.fhir_settings import FhirServer
from pipeline.fhir_writer import ServerWriter
from transforms.dead_letters import dead_letter
from transforms.identity import resource_id
from transforms.shells import device_shell, patient_shell

SERVICE = "https://azure.microsoft.com/en-us/services/iomt-fhir-connector/"


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch):
    monkeypatch.setattr("pipeline.fhir_client._jitter", lambda _state: 0.02)


def writer(stub, **rest):
    usual = {"retry_s": 10, "timeout_s": 5}
    return ServerWriter(FhirServer(base=stub.base, **{**usual, **rest}), "v1")


ANN, BOB, D = resource_id("", "ann"), resource_id("", "bob"), resource_id("", "d")


def observation(name, value=72, patient=ANN, device=D):
    return {
        "resourceType": "Observation",
        "id": name,
        "identifier": [{"system": SERVICE, "value": f"i.{name}"}],
        "status": "final",
        "code": {"text": "hr"},
        "subject": {"reference": f"Patient/{patient}"},
        "device": {"reference": f"Device/{device}"},
        "valueQuantity": {"value": value},
    }


def outgoing(name, *args, **rest):
    return Outgoing(name, orjson.dumps(observation(name, *args, **rest)))


PATIENT = {("Patient", ANN): orjson.dumps(patient_shell(ANN, "ann"))}
LINKED = {("Device", D): orjson.dumps(device_shell(D, "", "d", ANN))}
LOOSE = {("Device", D): orjson.dumps(device_shell(D, "", "d", None))}
SHELLS = {**PATIENT, **LINKED}


def counts_of(written):
    traffic = ("FhirRequest", "FhirRequestMs", "FhirRetry")
    return {k: n for k, n in written.counts.items() if n and k not in traffic}


def test_patients_and_devices_come_before_the_observations(stub):
    written = writer(stub).write([outgoing("a"), outgoing("b")], SHELLS)
    assert written.letters == []
    assert counts_of(written) == {
        "ServerObservationCreated": 2,
        "ServerPatientCreated": 1,
        "ServerDeviceCreated": 1,
        "FhirResourceSaved": 2,
    }
    assert stub.store.everything("Observation") == {
        name: observation(name) for name in "ab"
    }
    assert stub.store.everything("Patient") == {ANN: patient_shell(ANN, "ann")}
    assert stub.store.everything("Device") == {D: device_shell(D, "", "d", ANN)}
    # Patients read and made, devices read and made, observations written.
    assert written.counts["FhirRequest"] == len(stub.requests) == 5


def test_what_the_server_is_known_to_hold_is_not_sent(stub):
    one = writer(stub)
    one.write([outgoing("a"), outgoing("b")], SHELLS)
    sent = len(stub.requests)
    written = one.write([outgoing("a"), outgoing("b")], SHELLS)
    assert counts_of(written) == {"ServerObservationKnown": 2}
    assert len(stub.requests) == sent
    written = one.write([outgoing("a", 73), outgoing("b")], SHELLS)
    assert counts_of(written) == {
        "ServerObservationKnown": 1,
        "ServerObservationUpdated": 1,
        "FhirResourceSaved": 1,
    }
    assert stub.store.everything("Observation")["a"] == observation("a", 73)
    # What it held before the last is no longer there.
    written = one.write([outgoing("a", 72)], SHELLS)
    assert counts_of(written)["ServerObservationUpdated"] == 1


def test_what_one_writer_knows_the_others_of_the_process_know(stub):
    writer(stub).write([outgoing("a")], SHELLS)
    assert counts_of(writer(stub).write([outgoing("a")], SHELLS)) == {
        "ServerObservationKnown": 1
    }


def test_what_others_may_have_overwritten_is_sent_again(stub):
    """A correction of a correction brings back what we wrote; they wrote between."""
    one = writer(stub)
    first = outgoing("a")
    one.write([dataclasses.replace(first, version=b"1")], SHELLS)
    stub.store.put_by_hand(observation("a", 73))
    written = one.write([dataclasses.replace(first, version=b"3")], SHELLS)
    assert counts_of(written)["ServerObservationUpdated"] == 1
    assert stub.store.everything("Observation")["a"] == observation("a")


def test_what_failed_is_not_known(stub):
    one = writer(stub, retry_s=0)
    one.write([outgoing("a")], SHELLS)
    stub.faults.append(Fault(status=503))
    with pytest.raises(FhirUnavailableError):
        one.write([outgoing("a", 73)], SHELLS)
    assert counts_of(one.write([outgoing("a", 73)], SHELLS)) == {
        "ServerObservationUpdated": 1,
        "FhirResourceSaved": 1,
    }


def test_a_patient_who_is_there_keeps_what_others_know_of_them(stub):
    rich = {**patient_shell(ANN, "ann"), "name": [{"family": "Lee"}]}
    stub.store.put_by_hand(rich)
    written = writer(stub).write([outgoing("a")], SHELLS)
    assert stub.store.everything("Patient") == {ANN: rich}
    assert written.counts["ServerPatientCreated"] == 0


def refused_letter(body, status, codes="invariant", said="SECRET", type_name="hr"):
    from transforms.errors import FhirResourceRejectedError

    error = FhirResourceRejectedError(
        f"the FHIR server refuses the Observation ({status}: {codes})",
        "its own words stand in outcome: mend the FHIR mapping or the server, then run"
        " the messages again",
    )
    error.outcome = json.dumps(outcome(codes, said), separators=(",", ":"))
    source = f"Observation/{orjson.loads(body)['id']}"
    return dead_letter("WriteFhir", error, body, source, None, "v1", type_name)


@pytest.mark.parametrize("status", [400, 404, 413, 422])
@pytest.mark.parametrize("bundle_size", [1, 100])
def test_what_is_refused_is_a_letter_and_the_others_go_on(stub, status, bundle_size):
    stub.store.refuses = {"b": status}
    written = writer(stub, bundle_size=bundle_size).write(
        [outgoing("a"), outgoing("b"), outgoing("c")], SHELLS
    )
    assert written.letters == [refused_letter(outgoing("b").body, status)]
    assert stub.store.everything("Observation").keys() == {"a", "c"}
    assert "SECRET" not in written.letters[0].message


def test_a_refused_observation_is_tried_again_when_it_comes_again(stub):
    one = writer(stub)
    stub.store.refuses = {"a": 422}
    one.write([outgoing("a")], SHELLS)
    stub.store.refuses = {}
    assert one.write([outgoing("a")], SHELLS).letters == []
    assert stub.store.everything("Observation").keys() == {"a"}


def test_a_refused_patient_takes_the_observations_with_them(stub):
    stub.store.refuses = {ANN: 422}
    shells = {
        **SHELLS,
        ("Patient", BOB): orjson.dumps(patient_shell(BOB, "bob")),
        ("Device", "e"): orjson.dumps(device_shell("e", "", "e", BOB)),
    }
    written = writer(stub).write(
        [outgoing("a"), outgoing("b", patient=BOB, device="e")], shells
    )
    (letter,) = written.letters
    assert letter.message == "the FHIR server refuses the Patient (422: invariant)"
    assert (letter.source, letter.payload) == (
        "Observation/a",
        outgoing("a").body.decode(),
    )
    assert stub.store.everything("Observation").keys() == {"b"}


def test_a_device_of_somebody_else_is_never_written_to(stub):
    """A folder says Ann's, the server says Bob's."""
    for resource in (patient_shell(BOB, "bob"), device_shell(D, "", "d", BOB)):
        stub.store.put_by_hand(resource)
    written = writer(stub).write(
        [outgoing("a"), outgoing("b", patient=BOB)],
        {**SHELLS, ("Patient", BOB): orjson.dumps(patient_shell(BOB, "bob"))},
    )
    assert [(one.error, one.source) for one in written.letters] == [
        ("PatientDeviceMismatchException", "Observation/a")
    ]
    assert stub.store.everything("Observation").keys() == {"b"}
    assert stub.store.everything("Device")[D] == device_shell(D, "", "d", BOB)


def test_a_device_without_a_link_gets_the_one_that_comes_with_it(stub):
    loose = {**device_shell(D, "", "d", None), "serialNumber": "7"}
    stub.store.put_by_hand(loose)
    assert writer(stub).write([outgoing("a")], SHELLS).letters == []
    linked = {**loose, "patient": {"reference": f"Patient/{ANN}"}}
    assert stub.store.everything("Device") == {D: linked}


def test_a_device_that_changes_hands_makes_no_claim(stub):
    for resource in (patient_shell(BOB, "bob"), device_shell(D, "", "d", BOB)):
        stub.store.put_by_hand(resource)
    written = writer(stub).write([outgoing("a")], {**PATIENT, **LOOSE})
    assert written.letters == []
    assert stub.store.everything("Observation").keys() == {"a"}


def test_a_patient_who_was_deleted_meanwhile_is_made_again(stub):
    one = writer(stub)
    one.write([outgoing("a")], SHELLS)
    stub.store.do("DELETE", f"Patient/{ANN}", None, {})
    written = one.write([outgoing("b")], SHELLS)
    assert written.letters == []
    assert stub.store.everything("Patient") == {ANN: patient_shell(ANN, "ann")}
    assert stub.store.everything("Observation").keys() == {"a", "b"}


def test_what_is_on_the_server_already_needs_no_shell(stub):
    for resource in (patient_shell(ANN, "ann"), device_shell(D, "", "d", ANN)):
        stub.store.put_by_hand(resource)
    written = writer(stub).write([outgoing("a")], {})
    assert written.letters == []
    assert written.counts["FhirRequest"] == 1


def test_what_can_no_longer_be_made_is_removed(stub):
    one = writer(stub)
    one.write([outgoing("a"), outgoing("b")], SHELLS)
    written = one.write([], {}, [("a", "i.a"), ("never", "i.never")])
    assert written.letters == []
    assert stub.store.everything("Observation").keys() == {"b"}
    # Should it be made after all, it is not taken to be there.
    one.write([outgoing("a")], SHELLS)
    assert stub.store.everything("Observation").keys() == {"a", "b"}


def test_a_server_that_gives_its_own_ids(stub):
    stub.store.client_ids = False
    one = writer(stub, ids="server")
    one.write([outgoing("a"), outgoing("b", 61.50)], SHELLS)
    one.write([outgoing("a", 73)], SHELLS)
    (patient,) = stub.store.everything("Patient").values()
    (device,) = stub.store.everything("Device").values()
    assert patient == patient_shell(patient["id"], "ann")
    assert device == device_shell(device["id"], "", "d", patient["id"])
    found = stub.store.everything("Observation").values()
    expected = [
        observation(name, value, patient["id"], device["id"])
        for name, value in (("a", 73), ("b", 61.5))
    ]
    assert [{**one, "id": None} for one in found] == [
        {**one, "id": None} for one in expected
    ]
    one.write([], {}, [("a", "i.a")])
    (left,) = stub.store.everything("Observation").values()
    assert left["identifier"][0]["value"] == "i.b"


def test_what_has_no_identifier_is_found_by_none(stub):
    """Else it would be written over some other."""
    stub.store.put_by_hand({**observation("other"), "identifier": [{"value": ""}]})
    document = observation("a")
    del document["identifier"]
    foreign = Outgoing("a", orjson.dumps(document))
    written = writer(stub, ids="server").write([foreign, outgoing("b")], SHELLS)
    assert [(one.error, one.message) for one in written.letters] == [
        (
            "InvalidDataFormatException",
            "the Observation has no identifier to find it by",
        )
    ]
    assert len(stub.store.everything("Observation")) == 2


def test_two_observations_of_one_identifier_are_a_letter(stub):
    stub.store.client_ids = False
    for number in (1, 2):
        stub.store.put_by_hand({**observation("a"), "id": f"x{number}"})
    written = writer(stub, ids="server").write([outgoing("a")], SHELLS)
    assert [one.error for one in written.letters] == ["MultipleResourceFoundException"]


def test_another_writer_of_the_same_observation_ends_in_one(stub):
    """409 while both create it: whoever comes last has written the same."""
    races = iter([409, 409])

    def other_writer(_method, url):
        stub.store.refuses = {}
        if url == "Observation/a" and (status := next(races, None)):
            stub.store.refuses = {"a": status}

    stub.before_entry = other_writer
    written = writer(stub).write([outgoing("a"), outgoing("b")], SHELLS)
    assert written.letters == []
    assert written.counts["FhirRetry"] == 2
    assert stub.store.everything("Observation").keys() == {"a", "b"}


faults = st.sampled_from(
    [
        None,
        None,
        Fault(status=503, retry_after="0"),
        Fault(status=500, after=True),
        Fault(reset=True),
        Fault(reset=True, after=True),
        Fault(cut=True),
        Fault(body=b"<html>"),
        Fault(entries=500),
        Fault(entries=429),
    ]
)


@settings(max_examples=40)
@given(
    st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 3)), max_size=12),
    st.lists(faults, max_size=12),
    st.sampled_from([1, 2, 100]),
    st.sampled_from(["client", "server"]),
)
def test_whatever_goes_wrong_the_last_version_stands_once(
    writes, wrong, bundle_size, ids
):
    stub = FhirStub()
    try:
        one = writer(stub, bundle_size=bundle_size, ids=ids)
        stub.faults.extend(wrong)
        for name, value in writes:
            written = one.write([outgoing(name, value)], SHELLS)
            assert written.letters == []
        found = sorted(
            (each["identifier"][0]["value"], each["valueQuantity"]["value"])
            for each in stub.store.everything("Observation").values()
        )
        assert found == sorted((f"i.{name}", v) for name, v in dict(writes).items())
        assert len(stub.store.everything("Patient")) == (1 if writes else 0)
    finally:
        stub.close()
