"""The four kinds of device templates, and what templates may say beyond MedTech's."""

import json

import orjson
import pytest

from transforms.dead_letters import measurement_document
from transforms.device_mapping import DeviceMapping, load_device_mapping
from transforms.intake import Intake
from transforms.model import MessageBatch
from transforms.normalize import normalize
from transforms.rules import MEDTECH, USUAL, Rules

AT = "2026-10-04T07:12:31Z"


def mapping_text(kind, template, **root):
    container = {"templateType": kind, "template": template}
    return json.dumps(
        {"templateType": "CollectionContent", **root, "template": [container]}
    )


def evaluate(kind, template, message, rules=USUAL, **root):
    """The measurements as MedTech would print them, and the errors."""
    mapping = DeviceMapping.from_json(mapping_text(kind, template, **root), rules=rules)
    batch = MessageBatch("m:", (1,), (orjson.dumps(message),))
    found = normalize(batch, mapping, Intake(medtech=rules.medtech))
    measurements = [measurement_document(one) for one in found.measurements]
    return measurements, [(letter.error, letter.message) for letter in found[1]]


def document(values=None, flags=None, **fields):
    properties = [
        {
            "name": name,
            "value": value,
            **({"flag": (flags or {})[name]} if name in (flags or {}) else {}),
        }
        for name, value in (values or {}).items()
    ]
    return {
        "type": "vital",
        "occurrenceTimeUtc": AT,
        "ingestionTimeUtc": None,
        "deviceId": "dev",
        "patientId": None,
        "encounterId": None,
        "correlationId": None,
        "properties": properties,
        **fields,
    }


def values(**expressions):
    return [
        {"valueName": name, "valueExpression": expression}
        for name, expression in expressions.items()
    ]


def jmes(text):
    return {"value": text, "language": "JmesPath"}


# JsonPathContent: expressions see the matched token.

PLAIN = {
    "typeName": "vital",
    "typeMatchExpression": "$..[?(@hr)]",
    "deviceIdExpression": "$.id",
    "timestampExpression": "$.at",
    "values": values(hr="$.hr"),
}


@pytest.mark.parametrize("kind", ["JsonPathContent", "jsonpathcontenttemplate"])
def test_expressions_of_json_path_content_see_the_matched_token(kind):
    reading = {"id": "dev", "at": AT, "hr": 60.0}
    one, two = document({"hr": "60"}), document({"hr": "61"})
    messages = [
        reading,
        {"Body": [reading, {**reading, "hr": 61}], "Properties": {}},
    ]
    assert evaluate(kind, PLAIN, messages[0]) == ([one], [])
    assert evaluate(kind, PLAIN, messages[1]) == ([one, two], [])


def test_neither_the_envelope_nor_matched_token_is_in_reach_of_json_path_content():
    template = {**PLAIN, "values": values(a="$.Body.hr", b="$.matchedToken.hr")}
    message = {"id": "dev", "at": AT, "hr": 60}
    assert evaluate("JsonPathContent", template, message) == ([document()], [])


def test_json_path_content_needs_no_values():
    template = {key: PLAIN[key] for key in PLAIN if key != "values"}
    message = {"id": "dev", "at": AT, "hr": 60}
    assert evaluate("JsonPathContent", template, message) == ([document()], [])


# IotJsonPathContent: device and time come from IoT Hub.

IOT = {
    "typeName": "vital",
    "typeMatchExpression": "$..[?(@Body.hr)]",
    "values": values(hr="$.Body.hr"),
}
LATER = "2026-10-04T09:00:00Z"


@pytest.mark.parametrize(
    ("created", "occurred_at"),
    [
        ({"iothub-creation-time-utc": AT}, AT),
        ({}, LATER),
        ({"iothub-creation-time-utc": None}, LATER),
        ({"iothub-creation-time-utc": " "}, LATER),
        ({"iothub-creation-time-utc": "yesterday"}, LATER),
        ({"iothub-creation-time-utc": 5}, LATER),
    ],
)
@pytest.mark.parametrize("kind", ["IotJsonPathContent", "IotJsonPathContentTemplate"])
@pytest.mark.parametrize("rules", [USUAL, MEDTECH])
def test_iot_hub_names_the_device_and_one_of_two_times(
    kind, created, occurred_at, rules
):
    message = {
        "Body": {"hr": 60},
        "Properties": created,
        "SystemProperties": {
            "iothub-connection-device-id": "dev",
            "iothub-enqueuedtime": LATER,
        },
    }
    expected = document(
        {"hr": "60"}, occurrenceTimeUtc=occurred_at, ingestionTimeUtc=LATER
    )
    assert evaluate(kind, IOT, message, rules) == ([expected], [])


@pytest.mark.parametrize(
    ("properties", "error"),
    [
        (
            {},
            "Unable to extract required value for [DeviceIdExpression]: nothing was"
            " found",
        ),
        (
            {"iothub-connection-device-id": "dev"},
            "Unable to extract required value for [TimestampExpression]: nothing was"
            " found",
        ),
        (
            {"iothub-connection-device-id": "dev", "iothub-enqueuedtime": "x"},
            "Unable to read [TimestampExpression]: not a date of the form YYYY-MM-DD",
        ),
    ],
)
def test_what_iot_hub_does_not_name_is_missing(properties, error):
    message = {"Body": {"hr": 60}, "Properties": {}, "SystemProperties": properties}
    assert evaluate("IotJsonPathContent", IOT, message) == (
        [],
        [("IncompatibleDataException", error)],
    )


# IotCentralJsonPathContent: export records, wherever they stand.

CENTRAL = {
    "typeName": "vital",
    "typeMatchExpression": "$..[?(@telemetry.HeartRate)]",
    "patientIdExpression": "$.deviceId",
    "values": values(hr="$.telemetry.HeartRate"),
}


def test_records_of_iot_central_are_found_bare_in_body_and_in_arrays():
    record = {"deviceId": "dev", "enqueuedTime": AT, "telemetry": {"HeartRate": 60}}
    other = {**record, "telemetry": {"HeartRate": 61}}
    one = document({"hr": "60"}, patientId="dev")
    two = document({"hr": "61"}, patientId="dev")
    kind = "IotCentralJsonPathContent"
    assert evaluate(kind, CENTRAL, record) == ([one], [])
    assert evaluate(kind, CENTRAL, {"Body": record}) == ([one], [])
    assert evaluate(kind, CENTRAL, {"Body": [record, other]}) == ([one, two], [])
    assert evaluate(kind, CENTRAL, [record, other]) == ([one, two], [])


# Findings that concern the kinds.


@pytest.mark.parametrize(
    ("kind", "template", "expected"),
    [
        (
            "JsonPathContent",
            {**PLAIN, "deviceIdExpression": jmes("id")},
            [
                "'deviceIdExpression' must be a string: only CalculatedContent takes"
                " objects"
            ],
        ),
        (
            "JsonPathContent",
            {**PLAIN, "defaultExpressionLanguage": "JmesPath"},
            [
                "Could not find member 'defaultExpressionLanguage' on object of type"
                " 'JsonPathContentTemplate'"
            ],
        ),
        (
            "JsonPathContent",
            {"typeName": "vital", "values": [{"valueName": "v"}]},
            [
                "Required property 'TypeMatchExpression' not found in JSON.",
                "Required property 'DeviceIdExpression' not found in JSON.",
                "Required property 'TimestampExpression' not found in JSON.",
                "Required property 'ValueExpression' not found in JSON.",
            ],
        ),
        (
            "JsonPathContent",
            {**PLAIN, "patientIdExpression": " ", "values": values(v="")},
            [
                "'patientIdExpression' is blank: it counts as absent",
                "'valueExpression' is blank: it counts as absent",
            ],
        ),
        (
            "JsonPathContent",
            {**PLAIN, "deviceIdExpression": " "},
            ["'deviceIdExpression' must not be blank"],
        ),
        (
            "IotJsonPathContent",
            {**IOT, "typeMatchExpression": "$..[?(@hr)]"},
            [
                "the match lies inside Body, from where the device id in"
                " SystemProperties cannot be reached"
            ],
        ),
        (
            "IotCentralJsonPathContent",
            {**CENTRAL, "timestampExpression": "$.at"},
            [
                "'timestampExpression' is ignored: IotCentralJsonPathContent always"
                " takes $.enqueuedTime"
            ],
        ),
        (
            "CalculatedContent",
            {**PLAIN, "typeMatchExpression": "$[?(@hr)]"},
            ["the template never fires: "],
        ),
        (
            "CalculatedContent",
            {**PLAIN, "patientIdExpression": ""},
            ["'patientIdExpression' must not be blank"],
        ),
        (
            "CalculatedContent",
            {
                **PLAIN,
                "typeMatchExpression": jmes("Body[?hr]"),
                "values": values(v="$.matchedPath[0]"),
            },
            ["matchedPath and matchedParents are there only after a JSONPath match"],
        ),
        (
            "CalculatedContent",
            {**PLAIN, "zonelessTime": "Mars/Olympus"},
            ["'zonelessTime' must be reject, utc or an IANA time zone"],
        ),
    ],
)
def test_findings(kind, template, expected):
    _mapping, findings = load_device_mapping(mapping_text(kind, template), "d.json")
    found = [problem.message for problem in findings.problems]
    assert len(found) == len(expected)
    for message, start in zip(found, expected, strict=True):
        assert message.startswith(start)


# Extensions.

OURS = {
    "typeName": "vital",
    "typeMatchExpression": "$..[?(@hr)]",
    "deviceIdExpression": "$.matchedToken.id",
    "timestampExpression": "$.matchedToken.at",
    "values": values(hr="$.matchedToken.hr"),
}
READING = {"id": "dev", "at": AT, "hr": 60}
EARLY, LATE = "2026-10-04T06:00:00Z", "2026-10-04T06:15:00Z"


@pytest.mark.parametrize(
    ("more", "message", "expected"),
    [
        (
            {"startTimeExpression": "$.matchedToken.from"},
            {"from": EARLY},
            {"occurrenceTimeUtc": EARLY},
        ),
        ({"startTimeExpression": "$.matchedToken.from"}, {}, {}),
        (
            {
                "startTimeExpression": "$.matchedToken.from",
                "endTimeExpression": "$.matchedToken.to",
            },
            {"from": EARLY, "to": LATE},
            {"occurrenceTimeUtc": EARLY, "endTimeUtc": LATE},
        ),
        ({"endTimeExpression": "$.matchedToken.to"}, {"to": None}, {}),
        ({"endTimeExpression": "$.matchedToken.to"}, {"to": AT}, {}),
        (
            {"identifierExpression": "$.matchedToken.uuid"},
            {"uuid": 7},
            {"identifier": "7"},
        ),
        ({"identifierExpression": "$.matchedToken.uuid"}, {"uuid": " "}, {}),
    ],
)
def test_intervals_and_record_ids(more, message, expected):
    found = evaluate("CalculatedContent", {**OURS, **more}, {**READING, **message})
    assert found == ([document({"hr": "60"}, **expected)], [])


def test_a_start_can_stand_for_the_timestamp():
    template = {**OURS, "startTimeExpression": "$.matchedToken.from"}
    del template["timestampExpression"]
    found = evaluate("CalculatedContent", template, {**READING, "from": EARLY})
    assert found == ([document({"hr": "60"}, occurrenceTimeUtc=EARLY)], [])


@pytest.mark.parametrize(
    ("end", "message"),
    [
        (EARLY, "Unable to read [EndTimeExpression]: the end lies before the start"),
        (
            "soon",
            "Unable to read [EndTimeExpression]: not a date of the form YYYY-MM-DD",
        ),
        (5, "Unable to read [EndTimeExpression]: a number is no date-time"),
    ],
)
def test_an_end_that_cannot_be_is_an_error(end, message):
    template = {**OURS, "endTimeExpression": "$.matchedToken.to"}
    found = evaluate("CalculatedContent", template, {**READING, "to": end})
    assert found == ([], [("IncompatibleDataException", message)])


def flagged(required=False):
    value = {
        "valueName": "hr",
        "valueExpression": "$.matchedToken.hr",
        "flagExpression": "$.matchedToken.flag",
        "required": required,
    }
    return {**OURS, "values": [value]}


@pytest.mark.parametrize(
    ("message", "value", "flag"),
    [
        ({}, "60", None),
        ({"flag": None}, "60", None),
        ({"flag": False}, "60", None),
        ({"flag": ""}, "60", None),
        ({"flag": "LOW"}, "60", "<"),
        ({"flag": ">="}, "60", ">="),
        ({"flag": "error"}, "60", "error"),
        ({"flag": "error", "hr": None}, None, "error"),
    ],
)
@pytest.mark.parametrize("required", [False, True])
def test_flags(message, value, flag, required):
    found = evaluate("CalculatedContent", flagged(required), {**READING, **message})
    flags = {} if flag is None else {"hr": flag}
    assert found == ([document({"hr": value}, flags)], [])


@pytest.mark.parametrize("flag", ["no-finger", 7, [], True])
def test_an_unknown_flag_is_an_error(flag):
    found = evaluate("CalculatedContent", flagged(), {**READING, "flag": flag})
    message = "Unable to read the flag of [hr]: it is neither comparator nor code"
    assert found == ([], [("IncompatibleDataException", message)])


PATHS = [
    ("$.Properties.source", True),
    ("$.Properties.other", False),
    ("$..[?(@.source == 'acme')]", True),
    ("$..[?(@.source == 'other')]", False),
    ("$.Properties.off", False),
]
CONDITIONS = [
    *(("CalculatedContent", OURS, *condition) for condition in PATHS),
    *(("JsonPathContent", PLAIN, *condition) for condition in PATHS),
    ("CalculatedContent", OURS, jmes("Properties.source == 'acme'"), True),
    ("CalculatedContent", OURS, jmes("Properties.source == 'other'"), False),
    ("CalculatedContent", OURS, jmes("Properties.none"), False),
]


@pytest.mark.parametrize(("kind", "template", "when", "fires"), CONDITIONS)
def test_a_condition_decides_before_the_match(kind, template, when, fires):
    message = {"Body": READING, "Properties": {"source": "acme", "off": False}}
    expected = [document({"hr": "60"})] if fires else []
    assert evaluate(kind, {**template, "when": when}, message) == (expected, [])


def test_the_path_to_a_match_and_the_objects_around_it_are_in_reach():
    template = {
        **OURS,
        "typeMatchExpression": "$.Body.days[*].samples.*",
        "deviceIdExpression": jmes("matchedParents[-1].Body.id"),
        "timestampExpression": jmes(
            "fromUnixTimestamp("
            "add(matchedParents[1].start, to_number(matchedPath[-1])))"
        ),
        "values": values(
            v="$.matchedToken",
            kind=jmes("matchedPath[-2]"),
            depth=jmes("length(matchedPath)"),
            day=jmes("matchedPath[2]"),
        ),
    }
    start = 1_791_097_951
    message = {"id": "dev", "days": [{"start": start, "samples": {"0": 60, "15": 61}}]}
    at = ["2026-10-04T07:12:31Z", "2026-10-04T07:12:46Z"]
    common = {"kind": "samples", "depth": "5", "day": "0"}
    assert evaluate("CalculatedContent", template, message) == (
        [
            document({"v": "60", **common}, occurrenceTimeUtc=at[0]),
            document({"v": "61", **common}, occurrenceTimeUtc=at[1]),
        ],
        [],
    )


ZONELESS = {**READING, "at": "2026-10-04T09:12:31"}


@pytest.mark.parametrize(
    ("template", "root", "rules", "expected"),
    [
        ("utc", {}, USUAL, "2026-10-04T09:12:31Z"),
        ("Europe/Paris", {}, USUAL, AT),
        (None, {"zonelessTime": "Europe/Paris"}, USUAL, AT),
        (None, {}, Rules(zoneless="Europe/Paris"), AT),
        ("Europe/Paris", {"zonelessTime": "utc"}, USUAL, AT),
        ("Europe/Paris", {"zonelessTime": "utc"}, Rules(zoneless="Asia/Tokyo"), AT),
        (None, {}, MEDTECH, "2026-10-04T09:12:31Z"),
        ("Europe/Paris", {}, MEDTECH, AT),
        (None, {}, Rules(medtech=True, zoneless="Europe/Paris"), AT),
    ],
)
def test_zoneless_times_by_policy(template, root, rules, expected):
    policy = {} if template is None else {"zonelessTime": template}
    found = evaluate("CalculatedContent", {**OURS, **policy}, ZONELESS, rules, **root)
    assert found == ([document({"hr": "60"}, occurrenceTimeUtc=expected)], [])


def test_who_asks_for_it_rejects_zoneless_times_with_medtech_too():
    rules = Rules(medtech=True, zoneless="reject")
    message = "Unable to read [TimestampExpression]: the time has no zone"
    errors = [("IncompatibleDataException", message)]
    assert evaluate("CalculatedContent", OURS, ZONELESS, rules) == ([], errors)
    root = {"zonelessTime": "reject"}
    assert evaluate("CalculatedContent", OURS, ZONELESS, MEDTECH, **root) == (
        [],
        errors,
    )


@pytest.mark.parametrize("root", [{}, {"zonelessTime": "utc"}])
def test_zoneless_times_can_be_rejected_where_others_are_not(root):
    template = {**OURS, "zonelessTime": "reject"}
    message = "Unable to read [TimestampExpression]: the time has no zone"
    assert evaluate("CalculatedContent", template, ZONELESS, USUAL, **root) == (
        [],
        [("IncompatibleDataException", message)],
    )
