"""Codes of something else than what the value is: common mistakes under LOINC codes.

What a LOINC code means, and its unit, says https://loinc.org, e.g.
https://loinc.org/8867-4.
"""

import re
from collections.abc import Sequence

from transforms import observation_value
from transforms.fhir_template import FhirValue
from transforms.located_template import Located, Measured
from transforms.mapping_reader import Findings
from transforms.unit_names import meant, without_annotations
from transforms.vital_profiles import (
    DIASTOLIC,
    DISPLAYS,
    HEART_RATE,
    SYSTOLIC,
    coding_of,
)

LOINC_CODE = "LoincCode"

_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
_DIASTOLIC = re.compile(r"dia|dbp|diastol.*")
_SYSTOLIC = re.compile(r"sys|sbp|systol.*")
_PULSE = re.compile(r"bpm|heart.*|hr|pr|pulse.*|rate")

_SDNN = {"80404-7", "112429-6"}

_OF_GLUCOSE = (
    ("41653-7", "14743-9"),  # capillary blood, by glucometer
    ("2339-0", "15074-8"),  # blood
    ("2345-7", "14749-6"),  # serum or plasma
    ("99504-3", "105272-9"),  # interstitial fluid
)
_BY_UNIT = (
    *((mass, "mmol/l", moles, "mg/dL") for mass, moles in _OF_GLUCOSE),
    *((moles, "mg/dl", mass, "mmol/L") for mass, moles in _OF_GLUCOSE),
    *(
        ("60842-2", per_kg, "94122-9", "mL/min")
        for per_kg in ("ml/(kg.min)", "ml/kg/min", "ml/min/kg")
    ),
    ("94122-9", "ml/min", "60842-2", "mL/(kg.min)"),
    ("94122-9", "l/min", "60842-2", "mL/(kg.min)"),
)
"""A code, a unit in lower case that it does not have, the code that has it, and the
unit of the first code: glucose as mass or moles, oxygen consumption as such or per
body weight."""


def check_codes(one: Located, findings: Findings) -> None:
    """Warns of codes that the names or units of their values belie."""
    for measured in one.every:
        found = wrong_code(measured, one.components)
        if found is not None:
            _warn_of_name(measured, *found, findings)
        _check_unit(measured, findings)
        _check_variability(one, measured, findings)


def wrong_code(
    measured: Measured, components: Sequence[Measured]
) -> tuple[int, str] | None:
    """Which coding of a blood pressure is another one's, and the right code.

    In the sample files of the Azure MedTech service diastolic has the code of the
    heart rate: https://github.com/microsoft/iomt-fhir/tree/main/sample/templates

    Args:
        measured: an Observation's own value, or a component.
        components: all components of the Observation.
    """
    if measured.value is None:
        return None
    for right, pattern in ((DIASTOLIC, _DIASTOLIC), (SYSTOLIC, _SYSTOLIC)):
        if _is_named(measured, pattern) and not _has(measured, right):
            others = {HEART_RATE, SYSTOLIC, DIASTOLIC} - {right}
            index = coding_of(measured.codings, others)
            return None if index is None else (index, right)
    index = coding_of(measured.codings, {HEART_RATE})
    if index is None or _is_named(measured, _PULSE):
        return None
    beside = [part for part in components if part is not measured]
    is_half = len(components) == 2 and len(beside) == 1 and _has(beside[0], SYSTOLIC)
    return (index, DIASTOLIC) if is_half else None


def _has(measured: Measured, code: str) -> bool:
    return coding_of(measured.codings, {code}) is not None


def _is_named(measured: Measured, pattern: re.Pattern[str]) -> bool:
    """Whether a value's name has such a word: `bp_dia`, `DiastolicPressure`."""
    name = measured.value.value_name if measured.value is not None else ""
    return any(pattern.fullmatch(word.lower()) for word in _WORDS.findall(name))


def _warn_of_name(
    measured: Measured, index: int, right: str, findings: Findings
) -> None:
    name = measured.value.value_name if measured.value is not None else ""
    code = measured.codings[index].code or ""
    msg = f"{code} is {DISPLAYS[code]}, and [{name}] is {DISPLAYS[right]}, {right}"
    hint = f'write "code": "{right}"'
    findings.warning(measured.coding_at(index), msg, hint, LOINC_CODE)


def _check_unit(measured: Measured, findings: Findings) -> None:
    unit = unit_of(measured.value)
    for code, other_unit, right, its_unit in _BY_UNIT:
        index = coding_of(measured.codings, {code})
        if index is None or unit is None or unit.lower() != other_unit:
            continue
        msg = f"{code} is in {its_unit}, and the unit is {unit}: that is {right}"
        hint = f'write "code": "{right}"'
        findings.warning(measured.coding_at(index), msg, hint, LOINC_CODE)


def unit_of(value: FhirValue | None) -> str | None:
    """The code of UCUM that a value has or seems to have, without annotations."""
    text = None if value is None else observation_value.unit_of(value)
    code = None if text is None else meant(text)
    return None if code is None else without_annotations(code)


def _check_variability(one: Located, measured: Measured, findings: Findings) -> None:
    index = coding_of(measured.codings, _SDNN)
    if index is None or measured.value is None:
        return
    names = (
        measured.value.value_name,
        measured.codings[index].display or "",
        one.template.type_name if measured is one.own else "",
    )
    if not any("rmssd" in name.lower() for name in names):
        return
    msg = (
        f"{measured.codings[index].code} is the heart rate variability SDNN, and"
        f" [{measured.value.value_name}] is RMSSD, for which LOINC has no code"
    )
    hint = (
        'write a code of your own: "system": "https://example.org/codes",'
        ' "code": "hrv-rmssd"'
    )
    findings.warning(measured.coding_at(index), msg, hint, LOINC_CODE)
