"""FHIR mappings: every finding at its place, and what a template says."""

import json
import pickle
from decimal import Decimal
from pathlib import Path

import pytest

from transforms.aggregate import AGGREGATES
from transforms.errors import MappingError, Problem
from transforms.fhir_mapping import FhirMapping, load_fhir_mapping
from transforms.fhir_template import (
    Coding,
    Component,
    Concept,
    ConceptValue,
    FhirTemplate,
    QuantityValue,
    Range,
    SampledDataValue,
    StringValue,
)
from transforms.rules import MEDTECH, USUAL, Rules

TEMPLATES = Path(__file__).resolve().parents[1] / "templates"

INVALID = "InvalidTemplateException"


def marked(text):
    """A text without its ¦ marks, and the lines and columns they stood at."""
    places = []
    plain = ""
    for part in text.split("¦"):
        plain += part
        lines = plain.split("\n")
        places.append((len(lines), len(lines[-1]) + 1))
    return plain, places[:-1]


def collection(*templates, template_type='"CodeValueFhir"'):
    listed = ",\n".join(
        f'{{"templateType": {template_type},\n "template": {template}}}'
        for template in templates
    )
    return f'{{"templateType": "CollectionFhir", "template": [\n{listed}]}}'


def error(message, suggestion=""):
    return "error", message, suggestion


def warning(message, suggestion=""):
    return "warning", message, suggestion


def check(text, expected, rules=USUAL):
    """Compares all findings: at the first mark the first one, and so on."""
    plain, places = marked(text)
    problems = [
        Problem(severity, INVALID, "f.json", *place, message, suggestion)
        for place, (severity, message, suggestion) in zip(places, expected, strict=True)
    ]
    mapping, findings = load_fhir_mapping(plain, "f.json", rules)
    assert sorted(findings.problems, key=_place) == sorted(problems, key=_place)
    return mapping


def _place(problem):
    return problem.line, problem.column, problem.message


def template_of(**fields):
    """The template that one `CodeValueFhir` with these keys is."""
    text = collection(json.dumps({"typeName": "hr", "codes": [], **fields}))
    return FhirMapping.from_json(text, "f.json").templates["hr"]


def template(**fields):
    defaults = {
        "type_name": "hr",
        "location": "f.json:3",
        "period_interval": 0,
        "period_minutes": 0,
        "codings": (),
        "category": (),
        "value": None,
        "components": (),
    }
    return FhirTemplate(**{**defaults, **fields})


LOINC = {"code": "8867-4", "system": "http://loinc.org", "display": "Heart rate"}
HEART_RATE = Coding("8867-4", "http://loinc.org", "Heart rate")


@pytest.mark.parametrize(
    ("keys", "fields"),
    [
        ({}, {}),
        (
            {"codes": [None, LOINC, {"code": "x"}]},
            {"codings": (HEART_RATE, Coding("x", None, None))},
        ),
        (
            {"category": [{"text": "Vital"}, None, {"codes": [LOINC]}]},
            {"category": (Concept("Vital", ()), Concept(None, (HEART_RATE,)))},
        ),
        (
            {"value": {"valueType": "Quantity", "valueName": "v"}},
            {"value": QuantityValue("v", None, None, None)},
        ),
        (
            {
                "value": {
                    "valueType": "Quantity",
                    "valueName": "v",
                    "unit": "beats/min",
                    "system": "http://unitsofmeasure.org",
                    "code": "/min",
                }
            },
            {
                "value": QuantityValue(
                    "v", "beats/min", "http://unitsofmeasure.org", "/min"
                )
            },
        ),
        (
            {
                "value": {
                    "ValueType": "SampledData",
                    "VALUENAME": "v",
                    "defaultPeriod": 5000,
                    "unit": "mV",
                }
            },
            {"value": SampledDataValue("v", "mV", 5_000_000)},
        ),
        (
            {
                "value": {
                    "valueType": "SampledData",
                    "valueName": "v",
                    "defaultPeriod": 0.001,
                }
            },
            {"value": SampledDataValue("v", None, 1)},
        ),
        (
            {"value": {"valueType": "String", "valueName": "v"}},
            {"value": StringValue("v")},
        ),
        (
            {
                "value": {
                    "valueType": "CodeableConcept",
                    "valueName": "v",
                    "text": "Fall",
                    "codes": [LOINC],
                }
            },
            {"value": ConceptValue("v", "Fall", (HEART_RATE,))},
        ),
        (
            {
                "components": [
                    None,
                    {
                        "codes": [LOINC],
                        "value": {"valueType": "String", "valueName": "a"},
                    },
                    {"codes": [], "value": {"valueType": "Quantity", "valueName": "b"}},
                ]
            },
            {
                "components": (
                    Component((HEART_RATE,), StringValue("a")),
                    Component((), QuantityValue("b", None, None, None)),
                )
            },
        ),
        (
            {
                "periodInterval": None,
                "category": None,
                "value": None,
                "components": None,
            },
            {},
        ),
    ],
)
def test_a_template_says_what_its_keys_say(keys, fields):
    assert template_of(**keys) == template(**fields)


@pytest.mark.parametrize("spelling", ["quantity", "QUANTITY", "Quantity"])
def test_a_value_type_matches_in_any_case(spelling):
    value = {"valueType": spelling, "valueName": "v"}

    assert template_of(value=value).value == QuantityValue("v", None, None, None)


@pytest.mark.parametrize("spelling", ["CodeValueFhir", "codevaluefhirtemplate"])
def test_a_template_type_matches_in_any_case_with_or_without_suffix(spelling):
    text = collection('{"typeName": "hr", "codes": []}', template_type=f'"{spelling}"')

    assert FhirMapping.from_json(text, "f.json").templates == {"hr": template()}


@pytest.mark.parametrize(
    ("given", "minutes"),
    [
        (0, 0),
        (60, 60),
        (1440, 1440),
        *((minutes, minutes) for minutes in (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30)),
        ("0", 0),
        ("60", 60),
        (" 1440 ", 1440),
        ("Single", 0),
        ("hourly", 60),
        ("DAILY", 1440),
        (-1, -1),
        ("-1", -1),
        ("CorrelationId", -1),
    ],
)
def test_a_period_is_minutes_or_medtechs_name(given, minutes):
    assert template_of(periodInterval=given).period_interval == minutes


@pytest.mark.parametrize(
    ("given", "low", "high"),
    [
        ('{"low": 25, "high": 45}', "25", "45"),
        ('{"low": 25.10}', "25.1", None),
        ('{"low": null, "high": -0.1}', None, "-0.1"),
        ('{"LOW": 1e3, "High": 1e3}', "1000", "1000"),
        ('{"low": 12345678901234567890}', "12345678901234567890", None),
    ],
)
@pytest.mark.parametrize("kind", ["Quantity", "SampledData"])
def test_a_range_has_exact_bounds(given, low, high, kind):
    value = f'{{"valueType": "{kind}", "valueName": "v", "defaultPeriod": 1000,'
    valued = keys(
        f'"periodInterval": 60, "value": {value} "validRange": {given}}},'
        f' "components": [{{"codes": [], "value": {value} "validRange": {given}}}}}]'
    ).replace('"v"', '"w"', 1)
    mapping, findings = load_fhir_mapping(collection(valued), "f.json")

    limits = Range(*(bound and Decimal(bound) for bound in (low, high)))
    assert [found.valid_range for found in mapping.templates["hr"].values] == [
        limits,
        limits,
    ]
    assert findings.errors == []


@pytest.mark.parametrize(
    ("low", "high", "shown"),
    [
        ("25", "45", "25 to 45"),
        (None, "45.0", "at most 45.0"),
        ("0.1", None, "at least 0.1"),
        ("-1E+3", "1E-3", "-1000 to 0.001"),
    ],
)
def test_a_range_in_words(low, high, shown):
    assert str(Range(*(bound and Decimal(bound) for bound in (low, high)))) == shown


MEAN = {"valueType": "Quantity", "aggregate": "mean"}


@pytest.mark.parametrize(
    ("interval", "kinds", "minutes", "medtechs"),
    [
        (60, ["SampledData"], 60, 60),
        (60, ["Quantity", "SampledData"], 60, 60),
        (60, ["Quantity"], 0, 60),
        (60, ["Mean"], 60, 60),
        (15, ["String", "Mean"], 15, 15),
        (1440, ["String", "CodeableConcept"], 0, 1440),
        (60, [], 0, 60),
        (0, ["SampledData"], 0, 0),
        (0, ["Quantity"], 0, 0),
        (-1, ["Quantity"], -1, -1),
        (-1, ["SampledData", "Mean"], -1, -1),
        (-1, [], -1, -1),
    ],
)
def test_the_period_governs_sampled_data_aggregates_and_with_medtech_all(
    interval, kinds, minutes, medtechs
):
    components = [
        {
            "codes": [],
            "value": {
                "valueType": "Quantity" if kind == "Mean" else kind,
                "valueName": kind,
                "defaultPeriod": 1000,
                "codes": [LOINC],
                **({"aggregate": "mean"} if kind == "Mean" else {}),
            },
        }
        for kind in kinds
    ]
    keys = {"typeName": "HR", "codes": [], "periodInterval": interval}
    text = collection(json.dumps({**keys, "components": components}))

    for rules, expected in ((USUAL, minutes), (MEDTECH, medtechs)):
        mapping = load_fhir_mapping(text, "f.json", rules)[0]
        assert mapping.periods == {"hr": expected}
        assert mapping.templates["hr"].period_interval == interval


_PERIOD = (
    "periodInterval must be 0, 60, 1440, -1, or minutes that divide an hour",
    "0: one Observation per instant, 60: hour, 1440: day, -1: correlation id",
)
_SAMPLE = "defaultPeriod must be a positive number of milliseconds, whole microseconds"
_VALUE = '"valueType": "Quantity", "valueName": "v"'
_NO_BOUND = error(
    "a validRange needs low or high", 'write it as {"low": 25, "high": 45}'
)


def _no_bound(key):
    return error(f"{key} of a validRange must be a number")


def keys(more):
    return f'{{"typeName": "hr", "codes": [], {more}}}'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "¦¦{}",
            [
                error(
                    "Required property 'TypeName' not found in JSON.", 'add "typeName"'
                ),
                error("Required property 'Codes' not found in JSON.", 'add "codes"'),
            ],
        ),
        (
            '{"typeName": ¦null,\n "codes": ¦null}',
            [
                error("Required property 'TypeName' expects a value but got null."),
                error("Required property 'Codes' expects a value but got null."),
            ],
        ),
        (
            '{"typeName": ¦"  ", "codes": ¦{}}',
            [
                error(
                    "Empty type name is not allowed: '  '",
                    "name the type as the device mapping does",
                ),
                error("'codes' must be an array"),
            ],
        ),
        (
            keys('¦"valeu": {}, ¦"x": 1'),
            [
                error(
                    "Could not find member 'valeu' on object of type"
                    " 'CodeValueFhirTemplate'",
                    "did you mean value?",
                ),
                error(
                    "Could not find member 'x' on object of type"
                    " 'CodeValueFhirTemplate'"
                ),
            ],
        ),
        (
            '{"typeName": "hr", "codes": [¦5, ¦[], {"code": ¦5, ¦"cod": "x"}]}',
            [
                error("FhirCode must be an object"),
                error("FhirCode must be an object"),
                error("'code' must be a string"),
                error(
                    "Could not find member 'cod' on object of type 'FhirCode'",
                    "did you mean code?",
                ),
            ],
        ),
        (
            '{"typeName": "hr", "codes": [¦{}, ¦{"code": null}]}',
            [
                error(
                    "a code needs code, system or display: FHIR knows no empty objects",
                    "remove it",
                )
            ]
            * 2,
        ),
        (
            keys('"category": [¦{}, ¦{"codes": []}, ¦7, {"text": ¦1, ¦"texts": "a"}]'),
            [
                error(
                    "a category needs text or codes: FHIR knows no empty objects",
                    "remove it",
                ),
                error(
                    "a category needs text or codes: FHIR knows no empty objects",
                    "remove it",
                ),
                error("FhirCodeableConcept must be an object"),
                error("'text' must be a string"),
                error(
                    "Could not find member 'texts' on object of type"
                    " 'FhirCodeableConcept'",
                    "did you mean text?",
                ),
            ],
        ),
        (keys('"category": ¦{}'), [error("'category' must be an array")]),
        (keys('"components": ¦"a"'), [error("'components' must be an array")]),
        (
            keys('"components": [¦¦{}, ¦1]'),
            [
                error("Required property 'Codes' not found in JSON.", 'add "codes"'),
                error("Required property 'Value' not found in JSON.", 'add "value"'),
                error("CodeValueMapping must be an object"),
            ],
        ),
        (
            keys('"components": [{"codes": [], "value": ¦null, ¦"unit": 1}]'),
            [
                error("Required property 'Value' expects a value but got null."),
                error(
                    "Could not find member 'unit' on object of type 'CodeValueMapping'"
                ),
            ],
        ),
        *(
            (keys(f'"value": ¦{kind}'), [error("FhirValueType must be an object")])
            for kind in ("5", "[]", '"Quantity"')
        ),
        *(
            (
                keys(f'"value": ¦{{"valueName": "v"{kind}}}'),
                [error("Property ValueType is missing.", 'add "valueType"')],
            )
            for kind in ("", ', "valueType": null')
        ),
        (
            keys('"value": {"valueName": "v", "valueType": ¦"Quantiy"}'),
            [error("there is no valueType Quantiy", "did you mean Quantity?")],
        ),
        *(
            (
                keys(f'"value": {{"valueName": "v", "valueType": ¦{kind}}}'),
                [
                    error(
                        f"there is no valueType{told}",
                        "use SampledData, Quantity, String, CodeableConcept",
                    )
                ],
            )
            for kind, told in (('"Zz"', " Zz"), ("{}", ""), ("[{}]", ""), ("1", ""))
        ),
        (
            keys('"value": ¦{"valueType": "Quantity"}'),
            [
                error(
                    "Required property 'ValueName' not found in JSON.",
                    'add "valueName"',
                )
            ],
        ),
        (
            keys('"value": {"valueType": "String", "valueName": ¦" "}'),
            [error("'valueName' must not be blank")],
        ),
        (
            keys('"value": {"valueType": "Quantity", "valueName": "v", "unit": ¦5}'),
            [error("'unit' must be a string")],
        ),
        (
            keys(
                '"value": {"valueType": "Quantity", "valueName": "v", "text": "of'
                ' CodeableConcept", ¦"unti": "x"}'
            ),
            [
                warning(
                    "Could not find member 'unti' on object of type 'FhirValueType'",
                    "did you mean unit?",
                )
            ],
        ),
        (
            keys('"value": ¦{"valueType": "SampledData", "valueName": "v"}'),
            [
                error(
                    "a SampledData value needs defaultPeriod, the milliseconds per"
                    " sample",
                    'add "defaultPeriod"',
                )
            ],
        ),
        *(
            (
                keys(
                    '"value": {"valueType": "SampledData", "valueName": "v",'
                    f' "defaultPeriod": ¦{period}}}'
                ),
                [error(_SAMPLE)],
            )
            for period in ("0", "-1", "0.0005", '"soon"', "true", "[]")
        ),
        (
            keys('"value": ¦{"valueType": "CodeableConcept", "valueName": "v"}'),
            [error("a CodeableConcept value needs codes", 'add "codes"')],
        ),
        *(
            (keys(f'"periodInterval": ¦{period}'), [error(*_PERIOD)])
            for period in (
                *("30.5", "7", "61", "120", "-2", "true", "[]", '"weekly"', '"7"'),
                '"' + "9" * 5000 + '"',
            )
        ),
        (
            keys(
                '"periodInterval": 1440, "value": ¦{"valueType": "SampledData",'
                ' "valueName": "v", "defaultPeriod": 8.0}'
            ),
            [
                error(
                    "[v] would hold 10800000 samples per Observation, and a text of"
                    " FHIR holds 524288 at most",
                    "raise defaultPeriod or lower periodInterval",
                )
            ],
        ),
        (
            keys(
                '"periodInterval": 60, "value": {"valueType": "Quantity",'
                ' "valueName": "v", "aggregate": ¦"avg"}'
            ),
            [
                error(
                    "there is no aggregate avg",
                    "use mean, min, max, sum, count, first, last, median",
                )
            ],
        ),
        (
            keys(
                '"periodInterval": 60, "value": {"valueType": "Quantity",'
                ' "valueName": "v", "aggregate": ¦"meen"}'
            ),
            [error("there is no aggregate meen", "did you mean mean?")],
        ),
        (
            keys(
                '"value": {"valueType": "Quantity", "valueName": "v", "aggregate": ¦1}'
            ),
            [error("'aggregate' must be a string")],
        ),
        *(
            (
                keys(
                    f'"value": ¦{{"valueType": "Quantity", "valueName": "v",'
                    f' "aggregate": "mean"}}{period}'
                ),
                [
                    error(
                        "[v] is aggregated, and the template has no period",
                        'add "periodInterval": 60 for an hour, 1440 for a day',
                    )
                ],
            )
            for period in ("", ', "periodInterval": 0')
        ),
        (
            keys(
                '"value": {"valueType": "String", "valueName": "v", "aggregate": ¦"x"}'
            ),
            [
                error(
                    "a String cannot be aggregated",
                    'remove "aggregate", or make the value a Quantity',
                )
            ],
        ),
        *(
            (keys(f'"value": {{{_VALUE}, "validRange": {limits}}}'), found)
            for limits, found in (
                ("¦{}", [_NO_BOUND]),
                ('¦{"low": null, "high": null}', [_NO_BOUND]),
                (
                    '¦{"low": 45.001, "high": 45}',
                    [error("low of a validRange is above its high", "swap the two")],
                ),
                (
                    '{"low": 25, ¦"hihg": 45}',
                    [
                        error(
                            "Could not find member 'hihg' on object of type"
                            " 'validRange'",
                            "did you mean high?",
                        )
                    ],
                ),
                ("¦[25, 45]", [error("validRange must be an object")]),
                ('¦"25-45"', [error("validRange must be an object")]),
                ('{"low": ¦"25"}', [_no_bound("low")]),
                (
                    '{"low": ¦true, "high": ¦[45]}',
                    [_no_bound("low"), _no_bound("high")],
                ),
            )
        ),
        *(
            (
                keys(
                    f'"value": {{"valueType": "{kind}", "valueName": "v",'
                    ' "codes": [{"code": "c"}], "validRange": ¦{"low": 25}}'
                ),
                [
                    error(
                        f"a {kind} has no number that validRange could hold",
                        'remove "validRange", or make the value a Quantity',
                    )
                ],
            )
            for kind in ("String", "CodeableConcept")
        ),
        (
            keys(
                '"periodInterval": ¦7, "value": {"valueType": "Quantity",'
                ' "valueName": "v", "aggregate": "mean"}, ¦"codez": 1'
            ),
            [
                error(*_PERIOD),
                error(
                    "Could not find member 'codez' on object of type"
                    " 'CodeValueFhirTemplate'",
                    "did you mean codes?",
                ),
            ],
        ),
    ],
    ids=lambda value: value[:60] if isinstance(value, str) else "",
)
def test_every_error_of_a_template_is_told_at_its_place(text, expected):
    assert check(collection(text), expected).templates == (
        {} if expected[0][0] == "error" else {"hr": _quantity()}
    )


def _quantity():
    return template(value=QuantityValue("v", None, None, None))


@pytest.mark.parametrize(
    ("interval", "period", "cells", "fits"),
    [
        (60, "6.867", 524_247, (True, True)),
        (60, "6.866", 524_323, (False, True)),
        (1, "0.115", 521_740, (True, True)),
        (1, "0.114", 526_316, (False, True)),
        (1440, "164.795", 524_288, (True, True)),
        # The last cell is not a whole one.
        (1440, "164.794", 524_291, (False, True)),
        (1440, "8.64", 10_000_000, (False, True)),
        (1440, "8.639", 10_001_158, (False, False)),
        (-1, "0.001", None, (True, True)),
    ],
)
def test_a_grid_that_can_never_fit_is_an_error(interval, period, cells, fits):
    value = (
        f'{{"valueType": "SampledData", "valueName": "v", "defaultPeriod": {period}}}'
    )
    body = keys(f'"periodInterval": {interval}, "value": ')
    told = f"[v] would hold {cells} samples per Observation"
    limit = ", and a text of FHIR holds 524288 at most"
    hint = "raise defaultPeriod or lower periodInterval"

    for rules, fitting, more in zip((USUAL, MEDTECH), fits, (limit, ""), strict=True):
        mark, expected = ("", []) if fitting else ("¦", [error(told + more, hint)])
        text = collection(f"{body[:-1]}{mark}{value}}}")
        assert (check(text, expected, rules).templates == {}) is not fitting


_LACKS = "a Quantity's code has no system: the code is left out of the Quantity"
_UCUM = 'add "system": "http://unitsofmeasure.org" if the code is UCUM'


@pytest.mark.parametrize(
    ("members", "usual"),
    [
        ('"unit": "bpm", "code": "/min"', _LACKS),
        ('"unit": "bpm", "code": "/min", "system": null', _LACKS),
        ('"unit": "bpm", "code": "/min", "system": " "', _LACKS),
        ('"code": "/min"', f"{_LACKS}, and its text is the unit"),
        ('"unit": "bpm", "code": "/min", "system": "urn:x"', None),
        ('"unit": "bpm"', None),
        ('"system": "urn:x"', None),
    ],
)
def test_a_code_without_its_system_is_a_warning_and_a_difference(members, usual):
    mark = "" if usual is None else "¦"
    value = f'{mark}{{"valueType": "Quantity", "valueName": "v", {members}}}'
    other = value.replace('"v"', '"w"')
    text = collection(
        keys(f'"value": {value}, "components": [{{"codes": [], "value": {other}}}]')
    )
    invalid = "a Quantity's code has no system: the Quantity is no valid FHIR (qty-3)"
    said = "a code without system is left out: MedTech writes it, and FHIR does not"
    for rules, message in ((USUAL, usual), (MEDTECH, usual and invalid)):
        found = check(text, [warning(message, _UCUM)] * 2 if usual else [], rules)
        assert [one for one in found.differences if one[2]] == [
            (place, f"{said} allow it", True) for place in marked(text)[1]
        ]


def test_a_value_name_that_is_used_twice_is_a_warning():
    value = '{"valueType": "Quantity", "valueName": "v"}'
    body = f'"value": {value}, "components": [{{"codes": [], "value": ¦{value}}}]'

    mapping = check(
        collection(keys(body)),
        [warning("the value [v] is used more than once")],
    )
    quantity = QuantityValue("v", None, None, None)
    assert mapping.templates == {
        "hr": template(value=quantity, components=(Component((), quantity),))
    }


def test_a_value_may_be_aggregated_in_several_ways():
    values = [
        f'{{"valueType": "Quantity", "valueName": "v", "aggregate": "{spelling}"}}'
        for spelling in ("mean", " MAX ")
    ]
    body = (
        f'"periodInterval": 60, "value": {values[0]},'
        f' "components": [{{"codes": [], "value": {values[1]}}}]'
    )

    mapping = check(collection(keys(body)), [])
    mean, most = (
        QuantityValue("v", None, None, None, name) for name in ("mean", "max")
    )
    assert mapping.templates == {
        "hr": template(
            period_interval=60,
            period_minutes=60,
            value=mean,
            components=(Component((), most),),
        )
    }
    assert mapping.templates["hr"].aggregates


@pytest.mark.parametrize("name", AGGREGATES)
def test_every_aggregate_is_known_by_name(name):
    value = {"valueType": "Quantity", "valueName": "v", "aggregate": name}

    found = template_of(value=value, periodInterval=60).value
    assert found == QuantityValue("v", None, None, None, name)


_SAMPLED = '{"valueType": "SampledData", "valueName": "s", "defaultPeriod": 1000}'
_MEAN = '{"valueType": "Quantity", "valueName": "m", "aggregate": "mean"}'
_QUANTITY = '¦{"valueType": "Quantity", "valueName": "q"}'
_STRING = '¦{"valueType": "String", "valueName": "t"}'
_CONCEPT = (
    '{"valueType": "CodeableConcept", "valueName": "c", "codes": [{"code": "x"}]}'
)
_LAST = "of several readings of [{}] in one {} the last counts"
_REFUSED = "several readings of [{}] in one {} are refused"
_APART = "split it into a type of its own"


@pytest.mark.parametrize(
    ("interval", "values", "usual", "medtechs"),
    [
        (
            60,
            [_SAMPLED, _QUANTITY, _STRING, _CONCEPT],
            [
                (_LAST.format("q", "hour"), f'use "aggregate", or {_APART}'),
                (_LAST.format("t", "hour"), _APART),
            ],
            [
                (_REFUSED.format("q", "hour"), f'use "aggregate", or {_APART}'),
                (_REFUSED.format("t", "hour"), _APART),
            ],
        ),
        (
            1440,
            [_MEAN, _QUANTITY],
            [(_LAST.format("q", "day"), f'use "aggregate", or {_APART}')],
            [(_REFUSED.format("q", "day"), f'use "aggregate", or {_APART}')],
        ),
        (
            -1,
            [_QUANTITY, _STRING, _CONCEPT],
            [
                (_LAST.format("q", "correlation id"), 'use "aggregate"'),
                (_LAST.format("t", "correlation id"), ""),
            ],
            [
                (_REFUSED.format("q", "correlation id"), 'use "aggregate"'),
                (_REFUSED.format("t", "correlation id"), ""),
            ],
        ),
        (15, [_MEAN, _SAMPLED], [], []),
        (-1, [_MEAN, _SAMPLED, _CONCEPT], [], []),
        (60, [_CONCEPT], [], []),
        (0, [_QUANTITY.strip("¦"), _STRING.strip("¦"), _CONCEPT], [], []),
        (
            15,
            [_QUANTITY],
            None,
            [(_REFUSED.format("q", "15 minutes"), f'use "aggregate", or {_APART}')],
        ),
    ],
)
def test_what_holds_one_reading_of_a_period_is_a_warning(
    interval, values, usual, medtechs
):
    parts = ", ".join(f'{{"codes": [], "value": {value}}}' for value in values)
    text = collection(keys(f'"periodInterval": {interval}, "components": [{parts}]'))

    for rules, expected in ((USUAL, usual), (MEDTECH, medtechs)):
        if expected is None:
            assert load_fhir_mapping(text.replace("¦", ""), "f")[1].problems == []
        else:
            check(text, [warning(*finding) for finding in expected], rules)


def test_sampled_data_of_an_instant_is_a_warning():
    check(
        collection(keys(f'"value": ¦{_SAMPLED}')),
        [
            warning(
                "SampledData of an instant: each [s] is one sample",
                'add "periodInterval": 60 for an Observation per hour',
            )
        ],
    )


@pytest.mark.parametrize(
    ("given", "suggestion"),
    [("CodeValueFhr", "did you mean CodeValueFhir?"), ("CalculatedContent", "")],
)
def test_another_template_type_is_an_error(given, suggestion):
    text = collection(keys('"value": null'), template_type=f'¦"{given}"')

    message = f"Expected TemplateType value CodeValueFhirTemplate, actual {given}."
    assert check(text, [error(message, suggestion)]).templates == {}


def test_a_second_template_of_a_type_is_an_error_and_the_first_one_stays():
    first, second = (
        '{"typeName": "hr", "codes": []}',
        '{"typeName": ¦"HR", "codes": []}',
    )

    mapping = check(
        collection(first, second),
        [
            error(
                "Duplicate template defined for type name: 'HR'",
                "remove or rename one of them",
            )
        ],
    )
    assert mapping.templates == {"hr": template()}


def test_the_device_mapping_is_no_fhir_mapping():
    check(
        '{"templateType": ¦"CollectionContent", "template": []}',
        [
            error(
                "Expected TemplateType value CollectionFhirTemplate, actual"
                " CollectionContent.",
                "is this the other mapping file?",
            )
        ],
    )


def test_a_mapping_with_an_error_is_not_launched_and_one_with_warnings_is():
    with pytest.raises(MappingError) as caught:
        FhirMapping.from_json(collection('{"typeName": "hr"}'), "dir/fhir.json")

    assert str(caught.value) == (
        "dir/fhir.json:3:14: error: Required property 'Codes' not found in JSON."
        ' [InvalidTemplateException] (add "codes")'
    )
    warned = keys('"value": {"valueType": "Quantity", "valueName": "v", "x": 1}')
    mapping = FhirMapping.from_json(collection(warned), "f.json")
    assert mapping.templates == {"hr": _quantity()}


@pytest.mark.parametrize(
    ("name", "found"), [("hr", True), ("HR", True), ("Hr", True), ("h", False)]
)
def test_a_type_is_found_in_any_case(name, found):
    mapping = FhirMapping.from_json(collection('{"typeName": "hR", "codes": []}'))

    expected = template(type_name="hR", location="fhir.json:3") if found else None
    assert mapping.template(name) == expected


def test_a_mapping_travels_as_its_text_and_works_on_arrival():
    text = (TEMPLATES / "vital-monitor" / "fhir.json").read_text()
    sent = FhirMapping.from_json(text)

    received = pickle.loads(pickle.dumps(sent))  # noqa: S301

    assert received == sent
    assert received is not sent
    assert received.templates == sent.templates
    assert hash(received) == hash(sent)
    assert sorted(received.templates) == ["bloodpressure", "heartrate"]


@pytest.mark.parametrize("rules", [USUAL, MEDTECH, Rules(zoneless="utc")])
def test_a_mapping_travels_with_its_rules(rules):
    value = {"valueType": "Quantity", "valueName": "v"}
    body = {"typeName": "hr", "codes": [], "periodInterval": 60, "value": value}
    sent = FhirMapping.from_json(collection(json.dumps(body)), "f.json", rules)

    received = pickle.loads(pickle.dumps(sent))  # noqa: S301

    assert (received, received.rules) == (sent, rules)
    assert received.templates == sent.templates
    assert received.periods == {"hr": 60 if rules.medtech else 0}


@pytest.mark.parametrize(
    ("text", "uses"),
    [
        (keys('"periodInterval": 60'), []),
        (keys('"periodInterval": "CorrelationId"'), []),
        (keys('¦"periodInterval": 15'), ["periodInterval 15"]),
        (keys('¦"periodInterval": "30"'), ["periodInterval 30"]),
        (
            keys(
                f'"periodInterval": 60, "value": ¦{_MEAN},'
                f' "components": [{{"codes": [], "value":\n ¦{_MEAN}}}]'
            ).replace('"m", "aggregate": "mean"}}', '"m2", "aggregate": "max"}}'),
            ["the key aggregate", "the key aggregate"],
        ),
        (
            keys(f'"value": ¦{{{_VALUE}, "validRange": {{"low": 25}}}}'),
            ["the key validRange"],
        ),
        (keys(f'"value": {{{_VALUE}, "validRange": null}}'), []),
    ],
)
def test_each_use_of_an_extension_is_told_at_its_place(text, uses):
    plain, places = marked(collection(text))
    mapping = load_fhir_mapping(plain, "f.json")[0]

    assert mapping.extension_uses == tuple(zip(places, uses, strict=True))


_NOTATION = (
    "an instant is an effectiveDateTime, and its id has the fraction of a second:"
    " MedTech writes an effectivePeriod, and cuts ids to seconds"
)
_PER = "[{}] is one Observation per instant: MedTech makes one per {}"
_ONE = "{}, and refuses a second reading"
_KEEPS = "of several readings of [{}] in one {} the last counts: MedTech refuses them"


@pytest.mark.parametrize(
    ("interval", "values", "expected"),
    [
        (0, [_QUANTITY.strip("¦"), _STRING.strip("¦")], [(_NOTATION, False)]),
        (0, [], [(_NOTATION, False)]),
        (
            60,
            [_QUANTITY, _STRING, f"¦{_CONCEPT}"],
            [
                (_ONE.format(_PER.format("q", "hour")), True),
                (_ONE.format(_PER.format("t", "hour")), True),
                (_PER.format("c", "hour"), True),
            ],
        ),
        (
            60,
            [],
            [
                (
                    "an event is one Observation per instant: MedTech makes one per"
                    " hour",
                    True,
                )
            ],
        ),
        (
            1440,
            [_SAMPLED, _QUANTITY, _CONCEPT],
            [(_KEEPS.format("q", "day"), True)],
        ),
        (15, [_MEAN, _STRING], [(_KEEPS.format("t", "15 minutes"), True)]),
        (60, [_MEAN, _SAMPLED], []),
        (-1, [_QUANTITY, _CONCEPT], [(_KEEPS.format("q", "correlation id"), True)]),
        (-1, [_SAMPLED, _MEAN, _CONCEPT], []),
        (-1, [], []),
    ],
)
@pytest.mark.parametrize("rules", [USUAL, MEDTECH])
def test_what_medtech_makes_of_a_template_is_told_in_both_modes(
    interval, values, expected, rules
):
    parts = ", ".join(f'{{"codes": [], "value": {value}}}' for value in values)
    body = keys(f'"periodInterval": {interval}, "components": [{parts}]')
    whole = "¦" if expected and "¦" not in body else ""
    plain, places = marked(collection(whole + body))
    mapping = load_fhir_mapping(plain, "f.json", rules)[0]

    assert mapping.differences == tuple(
        (place, *told) for place, told in zip(places, expected, strict=True)
    )


_SESSION = (
    "a session under a vital-signs code is told by its start, an effectiveDateTime:"
    " MedTech writes an effectivePeriod"
)


@pytest.mark.parametrize(
    ("interval", "value", "told"),
    [
        (-1, _CONCEPT, [_SESSION]),
        (-1, "null", [_SESSION]),
        (-1, _SAMPLED, []),
        (-1, _MEAN, []),
        (60, _MEAN, []),
    ],
)
@pytest.mark.parametrize("rules", [USUAL, MEDTECH])
def test_a_session_of_a_vital_sign_differs_in_its_time(interval, value, told, rules):
    body = keys(f'"periodInterval": {interval}, "value": {value}')
    text = collection(body.replace("[]", json.dumps([LOINC]), 1))
    found = load_fhir_mapping(text, "f.json", rules)[0]

    assert found.differences == tuple(((3, 14), message, True) for message in told)


def test_mappings_differ_when_text_file_or_rules_do():
    mapping = FhirMapping.from_json(collection(), "a.json")

    assert mapping == FhirMapping.from_json(collection(), "a.json")
    assert mapping != FhirMapping.from_json(collection(), "b.json")
    assert mapping != FhirMapping.from_json(collection() + " ", "a.json")
    assert mapping != FhirMapping.from_json(collection(), "a.json", MEDTECH)


def test_templates_and_values_know_their_place():
    first, second = (
        f'¦{{"valueType": "Quantity", "valueName": "{name}"}}' for name in "vw"
    )
    body = (
        f'¦{{"typeName": "hr", "codes": [],\n "value": {first}, "components":'
        f' [{{"codes": [], "value":\n\n{second}}}]}}'
    )
    plain, places = marked(collection(body))
    found = load_fhir_mapping(plain, "f.json")[0].templates["hr"]

    assert [found.position, *(value.position for value in found.values)] == places


@pytest.mark.parametrize("path", sorted(TEMPLATES.glob("*/fhir.json")), ids=str)
def test_the_shipped_fhir_mappings_have_no_findings(path):
    assert load_fhir_mapping(path.read_text(), path.name)[1].problems == []
