"""The judges of the tests: HL7's R4 JSON schema and fhir.resources (R4B)."""

import functools
import json
from pathlib import Path

import jsonschema_rs
from fhir.resources.R4B import get_fhir_model_class

SCHEMA = Path(__file__).parent / "data" / "fhir-r4" / "fhir.schema.json"


@functools.lru_cache
def _validator(resource_type):
    schema = json.loads(SCHEMA.read_text())
    # No test holds contained resources: without these the schema compiles in no time.
    definitions = {**schema["definitions"], "Resource": {}, "ResourceList": {}}
    return jsonschema_rs.validator_for(
        {
            "$schema": schema["$schema"],
            "definitions": definitions,
            "$ref": f"#/definitions/{resource_type}",
        }
    )


def assert_valid(resource):
    """Fails unless a resource (dict) is valid for both judges."""
    resource_type = resource["resourceType"]
    _validator(resource_type).validate(resource)
    get_fhir_model_class(resource_type).model_validate(resource)
