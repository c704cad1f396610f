"""R4's profiles of vital signs: which codes they are for, and what they want.

https://hl7.org/fhir/R4/observation-vitalsigns.html has them all; each has a page, such
as https://hl7.org/fhir/R4/heartrate.html. HL7's validator holds Observations to them by
more exact LOINC codes, too, whether or not `meta.profile` names one:
https://github.com/hapifhir/org.hl7.fhir.core, `BasePolicyAdvisorForFullValidation`.
"""

import json
from collections.abc import Iterable
from typing import NamedTuple

from transforms.fhir_template import Coding
from transforms.vital_signs import BLOOD_PRESSURE, LOINC, VITAL_SIGNS

PANEL = "85353-1"
"""Of several Observations."""

SYSTOLIC, DIASTOLIC, HEART_RATE = "8480-6", "8462-4", "8867-4"
OXYGEN, BY_PULSE_OXIMETER = "2708-6", "59408-5"

DISPLAYS = {
    "9279-1": "Respiratory rate",
    HEART_RATE: "Heart rate",
    OXYGEN: "Oxygen saturation in Arterial blood",
    BY_PULSE_OXIMETER: "Oxygen saturation in Arterial blood by Pulse oximetry",
    "8310-5": "Body temperature",
    "8302-2": "Body height",
    "9843-4": "Head Occipital-frontal circumference",
    "29463-7": "Body weight",
    "39156-5": "Body mass index (BMI) [Ratio]",
    BLOOD_PRESSURE: "Blood pressure panel with all children optional",
    SYSTOLIC: "Systolic blood pressure",
    DIASTOLIC: "Diastolic blood pressure",
}


class Profile(NamedTuple):
    """One profile."""

    name: str
    """Last part of its address below http://hl7.org/fhir/StructureDefinition/."""
    code: str
    """The LOINC code that one coding must have."""
    units: tuple[str, ...]
    """Codes of UCUM that its Quantity may have; the usual one first."""
    others: frozenset[str]
    """More exact LOINC codes."""


def _profile(name: str, code: str, units: str, others: str = "") -> Profile:
    return Profile(name, code, tuple(units.split()), frozenset(others.split()))


BP = _profile(
    "bp",
    BLOOD_PRESSURE,
    "mm[Hg]",
    # The validator knows systolic alone; R4 itself lists both halves among its codes.
    f"{SYSTOLIC} {DIASTOLIC} 35094-2 55284-4 76534-7 8459-0",
)

PROFILES = (
    # In the order in which the validator looks for a code: the first one counts.
    _profile("vitalspanel", PANEL, ""),
    _profile(
        "resprate",
        "9279-1",
        "/min",
        "11291-2 19840-8 33438-3 76170-0 76171-8 76172-6 76270-8",
    ),
    _profile(
        "heartrate",
        HEART_RATE,
        "/min",
        "11328-2 40443-4 55425-3 60978-4 68999-2 69000-8 73795-7 73799-9 76476-1"
        " 76477-9 8886-4 8889-8 8890-6 8891-4 8892-2 8893-0",
    ),
    _profile(
        "oxygensat",
        OXYGEN,
        "%",
        f"{BY_PULSE_OXIMETER} 19224-5 20564-1 2709-4 2710-2 2713-6 51733-4 59417-6"
        " 89276-0 97549-0",
    ),
    _profile(
        "bodytemp",
        "8310-5",
        "Cel [degF]",
        "60834-9 60835-6 60836-4 60838-0 60955-2 61009-7 75539-7 75987-8 76010-8"
        " 76011-6 76278-1 8309-7 8328-7 8329-5 8330-3 8331-1 8332-9 8333-7 8334-5"
        " 91371-5 98657-0 98663-8",
    ),
    _profile("bodyheight", "8302-2", "cm [in_i]", "3137-7 3138-5 8306-3 8308-9"),
    _profile("headcircum", "9843-4", "cm [in_i]", "8287-5"),
    _profile(
        "bodyweight",
        "29463-7",
        "kg g [lb_av]",
        "3141-9 3142-7 75292-3 79348-9 8350-1 8351-9",
    ),
    _profile("bmi", "39156-5", "kg/m2", "89270-3"),
    BP,
)

COMPONENT_UNITS = frozenset(
    "% cm [in_i] kg g [lb_av] Cel [degF] mm[Hg] /min kg/m2 m2".split()
)
"""What a component of a vital sign may have:
https://hl7.org/fhir/R4/valueset-ucum-vitals-common.html"""


def coding_text(code: str) -> str:
    """A coding as a mapping file has it."""
    coding = {"system": LOINC, "code": code, "display": DISPLAYS[code]}
    return json.dumps(coding)


def add_coding(code: str) -> str:
    """The suggestion to add a coding."""
    return f'add {coding_text(code)} to "codes"'


def coding_of(codings: Iterable[Coding], codes: Iterable[str]) -> int | None:
    """The index of the first coding with one of these LOINC codes."""
    wanted = set(codes)
    for index, coding in enumerate(codings):
        if coding.system == LOINC and coding.code in wanted:
            return index
    return None


def profile_of(codings: Iterable[Coding]) -> tuple[Profile, int] | None:
    """The profile that holds for these codings, and which of them says so."""
    every = tuple(codings)
    for profile in PROFILES:
        index = coding_of(every, {profile.code})
        if index is None:
            index = coding_of(every, profile.others)
        if index is not None:
            return profile, index
    return None


def vital_coding(codings: Iterable[Coding]) -> int | None:
    """The index of the first coding of a vital sign."""
    every = tuple(codings)
    found = profile_of(every)
    return coding_of(every, VITAL_SIGNS) if found is None else found[1]
