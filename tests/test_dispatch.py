"""Which templates a message may concern."""

import json

import hypothesis
import hypothesis.strategies as st
import pytest

from transforms.device_mapping import DeviceMapping
from transforms.dispatch import Dispatch
from transforms.evaluate import matches
from transforms.intake import Intake, parse_message
from transforms.model import Attributes
from transforms.shapes import is_flat

GATES = [(), ("a",), ("b",), ("a", "b"), ("heart rate", "µ")]


def template(number, names):
    filters = " && ".join(f"@['{name}']" for name in names)
    match = f"$..[?({filters})]" if names else "$..*"
    return {
        "templateType": "JsonPathContent",
        "template": {
            "typeName": f"t{number}",
            "typeMatchExpression": match,
            "deviceIdExpression": "$.d",
            "timestampExpression": "$.t",
        },
    }


@pytest.fixture(scope="module")
def templates():
    listed = [template(*pair) for pair in enumerate(GATES)]
    text = json.dumps({"templateType": "CollectionContent", "template": listed})
    return DeviceMapping.from_json(text).templates


payloads = st.recursive(
    st.sampled_from(["a", "b", "heart rate", "µ", 'a"b', "\\", "x\na", 1]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", "µ", '"a"', "c"]), inner)
    ),
)


@hypothesis.given(payloads, st.booleans(), st.booleans())
def test_candidates_are_the_templates_whose_gates_all_stand_there(
    templates, document, escaped, long
):
    payload = json.dumps(document, ensure_ascii=escaped).encode()
    payload += b" " * 10_000 if long else b""
    expected = [
        template.type_name
        for template in templates
        if b"\\u" in payload or all(gate in payload for gate in template.gates)
    ]
    dispatch = Dispatch(templates)
    for _again in range(2):
        found = [found.template.type_name for found in dispatch.candidates(payload)]
        assert found == expected


def test_what_is_remembered_is_bounded(templates, monkeypatch):
    monkeypatch.setattr("transforms.dispatch._MOST_KINDS", 2)
    dispatch = Dispatch(templates)
    for _round in range(2):
        for name, expected in [("a", 2), ("b", 2), ("c", 1), ("µ", 1)]:
            payload = json.dumps({name: 1}, ensure_ascii=False).encode()
            assert len(dispatch.candidates(payload)) == expected
        assert len(dispatch._known) <= 2


MATCHES = [
    "$..[?(@a)]",
    "$..[?(@a && @b)]",
    "$..[?(@a || @b)]",
    "$..[?(@a == 'x')]",
    "$..[?(@Body.a)]",
    "$.Body",
    "$.Body.a",
    "$..*",
    "$..b",
    "$.SystemProperties..[?(@b)]",
    {"value": "Body.a", "language": "JmesPath"},
    {"value": "[Body][?b == 'x']", "language": "JmesPath"},
]


def calculated(*expressions):
    listed = [
        {
            "templateType": "CalculatedContent",
            "template": {
                "typeName": "t",
                "typeMatchExpression": expression,
                "deviceIdExpression": "$.d",
                "timestampExpression": "$.t",
            },
        }
        for expression in expressions
    ]
    text = json.dumps({"templateType": "CollectionContent", "template": listed})
    return DeviceMapping.from_json(text)


ALL = calculated(*MATCHES).templates
BY_NAMES = tuple(t for t in ALL if "==" not in t.match.text)
scalars = st.sampled_from([None, 1, 1.5, True, "x", "a", "y", "{", "["])
flat = st.dictionaries(st.sampled_from("abc"), scalars, max_size=3)
parts = st.one_of(flat, st.dictionaries(st.sampled_from("ab"), flat | scalars))
envelopes = st.permutations(["Body", "Properties", "SystemProperties"]).flatmap(
    lambda names: st.fixed_dictionaries({name: parts for name in names})
)
messages = st.one_of(
    parts,
    envelopes,
    st.builds(lambda whole, more: {**whole, **more}, envelopes, flat),
)


def all_matches(candidates, message, payload):
    """The tokens of each template, by identity: equal parts are not the same."""
    found = []
    for template, _measure, places in candidates:
        if places is None:
            tokens = matches(template, message, len(payload))
        else:
            envelope = message.envelope
            tokens = [envelope if p is None else envelope[p] for p in places]
        found += [(ALL.index(template), id(token)) for token in tokens]
    return found


ENVELOPE = b'{"Body": %b, "Properties": %b, "SystemProperties": %b}'


@pytest.mark.parametrize(
    ("payload", "attributes", "expected"),
    [
        (ENVELOPE % (b'{"a": 1}', b"{}", b'{"q": 1}'), None, True),
        (ENVELOPE % (b'{"a": "{["}', b"{}", b'{"q": 1}'), None, True),
        (ENVELOPE % (b'{"a": [1]}', b"{}", b'{"q": 1}'), None, False),
        (ENVELOPE % (b'{"a": {}}', b"{}", b'{"q": 1}'), None, False),
        (ENVELOPE % (b'{"a": 1}', b'{"p": {}}', b'{"q": 1}'), None, False),
        (ENVELOPE % (b'{"a": 1}', b"{}", b'{"q": {}}'), None, False),
        # A member that stands there twice: the last one counts.
        (ENVELOPE % (b'{"a": {}, "a": 1}', b"{}", b'{"q": 1}'), None, True),
        (ENVELOPE % (b"{}", b"{}", b'{"q": 1}, "Body": {"a": {}}'), None, False),
        # Without an envelope of its own: four objects, of which three are in the body.
        (b'{"a": {}, "b": {}, "c": {}}', None, False),
        (b'{"a": {}, "b": {}, "c": {}}', Attributes({}, {"q": 1}, None), False),
        (b'{"a": 1}', Attributes({}, {"q": {}}, None), False),
        (b'{"a": 1}', Attributes({}, {"q": 1}, None), True),
        (b'{"a": 1}', None, True),
    ],
)
def test_a_flat_message_is_told_by_what_it_holds(payload, attributes, expected):
    message = parse_message(payload, "line", Intake(), attributes)
    assert is_flat(message, payload) is expected


@pytest.mark.parametrize("templates", [ALL, BY_NAMES], ids=["all", "by names"])
@hypothesis.given(
    st.lists(st.tuples(messages, st.booleans()), min_size=1, max_size=6),
    st.booleans(),
)
def test_a_known_shape_matches_what_the_message_does(templates, several, beside):
    dispatch = Dispatch(templates)
    attributes = Attributes({"a": "x"}, {"b": 1}, None) if beside else None
    for document, escaped in several * 2:
        payload = json.dumps(document, ensure_ascii=escaped).encode()
        message = parse_message(payload, "line", Intake(), attributes)
        found = all_matches(dispatch.concerned(message, payload), message, payload)
        expected = all_matches(Dispatch(templates)._all, message, payload)
        assert found == expected


def test_the_shapes_that_are_remembered_are_bounded(monkeypatch):
    monkeypatch.setattr("transforms.dispatch._MOST_KINDS", 2)
    dispatch = Dispatch(BY_NAMES)
    for _round in range(2):
        for document in [{"a": "x"}, {"a": "y"}, {"b": "x"}, {"c": 1}, {"a": {}}]:
            payload = json.dumps(document).encode()
            message = parse_message(payload, "line", Intake())
            found = all_matches(dispatch.concerned(message, payload), message, payload)
            assert found == all_matches(dispatch._all, message, payload)
    assert len(dispatch._of_flat) + len(dispatch._not_flat) == 2
