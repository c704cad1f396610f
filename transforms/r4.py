"""Whether a FHIR mapping makes valid resources, judged before anything runs.

Each mould is filled with sample readings of every shape (plain, flagged, an interval, a
civil date, several in a period) and read back through the models of fhir.resources
(R4B; for the elements used here its JSON is that of R4 4.0.1).
"""

from collections.abc import Iterator
from typing import Any

from transforms.errors import Problem
from transforms.fhir_mapping import FhirMapping
from transforms.fhir_periods import takes_one
from transforms.fhir_template import FhirTemplate, QuantityValue, SampledDataValue
from transforms.observation import Mould, observation_id
from transforms.observation_value import Reading
from transforms.rules import USUAL, Rules


def sample_observation(template: FhirTemplate, rules: Rules = USUAL) -> bytes:
    """An Observation with every value of a template, as JSON."""
    return Mould(template, template.type_name, "sample", rules).fill(
        _readings(template)
    )[0]


def sample_observations(template: FhirTemplate, rules: Rules) -> Iterator[bytes]:
    """Observations of every shape that readings can give a template."""
    mould = Mould(template, template.type_name, "sample", rules)
    compared = [
        reading._replace(flag="<")
        if _is_number(template, reading.value_name)
        else reading
        for reading in _readings(template)
    ]
    shapes = [
        _readings(template),
        compared,
        _readings(template, flag="unknown", value=None, value_text=None),
        _readings(template, ended_at=60_000_000, record_id="sample"),
        _readings(template, utc_offset_minutes=None),
    ]
    alone = rules.medtech and any(map(takes_one, template.values))
    if template.period_minutes and not alone:
        # So soon that the finest grid can hold both.
        later = {"occurred_at": 100_000, "occurred_tick": 5, "value_text": "2"}
        shapes.append(_readings(template) + _readings(template, **later))
    return (mould.fill(readings)[0] for readings in shapes)


def _readings(template: FhirTemplate, **fields: Any) -> list[Reading]:
    """One reading of each value, or the event itself."""
    names = dict.fromkeys(value.value_name for value in template.values)
    sample = Reading(
        observation_id=observation_id(template.type_name),
        patient_id="sample-patient",
        device_id="sample-device",
        encounter_id="sample-encounter",
        correlation_id="sample-correlation",
        record_id=None,
        type=template.type_name,
        value_name=None,
        occurred_at=0,
        occurred_tick=0,
        ended_at=None,
        utc_offset_minutes=0,
        value=1.0,
        value_text="1",
        flag=None,
        ingested_at=0,
    )._replace(**fields)
    return [sample._replace(value_name=name) for name in names or (None,)]


def _is_number(template: FhirTemplate, name: str | None) -> bool:
    return all(
        isinstance(value, (QuantityValue, SampledDataValue))
        for value in template.values
        if value.value_name == name
    )


def invalid_templates(mapping: FhirMapping) -> Iterator[Problem]:
    """An error for each way in which a template's Observations are not valid FHIR."""
    # Importing takes half a second, which only launches and checks should pay.
    from fhir.resources.R4B.observation import Observation
    from pydantic import ValidationError

    for template in mapping.templates.values():
        found: dict[str, None] = {}
        for sample in sample_observations(template, mapping.rules):
            try:
                Observation.model_validate_json(sample)
            except ValidationError as failure:
                for error in failure.errors(include_url=False, include_input=False):
                    path = ".".join(str(part) for part in error["loc"])
                    found[f"{path}: {error['msg']}"] = None
        for message in found:
            yield Problem(
                "error",
                "FhirDataMappingException",
                mapping.file,
                *template.position,
                f"Observations of type [{template.type_name}] would not be valid"
                f" FHIR R4: {message}",
                "correct the codes, category or unit of the template",
            )
