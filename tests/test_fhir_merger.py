"""Merging into Observations on a server that others have written, and still write."""

import json
from decimal import Decimal

import orjson
import pytest
from fhir_server import FhirStub
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.fhir_draft import Outgoing
from pipeline.fhir_errors import FhirUnavailableError
from pipeline.fhir_settings import FhirServer
from pipeline.fhir_writer import ServerWriter
from transforms.fhir_mapping import FhirMapping
from transforms.identity import resource_id
from transforms.observation import Mould
from transforms.observation_value import Reading
from transforms.rules import MEDTECH
from transforms.shells import device_shell, patient_shell

NINE = 1_546_333_200_000_000  # 2019-01-01T09:00:00Z
MINUTE = 60_000_000
ANN, D = resource_id("", "ann"), resource_id("", "d")
SHELLS = {
    ("Patient", ANN): orjson.dumps(patient_shell(ANN, "ann")),
    ("Device", D): orjson.dumps(device_shell(D, "", "d", ANN)),
}


def mapping_of(period_ms=900_000, rules=MEDTECH):
    value = {
        "valueType": "SampledData",
        "valueName": "hr",
        "unit": "/min",
        "defaultPeriod": period_ms,
    }
    body = {"typeName": "t", "codes": [], "periodInterval": 60, "value": value}
    container = {"templateType": "CodeValueFhir", "template": body}
    root = {"templateType": "CollectionFhir", "template": [container]}
    return FhirMapping.from_json(json.dumps(root), rules=rules)


def reading(minute, text):
    return Reading(
        observation_id="o",
        patient_id=ANN,
        device_id=D,
        encounter_id=None,
        correlation_id=None,
        record_id=None,
        type="t",
        value_name="hr",
        occurred_at=NINE + minute * MINUTE,
        occurred_tick=0,
        ended_at=None,
        utc_offset_minutes=0,
        value=None,
        value_text=text,
        flag=None,
        ingested_at=None,
    )


def outgoing(*readings, mapping=None):
    mapping = mapping or mapping_of()
    mould = Mould(mapping.templates["t"], "t", "v", mapping.rules)
    body, _rows = mould.fill(list(readings))
    return Outgoing("o", body, readings)


def writer(stub, mapping=None, **rest):
    usual = {"retry_s": 10, "timeout_s": 5, "merge": True}
    server = FhirServer(base=stub.base, **{**usual, **rest})
    return ServerWriter(server, "v1", mapping or mapping_of())


def by_medtech(*readings):
    """What MedTech has left on the server."""
    return {**json.loads(outgoing(*readings).body), "issued": "2019-01-01T10:00:00Z"}


def data(stub, name="o"):
    return stub.store.everything("Observation")[name]["valueSampledData"]["data"]


def status(stub, name="o"):
    return stub.store.everything("Observation")[name]["status"]


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch):
    monkeypatch.setattr("pipeline.fhir_merger._PAUSE_S", 0.001)


def test_what_is_not_there_is_made(stub):
    written = writer(stub).write([outgoing(reading(0, "61"))], SHELLS)
    assert written.counts["ServerObservationCreated"] == 1
    assert (data(stub), status(stub)) == ("61 E E E", "final")


def test_ours_is_merged_into_what_others_have_written(stub):
    there = by_medtech(reading(0, "61"), reading(20, "62"))
    stub.store.put_by_hand(there)
    ours = outgoing(reading(20, "70"), reading(50, "63"))
    written = writer(stub).write([ours], SHELLS)
    assert written.letters == []
    assert written.counts["ServerObservationUpdated"] == 1
    assert (data(stub), status(stub)) == ("61 70 E 63", "amended")
    assert stub.store.everything("Observation")["o"]["issued"] == there["issued"]


def test_what_says_the_same_already_is_not_written(stub):
    stub.store.put_by_hand(by_medtech(reading(0, "61"), reading(20, "62")))
    writes = stub.store.writes
    one = writer(stub)
    one.write([], SHELLS)
    for _ in range(2):
        written = one.write([outgoing(reading(0, "61"))], {})
        assert written.counts["ServerObservationUnchanged"] == 1
    assert stub.store.writes == writes


def test_a_grid_is_read_with_its_own_period(stub):
    """The template's has changed since: MedTech would shift what is there."""
    stub.store.put_by_hand(by_medtech(reading(0, "61"), reading(15, "62")))
    mapping = mapping_of(300_000)
    ours = outgoing(reading(50, "63"), mapping=mapping)
    writer(stub, mapping).write([ours], SHELLS)
    assert data(stub) == "61 E E 62 E E E E E E 63 E"


def test_a_value_of_another_kind_is_a_letter(stub):
    there = by_medtech(reading(0, "61"))
    del there["valueSampledData"]
    stub.store.put_by_hand({**there, "valueString": "SECRET"})
    (letter,) = writer(stub).write([outgoing(reading(0, "62"))], SHELLS).letters
    assert (letter.error, letter.message, letter.type) == (
        "FhirDataMappingException",
        "The Observation on the server holds a valueString, ours a valueSampledData",
        "t",
    )


def racing(stub, changes, url="Observation/o"):
    """Another writer, who is faster each time as long as there are changes."""
    left = iter(changes)

    def write_first(method, where):
        if method == "PUT" and where == url and (change := next(left, None)):
            stub.store.put_by_hand(change)

    stub.before_entry = write_first


@pytest.mark.parametrize("conflict", [409, 412])
@pytest.mark.parametrize("bundle_size", [1, 100])
def test_who_comes_second_looks_again(stub, conflict, bundle_size):
    stub.store.conflict = conflict
    stub.store.put_by_hand(by_medtech(reading(0, "61")))
    racing(
        stub,
        [
            by_medtech(reading(0, "61"), reading(20, "62")),
            by_medtech(reading(0, "61"), reading(20, "62"), reading(35, "64")),
        ],
    )
    ours = outgoing(reading(50, "63"))
    written = writer(stub, bundle_size=bundle_size).write([ours], SHELLS)
    assert written.letters == []
    assert data(stub) == "61 62 64 63"


@pytest.mark.parametrize("looks", [True, False])
def test_what_another_creates_between_our_look_and_our_put_is_merged(stub, looks):
    """Some servers overwrite it, and say so by 200 instead of 201."""
    stub.store.looks_at_if_none_match = looks
    racing(stub, [by_medtech(reading(0, "61"))])
    written = writer(stub).write([outgoing(reading(50, "63"))], SHELLS)
    assert written.letters == []
    assert data(stub) == "61 E E 63"


def test_without_an_end_of_it_the_runner_has_to_try_again(stub):
    stub.store.put_by_hand(by_medtech(reading(0, "61")))
    racing(stub, [by_medtech(reading(0, str(n))) for n in range(100, 200)])
    with pytest.raises(FhirUnavailableError) as caught:
        writer(stub).write([outgoing(reading(50, "63"))], SHELLS)
    assert str(caught.value) == (
        "other writers keep changing the same Observations: try again"
    )


def test_digits_of_others_are_kept(stub):
    there = by_medtech(reading(0, "61"))
    there["valueSampledData"]["lowerLimit"] = Decimal("0.10")
    stub.store.put_by_hand(there)
    writer(stub).write([outgoing(reading(50, "63"))], SHELLS)
    found = stub.store.everything("Observation")["o"]["valueSampledData"]
    assert (found["data"], str(found["lowerLimit"])) == ("61 E E 63", "0.10")


def test_a_server_that_gives_its_own_ids(stub):
    stub.store.client_ids = False
    one = writer(stub, ids="server")
    one.write([outgoing(reading(0, "61"))], SHELLS)
    one.write([outgoing(reading(50, "63"))], SHELLS)
    (found,) = stub.store.everything("Observation").values()
    assert found["valueSampledData"]["data"] == "61 E E 63"
    assert found["id"] != "o"


def test_what_others_have_written_is_never_removed(stub):
    stub.store.put_by_hand(by_medtech(reading(0, "61")))
    writer(stub).write([], {}, [("o", "i")])
    assert data(stub) == "61 E E E"


minutes = st.dictionaries(
    st.sampled_from([0, 15, 30, 45]), st.integers(40, 200).map(str), min_size=1
)


@settings(max_examples=25)
@given(minutes, minutes, st.booleans())
def test_every_sample_of_both_is_kept_ours_first(theirs, ours, raced):
    stub = FhirStub()
    try:
        there = by_medtech(*(reading(*one) for one in sorted(theirs.items())))
        if raced:
            racing(stub, [there])
        else:
            stub.store.put_by_hand(there)
        mine = outgoing(*(reading(*one) for one in sorted(ours.items())))
        for _ in range(2):
            writer(stub).write([mine], SHELLS)
        expected = {**theirs, **ours}
        assert data(stub) == " ".join(expected.get(m, "E") for m in (0, 15, 30, 45))
    finally:
        stub.close()
