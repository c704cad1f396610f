"""Dead letters: what they hold, when two are one, and what they never show."""

import hashlib
import json

import pytest
from fhir_server import FhirStub
from hypothesis import given
from hypothesis import strategies as st

from pipeline.fhir_identities import ServerIdentities
from pipeline.fhir_settings import FhirServer
from transforms.admission import Admission
from transforms.dead_letters import (
    dead_letter,
    fold,
    measurement_document,
    measurement_letter,
    merge,
)
from transforms.device_mapping import DeviceMapping
from transforms.errors import IncompatibleDataError, RecordError
from transforms.fhir_mapping import FhirMapping
from transforms.group import Limits
from transforms.identify import identify
from transforms.identity import MessageIdentities
from transforms.instants import iso_instant, parse_instant
from transforms.intake import Intake
from transforms.model import DeadLetter, Measurement, MessageBatch
from transforms.normalize import normalize


class OtherError(IncompatibleDataError):
    name = "OtherException"


ERROR = IncompatibleDataError("no device", "send it", "$.id")
INSTANT, OFFSET = parse_instant("2026-10-04T07:12:31.5+02:00")
MEASUREMENT = Measurement(
    type="hr",
    occurred_at=INSTANT,
    ended_at=None,
    utc_offset_minutes=OFFSET,
    ingested_at=INSTANT + 1,
    device="watch-7",
    patient="p",
    encounter=None,
    correlation="c",
    values=(("hr", "78"), ("note", "µ")),
    source="day.ndjson:3",
)


def letter(**changes):
    arguments = {
        "stage": "Normalize",
        "error": ERROR,
        "payload": b'{"hr": 78}',
        "source": "day.ndjson:3",
        "enqueued_at": INSTANT,
        "mapping_version": "v1",
        "type_name": "hr",
        "template": "device.json:5",
    }
    return dead_letter(**{**arguments, **changes})


def test_a_letter_holds_cause_payload_and_times_of_the_message():
    cause = (
        "Normalize",
        "IncompatibleDataException",
        "no device",
        "hr",
        "device.json:5",
        "$.id",
        "day.ndjson:3",
    )
    digest = hashlib.sha256(repr(cause).encode() + b'{"hr": 78}').hexdigest()

    assert letter() == DeadLetter(
        id=digest,
        stage="Normalize",
        error="IncompatibleDataException",
        message="no device",
        suggestion="send it",
        type="hr",
        template="device.json:5",
        expression="$.id",
        payload='{"hr": 78}',
        payload_base64=None,
        source="day.ndjson:3",
        enqueued_at="2026-10-04T05:12:31.5Z",
        first_seen="2026-10-04T05:12:31.5Z",
        last_seen="2026-10-04T05:12:31.5Z",
        count=1,
        mapping_version="v1",
    )


def test_a_letter_without_times_type_template_or_expression_has_none():
    found = letter(
        error=IncompatibleDataError("no device"),
        enqueued_at=None,
        type_name=None,
        template=None,
    )

    assert found[5:8] == (None, None, None)
    assert found[11:14] == (None, None, None)
    assert found.suggestion == ""


@pytest.mark.parametrize(
    ("payload", "text", "exact"),
    [
        (b"", "", None),
        ("µ\u0000\n".encode(), "µ\u0000\n", None),
        (b"\xff\xfeab", "\ufffd\ufffdab", "//5hYg=="),
    ],
)
def test_a_payload_is_kept_as_text_and_where_it_is_none_as_bytes_too(
    payload, text, exact
):
    found = letter(payload=payload)

    assert (found.payload, found.payload_base64) == (text, exact)


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({"enqueued_at": None}, True),
        ({"mapping_version": "v2"}, True),
        ({"error": IncompatibleDataError("no device", "other", "$.id")}, True),
        ({"stage": "Group"}, False),
        ({"error": OtherError("no device", "send it", "$.id")}, False),
        ({"error": IncompatibleDataError("no time", "send it", "$.id")}, False),
        ({"error": IncompatibleDataError("no device", "send it", "$.x")}, False),
        ({"payload": b'{"hr": 79}'}, False),
        ({"source": "day.ndjson:4"}, False),
        ({"type_name": "spo2"}, False),
        ({"template": "device.json:6"}, False),
    ],
)
def test_two_letters_are_one_when_cause_source_and_payload_are(changes, same):
    assert (letter(**changes).id == letter().id) is same


def test_equal_letters_of_one_message_are_counted():
    one, other = letter(), letter(type_name="spo2")

    assert fold([one, other, one, one]) == [one._replace(count=3), other]
    assert fold([]) == []


_MOMENTS = st.none() | st.integers(0, 3).flatmap(
    lambda second: st.sampled_from([0, 5, 50, 500_000]).map(
        lambda fraction: second * 1_000_000 + fraction
    )
)


@st.composite
def versions(draw):
    """One letter as several runs may have written it."""
    enqueued = draw(_MOMENTS)
    found = letter(
        enqueued_at=enqueued,
        mapping_version=draw(st.sampled_from(["v1", "v2"])),
        error=IncompatibleDataError(
            "no device", draw(st.sampled_from(["send it", "fix it"])), "$.id"
        ),
    )
    return found._replace(count=draw(st.integers(1, 3)))


@given(versions(), versions(), versions())
def test_merging_is_commutative_associative_and_idempotent(one, two, three):
    both = merge(one, two)

    assert both == merge(two, one)
    assert merge(both, three) == merge(one, merge(two, three))
    assert merge(one, one) == one
    assert merge(both, one) == both


@given(_MOMENTS, _MOMENTS)
def test_merged_letters_were_seen_first_and_last_when_their_instants_say(one, two):
    merged = merge(letter(enqueued_at=one), letter(enqueued_at=two))

    seen = [instant for instant in (one, two) if instant is not None]
    first, last = (min(seen), max(seen)) if seen else (None, None)
    assert (merged.first_seen, merged.last_seen, merged.enqueued_at) == (
        None if first is None else iso_instant(first),
        None if last is None else iso_instant(last),
        None if last is None else iso_instant(last),
    )


def test_of_two_versions_the_later_one_is_kept_with_the_greater_count():
    early = letter(enqueued_at=0, mapping_version="v2")._replace(count=3)
    late = letter(enqueued_at=500_000, mapping_version="v1")

    assert merge(early, late) == late._replace(
        first_seen="1970-01-01T00:00:00Z",
        last_seen="1970-01-01T00:00:00.5Z",
        count=3,
    )


def test_a_measurement_is_written_in_medtechs_schema():
    assert measurement_document(MEASUREMENT) == {
        "type": "hr",
        "occurrenceTimeUtc": "2026-10-04T05:12:31.5Z",
        "ingestionTimeUtc": "2026-10-04T05:12:31.500001Z",
        "deviceId": "watch-7",
        "patientId": "p",
        "encounterId": None,
        "correlationId": "c",
        "properties": [
            {"name": "hr", "value": "78"},
            {"name": "note", "value": "µ"},
        ],
    }
    unknown = measurement_document(MEASUREMENT._replace(ingested_at=None))
    assert unknown["ingestionTimeUtc"] is None


def test_the_letter_of_a_measurement_holds_it_normalized():
    found = measurement_letter("Group", ERROR, MEASUREMENT, "v1", "fhir.json:9")

    assert json.loads(found.payload) == measurement_document(MEASUREMENT)
    assert found == letter(
        stage="Group",
        payload=found.payload.encode(),
        enqueued_at=INSTANT + 1,
        template="fhir.json:9",
    )


# No message of any error holds a value of a message.

MARKER = "Zx9-Geheimnis"


def jmes(text):
    return {"value": text, "language": "JmesPath"}


def device_mapping(**keys):
    template = {
        "typeName": "hr",
        "typeMatchExpression": "$..[?(@hr)]",
        "deviceIdExpression": "$.matchedToken.id",
        "timestampExpression": "$.matchedToken.at",
        **keys,
    }
    container = {"templateType": "CalculatedContent", "template": template}
    document = {"templateType": "CollectionContent", "template": [container]}
    return DeviceMapping.from_json(json.dumps(document))


def normalized(payload, intake=None, **keys):
    payload = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    batch = MessageBatch("", (1,), (payload,))
    intake = intake or Intake(report_unmatched=True)
    return normalize(batch, device_mapping(**keys), intake).dead_letters


def optional(expression):
    return [{"valueName": "v", "valueExpression": expression}]


def admitted(value_type, measurement, period=0, **keys):
    value = {"valueType": value_type, "valueName": "hr", "defaultPeriod": 1, **keys}
    template = {"typeName": "hr", "codes": [], "value": value, "periodInterval": period}
    container = {"templateType": "CodeValueFhir", "template": template}
    document = {"templateType": "CollectionFhir", "template": [container]}
    admission = Admission(FhirMapping.from_json(json.dumps(document)))
    with pytest.raises(RecordError) as caught:
        admission.admit(measurement)
    return [measurement_letter("Group", caught.value, measurement, "v1")]


TIME = "2026-10-04T07:12:31Z"
SECRET = {"id": MARKER, "at": TIME, "hr": MARKER, "list": [MARKER, 1], MARKER: MARKER}
SECRET_MEASUREMENT = MEASUREMENT._replace(
    device=MARKER, patient=MARKER, encounter=MARKER, values=(("hr", MARKER),)
)
DEEP = f'{"[" * 2000}"{MARKER}"{"]" * 2000}'


def implausible(measurement):
    ancient = measurement._replace(occurred_at=0, ingested_at=2)
    with pytest.raises(RecordError) as caught:
        Limits(older=1).check(ancient)
    return [measurement_letter("Group", caught.value, ancient, "v1")]


def resource(kind, name, **rest):
    """A resource on a server that has the marker as its identifier."""
    identifier = [{"value": MARKER}]
    return {"resourceType": kind, "id": name, "identifier": identifier, **rest}


def asked(*resources, refuses=None, encounter=None):
    """The letters of a measurement whose identity a FHIR server is asked for."""
    stub = FhirStub()
    try:
        for one in resources:
            stub.store.put_by_hand(one)
        stub.store.refuses = refuses or {}
        server = FhirServer(base=stub.base)
        named = SECRET_MEASUREMENT._replace(encounter=encounter)
        return identify([named], ServerIdentities(server, "create", "", 1), "v1")[1]
    finally:
        stub.close()


OTHERS = {"patient": {"reference": "Patient/other"}}

FAILURES = [
    *(
        ("InvalidDataFormatException", lambda payload=payload: normalized(payload))
        for payload in (
            f'{{"hr": "{MARKER}"'.encode(),
            f'{{"hr": {MARKER}}}'.encode(),
            f'{{"hr": NaN, "x": "{MARKER}"}}'.encode(),
            f'\ufeff{{"x": "{MARKER}"}}'.encode(),
            f'"{MARKER}"'.encode(),
            f'["{MARKER}"]'.encode(),
            f'{{"x": "{MARKER}\xff"}}'.encode("latin-1"),
            DEEP.encode(),
        )
    ),
    (
        "InvalidDataFormatException",
        lambda: normalized(SECRET, Intake(envelope="event")),
    ),
    ("MessageTooLarge", lambda: normalized(SECRET, Intake(largest=20))),
    (
        "NoTemplateMatched",
        lambda: normalized({"x": MARKER, "hr2": MARKER}),
    ),
    *(
        (
            "IncompatibleDataException",
            lambda changes=changes: normalized({**SECRET, **changes}),
        )
        for changes in (
            {"id": [MARKER]},
            {"id": {MARKER: MARKER}},
            {"id": None},
            {"at": MARKER},
            {"at": f"{TIME}{MARKER}"},
            {"at": f"2026-10-04T{MARKER}"},
            {"at": f"2026-10-04T07:12{MARKER}"},
            {"at": "2026-10-04T07:12:31"},
            {"at": "2026-02-30T07:12:31Z"},
            {"at": [MARKER]},
            {"at": 5},
        )
    ),
    *(
        (
            "TemplateExpressionException",
            lambda path=path: normalized(SECRET, values=optional(path)),
        )
        for path in ("$..id", jmes("Body.list[*]"))
    ),
    *(
        (
            "NormalizationDataMappingException",
            lambda text=text: normalized(SECRET, values=optional(jmes(text))),
        )
        for text in (
            "add(Body.hr, `1`)",
            "subtract(`1`, Body.list)",
            "multiply(Body.hr, `2`)",
            "divide(Body, `2`)",
            "pow(Body.hr, Body.hr)",
            "insertString(Body.hr, Body.id, `99`)",
            "insertString(Body.hr, Body.id, Body.hr)",
            "fromUnixTimestamp(Body.hr)",
            "fromUnixTimestampMs(Body.hr)",
            "sum(Body.list)",
            "sort(Body.list)",
            "sort_by(Body.list, &@)",
            "max_by(Body.list, &@)",
            "join(Body.hr, Body.list)",
            "contains(Body.hr, `1`)",
            "merge(Body, Body.hr)",
            "keys(Body.hr)",
            "map(&add(@, `1`), Body.list)",
        )
    ),
    (
        "ResourceIdentityNotDefinedException",
        lambda: identify(
            [SECRET_MEASUREMENT._replace(patient=" ")], MessageIdentities(), "v1"
        )[1],
    ),
    (
        "PatientDeviceMismatchException",
        lambda: asked(resource("Device", "d", **OTHERS)),
    ),
    ("FhirResourceNotFoundException", lambda: asked(encounter=MARKER)),
    (
        "MultipleResourceFoundException",
        lambda: asked(resource("Device", "a"), resource("Device", "b")),
    ),
    ("FhirResourceRejected", lambda: asked(refuses={MARKER: 422})),
    (
        "TemplateNotFoundException",
        lambda: admitted("String", SECRET_MEASUREMENT._replace(type="unknown")),
    ),
    (
        "InvalidQuantityFhirValueException",
        lambda: admitted("Quantity", SECRET_MEASUREMENT),
    ),
    (
        "FhirDataMappingException",
        lambda: admitted("SampledData", SECRET_MEASUREMENT),
    ),
    (
        "CorrelationIdNotDefinedException",
        lambda: admitted("String", SECRET_MEASUREMENT._replace(correlation=" "), -1),
    ),
    (
        "ImplausibleValue",
        lambda: admitted(
            "Quantity",
            SECRET_MEASUREMENT._replace(values=(("hr", "98.6"), (MARKER, MARKER))),
            validRange={"low": 25, "high": 45},
        ),
    ),
    ("ImplausibleTimestamp", lambda: implausible(SECRET_MEASUREMENT)),
    (
        "TooMuchWork",
        lambda: normalized(
            {**SECRET, "hr": "a" * 60 + MARKER},
            typeMatchExpression="$..[?(@hr =~ /^(a|a)+$/)]",
        ),
    ),
]


@pytest.mark.parametrize(("name", "fail"), FAILURES)
def test_an_error_shows_no_value_of_the_message(name, fail):
    (found,) = fail()

    assert found.error == name
    shown = found._replace(payload="", payload_base64=None, outcome=None)
    assert MARKER.lower() not in repr(shown).lower()


def test_every_kind_of_error_was_provoked():
    kinds = {
        kind.name
        for kind in RecordError.__subclasses__()
        if kind.__module__ == RecordError.__module__
    }

    assert {name for name, _ in FAILURES} == kinds
