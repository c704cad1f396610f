"""What a broker delivers beside a payload: in the envelope, and in dead letters."""

import json

import orjson
import pytest

from pipeline.upsert_files import Folder
from pipeline.write_dead_letters import save_letters
from transforms.device_mapping import DeviceMapping
from transforms.errors import InvalidDataFormatError
from transforms.instants import parse_instant
from transforms.intake import Intake, parse_message
from transforms.model import Attributes, MessageBatch
from transforms.normalize import normalize

SENT, STORED = "2026-03-01T07:00:00Z", "2026-03-01T07:00:05Z"
AT = parse_instant(STORED)[0]

BESIDE = Attributes(
    {"source": "acme", "room": "7"}, {"offset": 3, "x-opt-enqueued-time": STORED}, AT
)

TEMPLATE = {
    "typeName": "heartrate",
    "typeMatchExpression": "$..[?(@hr)]",
    "deviceIdExpression": "$.matchedToken.device",
    "patientIdExpression": "$.Properties.patient",
    "timestampExpression": "$.matchedToken.time",
    "values": [{"valueName": "hr", "valueExpression": "$.matchedToken.hr"}],
}

BODY = {"hr": 72, "device": "watch-7", "time": "2026-03-01T06:59:00Z"}


def mapping(**changes):
    template = {
        "templateType": "CalculatedContent",
        "template": {**TEMPLATE, **changes},
    }
    return DeviceMapping.from_json(
        json.dumps({"templateType": "CollectionContent", "template": [template]})
    )


def ingested(text):
    return parse_instant(text)[0]


@pytest.mark.parametrize(
    ("payload", "properties", "system", "ingested_at"),
    [
        ({"hr": 72}, BESIDE.properties, BESIDE.system, AT),
        ({"Body": {"hr": 72}}, BESIDE.properties, BESIDE.system, AT),
        (
            {"Body": {"hr": 72}, "Properties": None, "SystemProperties": {}},
            BESIDE.properties,
            BESIDE.system,
            AT,
        ),
        (
            {
                "Body": {"hr": 72},
                "Properties": {"source": "other"},
                "SystemProperties": {"iothub-enqueuedtime": SENT, "offset": 99},
            },
            {"source": "other", "room": "7"},
            {
                "offset": 99,
                "x-opt-enqueued-time": STORED,
                "iothub-enqueuedtime": SENT,
            },
            ingested(SENT),
        ),
        (
            {"Body": {"hr": 72}, "Properties": [1], "SystemProperties": "x"},
            [1],
            "x",
            AT,
        ),
    ],
)
def test_the_envelope_keeps_its_own_members_and_gets_the_others(
    payload, properties, system, ingested_at
):
    message = parse_message(orjson.dumps(payload), "t/0/3", Intake(), BESIDE)

    assert message.envelope == {
        "Body": {"hr": 72},
        "Properties": properties,
        "SystemProperties": system,
    }
    assert message.ingested_at == ingested_at
    assert message.attributes is BESIDE


def test_one_envelope_does_not_change_the_attributes_of_another():
    payload = orjson.dumps({"Body": {}, "Properties": {"source": "mine"}})
    parse_message(payload, "t/0/3", Intake(), BESIDE)

    assert BESIDE.properties == {"source": "acme", "room": "7"}


@pytest.mark.parametrize("payload", [{"hr": 72}, {"Body": {"hr": 72}}])
def test_without_attributes_a_message_is_as_it_was(payload):
    message = parse_message(orjson.dumps(payload), "day.ndjson:3", Intake())

    assert message.envelope["Body"] == {"hr": 72}
    assert message.envelope.get("Properties", {}) == {}
    assert message.ingested_at is None
    assert message.attributes is None


def test_a_message_without_value_is_unreadable():
    with pytest.raises(InvalidDataFormatError, match=r"no value \(null\)"):
        parse_message(None, "t/0/3", Intake(), BESIDE)


@pytest.mark.parametrize(
    ("changes", "properties", "patients"),
    [
        ({}, {"patient": "p-1"}, ["p-1"]),
        ({}, {}, [None]),
        (
            {
                "patientIdExpression": "$.Properties.room",
                "when": {
                    "value": "Properties.source == 'acme'",
                    "language": "JmesPath",
                },
            },
            {"source": "acme", "room": "7"},
            ["7"],
        ),
        (
            {"when": {"value": "Properties.source == 'acme'", "language": "JmesPath"}},
            {"source": "other", "patient": "p-1"},
            [],
        ),
        (
            {"typeMatchExpression": "$..[?(@gauge)]"},
            {"gauge": {"hr": 1}, "patient": "p-1"},
            [],
        ),
    ],
)
def test_a_template_finds_what_stands_only_in_the_properties(
    changes, properties, patients
):
    batch = MessageBatch(
        "vitals/0/", (3,), (orjson.dumps(BODY),), (Attributes(properties, {}, AT),)
    )
    found = normalize(batch, mapping(**changes), Intake()).measurements

    assert [(one.patient, one.ingested_at, one.source) for one in found] == [
        (patient, AT, "vitals/0/3") for patient in patients
    ]


def letter_of(payload, attributes, **intake):
    attached = () if attributes is None else (attributes,)
    batch = MessageBatch("vitals/0/", (3,), (payload,), attached)
    (letter,) = normalize(batch, mapping(), Intake(**intake)).dead_letters
    return letter.document()


SHOWN = {"Properties": BESIDE.properties, "SystemProperties": BESIDE.system}


@pytest.mark.parametrize(
    ("payload", "intake", "error", "text", "exact"),
    [
        (None, {}, "InvalidDataFormatException", "", None),
        (b"", {}, "InvalidDataFormatException", "", None),
        (b"\xff{", {}, "InvalidDataFormatException", "\ufffd{", "/3s="),
        (b'{"a":1}', {"largest": 3}, "MessageTooLarge", '{"a":1}', None),
        (b'{"a":1}', {"report_unmatched": True}, "NoTemplateMatched", '{"a":1}', None),
        (b'{"hr":1}', {}, "IncompatibleDataException", '{"hr":1}', None),
    ],
)
def test_a_letter_has_all_that_the_broker_delivered(
    payload, intake, error, text, exact
):
    letter = letter_of(payload, BESIDE, **intake)

    assert letter["error"] == error
    assert (letter["payload"], letter["payload_base64"]) == (text, exact)
    assert letter["source"] == "vitals/0/3"
    assert letter["attributes"] == SHOWN
    assert letter["enqueued_at"] == letter["first_seen"] == STORED
    assert orjson.loads(orjson.dumps(letter)) == letter


def test_a_letter_of_a_message_without_attributes_has_no_such_member():
    assert "attributes" not in letter_of(b"{", None)


def test_a_letter_can_be_sent_again_as_it_was():
    poison = b'{"hr": 72, "device": "watch-7", "time": "today"}'
    letter = letter_of(poison, BESIDE)
    again = {"Body": orjson.loads(letter["payload"]), **letter["attributes"]}

    assert (
        parse_message(orjson.dumps(again), "fixed.ndjson:1", Intake()).envelope
        == parse_message(poison, "vitals/0/3", Intake(), BESIDE).envelope
    )


def test_letters_with_attributes_are_kept_in_files_whichever_came_first(tmp_path):
    (letter,) = normalize(
        MessageBatch("vitals/0/", (3,), (b"{",), (BESIDE,)), mapping(), Intake()
    ).dead_letters
    other = letter._replace(attributes={"Properties": {}, "SystemProperties": {}})
    written = []
    for number, pair in enumerate(((letter, other), (other, letter))):
        folder = Folder(str(tmp_path / str(number)))
        folder.prepare()
        for one in pair:
            save_letters(folder, "vitals.ndjson", [one])
        written.append((tmp_path / str(number) / "vitals.ndjson").read_bytes())

    assert written[0] == written[1]
    assert orjson.loads(written[0])["attributes"] in (SHOWN, other.attributes)
