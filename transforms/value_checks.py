"""What R4's profiles of vital signs want of a value: a Quantity in one of their units.

https://hl7.org/fhir/R4/observation-vitalsigns.html
"""

import json

from transforms.fhir_template import FhirValue, QuantityValue, SampledDataValue
from transforms.located_template import Measured, node_of
from transforms.mapping_reader import Findings
from transforms.ucum import UCUM
from transforms.unit_names import meant, without_annotations
from transforms.vital_profiles import COMPONENT_UNITS, Profile

VITAL_SIGNS_PROFILE = "VitalSignsProfile"

_CONVERSIONS = {
    ("m", "cm"): "multiply({}, `100`)",
    ("mm", "cm"): "divide({}, `10`)",
    ("[ft_i]", "[in_i]"): "multiply({}, `12`)",
    ("mg", "g"): "divide({}, `1000`)",
    ("[oz_av]", "[lb_av]"): "divide({}, `16`)",
    ("[stone_av]", "[lb_av]"): "multiply({}, `14`)",
    ("K", "Cel"): "subtract({}, `273.15`)",
    ("kPa", "mm[Hg]"): "multiply({}, `7.50062`)",
    ("1", "%"): "multiply({}, `100`)",
}


def quantity(name: str, code: str, unit: str | None = None, **more: str) -> str:
    """The text of a value that a profile allows."""
    value = {
        "valueName": name,
        "valueType": "Quantity",
        "unit": unit or for_people(code),
        "system": UCUM,
        "code": code,
        **more,
    }
    return json.dumps(value, ensure_ascii=False)


def for_people(code: str) -> str:
    """A unit as people write it."""
    return {"mm[Hg]": "mmHg", "Cel": "°C", "[degF]": "°F", "[lb_av]": "lb"}.get(
        code, {"[in_i]": "in", "kg/m2": "kg/m²"}.get(code, code)
    )


def check_value(
    measured: Measured, profile: Profile, findings: Findings, *, lasts: bool
) -> None:
    """Warns of a value that a profile does not allow.

    Args:
        measured: a code and its value.
        profile: what holds for it.
        findings: where warnings go.
        lasts: whether the template has a period.
    """
    value = measured.value
    if isinstance(value, QuantityValue):
        _check_unit(measured, value, profile, findings)
    elif value is not None:
        _warn_of_kind(measured, value, profile, findings, lasts=lasts)


def _warn_of_kind(
    measured: Measured,
    value: FhirValue,
    profile: Profile,
    findings: Findings,
    *,
    lasts: bool,
) -> None:
    node = measured.value_node
    kind = str(node_of(node, "valueType").value)
    unit = value.unit if isinstance(value, SampledDataValue) else None
    code = _allowed(unit, None, profile.units) or profile.units[0]
    # What has another unit has to be converted; its name would be wrong then.
    unit = unit if meant(unit or "") == code else None
    msg = f"R4's profile {profile.name} wants a Quantity, not a {kind}"
    hint = f'write "value": {quantity(value.value_name, code, unit)}'
    if isinstance(value, SampledDataValue):
        hint = f"{hint}: one Observation per reading"
        if lasts:
            hint = f'{hint}; with "aggregate": "mean" in it one per period'
    findings.warning(node_of(node, "valueType"), msg, hint, VITAL_SIGNS_PROFILE)


def _check_unit(
    measured: Measured, value: QuantityValue, profile: Profile, findings: Findings
) -> None:
    node = measured.value_node
    if value.code in profile.units:
        if value.lacks_system:
            return  # each such Quantity is warned of, whatever its code
        if value.system != UCUM:
            msg = f"R4's profile {profile.name} wants codes of UCUM"
            hint = f'write "system": "{UCUM}"'
            place = node_of(node, "system")
            findings.warning(place, msg, hint, VITAL_SIGNS_PROFILE)
        if value.unit is None or not value.unit.strip():
            msg = f"R4's profile {profile.name} wants a unit for people as well"
            hint = f'add "unit": "{for_people(value.code)}"'
            findings.warning(node, msg, hint, VITAL_SIGNS_PROFILE)
        return
    given = f", not {value.code}" if value.code else ""
    msg = f"R4's profile {profile.name} wants the UCUM code {_or(profile.units)}{given}"
    hint = _mended(value, profile.units)
    findings.warning(node_of(node, "code", "unit"), msg, hint, VITAL_SIGNS_PROFILE)


def _mended(value: QuantityValue, units: tuple[str, ...]) -> str:
    """What to write where the code is none of these units."""
    code = _allowed(value.code, value.unit, units)
    if code is not None:
        extra = "" if value.unit else f'"unit": "{for_people(code)}", '
        return f'write {extra}"system": "{UCUM}", "code": "{code}"'
    text = value.code or value.unit or ""
    known = without_annotations(meant(text) or text)
    code, conversion = next(
        (
            (unit, _CONVERSIONS[known, unit])
            for unit in units
            if (known, unit) in _CONVERSIONS
        ),
        (units[0], ""),
    )
    written = (
        f'write "unit": "{for_people(code)}", "system": "{UCUM}", "code": "{code}"'
    )
    if conversion:
        path = conversion.format(f"matchedToken.{value.value_name}")
        return f"{written}, and convert in the device mapping, as by {path}"
    return f"{written}, and convert to it in the device mapping" if text else written


def _allowed(
    code: str | None, unit: str | None, units: tuple[str, ...] | frozenset[str]
) -> str | None:
    """The one of these units that a code or a unit for people means."""
    for text in (code, unit):
        found = without_annotations(meant(text) or "") if text else ""
        if found in units:
            return found
    return None


def _or(codes: tuple[str, ...]) -> str:
    *first, last = codes
    return f"{', '.join(first)} or {last}" if first else last


def check_component(measured: Measured, findings: Findings) -> bool:
    """Warns of a unit that R4 has in no component of a vital sign.

    Returns:
        Whether it has a code, and so was judged.
    """
    value = measured.value
    if not isinstance(value, QuantityValue) or value.code is None:
        return False
    if value.code not in COMPONENT_UNITS:
        msg = f"R4 knows no component of a vital sign in {value.code}"
        code = _allowed(value.code, value.unit, COMPONENT_UNITS)
        hint = "make it a type of its own, in both mappings"
        if code is not None:
            hint = f'write "system": "{UCUM}", "code": "{code}"'
        place = node_of(measured.value_node, "code")
        findings.warning(place, msg, hint, VITAL_SIGNS_PROFILE)
    return True
