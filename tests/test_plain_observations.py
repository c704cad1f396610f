"""Observations written column by column are those that are written one by one."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from walks import MIDNIGHT

from transforms import observe as observe_module
from transforms.fhir_mapping import FhirMapping
from transforms.group import SlotCollector
from transforms.identify import identify
from transforms.identity import MessageIdentities
from transforms.instants import HOUR
from transforms.model import GroupBatch, Measurement
from transforms.observe import Observer
from transforms.plain_observations import plain_observations
from transforms.readings import to_table, upsert
from transforms.rules import MEDTECH, USUAL
from transforms.schema import MEASUREMENT

CODE = {"codes": [{"system": "urn:c", "code": "1", "display": "Rate"}]}


def quantity(name, **more):
    unit = {"system": "http://unitsofmeasure.org", "code": "/min", "unit": "beats"}
    return {"valueType": "Quantity", "valueName": name, **unit, **more}


def template(name, value, period=0, **more):
    content = {"typeName": name, "periodInterval": period, **CODE, **more}
    if value is not None:
        content["value"] = value
    return {"templateType": "CodeValueFhir", "template": content}


SAMPLES = {
    "valueType": "SampledData",
    "valueName": "a",
    "unit": "1",
    "defaultPeriod": 60_000,
}

TEMPLATES = [
    template("plain", quantity("a")),
    template('pl"in 2', {"valueType": "Quantity", "valueName": "a", "code": "x"}),
    template("mean", quantity("a", aggregate="mean"), 60),
    template("hourly", SAMPLES, 60),
    template("text", {"valueType": "String", "valueName": "a"}),
    template("parts", None, components=[{**CODE, "value": quantity("a")}]),
]
MAPPINGS = {
    rules: FhirMapping.from_json(
        json.dumps({"templateType": "CollectionFhir", "template": TEMPLATES}),
        "fhir.json",
        rules,
    )
    for rules in (USUAL, MEDTECH)
}
TYPES = [entry["template"]["typeName"] for entry in TEMPLATES]

NUMBERS = st.sampled_from(["72", "72.50", "+3", " 1,234 ", "-0.0", "1e3", ".5"])


@st.composite
def measurements(draw):
    """Of one hour; often plain, sometimes with something beside the number."""
    civil = draw(st.sampled_from([False] * 9 + [True]))
    at = MIDNIGHT + draw(st.integers(0, HOUR - 1).map(lambda us: us - us % 250_000))
    seldom = st.sampled_from([None] * 9 + ["x"])
    return Measurement(
        type=draw(st.sampled_from(TYPES)),
        occurred_at=MIDNIGHT if civil else at,
        ended_at=draw(st.sampled_from([None] * 9 + [at + HOUR])),
        utc_offset_minutes=None if civil else draw(st.sampled_from([0, 120, -330])),
        ingested_at=draw(st.sampled_from([None, at + 1, at + HOUR])),
        device=draw(st.sampled_from(["d", 'e"'])),
        patient=draw(st.sampled_from(["p", "q"])),
        encounter=draw(seldom),
        correlation=None,
        values=(("a", draw(NUMBERS)),),
        source="m.ndjson:1",
        tick=draw(st.sampled_from([0] * 9 + [7])),
        record=draw(seldom),
        flags=draw(st.sampled_from([()] * 9 + [(("a", "<"),), (("a", "error"),)])),
    )


def groups_of(found, mapping):
    collector = SlotCollector(mapping, 1, "v")
    collector.add(identify(found, MessageIdentities(), "v")[0])
    batches = list(collector.drain())
    for slot in {batch.slot for batch in batches}:
        readings = to_table([b.readings for b in batches if b.slot == slot])
        done = upsert(MEASUREMENT.empty_table(), readings)
        yield GroupBatch(slot, 0, done.touched, done.starts)


@settings(deadline=None)
@given(
    found=st.lists(measurements(), min_size=1, max_size=12),
    rules=st.sampled_from([USUAL, USUAL, MEDTECH]),
    statuses=st.sampled_from([None, "final", "preliminary"]),
)
def test_columns_and_single_groups_give_the_same(found, rules, statuses):
    mapping = MAPPINGS[rules]
    for groups in groups_of(found, mapping):
        if statuses is not None:
            groups = groups._replace(statuses=(statuses,) * len(groups.starts))
        together = Observer(mapping, "v", "urn:d").observe(groups)
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(observe_module, "plain_observations", lambda *_: [])
            alone = Observer(mapping, "v", "urn:d").observe(groups)
        assert together == alone


def measurement(**more):
    usual = Measurement(
        "plain", MIDNIGHT, None, 0, MIDNIGHT, "d", "p", None, None, (("a", "72"),), "s"
    )
    return usual._replace(**more)


@pytest.mark.parametrize(
    ("more", "count"),
    [
        ({}, 1),
        ({"ingested_at": None}, 1),
        ({"utc_offset_minutes": 120}, 1),
        ({"utc_offset_minutes": None}, 0),
        ({"encounter": "e"}, 0),
        ({"record": "r"}, 0),
        ({"tick": 1}, 0),
        ({"ended_at": MIDNIGHT + 1}, 0),
        ({"flags": (("a", "<"),)}, 0),
        ({"type": "mean"}, 0),
        ({"type": "parts"}, 0),
    ],
)
def test_plain_is_what_has_nothing_beside_its_number(more, count):
    mapping = MAPPINGS[USUAL]
    (groups,) = groups_of([measurement(**more)], mapping)
    observer = Observer(mapping, "v", "")
    plain = plain_observations(
        groups.readings, groups.starts, (), observer._plain_mould
    )
    assert sum(len(part.resources) for part in plain) == count


def test_medtech_rules_have_no_plain_observations():
    mapping = MAPPINGS[MEDTECH]
    (groups,) = groups_of([measurement()], mapping)
    observer = Observer(mapping, "v", "")
    assert not plain_observations(
        groups.readings, groups.starts, (), observer._plain_mould
    )


def test_several_readings_of_one_instant_are_not_plain():
    mapping = MAPPINGS[USUAL]
    pair = [measurement(), measurement(encounter="e")]
    (groups,) = groups_of(pair, mapping)
    assert len(groups.starts) == 1
    observer = Observer(mapping, "v", "")
    assert not plain_observations(
        groups.readings, groups.starts, (), observer._plain_mould
    )
