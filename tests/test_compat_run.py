"""`--compat=medtech`: a period refuses a second reading, whenever it arrives."""

import itertools
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from runs import files, letters, resources, run, table, write_lines
from walks import (
    DEVICE,
    HEART_RATE,
    MIDNIGHT,
    NOTE,
    PULSES,
    SERVICE,
    Chain,
    enveloped,
    fhir_template,
    iso,
    sha256,
    step,
)

from pipeline.mappings import load_mappings
from pipeline.preview import preview
from transforms.fhir_mapping import FhirMapping
from transforms.instants import DAY, HOUR, MINUTE
from transforms.intake import Intake
from transforms.rules import MEDTECH

PULSE = {"valueType": "Quantity", "valueName": "pulse", "unit": "/min"}
TEMPLATES = [
    fhir_template("heartrate", 60, HEART_RATE),
    fhir_template("walk", -1, PULSE, NOTE),
]
FHIR = json.dumps({"templateType": "CollectionFhir", "template": TEMPLATES})
PARTS = fhir_template("heartrate", 1440, PULSES, NOTE, HEART_RATE)
DAILY = json.dumps({"templateType": "CollectionFhir", "template": [PARTS]})


@pytest.fixture(scope="module")
def mapping(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mapping")
    (folder / "device.json").write_text(json.dumps(DEVICE))
    (folder / "fhir.json").write_text(FHIR)
    return folder


def message(at, **values):
    body = {"patient": "p", "device": "d", "time": iso(at), **values}
    return enveloped(body, at + MINUTE)


BEATS = [message(MIDNIGHT + minute * MINUTE, hr=60 + minute) for minute in (5, 9, 61)]
WALKS = [
    message(MIDNIGHT + hour * HOUR, pulse=hour + 90, session=session)
    for session, hours in {"s": (-1, 1, 26), "t": (2,)}.items()
    for hour in hours
]


def run_parts(parts, folder, mapping):
    folder.mkdir(exist_ok=True)
    for number, part in enumerate(parts):
        messages = write_lines(folder / f"{number}.ndjson", part)
        run(messages, folder / "out", "--compat=medtech", mapping=mapping)
    return folder / "out"


def documents(out):
    """The dead letters, each with its payload read."""
    found = letters(out)
    for letter in found:
        letter["payload"] = json.loads(letter["payload"])
    return found


def identity(type_name, segment):
    text = f"{sha256('_p')}.{sha256('_d')}.{type_name}.{segment}"
    return sha256(f"{SERVICE}_{text}")


REFUSED_HOUR = identity("heartrate", "20260302000000Z.20260302005959Z")
REFUSED_WALK = identity("walk", "s")


@pytest.fixture(scope="module")
def whole(mapping, tmp_path_factory):
    return run_parts([BEATS + WALKS], tmp_path_factory.mktemp("whole"), mapping)


def test_a_period_with_several_readings_of_a_quantity_is_no_observation(whole):
    shown = {
        (resource["code"]["text"], resource["valueQuantity"]["value"])
        for resource in resources(whole).values()
    }
    assert shown == {("heartrate", 121), ("walk", 92)}
    assert table(whole, "observation").num_rows == 2
    assert table(whole, "measurement").num_rows == 7


def test_its_letter_names_the_group_and_none_of_its_readings(whole, mapping):
    version = load_mappings(
        mapping / "device.json", mapping / "fhir.json", MEDTECH
    ).version
    common = {
        "stage": "Observe",
        "error": "InvalidQuantityFhirValueException",
        "expression": None,
        "payload_base64": None,
        "enqueued_at": None,
        "first_seen": None,
        "last_seen": None,
        "count": 1,
        "mapping_version": version,
        "template": f"{mapping / 'fhir.json'}:1",
    }
    found = documents(whole)
    for letter in found:
        assert len(letter.pop("id")) == 64
        assert letter.pop("suggestion")
    who = {"deviceId": "d", "patientId": "p"}
    several = "There are several readings of [{}] where exactly one is wanted"
    assert sorted(found, key=lambda letter: letter["type"]) == [
        {
            **common,
            "type": "heartrate",
            "message": several.format("hr"),
            "source": f"Observation/{REFUSED_HOUR}",
            "payload": {
                "type": "heartrate",
                **who,
                "periodStart": "2026-03-02T00:00:00.0000000Z",
                "periodEnd": "2026-03-02T00:59:59.9999999Z",
                "observationId": REFUSED_HOUR,
            },
        },
        {
            **common,
            "type": "walk",
            "message": several.format("pulse"),
            "source": f"Observation/{REFUSED_WALK}",
            "payload": {
                "type": "walk",
                **who,
                "correlationId": "s",
                "observationId": REFUSED_WALK,
            },
        },
    ]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_readings_that_arrive_in_runs_of_their_own_leave_the_same(
    order, whole, mapping, tmp_path
):
    parts = [BEATS[::2] + WALKS[::3], BEATS[:2] + WALKS[1:]]
    first = run_parts([parts[order[0]]], tmp_path / "one", mapping)
    assert order == (1, 0) or (not letters(first) and len(resources(first)) == 4)
    out = run_parts([parts[number] for number in order], tmp_path / "all", mapping)
    for name in ("fhir", "observation", "dead_letters"):
        assert files(out / name) == files(whole / name)
    without_source = [
        table(each, "measurement").drop_columns(["source"]) for each in (out, whole)
    ]
    assert without_source[0] == without_source[1]


def test_a_preview_shows_what_a_run_leaves(whole, mapping, tmp_path):
    mappings = load_mappings(mapping / "device.json", mapping / "fhir.json", MEDTECH)
    messages = write_lines(tmp_path / "m.ndjson", BEATS + WALKS)
    intake = Intake(mapping_version=mappings.version, medtech=True)
    found = preview(mappings, [str(messages)], intake, "")
    shown = [r for r in found.resources if r["resourceType"] == "Observation"]
    assert {r["id"]: r for r in shown} == resources(whole)
    starts = [r["effectivePeriod"]["start"] for r in shown]
    assert starts == sorted(starts)
    ids = [letter.id for letter in found.dead_letters]
    assert sorted(ids) == sorted(letter["id"] for letter in letters(whole))


def test_without_it_the_last_reading_counts_and_nothing_is_refused(mapping, tmp_path):
    messages = write_lines(tmp_path / "m.ndjson", BEATS + WALKS)
    assert run(messages, tmp_path / "out", mapping=mapping) == 0
    shown = sorted(
        (resource["code"]["text"], resource["valueQuantity"]["value"])
        for resource in resources(tmp_path / "out").values()
    )
    assert shown == [
        *(("heartrate", value) for value in (65, 69, 121)),
        *(("walk", value) for value in (92, 116)),
    ]


def test_the_other_rules_are_refused_on_one_store(whole, mapping, tmp_path):
    messages = write_lines(tmp_path / "m.ndjson", BEATS)

    def visible():
        return {k: v for k, v in files(whole).items() if not k.startswith(".")}

    before = visible()
    assert run(messages, whole, mapping=mapping) == 2
    assert visible() == before


beats = st.builds(
    step,
    at=st.integers(0, 5).map(lambda number: MIDNIGHT + number * 20 * MINUTE),
    type=st.just("heartrate"),
    correlation=st.none(),
    encounter=st.sampled_from([None, "e"]),
    patient=st.sampled_from(["p", "q"]),
    ingested_at=st.sampled_from([None, MIDNIGHT + DAY]),
    values=st.lists(
        st.sampled_from([("hr", "70"), ("hr", "71"), ("note", "x"), ("pulse", "1")]),
        min_size=1,
        max_size=3,
        unique_by=lambda pair: pair[0],
    ).map(tuple),
)
walks = st.builds(
    step,
    at=st.integers(-30, 30).map(lambda hours: MIDNIGHT + hours * HOUR),
    correlation=st.sampled_from(["s", "t"]),
    encounter=st.sampled_from([None, "e"]),
    values=st.sampled_from([(("pulse", "9"),), (("note", "y"),)]),
)


@pytest.mark.parametrize("text", [FHIR, DAILY])
@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), shuffle=st.randoms(use_true_random=False))
def test_batches_order_and_repeats_do_not_matter(tmp_path_factory, text, data, shuffle):
    mapping = FhirMapping.from_json(text, rules=MEDTECH)
    kinds = beats | walks if text == FHIR else beats
    found = data.draw(st.lists(kinds, min_size=1, max_size=8))
    root = tmp_path_factory.mktemp("laws")
    whole = Chain(root / "whole", mapping)
    whole.run(found)
    shuffled = found + shuffle.sample(found, len(found) // 2)
    shuffle.shuffle(shuffled)
    parts = Chain(root / "parts", mapping)
    cuts = sorted(shuffle.sample(range(len(shuffled)), min(2, len(shuffled))))
    for first, last in itertools.pairwise([0, *cuts, len(shuffled)]):
        parts.run(shuffled[first:last])
    assert files(root / "parts") == files(root / "whole")
    assert parts.letters == whole.letters
