"""Whether a number lies in the range of its value.

A number far outside is hardly that of a patient: it has another unit than the mapping
says, as 98.6 in degrees Celsius. The range is the mapping's (`validRange`), or, for who
asks for it, what is plausible of its code and unit.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from math import inf

from transforms.conversions import json_number
from transforms.errors import ImplausibleValueError
from transforms.fhir_template import (
    Coding,
    FhirTemplate,
    FhirValue,
    QuantityValue,
    Range,
    SampledDataValue,
)
from transforms.observation_value import unit_of
from transforms.plausible import plausible_range
from transforms.rules import AS_SENT, Rules
from transforms.ucum import UCUM
from transforms.value_check import Check


def in_range(
    check: Check, template: FhirTemplate, name: str | None, rules: Rules
) -> Check:
    """A check of values that also holds numbers to their range.

    A name that stands for several values is held to all of their ranges.

    Args:
        check: of the values; it stays as it is where they have no range.
        template: of the values.
        name: of the values.
        rules: whether ranges count, and which.
    """
    if rules.units == AS_SENT:
        return check
    for value, codings in _named(template, name):
        limits = value.valid_range
        if limits is not None:
            check = _judging(check, limits, unit_of(value), _WIDEN)
        elif rules.units is not None:
            limits = plausible_range(codings, _ucum(value))
            if limits is not None:
                check = _judging(check, limits, unit_of(value), _STATE)
    return check


_Numeric = QuantityValue | SampledDataValue


def _named(
    template: FhirTemplate, name: str | None
) -> Iterator[tuple[_Numeric, Sequence[Coding]]]:
    every: list[tuple[FhirValue | None, Sequence[Coding]]] = [
        (template.value, template.codings),
        *((component.value, component.codings) for component in template.components),
    ]
    for value, codings in every:
        if isinstance(value, _Numeric) and value.value_name == name:
            yield value, codings


def _ucum(value: _Numeric) -> str | None:
    if isinstance(value, QuantityValue):
        return value.code if value.system == UCUM else None
    return value.unit  # SampledData has no other


_WIDEN = "if the number is right, widen validRange"
_STATE = "if the number is right, state a validRange in the FHIR mapping"


def _judging(check: Check, limits: Range, unit: str | None, otherwise: str) -> Check:
    low = -inf if limits.low is None else float(limits.low)
    high = inf if limits.high is None else float(limits.high)
    bounds = [f"{bound:f}" for bound in limits if bound is not None]  # 100 % is usual
    within = f"{limits} {unit}" if unit else f"{limits}"
    hint = (
        "check the unit that the device sends, and convert it in the device mapping;"
        f" {otherwise}, or run with another --unit_policy"
    )

    def judge(name: str, text: str) -> float | None:
        number = check(name, text)
        if number is None or low < number < high or text in bounds:
            return number
        # Rounding keeps order, so only at a bound doubles cannot tell.
        if low <= number <= high and _is_in(limits, text):
            return number
        msg = f"The value [{name}] is outside of its range, {within}"
        raise ImplausibleValueError(msg, hint)

    return judge


def _is_in(limits: Range, text: str) -> bool:
    number = json_number(text)
    return number is not None and limits.holds(Decimal(number))
