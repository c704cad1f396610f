"""Whether a template makes the vital sign that its codes say it makes.

All findings are warnings: what R4's profiles of vital signs want is more than what
makes a valid Observation, and files of the Azure MedTech service run as they are.
https://hl7.org/fhir/R4/observation-vitalsigns.html
"""

import json
from collections.abc import Iterator

from transforms.blood_pressure_checks import check_blood_pressure, halves
from transforms.code_checks import check_codes, wrong_code
from transforms.fhir_mapping import FhirMapping
from transforms.fhir_template import Concept
from transforms.located_json import Node
from transforms.located_template import Located, Measured, located, node_of
from transforms.mapping_reader import Findings
from transforms.unit_checks import check_units
from transforms.value_checks import (
    VITAL_SIGNS_PROFILE,
    check_component,
    check_value,
    quantity,
)
from transforms.vital_profiles import (
    BY_PULSE_OXIMETER,
    OXYGEN,
    PANEL,
    Profile,
    add_coding,
    coding_of,
    profile_of,
    vital_coding,
)
from transforms.vital_signs import LOINC

_CATEGORIES = "http://terminology.hl7.org/CodeSystem/observation-category"


def check_observations(mapping: FhirMapping, findings: Findings) -> None:
    """Warns of what a mapping's Observations lack to be what their codes say.

    Args:
        mapping: the templates without error.
        findings: those of the same file; where warnings go.
    """
    if findings.root is None:
        return
    for one in located(mapping, findings.root):
        check_codes(one, findings)
        held = _check_vital_sign(one, findings)
        check_units(one, held, findings)


def _check_vital_sign(one: Located, findings: Findings) -> frozenset[int]:
    """Returns which values a profile holds to its units, as `check_units` has it."""
    own = one.own
    if wrong_code(own, one.components) is not None:
        return frozenset()  # what it is will be known when its code is
    vital, found = vital_coding(own.codings), profile_of(own.codings)
    is_pressure = found is None and bool(halves(one))
    if vital is not None or is_pressure:
        place = own.codes if vital is None else own.coding_at(vital)
        _check_category(one, place, findings)
    if is_pressure or (found is not None and found[0].name == "bp"):
        return check_blood_pressure(one, findings)
    if found is None:
        return frozenset()
    profile, index = found
    if profile.code == PANEL:
        msg = f"{PANEL} has no value of its own: it names its members, as hasMember"
        hint = "give each vital sign a template of its own, and remove this code"
        findings.warning(own.coding_at(index), msg, hint, VITAL_SIGNS_PROFILE)
        return frozenset()
    _check_codings(one, profile, own.coding_at(index), findings)
    if own.value is None and not one.components:
        _warn_of_no_value(one, profile, own.coding_at(index), findings)
    lasts = one.template.period_interval != 0
    check_value(own, profile, findings, lasts=lasts)
    return frozenset({0, *_held_components(one, profile, findings)})


def _held_components(
    one: Located, profile: Profile, findings: Findings
) -> Iterator[int]:
    pressures = halves(one)
    for index, component in enumerate(one.components):
        if index in pressures:
            _warn_of_pressure(component, profile, findings)
        elif check_component(component, findings):
            yield index + 1


def _check_category(one: Located, place: Node, findings: Findings) -> None:
    category = one.template.category
    if any(_is_vital(concept) for concept in category):
        return
    node = node_of(one.own.node, "category")
    coded = {"system": _CATEGORIES, "code": "vital-signs"}
    msg = "a vital sign has the category vital-signs"
    if category and node is not one.own.node:
        hint = f'add {json.dumps({"codes": [coded]})} to "category"'
        findings.warning(node, msg, hint, VITAL_SIGNS_PROFILE)
        return
    hint = f'add "category": {json.dumps([{"codes": [coded]}])}'
    findings.warning(place, msg, hint, VITAL_SIGNS_PROFILE)


def _is_vital(concept: Concept) -> bool:
    return any(
        coding.system == _CATEGORIES and coding.code == "vital-signs"
        for coding in concept.codings
    )


def _check_codings(
    one: Located, profile: Profile, place: Node, findings: Findings
) -> None:
    codings = one.own.codings
    known = [coding.code for coding in codings if coding.system == LOINC]
    if profile.code not in known:
        given = next(code for code in known if code in profile.others)
        msg = f"R4's profile {profile.name} wants {profile.code} beside {given}"
        findings.warning(place, msg, add_coding(profile.code), VITAL_SIGNS_PROFILE)
    elif profile.code == OXYGEN and coding_of(codings, profile.others) is None:
        # http://hl7.org/fhir/us/core/StructureDefinition/us-core-pulse-oximetry
        msg = (
            f"a pulse oximeter's saturation is {BY_PULSE_OXIMETER} as well as {OXYGEN}"
        )
        hint = add_coding(BY_PULSE_OXIMETER)
        findings.warning(place, msg, hint, VITAL_SIGNS_PROFILE)


def _warn_of_pressure(
    component: Measured, profile: Profile, findings: Findings
) -> None:
    msg = f"a blood pressure is an Observation of its own, no part of {profile.code}"
    hint = "make it a type of its own, in both mappings"
    findings.warning(component.node, msg, hint, VITAL_SIGNS_PROFILE)


def _warn_of_no_value(
    one: Located, profile: Profile, place: Node, findings: Findings
) -> None:
    msg = f"R4's profile {profile.name} wants a value"
    value = quantity(one.template.type_name, profile.units[0])
    hint = f'add "value": {value}, with the name that the device mapping has'
    findings.warning(place, msg, hint, VITAL_SIGNS_PROFILE)
