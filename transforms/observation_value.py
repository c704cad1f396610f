"""The value[x] of an Observation or component, from the readings it stands for.

Numbers are written with the digits that were sent: FHIR decimals keep their precision
(https://hl7.org/fhir/R4/datatypes.html#decimal). A reading whose flag says why there is
no value becomes a `dataAbsentReason`, which never stands beside a value (invariant
obs-6, https://hl7.org/fhir/R4/observation.html#invs).
"""

from collections.abc import Callable, Iterable
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from transforms.aggregate import AGGREGATES, Sample
from transforms.conversions import json_number
from transforms.fhir_template import (
    Coding,
    ConceptValue,
    FhirValue,
    QuantityValue,
    SampledDataValue,
    StringValue,
)
from transforms.flags import COMPARATORS
from transforms.instants import TICKS
from transforms.rules import USUAL, Rules
from transforms.sampled_data import ABOVE, BELOW, EMPTY, write_grid

ABSENT_REASON = "http://terminology.hl7.org/CodeSystem/data-absent-reason"

UNSENT = "unknown"
"""Why there is no value that a profile wants, and that nobody has sent."""


class Reading(NamedTuple):
    """A row of the measurement table, as far as an Observation needs it."""

    observation_id: str
    patient_id: str
    device_id: str
    encounter_id: str | None
    correlation_id: str | None
    record_id: str | None
    type: str
    value_name: str | None
    occurred_at: int
    occurred_tick: int
    ended_at: int | None
    utc_offset_minutes: int | None
    value: float | None
    value_text: str | None
    flag: str | None
    ingested_at: int | None

    @property
    def ticks(self) -> int:
        """When it occurred, in 100 ns since 1970."""
        return self.occurred_at * TICKS + self.occurred_tick


class Rendered(NamedTuple):
    """A value, for the resource and for the table."""

    json: str
    """The member of the resource: `"valueQuantity":…` or `"dataAbsentReason":…`."""
    number: float | None
    text: str | None


Render = Callable[[list[Reading], int, int], Rendered]
"""(readings in time order, first tick of the Observation, its last) to the value."""


def without_none(**members: str | None) -> dict[str, str]:
    """The members that are there."""
    return {name: value for name, value in members.items() if value is not None}


def concept(text: str | None, codings: Iterable[Coding]) -> dict[str, Any]:
    """A CodeableConcept as the template has it."""
    members: dict[str, Any] = without_none(text=text)
    listed = [
        without_none(system=coding.system, code=coding.code, display=coding.display)
        for coding in codings
    ]
    if listed:
        members["coding"] = listed
    return members


def unit_of(value: FhirValue) -> str | None:
    """The unit for tables: the UCUM code if the template has one, else the text."""
    if isinstance(value, QuantityValue):
        return value.code or value.unit
    return value.unit if isinstance(value, SampledDataValue) else None


def renderer(value: FhirValue, rules: Rules = USUAL) -> Render:
    """Compiles a template's value into the function that renders readings.

    Of several readings a Quantity or String is the last.

    Args:
        value: what the template says of it.
        rules: with `medtech` a code without a system is copied, and a grid may be
            longer than R4 allows.
    """
    if isinstance(value, QuantityValue):
        tail = _tail(value, rules)
        aggregate = value.aggregate
        return _quantity(tail) if aggregate is None else _aggregated(aggregate, tail)
    if isinstance(value, SampledDataValue):
        return _sampled_data(value, rules)
    return _concept(value) if isinstance(value, ConceptValue) else _string(value)


def surroundings(value: FhirValue, rules: Rules = USUAL) -> tuple[str, str] | None:
    """What stands around the number of a Quantity, or around the grid of a SampledData.

    Returns:
        JSON text before and after it, where that is the same whatever was read; None
        of other values.
    """
    if isinstance(value, QuantityValue) and value.aggregate is None:
        return _QUANTITY, _tail(value, rules)
    return _around_grid(value) if isinstance(value, SampledDataValue) else None


def to_json(document: Any) -> str:
    """A document as compact JSON text."""
    return orjson.dumps(document).decode()


def is_absent(flag: str | None) -> bool:
    """Whether a flag says that there is no value."""
    return flag is not None and flag not in COMPARATORS


def reason_of(flag: str | None) -> dict[str, Any]:
    """A code of data-absent-reason as `dataAbsentReason` has it."""
    return {"coding": [{"system": ABSENT_REASON, "code": flag}]}


def absent(flag: str | None) -> Rendered:
    """What stands in for a value that is not there; the flag says why."""
    return Rendered(f'"dataAbsentReason":{to_json(reason_of(flag))}', None, None)


@lru_cache(maxsize=16_384)
def number_of(text: str | None) -> str:
    """The number of a Quantity as JSON writes it; most are read again and again."""
    number = json_number(text or "")
    if number is None:
        # Group lets only numbers pass; the store was written by something else.
        msg = "the store holds a Quantity that is no number"
        raise ValueError(msg)
    return number


_QUANTITY = '"valueQuantity":{"value":'


def _tail(value: QuantityValue, rules: Rules) -> str:
    """What follows the number of a Quantity; a code without system is a mere unit."""
    unit, system, code = value.unit, value.system, value.code
    if value.lacks_system and not rules.medtech:
        unit, system, code = code if unit is None else unit, None, None
    constant = without_none(unit=unit, system=system, code=code)
    return f",{to_json(constant)[1:]}" if constant else "}"


def _quantity(tail: str) -> Render:
    def render(readings: list[Reading], _start: int, _last: int) -> Rendered:
        last = readings[-1]
        end = tail
        if last.flag is not None:
            if is_absent(last.flag):
                return absent(last.flag)
            end = f',"comparator":"{last.flag}"{tail}'
        member = f"{_QUANTITY}{number_of(last.value_text)}{end}"
        return Rendered(member, last.value, last.value_text)

    return render


def _aggregated(name: str, tail: str) -> Render:
    aggregate = AGGREGATES[name]

    def render(readings: list[Reading], _start: int, _last: int) -> Rendered:
        samples = [
            Sample(number_of(reading.value_text), reading.flag)
            for reading in readings
            if not is_absent(reading.flag)
        ]
        if not samples:
            return absent(readings[-1].flag)
        text, flag = aggregate(samples)
        comparator = "" if flag is None else f',"comparator":"{flag}"'
        member = f"{_QUANTITY}{text}{comparator}{tail}"
        return Rendered(member, float(text), text)

    return render


def _around_grid(value: SampledDataValue) -> tuple[str, str]:
    origin = to_json({"value": 0, **without_none(unit=value.unit)})
    period = format((Decimal(value.period) / 1000).normalize(), "f")
    head = (
        f'"valueSampledData":{{"origin":{origin},"period":{period},"dimensions":1,'
        '"data":"'
    )
    return head, '"}'


def _sampled_data(value: SampledDataValue, rules: Rules) -> Render:
    head, tail = _around_grid(value)
    cell = value.period * TICKS  # as start and last are
    name, medtech = value.value_name, rules.medtech

    def render(readings: list[Reading], start: int, last: int) -> Rendered:
        samples = [(reading.ticks, sample_token(reading)) for reading in readings]
        grid = write_grid(name, samples, start, last, cell, medtech=medtech)
        return Rendered(f"{head}{grid}{tail}", None, grid)

    return render


_LIMITS = {"<": BELOW, "<=": BELOW, ">=": ABOVE, ">": ABOVE}


def sample_token(reading: Reading) -> str:
    """What stands for a reading in the grid of a SampledData."""
    if reading.flag is not None:
        return _LIMITS.get(reading.flag, EMPTY)
    return token_of(reading.value_text)


@lru_cache(maxsize=16_384)
def token_of(text: str | None) -> str:
    """What stands for a text in the grid of a SampledData."""
    return json_number(text or "") or (text or "").strip()


def _string(_value: StringValue) -> Render:
    def render(readings: list[Reading], _start: int, _last: int) -> Rendered:
        last = readings[-1]
        if last.flag is not None:
            return absent(last.flag)
        text = last.value_text
        return Rendered(f'"valueString":{to_json(text)}', last.value, text)

    return render


def _concept(value: ConceptValue) -> Render:
    content = f'"valueCodeableConcept":{to_json(concept(value.text, value.codings))}'
    named = (coding.display or coding.code for coding in value.codings)
    text = value.text or next((name for name in named if name), None)

    def render(readings: list[Reading], _start: int, _last: int) -> Rendered:
        if all(reading.flag is not None for reading in readings):
            return absent(readings[-1].flag)
        return Rendered(content, None, text)

    return render
