"""Gates spare work, and only work."""

import json

import hypothesis
import hypothesis.strategies as st
import pytest

from transforms.device_mapping import DeviceMapping
from transforms.errors import RecordError
from transforms.evaluate import matches
from transforms.gates import gates_of
from transforms.intake import Intake, parse_message
from transforms.jmespath_expression import JmesPath
from transforms.jsonpath import compile_path


@pytest.mark.parametrize(
    ("path", "gates"),
    [
        ("$..[?(@heartRate)]", {"heartRate"}),
        ("$.Body.data[*].hr", {"data", "hr"}),
        ("$..[?(@a && @b)]", {"a", "b"}),
        ("$..[?(@a || @b)]", set()),
        ("$..[?(@a && @b || @a && @c)]", {"a"}),
        ("$..[?(@.type == 'hr')]", {"type", "hr"}),
        ("$..[?(@.type === 'hr' && @.v > 3)]", {"type", "hr", "v"}),
        ("$..[?(@.type != 'hr')]", {"type"}),
        ("$..[?(@.type =~ /hr/)]", {"type"}),
        ("$['a','b']", set()),
        ("$..[?(@['a\"b'])]", set()),
        ("$..[?(@t == '2019-02-01T22:46:01Z')]", {"t"}),
        ("$", set()),
    ],
)
def test_gates_of_jsonpath(path, gates):
    assert gates_of(compile_path(path), None) == quoted(gates)


@pytest.mark.parametrize(
    ("path", "gates"),
    [
        ("$..[?(@.v > 5 && @.type == 'hr')]", set()),
        ("$.list[?(@[?(@.v > 5)])]", set()),
        ("$..[?(@.type == 'hr' && @.v)]", {"type", "hr", "v"}),
        ("$..[?(@a && @b || @c)]", {"a"}),
    ],
)
def test_with_medtech_no_gate_hides_a_filter_that_fails(path, gates):
    assert gates_of(compile_path(path, medtech=True), None) == quoted(gates)


@pytest.mark.parametrize(
    ("expression", "gates"),
    [
        ("Body[?heartRate]", {"heartRate"}),
        ("to_array(@)[?hr]", {"hr"}),
        ("Body.data[?type=='x'].v[]", {"data", "type", "x", "v"}),
        ("a[*].b", {"a", "b"}),
        ("a.*.b", {"a", "b"}),
        ("a[0].b", {"a", "b"}),
        ("a && b", {"a"}),
        ("a == 'x'", set()),
        ("Body[?a || b]", set()),
        ("Body[?!a]", set()),
        ("Body[?a == `null`]", set()),
        ("Body[?a != 'x']", set()),
        ("Body[?contains(x, 'a') && y].z", set()),
        ("Body[?y && contains(x, 'a')].z", {"y"}),
        ("a.{b: c}", {"a"}),
        ("[Body][?contains(keys(@), 'x')] | @[0]", set()),
    ],
)
def test_gates_of_jmespath(expression, gates):
    assert gates_of(JmesPath(expression), None) == quoted(gates)


def test_a_condition_is_a_gate_too():
    when = JmesPath("Properties.source == 'garmin'")
    found = gates_of(compile_path("$..[?(@hr)]"), when)
    assert found == quoted({"source", "garmin", "hr"})


def quoted(names):
    return tuple(f'"{name}"'.encode() for name in sorted(names))


EXPRESSIONS = [
    "$..[?(@a)]",
    "$..[?(@a == 'x' && @b)]",
    "$.Body.a[*]",
    "$..[?(@a || @b == 'y')].a",
    {"value": "Body[?a == 'x'].b", "language": "JmesPath"},
    {"value": "Body.a || Body.b[*]", "language": "JmesPath"},
    {"value": "to_array(Body)[?a && b == 'y'].a[]", "language": "JmesPath"},
    {"value": "Body.*.a", "language": "JmesPath"},
    {"value": "Body[?b && contains(a, 'x')]", "language": "JmesPath"},
    {"value": "Body[?contains(a, 'x') && b]", "language": "JmesPath"},
]

json_values = st.recursive(
    st.sampled_from(["x", "y", 1, None, False, True]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", "c"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@hypothesis.given(st.dictionaries(st.sampled_from("ab"), json_values), st.data())
def test_a_message_without_a_gate_neither_matches_nor_fails(body, data):
    match = data.draw(st.sampled_from(EXPRESSIONS))
    payload = json.dumps(body).encode()
    message = parse_message(payload, "line", Intake())
    template = {
        "typeName": "t",
        "typeMatchExpression": match,
        "deviceIdExpression": "$.x",
        "timestampExpression": "$.x",
        "values": [],
    }
    document = {
        "templateType": "CollectionContent",
        "template": [{"templateType": "CalculatedContent", "template": template}],
    }
    (compiled,) = DeviceMapping.from_json(json.dumps(document)).templates
    if all(gate in payload for gate in compiled.gates):
        return
    try:
        found = matches(compiled, message, len(payload))
    except RecordError as error:  # pragma: no cover - what must not happen
        pytest.fail(f"a gated message failed: {error}")
    assert found == []
