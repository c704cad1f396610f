"""The judges of the tests: HL7's R4 JSON schema and fhir.resources (R4B).

HL7's own validator needs Java, and seconds to start: what these two have judged can be
kept for it. If the environment variable `VITALBEAM_RESOURCES` names a file, each
resource is appended there as a line `{"test": …, "resource": …}`.
"""

import functools
import json
import os
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
    if path := os.environ.get("VITALBEAM_RESOURCES"):
        test = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" ")[0]
        with Path(path).open("a") as file:
            file.write(json.dumps({"test": test, "resource": resource}) + "\n")
