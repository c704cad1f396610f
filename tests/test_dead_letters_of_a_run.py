"""What cannot go on becomes a letter that says why, and nothing beside it is lost."""

import base64
import json

import pytest
from runs import letters, resources, run, write_lines

NEIGHBOURS = [
    {
        "deviceId": "watch-7",
        "patientId": "patient-1",
        "measuredAt": f"2026-03-01T08:14:{second}Z",
        "Heart Rate": rate,
    }
    for second, rate in (("10", 71), ("50", 72))
]


def reading(**changes):
    message = {
        "deviceId": "watch-7",
        "patientId": "patient-1",
        "measuredAt": "2026-03-01T08:14:30Z",
        "Heart Rate": 75,
    }
    return {name: v for name, v in {**message, **changes}.items() if v is not ...}


def encoded(message):
    return message if isinstance(message, bytes) else json.dumps(message).encode()


HEART_RATE = "$.matchedToken['Heart Rate']"
PATH = "$.matchedToken.measuredAt"

CASES = {
    "not JSON": (
        b'{"deviceId":"watch-7","Heart Rate":',
        "Normalize",
        "InvalidDataFormatException",
        "the message is not JSON (line 1, column 36)",
    ),
    "not UTF-8": (
        b'{"deviceId":"watch-\xff"}',
        "Normalize",
        "InvalidDataFormatException",
        "the message is not UTF-8: the byte at offset 19 fits nowhere",
    ),
    "a number": (
        b"42",
        "Normalize",
        "InvalidDataFormatException",
        "the message is a JSON number, not an object",
    ),
    "null": (
        b"null",
        "Normalize",
        "InvalidDataFormatException",
        "the message is a JSON null, not an object",
    ),
    "text": (
        b'"72"',
        "Normalize",
        "InvalidDataFormatException",
        "the message is a JSON string, not an object",
    ),
    "an array of numbers": (
        b"[1,2]",
        "Normalize",
        "InvalidDataFormatException",
        "the message is a JSON array without an object, not an object",
    ),
    "nested 10,000 deep": (
        b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
        "Normalize",
        "InvalidDataFormatException",
        "the message is nested more than 1000 levels deep",
    ),
    "20 MB": (
        encoded(reading(padding="x" * 20_000_000)),
        "Normalize",
        "MessageTooLarge",
        "the message has more than 16000000 bytes",
    ),
    "NaN": (
        b'{"deviceId":"watch-7","patientId":"p","measuredAt":'
        b'"2026-03-01T08:14:30Z","Heart Rate":NaN}',
        "Normalize",
        "InvalidDataFormatException",
        "the message is not JSON (line 1, column 88)",
    ),
    "no device": (
        reading(deviceId=...),
        "Normalize",
        "IncompatibleDataException",
        "Unable to extract required value for [DeviceIdExpression]: nothing was found",
    ),
    "value null": (
        reading(**{"Heart Rate": None}),
        "Normalize",
        "IncompatibleDataException",
        "Unable to extract required value for [hr]: null was found",
    ),
    "value blank": (
        reading(**{"Heart Rate": "  "}),
        "Normalize",
        "IncompatibleDataException",
        "Unable to extract required value for [hr]: only blanks were found",
    ),
    "value an object": (
        reading(**{"Heart Rate": {"bpm": 75}}),
        "Normalize",
        "IncompatibleDataException",
        "Unable to extract required value for [hr]: an object has no text",
    ),
    "time unparsable": (
        reading(measuredAt="yesterday"),
        "Normalize",
        "IncompatibleDataException",
        "Unable to read [TimestampExpression]: not a date of the form YYYY-MM-DD",
    ),
    "time without a zone": (
        reading(measuredAt="2026-03-01T08:14:30"),
        "Normalize",
        "IncompatibleDataException",
        "Unable to read [TimestampExpression]: the time has no zone",
    ),
    "time a number": (
        reading(measuredAt=1772352870),
        "Normalize",
        "IncompatibleDataException",
        "Unable to read [TimestampExpression]: a number is no date-time",
    ),
    "no patient": (
        reading(patientId=...),
        "Identify",
        "ResourceIdentityNotDefinedException",
        "the measurement names no patient",
    ),
    "no number": (
        reading(**{"Heart Rate": "high"}),
        "Group",
        "InvalidQuantityFhirValueException",
        "The value [hr] is not a finite decimal number",
    ),
    "text NaN": (
        reading(**{"Heart Rate": "NaN"}),
        "Group",
        "InvalidQuantityFhirValueException",
        "The value [hr] is not a finite decimal number",
    ),
    "text Infinity": (
        reading(**{"Heart Rate": "Infinity"}),
        "Group",
        "InvalidQuantityFhirValueException",
        "The value [hr] is not a finite decimal number",
    ),
    "beyond all doubles": (
        reading(**{"Heart Rate": "1e999"}),
        "Group",
        "InvalidQuantityFhirValueException",
        "The value [hr] is not a finite decimal number",
    ),
}


@pytest.fixture(scope="module")
def all_at_once(tmp_path_factory):
    """One run over good messages with every bad one between them."""
    folder = tmp_path_factory.mktemp("letters")
    first, last = NEIGHBOURS
    bad = [encoded(message) for message, *_ in CASES.values()]
    messages = write_lines(folder / "messages.ndjson", [first, *bad, last])
    assert run(messages, folder / "out") == 1
    return folder / "out"


@pytest.mark.parametrize("name", CASES)
def test_letter_names_cause_and_keeps_the_payload(name, all_at_once):
    message, stage, error, text = CASES[name]
    line = list(CASES).index(name) + 2
    found = [ltr for ltr in letters(all_at_once) if ltr["source"].endswith(f":{line}")]
    assert [(ltr["stage"], ltr["error"], ltr["message"]) for ltr in found] == [
        (stage, error, text)
    ]
    letter = found[0]
    assert letter["suggestion"]
    if stage == "Normalize":
        payload = encoded(message)
        assert letter["payload"] == payload.decode(errors="replace")
        exact = letter["payload_base64"]
        is_text = name != "not UTF-8"
        assert exact is None if is_text else base64.b64decode(exact) == payload
    else:
        assert json.loads(letter["payload"])["deviceId"] == "watch-7"


def test_neighbours_of_bad_messages_are_not_lost(all_at_once):
    values = [
        observation["valueQuantity"]["value"]
        for observation in resources(all_at_once).values()
    ]
    assert sorted(values) == [71, 72]


def test_neighbours_within_a_message_are_not_lost(tmp_path):
    body = [NEIGHBOURS[0], reading(measuredAt="?"), reading(measuredAt="?"), {}]
    messages = write_lines(tmp_path / "m.ndjson", [{"Body": [*body, NEIGHBOURS[1]]}])
    assert run(messages, tmp_path / "out") == 1
    values = [
        observation["valueQuantity"]["value"]
        for observation in resources(tmp_path / "out").values()
    ]
    assert sorted(values) == [71, 72]
    found = letters(tmp_path / "out")
    assert [(ltr["error"], ltr["count"]) for ltr in found] == [
        ("IncompatibleDataException", 2)
    ]


@pytest.mark.parametrize("flaw", [{"patientId": ...}, {"Heart Rate": "high"}])
def test_equal_failures_within_a_message_are_one_letter_that_counts_them(
    flaw, tmp_path
):
    message = {"Body": [reading(**flaw), NEIGHBOURS[0], reading(**flaw)]}
    run(write_lines(tmp_path / "m.ndjson", [message]), tmp_path / "out")
    (letter,) = letters(tmp_path / "out")
    assert letter["count"] == 2
    assert len(resources(tmp_path / "out")) == 1


def test_unmatched_messages_are_letters_only_on_request(tmp_path):
    noise = {"event": "charging"}
    messages = write_lines(tmp_path / "m.ndjson", [noise])
    assert run(messages, tmp_path / "silent") == 0
    assert letters(tmp_path / "silent") == []
    assert run(messages, tmp_path / "loud", "--report_unmatched") == 1
    assert [
        (ltr["stage"], ltr["error"], json.loads(ltr["payload"]))
        for ltr in letters(tmp_path / "loud")
    ] == [("Normalize", "NoTemplateMatched", noise)]


def mapping(tmp_path, **template):
    """A mapping of one heart-rate template with other expressions."""
    device = {
        "typeName": "heartrate",
        "typeMatchExpression": "$..[?(@hr)]",
        "deviceIdExpression": "$.matchedToken.deviceId",
        "patientIdExpression": "$.matchedToken.patientId",
        "timestampExpression": "$.matchedToken.time",
        "values": [{"valueName": "hr", "valueExpression": "$.matchedToken.hr"}],
    }
    container = {
        "templateType": "CalculatedContent",
        "template": {**device, **template},
    }
    root = {"templateType": "CollectionContent", "template": [container]}
    value = {"valueType": "Quantity", "valueName": "hr", "unit": "/min"}
    fhir = {"typeName": "heartrate", "codes": [], "value": value}
    target = {
        "templateType": "CollectionFhir",
        "template": [{"templateType": "CodeValueFhir", "template": fhir}],
    }
    (tmp_path / "device.json").write_text(json.dumps(root))
    (tmp_path / "fhir.json").write_text(json.dumps(target))
    return tmp_path


GOOD = {"deviceId": "d", "patientId": "p", "time": "2026-03-01T08:00:00Z", "hr": 60}


@pytest.mark.parametrize(
    ("template", "stage", "error", "text", "expression"),
    [
        pytest.param(
            {"typeName": "pulse"},
            "Group",
            "TemplateNotFoundException",
            "No FHIR template for type [pulse]",
            None,
            id="type without FHIR template",
        ),
        pytest.param(
            {"values": [{"valueName": "hr", "valueExpression": "$..hr"}]},
            "Normalize",
            "TemplateExpressionException",
            "the expression finds several tokens where one is wanted",
            "$..hr",
            id="too many tokens",
        ),
        pytest.param(
            {
                "values": [
                    {
                        "valueName": "hr",
                        "valueExpression": {
                            "value": "divide(matchedToken.hr, `0`)",
                            "language": "JmesPath",
                        },
                    }
                ]
            },
            "Normalize",
            "NormalizationDataMappingException",
            "divide: division by zero",
            "divide(matchedToken.hr, `0`)",
            id="function failure",
        ),
        pytest.param(
            {"correlationIdExpression": "$.matchedToken.session"},
            "Normalize",
            "IncompatibleDataException",
            "Unable to extract required value for [CorrelationIdExpression]:"
            " nothing was found",
            "$.matchedToken.session",
            id="correlation id defined and missing",
        ),
    ],
)
def test_mapping_failures_are_letters_with_place_and_expression(
    template, stage, error, text, expression, tmp_path
):
    folder = mapping(tmp_path, **template)
    messages = write_lines(tmp_path / "m.ndjson", [GOOD])
    assert run(messages, tmp_path / "out", mapping=folder) == 1
    (letter,) = letters(tmp_path / "out")
    assert (letter["stage"], letter["error"], letter["message"]) == (stage, error, text)
    assert letter["expression"] == expression
    place = None if stage == "Group" else f"{folder / 'device.json'}:1"
    assert letter["template"] == place
    assert resources(tmp_path / "out") == {}


def test_letters_carry_all_the_fields_that_are_promised(tmp_path):
    envelope = {
        "Body": reading(measuredAt="?"),
        "Properties": {},
        "SystemProperties": {"x-opt-enqueued-time": "2026-03-01T08:15:00Z"},
    }
    messages = write_lines(tmp_path / "m.ndjson", [envelope])
    run(messages, tmp_path / "out")
    (letter,) = letters(tmp_path / "out")
    version = letter.pop("mapping_version")
    assert len(version) == 16
    assert len(letter.pop("id")) == 64
    template = letter.pop("template")
    assert template.endswith("vital-monitor/device.json:6")
    assert letter == {
        "stage": "Normalize",
        "error": "IncompatibleDataException",
        "message": "Unable to read [TimestampExpression]: not a date of the form"
        " YYYY-MM-DD",
        "suggestion": "send ISO 8601 with an offset, e.g. 2026-10-04T07:12:31Z",
        "type": "heartrate",
        "expression": PATH,
        "payload": json.dumps(envelope),
        "payload_base64": None,
        "source": f"{messages}:1",
        "enqueued_at": "2026-03-01T08:15:00Z",
        "first_seen": "2026-03-01T08:15:00Z",
        "last_seen": "2026-03-01T08:15:00Z",
        "count": 1,
    }
