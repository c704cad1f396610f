"""The value[x] of an Observation or component, from the readings it stands for.

Numbers are written with the digits that were sent: FHIR decimals keep their precision
(https://hl7.org/fhir/R4/datatypes.html#decimal).
"""

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any, NamedTuple

import orjson

from transforms.conversions import json_number
from transforms.fhir_template import (
    Coding,
    ConceptValue,
    FhirValue,
    QuantityValue,
    SampledDataValue,
    StringValue,
)
from transforms.sampled_data import encode


class Reading(NamedTuple):
    """A row of the measurement table, as far as an Observation needs it."""

    observation_id: str
    patient_id: str
    device_id: str
    encounter_id: str | None
    type: str
    value_name: str | None
    occurred_at: int
    utc_offset_minutes: int
    value: float | None
    value_text: str | None
    ingested_at: int | None


class Rendered(NamedTuple):
    """A value, for the resource and for the table."""

    json: str
    """What stands in the resource."""
    number: float | None
    text: str | None


Render = Callable[[list[Reading], int, int], Rendered]
"""(readings in time order, start of the period, its end) to the rendered value."""


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


def element_of(value: FhirValue) -> str:
    """The name of the value[x] element."""
    return _ELEMENTS[type(value)]


_ELEMENTS = {
    QuantityValue: "valueQuantity",
    SampledDataValue: "valueSampledData",
    StringValue: "valueString",
    ConceptValue: "valueCodeableConcept",
}


def unit_of(value: FhirValue) -> str | None:
    """The unit for tables: the UCUM code if the template has one, else the text."""
    if isinstance(value, QuantityValue):
        return value.code or value.unit
    return value.unit if isinstance(value, SampledDataValue) else None


def renderer(value: FhirValue) -> Render:
    """Compiles a template's value into the function that renders readings."""
    if isinstance(value, QuantityValue):
        return _quantity(value)
    if isinstance(value, SampledDataValue):
        return _sampled_data(value)
    if isinstance(value, ConceptValue):
        return _concept(value)
    return _string


def to_json(document: Any) -> str:
    """A document as compact JSON text."""
    return orjson.dumps(document).decode()


def _quantity(value: QuantityValue) -> Render:
    constant = without_none(unit=value.unit, system=value.system, code=value.code)
    tail = f",{to_json(constant)[1:]}" if constant else "}"

    def render(readings: list[Reading], _start: int, _end: int) -> Rendered:
        last = readings[-1]
        number = json_number(last.value_text or "")
        if number is None:
            # Group lets only numbers pass; the store was written by something else.
            msg = "the store holds a Quantity that is no number"
            raise ValueError(msg)
        return Rendered(f'{{"value":{number}{tail}', last.value, last.value_text)

    return render


def _sampled_data(value: SampledDataValue) -> Render:
    origin = to_json({"value": 0, **without_none(unit=value.unit)})
    period = format((Decimal(value.period) / 1000).normalize(), "f")
    head = f'{{"origin":{origin},"period":{period},"dimensions":1,"data":"'

    def render(readings: list[Reading], start: int, end: int) -> Rendered:
        samples = ((reading.occurred_at, _token(reading)) for reading in readings)
        grid = encode(samples, start, end, value.period)
        return Rendered(f'{head}{grid}"}}', None, grid)

    return render


def _token(reading: Reading) -> str:
    text = reading.value_text or ""
    return json_number(text) or text.strip()


def _string(readings: list[Reading], _start: int, _end: int) -> Rendered:
    text = readings[-1].value_text
    return Rendered(to_json(text), readings[-1].value, text)


def _concept(value: ConceptValue) -> Render:
    content = to_json(concept(value.text, value.codings))
    named = (coding.display or coding.code for coding in value.codings)
    text = value.text or next((name for name in named if name), None)

    def render(_readings: list[Reading], _start: int, _end: int) -> Rendered:
        return Rendered(content, None, text)

    return render
