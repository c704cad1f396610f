"""Mappings and messages come from others: nothing they hold may hang or crash us.

Fuzzing: loaders answer any text with findings, and `normalize` any message with
measurements and dead letters. Bombs: expressions and messages made to take for ever end
in a dead letter; an alarm, far beyond what they take, ends a test that hangs.
"""

import json
import signal

import hypothesis
import hypothesis.strategies as st
import pytest

from transforms.device_mapping import DeviceMapping, load_device_mapping
from transforms.fhir_mapping import load_fhir_mapping
from transforms.intake import Intake
from transforms.model import MessageBatch
from transforms.normalize import normalize
from transforms.rules import MEDTECH, USUAL
from transforms.template_kinds import EXTENSION_KEYS, KEYS, KINDS, VALUE_KEYS
from transforms.vital_sign_checks import check_observations

MODES = pytest.mark.parametrize("rules", [USUAL, MEDTECH], ids=["usual", "medtech"])


@pytest.fixture(autouse=True)
def alarm():
    def ring(_number, _frame):
        pytest.fail("still at work after a quarter of an hour")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(900)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


# Fuzzing.

EXPRESSIONS = [
    "$..[?(@a)]",
    "$.Body.a",
    "$.matchedToken.a",
    "$..a",
    "$..[?(@a =~ /x+/ && @b > 2 || @c == 'x')]",
    "$.matchedPath[0]",
    "",
    " ",
    "$..[?(",
    {"value": "Body[?a]", "language": "JmesPath"},
    {"value": "matchedToken.a", "language": "jmespath"},
    {"value": "add(matchedToken.a, `1`)", "language": 1},
    {"value": "toUtc(matchedToken.t, 'Europe/Paris')", "language": "JmesPath"},
    {"value": "x ||", "language": "JmesPath"},
    {"value": None},
    {},
]
keys = st.sampled_from(
    [
        *KEYS,
        *EXTENSION_KEYS,
        *VALUE_KEYS,
        "flagExpression",
        "templateType",
        "template",
        "defaultExpressionLanguage",
        "codes",
        "code",
        "system",
        "display",
        "value",
        "valueType",
        "valueName",
        "components",
        "category",
        "periodInterval",
        "defaultPeriod",
        "aggregate",
        "unit",
        "text",
    ]
)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(
        [
            *(kind.name for kind in KINDS),
            "CollectionContent",
            "CollectionFhir",
            "CodeValueFhir",
            "Quantity",
            "SampledData",
            "String",
            "CodeableConcept",
            "Hourly",
            "mean",
            "utc",
            "Europe/Paris",
        ]
    )
    | st.sampled_from(EXPRESSIONS)
)
documents = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=6)
    ),
    max_leaves=30,
)


def collection(kind, inner, templates):
    containers = [{"templateType": inner, "template": each} for each in templates]
    return {"templateType": kind, "template": containers}


expressions = st.sampled_from(EXPRESSIONS)
device_templates = st.fixed_dictionaries(
    {"typeName": st.text(max_size=4), "typeMatchExpression": expressions},
    optional={
        **{key: expressions for key in KEYS[2:7]},
        **{key: expressions for key in EXTENSION_KEYS},
        "values": st.lists(
            st.fixed_dictionaries(
                {"valueName": st.sampled_from("abc"), "valueExpression": expressions},
                optional={"required": scalars, "flagExpression": expressions},
            ),
            max_size=3,
        ),
        "defaultExpressionLanguage": scalars,
    },
)
device_files = st.builds(
    collection,
    st.just("CollectionContent"),
    st.sampled_from([kind.name for kind in KINDS]),
    st.lists(device_templates | documents, max_size=3),
)
fhir_templates = st.fixed_dictionaries(
    {"typeName": st.text(max_size=4), "codes": documents},
    optional={
        key: documents for key in ("value", "components", "category", "periodInterval")
    },
)
fhir_files = st.builds(
    collection,
    st.just("CollectionFhir"),
    st.just("CodeValueFhir"),
    st.lists(fhir_templates | documents, max_size=3),
)


@MODES
@hypothesis.given(text=st.text() | (device_files | documents).map(json.dumps))
def test_any_text_as_device_mapping_gives_findings(rules, text):
    mapping, findings = load_device_mapping(text, "device.json", rules)
    assert mapping.templates or findings.problems or "[]" in text.replace(" ", "")


@MODES
@hypothesis.given(text=st.text() | (fhir_files | documents).map(json.dumps))
def test_any_text_as_fhir_mapping_gives_findings(rules, text):
    mapping, findings = load_fhir_mapping(text, "fhir.json", rules)
    check_observations(mapping, findings)
    assert mapping.templates or findings.problems or "[]" in text.replace(" ", "")


times = st.sampled_from(
    ["2026-10-04T07:12:31Z", "2026-10-04", "2026-10-04T07:12:31", "x", 5, None]
)
leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=6)
    | times
)
messages = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from("abct") | st.text(max_size=3), inner)
    ),
    max_leaves=20,
)


def normalized(mapping, payload, medtech=False):
    batch = MessageBatch("fuzz:", (1,), (payload,))
    return normalize(batch, mapping, Intake(medtech=medtech, report_unmatched=True))


@MODES
@hypothesis.given(device=device_files, message=messages)
def test_any_message_gives_measurements_or_letters(rules, device, message):
    mapping, _findings = load_device_mapping(json.dumps(device), "device.json", rules)
    payload = json.dumps(message).encode()
    found = normalized(mapping, payload, rules.medtech)
    assert found.measurements or found.dead_letters


@hypothesis.given(st.binary() | st.text().map(str.encode))
def test_any_bytes_give_measurements_or_letters(payload):
    mapping = device(typeMatchExpression="$..[?(@a)]")
    found = normalized(mapping, payload)
    assert found.measurements or found.dead_letters


# Bombs.


def device(rules=USUAL, **more):
    template = {
        "typeName": "t",
        "typeMatchExpression": "$.Body",
        "deviceIdExpression": "$.Body.d",
        "timestampExpression": "$.Body.t",
        "values": [],
        **more,
    }
    document = collection("CollectionContent", "CalculatedContent", [template])
    return DeviceMapping.from_json(json.dumps(document), rules=rules)


def jmes(text):
    return {"value": text, "language": "JmesPath"}


def value(expression):
    return [{"valueName": "v", "valueExpression": expression}]


NESTED = '{"a":' * 900 + "1" + "}" * 900
MANY = json.dumps({"a": [{"b": number} for number in range(100_000)]})
BOMBS = {
    "a regular expression": (
        {"typeMatchExpression": "$..[?(@a =~ /^(a|a)+$/)]"},
        json.dumps({"a": "a" * 60 + "b"}),
    ),
    "a regular expression, on each of many texts": (
        {"typeMatchExpression": "$..[?(@a =~ /^(a|a)+$/)]"},
        json.dumps([{"a": "a" * 26 + "b"}] * 5000),
    ),
    "scans of scans": (
        {"typeMatchExpression": "$..*..*..*"},
        json.dumps({"a": json.loads(NESTED)}),
    ),
    "a scan in a filter of a scan": (
        {"typeMatchExpression": "$..[?($..b == @.c)]"},
        json.dumps([{"b": number, "c": -number} for number in range(1, 20_000)]),
    ),
    "a scan for each of many matches": (
        {"typeMatchExpression": "$.Body.a[*]", "values": value("$..zzz")},
        MANY,
    ),
    "a projection for each of many matches": (
        {"typeMatchExpression": "$.Body.a[*]", "values": value(jmes("Body.a[*].z"))},
        MANY,
    ),
    "doubling": (
        {"values": value(jmes("[@,@][]" + ".[@,@][]" * 40))},
        '{"d": "dev", "t": "2026-10-04T07:12:31Z"}',
    ),
}


@MODES
@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_becomes_a_dead_letter(rules, name):
    template, message = BOMBS[name]
    found = normalized(device(rules, **template), message.encode(), rules.medtech)
    assert found.measurements == []
    assert [letter.error for letter in found.dead_letters] == ["TooMuchWork"]


@MODES
@pytest.mark.parametrize(
    "template",
    [
        {"typeMatchExpression": "$..*"},
        {"typeMatchExpression": "$.Body.a[0:2147483647]"},
        {"typeMatchExpression": "$.Body.a[-2147483647:2147483647:2]"},
        {"typeMatchExpression": jmes("Body.a[0:9999999999999:1]")},
        {"typeMatchExpression": jmes("Body.a[][][][][].*")},
    ],
)
def test_every_failure_of_a_large_message_is_counted_in_one_letter(rules, template):
    mapping = device(rules, deviceIdExpression="$.matchedToken.d", **template)
    found = normalized(mapping, MANY.encode(), rules.medtech)
    assert found.measurements == []
    assert {letter.error for letter in found.dead_letters} == {
        "IncompatibleDataException"
    }
    assert len(found.dead_letters) <= 2


@MODES
@pytest.mark.parametrize(
    "match",
    [
        "$..a",
        "$..[?(@a)]",
        "$..*",
        jmes("Body.*.*.*"),
        jmes("Body." + "a." * 400 + "a"),
    ],
)
def test_deep_messages_are_no_danger(rules, match):
    mapping = device(rules, typeMatchExpression=match, deviceIdExpression="$..d")
    found = normalized(mapping, NESTED.encode(), rules.medtech)
    assert found.measurements == []
    assert found.dead_letters
