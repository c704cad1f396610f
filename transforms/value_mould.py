"""What is constant of one value or component, and which readings it is made of."""

from collections.abc import Collection, Sequence
from typing import Any

from transforms.errors import (
    FhirDataMappingError,
    InvalidQuantityFhirValueError,
    RecordError,
)
from transforms.fhir_periods import takes_one
from transforms.fhir_template import Coding, FhirTemplate, FhirValue, QuantityValue
from transforms.observation_value import (
    UNSENT,
    Reading,
    absent,
    concept,
    renderer,
    surroundings,
    to_json,
    unit_of,
)
from transforms.reading_group import one_per_instant
from transforms.rules import USUAL, Rules
from transforms.vital_signs import is_vital_sign, wanted_components

SERVICE = "https://azure.microsoft.com/en-us/services/iomt-fhir-connector/"
"""MedTech's system of identifiers and service codings: kept, so that ids stay."""

_UNSENT = absent(UNSENT).json


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
        rules: how the files are read where MedTech leaves a choice.
        refuses_several: whether readings of different instants are an error rather
            than that the last one counts.
        wanted: names of values of which one must be there: of none, a component says
            that this one is absent.
    """

    def __init__(
        self,
        value: FhirValue,
        codings: Sequence[Coding] | None,
        rules: Rules = USUAL,
        *,
        refuses_several: bool,
        wanted: frozenset[str] = frozenset(),
    ) -> None:
        self.name = value.value_name
        self.render = renderer(value, rules)
        self.unit = unit_of(value)
        self.around = surroundings(value, rules)
        self.is_component = codings is not None
        self.code = first_code(codings or ())
        self._refuses_several = refuses_several
        self._is_quantity = isinstance(value, QuantityValue)
        self.open = self.close = ""
        if self.is_component:
            code = to_json(code_concept(codings or (), self.name))
            self.open, self.close = f'{{"code":{code},', "}"
        self._wanted = wanted
        self._absent = (f"{self.open}{_UNSENT}{self.close}",) if wanted else ()

    def missing(self, read: Collection[str | None]) -> tuple[str, ...]:
        """The component in JSON that says that this value is absent, if one must.

        Args:
            read: names of all values that have readings; this one is none of them.
        """
        return self._absent if self._wanted.isdisjoint(read) else ()

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
        rules: with `medtech` a Quantity or String of a period refuses a second reading,
            and of half a blood pressure the other half is left out.
    """
    periodic = rules.medtech and template.period_minutes != 0
    halves = {} if rules.medtech else wanted_components(template)

    def mould(
        value: FhirValue,
        codings: Sequence[Coding] | None,
        wanted: frozenset[str] = frozenset(),
    ) -> ValueMould:
        several = periodic and takes_one(value)
        return ValueMould(value, codings, rules, refuses_several=several, wanted=wanted)

    own = [] if template.value is None else [mould(template.value, None)]
    return own + [
        mould(part.value, part.codings, halves.get(index, frozenset()))
        for index, part in enumerate(template.components)
    ]


def without_values(template: FhirTemplate, rules: Rules) -> str:
    """The members in JSON of an Observation that has neither value nor components.

    Invariant vs-2 of vital signs wants to know why.
    """
    silent = rules.medtech or not is_vital_sign(template.codings)
    return "" if silent else f",{_UNSENT}"
