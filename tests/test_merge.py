"""Merging with what MedTech wrote: its rules, and where they are repaired."""

import copy
import json
from decimal import Decimal

import pytest
from fhir_r4 import assert_valid

from transforms.errors import FhirDataMappingError
from transforms.fhir_mapping import FhirMapping
from transforms.merge import is_same, merge
from transforms.observation import Mould
from transforms.observation_value import Reading
from transforms.rules import MEDTECH, USUAL
from transforms.value_mould import SERVICE

NINE = 1_546_333_200_000_000  # 2019-01-01T09:00:00Z
MINUTE = 60_000_000
SECOND = 1_000_000

SAMPLED = {
    "valueType": "SampledData",
    "valueName": "hr",
    "unit": "/min",
    "defaultPeriod": 900_000,
}
QUANTITY = {"valueType": "Quantity", "valueName": "hr", "unit": "/min"}
TEXT = {"valueType": "String", "valueName": "hr"}
CONCEPT = {"valueType": "CodeableConcept", "valueName": "hr", "codes": [{"code": "x"}]}


def compiled(rules, **template):
    body = {"typeName": "t", "codes": [], **template}
    container = {"templateType": "CodeValueFhir", "template": body}
    root = {"templateType": "CollectionFhir", "template": [container]}
    return FhirMapping.from_json(json.dumps(root), rules=rules).templates["t"]


def reading(at, text, name="hr", tick=0, flag=None):
    return Reading(
        observation_id="o",
        patient_id="p",
        device_id="d",
        encounter_id=None,
        correlation_id="c",
        record_id=None,
        type="t",
        value_name=name,
        occurred_at=at,
        occurred_tick=tick,
        ended_at=None,
        utc_offset_minutes=0,
        value=None,
        value_text=text,
        flag=flag,
        ingested_at=None,
    )


def observed(*readings, rules=MEDTECH, **template):
    """The template and the Observation of some readings."""
    found = compiled(rules, **template)
    resource, _rows = Mould(found, "t", "v", rules).fill(list(readings))
    return found, json.loads(resource, parse_float=Decimal)


def merged(existing, *readings, rules=MEDTECH, known=True, **template):
    """What a merge makes of an Observation, proved pure and valid."""
    found, new = observed(*readings, rules=rules, **template)
    before = copy.deepcopy((existing, new))
    told = readings if known else ()
    result, changed = merge(existing, new, found, told, rules=rules)
    assert (existing, new) == before
    assert changed is (result is not existing)
    assert_valid(json.loads(json.dumps(result, default=float)))
    return result, changed


def unjudged(existing, *readings, rules=USUAL, **template):
    """The same, not proved: what others have written need not be valid."""
    found, new = observed(*readings, rules=rules, **template)
    return merge(existing, new, found, readings, rules=rules)


def medtechs(*readings, **template):
    """An Observation as MedTech left it on a server."""
    observation = observed(*readings, **template)[1]
    del observation["meta"]
    return {**observation, "meta": {"versionId": "3"}, "issued": "2019-01-01T09:00:09Z"}


HOUR = {"value": SAMPLED, "periodInterval": 60}
PERIOD = {
    "start": "2019-01-01T09:00:00.0000000Z",
    "end": "2019-01-01T09:59:59.9999999Z",
}


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize(
    ("existing", "new", "data"),
    [
        ([(0, "60")], [(20, "70")], "60 70 E E"),
        ([(20, "70")], [(0, "60")], "60 70 E E"),
        # In the same cell the new sample wins, whenever it was.
        ([(10, "60")], [(5, "70")], "70 E E E"),
        ([(0, "60"), (59, "61")], [(30, "70"), (45, "71")], "60 E 70 71"),
        ([(0, "60")], [(0, "60")], "60 E E E"),
        ([(0, "60"), (20, "U")], [(30, "L")], "60 U L E"),
    ],
)
def test_sampled_data_is_united_and_ours_wins(existing, new, data, known):
    there = medtechs(
        *(reading(NINE + at * MINUTE, text) for at, text in existing), **HOUR
    )
    ours = [reading(NINE + at * MINUTE, text) for at, text in new]
    result, changed = merged(there, *ours, known=known, **HOUR)

    assert changed is (there["valueSampledData"]["data"] != data)
    assert result == {
        **there,
        "status": "amended" if changed else "final",
        "valueSampledData": {**there["valueSampledData"], "data": data},
    }
    assert result["effectivePeriod"] == PERIOD


def test_what_is_known_to_be_absent_empties_its_cell():
    there = medtechs(reading(NINE, "60"), reading(NINE + 20 * MINUTE, "70"), **HOUR)
    result, _ = merged(there, reading(NINE + 1, None, flag="error"), **HOUR)

    assert result["valueSampledData"]["data"] == "E 70 E E"


@pytest.mark.parametrize(
    ("theirs", "ours", "known", "period", "data"),
    [
        # A coarser mapping: the grid on the server stays as fine as it is.
        (
            900_000,
            1_800_000,
            True,
            900_000,
            "60 61 62 70",
        ),
        (900_000, 1_800_000, False, 900_000, "60 61 70 63"),
        # A finer one: what is there is read with its own period.
        (
            1_800_000,
            900_000,
            True,
            900_000,
            "61 E E 70",
        ),
        (900_000, 600_000, True, 600_000, "60 61 E 62 E 70"),
    ],
)
def test_a_grid_is_read_with_its_own_period(theirs, ours, known, period, data):
    there = medtechs(
        *(reading(NINE + 15 * MINUTE * at, str(60 + at)) for at in range(4)),
        value={**SAMPLED, "defaultPeriod": theirs},
        periodInterval=60,
    )
    result, changed = merged(
        there,
        reading(NINE + 50 * MINUTE, "70"),
        known=known,
        value={**SAMPLED, "defaultPeriod": ours},
        periodInterval=60,
    )

    assert changed
    found = result["valueSampledData"]
    assert (found["period"], found["data"]) == (period, data)


@pytest.mark.parametrize("rules", [USUAL, MEDTECH])
@pytest.mark.parametrize(
    ("value", "element", "content"),
    [
        (QUANTITY, "valueQuantity", {"value": Decimal("98.60"), "unit": "/min"}),
        (TEXT, "valueString", "98.60"),
    ],
)
def test_a_quantity_or_string_is_replaced(value, element, content, rules):
    there = medtechs(reading(NINE, "61"), value=value)
    result, changed = merged(there, reading(NINE, "98.60"), rules=rules, value=value)

    assert changed
    assert result == {**there, "status": "amended", element: content}
    assert str(result[element]) == str(content)


def test_a_concept_is_what_the_template_now_says():
    there = medtechs(reading(NINE, "x"), value=CONCEPT)
    assert merged(there, reading(NINE, "y"), value=CONCEPT) == (there, False)

    value = {**CONCEPT, "codes": [{"code": "y"}]}
    result, changed = merged(there, reading(NINE, "y"), value=value)
    assert (changed, result["valueCodeableConcept"]) == (
        True,
        {"coding": [{"code": "y"}]},
    )


@pytest.mark.parametrize(
    ("value", "element"),
    [
        (QUANTITY, "valueQuantity"),
        (TEXT, "valueString"),
        (CONCEPT, "valueCodeableConcept"),
        (SAMPLED, "valueSampledData"),
    ],
)
def test_a_value_that_is_not_there_yet_is_added(value, element):
    template = {"value": value, "periodInterval": 60}
    there = medtechs(reading(NINE, None, name=None), **template)
    assert element not in there
    result, changed = merged(there, reading(NINE + MINUTE, "7"), **template)

    assert changed
    _, alone = observed(reading(NINE + MINUTE, "7"), **template)
    assert result == {**there, "status": "amended", element: alone[element]}


@pytest.mark.parametrize(
    ("before", "after"),
    [("not-performed", None), (None, "not-performed"), ("error", "unknown")],
)
def test_a_value_and_the_reason_of_its_absence_replace_each_other(before, after):
    there = medtechs(
        reading(NINE, None if before else "1", flag=before), value=QUANTITY
    )
    ours = reading(NINE, None if after else "2", flag=after)
    result, _ = merged(there, ours, value=QUANTITY)

    _, alone = observed(ours, value=QUANTITY)
    for name in ("valueQuantity", "dataAbsentReason"):
        assert result.get(name) == alone.get(name)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (TEXT, QUANTITY, ("valueString", "valueQuantity")),
        (QUANTITY, SAMPLED, ("valueQuantity", "valueSampledData")),
        (SAMPLED, CONCEPT, ("valueSampledData", "valueCodeableConcept")),
    ],
)
def test_another_kind_of_value_is_a_letter(before, after, told):
    there = medtechs(reading(NINE, "1"), value=before)

    with pytest.raises(FhirDataMappingError) as caught:
        merged(there, reading(NINE, "1"), value=after)
    assert caught.value.message == (
        f"The Observation on the server holds a {told[0]}, ours a {told[1]}"
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"dimensions": 2},
        {"dimensions": None},
        {"factor": 0.1},
        {"period": 0},
        {"period": "soon"},
        {"period": float("nan")},
        {"origin": {"value": 7, "unit": "/min"}},
        {"origin": {"value": 0, "unit": "count/min"}},
    ],
)
def test_a_sampled_data_that_means_something_else_is_a_letter(changes):
    there = medtechs(reading(NINE, "1"), **HOUR)
    there["valueSampledData"] = {**there["valueSampledData"], **changes}

    with pytest.raises(FhirDataMappingError):
        merged(there, reading(NINE, "1"), **HOUR)


def component(name, value=QUANTITY, **keys):
    return {"codes": [{"code": name}], "value": {**value, "valueName": name, **keys}}


def test_components_are_merged_by_medtechs_coding_appended_or_left():
    before = [component("a"), component("b"), component("gone")]
    after = [component("a"), component("new"), component("b")]
    after[0]["codes"] = [{"code": "recoded"}]
    there = medtechs(
        *(reading(NINE, "1", name=name) for name in ("a", "b", "gone")),
        components=before,
    )
    # Someone else's, without MedTech's coding.
    foreign = {"code": {"coding": [{"code": "f"}]}, "valueString": "f"}
    there["component"].insert(0, foreign)
    result, changed = merged(
        there,
        reading(NINE, "2", name="a"),
        reading(NINE, "3", name="new"),
        components=after,
    )

    assert changed
    _foreign, a, b, gone = there["component"]
    own = {"system": SERVICE, "code": "new", "display": "new"}
    assert result["component"] == [
        foreign,
        {**a, "valueQuantity": {"value": 2, "unit": "/min"}},
        b,
        gone,
        {
            "code": {"text": "new", "coding": [{"code": "new"}, own]},
            "valueQuantity": {"value": 3, "unit": "/min"},
        },
    ]


def test_the_first_component_of_an_observation_is_added():
    there = medtechs(reading(NINE, "1"), value=QUANTITY)
    result, _ = merged(
        there,
        reading(NINE, "1"),
        reading(NINE, "2", name="a"),
        value=QUANTITY,
        components=[component("a")],
    )

    assert [part["valueQuantity"]["value"] for part in result["component"]] == [2]


def test_aggregates_of_one_value_are_told_apart_by_their_codes():
    parts = [component("hr", aggregate=name) for name in ("mean", "max")]
    for part, name in zip(parts, ("mean", "max"), strict=True):
        part["codes"] = [{"code": name}]
    template = {"components": parts, "periodInterval": 60}
    there = medtechs(reading(NINE, "1"), **template)
    there["component"].reverse()
    result, _ = merged(there, reading(NINE, "4"), reading(NINE + 1, "8"), **template)

    assert [
        (part["code"]["coding"][0]["code"], part["valueQuantity"]["value"])
        for part in result["component"]
    ] == [("max", 8), ("mean", 6)]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([{"text": "a"}], [{"text": "b"}]),
        ([{"text": "a"}], None),
        (None, [{"text": "b"}]),
        ([{"text": "a"}], [{"text": "a"}]),
    ],
)
def test_the_category_is_that_of_the_template(before, after):
    there = medtechs(reading(NINE, "1"), value=QUANTITY, category=before)
    result, changed = merged(there, reading(NINE, "1"), value=QUANTITY, category=after)

    assert result.get("category") == after
    assert changed is (before != after)


SESSION = {"value": {**SAMPLED, "defaultPeriod": 1000}, "periodInterval": -1}


@pytest.mark.parametrize("rules", [USUAL, MEDTECH])
@pytest.mark.parametrize(
    ("existing", "new", "data", "start", "end"),
    [
        # It goes on.
        ([(0, "1"), (2, "2")], [(4.5, "3")], "1 E 2 E 3", 0, 4.5),
        # It began earlier than known: by whole cells, and not.
        ([(0, "1"), (2, "2")], [(-2, "3")], "3 E 1 E 2", -2, 2),
        ([(0, "1"), (2, "2")], [(-1.5, "3")], "3 1 E 2", -1.5, 2),
        # What we know ourselves lies where it truly was, and once; of two in one cell
        # the later one stays.
        ([(0, "1"), (1.9, "2")], [(-0.2, "3"), (1.9, "2")], "1 E 2", -0.2, 1.9),
        ([(0, "1")], [(0, "1")], "1", 0, 0),
    ],
)
def test_a_session_grows_at_both_ends(existing, new, data, start, end, rules):
    def readings(pairs):
        return [reading(NINE + int(at * SECOND), text) for at, text in pairs]

    there = medtechs(*readings(existing), **SESSION)
    result, _ = merged(there, *readings(new), rules=rules, **SESSION)

    assert result["valueSampledData"]["data"] == data

    def spelled(at):
        tenths = 36_000 * 9 + round(at * 10)
        seconds, tenth = divmod(tenths, 10)
        clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
        return f"2019-01-01T{clock}.{tenth}000000Z"

    assert result["effectivePeriod"] == {"start": spelled(start), "end": spelled(end)}


def test_a_grid_that_we_have_nothing_of_moves_with_the_start():
    parts = [component(name, SAMPLED, defaultPeriod=1000) for name in ("a", "b", "c")]
    template = {"value": SESSION["value"], "components": parts, "periodInterval": -1}
    there = medtechs(
        reading(NINE, "1"),
        reading(NINE, "2", name="a"),
        reading(NINE + SECOND, "3", name="a"),
        **template,
    )
    result, _ = merged(there, reading(NINE - 2 * SECOND, "9", name="b"), **template)

    assert result["valueSampledData"]["data"] == "E E 1 E"
    assert [part["valueSampledData"]["data"] for part in result["component"]] == [
        "E E 2 3",
        "9 E E E",
    ]


@pytest.mark.parametrize(
    "effective",
    [
        {"effectiveDateTime": "2019-01-01T09:00:00.1234567Z"},
        {"effectiveDateTime": "2019-01-01T11:00:00.1234567+02:00"},
        # Servers that keep milliseconds or microseconds cut the rest.
        {"effectiveDateTime": "2019-01-01T09:00:00.123Z"},
        {
            "effectivePeriod": {
                "start": "2019-01-01T09:00:00.123456Z",
                "end": "2019-01-01T09:00:00.123+00:00",
            }
        },
        # No zone is UTC.
        {
            "effectivePeriod": {
                "start": "2019-01-01T09:00:00.1234567",
                "end": "2019-01-01T09:00:00.1234567",
            }
        },
    ],
)
@pytest.mark.parametrize("rules", [USUAL, MEDTECH])
def test_another_spelling_is_no_change(effective, rules):
    given = reading(NINE + 123_456, "98.60", tick=7)
    there = medtechs(given, value=QUANTITY)
    del there["effectivePeriod"]
    there |= effective
    there["valueQuantity"] = {"unit": "/min", "value": 98.6}

    found, new = observed(given, rules=rules, value=QUANTITY)
    assert merge(there, new, found, [given], rules=rules) == (there, False)


def test_a_servers_cut_end_of_a_period_is_no_change():
    there = medtechs(reading(NINE, "60"), **HOUR)
    there["effectivePeriod"]["end"] = "2019-01-01T09:59:59.999Z"

    assert merged(there, reading(NINE, "60"), **HOUR) == (there, False)


@pytest.mark.parametrize(
    ("effective", "start", "end"),
    [
        ("2019-01-01", "00:00:00.0000000Z", "09:00:00.2500000Z"),
        ("2019-01", "00:00:00.0000000Z", "09:00:00.2500000Z"),
        ("2019", "00:00:00.0000000Z", "09:00:00.2500000Z"),
        ("2019-01-01T09:00:00Z", "09:00:00.0000000Z", "09:00:00.2500000Z"),
        ("2019-01-01T09:00:00.9Z", "09:00:00.2500000Z", "09:00:00.9000000Z"),
        ("2019-01-01T09:00:00.251Z", "09:00:00.2500000Z", "09:00:00.2510000Z"),
    ],
)
def test_the_time_is_extended_to_hold_both(effective, start, end):
    given = reading(NINE + 250_000, "1")
    there = medtechs(given, value=QUANTITY)
    del there["effectivePeriod"]
    there["effectiveDateTime"] = effective
    result, changed = merged(there, given, value=QUANTITY)

    assert changed
    assert "effectiveDateTime" not in result
    assert result["effectivePeriod"] == {
        "start": f"2019-01-01T{start}",
        "end": f"2019-01-01T{end}",
    }


@pytest.mark.parametrize(
    "effective",
    [
        {},
        {"effectivePeriod": {"start": "2019-01-01T09:00:00Z"}},
        {"effectivePeriod": {"end": "2019-01-01T09:00:00Z"}},
        {"effectiveInstant": "2019-01-01T09:00:00Z"},
        {"effectiveTiming": {"event": ["2019-01-01T09:00:00Z"]}},
        {"effectiveDateTime": "soon"},
    ],
)
def test_an_observation_without_a_time_is_a_letter(effective):
    there = medtechs(reading(NINE, "1"), value=QUANTITY)
    del there["effectivePeriod"]

    with pytest.raises(FhirDataMappingError):
        merged(there | effective, reading(NINE, "1"), value=QUANTITY)


_TOO_LONG = (
    "The samples on the server and ours make a text of more than 1048576 characters,"
    " which FHIR does not allow"
)


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        (MEDTECH, "The Observation would span more than 10000000 samples"),
        (USUAL, _TOO_LONG),
    ],
)
def test_a_union_that_would_fill_the_memory_is_a_letter(rules, message):
    there = medtechs(reading(NINE, "1"), **SESSION)

    with pytest.raises(FhirDataMappingError) as caught:
        merged(there, reading(0, "2"), rules=rules, **SESSION)
    assert caught.value.message == message


@pytest.mark.parametrize(
    ("seconds", "text", "length"),
    [
        # The texts, as many blanks as there are other cells, and their Es.
        (524_287, "2", 1_048_575),
        (524_287, "22", 1_048_576),
        (524_287, "222", None),
        (524_288, "2", None),
        (1, "2" * (1_048_576 - 2), 1_048_576),
        (1, "2" * (1_048_576 - 1), None),
    ],
)
def test_a_union_is_no_longer_than_a_text_of_r4(seconds, text, length):
    there = medtechs(reading(NINE, "1"), **SESSION)
    ours = reading(NINE + seconds * SECOND, text)
    result, _ = unjudged(there, ours, rules=MEDTECH, **SESSION)

    data = result["valueSampledData"]["data"]
    if length is not None:
        assert len(data) == length
        found, _ = merged(there, ours, rules=USUAL, **SESSION)
        assert found["valueSampledData"]["data"] == data
        return
    with pytest.raises(FhirDataMappingError) as caught:
        merged(there, ours, rules=USUAL, **SESSION)
    assert caught.value.message == _TOO_LONG


def test_a_grid_that_only_moves_is_no_longer_either():
    part = component("a", SAMPLED, defaultPeriod=1000)
    template = {"value": TEXT, "components": [part], "periodInterval": -1}
    there = medtechs(reading(NINE, "1", name="a"), **template)
    ours = reading(NINE - 600_000 * SECOND, "x")

    assert unjudged(there, ours, rules=MEDTECH, **template).changed
    with pytest.raises(FhirDataMappingError) as caught:
        merged(there, ours, rules=USUAL, **template)
    assert caught.value.message == _TOO_LONG


def test_merging_again_changes_nothing():
    there = medtechs(reading(NINE, "1"), reading(NINE + 9, "2", name="a"), **SESSION)
    ours = [reading(NINE - 2 * SECOND, "3"), reading(NINE + 7 * SECOND, "4")]
    once, changed = merged(there, *ours, **SESSION)

    assert changed
    assert merged(once, *ours, **SESSION) == (once, False)


# Vital signs: without `--compat=medtech` what is written is valid for their profiles.

LOINC, UCUM = "http://loinc.org", "http://unitsofmeasure.org"
HL7 = "http://terminology.hl7.org/CodeSystem"
VITAL = {
    "category": [
        {"codes": [{"system": f"{HL7}/observation-category", "code": "vital-signs"}]}
    ]
}
RATE = {"valueType": "Quantity", "unit": "/min", "system": UCUM, "code": "/min"}
PULSE = {
    **VITAL,
    "codes": [{"system": LOINC, "code": "8867-4"}],
    "value": {**RATE, "valueName": "hr"},
}
MEAN = {
    **PULSE,
    "value": {**PULSE["value"], "aggregate": "mean"},
    "periodInterval": 60,
}


def half(name, code):
    value = {"valueType": "Quantity", "valueName": name, "unit": "mmHg"}
    codes = [{"system": LOINC, "code": code}]
    return {"codes": codes, "value": {**value, "system": UCUM, "code": "mm[Hg]"}}


PRESSURE = {
    **VITAL,
    "codes": [{"system": LOINC, "code": "85354-9"}],
    "components": [half("sys", "8480-6"), half("dia", "8462-4")],
}
START = "2019-01-01T09:00:00Z"
INSTANT = {"start": "2019-01-01T09:00:00.0000000Z"}
INSTANT["end"] = INSTANT["start"]


def effective(observation):
    return {n: v for n, v in observation.items() if n.startswith("effective")}


def numbers(observation):
    """The value of each component: its number, or the code of why there is none."""
    return {
        part["code"]["text"]: part["valueQuantity"]["value"]
        if "valueQuantity" in part
        else part["dataAbsentReason"]["coding"][0]["code"]
        for part in observation["component"]
    }


@pytest.mark.parametrize(
    ("template", "theirs", "told"),
    [
        (PULSE, INSTANT, "2019-01-01T11:00:00+02:00"),
        (
            PULSE,
            {**INSTANT, "end": "2019-01-01T09:00:05Z"},
            "2019-01-01T11:00:00+02:00",
        ),
        # Ours begins later, and so is not its start.
        (
            PULSE,
            {"start": "2019-01-01T08:59:59.5Z", "end": INSTANT["end"]},
            "2019-01-01T08:59:59.5Z",
        ),
        (MEAN, PERIOD, START),
        ({**PULSE, "periodInterval": -1}, INSTANT, START),
    ],
)
def test_a_vital_sign_that_is_written_is_told_by_its_start(template, theirs, told):
    ours = reading(NINE, "70")._replace(utc_offset_minutes=120)
    there = medtechs(reading(NINE, "60"), **PULSE)
    there["effectivePeriod"] = theirs
    result, changed = merged(there, ours, rules=USUAL, **template)

    assert changed
    kept = {n: v for n, v in there.items() if n != "effectivePeriod"}
    assert result == {
        **kept,
        "status": "amended",
        "valueQuantity": {**there["valueQuantity"], "value": 70},
        "effectiveDateTime": told,
    }
    assert merged(result, ours, rules=USUAL, **template) == (result, False)


@pytest.mark.parametrize(("template", "theirs"), [(PULSE, INSTANT), (MEAN, PERIOD)])
def test_a_period_that_alone_is_wrong_is_left(template, theirs):
    there = medtechs(reading(NINE, "60"), **PULSE)
    there["effectivePeriod"] = theirs

    assert unjudged(there, reading(NINE, "60"), **template) == (there, False)


def test_a_vital_sign_that_begins_earlier_than_known_is_told_by_that():
    session = {**MEAN, "periodInterval": -1}
    ours = [reading(NINE - SECOND, "60"), reading(NINE + SECOND, "60")]
    there = observed(reading(NINE, "60"), rules=USUAL, **session)[1]
    assert effective(there) == {"effectiveDateTime": START}
    result, changed = merged(there, *ours, rules=USUAL, **session)

    assert changed
    assert effective(result) == {"effectiveDateTime": "2019-01-01T08:59:59Z"}
    # That it goes on does not change when it began.
    later = [reading(NINE + SECOND, "60")]
    assert merged(result, *later, rules=USUAL, **session) == (result, False)


@pytest.mark.parametrize(
    ("codes", "rules"),
    [(PULSE["codes"], MEDTECH), ([{"system": LOINC, "code": "55423-8"}], USUAL)],
)
def test_any_other_is_told_by_a_period(codes, rules):
    template = {**PULSE, "codes": codes, "category": None, "periodInterval": -1}
    there = medtechs(reading(NINE, "60"), **template)
    found, new = observed(reading(NINE + SECOND, "61"), rules=rules, **template)
    result, _changed = merge(there, new, found, rules=rules)

    end = "2019-01-01T09:00:01.0000000Z"
    assert effective(result) == {"effectivePeriod": {**INSTANT, "end": end}}


@pytest.mark.parametrize("value", [SAMPLED, {**SAMPLED, "valueName": "other"}])
def test_a_grid_keeps_the_period_that_it_fills(value):
    """It is no vital sign in any case."""
    hour = {**HOUR, "codes": PULSE["codes"], "value": value}
    there = medtechs(reading(NINE, "60", name=value["valueName"]), **hour)
    found, new = observed(reading(NINE + MINUTE, "61"), rules=USUAL, **hour)
    result, _changed = merge(there, new, found, rules=USUAL)

    assert effective(result) == {"effectivePeriod": PERIOD}


@pytest.mark.parametrize(
    ("theirs", "ours", "expected"),
    [
        # What others have sent is never replaced by that we have not.
        ({"sys": "121"}, {"dia": "79"}, {"sys": 121, "dia": 79}),
        ({"sys": "121", "dia": "79"}, {"dia": "80"}, {"sys": 121, "dia": 80}),
        ({"dia": "79"}, {"dia": "80"}, {"dia": 80, "sys": "unknown"}),
        ({None: None}, {"dia": "79"}, {"dia": 79, "sys": "unknown"}),
    ],
)
@pytest.mark.parametrize("known", [True, False])
def test_a_half_that_others_have_sent_stays(theirs, ours, expected, known):
    there, mine = (
        [reading(NINE, text, name=name) for name, text in texts.items()]
        for texts in (theirs, ours)
    )
    result, changed = merged(
        medtechs(*there, **PRESSURE), *mine, rules=USUAL, known=known, **PRESSURE
    )

    assert changed
    assert numbers(result) == expected
    assert effective(result) == {"effectiveDateTime": START}
    assert "dataAbsentReason" not in result
    again = merged(result, *mine, rules=USUAL, known=known, **PRESSURE)
    assert again == (result, False)


def test_a_half_that_the_device_says_is_absent_is_replaced():
    there = medtechs(reading(NINE, "79", name="dia"), **PRESSURE)
    flagged = reading(NINE, None, name="dia", flag="error")
    result, _changed = merged(there, flagged, rules=USUAL, **PRESSURE)

    assert numbers(result) == {"dia": "error", "sys": "unknown"}


def test_what_is_missing_alone_is_no_reason_to_write():
    half_of_it = reading(NINE, "79", name="dia")
    there = medtechs(half_of_it, **PRESSURE)
    assert unjudged(there, half_of_it, **PRESSURE) == (there, False)

    nothing = reading(NINE, None, name=None)
    there = medtechs(nothing, **PULSE)
    assert unjudged(there, nothing, **PULSE) == (there, False)


NOTHING = {"coding": [{"system": f"{HL7}/data-absent-reason", "code": "unknown"}]}


OF_ANOTHER = {**PULSE, "category": [{"text": "x"}, *VITAL["category"]]}
"""Makes each merge a change."""


@pytest.mark.parametrize(
    ("theirs", "name", "flag", "stays"),
    [
        ("hr", None, None, True),
        # What the device says counts.
        ("hr", "hr", "unknown", False),
        # Neither has a value: that is said of what is written.
        (None, None, None, False),
    ],
)
def test_a_value_that_others_have_sent_stays(theirs, name, flag, stays):
    text = "60" if theirs else None
    there = medtechs(reading(NINE, text, name=theirs), **PULSE)
    ours = reading(NINE, None, name=name, flag=flag)
    result, changed = merged(there, ours, rules=USUAL, **OF_ANOTHER)

    assert changed
    found = {n: result.get(n) for n in ("valueQuantity", "dataAbsentReason")}
    kept = {"valueQuantity": there.get("valueQuantity"), "dataAbsentReason": None}
    absent = {"valueQuantity": None, "dataAbsentReason": NOTHING}
    assert found == (kept if stays else absent)


@pytest.mark.parametrize(
    ("reason", "kept"),
    [(NOTHING, False), ({"coding": [{"code": "masked"}]}, True)],
)
def test_an_observation_with_a_component_is_not_without_a_value(reason, kept):
    motion = component("motion", TEXT)
    template = {**PULSE, "components": [motion]}
    there = observed(reading(NINE, None, name=None), rules=USUAL, **template)[1]
    assert there["dataAbsentReason"] == NOTHING
    there["dataAbsentReason"] = reason
    ours = reading(NINE, "still", name="motion")
    result, _ = unjudged(there, ours, **template)

    assert ("dataAbsentReason" in result) is kept
    assert [part["valueString"] for part in result["component"]] == ["still"]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"a": 1, "b": [1.0]}, {"b": [1], "a": 1}, True),
        (98.6, Decimal("98.60"), True),
        (0.1, Decimal("0.1"), True),
        (True, 1, False),
        ("1", 1, False),
        ([1], [1, 2], False),
        ([1, 2], [2, 1], False),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        (None, None, True),
        ({}, [], False),
    ],
)
def test_documents_are_compared_by_what_they_say(one, other, same):
    assert is_same(one, other) is same
