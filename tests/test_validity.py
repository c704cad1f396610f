"""Every resource is valid FHIR R4 for HL7's schema and for fhir.resources."""

import json

import pytest
from fhir_r4 import assert_valid
from runs import FLEET, VITAL_MONITOR, resources, run, write_lines

from benchmarks.fleet import generate
from pipeline.mappings import load_mappings
from transforms.fhir_mapping import FhirMapping
from transforms.r4 import invalid_templates, sample_observation

LOINC = {"system": "http://loinc.org", "code": "8867-4"}


def fhir_mapping(**template):
    body = {"typeName": "t", "codes": [LOINC], **template}
    container = {"templateType": "CodeValueFhir", "template": body}
    root = {"templateType": "CollectionFhir", "template": [container]}
    return FhirMapping.from_json(json.dumps(root))


@pytest.mark.parametrize(
    ("mapping", "lines"),
    [
        (VITAL_MONITOR, (VITAL_MONITOR / "messages.ndjson").read_bytes().splitlines()),
        (FLEET, [line.rstrip(b"\n") for line in generate(2_000, seed=5)]),
    ],
    ids=["vital-monitor", "fleet"],
)
def test_every_resource_of_a_run_is_valid(mapping, lines, tmp_path):
    messages = write_lines(tmp_path / "messages.ndjson", lines)
    run(messages, tmp_path / "out", mapping=mapping)
    for resource_type in ("Patient", "Device", "Observation"):
        found = resources(tmp_path / "out", resource_type)
        assert found
        for resource in found.values():
            assert_valid(resource)


QUANTITY = {"valueType": "Quantity", "valueName": "v"}
UCUM = {**QUANTITY, "system": "http://unitsofmeasure.org"}
SAMPLED = {"valueType": "SampledData", "valueName": "s", "defaultPeriod": 1000}
CONCEPT = {"valueType": "CodeableConcept", "valueName": "c", "codes": [LOINC]}


@pytest.mark.parametrize(
    "template",
    [
        {"value": {**QUANTITY, "unit": "/min"}},
        {"value": QUANTITY, "codes": []},
        {"value": {**QUANTITY, "code": "/min"}},
        {"value": {**SAMPLED, "unit": "mV"}},
        {"value": {**SAMPLED, "defaultPeriod": 6.867}, "periodInterval": 60},
        {"value": {"valueType": "String", "valueName": "x"}},
        {"value": {**CONCEPT, "text": "fall"}},
        {"components": [{"codes": [LOINC], "value": QUANTITY}]},
        {"value": QUANTITY, "components": [{"codes": [], "value": CONCEPT}]},
        {"category": [{"text": "vitals", "codes": [LOINC]}], "value": QUANTITY},
        {},
    ],
    ids=lambda template: json.dumps(template)[:60],
)
def test_every_kind_of_template_makes_valid_observations(template):
    (compiled,) = fhir_mapping(**template).templates.values()
    assert_valid(json.loads(sample_observation(compiled)))


@pytest.mark.parametrize(
    ("template", "where"),
    [
        ({"codes": [{"system": "http://loinc.org", "code": " 8867-4"}]}, "code.coding"),
        ({"codes": [{"code": ""}]}, "code.coding"),
        ({"value": {**UCUM, "code": "a  b"}}, "valueQuantity.code"),
        ({"category": [{"text": ""}], "value": QUANTITY}, "category"),
    ],
)
def test_codes_that_cannot_be_valid_stop_the_launch(template, where):
    problems = list(invalid_templates(fhir_mapping(**template)))
    assert problems, "the template was accepted"
    assert all(found.severity == "error" for found in problems)
    assert any(where in found.message for found in problems)


def test_the_launch_is_refused_with_file_and_line(tmp_path):
    body = {"typeName": "t", "codes": [{"code": " x"}]}
    container = {"templateType": "CodeValueFhir", "template": body}
    text = json.dumps(
        {"templateType": "CollectionFhir", "template": [container]}, indent=1
    )
    path = tmp_path / "fhir.json"
    path.write_text(text)
    (found,) = load_mappings(None, path).problems
    assert (found.file, found.line, found.code) == (
        str(path),
        6,
        "FhirDataMappingException",
    )
