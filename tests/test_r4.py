"""What makes a FHIR mapping's Observations invalid is known before the launch."""

import json
from pathlib import Path

import orjson
import pytest
from fhir_r4 import assert_valid

from transforms.errors import Problem
from transforms.fhir_mapping import FhirMapping
from transforms.observation import MAPPING_VERSION, SERVICE, observation_id
from transforms.r4 import (
    invalid_templates,
    sample_observation,
    sample_observations,
)
from transforms.rules import MEDTECH, USUAL

TEMPLATES = Path(__file__).resolve().parents[1] / "templates"
QUANTITY = {"valueType": "Quantity", "valueName": "v"}
UNCODED = {"system": "http://unitsofmeasure.org", "code": ""}


def mapping(*templates, rules=USUAL):
    listed = [
        {
            "templateType": "CodeValueFhir",
            "template": {"typeName": "hr", "codes": [], **template},
        }
        for template in templates
    ]
    document = {"templateType": "CollectionFhir", "template": listed}
    return FhirMapping.from_json(json.dumps(document, indent=1), "f.json", rules)


_BLANK = "String should match pattern '[ \r\n\t\\S]+'"
_CODE = r"String should match pattern '^[^\s]+(\s[^\s]+)*$'"


@pytest.mark.parametrize(
    ("template", "told"),
    [
        ({"codes": [{"code": " 8867-4"}]}, f"code.coding.0.code: {_CODE}"),
        ({"codes": [{"display": ""}]}, f"code.coding.0.display: {_BLANK}"),
        ({"typeName": "two  blanks"}, f"code.coding.0.code: {_CODE}"),
        ({"category": [{"text": ""}]}, f"category.0.text: {_BLANK}"),
        ({"value": {**QUANTITY, "unit": ""}}, f"valueQuantity.unit: {_BLANK}"),
        (
            {"components": [{"codes": [], "value": {**QUANTITY, **UNCODED}}]},
            f"component.0.valueQuantity.code: {_CODE}",
        ),
        # Without a system a code is but a unit.
        ({"value": {**QUANTITY, "code": ""}}, f"valueQuantity.unit: {_BLANK}"),
    ],
)
def test_a_template_of_invalid_observations_is_an_error_at_its_line(template, told):
    found = mapping({"typeName": "fine"}, template)
    name = template.get("typeName", "hr")
    assert list(invalid_templates(found)) == [
        Problem(
            "error",
            "FhirDataMappingException",
            "f.json",
            *found.templates[name].position,
            f"Observations of type [{name}] would not be valid FHIR R4: {told}",
            "correct the codes, category or unit of the template",
        )
    ]


@pytest.mark.parametrize(
    "template",
    [
        {},
        {"value": QUANTITY},
        {"value": {"valueType": "String", "valueName": "v"}},
        {"value": {"valueType": "SampledData", "valueName": "v", "defaultPeriod": 0.5}},
        {
            "periodInterval": 60,
            "value": {"valueType": "SampledData", "valueName": "v", "defaultPeriod": 9},
        },
        {
            "value": {
                "valueType": "CodeableConcept",
                "valueName": "v",
                "codes": [{"display": "Fall"}],
            }
        },
        {"components": [{"codes": [{"system": "urn:x"}], "value": QUANTITY}]},
        {"periodInterval": 60, "value": {**QUANTITY, "aggregate": "mean"}},
        {
            "codes": [{"system": "http://loinc.org", "code": "8867-4"}],
            "periodInterval": 60,
            "value": {**QUANTITY, "aggregate": "count"},
            "components": [{"codes": [], "value": {**QUANTITY, "valueName": "w"}}],
        },
        {"periodInterval": -1, "value": QUANTITY},
        {"periodInterval": -1},
        {
            "periodInterval": "CorrelationId",
            "value": {"valueType": "SampledData", "valueName": "v", "defaultPeriod": 9},
        },
        {"periodInterval": 60, "value": {"valueType": "String", "valueName": "v"}},
        {
            "periodInterval": -1,
            "value": {
                "valueType": "SampledData",
                "valueName": "v",
                "defaultPeriod": 0.001,
            },
        },
    ],
)
@pytest.mark.parametrize("rules", [USUAL, MEDTECH])
def test_a_template_of_valid_observations_is_no_problem(template, rules):
    found = mapping(template, rules=rules)

    assert list(invalid_templates(found)) == []
    for sample in sample_observations(found.templates["hr"], rules):
        assert_valid(orjson.loads(sample))


def test_samples_have_every_shape_that_readings_can_have():
    text = {"valueType": "String", "valueName": "w"}
    parts = [{"codes": [], "value": text}]
    template = mapping({"value": QUANTITY, "components": parts}).templates["hr"]
    shapes = [orjson.loads(found) for found in sample_observations(template, USUAL)]

    period = {"start": "1970-01-01T00:00:00Z", "end": "1970-01-01T00:01:00Z"}
    assert [
        (
            shape.get("effectiveDateTime") or shape["effectivePeriod"],
            shape.get("valueQuantity"),
            shape["component"][0].get("valueString"),
            len(shape["identifier"]),
        )
        for shape in shapes
    ] == [
        ("1970-01-01T00:00:00Z", {"value": 1}, "1", 1),
        ("1970-01-01T00:00:00Z", {"value": 1, "comparator": "<"}, "1", 1),
        ("1970-01-01T00:00:00Z", None, None, 1),
        (period, {"value": 1}, "1", 2),
        ("1970-01-01", {"value": 1}, "1", 1),
    ]
    absent = (
        shapes[2]["dataAbsentReason"],
        shapes[2]["component"][0]["dataAbsentReason"],
    )
    assert {found["coding"][0]["code"] for found in absent} == {"unknown"}


@pytest.mark.parametrize(
    ("rules", "value", "counts"),
    [
        (USUAL, {**QUANTITY, "aggregate": "count"}, 6),
        (MEDTECH, {**QUANTITY, "aggregate": "count"}, 6),
        (USUAL, QUANTITY, 5),
        (MEDTECH, QUANTITY, 5),
    ],
)
def test_a_period_is_sampled_with_several_readings_where_it_may_have_them(
    rules, value, counts
):
    found = mapping({"periodInterval": 60, "value": value}, rules=rules)
    samples = list(sample_observations(found.templates["hr"], rules))

    assert len(samples) == counts
    if counts == 6:
        assert orjson.loads(samples[-1])["valueQuantity"] == {"value": 2}


def test_a_problem_of_many_shapes_is_told_once():
    bad = {"valueType": "Quantity", "valueName": "v", "unit": "", "aggregate": "mean"}

    found = mapping({"periodInterval": 60, "value": bad})
    assert len(list(invalid_templates(found))) == 1


@pytest.mark.parametrize("path", sorted(TEMPLATES.glob("*/fhir.json")), ids=str)
def test_the_shipped_templates_make_valid_observations(path):
    found = FhirMapping.from_json(path.read_text(), path.name)

    assert list(invalid_templates(found)) == []


def test_a_sample_holds_every_value_of_the_template():
    component = {"codes": [{"code": "c"}], "value": {**QUANTITY, "valueName": "w"}}
    found = mapping({"value": QUANTITY, "components": [component]})
    resource = orjson.loads(sample_observation(found.templates["hr"]))

    own = {"system": SERVICE, "code": "hr", "display": "hr"}
    part = {"system": SERVICE, "code": "w", "display": "w"}
    identifier = "sample-patient.sample-device.hr.19700101000000Z.19700101000000Z"
    assert resource == {
        "resourceType": "Observation",
        "id": observation_id("hr"),
        "meta": {"tag": [{"system": MAPPING_VERSION, "code": "sample"}]},
        "identifier": [{"system": SERVICE, "value": identifier}],
        "status": "final",
        "code": {"text": "hr", "coding": [own]},
        "subject": {"reference": "Patient/sample-patient"},
        "device": {"reference": "Device/sample-device"},
        "encounter": {
            "type": "Encounter",
            "identifier": {"value": "sample-encounter"},
        },
        "effectiveDateTime": "1970-01-01T00:00:00Z",
        "issued": "1970-01-01T00:00:00Z",
        "valueQuantity": {"value": 1},
        "component": [
            {
                "code": {"text": "w", "coding": [{"code": "c"}, part]},
                "valueQuantity": {"value": 1},
            }
        ],
    }
