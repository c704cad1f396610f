"""`validRange` and `--unit_policy`: whole runs over numbers in the wrong unit."""

import json

import pyarrow.compute as pc
import pytest
from fhir_r4 import assert_valid
from hypothesis import given
from hypothesis import strategies as st
from runs import letters, resources, run, run_counts, table, write_lines

from transforms.fhir_mapping import FhirMapping
from transforms.group import SlotCollector
from transforms.identify import identify
from transforms.identity import MessageIdentities
from transforms.model import GroupBatch, Measurement
from transforms.observe import Observer
from transforms.readings import to_table, upsert
from transforms.rules import Rules
from transforms.schema import MEASUREMENT

LOINC = "http://loinc.org"
UCUM = "http://unitsofmeasure.org"
ABSENT = {
    "coding": [
        {
            "system": "http://terminology.hl7.org/CodeSystem/data-absent-reason",
            "code": "error",
        }
    ]
}
VITAL = {
    "system": "http://terminology.hl7.org/CodeSystem/observation-category",
    "code": "vital-signs",
}


def codes(code):
    return [{"system": LOINC, "code": code}]


def quantity(name, code, **keys):
    unit = {"unit": code, "system": UCUM, "code": code}
    return {"valueType": "Quantity", "valueName": name, **unit, **keys}


def sampled(name, **keys):
    return {
        "valueType": "SampledData",
        "valueName": name,
        "defaultPeriod": 60_000,
        **keys,
    }


def vital_sign(type_name, code, **keys):
    category = [{"codes": [VITAL]}]
    return {"typeName": type_name, "codes": codes(code), "category": category, **keys}


def fhir_templates(**ranges):
    """One template of each shape; ranges by name of the value."""

    def ranged(value):
        limits = ranges.get(value["valueName"])
        return value if limits is None else {**value, "validRange": limits}

    return [
        vital_sign("temperature", "8310-5", value=ranged(quantity("temp", "Cel"))),
        vital_sign(
            "pressure",
            "85354-9",
            components=[
                {"codes": codes("8480-6"), "value": ranged(quantity("sys", "mm[Hg]"))},
                {"codes": codes("8462-4"), "value": ranged(quantity("dia", "mm[Hg]"))},
            ],
        ),
        {
            "typeName": "glucose",
            "codes": codes("99504-3"),
            "periodInterval": 15,
            "value": ranged(sampled("cgm", unit="mg/dL")),
        },
        vital_sign(
            "mean",
            "8867-4",
            periodInterval=15,
            value=ranged(quantity("pulse", "/min", aggregate="mean")),
        ),
    ]


RANGES = {
    "temp": {"low": 25, "high": 45},
    "sys": {"high": 300},
    "dia": {"low": 20},
    "cgm": {"low": 40, "high": 400},
    "pulse": {"low": 20},
}


def document(root, kind, templates):
    listed = [{"templateType": kind, "template": template} for template in templates]
    return json.dumps({"templateType": root, "template": listed})


def mapping_folder(folder, **ranges):
    names = ("temp", "sys", "dia", "cgm", "pulse")
    types = ("temperature", "pressure", "pressure", "glucose", "mean")
    shown = {}
    for type_name, name in zip(types, names, strict=True):
        shown.setdefault(type_name, []).append(name)
    templates = [
        {
            "typeName": type_name,
            "typeMatchExpression": f"$..[?(@{values[0]})]",
            "deviceIdExpression": "$.matchedToken.device",
            "patientIdExpression": "$.matchedToken.patient",
            "timestampExpression": "$.matchedToken.at",
            "values": [
                {"valueName": name, "valueExpression": f"$.matchedToken.{name}"}
                for name in values
            ],
        }
        for type_name, values in shown.items()
    ]
    folder.mkdir()
    device = document("CollectionContent", "CalculatedContent", templates)
    fhir = document("CollectionFhir", "CodeValueFhir", fhir_templates(**ranges))
    (folder / "device.json").write_text(device)
    (folder / "fhir.json").write_text(fhir)
    return folder


def message(minute, **values):
    at = f"2026-03-01T07:{minute:02}:00Z"
    return {"device": "d", "patient": "p", "at": at, **values}


MESSAGES = [
    message(0, temp=36.6),
    message(1, temp=98.6),  # degrees Fahrenheit
    message(2, sys=120, dia=80),
    message(3, sys=121, dia=8.1),  # the second in kPa
    message(15, cgm=100),
    message(16, cgm=5.6),  # mmol/L
    message(17, cgm=102),
    message(30, pulse=60),
    message(31, pulse=1.2),  # per second
    message(32, pulse=63),
]
ALL = ["98.6", "8.1", "5.6", "1.2"]


@pytest.fixture
def started(tmp_path):
    """Runs the messages, by default with a mapping of no ranges."""
    messages = write_lines(tmp_path / "messages.ndjson", MESSAGES)
    mappings = {
        named: mapping_folder(tmp_path / f"mapping-{named}", **ranges)
        for named, ranges in (("ranges", RANGES), ("plain", {}))
    }

    def start(named, *flags):
        out = tmp_path / "-".join(["out", named, *flags]).replace("=", "")
        return run(messages, out, *flags, mapping=mappings[named]), out

    return start


def values_of(out):
    """What stands in the Observations, in time order."""
    found = sorted(
        resources(out).values(),
        key=lambda r: r.get("effectiveDateTime") or r["effectivePeriod"]["start"],
    )
    for resource in found:
        assert_valid(resource)
    return [
        [_shown(part) for part in resource.get("component", [resource])]
        for resource in found
    ]


def _shown(part):
    if "dataAbsentReason" in part:
        assert not [name for name in part if name.startswith("value")]
        assert part["dataAbsentReason"] == ABSENT
        return "absent"
    if "valueSampledData" in part:
        return part["valueSampledData"]["data"].rstrip(" E")
    return part["valueQuantity"]["value"]


def rows(out):
    stored = table(out, "measurement")
    columns = (stored[name].to_pylist() for name in ("value_text", "value", "flag"))
    return {text: (value, flag) for text, value, flag in zip(*columns, strict=True)}


PASSED = [[36.6], [98.6], [120, 80], [121, 8.1], ["100 5.6 102"], [41.4]]
REJECTED = [[36.6], [120, 80], ["100 E 102"], [61.5]]
FLAGGED = [
    [36.6],
    ["absent"],
    [120, 80],
    [121, "absent"],
    ["100 E 102"],
    [61.5],
]


@pytest.mark.parametrize(
    ("named", "flags", "status", "values", "refused"),
    [
        # Without the flag a mapping of MedTech's gives what it gave.
        ("plain", [], 0, PASSED, []),
        ("ranges", [], 1, REJECTED, ALL),
        ("plain", ["--unit_policy=reject"], 1, REJECTED, ALL),
        ("ranges", ["--unit_policy=reject"], 1, REJECTED, ALL),
        ("plain", ["--unit_policy=flag"], 0, FLAGGED, []),
        ("ranges", ["--unit_policy=flag"], 0, FLAGGED, []),
        ("plain", ["--unit_policy=pass"], 0, PASSED, []),
        ("ranges", ["--unit_policy=pass"], 0, PASSED, []),
    ],
)
def test_what_becomes_of_numbers_in_the_wrong_unit(
    named, flags, status, values, refused, started
):
    found, out = started(named, *flags)

    assert (found, values_of(out)) == (status, values)
    lost = {one["source"]: one for one in letters(out)}
    assert {one["error"] for one in lost.values()} <= {"ImplausibleValue"}
    assert [
        text for text in ALL if any(text in one["payload"] for one in lost.values())
    ] == refused
    stored = rows(out)
    if values is FLAGGED:
        assert {text: stored[text] for text in ALL} == dict.fromkeys(
            ALL, (None, "error")
        )
    else:
        assert [text for text in ALL if text in stored] == (
            [] if values is REJECTED else ALL
        )
        assert {flag for _value, flag in stored.values()} == {None}


@pytest.mark.parametrize(
    ("flags", "values"),
    [
        ([], [[36.6], [120, 80]]),
        (["--unit_policy=reject"], [[36.6], [120, 80]]),
        (["--unit_policy=flag"], [[36.6], ["absent"], [120, 80], [121, "absent"]]),
        (["--unit_policy=pass"], [[36.6], [98.6], [120, 80], [121, 8.1]]),
    ],
)
def test_medtechs_results_have_the_same_ranges(flags, values, tmp_path):
    messages = write_lines(tmp_path / "messages.ndjson", MESSAGES[:4])
    mapping = mapping_folder(tmp_path / "mapping", **RANGES)

    run(messages, tmp_path / "out", "--compat=medtech", *flags, mapping=mapping)

    assert values_of(tmp_path / "out") == values


def test_a_dead_letter_says_what_to_do(started):
    _status, out = started("ranges")

    (letter,) = (one for one in letters(out) if '"98.6"' in one["payload"])
    told = ("stage", "error", "message", "suggestion", "type")
    assert [letter[name] for name in told] == [
        "Group",
        "ImplausibleValue",
        "The value [temp] is outside of its range, 25 to 45 Cel",
        "check the unit that the device sends, and convert it in the device mapping; if"
        " the number is right, widen validRange, or run with another --unit_policy",
        "temperature",
    ]
    assert letter["template"].endswith("fhir.json:1")


def test_flagged_readings_are_counted(tmp_path):
    messages = write_lines(tmp_path / "messages.ndjson", MESSAGES)
    mapping = mapping_folder(tmp_path / "mapping")

    counts = run_counts(
        messages, tmp_path / "out", "--unit_policy=flag", mapping=mapping
    )

    assert counts["ReadingImplausible"] == len(ALL)
    assert counts["Reading"] == counts["ReadingStored"] == 12


def test_a_store_takes_what_another_policy_lets_through(started, tmp_path):
    messages = write_lines(tmp_path / "messages.ndjson", MESSAGES)
    mapping = mapping_folder(tmp_path / "mapping", **RANGES)
    out = tmp_path / "out"

    for flags, values in (
        ([], REJECTED),
        (["--unit_policy=flag"], FLAGGED),
        (["--unit_policy=pass"], PASSED),
        # What has been let through stays.
        (["--unit_policy=reject"], PASSED),
        (["--unit_policy=flag"], PASSED),
    ):
        run(messages, out, *flags, mapping=mapping)
        assert values_of(out) == values


# Laws.


def mapping_of(units, ranges=RANGES, *, medtech=False):
    text = document("CollectionFhir", "CodeValueFhir", fhir_templates(**ranges))
    return FhirMapping.from_json(text, rules=Rules(medtech=medtech, units=units))


NUMBERS = st.sampled_from(["19.9", "20", "36.6", "45", "45.1", "98.6", "300", "301"])
FLAGS = st.sampled_from([None, None, None, "<", ">", "unknown"])
NAMES = {
    "temperature": ("temp",),
    "pressure": ("sys", "dia"),
    "glucose": ("cgm",),
    "mean": ("pulse",),
}
HOUR = 3600_000_000


@st.composite
def measurements(draw):
    type_name = draw(st.sampled_from([*NAMES]))
    names = draw(st.sets(st.sampled_from(NAMES[type_name]), min_size=1))
    given = [(name, draw(NUMBERS), draw(FLAGS)) for name in sorted(names)]
    return Measurement(
        type=type_name,
        occurred_at=492_000 * HOUR + draw(st.integers(0, 3)) * 60_000_000,
        ended_at=None,
        utc_offset_minutes=0,
        ingested_at=draw(st.sampled_from([None, 1, 2])),
        device="d",
        patient="p",
        encounter=None,
        correlation=None,
        values=tuple((name, text) for name, text, _flag in given),
        source="s",
        flags=tuple((name, flag) for name, _text, flag in given if flag),
    )


def stores(mapping, *parts):
    """The tables, Observations and letters of messages that come in parts."""
    known, lost, shown = MEASUREMENT.empty_table(), set(), {}
    for part in parts:
        collector = SlotCollector(mapping, 1, "v")
        identified = identify(part, MessageIdentities(), "v")[0]
        lost |= {
            (letter.error, letter.message, letter.payload)
            for letter in collector.add(identified)
        }
        for shard, slot, readings in collector.drain():
            done = upsert(known, to_table([readings]))
            known = done.table
            groups = GroupBatch(slot, shard, done.touched, done.starts)
            batches, refused = Observer(mapping, "v", "").observe(groups)
            assert refused == []
            for batch in batches:
                shown |= dict(zip(batch.ids, batch.resources, strict=True))
    return known, shown, lost


@given(st.lists(measurements(), max_size=8), st.data())
@pytest.mark.parametrize("units", [None, "reject", "flag", "pass"])
def test_order_and_parts_do_not_matter(units, found, data):
    mapping = mapping_of(units)
    shuffled = data.draw(st.permutations(found))
    cut = data.draw(st.integers(0, len(found)))

    whole = stores(mapping, found)
    assert stores(mapping, shuffled[:cut], shuffled[cut:], shuffled[:cut]) == whole


@given(st.lists(measurements(), max_size=8))
@pytest.mark.parametrize("medtech", [False, True])
def test_what_passes_is_as_if_there_were_no_ranges(medtech, found):
    passed = mapping_of("pass", medtech=medtech)
    plain = mapping_of(None, {}, medtech=medtech)
    if medtech:  # several readings of a period are refused
        found = found[:1]

    assert stores(passed, found) == stores(plain, found)


@given(st.lists(measurements(), max_size=8))
def test_no_number_out_of_range_is_left(found):
    flagged, _shown, lost = stores(mapping_of("flag"), found)
    rejected, _shown, refused = stores(mapping_of("reject"), found)

    assert lost == set()
    assert {error for error, *_ in refused} <= {"ImplausibleValue"}
    for stored in (flagged, rejected):
        for name, limits in RANGES.items():
            numbers = stored.filter(pc.field("value_name") == name)["value"]
            for number in numbers.drop_null().to_pylist():
                assert limits.get("low", 0) <= number <= limits.get("high", 999)
    assert rejected.num_rows <= flagged.num_rows
