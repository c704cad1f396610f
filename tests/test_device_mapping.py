"""Device mappings: every finding at its place, and what is compiled."""

import json
import pickle
from pathlib import Path

import pytest

from transforms.device_mapping import (
    DeviceMapping,
    load_device_mapping,
)
from transforms.errors import MappingError, Problem
from transforms.intake import Intake
from transforms.model import MessageBatch
from transforms.normalize import normalize

TEMPLATES = Path(__file__).resolve().parents[1] / "templates"

MATCH = '"typeMatchExpression": "$..[?(@hr)]"'
DEVICE = '"deviceIdExpression": "$.matchedToken.id"'
TIME = '"timestampExpression": "$.matchedToken.at"'
NEEDED = f'"typeName": "hr", {MATCH}, {DEVICE}, {TIME}'

INVALID = "InvalidTemplateException"
EXPRESSION = "TemplateExpressionException"


def marked(text):
    """A text without its ¦ marks, and the lines and columns they stood at."""
    places = []
    plain = ""
    for part in text.split("¦"):
        plain += part
        lines = plain.split("\n")
        places.append((len(lines), len(lines[-1]) + 1))
    return plain, places[:-1]


def collection(*containers):
    listed = ",\n".join(containers)
    return f'{{"templateType": "CollectionContent", "template": [\n{listed}]}}'


def calculated(template, template_type='"CalculatedContent"'):
    return f'{{"templateType": {template_type},\n "template": {template}}}'


def check(text, expected):
    """Compares all findings: at the first mark the first one, and so on."""
    plain, places = marked(text)
    problems = [
        Problem(severity, code, "f.json", *place, message, suggestion)
        for place, (severity, code, message, suggestion) in zip(
            places, expected, strict=True
        )
    ]
    found = load_device_mapping(plain, "f.json")[1].problems
    assert sorted(found, key=_place) == sorted(problems, key=_place)


def _place(problem):
    return problem.line, problem.column, problem.message


def error(message, suggestion="", code=INVALID):
    return "error", code, message, suggestion


def warning(message, suggestion=""):
    return "warning", INVALID, message, suggestion


@pytest.mark.parametrize("spelling", ["CalculatedContent", "calculatedCONTENT"])
def test_a_calculated_template_is_compiled(spelling):
    text = collection(
        calculated(
            '{"typeName": "hr", "typeMatchExpression": "$..[?(@hr)]",\n'
            '"deviceIdExpression": {"value": "Body.id", "language": "jmesPath"},\n'
            '"timestampExpression": {"value": "$.at"},\n'
            '"patientIdExpression": "$.p", "encounterIdExpression": "$.e",\n'
            '"correlationIdExpression": "$.c",\n'
            '"values": [{"valueName": "v", "valueExpression": "$.v"},\n'
            '{"valueName": "w", "valueExpression": {"value": "w", "language": 1},\n'
            '"required": "True"}]}',
            f'"{spelling}"',
        )
    )
    mapping, findings = load_device_mapping(text, "f.json")

    assert findings.problems == []
    (template,) = mapping.templates
    expressions = {
        name: (found.text, type(found.compiled).__name__, found.location)
        for name, found in template._asdict().items()
        if hasattr(found, "compiled")
    }
    assert expressions == {
        "match": ("$..[?(@hr)]", "JsonPath", "f.json:3"),
        "device": ("Body.id", "JmesPath", "f.json:4"),
        "patient": ("$.p", "JsonPath", "f.json:6"),
        "encounter": ("$.e", "JsonPath", "f.json:6"),
        "correlation": ("$.c", "JsonPath", "f.json:7"),
    }
    (timestamp,) = template.timestamps
    assert (timestamp.text, timestamp.location) == ("$.at", "f.json:5")
    assert [
        (value.name, value.expression.text, value.required) for value in template.values
    ] == [("v", "$.v", False), ("w", "w", True)]
    assert (template.type_name, template.location) == ("hr", "f.json:3")


@pytest.mark.parametrize(
    ("default", "language", "compiled"),
    [
        (None, None, "JsonPath"),
        ("JmesPath", None, "JmesPath"),
        ("jmespath", None, "JmesPath"),
        ("JSONPATH", None, "JsonPath"),
        (1, None, "JmesPath"),
        (0, None, "JsonPath"),
        ("JmesPath", "JsonPath", "JsonPath"),
        (None, "JmesPath", "JmesPath"),
        ("JmesPath", 0, "JsonPath"),
    ],
)
def test_an_expression_has_its_own_language_or_the_default(default, language, compiled):
    expression = {"value": "Body", "language": language}
    template = {
        "typeName": "hr",
        "typeMatchExpression": expression,
        "deviceIdExpression": "Body",
        "timestampExpression": "Body",
        "defaultExpressionLanguage": default,
    }
    text = collection(calculated(json.dumps(template)))

    (found,) = DeviceMapping.from_json(text).templates
    assert type(found.match.compiled).__name__ == compiled


_LANGUAGE = "the language must be JsonPath or JmesPath"


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        (
            "¦¦¦¦{}",
            [
                error(
                    f"Required property '{name}' not found in JSON.",
                    f'add "{name[0].lower()}{name[1:]}"',
                )
                for name in (
                    "TypeName",
                    "TypeMatchExpression",
                    "DeviceIdExpression",
                    "TimestampExpression",
                )
            ],
        ),
        (
            f'{{"typeName": ¦null, {MATCH}, {TIME}, "deviceIdExpression":\n¦null}}',
            [
                error("Required property 'TypeName' expects a value but got null."),
                error(
                    "Required property 'DeviceIdExpression' expects a value but got"
                    " null."
                ),
            ],
        ),
        (
            f'{{"typeName": ¦" ", {MATCH}, {TIME}, {DEVICE}}}',
            [error("'typeName' must not be blank")],
        ),
        (
            f'{{"typeName": ¦7, {MATCH}, {TIME}, {DEVICE}}}',
            [error("'typeName' must be a string")],
        ),
        (
            f'{{{NEEDED},\n ¦"patientExpression": "$.p", ¦"x": 1}}',
            [
                error(
                    "Could not find member 'patientExpression' on object of type"
                    " 'CalculatedFunctionContentTemplate'",
                    "did you mean patientIdExpression?",
                ),
                error(
                    "Could not find member 'x' on object of type"
                    " 'CalculatedFunctionContentTemplate'"
                ),
            ],
        ),
        (
            f'{{{NEEDED}, ¦"typeName": "a", "typeName": "b"}}'.replace(
                '{"typeName": "hr"', '{¦"typeName": "hr"'
            ),
            [
                warning(
                    "the key 'typeName' stands here and again below: the last counts",
                    "remove one of them",
                )
            ]
            * 2,
        ),
        (
            f'{{{NEEDED}, "patientIdExpression": ¦5}}',
            [
                error(
                    "'patientIdExpression' must be a string, or an object with value"
                    " and language"
                )
            ],
        ),
        (
            f'{{{NEEDED}, "patientIdExpression": ¦["$.p"]}}',
            [
                error(
                    "'patientIdExpression' must be a string, or an object with value"
                    " and language"
                )
            ],
        ),
        (
            f'{{{NEEDED}, "correlationIdExpression": ¦""}}',
            [error("'correlationIdExpression' must not be blank")],
        ),
        (
            f'{{{NEEDED}, "patientIdExpression": ¦{{}}}}',
            [error("Required property 'Value' not found in JSON.", 'add "value"')],
        ),
        (
            f'{{{NEEDED}, "patientIdExpression": {{"value": ¦null}}}}',
            [error("Required property 'Value' expects a value but got null.")],
        ),
        (
            f'{{{NEEDED}, "patientIdExpression": {{"value": ¦" "}}}}',
            [error("'patientIdExpression' must not be blank")],
        ),
        (
            f'{{{NEEDED}, "patientIdExpression": {{"value": ¦1}}}}',
            [
                error(
                    "'patientIdExpression' must be a string, or an object with value"
                    " and language"
                )
            ],
        ),
        (
            f'{{{NEEDED}, "patientIdExpression":'
            ' {"value": "$.p", "language": ¦"JmesPaht"}}',
            [error(_LANGUAGE, "did you mean JmesPath?")],
        ),
        (
            f'{{{NEEDED}, "patientIdExpression": {{"value": "$.p", ¦"lang": 1}}}}',
            [
                warning(
                    "Could not find member 'lang' on object of type"
                    " 'TemplateExpression'",
                    "did you mean language?",
                )
            ],
        ),
        (
            f'{{{NEEDED}, "defaultExpressionLanguage": ¦"XPath"}}',
            [error(_LANGUAGE, "did you mean JsonPath?")],
        ),
        (
            f'{{{NEEDED}, "defaultExpressionLanguage": ¦2}}',
            [error(_LANGUAGE)],
        ),
        (
            f'{{{NEEDED}, "defaultExpressionLanguage": ¦{{}}}}',
            [error(_LANGUAGE)],
        ),
        (f'{{{NEEDED}, "values": ¦{{}}}}', [error("'values' must be an array")]),
        (
            f'{{{NEEDED}, "values": [null, ¦5]}}',
            [error("CalculatedFunctionValueExpression must be an object")],
        ),
        (
            f'{{{NEEDED}, "values": [¦¦{{}}]}}',
            [
                error(
                    "Required property 'ValueName' not found in JSON.",
                    'add "valueName"',
                ),
                error(
                    "Required property 'ValueExpression' not found in JSON.",
                    'add "valueExpression"',
                ),
            ],
        ),
        (
            f'{{{NEEDED}, "values": [{{"valueName": ¦"", "valueExpression": ¦null,'
            ' "required": ¦"yes", ¦"unit": "x"}]}',
            [
                error("'valueName' must not be blank"),
                error(
                    "Required property 'ValueExpression' expects a value but got null."
                ),
                error("'required' must be true or false"),
                error(
                    "Could not find member 'unit' on object of type"
                    " 'CalculatedFunctionValueExpression'"
                ),
            ],
        ),
        (
            f'{{{NEEDED}, "values": [{{"valueName": "v", "valueExpression": "$.a"}},\n'
            '  ¦{"valueName": "v", "valueExpression": "$.b"}]}',
            [
                warning(
                    "the value [v] is defined twice: the first that is found counts",
                    "rename or remove one of them",
                )
            ],
        ),
        (
            f'{{{NEEDED}, "patientIdExpression": "$.a¦["}}',
            [
                error(
                    'JsonPath: "[" is not closed',
                    "add ]",
                    code=EXPRESSION,
                )
            ],
        ),
        (
            f'{{{NEEDED}, "patientIdExpression": {{"language": "JmesPath",'
            '\n"value": "a.b || ¦ad(`1`, `2`)"}}',
            [
                error(
                    "JmesPath: there is no function ad",
                    "did you mean add?",
                    EXPRESSION,
                )
            ],
        ),
        (
            f'{{{NEEDED}, "defaultExpressionLanguage": "JmesPath"}}'.replace(
                "$..[?(@hr)]", "¦$..[?(@hr)]"
            )
            .replace("$.matchedToken.id", "¦$.matchedToken.id")
            .replace("$.matchedToken.at", "keys(\\u0040, ¦"),
            [
                error("JmesPath: Unknown token $", code=EXPRESSION),
                error("JmesPath: Unknown token $", code=EXPRESSION),
                error("JmesPath: the expression ends too early", code=EXPRESSION),
            ],
        ),
    ],
)
def test_every_error_of_a_template_is_told_at_its_place(template, expected):
    check(collection(calculated(template)), expected)


@pytest.mark.parametrize(
    ("given", "message", "suggestion"),
    [
        (
            "CalculatedContentTemplate",
            "No match found for template type CalculatedContentTemplate.",
            "did you mean CalculatedContent?",
        ),
        (
            "CollectionContent",
            "No match found for template type CollectionContent.",
            "did you mean CalculatedContent?",
        ),
        (
            "IotCentralJsonPathContentTemplate",
            "No match found for template type IotCentralJsonPathContentTemplate.",
            "did you mean IotCentralJsonPathContent?",
        ),
        ("", "No match found for template type .", ""),
    ],
)
def test_other_template_types_are_rejected_at_load(given, message, suggestion):
    container = calculated(f"{{{NEEDED}}}", f'¦"{given}"')

    check(collection(container), [error(message, suggestion)])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            '{"templateType": ¦"CollectionFhir", "template": []}',
            [
                error(
                    "Expected TemplateType value CollectionContentTemplate, actual"
                    " CollectionFhir.",
                    "is this the other mapping file?",
                )
            ],
        ),
        (
            "¦",
            [error("the text is empty", "write a JSON object", "InvalidJson")],
        ),
    ],
)
def test_a_root_that_is_no_device_mapping_is_an_error(text, expected):
    check(text, expected)


def test_a_bad_template_is_left_out_and_the_others_are_compiled():
    good = calculated(f"{{{NEEDED}}}")
    other = calculated(f"{{{NEEDED}}}".replace("$..[?(@hr)]", "$..[?(@rr)]"))
    bad = calculated(f"{{{MATCH}, {DEVICE}, {TIME}}}")
    mapping, findings = load_device_mapping(collection(bad, good, bad, other), "f.json")

    assert [template.location for template in mapping.templates] == [
        "f.json:5",
        "f.json:9",
    ]
    message = "Required property 'TypeName' not found in JSON."
    assert findings.problems == [
        Problem("error", INVALID, "f.json", line, 14, message, 'add "typeName"')
        for line in (3, 7)
    ]


def test_a_mapping_with_an_error_is_not_launched():
    text = collection(calculated(f"{{{MATCH}, {DEVICE}, {TIME}}}"))

    with pytest.raises(MappingError) as caught:
        DeviceMapping.from_json(text, "dir/device.json")

    assert str(caught.value) == (
        "dir/device.json:3:14: error: Required property 'TypeName' not found in JSON."
        ' [InvalidTemplateException] (add "typeName")'
    )


@pytest.mark.parametrize(
    ("match", "gates"),
    [
        ("$..[?(@hr)]", (b'"hr"',)),
        ("$..[?(@['Heart Rate'])]", (b'"Heart Rate"',)),
        ("$.Body.list[*]", (b'"list"',)),
        ("$.Body", ()),
        ("$.SystemProperties.x", (b'"x"',)),
        ("$..[?(@b && @a)]", (b'"a"', b'"b"')),
        ("$..[?(@a || @b)]", ()),
        ("$..[?(@µ)]", ('"µ"'.encode(),)),
        ("$..[?(@['a/b'])]", ()),
        ("$..[?(@['a\"b'])]", ()),
        ("$..*", ()),
    ],
)
def test_a_gate_is_a_name_that_every_matching_message_holds(match, gates):
    template = {
        "typeName": "hr",
        "typeMatchExpression": match,
        "deviceIdExpression": "$.d",
        "timestampExpression": "$.t",
    }
    mapping = DeviceMapping.from_json(collection(calculated(json.dumps(template))))

    assert [found.gates for found in mapping.templates] == [gates]


def test_jmespath_matches_have_gates_too():
    text = collection(
        calculated(
            f'{{{NEEDED}, "typeMatchExpression":'
            ' {"value": "to_array(Body)[?hr]", "language": "JmesPath"}}'
        )
    )
    (template,) = load_device_mapping(text, "f.json")[0].templates

    assert template.gates == (b'"hr"',)


@pytest.mark.parametrize(
    "payload",
    [
        b'{"id": "d", "at": "2026-10-04T00:00:00Z", "hr": 1}',
        b'{"id": "d", "at": "2026-10-04T00:00:00Z", "h\\u0072": 1}',
        b'{"Body": {"id": "d", "at": "2026-10-04T00:00:00Z", "hr"  : 1}}',
    ],
)
def test_no_gate_keeps_a_match_out_however_the_name_is_written(payload):
    mapping = DeviceMapping.from_json(collection(calculated(f"{{{NEEDED}}}")))
    batch = MessageBatch("", (1,), (payload,))

    found = normalize(batch, mapping, Intake())
    assert [(one.type, one.device) for one in found.measurements] == [("hr", "d")]


def test_a_mapping_travels_as_its_text_and_works_on_arrival():
    folder = TEMPLATES / "vital-monitor"
    text = (folder / "device.json").read_text()
    sent = DeviceMapping.from_json(text, "device.json")

    received = pickle.loads(pickle.dumps(sent))  # noqa: S301

    assert received == sent
    assert received is not sent
    assert hash(received) == hash(sent)
    lines = (folder / "messages.ndjson").read_bytes().splitlines()
    batch = MessageBatch("", tuple(range(len(lines))), tuple(lines))
    found = normalize(batch, received, Intake())
    assert found == normalize(batch, sent, Intake())
    assert {one.type for one in found.measurements} == {"heartrate", "bloodpressure"}


def test_mappings_differ_when_text_or_file_do():
    text = collection()
    mapping = DeviceMapping.from_json(text, "a.json")

    assert mapping == DeviceMapping.from_json(text, "a.json")
    assert mapping != DeviceMapping.from_json(text, "b.json")
    assert mapping != DeviceMapping.from_json(f"{text} ", "a.json")


@pytest.mark.parametrize("path", sorted(TEMPLATES.glob("*/device.json")), ids=str)
def test_the_shipped_device_mappings_have_no_findings(path):
    assert load_device_mapping(path.read_text(), path.name)[1].problems == []
