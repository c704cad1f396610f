"""An Observation is a pure function of its readings and its template.

What all Observations of a type share is rendered once, in a mould; per Observation only
ids, times and values are filled in. Structure and ids follow the Azure MedTech service,
so that what is on a server already is updated, not doubled.
R4: https://hl7.org/fhir/R4/observation.html
"""

import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple

from transforms.fhir_template import Coding, FhirTemplate, FhirValue
from transforms.instants import MINUTE, id_segment, iso_instant
from transforms.observation_value import (
    Reading,
    concept,
    element_of,
    renderer,
    to_json,
    unit_of,
)

SERVICE = "https://azure.microsoft.com/en-us/services/iomt-fhir-connector/"
"""MedTech's system of identifiers and service codings: kept, so that ids stay."""

STATUS = "final"
"""Of an instant, and of a period whose run is bounded: all its input was there."""

MAPPING_VERSION = "https://vitalbeam.github.io/fhir/CodeSystem/mapping-version"
"""System of the tag that says which mapping made an Observation."""


class ValueRow(NamedTuple):
    """One row of the observation table: a value or component of an Observation."""

    observation_id: str
    patient_id: str
    device_id: str
    encounter_id: str | None
    type: str
    code_system: str | None
    code: str | None
    component_code_system: str | None
    component_code: str | None
    status: str
    effective_start: int
    effective_end: int
    value: float | None
    value_text: str | None
    unit: str | None
    reading_count: int
    min: float | None
    max: float | None
    mean: float | None
    issued: int
    mapping_version: str


def period_of(instant: int, minutes: int) -> tuple[int, int]:
    """Start of the period an instant lies in, and start of the next one.

    Periods are whole UTC hours, days or parts of an hour; an instant (0 minutes) is
    its own period.
    """
    if not minutes:
        return instant, instant
    length = minutes * MINUTE
    start = instant - instant % length
    return start, start + length


def observation_identifier(
    patient_id: str, device_id: str, type_name: str, start: int, end: int
) -> str:
    """MedTech's identifier of an Observation over [start, end), or at one instant.

    >>> hour = 1546300800000000
    >>> observation_identifier("p", "d", "hr", hour, hour + 3_600_000_000)
    'p.d.hr.20190101000000Z.20190101005959Z'
    """
    first = id_segment(start)
    last = first if end == start else id_segment(end - 1_000_000)
    return f"{patient_id}.{device_id}.{type_name}.{first}.{last}"


def observation_id(identifier: str) -> str:
    """The id of the Observation with an identifier: 64 hex digits."""
    return hashlib.sha256(f"{SERVICE}_{identifier}".encode()).hexdigest()


def code_concept(codings: Sequence[Coding], name: str) -> dict[str, Any]:
    """A code as MedTech builds it: text, the template's codings, its own coding."""
    return concept(name, (*codings, Coding(name, SERVICE, name)))


def _first(codings: Sequence[Coding]) -> tuple[str | None, str | None]:
    return (codings[0].system, codings[0].code) if codings else (None, None)


class _ValueMould:
    """The Observation's own value, or one component."""

    def __init__(self, value: FhirValue, codings: Sequence[Coding] | None) -> None:
        self.name = value.value_name
        self.render = renderer(value)
        self.unit = unit_of(value)
        self.is_component = codings is not None
        self.first = _first(codings or ())
        element = element_of(value)
        if self.is_component:
            code = to_json(code_concept(codings or (), self.name))
            self.open, self.close = f'{{"code":{code},"{element}":', "}"
        else:
            self.open, self.close = f',"{element}":', ""


class Mould:
    """Everything the Observations of one type have in common, as JSON text to fill.

    Text, because joining constant pieces costs a fifth of serialising a document of
    which nine tenths are the same each time.

    Args:
        template: the type's FHIR template.
        type_name: the type as the device mapping spells it.
        mapping_version: hash of the two mapping files.
    """

    def __init__(
        self, template: FhirTemplate, type_name: str, mapping_version: str
    ) -> None:
        self._minutes = template.period_minutes
        self._type = type_name
        self._version = mapping_version
        self._first = _first(template.codings)
        tag = {"system": MAPPING_VERSION, "code": mapping_version}
        self._to_identifier = (
            f'","meta":{to_json({"tag": [tag]})},'
            f'"identifier":[{{"system":{to_json(SERVICE)},"value":'
        )
        category = [concept(entry.text, entry.codings) for entry in template.category]
        categories = f'"category":{to_json(category)},' if category else ""
        code = to_json(code_concept(template.codings, type_name))
        self._to_subject = (
            f'}}],"status":"{STATUS}",{categories}"code":{code},'
            '"subject":{"reference":"Patient/'
        )
        own = [] if template.value is None else [_ValueMould(template.value, None)]
        parts = [_ValueMould(part.value, part.codings) for part in template.components]
        self._values = own + parts

    def fill(self, readings: list[Reading]) -> tuple[bytes, list[ValueRow]]:
        """Makes the Observation of one complete group.

        Args:
            readings: all readings of one Observation, in time order; at least one.

        Returns:
            The resource as JSON, and its rows for the table.
        """
        first = readings[0]
        start, end = period_of(first.occurred_at, self._minutes)
        issued = max(map(_ingestion, readings))
        encounter = _encounter(readings)
        head = self._head(first, start, end, encounter, issued)
        values, rows = self._fill_values(readings, start, end)
        until = start if end == start else end - 1
        common = (first.observation_id, first.patient_id, first.device_id, encounter)
        kind = (self._type, *self._first)
        effective = (STATUS, start, until)
        return f"{head}{values}}}".encode(), [
            ValueRow._make(
                (*common, *kind, *codes, *effective, *value, issued, self._version)
            )
            for codes, value in rows
        ]

    def _head(
        self, first: Reading, start: int, end: int, encounter: str | None, issued: int
    ) -> str:
        identifier = observation_identifier(
            first.patient_id, first.device_id, self._type, start, end
        )
        # The FHIR id is known to a server only: a logical reference loses nothing.
        visit = (
            ""
            if encounter is None
            else ',"encounter":{"type":"Encounter","identifier":{"value":'
            f"{to_json(encounter)}}}}}"
        )
        effective = (
            f'"effectiveDateTime":"{iso_instant(start, first.utc_offset_minutes)}"'
            if end == start
            else f'"effectivePeriod":{to_json(effective_period(start, end))}'
        )
        return (
            f'{{"resourceType":"Observation","id":"{first.observation_id}'
            f"{self._to_identifier}{to_json(identifier)}{self._to_subject}"
            f'{first.patient_id}"}},"device":{{"reference":"Device/{first.device_id}"}}'
            f'{visit},{effective},"issued":"{iso_instant(issued)}"'
        )

    def _fill_values(
        self, readings: list[Reading], start: int, end: int
    ) -> tuple[str, list[tuple[Any, ...]]]:
        own = ""
        components = []
        rows: list[tuple[Any, ...]] = []
        for mould in self._values:
            used = [r for r in readings if r.value_name == mould.name]
            if not used:
                continue
            if len(used) > 1:
                used = _one_per_instant(used)
            json, number, text = mould.render(used, start, end)
            filled = f"{mould.open}{json}{mould.close}"
            if mould.is_component:
                components.append(filled)
            else:
                own = filled
            rows.append((mould.first, (number, text, mould.unit, *_statistics(used))))
        if components:
            own += f',"component":[{",".join(components)}]'
        if not rows:
            nothing = (None, None, None, *_statistics(readings))
            rows.append(((None, None), nothing))
        return own, rows


def effective_period(start: int, end: int) -> dict[str, str]:
    """A period in MedTech's text: 7 digits, the end 100 ns before the next period."""
    return {
        "start": f"{iso_instant(start)[:-1]}.0000000Z",
        "end": f"{iso_instant(end - 1_000_000)[:-1]}.9999999Z",
    }


def _ingestion(reading: Reading) -> int:
    ingested = reading.ingested_at
    return reading.occurred_at if ingested is None else ingested


def _encounter(readings: list[Reading]) -> str | None:
    """The encounter of the reading ingested last among those that name one."""
    if len(readings) == 1:
        return readings[0].encounter_id
    named = [reading for reading in readings if reading.encounter_id is not None]
    if not named:
        return None
    return max(named, key=lambda r: (_ingestion(r), r.encounter_id)).encounter_id


def _one_per_instant(readings: list[Reading]) -> list[Reading]:
    """Readings that differ in encounter or correlation only: the last ingested one."""
    winners: dict[int, Reading] = {}
    for reading in readings:
        known = winners.get(reading.occurred_at)
        if known is None or _rank(reading) > _rank(known):
            winners[reading.occurred_at] = reading
    return list(winners.values())


def _rank(reading: Reading) -> tuple[int, str, str]:
    return _ingestion(reading), reading.value_text or "", reading.encounter_id or ""


def _statistics(
    readings: list[Reading],
) -> tuple[int, float | None, float | None, float | None]:
    if len(readings) == 1:
        return 1, (value := readings[0].value), value, value
    numbers = [reading.value for reading in readings if reading.value is not None]
    if not numbers:
        return len(readings), None, None, None
    mean = sum(numbers) / len(numbers)
    return len(readings), min(numbers), max(numbers), mean
