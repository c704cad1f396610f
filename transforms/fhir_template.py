"""What one `CodeValueFhir` template says, checked and in Python's words."""

import dataclasses
from typing import NamedTuple


class Coding(NamedTuple):
    """One code of a code system; absent members are None."""

    code: str | None
    system: str | None
    display: str | None


class Concept(NamedTuple):
    """One entry of a template's `category`."""

    text: str | None
    codings: tuple[Coding, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class QuantityValue:
    """A number with its unit."""

    value_name: str
    unit: str | None
    system: str | None
    code: str | None


@dataclasses.dataclass(frozen=True, slots=True)
class SampledDataValue:
    """A grid of numbers over the period."""

    value_name: str
    unit: str | None
    period: int
    """µs per cell."""


@dataclasses.dataclass(frozen=True, slots=True)
class StringValue:
    """Text as it is."""

    value_name: str


@dataclasses.dataclass(frozen=True, slots=True)
class ConceptValue:
    """A fixed concept; that the value is present is what counts."""

    value_name: str
    text: str | None
    codings: tuple[Coding, ...]


FhirValue = QuantityValue | SampledDataValue | StringValue | ConceptValue


class Component(NamedTuple):
    """One component of the Observation."""

    codings: tuple[Coding, ...]
    value: FhirValue


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FhirTemplate:
    """One type of measurement as an Observation."""

    type_name: str
    location: str
    """File and line."""
    period_interval: int
    """Minutes: 0 for an instant, 60, 1440, or a number that divides an hour."""
    codings: tuple[Coding, ...]
    category: tuple[Concept, ...]
    value: FhirValue | None
    components: tuple[Component, ...]

    @property
    def values(self) -> tuple[FhirValue, ...]:
        """The template's own value and those of its components."""
        own = () if self.value is None else (self.value,)
        return (*own, *(component.value for component in self.components))

    @property
    def period_minutes(self) -> int:
        """Length of the period one Observation covers; 0 for one per instant.

        `periodInterval` governs SampledData only; every other value is one Observation
        per instant, as the service's documentation has it
        (https://learn.microsoft.com/azure/healthcare-apis/iot/overview-of-fhir-destination-mapping).
        """
        sampled = any(isinstance(value, SampledDataValue) for value in self.values)
        return self.period_interval if sampled else 0
