"""Vital signs: the codes that R4 holds to a profile of their own.

Invariant vs-1 of these profiles wants `effectiveDateTime`: HL7's validator refuses an
`effectivePeriod` under any of the codes, whether or not `meta.profile` names a profile.
https://hl7.org/fhir/R4/observation-vitalsigns.html
"""

from collections.abc import Iterable

from transforms.fhir_template import Coding

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


def is_vital_sign(codings: Iterable[Coding]) -> bool:
    """Whether R4's vital-signs profiles hold for an Observation with these codings."""
    return any(
        coding.system == LOINC and coding.code in VITAL_SIGNS for coding in codings
    )
