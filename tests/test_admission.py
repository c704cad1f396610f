"""What a measurement must satisfy before it becomes an Observation."""

import json

import pytest

from transforms.admission import Admission, Admitted
from transforms.errors import (
    CorrelationIdNotDefinedError,
    FhirDataMappingError,
    InvalidQuantityFhirValueError,
    TemplateNotFoundError,
)
from transforms.fhir_mapping import FhirMapping
from transforms.model import Measurement
from transforms.readings import ReadingKind
from transforms.rules import MEDTECH, USUAL

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
    {
        "typeName": "session",
        "codes": [],
        "periodInterval": -1,
        "value": value("Quantity", "reps"),
    },
    {
        "typeName": "mean",
        "codes": [HEART_RATE],
        "periodInterval": 1440,
        "value": value("Quantity", "hr", aggregate="mean"),
    },
]


def admission(rules=USUAL):
    listed = [
        {"templateType": "CodeValueFhir", "template": template}
        for template in TEMPLATES
    ]
    document = {"templateType": "CollectionFhir", "template": listed}
    return Admission(
        FhirMapping.from_json(json.dumps(document, indent=1), "f.json", rules)
    )


def measurement(type_name, *values, flags=(), correlation=None):
    return Measurement(
        type=type_name,
        occurred_at=0,
        ended_at=None,
        utc_offset_minutes=0,
        ingested_at=None,
        device="d",
        patient="p",
        encounter=None,
        correlation=correlation,
        values=values,
        source="s",
        flags=flags,
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
        (measurement("hr", ("hr", "78")), [(0, 78.0, "78", None)], [HR]),
        (measurement("hr", ("hr", " 98.60 ")), [(0, 98.6, " 98.60 ", None)], [HR]),
        (
            measurement("hr", ("hr", "1,234-"), ("note", "calm"), ("fall", "true")),
            [
                (0, -1234.0, "1,234-", None),
                (1, None, "calm", None),
                (2, None, "true", None),
            ],
            [HR, NOTE, FALL],
        ),
        (measurement("hr", ("note", "78.5")), [(0, 78.5, "78.5", None)], [NOTE]),
        (measurement("hr", ("bare", "1")), [(0, 1.0, "1", None)], [BARE]),
        (
            measurement("hr", ("Hr", "fast"), ("hr", "1")),
            [(0, None, "fast", None), (1, 1.0, "1", None)],
            [UNKNOWN, HR],
        ),
        (
            measurement("hr", ("hr", ""), ("bare", "1")),
            [(1, 1.0, "1", None)],
            [HR, BARE],
        ),
        (measurement("hr", ("hr", " \t")), [(1, None, None, None)], [HR, NOTHING]),
        (measurement("hr"), [(0, None, None, None)], [NOTHING]),
        (
            measurement("event"),
            [(0, None, None, None)],
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

    assert found == Admitted([(0, number, text, None)], 60, 60)


@pytest.mark.parametrize(
    ("type_name", "usual", "medtechs"),
    [
        ("hr", (0, 60), (60, 60)),
        ("event", (0, 60), (0, 60)),
        ("ecg", (60, 60), (60, 60)),
        ("quarter", (15, 60), (15, 60)),
        ("daily", (1440, 1440), (1440, 1440)),
        ("mean", (1440, 1440), (1440, 1440)),
        ("session", (-1, -1), (-1, -1)),
    ],
)
def test_the_slot_is_an_hour_or_a_day_that_holds_the_period(type_name, usual, medtechs):
    given = measurement(type_name, correlation="c")

    assert admission().admit(given)[1:] == usual
    assert admission(MEDTECH).admit(given)[1:] == medtechs


@pytest.mark.parametrize("correlation", [None, "", " \t"])
@pytest.mark.parametrize("rules", [USUAL, MEDTECH])
def test_a_session_needs_its_correlation_id(correlation, rules):
    with pytest.raises(CorrelationIdNotDefinedError) as caught:
        admission(rules).admit(
            measurement("session", ("reps", "9"), correlation=correlation)
        )

    assert (caught.value.message, caught.value.suggestion) == (
        "Type [session] is grouped by correlation id, and the measurement has none",
        "add correlationIdExpression to the device template and have the device send"
        " an id, or use another periodInterval",
    )
    admitted = admission(rules).admit(
        measurement("session", ("reps", "9"), correlation="c")
    )
    assert admitted == Admitted([(0, 9.0, "9", None)], -1, -1)


@pytest.mark.parametrize(
    ("given", "values", "kinds"),
    [
        (
            measurement("hr", ("hr", "40"), flags=(("hr", "<"),)),
            [(0, 40.0, "40", "<")],
            [HR],
        ),
        (
            measurement("hr", ("note", "calm"), ("hr", "40"), flags=(("hr", ">="),)),
            [(0, None, "calm", None), (1, 40.0, "40", ">=")],
            [NOTE, HR],
        ),
        # Without a value there is no number, whatever was sent in its place.
        *(
            (
                measurement("hr", *sent, flags=(("hr", "error"),)),
                [(0, None, text, "error")],
                [HR],
            )
            for sent, text in (
                ((), None),
                ((("hr", " "),), None),
                ((("hr", "LOW"),), "LOW"),
                ((("hr", "0"),), "0"),
            )
        ),
        (
            measurement(
                "hr",
                ("bare", "1"),
                flags=(("note", "unknown"), ("fall", "not-performed")),
            ),
            [
                (0, 1.0, "1", None),
                (1, None, None, "unknown"),
                (2, None, None, "not-performed"),
            ],
            [BARE, NOTE, FALL],
        ),
        (
            measurement("hr", ("Hr", "5"), flags=(("Hr", "<"), ("Hr", ">"))),
            [(0, 5.0, "5", "<")],
            [UNKNOWN],
        ),
        (
            measurement("hr", flags=(("Hr", "<"),)),
            [(0, None, None, "<")],
            [UNKNOWN],
        ),
        (
            measurement("hr", ("note", ""), flags=(("bare", "unknown"),)),
            [(1, None, None, "unknown")],
            [NOTE, BARE],
        ),
    ],
)
@pytest.mark.parametrize("rules", [USUAL, MEDTECH])
def test_a_flag_goes_with_its_value_or_in_its_place(given, values, kinds, rules):
    found = admission(rules)

    assert found.admit(given).values == values
    assert found.kinds == kinds


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (
            measurement("hr", ("hr", " "), flags=(("hr", "<"),)),
            InvalidQuantityFhirValueError,
            "The value [hr] has a comparator, and no number to go with it",
        ),
        (
            measurement("hr", ("hr", "LOW"), flags=(("hr", "<"),)),
            InvalidQuantityFhirValueError,
            "The value [hr] is not a finite decimal number",
        ),
        (
            measurement("ecg", flags=(("mv", ">"),)),
            FhirDataMappingError,
            "The value [mv] has a comparator, and no number to go with it",
        ),
        *(
            (
                measurement("hr", (name, "1"), flags=((name, "<"),)),
                FhirDataMappingError,
                f"The value [{name}] has a comparator, and is no number in FHIR",
            )
            for name in ("note", "fall")
        ),
    ],
)
def test_a_comparator_needs_a_number(given, error, message):
    with pytest.raises(error) as caught:
        admission().admit(given)

    assert (type(caught.value), caught.value.message) == (error, message)
    assert caught.value.suggestion


@pytest.mark.parametrize(
    ("given", "usual", "medtechs"),
    [
        # Exponents are no .NET decimal.
        (("hr", "1E3"), [(0, 1000.0, "1E3", None)], InvalidQuantityFhirValueError),
        (("hr", "1e-3"), [(0, 0.001, "1e-3", None)], InvalidQuantityFhirValueError),
        (("hr", "1,234"), [(0, 1234.0, "1,234", None)], None),
        (("hr", "98.60"), [(0, 98.6, "98.60", None)], None),
        (("note", "1E3"), [(0, 1000.0, "1E3", None)], None),
        # That a concept is there is what counts.
        (("fall", ""), [(1, None, None, None)], [(0, None, "", None)]),
        (("fall", " "), [(1, None, None, None)], [(0, None, " ", None)]),
        (("note", ""), [(1, None, None, None)], None),
        # A blank is no .NET decimal either.
        (("hr", " "), [(1, None, None, None)], InvalidQuantityFhirValueError),
    ],
)
def test_what_a_value_is_may_depend_on_the_rules(given, usual, medtechs):
    assert admission().admit(measurement("hr", given)).values == usual
    found = admission(MEDTECH)
    if isinstance(medtechs, type):
        with pytest.raises(medtechs):
            found.admit(measurement("hr", given))
    else:
        assert found.admit(measurement("hr", given)).values == (medtechs or usual)


@pytest.mark.parametrize("kinds", [("String", "Quantity"), ("Quantity", "String")])
def test_a_value_used_twice_must_fit_both(kinds):
    parts = [component("v", kind) for kind in kinds]
    body = {"typeName": "hr", "codes": [], "components": parts}
    container = {"templateType": "CodeValueFhir", "template": body}
    document = {"templateType": "CollectionFhir", "template": [container]}
    found = Admission(FhirMapping.from_json(json.dumps(document)))

    assert found.admit(measurement("hr", ("v", "72"))).values == [(0, 72.0, "72", None)]
    with pytest.raises(InvalidQuantityFhirValueError):
        found.admit(measurement("hr", ("v", "calm")))
    with pytest.raises(FhirDataMappingError):
        found.admit(measurement("hr", ("v", "72"), flags=(("v", "<"),)))


def test_a_blank_concept_beside_a_flag_counts_with_medtech():
    given = measurement("hr", ("fall", ""), flags=(("hr", "unknown"),))

    assert admission(MEDTECH).admit(given).values == [
        (0, None, "", None),
        (1, None, None, "unknown"),
    ]
    assert admission().admit(given).values == [(1, None, None, "unknown")]


def test_kinds_are_shared_by_measurements_and_kept_apart_by_spelling_of_the_type():
    found = admission()
    for type_name in ("hr", "HR", "hr"):
        found.admit(measurement(type_name, ("hr", "1")))

    assert found.admit(measurement("HR", ("hr", "2"))).values == [(1, 2.0, "2", None)]
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


def test_a_text_is_no_longer_than_r4_allows():
    most, more = "7" * 1_048_576, "é" * 1_048_577
    assert admission().admit(measurement("hr", ("note", most))).values[0][2] == most

    with pytest.raises(FhirDataMappingError) as caught:
        admission().admit(measurement("hr", ("hr", "72"), ("note", more)))
    assert (caught.value.message, caught.value.suggestion) == (
        "The value [note] has more than 1048576 characters, which FHIR does not allow",
        "have the device send a shorter text",
    )
    # What no Observation holds may have any length.
    admission().admit(measurement("hr", ("unmapped", more), ("fall", more)))
    found = admission(MEDTECH).admit(measurement("hr", ("note", more)))
    assert found.values[0][2] == more


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
    assert [text for _kind, _number, text, _flag in admitted.values] == ["61"]


def test_a_text_seen_before_is_admitted_as_the_first_time():
    once = admission()
    note = "n" * 30
    given = [
        measurement("hr", ("hr", "78"), ("note", "78"), ("bare", note[:2])),
        measurement("hr", ("hr", "78"), ("note", note)),
        measurement("hr", ("hr", "78"), ("note", note)),
        measurement("HR", ("hr", "78")),
        measurement("hr", ("hr", "78"), flags=(("hr", "<"),)),
        measurement("hr", ("hr", "78"), ("note", " ")),
    ]
    with pytest.raises(InvalidQuantityFhirValueError):
        once.admit(given[0])
    with pytest.raises(InvalidQuantityFhirValueError):
        once.admit(given[0])
    admitted = [once.admit(each).values for each in given[1:]]
    hr, noted = (0, 78.0, "78", None), (1, None, note, None)
    assert admitted == [
        [hr, noted],
        [hr, noted],
        [(3, 78.0, "78", None)],
        [(0, 78.0, "78", "<")],
        [hr],
    ]
