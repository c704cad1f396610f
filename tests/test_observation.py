"""Observations: MedTech's structure and ids, our fixes, every digit kept."""

import json

import pytest
from fhir_r4 import assert_valid

from transforms.effective import period_of
from transforms.errors import FhirDataMappingError, InvalidQuantityFhirValueError
from transforms.fhir_mapping import FhirMapping
from transforms.observation import (
    SERVICE,
    Mould,
    identity_segment,
    observation_id,
    observation_identifier,
)
from transforms.observation_value import Reading
from transforms.rules import MEDTECH, USUAL

NINE = 1_546_333_200_000_000  # 2019-01-01T09:00:00Z
HOUR = 3_600_000_000
SECOND = 1_000_000
LOINC = "http://loinc.org"
HL7 = "http://terminology.hl7.org/CodeSystem"
UCUM = "http://unitsofmeasure.org"
HEART_RATE = [{"system": LOINC, "code": "8867-4"}]
VITAL = [{"codes": [{"system": f"{HL7}/observation-category", "code": "vital-signs"}]}]


def mould(rules=USUAL, **template):
    body = {"typeName": "heartrate", "codes": [], **template}
    container = {"templateType": "CodeValueFhir", "template": body}
    root = {"templateType": "CollectionFhir", "template": [container]}
    mapping = FhirMapping.from_json(json.dumps(root), rules=rules)
    return Mould(mapping.templates["heartrate"], "heartrate", "v1", rules)


def reading(**changes):
    fields = {
        "observation_id": "o",
        "patient_id": "p",
        "device_id": "d",
        "encounter_id": None,
        "correlation_id": None,
        "record_id": None,
        "type": "heartrate",
        "value_name": "hr",
        "occurred_at": NINE,
        "occurred_tick": 0,
        "ended_at": None,
        "utc_offset_minutes": 0,
        "value": 72.0,
        "value_text": "72",
        "flag": None,
        "ingested_at": None,
    }
    return Reading(**{**fields, **changes})


PER_MINUTE = {"unit": "bpm", "system": UCUM, "code": "/min"}
QUANTITY = {"valueType": "Quantity", "valueName": "hr", **PER_MINUTE}
SAMPLED = {
    "valueType": "SampledData",
    "valueName": "hr",
    "unit": "/min",
    "defaultPeriod": 900_000,
}


def reason(code):
    return {"coding": [{"system": f"{HL7}/data-absent-reason", "code": code}]}


def filled(*readings, rules=USUAL, **template):
    """The Observation, proved valid, and its rows."""
    observation, rows = unjudged(*readings, rules=rules, **template)
    assert_valid(observation)
    return observation, rows


def unjudged(*readings, rules=USUAL, **template):
    """The same, not proved: what R4 holds against it is what is meant."""
    resource, rows = mould(rules, **template).fill(list(readings))
    return json.loads(resource), rows


@pytest.mark.parametrize("medtech", [False, True])
def test_the_id_is_medtechs(medtech):
    segment = identity_segment(NINE - 9 * HOUR, 60, None, medtech)
    identifier = observation_identifier("patientId", "deviceId", "heartrate", segment)

    assert identifier == (
        "patientId.deviceId.heartrate.20190101000000Z.20190101005959Z"
    )
    assert observation_id(identifier) == (
        "127aeff043da8c8e1f6d6f37bce384eb01aee4664f10f8ee565a2e7196bf889f"
    )


@pytest.mark.parametrize(
    ("instant", "minutes", "usual", "medtechs"),
    [
        (NINE, 0, "20190101090000Z.20190101090000Z", None),
        (
            NINE + 1,
            0,
            "20190101090000.000001Z.20190101090000.000001Z",
            "20190101090000Z.20190101090000Z",
        ),
        (
            NINE + 250_000,
            0,
            "20190101090000.250000Z.20190101090000.250000Z",
            "20190101090000Z.20190101090000Z",
        ),
        (
            NINE - 1,
            0,
            "20190101085959.999999Z.20190101085959.999999Z",
            "20190101085959Z.20190101085959Z",
        ),
        (
            -1,
            0,
            "19691231235959.999999Z.19691231235959.999999Z",
            "19691231235959Z.19691231235959Z",
        ),
        (NINE + 1, 60, "20190101090000Z.20190101095959Z", None),
        (NINE + 1, 15, "20190101090000Z.20190101091459Z", None),
        (NINE + 1, 1440, "20190101000000Z.20190101235959Z", None),
        (NINE, -1, "walk-7.a b", None),
    ],
)
def test_the_segment_says_when_and_with_medtech_to_the_second(
    instant, minutes, usual, medtechs
):
    assert identity_segment(instant, minutes, "walk-7.a b", False) == usual
    assert identity_segment(instant, minutes, "walk-7.a b", True) == (medtechs or usual)


@pytest.mark.parametrize(
    ("instant", "minutes", "expected"),
    [
        (NINE + 5, 0, (NINE + 5, NINE + 5)),
        (NINE + 5, 60, (NINE, NINE + HOUR)),
        (NINE + HOUR - 1, 60, (NINE, NINE + HOUR)),
        (NINE + 5, 1440, (NINE - 9 * HOUR, NINE + 15 * HOUR)),
        (NINE + 20 * 60 * SECOND, 15, (NINE + HOUR // 4, NINE + HOUR // 2)),
        (-1, 60, (-HOUR, 0)),
    ],
)
def test_periods_are_whole_utc_hours_days_or_parts_of_an_hour(
    instant, minutes, expected
):
    assert period_of(instant, minutes) == expected


def test_a_quantity_is_one_observation_of_an_instant():
    resource, rows = filled(reading(utc_offset_minutes=120), value=QUANTITY)
    assert resource == {
        "resourceType": "Observation",
        "id": "o",
        "meta": {
            "tag": [
                {
                    "system": "https://vitalbeam.github.io/fhir/CodeSystem/"
                    "mapping-version",
                    "code": "v1",
                }
            ]
        },
        "identifier": [
            {
                "system": SERVICE,
                "value": "p.d.heartrate.20190101090000Z.20190101090000Z",
            }
        ],
        "status": "final",
        "code": {
            "text": "heartrate",
            "coding": [
                {"system": SERVICE, "code": "heartrate", "display": "heartrate"}
            ],
        },
        "subject": {"reference": "Patient/p"},
        "device": {"reference": "Device/d"},
        "effectiveDateTime": "2019-01-01T11:00:00+02:00",
        "issued": "2019-01-01T09:00:00Z",
        "valueQuantity": {"value": 72, **PER_MINUTE},
    }
    (row,) = rows
    assert (row.value, row.value_text, row.unit) == (72.0, "72", "/min")
    assert (row.effective_start, row.effective_end) == (NINE, NINE)
    assert (row.reading_count, row.min, row.max, row.mean) == (1, 72.0, 72.0, 72.0)


@pytest.mark.parametrize("text", ["98.60", "0.1", "-7", "1E-7", "72415.000"])
def test_numbers_keep_the_digits_that_were_sent(text):
    resource, _ = mould(value=QUANTITY).fill([reading(value_text=text)])
    assert f'"value":{text},'.encode() in resource


@pytest.mark.parametrize("rules", [USUAL, MEDTECH])
def test_sampled_data_is_a_grid_over_the_period(rules):
    readings = [
        reading(occurred_at=NINE + minute * 60 * SECOND, value_text=text, value=number)
        for minute, text, number in (
            (0, "60", 60.0),
            (20, "70", 70.0),
            (29, "80", 80.0),
        )
    ]
    resource, (row,) = filled(*readings, rules=rules, value=SAMPLED, periodInterval=60)
    assert resource["effectivePeriod"] == {
        "start": "2019-01-01T09:00:00.0000000Z",
        "end": "2019-01-01T09:59:59.9999999Z",
    }
    assert resource["valueSampledData"] == {
        "origin": {"value": 0, "unit": "/min"},
        "period": 900000,
        "dimensions": 1,
        "data": "60 80 E E",
    }
    assert (row.value, row.value_text) == (None, "60 80 E E")
    assert (row.reading_count, row.min, row.max, row.mean) == (3, 60.0, 80.0, 70.0)
    assert (row.effective_start, row.effective_end) == (NINE, NINE + HOUR - 1)


def test_components_appear_when_their_value_was_sent():
    components = [
        {"codes": [], "value": {**QUANTITY, "valueName": name}}
        for name in ("sys", "dia")
    ]
    resource, rows = filled(
        reading(value_name="dia", value_text="79"), components=components
    )
    assert [part["code"]["text"] for part in resource["component"]] == ["dia"]
    assert "valueQuantity" not in resource
    assert len(rows) == 1


EVENT = reading(value_name=None, value=None, value_text=None)
OTHER = reading(value_name="other")
STEPS = [{"system": LOINC, "code": "55423-8"}]


@pytest.mark.parametrize("given", [EVENT, OTHER])
@pytest.mark.parametrize(
    ("codes", "period", "rules", "expected"),
    [
        ([], 0, USUAL, {}),
        (STEPS, 0, USUAL, {}),
        ([], 0, MEDTECH, {}),
        # Invariant vs-2 of vital signs wants to know why.
        (HEART_RATE, 0, USUAL, {"dataAbsentReason": reason("unknown")}),
        (STEPS + HEART_RATE, 0, USUAL, {"dataAbsentReason": reason("unknown")}),
        (HEART_RATE, -1, USUAL, {"dataAbsentReason": reason("unknown")}),
        (HEART_RATE, 0, MEDTECH, {}),
    ],
)
def test_an_observation_without_a_value_says_why_if_it_is_a_vital_sign(
    given, codes, period, rules, expected
):
    template = {"value": QUANTITY, "codes": codes, "periodInterval": period}
    judge = unjudged if codes and rules.medtech else filled
    resource, (row,) = judge(given, rules=rules, category=VITAL, **template)

    told = ("value", "component", "data")
    assert {n: v for n, v in resource.items() if n.startswith(told)} == expected
    assert (row.value, row.value_text, row.reading_count) == (None, None, 1)
    assert (row.component_code, row.unit) == (None, None)


def test_a_vital_sign_of_nothing_but_a_component_is_not_absent():
    part = {"codes": STEPS, "value": {**QUANTITY, "valueName": "other"}}
    template = {"codes": HEART_RATE, "category": VITAL, "value": QUANTITY}
    resource, rows = filled(OTHER, components=[part], **template)

    assert "dataAbsentReason" not in resource
    assert [part["valueQuantity"]["value"] for part in resource["component"]] == [72]
    assert len(rows) == 1


PANEL = [{"system": LOINC, "code": "85354-9"}]
SYSTOLIC, DIASTOLIC = (
    [{"system": LOINC, "code": code}] for code in ("8480-6", "8462-4")
)
PRESSURE = {"valueType": "Quantity", "unit": "mmHg", "system": UCUM, "code": "mm[Hg]"}
FLAG = {"flag": "error", "value": None, "value_text": None}


def part(name, codes, **value):
    return {"codes": codes, "value": {**PRESSURE, "valueName": name, **value}}


HALVES = [part("dia", DIASTOLIC), part("sys", SYSTOLIC)]
PULSE = part("pulse", HEART_RATE, unit="/min", code="/min")


@pytest.mark.parametrize(
    ("components", "sent", "expected"),
    [
        (HALVES, {"dia": {}, "sys": {}}, {"dia": 72, "sys": 72}),
        (HALVES, {"dia": {}}, {"dia": 72, "sys": "unknown"}),
        (HALVES, {"sys": {}}, {"dia": "unknown", "sys": 72}),
        (HALVES, {None: {}}, {"dia": "unknown", "sys": "unknown"}),
        # What the device says of a value is more than that it is not there.
        (HALVES, {"sys": FLAG}, {"dia": "unknown", "sys": "error"}),
        # Other components may be missing.
        (
            [HALVES[1], PULSE, HALVES[0]],
            {"pulse": {}},
            {"sys": "unknown", "pulse": 72, "dia": "unknown"},
        ),
        ([PULSE, *HALVES], {"sys": {}, "dia": {}}, {"dia": 72, "sys": 72}),
        # Of several values of one half any will do.
        (
            [*HALVES, part("sys2", SYSTOLIC)],
            {"dia": {}, "sys2": {}},
            {"dia": 72, "sys2": 72},
        ),
        (
            [*HALVES, part("sys2", SYSTOLIC)],
            {"dia": {}},
            {"dia": 72, "sys": "unknown"},
        ),
    ],
)
@pytest.mark.parametrize("interval", [0, -1])
def test_half_a_blood_pressure_says_that_the_other_half_is_absent(
    components, sent, expected, interval
):
    readings = [reading(value_name=name, **changes) for name, changes in sent.items()]
    template = {"components": components, "periodInterval": interval}
    resource, rows = filled(*readings, codes=PANEL, category=VITAL, **template)

    shown = {one["code"]["text"]: one for one in resource["component"]}
    assert list(shown) == [
        one["value"]["valueName"]
        for one in components
        if one["value"]["valueName"] in expected
    ]
    for name, value in expected.items():
        (given,) = (one for one in components if one["value"]["valueName"] == name)
        own = {"system": SERVICE, "code": name, "display": name}
        code = {"text": name, "coding": [*given["codes"], own]}
        held = {"dataAbsentReason": reason(value)}
        if value == 72:
            unit = {n: given["value"][n] for n in ("unit", "system", "code")}
            held = {"valueQuantity": {"value": 72, **unit}}
        assert shown[name] == {"code": code, **held}
    assert "dataAbsentReason" not in resource
    # The table holds what was sent.
    assert [row.reading_count for row in rows] == [1] * len(sent)


@pytest.mark.parametrize(
    ("codes", "halves", "rules"),
    [
        (PANEL, (DIASTOLIC, SYSTOLIC), MEDTECH),
        ([], (DIASTOLIC, SYSTOLIC), USUAL),
        (HEART_RATE, (DIASTOLIC, SYSTOLIC), USUAL),
        ([{"code": "85354-9"}], (DIASTOLIC, SYSTOLIC), USUAL),
        (PANEL, ([{"code": "8462-4"}], [{"code": "8480-6"}]), USUAL),
    ],
)
def test_any_other_component_is_there_when_its_value_is(codes, halves, rules):
    components = [part("dia", halves[0]), part("sys", halves[1])]
    template = {"codes": codes, "components": components}
    resource, _ = unjudged(reading(value_name="sys"), rules=rules, **template)

    assert [one["code"]["text"] for one in resource["component"]] == ["sys"]


def test_a_half_that_the_template_lacks_is_not_made_up():
    template = {"codes": PANEL, "components": HALVES[:1]}
    resource, _ = unjudged(reading(value_name="dia"), **template)

    assert [one["code"]["text"] for one in resource["component"]] == ["dia"]


def test_a_half_that_comes_later_takes_its_place():
    template = {"codes": PANEL, "category": VITAL, "components": HALVES}
    both = [reading(value_name="sys"), reading(value_name="dia", value_text="79")]
    before, _ = filled(both[0], **template)
    after, rows = filled(*both, **template)

    dia, systolic = before["component"]
    del dia["dataAbsentReason"]
    dia["valueQuantity"] = {
        "value": 79,
        "unit": "mmHg",
        "system": UCUM,
        "code": "mm[Hg]",
    }
    assert after == {**before, "component": [dia, systolic]}
    assert len(rows) == 2


@pytest.mark.parametrize(
    ("unit", "system", "expected"),
    [
        ("bpm", None, {"unit": "bpm"}),
        (None, None, {"unit": "/min"}),
        ("bpm", " ", {"unit": "bpm"}),
        ("bpm", UCUM, PER_MINUTE),
        (None, UCUM, {"system": UCUM, "code": "/min"}),
    ],
)
@pytest.mark.parametrize("aggregate", [None, "mean"])
def test_a_code_without_its_system_is_no_code(unit, system, expected, aggregate):
    """R4 allows none: invariant qty-3. The table keeps it."""
    value = {**QUANTITY, "unit": unit, "system": system, "aggregate": aggregate}
    template = {
        "periodInterval": 60,
        "value": value,
        "components": [{"codes": STEPS, "value": {**value, "valueName": "b"}}],
    }
    given = [reading(), reading(value_name="b", flag=">")]
    resource, rows = filled(*given, **template)
    (component,) = resource["component"]
    flag = {} if aggregate else {"comparator": ">"}

    assert resource["valueQuantity"] == {"value": 72, **expected}
    assert component["valueQuantity"] == {"value": 72, **flag, **expected}
    assert [row.unit for row in rows] == ["/min", "/min"]

    copied = {name: text for name, text in value.items() if text and name in PER_MINUTE}
    resource, rows = unjudged(*given, rules=MEDTECH, **template)
    assert resource["valueQuantity"] == {"value": 72, **copied}
    assert [row.unit for row in rows] == ["/min", "/min"]


@pytest.mark.parametrize(
    ("value", "element", "content", "text"),
    [
        ({"valueType": "String", "valueName": "hr"}, "valueString", 'a "b"', 'a "b"'),
        (
            {
                "valueType": "CodeableConcept",
                "valueName": "hr",
                "text": "fall",
                "codes": [{"code": "f", "display": "Fall"}],
            },
            "valueCodeableConcept",
            {"text": "fall", "coding": [{"code": "f", "display": "Fall"}]},
            "fall",
        ),
    ],
)
def test_text_and_concepts(value, element, content, text):
    resource, (row,) = filled(reading(value_text='a "b"', value=None), value=value)
    assert resource[element] == content
    assert row.value_text == text


def test_issued_is_the_latest_ingestion_never_the_clock():
    readings = [
        reading(ingested_at=NINE + 5 * SECOND),
        reading(occurred_at=NINE + 1, ingested_at=NINE + 2 * SECOND),
    ]
    resource, _ = filled(*readings, value=SAMPLED, periodInterval=60)
    assert resource["issued"] == "2019-01-01T09:00:05Z"


@pytest.mark.parametrize("order", [1, -1])
def test_versions_that_differ_in_encounter_only_are_one_observation(order):
    readings = [
        reading(value_text="72", ingested_at=NINE),
        reading(value_text="75", ingested_at=NINE + 1, encounter_id="visit-1"),
    ]
    resource, _ = filled(*readings[::order], value=QUANTITY)
    assert resource["valueQuantity"]["value"] == 75
    assert resource["encounter"] == {
        "type": "Encounter",
        "identifier": {"value": "visit-1"},
    }


def test_type_names_are_escaped():
    body = {"typeName": 'a"b', "codes": [], "value": QUANTITY}
    container = {"templateType": "CodeValueFhir", "template": body}
    root = {"templateType": "CollectionFhir", "template": [container]}
    template = FhirMapping.from_json(json.dumps(root)).templates['a"b']
    resource, _ = Mould(template, 'a"b', "v").fill([reading()])
    assert json.loads(resource)["code"]["text"] == 'a"b'


INSTANT = {"value": QUANTITY}
COMPONENTS = {
    "components": [
        {"codes": [], "value": {**QUANTITY, "valueName": name}} for name in ("a", "b")
    ]
}


@pytest.mark.parametrize(
    ("fields", "codes", "usual", "medtechs"),
    [
        (
            {"utc_offset_minutes": -330},
            [],
            "2019-01-01T03:30:00-05:30",
            ["09:00:00.0000000", "09:00:00.0000000"],
        ),
        (
            {"occurred_at": NINE + 1_200, "occurred_tick": 7, "utc_offset_minutes": 60},
            [],
            "2019-01-01T10:00:00.0012007+01:00",
            ["09:00:00.0012007", "09:00:00.0012007"],
        ),
        (
            {"occurred_at": NINE - 9 * HOUR, "utc_offset_minutes": None},
            [],
            "2019-01-01",
            ["00:00:00.0000000", "00:00:00.0000000"],
        ),
        (
            {"ended_at": NINE + 90 * SECOND, "utc_offset_minutes": 120},
            [],
            {"start": "2019-01-01T11:00:00+02:00", "end": "2019-01-01T11:01:30+02:00"},
            ["09:00:00.0000000", "09:01:30.0000000"],
        ),
        (
            {"ended_at": NINE + 1, "occurred_tick": 3},
            [],
            {
                "start": "2019-01-01T09:00:00.0000003Z",
                "end": "2019-01-01T09:00:00.000001Z",
            },
            ["09:00:00.0000003", "09:00:00.0000010"],
        ),
        (
            {
                "occurred_at": NINE - 9 * HOUR,
                "ended_at": NINE + 39 * HOUR,
                "utc_offset_minutes": None,
            },
            [],
            {"start": "2019-01-01", "end": "2019-01-03"},
            None,
        ),
        # Invariant vs-1 of vital signs wants a date-time.
        (
            {"ended_at": NINE + 90 * SECOND, "utc_offset_minutes": 120},
            HEART_RATE,
            "2019-01-01T11:00:00+02:00",
            ["09:00:00.0000000", "09:01:30.0000000"],
        ),
    ],
)
def test_an_instant_is_told_at_its_offset_and_with_medtech_as_a_period(
    fields, codes, usual, medtechs
):
    given = reading(**fields)
    last = given.ended_at or given.occurred_at
    for rules, expected in ((USUAL, usual), (MEDTECH, medtechs)):
        category = VITAL if codes else []
        template = {"codes": codes, "category": category, **INSTANT}
        resource, (row,) = filled(given, rules=rules, **template)
        if isinstance(expected, list):
            start, end = (f"2019-01-01T{time}Z" for time in expected)
            expected = {"start": start, "end": end}
        if expected is not None:
            told = [value for name, value in resource.items() if "effective" in name]
            assert told == [expected]
            is_period = isinstance(expected, dict)
            assert ("effectivePeriod" in resource) is is_period
        assert (row.effective_start, row.effective_end) == (given.occurred_at, last)


def test_a_corrected_end_updates_the_same_observation():
    one, other = (
        filled(reading(ended_at=NINE + end * SECOND), **INSTANT)[0] for end in (5, 9)
    )

    assert one["identifier"] == other["identifier"]
    assert one["effectivePeriod"] != other["effectivePeriod"]


@pytest.mark.parametrize("order", [1, -1])
def test_of_values_sent_apart_the_last_ingested_tells_the_time(order):
    sent = [
        reading(value_name="a", ended_at=NINE + 9, ingested_at=NINE),
        reading(value_name="b", utc_offset_minutes=60, ingested_at=NINE + 1),
    ]
    resource, rows = filled(*sent[::order], **COMPONENTS)

    assert resource["effectiveDateTime"] == "2019-01-01T10:00:00+01:00"
    assert [row.effective_end for row in rows] == [NINE, NINE]


def test_readings_of_one_microsecond_are_one_observation_of_the_later():
    sent = [
        reading(occurred_tick=1, value_text="61", ingested_at=NINE + 9),
        reading(occurred_tick=4, value_text="62", ingested_at=NINE),
    ]
    resource, _ = filled(*sent, **INSTANT)

    assert resource["valueQuantity"]["value"] == 62
    assert resource["effectiveDateTime"] == "2019-01-01T09:00:00.0000004Z"


def test_with_medtech_the_later_reading_of_a_second_wins():
    sent = [
        reading(occurred_at=NINE + 200_000, value_text="61", ingested_at=NINE + 9),
        reading(occurred_at=NINE + 900_000, occurred_tick=5, value_text="62"),
    ]
    resource, (row,) = filled(*sent, rules=MEDTECH, **INSTANT)

    assert resource["identifier"][0]["value"] == (
        "p.d.heartrate.20190101090000Z.20190101090000Z"
    )
    assert resource["valueQuantity"]["value"] == 62
    assert resource["effectivePeriod"] == {
        "start": "2019-01-01T09:00:00.2000000Z",
        "end": "2019-01-01T09:00:00.9000005Z",
    }
    assert (row.effective_start, row.effective_end) == (NINE + 200_000, NINE + 900_000)
    assert (row.reading_count, row.value) == (2, 72.0)


@pytest.mark.parametrize("rules", [USUAL, MEDTECH])
def test_sampled_data_of_an_instant_is_a_cell_and_of_a_second_a_grid(rules):
    sampled = {**SAMPLED, "defaultPeriod": 100}
    one = reading(occurred_at=NINE + 100_000, value_text="61")
    resource, _ = filled(one, rules=rules, value=sampled)
    assert resource["valueSampledData"]["data"] == "61"

    if rules.medtech:
        other = reading(occurred_at=NINE + 400_000, value_text="62")
        resource, _ = filled(one, other, rules=rules, value=sampled)
        assert resource["valueSampledData"]["data"] == "61 E E 62"


SESSION = [
    reading(correlation_id='run "7"', occurred_tick=4, value_text="61", value=61.0),
    reading(
        correlation_id='run "7"',
        occurred_at=NINE + 3 * SECOND,
        occurred_tick=3,
        value_text="62",
        value=62.0,
    ),
    reading(
        correlation_id='run "7"',
        occurred_at=NINE + 26 * HOUR,
        occurred_tick=4,
        value_text="63",
        value=63.0,
    ),
]


@pytest.mark.parametrize("rules", [USUAL, MEDTECH])
@pytest.mark.parametrize(
    ("value", "readings", "expected", "number"),
    [
        (
            {"valueType": "SampledData", "valueName": "hr", "defaultPeriod": 1000},
            SESSION[:2],
            {
                "valueSampledData": {
                    "origin": {"value": 0},
                    "period": 1000,
                    "dimensions": 1,
                    # 100 ns are missing to the next cell.
                    "data": "61 E 62",
                }
            },
            None,
        ),
        (
            {
                "valueType": "SampledData",
                "valueName": "hr",
                "defaultPeriod": 46_800_000,
            },
            SESSION,
            {
                "valueSampledData": {
                    "origin": {"value": 0},
                    "period": 46_800_000,
                    "dimensions": 1,
                    # The last instant begins a cell of its own.
                    "data": "62 E 63",
                }
            },
            None,
        ),
        (
            {"valueType": "SampledData", "valueName": "hr", "defaultPeriod": 1000},
            SESSION[:1],
            {
                "valueSampledData": {
                    "origin": {"value": 0},
                    "period": 1000,
                    "dimensions": 1,
                    "data": "61",
                }
            },
            None,
        ),
        (
            {"valueType": "Quantity", "valueName": "hr", "aggregate": "mean"},
            SESSION,
            {"valueQuantity": {"value": 62}},
            62.0,
        ),
        (
            {"valueType": "Quantity", "valueName": "hr"},
            SESSION[2:],
            {"valueQuantity": {"value": 63}},
            63.0,
        ),
        (
            {"valueType": "String", "valueName": "hr"},
            SESSION[2:],
            {"valueString": "63"},
            63.0,
        ),
        (
            {
                "valueType": "CodeableConcept",
                "valueName": "hr",
                "codes": [{"code": "x"}],
            },
            SESSION,
            {"valueCodeableConcept": {"coding": [{"code": "x"}]}},
            None,
        ),
    ],
)
def test_a_correlation_id_ties_all_readings_together(
    value, readings, expected, number, rules
):
    resource, (row,) = filled(*readings, rules=rules, value=value, periodInterval=-1)

    values = {name: held for name, held in resource.items() if name[:5] == "value"}
    assert values == expected
    assert row.value == number
    assert resource["identifier"] == [
        {"system": SERVICE, "value": 'p.d.heartrate.run "7"'}
    ]
    first, last = readings[0].occurred_at, readings[-1].occurred_at
    assert (row.effective_start, row.effective_end) == (first, last)
    assert row.reading_count == len(readings)
    spelled = {
        NINE: "2019-01-01T09:00:00.0000004Z",
        NINE + 3 * SECOND: "2019-01-01T09:00:03.0000003Z",
        NINE + 26 * HOUR: "2019-01-02T11:00:00.0000004Z",
    }
    assert resource["effectivePeriod"] == {
        "start": spelled[first],
        "end": spelled[last],
    }


_SEVERAL = "There are several readings of [hr] where exactly one is wanted"
_HINT = "set periodInterval to 0, map the value as SampledData"


@pytest.mark.parametrize("interval", [60, 1440, -1])
@pytest.mark.parametrize(
    ("value", "error", "hint"),
    [
        (QUANTITY, InvalidQuantityFhirValueError, f'{_HINT}, or add "aggregate"'),
        (
            {"valueType": "String", "valueName": "hr"},
            FhirDataMappingError,
            _HINT.replace(",", " or"),
        ),
    ],
)
@pytest.mark.parametrize("count", [2, 3])
def test_with_medtech_a_period_has_one_reading_and_otherwise_the_last_counts(
    interval, value, error, hint, count
):
    readings = [*SESSION[:2], SESSION[1]._replace(occurred_at=NINE + 4 * SECOND)]
    template = {"value": value, "periodInterval": interval}

    with pytest.raises(error) as caught:
        filled(*readings[:count], rules=MEDTECH, **template)
    assert type(caught.value) is error
    assert (caught.value.message, caught.value.suggestion) == (_SEVERAL, hint)

    resource, (row,) = filled(SESSION[0], rules=MEDTECH, **template)
    assert row.value_text == "61"
    if interval == 60:
        assert resource["effectivePeriod"] == {
            "start": "2019-01-01T09:00:00.0000000Z",
            "end": "2019-01-01T09:59:59.9999999Z",
        }
    if interval == -1:
        _, (row,) = filled(*readings[:count], **template)
        assert (row.value_text, row.reading_count) == ("62", count)


def test_with_medtech_versions_of_one_instant_are_one_reading():
    versions = [
        reading(value_text="72", ingested_at=NINE),
        reading(value_text="75", ingested_at=NINE + 1, encounter_id="visit-1"),
    ]
    resource, _ = filled(*versions, rules=MEDTECH, periodInterval=60, value=QUANTITY)

    assert resource["valueQuantity"]["value"] == 75


@pytest.mark.parametrize("rules", [USUAL, MEDTECH])
@pytest.mark.parametrize(
    ("codes", "effective"),
    [
        (
            [{"system": LOINC, "code": "55423-8"}],
            {
                "effectivePeriod": {
                    "start": "2019-01-01T09:00:00.0000000Z",
                    "end": "2019-01-01T09:59:59.9999999Z",
                }
            },
        ),
        (HEART_RATE, {"effectiveDateTime": "2019-01-01T09:00:00Z"}),
    ],
)
def test_an_aggregate_stands_for_its_period(codes, effective, rules):
    readings = [
        reading(occurred_at=NINE + minute * 60 * SECOND, value_text=text, value=number)
        for minute, text, number in (
            (0, "60.0", 60.0),
            (20, "70", 70.0),
            (29, "80", 80),
        )
    ]
    part = {**QUANTITY, "aggregate": "max"}
    template = {
        "codes": codes,
        "category": VITAL,
        "periodInterval": 60,
        "value": {**QUANTITY, "aggregate": "mean"},
        "components": [{"codes": [{"code": "max"}], "value": part}],
    }
    resource, rows = filled(*readings, rules=rules, **template)

    told = {name: value for name, value in resource.items() if "effective" in name}
    assert told == effective
    assert resource["identifier"][0]["value"] == (
        "p.d.heartrate.20190101090000Z.20190101095959Z"
    )
    assert resource["valueQuantity"] == {"value": 70, **PER_MINUTE}
    (component,) = resource["component"]
    assert component["valueQuantity"]["value"] == 80
    statistics = (3, 60.0, 80.0, 70.0)
    assert [
        (row.component_code, row.value, row.value_text, *row[15:19]) for row in rows
    ] == [(None, 70.0, "70", *statistics), ("max", 80.0, "80", *statistics)]
    for row in rows:
        assert (row.effective_start, row.effective_end) == (NINE, NINE + HOUR - 1)


@pytest.mark.parametrize(
    ("value", "rules", "dated"),
    [
        ({**QUANTITY, "aggregate": "last"}, USUAL, True),
        ({**QUANTITY, "aggregate": "last"}, MEDTECH, True),
        (QUANTITY, USUAL, True),
        # What MedTech writes, valid or not.
        (QUANTITY, MEDTECH, False),
        # No vital sign in any case: its end says how long the grid is.
        (SAMPLED, USUAL, False),
    ],
)
def test_a_vital_sign_of_a_session_holds_at_its_start(value, rules, dated):
    template = {"value": value, "periodInterval": -1}
    readings = SESSION if rules is USUAL or "aggregate" in value else SESSION[:1]
    vital = {"codes": HEART_RATE, "category": VITAL}
    judge = filled if dated else unjudged
    resource, (row,) = judge(*readings, rules=rules, **template, **vital)

    start = "2019-01-01T09:00:00.0000004Z"
    last = readings[-1].occurred_at
    told = {name: held for name, held in resource.items() if "effective" in name}
    if dated:
        assert told == {"effectiveDateTime": start}
    else:
        end = start if last == NINE else "2019-01-02T11:00:00.0000004Z"
        assert told == {"effectivePeriod": {"start": start, "end": end}}
    assert (row.effective_start, row.effective_end) == (NINE, last)


@pytest.mark.parametrize("rules", [USUAL, MEDTECH])
def test_flags_are_comparators_or_reasons_of_absence(rules):
    sent = [
        reading(value_name="a", value_text="40", value=40.0, flag="<"),
        reading(value_name="b", value_text=None, value=None, flag="not-performed"),
    ]
    resource, rows = filled(*sent, rules=rules, **COMPONENTS)
    compared, absent = resource["component"]

    assert compared["valueQuantity"] == {"value": 40, "comparator": "<", **PER_MINUTE}
    assert absent["dataAbsentReason"] == reason("not-performed")
    assert not [name for name in absent if name.startswith("value")]
    assert [(row.value, row.value_text, row.reading_count) for row in rows] == [
        (40.0, "40", 1),
        (None, None, 1),
    ]


def test_an_absent_value_is_no_value():
    flagged = reading(value_text="LOW", value=None, flag="error")
    resource, (row,) = filled(flagged, **INSTANT)

    assert resource["dataAbsentReason"] == reason("error")
    assert "valueQuantity" not in resource
    assert (row.value, row.value_text) == (None, None)


@pytest.mark.parametrize("rules", [USUAL, MEDTECH])
@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ([None], []),
        (['a "1"'], ['a "1"']),
        ([None, "b"], ["b"]),
        (["b", "a", "b"], ["a", "b"]),
    ],
)
def test_the_senders_record_ids_are_further_identifiers_of_an_instant(
    records, expected, rules
):
    readings = [
        reading(record_id=record, encounter_id=str(index))
        for index, record in enumerate(records)
    ]
    resource, _ = filled(*readings, rules=rules, **INSTANT)
    service, *others = resource["identifier"]
    assert service["system"] == SERVICE
    assert others == [{"value": record} for record in expected]

    for interval in (60, -1):
        period = {"value": SAMPLED, "periodInterval": interval}
        resource, _ = filled(*readings, rules=rules, **period)
        assert len(resource["identifier"]) == 1


def test_a_session_whose_grid_would_fill_the_memory_is_a_letter():
    template = {"value": {**SAMPLED, "defaultPeriod": 1}, "periodInterval": -1}

    with pytest.raises(FhirDataMappingError):
        filled(*SESSION, **template)
