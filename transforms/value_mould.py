"""What is constant of one value or component, and which readings it is made of."""

from collections.abc import Sequence
from typing import Any

from transforms.errors import (
    FhirDataMappingError,
    InvalidQuantityFhirValueError,
    RecordError,
)
from transforms.fhir_periods import takes_one
from transforms.fhir_template import Coding, FhirTemplate, FhirValue, QuantityValue
from transforms.observation_value import (
    Reading,
    concept,
    renderer,
    to_json,
    unit_of,
)
from transforms.reading_group import one_per_instant
from transforms.rules import Rules

SERVICE = "https://azure.microsoft.com/en-us/services/iomt-fhir-connector/"
"""MedTech's system of identifiers and service codings: kept, so that ids stay."""


def code_concept(codings: Sequence[Coding], name: str) -> dict[str, Any]:
    """A code as MedTech builds it: text, the template's codings, its own coding."""
    return concept(name, (*codings, Coding(name, SERVICE, name)))


def first_code(codings: Sequence[Coding]) -> tuple[str | None, str | None]:
    """System and code for tables."""
    return (codings[0].system, codings[0].code) if codings else (None, None)


class ValueMould:
    """The Observation's own value, or one component.

    Args:
        value: what the template says of it.
        codings: of the component; None for the Observation's own value.
        refuses_several: whether readings of different instants are an error rather
            than that the last one counts.
    """

    def __init__(
        self,
        value: FhirValue,
        codings: Sequence[Coding] | None,
        *,
        refuses_several: bool,
    ) -> None:
        self.name = value.value_name
        self.render = renderer(value)
        self.unit = unit_of(value)
        self.is_component = codings is not None
        self.code = first_code(codings or ())
        self._refuses_several = refuses_several
        self._is_quantity = isinstance(value, QuantityValue)
        self.open = self.close = ""
        if self.is_component:
            code = to_json(code_concept(codings or (), self.name))
            self.open, self.close = f'{{"code":{code},', "}"

    def choose(self, readings: list[Reading]) -> list[Reading]:
        """Of several readings of this value those that count, one per instant.

        Raises:
            InvalidQuantityFhirValueError: a Quantity has readings of several instants,
                and may have one only.
            FhirDataMappingError: so has a String.
        """
        chosen = one_per_instant(readings)
        if self._refuses_several and len(chosen) > 1:
            raise self._several()
        return chosen

    def _several(self) -> RecordError:
        # How many there are depends on what has arrived so far; the letter must not.
        msg = f"There are several readings of [{self.name}] where exactly one is wanted"
        hint = "set periodInterval to 0, map the value as SampledData"
        if self._is_quantity:
            return InvalidQuantityFhirValueError(msg, f'{hint}, or add "aggregate"')
        return FhirDataMappingError(msg, hint.replace(",", " or", 1))


def value_moulds(template: FhirTemplate, rules: Rules) -> list[ValueMould]:
    """The moulds of a template's value and components.

    Args:
        template: the type's FHIR template.
        rules: with `medtech` a Quantity or String of a period refuses a second reading.
    """
    periodic = rules.medtech and template.period_minutes != 0
    own = () if template.value is None else ((template.value, None),)
    parts = ((part.value, part.codings) for part in template.components)
    return [
        ValueMould(value, codings, refuses_several=periodic and takes_one(value))
        for value, codings in (*own, *parts)
    ]
