"""What `check` says of vital signs, units and codes: each finding whole, at its place.

Where a suggestion is what to write, writing it makes the finding vanish.
"""

import json
import re

import hypothesis
import hypothesis.strategies as st
import pytest

from transforms.errors import Problem
from transforms.fhir_mapping import load_fhir_mapping
from transforms.located_json import Members, parse
from transforms.rules import MEDTECH, USUAL
from transforms.vital_profiles import PROFILES
from transforms.vital_sign_checks import check_observations

LOINC, UCUM = "http://loinc.org", "http://unitsofmeasure.org"
VITAL = {
    "system": "http://terminology.hl7.org/CodeSystem/observation-category",
    "code": "vital-signs",
}
CATEGORY = [{"codes": [VITAL]}]
ADD_CATEGORY = f'add "category": {json.dumps(CATEGORY)}'
NO_CATEGORY = "a vital sign has the category vital-signs"


def loinc(*codes):
    return [{"system": LOINC, "code": code} for code in codes]


def quantity(unit=None, system=UCUM, code=None, name="v", **more):
    keys = {"valueName": name, "valueType": "Quantity", "unit": unit}
    keys |= {"system": system, "code": code, **more}
    return {key: value for key, value in keys.items() if value is not None}


def medtech(unit, name="v"):
    """As the files of MedTech have it: a unit for people."""
    return quantity(unit, None, None, name)


def grid(unit, name="v"):
    value = {"valueName": name, "valueType": "SampledData", "defaultPeriod": 5000}
    return {**value, "unit": unit}


def part(code, value):
    return {"codes": loinc(code), "value": value}


def vital(*codes, **keys):
    """A template of a vital sign that lacks nothing but what `keys` say."""
    return {"typeName": "t", "codes": loinc(*codes), "category": CATEGORY, **keys}


def other(*codes, **keys):
    return {"typeName": "t", "codes": loinc(*codes), **keys}


BEATS = quantity("beats/minute", UCUM, "/min")
PRESSURE = quantity("mmHg", UCUM, "mm[Hg]")


def pressure(*codes, sys=PRESSURE, dia=PRESSURE, **keys):
    halves = [part("8480-6", {**sys, "valueName": "sys"})]
    halves.append(part("8462-4", {**dia, "valueName": "dia"}))
    return vital(*(codes or ["85354-9"]), components=halves, **keys)


def coding(code, display):
    return json.dumps({"system": LOINC, "code": code, "display": display})


HEART_RATE = coding("8867-4", "Heart rate")
PANEL = coding("85354-9", "Blood pressure panel with all children optional")
DIASTOLIC = coding("8462-4", "Diastolic blood pressure")
SYSTOLIC = coding("8480-6", "Systolic blood pressure")


def half(code_text, name):
    value = quantity("mmHg", UCUM, "mm[Hg]", name)
    return f'{{"codes": [{code_text}], "value": {json.dumps(value)}}}'


def profile(at, message, suggestion):
    return at, "VitalSignsProfile", message, suggestion


def unit(at, message, suggestion):
    return at, "UnitOfMeasure", message, suggestion


def code(at, message, suggestion):
    return at, "LoincCode", message, suggestion


def wants(name, units, suggestion, at="value.code"):
    return profile(at, f"R4's profile {name} wants the UCUM code {units}", suggestion)


def ucum(code, system=UCUM):
    return f'write "system": "{system}", "code": "{code}"'


# Template, findings. A place is the path of the value that the finding points at.
MENDED_BY_WRITING = [
    # Category.
    (
        {**other("8867-4"), "value": quantity("bpm", UCUM, "/min")},
        [profile("codes.0.code", NO_CATEGORY, ADD_CATEGORY)],
    ),
    (
        vital("8478-0", category=None, value=PRESSURE),
        [profile("codes.0.code", NO_CATEGORY, ADD_CATEGORY)],
    ),
    (
        vital("8867-4", category=[], value=quantity("bpm", UCUM, "/min")),
        [profile("codes.0.code", NO_CATEGORY, ADD_CATEGORY)],
    ),
    (
        vital(
            "8867-4",
            category=[
                {"text": "vital-signs"},
                {"codes": [{"code": "vital-signs"}]},
                {"codes": [{**VITAL, "code": "exam"}]},
            ],
            value=quantity("bpm", UCUM, "/min"),
        ),
        [
            profile(
                "category", NO_CATEGORY, f'add {json.dumps(CATEGORY[0])} to "category"'
            )
        ],
    ),
    # Units that are spelt otherwise.
    *(
        (
            vital("8867-4", value=medtech(spelling)),
            [wants("heartrate", "/min", ucum("/min"), "value.unit")],
        )
        for spelling in ("count/min", "bpm", "beats/min", "/min", "{beats}/min")
    ),
    *(
        (
            vital("8867-4", value=quantity("bpm", UCUM, spelling)),
            [wants("heartrate", f"/min, not {spelling}", ucum("/min"))],
        )
        for spelling in ("bpm", "beats/min", "{beats}/min")
    ),
    (
        vital("9279-1", value=medtech("breaths/minute")),
        [wants("resprate", "/min", ucum("/min"), "value.unit")],
    ),
    (
        vital("8310-5", value=quantity("degC", UCUM, "degC")),
        [wants("bodytemp", "Cel or [degF], not degC", ucum("Cel"))],
    ),
    (
        vital("8310-5", value=medtech("°F")),
        [wants("bodytemp", "Cel or [degF]", ucum("[degF]"), "value.unit")],
    ),
    (
        vital("29463-7", value=medtech("lbs")),
        [wants("bodyweight", "kg, g or [lb_av]", ucum("[lb_av]"), "value.unit")],
    ),
    (
        vital("2708-6", "59408-5", value=medtech("%")),
        [wants("oxygensat", "%", ucum("%"), "value.unit")],
    ),
    (
        vital("39156-5", value=medtech("kg/m²")),
        [wants("bmi", "kg/m2", ucum("kg/m2"), "value.unit")],
    ),
    (
        vital("9843-4", value=medtech("inches")),
        [wants("headcircum", "cm or [in_i]", ucum("[in_i]"), "value.unit")],
    ),
    # No unit at all; no unit for people; another system.
    (
        vital("8867-4", value=quantity(system=None)),
        [
            wants(
                "heartrate",
                "/min",
                f'write "unit": "/min", "system": "{UCUM}", "code": "/min"',
                "value",
            )
        ],
    ),
    (
        vital("8310-5", value=quantity(None, UCUM, "Cel")),
        [
            profile(
                "value",
                "R4's profile bodytemp wants a unit for people as well",
                'add "unit": "°C"',
            )
        ],
    ),
    (
        vital("8867-4", value=quantity("bpm", "https://ucum.org", "/min")),
        [
            profile(
                "value.system",
                "R4's profile heartrate wants codes of UCUM",
                f'write "system": "{UCUM}"',
            )
        ],
    ),
    # Units to convert.
    *(
        (
            vital("8302-2", value=quantity(name, UCUM, name, "height")),
            [
                wants(
                    "bodyheight",
                    f"cm or [in_i], not {name}",
                    f'write "unit": "cm", "system": "{UCUM}", "code": "cm", and convert'
                    f" in the device mapping, as by {by}",
                )
            ],
        )
        for name, by in (
            ("m", "multiply(matchedToken.height, `100`)"),
            ("mm", "divide(matchedToken.height, `10`)"),
        )
    ),
    (
        vital("29463-7", value=medtech("stones")),
        [
            wants(
                "bodyweight",
                "kg, g or [lb_av]",
                f'write "unit": "lb", "system": "{UCUM}", "code": "[lb_av]", and'
                " convert in the device mapping, as by multiply(matchedToken.v, `14`)",
                "value.unit",
            )
        ],
    ),
    (
        vital("8867-4", value=quantity("Hz", UCUM, "Hz")),
        [
            wants(
                "heartrate",
                "/min, not Hz",
                f'write "unit": "/min", "system": "{UCUM}", "code": "/min", and convert'
                " to it in the device mapping",
            )
        ],
    ),
    # Second codings.
    (
        vital("59408-5", value=quantity("%", UCUM, "%")),
        [
            profile(
                "codes.0.code",
                "R4's profile oxygensat wants 2708-6 beside 59408-5",
                f"add {coding('2708-6', 'Oxygen saturation in Arterial blood')} to"
                ' "codes"',
            )
        ],
    ),
    (
        vital("40443-4", value=quantity("bpm", UCUM, "/min")),
        [
            profile(
                "codes.0.code",
                "R4's profile heartrate wants 8867-4 beside 40443-4",
                f'add {HEART_RATE} to "codes"',
            )
        ],
    ),
    (
        vital("2708-6", value=quantity("%", UCUM, "%")),
        [
            profile(
                "codes.0.code",
                "a pulse oximeter's saturation is 59408-5 as well as 2708-6",
                "add "
                + coding(
                    "59408-5", "Oxygen saturation in Arterial blood by Pulse oximetry"
                )
                + ' to "codes"',
            )
        ],
    ),
    # Values of another kind, and none.
    (
        vital("8867-4", periodInterval=60, value=grid("count/min", "hr")),
        [
            profile(
                "value.valueType",
                "R4's profile heartrate wants a Quantity, not a SampledData",
                'write "value": '
                + json.dumps(quantity("count/min", UCUM, "/min", "hr"))
                + ': one Observation per reading; with "aggregate": "mean" in it one'
                " per period",
            )
        ],
    ),
    (
        vital("29463-7", value=grid("stone")),
        [
            profile(
                "value.valueType",
                "R4's profile bodyweight wants a Quantity, not a SampledData",
                'write "value": '
                + json.dumps(quantity("kg", UCUM, "kg"))
                + ": one Observation per reading",
            )
        ],
    ),
    *(
        (
            vital("8867-4", value=value),
            [
                profile(
                    "value.valueType",
                    f"R4's profile heartrate wants a Quantity, not a {kind}",
                    f'write "value": {json.dumps(quantity("/min", UCUM, "/min"))}',
                )
            ],
        )
        for kind, value in (
            ("String", {"valueName": "v", "valueType": "String"}),
            (
                "CodeableConcept",
                {
                    "valueName": "v",
                    "valueType": "CodeableConcept",
                    "codes": [{"code": "x"}],
                },
            ),
        )
    ),
    (
        vital("8867-4"),
        [
            profile(
                "codes.0.code",
                "R4's profile heartrate wants a value",
                'add "value": '
                + json.dumps(quantity("/min", UCUM, "/min", "t"))
                + ", with the name that the device mapping has",
            )
        ],
    ),
    # Blood pressure.
    (
        pressure(sys=medtech("mmHg"), dia=quantity("mmHg", UCUM, "mmHg")),
        [
            wants("bp", "mm[Hg]", ucum("mm[Hg]"), "components.0.value.unit"),
            wants("bp", "mm[Hg], not mmHg", ucum("mm[Hg]"), "components.1.value.code"),
        ],
    ),
    (
        pressure("55284-4"),
        [
            profile(
                "codes.0.code",
                "R4's profile bp wants the code 85354-9",
                f'add {PANEL} to "codes"',
            )
        ],
    ),
    (
        {**pressure("x"), "category": None},
        [
            profile("codes", NO_CATEGORY, ADD_CATEGORY),
            profile(
                "codes",
                "R4's profile bp wants the code 85354-9",
                f'add {PANEL} to "codes"',
            ),
        ],
    ),
    (
        vital("85354-9", components=pressure()["components"][:1]),
        [
            profile(
                "components",
                "R4's profile bp wants a component 8462-4, too",
                f'add {half(DIASTOLIC, "diastolic")} to "components"',
            )
        ],
    ),
    (
        vital("85354-9"),
        [
            profile(
                "codes",
                "R4's profile bp wants components 8480-6 and 8462-4",
                'add "components":'
                f" [{half(SYSTOLIC, 'systolic')}, {half(DIASTOLIC, 'diastolic')}]",
            )
        ],
    ),
    (
        pressure(periodInterval=60, dia=grid("mmHg")),
        [
            profile(
                "components.1.value.valueType",
                "R4's profile bp wants a Quantity, not a SampledData",
                'write "value": '
                + json.dumps(quantity("mmHg", UCUM, "mm[Hg]", "dia"))
                + ': one Observation per reading; with "aggregate": "mean" in it one'
                " per period",
            )
        ],
    ),
    # Codes of the wrong half, or of the pulse.
    *(
        (
            vital(
                "85354-9",
                components=[
                    part(given, {**PRESSURE, "valueName": name}),
                    part("8480-6", {**PRESSURE, "valueName": "s"}),
                ],
            ),
            [
                code(
                    "components.0.codes.0.code",
                    f"{given} is {what}, and [{name}] is Diastolic blood pressure,"
                    " 8462-4",
                    'write "code": "8462-4"',
                )
            ],
        )
        for given, what, name in (
            ("8867-4", "Heart rate", "diastolic"),
            ("8867-4", "Heart rate", "bp_dia"),
            ("8867-4", "Heart rate", "BloodPressureDiastolic"),
            ("8867-4", "Heart rate", "value2"),
            ("8480-6", "Systolic blood pressure", "DBP"),
        )
    ),
    (
        vital(
            "85354-9",
            components=[
                part("8462-4", {**PRESSURE, "valueName": "systolic"}),
                part("8480-6", {**PRESSURE, "valueName": "diastolic"}),
            ],
        ),
        [
            code(
                "components.0.codes.0.code",
                "8462-4 is Diastolic blood pressure, and [systolic] is Systolic blood"
                " pressure, 8480-6",
                'write "code": "8480-6"',
            ),
            code(
                "components.1.codes.0.code",
                "8480-6 is Systolic blood pressure, and [diastolic] is Diastolic blood"
                " pressure, 8462-4",
                'write "code": "8462-4"',
            ),
        ],
    ),
    # Components.
    (
        vital(
            "2708-6",
            "59408-5",
            value=quantity("%", UCUM, "%"),
            components=[part("8889-8", quantity("bpm", None, "bpm"))],
        ),
        [
            profile(
                "components.0.value.code",
                "R4 knows no component of a vital sign in bpm",
                ucum("/min"),
            )
        ],
    ),
    # Units in general.
    (
        other("x", value=quantity("mmHg", UCUM, "mmHg")),
        [unit("value.code", "mmHg is no code of UCUM", 'write "code": "mm[Hg]"')],
    ),
    (
        other("x", value=quantity("steps", UCUM, "count")),
        [unit("value.code", "count is no code of UCUM", 'write "code": "{count}"')],
    ),
    (
        other("x", value=quantity("steps", UCUM, "")),
        [unit("value.code", "an empty code is no unit", 'write "code": "{steps}"')],
    ),
    (
        other("x", value=medtech("mg/dL")),
        [
            unit(
                "value.unit",
                "[v] has a unit for people, mg/dL, and no code",
                f'add "system": "{UCUM}", "code": "mg/dL"',
            )
        ],
    ),
    (
        other("x", components=[part("y", quantity("Seconds"))]),
        [
            unit(
                "components.0.value.unit",
                "[v] has a unit for people, Seconds, and no code",
                f'add "system": "{UCUM}", "code": "s"',
            )
        ],
    ),
    *(
        (
            other("x", value=quantity("kg", system, "kg")),
            [
                unit(
                    "value.system",
                    f"the system of UCUM is {UCUM}",
                    f'write "system": "{UCUM}"',
                )
            ],
        )
        for system in (
            "https://unitsofmeasure.org",
            "http://unitsofmeasure.org/",
            "urn:oid:2.16.840.1.113883.6.8",
        )
    ),
    # Codes whose unit is another one.
    *(
        (
            other(given, value=quantity(sent, UCUM, sent)),
            [
                code(
                    "codes.0.code",
                    f"{given} is in {its}, and the unit is {sent}: that is {right}",
                    f'write "code": "{right}"',
                )
            ],
        )
        for given, its, sent, right in (
            ("41653-7", "mg/dL", "mmol/L", "14743-9"),
            ("14743-9", "mmol/L", "mg/dL", "41653-7"),
            ("99504-3", "mg/dL", "mmol/l", "105272-9"),
            ("15074-8", "mmol/L", "mg/dl", "2339-0"),
            ("60842-2", "mL/min", "mL/(kg.min)", "94122-9"),
            ("60842-2", "mL/min", "mL/kg/min", "94122-9"),
            ("94122-9", "mL/(kg.min)", "mL/min", "60842-2"),
        )
    ),
    *(
        (
            {**other(given, value=quantity("ms", UCUM, "ms", name)), "typeName": kind},
            [
                code(
                    "codes.0.code",
                    f"{given} is the heart rate variability SDNN, and [{name}] is"
                    " RMSSD, for which LOINC has no code",
                    'write a code of your own: "system": "https://example.org/codes",'
                    ' "code": "hrv-rmssd"',
                )
            ],
        )
        for given, kind, name in (
            ("80404-7", "hrv", "dailyRmssd"),
            ("112429-6", "hrv_RMSSD", "v"),
        )
    ),
    # Ranges.
    (
        vital(
            "8310-5",
            value=quantity("C", UCUM, "Cel", validRange={"low": 90, "high": 110}),
        ),
        [
            unit(
                "value.validRange",
                "a validRange of 90 to 110 Cel has no number that 8310-5 can be: 25 to"
                " 45",
                'this looks like [degF]: write "code": "[degF]", or a range in Cel, and'
                " convert to it in the device mapping",
            )
        ],
    ),
]

OTHERWISE = [
    *(
        (
            other("x", value=value),
            [
                unit(
                    "value.unit",
                    "an empty unit makes an invalid Observation: FHIR has no empty"
                    " texts",
                    'remove "unit"',
                )
            ],
        )
        for value in (medtech(""), quantity(" ", UCUM, "kg"), grid(""))
    ),
    (
        vital("8480-6", value=medtech("mmHg")),
        [
            profile(
                "codes.0.code",
                "8480-6 is part of a blood pressure: R4 has both halves in one"
                " Observation",
                'write one template for both, in both mappings: 85354-9 in "codes",'
                ' 8480-6 and 8462-4 in "components"',
            ),
            wants("bp", "mm[Hg]", ucum("mm[Hg]"), "value.unit"),
        ],
    ),
    (
        vital("8867-4", value=medtech("mmHg", "diastolic")),
        [
            code(
                "codes.0.code",
                "8867-4 is Heart rate, and [diastolic] is Diastolic blood pressure,"
                " 8462-4",
                'write "code": "8462-4"',
            ),
            unit(
                "value.unit",
                "[diastolic] has a unit for people, mmHg, and no code",
                f'add "system": "{UCUM}", "code": "mm[Hg]"',
            ),
        ],
    ),
    (
        vital("85353-1", value=quantity("bpm", UCUM, "/min")),
        [
            profile(
                "codes.0.code",
                "85353-1 has no value of its own: it names its members, as hasMember",
                "give each vital sign a template of its own, and remove this code",
            )
        ],
    ),
    (
        vital(
            "8867-4",
            value=quantity("bpm", UCUM, "/min"),
            components=pressure()["components"][:1],
        ),
        [
            profile(
                "components.0",
                "a blood pressure is an Observation of its own, no part of 8867-4",
                "make it a type of its own, in both mappings",
            )
        ],
    ),
    (
        vital(
            "2708-6",
            "59408-5",
            value=quantity("%", UCUM, "%"),
            components=[
                part("x", quantity("L/min", UCUM, "L/min")),
                part("y", medtech("bpm")),
                part("z", quantity(system=None)),
            ],
        ),
        [
            profile(
                "components.0.value.code",
                "R4 knows no component of a vital sign in L/min",
                "make it a type of its own, in both mappings",
            ),
            unit(
                "components.1.value.unit",
                "[v] has a unit for people, bpm, and no code",
                f'add "system": "{UCUM}", "code": "/min"',
            ),
        ],
    ),
    (
        other("x", value=quantity("y", UCUM, "!")),
        [unit("value.code", "! is no code of UCUM", "see https://ucum.org/ucum")],
    ),
    # Meters are known of a height, but R4 has none.
    (
        vital(
            "8302-2",
            value=quantity("cm", UCUM, "cm", validRange={"low": 1.2, "high": 2.3}),
        ),
        [
            unit(
                "value.validRange",
                "a validRange of 1.2 to 2.3 cm has no number that 8302-2 can be: 20 to"
                " 272",
                "this looks like m: write a range in cm, and convert to it in the"
                " device mapping",
            )
        ],
    ),
    (
        vital(
            "2708-6",
            "59408-5",
            value=quantity("%", UCUM, "%", validRange={"high": 1}),
        ),
        [
            unit(
                "value.validRange",
                "a validRange of at most 1 % has no number that 2708-6 can be: 50 to"
                " 100",
                "write a range in %, and convert to it in the device mapping",
            )
        ],
    ),
]

FINE = [
    vital("8867-4", value=BEATS),
    vital("8867-4", "40443-4", value=quantity("bpm", UCUM, "/min")),
    vital(
        "8867-4", category=[{"text": "x"}, *CATEGORY], value=quantity("b", UCUM, "/min")
    ),
    vital("2708-6", "59408-5", value=quantity("%", UCUM, "%")),
    # Of blood gases.
    vital("2708-6", "51733-4", value=quantity("%", UCUM, "%")),
    vital("8302-2", value=quantity("in", UCUM, "[in_i]")),
    vital("8310-5", value=quantity("C", UCUM, "Cel", validRange={"low": 45})),
    vital(
        "8310-5", value=quantity("C", UCUM, "Cel", validRange={"low": 30, "high": 50})
    ),
    vital("8478-0", value=PRESSURE),
    vital("8867-4", components=[part("8867-4", quantity("bpm", UCUM, "/min", "hr"))]),
    pressure(),
    # A pulse beside a blood pressure, and names that merely look alike.
    {
        **pressure(),
        "components": [
            *pressure()["components"],
            part("8867-4", quantity("bpm", UCUM, "/min", "pulse")),
            part("8867-4", quantity("bpm", UCUM, "/min", "cardiacRate")),
        ],
    },
    *(
        vital("8867-4", value=quantity("bpm", UCUM, "/min", name))
        for name in ("medianRate", "radialPulse", "system", "diagnosis")
    ),
    # Without its system a code is warned of when the file is read.
    vital("8867-4", value=quantity("bpm", None, "/min")),
    other("55423-8", value=quantity("steps", UCUM, "{steps}")),
    other("55423-8", value=medtech("count")),
    other("x", value=quantity("points", "urn:x", "points")),
    other("x", value=grid("count")),
    other("41653-7", value=quantity("mg/dL", UCUM, "mg/dL")),
    other("94122-9", value=quantity("mL/kg/min", UCUM, "mL/(kg.min)")),
    other("60842-2", value=quantity("mL/min", UCUM, "mL/min")),
    other("80404-7", value=quantity("ms", UCUM, "ms", "sdnn")),
    other("x", value=quantity("C", UCUM, "Cel", validRange={"low": 900})),
    other("x"),
]


def text_of(*templates):
    containers = [
        {"templateType": "CodeValueFhir", "template": template}
        for template in templates
    ]
    document = {"templateType": "CollectionFhir", "template": containers}
    return json.dumps(document, indent=1, ensure_ascii=False)


def found_in(text, rules=USUAL):
    mapping, findings = load_fhir_mapping(text, "f.json", rules)
    assert findings.errors == []
    known = len(findings.problems)
    check_observations(mapping, findings)
    return findings.problems[known:]


def node_at(node, path):
    for key in path.split("."):
        held = node.value
        node = held.get(key).node if isinstance(held, Members) else held[int(key)]
    return node


def problems(text, expected):
    template = node_at(parse(text), "template.0.template")
    for path, name, message, suggestion in expected:
        node = node_at(template, path)
        place = node.line, node.column
        yield Problem("warning", name, "f.json", *place, message, suggestion)


def placed(found):
    return sorted(found, key=lambda one: (one.line, one.column, one.message))


@pytest.mark.parametrize("rules", [USUAL, MEDTECH], ids=["usual", "medtech"])
@pytest.mark.parametrize(("template", "expected"), [*MENDED_BY_WRITING, *OTHERWISE])
def test_findings(template, expected, rules):
    text = text_of(template)
    assert placed(found_in(text, rules)) == placed(problems(text, expected))


@pytest.mark.parametrize("template", FINE)
def test_what_is_fine_has_no_finding(template):
    assert found_in(text_of(template)) == []


@pytest.mark.parametrize(("template", "expected"), MENDED_BY_WRITING)
def test_writing_what_is_suggested_mends_it(template, expected):
    document = json.loads(text_of(template))
    for _each in expected:
        text = json.dumps(document, indent=1)
        first = found_in(text)[0]
        mend(document, parse(text), first)
        left = found_in(json.dumps(document, indent=1))
        assert (first.code, first.message) not in [(o.code, o.message) for o in left]
    assert found_in(json.dumps(document)) == []


def mend(document, root, problem):
    """Writes into a document what a finding of its text suggests."""
    template = document["template"][0]["template"]
    path = next(p for p, node in walk(root) if place_of(node) == place_of(problem))
    hint = problem.suggestion
    if target := re.fullmatch(r'add (\{.*\}) to "(\w+)"', hint):
        template[target[2]] += json.loads(f"[{target[1]}]")
        return
    members = written(hint[hint.index('"') :])
    objects = [template]
    for key in path[3:]:
        objects.append(objects[-1][key])
    # The innermost object around the place; a range is one, but not what is meant.
    around = [held for held in objects if isinstance(held, dict) and "low" not in held]
    if members.keys() & {"category", "components"} or hint.startswith('add "value"'):
        around = around[:1]
    elif "value" in members:
        around = around[:-1]
    around[-1].update(members)


def written(text):
    """The members at the head of a text: `"code": "s", ...`."""
    decoder, members, at = json.JSONDecoder(), {}, 0
    while True:
        key, end = decoder.raw_decode(text, at)
        members[key], at = decoder.raw_decode(text, end + 2)
        if not text.startswith(', "', at):
            return members
        at += 2


def place_of(thing):
    return thing.line, thing.column


def walk(node, path=()):
    yield path, node
    if isinstance(node.value, Members):
        for member in node.value:
            yield from walk(member.node, (*path, member.name))
    elif isinstance(node.value, tuple):
        for index, item in enumerate(node.value):
            yield from walk(item, (*path, index))


@hypothesis.given(st.data())
def test_any_template_is_judged_without_failing(data):
    def some(*values):
        return data.draw(st.sampled_from(values))

    codes = [code for profile in PROFILES for code in (profile.code, *profile.others)]

    def value():
        name, text = (
            some("v", "dia", "sys", "pulse", "rmssd"),
            some("mmHg", "", "!", "m"),
        )
        limits = some({}, {"validRange": {"low": 0}}, {"validRange": {"high": 0}})
        given = quantity(text, some(UCUM, None, "x"), some("/min", "x", "", None), name)
        return some(given | limits, grid(text, name), None)

    parts = [
        part(some("x", *codes), held)
        for held in (value() for _each in range(some(0, 1, 2, 3)))
        if held is not None
    ]
    chosen = [some("x", "8478-0", *codes) for _each in range(some(0, 1, 2))]
    template = {**some(vital(), other()), "codes": loinc(*chosen)}
    for found in found_in(text_of({**template, "value": value(), "components": parts})):
        assert found.suggestion


def test_a_file_in_the_manner_of_medtechs_samples():
    """Diastolic coded as heart rate, units that are no codes, and no category."""
    heart_rate = other("8867-4", value=grid("count/min", "hr"), periodInterval=60)
    temperature = other("8310-5", value=medtech("degC", "temp"))
    blood_pressure = other(
        "85354-9",
        components=[
            part("8867-4", medtech("mmHg", "diastolic")),
            part("8480-6", medtech("mmHg", "systolic")),
        ],
    )
    named = [
        {**template, "typeName": name}
        for name, template in (
            ("heartrate", heart_rate),
            ("bodytemperature", temperature),
            ("bloodpressure", blood_pressure),
        )
    ]
    found = [(one.code, one.message) for one in found_in(text_of(*named))]
    category = "VitalSignsProfile", NO_CATEGORY
    assert found == [
        category,
        (
            "VitalSignsProfile",
            "R4's profile heartrate wants a Quantity, not a SampledData",
        ),
        category,
        (
            "VitalSignsProfile",
            "R4's profile bodytemp wants the UCUM code Cel or [degF]",
        ),
        (
            "LoincCode",
            "8867-4 is Heart rate, and [diastolic] is Diastolic blood pressure, 8462-4",
        ),
        category,
        ("VitalSignsProfile", "R4's profile bp wants the UCUM code mm[Hg]"),
        ("VitalSignsProfile", "R4's profile bp wants the UCUM code mm[Hg]"),
    ]


def test_a_template_with_an_error_is_judged_when_it_is_mended():
    broken = {**vital("8867-4", value=medtech("bpm")), "valu": 1}
    mapping, findings = load_fhir_mapping(
        text_of(broken, {**vital("9279-1", value=medtech("bpm")), "typeName": "u"}),
        "f.json",
    )
    check_observations(mapping, findings)
    assert [one.message for one in findings.problems] == [
        "Could not find member 'valu' on object of type 'CodeValueFhirTemplate'",
        "R4's profile resprate wants the UCUM code /min",
    ]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"templateType": "CollectionFhir"}'])
def test_a_file_without_templates_has_none_to_judge(text):
    mapping, findings = load_fhir_mapping(text, "f.json")
    known = list(findings.problems)
    check_observations(mapping, findings)
    assert findings.problems == known


def test_keys_match_in_any_case_and_nulls_do_not_count():
    text = """
{ templatetype: 'CollectionFhir', TEMPLATE: [{
  TemplateType: "CodeValueFhir", Template: { TypeName: "hr",
  Codes: [null, { Code: "8867-4", System: "http://loinc.org" }],
  Category: [{ Codes: [{
    system: "http://terminology.hl7.org/CodeSystem/observation-category",
    code: "vital-signs" }] }],
  Components: [null], Value: { ValueName: "v", ValueType: "quantity",
    Unit:        "bpm" }
} }] }"""
    (found,) = found_in(text)
    assert found == Problem(
        "warning",
        "VitalSignsProfile",
        "f.json",
        9,
        18,
        "R4's profile heartrate wants the UCUM code /min",
        ucum("/min"),
    )
