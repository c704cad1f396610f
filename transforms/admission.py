"""What a measurement must satisfy before it may become an Observation.

The whole measurement goes or stays: half a blood pressure would mislead.
"""

from collections.abc import Callable
from typing import NamedTuple

from transforms.conversions import json_number
from transforms.errors import (
    FhirDataMappingError,
    InvalidQuantityFhirValueError,
    RecordError,
    TemplateNotFoundError,
)
from transforms.fhir_mapping import FhirMapping
from transforms.fhir_template import (
    Coding,
    FhirTemplate,
    FhirValue,
    QuantityValue,
    SampledDataValue,
)
from transforms.model import Measurement
from transforms.observation_value import unit_of
from transforms.readings import ReadingKind
from transforms.sampled_data import TOKENS

Check = Callable[[str, str], float | None]
"""(value name, text) to the number it is, or None; raises what makes it a letter."""


class Admitted(NamedTuple):
    """A measurement's readings and where they belong in time."""

    values: list[tuple[int, float | None, str | None]]
    """Index of the kind, number and text of each reading."""
    period_minutes: int
    slot_minutes: int


class _Plan(NamedTuple):
    """What is known of a type before any measurement comes."""

    template: FhirTemplate
    period_minutes: int
    slot_minutes: int
    kinds: dict[str | None, tuple[int, Check]]


class Admission:
    """Checks measurements against the FHIR mapping.

    Args:
        mapping: the compiled FHIR mapping.
    """

    def __init__(self, mapping: FhirMapping) -> None:
        self._mapping = mapping
        self._plans: dict[str, _Plan] = {}
        self.kinds: list[ReadingKind] = []
        """The kinds of readings admitted so far; `Admitted.values` points here."""

    def location(self, type_name: str) -> str | None:
        """File and line of the FHIR template of a type, if it has one."""
        template = self._mapping.template(type_name)
        return None if template is None else template.location

    def admit(self, measurement: Measurement) -> Admitted:
        """Checks a measurement and names its readings.

        A blank optional value counts as absent; of several values of one name the
        first counts. A measurement without any value is
        one reading without a value: the event itself.

        Raises:
            TemplateNotFoundError: the FHIR mapping does not know the type.
            InvalidQuantityFhirValueError: a Quantity is no number.
            FhirDataMappingError: a value does not fit its FHIR type.
        """
        plan = self._plans.get(measurement.type) or self._plan(measurement.type)
        kinds = plan.kinds
        values: list[tuple[int, float | None, str | None]] = []
        found = measurement.values
        if len(found) > 1 and len(dict(found)) < len(found):
            found = tuple(dict(reversed(found)).items())
        for name, text in found:
            known = kinds.get(name) or self._kind(plan, measurement.type, name)
            if text and not text.isspace():
                values.append((known[0], known[1](name, text), text))
        if not values:
            known = kinds.get(None) or self._kind(plan, measurement.type, None)
            values.append((known[0], None, None))
        return Admitted(values, plan.period_minutes, plan.slot_minutes)

    def _plan(self, type_name: str) -> _Plan:
        template = self._mapping.template(type_name)
        if template is None:
            msg = f"No FHIR template for type [{type_name}]"
            hint = f'add a CodeValueFhir template with "typeName": "{type_name}"'
            raise TemplateNotFoundError(msg, hint)
        minutes = template.period_minutes
        plan = _Plan(template, minutes, 1440 if minutes > 60 else 60, {})
        self._plans[type_name] = plan
        return plan

    def _kind(self, plan: _Plan, type_name: str, name: str | None) -> tuple[int, Check]:
        codings, value = _find(plan.template, name)
        first = codings[0] if codings else Coding(None, None, None)
        kind = ReadingKind(
            type_name,
            name,
            first.system,
            first.code,
            first.display,
            None if value is None else unit_of(value),
        )
        self.kinds.append(kind)
        plan.kinds[name] = found = (len(self.kinds) - 1, _check(value))
        return found


def _find(
    template: FhirTemplate, name: str | None
) -> tuple[tuple[Coding, ...], FhirValue | None]:
    """Codes and FHIR value of a value name; names are case-sensitive."""
    if template.value is not None and template.value.value_name == name:
        return template.codings, template.value
    for component in template.components:
        if component.value.value_name == name:
            return component.codings, component.value
    return (template.codings if name is None else ()), None


def _number_or_none(_name: str, text: str) -> float | None:
    number = json_number(text)
    return None if number is None else float(number)


def _check(value: FhirValue | None) -> Check:
    if isinstance(value, QuantityValue):
        return _quantity
    return _sample if isinstance(value, SampledDataValue) else _number_or_none


def _quantity(name: str, text: str) -> float:
    number = json_number(text)
    if number is None:
        raise _no_number(name, InvalidQuantityFhirValueError)
    return float(number)


def _sample(name: str, text: str) -> float | None:
    number = json_number(text)
    if number is not None:
        return float(number)
    if text.strip() in TOKENS:
        return None
    raise _no_number(name, FhirDataMappingError)


def _no_number(name: str, kind: type[RecordError]) -> RecordError:
    return kind(
        f"The value [{name}] is not a finite decimal number",
        "have the device send a number, or convert it in the device mapping, or map the"
        " value as String",
    )
