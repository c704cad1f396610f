"""Vital signs: the codes that R4 holds to a profile of their own.

Invariant vs-1 of these profiles wants `effectiveDateTime`: HL7's validator refuses an
`effectivePeriod` under any of the codes, whether or not `meta.profile` names a profile.
Invariant vs-2 wants a value, components, or a `dataAbsentReason`.
https://hl7.org/fhir/R4/observation-vitalsigns.html

A blood pressure panel has a systolic and a diastolic component, each with a value or a
`dataAbsentReason`: https://hl7.org/fhir/R4/bp.html
"""

from collections.abc import Iterable

from transforms.fhir_template import Coding, FhirTemplate, SampledDataValue
from transforms.rules import Rules

LOINC = "http://loinc.org"

VITAL_SIGNS = frozenset(
    {
        "85353-1",  # vital signs panel
        "9279-1",  # respiratory rate
        "8867-4",  # heart rate
        "2708-6",  # oxygen saturation
        "8310-5",  # body temperature
        "8302-2",  # body height
        "9843-4",  # head circumference
        "29463-7",  # body weight
        "39156-5",  # body mass index
        "85354-9",  # blood pressure panel
        "8480-6",  # systolic blood pressure
        "8462-4",  # diastolic blood pressure
        "8478-0",  # mean blood pressure
    }
)
"""LOINC codes of https://hl7.org/fhir/R4/valueset-observation-vitalsignresult.html."""


BLOOD_PRESSURE = "85354-9"

_HALVES = ("8480-6", "8462-4")
"""Systolic and diastolic."""


def is_vital_sign(codings: Iterable[Coding]) -> bool:
    """Whether R4's vital-signs profiles hold for an Observation with these codings."""
    return any(
        coding.system == LOINC and coding.code in VITAL_SIGNS for coding in codings
    )


def is_dated(template: FhirTemplate, rules: Rules) -> bool:
    """Whether the start of a period or session stands for it, as vs-1 wants it.

    A grid of SampledData keeps its period: it is no vital sign in any case, and the end
    says how long it is.

    Args:
        template: the type's FHIR template.
        rules: with `medtech` all that is not aggregated keeps its period.
    """
    if not is_vital_sign(template.codings):
        return False
    sampled = any(isinstance(value, SampledDataValue) for value in template.values)
    return template.aggregates or not (rules.medtech or sampled)


def wanted_components(template: FhirTemplate) -> dict[int, frozenset[str]]:
    """The components of a template without which it makes no blood pressure.

    Returns:
        The index of the first component of each half that the template has, and the
        names of all values that the half may be: where several components have its
        code, one that is there will do.
    """
    wanted: dict[int, frozenset[str]] = {}
    if not _has_code(template.codings, BLOOD_PRESSURE):
        return wanted
    for half in _HALVES:
        names = {
            index: component.value.value_name
            for index, component in enumerate(template.components)
            if _has_code(component.codings, half)
        }
        if names:
            wanted[min(names)] = frozenset(names.values())
    return wanted


def _has_code(codings: Iterable[Coding], code: str) -> bool:
    return any(coding.system == LOINC and coding.code == code for coding in codings)
