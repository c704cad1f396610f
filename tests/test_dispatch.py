"""Which templates a message may concern."""

import json

import hypothesis
import hypothesis.strategies as st
import pytest

from transforms.device_mapping import DeviceMapping
from transforms.dispatch import Dispatch

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
