"""What a measurement must satisfy before it becomes an Observation."""

import json

import pytest

from transforms.admission import Admission, Admitted
from transforms.errors import (
    FhirDataMappingError,
    InvalidQuantityFhirValueError,
    TemplateNotFoundError,
)
from transforms.fhir_mapping import FhirMapping
from transforms.model import Measurement
from transforms.readings import ReadingKind

LOINC = "http://loinc.org"
HEART_RATE = {"system": LOINC, "code": "8867-4", "display": "Heart rate"}
UCUM = {"system": "http://unitsofmeasure.org", "code": "/min", "unit": "beats"}


def value(kind, name, **keys):
    return {"valueType": kind, "valueName": name, **keys}


def component(name, kind="Quantity", code="c", **keys):
    codes = [{"system": LOINC, "code": code}, {"code": "second"}]
    return {"codes": codes, "value": value(kind, name, **keys)}


TEMPLATES = [
    {
        "typeName": "HR",
        "codes": [HEART_RATE, {"code": "other"}],
        "periodInterval": 60,
        "value": value("Quantity", "hr", **UCUM),
        "components": [
            component("note", "String", "n"),
            component("fall", "CodeableConcept", "f", codes=[{"code": "x"}]),
            component("bare", "Quantity", "b", unit="m"),
        ],
    },
    {
        "typeName": "ecg",
        "codes": [],
        "periodInterval": 60,
        "value": value("SampledData", "mv", defaultPeriod=1000, unit="mV"),
    },
    {
        "typeName": "daily",
        "codes": [],
        "periodInterval": 1440,
        "value": value("SampledData", "steps", defaultPeriod=60_000),
    },
    {
        "typeName": "quarter",
        "codes": [],
        "periodInterval": 15,
        "value": value("SampledData", "v", defaultPeriod=1000),
    },
    {"typeName": "event", "codes": [HEART_RATE]},
]


def admission():
    listed = [
        {"templateType": "CodeValueFhir", "template": template}
        for template in TEMPLATES
    ]
    document = {"templateType": "CollectionFhir", "template": listed}
    return Admission(FhirMapping.from_json(json.dumps(document, indent=1), "f.json"))


def measurement(type_name, *values):
    return Measurement(
        type=type_name,
        occurred_at=0,
        ended_at=None,
        utc_offset_minutes=0,
        ingested_at=None,
        device="d",
        patient="p",
        encounter=None,
        correlation=None,
        values=values,
        source="s",
    )


HR = ReadingKind("hr", "hr", LOINC, "8867-4", "Heart rate", "/min")
NOTE = ReadingKind("hr", "note", LOINC, "n", None, None)
FALL = ReadingKind("hr", "fall", LOINC, "f", None, None)
BARE = ReadingKind("hr", "bare", LOINC, "b", None, "m")
UNKNOWN = ReadingKind("hr", "Hr", None, None, None, None)
NOTHING = ReadingKind("hr", None, LOINC, "8867-4", "Heart rate", None)


@pytest.mark.parametrize(
    ("given", "values", "kinds"),
    [
        (measurement("hr", ("hr", "78")), [(0, 78.0, "78")], [HR]),
        (measurement("hr", ("hr", " 98.60 ")), [(0, 98.6, " 98.60 ")], [HR]),
        (
            measurement("hr", ("hr", "1,234-"), ("note", "calm"), ("fall", "true")),
            [(0, -1234.0, "1,234-"), (1, None, "calm"), (2, None, "true")],
            [HR, NOTE, FALL],
        ),
        (measurement("hr", ("note", "78.5")), [(0, 78.5, "78.5")], [NOTE]),
        (measurement("hr", ("bare", "1")), [(0, 1.0, "1")], [BARE]),
        (
            measurement("hr", ("Hr", "fast"), ("hr", "1")),
            [(0, None, "fast"), (1, 1.0, "1")],
            [UNKNOWN, HR],
        ),
        (measurement("hr", ("hr", ""), ("bare", "1")), [(1, 1.0, "1")], [HR, BARE]),
        (measurement("hr", ("hr", " \t")), [(1, None, None)], [HR, NOTHING]),
        (measurement("hr"), [(0, None, None)], [NOTHING]),
        (
            measurement("event"),
            [(0, None, None)],
            [ReadingKind("event", None, LOINC, "8867-4", "Heart rate", None)],
        ),
    ],
)
def test_a_measurement_is_admitted_with_its_readings(given, values, kinds):
    found = admission()

    assert found.admit(given) == Admitted(values, 0, 60)
    assert found.kinds == kinds


@pytest.mark.parametrize(
    ("text", "number"),
    [("1.5", 1.5), ("+2", 2.0), ("E", None), (" U ", None), ("L", None)],
)
def test_a_sample_is_a_number_or_a_token(text, number):
    found = admission().admit(measurement("ecg", ("mv", text)))

    assert found == Admitted([(0, number, text)], 60, 60)


@pytest.mark.parametrize(
    ("type_name", "period", "slot"),
    [
        ("hr", 0, 60),
        ("event", 0, 60),
        ("ecg", 60, 60),
        ("quarter", 15, 60),
        ("daily", 1440, 1440),
    ],
)
def test_the_slot_is_an_hour_or_a_day_that_holds_the_period(type_name, period, slot):
    assert admission().admit(measurement(type_name))[1:] == (period, slot)


def test_kinds_are_shared_by_measurements_and_kept_apart_by_spelling_of_the_type():
    found = admission()
    for type_name in ("hr", "HR", "hr"):
        found.admit(measurement(type_name, ("hr", "1")))

    assert found.admit(measurement("HR", ("hr", "2"))).values == [(1, 2.0, "2")]
    assert found.kinds == [HR, HR._replace(type="HR")]


_HINT = (
    "have the device send a number, or convert it in the device mapping, or map the"
    " value as String"
)


@pytest.mark.parametrize(
    ("given", "kind", "message"),
    [
        *(
            (
                measurement("hr", ("note", "calm"), ("hr", text)),
                InvalidQuantityFhirValueError,
                "The value [hr] is not a finite decimal number",
            )
            for text in ("fast", "72,5", "0,725", "NaN", "1e999", "true", "E")
        ),
        (
            measurement("hr", ("bare", "x")),
            InvalidQuantityFhirValueError,
            "The value [bare] is not a finite decimal number",
        ),
        *(
            (
                measurement("ecg", ("mv", text)),
                FhirDataMappingError,
                "The value [mv] is not a finite decimal number",
            )
            for text in ("fast", "e", "EE", "1 2", "Infinity")
        ),
    ],
)
def test_a_value_that_does_not_fit_keeps_the_whole_measurement_out(
    given, kind, message
):
    with pytest.raises(kind) as caught:
        admission().admit(given)

    error = caught.value
    assert (type(error), error.message, error.suggestion) == (kind, message, _HINT)


def test_a_type_without_a_template_is_told_each_time():
    found = admission()
    for _ in range(2):
        with pytest.raises(TemplateNotFoundError) as caught:
            found.admit(measurement("spo2", ("v", "1")))

        assert (caught.value.message, caught.value.suggestion) == (
            "No FHIR template for type [spo2]",
            'add a CodeValueFhir template with "typeName": "spo2"',
        )
    assert found.kinds == []


@pytest.mark.parametrize(
    ("type_name", "line"), [("HR", "f.json:6"), ("hr", "f.json:6"), ("spo2", None)]
)
def test_the_location_of_a_type_is_that_of_its_template(type_name, line):
    assert admission().location(type_name) == line


def test_of_several_values_of_one_name_the_first_counts():
    measurement = Measurement(
        "HR", 0, None, 0, None, "d", "p", None, None, (("hr", "61"), ("hr", "99")), "s"
    )
    mapping = {
        "templateType": "CollectionFhir",
        "template": [{"templateType": "CodeValueFhir", "template": TEMPLATES[0]}],
    }
    admitted = Admission(FhirMapping.from_json(json.dumps(mapping))).admit(measurement)
    assert [text for _kind, _number, text in admitted.values] == ["61"]
