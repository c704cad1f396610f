"""Whom measurements belong to, by what a FHIR server holds."""

import dataclasses
import threading
import time

import pytest
from fhir_server import FhirStub
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.fhir_errors import FhirRefusedError
from pipeline.fhir_identities import ServerIdentities
from pipeline.fhir_settings import FhirServer
from transforms.assignments import Assignment, Assignments
from transforms.errors import (
    FhirResourceNotFoundError,
    FhirResourceRejectedError,
    MultipleResourceFoundError,
    PatientDeviceMismatchError,
    RecordError,
    ResourceIdentityNotDefinedError,
)
from transforms.identity import AssignedIdentities, resource_id
from transforms.instants import END_OF_INSTANTS
from transforms.model import Identity, Measurement

SYSTEM = "urn:devices"


def measurement(device="d", patient="ann", encounter=None, at=0):
    return Measurement(
        type="hr",
        occurred_at=at,
        ended_at=None,
        utc_offset_minutes=0,
        ingested_at=None,
        device=device,
        patient=patient,
        encounter=encounter,
        correlation=None,
        values=(("hr", "72"),),
        source="m:1",
    )


def identities(stub, mode="create", system="", remember_s=300, **settings):
    usual = {"retry_s": 10, "timeout_s": 5}
    server = FhirServer(base=stub.base, **{**usual, **settings})
    return ServerIdentities(server, mode, system, remember_s)


def patient(name, *values):
    identifiers = [{"value": value} for value in values]
    return {"resourceType": "Patient", "id": name, "identifier": identifiers}


def device(name, value, owner=None, system=None):
    identifier = {"system": system, "value": value} if system else {"value": value}
    link = {"patient": {"reference": owner}} if owner else {}
    return {"resourceType": "Device", "id": name, "identifier": [identifier], **link}


def encounter(name, value):
    return {"resourceType": "Encounter", "id": name, "identifier": [{"value": value}]}


def holds(stub, *resources):
    for resource in resources:
        stub.store.put_by_hand(resource)


ANN, BOB, D = resource_id("", "ann"), resource_id("", "bob"), resource_id("", "d")


def shown(found):
    """Identities, and of errors their kind: each has one text."""
    return [type(one) if isinstance(one, RecordError) else one for one in found]


def test_what_is_missing_is_made_under_deterministic_ids(stub):
    found = identities(stub, system=SYSTEM).resolve([measurement(), measurement()])
    name = resource_id(SYSTEM, "d")
    assert found == [Identity(ANN, name, None)] * 2
    assert stub.store.everything("Patient") == {ANN: patient(ANN, "ann")}
    assert stub.store.everything("Device") == {
        name: device(name, "d", f"Patient/{ANN}", SYSTEM)
    }


def test_what_is_there_is_found_by_identifier_and_left_as_it_is(stub):
    rich = {**patient("p-17", "ann", "insurance-4"), "name": [{"family": "Lee"}]}
    worn = device("dev-3", "d", "Patient/p-17")
    holds(stub, rich, worn)
    assert identities(stub).resolve([measurement()]) == [
        Identity("p-17", "dev-3", None)
    ]
    assert stub.store.everything("Patient") == {"p-17": rich}
    assert stub.store.everything("Device") == {"dev-3": worn}


def test_a_resource_of_our_id_with_another_identifier_is_not_overwritten(stub):
    renamed = {**patient(ANN, "ann-2"), "active": True}
    holds(stub, renamed)
    assert identities(stub).resolve([measurement()]) == [Identity(ANN, D, None)]
    assert stub.store.everything("Patient") == {ANN: renamed}


def test_a_device_without_a_link_gets_one_and_keeps_the_rest(stub):
    loose = {**device("dev-3", "d"), "serialNumber": "7"}
    holds(stub, loose)
    assert identities(stub).resolve([measurement()]) == [Identity(ANN, "dev-3", None)]
    assert stub.store.everything("Device") == {
        "dev-3": {**loose, "patient": {"reference": f"Patient/{ANN}"}}
    }


def test_a_device_belongs_to_one_patient(stub):
    """A reading of another is never written silently."""
    holds(stub, patient("p-1", "ann"), patient("p-2", "bob"))
    holds(stub, device("dev-3", "d", "Patient/p-1"))
    before = stub.store.writes
    found = identities(stub).resolve([measurement(), measurement(patient="bob")])
    assert shown(found) == [Identity("p-1", "dev-3", None), PatientDeviceMismatchError]
    assert found[1].message == (
        "the measurement names a patient to whom its Device on the FHIR server is not"
        " linked"
    )
    assert stub.store.writes == before


@pytest.mark.parametrize("mode", ["create", "lookup", "lookup-encounter"])
def test_no_mode_files_a_reading_under_a_patient_it_does_not_name(stub, mode):
    holds(stub, patient("p-1", "ann"), patient("p-2", "bob"), encounter("e-1", "v"))
    holds(stub, device("dev-3", "d", "Patient/p-1"))
    found = identities(stub, mode).resolve(
        [
            measurement(patient="bob", encounter="v"),
            measurement(patient="unheard of", encounter="v"),
            measurement(encounter="v"),
        ]
    )
    assert shown(found) == [
        PatientDeviceMismatchError,
        PatientDeviceMismatchError,
        Identity("p-1", "dev-3", "e-1"),
    ]


def test_of_two_patients_of_a_new_device_the_first_one_has_it(stub):
    found = identities(stub).resolve(
        [measurement(), measurement(patient="bob"), measurement()]
    )
    assert shown(found) == [
        Identity(ANN, D, None),
        PatientDeviceMismatchError,
        Identity(ANN, D, None),
    ]
    assert stub.store.everything("Device") == {D: device(D, "d", f"Patient/{ANN}")}


def test_a_message_without_a_patient_is_nobodys_where_messages_say_whose_they_are(
    stub,
):
    """The link may have come with another message: the answer would depend on it."""
    holds(stub, device("dev-3", "d", "Patient/p-1"), patient("p-1", "ann"))
    found = identities(stub).resolve(
        [measurement(), measurement(patient=None), measurement("new", patient=" ")]
    )
    assert shown(found) == [
        Identity("p-1", "dev-3", None),
        ResourceIdentityNotDefinedError,
        ResourceIdentityNotDefinedError,
    ]


@pytest.mark.parametrize("mode", ["lookup", "lookup-encounter"])
def test_lookup_makes_nothing(stub, mode):
    holds(stub, device("dev-4", "loose"), encounter("e-1", "v"))
    before = stub.store.writes
    found = identities(stub, mode).resolve(
        [measurement(encounter="v"), measurement("loose", encounter="v")]
    )
    assert shown(found) == [FhirResourceNotFoundError, FhirResourceNotFoundError]
    assert [one.message for one in found] == [
        "the Device of the measurement is not on the FHIR server",
        "the Device of the measurement is linked to no Patient on the FHIR server",
    ]
    assert stub.store.writes == before


def test_lookup_takes_the_patient_of_the_device(stub):
    holds(stub, patient("p-1", "ann"), device("dev-3", "d", "Patient/p-1"))
    found = identities(stub, "lookup").resolve(
        [measurement(patient=None), measurement()]
    )
    assert found == [Identity("p-1", "dev-3", None)] * 2


@pytest.mark.parametrize(
    ("mode", "named", "expected"),
    [
        ("create", "v", "e-1"),
        ("create", None, None),
        ("create", " ", None),
        ("create", "w", FhirResourceNotFoundError),
        ("lookup", "v", "e-1"),
        ("lookup", None, None),
        ("lookup", "w", FhirResourceNotFoundError),
        ("lookup-encounter", "v", "e-1"),
        ("lookup-encounter", None, ResourceIdentityNotDefinedError),
        ("lookup-encounter", "w", FhirResourceNotFoundError),
    ],
)
def test_encounters_are_found_and_never_made(stub, mode, named, expected):
    holds(stub, patient("p-1", "ann"), device("dev-3", "d", "Patient/p-1"))
    holds(stub, encounter("e-1", "v"))
    found = identities(stub, mode).resolve([measurement(encounter=named)])
    if expected is None or isinstance(expected, str):
        expected = Identity("p-1", "dev-3", expected)
    assert shown(found) == [expected]
    assert stub.store.everything("Encounter") == {"e-1": encounter("e-1", "v")}


def test_nothing_is_made_for_a_reading_of_an_unknown_encounter(stub):
    identities(stub).resolve([measurement(encounter="w")])
    assert stub.store.versions == {}


@pytest.mark.parametrize(
    "twice",
    [
        [device("a", "d"), device("b", "d")],
        [patient("a", "ann"), patient("b", "ann")],
        [encounter("a", "v"), encounter("b", "v")],
    ],
    ids=["Device", "Patient", "Encounter"],
)
def test_several_hits_are_ambiguous(stub, twice):
    holds(stub, *twice)
    (found,) = identities(stub).resolve([measurement(encounter="v")])
    kind = twice[0]["resourceType"]
    if kind != "Encounter":
        holds(stub, encounter("e", "v"))
        (found,) = identities(stub).resolve([measurement(encounter="v")])
    assert type(found) is MultipleResourceFoundError
    assert found.message == (
        f"several resources of the FHIR server have the identifier of the {kind}"
    )


def test_an_identifier_that_two_patients_share_may_be_that_of_the_right_one(stub):
    holds(stub, patient("p-1", "ann"), patient("p-2", "ann"))
    holds(stub, device("dev-3", "d", "Patient/p-2"))
    assert identities(stub).resolve([measurement()]) == [Identity("p-2", "dev-3", None)]


def test_the_system_tells_devices_apart(stub):
    holds(stub, device("a", "d", "Patient/p-1", "urn:other"))
    holds(stub, device("b", "d", "Patient/p-1", SYSTEM), patient("p-1", "ann"))
    assert identities(stub, system=SYSTEM).resolve([measurement()]) == [
        Identity("p-1", "b", None)
    ]


@pytest.mark.parametrize(
    ("reference", "owner"),
    [
        ("Patient/p-1", "p-1"),
        ("{base}/Patient/p-1", "p-1"),
        ("Patient/p-1/_history/3", "p-1"),
        ("https://other/fhir/Patient/p-1", None),
        ("Group/p-1", None),
        ("Patient?identifier=ann", None),
        ("#p-1", None),
    ],
)
def test_a_link_is_a_reference_to_a_patient_of_the_server(stub, reference, owner):
    linked = device("dev-3", "d", reference.format(base=stub.base))
    holds(stub, linked, patient("p-1", "ann"))
    found = identities(stub).resolve([measurement()])
    expected = PatientDeviceMismatchError
    if owner is not None:
        expected = Identity(owner, "dev-3", None)
    assert shown(found) == [expected]
    assert stub.store.everything("Device") == {"dev-3": linked}


@pytest.mark.parametrize("bundle_size", [1, 100])
def test_an_identifier_that_the_server_will_not_look_for_stops_nobody_else(
    stub, bundle_size
):
    stub.store.refuses = {"odd": 400}
    many = [measurement(), measurement("odd"), measurement("e", patient="odd")]
    found = identities(stub, bundle_size=bundle_size).resolve(many)
    assert shown(found) == [
        Identity(ANN, D, None),
        FhirResourceRejectedError,
        FhirResourceRejectedError,
    ]
    assert found[1].message == (
        "the FHIR server refuses the search for the identifier of the Device (400:"
        " invalid)"
    )


def test_a_server_without_search_is_no_place_to_look(stub):
    stub.store.refuses = {"d": 405}
    with pytest.raises(FhirRefusedError) as caught:
        identities(stub).resolve([measurement()])
    assert str(caught.value) == (
        f"{stub.base} does not search Device by identifier (405): nobody can be looked"
        " up there"
    )


def test_what_is_refused_is_told_with_the_servers_own_words(stub):
    stub.store.refuses = {ANN: 422}
    found = identities(stub).resolve([measurement(), measurement("e", patient="bob")])
    assert shown(found) == [
        FhirResourceRejectedError,
        Identity(BOB, resource_id("", "e"), None),
    ]
    assert found[0].message == "the FHIR server refuses the Patient (422: invariant)"
    assert "SECRET" in found[0].outcome


def test_an_identity_is_asked_for_once_and_forgotten_in_time(stub):
    known = identities(stub, remember_s=0.3)
    known.resolve([measurement()])
    asked = len(stub.requests)
    known.resolve([measurement()])
    assert len(stub.requests) == asked
    # Somebody gives the device to somebody else.
    holds(stub, device(D, "d", f"Patient/{BOB}"), patient(BOB, "bob"))
    time.sleep(0.35)
    found = known.resolve([measurement(), measurement(patient="bob")])
    assert shown(found) == [PatientDeviceMismatchError, Identity(BOB, D, None)]


def test_what_is_remembered_is_keyed_by_all_that_decides(stub):
    holds(stub, encounter("e-1", "v"), encounter("e-2", "w"))
    known = identities(stub)
    found = [
        known.resolve([one])[0]
        for one in (
            measurement(encounter="v"),
            measurement(encounter="w"),
            measurement(),
            measurement(patient="bob"),
        )
    ]
    assert shown(found) == [
        Identity(ANN, D, "e-1"),
        Identity(ANN, D, "e-2"),
        Identity(ANN, D, None),
        PatientDeviceMismatchError,
    ]


def test_errors_are_not_remembered(stub):
    known = identities(stub, "lookup")
    assert shown(known.resolve([measurement()])) == [FhirResourceNotFoundError]
    holds(stub, device("dev-3", "d", "Patient/p-1"), patient("p-1", "ann"))
    assert known.resolve([measurement()]) == [Identity("p-1", "dev-3", None)]


def test_a_thousand_devices_take_a_few_requests(stub):
    many = [measurement(f"d{n}", f"p{n}") for n in range(1000)]
    found = identities(stub).resolve(many)
    assert found == [
        Identity(resource_id("", f"p{n}"), resource_id("", f"d{n}"), None)
        for n in range(1000)
    ]
    # 20 searches for both, and for either 10 reads and 10 writes.
    assert len(stub.requests) == 60


def at_once(count, work):
    """Runs work in threads that begin together; returns what each found."""
    found = [None] * count
    barrier = threading.Barrier(count)

    def run(number):
        barrier.wait()
        found[number] = work(number)

    threads = [threading.Thread(target=run, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def workers(stub, count, **settings):
    """Identities that share nothing, as in several processes."""
    base = identities(stub, **settings)
    return [
        dataclasses.replace(
            base, server=dataclasses.replace(base.server, timeout_s=5 + number)
        )
        for number in range(count)
    ]


@pytest.mark.parametrize("ids", ["client", "server"])
def test_workers_at_once_make_nothing_twice(stub, ids):
    each = workers(stub, 8, ids=ids)
    found = at_once(8, lambda n: each[n].resolve([measurement()])[0])
    assert len(set(found)) == 1
    assert len(stub.store.everything("Patient")) == 1
    assert len(stub.store.everything("Device")) == 1


@pytest.mark.parametrize("looks", [True, False])
def test_a_device_that_two_workers_make_at_once_is_the_firsts(stub, looks):
    """Between our look and our PUT another worker makes the Device for another."""
    stub.store.looks_at_if_none_match = looks
    others = device(D, "d", f"Patient/{BOB}")

    def other_worker(method, url):
        if method == "PUT" and url == f"Device/{D}":
            stub.before_entry = lambda *_: None
            holds(stub, patient(BOB, "bob"), others)

    stub.before_entry = other_worker
    found = identities(stub).resolve([measurement()])
    assert shown(found) == [PatientDeviceMismatchError]
    assert stub.store.everything("Device") == {D: others}


def test_a_link_that_another_worker_was_faster_to_set_stands(stub):
    loose = device("dev-3", "d")
    holds(stub, loose)

    def other_worker(method, url):
        if method == "PUT" and url == "Device/dev-3":
            stub.before_entry = lambda *_: None
            holds(stub, patient(BOB, "bob"), device("dev-3", "d", f"Patient/{BOB}"))

    stub.before_entry = other_worker
    assert shown(identities(stub).resolve([measurement()])) == [
        PatientDeviceMismatchError
    ]


def test_a_server_that_gives_its_own_ids(stub):
    stub.store.client_ids = False
    known = identities(stub, system=SYSTEM, ids="server")
    (found,) = known.resolve([measurement()])
    assert stub.store.everything("Patient") == {
        found.patient_id: patient(found.patient_id, "ann")
    }
    assert stub.store.everything("Device") == {
        found.device_id: device(
            found.device_id, "d", f"Patient/{found.patient_id}", SYSTEM
        )
    }
    assert found.patient_id != ANN
    again = identities(stub, system=SYSTEM, ids="server", remember_s=1)
    assert again.resolve([measurement()]) == [found]


NOON = 12 * 3_600_000_000
HANDED_OVER = Assignments.of(
    [
        Assignment("d", "ann", 0, NOON, 1),
        Assignment("d", "bob", NOON, END_OF_INSTANTS, 2),
    ]
)


@pytest.mark.parametrize("linked", [None, "Patient/somebody"])
def test_assignments_file_the_morning_with_one_and_the_afternoon_with_another(
    stub, linked
):
    """By the time of the reading, whatever the link of the Device says now."""
    if linked:
        holds(stub, device(D, "d", linked))
    known = AssignedIdentities(HANDED_OVER, identities(stub, "assigned"))
    found = known.resolve(
        [
            measurement(patient=None, at=NOON),
            measurement(patient=None, at=NOON - 1),
            measurement(patient="ann", at=NOON),
            measurement(patient="bob", at=NOON),
            measurement(patient=None, at=-1),
        ]
    )
    assert shown(found) == [
        Identity(BOB, D, None, "bob"),
        Identity(ANN, D, None, "ann"),
        PatientDeviceMismatchError,
        Identity(BOB, D, None, "bob"),
        ResourceIdentityNotDefinedError,
    ]
    assert stub.store.everything("Device") == {D: device(D, "d", linked)}


@settings(max_examples=15)
@given(
    st.lists(st.tuples(st.sampled_from("de"), st.sampled_from(["ann", "bob", None])))
)
def test_a_batch_may_be_cut_anywhere(pairs):
    """Together or one by one, measurements of a worker get the same identities."""
    stub = FhirStub()
    try:
        known = identities(stub, remember_s=0)
        many = [measurement(name, named) for name, named in pairs]
        found = [known.resolve([one])[0] for one in many]
        devices = stub.store.everything("Device")
        stub.store.versions.clear()
        assert shown(known.resolve(many)) == shown(found)
        assert stub.store.everything("Device") == devices
    finally:
        stub.close()
