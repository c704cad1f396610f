"""Plain Observations, made column by column, are those that a mould fills."""

import json

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from walks import MIDNIGHT, fhir_template, step

from transforms import observe
from transforms.fhir_mapping import FhirMapping
from transforms.group import SlotCollector
from transforms.identify import identify
from transforms.identity import MessageIdentities
from transforms.instants import MINUTE
from transforms.model import GroupBatch
from transforms.observation import AMENDED, FINAL, PRELIMINARY
from transforms.plain_observations import plain_observations
from transforms.reading_columns import runs_of
from transforms.readings import to_table, upsert
from transforms.rules import MEDTECH, USUAL
from transforms.schema import MEASUREMENT

UCUM = {"system": "http://unitsofmeasure.org", "code": "1", "unit": 'a "unit"'}


def quantity(name, **more):
    return {"valueType": "Quantity", "valueName": name, **UCUM, **more}


def grid(name, period=60_000):
    return {"valueType": "SampledData", "valueName": name, "defaultPeriod": period}


def coded(template, *codes):
    """The template with codes for itself and for its components, in this order."""
    body = template["template"]
    for part, code in zip((body, *body["components"]), codes, strict=False):
        part["codes"] = [{"system": "http://loinc.org", "code": code}]
    return template


TEMPLATES = (
    coded(fhir_template("pulse", 0, quantity("a")), "8867-4"),
    coded(fhir_template("pressure", 0, None, quantity("b"), quantity("a")), "85354-9"),
    fhir_template("both", 0, quantity("c"), quantity("a"), quantity("b")),
    fhir_template("noted", 0, quantity("a"), {"valueType": "String", "valueName": "n"}),
    fhir_template("twice", 0, quantity("a"), quantity("a")),
    fhir_template("steps", 60, grid("a")),
    fhir_template("parts", 15, grid("b", 7_000), grid("a")),
    fhir_template("mean", 60, quantity("a", aggregate="mean")),
    fhir_template("last", 60, quantity("a")),
    fhir_template('ty"pe', 60, None, grid("b"), quantity("a")),
)
TYPES = [template["template"]["typeName"] for template in TEMPLATES]


def without_null_members(template):
    body = template["template"]
    return {**template, "template": {k: v for k, v in body.items() if v is not None}}


def mapping_of(rules, templates=TEMPLATES):
    found = [without_null_members(template) for template in templates]
    root = {"templateType": "CollectionFhir", "template": found}
    return FhirMapping.from_json(json.dumps(root), rules=rules)


MAPPINGS = {rules: mapping_of(rules) for rules in (USUAL, MEDTECH)}


def groups_of(measurements, mapping, statuses=()):
    """The groups of each slot that measurements come to lie in."""
    collector = SlotCollector(mapping, 1, "v")
    collector.add(identify(measurements, MessageIdentities(), "v")[0])
    for shard, slot, readings in collector.drain():
        done = upsert(MEASUREMENT.empty_table(), to_table([readings]))
        drawn = (statuses * len(done.starts))[: len(done.starts)]
        yield GroupBatch(slot, shard, done.touched, done.starts, drawn)


def observed(groups, mapping):
    (batch,), letters = observe.Observer(mapping, 'v"', "").observe(groups)
    return batch, letters


def expect_the_same(groups, mapping):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(observe, "FEW", 0)
        batch, letters = observed(groups, mapping)
        patch.setattr(observe, "plain_observations", lambda *_: [])
        expected, lost = observed(groups, mapping)
    assert letters == lost
    assert batch.rows.schema.equals(expected.rows.schema, check_metadata=True)
    assert batch.rows.equals(expected.rows)
    assert batch._replace(rows=None) == expected._replace(rows=None)
    return batch


def mostly(usual, *others):
    """One of some values, most often the first."""
    return st.sampled_from((usual,) * (3 * len(others)) + others)


numbers = st.one_of(
    st.integers(-300, 300).map(str),
    st.decimals(-300, 300, places=2).map(str),
    st.sampled_from([" 72 ", "+5", "1,234", "1e3", "-0.0", "0.50", ".5", "7-"]),
)
MOMENTS = (
    *range(0, 60 * MINUTE, 5 * MINUTE // 3),
    *range(0, MINUTE, 999_983),
    60 * MINUTE - 1,
    -1,
)


@st.composite
def measurements(draw):
    names = draw(mostly(("a", "b", "c", "n"), ("a",), ("a", "b"), ("b",), ()))
    flags = ()
    if draw(mostly(False, True)):
        name, flag = draw(st.sampled_from("ab")), draw(st.sampled_from(["<", "error"]))
        flags = ((name, flag),)
        if flag == "error":
            names = tuple(each for each in names if each != name)
    at = MIDNIGHT + draw(st.sampled_from(MOMENTS))
    late = draw(st.sampled_from((0, 1, 1_250_000, 7 * MINUTE)))
    return step(
        at,
        type=draw(st.sampled_from(TYPES)),
        tick=draw(mostly(0, 3)),
        ended_at=draw(mostly(None, at + MINUTE)),
        utc_offset_minutes=draw(mostly(0, 120, -345, None)),
        ingested_at=draw(mostly(at + late, None)),
        patient=draw(st.sampled_from("pq")),
        device=draw(mostly("d", "e")),
        encounter=draw(mostly(None, "v", "w")),
        correlation=draw(mostly(None, "s")),
        record=draw(mostly(None, "r", 's"')),
        values=tuple((name, draw(numbers)) for name in names),
        flags=flags,
    )


@settings(max_examples=200)
@given(
    st.lists(measurements(), min_size=1, max_size=40),
    st.sampled_from([USUAL, MEDTECH]),
    st.lists(st.sampled_from([FINAL, PRELIMINARY, AMENDED]), max_size=3),
)
def test_plain_or_not_an_observation_is_the_same(found, rules, statuses):
    mapping = MAPPINGS[rules]
    for groups in groups_of(found, mapping, tuple(statuses)):
        expect_the_same(groups, mapping)


def plain_groups(groups, mapping):
    observer = observe.Observer(mapping, "v", "")
    runs, ids = runs_of(groups.readings), ["id"] * len(groups.starts)
    parts = plain_observations(groups, runs, ids, observer._mould, "v")
    return [number for part in parts for number in part.groups.tolist()]


def usual(at, type_name, *names, **changes):
    values = tuple((name, "72") for name in names)
    defaults = {"type": type_name, "values": values, "correlation": None}
    return step(MIDNIGHT + at, **{**defaults, **changes})


@pytest.mark.parametrize(
    ("found", "is_plain"),
    [
        ([usual(0, "pulse", "a")], True),
        ([usual(1, "pulse", "a", utc_offset_minutes=-345)], True),
        ([usual(0, "pressure", "a", "b")], True),
        ([usual(0, "both", "b", "c", "a")], True),
        ([usual(0, "steps", "a")], True),
        ([usual(0, "steps", "a", tick=7, record="r"), usual(1, "steps", "a")], True),
        ([usual(0, "parts", "a", "b"), usual(1, "parts", "b", "a")], True),
        ([usual(0, "parts", "a", "b"), usual(1, "parts", "a")], True),
        ([usual(0, "pulse")], False),
        ([usual(0, "pulse", "a", "b")], False),
        ([usual(0, "pulse", "a", tick=1)], False),
        ([usual(0, "pulse", "a", record="r")], False),
        ([usual(0, "pulse", "a", encounter="v")], False),
        ([usual(0, "pulse", "a", utc_offset_minutes=None)], False),
        ([usual(0, "pulse", "a", ended_at=MIDNIGHT + 1)], False),
        ([usual(0, "pulse", "a", flags=(("a", "<"),))], False),
        ([usual(0, "pressure", "a")], False),
        (
            [usual(0, "pressure", "a"), usual(0, "pressure", "b", ingested_at=9)],
            False,
        ),
        (
            [
                usual(0, "pressure", "a"),
                usual(0, "pressure", "b", utc_offset_minutes=60),
            ],
            False,
        ),
        ([usual(0, "steps", "a"), usual(0, "steps", "a", correlation="s")], False),
        ([usual(0, "steps", "a"), usual(1, "steps", "a", encounter="v")], False),
        ([usual(0, "parts", "a")], False),
        ([usual(0, "noted", "a")], False),
        ([usual(0, "twice", "a")], False),
        ([usual(0, "mean", "a")], False),
        ([usual(0, 'ty"pe', "a", "b")], False),
    ],
)
def test_what_is_plain(found, is_plain):
    mapping = MAPPINGS[USUAL]
    (groups,) = groups_of(found, mapping)
    assert plain_groups(groups, mapping) == ([0] if is_plain else [])
    expect_the_same(groups, mapping)


def test_instants_of_medtech_are_never_plain():
    mapping = MAPPINGS[MEDTECH]
    (groups,) = groups_of([usual(0, "pulse", "a"), usual(0, "steps", "a")], mapping)
    assert len(groups.starts) == 2
    assert len(plain_groups(groups, mapping)) == 1


def test_a_grid_that_may_be_too_long_is_not_plain(monkeypatch):
    monkeypatch.setattr("transforms.sampled_data.MOST_CHARACTERS", 200)
    mapping = MAPPINGS[USUAL]
    fine, long = usual(0, "steps", "a"), usual(0, "steps", "a", patient="q")
    long = long._replace(values=(("a", "1234.5"),))
    for found, expected in (([fine], [0]), ([fine, long], [])):
        (groups,) = groups_of(found, mapping)
        assert plain_groups(groups, mapping) == expected
        expect_the_same(groups, mapping)


def test_means_are_added_up_in_time_order():
    texts = ["0.1", "1e16", "0.3", "-1e16", "0.7"]
    found = [
        usual(minute * MINUTE, "steps", values=(("a", text),))
        for minute, text in enumerate(texts)
    ]
    (groups,) = groups_of(found, MAPPINGS[USUAL])
    batch = expect_the_same(groups, MAPPINGS[USUAL])
    assert batch.rows["mean"].to_pylist() == [sum(map(float, texts)) / len(texts)]


def test_plain_and_other_observations_keep_the_order_of_their_groups():
    found = [
        usual(second * 1_000_000, type_name, "a", "b", encounter=encounter)
        for second, encounter in enumerate((None, "v", None, "v"))
        for type_name in ("steps", "pressure", "parts")
    ]
    (groups,) = groups_of(found, MAPPINGS[USUAL])
    batch = expect_the_same(groups, MAPPINGS[USUAL])
    assert [orjson.loads(each)["id"] for each in batch.resources] == batch.ids
    of_rows = batch.rows["observation_id"].to_pylist()
    assert list(dict.fromkeys(of_rows)) == batch.ids
    ids = groups.readings["observation_id"].to_numpy()
    assert batch.ids == ids[np.array(groups.starts)].tolist()


@pytest.mark.parametrize("more", [0, 1])
def test_only_of_more_than_a_few_readings_are_columns_asked(more, monkeypatch):
    asked = []
    monkeypatch.setattr(
        observe, "plain_observations", lambda groups, *_: asked.append(groups) or []
    )
    found = [usual(at, "pulse", "a") for at in range(observe.FEW + more)]
    (groups,) = groups_of(found, MAPPINGS[USUAL])
    observed(groups, MAPPINGS[USUAL])
    assert len(asked) == more
