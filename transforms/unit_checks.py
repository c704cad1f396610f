"""Units that are no codes of UCUM, that have none, or that a range belies."""

from transforms.code_checks import unit_of
from transforms.fhir_template import QuantityValue, Range, SampledDataValue
from transforms.located_template import Located, Measured, node_of
from transforms.mapping_reader import Findings
from transforms.plausible import PLAUSIBLE, plausible_range
from transforms.ucum import UCUM, is_ucum
from transforms.unit_names import meant, nearest
from transforms.vital_profiles import profile_of

UNIT_OF_MEASURE = "UnitOfMeasure"

_OTHER_NAMES = {
    "unitsofmeasure.org",
    "www.unitsofmeasure.org",
    "ucum.org",
    "urn:oid:2.16.840.1.113883.6.8",
}


def check_units(one: Located, held: frozenset[int], findings: Findings) -> None:
    """Warns of units that programs cannot read, and of ranges in another unit.

    Args:
        one: the template.
        held: which of its values a profile of R4 holds to its units; these are judged
            by it. 0: the Observation's own, 1: that of the first component, ...
        findings: where warnings go.
    """
    for number, measured in enumerate(one.every):
        value = measured.value
        if not isinstance(value, (QuantityValue, SampledDataValue)):
            continue
        if number not in held:
            _check_unit(measured, value, findings)
        if value.valid_range is not None:
            _check_range(measured, value.valid_range, findings)


def _check_unit(
    measured: Measured, value: QuantityValue | SampledDataValue, findings: Findings
) -> None:
    if value.unit is not None and not value.unit.strip():
        msg = "an empty unit makes an invalid Observation: FHIR has no empty texts"
        place = node_of(measured.value_node, "unit")
        findings.warning(place, msg, 'remove "unit"', UNIT_OF_MEASURE)
    if isinstance(value, QuantityValue):
        _check_quantity(measured, value, findings)


def _check_quantity(
    measured: Measured, value: QuantityValue, findings: Findings
) -> None:
    code, system = value.code, (value.system or "").strip()
    if _is_another_name(system):
        msg = f"the system of UCUM is {UCUM}"
        place = node_of(measured.value_node, "system")
        findings.warning(place, msg, f'write "system": "{UCUM}"', UNIT_OF_MEASURE)
        system = UCUM
    if system == UCUM and code is not None and not is_ucum(code):
        msg = f"{code} is no code of UCUM" if code else "an empty code is no unit"
        near = nearest(code) or nearest(value.unit or "")
        hint = f'write "code": "{near}"' if near else "see https://ucum.org/ucum"
        place = node_of(measured.value_node, "code")
        findings.warning(place, msg, hint, UNIT_OF_MEASURE)
    elif code is None and system in ("", UCUM):
        known = meant(value.unit or "")
        if known is None:
            return
        msg = f"[{value.value_name}] has a unit for people, {value.unit}, and no code"
        hint = f'add "system": "{UCUM}", "code": "{known}"'
        place = node_of(measured.value_node, "unit")
        findings.warning(place, msg, hint, UNIT_OF_MEASURE)


def _is_another_name(system: str) -> bool:
    plain = system.lower().removeprefix("https://").removeprefix("http://")
    return system != UCUM and plain.rstrip("/") in _OTHER_NAMES


def _check_range(measured: Measured, given: Range, findings: Findings) -> None:
    unit = unit_of(measured.value)
    usual = plausible_range(measured.codings, unit)
    if usual is None or _overlap(given, usual):
        return
    codes = [coding.code for coding in measured.codings]
    code = next(code for code in codes if (code or "", unit or "") in PLAUSIBLE)
    msg = f"a validRange of {given} {unit} has no number that {code} can be: {usual}"
    others = (
        other
        for (known, other), range_of in PLAUSIBLE.items()
        if known == code and _overlap(given, range_of)
    )
    hint = _of_range(measured, unit, next(others, None))
    place = node_of(measured.value_node, "validRange")
    findings.warning(place, msg, hint, UNIT_OF_MEASURE)


def _of_range(measured: Measured, unit: str | None, other: str | None) -> str:
    hint = f"write a range in {unit}, and convert to it in the device mapping"
    if other is None:
        return hint
    profile = profile_of(measured.codings)
    if profile is not None and other not in profile[0].units:
        return f"this looks like {other}: {hint}"
    key = "code" if isinstance(measured.value, QuantityValue) else "unit"
    return f'this looks like {other}: write "{key}": "{other}", or {hint[6:]}'


def _overlap(one: Range, other: Range) -> bool:
    low = max((each for each in (one.low, other.low) if each is not None), default=None)
    highs = [each for each in (one.high, other.high) if each is not None]
    return low is None or not highs or low <= min(highs)
