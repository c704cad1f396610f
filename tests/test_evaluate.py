"""What a template makes of a message, seen through `normalize`."""

import json

import orjson
import pytest

from transforms.dead_letters import dead_letter
from transforms.device_mapping import DeviceMapping
from transforms.errors import (
    IncompatibleDataError,
    NormalizationDataMappingError,
    TemplateExpressionError,
)
from transforms.instants import parse_instant
from transforms.intake import Intake
from transforms.model import Measurement, MessageBatch
from transforms.normalize import normalize

TIME = "2026-10-04T07:12:31.5+02:00"
MESSAGE = {"id": "watch-7", "at": TIME, "hr": 78, "spo2": 97.50, "note": "calm"}
TEMPLATE = {
    "typeName": "vitals",
    "typeMatchExpression": "$..[?(@hr)]",
    "deviceIdExpression": "$.matchedToken.id",
    "timestampExpression": "$.matchedToken.at",
}


def value(name, expression, required=False):
    return {"valueName": name, "valueExpression": expression, "required": required}


def jmes(text):
    return {"value": text, "language": "JmesPath"}


def mapping(*templates):
    containers = [
        {"templateType": "CalculatedContent", "template": {**TEMPLATE, **template}}
        for template in templates
    ]
    document = {"templateType": "CollectionContent", "template": containers}
    return DeviceMapping.from_json(json.dumps(document))


def evaluate(message, *templates):
    batch = MessageBatch("day.ndjson:", (3,), (orjson.dumps(message),))
    return normalize(batch, mapping(*templates), Intake(mapping_version="v1"))


def measurement(**fields):
    instant, offset = parse_instant(TIME)
    found = Measurement(
        type="vitals",
        occurred_at=instant,
        ended_at=None,
        utc_offset_minutes=offset,
        ingested_at=None,
        device="watch-7",
        patient=None,
        encounter=None,
        correlation=None,
        values=(),
        source="day.ndjson:3",
    )
    return found._replace(**fields)


def letter(error, message, template="device.json:1"):
    payload = orjson.dumps(message)
    place = "day.ndjson:3"
    return dead_letter(
        "Normalize", error, payload, place, None, "v1", "vitals", template
    )


@pytest.mark.parametrize(
    ("message", "template", "fields"),
    [
        (MESSAGE, {}, {}),
        (
            MESSAGE,
            {
                "patientIdExpression": "$.matchedToken.note",
                "encounterIdExpression": jmes("Body.id"),
                "correlationIdExpression": "$.Body.hr",
                "values": [
                    value("hr", "$.matchedToken.hr", required=True),
                    value("ratio", jmes("divide(matchedToken.spo2, `100`)")),
                    value("note", "$.Body.note"),
                ],
            },
            {
                "patient": "calm",
                "encounter": "watch-7",
                "correlation": "78",
                "values": (("hr", "78"), ("ratio", "0.975"), ("note", "calm")),
            },
        ),
        ({**MESSAGE, "id": 7}, {}, {"device": "7"}),
        ({**MESSAGE, "id": 7.0}, {}, {"device": "7"}),
        ({**MESSAGE, "id": True}, {}, {"device": "true"}),
        ({**MESSAGE, "id": " a b "}, {}, {"device": " a b "}),
        (
            {**MESSAGE, "id": "2019-02-01T22:46:01Z"},
            {},
            {"device": "2019-02-01T22:46:01Z"},
        ),
        (
            {**MESSAGE, "at": f" {TIME}\n"},
            {},
            {},
        ),
        (
            {**MESSAGE, "at": 1625677200},
            {"timestampExpression": jmes("fromUnixTimestamp(Body.at)")},
            {"occurred_at": 1625677200000000, "utc_offset_minutes": 0},
        ),
        (
            {**MESSAGE, "at": 1626799080250},
            {"timestampExpression": jmes("fromUnixTimestampMs(Body.at)")},
            {"occurred_at": 1626799080250000, "utc_offset_minutes": 0},
        ),
    ],
)
def test_a_match_becomes_one_measurement(message, template, fields):
    found = evaluate(message, template)

    assert found == ([measurement(**fields)], [], 0)


@pytest.mark.parametrize(
    ("token", "values"),
    [
        ("text", (("v", "text"),)),
        (72.10, (("v", "72.1"),)),
        (60.0, (("v", "60"),)),
        (False, (("v", "false"),)),
        ("", (("v", ""),)),
        ("  ", (("v", "  "),)),
        (None, ()),
        ([1], ()),
        ({"a": 1}, ()),
        (1e300, ()),
    ],
)
def test_an_optional_value_without_a_text_is_left_out(token, values):
    message = {**MESSAGE, "v": token}
    templates = [
        {"values": [value("v", "$.matchedToken.v")]},
        {"values": [value("v", jmes("matchedToken.v"))]},
    ]

    expected = measurement(values=values)
    assert evaluate(message, *templates) == ([expected, expected], [], 0)


@pytest.mark.parametrize("key", ["patientIdExpression", "encounterIdExpression"])
@pytest.mark.parametrize(
    ("token", "text"),
    [("p 1", "p 1"), (7, "7"), ("", ""), (None, None), ([], None), ({}, None)],
)
def test_an_optional_id_without_a_text_is_none(key, token, text):
    found = evaluate({**MESSAGE, "who": token}, {key: "$.Body.who"})

    field = key.removesuffix("IdExpression")
    assert found == ([measurement(**{field: text})], [], 0)


_REQUIRED_HINT = (
    "correct the expression, or set the value's required to false, or have the"
    " device send it"
)


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("deviceIdExpression", "DeviceIdExpression"),
        ("correlationIdExpression", "CorrelationIdExpression"),
        ("values", "v"),
    ],
)
@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, "nothing was found"),
        ({"v": None}, "null was found"),
        ({"v": ""}, "only blanks were found"),
        ({"v": " \t"}, "only blanks were found"),
        ({"v": []}, "an array has no text"),
        ({"v": {"a": 1}}, "an object has no text"),
        (
            {"v": 1e30},
            "a whole number beyond 64 bits loses digits: send it as a string",
        ),
    ],
)
def test_what_is_required_and_has_no_text_makes_a_letter(key, name, changes, found):
    message = {**MESSAGE, **changes}
    path = "$.matchedToken.v"
    expression = [value("v", path, required=True)] if key == "values" else path

    error = IncompatibleDataError(
        f"Unable to extract required value for [{name}]: {found}", _REQUIRED_HINT, path
    )
    assert evaluate(message, {key: expression}) == ([], [letter(error, message)], 0)


def test_a_null_of_jmespath_counts_as_missing():
    message = {**MESSAGE, "v": None}
    template = {"deviceIdExpression": jmes("matchedToken.v")}

    error = IncompatibleDataError(
        "Unable to extract required value for [DeviceIdExpression]: nothing was found",
        _REQUIRED_HINT,
        "matchedToken.v",
    )
    assert evaluate(message, template) == ([], [letter(error, message)], 0)


_ISO_HINT = "send ISO 8601 with an offset, e.g. 2026-10-04T07:12:31Z"


@pytest.mark.parametrize(
    ("time", "found", "suggestion"),
    [
        (
            1625677200,
            "Unable to read [TimestampExpression]: a number is no date-time",
            "wrap it: fromUnixTimestamp(...) for seconds, fromUnixTimestampMs(...)",
        ),
        (
            1.5,
            "Unable to read [TimestampExpression]: a number is no date-time",
            "wrap it: fromUnixTimestamp(...) for seconds, fromUnixTimestampMs(...)",
        ),
        (
            None,
            "Unable to extract required value for [TimestampExpression]:"
            " null was found",
            _REQUIRED_HINT,
        ),
        (
            True,
            "Unable to read [TimestampExpression]: it is no text",
            _ISO_HINT,
        ),
        (
            [TIME],
            "Unable to read [TimestampExpression]: it is no text",
            _ISO_HINT,
        ),
        (
            "",
            "Unable to read [TimestampExpression]: not a date of the form YYYY-MM-DD",
            _ISO_HINT,
        ),
        (
            "02/01/2019 10:00",
            "Unable to read [TimestampExpression]: not a date of the form YYYY-MM-DD",
            _ISO_HINT,
        ),
        (
            "2026-02-30T00:00:00Z",
            "Unable to read [TimestampExpression]: no such day in the calendar",
            _ISO_HINT,
        ),
        (
            "9999-12-31T24:00:00Z",
            "Unable to read [TimestampExpression]: the time lies outside the years 1"
            " to 9999",
            _ISO_HINT,
        ),
    ],
)
def test_a_timestamp_that_is_no_time_makes_a_letter(time, found, suggestion):
    message = {**MESSAGE, "at": time}

    error = IncompatibleDataError(found, suggestion, "$.matchedToken.at")
    assert evaluate(message, {}) == ([], [letter(error, message)], 0)


def test_a_missing_timestamp_makes_a_letter():
    message = {"id": "watch-7", "hr": 78}

    error = IncompatibleDataError(
        "Unable to extract required value for [TimestampExpression]: nothing was found",
        _REQUIRED_HINT,
        "$.matchedToken.at",
    )
    assert evaluate(message, {}) == ([], [letter(error, message)], 0)


@pytest.mark.parametrize(
    "time", ["2026-10-04T07:12:31", "2026-10-04 07:12", "2026-10-04T24:00:00.000"]
)
def test_a_zoneless_time_is_rejected(time):
    message = {**MESSAGE, "at": time}

    error = IncompatibleDataError(
        "Unable to read [TimestampExpression]: the time has no zone",
        "have the device send an offset, e.g. 2026-10-04T07:12:31+02:00 or Z; or name"
        ' the zone: toUtc(…, zone) or "zonelessTime" in the template, or'
        " --zoneless_time",
        "$.matchedToken.at",
    )
    assert evaluate(message, {}) == ([], [letter(error, message)], 0)


_SEVERAL = (
    "the expression finds several tokens where one is wanted",
    "make the path exact, e.g. start at $.matchedToken, or match each element in"
    " typeMatchExpression",
)
_GUARD = (
    "guard the argument, e.g. with not_null() or to_number(), or narrow"
    " typeMatchExpression to messages that have it"
)


@pytest.mark.parametrize(
    ("key", "expression", "kind", "told"),
    [
        ("deviceIdExpression", "$..id", TemplateExpressionError, _SEVERAL),
        ("patientIdExpression", "$..note", TemplateExpressionError, _SEVERAL),
        ("values", "$..hr", TemplateExpressionError, _SEVERAL),
        (
            "encounterIdExpression",
            jmes("values(Body)[*]"),
            TemplateExpressionError,
            _SEVERAL,
        ),
        (
            "values",
            jmes("add(Body.note, `1`)"),
            NormalizationDataMappingError,
            ("add: wants number, got string", _GUARD),
        ),
        (
            "values",
            jmes("multiply(to_number(matchedToken.height), `0.0254`)"),
            NormalizationDataMappingError,
            ("multiply: wants number, got null", _GUARD),
        ),
        (
            "values",
            jmes("divide(Body.hr, `0`)"),
            NormalizationDataMappingError,
            ("divide: division by zero", _GUARD),
        ),
        (
            "typeMatchExpression",
            jmes("keys(Body.hr)"),
            NormalizationDataMappingError,
            ("keys: wants object, got number", _GUARD),
        ),
    ],
)
def test_several_tokens_and_failing_functions_end_the_match_even_when_optional(
    key, expression, kind, told
):
    entry = [value("v", expression)] if key == "values" else expression
    text = expression if isinstance(expression, str) else expression["value"]

    expected = letter(kind(*told, text), MESSAGE)
    assert evaluate(MESSAGE, {key: entry}) == ([], [expected], 0)


def test_a_recursive_value_finds_the_match_and_its_copy():
    template = {"values": [value("hr", "$..hr")]}
    measurements, letters, _ = evaluate(MESSAGE, template)

    assert (measurements, [found.message for found in letters]) == (
        [],
        ["the expression finds several tokens where one is wanted"],
    )


def test_a_failed_match_stops_neither_the_next_match_nor_the_next_template():
    body = [{**MESSAGE, "id": "a"}, {**MESSAGE, "id": None}, {**MESSAGE, "id": "c"}]
    other = {"typeName": "other", "deviceIdExpression": jmes("'fixed'")}
    found = evaluate(body, {}, other)

    error = IncompatibleDataError(
        "Unable to extract required value for [DeviceIdExpression]: null was found",
        _REQUIRED_HINT,
        "$.matchedToken.id",
    )
    assert found == (
        [
            measurement(device="a"),
            measurement(device="c"),
            *[measurement(type="other", device="fixed")] * 3,
        ],
        [letter(error, body)],
        0,
    )


def test_templates_and_matches_keep_their_order_and_nothing_is_deduplicated():
    body = [{**MESSAGE, "id": "a"}, {**MESSAGE, "id": "b"}]
    found = evaluate(body, {}, {})

    order = [measurement(device=device) for device in "abab"]
    assert found == (order, [], 0)


def test_matched_token_stands_beside_the_whole_envelope():
    message = {
        "Body": {"list": [{"hr": 61}, {"hr": 62}], "matchedToken": "own"},
        "Properties": {"patient": "p-1"},
        "SystemProperties": {"x-opt-enqueued-time": "2026-10-04T05:12:32Z"},
        "matchedToken": "overwritten",
    }
    template = {
        "typeMatchExpression": "$.Body.list[*]",
        "deviceIdExpression": "$.Body.matchedToken",
        "timestampExpression": "$.SystemProperties.x-opt-enqueued-time",
        "patientIdExpression": "$.Properties.patient",
        "values": [value("hr", jmes("matchedToken.hr"))],
    }

    enqueued = parse_instant("2026-10-04T05:12:32Z")[0]
    expected = measurement(
        occurred_at=enqueued,
        utc_offset_minutes=0,
        ingested_at=enqueued,
        device="own",
        patient="p-1",
    )
    assert evaluate(message, template) == (
        [
            expected._replace(values=(("hr", "61"),)),
            expected._replace(values=(("hr", "62"),)),
        ],
        [],
        0,
    )


_STEPS = [
    ("deviceIdExpression", "$.no.device"),
    ("timestampExpression", "$.no.time"),
    ("correlationIdExpression", "$.no.correlation"),
    ("patientIdExpression", "$.Body..a"),
    ("encounterIdExpression", "$.Body..b"),
    ("values", [value("v", "$.no.v", True), value("w", "$.no.w", True)]),
]


def first_failures(steps):
    """The expression that is told when all steps fail, all but the first, ..."""
    message = {**MESSAGE, "x": {"a": 1, "b": 1}, "y": {"a": 1, "b": 1}}
    runs = [evaluate(message, dict(steps[start:])) for start in range(len(steps))]
    return [[found.expression for found in run.dead_letters] for run in runs]


def test_the_first_failure_is_told_and_only_that():
    steps = [_STEPS[0], _STEPS[1], _STEPS[5]]

    assert first_failures(steps) == [["$.no.device"], ["$.no.time"], ["$.no.v"]]


def test_the_order_of_evaluation_is_that_of_medtech():
    assert first_failures(_STEPS) == [
        ["$.no.device"],
        ["$.no.time"],
        ["$.no.correlation"],
        ["$.Body..a"],
        ["$.Body..b"],
        ["$.no.v"],
    ]
