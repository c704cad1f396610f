"""What one `CodeValueFhir` template says, checked and in Python's words."""

import dataclasses
from decimal import Decimal
from typing import NamedTuple

Position = tuple[int, int]
"""1-based line and column of what a finding points at."""

CORRELATION = -1
"""The `periodInterval` of one Observation per correlation id."""


class Coding(NamedTuple):
    """One code of a code system; absent members are None."""

    code: str | None
    system: str | None
    display: str | None


class Concept(NamedTuple):
    """One entry of a template's `category`."""

    text: str | None
    codings: tuple[Coding, ...]


class Range(NamedTuple):
    """The numbers that a value may be; both bounds belong to it, None: no bound."""

    low: Decimal | None
    high: Decimal | None

    def holds(self, number: Decimal) -> bool:
        """Whether a number lies within."""
        above = self.low is None or self.low <= number
        return above and (self.high is None or number <= self.high)

    def __str__(self) -> str:
        if self.low is None:
            return f"at most {self.high:f}"
        if self.high is None:
            return f"at least {self.low:f}"
        return f"{self.low:f} to {self.high:f}"


@dataclasses.dataclass(frozen=True, slots=True)
class QuantityValue:
    """A number with its unit."""

    value_name: str
    unit: str | None
    system: str | None
    code: str | None
    aggregate: str | None = None
    """What it is of the readings of a period, e.g. `mean`; None: the reading itself."""
    position: Position = dataclasses.field(default=(1, 1), compare=False)
    valid_range: Range | None = None
    """What each reading must be, as the file says; None: it says nothing."""

    @property
    def lacks_system(self) -> bool:
        """Whether it has a code, and nothing says of which system.

        R4 allows no such Quantity: invariant qty-3,
        https://hl7.org/fhir/R4/datatypes.html#Quantity.
        """
        return self.code is not None and not (self.system or "").strip()


@dataclasses.dataclass(frozen=True, slots=True)
class SampledDataValue:
    """A grid of numbers over the period."""

    value_name: str
    unit: str | None
    period: int
    """µs per cell."""
    position: Position = dataclasses.field(default=(1, 1), compare=False)
    valid_range: Range | None = None
    """What each sample must be, as the file says; None: it says nothing."""


@dataclasses.dataclass(frozen=True, slots=True)
class StringValue:
    """Text as it is."""

    value_name: str
    position: Position = dataclasses.field(default=(1, 1), compare=False)


@dataclasses.dataclass(frozen=True, slots=True)
class ConceptValue:
    """A fixed concept; that the value is present is what counts."""

    value_name: str
    text: str | None
    codings: tuple[Coding, ...]
    position: Position = dataclasses.field(default=(1, 1), compare=False)


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
    position: Position = dataclasses.field(default=(1, 1), compare=False)
    period_interval: int
    """Minutes as the file says: 0 for an instant, 60, 1440, a number that divides an
    hour, or -1 for one Observation per correlation id."""
    period_minutes: int
    """Length of the period that one Observation covers, as decided at load: 0 for one
    per instant, -1 for one per correlation id."""
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
    def aggregates(self) -> bool:
        """Whether a value is a summary of the readings of a period."""
        return any(
            isinstance(value, QuantityValue) and value.aggregate is not None
            for value in self.values
        )
