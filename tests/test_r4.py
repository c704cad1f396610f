"""What makes a FHIR mapping's Observations invalid is known before the launch."""

import json
from pathlib import Path

import orjson
import pytest

from transforms.errors import Problem
from transforms.fhir_mapping import FhirMapping
from transforms.observation import MAPPING_VERSION, SERVICE, observation_id
from transforms.r4 import invalid_templates, sample_observation

TEMPLATES = Path(__file__).resolve().parents[1] / "templates"
QUANTITY = {"valueType": "Quantity", "valueName": "v"}


def mapping(*templates):
    listed = [
        {
            "templateType": "CodeValueFhir",
            "template": {"typeName": "hr", "codes": [], **template},
        }
        for template in templates
    ]
    document = {"templateType": "CollectionFhir", "template": listed}
    return FhirMapping.from_json(json.dumps(document, indent=1), "f.json")


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
            {"components": [{"codes": [], "value": {**QUANTITY, "code": ""}}]},
            f"component.0.valueQuantity.code: {_CODE}",
        ),
    ],
)
def test_a_template_of_invalid_observations_is_an_error_at_its_line(template, told):
    found = mapping({"typeName": "fine"}, template)
    name = template.get("typeName", "hr")
    line = int(found.templates[name].location.removeprefix("f.json:"))

    assert list(invalid_templates(found)) == [
        Problem(
            "error",
            "FhirDataMappingException",
            "f.json",
            line,
            1,
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
    ],
)
def test_a_template_of_valid_observations_is_no_problem(template):
    assert list(invalid_templates(mapping(template))) == []


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
