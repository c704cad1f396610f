"""Whether a blood pressure is one Observation of systolic and diastolic.

https://hl7.org/fhir/R4/bp.html
"""

from collections.abc import Iterator

from transforms.code_checks import wrong_code
from transforms.located_template import Located, Measured, node_of
from transforms.mapping_reader import Findings
from transforms.value_checks import (
    VITAL_SIGNS_PROFILE,
    check_component,
    check_value,
    quantity,
)
from transforms.vital_profiles import (
    BP,
    DIASTOLIC,
    SYSTOLIC,
    add_coding,
    coding_of,
    coding_text,
)
from transforms.vital_signs import BLOOD_PRESSURE

_NAMES = {SYSTOLIC: "systolic", DIASTOLIC: "diastolic"}


def halves(one: Located) -> dict[int, str]:
    """The components that are systolic or diastolic, and which of both.

    One that has a wrong code is what its name says.
    """
    found = ((i, _half(part, one)) for i, part in enumerate(one.components))
    return {index: half for index, half in found if half is not None}


def _half(part: Measured, one: Located) -> str | None:
    wrong = wrong_code(part, one.components)
    if wrong is not None:
        return wrong[1]
    index = coding_of(part.codings, _NAMES)
    return None if index is None else part.codings[index].code


def check_blood_pressure(one: Located, findings: Findings) -> frozenset[int]:
    """Warns of what is missing in a blood pressure.

    Returns:
        Which values are held to units of R4, as `check_units` has it.
    """
    own = one.own
    alone = coding_of(own.codings, BP.others)
    if own.value is not None and not one.components and alone is not None:
        msg = (
            f"{own.codings[alone].code} is part of a blood pressure: R4 has both halves"
            " in one Observation"
        )
        hint = (
            f"write one template for both, in both mappings: {BLOOD_PRESSURE} in"
            f' "codes", {SYSTOLIC} and {DIASTOLIC} in "components"'
        )
        findings.warning(own.coding_at(alone), msg, hint, VITAL_SIGNS_PROFILE)
        check_value(own, BP, findings, lasts=one.template.period_interval != 0)
        return frozenset({0})
    if coding_of(own.codings, {BLOOD_PRESSURE}) is None:
        msg = f"R4's profile bp wants the code {BLOOD_PRESSURE}"
        place = own.codes if alone is None else own.coding_at(alone)
        findings.warning(place, msg, add_coding(BLOOD_PRESSURE), VITAL_SIGNS_PROFILE)
    _warn_of_missing(one, findings)
    return frozenset(_held_components(one, findings))


def _held_components(one: Located, findings: Findings) -> Iterator[int]:
    found = halves(one)
    lasts = one.template.period_interval != 0
    for index, component in enumerate(one.components):
        if index in found:
            check_value(component, BP, findings, lasts=lasts)
            yield index + 1
        elif check_component(component, findings):
            yield index + 1


def _warn_of_missing(one: Located, findings: Findings) -> None:
    found = halves(one).values()
    missing = [half for half in _NAMES if half not in found]
    if not missing:
        return
    parts = ", ".join(
        f'{{"codes": [{coding_text(half)}],'
        f' "value": {quantity(_NAMES[half], "mm[Hg]")}}}'
        for half in missing
    )
    msg = f"R4's profile bp wants components {SYSTOLIC} and {DIASTOLIC}"
    if len(missing) == 1:
        msg = f"R4's profile bp wants a component {missing[0]}, too"
    hint = f'add "components": [{parts}]'
    if one.components:
        hint = f'add {parts} to "components"'
    place = node_of(one.own.node, "components", "codes")
    findings.warning(place, msg, hint, VITAL_SIGNS_PROFILE)
