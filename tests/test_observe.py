"""Observations of complete groups, and what becomes of groups that have none."""

import itertools
import json

import orjson
import pytest
from walks import (
    HEART_RATE,
    MAPPING,
    MIDNIGHT,
    NOTE,
    PULSES,
    SERVICE,
    Chain,
    fhir_template,
    sha256,
    step,
)

from transforms.fhir_mapping import FhirMapping
from transforms.group import SlotCollector
from transforms.identify import identify
from transforms.identity import MessageIdentities
from transforms.instants import DAY, HOUR, MINUTE
from transforms.model import CORRELATED, GroupBatch
from transforms.observe import Observer
from transforms.readings import to_table, upsert
from transforms.rules import MEDTECH, USUAL
from transforms.schema import MEASUREMENT


def observe(measurements, mapping=MAPPING):
    """What becomes of measurements of one slot."""
    collector = SlotCollector(mapping, 1, "v")
    assert not collector.add(identify(measurements, MessageIdentities(), "v")[0])
    ((shard, slot, readings),) = collector.drain()
    done = upsert(MEASUREMENT.empty_table(), to_table([readings]))
    groups = GroupBatch(slot, shard, done.touched, done.starts)
    return Observer(mapping, "v", "").observe(groups)


def walk_id(session, patient="p"):
    who = f"{sha256(f'_{patient}')}.{sha256('_d')}"
    return sha256(f"{SERVICE}_{who}.walk.{session}")


def held(batch):
    """What the files of a batch's date must hold, and must not."""
    rows = batch.rows["observation_id"].unique().to_pylist()
    assert [orjson.loads(resource)["id"] for resource in batch.resources] == batch.ids
    assert sorted(rows) == sorted(batch.ids)
    starts = batch.rows["effective_start"].cast("int64").to_pylist()
    assert all(0 <= start - batch.date < DAY for start in starts)
    assert batch.slot == CORRELATED
    return (batch.date - MIDNIGHT) // DAY, sorted(batch.ids), sorted(batch.removed)


S, T, U = walk_id("s"), walk_id("t"), walk_id("u", "q")


def test_sessions_lie_on_their_first_date_and_are_removed_from_later_ones():
    batches, letters = observe(
        [
            step(MIDNIGHT + hour * HOUR, correlation=session, patient=patient)
            for session, patient, hours in (
                ("s", "p", (-30, 1)),
                ("t", "p", (0, 23)),
                ("u", "q", (2, 49)),
            )
            for hour in hours
        ]
    )
    assert letters == []
    assert list(map(held, batches)) == [
        (-2, [S], []),
        (0, sorted([T, U]), [S]),
        (2, [], [U]),
    ]
    # Whom Observations refer to travels with them.
    assert [sorted({kind for kind, _ in batch.shells}) for batch in batches] == [
        ["Device", "Patient"],
        ["Device", "Patient"],
        [],
    ]
    patients = {key for batch in batches for key in batch.shells if key[0] == "Patient"}
    assert patients == {("Patient", sha256(f"_{name}")) for name in "pq"}


def mapping_of(*templates, rules=MEDTECH):
    root = {"templateType": "CollectionFhir", "template": templates}
    return FhirMapping.from_json(json.dumps(root), "f.json", rules)


NOTES = fhir_template("walk", -1, {**HEART_RATE, "valueName": "pulse"}, NOTE)


def causes(letters):
    return [
        (letter.error, letter.message.partition("[")[2].partition("]")[0])
        for letter in letters
    ]


def test_a_session_that_cannot_be_made_is_removed_from_all_its_dates():
    batches, letters = observe(
        [
            step(MIDNIGHT + hour * HOUR, correlation=session)
            for session, hours in (("s", (-1, 30)), ("t", (1,)))
            for hour in hours
        ],
        mapping_of(NOTES),
    )
    assert list(map(held, batches)) == [(-1, [], [S]), (0, [T], []), (1, [], [S])]
    assert causes(letters) == [("InvalidQuantityFhirValueException", "pulse")]
    assert [letter.source for letter in letters] == [f"Observation/{S}"]
    # It may have stood there before: whom it refers to is known then and now.
    assert len(batches[0].shells) == 2


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([("pulse", "9")], ["InvalidQuantityFhirValueException"]),
        ([("note", "x")], ["FhirDataMappingException"]),
        (
            [("pulse", "9"), ("note", "x")],
            ["InvalidQuantityFhirValueException", "FhirDataMappingException"],
        ),
    ],
)
def test_each_value_that_is_wrong_has_its_letter(values, expected):
    measurements = [
        step(MIDNIGHT + minute * MINUTE, values=tuple(values)) for minute in (1, 2)
    ]
    _batches, letters = observe(measurements, mapping_of(NOTES))
    assert [letter.error for letter in letters] == expected


def test_a_group_of_a_slot_that_cannot_be_made_is_removed_from_its_files():
    hourly = mapping_of(fhir_template("heartrate", 60, HEART_RATE))
    (batch,), letters = observe(
        [
            step(
                MIDNIGHT + minute * MINUTE,
                type="heartrate",
                correlation=None,
                patient=patient,
                values=(("hr", "60"),),
            )
            for patient, minute in (("p", 1), ("p", 2), ("q", 3))
        ],
        hourly,
    )
    assert (len(batch.ids), len(batch.removed), batch.date) == (1, 1, None)
    assert set(batch.removed).isdisjoint(batch.ids)
    assert [letter.source for letter in letters] == [f"Observation/{batch.removed[0]}"]
    assert len(batch.shells) == 3


@pytest.mark.parametrize(("rules", "name"), [(MEDTECH, ""), (USUAL, "pulse")])
def test_a_session_too_long_for_its_grid_is_refused_whatever_the_rules(rules, name):
    fine = {**PULSES, "defaultPeriod": 1}
    mapping = mapping_of(fhir_template("walk", -1, fine), rules=rules)
    ends = [step(MIDNIGHT), step(MIDNIGHT + 200 * DAY)]
    batches, letters = observe(ends, mapping)
    assert list(map(held, batches)) == [(0, [], [S]), (200, [], [S])]
    assert causes(letters) == [("FhirDataMappingException", name)]


FEW = 24
"""Characters of a text, so that few samples are too many."""


@pytest.mark.parametrize(
    ("pulses", "missing"),
    [
        # Six cells of ten minutes, two digits each: there is room for seven more.
        ((("72", 0), ("72.1234", 10), ("72", 20), ("72", 30)), []),
        ((("72", 0), ("72.1234", 10), ("72.12", 20), ("72.1", 30)), ["pulse"]),
        # What a later sample hides has been too long once, or might have been.
        ((("72.1234567", 0), ("72", 1), ("72.123", 10), ("72", 11)), ["pulse"]),
        ((("72.1234567890123456789", 0), ("72", 1)), ["pulse"]),
    ],
)
def test_a_text_that_is_too_long_is_refused_in_every_order(
    pulses, missing, tmp_path, monkeypatch
):
    monkeypatch.setattr("transforms.sampled_data.MOST_CHARACTERS", FEW)
    mapping = mapping_of(fhir_template("walk", 60, PULSES), rules=USUAL)
    steps = [
        step(MIDNIGHT + minute * MINUTE, correlation=None, values=(("pulse", text),))
        for text, minute in pulses
    ]
    found = []
    for number, order in enumerate(itertools.permutations(steps)):
        for parts in ([order], [[one] for one in order], [order[:2], order[1:]]):
            chain = Chain(tmp_path / f"{number}-{len(parts)}", mapping)
            for part in parts:
                chain.run(list(part))
            lines = [
                line
                for file in sorted((tmp_path / f"{number}-{len(parts)}").rglob("*.nd*"))
                for line in file.read_bytes().splitlines()
            ]
            found.append((lines, chain.letters))
    assert all(one == found[0] for one in found)
    lines, letters = found[0]
    assert [name for _error, name in causes(letters.values())] == missing
    assert len(lines) == 1 - len(missing)


def test_a_type_that_the_mapping_lacks_is_named():
    collector = SlotCollector(MAPPING, 1, "v")
    collector.add(identify([step(MIDNIGHT)], MessageIdentities(), "v")[0])
    ((shard, slot, readings),) = collector.drain()
    groups = GroupBatch(slot, shard, to_table([readings]), (0,))
    other = mapping_of(fhir_template("heartrate", 60, HEART_RATE))
    with pytest.raises(LookupError, match="the store holds type 'walk'"):
        Observer(other, "v", "").observe(groups)
