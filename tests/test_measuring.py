"""Members taken without detours: the results are those of `measure`."""

import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.device_mapping import DeviceMapping
from transforms.errors import RecordError
from transforms.evaluate import matches, measure
from transforms.intake import Intake, parse_message
from transforms.measuring import measurer
from transforms.model import Attributes
from transforms.rules import MEDTECH, USUAL

TIME = "2026-10-04T07:12:31.5+02:00"


def jmes(text):
    return {"value": text, "language": "JmesPath"}


TOKEN = {
    "typeMatchExpression": "$..[?(@id)]",
    "deviceIdExpression": "$.matchedToken.id",
    "timestampExpression": "$.matchedToken.at",
    "patientIdExpression": "$.matchedToken.who",
    "values": [
        {"valueName": "hr", "valueExpression": "$.matchedToken.hr", "required": True},
        {"valueName": "note", "valueExpression": "$.matchedToken.note"},
    ],
}
TEMPLATES = {
    "members of the token": TOKEN,
    "every key": TOKEN
    | {
        "encounterIdExpression": "$.matchedToken.note",
        "correlationIdExpression": "$.matchedToken.hr",
        "identifierExpression": "$.matchedToken.who",
    },
    "elsewhere": TOKEN
    | {
        "deviceIdExpression": "$.SystemProperties.id",
        "patientIdExpression": "$.matchedToken.note.who",
        "encounterIdExpression": jmes("Body.note.who"),
        "identifierExpression": jmes("matchedToken.note.who"),
        "values": [
            {"valueName": "hr", "valueExpression": jmes("matchedToken.hr")},
            {"valueName": "0", "valueExpression": "$.matchedToken.note[0]"},
        ],
    },
    "several times": TOKEN | {"startTimeExpression": "$.matchedToken.note"},
    "any token": TOKEN | {"typeMatchExpression": "$..*"},
    "a flag": TOKEN
    | {"values": [TOKEN["values"][0] | {"flagExpression": "$.matchedToken.note"}]},
    "an end": TOKEN | {"endTimeExpression": "$.matchedToken.note"},
    "its path": TOKEN | {"encounterIdExpression": "$.matchedPath[0]"},
    "a function": TOKEN | {"deviceIdExpression": jmes("to_string(matchedToken.id)")},
}


def compiled(template, rules):
    container = {"typeName": "t"} | template
    document = {
        "templateType": "CollectionContent",
        "template": [{"templateType": "CalculatedContent", "template": container}],
    }
    return DeviceMapping.from_json(json.dumps(document), rules=rules).templates[0]


texts = st.sampled_from(["", " ", "x", "72", "µ", TIME, f" {TIME}", "2026-10-04"])
scalars = st.none() | st.booleans() | texts | st.integers(-(2**63), 2**64 - 1)
values = st.recursive(
    scalars | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["id", "who"]), inner, max_size=2)
    ),
    max_leaves=4,
)
# Most messages are right but for one member: so that every check is reached alone.
right = st.fixed_dictionaries(
    {"id": st.just("watch"), "at": st.just(TIME), "hr": st.just(72)},
    optional={"who": texts, "note": values},
)
bodies = st.builds(
    lambda body, changes: body | changes,
    right,
    st.dictionaries(st.sampled_from(["id", "at", "hr", "who"]), values, max_size=1),
)


def outcome(function, *arguments):
    try:
        return function(*arguments)
    except RecordError as error:
        return type(error), error.message, error.suggestion, error.expression


@pytest.mark.parametrize("rules", [USUAL, MEDTECH], ids=["usual", "medtech"])
@pytest.mark.parametrize("name", TEMPLATES)
@given(body=bodies, missing=st.sets(st.sampled_from(["id", "at", "hr"]), max_size=1))
def test_the_outcome_is_that_of_measure(rules, name, body, missing):
    template = COMPILED[name, rules.medtech]
    payload = orjson.dumps({key: body[key] for key in body if key not in missing})
    attributes = Attributes({}, {"id": "hub"}, None)
    intake = Intake(medtech=rules.medtech)
    message = parse_message(payload, "line", intake, attributes)
    directly = measurer(template)
    for token in matches(template, message, len(payload)):
        found = outcome(directly, message, token)
        expected = outcome(measure, template, message, token)
        assert found == expected
        assert repr(found) == repr(expected)


COMPILED = {
    (name, rules.medtech): compiled(template, rules)
    for name, template in TEMPLATES.items()
    for rules in (USUAL, MEDTECH)
}
