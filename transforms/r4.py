"""Whether a FHIR mapping makes valid resources, judged before anything runs.

Each mould is filled once with sample readings and read back through the models of
fhir.resources (R4B; for the elements used here its JSON is that of R4 4.0.1).
"""

from collections.abc import Iterator

from transforms.errors import Problem
from transforms.fhir_mapping import FhirMapping
from transforms.fhir_template import FhirTemplate
from transforms.observation import Mould, observation_id
from transforms.observation_value import Reading


def sample_observation(template: FhirTemplate) -> bytes:
    """An Observation with every value of a template, as JSON."""
    names: list[str | None] = [value.value_name for value in template.values]
    readings = [
        Reading(
            observation_id=observation_id(template.type_name),
            patient_id="sample-patient",
            device_id="sample-device",
            encounter_id="sample-encounter",
            type=template.type_name,
            value_name=name,
            occurred_at=0,
            utc_offset_minutes=0,
            value=1.0,
            value_text="1",
            ingested_at=0,
        )
        for name in names or [None]
    ]
    return Mould(template, template.type_name, "sample").fill(readings)[0]


def invalid_templates(mapping: FhirMapping) -> Iterator[Problem]:
    """An error for each template whose Observations are not valid FHIR."""
    # Importing takes half a second, which only launches and checks should pay.
    from fhir.resources.R4B.observation import Observation
    from pydantic import ValidationError

    for template in mapping.templates.values():
        try:
            Observation.model_validate_json(sample_observation(template))
        except ValidationError as error:
            line = int(template.location.rpartition(":")[2])
            for found in error.errors(include_url=False, include_input=False):
                path = ".".join(str(part) for part in found["loc"])
                yield Problem(
                    "error",
                    "FhirDataMappingException",
                    mapping.file,
                    line,
                    1,
                    f"Observations of type [{template.type_name}] would not be valid"
                    f" FHIR R4: {path}: {found['msg']}",
                    "correct the codes, category or unit of the template",
                )
